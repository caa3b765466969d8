//! Bytes to text: a label where there is one, a guess where there is none. Never fails and never returns
//! nothing for something. Knows no headers and no structure.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, REPLACEMENT, UTF_8, WINDOWS_1252};

/// Octets that a guess looks at; more make it no better.
const SAMPLE: usize = 64 * 1024;

/// What a label led to.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    pub text: Cow<'a, str>,
    /// The label means nothing to us; the text is a guess.
    pub unknown_label: bool,
}

/// Decodes `bytes` by the charset `label` of a part or an encoded word.
pub fn decode<'a>(bytes: &'a [u8], label: Option<&str>) -> Decoded<'a> {
    let Some(label) = label.map(str::trim).filter(|label| !label.is_empty()) else {
        return Decoded { text: guess(bytes), unknown_label: false };
    };
    match Encoding::for_label(label.as_bytes()) {
        // "us-ascii" is a windows-1252 label to browsers, but in mail it is what senders of UTF-8 forget to change
        Some(found) if found == UTF_8 || is_ascii_label(label) => Decoded { text: guess(bytes), unknown_label: false },
        Some(found) if found != REPLACEMENT => Decoded { text: found.decode_without_bom_handling(bytes).0, unknown_label: false },
        _ => by_rarer_label(bytes, label),
    }
}

/// Text that a guess decoded too early, back in the bytes of its label; UTF-8 where the label has no such characters.
pub fn encode<'a>(text: &'a str, label: &str) -> Cow<'a, [u8]> {
    let known = Encoding::for_label(label.as_bytes()).map(|found| found.encode(text));
    match known {
        Some((bytes, _, false)) => bytes,
        _ => Cow::Borrowed(text.as_bytes()),
    }
}

/// UTF-8 if it is valid, else windows-1252, which maps every octet to a letter and back.
pub fn reversible(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| WINDOWS_1252.decode_without_bom_handling(bytes).0, Cow::Borrowed)
}

/// UTF-8 if it is valid (a byte order mark is dropped), else what the octets look like.
pub fn guess(bytes: &[u8]) -> Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        // the escape of ISO-2022-JP's two-octet characters
        Ok(text) if !(text.is_ascii() && text.contains("\x1b$")) => Cow::Borrowed(text),
        Err(_) if mostly_utf8(bytes) => String::from_utf8_lossy(bytes),
        _ => looks_like(bytes).decode_without_bom_handling(bytes).0,
    }
}

fn looks_like(bytes: &[u8]) -> &'static Encoding {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes.get(..SAMPLE).unwrap_or(bytes), true);
    // UTF-8 beyond ASCII does not come here
    detector.guess(None, Utf8Detection::Deny)
}

/// Cut or damaged UTF-8: more well-formed sequences than stray bytes.
fn mostly_utf8(bytes: &[u8]) -> bool {
    let mut good = 0_usize;
    let mut bad = 0_usize;
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad
}

fn is_ascii_label(label: &str) -> bool {
    ["us-ascii", "ascii", "ansi_x3.4-1968"].iter().any(|known| label.eq_ignore_ascii_case(known))
}

/// UTF-7, IBM850 and others that browsers do not know but old mail holds.
fn by_rarer_label<'a>(bytes: &'a [u8], label: &str) -> Decoded<'a> {
    let known = mail_parser::decoders::charsets::map::charset_decoder(label.as_bytes());
    match known.map(|decoder| decoder(bytes)) {
        Some(text) if bytes.is_empty() || text.chars().any(|c| c != '\u{fffd}') => Decoded { text: Cow::Owned(text), unknown_label: false },
        _ => Decoded { text: guess(bytes), unknown_label: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_guesses() {
        for (bytes, label, expect) in [
            (&b"caf\xc3\xa9"[..], None, "café"),
            (b"caf\xe9", None, "café"),
            (b"caf\xe9", Some("utf-8"), "café"),
            (b"\xcf\xf0\xe8\xe2\xe5\xf2, \xe4\xf0\xf3\xe3!", None, "Привет, друг!"),
            (b"\xf0\xd2\xc9\xd7\xc5\xd4, \xcb\xc1\xcb \xc4\xc5\xcc\xc1?", None, "Привет, как дела?"),
            (b"\x93\xfa\x96\x7b\x8c\xea\x82\xcc\x83\x81\x81\x5b\x83\x8b", None, "日本語のメール"),
            (b"\xc4\xe3\xba\xc3\xa3\xac\xca\xc0\xbd\xe7", Some("us-ascii"), "你好，世界"),
            (b"za\xbf\xf3\xb3\xe6 g\xea\x9cl\xb9 ja\x9f\xf1", None, "zażółć gęślą jaźń"),
            (b"\x1b$B$3$l\x1b(B", None, "これ"),
            (b"\x1b[31m\x1b$x", None, "\x1b[31m\x1b$x"),
            ("gr\u{fc}\u{df} \x1b$B".as_bytes(), Some("utf-8"), "gr\u{fc}\u{df} \x1b$B"),
            (b"caf\xc3\xa9", Some("us-ascii"), "café"),
            (b"\xef\xbb\xbfcaf\xc3\xa9", Some("UTF-8"), "café"),
            (b"\xe9", Some("iso-8859-1"), "é"),
            (b"\xcf\xf0\xe8", Some("windows-1251"), "При"),
            (b"\x1b$B$3$l\x1b(B", Some("iso-2022-jp"), "これ"),
            (b"\xc4\xe3", Some("gb2312"), "你"),
            (b"Hi +AOk-", Some("utf-7"), "Hi é"),
            (b"plain", Some("x-no-such-charset"), "plain"),
            (b"\x1b$)C\x0e!!", Some("iso-2022-kr"), "\x1b$)C\x0e!!"),
        ] {
            assert_eq!(decode(bytes, label).text, expect, "{label:?}");
        }
        assert!(decode(b"x", Some("x-no-such-charset")).unknown_label);
    }

    #[test]
    fn a_cut_utf8_text_stays_utf8() {
        assert_eq!(guess("日本語".as_bytes().split_last().unwrap().1), "日本\u{fffd}");
    }
}
