//! The state machine behind [`super::Input`]: bytes and time in, decoded things out. It owns what is
//! half received and nothing else; the meaning of a complete sequence is in `sequence.rs`, of a paste in
//! `paste.rs`. Read [`Decoder::feed`], then [`Decoder::byte`].

use std::time::{Duration, Instant};

use super::paste::Paste;
use super::sequence::{self, Meaning};
use super::{Code, ESC_WAIT, Input, Key};

/// How long after an Esc the rest of a cut sequence is still expected.
const LATE_TAIL: Duration = Duration::from_millis(500);
/// Silence after which an unfinished string answer (OSC, DCS) is given up; keys must come through again.
const STRING_WAIT: Duration = Duration::from_secs(2);
/// Longer sequences are no keys; they are read to their end and forgotten.
const MAX_SEQUENCE: usize = 64;
/// Longest string answer worth keeping (OSC 11 has about 30 bytes).
const MAX_STRING: usize = 256;

/// Turns terminal bytes into [`Input`].
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// When the newest byte came.
    fed: Option<Instant>,
    /// When an ESC was given up as the Esc key, while nothing came after it.
    esc: Option<Instant>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    /// UTF-8 sequence under way: bytes so far and how many it needs.
    Utf8 {
        bytes: [u8; 4],
        have: usize,
        need: usize,
    },
    Escape,
    /// After CSI. `late`: its ESC was already given away as Esc, so that the sequence is only swallowed.
    Csi {
        bytes: Vec<u8>,
        late: bool,
    },
    /// After SS3, with a possible modifier digit.
    Ss3 {
        late: bool,
        modifier: u8,
    },
    /// Linux console: CSI [ and one letter.
    LinuxFunction {
        late: bool,
    },
    /// Old mouse report: so many raw bytes follow.
    OldMouse(u8),
    /// OSC, DCS or APC up to BEL or ST; `escaped`: ESC seen, "\" expected.
    Text {
        kind: u8,
        bytes: Vec<u8>,
        escaped: bool,
    },
    Paste(Paste),
}

