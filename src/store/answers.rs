//! Threads cut and joined by hand. What a message answers then is kept in `user.db` by Message-ID, for no server has it; `mail.db` has a copy
//! by hash, from which `forest.rs` makes the threads. The messages themselves stay as they came.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row};

use super::changes::Outcome;
use super::forest::Forest;
use super::work::Work;
use super::{Result, StoreError};
use crate::mail::thread::id_hash;
use crate::mail::{Answered, Answers, MailboxId, MessageId};

/// The rows of a Message-ID that the user can see.
const ROWS: &str = "SELECT m.id, m.wanted_mailbox FROM reference r JOIN message m ON m.thread = r.thread \
     JOIN content c ON c.id = m.content WHERE r.hash = ?1 AND c.hash = ?1 AND m.wanted_mailbox IS NOT NULL";

fn refused(why: &str) -> StoreError {
    StoreError::Other(why.to_owned())
}

fn nameless() -> StoreError {
    refused("a message without a Message-ID can't be cut off a thread or joined to one, for nothing would find it again")
}

/// What `user.db` holds, by hash; 0 for nothing.
fn wished(user: &Connection) -> Result<BTreeMap<i64, i64>> {
    let mut statement = user.prepare("SELECT rfc_message_id, parent FROM answers")?;
    let read = |row: &Row<'_>| {
        let parent: Option<String> = row.get(1)?;
        Ok((id_hash(&row.get::<_, String>(0)?), parent.map_or(0, |parent| id_hash(&parent))))
    };
    Ok(statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?)
}

fn copied(mail: &Connection) -> Result<BTreeMap<i64, i64>> {
    let mut statement = mail.prepare("SELECT hash, parent FROM answers")?;
    Ok(statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?)
}

/// The copy in `mail.db` is not what `user.db` holds: one of them is new, or a process ended between the two.
pub(super) fn differ(user: &Connection, mail: &Connection) -> Result<bool> {
    Ok(wished(user)? != copied(mail)?)
}

