//! What changed in a mailbox since it was last in step, as cheaply as the server can tell: by counted changes
//! (QRESYNC or CONDSTORE, RFC 7162), else by who has which flag, as ranges (ESEARCH, RFC 4731). A server that does
//! not understand what it offers is asked in the next plainer way; below the last stands `flags_in`, uid by uid.
//!
//! Start with [`Session::changes_since`].

use std::collections::BTreeMap;

use super::command::Command;
use super::fetch::message;
use super::modify::is_atom;
use super::parse::{Fetch, Outcome, Response, SYSTEM_FLAGS, flags};
use super::refusal::Done;
use super::select::{QRESYNC, Selected};
use super::session::Session;
use crate::mail::server::{Changes, Opened, Point};
use crate::mail::{Flags, Key, Uid, Uids};
use crate::remote::{RemoteError, Result};

/// New messages whose headers are asked for together with the changes; more come window by window.
const NEW: u32 = 500;
/// Sets of so many messages are worth a round trip for compression: scattered flags take some bytes each.
const LARGE: u32 = 50_000;
/// Keywords of a mailbox that are asked for one by one.
const KEYWORDS: usize = 50;

/// Responses to a question for changes.
#[derive(Debug, Default)]
struct Heard {
    fetched: BTreeMap<u32, Fetch>,
    vanished: Vec<(u32, u32)>,
    mod_seq: u64,
}

impl Heard {
    /// Takes what tells of changes; true where it was of that.
    fn take(&mut self, response: Response<'_>) -> bool {
        match response {
            Response::Vanished { uids, .. } => self.vanished.extend_from_slice(uids.ranges()),
            Response::Fetch(fetch) => {
                let Some(uid) = fetch.uid else { return false };
                if fetch.flags.is_some() {
                    self.mod_seq = self.mod_seq.max(fetch.mod_seq);
                }
                match self.fetched.entry(uid) {
                    std::collections::btree_map::Entry::Occupied(mut known) => known.get_mut().merge(*fetch),
                    std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(*fetch)),
                }
            }
            _ => return false,
        }
        true
    }
}

impl Session {
    /// Opens the mailbox where it is not, and tells what changed since `known`. None: the server has no such way. Where
    /// the uids became others, only what opening told.
    pub(super) async fn changes_since(&mut self, mailbox: &str, known: &Point) -> Result<Option<Changes>> {
        let mut heard = Heard::default();
        let is_open = self.selected.as_ref().is_some_and(|selected| selected.wire_name == mailbox);
        let is_resynced = if is_open { false } else { self.reopen(mailbox, known, &mut heard).await? };
        let is_new = !is_open || self.selected.as_ref().is_some_and(|selected| selected.fresh);
        let mut opened = self.tell_opened(mailbox)?;
        if opened.uid_validity != Some(known.uid_validity) {
            return Ok(Some(Changes { opened, ..Changes::default() }));
        }
        if !is_new {
            // the other link may have heard more since this one opened it
            opened.mod_seq = opened.mod_seq.map(|own| own.max(known.mod_seq.unwrap_or_default()));
        }
        let asked = known.mod_seq.zip(opened.mod_seq).filter(|(since, now)| since <= now && !known.all);
        if let Some((since, now)) = asked {
            if is_new && since == now && opened.exists == known.count && opened.uid_next == Some(known.uid_next) {
                return Ok(Some(Changes { opened, mod_seq: Some(now), ..Changes::default() }));
            }
            let mut is_told = is_resynced && self.bring_new(known, &mut heard).await?;
            while !is_told && self.caps.condstore() {
                is_told = self.ask_since(since, known, &mut heard).await?;
            }
            if is_told && let Some(mut changes) = self.without_gaps(known, heard).await? {
                changes.mod_seq = changes.mod_seq.max(Some(now));
                changes.opened = Opened { exists: self.exists(), ..opened };
                return Ok(Some(changes));
            }
        }
        let whole = if self.caps.esearch() { self.whole(known).await? } else { None };
        match whole {
            Some(changes) => Ok(Some(Changes { opened: Opened { exists: self.exists(), ..opened }, mod_seq: opened.mod_seq, ..changes })),
            None => {
                // whoever asks in the plain way need not open it again
                self.selected.iter_mut().for_each(|selected| selected.fresh = is_new);
                Ok(None)
            }
        }
    }

