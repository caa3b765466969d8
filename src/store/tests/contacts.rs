//! Whom one writes to, from the table and from mail.

use std::collections::HashSet;

use super::fixture::{Store, message};
use crate::mail::server::NewMessage;
use crate::mail::{Address, Change, Contact, Envelope};
use crate::store::{Own, Seen};

fn mine() -> HashSet<String> {
    HashSet::from(["ada@example.org".to_owned()])
}

fn from_to(uid: u32, from: &str, to: &[&str], received: i64) -> NewMessage {
    let to = to.iter().map(|to| Address::new("", *to)).collect();
    let envelope = Envelope { from: vec![Address::new("", from)], to, ..message(uid, &format!("{uid}")).envelope };
    NewMessage { envelope, received, ..message(uid, &format!("{uid}")) }
}

fn counts(mut seen: Vec<Contact>) -> Vec<(String, u32, u32, i64)> {
    seen.sort_by(|a, b| a.address.address.cmp(&b.address.address));
    seen.into_iter().map(|contact| (contact.address.address, contact.sent, contact.seen, contact.last)).collect()
}

#[test]
fn accepted_messages_are_counted_once_an_address() {
    let store = Store::new();
    let to = |list: &[(&str, &str)]| list.iter().map(|(name, address)| Address::new(*name, *address)).collect::<Vec<_>>();
    store.writer.count_contacts(to(&[("Bob", "bob@x.example"), ("", "BOB@x.example"), ("", "")]), 100).wait().unwrap();
    store.writer.count_contacts(to(&[("", "Bob@X.example")]), 50).wait().unwrap();
    let contacts = Own::open(store.writer.paths()).unwrap().unwrap().contacts().unwrap();
    let expect = Contact { address: Address::new("Bob", "bob@x.example"), sent: 2, seen: 0, last: 100 };
    assert_eq!(contacts, [expect]);
}

#[test]
fn mail_tells_who_writes_and_to_whom_one_wrote_and_new_mail_only_the_rest() {
    let store = Store::new();
    let mut seen = Seen::default();
    let junk = store.reader.find_mailbox("work/Junk").unwrap().unwrap().id;
    store.writer.add_messages(junk, vec![from_to(1, "spam@x.example", &["ada@example.org"], 5)]).wait().unwrap();
    let mass: Vec<String> = (0..60).map(|n| format!("m{n}@x.example")).collect();
    let mass: Vec<&str> = mass.iter().map(String::as_str).collect();
    let mail = vec![
        from_to(1, "bob@x.example", &["ada@example.org", "eve@x.example"], 10),
        from_to(2, "Ada@example.org", &["bob@x.example"], 20),
        from_to(3, "list@x.example", &mass, 30),
    ];
    store.writer.add_messages(store.inbox, mail).wait().unwrap();
    let row = |address: &str, sent, seen, last| (address.to_owned(), sent, seen, last);
    assert_eq!(
        counts(seen.next(&store.reader, &mine()).unwrap()),
        [
            row("Ada@example.org", 0, 1, 20),
            row("ada@example.org", 0, 1, 10),
            row("bob@x.example", 1, 1, 20),
            row("eve@x.example", 0, 1, 10),
            row("list@x.example", 0, 1, 30)
        ]
    );
    assert!(seen.next(&store.reader, &mine()).unwrap().is_empty());
    store.writer.add_messages(store.inbox, vec![from_to(9, "bob@x.example", &["new@x.example"], 40)]).wait().unwrap();
    store.writer.apply(Change::Move { ids: Vec::new(), to: store.archive }, String::new()).wait().unwrap();
    assert_eq!(counts(seen.next(&store.reader, &mine()).unwrap()), [row("bob@x.example", 0, 1, 40), row("new@x.example", 0, 1, 40)]);
}
