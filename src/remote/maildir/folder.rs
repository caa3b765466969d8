//! One mailbox: its path and the file names it had at the last look. Finding a message again after another
//! program has renamed it is decided here.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::keywords::Table;
use super::{failed, names};
use crate::mail::{FlagBits, Flags, Key};
use crate::remote::{Opened, RemoteError, Result};

/// How often a folder that changes while it is read is read again.
const ROUNDS: usize = 3;

/// When `new` and `cur` last changed (seconds, nanoseconds).
pub type Stamps = [(i64, i64); 2];

/// A message's file at the last look. Sorted by key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The whole file name, as text.
    name: Box<str>,
    /// Bytes of `name` that are the key.
    key_length: usize,
    pub is_new: bool,
}

impl Entry {
    fn new(name: &str, is_new: bool) -> Self {
        Self { name: name.into(), key_length: names::split(name).0.len(), is_new }
    }

    pub fn key(&self) -> &str {
        self.name.get(..self.key_length).unwrap_or(&self.name)
    }

    pub fn letters(&self) -> &str {
        names::split(&self.name).1
    }

    /// What the letters say; a message in `new` has not been seen, whatever its name says.
    pub fn bits(&self) -> FlagBits {
        let bits = names::bits(self.letters());
        if self.is_new { bits.without(FlagBits::SEEN) } else { bits }
    }

    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(if self.is_new { "new" } else { "cur" }).join(names::to_file_name(&self.name))
    }
}

#[derive(Debug)]
pub struct Folder {
    pub path: PathBuf,
    entries: Vec<Entry>,
    pub keywords: Table,
    looked: bool,
    /// The folders' times before the last look.
    read: Option<Stamps>,
    /// The same of the last look whose names were all told.
    told: Option<Stamps>,
}

impl Folder {
    pub fn new(path: PathBuf) -> Self {
        Self { path, entries: Vec::new(), keywords: Table::default(), looked: false, read: None, told: None }
    }

    /// Reads the names again. A rename during the reading can hide a file: a folder that changes meanwhile
    /// is read again, and if it never rests, what any of the readings or the last look saw is here.
    pub fn scan(&mut self) -> Result<()> {
        let error = |error| failed("can't read the mailbox", &self.path, &error);
        let mut seen = std::mem::take(&mut self.entries);
        for _ in 0..ROUNDS {
            let before = stamps(&self.path).map_err(error)?;
            let entries = read_names(&self.path).map_err(error)?;
            self.read = Some(before);
            if stamps(&self.path).map_err(error)? == before {
                seen = entries;
                break;
            }
            seen = joined(entries, seen);
        }
        self.entries = seen;
        self.keywords = Table::load(&self.path);
        self.looked = true;
        Ok(())
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

    /// All names as of the last look.
    pub fn flags(&mut self) -> Vec<(Key, Flags)> {
        self.told = self.read;
        self.entries.iter().map(|entry| (Key::BaseName(entry.key().into()), self.flags_of(entry))).collect()
    }

    pub fn flags_of(&self, entry: &Entry) -> Flags {
        Flags { bits: entry.bits(), keywords: self.keywords.words(entry.letters()) }
    }

    /// Keys of the newest `count` messages, newest first, by the stamps of their names.
    pub fn newest(&self, count: usize) -> Vec<Key> {
        let mut order: Vec<(i64, &Entry)> = self.entries.iter().map(|entry| (self.stamp(entry), entry)).collect();
        let newest_first = |a: &(i64, &Entry), b: &(i64, &Entry)| (b.0, b.1.key()).cmp(&(a.0, a.1.key()));
        if count < order.len() {
            order.select_nth_unstable_by(count, newest_first);
            order.truncate(count);
        }
        order.sort_unstable_by(newest_first);
        order.into_iter().map(|(_, entry)| Key::BaseName(entry.key().into())).collect()
    }

    /// Only names without a time cost a look at the file.
    fn stamp(&self, entry: &Entry) -> i64 {
        names::stamp(&entry.name).unwrap_or_else(|| fs::metadata(entry.path(&self.path)).map_or(0, |found| modified(&found)))
    }

    pub fn find(&self, key: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|entry| entry.key().cmp(key)).ok().and_then(|at| self.entries.get(at))
    }

    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Remembers what a file is called now; `None` = it is not here any more.
    pub fn set(&mut self, key: &str, now: Option<(&str, bool)>) {
        let entry = now.map(|(name, is_new)| Entry::new(name, is_new));
        // one of two files with the same base name got a name of its own: what the other's key is, only a look can tell
        if entry.as_ref().is_some_and(|entry| entry.key() != key) {
            self.looked = false;
            return;
        }
        match (self.entries.binary_search_by(|entry| entry.key().cmp(key)), entry) {
            (Ok(at), Some(entry)) => {
                if let Some(place) = self.entries.get_mut(at) {
                    *place = entry;
                }
            }
            (Ok(at), None) => drop(self.entries.remove(at)),
            (Err(at), Some(entry)) => self.entries.insert(at, entry),
            (Err(_), None) => {}
        }
    }

