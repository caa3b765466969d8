//! An account whose mail comes by POP3: a loop that fetches into a Maildir, beside the supervisor that reads the
//! Maildir as any other. At the start, when the user checks for mail, and every five minutes.
//!
//! `plan.rs` chooses what a session does, `round.rs` does it. Whoever opened the Maildir owns the account, so the
//! loop begins when the supervisor has it open and is at rest.

pub mod plan;
mod round;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::accounts;
use super::clock::{BackOff, Clock};
use super::core::{Common, Core};
use super::jobs::Jobs;
use super::out::Out;
use super::run::{Options, common};
use super::{LinkState, WorkerEvent, owner};
use crate::config::{self, Leave, Pop3, Secret};
use crate::mail::{AccountId, Role, SafeFileName};
use crate::remote::maildir::deliver::{Delivery, Found};
use crate::remote::net::Trace;
use crate::remote::pop3::{self, identity};
use crate::remote::{Connect, RemoteError, maildir};
use crate::store::{Own, StoreError, Writer};

/// How often mail is looked for.
const POLL: Duration = Duration::from_secs(300);
/// The least pause where the server said "not now": some count sign-ins.
const NOT_NOW: Duration = Duration::from_secs(60);
/// Connections of one round: a cut line costs one, and is tried again while each brings something.
const ATTEMPTS: u32 = 10;

/// Where an account's mail is delivered when its configuration does not say.
pub fn usual_maildir(data: &std::path::Path, account: &str) -> std::path::PathBuf {
    data.join("pop3").join(SafeFileName::new(account, "account").as_str())
}

/// Signs in and tells what the server can do.
///
/// # Errors
/// Why the server does not let us in.
pub async fn probe(name: &str, pop3: &Pop3, secret: Option<Secret>, trace: Option<Trace>) -> Result<pop3::caps::Caps, RemoteError> {
    let account = pop3::Account::new(name, pop3.server.clone()).with_trace(trace);
    if let Some(secret) = secret {
        account.set_secret(secret);
    }
    let session = account.connect().await?;
    let caps = session.caps().clone();
    // whether the goodbye is heard changes nothing: nothing was marked
    let _ = session.quit().await;
    Ok(caps)
}

/// One round of an account alone, without reading its Maildir; for measurements and for tests of fetching.
///
/// # Errors
/// What ended it, or that the account has no POP3 server.
pub async fn fetch_once(
    writer: Writer,
    account: &config::Account,
    options: Options,
    deadlines: pop3::Deadlines,
    events: mpsc::Sender<WorkerEvent>,
) -> Result<(), RemoteError> {
    let config::Incoming::Pop3(pop3) = &account.incoming else {
        return Err(RemoteError::Rejected("the account has no POP3 server".into()));
    };
    let (_stop, stopping) = watch::channel(false);
    let common = common(writer, options, events, stopping);
    let core = Core::new(&common, AccountId(1), account);
    let mut fetcher = Fetcher::new(&common, core, account, pop3);
    let server = pop3::Account::new(&account.name, pop3.server.clone()).with_trace(common.trace.clone());
    fetcher.server = Arc::new(server.with_deadlines(deadlines));
    fetcher.round().await
}

/// Fetches the mail of one account.
#[derive(Debug)]
pub struct Fetcher {
    core: Arc<Core>,
    server: Arc<pop3::Account>,
    ground: Ground,
    leave: Leave,
    out: Out,
    jobs: Jobs,
    clock: Clock,
    seed: u64,
    rested: Arc<Notify>,
    stop: watch::Receiver<bool>,
    is_busy: Arc<AtomicBool>,
    /// Told once in this run.
    said: Mutex<HashSet<String>>,
    trouble: Mutex<Trouble>,
}

/// Messages that broke a connection in this run, by a word of the round's.
#[derive(Debug, Default)]
struct Trouble {
    /// The line was cut over them: they are fetched after all others.
    last: HashSet<Box<str>>,
    /// The server broke the protocol over them: not fetched again in this run.
    skipped: HashSet<Box<str>>,
    /// The server broke the protocol: messages are fetched one by one, to learn which one it is.
    is_careful: bool,
}

/// What lies here of the account: the Maildir, and the table of what was fetched.
#[derive(Clone, Debug)]
struct Ground {
    writer: Writer,
    delivery: Delivery,
    /// What the table calls this maildrop: another server or user is another one.
    maildrop: String,
    account: String,
    /// Mailboxes that every such account has.
    mailboxes: Vec<String>,
    rests: Arc<Notify>,
}

