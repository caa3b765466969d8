//! The demonstration mailbox: two accounts of invented mail as Maildirs, written fresh for each run, with
//! every date relative to now. It owns texts and files only; it knows neither store nor screen.
//!
//! The letters are in `demo/text/*.txt`, read by [`letter`]; `message` makes mail of them, `files` their
//! attachments, `filler` plausible bulk. `temp` has the throw-away folder.

mod files;
mod filler;
mod letter;
mod message;
mod people;
mod temp;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Zoned;

use self::letter::{Letter, Place};
pub use self::temp::{Lock, sweep_leftovers, temp_root};

/// What was built.
#[derive(Clone, Debug)]
pub struct Demo {
    pub root: PathBuf,
    /// A configuration with both accounts.
    pub config_toml: String,
}

/// Account, address in the configuration, name, whose Authentication-Results are believed, signature.
const ACCOUNTS: &[(&str, &str, &str, &str, &str)] = &[
    ("work", "robin@harbor.example", "Robin Quill", "mx.harbor.example", "Robin"),
    ("home", "robin@quill.example", "Robin Quill", "mx.quill.example", "R."),
];

/// Mailbox, its folder, and how many generated messages join the written ones.
const MAILBOXES: &[(&str, &str, &str, usize)] = &[
    ("work", "Inbox", "", 16),
    ("work", "Drafts", ".Drafts", 0),
    ("work", "Sent", ".Sent", 8),
    ("work", "Archive", ".Archive", 34),
    ("work", "Junk", ".Junk", 0),
    ("work", "Trash", ".Trash", 0),
    ("work", "Lists/rust-users", ".Lists.rust-users", 8),
    ("work", "Lists/kernel", ".Lists.kernel", 8),
    ("home", "Inbox", "", 6),
    ("home", "Drafts", ".Drafts", 0),
    ("home", "Sent", ".Sent", 4),
    ("home", "Archive", ".Archive", 18),
    ("home", "Junk", ".Junk", 0),
    ("home", "Trash", ".Trash", 0),
];

/// Builds the demo under `root`, or takes the one that is there as it was left. `messages` sizes the Inbox
/// of the account "work" by mail made up to look like mail, older than the rest. The same arguments give
/// the same files.
pub fn build(root: &Path, now: &Zoned, messages: Option<usize>, seed: u64) -> io::Result<Demo> {
    let demo = Demo { root: root.to_owned(), config_toml: config(root)? };
    let is_there = MAILBOXES.last().is_some_and(|(account, _, folder, _)| root.join(account).join(folder).is_dir());
    if !is_there {
        write_mail(root, now, messages, seed)?;
    }
    Ok(demo)
}

/// Where mail of the demo goes: to its own addresses into their Inboxes, to the people who write in it out of sight.
pub fn deliveries(root: &Path) -> Vec<(String, PathBuf)> {
    let own = ACCOUNTS.iter().map(|(account, address, ..)| ((*address).to_owned(), root.join(account)));
    let is_own = |address: &str| ACCOUNTS.iter().any(|(_, known, ..)| *known == address);
    let others = people::PEOPLE.iter().map(|(_, _, address, _)| *address).filter(|address| !is_own(address));
    own.chain(others.map(|address| (address.to_owned(), root.join("elsewhere")))).collect()
}

fn write_mail(root: &Path, now: &Zoned, messages: Option<usize>, seed: u64) -> io::Result<()> {
    let letters = letter::all(now);
    let places = Places::new(&letters, messages);
    for (at, (account, mailbox, folder, _)) in MAILBOXES.iter().enumerate() {
        let path = root.join(account).join(folder);
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(path.join(part))?;
        }
        let place = Place { account, mailbox };
        let written = letters.iter().filter(|letter| letter.place == place);
        for letter in written.take(places.written(at)) {
            let bytes = message::compose(letter, &letters);
            write(&path, letter.received, letter.order, letter.flags, &bytes)?;
        }
        filler::fill(&path, place, places.generated(at), now, seed)?;
    }
    Ok(())
}

/// How many messages of each kind a mailbox gets.
struct Places {
    inbox_written: usize,
    messages: Option<usize>,
}

impl Places {
    fn new(letters: &[Letter], messages: Option<usize>) -> Self {
        let inbox = Place { account: "work", mailbox: "Inbox" };
        Self { inbox_written: letters.iter().filter(|letter| letter.place == inbox).count(), messages }
    }

    fn written(&self, at: usize) -> usize {
        if at == 0 { self.messages.unwrap_or(usize::MAX) } else { usize::MAX }
    }

    fn generated(&self, at: usize) -> usize {
        match self.messages {
            Some(messages) if at == 0 => messages.saturating_sub(self.inbox_written),
            _ => MAILBOXES.get(at).map_or(0, |(_, _, _, count)| *count),
        }
    }
}

/// A generated message: unread mail has lain there for long, so it is in `cur` all the same.
fn write_seen(folder: &Path, received: i64, n: usize, flags: &str, bytes: &[u8]) -> io::Result<()> {
    fs::write(folder.join("cur").join(format!("{received}.G{n}P1.demo,S={}:2,{flags}", bytes.len())), bytes)
}

/// One file; unread mail without flags is in `new`, as after a delivery. Not synced: it is all throw-away.
fn write(folder: &Path, received: i64, order: u32, flags: &str, bytes: &[u8]) -> io::Result<()> {
    let base = format!("{received}.M{order}P1.demo,S={}", bytes.len());
    let path = if flags.is_empty() { folder.join("new").join(base) } else { folder.join("cur").join(format!("{base}:2,{flags}")) };
    fs::write(path, bytes)
}

fn config(root: &Path) -> io::Result<String> {
    let mut text = String::from("# The demo's own configuration; nothing of yours is read or changed.\n");
    for (account, address, name, authserv_id, signature) in ACCOUNTS {
        let path = root.join(account);
        let path = path.to_str().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the demo's folder needs a UTF-8 path"))?;
        let path = toml::Value::from(path);
        text.push_str(&format!(
            "\n[accounts.{account}]\naddress = \"{address}\"\nname = \"{name}\"\nsignature = \"{signature}\"\n\
             authserv_id = \"{authserv_id}\"\n\n[accounts.{account}.maildir]\npath = {path}\n\n[accounts.{account}.mailboxes]\n\
             drafts = \"Drafts\"\nsent = \"Sent\"\narchive = \"Archive\"\njunk = \"Junk\"\ntrash = \"Trash\"\n"
        ));
    }
    Ok(text)
}
