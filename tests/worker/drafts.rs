//! Writing through the worker, over a real Maildir: a draft is kept as it is typed, left, continued, discarded and
//! taken back, sent to the outbox, and recovered.

use std::path::Path;

use postrider::mail::draft::{Cursor, Field, ReplyTo};
use postrider::mail::{Draft, DraftId, MessageId, OutItem, Start};
use postrider::store::Own;
use postrider::worker::{Handle, Opening, Request, WorkerEvent, start};

use super::{Stage, wait_for};

const OTHERS_DRAFT: &str = "From: Ada <ada@example.org>\r\nTo: Bob <bob@x.example>\r\nSubject: Plan for Friday\r\nMessage-ID: <theirs@example.org>\r\n\
     X-Mailer: another\r\nDate: Fri, 20 Nov 2026 12:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nHello Bob,\r\n\r\nhalf a sen\r\n";

/// The worker on a stage.
fn open(stage: &Stage) -> Handle {
    start(&stage.config, stage.writer.clone(), stage.options()).unwrap()
}

impl Stage {
    fn make(&self, name: &str) {
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(self.folder.path().join("mail").join(name).join(part)).unwrap();
        }
    }

    fn with_drafts() -> Self {
        let stage = Self::new(1);
        stage.make(".Drafts");
        stage.sync();
        stage
    }

    /// One that could send; nothing ever becomes due, for its clock stands still.
    fn with_a_way_out() -> Self {
        let mut stage = Self::with_drafts();
        stage.config.accounts[0].outgoing = postrider::config::Outgoing::Deliver(Vec::new());
        stage
    }

    fn own(&self) -> Own {
        Own::open(self.writer.paths()).unwrap().unwrap()
    }

    /// The texts of the files in a mailbox.
    fn texts(&self, name: &str) -> Vec<String> {
        let read = |part: &str| {
            let folder = self.folder.path().join("mail").join(name).join(part);
            let files = std::fs::read_dir(&folder).into_iter().flatten();
            files.map(|file| String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned()).collect::<Vec<_>>()
        };
        [read("cur"), read("new")].concat()
    }
}

fn ask(handle: &Handle, request: Request) {
    handle.requests.try_send(request).unwrap();
}

fn opened(handle: &mut Handle) -> (DraftId, Draft, Opening) {
    wait_for(handle, |event| match event {
        WorkerEvent::DraftOpened { id, draft, opening } => Some((*id, (**draft).clone(), opening.clone())),
        WorkerEvent::Failed { what, why, .. } => panic!("{what}: {why}"),
        _ => None,
    })
}

fn compose(handle: &mut Handle, start: Start) -> (DraftId, Draft, Opening) {
    ask(handle, Request::Compose(start));
    opened(handle)
}

fn new_message(handle: &mut Handle) -> (DraftId, Draft) {
    let (id, draft, opening) = compose(handle, Start::New { account: None, to: vec!["bob@x.example".into()], files: Vec::new() });
    assert_eq!(opening, Opening::Asked { note: None });
    (id, draft)
}

/// Until what was asked is done and files are written; `requests`: how many were asked so far.
fn settle(handle: &mut Handle, requests: u64) {
    wait_for(handle, |event| matches!(event, WorkerEvent::Settled { handled } if *handled >= requests).then_some(()));
}

fn only_draft(stage: &Stage) -> MessageId {
    let ids = stage.ids(stage.mailbox("local/Drafts"));
    assert_eq!(ids.len(), 1, "{ids:?}");
    ids[0]
}

fn typed(draft: &Draft, text: &str) -> Draft {
    Draft {
        subject: "Plan for Friday".into(),
        text: text.into(),
        cursor: Cursor { field: Field::Text, row: 1, column: 2 },
        ..draft.clone()
    }
}

#[test]
fn what_is_typed_is_on_the_disk_when_it_is_said_to_be() {
    let stage = Stage::with_drafts();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    assert!(draft.rfc_message_id.ends_with("@example.org"), "{}", draft.rfc_message_id);
    for serial in 1..=3 {
        let draft = typed(&draft, &format!("line {serial}\n"));
        ask(&handle, Request::SaveDraft { id, serial, draft: Box::new(draft.clone()) });
        wait_for(&mut handle, |event| (*event == WorkerEvent::DraftSaved { id, serial }).then_some(()));
        // another connection reads it: no memory of the writer's is asked
        assert_eq!(stage.own().draft(id).unwrap().unwrap().draft, draft);
    }
    handle.join();
}

