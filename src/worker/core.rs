//! What the links of one account share: its memory ([`State`]), the store, the way out. No lock is held
//! across an await. Knows no connection.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use super::clock::Clock;
use super::out::Out;
use super::pages::Pages;
use super::plan::{Link, Progress, State, Step, Wanted, plan};
use super::readers::Readers;
use crate::config::Keep;
use crate::mail::{AccountId, Key, Mailbox, MailboxId, MessageId, Role};
use crate::store::{Location, StoreError, Writer};

/// Shared by the links of an account and by whoever pokes them.
#[derive(Debug)]
pub struct Core {
    pub account: AccountId,
    pub name: String,
    pub keep: Keep,
    pub role_overrides: BTreeMap<String, String>,
    /// Bodies stay where they are (Maildir), only their text is indexed.
    pub is_local: bool,
    pub headers_only: bool,
    pub writer: Writer,
    pub readers: Readers,
    pub out: Out,
    pub pages: Pages,
    pub clock: Clock,
    inner: Mutex<Inner>,
    /// Interrupts link A's wait.
    pub wake_a: Arc<Notify>,
    /// Interrupts link B's wait.
    pub wake_b: Arc<Notify>,
    /// Told when a link comes to rest.
    pub rested: Arc<Notify>,
    peers: Peers,
}

/// What the lock protects.
#[derive(Debug, Default)]
pub struct Inner {
    pub state: State,
    /// Raw messages being fetched, oldest first.
    pub raws: Vec<RawFetch>,
    /// Bodies the server does not give; not asked again by the keep policy.
    pub refused_bodies: HashSet<(MailboxId, Key)>,
    /// The mailbox link A has open.
    pub open_on_a: Option<MailboxId>,
    a_busy: bool,
    b_busy: bool,
    /// A link is up; else waiting for bodies is in vain.
    pub is_online: bool,
    /// Why no link is up; None while one is, or the first attempt runs.
    pub down: Option<String>,
    /// The server refused the sign-in: only Retry and Credentials try again.
    pub is_refused: bool,
    /// Local rows whose bytes another account is bringing.
    pub bringing: HashSet<MessageId>,
    a_succeeded: bool,
    b_succeeded: bool,
}

/// A raw message on its way, stretch by stretch.
#[derive(Debug)]
pub struct RawFetch {
    pub mailbox: MailboxId,
    pub key: Key,
    pub size: u64,
    pub bytes: Vec<u8>,
    /// Hears how far it is.
    pub progress: Option<tokio::sync::watch::Sender<u64>>,
    pub done: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// What a [`Core`] is made of.
#[derive(Debug)]
pub struct Parts {
    pub account: AccountId,
    pub name: String,
    pub keep: Keep,
    pub role_overrides: BTreeMap<String, String>,
    pub is_local: bool,
    pub headers_only: bool,
    pub writer: Writer,
    pub readers: Readers,
    pub out: Out,
    pub pages: Pages,
    pub clock: Clock,
    pub rested: Arc<Notify>,
    pub peers: Peers,
}

/// The accounts of this process, by id: bytes of a move between accounts come from the other one.
pub type Peers = Arc<Mutex<BTreeMap<AccountId, std::sync::Weak<Core>>>>;

impl Core {
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { account, name, keep, role_overrides, is_local, headers_only, writer, readers, out, pages, clock, rested, peers } =
            parts;
        let inner = Inner { a_busy: true, ..Inner::default() };
        let core = Arc::new(Self {
            account,
            name,
            keep,
            role_overrides,
            is_local,
            headers_only,
            writer,
            readers,
            out,
            pages,
            clock,
            inner: Mutex::new(inner),
            wake_a: Arc::default(),
            wake_b: Arc::default(),
            rested,
            peers,
        });
        core.peers.lock().unwrap_or_else(PoisonError::into_inner).insert(account, Arc::downgrade(&core));
        core
    }

