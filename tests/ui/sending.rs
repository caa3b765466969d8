//! From the composer to the outbox: what is asked before, what closes when, the list of what waits.

use std::sync::Arc;
use std::time::Duration;

use postrider::mail::outgoing::{Fate, Recipient};
use postrider::mail::{Attachment, Draft, DraftId, FileId, OutItem, OutboxId, Stage};
use postrider::ui::action::Context;
use postrider::ui::event::Effect;
use postrider::ui::input::MouseKind;
use postrider::ui::outbox;
use postrider::worker::{Opening, Request, WorkerEvent};

use crate::app::{App, NOW, mail};
use crate::compose::{composing, draft, item, notice, open, open_as, reply, replying, sends, tell};

fn outbox(app: &mut App, items: Vec<OutItem>) {
    tell(app, WorkerEvent::Outbox { items: Arc::from(items) });
}

#[test]
fn a_message_that_lacks_nothing_goes_without_a_question_and_once() {
    let mut app = replying((80, 24));
    app.text("Yes.");
    app.burst("ctrl-x s ctrl-x s ctrl-x s");
    assert_eq!(sends(&app).len(), 1);
    app.text("late");
    assert!(notice(&app).contains("on its way"), "{}", notice(&app));
    tell(&mut app, WorkerEvent::Queued { draft: DraftId(1), item: item(7, Stage::Held, "Re: Racks") });
    assert_eq!(app.model.context(), Context::List);
    assert!(app.screen().contains("Sending “Re: Racks” in 10 s   u undo"), "{}", app.screen());
    app.pass(Duration::from_millis(9_900));
    assert!(app.screen().contains("Sending “Re: Racks” in 10 s   u undo"), "as long as undo helps, and drawn once: {}", app.screen());
    app.pass(Duration::from_millis(200));
    assert!(!app.screen().contains("Sending"), "{}", app.screen());
    let (sent, at) = sends(&app).remove(0);
    assert_eq!((at, sent.text.lines().next()), (None, Some("Yes.")));
    app.keys("u");
    assert!(matches!(app.requests.last(), Some(Request::Undo { steps: 1 })));
    open_as(&mut app, 1, sent, Opening::Unsent);
    assert!(app.screen().contains("Yes.") && notice(&app).contains("not sent"), "{}", app.screen());
}

#[test]
fn what_can_not_be_queued_stays_open_and_says_why() {
    let mut app = replying((80, 24));
    app.text("Yes.");
    app.keys("ctrl-x s");
    tell(&mut app, WorkerEvent::DraftFailed { draft: DraftId(1), why: "The account work has no way to send".into() });
    assert!(app.screen().contains("Yes.") && notice(&app).contains("no way to send"));
    app.text("again");
    assert!(app.screen().contains("Yes.again"), "keys are taken again");
}

#[test]
fn a_forgotten_file_is_asked_about_and_y_sends() {
    let mut app = replying((80, 24));
    app.text("The plan is attached.");
    app.keys("ctrl-x s");
    assert!(sends(&app).is_empty() && app.screen().contains("no file is attached"), "{}", app.screen());
    app.keys("q");
    assert_eq!(app.model.context(), Context::Compose);
    app.keys("ctrl-x s y");
    assert_eq!(sends(&app).len(), 1);
}

#[test]
fn without_recipients_nothing_can_be_sent_whatever_is_pressed() {
    let mut app = composing((80, 24));
    app.keys("tab");
    app.text("Subject");
    app.keys("ctrl-x s");
    assert!(app.screen().contains("no recipient"), "{}", app.screen());
    app.keys("y enter");
    assert!(sends(&app).is_empty());
    let composer = app.model.composers.current().expect("it stays");
    assert_eq!(composer.at, postrider::mail::draft::Field::To, "where it is to be mended");
}

#[test]
fn sending_later_takes_a_time_in_words() {
    let mut app = replying((80, 24));
    app.text("Yes.");
    app.keys("ctrl-x l");
    app.text("tomorrow 8:00");
    assert!(app.screen().contains("on Sat 21 Nov at 08:00"), "{}", app.screen());
    app.keys("enter");
    let at = sends(&app)[0].1.expect("a time");
    assert_eq!(at, NOW - NOW % 86_400 + 86_400 + 8 * 3600);
    let held = OutItem { not_before: at, ..item(7, Stage::Held, "Re: Racks") };
    tell(&mut app, WorkerEvent::Queued { draft: DraftId(1), item: held });
    assert!(notice(&app).contains("on Sat 21 Nov at 08:00"), "{}", notice(&app));
}

