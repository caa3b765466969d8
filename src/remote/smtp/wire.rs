//! One connection: commands out, replies in, each within a deadline, both in the trace. Knows nothing of what
//! commands mean. Failures are sentences; whether they mean "later" or "unknown" is for the caller.

use std::fmt::Display;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use lettre::transport::smtp::response::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use super::reply::{Framer, words};
use crate::remote::net::{Stream, Trace};

/// How long to wait for the server, no less than RFC 5321 4.5.3.2 asks for.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    pub greeting: Duration,
    /// EHLO, STARTTLS, AUTH, MAIL and RCPT, each.
    pub command: Duration,
    /// From DATA to its 354.
    pub data: Duration,
    /// Until a piece of the message is taken.
    pub block: Duration,
    /// The answer to the end of data: the server may deliver or scan the message meanwhile.
    pub end: Duration,
    pub goodbye: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            greeting: Duration::from_secs(300),
            command: Duration::from_secs(300),
            data: Duration::from_secs(120),
            block: Duration::from_secs(180),
            end: Duration::from_secs(600),
            goodbye: Duration::from_secs(2),
        }
    }
}

impl Deadlines {
    /// For a user who waits: trying an account.
    pub fn short() -> Self {
        let short = Duration::from_secs(30);
        Self { greeting: short, command: short, ..Self::default() }
    }
}

/// Long enough for what already came to be seen, too short to be noticed.
const GLANCE: Duration = Duration::from_millis(1);
/// Shorter secrets are not looked for in what the server says: they would be found in anything.
const MIN_MASKED: usize = 4;

/// What the server said or did without being asked.
#[derive(Debug)]
pub enum Unasked {
    Reply(Response),
    /// It left, or what it says can't be read.
    Broken(String),
}

#[derive(Debug)]
pub struct Wire {
    account: String,
    pub(super) stream: Stream,
    framer: Framer,
    read: Vec<u8>,
    trace: Option<Trace>,
    /// Never traced and never quoted, should a server repeat it.
    masked: Secrets,
}

