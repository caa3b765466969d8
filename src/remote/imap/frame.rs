//! Splits the server's byte stream into responses: a line together with the literals it announces
//! (RFC 9051 2.2.2, 4.3). No I/O; memory grows only with bytes that came, time is linear in them. Bounds
//! what any parser gets to see: line length, literal size, and (reported, not refused) nesting.

use std::ops::Range;

/// What a response may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Octets outside literals.
    pub line: usize,
    /// Octets in the literals of one response.
    pub literals: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 1 << 20, literals: 64 << 20 }
    }
}

/// Nesting that a recursive parser may be given: imap-proto overflows a 2 MiB stack at about 60 levels in a
/// debug build.
pub const MAX_DEPTH: usize = 32;

/// One response, CRLF included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub bytes: Vec<u8>,
    /// Where literals lie in `bytes` (their data only).
    pub literals: Vec<Range<usize>>,
    /// Parentheses are nested deeper than [`MAX_DEPTH`], outside quoted strings and literals.
    pub too_deep: bool,
}

/// The peer broke a bound; the stream can't be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a line without end")]
    LineTooLong,
    #[error("a literal larger than allowed")]
    LiteralTooLarge,
}

#[derive(Debug, Default)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// First octet not yet given out.
    start: usize,
    /// First octet not yet looked at.
    at: usize,
    /// Start of the present line, after the last literal.
    line_start: usize,
    line_octets: usize,
    literal_octets: usize,
    literals: Vec<Range<usize>>,
    depth: usize,
    deepest: usize,
    quoted: bool,
    escaped: bool,
}

