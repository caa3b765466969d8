//! Writing: what the keys ask of the worker, what its answers do, and that nothing typed is only here for long.

use std::time::Duration;

use postrider::mail::draft::{AnswerKind, Answered, Cursor, Field, ReplyTo};
use postrider::mail::{Address, Attachment, Contact, Draft, DraftId, FileId, OutItem, OutboxId, Stage, Start};
use postrider::ui::action::Context;
use postrider::ui::event::{Effect, Event, Leave};
use postrider::ui::input::Input;
use postrider::worker::{Opening, Request, WorkerEvent};

use proptest::prelude::*;

use crate::app::{App, NOW, mail};

pub fn draft() -> Draft {
    Draft { account: "work".into(), from: Address::new("Ada", "ada@work.example"), ..Draft::default() }
}

pub fn reply() -> Draft {
    Draft {
        to: "Priya <priya@sender.example>, ".into(),
        subject: "Re: Racks".into(),
        text: "\n\nOn Friday, Priya wrote:\n> Can we do it?\n".into(),
        answers: vec![Answered { rfc_message_id: "m1@test.example".into(), kind: AnswerKind::Reply }],
        cursor: Cursor { field: Field::Text, row: 0, column: 0 },
        ..draft()
    }
}

pub fn open(app: &mut App, id: i64, draft: Draft) {
    open_as(app, id, draft, Opening::Asked { note: None });
}

pub fn open_as(app: &mut App, id: i64, draft: Draft, opening: Opening) {
    tell(app, WorkerEvent::DraftOpened { id: DraftId(id), draft: Box::new(draft), opening });
}

pub fn tell(app: &mut App, event: WorkerEvent) {
    app.event(Event::Worker(event));
    app.settle();
}

/// An app with one empty draft on screen.
pub fn composing(size: (u16, u16)) -> App {
    let mut app = App::new(size, vec![mail("Priya Raman", "Racks"), mail("Noor", "Travel")]);
    app.keys("c");
    open(&mut app, 1, draft());
    app
}

/// An app with a reply on screen, the cursor in its text.
pub fn replying(size: (u16, u16)) -> App {
    let mut app = App::new(size, vec![mail("Priya Raman", "Racks")]);
    app.keys("r");
    open(&mut app, 1, reply());
    app
}

/// The drafts that were given to be saved, with their serials.
pub fn saves(app: &App) -> Vec<(u64, Draft)> {
    let save = |request: &Request| match request {
        Request::SaveDraft { serial, draft, .. } => Some((*serial, (**draft).clone())),
        _ => None,
    };
    app.requests.iter().filter_map(save).collect()
}

pub fn last_saved(app: &App) -> Draft {
    saves(app).pop().expect("a draft was saved").1
}

fn starts(app: &App) -> Vec<Start> {
    let start = |request: &Request| match request {
        Request::Compose(start) => Some(start.clone()),
        _ => None,
    };
    app.requests.iter().filter_map(start).collect()
}

pub fn sends(app: &App) -> Vec<(Draft, Option<i64>)> {
    let send = |request: &Request| match request {
        Request::Send { draft, not_before, .. } => Some(((**draft).clone(), *not_before)),
        _ => None,
    };
    app.requests.iter().filter_map(send).collect()
}

pub fn notice(app: &App) -> String {
    app.model.status.notice.as_ref().map_or_else(String::new, |notice| notice.text.as_str().to_owned())
}

pub fn item(id: i64, stage: Stage, subject: &str) -> OutItem {
    OutItem {
        id: OutboxId(id),
        account: "work".into(),
        stage,
        subject: subject.into(),
        recipients: vec![],
        not_before: NOW + 10,
        attempts: 0,
        error: None,
        has_draft: true,
        continues: None,
    }
}

fn contact(name: &str, address: &str, sent: u32) -> Contact {
    Contact { address: Address::new(name, address), sent, seen: 1, last: NOW }
}

#[test]
fn the_writing_keys_ask_for_a_composer() {
    let mut app = App::new((120, 40), vec![mail("Priya Raman", "Racks"), mail("Noor", "Travel")]);
    let first = app.model.list.cursor().unwrap();
    app.keys("c r a L f F");
    assert_eq!(
        starts(&app),
        [
            Start::New { account: Some("work".into()), to: vec![], files: vec![] },
            Start::Reply { id: first, to: ReplyTo::Sender },
            Start::Reply { id: first, to: ReplyTo::All },
            Start::Reply { id: first, to: ReplyTo::List },
            Start::Forward { ids: vec![first], whole: false },
            Start::Forward { ids: vec![first], whole: true },
        ]
    );
}

