//! What the user does with a message or a part outside of the mail store: saved, exported, printed, given to a command, opened, a list left. Each is
//! a task of its own that fetches what it needs; what comes of it is told. Names and commands are `files.rs`'s matter.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::Intake;
use crate::mail::page::Line;
use crate::mail::{DisplayText, MessageId, SafeFileName, url};
use crate::mime::picture::{self, Room};
use crate::mime::{self, expand_tabs};
use crate::remote::{get, post};
use crate::worker::files::{self, Decoded};
use crate::worker::jobs::Jobs;
use crate::worker::out::Out;
use crate::worker::{JobState, OpenTarget, WorkerEvent, mailcap};

/// Files that are opened lie in the folder for temporary ones.
const SECRET: &str = "it came encrypted, and would lie open among the temporary files; save it where it may lie, and open it there";
/// How long a picture, or the list of an archive, may take.
const DRAWING: Duration = Duration::from_secs(10);
/// Lines of a command's output that are shown.
const LINES: usize = 20_000;

impl Intake {
    pub(super) async fn save(&self, id: MessageId, parts: Option<Vec<String>>, folder: PathBuf) {
        let (readable, out) = (self.readable(id), self.common.out.clone());
        self.spawn(async move {
            let saved = match readable.await {
                Ok((bytes, _)) => {
                    let folder = folder.clone();
                    apart(move || save_all(&files::decode(&bytes, parts.as_deref())?, &folder)).await
                }
                Err(why) => Err(why),
            };
            match saved {
                Ok(files) => out.send(WorkerEvent::Saved { files }).await,
                Err(why) => {
                    out.failed("The attachments could not be saved", why, format!("Nothing was overwritten in {}.", folder.display())).await
                }
            }
        });
    }

    /// The source as it came, what is read of it out of its seal.
    pub(super) fn export(&self, id: MessageId, file: PathBuf) {
        let (whole, readable, out) = (self.whole(id), self.readable(id), self.common.out.clone());
        self.spawn(async move {
            let saved = async {
                let form = files::form_of(&file)?;
                let bytes = if form.is_source { whole.await? } else { readable.await?.0 };
                let target = file.clone();
                apart(move || save_at(&target, &(form.make)(&bytes)?)).await
            };
            match saved.await {
                Ok(path) => out.send(WorkerEvent::Saved { files: vec![path] }).await,
                Err(why) => out.failed("The message could not be exported", why, "Nothing was overwritten.").await,
            }
        });
    }

    pub(super) fn print(&self, id: MessageId) {
        let readable = self.readable(id);
        let text = async move {
            let (bytes, _) = readable.await?;
            apart(move || Ok(mime::printed(&bytes).into_bytes())).await
        };
        self.give(text, self.print_command.clone());
    }

    pub(super) fn pipe(&self, id: MessageId, part: Option<String>, command: Vec<String>) {
        let (whole, readable) = (self.whole(id), self.readable(id));
        let bytes = async move {
            match part {
                Some(number) => Ok(part_of(readable.await?.0, number).await?.bytes),
                None => whole.await,
            }
        };
        self.give(bytes, command);
    }

    /// Runs a command on these bytes; what it prints is told.
    fn give(&self, bytes: impl Future<Output = Result<Vec<u8>, String>> + Send + 'static, command: Vec<String>) {
        let (jobs, out) = (self.jobs.clone(), self.common.out.clone());
        self.spawn(async move { run_shown(&jobs, &out, bytes, &command).await });
    }

