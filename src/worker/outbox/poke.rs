//! Waking a sending loop, and knowing whether it rests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Notify;

/// Why a sending loop is woken; what it does depends on it.
const LOOK: u8 = 1;
const ONLINE: u8 = 2;
const USER: u8 = 4;

/// Shared by a sending loop and by whoever wakes it.
#[derive(Debug)]
pub struct Poke {
    notify: Notify,
    reasons: AtomicU8,
    is_busy: AtomicBool,
    /// A message of unknown fate may turn up in Sent.
    watches_sent: AtomicBool,
    rested: Arc<Notify>,
}

/// The reasons since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons(u8);

impl Reasons {
    /// Waits after failures end: the network is back, or the user asks.
    pub fn retries(self) -> bool {
        self.0 & (ONLINE | USER) != 0
    }

    /// A sign-in that was refused may be tried again.
    pub fn by_user(self) -> bool {
        self.0 & USER != 0
    }
}

impl Poke {
    /// `rested` is told when the loop comes to rest.
    pub fn new(rested: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self {
            notify: Notify::new(),
            reasons: AtomicU8::new(0),
            is_busy: AtomicBool::new(true),
            watches_sent: AtomicBool::new(false),
            rested,
        })
    }

    /// The outbox changed, or what is in Sent.
    pub fn look(&self) {
        self.wake(LOOK);
    }

    /// Mail came or went: only of interest while something may turn up in Sent.
    pub fn mail_changed(&self) {
        if self.watches_sent.load(Ordering::SeqCst) {
            self.look();
        }
    }

    /// Whether to be told of that.
    pub fn watch_sent(&self, watches: bool) {
        self.watches_sent.store(watches, Ordering::SeqCst);
    }

    /// The account's server can be reached again.
    pub fn online(&self) {
        self.wake(ONLINE);
    }

    /// The user wants it tried now.
    pub fn hurry(&self) {
        self.wake(USER);
    }

    fn wake(&self, reason: u8) {
        self.reasons.fetch_or(reason, Ordering::SeqCst);
        self.is_busy.store(true, Ordering::SeqCst);
        self.notify.notify_one();
    }

    /// Nothing could be sent now.
    pub fn is_resting(&self) -> bool {
        !self.is_busy.load(Ordering::SeqCst)
    }

    /// The loop has nothing to do until it is woken, or a time comes.
    pub fn rest(&self) {
        // a reason that came meanwhile keeps it at work
        self.is_busy.store(self.reasons.load(Ordering::SeqCst) != 0, Ordering::SeqCst);
        self.rested.notify_one();
    }

    /// Back at work, and why.
    pub fn take(&self) -> Reasons {
        self.is_busy.store(true, Ordering::SeqCst);
        Reasons(self.reasons.swap(0, Ordering::SeqCst))
    }

    /// Waits for a reason.
    pub async fn woken(&self) {
        self.notify.notified().await;
    }
}
