//! Threads: messages joined by Message-ID and References (RFC 5322 3.6.4). The store keeps which thread a
//! message is in (incrementally, in any order of arrival); the order inside one thread is computed here.

use std::collections::HashMap;

use super::ids::MessageId;

/// A 64-bit name for a Message-ID, so that the store needs 8 bytes where the header has 80. Stable over
/// releases: it is stored. FNV-1a over the trimmed id, case kept; 0 only for an empty one.
pub fn id_hash(rfc_message_id: &str) -> i64 {
    let id = rfc_message_id.trim();
    if id.is_empty() {
        return 0;
    }
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    hash.max(1).cast_signed()
}

/// A subject without the marks of replies and forwards before it.
pub fn bare_subject(subject: &str) -> &str {
    let mut bare = subject.trim_start();
    while let Some((mark, rest)) = bare.split_once(':') {
        if !matches!(mark.trim_end().to_lowercase().as_str(), "re" | "fw" | "fwd" | "aw" | "sv" | "wg" | "vs" | "tr" | "rif" | "antw") {
            break;
        }
        bare = rest.trim_start();
    }
    bare
}

/// A member of a thread, as much of it as ordering needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: MessageId,
    /// Hash of its own Message-ID; 0 where it has none.
    pub hash: i64,
    /// Hash of the last of its references; 0 where it has none.
    pub parent: i64,
    /// Unix seconds.
    pub date: i64,
}

impl Member {
    /// Oldest first; of two of the same second by their Message-IDs and what they answer, so that it does not matter which came here first.
    pub fn age(&self) -> (i64, i64, i64, MessageId) {
        (self.date, self.hash, self.parent, self.id)
    }
}

/// Reply order: each member with its depth, parents before children, siblings by date. Loops are cut at
/// the oldest member; every member appears exactly once.
pub fn order(members: &[Member]) -> Vec<(MessageId, u8)> {
    let mut sorted: Vec<Member> = members.to_vec();
    sorted.sort_unstable_by_key(Member::age);
    let parents = cut_loops(find_parents(&sorted));
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); sorted.len()];
    let mut stack: Vec<(usize, u8)> = Vec::new();
    for (index, parent) in parents.iter().enumerate() {
        match parent.and_then(|parent| children.get_mut(parent)) {
            Some(siblings) => siblings.push(index),
            None => stack.push((index, 0)),
        }
    }
    stack.reverse();
    let mut ordered = Vec::with_capacity(sorted.len());
    while let Some((index, depth)) = stack.pop() {
        ordered.extend(sorted.get(index).map(|member| (member.id, depth)));
        let below = children.get(index).map(Vec::as_slice).unwrap_or_default();
        stack.extend(below.iter().rev().map(|&child| (child, depth.saturating_add(1))));
    }
    ordered
}

/// The index of each member's parent; of several members with the same Message-ID the oldest is the parent.
fn find_parents(sorted: &[Member]) -> Vec<Option<usize>> {
    let mut by_hash: HashMap<i64, usize> = HashMap::with_capacity(sorted.len());
    for (index, member) in sorted.iter().enumerate() {
        if member.hash != 0 {
            by_hash.entry(member.hash).or_insert(index);
        }
    }
    let parent_of = |(index, member): (usize, &Member)| match by_hash.get(&member.parent) {
        Some(&parent) if member.parent != 0 && parent != index && member.parent != member.hash => Some(parent),
        _ => None,
    };
    sorted.iter().enumerate().map(parent_of).collect()
}

/// Makes the lowest index of every loop (the oldest member) a root.
fn cut_loops(mut parents: Vec<Option<usize>>) -> Vec<Option<usize>> {
    // 0 = not visited, else the number of the walk that came by
    let mut visited = vec![0_usize; parents.len()];
    for start in 0..parents.len() {
        let walk = start + 1;
        let mut at = Some(start);
        while let Some(index) = at {
            match visited.get(index).copied() {
                Some(0) => {
                    if let Some(mark) = visited.get_mut(index) {
                        *mark = walk;
                    }
                    at = parents.get(index).copied().flatten();
                }
                Some(seen) if seen == walk => {
                    cut_loop(&mut parents, index);
                    break;
                }
                _ => break,
            }
        }
    }
    parents
}

/// `inside` is on a loop: its oldest member loses its parent.
fn cut_loop(parents: &mut [Option<usize>], inside: usize) {
    let next = |index: usize| parents.get(index).copied().flatten();
    let mut oldest = inside;
    let mut at = next(inside);
    while let Some(index) = at.filter(|&index| index != inside) {
        oldest = oldest.min(index);
        at = next(index);
    }
    if let Some(parent) = parents.get_mut(oldest) {
        *parent = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(id: i64, hash: i64, parent: i64) -> Member {
        Member { id: MessageId(id), hash, parent, date: id }
    }

    fn shown(members: &[Member]) -> Vec<(i64, u8)> {
        order(members).into_iter().map(|(id, depth)| (id.0, depth)).collect()
    }

    #[test]
    fn hashes_are_fixed_and_trimmed() {
        assert_eq!(id_hash(""), 0);
        assert_eq!(id_hash("a"), 0xaf63_dc4c_8601_ec8c_u64.cast_signed());
        assert_eq!(id_hash(" x@y "), id_hash("x@y"));
        assert_ne!(id_hash("X@y"), id_hash("x@y"));
    }

    #[test]
    fn replies_follow_their_parents_and_siblings_are_by_date() {
        let members = [member(1, 10, 0), member(2, 20, 10), member(3, 30, 10), member(4, 40, 20), member(5, 50, 99)];
        assert_eq!(shown(&members), [(1, 0), (2, 1), (4, 2), (3, 1), (5, 0)]);
    }

    #[test]
    fn loops_are_cut_at_the_oldest() {
        assert_eq!(shown(&[member(1, 10, 30), member(2, 20, 10), member(3, 30, 20)]), [(1, 0), (2, 1), (3, 2)]);
        assert_eq!(shown(&[member(1, 10, 10)]), [(1, 0)]);
        assert_eq!(shown(&[member(1, 10, 0), member(2, 10, 10)]), [(1, 0), (2, 0)]);
    }

    #[test]
    fn a_very_long_chain_ends() {
        let members: Vec<Member> = (1..5000).map(|n| member(n, n, n - 1)).collect();
        let ordered = shown(&members);
        assert_eq!(ordered.len(), members.len());
        assert_eq!(ordered.last().map(|last| last.1), Some(u8::MAX));
    }

    proptest! {
        #[test]
        fn every_member_comes_once_whatever_the_order(links in prop::collection::vec((0_i64..12, 0_i64..12, 0_i64..6), 0..40), turn in 0_usize..40) {
            let members: Vec<Member> = links.iter().enumerate()
                .map(|(n, &(hash, parent, date))| Member { id: MessageId(n as i64), hash, parent, date }).collect();
            let ordered = order(&members);
            let mut ids: Vec<i64> = ordered.iter().map(|(id, _)| id.0).collect();
            ids.sort_unstable();
            prop_assert_eq!(ids, (0..members.len() as i64).collect::<Vec<_>>());
            let mut turned = members.clone();
            if !turned.is_empty() {
                let by = turn % turned.len();
                turned.rotate_left(by);
            }
            prop_assert_eq!(order(&turned), ordered);
        }
    }
}
