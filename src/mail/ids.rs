//! Numbers that name things. Ours are 64-bit row ids; the server's are 32-bit and only mean something
//! together with a mailbox and its uid_validity.

use std::fmt;

macro_rules! row_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

row_id! {
    /// One placement of a message in a mailbox; our row, never reused, stable over moves and undo.
    MessageId;
    /// The headers, body and search text that several placements may share.
    ContentId;
    /// A mailbox row.
    MailboxId;
    /// An account row (a login).
    AccountId;
    /// Messages joined by References share one of these.
    ThreadId;
}

/// A piece of long work that shows progress and can be cancelled; unique in one run of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// The server's number of a message in a mailbox (RFC 9051 2.3.1.1); never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u32);

/// The generation of a mailbox's uids (RFC 9051 2.3.1.1): when it changes, every [`Uid`] is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UidValidity(pub u32);

/// How a remote names a message inside one mailbox: IMAP by uid, Maildir by the file name up to the flags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Uid(Uid),
    BaseName(Box<str>),
}

impl Key {
    /// The uid, where the remote numbers its messages.
    pub fn uid(&self) -> Option<Uid> {
        match self {
            Key::Uid(uid) => Some(*uid),
            Key::BaseName(_) => None,
        }
    }

    /// The Maildir base name, where the remote names its messages.
    pub fn base_name(&self) -> Option<&str> {
        match self {
            Key::Uid(_) => None,
            Key::BaseName(name) => Some(name),
        }
    }
}
