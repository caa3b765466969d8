//! A server in memory that does what a test says: refuses connections, holds verbs back, fails or panics in
//! them, hints for ever. It writes down every verb with the number of its connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::mail::mailbox::Role;
use crate::mail::{Flags, Key, Uid, UidValidity};
use crate::remote::{Abilities, Body, Connect, Hint, Moved, Opened, Remote, RemoteError, RemoteMailbox, RemoteMessage, Result, Window};

/// What happens to the next verb of a name.
#[derive(Clone, Debug)]
pub enum Fault {
    Error(RemoteError),
    Panic,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verb {
    /// 1 for the first connection, 2 for the second, ...
    pub connection: usize,
    /// "flags INBOX".
    pub what: String,
    pub at: Instant,
}

#[derive(Debug, Default)]
pub struct Script {
    /// How the next attempts to connect end (None: well); later ones succeed.
    pub refuse: VecDeque<Option<RemoteError>>,
    /// Never answers an attempt to connect.
    pub silent: bool,
    pub attempts: Vec<Instant>,
    connections: usize,
    pub verbs: Vec<Verb>,
    pub faults: VecDeque<(&'static str, Fault)>,
    /// Verbs that are not answered as long as they stand here.
    held: Vec<&'static str>,
    /// Messages in each mailbox, uids from 1.
    pub messages: BTreeMap<&'static str, u32>,
    /// Every wait ends at once with a hint.
    pub hints: bool,
    pub flags: BTreeMap<u32, Flags>,
    pub alerts: VecDeque<String>,
}

/// Connects to it.
#[derive(Clone, Debug)]
pub struct Fake {
    script: Arc<Mutex<Script>>,
    changed: Arc<watch::Sender<()>>,
}

impl Fake {
    pub fn new(inbox: u32, lists: u32) -> Self {
        let messages = [("INBOX", inbox), ("Lists", lists)].into();
        Self { script: Arc::new(Mutex::new(Script { messages, ..Script::default() })), changed: Arc::new(watch::channel(()).0) }
    }

    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub fn hold(&self, verb: &'static str) {
        self.script().held.push(verb);
    }

    pub fn release(&self, verb: &'static str) {
        self.script().held.retain(|held| *held != verb);
        self.changed.send_replace(());
    }

    /// The verbs so far, as "1 flags INBOX".
    pub fn heard(&self) -> Vec<String> {
        self.script().verbs.iter().map(|verb| format!("{} {}", verb.connection, verb.what)).collect()
    }

    pub fn count(&self, heard: &str) -> usize {
        self.heard().iter().filter(|verb| *verb == heard).count()
    }

    /// Until so many verbs of this kind were heard.
    pub async fn until(&self, heard: &str, count: usize) {
        let mut changed = self.changed.subscribe();
        while self.count(heard) < count {
            changed.changed().await.unwrap();
        }
    }

    /// Until so many connections were attempted.
    pub async fn until_attempts(&self, count: usize) {
        let mut changed = self.changed.subscribe();
        while self.script().attempts.len() < count {
            changed.changed().await.unwrap();
        }
    }
}

impl Connect for Fake {
    type Remote = Connection;

    async fn connect(&self, _first: Option<&str>) -> Result<Connection> {
        let (answer, silent) = {
            let mut script = self.script();
            script.attempts.push(Instant::now());
            (script.refuse.pop_front().flatten(), script.silent)
        };
        self.changed.send_replace(());
        if silent {
            std::future::pending::<()>().await;
        }
        if let Some(error) = answer {
            return Err(error);
        }
        let mut script = self.script();
        script.connections += 1;
        Ok(Connection { fake: self.clone(), number: script.connections })
    }
}

#[derive(Debug)]
pub struct Connection {
    fake: Fake,
    number: usize,
}

impl Connection {
    /// Writes the verb down and does what the script says of it.
    async fn verb(&self, name: &'static str, mailbox: &str) -> Result<()> {
        let fault = {
            let mut script = self.fake.script();
            let what = format!("{name} {mailbox}").trim_end().to_owned();
            script.verbs.push(Verb { connection: self.number, what, at: Instant::now() });
            let at = script.faults.iter().position(|(verb, _)| *verb == name);
            at.and_then(|at| script.faults.remove(at))
        };
        let mut changed = self.fake.changed.subscribe();
        self.fake.changed.send_replace(());
        while self.fake.script().held.contains(&name) {
            changed.changed().await.unwrap();
        }
        match fault {
            Some((_, Fault::Error(error))) => Err(error),
            Some((_, Fault::Panic)) => panic!("as the test wants it"),
            None => Ok(()),
        }
    }

    fn uids(&self, mailbox: &str, window: Window) -> Vec<u32> {
        let count = self.fake.script().messages.get(mailbox).copied().unwrap_or_default();
        (window.low..=window.high.min(count)).collect()
    }

    fn opened(&self, mailbox: &str) -> Opened {
        let exists = u32::try_from(self.uids(mailbox, Window::ALL).len()).unwrap();
        Opened { uid_validity: Some(UidValidity(1)), uid_next: Some(exists + 1), exists, ..Opened::default() }
    }

    fn flags_of(&self, uid: u32) -> Flags {
        self.fake.script().flags.get(&uid).cloned().unwrap_or_default()
    }

