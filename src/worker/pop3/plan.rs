//! What a session does: the pure function [`plan`] over what the server lists, what is known of it, and what
//! lies here. Nothing is deleted there that is not known to lie here under the same unique-id with the same size.

use std::collections::{HashMap, HashSet};

use crate::config::Leave;
use crate::remote::pop3::{Entry, Listing, MAX_MESSAGE};
use crate::store::Popped;

const DAY: i64 = 86_400;

/// Begins the names of messages that are known by their content; no unique-id holds a blank.
pub const BY_CONTENT: &str = " content:";

/// What is to be done, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Unique-ids that a complete listing no longer has.
    pub forget: Vec<String>,
    /// Rows of messages that were found to be deleted here.
    pub gone: Vec<Popped>,
    /// To be fetched, newest first.
    pub fetch: Vec<Entry>,
    /// To be looked at: only their content tells whether they are known. Oldest first; never deleted.
    pub by_content: Vec<Entry>,
    /// Larger than any message may be.
    pub too_large: Vec<Entry>,
    /// To be deleted there: they lie here, or were deleted here.
    pub delete: Vec<u32>,
}

/// Chooses. `here`: base names in the Maildir, where the rule asks for them.
pub fn plan(listing: &Listing, known: &[Popped], leave: Leave, now: i64, here: Option<&HashSet<String>>) -> Plan {
    let rows: HashMap<&str, &Popped> = known.iter().map(|row| (row.unique_id.as_str(), row)).collect();
    let mut plan = Plan::default();
    for entry in listing.entries.iter().rev() {
        let row = entry.unique_id.as_deref().and_then(|id| rows.get(id)).filter(|row| row.size == entry.size);
        match (row, &entry.unique_id) {
            _ if entry.size > MAX_MESSAGE => plan.too_large.push(entry.clone()),
            (_, Some(_)) if entry.is_doubled => plan.by_content.push(entry.clone()),
            (_, None) => plan.by_content.push(entry.clone()),
            (Some(row), _) if row.base_name.is_some() => {
                let is_gone = row.gone || is_absent(row, leave, here);
                if is_gone && !row.gone {
                    plan.gone.push(Popped { gone: true, ..(*row).clone() });
                }
                if is_over(row, leave, now, is_gone) {
                    plan.delete.push(entry.number);
                }
            }
            _ => plan.fetch.push(entry.clone()),
        }
    }
    plan.by_content.reverse();
    if listing.is_complete && listing.has_unique_ids {
        let listed: HashSet<&str> = listing.entries.iter().filter_map(|entry| entry.unique_id.as_deref()).collect();
        let lost = known.iter().filter(|row| !row.unique_id.starts_with(BY_CONTENT) && !listed.contains(row.unique_id.as_str()));
        plan.forget = lost.map(|row| row.unique_id.clone()).collect();
    }
    plan
}

/// The file is in no mailbox any more, and the rule is about that.
fn is_absent(row: &Popped, leave: Leave, here: Option<&HashSet<String>>) -> bool {
    let (Leave::UntilDeleted, Some(here), Some(name)) = (leave, here, &row.base_name) else { return false };
    !here.contains(name)
}

