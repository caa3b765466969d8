//! POP3 (RFC 1939, 2449, 2595, 5034): signing in, listing, bringing messages byte for byte, deleting. Owns the
//! protocol; must not know what is kept, where, or for how long.
//!
//! ```text
//! bytes -> wire (bounds, deadlines) -> unstuff (where a message ends) | reply (+OK, -ERR) | listing
//! signin (greeting, STLS, CAPA, AUTH)  <- this file: an account, and what a session can be asked
//! ```
//!
//! Nothing is deleted before [`Session::quit`]: a session that ends otherwise changes nothing on the server.

pub mod caps;
pub mod identity;
pub mod listing;
pub mod reply;
mod signin;
pub mod unstuff;
mod wire;

use std::time::Duration;

use self::caps::Caps;
pub use self::listing::{Entry, Listing};
use self::listing::{Lines, Sizes, UniqueIds};
use self::reply::{Answer, Refusal};
use self::unstuff::{Ends, Unstuff};
use self::wire::Wire;
use super::auth::Secrets;
use super::net::{Connector, Dial, Trace};
use super::{RemoteError, Result};
use crate::config::{Secret, Server};

/// Octets of the largest message that is fetched: what is larger is a mistake or an attack.
pub const MAX_MESSAGE: u64 = 1 << 30;
/// Octets of header that TOP may send.
const MAX_HEADER: u64 = 4 << 20;
/// Commands that travel in one write where the server takes them.
const TOGETHER: usize = 64;

/// How long to wait for the server.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    pub greeting: Duration,
    /// For the next line, or for some progress of a long answer.
    pub reply: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { greeting: Duration::from_secs(30), reply: Duration::from_secs(60) }
    }
}

/// One maildrop on a POP3 server; connects as often as it is asked to.
#[derive(Debug)]
pub struct Account {
    name: String,
    server: Server,
    secrets: Secrets,
    connector: Connector,
    deadlines: Deadlines,
    trace: Option<Trace>,
}

impl Account {
    /// `name` is the configuration's name of the account, for sentences and traces.
    pub fn new(name: impl Into<String>, server: Server) -> Self {
        let name = name.into();
        Self {
            secrets: Secrets::new(&name, server.credentials.clone()),
            connector: Connector::to(&server),
            name,
            server,
            deadlines: Deadlines::default(),
            trace: None,
        }
    }

    /// Writes the dialogue, credentials masked and mail left out, to a trace.
    #[must_use]
    pub fn with_trace(mut self, trace: Option<Trace>) -> Self {
        self.trace = trace;
        self
    }

    /// Other deadlines, for tests and slow lines.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server and whose maildrop it is.
    pub fn server(&self) -> &Server {
        &self.server
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

    /// Connects and signs in.
    ///
    /// # Errors
    /// Why not, sorted by what to do about it.
    pub async fn connect(&self) -> Result<Session> {
        // An access token that was kept may only have expired; a password is never tried twice in a row.
        let old_token = self.secrets.holds_token();
        match signin::connect(self).await {
            Err(RemoteError::BadLogin(_)) if old_token => signin::connect(self).await,
            other => other,
        }
    }
}

/// How a command about one message ended: done, or refused for that message alone.
pub type Each<T> = std::result::Result<T, Refusal>;

/// A signed-in connection.
#[derive(Debug)]
pub struct Session {
    wire: Wire,
    caps: Caps,
    /// A message is being read: its end and its bound.
    reading: Option<(Unstuff, u64)>,
}

impl Session {
    fn new(wire: Wire, caps: Caps) -> Self {
        Self { wire, caps, reading: None }
    }

