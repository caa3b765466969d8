//! Threads are what the messages are, whatever order they come in: random histories with loops, copies and parents that never came,
//! each played in several orders and over two mailboxes. `POSTRIDER_SEED=7` plays one again, `POSTRIDER_SEEDS=500` more of them.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{Store, key, message};
use crate::mail::server::NewMessage;
use crate::mail::{Change, Listing, MailboxId, MessageId, Scope};
use crate::store::Paths;

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

fn filled(messages: &[NewMessage], order: &[usize], random: &mut Random) -> Store {
    let store = Store::new();
    fill(&store, messages, order, random);
    store
}

/// Fills a store with the messages in this order, in batches of random sizes, each in the mailbox of its number.
fn fill(store: &Store, messages: &[NewMessage], order: &[usize], random: &mut Random) {
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
}

fn shuffle(order: &mut [usize], random: &mut Random) {
    (1..order.len()).rev().for_each(|at| order.swap(at, random.below(at + 1)));
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
                _ => shuffle(&mut order, random),
            }
            assert_eq!(threads(&filled(&messages, &order, random)), first, "seed {seed}, order {order:?}");
        }
    }
}

/// Cuts and joins messages at random, as far as it is allowed; how often it was.
fn cut_and_join(store: &Store, random: &mut Random, times: usize) -> usize {
    let ids: Vec<MessageId> = [store.inbox, store.archive].into_iter().flat_map(|mailbox| store.shown(mailbox)).collect();
    let one = |random: &mut Random| ids[random.below(ids.len())];
    let change = |random: &mut Random| match random.below(2) {
        0 => Change::Cut { ids: vec![one(random)] },
        _ => Change::Join { ids: (0..=random.below(2)).map(|_| one(random)).collect(), to: one(random) },
    };
    (0..times).filter(|_| store.writer.apply(change(random), "done".into()).wait().is_ok()).count()
}

/// A new mail.db beside the same user.db.
fn rebuilt(store: Store) -> Store {
    store.writer.stop();
    let (folder, from) = (tempfile::tempdir().unwrap(), Paths::in_folder(store.folder.path()));
    std::fs::copy(from.user_db, Paths::in_folder(folder.path()).user_db).unwrap();
    Store::in_folder(folder)
}

#[test]
fn threads_cut_and_joined_by_hand_are_the_same_in_any_order_of_arrival_and_in_a_new_file() {
    for seed in seeds() {
        println!("seed {seed}");
        let random = &mut Random(seed);
        let messages = history(random, 40);
        let mut order: Vec<usize> = (0..messages.len()).collect();
        shuffle(&mut order, random);
        let (before, after) = order.split_at(20);
        let mut store = filled(&messages, before, random);
        let first = cut_and_join(&store, random, 6);
        fill(&store, &messages, after, random);
        let done = first + cut_and_join(&store, random, 6);
        assert!(done > 2, "seed {seed}: {done} cuts and joints are no test");
        let edited = threads(&store);
        store.reopen();
        assert_eq!(threads(&store), edited, "seed {seed}: after a restart");

        let plain = threads(&filled(&messages, &order, random));
        let count = |store: &Store, how: fn(&Store) -> bool| (0..done).filter(|_| how(store)).count();
        assert_eq!(count(&store, |store| store.undo().is_some()), done);
        assert_eq!(threads(&store), plain, "seed {seed}: taken back");
        assert_eq!(count(&store, |store| store.redo().is_some()), done);
        assert_eq!(threads(&store), edited, "seed {seed}: done again");

        for turn in 0..3 {
            shuffle(&mut order, random);
            store = rebuilt(store);
            fill(&store, &messages, &order, random);
            assert_eq!(threads(&store), edited, "seed {seed}, turn {turn}, order {order:?}");
        }
        store.check();
    }
}

/// Messages `a b(a) c(a b) d(a b c) x`, where each names those before it.
fn chain(store: &Store) -> Vec<MessageId> {
    let refers: [(&str, &[&str]); 5] = [("a", &[]), ("b", &["a"]), ("c", &["a", "b"]), ("d", &["a", "b", "c"]), ("x", &[])];
    refers.iter().enumerate().map(|(at, (name, references))| add(store, at as u32 + 1, name, references)).collect()
}

