//! From a TCP connection to a signed-in session: greeting, STARTTLS, LOGIN or AUTHENTICATE together with the
//! first SELECT. Everything said before TLS is forgotten; a password goes in clear to this machine only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Account;
use super::caps::Caps;
use super::command::{Command, Dialect};
use super::parse::{Outcome, Response, response};
use super::refusal::{Done, bye};
use super::select::{QRESYNC, Selected, UTF8, is_said_in_two_ways};
use super::session::{MAX_CHALLENGES, Session};
use crate::config::{Security, Server};
use crate::remote::auth::{Given, Kind};
use crate::remote::net::{Stream, attack};
use crate::remote::{RemoteError, Result};

/// Connects and signs in; opens `first` on the way.
pub(super) async fn connect(account: &Account, first: Option<&str>) -> Result<Session> {
    // The command that prints the password may run while the connection is made.
    let (given, stream) = tokio::try_join!(account.secrets.get(), account.connector.open(account.server.security))?;
    let mut session = Session::new(&account.name, stream, account.deadlines, account.validities.clone(), account.trace.clone());
    session.begin()?;
    let signed_in = greeting(&mut session, &account.server).await?;
    if account.server.security == Security::StartTls {
        session = start_tls(session, account).await?;
    }
    session.end();
    session.stream.check_may_sign_in(&account.server)?;
    let mut selected = None;
    if !signed_in {
        let signed_in = sign_in(&mut session, &account.server.username, &given, first).await;
        selected = signed_in.map_err(|error| account.secrets.refused(error))?;
        account.secrets.accepted();
    }
    if !session.caps.is_known() {
        session
            .run_one(Command::new("CAPABILITY"), |response, _| matches!(response, Response::Capability(_)))
            .await?
            .check("CAPABILITY")?;
    }
    // On this machine it would cost more than it spares.
    if account.server.compress == Some(true) || !session.stream.is_loopback().unwrap_or_default() {
        session.compression = account.compression.clone();
    }
    if let Some((found, done)) = selected {
        // A first mailbox that can't be opened is told when it is asked for.
        if let Err(error) = session.selected(found, &done) {
            tracing::debug!(account = account.name, "the first mailbox: {error}");
        }
    }
    Ok(session)
}

/// Reads the greeting; true where the server signed us in by itself (PREAUTH).
async fn greeting(session: &mut Session, server: &Server) -> Result<bool> {
    let frame = session.frame(session.deadlines.greeting).await?;
    let Response::Status(status) = response(&frame.bytes) else {
        return Err(RemoteError::Protocol(format!("{}:{} does not greet as an IMAP server", server.host, server.port)));
    };
    match (status.tag, status.outcome) {
        (None, Outcome::Bye) => return Err(bye(&status)),
        (None, Outcome::Ok | Outcome::PreAuth) => {}
        _ => return Err(RemoteError::Protocol(format!("{}:{} does not greet as an IMAP server", server.host, server.port))),
    }
    if status.outcome == Outcome::PreAuth && server.security == Security::StartTls {
        return Err(attack("the server signed in by itself before TLS (PREAUTH)"));
    }
    if status.code == "CAPABILITY" {
        session.caps = Caps::from_text(&status.argument);
    }
    Ok(status.outcome == Outcome::PreAuth)
}

/// Turns to TLS. What came in clear beyond the one answer is an attack (CVE-2011-0411 and its kin).
async fn start_tls(mut session: Session, account: &Account) -> Result<Session> {
    if session.buffered() > 0 {
        return Err(attack("the server spoke before it was asked to start TLS"));
    }
    session.caps = Caps::default();
    session.end();
    let done = session.run_one(Command::new("STARTTLS"), |_, _| true).await?;
    if !done.is_ok() {
        return Err(RemoteError::Untrusted(format!("{} does not start TLS: {}; nothing is sent in clear", account.server.host, done.text)));
    }
    if session.buffered() > 0 {
        return Err(attack("the server spoke between its answer and TLS"));
    }
    let Stream::Plain(tcp) = session.stream else { return Err(RemoteError::Protocol("STARTTLS inside TLS".into())) };
    let stream = account.connector.upgrade(tcp).await?;
    let mut session = Session::new(&account.name, stream, account.deadlines, account.validities.clone(), account.trace.clone());
    session.run_one(Command::new("CAPABILITY"), |_, _| true).await?.check("CAPABILITY")?;
    Ok(session)
}

