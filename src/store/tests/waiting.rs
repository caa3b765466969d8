//! What waits for its server, in groups, and taking single groups back.

use super::fixture::{Store, flagged, key, opened, seen};
use crate::mail::server::Window;
use crate::mail::{Change, Flags, Wait};
use crate::store::PushEnd;

impl Store {
    /// Label and number of what waits, by account and age.
    fn groups(&self) -> Vec<(String, usize)> {
        self.reader.waits().unwrap().groups.into_iter().map(|group| (group.label(), group.count)).collect()
    }

    /// Takes back the group of this label.
    fn revoke(&self, label: &str) -> (usize, usize) {
        let groups = self.reader.waits().unwrap().groups;
        let group = groups.into_iter().find(|group| group.label() == label).unwrap();
        let done = self.writer.revoke(vec![(group.account, group.wait)], "back".into()).wait().unwrap();
        (done.done, done.asked)
    }
}

fn labels(list: &[(&str, usize)]) -> Vec<(String, usize)> {
    list.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect()
}

#[test]
fn what_waits_is_told_in_groups_with_its_age() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c", "d", "e"]);
    store.writer.set_wall(std::sync::Arc::new(|| 1_000));
    store.move_to(&ids[..3], store.archive);
    store.writer.set_wall(std::sync::Arc::new(|| 2_000));
    store.add_flags(&ids[2..], seen());
    store.apply(Change::Copy { ids: ids[4..].to_vec(), to: store.trash });
    assert_eq!(store.groups(), labels(&[("Mark 3 messages read", 3), ("Archive 3 messages", 3), ("Copy “Subject e” to Trash", 1)]));
    // the third waited already when it was marked
    let since: Vec<Option<i64>> = store.reader.waits().unwrap().groups.iter().map(|group| group.since).collect();
    assert_eq!(since, [Some(1_000), Some(1_000), Some(2_000)]);
}

#[test]
fn taking_a_group_back_leaves_every_other_wish() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    store.move_to(&ids[..2], store.archive);
    store.add_flags(&ids, seen());
    assert_eq!(store.revoke("Archive 2 messages"), (2, 2));
    assert_eq!(store.shown(store.inbox), ids);
    assert!(ids.iter().all(|id| store.flags(*id) == seen()));
    assert_eq!(store.revoke("Mark 3 messages read"), (3, 3));
    assert_eq!((store.groups(), store.push()), (Vec::new(), None));
    // and that is a change as any other
    store.undo().unwrap();
    assert_eq!(store.groups(), labels(&[("Mark 3 messages read", 3)]));
    store.check();
}

#[test]
fn what_was_pushed_meanwhile_is_not_taken_back() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.add_flags(&ids, flagged());
    let waiting = store.reader.waits().unwrap().groups.remove(0);
    let push = store.push().unwrap();
    store.end_done(push);
    let done = store.writer.revoke(vec![(waiting.account, waiting.wait)], "back".into()).wait().unwrap();
    assert_eq!((done.done, done.asked), (0, 0));
    assert!(ids.iter().all(|id| store.flags(*id) == flagged()));
}

#[test]
fn a_move_to_another_account_is_one_group_and_comes_back_whole() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.move_to(&ids, store.home_inbox);
    assert_eq!(store.groups(), labels(&[("Move 2 messages to Inbox", 2)]));
    assert_eq!(store.revoke("Move 2 messages to Inbox"), (2, 2));
    assert_eq!((store.shown(store.inbox), store.shown(store.home_inbox)), (ids, Vec::new()));
    assert_eq!((store.push(), store.push_home()), (None, None));
    store.check();
}

#[test]
fn a_copy_and_a_deletion_are_taken_back_too() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    store.apply(Change::Copy { ids: ids[..1].to_vec(), to: store.archive });
    store.apply(Change::Delete { ids: ids[1..].to_vec() });
    store.revoke("Copy “Subject a” to Archive");
    store.revoke("Delete “Subject b” for ever");
    assert_eq!((store.shown(store.inbox), store.shown(store.archive)), (ids, Vec::new()));
    assert_eq!(store.push(), None);
}

#[test]
fn an_answer_that_is_awaited_for_nothing_is_told_and_stays() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.add_flags(&ids, seen());
    let push = store.push().unwrap();
    store.undo().unwrap();
    let waits = store.reader.waits().unwrap().groups;
    assert_eq!((waits.len(), &waits[0].wait, waits[0].is_revocable()), (1, &Wait::Answer, false));
    store.end(push, PushEnd::NotNow);
}

#[test]
fn what_another_program_or_a_renumbering_undid_is_kept_for_the_user_to_see() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    store.add_flags(&ids[..1], seen());
    store.apply(Change::Delete { ids: ids[1..2].to_vec() });
    let left = vec![(key(3), Flags::default())];
    let merged = store.writer.merge_flags(store.inbox, Window::ALL, left, store.writer.clock()).wait().unwrap();
    assert_eq!(merged.void, ["Flags of “Subject a”: +seen"], "the deletion is as wanted");
    store.move_to(&ids[2..], store.archive);
    store.writer.opened(store.inbox, opened(7)).wait().unwrap();
    let mishaps = store.reader.waits().unwrap().mishaps;
    let told: Vec<&str> = mishaps.iter().map(|mishap| mishap.why.as_str()).collect();
    assert_eq!(told, ["Move “Subject c” to Archive", "Flags of “Subject a”: +seen"]);
    store.writer.forget_mishaps(vec![mishaps[0].id]).wait().unwrap();
    assert_eq!(store.restart().reader.waits().unwrap().mishaps.len(), 1);
}
