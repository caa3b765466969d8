//! A POP3 server that keeps a maildrop in memory and can be told to misbehave: to cut after so many octets, to fall
//! silent, to refuse or to talk nonsense at any command. One thread a connection, no clocks. Deletions happen at QUIT.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub const PASSWORD: &str = "correct-horse-7";

/// A message on the server.
#[derive(Clone, Debug)]
pub struct Message {
    pub unique_id: String,
    pub bytes: Vec<u8>,
    /// What LIST says instead of the truth.
    pub listed: Option<u64>,
}

/// What happens at a command instead of its answer.
#[derive(Clone, Debug)]
pub enum Act {
    /// These octets as they are; CRLF is not added.
    Say(Vec<u8>),
    /// These octets, and the connection ends.
    Last(Vec<u8>),
    /// Nothing more, until the client leaves.
    Stall,
}

/// What the server is and does.
#[derive(Clone, Debug)]
pub struct State {
    pub messages: Vec<Message>,
    pub greeting: String,
    /// None: CAPA is not known.
    pub caps: Option<Vec<String>>,
    pub has_uidl: bool,
    pub has_top: bool,
    /// Octets after which each next connection is cut; none left or None: not at all.
    pub cuts: VecDeque<Option<usize>>,
    /// At a command that begins so (every time).
    pub acts: Vec<(String, Act)>,
    /// Every command line that was heard.
    pub heard: Vec<String>,
    /// Octets said, in all sessions.
    pub said: usize,
    pub sessions: usize,
}

/// The state, and word of every command heard.
type Shared = Arc<(Mutex<State>, Condvar)>;

pub struct Maildrop {
    pub port: u16,
    shared: Shared,
}

