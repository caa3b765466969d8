//! What is said when all goes well, or nearly so.

use postrider::config::{Credentials, Secret, Security};
use postrider::mail::outgoing::{Dsn, Fate};
use postrider::remote::smtp::Account;
use postrider::remote::submit::{Handover, Submit, SubmitError};

use crate::scripted::{Fault, Script, ScriptedSmtp, Step};
use crate::{RECEIVED, account, mail, mail_to, patient, smtp, submit};

#[tokio::test]
async fn a_message_arrives_once_and_as_it_was() {
    for offers in [&["PIPELINING", "AUTH PLAIN"][..], &["AUTH LOGIN"]] {
        let server = ScriptedSmtp::start(Script::offering(offers));
        let (handover, fates) = account(server.port).prepare(&mail()).await.unwrap();
        assert_eq!(fates, [("bob@example.org".to_owned(), Fate::Accepted), ("eve@example.org".to_owned(), Fate::Accepted)]);
        assert!(server.taken().is_empty(), "nothing is taken before the end");
        assert!(handover.commit().await.unwrap().contains("queued as 4711"));
        let taken = server.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!(String::from_utf8_lossy(&taken[0].data), String::from_utf8_lossy(RECEIVED));
        assert_eq!(taken[0].mail, "FROM:<ada@example.org>");
        assert_eq!(taken[0].recipients, ["TO:<bob@example.org>", "TO:<eve@example.org>"]);
        let heard = server.heard();
        assert_eq!(heard[0], "EHLO [127.0.0.1]");
        assert_eq!(heard.last().map(String::as_str), Some("QUIT"));
    }
}

#[tokio::test]
async fn a_message_that_is_abandoned_is_not_taken() {
    let server = ScriptedSmtp::start(Script::default());
    let (handover, _) = account(server.port).prepare(&mail()).await.unwrap();
    handover.abandon().await;
    while server.unended() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(server.taken().is_empty());
    assert!(!server.heard().contains(&"QUIT".to_owned()), "a goodbye would be text");
}

#[tokio::test]
async fn a_refused_recipient_does_not_stop_the_others() {
    for offers in [&["PIPELINING"][..], &[]] {
        let mut script = Script::offering(offers);
        script.recipients = vec![
            ("eve@example.org".into(), "550 5.1.1 nobody\r\n".trim_end().into()),
            ("zoe@example.org".into(), "450-4.2.0 greylisted\r\n450 4.2.0 come back".into()),
        ];
        let server = ScriptedSmtp::start(script);
        let mail = mail_to(&["eve@example.org", "bob@example.org", "zoe@example.org", "no address"], "x\r\n");
        let mut fates = submit(&account(server.port), &mail).await.unwrap();
        fates.sort_by(|a, b| a.0.cmp(&b.0));
        assert!(matches!(&fates[0].1, Fate::Accepted), "{fates:?}");
        assert!(matches!(&fates[1].1, Fate::Refused(words) if words == "550 5.1.1 nobody"), "{fates:?}");
        assert!(matches!(&fates[2].1, Fate::Refused(words) if words.contains("no address")), "{fates:?}");
        assert!(matches!(&fates[3].1, Fate::Deferred(words) if words == "450 4.2.0 greylisted 4.2.0 come back"), "{fates:?}");
        assert_eq!(server.taken()[0].recipients, ["TO:<bob@example.org>"]);
    }
}

#[tokio::test]
async fn only_those_who_wait_are_asked_for() {
    let server = ScriptedSmtp::start(Script::default());
    let mut mail = mail_to(&["a@example.org", "b@example.org", "c@example.org", "d@example.org"], "x\r\n");
    mail.envelope.recipients[0].fate = Fate::Accepted;
    mail.envelope.recipients[1].fate = Fate::Refused("550 no".into());
    mail.envelope.recipients[2].fate = Fate::Deferred("450 later".into());
    let fates = submit(&account(server.port), &mail).await.unwrap();
    assert_eq!(fates.iter().map(|(address, _)| address.as_str()).collect::<Vec<_>>(), ["c@example.org", "d@example.org"]);
    assert_eq!(server.taken()[0].recipients.len(), 2);
}

