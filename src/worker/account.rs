//! The supervisor of one account: owner or not, link A (the mailbox on screen, hints, pushes), link B (bodies,
//! bulk headers, the other mailboxes), reconnecting, and what it tells of itself. What is done on a link is
//! chosen by `plan.rs` and run by `step.rs`; one account in trouble never touches another.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::clock::BackOff;
use super::core::Core;
use super::owner::{self, Ownership};
use super::plan::{Link, Step};
use super::step::{self, StepError};
use super::{LinkState, WorkerEvent};
use crate::mail::MailboxId;
use crate::remote::{Connect, Hint, Remote, RemoteError};

/// How often the other mailboxes are looked at.
const POLL: Duration = Duration::from_secs(600);
/// How often a waiting process tries to become the owner, and looks whether the store changed.
const OWNER_RETRY: Duration = Duration::from_secs(3);
/// Link B says something to keep its connection.
const KEEP_ALIVE: Duration = Duration::from_secs(240);
/// What a step under way may take when the program ends; then its connection is cut.
const LAST_STEP: Duration = Duration::from_millis(1_500);
/// Attempts of link B before the account is served by link A alone.
const B_ATTEMPTS: u32 = 3;

/// How one account is run.
#[derive(Debug)]
pub struct Supervisor<C> {
    pub core: Arc<Core>,
    pub connect: Arc<C>,
    /// Where locks and sockets are; None: no other process is to be expected (tests).
    pub folder: Option<PathBuf>,
    pub offline: bool,
    /// A second connection makes sense.
    pub wants_b: bool,
    pub seed: u64,
    /// Notified by Retry and Credentials.
    pub retry: Arc<Notify>,
    /// True when the program ends.
    pub stop: watch::Receiver<bool>,
}

/// Why serving ended.
#[derive(Debug)]
enum End {
    Stopped,
    Failed(StepError),
}

