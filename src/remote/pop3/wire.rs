//! The wire of one connection: commands out, bounded lines and long answers in, deadlines, the trace. Knows
//! nothing of what commands mean.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::Deadlines;
use super::reply::Answer;
use super::unstuff::{Ends, Unstuff};
use crate::remote::net::{Stream, Trace};
use crate::remote::{RemoteError, Result};

/// Fewer octets than this in one reply deadline is as good as silence.
const PROGRESS: usize = 4096;
/// Octets of one line.
const MAX_LINE: usize = 64 * 1024;
const READ: usize = 64 * 1024;
/// What a trace shows of a long answer; the rest of a listing is more of the same.
const TRACED_LINES: usize = 100;

#[derive(Debug)]
pub(super) struct Wire {
    account: String,
    stream: Stream,
    buffer: Vec<u8>,
    /// First octet not yet given out.
    start: usize,
    /// Answers that are still to come.
    owed: usize,
    /// A call was begun and not finished: cancelled or broken, the stream is out of step.
    broken: bool,
    deadlines: Deadlines,
    until: Instant,
    got: usize,
    trace: Option<Trace>,
}

impl Wire {
    pub fn new(account: &str, stream: Stream, deadlines: Deadlines, trace: Option<Trace>) -> Self {
        Self {
            account: account.to_owned(),
            stream,
            buffer: Vec::with_capacity(READ),
            start: 0,
            owed: 0,
            broken: false,
            deadlines,
            until: Instant::now(),
            got: 0,
            trace,
        }
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    pub fn into_stream(self) -> Stream {
        self.stream
    }

    /// Octets that came and belong to nothing read so far.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Sends commands in one write; each is answered later.
    pub async fn send<T: AsRef<str>>(&mut self, commands: &[T]) -> Result<()> {
        commands.iter().for_each(|command| self.trace_line('C', command.as_ref().as_bytes()));
        let all: String = commands.iter().flat_map(|command| [command.as_ref(), "\r\n"]).collect();
        self.begin()?;
        if self.owed == 0 && self.buffered() > 0 {
            return Err(RemoteError::Protocol("the server spoke without being asked, so no answer can be trusted".into()));
        }
        self.owed += commands.len();
        self.write(all.as_bytes()).await?;
        self.broken = false;
        Ok(())
    }

    /// Sends a line that holds a secret; the trace shows `shown` instead.
    pub async fn send_secret(&mut self, shown: &str, line: &str) -> Result<()> {
        self.trace_line('C', format!("{shown} [secret]").as_bytes());
        self.begin()?;
        self.owed += 1;
        self.write(line.as_bytes()).await?;
        self.write(b"\r\n").await?;
        self.broken = false;
        Ok(())
    }

    /// The greeting: an answer to nothing.
    pub async fn greeting(&mut self) -> Result<Answer> {
        self.owed = 1;
        self.read_answer(self.deadlines.greeting).await
    }

    /// The first line of the next answer.
    pub async fn answer(&mut self) -> Result<Answer> {
        self.read_answer(self.deadlines.reply).await
    }

    async fn read_answer(&mut self, patience: Duration) -> Result<Answer> {
        self.begin()?;
        self.patience(patience);
        let mut looked = 0;
        let end = loop {
            let rest = self.buffer.get(self.start + looked..).unwrap_or_default();
            if let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
                break self.start + looked + end;
            }
            looked += rest.len();
            if looked > MAX_LINE {
                return Err(RemoteError::Protocol("the server sent a line without end".into()));
            }
            self.fill().await?;
        };
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let answer = Answer::parse(line);
        if let Some(trace) = &self.trace {
            trace.line(&self.account, 'S', line);
        }
        self.start = end + 1;
        self.owed = self.owed.saturating_sub(1);
        self.broken = false;
        answer.ok_or_else(|| RemoteError::Protocol("the server answers as no POP3 server does".into()))
    }

    /// Adds what is here of a long answer, or what comes next of it, to `out`; true at its end.
    pub async fn data(&mut self, unstuff: &mut Unstuff, out: &mut Vec<u8>) -> Result<bool> {
        self.begin()?;
        if self.buffered() == 0 {
            self.fill().await?;
        }
        let (taken, ended) = unstuff.feed(self.buffer.get(self.start..).unwrap_or_default(), out);
        self.start += taken;
        self.broken = false;
        Ok(ended)
    }

    /// Gives every line of a long answer, without its end.
    pub async fn lines(&mut self, mut on: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (mut unstuff, mut text, mut count) = (Unstuff::new(Ends::Lf), Vec::new(), 0);
        loop {
            let ended = self.data(&mut unstuff, &mut text).await?;
            let mut at = 0;
            while let Some(end) = text.get(at..).and_then(|rest| rest.iter().position(|octet| *octet == b'\n')) {
                let line = text.get(at..at + end).unwrap_or_default().trim_ascii_end();
                if count < TRACED_LINES {
                    self.trace_line('S', line);
                }
                count += 1;
                on(line)?;
                at += end + 1;
            }
            text.drain(..at);
            if text.len() > MAX_LINE {
                return Err(RemoteError::Protocol("the server sent a line without end".into()));
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// Marks the stream as in use; what is not ended by success stays marked.
    fn begin(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(RemoteError::Offline("this connection was given up in the middle of a command".into()));
        }
        Ok(())
    }

    fn patience(&mut self, patience: Duration) {
        self.until = Instant::now() + patience;
        self.got = 0;
    }

    /// Reads more, within a deadline that is renewed by progress.
    async fn fill(&mut self) -> Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.reserve(READ);
        let read = timeout_at(self.until, self.stream.read_buf(&mut self.buffer)).await;
        let read = read.map_err(|_| {
            let seconds = self.deadlines.reply.as_secs();
            RemoteError::Offline(format!("the server did not answer within {seconds} seconds"))
        })?;
        match read {
            Ok(0) => Err(RemoteError::Offline("the server closed the connection".into())),
            Ok(count) => {
                self.got += count;
                if self.got >= PROGRESS {
                    self.patience(self.deadlines.reply);
                }
                Ok(())
            }
            Err(error) => Err(RemoteError::Offline(format!("the connection broke: {error}"))),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let work = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(self.deadlines.reply, work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(RemoteError::Offline(format!("the connection broke: {error}"))),
            Err(_) => Err(RemoteError::Offline("the server takes nothing more".into())),
        }
    }

    fn trace_line(&self, from: char, line: &[u8]) {
        if let Some(trace) = &self.trace {
            trace.line(&self.account, from, line);
        }
    }
}
