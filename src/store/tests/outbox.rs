//! The outbox as rows: every step durable, nothing sent that was taken back, nothing forgotten that was not sent.

use super::fixture::{Store, message, seen};
use crate::mail::outgoing::{Fate, Recipient};
use crate::mail::{Address, Draft, DraftId, MessageId, OutItem, OutboxId, Role, SmtpEnvelope, Stage};
use crate::store::{OutboxNew, Own, Paths, RefusedTo, SentCopy, TakenBack, Written, queue_only};

const NOW: i64 = 1_800_000_000;

fn new(recipients: &[&str]) -> OutboxNew {
    let recipients = recipients.iter().map(|address| Recipient { address: (*address).into(), fate: Fate::Pending }).collect();
    OutboxNew {
        account: "work".into(),
        not_before: 0,
        now: NOW,
        rfc_message_id: "m@example.org".into(),
        subject: "Plan".into(),
        envelope: SmtpEnvelope { mail_from: "ada@example.org".into(), recipients, ..SmtpEnvelope::default() },
        draft: None,
        bytes: b"Subject: Plan\r\n\r\nText\r\n".to_vec(),
    }
}

impl Store {
    fn queue(&self, new: OutboxNew) -> OutboxId {
        self.writer.queue(new).wait().unwrap().unwrap().id
    }

    fn own(&self) -> Own {
        Own::open(self.writer.paths()).unwrap().unwrap()
    }

    fn item(&self, id: OutboxId) -> Option<OutItem> {
        self.own().out_item(id).unwrap()
    }

    fn stage(&self, id: OutboxId) -> Option<Stage> {
        self.item(id).map(|item| item.stage)
    }

    fn accept(&self, id: OutboxId, fates: Vec<(String, Fate)>) {
        assert!(self.writer.begin_sending(id, NOW).wait().unwrap().is_some());
        assert!(self.writer.handing_over(id, fates.clone()).wait().unwrap());
        assert!(self.writer.accepted(id, fates, vec![Address::new("Bob", "BOB@example.org")], NOW).wait().unwrap());
    }

    fn draft(&self) -> (DraftId, Draft) {
        let draft = Draft { account: "work".into(), subject: "Plan".into(), bcc: "carol@example.org".into(), ..Draft::default() };
        let value = serde_json::to_string(&draft).unwrap();
        let insert = self.writer.own_job(move |tx| {
            tx.execute("INSERT INTO draft (account, rfc_message_id, holder, saved, value) VALUES ('work', 'm', 1, 0, ?1)", [value])?;
            Ok(DraftId(tx.last_insert_rowid()))
        });
        (insert.wait().unwrap(), draft)
    }

    fn copy(&self, outbox: OutboxId) -> SentCopy {
        let envelope = message(1, "sent").envelope;
        let made = ("Sent".into(), "wire Sent".into());
        let written = Written { envelope, flags: seen(), received: NOW, bytes: b"bytes".to_vec() };
        SentCopy { outbox, account: self.work, made, written, text: Some("Text".into()) }
    }
}

fn accepted(address: &str) -> (String, Fate) {
    (address.into(), Fate::Accepted)
}

#[test]
fn a_queued_message_survives_a_restart_and_is_sent_with_all_it_needs() {
    let store = Store::new();
    let id = store.queue(new(&["bob@example.org"]));
    let store = store.restart();
    assert_eq!(store.own().outbox().unwrap().len(), 1);
    let mail = store.writer.begin_sending(id, NOW).wait().unwrap().unwrap();
    assert_eq!((mail.bytes.as_slice(), mail.item.stage, mail.item.attempts), (&b"Subject: Plan\r\n\r\nText\r\n"[..], Stage::Sending, 1));
    assert_eq!(mail.envelope.mail_from, "ada@example.org");
    assert!(store.writer.begin_sending(id, NOW).wait().unwrap().is_none(), "two attempts at once");
}

