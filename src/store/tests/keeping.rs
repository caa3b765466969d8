//! Bodies kept within a budget: the oldest go, never what is pinned, and what is searched of them stays.

use super::fixture::{Store, flagged, key, message};
use crate::mail::server::{Body, NewMessage};
use crate::mail::{Listing, MessageId, Query};

/// Messages a, b, c … each newer than the one before, with bodies of 1,000 octets.
fn filled(store: &Store, names: &[&str]) -> Vec<MessageId> {
    let list = names.iter().zip(1..).map(|(name, uid)| NewMessage { received: 1_700_000_000 + i64::from(uid), ..message(uid, name) });
    let ids = list.map(|new| store.writer.add_messages(store.inbox, vec![new]).wait().unwrap().mailboxes[0].added[0]).collect();
    for (name, uid) in names.iter().zip(1..) {
        let body = Body { key: key(uid), bytes: vec![b'x'; 1_000], whole: true, parts: Vec::new() };
        store.writer.add_bodies(store.inbox, vec![body], vec![format!("word{name}")]).wait().unwrap();
    }
    ids
}

fn has_body(store: &Store, ids: &[MessageId]) -> Vec<bool> {
    let kept = |id: &MessageId| {
        let content = store.reader.location(*id).unwrap().unwrap().content;
        let is_here = store.reader.body(content).unwrap().is_some();
        assert!(store.reader.summaries(&[*id]).unwrap().iter().all(|shown| shown.has_body == is_here));
        is_here
    };
    ids.iter().map(kept).collect()
}

fn evict(store: &Store, budget: u64) {
    while store.writer.evict(store.work, budget).wait().unwrap() {}
}

#[test]
fn the_oldest_bodies_go_beyond_the_budget_and_their_words_are_still_found() {
    let store = Store::new();
    let ids = filled(&store, &["a", "b", "c", "d"]);
    assert_eq!(store.reader.kept(store.work).unwrap(), 4_000);
    evict(&store, 4_000);
    assert_eq!(has_body(&store, &ids), [true; 4]);
    evict(&store, 2_500);
    assert_eq!(has_body(&store, &ids), [false, false, true, true]);
    assert_eq!(store.reader.kept(store.work).unwrap(), 2_000);
    let query = Some(Query::parse("worda", &jiff::Zoned::now()));
    let found = store.reader.rows(&Listing { query, ..Listing::mailbox(store.inbox, false) }).unwrap();
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), ids[..1]);
    // opened again it is kept again
    let body = Body { key: key(1), bytes: vec![b'y'; 700], whole: true, parts: Vec::new() };
    store.writer.add_bodies(store.inbox, vec![body], vec!["worda".into()]).wait().unwrap();
    assert_eq!((has_body(&store, &ids)[0], store.reader.kept(store.work).unwrap()), (true, 2_700));
    store.check();
}

#[test]
fn what_is_starred_waits_or_is_only_here_is_never_dropped() {
    let store = Store::new();
    let ids = filled(&store, &["a", "b", "c", "d"]);
    store.add_flags(&ids[..1], flagged());
    let push = store.push().unwrap();
    store.end_done(push);
    store.move_to(&ids[1..2], store.archive);
    store.move_to(&ids[2..3], store.home_inbox);
    evict(&store, 0);
    assert_eq!(has_body(&store, &ids), [true, true, true, false]);
    assert_eq!(store.reader.kept(store.work).unwrap(), 3_000);
}

#[test]
fn what_is_kept_is_counted_with_what_goes_and_what_is_replaced() {
    let store = Store::new();
    filled(&store, &["a", "b"]);
    let body = Body { key: key(1), bytes: vec![b'x'; 5_000], whole: true, parts: Vec::new() };
    store.writer.add_bodies(store.inbox, vec![body], vec![String::new()]).wait().unwrap();
    assert_eq!(store.reader.kept(store.work).unwrap(), 6_000);
    let left = vec![(key(2), Default::default())];
    store.writer.merge_flags(store.inbox, crate::mail::server::Window::ALL, left, store.writer.clock()).wait().unwrap();
    assert_eq!(store.reader.kept(store.work).unwrap(), 1_000);
}