#[test]
fn a_time_that_can_not_be_read_sends_nothing_and_can_be_mended() {
    let mut app = replying((80, 24));
    app.keys("ctrl-x l");
    app.text("tomorow");
    app.keys("enter");
    assert!(sends(&app).is_empty() && app.screen().contains("is no time"), "{}", app.screen());
    assert!(app.screen().contains("Enter send then  Esc cancel"), "{}", app.screen());
    app.keys("ctrl-u");
    app.text("2h");
    app.keys("enter");
    assert_eq!(sends(&app).len(), 1);
}

#[test]
fn the_outbox_is_told_in_words_and_worked_by_key() {
    let mut app = App::new((120, 40), vec![mail("Priya", "Racks")]);
    assert!(!app.screen().contains("outbox"));
    let refused = OutItem {
        recipients: vec![Recipient { address: "adda@x.org".into(), fate: Fate::Refused("550 no such \x1b[31muser".into()) }],
        ..item(2, Stage::Refused, "Minutes")
    };
    let held = OutItem { not_before: NOW + 3600, ..item(1, Stage::Held, "Plan") };
    let items = vec![held, refused, item(3, Stage::Unknown, "Lost"), item(4, Stage::Sending, "Going"), item(5, Stage::Filed, "Done")];
    outbox(&mut app, items);
    assert!(app.screen().contains("outbox 4"), "{}", app.screen());
    app.keys("g $");
    let screen = app.screen();
    for words in ["“Plan”", "at 21:20", "refused: 550 no such ", "answer unknown: look in Sent", "sending"] {
        assert!(screen.contains(words), "{words}\n{screen}");
    }
    assert!(!screen.contains("Done") && !screen.contains('\x1b'));
    app.keys("s");
    assert!(app.requests.iter().any(|request| matches!(request, Request::SendNow { id: OutboxId(1) })));
    app.keys("j j x");
    assert!(!app.requests.iter().any(|request| matches!(request, Request::DropOutgoing { .. })), "asked first");
    app.keys("x");
    assert!(app.requests.iter().any(|request| matches!(request, Request::DropOutgoing { id: OutboxId(3) })));
    app.keys("u");
    assert!(!app.requests.iter().any(|request| matches!(request, Request::Unsend { .. })), "it may have been sent");
    app.keys("enter");
    assert!(app.screen().contains("in the outbox"));
    app.keys("q k enter");
    assert!(app.requests.iter().any(|request| matches!(request, Request::Unsend { id: OutboxId(2) })));
}

#[test]
fn x_twice_means_the_same_row_twice() {
    let mut app = App::new((120, 40), vec![mail("Priya", "Racks")]);
    outbox(&mut app, vec![item(1, Stage::Unknown, "One"), item(2, Stage::Unknown, "Two")]);
    app.keys("w x j x");
    assert!(!app.requests.iter().any(|request| matches!(request, Request::DropOutgoing { .. })));
}

#[test]
fn unsend_takes_the_newest_that_waits() {
    let mut app = App::new((120, 40), vec![mail("Priya", "Racks")]);
    app.keys(":");
    app.text("unsend");
    app.keys("enter");
    assert!(notice(&app).contains("Nothing in the outbox"), "{}", notice(&app));
    outbox(&mut app, vec![item(1, Stage::Held, "One"), item(2, Stage::Queued, "Two"), item(3, Stage::Sending, "Three")]);
    app.keys(":");
    app.text("unsend");
    app.keys("enter");
    assert!(matches!(app.requests.last(), Some(Request::Unsend { id: OutboxId(2) })), "{:?}", app.requests.last());
}

#[test]
fn what_became_of_a_message_is_said_once() {
    let mut app = App::new((120, 40), vec![mail("Priya", "Racks")]);
    outbox(&mut app, vec![item(1, Stage::Sending, "Plan")]);
    assert!(notice(&app).is_empty());
    outbox(&mut app, vec![item(1, Stage::Accepted, "Plan")]);
    assert_eq!(notice(&app), "Sent: “Plan”");
    app.model.status.notice = None;
    outbox(&mut app, vec![item(1, Stage::Filed, "Plan")]);
    assert!(notice(&app).is_empty());
    let failed = OutItem { error: Some("550 no".into()), ..item(2, Stage::Refused, "Other") };
    outbox(&mut app, vec![item(2, Stage::Sending, "Other")]);
    outbox(&mut app, vec![failed]);
    assert!(notice(&app).starts_with("Not sent: “Other”: 550 no"));
}

