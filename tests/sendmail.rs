//! The sendmail transport against commands that are shell scripts: arguments, input, exit codes, and commands
//! that hang, die or do not read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postrider::mail::outgoing::{Dsn, Fate, Recipient, SmtpEnvelope};
use postrider::remote::sendmail::Sendmail;
use postrider::remote::submit::{Handover, Submission, Submit, SubmitError};

/// A folder with a command that writes its arguments and its input there, then does `then`.
struct Command {
    folder: tempfile::TempDir,
}

impl Command {
    fn new(then: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().display();
        let script = format!("#!/bin/sh\nfor word in \"$@\"; do echo \"$word\"; done > '{here}/arguments'\n{then}\n");
        std::fs::write(folder.path().join("script"), script).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn way(&self, arguments: &[&str]) -> Sendmail {
        let script = self.path("script").display().to_string();
        let words = ["/bin/sh", &script].iter().chain(arguments).map(|word| (*word).to_owned()).collect();
        Sendmail::new(words).with_deadline(Duration::from_secs(20))
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Takes all of its input.
    fn good() -> Self {
        let command = Self::new("");
        let here = command.folder.path().display().to_string();
        Self::rewrite(&command.path("script"), &format!("cat > '{here}/input'"));
        command
    }

    fn rewrite(script: &Path, more: &str) {
        let text = std::fs::read_to_string(script).unwrap();
        std::fs::write(script, format!("{text}{more}\n")).unwrap();
    }
}

fn mail(text: &str) -> Submission {
    let recipients = ["bob@example.org", "-oQ/tmp@example.org"]
        .iter()
        .map(|address| Recipient { address: (*address).to_owned(), fate: Fate::Pending })
        .collect();
    let envelope = SmtpEnvelope { mail_from: "ada@example.org".into(), recipients, dsn: Dsn::default() };
    Submission { envelope, bytes: text.as_bytes().into() }
}

async fn submit(way: &Sendmail, mail: &Submission) -> Result<String, SubmitError> {
    let (handover, fates) = way.prepare(mail).await?;
    assert!(fates.iter().all(|(_, fate)| *fate == Fate::Accepted), "{fates:?}");
    handover.commit().await
}

#[tokio::test]
async fn the_command_gets_the_envelope_and_the_message_in_local_lines() {
    let command = Command::good();
    submit(&command.way(&["-t", "-v"]), &mail("Subject: x\r\n\r\n.\r\na\rb\nc")).await.unwrap();
    assert_eq!(command.read("arguments"), "-v\n-i\n-f\nada@example.org\n--\nbob@example.org\n-oQ/tmp@example.org\n");
    assert_eq!(command.read("input"), "Subject: x\n\n.\na\nb\nc\n");
}

#[tokio::test]
async fn nothing_runs_before_the_end() {
    let command = Command::good();
    let (handover, _) = command.way(&[]).prepare(&mail("x")).await.unwrap();
    handover.abandon().await;
    assert!(!command.path("arguments").exists());
}

#[tokio::test]
async fn exit_codes_say_what_to_do() {
    for (code, expect) in [
        (0, "sent"),
        (1, "refused"),
        (64, "refused"),
        (65, "refused"),
        (67, "refused"),
        (69, "later"),
        (71, "later"),
        (74, "later"),
        (75, "later"),
        (77, "refused"),
        (78, "refused"),
        (127, "refused"),
        (255, "unknown"),
    ] {
        let command = Command::new(&format!("cat >/dev/null; echo 'why it\n went so' >&2; exit {code}"));
        let result = submit(&command.way(&[]), &mail("x")).await;
        let (got, text) = match result {
            Ok(text) => ("sent", text),
            Err(SubmitError::Refused(text)) => ("refused", text),
            Err(SubmitError::Later(text)) => ("later", text),
            Err(SubmitError::Unknown(text)) => ("unknown", text),
            Err(other) => panic!("{code}: {other:?}"),
        };
        assert_eq!(got, expect, "{code}: {text}");
        assert!(text.ends_with(": why it went so"), "{code}: {text}");
    }
}

#[tokio::test]
async fn a_command_that_dies_or_hangs_leaves_it_unknown() {
    for (then, word) in [
        ("cat >/dev/null; kill -9 $$", "signal 9"),
        ("cat >/dev/null; exec sleep 60", "did not end within"),
        ("exec sleep 60", "did not end"),
    ] {
        let command = Command::new(then);
        let hasty = command.way(&[]).with_deadline(Duration::from_millis(if word.starts_with("did") { 300 } else { 20_000 }));
        let error = submit(&hasty, &mail(&"x".repeat(300_000))).await.unwrap_err();
        assert!(matches!(&error, SubmitError::Unknown(text) if text.contains(word)), "{then}: {error:?}");
    }
}

/// One that has only a part when its time is over must not take that part for the message.
#[tokio::test]
async fn a_command_that_reads_slowly_never_sees_an_early_end() {
    let command = Command::new("");
    let here = command.folder.path().display().to_string();
    Command::rewrite(&command.path("script"), &format!("head -c 10 >/dev/null; sleep 60; cat >/dev/null; echo taken > '{here}/taken'"));
    let way = command.way(&[]).with_deadline(Duration::from_millis(300));
    let error = submit(&way, &mail(&"x".repeat(300_000))).await.unwrap_err();
    assert!(matches!(error, SubmitError::Unknown(_)));
    assert!(!command.path("taken").exists());
}

/// Given up in the middle: the same, for everything that the command started.
#[tokio::test]
async fn a_command_that_is_given_up_is_killed_with_its_children() {
    let command = Command::new("");
    let here = command.folder.path().display().to_string();
    Command::rewrite(&command.path("script"), &format!("echo $$ > '{here}/id'; cat >/dev/null; echo taken > '{here}/taken'"));
    let (handover, _) = command.way(&[]).prepare(&mail(&"x".repeat(300_000))).await.unwrap();
    let handing = tokio::spawn(handover.commit());
    while command.read("id").is_empty() {
        tokio::task::yield_now().await;
    }
    handing.abort();
    let _ = handing.await;
    let status = PathBuf::from("/proc").join(command.read("id").trim()).join("stat");
    // killed, and a zombie until it is reaped
    while std::fs::read_to_string(&status).is_ok_and(|text| !text.contains(") Z ")) {
        tokio::task::yield_now().await;
    }
    assert!(!command.path("taken").exists());
}

#[tokio::test]
async fn a_command_that_does_not_read_has_not_taken_the_message() {
    let large = mail(&"x\n".repeat(300_000));
    let error = submit(&Command::new("exit 67").way(&[]), &large).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Refused(text) if text.contains("67")), "{error:?}");
    let error = submit(&Command::new("exit 0").way(&[]), &large).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Unknown(text) if text.contains("without reading")), "{error:?}");
}

