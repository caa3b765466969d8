//! `show ID`: one message from the store (or its Maildir file), as text, HTML, source, headers or JSON. On a
//! terminal everything is cleaned; what is signed or encrypted is checked and opened; to a pipe `--raw`, `--html` and `--headers` go byte for byte.

use std::io::IsTerminal;
use std::time::Duration;

use serde_json::{Value, json};

use super::args;
use super::exit::{DATA, Failure, IO, Outcome, UNAVAILABLE};
use super::list;
use super::out;
use super::session::{Names, Session};
use crate::config::{Config, Incoming};
use crate::mail::page::{Line, Part, View};
use crate::mail::seal::Seal;
use crate::mail::{DisplayText, Page, Summary};
use crate::mime;
use crate::remote::{Connect, Remote, RemoteError, maildir};
use crate::store::{Location, Reader, StoredBody};
use crate::worker::opened;

/// Cells of a line where stdout is no terminal, and the most where it is.
const WIDTH: usize = 78;
const MOST: usize = 100;

/// `postrider show`.
pub fn run(session: &Session, args: &args::Show) -> Outcome {
    let config = session.config()?;
    let unknown = || Failure::new(DATA, format!("no message has the id {}", args.id));
    let reader = session.reader()?.ok_or_else(unknown)?;
    let summary = list::find(&reader, args.id)?.ok_or_else(unknown)?;
    let names = Names::load(&reader)?;
    let body = load(&config, &reader, &names, &summary)?;
    let page = |body: &StoredBody, width: usize| page(&summary, body, width, &setting(&config, &names, &summary));
    if args.json {
        let page = body.as_ref().map(|body| page(body, WIDTH)).transpose()?;
        return show_json(list::message(&summary, &names), page.as_ref(), body.is_some_and(|body| body.whole));
    }
    let body = body.ok_or_else(|| {
        Failure::new(UNAVAILABLE, format!("the text of {} is not here; `postrider sync` fetches what is kept offline", args.id))
    })?;
    if args.raw {
        whole(&body, args.id)?;
        foreign(&body.bytes)?;
    } else if args.headers {
        foreign(header(&body.bytes))?;
    } else if args.html {
        foreign(&html(&body.bytes).ok_or_else(|| Failure::new(DATA, format!("{} has no HTML part", args.id)))?)?;
    } else {
        let width = out::columns().map_or(WIDTH, |columns| columns.min(MOST));
        out::print(text(&page(&body, width)?).as_bytes())?;
    }
    Ok(0)
}

fn show_json(mut message: Value, page: Option<&Page>, whole: bool) -> Outcome {
    let parts: Vec<Value> = page.iter().flat_map(|page| &page.parts).map(part_json).collect();
    let seals: Vec<Value> = page.iter().flat_map(|page| &page.seals).map(seal_json).collect();
    message["text"] = page.map(|page| body_text(&page.lines)).into();
    message["parts"] = parts.into();
    message["seals"] = seals.into();
    message["whole"] = whole.into();
    out::json(message)?;
    Ok(0)
}

fn part_json(part: &Part) -> Value {
    json!({"number": part.number, "type": part.content_type, "name": part.name, "size": part.size})
}

fn seal_json(seal: &Seal) -> Value {
    json!({"standing": seal.standing.word(), "words": seal.words.as_str()})
}

/// The bytes, from the store or, for a Maildir, from the file. None where they are not on this machine.
fn load(config: &Config, reader: &Reader, names: &Names, summary: &Summary) -> Result<Option<StoredBody>, Failure> {
    if let Some(body) = reader.body(summary.content)? {
        return Ok(Some(body));
    }
    let account = config.accounts.iter().find(|account| account.name == names.account(summary.account));
    let (Some(account), Some(location)) = (account, reader.location(summary.id)?) else { return Ok(None) };
    match &account.incoming {
        Incoming::Maildir(root) => from_maildir(root.clone(), location),
        _ => Ok(None),
    }
}

