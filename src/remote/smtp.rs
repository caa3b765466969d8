//! Submission to an SMTP server (RFC 5321, RFC 6409) as a [`Submit`]. Owns the protocol; must not know the outbox.
//!
//! ```text
//! bytes -> reply (bounds, lettre's parser) -> wire (deadlines, trace) -> signin, envelope, data -> this file
//! ```
//!
//! Commands and replies are lettre's. Its connection is not used: what it does with STARTTLS, with the end of
//! data and with answers out of turn is what must not happen (docs/design.md). Start with `Account::prepare`.

pub mod caps;
pub mod data;
mod envelope;
pub mod reply;
mod signin;
pub mod wire;

use std::fmt::Display;

use lettre::transport::smtp::commands::{Data, Quit};
use lettre::transport::smtp::response::Response;

use self::caps::Caps;
use self::envelope::Commands;
use self::reply::{Class, class, words};
use self::wire::{Deadlines, Unasked, Wire};
use super::auth::Secrets;
use super::net::{Connector, Dial, Trace};
use super::submit::{Fates, Handover, Submission, Submit, SubmitError};
use crate::config::{Secret, Smtp};
use crate::mail::outgoing::{Dsn, Fate};

/// Commands in one write where the server offers PIPELINING.
const GROUP: usize = 50;
/// Octets of the message made ready at a time.
const PIECE: usize = 64 * 1024;

/// The way out of one account; connects for every message.
#[derive(Debug)]
pub struct Account {
    name: String,
    smtp: Smtp,
    secrets: Secrets,
    connector: Connector,
    deadlines: Deadlines,
    trace: Option<Trace>,
}

impl Account {
    /// `name` is the configuration's name of the account, for sentences and traces.
    pub fn new(name: impl Into<String>, smtp: Smtp) -> Self {
        let name = name.into();
        Self {
            secrets: Secrets::new(&name, smtp.server.credentials.clone()),
            connector: Connector::to(&smtp.server).from_address(smtp.bind),
            name,
            smtp,
            deadlines: Deadlines::default(),
            trace: None,
        }
    }

    /// Writes the dialogue, credentials masked and messages left out, to a trace.
    #[must_use]
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Other deadlines, for tests and for users who wait.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Connects by this instead of TCP.
    #[must_use]
    pub fn through(mut self, dial: Dial) -> Self {
        self.connector = self.connector.through(dial);
        self
    }

    /// The secret that the user typed; used until the server refuses it.
    pub fn set_secret(&self, secret: Secret) {
        self.secrets.set(secret);
    }

    /// Connects, signs in and leaves; what the server offers. Sends nothing.
    ///
    /// # Errors
    /// As for a message.
    pub async fn try_out(&self) -> Result<Caps, SubmitError> {
        let mut session = self.connect().await?;
        let caps = std::mem::take(&mut session.caps);
        session.quit().await;
        Ok(caps)
    }

    async fn connect(&self) -> Result<Session, SubmitError> {
        // An access token that was kept may only have expired; a password is never tried twice in a row.
        let old_token = self.secrets.holds_token();
        match signin::connect(self).await {
            Err(SubmitError::BadLogin(_)) if old_token => signin::connect(self).await,
            other => other,
        }
    }

    /// What the message asks for, and what the configuration asks for where the message says nothing.
    fn dsn(&self, mail: &Submission) -> Dsn {
        let (own, usual) = (mail.envelope.dsn.clone(), self.smtp.dsn.clone());
        Dsn { notify: own.notify.or(usual.notify), ret: own.ret.or(usual.ret), envid: own.envid.or(usual.envid) }
    }
}

impl Submit for Account {
    type Handover = Unended;

    async fn prepare(&self, mail: &Submission) -> Result<(Unended, Fates), SubmitError> {
        let mut session = self.connect().await?;
        let fates = match session.envelope(mail, &self.dsn(mail)).await {
            Ok(fates) => fates,
            Err(error) => {
                session.quit().await;
                return Err(error);
            }
        };
        session.text(&mail.bytes).await?;
        Ok((Unended { session }, fates))
    }
}

