//! From a TCP connection to a session that may send: greeting, EHLO or HELO, STARTTLS, AUTH. Everything said
//! before TLS is forgotten; a password goes in clear to this machine only.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::commands::{Ehlo, Starttls};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use zeroize::Zeroizing;

use super::caps::Caps;
use super::reply::{Class, class, words};
use super::wire::Wire;
use super::{Account, Session};
use crate::config::{Secret, Security};
use crate::remote::auth::{Given, Kind};
use crate::remote::net::{self, Stream};
use crate::remote::submit::SubmitError;
use crate::remote::{RemoteError, Result as RemoteResult};

/// Challenges of one sign-in; more is a game.
const MAX_CHALLENGES: usize = 5;
/// A command line (RFC 5321 4.5.3.1.4); a longer first answer waits for its challenge (RFC 4954 4).
const MAX_COMMAND: usize = 510;

impl From<RemoteError> for SubmitError {
    fn from(error: RemoteError) -> Self {
        let text = error.to_string();
        match error {
            RemoteError::Untrusted(_) => SubmitError::Untrusted(text),
            RemoteError::Rejected(_) => SubmitError::Refused(text),
            RemoteError::BadLogin(_) => SubmitError::BadLogin(text),
            RemoteError::NoSecret(_) => SubmitError::NoSecret(text),
            RemoteError::Offline(_) => SubmitError::Offline(text),
            RemoteError::NotNow(_) | RemoteError::Gone(_) | RemoteError::Protocol(_) => SubmitError::Later(text),
        }
    }
}

/// Connects and signs in.
pub(super) async fn connect(account: &Account) -> Result<Session, SubmitError> {
    let server = &account.smtp.server;
    // The command that prints the password may run while the connection is made.
    let (given, stream) = tokio::join!(account.secrets.get(), account.connector.open(server.security));
    let wire = Wire::new(&account.name, stream?, account.trace.clone());
    let mut session = Session { wire, caps: Caps::default(), deadlines: account.deadlines, host: server.host.clone() };
    greeting(&mut session).await?;
    hello(&mut session, account).await?;
    if server.security == Security::StartTls {
        session = start_tls(session, account).await?;
    }
    session.wire.stream.check_may_sign_in(server)?;
    if session.caps.auth() {
        sign_in(&mut session, account, given).await?;
    } else {
        // relays of one's own network know their clients by address
        tracing::info!(account = account.name, "{} offers no sign-in; going on without", server.host);
    }
    Ok(session)
}

async fn greeting(session: &mut Session) -> Result<(), SubmitError> {
    let reply = session.wire.reply(session.deadlines.greeting).await.map_err(|why| session.later(why))?;
    match class(&reply) {
        Class::Done => Ok(()),
        Class::No => Err(SubmitError::Refused(session.says(&reply))),
        Class::Later | Class::More => Err(SubmitError::Later(session.says(&reply))),
    }
}

/// EHLO, and HELO for servers that do not know it.
async fn hello(session: &mut Session, account: &Account) -> Result<(), SubmitError> {
    let name = client_name(account.smtp.helo.as_deref(), &session.wire.stream);
    let reply = session.ask(Ehlo::new(name.clone())).await?;
    match class(&reply) {
        Class::Done => {
            session.caps = Caps::new(&reply);
            return Ok(());
        }
        Class::Later | Class::More => return Err(SubmitError::Later(session.says(&reply))),
        Class::No => {}
    }
    session.caps = Caps::default();
    let reply = session.ask(format!("HELO {name}\r\n")).await?;
    match class(&reply) {
        Class::Done => Ok(()),
        Class::No => Err(SubmitError::Refused(session.says(&reply))),
        Class::Later | Class::More => Err(SubmitError::Later(session.says(&reply))),
    }
}

/// The configured name, else our address: the machine's name is nobody's business (RFC 5321 4.1.4).
fn client_name(helo: Option<&str>, stream: &Stream) -> ClientId {
    let address = match helo.map(str::parse::<IpAddr>) {
        Some(Ok(address)) => Some(address),
        Some(Err(_)) => None,
        None => stream.local_ip(),
    };
    match (address, helo) {
        (Some(IpAddr::V4(address)), _) => ClientId::Ipv4(address),
        (Some(IpAddr::V6(address)), _) => ClientId::Ipv6(address),
        (None, Some(name)) => ClientId::Domain(name.to_owned()),
        (None, None) => ClientId::Domain("localhost".to_owned()),
    }
}

fn attack(what: &str) -> SubmitError {
    SubmitError::Untrusted(net::attack(what).to_string())
}

/// Turns to TLS. What came in clear beyond the one answer is an attack (CVE-2011-0411 and its kin).
async fn start_tls(mut session: Session, account: &Account) -> Result<Session, SubmitError> {
    let host = session.host.clone();
    if session.wire.has_more() {
        return Err(attack("the server spoke before it was asked to start TLS"));
    }
    if !session.caps.starttls() {
        return Err(SubmitError::Untrusted(format!("{host} does not offer STARTTLS; nothing is sent in clear")));
    }
    let reply = session.ask(Starttls).await?;
    match class(&reply) {
        Class::Done if reply.has_code(220) => {}
        Class::Later => return Err(SubmitError::Later(session.says(&reply))),
        _ => return Err(SubmitError::Untrusted(format!("{host} does not start TLS: {}; nothing is sent in clear", words(&reply)))),
    }
    if session.wire.has_more() {
        return Err(attack("the server spoke between its answer and TLS"));
    }
    let Session { wire, deadlines, .. } = session;
    let Wire { stream: Stream::Plain(tcp), .. } = wire else { return Err(SubmitError::Later("STARTTLS inside TLS".to_owned())) };
    let stream = account.connector.upgrade(tcp).await?;
    let wire = Wire::new(&account.name, stream, account.trace.clone());
    let mut session = Session { wire, caps: Caps::default(), deadlines, host };
    hello(&mut session, account).await?;
    Ok(session)
}

