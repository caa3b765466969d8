//! What the user does, and taking it back.

use super::fixture::{Store, flagged, key, message, seen};
use crate::mail::{Change, Flags, MessageId};
use crate::store::{PushEnd, PushKind, open};

#[test]
fn a_move_shows_at_once_and_undo_takes_it_back() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    let applied = store.move_to(&ids[..2], store.archive);
    assert_eq!((applied.done, applied.asked), (2, 2));
    assert_eq!(store.shown(store.inbox), ids[2..]);
    assert_eq!(store.shown(store.archive), ids[..2]);
    assert_eq!((store.counts(store.inbox), store.counts(store.archive)), ((1, 1), (2, 2)));
    assert_eq!(store.reader.undo_label().unwrap().as_deref(), Some("done"));
    let undone = store.undo().unwrap();
    assert_eq!((undone.done, undone.asked), (2, 2));
    assert_eq!(store.shown(store.inbox), ids);
    let redone = store.redo().unwrap();
    assert_eq!(redone.done, 2);
    assert_eq!(store.shown(store.archive), ids[..2]);
    assert!(store.redo().is_none());
    store.check();
}

#[test]
fn undo_takes_back_only_what_still_is_as_it_was_left() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c", "d", "e"]);
    store.move_to(&ids, store.archive);
    store.apply(Change::Restore { rows: vec![] });
    // two of them go elsewhere by another process, which undo does not know of
    let other = open(store.writer.paths()).unwrap();
    other.apply(Change::Move { ids: ids[..2].to_vec(), to: store.trash }, String::new()).wait().unwrap();
    let undone = store.undo().unwrap();
    assert_eq!((undone.done, undone.asked), (3, 5));
    assert_eq!(store.shown(store.trash), ids[..2]);
    store.check();
}

#[test]
fn undo_outlives_a_restart_and_takes_this_sessions_first() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.add_flags(&ids[..1], flagged());
    let store = store.restart();
    store.add_flags(&ids[1..], flagged());
    store.undo().unwrap();
    assert_eq!((store.flags(ids[0]), store.flags(ids[1])), (flagged(), Flags::default()));
    store.undo().unwrap();
    assert_eq!(store.flags(ids[0]), Flags::default());
    assert!(store.undo().is_none());
}

#[test]
fn redo_outlives_a_restart_until_something_new_is_done() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    for id in &ids {
        store.add_flags(&[*id], flagged());
    }
    let store = store.restart();
    store.undo().unwrap();
    store.undo().unwrap();
    let store = store.restart();
    store.redo().unwrap();
    assert_eq!((store.flags(ids[1]), store.flags(ids[2])), (flagged(), Flags::default()), "what was taken back last comes first");
    store.add_flags(&ids[..1], seen());
    assert!(store.redo().is_none());
    let store = store.restart();
    assert!(store.redo().is_none(), "what was done since stands on it");
    assert_eq!(store.flags(ids[2]), Flags::default());
}

#[test]
fn something_new_ends_redo() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.add_flags(&ids, flagged());
    store.undo();
    store.add_flags(&ids, seen());
    assert!(store.redo().is_none());
}

#[test]
fn a_change_that_changes_nothing_is_not_on_the_stack() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    let applied = store.apply(Change::Flags { ids: ids.clone(), add: Flags::default(), remove: seen() });
    assert_eq!((applied.done, applied.asked), (1, 1));
    assert!(store.undo().is_none());
    assert_eq!(store.move_to(&[MessageId(123_456)], store.archive).done, 0);
}

#[test]
fn the_stack_holds_two_hundred() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    for n in 0..205 {
        let (add, remove) = if n % 2 == 0 { (seen(), Flags::default()) } else { (Flags::default(), seen()) };
        store.apply(Change::Flags { ids: ids.clone(), add, remove });
    }
    let mut taken = 0;
    while store.undo().is_some() {
        taken += 1;
    }
    assert_eq!(taken, 200);
}

#[test]
fn a_move_between_accounts_appends_before_it_deletes() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.home_inbox);
    assert_eq!(store.shown(store.inbox), []);
    let new = store.shown(store.home_inbox);
    assert_eq!(new.len(), 1);
    assert!(store.push().is_none(), "the source waits");
    let push = store.push_home().unwrap();
    assert!(matches!(&push.kind, PushKind::Append { id, .. } if *id == new[0]), "{push:?}");
    assert!(store.push().is_none(), "the source still waits");
    store.end(push, PushEnd::Done(vec![(key(1), Some(key(7)))]));
    let push = store.push().unwrap();
    assert_eq!(push.kind, PushKind::Delete);
    store.end(push, PushEnd::Done(vec![]));
    assert!(store.reader.location(ids[0]).unwrap().is_none());
    assert_eq!(store.key_of(new[0]), Some(key(7)));
    // later it is the same move back
    assert_eq!(store.undo().unwrap().done, 1);
    assert_eq!((store.shown(store.inbox).len(), store.shown(store.home_inbox).len()), (1, 0));
    assert!(matches!(store.push().unwrap().kind, PushKind::Append { .. }));
    store.check();
}

#[test]
fn undo_of_a_move_between_accounts_before_it_is_pushed_drops_the_pair() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.home_inbox);
    assert_eq!(store.undo().unwrap().done, 1);
    assert_eq!(store.shown(store.inbox), ids);
    assert_eq!(store.shown(store.home_inbox), []);
    assert!(store.push().is_none() && store.push_home().is_none());
    assert_eq!(store.redo().unwrap().done, 1);
    assert_eq!((store.shown(store.inbox).len(), store.shown(store.home_inbox).len()), (0, 1));
    store.undo().unwrap();
    store.add_flags(&ids, seen());
    let left: i64 = store.reader.db().query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap();
    assert_eq!(left, 1, "what nothing can bring back is gone");
    store.check();
}

