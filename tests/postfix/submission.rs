//! Who may send, to whom, and what becomes of it.

use postrider::config::{Credentials, Secret, Security};
use postrider::mail::outgoing::Fate;
use postrider::remote::sendmail::Sendmail;
use postrider::remote::smtp::Account;
use postrider::remote::submit::SubmitError;

use crate::servers::authority::Authority;
use crate::servers::postfix::{Mta, SIZE_LIMIT};
use crate::{account, body, mail, smtp, submit};

#[tokio::test]
async fn mail_arrives_over_tls_and_starttls() {
    let mta = Mta::shared();
    for (user, security) in [("tls", Security::Tls), ("starttls", Security::StartTls)] {
        let account = Account::new("test", smtp(&mta, user, security));
        let caps = account.try_out().await.unwrap();
        assert!(caps.pipelining() && caps.dsn() && caps.eight_bit() && caps.smtp_utf8() && caps.auth_by("PLAIN"), "{caps:?}");
        assert_eq!(caps.size_limit(), Some(SIZE_LIMIT as u64));
        let bob = format!("bob-{user}");
        submit(&account, &mail(user, &[&bob], "Subject: hi\r\n\r\nGr\u{fc}\u{df}e\r\n")).await.unwrap();
        let inbox = mta.wait_inbox(&bob, 1);
        assert_eq!((inbox.len(), body(&inbox[0]).as_str()), (1, "Gr\u{fc}\u{df}e\n"));
        let text = String::from_utf8_lossy(&inbox[0]).into_owned();
        assert!(text.contains(&format!("Return-Path: <{user}@example.org>")) && text.contains("ESMTPSA"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_in_the_servers_words() {
    let mta = Mta::shared();
    for security in [Security::Tls, Security::StartTls] {
        let mut smtp = smtp(&mta, "wrong", security);
        smtp.server.credentials = Credentials::Password(Secret::new("nonsense"));
        let error = submit(&Account::new("test", smtp), &mail("wrong", &["bob"], "x")).await.unwrap_err();
        assert!(matches!(&error, SubmitError::BadLogin(text) if text.contains("535")), "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_somebody_else_is_refused() {
    let mta = Mta::shared();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    std::fs::write(&other, Authority::new("another").pem()).unwrap();
    for security in [Security::Tls, Security::StartTls] {
        let mut unknown = smtp(&mta, "ada", security);
        unknown.server.ca_file = Some(other.clone());
        let mut elsewhere = smtp(&mta, "ada", security);
        elsewhere.server.host = "127.0.0.1".into();
        for (smtp, word) in [(unknown, "unknown authority"), (elsewhere, "another host name")] {
            let error = submit(&Account::new("test", smtp), &mail("ada", &["bob"], "x")).await.unwrap_err();
            assert!(matches!(&error, SubmitError::Untrusted(text) if text.contains(word)), "{error:?}");
        }
    }
}

#[tokio::test]
async fn tls_from_the_first_byte_is_not_found_on_the_other_port() {
    let mta = Mta::shared();
    let mut smtp = smtp(&mta, "ada", Security::Tls);
    smtp.server.port = mta.submission_port;
    let error = Account::new("test", smtp).try_out().await.unwrap_err();
    assert!(matches!(&error, SubmitError::Untrusted(text) if text.contains("does not speak TLS")), "{error:?}");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_early() {
    let mta = Mta::shared();
    let large = "x".repeat(SIZE_LIMIT + 1);
    let error = submit(&account(&mta, "large"), &mail("large", &["bob-large"], large)).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Refused(text) if text.contains("takes at most 1.9 MiB")), "{error:?}");
}

#[tokio::test]
async fn an_unknown_recipient_does_not_stop_the_others() {
    let mta = Mta::shared();
    let fates = submit(&account(&mta, "partly"), &mail("partly", &["nobody", "bob-partly"], "Subject: x\n\nx\n")).await.unwrap();
    let [(_, Fate::Refused(words)), (_, Fate::Accepted)] = &fates[..] else { panic!("{fates:?}") };
    assert!(words.starts_with("550 5.1.1") && words.contains("nobody@example.org"), "{words}");
    assert_eq!(mta.wait_inbox("bob-partly", 1).len(), 1);
    let error = submit(&account(&mta, "partly"), &mail("partly", &["nobody"], "x")).await.unwrap_err();
    assert!(matches!(&error, SubmitError::NoRecipient { fates, .. } if fates.len() == 1), "{error:?}");
}

#[tokio::test]
async fn a_delivery_report_that_was_asked_for_comes() {
    let mta = Mta::shared();
    let mut mail = mail("reported", &["bob-reported"], "Subject: x\n\nx\n");
    mail.envelope.dsn.notify = Some("success,failure".into());
    mail.envelope.dsn.ret = Some("headers".into());
    mail.envelope.dsn.envid = Some("id+of 7".into());
    submit(&account(&mta, "reported"), &mail).await.unwrap();
    let report = mta.wait_inbox("reported", 1);
    let text = String::from_utf8_lossy(&report[0]).into_owned();
    assert!(text.contains("Original-Envelope-Id: id+of 7"), "{text}");
    assert!(text.contains("Original-Recipient: rfc822;bob-reported@example.org") && text.contains("Action: relayed"), "{text}");
}

#[tokio::test]
async fn quoted_and_wide_addresses_are_taken() {
    let mta = Mta::shared();
    // elsewhere: Dovecot's LMTP takes no wide addresses
    for address in ["\u{e9}ric@\u{e9}cole.example", "\"bob quoted\"@elsewhere.example", "o'hara@[192.0.2.9]"] {
        let mut mail = mail("wide", &["bob-wide"], "Subject: x\n\nx\n");
        mail.envelope.recipients[0].address = address.into();
        let fates = submit(&account(&mta, "wide"), &mail).await.unwrap();
        assert_eq!(fates, [(address.to_owned(), Fate::Accepted)]);
    }
}

#[tokio::test]
async fn the_sendmail_command_takes_the_same_envelope() {
    let mta = Mta::shared();
    let way = Sendmail::new(mta.sendmail());
    // the header names somebody who already has it, and not the one who is to get it
    let text = "To: other-local@example.org\r\nSubject: x\r\n\r\nfirst\r\n.\r\n..two\r\nlast";
    submit(&way, &mail("local", &["bob-local", "eve-local"], text)).await.unwrap();
    for user in ["bob-local", "eve-local"] {
        let inbox = mta.wait_inbox(user, 1);
        assert_eq!((inbox.len(), body(&inbox[0]).as_str()), (1, "first\n.\n..two\nlast\n"));
        assert!(String::from_utf8_lossy(&inbox[0]).contains("Return-Path: <local@example.org>"));
    }
    assert!(mta.inbox("other-local").is_empty());
    let large = mail("local", &["bob-local"], "x\n".repeat(SIZE_LIMIT));
    let error = submit(&way, &large).await.unwrap_err();
    // Postfix calls it a lack of room
    assert!(matches!(&error, SubmitError::Later(text) if text.contains("too big")), "{error:?}");
}
