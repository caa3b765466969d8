//! The supervisor of one account: owner or not, link A (the mailbox on screen, hints, pushes), link B (bodies,
//! bulk headers, the other mailboxes), reconnecting, and what it tells of itself. What is done on a link is
//! chosen by `plan.rs` and run by `step.rs`; one account in trouble never touches another.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinError;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::beside;
use super::clock::BackOff;
use super::core::Core;
use super::long;
use super::owner::{self, Ownership};
use super::plan::{Link, Step};
use super::step::{self, StepError};
use super::task::Task;
use super::{LinkState, WorkerEvent};
use crate::remote::auth::DOUBT;
use crate::remote::{Connect, Hint, Remote, RemoteError};

/// How often the other mailboxes are looked at.
const POLL: Duration = Duration::from_secs(600);
/// How often a process that can't reach the owner tries to become it, and looks whether the store changed.
const OWNER_RETRY: Duration = Duration::from_secs(3);
/// Between the end of the owner's socket and that of its lock.
const OWNER_GONE: Duration = Duration::from_millis(100);
/// Link B says something to keep its connection.
const KEEP_ALIVE: Duration = Duration::from_secs(240);
/// What a step under way may take when the program ends; then its connection is cut.
const LAST_STEP: Duration = Duration::from_millis(1_500);
/// A connection that may be dead since the machine slept has this long to show that it is not.
const PROBE: Duration = Duration::from_secs(15);
/// Attempts of link B before the account is served by link A alone.
const B_ATTEMPTS: u32 = 3;

/// How one account is run.
#[derive(Debug)]
pub struct Supervisor<C> {
    pub core: Arc<Core>,
    pub connect: Arc<C>,
    /// Where locks and sockets are; None: no other process is to be expected (tests).
    pub folder: Option<PathBuf>,
    /// A second connection makes sense.
    pub wants_b: bool,
    /// Notified by Retry and Credentials.
    pub retry: Arc<Notify>,
}

/// Why serving ended.
#[derive(Debug)]
enum End {
    /// The program ends.
    Stopped,
    /// It does, and a step was given up for it: the connection is in the middle of something and not used again.
    Cut,
    Failed(StepError),
}

impl<C: Connect> Supervisor<C> {
    /// Runs until the program ends. A panic below costs the connection, not the account.
    pub async fn run(self) {
        let this = Arc::new(self);
        let core = this.core.clone();
        if core.common.offline {
            return this.tell_offline("started with --offline").await;
        }
        let Some(_ownership) = this.become_owner().await else { return };
        let _peers = this.folder.as_ref().map(|folder| beside::host(core.clone(), folder));
        let mut back_off = BackOff::new(core.common.seed);
        while !this.is_stopping() {
            let run = this.clone();
            let connected = tokio::spawn(async move { run.connected().await });
            match connected.await {
                Ok(End::Stopped | End::Cut) => break,
                Ok(End::Failed(error)) => this.pause(error, &mut back_off).await,
                Err(panic) => {
                    this.tell_panic(&panic).await;
                    this.pause(RemoteError::Offline("starting again after a fault inside".into()).into(), &mut back_off).await;
                }
            }
        }
        core.rest(Link::A);
        core.rest(Link::B);
    }

    async fn tell_panic(&self, panic: &JoinError) {
        let core = &self.core;
        tracing::error!(account = core.name, %panic, "the account loop failed");
        let what = format!("Bringing {} up to date failed inside postrider", core.name);
        core.common.out.failed(what, "a bug; the log has more", "It starts again by itself; no mail is lost.").await;
    }

    fn is_stopping(&self) -> bool {
        *self.core.common.stop.borrow()
    }

    async fn tell_offline(&self, why: &str) {
        self.go_down(why).await;
        self.core.tell_link(LinkState::Offline { why: why.to_owned() }).await;
    }

    /// Nobody can be served now: who waits for a body hears why.
    async fn go_down(&self, why: &str) {
        let waiting = {
            let mut inner = self.core.lock();
            inner.is_online = false;
            inner.state.has_b = false;
            inner.state.expects_b = false;
            inner.down = Some(why.to_owned());
            inner.unclaim();
            for raw in inner.raws.drain(..) {
                let _ = raw.done.send(Err(why.to_owned()));
            }
            inner.state.wanted.clone()
        };
        for wanted in waiting {
            if let Some(view) = wanted.view {
                self.core
                    .common
                    .pages
                    .tell(wanted.id, view, Err(format!("This message is not kept here, and {}: {why}.", self.core.name)))
                    .await;
            }
        }
        long::end_all(&self.core).await;
        self.core.rest(Link::A);
        self.core.rest(Link::B);
    }

    /// Waits until this process owns the account; None at the end of the program.
    async fn become_owner(&self) -> Option<Option<Ownership>> {
        let Some(folder) = &self.folder else { return Some(None) };
        let mut told = None;
        let mut written = None;
        while !self.is_stopping() {
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
            if self.hear(folder).await {
                continue;
            }
            let now = owner::last_write(&self.core.common.writer.paths().mail_db);
            if written.is_some() && now != written {
                beside::tell_all_changed(&self.core).await;
            }
            written = now;
            self.sleep(OWNER_RETRY).await;
        }
        None
    }

