//! Fetching by POP3: the client and what becomes of mail, against a server in memory that can do anything wrong.
#![allow(dead_code)]

#[path = "pop3/cuts.rs"]
mod cuts;
#[path = "pop3/deletion.rs"]
mod deletion;
#[path = "pop3/kills.rs"]
mod kills;
#[path = "support/random.rs"]
mod random;
#[path = "pop3/reader.rs"]
mod reader;
#[cfg(feature = "servers")]
#[path = "pop3/real.rs"]
mod real;
#[path = "support/pop3.rs"]
mod server;
#[cfg(feature = "servers")]
mod servers;
#[path = "pop3/session.rs"]
mod session;
#[path = "pop3/threats.rs"]
mod threats;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use postrider::config::{Account, Credentials, DEFAULT_KEEP_SIZE, Incoming, Keep, Leave, Outgoing, Pop3, Secret, Security, Server};
use postrider::events::EventLog;
use postrider::remote::RemoteError;
use postrider::remote::pop3::Deadlines;
use postrider::store::{Own, Paths, Popped, Writer, open};
use postrider::worker::pop3::fetch_once;
use postrider::worker::{Options, WorkerEvent};

use server::{Maildrop, PASSWORD};

/// A day in 2026, in Unix seconds.
const NOW: i64 = 1_795_000_000;

/// A store, a Maildir and a clock, to fetch into as often as a test likes.
struct Client {
    folder: tempfile::TempDir,
    writer: Writer,
    now: Arc<AtomicI64>,
    /// Everything that was told in words.
    told: Vec<String>,
    deadlines: Deadlines,
}

impl Client {
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    /// Where files cost nothing to make durable, for tests that make very many.
    fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        Self::at(if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() })
    }

    fn at(folder: tempfile::TempDir) -> Self {
        let writer = open(&Paths::in_folder(folder.path())).unwrap();
        Self { folder, writer, now: Arc::new(AtomicI64::new(NOW)), told: Vec::new(), deadlines: Deadlines::default() }
    }

    fn maildir(&self, name: &str) -> PathBuf {
        self.folder.path().join("mail").join(name)
    }

    fn account(&self, name: &str, port: u16, leave: Leave) -> Account {
        Account {
            name: name.into(),
            address: "ada@example.org".into(),
            display_name: String::new(),
            signature: None,
            authserv_id: None,
            incoming: Incoming::Pop3(Pop3 { server: server_at(port, PASSWORD), leave, maildir: Some(self.maildir(name)) }),
            outgoing: Outgoing::None,
            sent_copy: true,
            mailboxes: BTreeMap::new(),
        }
    }

    /// One round of account `name`.
    async fn fetch_as(&mut self, name: &str, server: &Maildrop, leave: Leave) -> Result<(), RemoteError> {
        let account = self.account(name, server.port, leave);
        self.fetch_account(&account).await
    }

    async fn fetch_account(&mut self, account: &Account) -> Result<(), RemoteError> {
        let now = self.now.clone();
        let options =
            Options { offline: false, log: EventLog::default(), trace: None, now: Arc::new(move || now.load(Ordering::SeqCst)), seed: 7 };
        let (tell, mut events) = tokio::sync::mpsc::channel(1_000);
        let result = fetch_once(self.writer.clone(), account, options, self.deadlines, tell).await;
        while let Ok(event) = events.try_recv() {
            if let WorkerEvent::Failed { what, why, next } = event {
                self.told.push(format!("{what}: {why}. {next}"));
            }
        }
        result
    }

    async fn fetch(&mut self, server: &Maildrop, leave: Leave) -> Result<(), RemoteError> {
        self.fetch_as("work", server, leave).await
    }

    fn days_pass(&self, days: i64) {
        self.now.fetch_add(days * 86_400, Ordering::SeqCst);
    }

    /// What lies in the Maildir, any mailbox, sorted.
    fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies_of("work")
    }

    fn bodies_of(&self, name: &str) -> Vec<Vec<u8>> {
        let mut bodies: Vec<Vec<u8>> = files(&self.maildir(name)).iter().map(|path| std::fs::read(path).unwrap()).collect();
        bodies.sort();
        bodies
    }

    /// What the table knows.
    fn rows(&self, server: &Maildrop) -> Vec<Popped> {
        let _ = server;
        let own = Own::open(self.writer.paths()).unwrap().unwrap();
        own.popped("work ada@127.0.0.1").unwrap()
    }
}

fn server_at(port: u16, password: &str) -> Server {
    Server {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plaintext,
        username: "ada".into(),
        credentials: Credentials::Password(Secret::new(password)),
        allow_plaintext_password: false,
        ca_file: None,
        client_cert: None,
        keep: Keep::RecentDays(90),
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    }
}

/// Every message file of a Maildir and its mailboxes, and that nothing is left in `tmp`.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
        if entry.path().join("cur").is_dir() {
            folders.push(entry.path());
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        let list = |part: &str| std::fs::read_dir(folder.join(part)).into_iter().flatten().flatten().map(|entry| entry.path());
        found.extend(list("new").chain(list("cur")));
        assert_eq!(list("tmp").count(), 0, "left in tmp of {}", folder.display());
    }
    found
}

/// A small message.
fn letter(number: usize) -> Vec<u8> {
    format!(
        "Received: from a by b; Mon, 1 Jan 2024 10:00:{:02} +0000\r\nSubject: number {number}\r\nMessage-ID: <m{number}@example.org>\r\n\r\nBody {number}.\r\n",
        number % 60
    )
    .into_bytes()
}

/// `count` small messages with unique-ids "u1", "u2", …
fn letters(count: usize) -> Vec<(String, Vec<u8>)> {
    (1..=count).map(|number| (format!("u{number}"), letter(number))).collect()
}

fn maildrop(letters: &[(String, Vec<u8>)]) -> Maildrop {
    let borrowed: Vec<(&str, &[u8])> = letters.iter().map(|(id, bytes)| (id.as_str(), &bytes[..])).collect();
    Maildrop::start(&borrowed)
}

fn sorted(letters: &[(String, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = letters.iter().map(|(_, bytes)| bytes.clone()).collect();
    bodies.sort();
    bodies
}
