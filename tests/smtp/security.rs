//! Who is trusted, what is sent in clear, and what is never shown.

use std::sync::Arc;

use postrider::config::{Credentials, Secret, Security, Smtp};
use postrider::remote::net::Trace;
use postrider::remote::smtp::Account;
use postrider::remote::submit::{Handover, Submit, SubmitError};

use crate::authority::Authority;
use crate::scripted::{Fault, Script, ScriptedSmtp, Step};
use crate::{PASSWORD, mail, patient, smtp, submit};

struct Trusted {
    folder: tempfile::TempDir,
    config: Arc<rustls::ServerConfig>,
}

impl Trusted {
    fn new(name: &str) -> Self {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(name);
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let own = authority.certificate(&["ada.example"], false);
        std::fs::write(folder.path().join("own.pem"), own.certificate).unwrap();
        std::fs::write(folder.path().join("own.key"), own.key).unwrap();
        let made = authority.certificate(&["localhost"], false);
        let chain = vec![CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self { folder, config: Arc::new(config) }
    }

    /// The same server that takes only clients with a certificate of its own authority.
    fn closed(&self) -> Arc<rustls::ServerConfig> {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.folder.path().join("ca.pem")).unwrap()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = builder.with_client_cert_verifier(verifier).with_cert_resolver(self.config.cert_resolver.clone());
        Arc::new(config)
    }

    fn smtp(&self, port: u16, security: Security) -> Smtp {
        let mut smtp = smtp(port, security);
        smtp.server.host = "localhost".into();
        smtp.server.ca_file = Some(self.folder.path().join("ca.pem"));
        smtp
    }

    fn account(&self, port: u16, security: Security) -> Account {
        Account::new("test", self.smtp(port, security)).with_deadlines(patient())
    }
}

#[tokio::test]
async fn tls_is_made_before_the_password_is_sent() {
    let trusted = Trusted::new("ours");
    for (security, implicit_tls) in [(Security::StartTls, false), (Security::Tls, true)] {
        let server = ScriptedSmtp::start(Script { tls: Some(trusted.config.clone()), implicit_tls, ..Script::default() });
        submit(&trusted.account(server.port, security), &mail()).await.unwrap();
        let heard = server.heard();
        let verbs: Vec<&str> = heard.iter().filter_map(|line| line.split(' ').next()).collect();
        let start: &[&str] = if implicit_tls { &["EHLO", "AUTH"] } else { &["EHLO", "STARTTLS", "EHLO", "AUTH"] };
        assert!(verbs.starts_with(start), "{verbs:?}");
        assert_eq!(server.taken().len(), 1);
    }
}

#[tokio::test]
async fn a_certificate_nobody_knows_is_refused() {
    let (trusted, other) = (Trusted::new("ours"), Trusted::new("theirs"));
    for (security, implicit_tls) in [(Security::StartTls, false), (Security::Tls, true)] {
        let server = ScriptedSmtp::start(Script { tls: Some(other.config.clone()), implicit_tls, ..Script::default() });
        let error = submit(&trusted.account(server.port, security), &mail()).await.unwrap_err();
        assert!(matches!(&error, SubmitError::Untrusted(text) if text.contains("unknown authority")), "{error:?}");
        assert!(!server.heard().iter().any(|line| line.starts_with("AUTH")));
    }
}

#[tokio::test]
async fn a_certificate_of_the_client_is_shown_where_the_server_wants_one() {
    let trusted = Trusted::new("ours");
    for (security, implicit_tls) in [(Security::StartTls, false), (Security::Tls, true)] {
        let server = ScriptedSmtp::start(Script { tls: Some(trusted.closed()), implicit_tls, ..Script::default() });
        assert!(trusted.account(server.port, security).try_out().await.is_err());
        let mut smtp = trusted.smtp(server.port, security);
        smtp.server.client_cert = Some((trusted.folder.path().join("own.pem"), trusted.folder.path().join("own.key")));
        submit(&Account::new("test", smtp).with_deadlines(patient()), &mail()).await.unwrap();
    }
}

