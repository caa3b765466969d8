//! Where a multi-line answer ends, and what it was before its leading dots were doubled (RFC 1939 3). A pure
//! state machine over octets: cuts between reads mean nothing, and no other octet is touched.

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// CRLF alone: messages, where a bare LF is an octet like any other.
    Crlf,
    /// LF, with or without CR before it: lists, as careless servers send them.
    Lf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    /// After a dot at the start of a line, which is not part of the text.
    Dot,
    /// After that dot and a CR.
    DotCr,
    Middle,
    Cr,
    /// After the dot that stands alone on its line.
    End,
}

/// The state between two reads.
#[derive(Clone, Copy, Debug)]
pub struct Unstuff {
    ends: Ends,
    at: At,
}

impl Unstuff {
    pub fn new(ends: Ends) -> Self {
        Self { ends, at: At::LineStart }
    }

    /// Takes octets up to the end of the answer and adds the text to `out`. Answers how many were taken, and
    /// whether the end was among them.
    pub fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        out.reserve(octets.len());
        let mut taken = 0;
        while let Some(rest) = octets.get(taken..).filter(|rest| !rest.is_empty()) {
            if self.at == At::End {
                break;
            }
            taken += match self.at {
                At::Middle => self.run(rest, out),
                _ => self.step(rest, out),
            };
        }
        (taken, self.at == At::End)
    }

    /// Text up to the next octet that may end a line goes as a piece.
    fn run(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        let end = match self.ends {
            Ends::Crlf => rest.iter().position(|octet| *octet == b'\r'),
            Ends::Lf => rest.iter().position(|octet| *octet == b'\n'),
        };
        let used = end.map_or(rest.len(), |end| end + 1);
        out.extend_from_slice(rest.get(..used).unwrap_or(rest));
        if end.is_some() {
            self.at = if self.ends == Ends::Crlf { At::Cr } else { At::LineStart };
        }
        used
    }

    fn step(&mut self, rest: &[u8], out: &mut Vec<u8>) -> usize {
        let Some(octet) = rest.first().copied() else { return 0 };
        let is_end = octet == b'\n' && (self.ends == Ends::Lf || matches!(self.at, At::Cr | At::DotCr));
        match (self.at, octet) {
            (At::Dot | At::DotCr, b'\n') if is_end => {
                self.at = At::End;
                return 1;
            }
            (At::LineStart, b'.') => {
                self.at = At::Dot;
                return 1;
            }
            (At::Dot, b'\r') => {
                self.at = At::DotCr;
                return 1;
            }
            // it was text after all
            (At::DotCr, _) => out.push(b'\r'),
            _ => {}
        }
        out.push(octet);
        self.at = match octet {
            _ if is_end => At::LineStart,
            b'\r' => At::Cr,
            _ => At::Middle,
        };
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a server makes of a text whose lines end in CRLF.
    fn stuffed(text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::new();
        let mut is_start = true;
        for (index, octet) in text.iter().enumerate() {
            if is_start && *octet == b'.' {
                wire.push(b'.');
            }
            wire.push(*octet);
            is_start = *octet == b'\n' && index > 0 && text[index - 1] == b'\r';
        }
        wire.extend_from_slice(b".\r\n");
        wire
    }

    fn unstuffed(pieces: &[&[u8]], ends: Ends) -> (Vec<u8>, bool) {
        let (mut unstuff, mut out, mut ended) = (Unstuff::new(ends), Vec::new(), false);
        for piece in pieces {
            ended = unstuff.feed(piece, &mut out).1;
        }
        (out, ended)
    }

    #[test]
    fn dots_and_odd_line_ends_come_through() {
        for (wire, text) in [
            (&b".\r\n"[..], &b""[..]),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b"...\r\n.\r\n", b"..\r\n"),
            (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
            (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
            (b"a\r.\r\r\n.\r\n", b"a\r.\r\r\n"),
            (b"..\rb\r\n.\r\n", b".\rb\r\n"),
            (b".x\r\n.\r\n", b"x\r\n"),
            (b".\rx\r\n.\r\n", b"\rx\r\n"),
            (b".\r\r\n.\r\n", b"\r\r\n"),
        ] {
            assert_eq!(unstuffed(&[wire], Ends::Crlf), (text.to_vec(), true), "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn nothing_behind_the_end_is_taken_and_nothing_ends_early() {
        let mut out = Vec::new();
        assert_eq!(Unstuff::new(Ends::Crlf).feed(b"a\r\n.\r\n+OK next\r\n", &mut out), (6, true));
        for cut in [&b""[..], b"a", b"a\r\n", b"a\r\n.", b"a\r\n.\r", b"a\n.\n", b"a\r\n..\r\n"] {
            assert!(!unstuffed(&[cut], Ends::Crlf).1, "{}", cut.escape_ascii());
        }
    }

    #[test]
    fn lists_may_end_their_lines_by_lf_alone() {
        assert_eq!(unstuffed(&[b"1 a\n2 b\r\n.\n"], Ends::Lf), (b"1 a\n2 b\r\n".to_vec(), true));
        assert_eq!(unstuffed(&[b"1 a\r\n.\r\n"], Ends::Lf), (b"1 a\r\n".to_vec(), true));
    }

    proptest! {
        #[test]
        fn any_text_comes_back_wherever_it_is_cut(
            text in proptest::collection::vec(prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), any::<u8>()], 0..60),
            cut in 0usize..80,
        ) {
            let text = [&text[..], b"\r\n"].concat();
            let wire = stuffed(&text);
            let (head, tail) = wire.split_at(cut.min(wire.len()));
            prop_assert_eq!(unstuffed(&[head, tail], Ends::Crlf), (text.clone(), true));
            let octets: Vec<&[u8]> = wire.chunks(1).collect();
            prop_assert_eq!(unstuffed(&octets, Ends::Crlf), (text, true));
        }
    }
}
