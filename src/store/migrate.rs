//! Schema versions: one SQL file each, applied in order in one transaction; `user_version` says how far a
//! file is. A file is never edited after a release. What a newer program wrote is refused untouched.

use rusqlite::{Connection, TransactionBehavior};

use super::{Result, StoreError};

/// Versions of mail.db, from 1.
pub(super) const MAIL: &[&str] = &[
    include_str!("schema/mail_001.sql"),
    include_str!("schema/mail_002.sql"),
    include_str!("schema/mail_003.sql"),
    include_str!("schema/mail_004.sql"),
    include_str!("schema/mail_005.sql"),
    include_str!("schema/mail_006.sql"),
    include_str!("schema/mail_007.sql"),
    include_str!("schema/mail_008.sql"),
    include_str!("schema/mail_009.sql"),
    include_str!("schema/mail_010.sql"),
    include_str!("schema/mail_011.sql"),
    include_str!("schema/mail_012.sql"),
    include_str!("schema/mail_013.sql"),
    include_str!("schema/mail_014.sql"),
    include_str!("schema/mail_015.sql"),
];
/// Versions of user.db, from 1.
pub(super) const USER: &[&str] = &[
    include_str!("schema/user_001.sql"),
    include_str!("schema/user_002.sql"),
    include_str!("schema/user_003.sql"),
    include_str!("schema/user_004.sql"),
    include_str!("schema/user_005.sql"),
];

/// The version a file is at; an error if a newer program wrote it.
pub(super) fn check(db: &Connection, steps: &[&str], file: &str) -> Result<i64> {
    let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = steps.len() as i64;
    if found > known {
        return Err(StoreError::Newer { file: file.to_owned(), found, known });
    }
    Ok(found)
}

/// Brings a file up to date; does nothing where it is.
pub(super) fn migrate(db: &mut Connection, steps: &[&str], file: &str) -> Result<()> {
    if check(db, steps, file)? == steps.len() as i64 {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // another process may have been faster
    let from = usize::try_from(check(&tx, steps, file)?).unwrap_or_default();
    for step in steps.iter().skip(from) {
        tx.execute_batch(step)?;
    }
    tx.execute_batch(&format!("PRAGMA user_version = {}", steps.len()))?;
    tx.commit()?;
    Ok(())
}
