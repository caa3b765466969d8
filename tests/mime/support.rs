//! Pages as text, for all tests of this folder.

use postrider::mail::page::{Line, Page, View};
use postrider::mail::{DisplayText, MessageId};
use postrider::mime;

#[path = "../support/page.rs"]
mod whole;

pub use whole::check;

pub const VIEW: View = View { width: 80, all_headers: false, other_alternative: false, source: false, pictures: 0 };

pub fn page(message: impl AsRef<[u8]>) -> Page {
    page_with(message, VIEW)
}

pub fn page_with(message: impl AsRef<[u8]>, view: View) -> Page {
    let page = mime::page(MessageId(1), message.as_ref(), true, &[], view, &Default::default());
    check(&page);
    page
}

pub fn line_text(line: &Line) -> String {
    "> ".repeat(usize::from(line.quote)) + &line.text()
}

pub fn text(page: &Page) -> String {
    page.lines.iter().map(line_text).collect::<Vec<_>>().join("\n")
}

pub fn facts(page: &Page) -> Vec<&str> {
    page.facts.iter().map(DisplayText::as_str).collect()
}

/// A multipart message of (header lines, body) pairs.
pub fn multipart(kind: &str, parts: &[(&str, &str)]) -> String {
    let mut out = format!("From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary=\"b\"\r\n\r\n");
    for (header, body) in parts {
        out.push_str(&format!("--b\r\n{header}\r\n\r\n{body}\r\n"));
    }
    out + "--b--\r\n"
}

/// Every line of a message stands in a part that is listed, is of a header, or the page tells that it is only in the source. A message
/// that has a text shows one.
pub fn nothing_unseen(message: &[u8]) -> Result<(), String> {
    let page = page_with(message, VIEW);
    let mut parts: Vec<Vec<u8>> = page.parts.iter().filter_map(|part| mime::part(message, &part.number)).map(|(_, bytes)| bytes).collect();
    // a list's footer behind base64 is shown with the text it stands under
    parts.push(mime::text(message).into_bytes());
    if let Some(part) = page.parts.iter().find(|part| !part.is_attachment && part.content_type == "text/plain")
        && text(&page).starts_with("This message has no text")
        && mime::part(message, &part.number).is_some_and(|(_, bytes)| bytes.iter().any(u8::is_ascii_alphanumeric))
    {
        return Err(format!("the text {} is not shown", part.number));
    }
    let is_told = page.notes.iter().any(|note| note.as_str().contains("source"));
    let mut seen = Seen { parts: parts.iter().map(Vec::as_slice).collect(), from: (0, 0) };
    let mut is_message_header = true;
    let mut in_header = true;
    for raw in message.split(|byte| *byte == b'\n') {
        let line = raw.trim_ascii_end();
        let is_boundary = line.starts_with(b"--");
        let is_field = line.first().is_some_and(u8::is_ascii_whitespace) || line.contains(&b':');
        is_message_header &= !matches!(raw, b"" | b"\r");
        if is_message_header || !line.is_empty() && (is_boundary || in_header && is_field) {
            in_header = true;
            continue;
        }
        in_header = false;
        if line.iter().filter(|byte| byte.is_ascii_alphanumeric()).count() >= 4 && !is_told && !seen.line(line) && !is_usual(line) {
            return Err(format!("in no part: {}", String::from_utf8_lossy(line)));
        }
    }
    Ok(())
}

/// "This is a multi-part message in MIME format" and its like.
fn is_usual(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line).to_lowercase();
    ["mime", "multi-part", "multi part", "readable text", "mail reader", "unreadable without"].iter().any(|word| line.contains(word))
}

/// The parts, searched from where the last line was found.
struct Seen<'a> {
    parts: Vec<&'a [u8]>,
    from: (usize, usize),
}

impl Seen<'_> {
    fn line(&mut self, line: &[u8]) -> bool {
        // a blank at its end is not kept by everyone, and the last group of base64 may be short
        let escaped = mime::decode(line, "quoted-printable");
        let escaped = escaped.strip_suffix(b"=").unwrap_or(&escaped).trim_ascii_end();
        let binary = mime::decode(line, "base64");
        let uu = mime::decode(line, "x-uuencode");
        // the name of a file stands in the list
        line.starts_with(b"begin ")
            || [line, escaped, &binary, &uu].into_iter().filter(|wanted| !wanted.is_empty()).any(|wanted| self.find(wanted))
    }

    fn find(&mut self, wanted: &[u8]) -> bool {
        let (first, offset) = self.from;
        let order = (first..self.parts.len()).map(|part| (part, if part == first { offset } else { 0 }));
        for (part, offset) in order.chain((0..=first).map(|part| (part, 0))) {
            let Some(content) = self.parts.get(part).and_then(|content| content.get(offset..)) else { continue };
            if let Some(at) = content.windows(wanted.len()).position(|window| window == wanted) {
                self.from = (part, offset + at + wanted.len());
                return true;
            }
        }
        false
    }
}
