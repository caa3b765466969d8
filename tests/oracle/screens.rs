//! The reader's screens over hostile mail: lists, threads, folders, the message in all its views, the overlays, a reply, search.

use crate::letters::{Letter, PLACES};
use crate::support::mail::{Maildir, NOON_TEXT};
use crate::support::terminal::{Home, Screen, Terminal};
use crate::{Seen, deliver, encodings, is_full, payloads, stream};

const SIZE: (u16, u16) = (160, 90);
/// The key in the form that is no beginning of another one (CSI u): what follows at once is a key of its own.
const ESC: &str = "\x1b[27u";

fn open(home: &Home, (columns, rows): (u16, u16)) -> Terminal {
    let mut terminal = Terminal::start_with(home, &[], columns, rows, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("Inbox");
    terminal.settle();
    terminal
}

/// An account whose inbox has a message for every payload in these encodings, unread ones first.
fn inbox(payloads: &[Vec<u8>]) -> (Home, usize) {
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Archive", "Drafts", "Sent", "Junk", "Trash"]);
    let mut count = 0;
    for (number, payload) in payloads.iter().enumerate() {
        for encoding in encodings(number) {
            deliver(&maildir, "", &Letter { number, encoding, payload, parent: None }, "S");
            count += 1;
        }
    }
    home.configure(&format!("{}[ui]\nmark_read = \"never\"\n", maildir.configuration("local")));
    (home, count)
}

/// Presses, and notes what is on the screen then.
fn press(terminal: &mut Terminal, seen: &mut Seen, keys: &str) {
    terminal.press(keys);
    seen.look(terminal);
}

/// What was drawn piece by piece is what is drawn at once (after C-l): no symbol is wider or narrower than it was taken for.
/// Gives how often the screen was painted anew.
fn check_repaints(raw: &[u8], (columns, rows): (u16, u16)) -> usize {
    const BEGIN: &[u8] = b"\x1b[?2026h\x1b[?25l\x1b[m\x1b[r\x1b[H\x1b[2J";
    const END: &[u8] = b"\x1b[?2026l";
    let find = |what: &[u8], from: usize| raw[from..].windows(what.len()).position(|at| at == what).map(|at| from + at);
    let mut screen = Screen::new(columns, rows);
    let mut at = 0;
    let mut repaints = 0;
    while let Some(begin) = find(BEGIN, at) {
        screen.take(&raw[at..begin]);
        let before = screen.text();
        at = find(END, begin).expect("the end of a frame");
        screen.take(&raw[begin..at]);
        assert!(repaints == 0 || before == screen.text(), "painted anew it is another\n{before}\n---\n{}", screen.text());
        repaints += 1;
    }
    repaints
}

#[test]
fn no_message_reaches_the_terminal_with_more_than_text() {
    let payloads = payloads::all();
    let (home, count) = inbox(&payloads);
    let mut terminal = open(&home, SIZE);
    let mut seen = Seen::default();
    press(&mut terminal, &mut seen, "P");
    press(&mut terminal, &mut seen, "T");
    for _ in 0..=count / 60 {
        press(&mut terminal, &mut seen, "\x06");
        press(&mut terminal, &mut seen, "\x0c");
    }
    press(&mut terminal, &mut seen, "gg");
    press(&mut terminal, &mut seen, "\r");
    for _ in 0..count {
        // every header, the source, the other alternative, links and files
        for keys in ["H", "zs", "zszh", "o", "\x1b"] {
            press(&mut terminal, &mut seen, keys);
        }
        if !terminal.text().contains("q close") {
            // nothing was there to choose from, so Esc left the message
            press(&mut terminal, &mut seen, "\r");
        }
        press(&mut terminal, &mut seen, "J");
    }
    press(&mut terminal, &mut seen, "\x0c");
    seen.judge(&terminal, SIZE, &payloads, "reading");
    assert!(check_repaints(&terminal.raw(), SIZE) > 3);
    assert_eq!(terminal.quit(), 0);
    let by_place = seen.by_place();
    let cases: usize = by_place.values().sum();
    println!(
        "figure: {count} messages with {} payloads, {cases} of payload, place and encoding seen on {} screens ({} octets)",
        payloads.len(),
        seen.screens,
        seen.octets
    );
    for (place, name, least) in PLACES {
        let there = by_place.get(place).copied().unwrap_or(0);
        println!("figure: {there} of {count} in: {name}");
        assert!(there * 100 >= count * least, "the {name} came to the screen in {there} of {count} messages only");
    }
    assert!(!is_full() || cases >= 12_000, "{cases} cases");
}

#[test]
fn threads_search_replies_and_completion_show_no_more_than_text() {
    let payloads = payloads::all();
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Archive", "Drafts", "Sent", "Junk", "Trash"]);
    for (number, payload) in payloads.iter().enumerate() {
        let encoding = encodings(number).pop().expect("one");
        deliver(&maildir, "", &Letter { number, encoding: 0, payload, parent: None }, "S");
        deliver(&maildir, "", &Letter { number, encoding: if encoding == 0 { 1 } else { encoding }, payload, parent: Some(number) }, "S");
    }
    home.configure(&format!("{}[ui]\nmark_read = \"never\"\n", maildir.configuration("local")));
    let mut terminal = open(&home, SIZE);
    let mut seen = Seen::default();
    press(&mut terminal, &mut seen, "zR");
    for _ in 0..payloads.len() / 30 {
        press(&mut terminal, &mut seen, "\x06");
        press(&mut terminal, &mut seen, "zR");
    }
    press(&mut terminal, &mut seen, "gg");
    let step = if is_full() { 1 } else { 8 };
    for number in (0..payloads.len()).step_by(step) {
        // found, answered with its text quoted, the recipient completed, discarded
        press(&mut terminal, &mut seen, &format!("/q{number:03}e\r"));
        press(&mut terminal, &mut seen, "a");
        terminal.wait_text("wrote:");
        seen.look(&terminal);
        press(&mut terminal, &mut seen, "\x18k");
        press(&mut terminal, &mut seen, "c");
        press(&mut terminal, &mut seen, &format!("q{number:03}"));
        press(&mut terminal, &mut seen, ESC);
        press(&mut terminal, &mut seen, "\x18k");
        press(&mut terminal, &mut seen, ESC);
    }
    seen.judge(&terminal, SIZE, &payloads, "threads and replies");
    assert_eq!(terminal.quit(), 0);
    println!("figure: {} canaries seen on {} screens", seen.canaries.len(), seen.screens);
}

#[test]
fn folders_and_keywords_show_no_more_than_text() {
    let payloads = payloads::all();
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Archive", "Drafts", "Sent", "Junk", "Trash"]);
    let mut words = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        let name = [format!(".q{number:03}u00").as_bytes(), payload, b"z"].concat();
        if !name.contains(&b'/') && !name.contains(&0) && name.len() < 255 {
            let folder = maildir.root.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(&name));
            for sub in ["cur", "new", "tmp"] {
                std::fs::create_dir_all(folder.join(sub)).expect("a folder");
            }
        }
        if number % 8 == 0 && words.len() < 26 {
            words.push([format!("{} q{number:03}v00", words.len()).as_bytes(), payload, b"z\n"].concat());
        }
    }
    std::fs::write(maildir.root.join("dovecot-keywords"), words.concat()).expect("keywords");
    let letter = Letter { number: 0, encoding: 1, payload: b"x", parent: None };
    deliver(&maildir, "", &letter, "Sabcdefghijklmnopqrstuvwxyz");
    home.configure(&maildir.configuration("local"));
    let mut terminal = open(&home, SIZE);
    let mut seen = Seen::default();
    seen.look(&terminal);
    press(&mut terminal, &mut seen, "gf");
    press(&mut terminal, &mut seen, "u00");
    for _ in 0..payloads.len() {
        press(&mut terminal, &mut seen, "\x1b[B");
    }
    press(&mut terminal, &mut seen, ESC);
    for _ in 0..payloads.len() / 4 {
        for _ in 0..4 {
            terminal.send("]");
        }
        press(&mut terminal, &mut seen, "]");
    }
    press(&mut terminal, &mut seen, "gi");
    press(&mut terminal, &mut seen, "t");
    seen.judge(&terminal, SIZE, &payloads, "folders and keywords");
    terminal.press("\x1b");
    assert_eq!(terminal.quit(), 0);
    let by_place = seen.by_place();
    println!("figure: folders {:?}, keywords {:?}", by_place.get(&'u'), by_place.get(&'v'));
    assert!(by_place.get(&'u').is_some_and(|count| *count > 100), "{by_place:?}");
}

