//! Mailboxes made, renamed, deleted here: shown at once, pushed in an order that works, and what the server's list says of it.

use super::fixture::{Store, message, opened, remote};
use crate::mail::server::RemoteMailbox;
use crate::mail::{Change, MailboxId, MailboxWait, MailboxWish, Wait};
use crate::store::{MailboxAsk, MailboxEnd, PushKind};

impl Store {
    fn wish(&self, wish: MailboxWish) -> Result<(), String> {
        let applied = self.writer.apply(Change::Mailbox { wish, rows: Vec::new() }, "done".into()).wait();
        applied.map(drop).map_err(|error| error.to_string())
    }

    fn make(&self, name: &str) -> MailboxId {
        self.wish(MailboxWish::Create { account: self.work, name: name.into(), id: None }).unwrap();
        self.named(name).unwrap()
    }

    fn rename(&self, id: MailboxId, to: &str) -> Result<(), String> {
        self.wish(MailboxWish::Rename { id, to: to.into() })
    }

    fn named(&self, name: &str) -> Option<MailboxId> {
        self.reader.find_mailbox(&format!("work/{name}")).unwrap().map(|mailbox| mailbox.id)
    }

    fn names(&self) -> Vec<String> {
        let all = self.reader.mailboxes().unwrap().into_iter();
        all.filter(|mailbox| mailbox.account == self.work).map(|mailbox| mailbox.name).collect()
    }

    /// Pushes everything that waits, as a server would do it; what was asked, in order.
    fn push_mailboxes(&self) -> Vec<String> {
        let mut asked = Vec::new();
        while let Some(push) = self.writer.next_mailbox_push(self.work).wait().unwrap() {
            let (text, name) = match &push.ask {
                MailboxAsk::Create { name } => (format!("create {name}"), name.clone()),
                MailboxAsk::Rename { wire, name } => (format!("rename {wire} {name}"), name.clone()),
                MailboxAsk::Delete { wire } => (format!("delete {wire}"), String::new()),
                MailboxAsk::Subscribe { wire, on } => (format!("subscribe {wire} {on}"), String::new()),
            };
            asked.push(text);
            let wire = format!("wire {name}");
            self.writer.end_mailbox_push(push, MailboxEnd::Done { name, wire }).wait().unwrap();
        }
        asked
    }

    fn list(&self, names: &[&str]) {
        let list: Vec<RemoteMailbox> = names.iter().map(|name| remote(name)).collect();
        self.writer.set_mailboxes(self.work, list, Default::default()).wait().unwrap();
    }

    fn mailbox_waits(&self) -> Vec<MailboxWait> {
        let groups = self.reader.waits().unwrap().groups.into_iter();
        groups.filter_map(|group| if let Wait::Mailbox(_, wait) = group.wait { Some(wait) } else { None }).collect()
    }
}

const ALL: [&str; 4] = ["Inbox", "Archive", "Trash", "Junk"];

#[test]
fn a_mailbox_made_offline_takes_mail_at_once_and_is_pushed_before_it() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b"]);
    let made = store.make("Work/Plans");
    store.move_to(&ids, made);
    assert_eq!((store.shown(made), store.mailbox_waits()), (ids, vec![MailboxWait::Create]));
    let store = store.restart();
    assert_eq!(store.push(), None, "not before the mailbox is there");
    assert_eq!(store.push_mailboxes(), ["create Work/Plans"]);
    let push = store.push().unwrap();
    assert!(matches!(&push.kind, PushKind::Move { to_wire, .. } if to_wire == "wire Work/Plans"), "{push:?}");
    assert_eq!(store.mailbox_waits(), []);
}

#[test]
fn the_list_tells_of_a_creation_whose_answer_was_lost_and_keeps_what_is_not_made_yet() {
    let store = Store::new();
    let (one, two) = (store.make("One"), store.make("Two"));
    store.writer.next_mailbox_push(store.work).wait().unwrap().unwrap();
    let store = store.restart();
    store.list(&["Inbox", "Archive", "Trash", "Junk", "One"]);
    assert_eq!((store.named("One"), store.named("Two")), (Some(one), Some(two)));
    assert_eq!(store.push_mailboxes(), ["create Two"]);
}

