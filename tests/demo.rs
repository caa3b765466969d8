//! The demonstration mailbox: complete, the same for the same seed, read back through the Maildir remote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Zoned;
use postrider::demo;
use postrider::mail::FlagBits;
use postrider::remote::maildir::Account;
use postrider::remote::{Connect, Remote, RemoteMessage, Window};

fn now() -> Zoned {
    "2026-11-20T21:00[Europe/Lisbon]".parse().unwrap()
}

/// Every file below a folder, by path, with its bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

async fn messages(root: &Path, account: &str, mailbox: &str) -> Vec<RemoteMessage> {
    let mut remote = Account { root: root.join(account) }.connect(None).await.unwrap();
    remote.headers_in(mailbox, Window::ALL).await.unwrap()
}

fn header<'a>(message: &'a RemoteMessage, name: &str) -> &'a str {
    let text = std::str::from_utf8(&message.header).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

#[test]
fn the_same_seed_gives_the_same_files() {
    let roots: Vec<_> = [1, 1, 2].map(|seed| (tempfile::tempdir().unwrap(), seed)).into();
    for (root, seed) in &roots {
        demo::build(root.path(), &now(), None, *seed).unwrap();
    }
    assert!(files(roots[0].0.path()) == files(roots[1].0.path()));
    assert!(files(roots[0].0.path()) != files(roots[2].0.path()));
}

#[test]
fn a_kept_demo_is_taken_as_it_was_left() {
    let root = tempfile::tempdir().unwrap();
    demo::build(root.path(), &now(), None, 1).unwrap();
    let before = files(root.path());
    let again = demo::build(root.path(), &now().checked_add(jiff::Span::new().days(3)).unwrap(), None, 2).unwrap();
    assert!(before == files(root.path()) && again.config_toml.contains("[accounts.work.maildir]"));
}

#[tokio::test]
async fn there_is_something_of_everything_to_look_at() {
    let root = tempfile::tempdir().unwrap();
    demo::build(root.path(), &now(), None, 7).unwrap();
    let (mut total, mut unread) = (0, 0);
    for account in ["work", "home"] {
        let mut remote = Account { root: root.path().join(account) }.connect(None).await.unwrap();
        for mailbox in remote.mailboxes().await.unwrap().iter().filter(|mailbox| mailbox.selectable) {
            total += mailbox.total.unwrap();
            unread += mailbox.unread.unwrap();
            assert!(mailbox.total > Some(0), "{account}/{} is empty", mailbox.name);
        }
    }
    assert!((190..=230).contains(&total), "{total}");
    assert!((18..=32).contains(&unread), "{unread}");
    let inbox = messages(root.path(), "work", ".").await;
    assert!((55..=65).contains(&inbox.len()), "{}", inbox.len());
    let first: Vec<&str> = inbox.iter().take(8).map(|message| header(message, "From")).collect();
    let senders: std::collections::BTreeSet<&&str> = first.iter().collect();
    assert!(senders.len() >= 6, "the first screen is varied: {first:?}");
    for bit in [FlagBits::FLAGGED, FlagBits::ANSWERED, FlagBits::FORWARDED, FlagBits::SEEN] {
        assert!(inbox.iter().any(|message| message.flags.bits.contains(bit)), "{bit:?}");
    }
    let all = files(root.path());
    for wanted in [
        "multipart/alternative",
        "multipart/mixed",
        "text/calendar",
        "image/png",
        "application/pdf",
        "text/csv",
        "application/zip",
        "format=flowed",
        "iso-2022-jp",
        "List-Unsubscribe",
        "dkim=fail",
        "diff --git",
    ] {
        assert!(all.values().any(|bytes| String::from_utf8_lossy(bytes).contains(wanted)), "{wanted}");
    }
}

#[tokio::test]
async fn nothing_is_from_the_future_but_one_wrong_clock() {
    let root = tempfile::tempdir().unwrap();
    let midnight: Zoned = "2026-03-29T00:05[Europe/Lisbon]".parse().unwrap();
    demo::build(root.path(), &midnight, None, 7).unwrap();
    let mut ahead = 0;
    for message in messages(root.path(), "work", ".").await {
        assert!(message.received <= midnight.timestamp().as_second());
        let date = jiff::fmt::rfc2822::parse(header(&message, "Date")).unwrap();
        ahead += usize::from(date.timestamp() > midnight.timestamp());
    }
    assert_eq!(ahead, 1);
}

