//! What changed in a whole mailbox, told in one answer: compared with the rows on a reader, applied by the writer in
//! parts that give way to the user. How far the mailbox is in step moves on only with the last part.

use rusqlite::params;

use super::lookup;
use super::reader::Reader;
use super::rows::Sent;
use super::work::{Changes as Noted, Work};
use super::{Merged, Result};
use crate::mail::server::{Changes, Window};
use crate::mail::{FlagBits, Flags, Key, Keywords, MailboxId, Uid, Uids};

/// Rows changed before the user is given way to.
const LEAST: usize = 8;

pub(super) const UIDS: &str = "SELECT uid FROM message WHERE mailbox = ?1 AND uid IS NOT NULL ORDER BY uid";
pub(super) const UIDS_IN: &str = "SELECT uid FROM message WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3";
pub(super) const COUNT_UIDS: &str = "SELECT count(*) FROM message WHERE mailbox = ?1 AND uid IS NOT NULL";
pub(super) const COUNT_UIDS_IN: &str = "SELECT count(*) FROM message WHERE mailbox = ?1 AND uid BETWEEN ?2 AND ?3";
pub(super) const FLAGS_OF: &str =
    "SELECT uid, server_bits, server_keywords FROM message WHERE mailbox = ?1 AND uid IS NOT NULL ORDER BY uid";

/// Where the server differs from the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    pub flags: Vec<(Key, Flags)>,
    /// Rows that the server has no more.
    pub gone: Vec<Key>,
    /// On the server but not here, from the uid on that was asked for.
    pub missing: Uids,
    /// Rows before.
    pub total: u64,
}

/// How far a mailbox is in step once its differences are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// None: as far as before.
    pub mod_seq: Option<u64>,
    /// All of it was compared at this time (Unix seconds).
    pub whole: Option<i64>,
}

impl Reader {
    /// How many rows of a mailbox have a uid.
    pub fn count_uids(&self, mailbox: MailboxId) -> Result<u32> {
        Ok(self.db().prepare_cached(COUNT_UIDS)?.query_row([mailbox.0], |row| row.get(0))?)
    }

    /// The same of a window.
    pub fn count_uids_in(&self, mailbox: MailboxId, window: Window) -> Result<u64> {
        let mut statement = self.db().prepare_cached(COUNT_UIDS_IN)?;
        Ok(u64::from(statement.query_row((mailbox.0, window.low, window.high), |row| row.get::<_, u32>(0))?))
    }

