//! The table of row states: what each event does to one placement. Pure; knows no SQL, no time, no other
//! row. Start with [`Placed`] (the state) and [`Placed::wish`] (what a server is still to be asked).
//!
//! Three values stand side by side: `wanted` (the user's), the server's (`mailbox`, `key`, `server`), and
//! `sent` (asked, not answered). An answer moves the server's value to what was sent, never to `wanted`, so
//! what the user did meanwhile stays and is asked next.

use crate::mail::flags::merge;
use crate::mail::{Flags, Key, MailboxId, Placement};

/// Whose bytes these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Ours alone; to be appended or copied by the server.
    Local = 0,
    /// On the server under a key.
    Known = 1,
    /// On the server under a key that is not known; never pushed, rematched or given up.
    Lost = 2,
}

/// What was asked and has no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// All flags as they will be.
    Flags(Flags),
    Move(MailboxId),
    Copy(MailboxId),
    Delete,
    Append(MailboxId, Flags),
    /// Refused where there is nothing to go back to: kept, not asked again until the user touches it.
    Held,
}

impl Sent {
    /// Where the message will be found if the server did as asked.
    pub fn target(&self) -> Option<MailboxId> {
        match self {
            Sent::Move(to) | Sent::Copy(to) | Sent::Append(to, _) => Some(*to),
            Sent::Flags(_) | Sent::Delete | Sent::Held => None,
        }
    }
}

/// One placement without its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub state: State,
    /// The server's mailbox; None while local.
    pub mailbox: Option<MailboxId>,
    pub key: Option<Key>,
    pub server: Flags,
    pub wanted: Placement,
    pub sent: Option<Sent>,
}

/// What a server is to be asked for one row, flags before anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Flags {
        add: Flags,
        remove: Flags,
    },
    Move(MailboxId),
    Delete,
    /// A local row wants to be there: appended, or copied where the server has the same content.
    Place(MailboxId),
}

/// What becomes of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Stays,
    /// There is nothing left of it anywhere.
    Goes,
}

impl Placed {
    /// A row as a server shows it.
    pub fn known(mailbox: MailboxId, key: Key, flags: Flags) -> Self {
        let wanted = Placement { mailbox: Some(mailbox), flags: flags.clone() };
        Self { state: State::Known, mailbox: Some(mailbox), key: Some(key), server: flags, wanted, sent: None }
    }

    /// A row that a server is still to get.
    pub fn local(mailbox: MailboxId, flags: Flags) -> Self {
        let wanted = Placement { mailbox: Some(mailbox), flags };
        Self { state: State::Local, mailbox: None, key: None, server: Flags::default(), wanted, sent: None }
    }

    pub fn wish(&self) -> Option<Wish> {
        if self.sent.is_some() {
            return None;
        }
        match (self.state, self.wanted.mailbox) {
            (State::Lost, _) | (State::Local, None) => None,
            (State::Local, Some(to)) => Some(Wish::Place(to)),
            (State::Known, None) => Some(Wish::Delete),
            (State::Known, Some(_)) if self.server != self.wanted.flags => {
                let (add, remove) = self.server.difference(&self.wanted.flags);
                Some(Wish::Flags { add, remove })
            }
            (State::Known, to) if to != self.mailbox => to.map(Wish::Move),
            (State::Known, _) => None,
        }
    }

    /// Something of it waits to be pushed, or for an answer.
    pub fn is_waiting(&self) -> bool {
        self.sent.is_some() || self.wish().is_some()
    }

    /// The server did what was asked. `key`: where the message is now, if the server told.
    pub fn done(&mut self, key: Option<Key>, server_of_copy: Option<Flags>) -> Fate {
        let Some(sent) = self.sent.take() else { return Fate::Stays };
        match sent {
            Sent::Flags(flags) => self.server = flags,
            Sent::Move(to) => self.arrive(to, key),
            Sent::Copy(to) => {
                self.server = server_of_copy.unwrap_or_default();
                self.arrive(to, key);
            }
            Sent::Append(to, flags) => {
                self.server = flags;
                self.arrive(to, key);
            }
            Sent::Delete => return Fate::Goes,
            Sent::Held => self.sent = Some(Sent::Held),
        }
        Fate::Stays
    }

