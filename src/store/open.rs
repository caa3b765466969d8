//! Opening both databases: permissions, locks, migrations, and what happens to a damaged file. Nothing here
//! reads more than a few pages: the long checks run behind the first paint.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::migrate::{self, MAIL, USER};
use super::work::{Ids, Memory};
use super::writer::{Engine, Writer};
use super::{Paths, Result, StoreError};

/// How long one process waits for another's transaction.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Opens or creates both databases (0700 folder, 0600 files), migrates, starts the writer thread.
pub fn open(paths: &Paths) -> Result<Writer> {
    let mut notices = Vec::new();
    restore_missing(&paths.user_db, &mut notices)?;
    for file in [&paths.user_db, &paths.mail_db] {
        create_private(file)?;
    }
    let lock_path = beside(&paths.mail_db, "lock");
    let mut lock = lock_shared(&lock_path)?;
    let user = open_user(&paths.user_db, &mut notices)?;
    let mail = match open_mail(&paths.mail_db) {
        Err(error) if error.is_damage() => {
            drop(lock);
            rebuild(paths, &lock_path, &user, &mut notices)?;
            lock = lock_shared(&lock_path)?;
            open_mail(&paths.mail_db)?
        }
        other => other?,
    };
    guard_ids(&user, &mail)?;
    let engine = Engine { mail, user, ids: Ids::default(), memory: Memory::default(), session: session(), _lock: lock };
    Writer::start(paths.clone(), engine, notices)
}

/// `user.db` alone, for a process that only adds to it.
pub(super) fn own_alone(paths: &Paths) -> Result<Connection> {
    create_private(&paths.user_db)?;
    let mut notices = Vec::new();
    let user = open_user(&paths.user_db, &mut notices)?;
    notices.iter().for_each(|notice| tracing::warn!("{notice}"));
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

fn connect(file: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.busy_timeout(BUSY)?;
    db.set_prepared_statement_cache_capacity(128);
    Ok(db)
}

fn set_up(db: &mut Connection, steps: &[&str], file: &Path, synchronous: &str) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // before anything is written: a newer file stays as it is
    let version = migrate::check(db, steps, &name)?;
    if version == 0 {
        // 8 KiB pages hold a row with its header whole and cut the tree's depth
        db.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;")?;
    }
    db.execute_batch(&format!("PRAGMA synchronous = {synchronous}; PRAGMA cache_size = -8192; PRAGMA wal_autocheckpoint = 4000;"))?;
    migrate::migrate(db, steps, &name)
}

fn open_mail(file: &Path) -> Result<Connection> {
    if beside(file, "damaged").exists() {
        let source = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None);
        return Err(source.into());
    }
    let mut db = connect(file)?;
    set_up(&mut db, MAIL, file, "NORMAL")?;
    Ok(db)
}

/// Opens user.db; a damaged one is moved aside and the last backup takes its place.
fn open_user(file: &Path, notices: &mut Vec<String>) -> Result<Connection> {
    let attempt = || -> Result<Connection> {
        let mut db = connect(file)?;
        set_up(&mut db, USER, file, "FULL")?;
        db.query_row("SELECT count(*) FROM meta", [], |row| row.get::<_, i64>(0))?;
        Ok(db)
    };
    match attempt() {
        Err(error) if error.is_damage() => {
            let aside = move_aside(file)?;
            let backup = beside(file, "backup");
            let restored = backup.exists();
            if restored {
                restore(&backup, file)?;
            } else {
                create_private(file)?;
            }
            let then = if restored { "the copy made at the last start was opened" } else { "there was no copy, so it starts empty" };
            notices.push(format!("{} is damaged; it was moved to {} and {then}", file.display(), aside.display()));
            attempt()
        }
        other => other,
    }
}

/// Puts a copy of the backup in place, in which nothing is to be sent by itself: it may have been sent since.
fn restore(backup: &Path, file: &Path) -> Result<()> {
    let fresh = beside(file, "restoring");
    fs::copy(backup, &fresh).map_err(io("can't restore", file))?;
    let db = Connection::open(&fresh)?;
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
    restore(&backup, file)?;
    notices.push(format!("{} was gone; the copy made at the last start was opened", file.display()));
    Ok(())
}

/// Moves a file with its log to a free name beside it.
fn move_aside(file: &Path) -> Result<PathBuf> {
    let free = (1_u32..).map(|n| beside(file, &format!("damaged-{n}"))).find(|path| !path.exists());
    let aside = free.unwrap_or_else(|| beside(file, "damaged-0"));
    fs::rename(file, &aside).map_err(io("can't move aside", file))?;
    for log in ["-wal", "-shm"] {
        let with = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(log);
            PathBuf::from(name)
        };
        // there may be none
        let _ = fs::rename(with(file), with(&aside));
    }
    Ok(aside)
}

