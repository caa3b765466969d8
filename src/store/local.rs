//! Messages written here: a row in a mailbox, its bytes in `user.db` until the mailbox's server has them. A new
//! copy of a draft replaces the older one, which leaves its server only when the new one is on it.

use rusqlite::{OptionalExtension, params};

use super::rows::{Placed, State};
use super::threads::Links;
use super::work::Work;
use super::writer::Writer;
use super::{Changed, KeptCopy, Pending, Reader, Result, StoreError};
use crate::mail::server::NewMessage;
use crate::mail::thread::id_hash;
use crate::mail::{AccountId, Envelope, FlagBits, Flags, Key, Keywords, MailboxId, MessageId, Role, Uid};

/// A message that was written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub envelope: Envelope,
    pub flags: Flags,
    /// Unix seconds.
    pub received: i64,
    pub bytes: Vec<u8>,
}

/// Bytes in `user.db` whose row was lost with `mail.db`. Mailboxes by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    pub message: MessageId,
    pub account: String,
    pub mailbox: String,
    pub flags: Flags,
    pub received: i64,
    pub bytes: Vec<u8>,
}

impl Writer {
    /// An id for a message that is written later; never given again.
    pub fn reserve_id(&self) -> Pending<MessageId> {
        self.user_job(|work| work.next_id())
    }

    /// Puts a message into a mailbox, under `id` where one was reserved (done before: nothing happens). What an attempt that
    /// failed left of a message of the same Message-ID is taken over. `replaces` goes from its server once this one is on it.
    pub fn add_written(
        &self,
        id: Option<MessageId>,
        mailbox: MailboxId,
        written: Written,
        replaces: Option<MessageId>,
    ) -> Pending<(MessageId, Changed)> {
        self.user_job(move |work| work.add_written(id, mailbox, written, replaces))
    }

    /// The account's mailbox of this role; where there is none, one of the name and wire name in `made`, which its
    /// server gets with the first append.
    pub fn role_mailbox(&self, account: AccountId, role: Role, made: (String, String)) -> Pending<MailboxId> {
        self.user_job(move |work| work.role_mailbox(account, role, &made))
    }

    /// What was written here and has no row any more; without what a draft is still to be put into a mailbox for.
    pub fn orphans(&self) -> Pending<Vec<Orphan>> {
        self.user_job(|work| work.orphans())
    }
}

