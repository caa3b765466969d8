//! Which thread a message is in, incrementally and in any order of arrival: every Message-ID seen, as own
//! id or as reference, leads to its thread; a message that joins two threads relabels the smaller one.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;

use super::Result;
use super::work::Work;
use crate::mail::thread::id_hash;
use crate::mail::{Envelope, MessageId, ThreadId};

/// The hashes a message brings: its own (0 for none) and those it refers to, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    pub own: i64,
    pub references: Vec<i64>,
}

impl Links {
    pub fn of(envelope: &Envelope) -> Self {
        let own = envelope.rfc_message_id.as_deref().map_or(0, id_hash);
        let references = envelope.references.iter().map(|id| id_hash(id)).filter(|&hash| hash != 0 && hash != own).collect();
        Self { own, references }
    }

    /// Hash of the last reference, 0 for none.
    pub fn parent(&self) -> i64 {
        self.references.last().copied().unwrap_or_default()
    }
}

impl Work<'_> {
    /// The thread of a message with these links; joins threads where it connects them. A new thread is
    /// named after the message, whose id nothing else ever has.
    pub fn thread_for(&mut self, links: &Links, id: MessageId) -> Result<ThreadId> {
        let hashes: BTreeSet<i64> = links.references.iter().copied().chain([links.own]).filter(|&hash| hash != 0).collect();
        let mut threads: BTreeSet<i64> = BTreeSet::new();
        let mut unknown = Vec::new();
        let mut find = self.db.prepare_cached("SELECT thread FROM reference WHERE hash = ?1")?;
        for &hash in &hashes {
            match find.query_row([hash], |row| row.get(0)).optional()? {
                Some(thread) => {
                    threads.insert(thread);
                }
                None => unknown.push(hash),
            }
        }
        let thread = self.join(&threads)?.unwrap_or(id.0);
        let mut insert = self.db.prepare_cached("INSERT INTO reference (hash, thread) VALUES (?1, ?2)")?;
        for hash in unknown {
            insert.execute((hash, thread))?;
        }
        Ok(ThreadId(thread))
    }

    /// Makes one thread of several: the largest keeps its name.
    fn join(&mut self, threads: &BTreeSet<i64>) -> Result<Option<i64>> {
        let mut rest = threads.iter().copied();
        let Some(first) = rest.next() else { return Ok(None) };
        if threads.len() == 1 {
            return Ok(Some(first));
        }
        let mut largest = (self.thread_size(first)?, first);
        for thread in rest {
            largest = largest.max((self.thread_size(thread)?, thread));
        }
        for &thread in threads.iter().filter(|&&thread| thread != largest.1) {
            self.relabel(thread, largest.1)?;
        }
        Ok(Some(largest.1))
    }

    fn thread_size(&self, thread: i64) -> Result<i64> {
        let mut statement = self.db.prepare_cached("SELECT count(*) FROM reference WHERE thread = ?1")?;
        Ok(statement.query_row([thread], |row| row.get(0))?)
    }

    fn relabel(&mut self, from: i64, to: i64) -> Result<()> {
        self.db.prepare_cached("UPDATE OR FAIL reference SET thread = ?2 WHERE thread = ?1")?.execute((from, to))?;
        let mut statement =
            self.db.prepare_cached("UPDATE OR FAIL message SET thread = ?2 WHERE thread = ?1 RETURNING id, wanted_mailbox")?;
        let rows = statement.query_map((from, to), |row| Ok((MessageId(row.get(0)?), row.get::<_, Option<i64>>(1)?)))?;
        for row in rows {
            if let (id, Some(mailbox)) = row? {
                self.changes.changed(crate::mail::MailboxId(mailbox), id);
            }
        }
        Ok(())
    }
}