    fn arrive(&mut self, to: MailboxId, key: Option<Key>) {
        self.mailbox = Some(to);
        self.state = if key.is_some() { State::Known } else { State::Lost };
        self.key = key;
    }

    /// Refused for good: what was asked goes back to what the server has, where it still is as asked.
    pub fn refused(&mut self) -> Fate {
        let Some(sent) = self.sent.take() else { return Fate::Stays };
        match sent {
            Sent::Flags(asked) => {
                let (added, removed) = self.server.difference(&asked);
                let now = &self.wanted.flags;
                let (undo, redo) = (added.without(&added.without(now)), removed.without(now));
                self.wanted.flags = now.without(&undo).with(&redo);
            }
            Sent::Move(to) if self.wanted.mailbox == Some(to) => self.wanted.mailbox = self.mailbox,
            Sent::Delete if self.wanted.mailbox.is_none() => self.wanted.mailbox = self.mailbox,
            Sent::Copy(to) if self.wanted.mailbox == Some(to) || self.wanted.mailbox.is_none() => return Fate::Goes,
            Sent::Append(_, _) if self.wanted.mailbox.is_none() => return Fate::Goes,
            Sent::Append(to, _) if self.wanted.mailbox == Some(to) => self.sent = Some(Sent::Held),
            Sent::Held => self.sent = Some(Sent::Held),
            Sent::Move(_) | Sent::Delete | Sent::Copy(_) | Sent::Append(..) => {}
        }
        Fate::Stays
    }

    /// Not now, or nobody knows: wanted stays, nothing is in flight. Of flags that were asked the server may
    /// have either, so they are taken to be the opposite of what is wanted now and will be asked again.
    pub fn not_now(&mut self) {
        match self.sent.take() {
            Some(Sent::Flags(asked)) => {
                let (added, removed) = self.server.difference(&asked);
                let unsure = added.with(&removed);
                self.server = self.server.without(&unsure).with(&unsure.without(&self.wanted.flags));
            }
            Some(Sent::Held) => self.sent = Some(Sent::Held),
            _ => {}
        }
    }

    /// What the server has of flags whose answer was lost: where it is as asked, it was our doing.
    pub fn looked(&mut self, incoming: &Flags) {
        if let Some(Sent::Flags(asked)) = self.sent.take() {
            let (added, removed) = self.server.difference(&asked);
            let asked_about = added.with(&removed);
            let now = asked_about.without(&asked_about.without(incoming));
            self.server = self.server.without(&asked_about).with(&now);
        }
        self.seen(incoming);
    }

    /// The server shows it with these flags.
    pub fn seen(&mut self, incoming: &Flags) {
        self.wanted.flags = merge(&self.server, &self.wanted.flags, incoming);
        self.server = incoming.clone();
    }

    /// The server shows a message that is this row: a lost one found, or one in flight that arrived before
    /// the answer did.
    pub fn found(&mut self, mailbox: MailboxId, key: Key, incoming: &Flags) {
        match self.sent.take() {
            Some(Sent::Append(_, flags)) => self.server = flags,
            // a copy carries the flags of its source: what we want of it is asked next
            Some(Sent::Copy(_)) => self.server = incoming.clone(),
            Some(Sent::Held) | None if self.state == State::Local => self.server = incoming.clone(),
            _ => {}
        }
        self.state = State::Known;
        self.mailbox = Some(mailbox);
        self.key = Some(key);
        self.seen(incoming);
    }

    /// The mailbox's uids became void. True: a waiting move or delete was cancelled.
    pub fn voided(&mut self) -> bool {
        if self.state != State::Known {
            return false;
        }
        self.state = State::Lost;
        self.key = None;
        self.sent = None;
        let cancelled = self.wanted.mailbox != self.mailbox;
        self.wanted.mailbox = self.mailbox;
        cancelled
    }
}

#[cfg(test)]
#[path = "tests/rows.rs"]
mod tests;
