//! The throw-away folder of a demo run, and sweeping up after runs that were killed.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const PREFIX: &str = "postrider-demo-";
const LOCK: &str = "lock";

/// Held while a demo runs; dropping it removes the folder.
#[derive(Debug)]
pub struct Lock {
    _file: File,
    folder: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder of our own (0700) in the system's temporary folder, and its lock.
pub fn temp_root() -> io::Result<(PathBuf, Lock)> {
    temp_root_in(&std::env::temp_dir())
}

fn temp_root_in(base: &Path) -> io::Result<(PathBuf, Lock)> {
    let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(base)?.keep();
    let unnamed = folder.join("lock.new");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unnamed)?;
    // locked before it has its name: a sweep at this moment finds either no lock or a held one
    file.lock()?;
    fs::rename(unnamed, folder.join(LOCK))?;
    Ok((folder.clone(), Lock { _file: file, folder }))
}

/// Removes demo folders in `base` that nobody holds. What is not surely ours and abandoned stays.
pub fn sweep_leftovers(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().filter_map(Result::ok) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && entry.file_name().to_string_lossy().starts_with(PREFIX) && is_abandoned(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Its lock is there, can be opened by us and is free. A folder without one may be just being made.
fn is_abandoned(folder: &Path) -> bool {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let Ok(file) = OpenOptions::new().write(true).custom_flags(no_follow).open(folder.join(LOCK)) else { return false };
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_abandoned_folders_are_swept() {
        let base = tempfile::tempdir().unwrap();
        let (running, lock) = temp_root_in(base.path()).unwrap();
        let killed = base.path().join("postrider-demo-killed");
        let young = base.path().join("postrider-demo-without-lock");
        let other = base.path().join("something-else");
        for folder in [&killed, &young, &other] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(killed.join(LOCK), "").unwrap();
        fs::write(other.join(LOCK), "").unwrap();
        sweep_leftovers(base.path());
        assert_eq!([&running, &young, &other, &killed].map(|folder| folder.exists()), [true, true, true, false]);
        drop(lock);
        assert!(!running.exists());
    }
}