impl Framer {
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Octets taken and not given out: 0 between responses when the server is quiet.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Takes out what belongs to no response given out so far.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.buffer.split_off(self.start);
        *self = Self::new(self.limits);
        rest
    }

    /// The next complete response, if it is here.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            // Inside a literal `at` is already behind it.
            if self.at > self.buffer.len() {
                return Ok(None);
            }
            let Some(end) = self.line_end()? else { return Ok(None) };
            match self.announced(end) {
                Some(Announced::Octets(size)) => self.enter_literal(end, size)?,
                Some(Announced::Absurd) => return Err(FrameError::LiteralTooLarge),
                None => return Ok(Some(self.finish(end))),
            }
        }
    }

    /// Looks at new octets up to the end of the line; gives the position after its LF.
    fn line_end(&mut self) -> Result<Option<usize>, FrameError> {
        let from = self.at;
        let fresh = self.buffer.get(from..).unwrap_or_default();
        let mut used = fresh.len();
        let mut ended = false;
        for (index, byte) in fresh.iter().enumerate() {
            if self.escaped {
                self.escaped = false;
                if *byte != b'\n' {
                    continue;
                }
            }
            match byte {
                b'\n' => {
                    used = index + 1;
                    ended = true;
                    break;
                }
                b'\\' if self.quoted => self.escaped = true,
                b'"' => self.quoted = !self.quoted,
                b'(' if !self.quoted => {
                    self.depth += 1;
                    self.deepest = self.deepest.max(self.depth);
                }
                b')' if !self.quoted => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        self.at = from + used;
        self.line_octets += used;
        if self.line_octets > self.limits.line {
            return Err(FrameError::LineTooLong);
        }
        Ok(ended.then_some(self.at))
    }

    /// The size of the literal that the line ending at `end` announces: `{n}`, `{n+}`, `~{n}`.
    fn announced(&self, end: usize) -> Option<Announced> {
        if self.quoted || self.is_status(end) {
            return None;
        }
        let line = self.buffer.get(self.line_start..end)?;
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
        let open = line.iter().rposition(|byte| *byte == b'{')?;
        let digits = line.get(open + 1..)?;
        let digits = digits.strip_suffix(b"+").unwrap_or(digits);
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let size = std::str::from_utf8(digits).ok().and_then(|text| text.parse::<u64>().ok());
        Some(size.and_then(|size| usize::try_from(size).ok()).map_or(Announced::Absurd, Announced::Octets))
    }

    /// Free text (`* OK …`, `a1 NO …`, `+ …`) holds no literals, whatever it ends with. What came behind `end` says nothing of it.
    fn is_status(&self, end: usize) -> bool {
        let response = self.buffer.get(self.start..end).unwrap_or_default();
        let mut words = response.splitn(3, |byte| matches!(byte, b' ' | b'\r'));
        let first = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        first == b"+" || [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].iter().any(|word| second.eq_ignore_ascii_case(word))
    }

    fn enter_literal(&mut self, end: usize, size: usize) -> Result<(), FrameError> {
        self.literal_octets = self.literal_octets.saturating_add(size);
        if self.literal_octets > self.limits.literals {
            return Err(FrameError::LiteralTooLarge);
        }
        self.literals.push(end - self.start..end - self.start + size);
        self.at = end + size;
        self.line_start = self.at;
        self.quoted = false;
        Ok(())
    }

    fn finish(&mut self, end: usize) -> Frame {
        let bytes = self.buffer.get(self.start..end).unwrap_or_default().to_vec();
        let frame = Frame { bytes, literals: std::mem::take(&mut self.literals), too_deep: self.deepest > MAX_DEPTH };
        if end == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            // One large message must not keep its memory for the rest of the session.
            self.buffer.shrink_to(1 << 18);
        } else {
            self.start = end;
            if self.start > self.buffer.len() / 2 && self.start > 1 << 16 {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
        }
        self.at = self.start;
        self.line_start = self.start;
        (self.line_octets, self.literal_octets, self.depth, self.deepest) = (0, 0, 0, 0);
        (self.quoted, self.escaped) = (false, false);
        frame
    }
}

enum Announced {
    Octets(usize),
    Absurd,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALOGUE: &[u8] = b"* OK ready {3}\r\n* 1 FETCH (UID 7 BODY[] {11}\r\nab(\"\r\n{9}\r\n FLAGS (\\Seen) X \"q{2}\\\"\" Y ~{2}\r\n\0\n)\r\n+ go\r\na1 OK done\r\n";

    fn frames(chunks: impl Iterator<Item = Vec<u8>>) -> Vec<Frame> {
        let mut framer = Framer::new(Limits::default());
        let mut all = Vec::new();
        for chunk in chunks {
            framer.feed(&chunk);
            while let Some(frame) = framer.next_frame().unwrap() {
                all.push(frame);
            }
        }
        assert_eq!(framer.buffered(), 0);
        all
    }

    #[test]
    fn a_line_of_one_word_is_judged_without_what_follows() {
        let stream = b"x{2}\nno ok\n";
        let at_once = frames(std::iter::once(stream.to_vec()));
        assert_eq!(at_once, frames(stream.iter().map(|byte| vec![*byte])));
        assert_eq!((at_once.len(), at_once[0].literals.len()), (1, 1));
    }

    #[test]
    fn responses_are_the_same_wherever_the_stream_is_cut() {
        let whole = frames(std::iter::once(DIALOGUE.to_vec()));
        assert_eq!(whole.len(), 4);
        assert_eq!(
            whole[1].literals.iter().map(|range| &whole[1].bytes[range.clone()]).collect::<Vec<_>>(),
            [&b"ab(\"\r\n{9}\r\n"[..], b"\0\n"]
        );
        for cut in 0..=DIALOGUE.len() {
            let (head, tail) = DIALOGUE.split_at(cut);
            assert_eq!(frames([head.to_vec(), tail.to_vec()].into_iter()), whole, "cut at {cut}");
        }
        assert_eq!(frames(DIALOGUE.iter().map(|byte| vec![*byte])), whole);
    }

    #[test]
    fn nesting_is_counted_outside_strings() {
        let response = |inner: &str| format!("* 1 FETCH (BODYSTRUCTURE {inner})\r\n").into_bytes();
        let nested = |levels: usize| "(".repeat(levels) + &")".repeat(levels);
        for (inner, deep) in [
            (nested(MAX_DEPTH - 1), false),
            (nested(MAX_DEPTH), true),
            (nested(10_000), true),
            (format!("\"{}\"", "(".repeat(10_000)), false),
            (format!("{{10000}}\r\n{}", "(".repeat(10_000)), false),
        ] {
            assert_eq!(frames(std::iter::once(response(&inner)))[0].too_deep, deep, "{} octets", inner.len());
        }
    }

    #[test]
    fn lines_and_literals_have_an_end() {
        let small = Limits { line: 100, literals: 1000 };
        for (bytes, error) in [
            ([b'a'; 101].to_vec(), FrameError::LineTooLong),
            (b"* 1 FETCH (BODY[] {1001}\r\n".to_vec(), FrameError::LiteralTooLarge),
            (b"* 1 FETCH (BODY[] {18446744073709551616}\r\n".to_vec(), FrameError::LiteralTooLarge),
            (b"* 1 FETCH (A {600}\r\n".iter().copied().chain([b'x'; 600]).chain(*b" B {600}\r\n").collect(), FrameError::LiteralTooLarge),
        ] {
            let mut framer = Framer::new(small);
            framer.feed(&bytes);
            assert_eq!(framer.next_frame(), Err(error));
        }
        let mut framer = Framer::new(small);
        framer.feed(b"* 1 FETCH (BODY[] {1000}\r\nabc");
        assert_eq!(framer.next_frame(), Ok(None));
        assert!(framer.buffer.capacity() < 500, "an announced size reserves nothing");
    }

    #[test]
    fn a_long_line_in_small_pieces_takes_linear_time() {
        let mut framer = Framer::new(Limits { line: 8 << 20, ..Limits::default() });
        let start = std::time::Instant::now();
        for _ in 0..(8 << 20) / 1024 - 1 {
            framer.feed(&[b'1'; 1024]);
            assert_eq!(framer.next_frame(), Ok(None));
        }
        framer.feed(b"\r\n");
        assert!(framer.next_frame().unwrap().is_some());
        assert!(start.elapsed().as_secs() < 10);
    }
}