/// What a command prints of a message goes through the same border.
#[test]
fn what_a_command_prints_is_shown_as_text() {
    let payloads = payloads::all();
    let (home, _) = inbox(&payloads);
    let mut terminal = open(&home, SIZE);
    let mut seen = Seen::default();
    press(&mut terminal, &mut seen, "\r");
    for _ in (0..payloads.len()).step_by(if is_full() { 1 } else { 8 }) {
        press(&mut terminal, &mut seen, "|");
        // a message of one part has nothing to choose from
        if !terminal.text().contains("pipe to:") {
            press(&mut terminal, &mut seen, "\r");
        }
        press(&mut terminal, &mut seen, "cat\r");
        terminal.wait_text("j k scroll");
        seen.look(&terminal);
        press(&mut terminal, &mut seen, "q");
        press(&mut terminal, &mut seen, "J");
    }
    seen.judge(&terminal, SIZE, &payloads, "a command's output");
    assert_eq!(terminal.quit(), 0);
    println!("figure: {} canaries seen in what a command printed", seen.canaries.len());
    assert!(seen.by_place().get(&'r').is_some_and(|count| *count > 0), "the description is only in the raw message");
}

/// The same at other sizes: what is cut and wrapped there leaves no half of anything.
#[test]
fn no_width_lets_more_than_text_through() {
    let payloads = payloads::all();
    for size in [(20, 20), (80, 24), (200, 50)] {
        let (home, _) = inbox(&payloads);
        let mut terminal = open(&home, size);
        let mut seen = Seen::default();
        for number in 0..if is_full() { 170 } else { 12 } {
            for keys in ["\r", " ", "o", "\x1b", "q", if number % 7 == 6 { "\x06" } else { "j" }] {
                press(&mut terminal, &mut seen, keys);
            }
        }
        seen.judge(&terminal, size, &payloads, "other sizes");
        assert!(!seen.canaries.is_empty(), "at {size:?}");
        assert_eq!(terminal.quit(), 0);
    }
}

/// Keys that a terminal was made to answer with do nothing but what keys do; here: nothing was asked, so nothing is.
#[test]
fn nothing_on_the_screen_asks_the_terminal_anything() {
    let payloads = payloads::all();
    let (home, _) = inbox(&payloads);
    let mut terminal = open(&home, SIZE);
    terminal.press("\r");
    let raw = terminal.raw();
    let questions = raw.windows(6).filter(|at| *at == b"\x1b]11;?").count();
    assert_eq!(questions, 1, "one question, at the start");
    stream::check(&raw, SIZE.0, SIZE.1).expect("only our own");
    terminal.press("q");
    assert_eq!(terminal.quit(), 0);
}
