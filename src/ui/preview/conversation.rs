//! A thread read as one page: its messages oldest first, each folded to its head or open, the one that the cursor is in, and how far the page
//! is scrolled. Knows neither store nor worker: `load` brings the messages, `preview.rs` asks for what is shown of them. How it looks is in
//! `conversation/draw.rs`; start at [`Conversation::new`].

pub mod draw;

use std::collections::{HashMap, HashSet};

use crate::mail::page::View;
use crate::mail::{Glimpse, MessageId, Row, ThreadId};

/// Messages of a thread that are shown, the newest; what a reader can hold of more is in the list.
pub const MOST: usize = 200;
/// Unread messages that are open from the start: each costs a page.
const OPEN: usize = 20;

/// The thread that the reader shows.
#[derive(Debug)]
pub struct Conversation {
    pub thread: ThreadId,
    /// Oldest first.
    pub members: Vec<Row>,
    /// Older ones that are left out.
    pub earlier: usize,
    /// What it is about, without the marks of replies; not cleaned.
    pub subject: String,
    /// The message that the cursor is in.
    pub at: MessageId,
    /// The first row in view, counted from the head of that message: pages that come late move nothing of it.
    below: isize,
    open: HashSet<MessageId>,
    pub glimpses: HashMap<MessageId, Glimpse>,
    /// How pages are laid out now.
    pub view: View,
    /// Pages that were asked for and are still to come.
    pub asked: HashSet<(MessageId, View)>,
    /// What the worker was last told: what is open together, and of which messages a glimpse was asked for.
    pub told: (Vec<MessageId>, Vec<MessageId>),
    /// Marked unread by hand, until the cursor comes back to it.
    pub pinned: HashSet<MessageId>,
    /// Removed here, not yet in the store.
    pub leaving: HashSet<MessageId>,
}

impl Conversation {
    /// The unread ones and the newest are open; the cursor is in `start`, else in the first unread one.
    pub fn new(
        thread: ThreadId,
        members: Vec<Row>,
        subject: String,
        start: Option<MessageId>,
        is_unread: impl Fn(MessageId) -> bool,
    ) -> Option<Self> {
        let newest = members.last()?.id;
        let unread: Vec<MessageId> = members.iter().map(|row| row.id).filter(|id| is_unread(*id)).take(OPEN).collect();
        let at = start.or(unread.first().copied()).unwrap_or(newest);
        Some(Self {
            thread,
            members,
            earlier: 0,
            subject,
            at,
            below: 0,
            open: unread.into_iter().chain([newest, at]).collect(),
            glimpses: HashMap::new(),
            view: View::default(),
            asked: HashSet::new(),
            told: Default::default(),
            pinned: HashSet::new(),
            leaving: HashSet::new(),
        })
    }

    /// Takes the messages as they are now; those that are new and unread come open. False where none is left.
    pub fn renew(&mut self, thread: ThreadId, members: Vec<Row>, is_unread: impl Fn(MessageId) -> bool) -> bool {
        let known: HashSet<MessageId> = self.members.iter().map(|row| row.id).collect();
        let new = members.iter().map(|row| row.id).filter(|id| !known.contains(id) && is_unread(*id));
        self.open.extend(new);
        self.thread = thread;
        self.replace(members)
    }

    /// Without those that leave; the cursor goes on to the next one. False where none is left.
    pub fn remove(&mut self, gone: &HashSet<MessageId>) -> bool {
        self.leaving.extend(gone);
        let members = self.members.iter().filter(|row| !gone.contains(&row.id)).copied().collect();
        self.replace(members)
    }

    fn replace(&mut self, members: Vec<Row>) -> bool {
        let old = self.index();
        let behind = self.members.get(old..).unwrap_or_default().iter().map(|row| row.id);
        let next = behind.into_iter().find(|id| members.iter().any(|row| row.id == *id));
        self.members = members;
        self.open.retain(|id| self.members.iter().any(|row| row.id == *id));
        if let Some(at) = next.or_else(|| self.members.last().map(|row| row.id)) {
            self.go_to(at);
        }
        !self.members.is_empty()
    }

    /// The place of the message that the cursor is in.
    pub fn index(&self) -> usize {
        self.members.iter().position(|row| row.id == self.at).unwrap_or_default()
    }

    /// The row of the message that the cursor is in.
    pub fn row(&self) -> Option<Row> {
        self.members.get(self.index()).copied()
    }

    pub fn is_open(&self, id: MessageId) -> bool {
        self.open.contains(&id)
    }

    /// The open ones, from the cursor on and then those before it.
    pub fn open_ids(&self) -> Vec<MessageId> {
        let at = self.index();
        let (before, after) = self.members.split_at(at.min(self.members.len()));
        after.iter().chain(before.iter().rev()).map(|row| row.id).filter(|id| self.is_open(*id)).collect()
    }

    fn go_to(&mut self, at: MessageId) {
        if self.at != at {
            self.at = at;
            self.pinned.remove(&at);
        }
    }

    /// Folds or unfolds the message that the cursor is in; its head stays where it is.
    pub fn toggle(&mut self) {
        if !self.open.remove(&self.at) {
            self.open.insert(self.at);
        }
        self.below = self.below.min(0);
    }

    /// Folds all, or unfolds all.
    pub fn set_all(&mut self, open: bool) {
        self.open = if open { self.members.iter().map(|row| row.id).collect() } else { HashSet::new() };
        self.below = self.below.min(0);
    }

