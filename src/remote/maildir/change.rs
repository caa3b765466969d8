//! Changing files: every step leaves either the old or the new state, and none writes over another file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::entries::Entry;
use super::folder::{Folder, modified};
use super::{failed, names};
use crate::mail::{Flags, Key};
use crate::remote::{Moved, Result};

/// Adds and removes flags by renaming; what is gone is no error. On the disk when it returns: a power cut that took a rename back
/// would look like another program's wish.
pub fn store_flags(folder: &mut Folder, keys: &[Key], add: &Flags, remove: &Flags) -> Result<()> {
    learn(folder, add)?;
    let done = folder.each(keys, |folder, entry| {
        let (old, letters) = (entry.path(&folder.path), letters_after(folder, entry, add, remove));
        let is_same = letters == entry.letters() && entry.bits().with(add.bits).without(remove.bits) == entry.bits();
        if is_same {
            return Ok(());
        }
        let name = names::join(names::split(entry.key()).0, &letters);
        let name = rename_free(&old, &folder.path.join("cur"), &name)?;
        folder.set(entry.key(), Some((&name, false)));
        Ok(())
    })?;
    let _ = sync_folder(&folder.path.join("cur"));
    done.all().map(drop)
}

/// The info letters after a change.
fn letters_after(folder: &Folder, entry: &Entry<'_>, add: &Flags, remove: &Flags) -> String {
    let keywords = folder.keywords.change(entry.letters(), add, remove);
    names::with_bits(entry.letters(), entry.bits().with(add.bits).without(remove.bits), &keywords)
}

fn learn(folder: &mut Folder, flags: &Flags) -> Result<()> {
    if flags.keywords.is_empty() {
        return Ok(());
    }
    let path = folder.path.clone();
    folder.keywords.learn(&path, &flags.keywords).map_err(|error| failed("can't keep the keywords of", &path, &error))
}

/// Moves by renaming, across file systems by a durable copy. The answer names what arrived; keys are kept
/// where they are free in the target.
pub fn move_to(folder: &mut Folder, keys: &[Key], target: &mut Folder) -> Result<Moved> {
    if folder.path == target.path {
        let here = folder.each(keys, |_, _| Ok(()))?.some()?;
        return Ok(here.into_iter().map(|(key, ())| (key.clone(), Some(key))).collect());
    }
    make_ready(&target.path)?;
    target.scan()?;
    let cur = target.path.join("cur");
    let done = folder.each(keys, |folder, entry| {
        let old = entry.path(&folder.path);
        let letters = letters_in(folder, entry, target)?;
        let key = names::split(entry.key()).0;
        let key = if target.has(key) { copy_name(entry, &old)? } else { key.to_owned() };
        let name = match rename_free(&old, &cur, &names::join(&key, &letters)) {
            Err(error) if error.raw_os_error() == Some(Errno::XDEV.raw_os_error()) => {
                let name = copy_file(&old, target, &names::join(&key, &letters))?;
                fs::remove_file(&old)?;
                name
            }
            renamed => renamed?,
        };
        folder.set(entry.key(), None);
        Ok(arrived(target, &name))
    })?;
    let _ = sync_folder(&cur);
    let _ = sync_folder(&folder.path.join("cur"));
    Ok(done.some()?.into_iter().map(|(old, new)| (old, Some(new))).collect())
}

/// Copies under new names; the bytes are shared where the file system can.
pub fn copy_to(folder: &mut Folder, keys: &[Key], target: &mut Folder) -> Result<Moved> {
    make_ready(&target.path)?;
    target.scan()?;
    let cur = target.path.join("cur");
    let done = folder.each(keys, |folder, entry| {
        let old = fs::canonicalize(entry.path(&folder.path))?;
        let name = names::join(&copy_name(entry, &old)?, &letters_in(folder, entry, target)?);
        let name = match fs::hard_link(&old, cur.join(names::to_file_name(&name))) {
            Ok(()) => name,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(_) => copy_file(&old, target, &name)?,
        };
        Ok(arrived(target, &name))
    })?;
    let _ = sync_folder(&cur);
    Ok(done.some()?.into_iter().map(|(old, new)| (old, Some(new))).collect())
}

/// The info letters for another mailbox: system flags as they are, keywords by that mailbox's letters.
fn letters_in(folder: &Folder, entry: &Entry<'_>, target: &mut Folder) -> io::Result<String> {
    let flags = folder.flags_of(entry);
    if !flags.keywords.is_empty() {
        let path = target.path.clone();
        target.keywords.learn(&path, &flags.keywords)?;
    }
    // letters that neither mailbox has a word for may mean something to another program
    let unnamed: String =
        entry.letters().chars().filter(|c| c.is_ascii_lowercase() && !folder.keywords.names(*c) && !target.keywords.names(*c)).collect();
    let keywords = target.keywords.change(&unnamed, &flags, &Flags::default());
    Ok(names::with_bits(entry.letters(), flags.bits, &keywords))
}