    /// Passes on what the owner tells until it is gone or the program ends; false: it can't be reached.
    async fn hear(&self, folder: &Path) -> bool {
        let Some(mut watch) = beside::Watch::start(folder, &self.core.name).await else { return false };
        let mut stop = self.core.common.stop.clone();
        let mut has_heard = false;
        loop {
            tokio::select! {
                is_there = watch.next(&self.core) => {
                    if !is_there {
                        break;
                    }
                    has_heard = true;
                }
                _ = stop.changed() => return true,
            }
        }
        if has_heard {
            // its last words may not have come; its lock is free in a moment
            beside::tell_all_changed(&self.core).await;
            self.sleep(OWNER_GONE).await;
        }
        has_heard
    }

    async fn sleep(&self, pause: Duration) {
        let mut stop = self.core.common.stop.clone();
        tokio::select! {
            () = sleep(pause) => {}
            _ = stop.changed() => {}
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
        let is_not_now = matches!(&error, StepError::Remote(RemoteError::NotNow(_)));
        let pause = back_off.next_pause().max(if is_not_now { DOUBT } else { Duration::ZERO });
        core.lock().is_refused = needs_user;
        let state = if needs_user {
            LinkState::SignIn { refused: (!is_unknown).then_some(text) }
        } else {
            let retry_at = core.common.clock.wall() + i64::try_from(pause.as_secs() + 1).unwrap_or(60);
            LinkState::BackOff { why: text, retry_at }
        };
        core.tell_link(state).await;
        let mut stop = self.core.common.stop.clone();
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
        core.tell_link(LinkState::Connecting).await;
        let first = core.lock().state.home().map(|home| home.wire_name.clone());
        let mut stop = self.core.common.stop.clone();
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
            inner.abilities = Some(remote.abilities());
        }
        // it is new
        core.take_suspicion(Link::A);
        if self.wants_b {
            core.expect_b(true);
        }
        let push = remote.abilities().push;
        core.tell_link(LinkState::Online { push, round_trip_ms: None }).await;
        let (stop_b, b_stops) = watch::channel(false);
        let page = Arc::new(Notify::new());
        let mut b = self.wants_b.then(|| Task(tokio::spawn(self.clone().link_b(page.clone(), b_stops))));
        let end = self.serve(&mut remote, Link::A, core.common.stop.clone(), Some(&page)).await;
        core.lock().is_online = false;
        let _ = stop_b.send(true);
        if let Some(Task(b)) = &mut b {
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
                    (inner.state.dirty && !inner.state.unresolved && inner.state.push_not_before <= self.core.common.clock.mono())
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
        let core = &self.core;
        let mut back_off = BackOff::new(core.common.seed ^ 0xb);
        let mut attempts = 0;
        while attempts < B_ATTEMPTS && !*stop.borrow() {
            match self.clone().attempt_b(&mut stop).await {
                End::Stopped | End::Cut => return,
                // what the server refuses is not tried again by itself; link A learns of it when it has to sign in
                End::Failed(StepError::Remote(RemoteError::BadLogin(_) | RemoteError::NoSecret(_))) => return,
                End::Failed(_) if core.take_success_b() => {
                    attempts = 0;
                    back_off.reset();
                }
                End::Failed(_) => attempts += 1,
            }
            tokio::select! {
                () = sleep(back_off.next_pause()) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// One life of link B. A panic in it costs this connection only.
    async fn attempt_b(self: Arc<Self>, stop: &mut watch::Receiver<bool>) -> End {
        let core = self.core.clone();
        let home = core.lock().state.home().map(|home| (home.id, home.wire_name.clone()));
        let (id, first) = home.unzip();
        let connected = tokio::select! {
            connected = self.connect.connect(first.as_deref()) => connected,
            _ = stop.changed() => return End::Stopped,
        };
        let mut remote = match connected {
            Ok(remote) => remote,
            Err(error) => {
                core.expect_b(false);
                return End::Failed(error.into());
            }
        };
        core.set_b(Some(id));
        let (run, stops) = (self.clone(), stop.clone());
        let mut serving = Task(tokio::spawn(async move {
            let end = run.serve(&mut remote, Link::B, stops, None).await;
            if matches!(end, End::Stopped) {
                let _ = timeout(LAST_STEP, remote.close()).await;
            }
            end
        }));
        let end = (&mut serving.0).await;
        core.set_b(None);
        match end {
            Ok(end) => end,
            Err(panic) => {
                self.tell_panic(&panic).await;
                End::Failed(RemoteError::Offline("a fault inside".into()).into())
            }
        }
    }

    /// Runs steps until the connection fails or the program ends.
    async fn serve(&self, remote: &mut C::Remote, link: Link, mut stop: watch::Receiver<bool>, page: Option<&Notify>) -> End {
        let core = &self.core;
        let mut next_poll = Instant::now() + POLL;
        let mut is_measured = link == Link::B;
        while !*stop.borrow() {
            let step = core.next_step(link);
            // the first page is there, or can't be had now
            if let Some(page) = page.filter(|_| step == Step::Wait || core.lock().state.home().is_some_and(|home| !home.newest_due)) {
                page.notify_one();
            }
            let result = match (step, link) {
                (Step::Wait, Link::A) => self.wait_a(remote, &mut stop, &mut next_poll).await,
                (Step::Wait, Link::B) => self.wait_b(remote, &mut stop).await,
                (step, _) => {
                    let (begun, is_local) = (Instant::now(), step.is_local());
                    let patience = (!is_local && core.take_suspicion(link)).then_some(PROBE);
                    let result = stoppable(within(patience, step::run(core, remote, link, step)), &mut stop).await;
                    core.poke_other(link);
                    match result {
                        None => return End::Cut,
                        Some(Ok(())) if is_local => Ok(()),
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
            if let Some(alert) = remote.alert() {
                self.tell_alert(alert).await;
            }
            if let Err(error) = result {
                return End::Failed(error);
            }
        }
        End::Stopped
    }

    /// Some servers give the same one at every sign-in.
    async fn tell_alert(&self, alert: String) {
        let core = &self.core;
        if core.lock().alerted.replace(alert.clone()).as_ref() != Some(&alert) {
            core.common.out.failed(format!("The server of {} says", core.name), alert, "").await;
        }
    }

    async fn tell_round_trip(&self, push: bool, took: Duration) {
        let measured = self.connect.traffic().round_trip_ms;
        let state = LinkState::Online { push, round_trip_ms: measured.or(u32::try_from(took.as_millis()).ok()) };
        self.core.common.out.send(WorkerEvent::Link { account: self.core.account, state }).await;
    }

    /// Link A waits in the mailbox on screen for hints, pokes and the next time something is due.
    async fn wait_a(&self, remote: &mut C::Remote, stop: &mut watch::Receiver<bool>, next_poll: &mut Instant) -> Result<(), StepError> {
        let core = &self.core;
        let (home, next) = {
            let mut inner = core.lock();
            let next = inner.state.next_time().map(|at| core.common.clock.instant(at));
            let open = inner.open_on_a;
            let now = core.common.clock.mono();
            // IDLE would only hint again
            let home = inner.state.home().filter(|home| !home.is_calming(now)).map(|home| (home.id, home.wire_name.clone()));
            if let Some((id, _)) = &home
                && open.is_some_and(|open| open != *id)
                && let Some(progress) = inner.state.mailbox_mut(*id)
                && progress.not_before <= now
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
                    _ = stop.changed() => {
                        // the wait ends by itself, so that the connection can still take the last pushes
                        core.wake_a.notify_one();
                        let _ = timeout(LAST_STEP, &mut waiting).await;
                        return Ok(());
                    }
                }
            };
            match hint {
                Hint::Changed => core.lock().state.mailbox_mut(id).into_iter().for_each(|progress| progress.top_due = true),
                Hint::Elsewhere(names) => core.poke(|inner| inner.state.note_elsewhere(&names)),
                Hint::Nothing => {}
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

    /// Link B rests in the mailbox on screen, so that the next open costs one round trip and no SELECT.
    async fn wait_b(&self, remote: &mut C::Remote, stop: &mut watch::Receiver<bool>) -> Result<(), StepError> {
        let core = &self.core;
        if let Some((id, name)) = core.way_home_of_b() {
            // a refusal is told when it is opened for a reason
            core.note_open(Link::B, id);
            return match remote.open(&name).await {
                Err(error) if error.is_fatal() => Err(error.into()),
                _ => Ok(()),
            };
        }
        if core.take_suspicion(Link::B) {
            let home = core.lock().state.home().map(|home| home.wire_name.clone());
            let Some(home) = home else { return Ok(()) };
            let look =
                async { remote.open(&home).await.map(|_| ()).or_else(|error| if error.is_fatal() { Err(error.into()) } else { Ok(()) }) };
            return within(Some(PROBE), look).await;
        }
        let next = core.lock().state.next_time().map(|at| core.common.clock.instant(at));
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

/// Runs a step; with patience for so long only.
async fn within(patience: Option<Duration>, run: impl Future<Output = Result<(), StepError>>) -> Result<(), StepError> {
    let Some(patience) = patience else { return run.await };
    let silent = || Err(RemoteError::Offline("the server did not answer after the machine slept".into()).into());
    timeout(patience, run).await.unwrap_or_else(|_| silent())
}

/// Runs a step; when the program ends meanwhile, the step has a moment to finish. None: it did not.
async fn stoppable<T>(run: impl Future<Output = T>, stop: &mut watch::Receiver<bool>) -> Option<T> {
    tokio::pin!(run);
    tokio::select! {
        result = &mut run => Some(result),
        _ = stop.changed() => timeout(LAST_STEP, run).await.ok(),
    }
}

#[cfg(test)]
mod tests;