#[test]
fn leaving_says_what_stays_in_the_outbox() {
    let mut app = App::new((120, 40), vec![mail("Priya", "Racks")]);
    assert_eq!(outbox::farewell(&app.model), None);
    outbox(&mut app, vec![item(1, Stage::Held, "Plan"), item(2, Stage::Filed, "Old"), item(3, Stage::Refused, "Bad")]);
    let words = outbox::farewell(&app.model).unwrap();
    assert!(words.contains("1 message in the outbox") && words.contains("1 message not sent"), "{words}");
}

#[test]
fn hostile_texts_reach_the_screen_as_marks() {
    let bad = "\x1b]0;owned\x07\u{9b}31m\u{202e}evil\u{200b}\r\nBcc: x";
    let hostile = Draft {
        to: bad.into(),
        cc: bad.into(),
        subject: bad.into(),
        text: format!("{bad}\n> {bad}\n\t{bad}\n"),
        attachments: vec![Attachment { file: FileId(1), name: bad.into(), content_type: bad.into(), size: 1 }],
        from: postrider::mail::Address::new(bad, bad),
        account: bad.into(),
        ..draft()
    };
    for size in [(120, 40), (80, 24), (40, 20), (20, 6), (3, 3)] {
        let mut app = App::new(size, vec![mail("Priya", "Racks")]);
        app.keys("c");
        open(&mut app, 1, hostile.clone());
        for keys in ["tab", "tab", "ctrl-x p", "q", "ctrl-x s", "q", "ctrl-x i", "ctrl-x g", "shift-tab"] {
            app.keys(keys);
            let screen = app.screen();
            assert!(!screen.contains(|c: char| c.is_control() && c != '\n'), "{size:?} {keys}\n{screen:?}");
            assert!(!screen.contains('\u{202e}') && !screen.contains('\u{200b}'), "{size:?} {keys}\n{screen:?}");
        }
        outbox(&mut app, vec![OutItem { account: bad.into(), error: Some(bad.into()), ..item(1, Stage::Refused, bad) }]);
        app.keys("ctrl-x o w");
        let screen = app.screen();
        assert!(!screen.contains(|c: char| c.is_control() && c != '\n') && !screen.contains('\u{202e}'), "{size:?}\n{screen:?}");
    }
}

#[test]
fn the_text_keeps_its_rows_at_every_size() {
    let files =
        |n: usize| (0..n).map(|n| Attachment { file: FileId(1), name: format!("{n}.pdf"), content_type: "x/y".into(), size: 9 }).collect();
    let rows = |app: &App| postrider::ui::composer::text_size(&app.model).unwrap().1;
    let mut app = App::new((80, 24), vec![mail("Priya", "Racks")]);
    app.keys("r");
    open(
        &mut app,
        1,
        Draft {
            cc: "c@x.org".into(),
            bcc: "b@x.org".into(),
            account: "home".into(),
            from: Default::default(),
            attachments: files(3),
            ..reply()
        },
    );
    assert!(rows(&app) >= 17, "{}\n{}", rows(&app), app.screen());
    for words in ["Priya <priya@sender.example>", "Re: Racks", "c@x.org", "0.pdf"] {
        assert!(app.screen().contains(words), "{words}\n{}", app.screen());
    }
    let mut app = replying((80, 24));
    assert!(rows(&app) >= 17 && app.screen().contains("Subject  Re: Racks"));
    app.event(postrider::ui::event::Event::Resize { columns: 40, rows: 20 });
    assert_eq!(rows(&app), 16, "{}", app.screen());
    assert!(app.screen().contains("Priya Re: Racks"), "{}", app.screen());
    app.keys("shift-tab");
    assert!(app.screen().contains("Subj Re: Racks"), "{}", app.screen());
}

#[test]
fn the_measure_is_72_and_centred_where_there_is_room() {
    let mut app = App::new((120, 40), vec![mail("Priya", "Racks")]);
    app.keys("r");
    open(&mut app, 1, Draft { text: "word ".repeat(40), ..reply() });
    let screen = app.screen();
    let line = screen.lines().find(|line| line.trim_start().starts_with("word word")).unwrap();
    let (left, width) = (line.len() - line.trim_start().len(), line.trim().len());
    assert!((20..28).contains(&left) && (66..=72).contains(&width), "{left} {width}");
}

/// Sent to bob, refused for adda.
fn partly(id: i64, subject: &str) -> OutItem {
    let to = |address: &str, fate| Recipient { address: address.into(), fate };
    let recipients = vec![to("bob@x.org", Fate::Accepted), to("adda@x.org", Fate::Refused("550 no such user".into()))];
    OutItem { recipients, error: Some("adda@x.org: 550 no such user".into()), has_draft: true, ..item(id, Stage::Filed, subject) }
}

