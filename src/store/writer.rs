//! The writer thread and its two queues: what the user does runs before what servers say, each job in a
//! transaction of its own. A job that panics costs that job, not the thread.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{Notify, oneshot};

use super::holder::Run;
use super::messages::Adding;
use super::resync::Resync;
use super::work::{Changes, Ids, Memory, Wall, Work};
use super::{
    Applied, Changed, Differences, Merged, Paths, Pending, Push, PushEnd, Reached, Reader, Result, StoreError, Unresolved, Validity, open,
    sound,
};
use crate::mail::server::{Body, NewMessage, Opened, RemoteMailbox, Span};
use crate::mail::{AccountId, Change, Flags, Key, Mailbox, MailboxId, MessageId};

/// After this long without a job the log is copied into the database.
const IDLE: Duration = Duration::from_secs(2);

/// The connections of the writer thread and what it remembers.
pub(super) struct Engine {
    pub mail: Connection,
    pub user: Connection,
    pub ids: Ids,
    pub memory: Memory,
    pub session: i64,
    /// Held shared as long as this process uses the files.
    pub _lock: std::fs::File,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("ids", &self.ids).finish_non_exhaustive()
    }
}

impl Engine {
    /// Runs one job in one transaction; an error or a panic leaves nothing of it. So a statement that may fail in the middle need
    /// not leave things as they were: what is written often says OR FAIL, and SQLite then keeps no copy of each page before each row.
    pub fn transact<T>(&mut self, job: impl FnOnce(&mut Work<'_>) -> Result<T>) -> Result<T> {
        let tx = self.mail.transaction_with_behavior(TransactionBehavior::Immediate)?;
        self.memory.lately.begin();
        let mut work = Work {
            db: &tx,
            user: &self.user,
            ids: &mut self.ids,
            memory: &mut self.memory,
            session: self.session,
            changes: Changes::default(),
            unfed: BTreeMap::new(),
            uncounted: BTreeMap::new(),
            unthreaded: BTreeSet::new(),
        };
        let answer = job(&mut work)?;
        work.write_counters()?;
        work.feed_index()?;
        tx.commit()?;
        self.memory.lately.commit();
        Ok(answer)
    }

    /// The same, on the disk when it is answered, with all before it: `mail.db` by itself waits with that until its log is full.
    pub fn transact_durably<T>(&mut self, job: impl FnOnce(&mut Work<'_>) -> Result<T>) -> Result<T> {
        self.mail.execute_batch("PRAGMA synchronous = FULL")?;
        let answer = self.transact(job);
        note(self.mail.execute_batch("PRAGMA synchronous = NORMAL"));
        answer
    }

    /// Gives back the ids that were not used, if nobody reserved more meanwhile; copies the logs.
    fn close(&mut self, stays_unclean: bool, was_checked: bool) {
        let (next, end) = (self.ids.next, self.ids.end);
        if next < end {
            let sql = "UPDATE meta SET value = ?1 WHERE name = 'next_message_id' AND value = ?2";
            note(self.user.execute(sql, (next, end)));
            self.ids = Ids::default();
        }
        if !stays_unclean {
            note(open::mark_clean(&self.mail, was_checked.then(|| self.memory.wall())));
        }
        note(self.mail.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
        note(self.user.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    }
}

fn note<T, E: std::fmt::Display>(result: Result<T, E>) {
    if let Err(error) = result {
        tracing::warn!(%error, "store housekeeping");
    }
}

type Job = Box<dyn FnOnce(&mut Engine) + Send>;

#[derive(Default)]
struct Queue {
    user: VecDeque<Job>,
    sync: VecDeque<Job>,
    stopping: bool,
}

struct Shared {
    paths: Paths,
    queue: Mutex<Queue>,
    wake: Condvar,
    clock: Arc<AtomicU64>,
    /// Jobs of the user's that wait.
    users: Arc<AtomicUsize>,
    notices: Mutex<Vec<String>>,
    noticed: Notify,
    /// A check of the files was begun, because something in them made no sense.
    is_suspected: AtomicBool,
    /// A check of the files came to its end.
    is_checked: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
    run: Arc<Run>,
    wall: Wall,
}

/// Locks; a panic elsewhere while holding it does not matter to a queue of jobs.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The one way to change the store; cheap to clone. The thread ends with [`Writer::stop`] or the last clone.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
    _last: Arc<StopOnDrop>,
}

struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        stop(&self.0);
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("paths", &self.shared.paths).finish_non_exhaustive()
    }
}

fn stop(shared: &Shared) {
    lock(&shared.queue).stopping = true;
    shared.wake.notify_all();
    let thread = lock(&shared.thread).take();
    if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
        // a panic of the thread was already told to whoever waited for its answers
        let _ = thread.join();
    }
    shared.run.release();
}