/// Its time on the server is over.
fn is_over(row: &Popped, leave: Leave, now: i64, is_gone: bool) -> bool {
    match leave {
        Leave::Always => false,
        Leave::Days(days) => now >= row.fetched.saturating_add(i64::from(days) * DAY),
        Leave::UntilDeleted => is_gone,
        Leave::Never => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32, size: u64, unique_id: &str) -> Entry {
        Entry { number, size, unique_id: (!unique_id.is_empty()).then(|| unique_id.into()), is_doubled: false }
    }

    fn listing(entries: Vec<Entry>) -> Listing {
        Listing { entries, has_unique_ids: true, is_complete: true }
    }

    fn row(unique_id: &str, size: u64) -> Popped {
        Popped { unique_id: unique_id.into(), size, base_name: Some(format!("file-{unique_id}")), fetched: 1_000 * DAY, gone: false }
    }

    fn numbers(entries: &[Entry]) -> Vec<u32> {
        entries.iter().map(|entry| entry.number).collect()
    }

    #[test]
    fn new_mail_is_fetched_newest_first_and_known_mail_is_not() {
        let listing = listing(vec![entry(1, 10, "a"), entry(2, 20, "b"), entry(3, 30, "c")]);
        let plan = plan(&listing, &[row("b", 20)], Leave::Always, 0, None);
        assert_eq!((numbers(&plan.fetch), plan.delete, plan.forget), (vec![3, 1], vec![], vec![]));
    }

    #[test]
    fn each_rule_deletes_when_it_says_and_only_what_lies_here() {
        let now = 1_000 * DAY;
        let (one, deleted) = (row("a", 10), Popped { gone: true, ..row("a", 10) });
        let unfetched = Popped { base_name: None, ..row("a", 10) };
        let here: HashSet<String> = ["file-a".to_owned()].into();
        let nothing = HashSet::new();
        for (leave, row, days, here, expect) in [
            (Leave::Always, &one, 9_999, Some(&nothing), false),
            (Leave::Always, &deleted, 9_999, Some(&nothing), false),
            (Leave::Days(14), &one, 13, None, false),
            (Leave::Days(14), &one, 14, None, true),
            (Leave::Days(14), &one, -5, None, false),
            (Leave::UntilDeleted, &one, 9_999, Some(&here), false),
            (Leave::UntilDeleted, &one, 0, Some(&nothing), true),
            (Leave::UntilDeleted, &one, 0, None, false),
            (Leave::UntilDeleted, &deleted, 0, Some(&here), true),
            (Leave::Never, &one, 0, None, true),
            (Leave::Never, &unfetched, 0, None, false),
        ] {
            let plan = plan(&listing(vec![entry(7, 10, "a")]), std::slice::from_ref(row), leave, now + days * DAY, here);
            assert_eq!(plan.delete, if expect { vec![7] } else { vec![] }, "{leave:?} {row:?} {days} {here:?}");
            assert_eq!(plan.gone.len(), usize::from(leave == Leave::UntilDeleted && here == Some(&nothing) && !row.gone));
            assert_eq!(plan.fetch.len(), usize::from(row.base_name.is_none()));
        }
    }

    #[test]
    fn a_unique_id_with_another_size_is_another_message() {
        let plan = plan(&listing(vec![entry(1, 11, "a")]), &[row("a", 10)], Leave::Never, i64::MAX, None);
        assert_eq!((numbers(&plan.fetch), plan.delete, plan.forget), (vec![1], vec![], vec![]));
    }

    #[test]
    fn numbers_of_another_session_mean_nothing() {
        let known = [row("a", 10), row("b", 10)];
        let plan = plan(&listing(vec![entry(1, 10, "b"), entry(2, 10, "c")]), &known, Leave::Never, 0, None);
        assert_eq!((numbers(&plan.fetch), plan.delete, plan.forget), (vec![2], vec![1], vec!["a".to_owned()]));
    }

    #[test]
    fn what_is_doubled_or_has_no_unique_id_is_never_deleted() {
        let twice = |number| Entry { is_doubled: true, ..entry(number, 10, "a") };
        let plan = plan(&listing(vec![twice(1), twice(2), entry(3, 10, "")]), &[row("a", 10)], Leave::Never, i64::MAX, None);
        assert_eq!((numbers(&plan.by_content), plan.delete, plan.forget), (vec![1, 2, 3], vec![], vec![]));
    }

    #[test]
    fn only_a_complete_listing_makes_forget_and_only_unique_ids() {
        let known = [row("a", 10), row(" content:x", 10)];
        assert_eq!(plan(&listing(vec![]), &known, Leave::Never, 0, None).forget, ["a"]);
        for listing in [Listing { is_complete: false, ..listing(vec![]) }, Listing { has_unique_ids: false, ..listing(vec![]) }] {
            assert!(plan(&listing, &known, Leave::Never, 0, None).forget.is_empty());
        }
    }

    #[test]
    fn what_is_too_large_costs_itself_only() {
        let plan = plan(&listing(vec![entry(1, MAX_MESSAGE + 1, "a"), entry(2, 5, "b")]), &[], Leave::Never, 0, None);
        assert_eq!((numbers(&plan.too_large), numbers(&plan.fetch)), (vec![1], vec![2]));
    }
}