type First = Option<(Selected, Done)>;

async fn sign_in(session: &mut Session, user: &str, given: &Given, first: Option<&str>) -> Result<First> {
    if given.kind == Kind::Token && !session.caps.is_known() {
        session.run_one(Command::new("CAPABILITY"), |_, _| true).await?.check("CAPABILITY")?;
    }
    // What was offered before sign-in says nothing about after.
    let offered = std::mem::take(&mut session.caps);
    match method(&offered, user, given)? {
        Method::OneWrite(command) => together(session, command, first, &offered).await,
        Method::Challenge(mechanism, answer) => {
            challenge(session, mechanism, &answer).await?.check_sign_in()?;
            Ok(None)
        }
    }
}

enum Method {
    /// LOGIN, or AUTHENTICATE with its initial response.
    OneWrite(Command),
    /// AUTHENTICATE whose answer waits for "+".
    Challenge(&'static str, String),
}

/// The safest way that the server offers.
fn method(offered: &Caps, user: &str, given: &Given) -> Result<Method> {
    let secret = given.secret.expose();
    let mechanism = match given.kind {
        Kind::Token if offered.has("AUTH=OAUTHBEARER") => Some("OAUTHBEARER"),
        Kind::Token if offered.has("AUTH=XOAUTH2") => Some("XOAUTH2"),
        Kind::Token => return Err(RemoteError::BadLogin("the server takes no OAuth2 token (neither OAUTHBEARER nor XOAUTH2)".into())),
        Kind::Password if offered.has("AUTH=PLAIN") && (offered.sasl_ir() || offered.has("LOGINDISABLED")) => Some("PLAIN"),
        Kind::Password if offered.has("LOGINDISABLED") => {
            return Err(RemoteError::BadLogin("the server takes no password on this connection (LOGINDISABLED)".into()));
        }
        Kind::Password => None,
    };
    let Some(mechanism) = mechanism else {
        let login = Command::new("LOGIN")
            .spoken(Dialect { utf8: false, ..offered.dialect(false) })
            .string(user.as_bytes())
            .and_then(|login| login.string(secret.as_bytes()));
        let login = login.map_err(|_| RemoteError::BadLogin("the user name or password holds a line end".into()))?;
        return Ok(Method::OneWrite(login.secret()));
    };
    let answer = STANDARD.encode(given.sasl(mechanism, user).as_bytes());
    Ok(if offered.sasl_ir() {
        Method::OneWrite(Command::new(&format!("AUTHENTICATE {mechanism} {answer}")).secret())
    } else {
        Method::Challenge(mechanism, answer)
    })
}

/// Sign-in and the first SELECT in one write. A mechanism that asks back (an OAuth2 error challenge) takes the
/// SELECT line for its answer, and refuses, which is what the empty answer would bring.
async fn together(session: &mut Session, command: Command, first: Option<&str>, offered: &Caps) -> Result<First> {
    let mut commands = vec![command];
    let mut found = None;
    if let Some(mailbox) = first {
        let dialect = offered.dialect(false);
        if offered.enable() {
            // What it has of this is often told only after sign-in. The SELECT behind it must be right whatever comes of it.
            let is_clear = dialect.utf8 || !is_said_in_two_ways(mailbox);
            session.asked = if is_clear { vec![QRESYNC, UTF8] } else { vec![QRESYNC] };
            commands.push(Command::new(&format!("ENABLE {}", session.asked.join(" "))));
        }
        let select = Command::new("SELECT").spoken(dialect).mailbox(mailbox)?;
        // A literal that waits for "+" can't ride along.
        if select.segments().len() == 1 && commands.iter().all(|command| command.segments().len() == 1) {
            commands.push(select);
            found = Some(Selected::new(mailbox));
        }
    }
    let answers = session.sign_in_run(&commands, |response, _| found.as_mut().is_some_and(|found| found.take(&response))).await?;
    let mut answers = answers.into_iter();
    let signed_in = answers.next().ok_or_else(|| RemoteError::Protocol("no answer to the sign-in".into()))?;
    signed_in.check_sign_in()?;
    Ok(found.zip(answers.next_back()))
}

/// AUTHENTICATE in rounds, for servers without SASL-IR.
async fn challenge(session: &mut Session, mechanism: &str, answer: &str) -> Result<Done> {
    session.begin()?;
    let tag = session.new_tag();
    session.trace_line('C', format!("AUTHENTICATE {mechanism}").as_bytes());
    session.write(&[&tag[..], format!(" AUTHENTICATE {mechanism}\r\n").as_bytes()].concat()).await?;
    let mut rounds = 0;
    loop {
        let frame = session.frame(session.deadlines.reply).await?;
        match response(&frame.bytes) {
            Response::Continue(_) if rounds == MAX_CHALLENGES => {
                return Err(RemoteError::Protocol("the server keeps asking during sign-in".into()));
            }
            Response::Continue(_) => {
                // The answer once; later challenges are error reports that want an empty line (RFC 7628 3.2.3).
                let line = if rounds == 0 { format!("{answer}\r\n") } else { "\r\n".to_owned() };
                rounds += 1;
                session.trace_line('C', b"[secret]");
                session.write(line.as_bytes()).await?;
            }
            Response::Status(status) if status.tag == Some(&tag[..]) => {
                if status.code == "CAPABILITY" {
                    session.caps = Caps::from_text(&status.argument);
                }
                session.end();
                return Ok(status.into());
            }
            Response::Status(status) if status.tag.is_some() => {
                return Err(RemoteError::Protocol("the server answered a command that was not given".into()));
            }
            Response::Status(status) if status.outcome == Outcome::Bye => return Err(bye(&status)),
            other => session.untagged(other, frame.too_deep, &mut |_, _| false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn chosen(caps: &str, kind: Kind) -> Result<String> {
        let given = Given { secret: Secret::new("s3cret"), kind };
        Ok(match method(&Caps::from_text(caps), "a=d,a", &given)? {
            Method::OneWrite(command) => {
                let text = String::from_utf8_lossy(&command.segments().concat()).into_owned();
                assert!(command.is_secret());
                text.split(' ').take(2).collect::<Vec<_>>().join(" ")
            }
            Method::Challenge(mechanism, _) => format!("challenge {mechanism}"),
        })
    }

    #[test]
    fn the_way_to_sign_in_follows_from_what_is_offered() {
        for (caps, kind, expect) in [
            ("IMAP4rev1 SASL-IR AUTH=PLAIN", Kind::Password, "AUTHENTICATE PLAIN"),
            ("IMAP4rev1 AUTH=PLAIN", Kind::Password, "LOGIN \"a=d,a\""),
            ("", Kind::Password, "LOGIN \"a=d,a\""),
            ("IMAP4rev1 LOGINDISABLED AUTH=PLAIN", Kind::Password, "challenge PLAIN"),
            ("IMAP4rev1 SASL-IR AUTH=XOAUTH2", Kind::Token, "AUTHENTICATE XOAUTH2"),
            ("IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER", Kind::Token, "challenge OAUTHBEARER"),
        ] {
            assert_eq!(chosen(caps, kind).unwrap(), expect, "{caps}");
        }
        for (caps, kind) in [("IMAP4rev1 LOGINDISABLED", Kind::Password), ("IMAP4rev1 AUTH=PLAIN", Kind::Token)] {
            assert!(matches!(chosen(caps, kind), Err(RemoteError::BadLogin(_))), "{caps}");
        }
    }
}
