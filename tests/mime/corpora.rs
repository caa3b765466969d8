//! A sweep over the difficult messages of `tests/mail`, or over those that others made: `POSTRIDER_CORPORA` names a folder of them,
//! which stays where it is. Each is listed, opened in every view, answered, passed on and saved as the program does it, and held
//! against mail-parser's reading of it.

use super::compose::WHEN;
use super::{answers, reference, support};
use postrider::mail::draft::ReplyTo;
use postrider::mail::page::View;
use postrider::mail::{MessageId, SafeFileName};
use postrider::mime;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For all that one key does; a debug build takes several times as long as what people run.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 8 } else { 1 });
const VIEW: View = View { width: 80, all_headers: false, other_alternative: false, source: false, pictures: 0 };

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
}

/// What went wrong with one message, by name of what was done.
#[derive(Default)]
struct Sweep {
    messages: usize,
    failures: Vec<String>,
    /// How long it took to open each.
    opened: Vec<(Duration, String)>,
    slowest: Vec<(Duration, String)>,
    compared: usize,
    differences: Vec<String>,
}

impl Sweep {
    /// What a test does and no key.
    fn untimed(&mut self, name: &str, what: &str, run: impl FnOnce() -> Result<(), String> + std::panic::UnwindSafe) {
        match std::panic::catch_unwind(run) {
            Ok(Ok(())) => {}
            Ok(Err(why)) => self.failures.push(format!("{name}: {what}: {why}")),
            Err(_) => self.failures.push(format!("{name}: {what}: panic")),
        }
    }

    fn step(&mut self, name: &str, what: &str, run: impl FnOnce() -> Result<(), String> + std::panic::UnwindSafe) {
        let started = Instant::now();
        self.untimed(name, what, run);
        let took = started.elapsed();
        if took > LIMIT {
            self.failures.push(format!("{name}: {what}: {took:?}"));
        }
        self.slowest.push((took, format!("{what} {name}")));
        if what == "open" {
            self.opened.push((took, name.to_owned()));
        }
    }

    fn message(&mut self, name: &str, bytes: &[u8]) {
        self.messages += 1;
        self.step(name, "list", || {
            mime::envelope(bytes);
            mime::search_text(bytes);
            Ok(())
        });
        self.step(name, "open", || open(bytes, VIEW));
        for (what, view) in [
            ("other alternative", View { other_alternative: true, ..VIEW }),
            ("headers", View { all_headers: true, ..VIEW }),
            ("source", View { source: true, ..VIEW }),
            ("40 columns", View { width: 40, ..VIEW }),
        ] {
            self.step(name, what, || open(bytes, view));
        }
        self.step(name, "text for scripts", || {
            mime::text(bytes);
            mime::html(bytes);
            Ok(())
        });
        self.step(name, "reply", || {
            mime::reply(bytes, ReplyTo::All, &[], WHEN);
            Ok(())
        });
        self.step(name, "forward", || {
            mime::forward(&[bytes.to_vec()], false, &[], WHEN);
            Ok(())
        });
        self.step(name, "save", || save(bytes));
        self.untimed(name, "answer", || {
            answers::answer_in_every_way(bytes);
            Ok(())
        });
        self.untimed(name, "unseen", || support::nothing_unseen(bytes));
        let (compared, differences) = reference::differences(bytes);
        self.compared += compared;
        self.differences.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }

    fn report(&mut self) {
        self.slowest.sort_unstable_by(|one, other| other.cmp(one));
        self.opened.sort_unstable();
        let at =
            |share: usize| self.opened.get(self.opened.len().saturating_sub(1) * share / 1000).map(|(took, _)| *took).unwrap_or_default();
        println!("figure: corpora: {} messages, {} failures", self.messages, self.failures.len());
        println!("figure: corpora: opened in {:?} median, {:?} p99, {:?} at most", at(500), at(990), at(1000));
        for (took, name) in self.slowest.iter().take(5) {
            println!("figure: corpora: slow: {took:?} {name}");
        }
        println!("figure: corpora: {} values compared with mail-parser, {} differ", self.compared, self.differences.len());
        self.differences.iter().for_each(|difference| println!("differs: {difference}"));
    }
}

fn open(bytes: &[u8], view: View) -> Result<(), String> {
    let page = mime::page(MessageId(1), bytes, true, &[], view, &Default::default());
    support::check(&page);
    Ok(())
}

/// Writes all parts into a new folder, under the names that they get; nothing may leave it.
fn save(bytes: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    let parts = mime::parts(bytes);
    for (n, listed) in parts.iter().enumerate() {
        let (part, content) = mime::part(bytes, &listed.number).ok_or_else(|| format!("part {} can't be read", listed.number))?;
        let name = SafeFileName::new(part.name.as_deref().unwrap_or_default(), "part.bin");
        std::fs::write(inside.join(format!("{n} {}", name.as_str())), content).map_err(|error| error.to_string())?;
    }
    let written = std::fs::read_dir(&inside).unwrap().count();
    let beside = std::fs::read_dir(folder.path()).unwrap().count();
    if written == parts.len() && beside == 1 { Ok(()) } else { Err(format!("{written} files of {} parts", parts.len())) }
}

#[test]
fn every_message_of_the_corpora_is_listed_opened_answered_and_saved() {
    let ours = || concat!(env!("CARGO_MANIFEST_DIR"), "/tests/mail").into();
    let folder = std::env::var_os("POSTRIDER_CORPORA").unwrap_or_else(ours);
    let only = std::env::var("POSTRIDER_CORPORA_SHOW").ok();
    let mut found = Vec::new();
    files(Path::new(&folder), &mut found);
    assert!(!found.is_empty());
    let mut sweep = Sweep::default();
    for path in &found {
        let bytes = std::fs::read(path).unwrap();
        let name = path.strip_prefix(&folder).unwrap_or(path).display().to_string();
        if only.as_ref().is_some_and(|only| !name.contains(only.as_str())) {
            continue;
        }
        sweep.message(&name, &bytes);
        if only.is_some() {
            print(&name, &bytes);
        }
    }
    sweep.report();
    assert!(sweep.failures.is_empty(), "{:#?}", sweep.failures);
}

fn print(name: &str, bytes: &[u8]) {
    let page = mime::page(MessageId(1), bytes, true, &[], VIEW, &Default::default());
    println!("\n=== {name}\n{} | {:?}\n{:?}\n{:?}\n---\n{}", page.subject, page.from, page.facts, page.notes, support::text(&page));
    for link in &page.links {
        println!("[{}] {} {}{}", link.number, link.host, if link.mismatch { "MISMATCH " } else { "" }, link.url);
    }
    println!("{:?}", page.parts);
}
