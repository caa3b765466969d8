//! A server that falls silent, or nearly so, at every step, on a clock that runs only when nothing else does: each step has its
//! deadline, and is over then.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use postrider::config::Security;
use postrider::mail::server::Window;
use postrider::mail::{FlagBits, Flags};
use postrider::remote::imap::session::{Deadlines, Session};
use postrider::remote::{Connect, Remote, RemoteError, Result};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::scripted::Scripted;
use crate::{account, keys, session};

/// What the client was doing, the script until the silence, the security, and the seconds until it gives up.
const SIGN_IN: &[(&str, &str, Security, u64)] = &[
    ("greeting", "HANG", Security::Plaintext, 30),
    ("half a greeting", "S! * OK hel\n HANG", Security::Plaintext, 30),
    ("TLS", "HANG", Security::Tls, 15),
    ("greeting before TLS", "HANG", Security::StartTls, 30),
    ("STARTTLS", "S: * OK hi\n C: STARTTLS\n HANG", Security::StartTls, 60),
    ("TLS after STARTTLS", "S: * OK hi\n C: STARTTLS\n S: $ OK go\n HANG", Security::StartTls, 15),
    ("LOGIN", "S: * OK [CAPABILITY IMAP4rev1] hi\n C: LOGIN *\n HANG", Security::Plaintext, 60),
    ("AUTHENTICATE", "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\n C: AUTHENTICATE *\n HANG", Security::Plaintext, 60),
    ("first SELECT", "S: * OK [CAPABILITY IMAP4rev1] hi\n C: LOGIN *\n C: SELECT *\n S: $1 OK in\n HANG", Security::Plaintext, 60),
    ("CAPABILITY", "S: * OK hi\n C: LOGIN *\n C: SELECT *\n S: $1 OK in\n S: $2 OK open\n C: CAPABILITY\n HANG", Security::Plaintext, 60),
];

/// Asks something of a session.
type Ask = for<'a> fn(&'a mut Session) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

const VERBS: &[(&str, &str, Ask, u64)] = &[
    ("LIST", "C: LIST *\n HANG", |it| Box::pin(async { it.mailboxes().await.map(drop) }), 60),
    ("SELECT", "C: SELECT *\n HANG", |it| Box::pin(async { it.open("Archive").await.map(drop) }), 60),
    ("FETCH of flags", "C: UID FETCH *\n HANG", |it| Box::pin(async { it.flags("INBOX", Window::ALL).await.map(drop) }), 60),
    (
        "half a FETCH",
        "C: UID FETCH *\n S: * 1 FETCH (UID 1 FLAGS ())\n S! * 2 FETCH (UID 2 FL\n HANG",
        |it| Box::pin(async { it.flags("INBOX", Window::ALL).await.map(drop) }),
        120,
    ),
    (
        "half a literal",
        "C: UID FETCH *\n S! * 1 FETCH (UID 1 BODY[] {900}\\r\\nabc\n HANG",
        |it| Box::pin(async { it.bodies("INBOX", &keys(&[1])).await.map(drop) }),
        60,
    ),
    (
        "STORE",
        "C: UID STORE *\n HANG",
        |it| Box::pin(async { it.store_flags("INBOX", &keys(&[1]), &Flags::bits(FlagBits::SEEN), &Flags::default()).await }),
        60,
    ),
    ("MOVE", "C: UID MOVE *\n HANG", |it| Box::pin(async { it.move_to("INBOX", &keys(&[1]), "Archive").await.map(drop) }), 60),
    ("COPY", "C: UID COPY *\n HANG", |it| Box::pin(async { it.copy_to("INBOX", &keys(&[1]), "Archive").await.map(drop) }), 60),
    ("STORE of a delete", "C: UID STORE *\n HANG", |it| Box::pin(async { it.delete("INBOX", &keys(&[1])).await }), 60),
    (
        "EXPUNGE",
        "C: UID STORE *\n S: $ OK done\n C: UID EXPUNGE *\n HANG",
        |it| Box::pin(async { it.delete("INBOX", &keys(&[1])).await }),
        120,
    ),
    ("APPEND", "C: APPEND *\n HANG", |it| Box::pin(async { it.append("INBOX", b"x".to_vec(), &Flags::default(), 0).await.map(drop) }), 60),
    ("SEARCH", "C: UID SEARCH *\n HANG", |it| Box::pin(async { it.find("INBOX", "a@b").await.map(drop) }), 60),
    ("IDLE", "C: IDLE\n HANG", |it| Box::pin(async { it.wait("INBOX", Arc::new(Notify::new())).await.map(drop) }), 120),
    (
        "the end of IDLE",
        "C: IDLE\n S: + go\n C: DONE\n HANG",
        |it| {
            Box::pin(async {
                it.wait("INBOX", Arc::new(Notify::new())).await?;
                it.flags("INBOX", Window::ALL).await.map(drop)
            })
        },
        270 + 2 * 60,
    ),
];

