//! The way out: events to the UI or a command, the event log, and the set of mailboxes whose listing may be
//! old. Knows no store and no server.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use tokio::sync::{Notify, broadcast, mpsc};

use super::outbox::Pokes;
use super::{LinkState, WorkerEvent};
use crate::events::EventLog;
use crate::mail::{AccountId, DisplayText, MailboxId, OutboxId, Stage};
use crate::store::Changed;

/// Sends events; clones send to the same receiver. A receiver that is gone is no error.
#[derive(Clone, Debug)]
pub struct Out {
    events: mpsc::Sender<WorkerEvent>,
    log: EventLog,
    touched: Arc<Touched>,
    pokes: Pokes,
    sent: Arc<AtomicU64>,
    listed: Arc<Notify>,
    said: broadcast::Sender<Said>,
}

/// What other processes hear.
#[derive(Clone, Debug)]
pub enum Said {
    Mail(Arc<Changed>),
    /// Anything may have changed; who caused it (a process id) knows already.
    All {
        except: u32,
    },
}

/// Characters of a sentence in the log file.
const LOGGED: usize = 500;
/// Changes that may wait for a process; one that is further behind reads everything again.
const SAID: usize = 256;

/// Mailboxes with changed rows since the listing was last computed.
#[derive(Debug, Default)]
pub struct Touched {
    mailboxes: Mutex<BTreeSet<MailboxId>>,
    pub notify: Notify,
    /// Wakes at once what [`Touched::hurry`] wants done.
    pub hurried: Notify,
    is_hurried: AtomicBool,
}

impl Touched {
    /// What was touched since the last call.
    pub fn take(&self) -> BTreeSet<MailboxId> {
        std::mem::take(&mut *self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A user's own change is among them: the list does not wait for its turn, and is told even if it is as it
    /// was (the screen took rows out before they were saved; a quick undo has them back).
    pub fn hurry(&self) {
        self.is_hurried.store(true, Ordering::SeqCst);
        self.hurried.notify_one();
    }

    /// Whether [`Touched::hurry`] was called since the last call.
    pub fn take_hurried(&self) -> bool {
        self.is_hurried.swap(false, Ordering::SeqCst)
    }

    /// Nothing waits to be listed again.
    pub fn is_empty(&self) -> bool {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Marks mailboxes.
    pub fn add(&self, ids: impl IntoIterator<Item = MailboxId>) {
        self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
        self.notify.notify_one();
    }
}

impl Out {
    pub fn new(events: mpsc::Sender<WorkerEvent>, log: EventLog) -> Self {
        Self {
            events,
            log,
            touched: Arc::default(),
            pokes: Pokes::default(),
            sent: Arc::default(),
            listed: Arc::default(),
            said: broadcast::channel(SAID).0,
        }
    }

    pub fn touched(&self) -> Arc<Touched> {
        self.touched.clone()
    }

    /// Notified when an account's mailboxes are known anew: what waits for one may be there now.
    pub fn listed(&self) -> &Notify {
        &self.listed
    }

    /// The sending loops of this process.
    pub fn pokes(&self) -> &Pokes {
        &self.pokes
    }

    /// Logs that a message of the outbox came to a stage.
    pub fn outbox(&self, id: OutboxId, stage: Stage) {
        self.log.emit("outbox", json!({ "id": id.0, "state": stage.word() }));
    }

    /// How many events were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Sends; waits while the receiver is behind.
    pub async fn send(&self, event: WorkerEvent) {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let _ = self.events.send(event).await;
    }

    /// Tells which rows changed, and that the counts of `account` did.
    pub async fn changed(&self, account: AccountId, changed: Changed) {
        if changed.mailboxes.is_empty() {
            return;
        }
        self.touched.add(changed.mailboxes.iter().map(|one| one.mailbox));
        if self.said.receiver_count() > 0 {
            self.say(Said::Mail(Arc::new(changed.clone())));
        }
        if let Some(poke) = self.pokes.of(account) {
            poke.mail_changed();
        }
        for one in changed.mailboxes {
            let event = WorkerEvent::MailChanged { mailbox: one.mailbox, added: one.added, removed: one.removed, changed: one.changed };
            self.send(event).await;
        }
        self.send(WorkerEvent::MailboxesChanged { account }).await;
    }

    /// Tells other processes, where any listens.
    pub fn say(&self, said: Said) {
        let _ = self.said.send(said);
    }

    /// What is said from now on.
    pub fn listen(&self) -> broadcast::Receiver<Said> {
        self.said.subscribe()
    }

    /// Tells the state of an account's connection, and logs it as `link`.
    pub async fn link(&self, account: AccountId, name: &str, state: LinkState) {
        self.log.emit("link", json!({ "account": name, "state": state.word() }));
        if let Some(why) = state.why() {
            tracing::warn!(account = name, "{}: {}", state.word(), DisplayText::capped(why, LOGGED));
        }
        // where mail can be fetched again it can mostly be sent again
        if let Some(poke) = self.pokes.of(account).filter(|_| matches!(state, LinkState::Online { .. })) {
            poke.online();
        }
        self.send(WorkerEvent::Link { account, state }).await;
    }

    /// Logs that the server took `n` changes.
    pub fn pushed(&self, account: &str, n: usize) {
        self.log.emit("pushed", json!({ "account": account, "n": n }));
    }

    pub async fn failed(&self, what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        tracing::warn!("{}: {}", DisplayText::capped(&what, LOGGED), DisplayText::capped(&why, LOGGED));
        self.send(WorkerEvent::Failed { what, why, next: next.into() }).await;
    }
}

impl LinkState {
    /// Every [`Self::word`].
    pub const WORDS: [&str; 5] = ["offline", "connecting", "online", "sign-in", "back-off"];

    /// What went wrong, if something did; may quote the server.
    fn why(&self) -> Option<&str> {
        match self {
            LinkState::BackOff { why, .. } | LinkState::SignIn { refused: Some(why) } => Some(why),
            LinkState::Offline { .. } | LinkState::Connecting | LinkState::Online { .. } | LinkState::SignIn { refused: None } => None,
        }
    }

    /// The word of the event log and of `status --json`.
    pub fn word(&self) -> &'static str {
        match self {
            LinkState::Offline { .. } => "offline",
            LinkState::Connecting => "connecting",
            LinkState::Online { .. } => "online",
            LinkState::SignIn { .. } => "sign-in",
            LinkState::BackOff { .. } => "back-off",
        }
    }
}
