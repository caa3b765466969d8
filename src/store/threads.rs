//! Which thread a message is in, incrementally and in any order of arrival: every Message-ID seen, as own
//! id or as reference, leads to its thread; a message that joins two threads relabels the smaller one. What was cut or joined
//! by hand stands on top of this (`forest.rs`).

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row};

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

    /// Every hash with the one that it answers by this message's word, 0 for none; of several the least.
    fn above(&self) -> BTreeMap<i64, i64> {
        let mut all = BTreeMap::new();
        let mut last = 0;
        for hash in self.references.iter().copied().chain([self.own]).filter(|&hash| hash != 0) {
            let above = all.entry(hash).or_insert(0);
            if last != hash {
                *above = least(*above, last);
            }
            last = hash;
        }
        all
    }
}

/// Of two, where 0 is none.
fn least(one: i64, other: i64) -> i64 {
    if one == 0 || other == 0 { one | other } else { one.min(other) }
}

impl Work<'_> {
    /// The thread of a message with these links; joins threads where it connects them. A new thread is
    /// named after the message, whose id nothing else ever has.
    pub fn thread_for(&mut self, links: &Links, id: MessageId) -> Result<ThreadId> {
        let mut bases: BTreeSet<i64> = BTreeSet::new();
        let mut unknown = Vec::new();
        let mut is_apart = false;
        let mut find = self.db.prepare_cached("SELECT coalesce(base, thread), above, base IS NOT NULL FROM reference WHERE hash = ?1")?;
        let mut tell = self.db.prepare_cached("UPDATE OR FAIL reference SET above = ?2 WHERE hash = ?1")?;
        let all = links.above();
        for (&hash, &above) in &all {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?));
            match find.query_row([hash], read).optional()? {
                Some((base, known, was_touched)) => {
                    bases.insert(base);
                    is_apart |= was_touched;
                    if least(known, above) != known {
                        tell.execute((hash, least(known, above)))?;
                    }
                }
                None => unknown.push((hash, above)),
            }
        }
        let thread = self.join(&bases)?.unwrap_or(id.0);
        let mut insert = self.db.prepare_cached("INSERT INTO reference (hash, thread, above) VALUES (?1, ?2, ?3)")?;
        for (hash, above) in unknown {
            insert.execute((hash, thread, above))?;
        }
        if !is_apart {
            return Ok(ThreadId(thread));
        }
        // until all is looked at together
        self.unthreaded.extend(all.into_keys());
        let start = if links.own != 0 { links.own } else { links.parent() };
        let mut statement = self.db.prepare_cached("SELECT thread FROM reference WHERE hash = ?1")?;
        Ok(ThreadId(statement.query_row([start], |row| row.get(0))?))
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
        for column in ["thread", "base"] {
            let sql = format!("UPDATE OR FAIL reference SET {column} = ?2 WHERE {column} = ?1");
            self.db.prepare_cached(&sql)?.execute((from, to))?;
        }
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
