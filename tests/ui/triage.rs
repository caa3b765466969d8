//! Keys to changes: one message, marks, ranges, counts, undo, and what the cursor does.

use postrider::config::{AfterTriage, Preset};
use postrider::mail::{Change, FlagBits};
use postrider::ui::event::{Effect, Event, Leave};
use postrider::worker::{Request, WorkerEvent};

use crate::app::{App, Mail, mail, preset};

fn five() -> Vec<Mail> {
    ["one", "two", "three", "four", "five"].into_iter().map(|subject| mail("Priya", subject)).collect()
}

fn app() -> App {
    App::new((120, 40), five())
}

#[test]
fn the_first_screen_needs_no_worker() {
    let app = app();
    let screen = app.screen();
    for text in ["work ▸ Inbox", "one", "five", "Archive", "rust-users", "? keys"] {
        assert!(screen.contains(text), "{text}\n{screen}");
    }
}

#[test]
fn archive_removes_the_row_at_once_and_the_cursor_goes_to_the_next() {
    let mut app = app();
    app.keys("j");
    app.burst("e");
    app.load();
    assert_eq!(app.subject(), "three", "before any answer");
    assert!(!app.screen().contains(" two "), "{}", app.screen());
    app.settle();
    assert_eq!(app.stored("Archive"), ["two"]);
    assert!(app.screen().contains("Archived 1 message   u undo"), "{}", app.screen());
}

#[test]
fn what_was_shown_but_not_saved_is_shown_as_it_is() {
    let mut app = app();
    app.burst("s j e");
    app.load();
    assert!(app.screen().contains('⚑') && !app.screen().contains(" two "), "{}", app.screen());
    let unanswered = app.requests.len();
    let (what, why, next) = ("Not saved".to_owned(), "the disk is full".to_owned(), String::new());
    app.event(Event::Worker(WorkerEvent::Failed { what, why, next }));
    app.answered = unanswered;
    app.settle();
    assert!(!app.screen().contains('⚑') && app.screen().contains(" two "), "{}", app.screen());
}

#[test]
fn undo_brings_it_back_with_the_action_s_words() {
    let mut app = app();
    app.keys("d u");
    assert_eq!(app.stored("Inbox").len(), 5);
    assert!(app.screen().contains("Undone: Moved 1 message to Trash"), "{}", app.screen());
    app.keys("ctrl-r");
    assert_eq!(app.stored("Trash"), ["one"]);
    app.keys("u u");
    assert!(app.screen().contains("Nothing to undo"));
}

#[test]
fn the_cursor_goes_to_what_undo_brought_back() {
    let mut app = app();
    app.keys("j e j u");
    assert_eq!(app.subject(), "two");
    app.keys("G u");
    assert_eq!(app.subject(), "five", "nothing came back");
}

#[test]
fn marks_ranges_and_counts_choose_what_a_verb_does() {
    let mut it = app();
    it.keys("j j x x e");
    assert_eq!(it.stored("Archive"), ["three", "four"]);
    assert_eq!(it.labels(), ["Archived 2 messages"]);
    assert_eq!(it.subject(), "five");

    let mut it = app();
    it.keys("j v j j d");
    assert_eq!(it.stored("Trash"), ["two", "three", "four"]);

    let mut it = app();
    it.keys("3 e");
    assert_eq!(it.stored("Archive"), ["one", "two", "three"]);

    let mut it = app();
    it.keys("3 j");
    assert_eq!(it.subject(), "four");
    it.keys("g g G");
    assert_eq!(it.subject(), "five");
}

#[test]
fn the_footer_tells_what_marks_would_do_and_esc_clears_them() {
    let mut app = app();
    app.keys("x x");
    assert!(app.screen().contains("2 marked: e archives 2"), "{}", app.screen());
    app.keys("esc");
    assert!(!app.screen().contains("marked"));
    app.keys("* a");
    assert_eq!(app.model.list.marks.len(), 5);
    app.keys("* i");
    assert!(app.model.list.marks.is_empty());
}

#[test]
fn a_burst_of_keys_without_any_answer_does_all_of_them_in_order() {
    let mut app = app();
    app.burst("j e e x x d u");
    app.settle();
    assert_eq!(app.stored("Archive"), ["two", "three"]);
    assert_eq!(app.stored("Inbox"), ["one", "four", "five"], "the last was undone");
}

#[test]
fn after_triage_previous_and_the_last_row() {
    let mut app = App::with((120, 40), five(), |config| config.ui.after_triage = AfterTriage::Previous);
    app.keys("j j e");
    assert_eq!(app.subject(), "two");
    app.keys("G e");
    assert_eq!(app.subject(), "four");
}

