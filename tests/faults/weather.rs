//! Mixed work over a real Dovecot that does what servers do in bad weather: goes away and comes back, gives a mailbox new uids,
//! is full, loses a mailbox, serves somebody else at the same time. The user acts by commands beside an open reader, another client
//! and the delivery act on messages of their own; in the end every message is where it should be, once, here and there.
//! By default a few rounds; `POSTRIDER_FULL=1` plays 360 restarts and 100 renumberings, and ten minutes of everything
//! (`POSTRIDER_MINUTES`) in which the reader must not grow. `POSTRIDER_SEED_FROM` is the seed.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, PASSWORD};
use crate::support::mail::message;
use crate::support::random::Random;
use crate::support::smtp::{Script, ScriptedSmtp};
use crate::support::terminal::{Home, Terminal};
use crate::{is_full, number};

const PLACES: &[&str] = &["Inbox", "Archive", "Trash"];
/// Odd numbers are the user's, even ones the other client's; what is delivered later has numbers from here.
const DELIVERED: u32 = 1_000;
const MESSAGES: u32 = 40;
/// How long a reader may take to be back after its server is.
const BACK: Duration = Duration::from_secs(75);

/// Where a message is and whether it is starred.
type Held = BTreeMap<u32, (String, bool)>;

struct World {
    dovecot: Dovecot,
    smtp: ScriptedSmtp,
    home: Home,
    random: Random,
    /// What everybody wanted last.
    model: Held,
    /// Our ids of the user's messages.
    ids: BTreeMap<u32, String>,
    sent: Vec<String>,
    /// After a renumbering a move that waited may have been given up.
    is_renumbered: bool,
}

impl World {
    fn new(extra: &str) -> Self {
        let dovecot = Dovecot::start_with(extra);
        for number in (1..=MESSAGES).rev() {
            let text = message(number, &format!("Subject {number}"), &format!("Body of {number}."), i64::from(number));
            dovecot.deliver("ada", "", text.as_bytes());
        }
        let (home, smtp) = (Home::new(), ScriptedSmtp::start(Script::default()));
        home.configure(&format!(
            "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.imap]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"plaintext\"\n\
             username = \"ada\"\npassword = \"{PASSWORD}\"\n[accounts.work.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"plaintext\"\n\
             username = \"ada\"\npassword = \"correct-horse-7\"\n[ui]\nmark_read = \"never\"\n",
            dovecot.imap_port, smtp.port
        ));
        let seed = number("POSTRIDER_SEED_FROM").unwrap_or(1);
        let model = (1..=MESSAGES).map(|number| (number, ("Inbox".to_owned(), false))).collect();
        let mut world =
            Self { dovecot, smtp, home, random: Random::new(seed), model, ids: BTreeMap::new(), sent: Vec::new(), is_renumbered: false };
        world.sync();
        world.ids = world.listed().into_iter().map(|(number, (id, ..))| (number, id)).collect();
        world
    }

    fn open(&self) -> Terminal {
        let terminal = Terminal::start(&self.home, &[], 120, 40);
        terminal.wait_text("Subject 1");
        terminal
    }

    fn sync(&self) {
        let (code, _, errors) = self.home.run(&["sync"]);
        assert_eq!(code, 0, "{errors}");
    }

    fn json(&self, words: &[&str]) -> serde_json::Value {
        let (_, out, errors) = self.home.run(words);
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{words:?}: {out}{errors}"))
    }

    fn pick(&mut self, is_mine: bool) -> u32 {
        let numbers: Vec<u32> = self.model.keys().copied().filter(|number| *number < DELIVERED && (number % 2 == 1) == is_mine).collect();
        numbers[self.random.below(numbers.len() as u64) as usize]
    }

    /// The user moves, stars or writes; what is acknowledged is wanted from then on.
    fn user_acts(&mut self) {
        let number = self.pick(true);
        match self.random.below(8) {
            0 => self.send(),
            1..=3 => {
                let (place, is_flagged) = self.model[&number].clone();
                let sign = if is_flagged { "-flagged" } else { "+flagged" };
                if self.is_done(&["flag", &self.ids[&number].clone(), sign]) {
                    self.model.insert(number, (place, !is_flagged));
                }
            }
            _ => {
                let to = PLACES[self.random.below(3) as usize];
                if self.is_done(&["move", &self.ids[&number].clone(), "--to", &format!("work/{to}")]) {
                    let is_flagged = self.model[&number].1;
                    self.model.insert(number, (to.to_owned(), is_flagged));
                }
            }
        }
    }

