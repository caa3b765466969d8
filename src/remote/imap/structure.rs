//! BODYSTRUCTURE to the list of leaf parts, by imap-proto. It recurses and is particular, so it gets only
//! what passed the framer's depth limit, repaired where servers are known to differ; what it refuses is one
//! opaque part.

use imap_proto::{AttributeValue, BodyContentCommon, BodyContentSinglePart, BodyParams, BodyStructure, ContentEncoding, Response};

use super::value::{Reader, unescape};
use crate::mail::page::Part;
use crate::mail::url::percent_decoded;

/// The first text part, as far as it tells where the text ends in the raw message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structure {
    pub parts: Vec<Part>,
    /// Octets, as transferred, of all parts up to and with the first text part.
    pub text_end: Option<u64>,
}

/// Reads a raw BODYSTRUCTURE value.
pub fn structure(raw: &[u8], too_deep: bool) -> Structure {
    let readable = if too_deep { None } else { wrap(raw) };
    let Some(parts) = readable.as_deref().and_then(parse) else {
        let opaque =
            Part { number: "1".into(), content_type: "application/octet-stream".into(), name: None, size: 0, is_attachment: false };
        return Structure { parts: vec![opaque], text_end: None };
    };
    parts
}

fn parse(wrapped: &[u8]) -> Option<Structure> {
    let Ok((_, Response::Fetch(_, attributes))) = Response::parse(wrapped) else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::BodyStructure(body) => {
            let mut found = Found::default();
            found.collect(body, "");
            Some(found.structure)
        }
        _ => None,
    })
}

/// A response that imap-proto takes; `()` becomes NIL, which some servers write for no parameters. None: there are words in it
/// that are neither NIL nor numbers. They could be the name of another item, and imap-proto panics at `INTERNALDATE NIL`.
fn wrap(raw: &[u8]) -> Option<Vec<u8>> {
    let mut wrapped = b"* 1 FETCH (BODYSTRUCTURE ".to_vec();
    let mut reader = Reader::new(raw);
    while let Some(byte) = reader.peek() {
        let rest = reader.rest();
        if matches!(byte, b'"' | b'{' | b'~') && reader.string().is_some() {
            let used = rest.len() - reader.rest().len();
            wrapped.extend_from_slice(rest.get(..used).unwrap_or_default());
        } else if rest.starts_with(b"()") {
            wrapped.extend_from_slice(b"NIL");
            reader = Reader::new(rest.get(2..).unwrap_or_default());
        } else if b"() 0123456789NILnil".contains(&byte) {
            wrapped.push(byte);
            reader = Reader::new(rest.get(1..).unwrap_or_default());
        } else {
            return None;
        }
    }
    wrapped.extend_from_slice(b")\r\n");
    Some(wrapped)
}

#[derive(Default)]
struct Found {
    structure: Structure,
    octets: u64,
}

impl Found {
    /// Depth is bounded by the framer, so this may recurse.
    fn collect(&mut self, body: &BodyStructure<'_>, number: &str) {
        let leaf = if number.is_empty() { "1" } else { number };
        match body {
            BodyStructure::Multipart { bodies, .. } => {
                for (index, body) in bodies.iter().enumerate() {
                    let child = if number.is_empty() { format!("{}", index + 1) } else { format!("{number}.{}", index + 1) };
                    self.collect(body, &child);
                }
            }
            BodyStructure::Basic { common, other, .. } | BodyStructure::Text { common, other, .. } => self.leaf(leaf, common, other),
            BodyStructure::Message { common, other, body, .. } => {
                self.leaf(leaf, common, other);
                // Its own parts lie inside the octets just counted.
                let octets = self.octets;
                match body.as_ref() {
                    BodyStructure::Multipart { .. } => self.collect(body, leaf),
                    _ => self.collect(body, &format!("{leaf}.1")),
                }
                self.octets = octets;
            }
        }
    }

    fn leaf(&mut self, number: &str, common: &BodyContentCommon<'_>, other: &BodyContentSinglePart<'_>) {
        self.octets += u64::from(other.octets);
        let size = decoded_size(u64::from(other.octets), &other.transfer_encoding);
        let part = part(number, common, size);
        if self.structure.text_end.is_none() && !part.is_attachment {
            self.structure.text_end = Some(self.octets);
        }
        self.structure.parts.push(part);
    }
}

fn part(number: &str, common: &BodyContentCommon<'_>, size: u64) -> Part {
    let content_type = format!("{}/{}", common.ty.ty, common.ty.subtype).to_ascii_lowercase();
    let disposition = common.disposition.as_ref();
    let name = disposition.and_then(|d| parameter(&d.params, "filename")).or_else(|| parameter(&common.ty.params, "name"));
    let attached = disposition.is_some_and(|d| d.ty.eq_ignore_ascii_case("attachment"));
    let is_text = matches!(content_type.as_str(), "text/plain" | "text/html");
    Part { number: number.into(), content_type, is_attachment: attached || !is_text || name.is_some(), name, size }
}

