//! Threads are what the messages are, whatever order they come in: random histories with loops, copies and parents that never came,
//! each played in several orders and over two mailboxes. `POSTRIDER_SEED=7` plays one again, `POSTRIDER_SEEDS=500` more of them.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{Store, key, message};
use crate::mail::server::NewMessage;
use crate::mail::{Listing, MailboxId, MessageId, Scope};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

fn seeds() -> Vec<u64> {
    let set = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = set("POSTRIDER_SEED_FROM").unwrap_or(1);
    set("POSTRIDER_SEED").map_or_else(|| (first..first + set("POSTRIDER_SEEDS").unwrap_or(12)).collect(), |seed| vec![seed])
}

/// Messages by number: some have no Message-ID, some that of another, some refer to themselves, to later ones, or to what never comes.
fn history(random: &mut Random, size: usize) -> Vec<NewMessage> {
    let one = |n: usize| {
        let mut it = message(n as u32 + 1, &format!("{n}"));
        it.envelope.subject = format!("{n}");
        let (kind, date) = (random.below(10), 1_700_000_000 + random.below(size / 2) as i64);
        it.envelope.rfc_message_id = match kind {
            0 => None,
            1 => Some(format!("{}@example.org", random.below(size))),
            _ => Some(format!("{n}@example.org")),
        };
        // nothing but the date tells two copies apart, or two without a Message-ID
        it.envelope.date = Some(if kind < 2 { 1_700_001_000 + n as i64 } else { date });
        let near = |random: &mut Random| (n / 6 * 6 + random.below(9)).min(size + 5);
        it.envelope.references = (0..random.below(4)).map(|_| format!("{}@example.org", near(random))).collect();
        it
    };
    (0..size).map(one).collect()
}

/// Which messages are together, by their numbers.
type Together = BTreeSet<BTreeSet<String>>;
/// Each thread in its reply order, with depths.
type Trees = BTreeSet<Vec<(String, u8)>>;

fn threads(store: &Store) -> (Together, Trees) {
    let listing = Listing { scope: Scope::Account(store.work), ..Listing::mailbox(store.inbox, true) };
    let named = |id: MessageId| store.reader.summaries(&[id]).unwrap().remove(0).subject;
    let mut apart: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    for mailbox in [store.inbox, store.archive] {
        for row in store.reader.rows(&Listing::mailbox(mailbox, false)).unwrap() {
            apart.entry(row.thread.0).or_default().insert(named(row.id));
        }
    }
    let trees = store.reader.rows(&listing).unwrap().into_iter().map(|row| {
        let members = store.reader.thread_rows(&listing, row.thread, &[]).unwrap();
        members.into_iter().map(|row| (named(row.id), row.depth)).collect()
    });
    (apart.into_values().collect(), trees.collect())
}

/// Fills a store with the messages in this order, in batches of random sizes, each in the mailbox of its number.
fn filled(messages: &[NewMessage], order: &[usize], random: &mut Random) -> Store {
    let store = Store::new();
    let mut rest = order;
    while !rest.is_empty() {
        let (batch, more) = rest.split_at((1 + random.below(9)).min(rest.len()));
        rest = more;
        let mut by_mailbox: BTreeMap<MailboxId, Vec<NewMessage>> = BTreeMap::new();
        for &at in batch {
            let mailbox = if at % 3 == 0 { store.archive } else { store.inbox };
            let mut one = messages[at].clone();
            one.key = key(at as u32 + 1);
            by_mailbox.entry(mailbox).or_default().push(one);
        }
        for (mailbox, list) in by_mailbox {
            store.writer.add_messages(mailbox, list).wait().unwrap();
        }
    }
    store
}

#[test]
fn threads_are_the_same_whatever_order_messages_come_in() {
    for seed in seeds() {
        println!("seed {seed}");
        let random = &mut Random(seed);
        let messages = history(random, 60);
        let mut order: Vec<usize> = (0..messages.len()).collect();
        let first = threads(&filled(&messages, &order, random));
        assert!(first.0.len() > 3 && first.0.len() < 40, "seed {seed}: {} threads are no test", first.0.len());
        for turn in 0..4 {
            match turn {
                0 => order.reverse(),
                _ => (1..order.len()).rev().for_each(|at| order.swap(at, random.below(at + 1))),
            }
            assert_eq!(threads(&filled(&messages, &order, random)), first, "seed {seed}, order {order:?}");
        }
    }
}
