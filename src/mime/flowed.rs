//! A draft's text to lines for the wire and back: format=flowed (RFC 3676), so that paragraphs fit every screen, or
//! fixed where a patch must arrive as it is. A paragraph is one line of the draft; `>` at its start quotes it.

use unicode_width::UnicodeWidthChar;

/// Cells at which a long line is broken.
const WIDTH: usize = 72;
/// Cells up to which a line is left alone (RFC 3676 4.2).
const FITS: usize = 78;
/// The line before a signature (RFC 3676 4.3).
const SIGNATURE: &str = "-- ";

/// A text laid out for the wire.
#[derive(Debug, PartialEq, Eq)]
pub struct LaidOut {
    /// Lines end with CR LF.
    pub text: String,
    /// Sent as format=flowed.
    pub flowed: bool,
}

/// Lays out a draft's text. Blanks at line ends go, because in flowed text they mean something.
pub fn lay_out(text: &str) -> LaidOut {
    let lines = lines(text);
    let patch_from = patch_start(&lines);
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for (at, line) in lines.iter().enumerate() {
        match patch_from {
            Some(from) if at >= from => push_line(&mut out, &["", line]),
            Some(_) => push_fixed(&mut out, line),
            None => push_flowed(&mut out, line),
        }
    }
    LaidOut { text: out, flowed: patch_from.is_none() }
}

/// The text on CR LF lines and otherwise exactly as it is, for a copy that comes back.
pub fn exact(text: &str) -> String {
    lines(text).iter().fold(String::with_capacity(text.len() + 64), |mut out, line| {
        push_line(&mut out, &["", line]);
        out
    })
}

/// The lines of a text; the last one may lack its end.
fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    if lines.last().is_some_and(|last| last.is_empty()) {
        lines.pop();
    }
    lines
}

/// Where a patch begins: its lines must not be broken, and programs that apply it do not know of flowed text.
fn patch_start(lines: &[&str]) -> Option<usize> {
    lines.iter().enumerate().position(|(at, line)| {
        let next = lines.get(at + 1).copied().unwrap_or_default();
        line.starts_with("diff --git ")
            || (line.starts_with("@@ -") && line.get(4..).is_some_and(|rest| rest.contains(" @@")))
            || (line.starts_with("--- ") && next.starts_with("+++ "))
            || (line.starts_with("Index: ") && next.starts_with("====="))
    })
}

fn push_line(out: &mut String, pieces: &[&str]) {
    pieces.iter().for_each(|piece| out.push_str(piece));
    out.push_str("\r\n");
}

/// Quote marks and the rest of a line.
fn split_marks(line: &str) -> (&str, &str) {
    line.split_at(line.len() - line.trim_start_matches('>').len())
}

fn is_signature(rest: &str) -> bool {
    rest == SIGNATURE || rest.strip_prefix(' ') == Some(SIGNATURE)
}

fn push_flowed(out: &mut String, line: &str) {
    let (marks, rest) = split_marks(line);
    if is_signature(rest) && (marks.is_empty() == (rest == SIGNATURE)) {
        push_line(out, &[line]);
        return;
    }
    let rest = rest.trim_end_matches(' ');
    // the blank behind quote marks is the one that stuffing puts there (RFC 3676 4.4 and 4.5)
    let stuffing = |piece: &str| if marks.is_empty() && (piece.starts_with([' ', '>']) || piece.starts_with("From ")) { " " } else { "" };
    if width(marks) + width(rest) <= FITS {
        push_line(out, &[marks, stuffing(rest), rest]);
        return;
    }
    for (at, piece) in pieces(rest, WIDTH.saturating_sub(width(marks) + 1).max(WIDTH / 3)).into_iter().enumerate() {
        let stuffed = if at > 0 && !marks.is_empty() { " " } else { stuffing(piece) };
        push_line(out, &[marks, stuffed, piece]);
    }
}

/// Breaks for good, for text beside a patch.
fn push_fixed(out: &mut String, line: &str) {
    let (marks, rest) = split_marks(line);
    if line == SIGNATURE {
        push_line(out, &[line]);
        return;
    }
    let rest = rest.trim_end_matches(' ');
    if width(marks) + width(rest) <= FITS {
        push_line(out, &[marks, rest]);
        return;
    }
    for (at, piece) in pieces(rest, WIDTH.saturating_sub(width(marks) + 1).max(WIDTH / 3)).into_iter().enumerate() {
        let blank = if at > 0 && !marks.is_empty() { " " } else { "" };
        push_line(out, &[marks, blank, piece.trim_end_matches(' ')]);
    }
}

/// Cuts a paragraph behind blanks, so that each piece but the last ends with one; words are never cut.
fn pieces(text: &str, limit: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut used = 0;
    for (at, word) in words(text) {
        let cells = width(word);
        let piece = text.get(start..at).unwrap_or_default();
        // a piece that looks like the line before a signature would end the paragraph
        if used > 0 && used + cells > limit && !is_signature(piece) {
            out.push(piece);
            (start, used) = (at, 0);
        }
        used += cells;
    }
    out.extend(text.get(start..));
    out
}