#[test]
fn a_draft_that_is_left_is_in_its_mailbox_and_comes_back_as_it_was() {
    let stage = Stage::with_drafts();
    let file = stage.folder.path().join("plan.pdf");
    std::fs::write(&file, b"%PDF-1").unwrap();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::Attach { draft: id, path: file.clone() });
    let attachment = wait_for(&mut handle, |event| match event {
        WorkerEvent::Attached { draft, result } if *draft == id => Some(result.clone().unwrap()),
        _ => None,
    });
    std::fs::write(&file, b"changed since").unwrap();
    let draft = Draft { bcc: "secret@x.example".into(), attachments: vec![attachment], ..typed(&draft, "Hello Bob,\n\nthe plan\n") };
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(draft.clone()) });
    wait_for(&mut handle, |event| (*event == WorkerEvent::DraftLeft { id }).then_some(()));
    settle(&mut handle, 3);
    let files = stage.files(".Drafts/cur");
    assert!(files.len() == 1 && files[0].ends_with(":2,DS"), "{files:?}");
    assert_eq!(stage.own().draft_count().unwrap(), 0);

    let (again, back, _) = compose(&mut handle, Start::Continue { id: only_draft(&stage) });
    assert_ne!(again, id);
    let same = Draft { attachments: back.attachments.clone(), ..draft.clone() };
    assert_eq!(back, same);
    assert_eq!(stage.own().files(&back).unwrap(), [b"%PDF-1".to_vec()]);
    // asked for again while it is open: the same composer
    assert_eq!(compose(&mut handle, Start::Continue { id: only_draft(&stage) }).0, again);
    handle.join();
}

#[test]
fn leaving_again_replaces_the_copy_and_leaving_untouched_changes_nothing() {
    let stage = Stage::with_drafts();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(typed(&draft, "first\n")) });
    settle(&mut handle, 2);
    let before = stage.files(".Drafts/cur");
    let (id, back, _) = compose(&mut handle, Start::Continue { id: only_draft(&stage) });
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(back) });
    settle(&mut handle, 4);
    assert_eq!(stage.files(".Drafts/cur"), before);
    let (id, back, _) = compose(&mut handle, Start::Continue { id: only_draft(&stage) });
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(Draft { text: "second\n".into(), ..back }) });
    settle(&mut handle, 6);
    let texts = stage.texts(".Drafts");
    assert!(texts.len() == 1 && texts[0].contains("second"), "{texts:?}");
    assert_eq!(stage.own().draft_count().unwrap(), 0);
    handle.join();
}

#[test]
fn a_draft_that_is_left_with_the_last_key_is_in_its_mailbox_when_the_program_ends() {
    let stage = Stage::with_drafts();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(typed(&draft, "the end\n")) });
    handle.join();
    only_draft(&stage);
    assert_eq!(stage.own().draft_count().unwrap(), 0);
}

#[test]
fn a_draft_of_another_program_is_continued_and_replaced() {
    let stage = Stage::new(0);
    stage.make(".Drafts");
    std::fs::write(stage.folder.path().join("mail/.Drafts/cur/1700000000.7.host:2,DS"), OTHERS_DRAFT).unwrap();
    stage.sync();
    let mut handle = open(&stage);
    let (id, draft, _) = compose(&mut handle, Start::Continue { id: only_draft(&stage) });
    assert_eq!((draft.account.as_str(), draft.subject.as_str(), draft.to.as_str()), ("local", "Plan for Friday", "Bob <bob@x.example>"));
    assert!(draft.text.ends_with("half a sen\n"), "{:?}", draft.text);
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(Draft { text: "Hello Bob,\n\nhalf a sentence.\n".into(), ..draft }) });
    settle(&mut handle, 2);
    let texts = stage.texts(".Drafts");
    assert!(texts.len() == 1 && texts[0].contains("half a sentence."), "{texts:?}");
    handle.join();
}

