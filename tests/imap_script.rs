//! The IMAP client against a server that follows a script: attacks on STARTTLS, refusals and hang-ups at
//! every step, and what odd servers say.

#[path = "servers/authority.rs"]
mod authority;
#[path = "imap_script/changes.rs"]
mod changes;
#[path = "imap_script/compress.rs"]
mod compress;
#[path = "support/cut.rs"]
mod cut;
#[path = "imap_script/gmail.rs"]
mod gmail;
#[path = "imap_script/hangs.rs"]
mod hangs;
#[path = "imap_script/notify.rs"]
mod notify;
#[path = "support/scripted.rs"]
mod scripted;
#[path = "imap_script/threats.rs"]
mod threats;
#[path = "imap_script/utf8.rs"]
mod utf8;

use std::sync::Arc;
use std::time::Duration;

use postrider::config::{Credentials, DEFAULT_KEEP_SIZE, Keep, Secret, Security, Server};
use postrider::mail::server::Window;
use postrider::mail::{FlagBits, Flags, Key, Keywords, Uid};
use postrider::remote::imap::Account;
use postrider::remote::imap::session::{Deadlines, Session};
use postrider::remote::{Connect, Hint, Remote, RemoteError, Result};
use scripted::Scripted;
use tokio::sync::Notify;

const PASSWORD: &str = "s3cret";

fn account(port: u16, security: Security) -> Account {
    account_with(port, security, Credentials::Password(Secret::new(PASSWORD)))
}

fn account_with(port: u16, security: Security, credentials: Credentials) -> Account {
    let deadlines = Deadlines { greeting: Duration::from_secs(5), reply: Duration::from_secs(5), ..Deadlines::default() };
    Account::new("test", Server { security, credentials, ..server(port) }).with_deadlines(deadlines)
}

fn server(port: u16) -> Server {
    Server {
        host: "127.0.0.1".into(),
        port,
        security: Security::Plaintext,
        username: "ada".into(),
        credentials: Credentials::Password(Secret::new(PASSWORD)),
        allow_plaintext_password: false,
        ca_file: None,
        client_cert: None,
        keep: Keep::Headers,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    }
}

fn keys(uids: &[u32]) -> Vec<Key> {
    uids.iter().map(|uid| Key::Uid(Uid(*uid))).collect()
}

/// Greeting, sign-in and SELECT with these capabilities, then `rest`.
fn session(caps: &str, rest: &str) -> String {
    format!(
        "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
         C: AUTHENTICATE PLAIN *
         C: SELECT \"INBOX\"
         S: $1 OK [CAPABILITY IMAP4rev1 {caps}] welcome
         S: * 9 EXISTS
         S: * OK [UIDVALIDITY 7] x
         S: * OK [UIDNEXT 100] x
         S: * OK [PERMANENTFLAGS (\\Seen \\Deleted)] x
         S: $2 OK [READ-WRITE] open
         {rest}"
    )
}

async fn connected(caps: &str, rest: &str) -> (Session, Scripted) {
    let server = Scripted::start(&[&session(caps, rest)]).await;
    let mut remote = account(server.port, Security::Plaintext).connect(Some("INBOX")).await.expect("sign-in");
    assert_eq!(remote.open("INBOX").await.expect("open").exists, 9);
    (remote, server)
}

#[tokio::test]
async fn starttls_attacks_end_before_a_password_is_sent() {
    for (name, script) in [
        ("preauth", "S: * PREAUTH welcome\n HANG"),
        ("answer before the command", "S! * OK hi\\r\\np1 OK go\\r\\n\n C: STARTTLS\n HANG"),
        ("answer to no command", "S: * OK hi\n C: STARTTLS\n S: x9 OK go\n HANG"),
        ("more after the answer", "S: * OK hi\n C: STARTTLS\n S! $ OK go\\r\\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\\r\\n\n HANG"),
        ("half a line after the answer", "S: * OK hi\n C: STARTTLS\n S! $ OK go\\r\\n* \n HANG"),
        ("refused", "S: * OK hi\n C: STARTTLS\n S: $ NO not today\n HANG"),
        ("not known", "S: * OK [CAPABILITY IMAP4rev1] hi\n C: STARTTLS\n S: $ BAD what\n HANG"),
        ("bad greeting", "S: x1 OK hi\n HANG"),
        ("no imap", "S: 220 smtp.example.org ESMTP\n HANG"),
        ("clear text instead of TLS", "S: * OK hi\n C: STARTTLS\n S: $ OK go\n C: *\n S: * OK nothing\n HANG"),
    ] {
        let server = Scripted::start(&[script]).await;
        let error = account(server.port, Security::StartTls).connect(Some("INBOX")).await.unwrap_err();
        assert!(matches!(error, RemoteError::Protocol(_) | RemoteError::Untrusted(_) | RemoteError::Offline(_)), "{name}: {error:?}");
        let heard = if name == "clear text instead of TLS" { Vec::new() } else { server.heard().await };
        assert!(!heard.iter().any(|line| line.contains("LOGIN") || line.contains("AUTHENTICATE")), "{name}: {heard:?}");
    }
}

