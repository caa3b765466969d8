//! Pushes, pulls, and what happens when they cross.

use std::sync::{Arc, Barrier, Mutex};

use super::fixture::{Store, flagged, key, message, opened, seen};
use crate::mail::server::{Body, NewMessage, Window};
use crate::mail::{Address, Change, Flags, Listing, Query, Sort};
use crate::store::messages::Adding;
use crate::store::work::Work;
use crate::store::{PushEnd, PushKind, Validity};

fn merge(store: &Store, present: &[(u32, Flags)], asked_at: u64) -> crate::store::Merged {
    let present = present.iter().map(|(uid, flags)| (key(*uid), flags.clone())).collect();
    store.writer.merge_flags(store.inbox, Window::ALL, present, asked_at).wait().unwrap()
}

#[test]
fn rows_that_want_the_same_are_one_push_and_flags_go_first() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c", "d"]);
    store.move_to(&ids[..2], store.archive);
    store.add_flags(&ids[1..], flagged());
    let push = store.push().unwrap();
    assert_eq!(push.kind, PushKind::Flags { add: flagged(), remove: Flags::default() });
    assert_eq!(push.rows, [(ids[1], key(2)), (ids[2], key(3)), (ids[3], key(4))]);
    assert_eq!((push.mailbox, push.wire_name.as_str()), (store.inbox, "wire Inbox"));
    // rows in flight are not asked again; the other one is
    let other = store.push().unwrap();
    assert_eq!(other.rows, [(ids[0], key(1))]);
    assert_eq!(other.kind, PushKind::Move { to: store.archive, to_wire: "wire Archive".into() });
    assert!(store.push().is_none());
    store.end(push, PushEnd::Done(vec![]));
    store.end_done(other);
    let last = store.push().unwrap();
    assert_eq!(last.rows, [(ids[1], key(2))]);
    store.end_done(last);
    assert!(store.push().is_none() && !store.is_waiting(ids[1]));
    assert_eq!((store.key_of(ids[0]), store.key_of(ids[1])), (Some(key(101)), Some(key(102))));
    store.check();
}

#[test]
fn what_is_wanted_of_a_message_is_not_done_to_another_that_has_its_uid_now() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.move_to(&ids[..1], store.archive);
    // uid 1 is told for another message, as headers come; "a" itself under a new uid
    let told = vec![NewMessage { key: key(1), ..message(3, "c") }, NewMessage { key: key(9), ..message(1, "a") }];
    store.writer.add_messages(store.inbox, told).wait().unwrap();
    store.writer.set_synced(store.inbox, 1).wait().unwrap();
    assert!(store.push().is_none(), "nothing is moved");
    assert_eq!(store.shown(store.inbox).len(), 3);
    let of = |uid| store.shown(store.inbox).into_iter().find(|id| store.key_of(*id) == Some(key(uid))).unwrap();
    let subjects: Vec<String> = [1, 2, 9].map(|uid| store.reader.summaries(&[of(uid)]).unwrap()[0].subject.clone()).into();
    assert_eq!(subjects, ["Subject c", "Subject b", "Subject a"]);
    store.check();
}

#[test]
fn what_was_moved_and_did_not_arrive_is_told_also_by_the_next_program() {
    let mut store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    let untold = push.rows.iter().map(|(_, key)| (key.clone(), None)).collect();
    store.end(push, PushEnd::Done(untold));
    store = store.restart();
    // only "a" is there
    store.writer.add_messages(store.archive, vec![NewMessage { key: key(7), ..message(1, "a") }]).wait().unwrap();
    store.writer.set_synced(store.archive, 1).wait().unwrap();
    assert_eq!(store.shown(store.archive), [ids[0]]);
    let mishaps = store.reader.waits().unwrap().mishaps;
    let told: Vec<(&str, &str)> = mishaps.iter().map(|mishap| (mishap.what.as_str(), mishap.why.as_str())).collect();
    assert_eq!(told, [("Messages moved to Archive did not arrive: another program had them first", "“Subject b”")]);
    store.check();
}

#[test]
fn a_push_takes_no_more_rows_than_allowed() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    store.add_flags(&ids, seen());
    assert_eq!(store.writer.next_push(store.work, 2).wait().unwrap().unwrap().rows.len(), 2);
    assert_eq!(store.writer.next_push(store.work, 2).wait().unwrap().unwrap().rows.len(), 1);
}