#[test]
fn marked_messages_are_forwarded_together() {
    let mut app = App::new((120, 40), vec![mail("Priya Raman", "Racks"), mail("Noor", "Travel"), mail("Chen", "Lunch")]);
    let ids: Vec<_> = app.model.list.rows.iter().map(|row| row.id).collect();
    app.keys("x x f");
    assert_eq!(starts(&app), [Start::Forward { ids: ids[..2].to_vec(), whole: false }]);
    assert!(app.model.list.marks.is_empty());
}

#[test]
fn enter_goes_on_with_a_draft_of_the_drafts_folder_and_opens_messages_elsewhere() {
    let mut app = App::new((120, 40), vec![mail("Priya Raman", "Racks")]);
    let id = app.model.list.cursor().unwrap();
    app.keys("enter");
    assert!(app.model.reading && starts(&app).is_empty());
    app.keys("q");
    let drafts = app.mailbox("Drafts").id;
    app.writer.apply(postrider::mail::Change::Move { ids: vec![id], to: drafts }, String::new()).wait().unwrap();
    app.keys("g d enter");
    assert_eq!(starts(&app), [Start::Continue { id }]);
}

#[test]
fn the_command_line_takes_addresses_and_mailto_links() {
    let mut app = App::new((120, 40), vec![mail("Priya Raman", "Racks")]);
    app.keys(":");
    app.text("compose ada@x.org");
    app.keys("enter :");
    app.text("compose mailto:bob@x.org?subject=Hi");
    app.keys("enter");
    assert_eq!(
        starts(&app),
        [
            Start::New { account: Some("work".into()), to: vec!["ada@x.org".into()], files: vec![] },
            Start::Mailto("mailto:bob@x.org?subject=Hi".into()),
        ]
    );
}

#[test]
fn a_mailto_link_of_a_message_opens_a_composer_and_no_browser() {
    let mut app = App::new((120, 40), vec![mail("Priya Raman", "Racks")]);
    let mut page = (**app.model.preview.current().expect("a page")).clone();
    page.links[0].url = "MAILTO:bob@x.org?subject=Hi".into();
    let (id, view) = (page.id, page.view);
    tell(&mut app, WorkerEvent::Rendered { id, view, page: Ok(std::sync::Arc::new(page)) });
    app.keys("enter o 1 enter");
    assert_eq!(starts(&app), [Start::Mailto("MAILTO:bob@x.org?subject=Hi".into())]);
    assert!(!app.requests.iter().any(|request| matches!(request, Request::Open { .. })));
}

#[test]
fn letters_are_text_and_not_verbs() {
    let mut app = composing((80, 24));
    assert_eq!(app.model.context(), Context::Compose);
    app.text("q");
    app.keys("tab");
    app.text("Archive? e d u Q 5j");
    app.keys("tab");
    app.text("/g?:");
    app.keys("ctrl-s");
    let saved = last_saved(&app);
    assert_eq!((saved.to.as_str(), saved.subject.as_str(), saved.text.as_str()), ("q", "Archive? e d u Q 5j", "/g?:\n"));
    assert!(app.labels().is_empty() && app.effects.is_empty());
}

#[test]
fn what_is_typed_is_saved_after_two_seconds_or_ten_keys_or_on_leaving_the_field() {
    let mut app = replying((80, 24));
    app.burst("a b");
    assert!(saves(&app).is_empty());
    app.pass(Duration::from_millis(1900));
    assert!(saves(&app).is_empty());
    app.pass(Duration::from_millis(200));
    assert_eq!(saves(&app).len(), 1);
    app.pass(Duration::from_secs(60));
    assert_eq!(saves(&app).len(), 1, "nothing new is saved again");
    app.burst(&"x ".repeat(9));
    assert_eq!(saves(&app).len(), 1);
    app.burst("x");
    assert_eq!(saves(&app).len(), 2);
    app.burst("y shift-tab");
    assert_eq!(saves(&app).len(), 3);
    app.burst("z");
    app.event(Event::Input(Input::Focus(false)));
    assert_eq!(saves(&app).len(), 4);
    app.burst("z");
    app.event(Event::Ending);
    assert_eq!(saves(&app).len(), 5, "the system ends us");
}

