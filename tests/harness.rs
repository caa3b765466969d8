//! The Dovecot harness and the second client, tried on each other.
#![cfg(feature = "servers")]
#![allow(dead_code)]

#[path = "support/second_client.rs"]
mod second_client;
mod servers;

use second_client::SecondClient;
use servers::dovecot::{Dovecot, PASSWORD, SPECIAL_USE};

#[test]
fn what_one_client_does_another_sees() {
    let mut dovecot = Dovecot::start();
    dovecot.deliver("ada", "", b"Message-ID: <one@test>\r\nSubject: one\r\n\r\nBody\r\n");
    let mut ada = SecondClient::login(dovecot.imap_port, "ada", PASSWORD);
    let uid = ada.append("INBOX", "\\Seen $Label1", "Message-ID: <two@test>\nSubject: two\n\nBody\n");
    ada.store("INBOX", &uid.to_string(), "+FLAGS", "\\Flagged");
    ada.move_to("INBOX", "1", "Archive");

    dovecot.restart();
    let mut other = SecondClient::login(dovecot.imap_port, "ada", PASSWORD);
    let all = other.snapshot();
    for name in SPECIAL_USE {
        assert!(all.contains_key(*name), "{name} in {all:?}");
    }
    assert_eq!(all["Archive"].len(), 1);
    assert_eq!(all["Archive"][0].message_id, "one@test");
    assert_eq!(all["INBOX"][0].flags, ["$Label1", "\\Flagged", "\\Seen"]);
    assert!(other.fetch("INBOX", uid).is_some_and(|text| text.ends_with("Body\r\n")));

    other.expunge("INBOX", "1:*");
    assert!(other.messages("INBOX").is_empty());
}
