//! The file names of one mailbox in little memory, for it may hold a million: one text, and where each name stands in it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::names;
use crate::mail::FlagBits;

/// A message's file at the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The whole file name, as text.
    name: &'a str,
    /// Octets of `name` that are the key.
    key_length: usize,
    pub is_new: bool,
}

impl<'a> Entry<'a> {
    pub fn key(&self) -> &'a str {
        self.name.get(..self.key_length).unwrap_or(self.name)
    }

    pub fn letters(&self) -> &'a str {
        names::split(self.name).1
    }

    /// What the letters say; a message in `new` has not been seen, whatever its name says.
    pub fn bits(&self) -> FlagBits {
        let bits = names::bits(self.letters());
        if self.is_new { bits.without(FlagBits::SEEN) } else { bits }
    }

    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(if self.is_new { "new" } else { "cur" }).join(names::to_file_name(self.name))
    }

    /// The same with a name of its own.
    pub fn with_name<'b>(&self, name: &'b mut String) -> Entry<'b> {
        self.name.clone_into(name);
        Entry { name, key_length: self.key_length, is_new: self.is_new }
    }
}

/// Where a name stands in the text.
#[derive(Clone, Copy, Debug)]
struct Place {
    start: u32,
    length: u16,
    key_length: u16,
    is_new: bool,
}

/// Sorted by key; each key once.
#[derive(Debug, Default)]
pub struct Entries {
    text: String,
    places: Vec<Place>,
}

impl Entries {
    /// Reads the names of a mailbox's files: `new` first, for what moves to `cur` meanwhile is seen there, and counts once.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut entries = Self::default();
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
                    let place = entries.write(&name, is_new)?;
                    entries.places.push(place);
                }
            }
        }
        entries.sort();
        entries.split_doubles(path);
        Ok(entries)
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> {
        self.places.iter().map(|place| self.entry(place))
    }

    pub fn find(&self, key: &str) -> Option<Entry<'_>> {
        self.places.get(self.position(key).ok()?).map(|place| self.entry(place))
    }

    /// The last `count` before this key (None: of all), in their order.
    pub fn before(&self, key: Option<&str>, count: usize) -> impl Iterator<Item = Entry<'_>> {
        let end = key.map_or(self.places.len(), |key| self.position(key).unwrap_or_else(|at| at));
        let places = self.places.get(end.saturating_sub(count)..end).unwrap_or_default();
        places.iter().map(|place| self.entry(place))
    }

    /// Remembers the file of a key: its name by now, which has the same key, or None where it is gone.
    pub fn set(&mut self, key: &str, now: Option<(&str, bool)>) -> io::Result<()> {
        let place = now.map(|(name, is_new)| self.write(name, is_new)).transpose()?;
        match (self.position(key), place) {
            (Ok(at), Some(place)) => self.places.get_mut(at).into_iter().for_each(|known| *known = place),
            (Ok(at), None) => drop(self.places.remove(at)),
            (Err(at), Some(place)) => self.places.insert(at, place),
            (Err(_), None) => {}
        }
        Ok(())
    }

    /// Adds what an earlier reading saw and this one did not.
    pub fn join(&mut self, earlier: &Self) -> io::Result<()> {
        let mut hidden = Vec::new();
        for entry in earlier.iter().filter(|entry| self.find(entry.key()).is_none()) {
            hidden.push((entry, short(entry.key_length)?));
        }
        for (entry, key_length) in hidden {
            let place = self.write(entry.name, entry.is_new)?;
            self.places.push(Place { key_length, ..place });
        }
        self.sort();
        Ok(())
    }

    fn entry(&self, place: &Place) -> Entry<'_> {
        let start = place.start as usize;
        let name = self.text.get(start..start + usize::from(place.length)).unwrap_or_default();
        Entry { name, key_length: place.key_length.into(), is_new: place.is_new }
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.places.binary_search_by(|place| self.entry(place).key().cmp(key))
    }

    fn write(&mut self, name: &str, is_new: bool) -> io::Result<Place> {
        let start = u32::try_from(self.text.len()).map_err(|_| io::Error::other("it holds more files than can be known at a time"))?;
        self.text.push_str(name);
        Ok(Place { start, length: short(name.len())?, key_length: short(names::split(name).0.len())?, is_new })
    }

    fn sort(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        places.sort_unstable_by_key(|place| {
            let entry = self.entry(place);
            (entry.key(), entry.is_new, entry.name)
        });
        self.places = places;
    }

    /// Two files of one key: the same message seen twice during a rename counts once; two different files are both shown,
    /// the second under its whole name.
    fn split_doubles(&mut self, path: &Path) {
        let has_same_key = |a: &Place, b: &Place| self.entry(a).key() == self.entry(b).key();
        if self.places.windows(2).all(|pair| matches!(pair, [a, b] if !has_same_key(a, b))) {
            return;
        }
        let mut places = Vec::with_capacity(self.places.len());
        for group in self.places.chunk_by(has_same_key) {
            let mut seen = Vec::new();
            let is_there = |place: &&Place| match fs::symlink_metadata(self.entry(place).path(path)) {
                Ok(found) if !seen.contains(&(found.dev(), found.ino())) => {
                    seen.push((found.dev(), found.ino()));
                    true
                }
                _ => false,
            };
            let others =
                |(at, place): (usize, &Place)| Place { key_length: if at > 0 { place.length } else { place.key_length }, ..*place };
            match group {
                [one] => places.push(*one),
                several => places.extend(several.iter().filter(is_there).enumerate().map(others)),
            }
        }
        self.places = places;
        self.sort();
        let mut places = std::mem::take(&mut self.places);
        places.dedup_by(|b, a| self.entry(a).key() == self.entry(b).key());
        self.places = places;
    }
}

/// A length of a name; no file system has longer ones.
fn short(length: usize) -> io::Result<u16> {
    u16::try_from(length).map_err(|_| io::Error::other("a file name is too long"))
}
