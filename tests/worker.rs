//! The worker as the reader uses it: requests in, events out, over a real Maildir.

#[path = "worker/drafts.rs"]
mod drafts;
#[path = "worker/hostile.rs"]
mod hostile;

use std::sync::Arc;
use std::time::Duration;

use postrider::config::{Account, Config, Incoming};
use postrider::events::EventLog;
use postrider::mail::page::View;
use postrider::mail::{Change, FlagBits, Flags, Listing, MailboxId, MessageId};
use postrider::store::{self, Paths, Writer};
use postrider::worker::{Handle, Job, JobState, Options, Request, SyncOptions, WorkerEvent, start, sync_once};

struct Stage {
    folder: tempfile::TempDir,
    config: Config,
    writer: Writer,
}

impl Stage {
    fn new(messages: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("mail");
        for name in ["cur", "new", "tmp", ".Archive/cur", ".Archive/new", ".Archive/tmp"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        for n in 0..messages {
            let text = format!(
                "From: Ada <ada@example.org>\r\nSubject: number {n}\r\nMessage-ID: <{n}@x>\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\n\r\nBody {n}.\r\n"
            );
            std::fs::write(root.join(format!("cur/{}.{n}.host:2,", 1_700_000_000 + n)), text).unwrap();
        }
        let config = Self::config(folder.path());
        let writer = store::open(&Paths::in_folder(&folder.path().join("data"))).unwrap();
        Self { folder, config, writer }
    }

    /// One account, whose Maildir is in this folder.
    fn config(folder: &std::path::Path) -> Config {
        let account = Account {
            name: "local".into(),
            address: "ada@example.org".into(),
            display_name: "Ada".into(),
            signature: None,
            authserv_id: None,
            outgoing: postrider::config::Outgoing::None,
            sent_copy: true,
            incoming: Incoming::Maildir(folder.join("mail")),
            mailboxes: Default::default(),
        };
        Config { accounts: vec![account], ..Config::default() }
    }

    /// The same files, in another process as it were.
    fn beside(other: &Self) -> Self {
        let writer = store::open(other.writer.paths()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), config: other.config.clone(), writer }
    }

    /// The process ends and starts again.
    fn restart(&mut self) {
        self.writer.stop();
        self.writer = store::open(self.writer.paths()).unwrap();
    }

    fn options(&self) -> Options {
        Self::options_of()
    }

    fn options_of() -> Options {
        Options { offline: false, log: EventLog::default(), trace: None, now: Arc::new(|| 1_800_000_000), seed: 1 }
    }

    fn sync(&self) {
        let summary = sync_once(&self.config, self.writer.clone(), SyncOptions::default(), self.options(), |_| {}).unwrap();
        assert_eq!(summary.accounts[0].result, Ok(()));
    }

    fn mailbox(&self, path: &str) -> MailboxId {
        self.writer.reader().unwrap().find_mailbox(path).unwrap().unwrap().id
    }

    fn ids(&self, mailbox: MailboxId) -> Vec<MessageId> {
        let rows = self.writer.reader().unwrap().rows(&Listing::mailbox(mailbox, false)).unwrap();
        rows.iter().map(|row| row.id).collect()
    }

    fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("mail").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Waits for the event that `pick` takes; a minute without one fails.
fn wait_for<T>(handle: &mut Handle, mut pick: impl FnMut(&WorkerEvent) -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let mut seen = Vec::new();
    while std::time::Instant::now() < deadline {
        match handle.events.try_recv() {
            Ok(event) => match pick(&event) {
                Some(found) => return found,
                None => seen.push(event),
            },
            Err(tokio::sync::mpsc::error::TryRecvError::Empty) => std::thread::yield_now(),
            Err(error) => panic!("{error} after {seen:?}"),
        }
    }
    panic!("nothing of what is awaited in {seen:?}");
}

#[test]
fn a_first_sync_brings_every_message_of_every_mailbox() {
    let stage = Stage::new(130);
    stage.sync();
    assert_eq!(stage.ids(stage.mailbox("local/Inbox")).len(), 130);
    assert!(stage.writer.reader().unwrap().find_mailbox("local/Archive").unwrap().is_some());
}

#[test]
fn of_a_mailbox_larger_than_one_look_no_change_is_missed() {
    // its names are compared five thousand at a time
    let stage = Stage::new(5_200);
    stage.sync();
    let inbox = stage.mailbox("local/Inbox");
    let cur = stage.folder.path().join("mail/cur");
    let name = |n: u32| format!("{}.{n}.host:2,", 1_700_000_000 + n);
    let counts = || {
        let inbox = stage.writer.reader().unwrap().mailbox(inbox).unwrap().unwrap();
        (inbox.total, inbox.unread)
    };
    assert_eq!(counts(), (5_200, 5_200));
    for n in [0, 199, 200, 5_199] {
        std::fs::rename(cur.join(name(n)), cur.join(name(n) + "S")).unwrap();
    }
    std::fs::remove_file(cur.join(name(1))).unwrap();
    std::fs::remove_file(cur.join(name(3_000))).unwrap();
    std::fs::copy(cur.join(name(2)), cur.join("0.first:2,S")).unwrap();
    stage.sync();
    assert_eq!(counts(), (5_199, 5_194));

    // the same while it is watched, at its far end
    let mut handle = start(&stage.config, stage.writer.clone(), stage.options()).unwrap();
    wait_for(&mut handle, |event| {
        matches!(event, WorkerEvent::Link { state: postrider::worker::LinkState::Online { .. }, .. }).then_some(())
    });
    std::fs::rename(cur.join(name(2)), cur.join(name(2) + "S")).unwrap();
    wait_for(&mut handle, |_| (counts() == (5_199, 5_193)).then_some(()));
    handle.join();
}

#[test]
fn listing_rendering_and_triage_answer_and_reach_the_files() {
    let stage = Stage::new(3);
    stage.sync();
    let (inbox, archive) = (stage.mailbox("local/Inbox"), stage.mailbox("local/Archive"));
    let mut handle = start(&stage.config, stage.writer.clone(), stage.options()).unwrap();
    let ask = |handle: &Handle, request| handle.requests.try_send(request).unwrap();

    ask(&handle, Request::List(Listing::mailbox(inbox, false)));
    let rows = wait_for(&mut handle, |event| match event {
        WorkerEvent::Listed { rows, whole: true, .. } => Some(rows.clone()),
        _ => None,
    });
    assert_eq!(rows.len(), 3);

    let id = rows[0].id;
    let view = View { width: 80, ..View::default() };
    ask(&handle, Request::Want { id, view, ahead: vec![rows[1].id] });
    let page = wait_for(&mut handle, |event| match event {
        WorkerEvent::Rendered { id: of, page, .. } if *of == id => Some(page.clone()),
        _ => None,
    });
    assert!(page.unwrap().subject.as_str().starts_with("number"));

    let add = Flags::bits(FlagBits::SEEN);
    ask(&handle, Request::Apply { change: Change::Flags { ids: vec![id], add, remove: Flags::default() }, label: "Marked read".into() });
    ask(&handle, Request::Apply { change: Change::Move { ids: vec![id], to: archive }, label: "Archived a message".into() });
    wait_for(&mut handle, |event| {
        matches!(event, WorkerEvent::Applied { label, done: 1, .. } if label.starts_with("Archived")).then_some(())
    });
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Settled { handled } if *handled >= 4).then_some(()));
    let archived: Vec<String> = stage.files(".Archive/cur").into_iter().chain(stage.files(".Archive/new")).collect();
    assert_eq!(archived.len(), 1, "{archived:?}");
    assert!(archived[0].ends_with('S'), "{archived:?}");
    assert!(stage.writer.reader().unwrap().waiting(None).unwrap().is_empty());
    handle.join();
}

