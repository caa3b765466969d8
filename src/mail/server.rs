//! What servers say about mail, as values: made by `remote`, carried by `worker`, remembered by `store`.

use super::envelope::Envelope;
use super::flags::Flags;
use super::ids::{Key, UidValidity};
use super::mailbox::Role;
use super::page::Part;
use super::uids::Uids;

/// A mailbox as the remote lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMailbox {
    /// UTF-8, levels split by "/", the inbox is "Inbox"; unique in the account.
    pub name: String,
    /// What to send to the server for it, byte for byte (modified UTF-7 or UTF-8, its own delimiter), or
    /// the Maildir folder relative to the root.
    pub wire_name: String,
    pub role: Option<Role>,
    pub selectable: bool,
    /// Counts the server gave along (LIST-STATUS).
    pub total: Option<u32>,
    pub unread: Option<u32>,
    /// What opening it would tell, where that came along too.
    pub state: Option<Opened>,
}

/// What went over the connections to a server since the start, and how soon it answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub octets_in: u64,
    pub octets_out: u64,
    /// Smoothed; None before the first answer.
    pub round_trip_ms: Option<u32>,
}

/// Something that a server can do or not, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// The protocol's word for it.
    pub name: &'static str,
    pub has: bool,
    /// What having it gives, or what lacking it costs.
    pub means: &'static str,
}

/// What opening a mailbox tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// None for remotes whose keys never change meaning (Maildir).
    pub uid_validity: Option<UidValidity>,
    /// Larger than every uid in use; None where the remote does not say.
    pub uid_next: Option<u32>,
    pub exists: u32,
    pub read_only: bool,
    /// The number of the last change in it (HIGHESTMODSEQ, RFC 7162); None where the remote does not count changes.
    pub mod_seq: Option<u64>,
}

/// What is known of a mailbox, for a remote that can tell what changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub uid_validity: UidValidity,
    /// Larger than every uid known.
    pub uid_next: u32,
    /// How many messages of it are known.
    pub count: u32,
    /// Every change up to this one is known; None where changes are not counted.
    pub mod_seq: Option<u64>,
    /// All of it is to be told, whatever changed.
    pub all: bool,
}

/// What changed in a mailbox since a [`Point`]: a complete answer or an error, never a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    pub opened: Opened,
    /// Messages that are new or whose flags changed.
    pub flags: Vec<(Key, Flags)>,
    /// What is gone, and perhaps uids that never were.
    pub vanished: Uids,
    /// Exactly these are there, where the remote was asked for all of them.
    pub present: Option<Uids>,
    /// Who has each of these flags, among those present. Of flags that are not named here nothing is said.
    pub marked: Vec<(Flags, Uids)>,
    /// Headers of the newest, where they cost no extra trip.
    pub new: Vec<RemoteMessage>,
    /// Every change up to this one is in here.
    pub mod_seq: Option<u64>,
}

/// Headers of one message, with the flags at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteMessage {
    pub key: Key,
    pub flags: Flags,
    /// INTERNALDATE or the file's time stamp, Unix seconds.
    pub received: i64,
    /// RFC822.SIZE, octets.
    pub size: u64,
    /// The raw header block, or the fields a list needs of it; parsed by the worker.
    pub header: Vec<u8>,
    /// The server's own identity of the content (EMAILID, X-GM-MSGID), where it gives one.
    pub identity: Option<String>,
}

/// A [`RemoteMessage`] with its header parsed, as the store takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    pub key: Key,
    pub flags: Flags,
    pub received: i64,
    pub size: u64,
    pub envelope: Envelope,
    pub identity: Option<String>,
}

/// A stretch of a mailbox, for IMAP by uid (inclusive); Maildir answers the whole for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub low: u32,
    /// u32::MAX = to the end.
    pub high: u32,
}

impl Window {
    pub const ALL: Self = Self { low: 1, high: u32::MAX };
}

/// What an answer spans: of what is known here, all that it does not tell of is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// A window, or the whole where keys are names.
    Window(Window),
    /// Names from this one on (None: the first) to before that one (None: to the end).
    Names { from: Option<Key>, before: Option<Key> },
}

impl From<Window> for Span {
    fn from(window: Window) -> Self {
        Self::Window(window)
    }
}

/// Bytes of a message, fetched for reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub key: Key,
    /// The message from its first byte: the whole, or a prefix that holds the headers and at least the
    /// beginning of the text.
    pub bytes: Vec<u8>,
    pub whole: bool,
    /// From BODYSTRUCTURE, where `whole` is false.
    pub parts: Vec<Part>,
}

/// Where moved or copied messages are now: old key, new key (None where the server does not tell).
pub type Moved = Vec<(Key, Option<Key>)>;