    pub(super) fn open(&self, id: MessageId, target: OpenTarget, sure: bool, room: Option<(u16, u16)>) {
        let (readable, jobs, out, opener) = (self.readable(id), self.jobs.clone(), self.common.out.clone(), self.open_command.clone());
        self.spawn(async move {
            let opened = match target {
                OpenTarget::Url(url) if files::is_openable(&url) => files::open(&opener, url.trim_start().as_ref()),
                OpenTarget::Url(_) => Err("only web and mail links are opened".to_owned()),
                OpenTarget::Part(number) => {
                    let opened = async {
                        let (bytes, is_secret) = readable.await?;
                        let mut part = part_of(bytes, number.clone()).await?;
                        let doubt = part.doubt();
                        // what is shown here lies nowhere, so it may be secret
                        let has_program = !is_secret && (!opener.is_empty() || mailcap::find(&part.content_type).await.is_some());
                        if !has_program && (sure || doubt.is_none()) {
                            let (again, told) = shown(part, room).await?;
                            if told.is_some() {
                                return Ok(told);
                            }
                            part = again;
                        }
                        match doubt.filter(|_| !sure) {
                            _ if is_secret => Err(SECRET.to_owned()),
                            Some(doubt) => Ok(Some(WorkerEvent::Doubtful { id, number, name: part.name, doubt })),
                            None => open_part(&jobs, &out, part, &opener).await.map(|()| None),
                        }
                    };
                    match opened.await {
                        Ok(Some(answer)) => return out.send(answer).await,
                        Ok(None) => Ok(()),
                        Err(why) => Err(why),
                    }
                }
            };
            if let Err(why) = opened {
                out.failed("It could not be opened", why, "The program is set by open_command in [ui], or by a line of ~/.mailcap.").await;
            }
        });
    }

    /// One request for each picture; only ever after the user's yes.
    pub(super) fn fetch_pictures(&self, id: MessageId, urls: Vec<String>) {
        let (pages, out) = (self.common.pages.clone(), self.common.out.clone());
        if self.common.offline {
            let why = "postrider was started with --offline";
            return self.spawn(async move { out.failed("The pictures were not fetched", why, "Nothing was asked for.").await });
        }
        let job = self.jobs.begin(None, "Fetch pictures".to_owned(), None);
        let cancel = job.cancel.clone();
        let mut hosts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        urls.into_iter().for_each(|address| hosts.entry(url::host(&address)).or_default().push(address));
        self.spawn(async move {
            let fetching = async {
                let mut fetched = mime::Fetched::new();
                let mut failed = None;
                for address in hosts.into_values().flatten() {
                    match get::picture(&address).await {
                        Ok(octets) => drop(fetched.insert(address, octets)),
                        Err(why) => failed = Some(why.to_string()),
                    }
                }
                (fetched, failed)
            };
            let (fetched, failed) = tokio::select! {
                fetched = fetching => fetched,
                () = cancel.notified() => return job.end(JobState::Cancelled).await,
            };
            if !fetched.is_empty() {
                pages.keep_fetched(id, fetched);
                out.send(WorkerEvent::Fetched { id }).await;
            }
            job.end(failed.map_or(JobState::Finished, JobState::Failed)).await;
        });
    }

    /// The one request that leaving a list takes (RFC 8058); only ever after the user's yes.
    pub(super) fn unsubscribe(&self, url: String) {
        let out = self.common.out.clone();
        let host = url::host(&url);
        let job = self.jobs.begin(None, format!("Unsubscribe at {}", DisplayText::capped(&host, 80)), None);
        self.spawn(async move {
            match post::one_click(&url).await {
                Ok(()) => job.end(JobState::Finished).await,
                Err(why) => {
                    job.end(JobState::Failed(why.to_string())).await;
                    out.failed(
                        "The list could not be left",
                        why.to_string(),
                        "Nothing else was sent; X tries again, and o opens its page.",
                    )
                    .await;
                }
            }
        });
    }
}

/// Work on bytes, away from the threads that must not wait.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err("the message could not be taken apart".into()))
}

/// Saves parts into a folder that is made where it is missing.
fn save_all(parts: &[Decoded], folder: &Path) -> Result<Vec<PathBuf>, String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    parts.iter().map(|part| save_one(folder, &part.name, &part.bytes)).collect()
}

/// Saves into a new file of that name, or the next free one; its folder is made where it is missing.
fn save_at(file: &Path, bytes: &[u8]) -> Result<PathBuf, String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let name = SafeFileName::new(&file.file_name().unwrap_or_default().to_string_lossy(), "message");
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    save_one(folder, &name, bytes)
}

fn save_one(folder: &Path, name: &SafeFileName, bytes: &[u8]) -> Result<PathBuf, String> {
    files::save(folder, name, bytes).map_err(|error| format!("{} in {}: {error}", name.as_str(), folder.display()))
}

