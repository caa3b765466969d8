//! Header fields as ranges of bytes: finding, unfolding, and RFC 2047 words. Bounded in number and length.
//! Structured values are read in [`super::params`] and [`super::addresses`].

use super::charset;
use super::transfer;
use std::borrow::Cow;

/// Fields of one header that are looked at.
pub const MAX_FIELDS: usize = 10_000;
/// Bytes of one field that are looked at.
pub const MAX_FIELD_BYTES: usize = 256 * 1024;

/// Lines of one header that are none, and how far behind each a field is looked for.
const MAX_STRAYS: u32 = 20;
const LOOK_AHEAD: usize = 20;
/// Fields that are of a header wherever they stand; a text that lost its blank line seldom begins like this.
const EVERYBODYS: &[&str] = &[
    "from",
    "subject",
    "date",
    "message-id",
    "received",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "return-path",
    "delivered-to",
];

/// One header field: its name and its raw value, folds and line end included.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    pub name: &'a [u8],
    pub raw: &'a [u8],
}

impl<'a> Field<'a> {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line, as bytes.
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        let raw = self.raw.get(..MAX_FIELD_BYTES).unwrap_or(self.raw).trim_ascii();
        if !raw.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return Cow::Borrowed(raw);
        }
        let mut flat = Vec::with_capacity(raw.len());
        for line in raw.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            flat.extend(line.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
        }
        Cow::Owned(flat)
    }

    /// The value on one line, 8-bit bytes guessed, encoded words left alone.
    pub fn value(&self) -> String {
        let unfolded = self.unfolded();
        // octets within an encoded word are its charset's: they must come back
        let has_words = unfolded.windows(2).any(|two| two == b"=?");
        if has_words { charset::reversible(&unfolded) } else { charset::guess(&unfolded) }.into_owned()
    }

    /// The value of an unstructured field, decoded.
    pub fn text(&self) -> String {
        decode_words(&self.value())
    }
}

/// The fields of a header block, in order. Lines that belong to no field are skipped, an mbox "From " line
/// among them.
pub fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    blocks(header).filter_map(split_field).take(MAX_FIELDS)
}

/// A header block cut before every line that continues nothing: its fields as they stand there, and what is none.
pub fn blocks(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (block, after) = rest.split_at(field_end(rest));
        rest = after;
        Some(block)
    })
}

/// Where the first field's last continuation line ends.
fn field_end(bytes: &[u8]) -> usize {
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
        from += at + 1;
        if !matches!(bytes.get(from), Some(b' ' | b'\t')) {
            return from;
        }
    }
    bytes.len()
}

/// The name and value of a block, if it is a field.
pub fn split_field(block: &[u8]) -> Option<Field<'_>> {
    let colon = block.iter().take(1024).position(|byte| *byte == b':')?;
    let (name, raw) = block.split_at(colon);
    let name = name.trim_ascii_end();
    if name.is_empty() || !name.iter().all(|byte| (0x21..0x7f).contains(byte)) {
        return None;
    }
    Some(Field { name, raw: raw.get(1..)? })
}

/// Length of the header block at the start of `bytes`, its empty line included. A line that can't be of a
/// header ends it too (a message whose blank line got lost), unless it is the first or fields that everybody knows follow it (a line
/// that was broken in two).
pub fn header_end(bytes: &[u8]) -> usize {
    let mut at = 0;
    let mut strays = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii_end();
        if text.is_empty() {
            // a line of blanks only is a fold that was broken, where fields follow it
            let is_fold = !matches!(line.first(), Some(b'\r' | b'\n')) && is_before_header(bytes.get(at..).unwrap_or_default(), line.len());
            if !is_fold {
                return at + line.len();
            }
        }
        let is_continuation = matches!(line.first(), Some(b' ' | b'\t'));
        if !is_continuation && split_field(line).is_none() && !(at == 0 && is_before_header(bytes, line.len())) {
            strays += 1;
            if strays > MAX_STRAYS || !is_broken_line(line, bytes.get(at + line.len()..).unwrap_or_default()) {
                return at;
            }
        }
        at += line.len();
    }
    bytes.len()
}

