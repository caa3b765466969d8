//! Reading and triage of a local Maildir, each change seen in the files and taken back by `u`.

use crate::support::mail::{Maildir, NOON_TEXT, message};
use crate::support::terminal::{Home, Terminal, until};

const FOLDERS: &[&str] = &["Archive", "Drafts", "Sent", "Junk", "Trash", "Lists"];

fn reader(home: &Home, maildir: &Maildir) -> Terminal {
    home.configure(&maildir.configuration("local"));
    let mut terminal = Terminal::start_with(home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Subject 1");
    terminal.settle();
    terminal
}

#[test]
fn what_is_opened_is_shown() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.fill(5);
    let mut terminal = reader(&home, &maildir);
    terminal.press("\r");
    terminal.wait_text("Body of 1.");
    terminal.press("J");
    terminal.wait_text("Body of 2.");
    terminal.press("q");
    terminal.wait_text("Subject 5");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn star_archive_trash_and_move_reach_the_files_and_are_undone() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.fill(5);
    let mut terminal = reader(&home, &maildir);

    let starred = |wanted: bool| maildir.flags("", 1).is_some_and(|flags| flags.contains('F') == wanted);
    terminal.press("s");
    until("a star in the file's name", || starred(true));
    terminal.press("u");
    until("no star in the file's name", || starred(false));

    for (keys, folder) in [("e", "Archive"), ("d", "Trash"), ("mLists\r", "Lists"), ("!", "Junk")] {
        terminal.press("gg");
        terminal.press(keys);
        until(&format!("{keys}: the file in {folder}"), || maildir.has(folder, 1) && !maildir.has("", 1));
        terminal.press("u");
        until(&format!("{keys} undone"), || !maildir.has(folder, 1) && maildir.has("", 1));
    }
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_delivery_and_changes_by_another_program_appear_without_a_key() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.fill(3);
    let terminal = reader(&home, &maildir);
    maildir.deliver("", 77, &message(77, "Fresh from outside", "New.", 0), "", 0);
    terminal.wait_text("Fresh from outside");
    let base = maildir.list("").into_iter().find(|(base, _)| base.contains(".M3P1.")).expect("message 3").0;
    std::fs::remove_file(maildir.folder("").join("cur").join(format!("{base}:2,"))).expect("removes");
    terminal.wait_gone("Subject 3");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn undo_survives_a_restart() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.fill(3);
    let mut terminal = reader(&home, &maildir);
    terminal.press("e");
    until("the file in Archive", || maildir.has("Archive", 1));
    assert_eq!(terminal.quit(), 0);
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Subject 2");
    terminal.settle();
    terminal.press("u");
    terminal.wait_text("Subject 1");
    until("the file in the inbox", || maildir.has("", 1) && !maildir.has("Archive", 1));
    assert_eq!(terminal.quit(), 0);
}