#[tokio::test]
async fn what_a_command_leaves_running_holds_nothing_up() {
    let command = Command::new("cat >/dev/null; sleep 15 & echo queued >&2");
    let started = std::time::Instant::now();
    let words = submit(&command.way(&[]), &mail("x")).await.unwrap();
    assert!(words.ends_with("queued") && started.elapsed() < Duration::from_secs(10), "{words}");
}

#[tokio::test]
async fn a_command_that_talks_without_end_is_heard_in_part() {
    let command = Command::new("cat >/dev/null; head -c 3000000 /dev/zero | tr '\\0' 'y' >&2; head -c 3000000 /dev/zero; exit 75");
    let error = submit(&command.way(&[]), &mail("x")).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Later(text) if text.len() < 2000), "{error:?}");
}

#[tokio::test]
async fn a_command_that_is_not_there_is_said_before_anything_is_handed_over() {
    for program in ["/nowhere/sendmail", "no-such-sendmail", "/etc/passwd", "/tmp"] {
        let error = Sendmail::new(vec![program.into()]).prepare(&mail("x")).await.map(|_| ()).unwrap_err();
        assert!(matches!(&error, SubmitError::Refused(text) if text.contains(program)), "{error:?}");
    }
}

#[tokio::test]
async fn an_address_with_a_line_end_is_no_recipient() {
    let mut bad = mail("x");
    bad.envelope.recipients[0].address = "bob@example.org\nevil@example.org".into();
    let command = Command::good();
    let (handover, fates) = command.way(&[]).prepare(&bad).await.unwrap();
    assert!(matches!(&fates[0].1, Fate::Refused(_)) && fates[1].1 == Fate::Accepted, "{fates:?}");
    handover.commit().await.unwrap();
    assert!(!command.read("arguments").contains("evil"));
    bad.envelope.mail_from = "a\0@b".into();
    assert!(matches!(command.way(&[]).prepare(&bad).await, Err(SubmitError::Refused(_))));
}
