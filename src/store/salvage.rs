//! What a damaged `mail.db` still tells of changes that no server had: read row by row, past what can't be read.
//! Flags and moves go into the fresh file as rows of `salvaged`, found again by what the message is and never by its uid,
//! which may be damaged as well. What can't be kept so is told in words. Nothing else is taken over.

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params};

use super::lookup::{PLACED, PLACED_COLUMNS, read_placed};
use super::rows::{Placed, State};
use super::sound::is_table_sound;
use super::work::Work;
use super::{Result, changes};
use crate::mail::server::NewMessage;
use crate::mail::thread::id_hash;
use crate::mail::{FlagBits, Flags, Keywords, MailboxId, Placement};

/// Reading ends after this long: the start waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Salvaged {
    /// Changes that are made again when their message comes.
    pub kept: usize,
    /// Changes that are not, in words.
    pub named: Vec<String>,
    /// There may have been more.
    pub is_partial: bool,
}

/// One row that waited.
struct Waited {
    row: Placed,
    is_bound: bool,
    hash: i64,
    size: i64,
    received: i64,
    subject: Option<String>,
}

/// What is taken over whole: table, columns, and whether a row is one of that table. Where pages changed places another
/// table's rows stand there, and SQLite would make a name of a number.
const COPIED: [(&str, &str, &str); 2] = [
    ("account", "id, name, position", "typeof(name) = 'text'"),
    (
        "mailbox",
        "id, account, name, wire_name, role, selectable",
        "typeof(account) = 'integer' AND typeof(name) = 'text' AND typeof(wire_name) = 'text'",
    ),
];

/// Copies accounts and mailboxes, and what waited, from the damaged file.
pub(super) fn salvage(damaged: &Connection, fresh: &mut Connection) -> Result<Salvaged> {
    let tx = fresh.transaction()?;
    let mut found = Salvaged::default();
    for (table, columns, fits) in COPIED {
        found.is_partial |= copy_table(damaged, &tx, table, columns, fits)?;
    }
    let (waited, is_partial) = waiting(damaged);
    found.is_partial |= is_partial || is_short(damaged) || is_table_sound(damaged, "message").is_err();
    for one in waited {
        match keep(&tx, &one)? {
            true => found.kept += 1,
            false => {
                let words = words(&tx, &one);
                let sql = "INSERT INTO mishap (account, at, what, why) \
                           SELECT account, unixepoch(), 'mail.db was damaged: what waited was not done', ?2 FROM mailbox WHERE id = ?1";
                tx.execute(sql, (one.row.mailbox.or(one.row.wanted.mailbox).map(|mailbox| mailbox.0), &words))?;
                found.named.push(words);
            }
        }
    }
    tx.commit()?;
    Ok(found)
}

