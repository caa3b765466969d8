//! Handing over to a command of this machine that behaves as sendmail does: the message on its standard
//! input, the envelope as arguments, the outcome as an exit code of sysexits.h. Knows no protocol.
//!
//! A command takes whatever stood on its input when it ends, also when it ends because we died. So nothing is
//! started before [`Handover::commit`]: `prepare` only looks whether it could be.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use super::smtp::data::local_lines;
use super::submit::{Fates, Handover, Submission, Submit, SubmitError};
use crate::mail::outgoing::{Fate, Recipient, SmtpEnvelope};

/// Such a command may speak SMTP itself: as long as the answer to the end of data.
const DEADLINE: Duration = Duration::from_secs(600);
/// How long to listen for a complaint after its end.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Octets and characters of what it complains.
const MAX_OUTPUT: u64 = 64 * 1024;
const MAX_WORDS: usize = 1000;

/// The exit codes that mean another try may do: unavailable, system error, input/output error, temporary failure.
const LATER: &[i32] = &[69, 71, 74, 75];
/// From here on a code is not the command's own word: a signal under a shell, a broken ssh.
const FOREIGN: i32 = 128;

/// The way out by a command.
#[derive(Clone, Debug)]
pub struct Sendmail {
    words: Vec<String>,
    deadline: Duration,
}

impl Sendmail {
    /// Program and arguments of `[accounts.x.sendmail]`.
    pub fn new(words: Vec<String>) -> Self {
        Self { words, deadline: DEADLINE }
    }

    /// Another deadline, for tests.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The program as it is found, for `doctor`.
    ///
    /// # Errors
    /// A sentence where it can't be run.
    pub fn program(&self) -> Result<PathBuf, String> {
        let name = self.words.first().map_or("", String::as_str);
        find(name, std::env::var_os("PATH").as_deref())
    }
}

impl Submit for Sendmail {
    type Handover = Ready;

    async fn prepare(&self, mail: &Submission) -> Result<(Ready, Fates), SubmitError> {
        let program = self.program().map_err(SubmitError::Refused)?;
        let asked: Vec<&Recipient> =
            mail.envelope.recipients.iter().filter(|to| matches!(to.fate, Fate::Pending | Fate::Deferred(_))).collect();
        let good = |to: &&&Recipient| is_argument(&to.address);
        let fates: Fates = asked
            .iter()
            .map(|to| {
                let fate = if good(&to) { Fate::Accepted } else { Fate::Refused(format!("{:?} is no address", to.address)) };
                (to.address.clone(), fate)
            })
            .collect();
        if !mail.envelope.mail_from.is_empty() && !is_argument(&mail.envelope.mail_from) {
            return Err(SubmitError::Refused(format!("the sender {:?} is no address", mail.envelope.mail_from)));
        }
        if !asked.iter().any(|to| good(&to)) {
            return Err(SubmitError::NoRecipient { text: "there is no recipient that can be sent to".to_owned(), fates });
        }
        let recipients = asked.iter().filter(good).map(|to| to.address.clone());
        let arguments = arguments(self.words.get(1..).unwrap_or_default(), &mail.envelope, recipients);
        let ready = Ready { program, arguments, input: local_lines(&mail.bytes), deadline: self.deadline };
        Ok((ready, fates))
    }
}

/// Everything a command line may hold; `--` stands before it.
fn is_argument(address: &str) -> bool {
    !address.is_empty() && !address.contains(|c: char| c.is_control())
}

/// The arguments with the envelope. `-t` is taken out: it would read the recipients from the header, and so forget
/// Bcc, and ask those again who already have the message. `-i`: a dot on a line is a dot.
fn arguments(configured: &[String], envelope: &SmtpEnvelope, recipients: impl Iterator<Item = String>) -> Vec<String> {
    let is_flags = |word: &str| word.len() > 1 && word.strip_prefix('-').is_some_and(|flags| flags.chars().all(|c| matches!(c, 't' | 'i')));
    let mut out: Vec<String> = configured.iter().filter(|word| *word != "--" && !is_flags(word)).cloned().collect();
    out.push("-i".to_owned());
    if !out.iter().any(|word| word.starts_with("-f") || word.starts_with("-r")) {
        // "" would be no argument at all for some; <> is the null sender everywhere
        let from = if envelope.mail_from.is_empty() { "<>" } else { &envelope.mail_from };
        out.extend(["-f".to_owned(), from.to_owned()]);
    }
    out.push("--".to_owned());
    out.extend(recipients);
    out
}

/// Where the program is, as execvp would find it.
fn find(name: &str, path: Option<&std::ffi::OsStr>) -> Result<PathBuf, String> {
    let is_program = |file: &Path| file.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0);
    let found = if name.contains('/') {
        Some(PathBuf::from(name)).filter(|file| is_program(file))
    } else {
        path.and_then(|path| std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_program(file)))
    };
    found.ok_or_else(|| format!("the command {name:?} of [accounts.x.sendmail] is not there or is no program"))
}

