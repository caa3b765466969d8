//! Hearing of what others do.

use std::sync::Arc;
use std::time::Duration;

use postrider::config::Security;
use postrider::mail::server::Window;
use postrider::remote::imap::session::{Deadlines, Session};
use postrider::remote::{Connect, Hint, Remote, RemoteError};
use tokio::sync::Notify;

use crate::second_client::SecondClient;
use crate::servers::dovecot::{Dovecot, PASSWORD};
use crate::{account, message};

/// Until there is news of the open mailbox.
async fn changed(remote: &mut Session, stop: &Arc<Notify>) {
    while remote.wait("INBOX", stop.clone()).await.unwrap() != Hint::Changed {}
}

type Deed = fn(&mut SecondClient);

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_in_a_mailbox_that_is_not_open_ends_the_wait() {
    let dovecot = Dovecot::shared();
    let mut remote = account(&dovecot, "notify", Security::Tls).connect(Some("INBOX")).await.unwrap();
    remote.open("INBOX").await.unwrap();
    let stop = Arc::new(Notify::new());
    assert_eq!(
        remote.wait("INBOX", stop.clone()).await.unwrap(),
        Hint::Elsewhere(Vec::new()),
        "NOTIFY is on; the list tells what was before"
    );
    let archive = Hint::Elsewhere(vec!["Archive".to_owned()]);
    let mut other = SecondClient::login(dovecot.imap_port, "notify", PASSWORD);
    let deeds: [(&str, Deed, &Hint); 4] = [
        ("a delivery", |other| assert!(other.append("Archive", "", &message(1, 1)) > 0), &archive),
        ("a flag", |other| other.store("Archive", "1", "+FLAGS", "\\Seen"), &archive),
        ("an expunge", |other| other.expunge("Archive", "1"), &archive),
        ("a new mailbox", |other| drop(other.command("CREATE Lists")), &Hint::Elsewhere(Vec::new())),
    ];
    for (name, deed, expected) in deeds {
        let doing = tokio::task::spawn_blocking(move || {
            deed(&mut other);
            other
        });
        let told = tokio::time::timeout(Duration::from_secs(30), async {
            while remote.wait("INBOX", stop.clone()).await.unwrap() != *expected {}
        });
        assert!(told.await.is_ok(), "{name} was not told");
        other = doing.await.unwrap();
    }
    // the connection goes on
    assert_eq!(remote.newest("Lists", 5).await.unwrap().0.exists, 0);
}

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
    changed(&mut remote, &stop).await;
    let mut other = delivery.await.unwrap();
    assert_eq!(remote.newest("INBOX", 10).await.unwrap().1.len(), 1);

    stop.notify_one();
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Nothing);
    // Flag changes and expunges count too; DONE of the interrupted wait travels with the next one.
    let change = tokio::task::spawn_blocking(move || {
        other.store("INBOX", "1", "+FLAGS", "\\Seen");
        other
    });
    changed(&mut remote, &stop).await;
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
    while remote.wait("INBOX", stop.clone()).await.unwrap() != Hint::Nothing {}
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Nothing);
    remote.move_to("INBOX", &[key], "Archive").await.unwrap();
    for _ in 0..3 {
        assert_ne!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Changed);
    }
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
