//! Takes requests in their order. What must not wait (saving a change, answering from what is here) happens
//! at once; the rest is handed to the listing task, the account loops, or a task of its own.

mod handout;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc, watch};

use super::accounts::{self, Running};
use super::clock::SleepWatch;
use super::core::Common;
use super::drafts::Drafts;
use super::glimpse::Glimpses;
use super::jobs::Jobs;
use super::listing::{Asked, Lister};
use super::outbox::Desk;
use super::pages::Half;
use super::plan::Wanted;
use super::{AppliedKind, Health, Request, WorkerEvent};
use crate::config::{self, Config};
use crate::fault;
use crate::mail::page::View;
use crate::mail::{AccountId, Change, Draft, DraftId, MessageId, OutItem};
use crate::store::{Applied, Location, StoreError, StoredBody};

/// What drafts that were left or sent get when the program ends.
const WRITING: std::time::Duration = std::time::Duration::from_secs(2);

/// A draft and the message it is now.
type Queued = (DraftId, OutItem);

/// The task at the receiving end of the request channel.
#[derive(Debug)]
pub struct Intake {
    common: Common,
    open_command: Vec<String>,
    print_command: Vec<String>,
    running: BTreeMap<AccountId, Running>,
    jobs: Jobs,
    glimpses: Glimpses,
    drafts: Drafts,
    desk: Desk,
    /// Drafts that were queued, for the desk.
    queued: (mpsc::UnboundedSender<Queued>, mpsc::UnboundedReceiver<Queued>),
    asked: watch::Sender<Asked>,
    lister_rests: Arc<AtomicBool>,
    /// Tasks of single requests that still run.
    under_way: Arc<AtomicUsize>,
    /// Those of them that the end waits for.
    writing: Arc<AtomicUsize>,
    handled: u64,
    stop: watch::Sender<bool>,
}

/// Counts a task as under way for as long as it lives.
#[derive(Debug)]
struct UnderWay(Arc<AtomicUsize>, Arc<Notify>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        self.1.notify_one();
    }
}

impl Intake {
    pub fn new(common: Common, config: &Config, stop: watch::Sender<bool>) -> Self {
        let (asked, asked_by) = watch::channel(None);
        let lister_rests = Arc::new(AtomicBool::new(false));
        let lister = Lister {
            readers: common.readers.clone(),
            out: common.out.clone(),
            asked: asked_by,
            is_resting: lister_rests.clone(),
            rested: common.rested.clone(),
        };
        tokio::spawn(lister.run());
        Self {
            drafts: Drafts::new(common.clone(), common.jobs.clone(), config),
            desk: Desk::new(common.clone()),
            queued: mpsc::unbounded_channel(),
            jobs: common.jobs.clone(),
            glimpses: Glimpses::default(),
            open_command: config.ui.open_command.clone(),
            print_command: config.ui.print_command.clone(),
            running: BTreeMap::new(),
            asked,
            lister_rests,
            under_way: Arc::default(),
            writing: Arc::default(),
            handled: 0,
            stop,
            common,
        }
    }

    /// Serves until Shutdown, or until nobody can ask any more.
    pub async fn run(mut self, accounts: Vec<config::Account>, mut requests: mpsc::Receiver<Request>) {
        self.tell_notices().await;
        self.common.hand.begin(&self.common, accounts::folder(&self.common.writer), false).await;
        self.start_accounts(accounts).await;
        self.spawn(self.drafts.clone().recover());
        let mut told = None;
        let mut watch = SleepWatch::new(&self.common.clock);
        let mut looks = tokio::time::interval(SleepWatch::LOOK);
        let pages = self.common.pages.clone();
        loop {
            let request = tokio::select! {
                biased;
                request = requests.recv() => request,
                () = self.common.rested.notified() => {
                    // told again only if something was said since
                    let now = (self.handled, self.common.out.sent());
                    if told != Some(now) && self.is_settled() && requests.is_empty() {
                        self.common.out.send(WorkerEvent::Settled { handled: self.handled }).await;
                        told = Some((self.handled, self.common.out.sent()));
                    }
                    continue;
                }
                Some((draft, item)) = self.queued.1.recv() => {
                    self.desk.queued(draft, item).await;
                    self.common.rested.notify_one();
                    continue;
                }
                half = pages.half() => {
                    half.into_iter().for_each(|half| self.fetch_rest(half));
                    continue;
                }
                _ = looks.tick() => {
                    if watch.look(&self.common.clock) {
                        self.woke();
                    }
                    continue;
                }
                () = self.common.writer.noticed() => {
                    self.tell_notices().await;
                    continue;
                }
                () = self.common.out.listed().notified() => {
                    let drafts = self.drafts.clone();
                    self.spawn(async move { drafts.file_left().await });
                    continue;
                }
            };
            match request {
                None | Some(Request::Shutdown) => break,
                Some(request) => self.handle(request).await,
            }
            self.handled += 1;
            self.common.rested.notify_one();
        }
        self.end().await;
    }

