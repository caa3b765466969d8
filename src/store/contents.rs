//! What placements share: headers, body, search text. The search index has no text of its own
//! (contentless); it is fed from here at the end of each transaction, headers and bodies as they come.

use rusqlite::{OptionalExtension, params};

use super::Result;
use super::search::searchable;
use super::threads::Links;
use super::work::Work;
use super::{addresses, codec};
use crate::mail::server::{Body, NewMessage};
use crate::mail::thread::id_hash;
use crate::mail::{AccountId, Address, ContentId, Envelope, FlagBits, MailboxId, MessageId};
use crate::store::lookup;

/// Search text kept of one body, in bytes; more finds nothing that people look for.
const MAX_TEXT: usize = 256 * 1024;

/// Pages that one step of merging the search index writes; a user's change waits for one at most.
const MERGE: i64 = 16;
/// Such steps of one transaction.
const STEPS: usize = 64;
/// Segments that the search index gets before they are merged: every question looks into each, but a first sync of 100,000
/// headers makes no more, and to merge them is a twelfth of its work. SQLite itself would do it, all at once, at 256 (mail_002).
const SEGMENTS: usize = 128;
/// Octets of text that FTS5 holds before it writes a segment (its hashsize is 1 MiB, and a word takes several entries).
const SEGMENT: usize = 256 * 1024;

/// Bodies evicted in one transaction.
const EVICTED: i64 = 50;

/// The oldest bodies of account ?1 that may go, and their lengths.
pub(super) const EVICTABLE: &str = "SELECT c.id, length(b.bytes) FROM content c INDEXED BY content_kept JOIN body b ON b.content = c.id \
     WHERE c.account = ?1 AND c.body > 0 AND NOT EXISTS (SELECT 1 FROM message m WHERE m.content = c.id \
     AND (m.state <> 1 OR m.dirty = 1 OR m.wanted_bits & 2 <> 0 OR EXISTS (SELECT 1 FROM sent s WHERE s.message = m.id))) \
     ORDER BY c.received LIMIT ?2";

/// A 64-bit name for the server's content id within an account.
pub(super) fn identity_hash(account: AccountId, identity: &str) -> i64 {
    id_hash(&format!("{account}/{identity}"))
}