#[tokio::test]
async fn no_recipient_left_is_said_with_the_fates() {
    let recipients = vec![("bob@example.org".into(), "550 no".into()), ("eve@example.org".into(), "450 later".into())];
    let server = ScriptedSmtp::start(Script { recipients, ..Script::default() });
    let Err(SubmitError::NoRecipient { text, fates }) = submit(&account(server.port), &mail()).await else { panic!("it was sent") };
    assert!(text.contains("none of 2") && text.contains("550 no"), "{text}");
    assert!(matches!(&fates[..], [(_, Fate::Refused(_)), (_, Fate::Deferred(_))]), "{fates:?}");
    assert!(server.taken().is_empty() && !server.heard().contains(&"DATA".to_owned()));
}

#[tokio::test]
async fn a_hundred_recipients_go_in_groups() {
    let server = ScriptedSmtp::start(Script::default());
    let addresses: Vec<String> = (0..120).map(|number| format!("r{number}@example.org")).collect();
    let to: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let fates = submit(&account(server.port), &mail_to(&to, "x\r\n")).await.unwrap();
    assert_eq!(fates.len(), 120);
    assert_eq!(server.taken()[0].recipients.len(), 120);
}

#[tokio::test]
async fn a_server_that_knows_no_ehlo_gets_helo_and_no_extension() {
    let server = ScriptedSmtp::start(Script::fault(Step::Ehlo, Fault::say("502 5.5.1 what is EHLO")));
    let mut mail = mail();
    mail.envelope.dsn = Dsn { notify: Some("failure".into()), ret: Some("full".into()), envid: None };
    submit(&account(server.port), &mail).await.unwrap();
    assert_eq!(server.taken()[0].mail, "FROM:<ada@example.org>");
    assert!(server.heard().contains(&"HELO [127.0.0.1]".to_owned()), "{:?}", server.heard());
}

#[tokio::test]
async fn reports_are_asked_for_as_the_message_or_else_the_configuration_says() {
    let server = ScriptedSmtp::start(Script::default());
    let mut configured = smtp(server.port, Security::Plaintext);
    configured.dsn = Dsn { notify: Some("delay".into()), ret: Some("headers".into()), envid: None };
    configured.helo = Some("laptop.example.org".into());
    let account = Account::new("test", configured).with_deadlines(patient());
    let mut mail = mail_to(&["bob@example.org"], "x\r\n");
    mail.envelope.dsn.notify = Some("never".into());
    mail.envelope.dsn.envid = Some("id 1".into());
    submit(&account, &mail).await.unwrap();
    let taken = server.taken();
    assert_eq!(taken[0].mail, "FROM:<ada@example.org> SIZE=3 RET=HDRS ENVID=id+201");
    assert_eq!(taken[0].recipients, ["TO:<bob@example.org> NOTIFY=NEVER ORCPT=rfc822;bob@example.org"]);
    assert_eq!(server.heard()[0], "EHLO laptop.example.org");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_it_is_sent() {
    let server = ScriptedSmtp::start(Script::offering(&["SIZE 1000", "AUTH PLAIN"]));
    let error = submit(&account(server.port), &mail_to(&["bob@example.org"], &"x".repeat(2000))).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Refused(text) if text.contains("takes at most 1000 octets")), "{error:?}");
    assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")), "{:?}", server.heard());
}

#[tokio::test]
async fn every_way_to_sign_in_works_and_a_wrong_secret_is_said_once() {
    let token = |secret: &str| Credentials::TokenCommand(vec!["/bin/sh".into(), "-c".into(), format!("echo {secret}")]);
    let long = "t".repeat(700);
    for (auth, good, bad) in [
        ("AUTH PLAIN", Credentials::Password(Secret::new("pass-word")), Credentials::Password(Secret::new("wrong-word"))),
        ("AUTH=LOGIN", Credentials::Password(Secret::new("pass-word")), Credentials::Password(Secret::new("wrong-word"))),
        ("AUTH XOAUTH2", token("pass-word"), token("wrong-word")),
        ("AUTH OAUTHBEARER XOAUTH2", token("pass-word"), token("wrong-word")),
        ("AUTH XOAUTH2", token(&long), token("wrong-word")),
    ] {
        let secret =
            if matches!(&good, Credentials::TokenCommand(words) if words[2].contains("ttt")) { long.clone() } else { "pass-word".into() };
        let server = ScriptedSmtp::start(Script { password: secret, ..Script::offering(&[auth]) });
        for (credentials, is_good) in [(good, true), (bad, false)] {
            let mut smtp = smtp(server.port, Security::Plaintext);
            smtp.server.credentials = credentials;
            let result = submit(&Account::new("test", smtp).with_deadlines(patient()), &mail()).await;
            match result {
                Ok(_) => assert!(is_good, "{auth}"),
                Err(SubmitError::BadLogin(text)) => assert!(!is_good && text.contains("535 5.7.8"), "{auth}: {text}"),
                Err(other) => panic!("{auth}: {other:?}"),
            }
        }
        let tries = server.heard().iter().filter(|line| line.starts_with("AUTH")).count();
        assert_eq!((tries, server.taken().len()), (2, 1), "{auth}: {:?}", server.heard());
        assert!(server.heard().iter().all(|line| !line.starts_with("AUTH") || line.len() <= 510), "a command line is short");
    }
}

