//! Uids that a server told of messages it moved, copied or took (COPYUID, APPENDUID), until the messages are seen under them.
//! Servers tell them wrongly: of another message, of several the same, of none. So a told uid is a hint: nothing is asked
//! by it before headers came that are the message's own, and where they are another's the message is lost and looked for.

use rusqlite::OptionalExtension;

use super::lookup;
use super::rows::{Placed, State};
use super::threads::Links;
use super::work::Work;
use super::{Changed, Pending, Reader, Result, Writer};
use crate::mail::server::NewMessage;
use crate::mail::{AccountId, Key, MailboxId, MessageId, Uid};

/// Told rows of account ?1 by whose uid something is to be asked: they have a wish, or a row waits for their contents.
const TOLD_WAITING: &str = "SELECT m.mailbox, m.uid FROM told t JOIN message m ON m.id = t.message JOIN mailbox b ON b.id = m.mailbox \
    WHERE b.account = ?1 AND m.uid IS NOT NULL AND (m.dirty = 1 OR EXISTS (SELECT 1 FROM message l WHERE l.content = m.content \
    AND l.id <> m.id AND l.state = 0 AND l.wanted_mailbox IS NOT NULL)) ORDER BY m.mailbox, m.uid";
const IS_TOLD: &str = "SELECT EXISTS (SELECT 1 FROM told WHERE message = ?1)";
const ANY_TOLD: &str = "SELECT EXISTS (SELECT 1 FROM told)";

impl Reader {
    /// The uid of this message was only told.
    pub fn is_told(&self, id: MessageId) -> Result<bool> {
        Ok(self.db().prepare_cached(IS_TOLD)?.query_row([id.0], |row| row.get(0))?)
    }

    /// Those of these keys that were only told.
    pub fn told_of(&self, mailbox: MailboxId, keys: &[Key]) -> Result<Vec<Key>> {
        let mut told = Vec::new();
        if !self.db().prepare_cached(ANY_TOLD)?.query_row([], |row| row.get(0))? {
            return Ok(told);
        }
        for key in keys {
            if let Some(id) = lookup::find_key(self.db(), mailbox, key)?
                && self.is_told(id)?
            {
                told.push(key.clone());
            }
        }
        Ok(told)
    }

    /// Keys of one mailbox that were only told and by which something is to be asked; at most so many.
    pub fn told_waiting(&self, account: AccountId, limit: usize) -> Result<Option<(MailboxId, Vec<Key>)>> {
        let mut statement = self.db().prepare_cached(TOLD_WAITING)?;
        let mut first: Option<(MailboxId, Vec<Key>)> = None;
        for row in statement.query_map([account.0], |row| Ok((MailboxId(row.get(0)?), Key::Uid(Uid(row.get(1)?)))))? {
            let (mailbox, key) = row?;
            let (of, keys) = first.get_or_insert((mailbox, Vec::new()));
            if *of == mailbox && keys.len() < limit {
                keys.push(key);
            }
        }
        Ok(first)
    }

    /// Some message is in this mailbox, and nobody knows under which key.
    pub fn has_lost(&self, mailbox: MailboxId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM message WHERE mailbox = ?1 AND state = 2)";
        Ok(self.db().prepare_cached(sql)?.query_row([mailbox.0], |row| row.get(0))?)
    }
}

impl Writer {
    /// What the server has under these told keys: the messages are taken to be there, or lost. How many were lost.
    pub fn look_at_told(&self, mailbox: MailboxId, asked: Vec<Key>, there: Vec<NewMessage>) -> Pending<(Changed, usize)> {
        self.sync_job(move |work| {
            let mut lost = 0;
            for key in asked {
                let message = there.iter().find(|message| message.key == key);
                lost += usize::from(work.check_told(mailbox, &key, message)?);
            }
            Ok((std::mem::take(&mut work.changes).finish(), lost))
        })
    }
}

impl Work<'_> {
    pub fn is_told(&self, id: MessageId) -> Result<bool> {
        Ok(self.db.prepare_cached(IS_TOLD)?.query_row([id.0], |row| row.get(0))?)
    }

    /// The server told the uid of the row.
    pub fn tell(&self, id: MessageId) -> Result<()> {
        self.db.prepare_cached("INSERT OR IGNORE INTO told (message) VALUES (?1)")?.execute([id.0])?;
        Ok(())
    }

    /// What came under told keys is what was told, or shows that it was not.
    pub fn check_all_told(&mut self, mailbox: MailboxId, messages: &[NewMessage]) -> Result<()> {
        if self.db.prepare_cached(ANY_TOLD)?.query_row([], |row| row.get(0))? {
            for message in messages {
                self.check_told(mailbox, &message.key, Some(message))?;
            }
        }
        Ok(())
    }

    /// The server has this under the key. True: it told wrongly, and the row is lost.
    fn check_told(&mut self, mailbox: MailboxId, key: &Key, message: Option<&NewMessage>) -> Result<bool> {
        let Some(id) = lookup::find_key(self.db, mailbox, key)? else { return Ok(false) };
        if !self.is_told(id)? {
            return Ok(false);
        }
        let is_it = message.map(|message| self.is_content(id, Links::of(&message.envelope).own, message.size)).transpose()?;
        if is_it == Some(true) {
            self.db.prepare_cached("DELETE FROM told WHERE message = ?1")?.execute([id.0])?;
            return Ok(false);
        }
        let Some(before) = self.load(id)? else { return Ok(false) };
        self.lose_told(id, &before)?;
        Ok(true)
    }

    /// It is not where it was said to be; what is wanted of it waits until it is found.
    pub fn lose_told(&mut self, id: MessageId, before: &Placed) -> Result<()> {
        tracing::warn!(id = id.0, "the server told a wrong uid for this message");
        let after = Placed { state: State::Lost, key: None, sent: None, ..before.clone() };
        self.save(id, before, &after)?;
        self.await_arrival(id)
    }

    /// If it is not found its user is told.
    pub fn await_arrival(&self, id: MessageId) -> Result<()> {
        self.db.prepare_cached("INSERT OR IGNORE INTO arriving (message) VALUES (?1)")?.execute([id.0])?;
        Ok(())
    }

    /// The row's message has this hash of its Message-ID (0: none), or at least this size.
    fn is_content(&self, id: MessageId, hash: i64, size: u64) -> Result<bool> {
        let sql = "SELECT c.hash, c.size FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1";
        let known: Option<(i64, i64)> = self.db.prepare_cached(sql)?.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((known, octets)) = known else { return Ok(false) };
        Ok(if hash == 0 || known == 0 { i64::try_from(size) == Ok(octets) } else { hash == known })
    }

    /// Two rows stand for the same message, as far as can be said.
    pub fn is_same_content(&self, id: MessageId, other: MessageId) -> Result<bool> {
        let sql = "SELECT c.hash, c.size FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1";
        let (hash, size): (i64, i64) = self.db.prepare_cached(sql)?.query_row([other.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.is_content(id, hash, u64::try_from(size).unwrap_or_default())
    }
}