    /// SELECT, with what we know where the server then tells the rest. True where it did.
    async fn reopen(&mut self, mailbox: &str, known: &Point, heard: &mut Heard) -> Result<bool> {
        let Some(mod_seq) = known.mod_seq.filter(|_| self.resyncs()) else {
            self.select(mailbox).await?;
            return Ok(false);
        };
        let uids = known.uid_next.saturating_sub(1).max(1);
        let words = format!("(QRESYNC ({} {mod_seq} 1:{uids}))", known.uid_validity.0);
        let command = self.select_command(mailbox)?.word(&words);
        let mut found = Selected::new(mailbox);
        self.selected = None;
        let done = self.run_one(command, |response, _| found.take(&response) || heard.take(response)).await?;
        self.changed = false;
        if done.outcome == Outcome::Bad {
            self.caps.deny(QRESYNC);
            self.select(mailbox).await?;
            return Ok(false);
        }
        self.selected(found, &done)?;
        Ok(true)
    }

    /// The server is ready to tell what vanished.
    fn resyncs(&self) -> bool {
        self.caps.has(QRESYNC) && self.has_enabled(QRESYNC)
    }

    /// Asks for changes since, and for the headers of what is new, in one write. False where the server does not
    /// understand after all.
    async fn ask_since(&mut self, since: u64, known: &Point, heard: &mut Heard) -> Result<bool> {
        let vanished = self.resyncs();
        let mut commands = vec![Command::new(&match vanished {
            true => format!("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since} VANISHED)"),
            false => format!("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since})"),
        })];
        commands.extend(self.new_headers(known));
        let done = self.run(&commands, |response, _| heard.take(response)).await?;
        heard.note_codes(&done);
        if let Some(refused) = done.first().filter(|done| !done.is_ok()) {
            if let Err(error @ RemoteError::NotNow(_)) = refused.check("to tell what changed") {
                return Err(error);
            }
            *heard = Heard::default();
            self.caps.deny(if vanished { QRESYNC } else { "CONDSTORE" });
            if !vanished {
                self.caps.deny(QRESYNC);
            }
            return Ok(false);
        }
        if let Some(refused) = done.get(1) {
            refused.check_some_gone("the headers")?;
        }
        Ok(true)
    }

    /// Headers of what is new, where SELECT told of the changes.
    async fn bring_new(&mut self, known: &Point, heard: &mut Heard) -> Result<bool> {
        if let Some(command) = self.new_headers(known) {
            self.run_one(command, |response, _| heard.take(response)).await?.check_some_gone("the headers")?;
        }
        Ok(true)
    }

    fn new_headers(&mut self, known: &Point) -> Option<Command> {
        let items = self.header_items();
        let selected = self.selected.as_mut()?;
        let told = selected.uid_next.unwrap_or_default();
        let may_be = std::mem::take(&mut selected.grew) || told > known.uid_next;
        let from = known.uid_next;
        (may_be && told.saturating_sub(from) <= NEW).then(|| Command::new(&format!("UID FETCH {from}:* {items}")))
    }

    /// The answer as a value. Where the server told flags only and the numbers don't add up, all that is there too; None
    /// where that can't be right.
    async fn without_gaps(&mut self, known: &Point, heard: Heard) -> Result<Option<Changes>> {
        let mut changes = heard.into_changes(known);
        if !self.resyncs() {
            let is_new = |(key, _): &&(Key, Flags)| key.uid().is_some_and(|uid| uid.0 >= known.uid_next);
            let expected = known.count as usize + changes.flags.iter().filter(is_new).count();
            let exists = self.exists();
            if u64::from(exists) != expected as u64 {
                let present = self.present().await?;
                if present.len() != u64::from(self.exists()) {
                    return Ok(None);
                }
                changes.present = Some(present);
            }
        }
        Ok(Some(changes))
    }

