//! Two readers and commands on one store, while either reader is killed at seeded moments: the account passes on to who
//! lives, every message exists once, every letter goes once, and no lock is left.
//! `POSTRIDER_SEEDS` says how many kills (default 20), `POSTRIDER_SEED_FROM` where to begin.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::kill::{KILLS_EACH, seeds};
use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, HOST, PASSWORD};
use crate::support::mail::{NOON_TEXT, message};
use crate::support::random::Random;
use crate::support::smtp::{Script, ScriptedSmtp};
use crate::support::terminal::{Home, Terminal};

const MESSAGES: u32 = 60;

struct World {
    home: Home,
    server: ScriptedSmtp,
    dovecot: Dovecot,
}

impl World {
    fn new() -> Self {
        let (dovecot, server, home) = (Dovecot::start(), ScriptedSmtp::start(Script::default()), Home::new());
        for number in (1..=MESSAGES).rev() {
            let text = message(number, &format!("Subject {number}"), "Body.", i64::from(number));
            dovecot.deliver("ada", "", text.as_bytes());
        }
        home.configure(&format!(
            "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.imap]\nhost = \"{HOST}\"\nport = {}\nusername = \"ada\"\n\
             password = \"{PASSWORD}\"\nca_file = \"{}\"\n[accounts.work.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"plaintext\"\n\
             username = \"ada\"\npassword = \"correct-horse-7\"\n[ui]\nthreads = false\nmark_read = \"never\"\n",
            dovecot.imaps_port,
            dovecot.ca_file().display(),
            server.port
        ));
        Self { home, server, dovecot }
    }

    fn reader(&self) -> Terminal {
        let terminal = Terminal::start_with(&self.home, &[], 100, 30, &[("POSTRIDER_NOW", NOON_TEXT)]);
        terminal.wait("the list and the mailboxes that the verbs need", |screen| {
            ["Subject", "Archive", "Trash"].iter().all(|word| screen.contains(word))
        });
        terminal
    }

