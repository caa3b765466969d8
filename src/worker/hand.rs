//! What is in hand: before bytes of others are parsed or laid out, what they are is written to a file of this process; a
//! process that died (abort, stack overflow, out of memory, or killed because it never ended) leaves it there. The next
//! start counts these deaths in the store, and what killed too often is left alone and named until the user tries again.
//! One write without a sync for each message: what the system has is there however the process ends.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::WorkerEvent;
use super::core::Common;
use super::readers::Readers;
use crate::mail::{MailboxId, MessageId};
use crate::store::{InHand, What, Writer};

/// Octets of one entry.
const ENTRY: usize = 512;
/// Messages of one entry at most. After a death each of them is taken alone, so that the second names the one.
const TOGETHER: usize = 32;
/// Entries of one file that are read: more is none of ours.
const ENTRIES: usize = 1_024;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Hand(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    writer: Option<Writer>,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Locked as long as this process lives.
    file: Option<(PathBuf, File)>,
    is_taken: Vec<bool>,
    /// Somebody asks for this round, so no step is left out.
    is_asked: bool,
    /// Deaths and the time of the last.
    deaths: HashMap<InHand, (u32, i64)>,
}

/// Deaths after which it is left alone. A page was asked for by somebody, who sees the source instead and may ask again; for what
/// goes on by itself one death may have been a power cut.
fn patience(what: What) -> u32 {
    match what {
        What::Page => 1,
        What::Headers | What::Text | What::Step => 2,
    }
}

/// Something is in hand until this is dropped.
#[derive(Debug)]
pub struct Held {
    hand: Hand,
    slot: Option<usize>,
    of: Vec<InHand>,
}