#[test]
fn a_refusal_for_one_of_several_is_shown_until_it_is_dismissed() {
    let mut app = App::new((120, 40), vec![mail("Priya", "Racks")]);
    outbox(&mut app, vec![item(1, Stage::Sending, "Plan")]);
    outbox(&mut app, vec![partly(1, "Plan")]);
    assert!(notice(&app).contains("refused for adda@x.org: 550 no such user"), "{}", notice(&app));
    app.pass(Duration::from_secs(60));
    assert!(app.screen().contains("outbox 1"), "{}", app.screen());
    assert_eq!(outbox::farewell(&app.model), None, "it was sent");
    app.keys("w");
    let screen = app.screen();
    assert!(screen.contains("sent, but refused for adda@x.org: 550 no such user") && screen.contains("x dismiss"), "{screen}");
    app.keys("s");
    assert!(!app.requests.iter().any(|request| matches!(request, Request::SendNow { .. })));
    app.keys("x");
    assert!(matches!(app.requests.last(), Some(Request::DropOutgoing { id: OutboxId(1) })), "once is enough: nothing is lost");
    outbox(&mut app, vec![]);
    assert!(!app.screen().contains("outbox 1"), "{}", app.screen());
    outbox(&mut app, vec![partly(2, "Plan")]);
    app.keys("u");
    assert!(matches!(app.requests.last(), Some(Request::Unsend { id: OutboxId(2) })));
}

#[test]
fn the_tasks_view_says_what_x_does_to_the_row_and_keeps_recipients_at_40_columns() {
    for (columns, size) in [(120, (120, 40)), (40, (40, 20))] {
        let mut app = App::new(size, vec![mail("Priya", "Racks")]);
        app.keys("w");
        assert!(!app.screen().contains("cancel task") && !app.screen().contains("x drop"), "{columns}: {}", app.screen());
        let mut held = item(1, Stage::Held, "Plan");
        held.recipients = vec![Recipient { address: "bob@x.org".into(), fate: Fate::Pending }];
        outbox(&mut app, vec![held, partly(2, "Racks")]);
        let footer = |app: &App| app.screen().lines().last().unwrap().to_owned();
        assert!(app.screen().contains("to bob@x.org") && footer(&app).contains("x drop message"), "{}", app.screen());
        app.keys("j");
        assert!(footer(&app).contains("x dismiss"), "{}", app.screen());
        app.keys("k s");
        assert!(matches!(app.requests.last(), Some(Request::SendNow { id: OutboxId(1) })));
    }
}

#[test]
fn what_is_discarded_on_its_way_to_the_outbox_is_taken_back_and_thrown_away() {
    let named = |id: &str| Draft { rfc_message_id: id.into(), ..reply() };
    let begin = || {
        let mut app = App::new((80, 24), vec![mail("Priya", "Racks")]);
        app.keys("r");
        open(&mut app, 1, named("m@x"));
        app.text("Yes.");
        app.keys("ctrl-x s ctrl-x k");
        assert!(!app.requests.iter().any(|request| matches!(request, Request::DiscardDraft { .. })), "the outbox may have it");
        app
    };
    let discarded = |app: &App| {
        let discard = |request: &Request| match request {
            Request::DiscardDraft { id, draft } => Some((*id, draft.text.clone())),
            _ => None,
        };
        app.requests.iter().filter_map(discard).collect::<Vec<_>>()
    };
    let mut app = begin();
    tell(&mut app, WorkerEvent::Queued { draft: DraftId(1), item: item(7, Stage::Held, "Re: Racks") });
    assert!(matches!(app.requests.last(), Some(Request::Unsend { id: OutboxId(7) })));
    let (sent, _) = sends(&app).remove(0);
    open_as(&mut app, 2, sent.clone(), Opening::Unsent);
    assert_eq!(discarded(&app), [(DraftId(2), sent.text)]);
    assert!(app.model.composers.open.is_empty() && app.screen().contains("Thrown away, not sent: “Re: Racks”"), "{}", app.screen());
    assert!(app.screen().contains("u undo"), "it is not lost: {}", app.screen());
    // the outbox could not take it: nothing has to be taken back
    let mut app = begin();
    tell(&mut app, WorkerEvent::DraftFailed { draft: DraftId(1), why: "no way to send".into() });
    assert_eq!(discarded(&app).len(), 1);
    // the server was faster: that is said
    let mut app = begin();
    tell(&mut app, WorkerEvent::Queued { draft: DraftId(1), item: item(7, Stage::Sending, "Re: Racks") });
    let (what, why) = ("“Re: Racks” can't be taken back".to_owned(), "the server has it, or may have it".to_owned());
    tell(&mut app, WorkerEvent::Failed { what, why, next: String::new() });
    assert!(discarded(&app).is_empty() && notice(&app).contains("can't be taken back"), "{}", notice(&app));
}