async fn part_of(bytes: Vec<u8>, number: String) -> Result<Decoded, String> {
    let parts = apart(move || files::decode(&bytes, Some(&[number]))).await?;
    parts.into_iter().next().ok_or_else(|| "the message has no such part".to_owned())
}

/// A part, and what is to be seen of it without a program: a picture in so many columns and rows, the list of what is in an archive.
async fn shown(part: Decoded, room: Option<(u16, u16)>) -> Result<(Decoded, Option<WorkerEvent>), String> {
    let showing = apart(move || {
        let picture = room.and_then(|(columns, rows)| picture::draw(&part.bytes, Room { columns, rows }).ok());
        let told = match picture {
            Some(picture) => {
                let lines = picture.rows.into_iter().map(|halves| Line { halves, ..Line::default() }).collect();
                Some(WorkerEvent::Drawn { name: part.name.clone(), lines })
            }
            None => mime::archive(part.name.as_str(), &part.content_type, &part.bytes)
                .map(|lines| WorkerEvent::Piped { command: part.name.as_str().to_owned(), lines }),
        };
        Ok((part, told))
    });
    tokio::time::timeout(DRAWING, showing).await.unwrap_or_else(|_| Err("showing it took too long".to_owned()))
}

/// Runs a command on these bytes; what it prints is told.
async fn run_shown(jobs: &Jobs, out: &Out, bytes: impl Future<Output = Result<Vec<u8>, String>>, command: &[String]) {
    let job = jobs.begin(None, command.join(" "), None);
    let cancel = job.cancel.clone();
    let piped = async {
        match bytes.await {
            Ok(bytes) => files::pipe(command, bytes).await,
            Err(why) => Err((why, Vec::new())),
        }
    };
    let piped = tokio::select! {
        piped = piped => piped,
        // the command is ended as its future is dropped
        () = cancel.notified() => return job.end(JobState::Cancelled).await,
    };
    let (output, failure) = match piped {
        Ok(output) => (output, None),
        Err((why, output)) => (output, Some(why)),
    };
    job.end(failure.clone().map_or(JobState::Finished, JobState::Failed)).await;
    if !output.is_empty() {
        out.send(WorkerEvent::Piped { command: command.join(" "), lines: lines(&output) }).await;
    }
    if let Some(why) = failure {
        out.failed("The command did not take the message", why, "The message is unchanged.").await;
    }
}

/// Saves a part into a folder of its own (0700, kept until the system cleans its temporary files) and opens it: by `opener`, where
/// that is empty by what mailcap says, else by the desktop. What a program prints is told, and its file goes again.
async fn open_part(jobs: &Jobs, out: &Out, part: Decoded, opener: &[String]) -> Result<(), String> {
    let viewer = if opener.is_empty() { mailcap::find(&part.content_type).await } else { None };
    let Decoded { name, content_type, bytes } = part;
    let name = match &viewer {
        Some(viewer) => {
            let ending = viewer.ending.as_deref().filter(|ending| !name.as_str().ends_with(ending)).unwrap_or_default();
            SafeFileName::new(&format!("{}{ending}", mailcap::plain(name.as_str())), "part")
        }
        None => name,
    };
    let saved = apart(move || {
        let folder = tempfile::Builder::new().prefix("postrider-").tempdir().map_err(|error| error.to_string())?;
        let file = save_one(folder.path(), &name, &bytes)?;
        Ok((folder, file, bytes))
    });
    let (folder, file, bytes) = saved.await?;
    let Some(viewer) = viewer else {
        let _ = folder.keep();
        return files::open(opener, file.as_os_str());
    };
    let command = viewer.command(&content_type, &file.to_string_lossy());
    if viewer.prints {
        let input = if viewer.is_fed { bytes } else { Vec::new() };
        run_shown(jobs, out, std::future::ready(Ok(input)), &command).await;
        return Ok(());
    }
    let _ = folder.keep();
    let input = match viewer.is_fed {
        true => std::fs::File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?.into(),
        false => Stdio::null(),
    };
    files::start(&command, None, input)
}

/// A command's output as lines; tabs keep their columns.
fn lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    text.lines().take(LINES).map(|line| expand_tabs(line.trim_end_matches('\r')).into_owned()).collect()
}
