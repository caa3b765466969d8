//! A thread read as one page: what is open, where the cursor is, and that verbs act on the message it is in.

use std::time::Duration;

use postrider::mail::{FlagBits, MessageId, Start};
use postrider::worker::Request;

use crate::app::{App, mail};

/// A thread of four, of which the second is unread, and an answer of one's own in Sent; pages of so many lines.
fn app(size: (u16, u16), lines: usize) -> App {
    let mut app = App::new(
        size,
        vec![
            mail("Noor", "Re: plan again").answers(1),
            mail("Build", "other"),
            mail("Ben", "Re: plan, louder").answers(2),
            mail("Ada", "Re: plan").answers(1).unread(),
            mail("Priya", "plan"),
        ],
    );
    app.page_lines = lines;
    // what was shown before has other pages
    app.model.preview = Default::default();
    app.store("Sent", 50, &mail("Ada", "Re: plan").answers(1));
    app.changed("Sent");
    app
}

/// Subjects in the order of the page.
fn subjects(app: &App) -> Vec<String> {
    let rows = app.model.conversation().map(|it| it.members.clone()).unwrap_or_default();
    rows.iter().map(|row| app.model.list.summaries[&row.id].subject.clone()).collect()
}

/// The screen's row of a text.
fn row_of(app: &App, text: &str) -> usize {
    let screen = app.screen();
    screen.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text}:\n{screen}"))
}

#[test]
fn a_folded_thread_opens_as_one_page_at_its_first_unread_message() {
    for size in [(120, 40), (80, 24), (40, 20)] {
        let mut app = app(size, 3);
        app.keys("enter");
        assert_eq!(subjects(&app), ["plan", "Re: plan", "Re: plan, louder", "Re: plan again", "Re: plan"], "oldest first, with one's own");
        assert_eq!(app.subject(), "Re: plan");
        let screen = app.screen();
        assert!(screen.contains("line 1 of"), "the unread one is open:\n{screen}");
        let ids: Vec<MessageId> = app.model.conversation().unwrap().members.iter().map(|row| row.id).collect();
        let open: Vec<bool> = ids.iter().map(|id| app.model.conversation().unwrap().is_open(*id)).collect();
        assert_eq!(open, [false, true, false, false, true], "and the newest");
        assert!(screen.contains("2 of 5"), "{screen}");
        assert_eq!(app.model.list.rows.len(), 2, "the list stays folded");
        app.keys("q");
        assert!(!app.model.reading && app.model.conversation().is_none());
    }
}

#[test]
fn folded_messages_show_their_first_words_and_a_key_opens_them() {
    let mut app = app((120, 60), 1);
    app.keys("enter ( ");
    let screen = app.screen();
    let head = screen.lines().find(|line| line.contains("Priya")).unwrap();
    assert!(head.contains("words of"), "{screen}");
    app.keys("enter");
    assert_eq!(app.screen().matches("line 1 of").count(), 3, "{}", app.screen());
    app.keys("z a");
    assert_eq!(app.screen().matches("line 1 of").count(), 2);
    app.keys("z R");
    assert_eq!(app.screen().matches("line 1 of").count(), 5, "{}", app.screen());
    app.keys("z M");
    assert_eq!(app.screen().matches("line 1 of").count(), 0);
    assert_eq!(app.subject(), "plan");
}

#[test]
fn parentheses_and_lines_move_between_messages_and_verbs_act_on_theirs() {
    let mut app = app((120, 40), 3);
    app.keys("enter )");
    assert_eq!(app.subject(), "Re: plan, louder");
    app.keys("s");
    assert!(app.flags("Re: plan, louder").contains(FlagBits::FLAGGED));
    assert_eq!(app.labels(), ["Starred 1 message"]);
    app.keys("k r");
    let replied = app.requests.iter().rev().find_map(|request| match request {
        Request::Compose(Start::Reply { id, .. }) => Some(*id),
        _ => None,
    });
    assert_eq!(replied, app.model.current(), "where all is in view a line is a message");
    assert_eq!(app.subject(), "Re: plan");
    app.keys(") ) ) )");
    assert!(app.screen().contains("last message of the thread"), "{}", app.screen());
}

#[test]
fn archiving_one_message_reads_on_in_the_thread_and_the_whole_thread_goes_with_a_capital() {
    let mut app = app((120, 40), 3);
    app.keys("enter ) e");
    assert_eq!(app.stored("Archive"), ["Re: plan, louder"]);
    assert_eq!(app.subject(), "Re: plan again");
    assert!(app.model.conversation().is_some(), "{}", app.screen());
    app.keys("u");
    assert_eq!(subjects(&app).len(), 5, "{}", app.screen());
    app.keys("E");
    assert_eq!(app.stored("Archive").len(), 4, "those of the folder, not one's own in Sent");
    assert!(app.model.conversation().is_none() && app.model.reading);
    assert_eq!(app.subject(), "other");
}

