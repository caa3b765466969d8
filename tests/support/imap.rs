//! A whole IMAP server in memory, over any stream: as many extensions as it is told to have, a ledger of numbered messages, and
//! mail that arrives while a client idles. It answers well-formed commands only; what goes wrong is the stream's part (`cut.rs`).
#![allow(dead_code)] // every test binary uses its own share of it

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::sync::watch;

pub const ALL: &str = "IMAP4rev1 SASL-IR AUTH=PLAIN IDLE MOVE UIDPLUS LITERAL+ LIST-EXTENDED SPECIAL-USE LIST-STATUS";
pub const NONE: &str = "IMAP4rev1";

#[derive(Clone, Debug)]
pub struct Message {
    pub bytes: Vec<u8>,
    pub flags: BTreeSet<String>,
}

impl Message {
    /// What the ledger counts: the number in its Message-ID.
    pub fn number(&self) -> u64 {
        number(&String::from_utf8_lossy(&self.bytes))
    }
}

/// The number in the Message-ID of a text.
pub fn number(text: &str) -> u64 {
    text.split("Message-ID: <").nth(1).and_then(|rest| rest.split('@').next()?.parse().ok()).unwrap_or(0)
}

pub fn message(number: u64) -> Vec<u8> {
    format!("From: Ada <ada@x>\r\nSubject: number {number}\r\nMessage-ID: <{number}@x>\r\n\r\nBody of {number}.\r\n").into_bytes()
}

#[derive(Clone, Debug)]
pub struct Mailbox {
    pub role: &'static str,
    pub uid_validity: u32,
    pub uid_next: u32,
    pub messages: BTreeMap<u32, Message>,
}

impl Mailbox {
    pub fn new(role: &'static str, uid_validity: u32) -> Self {
        Self { role, uid_validity, uid_next: 1, messages: BTreeMap::new() }
    }

    pub fn add(&mut self, bytes: Vec<u8>, flags: BTreeSet<String>) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.messages.insert(uid, Message { bytes, flags });
        uid
    }
}

#[derive(Clone, Debug)]
pub struct State {
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub caps: &'static str,
    /// Numbers of messages whose headers come as nonsense.
    pub unreadable: BTreeSet<u64>,
    /// APPENDUID and COPYUID tell uids that are this much too high.
    pub lies: u32,
    /// Comes into the inbox when a client begins to wait.
    pub arrival: Option<u64>,
    /// Every command line, its tag left out.
    pub heard: Vec<String>,
    pub connections: usize,
}

#[derive(Clone, Debug)]
pub struct Server {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<()>>,
}

impl Server {
    /// Inbox with these messages, Archive, Drafts and Trash without any.
    pub fn new(caps: &'static str, numbers: impl IntoIterator<Item = u64>) -> Self {
        let names = [("INBOX", ""), ("Archive", "\\Archive"), ("Drafts", "\\Drafts"), ("Trash", "\\Trash")];
        let mut mailboxes: BTreeMap<String, Mailbox> =
            names.iter().zip(7..).map(|((name, role), validity)| ((*name).to_owned(), Mailbox::new(role, validity))).collect();
        let inbox = mailboxes.get_mut("INBOX").expect("the inbox");
        for number in numbers {
            inbox.add(message(number), BTreeSet::new());
        }
        let state = State { mailboxes, caps, unreadable: BTreeSet::new(), lies: 0, arrival: None, heard: Vec::new(), connections: 0 };
        Self { state: Arc::new(Mutex::new(state)), changed: Arc::new(watch::channel(()).0) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic before")
    }

    /// Whoever idles hears of what was changed.
    pub fn tell(&self) {
        self.changed.send_replace(());
    }

    /// Serves one connection to its end.
    pub async fn serve<S: AsyncRead + AsyncWrite>(self, stream: S) {
        self.state().connections += 1;
        let (input, output) = tokio::io::split(stream);
        let mut session = Session { server: self, input: BufReader::new(input), output, selected: None, exists: 0 };
        // every error is the end of this connection, and no more than that
        let _ = session.run().await;
    }
}

struct Session<S> {
    server: Server,
    input: BufReader<ReadHalf<S>>,
    output: WriteHalf<S>,
    selected: Option<String>,
    exists: usize,
}

type Result<T> = std::io::Result<T>;

/// The words of a command; a parenthesized list and a literal are one each.
type Words = Vec<Vec<u8>>;

impl<S: AsyncRead + AsyncWrite> Session<S> {
    async fn run(&mut self) -> Result<()> {
        self.say(&format!("* OK [CAPABILITY {}] ready\r\n", self.server.state().caps.to_owned())).await?;
        while let Some(words) = self.command().await? {
            let text: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            let (tag, rest) = text.split_first().expect("a tag");
            self.server.state().heard.push(rest.join(" "));
            let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
            match rest.as_slice() {
                ["LOGOUT"] => return self.say(&format!("* BYE\r\n{tag} OK\r\n")).await,
                ["IDLE"] => self.idle(tag).await?,
                _ => {
                    let answer = self.answer(tag, &rest, words.last().map_or(&[][..], Vec::as_slice));
                    self.output.write_all(&answer).await?;
                    self.output.flush().await?;
                }
            }
        }
        Ok(())
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        self.output.write_all(text.as_bytes()).await?;
        self.output.flush().await
    }

