//! Servers and stores of other programs, behind one small trait. A remote knows bytes and protocol, never
//! our rows: the worker decides what to ask, the store remembers the answer.
//!
//! Start with [`Remote`]; `imap.rs` and `maildir.rs` implement it, tests have a third. `pop3.rs` only fetches:
//! its mail is delivered into a Maildir and read there. What goes out has a trait of its own: [`submit::Submit`],
//! implemented by `smtp.rs` and `sendmail.rs`.

pub mod auth;
pub mod deflate;
pub mod deliver;
pub mod get;
pub mod imap;
pub mod maildir;
pub mod meter;
pub mod net;
pub mod pop3;
pub mod post;
mod public;
pub mod sendmail;
pub mod smtp;
pub mod submit;
pub mod utf7;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::mail::{Flags, Key};

pub use crate::mail::server::{Ability, Body, Changes, Moved, Opened, Point, RemoteMailbox, RemoteMessage, Traffic, Window};

/// What went wrong, by what the caller does about it. `text` is for people and may quote the server
/// (raw; whoever shows it cleans it).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// No connection, or it broke, or a deadline passed: try again later. The outcome of a command that
    /// was under way is unknown.
    #[error("{0}")]
    Offline(String),
    /// TLS refused the peer (certificate, protocol version): tell, try again later, never weaken.
    #[error("{0}")]
    Untrusted(String),
    /// The server said NO or BAD to this request for good: tell, do not repeat.
    #[error("{0}")]
    Rejected(String),
    /// The server said NO for now (UNAVAILABLE, INUSE, LIMIT, OVERQUOTA, SERVERBUG), or to a password that was good: back off, keep what
    /// is wanted.
    #[error("{0}")]
    NotNow(String),
    /// Sign-in refused: ask the user, do not repeat.
    #[error("{0}")]
    BadLogin(String),
    /// No secret is known yet; the server was not asked: ask the user.
    #[error("{0}")]
    NoSecret(String),
    /// The mailbox is gone or its uid_validity changed: look again.
    #[error("{0}")]
    Gone(String),
    /// The peer broke the protocol; the connection is closed and is not used again.
    #[error("{0}")]
    Protocol(String),
}

impl RemoteError {
    /// The connection can't be used any more.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Offline(_) | Self::Untrusted(_) | Self::BadLogin(_) | Self::NoSecret(_) | Self::Protocol(_))
    }
}

pub type Result<T, E = RemoteError> = std::result::Result<T, E>;

/// What the server said without being asked; only ever a reason to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The open mailbox changed: messages came, went or changed flags.
    Changed,
    /// So did others, by wire name; none named: the list of mailboxes is to be read again.
    Elsewhere(Vec<String>),
    /// Nothing happened before the time to renew came, or the wait was interrupted.
    Nothing,
}

/// What a remote can do beyond the plain way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// `move_to` is one step for the server (UID MOVE, rename); else it is copy and delete, and a cut in
    /// between leaves both.
    pub atomic_move: bool,
    /// `wait` hears of changes by itself (IDLE, inotify); else it returns after its polling interval.
    pub push: bool,
    /// Deleting takes exactly the named messages (UIDPLUS).
    pub exact_delete: bool,
}

impl Abilities {
    /// In words, with what each gives or costs.
    pub fn told(self) -> Vec<Ability> {
        let one = |name, has, with, without| Ability { name, has, means: if has { with } else { without } };
        vec![
            one("IDLE", self.push, "new mail shows at once", "new mail is looked for from time to time"),
            one("MOVE", self.atomic_move, "messages move in one step", "messages are copied, then deleted"),
            one("UIDPLUS", self.exact_delete, "exactly the chosen messages are deleted", "deleting for ever waits for others"),
        ]
    }
}

/// A connection to one account. Every method has a deadline inside; after a fatal error the value is
/// dropped. Methods that name a mailbox take its `wire_name` and select it when it is not open.
///
/// Dropping a future in the middle closes the connection: cancel between calls, or give it up.
pub trait Remote: Send {
    fn abilities(&self) -> Abilities;

    /// All mailboxes, with roles and, where it costs no extra trip, counts.
    fn mailboxes(&mut self) -> impl Future<Output = Result<Vec<RemoteMailbox>>> + Send;

    /// Opens a mailbox (again) and tells its state now.
    fn open(&mut self, mailbox: &str) -> impl Future<Output = Result<Opened>> + Send;

    /// Opens a mailbox and brings the headers of its newest `count` messages, newest first.
    fn newest(&mut self, mailbox: &str, count: u32) -> impl Future<Output = Result<(Opened, Vec<RemoteMessage>)>> + Send;

    /// What changed in a mailbox since it was as `known`, in one question; opens it where it is not open. None: the remote
    /// has no way that is cheaper than [`Remote::flags`]. Where `opened` tells another uid_validity, nothing else is told.
    fn changes(&mut self, _mailbox: &str, _known: &Point) -> impl Future<Output = Result<Option<Changes>>> + Send {
        async { Ok(None) }
    }

    /// Keys and flags of everything in the window: a complete answer or an error, never a part.
    fn flags(&mut self, mailbox: &str, window: Window) -> impl Future<Output = Result<Vec<(Key, Flags)>>> + Send;

