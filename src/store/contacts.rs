//! Whom one writes to: the table of those written to (`user.db`), and who is seen in mail (`mail.db`). Counts
//! only; who is offered for what was typed is the worker's (`drafts/book.rs`).

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::own::Own;
use super::writer::Writer;
use super::{Pending, Reader, Result, addresses, codec};
use crate::mail::{Address, Contact, Role};

/// A header that names more is a mass mailing: it says nothing about whom one writes to.
const MAX_BESIDE: usize = 50;

/// Counts a message to each of these addresses, at a time in Unix seconds; within the caller's transaction.
pub(super) fn count_contacts(db: &Connection, addresses: &[Address], at: i64) -> Result<()> {
    let mut upsert = db.prepare_cached(
        "INSERT INTO contact (address, name, sent, last) VALUES (?1, ?2, 1, ?3) ON CONFLICT (address) DO UPDATE SET \
         sent = sent + 1, last = max(last, excluded.last), name = CASE WHEN excluded.name = '' THEN name ELSE excluded.name END",
    )?;
    let mut counted = HashSet::new();
    for address in addresses {
        let lower = address.address.to_lowercase();
        if !lower.is_empty() && counted.insert(lower.clone()) {
            upsert.execute((lower, address.name.trim(), at))?;
        }
    }
    Ok(())
}

impl Writer {
    /// A message to these was accepted.
    pub fn count_contacts(&self, addresses: Vec<Address>, at: i64) -> Pending<()> {
        self.own_job(move |tx| count_contacts(tx, &addresses, at))
    }
}

impl Own {
    /// Everybody written to from here.
    pub fn contacts(&self) -> Result<Vec<Contact>> {
        let mut statement = self.db().prepare_cached("SELECT name, address, sent, last FROM contact")?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Contact { address: Address { name: row.get(0)?, address: row.get(1)? }, sent: row.get(2)?, seen: 0, last: row.get(3)? })
        };
        Ok(statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?)
    }
}

/// How far the contents of `mail.db` were counted, and as which numbers it knows the addresses.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    content: i64,
    address: i64,
    mine: HashSet<i64>,
}

impl Seen {
    /// One step on: who is in messages that came since the last call. A message of one's own (`mine`: lower-case
    /// addresses) counts as sent to its recipients. The first call reads every message's addresses; not for the UI thread.
    pub fn next(&mut self, reader: &Reader, mine: &HashSet<String>) -> Result<Vec<Contact>> {
        let mut new = self.read_addresses(reader, mine)?;
        let skipped = self.skipped(reader)?;
        let mut counts: HashMap<i64, (u32, u32, i64)> = HashMap::new();
        let mut statement =
            reader.db().prepare_cached("SELECT id, received, sender, recipients, copies FROM content WHERE id > ?1 ORDER BY id")?;
        let mut rows = statement.query([self.content])?;
        let mut last = self.content;
        while let Some(row) = rows.next()? {
            let (id, received) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
            last = id;
            if skipped.contains(&id) {
                continue;
            }
            let ids = |at: usize| -> Result<Vec<i64>> {
                Ok(codec::read_ids(row.get_ref(at)?.as_blob_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default()))
            };
            let (from, to, cc) = (ids(2)?, ids(3)?, ids(4)?);
            let is_mine = from.iter().any(|id| self.mine.contains(id));
            let beside = if to.len() + cc.len() <= MAX_BESIDE { to.iter().chain(&cc) } else { [].iter().chain(&[]) };
            for (person, is_sent) in from.iter().map(|id| (id, false)).chain(beside.map(|id| (id, is_mine))) {
                let count = counts.entry(*person).or_default();
                if is_sent {
                    count.0 = count.0.saturating_add(1);
                } else {
                    count.1 = count.1.saturating_add(1);
                }
                count.2 = count.2.max(received);
            }
        }
        self.content = last;
        let mut seen = Vec::with_capacity(counts.len());
        for (id, (sent, seen_count, last)) in counts {
            let address = match new.remove(&id) {
                Some(address) => Some(address),
                None => addresses::load(reader.db(), id)?,
            };
            seen.extend(address.map(|address| Contact { address, sent, seen: seen_count, last }));
        }
        Ok(seen)
    }

    /// Addresses new since the last call, by number.
    fn read_addresses(&mut self, reader: &Reader, mine: &HashSet<String>) -> Result<HashMap<i64, Address>> {
        let mut new = HashMap::new();
        let mut statement = reader.db().prepare_cached("SELECT id, name, address FROM address WHERE id > ?1 ORDER BY id")?;
        let mut rows = statement.query([self.address])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let address = Address { name: row.get(1)?, address: row.get(2)? };
            self.address = id;
            if mine.contains(&address.address.to_lowercase()) {
                self.mine.insert(id);
            }
            new.insert(id, address);
        }
        Ok(new)
    }

    /// New contents that are junk, or not sent yet.
    fn skipped(&self, reader: &Reader) -> Result<HashSet<i64>> {
        let mut skipped = HashSet::new();
        let sql = if self.content == 0 {
            "SELECT content FROM message WHERE wanted_mailbox = ?1 AND content > ?2"
        } else {
            // few are new: the mailbox is not gone through for them
            "SELECT content FROM message WHERE +wanted_mailbox = ?1 AND content > ?2"
        };
        let mut statement = reader.db().prepare_cached(sql)?;
        for mailbox in reader.mailboxes()?.iter().filter(|mailbox| matches!(mailbox.role, Some(Role::Junk | Role::Drafts))) {
            for id in statement.query_map((mailbox.id.0, self.content), |row| row.get(0))? {
                skipped.insert(id?);
            }
        }
        Ok(skipped)
    }
}
