//! Setting up and looking at a way to send, against a real Postfix.

use std::sync::Arc;

use serde_json::Value;

use crate::home::{self, Home, Ran};
use crate::servers::dovecot::{HOST, PASSWORD};
use crate::servers::postfix::Mta;

struct World {
    home: Home,
    mta: Arc<Mta>,
}

impl World {
    fn new() -> Self {
        let world = Self { home: Home::new(), mta: Mta::shared() };
        std::fs::write(world.home.path("right"), format!("{PASSWORD}\n")).unwrap();
        std::fs::write(world.home.path("wrong"), "wrong-password-9\n").unwrap();
        world
    }

    fn command(&self, which: &str) -> String {
        format!("cat '{}'", self.home.path(which).display())
    }

    /// `setup` of ada with what is given for SMTP.
    fn setup(&self, smtp: &[&str]) -> Ran {
        let (imap, ca, command) = (self.mta.dovecot.imaps_port.to_string(), self.mta.ca_file(), self.command("right"));
        let mut arguments = vec!["setup", "ada@example.org", "--account", "work", "--imap-host", HOST, "--imap-port", &imap];
        arguments.extend(["--username", "ada", "--password-command", &command, "--ca-file", ca.to_str().unwrap()]);
        arguments.extend(["--smtp-host", HOST]);
        arguments.extend(smtp);
        self.home.run(&arguments)
    }

    fn config(&self) -> Option<String> {
        std::fs::read_to_string(self.home.path(".config/postrider/config.toml")).ok()
    }

    fn checks(&self) -> (i32, Vec<Value>) {
        let ran = self.home.run(&["doctor", "--json"]);
        (ran.code, home::json(&ran)["checks"].as_array().unwrap().clone())
    }
}

fn find<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {checks:?}"))
}

#[test]
fn setup_signs_in_to_both_servers_and_keeps_one_password() {
    for security in ["tls", "starttls"] {
        let world = World::new();
        let port = if security == "tls" { world.mta.smtps_port } else { world.mta.submission_port }.to_string();
        let ran = world.setup(&["--smtp-port", &port, "--smtp-security", security]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains(&format!("signing in to {HOST}:{port}")), "{}", ran.err);
        let text = world.config().unwrap();
        assert!(text.contains("[accounts.work.smtp]") && text.contains(&format!("security = \"{security}\"")), "{text}");
        assert_eq!(text.matches("password_command").count(), 1, "{text}");
        assert_eq!(world.home.run(&["config", "check"]).code, 0);

        let (code, checks) = world.checks();
        assert_eq!(code, 0, "{checks:?}");
        assert_eq!(find(&checks, "work sending: sign-in")["ok"], true);
        let capabilities = find(&checks, "work sending: capabilities")["detail"].as_str().unwrap();
        assert!(capabilities.contains("2000000 octets") && capabilities.contains("delivery reports (DSN)"), "{capabilities}");
    }
}

#[test]
fn setup_saves_nothing_that_the_submission_server_refuses() {
    let world = World::new();
    let (smtps, submission) = (world.mta.smtps_port.to_string(), world.mta.submission_port.to_string());
    let wrong = world.command("wrong");
    for (arguments, code, word) in [
        (vec!["--smtp-port", &smtps, "--smtp-password-command", &wrong], 77, "535"),
        (vec!["--smtp-port", &submission], 69, "does not speak TLS"),
        (vec!["--smtp-port", "1"], 69, "can't reach"),
    ] {
        let ran = world.setup(&arguments);
        assert!(
            ran.code == code && ran.err.contains("nothing was saved") && ran.err.contains(word),
            "{arguments:?}: {} {}",
            ran.code,
            ran.err
        );
        assert!(!ran.err.contains("wrong-password-9") && world.config().is_none(), "{arguments:?}");
    }
    let ran = world.home.run(&[
        "setup",
        "ada@example.org",
        "--imap-host",
        HOST,
        "--smtp-host",
        "smtp.example.org",
        "--smtp-security",
        "plaintext",
    ]);
    assert!(ran.code == 64 && ran.err.contains("readable to everyone"), "{} {}", ran.code, ran.err);
    assert_eq!(world.home.run(&["setup", "a@b.c", "--imap-host", HOST, "--smtp-port", "25"]).code, 64, "a port of no host");
}

