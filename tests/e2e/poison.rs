//! A message or an answer that ended the process is left alone by the next start and named, everything else is there, and
//! checking for mail tries again. The deaths are asked for (`src/fault.rs`), because nothing known kills this program.

use crate::support::mail::{Maildir, NOON_TEXT, message};
use crate::support::terminal::{Home, Terminal};

const WORD: &str = "KILLER";

/// Five messages, the second with the word in its subject and text.
fn world() -> (Home, Maildir) {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &[]);
    for number in 1..=5 {
        let (subject, body) = match number {
            2 => (format!("Subject 2 {WORD}"), format!("Body with {WORD} inside.")),
            _ => (format!("Subject {number}"), format!("Body of {number}.")),
        };
        maildir.deliver("", number, &message(number, &subject, &body, i64::from(number)), "", i64::from(number));
    }
    home.configure(&(maildir.configuration("local") + "[ui]\nthreads = false\nmark_read = \"never\"\n"));
    (home, maildir)
}

fn start(home: &Home, fault: &str) -> Terminal {
    Terminal::start_with(home, &[], 100, 30, &[("POSTRIDER_NOW", NOON_TEXT), ("POSTRIDER_FAULT", fault)])
}

/// Starts until one lives long enough to be quiet; how many died.
fn deaths(home: &Home, fault: &str) -> (usize, Terminal) {
    for died in 0..5 {
        let mut terminal = start(home, fault);
        if terminal.lives() {
            return (died, terminal);
        }
    }
    panic!("{fault}: it never starts again");
}

/// Opens the second message, waits for what is told, and closes it.
fn open_second(terminal: &mut Terminal, what: &str, is_it: impl Fn(&str) -> bool) {
    terminal.press("gg");
    terminal.press("j");
    terminal.press("\r");
    terminal.wait(what, is_it);
    terminal.press("q");
}

#[test]
fn a_message_that_ended_the_reader_when_opened_is_shown_as_its_source_at_the_next_start() {
    for kind in ["abort", "overflow", "hang"] {
        let (home, _maildir) = world();
        let fault = format!("{kind}@page:{WORD}");
        let mut terminal = start(&home, &fault);
        terminal.wait_text("Subject 2");
        terminal.send("ggj\r");
        if kind == "hang" {
            // it never ends: the reader goes on without it, and somebody loses patience
            terminal.wait_text("took too long");
            terminal.kill();
        } else {
            assert!(!terminal.wait_exit().expect("it dies").success(), "{kind}");
        }
        let mut terminal = start(&home, &fault);
        terminal.wait_text("its source is shown");
        terminal.settle();
        let is_source = |screen: &str| screen.contains("ended on 2026-11-20 while") && screen.contains(&format!("Body with {WORD}"));
        open_second(&mut terminal, "its source", is_source);
        terminal.press("gg");
        terminal.press("\r");
        terminal.wait_text("Body of 1.");
        terminal.press("q");
        assert_eq!(terminal.quit(), 0);
        // and it is tried again where that is asked for
        let mut terminal = start(&home, "");
        terminal.settle();
        open_second(&mut terminal, "its source, not tried again unasked", is_source);
        terminal.press("G");
        terminal.press(":sync\r");
        let is_page = |screen: &str| screen.contains(&format!("Body with {WORD}")) && !screen.contains("ended on 2026");
        open_second(&mut terminal, "its page", is_page);
        assert_eq!(terminal.quit(), 0);
    }
}

#[test]
fn a_message_whose_headers_end_the_process_is_a_row_with_a_note_and_the_others_are_there() {
    let (home, _maildir) = world();
    let (died, mut terminal) = deaths(&home, &format!("abort@headers:{WORD}"));
    assert_eq!(died, 2);
    let screen = terminal.wait_text("reading its headers ended");
    for number in [1, 3, 4, 5] {
        assert!(screen.contains(&format!("Subject {number}")), "{screen}");
    }
    terminal.press(":messages\r");
    terminal.wait_text("its headers are not read");
    terminal.kill();
    let mut terminal = start(&home, "");
    terminal.wait_text("reading its headers ended");
    terminal.settle();
    terminal.send(":sync\r");
    terminal.wait_text(&format!("Subject 2 {WORD}"));
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_message_whose_text_ends_the_process_is_not_searched_and_the_others_are() {
    let (home, _maildir) = world();
    let (died, mut terminal) = deaths(&home, &format!("abort@text:{WORD}"));
    assert_eq!(died, 2);
    terminal.wait_text("Subject 2");
    terminal.press("/Body\r");
    terminal.wait("the others", |screen| screen.contains("Subject 5") && screen.contains("Subject 1") && !screen.contains("Subject 2"));
    terminal.press("\x1b");
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_mailbox_whose_answer_ended_the_process_twice_is_left_alone_and_said() {
    let (home, _maildir) = world();
    // once without a fault, so that there is a list to show
    let (code, _, errors) = home.run(&["sync"]);
    assert_eq!(code, 0, "{errors}");
    let (died, mut terminal) = deaths(&home, "abort@step:local newest");
    assert_eq!(died, 2);
    terminal.wait_text("Subject 5");
    terminal.press(":messages\r");
    terminal.wait_text("it ended postrider on 2026-11-20");
    terminal.kill();
    // a command tries everything
    let (code, _, errors) = home.run(&["sync"]);
    assert_eq!(code, 0, "{errors}");
    let mut terminal = start(&home, "");
    terminal.settle();
    // the page that was laid out beside it may have been it as well, and is tried when somebody asks
    assert!(!terminal.text().contains("it ended postrider"), "{}", terminal.text());
    assert_eq!(terminal.quit(), 0);
}

#[test]
fn a_panic_over_one_message_costs_that_message_only() {
    for (place, shown) in [("headers", "reading its headers failed"), ("text", "Subject 2"), ("page", "could not be laid out")] {
        let (home, _maildir) = world();
        let mut terminal = start(&home, &format!("panic@{place}:{WORD}"));
        terminal.wait_text("Subject 5");
        terminal.settle();
        if place == "page" {
            open_second(&mut terminal, shown, |screen| screen.contains(shown));
        } else {
            terminal.wait_text(shown);
            open_second(&mut terminal, "its text", |screen| screen.contains(&format!("Body with {WORD}")));
        }
        terminal.press("gg");
        terminal.press("\r");
        terminal.wait_text("Body of 1.");
        terminal.press("q");
        assert_eq!(terminal.quit(), 0, "{place}");
    }
}
