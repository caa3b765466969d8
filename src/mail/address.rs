//! An address as a header carries it: a display name and an addr-spec (RFC 5322 3.4), decoded but not yet
//! cleaned for display; cleaning is [`super::text::DisplayText`]'s work. [`parse_list`] reads what people type.

use super::text::HeaderValue;

/// One mailbox of an address list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Address {
    /// Decoded display name, empty where there is none.
    pub name: String,
    /// `local@domain`, empty where the header was unreadable.
    pub address: String,
}

impl Address {
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: name.into(), address: address.into() }
    }

    /// What a narrow column shows: the name, else the address.
    pub fn short(&self) -> &str {
        if self.name.trim().is_empty() { &self.address } else { &self.name }
    }

    /// As it is typed in an address field: [`parse_list`] reads it back. Controls in the name become blanks.
    pub fn typed(&self) -> String {
        let name = HeaderValue::new(&self.name);
        let name = name.as_str();
        if name.is_empty() {
            return self.address.clone();
        }
        if name.contains(['(', ')', '<', '>', '[', ']', ':', ';', '@', '\\', ',', '"']) {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            return format!("\"{escaped}\" <{}>", self.address);
        }
        format!("{name} <{}>", self.address)
    }

    /// The same mailbox, whatever the case (RFC 5321 2.4 lets the local part differ by case; nobody's does).
    pub fn is_same(&self, other: &str) -> bool {
        self.address.to_lowercase() == other.to_lowercase()
    }

    /// Mail to `other` reaches this address: the same mailbox, or a "+detail" of it (RFC 5233).
    pub fn receives(&self, other: &str) -> bool {
        self.is_same(other) || without_detail(other).is_some_and(|bare| self.is_same(&bare))
    }
}

/// `ada+lists@x` to `ada@x`.
fn without_detail(address: &str) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let (user, _) = local.split_once('+')?;
    (!user.is_empty()).then(|| format!("{user}@{domain}"))
}

/// A list as it is typed: readable back by [`parse_list`].
pub fn typed_list(list: &[Address]) -> String {
    list.iter().map(Address::typed).collect::<Vec<_>>().join(", ")
}

/// Longest addr-spec that is taken (RFC 5321 4.5.3.1 allows 64 + 1 + 255 octets).
const MAX_ADDRESS: usize = 320;

/// Whether `text` is an addr-spec (RFC 5322 3.4.1). Letters of all scripts are taken (RFC 6532), and dots where they should
/// not be in the local part, because such addresses exist.
pub fn is_addr_spec(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    text.len() <= MAX_ADDRESS && is_local_part(local) && is_domain(domain)
}

fn is_local_part(local: &str) -> bool {
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        let mut escaped = false;
        let is_fine = quoted.chars().all(|c| {
            let fine = !c.is_control() && !is_unseen(c) && (escaped || c != '"');
            escaped = c == '\\' && !escaped;
            fine
        });
        return is_fine && !escaped;
    }
    !local.is_empty() && local.chars().all(|c| is_atext(c) || c == '.')
}

/// Characters of an atom (RFC 5322 3.2.3, RFC 6532 3.2).
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_control() && !c.is_whitespace() && !is_unseen(c))
}

/// Characters that let one address look like another: no address needs them.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return !literal.is_empty() && literal.chars().all(|c| c.is_ascii_alphanumeric() || ".:-".contains(c));
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| is_atext(c) && (!c.is_ascii() || c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    !domain.is_empty() && domain.split('.').all(is_label)
}

/// Reads an address list as people type it: `Ada <a@b.c>, d@e.f`, quoted names, comments, groups (flattened to their
/// members), `;` for `,`. The error is the place of what can't be read, in characters, and a sentence about it.
pub fn parse_list(text: &str) -> Result<Vec<Address>, (usize, String)> {
    entries(text).into_iter().collect()
}

/// What of a list can be read.
pub fn readable(text: &str) -> Vec<Address> {
    entries(text).into_iter().filter_map(Result::ok).collect()
}

