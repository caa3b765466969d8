//! The user's own editor on the text of a draft: the screen is his, the model goes on beside it, and whatever becomes
//! of the editor, a text or a sentence comes back. Nothing the editor does sends or loses anything.

use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::fs::OFlags;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::signals::Signals;
use super::{Event, Program, Session};
use crate::mail::DraftId;

/// Longest text that is taken back.
const LONGEST: u64 = 32 * 1024 * 1024;
/// How long an editor may take to save what it has when the program has to end.
const FAREWELL: Duration = Duration::from_secs(1);

/// A text given to an editor: a file of its own (0600) in a folder of its own (0700).
struct Given {
    folder: TempDir,
    file: PathBuf,
    text: String,
}

/// How it ended.
enum Ended {
    Exited(std::io::Result<ExitStatus>),
    /// The program itself is told to end.
    Told,
}

impl<P: Program> Session<P> {
    /// Runs the editor to its end. False: the program is to end.
    pub(super) async fn edit(&mut self, draft: DraftId, text: String, signals: &mut Signals) -> anyhow::Result<bool> {
        let Some((program, arguments)) = self.editor.split_first() else {
            let why = "no editor is named; set VISUAL or EDITOR".to_owned();
            self.update(Event::Edited { draft, result: Err(why) });
            return Ok(true);
        };
        let given = match Given::new(text) {
            Ok(given) => given,
            Err(error) => {
                let why = format!("the editor's file could not be written: {error}");
                self.update(Event::Edited { draft, result: Err(why) });
                return Ok(true);
            }
        };
        let program = program.clone();
        let mut command = Command::new(&program);
        command.args(arguments).arg(&given.file);
        self.unwritten.clear();
        self.tty.guard().leave();
        let ended = match command.spawn() {
            Ok(mut child) => {
                let ended = self.beside(&mut child, signals).await;
                if matches!(ended, Ended::Told) {
                    hang_up(&mut child).await;
                }
                ended
            }
            Err(error) => Ended::Exited(Err(error)),
        };
        let status = match ended {
            Ended::Told => {
                given.keep_if_changed();
                return Ok(false);
            }
            Ended::Exited(status) => status,
        };
        let result = given.taken(&program, status);
        signals.forget().await;
        self.resumed()?;
        self.update(Event::Edited { draft, result });
        Ok(true)
    }

    /// Waits for the editor; what the worker tells is taken in, nothing is drawn.
    async fn beside(&mut self, child: &mut Child, signals: &mut Signals) -> Ended {
        loop {
            tokio::select! {
                status = child.wait() => return Ended::Exited(status),
                () = signals.told_to_end() => return Ended::Told,
                event = self.events.recv(), if self.events_open => match event {
                    Some(event) => self.worker_event(event),
                    None => self.events_open = false,
                },
                room = self.outbound.room(), if self.outbound.is_waiting() => {
                    if !room {
                        self.worker_is_gone();
                    }
                }
            }
        }
    }
}

/// Lets an editor save what it has.
async fn hang_up(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::HUP);
        let _ = tokio::time::timeout(FAREWELL, child.wait()).await;
    }
}

impl Given {
    fn new(text: String) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("postrider-").permissions(std::fs::Permissions::from_mode(0o700)).tempdir()?;
        // Editors know by the ending that it is mail.
        let file = folder.path().join("draft.eml");
        let mut open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        open.write_all(text.as_bytes())?;
        Ok(Self { folder, file, text })
    }

    /// The text that the editor left, or a sentence why it does not count.
    fn taken(self, program: &str, status: std::io::Result<ExitStatus>) -> Result<String, String> {
        let status = status.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("{program} is not there to be started"),
            _ => format!("{program} could not be started: {error}"),
        })?;
        let left = read(&self.file);
        if !status.success() {
            return Err(format!("{program} ended with {}{}", words(status), self.kept(left.as_deref().ok())));
        }
        match left {
            Ok(bytes) if bytes.is_empty() && !self.text.trim().is_empty() => Err(format!("{program} left an empty file")),
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Ok(text),
                Err(error) => Err(format!("what {program} wrote is not UTF-8{}", self.kept(Some(error.as_bytes())))),
            },
            Err(why) => Err(format!("{program} left {why}")),
        }
    }

    /// Keeps what was written where it is not used; says where.
    fn kept(self, left: Option<&[u8]>) -> String {
        match left {
            Some(bytes) if bytes != self.text.as_bytes() && !bytes.is_empty() => {
                let file = self.file.clone();
                let _ = self.folder.keep();
                format!("; what it wrote is in {}", file.display())
            }
            _ => String::new(),
        }
    }

    fn keep_if_changed(self) {
        let left = read(&self.file);
        let _ = self.kept(left.as_deref().ok());
    }
}

