//! Sweeps IMAP answers collected by others, where `POSTRIDER_CORPORA` names a folder that holds
//! `imap-transcripts/`; without it there is nothing to sweep.

use std::fs;
use std::path::{Path, PathBuf};

use postrider::remote::imap::frame::{Framer, Limits};
use postrider::remote::imap::parse::{Response, response};
use postrider::remote::imap::structure::structure;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files(&entry, found) } else { found.push(entry) }
    }
}

/// The files were checked out with bare LF; their literals count CRLF.
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(bytes.len());
    for (index, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' && (index == 0 || bytes[index - 1] != b'\r') {
            whole.push(b'\r');
        }
        whole.push(*byte);
    }
    whole
}

#[test]
fn collected_answers_are_framed_and_understood() {
    let Some(corpora) = std::env::var_os("POSTRIDER_CORPORA") else { return };
    let mut found = Vec::new();
    files(&Path::new(&corpora).join("imap-transcripts"), &mut found);
    let (mut responses, mut unknown, mut damaged, mut structures) = (0, Vec::new(), Vec::new(), 0);
    for path in &found {
        let mut framer = Framer::new(Limits::default());
        framer.feed(&with_crlf(&fs::read(path).expect("a transcript")));
        while let Some(frame) = framer.next_frame().unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            responses += 1;
            let shown = || format!("{}: {}", path.display(), frame.bytes.escape_ascii().to_string().chars().take(120).collect::<String>());
            match response(&frame.bytes) {
                Response::Unknown => unknown.push(shown()),
                Response::Fetch(fetch) => {
                    if fetch.damaged {
                        damaged.push(shown());
                    }
                    if let Some(raw) = &fetch.structure {
                        structures += 1;
                        let read = structure(raw, frame.too_deep);
                        if read.parts.is_empty() || read.parts[0].content_type == "application/octet-stream" {
                            damaged.push(shown());
                        }
                    }
                }
                _ => {}
            }
        }
    }
    eprintln!("{} files, {responses} responses, {structures} structures\nunknown: {unknown:#?}\ndamaged: {damaged:#?}", found.len());
    assert!(responses > 0, "no transcripts");
    assert!(unknown.len() * 20 < responses, "{} of {responses} responses are not understood", unknown.len());
    assert!(damaged.is_empty(), "{damaged:#?}");
}
