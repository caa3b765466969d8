//! Lines of text, changed one range at a time, and the history of that: undo by words. Knows no screen and no keys;
//! every change costs as much as the lines it touches, however long the text is.

use std::collections::VecDeque;

/// Groups of changes that can be taken back.
const HISTORY: usize = 5_000;

/// A place: line and character.
pub type Place = (usize, usize);

/// How a change came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Letters,
    /// Blanks after letters belong to them; letters after blanks are new.
    Blanks,
    Erased,
    /// Stands alone: a line end, a paste, a word or line taken out.
    Whole,
}

impl Kind {
    /// Is taken back together with what came before.
    fn joins(self, last: Self) -> bool {
        match self {
            Self::Letters => last == Self::Letters,
            Self::Blanks => matches!(last, Self::Letters | Self::Blanks),
            Self::Erased => last == Self::Erased,
            Self::Whole => false,
        }
    }
}

/// What stood at `start`, and what stands there since.
#[derive(Clone, Debug)]
struct Edit {
    start: Place,
    removed: String,
    inserted: String,
    /// The cursor before.
    was_at: Place,
}

/// Changes that are taken back together.
#[derive(Clone, Debug)]
struct Group {
    kind: Kind,
    edits: Vec<Edit>,
}

/// The lines, never none, and their history.
#[derive(Clone, Debug)]
pub struct Buffer {
    lines: Vec<String>,
    done: VecDeque<Group>,
    undone: Vec<Group>,
    /// The next change starts a group of its own.
    apart: bool,
}

impl Buffer {
    /// `text` with "\n" between the lines.
    pub fn new(text: &str) -> Self {
        let lines = text.split('\n').map(str::to_owned).collect();
        Self { lines, done: VecDeque::new(), undone: Vec::new(), apart: true }
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    pub fn line(&self, row: usize) -> &str {
        self.lines.get(row).map_or("", String::as_str)
    }

    /// Characters of a line.
    pub fn length(&self, row: usize) -> usize {
        self.line(row).chars().count()
    }

    pub fn last_row(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }

    pub fn end(&self) -> Place {
        (self.last_row(), self.length(self.last_row()))
    }

    /// The place itself, or the nearest there is.
    pub fn nearest(&self, (row, column): Place) -> Place {
        let row = row.min(self.last_row());
        (row, column.min(self.length(row)))
    }

    pub fn between(&self, start: Place, end: Place) -> String {
        let mut text = String::new();
        for row in start.0..=end.0.min(self.last_row()) {
            let line = self.line(row);
            let from = if row == start.0 { byte_at(line, start.1) } else { 0 };
            let to = if row == end.0 { byte_at(line, end.1) } else { line.len() };
            text.push_str(line.get(from..to).unwrap_or_default());
            if row != end.0 {
                text.push('\n');
            }
        }
        text
    }

    /// The next change is taken back by itself.
    pub fn part(&mut self) {
        self.apart = true;
    }

    /// Puts a text in the place of a range; gives the place behind it. `at` is the cursor before.
    pub fn replace(&mut self, start: Place, end: Place, with: &str, kind: Kind, at: Place) -> Place {
        let edit = Edit { start, removed: self.between(start, end), inserted: with.to_owned(), was_at: at };
        if edit.removed.is_empty() && edit.inserted.is_empty() {
            return start;
        }
        let behind = self.swap(start, end, with);
        self.undone.clear();
        let apart = std::mem::replace(&mut self.apart, kind == Kind::Whole);
        match self.done.back_mut().filter(|group| !apart && kind.joins(group.kind)) {
            Some(group) => {
                group.kind = kind;
                group.edits.push(edit);
            }
            None => {
                if self.done.len() >= HISTORY {
                    self.done.pop_front();
                }
                self.done.push_back(Group { kind, edits: vec![edit] });
            }
        }
        behind
    }

    /// The change itself.
    fn swap(&mut self, start: Place, end: Place, with: &str) -> Place {
        let head = self.line(start.0).get(..byte_at(self.line(start.0), start.1)).unwrap_or_default().to_owned();
        let tail = self.line(end.0).get(byte_at(self.line(end.0), end.1)..).unwrap_or_default().to_owned();
        let mut new: Vec<String> = with.split('\n').map(str::to_owned).collect();
        let behind = match new.as_slice() {
            [one] => (start.0, start.1 + one.chars().count()),
            many => (start.0 + many.len() - 1, many.last().map_or(0, |last| last.chars().count())),
        };
        if let Some(first) = new.first_mut() {
            first.insert_str(0, &head);
        }
        if let Some(last) = new.last_mut() {
            last.push_str(&tail);
        }
        let to = (end.0 + 1).min(self.lines.len());
        self.lines.splice(start.0.min(to)..to, new);
        behind
    }

    /// Takes the last group back; gives where the cursor was before it.
    pub fn undo(&mut self) -> Option<Place> {
        self.apart = true;
        let group = self.done.pop_back()?;
        for edit in group.edits.iter().rev() {
            let end = behind(edit.start, &edit.inserted);
            self.swap(edit.start, end, &edit.removed);
        }
        let at = group.edits.first().map(|edit| edit.was_at);
        self.undone.push(group);
        at
    }

    /// Does it again; gives the place behind it.
    pub fn redo(&mut self) -> Option<Place> {
        self.apart = true;
        let group = self.undone.pop()?;
        let mut at = None;
        for edit in &group.edits {
            let end = behind(edit.start, &edit.removed);
            at = Some(self.swap(edit.start, end, &edit.inserted));
        }
        self.done.push_back(group);
        at
    }
}

/// The place behind a text that stands at `start`.
fn behind(start: Place, text: &str) -> Place {
    match text.rsplit_once('\n') {
        Some((before, last)) => (start.0 + before.matches('\n').count() + 1, last.chars().count()),
        None => (start.0, start.1 + text.chars().count()),
    }
}

/// The byte at which a character starts.
pub fn byte_at(line: &str, column: usize) -> usize {
    line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever is changed, undo leads back to the start and redo to the end.
        #[test]
        fn undo_and_redo_lead_back(edits in proptest::collection::vec((0usize..6, 0usize..9, 0usize..6, 0usize..9, "[a陈 \n\u{301}]{0,5}", 0u8..4), 0..20)) {
            let mut buffer = Buffer::new("first line\nsecond 陈伟\n\nlast");
            let start = buffer.lines().to_vec();
            for (row, column, to_row, to_column, with, kind) in edits {
                let (a, b) = (buffer.nearest((row, column)), buffer.nearest((to_row, to_column)));
                let kind = [Kind::Letters, Kind::Blanks, Kind::Erased, Kind::Whole][usize::from(kind)];
                let at = buffer.replace(a.min(b), a.max(b), &with, kind, a);
                prop_assert_eq!(buffer.nearest(at), at);
            }
            let end = buffer.lines().to_vec();
            let mut steps = 0;
            while buffer.undo().is_some() { steps += 1; }
            prop_assert_eq!(buffer.lines(), start.as_slice());
            for _ in 0..steps { buffer.redo(); }
            prop_assert_eq!(buffer.lines(), end.as_slice());
        }
    }
}
