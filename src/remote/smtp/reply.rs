//! Splits what the server sends into replies (RFC 5321 4.2). No I/O; bounds the length of a line and of a reply,
//! before lettre's parser sees it, because a server may be hostile. Time is linear in what came.

use std::str::FromStr;

use lettre::transport::smtp::response::{Response, Severity};

/// Octets of a line; the RFC allows 512.
const MAX_LINE: usize = 4096;
/// Lines and octets of a reply.
const MAX_LINES: usize = 200;
const MAX_REPLY: usize = 64 * 1024;
/// Characters of a server's words that are kept.
const MAX_WORDS: usize = 1000;
/// And of what can't be read.
const MAX_QUOTED: usize = 100;

/// What a reply means for the command (RFC 5321 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 2yz: done.
    Done,
    /// 3yz: go on.
    More,
    /// 4yz: not now.
    Later,
    /// 5yz: no.
    No,
}

/// The peer does not speak SMTP; the connection can't be used any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("a line without end")]
    LineTooLong,
    #[error("a reply without end")]
    TooLong,
    /// Its beginning.
    #[error("something that is no SMTP reply: {0}")]
    NotAReply(String),
}

impl ReplyError {
    fn not_a_reply(line: &[u8]) -> Self {
        ReplyError::NotAReply(String::from_utf8_lossy(line).trim_end().chars().take(MAX_QUOTED).collect())
    }
}

#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Octets of `buffer` that hold no line end.
    scanned: usize,
    /// Whole lines of the present reply.
    text: String,
    lines: usize,
}

impl Framer {
    /// Takes what was read.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Octets came that belong to no reply given out so far.
    pub fn has_more(&self) -> bool {
        !self.buffer.is_empty() || self.lines > 0
    }

    /// The next complete reply, if it is here.
    pub fn next_reply(&mut self) -> Result<Option<Response>, ReplyError> {
        loop {
            let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
            let Some(at) = fresh.iter().position(|byte| *byte == b'\n') else {
                self.scanned = self.buffer.len();
                return if self.scanned > MAX_LINE { Err(ReplyError::LineTooLong) } else { Ok(None) };
            };
            let line: Vec<u8> = self.buffer.drain(..self.scanned + at + 1).collect();
            self.scanned = 0;
            if self.take_line(&line)? {
                let text = std::mem::take(&mut self.text);
                self.lines = 0;
                return Response::from_str(&text).map(Some).map_err(|_| ReplyError::not_a_reply(text.as_bytes()));
            }
        }
    }

    /// True where this line ends the reply.
    fn take_line(&mut self, line: &[u8]) -> Result<bool, ReplyError> {
        if line.len() > MAX_LINE {
            return Err(ReplyError::LineTooLong);
        }
        self.lines += 1;
        if self.lines > MAX_LINES || self.text.len() + line.len() > MAX_REPLY {
            return Err(ReplyError::TooLong);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some((code, rest)) = line.split_at_checked(3) else { return Err(ReplyError::not_a_reply(line)) };
        let is_last = match rest.first() {
            None | Some(b' ') => true,
            Some(b'-') => false,
            Some(_) => return Err(ReplyError::not_a_reply(line)),
        };
        self.text.push_str(&String::from_utf8_lossy(code));
        self.text.push_str(if is_last { " " } else { "-" });
        // 8-bit text of old servers and of SMTPUTF8; a lone CR would end nothing
        self.text.push_str(&String::from_utf8_lossy(rest.get(1..).unwrap_or_default()).replace('\r', " "));
        self.text.push_str("\r\n");
        Ok(is_last)
    }
}

/// What the reply means.
pub fn class(reply: &Response) -> Class {
    match reply.code().severity {
        Severity::PositiveCompletion => Class::Done,
        Severity::PositiveIntermediate => Class::More,
        Severity::TransientNegativeCompletion => Class::Later,
        Severity::PermanentNegativeCompletion => Class::No,
    }
}

/// Code and text in one line, cut.
pub fn words(reply: &Response) -> String {
    let text: Vec<&str> = reply.message().map(str::trim).filter(|line| !line.is_empty()).collect();
    let all = format!("{} {}", reply.code(), text.join(" "));
    match all.char_indices().nth(MAX_WORDS) {
        Some((at, _)) => format!("{}…", all.get(..at).unwrap_or_default()),
        None => all.trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(chunks: impl Iterator<Item = Vec<u8>>) -> Result<Vec<String>, ReplyError> {
        let mut framer = Framer::default();
        let mut all = Vec::new();
        for chunk in chunks {
            framer.feed(&chunk);
            while let Some(reply) = framer.next_reply()? {
                all.push(words(&reply));
            }
        }
        Ok(all)
    }

    fn all(bytes: &[u8]) -> Result<Vec<String>, ReplyError> {
        replies(std::iter::once(bytes.to_vec()))
    }

    #[test]
    fn replies_are_the_same_wherever_the_stream_is_cut() {
        let dialogue = b"220 hi\r\n250-one\r\n250-\r\n250 two\r\n354\r\n250 bare LF\n550 5.1.1 \xe9\xff no\r\n";
        let whole = all(dialogue).unwrap();
        assert_eq!(whole, ["220 hi", "250 one two", "354", "250 bare LF", "550 5.1.1 \u{fffd}\u{fffd} no"]);
        for cut in 0..=dialogue.len() {
            let (head, tail) = dialogue.split_at(cut);
            assert_eq!(replies([head.to_vec(), tail.to_vec()].into_iter()).unwrap(), whole, "cut at {cut}");
        }
        assert_eq!(replies(dialogue.iter().map(|byte| vec![*byte])).unwrap(), whole);
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for line in ["", "hello", "25", "2500 x", "abc x", "150 x", "650 x", "290 x", "250_x", "\0\0\0 x", "250-a\r\n251 b", "\u{e9}50 x"] {
            let error = all(format!("{line}\r\n").as_bytes()).unwrap_err();
            assert!(matches!(&error, ReplyError::NotAReply(text) if line.contains(text)), "{line:?}: {error:?}");
        }
        assert_eq!(all(b"250 a\0b\r\n").unwrap(), ["250 a\0b"]);
    }

    #[test]
    fn a_hostile_server_gets_no_memory() {
        let mut framer = Framer::default();
        framer.feed(&[b'2'; 5000]);
        assert_eq!(framer.next_reply(), Err(ReplyError::LineTooLong));
        let long = [b"250 ".as_slice(), &[b'x'; 5000], b"\r\n"].concat();
        assert_eq!(all(&long), Err(ReplyError::LineTooLong));
        assert_eq!(all("250-x\r\n".repeat(10_000).as_bytes()), Err(ReplyError::TooLong));
        assert_eq!(all(format!("250-{}\r\n", "x".repeat(4000)).repeat(100).as_bytes()), Err(ReplyError::TooLong));
        let many = words(&Framer::parse_one(&format!("{}550 end\r\n", format!("550-{}\r\n", "y".repeat(500)).repeat(100))));
        assert!(many.chars().count() <= MAX_WORDS + 1, "{}", many.len());
    }

    impl Framer {
        fn parse_one(text: &str) -> Response {
            let mut framer = Framer::default();
            framer.feed(text.as_bytes());
            framer.next_reply().unwrap().unwrap()
        }
    }
}
