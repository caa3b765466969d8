//! A listing: which messages, in which order. The worker computes it off the UI thread and hands it over
//! as one `Arc<Vec<Row>>`; rows are read from the store by id, only for the visible window.

use super::ids::{AccountId, MailboxId, MessageId, ThreadId};
use super::query::Query;

/// What a listing draws from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    Mailbox(MailboxId),
    /// Every mailbox of one account.
    Account(AccountId),
    /// Every mailbox of every account, Junk and Trash left out unless the query names them.
    All,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SortBy {
    #[default]
    Received,
    Date,
    From,
    Subject,
    Size,
}

/// Order; the default is newest first, ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sort {
    pub by: SortBy,
    /// Turned round: oldest, first of the alphabet (never the default), smallest first.
    pub reversed: bool,
}

/// A listing is its own name: requests and answers carry it whole.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    pub scope: Scope,
    pub query: Option<Query>,
    /// One row a thread (the newest message of it in this scope), else one row a message.
    pub threads: bool,
    pub sort: Sort,
}

impl Listing {
    pub fn mailbox(id: MailboxId, threads: bool) -> Self {
        Self { scope: Scope::Mailbox(id), query: None, threads, sort: Sort::default() }
    }
}

/// One row of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The message, or the newest of a collapsed thread.
    pub id: MessageId,
    pub thread: ThreadId,
    /// Messages of the thread in this scope; 1 when alone or when threads are off.
    pub count: u32,
    /// Depth in an unfolded thread; 0 in a listing as the worker sends it.
    pub depth: u8,
    /// Of another mailbox, shown where its thread is unfolded; never in a listing as the worker sends it.
    pub elsewhere: bool,
}
