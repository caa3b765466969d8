//! Reads and writes one message row as a [`Placed`]: the one place that knows its columns.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Result;
use super::rows::{Placed, Sent, State};
use crate::mail::{FlagBits, Flags, Key, Keywords, MailboxId, MessageId, Placement, Uid};

/// The columns [`read_placed`] takes, in its order, of `message m LEFT JOIN sent s`.
pub(super) const PLACED: &str = "m.state, m.mailbox, m.uid, m.base_name, m.server_bits, m.server_keywords, \
     m.wanted_mailbox, m.wanted_bits, m.wanted_keywords, s.kind, s.mailbox, s.bits, s.keywords";

/// How many columns that is.
pub(super) const PLACED_COLUMNS: usize = 13;

pub(super) fn read_placed(row: &Row<'_>) -> rusqlite::Result<Placed> {
    let state = match row.get::<_, i64>(0)? {
        0 => State::Local,
        1 => State::Known,
        _ => State::Lost,
    };
    Ok(Placed {
        state,
        mailbox: row.get::<_, Option<i64>>(1)?.map(MailboxId),
        key: read_key(row, 2)?,
        server: read_flags(row, 4)?,
        wanted: Placement { mailbox: row.get::<_, Option<i64>>(6)?.map(MailboxId), flags: read_flags(row, 7)? },
        sent: read_sent(row)?,
    })
}

/// uid and base_name, from column `at`.
pub(super) fn read_key(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Key>> {
    if let Some(uid) = row.get::<_, Option<u32>>(at)? {
        return Ok(Some(Key::Uid(Uid(uid))));
    }
    Ok(row.get::<_, Option<String>>(at + 1)?.map(|name| Key::BaseName(name.into())))
}

/// Bits and keywords, from column `at`.
pub(super) fn read_flags(row: &Row<'_>, at: usize) -> rusqlite::Result<Flags> {
    let keywords = match row.get_ref(at + 1)?.as_str_or_null()? {
        None | Some("") => Keywords::default(),
        Some(text) => Keywords::parse(text),
    };
    Ok(Flags { bits: FlagBits(row.get(at)?), keywords })
}

fn read_sent(row: &Row<'_>) -> rusqlite::Result<Option<Sent>> {
    let Some(kind) = row.get::<_, Option<i64>>(9)? else { return Ok(None) };
    let target = row.get::<_, Option<i64>>(10)?.map(MailboxId);
    Ok(Some(match (kind, target) {
        (1, _) => Sent::Flags(read_flags(row, 11)?),
        (2, Some(to)) => Sent::Move(to),
        (3, Some(to)) => Sent::Copy(to),
        (4, _) => Sent::Delete,
        (5, Some(to)) => Sent::Append(to, read_flags(row, 11)?),
        _ => Sent::Held,
    }))
}

/// One row; None if the id is unknown.
pub(super) fn load(db: &Connection, id: MessageId) -> Result<Option<Placed>> {
    let sql = format!("SELECT {PLACED} FROM message m LEFT JOIN sent s ON s.message = m.id WHERE m.id = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement.query_row([id.0], read_placed).optional()?)
}

/// Where a row is. Triggers look at these columns, for which SQLite copies pages first: only what changed place is written so.
fn save_place(db: &Connection, id: MessageId, row: &Placed) -> Result<()> {
    let sql = "UPDATE OR FAIL message SET state = ?2, mailbox = ?3, uid = ?4, base_name = ?5 WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![
        id.0,
        row.state as i64,
        row.mailbox.map(|mailbox| mailbox.0),
        row.key.as_ref().and_then(Key::uid).map(|uid| uid.0),
        row.key.as_ref().and_then(Key::base_name),
    ])?;
    Ok(())
}

/// What is wanted and known of a row.
fn save_wish(db: &Connection, id: MessageId, row: &Placed) -> Result<()> {
    let sql = "UPDATE OR FAIL message SET wanted_mailbox = ?2, wanted_bits = ?3, wanted_keywords = ?4, server_bits = ?5, \
               server_keywords = ?6 WHERE id = ?1";
    db.prepare_cached(sql)?.execute(params![
        id.0,
        row.wanted.mailbox.map(|mailbox| mailbox.0),
        row.wanted.flags.bits.0,
        row.wanted.flags.keywords.as_str(),
        row.server.bits.0,
        row.server.keywords.as_str(),
    ])?;
    Ok(())
}

/// Writes a row back. `push` numbers the request where `after.sent` is new.
pub(super) fn save(db: &Connection, id: MessageId, before: &Placed, after: &Placed, push: i64) -> Result<()> {
    let is_same = before == &Placed { sent: before.sent.clone(), ..after.clone() };
    if !is_same {
        debug_assert_eq!(load(db, id)?.map(|row| row.wanted), Some(before.wanted.clone()), "counted from what is there");
        if (before.state, &before.mailbox, &before.key) != (after.state, &after.mailbox, &after.key) {
            save_place(db, id, after)?;
        }
        save_wish(db, id, after)?;
    }
    match &after.sent {
        sent if *sent == before.sent => {}
        None => {
            db.prepare_cached("DELETE FROM sent WHERE message = ?1")?.execute([id.0])?;
        }
        Some(sent) => {
            let none = Flags::default();
            let (kind, flags) = match sent {
                Sent::Flags(flags) => (1, flags),
                Sent::Move(_) => (2, &none),
                Sent::Copy(_) => (3, &none),
                Sent::Delete => (4, &none),
                Sent::Append(_, flags) => (5, flags),
                Sent::Held => (6, &none),
            };
            db.prepare_cached(
                "INSERT OR REPLACE INTO sent (message, push, kind, mailbox, bits, keywords) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((id.0, push, kind, sent.target().map(|to| to.0), flags.bits.0, flags.keywords.as_str()))?;
        }
    }
    Ok(())
}

/// The row that is this key on the server.
pub(super) fn find_key(db: &Connection, mailbox: MailboxId, key: &Key) -> Result<Option<MessageId>> {
    let found = match key {
        Key::Uid(uid) => db
            .prepare_cached("SELECT id FROM message WHERE mailbox = ?1 AND uid = ?2")?
            .query_row((mailbox.0, uid.0), |row| row.get(0))
            .optional()?,
        Key::BaseName(name) => db
            .prepare_cached("SELECT id FROM message WHERE mailbox = ?1 AND base_name = ?2")?
            .query_row((mailbox.0, name.as_ref()), |row| row.get(0))
            .optional()?,
    };
    Ok(found.map(MessageId))
}
