//! stdout is data, stderr is talk. Output is collected and written once; a reader that went away (`| head`)
//! is no error. Foreign text for people goes through [`DisplayText`]; JSON escapes it.

use std::io::{ErrorKind, Write};

use serde_json::{Map, Value};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::exit::{Failure, IO};
use crate::mail::DisplayText;

/// The version in every JSON object; it changes when a field changes its meaning or goes.
pub const VERSION: u64 = 1;

/// Writes to stdout.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(IO, format!("writing to stdout: {error}"))),
        _ => Ok(()),
    }
}

/// Writes a line of talk to stderr.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "postrider: {text}");
}

/// Writes one JSON object with its `version`, controls escaped so that it is safe on a terminal too.
pub fn json(fields: Value) -> Result<(), Failure> {
    let mut object = Map::from_iter([("version".to_owned(), VERSION.into())]);
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    print(format!("{}\n", escape(&Value::Object(object).to_string())).as_bytes())
}

/// serde escapes C0 controls; others act on terminals as well, or hide, or flood a cell.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    for c in text.chars() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        if DisplayText::keeps(c) && marks <= DisplayText::MAX_MARKS {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

/// Columns of stdout where it is a terminal.
pub fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// `text`, cleaned, in exactly `width` cells: cut with an ellipsis or filled up.
pub fn cell(text: &str, width: usize) -> String {
    let clean = DisplayText::new(text).into_string();
    let mut used = clean.width();
    if used <= width {
        return clean + &" ".repeat(width - used);
    }
    let mut cut = String::new();
    used = 0;
    for grapheme in clean.graphemes(true) {
        if used + grapheme.width() + 1 > width {
            break;
        }
        used += grapheme.width();
        cut.push_str(grapheme);
    }
    if width > 0 {
        cut.push('…');
        used += 1;
    }
    cut + &" ".repeat(width.saturating_sub(used))
}

/// Rows in columns as wide as they need, the last one as it is.
pub fn table(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let clean: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|text| DisplayText::new(text).into_string()).collect()).collect();
    let widths: Vec<usize> =
        (0..count).map(|at| clean.iter().filter_map(|row| row.get(at)).map(|text| text.width()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &clean {
        let line: Vec<String> = row.iter().zip(&widths).map(|(text, width)| cell(text, *width)).collect();
        out.push_str(line.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_their_width_whatever_is_in_them() {
        for text in ["", "short", "a long subject indeed", "午餐计划 — 星期五", "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", "a\x1b[31mb"]
        {
            for width in [0, 1, 2, 7, 12] {
                assert_eq!(cell(text, width).width(), width, "{text:?} in {width}");
            }
        }
    }

    #[test]
    fn json_holds_no_control_character() {
        let text = escape(&serde_json::json!({"a": "\u{1b}[31m\u{9b}\u{202e}\u{7f}\u{61c}\u{e0041}"}).to_string());
        assert!(!text.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{61c}' | '\u{e0041}')), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["a"], "\u{1b}[31m\u{9b}\u{202e}\u{7f}\u{61c}\u{e0041}");
    }
}
