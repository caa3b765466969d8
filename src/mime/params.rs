//! `value; name=value` fields: Content-Type and Content-Disposition (RFC 2045 5.1), with the continued and
//! percent-encoded parameters of RFC 2231 and what senders write instead of them.

use super::{charset, field};
use crate::mail::url::octets;

/// Parameters that are looked at; more is an attack.
const MAX_PARAMS: usize = 1000;

/// A structured value: lower-case, with its parameters in order, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structured {
    pub value: String,
    params: Vec<(String, String)>,
}

impl Structured {
    /// Parses an unfolded field value.
    pub fn parse(text: &str) -> Self {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        let value = strip_comment(value).trim();
        // "multipart/mixed boundary=x": the semicolon is forgotten often enough
        let (value, forgotten) = value.split_once(char::is_whitespace).filter(|(_, more)| more.contains('=')).unwrap_or((value, ""));
        let mut params = raw_params(forgotten);
        params.extend(raw_params(rest));
        Self { value: value.to_ascii_lowercase(), params: joined(params) }
    }

    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// `text/plain (comment)` to `text/plain`.
fn strip_comment(value: &str) -> &str {
    value.split('(').next().unwrap_or(value)
}

/// `name=value` pairs as written, names in lower case, quotes undone.
fn raw_params(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && out.len() < MAX_PARAMS {
        let (name, after) = match rest.find(['=', ';']) {
            Some(at) if rest.as_bytes().get(at) == Some(&b'=') => (rest.get(..at), rest.get(at + 1..)),
            Some(at) => {
                rest = rest.get(at + 1..).unwrap_or_default();
                continue;
            }
            None => break,
        };
        let (value, after) = param_value(after.unwrap_or_default());
        let name = name.unwrap_or_default().trim().to_ascii_lowercase();
        if !name.is_empty() {
            out.push((name, value));
        }
        rest = after;
    }
    out
}

/// A quoted string, or all up to the next `;` (names with unquoted blanks are common).
fn param_value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim_end().to_owned(), rest);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let rest = quoted.get(at + 1..).unwrap_or_default();
                let rest = rest.trim_start();
                return (value, rest.strip_prefix(';').unwrap_or(rest));
            }
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                // a path of a system that parts folders with `\`
                Some((_, other)) => value.extend(['\\', other]),
                None => {}
            },
            _ => value.push(c),
        }
    }
    (value, "")
}

/// One section of an RFC 2231 parameter.
struct Section {
    name: String,
    index: u32,
    encoded: bool,
    value: String,
}

fn joined(raw: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut plain: Vec<(String, String)> = Vec::new();
    let mut sections: Vec<Section> = Vec::new();
    for (name, value) in raw {
        match name.split_once('*') {
            None => plain.push((name, field::decode_words(&value))),
            Some((base, tail)) => {
                let encoded = tail.is_empty() || tail.ends_with('*');
                let index = tail.trim_end_matches('*').parse().unwrap_or(0);
                sections.push(Section { name: base.to_owned(), index, encoded, value });
            }
        }
    }
    sections.sort_by(|a, b| (&a.name, a.index).cmp(&(&b.name, b.index)));
    let mut extended: Vec<(String, String)> =
        sections.chunk_by(|a, b| a.name == b.name).filter_map(|group| Some((group.first()?.name.clone(), join_sections(group)))).collect();
    // the extended form wins over the plain one (RFC 2231 and RFC 6266 agree)
    extended.append(&mut plain);
    extended
}

fn join_sections(sections: &[Section]) -> String {
    let mut bytes = Vec::new();
    let mut label = None;
    for (at, section) in sections.iter().enumerate() {
        if !section.encoded {
            bytes.extend_from_slice(section.value.as_bytes());
            continue;
        }
        let mut value = section.value.as_str();
        // charset'language'text: only the first two apostrophes mean something
        if at == 0
            && let Some((charset, tail)) = value.split_once('\'')
            && let Some((_, text)) = tail.split_once('\'')
        {
            label = Some(charset);
            value = text;
        }
        bytes.append(&mut octets(value, "%"));
    }
    charset::decode(&bytes, label).text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_as_they_come() {
        for (text, name, expect) in [
            ("text/plain; charset=UTF-8", "charset", "UTF-8"),
            ("text/plain; charset=\"utf-8\" ; format=flowed", "format", "flowed"),
            ("a/b;  \"abc.pdf\"; filename= \"abc.pdf\"", "filename", "abc.pdf"),
            ("a; filename*=utf-8''O'Brien.txt", "filename", "O'Brien.txt"),
            ("a; filename*=iso-8859-1'en'%A3%20rates", "filename", "£ rates"),
            ("a; filename*0*=utf-8''%E2%98; filename*1*=%83; filename*2=.txt", "filename", "☃.txt"),
            ("a; filename*1=b; filename*0=a", "filename", "ab"),
            ("a; filename=x; filename*=utf-8''y", "filename", "y"),
            ("a; name=\"=?utf-8?Q?caf=C3=A9?=.txt\"", "name", "café.txt"),
            ("a; name=my file.pdf; x=y", "name", "my file.pdf"),
            ("a; name=\"a\\\"b;c\"", "name", "a\"b;c"),
            ("a; name=\"C:\\tmp\\x\"", "name", "C:\\tmp\\x"),
            ("a; name=\"open", "name", "open"),
        ] {
            assert_eq!(Structured::parse(text).param(name), Some(expect), "{text}");
        }
        assert_eq!(Structured::parse("Text/HTML (yes); x=1").value, "text/html");
    }
}
