//! One transaction of the writer: the connection, what the writer remembers in memory, and the list of
//! rows that changed. Every change of a row goes through [`Work::save`] or [`Work::remove`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::addresses::Lately;
use super::contents::SearchRow;
use super::rows::Placed;
use super::{Changed, ChangedMailbox, Result, lookup};
use crate::mail::{AccountId, ContentId, FlagBits, Key, MailboxId, MessageId, Placement, Uid};

/// Rows remembered as just pushed; questions older than the forgotten ones touch no row.
const MAX_TOUCHED: usize = 200_000;
const MAX_BIRTHS: usize = 20_000;
/// How many ids one reservation in user.db takes.
pub(super) const ID_BLOCK: i64 = 65_536;

/// Reserved message ids: `next..end` are ours alone.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub next: i64,
    pub end: i64,
}

/// What is only known while the program runs: in what order questions, answers and pushes happened.
#[derive(Debug, Default)]
pub(super) struct Memory {
    clock: Arc<AtomicU64>,
    /// Jobs of the user's that wait.
    users: Arc<AtomicUsize>,
    /// Segments that the search index may still get before they are merged; 0 at the start, when nobody knows how many it has.
    pub spare: usize,
    /// Rows of `salvaged` wait for their messages.
    pub has_salvaged: bool,
    pub lately: Lately,
    /// When the last push of a row ended.
    touched: HashMap<MessageId, u64>,
    touched_order: VecDeque<(u64, MessageId)>,
    /// Questions asked before this are too old to be of use.
    floor: u64,
    /// At this time ids from here up were not yet given.
    births: VecDeque<(u64, i64)>,
    /// Uids that our own moves and deletes took away: they never come back under the same uid_validity.
    left: HashSet<(MailboxId, u32)>,
    /// When a mailbox was last opened.
    opened: HashMap<MailboxId, u64>,
    /// When the server last told, by an answer of its own, that a mailbox is there.
    met: HashMap<MailboxId, u64>,
    /// When the latest question about a mailbox that has its answer was asked.
    answered: HashMap<MailboxId, u64>,
    wall: Wall,
}

/// The wall clock, Unix seconds; the system's until another is given.
#[derive(Clone)]
pub(super) struct Wall(pub Arc<Mutex<Arc<dyn Fn() -> i64 + Send + Sync>>>);

impl Default for Wall {
    fn default() -> Self {
        let now = || std::time::UNIX_EPOCH.elapsed().ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or_default();
        Self(Arc::new(Mutex::new(Arc::new(now))))
    }
}

impl std::fmt::Debug for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wall")
    }
}

impl Memory {
    pub fn new(clock: Arc<AtomicU64>, users: Arc<AtomicUsize>, wall: Wall) -> Self {
        Self { clock, users, wall, ..Self::default() }
    }

    /// Unix seconds.
    pub fn wall(&self) -> i64 {
        let wall = Arc::clone(&self.wall.0.lock().unwrap_or_else(PoisonError::into_inner));
        wall()
    }

    /// The user waits: whatever can be done later is.
    pub fn is_hurried(&self) -> bool {
        self.users.load(Ordering::SeqCst) > 0
    }

    #[cfg(test)]
    pub fn pretend_hurry(&self, users: usize) {
        self.users.store(users, Ordering::SeqCst);
    }

    /// A push of these rows ended now: the clock goes on.
    pub fn touch(&mut self, ids: impl IntoIterator<Item = MessageId>) {
        let now = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        for id in ids {
            self.touched.insert(id, now);
            self.touched_order.push_back((now, id));
        }
        while self.touched_order.len() > MAX_TOUCHED {
            let Some((at, id)) = self.touched_order.pop_front() else { break };
            self.floor = self.floor.max(at);
            if self.touched.get(&id) == Some(&at) {
                self.touched.remove(&id);
            }
        }
    }

    /// Rows with ids from `next` up are not yet there: answers to older questions can't know them.
    pub fn birth(&mut self, next: i64) {
        let now = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        self.births.push_back((now, next));
        if self.births.len() > MAX_BIRTHS {
            self.floor = self.births.pop_front().map_or(self.floor, |(at, _)| self.floor.max(at));
        }
    }

