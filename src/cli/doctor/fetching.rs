//! The way in of a POP3 account: the server as far as sign-in, and the Maildir it is fetched into.

use std::path::Path;
use std::time::Instant;

use super::{Check, reach};
use crate::cli::session::Session;
use crate::config::{Account, Credentials, Pop3};
use crate::remote::net::{Connector, Trace};
use crate::remote::pop3::caps::Caps;
use crate::worker::pop3::{probe, usual_maildir};

pub async fn checks(session: &Session, account: &Account, pop3: &Pop3, trace: Option<Trace>) -> Vec<Check> {
    let name = |what: &str| format!("{} {what}", account.name);
    let root = pop3.maildir.clone().unwrap_or_else(|| usual_maildir(&session.paths.data, &account.name));
    let (mut checks, is_reached) = reach(session, &pop3.server, Connector::to(&pop3.server), &name).await;
    checks.push(maildir(name("Maildir"), &root));
    if !is_reached {
        return checks;
    }
    if matches!(pop3.server.credentials, Credentials::Ask) {
        checks.push(Check::new(name("sign-in"), true, "not tried: the password is asked for when the reader opens"));
        return checks;
    }
    let started = Instant::now();
    match probe(&account.name, pop3, None, trace).await {
        Err(error) => checks.push(Check::new(name("sign-in"), false, error.to_string())),
        Ok(caps) => {
            let took = started.elapsed().as_millis();
            checks.push(Check::new(name("sign-in"), true, format!("{} accepted ({took} ms)", pop3.server.username)));
            checks.push(Check::new(name("capabilities"), true, detail(&caps)));
        }
    }
    checks
}

fn maildir(name: String, root: &Path) -> Check {
    match (root.join("cur").is_dir(), root.exists()) {
        (true, _) => Check::new(name, true, root.display().to_string()),
        (false, false) => Check::new(name, true, format!("{} (made when mail is fetched)", root.display())),
        (false, true) => Check::new(name, false, format!("{} has no folder cur", root.display())),
    }
}

fn detail(caps: &Caps) -> String {
    if !caps.is_known() {
        return "the server does not tell (no CAPA)".to_owned();
    }
    let has = |name: &str, yes: &'static str, no: &'static str| if caps.has(name) { yes } else { no };
    [
        has("UIDL", "unique-ids (UIDL)", "no unique-ids (UIDL) announced: without them nothing is ever deleted there"),
        has("PIPELINING", "many messages in one go (PIPELINING)", "one message at a time (no PIPELINING)"),
        has("TOP", "headers alone (TOP)", "no TOP"),
    ]
    .join("; ")
}
