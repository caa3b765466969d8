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
    app.keys("l k enter (");
    assert_eq!(app.subject(), "plan");
    app.keys(")");
    assert_eq!(app.subject(), "Re: plan");
    app.keys(") )");
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
fn a_message_in_another_folder_keeps_its_place_in_the_thread() {
    let mut app = App::new((120, 40), vec![mail("Noor", "Re: plan").answers(2), mail("Ada", "Re: plan").answers(1), mail("Priya", "plan")]);
    app.keys("z a g g j e");
    assert_eq!(app.stored("Archive").len(), 1);
    app.keys("z a z a g g");
    let rows: Vec<(u8, bool)> = app.model.list.rows.iter().map(|row| (row.depth, row.elsewhere)).collect();
    assert_eq!((app.subject().as_str(), rows.as_slice()), ("plan", &[(0, false), (1, true), (2, false)][..]));
    let screen = app.screen();
    assert!(screen.lines().any(|line| line.contains("Ada") && line.contains(" Archive ")), "{screen}");
    app.keys("j e");
    assert!(app.screen().contains("there already"), "{}", app.screen());
    // in Trash it is no part of it any more
    app.keys("d");
    assert_eq!((app.stored("Trash").len(), app.model.list.rows.len()), (1, 2), "{}", app.screen());
    app.keys("u");
    assert_eq!(app.model.list.rows.len(), 3, "{}", app.screen());
}

/// "plan" and an answer to it in the inbox; between them, and to another message, answers of one's own in Sent.
fn answered() -> App {
    let app = App::new((120, 40), vec![mail("Noor", "other"), mail("Priya", "Re: plan").answers(50), mail("Priya", "plan")]);
    app.store("Sent", 50, &mail("Ada", "Re: plan").answers(1));
    app.store("Sent", 51, &mail("Ada", "Re: other").answers(3));
    app.store("Sent", 52, &mail("Ada", "to nobody here"));
    app
}

#[test]
fn own_answers_stand_in_their_place_in_the_thread() {
    let mut app = answered();
    app.changed("Sent");
    let screen = app.screen();
    assert!(screen.contains("Noor (2)") && screen.contains("Priya (3)"), "{screen}");
    assert!(!screen.contains("to nobody"), "{screen}");
    app.keys("z R");
    let shown: Vec<bool> = app.model.list.rows.iter().map(|row| row.elsewhere).collect();
    assert_eq!(shown, [false, true, false, true, false], "{}", app.screen());
    let screen = app.screen();
    let answer = screen.lines().find(|line| line.contains("me → Ada")).unwrap();
    assert!(answer.contains(" Sent "), "{screen}");
    app.keys("z M");
    assert_eq!(app.model.list.rows.iter().map(|row| row.count).collect::<Vec<_>>(), [1, 2]);
    app.keys("j l k");
    assert!(app.model.list.row().unwrap().elsewhere, "the cursor walks over them: {}", app.screen());
}

#[test]
fn verbs_on_a_thread_leave_own_answers_in_sent() {
    let mut app = answered();
    app.changed("Sent");
    app.keys("j e");
    assert_eq!(app.labels(), ["Archived 2 messages"]);
    app.keys("k l");
    assert_eq!(app.model.list.rows.len(), 2, "{}", app.screen());
    // unfolded, and from the row of the answer itself
    app.keys("j E");
    assert_eq!(app.stored("Archive").len(), 3);
    assert_eq!(app.model.list.rows.len(), 0, "no thread is left of answers alone: {}", app.screen());
    assert_eq!(app.stored("Sent").len(), 3);
    app.keys("u");
    assert_eq!(app.stored("Inbox"), ["other"]);
    assert!(app.screen().contains("Noor (2)"), "{}", app.screen());
}

#[test]
fn ranges_and_marks_of_many_pass_over_own_answers_and_one_is_taken_alone() {
    for (keys, archived) in [("* a e", 3), ("g g v G e", 3), ("g g 9 e", 3), ("* i e", 3), ("G * t e", 2)] {
        let mut app = answered();
        app.changed("Sent");
        app.keys("z R");
        app.keys(keys);
        assert_eq!(app.stored("Archive").len(), archived, "{keys}");
        assert_eq!(app.stored("Sent").len(), 3, "{keys}");
    }
    let mut app = answered();
    app.changed("Sent");
    app.keys("z R g g j d");
    assert_eq!(app.stored("Trash"), ["Re: other"]);
    assert_eq!(app.stored("Sent").len(), 2);
    app.keys("u");
    assert_eq!(app.model.list.rows.len(), 5, "{}", app.screen());
}

