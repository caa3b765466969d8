//! A store with one account, a clock that tests set, and sending loops that can be ended like processes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use postrider::events::EventLog;
use postrider::mail::mailbox::Role;
use postrider::mail::outgoing::{Fate, Recipient};
use postrider::mail::server::{NewMessage, RemoteMailbox};
use postrider::mail::{AccountId, Draft, DraftId, Envelope, Flags, Key, Listing, MailboxId, OutItem, OutboxId, SmtpEnvelope, Stage, Uid};
use postrider::remote::submit::Submit;
use postrider::store::{self, OutboxNew, Own, Paths, Writer};
use postrider::worker::{Clock, Filing, Out, Poke, Readers, Sender, WorkerEvent};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

pub const NOON: i64 = 1_800_000_000;
/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct World {
    pub folder: tempfile::TempDir,
    pub writer: Writer,
    pub account: AccountId,
    pub sent: MailboxId,
    now: Arc<AtomicI64>,
}

/// A running loop.
pub struct Process {
    pub poke: Arc<Poke>,
    pub events: mpsc::Receiver<WorkerEvent>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn mailbox(name: &str, role: Role) -> RemoteMailbox {
    RemoteMailbox { name: name.into(), wire_name: name.into(), role: Some(role), selectable: true, total: None, unread: None, state: None }
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = store::open(&Paths::in_folder(folder.path())).unwrap();
        let account = writer.set_accounts(vec!["work".into()]).await.unwrap()[0];
        let boxes = writer.set_mailboxes(account, vec![mailbox("Inbox", Role::Inbox), mailbox("Sent", Role::Sent)], BTreeMap::new());
        let sent = boxes.await.unwrap().iter().find(|one| one.role == Some(Role::Sent)).unwrap().id;
        Self { folder, writer, account, sent, now: Arc::new(AtomicI64::new(NOON)) }
    }

    pub fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Later by so many seconds; loops look at the clock when they are poked.
    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The loop of a process that sends by `submit`, not yet running.
    pub fn sender<S: Submit>(&self, submit: Arc<S>) -> (Sender<S>, mpsc::Receiver<WorkerEvent>, watch::Sender<bool>) {
        let (tell, events) = mpsc::channel(100_000);
        let (stop, stopping) = watch::channel(false);
        let now = self.now.clone();
        let sender = Sender {
            account: self.account,
            name: "work".into(),
            submit,
            filing: Filing::Sent { name: None, is_local: false },
            writer: self.writer.clone(),
            readers: Readers::new(self.writer.clone()),
            out: Out::new(tell, EventLog::default()),
            clock: Clock::new(Arc::new(move || now.load(Ordering::SeqCst))),
            peers: Default::default(),
            poke: Poke::new(Arc::new(Notify::new())),
            folder: Some(self.folder.path().to_owned()),
            seed: 7,
            has_composer: true,
            stop: stopping,
        };
        (sender, events, stop)
    }

    pub fn start<S: Submit>(&self, submit: Arc<S>) -> Process {
        self.start_filing(submit, Filing::Sent { name: None, is_local: false })
    }

    /// The same where Sent is filled another way.
    pub fn start_filing<S: Submit>(&self, submit: Arc<S>, filing: Filing) -> Process {
        let (mut sender, events, stop) = self.sender(submit);
        sender.filing = filing;
        let poke = sender.poke.clone();
        Process { poke, events, stop, task: tokio::spawn(sender.run()) }
    }

    /// Puts a message into the queue.
    pub async fn queue(&self, subject: &str, to: &[&str]) -> OutboxId {
        self.queue_from(subject, to, None, 0).await
    }

    pub async fn queue_from(&self, subject: &str, to: &[&str], draft: Option<(DraftId, Draft)>, not_before: i64) -> OutboxId {
        let recipients = to.iter().map(|address| Recipient { address: (*address).to_owned(), fate: Fate::Pending }).collect();
        let new = OutboxNew {
            account: "work".into(),
            not_before,
            now: self.now(),
            rfc_message_id: format!("{subject}@example.org"),
            subject: subject.into(),
            envelope: SmtpEnvelope { mail_from: "ada@example.org".into(), recipients, ..SmtpEnvelope::default() },
            draft,
            bytes: format!("From: ada@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\nText\r\n")
                .into_bytes(),
        };
        self.writer.queue(new).await.unwrap().unwrap().id
    }

