//! The supervisor over a scripted server: who does what, and what a lost, refused or broken connection costs.

mod fake;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use self::fake::{Fake, Fault, mailboxes};
use super::*;
use crate::config::{Account, Incoming};
use crate::events::EventLog;
use crate::mail::outgoing::{Fate, Recipient};
use crate::mail::page::View;
use crate::mail::{AccountId, Change, FlagBits, Flags, Key, Listing, MailboxId, MessageId, OutboxId, Row, SmtpEnvelope, Stage, Uid};
use crate::store::{self, OutboxNew, Own, Paths, SentCopy, Written};
use crate::worker::core::Common;
use crate::worker::plan::Wanted;
use crate::worker::{Clock, Job, JobState, Jobs, Out, Pages, Readers};

/// The common part of a process, and what it tells.
struct Process {
    common: Common,
    heard: mpsc::Receiver<WorkerEvent>,
    stop: watch::Sender<bool>,
    /// Where other processes are expected.
    peers: Option<PathBuf>,
    _folder: Option<tempfile::TempDir>,
}

impl Process {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let alone = Self::at(folder.path());
        Self { _folder: Some(folder), peers: None, ..alone }
    }

    /// One of several over the same store.
    fn at(folder: &Path) -> Self {
        let writer = store::open(&Paths::in_folder(folder)).unwrap();
        let (events, heard) = mpsc::channel(100_000);
        let (stop, stopping) = watch::channel(false);
        let out = Out::new(events, EventLog::default());
        let common = Common {
            readers: Readers::new(writer.clone()),
            pages: Pages::new(out.clone(), Default::default()),
            hand: Default::default(),
            jobs: Jobs::new(out.clone()),
            clock: Clock::new(Arc::new(|| 1_800_000_000)),
            rested: Arc::default(),
            peers: Arc::default(),
            trace: None,
            seed: 1,
            offline: false,
            headers_only: true,
            writer,
            out,
            stop: stopping,
        };
        Self { common, heard, stop, peers: Some(folder.to_owned()), _folder: None }
    }

    /// Runs an account of this server.
    async fn run(&self, name: &str, fake: &Fake, wants_b: bool) -> Running {
        let ids = self.common.writer.set_accounts(vec!["first".into(), "second".into()]).await.unwrap();
        let id = ids[usize::from(name == "second")];
        self.common.writer.set_mailboxes(id, mailboxes(), Default::default()).await.unwrap();
        let account = Account {
            name: name.into(),
            address: "ada@example.org".into(),
            display_name: String::new(),
            signature: None,
            authserv_id: None,
            incoming: Incoming::None,
            outgoing: crate::config::Outgoing::None,
            sent_copy: true,
            mailboxes: Default::default(),
        };
        let core = Core::new(&self.common, id, &account);
        core.load_mailboxes().await.unwrap();
        let retry = Arc::new(Notify::new());
        let (connect, folder) = (Arc::new(fake.clone()), self.peers.clone());
        let supervisor = Supervisor { core: core.clone(), connect, folder, wants_b, retry: retry.clone() };
        Running { core, retry, task: tokio::spawn(supervisor.run()) }
    }

    /// The event that `pick` takes.
    async fn until<T>(&mut self, mut pick: impl FnMut(&WorkerEvent) -> Option<T>) -> T {
        let mut seen = Vec::new();
        loop {
            let event = self.heard.recv().await.unwrap();
            match pick(&event) {
                Some(found) => return found,
                None => seen.push(event),
            }
        }
    }

    async fn until_link(&mut self, word: &str) -> LinkState {
        self.until(|event| match event {
            WorkerEvent::Link { state, .. } if state.word() == word => Some(state.clone()),
            _ => None,
        })
        .await
    }

    fn rows(&self, mailbox: MailboxId) -> Vec<Row> {
        self.common.readers.with_blocking(|reader| reader.rows(&Listing::mailbox(mailbox, false))).unwrap()
    }
}