#[test]
fn a_copy_is_made_by_the_server_and_undo_deletes_it() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.apply(Change::Copy { ids: ids.clone(), to: store.archive });
    store.move_to(&ids[..1], store.trash);
    let push = store.push().unwrap();
    assert!(matches!(&push.kind, PushKind::Copy { new, .. } if new.len() == 2), "copies go before the move: {push:?}");
    store.end_done(push);
    assert!(matches!(store.push().unwrap().kind, PushKind::Move { .. }));
    let copies = store.shown(store.archive);
    assert_eq!(store.key_of(copies[0]), Some(key(101)));
    store.undo();
    store.undo();
    assert_eq!(store.shown(store.archive), []);
    assert_eq!(store.push().unwrap().kind, PushKind::Delete);
    store.check();
}

#[test]
fn changes_of_several_accounts_are_one_step() {
    let store = Store::new();
    let here = store.add(store.inbox, &["a", "b"]);
    let there = store.add(store.home_inbox, &["c"]);
    let saved = store.reader.mailboxes().unwrap().into_iter().find(|mailbox| mailbox.name == "Saved").unwrap().id;
    let each = [(&here, store.archive), (&there, saved)].map(|(ids, to)| Change::Move { ids: ids.clone(), to });
    let applied = store.apply(Change::Together(each.to_vec()));
    assert_eq!((applied.done, applied.asked), (3, 3));
    assert_eq!((store.shown(store.archive), store.shown(saved)), (here.clone(), there.clone()));
    assert_eq!(store.undo().unwrap().done, 3);
    assert_eq!((store.shown(store.inbox), store.shown(store.home_inbox)), (here, there));
    assert!(store.undo().is_none());
}

#[test]
fn a_delete_is_taken_back_until_the_server_did_it() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.apply(Change::Delete { ids: ids[..1].to_vec() });
    assert_eq!(store.undo().unwrap().done, 1);
    assert_eq!(store.shown(store.inbox), ids);
    assert!(store.push().is_none(), "the server never heard of it");
    store.redo().unwrap();
    let push = store.push().unwrap();
    store.end(push, PushEnd::Done(vec![]));
    let undone = store.undo().unwrap();
    assert_eq!((undone.done, undone.asked), (0, 1), "it is gone for ever");
    assert_eq!(store.shown(store.inbox), ids[1..]);
    store.check();
}

#[test]
fn what_moved_to_a_uid_nobody_told_goes_back_once_it_is_found() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.archive);
    let push = store.push().unwrap();
    store.end(push, PushEnd::Done(vec![(key(1), None)]));
    assert_eq!(store.undo().unwrap().done, 1);
    assert_eq!(store.shown(store.inbox), ids);
    assert!(store.push().is_none(), "where it is now is not known");
    store.writer.add_messages(store.archive, vec![message(70, "a")]).wait().unwrap();
    let push = store.push().unwrap();
    assert_eq!(push.rows, [(ids[0], key(70))]);
    assert!(matches!(push.kind, PushKind::Move { to, .. } if to == store.inbox));
    assert_eq!(store.shown(store.inbox), ids);
    store.check();
}

#[test]
fn what_the_server_refused_is_not_taken_back_twice() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.move_to(&ids, store.archive);
    let mut push = store.push().unwrap();
    let mut second = push.clone();
    push.rows.truncate(1);
    second.rows.remove(0);
    store.end(push, PushEnd::Refused);
    store.end_done(second);
    let undone = store.undo().unwrap();
    assert_eq!((undone.done, undone.asked), (1, 2));
    assert_eq!(store.shown(store.inbox), ids);
}

#[test]
fn undo_after_a_delete_on_its_way_puts_a_copy_back_from_its_source() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.apply(Change::Copy { ids: ids.clone(), to: store.archive });
    let push = store.push().unwrap();
    store.end_done(push);
    store.undo().unwrap();
    let delete = store.push().unwrap();
    assert_eq!(store.redo().unwrap().done, 1, "while the server deletes it");
    store.end(delete, PushEnd::Done(vec![]));
    let push = store.push().unwrap();
    assert!(matches!(&push.kind, PushKind::Copy { .. }) && push.rows == [(ids[0], key(1))], "{push:?}");
    store.undo().unwrap();
    store.end_done(push);
    let delete = store.push().unwrap();
    store.end(delete, PushEnd::Done(vec![]));
    assert_eq!(store.redo().unwrap().done, 1, "after it did");
    assert_eq!(store.shown(store.archive).len(), 1);
    store.check();
}

#[test]
fn a_message_that_came_back_from_another_account_is_the_one_that_earlier_steps_mean() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.add_flags(&ids, flagged());
    let push = store.push().unwrap();
    store.end(push, PushEnd::Done(vec![]));
    store.move_to(&ids, store.home_inbox);
    let append = store.push_home().unwrap();
    store.end(append, PushEnd::Done(vec![(key(1), Some(key(7)))]));
    let delete = store.push().unwrap();
    store.end(delete, PushEnd::Done(vec![]));
    assert_eq!((store.undo().unwrap().done, store.undo().unwrap().done), (1, 1));
    let back = store.shown(store.inbox);
    assert_eq!((back.len(), store.flags(back[0])), (1, Flags::default()));
    assert_eq!((store.redo().unwrap().done, store.redo().unwrap().done), (1, 1));
    let again = store.shown(store.home_inbox);
    assert_eq!((again.len(), store.flags(again[0])), (1, flagged()));
}