fn is_over(name: &str, begun: Instant, seconds: u64, error: &RemoteError) {
    assert!(matches!(error, RemoteError::Offline(_)), "{name}: {error:?}");
    let took = begun.elapsed();
    assert!(took <= Duration::from_secs(seconds + 1), "{name} took {took:?} instead of {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn every_step_of_the_sign_in_has_a_deadline() {
    for (name, script, security, seconds) in SIGN_IN {
        let server = Scripted::start(&[script]).await;
        let begun = Instant::now();
        let account = account(server.port, *security).with_deadlines(Deadlines::default());
        let error = account.connect(Some("INBOX")).await.expect_err(name);
        // the steps before it were answered, but each may have let the clock run to its own deadline
        is_over(name, begun, seconds + 60 * script.matches("S:").count() as u64, &error);
    }
}

#[tokio::test]
async fn every_verb_has_a_deadline() {
    for (name, script, ask, seconds) in VERBS {
        let server = Scripted::start(&[&session("MOVE UIDPLUS IDLE", script)]).await;
        let account = account(server.port, Security::Plaintext).with_deadlines(Deadlines::default());
        let mut remote = account.connect(Some("INBOX")).await.expect("sign-in");
        remote.open("INBOX").await.expect("open");
        // the sign-in takes what it takes; only the silence is played fast
        tokio::time::pause();
        let begun = Instant::now();
        let error = ask(&mut remote).await.expect_err(name);
        is_over(name, begun, *seconds, &error);
        let begun = Instant::now();
        remote.close().await;
        assert!(begun.elapsed() <= Duration::from_secs(3), "{name}: the goodbye took {:?}", begun.elapsed());
        tokio::time::resume();
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_swallows_packets_is_given_up() {
    // a queue that is full: the system drops whoever comes
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let (sent, is_in) = (TcpStream::connect(address), sleep(Duration::from_millis(1)));
        tokio::select! {
            biased;
            stream = sent => waiting.push(stream.unwrap()),
            () = is_in => break,
        }
    }
    let begun = Instant::now();
    let error = account(address.port(), Security::Plaintext).connect(None).await.unwrap_err();
    is_over("connecting", begun, 15, &error);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

/// Greets, and then says `text` again and again, with a pause each.
async fn drip(text: &'static str, pause: u64) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.write_all(b"* OK [CAPABILITY IMAP4rev1] hi\r\n").await;
        while stream.write_all(text.as_bytes()).await.is_ok() {
            sleep(Duration::from_secs(pause)).await;
        }
    });
    port
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_is_as_good_as_a_silent_one() {
    for (text, pause, minutes) in [("x", 10, 3), ("* OK still here\r\n", 30, 15)] {
        let port = drip(text, pause).await;
        let begun = Instant::now();
        let error = account(port, Security::Plaintext).with_deadlines(Deadlines::default()).connect(Some("INBOX")).await.unwrap_err();
        is_over(text, begun, minutes * 60, &error);
    }
}
