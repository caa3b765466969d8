//! The stack of inverse changes, kept in mail.db so that it outlives the program: the last 200. Undo takes
//! this session's newest, then older ones; what was undone can be done again, also by a later session, until
//! something new is done.

use std::collections::HashSet;

use rusqlite::OptionalExtension;

use super::changes::{Outcome, way_back};
use super::codec;
use super::rows::State;
use super::work::Work;
use super::{Applied, Result};
use crate::mail::{Answered, Change, MailboxWish, MessageId, Restored};

/// Inverses kept.
const MAX_UNDO: i64 = 200;

struct Entry {
    id: i64,
    label: String,
    rows: Vec<Restored>,
    wish: Option<MailboxWish>,
    answers: Vec<Answered>,
}

impl Entry {
    fn change(self) -> Change {
        way_back(self.rows, self.wish, self.answers)
    }
}

/// The answers of a step as they are kept: most have none.
fn kept(answers: &[Answered]) -> Option<Vec<u8>> {
    (!answers.is_empty()).then(|| codec::write_answered(answers))
}

impl Work<'_> {
    /// Puts an inverse on the stack and lets the oldest go.
    pub fn remember(&mut self, label: &str, outcome: &Outcome) -> Result<()> {
        self.db.prepare_cached("INSERT INTO undo (session, label, rows, wish, answers) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
            self.session,
            label,
            codec::write_restored(&outcome.inverse),
            outcome.wish.as_ref().map(codec::write_wish),
            kept(&outcome.answers),
        ))?;
        self.forget("id <= (SELECT max(id) FROM undo) - ?1", MAX_UNDO)?;
        let former = "DELETE FROM former WHERE step <= (SELECT max(id) FROM undo) - ?1";
        self.db.prepare_cached(former)?.execute([MAX_UNDO])?;
        Ok(())
    }

    /// Something new was done: what this session took back can't be done again.
    pub fn forget_undone(&mut self) -> Result<()> {
        self.forget("undone > 0 AND session = ?1", self.session)
    }

    pub fn undo(&mut self) -> Result<Option<Applied>> {
        let sql = "SELECT id, label, rows, wish, answers FROM undo WHERE undone = 0 ORDER BY session = ?1 DESC, id DESC LIMIT 1";
        let Some(entry) = self.find_entry(sql)? else { return Ok(None) };
        let (id, label) = (entry.id, entry.label.clone());
        let outcome = self.run_change(entry.change())?;
        self.mark(id, "(SELECT max(undone) + 1 FROM undo)", &outcome)?;
        Ok(Some(self.applied(label, outcome)))
    }

    pub fn redo(&mut self) -> Result<Option<Applied>> {
        // of another session only what nothing newer stands on
        let sql = "SELECT id, label, rows, wish, answers FROM undo AS u WHERE undone > 0 AND (session = ?1 OR \
                   NOT EXISTS (SELECT 1 FROM undo AS newer WHERE newer.undone = 0 AND newer.id > u.id)) ORDER BY session = ?1 DESC, undone DESC LIMIT 1";
        let Some(entry) = self.find_entry(sql)? else { return Ok(None) };
        let (id, label) = (entry.id, entry.label.clone());
        let outcome = self.run_change(entry.change())?;
        self.mark(id, "0", &outcome)?;
        Ok(Some(self.applied(label, outcome)))
    }

    fn find_entry(&self, sql: &str) -> Result<Option<Entry>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let entry = statement.query_row([self.session], |row| {
            let wish = row.get::<_, Option<String>>(3)?.and_then(|text| codec::read_wish(&text));
            let answers = codec::read_answered(row.get_ref(4)?.as_blob_or_null()?.unwrap_or_default());
            Ok(Entry { id: row.get(0)?, label: row.get(1)?, rows: codec::read_restored(row.get_ref(2)?.as_blob()?), wish, answers })
        });
        Ok(entry.optional()?)
    }

    /// The entry now holds the way back from here; one that has none is done with.
    fn mark(&mut self, id: i64, undone: &str, outcome: &Outcome) -> Result<()> {
        if outcome.is_empty() {
            return self.forget("id = ?1", id);
        }
        let sql = format!("UPDATE undo SET undone = {undone}, session = ?2, rows = ?3, wish = ?4, answers = ?5 WHERE id = ?1");
        let wish = outcome.wish.as_ref().map(codec::write_wish);
        self.db.prepare_cached(&sql)?.execute((id, self.session, codec::write_restored(&outcome.inverse), wish, kept(&outcome.answers)))?;
        Ok(())
    }

    /// Drops entries, and the local rows that only they could bring back.
    fn forget(&mut self, which: &str, value: i64) -> Result<()> {
        let mut statement = self.db.prepare_cached(&format!("DELETE FROM undo WHERE {which} RETURNING rows"))?;
        let dropped = statement.query_map([value], |row| Ok(codec::read_restored(row.get_ref(0)?.as_blob()?)))?;
        let dropped: Vec<Vec<Restored>> = dropped.collect::<rusqlite::Result<_>>()?;
        let mut parked = HashSet::new();
        for id in self.with_successors(dropped.iter().flatten())? {
            if self.load(id)?.is_some_and(|row| row.state == State::Local && row.wanted.mailbox.is_none() && row.sent.is_none()) {
                parked.insert(id);
            }
        }
        if !parked.is_empty() {
            self.drop_parked(parked)?;
        }
        Ok(())
    }

    /// The rows an entry names, and the new halves of their moves to other accounts.
    fn with_successors<'r>(&self, rows: impl Iterator<Item = &'r Restored>) -> Result<HashSet<MessageId>> {
        let mut statement = self.db.prepare_cached("SELECT after FROM message WHERE id = ?1")?;
        let mut ids = HashSet::new();
        for row in rows {
            ids.insert(row.id);
            ids.extend(statement.query_row([row.id.0], |row| row.get::<_, Option<i64>>(0)).optional()?.flatten().map(MessageId));
        }
        Ok(ids)
    }

    fn drop_parked(&mut self, mut parked: HashSet<MessageId>) -> Result<()> {
        let mut statement = self.db.prepare_cached("SELECT rows FROM undo")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let kept = codec::read_restored(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
            for id in self.with_successors(kept.iter())? {
                parked.remove(&id);
            }
        }
        for id in parked {
            if let Some(row) = self.load(id)? {
                self.drop_local(id)?;
                self.remove(id, &row)?;
            }
        }
        Ok(())
    }
}
