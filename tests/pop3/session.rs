//! Sign-in, refusals and nonsense: what the client says, and what it makes of the answers.

use std::time::Duration;

use postrider::config::{Credentials, Leave, Secret, Security, Server};
use postrider::remote::net::Trace;
use postrider::remote::pop3::{Account, Deadlines, MAX_MESSAGE};
use postrider::remote::{RemoteError, Result};

use crate::server::{Act, Maildrop, PASSWORD};
use crate::{Client, letter, letters, maildrop, server_at, sorted};

async fn sign_in(server: Server) -> Result<()> {
    let deadlines = Deadlines { greeting: Duration::from_millis(300), reply: Duration::from_millis(300) };
    Account::new("work", server).with_deadlines(deadlines).connect().await.map(drop)
}

fn one() -> Maildrop {
    Maildrop::start(&[("a", &letter(1))])
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_asked_for_again() {
    let server = one();
    let error = sign_in(server_at(server.port, "wrong")).await.unwrap_err();
    assert!(matches!(&error, RemoteError::BadLogin(text) if text.contains("wrong password")), "{error:?}");
    server.state().caps = None;
    let error = sign_in(server_at(server.port, "wrong")).await.unwrap_err();
    assert!(matches!(&error, RemoteError::BadLogin(_)), "{error:?}");
    assert_eq!((server.count("AUTH"), server.count("PASS"), server.state().sessions), (1, 1, 2));
}

#[tokio::test]
async fn servers_without_capa_take_user_and_pass() {
    let server = one();
    server.state().caps = None;
    sign_in(server_at(server.port, PASSWORD)).await.unwrap();
    assert_eq!(server.state().heard[..3], ["CAPA", "USER ada", &format!("PASS {PASSWORD}")]);
    assert_eq!(server.count("APOP"), 0);
}

#[tokio::test]
async fn a_token_goes_with_the_command_or_after_a_plus_and_an_error_report_gets_an_empty_line() {
    for (length, first) in [(20, "AUTH XOAUTH2 "), (2_000, "AUTH XOAUTH2")] {
        let server = one();
        server.state().caps = Some(vec!["SASL XOAUTH2".into()]);
        let report = b"+ eyJzdGF0dXMiOiI0MDAifQ==\r\n".to_vec();
        server.state().acts = vec![
            ("AUTH".into(), Act::Say(if length > 200 { b"+ \r\n".to_vec() } else { report.clone() })),
            ("dXNlcj1hZGE".into(), Act::Say(report)),
        ];
        let credentials = Credentials::TokenCommand(vec!["sh".into(), "-c".into(), format!("printf '%0{length}d' 7")]);
        let account = Account::new("work", Server { credentials, ..server_at(server.port, PASSWORD) });
        assert!(matches!(account.connect().await, Err(RemoteError::BadLogin(_))));
        let heard = server.state().heard.clone();
        assert!(heard[1].starts_with(first) && heard[1].len() < 256, "{heard:?}");
        assert_eq!(heard.last().map(String::as_str), Some(""), "{heard:?}");
    }
}

#[tokio::test]
async fn no_password_leaves_this_machine_without_tls_and_a_server_that_does_not_start_tls_gets_none() {
    for act in [
        Act::Say(b"-ERR no TLS here\r\n".to_vec()),
        Act::Say(b"+OK go\r\n+OK injected\r\n".to_vec()),
        Act::Say(b"+ go\r\n".to_vec()),
        Act::Last(Vec::new()),
        Act::Say(b"nonsense\r\n".to_vec()),
        Act::Stall,
    ] {
        let server = one();
        server.state().acts = vec![("STLS".into(), act.clone())];
        let error = sign_in(Server { security: Security::StartTls, ..server_at(server.port, PASSWORD) }).await.unwrap_err();
        assert!(!matches!(error, RemoteError::BadLogin(_)), "{act:?}: {error:?}");
        assert_eq!(server.state().heard, ["STLS"], "{act:?}");
    }
    let server = one();
    server.state().greeting = "+OK hello\r\n+OK injected".into();
    let error = sign_in(Server { security: Security::StartTls, ..server_at(server.port, PASSWORD) }).await.unwrap_err();
    assert!(matches!(&error, RemoteError::Protocol(text) if text.contains("in between")), "{error:?}");
    assert!(server.state().heard.is_empty());
}

#[tokio::test]
async fn greetings_that_are_none_are_refused() {
    for (greeting, expect) in [
        ("-ERR too many connections", "takes nobody now"),
        ("220 smtp.example.org ESMTP", "does not greet as a POP3 server"),
        ("* OK IMAP4rev1", "does not greet as a POP3 server"),
        ("+ ", "does not greet as a POP3 server"),
    ] {
        let server = one();
        server.state().greeting = greeting.into();
        let error = sign_in(server_at(server.port, PASSWORD)).await.unwrap_err();
        assert!(error.to_string().contains(expect), "{greeting}: {error}");
        assert!(server.state().heard.is_empty(), "{greeting}");
    }
}

#[tokio::test]
async fn a_maildrop_in_use_means_later_and_not_another_password() {
    for words in ["-ERR [IN-USE] locked\r\n", "-ERR [LOGIN-DELAY] wait\r\n", "-ERR [SYS/TEMP] disk\r\n", "-ERR maildrop already locked\r\n"]
    {
        let server = one();
        server.state().acts = vec![("AUTH".into(), Act::Say(words.into()))];
        let error = sign_in(server_at(server.port, PASSWORD)).await.unwrap_err();
        assert!(matches!(&error, RemoteError::NotNow(_)), "{words}: {error:?}");
    }
}

#[tokio::test]
async fn any_step_that_is_cut_silent_refused_or_nonsense_leaves_all_mail_where_it_was() {
    let sent = letters(3);
    for step in ["CAPA", "AUTH", "STAT", "LIST", "UIDL", "RETR 2", "NOOP", "DELE 2", "QUIT"] {
        for act in [
            Act::Last(Vec::new()),
            Act::Say(b"-ERR no\r\n".to_vec()),
            Act::Say(b"\x00\xff\xfe nonsense\r\n".to_vec()),
            Act::Say(b"+OK\r\n+OK one too many\r\n".to_vec()),
            Act::Last([b"+OK ".to_vec(), vec![b'x'; 100_000]].concat()),
        ] {
            let server = maildrop(&sent);
            server.state().acts = vec![(step.into(), act.clone())];
            let mut client = Client::new();
            client.deadlines.reply = Duration::from_secs(1);
            let result = client.fetch(&server, Leave::Never).await;
            let (here, there) = (client.bodies(), server.ids().len());
            let shown = format!("{step}: {} {result:?}", format!("{act:?}").chars().take(60).collect::<String>());
            assert!(here.iter().all(|body| sent.iter().any(|(_, sent)| sent == body)), "{shown}");
            assert!(here.len() + there >= 3, "{shown}");
            server.state().acts.clear();
            client.fetch(&server, Leave::Never).await.unwrap_or_else(|error| panic!("{shown}: {error}"));
            assert_eq!((client.bodies(), server.ids().len()), (sorted(&sent), 0), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_silent_server_is_given_up_after_the_deadline() {
    let server = one();
    for step in ["CAPA", "AUTH"] {
        server.state().acts = vec![(step.into(), Act::Stall)];
        let error = sign_in(server_at(server.port, PASSWORD)).await.unwrap_err();
        assert!(matches!(&error, RemoteError::Offline(text) if text.contains("did not answer")), "{step}: {error:?}");
    }
}

#[tokio::test]
async fn a_refused_message_costs_that_message_only() {
    let sent = letters(4);
    let server = maildrop(&sent);
    server.state().acts = vec![("RETR 3".into(), Act::Say(b"-ERR [SYS/TEMP] it is being looked at\r\n".to_vec()))];
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies().len(), server.ids().into_iter().collect::<Vec<_>>()), (3, vec!["u3".to_owned()]));
    assert!(client.told.iter().any(|text| text.contains("u3") && text.contains("being looked at")), "{:?}", client.told);
    server.state().acts.clear();
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies(), server.ids().len()), (sorted(&sent), 0));
}

#[tokio::test]
async fn a_message_that_breaks_the_protocol_costs_that_message_only() {
    let sent = letters(6);
    let server = maildrop(&sent);
    // its lone dot was not doubled: it ends early, and its rest is nonsense
    server.state().acts = vec![("RETR 3".into(), Act::Say(b"+OK\r\nSubject: 3\r\n\r\nhalf\r\n.\r\nthe rest\r\n.\r\n".to_vec()))];
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    let whole: Vec<(String, Vec<u8>)> = sent.iter().filter(|(id, _)| id != "u3").cloned().collect();
    assert_eq!((client.bodies(), server.ids().into_iter().collect::<Vec<_>>()), (sorted(&whole), vec!["u3".to_owned()]));
    assert!(client.told.iter().any(|text| text.contains("u3")), "{:?}", client.told);
}

#[tokio::test]
async fn a_message_that_is_too_large_is_left_there_and_that_is_said() {
    let server = maildrop(&letters(2));
    server.state().messages[0].listed = Some(MAX_MESSAGE + 1);
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies().len(), server.ids().into_iter().collect::<Vec<_>>()), (1, vec!["u1".to_owned()]));
    assert!(client.told.iter().any(|text| text.contains("u1") && text.contains("octets")), "{:?}", client.told);
}

