//! The wire of one connection: tags, several commands in one write, reading until every one is answered,
//! deadlines. Knows nothing of what commands mean; start with [`Session::run`].

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::caps::{COMPRESS, Caps};
use super::command::{Command, Dialect};
use super::frame::{Frame, Framer, Limits};
use super::idle::{Elsewhere, Notified};
use super::parse::{Outcome, Response, Status, response};
use super::refusal::{Done, bye};
use super::select::{Selected, UTF8};
use crate::remote::net::{Stream, Trace};
use crate::remote::{RemoteError, Result, deflate, utf7};

/// How long to wait for the server.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    pub greeting: Duration,
    /// For the next response, or for [`PROGRESS`] octets of it.
    pub reply: Duration,
    /// For all answers to one run of commands, beside the time that their octets are due: a server that says something now
    /// and then, but never what it was asked, is as good as a silent one.
    pub run: Duration,
    /// After which IDLE is renewed, and between two polls where there is no IDLE.
    pub idle: Duration,
    pub poll: Duration,
    /// After something was read, before IDLE begins: the next is likely to be asked soon, and what IDLE's beginning
    /// interrupts waits for its answer.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(30),
            reply: Duration::from_secs(60),
            run: Duration::from_secs(600),
            idle: Duration::from_secs(270),
            poll: Duration::from_secs(45),
            linger: Duration::from_millis(750),
        }
    }
}

/// Fewer octets than this in one reply deadline is as good as silence.
const PROGRESS: usize = 4096;
/// Responses to one run or in one wait, beyond what the mailbox explains.
const SPARE_RESPONSES: u64 = 100_000;
/// Octets of all responses to one run, or in one wait; nothing that is asked for comes near.
const MOST_OCTETS: usize = 128 << 20;
/// Challenges of one sign-in; more is a game.
pub const MAX_CHALLENGES: usize = 5;
/// Characters of an alert.
const ALERT: usize = 500;
const READ: usize = 64 * 1024;

/// uid_validity of mailboxes as last told to the caller, shared by the connections of an account.
pub type Validities = Arc<Mutex<HashMap<String, u32>>>;

/// A signed-in connection (or one on the way there); implements [`crate::remote::Remote`].
#[derive(Debug)]
pub struct Session {
    pub(super) account: String,
    pub(super) stream: Stream,
    framer: Framer,
    read: Vec<u8>,
    next_tag: u32,
    pub(super) caps: Caps,
    /// What was asked to be turned on.
    pub(super) asked: Vec<&'static str>,
    /// What of it was.
    enabled: BTreeSet<&'static str>,
    pub(super) selected: Option<Selected>,
    /// What splits levels of names, once a list told it.
    pub(super) delimiter: Option<char>,
    /// The open mailbox changed since [`super::idle`] last said so.
    pub(super) changed: bool,
    pub(super) notified: Notified,
    pub(super) elsewhere: Elsewhere,
    /// An ALERT that nobody took yet.
    pub(super) alert: Option<String>,
    /// EXPUNGE responses that our own commands cause.
    pub(super) own_expunges: u64,
    /// Tag of an IDLE that still runs, and when it is to be renewed; DONE travels with the next command.
    pub(super) idling: Option<(Vec<u8>, Instant)>,
    /// IDLE does not begin before.
    pub(super) lingers_until: Instant,
    /// When to ask for news where there is no IDLE, however often the wait is interrupted.
    pub(super) poll_at: Instant,
    /// When the run under way, or the greeting, has taken too long.
    run_until: Instant,
    /// A run was begun and not finished: cancelled or broken, the stream is out of step.
    broken: bool,
    pub(super) deadlines: Deadlines,
    pub(super) validities: Validities,
    trace: Option<Trace>,
    /// Compression may begin; of all connections of an account.
    pub(super) compression: Arc<AtomicBool>,
    /// Responses since the last [`Self::begin`], and their octets.
    responses: u64,
    octets: usize,
    /// Responses that could not be understood.
    unreadable: u64,
}

