//! An SMTP server that does what its script says: the whole dialogue with STARTTLS and AUTH, and at any of
//! its eight steps a refusal, a cut, silence or nonsense. Remembers what it heard and which messages it took.
//! Blocking threads, so that tests of every kind can use it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Where something can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// The answer to the end of data.
    End,
}

pub const STEPS: [Step; 8] = [Step::Greeting, Step::Ehlo, Step::StartTls, Step::Auth, Step::Mail, Step::Rcpt, Step::Data, Step::End];

/// What goes wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This instead of the usual answer; several lines are joined with CRLF. At the end of data the message
    /// is taken if it begins with 2.
    Say(String),
    /// The connection ends without an answer; at the end of data the message is not taken.
    Cut,
    /// Nothing more is said until the client leaves; at the end of data the message is not taken.
    Silence,
    /// This, and then nothing is read any more.
    SayThenStop(String),
    /// Only at the end of data: the message is taken, and the connection ends without an answer.
    TakeThenCut,
    /// Only at the end of data: the message is taken, and nothing more is said.
    TakeThenSilence,
}

impl Fault {
    pub fn say(text: &str) -> Self {
        Fault::Say(text.to_owned())
    }
}

/// How the server behaves towards connections made from now on.
#[derive(Clone)]
pub struct Script {
    /// Lines of the answer to EHLO after the first. STARTTLS is told beside them where `tls` is given.
    pub ehlo: Vec<String>,
    pub faults: Vec<(Step, Fault)>,
    /// Answers to RCPT by address; everybody else is welcome.
    pub recipients: Vec<(String, String)>,
    /// Whom AUTH takes; the password is the token of XOAUTH2 and OAUTHBEARER too.
    pub user: String,
    pub password: String,
    /// For STARTTLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// TLS from the first byte instead.
    pub implicit_tls: bool,
    /// The connection ends after so many octets from the client (of the plain stream).
    pub reads: Option<usize>,
    /// The connection ends after so many octets to the client.
    pub writes: Option<usize>,
    /// How it ends there.
    pub end: End,
}

/// How a connection ends after so many octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    #[default]
    Orderly,
    Reset,
    /// Nothing more is said or taken until the client leaves.
    Silence,
}

impl Default for Script {
    fn default() -> Self {
        let ehlo = ["SIZE 1000000", "8BITMIME", "PIPELINING", "DSN", "AUTH PLAIN LOGIN"];
        Self {
            ehlo: ehlo.iter().map(|line| (*line).to_owned()).collect(),
            faults: Vec::new(),
            recipients: Vec::new(),
            user: "ada".to_owned(),
            password: "correct-horse-7".to_owned(),
            tls: None,
            implicit_tls: false,
            reads: None,
            writes: None,
            end: End::default(),
        }
    }
}

impl Script {
    /// With one thing that goes wrong.
    pub fn fault(step: Step, fault: Fault) -> Self {
        Self { faults: vec![(step, fault)], ..Self::default() }
    }

    /// With these lines in the answer to EHLO.
    pub fn offering(lines: &[&str]) -> Self {
        Self { ehlo: lines.iter().map(|line| (*line).to_owned()).collect(), ..Self::default() }
    }
}

/// A message that the server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The argument of MAIL, its parameters included: `FROM:<a@b> SIZE=9`.
    pub mail: String,
    /// The arguments of RCPT that were welcome.
    pub recipients: Vec<String>,
    /// Dots taken out again; ends with CRLF.
    pub data: Vec<u8>,
}

#[derive(Default)]
struct Log {
    heard: Vec<String>,
    taken: Vec<Taken>,
    connections: usize,
    /// Data sections that were begun and came to no end.
    unended: usize,
}

struct Shared {
    script: Mutex<Script>,
    log: Mutex<Log>,
    changed: Condvar,
    stopped: AtomicBool,
}

/// A running server; ends when dropped.
pub struct ScriptedSmtp {
    pub port: u16,
    shared: Arc<Shared>,
}

impl ScriptedSmtp {
    pub fn start(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            log: Mutex::default(),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let server = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if server.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), server) = (stream, server.clone()) else { continue };
                std::thread::spawn(move || server.serve(stream));
            }
        });
        Self { port, shared }
    }

    /// Other behaviour towards new connections.
    pub fn set(&self, script: Script) {
        *lock(&self.shared.script) = script;
    }

    /// Every command line, in order; answers to challenges too, messages not.
    pub fn heard(&self) -> Vec<String> {
        lock(&self.shared.log).heard.clone()
    }

    /// The messages that were taken.
    pub fn taken(&self) -> Vec<Taken> {
        lock(&self.shared.log).taken.clone()
    }

    pub fn connections(&self) -> usize {
        lock(&self.shared.log).connections
    }

    /// Messages of which a part came and no end.
    pub fn unended(&self) -> usize {
        lock(&self.shared.log).unended
    }

    /// Waits until so many messages were taken.
    ///
    /// # Panics
    /// After half a minute.
    pub fn wait_taken(&self, count: usize) -> Vec<Taken> {
        self.wait(|log| log.taken.len() >= count, "messages");
        self.taken()
    }

    /// Waits until a line that starts so was heard.
    ///
    /// # Panics
    /// After half a minute.
    pub fn wait_heard(&self, start: &str) {
        self.wait(|log| log.heard.iter().any(|line| line.starts_with(start)), start);
    }

    fn wait(&self, enough: impl Fn(&Log) -> bool, what: &str) {
        let log = lock(&self.shared.log);
        let (log, timeout) = self
            .shared
            .changed
            .wait_timeout_while(log, Duration::from_secs(30), |log| !enough(log))
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!timeout.timed_out(), "waited for {what}; heard {:?}", log.heard);
    }
}

