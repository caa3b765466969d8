//! Rendered pages: made on the blocking pool with a time limit, the newest few kept. What is signed or encrypted is checked and opened
//! first, for the message that is wanted now and only for it. Knows no server.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::WorkerEvent;
use super::hand::{self, Hand};
use super::opened::{Opened, Openings};
use super::out::Out;
use crate::mail::page::{Line, Part, Span, View};
use crate::mail::{AccountId, DisplayText, MailboxId, MessageId, Page};
use crate::store::{InHand, StoredBody, What};
use crate::{crypt, fault, mime};
use tokio::sync::{Notify, watch};

/// Pages kept.
const KEPT: usize = 16;
/// Messages whose fetched pictures are kept.
const FETCHED: usize = 4;
/// Octets of them; the newest message's stay whatever they take.
const FETCHED_OCTETS: usize = 64 * 1024 * 1024;
/// Rendering that takes longer shows plain text instead.
const LIMIT: Duration = Duration::from_secs(2);
/// The same with its pictures: a photo takes half a second of a slow machine.
const DRAWING: Duration = Duration::from_secs(20);
/// A seal that takes longer is announced on the page without it.
const SOON: Duration = Duration::from_millis(150);
/// Lines of the plain text instead.
const PLAIN_LINES: usize = 2_000;
const PLAIN_BYTES: usize = 256 * 1024;
/// Any width does for a glance.
const GLANCE: View = View { width: 78, all_headers: false, other_alternative: false, source: false, pictures: 0 };

/// Renders and keeps pages; clones share them.
#[derive(Clone, Debug)]
pub struct Pages {
    out: Out,
    hand: Hand,
    kept: Arc<Mutex<VecDeque<Arc<Page>>>>,
    openings: Openings,
    /// The message that the user is at, and those that are read together with it.
    wanted: watch::Sender<BTreeSet<MessageId>>,
    /// A message of which only the beginning is here, and its page needs all of it: it is sealed, or its pictures are asked for.
    half: Arc<(Mutex<Option<Half>>, Notify)>,
    /// Of each account, the server whose word about senders counts.
    believed: Arc<Mutex<BTreeMap<AccountId, String>>>,
    /// Pictures that were fetched for messages, the newest first; for this session.
    fetched: Arc<Mutex<VecDeque<Fetched>>>,
}

/// What came for a message, by address.
type Fetched = (MessageId, Arc<mime::Fetched>);

/// A page that needs the whole message.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    pub id: MessageId,
    pub account: AccountId,
    pub view: View,
}

impl Pages {
    pub fn new(out: Out, hand: Hand) -> Self {
        Self {
            out,
            hand,
            kept: Arc::default(),
            openings: Openings::default(),
            wanted: watch::Sender::new(BTreeSet::new()),
            half: Arc::default(),
            believed: Arc::default(),
            fetched: Arc::default(),
        }
    }

    /// Whose Authentication-Results count in an account's mail from now on.
    pub fn believe(&self, account: AccountId, authserv_id: Option<&str>) {
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        match authserv_id {
            Some(server) => drop(believed.insert(account, server.to_owned())),
            None => drop(believed.remove(&account)),
        }
    }

