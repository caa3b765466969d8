//! Setup, sync, triage and doctor against a real Dovecot; a second client says what the server holds.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::home::{self, Home, Ran};
use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, HOST, PASSWORD};

/// A user of the shared server with a home and files that hold the right and a wrong password.
pub struct World {
    pub home: Home,
    pub dovecot: Arc<Dovecot>,
    pub user: &'static str,
    secrets: tempfile::TempDir,
}

impl World {
    pub fn new(user: &'static str) -> Self {
        let secrets = tempfile::tempdir().unwrap();
        std::fs::write(secrets.path().join("right"), format!("{PASSWORD}\n")).unwrap();
        std::fs::write(secrets.path().join("wrong"), "wrong-password-9\n").unwrap();
        Self { home: Home::new(), dovecot: Dovecot::shared(), user, secrets }
    }

    /// The command that prints the "right" or the "wrong" password.
    pub fn password_command(&self, which: &str) -> String {
        format!("cat '{}'", self.secrets.path().join(which).display())
    }

    pub fn config_file(&self) -> PathBuf {
        self.home.path(".config/postrider/config.toml")
    }

    /// `setup` of this user by `security`.
    pub fn setup(&self, security: &str, password: &str) -> Ran {
        self.setup_at(security, if security == "tls" { self.dovecot.imaps_port } else { self.dovecot.imap_port }, password)
    }

    /// The same at a port that need not be the right one.
    pub fn setup_at(&self, security: &str, port: u16, password: &str) -> Ran {
        let port = port.to_string();
        let (ca, command) = (self.dovecot.ca_file(), self.password_command(password));
        let mut arguments = vec!["setup", "ada@example.org", "--account", "work", "--imap-host", HOST, "--imap-port", &port];
        arguments.extend(["--imap-security", security, "--username", self.user, "--password-command", &command]);
        arguments.extend(["--ca-file", ca.to_str().unwrap()]);
        self.home.run(&arguments)
    }

    /// A working account over TLS.
    pub fn done_setup(&self) {
        let ran = self.setup("tls", "right");
        assert_eq!(ran.code, 0, "{}", ran.err);
    }

    /// The configuration that `setup` wrote, with one piece of it replaced.
    pub fn change(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config_file()).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        std::fs::write(self.config_file(), text.replace(from, to)).unwrap();
    }

    pub fn other(&self) -> SecondClient {
        SecondClient::login(self.dovecot.imap_port, self.user, PASSWORD)
    }

    /// A command that must end well, and its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.home.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {} {}", ran.out, ran.err);
        home::json(&ran)
    }

    /// A command that must end well.
    pub fn done(&self, arguments: &[&str]) {
        let ran = self.home.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {} {}", ran.out, ran.err);
    }
}

pub fn mail(number: u32, subject: &str, body: &str) -> String {
    format!(
        "Date: Sat, 21 Nov 2026 10:00:{number:02} +0000\r\nFrom: Zoe <zoe@example.org>\r\nTo: ada@example.org\r\nSubject: {subject}\r\n\
         Message-ID: <m{number}@example.org>\r\nContent-Type: text/plain\r\n\r\n{body}\r\n"
    )
}

#[test]
fn setup_signs_in_and_then_saves() {
    for (user, security) in [("setup-tls", "tls"), ("setup-starttls", "starttls"), ("setup-plain", "plaintext")] {
        let world = World::new(user);
        let ran = world.setup(security, "right");
        assert!(ran.code == 0 && ran.out.is_empty(), "{security}: {} {}", ran.code, ran.err);
        assert!(world.home.run(&["config", "check"]).code == 0, "{security}");
        assert!(!std::fs::read_to_string(world.config_file()).unwrap().contains(PASSWORD));
        crate::private(&world.home.path(".config"));
        world.done(&["sync"]);
        let status = world.json(&["status", "--json"]);
        assert!(status["mailboxes"].as_array().unwrap().iter().any(|mailbox| mailbox["mailbox"] == "work/Archive"), "{security}: {status}");
    }
}

