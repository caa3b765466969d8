//! Folders made, renamed and deleted from the folder pane and by name.

use postrider::mail::{MailboxWish, Role};
use postrider::ui::event::Event;
use postrider::worker::{LinkState, Request, WorkerEvent};

use crate::app::{App, NOW, config_account, mail, remote};

fn wishes(app: &App) -> Vec<MailboxWish> {
    let wish = |request: &Request| match request {
        Request::Apply { change: postrider::mail::Change::Mailbox { wish, .. }, .. } => Some(wish.clone()),
        _ => None,
    };
    app.requests.iter().filter_map(wish).collect()
}

#[test]
fn a_folder_is_made_shown_at_once_and_undo_takes_it_back() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one")]);
    app.keys("h a");
    app.text("Plans/Autumn");
    app.keys("enter");
    assert!(app.screen().contains("Made folder Plans/Autumn") && app.screen().contains("Plans/Autumn"), "{}", app.screen());
    app.keys("w");
    assert!(app.screen().contains("waiting: Make folder Plans/Autumn"), "{}", app.screen());
    app.keys("q u");
    assert!(app.writer.reader().unwrap().find_mailbox("work/Plans/Autumn").unwrap().is_none());
}

#[test]
fn a_folder_is_renamed_from_its_name_on() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one")]);
    app.keys(":");
    app.text("go-folder Lists/kernel");
    app.keys("enter");
    app.keys(":");
    app.text("folder-rename Lists/linux");
    app.keys("enter");
    assert!(app.screen().contains("Renamed folder Lists/kernel to Lists/linux"), "{}", app.screen());
    assert!(app.writer.reader().unwrap().find_mailbox("work/Lists/linux").unwrap().is_some());
}

#[test]
fn a_folder_with_mail_is_deleted_by_a_typed_word_and_an_impossible_name_is_not_taken() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one"), mail("Noor", "two")]);
    app.keys("e");
    let archive = app.mailbox("Archive").id;
    app.keys("g a h d");
    assert!(app.screen().contains("1 message: they go to the trash"), "{}", app.screen());
    app.keys("enter");
    assert_eq!(wishes(&app), []);
    app.text("delete");
    app.keys("enter");
    assert_eq!(wishes(&app), [MailboxWish::Delete { id: archive }]);
    assert!(app.writer.reader().unwrap().find_mailbox("work/Archive").unwrap().is_none());
    app.keys(":");
    app.text("folder-delete");
    app.keys("enter");
    assert!(app.screen().contains("The inbox is the server's own"), "{}", app.screen());
    app.keys(":");
    app.text("folder-new a//b");
    app.keys("enter");
    assert!(app.screen().contains("No folder was made: a level of the name is empty"), "{}", app.screen());
}

#[test]
fn a_deleted_folder_and_its_mail_come_back_with_undo_and_go_again_with_redo() {
    let mut app = App::new((120, 40), vec![mail("Priya", "one"), mail("Noor", "two")]);
    app.keys("e g a");
    let before = app.everything();
    app.keys("h d");
    app.text("delete");
    app.keys("enter");
    let after = app.everything();
    assert_ne!(before, after);
    app.keys("u");
    assert_eq!(app.everything(), before);
    assert!(app.writer.reader().unwrap().find_mailbox("work/Archive").unwrap().is_some());
    app.keys("ctrl-r");
    assert_eq!(app.everything(), after);
    assert!(app.writer.reader().unwrap().find_mailbox("work/Archive").unwrap().is_none());
}

#[test]
fn the_second_accounts_mail_is_shown_first_only_where_the_first_ones_is_not_about_to_come() {
    let mut app = App::with((120, 40), vec![mail("Ada", "at work")], |config| config.accounts.insert(0, config_account("fresh")));
    let names = ["work", "home", "fresh"].map(str::to_owned).to_vec();
    let account = app.writer.set_accounts(names).wait().unwrap()[2];
    let shown = |app: &App| app.model.mailbox().map(|mailbox| mailbox.account);
    let work = shown(&app);
    assert!(work.is_some_and(|work| work != account), "what is here at the start is shown at once");
    for state in [LinkState::Connecting, LinkState::Online { push: true, round_trip_ms: None }] {
        app.model.list.listing = None;
        app.event(Event::Worker(WorkerEvent::MailboxesChanged { account }));
        app.settle();
        assert_eq!(shown(&app), None, "before {state:?}");
        app.event(Event::Worker(WorkerEvent::Link { account, state }));
        app.settle();
        assert_eq!(shown(&app), None);
    }
    app.event(Event::Worker(WorkerEvent::Link { account, state: LinkState::BackOff { why: "no route".into(), retry_at: NOW + 5 } }));
    app.settle();
    assert_eq!(shown(&app), work);
    let list = |app: &mut App| {
        app.writer.set_mailboxes(account, vec![remote("Inbox", "INBOX", Some(Role::Inbox))], Default::default()).wait().unwrap();
        app.event(Event::Worker(WorkerEvent::MailboxesChanged { account }));
        app.settle();
    };
    list(&mut app);
    assert_eq!(shown(&app), work, "nobody is taken away from what is read");
    app.model.list.listing = None;
    list(&mut app);
    assert_eq!(shown(&app), Some(account));
}
