//! A line to type in and the entries that match it, best first: what help, the palette and all pickers share.

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::put;
use crate::ui::action::Action;
use crate::ui::folders::cursor_bar;
use crate::ui::format::width;
use crate::ui::model::Model;
use crate::ui::theme::{Theme, Token};

/// One entry; all its texts are clean.
#[derive(Clone, Debug)]
pub struct Choice<T> {
    /// Groups stay together, in order; their heading is drawn where it changes.
    pub group: &'static str,
    /// A key or a letter, in its own column.
    pub key: String,
    pub label: String,
    /// At the right.
    pub note: String,
    /// Searched besides the label.
    pub words: String,
    pub value: T,
}

/// Entries and what is typed.
#[derive(Clone, Debug)]
pub struct Choices<T> {
    pub line: Line,
    entries: Vec<Choice<T>>,
    shown: Vec<usize>,
    pub at: usize,
}

impl<T> Choices<T> {
    pub fn new(entries: Vec<Choice<T>>) -> Self {
        let shown = (0..entries.len()).collect();
        Self { line: Line::default(), entries, shown, at: 0 }
    }

    /// Filters by the line.
    pub fn filter(&mut self) {
        let text = self.line.text().to_owned();
        self.filter_by(&text);
    }

    /// Filters by a text; the best of each group first.
    pub fn filter_by(&mut self, text: &str) {
        self.at = 0;
        if text.trim().is_empty() {
            self.shown = (0..self.entries.len()).collect();
            return;
        }
        let pattern = Pattern::new(text, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut groups: Vec<&str> = Vec::new();
        let mut scored = Vec::new();
        for (n, entry) in self.entries.iter().enumerate() {
            if !groups.contains(&entry.group) {
                groups.push(entry.group);
            }
            let group = groups.iter().position(|known| *known == entry.group).unwrap_or(0);
            let label = pattern.score(Utf32Str::new(&entry.label, &mut buffer), &mut matcher).map(|score| score + 40);
            let words = pattern.score(Utf32Str::new(&entry.words, &mut buffer), &mut matcher);
            if let Some(score) = label.max(words) {
                scored.push((group, std::cmp::Reverse(score), n));
            }
        }
        scored.sort_unstable();
        self.shown = scored.into_iter().map(|(.., n)| n).collect();
    }

    /// The entry under the cursor.
    pub fn chosen(&self) -> Option<&Choice<T>> {
        self.entries.get(*self.shown.get(self.at)?)
    }

    pub fn entries(&self) -> &[Choice<T>] {
        &self.entries
    }

    /// Moves for the keys of pickers; false for any other action.
    pub fn step(&mut self, action: Action) -> bool {
        let last = self.shown.len().saturating_sub(1);
        self.at = match action {
            Action::PickNext if self.at == last => 0,
            Action::PickNext => self.at + 1,
            Action::PickPrevious if self.at == 0 => last,
            Action::PickPrevious => self.at - 1,
            _ => return false,
        };
        true
    }

    /// Draws the line and the entries around the cursor; gives the line's cursor.
    pub fn draw(&self, model: &Model, theme: &Theme, place: Rect, empty: &str, buf: &mut Buffer) -> Option<(u16, u16)> {
        if place.height == 0 {
            return None;
        }
        put(buf, place.x, place.y, "> ", 2, theme.style(Token::Accent));
        let cursor = self.line.draw(buf, place.x + 2, place.y, usize::from(place.width.saturating_sub(2)), theme);
        let list = Rect { y: place.y + 1, height: place.height - 1, ..place };
        if self.shown.is_empty() {
            put(
                buf,
                list.x + 2,
                list.y,
                if list.height > 0 { empty } else { "" },
                usize::from(list.width.saturating_sub(2)),
                theme.style(Token::Dim),
            );
        }
        let rows = self.rows();
        let cursor_row = rows.iter().position(|row| *row == Drawn::Entry(self.at)).unwrap_or(0);
        let height = usize::from(list.height);
        let top = (cursor_row + 1).saturating_sub(height);
        for (y, row) in (list.y..list.bottom()).zip(rows.iter().skip(top)) {
            match row {
                Drawn::Blank => {}
                Drawn::Group(name) => {
                    put(buf, list.x + 2, y, name, usize::from(list.width.saturating_sub(2)), theme.style(Token::Dim));
                }
                Drawn::Entry(n) => self.draw_entry(model, theme, *n, Rect { y, height: 1, ..list }, buf),
            }
        }
        Some(cursor)
    }

    fn rows(&self) -> Vec<Drawn> {
        let mut rows = Vec::new();
        let mut group = "";
        for (n, at) in self.shown.iter().enumerate() {
            let Some(entry) = self.entries.get(*at) else { continue };
            if entry.group != group {
                if !rows.is_empty() {
                    rows.push(Drawn::Blank);
                }
                group = entry.group;
                rows.push(Drawn::Group(group));
            }
            rows.push(Drawn::Entry(n));
        }
        rows
    }

    fn draw_entry(&self, model: &Model, theme: &Theme, n: usize, line: Rect, buf: &mut Buffer) {
        let Some(entry) = self.shown.get(n).and_then(|at| self.entries.get(*at)) else { return };
        let room = usize::from(line.width);
        if n == self.at {
            put(buf, line.x, line.y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
        }
        let key_column = self.entries.iter().map(|entry| width(&entry.key)).max().unwrap_or(0).min(10);
        put(buf, line.x + 2, line.y, &entry.key, key_column, theme.style(Token::Key));
        let at = 2 + if key_column > 0 { key_column + 2 } else { 0 };
        let note = width(&entry.note).min(room / 2);
        let label_room = room.saturating_sub(at + note + 1);
        put(buf, line.x + at.min(room) as u16, line.y, &entry.label, label_room, theme.style(Token::Text));
        put(buf, line.right().saturating_sub(note as u16), line.y, &entry.note, note, theme.style(Token::Dim));
        if n == self.at {
            buf.set_style(Rect { width: line.width, ..line }.intersection(buf.area), theme.style(Token::Selected));
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drawn {
    Blank,
    Group(&'static str),
    Entry(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(label: &str) -> Choice<u8> {
        Choice { group: "", key: String::new(), label: label.into(), note: String::new(), words: String::new(), value: 0 }
    }

    #[test]
    fn fuzzy_matches_come_best_first_and_nothing_is_chosen_without_one() {
        let mut it = Choices::new(vec![choice("Lists/rust-users"), choice("Archive"), choice("Trash")]);
        it.line.set("rus");
        it.filter();
        assert_eq!(it.chosen().map(|c| c.label.as_str()), Some("Lists/rust-users"));
        it.line.set("zzz");
        it.filter();
        assert!(it.chosen().is_none());
        it.step(Action::PickNext);
        assert!(it.chosen().is_none());
    }
}
