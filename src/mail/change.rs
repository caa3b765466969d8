//! What a user does to messages, as data over our own ids, so that one change may span mailboxes and
//! accounts. `store.apply(change)` saves it as wanted state and returns the inverse, itself a [`Change`].

use super::flags::Flags;
use super::ids::{AccountId, MailboxId, MessageId};

/// One change; applying it is the same online, offline and in undo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds and removes flags and keywords.
    Flags { ids: Vec<MessageId>, add: Flags, remove: Flags },
    /// Moves to a mailbox, of this or another account.
    Move { ids: Vec<MessageId>, to: MailboxId },
    /// Copies to a mailbox, of this or another account.
    Copy { ids: Vec<MessageId>, to: MailboxId },
    /// Deletes for ever: no wanted mailbox.
    Delete { ids: Vec<MessageId> },
    /// Takes rows from one wanted state to another, each only where it still is as the first says: undo and redo.
    Restore { rows: Vec<Restored> },
    /// Cuts each off its thread, with all that answers it.
    Cut { ids: Vec<MessageId> },
    /// Puts each under another message, with all that answers it.
    Join { ids: Vec<MessageId>, to: MessageId },
    /// Takes cuts and joints back, each only where it still is as it says: undo and redo.
    Answer { rows: Vec<Answered> },
    /// Several as one: saved together and taken back in one step (archiving, where every account has its own target).
    Together(Vec<Change>),
    /// Makes, renames, deletes or subscribes a mailbox; `rows` go back along with it where that takes back a deletion.
    Mailbox { wish: MailboxWish, rows: Vec<Restored> },
}

/// What a user wants of a mailbox. Names are UTF-8 with "/" between levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxWish {
    /// `id`: the number it had before, where a deletion is taken back.
    Create {
        account: AccountId,
        name: String,
        id: Option<MailboxId>,
    },
    /// With everything below it.
    Rename {
        id: MailboxId,
        to: String,
    },
    /// What is in it goes to the trash first; it leaves its server once it is empty there.
    Delete {
        id: MailboxId,
    },
    Subscribe {
        id: MailboxId,
        on: bool,
    },
}

/// Where a message is wanted and with which flags; `mailbox` None = wanted gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub mailbox: Option<MailboxId>,
    pub flags: Flags,
}

/// One row of [`Change::Restore`]. Compared field by field: the mailbox goes back only where it is still
/// `from.mailbox`; of the flags only those that differ between `from` and `to` go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub id: MessageId,
    pub from: Placement,
    pub to: Placement,
    /// What it was copied from: a copy that is gone can be made again.
    pub copy_of: Option<MessageId>,
}

/// What a message answers in its thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    #[default]
    AsWritten,
    /// Its thread was cut there.
    Nothing,
    /// The message of this Message-ID.
    Message(String),
}

/// One row of [`Change::Answer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Its Message-ID.
    pub rfc_message_id: String,
    pub from: Answers,
    pub to: Answers,
}

impl Change {
    /// It would do nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Change::Mailbox { .. } => false,
            Change::Together(changes) => changes.iter().all(Change::is_empty),
            _ => self.size() == 0,
        }
    }

    /// How many messages it speaks of.
    pub fn size(&self) -> usize {
        match self {
            Change::Answer { rows } => rows.len(),
            Change::Together(changes) => changes.iter().map(Change::size).sum(),
            _ => self.ids().len(),
        }
    }

    /// The ids it speaks of, in order; what is named by Message-ID has none.
    pub fn ids(&self) -> Vec<MessageId> {
        match self {
            Change::Flags { ids, .. } | Change::Move { ids, .. } | Change::Copy { ids, .. } | Change::Delete { ids } => ids.clone(),
            Change::Cut { ids } | Change::Join { ids, .. } => ids.clone(),
            Change::Answer { .. } => Vec::new(),
            Change::Restore { rows } | Change::Mailbox { rows, .. } => rows.iter().map(|row| row.id).collect(),
            Change::Together(changes) => changes.iter().flat_map(Change::ids).collect(),
        }
    }
}