/// A message ready to be given to the command.
#[derive(Debug)]
pub struct Ready {
    program: PathBuf,
    arguments: Vec<String>,
    input: Vec<u8>,
    deadline: Duration,
}

impl Handover for Ready {
    async fn commit(self) -> Result<String, SubmitError> {
        let name = self.program.display().to_string();
        let mut running = Running::start(&self).map_err(|error| SubmitError::Later(format!("{name} can't be started: {error}")))?;
        let Ok((written, complaint, status)) = timeout(self.deadline, running.give(&self.input)).await else {
            return Err(SubmitError::Unknown(format!("{name} did not end within {} seconds", self.deadline.as_secs())));
        };
        match status {
            Ok(status) => outcome(&name, status, written, &complaint),
            Err(error) => Err(SubmitError::Unknown(format!("how {name} ended can't be told: {error}"))),
        }
    }

    async fn abandon(self) {
        drop(self);
    }
}

/// The command under way. Dropped before its end, it is killed with all that it started, and only then its input is
/// closed: what it has by then would be a whole message to it.
struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    is_over: bool,
}

impl Running {
    fn start(ready: &Ready) -> std::io::Result<Self> {
        let mut child = Command::new(&ready.program)
            .args(&ready.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin, is_over: false })
    }

    /// Writes the message, closes the input and waits; true where all of it was taken.
    async fn give(&mut self, input: &[u8]) -> (bool, Vec<u8>, std::io::Result<ExitStatus>) {
        let stderr = self.child.stderr.take();
        let (child, stdin) = (&mut self.child, &mut self.stdin);
        let (mut complaint, mut written) = (Vec::new(), false);
        let status = {
            let ended = async {
                if let Some(pipe) = stdin {
                    written = pipe.write_all(input).await.is_ok();
                }
                // closing it is the end of the message
                *stdin = None;
                child.wait().await
            };
            let mut ended = pin!(ended);
            let mut heard = pin!(read(stderr, &mut complaint));
            tokio::select! {
                status = &mut ended => {
                    // what it left running in the background may keep the pipe open
                    let _ = timeout(LAST_WORDS, heard).await;
                    status
                }
                () = &mut heard => ended.await,
            }
        };
        self.is_over = true;
        (written, complaint, status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let leader = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader.filter(|_| !self.is_over) {
            // gone already is as good
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    if let Some(mut pipe) = pipe {
        let _ = (&mut pipe).take(MAX_OUTPUT).read_to_end(into).await;
        // A full pipe would hold it up.
        let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    }
}

fn outcome(name: &str, status: ExitStatus, written: bool, complaint: &[u8]) -> Result<String, SubmitError> {
    let quoted = quoted(complaint);
    match status.code() {
        Some(0) if written => Ok(format!("{name} took it{quoted}")),
        Some(0) => Err(SubmitError::Unknown(format!("{name} ended well without reading all of the message{quoted}"))),
        Some(code) if LATER.contains(&code) => Err(SubmitError::Later(format!("{name} failed with exit code {code}{quoted}"))),
        Some(code) if code < FOREIGN => Err(SubmitError::Refused(format!("{name} refused with exit code {code}{quoted}"))),
        Some(code) => Err(SubmitError::Unknown(format!("{name} ended with exit code {code}, which tells nothing{quoted}"))),
        None => Err(SubmitError::Unknown(format!("{name} was ended by signal {}{quoted}", status.signal().unwrap_or_default()))),
    }
}

/// What the command complained, for the end of a sentence.
fn quoted(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(": {}", lines.join(" ").chars().take(MAX_WORDS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(configured: &[&str], from: &str) -> Vec<String> {
        let configured: Vec<String> = configured.iter().map(|word| (*word).to_owned()).collect();
        let envelope = SmtpEnvelope { mail_from: from.to_owned(), ..SmtpEnvelope::default() };
        arguments(&configured, &envelope, ["-x@b.c".to_owned()].into_iter())
    }

    #[test]
    fn the_envelope_is_always_ours() {
        for (configured, from, expect) in [
            (&["-t", "-i"][..], "a@b.c", &["-i", "-f", "a@b.c", "--", "-x@b.c"][..]),
            (&["-ti"], "", &["-i", "-f", "<>", "--", "-x@b.c"]),
            (&["-a", "work", "--"], "a@b.c", &["-a", "work", "-i", "-f", "a@b.c", "--", "-x@b.c"]),
            (&["-f", "me@b.c"], "a@b.c", &["-f", "me@b.c", "-i", "--", "-x@b.c"]),
        ] {
            assert_eq!(built(configured, from), expect, "{configured:?}");
        }
    }

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        assert!(find("sh", Some("/nowhere:/bin:/usr/bin".as_ref())).is_ok());
        assert!(find("/bin/sh", None).is_ok());
        for name in ["sh-that-is-not", "/etc/passwd", "/tmp", ""] {
            assert!(find(name, Some("/bin:/usr/bin".as_ref())).is_err(), "{name}");
        }
    }
}