fn entries(text: &str) -> Vec<Result<Address, (usize, String)>> {
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0, in_group: false };
    let mut out = Vec::new();
    while scanner.at < scanner.chars.len() {
        let start = scanner.skip_blanks();
        let entry = scanner.entry();
        let piece: String = scanner.chars.get(start..scanner.at).unwrap_or_default().iter().collect();
        scanner.separator();
        match entry.address() {
            Ok(address) => out.extend(address.map(Ok)),
            Err(why) => out.push(Err((start, format!("“{}” {why}", HeaderValue::new(&piece).as_str())))),
        }
    }
    out
}

/// Walks a list; every method leaves `at` behind what it took.
struct Scanner {
    chars: Vec<char>,
    at: usize,
    in_group: bool,
}

/// What stands between two commas.
#[derive(Default)]
struct Entry {
    /// The words of a display name.
    phrase: String,
    /// The same as written, where it is an address without brackets.
    bare: String,
    comment: String,
    angle: Option<String>,
    /// A quote, bracket or comment without its end.
    is_open: bool,
    /// Words after the address in brackets.
    has_tail: bool,
}

impl Entry {
    /// None where there is nothing.
    fn address(self) -> Result<Option<Address>, &'static str> {
        if self.is_open {
            return Err("has a quotation mark or bracket without its end");
        }
        let (name, address) = match self.angle {
            Some(angle) => (if self.phrase.is_empty() { self.comment } else { self.phrase }, angle),
            None if self.bare.is_empty() && self.comment.is_empty() => return Ok(None),
            None => (self.comment, self.bare),
        };
        if self.has_tail || !is_addr_spec(&address) {
            return Err("is no mail address");
        }
        // blanks in quotes are as good as others
        let name = name.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        Ok(Some(Address { name, address }))
    }

    /// A word of a display name, parted from the one before by a blank where there was one.
    fn push_word(&mut self, word: &str, raw: &str, spaced: bool) {
        self.has_tail |= self.angle.is_some();
        for (text, piece) in [(&mut self.phrase, word), (&mut self.bare, raw)] {
            if spaced && !text.is_empty() {
                text.push(' ');
            }
            text.push_str(piece);
        }
    }
}

impl Scanner {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip_blanks(&mut self) -> usize {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        self.at
    }

    /// Takes the comma, or the end of a group.
    fn separator(&mut self) {
        if self.peek() == Some(';') {
            self.in_group = false;
        }
        self.at += 1;
    }

    fn entry(&mut self) -> Entry {
        let mut entry = Entry::default();
        let mut spaced = false;
        while let Some(c) = self.peek() {
            match c {
                ',' | ';' => break,
                c if is_blank(c) => {
                    self.at += 1;
                    spaced = true;
                    continue;
                }
                ':' if !self.in_group && entry.angle.is_none() && !entry.bare.contains('@') => {
                    self.at += 1;
                    self.in_group = true;
                    entry = Entry::default();
                }
                '"' => {
                    let from = self.at;
                    let (text, closed) = self.delimited('"');
                    let raw: String = self.chars.get(from..self.at).unwrap_or_default().iter().collect();
                    entry.push_word(&text, &raw, spaced);
                    entry.is_open |= !closed;
                }
                '(' => {
                    let (text, closed) = self.delimited(')');
                    entry.comment = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    entry.is_open |= !closed;
                    // a comment parts nothing
                    continue;
                }
                '<' => {
                    let (text, closed) = self.angle();
                    entry.is_open |= !closed;
                    entry.has_tail |= entry.angle.is_some();
                    entry.angle = Some(text);
                }
                c => {
                    self.at += 1;
                    entry.push_word(c.encode_utf8(&mut [0; 4]), c.encode_utf8(&mut [0; 4]), spaced);
                }
            }
            spaced = false;
        }
        entry
    }