/// Whether lines that are of no field stand within the header; an mbox "From " line before it aside.
pub fn has_strays(bytes: &[u8]) -> bool {
    let header = bytes.get(..header_end(bytes)).unwrap_or(bytes);
    blocks(header).skip(1).any(|block| !block.trim_ascii().is_empty() && split_field(block).is_none())
}

/// Whether a line that is no field stands in the middle of a header: one of its best known fields is among the next lines.
fn is_broken_line(line: &[u8], rest: &[u8]) -> bool {
    let lines =
        rest.split(|byte| *byte == b'\n').take(LOOK_AHEAD).take_while(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"--"));
    let is_known = |field: Field<'_>| EVERYBODYS.iter().any(|known| field.is(known));
    !line.starts_with(b"--") && !line.starts_with(b">") && lines.filter_map(split_field).any(is_known)
}

/// A first line that is no field, with fields after it: an mbox "From " line, or what a gateway put there.
fn is_before_header(bytes: &[u8], length: usize) -> bool {
    let next = bytes.get(length..).unwrap_or_default();
    let next = next.split(|byte| *byte == b'\n').next().unwrap_or_default();
    split_field(next).is_some_and(|field| {
        field.name.contains(&b'-') || ["from", "to", "subject", "date", "received", "host"].iter().any(|known| field.is(known))
    })
}

/// An encoded word (RFC 2047 2) at the start of `text`: charset, bytes, length.
fn encoded_word(text: &str) -> Option<(&str, Vec<u8>, usize)> {
    let inner = text.strip_prefix("=?")?;
    let (charset, after) = inner.split_once('?')?;
    if charset.is_empty() || charset.len() > 60 || charset.contains(|c: char| c.is_whitespace() || c == '=') {
        return None;
    }
    let (encoding, after) = after.split_once('?')?;
    let (data, _) = after.split_once("?=")?;
    // RFC 2231 5: "charset*language"
    let label = charset.split('*').next().unwrap_or(charset);
    let raw = if data.is_ascii() { Cow::Borrowed(data.as_bytes()) } else { charset::encode(data, label) };
    let bytes = match encoding {
        "b" | "B" => transfer::base64(&raw),
        "q" | "Q" => {
            let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'_' { b' ' } else { *byte }).collect();
            let mut out = Vec::with_capacity(spaced.len());
            transfer::escapes(&spaced, &mut out);
            out
        }
        _ => return None,
    };
    Some((label, bytes, 2 + charset.len() + 1 + encoding.len() + 1 + data.len() + 2))
}

/// A stretch of a field's value.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Plain(&'a str),
    /// Adjacent encoded words, joined before the charset is undone: some senders split inside a character.
    Decoded(String),
}

/// Splits a value at its encoded words. A word must start the value or follow a blank or one of `(",<`, so
/// that "abc=?utf-8?Q?..?=" stays as it was written.
pub fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut plain_from = 0;
    let mut at = 0;
    let mut failures = 0;
    while let Some(found) = value.get(at..).and_then(|rest| rest.find("=?")) {
        let start = at + found;
        let before = value.get(..start).unwrap_or_default();
        let may_start = before.chars().next_back().is_none_or(|c| c.is_whitespace() || "(\",<:;".contains(c));
        let word = if may_start && failures < 100 { encoded_word(value.get(start..).unwrap_or_default()) } else { None };
        let Some((label, mut bytes, length)) = word else {
            failures += usize::from(may_start);
            at = start + 2;
            continue;
        };
        push_plain(&mut out, value.get(plain_from..start).unwrap_or_default());
        let mut text = String::new();
        let mut label = label;
        let mut end = start + length;
        while let Some((next_label, next_bytes, next_end)) = following_word(value, end) {
            if next_label.eq_ignore_ascii_case(label) {
                bytes.extend_from_slice(&next_bytes);
            } else {
                text.push_str(&charset::decode(&bytes, Some(label)).text);
                (label, bytes) = (next_label, next_bytes);
            }
            end = next_end;
        }
        text.push_str(&charset::decode(&bytes, Some(label)).text);
        out.push(Piece::Decoded(text));
        (at, plain_from) = (end, end);
    }
    push_plain(&mut out, value.get(plain_from..).unwrap_or_default());
    out
}

