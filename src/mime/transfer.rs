//! Undoing content transfer encodings (RFC 2045 6), leniently: what is damaged is read as far as it goes,
//! because a shortened or slightly wrong attachment is worth more than none.

use super::uu;
use crate::mail::url::hex_byte;

/// Undoes `encoding` ("base64", "quoted-printable"; all else is as it is).
pub fn decode(raw: &[u8], encoding: &str) -> Vec<u8> {
    let encoding = encoding.trim();
    if encoding.eq_ignore_ascii_case("base64") {
        base64(raw.get(..base64_end(raw)).unwrap_or(raw))
    } else if encoding.eq_ignore_ascii_case("quoted-printable") {
        quoted_printable(raw)
    } else if ["x-uuencode", "uuencode", "x-uue"].iter().any(|known| encoding.eq_ignore_ascii_case(known)) {
        uu::decode(raw)
    } else {
        raw.to_vec()
    }
}

/// Where base64 ends: before a line after the padding that is none, such as a list's footer.
pub fn base64_end(raw: &[u8]) -> usize {
    let mut at = 0;
    let mut is_padded = false;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let text = line.trim_ascii();
        let is_foreign = || text.len() % 4 != 0 || text.iter().any(|byte| base64_value(*byte).is_none() && *byte != b'=');
        if is_padded && is_foreign() {
            return at;
        }
        is_padded |= text.ends_with(b"=");
        at += line.len();
    }
    raw.len()
}

/// The same for a text: one that is called base64 and plainly is not stays as it is, and so does what stands behind it.
pub fn decode_text(raw: &[u8], encoding: &str) -> Vec<u8> {
    let is_foreign = |byte: &&u8| base64_value(**byte).is_none() && **byte != b'=' && !matches!(**byte, b'\r' | b'\n');
    if encoding != "base64" {
        return decode(raw, encoding);
    }
    let (content, footer) = raw.split_at(base64_end(raw));
    if content.iter().filter(is_foreign).count() * 10 > content.len() {
        return raw.to_vec();
    }
    let mut text = base64(content);
    if !footer.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend_from_slice(footer);
    text
}

/// Base64 that skips foreign bytes, goes on after padding and keeps the bytes of an unfinished group.
pub fn base64(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len() / 4 * 3 + 3);
    let mut group = 0_u32;
    let mut count = 0_u32;
    for &byte in raw {
        let Some(value) = base64_value(byte) else {
            if byte == b'=' {
                flush(&mut out, group, count);
                (group, count) = (0, 0);
            }
            continue;
        };
        group = group << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            let [_, first, second, third] = group.to_be_bytes();
            out.extend_from_slice(&[first, second, third]);
            (group, count) = (0, 0);
        }
    }
    flush(&mut out, group, count);
    out
}

/// The whole bytes of a group of two or three characters.
fn flush(out: &mut Vec<u8>, group: u32, count: u32) {
    match count {
        2 => out.push((group >> 4) as u8),
        3 => out.extend_from_slice(&((group >> 2) as u16).to_be_bytes()),
        _ => {}
    }
}

fn base64_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Quoted-printable where an `=` that starts nothing stands for itself.
pub fn quoted_printable(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        let (text, end) = split_line_end(line);
        // trailing blanks were added in transport (RFC 2045 6.7 (3))
        let text = text.trim_ascii_end();
        match text.strip_suffix(b"=") {
            Some(soft) if !end.is_empty() || soft.is_empty() => escapes(soft, &mut out),
            _ => {
                escapes(text, &mut out);
                out.extend_from_slice(end);
            }
        }
    }
    out
}

fn split_line_end(line: &[u8]) -> (&[u8], &[u8]) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    line.split_at(text.len())
}

/// `=XX` to bytes.
pub fn escapes(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|&byte| byte == b'=') {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = match from {
            [_, high, low, after @ ..] => match hex_byte(*high, *low) {
                Some(byte) => {
                    out.push(byte);
                    after
                }
                None => {
                    out.push(b'=');
                    from.get(1..).unwrap_or_default()
                }
            },
            _ => {
                out.extend_from_slice(from);
                return;
            }
        };
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_base64_gives_what_is_there() {
        for (raw, expect) in [
            ("aGVsbG8=", "hello"),
            ("aGVsbG8", "hello"),
            ("aGVs\r\nbG8=\r\n", "hello"),
            ("aG!Vs*bG8=", "hello"),
            ("aGk=aGk=", "hihi"),
            ("aGk=\r\naGk=\r\n", "hihi"),
            ("aGk=\r\n-- \r\nThe list: x\r\n", "hi"),
            ("a", ""),
            ("", ""),
        ] {
            assert_eq!(decode(raw.as_bytes(), "BASE64"), expect.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn damaged_quoted_printable_gives_what_is_there() {
        for (raw, expect) in [
            ("a=3Db", "a=b"),
            ("soft=\r\nbreak", "softbreak"),
            ("soft=  \nbreak", "softbreak"),
            ("blanks  \r\nend", "blanks\r\nend"),
            ("stray == here", "stray == here"),
            ("1 = 2 =zz", "1 = 2 =zz"),
            ("cut=", "cut="),
            ("cut=4", "cut=4"),
            ("=c3=A9", "é"),
        ] {
            assert_eq!(decode(raw.as_bytes(), "quoted-printable"), expect.as_bytes(), "{raw}");
        }
    }
}
