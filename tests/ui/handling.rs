//! Parts, doubtful files, commands' output and mailing lists: what the user is asked before anything leaves the store.

use postrider::mail::page::{List, Part, Unsubscribe};
use postrider::mail::{DisplayText, Page, SafeFileName, Start};
use postrider::ui::event::Event;
use postrider::worker::{OpenTarget, Request, WorkerEvent};

use crate::app::{App, mail, page};

fn app() -> App {
    App::new((120, 40), vec![mail("Priya", "one"), mail("Noor", "two")])
}

/// The page on screen as it would be with this change.
fn change_page(app: &mut App, change: impl FnOnce(&mut Page)) {
    let wanted =
        app.requests.iter().rev().find_map(|request| if let Request::Want { id, view, .. } = request { Some((*id, *view)) } else { None });
    let (id, view) = wanted.expect("a page was asked for");
    let mut changed = page(id, view);
    change(&mut changed);
    app.event(Event::Worker(WorkerEvent::Rendered { id, view, page: Ok(changed.into()) }));
    app.settle();
}

fn part(number: &str, content_type: &str) -> Part {
    Part { number: number.into(), content_type: content_type.into(), name: None, size: 0, is_attachment: false }
}

#[test]
fn every_part_is_listed_however_the_message_hides_it() {
    let mut app = app();
    change_page(&mut app, |page| {
        page.parts.extend([
            part("1.1", "text/plain"),
            part("1.2", "text/html"),
            part("1.3", "image/gif"),
            part("4", "application/pgp-signature"),
        ]);
    });
    app.keys("tab o");
    let screen = app.screen();
    for shown in ["other parts", "#1.1", "#1.2", "#1.3", "#4", "application/pgp-signature", "plan.pdf"] {
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
    app.text("#1.3");
    app.keys("enter");
    let asked = |request: &Request| matches!(request, Request::Open { target: OpenTarget::Part(part), sure: false, .. } if part == "1.3");
    assert!(app.requests.iter().any(asked));
}

#[test]
fn more_files_than_letters_are_all_there() {
    let mut app = app();
    change_page(&mut app, |page| {
        page.parts = (1..=40)
            .map(|n| Part { is_attachment: true, name: Some(format!("file{n}.txt")), ..part(&n.to_string(), "text/plain") })
            .collect();
    });
    app.keys("tab S");
    app.text("f40");
    app.keys("enter enter");
    let saved = |request: &Request| matches!(request, Request::SaveParts { parts: Some(parts), .. } if parts == &["40"]);
    assert!(app.requests.iter().any(saved), "{:?}", app.requests.last());
}

#[test]
fn a_doubtful_file_is_opened_only_after_the_word() {
    let mut app = app();
    let id = app.model.list.cursor().expect("a message");
    let doubtful = WorkerEvent::Doubtful {
        id,
        number: "2".into(),
        name: SafeFileName::new("plan.pdf", "x"),
        doubt: "The message calls it application/pdf; it is a Windows program.".into(),
    };
    let opened = |app: &App| app.requests.iter().any(|request| matches!(request, Request::Open { sure: true, .. }));
    app.event(Event::Worker(doubtful.clone()));
    app.settle();
    let screen = app.screen();
    assert!(screen.contains("it is a Windows") && screen.contains("plan.pdf") && screen.contains("\"open\""), "{screen}");
    app.keys("enter");
    app.text("y");
    app.keys("enter");
    assert!(!opened(&app), "a wrong word opens nothing");
    app.keys("esc");
    assert!(!opened(&app));
    app.event(Event::Worker(doubtful));
    app.text("open");
    app.keys("enter");
    assert!(opened(&app));
}

#[test]
fn what_a_command_printed_is_shown_as_text() {
    let mut app = app();
    let lines = vec!["first \u{1b}[31mline".to_owned(), String::new(), "last line".to_owned()];
    app.event(Event::Worker(WorkerEvent::Piped { command: "git am".into(), lines }));
    let screen = app.screen();
    assert!(screen.contains("git am") && screen.contains("first ␛[31mline") && screen.contains("last line"), "{screen}");
    app.keys("q");
    assert!(!app.screen().contains("last line"));
}

fn list(one_click: bool, web: Option<&str>, mailto: Option<&str>) -> Option<List> {
    let unsubscribe = Some(Unsubscribe { mailto: mailto.map(str::to_owned), web: web.map(str::to_owned), one_click });
    Some(List { name: DisplayText::new("Weekly"), unsubscribe })
}

#[test]
fn a_list_is_left_only_after_the_word_and_where_it_says() {
    let mut app = app();
    change_page(&mut app, |page| page.list = list(true, Some("https://lists.example.org/u?x=1"), None));
    let asked = |app: &App| {
        app.requests.iter().any(|request| matches!(request, Request::Unsubscribe { url } if url == "https://lists.example.org/u?x=1"))
    };
    app.keys("X");
    let screen = app.screen();
    assert!(screen.contains("lists.example.org") && screen.contains("Weekly") && screen.contains("\"leave\""), "{screen}");
    app.keys("enter esc");
    assert!(!asked(&app));
    app.keys("X");
    app.text("leave");
    app.keys("enter");
    assert!(asked(&app));
}

#[test]
fn a_list_that_takes_a_message_gets_one_that_the_user_sees_first() {
    let mut app = app();
    change_page(&mut app, |page| {
        page.list = list(false, Some("https://lists.example.org/u"), Some("mailto:leave@lists.example.org?subject=x"))
    });
    app.keys("X");
    let composed = |request: &Request| matches!(request, Request::Compose(Start::Mailto(link)) if link.starts_with("mailto:leave@"));
    assert!(app.requests.iter().any(composed), "{:?}", app.requests.last());
    assert!(
        !app.requests.iter().any(|request| matches!(request, Request::Send { .. } | Request::Unsubscribe { .. } | Request::Open { .. }))
    );
}

#[test]
fn a_list_with_a_page_only_opens_it_after_the_word() {
    let mut app = app();
    change_page(&mut app, |page| page.list = list(false, Some("http://lists.example.org/u"), None));
    app.keys("X");
    assert!(app.screen().contains("lists.example.org"), "{}", app.screen());
    app.text("leave");
    app.keys("enter");
    assert!(
        app.requests
            .iter()
            .any(|request| matches!(request, Request::Open { target: OpenTarget::Url(url), .. } if url == "http://lists.example.org/u"))
    );
    assert!(!app.requests.iter().any(|request| matches!(request, Request::Unsubscribe { .. })));
    let mut plain = self::app();
    plain.keys("X");
    assert!(plain.screen().contains("no way to leave"), "{}", plain.screen());
}