    async fn line(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line).await?;
        Ok(line.ends_with(b"\n").then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    async fn command(&mut self) -> Result<Option<Words>> {
        let mut words = Words::new();
        loop {
            let Some(line) = self.line().await? else { return Ok(None) };
            let (rest, size) = match line.strip_suffix('}').and_then(|line| line.rsplit_once('{')) {
                Some((rest, size)) => (rest.to_owned(), Some(size.to_owned())),
                None => (line, None),
            };
            words.extend(split(&rest));
            let Some(size) = size else { return Ok(Some(words)) };
            if !size.ends_with('+') {
                self.say("+ go\r\n").await?;
            }
            let mut literal = vec![0; size.trim_end_matches('+').parse().unwrap_or(0)];
            self.input.read_exact(&mut literal).await?;
            words.push(literal);
        }
    }

    async fn idle(&mut self, tag: &str) -> Result<()> {
        self.say("+ idling\r\n").await?;
        let mut changed = self.server.changed.subscribe();
        {
            let mut state = self.server.state();
            if let Some(number) = state.arrival.take() {
                state.mailboxes.get_mut("INBOX").expect("the inbox").add(message(number), BTreeSet::new());
            }
        }
        loop {
            let news = self.news();
            self.say(&news).await?;
            let mut line = Vec::new();
            tokio::select! {
                read = self.input.read_until(b'\n', &mut line) => {
                    if read? == 0 {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                    return self.say(&format!("{tag} OK idled\r\n")).await;
                }
                _ = changed.changed() => {}
            }
        }
    }

    /// What changed in the selected mailbox since it was last told.
    fn news(&mut self) -> String {
        let state = self.server.state();
        let now = self.selected.as_ref().and_then(|name| state.mailboxes.get(name)).map_or(0, |mailbox| mailbox.messages.len());
        let before = std::mem::replace(&mut self.exists, now);
        match now.cmp(&before) {
            std::cmp::Ordering::Less => "* 1 EXPUNGE\r\n".repeat(before - now),
            std::cmp::Ordering::Equal => String::new(),
            std::cmp::Ordering::Greater => format!("* {now} EXISTS\r\n"),
        }
    }

    fn answer(&mut self, tag: &str, words: &[&str], last: &[u8]) -> Vec<u8> {
        let server = self.server.clone();
        let mut state = server.state();
        let done = |what: &str| format!("{tag} {what}\r\n").into_bytes();
        let caps = state.caps;
        let (uidplus, lies) = (caps.contains("UIDPLUS"), state.lies);
        let selected = self.selected.clone().unwrap_or_default();
        match words {
            ["LOGIN", ..] | ["AUTHENTICATE", ..] => done(&format!("OK [CAPABILITY {caps}] in")),
            ["CAPABILITY"] => format!("* CAPABILITY {caps}\r\n{tag} OK\r\n").into_bytes(),
            ["NOOP"] => {
                if let Some(number) = state.arrival.take() {
                    state.mailboxes.get_mut("INBOX").expect("the inbox").add(message(number), BTreeSet::new());
                }
                drop(state);
                (self.news() + &format!("{tag} OK\r\n")).into_bytes()
            }
            ["LIST", .., "RETURN", _] | ["LIST", ..] => (list(&state, words.len() > 3) + &format!("{tag} OK\r\n")).into_bytes(),
            ["SELECT", name, ..] => match state.mailboxes.get(*name) {
                None => done("NO [NONEXISTENT] none"),
                Some(mailbox) => {
                    let (exists, validity, next) = (mailbox.messages.len(), mailbox.uid_validity, mailbox.uid_next);
                    (self.selected, self.exists) = (Some((*name).to_owned()), exists);
                    format!(
                        "* {exists} EXISTS\r\n* OK [UIDVALIDITY {validity}] x\r\n* OK [UIDNEXT {next}] x\r\n{tag} OK [READ-WRITE] open\r\n"
                    )
                    .into_bytes()
                }
            },
            ["APPEND", name, rest @ ..] => {
                let Some(mailbox) = state.mailboxes.get_mut(*name) else { return done("NO [TRYCREATE] none") };
                let flags = rest.first().filter(|word| word.starts_with('(')).map(|word| flag_words(word)).unwrap_or_default();
                let uid = mailbox.add(last.to_vec(), flags);
                let code = if uidplus { format!("[APPENDUID {} {}] ", mailbox.uid_validity, uid + lies) } else { String::new() };
                done(&format!("OK {code}taken"))
            }
            ["CREATE", name] => {
                state.mailboxes.insert((*name).to_owned(), Mailbox::new("", 99));
                done("OK made")
            }
            ["SUBSCRIBE", ..] => done("OK"),
            _ if !state.mailboxes.contains_key(&selected) => done("BAD none is open"),
            ["FETCH", set, items] => {
                let uids: Vec<u32> = state.mailboxes[&selected].messages.keys().copied().collect();
                let wanted: Vec<u32> = (1..).zip(uids).filter(|(n, _)| within(set, *n)).map(|(_, uid)| uid).collect();
                fetch(&state, &selected, &wanted, items, tag)
            }
            ["UID", "FETCH", set, items] => fetch(&state, &selected, &chosen(&state.mailboxes[&selected], set), items, tag),
            ["UID", "STORE", set, sign, flags] => {
                let mailbox = state.mailboxes.get_mut(&selected).expect("it is open");
                for uid in chosen(mailbox, set) {
                    let message = mailbox.messages.get_mut(&uid).expect("it is there");
                    for word in flag_words(flags) {
                        if sign.starts_with('+') {
                            message.flags.insert(word)
                        } else {
                            message.flags.remove(&word)
                        };
                    }
                }
                done("OK stored")
            }
            ["UID", verb @ ("MOVE" | "COPY"), set, to] => {
                if *verb == "MOVE" && !caps.contains("MOVE") {
                    return done("BAD no such command");
                }
                let uids = chosen(&state.mailboxes[&selected], set);
                let messages: Vec<Message> = uids.iter().map(|uid| state.mailboxes[&selected].messages[uid].clone()).collect();
                let Some(target) = state.mailboxes.get_mut(*to) else { return done("NO [TRYCREATE] none") };
                let new: Vec<u32> = messages.into_iter().map(|message| target.add(message.bytes, message.flags)).collect();
                let code = if uidplus && !uids.is_empty() {
                    let told: Vec<u32> = new.iter().map(|uid| uid + lies).collect();
                    format!("[COPYUID {} {} {}] ", target.uid_validity, comma(&uids), comma(&told))
                } else {
                    String::new()
                };
                if *verb == "COPY" {
                    return done(&format!("OK {code}copied"));
                }
                drop(state);
                let expunged = self.expunge(&uids);
                format!("* OK {code}moved\r\n{expunged}{tag} OK\r\n").into_bytes()
            }
            ["UID", "EXPUNGE", set] if uidplus => {
                let marked = deleted(&state.mailboxes[&selected]);
                let uids: Vec<u32> = chosen(&state.mailboxes[&selected], set).into_iter().filter(|uid| marked.contains(uid)).collect();
                drop(state);
                (self.expunge(&uids) + &format!("{tag} OK\r\n")).into_bytes()
            }
            ["EXPUNGE"] => {
                let marked = deleted(&state.mailboxes[&selected]);
                drop(state);
                (self.expunge(&marked) + &format!("{tag} OK\r\n")).into_bytes()
            }
            ["UID", "SEARCH", "DELETED"] => {
                format!("* SEARCH{}\r\n{tag} OK\r\n", spaced(&deleted(&state.mailboxes[&selected]))).into_bytes()
            }
            ["UID", "SEARCH", "HEADER", "MESSAGE-ID", id] => {
                let wanted = format!("Message-ID: {id}");
                let messages = state.mailboxes[&selected].messages.iter();
                let found: Vec<u32> = messages
                    .filter(|(_, message)| String::from_utf8_lossy(&message.bytes).contains(&wanted))
                    .map(|(uid, _)| *uid)
                    .collect();
                format!("* SEARCH{}\r\n{tag} OK\r\n", spaced(&found)).into_bytes()
            }
            other => done(&format!("BAD not understood: {other:?}")),
        }
    }

    /// Takes them out; what the client is told of it.
    fn expunge(&mut self, uids: &[u32]) -> String {
        let mut told = String::new();
        {
            let mut state = self.server.state();
            let Some(mailbox) = self.selected.as_ref().and_then(|name| state.mailboxes.get_mut(name)) else { return told };
            for uid in uids {
                if let Some(at) = mailbox.messages.keys().position(|known| known == uid) {
                    mailbox.messages.remove(uid);
                    let _ = write!(told, "* {} EXPUNGE\r\n", at + 1);
                }
            }
            self.exists = mailbox.messages.len();
        }
        self.server.tell();
        told
    }
}

fn list(state: &State, is_extended: bool) -> String {
    let mut told = String::new();
    for (name, mailbox) in &state.mailboxes {
        let role = if is_extended { mailbox.role } else { "" };
        let _ = write!(told, "* LIST ({role}) \"/\" {name}\r\n");
        if is_extended && state.caps.contains("LIST-STATUS") {
            let (total, next) = (mailbox.messages.len(), mailbox.uid_next);
            let _ = write!(told, "* STATUS {name} (MESSAGES {total} UNSEEN {total} UIDNEXT {next})\r\n");
        }
    }
    told
}

fn deleted(mailbox: &Mailbox) -> Vec<u32> {
    mailbox.messages.iter().filter(|(_, message)| message.flags.contains("\\Deleted")).map(|(uid, _)| *uid).collect()
}

fn comma(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn spaced(uids: &[u32]) -> String {
    uids.iter().map(|uid| format!(" {uid}")).collect()
}

fn flag_words(list: &str) -> BTreeSet<String> {
    list.trim_matches(['(', ')']).split_whitespace().map(str::to_owned).collect()
}

/// `1:3,7,9:*` holds the number.
fn within(set: &str, number: u32) -> bool {
    let end = |text: &str| if text == "*" { u32::MAX } else { text.parse().unwrap_or(0) };
    set.split(',').any(|part| {
        let (low, high) = part.split_once(':').map_or((end(part), end(part)), |(low, high)| (end(low), end(high)));
        (low.min(high)..=low.max(high)).contains(&number)
    })
}

/// The uids of a set that are there; `n:*` always means the last too.
fn chosen(mailbox: &Mailbox, set: &str) -> Vec<u32> {
    let last = mailbox.messages.keys().next_back().copied();
    let is_open = set.ends_with('*');
    mailbox.messages.keys().copied().filter(|uid| within(set, *uid) || is_open && Some(*uid) == last).collect()
}

fn fetch(state: &State, selected: &str, uids: &[u32], items: &str, tag: &str) -> Vec<u8> {
    let mut told = Vec::new();
    let mailbox = &state.mailboxes[selected];
    let places: BTreeMap<u32, usize> = mailbox.messages.keys().copied().zip(1..).collect();
    for uid in uids {
        let (message, sequence) = (&mailbox.messages[uid], places[uid]);
        let flags = message.flags.iter().cloned().collect::<Vec<_>>().join(" ");
        let size = message.bytes.len();
        let mut head = format!("* {sequence} FETCH (UID {uid}");
        if items.contains("FLAGS") {
            let _ = write!(head, " FLAGS ({flags})");
        }
        if items.contains("INTERNALDATE") {
            head += " INTERNALDATE \"20-Nov-2026 12:00:00 +0000\"";
        }
        if items.contains("RFC822.SIZE") {
            let _ = write!(head, " RFC822.SIZE {size}");
        }
        if items.contains("BODYSTRUCTURE") {
            let _ = write!(head, " BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" {size} 1)");
        }
        told.extend_from_slice(head.as_bytes());
        if items.contains("HEADER.FIELDS") && state.unreadable.contains(&message.number()) {
            told.extend_from_slice(b" BODY[HEADER.FIELDS (\"X\r\n");
            continue;
        }
        if items.contains("HEADER.FIELDS") {
            let end = message.bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(size, |at| at + 4);
            told.extend_from_slice(format!(" BODY[HEADER.FIELDS (X)] {{{end}}}\r\n").as_bytes());
            told.extend_from_slice(&message.bytes[..end]);
        } else if let Some((_, range)) = items.split_once("BODY.PEEK[]<") {
            let (from, length) = range.split_once('>').and_then(|(range, _)| range.split_once('.')).expect("a stretch");
            let from = from.parse::<usize>().expect("a number").min(size);
            let to = (from + length.parse::<usize>().expect("a number")).min(size);
            told.extend_from_slice(format!(" BODY[]<{from}> {{{}}}\r\n", to - from).as_bytes());
            told.extend_from_slice(&message.bytes[from..to]);
        }
        told.extend_from_slice(b")\r\n");
    }
    told.extend_from_slice(format!("{tag} OK fetched\r\n").as_bytes());
    told
}

/// Words of a line; lists and quoted strings (without their quotes) are one each.
fn split(line: &str) -> Words {
    let (mut words, mut word) = (Words::new(), Vec::new());
    let (mut depth, mut quoted, mut escaped, mut any) = (0, false, false, false);
    for byte in line.bytes() {
        match byte {
            _ if escaped => {
                word.push(byte);
                escaped = false;
            }
            b'\\' if quoted => escaped = true,
            b'"' => {
                quoted = !quoted;
                any = true;
            }
            b' ' if depth == 0 && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            _ => {
                if !quoted {
                    depth += i32::from(matches!(byte, b'(' | b'[')) - i32::from(matches!(byte, b')' | b']'));
                }
                word.push(byte);
            }
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}