#[test]
fn the_last_one_that_leaves_ends_it() {
    let mut app = app((120, 40), 3);
    app.keys("enter e e e");
    assert_eq!(app.stored("Archive").len(), 3);
    app.keys("( ( ( ( e");
    assert_eq!(app.stored("Archive").len(), 4, "{}", app.screen());
    assert_eq!((app.subject().as_str(), app.stored("Sent").len()), ("other", 1));
}

#[test]
fn what_is_seen_whole_is_read_after_a_rest_and_the_rest_is_not() {
    let mut app = app((120, 40), 3);
    app.store("Inbox", 60, &mail("Ben", "Re: plan, more").answers(3).unread());
    app.changed("Inbox");
    app.keys("g g enter");
    app.pass(Duration::from_millis(1400));
    assert!(!app.flags("Re: plan").contains(FlagBits::SEEN));
    app.pass(Duration::from_millis(300));
    assert!(app.flags("Re: plan").contains(FlagBits::SEEN) && app.flags("Re: plan, more").contains(FlagBits::SEEN));
    assert_eq!(app.labels().len(), 0, "it has no words");

    let mut app = self::app((120, 40), 60);
    app.store("Inbox", 60, &mail("Ben", "Re: plan, more").answers(3).unread());
    app.changed("Inbox");
    app.keys("g g enter");
    app.pass(Duration::from_secs(3));
    assert!(app.flags("Re: plan").contains(FlagBits::SEEN) && !app.flags("Re: plan, more").contains(FlagBits::SEEN));
    app.keys(") U");
    app.pass(Duration::from_secs(5));
    assert!(!app.flags("Re: plan, louder").contains(FlagBits::SEEN), "pinned until the cursor comes back");

    let mut app = self::app((120, 60), 1);
    app.keys("enter U )");
    app.pass(Duration::from_secs(5));
    assert!(!app.flags("Re: plan").contains(FlagBits::SEEN), "though it is in view");
    app.keys("(");
    app.pass(Duration::from_secs(5));
    assert!(app.flags("Re: plan").contains(FlagBits::SEEN));
}

#[test]
fn scrolling_takes_the_cursor_along_and_space_goes_on_to_what_is_unread() {
    let mut app = app((120, 40), 60);
    app.keys("enter");
    assert_eq!(row_of(&app, "line 1 of"), 6, "{}", app.screen());
    app.keys("space");
    assert!(app.screen().contains("line 40 of"), "{}", app.screen());
    assert_eq!(app.subject(), "Re: plan");
    app.keys("space");
    assert_ne!(app.model.conversation().unwrap().index(), 1, "{}", app.screen());
    app.keys("G");
    assert_eq!(app.model.conversation().unwrap().index(), 4);
    app.keys("g g");
    assert_eq!(row_of(&app, "Priya"), 2);
}

#[test]
fn a_page_that_comes_late_moves_nothing_that_is_read() {
    let mut app = app((120, 40), 12);
    app.store("Inbox", 61, &mail("Priya", "Re: plan, first").answers(1).unread());
    app.changed("Inbox");
    let late = app.model.list.rows[0].id;
    app.keys("g g");
    app.held = vec![MessageId(2)];
    app.keys("enter ) )");
    let at = app.model.current().unwrap();
    let before = row_of(&app, "Noor");
    assert_ne!(Some(MessageId(2)), Some(late));
    let page = std::sync::Arc::new(crate::app::page(MessageId(2), app.model.conversation().unwrap().view));
    app.event(postrider::ui::event::Event::Worker(postrider::worker::WorkerEvent::Rendered {
        id: MessageId(2),
        view: page.view,
        page: Ok(page),
    }));
    app.settle();
    assert_eq!(row_of(&app, "Noor"), before, "{}", app.screen());
    assert_eq!(app.model.current(), Some(at));
}

#[test]
fn pages_are_asked_for_a_few_at_a_time() {
    let mails: Vec<_> = (0..40).map(|n| mail("Ben", format!("Re: plan {n}")).answers(1).unread()).chain([mail("Ben", "plan")]).collect();
    let mut app = App::new((120, 40), mails);
    app.burst("enter");
    app.load();
    app.event(postrider::ui::event::Event::Wake);
    let asked = app.requests.iter().filter(|request| matches!(request, Request::Want { .. })).count();
    assert!(asked <= 8, "{asked}");
    app.settle();
    let open = app.model.conversation().unwrap().open_ids();
    assert_eq!(open.len(), 21);
    assert!(open.iter().all(|id| app.model.preview.page_of(*id).is_some()), "all came in the end");
}

