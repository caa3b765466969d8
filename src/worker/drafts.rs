//! Writing mail, up to where it is queued: what the composer types is kept in `user.db`, and a draft that is left goes
//! into the Drafts mailbox of its account. Knows no screen and hands nothing to a server itself.
//!
//! Start here with [`Drafts`]: what must keep the order of requests. `open.rs` makes new drafts, `filing.rs` puts
//! them into mailboxes, `send.rs` makes the message and what follows its acceptance.

mod attach;
mod book;
mod complete;
mod filing;
mod open;
mod send;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use self::complete::Completion;
use super::core::Common;
use super::core::Core;
use super::jobs::Jobs;
use super::{Opening, WorkerEvent};
use crate::config::{Config, Incoming, Outgoing};
use crate::mail::mailbox::Role;
use crate::mail::outgoing::Dsn;
use crate::mail::{AccountId, Address, Attachment, Draft, DraftId, FileId, Identity};
use crate::mime::{self, Sent};
use crate::store::{Own, Pending, StoreError};

pub use self::attach::check as check_file;

/// Everything of writing that a process shares; cheap to clone.
#[derive(Clone, Debug)]
pub struct Drafts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    common: Common,
    jobs: Jobs,
    /// Who one may write as: one an account, in the configuration's order.
    me: Vec<Identity>,
    undo_seconds: i64,
    /// The accounts that can send, and the delivery reports they ask for.
    ways: BTreeMap<String, Dsn>,
    /// The accounts that have mailboxes.
    homes: BTreeMap<String, Home>,
    completion: Arc<std::sync::Mutex<Completion>>,
    /// One at a time puts drafts into mailboxes.
    filing: tokio::sync::Mutex<()>,
}

/// What is known of an account's mailbox for drafts without asking anybody.
#[derive(Clone, Debug)]
struct Home {
    /// As configured.
    name: Option<String>,
    /// Its mailboxes are folders of this machine.
    is_local: bool,
}

impl Drafts {
    pub fn new(common: Common, jobs: Jobs, config: &Config) -> Self {
        let identity = |account: &crate::config::Account| Identity {
            account: account.name.clone(),
            from: Address::new(account.display_name.as_str(), account.address.as_str()),
            signature: account.signature.clone().filter(|signature| !signature.trim().is_empty()),
        };
        let me: Vec<Identity> = config.accounts.iter().map(identity).collect();
        let ways = config.accounts.iter().filter_map(|account| match &account.outgoing {
            Outgoing::Smtp(smtp) => Some((account.name.clone(), smtp.dsn.clone())),
            Outgoing::Sendmail(_) | Outgoing::Deliver(_) => Some((account.name.clone(), Dsn::default())),
            Outgoing::None => None,
        });
        let home = |account: &crate::config::Account| match account.incoming {
            Incoming::None => None,
            Incoming::Imap(_) | Incoming::Maildir(_) | Incoming::Pop3(_) => Some((
                account.name.clone(),
                Home {
                    name: account.mailboxes.get(Role::Drafts.word()).cloned(),
                    is_local: !matches!(account.incoming, Incoming::Imap(_)),
                },
            )),
        };
        let mine: HashSet<String> = me.iter().map(|identity| identity.from.address.to_lowercase()).collect();
        Self(Arc::new(Inner {
            undo_seconds: i64::from(config.send.undo_seconds),
            ways: ways.collect(),
            homes: config.accounts.iter().filter_map(home).collect(),
            completion: Arc::new(std::sync::Mutex::new(Completion::new(mine))),
            filing: tokio::sync::Mutex::new(()),
            common,
            jobs,
            me,
        }))
    }

    fn now(&self) -> i64 {
        self.0.common.clock.wall()
    }

    /// A time of the wall clock with the local zone's offset then.
    fn local(&self, unix: i64) -> Sent {
        let offset = jiff::Timestamp::from_second(unix).map(|at| jiff::tz::TimeZone::system().to_offset(at).seconds() / 60);
        Sent { unix, offset_minutes: offset.ok().and_then(|minutes| i16::try_from(minutes).ok()).unwrap_or_default() }
    }

    /// Randomness for one draft at one time: another for each, the same in each run that was given the same seed.
    fn seed_at(&self, id: DraftId, unix: i64) -> u64 {
        let mixed = (self.0.common.seed ^ id.0.cast_unsigned().rotate_left(32)).wrapping_add(unix.cast_unsigned());
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Reads `user.db` on the blocking pool.
    async fn own<T: Send + 'static>(&self, read: impl FnOnce(&Own) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        let paths = self.0.common.writer.paths().clone();
        let run = spawn_blocking(move || match Own::open(&paths)? {
            Some(own) => read(&own),
            None => Err(StoreError::Other("the drafts can't be read: user.db is gone".into())),
        });
        run.await.unwrap_or_else(|_| Err(StoreError::Other("reading the drafts failed unexpectedly".into())))
    }

    fn cores(&self) -> BTreeMap<AccountId, Arc<Core>> {
        let peers = self.0.common.peers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        peers.iter().filter_map(|(id, core)| Some((*id, core.upgrade()?))).collect()
    }