/// Rows that can be read and fit; true: some could not.
fn copy_table(from: &Connection, to: &Connection, table: &str, columns: &str, fits: &str) -> Result<bool> {
    let count = columns.split(',').count();
    let marks = vec!["?"; count].join(", ");
    let mut insert = to.prepare(&format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"))?;
    let mut is_partial = false;
    let sql = format!("SELECT {columns}, {fits} FROM {table} NOT INDEXED WHERE id > ?1 ORDER BY id");
    each_row(from, (&sql, 0), &mut is_partial, |row| {
        let values = (0..count).map(|at| row.get::<_, rusqlite::types::Value>(at)).collect::<rusqlite::Result<Vec<_>>>()?;
        // what does not fit its column is damaged as well
        Ok(row.get(count)? && insert.execute(rusqlite::params_from_iter(values)).is_ok())
    });
    Ok(is_partial)
}

/// Calls for each row that can be read. `?1` of the query is the id to begin after, the column `id_at` is the id; the call
/// tells whether the row was good.
fn each_row(
    db: &Connection,
    (sql, id_at): (&str, usize),
    is_partial: &mut bool,
    mut take: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<bool>,
) {
    let end = Instant::now() + PATIENCE;
    let (mut after, mut step) = (i64::MIN, 1_i64);
    let Ok(mut statement) = db.prepare(sql) else {
        *is_partial = true;
        return;
    };
    while Instant::now() < end && step < 1 << 40 {
        let Ok(mut rows) = statement.query([after]) else { break };
        loop {
            match rows.next() {
                Ok(None) => return,
                // pages may lead in a circle
                Ok(Some(row)) if Instant::now() < end && row.get(id_at).is_ok_and(|id: i64| id > after) => {
                    after = row.get(id_at).unwrap_or(after);
                    step = 1;
                    *is_partial |= !take(row).unwrap_or_default();
                }
                _ => break,
            }
        }
        // what can't be read is gone over in wider and wider steps
        *is_partial = true;
        after = after.max(0).saturating_add(step);
        step *= 2;
    }
    *is_partial = true;
}

/// The mailboxes count more messages than are there: where pages changed places, an empty table may stand in the messages'.
fn is_short(db: &Connection) -> bool {
    let sql = "SELECT (SELECT coalesce(sum(total), 0) FROM mailbox NOT INDEXED) > (SELECT count(*) FROM message NOT INDEXED)";
    db.query_row(sql, [], |row| row.get(0)).unwrap_or(true)
}

fn waiting(db: &Connection) -> (Vec<Waited>, bool) {
    // of what was asked and not answered nothing is needed: asked again it changes nothing
    let placed = PLACED.replace("s.kind, s.mailbox, s.bits, s.keywords", "NULL, NULL, NULL, NULL");
    let sql = format!(
        "SELECT {placed}, m.id, m.after IS NOT NULL, m.content, m.received FROM message m NOT INDEXED \
         WHERE m.id > ?1 AND m.dirty = 1 ORDER BY m.id"
    );
    let (mut found, mut is_partial) = (Vec::new(), false);
    each_row(db, (&sql, PLACED_COLUMNS), &mut is_partial, |row| {
        let content: i64 = row.get(PLACED_COLUMNS + 2)?;
        let sql = "SELECT size, subject, rfc_message_id FROM content NOT INDEXED WHERE id = ?1";
        type Told = (i64, Option<String>, Option<String>);
        let told: Option<Told> = db.query_row(sql, [content], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional().ok().flatten();
        let is_whole = told.is_some();
        let (size, subject, rfc_message_id) = told.unwrap_or_default();
        found.push(Waited {
            row: read_placed(row)?,
            is_bound: row.get(PLACED_COLUMNS + 1)?,
            hash: rfc_message_id.as_deref().map_or(0, id_hash),
            size,
            received: row.get(PLACED_COLUMNS + 3)?,
            subject,
        });
        Ok(is_whole)
    });
    (found, is_partial)
}

/// Writes a wish down; false: it is none that can be kept. What was to be deleted is not: a damaged row may say that of
/// any message.
fn keep(to: &Connection, one: &Waited) -> Result<bool> {
    let (row, subject) = (&one.row, one.subject.as_deref().unwrap_or_default());
    let (Some(mailbox), Some(wanted)) = (row.mailbox, row.wanted.mailbox) else { return Ok(false) };
    let is_known = row.state == State::Known && !one.is_bound && one.hash != 0;
    let is_sane = |flags: &Flags| flags.bits.without(FlagBits::ALL).is_empty();
    if !is_known || !is_sane(&row.wanted.flags) || !is_sane(&row.server) || !is_one_account(to, mailbox, wanted)? {
        return Ok(false);
    }
    let (add, remove) = row.server.difference(&row.wanted.flags);
    if add.bits.contains(FlagBits::DELETED) {
        return Ok(false);
    }
    to.execute(
        "INSERT INTO salvaged (mailbox, hash, size, received, subject, wanted_mailbox, add_bits, remove_bits, add_keywords, remove_keywords) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            mailbox.0,
            one.hash,
            one.size,
            one.received,
            subject,
            wanted.0,
            add.bits.0,
            remove.bits.0,
            add.keywords.as_str(),
            remove.keywords.as_str()
        ],
    )?;
    Ok(true)
}

/// Both mailboxes are of one account, and it was read: of another that takes its name, no mailbox would be one of these.
fn is_one_account(db: &Connection, one: MailboxId, other: MailboxId) -> Result<bool> {
    let sql = "SELECT a.account = b.account FROM mailbox a, mailbox b WHERE a.id = ?1 AND b.id = ?2 \
               AND a.account IN (SELECT id FROM account)";
    Ok(db.query_row(sql, (one.0, other.0), |row| row.get(0)).optional()?.unwrap_or_default())
}

fn words(db: &Connection, one: &Waited) -> String {
    let target = one.row.wanted.mailbox.filter(|_| one.row.wanted.mailbox != one.row.mailbox);
    let name = |id: MailboxId| db.query_row("SELECT name FROM mailbox WHERE id = ?1", [id.0], |row| row.get::<_, String>(0)).ok();
    changes::label(&one.row, one.subject.as_deref(), target.and_then(name).as_deref())
}

impl Work<'_> {
    /// A message as its server has it, and what was wanted of it before `mail.db` was damaged.
    pub fn with_salvaged(&self, mailbox: MailboxId, hash: i64, message: &NewMessage, mut row: Placed) -> Result<Placed> {
        if !self.memory.has_salvaged || hash == 0 {
            return Ok(row);
        }
        let sql = "DELETE FROM salvaged WHERE id = (SELECT id FROM salvaged WHERE mailbox = ?1 AND hash = ?2 AND size = ?3 AND received = ?4 \
                   AND subject = ?5 LIMIT 1) RETURNING wanted_mailbox, add_bits, remove_bits, add_keywords, remove_keywords";
        let size = i64::try_from(message.size).unwrap_or(i64::MAX);
        let flags = |bits, keywords: String| Flags { bits: FlagBits(bits), keywords: Keywords::parse(&keywords) };
        let mut statement = self.db.prepare_cached(sql)?;
        let found = statement.query_row(params![mailbox.0, hash, size, message.received, message.envelope.subject], |row| {
            let (add, remove) = (flags(row.get(1)?, row.get(3)?), flags(row.get(2)?, row.get(4)?));
            Ok((MailboxId(row.get(0)?), add, remove))
        });
        if let Some((to, add, remove)) = found.optional()? {
            let is_there = self.account_of(to)?.is_some();
            row.wanted =
                Placement { mailbox: if is_there { Some(to) } else { row.mailbox }, flags: row.server.with(&add).without(&remove) };
        }
        Ok(row)
    }
}