#[test]
fn an_answer_that_is_new_in_sent_comes_into_the_thread_that_is_on_screen() {
    let mut app = answered();
    app.changed("Sent");
    app.keys("l");
    assert_eq!(app.model.list.rows.len(), 3);
    app.store("Sent", 53, &mail("Ada", "Re: other, once more").answers(3));
    app.changed("Sent");
    assert_eq!(app.model.list.rows.len(), 4, "{}", app.screen());
    app.keys("h");
    assert!(app.screen().contains("Noor (3)"), "{}", app.screen());
    // Sent itself shows what is in it
    app.keys("g t");
    assert!(app.model.list.rows.iter().all(|row| !row.elsewhere && row.count <= 2));
}

#[test]
fn a_muted_thread_is_hidden_with_what_comes_and_shown_where_it_is_asked_for() {
    let mut app = app();
    app.keys("B");
    app.changed("Inbox");
    let screen = app.screen();
    assert!(screen.contains("1 muted thread hidden") && !screen.contains("plan again"), "{screen}");
    assert_eq!(app.labels(), ["Muted the thread of 3 messages"]);
    app.store("Inbox", 9, &mail("Priya", "Re: plan, once more").answers(1).unread());
    app.changed("Inbox");
    assert!(!app.screen().contains("once more"), "{}", app.screen());
    app.keys("u");
    app.changed("Inbox");
    assert!(app.screen().contains("once more") && !app.screen().contains("hidden"), "{}", app.screen());
    app.keys("g g B");
    app.changed("Inbox");
    app.keys(":");
    app.text("show-muted");
    app.keys("enter");
    assert!(app.screen().contains("once more") && !app.screen().contains("other"), "{}", app.screen());
    app.keys("B");
    app.changed("Inbox");
    app.keys("ctrl-o");
    app.changed("Inbox");
    assert!(app.screen().contains("once more") && app.screen().contains("other"), "{}", app.screen());
}

/// Subjects of the list, in its order, with a dot for each level.
fn shown(app: &App) -> Vec<String> {
    let subject = |row: &postrider::mail::Row| app.model.list.summaries[&row.id].subject.clone();
    app.model.list.rows.iter().map(|row| ".".repeat(usize::from(row.depth)) + &subject(row)).collect()
}

#[test]
fn a_message_is_cut_off_its_thread_and_put_under_another_and_both_are_taken_back() {
    let mut app = app();
    app.keys("z R");
    assert_eq!(shown(&app), ["plan", ".Re: plan", ".Re: plan again", "other"]);
    app.keys("g g j %");
    assert!(app.screen().contains("Cut 1 message off its thread   u undo"), "{}", app.screen());
    assert_eq!(app.subject(), "Re: plan", "the cursor stays on it");
    assert_eq!(shown(&app), ["plan", ".Re: plan again", "other", "Re: plan"]);
    app.keys("k &");
    assert!(app.screen().contains("Joined 1 message under another   u undo"), "{}", app.screen());
    app.keys("z R");
    assert_eq!(shown(&app), ["plan", ".Re: plan again", "other", ".Re: plan"]);
    app.keys("u");
    assert!(app.screen().contains("Undone: Joined 1 message under another"), "{}", app.screen());
    assert_eq!(shown(&app), ["plan", ".Re: plan again", "other", "Re: plan"]);
    app.keys("u");
    assert_eq!(shown(&app), ["plan", ".Re: plan", ".Re: plan again", "other"]);
    app.keys("ctrl-r ctrl-r z R");
    assert_eq!(shown(&app), ["plan", ".Re: plan again", "other", ".Re: plan"]);
}

#[test]
fn marked_messages_and_folded_threads_are_joined_under_the_first_of_the_folded_one() {
    let mut app = app();
    // the thread under the other message
    app.keys("x &");
    assert!(app.screen().contains("Joined 3 messages under another"), "{}", app.screen());
    assert_eq!(app.model.list.rows.len(), 1);
    app.keys("z R");
    assert_eq!(shown(&app), ["other", ".plan", "..Re: plan", "..Re: plan again"]);
    app.keys("u z M");
    // the other message under the thread
    app.keys("g g j x k &");
    app.keys("z R");
    assert_eq!(shown(&app), ["plan", ".Re: plan", ".other", ".Re: plan again"]);
}

#[test]
fn what_can_not_be_cut_or_joined_is_said() {
    let mut app = app();
    app.keys("%");
    assert!(app.screen().contains("This row stands for a whole thread: unfold it"), "{}", app.screen());
    app.keys("&");
    assert!(app.screen().contains("Mark what is to be joined under this message first (x)"), "{}", app.screen());
    app.keys("j %");
    assert!(app.screen().contains("it is the first of its thread"), "{}", app.screen());
    app.keys("z R g g x &");
    assert!(app.screen().contains("can't be joined under one that answers it"), "{}", app.screen());
    assert_eq!(app.model.list.rows.len(), 4);
    app.keys("u");
    assert!(app.screen().contains("Nothing to undo"), "{}", app.screen());
}
