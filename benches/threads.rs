//! What threads cost: headers of 100,000 messages saved with their threads and without any reference (the difference is
//! threading), one more message of a thread, one that joins two long threads, and the members of a long thread in their order.

mod filled;

use divan::Bencher;
use filled::{Filled, empty};
use postrider::mail::server::NewMessage;
use postrider::mail::thread::{Member, order};
use postrider::mail::{Address, Envelope, Flags, Key, Listing, MessageId, Uid};

const ALL: u32 = 100_000;
/// Messages of a usual thread.
const USUAL: u32 = 5;

fn main() {
    divan::main();
}

fn id(uid: u32) -> String {
    format!("CAF{uid:x}.{:016x}@mail.example.org", u64::from(uid).wrapping_mul(0x9e37_79b9_7f4a))
}

fn message(uid: u32, references: Vec<String>) -> NewMessage {
    let date = 1_600_000_000 + i64::from(uid) * 61;
    let envelope = Envelope {
        date: Some(date),
        from: vec![Address::new("Augusta Ada King-Noel", format!("contributor{}@lists.example.org", uid % 900))],
        subject: format!("Re: what to do about thing number {uid}"),
        rfc_message_id: Some(id(uid)),
        references,
        ..Envelope::default()
    };
    NewMessage { key: Key::Uid(Uid(uid)), flags: Flags::default(), received: date, size: 4000, envelope, identity: None }
}

/// The messages before it in its thread of so many.
fn before(uid: u32, thread: u32) -> Vec<String> {
    (uid / thread * thread..uid).rev().take(10).map(id).collect::<Vec<_>>().into_iter().rev().collect()
}

fn fill(store: &Filled, uids: std::ops::Range<u32>, references: impl Fn(u32) -> Vec<String>) {
    store.add(uids, |uid| message(uid, references(uid)));
}

#[divan::bench(args = [true, false], sample_count = 1)]
fn save_100k(bencher: Bencher, in_threads: bool) {
    bencher.with_inputs(empty).bench_local_values(|store| {
        fill(&store, 1..ALL + 1, |uid| if in_threads { before(uid, USUAL) } else { Vec::new() });
        store
    });
}

#[divan::bench(sample_count = 300)]
fn one_more_of_100k(bencher: Bencher) {
    let store = empty();
    fill(&store, 1..ALL + 1, |uid| before(uid, USUAL));
    let mut uid = 2 * ALL;
    bencher.bench_local(|| {
        uid += 1;
        store.writer.add_messages(store.inbox, vec![message(uid, vec![id(uid % ALL)])]).wait().expect("saved")
    });
}

/// Two threads of so many become one.
#[divan::bench(args = [5, 100, 1_000], sample_count = 20)]
fn one_that_joins_two_threads(bencher: Bencher, size: u32) {
    let store = empty();
    fill(&store, 1..50 * size, |uid| before(uid, size));
    let (mut uid, mut thread) = (2 * ALL, 0);
    bencher.bench_local(|| {
        uid += 1;
        thread += 2;
        let both = vec![id(thread * size + 1), id((thread + 1) * size + 1)];
        store.writer.add_messages(store.inbox, vec![message(uid, both)]).wait().expect("saved")
    });
}

#[divan::bench(args = [10, 1_000], sample_count = 50)]
fn members_of_a_thread(bencher: Bencher, size: u32) {
    let store = empty();
    fill(&store, 1..20_000, |uid| before(uid, size));
    let listing = Listing::mailbox(store.inbox, true);
    let thread = store.reader.first_rows(&listing, 1).expect("rows")[0].thread;
    bencher.bench_local(|| store.reader.thread_rows(&listing, thread, &[]).expect("members"));
}

#[divan::bench(sample_count = 20)]
fn order_of_100k_members(bencher: Bencher) {
    let member = |n: i64| Member { id: MessageId(n), hash: n, parent: n * 7 / 8, date: n % 977 };
    let members: Vec<Member> = (1..=i64::from(ALL)).map(member).collect();
    bencher.bench_local(|| order(&members));
}
