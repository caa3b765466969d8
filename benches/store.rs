//! What the store costs: inserting headers, the first window, the order of a whole mailbox, a comparison of
//! flags, a user's change during a bulk insert, addresses to complete. `POSTRIDER_BENCH_MILLION=1` adds the order of a million.

mod filled;

use std::sync::Arc;

use divan::Bencher;
use filled::{Filled, empty};
use postrider::config::Config;
use postrider::events::EventLog;
use postrider::mail::server::{NewMessage, Window};
use postrider::mail::{Address, Change, Envelope, FlagBits, Flags, Key, Listing, MessageId, Uid};
use postrider::store::Reader;
use postrider::worker::{Handle, Options, Request, WorkerEvent, start};

fn main() {
    divan::main();
}

fn message(uid: u32) -> NewMessage {
    let envelope = Envelope {
        date: Some(1_600_000_000 + i64::from(uid) * 61),
        from: vec![Address::new("Augusta Ada King-Noel", format!("contributor{}@lists.example.org", uid % 900))],
        to: vec![Address::new("Project developers", "project-devel@lists.example.org")],
        subject: format!("Re: [project-devel] what to do about thing number {uid}"),
        rfc_message_id: Some(format!("CAF{uid:x}.{:016x}@mail.example.org", u64::from(uid) * 0x9e37_79b9_7f4a)),
        references: (1..3).map(|back| format!("ref{}@example.org", uid / 4 * 4 + back)).collect(),
        ..Envelope::default()
    };
    let flags = Flags::bits(if uid.is_multiple_of(5) { FlagBits::NONE } else { FlagBits::SEEN });
    NewMessage { key: Key::Uid(Uid(uid)), flags, received: 1_600_000_000 + i64::from(uid) * 61, size: 4000, envelope, identity: None }
}

fn filled(count: u32) -> Filled {
    let store = empty();
    store.add(1..count + 1, message);
    store
}

#[divan::bench(sample_count = 5)]
fn insert_10k_headers(bencher: Bencher) {
    bencher.with_inputs(empty).bench_local_values(|store| {
        store.add(1..10_001, message);
        store
    });
}

#[divan::bench(args = [1_000, 100_000], sample_count = 200)]
fn first_window_of_threads(bencher: Bencher, count: u32) {
    let store = filled(count);
    let listing = Listing::mailbox(store.inbox, true);
    bencher.bench_local(|| {
        let rows = store.reader.first_rows(&listing, 200).expect("rows");
        let ids: Vec<MessageId> = rows.iter().take(50).map(|row| row.id).collect();
        store.reader.summaries(&ids).expect("summaries")
    });
}

#[divan::bench(sample_count = 200)]
fn summaries_of_50(bencher: Bencher) {
    let store = filled(10_000);
    let rows = store.reader.rows(&Listing::mailbox(store.inbox, false)).expect("rows");
    let ids: Vec<MessageId> = rows.iter().step_by(200).map(|row| row.id).collect();
    bencher.bench_local(|| store.reader.summaries(&ids).expect("summaries"));
}

#[divan::bench(args = [false, true], sample_count = 20)]
fn order_of_100k(bencher: Bencher, threads: bool) {
    let store = filled(100_000);
    let listing = Listing::mailbox(store.inbox, threads);
    bencher.bench_local(|| store.reader.rows(&listing).expect("rows"));
}

#[divan::bench(sample_count = 3)]
fn order_of_a_million(bencher: Bencher) {
    if std::env::var_os("POSTRIDER_BENCH_MILLION").is_none() {
        return;
    }
    let store = filled(1_000_000);
    let listing = Listing::mailbox(store.inbox, false);
    bencher.bench_local(|| store.reader.rows(&listing).expect("rows"));
}

#[divan::bench(args = [0, 500], sample_count = 10)]
fn merge_flags_of_10k(bencher: Bencher, changed: u32) {
    let store = filled(10_000);
    let mut turn = 0_u32;
    bencher
        .with_inputs(|| {
            turn += 1;
            let flip = |uid: u32| if uid <= changed && turn.is_multiple_of(2) { FlagBits::FLAGGED } else { FlagBits::NONE };
            (1..=10_000).map(|uid| (Key::Uid(Uid(uid)), Flags::bits(flip(uid)))).collect::<Vec<_>>()
        })
        .bench_local_values(|present| {
            let asked = store.writer.clock();
            store.writer.merge_flags(store.inbox, Window::ALL, present, asked).wait().expect("merged")
        });
}

#[divan::bench(sample_count = 100)]
fn star_and_undo_one(bencher: Bencher) {
    let store = filled(10_000);
    let ids = vec![store.reader.first_rows(&Listing::mailbox(store.inbox, false), 1).expect("rows")[0].id];
    bencher.bench_local(|| {
        let change = Change::Flags { ids: ids.clone(), add: Flags::bits(FlagBits::FLAGGED), remove: Flags::default() };
        store.writer.apply(change, "Starred".into()).wait().expect("applied");
        store.writer.undo().wait().expect("undone")
    });
}

#[divan::bench(sample_count = 50)]
fn open_warm(bencher: Bencher) {
    let store = filled(10_000);
    let paths = store.writer.paths().clone();
    bencher.bench_local(|| {
        let reader = Reader::open(&paths).expect("opened");
        reader.map(|reader| reader.first_rows(&Listing::mailbox(store.inbox, true), 50).expect("rows"))
    });
}

/// 100,000 messages of 30,000 people, the worker beside them.
fn many_people() -> (Filled, Handle) {
    let store = empty();
    let person =
        |n: u32| Address::new(format!("Persona{} Family{}", n % 30_000, n % 7_000), format!("p{}@host{}.example", n % 30_000, n % 900));
    store.add(1..100_001, |uid| {
        let mut new = message(uid);
        new.envelope.from = vec![person(uid.wrapping_mul(2_654_435_761))];
        new.envelope.to = vec![Address::new("Me", "me@work.example"), person(uid.wrapping_mul(40_503))];
        new.envelope.cc = vec![person(uid.wrapping_mul(69_069))];
        new
    });
    let handle = worker_of(&store);
    (store, handle)
}

fn worker_of(store: &Filled) -> Handle {
    let options = Options { offline: true, log: EventLog::default(), trace: None, now: Arc::new(|| 1_800_000_000), seed: 1 };
    start(&Config::default(), store.writer.clone(), options).expect("the worker")
}

fn complete(handle: &mut Handle, prefix: &str) -> usize {
    handle.requests.try_send(Request::CompleteAddress { serial: 1, prefix: prefix.into() }).expect("room");
    loop {
        if let Some(WorkerEvent::Completed { found, .. }) = handle.events.blocking_recv() {
            return found.len();
        }
    }
}

/// Everybody is read from mail.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn first_completion_of_an_address(bencher: Bencher) {
    let (store, handle) = many_people();
    handle.join();
    bencher.with_inputs(|| worker_of(&store)).bench_local_values(|mut handle| {
        assert_eq!(complete(&mut handle, "pers"), 10);
        handle
    });
}

#[divan::bench(sample_count = 100)]
fn next_completion_of_an_address(bencher: Bencher) {
    let (_store, mut handle) = many_people();
    complete(&mut handle, "x");
    bencher.bench_local(|| complete(&mut handle, "p1"));
}