/// Runs jobs until told to stop and nothing is left.
fn run(shared: &Arc<Shared>, mut engine: Engine) {
    note(open::mark_new(&engine.mail, engine.memory.wall()));
    let was_unclean = open::mark_unclean(&engine.mail).unwrap_or_default();
    let mut owes_housekeeping = true;
    let mut has_written = true;
    loop {
        let mut queue = lock(&shared.queue);
        let job = loop {
            if let Some(job) = queue.user.pop_front() {
                shared.users.fetch_sub(1, Ordering::SeqCst);
                break Some(job);
            }
            if let Some(job) = queue.sync.pop_front() {
                break Some(job);
            }
            if queue.stopping {
                break None;
            }
            if !has_written {
                queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (again, waited) = shared.wake.wait_timeout(queue, IDLE).unwrap_or_else(PoisonError::into_inner);
            queue = again;
            if waited.timed_out() && queue.user.is_empty() && queue.sync.is_empty() {
                has_written = false;
                drop(queue);
                if std::mem::take(&mut owes_housekeeping) {
                    note(open::keep_house(&engine, &shared.paths, was_unclean, telling(shared)));
                }
                note(engine.mail.execute_batch("PRAGMA wal_checkpoint(PASSIVE)"));
                queue = lock(&shared.queue);
            }
        };
        drop(queue);
        let Some(job) = job else { break };
        has_written = true;
        job(&mut engine);
    }
    if owes_housekeeping && !open::has_backup(&shared.paths) {
        note(open::back_up(&engine.user, &shared.paths.user_db));
    }
    // an unclean end that was not looked into to the end is for the next start
    let was_checked = shared.is_checked.load(Ordering::SeqCst);
    engine.close(was_unclean && !was_checked, was_checked);
}

/// One part of a job; the next is first in the queue of the sync's.
fn part_job<T: Send + 'static>(
    shared: Arc<Shared>,
    mut part: impl FnMut(&mut Work<'_>) -> Result<Option<T>> + Send + 'static,
    tell: oneshot::Sender<Result<T>>,
) -> Job {
    Box::new(move |engine: &mut Engine| {
        let result = catch_unwind(AssertUnwindSafe(|| engine.transact(&mut part)));
        let answer = match result.unwrap_or_else(|_| Err(failed_inside())) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                let next = part_job(Arc::clone(&shared), part, tell);
                return lock(&shared.queue).sync.push_front(next);
            }
            Err(error) => Err(error),
        };
        look_into(&shared, &answer);
        // whoever asked may have gone; the work is done all the same
        let _ = tell.send(answer);
    })
}

/// Where an answer tells that a file is damaged, both are checked, once: the next start mends what is.
fn look_into<T>(shared: &Arc<Shared>, answer: &Result<T>) {
    if let Err(error) = answer
        && error.is_damage()
    {
        suspect(shared, error.is_certain_damage());
    }
}

fn suspect(shared: &Arc<Shared>, is_sure: bool) {
    if !shared.is_suspected.swap(true, Ordering::SeqCst) {
        note(sound::start_check(shared.paths.clone(), is_sure, telling(shared)));
    }
}

/// What a check does at its end: the user is told what it found.
fn telling(shared: &Arc<Shared>) -> impl FnOnce(Vec<String>) + Send + 'static {
    let shared = Arc::clone(shared);
    move |damaged| {
        shared.is_checked.store(true, Ordering::SeqCst);
        if !damaged.is_empty() {
            lock(&shared.notices).extend(damaged);
            shared.noticed.notify_one();
        }
    }
}