#[test]
fn a_draft_is_queued_once_however_often_it_is_sent() {
    let store = Store::new();
    let draft = store.draft();
    let message = OutboxNew { draft: Some(draft), ..new(&["bob@example.org"]) };
    assert!(store.writer.queue(message.clone()).wait().unwrap().is_some());
    assert!(store.writer.queue(message).wait().unwrap().is_none());
    assert_eq!((store.own().outbox().unwrap().len(), store.own().draft_count().unwrap()), (1, 0));
}

#[test]
fn a_held_message_waits_for_its_time_and_is_taken_back_whole() {
    let store = Store::new();
    let draft = store.draft();
    let id = store.queue(OutboxNew { draft: Some(draft.clone()), not_before: NOW + 10, ..new(&["bob@example.org"]) });
    assert_eq!(store.stage(id), Some(Stage::Held));
    assert!(store.writer.begin_sending(id, NOW + 9).wait().unwrap().is_none());
    let TakenBack::Draft(again, value) = store.writer.take_back(id, true, NOW).wait().unwrap() else { panic!("not taken back") };
    assert!(again > draft.0);
    assert_eq!((*value, store.stage(id), store.own().draft_count().unwrap()), (draft.1, None, 1));
    assert_eq!(store.writer.take_back(id, true, NOW).wait().unwrap(), TakenBack::Gone);
}

#[test]
fn what_was_taken_back_while_it_was_sent_is_not_handed_over() {
    let store = Store::new();
    let id = store.queue(OutboxNew { draft: Some(store.draft()), ..new(&["bob@example.org"]) });
    store.writer.begin_sending(id, NOW).wait().unwrap().unwrap();
    assert!(matches!(store.writer.take_back(id, false, NOW).wait().unwrap(), TakenBack::Draft(..)));
    assert!(!store.writer.handing_over(id, vec![accepted("bob@example.org")]).wait().unwrap());
}

#[test]
fn what_the_server_may_have_is_neither_taken_back_nor_sent_again() {
    let store = Store::new();
    let id = store.queue(OutboxNew { draft: Some(store.draft()), ..new(&["bob@example.org"]) });
    store.writer.begin_sending(id, NOW).wait().unwrap().unwrap();
    assert!(store.writer.handing_over(id, vec![accepted("bob@example.org")]).wait().unwrap());
    assert_eq!(store.writer.take_back(id, false, NOW).wait().unwrap(), TakenBack::TooLate);
    assert!(!store.writer.drop_outgoing(id).wait().unwrap());
    let changed = store.writer.recover_outbox("work".into(), "nobody knows".into(), NOW).wait().unwrap();
    assert_eq!(changed, [(id, Stage::Unknown)]);
    assert!(store.writer.begin_sending(id, NOW).wait().unwrap().is_none());
    assert_eq!(store.item(id).unwrap().error.as_deref(), Some("nobody knows"));
    assert!(store.writer.send_now(id, NOW).wait().unwrap(), "the user may all the same");
    assert_eq!(store.stage(id), Some(Stage::Queued));
}

#[test]
fn a_crash_before_the_end_of_data_only_costs_the_attempt() {
    let store = Store::new();
    let id = store.queue(new(&["bob@example.org"]));
    store.writer.begin_sending(id, NOW).wait().unwrap().unwrap();
    let store = store.restart();
    let changed = store.writer.recover_outbox("work".into(), String::new(), NOW).wait().unwrap();
    assert_eq!(changed, [(id, Stage::Queued)]);
    let others = store.writer.recover_outbox("home".into(), String::new(), NOW).wait().unwrap();
    assert_eq!(others, []);
}