#[test]
fn an_undo_between_question_and_answer_stays() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    store.undo().unwrap();
    store.end_done(push);
    assert_eq!(store.shown(store.inbox), ids);
    let back = store.push().unwrap();
    assert_eq!((back.mailbox, &back.rows), (store.archive, &vec![(ids[0], key(101))]));
    assert_eq!(back.kind, PushKind::Move { to: store.inbox, to_wire: "wire Inbox".into() });
}

#[test]
fn refused_goes_back_and_not_now_stays() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    store.end(push, PushEnd::NotNow);
    assert_eq!(store.shown(store.archive), ids);
    let push = store.push().unwrap();
    store.move_to(&ids[1..], store.trash);
    store.end(push, PushEnd::Refused);
    assert_eq!((store.shown(store.inbox), store.shown(store.trash)), (ids[..1].to_vec(), ids[1..].to_vec()));
    store.check();
}

#[test]
fn flags_merge_three_ways_and_absent_rows_are_gone() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    store.add_flags(&ids[..1], flagged());
    store.move_to(&ids[1..2], store.archive);
    let now = store.writer.clock();
    let merged = merge(&store, &[(1, seen()), (3, Flags::default()), (8, Flags::default()), (9, seen())], now);
    assert_eq!(store.flags(ids[0]), seen().with(&flagged()));
    assert_eq!(merged.missing, [key(9), key(8)]);
    // a foreign expunge beats the waiting move
    let removed: Vec<_> = merged.changed.mailboxes.iter().filter(|m| !m.removed.is_empty()).collect();
    assert_eq!((removed[0].mailbox, &removed[0].removed), (store.archive, &vec![ids[1]]));
    assert_eq!((store.shown(store.inbox), store.shown(store.archive)), (vec![ids[0], ids[2]], vec![]));
    store.check();
}

#[test]
fn a_window_says_nothing_of_what_is_outside() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    let now = store.writer.clock();
    store.writer.merge_flags(store.inbox, Window { low: 2, high: 3 }, vec![(key(2), seen())], now).wait().unwrap();
    assert_eq!(store.shown(store.inbox), ids[..2]);
}

#[test]
fn an_answer_older_than_a_push_does_not_touch_its_rows() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.add_flags(&ids[..1], seen());
    let asked = store.writer.clock();
    let push = store.push().unwrap();
    store.end(push, PushEnd::Done(vec![]));
    merge(&store, &[(1, Flags::default()), (2, flagged())], asked);
    assert_eq!((store.flags(ids[0]), store.flags(ids[1])), (seen(), flagged()));
    merge(&store, &[(1, Flags::default()), (2, flagged())], store.writer.clock());
    assert_eq!(store.flags(ids[0]), Flags::default(), "a newer answer counts");
}

#[test]
fn an_answer_older_than_a_message_does_not_remove_it() {
    let store = Store::new();
    let asked = store.writer.clock();
    let ids = store.add(store.inbox, &["a"]);
    merge(&store, &[], asked);
    assert_eq!(store.shown(store.inbox), ids);
    merge(&store, &[], store.writer.clock());
    assert_eq!(store.shown(store.inbox), []);
}

#[test]
fn an_expunge_of_a_row_in_flight_is_ours_until_the_answer() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    merge(&store, &[], store.writer.clock());
    assert_eq!(store.shown(store.archive), ids);
    store.end_done(push);
    assert_eq!(store.key_of(ids[0]), Some(key(101)));
}

#[test]
fn a_move_without_copyuid_is_lost_and_found_again() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    // "b" is not even named in the answer
    store.end(push, PushEnd::Done(vec![(key(1), None)]));
    store.add_flags(&ids[..1], flagged());
    assert!(store.push().is_none(), "lost rows are not pushed");
    store.writer.opened(store.archive, opened(1)).wait().unwrap();
    let changed = store.writer.add_messages(store.archive, vec![message(40, "a"), message(41, "z")]).wait().unwrap();
    assert_eq!((store.key_of(ids[0]), changed.mailboxes[0].added.len()), (Some(key(40)), 1));
    let changed = store.writer.set_synced(store.archive, 5).wait().unwrap();
    assert_eq!(changed.mailboxes[0].removed, [ids[1]]);
    assert_eq!(store.shown(store.archive).len(), 2);
    assert!(matches!(store.push().unwrap().kind, PushKind::Flags { .. }), "the waiting flag is pushed now");
    store.check();
}

