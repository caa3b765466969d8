//! Delivering into a Maildir what was fetched from elsewhere: complete in `tmp`, on the disk, and only then in
//! `new`, under a name that follows from where it came from. A message that is already in any mailbox of the
//! Maildir is found by that name and its content, and is not delivered twice.
//!
//! Blocking throughout. Start with [`Delivery::prepare`].

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::change::{rename_new, sync_folder};
use super::{failed, mailboxes, names};
use crate::remote::{RemoteError, Result};

/// Digits of a token in a file name.
const TOKEN: usize = 32;
/// Before the token in a file name.
const MARK: &str = ".U";

/// Where one source of mail is delivered.
#[derive(Clone, Debug)]
pub struct Delivery {
    root: PathBuf,
    /// Tells this source from others that deliver into the same Maildir.
    source: String,
}

/// Whether the Maildir is the one that was delivered into before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Same,
    /// Made now, or put in place of another one.
    New,
}

impl Delivery {
    /// `source`: a word that file names may hold.
    pub fn new(root: PathBuf, source: &str) -> Self {
        Self { root, source: source.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn marker(&self) -> PathBuf {
        self.root.join(format!(".delivered-{}", self.source))
    }

    /// Makes the Maildir and these mailboxes (Maildir++ names) where they are missing. `must_be_there`: mail was
    /// delivered before, so a Maildir that is missing is a disk that is not mounted, not one to be made.
    ///
    /// # Errors
    /// The folder can't be made or is not there, in words.
    pub fn prepare(&self, must_be_there: bool, mailboxes: &[String]) -> Result<Found> {
        let is_here = self.root.join("cur").is_dir();
        if must_be_there && !is_here {
            return Err(RemoteError::Rejected(format!(
                "the Maildir {} that mail was delivered into is not there: mount or restore it, or make an empty one there \
                 (folders cur, new and tmp) to fetch again what the server still has",
                self.root.display()
            )));
        }
        make_maildir(&self.root)?;
        self.make_missing(mailboxes)?;
        Ok(if self.marker().exists() { Found::Same } else { Found::New })
    }

    /// Makes mailboxes that are there in neither form (`.Trash`, `Trash`).
    fn make_missing(&self, mailboxes: &[String]) -> Result<()> {
        let path_of = |name: &str| {
            mailboxes::path_of(&self.root, name).ok_or_else(|| RemoteError::Rejected(format!("no mailbox can be named {name}")))
        };
        for name in mailboxes {
            let (path, plain) = (path_of(name)?, path_of(name.trim_start_matches('.'))?);
            if !path.join("cur").is_dir() && !plain.join("cur").is_dir() {
                make_maildir(&path)?;
            }
        }
        Ok(())
    }

    /// Remembers that this is the Maildir that is delivered into from now on.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn mark(&self) -> Result<()> {
        let marker = self.marker();
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&marker)?;
            file.write_all(b"Mail is delivered here by postrider. Without this file it takes the Maildir for a new one.\n")?;
            file.sync_all()?;
            sync_folder(&self.root)
        };
        write().map_err(|error| failed("can't write", &marker, &error))
    }

    /// Removes what an end in the middle of a message left in `tmp`. Only where nobody else delivers for this source.
    pub fn clean(&self) {
        for file in fs::read_dir(self.root.join("tmp")).into_iter().flatten().flatten() {
            if file.file_name().to_string_lossy().starts_with(&self.tmp_prefix()) {
                let _ = fs::remove_file(file.path());
            }
        }
    }

    fn tmp_prefix(&self) -> String {
        format!("fetch-{}-", self.source)
    }

    /// Begins a message.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn begin(&self) -> Result<Parcel> {
        let path = self.root.join("tmp").join(format!("{}{}", self.tmp_prefix(), names::unique(0, 0)));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failed("can't write", &path, &error))?;
        Ok(Parcel { path: Some(path), file, octets: 0 })
    }

    /// Every mailbox's messages that were delivered under a token.
    ///
    /// # Errors
    /// A mailbox can't be read: what is in it would seem not to be there.
    pub fn shelf(&self) -> Result<Shelf> {
        let mut shelf = Shelf::default();
        for mailbox in mailboxes::list(&self.root)?.into_iter().filter(|mailbox| mailbox.selectable) {
            let Some(path) = mailboxes::path_of(&self.root, &mailbox.wire_name) else { continue };
            for part in ["new", "cur"] {
                shelf.read(&path.join(part))?;
            }
        }
        Ok(shelf)
    }

    /// Gives a message its place in `new`, or finds it where it is already, under any of its tokens; the first names it.
    /// Answers its base name; durable only after [`Delivery::settle`].
    ///
    /// # Errors
    /// The disk refuses; nothing was delivered.
    pub fn put(&self, mut parcel: Parcel, tokens: &[String], received: i64, shelf: &mut Shelf) -> Result<String> {
        let tmp = parcel.path.clone().unwrap_or_default();
        let error = |error: io::Error| failed("can't deliver into", &self.root, &error);
        let Some(token) = tokens.first() else { return Err(RemoteError::Rejected("a message without a name".into())) };
        let mut twin = shelf.twin(tokens, &tmp);
        if matches!(&twin, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            // renamed by another program between the look at the folder and now
            *shelf = self.shelf()?;
            twin = shelf.twin(tokens, &tmp);
        }
        if let Some(found) = twin.map_err(error)? {
            if let Some(folder) = found.parent() {
                sync_folder(folder).map_err(error)?;
            }
            return Ok(base_name(&found));
        }
        let seconds = u64::try_from(received).unwrap_or(0);
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH);
        parcel.file.set_modified(time).and_then(|()| parcel.file.sync_all()).map_err(error)?;
        loop {
            let number = shelf.found.get(token).map_or(0, Vec::len);
            let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
            let name = format!("{}{MARK}{token}{suffix}.pop3,S={}", received.max(0), parcel.octets);
            let path = self.root.join("new").join(&name);
            let renamed = rename_new(&tmp, &path);
            let is_taken = matches!(&renamed, Err(error) if error.kind() == io::ErrorKind::AlreadyExists);
            if !is_taken {
                renamed.map_err(error)?;
            }
            shelf.found.entry(token.clone()).or_default().push(path);
            if !is_taken {
                parcel.path = None;
                return Ok(name);
            }
        }
    }

    /// Makes durable what was put.
    ///
    /// # Errors
    /// The disk refuses; what was put may be gone after a power cut.
    pub fn settle(&self) -> Result<()> {
        let new = self.root.join("new");
        sync_folder(&new).map_err(|error| failed("can't write to the disk", &new, &error))
    }
}