    /// Whether a command saved its change. An id is only unknown where the server gave all messages new uids.
    fn is_done(&self, words: &[&str]) -> bool {
        let (code, _, errors) = self.home.run(words);
        assert!(code == 0 || (self.is_renumbered && code == 65), "{words:?}: {code} {errors}");
        code == 0
    }

    fn send(&mut self) {
        let subject = format!("sent {}", self.sent.len());
        let mut child = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .args(["send", "--queue"])
            .env_clear()
            .envs(self.home.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let text = format!("From: ada@example.org\r\nTo: bob@example.org\r\nSubject: {subject}\r\n\r\nText\r\n");
        child.stdin.take().expect("its stdin").write_all(text.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success(), "{subject}");
        self.sent.push(subject);
    }

    fn other(&self) -> SecondClient {
        SecondClient::login(self.dovecot.imap_port, "ada", PASSWORD)
    }

    /// Another client moves or stars one of its messages, or one is delivered.
    fn others_act(&mut self) {
        if self.random.below(4) == 0 {
            let number = DELIVERED + self.model.len() as u32;
            let text = message(number, &format!("Subject {number}"), "Fresh.", 0);
            self.dovecot.deliver("ada", "", text.as_bytes());
            self.model.insert(number, ("Inbox".to_owned(), false));
            return;
        }
        let number = self.pick(false);
        let (place, is_flagged) = self.model[&number].clone();
        let mut other = self.other();
        let wire = if place == "Inbox" { "INBOX" } else { &place };
        let id = format!("m{number}@example.org");
        let found = other.messages(wire).into_iter().find(|message| message.message_id == id);
        let uid = found.unwrap_or_else(|| panic!("message {number} is not in {place}, where another client left it")).uid.to_string();
        let to = PLACES[self.random.below(3) as usize];
        if to == place {
            other.store(wire, &uid, if is_flagged { "-FLAGS" } else { "+FLAGS" }, "\\Flagged");
            self.model.insert(number, (place, !is_flagged));
        } else {
            other.select(wire);
            other.command(&format!("UID MOVE {uid} \"{}\"", if to == "Inbox" { "INBOX" } else { to }));
            self.model.insert(number, (to.to_owned(), is_flagged));
        }
    }

    /// The server forgets the uids of a mailbox while it is down.
    fn renumber(&mut self) {
        let place = PLACES[self.random.below(3) as usize];
        let root = self.dovecot.maildir("ada");
        let folder = if place == "Inbox" { root } else { root.join(format!(".{place}")) };
        for entry in std::fs::read_dir(&folder).expect("a mailbox").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("dovecot-uidlist") || name.starts_with("dovecot.index") {
                std::fs::remove_file(entry.path()).expect("a file of the server's");
            }
        }
        self.is_renumbered = true;
    }