    /// Keeps what was fetched for a message, with what was before.
    pub fn keep_fetched(&self, id: MessageId, new: mime::Fetched) {
        let mut all = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|(known, _)| *known == id);
        let mut fetched = at.and_then(|at| all.remove(at)).map(|(_, fetched)| Arc::unwrap_or_clone(fetched)).unwrap_or_default();
        fetched.extend(new);
        all.push_front((id, Arc::new(fetched)));
        all.truncate(FETCHED);
        let mut sum = 0;
        all.retain(|(known, fetched)| {
            sum += fetched.values().map(Vec::len).sum::<usize>();
            *known == id || sum <= FETCHED_OCTETS
        });
        drop(all);
        self.forget(id);
    }

    fn fetched(&self, id: MessageId) -> Arc<mime::Fetched> {
        let all = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(known, _)| *known == id).map(|(_, fetched)| fetched.clone()).unwrap_or_default()
    }

    fn setting(&self, account: AccountId, id: MessageId) -> mime::Setting {
        let believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        mime::Setting { authserv_id: believed.get(&account).cloned(), zone: jiff::tz::TimeZone::system(), fetched: self.fetched(id) }
    }

    /// The page, if it is still here.
    pub fn find(&self, id: MessageId, view: View) -> Option<Arc<Page>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|page| page.id == id && page.view == view)?;
        let page = kept.remove(at)?;
        kept.push_front(page.clone());
        Some(page)
    }

    /// Drops what is kept of a message whose bytes changed.
    pub fn forget(&self, id: MessageId) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).retain(|page| page.id != id);
    }

    /// Drops everything that is kept.
    pub fn forget_all(&self) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The user is at this message now; what runs for another one ends, unless both are read together.
    pub fn want(&self, id: MessageId) {
        self.wanted.send_if_modified(|wanted| {
            let is_elsewhere = !wanted.contains(&id);
            if is_elsewhere {
                *wanted = BTreeSet::from([id]);
            }
            is_elsewhere
        });
    }

    /// These messages are on the screen together.
    pub fn want_together(&self, ids: Vec<MessageId>) {
        self.wanted.send_replace(ids.into_iter().collect());
    }

    /// Waits until the user is elsewhere.
    async fn left(&self, id: MessageId) {
        let _ = self.wanted.subscribe().wait_for(|wanted| !wanted.contains(&id)).await;
    }

    /// Waits for a message of which the rest is to be fetched.
    pub async fn half(&self) -> Option<Half> {
        self.half.1.notified().await;
        self.half.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Renders, keeps and tells.
    pub async fn render(&self, id: MessageId, account: AccountId, view: View, body: StoredBody) {
        let whole = body.whole;
        let source = Source { id, view, bytes: Arc::new(body.bytes), whole, parts: body.parts, setting: self.setting(account, id) };
        let (page, is_final) = match look(&self.hand, source.clone()).await {
            Look::Page(page) if !whole && view.pictures > 0 && page.has_pictures() => {
                self.ask_rest(Half { id, account, view }, &page.parts);
                (*page, false)
            }
            Look::Page(page) => (*page, true),
            Look::Sealed(shape) if !whole => {
                let mut page = draw(&self.hand, source.clone()).await;
                Opened::partial(shape.is_encrypted()).put_on(&mut page);
                self.ask_rest(Half { id, account, view }, &source.parts);
                (page, false)
            }
            Look::Sealed(shape) => match self.open(source, shape).await {
                Some(made) => made,
                None => return,
            },
        };
        let page = Arc::new(page);
        if is_final && (page.whole || !whole) {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_front(page.clone());
            kept.truncate(KEPT);
        }
        self.tell(id, view, Ok(page)).await;
    }

    /// Has a message fetched whole, unless it is very large.
    fn ask_rest(&self, half: Half, parts: &[Part]) {
        if parts.iter().map(|part| part.size).sum::<u64>() <= crypt::MAX_OCTETS as u64 {
            *self.half.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(half);
            self.half.1.notify_one();
        }
    }

    /// The page of a sealed message, and whether it stays as it is; None where the user went on.
    async fn open(&self, source: Source, shape: mime::Sealed) -> Option<(Page, bool)> {
        let (id, bytes, is_encrypted) = (source.id, source.bytes.clone(), shape.is_encrypted());
        let opening = self.openings.open(id, &bytes, shape);
        tokio::pin!(opening);
        let soon = tokio::select! {
            biased;
            opened = &mut opening => Some(opened),
            () = self.left(id) => return None,
            () = tokio::time::sleep(SOON) => None,
        };
        let opened = match soon {
            Some(opened) => opened,
            None => {
                let mut page = draw(&self.hand, source.clone()).await;
                Opened::pending(is_encrypted).put_on(&mut page);
                self.tell(id, source.view, Ok(Arc::new(page))).await;
                tokio::select! {
                    biased;
                    opened = &mut opening => opened,
                    () = self.left(id) => return None,
                }
            }
        };
        let source = match &opened.inside {
            Some(inside) => Source { bytes: Arc::new(inside.to_vec()), parts: Vec::new(), ..source },
            None => source,
        };
        let mut page = draw(&self.hand, source).await;
        opened.put_on(&mut page);
        Some((page, opened.is_final()))
    }

    /// The page of a message at a glance: it is not kept, and what is sealed stays sealed (None).
    pub async fn glance(&self, id: MessageId, account: AccountId, body: StoredBody) -> Option<Page> {
        let setting = self.setting(account, id);
        let source = Source { id, view: GLANCE, bytes: Arc::new(body.bytes), whole: body.whole, parts: body.parts, setting };
        match look(&self.hand, source).await {
            Look::Page(page) => Some(*page),
            Look::Sealed(_) => None,
        }
    }

    /// The message as its page shows it: what is in the seal, where it has one that was opened; and whether that is secret.
    pub async fn readable(&self, id: MessageId, bytes: Vec<u8>) -> (Vec<u8>, bool) {
        let bytes = Arc::new(bytes);
        let theirs = bytes.clone();
        let opened = match carefully(&self.hand, id, LIMIT, move || mime::sealed(&theirs)).await {
            Ok(Some(shape)) => self.openings.open(id, &bytes, shape).await,
            Ok(None) | Err(_) => Opened::default(),
        };
        match opened.inside {
            Some(inside) => (inside.to_vec(), opened.is_secret),
            None => (Arc::unwrap_or_clone(bytes), false),
        }
    }

    pub async fn tell(&self, id: MessageId, view: View, page: Result<Arc<Page>, String>) {
        self.out.send(WorkerEvent::Rendered { id, view, page }).await;
    }
}