/// A parameter, also in RFC 2231's pieces (`filename*0*=`); the value is decoded as far as ASCII and UTF-8 go.
fn parameter(params: &BodyParams<'_>, name: &str) -> Option<String> {
    let params = params.as_ref()?;
    let value = |wanted: &str| params.iter().find(|(key, _)| key.eq_ignore_ascii_case(wanted)).map(|(_, value)| clean(value));
    if let Some(plain) = value(name) {
        return Some(plain);
    }
    if let Some(extended) = value(&format!("{name}*")) {
        return Some(percent_decoded(extended.splitn(3, '\'').last().unwrap_or_default()));
    }
    let mut joined = String::new();
    for index in 0..params.len() {
        let piece = value(&format!("{name}*{index}")).or_else(|| {
            let encoded = value(&format!("{name}*{index}*"))?;
            let bare = if index == 0 { encoded.splitn(3, '\'').last().unwrap_or_default().to_owned() } else { encoded };
            Some(percent_decoded(&bare))
        });
        match piece {
            Some(piece) => joined.push_str(&piece),
            None => break,
        }
    }
    (!joined.is_empty()).then_some(joined)
}

/// imap-proto leaves the backslashes of quoted strings in.
fn clean(value: &str) -> String {
    String::from_utf8_lossy(&unescape(value.as_bytes())).into_owned()
}

/// Base64 in lines of 76 and CRLF carries 57 octets in 78; the others are nearly as large as their text.
fn decoded_size(octets: u64, encoding: &ContentEncoding<'_>) -> u64 {
    if matches!(encoding, ContentEncoding::Base64) { octets / 78 * 57 + octets % 78 * 3 / 4 } else { octets }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 120 4 NIL NIL NIL NIL)"#;

    fn parts(raw: &str) -> Vec<(String, String, Option<String>, bool)> {
        let parts = structure(raw.as_bytes(), false).parts;
        parts.into_iter().map(|part| (part.number, part.content_type, part.name, part.is_attachment)).collect()
    }

    #[test]
    fn leaves_are_numbered_as_sections() {
        let pdf = r#"("APPLICATION" "PDF" ("NAME" "a \"b\".pdf") NIL NIL "BASE64" 7800 NIL ("ATTACHMENT" ("FILENAME*" "utf-8''%C3%A4.pdf")) NIL NIL)"#;
        let html = r#"("TEXT" "HTML" NIL NIL NIL "7BIT" 300 4 NIL NIL NIL NIL)"#;
        let raw = format!(r#"(({TEXT}{html} "ALTERNATIVE" ("BOUNDARY" "x") NIL NIL NIL){pdf} "MIXED" ("BOUNDARY" "y") NIL NIL NIL)"#);
        assert_eq!(
            parts(&raw),
            [
                ("1.1".into(), "text/plain".into(), None, false),
                ("1.2".into(), "text/html".into(), None, false),
                ("2".into(), "application/pdf".into(), Some("ä.pdf".into()), true),
            ]
        );
        let whole = structure(raw.as_bytes(), false);
        assert_eq!(whole.text_end, Some(120));
        assert_eq!(whole.parts[2].size, 5700);
        assert_eq!(parts(TEXT), [("1".into(), "text/plain".into(), None, false)]);
    }

    #[test]
    fn a_message_inside_is_a_part_and_has_parts() {
        let envelope = r#"(NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL)"#;
        let message = |body: &str| format!(r#"("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 900 {envelope} {body} 20 NIL NIL NIL NIL)"#);
        let raw = format!(
            r#"({TEXT}{}{} "MIXED" NIL NIL NIL NIL)"#,
            message(TEXT),
            message(&format!(r#"({TEXT}{TEXT} "MIXED" NIL NIL NIL NIL)"#))
        );
        let numbers: Vec<String> = parts(&raw).into_iter().map(|part| part.0).collect();
        assert_eq!(numbers, ["1", "2", "2.1", "3", "3.1", "3.2"]);
    }

    #[test]
    fn empty_parameter_lists_and_escapes_are_repaired() {
        let raw = r#"("APPLICATION" "X-()" () NIL "()" "7BIT" 5 NIL ("attachment" ("filename" "a \"q\".txt")) NIL NIL)"#;
        assert_eq!(parts(raw), [("1".into(), "application/x-()".into(), Some("a \"q\".txt".into()), true)]);
    }

    #[test]
    fn what_is_unreadable_or_too_deep_is_one_opaque_part() {
        let deep = "(".repeat(10_000) + &")".repeat(10_000);
        let two = format!("{TEXT} INTERNALDATE NIL");
        for (raw, too_deep) in [(deep.as_str(), true), ("(\"TEXT\"", false), ("NIL", false), ("", false), (&two, false)] {
            let structure = structure(raw.as_bytes(), too_deep);
            assert_eq!((structure.parts.len(), structure.text_end), (1, None), "{} octets", raw.len());
        }
    }

    #[test]
    fn the_deepest_allowed_nesting_does_not_overflow_a_small_stack() {
        let levels = super::super::frame::MAX_DEPTH - 2;
        let raw = "(".repeat(levels) + TEXT + &r#" "MIXED" NIL NIL NIL NIL)"#.repeat(levels);
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || structure(raw.as_bytes(), false)).unwrap();
        assert_eq!(thread.join().unwrap().text_end, Some(120));
    }
}