impl Maildrop {
    /// Starts a server; it ends with the test's process.
    pub fn start(messages: &[(&str, &[u8])]) -> Self {
        let messages = messages.iter().map(|(id, bytes)| message(id, bytes)).collect();
        let words = ["USER", "UIDL", "TOP", "PIPELINING", "SASL PLAIN", "RESP-CODES"];
        let state = State {
            messages,
            greeting: "+OK ready <1896.697170952@example.org>".into(),
            caps: Some(words.map(Into::into).into()),
            has_uidl: true,
            has_top: true,
            cuts: VecDeque::new(),
            acts: Vec::new(),
            heard: Vec::new(),
            said: 0,
            sessions: 0,
        };
        let all: Shared = Arc::new((Mutex::new(state), Condvar::new()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let shared = all.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || Connection::new(stream, shared).serve());
            }
        });
        Self { port, shared: all }
    }

    /// What it is; changed by the test.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many commands were heard, or `done` says that no more will come.
    pub fn wait_heard(&self, count: usize, mut done: impl FnMut() -> bool) {
        let mut state = self.state();
        while state.heard.len() < count && !done() {
            state = self.shared.1.wait_timeout(state, Duration::from_millis(20)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The unique-ids still there.
    pub fn ids(&self) -> BTreeSet<String> {
        self.state().messages.iter().map(|message| message.unique_id.clone()).collect()
    }

    /// What was heard, by its first word.
    pub fn count(&self, command: &str) -> usize {
        self.state().heard.iter().filter(|line| line.split(' ').next() == Some(command)).count()
    }
}

pub fn message(unique_id: &str, bytes: &[u8]) -> Message {
    Message { unique_id: unique_id.into(), bytes: bytes.into(), listed: None }
}

/// Doubles the dots of lines that end in CRLF and ends the answer, as RFC 1939 3 says.
pub fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(bytes.len() + 16);
    let mut is_start = true;
    for (index, octet) in bytes.iter().enumerate() {
        if is_start && *octet == b'.' {
            wire.push(b'.');
        }
        wire.push(*octet);
        is_start = *octet == b'\n' && index > 0 && bytes[index - 1] == b'\r';
    }
    if !is_start {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

/// The connection ended.
struct Ended;

struct Connection {
    input: BufReader<TcpStream>,
    output: TcpStream,
    shared: Shared,
    /// As this session numbers them.
    messages: Vec<Message>,
    deleted: BTreeSet<usize>,
    left: Option<usize>,
    signed_in: bool,
}

impl Connection {
    fn new(stream: TcpStream, shared: Shared) -> Self {
        let (messages, left) = {
            let mut state = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.sessions += 1;
            (state.messages.clone(), state.cuts.pop_front().flatten())
        };
        let output = stream.try_clone().expect("the stream again");
        let _ = output.set_nodelay(true);
        Self { input: BufReader::new(stream), output, shared, messages, deleted: BTreeSet::new(), left, signed_in: false }
    }

    fn serve(mut self) {
        let greeting = self.lock().greeting.clone();
        let mut result = self.say(format!("{greeting}\r\n").as_bytes());
        while result.is_ok() {
            let mut line = Vec::new();
            match self.input.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.lock().heard.push(line.clone());
            self.shared.1.notify_all();
            result = self.act(&line);
        }
        let _ = self.output.shutdown(Shutdown::Both);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&mut self, line: &str) -> Result<(), Ended> {
        let act = self.lock().acts.iter().find(|(start, _)| line.starts_with(start.as_str())).map(|(_, act)| act.clone());
        match act {
            None => self.answer(line),
            Some(Act::Say(octets)) => self.say(&octets),
            Some(Act::Last(octets)) => self.say(&octets).and(Err(Ended)),
            Some(Act::Stall) => {
                let _ = self.input.read_to_end(&mut Vec::new());
                Err(Ended)
            }
        }
    }

    fn answer(&mut self, line: &str) -> Result<(), Ended> {
        let mut words = line.split(' ');
        let (command, argument) = (words.next().unwrap_or_default(), words.next());
        let number = argument.and_then(|word| word.parse::<usize>().ok()).filter(|number| self.is_here(*number));
        match (command, number) {
            ("CAPA", _) => {
                let caps = self.lock().caps.clone();
                match caps {
                    Some(caps) => self.list("+OK", caps),
                    None => self.refuse("what?"),
                }
            }
            ("USER", _) => self.ok("go on"),
            ("PASS", _) => self.sign_in(line == format!("PASS {PASSWORD}")),
            ("AUTH", _) => self.sasl(line),
            _ if !self.signed_in && command != "QUIT" => self.refuse("sign in first"),
            ("STAT", _) => {
                let octets: u64 = self.listed().map(|(_, size)| size).sum();
                let count = self.listed().count();
                self.ok(&format!("{count} {octets}"))
            }
            ("LIST", None) => {
                let lines = self.listed().map(|(number, size)| format!("{number} {size}")).collect();
                self.list("+OK", lines)
            }
            ("UIDL", None) if self.lock().has_uidl => {
                let lines = self.listed().map(|(number, _)| format!("{number} {}", self.messages[number - 1].unique_id)).collect();
                self.list("+OK", lines)
            }
            ("TOP", Some(number)) if self.lock().has_top => {
                let bytes = &self.messages[number - 1].bytes;
                let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
                let wire = [b"+OK\r\n", &stuffed(&bytes[..end])[..]].concat();
                self.say(&wire)
            }
            ("RETR", Some(number)) => {
                let wire = [b"+OK\r\n", &stuffed(&self.messages[number - 1].bytes)[..]].concat();
                self.say(&wire)
            }
            ("DELE", Some(number)) => {
                self.deleted.insert(number);
                self.ok("marked")
            }
            ("RSET", _) => {
                self.deleted.clear();
                self.ok("")
            }
            ("NOOP", _) => self.ok(""),
            ("QUIT", _) => {
                self.commit();
                self.ok("bye")?;
                Err(Ended)
            }
            _ => self.refuse("no such command or message"),
        }
    }

    fn is_here(&self, number: usize) -> bool {
        (1..=self.messages.len()).contains(&number) && !self.deleted.contains(&number)
    }

    fn listed(&self) -> impl Iterator<Item = (usize, u64)> {
        let size = |message: &Message| message.listed.unwrap_or(message.bytes.len() as u64);
        self.messages.iter().enumerate().map(move |(at, message)| (at + 1, size(message))).filter(|(number, _)| self.is_here(*number))
    }

    fn sign_in(&mut self, is_right: bool) -> Result<(), Ended> {
        self.signed_in = is_right;
        if is_right { self.ok("welcome") } else { self.refuse("[AUTH] wrong password") }
    }

    fn sasl(&mut self, line: &str) -> Result<(), Ended> {
        use base64::Engine;
        let response = line.split(' ').nth(2).unwrap_or_default();
        let decoded = base64::engine::general_purpose::STANDARD.decode(response).unwrap_or_default();
        self.sign_in(decoded.ends_with(format!("\0{PASSWORD}").as_bytes()))
    }

    /// Deletes in the server's own maildrop, by identity: it may have got mail meanwhile.
    fn commit(&self) {
        let gone: Vec<&Message> = self.deleted.iter().map(|number| &self.messages[number - 1]).collect();
        let mut state = self.lock();
        for message in gone {
            if let Some(at) = state.messages.iter().position(|one| one.unique_id == message.unique_id && one.bytes == message.bytes) {
                state.messages.remove(at);
            }
        }
    }

    fn ok(&mut self, text: &str) -> Result<(), Ended> {
        self.say(format!("+OK {text}\r\n").as_bytes())
    }

    fn refuse(&mut self, text: &str) -> Result<(), Ended> {
        self.say(format!("-ERR {text}\r\n").as_bytes())
    }

    fn list(&mut self, first: &str, lines: Vec<String>) -> Result<(), Ended> {
        let text: String = std::iter::once(first.to_owned()).chain(lines).chain([".".to_owned()]).map(|line| line + "\r\n").collect();
        self.say(text.as_bytes())
    }

    fn say(&mut self, octets: &[u8]) -> Result<(), Ended> {
        let share = self.left.map_or(octets.len(), |left| left.min(octets.len()));
        self.lock().said += share;
        self.output.write_all(&octets[..share]).map_err(|_| Ended)?;
        if let Some(left) = &mut self.left {
            *left -= share;
            if share < octets.len() {
                return Err(Ended);
            }
        }
        Ok(())
    }
}