#[test]
fn recipients_that_were_put_off_are_left_and_the_others_are_not_asked_again() {
    let store = Store::new();
    let id = store.queue(new(&["bob@example.org", "carol@example.org", "dan@example.org"]));
    let later = Fate::Deferred("451 later".into());
    let never = Fate::Refused("550 no".into());
    store.accept(
        id,
        vec![accepted("bob@example.org"), ("carol@example.org".into(), later.clone()), ("dan@example.org".into(), never.clone())],
    );
    assert_eq!(store.writer.without_copy(id, NOW + 60, NOW).wait().unwrap(), Some(Stage::Queued));
    let item = store.item(id).unwrap();
    assert_eq!(item.recipients.iter().map(|one| one.fate.clone()).collect::<Vec<_>>(), [Fate::Accepted, later, never]);
    assert_eq!(item.not_before, NOW + 60);
    assert_eq!(store.writer.take_back(id, false, NOW).wait().unwrap(), TakenBack::TooLate);
    store.writer.begin_sending(id, NOW + 60).wait().unwrap().unwrap();
    let end = store.writer.refused(id, vec![("carol@example.org".into(), Fate::Refused("550".into()))], "550".into(), false, NOW);
    assert_eq!(end.wait().unwrap(), RefusedTo::Done);
    let listed = store.own().outbox().unwrap();
    assert_eq!((listed.len(), listed[0].stage), (1, Stage::Filed), "done, and the refusals are still told");
    assert_eq!(listed[0].error.as_deref(), Some("carol@example.org: 550; dan@example.org: 550 no"));
}

/// Sent to bob, refused for adda and carol.
fn partly_refused(store: &Store) -> OutboxId {
    let id = store.queue(OutboxNew { draft: Some(store.draft()), ..new(&["bob@example.org", "adda@example.org", "carol@example.org"]) });
    let no = |address: &str| (address.to_owned(), Fate::Refused("550 no such user".into()));
    store.accept(id, vec![accepted("bob@example.org"), no("adda@example.org"), no("carol@example.org")]);
    assert_eq!(store.writer.file_sent(store.copy(id), NOW, NOW).wait().unwrap().0, Some(Stage::Filed));
    id
}

#[test]
fn a_refusal_for_some_outlives_restarts_until_it_is_dismissed() {
    let store = Store::new();
    let id = partly_refused(&store);
    let store = store.restart();
    store.writer.recover_outbox("work".into(), String::new(), NOW + 90 * 86_400).wait().unwrap();
    let listed = store.own().outbox().unwrap();
    assert_eq!(listed.iter().map(|item| (item.id, item.stage)).collect::<Vec<_>>(), [(id, Stage::Filed)]);
    assert_eq!(listed[0].error.as_deref(), Some("adda@example.org: 550 no such user; carol@example.org: 550 no such user"));
    assert!(store.writer.begin_sending(id, NOW).wait().unwrap().is_none() && !store.writer.send_now(id, NOW).wait().unwrap());
    assert_eq!(store.writer.take_back(id, true, NOW).wait().unwrap(), TakenBack::TooLate);
    assert!(store.writer.drop_outgoing(id).wait().unwrap());
    assert_eq!(store.own().outbox().unwrap(), []);
}

#[test]
fn those_for_whom_it_was_refused_can_be_written_to_again_and_nobody_else_is() {
    let store = Store::new();
    let id = partly_refused(&store);
    let again = store.writer.write_again(id, "new@example.org".into(), NOW).wait().unwrap();
    let TakenBack::Draft(_, draft) = again else { panic!("{again:?}") };
    assert_eq!((draft.to.as_str(), draft.bcc.as_str(), draft.subject.as_str()), ("adda@example.org, carol@example.org", "", "Plan"));
    assert_eq!(draft.rfc_message_id, "new@example.org", "another message");
    assert_eq!((store.own().outbox().unwrap().len(), store.own().draft_count().unwrap()), (0, 1));
    assert_eq!(store.writer.write_again(id, String::new(), NOW).wait().unwrap(), TakenBack::Gone);
    let waiting = store.queue(new(&["bob@example.org"]));
    assert_eq!(store.writer.write_again(waiting, String::new(), NOW).wait().unwrap(), TakenBack::TooLate);
}

