//! Which mailbox is open, and that its uids still mean what the caller thinks they mean.

use std::sync::PoisonError;

use super::command::Command;
use super::parse::Response;
use super::quirks::{ID, WANTS_ID};
use super::refusal::Done;
use super::session::Session;
use crate::mail::UidValidity;
use crate::remote::{Opened, RemoteError, Result, utf7};

/// What is turned on with ENABLE; a server leaves out what it does not know (RFC 5161 3.1).
pub(super) const QRESYNC: &str = "QRESYNC";
pub(super) const UTF8: &str = "UTF8=ACCEPT";

/// The open mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    pub wire_name: String,
    pub exists: u32,
    pub uid_validity: Option<u32>,
    pub uid_next: Option<u32>,
    pub read_only: bool,
    /// HIGHESTMODSEQ (RFC 7162), raised by what was read since; None = not told, NOMODSEQ, or 0.
    pub mod_seq: Option<u64>,
    /// FLAGS: what may stand at its messages.
    pub flags: Vec<String>,
    /// More messages came than when it was opened.
    pub grew: bool,
    /// PERMANENTFLAGS; None = not told, which means all (RFC 9051 7.1).
    pub permanent: Option<Vec<String>>,
    /// Its state was not told to the caller yet, so that the next `open` needs no trip.
    pub fresh: bool,
    /// EXISTS was told once; the next is news.
    is_counted: bool,
}

impl Selected {
    pub fn new(wire_name: &str) -> Self {
        Self { wire_name: wire_name.to_owned(), fresh: true, ..Self::default() }
    }

    /// Takes what SELECT says; true where it was of that.
    pub fn take(&mut self, response: &Response<'_>) -> bool {
        match response {
            Response::Exists(count) => {
                self.exists = *count;
                return !std::mem::replace(&mut self.is_counted, true);
            }
            Response::Status(status) => match status.code.as_str() {
                "UIDVALIDITY" => self.uid_validity = status.argument.parse().ok(),
                "HIGHESTMODSEQ" => self.mod_seq = status.argument.parse().ok().filter(|value| *value > 0),
                "NOMODSEQ" => self.mod_seq = None,
                "UIDNEXT" => self.uid_next = status.argument.parse().ok(),
                "PERMANENTFLAGS" => self.permanent = Some(permanent_flags(&status.argument)),
                _ => return false,
            },
            Response::Flags(words) => self.flags.clone_from(words),
            // the mailbox itself (RFC 9051 6.3.2)
            Response::List(_) => {}
            _ => return false,
        }
        true
    }

    /// Whether a keyword can be set for good.
    pub fn keeps(&self, word: &str) -> bool {
        self.permanent.as_ref().is_none_or(|flags| flags.iter().any(|flag| flag == "\\*" || flag.eq_ignore_ascii_case(word)))
    }

    pub(super) fn opened(&self) -> Opened {
        Opened {
            uid_validity: self.uid_validity.map(UidValidity),
            uid_next: self.uid_next,
            exists: self.exists,
            read_only: self.read_only,
            mod_seq: self.mod_seq,
        }
    }
}

/// A mailbox whose name is another in UTF-8 than in modified UTF-7: how to say it is known only after ENABLE.
pub(super) fn is_said_in_two_ways(wire_name: &str) -> bool {
    utf7::decode(wire_name.as_bytes()) != wire_name
}

fn permanent_flags(argument: &str) -> Vec<String> {
    argument.trim_matches(['(', ')', ' ']).split_ascii_whitespace().map(str::to_owned).collect()
}

impl Session {
    pub(super) fn select_command(&self, mailbox: &str) -> Result<Command> {
        self.command("SELECT").mailbox(mailbox)
    }

    /// Opens a mailbox (again) for the caller, who learns its uid_validity by it.
    pub(super) async fn open_mailbox(&mut self, mailbox: &str) -> Result<Opened> {
        if !self.selected.as_ref().is_some_and(|selected| selected.fresh && selected.wire_name == mailbox) {
            self.select(mailbox).await?;
        }
        self.tell_opened(mailbox)
    }

    /// The state of the open mailbox, of which the caller now knows.
    pub(super) fn tell_opened(&mut self, mailbox: &str) -> Result<Opened> {
        let Some(selected) = &mut self.selected else { return Err(RemoteError::Protocol("no mailbox is open".into())) };
        selected.fresh = false;
        let opened = selected.opened();
        if let Some(validity) = selected.uid_validity {
            self.validities.lock().unwrap_or_else(PoisonError::into_inner).insert(mailbox.to_owned(), validity);
        }
        Ok(opened)
    }

