//! Reading `user.db`: drafts, the outbox, contacts. Small tables; still never read on the UI thread but by key.
//! What is read is beside what writes it: `drafts.rs`, `outbox.rs`, `contacts.rs`.

use rusqlite::{Connection, OpenFlags};

use super::{Paths, Result, migrate, open};

/// A read-only view of what exists nowhere else. May be sent to another thread, is not shared between threads.
pub struct Own {
    db: Connection,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}

impl Own {
    /// Opens only for reading; None if `user.db` does not exist yet or is older than this program.
    pub fn open(paths: &Paths) -> Result<Option<Self>> {
        if !paths.user_db.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(&paths.user_db, flags)?;
        db.busy_timeout(open::BUSY)?;
        let name = paths.user_db.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let version = migrate::check(&db, migrate::USER, &name)?;
        Ok((version == migrate::USER.len() as i64).then_some(Self { db }))
    }

    pub(super) fn db(&self) -> &Connection {
        &self.db
    }
}
