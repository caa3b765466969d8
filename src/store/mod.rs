//! SQLite, the single home of mail. `user.db` holds what exists nowhere else, `mail.db` the copy of the
//! servers' mail. One writer thread a process ([`Writer`]), any number of read-only [`Reader`]s.
//!
//! The rules of the row (wanted / server / sent, explicit state) are in docs/design.md; `rows.rs` has the
//! pure table, `changes.rs` what the user does, `messages.rs` what the servers say.

mod accounts;
mod addresses;
mod answers;
mod changes;
mod codec;
mod contacts;
mod contents;
mod drafts;
mod forest;
mod holder;
mod listing;
mod local;
mod lookup;
mod mailboxes;
mod messages;
mod migrate;
mod muted;
mod open;
mod outbox;
mod own;
mod poison;
mod pop3;
mod push;
mod reader;
mod refusals;
mod resync;
mod rows;
mod salvage;
mod search;
mod sound;
mod threads;
mod told;
mod undo;
mod waiting;
mod work;
mod writer;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::mail::page::Part;
use crate::mail::server::Moved;
use crate::mail::{AccountId, Change, ContentId, Flags, Key, MailboxId, MessageId, UidValidity};

pub use contacts::Seen;
pub use drafts::{KeptCopy, StoredDraft};
pub use listing::Listed;
pub use local::{Orphan, Written};
pub use mailboxes::{MailboxAsk, MailboxEnd, MailboxPush, Vanished};
pub use open::open;
pub use outbox::{Fates, OutMessage, OutboxNew, RefusedTo, SentCopy, TakenBack, queue_only};
pub use own::Own;
pub use poison::{InHand, Poison, What};
pub use pop3::Popped;
pub use reader::Reader;
pub use resync::{Differences, Reached};
pub use writer::Writer;

/// Where the databases are.
#[derive(Clone, Debug)]
pub struct Paths {
    pub user_db: PathBuf,
    pub mail_db: PathBuf,
}

impl Paths {
    /// Both files directly in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self { user_db: folder.join("user.db"), mail_db: folder.join("mail.db") }
    }
}

/// A store failure as a sentence; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Written by a newer postrider; refused without change.
    #[error("{file} was written by a newer version of postrider (schema {found}, this one knows {known}); it was not touched")]
    Newer { file: String, found: i64, known: i64 },
    /// Disk full, no permission, corrupt, locked for too long.
    #[error("{context}: {source}")]
    Sql { context: String, source: rusqlite::Error },
    #[error("{context}: {source}")]
    Io { context: String, source: std::io::Error },
    #[error("the writer has stopped")]
    Stopped,
    #[error("{0}")]
    Other(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        let context = match source.sqlite_error_code() {
            Some(Code::DiskFull) => "the disk is full, nothing was saved; free some space and try again",
            // SQLite's word for a full disk too, where it is told only when the file is synced or made longer
            Some(Code::SystemIoFailure) => "the disk is full or failing, nothing was saved; look after it and try again",
            Some(Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen) => "the mail store can't be written",
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => "another program holds the mail store, try again",
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => "the mail store is damaged, it is rebuilt at the next start",
            _ => "the mail store",
        };
        Self::Sql { context: context.to_owned(), source }
    }
}

impl StoreError {
    /// SQLite itself says so: a value that does not fit may be a mistake of ours.
    pub(super) fn is_certain_damage(&self) -> bool {
        use rusqlite::Error::{SqlInputError, SqliteFailure};
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let Self::Sql { source, .. } = self else { return false };
        match source {
            // the search index tells of its own pages in words only
            SqliteFailure(_, Some(words)) if words.contains("fts5") => true,
            SqliteFailure(error, _) | SqlInputError { error, .. } => matches!(error.code, DatabaseCorrupt | NotADatabase),
            _ => false,
        }
    }

    /// The file itself is damaged, as opposed to busy, full or refused: pages that make no sense, or values that can't be
    /// in their column.
    pub fn is_damage(&self) -> bool {
        use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
        let Self::Sql { source, .. } = self else { return false };
        self.is_certain_damage()
            || matches!(source, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
    }
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The answer of the writer thread: await it, or `wait()` where there is no runtime.
#[derive(Debug)]
pub struct Pending<T>(tokio::sync::oneshot::Receiver<Result<T>>);

impl<T> Pending<T> {
    /// Blocks until the writer has committed. Never called on the UI thread or in async code.
    pub fn wait(self) -> Result<T> {
        self.0.blocking_recv().unwrap_or(Err(StoreError::Stopped))
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(StoreError::Stopped)))
    }
}

