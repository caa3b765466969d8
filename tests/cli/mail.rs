//! Reading and triage over a store that holds mail: put there through the store itself, so that nothing
//! else need work.

use postrider::config::load;
use postrider::mail::server::{Body, NewMessage, Opened, RemoteMailbox};
use postrider::mail::{Address, Envelope, FlagBits, Flags, Key, Keywords, Role, Uid, UidValidity};
use postrider::store::{self, Paths, Writer};

use crate::home::{Home, json};

const CONFIG: &str = "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.imap]\nhost = \"127.0.0.1\"\n\
                      [accounts.home]\naddress = \"ada@home.example\"\n[accounts.home.imap]\nhost = \"127.0.0.1\"\n";

const TEXT: &[u8] = b"From: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>\r\nTo: ada@example.org\r\nSubject: plan\r\n\
Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello \x1b[31mAda\r\n> quoted\r\n\
--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=\"p.html\"\r\n\r\n<p>x</p>\r\n--b--\r\n";

struct World {
    home: Home,
    /// Message ids in the order they were added: three in work/Inbox, one in work/Lists/Rust, one in home/Inbox.
    ids: Vec<i64>,
}

fn message(uid: u32, subject: &str, flags: Flags) -> NewMessage {
    let envelope = Envelope {
        date: Some(1_790_000_000 + i64::from(uid)),
        from: vec![Address::new("Zoë", "zoe@example.org")],
        to: vec![Address::new("", "ada@example.org")],
        subject: subject.to_owned(),
        rfc_message_id: Some(format!("{subject}-{uid}@example.org")),
        ..Envelope::default()
    };
    NewMessage {
        key: Key::Uid(Uid(uid)),
        flags,
        received: 1_790_000_100 + i64::from(uid),
        size: 1000 + u64::from(uid),
        envelope,
        identity: None,
    }
}

fn remote(name: &str, role: Option<Role>) -> RemoteMailbox {
    RemoteMailbox { name: name.to_owned(), wire_name: name.to_owned(), role, selectable: true, total: None, unread: None, state: None }
}

fn world() -> World {
    let home = Home::new();
    let file = home.config(CONFIG);
    assert!(load(&file, None).findings.is_empty());
    let data = home.path(".local/share/postrider");
    postrider::paths::private_folder(&data).unwrap();
    let writer = store::open(&Paths::in_folder(&data)).unwrap();
    fill(&writer);
    writer.stop();
    let list = |arguments: &[&str]| -> Vec<i64> {
        let value = json(&home.run(arguments));
        value["messages"].as_array().unwrap().iter().rev().map(|message| message["id"].as_i64().unwrap()).collect()
    };
    let mut ids = list(&["list", "--json"]);
    ids.extend(list(&["list", "--json", "--mailbox", "work/Lists/Rust"]));
    ids.extend(list(&["list", "--json", "--account", "home"]));
    assert_eq!(ids.len(), 5);
    World { home, ids }
}

fn fill(writer: &Writer) {
    let accounts = writer.set_accounts(vec!["work".to_owned(), "home".to_owned()]).wait().unwrap();
    let list =
        vec![remote("Inbox", None), remote("Archive", Some(Role::Archive)), remote("Trash", Some(Role::Trash)), remote("Lists/Rust", None)];
    let boxes = writer.set_mailboxes(accounts[0], list, Default::default()).wait().unwrap();
    let find = |name: &str| boxes.iter().find(|mailbox| mailbox.name == name).unwrap().id;
    let opened = Opened { uid_validity: Some(UidValidity(7)), uid_next: Some(9), exists: 3, ..Opened::default() };
    writer.opened(find("Inbox"), opened).wait().unwrap();
    let seen = Flags { bits: FlagBits::SEEN, keywords: Keywords::new(["todo"]) };
    let inbox =
        vec![message(1, "plan", Flags::default()), message(2, "\u{1b}]0;evil\u{7}\u{202e}", Flags::default()), message(3, "done", seen)];
    writer.add_messages(find("Inbox"), inbox).wait().unwrap();
    let body = Body { key: Key::Uid(Uid(1)), bytes: TEXT.to_vec(), whole: true, parts: Vec::new() };
    writer.add_bodies(find("Inbox"), vec![body], vec!["Hello Ada quoted".to_owned()]).wait().unwrap();
    writer.opened(find("Lists/Rust"), opened).wait().unwrap();
    writer.add_messages(find("Lists/Rust"), vec![message(4, "crates", Flags::default())]).wait().unwrap();
    let other = writer.set_mailboxes(accounts[1], vec![remote("Inbox", None)], Default::default()).wait().unwrap();
    writer.opened(other[0].id, opened).wait().unwrap();
    writer.add_messages(other[0].id, vec![message(5, "private", Flags::default())]).wait().unwrap();
    while writer.index_some(100).wait().unwrap() > 0 {}
}

