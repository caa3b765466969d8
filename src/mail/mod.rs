//! The vocabulary: pure values of mail, without I/O and without async.
//!
//! Everything above (store, remote, worker, ui) speaks in these types; this module names none of them.
//! Start with [`ids`], [`flags`] and [`change`].

pub mod address;
pub mod change;
pub mod check;
pub mod draft;
pub mod envelope;
pub mod flags;
pub mod glimpse;
pub mod idn;
pub mod ids;
pub mod listing;
pub mod mailbox;
pub mod mailto;
pub mod nearest;
pub mod outgoing;
pub mod page;
pub mod query;
pub mod seal;
pub mod server;
pub mod text;
pub mod thread;
pub mod uids;
pub mod url;
pub mod waiting;
pub mod when;

pub use address::Address;
pub use change::{Answered, Answers, Change, MailboxWish, Placement, Restored};
pub use draft::{Attachment, Contact, Draft, DraftId, FileId, Identity, Start};
pub use envelope::{Envelope, Summary};
pub use flags::{FlagBits, Flags, Keywords};
pub use glimpse::Glimpse;
pub use ids::{AccountId, ContentId, JobId, Key, MailboxId, MessageId, ThreadId, Uid, UidValidity};
pub use listing::{Listing, Row, Scope, Sort, SortBy};
pub use mailbox::{Mailbox, Role};
pub use nearest::nearest;
pub use outgoing::{OutItem, OutboxId, SmtpEnvelope, Stage};
pub use page::Page;
pub use query::Query;
pub use text::{DisplayText, HeaderValue, SafeFileName};
pub use uids::Uids;
pub use waiting::{MailboxWait, Mishap, Wait, WaitingGroup, Waits};