#[test]
fn with_many_pages_open_another_view_of_one_is_shown() {
    let mails: Vec<_> = (0..20).map(|n| mail("Ben", format!("Re: plan {n}")).answers(1).unread()).chain([mail("Ben", "plan")]).collect();
    let mut app = App::new((120, 40), mails);
    app.keys("enter H");
    let shown = app.model.preview.page_of(app.model.current().unwrap());
    assert!(shown.is_some_and(|page| page.as_ref().is_ok_and(|page| page.view.all_headers)));
    app.keys("z M (");
    assert!(app.model.preview.current().is_some(), "of a folded one too, for its links and files");
}

/// A listing that was made before a message left comes after the key.
#[test]
fn a_listing_from_before_does_not_end_the_reading() {
    let mut app = app((120, 40), 3);
    let old: Vec<_> = app.model.list.rows.to_vec();
    app.keys("enter ) )");
    assert_eq!(app.subject(), "Re: plan again", "the one that the list's row names");
    app.burst("e");
    app.load();
    let listing = app.model.list.listing.clone().unwrap();
    let told = postrider::worker::WorkerEvent::Listed { listing, rows: old.into(), hidden: 0, whole: true };
    app.event(postrider::ui::event::Event::Worker(told));
    app.load();
    assert!(app.model.conversation().is_some() && !subjects(&app).contains(&"Re: plan again".to_owned()), "{}", app.screen());
    app.settle();
    assert!(app.model.conversation().is_some(), "{}", app.screen());
    assert_eq!(app.stored("Archive"), ["Re: plan again"]);
}

#[test]
fn any_message_shows_its_thread_and_a_thread_one_message_alone() {
    let mut app = app((120, 40), 3);
    app.keys("T");
    assert_eq!(app.model.list.rows.len(), 5, "flat");
    app.keys("g g z t");
    assert_eq!(subjects(&app).len(), 5);
    assert_eq!(app.subject(), "Re: plan again", "the message it was asked from");
    app.keys("z t");
    assert!(app.model.conversation().is_none() && app.model.reading);
    assert_eq!(app.subject(), "Re: plan again");
    app.keys("q T enter ) z t");
    assert_eq!(app.subject(), "Re: plan, louder");
    assert!(app.model.conversation().is_none() && app.model.reading, "{}", app.screen());
    assert!(app.screen().contains("line 1 of"));
}

#[test]
fn the_next_thread_of_the_list_is_one_key_away() {
    let mut app = app((120, 40), 3);
    app.keys("enter J");
    assert_eq!(app.subject(), "other");
    assert!(app.model.conversation().is_none() && app.model.reading);
    app.keys("K");
    assert!(app.model.conversation().is_some());
}

#[test]
fn new_mail_comes_open_at_the_end_and_the_cursor_stays() {
    let mut app = app((120, 40), 3);
    app.keys("enter (");
    let at = app.model.current();
    app.store("Inbox", 62, &mail("Ben", "Re: plan, late").answers(2).unread());
    app.changed("Inbox");
    assert_eq!(app.model.current(), at);
    assert_eq!(subjects(&app).len(), 6);
    assert_eq!(app.screen().matches("line 1 of").count(), 3, "{}", app.screen());
}

#[test]
fn text_is_found_in_all_open_messages_and_the_cursor_goes_there() {
    let mut app = app((120, 40), 60);
    app.keys("enter /");
    app.text("line 50 of");
    app.keys("enter");
    assert!(app.screen().contains("line 50 of"), "{}", app.screen());
    assert_eq!(app.subject(), "Re: plan");
    app.keys("n");
    assert_eq!(app.model.conversation().unwrap().index(), 4, "{}", app.screen());
    app.keys("n");
    assert!(app.screen().contains("No further match"));
}

#[test]
fn a_click_on_a_head_folds_and_unfolds() {
    let mut app = app((120, 40), 3);
    app.keys("enter");
    let row = row_of(&app, "Ben") as u16;
    app.click(10, row);
    assert_eq!(app.subject(), "Re: plan, louder");
    assert_eq!(app.screen().matches("line 1 of").count(), 3, "{}", app.screen());
    app.click(10, row);
    assert_eq!(app.screen().matches("line 1 of").count(), 2);
}

#[test]
fn no_text_of_a_message_is_drawn_in_the_columns_of_heads() {
    let mut app = app((80, 24), 30);
    app.keys("enter z R");
    for _ in 0..10 {
        let screen = app.screen();
        let rows: Vec<&str> = screen.lines().collect();
        for line in rows.get(1..rows.len() - 2).unwrap() {
            let ours: String = line.chars().take(2).collect();
            assert!(ours.chars().all(|c| " ▌▾▸".contains(c)), "{screen}");
        }
        app.keys("space");
    }
}