    /// Makes sure that a mailbox is open and its uids are those the caller was told of. True where it had to be opened.
    pub(super) async fn ensure(&mut self, mailbox: &str) -> Result<bool> {
        let reopen = self.selected.as_ref().is_none_or(|selected| selected.wire_name != mailbox);
        if reopen {
            self.select(mailbox).await?;
        }
        self.check_validity(mailbox)?;
        Ok(reopen)
    }

    fn check_validity(&self, mailbox: &str) -> Result<()> {
        let now = self.selected.as_ref().and_then(|selected| selected.uid_validity);
        let told = self.validities.lock().unwrap_or_else(PoisonError::into_inner).get(mailbox).copied();
        if told.is_some() && told != now {
            return Err(RemoteError::Gone(format!("the server numbered the messages of {mailbox} anew")));
        }
        Ok(())
    }

    /// Runs commands that only read in a mailbox. Where it is not open, SELECT travels in front of them in the same
    /// write: fails it, they fail too (no mailbox is open then), and if the uids became others, the answers are
    /// thrown away.
    pub(super) async fn read_in<F>(&mut self, mailbox: &str, commands: Vec<Command>, mut on: F) -> Result<Vec<Done>>
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        if self.selected.as_ref().is_some_and(|selected| selected.wire_name == mailbox) {
            self.check_validity(mailbox)?;
            return self.run(&commands, on).await;
        }
        let mut all = vec![self.select_command(mailbox)?];
        all.extend(commands);
        let mut found = Selected::new(mailbox);
        self.selected = None;
        self.changed = false;
        let mut done = self.run(&all, |response, too_deep| found.take(&response) || on(response, too_deep)).await?;
        let rest = done.split_off(1.min(done.len()));
        let select = done.first().ok_or_else(|| RemoteError::Protocol("no answer".into()))?;
        self.selected(found, select)?;
        self.check_validity(mailbox)?;
        Ok(rest)
    }

    pub(super) async fn select(&mut self, mailbox: &str) -> Result<()> {
        let offered = [(QRESYNC, self.caps.has(QRESYNC)), (UTF8, self.caps.utf8())];
        let enable = self.enable(offered.into_iter().filter_map(|(word, is_offered)| is_offered.then_some(word)));
        let mut commands: Vec<Command> = enable.into_iter().collect();
        if !commands.is_empty() && is_said_in_two_ways(mailbox) {
            self.run(&std::mem::take(&mut commands), |_, _| false).await?;
        }
        commands.push(self.select_command(mailbox)?);
        let mut found = Selected::new(mailbox);
        // SELECT closes the open mailbox first, also when it fails (RFC 9051 6.3.2).
        self.selected = None;
        let done = self.run(&commands, |response, _| found.take(&response)).await?;
        self.changed = false;
        let mut done = done.last().cloned().ok_or_else(|| RemoteError::Protocol("no answer".into()))?;
        if !done.is_ok() && done.text.to_ascii_lowercase().contains(WANTS_ID) && self.caps.has("ID") {
            let again = [Command::new(ID), self.select_command(mailbox)?];
            done = self.run(&again, |response, _| found.take(&response)).await?.pop().unwrap_or(done);
        }
        self.selected(found, &done)
    }

    /// ENABLE of what was not asked for yet, while it still may be: before the first SELECT (RFC 5161 3.1).
    fn enable(&mut self, words: impl Iterator<Item = &'static str>) -> Option<Command> {
        let new: Vec<&str> = words.filter(|word| !self.asked.contains(word)).collect();
        if new.is_empty() || self.selected.is_some() || !self.caps.enable() {
            return None;
        }
        self.asked.extend(&new);
        Some(Command::new(&format!("ENABLE {}", new.join(" "))))
    }

    /// Takes the answer of SELECT.
    pub(super) fn selected(&mut self, mut found: Selected, done: &Done) -> Result<()> {
        done.check_select(&found.wire_name)?;
        if found.uid_validity.is_none() {
            return Err(RemoteError::Rejected(format!(
                "the server gives the messages of {} no lasting numbers (no UIDVALIDITY)",
                found.wire_name
            )));
        }
        found.read_only = done.code == "READ-ONLY";
        self.selected = Some(found);
        Ok(())
    }

    /// A changed uid_validity in the middle of a session: what comes next must look again.
    pub(super) fn note_validity(&mut self, argument: &str) {
        if let Some(selected) = &mut self.selected
            && argument.parse().ok() != selected.uid_validity
        {
            selected.uid_validity = argument.parse().ok();
        }
    }
}
