//! Sets of uids as IMAP writes them (RFC 9051 sequence-set): always ranges, never a long list of numbers.

use crate::mail::server::Window;
use crate::mail::{Key, Uid};

/// Uids, sorted and without duplicates, as inclusive ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

/// Octets of one set in a command; servers refuse lines over 8 KiB (RFC 7162 section 4 suggests that much).
const MAX_TEXT: usize = 4000;

impl UidSet {
    /// Keys of other remotes and 0 are left out.
    pub fn from_keys(keys: &[Key]) -> Self {
        Self::from_uids(keys.iter().filter_map(|key| key.uid()).map(|Uid(uid)| uid).collect())
    }

    pub fn from_uids(mut uids: Vec<u32>) -> Self {
        uids.retain(|uid| *uid > 0);
        uids.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for uid in uids {
            match ranges.last_mut() {
                Some((_, end)) if uid <= end.saturating_add(1) => *end = uid,
                _ => ranges.push((uid, uid)),
            }
        }
        Self { ranges }
    }

    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn contains(&self, uid: u32) -> bool {
        let at = self.ranges.partition_point(|(_, end)| *end < uid);
        self.ranges.get(at).is_some_and(|(start, _)| *start <= uid)
    }

    /// How many uids.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|(start, end)| u64::from(end - start) + 1).sum()
    }

    /// As commands take them, each text short enough for one line.
    pub fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for (start, end) in &self.ranges {
            let range = if start == end { start.to_string() } else { format!("{start}:{end}") };
            match texts.last_mut() {
                Some(text) if text.len() + range.len() < MAX_TEXT => {
                    text.push(',');
                    text.push_str(&range);
                }
                _ => texts.push(range),
            }
        }
        texts
    }

    /// The uids one by one, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().flat_map(|(start, end)| *start..=*end)
    }
}

/// A window as a set; `*` where it has no end (an answer then always holds the last message, RFC 9051 6.4.9:
/// filter by [`holds`]).
pub fn window_text(window: Window) -> String {
    let low = window.low.max(1);
    if window.high == u32::MAX { format!("{low}:*") } else { format!("{low}:{}", window.high.max(low)) }
}

pub fn holds(window: Window, uid: u32) -> bool {
    (window.low.max(1)..=window.high).contains(&uid)
}

/// Reads a server's set in its own order (COPYUID gives pairs by position). None where it is broken or
/// names more than `max`: ranges of a liar are never expanded.
pub fn parse_ordered(text: &str, max: usize) -> Option<Vec<u32>> {
    let mut uids = Vec::new();
    for part in text.split(',') {
        let (start, end) = part.split_once(':').unwrap_or((part, part));
        let (start, end): (u32, u32) = (start.parse().ok()?, end.parse().ok()?);
        let (low, high) = (start.min(end), start.max(end));
        if low == 0 || u64::from(high - low) + 1 + uids.len() as u64 > max as u64 {
            return None;
        }
        uids.extend(low..=high);
    }
    Some(uids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_become_ranges() {
        let keys: Vec<Key> = [9, 3, 1, 2, 3, 0, 10].iter().map(|uid| Key::Uid(Uid(*uid))).collect();
        let set = UidSet::from_keys(&keys);
        assert_eq!(set.texts(), ["1:3,9:10"]);
        assert_eq!(set.len(), 5);
        assert!(set.contains(2) && !set.contains(4) && set.contains(9) && !set.contains(0));
        assert_eq!(UidSet::from_uids(vec![u32::MAX, u32::MAX - 1]).texts(), ["4294967294:4294967295"]);
    }

    #[test]
    fn long_sets_are_split_over_several_commands() {
        let texts = UidSet::from_uids((1..=20_000).step_by(2).collect()).texts();
        assert!(texts.len() > 1 && texts.iter().all(|text| text.len() <= MAX_TEXT));
        assert_eq!(texts.iter().map(|text| text.split(',').count()).sum::<usize>(), 10_000);
    }

    #[test]
    fn windows_hold_their_ends() {
        assert_eq!(window_text(Window::ALL), "1:*");
        assert_eq!(window_text(Window { low: 5, high: 9 }), "5:9");
        assert!(holds(Window { low: 5, high: 9 }, 9) && !holds(Window { low: 5, high: u32::MAX }, 4));
    }

    #[test]
    fn a_liars_range_is_not_expanded() {
        assert_eq!(parse_ordered("1:4294967295", 1000), None);
        assert_eq!(parse_ordered("3,1:2", 10), Some(vec![3, 1, 2]));
        assert_eq!(parse_ordered("5:4", 10), Some(vec![4, 5]));
        for broken in ["", "a", "0", "1,,2", "1:", "-1"] {
            assert_eq!(parse_ordered(broken, 10), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn a_set_names_exactly_its_uids(uids in proptest::collection::vec(1_u32..500, 0..80)) {
            let set = UidSet::from_uids(uids.clone());
            let mut expect = uids;
            expect.sort_unstable();
            expect.dedup();
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), expect.clone());
            let read: Vec<u32> = set.texts().iter().flat_map(|text| parse_ordered(text, 1000).unwrap()).collect();
            prop_assert_eq!(read, expect);
        }
    }
}