#[test]
fn setup_saves_nothing_that_the_server_refuses() {
    let world = World::new("setup-refused");
    let ran = world.setup("tls", "wrong");
    assert!(ran.code == 77 && ran.err.contains("nothing was saved"), "{} {}", ran.code, ran.err);
    assert!(!ran.err.contains("wrong-password-9"), "{}", ran.err);
    let ran = world.setup("tls", "missing");
    assert!(ran.code == 77 && ran.err.contains("password_command"), "{} {}", ran.code, ran.err);
    let other_authority = world.home.path("other.pem");
    std::fs::write(&other_authority, crate::servers::authority::Authority::new("somebody else").pem()).unwrap();
    let ca = world.dovecot.ca_file();
    let port = world.dovecot.imaps_port.to_string();
    let command = world.password_command("right");
    for (host, authority, word) in [(HOST, &other_authority, "certificate"), ("127.0.0.1", &ca, "another host name")] {
        let authority = authority.to_str().unwrap();
        let arguments =
            ["setup", "a@b.example", "--imap-host", host, "--imap-port", &port, "--password-command", &command, "--ca-file", authority];
        let ran = world.home.run(&arguments);
        assert!(ran.code == 69 && ran.err.contains(word), "{host}: {} {}", ran.code, ran.err);
    }
    let ran = world.setup_at("tls", world.dovecot.imap_port, "right");
    assert!(ran.code == 69 && ran.err.contains("does not speak TLS"), "{} {}", ran.code, ran.err);
    assert!(!world.config_file().exists());
}

#[test]
fn a_password_does_not_leave_this_machine_in_clear() {
    let world = World::new("plain-refused");
    let (port, command) = (world.dovecot.imap_port, world.password_command("right"));
    let words: Vec<String> = command.split(' ').map(|word| format!("{:?}", word.trim_matches('\''))).collect();
    // a name is not trusted to be this machine's, whatever it resolves to
    world.home.config(&format!(
        "[accounts.work]\naddress = \"a@b.example\"\n[accounts.work.imap]\nhost = \"localhost.example\"\nport = {port}\nsecurity = \"plaintext\"\n\
         username = \"plain-refused\"\npassword_command = [{}]\n",
        words.join(", ")
    ));
    let check = world.home.run(&["config", "check"]);
    assert!(check.code == 1 && check.out.contains("allow_plaintext_password"), "{}", check.out);
    let ran = world.home.run(&["sync"]);
    assert!(ran.code != 0 && ran.err.contains("plaintext"), "{} {}", ran.code, ran.err);
}

