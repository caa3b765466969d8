//! What is known of a message's signature and encryption, as the reader says it. Made by the worker of what `crypt` found out;
//! drawn where no text of a message can stand. All text in it is already clean.

use super::text::DisplayText;

/// Whose formats and keys; each has its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// OpenPGP (RFC 9580), in mail by RFC 3156: `gpg`.
    OpenPgp,
    /// S/MIME (RFC 8551): `gpgsm`.
    Smime,
}

impl Scheme {
    pub const fn program(self) -> &'static str {
        match self {
            Self::OpenPgp => "gpg",
            Self::Smime => "gpgsm",
        }
    }
}

/// How good the news is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Proven.
    Good,
    /// Nothing is proven, and nothing is wrong.
    Open,
    /// Something is wrong.
    Bad,
}

impl Standing {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Open => "open",
            Self::Bad => "bad",
        }
    }
}

/// One sentence about the whole of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    pub standing: Standing,
    pub words: DisplayText,
}

impl Seal {
    /// The most that a sentence takes of the screen, in characters.
    const MOST: usize = 400;

    pub fn new(standing: Standing, words: &str) -> Self {
        Self { standing, words: DisplayText::capped(words, Self::MOST) }
    }
}
