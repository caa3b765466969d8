//! Threads: one row, unfolded in place, and verbs on the whole of one.

use crate::app::{App, mail};

/// Newest first; numbers count from the end: 1 is "plan".
fn app() -> App {
    App::new(
        (120, 40),
        vec![
            mail("Noor", "Re: plan again").answers(1),
            mail("Build", "other"),
            mail("Ada", "Re: plan").answers(1).unread(),
            mail("Priya", "plan"),
        ],
    )
}

#[test]
fn a_thread_is_one_row_with_its_count_and_bold_where_any_is_unread() {
    let app = app();
    let screen = app.screen();
    assert!(screen.contains("Noor (3)"), "{screen}");
    assert_eq!(app.model.list.rows.len(), 2);
    let row = app.model.list.rows[0];
    assert!(app.model.list.is_unread(&row));
}

#[test]
fn a_verb_on_a_folded_thread_acts_on_all_of_it_and_says_so() {
    let mut app = app();
    app.burst("e");
    app.load();
    assert_eq!(app.subject(), "other");
    app.settle();
    assert_eq!(app.labels(), ["Archived 3 messages"]);
    assert_eq!(app.stored("Archive").len(), 3);
    app.keys("u");
    assert_eq!(app.stored("Inbox").len(), 4);
    assert_eq!(app.model.list.rows.len(), 2);
}

#[test]
fn unfolded_members_are_rows_of_their_own_and_verbs_take_one() {
    let mut app = app();
    app.keys("z a");
    assert_eq!(app.model.list.rows.len(), 4);
    assert_eq!(app.subject(), "Re: plan again", "the cursor stays on its message");
    app.keys("g g");
    assert_eq!(app.subject(), "plan");
    app.keys("e");
    assert_eq!(app.stored("Archive"), ["plan"]);
    app.keys("E");
    assert_eq!(app.stored("Archive").len(), 3);
    assert_eq!(app.model.list.rows.len(), 1);
}

#[test]
fn folding_goes_back_to_one_row() {
    let mut app = app();
    app.keys("l k h");
    assert_eq!(app.model.list.rows.len(), 2);
    assert!(app.screen().contains("Noor (3)"), "{}", app.screen());
    app.keys("z R");
    assert_eq!(app.model.list.rows.len(), 4);
    app.keys("z M");
    assert_eq!(app.model.list.rows.len(), 2);
}

#[test]
fn flat_shows_every_message_and_keeps_the_cursor() {
    let mut app = app();
    app.keys("j T");
    assert_eq!(app.model.list.rows.len(), 4);
    assert_eq!(app.subject(), "other");
    app.keys("T");
    assert_eq!(app.model.list.rows.len(), 2);
    assert_eq!(app.subject(), "other");
}

#[test]
fn parentheses_walk_inside_the_thread() {
    let mut app = app();
    app.keys("enter (");
    assert_eq!(app.subject(), "Re: plan");
    app.keys(")");
    assert_eq!(app.subject(), "Re: plan again");
    app.keys(")");
    assert_eq!(app.subject(), "Re: plan again", "the thread ends here");
}

#[test]
fn a_reply_that_repeats_its_subject_is_dim() {
    let mut app = App::new((120, 40), vec![mail("Ada", "Re: plan").answers(1), mail("Priya", "plan")]);
    app.keys("z a");
    let buffer = app.buffer(postrider::config::Colors::None);
    let dim = |y: u16| {
        let row = (44..60).map(|x| &buffer[(x, y)]);
        row.filter(|cell| cell.modifier.contains(ratatui::style::Modifier::DIM)).map(|cell| cell.symbol()).collect::<String>()
    };
    assert_eq!(dim(1), "");
    assert!(dim(2).contains("Re:"), "{}", app.screen());
}

#[test]
fn an_answer_to_what_is_in_another_folder_stays_below_its_thread() {
    let mut app = App::new((120, 40), vec![mail("Noor", "Re: plan").answers(2), mail("Ada", "Re: plan").answers(1), mail("Priya", "plan")]);
    app.keys("z a g g j e");
    assert_eq!(app.stored("Archive").len(), 1);
    app.keys("z a z a g g");
    let depths: Vec<u8> = app.model.list.rows.iter().map(|row| row.depth).collect();
    assert_eq!((app.subject().as_str(), depths.as_slice()), ("plan", &[0, 1][..]));
}
