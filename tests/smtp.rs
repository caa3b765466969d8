//! The SMTP client against a server that follows a script: every step with every fault, the session cut at
//! every octet, attacks, and what goes over the wire.

#[path = "servers/authority.rs"]
mod authority;
#[path = "support/smtp.rs"]
#[allow(dead_code)]
mod scripted;

#[path = "smtp/dialogue.rs"]
mod dialogue;
#[path = "smtp/faults.rs"]
mod faults;
#[path = "smtp/security.rs"]
mod security;

use std::time::Duration;

use postrider::config::{Credentials, DEFAULT_KEEP_SIZE, Keep, Secret, Security, Server, Smtp};
use postrider::mail::outgoing::{Dsn, Fate, Recipient, SmtpEnvelope};
use postrider::remote::smtp::Account;
use postrider::remote::smtp::wire::Deadlines;
use postrider::remote::submit::{Handover, Submission, Submit, SubmitError};

const PASSWORD: &str = "correct-horse-7";

/// An account of the scripted user at this port.
fn smtp(port: u16, security: Security) -> Smtp {
    let server = Server {
        host: "127.0.0.1".into(),
        port,
        security,
        username: "ada".into(),
        credentials: Credentials::Password(Secret::new(PASSWORD)),
        allow_plaintext_password: false,
        ca_file: None,
        client_cert: None,
        keep: Keep::Headers,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    };
    Smtp { server, helo: None, bind: None, dsn: Dsn::default() }
}

/// Deadlines that only a server that says nothing meets.
fn patient() -> Deadlines {
    let five = Duration::from_secs(5);
    Deadlines { greeting: five, command: five, data: five, block: five, end: five, goodbye: Duration::from_millis(500) }
}

fn account(port: u16) -> Account {
    Account::new("test", smtp(port, Security::Plaintext)).with_deadlines(patient())
}

fn mail_to(to: &[&str], text: &str) -> Submission {
    let recipients = to.iter().map(|address| Recipient { address: (*address).to_owned(), fate: Fate::Pending }).collect();
    let envelope = SmtpEnvelope { mail_from: "ada@example.org".to_owned(), recipients, dsn: Dsn::default() };
    Submission { envelope, bytes: text.as_bytes().into() }
}

fn mail() -> Submission {
    mail_to(&["bob@example.org", "eve@example.org"], "Subject: x\r\n\r\nHello\r\n.dot\r\n")
}

/// What the server keeps of [`mail`].
const RECEIVED: &[u8] = b"Subject: x\r\n\r\nHello\r\n.dot\r\n";

/// Both phases; the fates where the message was taken.
async fn submit(account: &impl Submit, mail: &Submission) -> Result<Vec<(String, Fate)>, SubmitError> {
    let (handover, fates) = account.prepare(mail).await?;
    handover.commit().await?;
    Ok(fates)
}
