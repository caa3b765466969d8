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

/// A message with a program that calls itself a PDF, and one that is what it says.
const TWO_FILES: &str = "From: Sender <s@example.org>\r\nTo: Ada <ada@example.org>\r\nSubject: Subject 1 with files\r\n\
    Date: Fri, 20 Nov 2026 11:59:00 +0000\r\nMessage-ID: <files@example.org>\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nTwo files.\r\n\
    --b\r\nContent-Type: application/pdf; name=\"../bad plan.pdf\"\r\nContent-Disposition: attachment\r\n\r\nMZ program\r\n\
    --b\r\nContent-Type: text/plain; name=notes.txt\r\nContent-Disposition: attachment\r\n\r\nplain notes\r\n--b--\r\n";

/// A program that writes down how many arguments it was given, and the n-th.
fn write_recorder(script: &std::path::Path, argument: u8, record: &std::path::Path) {
    let text = format!("#!/bin/sh\nprintf '%s\\n' \"$#\" \"${argument}\" >>{}\n", record.display());
    std::fs::write(script, text).expect("a script");
    std::fs::set_permissions(script, std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("executable");
}

#[test]
fn a_file_is_opened_as_an_argument_and_a_doubtful_one_only_after_the_word() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.deliver("", 1, TWO_FILES, "", 1);
    let opened = home.path().join("opened");
    let script = home.path().join("opener");
    write_recorder(&script, 1, &opened);
    home.configure(&format!("{}[ui]\nopen_command = [\"{}\"]\n", maildir.configuration("local"), script.display()));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Two files.");
    terminal.press("\r");
    terminal.press("ob\r");
    let said = || std::fs::read_to_string(&opened).unwrap_or_default();
    until("notes.txt is opened", || said().ends_with("notes.txt\n"));
    assert!(said().starts_with("1\n"), "one argument: {}", said());
    terminal.press("oa\r");
    terminal.wait_text("open the file?");
    terminal.press("\x1b");
    assert!(!said().contains("bad plan"), "not without the word");
    terminal.press("oa\r");
    terminal.wait_text("open the file?");
    terminal.press("open\r");
    until("the program is handed over after the word", || said().ends_with("bad plan.pdf\n"));
    // its folder is its own, whatever the name said
    let path = said().lines().last().map(std::path::PathBuf::from).expect("a path");
    assert!(path.parent().is_some_and(|folder| folder.starts_with(home.path().join("tmp"))), "{}", path.display());
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_file_is_shown_by_the_program_that_mailcap_names_and_no_shell_runs_it() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.deliver("", 1, TWO_FILES, "", 1);
    let (opened, touched, script) = (home.path().join("opened"), home.path().join("touched"), home.path().join("viewer"));
    write_recorder(&script, 2, &opened);
    let lines = [
        "# a line that makes no sense, one for a shell, one whose test says no, one whose program is not here".to_owned(),
        "text/plain; cat 'x".to_owned(),
        format!("text/plain; cat %s | tee {}; copiousoutput", touched.display()),
        "text/plain; tac %s; copiousoutput; test=test -n \"$POSTRIDER_NO_SUCH_NAME\"".to_owned(),
        "text/plain; /no/such/program %s; copiousoutput".to_owned(),
        "text/*; sh -c 'echo \"opened %s\" && sed s/^/seen:/ \"%s\" -'; copiousoutput; nametemplate=%s.text".to_owned(),
        format!("application/pdf; {} --flag '%s'", script.display()),
    ];
    std::fs::write(home.path().join(".mailcap"), lines.join("\n")).expect("a mailcap");
    home.configure(&maildir.configuration("local"));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Two files.");
    terminal.press("\r");
    terminal.press("ob\r");
    terminal.wait_text("seen:plain notes");
    assert!(terminal.text().contains("notes.txt.text"), "{}", terminal.text());
    assert_eq!(terminal.text().matches("seen:plain notes").count(), 1, "the file is not its input as well: {}", terminal.text());
    assert!(!touched.exists(), "no shell of ours");
    terminal.press("q");
    terminal.press("oa\r");
    terminal.wait_text("open the file?");
    terminal.press("open\r");
    let said = || std::fs::read_to_string(&opened).unwrap_or_default();
    until("the program has the file", || said().ends_with("bad_plan.pdf\n"));
    assert!(said().starts_with("2\n"), "two arguments: {}", said());
    assert_eq!(terminal.quit(), 0);
}