#[test]
fn a_discarded_draft_is_opened_again_by_undo_in_its_order() {
    let stage = Stage::with_drafts();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    let (inbox, archive) = (stage.mailbox("local/Inbox"), stage.mailbox("local/Archive"));
    let message = stage.ids(inbox)[0];
    let change = postrider::mail::Change::Move { ids: vec![message], to: archive };
    ask(&handle, Request::Apply { change: change.clone(), label: "Archived".into() });
    let draft = typed(&draft, "last words\n");
    ask(&handle, Request::DiscardDraft { id, draft: Box::new(draft.clone()) });
    wait_for(&mut handle, |event| (*event == WorkerEvent::DraftLeft { id }).then_some(()));
    ask(&handle, Request::Undo { steps: 1 });
    assert_eq!(opened(&mut handle), (id, draft.clone(), Opening::Asked { note: None }));
    ask(&handle, Request::Undo { steps: 1 });
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Applied { label, .. } if label == "Archived").then_some(()));
    settle(&mut handle, 5);
    assert_eq!((stage.ids(inbox).len(), stage.files(".Drafts/cur").len()), (1, 0));
    // closed as it came back: what was written before is kept
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(draft) });
    settle(&mut handle, 6);
    assert!(stage.texts(".Drafts").concat().contains("last words"));
    handle.join();
}

#[test]
fn nothing_written_leaves_nothing_behind() {
    let mut stage = Stage::with_drafts();
    stage.config.accounts[0].signature = Some("Ada\nHarbor Ltd".into());
    let mut handle = open(&stage);
    let (id, draft, _) = compose(&mut handle, Start::New { account: None, to: Vec::new(), files: Vec::new() });
    assert!(draft.text.contains("-- \nAda\nHarbor Ltd\n"), "{:?}", draft.text);
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(draft) });
    settle(&mut handle, 2);
    // an answer that was only looked at
    let message = stage.ids(stage.mailbox("local/Inbox"))[0];
    let (id, draft, _) = compose(&mut handle, Start::Reply { id: message, to: ReplyTo::Sender });
    let looked_at = Draft { to: format!("{}, ", draft.to), cursor: Cursor::default(), ..draft };
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(looked_at) });
    settle(&mut handle, 4);
    // written, and all of it taken out again
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::SaveDraft { id, serial: 1, draft: Box::new(typed(&draft, "no\n")) });
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(Draft { to: String::new(), ..draft }) });
    settle(&mut handle, 7);
    assert_eq!((stage.own().draft_count().unwrap(), stage.files(".Drafts/cur").len()), (0, 0));
    handle.join();
}

#[test]
fn what_a_run_that_died_was_writing_is_in_the_drafts_at_the_next_start() {
    let mut stage = Stage::with_drafts();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::SaveDraft { id, serial: 1, draft: Box::new(typed(&draft, "not finished\n")) });
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::DraftSaved { .. }).then_some(()));
    // of an account that is not configured any more
    let (other, gone) = new_message(&mut handle);
    let gone = Draft { account: "removed".into(), ..typed(&gone, "of another account\n") };
    ask(&handle, Request::SaveDraft { id: other, serial: 2, draft: Box::new(gone) });
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::DraftSaved { serial: 2, .. }).then_some(()));

    // a second process beside the living one takes nothing
    let beside = Stage::beside(&stage);
    let mut second = start(&beside.config, beside.writer.clone(), beside.options()).unwrap();
    settle(&mut second, 0);
    assert_eq!((stage.own().draft_count().unwrap(), stage.files(".Drafts/cur").len()), (2, 0));
    second.join();
    drop(beside);

    handle.join();
    stage.restart();
    let mut handle = open(&stage);
    let subjects = wait_for(&mut handle, |event| match event {
        WorkerEvent::DraftsRecovered { subjects } => Some(subjects.clone()),
        _ => None,
    });
    assert_eq!(subjects, ["Plan for Friday", "Plan for Friday"]);
    settle(&mut handle, 0);
    let texts = stage.texts(".Drafts").concat();
    assert!(texts.contains("not finished") && texts.contains("of another account"), "{texts}");
    assert_eq!(stage.own().draft_count().unwrap(), 0);
    handle.join();
}