#[test]
fn a_full_sync_that_began_before_the_move_ended_does_not_end_it() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.archive);
    store.writer.opened(store.archive, opened(1)).wait().unwrap();
    let push = store.push().unwrap();
    store.end(push, PushEnd::Done(vec![(key(1), None)]));
    store.writer.set_synced(store.archive, 5).wait().unwrap();
    assert_eq!(store.shown(store.archive), ids);
}

#[test]
fn of_several_alike_each_row_finds_one_by_its_flags_first() {
    let store = Store::new();
    let first_seen = NewMessage { flags: seen(), ..message(1, "twin") };
    store.writer.add_messages(store.inbox, vec![first_seen, message(2, "twin"), message(3, "twin")]).wait().unwrap();
    let id_of = |store: &Store, uid| store.shown(store.inbox).into_iter().find(|id| store.key_of(*id) == Some(key(uid))).unwrap();
    let (was_seen, first) = (id_of(&store, 1), id_of(&store, 2));
    store.add_flags(&[first], flagged());
    store.writer.opened(store.inbox, opened(2)).wait().unwrap();
    let again_seen = NewMessage { flags: seen(), ..message(12, "twin") };
    store.writer.add_messages(store.inbox, vec![message(11, "twin"), again_seen, message(13, "twin")]).wait().unwrap();
    store.writer.set_synced(store.inbox, 5).wait().unwrap();
    assert_eq!((store.shown(store.inbox).len(), store.key_of(was_seen)), (3, Some(key(12))));
    assert!(matches!(store.push().unwrap().kind, PushKind::Flags { .. }), "what was wanted of one is still wanted");
    store.check();
}

#[test]
fn idle_faster_than_copyuid_does_not_double_the_message() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    store.writer.add_messages(store.archive, vec![message(101, "a")]).wait().unwrap();
    assert_eq!(store.key_of(ids[0]), Some(key(101)));
    store.end_done(push);
    assert_eq!((store.shown(store.archive), store.key_of(ids[0])), (ids.clone(), Some(key(101))));
    assert!(!store.is_waiting(ids[0]));
    // the old place never comes back under its old uid
    store.writer.add_messages(store.inbox, vec![message(1, "a")]).wait().unwrap();
    assert_eq!(store.shown(store.inbox), []);
    store.check();
}

#[test]
fn a_stranger_under_the_new_key_is_taken_over() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    // the server changed the size, so it was not recognised
    let mut stranger = message(101, "a");
    stranger.size += 7;
    stranger.flags = seen();
    store.writer.add_messages(store.archive, vec![stranger]).wait().unwrap();
    assert_eq!(store.shown(store.archive).len(), 2);
    store.end_done(push);
    assert_eq!((store.shown(store.archive), store.flags(ids[0])), (ids, seen()));
    store.check();
}

#[test]
fn a_uid_told_wrongly_costs_no_other_message_and_the_wish_waits_until_its_own_is_found() {
    let store = Store::new();
    let moved = store.add(store.inbox, &["a", "b", "c"]);
    let other = store.writer.add_messages(store.archive, vec![message(60, "other")]).wait().unwrap().mailboxes[0].added[0];
    store.writer.opened(store.archive, opened(1)).wait().unwrap();
    store.move_to(&moved, store.archive);
    let push = store.writer.next_push(store.work, 100).wait().unwrap().unwrap();
    // of "a" that of another message, of "b" one that another message gets next, of "c" the right one
    let told = vec![(key(1), Some(key(60))), (key(2), Some(key(63))), (key(3), Some(key(62)))];
    store.end(push, PushEnd::Done(told));
    assert_eq!((store.key_of(moved[0]), store.key_of(moved[1]), store.key_of(other)), (None, Some(key(63)), Some(key(60))));
    store.apply(Change::Delete { ids: moved.clone() });
    assert!(store.writer.next_push(store.work, 100).wait().unwrap().is_none(), "nothing is asked by a key that was only told");
    assert_eq!(store.reader.told_waiting(store.work, 100).unwrap(), Some((store.archive, vec![key(62), key(63)])));
    let there = vec![message(62, "c"), message(63, "next")];
    let looked = store.writer.look_at_told(store.archive, vec![key(62), key(63)], there).wait().unwrap();
    assert_eq!((looked.1, store.key_of(moved[1])), (1, None));
    let came = vec![message(61, "a"), message(64, "b"), message(62, "c"), message(63, "next")];
    store.writer.add_messages(store.archive, came).wait().unwrap();
    let push = store.writer.next_push(store.work, 100).wait().unwrap().unwrap();
    assert_eq!(push.rows, [(moved[0], key(61)), (moved[1], key(64)), (moved[2], key(62))]);
    store.end(push, PushEnd::Done(vec![]));
    assert_eq!(store.shown(store.archive).len(), 2);
    store.check();
}

