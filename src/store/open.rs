//! Opening both databases: permissions, locks, migrations, and what happens to a damaged file. Nothing here
//! reads more than a few pages: the long checks run behind the first paint.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::migrate::{self, MAIL, USER};
use super::salvage::{self, Salvaged};
use super::sound::{is_marked, is_sound, is_table_sound, mark_damaged, number_of, start_check};
use super::work::{Ids, Memory};
use super::writer::{Engine, Writer};
use super::{Paths, Result, StoreError, answers};

/// How long one process waits for another's transaction.
pub(super) const BUSY: Duration = Duration::from_secs(10);
/// Files that seem well are checked this often; seconds.
const CHECKED_EVERY: i64 = 7 * 86_400;
/// Changes that were lost are told one by one up to this many.
const NAMED: usize = 20;

/// Opens or creates both databases (0700 folder, 0600 files), migrates, starts the writer thread.
pub fn open(paths: &Paths) -> Result<Writer> {
    let mut notices = Vec::new();
    restore_missing(&paths.user_db, &mut notices)?;
    for file in [&paths.user_db, &paths.mail_db] {
        clear_place(file, &mut notices)?;
        create_private(file)?;
    }
    let lock_path = beside(&paths.mail_db, "lock");
    let mut lock = lock_shared(&lock_path)?;
    let user = open_user(&paths.user_db, &mut notices)?;
    note_emptied(paths, &user, &mut notices)?;
    let mail = match open_mail(&paths.mail_db) {
        Err(error) if is_ruin(&error) => {
            drop(lock);
            let mail = rebuild(paths, &lock_path, &user, &mut notices)?;
            lock = lock_shared(&lock_path)?;
            mail
        }
        other => other?,
    };
    guard_ids(&user, &mail)?;
    let mut engine = Engine { mail, user, ids: Ids::default(), memory: Memory::default(), session: session(), _lock: lock };
    // threads as they were written are no reason not to start
    if let Err(error) = copy_answers(&mut engine) {
        tracing::warn!(%error, "threads cut and joined by hand are not brought in step");
    }
    Writer::start(paths.clone(), engine, notices)
}

fn copy_answers(engine: &mut Engine) -> Result<()> {
    if answers::differ(&engine.user, &engine.mail)? {
        engine.transact(|work| work.copy_answers())?;
    }
    Ok(())
}

/// `user.db` alone, for a process that only adds to it.
pub(super) fn own_alone(paths: &Paths) -> Result<Connection> {
    let file = &paths.user_db;
    let unmended = || StoreError::Other(format!("{} is damaged or gone; `postrider sync` mends it, then try again", file.display()));
    if !file.exists() && beside(file, "backup").exists() {
        return Err(unmended());
    }
    create_private(file)?;
    let user = user_as_it_is(file).map_err(|error| if is_ruin(&error) { unmended() } else { error })?;
    // the log is on the disk when the transaction is; copying it into the database can wait for a longer life
    user.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // but not for ever: who opens the file next reads the log first
    user.execute_batch("PRAGMA wal_autocheckpoint = 256")?;
    Ok(user)
}

/// `mail.db` -> `mail.db.lock`.
pub(super) fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn io(context: &str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let context = format!("{context} {}", path.display());
    move |source| StoreError::Io { context, source }
}

/// Something that is no file is moved out of the way.
fn clear_place(file: &Path, notices: &mut Vec<String>) -> Result<()> {
    for path in [file.to_owned(), log_of(file, "-wal"), log_of(file, "-shm")] {
        if path.is_dir() {
            let aside = move_aside(&path)?;
            notices.push(format!("{} was a folder, not a file; it was moved to {}", path.display(), aside.display()));
        }
    }
    Ok(())
}

