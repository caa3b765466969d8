//! Messages written here: shown at once, pushed, and an older copy goes only after the newer one is safe.

use super::fixture::{Store, flagged, key, message, seen};
use crate::mail::draft::Draft;
use crate::mail::{Envelope, MailboxId};
use crate::mail::{FlagBits, Flags, Listing, MessageId};
use crate::store::{PushEnd, PushKind, Written};

fn copy(text: &str, received: i64) -> Written {
    let envelope = Envelope { subject: "Plan".into(), rfc_message_id: Some("plan@work.example".into()), ..Envelope::default() };
    Written { envelope, flags: Flags::bits(FlagBits::DRAFT.with(FlagBits::SEEN)), received, bytes: text.as_bytes().to_vec() }
}

fn add(store: &Store, text: &str, replaces: Option<MessageId>) -> MessageId {
    store.writer.add_written(None, store.archive, copy(text, 10), replaces).wait().unwrap().0
}

fn shown(store: &Store, mailbox: MailboxId) -> Vec<MessageId> {
    store.reader.rows(&Listing::mailbox(mailbox, false)).unwrap().iter().map(|row| row.id).collect()
}

/// What is asked of the server next, in a word, and how it ends.
fn push(store: &Store, end: PushEnd) -> &'static str {
    store.believe(store.work);
    let Some(next) = store.writer.next_push(store.work, 10).wait().unwrap() else { return "nothing" };
    let word = match &next.kind {
        PushKind::Append { .. } => "append",
        PushKind::Delete => "delete",
        _ => "other",
    };
    store.writer.end_push(next, end).wait().unwrap();
    word
}

fn done(uid: u32) -> PushEnd {
    PushEnd::Done(vec![(key(uid), Some(key(uid)))])
}

#[test]
fn a_written_message_shows_at_once_and_is_appended() {
    let store = Store::new();
    let id = add(&store, "text", None);
    assert_eq!(shown(&store, store.archive), [id]);
    assert_eq!(store.reader.local_bytes(id).unwrap().unwrap(), b"text");
    assert_eq!(push(&store, done(1)), "append");
    assert_eq!(store.reader.local_bytes(id).unwrap(), None, "the server has it");
    assert_eq!((shown(&store, store.archive), push(&store, done(1))), (vec![id], "nothing"));
}

#[test]
fn under_a_reserved_id_it_is_written_once() {
    let store = Store::new();
    let id = store.writer.reserve_id().wait().unwrap();
    for _ in 0..2 {
        assert_eq!(store.writer.add_written(Some(id), store.archive, copy("x", 1), None).wait().unwrap().0, id);
    }
    assert_eq!(shown(&store, store.archive), [id]);
    let next = add(&store, "y", None);
    assert!(next > id);
}

#[test]
fn the_older_copy_leaves_its_server_only_after_the_newer_one_is_there() {
    let store = Store::new();
    let old = store.add(store.archive, &["old"])[0];
    let new = add(&store, "newer", Some(old));
    assert_eq!(shown(&store, store.archive), [new]);
    // not now, cut, refused: the old one stays on its server
    assert_eq!(push(&store, PushEnd::NotNow), "append");
    assert_eq!(push(&store, PushEnd::Refused), "append");
    assert_eq!(push(&store, done(1)), "nothing", "held, and nothing is deleted");
    assert_eq!(store.reader.local_bytes(new).unwrap().unwrap(), b"newer");
    // touched again, it is tried again
    store.add_flags(&[new], flagged());
    assert_eq!(push(&store, done(2)), "append");
    assert_eq!(push(&store, PushEnd::Done(Vec::new())), "delete");
    assert_eq!(push(&store, done(1)), "nothing");
}