impl<C: Connect> Supervisor<C> {
    /// Runs until the program ends. A panic below costs the connection, not the account.
    pub async fn run(self) {
        let this = Arc::new(self);
        let core = this.core.clone();
        if this.offline {
            return this.tell_offline("started with --offline").await;
        }
        let Some(_ownership) = this.become_owner().await else { return };
        let _listener = this.folder.clone().map(|folder| Listener::start(core.clone(), folder));
        let mut back_off = BackOff::new(this.seed);
        while !this.is_stopping() {
            let run = this.clone();
            let connected = tokio::spawn(async move { run.connected().await });
            match connected.await {
                Ok(End::Stopped) => break,
                Ok(End::Failed(error)) => this.pause(error, &mut back_off).await,
                Err(panic) => {
                    tracing::error!(account = core.name, %panic, "the account loop failed");
                    let what = format!("Bringing {} up to date failed inside postrider", core.name);
                    core.out.failed(what, "a bug; the log has more", "It starts again by itself; no mail is lost.").await;
                    this.pause(RemoteError::Offline("starting again after a fault inside".into()).into(), &mut back_off).await;
                }
            }
        }
        core.rest(Link::A);
        core.rest(Link::B);
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    async fn tell_offline(&self, why: &str) {
        self.go_down(why).await;
        self.core.out.link(self.core.account, &self.core.name, LinkState::Offline { why: why.to_owned() }).await;
    }

    /// Nobody can be served now: who waits for a body hears why.
    async fn go_down(&self, why: &str) {
        let waiting = {
            let mut inner = self.core.lock();
            inner.is_online = false;
            inner.state.has_b = false;
            inner.state.expects_b = false;
            inner.down = Some(why.to_owned());
            for raw in inner.raws.drain(..) {
                let _ = raw.done.send(Err(why.to_owned()));
            }
            inner.state.wanted.clone()
        };
        for wanted in waiting {
            if let Some(view) = wanted.view {
                self.core.pages.tell(wanted.id, view, Err(format!("This message is not kept here, and {}: {why}.", self.core.name))).await;
            }
        }
        self.core.rest(Link::A);
        self.core.rest(Link::B);
    }

    /// Waits until this process owns the account; None at the end of the program.
    async fn become_owner(&self) -> Option<Option<Ownership>> {
        let Some(folder) = &self.folder else { return Some(None) };
        let mut told = None;
        let mut written = None;
        loop {
            if self.is_stopping() {
                return None;
            }
            let why = match owner::claim(folder, &self.core.name) {
                Ok(Ok(ownership)) => return Some(Some(ownership)),
                Ok(Err(Some(pid))) => format!("another postrider (process {pid}) keeps this account in step"),
                Ok(Err(None)) => "another postrider keeps this account in step".to_owned(),
                Err(error) => format!("the lock in {} can't be taken: {error}", folder.display()),
            };
            if told.as_ref() != Some(&why) {
                self.tell_offline(&why).await;
                told = Some(why);
            }
            let now = owner::last_write(&self.core.writer.paths().mail_db);
            if written.is_some() && now != written {
                tell_all_changed(&self.core).await;
            }
            written = now;
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(OWNER_RETRY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Waits after a failure: for the back-off, a retry, or the end.
    async fn pause(&self, error: StepError, back_off: &mut BackOff) {
        let text = error.to_string();
        self.go_down(&text).await;
        let core = &self.core;
        let needs_user = matches!(&error, StepError::Remote(RemoteError::BadLogin(_) | RemoteError::NoSecret(_)));
        let is_unknown = matches!(&error, StepError::Remote(RemoteError::NoSecret(_)));
        if core.take_success() {
            back_off.reset();
        }
        let pause = back_off.next_pause();
        core.lock().is_refused = needs_user;
        let state = if needs_user {
            LinkState::SignIn { refused: (!is_unknown).then_some(text) }
        } else {
            let retry_at = core.clock.wall() + i64::try_from(pause.as_secs() + 1).unwrap_or(60);
            LinkState::BackOff { why: text, retry_at }
        };
        core.out.link(core.account, &core.name, state).await;
        let mut stop = self.stop.clone();
        tokio::select! {
            () = sleep(pause), if !needs_user => {}
            () = self.retry.notified() => back_off.reset(),
            _ = stop.changed() => {}
        }
        core.lock().is_refused = false;
        core.work(Link::A);
    }

    /// One connection's life.
    async fn connected(self: Arc<Self>) -> End {
        let core = &self.core;
        core.work(Link::A);
        core.out.link(core.account, &core.name, LinkState::Connecting).await;
        let first = core.lock().state.home().map(|home| home.wire_name.clone());
        let mut stop = self.stop.clone();
        let connecting = self.connect.connect(first.as_deref());
        let mut remote = tokio::select! {
            remote = connecting => match remote {
                Ok(remote) => remote,
                Err(error) => return End::Failed(error.into()),
            },
            _ = stop.changed() => return End::Stopped,
        };
        core.reconnect();
        {
            let mut inner = core.lock();
            inner.is_online = true;
            inner.down = None;
        }
        let push = remote.abilities().push;
        core.out.link(core.account, &core.name, LinkState::Online { push, round_trip_ms: None }).await;
        let (stop_b, b_stops) = watch::channel(false);
        let page = Arc::new(Notify::new());
        let b = self.wants_b.then(|| tokio::spawn(self.clone().link_b(page.clone(), b_stops)));
        let end = self.serve(&mut remote, Link::A, self.stop.clone(), Some(&page)).await;
        core.lock().is_online = false;
        let _ = stop_b.send(true);
        if let Some(b) = b {
            let _ = timeout(LAST_STEP, b).await;
        }
        if matches!(end, End::Stopped) {
            self.push_rest(&mut remote).await;
            let _ = timeout(LAST_STEP, remote.close()).await;
        }
        end
    }

    /// At the end of the program: what waits and can go out quickly goes out.
    async fn push_rest(&self, remote: &mut C::Remote) {
        let push = async {
            loop {
                let step = {
                    let inner = self.core.lock();
                    (inner.state.dirty && !inner.state.unresolved && inner.state.push_not_before <= self.core.clock.mono())
                        .then_some(Step::Push)
                };
                let Some(step) = step else { break };
                if step::run(&self.core, remote, Link::A, step).await.is_err() {
                    break;
                }
            }
        };
        let _ = timeout(LAST_STEP, push).await;
    }

    /// Link B: after the first page is there; given up where the server refuses it.
    async fn link_b(self: Arc<Self>, page: Arc<Notify>, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            () = page.notified() => {}
            _ = stop.changed() => return,
        }
        let core = self.core.clone();
        core.poke(|inner| inner.state.expects_b = true);
        let mut back_off = BackOff::new(self.seed ^ 0xb);
        let mut attempts = 0;
        while attempts < B_ATTEMPTS && !*stop.borrow() {
            let home = core.lock().state.home().map(|home| home.wire_name.clone());
            let connecting = self.connect.connect(home.as_deref());
            let connected = tokio::select! {
                connected = connecting => connected,
                _ = stop.changed() => return,
            };
            if let Ok(mut remote) = connected {
                core.poke(|inner| (inner.state.has_b, inner.state.expects_b) = (true, false));
                let end = self.serve(&mut remote, Link::B, stop.clone(), None).await;
                core.poke(|inner| inner.state.has_b = false);
                core.rest(Link::B);
                if matches!(end, End::Stopped) {
                    let _ = timeout(LAST_STEP, remote.close()).await;
                    return;
                }
                if core.take_success_b() {
                    attempts = 0;
                    back_off.reset();
                    continue;
                }
            }
            attempts += 1;
            if core.lock().state.expects_b {
                core.poke(|inner| inner.state.expects_b = false);
                core.rest(Link::B);
            }
            tokio::select! {
                () = sleep(back_off.next_pause()) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Runs steps until the connection fails or the program ends.
    async fn serve(&self, remote: &mut C::Remote, link: Link, mut stop: watch::Receiver<bool>, page: Option<&Notify>) -> End {
        let core = &self.core;
        let mut next_poll = Instant::now() + POLL;
        let mut is_measured = link == Link::B;
        let mut last_open = None;
        while !*stop.borrow() {
            let step = core.next_step(link);
            last_open = step.mailbox().or(last_open);
            let result = match (step, link) {
                (Step::Wait, Link::A) => self.wait_a(remote, &mut stop, &mut next_poll).await,
                (Step::Wait, Link::B) => self.wait_b(remote, &mut last_open, &mut stop).await,
                (step, _) => {
                    let begun = Instant::now();
                    match stoppable(step::run(core, remote, link, step), &mut stop).await {
                        None => return End::Stopped,
                        Some(Ok(())) => {
                            core.note_success(link);
                            if !std::mem::replace(&mut is_measured, true) {
                                self.tell_round_trip(remote.abilities().push, begun.elapsed()).await;
                            }
                            Ok(())
                        }
                        Some(Err(error)) => Err(error),
                    }
                }
            };
            if let Err(error) = result {
                return End::Failed(error);
            }
            if let Some(page) = page.filter(|_| core.lock().state.home().is_some_and(|home| !home.newest_due)) {
                page.notify_one();
            }
        }
        End::Stopped
    }

    async fn tell_round_trip(&self, push: bool, took: Duration) {
        let state = LinkState::Online { push, round_trip_ms: u32::try_from(took.as_millis()).ok() };
        self.core.out.send(WorkerEvent::Link { account: self.core.account, state }).await;
    }

    /// Link A waits in the mailbox on screen for hints, pokes and the next time something is due.
    async fn wait_a(&self, remote: &mut C::Remote, stop: &mut watch::Receiver<bool>, next_poll: &mut Instant) -> Result<(), StepError> {
        let core = &self.core;
        let (home, next) = {
            let mut inner = core.lock();
            let next = inner.state.next_time().map(|at| core.clock.instant(at));
            let open = inner.open_on_a;
            let home = inner.state.home().map(|home| (home.id, home.wire_name.clone()));
            if let Some((id, _)) = &home
                && open.is_some_and(|open| open != *id)
                && let Some(progress) = inner.state.mailbox_mut(*id)
                && progress.not_before <= core.clock.mono()
            {
                // A was elsewhere: what happened at home meanwhile was not told
                progress.top_due = true;
                return Ok(());
            }
            (home, next)
        };
        let until = next.map_or(*next_poll, |next| next.min(*next_poll));
        if let Some((id, name)) = home {
            let waiting = remote.wait(&name, core.wake_a.clone());
            tokio::pin!(waiting);
            let mut is_due = false;
            let hint = loop {
                tokio::select! {
                    hint = &mut waiting => break hint?,
                    () = sleep_until(until), if !is_due => {
                        is_due = true;
                        core.wake_a.notify_one();
                    }
                    _ = stop.changed() => return Ok(()),
                }
            };
            if hint == Hint::Changed
                && let Some(progress) = core.lock().state.mailbox_mut(id)
            {
                progress.top_due = true;
            }
        } else {
            tokio::select! {
                () = core.wake_a.notified() => {}
                () = sleep_until(until) => {}
                _ = stop.changed() => return Ok(()),
            }
        }
        core.work(Link::A);
        if Instant::now() >= *next_poll {
            *next_poll = Instant::now() + POLL;
            core.poke(|inner| {
                inner.state.list_due = true;
                inner.state.dirty = true;
                inner.state.mailboxes.iter_mut().for_each(|mailbox| mailbox.top_due = true);
            });
        }
        Ok(())
    }

    async fn wait_b(
        &self,
        remote: &mut C::Remote,
        last_open: &mut Option<MailboxId>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), StepError> {
        let core = &self.core;
        let home = core.lock().state.home().map(|home| (home.id, home.wire_name.clone()));
        if let Some((id, name)) = home.filter(|(id, _)| last_open.is_some_and(|open| open != *id)) {
            // back where the next open will be, so that it costs one round trip; a refusal is told when it is
            *last_open = Some(id);
            match remote.open(&name).await {
                Err(error) if error.is_fatal() => return Err(error.into()),
                _ => return Ok(()),
            }
        }
        let next = core.lock().state.next_time().map(|at| core.clock.instant(at));
        let keep_alive = Instant::now() + KEEP_ALIVE;
        tokio::select! {
            () = core.wake_b.notified() => {}
            () = sleep_until(next.map_or(keep_alive, |next| next.min(keep_alive))) => {
                let home = core.lock().state.home().map(|home| home.wire_name.clone());
                if let Some(home) = home.filter(|_| Instant::now() >= keep_alive) {
                    remote.open(&home).await?;
                }
            }
            _ = stop.changed() => {}
        }
        Ok(())
    }
}

/// Runs a step; when the program ends meanwhile, the step has a moment to finish. None: it did not.
async fn stoppable<T>(run: impl Future<Output = T>, stop: &mut watch::Receiver<bool>) -> Option<T> {
    tokio::pin!(run);
    tokio::select! {
        result = &mut run => Some(result),
        _ = stop.changed() => timeout(LAST_STEP, run).await.ok(),
    }
}

/// Another process changed something: read again what is shown.
async fn tell_all_changed(core: &Core) {
    let account = core.account;
    let known = core.readers.with(move |reader| {
        Ok(reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == account).map(|mailbox| mailbox.id).collect::<Vec<_>>())
    });
    let ids = known.await.unwrap_or_default();
    core.out.touched().add(ids.iter().copied());
    for mailbox in ids {
        core.out.send(WorkerEvent::MailChanged { mailbox, added: vec![], removed: vec![], changed: vec![] }).await;
    }
    core.out.send(WorkerEvent::MailboxesChanged { account }).await;
}

/// The owner's ear for pokes; ends when dropped.
#[derive(Debug)]
struct Listener(tokio::task::JoinHandle<()>);

impl Listener {
    fn start(core: Arc<Core>, folder: PathBuf) -> Self {
        Self(tokio::spawn(async move {
            // without a socket the others' changes go out with the next poll
            let Ok(listener) = owner::listen(&folder, &core.name) else { return };
            while owner::next_poke(&listener).await.is_ok() {
                core.poke_push();
                tell_all_changed(&core).await;
            }
        }))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}