/// A connection on which one may send.
#[derive(Debug)]
struct Session {
    wire: Wire,
    caps: Caps,
    deadlines: Deadlines,
    host: String,
}

impl Session {
    async fn ask(&mut self, command: impl Display) -> Result<Response, SubmitError> {
        self.wire.ask(command, self.deadlines.command).await.map_err(|why| self.later(why))
    }

    fn later(&self, why: impl Display) -> SubmitError {
        SubmitError::Later(format!("{}: {why}", self.host))
    }

    /// The server's words as a sentence.
    fn says(&self, reply: &Response) -> String {
        format!("{} says: {}", self.host, words(reply))
    }

    /// MAIL, RCPT and DATA. The connection is in step afterwards, also after an error.
    async fn envelope(&mut self, mail: &Submission, dsn: &Dsn) -> Result<Fates, SubmitError> {
        let Commands { mail, rcpt, refused: mut fates } = envelope::commands(mail, dsn, &self.caps, &self.host)?;
        let lines: Vec<String> = std::iter::once(mail.to_string()).chain(rcpt.iter().map(|(_, rcpt)| rcpt.to_string())).collect();
        let group = if self.caps.pipelining() { GROUP } else { 1 };
        let mut addresses = rcpt.into_iter().map(|(address, _)| address);
        let mut refusal = None;
        for (number, lines) in lines.chunks(group).enumerate() {
            self.wire.tell(lines, self.deadlines.command).await.map_err(|why| self.later(why))?;
            for place in 0..lines.len() {
                let reply = self.wire.reply(self.deadlines.command).await.map_err(|why| self.later(why))?;
                if number == 0 && place == 0 {
                    refusal = self.refusal(&reply);
                } else if let Some(address) = addresses.next() {
                    let fate = self.fate(&reply, &fates)?;
                    fates.push((address, fate));
                }
            }
            // what was said to the recipients after a refused sender means nothing
            if let Some(error) = refusal.take() {
                return Err(error);
            }
        }
        if !fates.iter().any(|(_, fate)| *fate == Fate::Accepted) {
            return Err(no_recipient(fates));
        }
        let reply = self.wire.ask(Data, self.deadlines.data).await.map_err(|why| self.later(why))?;
        match class(&reply) {
            Class::More if reply.has_code(354) => Ok(fates),
            Class::No => Err(SubmitError::Refused(self.says(&reply))),
            // 2yz in place of 354 is no consent
            Class::Done | Class::More | Class::Later => Err(SubmitError::Later(self.says(&reply))),
        }
    }

    /// Why MAIL was not taken.
    fn refusal(&self, reply: &Response) -> Option<SubmitError> {
        match class(reply) {
            Class::Done => None,
            Class::No => Some(SubmitError::Refused(self.says(reply))),
            Class::Later | Class::More => Some(SubmitError::Later(self.says(reply))),
        }
    }

    fn fate(&self, reply: &Response, before: &[(String, Fate)]) -> Result<Fate, SubmitError> {
        let is_too_many = || reply.has_code(552) && before.iter().any(|(_, fate)| *fate == Fate::Accepted);
        match class(reply) {
            Class::Done => Ok(Fate::Accepted),
            Class::Later => Ok(Fate::Deferred(words(reply))),
            // RFC 5321 4.5.3.1.10: old servers say so to the hundred-and-first
            Class::No if is_too_many() => Ok(Fate::Deferred(words(reply))),
            Class::No => Ok(Fate::Refused(words(reply))),
            Class::More => Err(SubmitError::Later(self.says(reply))),
        }
    }