#[test]
fn doctor_tells_what_keeps_mail_from_leaving() {
    let world = World::new();
    let port = world.mta.smtps_port.to_string();
    assert_eq!(world.setup(&["--smtp-port", &port]).code, 0);
    let good = world.config().unwrap();
    let (head, smtp) = good.split_once("[accounts.work.smtp]").unwrap();
    let change = |smtp: String| {
        world.home.config(&format!("{head}{smtp}"));
        world.checks()
    };
    let (code, checks) =
        change(format!("[accounts.work.smtp]{smtp}username = \"ada\"\npassword_command = [\"echo\", \"wrong-password-9\"]\n"));
    let sign_in = find(&checks, "work sending: sign-in");
    assert!(code == 1 && sign_in["ok"] == false && sign_in["detail"].as_str().unwrap().contains("535"), "{sign_in}");
    assert!(!format!("{checks:?}").contains("wrong-password-9"));

    let (code, checks) = change(format!("[accounts.work.smtp]{}", smtp.replace(&port, "1")));
    assert!(code == 1 && find(&checks, "work sending: TCP")["ok"] == false, "{checks:?}");

    let (code, checks) = change("[accounts.work.sendmail]\ncommand = [\"/usr/sbin/sendmail\", \"-t\"]\n".to_owned());
    assert!(code == 0 && find(&checks, "work sendmail")["ok"] == true, "{checks:?}");
    let (code, checks) = change("[accounts.work.sendmail]\ncommand = [\"/nowhere/sendmail\"]\n".to_owned());
    assert!(code == 1 && find(&checks, "work sendmail")["ok"] == false, "{checks:?}");

    let (code, checks) = change(String::new());
    assert!(code == 0 && find(&checks, "work sending")["detail"].as_str().unwrap().contains("not set up"), "{checks:?}");
    assert!(!world.mta.log().contains("from=<ada@example.org>"), "doctor sends nothing");
}

/// A message as a script gives it to `send`.
fn letter(to: &str, subject: &str) -> String {
    format!(
        "From: ada@example.org\r\nTo: {to}\r\nBcc: eve-send@example.org\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.org>\r\n\r\n.\r\nGr\u{fc}\u{df}e\r\n"
    )
}

fn send(home: &Home, arguments: &[&str], text: &str) -> Ran {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = home.command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    home::ran(&child.wait_with_output().unwrap())
}

#[test]
fn what_is_sent_arrives_once_and_tells_no_secret() {
    let world = World::new();
    let port = world.mta.submission_port.to_string();
    assert_eq!(world.setup(&["--smtp-port", &port, "--smtp-security", "starttls", "--smtp-username", "ada-send"]).code, 0);
    let trace = world.home.path("trace");
    let ran = send(&world.home, &["--trace", trace.to_str().unwrap(), "send"], &letter("bob-send@example.org", "one"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    for user in ["bob-send", "eve-send"] {
        let inbox = world.mta.wait_inbox(user, 1);
        let text = String::from_utf8_lossy(&inbox[0]).into_owned();
        assert_eq!(inbox.len(), 1);
        assert!(text.replace("\r\n", "\n").ends_with("\n\n.\nGr\u{fc}\u{df}e\n") && !text.contains("Bcc"), "{text}");
    }
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(trace.contains("C: STARTTLS") && trace.contains("C: AUTH PLAIN [secret]") && trace.contains("S: 250 2.0.0"), "{trace}");
    assert!(!trace.contains(PASSWORD) && !trace.contains("Gr"), "{trace}");

    let ran = send(&world.home, &["send"], &letter("nobody@example.org", "two"));
    assert!(ran.code == 67 && ran.err.contains("550 5.1.1"), "{} {}", ran.code, ran.err);
    // the other recipient has it all the same
    assert_eq!(world.mta.wait_inbox("eve-send", 2).len(), 2);
}