    async fn opened(&self, id: DraftId, draft: Draft, opening: Opening) {
        self.0.common.out.send(WorkerEvent::DraftOpened { id, draft: Box::new(draft), opening }).await;
    }

    /// The composer stays, and says why.
    async fn draft_failed(&self, draft: DraftId, why: impl Into<String>) {
        self.0.common.out.send(WorkerEvent::DraftFailed { draft, why: why.into() }).await;
    }

    /// Keeps what is typed. The order of calls is the order of saving.
    pub fn save(&self, id: DraftId, serial: u64, draft: Draft) -> impl Future<Output = ()> + Send + use<> {
        let saved = self.0.common.writer.save_draft(id, draft, self.now());
        let this = self.clone();
        async move {
            if this.is_kept(id, saved).await {
                this.0.common.out.send(WorkerEvent::DraftSaved { id, serial }).await;
            }
        }
    }

    /// The composer is closed: the draft goes to the Drafts mailbox of its account.
    pub fn leave(&self, id: DraftId, draft: Draft) -> impl Future<Output = ()> + Send + use<> {
        let is_blank = self.is_blank(&draft);
        let left = self.0.common.writer.leave_draft(id, draft, is_blank, self.now());
        let this = self.clone();
        async move {
            if !this.is_kept(id, left).await {
                return;
            }
            this.0.common.out.send(WorkerEvent::DraftLeft { id }).await;
            this.file_left().await;
        }
    }

    /// The composer is closed and the draft gone; [`Self::reopen`] brings it back.
    pub fn discard(&self, id: DraftId, draft: Draft) -> impl Future<Output = ()> + Send + use<> {
        let discarded = self.0.common.writer.discard_draft(id, draft, self.now());
        let this = self.clone();
        async move {
            if this.is_kept(id, discarded).await {
                this.0.common.out.send(WorkerEvent::DraftLeft { id }).await;
            }
        }
    }

    /// Opens a discarded draft again; false: it is gone.
    pub async fn reopen(&self, id: DraftId) -> bool {
        match self.0.common.writer.reopen_draft(id).await {
            Ok(Some(stored)) => {
                self.opened(id, stored.draft, Opening::Asked { note: None }).await;
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.0
                    .common
                    .out
                    .failed("The draft could not be opened again", error.to_string(), "It is kept until the next start.")
                    .await;
                false
            }
        }
    }

    /// Whether the draft was still there to be written to; tells why not.
    async fn is_kept(&self, id: DraftId, answer: Pending<bool>) -> bool {
        match answer.await {
            Ok(true) => true,
            Ok(false) => {
                self.draft_failed(id, "It is not saved: this draft was sent, left or discarded before. Copy the text into a new message.")
                    .await;
                false
            }
            Err(error) => {
                self.draft_failed(id, format!("It is not saved: {error}. The text is still here; it is tried again with the next key."))
                    .await;
                false
            }
        }
    }

    /// Nothing was written but what the composer began with.
    fn is_blank(&self, draft: &Draft) -> bool {
        let is_empty = [&draft.to, &draft.cc, &draft.bcc, &draft.subject].iter().all(|field| field.trim().is_empty());
        let text = draft.text.trim();
        let is_signature = |identity: &Identity| text == mime::blank(Some(identity)).text.trim();
        is_empty && draft.attachments.is_empty() && (text.is_empty() || self.0.me.iter().any(is_signature))
    }

    /// Takes a copy of a file for a draft.
    pub async fn attach(self, draft: DraftId, path: PathBuf) {
        let taken = spawn_blocking(move || attach::read(&path)).await;
        let result = match taken.unwrap_or_else(|_| Err("the file could not be read".into())) {
            Ok(snapshot) => self.keep_file(draft, snapshot).await,
            Err(why) => Err(why),
        };
        self.0.common.out.send(WorkerEvent::Attached { draft, result }).await;
    }

    async fn keep_file(&self, draft: DraftId, snapshot: attach::Snapshot) -> Result<Attachment, String> {
        let mut attachment = attached(&snapshot);
        attachment.file = self.0.common.writer.add_file(draft, snapshot.bytes).await.map_err(|error| error.to_string())?;
        Ok(attachment)
    }

    /// Who could be meant by what is typed.
    pub async fn complete(self, serial: u64, prefix: String) {
        let (completion, readers, paths, now) =
            (self.0.completion.clone(), self.0.common.readers.clone(), self.0.common.writer.paths().clone(), self.now());
        let find = spawn_blocking(move || {
            let mut completion = completion.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            completion.find(&readers, &paths, &prefix, now)
        });
        let found = match find.await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(%error, "addresses to complete");
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        self.0.common.out.send(WorkerEvent::Completed { serial, found }).await;
    }
}

/// The attachment of a file that is not in the store yet.
fn attached(snapshot: &attach::Snapshot) -> Attachment {
    Attachment {
        file: FileId(0),
        name: snapshot.name.clone(),
        content_type: snapshot.content_type.to_owned(),
        size: snapshot.bytes.len() as u64,
    }
}