#[test]
fn a_renaming_takes_along_what_is_below_and_is_one_command() {
    let store = Store::new();
    store.list(&["Inbox", "Archive", "Trash", "Junk", "a", "a/b", "a/b/c", "ab"]);
    let (a, deep) = (store.named("a").unwrap(), store.named("a/b/c").unwrap());
    store.rename(a, "z").unwrap();
    assert_eq!(store.names(), ["Inbox", "Archive", "Junk", "Trash", "ab", "z", "z/b", "z/b/c"]);
    assert_eq!(store.mailbox_waits(), [MailboxWait::Rename]);
    assert_eq!(store.push_mailboxes(), ["rename wire a z"]);
    assert_eq!(store.reader.wire_name(deep).unwrap().unwrap(), "wire z/b/c");
    store.undo().unwrap();
    assert_eq!(store.push_mailboxes(), ["rename wire z a"]);
}

#[test]
fn the_list_tells_of_a_renaming_whose_answer_was_lost_even_if_it_was_taken_back() {
    let store = Store::new();
    store.rename(store.archive, "Old").unwrap();
    store.writer.next_mailbox_push(store.work).wait().unwrap().unwrap();
    store.undo().unwrap();
    let store = store.restart();
    store.list(&["Inbox", "Old", "Trash", "Junk"]);
    assert_eq!(store.named("Archive"), Some(store.archive));
    assert_eq!(store.push_mailboxes(), ["rename wire Old Archive"]);
}

#[test]
fn names_are_taken_in_an_order_that_a_server_can_follow() {
    let store = Store::new();
    store.rename(store.archive, "Old").unwrap();
    let new = store.make("Archive");
    store.rename(store.trash, "Bins/Trash").unwrap();
    store.make("Bins");
    assert_eq!(store.push_mailboxes(), ["create Bins", "rename wire Archive Old", "create Archive", "rename wire Trash Bins/Trash"]);
    assert_eq!((store.named("Old"), store.named("Archive")), (Some(store.archive), Some(new)));
    // two that would have to change their names at once
    let junk = store.named("Junk").unwrap();
    store.rename(junk, "x").unwrap();
    store.rename(new, "Junk").unwrap();
    assert!(store.rename(junk, "Archive").unwrap_err().contains("waits for this one"));
}

#[test]
fn another_programs_renaming_keeps_rows_and_wishes() {
    let store = Store::new();
    let ids = store.add(store.archive, &["a"]);
    store.add_flags(&ids, super::fixture::seen());
    let listed = ["Inbox", "Older", "Trash", "Junk"];
    let (vanished, known) = store.reader.vanished(store.work, &listed.iter().map(|name| (*name).to_owned()).collect()).unwrap();
    assert_eq!((vanished.len(), vanished[0].id, vanished[0].sample.len()), (1, store.archive, 1));
    assert!(!known.contains("Older"));
    let list = listed.iter().map(|name| remote(name)).collect();
    store.writer.set_listed(store.work, list, Default::default(), vec![(store.archive, "Older".into())], u64::MAX).wait().unwrap();
    assert_eq!((store.named("Older"), store.shown(store.archive)), (Some(store.archive), ids));
    assert_eq!(store.push().unwrap().wire_name, "wire Older");
}

#[test]
fn a_name_that_another_program_took_meanwhile_is_theirs_and_that_is_told() {
    let store = Store::new();
    store.rename(store.archive, "Old").unwrap();
    store.list(&["Inbox", "Archive", "Trash", "Junk", "Old"]);
    assert_eq!(store.named("Archive"), Some(store.archive));
    assert_ne!(store.named("Old"), Some(store.archive));
    assert!(store.reader.waits().unwrap().mishaps[0].what.contains("another program made a folder Old"));
}

#[test]
fn a_deleted_mailbox_goes_once_its_mail_is_in_the_trash_and_comes_back_with_it() {
    let store = Store::new();
    let ids = store.add(store.archive, &["a", "b"]);
    store.writer.set_synced(store.archive, 5).wait().unwrap();
    store.wish(MailboxWish::Delete { id: store.archive }).unwrap();
    assert_eq!((store.named("Archive"), store.shown(store.trash)), (None, ids.clone()));
    assert_eq!(store.push_mailboxes(), Vec::<String>::new(), "not while the server has mail in it");
    let push = store.push().unwrap();
    store.end_done(push);
    assert_eq!(store.push_mailboxes(), ["delete wire Archive"]);
    store.undo().unwrap();
    assert_eq!((store.named("Archive"), store.shown(store.archive)), (Some(store.archive), ids));
    assert_eq!(store.push_mailboxes(), ["create Archive"]);
    store.check();
}