#[tokio::test]
async fn a_server_that_only_guesses_sizes_is_fetched_from_one_message_at_a_time() {
    let sent = letters(5);
    let server = maildrop(&sent);
    server.state().messages.iter_mut().for_each(|message| message.listed = Some(message.bytes.len() as u64 / 2));
    let mut client = Client::new();
    client.fetch(&server, Leave::Never).await.unwrap();
    assert_eq!((client.bodies(), server.ids().len()), (sorted(&sent), 0));
    assert_eq!((client.told.len(), server.state().sessions), (0, 2));
}

#[tokio::test]
async fn one_write_asks_for_many_messages_only_where_the_server_takes_that() {
    for pipelining in [true, false] {
        let sent = letters(40);
        let server = maildrop(&sent);
        if !pipelining {
            server.state().caps.as_mut().unwrap().retain(|cap| cap != "PIPELINING");
        }
        let mut client = Client::new();
        client.fetch(&server, Leave::Never).await.unwrap();
        assert_eq!((client.bodies(), server.ids().len()), (sorted(&sent), 0));
        assert_eq!(server.state().heard.last().map(String::as_str), Some("QUIT"));
    }
}

#[tokio::test]
async fn the_trace_holds_the_dialogue_without_secret_and_without_mail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    for caps in [true, false] {
        let server = one();
        if !caps {
            server.state().caps = None;
        }
        let account = Account::new("work", server_at(server.port, PASSWORD)).with_trace(Some(Trace::open(&path).unwrap()));
        let mut session = account.connect().await.unwrap();
        session.list().await.unwrap();
        assert_eq!(session.ask(&[1]).await.unwrap(), 1);
        session.next_message().await.unwrap().unwrap();
        let mut body = Vec::new();
        while session.data(&mut body).await.unwrap() {}
        session.quit().await.unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("C: RETR 1") && text.contains("S: 1 a") && text.contains("PASS [secret]") && text.contains("AUTH PLAIN [secret]")
    );
    assert!(!text.contains(PASSWORD) && !text.contains("Body 1") && !text.contains("AGFkYQ"), "{text}");
    assert!(
        !format!("{:?}", Account::new("work", Server { credentials: Credentials::Password(Secret::new("s3cret")), ..server_at(1, "x") }))
            .contains("s3cret")
    );
}