    fn messages(&self, mailbox: &str, uids: impl IntoIterator<Item = u32>) -> Vec<RemoteMessage> {
        let one = |uid: u32| RemoteMessage {
            key: Key::Uid(Uid(uid)),
            flags: self.flags_of(uid),
            received: i64::from(uid) * 60,
            size: 100,
            header: format!("From: ada@example.org\r\nSubject: {uid}\r\nMessage-ID: <{uid}@{mailbox}>\r\n\r\n").into_bytes(),
            identity: None,
        };
        uids.into_iter().map(one).collect()
    }
}

impl Remote for Connection {
    fn abilities(&self) -> Abilities {
        Abilities { atomic_move: true, push: true, exact_delete: true }
    }

    async fn mailboxes(&mut self) -> Result<Vec<RemoteMailbox>> {
        self.verb("list", "").await?;
        let mut list = mailboxes();
        // an append makes its mailbox
        if self.fake.heard().iter().any(|verb| verb.ends_with("append Sent")) {
            list.push(RemoteMailbox {
                name: "Sent".into(),
                wire_name: "Sent".into(),
                role: None,
                selectable: true,
                total: None,
                unread: None,
                state: None,
            });
        }
        Ok(list)
    }

    async fn open(&mut self, mailbox: &str) -> Result<Opened> {
        self.verb("open", mailbox).await?;
        Ok(self.opened(mailbox))
    }

    async fn newest(&mut self, mailbox: &str, count: u32) -> Result<(Opened, Vec<RemoteMessage>)> {
        self.verb("newest", mailbox).await?;
        let uids = self.uids(mailbox, Window::ALL).into_iter().rev().take(count as usize);
        Ok((self.opened(mailbox), self.messages(mailbox, uids)))
    }

    async fn flags(&mut self, mailbox: &str, window: Window) -> Result<Vec<(Key, Flags)>> {
        self.verb("flags", mailbox).await?;
        Ok(self.uids(mailbox, window).into_iter().map(|uid| (Key::Uid(Uid(uid)), self.flags_of(uid))).collect())
    }

    async fn headers(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<RemoteMessage>> {
        self.verb("headers", mailbox).await?;
        Ok(self.messages(mailbox, keys.iter().filter_map(Key::uid).map(|uid| uid.0)))
    }

    async fn headers_in(&mut self, mailbox: &str, window: Window) -> Result<Vec<RemoteMessage>> {
        self.verb("headers_in", mailbox).await?;
        Ok(self.messages(mailbox, self.uids(mailbox, window)))
    }

    async fn bodies(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<Body>> {
        self.verb("bodies", mailbox).await?;
        let one = |message: RemoteMessage| Body { key: message.key, bytes: message.header, whole: true, parts: Vec::new() };
        Ok(self.messages(mailbox, keys.iter().filter_map(Key::uid).map(|uid| uid.0)).into_iter().map(one).collect())
    }

    async fn slice(&mut self, mailbox: &str, _key: &Key, _part: Option<&str>, _offset: u64, _length: u32) -> Result<Vec<u8>> {
        self.verb("slice", mailbox).await?;
        Ok(Vec::new())
    }

    async fn store_flags(&mut self, mailbox: &str, keys: &[Key], add: &Flags, remove: &Flags) -> Result<()> {
        self.verb("store", mailbox).await?;
        for uid in keys.iter().filter_map(Key::uid) {
            let flags = self.flags_of(uid.0).with(add).without(remove);
            self.fake.script().flags.insert(uid.0, flags);
        }
        Ok(())
    }

    async fn move_to(&mut self, mailbox: &str, _keys: &[Key], _to: &str) -> Result<Moved> {
        self.verb("move", mailbox).await?;
        Ok(Vec::new())
    }

    async fn copy_to(&mut self, mailbox: &str, _keys: &[Key], _to: &str) -> Result<Moved> {
        self.verb("copy", mailbox).await?;
        Ok(Vec::new())
    }

    async fn append(&mut self, mailbox: &str, _bytes: Vec<u8>, _flags: &Flags, _received: i64) -> Result<Option<Key>> {
        self.verb("append", mailbox).await?;
        Ok(None)
    }

    async fn delete(&mut self, mailbox: &str, _keys: &[Key]) -> Result<()> {
        self.verb("delete", mailbox).await
    }

    async fn find(&mut self, mailbox: &str, _rfc_message_id: &str) -> Result<Vec<Key>> {
        self.verb("find", mailbox).await?;
        Ok(Vec::new())
    }

    async fn wait(&mut self, mailbox: &str, stop: Arc<Notify>) -> Result<Hint> {
        self.verb("wait", mailbox).await?;
        if self.fake.script().hints {
            // a real server's hint takes a moment, in which others get their turn
            tokio::task::yield_now().await;
            return Ok(Hint::Changed);
        }
        stop.notified().await;
        Ok(Hint::Nothing)
    }

    fn alert(&mut self) -> Option<String> {
        self.fake.script().alerts.pop_front()
    }

    async fn close(self) {
        let _ = self.verb("close", "").await;
    }
}

/// What its list holds.
pub fn mailboxes() -> Vec<RemoteMailbox> {
    let one = |name: &str, wire_name: &str, role| RemoteMailbox {
        name: name.into(),
        wire_name: wire_name.into(),
        role,
        selectable: true,
        total: None,
        unread: None,
        state: None,
    };
    vec![one("Inbox", "INBOX", Some(Role::Inbox)), one("Lists", "Lists", None)]
}
