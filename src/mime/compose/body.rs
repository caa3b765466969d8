//! The body of a composed message: the text, then its files. Files keep every byte (base64), enclosed messages stay messages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_builder::headers::content_type::ContentType;
use mail_builder::mime::{BodyPart, MimePart};

use super::{Purpose, enclosed, ids};
use crate::mail::{Attachment, Draft, HeaderValue};
use crate::mime::flowed;

/// Octets of a line (RFC 5322 2.1.1), CR LF left out.
const MAX_LINE: usize = 998;
/// Characters of a base64 line (RFC 2045 6.8).
const BASE64_LINE: usize = 76;

/// The one part of a message: the text, or text and files as multipart/mixed.
pub fn part(draft: &Draft, files: &[Vec<u8>], purpose: Purpose, seed: u64) -> MimePart<'static> {
    let text = text(&draft.text, purpose);
    if draft.attachments.is_empty() {
        return text.into_part();
    }
    let parts: Vec<Leaf> =
        std::iter::once(text).chain(draft.attachments.iter().zip(files).map(|(file, bytes)| attachment(file, bytes, purpose))).collect();
    let boundary = boundary(&parts, seed);
    let parts: Vec<MimePart<'static>> = parts.into_iter().map(Leaf::into_part).collect();
    MimePart::new(ContentType::new("multipart/mixed").attribute("boundary", boundary), BodyPart::Multipart(parts))
}

/// A part that is still to be written.
struct Leaf {
    content_type: ContentType<'static>,
    file_name: Option<String>,
    /// None: mail-builder chooses quoted-printable or base64.
    encoding: Option<&'static str>,
    content: Vec<u8>,
}

impl Leaf {
    fn into_part(self) -> MimePart<'static> {
        let content = match String::from_utf8(self.content) {
            Ok(text) => BodyPart::Text(text.into()),
            Err(bytes) => BodyPart::Binary(bytes.into_bytes().into()),
        };
        let mut part = MimePart { contents: content, headers: vec![("Content-Type".into(), self.content_type.into())] };
        if let Some(name) = self.file_name {
            part = part.attachment(name);
        }
        match self.encoding {
            Some(encoding) => part.transfer_encoding(encoding),
            None => part,
        }
    }
}

fn text(text: &str, purpose: Purpose) -> Leaf {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let laid_out = match purpose {
        Purpose::Send => flowed::lay_out(&text),
        Purpose::Keep => flowed::LaidOut { text: flowed::exact(&text), flowed: false },
    };
    let charset = if laid_out.text.is_ascii() { "us-ascii" } else { "utf-8" };
    let mut content_type = ContentType::new("text/plain").attribute("charset", charset);
    if laid_out.flowed {
        content_type = content_type.attribute("format", "flowed");
    }
    let content = laid_out.text.into_bytes();
    let has_controls = content.iter().any(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n'));
    let (encoding, content) = match (is_seven_bit(&content), has_controls) {
        (true, _) => (Some("7bit"), content),
        // mail-builder takes every ASCII text for 7bit, NUL among it
        (false, true) => (Some("base64"), base64_lines(&content)),
        (false, false) => (None, content),
    };
    Leaf { content_type, file_name: None, encoding, content }
}

fn attachment(file: &Attachment, bytes: &[u8], purpose: Purpose) -> Leaf {
    let name = HeaderValue::new(&file.name).as_str().to_owned();
    let kind = content_type(&file.content_type);
    if kind == "message/rfc822"
        && let Some(message) = enclosed::transportable(bytes, purpose)
    {
        return Leaf { content_type: ContentType::new(kind), file_name: Some(name), encoding: Some("7bit"), content: message };
    }
    // a message that can't travel as one travels as a file (RFC 2046 5.2.1 forbids to encode it)
    let kind = if kind == "message/rfc822" { "application/octet-stream".to_owned() } else { kind };
    let mut content_type = ContentType::new(kind);
    if content_type.c_type.starts_with("text/") && std::str::from_utf8(bytes).is_ok() {
        content_type = content_type.attribute("charset", if bytes.is_ascii() { "us-ascii" } else { "utf-8" });
    }
    // older programs look for the name here
    let content_type = content_type.attribute("name", name.clone());
    Leaf { content_type, file_name: Some(name), encoding: Some("base64"), content: base64_lines(bytes) }
}

/// `type/subtype` as RFC 2045 5.1 has it, of a single part; everything else is a file of octets.
fn content_type(text: &str) -> String {
    let is_token = |token: &str| {
        !token.is_empty() && token.len() <= 127 && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    let text = text.to_ascii_lowercase();
    match text.split_once('/') {
        Some(("multipart", _)) => {}
        Some(("message", sub)) if sub != "rfc822" => {}
        Some((kind, sub)) if is_token(kind) && is_token(sub) => return text,
        _ => {}
    }
    "application/octet-stream".to_owned()
}

/// base64 in lines of 76, CR LF between them.
pub fn base64_lines(bytes: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode(bytes);
    let mut out = Vec::with_capacity(encoded.len() + encoded.len() / 38 + 2);
    for line in encoded.as_bytes().chunks(BASE64_LINE) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Travels as it is: ASCII without controls but tabs, CR LF lines of a bearable length (RFC 2045 2.7).
pub fn is_seven_bit(bytes: &[u8]) -> bool {
    bytes.split_inclusive(|byte| *byte == b'\n').all(|line| {
        let text = match line.strip_suffix(b"\n") {
            Some(line) => match line.strip_suffix(b"\r") {
                Some(text) => text,
                None => return false,
            },
            None => line,
        };
        text.len() <= MAX_LINE && text.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e))
    })
}

/// A boundary that stands nowhere in the parts; with a fixed seed an enclosed message could have the same.
fn boundary(parts: &[Leaf], seed: u64) -> String {
    let is_free = |boundary: &String| {
        let mark = boundary.as_bytes();
        parts.iter().filter(|part| part.encoding == Some("7bit")).all(|part| !part.content.windows(mark.len()).any(|window| window == mark))
    };
    (0..u64::MAX).map(|nth| ids::boundary(seed, nth)).find(is_free).unwrap_or_default()
}

/// A message ends with a line end.
pub fn with_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}
