//! Clean text with meanings to lines of a width: by graphemes and cells, breaking at blanks and between
//! wide characters. Knows nothing of mail.

use crate::mail::DisplayText;
use crate::mail::page::{Line, Meaning, Span};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Secondary text: signatures, attributions, numbers of links.
pub const DIM: Meaning = Meaning {
    dim: true,
    strong: false,
    emphasis: false,
    code: false,
    link: false,
    heading: false,
    struck: false,
    warning: false,
    added: false,
    removed: false,
};

/// Text that belongs together until it is wrapped. Made of cleaned pieces only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paragraph {
    text: String,
    /// Where each run of one meaning ends in `text`.
    runs: Vec<(usize, Meaning)>,
    pub quote: u8,
    /// Break only at the width, as source code and patches want it.
    pub preformatted: bool,
}

impl Paragraph {
    pub fn new(quote: u8) -> Self {
        Self { quote, ..Self::default() }
    }

    /// A paragraph of one meaning.
    pub fn of(text: &str, meaning: Meaning) -> Self {
        let mut made = Self::default();
        made.push(text, meaning);
        made
    }

    /// Appends `text`, cleaned.
    pub fn push(&mut self, text: &str, meaning: Meaning) {
        if text.is_empty() {
            return;
        }
        self.text.push_str(DisplayText::new(text).as_str());
        match self.runs.last_mut() {
            Some((end, last)) if *last == meaning => *end = self.text.len(),
            _ => self.runs.push((self.text.len(), meaning)),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// Appends the lines of this paragraph for `width` cells, quote marks included in the width.
    pub fn wrap(&self, width: usize, out: &mut Vec<Line>) {
        let width = text_width(width, self.quote);
        let text = self.text.trim_end_matches(' ');
        if text.len() <= width && text.is_ascii() {
            out.push(self.line(0, text.len(), 0));
            return;
        }
        let hang = if self.preformatted { 0 } else { hanging_indent(text, width) };
        let mut breaker = Breaker { width, hang, preformatted: self.preformatted, lines: Vec::new() };
        breaker.run(text);
        for (at, (start, end)) in breaker.lines.iter().enumerate() {
            out.push(self.line(*start, *end, if at == 0 { 0 } else { hang }));
        }
    }

    fn line(&self, start: usize, end: usize, indent: usize) -> Line {
        let mut spans = Vec::new();
        if indent > 0 {
            spans.push(Span { text: DisplayText::new(&" ".repeat(indent)), meaning: Meaning::default() });
        }
        let first = self.runs.partition_point(|(run_end, _)| *run_end <= start);
        let mut at = start;
        for (run_end, meaning) in self.runs.get(first..).unwrap_or_default() {
            let stop = end.min(*run_end);
            if let Some(text) = self.text.get(at..stop).filter(|text| !text.is_empty()) {
                spans.push(Span { text: DisplayText::new(text), meaning: *meaning });
            }
            at = stop.max(at);
            if at >= end {
                break;
            }
        }
        Line { spans, quote: self.quote, ..Line::default() }
    }
}

/// Cells that are left for text beside the marks of a quote level (two each, at most half the width).
pub fn text_width(width: usize, quote: u8) -> usize {
    width.saturating_sub(2 * usize::from(quote)).max(width / 2).max(2)
}

/// Later lines of an indented or listed paragraph stand under its text.
fn hanging_indent(text: &str, width: usize) -> usize {
    let body = text.trim_start_matches(' ');
    let indent = text.len() - body.len();
    let digits = body.bytes().take_while(u8::is_ascii_digit).count();
    let marker = match body.as_bytes().get(digits..) {
        Some([b'-' | b'*' | b'+', b' ', ..]) if digits == 0 => 2,
        Some([b'.' | b')', b' ', ..]) if (1..=3).contains(&digits) => digits + 2,
        _ => 0,
    };
    let hang = indent + marker;
    if hang <= width / 3 { hang } else { 0 }
}

struct Breaker {
    width: usize,
    hang: usize,
    preformatted: bool,
    /// Byte ranges, blanks at the line ends left out.
    lines: Vec<(usize, usize)>,
}

impl Breaker {
    fn run(&mut self, text: &str) {
        let mut start = 0;
        let mut used = 0;
        // the last place to break at, and the cells used up to it
        let mut chance: Option<(usize, usize)> = None;
        let mut before = "";
        for (at, grapheme) in text.grapheme_indices(true) {
            let cells = grapheme.width();
            if at > start && may_break(before, grapheme) {
                chance = Some((at, used));
            }
            while used + cells > self.room() && at > start && (self.preformatted || grapheme != " ") {
                let (cut, cut_used) = match chance {
                    Some(chance) if !self.preformatted => chance,
                    _ => (at, used),
                };
                self.end_line(text, start, cut);
                (start, used) = (cut, used - cut_used);
                chance = None;
            }
            used += cells;
            before = grapheme;
        }
        self.end_line(text, start, text.len());
    }

    /// Cells of the line that is being filled.
    fn room(&self) -> usize {
        if self.lines.is_empty() { self.width } else { self.width - self.hang }
    }

    fn end_line(&mut self, text: &str, start: usize, end: usize) {
        let line = text.get(start..end).unwrap_or_default();
        let line = if self.preformatted { line } else { line.trim_end_matches(' ') };
        self.lines.push((start, start + line.len()));
    }
}

fn may_break(before: &str, next: &str) -> bool {
    if before == " " {
        return next != " ";
    }
    if before.is_ascii() && next.is_ascii() {
        return false;
    }
    (before.width() == 2 || next.width() == 2) && !clings_left(next) && !clings_right(before) && before != "\u{a0}" && next != "\u{a0}"
}

/// Characters that do not begin a line (closing marks, small kana would be too much).
fn clings_left(grapheme: &str) -> bool {
    grapheme.chars().next().is_some_and(|c| "、。，．！？：；）］｝」』】〉》〕〗〙〛〟»・ー々ゝゞヽヾ％～〜…‥,.!?:;)]}%’”".contains(c))
}

/// Characters that do not end a line (opening marks).
fn clings_right(grapheme: &str) -> bool {
    grapheme.chars().next().is_some_and(|c| "（［｛「『【〈《〔〖〘〚〝«([{‘“".contains(c))
}

/// Tabs to blanks, to the next multiple of eight cells.
pub fn expand_tabs(line: &str) -> std::borrow::Cow<'_, str> {
    if !line.contains('\t') {
        return line.into();
    }
    let mut out = String::with_capacity(line.len() + 16);
    let mut column = 0;
    for piece in line.split_inclusive('\t') {
        let text = piece.strip_suffix('\t').unwrap_or(piece);
        out.push_str(text);
        column += text.width();
        if text.len() < piece.len() {
            let blanks = 8 - column % 8;
            out.extend(std::iter::repeat_n(' ', blanks));
            column += blanks;
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, width: usize) -> Vec<String> {
        let mut lines = Vec::new();
        Paragraph::of(text, Meaning::default()).wrap(width, &mut lines);
        lines.iter().map(Line::text).collect()
    }

    #[test]
    fn breaks_at_blanks_and_between_wide_characters() {
        for (text, width, expect) in [
            ("one two three", 8, vec!["one two", "three"]),
            ("one", 8, vec!["one"]),
            ("", 8, vec![""]),
            ("abcdefghijkl", 5, vec!["abcde", "fghij", "kl"]),
            ("a abcdefghijkl", 5, vec!["a", "abcde", "fghij", "kl"]),
            ("日本語の文章です。", 8, vec!["日本語の", "文章で", "す。"]),
            ("日本語〔文〕我々の。", 8, vec!["日本語", "〔文〕", "我々の。"]),
            ("한국어 문장입니다", 8, vec!["한국어", "문장입니", "다"]),
            ("- one two three", 9, vec!["- one two", "  three"]),
            ("  ab cd ef gh", 7, vec!["  ab cd", "  ef gh"]),
            ("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 4, vec!["👩‍👩‍👧👩‍👩‍👧", "👩‍👩‍👧"]),
        ] {
            assert_eq!(wrapped(text, width), expect, "{text}");
        }
    }

    #[test]
    fn blanks_of_source_code_are_no_wider_than_the_line() {
        let mut paragraph = Paragraph::of("abcde     f", Meaning::default());
        paragraph.preformatted = true;
        let mut lines = Vec::new();
        paragraph.wrap(5, &mut lines);
        let texts: Vec<&str> = lines.iter().map(|line| line.spans[0].text.as_str()).collect();
        assert_eq!(texts, ["abcde", "     ", "f"]);
    }

    #[test]
    fn meanings_survive_wrapping() {
        let link = Meaning { link: true, ..Meaning::default() };
        let mut paragraph = Paragraph::new(0);
        paragraph.push("go to ", Meaning::default());
        paragraph.push("https://a.example/long", link);
        let mut lines = Vec::new();
        paragraph.wrap(12, &mut lines);
        assert_eq!(lines.len(), 3);
        assert!(lines[1].spans.iter().all(|span| span.meaning.link));
    }

    #[test]
    fn tabs_reach_the_next_stop() {
        assert_eq!(expand_tabs("a\tb\t\tc"), "a       b               c");
    }
}
