//! `send` and `outbox` as scripts use them, against a scripted SMTP server.

use std::io::Write;
use std::process::Stdio;

use crate::home::{Home, Ran, json, ran};
use crate::support::smtp::{Fault, Script, ScriptedSmtp, Step};

const MESSAGE: &str =
    "From: Ada <ada@example.org>\r\nTo: Bob <bob@example.org>\r\nBcc: eve@example.org\r\nSubject: Plan\r\n\r\nText\r\n.\r\n";

fn configure(home: &Home, port: u16) {
    let mail = home.path("mail");
    for part in ["cur", "new", "tmp", ".Sent/cur", ".Sent/new", ".Sent/tmp"] {
        std::fs::create_dir_all(mail.join(part)).unwrap();
    }
    let text = format!(
        "[accounts.work]\naddress = \"ada@example.org\"\n[accounts.work.maildir]\npath = {:?}\n[accounts.work.smtp]\nhost = \"127.0.0.1\"\n\
         port = {port}\nsecurity = \"plaintext\"\nusername = \"ada\"\npassword = \"correct-horse-7\"\n",
        mail.display()
    );
    let file = home.config(&text);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(file, mode).unwrap();
}

fn send(home: &Home, arguments: &[&str], message: &str) -> Ran {
    let mut child = home.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    ran(&child.wait_with_output().unwrap())
}

fn stage() -> (Home, ScriptedSmtp) {
    let (home, server) = (Home::new(), ScriptedSmtp::start(Script::default()));
    configure(&home, server.port);
    (home, server)
}

fn items(home: &Home) -> Vec<serde_json::Value> {
    json(&home.run(&["outbox", "--json"]))["items"].as_array().unwrap().clone()
}

#[test]
fn a_message_is_sent_without_its_bcc_to_everybody_and_its_copy_is_in_sent_after_a_sync() {
    let (home, server) = stage();
    assert_eq!(home.run(&["sync"]).code, 0);
    let ran = send(&home, &["send"], MESSAGE);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let taken = server.taken();
    let text = String::from_utf8(taken[0].data.clone()).unwrap();
    assert!(taken.len() == 1 && taken[0].recipients.len() == 2 && !text.contains("Bcc") && text.ends_with("Text\r\n.\r\n"), "{taken:?}");
    assert_eq!(home.run(&["sync"]).code, 0);
    let sent = json(&home.run(&["list", "--mailbox", "work/Sent", "--json"]));
    assert_eq!((sent["messages"][0]["subject"].as_str(), sent["messages"].as_array().unwrap().len()), (Some("Plan"), 1));
    assert_eq!(std::fs::read_dir(home.path("mail/.Sent/cur")).unwrap().count(), 1);
    assert!(items(&home).is_empty() && server.taken().len() == 1);
}

#[test]
fn a_copy_that_mail_db_lost_before_its_mailbox_had_it_is_in_sent_after_the_next_sync() {
    let (home, server) = stage();
    assert_eq!(home.run(&["sync"]).code, 0);
    let known: Vec<_> = ["mail.db", "mail.db-wal"].iter().map(|name| home.path(".local/share/postrider").join(name)).collect();
    let before: Vec<_> = known.iter().map(|path| std::fs::read(path).ok()).collect();
    assert_eq!(send(&home, &["send"], MESSAGE).code, 0);
    // as a power cut leaves it: only user.db waits for the disk
    for (path, bytes) in known.iter().zip(before) {
        bytes.map_or_else(|| drop(std::fs::remove_file(path)), |bytes| std::fs::write(path, bytes).unwrap());
    }
    let _ = std::fs::remove_file(home.path(".local/share/postrider/mail.db-shm"));
    assert_eq!(home.run(&["sync"]).code, 0);
    assert_eq!(std::fs::read_dir(home.path("mail/.Sent/cur")).unwrap().count(), 1);
    let sent = json(&home.run(&["list", "--mailbox", "work/Sent", "--json"]));
    assert_eq!((sent["messages"].as_array().unwrap().len(), server.taken().len()), (1, 1));
}

#[test]
fn the_envelope_is_taken_from_the_arguments_where_they_give_one() {
    let (home, server) = stage();
    let arguments = [
        "send",
        "--from",
        "bounces@example.org",
        "--to",
        "x@example.org",
        "y@example.org",
        "--notify",
        "failure",
        "--ret",
        "headers",
        "--envid",
        "e1",
    ];
    let ran = send(&home, &arguments, MESSAGE);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let heard = server.heard().join("\n");
    for part in
        ["MAIL FROM:<bounces@example.org>", "RET=HDRS", "ENVID=e1", "RCPT TO:<x@example.org>", "RCPT TO:<y@example.org>", "NOTIFY=FAILURE"]
    {
        assert!(heard.contains(part), "{part} in {heard}");
    }
    assert!(!heard.contains("bob@example.org"));
    let ran = send(&home, &["send", "--to", "z@example.org"], "From: ada@example.org\r\nSubject: to nobody\r\n\r\nText\r\n");
    assert!(ran.code == 0 && server.heard().join("\n").contains("RCPT TO:<z@example.org>"), "{} {}", ran.code, ran.err);
}

