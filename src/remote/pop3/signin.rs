//! From a connection to a signed-in session: greeting, STLS, CAPA, AUTH or USER and PASS. Everything said before
//! TLS is forgotten; APOP in a greeting is passed over, because whoever sits in between can choose its challenge.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::caps::Caps;
use super::reply::Answer;
use super::wire::Wire;
use super::{Account, Session};
use crate::config::Security;
use crate::remote::auth::{Given, Kind};
use crate::remote::net::{Stream, attack};
use crate::remote::{RemoteError, Result};

/// Challenges of one sign-in; more is a game.
const MAX_CHALLENGES: usize = 5;
/// A command line with its CRLF (RFC 2449 4); a longer answer waits for "+".
const MAX_COMMAND: usize = 253;

/// Connects and signs in.
pub(super) async fn connect(account: &Account) -> Result<Session> {
    // The command that prints the password may run while the connection is made.
    let (given, stream) = tokio::try_join!(account.secrets.get(), account.connector.open(account.server.security))?;
    let mut wire = Wire::new(&account.name, stream, account.deadlines, account.trace.clone());
    greeting(&mut wire, account).await?;
    if account.server.security == Security::StartTls {
        wire = start_tls(wire, account).await?;
    }
    wire.stream().check_may_sign_in(&account.server)?;
    let caps = capabilities(&mut wire).await?;
    let signed_in = sign_in(&mut wire, &caps, &account.server.username, &given).await;
    signed_in.map_err(|error| account.secrets.refused(error))?;
    account.secrets.accepted();
    Ok(Session::new(wire, caps))
}

async fn greeting(wire: &mut Wire, account: &Account) -> Result<()> {
    let (host, port) = (&account.server.host, account.server.port);
    match wire.greeting().await {
        Ok(Answer::Ok(_)) => Ok(()),
        // too many connections, or no service now; never a word about the password
        Ok(Answer::No(refusal)) => Err(RemoteError::NotNow(format!("{host}:{port} takes nobody now: {}", refusal.said()))),
        Ok(Answer::Continue) | Err(RemoteError::Protocol(_)) => {
            Err(RemoteError::Protocol(format!("{host}:{port} does not greet as a POP3 server")))
        }
        Err(error) => Err(error),
    }
}

/// Turns to TLS. What came in clear beyond the one answer is an attack.
async fn start_tls(mut wire: Wire, account: &Account) -> Result<Wire> {
    if wire.buffered() > 0 {
        return Err(attack("the server spoke before it was asked to start TLS"));
    }
    wire.send(&["STLS"]).await?;
    match wire.answer().await? {
        Answer::Ok(_) => {}
        Answer::No(refusal) => {
            let host = &account.server.host;
            return Err(RemoteError::Untrusted(format!("{host} does not start TLS: {}; nothing is sent in clear", refusal.said())));
        }
        Answer::Continue => return Err(attack("the server asked back where TLS should start")),
    }
    if wire.buffered() > 0 {
        return Err(attack("the server spoke between its answer and TLS"));
    }
    let Stream::Plain(tcp) = wire.into_stream() else { return Err(RemoteError::Protocol("STLS inside TLS".into())) };
    let stream = account.connector.upgrade(tcp).await?;
    Ok(Wire::new(&account.name, stream, account.deadlines, account.trace.clone()))
}

/// What the server can do; a server that does not know CAPA can do the least.
async fn capabilities(wire: &mut Wire) -> Result<Caps> {
    wire.send(&["CAPA"]).await?;
    match wire.answer().await? {
        Answer::Ok(_) => {
            let mut caps = Caps::known();
            wire.lines(|line| {
                caps.add(line);
                Ok(())
            })
            .await?;
            Ok(caps)
        }
        Answer::No(_) => Ok(Caps::default()),
        Answer::Continue => Err(RemoteError::Protocol("the server asks back on CAPA".into())),
    }
}

