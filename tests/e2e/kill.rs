//! `kill -9` at seeded moments, during first sync, flags, moves and undo: what was acknowledged is kept, what
//! was not is whole or not at all, and every message exists exactly once.
//! `POSTRIDER_SEEDS` says how many kills (default 200), `POSTRIDER_SEED_FROM` where to begin.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::mail::{Maildir, NOON_TEXT};
use crate::support::terminal::{Home, Terminal};

const FOLDERS: &[&str] = &["Archive", "Drafts", "Sent", "Junk", "Trash"];
const MESSAGES: u32 = 40;

/// A small generator of our own, so that a seed means the same for ever.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

#[test]
fn every_message_exists_once_after_any_kill_and_acknowledged_changes_stand() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default);
    let (from, seeds) = (number("POSTRIDER_SEED_FROM", 1), number("POSTRIDER_SEEDS", 200));
    // each history is killed several times; a history is one mailbox
    let kills_each = 10;
    for seed in from..from + seeds.div_ceil(kills_each) {
        history(seed, kills_each);
    }
}

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

fn history(seed: u64, kills: u64) {
    let mut random = Random(seed);
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.fill(MESSAGES);
    home.configure(&(maildir.configuration("local") + "[ui]\nthreads = false\nmark_read = \"never\"\n"));
    let mut model = Model::new();
    for round in 0..kills {
        let mut terminal = Terminal::start_with(&home, &[], 100, 30, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait("the first frame", |screen| screen.contains("Subject"));
        // every state on the way: the store must be in one at or after the last that was acknowledged
        let mut states = vec![model.clone()];
        let (mut verbs, mut undone) = (Vec::new(), false);
        for _ in 0..random.next(6) {
            let verb = ["s", "e", "d", "u"][random.next(4) as usize];
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
        std::thread::sleep(Duration::from_micros(random.next(40_000)));
        let acknowledged = terminal.kill();
        let context = format!("seed {seed}, kill {round}, {acknowledged} of {verbs:?} acknowledged");
        model = check(&home, &maildir, &states[acknowledged.min(states.len() - 1)..], &context);
    }
}

/// The store as it was left, the store after the next `sync`, and the files must all be the same one of
/// `states`; returns it.
fn check(home: &Home, maildir: &Maildir, states: &[Model], context: &str) -> Model {
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
    let mut files = BTreeMap::new();
    for (folder, name) in std::iter::once(("", "Inbox")).chain(FOLDERS.iter().map(|folder| (*folder, *folder))) {
        for (base, flags) in maildir.list(folder) {
            let number: u32 =
                base.split(".M").nth(1).and_then(|rest| rest.split('P').next()).and_then(|digits| digits.parse().ok()).expect("a number");
            let before = files.insert(number, (name.to_owned(), flags.contains('F')));
            assert!(before.is_none(), "{context}: message {number} is there twice");
        }
    }
    assert_eq!(synced, files, "{context}: the store and the files differ");
    let found = states.iter().find(|state| state.messages == files);
    found.unwrap_or_else(|| panic!("{context}: lost or invented: {}", differences(states, &files))).clone()
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
            let id = message["rfc_message_id"].as_str().unwrap_or_default();
            let number: u32 = id.trim_start_matches('m').split('@').next().and_then(|digits| digits.parse().ok()).expect("a number");
            let flagged = message["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "flagged"));
            let before = all.insert(number, (name.to_owned(), flagged));
            assert!(before.is_none(), "{context}: message {number} is listed twice");
        }
    }
    all
}