/// `cur` last: a folder is a mailbox once it has one.
fn make_maildir(path: &Path) -> Result<()> {
    for folder in ["tmp", "new", "cur"] {
        let folder = path.join(folder);
        if !folder.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.map_err(|error| failed("can't create", &folder, &error))?;
        }
    }
    Ok(())
}

fn base_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    names::split(&names::to_text(name)).0.to_owned()
}

/// A message that is being written to `tmp`; gone when dropped before it has its place.
#[derive(Debug)]
pub struct Parcel {
    path: Option<PathBuf>,
    file: File,
    octets: u64,
}

impl Parcel {
    /// Adds to it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(&mut self, octets: &[u8]) -> Result<()> {
        self.octets += octets.len() as u64;
        self.file.write_all(octets).map_err(|error| failed("can't write", self.path.as_deref().unwrap_or(Path::new("")), &error))
    }

    /// Octets so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Cuts its end off.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn truncate(&mut self, octets: u64) -> Result<()> {
        self.octets = octets;
        self.file.set_len(octets).map_err(|error| failed("can't write", self.path.as_deref().unwrap_or(Path::new("")), &error))
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// What was delivered before and where it lies now, by token.
#[derive(Debug, Default)]
pub struct Shelf {
    found: HashMap<String, Vec<PathBuf>>,
}

impl Shelf {
    fn read(&mut self, folder: &Path) -> Result<()> {
        let files = match fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("can't read", folder, &error)),
        };
        for file in files {
            let file = file.map_err(|error| failed("can't read", folder, &error))?;
            if let Some(token) = file.file_name().to_str().and_then(token) {
                self.found.entry(token.to_owned()).or_default().push(file.path());
            }
        }
        Ok(())
    }

    /// The file of these tokens with the same content as `path`.
    fn twin(&self, tokens: &[String], path: &Path) -> io::Result<Option<PathBuf>> {
        for other in tokens.iter().filter_map(|token| self.found.get(token)).flatten() {
            if is_same(path, other)? {
                return Ok(Some(other.clone()));
            }
        }
        Ok(None)
    }

    /// The base names of all of it.
    pub fn base_names(&self) -> impl Iterator<Item = String> {
        self.found.values().flatten().map(|path| base_name(path))
    }
}

