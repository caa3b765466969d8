//! What the links of one account share: its memory ([`State`]), the store, the way out. No lock is held
//! across an await. Knows no connection.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot, watch};

use super::LinkState;
use super::clock::Clock;
use super::hand::Hand;
use super::jobs::{self, Jobs};
use super::long::Long;
use super::out::Out;
use super::pages::Pages;
use super::plan::{Link, Progress, State, Step, Wanted, plan};
use super::readers::Readers;
use crate::config::{self, Incoming, Keep};
use crate::mail::{AccountId, Key, Mailbox, MailboxId, MessageId, Role};
use crate::remote::Abilities;
use crate::remote::net::Trace;
use crate::store::{Location, StoreError, Writer};

/// Shared by the links of an account and by whoever pokes them.
#[derive(Debug)]
pub struct Core {
    pub account: AccountId,
    pub name: String,
    pub keep: Keep,
    /// Octets of bodies kept, at most.
    pub keep_size: u64,
    pub role_overrides: BTreeMap<String, String>,
    /// Bodies stay where they are (Maildir), only their text is indexed.
    pub is_local: bool,
    pub common: Common,
    inner: Mutex<Inner>,
    /// Interrupts link A's wait.
    pub wake_a: Arc<Notify>,
    /// Interrupts link B's wait.
    pub wake_b: Arc<Notify>,
}

/// What all accounts of this process share.
#[derive(Clone, Debug)]
pub struct Common {
    pub writer: Writer,
    pub readers: Readers,
    pub out: Out,
    pub pages: Pages,
    pub hand: Hand,
    pub jobs: Jobs,
    pub clock: Clock,
    /// Told when a link comes to rest.
    pub rested: Arc<Notify>,
    pub peers: Peers,
    pub trace: Option<Trace>,
    pub seed: u64,
    pub offline: bool,
    pub headers_only: bool,
    /// True when the program ends.
    pub stop: watch::Receiver<bool>,
}

/// What the lock protects.
#[derive(Debug, Default)]
pub struct Inner {
    pub state: State,
    /// Raw messages being fetched, oldest first.
    pub raws: Vec<RawFetch>,
    /// Bodies the server does not give; not asked again by the keep policy.
    pub refused_bodies: HashSet<(MailboxId, Key)>,
    /// The mailbox each link has open.
    pub open_on_a: Option<MailboxId>,
    pub open_on_b: Option<MailboxId>,
    /// Long work under way, as the user sees it.
    pub long: BTreeMap<Long, jobs::Progress>,
    /// Bodies under way that someone waits for.
    claimed: Vec<Wanted>,
    a_busy: bool,
    b_busy: bool,
    /// When each link was connected, Unix seconds.
    a_since: i64,
    b_since: i64,
    /// What was last told of the connection, as a word; empty before the first.
    pub link: &'static str,
    /// A link is up; else waiting for bodies is in vain.
    pub is_online: bool,
    /// Why no link is up; None while one is, or the first attempt runs.
    pub down: Option<String>,
    /// When that came to be, Unix seconds.
    pub since: i64,
    /// When the server last answered a step, Unix seconds.
    pub answered: Option<i64>,
    /// The newest failure of a connection, and when.
    pub failed: Option<(i64, String)>,
    /// The newest alert of the server that was told.
    pub alerted: Option<String>,
    /// Told at the sign-in.
    pub abilities: Option<Abilities>,
    /// The machine slept: the connection of the link may be dead, and its next answer is not waited for as long as others.
    suspect_a: bool,
    suspect_b: bool,
    /// The server refused the sign-in: only Retry and Credentials try again.
    pub is_refused: bool,
    /// Local rows whose bytes another account is bringing.
    pub bringing: HashSet<MessageId>,
    /// Pushes (from where, to where) that met a mailbox that is gone. If they do so again after the mailboxes were listed, they
    /// are given up: everything else would wait behind them.
    pub gone: HashSet<(MailboxId, Option<MailboxId>)>,
    /// Why pushes were put off, as it was told.
    pub put_off: Option<String>,
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
    pub progress: Option<watch::Sender<u64>>,
    pub done: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// The accounts of this process, by id: bytes of a move between accounts come from the other one.
pub type Peers = Arc<Mutex<BTreeMap<AccountId, std::sync::Weak<Core>>>>;

impl Inner {
    /// Takes these bodies out of every queue; those someone waits for are set aside.
    fn claim(&mut self, mailbox: MailboxId, keys: &[Key]) {
        let state = &mut self.state;
        self.claimed.extend(state.wanted.iter().filter(|wanted| is_asked(wanted, mailbox, keys)).cloned());
        state.wanted.retain(|wanted| !is_asked(wanted, mailbox, keys));
        state.ahead.retain(|wanted| !is_asked(wanted, mailbox, keys));
        state.keep.retain(|(other, key)| *other != mailbox || !keys.contains(key));
    }

