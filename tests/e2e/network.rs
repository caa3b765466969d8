//! The network goes in the middle of archiving twenty messages, at the worst moments. What was taken back meanwhile never
//! happened for the server; what was not happened once.

use std::collections::BTreeMap;

use crate::proxy::{Proxy, Pull};
use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, PASSWORD};
use crate::support::mail::{NOON_TEXT, message};
use crate::support::terminal::{Home, Terminal, until};

/// Message-ID and size of each message, by mailbox.
type Census = BTreeMap<String, Vec<(String, u64)>>;

fn census(dovecot: &Dovecot) -> Census {
    let mut client = SecondClient::login(dovecot.imap_port, "ada", PASSWORD);
    let mailboxes = client.mailboxes();
    let mut of = |mailbox: &str| {
        client.select(mailbox);
        let lines = client.command("UID FETCH 1:* (RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])");
        let one = |line: &String| {
            let id = line.split_once('<')?.1.split_once('>')?.0.to_owned();
            let size = line.split_once("RFC822.SIZE ")?.1.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
            Some((id, size))
        };
        let mut all: Vec<(String, u64)> = lines.iter().filter_map(one).collect();
        all.sort();
        all
    };
    mailboxes.into_iter().map(|mailbox| (mailbox.clone(), of(&mailbox))).collect()
}

/// The newest twenty of the inbox in the archive.
fn archived(before: &Census) -> Census {
    let number = |id: &str| id.trim_start_matches('m').split('@').next().and_then(|n| n.parse::<u32>().ok()).unwrap_or(0);
    let mut after = before.clone();
    let inbox = after.remove("INBOX").unwrap_or_default();
    let (newest, rest): (Vec<_>, Vec<_>) = inbox.into_iter().partition(|(id, _)| number(id) <= 20);
    after.insert("INBOX".into(), rest);
    after.entry("Archive".into()).or_default().extend(newest);
    after.values_mut().for_each(|list| list.sort());
    after
}

/// Archives twenty messages; the network goes when the client says `word`, and comes back after all keys.
fn pull_while_archiving(capabilities: &str, word: &str, how: Pull, undo: bool) {
    let name = format!("{word}, {how:?}, undo {undo}");
    let dovecot = Dovecot::start_with(capabilities);
    for number in (1..=30).rev() {
        let text = message(number, &format!("Subject {number}"), &"x".repeat(number as usize * 37), i64::from(number));
        dovecot.deliver("ada", "", text.as_bytes());
    }
    let proxy = Proxy::start(dovecot.imap_port);
    let home = Home::new();
    home.configure(&format!(
        "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.imap]\nhost = \"127.0.0.1\"\nport = {}\n\
         security = \"plaintext\"\nusername = \"ada\"\npassword = \"{PASSWORD}\"\n[ui]\nmark_read = \"never\"\n",
        proxy.port
    ));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("30 unread of 30");
    terminal.settle();
    let before = census(&dovecot);
    assert_eq!(before["INBOX"].len(), 30);
    terminal.send("eeee");
    proxy.wait_count(word, 1);
    proxy.pull_at(word, how);
    terminal.send("e".repeat(16));
    proxy.wait_pulled();
    terminal.wait_applied(20);
    if undo {
        terminal.send("u".repeat(20));
        terminal.wait_applied(40);
    }
    proxy.plug_in();
    // check for mail: whoever waits after a failure tries now
    terminal.send("R");
    let expected = if undo { before } else { archived(&before) };
    until(&format!("{name}: the server as it should be\n{expected:?}"), || census(&dovecot) == expected);
    terminal.settle();
    let shown = if undo { "Subject 1 " } else { "Subject 21 " };
    terminal.wait_text(shown);
    assert_eq!(terminal.quit(), 0);
    assert_eq!(census(&dovecot), expected, "{name}: and it stays so");
}

const MOVES: &str = "";
const COPIES: &str = "imap_capability = IMAP4rev1 LITERAL+ IDLE UIDPLUS\n";

#[test]
fn a_move_that_is_cut_is_taken_back_by_undo() {
    for how in [Pull::Before, Pull::After, Pull::Silence] {
        pull_while_archiving(MOVES, "UID MOVE", how, true);
    }
}

#[test]
fn a_move_that_is_cut_happens_once() {
    for how in [Pull::Before, Pull::After, Pull::Silence] {
        pull_while_archiving(MOVES, "UID MOVE", how, false);
    }
}

#[test]
fn copy_and_delete_that_are_cut_are_taken_back_by_undo() {
    for word in ["UID COPY", "UID EXPUNGE"] {
        for how in [Pull::Before, Pull::After] {
            pull_while_archiving(COPIES, word, how, true);
        }
    }
}

#[test]
fn copy_and_delete_that_are_cut_happen_once() {
    for word in ["UID COPY", "UID EXPUNGE"] {
        for how in [Pull::Before, Pull::After] {
            pull_while_archiving(COPIES, word, how, false);
        }
    }
}

/// A text of a few words beside a file of 20 MB.
fn large() -> String {
    let file = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODk=\r\n".repeat(320_000);
    format!(
        "From: Sender <s@example.org>\r\nTo: Ada <ada@example.org>\r\nSubject: Subject 1 is large\r\nDate: Fri, 20 Nov 2026 11:59:00 +0000\r\n\
         Message-ID: <large@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nA few words.\r\n--b\r\nContent-Type: application/octet-stream; name=large.dat\r\n\
         Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}--b--\r\n"
    )
}

#[test]
fn a_large_file_is_fetched_only_when_it_is_asked_for_and_the_fetch_can_be_cancelled() {
    const SMALL: usize = 256 * 1024;
    const LARGE: usize = 20 * 1024 * 1024;
    let dovecot = Dovecot::start();
    dovecot.deliver("ada", "", large().as_bytes());
    let proxy = Proxy::start(dovecot.imap_port);
    let home = Home::new();
    home.configure(&format!(
        "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.imap]\nhost = \"127.0.0.1\"\nport = {}\n\
         security = \"plaintext\"\nusername = \"ada\"\npassword = \"{PASSWORD}\"\n",
        proxy.port
    ));
    let mut terminal = Terminal::start_with(&home, &[], 120, 40, &[("POSTRIDER_NOW", NOON_TEXT)]);
    terminal.wait_text("A few words.");
    terminal.settle();
    terminal.press("\r");
    terminal.wait_text("large.dat");
    assert!(proxy.said() < SMALL, "{} octets to read a few words", proxy.said());
    // the network stands still at the first stretch, and the user gives up
    proxy.pull_at("BODY.PEEK[]<", Pull::Silence);
    terminal.send("S\r");
    proxy.wait_pulled();
    terminal.wait_text("Fetching a message");
    terminal.send("w");
    terminal.wait("the task", |screen| screen.contains("tasks") && screen.contains("Fetching a message"));
    terminal.send("x");
    terminal.wait_text("cancelled");
    terminal.send("q");
    let file = home.path().join("Downloads/large.dat");
    assert!(!file.exists());
    proxy.plug_in();
    terminal.send("S\r");
    until("the file is saved", || std::fs::metadata(&file).is_ok_and(|file| file.len() == 62 * 320_000));
    assert!(proxy.said() > LARGE);
    assert_eq!(terminal.quit(), 0);
}
