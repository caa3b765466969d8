//! COMPRESS=DEFLATE with a real Dovecot, inside TLS.

use std::sync::Arc;

use postrider::config::{Security, Server};
use postrider::mail::server::Window;
use postrider::mail::{FlagBits, Flags, Key, Uid};
use postrider::remote::imap::Account;
use postrider::remote::{Connect, Hint, Remote};
use tokio::sync::Notify;

use crate::servers::dovecot::Dovecot;
use crate::{message, server};

const COUNT: u32 = 1_100;

/// Everything a session does; the octets that came.
async fn octets(dovecot: &Dovecot, compress: bool) -> u64 {
    let account = Account::new("test", Server { compress: Some(compress), ..server(dovecot, "zip", Security::Tls) });
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    remote.open("INBOX").await.unwrap();
    let window = Window { low: 1, high: COUNT };
    let headers = remote.headers_in("INBOX", window).await.unwrap();
    assert!(headers.len() == COUNT as usize && headers.iter().all(|one| String::from_utf8_lossy(&one.header).contains("Subject: number")));
    let octets = account.traffic().octets_in;
    let keys = [Key::Uid(Uid(7))];
    remote.store_flags("INBOX", &keys, &Flags::bits(FlagBits::FLAGGED), &Flags::default()).await.unwrap();
    let flags = remote.flags("INBOX", window).await.unwrap();
    assert_eq!(
        flags.iter().filter(|(_, flags)| flags.bits.contains(FlagBits::FLAGGED)).map(|(key, _)| key).collect::<Vec<_>>(),
        [&keys[0]]
    );
    let bodies = remote.bodies("INBOX", &keys).await.unwrap();
    assert!(bodies[0].whole && bodies[0].bytes.ends_with(b"lazy dog.\r\n"));
    dovecot.deliver("zip", "", message(1, 1).as_bytes());
    assert_eq!(remote.wait("INBOX", Arc::new(Notify::new())).await.unwrap(), Hint::Changed);
    assert!(remote.append("INBOX", message(2, 2_000).into_bytes(), &Flags::default(), 1).await.is_ok());
    remote.close().await;
    octets
}

#[tokio::test]
async fn a_large_mailbox_comes_in_a_fraction_of_the_octets() {
    let dovecot = Dovecot::start_with("protocol imap {\n  mail_plugins = imap_zlib\n}");
    for number in 1..=COUNT {
        dovecot.deliver("zip", "", message(number, 1).as_bytes());
    }
    let (plain, compressed) = (octets(&dovecot, false).await, octets(&dovecot, true).await);
    println!("figure: {COUNT} headers came in {plain} octets, compressed in {compressed}");
    assert!(compressed * 3 < plain, "{compressed} of {plain}");
}