/// Moves a damaged mail.db aside, if no other process uses it: all of it comes again from the servers.
fn rebuild(paths: &Paths, lock_path: &Path, user: &Connection, notices: &mut Vec<String>) -> Result<()> {
    let file = &paths.mail_db;
    let alone = OpenOptions::new().append(true).create(true).mode(0o600).open(lock_path).map_err(io("can't open", lock_path))?;
    if alone.try_lock().is_err() {
        let text = format!("{} is damaged and another postrider still uses it; end that one, then start again", file.display());
        return Err(StoreError::Other(text));
    }
    let waiting = count_waiting(file);
    let aside = move_aside(file)?;
    // without the marker the fresh file is taken as good
    let _ = fs::remove_file(beside(file, "damaged"));
    create_private(file)?;
    let unpushed = match waiting {
        Some(0) => "no change was waiting for a server".to_owned(),
        Some(1) => "1 change that no server had yet is lost".to_owned(),
        Some(n) => format!("{n} changes that no server had yet are lost"),
        None => "changes that no server had yet could not be read".to_owned(),
    };
    notices.push(format!("{} was damaged; it was moved to {} and mail is fetched again; {unpushed}", file.display(), aside.display()));
    let kept: i64 = user.query_row("SELECT count(*) FROM local", [], |row| row.get(0))?;
    if kept > 0 {
        notices.push(format!("{kept} messages that no server has yet are kept in {}", paths.user_db.display()));
    }
    Ok(())
}

/// How many changes wait in a damaged file, if that much can be read.
fn count_waiting(file: &Path) -> Option<i64> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    db.query_row("SELECT count(*) FROM message WHERE dirty = 1", [], |row| row.get(0)).ok()
}

/// A user.db from a backup may have given out fewer ids than mail.db has.
fn guard_ids(user: &Connection, mail: &Connection) -> Result<()> {
    let highest: Option<i64> = mail.query_row("SELECT max(id) FROM message", [], |row| row.get(0))?;
    let next: Option<i64> = user.query_row("SELECT value FROM meta WHERE name = 'next_message_id'", [], |row| row.get(0)).optional()?;
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

/// What a start owes but neither the first paint nor a first job must wait for: the copy of user.db, and a
/// check of mail.db after an unclean end.
pub(super) fn keep_house(engine: &Engine, paths: &Paths, was_unclean: bool) -> Result<()> {
    back_up(&engine.user, &paths.user_db)?;
    if was_unclean {
        let file = paths.mail_db.clone();
        // its own connection and thread: the writer does not wait
        let check = std::thread::Builder::new().name("store-check".into()).spawn(move || check_mail(&file));
        check.map_err(|source| StoreError::Io { context: "the check of mail.db did not start".into(), source })?;
    }
    Ok(())
}

/// A program that ended before it was ever idle leaves at least a first copy.
pub(super) fn has_backup(paths: &Paths) -> bool {
    beside(&paths.user_db, "backup").exists()
}

/// Copies a sound user.db beside itself.
fn back_up(user: &Connection, file: &Path) -> Result<()> {
    let verdict: String = user.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Other(format!("{} is damaged: {verdict}", file.display())));
    }
    let fresh = beside(file, &format!("backup-{}", std::process::id()));
    let _ = fs::remove_file(&fresh);
    create_private(&fresh)?;
    user.execute("VACUUM INTO ?1", [fresh.to_string_lossy()])?;
    File::open(&fresh).and_then(|copy| copy.sync_all()).map_err(io("can't write", &fresh))?;
    let backup = beside(file, "backup");
    fs::rename(&fresh, &backup).map_err(io("can't write", &backup))
}

/// Leaves a marker where mail.db is damaged, so that the next start rebuilds it.
pub(super) fn check_mail(file: &Path) {
    let verdict = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .and_then(|db| db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
    let is_damaged = match verdict {
        Ok(verdict) => verdict != "ok",
        Err(error) => StoreError::from(error).is_damage(),
    };
    if is_damaged {
        tracing::error!(file = %file.display(), "mail.db is damaged; the next start rebuilds it");
        if let Err(error) = File::create(beside(file, "damaged")) {
            tracing::error!(%error, "marker for the damaged mail.db");
        }
    }
}