#[test]
fn a_draft_left_offline_is_shown_and_continued_and_outlives_the_copy_of_the_mail() {
    let mut stage = Stage::with_drafts();
    let offline = |stage: &Stage| {
        start(&stage.config, stage.writer.clone(), postrider::worker::Options { offline: true, ..stage.options() }).unwrap()
    };
    let mut handle = offline(&stage);
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(typed(&draft, "first\n")) });
    settle(&mut handle, 2);
    let left = only_draft(&stage);
    let (id, back, _) = compose(&mut handle, Start::Continue { id: left });
    assert_eq!(back.text, "first\n");
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(Draft { text: "second\n".into(), ..back }) });
    settle(&mut handle, 4);
    only_draft(&stage);
    assert!(stage.files(".Drafts/cur").is_empty(), "it is offline");
    handle.join();
    let data = stage.folder.path().join("data");
    stage.writer.stop();
    for name in ["mail.db", "mail.db-wal", "mail.db-shm"] {
        let _ = std::fs::remove_file(data.join(name));
    }
    stage.restart();
    let mut handle = open(&stage);
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Settled { .. }).then_some(()));
    let texts = stage.texts(".Drafts");
    assert!(texts.len() == 1 && texts[0].contains("second"), "{texts:?}");
    handle.join();
}

#[test]
fn a_drafts_mailbox_is_made_where_there_is_none() {
    let stage = Stage::new(1);
    stage.sync();
    assert!(stage.writer.reader().unwrap().find_mailbox("local/Drafts").unwrap().is_none());
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(typed(&draft, "first of all\n")) });
    settle(&mut handle, 2);
    assert!(stage.texts(".Drafts").concat().contains("first of all"));
    only_draft(&stage);
    handle.join();
}

#[test]
fn a_reply_quotes_the_original_and_says_so_where_it_is_not_here() {
    let stage = Stage::with_drafts();
    let id = stage.ids(stage.mailbox("local/Inbox"))[0];
    let mut handle = open(&stage);
    let reply = Start::Reply { id, to: ReplyTo::Sender };
    let (_, draft, opening) = compose(&mut handle, reply.clone());
    assert!(draft.text.contains("> Body 0.") && draft.subject == "Re: number 0", "{draft:?}");
    assert_eq!((draft.in_reply_to.as_deref(), opening), (Some("0@x"), Opening::Asked { note: None }));
    let (_, draft, _) = compose(&mut handle, Start::Forward { ids: vec![id], whole: true });
    assert_eq!(draft.attachments[0].content_type, "message/rfc822");
    assert!(String::from_utf8_lossy(&stage.own().files(&draft).unwrap()[0]).contains("Body 0."));
    handle.join();

    let mut handle = start(&stage.config, stage.writer.clone(), postrider::worker::Options { offline: true, ..stage.options() }).unwrap();
    let (_, draft, opening) = compose(&mut handle, reply);
    let Opening::Asked { note: Some(note) } = opening else { panic!("{opening:?}") };
    assert!(note.contains("not here") && !draft.text.contains('>'), "{note} {:?}", draft.text);
    assert_eq!((draft.subject.as_str(), draft.in_reply_to.as_deref()), ("Re: number 0", Some("0@x")));
    ask(&handle, Request::Compose(Start::Forward { ids: vec![id], whole: true }));
    wait_for(&mut handle, |event| matches!(event, WorkerEvent::Failed { what, .. } if what.contains("forwarded")).then_some(()));
    handle.join();
}

#[test]
fn a_link_fills_the_message_in_and_attaches_nothing() {
    let stage = Stage::with_drafts();
    let mut handle = open(&stage);
    let link = "mailto:bob@x.example?subject=Plan&body=Hello%0D%0ABob&attach=/etc/passwd";
    let (_, draft, opening) = compose(&mut handle, Start::Mailto(link.into()));
    assert_eq!((draft.to.as_str(), draft.subject.as_str()), ("bob@x.example", "Plan"));
    assert!(draft.text.starts_with("Hello\nBob") && draft.attachments.is_empty(), "{:?}", draft.text);
    assert!(matches!(opening, Opening::Asked { note: Some(note) } if note.contains("refused")));
    handle.join();
}

