//! `postrider demo`: the first thing people see.

use crate::support::terminal::{Home, Terminal};

#[test]
fn the_demo_shows_folders_list_and_preview_and_leaves_nothing_behind() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["demo"], 120, 40);
    // the folders of one account may be there before the other's mail is
    terminal.wait("folders, and the mailbox in the top row", |screen| {
        let has_folders = ["Inbox", "Drafts", "Sent", "Archive", "Trash"].iter().all(|name| screen.contains(name));
        has_folders && screen.lines().next().is_some_and(|top| top.contains("Inbox"))
    });
    terminal.settle();
    assert_eq!(terminal.quit(), 0);
    let left: Vec<_> = std::fs::read_dir(home.path().join("tmp")).expect("the temporary folder").collect();
    assert!(left.is_empty(), "the demo left {left:?}");
    assert!(!home.path().join("data").exists() && !home.path().join("config").exists(), "the demo wrote into the home");
}

#[test]
fn help_is_searched_while_typing_and_runs_what_it_finds() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["demo"], 120, 40);
    terminal.wait_text("Inbox");
    terminal.settle();
    terminal.press("?");
    terminal.press("redo");
    let screen = terminal.wait("the entry for redo", |screen| screen.matches("edo").count() >= 2);
    assert!(screen.to_lowercase().contains("redo"));
    terminal.press("\x1b");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn every_screen_size_is_drawn() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["demo"], 120, 40);
    terminal.wait_text("Inbox");
    terminal.settle();
    for (columns, rows) in [(160, 48), (80, 24), (40, 20), (20, 6), (1, 1), (200, 60), (120, 40)] {
        let mark = terminal.event_mark();
        terminal.resize(columns, rows);
        terminal.settle_after(mark, "a resize");
        if columns >= 20 && rows >= 6 {
            assert!(terminal.text().lines().any(|line| !line.is_empty()), "nothing drawn at {columns}x{rows}");
        }
    }
    assert_eq!(terminal.quit(), 0);
}

/// The newest thread of the demo: five messages, of which one is in Sent and the newest is unread.
#[test]
fn a_thread_is_read_as_one_page_at_every_size() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["demo"], 120, 40);
    terminal.wait_text("Re-wiring the staging cluster");
    terminal.settle();
    terminal.press("\r");
    let screen = terminal.wait("the thread", |screen| {
        screen.contains("5 of 5") && screen.contains("Morning all,") && screen.contains("I moved the first two racks")
    });
    let at = |words: &str| screen.lines().position(|line| line.contains(words));
    assert!(at("Morning all,") < at("Both at once") && at("Both at once") < at("I moved"), "oldest first:\n{screen}");
    assert!(screen.lines().any(|line| line.contains("Both at once") && line.contains(" Sent ")), "one's own with its folder:\n{screen}");
    assert!(!screen.contains("the year the lighthouse was painted. I would like"), "what was read is folded:\n{screen}");
    terminal.press("((((");
    terminal.wait_text("1 of 5");
    terminal.press("\r");
    terminal.wait_text("before the winter storms do it for us");
    for (columns, rows) in [(80, 24), (40, 20)] {
        let mark = terminal.event_mark();
        terminal.resize(columns, rows);
        terminal.settle_after(mark, "a resize");
        terminal.wait("its head", |screen| screen.contains("1 of 5") && screen.contains("Priya"));
        terminal.press(")");
        terminal.wait_text("2 of 5");
        terminal.press("(");
        terminal.wait_text("1 of 5");
    }
    assert_eq!(terminal.quit(), 0);
}

/// Cells that are half blocks, with the colours they have.
fn halves(terminal: &Terminal) -> Vec<(vt100::Color, vt100::Color)> {
    let screen = terminal.screen();
    let cells = (0..40).flat_map(|row| (0..120).map(move |column| (row, column)));
    let drawn = cells.filter_map(|(row, column)| screen.cell(row, column)).filter(|cell| cell.contents() == "▀");
    drawn.map(|cell| (cell.fgcolor(), cell.bgcolor())).collect()
}

#[test]
fn a_picture_is_drawn_in_its_message_and_over_the_screen_in_the_colours_there_are() {
    for (colors, is_right) in [
        (("COLORTERM", "truecolor"), (|color| matches!(color, vt100::Color::Rgb(..))) as fn(vt100::Color) -> bool),
        (("TERM", "xterm-256color"), |color| matches!(color, vt100::Color::Idx(16..))),
        (("TERM", "linux"), |color| matches!(color, vt100::Color::Idx(..16))),
    ] {
        let home = Home::new();
        let mut terminal = Terminal::start_with(&home, &["demo"], 120, 40, &[colors, ("MAILCAPS", "/dev/null")]);
        terminal.wait_text("Re-wiring the staging cluster");
        terminal.settle();
        terminal.press("\r");
        terminal.wait_text("5 of 5");
        terminal.press("zi");
        terminal.press("G");
        terminal.wait("the picture", |screen| screen.contains("[graph.png, PNG 320×180]") && screen.contains('▀'));
        assert!(halves(&terminal).iter().all(|(fg, bg)| is_right(*fg) && is_right(*bg)), "{colors:?}");
        terminal.press("zi");
        terminal.wait_gone("▀");
        terminal.press("oa\r");
        terminal.wait("the picture over the screen", |screen| screen.contains(" graph.png ") && screen.contains('▀'));
        terminal.press("q");
        terminal.wait_gone("▀");
        assert_eq!(terminal.quit(), 0);
    }
}