#[test]
fn saved_is_said_only_when_it_is_on_the_disk() {
    let mut app = replying((80, 24));
    app.keys("h i ctrl-s");
    assert!(notice(&app).is_empty() && !app.screen().contains("saved"), "{}", app.screen());
    let serial = saves(&app)[0].0;
    tell(&mut app, WorkerEvent::DraftSaved { id: DraftId(1), serial });
    assert_eq!(notice(&app), "Draft saved");
    assert!(app.screen().lines().next().unwrap().ends_with("saved"));
    app.keys("x");
    assert!(!app.screen().lines().next().unwrap().contains("saved"));
    tell(&mut app, WorkerEvent::DraftSaved { id: DraftId(1), serial });
    assert!(!app.screen().lines().next().unwrap().contains("saved"), "an old answer");
}

#[test]
fn a_draft_that_can_not_be_saved_says_so_and_is_tried_again() {
    let mut app = replying((80, 24));
    app.keys("h i ctrl-s");
    tell(&mut app, WorkerEvent::DraftFailed { draft: DraftId(1), why: "It is not saved: the disk is full".into() });
    let screen = app.screen();
    assert!(screen.contains("hi") && screen.matches("the disk is full").count() >= 2, "{screen}");
    let before = saves(&app).len();
    app.pass(Duration::from_secs(6));
    assert_eq!(saves(&app).len(), before + 1);
    let serial = saves(&app).last().unwrap().0;
    tell(&mut app, WorkerEvent::DraftSaved { id: DraftId(1), serial });
    app.pass(Duration::from_secs(10));
    assert!(!app.screen().contains("the disk is full"), "{}", app.screen());
}

#[test]
fn undo_takes_typing_back_by_words() {
    let mut app = composing((80, 24));
    app.keys("tab");
    app.text("Plan for Friday");
    app.keys("ctrl-z");
    assert!(app.screen().contains("Plan for") && !app.screen().contains("Friday"));
    app.keys("ctrl-_ ctrl-_ ctrl-r ctrl-r ctrl-r tab");
    app.text("one two");
    app.keys("ctrl-z ctrl-s");
    let saved = last_saved(&app);
    assert_eq!((saved.subject.as_str(), saved.text.as_str()), ("Plan for Friday", "one \n"));
    assert!(!app.effects.iter().any(|effect| matches!(effect, Effect::Suspend)));
    app.keys("ctrl-x ctrl-z");
    assert!(app.effects.iter().any(|effect| matches!(effect, Effect::Suspend)));
}