#[test]
fn star_unread_tags_and_repeat() {
    let mut app = app();
    app.keys("s j .");
    assert!(app.flags("one").contains(FlagBits::FLAGGED) && app.flags("two").contains(FlagBits::FLAGGED));
    app.keys("s");
    assert!(!app.flags("two").contains(FlagBits::FLAGGED), "a second star takes it away");
    app.keys("U");
    assert!(!app.flags("two").contains(FlagBits::SEEN));
    app.keys("t");
    app.text("+todo -later");
    app.keys("enter");
    let tagged = app.requests.iter().any(|request| {
        matches!(request, Request::Apply { change: Change::Flags { add, remove, .. }, .. } if add.keywords.contains("todo") && remove.keywords.contains("later"))
    });
    assert!(tagged);
}

#[test]
fn a_folder_is_picked_by_a_visible_match_and_never_made() {
    let mut app = app();
    app.keys("m");
    app.text("zzz");
    app.keys("enter");
    assert!(app.screen().contains("No folder matches"), "{}", app.screen());
    app.keys("ctrl-u");
    app.text("rust");
    app.keys("enter");
    assert_eq!(app.stored("Lists/rust-users"), ["one"]);
    assert_eq!(app.labels(), ["Moved 1 message to work/Lists/rust-users"]);
}

#[test]
fn deleting_for_ever_asks_for_a_typed_word() {
    let mut app = app();
    app.keys("d g x d");
    assert!(app.screen().contains("gone for ever"), "{}", app.screen());
    app.text("y");
    app.keys("enter");
    assert_eq!(app.stored("Trash"), ["one"]);
    app.keys("backspace");
    app.text("delete");
    app.keys("enter");
    assert!(app.stored("Trash").is_empty());
    assert_eq!(app.labels().last().map(String::as_str), Some("Deleted 1 message for ever"));
}

#[test]
fn a_missing_folder_is_a_sentence_with_what_to_do() {
    let mut app = app();
    app.keys("}");
    assert_eq!(app.subject(), "at home");
    app.keys("e");
    assert!(app.screen().contains("home has no archive folder: name one as `archive = "), "{}", app.screen());
    app.keys("g t");
    assert!(app.screen().contains("home has no sent folder"), "{}", app.screen());
    assert!(app.labels().is_empty());
    assert_eq!(app.subject(), "at home");
}

#[test]
fn keys_still_to_come_say_so_and_unbound_ones_stay_quiet() {
    let mut app = app();
    app.keys("b");
    assert!(app.screen().contains("Snooze is still to come"), "{}", app.screen());
    app.keys("$");
    assert!(app.screen().contains("$ is not bound here; ? shows keys (in mutt: check mail; here R)"), "{}", app.screen());
    assert!(app.labels().is_empty());
}

#[test]
fn triage_verbs_are_dead_in_the_folder_pane() {
    let mut app = app();
    app.keys("h e d");
    assert!(app.labels().is_empty());
    assert_eq!(app.stored("Inbox").len(), 5);
}

#[test]
fn quitting_asks_nothing_and_waits_for_what_was_asked() {
    let mut app = app();
    app.burst("e q");
    app.settle();
    assert!(matches!(app.effects.last(), Some(Effect::Leave(Leave::Quit))), "{:?}", app.effects);
    assert_eq!(app.labels().len(), 1);
}

#[test]
fn ctrl_c_never_quits() {
    let mut app = app();
    app.keys("ctrl-c ctrl-c ctrl-c");
    assert!(app.effects.is_empty());
}

#[test]
fn presets_carry_their_own_keys() {
    let mut app = App::with((120, 40), five(), preset(Preset::Gmail));
    app.keys("# z");
    assert_eq!(app.stored("Inbox").len(), 5);
    let mut app = App::with((120, 40), five(), preset(Preset::Mutt));
    app.keys("s");
    app.text("archive");
    app.keys("enter");
    assert_eq!(app.stored("Archive"), ["one"]);
}

#[test]
fn copying_goes_through_the_terminal() {
    let mut app = app();
    app.keys("y s y a y i y y");
    let copied: Vec<&str> =
        app.effects.iter().filter_map(|effect| if let Effect::Copy(text) = effect { Some(text.as_str()) } else { None }).collect();
    assert_eq!(copied, ["one", "priya@sender.example", "<m5@test.example>", "mid:m5@test.example"]);
}

#[test]
fn clicks_choose_rows_folders_and_hints() {
    let mut app = app();
    app.click(40, 3);
    assert_eq!(app.subject(), "three");
    app.click(40, 3);
    assert!(app.model.reading, "a second click at once opens");
    app.keys("q");
    let row = app.screen().lines().position(|line| line.trim_start().starts_with("Archive")).unwrap() as u16;
    app.click(3, row);
    assert!(app.screen().contains("work ▸ Archive"), "{}", app.screen());
}

#[test]
fn a_tag_is_shown_after_the_subject() {
    let mut app = app();
    app.keys("j t");
    app.text("+todo");
    app.keys("enter");
    let screen = app.screen();
    assert!(screen.lines().any(|line| line.contains("two  +todo")), "{screen}");
}
