//! Undo and redo of everything that the action table holds, by its keys and in bursts.

use postrider::mail::Role;
use postrider::mail::server::RemoteMailbox;
use postrider::ui::action::{ACTIONS, Action};
use postrider::ui::event::Event;
use postrider::worker::{AppliedKind, WorkerEvent};

use crate::app::{App, Mail, mail};

/// Actions that change messages, and the keys that answer what they ask. Not among them: what is deleted for ever is only
/// taken back while no server heard of it, which the store's tests hold.
const CHANGE_MAIL: &[(Action, &str)] = &[
    (Action::Archive, ""),
    (Action::ArchiveThread, ""),
    (Action::Trash, ""),
    (Action::TrashThread, ""),
    (Action::DeleteForever, "d e l e t e enter"),
    (Action::Move, "k e r n e l enter"),
    (Action::Copy, "k e r n e l enter"),
    (Action::Star, ""),
    (Action::Unread, ""),
    (Action::Read, ""),
    (Action::ToggleRead, ""),
    (Action::Tag, "+ t o d o enter"),
    (Action::Junk, ""),
    (Action::Mute, ""),
    (Action::Repeat, ""),
];

fn mails() -> Vec<Mail> {
    vec![
        mail("Priya", "newest"),
        mail("Linus", "Re: plan").answers(1).unread(),
        mail("Priya", "read"),
        mail("Grace", "unread").unread(),
        mail("Ada", "plan"),
    ]
}

/// Does an action with the answers it asks for; how many changes were saved by it.
fn perform(app: &mut App, action: Action, answers: &str) -> usize {
    let before = app.labels().len();
    let name = action.spec().name;
    app.keys(":");
    app.text(name);
    app.keys("enter");
    app.keys(answers);
    app.labels().len() - before
}

#[test]
fn every_action_that_changes_mail_is_taken_back_and_done_again() {
    let known = |action| CHANGE_MAIL.iter().find(|(known, _)| *known == action);
    for spec in ACTIONS.iter().filter(|spec| spec.ready) {
        // these end the program or its screen, or take back themselves; folders are in folders.rs, cut threads in threads.rs
        let is_folder = matches!(spec.action, Action::FolderSubscribe | Action::FolderUnsubscribe);
        let is_cut = matches!(spec.action, Action::BreakThread | Action::LinkThreads);
        if is_folder || is_cut || matches!(spec.action, Action::Quit | Action::Suspend | Action::Undo | Action::Redo | Action::Command) {
            continue;
        }
        let marks: &[&str] = if known(spec.action).is_some() { &["", "* a", "j v j", "z M"] } else { &["* a"] };
        for marks in marks {
            let mut app = App::new((120, 40), mails());
            app.keys("s");
            app.keys(marks);
            let before = app.everything();
            let answers = known(spec.action).map_or("", |(_, keys)| *keys);
            let changes = perform(&mut app, spec.action, answers);
            let after = app.everything();
            let name = spec.name;
            assert_eq!(changes > 0, known(spec.action).is_some(), "{name} {marks}: {}", app.screen());
            if changes == 0 {
                assert_eq!(before, after, "{name} {marks} changed mail without saying so");
                continue;
            }
            assert_eq!(changes, 1, "{name} {marks} is one step");
            let label = app.labels().pop().unwrap();
            if before != after {
                app.keys("esc u");
                assert_eq!(app.everything(), before, "{name} {marks} is taken back");
                assert!(app.screen().contains(&format!("Undone: {label}")), "{name}: {}", app.screen());
                app.keys("ctrl-r");
                assert_eq!(app.everything(), after, "{name} {marks} is done again");
                assert!(app.screen().contains(&format!("Again: {label}")), "{name}: {}", app.screen());
            }
        }
    }
}

#[test]
fn a_verb_over_several_accounts_is_one_step() {
    let mut app = App::new((120, 40), mails());
    app.add_mailbox(RemoteMailbox {
        name: "Old".into(),
        wire_name: "Old".into(),
        role: Some(Role::Archive),
        selectable: true,
        total: None,
        unread: None,
        state: None,
    });
    let before = app.everything();
    app.keys("g /");
    app.text("in:inbox");
    app.keys("enter * a e");
    assert_eq!(app.labels(), ["Archived 6 messages"], "{}", app.screen());
    assert!(app.everything().iter().all(|one| !one.contains(&format!(" in {} ", app.mailbox("Inbox").id))));
    app.keys("u");
    assert_eq!(app.everything(), before);
    assert!(app.screen().contains("Undone: Archived 6 messages"), "{}", app.screen());
    app.keys("u");
    assert!(app.screen().contains("Nothing to undo"), "{}", app.screen());
}

#[test]
fn twenty_archives_and_twenty_undos_faster_than_any_answer_are_nothing() {
    for answers_between in [false, true] {
        let many = (0..30).map(|n| mail("Priya", format!("number {n}"))).collect();
        let mut app = App::new((120, 40), many);
        let before = app.everything();
        let shown = app.screen();
        for keys in ["e", "u"] {
            for n in 0..20 {
                app.burst(keys);
                if answers_between && n % 7 == 3 {
                    app.settle();
                }
            }
        }
        app.settle();
        assert_eq!(app.everything(), before);
        let rows = |screen: &str| screen.lines().filter(|line| line.contains("number ")).map(str::to_owned).collect::<Vec<_>>().len();
        assert_eq!(rows(&app.screen()), rows(&shown), "{}", app.screen());
        app.burst(&"ctrl-r ".repeat(20));
        app.settle();
        assert_eq!(app.stored("Archive").len(), 20);
        app.keys("2 0 u");
        assert_eq!(app.everything(), before);
    }
}

#[test]
fn the_toast_says_how_much_was_taken_back() {
    let mut app = App::new((120, 40), mails());
    let told = |app: &mut App, done, kind| {
        app.event(Event::Worker(WorkerEvent::Applied { label: "Archived 5 messages".into(), done, asked: 5, kind }));
        app.screen()
    };
    assert!(told(&mut app, 3, AppliedKind::Undone).contains("Undone: Archived 5 messages (3 of 5; the others changed since)"));
    assert!(told(&mut app, 0, AppliedKind::Undone).contains("Not undone, it changed since: Archived 5 messages"));
    assert!(told(&mut app, 0, AppliedKind::Redone).contains("Not done again, it changed since: Archived 5 messages"));
    assert!(told(&mut app, 5, AppliedKind::Redone).contains("Again: Archived 5 messages "));
}