#[test]
fn an_append_whose_key_is_not_told_holds_the_older_copy_until_it_is_found() {
    let store = Store::new();
    let old = store.add(store.archive, &["old"])[0];
    let new = add(&store, "newer", Some(old));
    assert_eq!(push(&store, PushEnd::Done(Vec::new())), "append");
    assert_eq!(push(&store, done(1)), "nothing");
    let written = copy("newer", 10);
    let arrived =
        crate::mail::server::NewMessage { flags: written.flags, received: 10, size: 5, envelope: written.envelope, ..message(9, "") };
    store.writer.add_messages(store.archive, vec![arrived]).wait().unwrap();
    assert_eq!(shown(&store, store.archive), [new]);
    assert_eq!(push(&store, PushEnd::Done(Vec::new())), "delete");
}

#[test]
fn replacing_a_copy_that_no_server_has_lets_the_oldest_wait_for_the_newest() {
    let store = Store::new();
    let oldest = store.add(store.archive, &["old"])[0];
    let held = add(&store, "second", Some(oldest));
    assert_eq!(push(&store, PushEnd::Refused), "append");
    let newest = add(&store, "third", Some(held));
    assert_eq!(shown(&store, store.archive), [newest]);
    assert_eq!(store.reader.local_bytes(held).unwrap(), None);
    assert_eq!(push(&store, PushEnd::NotNow), "append");
    assert_eq!(push(&store, done(3)), "append");
    assert_eq!(push(&store, PushEnd::Done(Vec::new())), "delete");
    assert_eq!(push(&store, done(1)), "nothing");
}

#[test]
fn replacing_a_copy_on_its_way_lets_it_arrive_first() {
    let store = Store::new();
    let first = add(&store, "first", None);
    let under_way = store.writer.next_push(store.work, 10).wait().unwrap().unwrap();
    let second = add(&store, "second", Some(first));
    assert_eq!(shown(&store, store.archive), [second]);
    store.writer.end_push(under_way, done(4)).wait().unwrap();
    assert_eq!(push(&store, done(5)), "append", "the second, before the first is deleted");
    assert_eq!(push(&store, PushEnd::Done(Vec::new())), "delete");
    assert_eq!(shown(&store, store.archive), [second]);
}

#[test]
fn what_was_written_here_is_known_where_mail_db_was_lost() {
    let mut store = Store::new();
    let id = add(&store, "only here", None);
    assert!(store.writer.orphans().wait().unwrap().is_empty());
    store.writer.stop();
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(store.folder.path().join(format!("mail.db{ending}")));
    }
    store.reopen();
    let orphans = store.writer.orphans().wait().unwrap();
    let [orphan] = orphans.as_slice() else { panic!("{orphans:?}") };
    assert_eq!((orphan.message, orphan.account.as_str(), orphan.mailbox.as_str()), (id, "work", "Archive"));
    assert_eq!((orphan.bytes.as_slice(), orphan.received), (&b"only here"[..], 10));
    assert!(orphan.flags.bits.contains(FlagBits::DRAFT));
}

#[test]
fn a_message_that_mail_db_did_not_take_at_first_is_there_once_however_often_it_was_tried() {
    let store = Store::new();
    let archive = store.archive;
    for text in ["one", "two"] {
        let failed = store.writer.user_job(move |work| -> crate::store::Result<()> {
            work.add_written(None, archive, copy(text, 10), None)?;
            Err(crate::store::StoreError::Other("no space".into()))
        });
        assert!(failed.wait().is_err());
    }
    let orphans = store.writer.orphans().wait().unwrap();
    let [orphan] = orphans.as_slice() else { panic!("{orphans:?}") };
    assert_eq!(orphan.bytes, b"two");
    let id = add(&store, "three", None);
    assert_eq!((id, store.writer.orphans().wait().unwrap().len()), (orphan.message, 0));
    assert_eq!(shown(&store, archive), [id]);
    assert_eq!(store.reader.local_bytes(id).unwrap().unwrap(), b"three");
    // another message of the same name is another message
    assert_ne!(add(&store, "four", None), id);
}

