//! Hearing of what others do.

use std::sync::Arc;
use std::time::Duration;

use postrider::config::Security;
use postrider::mail::server::Window;
use postrider::remote::imap::session::Deadlines;
use postrider::remote::{Connect, Hint, Remote, RemoteError};
use tokio::sync::Notify;

use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, PASSWORD};
use crate::{account, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_ends_the_wait_and_the_connection_goes_on() {
    let dovecot = Dovecot::shared();
    let mut remote = account(&dovecot, "idle", Security::Tls).connect(Some("INBOX")).await.unwrap();
    remote.open("INBOX").await.unwrap();
    let stop = Arc::new(Notify::new());
    let port = dovecot.imap_port;
    let delivery = tokio::task::spawn_blocking(move || {
        let mut other = SecondClient::login(port, "idle", PASSWORD);
        other.append("INBOX", "", &message(1, 1));
        other
    });
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Changed);
    let mut other = delivery.await.unwrap();
    assert_eq!(remote.newest("INBOX", 10).await.unwrap().1.len(), 1);

    stop.notify_one();
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Nothing);
    // Flag changes and expunges count too; DONE of the interrupted wait travels with the next one.
    let change = tokio::task::spawn_blocking(move || {
        other.store("INBOX", "1", "+FLAGS", "\\Seen");
        other
    });
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Changed);
    let mut other = change.await.unwrap();
    assert_eq!(remote.flags("INBOX", Window::ALL).await.unwrap().len(), 1);
    tokio::task::spawn_blocking(move || other.expunge("INBOX", "1")).await.unwrap();
    while remote.wait("INBOX", stop.clone()).await.unwrap() != Hint::Changed {}
    while !remote.flags("INBOX", Window::ALL).await.unwrap().is_empty() {
        remote.wait("INBOX", stop.clone()).await.unwrap();
    }
    remote.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_is_renewed_and_our_own_moves_are_no_news() {
    let dovecot = Dovecot::shared();
    let deadlines = Deadlines { idle: Duration::from_millis(50), ..Deadlines::default() };
    let account = account(&dovecot, "renew", Security::Tls).with_deadlines(deadlines);
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    remote.open("INBOX").await.unwrap();
    let key = remote.append("INBOX", message(1, 1).into_bytes(), &postrider::mail::Flags::default(), 0).await.unwrap().unwrap();
    let stop = Arc::new(Notify::new());
    while remote.wait("INBOX", stop.clone()).await.unwrap() == Hint::Changed {}
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Nothing);
    remote.move_to("INBOX", &[key], "Archive").await.unwrap();
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_is_offline_and_comes_back() {
    let mut dovecot = Dovecot::start();
    let account = account(&dovecot, "ada", Security::Tls);
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    remote.open("INBOX").await.unwrap();
    let stopped = tokio::task::spawn_blocking(move || {
        dovecot.stop();
        dovecot
    });
    let error = loop {
        match remote.wait("INBOX", Arc::new(Notify::new())).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, RemoteError::Offline(_)), "{error:?}");
    let mut dovecot = stopped.await.unwrap();
    assert!(matches!(account.connect(None).await, Err(RemoteError::Offline(_))));
    assert!(matches!(remote.open("INBOX").await, Err(RemoteError::Offline(_))), "a broken connection stays broken");
    tokio::task::spawn_blocking(move || {
        dovecot.restart();
        dovecot
    })
    .await
    .map(drop)
    .unwrap();
}