#[test]
fn first_words_are_told_of_what_lies_on_the_disk_and_what_quotes_only_them() {
    let stage = Stage::new(1);
    let answer = "From: Ben <ben@example.org>\r\nSubject: Re: number 0\r\nMessage-ID: <answer@x>\r\nIn-Reply-To: <long@x>\r\n\r\n\
        Friday suits me.\r\n\r\nOn Monday, Ada wrote:\r\n> shall we move both of the racks on Friday\r\n> or wait for the power lines?\r\n";
    let long = "From: Ada <ada@example.org>\r\nSubject: long\r\nMessage-ID: <long@x>\r\n\r\n\
        Dear all, shall we move both\r\nof the racks on Friday or wait for the power lines?\r\n";
    for (n, text) in [long, answer].iter().enumerate() {
        std::fs::write(stage.folder.path().join(format!("mail/cur/170000010{n}.t.host:2,")), text).unwrap();
    }
    stage.sync();
    let mut ids = stage.ids(stage.mailbox("local/Inbox"));
    ids.sort_by_key(|id| stage.writer.reader().unwrap().summaries(&[*id]).unwrap()[0].received);
    let mut handle = start(&stage.config, stage.writer.clone(), stage.options()).unwrap();
    handle.requests.try_send(Request::Glimpse { ids }).unwrap();
    let glimpses = wait_for(&mut handle, |event| match event {
        WorkerEvent::Glimpsed(glimpses) => Some(glimpses.clone()),
        _ => None,
    });
    let told: Vec<(&str, bool)> = glimpses.iter().map(|glimpse| (glimpse.words.as_str(), glimpse.repeats)).collect();
    let expect = [
        ("Body 0.", false),
        ("Dear all, shall we move both of the racks on Friday or wait for the power lines?", false),
        ("Friday suits me.", true),
    ];
    assert_eq!(told, expect);
    handle.join();
}

#[test]
fn each_quiet_is_told_once() {
    let stage = Stage::new(3);
    let mut handle = start(&stage.config, stage.writer.clone(), stage.options()).unwrap();
    let settled = |event: &WorkerEvent| match event {
        WorkerEvent::Settled { handled } => Some(*handled),
        _ => None,
    };
    handle.requests.try_send(Request::Undo { steps: 1 }).unwrap();
    while wait_for(&mut handle, settled) < 1 {}
    for n in 2..=6 {
        handle.requests.try_send(Request::Undo { steps: 1 }).unwrap();
        assert_eq!(wait_for(&mut handle, settled), n, "the one before is not told again");
    }
    handle.join();
}

#[test]
fn offline_nothing_is_touched_and_wishes_wait() {
    let stage = Stage::new(2);
    stage.sync();
    let (inbox, archive) = (stage.mailbox("local/Inbox"), stage.mailbox("local/Archive"));
    let id = stage.ids(inbox)[0];
    let mut handle = start(&stage.config, stage.writer.clone(), Options { offline: true, ..stage.options() }).unwrap();
    handle.requests.try_send(Request::Apply { change: Change::Move { ids: vec![id], to: archive }, label: "Archived".into() }).unwrap();
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Settled { handled: 1 }).then_some(()));
    assert_eq!(stage.files("cur").len(), 2);
    assert_eq!(stage.writer.reader().unwrap().waiting(None).unwrap().len(), 1);
    handle.join();
    stage.sync();
    assert_eq!(stage.files("cur").len(), 1);
}

#[test]
fn a_file_that_can_not_be_moved_stays_where_it_is_and_the_others_go() {
    let stage = Stage::new(1);
    // with the mark of a read folder behind it the name would be too long for the file system
    let stuck = format!("1700000009.{}", "x".repeat(243));
    let text = "From: Ada <ada@example.org>\r\nSubject: stuck\r\nMessage-ID: <stuck@x>\r\n\r\nBody.\r\n";
    std::fs::create_dir_all(stage.folder.path().join("mail/new")).unwrap();
    std::fs::write(stage.folder.path().join("mail/new").join(&stuck), text).unwrap();
    stage.sync();
    let (inbox, archive) = (stage.mailbox("local/Inbox"), stage.mailbox("local/Archive"));
    let ids = stage.ids(inbox);
    assert_eq!(ids.len(), 2);
    for change in [Change::Move { ids: ids.clone(), to: archive }, Change::Copy { ids: ids.clone(), to: archive }] {
        stage.writer.apply(change, "change".into()).wait().unwrap();
        stage.sync();
        assert!(stage.writer.reader().unwrap().waiting(None).unwrap().is_empty());
    }
    assert_eq!(stage.files("new"), [stuck]);
    let left = stage.ids(inbox);
    assert!(left.len() == 1 && ids.contains(&left[0]), "it kept its row: {left:?} of {ids:?}");
}

