//! A message as DATA carries it (RFC 5321 4.5.2): every line ends with CRLF, every dot at the start of a line
//! is doubled, the end is not among it. Pure.

/// Turns any line ends into CRLF and doubles leading dots; can be given the message in pieces.
#[derive(Debug)]
pub struct Stuffer {
    at_start: bool,
    after_cr: bool,
}

impl Default for Stuffer {
    fn default() -> Self {
        Self { at_start: true, after_cr: false }
    }
}

impl Stuffer {
    /// The next piece of the message as it goes over the wire.
    pub fn piece(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            match byte {
                // the LF of a CRLF whose CR was already turned into one
                b'\n' if std::mem::take(&mut self.after_cr) => continue,
                b'\r' | b'\n' => {
                    out.extend_from_slice(b"\r\n");
                    self.at_start = true;
                }
                _ => {
                    if self.at_start && *byte == b'.' {
                        out.push(b'.');
                    }
                    out.push(*byte);
                    self.at_start = false;
                }
            }
            self.after_cr = *byte == b'\r';
        }
    }

    /// What is missing of the last line, once the whole message was given.
    pub fn line_end(&self) -> &'static [u8] {
        if self.at_start { b"" } else { b"\r\n" }
    }
}

/// Octets of the message with CRLF and without doubled dots, which is what SIZE means (RFC 1870 5).
pub fn size(bytes: &[u8]) -> u64 {
    let mut previous = b'\n';
    let mut size = 0;
    for byte in bytes {
        size += match (previous, byte) {
            (b'\r', b'\n') => 0,
            (_, b'\r' | b'\n') => 2,
            _ => 1,
        };
        previous = *byte;
    }
    size + if matches!(previous, b'\r' | b'\n') { 0 } else { 2 }
}

/// The same message with the line ends of this machine, for a program's standard input.
pub fn local_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    let mut after_cr = false;
    for byte in bytes {
        match byte {
            b'\n' if after_cr => {}
            b'\r' | b'\n' => out.push(b'\n'),
            _ => out.push(*byte),
        }
        after_cr = *byte == b'\r';
    }
    if out.last().is_some_and(|byte| *byte != b'\n') {
        out.push(b'\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
        let mut stuffer = Stuffer::default();
        let mut out = Vec::new();
        for piece in pieces {
            stuffer.piece(piece, &mut out);
        }
        out.extend_from_slice(stuffer.line_end());
        out
    }

    #[test]
    fn line_ends_and_dots_are_exact() {
        for (message, wire) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\r\n", "a\r\n"),
            ("a\n\nb\r\rc\r\n\r\n", "a\r\n\r\nb\r\n\r\nc\r\n\r\n"),
            (".", "..\r\n"),
            (".\r\n..\n.a.\r.b", "..\r\n...\r\n..a.\r\n..b\r\n"),
            ("a\r\r\n.\r\nb", "a\r\n\r\n..\r\nb\r\n"),
            ("\n.\n", "\r\n..\r\n"),
        ] {
            assert_eq!(String::from_utf8_lossy(&stuffed(&[message.as_bytes()])), wire, "{message:?}");
        }
    }

    /// What a server makes of it again: lines up to the one that is a single dot.
    fn received(wire: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let text = [wire, b".\r\n"].concat();
        let mut rest = &text[..];
        while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
            let (line, after) = rest.split_at(at + 2);
            assert!(!line[..at].contains(&b'\n') && !line[..at].contains(&b'\r'), "a bare line end");
            rest = after;
            if line == b".\r\n" {
                assert!(rest.is_empty(), "the end came early");
                return out;
            }
            out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        panic!("no end");
    }

    proptest! {
        #[test]
        fn the_receiver_gets_the_message_whatever_it_holds_and_however_it_is_cut(
            parts in proptest::collection::vec(
                prop_oneof![Just("\r"), Just("\n"), Just("\r\n"), Just("."), Just("a"), Just("\r\n.\r\n"), Just("\n.\n")], 0..30),
            cut in 0_usize..60,
        ) {
            let message = parts.concat().into_bytes();
            let (head, tail) = message.split_at(cut.min(message.len()));
            let wire = stuffed(&[head, tail]);
            prop_assert_eq!(&wire, &stuffed(&[&message]));
            let got = received(&wire);
            prop_assert_eq!(got.len() as u64, size(&message));
            let local = local_lines(&message);
            prop_assert_eq!(String::from_utf8(got).unwrap().replace("\r\n", "\n"), String::from_utf8(local).unwrap());
        }
    }
}