    /// What the server said it can do; nothing where it does not know CAPA.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// How many messages there are, and their octets in all (STAT).
    ///
    /// # Errors
    /// The connection ended, or the server refuses.
    pub async fn stat(&mut self) -> Result<(u32, u64)> {
        let text = self.one("STAT").await?.check("to count its mail")?;
        let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(count)), Some(Ok(octets))) if count <= u64::from(u32::MAX) => Ok((count as u32, octets)),
            _ => Err(RemoteError::Protocol("the server's count of its mail can't be read".into())),
        }
    }

    /// Every message with its size and, where the server has them, its unique-id (STAT, LIST, UIDL).
    ///
    /// # Errors
    /// The connection ended, the server refuses, or the answers contradict each other.
    pub async fn list(&mut self) -> Result<Listing> {
        let (count, _) = self.stat().await?;
        let mut sizes = Sizes::default();
        self.lines("LIST", &mut sizes).await?.map_err(|refusal| refusal.into_error("to list its mail"))?;
        let mut ids = UniqueIds::default();
        let has_ids = match self.lines("UIDL", &mut ids).await? {
            Ok(()) => true,
            // without UIDL the server is one of the oldest; refusing for now is something else
            Err(refusal) if refusal.is_temporary() => return Err(refusal.into_error("to list its mail")),
            Err(_) => false,
        };
        Listing::new(count, sizes, has_ids.then_some(ids))
    }

    /// The header of a message (TOP), bounded.
    ///
    /// # Errors
    /// The connection ended. A refusal of TOP is in the answer.
    pub async fn top(&mut self, number: u32) -> Result<Each<Vec<u8>>> {
        if let Answer::No(refusal) = self.one(&format!("TOP {number} 0")).await? {
            return Ok(Err(refusal));
        }
        let mut header = Vec::new();
        self.begin_data(MAX_HEADER);
        while self.data(&mut header).await? {}
        Ok(Ok(header))
    }

    /// Asks for these messages in one write where the server takes that; [`Session::next_message`] and
    /// [`Session::data`] then read each in this order. Where it does not, only the first is asked for.
    /// Answers how many were.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn ask(&mut self, numbers: &[u32]) -> Result<usize> {
        let count = if self.caps.pipelining() { numbers.len().min(TOGETHER) } else { numbers.len().min(1) };
        let commands: Vec<String> = numbers.iter().take(count).map(|number| format!("RETR {number}")).collect();
        self.wire.send(&commands).await?;
        Ok(count)
    }

    /// The first line of the answer to the next message asked for: it comes, or is refused alone.
    ///
    /// # Errors
    /// The connection ended.
    pub async fn next_message(&mut self) -> Result<Each<()>> {
        match self.wire.answer().await? {
            Answer::Ok(_) => {
                self.begin_data(MAX_MESSAGE);
                Ok(Ok(()))
            }
            Answer::No(refusal) => Ok(Err(refusal)),
            Answer::Continue => Err(RemoteError::Protocol("the server asks back where it should give a message".into())),
        }
    }

    /// Adds what came of the message to `out`; false once its end was seen. A message without its end is an error.
    ///
    /// # Errors
    /// The connection ended, or the message is larger than any may be.
    pub async fn data(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let Some((unstuff, left)) = &mut self.reading else { return Ok(false) };
        let before = out.len();
        let ended = self.wire.data(unstuff, out).await?;
        *left = match left.checked_sub((out.len() - before) as u64) {
            Some(left) => left,
            None => return Err(RemoteError::Protocol("the server sends a message without end".into())),
        };
        if ended {
            self.reading = None;
        }
        Ok(!ended)
    }

    fn begin_data(&mut self, limit: u64) {
        self.reading = Some((Unstuff::new(Ends::Crlf), limit));
    }

    /// Marks these messages as deleted (DELE), the highest number first, so that a server that renumbers at once
    /// deletes no other one. Answers the numbers that were refused.
    ///
    /// # Errors
    /// The connection ended; then nothing is deleted.
    pub async fn delete(&mut self, numbers: &[u32]) -> Result<Vec<(u32, Refusal)>> {
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        let together = if self.caps.pipelining() { TOGETHER } else { 1 };
        let mut refused = Vec::new();
        for chunk in numbers.chunks(together) {
            let commands: Vec<String> = chunk.iter().map(|number| format!("DELE {number}")).collect();
            self.wire.send(&commands).await?;
            for number in chunk {
                if let Answer::No(refusal) = self.wire.answer().await? {
                    refused.push((*number, refusal));
                }
            }
        }
        Ok(refused)
    }

    /// Takes back every mark of this session (RSET).
    ///
    /// # Errors
    /// The connection ended, or the server refuses.
    pub async fn reset(&mut self) -> Result<()> {
        self.one("RSET").await?.check("to take back deletions").map(drop)
    }

    /// Makes sure that both sides are in step: what was read before ended where the server meant it to.
    ///
    /// # Errors
    /// They are not, or the connection ended.
    pub async fn noop(&mut self) -> Result<()> {
        self.one("NOOP").await.map(drop)
    }

    /// Commits the deletions and ends. An error means that they may or may not have happened.
    ///
    /// # Errors
    /// The answer did not come, or the server says that not all were deleted.
    pub async fn quit(mut self) -> Result<()> {
        self.one("QUIT").await?.check("to end the session cleanly").map(drop)
    }

    async fn one(&mut self, command: &str) -> Result<Answer> {
        self.wire.send(&[command]).await?;
        match self.wire.answer().await? {
            Answer::Continue => Err(RemoteError::Protocol(format!("the server asks back on {command}"))),
            answer => Ok(answer),
        }
    }

    /// A command with an answer of many lines.
    async fn lines(&mut self, command: &str, into: &mut impl Lines) -> Result<Each<()>> {
        if let Answer::No(refusal) = self.one(command).await? {
            return Ok(Err(refusal));
        }
        self.wire.lines(|line| into.line(line)).await?;
        Ok(Ok(()))
    }
}