    async fn present(&mut self) -> Result<Uids> {
        if self.caps.esearch() {
            match self.search(Command::new("UID SEARCH RETURN (ALL) ALL")).await {
                Err(RemoteError::Rejected(_)) => self.caps.deny("ESEARCH"),
                answer => return answer,
            }
        }
        self.search(Command::new("UID SEARCH ALL")).await
    }

    /// All uids, and for each flag the uids that have it; each as ranges, in one write. None where the answers can't be
    /// right.
    async fn whole(&mut self, known: &Point) -> Result<Option<Changes>> {
        let flags_of = self.selected.iter().flat_map(|selected| &selected.flags);
        let mut words: Vec<String> = flags_of.filter(|word| is_atom(word) && !word.starts_with('\\')).cloned().collect();
        words.sort_unstable();
        words.dedup();
        if words.len() > KEYWORDS {
            return Ok(None);
        }
        if known.count >= LARGE {
            self.compress().await?;
        }
        let system = SYSTEM_FLAGS.iter().filter_map(|(name, bit)| Some((name.strip_prefix('\\')?.to_ascii_uppercase(), Flags::bits(*bit))));
        let keywords = words.into_iter().map(|word| (format!("KEYWORD {word}"), flags(&[word])));
        let (asked, marks): (Vec<String>, Vec<Flags>) =
            std::iter::once(("ALL".to_owned(), Flags::default())).chain(system).chain(keywords).unzip();
        let mut commands: Vec<Command> = asked.iter().map(|what| Command::new(&format!("UID SEARCH RETURN (ALL) {what}"))).collect();
        let tags: Vec<Vec<u8>> = (0..commands.len()).map(|ahead| self.tag_ahead(ahead)).collect();
        let mut sets: Vec<Option<Uids>> = vec![None; commands.len()];
        commands.extend(self.new_headers(known));
        let mut heard = Heard::default();
        let done = self
            .run(&commands, |response, _| {
                let Response::Search(found) = response else { return heard.take(response) };
                let slot = tags.iter().position(|tag| found.tag.as_ref() == Some(tag)).and_then(|at| sets.get_mut(at));
                slot.into_iter().for_each(|slot| *slot = Some(found.uids.clone()));
                true
            })
            .await?;
        let is_complete = done.iter().all(Done::is_ok) && sets.iter().all(Option::is_some);
        if !is_complete {
            self.caps.deny("ESEARCH");
            return Ok(None);
        }
        let mut changes = Changes { flags: Vec::new(), ..heard.into_changes(known) };
        let mut sets = sets.into_iter().flatten();
        let present = sets.next().unwrap_or_default();
        if present.len() != u64::from(self.exists()) {
            return Ok(None);
        }
        changes.present = Some(present);
        changes.marked = marks.into_iter().skip(1).zip(sets).collect();
        Ok(Some(changes))
    }

    fn exists(&self) -> u32 {
        self.selected.as_ref().map_or(0, |selected| selected.exists)
    }
}

impl Heard {
    fn into_changes(self, known: &Point) -> Changes {
        let Self { fetched, vanished, mod_seq } = self;
        let mut changes = Changes { vanished: Uids::from_ranges(vanished), mod_seq: Some(mod_seq), ..Changes::default() };
        for (uid, fetch) in fetched {
            if let Some(flags) = fetch.flags.clone() {
                changes.flags.push((Key::Uid(Uid(uid)), flags));
            }
            if fetch.body.is_some() && uid >= known.uid_next {
                changes.new.push(message(fetch));
            }
        }
        changes
    }

    /// A tagged OK may tell how far its answer goes (RFC 7162 3.2.4).
    fn note_codes(&mut self, done: &[Done]) {
        let told = done.first().filter(|done| done.is_ok() && done.code == "HIGHESTMODSEQ");
        self.mod_seq = self.mod_seq.max(told.and_then(|done| done.argument.parse().ok()).unwrap_or_default());
    }
}
