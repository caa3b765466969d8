//! The terminal oracle: whatever stands in mail, in names, or in what a server says, no octet of it acts on the terminal. The
//! real binary is led over its screens with hostile mail, everything that it writes is read by a strict grammar
//! (`stream.rs`), and canaries tell which places came to the screen.
//!
//! By default every payload in one encoding a message; with `POSTRIDER_FULL=1` in each of the twelve. `figure:` lines say how much was shown.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod letters;
mod payloads;
mod screens;
mod server;
mod stream;

use std::collections::{BTreeMap, HashSet};

use letters::{ENCODINGS, Letter};
use support::mail::{Maildir, NOON};
use support::terminal::{Home, Terminal};

/// Every encoding of every payload, instead of one of each.
fn is_full() -> bool {
    std::env::var_os("POSTRIDER_FULL").is_some()
}

/// The encodings that a payload is sent in.
fn encodings(number: usize) -> Vec<usize> {
    if is_full() { (0..ENCODINGS).collect() } else { vec![number % ENCODINGS] }
}

/// Puts a message into a Maildir as another program would; gives the end of its file name.
fn deliver(maildir: &Maildir, folder: &str, letter: &Letter, flags: &str) {
    let minutes = i64::try_from(letter.number * ENCODINGS + letter.encoding).expect("small");
    let name = format!("{}.M{}P{}.test:2,{flags}", NOON - 60 * minutes, letter.number, letter.encoding);
    std::fs::write(maildir.folder(folder).join("cur").join(name), letter.bytes()).expect("a delivery");
}

/// What was seen so far, and the last word on a run.
#[derive(Default)]
struct Seen {
    canaries: HashSet<String>,
    screens: usize,
    octets: usize,
}

impl Seen {
    /// Notes the canaries on the screen.
    fn look(&mut self, terminal: &Terminal) {
        self.canaries.extend(stream::canaries(&terminal.text()));
        self.screens += 1;
    }

    /// Fails where anything foreign reached the terminal.
    fn judge(&mut self, terminal: &Terminal, (columns, rows): (u16, u16), payloads: &[Vec<u8>], what: &str) {
        let raw = terminal.raw();
        self.octets += raw.len();
        if let Err(fault) = stream::check(&raw, columns, rows).and_then(|()| stream::check_payloads(&raw, payloads)) {
            panic!("{what}: {fault}");
        }
    }

    /// How many (payload, encoding) pairs were seen in each place.
    fn by_place(&self) -> BTreeMap<char, usize> {
        let mut places = BTreeMap::new();
        for canary in &self.canaries {
            *places.entry(canary.chars().nth(4).unwrap_or('?')).or_default() += 1;
        }
        places
    }
}

/// Runs a command on a terminal to its end.
fn command(home: &Home, arguments: &[&str], columns: u16, what: &str, payloads: &[Vec<u8>], seen: &mut Seen) {
    let mut terminal = Terminal::start(home, arguments, columns, 100);
    assert!(terminal.wait_exit().is_some(), "{what} does not end");
    terminal.wait_shown_all();
    seen.canaries.extend(stream::canaries(&String::from_utf8_lossy(&terminal.raw())));
    seen.screens += 1;
    seen.judge(&terminal, (columns, 100), payloads, what);
}