#[test]
fn undo_takes_back_whichever_was_last_a_change_or_a_sending() {
    let mut stage = Stage::new(1);
    let target = stage.folder.path().join("bob");
    stage.config.accounts[0].outgoing = postrider::config::Outgoing::Deliver(vec![("bob@x.example".into(), target.clone())]);
    stage.sync();
    let message = stage.ids(stage.mailbox("local/Inbox"))[0];
    let mut handle = start(&stage.config, stage.writer.clone(), stage.options()).unwrap();
    let ask = |handle: &Handle, request| handle.requests.try_send(request).unwrap();
    ask(&handle, Request::Compose(postrider::mail::Start::New { account: None, to: vec!["bob@x.example".into()], files: vec![] }));
    let (id, mut draft) = wait_for(&mut handle, |event| match event {
        WorkerEvent::DraftOpened { id, draft, .. } => Some((*id, draft.clone())),
        _ => None,
    });
    draft.subject = "Plan".into();
    ask(&handle, Request::Send { id, draft, not_before: None });
    let item = wait_for(&mut handle, |event| match event {
        WorkerEvent::Queued { item, .. } => Some(item.clone()),
        _ => None,
    });
    assert_eq!((item.stage, item.subject.as_str()), (postrider::mail::Stage::Held, "Plan"));
    // told once the order of doings is known here
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Outbox { items } if items.len() == 1).then_some(()));
    let change = Change::Flags { ids: vec![message], add: Flags::bits(FlagBits::FLAGGED), remove: Flags::default() };
    ask(&handle, Request::Apply { change, label: "Starred".into() });
    ask(&handle, Request::Undo { steps: 1 });
    let is_undone = |event: &WorkerEvent| match event {
        WorkerEvent::Applied { kind: postrider::worker::AppliedKind::Undone, label, .. } => Some(label.clone()),
        _ => None,
    };
    assert_eq!(wait_for(&mut handle, is_undone), "Starred");
    ask(&handle, Request::Undo { steps: 1 });
    let (id, draft, opening) = wait_for(&mut handle, |event| match event {
        WorkerEvent::DraftOpened { id, draft, opening } => Some((*id, draft.clone(), opening.clone())),
        _ => None,
    });
    assert_eq!((draft.subject.as_str(), opening), ("Plan", postrider::worker::Opening::Unsent));
    ask(&handle, Request::Send { id, draft, not_before: Some(0) });
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Queued { .. }).then_some(()));
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Outbox { items } if items.is_empty()).then_some(()));
    assert_eq!(std::fs::read_dir(target.join("new")).unwrap().count(), 1);
    ask(&handle, Request::Undo { steps: 1 });
    let why = wait_for(&mut handle, |event| match event {
        WorkerEvent::Failed { what, .. } => Some(what.clone()),
        _ => None,
    });
    assert!(why.contains("Plan") && why.contains("can't be taken back"), "{why}");
    handle.join();
}

/// A name of this machine stands for all that only we can reach.
#[test]
fn a_picture_of_our_own_network_is_not_fetched_and_offline_none_is() {
    let stage = Stage::new(1);
    stage.sync();
    let id = stage.ids(stage.mailbox("local/Inbox"))[0];
    let fetch = || Request::FetchPictures { id, urls: vec!["https://localhost/x.png".to_owned()] };
    let mut handle = start(&stage.config, stage.writer.clone(), stage.options()).unwrap();
    handle.requests.try_send(fetch()).unwrap();
    let why = wait_for(&mut handle, |event| match event {
        WorkerEvent::Job(Job { state: JobState::Failed(why), .. }) => Some(why.clone()),
        WorkerEvent::Fetched { .. } => panic!("it was fetched"),
        _ => None,
    });
    assert!(why.contains("no public address"), "{why}");
    handle.join();
    let mut handle = start(&stage.config, stage.writer.clone(), Options { offline: true, ..stage.options() }).unwrap();
    handle.requests.try_send(fetch()).unwrap();
    let why = wait_for(&mut handle, |event| match event {
        WorkerEvent::Failed { what, why, .. } if what.contains("pictures") => Some(why.clone()),
        WorkerEvent::Job(job) => panic!("{job:?}"),
        _ => None,
    });
    assert!(why.contains("--offline"), "{why}");
    handle.join();
}
