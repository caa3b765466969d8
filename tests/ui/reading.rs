//! The preview and the reader: following the cursor, marking read after a rest, scrolling, links and files.

use std::path::PathBuf;
use std::time::Duration;

use postrider::config::Colors;
use postrider::mail::page::{Line, Part, View};
use postrider::mail::{FlagBits, SafeFileName};
use postrider::ui::event::Event;
use postrider::worker::{OpenTarget, Request, WorkerEvent};

use crate::app::{App, mail, page};

fn app() -> App {
    App::new((120, 40), vec![mail("Priya", "one").unread(), mail("Noor", "two").unread(), mail("Ada", "three").file()])
}

fn wanted(app: &App) -> usize {
    app.requests.iter().filter(|request| matches!(request, Request::Want { .. })).count()
}

#[test]
fn the_preview_shows_the_selected_message_with_its_neighbours_ahead() {
    let app = app();
    let screen = app.screen();
    assert!(screen.contains("the page's subject") && screen.contains("line 1 of"), "{screen}");
    assert!(screen.contains("… 2 quoted lines (zq)") && !screen.contains("hidden quote"), "{screen}");
    let ahead = app.requests.iter().find_map(|request| if let Request::Want { ahead, .. } = request { Some(ahead.len()) } else { None });
    assert_eq!(ahead, Some(2));
}

#[test]
fn while_keys_come_fast_only_the_list_moves() {
    let mut app = app();
    let before = wanted(&app);
    app.pass(Duration::from_secs(1));
    app.burst("j j k j");
    app.settle();
    assert_eq!(wanted(&app), before + 1, "the first move after a rest is followed at once");
    app.pass(Duration::from_millis(150));
    assert_eq!(wanted(&app), before + 2, "then only where it came to rest");
}

#[test]
fn a_message_is_read_after_a_rest_and_undo_passes_over_that() {
    let mut app = app();
    app.pass(Duration::from_millis(1400));
    assert!(!app.flags("one").contains(FlagBits::SEEN));
    app.pass(Duration::from_millis(300));
    assert!(app.flags("one").contains(FlagBits::SEEN));
    assert!(app.labels().is_empty(), "it has no words");
}

#[test]
fn unread_is_pinned_until_the_cursor_leaves() {
    let mut app = app();
    app.keys("U");
    app.pass(Duration::from_secs(5));
    assert!(!app.flags("one").contains(FlagBits::SEEN));
    app.keys("j k");
    app.pass(Duration::from_secs(5));
    assert!(app.flags("one").contains(FlagBits::SEEN));
}

#[test]
fn space_pages_and_then_goes_to_the_next_unread() {
    let mut app = app();
    app.keys("enter space");
    assert!(app.screen().contains("line 40 of"), "{}", app.screen());
    assert_eq!(app.subject(), "one");
    app.keys("space space");
    assert_eq!(app.subject(), "two");
}

#[test]
fn the_reader_walks_the_list_and_closes() {
    let mut app = app();
    app.keys("enter J J");
    assert_eq!(app.subject(), "three");
    app.keys("J");
    assert!(app.screen().contains("last message"), "{}", app.screen());
    app.keys("e");
    assert_eq!(app.subject(), "two");
    assert!(app.model.reading);
    app.keys("q");
    assert!(!app.model.reading);
}

#[test]
fn quotes_headers_and_find_change_the_view() {
    let mut app = app();
    app.keys("enter z q");
    assert!(app.screen().contains("hidden quote"), "{}", app.screen());
    app.keys("H");
    assert!(app.requests.iter().any(|request| matches!(request, Request::Want { view, .. } if view.all_headers)));
    app.keys("/");
    app.text("line 55");
    app.keys("enter");
    assert!(app.screen().contains("line 55"), "{}", app.screen());
}