/// Words with the blanks behind them, and where they begin. Blanks at the start belong to the first.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut in_word = false;
    let mut in_blanks = false;
    for (at, c) in text.char_indices() {
        if c == ' ' {
            in_blanks = in_word;
        } else {
            if in_blanks {
                out.push((start, text.get(start..at).unwrap_or_default()));
                start = at;
            }
            (in_word, in_blanks) = (true, false);
        }
    }
    out.push((start, text.get(start..).unwrap_or_default()));
    out
}

fn width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(|c| c.width().unwrap_or(0)).sum() }
}

/// Flowed text (the parameter DelSp as given) to a draft's: one line a paragraph.
pub fn to_draft(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // the marks of the paragraph that goes on
    let mut open: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (marks, rest) = split_marks(line);
        let body = rest.strip_prefix(' ').unwrap_or(rest);
        let flows = body.ends_with(' ') && body != SIGNATURE;
        let is_next = open == Some(marks) && body != SIGNATURE;
        if !is_next {
            if open.is_some() {
                out.push('\n');
            }
            out.push_str(marks);
        }
        let shown = if is_next || marks.is_empty() { body } else { rest };
        out.push_str(if flows && delete_space { shown.get(..shown.len() - 1).unwrap_or(shown) } else { shown });
        open = flows.then_some(marks);
        if !flows {
            out.push('\n');
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paragraphs_are_broken_softly_and_joined_again() {
        let long = "word ".repeat(40).trim_end().to_owned();
        for text in [
            long.clone(),
            format!("> {long}"),
            format!(">> {long}"),
            format!("  {long}"),
            format!(">{long}"),
            format!("a{}", "\u{e9} ".repeat(99)).trim_end().to_owned(),
        ] {
            let sent = lay_out(&format!("{text}\n"));
            assert!(sent.flowed);
            assert!(sent.text.split("\r\n").count() > 2, "{text}");
            assert!(sent.text.split("\r\n").all(|line| width(line) <= FITS), "{}", sent.text);
            assert_eq!(to_draft(&sent.text, false), format!("{text}\n"));
        }
    }

    #[test]
    fn lines_that_would_be_misread_are_stuffed() {
        for (line, expect) in [
            (" indented", "  indented\r\n"),
            ("From here", " From here\r\n"),
            ("> quoted", "> quoted\r\n"),
            (">quoted", ">quoted\r\n"),
            ("end   ", "end\r\n"),
            ("-- ", "-- \r\n"),
            ("> -- ", "> -- \r\n"),
            ("--", "--\r\n"),
            ("", "\r\n"),
            (">", ">\r\n"),
        ] {
            assert_eq!(lay_out(&format!("{line}\n")).text, expect, "{line:?}");
        }
    }

    #[test]
    fn patches_are_fixed_and_whole() {
        let long = "word ".repeat(40).trim_end().to_owned();
        let patch = format!("diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n context \n+{long}\n-- \n2.39\n");
        let sent = lay_out(&format!("{long}\n\n{patch}"));
        assert!(!sent.flowed);
        assert!(sent.text.ends_with(&patch.replace('\n', "\r\n")));
        assert!(sent.text.starts_with("word") && sent.text.split("\r\n").next().is_some_and(|line| line.len() <= WIDTH));
    }

    #[test]
    fn what_others_flow_is_read() {
        for (text, delete_space, expect) in [
            ("a \r\nb\r\nc\r\n", false, "a b\nc\n"),
            ("a \r\nb\r\n", true, "ab\n"),
            ("> a \r\n> b\r\nc", false, "> a b\nc\n"),
            (">a \r\n>b\r\n", false, ">a b\n"),
            ("> a \r\n>> b\r\n", false, "> a \n>> b\n"),
            ("a \r\n-- \r\nme\r\n", false, "a \n-- \nme\n"),
            ("  x\r\n From\r\n", false, " x\nFrom\n"),
            ("a ", false, "a \n"),
        ] {
            assert_eq!(to_draft(text, delete_space), expect, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn flowed_text_comes_back(lines in prop::collection::vec("(>{0,3})[ >]?((From )?[a-zé\u{4e00} -]{0,120}|-- )[a-z]?", 0..12)) {
            let text: String = lines.iter().map(|line| {
                let (marks, rest) = split_marks(line);
                let keep = is_signature(rest) && (marks.is_empty() == (rest == SIGNATURE));
                format!("{}\n", if keep { line.as_str() } else { line.trim_end_matches(' ') })
            }).collect();
            let sent = lay_out(&text);
            prop_assert!(sent.flowed);
            prop_assert_eq!(to_draft(&sent.text, false), text);
        }

        #[test]
        fn exact_text_comes_back(text in "[a \t\r>\u{e9}\n]{0,80}") {
            let text = text.replace('\r', "");
            let open = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            prop_assert_eq!(exact(&text).replace("\r\n", "\n"), format!("{text}{open}"));
        }
    }
}
