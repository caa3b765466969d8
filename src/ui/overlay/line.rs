//! One line of text being typed, with the keys that shells have. Pasted line ends become spaces.

use ratatui::buffer::Buffer;
use unicode_segmentation::UnicodeSegmentation;

use super::put;
use crate::mail::DisplayText;
use crate::ui::format::width;
use crate::ui::input::{Code, Key};
use crate::ui::theme::{Theme, Token};

/// Longest line; more is not taken.
const LONGEST: usize = 2000;

/// Text and the place in it, in bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Line {
    text: String,
    at: usize,
    longest: usize,
    /// Shown as dots.
    pub secret: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { text: String::new(), at: 0, longest: LONGEST, secret: false }
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.secret { "[secret]" } else { &self.text })
    }
}

impl Line {
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { at: text.len(), text, ..Self::default() }
    }

    /// The same with another greatest length in bytes.
    pub fn at_most(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    pub fn secret() -> Self {
        Self { secret: true, ..Self::default() }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn set(&mut self, text: impl Into<String>) {
        self.text = text.into();
        self.at = self.text.len();
    }

    /// Byte of the cursor.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Puts the cursor at a byte, or before the character that it is in.
    pub fn go(&mut self, at: usize) {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        self.at = at;
    }

    fn split(&self) -> (&str, &str) {
        (self.text.get(..self.at).unwrap_or_default(), self.text.get(self.at..).unwrap_or_default())
    }

    fn previous(&self) -> usize {
        self.split().0.grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn next(&self) -> usize {
        self.at + self.split().1.graphemes(true).next().map_or(0, str::len)
    }

    fn word_left(&self) -> usize {
        let trimmed = self.split().0.trim_end();
        trimmed.rfind(char::is_whitespace).map_or(0, |at| at + trimmed[at..].chars().next().map_or(1, char::len_utf8))
    }

    fn word_right(&self) -> usize {
        let rest = self.split().1;
        let start = rest.len() - rest.trim_start().len();
        let word = rest.trim_start();
        self.at + start + word.find(char::is_whitespace).unwrap_or(word.len())
    }

    fn cut_to(&mut self, to: usize) {
        let range = to.min(self.at)..to.max(self.at);
        self.at = range.start;
        self.text.replace_range(range, "");
    }

    /// Inserts typed or pasted text.
    pub fn insert(&mut self, text: &str) {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if self.text.len() + clean.len() <= self.longest {
            self.text.insert_str(self.at, &clean);
            self.at += clean.len();
        }
    }

    /// Takes an editing key; true where the text changed.
    pub fn key(&mut self, key: Key) -> bool {
        let old = self.text.len();
        match key {
            Key { code: Code::Char(c), ctrl: false, alt: false, .. } => {
                self.insert(c.encode_utf8(&mut [0; 4]));
                return true;
            }
            Key { code: Code::Backspace, alt: false, .. } | Key { code: Code::Char('h'), ctrl: true, .. } => self.cut_to(self.previous()),
            Key { code: Code::Delete, .. } | Key { code: Code::Char('d'), ctrl: true, .. } => self.cut_to(self.next()),
            Key { code: Code::Char('w'), ctrl: true, .. } | Key { code: Code::Backspace, alt: true, .. } => self.cut_to(self.word_left()),
            Key { code: Code::Char('d'), alt: true, .. } => self.cut_to(self.word_right()),
            Key { code: Code::Char('u'), ctrl: true, .. } => self.cut_to(0),
            Key { code: Code::Char('k'), ctrl: true, .. } => self.cut_to(self.text.len()),
            Key { code: Code::Left, ctrl: true, .. } | Key { code: Code::Char('b'), alt: true, .. } => self.at = self.word_left(),
            Key { code: Code::Right, ctrl: true, .. } | Key { code: Code::Char('f'), alt: true, .. } => self.at = self.word_right(),
            Key { code: Code::Left, .. } | Key { code: Code::Char('b'), ctrl: true, .. } => self.at = self.previous(),
            Key { code: Code::Right, .. } | Key { code: Code::Char('f'), ctrl: true, .. } => self.at = self.next(),
            Key { code: Code::Home, .. } | Key { code: Code::Char('a'), ctrl: true, .. } => self.at = 0,
            Key { code: Code::End, .. } | Key { code: Code::Char('e'), ctrl: true, .. } => self.at = self.text.len(),
            _ => {}
        }
        self.text.len() != old
    }

    /// Draws it, scrolled so that the cursor is in view; gives the cursor's place.
    pub fn draw(&self, buf: &mut Buffer, x: u16, y: u16, room: usize, theme: &Theme) -> (u16, u16) {
        let (left, right) = self.split();
        let shown =
            |text: &str| if self.secret { "•".repeat(text.graphemes(true).count()) } else { DisplayText::new(text).into_string() };
        let (mut left, right) = (shown(left), shown(right));
        while width(&left) + 1 > room.max(1) {
            let Some(first) = left.graphemes(true).next().map(str::len) else { break };
            left.replace_range(..first, "");
        }
        let used = put(buf, x, y, &left, room, theme.style(Token::Text));
        put(buf, x + used, y, &right, room.saturating_sub(usize::from(used)), theme.style(Token::Text));
        (x + used, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &mut Line, text: &str) {
        for c in text.chars() {
            line.key(Key::char(c));
        }
    }

    #[test]
    fn a_line_edits_by_grapheme_and_word() {
        let mut line = Line::default();
        typed(&mut line, "from:ada e\u{301}x");
        line.key(Key::plain(Code::Backspace));
        line.key(Key::plain(Code::Backspace));
        assert_eq!(line.text(), "from:ada ");
        line.key(Key::ctrl('w'));
        assert_eq!(line.text(), "");
        typed(&mut line, "ab");
        line.key(Key::plain(Code::Home));
        typed(&mut line, "x");
        line.key(Key::ctrl('k'));
        assert_eq!(line.text(), "x");
    }

    #[test]
    fn pasted_line_ends_and_controls_become_spaces() {
        let mut line = Line::default();
        line.insert("a\r\nb\x1bc");
        assert_eq!(line.text(), "a  b c");
    }

    #[test]
    fn a_secret_is_never_in_debug() {
        let mut line = Line::secret();
        typed(&mut line, "hunter2");
        assert!(!format!("{line:?}").contains("hunter2"));
    }
}
