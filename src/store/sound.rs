//! Whether a database is sound, all of it: read behind the first paint, on a thread of its own. What is not is marked, and
//! the next start (open.rs) mends it. Nothing here changes a database. Start with [`is_sound`].

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::open::{BUSY, beside, corrupt};
use super::{Paths, Result, StoreError, drafts};
use crate::mail::SmtpEnvelope;

type IsReadable = fn(&[u8]) -> bool;
/// Texts that must be read again: table, column, and whether one can be.
const TEXTS: [(&str, &str, IsReadable); 2] = [
    ("draft", "value", |text| drafts::parse(text).is_ok()),
    ("outbox", "envelope", |text| serde_json::from_slice::<SmtpEnvelope>(text).is_ok()),
];
/// What can't be in a table of ours, though SQLite is content with it: a message without its headers, counters that do
/// not count what is there.
const WRONG: [(&str, &str); 2] = [
    ("message", "SELECT EXISTS (SELECT 1 FROM message WHERE content NOT IN (SELECT id FROM content))"),
    (
        "mailbox",
        "SELECT EXISTS (SELECT 1 FROM mailbox b LEFT JOIN (SELECT wanted_mailbox AS id, count(*) AS total, \
         count(*) FILTER (WHERE wanted_bits & 1 = 0) AS unread FROM message GROUP BY 1) m ON m.id = b.id \
         WHERE (b.total, b.unread) <> (coalesce(m.total, 0), coalesce(m.unread, 0)))",
    ),
];

/// Reads the whole file; an error if it is damaged. Every entry of every index is held against its row: pages of an index
/// that changed places make lists short, and a quick check says nothing of them.
pub(super) fn is_sound(db: &Connection) -> Result<()> {
    let verdict: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let has = |table: &str| {
        let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?1)";
        db.query_row(sql, [table], |row| row.get::<_, bool>(0))
    };
    let mut is_sound = verdict == "ok";
    for (table, wrong) in WRONG {
        is_sound = is_sound && !(has(table)? && db.query_row(wrong, [], |row| row.get(0))?);
    }
    for (index, table, holds) in partial_indexes(db)? {
        let rows = |how: &str| format!("SELECT count(*) FROM {table} {how} WHERE {holds}");
        let sql = format!("SELECT ({}) = ({})", rows(&format!("INDEXED BY {index}")), rows("NOT INDEXED"));
        is_sound = is_sound && db.query_row(&sql, [], |row| row.get(0))?;
    }
    for (table, column, is_readable) in TEXTS {
        is_sound = is_sound && (!has(table)? || are_all(db, table, column, is_readable)?);
    }
    if is_sound { Ok(()) } else { Err(corrupt()) }
}

/// Indexes that hold only some rows, their tables, and which rows. SQLite looks for these rows in them, but not for others:
/// an index whose pages changed places with another's finds messages where none are.
fn partial_indexes(db: &Connection) -> Result<Vec<(String, String, String)>> {
    let sql =
        "SELECT name, tbl_name, substr(sql, instr(sql, ' WHERE ') + 7) FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'";
    let mut statement = db.prepare(sql)?;
    let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn are_all(db: &Connection, table: &str, column: &str, is_readable: IsReadable) -> Result<bool> {
    let mut statement = db.prepare(&format!("SELECT {column} FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !row.get_ref(0)?.as_bytes().is_ok_and(is_readable) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The same for one small table and its indexes.
pub(super) fn is_table_sound(db: &Connection, table: &str) -> Result<()> {
    let verdict: String = db.query_row(&format!("PRAGMA integrity_check('{table}')"), [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(corrupt()) }
}

/// Checks both databases on a thread and connections of its own: nobody waits. `is_sure`: one of them is damaged, and where
/// no check says which, it is mail.db, which can be made anew. `tell` hears at the end a sentence for each that is.
pub(super) fn start_check(paths: Paths, is_sure: bool, tell: impl FnOnce(Vec<String>) + Send + 'static) -> Result<()> {
    let work = move || {
        let mut damaged: Vec<&Path> =
            [&paths.user_db, &paths.mail_db].into_iter().map(PathBuf::as_path).filter(|file| check(file)).collect();
        if damaged.is_empty() && is_sure {
            mark_damaged(&paths.mail_db, number_of(&paths.mail_db));
            damaged.push(&paths.mail_db);
        }
        let words = |file: &&Path| format!("{} is damaged; the next start mends it, so start again soon", file.display());
        tell(damaged.iter().map(words).collect());
    };
    let started = std::thread::Builder::new().name("store-check".into()).spawn(work);
    started.map(drop).map_err(|source| StoreError::Io { context: "the check of the store did not start".into(), source })
}

/// Leaves a marker where a database is damaged, so that the next start mends it; true if it is.
pub(super) fn check(file: &Path) -> bool {
    let which = number_of(file);
    let look = || {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(BUSY)?;
        is_sound(&db)
    };
    let is_damaged = look().is_err_and(|error| error.is_damage());
    if is_damaged {
        mark_damaged(file, which);
    }
    is_damaged
}

/// What a file is called by the system: a marker is of one file, not of what took its place meanwhile.
pub(super) fn number_of(file: &Path) -> Option<u64> {
    fs::metadata(file).ok().map(|file| file.ino())
}

pub(super) fn mark_damaged(file: &Path, which: Option<u64>) {
    tracing::error!(file = %file.display(), "damaged; the next start mends it");
    let number = which.map(|number| number.to_string()).unwrap_or_default();
    if let Err(error) = fs::write(beside(file, "damaged"), number) {
        tracing::error!(%error, "marker for the damaged file");
    }
}

pub(super) fn is_marked(file: &Path) -> bool {
    fs::read_to_string(beside(file, "damaged")).is_ok_and(|number| number_of(file).is_some_and(|ours| number.trim() == ours.to_string()))
}
