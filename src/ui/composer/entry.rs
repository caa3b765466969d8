//! One header field being typed: a line with the keys that shells have, and its own undo.

use crate::ui::input::{Code, Key};
use crate::ui::overlay::line::Line;

/// Addresses of everybody at a conference fit.
const LONGEST: usize = 64 * 1024;
const HISTORY: usize = 200;

/// The line and what it was before.
#[derive(Clone, Debug)]
pub struct Entry {
    pub line: Line,
    before: Vec<Line>,
    after: Vec<Line>,
    /// A word is being typed: its letters are taken back together.
    in_word: bool,
}

impl Entry {
    pub fn new(text: &str) -> Self {
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { line: Line::new(clean).at_most(LONGEST), before: Vec::new(), after: Vec::new(), in_word: false }
    }

    pub fn text(&self) -> &str {
        self.line.text()
    }

    /// Takes a key; true where the text changed.
    pub fn key(&mut self, key: Key) -> bool {
        let old = self.line.clone();
        if !self.line.key(key) {
            self.in_word = false;
            return false;
        }
        let letter = matches!(key, Key { code: Code::Char(c), ctrl: false, alt: false, .. } if c != ' ' && c != ',');
        if !(letter && self.in_word) {
            self.keep(old);
        }
        self.in_word = letter;
        self.after.clear();
        true
    }

    /// Puts a pasted text in.
    pub fn paste(&mut self, text: &str) {
        let old = self.line.clone();
        self.line.insert(text);
        self.changed(old);
    }

    /// Puts another text in its place, with the cursor at that byte.
    pub fn set(&mut self, text: String, at: usize) {
        let old = self.line.clone();
        self.line.set(text);
        self.line.go(at);
        self.changed(old);
    }

    fn changed(&mut self, old: Line) {
        if old.text() != self.line.text() {
            self.keep(old);
            self.after.clear();
        }
        self.in_word = false;
    }

    fn keep(&mut self, old: Line) {
        if self.before.len() >= HISTORY {
            self.before.remove(0);
        }
        self.before.push(old);
    }

    pub fn undo(&mut self) -> bool {
        self.in_word = false;
        let Some(before) = self.before.pop() else { return false };
        self.after.push(std::mem::replace(&mut self.line, before));
        true
    }

    pub fn redo(&mut self) -> bool {
        self.in_word = false;
        let Some(after) = self.after.pop() else { return false };
        self.before.push(std::mem::replace(&mut self.line, after));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undo_goes_by_words() {
        let mut entry = Entry::new("");
        for c in "Plan for Friday".chars() {
            entry.key(Key::char(c));
        }
        let mut seen = Vec::new();
        while entry.undo() {
            seen.push(entry.text().to_owned());
        }
        assert_eq!(seen, ["Plan for ", "Plan for", "Plan ", "Plan", ""]);
        while entry.redo() {}
        assert_eq!(entry.text(), "Plan for Friday");
    }

    #[test]
    fn controls_never_get_into_a_field() {
        let mut entry = Entry::new("a\r\nBcc: x");
        assert_eq!(entry.text(), "a  Bcc: x");
        entry.paste("\x1b[31m\n");
        assert!(!entry.text().chars().any(char::is_control));
    }
}
