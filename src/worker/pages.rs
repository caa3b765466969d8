//! Rendered pages: made on the blocking pool with a time limit, the newest few kept. Knows no server.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::WorkerEvent;
use super::hand::{self, Hand};
use super::out::Out;
use crate::mail::page::{Line, Span, View};
use crate::mail::{AccountId, DisplayText, MailboxId, MessageId, Page};
use crate::store::{InHand, StoredBody, What};
use crate::{fault, mime};

/// Pages kept.
const KEPT: usize = 16;
/// Rendering that takes longer shows plain text instead.
const LIMIT: Duration = Duration::from_secs(2);
/// Lines of the plain text instead.
const PLAIN_LINES: usize = 2_000;
const PLAIN_BYTES: usize = 256 * 1024;

/// Renders and keeps pages; clones share them.
#[derive(Clone, Debug)]
pub struct Pages {
    out: Out,
    hand: Hand,
    kept: Arc<Mutex<VecDeque<Arc<Page>>>>,
    /// Of each account, the server whose word about senders counts.
    believed: Arc<Mutex<BTreeMap<AccountId, String>>>,
}

impl Pages {
    pub fn new(out: Out, hand: Hand) -> Self {
        Self { out, hand, kept: Arc::default(), believed: Arc::default() }
    }

    /// Whose Authentication-Results count in an account's mail from now on.
    pub fn believe(&self, account: AccountId, authserv_id: Option<&str>) {
        let mut believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        match authserv_id {
            Some(server) => drop(believed.insert(account, server.to_owned())),
            None => drop(believed.remove(&account)),
        }
    }

    fn setting(&self, account: AccountId) -> mime::Setting {
        let believed = self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        mime::Setting { authserv_id: believed.get(&account).cloned(), zone: jiff::tz::TimeZone::system() }
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

    /// Renders, keeps and tells.
    pub async fn render(&self, id: MessageId, account: AccountId, view: View, body: StoredBody) {
        let whole = body.whole;
        let page = Arc::new(draw(&self.hand, id, view, body, self.setting(account)).await);
        if page.whole || !whole {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_front(page.clone());
            kept.truncate(KEPT);
        }
        self.tell(id, view, Ok(page)).await;
    }

    pub async fn tell(&self, id: MessageId, view: View, page: Result<Arc<Page>, String>) {
        self.out.send(WorkerEvent::Rendered { id, view, page }).await;
    }
}

async fn draw(hand: &Hand, id: MessageId, view: View, body: StoredBody, setting: mime::Setting) -> Page {
    let StoredBody { bytes, whole, parts } = body;
    let bytes = Arc::new(bytes);
    let theirs = bytes.clone();
    let held = match hand.take(InHand { what: What::Page, mailbox: MailboxId(0), key: id.0.to_string() }) {
        Ok(held) => held,
        Err(at) => {
            let day = hand::day(at);
            let why =
                format!("Laying out this message ended postrider on {day}; its plain source is shown. Checking for mail tries it again.");
            return plain(id, view, &bytes, &why);
        }
    };
    let work = tokio::task::spawn_blocking(move || {
        // also where nobody waits for it any more
        let _held = held;
        fault::at("page", &theirs);
        mime::page(id, &theirs, whole, &parts, view, &setting)
    });
    match tokio::time::timeout(LIMIT, work).await {
        Ok(Ok(page)) => page,
        Ok(Err(_)) => plain(id, view, &bytes, "This message could not be laid out; its plain source is shown."),
        Err(_) => plain(id, view, &bytes, "Laying out this message took too long; its plain source is shown."),
    }
}

/// The source as text, with the reason.
fn plain(id: MessageId, view: View, bytes: &[u8], why: &str) -> Page {
    let text = String::from_utf8_lossy(bytes.get(..PLAIN_BYTES.min(bytes.len())).unwrap_or_default());
    let lines = text
        .lines()
        .take(PLAIN_LINES)
        .map(|line| Line { spans: vec![Span { text: DisplayText::capped(line, 1_000), meaning: Default::default() }], ..Line::default() });
    Page {
        id,
        view,
        subject: DisplayText::default(),
        from: Vec::new(),
        to: Vec::new(),
        cc: Vec::new(),
        reply_to: Vec::new(),
        list: None,
        date: None,
        verdict: None,
        warnings: Vec::new(),
        facts: Vec::new(),
        lines: lines.collect(),
        links: Vec::new(),
        parts: Vec::new(),
        notes: vec![DisplayText::new(why)],
        whole: false,
    }
}
