//! Address lists (RFC 5322 3.4) and message ids. mail-parser reads the lists; before it sees them, encoded
//! words are decoded here, because it cuts characters that two words share.

use std::borrow::Cow;

use super::charset;
use super::field::{self, Field, Piece};
use crate::mail::Address;
use mail_parser::parsers::MessageStream;
use mail_parser::{Address as Parsed, HeaderValue};

/// Bytes of an address field that are read.
const MAX_BYTES: usize = 128 * 1024;
/// References kept of one message.
const MAX_REFERENCES: usize = 100;
/// A longer Message-ID is no use to anybody (RFC 5322 2.1.1 allows a line of 998).
const MAX_ID: usize = 998;

/// Reads an address field. Groups are flattened to their members; an empty group keeps its name.
pub fn parse(found: &Field<'_>) -> Vec<Address> {
    let unfolded = found.unfolded();
    let value = charset::guess(&unfolded);
    let value = value.get(..value.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
    let plain = if value.contains("=?") { Cow::Owned(without_words(value)) } else { Cow::Borrowed(value) };
    plainly(&plain).unwrap_or_else(|| strictly(&plain))
}

/// A list of nothing but `name <address>`, `"name" <address>` and `address`, as nearly all are; None for any other.
fn plainly(value: &str) -> Option<Vec<Address>> {
    let mut list = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_ascii_start();
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (name, after) = quoted.split_once('"')?;
                (name, Some(after.strip_prefix(' ')?).filter(|after| after.starts_with('<'))?)
            }
            None => rest.split_at(rest.find(['<', ',']).unwrap_or(rest.len())),
        };
        let (name, address, after) = match after.strip_prefix('<') {
            Some(inner) => {
                let (address, after) = inner.split_once('>')?;
                (name.trim_ascii_end(), address, after)
            }
            None => ("", name.trim_ascii_end(), after),
        };
        let is_plain_name = !name.contains(|c: char| c.is_control() || "\\\"()<>@:;=[]".contains(c));
        if !is_plain_name || !is_plain_address(address) {
            return None;
        }
        list.push(tidied(name, address));
        let after = after.trim_ascii_start();
        rest = match after.strip_prefix(',') {
            Some(next) => next,
            None => return after.is_empty().then_some(list),
        };
    }
}

/// `local@domain` of letters, digits and what needs no quotes.
fn is_plain_address(text: &str) -> bool {
    let is_atom = |text: &str, more: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.as_bytes().contains(&byte))
    };
    text.split_once('@').is_some_and(|(local, domain)| is_atom(local, "!#$%&*+-/^_`{|}~.") && is_atom(domain, "-."))
}