#[test]
fn mail_is_read_and_sorted_by_commands_and_the_server_follows() {
    let world = World::new("commands");
    world.done_setup();
    for (number, subject, body) in [(1, "plan", "the heron stands"), (2, "done", "two"), (3, "old", "three"), (4, "junk", "four")] {
        world.dovecot.deliver(world.user, "", mail(number, subject, body).as_bytes());
    }
    world.done(&["sync"]);

    let list = world.json(&["list", "--json"]);
    let messages = list["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 4, "{list}");
    let id = |subject: &str| messages.iter().find(|message| message["subject"] == subject).unwrap()["id"].to_string();
    let found = world.json(&["search", "--json", "heron"]);
    assert_eq!((found["messages"].as_array().unwrap().len(), &found["messages"][0]["subject"]), (1, &json!("plan")), "{found}");
    let shown = world.json(&["show", "--json", &id("plan")]);
    assert!(shown["text"].as_str().unwrap().contains("the heron stands"), "{shown}");
    assert_eq!(world.home.run(&["show", "--raw", &id("plan")]).out, mail(1, "plan", "the heron stands"));

    world.done(&["flag", &id("plan"), "+seen", "+flagged"]);
    world.done(&["tag", &id("plan"), "+todo"]);
    world.done(&["archive", &id("done")]);
    world.done(&["trash", &id("old")]);
    world.done(&["move", &id("junk"), "--to", "Junk"]);
    let moved = world.json(&["list", "--json", "--mailbox", "Junk"]);
    assert_eq!((&moved["messages"][0]["subject"], &moved["messages"][0]["waiting"]), (&json!("junk"), &json!(true)), "{moved}");
    assert_eq!(world.json(&["status", "--json"])["waiting"], 4);

    let ran = world.home.run(&["sync", "--offline"]);
    assert!(ran.code != 0 && ran.err.contains("--offline"), "{} {}", ran.code, ran.err);
    assert_eq!(world.other().messages("INBOX").len(), 4, "--offline never connects");
    world.done(&["sync"]);
    assert_eq!(world.json(&["status", "--json"])["waiting"], 0);
    let all = world.other().snapshot();
    let place = |number: u32| {
        let name = format!("m{number}@example.org");
        let found =
            all.iter().filter(|(_, messages)| messages.iter().any(|message| message.message_id == name)).map(|(name, _)| name.as_str());
        found.collect::<Vec<_>>().join(" ")
    };
    assert_eq!([1, 2, 3, 4].map(place), ["INBOX", "Archive", "Trash", "Junk"]);
    assert_eq!(all["INBOX"][0].flags, ["\\Flagged", "\\Seen", "todo"]);
}

#[test]
fn sync_tells_a_refused_password_by_its_exit_code() {
    let world = World::new("sync-refused");
    world.done_setup();
    world.change("right", "wrong");
    let ran = world.home.run(&["sync"]);
    assert!(ran.code == 77 && ran.err.contains("work") && !ran.err.contains("wrong-password-9"), "{} {}", ran.code, ran.err);
    world.change("wrong", "missing");
    let ran = world.home.run(&["sync"]);
    assert!(ran.code == 77 && ran.err.contains("password_command"), "{} {}", ran.code, ran.err);
}

#[test]
fn doctor_is_content_or_names_the_first_thing_that_fails() {
    let world = World::new("doctor");
    world.done_setup();
    let checks = |world: &World| -> (i32, Vec<(String, bool, String)>) {
        let ran = world.home.run(&["doctor", "--json"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let checks = home::json(&ran)["checks"].as_array().unwrap().clone();
        (ran.code, checks.iter().map(|check| (text(&check["name"]), check["ok"] == true, text(&check["detail"]))).collect())
    };
    let (code, all) = checks(&world);
    assert!(code == 0 && all.iter().all(|(_, ok, _)| *ok), "{all:#?}");
    for name in ["configuration", "data folder", "terminal", "work DNS", "work TCP", "work TLS", "work sign-in", "work capabilities"] {
        assert!(all.iter().any(|(known, ..)| known == name), "{name}: {all:#?}");
    }
    assert!(!world.home.run(&["doctor"]).out.contains("FAILED"));
    let port = world.dovecot.imaps_port.to_string();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let authority = format!("ca_file = \"{}\"", world.dovecot.ca_file().display());
    for (from, to, name, word) in [
        ("right", "wrong", "work sign-in", ""),
        (&*authority, "", "work TLS", "certificate"),
        (&*port, &*closed, "work TCP", "refused"),
        ("host = \"localhost\"", "host = \"no-such-host.invalid\"", "work DNS", "no-such-host.invalid"),
    ] {
        let before = std::fs::read_to_string(world.config_file()).unwrap();
        world.change(from, to);
        let (code, all) = checks(&world);
        let failed: Vec<_> = all.iter().filter(|(_, ok, _)| !ok).collect();
        assert!(code == 1 && failed.len() == 1 && failed[0].0 == name && failed[0].2.contains(word), "{to:?}: {all:#?}");
        std::fs::write(world.config_file(), before).unwrap();
    }
}