#[tokio::test]
async fn the_inbox_has_the_size_asked_for_and_the_written_mail_on_top() {
    let root = tempfile::tempdir().unwrap();
    demo::build(root.path(), &now(), Some(3000), 7).unwrap();
    let mut remote = Account { root: root.path().join("work") }.connect(None).await.unwrap();
    let (opened, newest) = remote.newest(".", 30).await.unwrap();
    assert_eq!(opened.exists, 3000);
    assert!(newest.iter().all(|message| !message.key.base_name().unwrap().contains(".G")));
    let small = tempfile::tempdir().unwrap();
    demo::build(small.path(), &now(), Some(5), 7).unwrap();
    assert_eq!(messages(small.path(), "work", ".").await.len(), 5);
}

#[tokio::test]
async fn every_address_is_an_example() {
    let root = tempfile::tempdir().unwrap();
    demo::build(root.path(), &now(), Some(200), 7).unwrap();
    for (path, bytes) in files(root.path()) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for line in text.lines().filter(|line| ["From:", "To:", "Cc:"].iter().any(|name| line.starts_with(name))) {
            for (at, _) in line.match_indices('@') {
                let domain: String = line[at + 1..].chars().take_while(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
                assert!(domain.ends_with(".example"), "{path}: {line}");
            }
        }
        for slot in ["{ship}", "{day}", "{berth}", "{thing}", "{state}", "{number}", "{few}", "{weather}", "{verdict}", "{cargo}"] {
            assert!(!text.contains(slot), "{path}: {slot} was left open");
        }
    }
}

#[test]
fn the_configuration_is_accepted_without_a_finding() {
    let root = tempfile::tempdir().unwrap();
    let odd = root.path().join("a \"quoted\" folder");
    let demo = demo::build(&odd, &now(), None, 7).unwrap();
    let file = root.path().join("config.toml");
    fs::write(&file, &demo.config_toml).unwrap();
    let config = postrider::config::load::load(&file, None);
    assert_eq!(config.findings, []);
    let found: Vec<_> = config.accounts.iter().map(|account| (&*account.name, &account.incoming)).collect();
    for ((name, incoming), expect) in found.iter().zip(["work", "home"]) {
        assert!(
            *name == expect && matches!(incoming, postrider::config::Incoming::Maildir(path) if *path == odd.join(expect)),
            "{found:?}"
        );
    }
    assert_eq!(found.len(), 2);
}

#[tokio::test]
async fn subjects_and_names_in_every_script_can_be_read() {
    let root = tempfile::tempdir().unwrap();
    demo::build(root.path(), &now(), None, 7).unwrap();
    let inbox: Vec<_> = messages(root.path(), "work", ".").await.iter().map(|message| postrider::mime::envelope(&message.header)).collect();
    for (name, subject) in [
        ("Chen Wei 陈伟", "午餐计划 — 星期五"),
        ("יוסי כהן", "פגישה מחר בבוקר"),
        ("ليلى منصور", "جدول الرافعة للأسبوع القادم"),
        ("港町 花子", "灯台見学のお礼"),
        ("Élodie Marchand", "Patch: fix off-by-one in pager"),
        ("Marketing", "Open day! 👩‍🚀👨‍👩‍👧‍👦🏴‍☠️ and also boats ⛵️"),
        ("Bertil Öström", ""),
    ] {
        assert!(inbox.iter().any(|envelope| envelope.from[0].name == name && envelope.subject == subject), "{name}: {subject}");
    }
    assert!(inbox.iter().all(|envelope| envelope.date.is_some() && envelope.rfc_message_id.is_some()));
    let thread = inbox.iter().filter(|envelope| envelope.references.iter().any(|id| id.contains(".ph1@"))).count();
    assert_eq!(thread, 11, "the answers to the twelve-message thread");
}