async fn sign_in(session: &mut Session, account: &Account, given: RemoteResult<Given>) -> Result<(), SubmitError> {
    let given = given?;
    let user = &account.smtp.server.username;
    let exchange = exchange(&session.caps, user, &given)?;
    let Given { secret, .. } = given;
    session.wire.mask(Zeroizing::new(secret.expose().to_owned()));
    session.wire.mask(Zeroizing::new(STANDARD.encode(secret.expose())));
    for answer in &exchange.answers {
        session.wire.mask(answer.clone());
    }
    let reply = exchange.run(session).await?;
    match class(&reply) {
        Class::Done => {
            account.secrets.accepted();
            Ok(())
        }
        Class::Later | Class::More => Err(SubmitError::Later(session.says(&reply))),
        Class::No => Err(account.secrets.refused(RemoteError::BadLogin(session.says(&reply))).into()),
    }
}

/// AUTH with all that we have to say, in base64.
struct Exchange {
    mechanism: &'static str,
    answers: Vec<Zeroizing<String>>,
    /// The first answer may stand in the command.
    initial: bool,
    /// What ends an exchange that goes on: `*` cancels; an OAuth2 error report wants an answer (RFC 7628 3.2.3).
    last: &'static str,
}

/// The safest way that the server offers.
fn exchange(caps: &Caps, user: &str, given: &Given) -> Result<Exchange, SubmitError> {
    let encoded = |text: &str| Zeroizing::new(STANDARD.encode(text));
    let one = |mechanism: &'static str, last| {
        let answers = vec![encoded(&given.sasl(mechanism, user))];
        Exchange { mechanism, answers, initial: true, last }
    };
    let login = |secret: &Secret| Exchange {
        mechanism: "LOGIN",
        answers: vec![encoded(user), encoded(secret.expose())],
        initial: false,
        last: "*",
    };
    match given.kind {
        Kind::Token if caps.auth_by("OAUTHBEARER") => Ok(one("OAUTHBEARER", "AQ==")),
        Kind::Token if caps.auth_by("XOAUTH2") => Ok(one("XOAUTH2", "")),
        Kind::Token => Err(SubmitError::BadLogin("the server takes no OAuth2 token (neither OAUTHBEARER nor XOAUTH2)".into())),
        Kind::Password if caps.auth_by("PLAIN") => Ok(one("PLAIN", "*")),
        Kind::Password if caps.auth_by("LOGIN") => Ok(login(&given.secret)),
        Kind::Password => Err(SubmitError::BadLogin("the server takes no password (neither PLAIN nor LOGIN)".into())),
    }
}

impl Exchange {
    /// The reply that ends it.
    async fn run(&self, session: &mut Session) -> Result<Response, SubmitError> {
        let mechanism = self.mechanism;
        let mut answers = self.answers.iter();
        let command = match self.answers.first().map(|answer| Zeroizing::new(format!("AUTH {mechanism} {}", answer.as_str()))) {
            Some(command) if self.initial && command.len() <= MAX_COMMAND => {
                answers.next();
                command
            }
            _ => Zeroizing::new(format!("AUTH {mechanism}")),
        };
        let shown = if command.len() > 5 + mechanism.len() { format!("AUTH {mechanism} [secret]") } else { command.to_string() };
        let mut reply = self.say(session, &command, &shown).await?;
        let mut rounds = 0;
        while reply.has_code(334) {
            rounds += 1;
            if rounds > MAX_CHALLENGES {
                return Err(SubmitError::Later("the server keeps asking during sign-in".to_owned()));
            }
            reply = match answers.next() {
                Some(answer) => self.say(session, answer, "[secret]").await?,
                None => self.say(session, self.last, self.last).await?,
            };
        }
        Ok(reply)
    }

    async fn say(&self, session: &mut Session, line: &str, shown: &str) -> Result<Response, SubmitError> {
        let patience = session.deadlines.command;
        session.wire.ask_secretly(line, shown, patience).await.map_err(|why| session.later(why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(auth: &str, kind: Kind) -> Result<&'static str, SubmitError> {
        let given = Given { secret: Secret::new("s3cret"), kind };
        let caps = Caps::new(&format!("250-x\r\n250 AUTH {auth}\r\n").parse().unwrap());
        exchange(&caps, "ada", &given).map(|exchange| exchange.mechanism)
    }

    #[test]
    fn the_way_to_sign_in_follows_from_what_is_offered() {
        for (auth, kind, expect) in [
            ("LOGIN PLAIN CRAM-MD5", Kind::Password, "PLAIN"),
            ("LOGIN NTLM", Kind::Password, "LOGIN"),
            ("PLAIN XOAUTH2", Kind::Token, "XOAUTH2"),
            ("XOAUTH2 OAUTHBEARER", Kind::Token, "OAUTHBEARER"),
        ] {
            assert_eq!(chosen(auth, kind).unwrap(), expect, "{auth}");
        }
        for (auth, kind) in [("GSSAPI", Kind::Password), ("PLAIN LOGIN", Kind::Token), ("XOAUTH2", Kind::Password)] {
            assert!(matches!(chosen(auth, kind), Err(SubmitError::BadLogin(_))), "{auth}");
        }
    }
}