    /// Compares an answer with the rows; of uids below `floor` nothing is missing, for their headers are still to come.
    /// Costs as much as the mailbox has rows, whatever the ranges of the answer span.
    pub fn differences(&self, mailbox: MailboxId, changes: &Changes, floor: u32) -> Result<Differences> {
        let mut differences =
            Differences { flags: changes.flags.clone(), total: u64::from(self.count_uids(mailbox)?), ..Differences::default() };
        let key = |uid: u32| Key::Uid(Uid(uid));
        let mut inside = self.db().prepare_cached(UIDS_IN)?;
        for &(low, high) in changes.vanished.ranges() {
            for uid in inside.query_map((mailbox.0, low, high), |row| row.get(0))? {
                differences.gone.push(key(uid?));
            }
        }
        let Some(present) = &changes.present else { return Ok(differences) };
        let mut all = self.db().prepare_cached(UIDS)?;
        let ours: Vec<u32> = all.query_map([mailbox.0], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let ours = Uids::from_uids(ours);
        differences.gone.extend(ours.without(present).iter().filter(|uid| !changes.vanished.contains(*uid)).map(key));
        let below = Uids::from_ranges(floor.checked_sub(1).filter(|high| *high > 0).map(|high| (1, high)));
        differences.missing = present.without(&ours).without(&below);
        if !changes.marked.is_empty() {
            self.compare_marks(mailbox, present, &changes.marked, &mut differences.flags)?;
        }
        Ok(differences)
    }

    /// Who has which flag, against the rows; a flag that was not asked about stays as it is.
    fn compare_marks(&self, mailbox: MailboxId, present: &Uids, marked: &[(Flags, Uids)], differ: &mut Vec<(Key, Flags)>) -> Result<()> {
        let asked = marked.iter().fold(Flags::default(), |all, (mark, _)| all.with(mark));
        let mut statement = self.db().prepare_cached(FLAGS_OF)?;
        let mut rows = statement.query([mailbox.0])?;
        while let Some(row) = rows.next()? {
            let uid: u32 = row.get(0)?;
            if !present.contains(uid) {
                continue;
            }
            let known = Flags { bits: FlagBits(row.get(1)?), keywords: Keywords::parse(row.get_ref(2)?.as_str().unwrap_or_default()) };
            let has = marked.iter().filter(|(_, uids)| uids.contains(uid)).fold(Flags::default(), |all, (mark, _)| all.with(mark));
            let now = known.without(&asked).with(&has);
            if now != known {
                differ.push((Key::Uid(Uid(uid)), now));
            }
        }
        Ok(())
    }
}

/// Differences on their way into the store, part by part.
#[derive(Debug)]
pub(super) struct Resync {
    mailbox: MailboxId,
    flags: std::vec::IntoIter<(Key, Flags)>,
    gone: std::vec::IntoIter<Key>,
    floor: u32,
    asked_at: u64,
    reached: Reached,
    noted: Noted,
    merged: Merged,
}

impl Resync {
    pub fn new(mailbox: MailboxId, differences: Differences, floor: u32, asked_at: u64, reached: Reached) -> Self {
        let (flags, gone) = (differences.flags.into_iter(), differences.gone.into_iter());
        Self { mailbox, flags, gone, floor, asked_at, reached, noted: Noted::default(), merged: Merged::default() }
    }
}

impl Work<'_> {
    /// Applies until all is done or the user waits; None: there is more.
    pub fn resync_some(&mut self, resync: &mut Resync) -> Result<Option<Merged>> {
        if self.memory.is_overtaken(resync.mailbox, resync.asked_at) {
            return Ok(Some(Merged { is_stale: true, ..std::mem::take(&mut resync.merged) }));
        }
        std::mem::swap(&mut self.changes, &mut resync.noted);
        let mut done = 0;
        while done < LEAST || !self.memory.is_hurried() {
            done += 1;
            if let Some(key) = resync.gone.next() {
                self.resync_one(resync, &key, None)?;
            } else if let Some((key, flags)) = resync.flags.next() {
                self.resync_one(resync, &key, Some(flags))?;
            } else {
                return self.resynced(resync).map(Some);
            }
        }
        std::mem::swap(&mut self.changes, &mut resync.noted);
        Ok(None)
    }

    /// One message as the server has it now; None: it has it no more.
    fn resync_one(&mut self, resync: &mut Resync, key: &Key, flags: Option<Flags>) -> Result<()> {
        let id = lookup::find_key(self.db, resync.mailbox, key)?;
        let Some((id, before)) = id.map(|id| self.load(id).map(|row| row.map(|row| (id, row)))).transpose()?.flatten() else {
            let is_known = flags.is_none() || key.uid().is_none_or(|uid| uid.0 < resync.floor);
            if !is_known && !self.memory.has_left(resync.mailbox, key) {
                resync.merged.missing.push(key.clone());
            }
            return Ok(());
        };
        if before.sent.as_ref().is_some_and(|sent| *sent != Sent::Held) || self.memory.is_newer(id, resync.asked_at) {
            resync.merged.has_passed_over = true;
            return Ok(());
        }
        match flags {
            Some(flags) if flags == before.server => Ok(()),
            Some(flags) => {
                let mut after = before.clone();
                after.seen(&flags);
                self.save(id, &before, &after)
            }
            None => self.vanish_by_others(id, &before, &mut resync.merged.void),
        }
    }

    fn resynced(&mut self, resync: &mut Resync) -> Result<Merged> {
        self.memory.answer(resync.mailbox, resync.asked_at);
        let mut merged = std::mem::take(&mut resync.merged);
        self.note_void(resync.mailbox, &merged.void)?;
        merged.missing.sort_unstable_by(|a, b| b.cmp(a));
        merged.changed = std::mem::take(&mut self.changes).finish();
        // what was passed over, or is not here yet, would never be told again
        merged.is_reached = !merged.has_passed_over && merged.missing.is_empty();
        if merged.is_reached {
            self.reach(resync.mailbox, resync.reached)?;
        }
        Ok(merged)
    }

    /// All changes up to there are in the rows.
    pub fn reach(&mut self, mailbox: MailboxId, reached: Reached) -> Result<()> {
        let mod_seq = reached.mod_seq.and_then(|value| i64::try_from(value).ok());
        let sql = "UPDATE mailbox SET mod_seq = coalesce(?2, mod_seq), whole = coalesce(?3, whole) WHERE id = ?1";
        self.db.prepare_cached(sql)?.execute(params![mailbox.0, mod_seq, reached.whole])?;
        Ok(())
    }
}