impl Work<'_> {
    /// Brings the copy in step with `user.db`.
    pub fn copy_answers(&mut self) -> Result<()> {
        let (wished, copied) = (wished(self.user)?, copied(self.db)?);
        for &hash in copied.keys().filter(|hash| !wished.contains_key(hash)) {
            self.copy_answer(hash, None)?;
        }
        for (&hash, &parent) in wished.iter().filter(|(hash, parent)| copied.get(hash) != Some(parent)) {
            self.copy_answer(hash, Some(parent))?;
        }
        self.rethread()
    }

    pub fn cut(&mut self, ids: &[MessageId], outcome: &mut Outcome) -> Result<()> {
        let named = self.named(ids)?;
        if named.is_empty() {
            return Err(nameless());
        }
        let forest = Forest::load(self.db, named.keys().copied())?;
        let threads = forest.threads();
        let mut rows = Vec::new();
        for (_, rfc_message_id) in named.into_iter().filter(|(hash, _)| !forest.begins_thread(*hash, &threads)) {
            rows.push(self.answered(rfc_message_id, Answers::Nothing)?);
        }
        if rows.is_empty() {
            return Err(refused("it is the first of its thread, so there is nothing to cut it off from"));
        }
        self.answer(rows, outcome)
    }

    /// What stands below another of them stays there.
    pub fn join_under(&mut self, ids: &[MessageId], to: MessageId, outcome: &mut Outcome) -> Result<()> {
        let (Some((to, parent)), mut named) = (self.named(&[to])?.pop_first(), self.named(ids)?) else { return Err(nameless()) };
        if named.is_empty() {
            return Err(nameless());
        }
        named.remove(&to);
        let forest = Forest::load(self.db, named.keys().copied().chain([to]))?;
        if forest.above(to).any(|above| named.contains_key(&above)) {
            return Err(refused("a message can't be joined under one that answers it; cut that one off its thread first"));
        }
        let is_below_another = |hash| forest.above(hash).any(|above| named.contains_key(&above));
        let mut rows = Vec::new();
        for (&hash, rfc_message_id) in named.iter().filter(|(hash, _)| forest.parent(**hash) != Some(to)) {
            if is_below_another(hash) {
                outcome.done += 1;
            } else {
                rows.push(self.answered(rfc_message_id.clone(), Answers::Message(parent.clone()))?);
            }
        }
        if rows.is_empty() {
            return Err(refused("it stands there already"));
        }
        self.answer(rows, outcome)
    }

    /// Undo and redo: each only where it still is as it was left.
    pub fn answer_again(&mut self, rows: Vec<Answered>, outcome: &mut Outcome) -> Result<()> {
        let mut still = Vec::new();
        for row in rows {
            let now = self.answered(row.rfc_message_id.clone(), row.to.clone())?;
            if now.from == row.from {
                still.push(row);
            }
        }
        self.answer(still, outcome)
    }

    /// The Message-IDs of those rows that have one, by hash.
    fn named(&self, ids: &[MessageId]) -> Result<BTreeMap<i64, String>> {
        let sql = "SELECT c.hash, c.rfc_message_id FROM message m JOIN content c ON c.id = m.content \
                   WHERE m.id = ?1 AND m.wanted_mailbox IS NOT NULL AND c.hash <> 0 AND c.rfc_message_id IS NOT NULL";
        let mut statement = self.db.prepare_cached(sql)?;
        let mut named = BTreeMap::new();
        for id in ids {
            named.extend(statement.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?);
        }
        Ok(named)
    }

    /// The step from what is kept of a message to this.
    fn answered(&self, rfc_message_id: String, to: Answers) -> Result<Answered> {
        let mut statement = self.user.prepare_cached("SELECT parent FROM answers WHERE rfc_message_id = ?1")?;
        let kept = statement.query_row([&rfc_message_id], |row| row.get::<_, Option<String>>(0)).optional()?;
        let from = match kept {
            None => Answers::AsWritten,
            Some(None) => Answers::Nothing,
            Some(Some(parent)) => Answers::Message(parent),
        };
        Ok(Answered { rfc_message_id, from, to })
    }

    /// Saves what messages answer from now on. `user.db` has it before the transaction of `mail.db` ends, whose copy can be made again.
    fn answer(&mut self, rows: Vec<Answered>, outcome: &mut Outcome) -> Result<()> {
        for row in &rows {
            let hash = id_hash(&row.rfc_message_id);
            let parent = match &row.to {
                Answers::AsWritten => None,
                Answers::Nothing => Some(0),
                Answers::Message(parent) => Some(id_hash(parent)),
            };
            self.copy_answer(hash, parent)?;
        }
        self.rethread()?;
        self.keep_answers(&rows)?;
        for row in rows {
            self.note_place(id_hash(&row.rfc_message_id))?;
            outcome.done += 1;
            outcome.answers.push(Answered { rfc_message_id: row.rfc_message_id, from: row.to, to: row.from });
        }
        Ok(())
    }

    fn keep_answers(&self, rows: &[Answered]) -> Result<()> {
        let tx = self.user.unchecked_transaction()?;
        let mut keep = tx.prepare_cached("INSERT OR REPLACE INTO answers (rfc_message_id, parent) VALUES (?1, ?2)")?;
        let mut forget = tx.prepare_cached("DELETE FROM answers WHERE rfc_message_id = ?1")?;
        for row in rows {
            match &row.to {
                Answers::AsWritten => forget.execute([&row.rfc_message_id])?,
                Answers::Nothing => keep.execute((&row.rfc_message_id, None::<String>))?,
                Answers::Message(parent) => keep.execute((&row.rfc_message_id, Some(parent)))?,
            };
        }
        drop((keep, forget));
        tx.commit()?;
        Ok(())
    }

    /// Writes one answer into `mail.db`, None for none any more; the threads on both sides are to be looked at.
    fn copy_answer(&mut self, hash: i64, parent: Option<i64>) -> Result<()> {
        let find = "SELECT parent FROM answers WHERE hash = ?1";
        let before = self.db.prepare_cached(find)?.query_row([hash], |row| row.get::<_, i64>(0)).optional()?;
        let ends: BTreeSet<i64> = before.into_iter().chain(parent).chain([hash]).filter(|&end| end != 0).collect();
        for &end in &ends {
            // nothing with this Message-ID came yet
            let is_known = self.db.prepare_cached("SELECT 1 FROM reference WHERE hash = ?1")?.exists([end])?;
            if !is_known {
                let thread = self.next_id()?.0;
                self.db.prepare_cached("INSERT OR FAIL INTO reference (hash, thread) VALUES (?1, ?2)")?.execute((end, thread))?;
            }
        }
        self.unthreaded.extend(ends);
        match parent {
            Some(parent) => self.db.execute("INSERT OR REPLACE INTO answers (hash, parent) VALUES (?1, ?2)", (hash, parent))?,
            None => self.db.execute("DELETE FROM answers WHERE hash = ?1", [hash])?,
        };
        Ok(())
    }

    /// It stands elsewhere in a thread, be it the same one.
    fn note_place(&mut self, hash: i64) -> Result<()> {
        let mut statement = self.db.prepare_cached(ROWS)?;
        let rows = statement.query_map([hash], |row| Ok((MessageId(row.get(0)?), MailboxId(row.get(1)?))))?;
        for row in rows {
            let (id, mailbox) = row?;
            self.changes.changed(mailbox, id);
        }
        Ok(())
    }
}
