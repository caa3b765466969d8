//! A letter as mail (RFC 5322, RFC 2045): headers a real one has, parts, encodings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, WINDOWS_1252};

use super::files;
use super::letter::Letter;
use super::people::{addr_spec, addresses, encoded};

/// Headers that tell the builder something, or that it writes itself.
const OWN: &[&str] = &["From", "To", "Cc", "Subject", "Attach", "Calendar", "Charset", "Clock", "Kind", "Verdict"];

/// A part: its header lines (each with its line end) and its bytes.
struct Part {
    header: String,
    body: Vec<u8>,
}

/// The bytes of the message, lines ended by LF as files are.
pub fn compose(letter: &Letter, all: &[Letter]) -> Vec<u8> {
    let charset = match letter.header("Charset") {
        Some("iso-2022-jp") => ISO_2022_JP,
        _ => UTF_8,
    };
    let mut out = headers(letter, all, charset).into_bytes();
    if letter.header("Charset") == Some("bare-latin1") {
        // no MIME at all: the reader has to guess
        out.push(b'\n');
        out.extend_from_slice(&WINDOWS_1252.encode(letter.text).0);
        return out;
    }
    let part = content(letter, all, charset);
    out.extend_from_slice(b"MIME-Version: 1.0\n");
    append(&mut out, &part);
    out
}

fn headers(letter: &Letter, all: &[Letter], charset: &'static Encoding) -> String {
    let value = |name| letter.header(name).unwrap_or_default();
    let domain = addr_spec(value("From")).rsplit('@').next().unwrap_or_default();
    let date = letter.date.strftime("%a, %d %b %Y %H:%M:%S %z");
    let mut text = String::new();
    if !letter.flags.contains('D') && letter.place.mailbox != "Sent" {
        let server = if letter.place.account == "work" { "mx.harbor.example" } else { "mx.quill.example" };
        let verdict = match value("Verdict") {
            "fail" => "fail",
            _ => "pass",
        };
        text.push_str(&format!("Received: from mail.{domain} by {server} with ESMTPS; {date}\n"));
        text.push_str(&format!("Authentication-Results: {server}; dkim={verdict} header.d={domain}; dmarc={verdict}\n"));
    }
    text.push_str(&format!("Date: {date}\nFrom: {}\nTo: {}\n", addresses(value("From"), charset), addresses(value("To"), charset)));
    if let Some(cc) = letter.header("Cc") {
        text.push_str(&format!("Cc: {}\n", addresses(cc, charset)));
    }
    text.push_str(&format!("Subject: {}\nMessage-ID: <{}>\n", encoded(value("Subject"), charset), letter.message_id()));
    let references = ancestors(letter, all);
    if let Some(parent) = references.last() {
        text.push_str(&format!("In-Reply-To: {parent}\nReferences: {}\n", references.join("\n ")));
    }
    if let Some((id, address)) = list_of(letter.place.mailbox) {
        text.push_str(&format!("List-Id: {id}\nList-Post: <mailto:{address}>\nPrecedence: list\n"));
    }
    for (name, value) in letter.headers.iter().filter(|(name, _)| !OWN.contains(name)) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text
}

pub fn list_of(mailbox: &str) -> Option<(&'static str, &'static str)> {
    match mailbox {
        "Lists/kernel" => Some(("Tidal kernel development <kernel.lists.tidal.example>", "kernel@lists.tidal.example")),
        "Lists/rust-users" => Some(("Users of the language <rust-users.lists.crates.example>", "rust-users@lists.crates.example")),
        _ => None,
    }
}

/// Message-IDs from the first of the thread to the parent.
fn ancestors(letter: &Letter, all: &[Letter]) -> Vec<String> {
    let mut ids = Vec::new();
    let mut next = letter.parent;
    while let Some(parent) = next.and_then(|name| all.iter().find(|other| other.name == name)) {
        ids.push(format!("<{}>", parent.message_id()));
        next = parent.parent.filter(|_| ids.len() < 50);
    }
    ids.reverse();
    ids
}

