//! `kill -9` at seeded moments while somebody types: the next start has the draft again, at most twenty keys behind what was
//! on the screen; and nothing behind it where the terminal went away instead, as it does every fifth time. `POSTRIDER_SEEDS` says how many kills (default 300), `POSTRIDER_SEED_FROM` where to begin.

use std::time::Duration;

use crate::kill::{KILLS_EACH, figure, seeds};
use crate::support::mail::Maildir;
use crate::support::random::Random;
use crate::support::terminal::{Home, Terminal};

/// Keys that may be lost.
const BEHIND: usize = 20;

#[test]
fn what_is_typed_survives_any_kill_but_for_the_last_keys() {
    for seed in seeds(300) {
        let home = Home::new();
        let maildir = Maildir::create(&home.path().join("mail"), &["Drafts"]);
        home.configure(&maildir.configuration("local"));
        let mut random = Random::new(seed);
        let (mut typed, mut shown, mut behind) = (Typed::default(), String::new(), BEHIND);
        for round in 0..=KILLS_EACH {
            let context = format!("seed {seed}, before kill {round}");
            let mut terminal = Terminal::start(&home, &[], 80, 24);
            let left = reopened(&home, &mut terminal, &context);
            assert!(typed.0.starts_with(&left), "{context}: typed {:?}, kept {left:?}", typed.0);
            assert!(left.len() + behind >= shown.len(), "{context}: {shown:?} was on the screen, {left:?} was kept");
            if round == KILLS_EACH {
                break;
            }
            typed.0 = left;
            for _ in 0..=random.below(6) {
                let count = 1 + random.below(30) as usize;
                terminal.send(typed.more(count));
                // the moment of death is part of the seed, as far as a machine allows
                std::thread::sleep(Duration::from_micros(random.below(60_000)));
            }
            shown = body(&terminal.text());
            if round % 5 == 4 {
                behind = 0;
                terminal.hang_up().unwrap_or_else(|| panic!("{context}: it lives on without a terminal"));
            } else {
                behind = BEHIND;
                terminal.kill();
            }
        }
    }
    figure("typing, at most 20 keys behind", seeds(300));
}

/// Waits for the reader, opens the draft that was left, or a new one, and gives its text; the cursor is at its end.
fn reopened(home: &Home, terminal: &mut Terminal, context: &str) -> String {
    terminal.wait_text("local");
    terminal.settle();
    let (code, list, errors) = home.run(&["list", "--json", "--mailbox", "local/Drafts"]);
    assert_eq!(code, 0, "{context}: {errors}");
    let list: serde_json::Value = serde_json::from_str(&list).expect("list is JSON");
    match list["messages"].as_array().map_or(0, Vec::len) {
        0 => {
            terminal.send("c");
            terminal.wait_text("New message");
            terminal.send("\t\t");
        }
        1 => {
            terminal.press("gd");
            terminal.press("\r");
            terminal.wait("the composer's keys", |screen| screen.contains("C-x s"));
        }
        more => panic!("{context}: one draft has become {more}"),
    }
    body(&terminal.text())
}

/// What was typed, line ends left out.
#[derive(Default)]
struct Typed(String);

impl Typed {
    /// The next `count` keys; every line has 60 characters.
    fn more(&mut self, count: usize) -> String {
        let mut keys = String::new();
        for _ in 0..count {
            let at = self.0.len();
            if at > 0 && at.is_multiple_of(60) {
                keys.push('\r');
            }
            let next = char::from(b'a' + u8::try_from(at / 7 % 26).expect("a letter"));
            self.0.push(next);
            keys.push(next);
        }
        keys
    }
}

/// The text of the draft on the screen, line ends left out.
fn body(screen: &str) -> String {
    let text = screen.lines().skip_while(|line| !line.contains("────")).skip(1);
    text.take_while(|line| !line.contains("C-x s")).map(str::trim).filter(|line| line.bytes().all(|b| b.is_ascii_lowercase())).collect()
}