    /// What the server itself put into Sent is known here.
    pub async fn server_files(&self, subject: &str) {
        let envelope = Envelope { subject: subject.into(), rfc_message_id: Some(format!("{subject}@example.org")), ..Envelope::default() };
        let uid = u32::try_from(self.copies().len()).unwrap() + 1;
        let message = NewMessage { key: Key::Uid(Uid(uid)), flags: Flags::default(), received: NOON, size: 100, envelope, identity: None };
        self.writer.add_messages(self.sent, vec![message]).await.unwrap();
    }

    /// Whatever writes this number as a row's stage fails, until [`World::mend`].
    pub fn break_stage(&self, stage: Stage) {
        let sql = format!(
            "CREATE TRIGGER broken BEFORE UPDATE OF stage ON outbox WHEN NEW.stage = {} BEGIN SELECT RAISE(ABORT, 'disk full'); END",
            stage as u8
        );
        self.user_db().execute_batch(&sql).unwrap();
    }

    pub fn mend(&self) {
        self.user_db().execute_batch("DROP TRIGGER broken").unwrap();
    }

    fn user_db(&self) -> rusqlite::Connection {
        let db = rusqlite::Connection::open(&self.writer.paths().user_db).unwrap();
        db.busy_timeout(PATIENCE).unwrap();
        db
    }

    /// A draft as a composer has it.
    pub async fn draft(&self, subject: &str) -> (DraftId, Draft) {
        let draft = Draft { account: "work".into(), subject: subject.into(), to: "bob@example.org".into(), ..Draft::default() };
        self.writer.new_draft(draft, Vec::new(), None, self.now(), |_| "m@example.org".into()).await.unwrap()
    }

    pub fn own(&self) -> Own {
        Own::open(self.writer.paths()).unwrap().unwrap()
    }

    /// The row, a done one too.
    pub fn item(&self, id: OutboxId) -> Option<OutItem> {
        self.own().out_item(id).unwrap()
    }

    pub fn stage(&self, id: OutboxId) -> Option<Stage> {
        self.item(id).map(|item| item.stage)
    }

    /// Subjects of the copies in Sent.
    pub fn copies(&self) -> Vec<String> {
        let reader = self.writer.reader().unwrap();
        let ids: Vec<_> = reader.rows(&Listing::mailbox(self.sent, false)).unwrap().iter().map(|row| row.id).collect();
        reader.summaries(&ids).unwrap().into_iter().map(|summary| summary.subject).collect()
    }

    /// Waits until the row is as wanted.
    pub async fn until(&self, what: &str, id: OutboxId, is: impl Fn(Option<&OutItem>) -> bool) {
        let asked = async {
            while !is(self.item(id).as_ref()) {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(PATIENCE, asked).await.is_err() {
            panic!("never came: {what}; the row is {:?}", self.item(id));
        }
    }

    pub async fn until_stage(&self, id: OutboxId, stage: Stage) {
        self.until(stage.word(), id, |item| item.is_some_and(|item| item.stage == stage)).await;
    }
}

impl Process {
    /// Waits for the event that `pick` takes.
    pub async fn wait<T>(&mut self, what: &str, mut pick: impl FnMut(WorkerEvent) -> Option<T>) -> T {
        let asked = async {
            loop {
                let event = self.events.recv().await.expect("the loop runs");
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never came: {what}"))
    }

    /// Waits until nothing could be sent now.
    pub async fn rest(&self) {
        let asked = async {
            while !self.poke.is_resting() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.expect("the loop comes to rest");
    }

    /// Ends as a program does.
    pub async fn end(self) {
        let _ = self.stop.send(true);
        self.task.await.unwrap();
    }

    /// Dies in the middle of whatever it does; its locks are free.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}