    /// An answer to a question of that time says nothing about this row.
    pub fn is_newer(&self, id: MessageId, asked_at: u64) -> bool {
        let born_later = || {
            let first = self.births.partition_point(|(at, _)| *at <= asked_at);
            self.births.get(first).is_some_and(|(_, next)| id.0 >= *next)
        };
        asked_at < self.floor || self.touched.get(&id).is_some_and(|at| *at > asked_at) || born_later()
    }

    /// The answer to a question of that time is in the rows.
    pub fn answer(&mut self, mailbox: MailboxId, asked_at: u64) {
        let latest = self.answered.entry(mailbox).or_default();
        *latest = asked_at.max(*latest);
    }

    /// A question asked later was answered earlier, on the other link: this answer may be older.
    pub fn is_overtaken(&self, mailbox: MailboxId, asked_at: u64) -> bool {
        self.answered.get(&mailbox).is_some_and(|latest| *latest > asked_at)
    }

    pub fn leave(&mut self, mailbox: Option<MailboxId>, key: Option<&Key>) {
        if let Some((mailbox, Uid(uid))) = mailbox.zip(key.and_then(Key::uid)) {
            self.left.insert((mailbox, uid));
        }
    }

    pub fn has_left(&self, mailbox: MailboxId, key: &Key) -> bool {
        key.uid().is_some_and(|uid| self.left.contains(&(mailbox, uid.0)))
    }

    /// The mailbox's uids are void.
    pub fn forget_left(&mut self, mailbox: MailboxId) {
        self.left.retain(|(of, _)| *of != mailbox);
    }

    /// It was opened for a look that was asked for at that time.
    pub fn open(&mut self, mailbox: MailboxId, asked_at: u64) {
        self.opened.insert(mailbox, asked_at);
    }

    /// The mailbox is there, now.
    pub fn meet(&mut self, mailbox: MailboxId) {
        let now = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        self.met.insert(mailbox, now);
    }

    /// A list asked for at that time may not know of the mailbox yet.
    pub fn is_met_since(&self, mailbox: MailboxId, asked_at: u64) -> bool {
        self.met.get(&mailbox).is_some_and(|at| *at > asked_at)
    }

    /// A push of the row ended since its mailbox was opened to be looked at.
    pub fn is_touched_since_open(&self, mailbox: MailboxId, id: MessageId) -> bool {
        let opened = self.opened.get(&mailbox).copied().unwrap_or_default();
        self.touched.get(&id).is_some_and(|at| *at > opened)
    }
}

/// One transaction.
pub(super) struct Work<'a> {
    pub db: &'a Connection,
    pub user: &'a Connection,
    pub ids: &'a mut Ids,
    pub memory: &'a mut Memory,
    pub session: i64,
    pub changes: Changes,
    /// Search rows to be written at the end.
    pub unfed: BTreeMap<ContentId, SearchRow>,
    /// What the counters of mailboxes, total and unread, are to grow by at the end.
    pub uncounted: BTreeMap<MailboxId, (i64, i64)>,
    /// Hashes of Message-IDs around which threads were cut or joined by hand, and that something came to.
    pub unthreaded: BTreeSet<i64>,
}

