//! The tree of mailboxes under a root: Maildir++ (`.Lists.rust`) and plain folders (`Lists/rust`), mixed as
//! found. Maps names to paths so that no name leads out of the root.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{failed, names};
use crate::mail::Role;
use crate::remote::{RemoteError, RemoteMailbox, Result, utf7};

/// The wire name of the root, which is the inbox.
pub const ROOT: &str = ".";
const INBOX: &str = "Inbox";
/// Plain folders are followed this deep, links among them not at all: neither ends by itself.
const MAX_DEPTH: usize = 8;
/// So many folders are looked into; a home directory given by mistake ends here.
const MAX_FOLDERS: usize = 20_000;

/// Says in a sentence why this is no Maildir.
pub fn check_root(root: &Path) -> Result<()> {
    match fs::metadata(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(RemoteError::Rejected(format!("there is no folder {}: check the account's maildir path", root.display())));
        }
        Err(error) => return Err(RemoteError::Rejected(format!("can't look into {}: {error}", root.display()))),
        Ok(found) if !found.is_dir() => return Err(RemoteError::Rejected(format!("{} is a file, not a Maildir folder", root.display()))),
        Ok(_) => {}
    }
    if is_mailbox(root) || !wire_names(root)?.is_empty() {
        return Ok(());
    }
    Err(RemoteError::Rejected(format!("{} is not a Maildir: it has no folders \"cur\", \"new\" and \"tmp\"", root.display())))
}

/// Where a mailbox is; `None` for what is no relative path made of plain names.
pub fn path_of(root: &Path, wire_name: &str) -> Option<PathBuf> {
    if wire_name == ROOT {
        return Some(root.to_owned());
    }
    let relative = PathBuf::from(names::to_file_name(wire_name));
    let is_plain =
        !wire_name.is_empty() && !wire_name.contains('\0') && relative.components().all(|part| matches!(part, Component::Normal(_)));
    is_plain.then(|| root.join(relative))
}

/// Every mailbox, the inbox first, then by name; mere branches of the tree are there and not selectable.
pub fn list(root: &Path) -> Result<Vec<RemoteMailbox>> {
    check_root(root)?;
    let mut wires = wire_names(root)?;
    if is_mailbox(root) {
        wires.insert(0, ROOT.to_owned());
    }
    let mut found: BTreeMap<String, RemoteMailbox> = BTreeMap::new();
    for wire_name in wires {
        let name = free_name(&found, &wire_name);
        let counts = path_of(root, &wire_name).and_then(|path| counts(&path).ok());
        let (total, unread) = counts.unzip();
        let role = (name == INBOX).then_some(Role::Inbox);
        found.insert(name.clone(), RemoteMailbox { name, wire_name, role, selectable: true, total, unread, state: None });
    }
    add_branches(&mut found);
    let mut all: Vec<RemoteMailbox> = found.into_values().collect();
    all.sort_by_key(|mailbox| mailbox.name != INBOX);
    Ok(all)
}

/// Renames a mailbox and those below it (`.a` and `.a.b`). Cut in between, what is left has its old name: it may be asked
/// again.
pub fn rename(root: &Path, old: &str, new: &str) -> Result<()> {
    if old == ROOT || new == ROOT {
        return Err(RemoteError::Rejected("the inbox of a Maildir keeps its name".into()));
    }
    let separator = if old.starts_with('.') { '.' } else { '/' };
    let mut moves = vec![(old.to_owned(), new.to_owned())];
    if separator == '.' {
        let all = wire_names(root)?.into_iter();
        moves.extend(all.filter_map(|wire| {
            wire.strip_prefix(old).filter(|rest| rest.starts_with('.')).map(|rest| (wire.clone(), format!("{new}{rest}")))
        }));
    }
    let taken = |wire: &str| path_of(root, wire).is_some_and(|path| fs::symlink_metadata(path).is_ok());
    if moves.iter().any(|(_, to)| taken(to)) {
        return Err(RemoteError::Rejected("there is a folder of that name already".into()));
    }
    // what is below first, so that a cut leaves the one that is asked for to be done
    for (from, to) in moves.into_iter().rev() {
        let (Some(from), Some(to)) = (path_of(root, &from), path_of(root, &to)) else { continue };
        match super::change::rename_new_folder(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(RemoteError::Rejected("there is a folder of that name already".into()));
            }
            Err(error) => return Err(failed("can't rename the folder", &from, &error)),
        }
    }
    Ok(())
}

/// Deletes a mailbox in which no file is. The folders go one by one, each only while it is empty.
pub fn delete(path: &Path, is_root: bool) -> Result<()> {
    if is_root {
        return Err(RemoteError::Rejected("the inbox of a Maildir can't be deleted".into()));
    }
    if !is_mailbox(path) {
        return Err(RemoteError::Gone(format!("{} is gone", path.display())));
    }
    let (total, _) = counts(path).map_err(|error| failed("can't read the folder", path, &error))?;
    if total > 0 {
        return Err(RemoteError::Rejected(format!("it holds {total} messages that came meanwhile")));
    }
    // without `cur` it is no mailbox any more: that goes last
    for part in ["tmp", "new", "cur"] {
        match fs::remove_dir(path.join(part)) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                let _ = super::change::make_folders(path);
                return Err(RemoteError::Rejected("another program is writing into it".into()));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("can't delete the folder", path, &error)),
            _ => {}
        }
    }
    // files of other programs (indexes, uid lists) are theirs; folders below it are mailboxes
    for file in fs::read_dir(path).into_iter().flatten().filter_map(io::Result::ok) {
        let is_others = file.file_name().to_string_lossy().starts_with("dovecot") || file.file_name() == "maildirfolder";
        if is_others && file.file_type().is_ok_and(|kind| kind.is_file()) {
            let _ = fs::remove_file(file.path());
        }
    }
    let _ = fs::remove_dir(path);
    Ok(())
}