impl Work<'_> {
    /// The content the account's server calls by this identity.
    pub fn find_identity(&self, identity: i64) -> Result<Option<ContentId>> {
        let mut statement = self.db.prepare_cached("SELECT id FROM content WHERE identity = ?1 LIMIT 1")?;
        Ok(statement.query_row([identity], |row| row.get(0).map(ContentId)).optional()?)
    }

    pub fn insert_content(&mut self, account: AccountId, message: &NewMessage, links: &Links, identity: Option<i64>) -> Result<ContentId> {
        let envelope = &message.envelope;
        let lately = &mut self.memory.lately;
        let list_id = envelope.list_id.as_deref().map(|id| lately.find_or_add(self.db, &Address::new("", id))).transpose()?;
        let sender = lately.intern(self.db, &envelope.from)?;
        let recipients = lately.intern(self.db, &envelope.to)?;
        let copies = lately.intern(self.db, &envelope.cc)?;
        self.db
            .prepare_cached(
                "INSERT INTO content (account, received, date, size, hash, parent, identity, attachment, sender, recipients, copies, \
                 subject, rfc_message_id, list_id, indexed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, 1)",
            )?
            .execute(params![
                account.0,
                message.received,
                envelope.date,
                i64::try_from(message.size).unwrap_or(i64::MAX),
                links.own,
                links.parent(),
                identity,
                envelope.has_attachment,
                sender,
                recipients,
                copies,
                Some(envelope.subject.as_str()).filter(|subject| !subject.is_empty()),
                envelope.rfc_message_id,
                list_id,
            ])?;
        let content = ContentId(self.db.last_insert_rowid());
        self.index_envelope(content, envelope);
        Ok(content)
    }

    /// Makes the search row of a new content from what is at hand.
    fn index_envelope(&mut self, content: ContentId, envelope: &Envelope) {
        let mut to = words(&envelope.to);
        to.push(' ');
        to.push_str(&words(&envelope.cc));
        to.push(' ');
        to.push_str(envelope.list_id.as_deref().unwrap_or_default());
        self.unfed.insert(
            content,
            SearchRow {
                sender: searchable(words(&envelope.from).into()).into(),
                recipients: searchable(to.into()).into(),
                subject: searchable(envelope.subject.as_str().into()).into(),
                body: String::new(),
                is_new: true,
            },
        );
    }

    /// Writes the search rows of this transaction, after all else: every statement with a trigger opens a savepoint, and
    /// at each of them FTS5 writes what it holds as a segment of its own.
    pub fn feed_index(&mut self) -> Result<()> {
        let mut octets = 0;
        for (content, row) in std::mem::take(&mut self.unfed) {
            // it may have gone again
            let mut exists = self.db.prepare_cached("SELECT 1 FROM content WHERE id = ?1")?;
            if !exists.exists([content.0])? {
                continue;
            }
            let sql = if row.is_new {
                "INSERT INTO search (rowid, sender, recipients, subject, body) VALUES (?1, ?2, ?3, ?4, ?5)"
            } else {
                "INSERT OR REPLACE INTO search (rowid, sender, recipients, subject, body) VALUES (?1, ?2, ?3, ?4, ?5)"
            };
            octets += row.sender.len() + row.recipients.len() + row.subject.len() + row.body.len();
            self.db.prepare_cached(sql)?.execute((content.0, row.sender, row.recipients, row.subject, row.body))?;
        }
        let segments = if octets > 0 { 1 + octets / SEGMENT } else { 0 };
        self.memory.spare = self.memory.spare.saturating_sub(segments);
        Ok(())
    }

    /// Merges segments of the search index where there are many, over as many transactions as that takes and in steps that keep
    /// no user waiting.
    pub fn tend_index(&mut self) -> Result<()> {
        for _ in 0..STEPS {
            if self.memory.spare > 0 || self.memory.is_hurried() {
                break;
            }
            let before = self.db.total_changes();
            self.db.prepare_cached("INSERT INTO search (search, rank) VALUES ('merge', ?1)")?.execute([MERGE])?;
            // one change is the command itself (FTS5, "The 'merge' Command")
            let is_merged = self.db.total_changes() - before < 2;
            self.memory.spare = if is_merged { SEGMENTS } else { 0 };
        }
        Ok(())
    }

    /// Keeps bodies of a mailbox's messages; one whose message is gone is left out.
    pub fn add_bodies(&mut self, mailbox: MailboxId, bodies: &[Body], texts: &[String]) -> Result<()> {
        for (index, body) in bodies.iter().enumerate() {
            let Some(id) = lookup::find_key(self.db, mailbox, &body.key)? else { continue };
            self.add_body(id, mailbox, body, texts.get(index).map(String::as_str).unwrap_or_default())?;
        }
        self.tend_index()
    }

    /// Keeps the body of one message.
    pub fn add_body(&mut self, id: MessageId, mailbox: MailboxId, body: &Body, text: &str) -> Result<()> {
        let content: i64 = self.db.prepare_cached("SELECT content FROM message WHERE id = ?1")?.query_row([id.0], |row| row.get(0))?;
        let kept: i64 = self.db.prepare_cached("SELECT body FROM content WHERE id = ?1")?.query_row([content], |row| row.get(0))?;
        let new = if body.bytes.is_empty() { 0 } else { 1 + i64::from(body.whole) };
        // a prefix never replaces the whole
        if new > 0 && new >= kept {
            self.note_kept(content, body.bytes.len())?;
            self.db.prepare_cached("INSERT OR REPLACE INTO body (content, whole, parts, bytes) VALUES (?1, ?2, ?3, ?4)")?.execute((
                content,
                body.whole,
                codec::write_parts(&body.parts),
                &body.bytes,
            ))?;
        }
        let attachment = (!body.parts.is_empty()).then(|| body.parts.iter().any(|part| part.is_attachment));
        self.db
            .prepare_cached("UPDATE content SET body = max(body, ?2), attachment = coalesce(?3, attachment) WHERE id = ?1")?
            .execute((content, new, attachment))?;
        if new >= kept {
            self.index(ContentId(content), Some(text))?;
        }
        if let Some(placed) = self.load(id)? {
            self.changes.changed(placed.wanted.mailbox.unwrap_or(mailbox), id);
        }
        Ok(())
    }

    /// A body takes the place of the one that is here, if any.
    fn note_kept(&self, content: i64, length: usize) -> Result<()> {
        self.db
            .prepare_cached(
                "UPDATE account SET kept = kept + ?2 - coalesce((SELECT length(bytes) FROM body WHERE content = ?1), 0) \
                 WHERE id = (SELECT account FROM content WHERE id = ?1)",
            )?
            .execute((content, i64::try_from(length).unwrap_or(i64::MAX)))?;
        Ok(())
    }

    /// Drops a few bodies, the oldest first, while an account's take more than `budget` octets; true while they do and there
    /// is one to drop. What is searched of them stays. Never one that is starred, that waits for its server, or that no server has.
    pub fn evict(&mut self, account: AccountId, budget: u64) -> Result<bool> {
        let kept: i64 = self.db.query_row("SELECT kept FROM account WHERE id = ?1", [account.0], |row| row.get(0))?;
        let mut over = kept - i64::try_from(budget).unwrap_or(i64::MAX);
        if over <= 0 {
            return Ok(false);
        }
        let mut statement = self.db.prepare_cached(EVICTABLE)?;
        let oldest = statement.query_map((account.0, EVICTED), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        let oldest: Vec<(i64, i64)> = oldest.collect::<rusqlite::Result<_>>()?;
        let is_any = !oldest.is_empty();
        for (content, length) in oldest {
            if over <= 0 {
                break;
            }
            self.db.prepare_cached("DELETE FROM body WHERE content = ?1")?.execute([content])?;
            self.db.prepare_cached("UPDATE content SET body = 0 WHERE id = ?1")?.execute([content])?;
            self.db.prepare_cached("UPDATE account SET kept = kept - ?2 WHERE id = ?1")?.execute((account.0, length))?;
            over -= length;
        }
        Ok(is_any && over > 0)
    }

    /// Adds headers not yet indexed (those of an older version), at most `limit`; how many are left, counted up to
    /// 1,000.
    pub fn index_some(&mut self, limit: usize) -> Result<usize> {
        let mut statement = self.db.prepare_cached("SELECT id FROM content WHERE indexed = 0 ORDER BY id LIMIT ?1")?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids: Vec<i64> = statement.query_map([limit], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for id in ids {
            self.index(ContentId(id), None)?;
        }
        self.tend_index()?;
        // counted only so far: a count of all would cost more than the batch
        let mut statement = self.db.prepare_cached("SELECT count(*) FROM (SELECT 1 FROM content WHERE indexed = 0 LIMIT 1000)")?;
        Ok(statement.query_row([], |row| row.get::<_, i64>(0)).map(|left| usize::try_from(left).unwrap_or_default())?)
    }

    /// Makes the search row of a content; `body` None = headers only.
    fn index(&mut self, content: ContentId, body: Option<&str>) -> Result<()> {
        let mut statement = self.db.prepare_cached("SELECT sender, recipients, copies, subject, list_id FROM content WHERE id = ?1")?;
        let (sender, recipients, subject) = statement.query_row([content.0], |row| {
            let addresses = |at: usize| addresses::resolve(self.db, row.get_ref(at)?.as_blob_or_null()?);
            let mut to = words(&addresses(1)?);
            to.push(' ');
            to.push_str(&words(&addresses(2)?));
            to.push(' ');
            let list = row.get::<_, Option<i64>>(4)?.map(|id| addresses::load(self.db, id)).transpose()?.flatten();
            to.push_str(&list.map(|list| list.address).unwrap_or_default());
            Ok((words(&addresses(0)?), to, row.get::<_, Option<String>>(3)?.unwrap_or_default()))
        })?;
        let indexed = if body.is_some() { 2 } else { 1 };
        let body = body.unwrap_or_default();
        let end = body.floor_char_boundary(MAX_TEXT);
        let is_new = self.unfed.get(&content).is_some_and(|row| row.is_new);
        self.unfed.insert(
            content,
            SearchRow {
                sender: searchable(sender.into()).into(),
                recipients: searchable(recipients.into()).into(),
                subject: searchable(subject.into()).into(),
                body: searchable(body.get(..end).unwrap_or(body).into()).into(),
                is_new,
            },
        );
        self.db.prepare_cached("UPDATE content SET indexed = max(indexed, ?2) WHERE id = ?1")?.execute((content.0, indexed))?;
        Ok(())
    }

    /// Keeps the bytes of a local row that is wanted somewhere in user.db, named so that people and programs can find its place.
    pub fn keep_local(&mut self, id: MessageId, bytes: &[u8]) -> Result<()> {
        let named = self
            .db
            .prepare_cached(
                "SELECT a.name, b.name, c.rfc_message_id, c.size, m.received, m.wanted_bits, m.wanted_keywords FROM message m \
                 JOIN content c ON c.id = m.content JOIN mailbox b ON b.id = m.wanted_mailbox JOIN account a ON a.id = b.account \
                 WHERE m.id = ?1 AND m.state = 0",
            )?
            .query_row([id.0], |row| {
                let text = |at| row.get::<_, String>(at);
                let number = |at| row.get::<_, i64>(at);
                Ok((text(0)?, text(1)?, row.get::<_, Option<String>>(2)?, number(3)?, number(4)?, FlagBits(row.get(5)?), text(6)?))
            })
            .optional()?;
        // a server has it by now, or nobody wants it there any more
        let Some((account, mailbox, rfc_message_id, size, received, bits, keywords)) = named else { return Ok(()) };
        self.user.execute(
            "INSERT OR REPLACE INTO local (message, account, mailbox, rfc_message_id, size, received, bits, keywords, bytes) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            (id.0, account, mailbox, rfc_message_id, size, received, bits.0, keywords, bytes),
        )?;
        Ok(())
    }

    /// A server has it now, or nobody wants it: the bytes may go.
    pub fn drop_local(&self, id: MessageId) -> Result<()> {
        self.user.prepare_cached("DELETE FROM local WHERE message = ?1")?.execute([id.0])?;
        Ok(())
    }
}

/// What search finds in a content.
#[derive(Debug)]
pub(super) struct SearchRow {
    sender: String,
    recipients: String,
    subject: String,
    body: String,
    /// The index has no row of it yet.
    is_new: bool,
}

fn words(list: &[Address]) -> String {
    let mut text = String::with_capacity(list.len() * 40);
    for address in list {
        text.push_str(&address.name);
        text.push(' ');
        text.push_str(&address.address);
        text.push(' ');
    }
    text
}