/// Which rows of a mailbox changed, for [`crate::worker::WorkerEvent::MailChanged`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    pub mailboxes: Vec<ChangedMailbox>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedMailbox {
    pub mailbox: MailboxId,
    pub added: Vec<MessageId>,
    pub removed: Vec<MessageId>,
    pub changed: Vec<MessageId>,
}

/// What `apply`, `undo` and `redo` did.
#[derive(Clone, Debug)]
pub struct Applied {
    pub label: String,
    /// Applied to this change, it is taken back.
    pub inverse: Change,
    pub changed: Changed,
    pub done: usize,
    pub asked: usize,
}

/// One thing to ask of the server, recorded as sent in the transaction that chose it. Rows of one push
/// are of one mailbox and want the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    pub account: AccountId,
    /// Where the rows are on the server, and its wire name. For `Append`, the target.
    pub mailbox: MailboxId,
    pub wire_name: String,
    pub rows: Vec<(MessageId, Key)>,
    pub kind: PushKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushKind {
    Flags {
        add: Flags,
        remove: Flags,
    },
    Move {
        to: MailboxId,
        to_wire: String,
    },
    Copy {
        to: MailboxId,
        to_wire: String,
        new: Vec<MessageId>,
    },
    Delete,
    /// One local row with its bytes; `rows` is empty.
    Append {
        id: MessageId,
        flags: Flags,
        received: i64,
        rfc_message_id: Option<String>,
    },
}

/// How a push ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushEnd {
    /// The server did it. For moves, copies and appends where the messages are now, as far as it told.
    Done(Moved),
    /// Refused for good: wanted goes back to what the server has, where it still is what was sent.
    Refused,
    /// Not now: wanted stays, nothing is in flight any more.
    NotNow,
    /// Flags whose answer was lost: what the server has now.
    Looked(Vec<(Key, Flags)>),
}

/// A row whose push had no answer (cut, crash): the worker looks at the server and says which it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    pub push: Push,
    pub rfc_message_ids: Vec<Option<String>>,
}

/// A body as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBody {
    pub bytes: Vec<u8>,
    pub whole: bool,
    pub parts: Vec<Part>,
}

/// Where a message is on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub account: AccountId,
    pub content: ContentId,
    pub mailbox: MailboxId,
    pub wire_name: String,
    /// None while local or lost.
    pub key: Option<Key>,
    pub size: u64,
}

/// How far a mailbox is synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncState {
    pub uid_validity: Option<UidValidity>,
    pub uid_next: Option<u32>,
    /// Every uid from here up has its headers here (first sync goes downward); 1 = complete.
    pub headers_from: Option<u32>,
    pub synced: Option<i64>,
    /// Every change the server counted up to here is in the rows (RFC 7162).
    pub mod_seq: Option<u64>,
    /// When all of it was last compared, Unix seconds.
    pub whole: Option<i64>,
    /// When it was first seen to have lost most of its messages at once.
    pub shrunk: Option<i64>,
}

/// What opening a mailbox said about its uids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Validity {
    Same,
    /// Opened for the first time.
    New,
    /// Every known uid became void; waiting moves and deletes were cancelled, listed in words.
    Changed {
        cancelled: Vec<String>,
    },
}

/// What a comparison of keys and flags did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    pub changed: Changed,
    /// On the server but not here, newest first: their headers are to be fetched.
    pub missing: Vec<Key>,
    /// Waiting changes, in words, of messages that another program took away.
    pub void: Vec<String>,
    /// A later question was answered before: nothing was done, ask again.
    pub is_stale: bool,
    /// Of some rows the answer says nothing, because a push of theirs is under way or ended since.
    pub has_passed_over: bool,
    /// How far the mailbox is in step was moved on.
    pub is_reached: bool,
}

/// A change that no server has yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: MessageId,
    pub account: AccountId,
    /// In words, with the subject as the sender wrote it: clean it before showing.
    pub label: String,
}