fn add(store: &Store, uid: u32, name: &str, references: &[&str]) -> MessageId {
    let mut it = message(uid, name);
    it.envelope.subject = name.into();
    it.envelope.references = references.iter().map(|name| format!("{name}@example.org")).collect();
    store.writer.add_messages(store.inbox, vec![it]).wait().unwrap().mailboxes[0].added[0]
}

/// "a b.c x": threads in order of their first, members by depth in dots.
fn shown(store: &Store) -> String {
    let mut trees: Vec<String> =
        threads(store).1.into_iter().map(|tree| tree.iter().map(|(name, depth)| ".".repeat(*depth as usize) + name).collect()).collect();
    trees.sort();
    trees.join(" ")
}

#[test]
fn a_message_is_cut_off_with_all_that_answers_it_and_what_comes_later_goes_there_too() {
    let store = Store::new();
    let ids = chain(&store);
    assert_eq!(shown(&store), "a.b..c...d x");
    let changed = store.apply(Change::Cut { ids: vec![ids[2]] });
    assert_eq!((changed.done, changed.asked), (1, 1));
    assert_eq!(shown(&store), "a.b c.d x");
    add(&store, 6, "e", &["a", "b", "c", "d"]);
    // the middle of its references was left out
    add(&store, 7, "f", &["a", "d"]);
    add(&store, 8, "g", &["a"]);
    assert_eq!(shown(&store), "a.b.g c.d..e..f x");
    store.undo();
    assert_eq!(shown(&store), "a.b..c...d....e....f.g x");
    store.redo();
    assert_eq!(shown(&store), "a.b.g c.d..e..f x");
}

#[test]
fn an_answer_finds_its_thread_though_what_stands_between_is_gone() {
    let store = Store::new();
    let ids = chain(&store);
    store.apply(Change::Cut { ids: vec![ids[1]] });
    let gone = vec![ids[1], ids[2]];
    store.apply(Change::Delete { ids: gone });
    while let Some(push) = store.push() {
        store.end_done(push);
    }
    add(&store, 6, "e", &["a", "b", "c"]);
    let (together, _) = threads(&store);
    assert!(together.iter().any(|thread| thread.iter().eq(["d", "e"])), "{together:?}");
}

#[test]
fn messages_are_joined_under_another_with_what_answers_them() {
    let store = Store::new();
    let ids = chain(&store);
    store.apply(Change::Cut { ids: vec![ids[2]] });
    // d stays under c, which goes
    let joined = store.apply(Change::Join { ids: vec![ids[2], ids[3]], to: ids[4] });
    assert_eq!((joined.done, joined.asked), (2, 2));
    assert_eq!(shown(&store), "a.b x.c..d");
    let store = store.restart();
    assert_eq!(shown(&store), "a.b x.c..d");
    store.apply(Change::Cut { ids: vec![ids[3]] });
    store.apply(Change::Join { ids: vec![ids[4]], to: ids[1] });
    assert_eq!(shown(&store), "a.b..x...c d");
    for expect in ["a.b d x.c", "a.b x.c..d", "a.b c.d x", "a.b..c...d x"] {
        store.undo();
        assert_eq!(shown(&store), expect);
    }
}

#[test]
fn what_can_not_be_cut_or_joined_is_refused_and_changes_nothing() {
    let store = Store::new();
    let ids = chain(&store);
    let mut nameless = message(6, "n");
    nameless.envelope.rfc_message_id = None;
    nameless.envelope.subject = "n".into();
    let nameless = store.writer.add_messages(store.inbox, vec![nameless]).wait().unwrap().mailboxes[0].added[0];
    let refused = |change: Change| store.writer.apply(change, "done".into()).wait().unwrap_err().to_string();
    assert!(refused(Change::Cut { ids: vec![ids[0]] }).contains("the first of its thread"));
    assert!(refused(Change::Cut { ids: vec![nameless] }).contains("without a Message-ID"));
    assert!(refused(Change::Join { ids: vec![nameless], to: ids[0] }).contains("without a Message-ID"));
    assert!(refused(Change::Join { ids: vec![ids[0]], to: ids[3] }).contains("under one that answers it"));
    assert!(refused(Change::Join { ids: vec![ids[3]], to: ids[2] }).contains("already"));
    assert_eq!(shown(&store), "a.b..c...d n x");
    assert!(store.undo().is_none());
    // of several those that can
    let some = store.apply(Change::Cut { ids: vec![ids[0], ids[2], nameless] });
    assert_eq!((some.done, some.asked), (1, 3));
    assert_eq!(shown(&store), "a.b c.d n x");
}
