//! Who is trusted, and what is sent to whom.

use postrider::config::{Credentials, Secret, Security};
use postrider::remote::imap::Account;
use postrider::remote::net::Trace;
use postrider::remote::{Connect, Remote, RemoteError};

use crate::server;
use crate::servers::authority::Authority;
use crate::servers::dovecot::{Dovecot, PASSWORD};

#[tokio::test]
async fn a_wrong_password_is_a_refusal_with_the_servers_words() {
    let dovecot = Dovecot::shared();
    for security in [Security::Tls, Security::StartTls, Security::Plaintext] {
        let mut server = server(&dovecot, "wrong", security);
        server.credentials = Credentials::Password(Secret::new("nonsense"));
        let error = Account::new("test", server).connect(Some("INBOX")).await.unwrap_err();
        assert!(matches!(&error, RemoteError::BadLogin(text) if text.contains("Authentication failed")), "{error:?}");
    }
}

#[tokio::test]
async fn an_account_that_asks_needs_a_password_first() {
    let dovecot = Dovecot::shared();
    let mut server = server(&dovecot, "ask", Security::Tls);
    server.credentials = Credentials::Ask;
    let account = Account::new("test", server);
    assert!(matches!(account.connect(None).await, Err(RemoteError::NoSecret(text)) if text.contains("needs a password")));
    account.set_secret(Secret::new(PASSWORD));
    account.connect(None).await.unwrap().close().await;
}

#[tokio::test]
async fn certificates_are_refused_with_the_reason() {
    let dovecot = Dovecot::shared();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.pem");
    std::fs::write(&other, Authority::new("another").pem()).unwrap();
    for security in [Security::Tls, Security::StartTls] {
        let mut unknown = server(&dovecot, "tls", security);
        unknown.ca_file = Some(other.clone());
        let error = Account::new("test", unknown).connect(None).await.unwrap_err();
        assert!(matches!(&error, RemoteError::Untrusted(text) if text.contains("unknown authority")), "{error:?}");

        let mut wrong_host = server(&dovecot, "tls", security);
        wrong_host.host = "127.0.0.1".into();
        let error = Account::new("test", wrong_host).connect(None).await.unwrap_err();
        assert!(matches!(&error, RemoteError::Untrusted(text) if text.contains("another host name")), "{error:?}");
    }
    let mut plain_port = server(&dovecot, "tls", Security::Tls);
    plain_port.port = dovecot.imap_port;
    let error = Account::new("test", plain_port).connect(None).await.unwrap_err();
    assert!(matches!(&error, RemoteError::Untrusted(text) if text.contains("does not speak TLS")), "{error:?}");
}

#[tokio::test]
async fn the_trace_holds_the_dialogue_without_credentials() {
    let dovecot = Dovecot::shared();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace");
    let server = server(&dovecot, "traced", Security::StartTls);
    let account = Account::new("test", server).with_trace(Trace::open(&path).unwrap());
    let mut remote = account.connect(Some("INBOX")).await.unwrap();
    remote.append("INBOX", b"Subject: canary-of-mail\r\n\r\nx\r\n".to_vec(), &postrider::mail::Flags::default(), 0).await.unwrap();
    remote.newest("INBOX", 5).await.unwrap();
    remote.close().await;
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("STARTTLS") && text.contains("SELECT") && text.contains("LOGOUT"), "{text}");
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("\0traced\0{PASSWORD}"));
    for canary in [PASSWORD, encoded.as_str(), "canary-of-mail"] {
        assert!(!text.contains(canary), "{canary} in {text}");
    }
}