    /// Whoever waited for a body that a lost connection was fetching waits on.
    pub fn unclaim(&mut self) {
        self.state.wanted.extend(self.claimed.drain(..));
    }

    /// When this link was connected, Unix seconds.
    pub fn connected(&self, link: Link) -> i64 {
        match link {
            Link::A => self.a_since,
            Link::B => self.b_since,
        }
    }

    fn is_b_at_home(&self) -> bool {
        self.open_on_b.is_some() && self.open_on_b == self.state.home().map(|home| home.id)
    }
}

fn is_asked(wanted: &Wanted, mailbox: MailboxId, keys: &[Key]) -> bool {
    wanted.mailbox == mailbox && keys.contains(&wanted.key)
}

impl Core {
    /// The memory of an account, empty.
    pub fn new(common: &Common, account: AccountId, config: &config::Account) -> Arc<Self> {
        let keep = match &config.incoming {
            Incoming::Imap(server) => server.keep,
            // the files are here anyway: all of their text is searched
            Incoming::Maildir(_) | Incoming::Pop3(_) => Keep::All,
            Incoming::None => Keep::Headers,
        };
        let core = Arc::new(Self {
            account,
            name: config.name.clone(),
            keep,
            keep_size: config.incoming.server().map_or(u64::MAX, |server| server.keep_size),
            role_overrides: config.mailboxes.clone(),
            is_local: matches!(config.incoming, Incoming::Maildir(_) | Incoming::Pop3(_)),
            common: common.clone(),
            inner: Mutex::new(Inner { a_busy: true, ..Inner::default() }),
            wake_a: Arc::default(),
            wake_b: Arc::default(),
        });
        common.peers.lock().unwrap_or_else(PoisonError::into_inner).insert(account, Arc::downgrade(&core));
        core
    }

    /// Tells the state of the connection.
    pub async fn tell_link(&self, state: LinkState) {
        let now = self.common.clock.wall();
        {
            let mut inner = self.lock();
            if std::mem::replace(&mut inner.link, state.word()) != state.word() {
                inner.since = now;
            }
            if let LinkState::SignIn { refused: Some(why) } | LinkState::BackOff { why, .. } = &state {
                inner.failed = Some((now, why.clone()));
            }
        }
        self.common.out.link(self.account, &self.name, state).await;
    }

    /// The memory of another account of this process.
    pub fn peer(&self, account: AccountId) -> Option<Arc<Core>> {
        self.common.peers.lock().unwrap_or_else(PoisonError::into_inner).get(&account)?.upgrade()
    }