/// What a page is made of.
#[derive(Clone)]
struct Source {
    id: MessageId,
    view: View,
    bytes: Arc<Vec<u8>>,
    whole: bool,
    parts: Vec<Part>,
    setting: mime::Setting,
}

impl Source {
    fn page(&self) -> Page {
        fault::at("page", &self.bytes);
        mime::page(self.id, &self.bytes, self.whole, &self.parts, self.view, &self.setting)
    }

    fn limit(&self) -> Duration {
        if self.view.pictures > 0 { DRAWING } else { LIMIT }
    }
}

/// What a first look at a message comes to.
enum Look {
    Page(Box<Page>),
    /// Something is to be found out before its page is made.
    Sealed(mime::Sealed),
}

/// The page of a message, unless it is sealed and its source is not what is asked for.
async fn look(hand: &Hand, source: Source) -> Look {
    let theirs = source.clone();
    let looked =
        carefully(hand, source.id, source.limit(), move || match (!theirs.view.source).then(|| mime::sealed(&theirs.bytes)).flatten() {
            Some(shape) => Look::Sealed(shape),
            None => Look::Page(Box::new(theirs.page())),
        });
    looked.await.unwrap_or_else(|why| Look::Page(Box::new(plain(&source, why))))
}

async fn draw(hand: &Hand, source: Source) -> Page {
    let theirs = source.clone();
    carefully(hand, source.id, source.limit(), move || theirs.page()).await.unwrap_or_else(|why| plain(&source, why))
}

/// Work on one message on the blocking pool, in hand so that a message that ends the process is known by the next; or a sentence why there
/// is only its source to show.
async fn carefully<T: Send + 'static>(
    hand: &Hand,
    id: MessageId,
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let held = hand.take(InHand { what: What::Page, mailbox: MailboxId(0), key: id.0.to_string() }).map_err(|at| {
        let day = hand::day(at);
        format!("postrider ended on {day} while it laid out this message; its plain source is shown. Checking for mail tries it again.")
    })?;
    let work = tokio::task::spawn_blocking(move || {
        // also where nobody waits for it any more
        let _held = held;
        work()
    });
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("This message could not be laid out; its plain source is shown.".to_owned()),
        Err(_) => Err("Laying out this message took too long; its plain source is shown.".to_owned()),
    }
}

/// The source as text, with the reason.
fn plain(source: &Source, why: String) -> Page {
    let text = String::from_utf8_lossy(source.bytes.get(..PLAIN_BYTES.min(source.bytes.len())).unwrap_or_default());
    let lines = text
        .lines()
        .take(PLAIN_LINES)
        .map(|line| Line { spans: vec![Span { text: DisplayText::capped(line, 1_000), meaning: Default::default() }], ..Line::default() });
    Page { lines: lines.collect(), notes: vec![DisplayText::new(&why)], ..Page::empty(source.id, source.view) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EventLog;
    use tokio::sync::mpsc;

    const MAIL: &[u8] = b"From: a@x.example\r\nContent-Type: text/html\r\n\r\n<p>Look <img src='https://a.example/1.png'>";
    const ADDRESS: &str = "https://a.example/1.png";

    async fn shown(pages: &Pages, heard: &mut mpsc::Receiver<WorkerEvent>, id: MessageId) -> Arc<Page> {
        let view = View { width: 40, pictures: 4, ..View::default() };
        pages.render(id, AccountId(1), view, StoredBody { bytes: MAIL.to_vec(), whole: true, parts: Vec::new() }).await;
        loop {
            if let Some(WorkerEvent::Rendered { page: Ok(page), .. }) = heard.recv().await {
                return page;
            }
        }
    }

    #[tokio::test]
    async fn what_was_fetched_for_a_message_is_on_its_pages_and_on_no_other() {
        let (events, mut heard) = mpsc::channel(100);
        let pages = Pages::new(Out::new(events, EventLog::default()), Hand::default());
        assert_eq!(shown(&pages, &mut heard, MessageId(1)).await.remote, [ADDRESS]);
        pages.keep_fetched(MessageId(1), [(ADDRESS.to_owned(), b"no picture".to_vec())].into());
        assert!(pages.find(MessageId(1), View { width: 40, pictures: 4, ..View::default() }).is_none(), "the page from before is gone");
        pages.keep_fetched(MessageId(1), [("https://b.example/".to_owned(), Vec::new())].into());
        let page = shown(&pages, &mut heard, MessageId(1)).await;
        assert!(page.remote.is_empty() && page.has_fetched);
        assert!(page.lines.iter().any(|line| line.text().starts_with("[a.example can't be drawn")), "{:?}", page.lines);
        assert!(!shown(&pages, &mut heard, MessageId(2)).await.has_fetched);
        for id in 2..=i64::try_from(FETCHED).unwrap() + 1 {
            pages.keep_fetched(MessageId(id), mime::Fetched::new());
        }
        assert_eq!(shown(&pages, &mut heard, MessageId(1)).await.remote, [ADDRESS], "only the newest are kept");
    }
}