/// Made by another program: a file of 12 octets, a folder, a picture in it.
const ARCHIVE: &str = "UEsDBBQAAAAAAIBgdF3SrSdwDAAAAAwAAAAIAAAAcGxhbi50eHR4eHh4eHh4eHh4eHhQSwMEFAAA\r\n\
    AAAAgGB0XQAAAAAAAAAAAAAAAAkAAABwaWN0dXJlcy9QSwMEFAAACAAAgGB0XRUm2/sBAAAAAQAA\r\n\
    ABIAAABwaWN0dXJlcy9jYWbDqS5wbmd5UEsBAhQDFAAAAAAAgGB0XdKtJ3AMAAAADAAAAAgAAAAA\r\n\
    AAAAAAAAAIABAAAAAHBsYW4udHh0UEsBAhQDFAAAAAAAgGB0XQAAAAAAAAAAAAAAAAkAAAAAAAAA\r\n\
    AAAAAIABMgAAAHBpY3R1cmVzL1BLAQIUAxQAAAgAAIBgdF0VJtv7AQAAAAEAAAASAAAAAAAAAAAA\r\n\
    AACAAVkAAABwaWN0dXJlcy9jYWbDqS5wbmdQSwUGAAAAAAMAAwCtAAAAigAAAAAA";

#[test]
fn what_is_in_an_archive_is_listed_and_nothing_of_it_is_unpacked() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    let head = "From: Sender <s@example.org>\r\nSubject: Subject 1\r\nMessage-ID: <zip@example.org>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nAn archive.\r\n\
        --b\r\nContent-Type: application/zip; name=plans.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    maildir.deliver("", 1, &format!("{head}{ARCHIVE}\r\n--b--\r\n"), "", 1);
    home.configure(&maildir.configuration("local"));
    let temporary = home.path().join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let more = [("POSTRIDER_NOW", NOON_TEXT), ("MAILCAPS", "/dev/null"), ("TMPDIR", temporary.to_str().expect("UTF-8"))];
    let mut terminal = Terminal::start_with(&home, &[], 80, 24, &more);
    terminal.wait_text("An archive.");
    terminal.press("\r");
    terminal.press("oa\r");
    let screen = terminal.wait_text("A ZIP archive of 2 files and 1 folder, 13 octets when unpacked");
    for line in
        ["12  2026-11-20 12:04  plan.txt", "    2026-11-20 12:04  pictures/", " 1  2026-11-20 12:04  pictures/café.png", "plans.zip"]
    {
        assert!(screen.contains(line), "{line}: {screen}");
    }
    assert_eq!(std::fs::read_dir(&temporary).expect("a folder").count(), 0, "no file was made");
    terminal.press("q");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_message_is_exported_as_its_files_name_says_and_printed() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.deliver("", 1, TWO_FILES, "", 1);
    let printed = home.path().join("printed");
    home.configure(&format!("{}[ui]\nprint_command = [\"sh\", \"-c\", \"cat >{}\"]\n", maildir.configuration("local"), printed.display()));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Two files.");
    let read = |name: &str| std::fs::read_to_string(home.path().join(name)).unwrap_or_default();
    for name in ["out/a.eml", "out/a.txt", "out/a.eml"] {
        terminal.press(&format!(":export {}\r", home.path().join(name).display()));
        terminal.wait_text("Saved ");
        terminal.wait("its name", |screen| screen.contains(if name.ends_with("txt") { "a.txt" } else { ".eml" }));
    }
    until("the second has a name of its own", || read("out/a (1).eml") == TWO_FILES);
    assert_eq!(read("out/a.eml"), TWO_FILES);
    let text = "From: Sender <s@example.org>\nTo: Ada <ada@example.org>\nDate: Fri, 20 Nov 2026 11:59:00 +0000\n\
                Subject: Subject 1 with files\n\nTwo files.\n\n[../bad plan.pdf, 10 octets]\n\n[notes.txt, 11 octets]\n";
    assert_eq!(read("out/a.txt"), text);
    for name in ["out/a.html", "out/a"] {
        terminal.press(&format!(":export {}\r", home.path().join(name).display()));
        terminal.wait_text("could not be exported");
        terminal.press("\x1b");
    }
    terminal.press(":export\r");
    terminal.wait_text("Subject 1 with files.eml");
    terminal.press("\x1b");
    terminal.press(":print\r");
    until("it is printed", || read("printed") == text);
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn what_a_command_prints_is_shown_and_a_failure_too() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.deliver("", 1, TWO_FILES, "", 1);
    home.configure(&maildir.configuration("local"));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Two files.");
    terminal.press("\r");
    // the second file alone
    terminal.press("|b\r");
    terminal.press("tr a-z A-Z\r");
    terminal.wait_text("PLAIN NOTES");
    terminal.press("q");
    terminal.wait_gone("PLAIN NOTES");
    // the message as it is
    terminal.press("|\r");
    terminal.press("sh -c 'grep ^Message-ID; echo bad luck >&2; exit 7'\r");
    terminal.wait("the output and the end", |screen| screen.contains("<files@example.org>") && screen.contains("bad luck"));
    terminal.press("q");
    terminal.wait_text("exit status: 7");
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

