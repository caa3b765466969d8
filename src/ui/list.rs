//! The message list: rows in order, the cursor by id, marks, ranges and unfolded threads. Rows come from
//! the worker as one `Arc`; summaries only for the visible window. How a row looks is in `list/draw.rs`.

pub mod draw;
mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::config::AfterTriage;
use crate::mail::{FlagBits, Listing, MessageId, Row, Summary, ThreadId};
pub use rows::Rows;

/// A range being selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visual {
    pub anchor: MessageId,
    /// Rows of the same thread come along.
    pub threads: bool,
}

/// What a collapsed thread is, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadFacts {
    pub unread: usize,
    pub flagged: bool,
    pub has_attachment: bool,
    /// Messages of other mailboxes, which come along where it is unfolded.
    pub elsewhere: u32,
}

/// Rows of the window from `from` on moved up by so many (negative: down).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shift {
    pub from: usize,
    pub by: i32,
}

/// The list pane.
#[derive(Debug, Default)]
pub struct List {
    pub listing: Option<Listing>,
    pub rows: Rows,
    /// All rows are here, not just the first window.
    pub whole: bool,
    cursor: Option<MessageId>,
    at: usize,
    pub top: usize,
    pub marks: HashSet<MessageId>,
    pub visual: Option<Visual>,
    /// Members of the threads that are unfolded.
    pub unfolded: BTreeMap<ThreadId, Vec<Row>>,
    pub summaries: HashMap<MessageId, Summary>,
    pub facts: HashMap<ThreadId, ThreadFacts>,
    /// Summaries to read again.
    pub stale: HashSet<MessageId>,
    /// Removed here, not yet gone from the worker's listing.
    pub leaving: HashSet<MessageId>,
    /// Muted threads that are not shown.
    pub hidden: u32,
    /// Kept unread until the cursor leaves it.
    pub pinned: Option<MessageId>,
    /// The rows in view at the last frame, for the scroll hint.
    drawn: Vec<MessageId>,
    /// How rows in view moved since then.
    pub shift: Option<Shift>,
    /// Brought back by undo: the cursor goes to the first of them once it is a row.
    pub returned: HashSet<MessageId>,
}

impl List {
    /// The selected message.
    pub fn cursor(&self) -> Option<MessageId> {
        self.cursor
    }

    /// The selected row's place, 0-based.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The selected row.
    pub fn row(&self) -> Option<Row> {
        self.rows.get(self.at).copied()
    }

    /// The selected row's summary, where it was loaded.
    pub fn summary(&self) -> Option<&Summary> {
        self.cursor.and_then(|id| self.summaries.get(&id))
    }

    /// A row stands for a folded thread of several messages.
    pub fn is_folded(&self, row: &Row) -> bool {
        self.thread_count(row) > 1 && !self.unfolded.contains_key(&row.thread)
    }

    /// Messages that a folded row unfolds into.
    pub fn thread_count(&self, row: &Row) -> u32 {
        row.count + self.facts.get(&row.thread).map_or(0, |facts| facts.elsewhere)
    }

    /// Shows another listing, empty until its rows come.
    pub fn show(&mut self, listing: Listing) {
        let same_place = self.listing.as_ref().is_some_and(|old| old.scope == listing.scope);
        if !same_place {
            self.marks.clear();
            self.summaries.clear();
            self.leaving.clear();
        }
        self.facts.clear();
        self.visual = None;
        self.unfolded.clear();
        self.listing = Some(listing);
        self.rows = Rows::default();
        self.hidden = 0;
        self.whole = false;
        self.top = 0;
        self.at = 0;
    }

    /// Takes rows for the listing that is shown; the cursor stays on its message, or on its thread.
    pub fn take(&mut self, rows: Arc<Vec<Row>>, whole: bool) {
        let selected = self.row();
        let first = self.rows.is_empty();
        self.whole = whole;
        self.rows = Rows::from(rows);
        if !self.leaving.is_empty() {
            let leaving = &self.leaving;
            self.rows.edit(|rows| rows.retain(|row| !leaving.contains(&row.id)));
        }
        self.splice();
        if self.select_returned() {
            return;
        }
        let at = self.at;
        let thread = selected.map(|row| row.thread);
        if let Some(id) = self.cursor
            && !self.select(id)
        {
            let same_thread = thread.and_then(|thread| self.rows.iter().position(|row| row.thread == thread));
            self.go(same_thread.unwrap_or(if first { 0 } else { at }));
        } else if self.cursor.is_none() {
            self.go(0);
        }
    }