impl Session {
    pub(super) fn new(account: &str, stream: Stream, deadlines: Deadlines, validities: Validities, trace: Option<Trace>) -> Self {
        Self {
            account: account.to_owned(),
            stream,
            framer: Framer::new(Limits::default()),
            read: Vec::with_capacity(READ),
            next_tag: 0,
            caps: Caps::default(),
            asked: Vec::new(),
            enabled: BTreeSet::new(),
            selected: None,
            delimiter: None,
            changed: false,
            notified: Notified::Not,
            elsewhere: Elsewhere::default(),
            alert: None,
            own_expunges: 0,
            idling: None,
            lingers_until: Instant::now(),
            poll_at: Instant::now() + deadlines.poll,
            run_until: Instant::now() + deadlines.run,
            broken: false,
            deadlines,
            validities,
            trace,
            compression: Arc::default(),
            responses: 0,
            octets: 0,
            unreadable: 0,
        }
    }

    /// Sends commands in one write and reads until all are answered, in order. `on` sees every untagged
    /// response (and whether it is nested too deep) and tells whether it was asked for; EXISTS, EXPUNGE and
    /// FETCH that were not are remembered as a change.
    ///
    /// # Errors
    /// What ends the connection. NO and BAD are in the [`Done`]s.
    pub(super) async fn run<F>(&mut self, commands: &[Command], mut on: F) -> Result<Vec<Done>>
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        self.begin()?;
        let mut pending = Pending::default();
        let mut out = Vec::new();
        if let Some((tag, _)) = self.idling.take() {
            self.trace_line('C', b"DONE");
            out.extend_from_slice(b"DONE\r\n");
            pending.push(tag);
        }
        let ours = pending.len();
        for command in commands {
            self.send(command, &mut out, &mut pending, &mut on).await?;
        }
        self.write(&out).await?;
        while !pending.is_complete() {
            self.step(&mut pending, &mut on).await?;
        }
        self.broken = false;
        self.own_expunges = 0;
        let mut done = pending.done();
        Ok(done.split_off(ours.min(done.len())))
    }

    /// One command, when only its success counts.
    pub(super) async fn run_one<F>(&mut self, command: Command, on: F) -> Result<Done>
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        let done = self.run(&[command], on).await?;
        done.into_iter().next().ok_or_else(|| RemoteError::Protocol("no answer".into()))
    }

    /// Sign-in and what travels behind it: ends at a refused sign-in without waiting for the rest. A challenge
    /// to a lone sign-in is an error report and gets the empty answer (RFC 7628 3.2.3).
    pub(super) async fn sign_in_run<F>(&mut self, commands: &[Command], mut on: F) -> Result<Vec<Done>>
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        self.begin()?;
        let (mut pending, mut out, mut challenges) = (Pending::default(), Vec::new(), 0);
        for command in commands {
            self.send(command, &mut out, &mut pending, &mut on).await?;
        }
        self.write(&out).await?;
        while !pending.is_complete() && !pending.is_first_refused() {
            if self.step(&mut pending, &mut on).await? {
                challenges += 1;
                if challenges > MAX_CHALLENGES {
                    return Err(RemoteError::Protocol("the server keeps asking during sign-in".into()));
                }
                if commands.len() == 1 {
                    self.write(b"\r\n").await?;
                }
            }
        }
        // After a refusal the rest may be on its way still: not for use again.
        self.broken = pending.is_first_refused();
        Ok(pending.done())
    }

    /// ENABLE of this was asked for and confirmed (iCloud offers what it does not confirm).
    pub(super) fn has_enabled(&self, word: &str) -> bool {
        self.enabled.contains(&word)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.caps.dialect(self.has_enabled(UTF8))
    }

    /// A command as this server is spoken to.
    pub(super) fn command(&self, words: &str) -> Command {
        Command::new(words).spoken(self.dialect())
    }

    /// A mailbox name that the server said, as it is known everywhere else: in modified UTF-7, whether or not UTF-8 is
    /// spoken on this connection. A name that is no UTF-8 stays as it came.
    pub(super) fn wire_name(&self, said: Vec<u8>) -> Vec<u8> {
        match String::from_utf8(said) {
            Ok(name) if self.dialect().utf8 => utf7::encode(&name).into_bytes(),
            Ok(name) => name.into_bytes(),
            Err(odd) => odd.into_bytes(),
        }
    }

    /// Marks the stream as in use; what is not ended by success stays marked.
    pub(super) fn begin(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(RemoteError::Offline("this connection was given up in the middle of a command".into()));
        }
        self.run_until = Instant::now() + self.deadlines.run;
        (self.responses, self.octets) = (0, 0);
        Ok(())
    }

    /// More is likely to be read soon.
    pub(super) fn linger(&mut self) {
        self.lingers_until = Instant::now() + self.deadlines.linger;
    }

    pub(super) fn end(&mut self) {
        self.broken = false;
    }

    pub(super) fn new_tag(&mut self) -> Vec<u8> {
        self.next_tag += 1;
        format!("p{}", self.next_tag).into_bytes()
    }

    /// The tag of the command after `ahead` others.
    pub(super) fn tag_ahead(&self, ahead: usize) -> Vec<u8> {
        format!("p{}", self.next_tag as usize + 1 + ahead).into_bytes()
    }

    /// Much is about to come: compressed from here on, where that was asked for and the server has it (RFC 4978). What the server says
    /// behind its OK is compressed already.
    pub(super) async fn compress(&mut self) -> Result<()> {
        let may_begin = self.compression.load(Ordering::Relaxed) && self.caps.compress();
        if !may_begin || self.stream.is_compressed() {
            return Ok(());
        }
        let done = self.run_one(Command::new("COMPRESS DEFLATE"), |_, _| false).await?;
        if done.is_ok() {
            let came = self.framer.take_rest();
            self.stream.compress(came);
        } else {
            self.caps.deny(COMPRESS);
        }
        Ok(())
    }

    /// Octets that came and belong to no response read so far.
    pub(super) fn buffered(&self) -> usize {
        self.framer.buffered()
    }

    /// More than any honest answer tells of.
    pub(super) fn most_messages(&self) -> u64 {
        SPARE_RESPONSES + 4 * self.selected.as_ref().map_or(0, |selected| u64::from(selected.exists))
    }

    async fn send<F>(&mut self, command: &Command, out: &mut Vec<u8>, pending: &mut Pending, on: &mut F) -> Result<()>
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        let tag = self.new_tag();
        self.trace_command(&tag, command);
        out.extend_from_slice(&tag);
        out.push(b' ');
        pending.push(tag);
        for (index, segment) in command.segments().iter().enumerate() {
            if index > 0 {
                self.write(out).await?;
                out.clear();
                if !self.may_continue(pending, on).await? {
                    return Ok(());
                }
            }
            out.extend_from_slice(segment);
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Waits for "+"; false where the newest command was refused instead.
    async fn may_continue<F>(&mut self, pending: &mut Pending, on: &mut F) -> Result<bool>
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        loop {
            if self.step(pending, on).await? {
                return Ok(true);
            }
            if pending.is_newest_done() {
                return Ok(false);
            }
        }
    }

    /// Reads and sorts one response; true for "+".
    async fn step<F>(&mut self, pending: &mut Pending, on: &mut F) -> Result<bool>
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        let frame = self.frame(self.deadlines.reply).await?;
        match response(&frame.bytes) {
            Response::Continue(_) => return Ok(true),
            Response::Status(status) if status.tag.is_some() => {
                self.note_code(&status);
                pending.complete(status)?;
            }
            Response::Status(status) if status.outcome == Outcome::Bye => return Err(bye(&status)),
            other => self.untagged(other, frame.too_deep, on),
        }
        Ok(false)
    }

    pub(super) fn untagged<F>(&mut self, response: Response<'_>, too_deep: bool, on: &mut F)
    where
        F: FnMut(Response<'_>, bool) -> bool + Send,
    {
        let mut change = false;
        match &response {
            Response::Status(status) => self.note_code(status),
            Response::Capability(words) => self.caps.learn(words.iter().cloned()),
            Response::Enabled(words) => {
                let asked = self.asked.iter().filter(|word| words.iter().any(|told| told == *word));
                self.enabled.extend(asked);
            }
            Response::Expunge(_) if self.own_expunges > 0 => self.own_expunges -= 1,
            Response::Vanished { earlier: false, uids } => {
                change = uids.len() > self.own_expunges;
                self.own_expunges = self.own_expunges.saturating_sub(uids.len());
            }
            Response::Exists(_) | Response::Expunge(_) | Response::Fetch(_) => change = true,
            Response::Unknown => {
                self.unreadable += 1;
                tracing::debug!(account = self.account, total = self.unreadable, "a response that can't be understood was left out");
            }
            _ => {}
        }
        match (&response, &mut self.selected) {
            (Response::Exists(count), Some(selected)) => {
                selected.grew |= *count > selected.exists;
                selected.exists = *count;
            }
            (Response::Vanished { earlier: false, uids }, Some(selected)) => {
                selected.exists = selected.exists.saturating_sub(u32::try_from(uids.len()).unwrap_or(u32::MAX));
            }
            (Response::Flags(words), Some(selected)) => selected.flags.clone_from(words),
            (Response::Expunge(_), Some(selected)) => selected.exists = selected.exists.saturating_sub(1),
            _ => {}
        }
        let news = if self.notified == Notified::All { self.news(&response) } else { None };
        if on(response, too_deep) {
            return;
        }
        self.changed |= change;
        if let Some(name) = news {
            self.elsewhere.note(name);
        }
    }

    /// What NOTIFY tells of other mailboxes: which changed, or None where that does not say it all.
    fn news(&self, response: &Response<'_>) -> Option<Option<String>> {
        match response {
            Response::StatusOf(status) => {
                let name = String::from_utf8(self.wire_name(status.name.clone())).ok()?;
                let is_open = self.selected.as_ref().is_some_and(|selected| selected.wire_name == name);
                (!is_open).then_some(Some(name))
            }
            Response::List(_) => Some(None),
            _ => None,
        }
    }

    fn note_code(&mut self, status: &Status<'_>) {
        match status.code.as_str() {
            "CAPABILITY" => self.caps.learn(status.argument.split_ascii_whitespace().map(str::to_owned)),
            // with a refusal it is told as the reason of what failed
            "ALERT" if status.outcome != Outcome::No && status.outcome != Outcome::Bad => {
                self.alert = Some(status.text.chars().take(ALERT).collect())
            }
            "NOTIFICATIONOVERFLOW" if self.notified == Notified::All => {
                self.notified = Notified::Overflowed;
                self.elsewhere.note(None);
            }
            "UIDVALIDITY" => self.note_validity(&status.argument),
            _ => {}
        }
    }

    /// The next response, within a deadline that is renewed by progress.
    pub(super) async fn frame(&mut self, patience: Duration) -> Result<Frame> {
        let mut until = Instant::now() + patience;
        let mut got = 0;
        loop {
            match self.framer.next_frame() {
                Ok(Some(frame)) => {
                    self.trace_frame(&frame);
                    self.responses += 1;
                    self.octets += frame.bytes.len();
                    if self.responses > self.most_messages() || self.octets > MOST_OCTETS {
                        return Err(RemoteError::Protocol("the server answers without end".into()));
                    }
                    return Ok(frame);
                }
                Ok(None) => {}
                Err(error) => return Err(RemoteError::Protocol(format!("the server sent {error}"))),
            }
            self.read.clear();
            let read = timeout_at(until.min(self.run_until), self.stream.read_buf(&mut self.read)).await;
            let read = read.map_err(|_| {
                RemoteError::Offline(format!("the server did not answer within {} seconds", patience.min(self.deadlines.run).as_secs()))
            })?;
            match read {
                Ok(0) => return Err(RemoteError::Offline("the server closed the connection".into())),
                Ok(count) => {
                    got += count;
                    self.run_until += self.deadlines.reply * u32::try_from(count).unwrap_or(1) / PROGRESS as u32;
                }
                Err(error) if deflate::is_bomb(&error) => {
                    self.compression.store(false, Ordering::Relaxed);
                    return Err(RemoteError::Protocol(format!("the server sent {error}")));
                }
                Err(error) => return Err(RemoteError::Offline(format!("the connection broke: {error}"))),
            }
            self.framer.feed(&self.read);
            if got >= PROGRESS {
                got = 0;
                until = Instant::now() + patience;
            }
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let broke = |error: std::io::Error| RemoteError::Offline(format!("the connection broke: {error}"));
        for chunk in bytes.chunks(READ) {
            let written = timeout(self.deadlines.reply, self.stream.write_all(chunk)).await;
            written.map_err(|_| RemoteError::Offline("the server takes nothing more".into()))?.map_err(broke)?;
        }
        let flushed = timeout(self.deadlines.reply, self.stream.flush()).await;
        flushed.map_err(|_| RemoteError::Offline("the server takes nothing more".into()))?.map_err(broke)
    }

    fn trace_command(&self, tag: &[u8], command: &Command) {
        if self.trace.is_some() {
            let shown: Vec<u8> = if command.is_secret() {
                [command.name(), b" [secret]"].concat()
            } else {
                // Literal data is mail; the line around it is the dialogue.
                command
                    .segments()
                    .first()
                    .map(|first| first.split(|byte| *byte == b'\n').next().unwrap_or_default().to_vec())
                    .unwrap_or_default()
            };
            self.trace_line('C', &[tag, b" ", &shown].concat());
        }
    }

    fn trace_frame(&self, frame: &Frame) {
        if self.trace.is_some() {
            let mut line = Vec::new();
            let mut at = 0;
            for literal in &frame.literals {
                line.extend_from_slice(frame.bytes.get(at..literal.start).unwrap_or_default().trim_ascii_end());
                line.extend_from_slice(b"...");
                at = literal.end;
            }
            line.extend_from_slice(frame.bytes.get(at..).unwrap_or_default());
            self.trace_line('S', &line);
        }
    }

    pub(super) fn trace_line(&self, from: char, line: &[u8]) {
        if let Some(trace) = &self.trace {
            trace.line(&self.account, from, line);
        }
    }
}

/// Commands on their way, in order.
#[derive(Debug, Default)]
struct Pending {
    commands: Vec<(Vec<u8>, Option<Done>)>,
}

impl Pending {
    fn push(&mut self, tag: Vec<u8>) {
        self.commands.push((tag, None));
    }

    fn len(&self) -> usize {
        self.commands.len()
    }

    fn is_complete(&self) -> bool {
        self.commands.iter().all(|(_, done)| done.is_some())
    }

    fn is_newest_done(&self) -> bool {
        self.commands.last().is_none_or(|(_, done)| done.is_some())
    }

    fn is_first_refused(&self) -> bool {
        self.commands.first().and_then(|(_, done)| done.as_ref()).is_some_and(|done| !done.is_ok())
    }

    fn complete(&mut self, status: Status<'_>) -> Result<()> {
        let ours = self.commands.iter_mut().find(|(tag, done)| done.is_none() && Some(tag.as_slice()) == status.tag);
        match ours {
            Some((_, done)) => *done = Some(status.into()),
            None => return Err(RemoteError::Protocol("the server answered a command that was not given".into())),
        }
        Ok(())
    }

    fn done(self) -> Vec<Done> {
        self.commands.into_iter().filter_map(|(_, done)| done).collect()
    }
}