/// An empty mail.db beside a user.db that was in use was no empty one before.
fn note_emptied(paths: &Paths, user: &Connection, notices: &mut Vec<String>) -> Result<()> {
    let is_empty = fs::metadata(&paths.mail_db).is_ok_and(|file| file.len() == 0);
    if is_empty && next_id(user)?.is_some_and(|next| next > 1) {
        // a log that belongs to what was there would be read as this one's
        let _ = fs::remove_file(log_of(&paths.mail_db, "-wal"));
        notices.push(format!("{} was empty; mail is fetched again", paths.mail_db.display()));
    }
    Ok(())
}

fn create_private(file: &Path) -> Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io("can't create the folder", folder))?;
    }
    OpenOptions::new().append(true).create(true).mode(0o600).open(file).map_err(io("can't open", file))?;
    Ok(())
}

fn lock_shared(path: &Path) -> Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).map_err(io("can't open", path))?;
    file.lock_shared().map_err(io("can't lock", path))?;
    Ok(file)
}

/// A number that no other run of the program has.
fn session() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64;
    now << 12 | i64::from(std::process::id() & 0xfff)
}

fn unwritable(file: &Path) -> StoreError {
    StoreError::Other(format!("{} can't be opened for writing; look after the disk and the file, then try again", file.display()))
}

fn connect(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    // SQLite is content to read where it may not write; everything would fail later, and go on failing
    if db.is_readonly(rusqlite::MAIN_DB)? {
        return Err(unwritable(file));
    }
    // closed again before it is known to be ours and whole, it stays as it was: its log is not copied into it
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(128);
    keep_plans(&db)?;
    Ok(db)
}

/// A plan serves every value: without this SQLite prepares a statement again for each id that it is run with, in case it is
/// one that a partial index holds.
pub(super) fn keep_plans(db: &Connection) -> rusqlite::Result<bool> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
}

fn set_up(db: &mut Connection, steps: &[&str], file: &Path, synchronous: &str) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // before anything is written: a newer file stays as it is
    let version = migrate::check(db, steps, &name)?;
    if version == 0 {
        // 8 KiB pages hold a row with its header whole and cut the tree's depth
        db.execute_batch("PRAGMA page_size = 8192")?;
    }
    // a copy that was restored is in another mode
    let mode: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // a page of a damaged file is looked at before it is believed
    db.execute_batch(&format!(
        "PRAGMA cell_size_check = ON; PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;"
    ))?;
    migrate::migrate(db, steps, &name)?;
    // the file can be written, so one that says of itself that it can't be is damaged
    if mode != "wal" || db.is_readonly(rusqlite::MAIN_DB)? {
        return Err(corrupt());
    }
    is_written(db, file)
}

/// The same of its log and the log's index, which are opened with the first thing that is read. Who is writing just now can.
fn is_written(db: &Connection, file: &Path) -> Result<()> {
    use rusqlite::ErrorCode::{DatabaseBusy, ReadOnly};
    db.busy_timeout(std::time::Duration::ZERO)?;
    let tried = db.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
    db.busy_timeout(BUSY)?;
    match tried.as_ref().map_err(rusqlite::Error::sqlite_error_code) {
        Err(Some(ReadOnly)) => Err(unwritable(file)),
        Err(Some(DatabaseBusy)) => Ok(()),
        _ => Ok(tried?),
    }
}

/// A file whose schema is not what its version says fails here, at once.
const PROBES: [&str; 6] = [
    super::reader::SUMMARY,
    super::reader::BODY,
    "SELECT 1 FROM sent",
    "SELECT 1 FROM undo",
    "SELECT 1 FROM reference",
    "SELECT 1 FROM address",
];
/// Small ones that all else hangs on; they are written at every start, and what was wrong in them would look right then.
const SMALL: [&str; 3] = ["meta", "account", "mailbox"];
/// What every start reads.
const READ: [&str; 5] =
    ["max(id) FROM message", "max(id) FROM account", "max(id) FROM mailbox", "max(id) FROM salvaged", "count(*) FROM meta"];

