//! IMAP4 (RFC 3501, RFC 9051) as a [`Remote`]. Owns the protocol; must not know the store or our rows.
//!
//! ```text
//! bytes -> frame (bounds) -> value -> parse -> session (tags, deadlines)
//! session <- signin select list changes fetch modify idle  (what commands mean)  <- this file: the trait's verbs
//! ```
//!
//! The framing and reading are our own because the crates at hand turn a refusal or a hang-up into an empty
//! success, drop what they can't queue, and abort on deep nesting; imap-proto reads BODYSTRUCTURE only.

pub mod caps;
mod changes;
pub mod command;
mod fetch;
pub mod frame;
mod idle;
mod list;
mod mailbox;
mod modify;
pub mod parse;
pub mod quirks;
pub mod refusal;
mod select;
pub mod session;
pub mod set;
mod signin;
pub mod structure;
pub mod value;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::Notify;

use self::command::Command;
use self::session::{Deadlines, Session, Validities};
use super::auth::Secrets;
use super::net::{Connector, Dial, Trace};
use super::{
    Abilities, Body, Changes, Connect, Hint, Moved, Opened, Point, Remote, RemoteError, RemoteMailbox, RemoteMessage, Result, Traffic,
    Window,
};
use crate::config::{Secret, Server};
use crate::mail::{Flags, Key};

/// One account on an IMAP server; connects as often as it is asked to.
#[derive(Debug)]
pub struct Account {
    name: String,
    server: Server,
    secrets: Secrets,
    connector: Connector,
    deadlines: Deadlines,
    validities: Validities,
    compression: Arc<AtomicBool>,
    trace: Option<Trace>,
}

impl Account {
    /// `name` is the configuration's name of the account, for sentences and traces.
    pub fn new(name: impl Into<String>, server: Server) -> Self {
        let name = name.into();
        Self {
            secrets: Secrets::new(&name, server.credentials.clone()),
            connector: Connector::to(&server),
            compression: Arc::new(AtomicBool::new(server.compress != Some(false))),
            name,
            server,
            deadlines: Deadlines::default(),
            validities: Validities::default(),
            trace: None,
        }
    }

    /// Writes the dialogue, credentials masked, to a trace.
    #[must_use]
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Other deadlines, for tests and slow lines.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
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
}

impl Connect for Account {
    type Remote = Session;

    async fn connect(&self, first: Option<&str>) -> Result<Session> {
        // An access token that was kept may only have expired; a password is never tried twice in a row.
        let old_token = self.secrets.holds_token();
        match signin::connect(self, first).await {
            Err(RemoteError::BadLogin(_)) if old_token => signin::connect(self, first).await,
            other => other,
        }
    }

    fn traffic(&self) -> Traffic {
        self.connector.traffic()
    }
}

/// How long a goodbye may take.
const CLOSE: Duration = Duration::from_secs(2);

impl Remote for Session {
    fn abilities(&self) -> Abilities {
        Abilities { atomic_move: self.caps.moves(), push: self.caps.idle(), exact_delete: self.caps.uidplus() }
    }

    async fn mailboxes(&mut self) -> Result<Vec<RemoteMailbox>> {
        self.list_mailboxes().await
    }

    async fn open(&mut self, mailbox: &str) -> Result<Opened> {
        self.open_mailbox(mailbox).await
    }

    async fn newest(&mut self, mailbox: &str, count: u32) -> Result<(Opened, Vec<RemoteMessage>)> {
        self.newest_messages(mailbox, count).await
    }

    async fn changes(&mut self, mailbox: &str, known: &Point) -> Result<Option<Changes>> {
        self.changes_since(mailbox, known).await
    }

    async fn flags(&mut self, mailbox: &str, window: Window) -> Result<Vec<(Key, Flags)>> {
        self.flags_in(mailbox, window).await
    }

    async fn headers(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<RemoteMessage>> {
        self.headers_of(mailbox, keys).await
    }

    async fn headers_in(&mut self, mailbox: &str, window: Window) -> Result<Vec<RemoteMessage>> {
        self.headers_within(mailbox, window).await
    }

    async fn bodies(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<Body>> {
        self.bodies_of(mailbox, keys).await
    }

    async fn slice(&mut self, mailbox: &str, key: &Key, part: Option<&str>, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.slice_of(mailbox, key, part, offset, length).await
    }

    async fn store_flags(&mut self, mailbox: &str, keys: &[Key], add: &Flags, remove: &Flags) -> Result<()> {
        self.store(mailbox, keys, add, remove).await
    }

    async fn move_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        self.move_messages(mailbox, keys, to).await
    }

    async fn copy_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        self.copy_messages(mailbox, keys, to).await
    }

    async fn append(&mut self, mailbox: &str, bytes: Vec<u8>, flags: &Flags, received: i64) -> Result<Option<Key>> {
        self.append_message(mailbox, &bytes, flags, received).await
    }

    async fn create(&mut self, mailbox: &str) -> Result<()> {
        self.create_mailbox(mailbox).await
    }

    fn delimiter(&self) -> Option<char> {
        self.delimiter
    }

    async fn rename_mailbox(&mut self, mailbox: &str, to: &str) -> Result<()> {
        self.rename(mailbox, to).await
    }

    async fn delete_mailbox(&mut self, mailbox: &str) -> Result<()> {
        self.delete_empty(mailbox).await
    }

    async fn subscribe(&mut self, mailbox: &str, on: bool) -> Result<()> {
        self.set_subscribed(mailbox, on).await
    }

    async fn delete(&mut self, mailbox: &str, keys: &[Key]) -> Result<()> {
        self.delete_messages(mailbox, keys).await
    }

    async fn find(&mut self, mailbox: &str, rfc_message_id: &str) -> Result<Vec<Key>> {
        self.find_message_id(mailbox, rfc_message_id).await
    }

    async fn wait(&mut self, mailbox: &str, stop: Arc<Notify>) -> Result<Hint> {
        self.wait_in(mailbox, stop).await
    }

    fn alert(&mut self) -> Option<String> {
        self.alert.take()
    }

    async fn close(mut self) {
        // Whether the goodbye is heard changes nothing.
        let _ = tokio::time::timeout(CLOSE, self.run_one(Command::new("LOGOUT"), |_, _| true)).await;
    }
}
