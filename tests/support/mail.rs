//! Messages made to measure, and a Maildir to deliver them into as another program would.

use std::path::{Path, PathBuf};

/// 2026-11-20 12:00:00 UTC, the time that tests give the program as now.
pub const NOON: i64 = 1_795_176_000;
pub const NOON_TEXT: &str = "2026-11-20T12:00:00Z";

/// A plain message; `minutes` before noon.
pub fn message(number: u32, subject: &str, body: &str, minutes: i64) -> String {
    let date = jiff::Timestamp::from_second(NOON - minutes * 60).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
    format!(
        "From: Sender {number} <sender{number}@example.org>\r\nTo: Ada <ada@example.org>\r\nSubject: {subject}\r\nDate: {}\r\n\
         Message-ID: <m{number}@example.org>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n",
        date.strftime("%a, %d %b %Y %H:%M:%S +0000")
    )
}

/// A Maildir++ tree.
pub struct Maildir {
    pub root: PathBuf,
}

impl Maildir {
    pub fn create(root: &Path, folders: &[&str]) -> Self {
        let maildir = Self { root: root.to_owned() };
        for folder in std::iter::once(&"").chain(folders) {
            for sub in ["cur", "new", "tmp"] {
                std::fs::create_dir_all(maildir.folder(folder).join(sub)).expect("a Maildir");
            }
        }
        maildir
    }

    /// "" is the inbox.
    pub fn folder(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.root.clone() } else { self.root.join(format!(".{name}")) }
    }

    /// Delivers into `cur` with flags ("S", "FS", ""), `minutes` before noon; returns the base name.
    pub fn deliver(&self, folder: &str, number: u32, text: &str, flags: &str, minutes: i64) -> String {
        let base = format!("{}.M{number}P1.test", NOON - minutes * 60);
        let temporary = self.folder(folder).join("tmp").join(&base);
        std::fs::write(&temporary, text).expect("a delivery");
        std::fs::rename(&temporary, self.folder(folder).join("cur").join(format!("{base}:2,{flags}"))).expect("a delivery");
        base
    }

    /// Inbox of `count` plain messages, number 1 the newest.
    pub fn fill(&self, count: u32) {
        for number in 1..=count {
            self.deliver(
                "",
                number,
                &message(number, &format!("Subject {number}"), &format!("Body of {number}."), i64::from(number)),
                "",
                i64::from(number),
            );
        }
    }

    /// (base name, flags) of everything in a folder, sorted.
    pub fn list(&self, folder: &str) -> Vec<(String, String)> {
        let mut found: Vec<_> = ["cur", "new"]
            .iter()
            .flat_map(|sub| std::fs::read_dir(self.folder(folder).join(sub)).expect("a folder"))
            .filter_map(|entry| {
                let name = entry.expect("an entry").file_name().into_string().ok()?;
                let (base, flags) = name.split_once(":2,").unwrap_or((&name, ""));
                Some((base.to_owned(), flags.to_owned()))
            })
            .collect();
        found.sort();
        found
    }

    /// Flags of the message with this number in a folder; None if it is not there.
    pub fn flags(&self, folder: &str, number: u32) -> Option<String> {
        let part = format!(".M{number}P1.");
        self.list(folder).into_iter().find(|(base, _)| base.contains(&part)).map(|(_, flags)| flags)
    }

    pub fn has(&self, folder: &str, number: u32) -> bool {
        self.flags(folder, number).is_some()
    }

    /// The configuration of an account on it.
    pub fn configuration(&self, account: &str) -> String {
        format!(
            "[accounts.{account}]\naddress = \"ada@example.org\"\nname = \"Ada\"\n[accounts.{account}.maildir]\npath = \"{}\"\n",
            self.root.display()
        )
    }
}