#[test]
fn who_comes_back_to_a_message_goes_on_where_it_was_left() {
    let mut app = App::new((80, 12), vec![mail("Priya", "one"), mail("Noor", "two")]);
    app.keys("enter space");
    let left = app.screen();
    assert!(!left.contains("the page's subject"), "scrolled: {left}");
    app.keys("J");
    assert!(app.screen().contains("the page's subject"), "another message begins at its top: {}", app.screen());
    app.keys("K");
    assert_eq!(app.screen(), left);
}

#[test]
fn links_open_by_label_and_files_are_saved_where_the_user_says() {
    let mut app = app();
    app.keys("tab o");
    assert!(app.screen().contains("https://example.org/a") && app.screen().contains("plan.pdf"), "{}", app.screen());
    app.text("1");
    app.keys("enter");
    assert!(
        app.requests
            .iter()
            .any(|request| matches!(request, Request::Open { target: OpenTarget::Url(url), .. } if url == "https://example.org/a"))
    );
    app.keys("S");
    app.text("b");
    app.keys("enter enter");
    let saved = app.requests.iter().any(|request| {
        matches!(request, Request::SaveParts { parts: Some(parts), folder, .. } if parts == &["3"] && folder == &PathBuf::from("/home/ada/Downloads"))
    });
    assert!(saved, "{:?}", app.requests.last());
    app.keys("| enter");
    app.text("wc -l 'two words'");
    app.keys("enter");
    assert!(
        app.requests
            .iter()
            .any(|request| matches!(request, Request::Pipe { part: None, command, .. } if command == &["wc", "-l", "two words"]))
    );
    app.keys("|");
    app.text("b");
    app.keys("enter");
    app.text("pdftotext - -");
    app.keys("enter");
    assert!(app.requests.iter().any(|request| matches!(request, Request::Pipe { part: Some(part), .. } if part == "3")));
}

#[test]
fn idle_asks_for_nothing_and_changes_nothing() {
    let mut app = app();
    app.pass(Duration::from_secs(30));
    let (asked, screen) = (app.requests.len(), app.screen());
    assert!(app.model.wake().is_none(), "nothing is left to wake for");
    app.pass(Duration::from_secs(600));
    assert_eq!((app.requests.len(), app.screen()), (asked, screen));
}

/// How the page was asked for last.
fn last_view(app: &App) -> (postrider::mail::MessageId, View) {
    let view = |request: &Request| if let Request::Want { id, view, .. } = request { Some((*id, *view)) } else { None };
    app.requests.iter().rev().find_map(view).unwrap()
}

/// The page on screen, with a picture among its files that has these rows.
fn show_picture(app: &mut App, rows: &[Line]) {
    let (id, view) = last_view(app);
    let mut with = page(id, view);
    with.parts.push(Part { number: "4".into(), content_type: "image/png".into(), name: None, size: 9, is_attachment: true });
    with.lines.splice(0..0, rows.iter().cloned());
    app.event(Event::Worker(WorkerEvent::Rendered { id, view, page: Ok(with.into()) }));
    app.settle();
}

fn row(columns: usize) -> Line {
    Line { halves: vec![[[255, 0, 0], [0, 0, 255]]; columns], ..Line::default() }
}

#[test]
fn pictures_are_asked_for_by_a_key_and_only_for_this_message() {
    let mut app = app();
    app.keys("enter z i");
    assert!(app.screen().contains("This message has no picture that can be drawn"), "{}", app.screen());
    show_picture(&mut app, &[]);
    app.keys("z i");
    assert!(last_view(&app).1.pictures >= 30, "as high as the screen: {:?}", last_view(&app));
    show_picture(&mut app, &[row(20), row(20)]);
    let screen = app.screen();
    assert!(screen.lines().filter(|line| line.trim() == "▀".repeat(20)).count() == 2, "{screen}");
    app.keys("z i");
    assert!(!app.screen().contains('▀'), "{}", app.screen());
    app.keys("z i J");
    assert_eq!(last_view(&app).1.pictures, 0, "the next message draws none");
}