#[tokio::test]
async fn refusals_and_hang_ups_at_every_step_are_errors_of_their_kind() {
    let signed_in = "S: * OK [CAPABILITY IMAP4rev1] hi\n C: LOGIN *\n C: SELECT *\n S: $1 OK [CAPABILITY IMAP4rev1] in\n S: * OK [UIDVALIDITY 7] x\n S: * 3 EXISTS\n";
    let selected = format!("{signed_in} S: $2 OK open\n C: FETCH 1:3 *\n");
    let two = "S: * 1 FETCH (UID 1 FLAGS ())\n S: * 2 FETCH (UID 2 FLAGS ())\n";
    for (script, expect) in [
        ("S: * BYE full\n".to_owned(), "Offline"),
        (String::new(), "Offline"),
        ("S: * OK hi\n C: LOGIN *\n C: SELECT *\n S: $1 NO [AUTHENTICATIONFAILED] no\n HANG".into(), "BadLogin"),
        ("S: * OK hi\n C: LOGIN *\n C: SELECT *\n S: $1 NO no\n S: $2 BAD no\n".into(), "BadLogin"),
        ("S: * OK hi\n C: LOGIN *\n C: SELECT *\n S: $1 BAD no\n HANG".into(), "BadLogin"),
        ("S: * OK hi\n C: LOGIN *\n C: SELECT *\n S: $1 NO [UNAVAILABLE] later\n HANG".into(), "NotNow"),
        ("S: * OK hi\n C: LOGIN *\n C: SELECT *\n S: * BYE bye\n".into(), "Offline"),
        ("S: * OK hi\n C: LOGIN *\n".into(), "Offline"),
        (format!("{signed_in} S: $2 NO [NONEXISTENT] none\n C: SELECT *\n S: $ NO [NONEXISTENT] none\n"), "Gone"),
        (format!("{signed_in} S: $2 NO none\n C: SELECT *\n S: $ NO none\n"), "Gone"),
        (format!("{signed_in} S: $2 NO [INUSE] busy\n C: SELECT *\n S: $ NO [INUSE] busy\n"), "NotNow"),
        (format!("{signed_in} S: $2 BAD no\n C: SELECT *\n S: $ BAD no\n"), "Rejected"),
        (format!("{selected} {two} S: $ NO [SERVERBUG] oops\n"), "NotNow"),
        (format!("{selected} {two} S: $ NO no\n"), "Rejected"),
        (format!("{selected} {two} S: $ BAD no\n"), "Rejected"),
        (format!("{selected} {two} S: * BYE bye\n"), "Offline"),
        (format!("{selected} {two}"), "Offline"),
        (format!("{selected} {two} S! * 3 FETCH (UID 3 BODY[] {{10}}\\r\\nabc\n"), "Offline"),
        (format!("{selected} S: * 3 FETCH (UID 3 BODY[] {{4294967296}}\n HANG"), "Protocol"),
        (format!("{selected} S: zz OK done\n HANG"), "Protocol"),
    ] {
        let server = Scripted::start(&[&script]).await;
        let result: Result<usize> = async {
            let mut remote = account(server.port, Security::Plaintext).connect(Some("INBOX")).await?;
            Ok(remote.newest("INBOX", 40).await?.1.len())
        }
        .await;
        let error = result.expect_err(&script);
        assert!(format!("{error:?}").starts_with(expect), "{script}: {error:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let server = Scripted::start(&["S: * OK hi\n C: LOGIN *\n HANG"]).await;
    let deadlines = Deadlines { reply: Duration::from_millis(100), ..Deadlines::default() };
    let error = account(server.port, Security::Plaintext).with_deadlines(deadlines).connect(None).await.unwrap_err();
    assert!(matches!(error, RemoteError::Offline(text) if text.contains("did not answer")));
}

#[tokio::test]
async fn a_password_is_tried_once_and_not_where_login_is_disabled() {
    let server = Scripted::start(&["S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\n C: *\n"]).await;
    let error = account(server.port, Security::Plaintext).connect(None).await.unwrap_err();
    assert!(matches!(error, RemoteError::BadLogin(_)));
    assert_eq!(server.heard().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = format!("echo x >> '{0}'; echo token$(wc -l < '{0}' | tr -d ' ')", count.display());
    let credentials = Credentials::TokenCommand(vec!["/bin/sh".into(), "-c".into(), script]);
    let accept = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\n C: AUTHENTICATE XOAUTH2 *\n S: $ OK [CAPABILITY IMAP4rev1] in\n";
    let refuse = "S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\n C: AUTHENTICATE XOAUTH2 *\n S: + eyJzdGF0dXMiOiI0MDAifQ==\n C: \n S: $1 NO [AUTHENTICATIONFAILED] expired\n";
    let server = Scripted::start(&[accept, refuse, refuse]).await;
    let account = account_with(server.port, Security::Plaintext, credentials);
    account.connect(None).await.unwrap();
    let error = account.connect(None).await.unwrap_err();
    assert!(matches!(error, RemoteError::BadLogin(_)), "{error:?}");
    assert_eq!(std::fs::read_to_string(count).unwrap(), "x\nx\n", "the old token, then one new one, then no more");
}

#[tokio::test]
async fn a_password_that_was_taken_before_is_not_asked_for_at_the_first_refusal() {
    let accept = "S: * OK [CAPABILITY IMAP4rev1] hi\n C: LOGIN *\n S: $ OK [CAPABILITY IMAP4rev1] in\n";
    // what Dovecot 2.3 says to everybody while it shuts down
    let refuse = "S: * OK [CAPABILITY IMAP4rev1] hi\n C: LOGIN *\n S: $ NO [AUTHENTICATIONFAILED] Authentication failed.\n";
    let server = Scripted::start(&[accept, refuse, accept, refuse, accept]).await;
    let account = account(server.port, Security::Plaintext);
    for expect in ["", "NotNow", "", "NotNow", ""] {
        let error = account.connect(None).await.err().map(|error| format!("{error:?}")).unwrap_or_default();
        assert!(error.starts_with(expect) && error.is_empty() == expect.is_empty(), "{expect}: {error}");
    }
}

#[tokio::test]
async fn endless_challenges_end() {
    let more = "S: + more\n C: *\n".repeat(20);
    let server = Scripted::start(&[&format!("S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] hi\n C: AUTHENTICATE XOAUTH2\n {more}")]).await;
    let credentials = Credentials::TokenCommand(vec!["echo".into(), "t".into()]);
    let error = account_with(server.port, Security::Plaintext, credentials).connect(None).await.unwrap_err();
    assert!(matches!(error, RemoteError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn capabilities_are_asked_for_only_where_they_were_not_told() {
    let server = Scripted::start(&[
        "S: * OK hi\n C: LOGIN \"ada\" \"s3cret\"\n S: $ OK in\n C: CAPABILITY\n S: * CAPABILITY IMAP4rev1 MOVE\n S: $ OK done\n HANG",
    ])
    .await;
    let remote = account(server.port, Security::Plaintext).connect(None).await.unwrap();
    assert!(remote.abilities().atomic_move && !remote.abilities().push);
}

#[tokio::test]
async fn one_unreadable_message_of_many_costs_itself_only() {
    let mut rest = "C: UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (*)])\n".to_owned();
    for uid in 1..=1000 {
        rest += &match uid {
            500 => "S: * 500 FETCH (UID 500 FLAGS (\\Seen) INTERNALDATE \"broken BODY[] {\n".to_owned(),
            600 => "S: * 600 FETCH\n S: * WHATEVER (\n".to_owned(),
            _ => format!("S! * {uid} FETCH (UID {uid} FLAGS () BODY[HEADER.FIELDS (X)] {{3}}\\r\\nabc)\\r\\n\n"),
        };
    }
    rest += "S: $ OK done\n HANG";
    let (mut remote, _server) = connected("IDLE", &rest).await;
    let found = remote.headers_in("INBOX", Window::ALL).await.unwrap();
    assert_eq!(found.len(), 999);
    let broken = found.iter().find(|message| message.key == keys(&[500])[0]).unwrap();
    assert_eq!((broken.flags.bits, broken.header.len()), (FlagBits::SEEN, 0));
    assert!(found.iter().all(|message| message.header == b"abc" || message.key == broken.key));
}

#[tokio::test]
async fn what_a_server_adds_unasked_is_a_hint_and_no_message() {
    let rest = "C: UID FETCH 5:9 (UID FLAGS)
        S: * 3 EXPUNGE
        S: * 12 EXISTS
        S: * 1 FETCH (UID 5 FLAGS ())
        S: * 2 FETCH (FLAGS (\\Seen))
        S: * 2 FETCH (UID 77 FLAGS (\\Deleted))
        S: * 1 FETCH (UID 5 FLAGS (\\Seen))
        S: * 4 FETCH (UID 9)
        S: $ OK done
        HANG";
    let (mut remote, _server) = connected("IDLE", rest).await;
    let flags = remote.flags("INBOX", Window { low: 5, high: 9 }).await.unwrap();
    assert_eq!(flags, [(keys(&[5])[0].clone(), Flags::bits(FlagBits::SEEN)), (keys(&[9])[0].clone(), Flags::default())]);
    assert_eq!(remote.wait("INBOX", Arc::new(Notify::new())).await.unwrap(), Hint::Changed);
}

#[tokio::test]
async fn the_last_message_that_an_open_window_always_brings_is_no_hint() {
    let rest = "C: UID FETCH 90:* (UID FLAGS INTERNALDATE RFC822.SIZE *
        S: * 13 EXISTS
        S: * 3 EXPUNGE
        S: $ OK done
        C: UID FETCH 90:* (UID FLAGS)
        S: * 12 FETCH (UID 77 FLAGS (\\Seen))
        S: $ OK done
        C: UID FETCH 90:* (UID FLAGS INTERNALDATE RFC822.SIZE *
        S: * 12 FETCH (UID 77 FLAGS (\\Seen))
        S: $ OK done
        C: IDLE
        S: + go on
        HANG";
    let (mut remote, _server) = connected("IDLE", rest).await;
    let window = Window { low: 90, high: u32::MAX };
    assert_eq!(remote.headers_in("INBOX", window).await.unwrap(), []);
    assert_eq!(remote.wait("INBOX", Arc::new(Notify::new())).await.unwrap(), Hint::Changed, "EXISTS is news");
    assert_eq!(remote.flags("INBOX", window).await.unwrap(), []);
    assert_eq!(remote.headers_in("INBOX", window).await.unwrap(), []);
    let stop = Arc::new(Notify::new());
    stop.notify_one();
    assert_eq!(remote.wait("INBOX", stop).await.unwrap(), Hint::Nothing);
}

#[tokio::test]
async fn move_falls_back_to_copy_and_an_exact_expunge() {
    let fallback = "C: UID COPY 1:3 \"Archive\"
        S: $ OK [COPYUID 9 1,3 11,13] copied
        C: UID STORE 1,3 +FLAGS.SILENT (\\Deleted)
        C: UID EXPUNGE 1,3
        S: $4 OK stored
        S: $5 OK expunged
        HANG";
    let expect = vec![(keys(&[1])[0].clone(), Some(keys(&[11])[0].clone())), (keys(&[3])[0].clone(), Some(keys(&[13])[0].clone()))];
    let (mut remote, _server) = connected("UIDPLUS", fallback).await;
    assert!(!remote.abilities().atomic_move);
    assert_eq!(remote.move_to("INBOX", &keys(&[3, 1, 2]), "Archive").await.unwrap(), expect);

    let lied = format!(
        "C: UID MOVE 1:3 \"Archive\"\n S: $ BAD no such command\n {}",
        fallback.replace("$4", "$5").replace("$5 OK expunged", "$6 OK expunged")
    );
    let (mut remote, _server) = connected("UIDPLUS MOVE", &lied).await;
    assert_eq!(remote.move_to("INBOX", &keys(&[3, 1, 2]), "Archive").await.unwrap(), expect);

    let refused = "C: UID COPY 1 \"Archive\"\n S: $ NO [OVERQUOTA] full\n C: *\n";
    let (mut remote, server) = connected("UIDPLUS", refused).await;
    assert!(matches!(remote.move_to("INBOX", &keys(&[1]), "Archive").await, Err(RemoteError::NotNow(_))));
    drop(remote);
    assert!(!server.heard().await.iter().any(|line| line.contains("STORE")), "nothing is deleted that was not copied");
}

#[tokio::test]
async fn odd_copyuids_mean_that_the_new_keys_are_unknown() {
    let unknown: Vec<_> = keys(&[1, 2]).into_iter().map(|key| (key, None)).collect();
    for (code, expect) in [
        ("[COPYUID 9 1:2 11] ", unknown.clone()),
        ("[COPYUID 9 1:4294967295 1:4294967295] ", unknown.clone()),
        ("[COPYUID] ", unknown.clone()),
        ("", Vec::new()),
    ] {
        let (mut remote, _server) = connected("UIDPLUS MOVE", &format!("C: UID MOVE 1:2 \"x\"\n S: $ OK {code}done\n HANG")).await;
        assert_eq!(remote.move_to("INBOX", &keys(&[1, 2]), "x").await.unwrap(), expect, "{code:?}");
    }
    let (mut remote, _server) = connected("MOVE", "C: UID MOVE 1:2 \"x\"\n S: $ OK done\n HANG").await;
    assert_eq!(remote.move_to("INBOX", &keys(&[1, 2]), "x").await.unwrap(), unknown);
}

#[tokio::test]
async fn without_uidplus_others_deleted_messages_are_never_expunged() {
    let marked = |found: &str, rest: &str| {
        format!(
            "C: UID STORE 2:3 +FLAGS.SILENT (\\Deleted)\n S: $ OK done\n C: UID SEARCH DELETED\n S: * SEARCH {found}\n S: $ OK done\n {rest}"
        )
    };
    let (mut remote, server) = connected("IDLE", &marked("2 3 8", "C: *\n")).await;
    assert!(matches!(remote.delete("INBOX", &keys(&[2, 3])).await, Err(RemoteError::Rejected(_))));
    drop(remote);
    assert!(!server.heard().await.iter().any(|line| line.contains("EXPUNGE")));

    let (mut remote, _server) =
        connected("IDLE", &marked("2 3", "C: EXPUNGE\n S: * 2 EXPUNGE\n S: * 2 EXPUNGE\n S: $ OK done\n HANG")).await;
    remote.delete("INBOX", &keys(&[2, 3])).await.unwrap();
}

#[tokio::test]
async fn keywords_that_the_mailbox_does_not_keep_are_not_sent() {
    let (mut remote, _server) = connected("IDLE", "C: UID STORE 1 +FLAGS.SILENT (\\Seen)\n S: $ OK done\n HANG").await;
    let add = Flags { bits: FlagBits::SEEN.with(FlagBits::FORWARDED), keywords: Keywords::new(["work"]) };
    remote.store_flags("INBOX", &keys(&[1]), &add, &Flags::default()).await.unwrap();
}

#[tokio::test]
async fn a_literal_waits_for_the_server_unless_it_need_not() {
    let refused = "C: APPEND \"Sent\" (\\Seen) \"*\" {5}\n S: * 10 EXISTS\n S: $ NO [OVERQUOTA] full\n C: NOOP*\n";
    let (mut remote, _server) = connected("IDLE", refused).await;
    let seen = Flags::bits(FlagBits::SEEN);
    assert!(matches!(remote.append("Sent", b"a\r\nb\n".to_vec(), &seen, 0).await, Err(RemoteError::NotNow(_))));

    let taken = "C: APPEND \"Sent\" (\\Seen) \"*\" {3}\n S: * 10 EXISTS\n S: + go\n C: abc\n S: $3 OK [APPENDUID 9 44] done\n HANG";
    let (mut remote, _server) = connected("IDLE", taken).await;
    assert_eq!(remote.append("Sent", b"abc".to_vec(), &seen, 0).await.unwrap(), Some(keys(&[44])[0].clone()));

    let at_once = "C: APPEND \"Sent\" (\\Seen) \"*\" {3+}\n C: abc\n S: $3 OK done\n HANG";
    let (mut remote, _server) = connected("LITERAL+", at_once).await;
    assert_eq!(remote.append("Sent", b"abc".to_vec(), &seen, 0).await.unwrap(), None);
}

#[tokio::test]
async fn done_travels_with_the_next_command() {
    let rest = "C: IDLE\n S: + idling\n S: * 10 EXISTS\n C: DONE\n C: UID FETCH 1:* (UID FLAGS)\n S: * 11 EXISTS\n S: $3 OK idle done\n S: * 1 FETCH (UID 1 FLAGS ())\n S: $5 OK done\n HANG";
    let (mut remote, _server) = connected("IDLE", rest).await;
    let stop = Arc::new(Notify::new());
    assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Changed);
    assert_eq!(remote.flags("INBOX", Window::ALL).await.unwrap().len(), 1);
    // The message that came between DONE and its answer is not forgotten.
    assert_eq!(remote.wait("INBOX", stop).await.unwrap(), Hint::Changed);
}

#[tokio::test]
async fn an_idle_that_was_interrupted_for_nothing_goes_on() {
    let rest = "C: IDLE\n S: + idling\n C: DONE\n C: UID FETCH 1:* (UID FLAGS)\n S: $3 OK idle done\n S: $5 OK done\n";
    let (mut remote, server) = connected("IDLE", rest).await;
    let stop = Arc::new(Notify::new());
    for _ in 0..2 {
        stop.notify_one();
        assert_eq!(remote.wait("INBOX", stop.clone()).await.unwrap(), Hint::Nothing);
    }
    assert_eq!(remote.flags("INBOX", Window::ALL).await.unwrap(), []);
    assert_eq!(server.heard().await.iter().filter(|line| line.ends_with("IDLE")).count(), 1);
}

#[tokio::test]
async fn without_idle_news_are_asked_for_however_often_the_wait_is_interrupted() {
    let server = Scripted::start(&[&session("", "C: NOOP\n S: * 10 EXISTS\n S: $ OK done\n HANG")]).await;
    let deadlines = Deadlines { poll: Duration::from_millis(50), ..Deadlines::default() };
    let account = account(server.port, Security::Plaintext).with_deadlines(deadlines);
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    remote.open("INBOX").await.unwrap();
    let stop = Arc::new(Notify::new());
    let until_told = async {
        loop {
            stop.notify_one();
            if remote.wait("INBOX", stop.clone()).await.unwrap() == Hint::Changed {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), until_told).await.expect("it is never asked");
}

const BODY: &str = "UID FETCH 4 (UID RFC822.SIZE BODYSTRUCTURE BODY.PEEK[]<0.65536>)";
const BODY_ANSWER: &str = "S! * 4 FETCH (UID 4 RFC822.SIZE 3 BODY[]<0> {3}\\r\\nabc)\\r\\n";

#[tokio::test]
async fn after_an_open_idle_waits_a_little_for_the_next_open() {
    let one = format!("C: {BODY}\n {BODY_ANSWER}\n S: $ OK done\n");
    let (mut remote, server) = connected("IDLE", &format!("{one}{one}")).await;
    let stop = Arc::new(Notify::new());
    assert_eq!(remote.bodies("INBOX", &keys(&[4])).await.unwrap().len(), 1);
    stop.notify_one();
    assert_eq!(remote.wait("INBOX", stop).await.unwrap(), Hint::Nothing);
    assert_eq!(remote.bodies("INBOX", &keys(&[4])).await.unwrap().len(), 1);
    server.heard().await;
}

#[tokio::test]
async fn an_open_in_another_mailbox_is_one_round_trip() {
    // nothing is answered before both commands were heard
    let rest = format!(
        "C: SELECT \"Lists\"\n C: {BODY}\n S: * 20 EXISTS\n S: * OK [UIDVALIDITY 3] x\n S: $3 OK [READ-WRITE] open\n S: * 21 EXISTS\n \
         {BODY_ANSWER}\n S: $4 OK done\n HANG"
    );
    let (mut remote, _server) = connected("IDLE", &rest).await;
    let found = remote.bodies("Lists", &keys(&[4])).await.unwrap();
    assert_eq!((found.len(), found[0].bytes.as_slice(), found[0].whole), (1, &b"abc"[..], true));
    assert_eq!(remote.wait("Lists", Arc::new(Notify::new())).await.unwrap(), Hint::Changed, "the 21st came after SELECT");
}

#[tokio::test]
async fn what_travelled_behind_a_refused_or_renumbered_mailbox_is_no_message() {
    let refused = format!("C: SELECT \"Lists\"\n C: {BODY}\n S: $3 NO [NONEXISTENT] gone\n S: $4 BAD none is open\n HANG");
    let (mut remote, _server) = connected("IDLE", &refused).await;
    assert!(remote.bodies("Lists", &keys(&[4])).await.is_err_and(|error| !error.is_fatal()));
    let renumbered = format!(
        "C: SELECT \"Lists\"\n S: $ NO [NONEXISTENT] gone\n C: SELECT \"INBOX\"\n C: {BODY}\n S: * 9 EXISTS\n \
         S: * OK [UIDVALIDITY 8] x\n S: $4 OK [READ-WRITE] open\n {BODY_ANSWER}\n S: $5 OK done\n HANG"
    );
    let (mut remote, _server) = connected("IDLE", &renumbered).await;
    assert!(remote.open("Lists").await.is_err());
    assert!(matches!(remote.bodies("INBOX", &keys(&[4])).await, Err(RemoteError::Gone(_))));
}

#[tokio::test]
async fn a_call_given_up_in_the_middle_closes_the_connection() {
    let (mut remote, _server) = connected("IDLE", "C: UID FETCH *\n S: * 1 FETCH (UID 1 FLAGS ())\n HANG").await;
    let cut = tokio::time::timeout(Duration::from_millis(50), remote.flags("INBOX", Window::ALL)).await;
    assert!(cut.is_err());
    assert!(matches!(remote.flags("INBOX", Window::ALL).await, Err(RemoteError::Offline(_))));
}

#[tokio::test]
async fn a_mailbox_name_can_not_add_a_command() {
    let (mut remote, server) = connected("MOVE UIDPLUS", "C: *\n").await;
    for name in ["x\"\r\na1 LOGOUT", "x\n", "x\0"] {
        assert!(remote.open(name).await.is_err());
        assert!(remote.move_to("INBOX", &keys(&[1]), name).await.is_err());
        assert!(remote.append(name, b"x".to_vec(), &Flags::default(), 0).await.is_err());
    }
    drop(remote);
    assert_eq!(server.heard().await.len(), 2, "sign-in and SELECT only");
}

/// A TLS server with this certificate that greets and hangs up; its port.
async fn tls_server(certificate: authority::Certificate, versions: &[&'static rustls::SupportedProtocolVersion]) -> u16 {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        if let Ok(mut stream) = acceptor.accept(tcp).await {
            let _ = stream.write_all(b"* OK hi\r\np1 OK in\r\np2 OK done\r\n").await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    port
}

#[tokio::test]
async fn certificates_are_refused_in_words_and_good_ones_taken() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let authority = authority::Authority::new("known");
    std::fs::write(&ca_file, authority.pem()).unwrap();
    let all = rustls::DEFAULT_VERSIONS;
    let self_signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let self_signed = authority::Certificate { certificate: self_signed.cert.pem(), key: self_signed.signing_key.serialize_pem() };
    for (certificate, versions, expect) in [
        (authority.certificate(&["localhost"], true), all, Some("expired")),
        (authority.certificate(&["mail.example.org"], false), all, Some("another host name")),
        (authority::Authority::new("other").certificate(&["localhost"], false), all, Some("unknown authority")),
        (self_signed, all, Some("self-signed")),
        (authority.certificate(&["*.example.org"], false), all, Some("another host name")),
        (authority.certificate(&["localhost"], false), &[&rustls::version::TLS12][..], None),
        (authority.certificate(&["localhost"], false), &[&rustls::version::TLS13], None),
    ] {
        let port = tls_server(certificate, versions).await;
        let server = Server {
            host: "localhost".into(),
            port,
            security: Security::Tls,
            username: "ada".into(),
            credentials: Credentials::Password(Secret::new(PASSWORD)),
            allow_plaintext_password: false,
            ca_file: Some(ca_file.clone()),
            client_cert: None,
            keep: Keep::Headers,
            keep_size: DEFAULT_KEEP_SIZE,
            compress: None,
        };
        match (Account::new("test", server).connect(None).await, expect) {
            (Err(RemoteError::Untrusted(text)), Some(expect)) => assert!(text.contains(expect) && text.contains("localhost"), "{text}"),
            (Ok(_), None) => {}
            (other, expect) => panic!("{other:?}, not {expect:?}"),
        }
    }
}