    /// The first row in view, of rows that belong to the messages at these places. While pages are still to come the end of the page is not
    /// known, and it is not drawn down to it.
    pub fn top(&self, owners: &[usize], height: usize, awaits: bool) -> usize {
        let top = start(owners, self.index()).saturating_add_signed(self.below);
        if awaits { top.min(owners.len().saturating_sub(1)) } else { top.min(owners.len().saturating_sub(height)) }
    }

    /// Makes `top` the first row in view; the cursor goes into the message that is read there.
    pub fn scroll_to(&mut self, owners: &[usize], top: usize, height: usize) {
        let read = (top + height / 3).min(owners.len().saturating_sub(1));
        self.enter(owners, owners.get(read).copied().unwrap_or_default(), top);
    }

    /// Puts the cursor into a message, the first row in view being `top`.
    pub fn enter(&mut self, owners: &[usize], member: usize, top: usize) {
        let Some(id) = self.members.get(member).map(|row| row.id) else { return };
        self.go_to(id);
        self.below = offset(start(owners, member), top);
    }

    /// Goes to the message so many further on; the page moves only where not all of it would be in view. False at the edge.
    pub fn step(&mut self, owners: &[usize], by: isize, top: usize, height: usize) -> bool {
        let old = self.index();
        let next = old.saturating_add_signed(by).min(self.members.len().saturating_sub(1));
        if next == old {
            return false;
        }
        self.enter(owners, next, if is_in_view(owners, next, top, height) { top } else { start(owners, next) });
        true
    }
}

/// From `from` to `to`, which may be before it.
fn offset(from: usize, to: usize) -> isize {
    isize::try_from(to).unwrap_or(isize::MAX).saturating_sub(isize::try_from(from).unwrap_or(isize::MAX))
}

/// All rows of a message are in view.
pub fn is_in_view(owners: &[usize], member: usize, top: usize, height: usize) -> bool {
    let end = owners.partition_point(|owner| *owner <= member);
    start(owners, member) >= top && end <= top + height
}

/// The row of a message's head.
fn start(owners: &[usize], member: usize) -> usize {
    owners.partition_point(|owner| *owner < member)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(n: i64, unread: &[i64]) -> Conversation {
        let row = |id| Row { id: MessageId(id), thread: ThreadId(1), count: 1, depth: 0, elsewhere: false };
        Conversation::new(ThreadId(1), (1..=n).map(row).collect(), String::new(), None, |id| unread.contains(&id.0)).unwrap()
    }

    /// Rows of messages that take so many each.
    fn owners(rows: &[usize]) -> Vec<usize> {
        rows.iter().enumerate().flat_map(|(member, rows)| std::iter::repeat_n(member, *rows)).collect()
    }

    #[test]
    fn it_opens_at_the_first_unread_message_and_the_newest_is_open_too() {
        let it = conversation(5, &[2, 4]);
        assert_eq!(it.at, MessageId(2));
        assert_eq!(it.open_ids(), [2, 4, 5].map(MessageId));
        let it = conversation(5, &[]);
        assert_eq!((it.at, it.open_ids()), (MessageId(5), vec![MessageId(5)]));
        assert_eq!(conversation(100, &(1..90).collect::<Vec<_>>()).open_ids().len(), OPEN + 1);
    }

    #[test]
    fn what_comes_late_above_or_below_moves_nothing_that_is_read() {
        let mut it = conversation(3, &[1, 2, 3]);
        let (few, many) = (owners(&[2, 2, 9]), owners(&[30, 40, 9]));
        it.step(&few, 1, 0, 5);
        let top = it.top(&few, 5, true);
        assert_eq!(start(&few, 1) - top, start(&many, 1) - it.top(&many, 5, true), "the head is in the same row of the screen");
    }

    #[test]
    fn scrolling_takes_the_cursor_along_and_parentheses_bring_a_message_into_view() {
        let mut it = conversation(3, &[1]);
        let rows = owners(&[20, 1, 20]);
        assert_eq!(it.top(&rows, 10, false), 0);
        it.scroll_to(&rows, 15, 10);
        assert_eq!((it.at, it.top(&rows, 10, false)), (MessageId(1), 15));
        it.scroll_to(&rows, 18, 10);
        assert_eq!((it.at, it.top(&rows, 10, false)), (MessageId(3), 18));
        assert!(!it.step(&rows, 1, 18, 10));
        assert!(it.step(&rows, -2, 18, 10));
        assert_eq!((it.at, it.top(&rows, 10, false)), (MessageId(1), 0));
        assert!(it.step(&rows, 1, 12, 10));
        assert_eq!(it.top(&rows, 10, false), 12, "it was in view");
    }

    #[test]
    fn the_cursor_goes_on_when_its_message_leaves() {
        let mut it = conversation(3, &[2]);
        assert!(it.remove(&HashSet::from([MessageId(2)])));
        assert_eq!(it.at, MessageId(3));
        assert!(it.remove(&HashSet::from([MessageId(3)])));
        assert_eq!(it.at, MessageId(1));
        assert!(!it.remove(&HashSet::from([MessageId(1)])));
    }

    #[test]
    fn a_new_message_comes_open_and_the_cursor_stays() {
        let mut it = conversation(2, &[]);
        let more = conversation(4, &[]).members;
        assert!(it.renew(ThreadId(9), more, |id| id == MessageId(4)));
        assert_eq!((it.at, it.thread), (MessageId(2), ThreadId(9)));
        assert!(it.is_open(MessageId(4)) && !it.is_open(MessageId(3)));
    }
}