#[test]
fn each_end_has_its_exit_code() {
    let some = Script { recipients: vec![("bob@example.org".into(), "550 5.1.1 no Bob".into())], ..Script::default() };
    let login = Script { password: "another".into(), ..Script::default() };
    for (script, code, words, left) in [
        (some, 67, "550 5.1.1 no Bob", "filed"),
        (Script::fault(Step::Mail, Fault::say("554 5.7.1 go away")), 69, "554 5.7.1 go away", "refused"),
        (Script::fault(Step::Data, Fault::say("451 4.3.0 later")), 75, "451 4.3.0 later", "queued"),
        (Script::fault(Step::Greeting, Fault::Cut), 75, "not yet sent", "queued"),
        (login, 77, "535", "queued"),
        (Script::fault(Step::End, Fault::TakeThenCut), 75, "nobody knows", "unknown"),
    ] {
        let (home, server) = stage();
        assert_eq!(home.run(&["sync"]).code, 0);
        server.set(script);
        let ran = send(&home, &["send"], MESSAGE);
        assert!(ran.code == code && ran.err.contains(words), "{code} {words}: {} {}", ran.code, ran.err);
        assert_eq!(items(&home).first().map_or("", |item| item["state"].as_str().unwrap()), left, "{words}");
    }
    let home = Home::new();
    assert_eq!(send(&home, &["send"], MESSAGE).code, 78);
    configure(&home, 9);
    for (arguments, message, code) in [
        (&["send"][..], "", 65),
        (&["send"], "no header at all", 65),
        (&["send"], "From: a@b.example\r\nSubject: x\r\n\r\n", 65),
        (&["send", "--to", "no address"], MESSAGE, 64),
        (&["send", "--notify", "often"], MESSAGE, 64),
        (&["--offline", "send"], MESSAGE, 75),
    ] {
        let ran = send(&home, arguments, message);
        assert!(ran.code == code && ran.out.is_empty() && !ran.err.is_empty(), "{arguments:?} {message:?}: {} {}", ran.code, ran.err);
    }
}

#[test]
fn what_is_queued_is_listed_sent_and_cancelled_by_its_id() {
    let (home, server) = stage();
    for _ in 0..3 {
        let ran = send(&home, &["send", "--queue"], MESSAGE);
        assert!(ran.code == 0 && ran.out.is_empty(), "{}", ran.err);
    }
    let all = items(&home);
    let first = all[0]["id"].as_i64().unwrap();
    assert_eq!((all.len(), all[0]["state"].as_str(), all[0]["subject"].as_str()), (3, Some("queued"), Some("Plan")));
    assert_eq!(all[0]["to"][0]["address"], "bob@example.org");
    assert_eq!(json(&home.run(&["status", "--json"]))["outbox"], 3);
    assert_eq!((home.run(&["outbox", "cancel", &first.to_string()]).code, items(&home).len()), (0, 2));
    assert_eq!(home.run(&["outbox", "cancel", "999"]).code, 65);
    assert!(home.run(&["outbox"]).out.contains("bob@example.org"));
    let ran = home.run(&["outbox", "send", &(first + 1).to_string()]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ran = home.run(&["sync"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(items(&home).is_empty() && server.taken().len() == 2);
}

#[test]
fn two_commands_at_once_send_each_message_once() {
    let (home, server) = stage();
    let children: Vec<_> = (0..6)
        .map(|number| {
            let mut child = home.command(&["send"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let message = MESSAGE.replace("Plan", &format!("Plan {number}"));
            child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
            child
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut subjects: Vec<String> = server.taken().iter().map(|taken| String::from_utf8_lossy(&taken.data).into_owned()).collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!((server.taken().len(), subjects.len()), (6, 6));
}

#[cfg(feature = "servers")]
#[test]
fn a_mailbox_for_copies_is_made_on_the_server_and_each_copy_is_there_once() {
    let world = crate::imap::World::new("sender");
    let server = ScriptedSmtp::start(Script::default());
    world.done_setup();
    let smtp = format!(
        "\n[accounts.work.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"plaintext\"\nusername = \"ada\"\npassword_command = [\"echo\", \"correct-horse-7\"]\n\
         [accounts.work.mailboxes]\nsent = \"Gesendet\"\n",
        server.port
    );
    let text = std::fs::read_to_string(world.config_file()).unwrap();
    std::fs::write(world.config_file(), text + &smtp).unwrap();
    // sent before anything is known of the server's mailboxes: the copy waits until it is
    assert_eq!(send(&world.home, &["send"], MESSAGE).code, 0);
    assert_eq!(items(&world.home)[0]["state"], "accepted");
    for expected in [1, 2] {
        let ran = world.home.run(&["sync"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let copies = world.other().messages("Gesendet");
        assert!(copies.len() == expected && copies.iter().all(|copy| copy.flags.iter().any(|flag| flag == "\\Seen")), "{copies:?}");
        assert!(items(&world.home).is_empty());
        if expected == 1 {
            assert_eq!(send(&world.home, &["send"], &MESSAGE.replace("Plan", "Second")).code, 0);
        }
    }
    assert_eq!(server.taken().len(), 2);
}