fn open_mail(file: &Path) -> Result<Connection> {
    if is_marked(file) {
        return Err(corrupt());
    }
    let mut db = connect(file)?;
    set_up(&mut db, MAIL, file, "NORMAL")?;
    PROBES.iter().try_for_each(|sql| db.prepare(sql).map(drop))?;
    SMALL.iter().try_for_each(|table| is_table_sound(&db, table))?;
    READ.iter().try_for_each(|what| db.query_row(&format!("SELECT {what}"), [], |row| row.get::<_, Option<i64>>(0)).map(drop))?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(db)
}

pub(super) fn corrupt() -> StoreError {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None).into()
}

/// Nothing can be done with the file as it is. Our own statements are right, so at the opening one that fails tells of
/// the file; a full disk or another program's lock does not.
fn is_ruin(error: &StoreError) -> bool {
    use rusqlite::ErrorCode::{ConstraintViolation, TypeMismatch, Unknown};
    let StoreError::Sql { source, .. } = error else { return false };
    if let rusqlite::Error::SqlInputError { .. } = source {
        return true;
    }
    let is_short = source.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ);
    let is_odd = matches!(source.sqlite_error_code(), Some(ConstraintViolation | TypeMismatch | Unknown));
    error.is_damage() || is_short || is_odd
}

/// Opens user.db; a damaged one is moved aside and the last backup takes its place, or, where that is damaged too, a new one.
fn open_user(file: &Path, notices: &mut Vec<String>) -> Result<Connection> {
    // first its backup takes its place, then a new one
    for _ in 0..2 {
        match user_as_it_is(file) {
            Err(error) if is_ruin(&error) => give_way(file, notices)?,
            other => return other,
        }
    }
    user_as_it_is(file)
}

fn user_as_it_is(file: &Path) -> Result<Connection> {
    let is_emptied = fs::metadata(file).is_ok_and(|file| file.len() == 0) && beside(file, "backup").exists();
    if is_marked(file) || is_emptied {
        return Err(corrupt());
    }
    let mut db = connect(file)?;
    set_up(&mut db, USER, file, "FULL")?;
    for table in ["meta", "local", "draft", "file", "contact", "outbox", "pop3", "answers"] {
        db.query_row(&format!("SELECT 1 FROM {table} LIMIT 1"), [], |_| Ok(())).optional()?;
    }
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(db)
}

/// Moves a damaged user.db aside; its backup, or where there is no good one a new file, takes its place.
fn give_way(file: &Path, notices: &mut Vec<String>) -> Result<()> {
    let aside = move_aside(file)?;
    let _ = fs::remove_file(beside(file, "damaged"));
    let backup = beside(file, "backup");
    let then = match backup.exists().then(|| restore(&backup, file)) {
        Some(Ok(())) => "the copy made at the last start was opened; what was to be sent is not sent by itself".to_owned(),
        Some(Err(error)) if is_ruin(&error) => {
            let backup_aside = move_aside(&backup)?;
            create_private(file)?;
            format!("its copy is damaged too (now {}), so it starts empty", backup_aside.display())
        }
        Some(Err(error)) => return Err(error),
        None => {
            create_private(file)?;
            "there was no copy, so it starts empty".to_owned()
        }
    };
    notices.push(format!("{} is damaged; it was moved to {} and {then}", file.display(), aside.display()));
    Ok(())
}

/// Puts a copy of the backup in place, in which nothing is to be sent by itself: it may have been sent since.
fn restore(backup: &Path, file: &Path) -> Result<()> {
    let fresh = beside(file, "restoring");
    fs::copy(backup, &fresh).map_err(io("can't restore", file))?;
    let db = Connection::open(&fresh)?;
    is_sound(&db)?;
    super::outbox::doubt(&db)?;
    drop(db);
    fs::rename(&fresh, file).map_err(io("can't restore", file))
}

