//! The worker as the reader uses it: requests in, events out, over a real Maildir.

use std::sync::Arc;
use std::time::Duration;

use postrider::config::{Account, Config, Incoming};
use postrider::events::EventLog;
use postrider::mail::page::View;
use postrider::mail::{Change, FlagBits, Flags, Listing, MailboxId, MessageId};
use postrider::store::{self, Paths, Writer};
use postrider::worker::{Handle, Options, Request, SyncOptions, WorkerEvent, start, sync_once};

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
        let account = Account {
            name: "local".into(),
            address: "ada@example.org".into(),
            display_name: "Ada".into(),
            signature: None,
            authserv_id: None,
            incoming: Incoming::Maildir(root),
            mailboxes: Default::default(),
        };
        let config = Config { accounts: vec![account], ..Config::default() };
        let writer = store::open(&Paths::in_folder(&folder.path().join("data"))).unwrap();
        Self { folder, config, writer }
    }

    fn options(&self) -> Options {
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
