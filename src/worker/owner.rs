//! Two processes, one account: a file lock elects the owner, who alone talks to the server. What the others say to
//! it and hear from it over its socket is in `beside.rs`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::net::UnixListener;

use crate::mail::SafeFileName;

/// Being the owner; ends when dropped.
#[derive(Debug)]
pub struct Ownership {
    lock: File,
}

impl Drop for Ownership {
    /// Closing would do it too, but not while a program that is just being started still has the file.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

fn file(folder: &Path, account: &str, extension: &str) -> PathBuf {
    folder.join(format!("{}.{extension}", SafeFileName::new(account, "account").as_str()))
}

/// Becomes the owner of an account, or says who is (a process id, where it can be read).
pub fn claim(folder: &Path, account: &str) -> std::io::Result<Result<Ownership, Option<u32>>> {
    let path = file(folder, account, "lock");
    let mut lock = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match lock.try_lock() {
        Ok(()) => {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())?;
            Ok(Ok(Ownership { lock }))
        }
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = Read::by_ref(&mut lock).take(32).read_to_string(&mut text);
            Ok(Err(text.trim().parse().ok()))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Where the owner of an account listens.
pub fn socket(folder: &Path, account: &str) -> PathBuf {
    file(folder, account, "sock")
}

/// The process that owns an account and listens, if there is one. Takes no lock, so it is in nobody's way.
pub fn owner_of(folder: &Path, account: &str) -> Option<u32> {
    std::os::unix::net::UnixStream::connect(socket(folder, account)).ok()?;
    std::fs::read_to_string(file(folder, account, "lock")).ok()?.trim().parse().ok()
}

/// Where peers come; only the owner may bind, so a socket already there is a dead one's.
pub fn listen(folder: &Path, account: &str) -> std::io::Result<UnixListener> {
    let path = socket(folder, account);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// When another process last wrote to the store.
pub fn last_write(mail_db: &Path) -> Option<(SystemTime, u64)> {
    let mut wal = mail_db.as_os_str().to_owned();
    wal.push("-wal");
    let meta = std::fs::metadata(PathBuf::from(wal)).or_else(|_| std::fs::metadata(mail_db)).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_at_a_time_and_the_next_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = claim(folder.path(), "work").unwrap().unwrap();
        assert_eq!(claim(folder.path(), "work").unwrap().unwrap_err(), Some(std::process::id()));
        assert!(claim(folder.path(), "home").unwrap().is_ok());
        drop(first);
        assert!(claim(folder.path(), "work").unwrap().is_ok());
    }
}