struct Running {
    core: Arc<Core>,
    retry: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Running {
    fn mailbox(&self, wire_name: &str) -> MailboxId {
        self.core.lock().state.mailboxes.iter().find(|mailbox| mailbox.wire_name == wire_name).unwrap().id
    }

    /// Someone opens the message of this uid.
    async fn open(&self, process: &Process, uid: u32) -> MessageId {
        let mailbox = self.mailbox("INBOX");
        let key = Key::Uid(Uid(uid));
        let find = process.rows(mailbox).into_iter().find(|row| {
            let location = process.common.readers.with_blocking(|reader| reader.location(row.id)).unwrap();
            location.is_some_and(|location| location.key.as_ref() == Some(&key))
        });
        let id = find.unwrap().id;
        self.core.want(Wanted { id, mailbox, key, view: Some(View::default()) }, Vec::new());
        id
    }

    /// Until both links rest.
    async fn until_rest(&self) {
        while !self.core.is_resting() {
            self.core.common.rested.notified().await;
        }
    }
}

fn rendered(event: &WorkerEvent, of: MessageId) -> Option<()> {
    matches!(event, WorkerEvent::Rendered { id, page: Ok(_), .. } if *id == of).then_some(())
}

/// Nothing here takes a minute, unless it hangs.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), what).await.expect("it hangs")
}

fn offline() -> RemoteError {
    RemoteError::Offline("no route".into())
}

#[tokio::test]
async fn an_open_is_one_verb_of_the_other_link_while_one_works() {
    for (bulk, inbox, lists) in [("headers_in", 3_000, 3), ("headers_in", 3, 3_000), ("flags", 3, 3), ("list", 3, 3)] {
        let fake = Fake::new(inbox, lists);
        let mut process = Process::new();
        if bulk != "flags" {
            fake.hold(bulk);
        }
        let account = process.run("first", &fake, true).await;
        if bulk == "flags" {
            soon(account.until_rest()).await;
            fake.hold(bulk);
            account.core.poke(|inner| inner.state.mailboxes[0].look_again());
        }
        let held = async {
            while !fake.heard().iter().any(|verb| verb.starts_with(&format!("2 {bulk}"))) {
                tokio::task::yield_now().await;
            }
        };
        soon(held).await;
        soon(fake.until("1 wait INBOX", 1)).await;
        let before = fake.heard().len();
        let id = account.open(&process, inbox).await;
        soon(process.until(|event| rendered(event, id))).await;
        let after = fake.heard().split_off(before);
        assert_eq!(after.first().map(String::as_str), Some("1 bodies INBOX"), "{bulk}: {after:?}");
        assert!(!after.iter().any(|verb| verb.starts_with('2')), "{bulk}: {after:?}");
        fake.release(bulk);
    }
}

#[tokio::test]
async fn where_both_links_rest_an_open_leaves_the_idle_one_alone() {
    let fake = Fake::new(3, 3);
    let mut process = Process::new();
    let account = process.run("first", &fake, true).await;
    soon(account.until_rest()).await;
    let id = account.open(&process, 2).await;
    soon(process.until(|event| rendered(event, id))).await;
    assert_eq!((fake.count("2 bodies INBOX"), fake.count("1 bodies INBOX")), (1, 0), "{:?}", fake.heard());
}

#[tokio::test]
async fn who_opens_what_is_being_fetched_ahead_gets_it_from_there() {
    let fake = Fake::new(3, 3);
    let mut process = Process::new();
    let account = process.run("first", &fake, false).await;
    soon(account.until_rest()).await;
    fake.hold("bodies");
    let inbox = account.mailbox("INBOX");
    let ahead = Wanted { id: MessageId(0), mailbox: inbox, key: Key::Uid(Uid(2)), view: None };
    account.core.poke(|inner| inner.state.ahead.push_back(ahead));
    soon(fake.until("1 bodies INBOX", 1)).await;
    let id = account.open(&process, 2).await;
    fake.release("bodies");
    soon(process.until(|event| rendered(event, id))).await;
    soon(account.until_rest()).await;
    assert_eq!(fake.count("1 bodies INBOX"), 1, "{:?}", fake.heard());
}

