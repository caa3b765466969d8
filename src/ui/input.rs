//! From terminal bytes to keys, mouse, paste and focus: a pure state machine fed with bytes and time, so
//! that a sequence cut by the network at any byte never turns into verbs. A lone ESC waits 25 ms; late
//! tails of a cut sequence are swallowed.
//!
//! `crossterm`'s event reader is not used: it gives the pieces of a cut sequence out as Esc and letters, and
//! it spins for ever when the terminal goes away.

mod decoder;
mod paste;
mod sequence;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use decoder::Decoder;

/// How long a lone ESC is held back for the rest of a sequence.
pub const ESC_WAIT: Duration = Duration::from_millis(25);

/// One decoded thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    Key(Key),
    /// Bracketed paste: text, never keys.
    Paste(String),
    Mouse(Mouse),
    Focus(bool),
    /// The terminal's answer about its background (OSC 11, mode 2031).
    Background {
        dark: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
    /// Only for keys that have no capital of their own (Shift-Tab is [`Code::BackTab`]).
    pub shift: bool,
}

impl Key {
    pub const fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    pub const fn char(c: char) -> Self {
        Self::plain(Code::Char(c))
    }

    pub const fn ctrl(c: char) -> Self {
        Self { code: Code::Char(c), ctrl: true, alt: false, shift: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Insert,
    Home,
    End,
    PageUp,
    PageDown,
    Up,
    Down,
    Left,
    Right,
    F(u8),
}

/// A mouse event in cells, 0-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    pub kind: MouseKind,
    pub column: u16,
    pub row: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    Down,
    Drag,
    Up,
    WheelUp,
    WheelDown,
}
