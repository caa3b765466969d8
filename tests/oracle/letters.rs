//! Messages that carry one payload in every place a message has, each place's text in one of twelve encodings and behind a
//! canary of its own.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::support::mail::NOON;

pub const ENCODINGS: usize = 12;

/// The places within a message, by the letter in the canary, and in how many of a hundred messages they must be seen: the
/// description is only in the source, where most encodings hide it.
pub const PLACES: &[(char, &str, usize)] = &[
    ('a', "sender's name", 70),
    ('b', "sender's address", 70),
    ('c', "recipient's name", 70),
    ('d', "domain of an address", 70),
    ('e', "subject", 70),
    ('f', "comment in a date", 70),
    ('g', "Message-ID", 70),
    ('h', "List-Id", 70),
    ('i', "unknown header", 70),
    ('j', "plain text", 70),
    ('k', "address in plain text", 70),
    ('l', "HTML text", 70),
    ('m', "HTML link", 60),
    ('n', "HTML attribute", 70),
    ('o', "file name", 70),
    ('p', "content type", 70),
    ('r', "description", 25),
    ('s', "subject of an enclosed message", 70),
    ('t', "calendar", 70),
];

/// A message, and the place of each text in it.
pub struct Letter<'a> {
    pub number: usize,
    pub encoding: usize,
    pub payload: &'a [u8],
    /// The message it answers.
    pub parent: Option<usize>,
}