#[test]
fn what_is_discarded_before_it_is_in_the_outbox_is_not_sent() {
    let store = Store::new();
    let (id, draft) = store.draft();
    assert!(store.writer.discard_draft(id, draft.clone(), NOW).wait().unwrap());
    let queued = store.writer.queue(OutboxNew { draft: Some((id, draft.clone())), ..new(&["bob@example.org"]) });
    assert_eq!(queued.wait().unwrap(), None);
    assert_eq!(store.own().outbox().unwrap(), []);
    assert_eq!(store.writer.reopen_draft(id).wait().unwrap().map(|stored| stored.draft), Some(draft), "undo has it");
}

#[test]
fn a_refused_message_goes_back_to_the_drafts_or_stays() {
    let store = Store::new();
    let draft = store.draft();
    let written = store.queue(OutboxNew { draft: Some(draft.clone()), ..new(&["bob@example.org"]) });
    let piped = store.queue(new(&["bob@example.org"]));
    for id in [written, piped] {
        store.writer.begin_sending(id, NOW).wait().unwrap().unwrap();
    }
    let back = store.writer.refused(written, vec![], "554 spam".into(), false, NOW).wait().unwrap();
    assert!(matches!(back, RefusedTo::Draft(_, value) if *value == draft.1));
    assert_eq!(store.writer.refused(piped, vec![], "554 spam".into(), false, NOW).wait().unwrap(), RefusedTo::Outbox);
    assert_eq!((store.stage(written), store.stage(piped)), (None, Some(Stage::Refused)));
    assert!(store.writer.drop_outgoing(piped).wait().unwrap());
}

#[test]
fn a_copy_is_filed_once_and_waits_for_the_server() {
    let store = Store::new();
    let id = store.queue(new(&["bob@example.org"]));
    assert_eq!(store.writer.file_sent(store.copy(id), NOW, NOW).wait().unwrap().0, None, "it is not accepted yet");
    store.accept(id, vec![accepted("bob@example.org")]);
    for expected in [Some(Stage::Filed), None, None] {
        assert_eq!(store.writer.file_sent(store.copy(id), NOW, NOW).wait().unwrap().0, expected);
    }
    let sent = store.reader.mailboxes().unwrap().into_iter().find(|mailbox| mailbox.role == Some(Role::Sent)).unwrap();
    let shown = store.shown(sent.id);
    assert_eq!(shown.len(), 1);
    assert!(store.flags(shown[0]) == seen() && store.is_waiting(shown[0]));
    assert_eq!(store.reader.local_bytes(shown[0]).unwrap().as_deref(), Some(&b"bytes"[..]));
    assert_eq!(store.own().outbox().unwrap(), []);
    store.check();
}

#[test]
fn a_crash_between_reserving_and_filing_makes_no_second_copy() {
    let store = Store::new();
    let id = store.queue(new(&["bob@example.org"]));
    store.accept(id, vec![accepted("bob@example.org")]);
    store.writer.file_sent(store.copy(id), NOW, NOW).wait().unwrap();
    let copy = store.own().out_message(id).unwrap().unwrap().copy.unwrap();
    // as if the end of the outbox row had not been written
    let back = store.writer.own_job(move |tx| Ok(tx.execute("UPDATE outbox SET stage = ?2 WHERE id = ?1", (id.0, Stage::Accepted as u8))?));
    back.wait().unwrap();
    let store = store.restart();
    assert_eq!(store.writer.file_sent(store.copy(id), NOW, NOW).wait().unwrap().0, Some(Stage::Filed));
    let count: i64 = store.reader.db().query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap();
    assert_eq!((count, store.reader.location(copy).unwrap().is_some()), (1, true));
    assert!(copy > MessageId(0));
}