/// The side of a running [`Fetcher`] that others hold.
#[derive(Debug)]
pub struct Fetching {
    server: Arc<pop3::Account>,
    is_busy: Arc<AtomicBool>,
}

impl Fetching {
    /// The secret that the user typed.
    pub fn set_secret(&self, secret: Secret) {
        self.server.set_secret(secret);
    }

    /// Nothing is fetched, or nothing can be because the Maildir is not open here.
    pub fn is_resting(&self, core: &Core) -> bool {
        !self.is_busy.load(Ordering::SeqCst) || !core.lock().is_online
    }
}

impl Fetcher {
    pub fn new(common: &Common, core: Arc<Core>, account: &config::Account, pop3: &Pop3) -> Self {
        let server = &pop3.server;
        let root = pop3.maildir.clone().unwrap_or_else(|| usual_maildir(&accounts::folder(&common.writer), &account.name));
        let source = identity::token(&[account.name.as_bytes()]);
        let ground = Ground {
            writer: common.writer.clone(),
            delivery: Delivery::new(root, source.get(..16).unwrap_or(&source)),
            maildrop: format!("{} {}@{}", account.name, server.username, server.host),
            account: account.name.clone(),
            mailboxes: mailboxes(account),
            rests: Arc::default(),
        };
        Self {
            server: Arc::new(pop3::Account::new(&account.name, server.clone()).with_trace(common.trace.clone())),
            ground,
            leave: pop3.leave,
            out: common.out.clone(),
            jobs: common.jobs.clone(),
            clock: common.clock.clone(),
            seed: common.seed,
            rested: common.rested.clone(),
            stop: common.stop.clone(),
            is_busy: Arc::new(AtomicBool::new(true)),
            said: Mutex::default(),
            trouble: Mutex::default(),
            core,
        }
    }

    /// The Maildir that is fetched into, to be read.
    pub fn delivered(&self) -> Delivered {
        Delivered(self.ground.clone())
    }

    pub fn watch(&self) -> Fetching {
        Fetching { server: self.server.clone(), is_busy: self.is_busy.clone() }
    }

    /// Fetches from time to time until the program ends; `retry` means now.
    pub async fn run(self, retry: Arc<Notify>) {
        let mut stop = self.stop.clone();
        tokio::select! {
            () = self.ground.rests.notified() => {}
            _ = stop.changed() => return,
        }
        let mut back_off = BackOff::new(self.seed ^ 0x909);
        while !*stop.borrow() {
            self.is_busy.store(true, Ordering::SeqCst);
            self.tell(LinkState::Connecting).await;
            let begun = Instant::now();
            let result = tokio::select! {
                result = self.round() => result,
                // the connection is cut: nothing is deleted there, and what came is known here
                _ = stop.changed() => break,
            };
            let (state, pause) = self.after(result, begun.elapsed(), &mut back_off);
            self.core.lock().is_refused = matches!(state, LinkState::SignIn { .. });
            self.tell(state.clone()).await;
            self.is_busy.store(false, Ordering::SeqCst);
            self.rested.notify_one();
            let next = pause.map(|pause| Instant::now() + pause);
            loop {
                tokio::select! {
                    () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => break,
                    () = retry.notified() => {
                        back_off.reset();
                        break;
                    }
                    // the supervisor told its own state meanwhile
                    () = self.ground.rests.notified() => self.tell(state.clone()).await,
                    _ = stop.changed() => break,
                }
            }
        }
        self.is_busy.store(false, Ordering::SeqCst);
    }

    async fn tell(&self, state: LinkState) {
        self.out.link(self.core.account, &self.core.name, state).await;
    }

    /// What to tell of a round, and when the next one is due; None: not before the user acts.
    fn after(&self, result: Result<(), RemoteError>, took: Duration, back_off: &mut BackOff) -> (LinkState, Option<Duration>) {
        let error = match result {
            Ok(()) => {
                back_off.reset();
                return (LinkState::Online { push: false, round_trip_ms: u32::try_from(took.as_millis()).ok() }, Some(POLL));
            }
            Err(error) => error,
        };
        match error {
            RemoteError::BadLogin(why) => (LinkState::SignIn { refused: Some(why) }, None),
            RemoteError::NoSecret(_) => (LinkState::SignIn { refused: None }, None),
            error => {
                let pause = back_off.next_pause();
                let pause = if matches!(error, RemoteError::NotNow(_)) { pause.max(NOT_NOW) } else { pause };
                let retry_at = self.clock.wall() + i64::try_from(pause.as_secs() + 1).unwrap_or(60);
                (LinkState::BackOff { why: error.to_string(), retry_at }, Some(pause))
            }
        }
    }

