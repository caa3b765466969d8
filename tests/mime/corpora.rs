//! A sweep over messages that others made: `POSTRIDER_CORPORA` names a folder of them, which stays where it is.

use super::support;
use postrider::mail::MessageId;
use postrider::mail::page::View;
use postrider::mime;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For one page; a debug build takes several times as long as what people run.
const LIMIT: Duration = Duration::from_secs(if cfg!(debug_assertions) { 4 } else { 1 });

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

/// Without the folder there is nothing to sweep; the fixed messages of the other tests stand for it.
#[test]
fn every_message_of_the_corpora_is_readable() {
    let Some(folder) = std::env::var_os("POSTRIDER_CORPORA") else { return };
    let only = std::env::var("POSTRIDER_CORPORA_SHOW").ok();
    let mut found = Vec::new();
    files(Path::new(&folder), &mut found);
    assert!(!found.is_empty());
    let mut slow = Vec::new();
    for path in &found {
        let bytes = std::fs::read(path).unwrap();
        let name = path.display();
        for other in [false, true] {
            let started = Instant::now();
            let view = View { width: 80, other_alternative: other, ..View::default() };
            let page = mime::page(MessageId(1), &bytes, true, &[], view);
            if started.elapsed() > LIMIT {
                slow.push(format!("{name} {:?}", started.elapsed()));
            }
            support::check(&page);
            if only.as_ref().is_some_and(|only| path.to_string_lossy().contains(only.as_str())) && !other {
                println!(
                    "\n=== {name}\n{} | {:?}\n{:?}\n{:?}\n---\n{}",
                    page.subject,
                    page.from,
                    page.facts,
                    page.notes,
                    support::text(&page)
                );
                for link in &page.links {
                    println!("[{}] {} {}{}", link.number, link.host, if link.mismatch { "MISMATCH " } else { "" }, link.url);
                }
                println!("{:?}", page.parts);
            }
        }
        mime::search_text(&bytes);
        mime::text(&bytes);
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
