//! The summary of a message: what the headers say ([`Envelope`]) and what a list row shows ([`Summary`]).

use super::address::Address;
use super::flags::Flags;
use super::ids::{AccountId, ContentId, MailboxId, MessageId, ThreadId};

/// Decoded header fields, as written by the sender (not cleaned for display). Dates are Unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The Date header; None where absent or absurd (outside years 1970..=2100).
    pub date: Option<i64>,
    pub from: Vec<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub subject: String,
    /// Without the angle brackets; None where absent or empty.
    pub rfc_message_id: Option<String>,
    /// In-Reply-To and References joined, oldest first, without angle brackets, at most 100.
    pub references: Vec<String>,
    /// By its Content-Type (multipart/mixed) while only headers are known, exact once the structure is.
    pub has_attachment: bool,
    /// The List-Id's identifier, where there is one.
    pub list_id: Option<String>,
}

/// One row as lists and scripts show it: wanted state, never the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub id: MessageId,
    pub content: ContentId,
    pub thread: ThreadId,
    pub account: AccountId,
    /// The wanted mailbox.
    pub mailbox: MailboxId,
    pub flags: Flags,
    /// The Date header, Unix seconds.
    pub date: Option<i64>,
    /// INTERNALDATE, or the Maildir file's time stamp; Unix seconds.
    pub received: i64,
    pub from: Vec<Address>,
    pub to: Vec<Address>,
    pub subject: String,
    pub rfc_message_id: Option<String>,
    /// Octets (RFC822.SIZE).
    pub size: u64,
    pub has_attachment: bool,
    /// Bytes of the body, or a readable prefix of it, are in the store.
    pub has_body: bool,
    /// A change of it still waits to be pushed.
    pub is_waiting: bool,
}
