//! Sending while a reader runs: the reader has the way out, commands hand over to it.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::support::mail::Maildir;
use crate::support::smtp::{Fault, Script, ScriptedSmtp, Step};
use crate::support::terminal::{Home, Terminal};

struct World {
    home: Home,
    maildir: Maildir,
    server: ScriptedSmtp,
}

impl World {
    fn new() -> Self {
        let home = Home::new();
        let maildir = Maildir::create(&home.path().join("mail"), &["Sent", "Archive"]);
        maildir.fill(3);
        let server = ScriptedSmtp::start(Script::default());
        let smtp = format!(
            "[accounts.local.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"plaintext\"\nusername = \"ada\"\npassword = \"correct-horse-7\"\n",
            server.port
        );
        home.configure(&(maildir.configuration("local") + &smtp + "[send]\nundo_seconds = 0\n"));
        Self { home, maildir, server }
    }

    /// `postrider send` with a message of this subject: exit code and stderr.
    fn send(&self, subject: &str, more: &[&str]) -> (i32, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_postrider"))
            .arg("send")
            .args(more)
            .env_clear()
            .envs(self.home.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let message = format!("From: ada@example.org\r\nTo: bob@example.org\r\nSubject: {subject}\r\n\r\nText\r\n");
        child.stdin.take().expect("its stdin").write_all(message.as_bytes()).expect("the message is read");
        let output = child.wait_with_output().expect("it ends");
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn what_a_command_queues_beside_a_reader_is_sent_and_filed_by_the_reader() {
    let world = World::new();
    let mut terminal = Terminal::start(&world.home, &[], 100, 30);
    terminal.wait_text("Subject 1");
    terminal.settle();
    for subject in ["First", "Second"] {
        assert_eq!(world.send(subject, &[]), (0, String::new()));
        terminal.wait_event("outbox", |event| event["state"] == "filed");
    }
    assert_eq!(world.send("Third", &["--queue"]), (0, String::new()));
    terminal.wait_event("outbox", |event| event["state"] == "filed");
    terminal.wait_event("pushed", |_| true);
    assert_eq!(world.server.taken().len(), 3);
    assert_eq!(terminal.quit(), 0);
    assert_eq!(world.maildir.list("Sent").len(), 3);
}

#[test]
fn an_answer_stands_in_its_thread_in_the_inbox_and_stays_in_sent() {
    let world = World::new();
    let mut terminal = Terminal::start(&world.home, &[], 120, 30);
    terminal.wait_text("Subject 1");
    terminal.settle();
    terminal.press("r");
    terminal.wait_text("Re: Subject 1");
    terminal.press("Yes.\x18s");
    terminal.wait_events(1, "outbox", |event| event["state"] == "filed");
    terminal.wait_text("(2)");
    terminal.press("ggl");
    terminal.wait_text("me → ");
    // the thread is archived, the answer is where it was
    terminal.press("E");
    terminal.wait_text("Archived 1 message");
    terminal.wait_gone("me → ");
    assert_eq!(terminal.quit(), 0);
    assert_eq!((world.maildir.list("Sent").len(), world.maildir.list("Archive").len()), (1, 1));
}

#[test]
fn a_command_beside_a_reader_hears_why_its_message_was_not_sent_and_the_queue_outlives_both() {
    let world = World::new();
    let mut terminal = Terminal::start(&world.home, &[], 100, 30);
    terminal.wait_text("Subject 1");
    terminal.settle();
    world.server.set(Script::fault(Step::Mail, Fault::say("451 4.3.0 come again")));
    let (code, errors) = world.send("Waiting", &[]);
    assert!(code == 75 && errors.contains("451 4.3.0 come again"), "{code} {errors}");
    world.server.set(Script::fault(Step::Mail, Fault::say("554 5.7.1 go away")));
    let (code, errors) = world.send("Refused", &[]);
    assert!(code == 69 && errors.contains("554 5.7.1 go away"), "{code} {errors}");
    terminal.kill();
    world.server.set(Script::default());
    let (code, _, errors) = world.home.run(&["sync"]);
    assert_eq!(code, 0, "{errors}");
    assert_eq!(world.server.taken().len(), 1);
    let (_, list, _) = world.home.run(&["outbox", "--json"]);
    assert!(list.contains("\"refused\"") && !list.contains("Waiting"), "{list}");
}
