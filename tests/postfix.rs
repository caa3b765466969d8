//! The SMTP client and the sendmail command against a real Postfix, the mail read where Dovecot put it.
#![cfg(feature = "servers")]
#![allow(dead_code)]

mod servers;

#[path = "postfix/forms.rs"]
mod forms;
#[path = "postfix/submission.rs"]
mod submission;

use postrider::config::{Credentials, DEFAULT_KEEP_SIZE, Keep, Secret, Security, Server, Smtp};
use postrider::mail::outgoing::{Dsn, Fate, Recipient, SmtpEnvelope};
use postrider::remote::smtp::Account;
use postrider::remote::submit::{Fates, Handover, Submission, Submit, SubmitError};
use servers::dovecot::{HOST, PASSWORD};
use servers::postfix::Mta;

fn smtp(mta: &Mta, user: &str, security: Security) -> Smtp {
    let server = Server {
        host: HOST.into(),
        port: if security == Security::Tls { mta.smtps_port } else { mta.submission_port },
        security,
        username: user.into(),
        credentials: Credentials::Password(Secret::new(PASSWORD)),
        allow_plaintext_password: false,
        ca_file: Some(mta.ca_file()),
        client_cert: None,
        keep: Keep::Headers,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    };
    Smtp { server, helo: None, bind: None, dsn: Dsn::default() }
}

fn account(mta: &Mta, user: &str) -> Account {
    Account::new("test", smtp(mta, user, Security::Tls))
}

fn mail(from: &str, to: &[&str], bytes: impl Into<Vec<u8>>) -> Submission {
    let recipients = to.iter().map(|user| Recipient { address: Mta::address(user), fate: Fate::Pending }).collect();
    let envelope = SmtpEnvelope { mail_from: Mta::address(from), recipients, dsn: Dsn::default() };
    Submission { envelope, bytes: bytes.into().into() }
}

async fn submit(way: &impl Submit, mail: &Submission) -> Result<Fates, SubmitError> {
    let (handover, fates) = way.prepare(mail).await?;
    handover.commit().await?;
    Ok(fates)
}

/// What stands below the header, line ends as Dovecot keeps them (LF).
fn body(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message).replace("\r\n", "\n");
    text.split_once("\n\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
}