    /// What the store repaired or gave up.
    async fn tell_notices(&self) {
        // the first of them is to be read last: it stays on the screen
        for notice in self.common.writer.notices().into_iter().rev() {
            self.common.out.failed("The mail store", notice, "").await;
        }
    }

    async fn start_accounts(&mut self, accounts: Vec<config::Account>) {
        let names = accounts.iter().map(|account| account.name.clone()).collect();
        let ids = match self.common.writer.set_accounts(names).await {
            Ok(ids) => ids,
            Err(error) => return self.store_failed("The accounts could not be prepared", &error).await,
        };
        for (id, account) in ids.into_iter().zip(&accounts) {
            match accounts::start(&self.common, id, account).await {
                Ok(running) => {
                    self.running.insert(id, running);
                }
                Err(error) => self.store_failed(&format!("{} could not be started", account.name), &error).await,
            }
            self.desk.add(id, account);
        }
        self.desk.tell().await;
    }

    fn is_settled(&self) -> bool {
        self.under_way.load(Ordering::SeqCst) == 0
            // in this order: the lister says that it works before it takes what was touched
            && self.lister_rests.load(Ordering::SeqCst)
            && self.common.out.touched().is_empty()
            && self.queued.1.is_empty()
            && self.common.out.pokes().rest()
            && self.running.values().all(|running| running.is_resting())
    }

    async fn end(mut self) {
        self.finish_writing().await;
        let _ = self.stop.send(true);
        self.desk.end().await;
        for running in self.running.values_mut() {
            running.core.wake_a.notify_one();
            running.core.wake_b.notify_one();
            if let Some(task) = running.task.take() {
                let _ = tokio::time::timeout(std::time::Duration::from_secs(4), task).await;
            }
        }
    }

    async fn handle(&mut self, request: Request) {
        fault::at("intake", b"");
        match request {
            Request::List(listing) => {
                self.lister_rests.store(false, Ordering::SeqCst);
                let number = self.handled;
                self.asked.send_replace(Some((number, listing)));
            }
            Request::Look { mailbox } => self.running.values().for_each(|running| running.core.look(mailbox)),
            Request::Apply { change, label } => self.apply(change, label).await,
            Request::Undo { steps } => self.take_back(steps, AppliedKind::Undone).await,
            Request::Redo { steps } => self.take_back(steps, AppliedKind::Redone).await,
            Request::Want { id, view, ahead } => self.want(id, view, ahead).await,
            Request::Together { ids } => self.common.pages.want_together(ids),
            Request::Glimpse { ids } => self.spawn(self.glimpses.look(&self.common, self.cores(), ids)),
            Request::SaveParts { id, parts, folder } => self.save(id, parts, folder).await,
            Request::Pipe { id, part, command } => self.pipe(id, part, command),
            Request::Export { id, file } => self.export(id, file),
            Request::Print { id } => self.print(id),
            Request::Open { id, target, sure, room } => self.open(id, target, sure, room),
            Request::Unsubscribe { url } => self.unsubscribe(url),
            Request::FetchPictures { id, urls } => self.fetch_pictures(id, urls),
            Request::Sync { account } => {
                self.common.hand.pardon(&self.common).await;
                let wanted = self.running.iter().filter(|(id, _)| account.is_none_or(|account| account == **id));
                wanted.for_each(|(_, running)| {
                    running.core.sync();
                    self.wake(running);
                });
                self.desk.retry(account);
            }
            Request::Retry { account } => {
                if let Some(running) = self.running.get(&account) {
                    running.retry.notify_one();
                }
                self.desk.hurry(account);
            }
            Request::Waits => self.tell_waits(),
            Request::TakeBack { groups, label } => {
                let taken = self.common.writer.revoke(groups, label.clone()).await;
                self.note_applied(taken, label).await;
            }
            Request::ForgetMishaps { ids } => {
                if let Err(error) = self.common.writer.forget_mishaps(ids).await {
                    self.store_failed("It could not be taken off the list", &error).await;
                }
                self.tell_waits();
            }
            Request::Health => self.tell_health(),
            Request::Cancel(job) => self.jobs.cancel(job),
            Request::Credentials { account, secret } => {
                self.desk.set_secret(account, &secret);
                if let Some(running) = self.running.get(&account) {
                    running.set_secret(secret);
                }
            }
            Request::Probe { account, secret, config } => self.probe(*account, secret, config),
            Request::Compose(start) => self.spawn(self.drafts.clone().compose(start)),
            Request::SaveDraft { id, serial, draft } => self.spawn(self.drafts.save(id, serial, *draft)),
            Request::LeaveDraft { id, draft } => self.spawn_writing(self.drafts.leave(id, *draft)),
            Request::DiscardDraft { id, draft } => {
                self.desk.note_draft(id);
                self.spawn(self.drafts.discard(id, *draft));
            }
            Request::Attach { draft, path } => self.spawn(self.drafts.clone().attach(draft, path)),
            Request::CompleteAddress { serial, prefix } => self.spawn(self.drafts.clone().complete(serial, prefix)),
            Request::CompletePath { serial, folder, prefix } => self.complete_path(serial, folder, prefix),
            Request::Send { id, draft, not_before } => self.send(id, *draft, not_before),
            Request::Unsend { id } => self.desk.unsend(id).await,
            Request::SendNow { id } => self.desk.send_now(id).await,
            Request::DropOutgoing { id } => self.desk.drop_outgoing(id).await,
            Request::Shutdown => {}
        }
    }

