//! Every verb of the remote trait against a real Dovecot, over TLS, STARTTLS and plaintext.
#![cfg(feature = "servers")]
#![allow(dead_code)]

#[path = "support/second_client.rs"]
mod second_client;
mod servers;

#[path = "remote/changes.rs"]
mod changes;
#[path = "remote/compress.rs"]
mod compress;
#[path = "remote/security.rs"]
mod security;
#[path = "remote/verbs.rs"]
mod verbs;
#[path = "remote/waiting.rs"]
mod waiting;

use postrider::config::{Credentials, DEFAULT_KEEP_SIZE, Keep, Secret, Security, Server};
use postrider::remote::imap::Account;
use servers::dovecot::{Dovecot, HOST, PASSWORD};

/// The configuration of a user at a server.
fn server(dovecot: &Dovecot, user: &str, security: Security) -> Server {
    Server {
        host: HOST.into(),
        port: if security == Security::Tls { dovecot.imaps_port } else { dovecot.imap_port },
        security,
        username: user.into(),
        credentials: Credentials::Password(Secret::new(PASSWORD)),
        allow_plaintext_password: false,
        ca_file: Some(dovecot.ca_file()),
        client_cert: None,
        keep: Keep::Headers,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    }
}

fn account(dovecot: &Dovecot, user: &str, security: Security) -> Account {
    Account::new("test", server(dovecot, user, security))
}

/// A message of `lines` lines of text.
fn message(number: u32, lines: usize) -> String {
    let text = "The quick brown fox jumps over the lazy dog.\r\n".repeat(lines);
    format!(
        "Date: Sat, 21 Nov 2026 10:00:{:02} +0000\r\nFrom: Ada <ada@example.org>\r\nTo: Bob <bob@example.org>\r\n\
         Subject: number {number}\r\nMessage-ID: <m{number}@example.org>\r\nContent-Type: text/plain\r\n\r\n{text}",
        number % 60
    )
}
