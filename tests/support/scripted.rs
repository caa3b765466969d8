//! A server that follows a script, for what no real server does: attacks, refusals, hang-ups.
//!
//! One line a step:
//!
//! - `C: pattern` expects a line (`*` matches anything; the tag is left out); `C{n}:` swallows n octets of a literal;
//! - `S: text` sends a line, `S! text` sends without a line end, `S*1000: text` sends a line so often, `#` being its number;
//! - `SLOW 10: text` sends an octet every 10 seconds;
//! - `DEFLATE` compresses both directions from here on (RFC 4978);
//! - `HANG` says nothing more until the client leaves; the end of the script, or `CUT`, closes the connection.
//!
//! In sent text `$` at the start of a line is the tag of the newest command, `$1`, `$2`, … that of the first, second, …; `\r\n`, `\xff`
//! and `\\` are octets; `<(*500>` is 500 times what stands before the star. Lines that begin with `#` say why.
#![allow(dead_code)] // every test binary uses its own share of it

use std::sync::{Arc, Mutex};
use std::time::Duration;

use postrider::remote::net::{Dial, Pipe, Stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How sent text is cut into writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    Lines,
    Octets,
    /// One cut in all that is sent, after so many octets.
    Two(usize),
}

pub struct Scripted {
    pub port: u16,
    task: JoinHandle<Vec<String>>,
}

impl Scripted {
    /// Follows one script a connection, in order of connection.
    pub async fn start(scripts: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let scripts: Vec<String> = scripts.iter().map(|script| (*script).to_owned()).collect();
        let task = tokio::spawn(async move {
            let mut heard = Vec::new();
            for script in scripts {
                let (stream, _) = listener.accept().await.expect("a client");
                heard.extend(follow(stream, &script, Pieces::Lines).await);
            }
            heard
        });
        Self { port, task }
    }

    /// Every line that was heard.
    ///
    /// # Panics
    /// Where the client said something else than the script expects.
    pub async fn heard(self) -> Vec<String> {
        joined(self.task).await
    }
}