#[test]
fn list_has_its_shape_newest_first() {
    let world = world();
    let value = json(&world.home.run(&["list", "--json", "--limit", "2"]));
    let messages = value["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2);
    let newest = &messages[0];
    assert_eq!(newest["id"], world.ids[2]);
    for (field, expect) in [
        ("account", serde_json::json!("work")),
        ("mailbox", serde_json::json!("work/Inbox")),
        ("date", serde_json::json!("2026-09-21T14:13:23Z")),
        ("received", serde_json::json!("2026-09-21T14:15:03Z")),
        ("from", serde_json::json!([{"name": "Zoë", "address": "zoe@example.org"}])),
        ("to", serde_json::json!([{"name": "", "address": "ada@example.org"}])),
        ("subject", serde_json::json!("done")),
        ("flags", serde_json::json!(["seen"])),
        ("tags", serde_json::json!(["todo"])),
        ("size", serde_json::json!(1003)),
        ("rfc_message_id", serde_json::json!("done-3@example.org")),
    ] {
        assert_eq!(newest[field], expect, "{field}");
    }
    assert!(newest["thread"].is_i64());
}

#[test]
fn mailboxes_are_named_by_path_with_or_without_the_account() {
    let world = world();
    for (arguments, expect) in [
        (&["list", "--json", "--mailbox", "work/Lists/Rust"][..], "crates"),
        (&["list", "--json", "--mailbox", "Lists/Rust"], "crates"),
        (&["list", "--json", "--mailbox", "home/inbox"], "private"),
        (&["list", "--json", "--account", "home"], "private"),
        (&["list", "--json", "--query", "subject:plan"], "plan"),
        (&["search", "--json", "private"], "private"),
        (&["search", "--json", "--mailbox", "work/Inbox", "quoted"], "plan"),
    ] {
        let ran = world.home.run(arguments);
        let value = json(&ran);
        let subjects: Vec<&str> = value["messages"].as_array().unwrap().iter().filter_map(|message| message["subject"].as_str()).collect();
        assert_eq!(subjects, [expect], "{arguments:?} {}", ran.err);
    }
    let ran = world.home.run(&["list", "--mailbox", "work/Lists/Rusty"]);
    assert!(ran.code == 65 && ran.err.contains("did you mean \"work/Lists/Rust\""), "{} {}", ran.code, ran.err);
}

#[test]
fn people_see_no_control_character_of_a_sender() {
    let world = world();
    let id = world.ids[1].to_string();
    for arguments in [&["list"][..], &["search", "example"], &["list", "--json"], &["status"], &["show", "--json", &id]] {
        let ran = world.home.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?} {}", ran.err);
        assert!(!ran.out.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'), "{arguments:?} {:?}", ran.out);
    }
    assert_eq!(json(&world.home.run(&["list", "--json"]))["messages"][1]["subject"], "\u{1b}]0;evil\u{7}\u{202e}");
}

#[test]
fn counts_are_of_all_accounts_unless_told() {
    let world = world();
    for (arguments, total, unread) in [
        (&["count", "--json"][..], 5, 4),
        (&["count", "--json", "--account", "work"], 4, 3),
        (&["count", "--json", "--mailbox", "Inbox"], 3, 2),
        (&["count", "--json", "--query", "is:read"], 1, 0),
    ] {
        let value = json(&world.home.run(arguments));
        assert_eq!((value["total"].as_i64(), value["unread"].as_i64()), (Some(total), Some(unread)), "{arguments:?}");
    }
}

#[test]
fn status_tells_accounts_mailboxes_and_what_waits() {
    let world = world();
    let value = json(&world.home.run(&["status", "--json"]));
    assert_eq!(value["accounts"].as_array().unwrap().len(), 2);
    for field in ["name", "link", "owner"] {
        assert!(value["accounts"][0].get(field).is_some(), "{field}");
    }
    let inbox = value["mailboxes"].as_array().unwrap().iter().find(|mailbox| mailbox["mailbox"] == "work/Inbox").unwrap();
    assert_eq!(
        (&inbox["account"], &inbox["total"], &inbox["unread"], &inbox["uid_validity"]),
        (&"work".into(), &3.into(), &2.into(), &7.into())
    );
    assert!(inbox.get("synced").is_some());
    assert_eq!((&value["waiting"], &value["drafts"], &value["outbox"]), (&0.into(), &0.into(), &0.into()));
    world.home.run(&["flag", &world.ids[0].to_string(), "+flagged"]);
    assert_eq!(json(&world.home.run(&["status", "--json"]))["waiting"], 1);
}

#[test]
fn show_gives_text_parts_source_and_headers() {
    let world = world();
    let id = world.ids[0].to_string();
    let value = json(&world.home.run(&["show", "--json", &id]));
    assert_eq!(value["id"], world.ids[0]);
    assert!(value["text"].as_str().unwrap().contains("Hello"), "{value}");
    let part = &value["parts"][1];
    assert_eq!((&part["number"], &part["type"], &part["name"]), (&"2".into(), &"text/html".into(), &"p.html".into()), "{value}");
    assert!(part["size"].is_u64());
    let text = world.home.run(&["show", &id]);
    assert!(
        text.code == 0 && text.out.contains("Subject: plan") && text.out.contains("> quoted") && !text.out.contains('\u{1b}'),
        "{}",
        text.out
    );
    assert_eq!(world.home.run(&["show", "--raw", &id]).out.as_bytes(), TEXT);
    let headers = world.home.run(&["show", "--headers", &id]).out;
    assert!(headers.starts_with("From: =?utf-8") && headers.ends_with("boundary=b\r\n"), "{headers:?}");
    assert!(world.home.run(&["show", "--html", &id]).out.contains("<p>x</p>"));
    let missing = world.home.run(&["show", &world.ids[2].to_string()]);
    assert!(missing.code == 69 && missing.err.contains("sync"), "{} {}", missing.code, missing.err);
    assert_eq!(world.home.run(&["show", "999999999"]).code, 65);
}

#[test]
fn triage_is_saved_at_once_and_all_or_nothing() {
    let world = world();
    let [one, two, three] = [0, 1, 2].map(|at| world.ids[at].to_string());
    let find = |id: &str| json(&world.home.run(&["show", "--json", id]));
    assert_eq!(world.home.run(&["flag", &one, "999999999", "+seen"]).code, 65);
    assert_eq!(find(&one)["flags"], serde_json::json!([]), "an unknown id changes nothing");
    for (arguments, word) in [
        (&["flag", &one, &two, "+seen", "+flagged"][..], "2 messages"),
        (&["tag", &three, "-todo", "+later"], "1 message"),
        (&["archive", &one], "Archived 1 message"),
        (&["trash", &two], "Trashed 1 message"),
        (&["move", &three, "--to", "work/lists/rust"], "work/Lists/Rust"),
    ] {
        let ran = world.home.run(arguments);
        assert!(ran.code == 0 && ran.err.contains(word) && ran.out.is_empty(), "{arguments:?}: {} {}", ran.code, ran.err);
    }
    for (id, mailbox, flags, tags) in [
        (&one, "work/Archive", serde_json::json!(["seen", "flagged"]), serde_json::json!([])),
        (&two, "work/Trash", serde_json::json!(["seen", "flagged"]), serde_json::json!([])),
        (&three, "work/Lists/Rust", serde_json::json!(["seen"]), serde_json::json!(["later"])),
    ] {
        let message = find(id);
        assert_eq!((&message["mailbox"], &message["flags"], &message["tags"]), (&mailbox.into(), &flags, &tags));
        assert_eq!(message["waiting"], true);
    }
    let other = world.ids[4].to_string();
    let ran = world.home.run(&["archive", &other]);
    assert!(ran.code == 78 && ran.err.contains("[accounts.home.mailboxes]"), "{} {}", ran.code, ran.err);
}

/// A home with one Maildir account that holds two messages.
fn maildir() -> Home {
    let home = Home::new();
    for folder in ["Mail", "Mail/.Archive"] {
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(home.path(folder).join(part)).unwrap();
        }
    }
    std::fs::write(home.path("Mail/new/1790000001.M1P1.host"), TEXT).unwrap();
    std::fs::write(home.path("Mail/cur/1790000002.M2P1.host:2,S"), "From: b@example.org\nSubject: second\n\nBody\n").unwrap();
    home.config("[accounts.local]\naddress = \"ada@example.org\"\n[accounts.local.maildir]\npath = \"~/Mail\"\n");
    home
}