#[test]
fn a_deletion_that_the_server_does_not_do_brings_the_mailbox_back() {
    let store = Store::new();
    store.wish(MailboxWish::Delete { id: store.archive }).unwrap();
    let push = store.writer.next_mailbox_push(store.work).wait().unwrap().unwrap();
    store.writer.end_mailbox_push(push, MailboxEnd::Refused).wait().unwrap();
    assert_eq!((store.named("Archive"), store.push_mailboxes()), (Some(store.archive), Vec::new()));
}

#[test]
fn a_creation_that_is_refused_or_taken_back_leaves_mail_where_it_was() {
    for is_refused in [true, false] {
        let store = Store::new();
        let ids = store.add(store.inbox, &["a", "b", "c"]);
        let made = store.make("New");
        store.move_to(&ids[..2], made);
        store.apply(Change::Copy { ids: ids[2..].to_vec(), to: made });
        if is_refused {
            let push = store.writer.next_mailbox_push(store.work).wait().unwrap().unwrap();
            store.writer.end_mailbox_push(push, MailboxEnd::Refused).wait().unwrap();
        } else {
            let wait = Wait::Mailbox(made, MailboxWait::Create);
            store.writer.revoke(vec![(store.work, wait)], "back".into()).wait().unwrap();
        }
        assert_eq!((store.named("New"), store.shown(store.inbox), store.push()), (None, ids, None));
        store.check();
    }
}

#[test]
fn what_can_t_be_done_is_said_and_changes_nothing() {
    let store = Store::new();
    store.list(&["Inbox", "Archive", "Trash", "Junk", "a", "a/b"]);
    let a = store.named("a").unwrap();
    let delete = |id| store.wish(MailboxWish::Delete { id }).unwrap_err();
    assert!(delete(store.inbox).contains("inbox"));
    assert!(delete(a).contains("folders in it"));
    assert!(store.rename(store.inbox, "x").unwrap_err().contains("inbox"));
    assert!(store.rename(a, "Archive").unwrap_err().contains("already"));
    assert!(store.rename(a, "a/b/c").unwrap_err().contains("into itself"));
    assert!(store.rename(a, "x\r\ny").unwrap_err().contains("can't be seen"));
    assert!(store.wish(MailboxWish::Create { account: store.work, name: "Trash".into(), id: None }).unwrap_err().contains("already"));
    store.writer.add_messages(store.trash, vec![message(1, "t")]).wait().unwrap();
    store.writer.set_synced(store.trash, 5).wait().unwrap();
    assert!(delete(store.trash).contains("no trash"));
    let known = crate::mail::server::Opened { exists: 9, ..opened(1) };
    store.writer.opened(store.archive, known).wait().unwrap();
    assert!(delete(store.archive).contains("not all"));
    assert_eq!((store.mailbox_waits(), store.names().len()), (vec![], 6));
}

#[test]
fn a_mailbox_met_after_a_list_was_asked_for_is_not_taken_for_gone() {
    let store = Store::new();
    let asked_at = store.writer.clock();
    let made = store.make("New");
    store.push_mailboxes();
    let list = ALL.iter().map(|name| remote(name)).collect();
    store.writer.set_listed(store.work, list, Default::default(), Vec::new(), asked_at).wait().unwrap();
    assert_eq!(store.named("New"), Some(made));
    store.list(&ALL);
    assert_eq!(store.named("New"), None);
}

#[test]
fn a_subscription_is_asked_for_once() {
    let store = Store::new();
    store.wish(MailboxWish::Subscribe { id: store.archive, on: false }).unwrap();
    assert_eq!(store.push_mailboxes(), ["subscribe wire Archive false"]);
    store.undo().unwrap();
    assert_eq!(store.push_mailboxes(), ["subscribe wire Archive true"]);
}
