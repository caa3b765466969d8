//! Parts and raw messages on their way out: saved under clean free names, piped into a command, handed to
//! the opener. Nothing here goes through a shell, and nothing existing is overwritten.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::mail::SafeFileName;
use crate::mime;

/// Free names tried beside the wanted one.
const NAMES: u32 = 1_000;
/// How long a piped command may take.
const PIPE_LIMIT: Duration = Duration::from_secs(60);
/// Links that are handed to the opener.
const SCHEMES: &[&str] = &["http://", "https://", "mailto:"];

/// Octets of a command's output that are kept.
const OUTPUT: u64 = 1 << 20;

/// A part ready to be saved.
#[derive(Debug)]
pub struct Decoded {
    pub name: SafeFileName,
    /// The type that the message gives it.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

impl Decoded {
    /// Why it should not be opened without a second look: a sentence.
    pub fn doubt(&self) -> Option<String> {
        mime::kind::doubt(self.name.as_str(), &self.content_type, &self.bytes)
    }
}

/// Decodes parts of a whole message by section number; None = all attachments.
pub fn decode(message: &[u8], numbers: Option<&[String]>) -> Result<Vec<Decoded>, String> {
    let numbers = match numbers {
        Some(numbers) => numbers.to_vec(),
        None => mime::parts(message).into_iter().filter(|part| part.is_attachment).map(|part| part.number).collect(),
    };
    if numbers.is_empty() {
        return Err("the message has no attachments".into());
    }
    let decode_one = |number: &String| {
        let (part, bytes) = mime::part(message, number).ok_or_else(|| format!("the message has no part {number}"))?;
        Ok(Decoded {
            name: SafeFileName::new(part.name.as_deref().unwrap_or_default(), &fallback(&part.number, &part.content_type)),
            content_type: part.content_type,
            bytes,
        })
    };
    numbers.iter().map(decode_one).collect()
}

/// A name for a part without one.
fn fallback(number: &str, content_type: &str) -> String {
    let extension = match content_type {
        "text/plain" => "txt",
        "text/html" => "html",
        "text/calendar" => "ics",
        "message/rfc822" => "eml",
        "application/pdf" => "pdf",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/gif" => "gif",
        _ => "bin",
    };
    format!("part-{}.{extension}", number.replace(['.', '/'], "-"))
}

/// What a message can be exported as.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    ending: &'static str,
    /// It is the message as it came, not what is read of it.
    pub is_source: bool,
    pub make: fn(&[u8]) -> Result<Vec<u8>, String>,
}

/// Told apart by how the file's name ends.
pub const FORMS: &[Form] = &[
    Form { ending: "eml", is_source: true, make: |message| Ok(message.to_vec()) },
    Form { ending: "txt", is_source: false, make: |message| Ok(mime::printed(message).into_bytes()) },
    Form { ending: "html", is_source: false, make: html },
];

fn html(message: &[u8]) -> Result<Vec<u8>, String> {
    mime::html(message).map(String::into_bytes).ok_or_else(|| "it has no HTML; a name that ends in .txt exports its text".into())
}

/// What a file of that name is to hold.
pub fn form_of(file: &Path) -> Result<Form, String> {
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let found = FORMS.iter().find(|form| form.ending == ending).copied();
    found.ok_or_else(|| "the file's name says what it is to hold: .eml (source), .txt (text) or .html".into())
}

/// Writes bytes into a new file (0600) of that name, or the next free one: "name (1).pdf".
pub fn save(folder: &Path, name: &SafeFileName, bytes: &[u8]) -> std::io::Result<PathBuf> {
    let wanted = Path::new(name.as_str());
    let stem = wanted.file_stem().unwrap_or_default().to_string_lossy();
    let extension = wanted.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    for n in 0..NAMES {
        let name = if n == 0 { name.as_str().to_owned() } else { format!("{stem} ({n}){extension}") };
        let path = folder.join(name);
        // create_new is O_EXCL, which does not follow a link at the end of the path either
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(mut file) => {
                let written = file.write_all(bytes).and_then(|()| file.sync_all());
                if let Err(error) = written {
                    let _ = std::fs::remove_file(&path);
                    return Err(error);
                }
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, format!("{NAMES} files of that name exist")))
}

/// Runs a command with the bytes on its stdin, away from the terminal; gives the beginning of what it prints, which a failure
/// has beside its sentence.
pub async fn pipe(command: &[String], bytes: Vec<u8>) -> Result<Vec<u8>, (String, Vec<u8>)> {
    let plain = |why: String| (why, Vec::new());
    let (program, arguments) = command.split_first().ok_or_else(|| plain("no command was given".into()))?;
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child = child.map_err(|error| plain(format!("{program} can't be started: {error}")))?;
    let (feed, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let run = async {
        let feed = async {
            if let Some(mut feed) = feed {
                // a command that has read enough closes its end: no failure
                let _ = feed.write_all(&bytes).await;
                let _ = feed.shutdown().await;
            }
        };
        let ((), mut printed, complaints) = tokio::join!(feed, beginning(stdout), beginning(stderr));
        printed.extend(complaints);
        (child.wait().await, printed)
    };
    match timeout(PIPE_LIMIT, run).await {
        Ok((Ok(status), printed)) if status.success() => Ok(printed),
        Ok((Ok(status), printed)) => Err((format!("{program} ended with {status}"), printed)),
        Ok((Err(error), printed)) => Err((format!("{program} failed: {error}"), printed)),
        Err(_) => Err(plain(format!("{program} took longer than {} seconds and was stopped", PIPE_LIMIT.as_secs()))),
    }
}

/// What comes first; the rest is read and thrown away, so that the command can end.
async fn beginning(from: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        let _ = (&mut from).take(OUTPUT).read_to_end(&mut kept).await;
        let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
    }
    kept
}