    /// Puts the cursor on what undo brought back; false where none of it is a row.
    fn select_returned(&mut self) -> bool {
        let found = if self.returned.is_empty() { None } else { self.rows.iter().position(|row| self.returned.contains(&row.id)) };
        if let Some(at) = found {
            self.returned.clear();
            self.go(at);
        }
        found.is_some()
    }

    /// Notes the rows in view, and how they moved since the last time.
    pub fn note_shift(&mut self, height: usize) {
        let now: Vec<MessageId> = self.rows.slice(self.top..(self.top + height).min(self.rows.len())).iter().map(|row| row.id).collect();
        self.shift = shift(&self.drawn, &now);
        self.drawn = now;
    }

    /// Puts the members of unfolded threads in the place of their rows.
    pub fn splice(&mut self) {
        if self.unfolded.is_empty() {
            return;
        }
        let unfolded = &self.unfolded;
        self.rows.edit(|rows| {
            let mut spliced = Vec::with_capacity(rows.len());
            let mut done = HashSet::new();
            for row in rows.iter() {
                match unfolded.get(&row.thread) {
                    Some(members) if !members.is_empty() => {
                        if done.insert(row.thread) {
                            spliced.extend_from_slice(members);
                        }
                    }
                    _ => spliced.push(*row),
                }
            }
            *rows = spliced;
        });
    }

    /// Puts the cursor on a message; false where it is not in the list.
    pub fn select(&mut self, id: MessageId) -> bool {
        let near = self.rows.get(self.at).is_some_and(|row| row.id == id).then_some(self.at);
        let found = near.or_else(|| self.rows.iter().position(|row| row.id == id));
        if let Some(at) = found {
            self.go(at);
        }
        found.is_some()
    }

    /// Remembers which message to select once its rows come.
    pub fn want(&mut self, id: Option<MessageId>) {
        self.cursor = id;
    }

    /// Puts the cursor on a row, the last where there are fewer.
    pub fn go(&mut self, at: usize) {
        self.at = at.min(self.rows.len().saturating_sub(1));
        self.cursor = self.rows.get(self.at).map(|row| row.id);
        if self.pinned.is_some() && self.pinned != self.cursor {
            self.pinned = None;
        }
    }

    /// Moves the cursor by so many rows; false at the edge.
    pub fn step(&mut self, by: isize) -> bool {
        let old = self.at;
        self.go(self.at.saturating_add_signed(by));
        self.at != old
    }

    /// Scrolls so that the cursor is in view: by a third of the page where it passed the edge.
    pub fn keep_in_view(&mut self, height: usize) {
        let height = height.max(1);
        let third = height / 3;
        if self.at < self.top {
            self.top = self.at.saturating_sub(if self.top - self.at > height { height / 2 } else { third });
        } else if self.at >= self.top + height {
            let far = self.at - self.top >= 2 * height;
            self.top = (self.at + 1 + if far { height / 2 } else { third }).saturating_sub(height);
        }
        self.top = self.top.min(self.rows.len().saturating_sub(height));
    }

    /// Takes rows out at once; the cursor goes where `after` says.
    pub fn remove(&mut self, gone: &HashSet<MessageId>, after: AfterTriage) {
        let gone = &self.with_orphans(gone);
        let before = self.rows.iter().take(self.at).filter(|row| !gone.contains(&row.id)).count();
        let stays = self.cursor.is_some_and(|id| !gone.contains(&id));
        self.rows.edit(|rows| rows.retain(|row| !gone.contains(&row.id)));
        for members in self.unfolded.values_mut() {
            members.retain(|row| !gone.contains(&row.id));
        }
        self.marks.retain(|id| !gone.contains(id));
        if self.visual.is_some_and(|visual| gone.contains(&visual.anchor)) {
            self.visual = None;
        }
        self.go(if !stays && after == AfterTriage::Previous { before.saturating_sub(1) } else { before });
    }

    /// And the rows from elsewhere whose thread has no row of its own any more.
    fn with_orphans(&self, gone: &HashSet<MessageId>) -> HashSet<MessageId> {
        let stays = |row: &&Row| !row.elsewhere && !gone.contains(&row.id);
        let orphaned = self.unfolded.values().filter(|members| !members.iter().any(|row| stays(&row)));
        gone.iter().copied().chain(orphaned.flatten().map(|row| row.id)).collect()
    }

    /// The rows that a verb acts on: the range, else the marks, else the row under the cursor. Rows from elsewhere have to
    /// be meant one by one: no range takes them.
    pub fn targets(&self) -> Vec<Row> {
        if let Some(range) = self.range() {
            let threads: HashSet<ThreadId> = self.rows.slice(range.clone()).iter().map(|row| row.thread).collect();
            let whole = self.visual.is_some_and(|visual| visual.threads);
            let inside = self.rows.iter().enumerate();
            let taken = inside.filter(|(n, row)| range.contains(n) || (whole && threads.contains(&row.thread)));
            return taken.map(|(_, row)| *row).filter(|row| !row.elsewhere).collect();
        }
        if self.marks.is_empty() {
            return self.row().into_iter().collect();
        }
        self.rows.iter().filter(|row| self.marks.contains(&row.id)).copied().collect()
    }