fn names(home: &Home, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = ["cur", "new"]
        .iter()
        .flat_map(|part| std::fs::read_dir(home.path(folder).join(part)).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_maildir_is_synced_read_changed_and_pushed() {
    let home = maildir();
    let ran = home.run(&["sync"]);
    assert!(ran.code == 0 && ran.out.is_empty() && ran.err.contains("local"), "{} {}", ran.code, ran.err);
    let list = json(&home.run(&["list", "--json"]));
    let messages = list["messages"].as_array().unwrap();
    assert_eq!(messages.iter().map(|message| message["subject"].as_str().unwrap()).collect::<Vec<_>>(), ["second", "plan"]);
    assert_eq!((&messages[0]["flags"], &messages[1]["flags"]), (&serde_json::json!(["seen"]), &serde_json::json!([])));
    let (second, plan) = (messages[0]["id"].to_string(), messages[1]["id"].to_string());
    let shown = home.run(&["show", "--raw", &plan]);
    assert_eq!(shown.out.as_bytes(), TEXT, "{}", shown.err);
    assert!(home.run(&["show", &second]).out.contains("Body"));

    assert_eq!(home.run(&["flag", &plan, "+flagged", "+seen"]).code, 0);
    assert_eq!(home.run(&["archive", &second]).code, 0);
    assert_eq!(json(&home.run(&["status", "--json"]))["waiting"], 2);
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(json(&home.run(&["status", "--json"]))["waiting"], 0);
    assert!(names(&home, "Mail")[0].ends_with(":2,FS"), "{:?}", names(&home, "Mail"));
    assert_eq!(names(&home, "Mail/.Archive").len(), 1);
    crate::private(&home.path(".local"));
}

#[test]
fn a_sync_that_cannot_connect_says_why_and_keeps_its_exit_code() {
    let home = Home::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    home.config(&format!(
        "[accounts.w]\naddress = \"a@b.example\"\n[accounts.w.imap]\nhost = \"127.0.0.1\"\nport = {port}\npassword_command = [\"echo\", \"x\"]\n"
    ));
    let ran = home.run(&["sync"]);
    assert!(ran.code == 69 && ran.err.contains("127.0.0.1"), "{} {}", ran.code, ran.err);
    let port = port.to_string();
    let arguments = ["setup", "c@d.example", "--imap-host", "127.0.0.1", "--imap-port", &port, "--password-command", "echo x"];
    let before = std::fs::read(home.path(".config/postrider/config.toml")).unwrap();
    let ran = home.run(&arguments);
    assert!(ran.code == 69 && ran.err.contains("nothing was saved"), "{} {}", ran.code, ran.err);
    assert_eq!(std::fs::read(home.path(".config/postrider/config.toml")).unwrap(), before);
}