    /// Waits until the reader is online again and has pushed and sent everything; how long it took to be online.
    fn wait_rested(&self) -> Duration {
        let begun = Instant::now();
        let mut online = None;
        loop {
            let status = self.json(&["status", "--json"]);
            if online.is_none() && status["accounts"][0]["link"] == "online" {
                online = Some(begun.elapsed());
            }
            if let Some(online) = online.filter(|_| status["waiting"] == 0 && status["outbox"] == 0) {
                return online;
            }
            assert!(begun.elapsed() < BACK * 2, "it does not come to rest: {status}");
            // another process can only be asked
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// The store's messages by number: id, place, star.
    fn listed(&self) -> BTreeMap<u32, (String, String, bool)> {
        let mut all = BTreeMap::new();
        let names: Vec<String> = self.json(&["status", "--json"])["mailboxes"]
            .as_array()
            .expect("mailboxes")
            .iter()
            .map(|mailbox| mailbox["mailbox"].as_str().unwrap_or_default().to_owned())
            .collect();
        for name in names {
            let name = name.strip_prefix("work/").unwrap_or(&name).to_owned();
            let list = self.json(&["list", "--json", "--limit", "10000", "--mailbox", &format!("work/{name}")]);
            for message in list["messages"].as_array().unwrap_or_else(|| panic!("{list}")) {
                let Some(number) = number_in(message["rfc_message_id"].as_str().unwrap_or_default()) else { continue };
                let is_flagged = message["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "flagged"));
                let before = all.insert(number, (message["id"].to_string(), name.clone(), is_flagged));
                assert!(before.is_none(), "message {number} is listed twice: {before:?} and {name}");
            }
        }
        all
    }

    fn on_server(&self) -> Held {
        let mut held = Held::new();
        for (mailbox, messages) in self.other().snapshot() {
            let name = if mailbox == "INBOX" { "Inbox".to_owned() } else { mailbox };
            for message in messages {
                let Some(number) = number_in(&message.message_id) else { continue };
                let before = held.insert(number, (name.clone(), message.flags.iter().any(|flag| flag == "\\Flagged")));
                assert!(before.is_none(), "message {number} is on the server twice: {before:?} and {name}");
            }
        }
        held
    }

    /// What everybody holds, after a last look of ours at the server.
    fn check(&self) {
        self.sync();
        let server = self.on_server();
        let store: Held = self.listed().into_iter().map(|(number, (_, place, is_flagged))| (number, (place, is_flagged))).collect();
        assert_eq!(store, server, "the store and the server differ");
        let numbers = |held: &Held| held.keys().copied().collect::<Vec<_>>();
        assert_eq!(numbers(&server), numbers(&self.model), "lost or invented");
        for (number, wanted) in &self.model {
            let is_strict = !self.is_renumbered || *number >= DELIVERED || number % 2 == 0;
            assert!(!is_strict || server[number] == *wanted, "message {number}: {:?}, wanted {wanted:?}", server[number]);
        }
        let mut taken: Vec<String> = self.smtp.taken().iter().map(|taken| subject_in(&String::from_utf8_lossy(&taken.data))).collect();
        taken.sort();
        let mut sent = self.sent.clone();
        sent.sort();
        assert_eq!(taken, sent, "sent twice or never");
        let root = self.dovecot.maildir("ada").join(".Sent");
        let files = ["cur", "new"].into_iter().flat_map(|sub| std::fs::read_dir(root.join(sub)).into_iter().flatten().flatten());
        let mut copies: Vec<String> = files.map(|file| subject_in(&std::fs::read_to_string(file.path()).unwrap_or_default())).collect();
        copies.sort();
        assert_eq!(copies, sent, "copies in Sent");
        assert!(!self.dovecot.log().contains("auth failed"), "a sign-in was refused");
    }
}

/// 7 of "m7@example.org"; None for what was sent.
fn number_in(rfc_message_id: &str) -> Option<u32> {
    rfc_message_id.strip_prefix('m')?.split_once('@').filter(|(_, host)| *host == "example.org")?.0.parse().ok()
}

fn subject_in(text: &str) -> String {
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().trim_end().to_owned()
}

/// Rounds of a server that goes away while people act, and comes back.
fn flaps(world: &mut World, rounds: u64, renumbers: bool) -> Duration {
    let terminal = world.open();
    for _ in 0..rounds {
        world.dovecot.stop();
        for _ in 0..world.random.below(3) {
            world.user_acts();
        }
        if renumbers {
            world.renumber();
        }
        world.dovecot.restart();
        for _ in 0..world.random.below(3) {
            world.user_acts();
        }
        world.others_act();
        // sometimes all of it is done before the next fall, mostly not
        if world.random.below(6) == 0 {
            world.wait_rested();
        }
    }
    let back = world.wait_rested();
    assert!(back < BACK, "it took {back:?} to be back");
    assert_eq!(terminal.quit(), 0);
    back
}

#[test]
fn a_server_that_comes_and_goes_during_mixed_work_costs_nothing() {
    let rounds = if is_full() { 360 } else { 8 };
    let mut world = World::new("");
    let back = flaps(&mut world, rounds, false);
    world.check();
    println!("figure: {rounds} restarts of Dovecot during mixed work: everything once, {} sent, back after {back:?}", world.sent.len());
}

#[test]
fn new_uids_at_any_moment_lose_no_message_and_touch_no_other() {
    let rounds = if is_full() { 100 } else { 6 };
    let mut world = World::new("");
    flaps(&mut world, rounds, true);
    world.check();
    println!("figure: {rounds} renumberings of a mailbox during mixed work: everything once, nothing wrong touched");
}

#[test]
fn a_full_server_delays_the_copy_in_sent_and_what_was_sent_is_not_sent_again() {
    let quota = "mail_plugins = quota\nprotocol imap {\n  mail_plugins = quota imap_quota\n}\nplugin {\n  quota = maildir:User quota\n  \
                 quota_rule = *:messages=40\n}\n";
    let mut world = World::new(quota);
    world.send();
    let (_, _, errors) = world.home.run(&["sync"]);
    assert_eq!(world.smtp.wait_taken(1).len(), 1);
    let waiting = world.json(&["status", "--json"])["waiting"].clone();
    assert!(waiting == 1, "the copy waits: {waiting}, {errors}");
    assert_eq!(std::fs::read_dir(world.dovecot.maildir("ada").join(".Sent/cur")).map_or(0, Iterator::count), 0);
    // space is made from elsewhere
    let mut other = world.other();
    let last = other.messages("INBOX").into_iter().find(|message| message.message_id == "m40@example.org").expect("a message");
    other.expunge("INBOX", &last.uid.to_string());
    world.model.remove(&40);
    world.sync();
    world.check();
}

#[test]
fn a_mailbox_that_is_deleted_or_renamed_elsewhere_takes_no_message_with_it() {
    let mut world = World::new("");
    let mut other = world.other();
    for name in ["Alpha", "Beta"] {
        other.command(&format!("CREATE \"{name}\""));
    }
    world.sync();
    let terminal = world.open();
    world.wait_rested();
    world.dovecot.stop();
    // wishes that wait for mailboxes that will not be there, and for one that is
    for (number, to) in [(1, "Alpha"), (3, "Beta"), (5, "Archive")] {
        assert!(world.is_done(&["move", &world.ids[&number].clone(), "--to", &format!("work/{to}")]));
        assert!(world.is_done(&["flag", &world.ids[&number].clone(), "+flagged"]));
    }
    world.dovecot.restart();
    let mut other = world.other();
    other.command("DELETE \"Alpha\"");
    other.command("RENAME \"Beta\" \"Gamma\"");
    drop(other);
    // what can't come true any more is put back, and what can comes true
    world.wait_rested();
    assert_eq!(terminal.quit(), 0);
    world.sync();
    let server = world.on_server();
    assert_eq!(server.len(), MESSAGES as usize, "every message once: {server:?}");
    assert_eq!(server[&5], ("Archive".to_owned(), true));
    let store: Held = world.listed().into_iter().map(|(number, (_, place, is_flagged))| (number, (place, is_flagged))).collect();
    assert_eq!(store, server, "the store and the server differ");
    for number in [1, 3] {
        assert!(server[&number].1, "its star is no matter of the mailbox: {:?}", server[&number]);
    }
}

/// Kilobytes of memory and open files of a process.
fn size_of(process: u32) -> (u64, usize) {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    (rss.unwrap_or_default(), std::fs::read_dir(format!("/proc/{process}/fd")).map_or(0, Iterator::count))
}

/// A share of none by default: minutes of everything at once, in one reader.
#[test]
fn a_reader_does_not_grow_in_a_long_run_of_mixed_work_and_faults() {
    let minutes = number("POSTRIDER_MINUTES").unwrap_or(if is_full() { 10 } else { 0 });
    if minutes == 0 {
        return println!("figure: no long run (POSTRIDER_MINUTES or POSTRIDER_FULL=1)");
    }
    let mut world = World::new("");
    let mut terminal = world.open();
    let end = Instant::now() + Duration::from_secs(minutes * 60);
    let (mut sizes, mut rounds) = (Vec::new(), 0);
    while Instant::now() < end {
        rounds += 1;
        if world.random.below(3) == 0 {
            world.dovecot.stop();
            world.user_acts();
            world.dovecot.restart();
        }
        for _ in 0..world.random.below(6) {
            world.user_acts();
        }
        world.others_act();
        for keys in ["gg", "j", "\r", "q", "G", "k", "/", "Subject\r", "\x1b", "gi"] {
            terminal.send(keys);
        }
        if rounds % 10 == 0 {
            world.wait_rested();
            terminal.settle();
            sizes.push(size_of(terminal.process_id()));
        }
    }
    world.wait_rested();
    assert_eq!(terminal.quit(), 0);
    world.check();
    let (warm, late) = (&sizes[sizes.len() / 3], sizes.last().expect("a size"));
    println!(
        "figure: {minutes} minutes, {rounds} rounds, {} sent: {warm:?} KiB and files after a third, {late:?} at the end",
        world.sent.len()
    );
    assert!(late.0 < warm.0 * 11 / 10, "it grows: {sizes:?}");
    assert!(late.1 <= warm.1 + 2, "it keeps files open: {sizes:?}");
}
