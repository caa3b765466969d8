//! Who has a draft in a composer: a run of the program, by its number, for as long as that process holds the
//! lock on a file of that number. Without it a second process would take drafts that are being written.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{Result, StoreError};

/// This run of the program; the file exists only once something is held.
#[derive(Debug)]
pub(super) struct Run {
    pub number: i64,
    folder: PathBuf,
    lock: Mutex<Option<File>>,
}

fn path(folder: &Path, run: i64) -> PathBuf {
    folder.join(format!("run-{run}.lock"))
}

impl Run {
    /// `number`: one that no other run has, never 0.
    pub fn new(folder: PathBuf, number: i64) -> Self {
        Self { number, folder, lock: Mutex::default() }
    }

    /// From now on, and until it ends, others see that this run lives.
    pub fn hold(&self) -> Result<()> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            let path = path(&self.folder, self.number);
            let context = || format!("can't lock {}", path.display());
            *held = Some(lock(&path).map_err(|source| StoreError::Io { context: context(), source })?);
        }
        Ok(())
    }

    /// The run ends: what it held is nobody's.
    pub fn release(&self) {
        if let Some(file) = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // while it is still locked, so that no other file of this name is meant
            let _ = fs::remove_file(path(&self.folder, self.number));
            drop(file);
        }
    }

    /// Whether the run of this number still lives, this one included.
    pub fn is_alive(&self, run: i64) -> bool {
        if run == self.number {
            return true;
        }
        run != 0 && is_locked(&path(&self.folder, run))
    }

    /// Removes the files of runs that ended without removing theirs.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let number = name.strip_prefix("run-").and_then(|rest| rest.strip_suffix(".lock")).and_then(|n| n.parse().ok());
            if number.is_some_and(|number: i64| !self.is_alive(number)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// Locks the file of this name; a sweep of another process may take it away before it is locked.
fn lock(path: &Path) -> std::io::Result<File> {
    loop {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.lock()?;
        let ours = file.metadata()?;
        match fs::metadata(path) {
            Ok(named) if (named.dev(), named.ino()) == (ours.dev(), ours.ino()) => return Ok(file),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}

fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    // what can't be told is taken as alive: a draft waits rather than being written in two places
    file.try_lock().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_lives_as_long_as_it_holds_its_lock() {
        let folder = tempfile::tempdir().unwrap();
        let run = |number| Run::new(folder.path().to_owned(), number);
        let (first, second) = (run(1), run(2));
        assert!(!second.is_alive(1), "it holds nothing yet");
        first.hold().unwrap();
        first.hold().unwrap();
        assert!(second.is_alive(1) && !second.is_alive(0) && second.is_alive(2));
        first.release();
        assert!(!second.is_alive(1) && !path(folder.path(), 1).exists());
    }

    #[test]
    fn a_run_that_died_leaves_a_file_that_the_next_one_removes() {
        let folder = tempfile::tempdir().unwrap();
        let (dead, next) = (Run::new(folder.path().to_owned(), 1), Run::new(folder.path().to_owned(), 2));
        dead.hold().unwrap();
        next.hold().unwrap();
        next.sweep();
        assert!(path(folder.path(), 1).exists(), "it still lives");
        drop(dead);
        assert!(!next.is_alive(1));
        next.sweep();
        assert!(!path(folder.path(), 1).exists() && path(folder.path(), 2).exists());
    }
}
