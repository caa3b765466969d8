//! `kill -9` at seeded moments, during first sync, flags, moves and undo: what was acknowledged is kept, what
//! was not is whole or not at all, and every message exists exactly once.
//! `POSTRIDER_SEEDS` says how many kills (default 150 over a Maildir and 60 over IMAP), `POSTRIDER_SEED_FROM` where to begin.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::mail::{Maildir, NOON_TEXT};
use crate::support::random::Random;
use crate::support::terminal::{Home, Terminal};

const FOLDERS: &[&str] = &["Archive", "Drafts", "Sent", "Junk", "Trash"];
const MESSAGES: u32 = 40;

/// Where a server (or a Maildir) holds each message, and whether it is starred.
type Held<'a> = &'a dyn Fn(&str) -> BTreeMap<u32, (String, bool)>;

/// Each history is killed several times; a history is one mailbox.
pub const KILLS_EACH: u64 = 10;

fn number_of(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

pub fn seeds(default: u64) -> std::ops::Range<u64> {
    let (from, seeds) = (number_of("POSTRIDER_SEED_FROM", 1), number_of("POSTRIDER_SEEDS", default));
    from..from + seeds.div_ceil(KILLS_EACH)
}

#[test]
fn every_file_exists_once_after_any_kill_and_acknowledged_changes_stand() {
    for seed in seeds(150) {
        let home = Home::new();
        let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
        maildir.fill(MESSAGES);
        home.configure(&(maildir.configuration("local") + SETTINGS));
        history(&home, seed, &|context| files(&maildir, context));
    }
    figure("triage over a Maildir", seeds(150));
}

#[cfg(feature = "servers")]
#[test]
fn every_message_on_a_server_exists_once_after_any_kill_and_acknowledged_changes_stand() {
    use crate::servers::dovecot::{Dovecot, HOST, PASSWORD};
    let dovecot = Dovecot::start();
    for seed in seeds(60) {
        let user = format!("user{seed}");
        for number in (1..=MESSAGES).rev() {
            let text = crate::support::mail::message(number, &format!("Subject {number}"), "Body.", i64::from(number));
            dovecot.deliver(&user, "", text.as_bytes());
        }
        let home = Home::new();
        home.configure(&format!(
            "[accounts.local]\naddress = \"ada@example.org\"\n[accounts.local.imap]\nhost = \"{HOST}\"\nport = {}\nsecurity = \"tls\"\nusername = \"{user}\"\n\
             password = \"{PASSWORD}\"\nca_file = \"{}\"\n{SETTINGS}",
            dovecot.imaps_port,
            dovecot.ca_file().display()
        ));
        history(&home, seed, &|context| on_server(dovecot.imap_port, &user, context));
    }
    figure("triage over IMAP", seeds(60));
}

const SETTINGS: &str = "[ui]\nthreads = false\nmark_read = \"never\"\n";

/// Where every message is and whether it is starred, by number; and what `u` would take back.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    messages: BTreeMap<u32, (String, bool)>,
    undo: Vec<(u32, (String, bool))>,
}

impl Model {
    fn new() -> Self {
        Self { messages: (1..=MESSAGES).map(|number| (number, ("Inbox".to_owned(), false))).collect(), undo: Vec::new() }
    }

    /// The newest message of the inbox: what `gg` selects.
    fn top(&self) -> Option<u32> {
        self.messages.iter().find(|(_, (folder, _))| folder == "Inbox").map(|(number, _)| *number)
    }

    /// What a verb on the top message does.
    fn press(&mut self, verb: &str) {
        if verb == "u" {
            if let Some((number, before)) = self.undo.pop() {
                self.messages.insert(number, before);
            }
            return;
        }
        let Some(number) = self.top() else { return };
        let before = self.messages[&number].clone();
        self.undo.push((number, before.clone()));
        let after = match verb {
            "e" => ("Archive".to_owned(), before.1),
            "d" => ("Trash".to_owned(), before.1),
            _ => (before.0, !before.1),
        };
        self.messages.insert(number, after);
    }
}

/// For the table of a full run.
pub fn figure(what: &str, seeds: std::ops::Range<u64>) {
    println!("figure: {what}: {} kills in histories {seeds:?}: nothing lost, nothing twice", (seeds.end - seeds.start) * KILLS_EACH);
}