#[test]
fn a_picture_covers_the_screen_until_it_is_closed() {
    let mut app = app();
    let lines: Vec<Line> = std::iter::repeat_n(row(30), 10).collect();
    app.event(Event::Worker(WorkerEvent::Drawn { name: SafeFileName::new("boat.png", "x"), lines }));
    let screen = app.screen();
    assert!(screen.contains("boat.png") && screen.matches(&"▀".repeat(30)).count() == 10, "{screen}");
    app.keys("q");
    assert!(!app.screen().contains('▀') && app.model.overlays.is_empty());
}

#[test]
fn without_colours_no_picture_is_asked_for() {
    let mut app = App::with((120, 40), vec![mail("Priya", "one")], |config| config.ui.colors = Colors::None);
    app.keys("enter");
    show_picture(&mut app, &[]);
    app.keys("z i");
    assert!(app.screen().contains("there are none here"), "{}", app.screen());
    assert_eq!(last_view(&app).1.pictures, 0);
    app.keys("o");
    app.text("c");
    app.keys("enter");
    assert!(app.requests.iter().any(|request| matches!(request, Request::Open { room: None, .. })));
}

/// The page on screen, with pictures that are elsewhere.
fn show_remote(app: &mut App, remote: &[&str]) {
    let (id, view) = last_view(app);
    let mut with = page(id, view);
    with.remote = remote.iter().map(|address| (*address).to_owned()).collect();
    app.event(Event::Worker(WorkerEvent::Rendered { id, view, page: Ok(with.into()) }));
    app.settle();
}

fn fetches(app: &App) -> Vec<Vec<String>> {
    let urls = |request: &Request| if let Request::FetchPictures { urls, .. } = request { Some(urls.clone()) } else { None };
    app.requests.iter().filter_map(urls).collect()
}

#[test]
fn pictures_that_are_elsewhere_are_fetched_only_after_a_word_that_names_their_hosts() {
    let mut app = app();
    app.keys("enter");
    let remote = ["https://a.example/1.png", "https://b.example/2.png", "https://a.example/3.png"];
    show_remote(&mut app, &remote);
    app.keys("z i");
    let screen = app.screen();
    assert!(screen.contains("3 pictures are elsewhere, at a.example, b.example") && screen.contains("Type \"fetch\""), "{screen}");
    app.keys("enter esc");
    assert!(fetches(&app).is_empty() && last_view(&app).1.pictures == 0);
    app.keys("z i");
    app.text("fetch");
    app.keys("enter");
    assert_eq!(fetches(&app), [remote.map(str::to_owned)]);
    let (id, _) = last_view(&app);
    app.event(Event::Worker(WorkerEvent::Fetched { id }));
    app.settle();
    assert!(last_view(&app).1.pictures > 0, "the page is asked for with its pictures");
}

#[test]
fn no_host_is_asked_that_was_not_named_whole() {
    for size in [(120, 40), (40, 20), (20, 6)] {
        let mut app = App::new(size, vec![mail("Priya", "one")]);
        app.keys("enter");
        let hosts: Vec<String> =
            [20, 34, 60, 100, 30, 25, 28, 29].iter().map(|length| format!("{}.example", "h".repeat(*length))).collect();
        let remote: Vec<String> = hosts.iter().map(|host| format!("https://{host}/x.png")).collect();
        show_remote(&mut app, &remote.iter().map(String::as_str).collect::<Vec<_>>());
        app.keys("z i");
        let screen = app.screen();
        let named = |host: &&String| screen.split(|c: char| c.is_whitespace() || ",:│".contains(c)).any(|word| word == host.as_str());
        let named: Vec<String> = hosts.iter().filter(named).map(|host| format!("https://{host}/x.png")).collect();
        if named.is_empty() {
            assert!(size.0 == 20 && app.model.overlays.is_empty(), "{screen}");
            continue;
        }
        app.text("fetch");
        app.keys("enter");
        assert_eq!(fetches(&app), [named], "{screen}");
    }
}