#[test]
fn a_copy_said_to_be_where_its_source_is_leaves_the_source_its_way() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.apply(Change::Copy { ids: ids.clone(), to: store.inbox });
    let copy = store.push().unwrap();
    store.move_to(&ids, store.archive);
    store.end(copy, PushEnd::Done(vec![(key(1), Some(key(1)))]));
    assert_eq!((store.key_of(ids[0]), store.shown(store.archive)), (Some(key(1)), ids.clone()));
    assert!(matches!(store.push().unwrap().kind, PushKind::Move { .. }), "what was wanted of the source is still wanted");
    store.check();
}

#[test]
fn bytes_that_come_for_a_row_nobody_wants_any_more_are_no_failure() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.home_inbox);
    let push = store.push_home().unwrap();
    let PushKind::Append { id, .. } = push.kind else { panic!() };
    store.move_to(&[id], store.archive);
    store.writer.keep_local(id, b"late".to_vec()).wait().unwrap();
    assert_eq!(store.reader.local_bytes(id).unwrap(), None);
    store.end(push, PushEnd::NotNow);
    store.check();
}

#[test]
fn a_told_uid_that_nobody_has_is_looked_for_not_taken_for_deleted() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    store.end(push, PushEnd::Done(vec![(key(1), Some(key(99)))]));
    store.writer.opened(store.archive, opened(1)).wait().unwrap();
    let asked_at = store.writer.clock();
    let merged = store.writer.merge_flags(store.archive, Window::ALL, vec![(key(50), seen())], asked_at).wait().unwrap();
    assert_eq!((merged.missing, store.shown(store.archive)), (vec![key(50)], ids.clone()));
    store.writer.add_messages(store.archive, vec![message(50, "a")]).wait().unwrap();
    assert_eq!((store.key_of(ids[0]), store.shown(store.archive)), (Some(key(50)), ids));
    store.check();
}

#[test]
fn new_uid_validity_keeps_ids_and_flag_changes_and_cancels_moves() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    store.add_flags(&ids[..1], flagged());
    store.move_to(&ids[1..2], store.archive);
    store.apply(Change::Delete { ids: ids[2..].to_vec() });
    assert_eq!(store.writer.opened(store.inbox, opened(1)).wait().unwrap(), Validity::Same);
    let Validity::Changed { cancelled } = store.writer.opened(store.inbox, opened(2)).wait().unwrap() else { panic!() };
    assert_eq!(cancelled, ["Delete “Subject c”", "Move “Subject b” to Archive"]);
    assert_eq!(store.shown(store.inbox), ids);
    assert!(store.push().is_none());
    let list = vec![message(11, "a"), message(12, "b"), message(13, "c")];
    store.writer.add_messages(store.inbox, list).wait().unwrap();
    assert_eq!((store.shown(store.inbox), store.key_of(ids[0])), (ids.clone(), Some(key(11))));
    assert!(matches!(store.push().unwrap().kind, PushKind::Flags { .. }));
    assert!(store.push().is_none());
    store.check();
}

