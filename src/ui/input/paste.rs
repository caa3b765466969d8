//! Bracketed paste: everything up to the end marker is text, whatever it holds.

/// Ends a paste. ESC is only at its start, so that a failed match never begins inside another.
const END: &[u8] = b"\x1b[201~";
/// More is dropped (and still read up to the marker).
pub(super) const MAX_PASTE: usize = 1 << 20;

/// A paste under way.
#[derive(Debug, Default)]
pub(super) struct Paste {
    bytes: Vec<u8>,
    /// Bytes of [`END`] seen so far.
    matched: usize,
}

impl Paste {
    /// Takes one byte; true when the paste is complete.
    pub(super) fn push(&mut self, byte: u8) -> bool {
        if END.get(self.matched) == Some(&byte) {
            self.matched += 1;
            return self.matched == END.len();
        }
        let failed = std::mem::take(&mut self.matched);
        self.keep(END.get(..failed).unwrap_or_default());
        if END.first() == Some(&byte) {
            self.matched = 1;
        } else {
            self.keep(&[byte]);
        }
        false
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() <= MAX_PASTE {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// The text with line ends as "\n" and without other controls.
    pub(super) fn into_text(self) -> String {
        let text = String::from_utf8_lossy(&self.bytes).replace("\r\n", "\n").replace('\r', "\n");
        text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
    }
}