/// A new name that keeps the time received.
fn copy_name(entry: &Entry<'_>, path: &Path) -> io::Result<String> {
    let found = fs::metadata(path)?;
    Ok(names::unique(names::stamp(entry.key()).unwrap_or_else(|| modified(&found)), found.len()))
}

fn arrived(target: &mut Folder, name: &str) -> Key {
    let key = names::split(name).0;
    target.set(key, Some((name, false)));
    Key::BaseName(key.into())
}

/// Writes a message durably: complete in `tmp`, on disk, and only then under its name in `cur`.
pub fn append(folder: &mut Folder, bytes: &[u8], flags: &Flags, received: i64) -> Result<Key> {
    make_ready(&folder.path)?;
    learn(folder, flags)?;
    let letters = names::with_bits("", flags.bits, &folder.keywords.change("", flags, &Flags::default()));
    let name = names::join(&names::unique(received, bytes.len() as u64), &letters);
    let mut input = bytes;
    let name = deliver(folder, &name, &mut input, Some(received)).map_err(|error| failed("can't write into", &folder.path, &error))?;
    Ok(arrived(folder, &name))
}

fn copy_file(from: &Path, target: &Folder, name: &str) -> io::Result<String> {
    let mut input = File::open(from)?;
    let received = modified(&input.metadata()?);
    deliver(target, name, &mut input, Some(received))
}

fn deliver(folder: &Folder, name: &str, input: &mut impl io::Read, received: Option<i64>) -> io::Result<String> {
    let written = folder.path.join("tmp").join(names::to_file_name(names::split(name).0));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&written)?;
    let mut copy = || -> io::Result<String> {
        io::copy(input, &mut file)?;
        file.flush()?;
        if let Some(seconds) = received.and_then(|received| u64::try_from(received).ok()) {
            file.set_modified(UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or_else(SystemTime::now))?;
        }
        file.sync_all()?;
        let cur = folder.path.join("cur");
        let name = rename_free(&written, &cur, name)?;
        match sync_folder(&cur) {
            // who is told that it failed adds it again: it must not be there, or else have been added
            Err(error) if fs::remove_file(cur.join(names::to_file_name(&name))).is_ok() => Err(error),
            _ => Ok(name),
        }
    };
    copy().inspect_err(|_| drop(fs::remove_file(&written)))
}

/// Makes the folders of a mailbox, `cur` last: with it the mailbox is there.
pub fn create(path: &Path) -> Result<()> {
    make_folders(path).map_err(|error| failed("can't make the mailbox", path, &error))
}

/// The three folders where they are missing.
pub fn make_folders(path: &Path) -> io::Result<()> {
    ["tmp", "new", "cur"].iter().try_for_each(|part| fs::DirBuilder::new().recursive(true).mode(0o700).create(path.join(part)))
}

/// Unlinks exactly these; a link goes, never what it points to.
pub fn delete(folder: &mut Folder, keys: &[Key]) -> Result<()> {
    let done = folder.each(keys, |folder, entry| {
        fs::remove_file(entry.path(&folder.path))?;
        folder.set(entry.key(), None);
        Ok(())
    })?;
    let _ = sync_folder(&folder.path.join("cur"));
    done.all().map(drop)
}

/// A mailbox is there when `cur` is; `tmp`, which only writers need, may have to be made.
fn make_ready(path: &Path) -> Result<()> {
    let (cur, tmp) = (path.join("cur"), path.join("tmp"));
    fs::metadata(&cur).map_err(|error| failed("can't use the mailbox", path, &error))?;
    match fs::DirBuilder::new().mode(0o700).create(&tmp) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed("can't create", &tmp, &error)),
        _ => Ok(()),
    }
}

/// A crash may take back what only the folder knows: ask the disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Renames into `cur` without ever replacing a file; where the name is taken, under a new one. Answers the
/// name it has now.
fn rename_free(old: &Path, cur: &Path, name: &str) -> io::Result<String> {
    match rename_new(old, &cur.join(names::to_file_name(name))) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        renamed => return renamed.map(|()| name.to_owned()),
    }
    let found = fs::metadata(old)?;
    let base = names::unique(names::stamp(name).unwrap_or_else(|| modified(&found)), found.len());
    let name = names::join(&base, names::split(name).1);
    rename_new(old, &cur.join(&name)).map(|()| name)
}

/// The same for a folder, which can't be linked: where the system can't promise it, the name is looked at first.
pub(super) fn rename_new_folder(old: &Path, new: &Path) -> io::Result<()> {
    match renameat_with(CWD, old, CWD, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if fs::symlink_metadata(new).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::rename(old, new),
        renamed => Ok(renamed?),
    }
}

/// Renames only if the new name is free. Where the system can't promise that, a link does the same in two steps.
pub(super) fn rename_new(old: &Path, new: &Path) -> io::Result<()> {
    match renameat_with(CWD, old, CWD, new, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::hard_link(old, new).and_then(|()| fs::remove_file(old)),
        renamed => Ok(renamed?),
    }
}