/// Starts the opener with a link or a file and does not wait for it.
pub fn open(opener: &[String], target: &std::ffi::OsStr) -> Result<(), String> {
    let default = ["xdg-open".to_owned()];
    let opener = if opener.is_empty() { &default[..] } else { opener };
    start(opener, Some(target), Stdio::null())
}

/// Starts a program away from the terminal and does not wait for it.
pub fn start(command: &[String], target: Option<&std::ffi::OsStr>, input: Stdio) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("no program is configured")?;
    let child = Command::new(program)
        .args(arguments)
        .args(target)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let mut child = child.map_err(|error| format!("{program} can't be started: {error}"))?;
    tokio::spawn(async move { child.wait().await });
    Ok(())
}

/// Only web and mail links are opened.
pub fn is_openable(url: &str) -> bool {
    let lower = url.trim_start().to_ascii_lowercase();
    SCHEMES.iter().any(|scheme| lower.starts_with(scheme)) && !url.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_takes_the_next_free_name_and_follows_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let name = SafeFileName::new("plan.pdf", "x");
        let outside = folder.path().join("outside");
        std::os::unix::fs::symlink(&outside, folder.path().join("plan.pdf")).unwrap();
        let first = save(folder.path(), &name, b"1").unwrap();
        let second = save(folder.path(), &name, b"2").unwrap();
        assert_eq!(first.file_name().unwrap(), "plan (1).pdf");
        assert_eq!(second.file_name().unwrap(), "plan (2).pdf");
        assert!(!outside.exists());
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&first).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_web_and_mail_links_are_opened() {
        for (url, expect) in [
            ("https://example.org/", true),
            ("MAILTO:ada@example.org", true),
            ("file:///etc/passwd", false),
            ("javascript:alert(1)", false),
            ("-rf", false),
            ("https://example.org/\n", false),
        ] {
            assert_eq!(is_openable(url), expect, "{url}");
        }
    }

    #[tokio::test]
    async fn a_piped_command_gets_the_bytes_and_says_what_it_prints() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("out").display().to_string();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(pipe(&words(&["tee", &target]), b"hello".to_vec()).await.unwrap(), b"hello");
        assert_eq!(std::fs::read(target).unwrap(), b"hello");
        let (why, printed) = pipe(&words(&["sh", "-c", "cat; echo no >&2; exit 3"]), b"hello".to_vec()).await.unwrap_err();
        assert!(why.contains('3') && printed == b"hellono\n", "{why} {printed:?}");
        assert!(pipe(&words(&["false"]), Vec::new()).await.is_err());
        let flood = pipe(&words(&["sh", "-c", "yes | head -c 5000000"]), Vec::new()).await.unwrap();
        assert_eq!(flood.len() as u64, OUTPUT);
    }

    /// Names that attack a file system or whoever reads it.
    fn hostile_names() -> Vec<String> {
        let stems = [
            "x",
            "..",
            ".",
            "",
            "~",
            "-rf",
            "con",
            ".profile",
            "a\0b",
            "a\nb",
            "\u{202e}gpj",
            "$(touch p)",
            "`touch p`",
            ";touch p",
            "%00",
            "C:",
            "é",
        ];
        let shapes: [&dyn Fn(&str) -> String; 12] = [
            &|stem| stem.to_owned(),
            &|stem| format!("../../{stem}"),
            &|stem| format!("/tmp/{stem}"),
            &|stem| format!("{stem}/../../../etc/passwd"),
            &|stem| format!("..\\..\\{stem}"),
            &|stem| format!("{stem}.pdf.exe"),
            &|stem| format!("{stem}/"),
            &|stem| format!("~/{stem}"),
            &|stem| format!("file:///{stem}"),
            &|stem| format!("{}{stem}", "../".repeat(50)),
            &|stem| format!("{stem}{}", "a".repeat(10_000)),
            &|stem| format!("{stem}\r\nX: y"),
        ];
        stems.iter().flat_map(|stem| shapes.iter().map(move |shape| shape(stem))).collect()
    }

    #[test]
    fn two_hundred_hostile_names_change_nothing_outside_the_folder() {
        let around = tempfile::tempdir().unwrap();
        let inside = around.path().join("a/b/downloads");
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::write(around.path().join("a/passwd"), "before").unwrap();
        let names = hostile_names();
        assert!(names.len() >= 200);
        for name in &names {
            let saved = save(&inside, &SafeFileName::new(name, "part-1.bin"), b"after").unwrap();
            assert_eq!(saved.parent(), Some(inside.as_path()), "{name:?}");
            let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&saved).unwrap().permissions());
            assert!(mode & 0o777 == 0o600 && saved.file_name().unwrap().len() <= 210, "{name:?}");
        }
        assert_eq!(std::fs::read_dir(&inside).unwrap().count(), names.len());
        let tree =
            |folder: std::path::PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(tree(around.path().to_owned()), ["a"]);
        assert_eq!(tree(around.path().join("a")).len(), 2);
        assert_eq!(tree(around.path().join("a/b")), ["downloads"]);
        assert_eq!(std::fs::read(around.path().join("a/passwd")).unwrap(), b"before");
    }
}
