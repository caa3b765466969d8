//! Keyed reads over one read-only connection: small caches, no scan that grows with a mailbox but those in
//! `listing.rs` that say so. Start with [`Reader::summaries`].

use std::cell::Cell;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::accounts::{MAILBOX, read_mailbox, sort_mailboxes};
use super::lookup::{PLACED, PLACED_COLUMNS, read_flags, read_key, read_placed};
use super::search::NamedMailbox;
use super::{Location, Paths, Result, StoredBody, SyncState, Waiting, addresses, changes, codec, migrate, open};
use crate::mail::{AccountId, ContentId, Key, Mailbox, MailboxId, MessageId, Role, Scope, Summary, ThreadId, UidValidity};

pub(super) const SUMMARY: &str = "SELECT m.content, m.thread, b.account, m.wanted_mailbox, m.wanted_bits, m.wanted_keywords, c.date, m.received, \
     c.sender, c.recipients, c.subject, c.rfc_message_id, c.size, c.attachment, c.body, \
     m.dirty OR EXISTS (SELECT 1 FROM sent s WHERE s.message = m.id) \
     FROM message m JOIN content c ON c.id = m.content JOIN mailbox b ON b.id = m.wanted_mailbox WHERE m.id = ?1";

pub(super) const LOCATION: &str = "SELECT b.account, m.content, b.id, b.wire_name, m.uid, m.base_name, c.size FROM message m \
     JOIN content c ON c.id = m.content JOIN mailbox b ON b.id = coalesce(m.mailbox, m.wanted_mailbox) WHERE m.id = ?1";

pub(super) const BODY: &str = "SELECT bytes, whole, parts FROM body WHERE content = ?1";

pub(super) const WANTS_BODIES: &str = "SELECT m.mailbox, m.uid, m.base_name FROM content c INDEXED BY content_to_fetch \
     JOIN message m ON m.content = c.id JOIN mailbox b ON b.id = m.mailbox \
     WHERE c.indexed < 2 AND c.account = ?1 AND c.received >= ?2 AND m.state = 1 AND b.account = ?1 \
     ORDER BY c.received DESC LIMIT ?3";

pub(super) const PLACES: &str = "SELECT id FROM message WHERE content = ?1 AND state = 1";

/// Some server has the message in another place too.
pub(super) const ELSEWHERE: &str =
    "SELECT EXISTS (SELECT 1 FROM message m JOIN message o ON o.content = m.content AND o.id <> m.id WHERE m.id = ?1 AND o.state = 1)";

/// Accounts with messages that wait to leave, whose new halves some server has.
pub(super) const TO_LEAVE: &str = "SELECT DISTINCT b.account FROM message m INDEXED BY message_dirty JOIN message o ON o.id = m.after \
    JOIN mailbox b ON b.id = m.mailbox WHERE m.dirty = 1 AND o.state = 1";

const SYNC_STATE: &str = "SELECT uid_validity, uid_next, headers_from, synced, mod_seq, whole, shrunk FROM mailbox WHERE id = ?1";

pub(super) const UNDO_LABEL: &str = "SELECT label FROM undo WHERE undone = 0 ORDER BY id DESC LIMIT 1";

/// Where waiting rows are found: dirty ones, and those in flight that are not.
pub(super) const WAITING: [&str; 2] = [
    "message m INDEXED BY message_dirty LEFT JOIN sent s ON s.message = m.id WHERE m.dirty = 1",
    "sent s CROSS JOIN message m ON m.id = s.message WHERE m.dirty = 0",
];