/// How to sign in.
#[derive(Debug, PartialEq, Eq)]
enum Method {
    User,
    Sasl(&'static str),
}

fn method(caps: &Caps, kind: Kind) -> Result<Method> {
    match kind {
        Kind::Token if caps.sasl("XOAUTH2") => Ok(Method::Sasl("XOAUTH2")),
        Kind::Token if caps.sasl("OAUTHBEARER") => Ok(Method::Sasl("OAUTHBEARER")),
        Kind::Token => Err(RemoteError::BadLogin("the server takes no OAuth2 token (neither XOAUTH2 nor OAUTHBEARER)".into())),
        Kind::Password if caps.sasl("PLAIN") => Ok(Method::Sasl("PLAIN")),
        Kind::Password if caps.user() => Ok(Method::User),
        Kind::Password => Err(RemoteError::BadLogin("the server takes no password on this connection".into())),
    }
}

async fn sign_in(wire: &mut Wire, caps: &Caps, user: &str, given: &Given) -> Result<()> {
    let secret = given.secret.expose();
    if user.contains(['\r', '\n', '\0']) || secret.contains(['\r', '\n', '\0']) {
        return Err(RemoteError::BadLogin("the user name or password holds a line end".into()));
    }
    let answer = match method(caps, given.kind)? {
        Method::Sasl(mechanism) => sasl(wire, mechanism, &given.sasl(mechanism, user)).await?,
        Method::User => {
            wire.send(&[format!("USER {user}")]).await?;
            match wire.answer().await? {
                Answer::Ok(_) => {
                    wire.send_secret("PASS", &Zeroizing::new(format!("PASS {secret}"))).await?;
                    wire.answer().await?
                }
                refused => refused,
            }
        }
    };
    match answer {
        Answer::Ok(_) => Ok(()),
        Answer::No(refusal) => Err(refusal.into_sign_in_error()),
        Answer::Continue => Err(RemoteError::Protocol("the server keeps asking during sign-in".into())),
    }
}

/// AUTH (RFC 5034): the answer with the command where it fits, else after "+". Later challenges are error reports that
/// want an empty line (RFC 7628 3.2.3).
async fn sasl(wire: &mut Wire, mechanism: &str, response: &str) -> Result<Answer> {
    let response = Zeroizing::new(STANDARD.encode(response.as_bytes()));
    let whole = Zeroizing::new(format!("AUTH {mechanism} {}", response.as_str()));
    let mut is_sent = whole.len() <= MAX_COMMAND;
    if is_sent {
        wire.send_secret(&format!("AUTH {mechanism}"), &whole).await?;
    } else {
        wire.send(&[format!("AUTH {mechanism}")]).await?;
    }
    for _ in 0..=MAX_CHALLENGES {
        match wire.answer().await? {
            Answer::Continue if std::mem::replace(&mut is_sent, true) => wire.send(&[""]).await?,
            Answer::Continue => wire.send_secret("", &response).await?,
            answer => return Ok(answer),
        }
    }
    Ok(Answer::Continue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_sign_in_follows_from_what_is_offered() {
        let caps = |lines: &[&str]| {
            let mut caps = Caps::known();
            lines.iter().for_each(|line| caps.add(line.as_bytes()));
            caps
        };
        for (lines, kind, expect) in [
            (&["USER", "SASL PLAIN LOGIN"][..], Kind::Password, Method::Sasl("PLAIN")),
            (&["USER", "SASL CRAM-MD5"], Kind::Password, Method::User),
            (&["SASL OAUTHBEARER XOAUTH2"], Kind::Token, Method::Sasl("XOAUTH2")),
            (&["SASL OAUTHBEARER"], Kind::Token, Method::Sasl("OAUTHBEARER")),
        ] {
            assert_eq!(method(&caps(lines), kind).unwrap(), expect, "{lines:?}");
        }
        assert_eq!(method(&Caps::default(), Kind::Password).unwrap(), Method::User);
        assert!(matches!(method(&caps(&["SASL CRAM-MD5"]), Kind::Password), Err(RemoteError::BadLogin(_))));
        assert!(matches!(method(&Caps::default(), Kind::Token), Err(RemoteError::BadLogin(_))));
    }
}