#[test]
fn what_can_not_be_attached_is_told_and_the_message_opens_all_the_same() {
    let stage = Stage::with_drafts();
    let mut handle = open(&stage);
    let missing = Path::new("/nowhere/plan.pdf").to_owned();
    let (id, draft, opening) = compose(&mut handle, Start::New { account: None, to: Vec::new(), files: vec![missing.clone()] });
    assert!(draft.attachments.is_empty());
    assert!(matches!(opening, Opening::Asked { note: Some(note) } if note.contains("/nowhere/plan.pdf is not there")));
    ask(&handle, Request::Attach { draft: id, path: missing });
    let result = wait_for(&mut handle, |event| match event {
        WorkerEvent::Attached { result, .. } => Some(result.clone()),
        _ => None,
    });
    assert_eq!(result.unwrap_err(), "/nowhere/plan.pdf is not there");
    handle.join();
}

/// Sends and waits for the answer.
fn send(handle: &mut Handle, id: DraftId, draft: &Draft, not_before: Option<i64>) -> Result<OutItem, String> {
    ask(handle, Request::Send { id, draft: Box::new(draft.clone()), not_before });
    wait_for(handle, |event| match event {
        WorkerEvent::Queued { draft, item } if *draft == id => Some(Ok(item.clone())),
        WorkerEvent::DraftFailed { draft, why } if *draft == id => Some(Err(why.clone())),
        _ => None,
    })
}

#[test]
fn sending_queues_the_message_and_undo_gives_the_draft_back() {
    let stage = Stage::with_a_way_out();
    let file = stage.folder.path().join("plan.txt");
    std::fs::write(&file, b"plan").unwrap();
    let mut handle = open(&stage);
    let (id, draft, _) = compose(&mut handle, Start::New { account: None, to: vec!["bob@x.example".into()], files: vec![file] });
    let draft = Draft { bcc: "eve@x.example".into(), ..typed(&draft, "Hello\n") };
    let item = send(&mut handle, id, &draft, None).unwrap();
    assert_eq!((item.not_before, item.recipients.len(), item.has_draft), (1_800_000_010, 2, true));
    assert_eq!(stage.own().draft_count().unwrap(), 0);
    let queued = stage.own().out_message(item.id).unwrap().unwrap();
    let text = String::from_utf8_lossy(&queued.bytes).into_owned();
    assert!(text.contains("Subject: Plan for Friday\r\n") && !text.contains("eve@x.example"), "{text}");
    ask(&handle, Request::Undo { steps: 1 });
    let (back, given, opening) = opened(&mut handle);
    assert_eq!((given, opening), (draft.clone(), Opening::Unsent));
    assert_eq!(stage.own().files(&draft).unwrap(), [b"plan".to_vec()]);
    let later = send(&mut handle, back, &draft, Some(1_800_100_000)).unwrap();
    assert_eq!(later.not_before, 1_800_100_000);
    handle.join();
}

#[test]
fn a_draft_that_waits_to_be_sent_is_not_opened_a_second_time() {
    let stage = Stage::with_a_way_out();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    ask(&handle, Request::LeaveDraft { id, draft: Box::new(typed(&draft, "Hello\n")) });
    settle(&mut handle, 2);
    let kept = only_draft(&stage);
    let (id, draft, _) = compose(&mut handle, Start::Continue { id: kept });
    send(&mut handle, id, &draft, Some(1_800_100_000)).unwrap();
    ask(&handle, Request::Compose(Start::Continue { id: kept }));
    let why = wait_for(&mut handle, |event| match event {
        WorkerEvent::Failed { why, .. } => Some(why.clone()),
        WorkerEvent::DraftOpened { .. } => Some("it was opened".to_owned()),
        _ => None,
    });
    assert!(why.contains("in the outbox"), "{why}");
    ask(&handle, Request::Undo { steps: 1 });
    assert_eq!(opened(&mut handle).2, Opening::Unsent);
    handle.join();
}