#[tokio::test]
async fn starttls_is_required_once_chosen() {
    for script in [
        Script::default(),
        Script::fault(Step::Ehlo, Fault::say("502 no EHLO")),
        Script { ehlo: vec!["STARTTLS".into(), "AUTH PLAIN".into()], ..Script::fault(Step::StartTls, Fault::say("250 no TLS needed")) },
        Script { ehlo: vec!["STARTTLS".into(), "AUTH PLAIN".into()], ..Script::fault(Step::StartTls, Fault::say("503 what")) },
    ] {
        let server = ScriptedSmtp::start(script);
        let account = Account::new("test", smtp(server.port, Security::StartTls)).with_deadlines(patient());
        let error = submit(&account, &mail()).await.unwrap_err();
        assert!(matches!(&error, SubmitError::Untrusted(text) if text.contains("in clear")), "{error:?}");
        assert!(!server.heard().iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")), "{:?}", server.heard());
    }
}

#[tokio::test]
async fn what_comes_in_clear_beside_the_answer_to_starttls_is_an_attack() {
    let trusted = Trusted::new("ours");
    for (step, said) in [
        (Step::StartTls, "220 go\r\n250-injected\r\n250 AUTH LOGIN"),
        (Step::StartTls, "220 go\r\n2"),
        (Step::Ehlo, "250-x\r\n250 STARTTLS\r\n220 go"),
        (Step::Greeting, "220 hi\r\n250-x\r\n250 AUTH PLAIN"),
    ] {
        let server = ScriptedSmtp::start(Script { tls: Some(trusted.config.clone()), ..Script::fault(step, Fault::say(said)) });
        let error = submit(&trusted.account(server.port, Security::StartTls), &mail()).await.unwrap_err();
        assert!(matches!(&error, SubmitError::Untrusted(_) | SubmitError::Later(_)), "{said:?}: {error:?}");
        if step == Step::StartTls {
            assert!(error.to_string().contains("someone may sit in between"), "{said:?}: {error}");
        }
        assert!(!server.heard().iter().any(|line| line.starts_with("AUTH")), "{:?}", server.heard());
    }
}

#[tokio::test]
async fn what_was_offered_before_tls_counts_for_nothing() {
    let trusted = Trusted::new("ours");
    let script = Script { tls: Some(trusted.config.clone()), ..Script::offering(&["AUTH PLAIN", "SIZE 1"]) };
    let server = ScriptedSmtp::start(script);
    let error = submit(&trusted.account(server.port, Security::StartTls), &mail()).await.unwrap_err();
    assert!(matches!(&error, SubmitError::Refused(text) if text.contains("1 octet")), "offered again inside: {error:?}");
    assert_eq!(server.heard().iter().filter(|line| line.starts_with("EHLO")).count(), 2);
}

#[tokio::test]
async fn credentials_are_in_no_trace_and_no_text() {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let folder = tempfile::tempdir().unwrap();
    for (number, auth) in ["AUTH PLAIN", "AUTH LOGIN", "AUTH XOAUTH2", "AUTH OAUTHBEARER"].iter().enumerate() {
        let path = folder.path().join(format!("trace{number}"));
        let sent = match *auth {
            "AUTH PLAIN" => format!("\0ada\0{PASSWORD}"),
            "AUTH LOGIN" => PASSWORD.to_owned(),
            "AUTH XOAUTH2" => format!("user=ada\x01auth=Bearer {PASSWORD}\x01\x01"),
            _ => format!("n,a=ada,\x01auth=Bearer {PASSWORD}\x01\x01"),
        };
        let sent = encode(&sent);
        let mut smtp = smtp(0, Security::Plaintext);
        if auth.contains("OAUTH") {
            smtp.server.credentials = Credentials::TokenCommand(vec!["echo".into(), PASSWORD.into()]);
        }
        let mut shown = String::new();
        // a good end, a refusal, and servers that repeat what they were told
        let echo = format!("535 5.7.8 not {PASSWORD} nor {} nor {sent}", encode(PASSWORD));
        for script in [
            Script::offering(&[auth]),
            Script { password: "other".into(), ..Script::offering(&[auth]) },
            Script { ehlo: vec![(*auth).into()], ..Script::fault(Step::Auth, Fault::Say(echo)) },
            Script { ehlo: vec![(*auth).into()], ..Script::fault(Step::Auth, Fault::Say(format!("what is {PASSWORD}?"))) },
        ] {
            let server = ScriptedSmtp::start(script);
            smtp.server.port = server.port;
            let account = Account::new("test", smtp.clone()).with_deadlines(patient()).with_trace(Trace::open(&path).unwrap());
            match account.prepare(&mail()).await {
                Ok((handover, _)) => {
                    shown.push_str(&format!("{handover:?}{account:?}"));
                    handover.commit().await.unwrap();
                }
                Err(error) => shown.push_str(&format!("{error:?} {error} {account:?}")),
            }
        }
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains("test C: EHLO") && text.contains("[secret]") && text.contains("S: 250"), "{text}");
        assert!(shown.contains("no SMTP reply: what is [secret]?"), "{shown}");
        assert!(text.contains("[a message of") && !text.contains("Hello"), "{text}");
        for canary in [PASSWORD.to_owned(), encode(PASSWORD), sent] {
            assert!(!text.contains(&canary), "{auth}: {canary} in {text}");
            // the configuration's own Debug masks what stands in it; the command that prints a token is no secret
            let shown = shown.replace(&format!("[\"echo\", \"{PASSWORD}\"]"), "");
            assert!(!shown.contains(&canary), "{auth}: {canary} in {shown}");
        }
    }
    assert!(!format!("{:?}", Credentials::Password(Secret::new(PASSWORD))).contains(PASSWORD));
}