#[tokio::test]
async fn what_one_link_finds_the_other_fetches_without_being_asked() {
    let fake = Fake::new(3, 3);
    let process = Process::new();
    let account = process.run("first", &fake, true).await;
    soon(account.until_rest()).await;
    // messages went and came back with their uids: headers are missing, which link A sees when the server hints
    let inbox = account.mailbox("INBOX");
    fake.script().messages.insert("INBOX", 0);
    account.core.poke(|inner| inner.state.mailboxes[0].look_now());
    while !process.rows(inbox).is_empty() {
        tokio::task::yield_now().await;
    }
    fake.script().messages.insert("INBOX", 2);
    account.core.poke(|inner| inner.state.mailboxes[0].look_now());
    soon(fake.until("2 headers INBOX", 1)).await;
    soon(account.until_rest()).await;
    assert_eq!(process.rows(inbox).len(), 2);
}

#[tokio::test]
async fn link_b_rests_in_the_mailbox_on_screen() {
    let fake = Fake::new(3, 3);
    let process = Process::new();
    let account = process.run("first", &fake, true).await;
    // after its work in the other mailbox it is back at once
    soon(fake.until("2 open INBOX", 1)).await;
    soon(account.until_rest()).await;
    account.core.look(account.mailbox("Lists"));
    soon(fake.until("2 open Lists", 1)).await;
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_to_a_minute_and_start_anew_after_a_success() {
    let fake = Fake::new(3, 3);
    fake.script().refuse = vec![Some(offline()); 9].into();
    let mut process = Process::new();
    let account = process.run("first", &fake, false).await;
    fake.until_attempts(10).await;
    let attempts = fake.script().attempts.clone();
    let pauses: Vec<u64> = attempts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
    for (pause, least) in pauses.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60]) {
        assert!((least..=least + least / 4).contains(pause), "{pauses:?}");
    }
    assert!(matches!(process.until_link("back-off").await, LinkState::BackOff { why, .. } if why == "no route"));
    account.until_rest().await;
    fake.script().faults.push_back(("wait", Fault::Error(offline())));
    account.core.wake_a.notify_one();
    fake.until_attempts(11).await;
    let lost = fake.script().verbs.last().unwrap().at;
    assert!(fake.script().attempts[10] - lost < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_refused_sign_in_is_not_repeated_until_asked_for() {
    for (error, refused) in
        [(RemoteError::BadLogin("wrong".into()), Some("wrong".to_owned())), (RemoteError::NoSecret("none".into()), None)]
    {
        let fake = Fake::new(3, 3);
        fake.script().refuse = vec![Some(error)].into();
        let mut process = Process::new();
        let account = process.run("first", &fake, false).await;
        assert_eq!(process.until_link("sign-in").await, LinkState::SignIn { refused });
        sleep(Duration::from_secs(86_400)).await;
        assert_eq!(fake.script().attempts.len(), 1);
        account.retry.notify_one();
        process.until_link("online").await;
    }
}

#[tokio::test]
async fn a_refused_second_link_leaves_everything_to_the_first() {
    let fake = Fake::new(3_000, 3);
    fake.script().refuse = [None].into_iter().chain(vec![Some(offline()); 9]).collect();
    let process = Process::new();
    let account = process.run("first", &fake, true).await;
    soon(fake.until_attempts(2)).await;
    soon(account.until_rest()).await;
    assert_eq!(process.rows(account.mailbox("INBOX")).len(), 3_000);
    assert_eq!(process.rows(account.mailbox("Lists")).len(), 3);
    assert!(fake.heard().iter().all(|verb| verb.starts_with('1')), "{:?}", fake.heard());
}

#[tokio::test]
async fn a_second_link_that_is_lost_or_panics_costs_itself_only() {
    for fault in [Fault::Error(offline()), Fault::Panic] {
        let fake = Fake::new(3_000, 3);
        fake.script().faults.push_back(("headers_in", fault.clone()));
        let mut process = Process::new();
        let account = process.run("first", &fake, true).await;
        if matches!(fault, Fault::Panic) {
            let told = |event: &WorkerEvent| matches!(event, WorkerEvent::Failed { what, .. } if what.contains("inside")).then_some(());
            soon(process.until(told)).await;
        }
        let inbox = account.mailbox("INBOX");
        while process.rows(inbox).len() < 3_000 {
            tokio::task::yield_now().await;
        }
        assert!(fake.count("1 headers_in INBOX") > 0, "{:?}", fake.heard());
        assert_eq!(fake.count("1 newest INBOX"), 1);
        assert_eq!(fake.heard().iter().filter(|verb| verb.ends_with("newest INBOX")).count(), 1, "{:?}", fake.heard());
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_step_is_told_and_costs_the_connection() {
    let fake = Fake::new(3, 3);
    fake.script().faults.push_back(("list", Fault::Panic));
    let mut process = Process::new();
    let account = process.run("first", &fake, false).await;
    process.until(|event| matches!(event, WorkerEvent::Failed { what, .. } if what.contains("inside")).then_some(())).await;
    process.until_link("back-off").await;
    fake.until("2 wait INBOX", 1).await;
    assert_eq!(process.rows(account.mailbox("Lists")).len(), 3);
    assert!(!fake.heard().iter().any(|verb| verb == "1 close"), "{:?}", fake.heard());
}

#[tokio::test]
async fn the_end_in_the_middle_of_a_step_is_soon_and_the_connection_is_not_used_again() {
    let fake = Fake::new(3_000, 3);
    fake.hold("headers_in");
    let process = Process::new();
    let account = process.run("first", &fake, false).await;
    soon(fake.until("1 headers_in INBOX", 1)).await;
    let id = process.rows(account.mailbox("INBOX"))[0].id;
    let seen = Change::Flags { ids: vec![id], add: Flags::bits(FlagBits::SEEN), remove: Flags::default() };
    process.common.writer.apply(seen, "read".into()).await.unwrap();
    account.core.poke_push();
    tokio::time::pause();
    let begun = Instant::now();
    process.stop.send(true).unwrap();
    account.task.await.unwrap();
    assert!(begun.elapsed() <= LAST_STEP + Duration::from_millis(10), "{:?}", begun.elapsed());
    assert_eq!(fake.heard().last().map(String::as_str), Some("1 headers_in INBOX"));
}

#[tokio::test]
async fn the_end_at_rest_says_goodbye_on_both_links() {
    let fake = Fake::new(3, 3);
    let process = Process::new();
    let account = process.run("first", &fake, true).await;
    soon(account.until_rest()).await;
    process.stop.send(true).unwrap();
    soon(account.task).await.unwrap();
    assert_eq!((fake.count("1 close"), fake.count("2 close")), (1, 1), "{:?}", fake.heard());
}

#[tokio::test]
async fn an_account_that_hangs_does_not_delay_another() {
    let (hanging, good) = (Fake::new(3, 3), Fake::new(3, 3));
    hanging.script().silent = true;
    let process = Process::new();
    let _first = process.run("first", &hanging, true).await;
    soon(hanging.until_attempts(1)).await;
    let second = process.run("second", &good, true).await;
    soon(good.until("1 wait INBOX", 1)).await;
    soon(second.until_rest()).await;
    assert_eq!(process.rows(second.mailbox("INBOX")).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_hints_for_ever_is_asked_less_and_less() {
    let fake = Fake::new(3, 3);
    fake.script().hints = true;
    let process = Process::new();
    let _account = process.run("first", &fake, false).await;
    fake.until("1 flags INBOX", 10).await;
    let looks = |fake: &Fake| -> Vec<u64> {
        let script = fake.script();
        let at: Vec<Instant> = script.verbs.iter().filter(|verb| verb.what == "flags INBOX").map(|verb| verb.at).collect();
        at.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect()
    };
    assert_eq!(looks(&fake), [0, 0, 1, 2, 4, 8, 16, 32, 60]);
    fake.script().messages.insert("INBOX", 4);
    fake.until("1 flags INBOX", 13).await;
    assert_eq!(looks(&fake)[9..], [60, 0, 0], "new mail was found, and hints count again");
}

/// The next state of a job whose label begins so.
async fn job(process: &mut Process, label: &str) -> Job {
    let pick = |event: &WorkerEvent| match event {
        WorkerEvent::Job(job) if job.label.starts_with(label) => Some(job.clone()),
        _ => None,
    };
    soon(process.until(pick)).await
}

#[tokio::test]
async fn a_large_first_sync_is_a_job_that_can_be_stopped_and_goes_on_with_the_next_check() {
    let fake = Fake::new(6_000, 3);
    fake.hold("headers_in");
    let mut process = Process::new();
    let account = process.run("first", &fake, false).await;
    let begun = job(&mut process, "Fetching headers of first/Inbox").await;
    assert_eq!((begun.done, begun.total, &begun.state), (60, Some(6_000), &JobState::Running));
    process.common.jobs.cancel(begun.id);
    fake.release("headers_in");
    let ended = job(&mut process, "Fetching headers of first/Inbox: stopped").await;
    assert_eq!((ended.id, ended.state), (begun.id, JobState::Cancelled));
    soon(account.until_rest()).await;
    let inbox = account.mailbox("INBOX");
    assert!(process.rows(inbox).len() < 1_000, "the rest was left alone");
    assert_eq!(process.rows(account.mailbox("Lists")).len(), 3, "the others were not");
    account.core.sync();
    soon(account.until_rest()).await;
    assert_eq!(process.rows(inbox).len(), 6_000);
    let again = job(&mut process, "Fetching headers of first/Inbox").await;
    assert!(again.done > 60 && again.total == Some(6_000), "{again:?}");
    while job(&mut process, "Fetching headers of first/Inbox").await.state != JobState::Finished {}
}

#[tokio::test]
async fn a_small_first_sync_is_no_job() {
    let fake = Fake::new(2_000, 3);
    let mut process = Process::new();
    let account = process.run("first", &fake, true).await;
    soon(account.until_rest()).await;
    process.heard.close();
    while let Some(event) = process.heard.recv().await {
        assert!(!matches!(event, WorkerEvent::Job(_)), "{event:?}");
    }
}

#[tokio::test]
async fn another_process_hears_what_changed_and_goes_on_when_the_owner_ends() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::new(3, 3);
    let owner = Process::at(folder.path());
    let owning = owner.run("first", &fake, false).await;
    soon(owning.until_rest()).await;
    let mut peer = Process::at(folder.path());
    let waiting = peer.run("first", &fake, false).await;
    soon(peer.until_link("offline")).await;
    let change = |least: usize| {
        move |event: &WorkerEvent| match event {
            WorkerEvent::MailChanged { added, .. } if added.len() >= least => Some(added.clone()),
            _ => None,
        }
    };
    soon(peer.until(change(0))).await;
    let path = folder.path().to_owned();
    let link = tokio::task::spawn_blocking(move || beside::link_of(&path, "first"));
    assert_eq!(soon(link).await.unwrap(), Some("online"));

    fake.script().messages.insert("INBOX", 4);
    owning.core.sync();
    let added = soon(peer.until(change(1))).await;
    assert_eq!(peer.rows(waiting.mailbox("INBOX"))[0].id, added[0]);

    owner.stop.send(true).unwrap();
    soon(owning.task).await.unwrap();
    soon(peer.until_link("online")).await;
}

#[tokio::test]
async fn a_poke_reaches_the_owner_and_a_silent_peer_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::new(3, 3);
    let owner = Process::at(folder.path());
    let owning = owner.run("first", &fake, false).await;
    soon(owning.until_rest()).await;
    let _silent = tokio::net::UnixStream::connect(owner::socket(folder.path(), "first")).await.unwrap();
    let other = Process::at(folder.path());
    let id = other.rows(owning.mailbox("INBOX"))[0].id;
    let seen = Change::Flags { ids: vec![id], add: Flags::bits(FlagBits::SEEN), remove: Flags::default() };
    other.common.writer.apply(seen, "read".into()).await.unwrap();
    let path = folder.path().to_owned();
    soon(tokio::task::spawn_blocking(move || beside::poke(&path, "first"))).await.unwrap();
    soon(fake.until("1 store INBOX", 1)).await;
}

/// A message that its recipients have, and whose copy for Sent waits for the server.
async fn sent(process: &Process, account: AccountId) -> OutboxId {
    let writer = &process.common.writer;
    let bob = || vec![("bob@example.org".to_owned(), Fate::Accepted)];
    let bytes = b"Subject: Plan\r\nMessage-ID: <plan@example.org>\r\n\r\nText\r\n".to_vec();
    let recipients = vec![Recipient { address: "bob@example.org".into(), fate: Fate::Pending }];
    let new = OutboxNew {
        account: "first".into(),
        not_before: 0,
        now: 0,
        rfc_message_id: "plan@example.org".into(),
        subject: "Plan".into(),
        envelope: SmtpEnvelope { recipients, ..SmtpEnvelope::default() },
        draft: None,
        bytes: bytes.clone(),
    };
    let id = writer.queue(new).await.unwrap().unwrap().id;
    writer.begin_sending(id, 0).await.unwrap().unwrap();
    assert!(writer.handing_over(id, bob()).await.unwrap() && writer.accepted(id, bob(), Vec::new(), 0).await.unwrap());
    let written = Written { envelope: crate::mime::envelope(&bytes), flags: Flags::bits(FlagBits::SEEN), received: 0, bytes };
    let made = ("Sent".to_owned(), "Sent".to_owned());
    writer.file_sent(SentCopy { outbox: id, account, made, written, text: Some("Text".into()) }, 0, 0).await.unwrap();
    id
}

#[tokio::test]
async fn a_copy_for_sent_that_the_server_does_not_take_is_kept_and_never_sends_again() {
    for error in [RemoteError::NotNow("over quota".into()), RemoteError::Rejected("mailbox full".into()), offline()] {
        let fake = Fake::new(3, 3);
        let mut process = Process::new();
        let account = process.run("first", &fake, false).await;
        soon(account.until_rest()).await;
        fake.script().faults.push_back(("append", Fault::Error(error.clone())));
        let id = sent(&process, account.core.account).await;
        account.core.load_mailboxes().await.unwrap();
        let mailbox = account.mailbox("Sent");
        account.core.poke_push();
        match &error {
            RemoteError::Rejected(why) | RemoteError::NotNow(why) => {
                let refusal = process.until(|event| match event {
                    WorkerEvent::Failed { what, why: said, next, .. } if said == why => Some(format!("{what} {next}")),
                    _ => None,
                });
                let told = soon(refusal).await;
                assert!(told.contains("refused to add a message to Sent") && told.contains("kept here"), "{told}");
                assert_eq!(process.rows(mailbox).len(), 1, "{error}: shown meanwhile");
                soon(account.until_rest()).await;
                assert!(account.core.lock().state.refused_again.is_some(), "{error}: tried again by itself");
                assert_eq!(account.core.lock().state.push_not_before, 0, "{error}: nothing else waits for it");
                account.core.sync();
                let appended = async {
                    while fake.heard().iter().filter(|verb| verb.ends_with("append Sent")).count() < 2 {
                        tokio::task::yield_now().await;
                    }
                };
                soon(appended).await;
            }
            _ => {
                let paused = async {
                    while account.core.lock().state.push_not_before == 0 && fake.script().attempts.len() < 2 {
                        tokio::task::yield_now().await;
                    }
                };
                soon(paused).await;
                account.core.lock().state.push_not_before = 0;
                account.core.poke_push();
                account.retry.notify_one();
                let appended = async {
                    while fake.heard().iter().filter(|verb| verb.ends_with("append Sent")).count() < 2 {
                        tokio::task::yield_now().await;
                    }
                };
                soon(appended).await;
            }
        }
        soon(account.until_rest()).await;
        let appends = fake.heard().iter().filter(|verb| verb.ends_with("append Sent")).count();
        assert_eq!(appends, 2, "{error}: asked again, and no more once it was taken");
        let own = Own::open(process.common.writer.paths()).unwrap().unwrap();
        assert_eq!(own.out_item(id).unwrap().unwrap().stage, Stage::Filed, "{error}: sent once, and done");
        assert_eq!(own.outbox().unwrap(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_a_server_that_says_nothing_is_given_up_soon_on_either_link() {
    for (wants_b, verb) in [(false, "headers_in"), (true, "open")] {
        let fake = Fake::new(3, 3);
        let mut process = Process::new();
        let account = process.run("first", &fake, wants_b).await;
        account.until_rest().await;
        let before = fake.script().attempts.len();
        fake.hold(verb);
        account.core.suspect();
        let begun = Instant::now();
        if !wants_b {
            let LinkState::BackOff { why, .. } = process.until_link("back-off").await else { unreachable!() };
            assert!(why.contains("slept"), "{why}");
        }
        fake.until_attempts(before + 1).await;
        assert!(begun.elapsed() <= Duration::from_secs(20), "{wants_b}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_a_server_that_answers_keeps_its_connections() {
    let fake = Fake::new(3, 3);
    let process = Process::new();
    let account = process.run("first", &fake, true).await;
    account.until_rest().await;
    let (looks, opens) = (fake.count("1 headers_in INBOX"), fake.count("2 open INBOX"));
    account.core.suspect();
    fake.until("1 headers_in INBOX", looks + 1).await;
    fake.until("2 open INBOX", opens + 1).await;
    account.until_rest().await;
    assert_eq!(fake.script().attempts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_refused_to_the_second_link_is_not_repeated_and_the_first_goes_on() {
    let fake = Fake::new(3, 3);
    fake.script().refuse = [None, Some(RemoteError::BadLogin("no".into()))].into();
    let mut process = Process::new();
    let account = process.run("first", &fake, true).await;
    fake.until_attempts(2).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(fake.script().attempts.len(), 2);
    let id = account.open(&process, 2).await;
    process.until(|event| rendered(event, id)).await;
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_can_not_be_read_is_told_and_stops_no_other() {
    let fake = Fake::new(3, 3);
    for _ in 0..5 {
        fake.script().faults.push_back(("newest", Fault::Error(RemoteError::Rejected("broken".into()))));
    }
    let mut process = Process::new();
    let account = process.run("first", &fake, false).await;
    let (what, next) = process
        .until(|event| match event {
            WorkerEvent::Failed { what, next, .. } => Some((what.clone(), next.clone())),
            _ => None,
        })
        .await;
    assert!(what.contains("first/Inbox") && next.contains("The other mailboxes go on"), "{what} {next}");
    let lists = account.mailbox("Lists");
    while process.rows(lists).len() < 3 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn health_tells_since_when_what_failed_and_when_the_server_answered() {
    let fake = Fake::new(3, 3);
    fake.script().refuse = [Some(offline())].into();
    let mut process = Process::new();
    let account = process.run("first", &fake, false).await;
    process.until_link("online").await;
    account.until_rest().await;
    let inner = account.core.lock();
    assert_eq!((inner.since, inner.answered), (1_800_000_000, Some(1_800_000_000)));
    assert_eq!(inner.failed, Some((1_800_000_000, "no route".to_owned())));
    assert!(inner.abilities.is_some_and(|can| can.told().iter().all(|ability| ability.has)));
}

#[tokio::test]
async fn an_alert_of_the_server_is_told_once_in_its_words() {
    let fake = Fake::new(3, 3);
    fake.script().alerts = ["disk full", "disk full", "off at ten"].map(str::to_owned).into();
    let mut process = Process::new();
    let account = process.run("first", &fake, false).await;
    let mut told = Vec::new();
    let both = process.until(|event| match event {
        WorkerEvent::Failed { what, why, .. } => {
            told.push(format!("{what}: {why}"));
            (told.len() == 2).then_some(())
        }
        _ => None,
    });
    soon(both).await;
    soon(account.until_rest()).await;
    assert_eq!(told, ["The server of first says: disk full", "The server of first says: off at ten"]);
}
