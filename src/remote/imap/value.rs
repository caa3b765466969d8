//! Reads the values that responses are made of (RFC 9051 4): atoms, numbers, strings, lists. Never
//! recurses, so nesting can't exhaust the stack; lenient where servers are loose.

use std::borrow::Cow;

/// A cursor over one response.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Takes `byte` (after spaces) if it comes next.
    pub fn eat(&mut self, byte: u8) -> bool {
        self.spaces();
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    /// Takes everything up to the end of the line.
    pub fn text(&mut self) -> &'a [u8] {
        self.spaces();
        let rest = self.rest();
        self.at = self.bytes.len();
        rest.trim_ascii_end()
    }

    /// An atom; one that holds `[` runs to its `]` (`BODY[HEADER.FIELDS (DATE)]<0>`).
    pub fn atom(&mut self) -> Option<&'a [u8]> {
        self.spaces();
        let start = self.at;
        let mut bracket = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'\r' | b'\n' => break,
                b'[' => bracket = true,
                b']' => bracket = false,
                b' ' | b'(' | b')' | b'"' if !bracket => break,
                _ => {}
            }
            self.at += 1;
        }
        (self.at > start).then(|| self.bytes.get(start..self.at)).flatten()
    }

    /// An atom in which `[` is a character like others (flags).
    fn word(&mut self) -> Option<&'a [u8]> {
        self.spaces();
        let length = self.rest().iter().take_while(|byte| !b"\r\n ()\"".contains(byte)).count();
        let word = self.rest().get(..length)?;
        self.at += length;
        (length > 0).then_some(word)
    }

    /// A number; what follows the digits stays.
    pub fn number(&mut self) -> Option<u64> {
        self.spaces();
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = std::str::from_utf8(self.rest().get(..digits)?).ok()?;
        let number = text.parse().ok()?;
        self.at += digits;
        Some(number)
    }

    /// A quoted string (escapes undone) or a literal.
    pub fn string(&mut self) -> Option<Cow<'a, [u8]>> {
        self.spaces();
        match self.peek()? {
            b'"' => self.quoted(),
            b'{' | b'~' => self.literal().map(Cow::Borrowed),
            _ => None,
        }
    }

    /// A string, an atom, or nothing for NIL.
    pub fn nstring(&mut self) -> Option<Option<Cow<'a, [u8]>>> {
        if let Some(string) = self.string() {
            return Some(Some(string));
        }
        let atom = self.atom()?;
        Some((!atom.eq_ignore_ascii_case(b"NIL")).then_some(Cow::Borrowed(atom)))
    }

    /// A string or an atom, NIL being a word like others.
    pub fn astring(&mut self) -> Option<Cow<'a, [u8]>> {
        self.string().or_else(|| self.atom().map(Cow::Borrowed))
    }

    /// A parenthesized list of words, as text (not UTF-8: lossy). NIL is an empty one.
    pub fn words(&mut self) -> Option<Vec<String>> {
        if !self.eat(b'(') {
            return self.atom().filter(|atom| atom.eq_ignore_ascii_case(b"NIL")).map(|_| Vec::new());
        }
        let mut words = Vec::new();
        while !self.eat(b')') {
            let word = self.string().or_else(|| self.word().map(Cow::Borrowed))?;
            words.push(String::from_utf8_lossy(&word).into_owned());
        }
        Some(words)
    }

    /// Any value at all, raw.
    pub fn value(&mut self) -> Option<&'a [u8]> {
        self.spaces();
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'(' => {
                    depth += 1;
                    self.at += 1;
                }
                b')' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b' ' => self.at += 1,
                b'"' | b'{' | b'~' if self.clone().string().is_some() => {
                    self.string()?;
                }
                _ => {
                    self.atom()?;
                }
            }
            if depth == 0 {
                return self.bytes.get(start..self.at);
            }
        }
    }

    fn quoted(&mut self) -> Option<Cow<'a, [u8]>> {
        let inner = self.rest().get(1..)?;
        let mut escaped = false;
        let mut any = false;
        let end = inner.iter().position(|byte| {
            let ends = !escaped && matches!(byte, b'"' | b'\r' | b'\n');
            escaped = !escaped && *byte == b'\\';
            any |= escaped;
            ends
        })?;
        let raw = inner.get(..end)?;
        if inner.get(end) != Some(&b'"') {
            return None;
        }
        self.at += end + 2;
        Some(if any { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) })
    }

    fn literal(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let head = if rest.starts_with(b"~{") { 2 } else { 1 };
        let digits = rest.get(head..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let size: usize = std::str::from_utf8(rest.get(head..head + digits)?).ok()?.parse().ok()?;
        let mut data = head + digits;
        for (byte, needed) in [(b'+', false), (b'}', true), (b'\r', false), (b'\n', true)] {
            let here = rest.get(data) == Some(&byte);
            if needed && !here {
                return None;
            }
            data += usize::from(here);
        }
        let literal = rest.get(data..data.checked_add(size)?)?;
        self.at += data + size;
        Some(literal)
    }
}

/// Undoes `\"` and `\\`; a backslash before anything else is dropped too.
pub fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(raw.len());
    let mut escaped = false;
    for byte in raw {
        if *byte == b'\\' && !escaped {
            escaped = true;
            continue;
        }
        escaped = false;
        clean.push(*byte);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_servers_write_them() {
        let mut reader =
            Reader::new(b"BODY[HEADER.FIELDS (DATE \"TO\")]<0> {3}\r\na\"b (\\Seen $X) \"q\\\"\\\\\" 42 NIL ((a \")\") {1}\r\n)) end\r\n");
        assert_eq!(reader.atom(), Some(&b"BODY[HEADER.FIELDS (DATE \"TO\")]<0>"[..]));
        assert_eq!(reader.string().as_deref(), Some(&b"a\"b"[..]));
        assert_eq!(reader.words(), Some(vec!["\\Seen".to_owned(), "$X".to_owned()]));
        assert_eq!(reader.string().as_deref(), Some(&b"q\"\\"[..]));
        assert_eq!(reader.number(), Some(42));
        assert_eq!(reader.nstring(), Some(None));
        assert_eq!(reader.value(), Some(&b"((a \")\") {1}\r\n))"[..]));
        assert_eq!(reader.text(), b"end");
    }

    #[test]
    fn broken_values_are_none_and_deep_ones_are_skipped() {
        for bytes in [&b"\"open\r\n"[..], b"{5}\r\nab", b"{x}\r\n", b"{18446744073709551615}\r\n", b""] {
            assert_eq!(Reader::new(bytes).string(), None, "{}", bytes.escape_ascii());
        }
        let deep = [b"(".repeat(1_000_000), b")".repeat(1_000_000)].concat();
        assert_eq!(Reader::new(&deep).value().map(<[u8]>::len), Some(2_000_000));
        assert_eq!(Reader::new(b"((a)").value(), None);
        assert_eq!(Reader::new(b"(a b").words(), None);
    }
}