/// What a followed script heard; its panic is ours.
pub async fn joined(task: JoinHandle<Vec<String>>) -> Vec<String> {
    match task.await {
        Ok(heard) => heard,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// The task that follows a script, once the client connected.
pub type Following = Arc<Mutex<Option<JoinHandle<Vec<String>>>>>;

/// A server in this process that follows the script on the first connection and refuses others.
pub fn in_memory(script: &str, pieces: Pieces) -> (Dial, Following) {
    let (script, following) = (script.to_owned(), Following::default());
    let task = following.clone();
    let dial: Dial = Arc::new(move || {
        let mut task = task.lock().expect("no panic before");
        if task.is_some() {
            return Err(std::io::ErrorKind::ConnectionRefused.into());
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let script = script.clone();
        *task = Some(tokio::spawn(async move { follow(theirs, &script, pieces).await }));
        Ok(Box::new(ours))
    });
    (dial, following)
}

struct Follower {
    stream: BufReader<Stream>,
    pieces: Pieces,
    sent: usize,
    heard: Vec<String>,
    tags: Vec<String>,
}

async fn follow(stream: impl Pipe + 'static, script: &str, pieces: Pieces) -> Vec<String> {
    let stream = BufReader::new(Stream::Pipe(Box::new(stream)));
    let mut follower = Follower { stream, pieces, sent: 0, heard: Vec::new(), tags: Vec::new() };
    for step in script.lines().map(str::trim_start).filter(|step| !step.is_empty() && !step.starts_with('#')) {
        let (kind, text) = step.split_once([':', '!']).unwrap_or((step, ""));
        let text = text.strip_prefix(' ').unwrap_or(text);
        let end = if step.get(..2) == Some("S!") { "" } else { "\\r\\n" };
        let goes_on = match kind.split_at_checked(1) {
            _ if step == "CUT" => false,
            _ if step == "DEFLATE" => {
                follower.stream.get_mut().compress(Vec::new());
                true
            }
            _ if step == "HANG" => {
                let _ = follower.stream.read_to_end(&mut Vec::new()).await;
                false
            }
            Some(("C", "")) => follower.expect(text.trim_end()).await,
            Some(("C", size)) => follower.swallow(size.trim_matches(['{', '}']).parse().expect("a size")).await,
            Some(("S", "")) => follower.send(&octets(&tagged(&format!("{text}{end}"), &follower.tags))).await,
            Some(("S", times)) if times.starts_with('*') => {
                let times = times[1..].parse().expect("how often");
                follower.send_often(times, &format!("{text}{end}")).await
            }
            Some(("S", pause)) if pause.starts_with("LOW ") => {
                let pause = Duration::from_secs(pause[4..].parse().expect("seconds"));
                follower.drip(&octets(&tagged(&format!("{text}{end}"), &follower.tags)), pause).await
            }
            _ => panic!("no such step: {step}"),
        };
        if !goes_on {
            break;
        }
    }
    follower.heard
}

/// Each step tells whether the client is still there.
impl Follower {
    async fn expect(&mut self, pattern: &str) -> bool {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await.unwrap_or(0) == 0 {
            return false;
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (tag, rest) = line.split_once(' ').unwrap_or(("", &line));
        assert!(matches(pattern, rest) || matches(pattern, &line), "expected {pattern:?}, heard {line:?}");
        self.tags.push(tag.to_owned());
        self.heard.push(line);
        true
    }

    async fn swallow(&mut self, size: usize) -> bool {
        self.stream.read_exact(&mut vec![0; size]).await.is_ok()
    }

    /// The client may be gone already, which it tells itself.
    async fn send(&mut self, bytes: &[u8]) -> bool {
        let stream = self.stream.get_mut();
        let sent = self.sent;
        self.sent += bytes.len();
        let written = match self.pieces {
            Pieces::Two(at) if (sent + 1..self.sent).contains(&at) => {
                let (head, tail) = bytes.split_at(at - sent);
                let head = stream.write_all(head).await.and(stream.flush().await);
                pass().await;
                head.and(stream.write_all(tail).await)
            }
            Pieces::Octets => {
                let mut written = Ok(());
                for byte in bytes {
                    written = written.and(stream.write_all(&[*byte]).await).and(stream.flush().await);
                    pass().await;
                }
                written
            }
            _ => stream.write_all(bytes).await,
        };
        written.and(self.stream.get_mut().flush().await).is_ok()
    }

    async fn send_often(&mut self, times: usize, text: &str) -> bool {
        let (mut chunk, same) = (Vec::new(), (!text.contains('#')).then(|| octets(text)));
        for number in 1..=times {
            match &same {
                Some(same) => chunk.extend_from_slice(same),
                None => chunk.extend(octets(&text.replace('#', &number.to_string()))),
            }
            if chunk.len() > 32 * 1024 || number == times {
                if !self.send(&chunk).await {
                    return false;
                }
                chunk.clear();
            }
        }
        true
    }

    async fn drip(&mut self, bytes: &[u8], pause: Duration) -> bool {
        for byte in bytes {
            let stream = self.stream.get_mut();
            if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
                return false;
            }
            tokio::time::sleep(pause).await;
        }
        true
    }
}

/// Lets the client read what is there.
async fn pass() {
    for _ in 0..2 {
        tokio::task::yield_now().await;
    }
}

/// `$`, `$1`, … at the start of a line become tags.
fn tagged(text: &str, tags: &[String]) -> String {
    let line = |line: &str| {
        let Some(rest) = line.strip_prefix('$') else { return line.to_owned() };
        let (number, rest) = rest.split_once(' ').expect("text after the tag");
        let index = if number.is_empty() { tags.len() } else { number.parse().expect("a number") };
        format!("{} {rest}", tags[index - 1])
    };
    text.split("\\r\\n").map(line).collect::<Vec<_>>().join("\\r\\n")
}

/// Escapes and repetitions as octets.
fn octets(text: &str) -> Vec<u8> {
    let mut found = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '<']) {
        found.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let (octets, used) = match rest.as_bytes() {
            [b'\\', b'x', ..] => (vec![u8::from_str_radix(&rest[2..4], 16).expect("two digits")], 4),
            [b'\\', b'r', ..] => (vec![b'\r'], 2),
            [b'\\', b'n', ..] => (vec![b'\n'], 2),
            [b'\\', b'\\', ..] => (vec![b'\\'], 2),
            [b'<', ..] => repeated(rest).unwrap_or((vec![b'<'], 1)),
            // flags: \Seen
            _ => (vec![b'\\'], 1),
        };
        found.extend(octets);
        rest = &rest[used..];
    }
    found.extend_from_slice(rest.as_bytes());
    found
}

/// `<text*number>`, and how much of the script it took.
fn repeated(text: &str) -> Option<(Vec<u8>, usize)> {
    let end = text.find('>')?;
    let (what, times) = text.get(1..end)?.rsplit_once('*')?;
    Some((octets(what).repeat(times.parse().ok()?), end + 1))
}

pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text
            .strip_prefix(head)
            .is_some_and(|rest| (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| matches(tail, &rest[at..]))),
    }
}