/// The token of a file name.
fn token(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once(MARK)?;
    rest.get(..TOKEN).filter(|token| token.bytes().all(|octet| octet.is_ascii_hexdigit()))
}

fn is_same(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (Vec::new(), Vec::new());
    loop {
        one.clear();
        other.clear();
        let count = Read::by_ref(&mut a).take(64 * 1024).read_to_end(&mut one)?;
        Read::by_ref(&mut b).take(64 * 1024).read_to_end(&mut other)?;
        if one != other {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN_A: &str = "0123456789abcdef0123456789abcdef";

    fn deliver(delivery: &Delivery, token: &str, text: &[u8]) -> String {
        let mut shelf = delivery.shelf().unwrap();
        let mut parcel = delivery.begin().unwrap();
        parcel.write(text).unwrap();
        let name = delivery.put(parcel, &[token.to_owned()], 1_700_000_000, &mut shelf).unwrap();
        delivery.settle().unwrap();
        name
    }

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn the_same_message_is_delivered_once_wherever_it_went_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let delivery = Delivery::new(folder.path().join("mail"), "x");
        assert_eq!(delivery.prepare(false, &[".Archive".into()]).unwrap(), Found::New);
        let name = deliver(&delivery, TOKEN_A, b"one");
        assert_eq!(names::stamp(&name), Some(1_700_000_000));
        assert_eq!(deliver(&delivery, TOKEN_A, b"one"), name);
        let root = delivery.root();
        fs::rename(root.join("new").join(&name), root.join(".Archive/cur").join(format!("{name}:2,S"))).unwrap();
        assert_eq!(deliver(&delivery, TOKEN_A, b"one"), name);
        assert_eq!((count(&root.join("new")), count(&root.join("tmp"))), (0, 0));
    }

    #[test]
    fn a_name_taken_by_other_content_gets_a_new_one_and_is_found_again_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let delivery = Delivery::new(folder.path().join("mail"), "x");
        delivery.prepare(false, &[]).unwrap();
        let (first, second) = (deliver(&delivery, TOKEN_A, b"one"), deliver(&delivery, TOKEN_A, b"two"));
        assert_ne!(first, second);
        assert_eq!(deliver(&delivery, TOKEN_A, b"two"), second);
        assert_eq!(fs::read(delivery.root().join("new").join(first)).unwrap(), b"one");
        assert_eq!(count(&delivery.root().join("new")), 2);
    }

    #[test]
    fn a_maildir_that_vanished_is_not_made_anew_and_a_replaced_one_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let delivery = Delivery::new(folder.path().join("mail"), "x");
        assert!(matches!(delivery.prepare(true, &[]), Err(RemoteError::Rejected(text)) if text.contains("not there")));
        delivery.prepare(false, &[]).unwrap();
        delivery.mark().unwrap();
        assert_eq!(delivery.prepare(true, &[]).unwrap(), Found::Same);
        fs::remove_dir_all(delivery.root()).unwrap();
        fs::create_dir_all(delivery.root().join("cur")).unwrap();
        assert_eq!(delivery.prepare(true, &[]).unwrap(), Found::New);
    }

    #[test]
    fn mailboxes_that_are_there_in_another_form_are_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("Trash/cur")).unwrap();
        Delivery::new(folder.path().to_owned(), "x").prepare(false, &[".Trash".into(), ".Sent".into()]).unwrap();
        assert!(!folder.path().join(".Trash").exists() && folder.path().join(".Sent/cur").is_dir());
    }

    #[test]
    fn what_is_not_put_leaves_nothing_and_only_own_leftovers_go() {
        let folder = tempfile::tempdir().unwrap();
        let delivery = Delivery::new(folder.path().join("mail"), "x");
        delivery.prepare(false, &[]).unwrap();
        let tmp = delivery.root().join("tmp");
        delivery.begin().unwrap().write(b"half").unwrap();
        assert_eq!(count(&tmp), 0);
        std::mem::forget(delivery.begin().unwrap());
        fs::write(tmp.join("another programs"), b"").unwrap();
        delivery.clean();
        assert_eq!(count(&tmp), 1);
    }
}