/// The bytes of a regular file; nothing else is followed, waited for or read.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let open = std::fs::OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = open.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "no file".to_owned(),
        _ => format!("a file that can't be read: {error}"),
    })?;
    let is_file = file.metadata().is_ok_and(|meta| meta.is_file());
    if !is_file {
        return Err("something that is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| format!("a file that can't be read: {error}"))?;
    if bytes.len() as u64 > LONGEST {
        return Err(format!("more than {} MB", LONGEST / (1024 * 1024)));
    }
    Ok(bytes)
}

fn words(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a shell script as the editor, its file as `$1`.
    fn edit(text: &str, script: &str) -> Result<String, String> {
        let given = Given::new(text.to_owned()).unwrap();
        let status = std::process::Command::new("/bin/sh").args(["-c", script, "sh"]).arg(&given.file).status();
        given.taken("sh", status)
    }

    #[test]
    fn what_an_editor_leaves_counts_only_where_it_is_a_text_and_the_editor_was_content() {
        for (script, expect) in [
            ("printf 'new\\n' > \"$1\"", Ok("new\n")),
            ("true", Ok("old\n")),
            ("printf 'new\\n' > \"$1.tmp\"; mv \"$1.tmp\" \"$1\"", Ok("new\n")),
            ("exit 1", Err("sh ended with status 1")),
            ("kill -9 $$", Err("sh ended with signal 9")),
            ("rm \"$1\"", Err("sh left no file")),
            (": > \"$1\"", Err("sh left an empty file")),
            ("printf '\\377\\376' > \"$1\"", Err("what sh wrote is not UTF-8; what it wrote is in ")),
            ("rm \"$1\"; mkfifo \"$1\"", Err("sh left something that is no regular file")),
            ("rm \"$1\"; mkdir \"$1\"", Err("sh left something that is no regular file")),
            ("rm \"$1\"; ln -s /etc/passwd \"$1\"", Err("sh left a file that can't be read: ")),
            ("printf 'half' > \"$1\"; exit 3", Err("sh ended with status 3; what it wrote is in ")),
        ] {
            match (edit("old\n", script), expect) {
                (Ok(text), Ok(expect)) => assert_eq!(text, expect, "{script}"),
                (Err(why), Err(expect)) => {
                    assert!(why.starts_with(expect), "{script}: {why}");
                    if let Some((_, path)) = why.split_once("is in ") {
                        std::fs::remove_dir_all(Path::new(path).parent().unwrap()).unwrap();
                    }
                }
                (got, expect) => panic!("{script}: {got:?} and not {expect:?}"),
            }
        }
        assert_eq!(edit("", ": > \"$1\"").as_deref(), Ok(""), "an empty text stays empty");
    }

    #[test]
    fn an_editor_that_is_not_there_is_said() {
        let given = Given::new("text".into()).unwrap();
        let status = std::process::Command::new("/nonexistent/editor").status();
        assert_eq!(given.taken("/nonexistent/editor", status), Err("/nonexistent/editor is not there to be started".into()));
    }

    #[test]
    fn the_file_is_ours_alone() {
        let given = Given::new("secret".into()).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&given.file), mode(given.folder.path())), (0o600, 0o700));
    }
}