    /// A quoted string or comment, escapes undone; comments may be nested.
    fn delimited(&mut self, end: char) -> (String, bool) {
        let start = self.peek();
        self.at += 1;
        let mut text = String::new();
        let mut depth = 0_u32;
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                c if c == end && depth == 0 => return (text, true),
                c => {
                    if end == ')' {
                        depth = if c == end { depth - 1 } else { depth + u32::from(Some(c) == start) };
                    }
                    text.push(c);
                }
            }
        }
        self.at = self.at.min(self.chars.len());
        (text, false)
    }

    /// What stands between `<` and `>`; quotes may hold a `>`.
    fn angle(&mut self) -> (String, bool) {
        self.at += 1;
        let mut text = String::new();
        let mut quoted = false;
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '>' if !quoted => return (text.trim().to_owned(), true),
                '\\' if quoted => {
                    text.push(c);
                    text.extend(self.peek());
                    self.at += 1;
                }
                '"' => {
                    quoted = !quoted;
                    text.push(c);
                }
                c => text.push(c),
            }
        }
        self.at = self.at.min(self.chars.len());
        (text, false)
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse_list(text).unwrap().into_iter().map(|a| (a.name, a.address)).collect()
    }

    #[test]
    fn lists_as_people_type_them() {
        for (text, expect) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("ada@x.example", vec![("", "ada@x.example")]),
            ("Ada Lovelace <ada@x.example>, bob@y.example", vec![("Ada Lovelace", "ada@x.example"), ("", "bob@y.example")]),
            ("\"Raman, Priya\" <p@x.example>", vec![("Raman, Priya", "p@x.example")]),
            ("\"a \\\"b\\\" c\" <p@x.example>", vec![("a \"b\" c", "p@x.example")]),
            ("ada@x.example (Ada)", vec![("Ada", "ada@x.example")]),
            ("<ada@x.example>", vec![("", "ada@x.example")]),
            ("team: Ada <a@b.c>, d@e.f; g@h.i", vec![("Ada", "a@b.c"), ("", "d@e.f"), ("", "g@h.i")]),
            ("undisclosed-recipients:;", vec![]),
            ("a@b.c;\n d@e.f", vec![("", "a@b.c"), ("", "d@e.f")]),
            ("\"a b\"@c.d", vec![("", "\"a b\"@c.d")]),
            ("x <\"a>b\"@c.d>", vec![("x", "\"a>b\"@c.d")]),
            ("a..b@docomo.example, a@[192.0.2.1]", vec![("", "a..b@docomo.example"), ("", "a@[192.0.2.1]")]),
            ("Jürgen <jürgen@bücher.example>", vec![("Jürgen", "jürgen@bücher.example")]),
            ("J. R. Doe (x (y) z) <j@d.e>", vec![("J. R. Doe", "j@d.e")]),
        ] {
            let expect: Vec<(String, String)> = expect.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
            assert_eq!(pairs(text), expect, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_place() {
        for (text, at) in [
            ("ada", 0),
            ("a@b.c, bob", 7),
            ("é@x.y,  <a b@c.d>", 8),
            ("Ada a@b.c", 0),
            ("a@b.c\nd@e.f", 0),
            ("a@b.c, \"open <x@y.z>", 7),
            ("a@b@c.d", 0),
            ("<a@b.c", 0),
            ("<a@b.c> <d@e.f>", 0),
            ("a@", 0),
            ("@b", 0),
            ("a@-b.c", 0),
            ("a@b..c", 0),
            ("a@b.c\u{202e}", 0),
            ("<a@b.c\r\nBcc: d@e.f>", 0),
        ] {
            let (place, sentence) = parse_list(text).unwrap_err();
            assert_eq!(place, at, "{text}: {sentence}");
            assert!(!sentence.contains(['\r', '\n']));
        }
        assert_eq!(readable("bob, a@b.c").len(), 1);
    }

    #[test]
    fn own_addresses_are_known_by_case_and_detail() {
        let own = Address::new("", "ada@x.example");
        for (other, expect) in [
            ("ADA@X.example", true),
            ("ada+lists@x.example", true),
            ("ada+@x.example", true),
            ("adam@x.example", false),
            ("+ada@x.example", false),
        ] {
            assert_eq!(own.receives(other), expect, "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn typed_addresses_are_read_back(name in ".{0,30}", local in "[a-z.+_-]{1,20}", domain in "[a-z]{1,8}(\\.[a-z]{2,5}){0,3}") {
            let name = HeaderValue::new(&name).as_str().split_whitespace().collect::<Vec<_>>().join(" ");
            let wanted = vec![Address::new(name, format!("{local}@{domain}")), Address::new("", "b@c.d")];
            assert_eq!(parse_list(&typed_list(&wanted)), Ok(wanted));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a@. ,;:<>\"()\\\\\r\n\u{e9}]{0,60}") {
            for address in readable(&text) {
                assert!(is_addr_spec(&address.address), "{address:?}");
            }
        }
    }
}