/// Texts that must not be shown.
#[derive(Default)]
struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    fn out_of(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[secret]"))
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Wire {
    pub fn new(account: &str, stream: Stream, trace: Option<Trace>) -> Self {
        Self {
            account: account.to_owned(),
            stream,
            framer: Framer::default(),
            read: Vec::with_capacity(4096),
            trace,
            masked: Secrets::default(),
        }
    }

    /// From here on this text is masked.
    pub fn mask(&mut self, secret: Zeroizing<String>) {
        if secret.len() >= MIN_MASKED {
            self.masked.0.push(secret);
        }
    }

    /// Octets came that no question asked for.
    pub fn has_more(&self) -> bool {
        self.framer.has_more()
    }

    /// Sends a command (with its CRLF) and reads the reply.
    pub async fn ask(&mut self, command: impl Display, patience: Duration) -> Result<Response, String> {
        self.tell(&[command.to_string()], patience).await?;
        self.reply(patience).await
    }

    /// The same with a line that is not to be shown: `shown` is traced in its place. `line` has no CRLF.
    pub async fn ask_secretly(&mut self, line: &str, shown: &str, patience: Duration) -> Result<Response, String> {
        self.in_step()?;
        self.trace_line('C', shown.as_bytes());
        let line = Zeroizing::new([line.as_bytes(), b"\r\n"].concat());
        self.write(&line, patience).await?;
        self.reply(patience).await
    }

    /// Sends commands in one write; their replies are to be read one by one.
    pub async fn tell(&mut self, commands: &[String], patience: Duration) -> Result<(), String> {
        self.in_step()?;
        for command in commands {
            self.trace_line('C', command.as_bytes());
        }
        self.write(commands.concat().as_bytes(), patience).await
    }

    /// A server that answers before it is asked is not believed any more (354 twice, an early 250).
    fn in_step(&mut self) -> Result<(), String> {
        if !self.framer.has_more() {
            return Ok(());
        }
        match self.next_reply()? {
            Some(reply) => Err(format!("the server spoke out of turn: {}", words(&reply))),
            None => Err("the server spoke out of turn".to_owned()),
        }
    }

    /// The next reply, all of it within the deadline.
    pub async fn reply(&mut self, patience: Duration) -> Result<Response, String> {
        let until = Instant::now() + patience;
        loop {
            if let Some(reply) = self.next_reply()? {
                return Ok(reply);
            }
            match timeout_at(until, self.fill()).await {
                Err(_) => return Err(format!("the server did not answer within {} seconds", patience.as_secs())),
                Ok(filled) => filled?,
            }
        }
    }

    async fn fill(&mut self) -> Result<(), String> {
        self.read.clear();
        match self.stream.read_buf(&mut self.read).await {
            Ok(0) => Err("the server closed the connection".to_owned()),
            Ok(_) => {
                self.framer.feed(&self.read);
                Ok(())
            }
            Err(error) => Err(format!("the connection broke: {error}")),
        }
    }

    /// What the server has said by now without being asked.
    pub async fn unasked(&mut self) -> Option<Unasked> {
        loop {
            match self.next_reply() {
                Ok(Some(reply)) => return Some(Unasked::Reply(reply)),
                Ok(None) => {}
                Err(why) => return Some(Unasked::Broken(why)),
            }
            match timeout(GLANCE, self.fill()).await {
                Err(_) if self.framer.has_more() => return Some(Unasked::Broken("the server spoke out of turn".to_owned())),
                Err(_) => return None,
                Ok(Err(why)) => return Some(Unasked::Broken(why)),
                Ok(Ok(())) => {}
            }
        }
    }

    /// Writes a piece of the message; not traced. Ends early where the server speaks meanwhile: who does not want
    /// a message may say so and read no more of it. [`Wire::unasked`] tells what it said.
    pub async fn write_watching(&mut self, bytes: &[u8], patience: Duration) -> Result<(), String> {
        const SPOKE: &str = "the server spoke before the message had ended";
        if self.framer.has_more() {
            return Err(SPOKE.to_owned());
        }
        let mut rest = bytes;
        let (stream, framer) = (&mut self.stream, &mut self.framer);
        let all = poll_fn(|context| {
            while !rest.is_empty() {
                match Pin::new(&mut *stream).poll_write(context, rest) {
                    Poll::Ready(Ok(count)) if count > 0 => rest = rest.get(count..).unwrap_or_default(),
                    Poll::Ready(Ok(_)) => return Poll::Ready(Err("the connection broke".to_owned())),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(format!("the connection broke: {error}"))),
                    Poll::Pending => {
                        let mut space = [0; 512];
                        let mut read = ReadBuf::new(&mut space);
                        return match Pin::new(&mut *stream).poll_read(context, &mut read) {
                            Poll::Pending => Poll::Pending,
                            Poll::Ready(Err(error)) => Poll::Ready(Err(format!("the connection broke: {error}"))),
                            Poll::Ready(Ok(())) if read.filled().is_empty() => {
                                Poll::Ready(Err("the server closed the connection".to_owned()))
                            }
                            Poll::Ready(Ok(())) => {
                                framer.feed(read.filled());
                                Poll::Ready(Err(SPOKE.to_owned()))
                            }
                        };
                    }
                }
            }
            Poll::Ready(Ok(()))
        });
        timeout(patience, all).await.map_err(|_| "the server takes nothing more".to_owned())??;
        self.write(b"", patience).await
    }

    /// Writes and flushes.
    async fn write(&mut self, bytes: &[u8], patience: Duration) -> Result<(), String> {
        let all = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        let written = timeout(patience, all).await.map_err(|_| "the server takes nothing more".to_owned())?;
        written.map_err(|error| format!("the connection broke: {error}"))
    }

    pub fn trace_line(&self, from: char, line: &[u8]) {
        if let Some(trace) = &self.trace {
            trace.line(&self.account, from, line);
        }
    }

    /// Sends the one line that ends a message.
    pub async fn end(&mut self, patience: Duration) -> Result<(), String> {
        self.trace_line('C', b".");
        self.write(b".\r\n", patience).await
    }

    /// The next reply that is here, masked and traced.
    fn next_reply(&mut self) -> Result<Option<Response>, String> {
        let reply = match self.framer.next_reply() {
            Ok(Some(reply)) => Response::new(reply.code(), reply.message().map(|line| self.masked.out_of(line)).collect()),
            Ok(None) => return Ok(None),
            Err(error) => {
                let why = self.masked.out_of(&format!("the server sent {error}"));
                self.trace_line('S', why.as_bytes());
                return Err(why);
            }
        };
        let last = reply.message().count().saturating_sub(1);
        for (index, line) in reply.message().enumerate() {
            let mark = if index == last { ' ' } else { '-' };
            self.trace_line('S', format!("{}{mark}{line}", reply.code()).as_bytes());
        }
        Ok(Some(reply))
    }
}