fn from_maildir(root: std::path::PathBuf, location: Location) -> Result<Option<StoredBody>, Failure> {
    let Some(key) = location.key.clone() else { return Ok(None) };
    let runtime = runtime()?;
    let read = runtime.block_on(async {
        let mut files = maildir::Account { root }.connect(None).await?;
        let found = files.bodies(&location.wire_name, std::slice::from_ref(&key)).await?.into_iter().next();
        let Some(mut body) = found else { return Ok(None) };
        if !body.whole {
            body.bytes = slices(&mut files, &location, &key).await?;
        }
        Ok::<_, RemoteError>(Some(body))
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    let body = read.map_err(|error| Failure::new(IO, error.to_string()))?;
    Ok(body.map(|body| StoredBody { bytes: body.bytes, whole: true, parts: body.parts }))
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::new(IO, format!("no threads to read files: {error}")))
}

/// A large file, piece by piece.
async fn slices(files: &mut maildir::Connection, location: &Location, key: &crate::mail::Key) -> Result<Vec<u8>, RemoteError> {
    const PIECE: u32 = 1 << 20;
    let mut bytes = Vec::new();
    loop {
        let piece = files.slice(&location.wire_name, key, None, bytes.len() as u64, PIECE).await?;
        let is_last = piece.len() < PIECE as usize;
        bytes.extend(piece);
        if is_last {
            return Ok(bytes);
        }
    }
}

fn whole(body: &StoredBody, id: i64) -> Result<(), Failure> {
    if body.whole {
        return Ok(());
    }
    Err(Failure::new(UNAVAILABLE, format!("only the beginning of {id} is here; open it in the reader to fetch the whole")))
}

fn page(summary: &Summary, body: &StoredBody, width: usize, setting: &mime::Setting) -> Result<Page, Failure> {
    let view = View { width: u16::try_from(width).unwrap_or(80), ..View::default() };
    if !body.whole {
        return Ok(mime::page(summary.id, &body.bytes, false, &body.parts, view, setting));
    }
    Ok(runtime()?.block_on(opened::page(summary.id, body.bytes.clone(), view, setting)))
}

fn setting(config: &Config, names: &Names, summary: &Summary) -> mime::Setting {
    let account = config.accounts.iter().find(|account| account.name == names.account(summary.account));
    mime::Setting {
        authserv_id: account.and_then(|account| account.authserv_id.clone()),
        zone: jiff::tz::TimeZone::system(),
        ..Default::default()
    }
}

/// The header lines with the empty line's place cut.
fn header(bytes: &[u8]) -> &[u8] {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 1);
    let crlf = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 2);
    let end = end.into_iter().chain(crlf).min().unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or(bytes)
}

fn html(bytes: &[u8]) -> Option<Vec<u8>> {
    let part = mime::parts(bytes).into_iter().find(|part| part.content_type == "text/html")?;
    mime::part(bytes, &part.number).map(|(_, decoded)| decoded)
}

/// What others wrote: as it is into a pipe, cleaned line by line on a terminal.
fn foreign(bytes: &[u8]) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() {
        return out::print(bytes);
    }
    let text = String::from_utf8_lossy(bytes);
    let clean: String = text.lines().map(|line| format!("{}\n", DisplayText::new(line))).collect();
    out::print(clean.as_bytes())
}

/// Header summary, text, files and notes.
fn text(page: &Page) -> String {
    let list = |addresses: &[crate::mail::Address]| {
        let shown: Vec<String> = addresses
            .iter()
            .map(|one| match one.name.as_str() {
                "" => one.address.clone(),
                name => format!("{name} <{}>", one.address),
            })
            .collect();
        shown.join(", ")
    };
    let date = page.date.and_then(|(seconds, _)| list::rfc3339(seconds)).unwrap_or_default();
    let head =
        [("Subject", page.subject.to_string()), ("From", list(&page.from)), ("To", list(&page.to)), ("Cc", list(&page.cc)), ("Date", date)];
    let mut text = String::new();
    for (name, value) in head.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name}: {}\n", DisplayText::new(value)));
    }
    for seal in &page.seals {
        text.push_str(&format!("Seal: {}: {}\n", seal.standing.word(), seal.words));
    }
    for warning in &page.warnings {
        text.push_str(&format!("Warning: {warning}\n"));
    }
    text.push('\n');
    text.push_str(&body_text(&page.lines));
    let files: Vec<&Part> = page.parts.iter().filter(|part| part.is_attachment).collect();
    if !files.is_empty() {
        text.push('\n');
    }
    for part in files {
        let name = DisplayText::new(part.name.as_deref().unwrap_or("(no name)"));
        text.push_str(&format!("[{}] {name}  {}, {} octets\n", part.number, DisplayText::new(&part.content_type), part.size));
    }
    for note in &page.notes {
        text.push_str(&format!("-- {note}\n"));
    }
    text
}

/// The lines with their quote marks; those that a reader folds are all there.
fn body_text(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| line.fold.is_none()) {
        let start = text.len();
        text.push_str(&"> ".repeat(usize::from(line.quote)));
        text.push_str(&line.text());
        text.truncate(start + text.get(start..).unwrap_or_default().trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_at_the_empty_line() {
        for (bytes, expect) in [
            (&b"A: b\r\nC: d\r\n\r\nbody\n\nmore"[..], &b"A: b\r\nC: d\r\n"[..]),
            (b"A: b\n\nbody\r\n\r\n", b"A: b\n"),
            (b"A: b", b"A: b"),
            (b"", b""),
        ] {
            assert_eq!(header(bytes), expect);
        }
    }
}