    /// `postrider send`, not waited for.
    fn send(&self, subject: &str) -> Child {
        let mut child = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .arg("send")
            .env_clear()
            .envs(self.home.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let text = format!(
            "From: ada@example.org\r\nTo: bob@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\nText\r\n"
        );
        child.stdin.take().expect("its stdin").write_all(text.as_bytes()).expect("it reads");
        child
    }

    /// On the server: (Message-ID, mailbox) and how often.
    fn held(&self) -> BTreeMap<(String, String), usize> {
        let mut held = BTreeMap::new();
        for (mailbox, messages) in SecondClient::login(self.dovecot.imap_port, "ada", PASSWORD).snapshot() {
            let name = if mailbox == "INBOX" { "Inbox".to_owned() } else { mailbox };
            for message in messages {
                *held.entry((message.message_id, name.clone())).or_default() += 1;
            }
        }
        held
    }

    /// The same as the store lists it.
    fn listed(&self, mailboxes: &[&str]) -> BTreeMap<(String, String), usize> {
        let mut listed = BTreeMap::new();
        for name in mailboxes {
            let (code, list, errors) = self.home.run(&["list", "--json", "--limit", "1000", "--mailbox", &format!("work/{name}")]);
            assert_eq!(code, 0, "{name}: {errors}");
            let list: serde_json::Value = serde_json::from_str(&list).expect("list is JSON");
            for message in list["messages"].as_array().expect("messages") {
                let id = message["rfc_message_id"].as_str().unwrap_or_default().to_owned();
                *listed.entry((id, (*name).to_owned())).or_default() += 1;
            }
        }
        listed
    }
}

#[test]
fn two_readers_and_commands_on_one_store_agree_in_the_end_whoever_is_killed() {
    for seed in seeds(20) {
        let world = World::new();
        let mut random = Random::new(seed);
        let mut readers = [Some(world.reader()), Some(world.reader())];
        let mut letters = Vec::new();
        for round in 0..KILLS_EACH {
            let subject = format!("s{seed}r{round}");
            let letter = world.send(&subject);
            for _ in 0..3 + random.below(4) {
                let verb = ["s", "e", "d", "u", "I"][random.below(5) as usize];
                let reader = readers[random.below(2) as usize].as_mut().expect("a reader");
                reader.send(format!("gg{verb}"));
                // so that neither is always behind the other
                std::thread::sleep(Duration::from_micros(random.below(20_000)));
            }
            let dying = random.below(2) as usize;
            readers[dying].take().expect("a reader").kill();
            letters.push((subject, letter));
            readers[dying] = Some(world.reader());
        }
        let mut accepted = Vec::new();
        for (subject, mut letter) in letters {
            let code = letter.wait().expect("it ends").code().unwrap_or(-1);
            // 75: it is in the outbox, or nobody knows; 69: it was taken out of the outbox, which a reader's `u` may do
            assert!(matches!(code, 0 | 69 | 75), "seed {seed}: {subject} ended with {code}");
            if code == 69 {
                let sent = world.server.taken().iter().filter(|taken| String::from_utf8_lossy(&taken.data).contains(&subject)).count();
                assert!(sent <= 1, "seed {seed}: {subject} was sent {sent} times");
                continue;
            }
            accepted.push(subject);
        }
        for reader in readers.into_iter().flatten() {
            assert_eq!(reader.quit(), 0, "seed {seed}");
        }
        for _ in 0..2 {
            let (code, _, errors) = world.home.run(&["sync"]);
            assert_eq!(code, 0, "seed {seed}: {errors}");
        }
        check(&world, &accepted, seed);
    }
}

fn check(world: &World, accepted: &[String], seed: u64) {
    let held = world.held();
    let names: Vec<&str> =
        ["Inbox", "Archive", "Trash", "Sent", "Junk", "Drafts"].into_iter().filter(|name| is_there(world, name)).collect();
    let only = |of: &BTreeMap<(String, String), usize>| -> BTreeMap<_, _> {
        of.iter().filter(|((_, mailbox), _)| names.contains(&mailbox.as_str())).map(|(place, count)| (place.clone(), *count)).collect()
    };
    assert_eq!(only(&held), world.listed(&names), "seed {seed}: the server and the store differ");
    for number in 1..=MESSAGES {
        let id = format!("m{number}@example.org");
        let places: Vec<_> = held.iter().filter(|((held, _), _)| *held == id).collect();
        assert!(places.len() == 1 && *places[0].1 == 1, "seed {seed}: {id} is in {places:?}");
    }
    let (_, outbox, _) = world.home.run(&["outbox", "--json"]);
    let mut sent = 0;
    for subject in accepted {
        let line = format!("Subject: {subject}\r\n");
        let taken = world.server.taken().iter().filter(|taken| String::from_utf8_lossy(&taken.data).contains(&line)).count();
        let copies: usize = held.iter().filter(|((id, _), _)| *id == format!("{subject}@example.org")).map(|(_, count)| count).sum();
        let waits = outbox.contains(subject);
        assert!(taken <= 1 && copies <= 1, "seed {seed}: {subject} taken {taken} times, {copies} copies");
        assert!(waits || (taken, copies) == (1, 1), "seed {seed}: {subject} taken {taken} times, {copies} copies, waits {waits}: {outbox}");
        assert!(!waits || outbox.contains("\"unknown\""), "seed {seed}: {subject} is not settled: {outbox}");
        sent += taken;
    }
    assert!(sent > 0, "seed {seed}: nothing was sent");
    no_lock(&world.home);
}

fn is_there(world: &World, name: &str) -> bool {
    world.home.run(&["list", "--json", "--limit", "1", "--mailbox", &format!("work/{name}")]).0 == 0
}

/// Every lock file below can be locked, and nobody left a file that only living processes have.
fn no_lock(home: &Home) {
    let mut folders = vec![home.path().join("data")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".lock") {
                seen += 1;
                std::fs::File::open(&path).expect("a lock").try_lock().unwrap_or_else(|error| panic!("{name} is held: {error}"));
            } else {
                assert!(!name.starts_with("hand-"), "{name} is left");
            }
        }
    }
    assert!(seen > 0, "no lock file at all");
}