    /// The memory; held for moments only.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the mailboxes the store knows into the memory; progress of known ones stays.
    pub async fn load_mailboxes(&self) -> Result<(), StoreError> {
        let account = self.account;
        let known = self.common.readers.with(move |reader| {
            let mut known = Vec::new();
            for mailbox in reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == account && mailbox.selectable) {
                // without one its server has yet to make it
                if let Some(wire_name) = reader.wire_name(mailbox.id)?.filter(|wire_name| !wire_name.is_empty()) {
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
                    uid_validity: sync.uid_validity,
                    mod_seq: sync.mod_seq,
                    whole: sync.whole,
                    is_shrunk: sync.shrunk.is_some(),
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
        inner.state.mailboxes_due = true;
        inner.state.push_not_before = 0;
        inner.state.refused_again = Some(0);
        inner.state.keep_due = !self.common.headers_only;
        inner.state.index_due = true;
        inner.state.evict_due = true;
        inner.open_on_a = None;
        inner.open_on_b = None;
        // B ended with A, perhaps in the middle of a step
        (inner.state.has_b, inner.state.expects_b) = (false, false);
        inner.a_since = self.common.clock.wall();
        inner.state.b_rests = false;
        inner.unclaim();
    }

    /// They wait for a body still.
    pub fn want_again(&self, waiting: Vec<Wanted>) {
        let mut inner = self.lock();
        for wanted in waiting {
            inner.state.wanted.push_front(wanted);
        }
    }

    /// Link B is being connected, or there is none to be expected any more.
    pub fn expect_b(&self, expected: bool) {
        self.poke(|inner| inner.state.expects_b = expected);
        if !expected {
            self.rest(Link::B);
        }
    }

    /// Link B is there, with the mailbox it opened first, or it is lost.
    pub fn set_b(&self, open: Option<Option<MailboxId>>) {
        self.poke(|inner| {
            (inner.state.has_b, inner.state.expects_b, inner.state.b_rests) = (open.is_some(), false, false);
            inner.open_on_b = open.flatten();
            inner.b_since = self.common.clock.wall();
            inner.unclaim();
        });
        if open.is_none() {
            self.rest(Link::B);
        }
    }

    /// The mailbox a link has open now.
    pub fn note_open(&self, link: Link, mailbox: MailboxId) {
        let mut inner = self.lock();
        match link {
            Link::A => inner.open_on_a = Some(mailbox),
            Link::B => inner.open_on_b = Some(mailbox),
        }
    }

    /// The next step of a link, claimed; [`Step::Wait`] puts the link to rest.
    pub fn next_step(&self, link: Link) -> Step {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.state.now = self.common.clock.mono();
        inner.state.raws = inner.raws.len();
        let step = plan(&inner.state, link);
        let rests = step == Step::Wait;
        match link {
            Link::A => {
                inner.a_busy = !rests;
                inner.state.a_rests = rests;
            }
            Link::B => {
                inner.b_busy = !rests;
                inner.state.b_rests = rests && inner.is_b_at_home();
            }
        }
        if let Step::Bodies { mailbox, keys } = &step {
            inner.claim(*mailbox, keys);
        }
        if rests {
            self.common.rested.notify_one();
        }
        step
    }

    /// Who waits for these bodies, in order: whom [`Self::next_step`] set aside, and who came meanwhile.
    pub fn take_waiting(&self, mailbox: MailboxId, keys: &[Key]) -> Vec<Wanted> {
        let mut inner = self.lock();
        inner.claim(mailbox, keys);
        let (waiting, others) = std::mem::take(&mut inner.claimed).into_iter().partition(|wanted| is_asked(wanted, mailbox, keys));
        inner.claimed = others;
        waiting
    }

    /// The link does nothing until something pokes it: waiting, backing off, or ended.
    pub fn rest(&self, link: Link) {
        let mut inner = self.lock();
        match link {
            Link::A => inner.a_busy = false,
            Link::B => inner.b_busy = false,
        }
        drop(inner);
        self.common.rested.notify_one();
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
        let now = self.common.clock.wall();
        let mut inner = self.lock();
        inner.answered = Some(now);
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

    /// A link did a step: what it found may be the other one's to go on with.
    pub fn poke_other(&self, link: Link) {
        let mut inner = self.lock();
        let wake = match link {
            Link::A if inner.is_online && inner.state.has_b => {
                inner.b_busy = true;
                &self.wake_b
            }
            Link::B if inner.is_online => {
                inner.a_busy = true;
                &self.wake_a
            }
            Link::A | Link::B => return,
        };
        wake.notify_one();
    }

    /// Rows may wait to be pushed.
    pub fn poke_push(&self) {
        let mut inner = self.lock();
        inner.state.dirty = true;
        inner.state.mailboxes_due = true;
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
                progress.look_now();
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
            inner.state.refused_again = Some(0);
            inner.state.refused_now = true;
            inner.state.keep_stopped = false;
            inner.state.keep_due = !self.common.headers_only;
            for progress in &mut inner.state.mailboxes {
                progress.look_now();
                progress.not_before = 0;
                progress.failures = 0;
                progress.is_stopped = false;
                progress.look_again();
            }
        });
    }

    /// The machine slept: looks whether the server is still there.
    pub fn suspect(&self) {
        if self.is_local || !self.lock().is_online {
            return;
        }
        self.poke(|inner| {
            inner.suspect_a = true;
            inner.suspect_b = inner.state.has_b;
            let home = inner.state.home().map(|home| home.id);
            if let Some(progress) = home.and_then(|home| inner.state.mailbox_mut(home)) {
                progress.look_now();
            }
        });
    }

    /// Whether the connection of this link is suspected since the last call.
    pub fn take_suspicion(&self, link: Link) -> bool {
        let mut inner = self.lock();
        match link {
            Link::A => std::mem::take(&mut inner.suspect_a),
            Link::B => std::mem::take(&mut inner.suspect_b),
        }
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
    pub fn fetch_raw(&self, location: &Location, progress: Option<watch::Sender<u64>>) -> oneshot::Receiver<Result<Vec<u8>, String>> {
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

    /// The mailbox on screen, where link B has another one open: there the next message will be opened.
    pub fn way_home_of_b(&self) -> Option<(MailboxId, String)> {
        let inner = self.lock();
        let open = inner.open_on_b?;
        inner.state.home().filter(|home| home.id != open).map(|home| (home.id, home.wire_name.clone()))
    }

    /// The wire name of a mailbox in the memory.
    pub fn wire_name(&self, mailbox: MailboxId) -> Option<String> {
        self.lock().state.mailbox(mailbox).map(|progress| progress.wire_name.clone())
    }
}

fn is_inbox(mailbox: &Mailbox) -> bool {
    mailbox.role == Some(Role::Inbox) || mailbox.name.eq_ignore_ascii_case("inbox")
}
