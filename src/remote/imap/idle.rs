//! Waiting for changes: IDLE (RFC 2177), or NOOP now and then. IDLE is left running when the wait ends, so
//! that DONE and the next command travel in one write. Where the server has NOTIFY (RFC 5465) it is asked once, in the
//! write that begins IDLE, to tell of the other mailboxes too.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::command::Command;
use super::parse::{Outcome, Response, Status, response};
use super::refusal::bye;
use super::session::Session;
use crate::remote::{Hint, RemoteError, Result};

const NOTIFY: &str = "NOTIFY";
/// Of the open mailbox as without NOTIFY, "delayed": nothing is renumbered within an answer (RFC 5465 6.2).
const NOTIFY_OWN: &str = "NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))";
const NOTIFY_ALL: &str = "NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange)) \
                          (personal (MessageNew MessageExpunge FlagChange MailboxName))";

/// How much a server that has NOTIFY tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notified {
    /// Of the open mailbox, as without it.
    #[default]
    Not,
    /// Of all mailboxes.
    All,
    /// It had too much to tell and stopped with all of it (RFC 5465 5.8).
    Overflowed,
    /// Of the open mailbox again.
    Own,
}

/// News of other mailboxes that were not handed on yet.
#[derive(Debug, Default)]
pub struct Elsewhere {
    names: BTreeSet<String>,
    /// Mailboxes came, went, or were renamed, or it is not known what happened.
    is_list_due: bool,
}

/// More changed mailboxes than that are looked for in the list.
const MOST_NAMES: usize = 100;

impl Elsewhere {
    pub fn note(&mut self, wire_name: Option<String>) {
        match wire_name {
            Some(name) if self.names.len() < MOST_NAMES => drop(self.names.insert(name)),
            _ => self.is_list_due = true,
        }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && !self.is_list_due
    }

    /// The names first, then the list.
    fn take(&mut self) -> Option<Hint> {
        if !self.names.is_empty() {
            return Some(Hint::Elsewhere(std::mem::take(&mut self.names).into_iter().collect()));
        }
        std::mem::take(&mut self.is_list_due).then(|| Hint::Elsewhere(Vec::new()))
    }
}

impl Session {
    pub(super) async fn wait_in(&mut self, mailbox: &str, stop: Arc<Notify>) -> Result<Hint> {
        // What happened while another mailbox was open is not known: look.
        if self.ensure(mailbox).await? || std::mem::take(&mut self.changed) {
            self.changed = false;
            return Ok(Hint::Changed);
        }
        if self.caps.idle()
            && let Some(hint) = self.elsewhere.take()
        {
            return Ok(hint);
        }
        while self.caps.idle() {
            if let Some(hint) = self.idle(&stop).await? {
                return Ok(hint);
            }
            self.caps.deny("IDLE");
        }
        self.poll(&stop).await
    }

    async fn poll(&mut self, stop: &Notify) -> Result<Hint> {
        tokio::select! {
            () = stop.notified() => return Ok(Hint::Nothing),
            () = sleep_until(self.poll_at) => {}
        }
        self.poll_at = Instant::now() + self.deadlines.poll;
        self.run_one(Command::new("NOOP"), |_, _| false).await?.check("NOOP")?;
        Ok(self.take_hint())
    }

    /// None: the server refuses it.
    async fn idle(&mut self, stop: &Notify) -> Result<Option<Hint>> {
        let until = match self.idling {
            // whoever interrupted the wait asked for nothing: it goes on
            Some((_, until)) if Instant::now() < until && self.notified != Notified::Overflowed => {
                self.begin()?;
                until
            }
            _ => {
                if Instant::now() < self.lingers_until {
                    tokio::select! {
                        () = stop.notified() => return Ok(Some(Hint::Nothing)),
                        () = sleep_until(self.lingers_until) => {}
                    }
                }
                let Some(until) = self.renew().await? else { return Ok(None) };
                until
            }
        };
        while !self.changed && self.elsewhere.is_empty() && self.alert.is_none() {
            // Reading a response can't be interrupted between its octets without losing step, waiting for
            // its first can: what was read is kept by the framer.
            tokio::select! {
                biased;
                frame = self.frame(self.deadlines.idle.saturating_mul(2)) => {
                    let frame = frame?;
                    match response(&frame.bytes) {
                        Response::Status(status) if status.outcome == Outcome::Bye => return Err(bye(&status)),
                        Response::Status(status) if status.tag.is_some() => {
                            // The server ended IDLE by itself.
                            self.idling = None;
                            break;
                        }
                        other => self.untagged(other, frame.too_deep, &mut |_, _| false),
                    }
                }
                () = stop.notified() => break,
                () = sleep_until(until) => break,
            }
        }
        self.end();
        Ok(Some(self.take_hint()))
    }

    /// Ends an IDLE that runs (its answer shows that the server is still there) and begins a new one. None: refused.
    async fn renew(&mut self) -> Result<Option<Instant>> {
        self.begin()?;
        let notify = match self.notified {
            Notified::Not if self.caps.has(NOTIFY) => Some(NOTIFY_ALL),
            Notified::Overflowed => Some(NOTIFY_OWN),
            _ => None,
        };
        let before = self.idling.take();
        let mut out = Vec::new();
        if before.is_some() {
            self.trace_line('C', b"DONE");
            out.extend_from_slice(b"DONE\r\n");
        }
        let mut say = |words: &str| {
            let tag = self.new_tag();
            let line = [&tag[..], b" ", words.as_bytes()].concat();
            self.trace_line('C', &line);
            out.extend_from_slice(&line);
            out.extend_from_slice(b"\r\n");
            tag
        };
        let wish = notify.map(&mut say);
        let tag = say("IDLE");
        self.write(&out).await?;
        loop {
            let frame = self.frame(self.deadlines.reply).await?;
            match response(&frame.bytes) {
                Response::Continue(_) => break,
                Response::Status(status) if status.outcome == Outcome::Bye => return Err(bye(&status)),
                Response::Status(status) if status.tag.is_some() && status.tag == before.as_ref().map(|(tag, _)| tag.as_slice()) => {}
                Response::Status(status) if status.tag.is_some() && status.tag == wish.as_deref() => self.note_notify(&status),
                Response::Status(status) if status.tag == Some(&tag[..]) => {
                    self.end();
                    return Ok(None);
                }
                Response::Status(status) if status.tag.is_some() => {
                    return Err(RemoteError::Protocol("the server answered a command that was not given".into()));
                }
                other => self.untagged(other, frame.too_deep, &mut |_, _| false),
            }
        }
        let until = Instant::now() + self.deadlines.idle;
        self.idling = Some((tag, until));
        Ok(Some(until))
    }

    /// The answer to NOTIFY. What happened elsewhere between the last list and now was told by nobody.
    fn note_notify(&mut self, status: &Status<'_>) {
        match (status.outcome, self.notified) {
            (Outcome::Ok, Notified::Not) => {
                self.notified = Notified::All;
                self.elsewhere.note(None);
            }
            // a refusal here is no worse than silence: everything is looked at now and then
            (_, Notified::Overflowed) => self.notified = Notified::Own,
            _ => self.caps.deny(NOTIFY),
        }
    }

    fn take_hint(&mut self) -> Hint {
        if std::mem::take(&mut self.changed) { Hint::Changed } else { self.elsewhere.take().unwrap_or(Hint::Nothing) }
    }
}