#[test]
fn what_a_draft_is_to_be_put_into_a_mailbox_for_comes_with_the_draft_only() {
    let store = Store::new();
    let archive = store.archive;
    let failed = store.writer.user_job(move |work| -> crate::store::Result<()> {
        work.add_written(None, archive, copy("older", 10), None)?;
        Err(crate::store::StoreError::Other("no space".into()))
    });
    assert!(failed.wait().is_err());
    let draft = Draft { rfc_message_id: "plan@work.example".into(), ..Draft::default() };
    let (draft, _) = store.writer.new_draft(draft, Vec::new(), None, 10, |_| String::new()).wait().unwrap();
    assert_eq!(store.writer.orphans().wait().unwrap().len(), 0);
    store.writer.close_draft(draft).wait().unwrap();
    assert_eq!(store.writer.orphans().wait().unwrap().len(), 1);
}

#[test]
fn what_its_server_does_not_take_is_asked_again_when_its_time_comes_also_after_a_restart() {
    const NOW: i64 = 1_800_000_000;
    let store = Store::new();
    let written = Written { envelope: message(1, "a").envelope, flags: seen(), received: 10, bytes: b"only here".to_vec() };
    let (id, _) = store.writer.add_written(None, store.archive, written, None).wait().unwrap();
    let refuse = |store: &Store, now: i64, wait: i64| {
        let push = store.push().expect("it is asked");
        store.writer.refused_append(push, "over quota".into(), now, move |_| wait).wait().unwrap().0
    };
    let release = |store: &Store, now, all| store.writer.release_refused(store.work, now, all).wait().unwrap().0;
    assert_eq!(refuse(&store, NOW, 60), 1);
    assert!(store.push().is_none() && store.is_waiting(id));
    let told = |store: &Store| store.reader.waits().unwrap().groups.into_iter().find_map(|group| group.refused);
    assert_eq!(told(&store).as_deref(), Some("over quota"));
    assert_eq!(release(&store, NOW + 59, false), Some(NOW + 60));
    assert!(store.push().is_none());
    let store = store.restart();
    assert_eq!(release(&store, NOW + 59, false), Some(NOW + 60), "known after a restart");
    assert_eq!(release(&store, NOW + 60, false), None);
    assert_eq!(refuse(&store, NOW + 60, 300), 2, "the second in a row");
    // the user wants it now; and a clock that was set back holds nothing up
    assert_eq!(release(&store, NOW + 61, true), None);
    assert_eq!(refuse(&store, NOW + 61, 900), 3);
    assert_eq!(release(&store, NOW - 86_400, false), None);
    store.end(store.push().unwrap(), PushEnd::Done(vec![(key(9), Some(key(9)))]));
    assert_eq!((release(&store, NOW, false), store.push(), store.is_waiting(id)), (None, None, false));
    assert_eq!(store.shown(store.archive), [id], "once");
    assert_eq!(told(&store), None);
    store.check();
}

#[test]
fn a_copy_is_found_by_its_name_and_not_taken_for_another() {
    let store = Store::new();
    let id = store.add(store.inbox, &["a"])[0];
    let name = store.reader.name_copy(id).unwrap().unwrap();
    assert_eq!(store.reader.find_copy(&name).unwrap(), Some(id));
    let elsewhere = crate::store::KeptCopy { message: id.0 + 1000, ..name.clone() };
    assert_eq!(store.reader.find_copy(&elsewhere).unwrap(), Some(id), "by its Message-ID");
    let rewritten = crate::store::KeptCopy { received: name.received + 60, ..elsewhere.clone() };
    assert_eq!(store.reader.find_copy(&rewritten).unwrap(), Some(id), "servers change the time of arrival");
    let longer = crate::store::KeptCopy { size: name.size + 1, ..elsewhere.clone() };
    assert_eq!(store.reader.find_copy(&longer).unwrap(), None, "another version written within the same second");
    let version = crate::store::KeptCopy { date: name.date.map(|date| date + 1), ..elsewhere };
    assert_eq!(store.reader.find_copy(&version).unwrap(), None, "another version of the same draft");
    let undated = crate::store::KeptCopy { date: None, ..rewritten };
    assert_eq!(store.reader.find_copy(&undated).unwrap(), None, "nothing else tells that it is the same");
    assert_eq!(store.reader.find_rfc_message_id("a@example.org").unwrap(), [id]);
    assert!(store.reader.find_rfc_message_id("b@example.org").unwrap().is_empty());
}
