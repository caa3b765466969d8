//! Keeps the open listing fresh: a new request is computed at once (a bounded first window, then the whole),
//! changes of others relist it as often as that is cheap, the user's own at once. The newest request wins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::WorkerEvent;
use super::out::Out;
use super::readers::Readers;
use crate::mail::{Listing, Row, Scope};

/// Rows of the first window: more than any screen shows.
const FIRST: usize = 200;
/// Time between two listings that changes cause: at least a frame; else so many times what the last one took,
/// so that an empty mailbox shows its first page at once and a huge one costs a small share of the time.
const PAUSE: (Duration, Duration) = (Duration::from_millis(16), Duration::from_secs(1));
const SHARE: u32 = 24;

/// Rows, and how many muted threads are left out.
type Shown = (Arc<Vec<Row>>, u32);

/// A request with its number, so that asking twice for the same is answered twice.
pub type Asked = Option<(u64, Listing)>;

/// The task that lists.
#[derive(Debug)]
pub struct Lister {
    pub readers: Readers,
    pub out: Out,
    pub asked: watch::Receiver<Asked>,
    /// False while there is something to compute.
    pub is_resting: Arc<AtomicBool>,
    pub rested: Arc<Notify>,
}

impl Lister {
    /// Runs until the asking side is gone.
    pub async fn run(mut self) {
        let touched = self.out.touched();
        let mut last: Option<Shown> = None;
        let mut not_before = Instant::now();
        loop {
            if !self.asked.has_changed().unwrap_or(true) {
                self.is_resting.store(true, Ordering::SeqCst);
                self.rested.notify_one();
            }
            let is_new = tokio::select! {
                asked = self.asked.changed() => match asked {
                    Ok(()) => true,
                    Err(_) => return,
                },
                () = async {
                    touched.notify.notified().await;
                    tokio::select! {
                        () = sleep_until(not_before) => {}
                        () = touched.hurried.notified() => {}
                    }
                } => false,
            };
            self.is_resting.store(false, Ordering::SeqCst);
            let asked = self.asked.borrow_and_update().clone();
            let is_own = touched.take_hurried();
            let mailboxes = touched.take();
            // kept over a turn without a listing: the mark of an own change may come before its mailboxes
            if is_new || is_own {
                last = None;
            }
            let Some((_, listing)) = asked else { continue };
            if !is_new && !mailboxes.iter().any(|id| concerns(&listing, *id)) {
                continue;
            }
            if is_new {
                self.first_window(&listing).await;
                if self.asked.has_changed().unwrap_or(false) {
                    continue;
                }
            }
            let begun = Instant::now();
            self.whole(listing, &mut last).await;
            not_before = begun + pause(begun.elapsed());
        }
    }

    async fn first_window(&self, listing: &Listing) {
        let ask = listing.clone();
        if let Ok(listed) = self.readers.with(move |reader| reader.first_listed(&ask, FIRST)).await {
            self.tell(listing.clone(), (listed.rows.into(), listed.hidden), false).await;
        }
    }

    async fn whole(&self, listing: Listing, last: &mut Option<Shown>) {
        let ask = listing.clone();
        match self.readers.with(move |reader| reader.listed(&ask)).await {
            Ok(listed) => {
                let shown = (listed.rows.into(), listed.hidden);
                if last.as_ref() != Some(&shown) {
                    *last = Some(shown.clone());
                    self.tell(listing, shown, true).await;
                }
            }
            Err(error) => self.out.failed("The list could not be made", error.to_string(), "What is shown may be old.").await,
        }
    }

    async fn tell(&self, listing: Listing, (rows, hidden): Shown, whole: bool) {
        self.out.send(WorkerEvent::Listed { listing, rows, hidden, whole }).await;
    }
}

/// How long after the beginning of a listing that took so long the next may begin.
fn pause(took: Duration) -> Duration {
    (took * SHARE).clamp(PAUSE.0, PAUSE.1)
}

/// Whether changes in this mailbox can change the listing.
fn concerns(listing: &Listing, mailbox: crate::mail::MailboxId) -> bool {
    match listing.scope {
        Scope::Mailbox(id) => id == mailbox,
        Scope::Account(_) | Scope::All => true,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::events::EventLog;
    use crate::store::{self, Paths};

    #[test]
    fn what_is_cheap_is_listed_again_soon_and_nothing_waits_long() {
        let ms = Duration::from_millis;
        for (took, expect) in [(ms(0), ms(16)), (ms(1), ms(24)), (ms(10), ms(240)), (ms(42), ms(1_000)), (ms(5_000), ms(1_000))] {
            assert_eq!(pause(took), expect, "{took:?}");
        }
    }

    #[tokio::test]
    async fn an_own_change_seen_before_its_mailboxes_is_listed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let writer = store::open(&Paths::in_folder(folder.path())).unwrap();
        let (shown, other) = (crate::mail::MailboxId(1), crate::mail::MailboxId(2));
        let (events, mut heard) = mpsc::channel(64);
        let out = Out::new(events, EventLog::default());
        let touched = out.touched();
        let (ask, asked) = watch::channel(None);
        let lister = Lister { readers: Readers::new(writer), out, asked, is_resting: Arc::default(), rested: Arc::default() };
        let is_resting = lister.is_resting.clone();
        tokio::spawn(lister.run());
        ask.send_replace(Some((0, Listing::mailbox(shown, false))));
        while !matches!(heard.recv().await, Some(WorkerEvent::Listed { whole: true, .. })) {}
        // the mark of the own change is taken in a turn that another mailbox caused
        touched.hurry();
        touched.add([other]);
        while !touched.is_empty() || !is_resting.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        touched.add([shown]);
        // nothing differs, and it is told
        assert!(matches!(heard.recv().await, Some(WorkerEvent::Listed { whole: true, .. })));
    }
}