    /// The memory of another account of this process.
    pub fn peer(&self, account: AccountId) -> Option<Arc<Core>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).get(&account)?.upgrade()
    }

    /// The memory; held for moments only.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the mailboxes the store knows into the memory; progress of known ones stays.
    pub async fn load_mailboxes(&self) -> Result<(), StoreError> {
        let account = self.account;
        let known = self.readers.with(move |reader| {
            let mut known = Vec::new();
            for mailbox in reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == account && mailbox.selectable) {
                if let Some(wire_name) = reader.wire_name(mailbox.id)? {
                    let sync = reader.sync_state(mailbox.id)?;
                    known.push((mailbox, wire_name, sync));
                }
            }
            Ok(known)
        });
        let known = known.await?;
        let mut inner = self.lock();
        let mut old = std::mem::take(&mut inner.state.mailboxes);
        for (mailbox, wire_name, sync) in known {
            let progress = match old.iter().position(|progress| progress.id == mailbox.id && progress.wire_name == wire_name) {
                Some(at) => old.swap_remove(at),
                None => Progress {
                    headers_from: sync.headers_from,
                    uid_next: sync.uid_next.unwrap_or(1),
                    ..Progress::new(mailbox.id, &mailbox.name, &wire_name, is_inbox(&mailbox))
                },
            };
            inner.state.mailboxes.push(progress);
        }
        Ok(())
    }

    /// A new connection: everything is to be looked at again.
    pub fn reconnect(&self) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.state.mailboxes.iter_mut().for_each(Progress::reconnect);
        inner.state.list_due = true;
        inner.state.unresolved = true;
        inner.state.dirty = true;
        inner.state.push_not_before = 0;
        inner.state.keep_due = !self.headers_only;
        inner.state.index_due = true;
        inner.open_on_a = None;
    }

    /// The next step of a link, claimed; [`Step::Wait`] puts the link to rest.
    pub fn next_step(&self, link: Link) -> Step {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.state.now = self.clock.mono();
        inner.state.raws = inner.raws.len();
        let step = plan(&inner.state, link);
        match link {
            Link::A => {
                inner.a_busy = step != Step::Wait;
                inner.state.a_rests = step == Step::Wait;
            }
            Link::B => inner.b_busy = step != Step::Wait,
        }
        if step == Step::Wait {
            self.rested.notify_one();
        }
        step
    }

    /// The link does nothing until something pokes it: waiting, backing off, or ended.
    pub fn rest(&self, link: Link) {
        let mut inner = self.lock();
        match link {
            Link::A => inner.a_busy = false,
            Link::B => inner.b_busy = false,
        }
        drop(inner);
        self.rested.notify_one();
    }

    /// The link is at work though no step was planned (connecting).
    pub fn work(&self, link: Link) {
        let mut inner = self.lock();
        match link {
            Link::A => inner.a_busy = true,
            Link::B => inner.b_busy = true,
        }
    }

    /// A step ended well on this connection.
    pub fn note_success(&self, link: Link) {
        let mut inner = self.lock();
        match link {
            Link::A => inner.a_succeeded = true,
            Link::B => inner.b_succeeded = true,
        }
    }

    /// Whether link A did something since the last call: the pause after its end starts short.
    pub fn take_success(&self) -> bool {
        std::mem::take(&mut self.lock().a_succeeded)
    }

    /// The same of link B.
    pub fn take_success_b(&self) -> bool {
        std::mem::take(&mut self.lock().b_succeeded)
    }

    /// No step could start now on any link.
    pub fn is_resting(&self) -> bool {
        let inner = self.lock();
        !inner.a_busy && !inner.b_busy
    }

    /// Changes the memory and wakes the links to look at it.
    pub fn poke(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        change(&mut inner);
        if inner.is_online {
            inner.a_busy = true;
            inner.b_busy = inner.state.has_b || inner.state.expects_b;
        }
        drop(inner);
        self.wake_a.notify_one();
        self.wake_b.notify_one();
    }

    /// Rows may wait to be pushed.
    pub fn poke_push(&self) {
        let mut inner = self.lock();
        inner.state.dirty = true;
        if inner.is_online {
            inner.a_busy = true;
        }
        drop(inner);
        self.wake_a.notify_one();
    }

    /// This mailbox is on screen.
    pub fn look(&self, mailbox: MailboxId) {
        self.poke(|inner| {
            if inner.state.mailbox(mailbox).is_none() || inner.state.looked_at == Some(mailbox) {
                return;
            }
            inner.state.looked_at = Some(mailbox);
            if let Some(progress) = inner.state.mailbox_mut(mailbox) {
                progress.top_due = true;
                progress.not_before = 0;
            }
        });
    }

    /// Check for mail: everything, now.
    pub fn sync(&self) {
        self.poke(|inner| {
            inner.state.list_due = true;
            inner.state.dirty = true;
            inner.state.push_not_before = 0;
            for progress in &mut inner.state.mailboxes {
                progress.top_due = true;
                progress.not_before = 0;
                progress.failures = 0;
                progress.look_again();
            }
        });
    }

    /// Someone waits for this body; earlier waits are answered too, but later.
    pub fn want(&self, wanted: Wanted, ahead: Vec<Wanted>) {
        self.poke(|inner| {
            inner.state.wanted.push_front(wanted);
            inner.state.wanted.truncate(8);
            inner.state.ahead = if self.is_local { Default::default() } else { ahead.into() };
        });
    }

    /// Fetches a raw message whole.
    pub fn fetch_raw(
        &self,
        location: &Location,
        progress: Option<tokio::sync::watch::Sender<u64>>,
    ) -> oneshot::Receiver<Result<Vec<u8>, String>> {
        let (done, answer) = oneshot::channel();
        match location.key.clone() {
            Some(key) => {
                let raw = RawFetch { mailbox: location.mailbox, key, size: location.size, bytes: Vec::new(), progress, done };
                self.poke(|inner| inner.raws.push(raw));
            }
            None => {
                let _ = done.send(Err("the message has not been found on the server yet".into()));
            }
        }
        answer
    }

    /// The wire name of a mailbox in the memory.
    pub fn wire_name(&self, mailbox: MailboxId) -> Option<String> {
        self.lock().state.mailbox(mailbox).map(|progress| progress.wire_name.clone())
    }
}

fn is_inbox(mailbox: &Mailbox) -> bool {
    mailbox.role == Some(Role::Inbox) || mailbox.name.eq_ignore_ascii_case("inbox")
}