impl Work<'_> {
    pub fn add_written(
        &mut self,
        id: Option<MessageId>,
        mailbox: MailboxId,
        written: Written,
        replaces: Option<MessageId>,
    ) -> Result<(MessageId, Changed)> {
        let account = self.account_of(mailbox)?.ok_or_else(|| StoreError::Other("the mailbox is gone".into()))?;
        let id = match id {
            Some(id) => id,
            None => self.begun(mailbox, &written)?.map_or_else(|| self.next_id(), Ok)?,
        };
        if self.load(id)?.is_some() {
            return Ok((id, Changed::default()));
        }
        let Written { envelope, flags, received, bytes } = written;
        let links = Links::of(&envelope);
        let thread = self.thread_for(&links, id)?.0;
        let size = bytes.len() as u64;
        // it has no key yet; content rows know of none
        let message = NewMessage { key: Key::Uid(Uid(0)), flags: flags.clone(), received, size, envelope, identity: None };
        let content = self.insert_content(account, &message, &links, None)?;
        self.insert_row(id, content, thread, received, &Placed::local(mailbox, flags))?;
        self.rethread()?;
        let kept = self.user.unchecked_transaction()?;
        self.keep_local(id, &bytes)?;
        self.user.prepare_cached("UPDATE local SET own = 1 WHERE message = ?1")?.execute([id.0])?;
        kept.commit()?;
        if let Some(old) = replaces {
            self.replace(old, id)?;
        }
        Ok((id, std::mem::take(&mut self.changes).finish()))
    }

    /// The id under which the message was to be put there when `mail.db` could not be written: its bytes are kept, and would
    /// come back as a second message.
    fn begun(&self, mailbox: MailboxId, written: &Written) -> Result<Option<MessageId>> {
        let Some(rfc_message_id) = &written.envelope.rfc_message_id else { return Ok(None) };
        let place = "SELECT a.name, b.name FROM mailbox b JOIN account a ON a.id = b.account WHERE b.id = ?1";
        let (account, name): (String, String) = self.db.query_row(place, [mailbox.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let sql = "SELECT message FROM local WHERE own = 1 AND account = ?1 AND mailbox = ?2 AND rfc_message_id = ?3 ORDER BY message";
        let mut statement = self.user.prepare_cached(sql)?;
        let ids = statement.query_map(params![account, name, rfc_message_id], |row| row.get(0).map(MessageId))?;
        for id in ids {
            let id = id?;
            if self.load(id)?.is_none() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// The older copy is wanted gone, but only after the new one is on its server; so is whatever waited for the
    /// older one.
    fn replace(&mut self, old: MessageId, new: MessageId) -> Result<()> {
        let Some(before) = self.load(old)? else { return Ok(()) };
        self.db.prepare_cached("UPDATE message SET after = ?2 WHERE after = ?1")?.execute((old.0, new.0))?;
        let is_on_its_way = before.sent.as_ref().is_some_and(|sent| sent.target().is_some());
        if before.state == State::Local && !is_on_its_way {
            // no server has it, or ever will
            self.drop_local(old)?;
            return self.remove(old, &before);
        }
        let mut after = before.clone();
        after.wanted.mailbox = None;
        self.save(old, &before, &after)?;
        self.db.prepare_cached("UPDATE message SET after = ?2 WHERE id = ?1")?.execute((old.0, new.0))?;
        Ok(())
    }

    pub fn role_mailbox(&mut self, account: AccountId, role: Role, made: &(String, String)) -> Result<MailboxId> {
        let by_role = "SELECT id FROM mailbox WHERE account = ?1 AND role = ?2 AND selectable = 1 LIMIT 1";
        if let Some(id) = self.db.query_row(by_role, (account.0, role as i64), |row| row.get(0)).optional()? {
            return Ok(MailboxId(id));
        }
        let (name, wire_name) = made;
        let by_name = "SELECT id, selectable FROM mailbox WHERE account = ?1 AND name = ?2";
        let found = self.db.query_row(by_name, (account.0, name), |row| Ok((row.get(0)?, row.get::<_, bool>(1)?))).optional()?;
        match found {
            Some((id, true)) => {
                self.db.execute("UPDATE mailbox SET role = ?2 WHERE id = ?1", (id, role as i64))?;
                Ok(MailboxId(id))
            }
            Some((_, false)) => Err(StoreError::Other(format!("the mailbox {name} only holds other mailboxes, not messages"))),
            None => {
                let sql = "INSERT INTO mailbox (account, name, server_name, wire_name, role, selectable) VALUES (?1, ?2, ?2, ?3, ?4, 1)";
                self.db.execute(sql, (account.0, name, wire_name, role as i64))?;
                Ok(MailboxId(self.db.last_insert_rowid()))
            }
        }
    }

    fn orphans(&self) -> Result<Vec<Orphan>> {
        let mut statement = self.user.prepare_cached(ORPHANS)?;
        let read = |row: &rusqlite::Row<'_>| {
            let keywords: String = row.get(4)?;
            Ok(Orphan {
                message: MessageId(row.get(0)?),
                account: row.get(1)?,
                mailbox: row.get(2)?,
                flags: Flags { bits: FlagBits(row.get(3)?), keywords: Keywords::parse(&keywords) },
                received: row.get(5)?,
                bytes: Vec::new(),
            })
        };
        let all: Vec<Orphan> = statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?;
        let mut orphans = Vec::new();
        let mut bytes = self.user.prepare_cached("SELECT bytes FROM local WHERE message = ?1")?;
        for orphan in all {
            if self.load(orphan.message)?.is_none() {
                let bytes = bytes.query_row([orphan.message.0], |row| row.get(0))?;
                orphans.push(Orphan { bytes, ..orphan });
            }
        }
        Ok(orphans)
    }
}

const ORPHANS: &str = "SELECT message, account, mailbox, bits, keywords, received FROM local WHERE own = 1 \
     AND NOT EXISTS (SELECT 1 FROM draft d WHERE d.rfc_message_id = local.rfc_message_id) ORDER BY message";

pub(super) const BY_MESSAGE_ID: &str = "SELECT m.id FROM reference r JOIN message m ON m.thread = r.thread \
     JOIN content c ON c.id = m.content WHERE r.hash = ?1 AND c.hash = ?1 AND c.rfc_message_id = ?2 \
     AND m.wanted_mailbox IS NOT NULL";

impl Reader {
    /// The messages with this Message-ID that the user can see.
    pub fn find_rfc_message_id(&self, rfc_message_id: &str) -> Result<Vec<MessageId>> {
        let mut statement = self.db().prepare_cached(BY_MESSAGE_ID)?;
        let rows = statement.query_map(params![id_hash(rfc_message_id), rfc_message_id], |row| row.get(0).map(MessageId))?;
        let mut ids: Vec<MessageId> = rows.collect::<rusqlite::Result<_>>()?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// How a message is named in `user.db`; None: it is gone.
    pub fn name_copy(&self, id: MessageId) -> Result<Option<KeptCopy>> {
        let mut statement = self.db().prepare_cached(
            "SELECT a.name, c.rfc_message_id, c.size, m.received, c.date FROM message m JOIN content c ON c.id = m.content \
             JOIN mailbox b ON b.id = m.wanted_mailbox JOIN account a ON a.id = b.account WHERE m.id = ?1",
        )?;
        let named = statement.query_row([id.0], |row| {
            let size = row.get::<_, i64>(2)?.unsigned_abs();
            Ok(KeptCopy {
                message: id.0,
                account: row.get(0)?,
                rfc_message_id: row.get(1)?,
                size,
                received: row.get(3)?,
                date: row.get(4)?,
            })
        });
        Ok(named.optional()?)
    }

    /// The message that was named so; None: it is gone, or another one has its place.
    pub fn find_copy(&self, copy: &KeptCopy) -> Result<Option<MessageId>> {
        if let Some(found) = self.name_copy(copy.message())?.filter(|found| found.is_same(copy)) {
            return Ok(Some(found.message()));
        }
        let Some(rfc_message_id) = &copy.rfc_message_id else { return Ok(None) };
        // what was sent has the same Message-ID, and is no draft
        let sql = "SELECT b.role IS ?2 FROM message m JOIN mailbox b ON b.id = m.wanted_mailbox WHERE m.id = ?1";
        let mut in_sent = self.db().prepare_cached(sql)?;
        for id in self.find_rfc_message_id(rfc_message_id)? {
            if in_sent.query_row((id.0, Role::Sent as i64), |row| row.get(0))? {
                continue;
            }
            let found = self.name_copy(id)?;
            if found.is_some_and(|found| found.is_same(copy)) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}