#[test]
fn whom_one_wrote_to_is_counted_by_address_whatever_its_case() {
    let store = Store::new();
    for address in ["bob@example.org", "Bob@Example.org"] {
        let id = store.queue(new(&[address]));
        store.accept(id, vec![accepted(address)]);
    }
    let read = store.writer.own_job(|tx| {
        Ok(tx.query_row("SELECT address, name, sent FROM contact", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?))
        })?)
    });
    assert_eq!(read.wait().unwrap(), ("bob@example.org".to_owned(), "Bob".to_owned(), 2));
}

#[test]
fn a_command_queues_without_the_mail_store() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::in_folder(folder.path());
    let item = queue_only(&paths, &new(&["bob@example.org"])).unwrap().unwrap();
    assert_eq!((item.stage, paths.mail_db.exists()), (Stage::Queued, false));
    assert_eq!(Own::open(&paths).unwrap().unwrap().outbox().unwrap(), [item]);
}

#[test]
fn a_clock_that_is_set_back_does_not_hold_for_years_what_was_only_to_be_undone() {
    let store = Store::new();
    let later = NOW + 365 * 86_400;
    let undoable = store.queue(OutboxNew { now: later, not_before: later + 10, ..new(&["bob@example.org"]) });
    let named = store.queue(OutboxNew { now: later, not_before: later + 86_400, ..new(&["bob@example.org"]) });
    store.writer.recover_outbox("work".into(), String::new(), NOW).wait().unwrap();
    assert!(store.writer.begin_sending(undoable, NOW).wait().unwrap().is_some());
    assert!(store.writer.begin_sending(named, NOW).wait().unwrap().is_none());
}

#[test]
fn what_is_found_in_sent_was_got_by_those_who_were_asked_and_not_put_off() {
    let store = Store::new();
    let id = store.queue(new(&["bob@example.org", "carol@example.org"]));
    let later = ("carol@example.org".to_owned(), Fate::Deferred("451 later".into()));
    let lose = |fates: Vec<(String, Fate)>| {
        store.writer.begin_sending(id, NOW + 60).wait().unwrap().unwrap();
        assert!(store.writer.handing_over(id, fates).wait().unwrap());
        assert!(store.writer.answer_unknown(id, "cut".into()).wait().unwrap());
    };
    lose(vec![accepted("bob@example.org"), later.clone()]);
    assert_eq!(store.own().unknown_fates("work").unwrap(), [(id, "m@example.org".to_owned())]);
    assert!(store.writer.found_sent(id).wait().unwrap());
    assert!(!store.writer.found_sent(id).wait().unwrap());
    assert_eq!(store.item(id).unwrap().recipients.iter().map(|one| one.fate.clone()).collect::<Vec<_>>(), [Fate::Accepted, later.1]);
    assert_eq!(store.writer.without_copy(id, NOW + 60, NOW).wait().unwrap(), Some(Stage::Queued));
    lose(vec![accepted("carol@example.org")]);
    assert_eq!(store.own().unknown_fates("work").unwrap(), [], "the copy of the first attempt tells nothing of the second");
}

#[test]
fn what_waited_in_an_older_copy_of_user_db_is_not_sent_again_by_itself() {
    let store = Store::new();
    let id = store.queue(new(&["bob@example.org"]));
    // the copy is made at a start: the message waits in it
    let store = store.restart();
    store.accept(id, vec![accepted("bob@example.org")]);
    let paths = store.writer.paths().clone();
    store.writer.stop();
    drop((store.reader, store.writer));
    std::fs::write(&paths.user_db, b"this is not a database at all, and long enough to be read as one").unwrap();
    let writer = crate::store::open(&paths).unwrap();
    let item = Own::open(&paths).unwrap().unwrap().out_item(id).unwrap().unwrap();
    assert!(item.stage == Stage::Unknown && item.error.is_some_and(|why| why.contains("older copy")), "{:?}", item.stage);
    assert!(writer.begin_sending(id, NOW).wait().unwrap().is_none());
}