#[test]
fn after_a_crash_everything_in_flight_is_looked_up() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c", "d"]);
    store.add_flags(&ids[..1], flagged());
    store.move_to(&ids[1..2], store.archive);
    store.apply(Change::Copy { ids: ids[2..3].to_vec(), to: store.archive });
    store.apply(Change::Delete { ids: ids[3..].to_vec() });
    let kinds: Vec<PushKind> = (0..4).map(|_| store.push().unwrap().kind).collect();
    assert!(store.push().is_none());
    let store = store.restart();
    assert!(store.push().is_none(), "nothing is asked twice before it is looked up");
    let unresolved = store.writer.unresolved(store.work).wait().unwrap();
    let found: Vec<&PushKind> = unresolved.iter().map(|u| &u.push.kind).collect();
    assert_eq!(found, kinds.iter().collect::<Vec<_>>());
    assert_eq!(
        unresolved.iter().flat_map(|u| u.rfc_message_ids.clone()).flatten().collect::<Vec<_>>(),
        ["a@example.org", "c@example.org", "b@example.org", "d@example.org"]
    );
    for unresolved in unresolved {
        store.end_done(unresolved.push);
    }
    assert!(store.push().is_none());
    assert_eq!(store.shown(store.archive).len(), 2);
    store.check();
}

#[test]
fn a_refused_append_brings_the_source_back() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.home_inbox);
    let push = store.push_home().unwrap();
    store.end(push, PushEnd::Refused);
    assert_eq!((store.shown(store.inbox), store.shown(store.home_inbox)), (ids, vec![]));
    assert!(store.push().is_none() && store.push_home().is_none());
    store.check();
}

#[test]
fn an_append_that_never_arrives_brings_the_source_back() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.home_inbox);
    let push = store.push_home().unwrap();
    store.end(push, PushEnd::Done(vec![]));
    assert!(store.push().is_none(), "not confirmed: the source stays");
    store.writer.opened(store.home_inbox, opened(1)).wait().unwrap();
    store.writer.set_synced(store.home_inbox, 1).wait().unwrap();
    assert_eq!((store.shown(store.inbox), store.shown(store.home_inbox)), (ids, vec![]));
    store.check();
}

#[test]
fn a_source_expunged_by_others_takes_its_waiting_move_along() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.home_inbox);
    merge(&store, &[], store.writer.clock());
    assert_eq!(store.shown(store.home_inbox), []);
    assert!(store.push_home().is_none());
    store.check();
}

#[test]
fn a_delete_taken_back_too_late_is_put_back_from_our_bytes() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    let body = Body { key: key(1), bytes: b"whole".to_vec(), whole: true, parts: vec![] };
    store.writer.add_bodies(store.inbox, vec![body], vec![String::new()]).wait().unwrap();
    store.apply(Change::Delete { ids: ids.clone() });
    let push = store.push().unwrap();
    store.undo().unwrap();
    store.end(push, PushEnd::Done(vec![]));
    assert_eq!(store.shown(store.inbox), ids[..1], "of the other there are no bytes");
    assert!(matches!(store.push().unwrap().kind, PushKind::Append { .. }));
    store.check();
}

#[test]
fn bodies_are_kept_once_and_asked_for_newest_first() {
    let store = Store::new();
    let mut list = vec![message(1, "a"), message(2, "b"), message(3, "c")];
    list[0].received += 10;
    store.writer.add_messages(store.inbox, list).wait().unwrap();
    let wants = |since| store.reader.wants_bodies(store.work, since, 2).unwrap();
    assert_eq!(wants(None)[0], (store.inbox, key(1)));
    assert_eq!(wants(Some(1_700_000_005)).len(), 1);
    let body = |whole: bool, bytes: &str| Body { key: key(1), bytes: bytes.into(), whole, parts: vec![] };
    store.writer.add_bodies(store.inbox, vec![body(true, "whole")], vec!["text".into()]).wait().unwrap();
    store.writer.add_bodies(store.inbox, vec![body(false, "who")], vec!["tex".into()]).wait().unwrap();
    let id = store.reader.rows(&Listing::mailbox(store.inbox, false)).unwrap()[0].id;
    let content = store.reader.location(id).unwrap().unwrap().content;
    assert_eq!(store.reader.body(content).unwrap().unwrap().bytes, b"whole");
    assert_eq!(wants(Some(1_700_000_005)), []);
    assert!(store.reader.summaries(&[id]).unwrap()[0].has_body);
    let query = Some(Query::parse("text", &jiff::Zoned::now()));
    let found = Listing { query, threads: false, sort: Sort::default(), ..Listing::mailbox(store.inbox, false) };
    assert_eq!(store.reader.count(&found).unwrap(), (1, 1));
}