impl Decoder {
    /// Decodes what came from the terminal at `now`.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) -> Vec<Input> {
        let mut out = Vec::new();
        if self.leaves_stuck_paste(bytes, now) {
            self.state = State::Ground;
        }
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if let Some(length) = self.tail_at(rest, now) {
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            self.byte(byte, now, &mut out);
            rest = after;
        }
        self.fed = Some(now);
        out
    }

    /// When [`Decoder::timeout`] has to be called if nothing comes.
    pub fn deadline(&self) -> Option<Instant> {
        let wait = match self.state {
            State::Escape => ESC_WAIT,
            State::Text { .. } => STRING_WAIT,
            _ => return None,
        };
        self.fed.map(|fed| fed + wait)
    }

    /// Ends what has waited long enough: a lone ESC is the Esc key, an unfinished answer is dropped.
    pub fn timeout(&mut self, now: Instant) -> Vec<Input> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        match std::mem::take(&mut self.state) {
            State::Escape => {
                self.esc = Some(now);
                vec![Input::Key(Key::plain(Code::Esc))]
            }
            _ => Vec::new(),
        }
    }

    fn byte(&mut self, byte: u8, now: Instant, out: &mut Vec<Input>) {
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(byte, now, out),
            State::Utf8 { bytes, have, need } => self.utf8(bytes, have, need, byte, now, out),
            State::Escape => self.escape(byte, out),
            State::Csi { bytes, late } => self.csi(bytes, late, byte, now, out),
            State::Ss3 { late, modifier } => self.ss3(late, modifier, byte, now, out),
            State::LinuxFunction { late } => {
                if !late && let Some(key) = sequence::linux_function(byte) {
                    out.push(Input::Key(key));
                }
            }
            State::OldMouse(left) => {
                if left > 1 {
                    self.state = State::OldMouse(left - 1);
                }
            }
            State::Text { kind, bytes, escaped } => self.text(kind, bytes, escaped, byte, now, out),
            State::Paste(mut paste) => {
                if paste.push(byte) {
                    out.push(Input::Paste(paste.into_text()));
                } else {
                    self.state = State::Paste(paste);
                }
            }
        }
    }

    fn ground(&mut self, byte: u8, now: Instant, out: &mut Vec<Input>) {
        // Any byte ends the wait for a tail.
        let late = self.esc.take().is_some_and(|esc| now < esc + LATE_TAIL);
        match byte {
            b'[' if late => self.state = State::Csi { bytes: Vec::new(), late: true },
            b'O' if late => self.state = State::Ss3 { late: true, modifier: 0 },
            b']' | b'P' | b'_' if late => self.state = State::Text { kind: byte, bytes: Vec::new(), escaped: false },
            0x1b => self.state = State::Escape,
            0..0x20 | 0x7f => out.push(Input::Key(sequence::control(byte))),
            0x20..0x7f => out.push(Input::Key(Key::char(char::from(byte)))),
            _ => {
                let need = match byte {
                    0xc2..0xe0 => 2,
                    0xe0..0xf0 => 3,
                    0xf0..0xf5 => 4,
                    // Not UTF-8: no key.
                    _ => return,
                };
                self.state = State::Utf8 { bytes: [byte, 0, 0, 0], have: 1, need };
            }
        }
    }

    fn utf8(&mut self, mut bytes: [u8; 4], have: usize, need: usize, byte: u8, now: Instant, out: &mut Vec<Input>) {
        if !(0x80..0xc0).contains(&byte) {
            return self.ground(byte, now, out);
        }
        if let Some(slot) = bytes.get_mut(have) {
            *slot = byte;
        }
        if have + 1 < need {
            self.state = State::Utf8 { bytes, have: have + 1, need };
            return;
        }
        let text = bytes.get(..need).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        out.extend(text.chars().filter(|c| !c.is_control()).map(|c| Input::Key(Key::char(c))));
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<Input>) {
        match byte {
            b'[' => self.state = State::Csi { bytes: Vec::new(), late: false },
            b'O' => self.state = State::Ss3 { late: false, modifier: 0 },
            b']' | b'P' | b'_' => self.state = State::Text { kind: byte, bytes: Vec::new(), escaped: false },
            0x1b => {
                out.push(Input::Key(Key::plain(Code::Esc)));
                self.state = State::Escape;
            }
            // The end of a string answer whose start was given up.
            b'\\' => {}
            0..0x80 => {
                let key = if byte.is_ascii_graphic() || byte == b' ' { Key::char(char::from(byte)) } else { sequence::control(byte) };
                out.push(Input::Key(Key { alt: true, ..key }));
            }
            // Alt with a letter beyond ASCII: no key of ours.
            _ => {}
        }
    }

    fn csi(&mut self, mut bytes: Vec<u8>, late: bool, byte: u8, now: Instant, out: &mut Vec<Input>) {
        match byte {
            b'[' if bytes.is_empty() => self.state = State::LinuxFunction { late },
            // rxvt ends shifted keys with "$", which elsewhere comes before the final byte.
            0x20..0x40 if byte != b'$' || bytes.first().is_some_and(|b| !b.is_ascii_digit()) || bytes.contains(&b';') => {
                if bytes.len() < MAX_SEQUENCE {
                    bytes.push(byte);
                }
                self.state = State::Csi { bytes, late };
            }
            b'$' | 0x40..0x7f => match sequence::csi(&bytes, byte) {
                Meaning::PasteStart => self.state = State::Paste(Paste::default()),
                Meaning::OldMouse => self.state = State::OldMouse(3),
                Meaning::Input(input) if !late => out.push(input),
                Meaning::Input(_) | Meaning::Nothing => {}
            },
            // A control inside is a new beginning, not part of it.
            _ => self.ground(byte, now, out),
        }
    }

    fn ss3(&mut self, late: bool, modifier: u8, byte: u8, now: Instant, out: &mut Vec<Input>) {
        match byte {
            b'0'..=b'9' => self.state = State::Ss3 { late, modifier: byte - b'0' },
            0x20..0x7f => {
                if !late && let Some(key) = sequence::ss3(modifier, byte) {
                    out.push(Input::Key(key));
                }
            }
            _ => self.ground(byte, now, out),
        }
    }

    fn text(&mut self, kind: u8, mut bytes: Vec<u8>, escaped: bool, byte: u8, now: Instant, out: &mut Vec<Input>) {
        let ended = byte == 0x07 || (escaped && byte == b'\\');
        if ended {
            if kind == b']' {
                out.extend(sequence::osc(&bytes));
            }
        } else if escaped {
            // Not ST: the string was cut off and this is the next sequence.
            self.state = State::Escape;
            self.byte(byte, now, out);
        } else if byte == 0x1b {
            self.state = State::Text { kind, bytes, escaped: true };
        } else if byte < 0x20 || (bytes.is_empty() && !begins_answer(kind, byte)) {
            // It was a key with Alt.
            if byte < 0x20 {
                self.ground(byte, now, out);
            }
        } else {
            if bytes.len() < MAX_STRING {
                bytes.push(byte);
            }
            self.state = State::Text { kind, bytes, escaped: false };
        }
    }

    /// A whole tail in one piece after a long pause: length of what `rest` starts with. People don't type
    /// "[<0;12;5M" in one read; a key held back that long by the network is of no use any more.
    fn tail_at(&mut self, rest: &[u8], now: Instant) -> Option<usize> {
        let esc = self.esc?;
        if !matches!(self.state, State::Ground) || now < esc + LATE_TAIL {
            return None;
        }
        let length = match rest {
            [b'[', b'2', b'0', b'0', b'~', ..] => {
                self.state = State::Paste(Paste::default());
                5
            }
            [b'[', tail @ ..] => {
                let last = tail.iter().position(|b| (0x40..0x7f).contains(b));
                last.or_else(|| tail.iter().position(|&b| b == b'$'))? + 2
            }
            [b'O', b'A'..=b'D' | b'F' | b'H' | b'M' | b'P'..=b'S', ..] => 2,
            _ => return None,
        };
        self.esc = None;
        Some(length)
    }

    /// A paste whose end never came would hold every key back; Ctrl-C alone after a pause gets out of it.
    fn leaves_stuck_paste(&self, bytes: &[u8], now: Instant) -> bool {
        matches!(self.state, State::Paste(_)) && bytes == b"\x03" && self.fed.is_some_and(|fed| now >= fed + STRING_WAIT)
    }
}

/// What terminals' string answers begin with: OSC with its number, DCS with a status, APC with kitty's "G".
fn begins_answer(kind: u8, byte: u8) -> bool {
    match kind {
        b']' => byte.is_ascii_digit(),
        b'P' => byte.is_ascii_digit() || matches!(byte, b'>' | b'!' | b'+' | b'$'),
        _ => byte == b'G',
    }
}
