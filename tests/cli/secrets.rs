//! A password is a canary: whatever is run and however much is logged, it stands in no file of ours and
//! on no screen, in no form that it travels in.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::imap::{World, mail};
use crate::servers::dovecot::{HOST, PASSWORD};
use crate::support::terminal::{Home, Terminal};

/// The password as it is, and what base64 makes of it in the three places it can have in a group of bytes.
fn forms() -> Vec<Vec<u8>> {
    let mut forms = vec![PASSWORD.as_bytes().to_vec()];
    for before in 0..3 {
        let encoded = STANDARD.encode([&vec![0; before], PASSWORD.as_bytes()].concat());
        // the first and last group depend on what stands around it
        forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
    }
    forms
}

fn leaks(bytes: &[u8]) -> bool {
    forms().iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// No file below but the configuration holds it; the named ones are there and not empty.
fn assert_kept(root: &Path, expected: &[&str]) {
    let mut all = Vec::new();
    files(root, &mut all);
    for path in &all {
        let is_config = path.file_name().is_some_and(|name| name == "config.toml");
        assert!(is_config || !leaks(&std::fs::read(path).unwrap()), "the password is in {}", path.display());
    }
    for name in expected {
        let found = all.iter().find(|path| path.ends_with(name)).unwrap_or_else(|| panic!("no file {name} in {all:?}"));
        assert!(std::fs::metadata(found).unwrap().len() > 0, "{name} is empty");
    }
}

#[test]
fn the_forms_are_found_in_what_sign_ins_send() {
    for sent in
        [format!("LOGIN ada {PASSWORD}"), STANDARD.encode(format!("\0ada\0{PASSWORD}")), STANDARD.encode(format!("\0adam\0{PASSWORD}"))]
    {
        assert!(leaks(sent.as_bytes()), "{sent}");
    }
    assert!(!leaks(b"AUTHENTICATE PLAIN [secret]"));
}

#[test]
fn commands_keep_the_password() {
    let world = World::new("canary");
    world.dovecot.deliver(world.user, "", mail(1, "plan", "text").as_bytes());
    let told = |security: &str| {
        let ran = world.setup(security, "right");
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(!leaks(ran.out.as_bytes()) && !leaks(ran.err.as_bytes()));
    };
    told("tls");
    let log = ["log", "trace", "events"].map(|name| world.home.path(name).display().to_string());
    let flags = ["--log-level", "trace", "--log", &log[0], "--trace", &log[1], "--events", &log[2]];
    let stands_in_file = std::fs::read_to_string(world.config_file()).unwrap();
    let line = stands_in_file.lines().find(|line| line.starts_with("password_command")).unwrap().to_owned();
    for (from, to) in [("", String::new()), (&*line, format!("password = \"{PASSWORD}\"")), ("tls", "starttls".to_owned())] {
        if !from.is_empty() {
            world.change(from, &to);
        }
        if to == "starttls" {
            world.change(&world.dovecot.imaps_port.to_string(), &world.dovecot.imap_port.to_string());
        }
        for arguments in [&["sync"][..], &["doctor"], &["doctor", "--json"], &["list", "--json"], &["status"], &["config", "check"]] {
            let ran = world.home.run(&[&flags, arguments].concat());
            assert_eq!(ran.code, 0, "{arguments:?}: {} {}", ran.out, ran.err);
            assert!(!leaks(ran.out.as_bytes()) && !leaks(ran.err.as_bytes()), "{arguments:?}: {} {}", ran.out, ran.err);
        }
    }
    let id = world.json(&["list", "--json"])["messages"][0]["id"].to_string();
    world.done(&[&flags[..], &["flag", &id, "+seen"]].concat());
    world.done(&[&flags[..], &["sync"]].concat());
    let trace = std::fs::read_to_string(&log[1]).unwrap();
    assert!(trace.contains("[secret]"), "the trace holds the sign-in: {trace}");
    assert_kept(&world.home.path(""), &["log", "trace", "events", "mail.db"]);
}

#[test]
fn the_reader_keeps_a_password_that_is_typed() {
    let world = World::new("canary-typed");
    world.dovecot.deliver(world.user, "", mail(1, "the plan", "text").as_bytes());
    let home = Home::new();
    home.configure(&format!(
        "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.imap]\nhost = \"{HOST}\"\nport = {}\nusername = \"{}\"\nca_file = \"{}\"\n",
        world.dovecot.imaps_port,
        world.user,
        world.dovecot.ca_file().display()
    ));
    let log = ["log", "trace"].map(|name| home.path().join(name).display().to_string());
    let flags = ["--log-level", "trace", "--log", &log[0], "--trace", &log[1]];
    let mut terminal = Terminal::start(&home, &flags, 120, 40);
    terminal.wait_event("link", |event| event["state"] == "sign-in");
    // a key before the first frame is for nothing
    terminal.wait_text("Inbox");
    terminal.press("gA");
    terminal.wait_text("needs its password");
    terminal.press("e");
    terminal.wait_text("password for work");
    terminal.press(PASSWORD);
    assert!(!leaks(terminal.text().as_bytes()), "{}", terminal.text());
    terminal.send("\r");
    terminal.wait_event("link", |event| event["state"] == "online");
    terminal.wait_text("the plan");
    let raw = terminal.raw();
    assert_eq!(terminal.quit(), 0);
    assert!(!leaks(&raw), "the password went to the terminal");
    assert_kept(home.path(), &["log", "trace", "mail.db"]);
}