impl Letter<'_> {
    pub fn canary(&self, place: char) -> String {
        canary(self.number, place, self.encoding)
    }

    /// Canary, payload, end mark.
    fn text(&self, place: char) -> Vec<u8> {
        let canary = self.canary(place);
        [canary.as_bytes(), self.payload, b"z"].concat()
    }

    fn header(&self, place: char) -> Vec<u8> {
        header(self.encoding, &self.text(place))
    }

    fn parameter(&self, name: &str, place: char) -> Vec<u8> {
        parameter(self.encoding, name, &self.text(place))
    }

    pub fn id(&self) -> String {
        format!("m{}.{}@example.org", self.number, self.encoding)
    }

    /// The whole message.
    pub fn bytes(&self) -> Vec<u8> {
        let minutes = i64::try_from(self.number * ENCODINGS + self.encoding).unwrap_or(0);
        let date = jiff::Timestamp::from_second(NOON - 60 * minutes).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
        let mut out = Bytes::default();
        out.line(&[b"From: ", &self.header('a'), b" <", &self.text('b'), b"@example.org>"]);
        out.line(&[b"To: ", &self.header('c'), b" <ada@example.org>, <grace@", &self.text('d'), b".example>"]);
        out.line(&[b"Subject: ", &self.header('e')]);
        out.line(&[b"Date: ", date.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string().as_bytes(), b" (", &self.text('f'), b")"]);
        out.line(&[b"Message-ID: <", self.id().as_bytes(), b">"]);
        out.line(&[b"X-Old-Message-ID: <", &self.text('g'), b"@example.org>"]);
        if let Some(parent) = self.parent {
            out.line(&[b"In-Reply-To: <", Letter { number: parent, ..*self }.id().as_bytes(), b">"]);
        }
        out.line(&[b"List-Id: ", &self.header('h'), b" <list.example.org>"]);
        out.line(&[b"X-Odd: ", &self.header('i')]);
        out.line(&[b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n"]);
        out.line(&[b"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n"]);
        let plain = [&self.text('j')[..], b"\r\nSee https://example.org/", &self.text('k'), b" there.\r\n"].concat();
        out.text_part("text/plain", self.encoding, &plain);
        let html = [
            &b"<p>"[..],
            &entities(self.encoding, &self.text('l')),
            b"</p><p><a href=\"https://example.org/",
            &entities(self.encoding, &self.text('m')),
            b"\">link</a></p><p><img width=90 height=90 src=\"cid:x\" alt=\"",
            &entities(self.encoding, &self.text('n')),
            b"\"></p>",
        ]
        .concat();
        out.text_part("text/html", self.encoding, &html);
        out.line(&[b"--inner--\r\n\r\n--outer"]);
        out.line(&[b"Content-Type: application/", &self.text('p'), b"; ", &self.parameter("name", 'o')]);
        out.line(&[b"Content-Description: ", &self.header('r')]);
        out.line(&[b"Content-Disposition: attachment; ", &self.parameter("filename", 'o'), b"\r\n\r\nfile\r\n--outer"]);
        out.line(&[
            b"Content-Type: message/rfc822\r\n\r\nFrom: x@example.org\r\nSubject: ",
            &self.header('s'),
            b"\r\n\r\nInside.\r\n--outer",
        ]);
        let calendar = [
            &b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261120T120000Z\r\nSUMMARY:"[..],
            &self.text('t'),
            b"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        ]
        .concat();
        out.line(&[b"Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\r\n", &calendar, b"--outer--"]);
        out.0
    }
}

pub fn canary(number: usize, place: char, encoding: usize) -> String {
    format!("q{number:03}{place}{encoding:02}")
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn line(&mut self, pieces: &[&[u8]]) {
        pieces.iter().for_each(|piece| self.0.extend_from_slice(piece));
        self.0.extend_from_slice(b"\r\n");
    }

    fn text_part(&mut self, kind: &str, encoding: usize, text: &[u8]) {
        let (charset, transfer, body) = body(encoding, text);
        let charset = if charset.is_empty() { String::new() } else { format!("; charset={charset}") };
        let flowed = if encoding == 9 { "; format=flowed" } else { "" };
        self.line(&[
            format!("--inner\r\nContent-Type: {kind}{charset}{flowed}\r\nContent-Transfer-Encoding: {transfer}\r\n\r\n").as_bytes(),
            &body,
            b"\r\n",
        ]);
    }
}

/// Octets as text, those that are no UTF-8 as Latin-1.
fn decoded(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

fn latin(bytes: &[u8]) -> Vec<u8> {
    decoded(bytes).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

fn utf16(bytes: &[u8]) -> Vec<u8> {
    decoded(bytes).encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn utf7(bytes: &[u8]) -> Vec<u8> {
    let text = decoded(bytes);
    let plain = |c: char| c.is_ascii_alphanumeric() || " <>/=\":.\r\n".contains(c);
    let mut out = String::new();
    for c in text.chars() {
        if plain(c) {
            out.push(c);
        } else {
            let mut buffer = [0; 2];
            let units: Vec<u8> = c.encode_utf16(&mut buffer).iter().flat_map(|unit| unit.to_be_bytes()).collect();
            out.push_str(&format!("+{}-", STANDARD_NO_PAD.encode(units)));
        }
    }
    out.into_bytes()
}

fn quoted(bytes: &[u8], mark: char) -> String {
    bytes
        .iter()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("{mark}{byte:02X}") })
        .collect()
}

fn word(charset: &str, bytes: &[u8], base64: bool) -> String {
    if base64 { format!("=?{charset}?B?{}?=", STANDARD.encode(bytes)) } else { format!("=?{charset}?Q?{}?=", quoted(bytes, '=')) }
}

fn unicode(bytes: &[u8]) -> (&'static str, Vec<u8>) {
    if std::str::from_utf8(bytes).is_ok() { ("utf-8", bytes.to_vec()) } else { ("iso-8859-1", bytes.to_vec()) }
}

fn header(encoding: usize, text: &[u8]) -> Vec<u8> {
    let (charset, bytes) = unicode(text);
    let half = text.len() / 2;
    let text = match encoding {
        0 => return text.to_vec(),
        1 => word(charset, &bytes, false),
        2 => word(charset, &bytes, true),
        3 => word("iso-8859-1", &latin(text), true),
        4 => format!("{}\r\n {}", word(charset, &bytes[..half], true), word(charset, &bytes[half..], true)),
        5 => word("utf-7", &utf7(text), false),
        6 => word("iso-2022-jp", text, true),
        7 => word("utf-16be", &utf16(text), true),
        8 => word("windows-1252", &latin(text), false),
        // the word that is inside a word stays as it is
        9 => word("utf-8", word("utf-8", text, false).as_bytes(), false),
        10 => format!("\"{}\"", decoded(text).chars().map(|c| format!("\\{c}")).collect::<String>()),
        _ => word("gb18030", text, true),
    };
    text.into_bytes()
}

fn parameter(encoding: usize, name: &str, text: &[u8]) -> Vec<u8> {
    let (charset, bytes) = unicode(text);
    let half = text.len() / 2;
    let text = match encoding {
        0 => return [name.as_bytes(), b"=\"", text, b"\""].concat(),
        1 => format!("{name}*={charset}''{}", quoted(&bytes, '%')),
        2 => format!("{name}*0*={charset}''{};\r\n {name}*1*={}", quoted(&bytes[..half], '%'), quoted(&bytes[half..], '%')),
        3 => format!("{name}*=iso-8859-1''{}", quoted(&latin(text), '%')),
        5 => format!("{name}*=utf-7''{}", quoted(&utf7(text), '%')),
        7 => format!("{name}*=utf-16be''{}", quoted(&utf16(text), '%')),
        10 => format!("{name}=\"{}\"", decoded(text).chars().map(|c| format!("\\{c}")).collect::<String>()),
        other => return [name.as_bytes(), b"=\"", &header(other, text), b"\""].concat(),
    };
    text.into_bytes()
}

/// (charset, transfer encoding, octets)
fn body(encoding: usize, text: &[u8]) -> (&'static str, &'static str, Vec<u8>) {
    let (charset, bytes) = unicode(text);
    let base64 = |bytes: &[u8]| STANDARD.encode(bytes).into_bytes();
    match encoding {
        0 => (charset, "8bit", bytes),
        1 => (charset, "quoted-printable", quoted(&bytes, '=').into_bytes()),
        2 => (charset, "base64", base64(&bytes)),
        3 => ("iso-8859-1", "base64", base64(&latin(text))),
        4 => (charset, "quoted-printable", bytes.iter().map(|byte| format!("={byte:02X}=\r\n")).collect::<String>().into_bytes()),
        5 => ("utf-7", "7bit", utf7(text)),
        6 => ("iso-2022-jp", "7bit", text.to_vec()),
        7 => ("utf-16", "base64", base64(&[&[0xfe, 0xff][..], &utf16(text)].concat())),
        8 => ("windows-1252", "quoted-printable", quoted(&latin(text), '=').into_bytes()),
        9 => (charset, "base64", base64(&bytes)),
        10 => ("", "8bit", text.to_vec()),
        _ => ("gb18030", "base64", base64(text)),
    }
}

/// HTML's own ways of writing a character, for some of the encodings.
fn entities(encoding: usize, text: &[u8]) -> Vec<u8> {
    let each = |form: &dyn Fn(u32) -> String| {
        decoded(text)
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_string() } else { form(u32::from(c)) })
            .collect::<String>()
            .into_bytes()
    };
    match encoding % 4 {
        1 => each(&|code| format!("&#{code};")),
        2 => each(&|code| format!("&#x{code:x};")),
        3 => each(&|code| format!("&#{code} ")),
        _ => text.to_vec(),
    }
}