/// A name for people that no other mailbox has.
fn free_name(taken: &BTreeMap<String, RemoteMailbox>, wire_name: &str) -> String {
    let name = display_name(wire_name);
    let mut free = name.clone();
    let mut number = 2;
    while taken.contains_key(&free) {
        free = format!("{name} ({number})");
        number += 1;
    }
    free
}

/// `.Lists.rust` and `Lists/rust` are "Lists/rust".
fn display_name(wire_name: &str) -> String {
    if wire_name == ROOT {
        return INBOX.to_owned();
    }
    let levels: Vec<&str> = match wire_name.strip_prefix('.') {
        Some(rest) if !rest.contains('/') && rest.split('.').all(|level| !level.is_empty()) => rest.split('.').collect(),
        _ => wire_name.split('/').collect(),
    };
    let name = levels.into_iter().map(decode).collect::<Vec<_>>().join("/");
    if name.eq_ignore_ascii_case(INBOX) { INBOX.to_owned() } else { name }
}

/// Modified UTF-7 (RFC 3501 5.1.3); what would look like a level or a control stays as it is.
fn decode(level: &str) -> String {
    let text = utf7::decode(level.as_bytes());
    if level.is_ascii() && !text.chars().any(|c| c == '/' || c.is_control()) { text } else { level.to_owned() }
}

fn add_branches(found: &mut BTreeMap<String, RemoteMailbox>) {
    let branches: BTreeSet<String> =
        found.keys().flat_map(|name| name.match_indices('/').map(|(at, _)| name.split_at(at).0.to_owned()).collect::<Vec<_>>()).collect();
    for name in branches.into_iter().filter(|name| !name.is_empty()) {
        let wire_name = format!(".{}", name.replace('/', "."));
        found.entry(name.clone()).or_insert(RemoteMailbox {
            name,
            wire_name,
            role: None,
            selectable: false,
            total: None,
            unread: None,
            state: None,
        });
    }
}

/// The mailboxes below the root, sorted.
fn wire_names(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut looked_into = 0;
    let mut open: Vec<(String, usize)> = vec![(String::new(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let listing = match fs::read_dir(root.join(names::to_file_name(&folder))) {
            Ok(listing) => listing,
            Err(error) if depth == 0 => return Err(failed("can't read the folder", root, &error)),
            Err(_) => continue,
        };
        for child in listing.filter_map(std::io::Result::ok) {
            let name = child.file_name();
            let name = names::to_text(&name);
            let Ok(kind) = child.file_type() else { continue };
            let is_link = kind.is_symlink() && depth == 0 && child.path().is_dir();
            if matches!(&*name, "cur" | "new" | "tmp") || !(kind.is_dir() || is_link) || looked_into >= MAX_FOLDERS {
                continue;
            }
            looked_into += 1;
            let wire_name = if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") };
            if !wire_name.starts_with('.') && !is_link && depth < MAX_DEPTH {
                open.push((wire_name.clone(), depth + 1));
            }
            if is_mailbox(&child.path()) {
                found.push(wire_name);
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// `tmp` is only needed to write, `new` only to receive.
fn is_mailbox(path: &Path) -> bool {
    path.join("cur").is_dir()
}

/// Total and unread by the names alone.
fn counts(path: &Path) -> io::Result<(u32, u32)> {
    let (mut total, mut unread) = (0, 0);
    for (part, is_new) in [("new", true), ("cur", false)] {
        for file in fs::read_dir(path.join(part)).into_iter().flatten() {
            let name = file?.file_name();
            let name = names::to_text(&name);
            if !name.starts_with('.') {
                total += 1;
                unread += u32::from(is_new || !names::split(&name).1.contains('S'));
            }
        }
    }
    Ok((total, unread))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_become_levels() {
        for (wire, expect) in [
            (".", "Inbox"),
            (".Archive", "Archive"),
            (".Lists.rust", "Lists/rust"),
            ("Lists/rust", "Lists/rust"),
            ("INBOX", "Inbox"),
            (".Entw&APw-rfe", "Entwürfe"),
            (".&ZeVnLIqe-", "日本語"),
            (".a&-b", "a&b"),
            (".AT&T", "AT&T"),
            (".a&AC8-b", "a&AC8-b"),
            (".a&ABs-b", "a&ABs-b"),
            (".a&2D0-b", "a&2D0-b"),
            (".grün", "grün"),
            ("..", ".."),
            (".a..b", ".a..b"),
        ] {
            assert_eq!(display_name(wire), expect, "{wire}");
        }
    }

    #[test]
    fn no_name_leads_out_of_the_root() {
        let root = Path::new("/mail");
        for wire in ["", "..", "../x", "a/../b", "/etc", "a/../../b", "x\0y"] {
            assert_eq!(path_of(root, wire), None, "{wire:?}");
        }
        assert_eq!(path_of(root, ".Lists.rust"), Some(PathBuf::from("/mail/.Lists.rust")));
        assert_eq!(path_of(root, "."), Some(PathBuf::from("/mail")));
    }
}