/// A user.db that is gone while its copy is there (taken away, or a start ended while a damaged one gave way): the copy is opened.
fn restore_missing(file: &Path, notices: &mut Vec<String>) -> Result<()> {
    let backup = beside(file, "backup");
    if file.exists() || !backup.exists() {
        return Ok(());
    }
    match restore(&backup, file) {
        Ok(()) => notices.push(format!("{} was gone; the copy made at the last start was opened", file.display())),
        Err(error) if is_ruin(&error) => {
            let aside = move_aside(&backup)?;
            notices.push(format!("{} was gone, and its copy is damaged (now {}); it starts empty", file.display(), aside.display()));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// `mail.db`, `-wal` -> `mail.db-wal`.
fn log_of(file: &Path, log: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(log);
    PathBuf::from(name)
}

/// Moves a file with its log to a free name beside it.
fn move_aside(file: &Path) -> Result<PathBuf> {
    let free = (1_u32..).map(|n| beside(file, &format!("damaged-{n}"))).find(|path| !path.exists());
    let aside = free.unwrap_or_else(|| beside(file, "damaged-0"));
    fs::rename(file, &aside).map_err(io("can't move aside", file))?;
    for log in ["-wal", "-shm"] {
        // there may be none
        let _ = fs::rename(log_of(file, log), log_of(&aside, log));
    }
    Ok(aside)
}

/// Moves a damaged mail.db aside, if no other process uses it, and makes a new one: all of it comes again from the
/// servers, and what no server had yet is read from the damaged one as far as it can be.
fn rebuild(paths: &Paths, lock_path: &Path, user: &Connection, notices: &mut Vec<String>) -> Result<Connection> {
    let file = &paths.mail_db;
    let alone = OpenOptions::new().append(true).create(true).mode(0o600).open(lock_path).map_err(io("can't open", lock_path))?;
    if alone.try_lock().is_err() {
        let text = format!("{} is damaged and another postrider still uses it; end that one, then start again", file.display());
        return Err(StoreError::Other(text));
    }
    let aside = move_aside(file)?;
    let _ = fs::remove_file(beside(file, "damaged"));
    create_private(file)?;
    let mut mail = open_mail(file)?;
    let salvaged = connect(&aside).and_then(|damaged| salvage::salvage(&damaged, &mut mail));
    let shown = (file.display(), aside.display());
    notices.push(format!("{} was damaged; it was moved to {} and mail is fetched again", shown.0, shown.1));
    notices.extend(tell(&salvaged.unwrap_or_else(|_| Salvaged { is_partial: true, ..Salvaged::default() })));
    let kept: i64 = user.query_row("SELECT count(*) FROM local", [], |row| row.get(0))?;
    if kept > 0 {
        notices.push(format!("{kept} messages that no server has yet are kept in {}", paths.user_db.display()));
    }
    Ok(mail)
}

/// What became of the changes that no server had.
fn tell(salvaged: &Salvaged) -> Vec<String> {
    let mut told = Vec::new();
    match salvaged.kept {
        0 => {}
        1 => told.push("1 change that no server had yet was read from it and is made when its message is here again".to_owned()),
        n => told.push(format!("{n} changes that no server had yet were read from it and are made when their messages are here again")),
    }
    let named = salvaged.named.iter().take(NAMED).map(|label| format!("this was not done and is not done by itself now: {label}"));
    told.extend(named);
    if let Some(more) = salvaged.named.len().checked_sub(NAMED).filter(|more| *more > 0) {
        told.push(format!("and {more} more that were not done"));
    }
    if salvaged.is_partial {
        told.push("parts of it could not be read: changes that no server had yet may be lost".to_owned());
    }
    told
}

fn next_id(user: &Connection) -> Result<Option<i64>> {
    Ok(user.query_row("SELECT value FROM meta WHERE name = 'next_message_id'", [], |row| row.get(0)).optional()?)
}

/// A user.db from a backup may have given out fewer ids than mail.db has.
fn guard_ids(user: &Connection, mail: &Connection) -> Result<()> {
    let highest: Option<i64> = mail.query_row("SELECT max(id) FROM message", [], |row| row.get(0))?;
    let next = next_id(user)?;
    let least = highest.unwrap_or_default() + 1;
    if next.is_none_or(|next| next < least) {
        let sql = "INSERT INTO meta (name, value) VALUES ('next_message_id', ?1) \
                   ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)";
        user.execute(sql, [least + super::work::ID_BLOCK])?;
    }
    Ok(())
}

/// Marks mail.db as in use; true if the last user did not end cleanly.
pub(super) fn mark_unclean(mail: &Connection) -> Result<bool> {
    let was_unclean = mail.query_row("SELECT 1 FROM meta WHERE name = 'unclean'", [], |_| Ok(())).optional()?.is_some();
    mail.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('unclean', 1)", [])?;
    Ok(was_unclean)
}

/// A file that is new has been checked: the first sync that fills it ends long before a week. `now`: Unix seconds.
pub(super) fn mark_new(mail: &Connection, now: i64) -> Result<()> {
    let sql = "INSERT OR IGNORE INTO meta (name, value) SELECT 'checked', ?1 \
               WHERE NOT EXISTS (SELECT 1 FROM account) AND NOT EXISTS (SELECT 1 FROM mailbox) AND NOT EXISTS (SELECT 1 FROM message)";
    mail.execute(sql, [now])?;
    Ok(())
}

/// Whether the last check to its end is long ago. `now`: Unix seconds.
fn is_check_due(mail: &Connection, now: i64) -> Result<bool> {
    let last: Option<i64> = mail.query_row("SELECT value FROM meta WHERE name = 'checked'", [], |row| row.get(0)).optional()?;
    Ok(!last.is_some_and(|last| (now - CHECKED_EVERY..=now).contains(&last)))
}

/// Marks mail.db as no longer in use. `checked`: a check of both files was done to its end at that time, Unix seconds.
pub(super) fn mark_clean(mail: &Connection, checked: Option<i64>) -> Result<()> {
    if let Some(now) = checked {
        mail.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('checked', ?1)", [now])?;
    }
    mail.execute("DELETE FROM meta WHERE name = 'unclean'", [])?;
    Ok(())
}

/// What a start owes but neither the first paint nor a first job must wait for: the copy of user.db, and a
/// check of both: once a week, after an unclean end, and where the copy could not be made of a damaged file. `tell` hears what it finds.
pub(super) fn keep_house(engine: &Engine, paths: &Paths, was_unclean: bool, tell: impl FnOnce(Vec<String>) + Send + 'static) -> Result<()> {
    let backed_up = back_up(&engine.user, &paths.user_db);
    if is_check_due(&engine.mail, engine.memory.wall())? || was_unclean || backed_up.as_ref().is_err_and(StoreError::is_damage) {
        start_check(paths.clone(), false, tell)?;
    }
    backed_up
}

/// A program that ended before it was ever idle leaves at least a first copy.
pub(super) fn has_backup(paths: &Paths) -> bool {
    beside(&paths.user_db, "backup").exists()
}

/// Copies a sound user.db beside itself.
pub(super) fn back_up(user: &Connection, file: &Path) -> Result<()> {
    if let Err(error) = is_sound(user) {
        if error.is_damage() {
            mark_damaged(file, number_of(file));
        }
        return Err(error);
    }
    let fresh = beside(file, &format!("backup-{}", std::process::id()));
    let _ = fs::remove_file(&fresh);
    create_private(&fresh)?;
    user.execute("VACUUM INTO ?1", [fresh.to_string_lossy()])?;
    File::open(&fresh).and_then(|copy| copy.sync_all()).map_err(io("can't write", &fresh))?;
    let backup = beside(file, "backup");
    fs::rename(&fresh, &backup).map_err(io("can't write", &backup))
}