impl Drop for ScriptedSmtp {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn serve(self: Arc<Self>, stream: TcpStream) {
        self.note(|log| log.connections += 1);
        // many small writes in a row
        let _ = stream.set_nodelay(true);
        let script = lock(&self.script).clone();
        let bounded = Bounded { inner: stream, reads: script.reads, writes: script.writes, end: script.end };
        let mut wire = Wire::Plain(bounded);
        if script.implicit_tls {
            let Some(tls) = script.tls.clone() else { return };
            let Ok(encrypted) = wire.encrypt(tls) else { return };
            wire = encrypted;
        }
        // every error is the end of this connection, and no more than that
        let _ = Dialogue { shared: &self, script, wire: Some(wire), buffer: Vec::new(), mail: None, recipients: Vec::new() }.run();
    }

    fn note(&self, change: impl FnOnce(&mut Log)) {
        change(&mut lock(&self.log));
        self.changed.notify_all();
    }
}

/// A stream that ends after so many octets.
struct Bounded {
    inner: TcpStream,
    reads: Option<usize>,
    writes: Option<usize>,
    end: End,
}

impl Bounded {
    /// No octet is left.
    fn end(&mut self) {
        match self.end {
            End::Orderly => {}
            End::Reset => drop(rustix::net::sockopt::set_socket_linger(&self.inner, Some(Duration::ZERO))),
            End::Silence => drop(io::copy(&mut self.inner, &mut io::sink())),
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.reads.unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 {
            self.end();
            return Ok(0);
        }
        let count = self.inner.read(&mut buffer[..room])?;
        self.reads = self.reads.map(|left| left - count);
        Ok(count)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.writes.unwrap_or(usize::MAX).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            self.end();
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = self.inner.write(&bytes[..room])?;
        self.writes = self.writes.map(|left| left - count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

enum Wire {
    Plain(Bounded),
    Tls(Box<rustls::StreamOwned<rustls::ServerConnection, Bounded>>),
}

impl Wire {
    fn encrypt(self, config: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let Wire::Plain(stream) = self else { return Err(io::ErrorKind::InvalidInput.into()) };
        let connection = rustls::ServerConnection::new(config).map_err(io::Error::other)?;
        Ok(Wire::Tls(Box::new(rustls::StreamOwned::new(connection, stream))))
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(buffer),
            Wire::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(bytes),
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

/// One connection.
struct Dialogue<'a> {
    shared: &'a Shared,
    script: Script,
    wire: Option<Wire>,
    buffer: Vec<u8>,
    mail: Option<String>,
    recipients: Vec<String>,
}

impl Dialogue<'_> {
    fn run(&mut self) -> io::Result<()> {
        self.answer(Step::Greeting, "220 scripted.example ESMTP")?;
        loop {
            let line = self.line()?;
            let upper = line.to_ascii_uppercase();
            let verb = upper.split(' ').next().unwrap_or_default().to_owned();
            match verb.as_str() {
                "EHLO" => {
                    let hello = self.hello();
                    self.answer(Step::Ehlo, &hello)?;
                }
                "HELO" => self.say("250 scripted.example")?,
                "STARTTLS" => self.start_tls()?,
                "AUTH" => self.auth(&line)?,
                "MAIL" => {
                    self.mail = Some(line[5..].to_owned());
                    self.recipients.clear();
                    self.answer(Step::Mail, "250 2.1.0 sender ok")?;
                }
                "RCPT" => self.rcpt(&line)?,
                "DATA" => self.data()?,
                "RSET" | "NOOP" => self.say("250 ok")?,
                "QUIT" => {
                    self.say("221 bye")?;
                    return Ok(());
                }
                _ => self.say("500 what?")?,
            }
        }
    }

    fn hello(&self) -> String {
        let mut lines = vec!["scripted.example greets you".to_owned()];
        lines.extend(self.script.ehlo.iter().cloned());
        if self.script.tls.is_some() && matches!(self.wire, Some(Wire::Plain(_))) {
            lines.push("STARTTLS".to_owned());
        }
        let last = lines.len() - 1;
        let line = |(index, text): (usize, &String)| format!("250{}{text}", if index == last { ' ' } else { '-' });
        lines.iter().enumerate().map(line).collect::<Vec<_>>().join("\r\n")
    }

    fn start_tls(&mut self) -> io::Result<()> {
        self.answer(Step::StartTls, "220 go")?;
        let Some(tls) = self.script.tls.clone() else { return Ok(()) };
        self.buffer.clear();
        self.wire = self.wire.take().map(|wire| wire.encrypt(tls)).transpose()?;
        Ok(())
    }

    fn auth(&mut self, line: &str) -> io::Result<()> {
        let mut words = line.split(' ').skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let initial = words.next().map(str::to_owned);
        let (user, password) = (self.script.user.clone(), self.script.password.clone());
        let good = match mechanism.as_str() {
            "LOGIN" => {
                let name = self.challenge("VXNlcm5hbWU6")?;
                let secret = self.challenge("UGFzc3dvcmQ6")?;
                name == STANDARD.encode(user) && secret == STANDARD.encode(password)
            }
            "PLAIN" | "XOAUTH2" | "OAUTHBEARER" => {
                let answer = match initial {
                    Some(answer) => answer,
                    None => self.challenge("")?,
                };
                let decoded = String::from_utf8(STANDARD.decode(answer).unwrap_or_default()).unwrap_or_default();
                let good = match mechanism.as_str() {
                    "PLAIN" => decoded == format!("\0{user}\0{password}"),
                    "XOAUTH2" => decoded == format!("user={user}\x01auth=Bearer {password}\x01\x01"),
                    _ => decoded == format!("n,a={user},\x01auth=Bearer {password}\x01\x01"),
                };
                if !good && mechanism != "PLAIN" {
                    self.challenge(&STANDARD.encode("{\"status\":\"401\"}"))?;
                }
                good
            }
            _ => return self.say("504 5.5.4 unknown mechanism"),
        };
        self.answer(Step::Auth, if good { "235 2.7.0 welcome" } else { "535 5.7.8 Authentication failed" })
    }

    fn challenge(&mut self, text: &str) -> io::Result<String> {
        self.say(&format!("334 {text}"))?;
        self.line()
    }

    fn rcpt(&mut self, line: &str) -> io::Result<()> {
        let argument = line[5..].to_owned();
        let address = argument.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(address, _)| address);
        let own = self.script.recipients.iter().find(|(known, _)| known == address).map(|(_, answer)| answer.clone());
        let answer = own.unwrap_or_else(|| "250 2.1.5 recipient ok".to_owned());
        if answer.starts_with('2') && self.fault(Step::Rcpt).is_none() {
            self.recipients.push(argument);
        }
        self.answer(Step::Rcpt, &answer)
    }

    fn data(&mut self) -> io::Result<()> {
        if self.recipients.is_empty() && self.fault(Step::Rcpt).is_none() {
            return self.say("554 5.5.1 no valid recipients");
        }
        self.answer(Step::Data, "354 go on")?;
        let mut data = Vec::new();
        loop {
            let line = self.raw_line().inspect_err(|_| self.shared.note(|log| log.unended += 1))?;
            if line == b".\r\n" {
                break;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let taken = match self.fault(Step::End) {
            None | Some(Fault::TakeThenCut | Fault::TakeThenSilence) => true,
            Some(Fault::Say(text) | Fault::SayThenStop(text)) => text.starts_with('2'),
            Some(Fault::Cut | Fault::Silence) => false,
        };
        if taken {
            let message = Taken { mail: self.mail.take().unwrap_or_default(), recipients: std::mem::take(&mut self.recipients), data };
            self.shared.note(|log| log.taken.push(message));
        }
        self.answer(Step::End, "250 2.0.0 Ok: queued as 4711")
    }

    fn fault(&self, step: Step) -> Option<Fault> {
        self.script.faults.iter().find(|(known, _)| *known == step).map(|(_, fault)| fault.clone())
    }

    fn answer(&mut self, step: Step, usual: &str) -> io::Result<()> {
        match self.fault(step) {
            None => self.say(usual),
            Some(Fault::Say(text)) => self.say(&text),
            Some(Fault::SayThenStop(text)) => {
                self.say(&text)?;
                while !self.shared.stopped.load(Ordering::SeqCst) {
                    std::thread::park_timeout(Duration::from_millis(20));
                }
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Fault::Cut | Fault::TakeThenCut) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Fault::Silence | Fault::TakeThenSilence) => {
                while self.fill()? > 0 {}
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        let wire = self.wire.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        wire.write_all(format!("{text}\r\n").as_bytes())?;
        wire.flush()
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut read = [0; 4096];
        let wire = self.wire.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let count = wire.read(&mut read)?;
        self.buffer.extend_from_slice(&read[..count]);
        Ok(count)
    }

    fn raw_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                return Ok(self.buffer.drain(..end + 2).collect());
            }
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let line = self.raw_line()?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.shared.note(|log| log.heard.push(line.clone()));
        Ok(line)
    }
}