/// By mail-parser, which reads everything.
fn strictly(plain: &str) -> Vec<Address> {
    let mut plain = plain.to_owned();
    plain.retain(|c| !matches!(c, '\r' | '\n'));
    plain.push('\n');
    match MessageStream::new(plain.as_bytes()).parse_address() {
        HeaderValue::Address(Parsed::List(list)) => list.iter().map(address).collect(),
        HeaderValue::Address(Parsed::Group(groups)) => groups
            .iter()
            .flat_map(|group| {
                let empty = group.addresses.is_empty().then(|| Address::new(tidy(group.name.as_deref().unwrap_or_default()), ""));
                empty.filter(|group| !group.name.is_empty()).into_iter().chain(group.addresses.iter().map(address))
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn address(parsed: &mail_parser::Addr<'_>) -> Address {
    let address = parsed.address().unwrap_or_default().chars().filter(|c| !c.is_control()).collect::<String>();
    tidied(parsed.name().unwrap_or_default(), address.trim())
}

fn tidied(name: &str, address: &str) -> Address {
    let name = tidy(name);
    // "'ada@x'" <ada@x>: quotes some clients add
    let bare = name.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')).map(str::to_owned);
    let name = bare.unwrap_or(name);
    if name == address { Address::new("", address) } else { Address { name, address: address.to_owned() } }
}

/// One line, single blanks, no controls: a name must not be able to end a header line when it is answered.
fn tidy(name: &str) -> String {
    let is_tidy = !name.starts_with(' ') && !name.ends_with(' ') && !name.contains("  ");
    if is_tidy && name.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return name.to_owned();
    }
    let spaced: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Rewrites encoded words as quoted strings. Inside `<…>` they stay: an address must not be made of them.
fn without_words(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut place = Place::default();
    for piece in field::pieces(value) {
        match piece {
            Piece::Plain(text) => {
                place.walk(text);
                out.push_str(text);
            }
            Piece::Decoded(text) if place.quoted || place.comment > 0 => {
                escape_into(&mut out, &text);
            }
            Piece::Decoded(text) => {
                // mail-parser puts no blank between a word and the quoted string after it
                let follows_word = out.trim_end().chars().next_back().is_some_and(|c| !",:;<>".contains(c));
                out.push('"');
                if follows_word {
                    out.push(' ');
                }
                escape_into(&mut out, &text);
                out.push('"');
            }
        }
    }
    out
}

/// Where in an address list a scan stands.
#[derive(Default)]
struct Place {
    quoted: bool,
    comment: u32,
}

impl Place {
    fn walk(&mut self, text: &str) {
        let mut escaped = false;
        for c in text.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' if self.comment == 0 => self.quoted = !self.quoted,
                '(' if !self.quoted => self.comment += 1,
                ')' if !self.quoted => self.comment = self.comment.saturating_sub(1),
                _ => {}
            }
        }
    }
}

/// The characters that mean something to the parser become look-alikes or blanks; names need none of them.
fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push('\''),
            '\\' => out.push('/'),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
}

/// The ids of a Message-ID, In-Reply-To or References field, without brackets.
pub fn ids(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('<') {
        let (id, after) = after.split_once('>').unwrap_or((after, ""));
        // blanks inside an id come from folding
        push_id(&mut found, id.split_whitespace().collect());
        rest = after;
    }
    if found.is_empty() {
        value.split_whitespace().filter(|word| word.contains('@')).for_each(|word| push_id(&mut found, word.to_owned()));
    }
    found
}

fn push_id(found: &mut Vec<String>, id: String) {
    if !id.is_empty() && id.len() <= MAX_ID && !id.chars().any(char::is_control) {
        found.push(id);
    }
}

/// References and In-Reply-To joined: each once, oldest first, the root and the newest where there are too many.
pub fn references(references: Vec<String>, in_reply_to: Vec<String>, own: Option<&str>) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    // In-Reply-To holds the parent; where References does not name it, the parent is the newest
    let mut joined: Vec<String> =
        references.into_iter().chain(in_reply_to).filter(|id| Some(id.as_str()) != own && seen.insert(id.clone())).collect();
    if joined.len() > MAX_REFERENCES {
        joined.drain(1..=joined.len() - MAX_REFERENCES);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(raw: &str) -> Vec<(String, String)> {
        let found = Field { name: b"To", raw: raw.as_bytes() };
        parse(&found).into_iter().map(|a| (a.name, a.address)).collect()
    }

    #[test]
    fn address_lists_as_they_come() {
        for (raw, expect) in [
            ("a@b.c", vec![("", "a@b.c")]),
            ("Ada <a@b.c>, \"B, C\" <d@e.f>", vec![("Ada", "a@b.c"), ("B, C", "d@e.f")]),
            ("a@b.c (Ada)", vec![("Ada", "a@b.c")]),
            ("=?utf-8?B?w6Q=?= =?utf-8?Q?b?= <a@b.c>", vec![("äb", "a@b.c")]),
            ("=?utf-8?Q?J=C3?= =?utf-8?Q?=BCrgen?= <a@b.c>", vec![("Jürgen", "a@b.c")]),
            ("Max =?utf-8?Q?M=C3=BCller=2C_X?= <a@b.c>", vec![("Max Müller, X", "a@b.c")]),
            ("\"=?utf-8?Q?M=C3=BCller?=\" <a@b.c>", vec![("Müller", "a@b.c")]),
            ("=?utf-8?q?x=0d=0aBcc:_e=40e.e?= <a@b.c>", vec![("x Bcc: e@e.e", "a@b.c")]),
            ("team: Ada <a@b.c>, d@e.f;", vec![("Ada", "a@b.c"), ("", "d@e.f")]),
            ("undisclosed-recipients:;", vec![("undisclosed-recipients", "")]),
            ("'a@b.c' <a@b.c>", vec![("", "a@b.c")]),
            ("<a@b.c>", vec![("", "a@b.c")]),
            ("", vec![]),
        ] {
            let expect: Vec<(String, String)> = expect.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
            assert_eq!(list(raw), expect, "{raw}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_plainly_is_what_is_read_strictly(
            value in "[ab1.é'\" -]{0,6}((\"[a, b'.é]{0,6}\" |[a.é'] )?<?[ab1.]{1,3}@[ab.-]{0,4}>? ?[, ]{0,2}[ab@\"<(:;=\\\\]{0,1}){0,3}"
        ) {
            if let Some(list) = plainly(&value) {
                proptest::prop_assert_eq!(list, strictly(&value));
            }
        }
    }

    #[test]
    fn plain_lists_are_read_plainly() {
        for value in ["a@b.c", "Ada B. C <a@b.c>, \"B, C\" <d@e.f>,x-y@z", "Zoë <a@b.c>", "<a@b.c>"] {
            assert_eq!(plainly(value).unwrap(), strictly(value), "{value}");
        }
        for value in ["", ",", "a@b (Ada)", "team: a@b;", "a b@c", "a@b c", "Ada", "<a@b> c", "\"a\"b <c@d>"] {
            assert_eq!(plainly(value), None, "{value}");
        }
    }

    #[test]
    fn floods_are_read_in_linear_time() {
        for unit in [";", "(", "a:", "\"", "<", "=?", "=?utf-8?q?", "a@b.c,"] {
            let raw = unit.repeat(1_000_000 / unit.len());
            list(&raw);
        }
    }

    #[test]
    fn ids_and_references() {
        assert_eq!(ids("<a@b>\t<c\n @d> junk"), ["a@b", "c@d"]);
        assert_eq!(ids("a@b c@d"), ["a@b", "c@d"]);
        assert_eq!(ids("your mail of Monday"), Vec::<String>::new());
        let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let kept = references(many, vec!["999".into(), "x".into()], None);
        assert_eq!((kept.len(), kept[0].as_str(), kept[99].as_str()), (100, "0", "x"));
    }
}
