//! The answers to LIST and UIDL, read line by line and put together: every message with its size and
//! unique-id. Linear in what came, one small allocation a message; what contradicts itself is not believed.

use std::collections::HashMap;

use crate::remote::{RemoteError, Result};

/// More messages than this in one maildrop are not believed.
const MAX_MESSAGES: usize = 5_000_000;
/// Octets of a unique-id; RFC 1939 7 says 70, servers have sent more.
const MAX_UNIQUE_ID: usize = 255;

/// Takes the lines of an answer.
pub trait Lines {
    /// One line, without its end.
    ///
    /// # Errors
    /// The answer can't be meant.
    fn line(&mut self, line: &[u8]) -> Result<()>;
}

/// One message as this session numbers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub number: u32,
    pub size: u64,
    /// None where the server gives none, or nonsense.
    pub unique_id: Option<Box<str>>,
    /// The server gives it to another message as well: it tells nothing.
    pub is_doubled: bool,
}

/// What is in the maildrop now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// By number.
    pub entries: Vec<Entry>,
    /// The server knows UIDL.
    pub has_unique_ids: bool,
    /// Every message was listed and understood: what is not here is gone.
    pub is_complete: bool,
}

/// The answer to LIST.
#[derive(Debug, Default)]
pub struct Sizes {
    found: Vec<(u32, u64)>,
    odd: usize,
}

/// The answer to UIDL.
#[derive(Debug, Default)]
pub struct UniqueIds {
    found: Vec<(u32, Box<str>)>,
    odd: usize,
}

impl Lines for Sizes {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        let parsed = number(line).and_then(|(number, rest)| Some((number, text(first_word(rest))?.parse().ok()?)));
        note(&mut self.found, &mut self.odd, parsed)
    }
}

impl Lines for UniqueIds {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        let parsed = number(line).and_then(|(number, rest)| {
            let id = text(first_word(rest))?;
            (1..=MAX_UNIQUE_ID).contains(&id.len()).then(|| (number, id.into()))
        });
        note(&mut self.found, &mut self.odd, parsed)
    }
}

fn note<T>(found: &mut Vec<T>, odd: &mut usize, parsed: Option<T>) -> Result<()> {
    match parsed {
        Some(one) => found.push(one),
        None => *odd += 1,
    }
    if found.len() + *odd > MAX_MESSAGES {
        return Err(RemoteError::Protocol("the server lists mail without end".into()));
    }
    Ok(())
}

/// The number at the start of a line, above 0, and what follows.
fn number(line: &[u8]) -> Option<(u32, &[u8])> {
    let line = line.trim_ascii();
    let end = line.iter().position(u8::is_ascii_whitespace)?;
    let (digits, rest) = line.split_at(end);
    let number = text(digits)?.parse().ok().filter(|number| *number > 0)?;
    Some((number, rest.trim_ascii_start()))
}

fn first_word(rest: &[u8]) -> &[u8] {
    rest.split(u8::is_ascii_whitespace).next().unwrap_or_default()
}

/// Visible ASCII, as RFC 1939 has it.
fn text(word: &[u8]) -> Option<&str> {
    std::str::from_utf8(word).ok().filter(|text| text.bytes().all(|octet| (0x21..0x7f).contains(&octet)))
}

impl Listing {
    /// Puts the answers together; `count` is what STAT said.
    ///
    /// # Errors
    /// A message number stands for two messages: none could be fetched or deleted safely.
    pub fn new(count: u32, sizes: Sizes, ids: Option<UniqueIds>) -> Result<Self> {
        let has_unique_ids = ids.is_some();
        let mut ids = ids.unwrap_or_default();
        let is_complete = sizes.odd == 0
            && ids.odd == 0
            && usize::try_from(count) == Ok(sizes.found.len())
            && (!has_unique_ids || ids.found.len() == sizes.found.len());
        let mut sizes = sizes.found;
        sizes.sort_unstable_by_key(|(number, _)| *number);
        ids.found.sort_unstable_by_key(|(number, _)| *number);
        if has_twice(&sizes) || has_twice(&ids.found) {
            return Err(RemoteError::Protocol("the server lists one number for two messages".into()));
        }
        let doubled = doubled(&ids.found);
        let mut ids = ids.found.into_iter().peekable();
        let mut entries = Vec::with_capacity(sizes.len());
        for (number, size) in sizes {
            while ids.next_if(|(other, _)| *other < number).is_some() {}
            let unique_id = ids.next_if(|(other, _)| *other == number).map(|(_, id)| id);
            let is_doubled = unique_id.as_ref().is_some_and(|id| doubled.binary_search(id).is_ok());
            entries.push(Entry { number, size, unique_id, is_doubled });
        }
        Ok(Self { entries, has_unique_ids, is_complete })
    }
}

/// Sorted by number: whether one is there twice.
fn has_twice<T>(sorted: &[(u32, T)]) -> bool {
    sorted.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
}

/// Ids that stand at several numbers, sorted.
fn doubled(ids: &[(u32, Box<str>)]) -> Vec<Box<str>> {
    let mut seen: HashMap<&str, bool> = HashMap::with_capacity(ids.len());
    for (_, id) in ids {
        seen.entry(id).and_modify(|twice| *twice = true).or_insert(false);
    }
    let mut doubled: Vec<Box<str>> = seen.into_iter().filter(|(_, twice)| *twice).map(|(id, _)| id.into()).collect();
    doubled.sort_unstable();
    doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken<T: Lines + Default>(text: &str) -> T {
        let mut lines = T::default();
        text.lines().for_each(|line| lines.line(line.as_bytes()).unwrap());
        lines
    }

    fn listing(count: u32, list: &str, uidl: Option<&str>) -> Result<Listing> {
        Listing::new(count, taken(list), uidl.map(taken))
    }

    fn ids(listing: &Listing) -> Vec<(u32, u64, Option<&str>)> {
        listing.entries.iter().map(|entry| (entry.number, entry.size, entry.unique_id.as_deref())).collect()
    }

    #[test]
    fn sizes_and_ids_meet_by_number() {
        let found = listing(3, "1 100\n3 300 extra\n 2  200", Some("2 b\n3 c junk\n1 a")).unwrap();
        assert_eq!(ids(&found), [(1, 100, Some("a")), (2, 200, Some("b")), (3, 300, Some("c"))]);
        assert!(found.is_complete && found.has_unique_ids && !found.entries.iter().any(|entry| entry.is_doubled));
    }

    #[test]
    fn what_is_missing_odd_or_doubled_is_not_believed() {
        let found = listing(3, "1 100\n2 200\n3 300", Some("1 a\n2 a\n3 c")).unwrap();
        assert_eq!(ids(&found), [(1, 100, Some("a")), (2, 200, Some("a")), (3, 300, Some("c"))]);
        assert_eq!(found.entries.iter().map(|entry| entry.is_doubled).collect::<Vec<_>>(), [true, true, false]);
        for (count, list, uidl) in [
            (2, "1 100", "1 a"),
            (1, "1 100\nnonsense", "1 a"),
            (1, "1 100", "1 a\n2"),
            (2, "1 100\n2 200", "1 a"),
            (1, "1 100", "0 a"),
            (1, "1 100", "1 \u{e9}"),
        ] {
            assert!(!listing(count, list, Some(uidl)).unwrap().is_complete, "{count} {list:?} {uidl:?}");
        }
        let none = listing(1, "1 100", None).unwrap();
        assert!(none.is_complete && !none.has_unique_ids);
        assert!(matches!(listing(2, "1 100\n1 200", Some("1 a")), Err(RemoteError::Protocol(_))));
    }
}