#[test]
fn what_can_not_be_sent_stays_in_its_composer_and_is_saved() {
    let stage = Stage::with_a_way_out();
    let mut handle = open(&stage);
    let (id, draft) = new_message(&mut handle);
    for (to, why) in [("", "no recipient"), ("not an address", "To")] {
        let draft = Draft { to: to.into(), ..typed(&draft, "Hello\n") };
        let told = send(&mut handle, id, &draft, None).unwrap_err();
        assert!(told.contains(why), "{told}");
        assert_eq!(stage.own().draft(id).unwrap().unwrap().draft, draft);
    }
    let elsewhere = Draft { account: "gone".into(), ..typed(&draft, "Hello\n") };
    assert!(send(&mut handle, id, &elsewhere, None).unwrap_err().contains("no way to send"));
    // it is due only after the undo time
    let item = send(&mut handle, id, &typed(&draft, "Hello\n"), None).unwrap();
    let again = send(&mut handle, id, &typed(&draft, "Hello\n"), None).unwrap_err();
    assert!(again.contains("was sent"), "{again}");
    assert_eq!(stage.own().outbox().unwrap().iter().map(|one| one.id).collect::<Vec<_>>(), [item.id]);
    handle.join();
}

#[test]
fn addresses_are_completed_from_mail() {
    let stage = Stage::with_drafts();
    let mut handle = open(&stage);
    ask(&handle, Request::CompleteAddress { serial: 7, prefix: "AD".into() });
    let found = wait_for(&mut handle, |event| match event {
        WorkerEvent::Completed { serial: 7, found } => Some(found.clone()),
        _ => None,
    });
    assert_eq!(found.iter().map(|contact| contact.address.address.as_str()).collect::<Vec<_>>(), ["ada@example.org"]);
    handle.join();
}

/// Where the process to be killed keeps its files; without it the test is the one that kills.
const VICTIM: &str = "POSTRIDER_TEST_VICTIM";

/// Types without end and says what is saved.
fn type_until_killed(folder: &Path) {
    let config = Stage::config(folder);
    let writer = postrider::store::open(&postrider::store::Paths::in_folder(&folder.join("data"))).unwrap();
    let mut handle = start(&config, writer, Stage::options_of()).unwrap();
    let (id, draft) = new_message(&mut handle);
    for serial in 1.. {
        let draft = Draft { text: "a key ".repeat(usize::try_from(serial).unwrap()), ..draft.clone() };
        ask(&handle, Request::SaveDraft { id, serial, draft: Box::new(draft) });
        wait_for(&mut handle, |event| (*event == WorkerEvent::DraftSaved { id, serial }).then_some(()));
        println!("saved {serial}");
    }
}

/// `POSTRIDER_SEEDS` says how many kills.
#[test]
fn what_is_said_to_be_saved_survives_a_kill() {
    use std::io::BufRead;
    if let Some(folder) = std::env::var_os(VICTIM) {
        return type_until_killed(Path::new(&folder));
    }
    let mut seed = 0x2545_f491_u64;
    let kills: u64 = std::env::var("POSTRIDER_SEEDS").ok().and_then(|value| value.parse().ok()).unwrap_or(20);
    for round in 0..kills {
        let stage = Stage::new(0);
        let folder = stage.folder.path().to_owned();
        stage.writer.stop();
        let mut victim = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "drafts::what_is_said_to_be_saved_survives_a_kill", "--nocapture"])
            .env(VICTIM, &folder)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let patience = seed % 40 + 1;
        let lines = std::io::BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut told = lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("saved ")?.parse::<usize>().ok());
        let told = told.find(|serial| *serial as u64 >= patience).expect("it saves");
        victim.kill().unwrap();
        victim.wait().unwrap();
        let writer = postrider::store::open(stage.writer.paths()).unwrap();
        let recovered = writer.recover_drafts().wait().unwrap();
        let keys = recovered[0].draft.text.matches("a key ").count();
        assert!(keys >= told, "round {round}: {keys} keys of {told} that were said to be saved");
        writer.stop();
    }
    println!("figure: {kills} kills right after a draft was said to be saved: it was");
}
