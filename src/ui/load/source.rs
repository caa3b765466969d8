//! The keyed reads that the interface needs, so that a test can answer them from plain rows.

use crate::mail::{AccountId, Listing, Mailbox, MailboxId, MessageId, Row, Scope, Summary, ThreadId};
use crate::store::{Reader, Result};

/// What `load` asks; the store's `Reader` answers it.
pub trait Source {
    fn accounts(&self) -> Result<Vec<(AccountId, String)>>;
    fn mailboxes(&self) -> Result<Vec<Mailbox>>;
    /// A bounded first window, newest first.
    fn first_rows(&self, listing: &Listing, limit: usize) -> Result<Vec<Row>>;
    /// In the order asked; unknown ids are left out.
    fn summaries(&self, ids: &[MessageId]) -> Result<Vec<Summary>>;
    /// Members in reply order, with their depth; those of the mailboxes `also` come along as rows from elsewhere.
    fn thread_rows(&self, listing: &Listing, thread: ThreadId, also: &[MailboxId]) -> Result<Vec<Row>>;
    /// The same, oldest first.
    fn conversation(&self, listing: &Listing, thread: ThreadId, also: &[MailboxId]) -> Result<Vec<Row>>;
    fn thread_ids(&self, scope: &Scope, thread: ThreadId) -> Result<Vec<MessageId>>;
}

impl Source for Reader {
    fn accounts(&self) -> Result<Vec<(AccountId, String)>> {
        Reader::accounts(self)
    }

    fn mailboxes(&self) -> Result<Vec<Mailbox>> {
        Reader::mailboxes(self)
    }

    fn first_rows(&self, listing: &Listing, limit: usize) -> Result<Vec<Row>> {
        Reader::first_rows(self, listing, limit)
    }

    fn summaries(&self, ids: &[MessageId]) -> Result<Vec<Summary>> {
        Reader::summaries(self, ids)
    }

    fn thread_rows(&self, listing: &Listing, thread: ThreadId, also: &[MailboxId]) -> Result<Vec<Row>> {
        Reader::thread_rows(self, listing, thread, also)
    }

    fn conversation(&self, listing: &Listing, thread: ThreadId, also: &[MailboxId]) -> Result<Vec<Row>> {
        Reader::conversation(self, listing, thread, also)
    }

    fn thread_ids(&self, scope: &Scope, thread: ThreadId) -> Result<Vec<MessageId>> {
        Reader::thread_ids(self, scope, thread)
    }
}