fn history(home: &Home, seed: u64, held: Held) {
    let mut random = Random::new(seed);
    let mut model = Model::new();
    for round in 0..KILLS_EACH {
        let mut terminal = Terminal::start_with(home, &[], 100, 30, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait("the list and the mailboxes that the verbs need", |screen| {
            ["Subject", "Archive", "Trash"].iter().all(|word| screen.contains(word))
        });
        // every state on the way: the store must be in one at or after the last that was acknowledged
        let mut states = vec![model.clone()];
        let (mut verbs, mut undone) = (Vec::new(), false);
        for _ in 0..random.below(6) {
            let verb = ["s", "e", "d", "u"][random.below(4) as usize];
            if verb == "u" && model.undo.is_empty() {
                continue;
            }
            if undone {
                // what came back can be selected only once it is listed
                terminal.wait_applied(verbs.len());
                terminal.press("gg");
            }
            undone = verb == "u";
            terminal.send(format!("gg{verb}"));
            verbs.push(verb);
            model.press(verb);
            states.push(model.clone());
        }
        // the moment of death is part of the seed, as far as a machine allows
        std::thread::sleep(Duration::from_micros(random.below(40_000)));
        let acknowledged = terminal.kill();
        let context = format!("seed {seed}, kill {round}, {acknowledged} of {verbs:?} acknowledged");
        model = check(home, held, &states[acknowledged.min(states.len() - 1)..], &context);
    }
}

/// The store as it was left, the store after the next `sync`, and what the server holds must all be the same
/// one of `states`; returns it.
fn check(home: &Home, held: Held, states: &[Model], context: &str) -> Model {
    let left = listed(home, context);
    if left.len() == MESSAGES as usize {
        assert!(
            states.iter().any(|state| state.messages == left),
            "{context}: the store is in no possible state: {}",
            differences(states, &left)
        );
    }
    let (code, _, errors) = home.run(&["sync"]);
    assert_eq!(code, 0, "{context}: {errors}");
    let synced = listed(home, context);
    if left.len() == MESSAGES as usize {
        assert_eq!(left, synced, "{context}: the sync changed what was wanted");
    }
    let held = held(context);
    assert_eq!(synced, held, "{context}: the store and the server differ");
    let found = states.iter().find(|state| state.messages == held);
    found.unwrap_or_else(|| panic!("{context}: lost or invented: {}", differences(states, &held))).clone()
}

fn files(maildir: &Maildir, context: &str) -> BTreeMap<u32, (String, bool)> {
    let mut files = BTreeMap::new();
    for (folder, name) in std::iter::once(("", "Inbox")).chain(FOLDERS.iter().map(|folder| (*folder, *folder))) {
        for (base, flags) in maildir.list(folder) {
            let number: u32 =
                base.split(".M").nth(1).and_then(|rest| rest.split('P').next()).and_then(|digits| digits.parse().ok()).expect("a number");
            let before = files.insert(number, (name.to_owned(), flags.contains('F')));
            assert!(before.is_none(), "{context}: message {number} is there twice");
        }
    }
    files
}

#[cfg(feature = "servers")]
fn on_server(port: u16, user: &str, context: &str) -> BTreeMap<u32, (String, bool)> {
    let mut other = crate::second_client::SecondClient::login(port, user, crate::servers::dovecot::PASSWORD);
    let mut held = BTreeMap::new();
    for (mailbox, messages) in other.snapshot() {
        let name = if mailbox == "INBOX" { "Inbox".to_owned() } else { mailbox };
        for message in messages {
            let before = held.insert(number_in(&message.message_id), (name.clone(), message.flags.iter().any(|flag| flag == "\\Flagged")));
            assert!(before.is_none(), "{context}: {} is there twice", message.message_id);
        }
    }
    held
}

/// 7 of "m7@example.org".
fn number_in(rfc_message_id: &str) -> u32 {
    rfc_message_id.trim_start_matches('m').split('@').next().and_then(|digits| digits.parse().ok()).expect("a number")
}

/// How what was found differs from each possible state.
fn differences(states: &[Model], found: &BTreeMap<u32, (String, bool)>) -> String {
    let one = |state: &Model| {
        state
            .messages
            .iter()
            .filter(|(number, place)| found.get(number) != Some(place))
            .map(|(number, place)| format!("{number}: {:?}, not {place:?}", found.get(number)))
            .collect::<Vec<_>>()
    };
    states.iter().map(|state| format!("\n  {:?}", one(state))).collect()
}

/// The store's messages by number, from all mailboxes.
fn listed(home: &Home, context: &str) -> BTreeMap<u32, (String, bool)> {
    let mut all = BTreeMap::new();
    for name in std::iter::once("Inbox").chain(FOLDERS.iter().copied()) {
        let (code, list, errors) = home.run(&["list", "--json", "--limit", "1000", "--mailbox", &format!("local/{name}")]);
        if code != 0 {
            // killed before the mailbox was ever listed
            assert!(!errors.is_empty(), "{context}: no word why `list` failed");
            continue;
        }
        let list: serde_json::Value = serde_json::from_str(&list).expect("list is JSON");
        for message in list["messages"].as_array().expect("messages") {
            let number = number_in(message["rfc_message_id"].as_str().unwrap_or_default());
            let flagged = message["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "flagged"));
            let before = all.insert(number, (name.to_owned(), flagged));
            assert!(before.is_none(), "{context}: message {number} is listed twice");
        }
    }
    all
}