#[test]
fn a_quote_that_is_too_long_for_the_screen_goes_on_behind_its_sign() {
    let mut app = App::new((40, 20), vec![mail("Priya", "Racks")]);
    app.keys("r");
    let text = "\n> Can we meet on Friday at the quay, or is that too early?\n".to_owned();
    open(&mut app, 1, Draft { text, ..reply() });
    let screen = app.screen();
    let quoted: Vec<&str> = screen.lines().filter(|line| line.contains("meet") || line.contains("early")).collect();
    assert_eq!(quoted, ["> Can we meet on Friday at the quay, or", "> is that too early?"], "{screen}");
    // places and what is typed there agree
    app.click(2, 4);
    app.text("X");
    assert!(app.screen().contains("> Xis that"), "{}", app.screen());
    app.keys("ctrl-e");
    app.text("Y");
    assert!(app.screen().contains("early?Y"), "{}", app.screen());
    app.mouse(MouseKind::Down, 2, 3);
    app.mouse(MouseKind::Drag, 5, 3);
    app.keys("alt-w");
    let copied = app.effects.iter().rev().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    assert_eq!(copied.as_deref(), Some("Can"), "the pointer selects");
}

#[test]
fn a_long_notice_goes_on_in_the_row_below_and_says_where_all_of_it_is() {
    let mut app = App::new((40, 20), vec![mail("Priya", "Racks")]);
    let tell_failed = |app: &mut App, why: &str| {
        let (what, next) = ("“Plan” was not sent".to_owned(), String::new());
        tell(app, WorkerEvent::Failed { what, why: why.to_owned(), next });
    };
    tell_failed(&mut app, "550 no such user here");
    let screen = app.screen();
    let rows: Vec<&str> = screen.lines().rev().take(2).collect();
    assert_eq!((rows[1], rows[0]), ("✗ “Plan” was not sent: 550 no such", "user here"), "{screen}");
    tell_failed(&mut app, &"words and more words of a server ".repeat(4));
    assert!(app.screen().lines().last().unwrap().ends_with(":messages"), "{}", app.screen());
    let friday = OutItem { not_before: NOW + 10, ..item(6, Stage::Held, "Friday at the quay") };
    tell(&mut app, WorkerEvent::Queued { draft: DraftId(1), item: friday });
    assert_eq!(app.screen().lines().last(), Some("u undo"), "{}", app.screen());
    let queued = OutItem { not_before: NOW + 10, ..item(7, Stage::Held, "Minutes of Monday and of Tuesday") };
    tell(&mut app, WorkerEvent::Queued { draft: DraftId(1), item: queued });
    assert!(app.screen().lines().last().unwrap().ends_with("in 10 s   u undo"), "{}", app.screen());
    app.keys("w");
    assert!(app.screen().lines().last().unwrap().contains("q close"), "what lies above keeps its keys: {}", app.screen());
    app.keys("q");
    app.pass(Duration::from_secs(60));
    assert!(app.screen().lines().last().unwrap().contains("open"), "the hints are back: {}", app.screen());
}

#[test]
fn a_path_typed_behind_the_home_folder_begins_anew_on_the_screen() {
    let mut app = replying((80, 24));
    app.keys("ctrl-x a");
    app.text("/tmp/plan.pdf");
    assert!(app.screen().contains("attach: /tmp/plan.pdf"), "{}", app.screen());
}

#[test]
fn a_draft_that_waits_in_the_outbox_has_its_sign_in_drafts() {
    let mut app = App::new((120, 40), vec![]);
    app.store("Drafts", 50, &mail("Ada", "Minutes"));
    let id = {
        app.keys("g d");
        app.model.list.cursor().unwrap()
    };
    let flags = postrider::mail::Flags::bits(postrider::mail::FlagBits::DRAFT);
    let change = postrider::mail::Change::Flags { ids: vec![id], add: flags, remove: Default::default() };
    app.writer.apply(change, String::new()).wait().unwrap();
    app.changed("Drafts");
    app.model.list.stale.insert(id);
    app.settle();
    assert!(app.screen().contains("✎"), "{}", app.screen());
    outbox(&mut app, vec![OutItem { continues: Some(id), ..item(1, Stage::Held, "Minutes") }]);
    assert!(app.screen().contains("⇡") && !app.screen().contains("✎"), "{}", app.screen());
}
