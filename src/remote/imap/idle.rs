//! Waiting for changes: IDLE (RFC 2177), or NOOP now and then. IDLE is left running when the wait ends, so
//! that DONE and the next command travel in one write.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::command::Command;
use super::parse::{Outcome, Response, response};
use super::refusal::bye;
use super::session::Session;
use crate::remote::{Hint, RemoteError, Result};

impl Session {
    pub(super) async fn wait_in(&mut self, mailbox: &str, stop: Arc<Notify>) -> Result<Hint> {
        // What happened while another mailbox was open is not known: look.
        if self.ensure(mailbox).await? || std::mem::take(&mut self.changed) {
            self.changed = false;
            return Ok(Hint::Changed);
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
            Some((_, until)) if Instant::now() < until => {
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
        while !self.changed {
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
        let before = self.idling.take();
        let tag = self.new_tag();
        let mut out = Vec::new();
        if before.is_some() {
            self.trace_line('C', b"DONE");
            out.extend_from_slice(b"DONE\r\n");
        }
        self.trace_line('C', &[&tag[..], b" IDLE"].concat());
        out.extend_from_slice(&tag);
        out.extend_from_slice(b" IDLE\r\n");
        self.write(&out).await?;
        loop {
            let frame = self.frame(self.deadlines.reply).await?;
            match response(&frame.bytes) {
                Response::Continue(_) => break,
                Response::Status(status) if status.outcome == Outcome::Bye => return Err(bye(&status)),
                Response::Status(status) if status.tag.is_some() && status.tag == before.as_ref().map(|(tag, _)| tag.as_slice()) => {}
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

    fn take_hint(&mut self) -> Hint {
        if std::mem::take(&mut self.changed) { Hint::Changed } else { Hint::Nothing }
    }
}
