//! Keywords in file names: the letters a to z, which Dovecot's file `dovecot-keywords` gives a meaning, one
//! `NUMBER WORD` a line. Read always; a new word is added under Dovecot's own lock, so that both agree.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use crate::mail::{Flags, Keywords};

const FILE: &str = "dovecot-keywords";
const LOCK: &str = "dovecot-keywords.lock";
const STALE: Duration = Duration::from_secs(120);
/// As many as there are letters.
const MOST: usize = 26;
/// A file larger than this is none of Dovecot's.
const MAX_FILE: u64 = 64 * 1024;

/// Which letter stands for which word in one mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table(Vec<(char, String)>);

impl Table {
    /// Empty where there is no such file or it can't be read: the letters then stay, unnamed.
    pub fn load(folder: &Path) -> Self {
        let path = folder.join(FILE);
        match fs::metadata(&path) {
            Ok(found) if found.is_file() && found.len() <= MAX_FILE => {
                fs::read_to_string(path).map_or(Self::default(), |text| Self::parse(&text))
            }
            _ => Self::default(),
        }
    }

    fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (number, word) = line.split_once(' ')?;
            Some((letter(number.parse().ok()?)?, word.trim().to_owned()))
        };
        Self(text.lines().filter_map(line).filter(|(_, word)| !word.is_empty()).collect())
    }

    /// The named keywords among these letters.
    pub fn words(&self, letters: &str) -> Keywords {
        if self.0.is_empty() {
            return Keywords::default();
        }
        Keywords::new(self.0.iter().filter(|(letter, _)| letters.contains(*letter)).map(|(_, word)| word.as_str()))
    }

    /// Whether this letter has a word.
    pub fn names(&self, letter: char) -> bool {
        self.0.iter().any(|(known, _)| *known == letter)
    }

    /// The keyword letters after a change; letters without a name stay as they are.
    pub fn change(&self, letters: &str, add: &Flags, remove: &Flags) -> Vec<char> {
        let mut after: Vec<char> = letters.chars().filter(char::is_ascii_lowercase).collect();
        after.retain(|letter| !self.0.iter().any(|(known, word)| known == letter && remove.keywords.contains(word)));
        after.extend(self.0.iter().filter(|(_, word)| add.keywords.contains(word)).map(|(letter, _)| *letter));
        after
    }

    /// Gives every word a letter, in the file too; `QuotaExceeded` when the letters are used up.
    pub fn learn(&mut self, folder: &Path, words: &Keywords) -> io::Result<()> {
        if self.unknown(words).is_empty() {
            return Ok(());
        }
        let lock = folder.join(LOCK);
        let mut file = take_lock(&lock)?;
        let written = self.add(folder, words).and_then(|()| {
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            fs::rename(&lock, folder.join(FILE))
        });
        if written.is_err() {
            let _ = fs::remove_file(&lock);
        }
        written
    }

    fn add(&mut self, folder: &Path, words: &Keywords) -> io::Result<()> {
        *self = Self::load(folder);
        for word in self.unknown(words) {
            let free = (0..MOST).filter_map(letter).find(|letter| !self.0.iter().any(|(used, _)| used == letter));
            let free = free.ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "a Maildir mailbox has room for 26 keywords"))?;
            self.0.push((free, word));
        }
        Ok(())
    }

    fn unknown(&self, words: &Keywords) -> Vec<String> {
        words.iter().filter(|word| !self.0.iter().any(|(_, known)| known.eq_ignore_ascii_case(word))).map(str::to_owned).collect()
    }

    fn text(&self) -> String {
        let number = |letter: char| u32::from(letter).saturating_sub(u32::from('a'));
        self.0.iter().map(|(letter, word)| format!("{} {word}\n", number(*letter))).collect()
    }
}

/// A lock that old was left by a crash, as Dovecot sees it too.
fn take_lock(lock: &Path) -> io::Result<File> {
    let is_stale = |found: fs::Metadata| found.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > STALE));
    if fs::symlink_metadata(lock).is_ok_and(is_stale) {
        fs::remove_file(lock)?;
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(lock)
}

fn letter(number: usize) -> Option<char> {
    (number < MOST).then(|| u8::try_from(number).ok().map(|number| char::from(b'a' + number))).flatten()
}
