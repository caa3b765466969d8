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

/// Cells from an entry's label to the words about it.
const ABOUT: usize = 20;

/// Boxes narrower than this have room for short notes only.
const NARROW: usize = 50;
const SHORT: usize = 8;

/// One entry; all its texts are clean.
#[derive(Clone, Debug)]
pub struct Choice<T> {
    /// Groups stay together, in order; their heading is drawn where it changes.
    pub group: &'static str,
    /// A key or a letter, in its own column.
    pub key: String,
    pub label: String,
    /// A few words about it, dim, in a column after the label.
    pub about: String,
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

    /// Filters by a text: what starts with it, then what has it in a word, then what has it anywhere; letters
    /// apart from each other count only where nothing else is found. Groups stay together, the best first.
    pub fn filter_by(&mut self, text: &str) {
        self.at = 0;
        if text.trim().is_empty() {
            self.shown = (0..self.entries.len()).collect();
            return;
        }
        let mut found = self.literal(text);
        if found.is_empty() {
            found = self.fuzzy(text);
        }
        let best = |group: &str| found.iter().filter(|(of, ..)| *of == group).map(|(_, rank, _)| *rank).min();
        let mut order: Vec<_> = found.iter().map(|(group, rank, n)| (best(group), *group, *rank, *n)).collect();
        order.sort_by_key(|(best, group, rank, n)| (*best, self.first_of(group), *rank, *n));
        self.shown = order.into_iter().map(|(.., n)| n).collect();
    }

    fn first_of(&self, group: &str) -> Option<usize> {
        self.entries.iter().position(|entry| entry.group == group)
    }

    /// Group, rank (less is better) and place of the entries that hold every word that is typed.
    fn literal(&self, text: &str) -> Vec<(&'static str, u32, usize)> {
        let typed = text.trim().to_lowercase();
        let rank = |entry: &Choice<T>| {
            let (label, words) = (entry.label.to_lowercase(), entry.words.to_lowercase());
            let whole =
                [label == typed, words.split_whitespace().next() == Some(&typed), label.starts_with(&typed), words.starts_with(&typed)];
            if let Some(rank) = (0u32..).zip(whole).find_map(|(rank, holds)| holds.then_some(rank)) {
                return Some(rank);
            }
            typed.split_whitespace().map(|word| in_words(&words, word).min(in_words(&label, word))).max().filter(|rank| *rank < MISSING)
        };
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(n, entry)| Some((entry.group, rank(entry)?, n))).collect()
    }

    fn fuzzy(&self, text: &str) -> Vec<(&'static str, u32, usize)> {
        let pattern = Pattern::new(text, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut score = |text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
        let entries = self.entries.iter().enumerate();
        let scored = entries.filter_map(|(n, entry)| {
            let label = score(&entry.label).map(|score| score + 40);
            label.max(score(&entry.words)).map(|score| (entry.group, u32::MAX - score, n))
        });
        scored.collect()
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
        // In a narrow box the label comes before a long note.
        let note = if room < NARROW && width(&entry.note) > SHORT { 0 } else { width(&entry.note).min(room / 2) };
        let label_room = room.saturating_sub(at + note + 1);
        put(buf, line.x + at.min(room) as u16, line.y, &entry.label, label_room, theme.style(Token::Text));
        let about = at + ABOUT.max(width(&entry.label) + 2);
        put(buf, line.x + about.min(room) as u16, line.y, &entry.about, room.saturating_sub(about + note + 1), theme.style(Token::Dim));
        put(buf, line.right().saturating_sub(note as u16), line.y, &entry.note, note, theme.style(Token::Dim));
        if n == self.at {
            buf.set_style(Rect { width: line.width, ..line }.intersection(buf.area), theme.style(Token::Selected));
        }
    }
}

/// Rank of a word that is not there.
const MISSING: u32 = 6;

/// Rank of one typed word: 4 where a word of the text starts with it, 5 where it is inside one.
fn in_words(text: &str, typed: &str) -> u32 {
    let starts = |at: usize| !text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(char::is_alphanumeric);
    if text.match_indices(typed).any(|(at, _)| starts(at)) {
        4
    } else if text.contains(typed) {
        5
    } else {
        MISSING
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
        Choice {
            group: "",
            key: String::new(),
            label: label.into(),
            about: String::new(),
            note: String::new(),
            words: String::new(),
            value: 0,
        }
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

    fn found(it: &mut Choices<u8>, text: &str) -> Vec<String> {
        it.filter_by(text);
        it.shown.iter().map(|n| it.entries[*n].label.clone()).collect()
    }

    #[test]
    fn what_holds_the_word_comes_first_and_scattered_letters_only_without_it() {
        let of = |group, label: &str, words: &str| Choice { group, words: words.into(), ..choice(label) };
        let mut it = Choices::new(vec![
            of("here", "Reads the whole mail again on a disk", "read"),
            of("here", "Undoes, or with a count redoes nothing", "undo"),
            of("everywhere", "Does again what undo took back", "redo again"),
        ]);
        assert_eq!(found(&mut it, "redo"), ["Does again what undo took back", "Undoes, or with a count redoes nothing"]);
        assert_eq!(found(&mut it, "again undo"), ["Does again what undo took back"]);
        assert_eq!(found(&mut it, "rdo").len(), 3);
        assert_eq!(found(&mut it, "").len(), 3);
    }
}