    /// The machine slept: dead connections are noticed, and whoever waits to connect tries now.
    fn woke(&self) {
        tracing::info!("the machine slept, or its clock was set");
        for running in self.running.values() {
            running.core.suspect();
            self.wake(running);
        }
    }

    /// Whoever waits for a back-off is woken; nobody later, and nobody with a refused password.
    fn wake(&self, running: &Running) {
        if !running.core.lock().is_refused {
            running.retry.notify_waiters();
        }
    }

    fn tell_health(&self) {
        let (readers, out) = (self.common.readers.clone(), self.common.out.clone());
        let mut all: Vec<Health> = self.running.values().map(Running::health).collect();
        self.spawn(async move {
            for waiting in readers.with(|reader| reader.waiting(None)).await.unwrap_or_default() {
                all.iter_mut().filter(|health| health.account == waiting.account).for_each(|health| health.waiting += 1);
            }
            out.send(WorkerEvent::Health(all)).await;
        });
    }

    async fn store_failed(&self, what: &str, error: &StoreError) {
        self.common.out.failed(what, error.to_string(), "Nothing was changed.").await;
    }

    /// Reads every waiting row, beside everything else.
    fn tell_waits(&self) {
        let (readers, out) = (self.common.readers.clone(), self.common.out.clone());
        self.spawn(async move {
            match readers.with(|reader| reader.waits()).await {
                Ok(waits) => out.send(WorkerEvent::Waits(Arc::new(waits))).await,
                Err(error) => out.failed("What waits could not be read", error.to_string(), "Nothing was changed.").await,
            }
        });
    }

    async fn apply(&mut self, change: Change, label: String) {
        let applied = self.common.writer.apply(change, label.clone()).await;
        self.note_applied(applied, label).await;
    }

    async fn note_applied(&mut self, applied: Result<Applied, StoreError>, label: String) {
        match applied {
            Ok(applied) => {
                // as the store: what has no name, or changed nothing, is not taken back
                if !label.is_empty() && !applied.inverse.is_empty() {
                    self.desk.note_change();
                }
                self.applied(applied, AppliedKind::Done).await;
            }
            Err(error) => self.store_failed(&format!("Not saved: {label}"), &error).await,
        }
    }

