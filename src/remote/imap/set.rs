//! Sets of uids as IMAP writes them (RFC 9051 sequence-set): always ranges, never a long list of numbers.

use crate::mail::Uids;
use crate::mail::server::Window;

/// Octets of one set in a command; servers refuse lines over 8 KiB (RFC 7162 section 4 suggests that much).
const MAX_TEXT: usize = 4000;

/// A set as commands take it, each text short enough for one line.
pub fn texts(set: &Uids) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for (start, end) in set.ranges() {
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

/// A window as a set; `*` where it has no end (an answer then always holds the last message, RFC 9051 6.4.9:
/// filter by [`holds`]).
pub fn window_text(window: Window) -> String {
    let low = window.low.max(1);
    if window.high == u32::MAX { format!("{low}:*") } else { format!("{low}:{}", window.high.max(low)) }
}

pub fn holds(window: Window, uid: u32) -> bool {
    (window.low.max(1)..=window.high).contains(&uid)
}

/// Reads a server's set of uids (`1:3,7`); parts that are no range are left out.
pub fn parse(text: &str) -> Uids {
    Uids::from_ranges(text.split(',').filter_map(range))
}

fn range(part: &str) -> Option<(u32, u32)> {
    let (start, end) = part.split_once(':').unwrap_or((part, part));
    Some((start.parse().ok()?, end.parse().ok()?))
}

/// Reads a server's set in its own order (COPYUID gives pairs by position). None where it is broken or
/// names more than `max`: ranges of a liar are never expanded.
pub fn parse_ordered(text: &str, max: usize) -> Option<Vec<u32>> {
    let mut uids = Vec::new();
    for part in text.split(',') {
        let (start, end) = range(part)?;
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
    fn long_sets_are_split_over_several_commands() {
        let texts = texts(&Uids::from_uids((1..=20_000).step_by(2).collect()));
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
        assert_eq!(parse("1:4294967295,x,9:").len(), u64::from(u32::MAX));
        assert_eq!(parse_ordered("3,1:2", 10), Some(vec![3, 1, 2]));
        assert_eq!(parse_ordered("5:4", 10), Some(vec![4, 5]));
        for broken in ["", "a", "0", "1,,2", "1:", "-1"] {
            assert_eq!(parse_ordered(broken, 10), None, "{broken:?}");
        }
    }

    proptest! {
        #[test]
        fn a_set_names_exactly_its_uids(uids in proptest::collection::vec(1_u32..500, 0..80)) {
            let set = Uids::from_uids(uids);
            let read: Vec<u32> = texts(&set).iter().flat_map(|text| parse_ordered(text, 1000).unwrap()).collect();
            prop_assert_eq!(read, set.iter().collect::<Vec<_>>());
            prop_assert_eq!(parse(&texts(&set).join(",")), set);
        }
    }
}