impl Hand {
    pub fn new(writer: Writer) -> Self {
        Self(Arc::new(Inner { writer: Some(writer), shared: Mutex::default() }))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the file of this process in `folder`, and counts what dead ones left there. Without a file nothing is written
    /// down, and everything goes on. `is_asked`: a command, whose user wants every step tried.
    pub async fn begin(&self, common: &Common, folder: PathBuf, is_asked: bool) {
        let Some(writer) = self.0.writer.clone() else { return };
        let work = tokio::task::spawn_blocking(move || (begin_file(&folder), left_behind(&folder)));
        let Ok((file, left)) = work.await else { return };
        match file {
            Ok(file) => self.lock().file = Some(file),
            Err(error) => tracing::warn!(%error, "what is in hand is not written down"),
        }
        self.lock().is_asked = is_asked;
        let now = common.clock.wall();
        if !left.is_empty()
            && let Err(error) = writer.note_deaths(left.clone(), now).await
        {
            tracing::warn!(%error, "deaths are not counted");
        }
        let Ok(known) = common.readers.with(|reader| reader.poison()).await else { return };
        self.lock().deaths = known.into_iter().map(|poison| (poison.of, (poison.deaths, poison.at))).collect();
        for of in left.iter().filter(|of| self.died_at(of).is_some()) {
            let (what, why) = name(&common.readers, of).await;
            common.out.failed(format!("postrider ended over {what}"), why, AGAIN).await;
        }
    }

    /// When a process last ended over it, where that was often enough to leave it alone.
    pub fn died_at(&self, of: &InHand) -> Option<i64> {
        let shared = self.lock();
        let (deaths, at) = shared.deaths.get(of)?;
        let is_tried = shared.is_asked && of.what == What::Step;
        (*deaths >= patience(of.what) && !is_tried).then_some(*at)
    }

    /// Takes it in hand; `Err`: it is to be left alone, with the time of the last death.
    pub fn take(&self, of: InHand) -> Result<Held, i64> {
        if let Some(at) = self.died_at(&of) {
            return Err(at);
        }
        let mut shared = self.lock();
        let slot = shared.file.is_some().then(|| {
            let free = shared.is_taken.iter().position(|taken| !taken);
            free.unwrap_or_else(|| {
                shared.is_taken.push(false);
                shared.is_taken.len() - 1
            })
        });
        if let Some(slot) = slot {
            shared.is_taken[slot] = true;
            shared.write(slot, &entry(std::slice::from_ref(&of)));
        }
        drop(shared);
        Ok(Held { hand: self.clone(), slot, of: vec![of] })
    }

    /// What is held is done, and the next of these are taken in its place, by one write: how many. One that a process died over
    /// is taken alone. `Err` as of [`Hand::take`], for the first of them, with nothing held.
    pub fn take_next(&self, held: &mut Option<Held>, all: impl Iterator<Item = InHand>) -> Result<usize, i64> {
        let group = self.group(all);
        let is_left_alone = group.first().is_some_and(|first| self.died_at(first).is_some());
        let Some(held_now) = held.as_mut().filter(|_| !is_left_alone) else {
            *held = None;
            let Some(first) = group.into_iter().next() else { return Ok(0) };
            *held = Some(self.take(first)?);
            return Ok(1);
        };
        let done = std::mem::replace(&mut held_now.of, group);
        let shared = self.lock();
        if let Some(slot) = held_now.slot {
            shared.write(slot, &entry(&held_now.of));
        }
        drop(shared);
        self.survived(done);
        Ok(held_now.of.len())
    }

    /// As many as go into one entry (the caller's are of one kind and mailbox); the first alone where a process died over it.
    fn group(&self, all: impl Iterator<Item = InHand>) -> Vec<InHand> {
        let shared = self.lock();
        let mut group: Vec<InHand> = Vec::new();
        let mut room = ENTRY - 32;
        for of in all.take(TOGETHER) {
            let is_suspect = shared.deaths.contains_key(&of);
            if !group.is_empty() && (is_suspect || room <= of.key.len()) {
                break;
            }
            room = room.saturating_sub(of.key.len() + 1);
            group.push(of);
            if is_suspect {
                break;
            }
        }
        group
    }

    /// Deaths that were counted over these count no more.
    fn survived(&self, done: Vec<InHand>) {
        let mut shared = self.lock();
        let cleared: Vec<InHand> = done.into_iter().filter(|of| shared.deaths.remove(of).is_some()).collect();
        drop(shared);
        if let Some(writer) = &self.0.writer {
            cleared.into_iter().for_each(|of| drop(writer.clear_deaths(of)));
        }
    }

    /// Everything is tried again.
    pub async fn pardon(&self, common: &Common) {
        let Some(writer) = self.0.writer.clone() else { return };
        if std::mem::take(&mut self.lock().deaths).is_empty() {
            return;
        }
        match writer.pardon().await {
            Ok(changed) => {
                common.pages.forget_all();
                for one in changed.mailboxes {
                    common.out.touched().add([one.mailbox]);
                    let event =
                        WorkerEvent::MailChanged { mailbox: one.mailbox, added: one.added, removed: one.removed, changed: one.changed };
                    common.out.send(event).await;
                }
            }
            Err(error) => tracing::warn!(%error, "nothing is tried again"),
        }
    }
}

/// "2026-11-20" of Unix seconds.
pub fn day(at: i64) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| "some day".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// What can be done.
pub const AGAIN: &str = "Checking for mail tries again.";

impl Shared {
    fn write(&self, slot: usize, bytes: &[u8]) {
        if let Some((_, file)) = &self.file {
            // a full disk: this death would not be known
            let _ = file.write_all_at(bytes, (slot * ENTRY) as u64);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.file {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut shared = self.hand.lock();
        if let Some(slot) = self.slot {
            shared.write(slot, b"\0");
            if let Some(taken) = shared.is_taken.get_mut(slot) {
                *taken = false;
            }
        }
        drop(shared);
        if !std::thread::panicking() {
            self.hand.survived(std::mem::take(&mut self.of));
        }
    }
}

/// "WHAT MAILBOX KEY KEY…\n", filled up with zeros; they are of one kind and mailbox.
fn entry(all: &[InHand]) -> [u8; ENTRY] {
    let mut text = all.first().map(|of| format!("{} {}", of.what as u8, of.mailbox.0)).unwrap_or_default();
    for of in all {
        text.push(' ');
        text.push_str(&of.key);
    }
    let mut entry = [0; ENTRY];
    let line = text.bytes().take(ENTRY - 1).chain([b'\n']);
    entry.iter_mut().zip(line).for_each(|(to, byte)| *to = byte);
    entry
}

fn read_entry(bytes: &[u8]) -> Option<Vec<InHand>> {
    let text = std::str::from_utf8(bytes.split(|byte| *byte == b'\n').next()?).ok()?;
    let mut words = text.split(' ');
    let what: u8 = words.next()?.parse().ok()?;
    let what = What::ALL.into_iter().find(|known| *known as u8 == what)?;
    let mailbox = MailboxId(words.next()?.parse().ok()?);
    Some(words.map(|key| InHand { what, mailbox, key: key.to_owned() }).collect())
}

fn begin_file(folder: &Path) -> std::io::Result<(PathBuf, File)> {
    let path = folder.join(format!("hand-{}-{:x}", std::process::id(), jiff::Timestamp::now().as_nanosecond()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    file.try_lock().map_err(std::io::Error::other)?;
    Ok((path, file))
}

/// What dead processes had in hand; their files go. Headers and texts say more than the step that they were part of; a page is part
/// of none.
fn left_behind(folder: &Path) -> Vec<InHand> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_hand = entry.file_name().to_string_lossy().starts_with("hand-");
        let Some(file) = is_hand.then(|| File::open(&path).ok()).flatten() else { continue };
        if file.try_lock().is_err() {
            continue;
        }
        let mut all = Vec::new();
        let mut bytes = [0; ENTRY];
        for at in 0..ENTRIES {
            if file.read_exact_at(&mut bytes, (at * ENTRY) as u64).is_err() {
                break;
            }
            all.extend(read_entry(&bytes).into_iter().flatten());
        }
        if all.iter().any(|of| matches!(of.what, What::Headers | What::Text)) {
            all.retain(|of| of.what != What::Step);
        }
        left.append(&mut all);
        let _ = std::fs::remove_file(&path);
    }
    left
}

/// What it is and what becomes of it, for people.
async fn name(readers: &Readers, of: &InHand) -> (String, &'static str) {
    let asked = of.clone();
    let found = readers.with(move |reader| {
        let mailbox = reader.mailbox(asked.mailbox)?.map(|mailbox| mailbox.name);
        let subject = match asked.key.parse().ok().filter(|_| asked.what == What::Page) {
            Some(id) => reader.summaries(&[MessageId(id)])?.pop().map(|summary| summary.subject),
            None => None,
        };
        Ok((mailbox, subject))
    });
    let (mailbox, subject) = found.await.unwrap_or_default();
    let place = mailbox.unwrap_or_else(|| "mail".to_owned());
    let message = subject.map_or_else(|| format!("message {} of {place}", of.key), |subject| format!("“{subject}”"));
    match of.what {
        What::Headers => (message, "its headers are not read"),
        What::Text => (message, "its text is not searched"),
        What::Page => (message, "its source is shown"),
        What::Step => (format!("what the server says of {place}"), "it is not asked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(what: What, key: &str) -> InHand {
        InHand { what, mailbox: MailboxId(3), key: key.into() }
    }

    #[test]
    fn what_a_dead_process_had_in_hand_is_found_once_and_what_a_living_one_has_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let hand = Hand::default();
        hand.lock().file = Some(begin_file(folder.path()).unwrap());
        let page = hand.take(of(What::Page, "7")).unwrap();
        let step = hand.take(of(What::Step, "newest")).unwrap();
        let headers = hand.take(of(What::Headers, "=a\\x20b")).unwrap();
        assert_eq!(left_behind(folder.path()), [], "it lives");
        drop(page);
        let again = hand.take(of(What::Text, "9")).unwrap();
        assert_eq!(again.slot, Some(0), "a free place is used again");
        // as a process that dies: nothing is cleared or removed
        let (path, file) = hand.lock().file.take().unwrap();
        drop(file);
        assert_eq!(left_behind(folder.path()), [of(What::Text, "9"), of(What::Headers, "=a\\x20b")]);
        assert!(!path.exists() && left_behind(folder.path()).is_empty());
        drop((step, headers, again));
    }

    #[test]
    fn of_many_taken_one_after_the_other_the_one_in_hand_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let hand = Hand::default();
        hand.lock().file = Some(begin_file(folder.path()).unwrap());
        hand.lock().deaths = [(of(What::Headers, "7"), (1, 0)), (of(What::Headers, "9"), (2, 5))].into();
        let mut held = None;
        let keys: Vec<String> =
            ["1234567", "2", "3", "7", "8"].map(str::to_owned).into_iter().chain((10..50).map(|n| n.to_string())).collect();
        let next = |held: &mut Option<Held>, from: usize| hand.take_next(held, keys[from..].iter().map(|key| of(What::Headers, key)));
        // the first makes the place, the suspect is alone, of the others as many as go together
        for (from, count) in [(0, 1), (1, 2), (3, 1), (4, 32), (36, 9)] {
            assert_eq!(next(&mut held, from), Ok(count), "from {from}");
            assert_eq!(hand.lock().deaths.contains_key(&of(What::Headers, "7")), from < 4, "it was survived");
        }
        assert_eq!(held.as_ref().map(|held| held.slot), Some(Some(0)), "they share a place");
        let (path, file) = hand.lock().file.take().unwrap();
        drop(file);
        assert_eq!(left_behind(folder.path()), keys[36..].iter().map(|key| of(What::Headers, key)).collect::<Vec<_>>());
        assert!(!path.exists());
        assert_eq!(hand.take_next(&mut held, [of(What::Headers, "9")].into_iter()), Err(5));
        assert!(held.is_none());
        let long = "x".repeat(200);
        let keys = [1, 2, 3].map(|n| of(What::Headers, &format!("{long}{n}")));
        assert_eq!(hand.take_next(&mut held, keys.clone().into_iter()), Ok(1));
        assert_eq!(hand.take_next(&mut held, keys.into_iter()), Ok(2), "as many as an entry holds");
    }

    #[test]
    fn a_step_counts_where_no_message_was_in_hand() {
        let folder = tempfile::tempdir().unwrap();
        let hand = Hand::default();
        hand.lock().file = Some(begin_file(folder.path()).unwrap());
        let held = hand.take(of(What::Step, "newest")).unwrap();
        drop(hand.lock().file.take());
        assert_eq!(left_behind(folder.path()), [of(What::Step, "newest")]);
        drop(held);
        // somebody was reading meanwhile: either may have been it
        hand.lock().file = Some(begin_file(folder.path()).unwrap());
        let held = [of(What::Step, "newest"), of(What::Page, "7")].map(|of| hand.take(of).unwrap());
        drop(hand.lock().file.take());
        assert_eq!(left_behind(folder.path()), [of(What::Step, "newest"), of(What::Page, "7")]);
        drop(held);
    }

    #[test]
    fn a_file_of_something_else_is_no_death() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in
            [("hand-1-a", vec![0xff; 2_000]), ("hand-2-a", Vec::new()), ("hand-3-a", b"3 x y\n".repeat(200)), ("other", vec![b'1'; 600])]
        {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        assert_eq!(left_behind(folder.path()), []);
    }
}
