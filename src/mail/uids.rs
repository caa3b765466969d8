//! Sets of uids as inclusive ranges. A range is never taken apart: `1:4294967295` costs as much as `7`.

use super::ids::Key;

/// Uids, sorted and without duplicates, as ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uids {
    ranges: Vec<(u32, u32)>,
}

impl Uids {
    /// Keys of other remotes and 0 are left out.
    pub fn from_keys(keys: &[Key]) -> Self {
        Self::from_uids(keys.iter().filter_map(|key| key.uid()).map(|uid| uid.0).collect())
    }

    pub fn from_uids(mut uids: Vec<u32>) -> Self {
        uids.sort_unstable();
        Self::joined(uids.into_iter().map(|uid| (uid, uid)))
    }

    /// In any order, overlapping or not, with the larger end first or last.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut ranges: Vec<(u32, u32)> = ranges.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect();
        ranges.sort_unstable();
        Self::joined(ranges)
    }

    /// From ranges in the order of their lower ends.
    fn joined(sorted: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for (low, high) in sorted {
            let low = low.max(1);
            match ranges.last_mut() {
                _ if high < low => {}
                Some((_, end)) if low <= end.saturating_add(1) => *end = high.max(*end),
                _ => ranges.push((low, high)),
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

    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// The uids one by one, in order. Only of sets that are known to be small.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.ranges.iter().flat_map(|(start, end)| *start..=*end)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        let mut holes = other.ranges.iter().peekable();
        for &(start, end) in &self.ranges {
            let mut next = Some(start);
            while holes.next_if(|(_, hole_end)| *hole_end < start).is_some() {}
            for &(hole_start, hole_end) in holes.clone().take_while(|(hole_start, _)| *hole_start <= end) {
                if let Some(low) = next.filter(|low| *low < hole_start) {
                    ranges.push((low, hole_start - 1));
                }
                next = hole_end.checked_add(1).filter(|low| *low <= end);
            }
            ranges.extend(next.map(|low| (low, end)));
        }
        Self { ranges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Uid;
    use proptest::prelude::*;

    #[test]
    fn keys_become_ranges() {
        let keys: Vec<Key> = [9, 3, 1, 2, 3, 0, 10].iter().map(|uid| Key::Uid(Uid(*uid))).collect();
        let set = Uids::from_keys(&keys);
        assert_eq!(set.ranges(), [(1, 3), (9, 10)]);
        assert_eq!(set.len(), 5);
        assert!(set.contains(2) && !set.contains(4) && set.contains(9) && !set.contains(0));
        assert_eq!(Uids::from_uids(vec![u32::MAX, u32::MAX - 1]).ranges(), [(u32::MAX - 1, u32::MAX)]);
    }

    #[test]
    fn all_numbers_there_are_cost_nothing() {
        let all = Uids::from_ranges([(u32::MAX, 0), (5, 6)]);
        assert_eq!((all.ranges(), all.len()), (&[(1, u32::MAX)][..], u64::from(u32::MAX)));
        assert_eq!(all.without(&Uids::from_uids(vec![1, 7, u32::MAX])).ranges(), [(2, 6), (8, u32::MAX - 1)]);
        assert!(all.without(&all).is_empty());
        assert!(Uids::from_ranges([(0, 0)]).is_empty());
    }

    fn few() -> impl Strategy<Value = Vec<(u32, u32)>> {
        proptest::collection::vec((0_u32..60, 0_u32..60), 0..12)
    }

    fn listed(ranges: &[(u32, u32)]) -> Vec<u32> {
        let mut uids: Vec<u32> = ranges.iter().flat_map(|(a, b)| *a.min(b)..=*a.max(b)).filter(|uid| *uid > 0).collect();
        uids.sort_unstable();
        uids.dedup();
        uids
    }

    proptest! {
        #[test]
        fn ranges_are_what_the_numbers_one_by_one_are(a in few(), b in few()) {
            let (set, other) = (Uids::from_ranges(a.clone()), Uids::from_ranges(b.clone()));
            let (mine, theirs) = (listed(&a), listed(&b));
            prop_assert_eq!(set.iter().collect::<Vec<_>>(), mine.clone());
            prop_assert_eq!(set.len(), mine.len() as u64);
            prop_assert_eq!(&Uids::from_uids(mine.clone()), &set);
            for uid in 0..61 {
                prop_assert_eq!(set.contains(uid), mine.contains(&uid));
            }
            let rest: Vec<u32> = mine.into_iter().filter(|uid| !theirs.contains(uid)).collect();
            let without = set.without(&other);
            prop_assert_eq!(without.iter().collect::<Vec<_>>(), rest);
            prop_assert!(without.ranges().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }
}