#[test]
fn addresses_are_completed_and_late_answers_dropped() {
    let mut app = composing((80, 24));
    app.text("pr");
    let asked: Vec<(u64, String)> = app
        .requests
        .iter()
        .filter_map(|request| match request {
            Request::CompleteAddress { serial, prefix } => Some((*serial, prefix.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(asked.iter().map(|(_, prefix)| prefix.as_str()).collect::<Vec<_>>(), ["p", "pr"]);
    tell(&mut app, WorkerEvent::Completed { serial: asked[0].0, found: vec![contact("Old", "old@x.org", 1)] });
    assert!(!app.screen().contains("old@x.org"), "an answer to an older question");
    let found = vec![contact("Priya Raman", "priya@harbor.example", 41), contact("Okoye, Priscilla", "pri@north.example", 2)];
    tell(&mut app, WorkerEvent::Completed { serial: asked[1].0, found });
    assert!(app.screen().contains("Priya Raman") && app.screen().contains("41 to them"), "{}", app.screen());
    app.keys("down tab");
    assert!(!app.screen().contains("41 to them"));
    app.text("bob@x.org");
    app.keys("ctrl-s");
    assert_eq!(last_saved(&app).to, "\"Okoye, Priscilla\" <pri@north.example>, bob@x.org");
}

#[test]
fn esc_keeps_the_text_and_a_whole_address_is_not_corrected() {
    let mut app = composing((80, 24));
    app.text("ada@x.org");
    let serial = |app: &App| {
        app.requests
            .iter()
            .rev()
            .find_map(|request| match request {
                Request::CompleteAddress { serial, .. } => Some(*serial),
                _ => None,
            })
            .unwrap()
    };
    let last = serial(&app);
    tell(&mut app, WorkerEvent::Completed { serial: last, found: vec![contact("", "ada@x.org.uk", 1)] });
    app.keys("tab");
    assert_eq!(app.model.composers.current().unwrap().at, Field::Subject);
    app.keys("shift-tab");
    app.text("x");
    let last = serial(&app);
    tell(&mut app, WorkerEvent::Completed { serial: last, found: vec![contact("", "ada@x.orgx.uk", 1)] });
    app.keys("esc enter ctrl-s");
    assert_eq!(last_saved(&app).to, "ada@x.orgx");
    assert!(app.model.composers.current().is_some(), "esc never closes the draft");
}

#[test]
fn typing_behind_a_whole_address_begins_another_one() {
    let mut app = App::new((80, 24), vec![mail("Priya Raman", "Racks")]);
    app.keys("r");
    open(&mut app, 1, Draft { to: "Priya <priya@sender.example>".into(), ..reply() });
    app.keys("tab");
    app.text("bob@x.org");
    app.keys("ctrl-s");
    assert_eq!(last_saved(&app).to, "Priya <priya@sender.example>, bob@x.org");
}

#[test]
fn pasted_lines_become_addresses_in_to_and_stay_lines_in_the_text() {
    let mut app = composing((80, 24));
    let paste = |app: &mut App, text: &str| {
        app.event(Event::Input(Input::Paste(text.into())));
        app.settle();
    };
    paste(&mut app, "ada@x.org\r\nbob@x.org\n");
    app.keys("tab");
    paste(&mut app, "one\ntwo\x1b[31m");
    app.keys("tab");
    paste(&mut app, "Dd q\nsecond\x07");
    app.keys("ctrl-s");
    let saved = last_saved(&app);
    assert_eq!(saved.to, "ada@x.org, bob@x.org");
    assert_eq!(saved.subject, "one two [31m");
    assert_eq!(saved.text, "Dd q\nsecond\n");
    app.keys("ctrl-z ctrl-s");
    assert_eq!(last_saved(&app).text, "", "a paste is one change");
}

#[test]
fn a_pasted_path_offers_to_be_attached_and_leaves_the_text_then() {
    let mut app = replying((80, 24));
    app.event(Event::Input(Input::Paste("/home/ada/plan.pdf".into())));
    assert_eq!(notice(&app), "C-x a attaches /home/ada/plan.pdf");
    app.keys("ctrl-x a enter");
    assert!(
        app.requests.iter().any(|request| matches!(request, Request::Attach { draft: DraftId(1), path } if path.ends_with("plan.pdf")))
    );
    app.keys("ctrl-x s");
    assert!(sends(&app).is_empty() && notice(&app).contains("still being attached"));
    let file = Attachment { file: FileId(4), name: "plan.pdf".into(), content_type: "application/pdf".into(), size: 1_200_000 };
    tell(&mut app, WorkerEvent::Attached { draft: DraftId(1), result: Ok(file) });
    assert_eq!(notice(&app), "Attached plan.pdf (1.2 MB)");
    let saved = last_saved(&app);
    assert_eq!((saved.attachments.len(), saved.text.contains("/home")), (1, false));
    assert!(app.screen().contains("@ plan.pdf 1.2 MB"), "{}", app.screen());
    app.keys("ctrl-x A");
    assert!(last_saved(&app).attachments.is_empty());
}

#[test]
fn a_path_is_completed_by_the_worker_and_late_answers_dropped() {
    let mut app = composing((80, 24));
    app.keys("ctrl-x a");
    app.text("pl");
    let asked: Vec<(u64, String, String)> = app
        .requests
        .iter()
        .filter_map(|request| match request {
            Request::CompletePath { serial, folder, prefix } => Some((*serial, folder.display().to_string(), prefix.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(asked.last().map(|(_, folder, prefix)| (folder.as_str(), prefix.as_str())), Some(("/home/ada/", "pl")));
    tell(&mut app, WorkerEvent::PathCompleted { serial: asked[0].0, found: vec!["late".into()] });
    assert!(!app.screen().contains("late"));
    let found = vec!["plan.pdf".into(), "plans/".into(), "pl\x1b[31m".into()];
    tell(&mut app, WorkerEvent::PathCompleted { serial: asked[2].0, found });
    assert!(app.screen().contains("plans/") && !app.screen().contains('\x1b'), "{}", app.screen());
    app.keys("down tab enter");
    let attached = app.requests.iter().find_map(|request| match request {
        Request::Attach { path, .. } => Some(path.display().to_string()),
        _ => None,
    });
    assert_eq!(attached.as_deref(), Some("/home/ada/plan.pdf"));
    tell(&mut app, WorkerEvent::Attached { draft: DraftId(1), result: Err("/home/ada/plan.pdf is not there".into()) });
    assert!(notice(&app).contains("Not attached"), "{}", notice(&app));
}

#[test]
fn several_drafts_are_open_and_the_list_stays_usable() {
    let mut app = composing((120, 40));
    app.text("one@x.org");
    app.keys("ctrl-x o");
    assert_eq!(app.model.context(), Context::List);
    assert!(app.screen().contains("1 draft open (C-x o)"), "it is not forgotten: {}", app.screen());
    assert_eq!(saves(&app).len(), 1, "another pane has the focus");
    app.keys("j r");
    open(&mut app, 2, reply());
    assert!(app.screen().contains("2 of 2") && app.screen().contains("Re: Racks"), "{}", app.screen());
    app.text("second");
    app.keys("ctrl-x n");
    assert!(app.screen().contains("one@x.org") && app.screen().contains("1 of 2"));
    app.keys("ctrl-x N ctrl-x q");
    assert!(app.requests.iter().any(|request| matches!(request, Request::LeaveDraft { id: DraftId(2), .. })));
    assert_eq!(app.model.context(), Context::List);
    app.keys("ctrl-x o");
    assert!(app.screen().contains("one@x.org"));
}

#[test]
fn nobody_is_taken_out_of_the_text_they_type_in() {
    let mut app = composing((120, 40));
    app.text("first@x.org");
    open(&mut app, 2, reply());
    assert!(app.screen().contains("first@x.org") && notice(&app).contains("C-x o") || notice(&app).contains("C-x n"), "{}", notice(&app));
    open_as(&mut app, 3, reply(), Opening::Refused("550 no such user".into()));
    assert!(app.screen().contains("first@x.org") && notice(&app).contains("open again (C-x n): 550 no such user"));
    open_as(&mut app, 4, draft(), Opening::Recovered);
    assert_eq!(app.model.composers.current().unwrap().id, DraftId(1));
    assert_eq!(app.model.composers.open.len(), 4);
}

#[test]
fn an_answer_that_comes_again_keeps_what_is_typed_here() {
    let mut app = replying((80, 24));
    app.text("newer");
    open(&mut app, 1, reply());
    assert!(app.screen().contains("newer"));
    assert_eq!(app.model.composers.open.len(), 1);
}

#[test]
fn closing_keeps_the_draft_and_a_failure_brings_it_back() {
    let mut app = replying((80, 24));
    app.text("words");
    app.keys("ctrl-x q");
    assert_eq!(app.model.context(), Context::List);
    let left = app.requests.iter().find_map(|request| match request {
        Request::LeaveDraft { draft, .. } => Some(draft.text.clone()),
        _ => None,
    });
    assert!(left.is_some_and(|text| text.starts_with("words")));
    tell(&mut app, WorkerEvent::DraftFailed { draft: DraftId(1), why: "It is not saved: the disk is full".into() });
    app.keys("ctrl-x o");
    assert!(app.screen().contains("words"), "{}", app.screen());
    app.keys("ctrl-x q");
    tell(&mut app, WorkerEvent::DraftLeft { id: DraftId(1) });
    tell(&mut app, WorkerEvent::DraftFailed { draft: DraftId(1), why: "late".into() });
    assert!(app.model.composers.open.is_empty());
}

#[test]
fn an_untouched_reply_is_left_as_it_came_for_the_worker_to_drop() {
    let mut app = replying((80, 24));
    app.keys("ctrl-x q");
    let left = app.requests.iter().find_map(|request| match request {
        Request::LeaveDraft { draft, .. } => Some((**draft).clone()),
        _ => None,
    });
    assert_eq!(left.map(|draft| draft.subject).as_deref(), Some("Re: Racks"));
    assert!(!app.requests.iter().any(|request| matches!(request, Request::SaveDraft { .. })));
}

#[test]
fn an_untouched_draft_of_the_drafts_folder_is_kept() {
    let mut app = App::new((120, 40), vec![mail("Priya Raman", "Racks")]);
    let id = app.model.list.cursor().unwrap();
    let drafts = app.mailbox("Drafts").id;
    app.writer.apply(postrider::mail::Change::Move { ids: vec![id], to: drafts }, String::new()).wait().unwrap();
    app.keys("g d enter");
    open(&mut app, 1, reply());
    app.keys("ctrl-x q");
    assert!(app.requests.iter().any(|request| matches!(request, Request::LeaveDraft { draft, .. } if draft.subject == "Re: Racks")));
}

#[test]
fn discarding_says_how_to_undo_and_asks_nothing() {
    let mut app = replying((80, 24));
    app.text("words");
    app.keys("ctrl-x k");
    assert!(app.requests.iter().any(|request| matches!(request, Request::DiscardDraft { id: DraftId(1), .. })));
    assert!(app.screen().contains("Thrown away: “Re: Racks”   u undo"), "{}", app.screen());
}

#[test]
fn quitting_leaves_every_draft_into_drafts() {
    let mut app = composing((120, 40));
    app.text("a@x.org");
    app.keys("ctrl-x o r");
    open(&mut app, 2, reply());
    app.text("words");
    app.keys("ctrl-x o Q");
    let left = app.requests.iter().filter(|request| matches!(request, Request::LeaveDraft { .. })).count();
    assert_eq!(left, 2);
    assert!(matches!(app.effects.last(), Some(Effect::Leave(Leave::Quit))));
}

#[test]
fn identity_signature_and_fields_change_by_key() {
    let mut app = App::with((80, 24), vec![mail("Priya Raman", "Racks")], |config| {
        config.accounts[0].signature = Some("Ada at work".into());
        config.accounts[1].signature = Some("Ada at home".into());
    });
    app.keys("c");
    open(&mut app, 1, Draft { text: "\n\n-- \nAda at work\n".into(), ..draft() });
    assert!(!app.screen().contains("From"), "not where it is the usual one");
    app.keys("ctrl-x i ctrl-s");
    let saved = last_saved(&app);
    assert_eq!((saved.account.as_str(), saved.from.address.as_str()), ("home", "ada@home.example"));
    assert_eq!(saved.text, "\n\n-- \nAda at home\n");
    assert!(app.screen().contains("From     Ada <ada@home.example>"), "{}", app.screen());
    app.keys("ctrl-x g ctrl-s");
    assert_eq!(last_saved(&app).text.trim(), "");
    app.keys("ctrl-x c");
    app.text("c@x.org");
    app.keys("ctrl-s");
    assert_eq!(last_saved(&app).cc, "c@x.org");
    // once for closing the fields, once more for the one that is empty still
    app.keys("ctrl-x c ctrl-x c");
    app.text("b@x.org");
    app.keys("ctrl-s");
    assert_eq!((last_saved(&app).cc.as_str(), last_saved(&app).bcc.as_str()), ("c@x.org", "b@x.org"));
}

#[test]
fn the_commands_of_the_composer_stand_before_those_of_the_list() {
    let mut app = replying((120, 40));
    app.keys("ctrl-x :");
    let screen = app.screen();
    assert!(screen.contains("send-later") && !screen.contains("mark-starred"), "{screen}");
}

#[test]
fn a_narrow_header_counts_the_files_it_has_no_room_for() {
    let mut app = App::new((40, 20), vec![mail("Priya", "Racks")]);
    app.keys("c");
    let file = Attachment { file: FileId(4), name: "plan.pdf".into(), content_type: "application/pdf".into(), size: 1_200_000 };
    let attachments = vec![file.clone(), file];
    open(&mut app, 1, Draft { subject: "a subject as long as the row".into(), attachments, ..reply() });
    assert!(app.screen().contains("@ 2"), "{}", app.screen());
}

#[test]
fn the_editor_gets_the_text_after_it_was_saved_and_keys_wait() {
    let mut app = replying((80, 24));
    app.text("words");
    app.keys("ctrl-x e");
    assert_eq!(saves(&app).len(), 1);
    let given = app.effects.iter().find_map(|effect| match effect {
        Effect::Edit { draft: DraftId(1), text } => Some(text.clone()),
        _ => None,
    });
    assert!(given.is_some_and(|text| text.starts_with("words\n")));
    app.text("x");
    assert!(notice(&app).contains("with the editor"));
    app.event(Event::Edited { draft: DraftId(1), result: Err("vi ended with signal 9".into()) });
    assert!(app.screen().contains("words") && notice(&app).contains("signal 9"));
    app.keys("ctrl-x e");
    app.event(Event::Edited { draft: DraftId(1), result: Ok("better\n".into()) });
    assert_eq!(last_saved(&app).text, "better\n");
    app.keys("ctrl-z");
    assert!(app.screen().contains("words"), "the editor's work is one change");
    assert!(sends(&app).is_empty(), "an editor never sends");
}

#[test]
fn text_is_found_selected_cut_and_put_in_again() {
    let mut app = replying((80, 24));
    app.text("Plan one plan two");
    app.keys("ctrl-a ctrl-x /");
    app.text("PLAN");
    app.keys("enter");
    assert_eq!(app.model.composers.current().unwrap().text.cursor(), (0, 9));
    app.keys("ctrl-space ctrl-e ctrl-w ctrl-a ctrl-y ctrl-s");
    assert!(last_saved(&app).text.starts_with("plan twoPlan one \n"), "{}", last_saved(&app).text);
}

#[test]
fn an_unknown_chord_is_said_and_writes_nothing() {
    let mut app = replying((80, 24));
    app.keys("ctrl-x z f5");
    assert!(notice(&app).contains("not bound"), "{}", notice(&app));
    app.keys("x ctrl-s");
    assert_eq!(last_saved(&app).text.lines().next(), Some("x"));
}

#[test]
fn which_key_shows_what_follows_the_prefix() {
    let mut app = replying((80, 24));
    app.keys("ctrl-x");
    app.pass(Duration::from_millis(300));
    let screen = app.screen();
    for words in ["send", "attach", "$EDITOR", "identity", "signature", "preview", "close, keep", "discard", "other pane", "send later"] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Any size, any keys: no panic, the cursor on the screen, and what is typed is what is saved or sent.
    #[test]
    fn any_size_and_any_keys_draw_a_draft(columns in 0u16..180, rows in 0u16..60, keys in proptest::collection::vec(0usize..48, 0..40)) {
        const KEYS: [&str; 48] = [
            "a", "space", "陈", "enter", "backspace", "delete", "left", "right", "up", "down", "home", "end", "pgup", "pgdn", "tab", "shift-tab",
            "ctrl-z", "ctrl-r", "ctrl-k", "ctrl-w", "ctrl-u", "ctrl-y", "alt-f", "alt-b", "alt-d", "alt-<", "alt->", "ctrl-space", "esc", "ctrl-x c",
            "ctrl-x g", "ctrl-x i", "ctrl-x p", "q", "ctrl-x a", "ctrl-x s", "ctrl-x l", "ctrl-x o", "ctrl-x n", "ctrl-x", "ctrl-s", "f5", "ctrl-x /",
            "ctrl-c", "alt-w", "ctrl-x A", ",", "ctrl-x ctrl-s",
        ];
        let mut app = App::new((120, 40), vec![mail("Priya Raman", "Racks")]);
        app.keys("r");
        open(&mut app, 1, Draft { cc: "c@x.org".into(), ..reply() });
        app.event(Event::Resize { columns, rows });
        for key in keys {
            // Outside the composer q would leave, and letters are verbs.
            if !app.model.context().is_typing() && key != 37 && KEYS[key] != "q" { continue; }
            if KEYS[key] == "q" && (app.model.overlays.is_empty() || !app.model.pressed.chord.is_empty()) { continue; }
            app.keys(KEYS[key]);
            app.screen();
            if let Some(composer) = app.model.composers.current() {
                let (row, column) = composer.text.cursor();
                prop_assert!(column <= composer.text.line(row).chars().count());
            }
        }
        app.event(Event::Ending);
        let composer = app.model.composers.open.first().expect("it is never closed by these keys");
        let last = app.requests.iter().rev().find_map(|request| match request {
            Request::SaveDraft { draft, .. } | Request::Send { draft, .. } => Some(draft.text.clone()),
            _ => None,
        });
        prop_assert!(last.is_none_or(|text| text == composer.draft().text));
    }
}