fn failed_inside() -> StoreError {
    StoreError::Other("a store job failed inside; nothing of it was saved".into())
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(paths: Paths, mut engine: Engine, notices: Vec<String>) -> Result<Self> {
        let (clock, users) = (Arc::new(AtomicU64::new(1)), Arc::default());
        let wall = Wall::default();
        engine.memory = Memory::new(Arc::clone(&clock), Arc::clone(&users), wall.clone());
        engine.memory.has_salvaged = engine.mail.query_row("SELECT EXISTS (SELECT 1 FROM salvaged)", [], |row| row.get(0)).unwrap_or(true);
        let folder = paths.user_db.parent().map(std::path::PathBuf::from).unwrap_or_default();
        let this_run = Arc::new(Run::new(folder, engine.session));
        let shared = Arc::new(Shared {
            paths,
            queue: Mutex::default(),
            wake: Condvar::new(),
            clock,
            users,
            notices: Mutex::new(notices),
            noticed: Notify::new(),
            is_suspected: AtomicBool::new(false),
            is_checked: AtomicBool::new(false),
            thread: Mutex::default(),
            run: this_run,
            wall,
        });
        let in_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || run(&in_thread, engine))
            .map_err(|source| StoreError::Io { context: "the store's thread did not start".into(), source })?;
        *lock(&shared.thread) = Some(thread);
        Ok(Self { _last: Arc::new(StopOnDrop(Arc::clone(&shared))), shared })
    }

    fn push_job<T: Send + 'static>(&self, is_user: bool, run: impl FnOnce(&mut Engine) -> Result<T> + Send + 'static) -> Pending<T> {
        let (tell, answer) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let job: Job = Box::new(move |engine: &mut Engine| {
            let result = catch_unwind(AssertUnwindSafe(|| run(engine)));
            let result = result.unwrap_or_else(|_| Err(failed_inside()));
            look_into(&shared, &result);
            // whoever asked may have gone; the work is done all the same
            let _ = tell.send(result);
        });
        let mut queue = lock(&self.shared.queue);
        if !queue.stopping {
            if is_user {
                queue.user.push_back(job);
                self.shared.users.fetch_add(1, Ordering::SeqCst);
            } else {
                queue.sync.push_back(job);
            }
        }
        drop(queue);
        self.shared.wake.notify_one();
        Pending(answer)
    }

    /// A job of the user's: before all sync jobs.
    pub(super) fn user_job<T: Send + 'static>(&self, job: impl FnOnce(&mut Work<'_>) -> Result<T> + Send + 'static) -> Pending<T> {
        self.push_job(true, |engine| engine.transact(job))
    }

    /// A job of the sync's.
    pub(super) fn sync_job<T: Send + 'static>(&self, job: impl FnOnce(&mut Work<'_>) -> Result<T> + Send + 'static) -> Pending<T> {
        self.push_job(false, |engine| engine.transact(job))
    }

    /// A job of the sync's that gives way to the user's: it is run again and again, each time in a transaction of its
    /// own, until it has an answer.
    pub(super) fn sync_parts<T: Send + 'static>(
        &self,
        part: impl FnMut(&mut Work<'_>) -> Result<Option<T>> + Send + 'static,
    ) -> Pending<T> {
        let (tell, answer) = oneshot::channel();
        let job = part_job(Arc::clone(&self.shared), part, tell);
        let mut queue = lock(&self.shared.queue);
        if !queue.stopping {
            queue.sync.push_back(job);
        }
        drop(queue);
        self.shared.wake.notify_one();
        Pending(answer)
    }

    /// A job on `user.db` alone, in one transaction that is on the disk when it is answered.
    pub(super) fn own_job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Pending<T> {
        self.push_job(true, |engine| {
            let tx = engine.user.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let answer = job(&tx)?;
            tx.commit()?;
            Ok(answer)
        })
    }

    /// A job of the user's on both databases, with transactions of its own.
    pub(super) fn engine_job<T: Send + 'static>(&self, job: impl FnOnce(&mut Engine) -> Result<T> + Send + 'static) -> Pending<T> {
        self.push_job(true, job)
    }

    /// This run, as others see whether it lives.
    pub(super) fn run(&self) -> Arc<Run> {
        Arc::clone(&self.shared.run)
    }

    /// What opening had to repair or give up, and damage found since, in sentences for the user; each is told once.
    pub fn notices(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.notices))
    }

    /// Waits for more [`Writer::notices`].
    pub async fn noticed(&self) {
        self.shared.noticed.notified().await;
    }

    /// A read failed: where that tells of a damaged file, it is checked and mended at the next start.
    pub fn look_into<T>(&self, answer: &Result<T>) {
        look_into(&self.shared, answer);
    }

    /// Something read was odd, though no error: both files are checked behind all else.
    pub fn suspect(&self) {
        suspect(&self.shared, false);
    }

    /// A new read-only connection.
    pub fn reader(&self) -> Result<Reader> {
        Reader::open(&self.shared.paths)?.ok_or_else(|| StoreError::Other("the mail store was removed while in use".into()))
    }

    /// Where the files are.
    pub fn paths(&self) -> &Paths {
        &self.shared.paths
    }

    /// Does what is queued, copies the log into the database and ends the thread.
    pub fn stop(&self) {
        stop(&self.shared);
    }

    /// The clock that says since when something waits, in Unix seconds.
    pub fn set_wall(&self, wall: Arc<dyn Fn() -> i64 + Send + Sync>) {
        *lock(&self.shared.wall.0) = wall;
    }

    /// The value to hand to [`Writer::merge_flags`] with the answer to a question asked now; larger each time.
    pub fn clock(&self) -> u64 {
        self.shared.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Makes these the accounts shown, in this order; ids of known names stay.
    pub fn set_accounts(&self, names: Vec<String>) -> Pending<Vec<AccountId>> {
        self.user_job(move |work| work.set_accounts(&names))
    }

    /// Makes these the account's mailboxes. Roles: `role_overrides` (role word -> name), then what the server
    /// says, then usual names; one mailbox a role. A mailbox that vanished stays only while changes wait in it.
    pub fn set_mailboxes(
        &self,
        account: AccountId,
        list: Vec<RemoteMailbox>,
        role_overrides: BTreeMap<String, String>,
    ) -> Pending<Vec<Mailbox>> {
        self.sync_job(move |work| work.set_mailboxes(account, &list, &role_overrides, &[], u64::MAX))
    }

    /// The same for a list that was asked for at [`Writer::clock`] `asked_at`; `renamed`: known ones that have another
    /// name on the server now.
    pub fn set_listed(
        &self,
        account: AccountId,
        list: Vec<RemoteMailbox>,
        role_overrides: BTreeMap<String, String>,
        renamed: Vec<(MailboxId, String)>,
        asked_at: u64,
    ) -> Pending<Vec<Mailbox>> {
        self.sync_job(move |work| work.set_mailboxes(account, &list, &role_overrides, &renamed, asked_at))
    }

    /// A mailbox was opened on the server to be looked at, now.
    pub fn opened(&self, mailbox: MailboxId, opened: Opened) -> Pending<Validity> {
        self.opened_at(mailbox, opened, Some(self.clock()))
    }

    /// The same, for a look that was asked for at [`Writer::clock`] `looked_at`; None: nobody looks.
    pub fn opened_at(&self, mailbox: MailboxId, opened: Opened, looked_at: Option<u64>) -> Pending<Validity> {
        self.sync_job(move |work| work.opened(mailbox, opened, looked_at))
    }

    /// Headers came: new rows, or rows that were lost or in flight, or known ones whose flags are merged. Gives way to
    /// what the user does meanwhile.
    pub fn add_messages(&self, mailbox: MailboxId, messages: Vec<NewMessage>) -> Pending<Changed> {
        let mut adding = Adding::new(mailbox, messages);
        self.sync_parts(move |work| work.add_some(&mut adding))
    }

    /// Gives messages that came to the rows that are lost here; the others come back.
    pub fn find_lost(&self, mailbox: MailboxId, messages: Vec<NewMessage>) -> Pending<(Changed, Vec<NewMessage>)> {
        self.sync_job(move |work| work.find_lost(mailbox, messages))
    }

    /// Keys and flags of everything in the span, asked for at [`Writer::clock`] `asked_at`.
    pub fn merge_flags(&self, mailbox: MailboxId, span: impl Into<Span>, present: Vec<(Key, Flags)>, asked_at: u64) -> Pending<Merged> {
        let span = span.into();
        self.sync_job(move |work| work.merge_flags(mailbox, &span, present, asked_at))
    }

    /// Applies the differences of a whole mailbox, asked for at [`Writer::clock`] `asked_at`; the headers of uids below `floor`
    /// are still to come. `reached` counts from the moment that nothing of them is left to be done. Gives way to the user.
    pub fn resync(&self, mailbox: MailboxId, differences: Differences, floor: u32, asked_at: u64, reached: Reached) -> Pending<Merged> {
        let mut resync = Resync::new(mailbox, differences, floor, asked_at, reached);
        self.sync_parts(move |work| work.resync_some(&mut resync))
    }

    /// What was missing is here now: the mailbox is in step so far.
    pub fn reach(&self, mailbox: MailboxId, reached: Reached) -> Pending<()> {
        self.sync_job(move |work| work.reach(mailbox, reached))
    }

    /// It lost most of its messages at that time (Unix seconds), or it did not after all.
    pub fn set_shrunk(&self, mailbox: MailboxId, at: Option<i64>) -> Pending<()> {
        self.sync_job(move |work| {
            work.db.execute("UPDATE mailbox SET shrunk = ?2 WHERE id = ?1", (mailbox.0, at))?;
            Ok(())
        })
    }

    /// Every uid from here up has its headers here.
    pub fn set_headers_from(&self, mailbox: MailboxId, uid: u32) -> Pending<()> {
        self.sync_job(move |work| {
            work.db.execute("UPDATE mailbox SET headers_from = ?2 WHERE id = ?1", (mailbox.0, uid))?;
            Ok(())
        })
    }

    /// A complete sync ended at `at` (Unix seconds): lost rows it did not find are gone.
    pub fn set_synced(&self, mailbox: MailboxId, at: i64) -> Pending<Changed> {
        self.sync_job(move |work| work.set_synced(mailbox, at))
    }

    /// Bodies came; `texts` (same order) is what search finds in them. A body without bytes only adds its
    /// text (Maildir, where the files keep the bytes).
    pub fn add_bodies(&self, mailbox: MailboxId, bodies: Vec<Body>, texts: Vec<String>) -> Pending<()> {
        self.sync_job(move |work| work.add_bodies(mailbox, &bodies, &texts))
    }

    /// Drops a few of an account's bodies where they take more than `budget` octets; true: there is more to drop.
    pub fn evict(&self, account: AccountId, budget: u64) -> Pending<bool> {
        self.sync_job(move |work| work.evict(account, budget))
    }

    /// Adds up to `limit` messages to the search index; how many are left, counted up to 1,000.
    pub fn index_some(&self, limit: usize) -> Pending<usize> {
        self.sync_job(move |work| work.index_some(limit))
    }

    /// Saves a user's change as wanted state, with its inverse.
    pub fn apply(&self, change: Change, label: String) -> Pending<Applied> {
        self.user_job(move |work| work.apply(change, label))
    }

    /// Takes back the newest change of this session not yet taken back, then older ones.
    pub fn undo(&self) -> Pending<Option<Applied>> {
        self.user_job(|work| work.undo())
    }

    /// Does again what this session last took back.
    pub fn redo(&self) -> Pending<Option<Applied>> {
        self.user_job(|work| work.redo())
    }

    /// The next thing to ask of the account's server, recorded as sent, on the disk: what a server may have done is looked for
    /// before it is asked again, after a power cut too. None: nothing waits.
    pub fn next_push(&self, account: AccountId, limit: usize) -> Pending<Option<Push>> {
        self.push_job(false, move |engine| engine.transact_durably(|work| work.next_push(account, limit)))
    }

    /// How it ended.
    pub fn end_push(&self, push: Push, end: PushEnd) -> Pending<Changed> {
        self.sync_job(move |work| work.end_push(&push, end))
    }

    /// Rows in flight whose answer never came. The caller looks at the server and then calls [`Writer::end_push`]. Only while no push of the account is running.
    pub fn unresolved(&self, account: AccountId) -> Pending<Vec<Unresolved>> {
        self.sync_job(move |work| work.unresolved(account))
    }

    /// Keeps the bytes of a local row in `user.db` until a server has it.
    pub fn keep_local(&self, id: MessageId, bytes: Vec<u8>) -> Pending<()> {
        self.user_job(move |work| work.keep_local(id, &bytes))
    }
}