#[test]
fn waiting_changes_are_told_in_words() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c", "d"]);
    store.move_to(&ids[..1], store.archive);
    store.add_flags(&ids[1..2], flagged());
    store.apply(Change::Delete { ids: ids[2..3].to_vec() });
    store.apply(Change::Copy { ids: ids[3..].to_vec(), to: store.archive });
    let _in_flight = store.push().unwrap();
    let labels: Vec<String> = store.reader.waiting(None).unwrap().into_iter().map(|waiting| waiting.label).collect();
    assert_eq!(
        labels,
        ["Move “Subject a” to Archive", "Flags of “Subject b”: +flagged", "Delete “Subject c”", "Put “Subject d” into Archive"]
    );
    assert_eq!(store.reader.waiting(Some(store.home)).unwrap(), []);
}

#[test]
fn a_mailbox_that_vanished_stays_while_changes_wait_in_it() {
    let store = Store::new();
    let ids = store.add(store.archive, &["a", "b"]);
    store.add_flags(&ids[..1], flagged());
    let list = || vec![super::fixture::remote("Inbox")];
    let left = store.writer.set_mailboxes(store.work, list(), Default::default()).wait().unwrap();
    assert_eq!(left.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["Inbox", "Archive"]);
    assert_eq!(store.shown(store.archive), ids[..1]);
    let push = store.push().unwrap();
    store.end(push, PushEnd::Refused);
    let left = store.writer.set_mailboxes(store.work, list(), Default::default()).wait().unwrap();
    assert_eq!(left.len(), 1);
    store.check();
}

#[test]
fn headers_on_their_way_in_give_way_to_the_user() {
    let store = Store::new();
    let inbox = store.inbox;
    let count = |work: &Work<'_>| work.db.query_row("SELECT count(*) FROM message", [], |row| row.get::<_, i64>(0)).unwrap();
    let run = move |work: &mut Work<'_>| {
        let mut adding = Adding::new(inbox, (1..=100).map(|n| message(n, "one")).collect());
        work.memory.pretend_hurry(1);
        assert_eq!(work.add_some(&mut adding)?, None);
        let first = count(work);
        work.memory.pretend_hurry(0);
        let changed = work.add_some(&mut adding)?.expect("all of them");
        Ok((first, count(work), changed.mailboxes[0].added.len()))
    };
    let (first, all, told) = store.writer.sync_job(run).wait().unwrap();
    assert!((1..100).contains(&first), "{first}");
    assert_eq!((all, told), (100, 100));
}

#[test]
fn what_the_user_does_goes_between_the_parts_of_a_long_job() {
    let store = Store::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let gate = Arc::new(Barrier::new(2));
    let (ours, at_gate) = (order.clone(), gate.clone());
    let mut part = 0;
    let long = store.writer.sync_parts(move |_| {
        part += 1;
        ours.lock().unwrap().push(format!("part {part}"));
        if part == 1 {
            at_gate.wait();
            at_gate.wait();
        }
        Ok((part == 2).then_some(()))
    });
    let (ours, theirs) = (order.clone(), order.clone());
    gate.wait();
    let later = store.writer.sync_job(move |_| {
        theirs.lock().unwrap().push("sync".into());
        Ok(())
    });
    let user = store.writer.user_job(move |_| {
        ours.lock().unwrap().push("user".into());
        Ok(())
    });
    gate.wait();
    long.wait().unwrap();
    user.wait().unwrap();
    later.wait().unwrap();
    assert_eq!(*order.lock().unwrap(), ["part 1", "user", "part 2", "sync"]);
}

#[test]
fn addresses_of_a_transaction_that_failed_are_not_remembered() {
    let store = Store::new();
    let (inbox, from) = (store.inbox, vec![Address::new("Grace", "grace@example.net")]);
    let mut one = message(1, "one");
    one.envelope.from = from.clone();
    let again = one.clone();
    let fail = move |work: &mut Work<'_>| -> crate::store::Result<()> {
        work.add_some(&mut Adding::new(inbox, vec![again.clone()]))?;
        Err(crate::store::StoreError::Other("as the test wants it".into()))
    };
    assert!(store.writer.sync_job(fail).wait().is_err());
    let id = store.writer.add_messages(inbox, vec![one]).wait().unwrap().mailboxes[0].added[0];
    assert_eq!(store.reader.summaries(&[id]).unwrap()[0].from, from);
}