    /// Fetches what is new and deletes there what the rule says; once, over as many connections as it takes.
    ///
    /// # Errors
    /// What ended it. What came until then is here.
    pub async fn round(&self) -> Result<(), RemoteError> {
        let folder = accounts::folder(&self.ground.writer);
        let _lock = match owner::claim(&folder, &format!("{}.pop3", self.ground.account)) {
            Ok(Ok(lock)) => lock,
            Ok(Err(_)) => return Err(RemoteError::NotNow("another postrider is fetching this mail".into())),
            Err(error) => return Err(RemoteError::Offline(format!("the lock in {} can't be taken: {error}", folder.display()))),
        };
        self.ground.ready().await?;
        let delivery = self.ground.delivery.clone();
        round::blocking(move || {
            delivery.clean();
            Ok(())
        })
        .await?;
        let mut round = round::Round::new(self);
        let mut attempts = 1;
        loop {
            let before = round.progress();
            match round.session().await {
                Err(RemoteError::Offline(_) | RemoteError::Protocol(_)) if attempts < ATTEMPTS && round.progress() > before => {
                    attempts += 1
                }
                result => return result,
            }
        }
    }

    /// Tells something once in this run.
    async fn say(&self, what: String, why: impl Into<String>, next: &str) {
        let why = why.into();
        if self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{what}: {why}")) {
            self.out.failed(what, why, next).await;
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Maildir has new files: the reader need not wait for the file system to say so.
    fn poke_reader(&self) {
        self.core.poke(|inner| {
            for mailbox in inner.state.mailboxes.iter_mut().filter(|mailbox| mailbox.is_inbox) {
                mailbox.look_now();
                mailbox.not_before = 0;
            }
        });
    }
}

/// The mailboxes that triage needs, as Maildir++ names; not those whose name the configuration gives.
fn mailboxes(account: &config::Account) -> Vec<String> {
    [(Role::Archive, "Archive"), (Role::Sent, "Sent"), (Role::Drafts, "Drafts"), (Role::Trash, "Trash")]
        .into_iter()
        .filter(|(role, _)| !account.mailboxes.contains_key(role.word()))
        .map(|(_, name)| format!(".{name}"))
        .collect()
}

impl Ground {
    /// Makes the Maildir where it may be made. Where it was replaced, all that the server has is new.
    async fn ready(&self) -> Result<(), RemoteError> {
        let this = self.clone();
        let found = round::blocking(move || {
            let has_mail = this.own()?.has_popped(&this.maildrop).map_err(store_failed)?;
            let found = this.delivery.prepare(has_mail, &this.mailboxes)?;
            Ok((found, has_mail))
        });
        let (found, has_mail) = found.await?;
        if found == Found::Same {
            return Ok(());
        }
        if has_mail {
            self.writer.forget_maildrop(&self.maildrop).await.map_err(store_failed)?;
        }
        let delivery = self.delivery.clone();
        round::blocking(move || delivery.mark()).await
    }

    /// Blocking.
    fn own(&self) -> Result<Own, RemoteError> {
        let own = Own::open(self.writer.paths()).map_err(store_failed)?;
        own.ok_or_else(|| RemoteError::NotNow("the table of fetched mail is not there".into()))
    }
}

fn store_failed(error: StoreError) -> RemoteError {
    RemoteError::NotNow(error.to_string())
}

/// The Maildir of a POP3 account: made where it is missing, and told when it is open.
#[derive(Clone, Debug)]
pub struct Delivered(Ground);

impl Connect for Delivered {
    type Remote = maildir::Connection;

    async fn connect(&self, first: Option<&str>) -> Result<maildir::Connection, RemoteError> {
        self.0.ready().await?;
        let maildir = maildir::Account { root: self.0.delivery.root().to_owned() };
        Ok(maildir.connect(first).await?.when_resting(self.0.rests.clone()))
    }
}