/// A message that answers those numbers, the last of them directly.
fn answer(number: u32, to: &[u32]) -> String {
    let references: Vec<String> = to.iter().map(|number| format!("<m{number}@example.org>")).collect();
    let text = message(number, &format!("Subject {number}"), "Yes.", 10 - i64::from(number));
    text.replace("Message-ID:", &format!("References: {}\r\nMessage-ID:", references.join(" ")))
}

#[test]
fn a_thread_stays_cut_where_it_was_and_joined_in_a_new_file_beside_and_after_an_answer_came() {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.deliver("", 1, &message(1, "Subject 1", "Shall we?", 9), "S", 9);
    maildir.deliver("", 2, &answer(2, &[1]), "S", 8);
    maildir.deliver("", 3, &answer(3, &[1, 2]), "S", 7);
    maildir.deliver("", 4, &message(4, "Other", "No answer.", 6), "S", 6);
    home.configure(&maildir.configuration("local"));
    let start = || {
        let terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait_text("Other");
        terminal
    };
    let mut terminal = start();
    terminal.wait_text("(3)");
    terminal.settle();
    terminal.press("zR");
    terminal.wait_text("Sender 2");
    terminal.press("Gk%");
    terminal.wait_text("Cut 1 message off its thread   u undo");
    terminal.press("zM");
    terminal.wait_text("(2)");
    // under the other message, by a mark
    terminal.press("gg");
    terminal.press("jxkk&");
    terminal.wait_text("Joined 2 messages under another   u undo");
    terminal.wait_text("(3)");
    assert_eq!(terminal.quit(), 0);

    let data = home.path().join("data/postrider");
    assert!(data.join("user.db").exists());
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.join(format!("mail.db{ending}")));
    }
    let mut terminal = start();
    terminal.wait_text("(3)");
    maildir.deliver("", 5, &answer(5, &[1, 2, 3]), "S", 5);
    terminal.wait_text("(4)");
    terminal.press("gg");
    terminal.press("zR");
    // the folded row names the last of them
    let screen = terminal.wait_text("Sender 2");
    let places = ["Sender 4", "Sender 2", "Sender 3", "Sender 5", "Sender 1"].map(|text| screen.find(text));
    assert!(places.is_sorted() && places[0].is_some(), "{screen}");
    assert_eq!(terminal.quit(), 0);
    let (base, flags) = maildir.list("").into_iter().find(|(base, _)| base.contains(".M2P1.")).expect("message 2");
    let file = maildir.folder("").join("cur").join(format!("{base}:2,{flags}"));
    assert_eq!(std::fs::read_to_string(file).expect("message 2"), answer(2, &[1]), "no message is rewritten");
}
