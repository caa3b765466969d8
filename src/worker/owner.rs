//! Two processes, one account: a file lock elects the owner, who alone talks to the server. The others poke
//! it over a UNIX socket, and look at the store's files to hear that something changed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio::io::AsyncReadExt;
use tokio::net::UnixListener;

use crate::mail::SafeFileName;

/// Being the owner; ends when dropped.
#[derive(Debug)]
pub struct Ownership {
    _lock: File,
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
            Ok(Ok(Ownership { _lock: lock }))
        }
        Err(std::fs::TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = Read::by_ref(&mut lock).take(32).read_to_string(&mut text);
            Ok(Err(text.trim().parse().ok()))
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Tells the account's owner, if there is one, that rows wait to be pushed. Never blocks for long.
pub fn poke(folder: &Path, account: &str) {
    if let Ok(mut socket) = std::os::unix::net::UnixStream::connect(file(folder, account, "sock")) {
        let _ = socket.set_write_timeout(Some(std::time::Duration::from_millis(200)));
        let _ = socket.write_all(b"poke\n");
    }
}

/// The process that owns an account and listens, if there is one. Takes no lock, so it is in nobody's way.
pub fn owner_of(folder: &Path, account: &str) -> Option<u32> {
    std::os::unix::net::UnixStream::connect(file(folder, account, "sock")).ok()?;
    std::fs::read_to_string(file(folder, account, "lock")).ok()?.trim().parse().ok()
}

/// Hears pokes; only the owner may bind, so a socket already there is a dead one's.
pub fn listen(folder: &Path, account: &str) -> std::io::Result<UnixListener> {
    let path = file(folder, account, "sock");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Waits for the next poke.
pub async fn next_poke(listener: &UnixListener) -> std::io::Result<()> {
    let (mut stream, _) = listener.accept().await?;
    let mut line = [0; 5];
    // a peer that connects and says nothing must not hold up the others
    let read = tokio::time::timeout(std::time::Duration::from_secs(1), stream.read_exact(&mut line));
    match read.await {
        Ok(Ok(_)) | Ok(Err(_)) | Err(_) => Ok(()),
    }
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

    #[tokio::test]
    async fn a_poke_reaches_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let listener = listen(folder.path(), "work").unwrap();
        let path = folder.path().to_owned();
        let poking = tokio::task::spawn_blocking(move || poke(&path, "work"));
        next_poke(&listener).await.unwrap();
        poking.await.unwrap();
        poke(folder.path(), "nobody");
    }
}
