//! One mailbox: its path and the file names it had at the last look. Finding a message again after another
//! program has renamed it is decided here.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::entries::{Entries, Entry};
use super::keywords::Table;
use super::{failed, names};
use crate::mail::{Flags, Key};
use crate::remote::{Opened, RemoteError, Result};

/// How often a folder that changes while it is read is read again.
const ROUNDS: usize = 3;

/// Seconds in which a folder may change and its times stay the same, on the coarsest of file systems.
const COARSE: i64 = 2;

/// When `new` and `cur` last changed (seconds, nanoseconds).
pub type Stamps = [(i64, i64); 2];

#[derive(Debug)]
pub struct Folder {
    pub path: PathBuf,
    entries: Entries,
    pub keywords: Table,
    looked: bool,
    /// The folders' times before the last look.
    read: Option<Stamps>,
    /// They were so old that every change since shows in them.
    is_settled: bool,
    /// The same of the last look whose names were all told.
    told: Option<Stamps>,
}

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        let (entries, keywords) = (Entries::default(), Table::default());
        Self { path, entries, keywords, looked: false, read: None, is_settled: false, told: None }
    }

    /// Reads the names again. A rename during the reading can hide a file: a folder that changes meanwhile
    /// is read again, and if it never rests, what any of the readings or the last look saw is here.
    pub fn scan(&mut self) -> Result<()> {
        let error = |error| failed("can't read the mailbox", &self.path, &error);
        for _ in 0..ROUNDS {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(0));
            let before = stamps(&self.path).map_err(error)?;
            let mut entries = Entries::read(&self.path).map_err(error)?;
            let is_still = stamps(&self.path).map_err(error)? == before;
            if !is_still {
                entries.join(&self.entries).map_err(error)?;
            }
            self.entries = entries;
            self.read = Some(before);
            self.is_settled = is_still && before.iter().all(|(seconds, _)| now - seconds > COARSE);
            if is_still {
                break;
            }
        }
        self.keywords = Table::load(&self.path);
        self.looked = true;
        Ok(())
    }

    /// Reads the names again where they may have changed.
    pub fn refresh(&mut self) -> Result<()> {
        let now = stamps(&self.path).map_err(|error| failed("can't read the mailbox", &self.path, &error))?;
        if self.looked && self.is_settled && self.read == Some(now) { Ok(()) } else { self.scan() }
    }

    /// The state of the folders as of the last look that told all names, once: a look for one message tells nobody
    /// what else is there.
    pub fn take_stamps(&mut self) -> Option<Stamps> {
        self.told.take()
    }

    pub fn opened(&self) -> Opened {
        let writable = rustix::fs::access(self.path.join("cur"), rustix::fs::Access::WRITE_OK).is_ok();
        let exists = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        Opened { exists, read_only: !writable, ..Opened::default() }
    }

    /// The last `count` names before a key (None: of all) as of the last look. Who begins with the last of all goes on to the first.
    pub fn flags(&mut self, before: Option<&str>, count: usize) -> Vec<(Key, Flags)> {
        if before.is_none() {
            self.told = self.read;
        }
        self.entries.before(before, count).map(|entry| (Key::BaseName(entry.key().into()), self.flags_of(&entry))).collect()
    }

    pub fn flags_of(&self, entry: &Entry<'_>) -> Flags {
        Flags { bits: entry.bits(), keywords: self.keywords.words(entry.letters()) }
    }

    /// Keys of the newest `count` messages, newest first, by the stamps of their names.
    pub fn newest(&self, count: usize) -> Vec<Key> {
        let mut order: Vec<(i64, &str)> = self.entries.iter().map(|entry| (self.stamp(&entry), entry.key())).collect();
        let newest_first = |a: &(i64, &str), b: &(i64, &str)| b.cmp(a);
        if count < order.len() {
            order.select_nth_unstable_by(count, newest_first);
            order.truncate(count);
        }
        order.sort_unstable_by(newest_first);
        order.into_iter().map(|(_, key)| Key::BaseName(key.into())).collect()
    }

    /// Only names without a time cost a look at the file.
    fn stamp(&self, entry: &Entry<'_>) -> i64 {
        names::stamp(entry.key()).unwrap_or_else(|| fs::metadata(entry.path(&self.path)).map_or(0, |found| modified(&found)))
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.find(key).is_some()
    }

    /// Remembers what a file is called now; `None` = it is not here any more.
    pub fn set(&mut self, key: &str, now: Option<(&str, bool)>) {
        // one of two files with the same base name got a name of its own: what the other's key is, only a look can tell
        let is_other = now.is_some_and(|(name, _)| names::split(name).0 != key);
        if is_other || self.entries.set(key, now).is_err() {
            self.looked = false;
        }
    }

    /// Does something with the file of every key, in order; keys that are gone are left out. `work` says
    /// `NotFound` when the file has another name by now: then the names are read again, for all such keys
    /// at once. Another error ends nothing: the others are still done, and the first error is kept.
    pub fn each<T>(&mut self, keys: &[Key], mut work: impl FnMut(&mut Self, &Entry<'_>) -> io::Result<T>) -> Result<Done<T>> {
        if !self.looked {
            self.scan()?;
        }
        let mut done: Vec<Option<T>> = keys.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..keys.len()).collect();
        let mut error = None;
        let mut name = String::new();
        for round in 0..=ROUNDS {
            open.retain(|&at| {
                let (Some(key), Some(place)) = (keys.get(at).and_then(Key::base_name), done.get_mut(at)) else { return false };
                let Some(entry) = self.entries.find(key).map(|entry| entry.with_name(&mut name)) else { return round == 0 };
                match work(self, &entry) {
                    Ok(value) => *place = Some(value),
                    Err(failure) if failure.kind() == io::ErrorKind::NotFound => return true,
                    Err(failure) => {
                        error.get_or_insert_with(|| failed("can't change or read", &entry.path(&self.path), &failure));
                    }
                }
                false
            });
            if open.is_empty() || round == ROUNDS {
                break;
            }
            self.scan()?;
        }
        Ok(Done { values: keys.iter().cloned().zip(done).filter_map(|(key, value)| Some((key, value?))).collect(), error })
    }
}

/// What came of [`Folder::each`].
#[derive(Debug)]
pub struct Done<T> {
    pub values: Vec<(Key, T)>,
    pub error: Option<RemoteError>,
}

impl<T> Done<T> {
    /// The values, or the error if there is nothing but it.
    pub fn some(self) -> Result<Vec<(Key, T)>> {
        match self.error {
            Some(error) if self.values.is_empty() => Err(error),
            error => {
                if let Some(error) = error {
                    tracing::warn!(%error, "some messages of a Maildir were left out");
                }
                Ok(self.values)
            }
        }
    }

    /// The values only if all went well.
    pub fn all(self) -> Result<Vec<(Key, T)>> {
        self.error.map_or(Ok(self.values), Err)
    }
}

/// Seconds of the last change of a file's bytes.
pub fn modified(metadata: &fs::Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(0))
}

pub fn stamps(path: &Path) -> io::Result<Stamps> {
    let of = |part: &str| -> io::Result<(i64, i64)> {
        match fs::metadata(path.join(part)) {
            Ok(found) => Ok((found.mtime(), found.mtime_nsec())),
            // `new` alone may be missing; then nothing is delivered there
            Err(error) if error.kind() == io::ErrorKind::NotFound && part == "new" => Ok((0, 0)),
            Err(error) => Err(error),
        }
    };
    Ok([of("new")?, of("cur")?])
}