    /// The message without its end.
    async fn text(&mut self, bytes: &[u8]) -> Result<(), SubmitError> {
        let mut stuffer = data::Stuffer::default();
        let mut out = Vec::with_capacity(PIECE + PIECE / 8);
        let mut pieces = bytes.chunks(PIECE).peekable();
        while let Some(piece) = pieces.next() {
            out.clear();
            stuffer.piece(piece, &mut out);
            if pieces.peek().is_none() {
                out.extend_from_slice(stuffer.line_end());
            }
            if let Err(why) = self.wire.write_watching(&out, self.deadlines.block).await {
                // it may have said why before it left
                self.still_listens().await?;
                return Err(self.later(why));
            }
        }
        self.wire.trace_line('C', format!("[a message of {} octets]", bytes.len()).as_bytes());
        Ok(())
    }

    /// A server that speaks before the message has ended does not want it.
    async fn still_listens(&mut self) -> Result<(), SubmitError> {
        match self.wire.unasked().await {
            None => Ok(()),
            Some(Unasked::Reply(reply)) if class(&reply) == Class::No => Err(SubmitError::Refused(self.says(&reply))),
            Some(Unasked::Reply(reply)) => Err(SubmitError::Later(format!("{} before the message had ended", self.says(&reply)))),
            Some(Unasked::Broken(why)) => Err(self.later(why)),
        }
    }

    /// The answer to the end of data. Nothing but a whole and fitting reply is believed.
    async fn end(&mut self) -> Result<String, SubmitError> {
        let host = self.host.clone();
        let unknown = |why: String| SubmitError::Unknown(format!("{host}: the message was handed over, but {why}"));
        self.wire.end(self.deadlines.block).await.map_err(unknown)?;
        let reply = self.wire.reply(self.deadlines.end).await.map_err(unknown)?;
        match class(&reply) {
            // a no before the end and a yes to it look the same as the other way round
            _ if !self.is_alone().await => Err(unknown(format!("the server answered more than once: {}", words(&reply)))),
            Class::Done => Ok(words(&reply)),
            Class::Later => Err(SubmitError::Later(self.says(&reply))),
            Class::No => Err(SubmitError::Refused(self.says(&reply))),
            Class::More => Err(unknown(format!("the answer is no answer to it: {}", words(&reply)))),
        }
    }

    /// No second answer came with the first: else the first may have been given before the end. A server that
    /// closes right afterwards (421) has taken the message all the same.
    async fn is_alone(&mut self) -> bool {
        if !self.wire.has_more() {
            return true;
        }
        matches!(self.wire.unasked().await, Some(Unasked::Reply(reply)) if reply.has_code(421))
    }

    /// Says goodbye, briefly; whether it is heard changes nothing.
    async fn quit(mut self) {
        let _ = tokio::time::timeout(self.deadlines.goodbye, self.wire.ask(Quit, self.deadlines.goodbye)).await;
    }
}

fn no_recipient(fates: Fates) -> SubmitError {
    let first = fates.iter().find_map(|(address, fate)| match fate {
        Fate::Deferred(words) | Fate::Refused(words) => Some(format!("{address}: {words}")),
        Fate::Pending | Fate::Accepted => None,
    });
    let text = match (first, fates.len()) {
        (None, _) => "there is no recipient left to send to".to_owned(),
        (Some(first), 1) => first,
        (Some(first), count) => format!("none of {count} recipients was taken: {first}"),
    };
    SubmitError::NoRecipient { text, fates }
}

/// A message that the server has but for its end.
#[derive(Debug)]
pub struct Unended {
    session: Session,
}

impl Handover for Unended {
    async fn commit(mut self) -> Result<String, SubmitError> {
        self.session.still_listens().await?;
        let answer = self.session.end().await;
        if !matches!(answer, Err(SubmitError::Unknown(_))) {
            self.session.quit().await;
        }
        answer
    }

    async fn abandon(self) {
        // a goodbye would be a part of the message: only closing says that it has no end
        drop(self);
    }
}
