//! `kill -9` at seeded moments, during first sync, flags, moves and undo: what was acknowledged is kept, what
//! was not is whole or not at all, and every message exists exactly once.
//! `POSTRIDER_SEEDS` says how many kills (default 200), `POSTRIDER_SEED_FROM` where to begin.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::mail::{Maildir, NOON_TEXT};
use crate::support::terminal::{Home, Terminal};

const FOLDERS: &[&str] = &["Archive", "Drafts", "Sent", "Junk", "Trash"];
const MESSAGES: u32 = 12;

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

fn history(seed: u64, kills: u64) {
    let mut random = Random(seed);
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), FOLDERS);
    maildir.fill(MESSAGES);
    home.configure(&maildir.configuration("local"));
    for round in 0..kills {
        let mut terminal = Terminal::start_with(&home, &[], 100, 30, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait("the first frame", |screen| screen.contains("Inbox"));
        let presses = random.next(8);
        for _ in 0..presses {
            let keys = ["j", "k", "s", "e", "d", "u", "I", "U", "gg", "\x12"][random.next(10) as usize];
            terminal.send(keys);
        }
        // the moment of death is part of the seed as far as a machine allows
        std::thread::sleep(Duration::from_micros(random.next(60_000)));
        terminal.kill();
        check(&home, &maildir, seed, round);
    }
}

/// The next start's `sync` must end with the store, the wish and the files saying the same.
fn check(home: &Home, maildir: &Maildir, seed: u64, round: u64) {
    let context = format!("seed {seed}, kill {round}");
    let (code, _, errors) = home.run(&["sync"]);
    assert_eq!(code, 0, "{context}: {errors}");
    let mut files: BTreeMap<String, (String, bool, bool)> = BTreeMap::new();
    for (folder, name) in std::iter::once(("", "Inbox")).chain(FOLDERS.iter().map(|folder| (*folder, *folder))) {
        for (base, flags) in maildir.list(folder) {
            let before = files.insert(base.clone(), (name.to_owned(), flags.contains('S'), flags.contains('F')));
            assert!(before.is_none(), "{context}: {base} is in two folders");
        }
    }
    assert_eq!(files.len(), MESSAGES as usize, "{context}: messages were lost or doubled: {files:?}");
    let (code, status, errors) = home.run(&["status", "--json"]);
    assert_eq!(code, 0, "{context}: {errors}");
    let status: serde_json::Value = serde_json::from_str(&status).expect("status is JSON");
    assert_eq!(status["waiting"], 0, "{context}: changes still wait after a sync: {status}");
    let mut listed: Vec<(String, String, bool, bool)> = Vec::new();
    for name in std::iter::once("Inbox").chain(FOLDERS.iter().copied()) {
        let (code, list, errors) = home.run(&["list", "--json", "--limit", "1000", "--mailbox", &format!("local/{name}")]);
        assert_eq!(code, 0, "{context}: {errors}");
        let list: serde_json::Value = serde_json::from_str(&list).expect("list is JSON");
        for message in list["messages"].as_array().expect("messages") {
            let flag = |flag: &str| message["flags"].as_array().is_some_and(|flags| flags.iter().any(|known| known == flag));
            let id = message["rfc_message_id"].as_str().unwrap_or_default().to_owned();
            listed.push((id, name.to_owned(), flag("seen"), flag("flagged")));
        }
    }
    listed.sort();
    let mut expected: Vec<_> = files
        .into_iter()
        .map(|(base, (name, seen, flagged))| {
            let number = base.split(".M").nth(1).and_then(|rest| rest.split('P').next()).unwrap_or_default();
            (format!("m{number}@example.org"), name, seen, flagged)
        })
        .collect();
    expected.sort();
    assert_eq!(listed, expected, "{context}: the store and the files differ");
}