    /// Keys and flags of the last `count` messages before `key` (None: of all) in the order of their keys, as they are now: where
    /// keys are names, which no window spans.
    fn flags_before(&mut self, mailbox: &str, _key: Option<Key>, _count: usize) -> impl Future<Output = Result<Vec<(Key, Flags)>>> + Send {
        let refusal = format!("the messages of {mailbox} are numbered");
        async move { Err(RemoteError::Rejected(refusal)) }
    }

    /// Headers of these messages; those that are gone are left out. An unreadable one comes with what
    /// could be read (an empty envelope at worst), never as an error.
    fn headers(&mut self, mailbox: &str, keys: &[Key]) -> impl Future<Output = Result<Vec<RemoteMessage>>> + Send;

    /// Headers of everything in the window, for a first sync: saves asking for keys beforehand.
    fn headers_in(&mut self, mailbox: &str, window: Window) -> impl Future<Output = Result<Vec<RemoteMessage>>> + Send;

    /// Bytes to read these messages: whole where small, else headers, text and structure. Gone ones are
    /// left out. Never marks anything seen.
    fn bodies(&mut self, mailbox: &str, keys: &[Key]) -> impl Future<Output = Result<Vec<Body>>> + Send;

    /// One stretch of the raw message (`part` None) or of one part as transferred; shorter than asked at its end.
    fn slice(
        &mut self,
        mailbox: &str,
        key: &Key,
        part: Option<&str>,
        offset: u64,
        length: u32,
    ) -> impl Future<Output = Result<Vec<u8>>> + Send;

    /// Adds and removes flags; messages that are gone are no error.
    fn store_flags(&mut self, mailbox: &str, keys: &[Key], add: &Flags, remove: &Flags) -> impl Future<Output = Result<()>> + Send;

    /// Moves; messages that are gone are missing in the answer.
    fn move_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> impl Future<Output = Result<Moved>> + Send;

    /// Copies; messages that are gone are missing in the answer.
    fn copy_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> impl Future<Output = Result<Moved>> + Send;

    /// Adds a message; `received` in Unix seconds. The key where the server tells it (APPENDUID).
    fn append(&mut self, mailbox: &str, bytes: Vec<u8>, flags: &Flags, received: i64) -> impl Future<Output = Result<Option<Key>>> + Send;

    /// Makes a mailbox of this wire name; one that is there already is no error.
    fn create(&mut self, mailbox: &str) -> impl Future<Output = Result<()>> + Send {
        let refusal = format!("{mailbox} can't be made there");
        async move { Err(RemoteError::Rejected(refusal)) }
    }

    /// What splits the levels of wire names, where it is known (after [`Self::mailboxes`]).
    fn delimiter(&self) -> Option<char> {
        None
    }

    /// Gives a mailbox, and with it what is below it, another wire name.
    fn rename_mailbox(&mut self, mailbox: &str, to: &str) -> impl Future<Output = Result<()>> + Send {
        let refusal = format!("{mailbox} can't be renamed to {to} there");
        async move { Err(RemoteError::Rejected(refusal)) }
    }

    /// Deletes an empty mailbox; one that holds messages is Rejected, one that is not there Gone.
    fn delete_mailbox(&mut self, mailbox: &str) -> impl Future<Output = Result<()>> + Send {
        let refusal = format!("{mailbox} can't be deleted there");
        async move { Err(RemoteError::Rejected(refusal)) }
    }

    /// Whether other programs are to show it.
    fn subscribe(&mut self, mailbox: &str, on: bool) -> impl Future<Output = Result<()>> + Send {
        let refusal = format!("{mailbox}: there are no subscriptions there ({on})");
        async move { Err(RemoteError::Rejected(refusal)) }
    }

    /// Deletes exactly these for ever; messages that are gone are no error. Where the server can't delete
    /// exactly (no UIDPLUS) and others' \Deleted messages are there, they are only marked: Rejected.
    fn delete(&mut self, mailbox: &str, keys: &[Key]) -> impl Future<Output = Result<()>> + Send;

    /// Keys of messages with this Message-ID (RFC 5322, without brackets).
    fn find(&mut self, mailbox: &str, rfc_message_id: &str) -> impl Future<Output = Result<Vec<Key>>> + Send;

    /// Waits in this mailbox until something changes, `stop` is notified, or the time to renew comes.
    fn wait(&mut self, mailbox: &str, stop: Arc<Notify>) -> impl Future<Output = Result<Hint>> + Send;

    /// What the server wants the user to read (ALERT, RFC 9051 7.1), in its words, each once.
    fn alert(&mut self) -> Option<String> {
        None
    }

    /// Says goodbye, briefly.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// Opens connections to one account; the account loop holds one and connects as often as it must.
pub trait Connect: Send + Sync + 'static {
    type Remote: Remote;

    /// Connects and signs in, within a deadline. `first`: the mailbox that will be opened next, so that
    /// sign-in and SELECT can travel together.
    fn connect(&self, first: Option<&str>) -> impl Future<Output = Result<Self::Remote>> + Send;

    /// What all its connections measured.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}
