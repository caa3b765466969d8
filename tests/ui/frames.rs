//! Every size, every overlay, both icon sets and all palettes draw without a panic and without foreign controls.

use postrider::config::{Colors, Icons};
use postrider::ui::event::Event;
use proptest::prelude::*;

use crate::app::{App, Mail, mail};

const HOSTILE: &str = "\x1b]0;owned\x07\u{9b}31m\u{202e}evil\u{200b}\r\nBcc: x";

fn mails() -> Vec<Mail> {
    let mut mails: Vec<Mail> = (0..60).map(|n| mail("Priya Raman", format!("message number {n}")).unread()).collect();
    mails.insert(1, mail("Chen Wei 陈伟", "午餐计划 — 星期五 👩‍👩‍👧").file());
    mails.insert(2, mail("יוסי כהן", "פגישה מחר בבוקר"));
    mails.insert(3, mail("Hostile", HOSTILE));
    mails
}

#[test]
fn the_usual_sizes_show_sender_and_subject() {
    for (columns, rows) in [(160, 48), (120, 40), (80, 24), (40, 20)] {
        let app = App::new((columns, rows), mails());
        let screen = app.screen();
        assert!(screen.contains("message number 0") && screen.contains("Priya"), "{columns}x{rows}\n{screen}");
        assert!(!screen.contains(|c: char| c.is_control() && c != '\n') && !screen.contains('\u{202e}'), "{columns}x{rows}");
    }
    assert!(App::new((20, 6), mails()).screen().contains("message"));
}

#[test]
fn at_80_columns_the_subject_has_at_least_30_cells() {
    let app = App::new((80, 24), vec![mail("Somebody with a very long name", "x".repeat(100))]);
    assert!(app.screen().contains(&"x".repeat(30)), "{}", app.screen());
}

#[test]
fn a_cursor_move_changes_few_cells() {
    let mut app = App::with((120, 40), mails(), |config| config.ui.preview = false);
    app.keys("j");
    let before = app.buffer(Colors::Ansi256);
    app.keys("j");
    let after = app.buffer(Colors::Ansi256);
    let changed = before.diff(&after).len();
    assert!(changed > 0 && changed <= 70, "{changed} cells");
}

#[test]
fn without_colour_the_cursor_and_the_unread_are_still_told_apart() {
    let app = App::new((120, 40), mails());
    let buffer = app.buffer(Colors::None);
    for cell in &buffer.content {
        assert!(cell.fg == ratatui::style::Color::Reset && cell.bg == ratatui::style::Color::Reset);
    }
    assert!(app.screen().contains('▌') && app.screen().contains('▪'));
}

#[test]
fn ascii_icons_leave_only_ascii_of_ours() {
    let app = App::with((120, 40), vec![mail("Priya", "plain").unread()], |config| {
        config.ui.icons = Icons::Ascii;
        config.ui.preview = false;
    });
    let screen = app.screen();
    assert!(screen.is_ascii(), "{screen}");
}

#[test]
fn scrolling_tells_how_far_the_rows_moved() {
    let mut app = App::with((120, 40), mails(), |config| config.ui.preview = false);
    let page = app.model.page();
    app.keys(&"j ".repeat(page));
    assert!(app.model.list.top > 0);
    app.load();
    assert_eq!(app.model.list.shift, None, "told once");
}

#[test]
fn a_row_taken_out_tells_that_those_below_it_moved_up() {
    let mut app = App::with((120, 40), mails(), |config| config.ui.preview = false);
    app.keys("j j");
    app.burst("e");
    app.load();
    assert_eq!(app.model.list.shift, Some(postrider::ui::list::Shift { from: 2, by: 1 }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Any size, any keys: no panic, and the cursor is on the screen.
    #[test]
    fn any_size_and_any_keys_draw(columns in 0u16..180, rows in 0u16..60, keys in proptest::collection::vec(0usize..40, 0..25)) {
        const KEYS: [&str; 40] = [
            "j", "k", "G", "g g", "enter", "esc", "tab", "e", "d", "u", "x", "v", "?", ":", "/", "a", "m", "space", "J", "z a",
            "h", "l", "P", "ctrl-w f", "ctrl-w o", "ctrl-w >", "w", "g A", "o", "S", "T", ", f", "g", "5", "backspace", "n", "ctrl-d", "q", "* a", "ctrl-w <",
        ];
        let mut app = App::new((120, 40), mails());
        app.event(Event::Resize { columns, rows });
        for key in keys {
            if KEYS[key] == "q" && app.model.overlays.is_empty() && !app.model.reading {
                continue;
            }
            app.keys(KEYS[key]);
            app.screen();
        }
    }
}
