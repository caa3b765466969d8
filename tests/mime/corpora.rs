//! A sweep over messages that others made: `POSTRIDER_CORPORA` names a folder of them, which stays where it is.

use postrider::mail::page::{Page, View};
use postrider::mail::{DisplayText, MessageId};
use postrider::mime;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;

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

fn text_of(page: &Page) -> String {
    let lines = page.lines.iter().map(|line| {
        let marks = "▎".repeat(usize::from(line.quote));
        let text: String = line.spans.iter().map(|span| span.text.as_str()).collect();
        if line.folded { String::new() } else { format!("{marks}{text}\n") }
    });
    lines.collect()
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
        let started = Instant::now();
        for other in [false, true] {
            let view = View { width: 80, other_alternative: other, ..View::default() };
            let page = mime::page(MessageId(1), &bytes, true, &[], view);
            for line in &page.lines {
                let cells: usize = line.spans.iter().map(|span| span.text.as_str().width()).sum();
                assert!(cells <= 80, "{name}: {cells} cells: {line:?}");
                for span in &line.spans {
                    assert_eq!(DisplayText::new(span.text.as_str()), span.text, "{name}");
                    assert!(!span.text.as_str().chars().any(char::is_control), "{name}: {span:?}");
                }
            }
            assert!(!page.lines.is_empty(), "{name}");
            if only.as_ref().is_some_and(|only| path.to_string_lossy().contains(only.as_str())) && !other {
                println!("\n=== {name}\n{} | {:?}\n{:?}\n{:?}\n---\n{}", page.subject, page.from, page.facts, page.notes, text_of(&page));
                for link in &page.links {
                    println!("[{}] {} {}{}", link.number, link.host, if link.mismatch { "MISMATCH " } else { "" }, link.url);
                }
                println!("{:?}", page.parts);
            }
        }
        mime::search_text(&bytes);
        mime::text(&bytes);
        if started.elapsed() > Duration::from_secs(1) {
            slow.push(format!("{name} {:?}", started.elapsed()));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
