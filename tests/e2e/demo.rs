//! `postrider demo`: the first thing people see.

use crate::support::terminal::{Home, Terminal};

#[test]
fn the_demo_shows_folders_list_and_preview_and_leaves_nothing_behind() {
    let home = Home::new();
    let mut terminal = Terminal::start(&home, &["demo"], 120, 40);
    let screen = terminal
        .wait("folders and messages", |screen| ["Inbox", "Drafts", "Sent", "Archive", "Trash"].iter().all(|name| screen.contains(name)));
    assert!(screen.lines().next().is_some_and(|top| top.contains("Inbox")), "the top row names the mailbox:\n{screen}");
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
