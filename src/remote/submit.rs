//! Handing a message to an MTA, in two phases so that the caller can write down "handing over" between
//! them. `smtp.rs` and `sendmail.rs` implement it, and the demo's delivery; tests have another.

use std::future::Future;

use crate::mail::SmtpEnvelope;
use crate::mail::outgoing::Fate;

/// What is handed over.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Only its pending and deferred recipients are asked for.
    pub envelope: SmtpEnvelope,
    /// The final message; any line ends, made CRLF on the way; Bcc already gone.
    pub bytes: std::sync::Arc<[u8]>,
}

/// Why a message was not taken, by what the caller does about it. Texts quote the server (raw).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The server can't be reached, or is lost before it signed us in: try again later, however long that lasts (a week without a
    /// network).
    #[error("{0}")]
    Offline(String),
    /// The connection broke later but before the end of data, or the server said 4yz: try again later. Nothing was taken.
    #[error("{0}")]
    Later(String),
    /// TLS refused the peer: tell, try again later, never weaken.
    #[error("{0}")]
    Untrusted(String),
    /// 5yz to the sender or the message, or it can't be sent there at all (too large, needs SMTPUTF8): for good.
    #[error("{0}")]
    Refused(String),
    /// Every recipient was refused or put off; the fates say how.
    #[error("{text}")]
    NoRecipient { text: String, fates: Vec<(String, Fate)> },
    /// Sign-in refused: ask the user, do not repeat.
    #[error("{0}")]
    BadLogin(String),
    /// No secret is known yet: ask the user.
    #[error("{0}")]
    NoSecret(String),
    /// The end of data was sent and no answer came that can be believed: it may have been taken.
    #[error("{0}")]
    Unknown(String),
}

/// How each recipient that was asked for fares.
pub type Fates = Vec<(String, Fate)>;

/// A way out: knows how to reach one MTA. Every step has a deadline inside.
pub trait Submit: Send + Sync + 'static {
    type Handover: Handover;

    /// Connects, signs in, sends the envelope and the text up to, but without, the end of data. The fates are of the
    /// recipients asked for now: Accepted (by RCPT), Deferred or Refused.
    fn prepare(&self, mail: &Submission) -> impl Future<Output = Result<(Self::Handover, Fates), SubmitError>> + Send;
}

/// A message sent but for its end.
pub trait Handover: Send {
    /// Sends the end of data and waits for the answer: the server's words when it took the message. A 4yz or 5yz
    /// answer is a sure no; anything else after the first octet of the end is [`SubmitError::Unknown`].
    fn commit(self) -> impl Future<Output = Result<String, SubmitError>> + Send;

    /// Closes the connection instead: the message is not taken.
    fn abandon(self) -> impl Future<Output = ()> + Send;
}
