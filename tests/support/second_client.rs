//! Another mail program at the same mailbox, for tests: small, blocking, plain IMAP. Panics on anything
//! unexpected, with the server's words.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub struct SecondClient {
    stream: BufReader<TcpStream>,
    tag: u32,
}

/// One message as a snapshot shows it; flags sorted, `\Recent` left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub uid: u32,
    pub flags: Vec<String>,
    pub message_id: String,
}

/// Every mailbox by its wire name, with its messages by uid.
pub type Snapshot = BTreeMap<String, Vec<Seen>>;

impl SecondClient {
    /// Connects to a plain IMAP port on loopback and signs in.
    pub fn login(port: u16, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connect");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a deadline");
        stream.set_nodelay(true).expect("nodelay");
        let mut client = Self { stream: BufReader::new(stream), tag: 0 };
        assert!(client.response().starts_with(b"* OK"), "no greeting");
        client.command(&format!("LOGIN \"{user}\" \"{password}\""));
        client
    }

    /// Sends a command and gives its untagged answers (with their literals).
    ///
    /// # Panics
    /// Where the answer is not OK.
    pub fn command(&mut self, line: &str) -> Vec<String> {
        let (status, untagged) = self.try_command(line);
        assert!(status.starts_with("OK"), "{line}: {status}");
        untagged
    }

    /// The same, with the tagged answer ("OK …", "NO …") instead of a panic.
    pub fn try_command(&mut self, line: &str) -> (String, Vec<String>) {
        self.tag += 1;
        let tag = format!("x{} ", self.tag);
        self.send(format!("{tag}{line}\r\n").as_bytes());
        let mut untagged = Vec::new();
        loop {
            let response = String::from_utf8_lossy(&self.response()).into_owned();
            match response.strip_prefix(&tag) {
                Some(status) => return (status.trim_end().to_owned(), untagged),
                None => untagged.push(response),
            }
        }
    }

    pub fn select(&mut self, mailbox: &str) -> Vec<String> {
        self.command(&format!("SELECT \"{mailbox}\""))
    }

    /// Adds a message; `flags` like `\Seen $Label1`. The new uid.
    pub fn append(&mut self, mailbox: &str, flags: &str, message: &str) -> u32 {
        let message = message.replace("\r\n", "\n").replace('\n', "\r\n");
        self.tag += 1;
        let tag = format!("x{} ", self.tag);
        self.send(format!("{tag}APPEND \"{mailbox}\" ({flags}) {{{}}}\r\n", message.len()).as_bytes());
        while !self.response().starts_with(b"+") {}
        self.send(format!("{message}\r\n").as_bytes());
        loop {
            let response = String::from_utf8_lossy(&self.response()).into_owned();
            if let Some(status) = response.strip_prefix(&tag) {
                assert!(status.starts_with("OK"), "APPEND: {status}");
                let code = status.split("APPENDUID ").nth(1).and_then(|rest| rest.split(']').next());
                return code.and_then(|code| code.split(' ').nth(1)).and_then(|uid| uid.parse().ok()).expect("APPENDUID");
            }
        }
    }

    /// `how` is `+FLAGS`, `-FLAGS` or `FLAGS`; `set` is uids as IMAP writes them.
    pub fn store(&mut self, mailbox: &str, set: &str, how: &str, flags: &str) {
        self.select(mailbox);
        self.command(&format!("UID STORE {set} {how} ({flags})"));
    }

    pub fn move_to(&mut self, mailbox: &str, set: &str, to: &str) {
        self.select(mailbox);
        self.command(&format!("UID MOVE {set} \"{to}\""));
    }

    /// Deletes these for ever.
    pub fn expunge(&mut self, mailbox: &str, set: &str) {
        self.store(mailbox, set, "+FLAGS.SILENT", "\\Deleted");
        self.command(&format!("UID EXPUNGE {set}"));
    }

    /// The raw message.
    pub fn fetch(&mut self, mailbox: &str, uid: u32) -> Option<String> {
        self.select(mailbox);
        let answers = self.command(&format!("UID FETCH {uid} (BODY.PEEK[])"));
        let answer = answers.into_iter().find(|line| line.contains("BODY[]"))?;
        let (head, rest) = answer.split_once("}\r\n")?;
        let length: usize = head.rsplit('{').next()?.parse().ok()?;
        rest.get(..length).map(str::to_owned)
    }

    /// Names of all selectable mailboxes, as the server writes them.
    pub fn mailboxes(&mut self) -> Vec<String> {
        let lines = self.command("LIST \"\" \"*\"");
        let selectable = lines.iter().filter(|line| line.starts_with("* LIST") && !line.to_ascii_lowercase().contains("\\noselect"));
        selectable
            .map(|line| {
                let line = line.trim_end();
                match line.strip_suffix('"') {
                    Some(quoted) => quoted.rsplit('"').next().unwrap_or_default().to_owned(),
                    None => line.rsplit(' ').next().unwrap_or_default().to_owned(),
                }
            })
            .collect()
    }

    /// One mailbox's messages by uid.
    pub fn messages(&mut self, mailbox: &str) -> Vec<Seen> {
        self.select(mailbox);
        let lines = self.command("UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])");
        let mut messages: Vec<Seen> = lines.iter().filter(|line| line.contains("BODY[")).map(|line| seen(line)).collect();
        messages.sort();
        messages
    }

    /// Everything the account holds, to compare.
    pub fn snapshot(&mut self) -> Snapshot {
        self.mailboxes().into_iter().map(|mailbox| (mailbox.clone(), self.messages(&mailbox))).collect()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("write");
    }

    /// One response with its literals.
    fn response(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let start = all.len();
            let read = self.stream.read_until(b'\n', &mut all).expect("read");
            assert!(read > 0, "the server hung up");
            let line = all[start..].strip_suffix(b"}\r\n").map(<[u8]>::to_vec);
            let size = line.and_then(|line| {
                let at = line.iter().rposition(|b| *b == b'{')?;
                std::str::from_utf8(&line[at + 1..]).ok()?.parse::<usize>().ok()
            });
            let Some(size) = size else { return all };
            let mut literal = vec![0; size];
            self.stream.read_exact(&mut literal).expect("a literal");
            all.extend(literal);
        }
    }
}

fn seen(line: &str) -> Seen {
    let after = |word: &str| line.split_once(word).map(|(_, rest)| rest).unwrap_or_default();
    let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    let flags = after("FLAGS (").split(')').next().unwrap_or_default();
    let mut flags: Vec<String> = flags.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent").map(str::to_owned).collect();
    flags.sort();
    let message_id = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(id, _)| id.to_owned());
    Seen { uid: digits(after("UID ")).parse().expect("a uid"), flags, message_id: message_id.unwrap_or_default() }
}
