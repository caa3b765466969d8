//! Flags and keywords of a message, and the three-way merge between what the user wants, what the server
//! last said and what it says now (RFC 9051 2.3.2).

use std::fmt;

/// The system flags as bits; `FORWARDED` is the `$Forwarded` keyword (RFC 5788), which every server that
/// keeps keywords knows, and Maildir's `P`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagBits(pub u8);

/// Name (as in `--json` and on the command line) and bit of every system flag.
pub const FLAG_NAMES: &[(&str, FlagBits)] = &[
    ("seen", FlagBits::SEEN),
    ("flagged", FlagBits::FLAGGED),
    ("answered", FlagBits::ANSWERED),
    ("draft", FlagBits::DRAFT),
    ("deleted", FlagBits::DELETED),
    ("forwarded", FlagBits::FORWARDED),
];

impl FlagBits {
    pub const NONE: Self = Self(0);
    pub const SEEN: Self = Self(1);
    pub const FLAGGED: Self = Self(2);
    pub const ANSWERED: Self = Self(4);
    pub const DRAFT: Self = Self(8);
    pub const DELETED: Self = Self(16);
    pub const FORWARDED: Self = Self(32);
    pub const ALL: Self = Self(63);

    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bit of a name in [`FLAG_NAMES`].
    pub fn find(name: &str) -> Option<Self> {
        FLAG_NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, bit)| *bit)
    }

    /// The names of the set bits, in the table's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        FLAG_NAMES.iter().filter(move |(_, bit)| self.contains(*bit)).map(|(name, _)| *name)
    }
}

impl fmt::Debug for FlagBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// A sorted set of keywords, kept as one text with single spaces so that it compares and stores as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keywords(String);

impl Keywords {
    /// On a message: its thread, with what is still to come, is not wanted.
    pub const MUTED: &str = "$Muted";

    /// Sorts, and drops duplicates and the empty word; a word that holds a space or a control is dropped.
    pub fn new<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let mut words: Vec<&str> =
            words.into_iter().filter(|w| !w.is_empty() && !w.chars().any(|c| c.is_whitespace() || c.is_control())).collect();
        words.sort_unstable();
        words.dedup();
        Self(words.join(" "))
    }

    /// Reads the stored form back; any order is accepted.
    pub fn parse(text: &str) -> Self {
        Self::new(text.split(' '))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|w| !w.is_empty())
    }

    pub fn contains(&self, word: &str) -> bool {
        self.iter().any(|known| known.eq_ignore_ascii_case(word))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn with(&self, other: &Self) -> Self {
        Self::new(self.iter().chain(other.iter().filter(|w| !self.contains(w))))
    }

    pub fn without(&self, other: &Self) -> Self {
        Self::new(self.iter().filter(|w| !other.contains(w)))
    }
}

/// All flags of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flags {
    pub bits: FlagBits,
    pub keywords: Keywords,
}

impl Flags {
    pub fn bits(bits: FlagBits) -> Self {
        Self { bits, keywords: Keywords::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.bits.is_empty() && self.keywords.is_empty()
    }

    pub fn with(&self, other: &Self) -> Self {
        Self { bits: self.bits.with(other.bits), keywords: self.keywords.with(&other.keywords) }
    }

    pub fn without(&self, other: &Self) -> Self {
        Self { bits: self.bits.without(other.bits), keywords: self.keywords.without(&other.keywords) }
    }

    /// What to add and what to remove to get from `self` to `target`.
    pub fn difference(&self, target: &Self) -> (Self, Self) {
        (target.without(self), self.without(target))
    }
}

/// The three-way merge: what the user touched (where `wanted` differs from `server`) stays, all else takes
/// the value `incoming` that the server reports now.
pub fn merge(server: &Flags, wanted: &Flags, incoming: &Flags) -> Flags {
    let (added, removed) = server.difference(wanted);
    incoming.with(&added).without(&removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(bits: u8, words: &str) -> Flags {
        Flags { bits: FlagBits(bits), keywords: Keywords::parse(words) }
    }

    #[test]
    fn merge_keeps_the_users_touch_and_takes_the_rest() {
        for (server, wanted, incoming, expect) in [
            (flags(0, ""), flags(1, ""), flags(2, ""), flags(3, "")),
            (flags(1, ""), flags(0, ""), flags(1, ""), flags(0, "")),
            (flags(1, "a"), flags(1, "a"), flags(0, ""), flags(0, "")),
            (flags(0, "a"), flags(0, "a b"), flags(0, "c"), flags(0, "b c")),
            (flags(0, "a b"), flags(0, "a"), flags(4, "a b"), flags(4, "a")),
        ] {
            assert_eq!(merge(&server, &wanted, &incoming), expect, "{server:?} {wanted:?} {incoming:?}");
        }
    }

    #[test]
    fn keywords_are_a_sorted_set_without_odd_words() {
        assert_eq!(Keywords::new(["b", "a", "b", "", "x y", "n\nl"]).as_str(), "a b");
        assert!(Keywords::parse("a $Label1").contains("$label1"));
    }
}
