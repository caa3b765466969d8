//! The way out of an account: the submission server as far as sign-in, or the sendmail command. Sends nothing.

use std::time::Instant;

use super::{Check, reach};
use crate::cli::net::try_sending;
use crate::cli::session::Session;
use crate::config::{Account, Credentials, Outgoing, Smtp};
use crate::remote::net::{Connector, Trace};
use crate::remote::sendmail::Sendmail;
use crate::remote::smtp::caps::Caps;

pub async fn checks(session: &Session, account: &Account, trace: Option<Trace>) -> Vec<Check> {
    let name = |what: &str| format!("{} {what}", account.name);
    match &account.outgoing {
        Outgoing::Smtp(smtp) => server(session, account, smtp, trace).await,
        Outgoing::Sendmail(words) => {
            let found = Sendmail::new(words.clone()).program();
            let is_found = found.is_ok();
            let detail = found.map_or_else(|why| why, |program| program.display().to_string());
            vec![Check::new(name("sendmail"), is_found, detail)]
        }
        Outgoing::Deliver(_) => Vec::new(),
        Outgoing::None => {
            vec![Check::new(name("sending"), true, format!("not set up: [accounts.{}.smtp] or [accounts.{0}.sendmail]", account.name))]
        }
    }
}

async fn server(session: &Session, account: &Account, smtp: &Smtp, trace: Option<Trace>) -> Vec<Check> {
    let name = |what: &str| format!("{} sending: {what}", account.name);
    let connector = Connector::to(&smtp.server).from_address(smtp.bind);
    let (mut checks, is_reached) = reach(session, &smtp.server, connector, &name).await;
    if !is_reached {
        return checks;
    }
    if matches!(smtp.server.credentials, Credentials::Ask) {
        checks.push(Check::new(name("sign-in"), true, "not tried: the password is asked for when the reader opens"));
        return checks;
    }
    let started = Instant::now();
    match try_sending(&account.name, smtp, None, trace).await {
        Err(error) => checks.push(Check::new(name("sign-in"), false, error.to_string())),
        Ok(caps) => {
            let signed = match caps.auth() {
                true => format!("{} accepted ({} ms)", smtp.server.username, started.elapsed().as_millis()),
                false => "the server asks for none".to_owned(),
            };
            checks.push(Check::new(name("sign-in"), true, signed));
            checks.push(Check::new(name("capabilities"), true, detail(&caps)));
        }
    }
    checks
}

fn detail(caps: &Caps) -> String {
    let has = |is: bool, yes: &str, no: &str| if is { yes } else { no }.to_owned();
    let size = match caps.size_limit() {
        Some(limit) => format!("takes messages of up to {limit} octets (SIZE)"),
        None => "tells no limit of size".to_owned(),
    };
    [
        size,
        has(caps.eight_bit(), "8-bit text (8BITMIME)", "7-bit text only"),
        has(caps.smtp_utf8(), "addresses beyond ASCII (SMTPUTF8)", "no addresses beyond ASCII"),
        has(caps.dsn(), "delivery reports (DSN)", "no delivery reports on request"),
    ]
    .join("; ")
}
