//! What changed since, told in every way that a server has.

use postrider::config::Security;
use postrider::mail::server::{Changes, Point};
use postrider::mail::{FlagBits, Flags, Key, Uid};
use postrider::remote::{Connect, Remote};

use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, PASSWORD};
use crate::{account, message};

fn key(uid: u32) -> Key {
    Key::Uid(Uid(uid))
}

/// What changes between two looks: one is flagged, one deleted, one comes. `since`: the count of changes is used.
async fn changes(dovecot: &Dovecot, user: &str, since: bool) -> Option<Changes> {
    let mut other = SecondClient::login(dovecot.imap_port, user, PASSWORD);
    for number in 1..=5 {
        other.append("INBOX", "", &message(number, 3));
    }
    let mut remote = account(dovecot, user, Security::Tls).connect(Some("INBOX")).await.unwrap();
    let opened = remote.open("INBOX").await.unwrap();
    let mod_seq = opened.mod_seq.filter(|_| since);
    let known = Point { uid_validity: opened.uid_validity.unwrap(), uid_next: 6, count: 5, mod_seq, all: false };
    remote.store_flags("INBOX", &[key(2)], &Flags::bits(FlagBits::FLAGGED), &Flags::default()).await.unwrap();
    remote.delete("INBOX", &[key(3)]).await.unwrap();
    remote.close().await;
    other.append("INBOX", "", &message(6, 3));
    let mut remote = account(dovecot, user, Security::Tls).connect(Some("INBOX")).await.unwrap();
    remote.changes("INBOX", &known).await.unwrap()
}

fn has_new(changes: &Changes) -> bool {
    changes.new.iter().map(|message| message.key.clone()).eq([key(6)])
}

#[tokio::test]
async fn what_changed_is_told_by_counts_or_by_sets() {
    let dovecot = Dovecot::shared();
    let counted = changes(&dovecot, "counted", true).await.unwrap();
    assert!(counted.flags.contains(&(key(2), Flags::bits(FlagBits::FLAGGED))) && has_new(&counted), "{counted:?}");
    assert!(counted.vanished.contains(3) && !counted.vanished.contains(2) && counted.present.is_none() && counted.mod_seq.is_some());

    let sets = changes(&dovecot, "sets", false).await.unwrap();
    assert_eq!(sets.present.as_ref().unwrap().ranges(), [(1, 2), (4, 6)]);
    let flagged = sets.marked.iter().find(|(mark, _)| *mark == Flags::bits(FlagBits::FLAGGED)).unwrap();
    assert!(flagged.1.ranges() == [(2, 2)] && has_new(&sets), "{sets:?}");
}

#[tokio::test]
async fn what_a_server_does_not_offer_is_not_asked() {
    let base = "imap_capability = IMAP4rev1 SASL-IR LITERAL+ UIDPLUS MOVE ENABLE";
    let dovecot = Dovecot::start_with(&format!("{base} CONDSTORE"));
    let flags = changes(&dovecot, "flags", true).await.unwrap();
    assert!(flags.flags.contains(&(key(2), Flags::bits(FlagBits::FLAGGED))) && has_new(&flags), "{flags:?}");
    assert_eq!(flags.present.as_ref().unwrap().ranges(), [(1, 2), (4, 6)]);

    let dovecot = Dovecot::start_with(base);
    assert_eq!(changes(&dovecot, "plain", true).await, None);
}