    async fn take_back(&mut self, steps: u32, kind: AppliedKind) {
        for _ in 0..steps.max(1) {
            let is_redo = kind == AppliedKind::Redone;
            if !is_redo && (self.reopen_draft().await || self.desk.undo().await) {
                continue;
            }
            let done = if is_redo { self.common.writer.redo().await } else { self.common.writer.undo().await };
            match done {
                Ok(Some(applied)) => {
                    if is_redo {
                        self.desk.note_change()
                    } else {
                        self.desk.forget_change()
                    }
                    self.applied(applied, kind).await;
                }
                Ok(None) => {
                    self.common.out.send(WorkerEvent::NothingToUndo { redo: is_redo }).await;
                    break;
                }
                Err(error) => {
                    self.store_failed(if is_redo { "It could not be done again" } else { "It could not be taken back" }, &error).await;
                    break;
                }
            }
        }
    }

    /// The newest doing was to discard a draft, and it is open again.
    async fn reopen_draft(&mut self) -> bool {
        match self.desk.take_draft() {
            Some(id) => self.drafts.reopen(id).await,
            None => false,
        }
    }

    /// Queues a draft; the desk hears of it when it is in the outbox.
    fn send(&self, id: DraftId, draft: Draft, not_before: Option<i64>) {
        let (queued, tell) = (self.drafts.send(id, draft, not_before), self.queued.0.clone());
        self.spawn_writing(async move {
            if let Some(item) = queued.await {
                let _ = tell.send((id, item));
            }
        });
    }

    async fn applied(&self, applied: Applied, kind: AppliedKind) {
        let Applied { label, changed, done, asked, .. } = applied;
        let account = self.running.keys().next().copied();
        for running in self.running.values() {
            running.core.poke_push();
        }
        self.common.out.send(WorkerEvent::Applied { label, done, asked, kind }).await;
        if let Some(account) = account {
            if !changed.mailboxes.is_empty() {
                self.common.out.touched().hurry();
            }
            self.common.out.changed(account, changed).await;
        }
        for account in self.running.keys().skip(1) {
            self.common.out.send(WorkerEvent::MailboxesChanged { account: *account }).await;
        }
        // where another process is the owner, it pushes
        let folder = accounts::folder(&self.common.writer);
        let others = self.running.values().filter(|running| running.core.lock().down.is_some()).map(|running| running.core.name.clone());
        let others: Vec<String> = others.collect();
        if !others.is_empty() {
            tokio::task::spawn_blocking(move || others.iter().for_each(|name| super::beside::poke(&folder, name)));
        }
    }