impl Work<'_> {
    pub fn load(&self, id: MessageId) -> Result<Option<Placed>> {
        lookup::load(self.db, id)
    }

    /// Writes a row back and notes where it shows.
    pub fn save(&mut self, id: MessageId, before: &Placed, after: &Placed) -> Result<()> {
        self.save_sent(id, before, after, 0)
    }

    /// The same where `after.sent` is new and belongs to this push.
    pub fn save_sent(&mut self, id: MessageId, before: &Placed, after: &Placed, push: i64) -> Result<()> {
        if before == after {
            return Ok(());
        }
        lookup::save(self.db, id, before, after, push)?;
        self.count(&before.wanted, -1);
        self.count(&after.wanted, 1);
        if after.is_waiting() && !before.is_waiting() {
            self.note_since(id)?;
        }
        let (from, to) = (before.wanted.mailbox, after.wanted.mailbox);
        if from != to {
            from.iter().for_each(|&mailbox| self.changes.removed(mailbox, id));
            to.iter().for_each(|&mailbox| self.changes.added(mailbox, id));
        } else if before.wanted.flags != after.wanted.flags || before.is_waiting() != after.is_waiting() {
            to.iter().for_each(|&mailbox| self.changes.changed(mailbox, id));
        }
        Ok(())
    }

    /// Counts a row that is wanted so, or, with -1, no longer. Rows that are deleted are counted by a trigger.
    pub fn count(&mut self, wanted: &Placement, sign: i64) {
        let Some(mailbox) = wanted.mailbox else { return };
        let (total, unread) = self.uncounted.entry(mailbox).or_default();
        *total += sign;
        *unread += if wanted.flags.bits.contains(FlagBits::SEEN) { 0 } else { sign };
    }

    /// Brings the counters of mailboxes up to date, once for all rows of the transaction.
    pub fn write_counters(&mut self) -> Result<()> {
        let sql = "UPDATE mailbox SET total = total + ?2, unread = unread + ?3 WHERE id = ?1";
        let mut statement = self.db.prepare_cached(sql)?;
        for (mailbox, (total, unread)) in std::mem::take(&mut self.uncounted) {
            if (total, unread) != (0, 0) {
                statement.execute((mailbox.0, total, unread))?;
            }
        }
        Ok(())
    }

    /// The row waits for its server from now on.
    pub fn note_since(&self, id: MessageId) -> Result<()> {
        self.db.prepare_cached("UPDATE message SET since = ?2 WHERE id = ?1")?.execute((id.0, self.memory.wall()))?;
        Ok(())
    }

    /// Deletes a row for ever; triggers take what only it had.
    pub fn remove(&mut self, id: MessageId, before: &Placed) -> Result<()> {
        self.db.prepare_cached("DELETE FROM message WHERE id = ?1")?.execute([id.0])?;
        if let Some(mailbox) = before.wanted.mailbox {
            self.changes.removed(mailbox, id);
        }
        Ok(())
    }

    /// A message id never given before.
    pub fn next_id(&mut self) -> Result<MessageId> {
        if self.ids.next >= self.ids.end {
            let end: i64 = self
                .user
                .prepare_cached("UPDATE meta SET value = value + ?1 WHERE name = 'next_message_id' RETURNING value")?
                .query_row([ID_BLOCK], |row| row.get(0))?;
            *self.ids = Ids { next: end - ID_BLOCK, end };
        }
        let id = self.ids.next;
        self.ids.next += 1;
        Ok(MessageId(id))
    }

    pub fn account_of(&self, mailbox: MailboxId) -> Result<Option<AccountId>> {
        use rusqlite::OptionalExtension;
        let mut statement = self.db.prepare_cached("SELECT account FROM mailbox WHERE id = ?1")?;
        Ok(statement.query_row([mailbox.0], |row| row.get(0).map(AccountId)).optional()?)
    }
}

/// Collects a [`Changed`]: each id once, where the last word counts.
#[derive(Debug, Default)]
pub(super) struct Changes(BTreeMap<MailboxId, BTreeMap<MessageId, Kind>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Added,
    Removed,
    Changed,
}

impl Changes {
    pub fn added(&mut self, mailbox: MailboxId, id: MessageId) {
        let kind = self.0.entry(mailbox).or_default().entry(id).or_insert(Kind::Added);
        if *kind == Kind::Removed {
            *kind = Kind::Changed;
        }
    }

    pub fn removed(&mut self, mailbox: MailboxId, id: MessageId) {
        let rows = self.0.entry(mailbox).or_default();
        if rows.insert(id, Kind::Removed) == Some(Kind::Added) {
            rows.remove(&id);
        }
    }

    pub fn changed(&mut self, mailbox: MailboxId, id: MessageId) {
        self.0.entry(mailbox).or_default().entry(id).or_insert(Kind::Changed);
    }

    pub fn finish(self) -> Changed {
        let pick = |rows: &BTreeMap<MessageId, Kind>, kind| rows.iter().filter(|(_, k)| **k == kind).map(|(id, _)| *id).collect();
        let mailboxes = self.0.iter().filter(|(_, rows)| !rows.is_empty()).map(|(&mailbox, rows)| ChangedMailbox {
            mailbox,
            added: pick(rows, Kind::Added),
            removed: pick(rows, Kind::Removed),
            changed: pick(rows, Kind::Changed),
        });
        Changed { mailboxes: mailboxes.collect() }
    }
}