fn push_plain<'a>(out: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        out.push(Piece::Plain(text));
    }
}

/// The encoded word after `end`, blanks between skipped (RFC 2047 6.2).
fn following_word(value: &str, end: usize) -> Option<(&str, Vec<u8>, usize)> {
    let rest = value.get(end..)?;
    let next = rest.trim_start();
    let skipped = rest.len() - next.len();
    let (label, bytes, length) = encoded_word(next)?;
    Some((label, bytes, end + skipped + length))
}

/// An unstructured value with its encoded words decoded.
pub fn decode_words(value: &str) -> String {
    if !value.contains("=?") {
        return value.to_owned();
    }
    pieces(value)
        .into_iter()
        .map(|piece| match piece {
            Piece::Plain(text) => text.to_owned(),
            Piece::Decoded(text) => text,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_within_an_encoded_word_are_of_its_charset() {
        // which look like Central European
        let field = fields(b"Subject: =?iso-8859-1?Q?za\xe9\xea\xb9\xbf_x?=\r\n").next().expect("a field");
        assert_eq!(field.text(), "za\u{e9}\u{ea}\u{b9}\u{bf} x");
    }

    #[test]
    fn encoded_words_are_joined_and_foreign_ones_left() {
        for (value, expect) in [
            ("=?utf-8?Q?caf=C3=A9?= au lait", "café au lait"),
            ("=?utf-8?B?4pg=?=\t =?utf-8?B?gw==?=", "☃"),
            ("=?utf-8?Q?=E2=98?= =?UTF-8?Q?=83?=", "☃"),
            ("=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?= b", "aé b"),
            ("abc=?utf-8?Q?x?=def", "abc=?utf-8?Q?x?=def"),
            ("=?utf-8?Q?a_b?=", "a b"),
            ("=?utf-8*en?Q?a?=", "a"),
            ("=?bogus", "=?bogus"),
            ("=?utf-8?X?a?=", "=?utf-8?X?a?="),
            ("=?utf-8?q?a b?= c", "a b c"),
            ("=?iso-8859-1?Q?Fr\u{f6}=F6?=", "Fröö"),
            ("=?utf-8?Q?Fr\u{f6}=C3=B6?=", "Fröö"),
        ] {
            assert_eq!(decode_words(value), expect, "{value}");
        }
    }

    #[test]
    fn fields_survive_folds_and_junk() {
        let header = b"From x@y Mon\nSubject: one\r\n two\r\njunk line\nX : y\n\tz\n: empty name\nLast: end";
        let found: Vec<(String, String)> = fields(header).map(|f| (String::from_utf8_lossy(f.name).into_owned(), f.value())).collect();
        let expect = [("Subject", "one two"), ("X", "y\tz"), ("Last", "end")];
        assert_eq!(found, expect.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn a_header_ends_at_the_blank_line_or_at_text() {
        assert_eq!(header_end(b"A: b\r\n\r\nbody"), 8);
        assert_eq!(header_end(b"A: b\nhello there\nB: c\n\n"), 5);
        assert_eq!(header_end(b"\nbody"), 1);
        assert_eq!(header_end(b"just text"), 0);
        assert_eq!(header_end(b"A: b"), 4);
        assert_eq!(header_end(b"To: a,\nb@c.d\nMessage-ID: <x>\n\nbody"), 30);
        assert_eq!(header_end(b"A: b\n \nSubject: c\n\nbody"), 19);
        assert_eq!(header_end(b"A: b\n \nbody\n"), 7);
        assert_eq!(header_end(b"Content-Type: a/b\n--x\nContent-Type: c/d\n\n"), 18);
    }
}