fn content(letter: &Letter, all: &[Letter], charset: &'static Encoding) -> Part {
    let text = text_part(letter, all, charset);
    let body = match (letter.html, letter.text.trim()) {
        ("", _) => text,
        (html, "") => html_part(html),
        (html, _) => multipart("alternative", letter, vec![text, html_part(html)]),
    };
    if letter.header("Calendar").is_some() {
        let header = "Content-Type: text/calendar; charset=utf-8; method=REQUEST; name=invite.ics\n".to_owned();
        let event = Part { header, body: files::calendar(letter).into_bytes() };
        return multipart("alternative", letter, vec![body, event]);
    }
    match letter.header("Attach") {
        None => body,
        Some(names) => {
            let files = names.split(", ").map(|name| attachment(name, letter));
            multipart("mixed", letter, std::iter::once(body).chain(files).collect())
        }
    }
}

fn text_part(letter: &Letter, all: &[Letter], charset: &'static Encoding) -> Part {
    let parent = letter.parent.and_then(|name| all.iter().find(|other| other.name == name));
    let then = parent.map_or(String::new(), |parent| parent.date.strftime("%a, %d %b %Y at %H:%M").to_string());
    let text = letter.text.replace("{then}", &then).replace("\n--\n", "\n-- \n");
    let flowed = if letter.header("Kind") == Some("flowed") { "; format=flowed" } else { "" };
    let (body, _, _) = charset.encode(&text);
    let transfer = if body.is_ascii() { "7bit" } else { "8bit" };
    let name = charset.name().to_ascii_lowercase();
    Part {
        header: format!("Content-Type: text/plain; charset={name}{flowed}\nContent-Transfer-Encoding: {transfer}\n"),
        body: body.into_owned(),
    }
}

fn html_part(html: &str) -> Part {
    Part {
        header: "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n".to_owned(),
        body: quoted_printable(html).into_bytes(),
    }
}

fn attachment(name: &str, letter: &Letter) -> Part {
    let (content_type, bytes) = files::make(name, letter);
    let parameter = if name.is_ascii() {
        format!("filename=\"{name}\"")
    } else {
        // RFC 2231 4
        format!("filename*=UTF-8''{}", name.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>())
    };
    if content_type.starts_with("text/") {
        let header = format!("Content-Type: {content_type}; charset=utf-8\nContent-Disposition: attachment; {parameter}\n");
        return Part { header: format!("{header}Content-Transfer-Encoding: 8bit\n"), body: bytes };
    }
    let mut body = String::new();
    for line in STANDARD.encode(bytes).as_bytes().chunks(76) {
        body.extend(line.iter().map(|byte| char::from(*byte)));
        body.push('\n');
    }
    let header = format!("Content-Type: {content_type}\nContent-Disposition: attachment; {parameter}\nContent-Transfer-Encoding: base64\n");
    Part { header, body: body.into_bytes() }
}

fn multipart(kind: &str, letter: &Letter, parts: Vec<Part>) -> Part {
    let boundary = format!("=_{kind}_{}_{}", letter.order, parts.len());
    let mut body = Vec::new();
    for part in &parts {
        body.extend_from_slice(format!("--{boundary}\n").as_bytes());
        append(&mut body, part);
        if !body.ends_with(b"\n") {
            body.push(b'\n');
        }
    }
    body.extend_from_slice(format!("--{boundary}--\n").as_bytes());
    Part { header: format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\n"), body }
}

fn append(out: &mut Vec<u8>, part: &Part) {
    out.extend_from_slice(part.header.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(&part.body);
}

/// RFC 2045 6.7: lines of at most 76, soft breaks, line ends kept.
fn quoted_printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    for line in text.lines() {
        let mut length = 0;
        for (at, byte) in line.bytes().enumerate() {
            let is_last = at + 1 == line.len();
            let is_plain = matches!(byte, b'!'..=b'<' | b'>'..=b'~') || (byte == b' ' && !is_last);
            let width = if is_plain { 1 } else { 3 };
            if length + width > 75 {
                out.push_str("=\n");
                length = 0;
            }
            if is_plain {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("={byte:02X}"));
            }
            length += width;
        }
        out.push('\n');
    }
    out
}
