//! `kill -9` at seeded moments while messages are queued, sent and filed: each one that was acknowledged was taken by
//! the server exactly once, or is still in the queue, or is shown as of unknown fate; never lost, never silently sent twice.
//! And a queue of fifty, killed twice as often: all are there, in their order.
//! `POSTRIDER_SEEDS` says how many kills (default 150), `POSTRIDER_SEED_FROM` where to begin.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::kill::{KILLS_EACH, seeds};
use crate::support::mail::Maildir;
use crate::support::random::Random;
use crate::support::smtp::{Fault, Script, ScriptedSmtp, Step};
use crate::support::terminal::Home;

struct Stage {
    home: Home,
    maildir: Maildir,
    server: ScriptedSmtp,
    /// Subjects of the messages of which the program said that they are on the disk.
    acknowledged: Vec<String>,
    /// Of those that were begun and killed before.
    begun: Vec<String>,
}

#[test]
fn every_acknowledged_message_is_sent_once_or_kept_or_of_unknown_fate_after_any_kill() {
    let (mut unknown, mut sent) = (0, 0);
    for seed in seeds(150) {
        let (lost_answers, done) = history(seed);
        unknown += lost_answers;
        sent += done;
    }
    // with POSTRIDER_SEEDS set for a long run it is worth knowing whether the kills fell where it hurts
    println!(
        "figure: killed while sending, seeds {:?} of {KILLS_EACH} kills: {sent} sent, {unknown} of unknown fate, none lost, none twice",
        seeds(150)
    );
    assert!(sent > 0);
}

#[test]
fn fifty_queued_messages_are_there_in_their_order_after_any_kill_and_go_once() {
    let stage = Stage::new();
    let away = Script::fault(Step::Greeting, Fault::say("421 4.3.2 come back later"));
    stage.server.set(away);
    let subjects: Vec<String> = (1..=50).map(|number| format!("s{number}")).collect();
    for subject in &subjects {
        assert!(stage.run_and_kill(&["send", "--queue"], Some(subject), None), "{subject} is queued");
    }
    let (mut random, kills) = (Random::new(seeds(0).start), 2 * KILLS_EACH * (seeds(40).end - seeds(40).start));
    for kill in 0..kills {
        let arguments: &[&str] = [&["outbox", "send"][..], &["outbox", "send", "25"], &["sync"], &["outbox"]][random.below(4) as usize];
        let context = format!("kill {kill}, of {arguments:?}");
        // the moment of death is part of the seed, as far as a machine allows
        stage.run_and_kill(arguments, None, Some(Duration::from_micros(random.below(90_000))));
        let queue = stage.queue(&context);
        assert!(queue.iter().map(|(subject, _)| subject).eq(&subjects), "{context}: {queue:?}");
        assert!(queue.iter().all(|(_, state)| ["queued", "sending"].contains(&state.as_str())), "{context}: {queue:?}");
    }
    stage.server.set(Script::default());
    let (code, _, errors) = stage.home.run(&["outbox", "send"]);
    assert_eq!(code, 0, "{errors}");
    let taken: Vec<String> = stage.server.taken().iter().map(|taken| subject_of(&taken.data)).collect();
    assert_eq!(taken, subjects);
    println!("figure: {kills} kills with fifty messages in the queue: all there each time, sent once in their order");
}

fn history(seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed);
    let mut stage = Stage::new();
    for round in 0..KILLS_EACH {
        let subject = format!("s{seed}r{round}");
        let verb = random.below(6);
        let arguments: &[&str] = match verb {
            0 | 1 => &["send"],
            2 | 3 => &["send", "--queue"],
            4 => &["sync"],
            _ => &["outbox", "send"],
        };
        let context = format!("seed {seed}, kill {round} of {arguments:?}");
        // the moment of death is part of the seed, as far as a machine allows
        let life = Duration::from_micros(random.below(if verb < 2 { 120_000 } else { 70_000 }));
        let written = stage.run_and_kill(arguments, (verb < 4).then_some(subject.as_str()), Some(life));
        if verb < 4 {
            if written { stage.acknowledged.push(subject) } else { stage.begun.push(subject) }
        }
        stage.check(&context, false);
    }
    let context = format!("seed {seed}, at its end");
    for _ in 0..2 {
        let (code, _, errors) = stage.home.run(&["sync"]);
        assert_eq!(code, 0, "{context}: {errors}");
    }
    stage.check(&context, true)
}