    /// Starts a task that counts as under way.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let guard = UnderWay(self.under_way.clone(), self.common.rested.clone());
        // some are large, and an unoptimized build moves them from frame to frame
        let task = Box::pin(task);
        tokio::spawn(async move {
            task.await;
            drop(guard);
        });
    }

    /// The same for what puts a message where it belongs: it is finished before the program ends.
    fn spawn_writing(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.writing.fetch_add(1, Ordering::SeqCst);
        let guard = UnderWay(self.writing.clone(), self.common.rested.clone());
        self.spawn(async move {
            task.await;
            drop(guard);
        });
    }

    /// A draft that was just left is put into its mailbox, one that was just sent into the outbox.
    async fn finish_writing(&self) {
        let done = async {
            while self.writing.load(Ordering::SeqCst) > 0 {
                self.common.rested.notified().await;
            }
        };
        // what is not done by then is done at the next start
        let _ = tokio::time::timeout(WRITING, done).await;
    }

    async fn locate(&self, id: MessageId) -> Result<Option<(Location, Option<StoredBody>)>, StoreError> {
        let find = self.common.readers.with(move |reader| {
            let Some(location) = reader.location(id)? else { return Ok(None) };
            let body = super::whole::kept(reader, id, &location)?;
            Ok(Some((location, body)))
        });
        find.await
    }

    async fn want(&mut self, id: MessageId, view: View, ahead: Vec<MessageId>) {
        let pages = self.common.pages.clone();
        pages.want(id);
        if let Some(page) = pages.find(id, view) {
            pages.tell(id, view, Ok(page)).await;
            return self.fetch_ahead(ahead).await;
        }
        match self.locate(id).await {
            Ok(Some((location, Some(body)))) => {
                self.spawn(async move { pages.render(id, location.account, view, body).await });
                self.fetch_ahead(ahead).await;
            }
            Ok(Some((location, None))) => self.fetch_wanted(id, view, location, ahead).await,
            Ok(None) => pages.tell(id, view, Err("This message is gone.".into())).await,
            Err(error) => pages.tell(id, view, Err(error.to_string())).await,
        }
    }

    /// A seal can't be opened by halves, nor a picture drawn.
    fn fetch_rest(&self, Half { id, account, view }: Half) {
        let (whole, pages) = (self.whole(id), self.common.pages.clone());
        self.spawn(async move {
            // where it can't be had, the page goes on saying that it is not here
            if let Ok(bytes) = whole.await {
                pages.render(id, account, view, StoredBody { bytes, whole: true, parts: Vec::new() }).await;
            }
        });
    }

    async fn fetch_wanted(&self, id: MessageId, view: View, location: Location, ahead: Vec<MessageId>) {
        let pages = &self.common.pages;
        let Some(running) = self.running.get(&location.account) else {
            return pages.tell(id, view, Err("The account of this message is not configured any more.".into())).await;
        };
        let Some(key) = location.key else {
            return pages.tell(id, view, Err("This message is on its way; it can be shown once the server has it.".into())).await;
        };
        let down = running.core.lock().down.clone();
        if let Some(why) = &down {
            pages.tell(id, view, Err(format!("This message is not kept here, and {} is not connected: {why}.", running.core.name))).await;
        }
        let ahead = if down.is_some() { Vec::new() } else { self.wanted_ahead(ahead).await };
        running.core.want(Wanted { id, mailbox: location.mailbox, key, view: Some(view) }, ahead);
    }

    /// Neighbours whose bodies are not here.
    async fn wanted_ahead(&self, ids: Vec<MessageId>) -> Vec<Wanted> {
        let find = self.common.readers.with(move |reader| {
            let mut missing = Vec::new();
            for summary in reader.summaries(&ids)?.into_iter().filter(|summary| !summary.has_body) {
                if let Some(location) = reader.location(summary.id)?
                    && let Some(key) = location.key
                {
                    missing.push(Wanted { id: summary.id, mailbox: location.mailbox, key, view: None });
                }
            }
            Ok(missing)
        });
        find.await.unwrap_or_default()
    }

    async fn fetch_ahead(&self, ids: Vec<MessageId>) {
        if ids.is_empty() {
            return;
        }
        let wanted = self.wanted_ahead(ids).await;
        for running in self.running.values().filter(|running| !running.core.is_local && running.core.lock().is_online) {
            let of_account: std::collections::VecDeque<Wanted> =
                wanted.iter().filter(|one| running.core.lock().state.mailbox(one.mailbox).is_some()).cloned().collect();
            if !of_account.is_empty() {
                running.core.poke(|inner| inner.state.ahead = of_account);
            }
        }
    }

    /// A future of the whole raw message, from here or from the server.
    fn whole(&self, id: MessageId) -> impl Future<Output = Result<Vec<u8>, String>> + Send + 'static {
        let (readers, cores) = (self.common.readers.clone(), self.cores());
        let jobs = self.jobs.clone();
        async move { super::whole::whole(&readers, &cores, &jobs, id).await }
    }

    /// The same as its page shows it: out of its seal; and whether that is secret.
    fn readable(&self, id: MessageId) -> impl Future<Output = Result<(Vec<u8>, bool), String>> + Send + 'static {
        let (whole, pages) = (self.whole(id), self.common.pages.clone());
        async move { Ok(pages.readable(id, whole.await?).await) }
    }

    fn cores(&self) -> BTreeMap<AccountId, Arc<super::core::Core>> {
        self.running.iter().map(|(id, running)| (*id, running.core.clone())).collect()
    }

    fn complete_path(&self, serial: u64, folder: PathBuf, prefix: String) {
        let out = self.common.out.clone();
        self.spawn(async move {
            let read = tokio::task::spawn_blocking(move || super::paths::names(&folder, &prefix));
            let found = read.await.unwrap_or_default();
            out.send(WorkerEvent::PathCompleted { serial, found }).await;
        });
    }

    fn probe(&self, account: config::Account, secret: Option<config::Secret>, config: PathBuf) {
        let (out, trace) = (self.common.out.clone(), self.common.trace.clone());
        self.spawn(async move {
            let account = Box::new(account);
            let result = match accounts::probe(&account, secret, trace).await {
                Ok(_) => {
                    let add = tokio::task::spawn_blocking({
                        let account = account.clone();
                        move || config::write::add_account(&config, &account).map_err(|error| format!("{error:#}"))
                    });
                    add.await.unwrap_or_else(|_| Err("the configuration could not be written".into()))
                }
                Err(error) => Err(error.to_string()),
            };
            out.send(WorkerEvent::Probed { account: account.name, result }).await;
        });
    }
}