    /// The selected range.
    pub fn range(&self) -> Option<std::ops::Range<usize>> {
        let visual = self.visual?;
        let anchor = self.rows.iter().position(|row| row.id == visual.anchor)?;
        Some(anchor.min(self.at)..anchor.max(self.at) + 1)
    }

    /// Whether a row is marked or inside the range.
    pub fn is_marked(&self, at: usize, row: &Row) -> bool {
        self.marks.contains(&row.id) || (!row.elsewhere && self.range().is_some_and(|range| range.contains(&at)))
    }

    /// Marked rows, and how many of them are out of view.
    pub fn marked(&self, height: usize) -> (usize, usize) {
        if let Some(range) = self.range() {
            return (self.rows.slice(range).iter().filter(|row| !row.elsewhere).count(), 0);
        }
        let view = self.rows.slice(self.top..(self.top + height).min(self.rows.len()));
        let seen = view.iter().filter(|row| self.marks.contains(&row.id)).count();
        (self.marks.len(), self.marks.len().saturating_sub(seen))
    }

    /// Whether a row counts as unread, with the thread it stands for.
    pub fn is_unread(&self, row: &Row) -> bool {
        let own = self.summaries.get(&row.id).is_some_and(|summary| !summary.flags.bits.contains(FlagBits::SEEN));
        own || (self.is_folded(row) && self.facts.get(&row.thread).is_some_and(|facts| facts.unread > 0))
    }

    /// The first row of the thread that the cursor is in.
    pub fn thread_start(&self) -> Option<usize> {
        let thread = self.row()?.thread;
        self.rows.iter().position(|row| row.thread == thread)
    }

    /// Folds one thread back into a row of its newest member.
    pub fn fold(&mut self, thread: ThreadId) {
        let Some(members) = self.unfolded.remove(&thread) else { return };
        let own = || members.iter().filter(|row| !row.elsewhere).map(|row| row.id);
        let newest = own().max_by_key(|id| (self.summaries.get(id).map(|s| s.received), *id));
        let count = u32::try_from(own().count()).unwrap_or(u32::MAX);
        let inside = self.row().is_some_and(|row| row.thread == thread);
        let selected = self.cursor;
        self.rows.edit(|rows| {
            let mut first = true;
            rows.retain_mut(|row| {
                if row.thread != thread {
                    return true;
                }
                *row = Row { id: newest.unwrap_or(row.id), thread, count, depth: 0, elsewhere: false };
                std::mem::take(&mut first)
            });
        });
        let place = if inside { newest } else { selected };
        if let Some(id) = place {
            self.select(id);
        }
    }

    /// A folded row stands for fewer of its thread from now on, of which this is the newest.
    pub fn stand_for(&mut self, thread: ThreadId, newest: MessageId, count: usize) {
        let is_cursor = self.row().is_some_and(|row| row.thread == thread);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.rows.edit(|rows| {
            for row in rows.iter_mut().filter(|row| row.thread == thread) {
                (row.id, row.count) = (newest, count);
            }
        });
        self.facts.remove(&thread);
        if is_cursor {
            self.cursor = Some(newest);
        }
    }

    /// Unfolds one thread into its members.
    pub fn unfold(&mut self, thread: ThreadId, members: Vec<Row>) {
        if members.is_empty() {
            return;
        }
        let selected = self.cursor;
        self.unfolded.insert(thread, members);
        self.splice();
        if self.select_returned() {
            return;
        }
        if let Some(id) = selected
            && !self.select(id)
            && let Some(at) = self.rows.iter().position(|row| row.thread == thread)
        {
            self.go(at);
        }
    }
}

/// From the first row that differs: it was further down before, or what stood there is further down now.
fn shift(old: &[MessageId], new: &[MessageId]) -> Option<Shift> {
    let from = old.iter().zip(new).position(|(old, new)| old != new)?;
    let down = |rows: &[MessageId], id: Option<&MessageId>| {
        let at = rows.iter().position(|row| Some(row) == id)?;
        i32::try_from(at.checked_sub(from)?).ok().filter(|by| *by > 0)
    };
    let up = down(old, new.get(from)).map(|by| Shift { from, by });
    up.or_else(|| down(new, old.get(from)).map(|by| Shift { from, by: -by }))
}

#[cfg(test)]
mod tests;