impl Stage {
    fn new() -> Self {
        let home = Home::new();
        let maildir = Maildir::create(&home.path().join("mail"), &["Sent"]);
        let server = ScriptedSmtp::start(Script::default());
        let smtp = format!(
            "[accounts.local.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"plaintext\"\nusername = \"ada\"\npassword = \"correct-horse-7\"\n",
            server.port
        );
        home.configure(&(maildir.configuration("local") + &smtp));
        let (code, _, errors) = home.run(&["sync"]);
        assert_eq!(code, 0, "{errors}");
        Self { home, maildir, server, acknowledged: Vec::new(), begun: Vec::new() }
    }

    /// Runs a command and kills it after its life, if it has one; whether it said that its message is queued.
    fn run_and_kill(&self, arguments: &[&str], subject: Option<&str>, life: Option<Duration>) -> bool {
        let events = self.home.path().join("events.jsonl");
        let _ = std::fs::remove_file(&events);
        let mut child = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .arg("--events")
            .arg(&events)
            .args(arguments)
            .env_clear()
            .envs(self.home.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        if let Some(subject) = subject {
            let message = format!(
                "From: ada@example.org\r\nTo: bob@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\nText\r\n"
            );
            let _ = child.stdin.take().expect("its stdin").write_all(message.as_bytes());
        }
        drop(child.stdin.take());
        if let Some(life) = life {
            std::thread::sleep(life);
            let _ = child.kill();
        }
        let _ = child.wait();
        std::fs::read_to_string(&events).unwrap_or_default().lines().any(|line| line.contains("\"queued\""))
    }

    /// How often the server took each subject.
    fn ledger(&self) -> BTreeMap<String, usize> {
        let mut ledger = BTreeMap::new();
        for taken in self.server.taken() {
            *ledger.entry(subject_of(&taken.data)).or_default() += 1;
        }
        ledger
    }

    /// Subjects and states, in the order of the queue.
    fn queue(&self, context: &str) -> Vec<(String, String)> {
        let (code, list, errors) = self.home.run(&["outbox", "--json"]);
        assert_eq!(code, 0, "{context}: {errors}");
        let list: serde_json::Value = serde_json::from_str(&list).expect("outbox is JSON");
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        list["items"].as_array().expect("items").iter().map(|item| (text(&item["subject"]), text(&item["state"]))).collect()
    }

    fn outbox(&self, context: &str) -> BTreeMap<String, String> {
        let mut states = BTreeMap::new();
        for (subject, state) in self.queue(context) {
            assert!(states.insert(subject.clone(), state).is_none(), "{context}: {subject} is queued twice");
        }
        states
    }

    /// How often each subject is in Sent.
    fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for sub in ["cur", "new"] {
            for entry in std::fs::read_dir(self.maildir.folder("Sent").join(sub)).expect("a folder") {
                let bytes = std::fs::read(entry.expect("an entry").path()).expect("a message");
                *copies.entry(subject_of(&bytes)).or_default() += 1;
            }
        }
        copies
    }

    /// The server's ledger, the outbox and Sent fit together; how many are of unknown fate, and how many were sent.
    fn check(&self, context: &str, is_end: bool) -> (usize, usize) {
        let (ledger, outbox, copies) = (self.ledger(), self.outbox(context), self.copies());
        let (mut unknown, mut sent) = (0, 0);
        for subject in self.acknowledged.iter().chain(&self.begun) {
            let taken = ledger.get(subject).copied().unwrap_or_default();
            let copied = copies.get(subject).copied().unwrap_or_default();
            let state = outbox.get(subject).map(String::as_str);
            let is_known = self.acknowledged.contains(subject);
            let all = format!("{context}: {subject} taken {taken} times, {state:?}, {copied} copies");
            assert!(taken <= 1 && copied <= 1, "doubled: {all}");
            match state {
                // done, or killed before it was on the disk
                None => assert!(taken == 1 || !is_known, "lost: {all}"),
                Some("queued" | "held" | "sending") => assert_eq!((taken, copied), (0, 0), "would be sent twice: {all}"),
                Some("accepted") => assert_eq!(taken, 1, "called sent: {all}"),
                Some("handing-over" | "unknown") => assert_eq!(copied, 0, "called sent: {all}"),
                Some(other) => panic!("{all}: {other}"),
            }
            unknown += usize::from(matches!(state, Some("handing-over" | "unknown")));
            sent += usize::from(taken == 1 && state.is_none());
            if is_end {
                assert!(matches!(state, None | Some("unknown")), "not settled: {all}");
                assert!(state.is_some() || taken == copied, "without its copy: {all}");
            }
        }
        (unknown, sent)
    }
}

fn subject_of(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().trim_end().to_owned()
}
