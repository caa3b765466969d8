//! A message being written, as the composer edits it and `user.db` keeps it. Header fields are as typed;
//! what they mean is found out when the message is made (`mime::compose`).

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::ids::MessageId;

/// A draft in `user.db`; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DraftId(pub i64);

/// The bytes of one attachment in `user.db`, taken when it was attached; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(pub i64);

/// Everything of a message being written but the bytes of its files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Draft {
    /// Name of the account it is sent by.
    pub account: String,
    pub from: Address,
    /// Address lists as typed.
    pub to: String,
    pub cc: String,
    pub bcc: String,
    pub reply_to: String,
    pub subject: String,
    /// Lines end with "\n".
    pub text: String,
    pub attachments: Vec<Attachment>,
    /// Without angle brackets, as everywhere.
    pub in_reply_to: Option<String>,
    /// Oldest first.
    pub references: Vec<String>,
    /// What it answers or passes on: marked so once it is sent.
    pub answers: Vec<Answered>,
    /// Made once, so that every copy of it is known as the same.
    pub rfc_message_id: String,
    pub cursor: Cursor,
}

/// One attached file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub file: FileId,
    /// As the recipient sees it; no path.
    pub name: String,
    /// "application/pdf", lower case.
    pub content_type: String,
    /// Octets.
    pub size: u64,
}

/// A message that the draft answers or passes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    pub rfc_message_id: String,
    pub kind: AnswerKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerKind {
    /// Gets `\Answered`.
    Reply,
    /// Gets `$Forwarded`.
    Forward,
}

/// Where the cursor stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub field: Field,
    /// Line of the text, 0 elsewhere.
    pub row: u32,
    /// In characters.
    pub column: u32,
}

/// What of a draft is edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Field {
    #[default]
    To,
    Cc,
    Bcc,
    ReplyTo,
    Subject,
    Text,
}

/// Whom a reply goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyTo {
    /// Reply-To, else From.
    Sender,
    /// Sender and all recipients, without our own addresses.
    All,
    /// The mailing list alone (List-Post).
    List,
}

/// What a composer is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// `account`: by name; None = the first.
    New {
        account: Option<String>,
        to: Vec<String>,
        files: Vec<std::path::PathBuf>,
    },
    /// RFC 6068.
    Mailto(String),
    Reply {
        id: MessageId,
        to: ReplyTo,
    },
    /// `whole`: as attachments of type message/rfc822, else in the text with its files.
    Forward {
        ids: Vec<MessageId>,
        whole: bool,
    },
    /// A message of a Drafts mailbox, ours or of another program.
    Continue {
        id: MessageId,
    },
}

/// A From with its signature: who one may write as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the account.
    pub account: String,
    pub from: Address,
    pub signature: Option<String>,
}

/// Somebody to write to, for completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub address: Address,
    /// Messages to them.
    pub sent: u32,
    /// Messages from or beside them.
    pub seen: u32,
    /// Unix seconds of the newest.
    pub last: i64,
}
