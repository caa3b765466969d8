//! A message on its way out: the stages of the outbox, the SMTP envelope (RFC 5321 2.3.1), and how each
//! recipient fared.

use serde::{Deserialize, Serialize};

use super::ids::MessageId;

/// An outbox row in `user.db`; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OutboxId(pub i64);

/// How far a message is. A crash or a cut line before `HandingOver` goes back to `Queued`; from there on it
/// is `Unknown`, because the server may have taken it (RFC 5321 4.5.4.1, RFC 1047).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// To be sent as soon as it can be.
    Queued = 0,
    /// Not before its time: undo-send, or send later.
    Held = 1,
    Sending = 2,
    /// The end of data is about to be, or was, sent; no answer yet.
    HandingOver = 3,
    /// The server took it; the copy in Sent is still to be made.
    Accepted = 4,
    /// Done, the copy in Sent included.
    Filed = 5,
    /// Refused for good; back with the user.
    Refused = 6,
    /// The answer to the end of data was lost: never sent again by itself.
    Unknown = 7,
}

/// Every stage with its word in scripts and events.
pub const STAGES: &[(Stage, &str)] = &[
    (Stage::Queued, "queued"),
    (Stage::Held, "held"),
    (Stage::Sending, "sending"),
    (Stage::HandingOver, "handing-over"),
    (Stage::Accepted, "accepted"),
    (Stage::Filed, "filed"),
    (Stage::Refused, "refused"),
    (Stage::Unknown, "unknown"),
];

impl Stage {
    /// The word in scripts and events.
    pub fn word(self) -> &'static str {
        STAGES.iter().find(|(stage, _)| *stage == self).map_or("", |(_, word)| word)
    }

    /// From the database.
    pub fn from_number(number: i64) -> Option<Self> {
        STAGES.iter().find(|(stage, _)| i64::from(*stage as u8) == number).map(|(stage, _)| *stage)
    }
}

/// What MAIL FROM and RCPT TO say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmtpEnvelope {
    /// The reverse-path; empty for the null one.
    pub mail_from: String,
    pub recipients: Vec<Recipient>,
    pub dsn: Dsn,
}

/// Delivery reports to ask for (RFC 3461), as in the configuration and the arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dsn {
    /// "never", or some of "success,failure,delay".
    pub notify: Option<String>,
    /// "headers" or "full".
    pub ret: Option<String>,
    pub envid: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub address: String,
    pub fate: Fate,
}

/// How a recipient fared so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    #[default]
    Pending,
    /// The server took the message for them.
    Accepted,
    /// 4yz: tried again; the server's words.
    Deferred(String),
    /// 5yz: for good; the server's words.
    Refused(String),
}

/// An outbox row as lists show it. Texts of servers and users are not cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutItem {
    pub id: OutboxId,
    /// Name of the account.
    pub account: String,
    pub stage: Stage,
    pub subject: String,
    pub recipients: Vec<Recipient>,
    /// Unix seconds: not tried earlier.
    pub not_before: i64,
    pub attempts: u32,
    /// What went wrong last, in words, with the server's.
    pub error: Option<String>,
    /// It came from the composer and can go back there.
    pub has_draft: bool,
    /// The copy in a Drafts mailbox that it continued.
    pub continues: Option<MessageId>,
}