/// A read-only view of the store. May be sent to another thread, is not shared between threads.
pub struct Reader {
    db: Connection,
    paths: Paths,
    is_in_doubt: Cell<bool>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("paths", &self.paths).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens only for reading; None if mail.db does not exist yet.
    pub fn open(paths: &Paths) -> Result<Option<Self>> {
        if !paths.mail_db.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&paths.mail_db, flags)?;
        db.busy_timeout(open::BUSY)?;
        db.execute_batch("PRAGMA cache_size = -3072; PRAGMA query_only = 1;")?;
        db.set_prepared_statement_cache_capacity(32);
        open::keep_plans(&db)?;
        let name = paths.mail_db.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let version = migrate::check(&db, migrate::MAIL, &name)?;
        // an empty file is one that a writer is about to fill
        Ok((version == migrate::MAIL.len() as i64).then(|| Self { db, paths: paths.clone(), is_in_doubt: Cell::default() }))
    }

    /// Another connection to the same files.
    pub fn reopen(&self) -> Result<Self> {
        Self::open(&self.paths)?.ok_or_else(|| super::StoreError::Other("the mail store was removed while in use".into()))
    }

    pub(super) fn db(&self) -> &Connection {
        &self.db
    }

    /// What was read does not fit together.
    pub(super) fn doubt(&self) {
        self.is_in_doubt.set(true);
    }

    /// Something that was read since the last call does not fit together, though it could be read: a case for
    /// [`super::Writer::suspect`].
    pub fn take_doubt(&self) -> bool {
        self.is_in_doubt.take()
    }

    /// The configured accounts in the configuration's order.
    pub fn accounts(&self) -> Result<Vec<(AccountId, String)>> {
        let mut statement = self.db.prepare_cached("SELECT id, name FROM account WHERE position IS NOT NULL ORDER BY position")?;
        let rows = statement.query_map([], |row| Ok((AccountId(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Mailboxes of all accounts: by account, Inbox first, roles in their order, then by name.
    pub fn mailboxes(&self) -> Result<Vec<Mailbox>> {
        let mut all = Vec::new();
        let mut statement = self.db.prepare_cached(&format!("SELECT {MAILBOX} FROM mailbox b WHERE b.account = ?1 AND b.wanted = 1"))?;
        for (account, _) in self.accounts()? {
            let mut list: Vec<Mailbox> = statement.query_map([account.0], read_mailbox)?.collect::<rusqlite::Result<_>>()?;
            sort_mailboxes(&mut list);
            all.append(&mut list);
        }
        Ok(all)
    }

    /// One mailbox with its counters.
    pub fn mailbox(&self, id: MailboxId) -> Result<Option<Mailbox>> {
        let mut statement = self.db.prepare_cached(&format!("SELECT {MAILBOX} FROM mailbox b WHERE b.id = ?1"))?;
        Ok(statement.query_row([id.0], read_mailbox).optional()?)
    }

    /// What to send to the server for it.
    pub fn wire_name(&self, id: MailboxId) -> Result<Option<String>> {
        let mut statement = self.db.prepare_cached("SELECT wire_name FROM mailbox WHERE id = ?1")?;
        Ok(statement.query_row([id.0], |row| row.get(0)).optional()?)
    }

    /// "account/Mailbox/Child"; the account, and the inbox, without regard to case. Names that differ only
    /// in case: the exact one.
    pub fn find_mailbox(&self, path: &str) -> Result<Option<Mailbox>> {
        let Some((account, name)) = path.split_once('/') else { return Ok(None) };
        let accounts = self.accounts()?;
        let exact = accounts.iter().find(|(_, known)| known == account);
        let Some((account, _)) = exact.or_else(|| accounts.iter().find(|(_, known)| known.eq_ignore_ascii_case(account))) else {
            return Ok(None);
        };
        let name = if name.eq_ignore_ascii_case("inbox") { "Inbox" } else { name };
        let sql = format!("SELECT {MAILBOX} FROM mailbox b WHERE b.account = ?1 AND b.name = ?2 AND b.wanted = 1");
        Ok(self.db.prepare_cached(&sql)?.query_row((account.0, name), read_mailbox).optional()?)
    }

    /// Some server has this message in another place too.
    pub fn is_elsewhere(&self, id: MessageId) -> Result<bool> {
        Ok(self.db.prepare_cached(ELSEWHERE)?.query_row([id.0], |row| row.get(0))?)
    }

    /// Accounts whose messages may be deleted there, for they are where they were moved to by now.
    pub fn accounts_to_leave(&self) -> Result<Vec<AccountId>> {
        let mut statement = self.db.prepare_cached(TO_LEAVE)?;
        let accounts = statement.query_map([], |row| row.get(0).map(AccountId))?;
        Ok(accounts.collect::<rusqlite::Result<_>>()?)
    }

    /// How far a mailbox is synced.
    pub fn sync_state(&self, id: MailboxId) -> Result<SyncState> {
        let mut statement = self.db.prepare_cached(SYNC_STATE)?;
        let state = statement.query_row([id.0], |row| {
            Ok(SyncState {
                uid_validity: row.get::<_, Option<u32>>(0)?.map(UidValidity),
                uid_next: row.get(1)?,
                headers_from: row.get(2)?,
                synced: row.get(3)?,
                mod_seq: row.get::<_, Option<i64>>(4)?.and_then(|value| u64::try_from(value).ok()),
                whole: row.get(5)?,
                shrunk: row.get(6)?,
            })
        });
        Ok(state.optional()?.unwrap_or_default())
    }

    /// What lists show of these messages, in the order asked; ids that are gone are left out.
    pub fn summaries(&self, ids: &[MessageId]) -> Result<Vec<Summary>> {
        let mut statement = self.db.prepare_cached(SUMMARY)?;
        let mut list = Vec::with_capacity(ids.len());
        for &id in ids {
            list.extend(statement.query_row([id.0], |row| read_summary(&self.db, id, row)).optional()?);
        }
        Ok(list)
    }

    /// Rows of the same content that a server has under a key, other than `id`.
    pub fn other_placements(&self, id: MessageId) -> Result<Vec<MessageId>> {
        let mut statement = self.db.prepare_cached(
            "SELECT o.id FROM message m JOIN message o ON o.content = m.content AND o.id <> m.id WHERE m.id = ?1 AND o.state = 1",
        )?;
        Ok(statement.query_map([id.0], |row| row.get(0).map(MessageId))?.collect::<rusqlite::Result<_>>()?)
    }

    /// Where a message is on its server; for a local one, where it is to be.
    pub fn location(&self, id: MessageId) -> Result<Option<Location>> {
        let mut statement = self.db.prepare_cached(LOCATION)?;
        Ok(statement.query_row([id.0], read_location).optional()?)
    }

    /// Every place on a server with these contents: where bytes for an append can be fetched.
    pub fn places(&self, content: ContentId) -> Result<Vec<Location>> {
        let mut statement = self.db.prepare_cached(PLACES)?;
        let ids: Vec<i64> = statement.query_map([content.0], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let found = ids.into_iter().map(|id| self.location(MessageId(id)));
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// The bytes kept of a message: the whole or a readable prefix.
    pub fn body(&self, content: ContentId) -> Result<Option<StoredBody>> {
        let mut statement = self.db.prepare_cached(BODY)?;
        let body = statement.query_row([content.0], |row| {
            Ok(StoredBody { bytes: row.get(0)?, whole: row.get(1)?, parts: codec::read_parts(row.get_ref(2)?.as_blob()?) })
        });
        Ok(body.optional()?)
    }

    /// The bytes of a message that no server has yet, as kept by [`super::Writer::keep_local`].
    pub fn local_bytes(&self, id: MessageId) -> Result<Option<Vec<u8>>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let user = Connection::open_with_flags(&self.paths.user_db, flags)?;
        user.busy_timeout(open::BUSY)?;
        Ok(user.query_row("SELECT bytes FROM local WHERE message = ?1", [id.0], |row| row.get(0)).optional()?)
    }

    /// What is not pushed yet, oldest row first; None = of every account.
    pub fn waiting(&self, account: Option<AccountId>) -> Result<Vec<Waiting>> {
        let mut list = Vec::new();
        for from in WAITING {
            let sql = format!(
                "SELECT {PLACED}, m.id, b.account, t.name, c.subject FROM {} AND (?1 IS NULL OR b.account = ?1) ORDER BY m.id",
                from.replace(
                    " WHERE ",
                    " JOIN mailbox b ON b.id = coalesce(m.mailbox, m.wanted_mailbox) JOIN content c ON c.id = m.content \
                     LEFT JOIN mailbox t ON t.id = m.wanted_mailbox AND m.wanted_mailbox IS NOT m.mailbox WHERE "
                )
            );
            let mut statement = self.db.prepare_cached(&sql)?;
            let rows = statement.query_map([account.map(|account| account.0)], |row| {
                let target: Option<String> = row.get(PLACED_COLUMNS + 2)?;
                let subject: Option<String> = row.get(PLACED_COLUMNS + 3)?;
                let label = changes::label(&read_placed(row)?, subject.as_deref(), target.as_deref());
                Ok(Waiting { id: MessageId(row.get(PLACED_COLUMNS)?), account: AccountId(row.get(PLACED_COLUMNS + 1)?), label })
            })?;
            for row in rows {
                list.push(row?);
            }
        }
        list.sort_by_key(|waiting| waiting.id);
        Ok(list)
    }

    /// Messages whose text is not here yet, newest first, received at or after `since` (Unix seconds).
    pub fn wants_bodies(&self, account: AccountId, since: Option<i64>, limit: usize) -> Result<Vec<(MailboxId, Key)>> {
        let mut statement = self.db.prepare_cached(WANTS_BODIES)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map((account.0, since.unwrap_or(i64::MIN), limit), |row| {
            let mailbox = MailboxId(row.get(0)?);
            Ok(read_key(row, 1)?.map(|key| (mailbox, key)))
        })?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
    }

    /// Octets of bodies kept of an account.
    pub fn kept(&self, account: AccountId) -> Result<u64> {
        let mut statement = self.db.prepare_cached("SELECT kept FROM account WHERE id = ?1")?;
        Ok(statement.query_row([account.0], |row| row.get::<_, i64>(0)).optional()?.unwrap_or_default().unsigned_abs())
    }

    /// What the next undo would take back.
    pub fn undo_label(&self) -> Result<Option<String>> {
        Ok(self.db.prepare_cached(UNDO_LABEL)?.query_row([], |row| row.get(0)).optional()?)
    }

    /// Mailboxes of configured accounts under all names that a query may use.
    pub(super) fn all_mailboxes(&self) -> Result<Vec<NamedMailbox>> {
        let accounts = self.accounts()?;
        let name = |id: AccountId| accounts.iter().find(|(known, _)| *known == id).map_or("", |(_, name)| name.as_str());
        Ok(self.mailboxes()?.iter().map(|mailbox| NamedMailbox::new(name(mailbox.account), mailbox)).collect())
    }

    /// The mailboxes a scope stands for; `All` without Junk and Trash unless told.
    pub(super) fn in_scope(&self, scope: &Scope, with_junk: bool) -> Result<Vec<MailboxId>> {
        let all = match scope {
            Scope::Mailbox(id) => return Ok(vec![*id]),
            Scope::Account(_) | Scope::All => self.mailboxes()?,
        };
        let is_in = |mailbox: &Mailbox| match scope {
            Scope::Account(account) => mailbox.account == *account,
            _ => with_junk || !matches!(mailbox.role, Some(Role::Junk | Role::Trash)),
        };
        Ok(all.iter().filter(|mailbox| is_in(mailbox)).map(|mailbox| mailbox.id).collect())
    }
}

fn read_summary(db: &Connection, id: MessageId, row: &rusqlite::Row<'_>) -> rusqlite::Result<Summary> {
    let addresses = |at: usize| addresses::resolve(db, row.get_ref(at)?.as_blob_or_null()?);
    Ok(Summary {
        id,
        content: ContentId(row.get(0)?),
        thread: ThreadId(row.get(1)?),
        account: AccountId(row.get(2)?),
        mailbox: MailboxId(row.get(3)?),
        flags: read_flags(row, 4)?,
        date: row.get(6)?,
        received: row.get(7)?,
        from: addresses(8)?,
        to: addresses(9)?,
        subject: row.get::<_, Option<String>>(10)?.unwrap_or_default(),
        rfc_message_id: row.get(11)?,
        size: row.get::<_, i64>(12)?.unsigned_abs(),
        has_attachment: row.get(13)?,
        has_body: row.get::<_, i64>(14)? > 0,
        is_waiting: row.get(15)?,
    })
}

fn read_location(row: &rusqlite::Row<'_>) -> rusqlite::Result<Location> {
    Ok(Location {
        account: AccountId(row.get(0)?),
        content: ContentId(row.get(1)?),
        mailbox: MailboxId(row.get(2)?),
        wire_name: row.get(3)?,
        key: read_key(row, 4)?,
        size: row.get::<_, i64>(6)?.unsigned_abs(),
    })
}