#[tokio::test]
async fn a_token_that_expired_is_fetched_again_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "token-one").unwrap();
    let server = ScriptedSmtp::start(Script { password: "token-one".into(), ..Script::offering(&["AUTH XOAUTH2"]) });
    let mut smtp = smtp(server.port, Security::Plaintext);
    smtp.server.credentials = Credentials::TokenCommand(vec!["cat".into(), file.display().to_string()]);
    let account = Account::new("test", smtp).with_deadlines(patient());
    submit(&account, &mail()).await.unwrap();
    std::fs::write(&file, "token-two").unwrap();
    server.set(Script { password: "token-two".into(), ..Script::offering(&["AUTH XOAUTH2"]) });
    submit(&account, &mail()).await.unwrap();
    assert_eq!((server.taken().len(), server.connections()), (2, 3));
}

#[tokio::test]
async fn a_server_without_sign_in_needs_no_password() {
    let server = ScriptedSmtp::start(Script::offering(&["SIZE"]));
    let mut smtp = smtp(server.port, Security::Plaintext);
    smtp.server.credentials = Credentials::Ask;
    let asking = Account::new("test", smtp).with_deadlines(patient());
    submit(&asking, &mail()).await.unwrap();
    server.set(Script::default());
    assert!(matches!(submit(&asking, &mail()).await, Err(SubmitError::NoSecret(text)) if text.contains("needs a password")));
    asking.set_secret(Secret::new(crate::PASSWORD));
    submit(&asking, &mail()).await.unwrap();
}

#[tokio::test]
async fn the_local_address_can_be_chosen() {
    let server = ScriptedSmtp::start(Script::default());
    let mut smtp = smtp(server.port, Security::Plaintext);
    smtp.bind = Some("127.0.0.9".parse().unwrap());
    submit(&Account::new("test", smtp.clone()).with_deadlines(patient()), &mail()).await.unwrap();
    assert_eq!(server.heard()[0], "EHLO [127.0.0.9]");
    smtp.bind = Some("192.0.2.77".parse().unwrap());
    let error = submit(&Account::new("test", smtp), &mail()).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Offline(text) if text.contains("192.0.2.77") && text.contains("bind")), "{error:?}");
}

#[tokio::test]
async fn an_address_as_the_configured_name_is_said_as_a_literal() {
    for (name, said) in [("192.0.2.1", "[192.0.2.1]"), ("2001:db8::1", "[IPv6:2001:db8::1]"), ("laptop.example", "laptop.example")] {
        let server = ScriptedSmtp::start(Script::default());
        let mut smtp = smtp(server.port, Security::Plaintext);
        smtp.helo = Some(name.into());
        Account::new("test", smtp).with_deadlines(patient()).try_out().await.unwrap();
        assert_eq!(server.heard()[0], format!("EHLO {said}"));
    }
}

#[tokio::test]
async fn trying_out_sends_nothing() {
    let server = ScriptedSmtp::start(Script::default());
    let caps = account(server.port).try_out().await.unwrap();
    assert_eq!(caps.size_limit(), Some(1_000_000));
    assert!(!server.heard().iter().any(|line| line.starts_with("MAIL")));
    assert_eq!(server.heard().last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn nothing_of_this_machine_is_told() {
    let server = ScriptedSmtp::start(Script::default());
    submit(&account(server.port), &mail()).await.unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let said = server.heard().join("\n").to_lowercase();
    for word in [host.trim(), "postrider", "lettre"].iter().filter(|word| word.len() > 3) {
        assert!(!said.contains(&word.to_lowercase()), "{word} in {said}");
    }
}
