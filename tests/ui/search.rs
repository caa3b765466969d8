//! `/` narrows while typing, Enter keeps, Esc restores; the command line, help and which-key.

use std::time::Duration;

use postrider::ui::event::Event;
use postrider::ui::input::Input;
use postrider::worker::Request;

use crate::app::{App, mail};

fn app() -> App {
    App::new(
        (120, 40),
        vec![mail("Priya", "rack plan"), mail("Build", "build failed").unread(), mail("Noor", "travel plan"), mail("Ada", "minutes")],
    )
}

#[test]
fn search_narrows_with_every_letter_and_esc_restores_the_place() {
    let mut app = app();
    app.keys("j j j /");
    app.text("plan");
    assert_eq!(app.model.list.rows.len(), 2, "{}", app.screen());
    assert!(app.screen().contains("search Inbox: plan") && app.screen().contains("2 found"), "{}", app.screen());
    app.keys("esc");
    assert_eq!(app.model.list.rows.len(), 4);
    assert_eq!(app.subject(), "minutes");
}

#[test]
fn enter_keeps_the_search_and_esc_leaves_it_on_the_message_found() {
    let mut app = app();
    app.keys("/");
    app.text("travel");
    app.keys("enter");
    assert_eq!(app.subject(), "travel plan");
    assert!(app.screen().contains("search: travel"), "{}", app.screen());
    app.keys("esc");
    assert_eq!(app.model.list.rows.len(), 4);
    assert_eq!(app.subject(), "travel plan");
}

#[test]
fn no_match_says_what_to_do() {
    let mut app = app();
    app.keys("/");
    app.text("zzzz");
    app.keys("enter");
    assert!(
        app.screen().contains("No match. Esc goes back, g / searches every folder")
            || app.screen().contains("No match. Esc goes back, g/ searches every folder"),
        "{}",
        app.screen()
    );
}

#[test]
fn search_everywhere_asks_for_every_account() {
    let mut app = app();
    app.keys("g /");
    app.text("plan");
    app.keys("enter");
    assert!(app.requests.iter().any(|request| matches!(request, Request::List(listing) if listing.scope == postrider::mail::Scope::All)));
    assert!(app.screen().contains("Everything"), "{}", app.screen());
    app.keys("ctrl-o");
    assert!(app.screen().contains("work ▸ Inbox"));
}

#[test]
fn marks_by_a_property_come_from_the_worker() {
    let mut app = app();
    app.keys("* u");
    assert_eq!(app.model.list.marks.len(), 1);
    assert_eq!(app.model.list.rows.len(), 4, "the list itself is as before");
    assert!(app.screen().contains("1 marked"), "{}", app.screen());
}

#[test]
fn jump_goes_to_a_match_and_n_repeats() {
    let mut app = app();
    app.keys("\\");
    app.text("plan");
    app.keys("enter");
    assert_eq!(app.subject(), "travel plan");
    app.keys("N");
    assert_eq!(app.subject(), "rack plan");
    app.keys("esc n");
    assert!(app.screen().contains("gn goes to the next unread"), "{}", app.screen());
}

#[test]
fn the_command_line_runs_names_with_arguments() {
    let mut app = app();
    app.keys(":");
    app.text("move lists/kernel");
    app.keys("enter");
    assert_eq!(app.stored("Lists/kernel"), ["rack plan"]);
    app.keys(":");
    app.text("sort subject");
    app.keys("enter");
    assert_eq!(app.model.list.listing.as_ref().unwrap().sort.by, postrider::mail::SortBy::Subject);
    app.keys(":");
    app.text("arch");
    assert!(app.screen().contains("archive-thread"), "{}", app.screen());
    app.keys("enter");
    assert_eq!(app.stored("Archive").len(), 1);
    app.keys(":");
    app.text("xqzxqz");
    app.keys("enter");
    assert!(app.screen().contains("No command is called"), "{}", app.screen());
}

#[test]
fn tab_completes_a_command_and_then_its_folder() {
    let mut app = app();
    app.keys(":");
    app.text("mov");
    app.keys("tab");
    app.text("kern");
    app.keys("enter");
    assert_eq!(app.stored("Lists/kernel"), ["rack plan"]);
}

#[test]
fn help_filters_while_typing_and_runs_what_was_found() {
    let mut app = app();
    app.keys("?");
    assert!(app.screen().contains("keys: message list"), "{}", app.screen());
    app.text("archive the message");
    assert!(app.screen().contains(":archive"), "{}", app.screen());
    app.keys("enter");
    assert_eq!(app.stored("Archive"), ["rack plan"]);
}

#[test]
fn which_key_comes_after_a_moment_or_at_once() {
    let mut app = app();
    app.keys("g");
    assert!(!app.screen().contains("go to"));
    app.pass(Duration::from_millis(300));
    assert!(app.screen().contains("g … go to") && app.screen().contains("Inbox"), "{}", app.screen());
    app.keys("esc");
    assert!(!app.screen().contains("g … go to"));
    app.burst("g ?");
    assert!(app.screen().contains("g … go to"));
    app.keys("t");
    assert!(app.screen().contains("work ▸ Sent"), "the chord waited: {}", app.screen());
}

#[test]
fn pasted_text_is_never_keys() {
    let mut app = app();
    app.event(Event::Input(Input::Paste("ddd\neee".into())));
    app.settle();
    assert_eq!(app.stored("Inbox").len(), 4);
    app.keys("/");
    app.event(Event::Input(Input::Paste("rack\n".into())));
    app.settle();
    assert_eq!(app.model.list.rows.len(), 1);
}

#[test]
fn what_a_search_found_is_tinted_and_its_folder_told_where_there_are_several() {
    let mut app = app();
    app.keys("g /");
    app.text("rack");
    let screen = app.screen();
    let row = screen.lines().find(|line| line.contains("rack plan")).unwrap();
    assert!(row.contains("Inbox"), "{screen}");
    let buffer = app.buffer(postrider::config::Colors::Ansi256);
    let tinted: String = buffer
        .content
        .iter()
        .filter(|cell| cell.modifier.contains(ratatui::style::Modifier::UNDERLINED))
        .map(|cell| cell.symbol())
        .collect();
    assert!(!tinted.is_empty() && tinted.replace("rack", "").is_empty(), "{tinted}");
}

#[test]
fn what_a_search_does_not_understand_is_underlined_and_told() {
    let mut app = app();
    app.keys("/");
    app.text("rack is:foo");
    assert!(app.screen().contains("means nothing"), "{}", app.screen());
    let buffer = app.buffer(postrider::config::Colors::None);
    let row = &buffer.content[38 * 120..39 * 120];
    let underlined: String =
        row.iter().filter(|cell| cell.modifier.contains(ratatui::style::Modifier::UNDERLINED)).map(|cell| cell.symbol()).collect();
    assert_eq!(underlined, "is:foo");
}

#[test]
fn a_key_of_another_pane_says_where_it_works() {
    let mut app = app();
    app.keys("h v");
    assert!(app.screen().contains("v (select) works in the message list"), "{}", app.screen());
}
