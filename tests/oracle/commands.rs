//! Commands whose output is a terminal, and what they say of a broken configuration or odd arguments.

use serde_json::Value;

use crate::letters::Letter;
use crate::support::mail::Maildir;
use crate::support::terminal::Home;
use crate::{Seen, command, deliver, encodings, is_full, payloads};

#[test]
fn commands_print_no_more_than_text_on_a_terminal() {
    let payloads = payloads::all();
    let home = Home::new();
    let maildir = Maildir::create(&home.path().join("mail"), &["Archive"]);
    for (number, payload) in payloads.iter().enumerate() {
        for encoding in encodings(number) {
            deliver(&maildir, "", &Letter { number, encoding, payload, parent: None }, "S");
        }
    }
    home.configure(&maildir.configuration("local"));
    let (code, _, errors) = home.run(&["sync"]);
    assert_eq!(code, 0, "{errors}");
    let mut seen = Seen::default();
    for arguments in [&["list", "--limit", "5000"][..], &["list", "--json", "--limit", "5000"], &["search", "q"], &["status"], &["doctor"]]
    {
        for columns in [80, 200] {
            command(&home, arguments, columns, &arguments.join(" "), &payloads, &mut seen);
        }
    }
    let (_, listed, _) = home.run(&["list", "--json", "--limit", "5000"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    let ids: Vec<String> = listed["messages"].as_array().expect("messages").iter().map(|message| message["id"].to_string()).collect();
    assert!(ids.len() >= payloads.len());
    let forms: [&[&str]; 5] = [&[], &["--raw"], &["--headers"], &["--html"], &["--json"]];
    for (n, id) in ids.iter().enumerate().step_by(if is_full() { 3 } else { 2 }) {
        for form in forms.iter().skip(if is_full() { 0 } else { n / 2 % 5 }).take(if is_full() { 5 } else { 1 }) {
            let arguments: Vec<&str> = ["show", id].iter().chain(form.iter()).copied().collect();
            command(&home, &arguments, 120, &arguments.join(" "), &payloads, &mut seen);
        }
    }
    println!("figure: {} outputs of commands, {} canaries", seen.screens, seen.canaries.len());
    assert!(seen.canaries.len() > payloads.len());
}

/// A file that was edited by somebody, and words from elsewhere on the command line, are said back.
#[test]
fn a_broken_configuration_and_odd_arguments_are_said_as_text() {
    let payloads = payloads::all();
    let mut seen = Seen::default();
    let home = Home::new();
    for (number, payload) in payloads.iter().enumerate().step_by(if is_full() { 1 } else { 4 }) {
        let text = [format!("q{number:03}w00").as_bytes(), payload, b"z"].concat();
        let Ok(text) = String::from_utf8(text) else { continue };
        let broken = [
            format!("[ui]\ntheme = \"{text}\"\n"),
            format!("{text} = 1\n"),
            format!("[accounts.\"{text}\"]\naddress = \"{text}\"\n"),
            format!("[ui]\nlist_width = {text}\n"),
        ];
        home.configure(&broken[number / 4 % 4]);
        command(&home, &["config", "check"], 120, "config check", &payloads, &mut seen);
        command(&home, &["list"], 120, "list without a configuration", &payloads, &mut seen);
        let maildir = Maildir::create(&home.path().join("mail"), &[]);
        home.configure(&maildir.configuration("local"));
        if !text.contains('\0') {
            for arguments in [&["list", &text][..], &["search", &text], &["show", &text], &["--account", &text, "list"]] {
                command(&home, arguments, 120, "odd arguments", &payloads, &mut seen);
            }
        }
    }
    println!("figure: {} outputs, {} canaries", seen.screens, seen.canaries.len());
    assert!(!seen.canaries.is_empty());
}