    /// Does something with the file of every key, in order; keys that are gone are left out. `work` says
    /// `NotFound` when the file has another name by now: then the names are read again, for all such keys
    /// at once. Another error ends nothing: the others are still done, and the first error is kept.
    pub fn each<T>(&mut self, keys: &[Key], mut work: impl FnMut(&mut Self, &Entry) -> io::Result<T>) -> Result<Done<T>> {
        if !self.looked {
            self.scan()?;
        }
        let mut done: Vec<Option<T>> = keys.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..keys.len()).collect();
        let mut error = None;
        for round in 0..=ROUNDS {
            open.retain(|&at| {
                let (Some(key), Some(place)) = (keys.get(at).and_then(Key::base_name), done.get_mut(at)) else { return false };
                let Some(entry) = self.find(key).cloned() else { return round == 0 };
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

/// `new` first: what moves to `cur` meanwhile is seen there, and counts once.
fn read_names(path: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (part, is_new) in [("new", true), ("cur", false)] {
        let listing = match fs::read_dir(path.join(part)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && is_new => continue,
            listing => listing?,
        };
        for file in listing {
            let file = file?;
            let name = file.file_name();
            let name = names::to_text(&name);
            let kind = file.file_type()?;
            let is_message = kind.is_file() || kind.is_symlink() && fs::metadata(file.path()).is_ok_and(|target| target.is_file());
            if is_message && !name.starts_with('.') {
                entries.push(Entry::new(&name, is_new));
            }
        }
    }
    entries.sort_unstable_by(|a, b| (a.key(), a.is_new, &a.name).cmp(&(b.key(), b.is_new, &b.name)));
    Ok(split_doubles(path, entries))
}

/// What is now, and what an earlier reading saw that this one did not; sorted by key.
fn joined(mut now: Vec<Entry>, earlier: Vec<Entry>) -> Vec<Entry> {
    let is_hidden = |entry: &Entry| now.binary_search_by(|known| known.key().cmp(entry.key())).is_err();
    let hidden: Vec<Entry> = earlier.into_iter().filter(is_hidden).collect();
    if !hidden.is_empty() {
        now.extend(hidden);
        now.sort_unstable_by(|a, b| a.key().cmp(b.key()));
    }
    now
}

/// Two files of one base name: the same message seen twice during a rename counts once; two different
/// files are both shown, the second under its whole name.
fn split_doubles(path: &Path, mut entries: Vec<Entry>) -> Vec<Entry> {
    if entries.windows(2).all(|pair| matches!(pair, [a, b] if a.key() != b.key())) {
        return entries;
    }
    let mut groups: HashMap<Box<str>, Vec<Entry>> = HashMap::new();
    for entry in entries.drain(..) {
        groups.entry(entry.key().into()).or_default().push(entry);
    }
    for (_, mut group) in groups {
        if group.len() > 1 {
            let mut seen = Vec::new();
            group.retain(|entry| match fs::symlink_metadata(entry.path(path)) {
                Ok(found) if !seen.contains(&(found.dev(), found.ino())) => {
                    seen.push((found.dev(), found.ino()));
                    true
                }
                _ => false,
            });
        }
        for (at, mut entry) in group.into_iter().enumerate() {
            if at > 0 {
                entry.key_length = entry.name.len();
            }
            entries.push(entry);
        }
    }
    entries.sort_unstable_by(|a, b| a.key().cmp(b.key()));
    entries.dedup_by(|b, a| a.key() == b.key());
    entries
}
