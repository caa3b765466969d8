//! `doctor`: everything between here and the server, in words that can be pasted into a report. Knows no
//! secret: commands are named, passwords are not.

mod fetching;
mod sending;

use std::net::ToSocketAddrs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::exit::{FINDINGS, Outcome};
use super::net;
use super::out;
use super::session::Session;
use crate::config::{Account, Config, Credentials, Incoming, Security, Server};
use crate::mail::DisplayText;
use crate::remote::net::{Connector, Trace};
use crate::worker;

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub ok: bool,
    pub detail: String,
}

impl Check {
    fn new(name: impl Into<String>, ok: bool, detail: impl Into<String>) -> Self {
        Self { name: name.into(), ok, detail: DisplayText::capped(&detail.into(), 500).into_string() }
    }
}

/// `postrider doctor`.
pub fn run(session: &Session, json: bool) -> Outcome {
    let trace = net::options(session)?.trace;
    let mut checks = Vec::new();
    let config = configuration(session, &mut checks);
    folders(session, &mut checks);
    checks.push(terminal(|name| std::env::var(name).ok()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => {
            let chosen = |account: &&Account| session.global.account.as_ref().is_none_or(|name| *name == account.name);
            for account in config.iter().flat_map(|config| &config.accounts).filter(chosen) {
                checks.extend(runtime.block_on(account_checks(session, account, trace.clone())));
                checks.extend(runtime.block_on(sending::checks(session, account, trace.clone())));
            }
            runtime.shutdown_timeout(Duration::from_millis(100));
        }
        Err(error) => checks.push(Check::new("network", false, format!("no threads for it: {error}"))),
    }
    let failed = checks.iter().filter(|check| !check.ok).count();
    if json {
        let list: Vec<Value> = checks.iter().map(|check| json!({"name": check.name, "ok": check.ok, "detail": check.detail})).collect();
        out::json(json!({"checks": list}))?;
    } else {
        let rows: Vec<Vec<String>> = checks
            .iter()
            .map(|check| vec![if check.ok { "ok" } else { "FAILED" }.to_owned(), check.name.clone(), check.detail.clone()])
            .collect();
        out::print(out::table(&rows).as_bytes())?;
    }
    Ok(if failed == 0 { 0 } else { FINDINGS })
}

fn configuration(session: &Session, checks: &mut Vec<Check>) -> Option<Config> {
    let file = session.config_file();
    if !file.exists() {
        checks.push(Check::new("configuration", false, format!("{} is not there; `postrider setup` adds an account", file.display())));
        return None;
    }
    let config = session.load_config();
    let findings = super::config::findings(&config);
    let detail = match findings.first() {
        None => format!("{} with {} accounts", file.display(), config.accounts.len()),
        Some(first) => format!("{} mistakes; {}:{}:{}: {}", findings.len(), file.display(), first.line, first.column, first.message),
    };
    checks.push(Check::new("configuration", findings.is_empty(), detail));
    Some(config)
}

fn folders(session: &Session, checks: &mut Vec<Check>) {
    let paths = &session.paths;
    for (name, folder) in [("data folder", &paths.data), ("state folder", &paths.state), ("cache folder", &paths.cache)] {
        let (ok, detail) = folder_state(folder);
        checks.push(Check::new(name, ok, detail));
    }
}

fn folder_state(folder: &Path) -> (bool, String) {
    let shown = folder.display();
    let Ok(about) = std::fs::metadata(folder) else {
        return (true, format!("{shown} (made when it is needed)"));
    };
    let mode = about.permissions().mode() & 0o777;
    if !about.is_dir() {
        return (false, format!("{shown} is not a folder"));
    }
    if mode & 0o077 != 0 {
        return (false, format!("{shown} can be read by others; chmod 700 {}", crate::config::shell_word(&shown.to_string())));
    }
    match tempfile::tempfile_in(folder) {
        Ok(_) => (true, format!("{shown}")),
        Err(error) => (false, format!("{shown} can't be written: {error}")),
    }
}

/// What the terminal says of itself, and the line that helps where something is missing.
fn terminal(variable: impl Fn(&str) -> Option<String>) -> Check {
    let term = variable("TERM").unwrap_or_default();
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty())).unwrap_or_default();
    let mut said = vec![format!("TERM={term}")];
    said.extend(variable("COLORTERM").map(|value| format!("COLORTERM={value}")));
    said.extend(variable("NO_COLOR").filter(|value| !value.is_empty()).map(|_| "NO_COLOR is set: no colours".to_owned()));
    let is_utf8 = locale.to_lowercase().replace('-', "").contains("utf8");
    if !is_utf8 {
        said.push(format!("the locale ({}) is not UTF-8; set LANG=C.UTF-8", if locale.is_empty() { "none" } else { &locale }));
    }
    if variable("TMUX").is_some() {
        said.push(
            "in tmux: `set -g set-clipboard on` lets copying reach your machine, `set -g focus-events on` tells when you look away, \
                   `set -as terminal-features ',*:RGB'` gives 24-bit colours"
                .to_owned(),
        );
    }
    if variable("STY").is_some() {
        said.push("in screen: no 24-bit colours, and copying does not reach your machine".to_owned());
    }
    let usable = !matches!(term.as_str(), "" | "dumb");
    if !usable {
        said.push("the reader needs a terminal that can move the cursor; the commands work anywhere".to_owned());
    }
    Check::new("terminal", usable, said.join("; "))
}

async fn account_checks(session: &Session, account: &Account, trace: Option<Trace>) -> Vec<Check> {
    let name = |what: &str| format!("{} {what}", account.name);
    match &account.incoming {
        Incoming::Imap(server) => server_checks(session, account, server, trace).await,
        Incoming::Pop3(pop3) => fetching::checks(session, account, pop3, trace).await,
        Incoming::None => vec![Check::new(name("mail"), false, "no mail can be read as the configuration stands")],
        Incoming::Maildir(path) => {
            let is_maildir = path.join("cur").is_dir() && path.join("new").is_dir();
            let detail = if is_maildir { path.display().to_string() } else { format!("{} has no folders new and cur", path.display()) };
            vec![Check::new(name("Maildir"), is_maildir, detail)]
        }
    }
}

async fn server_checks(session: &Session, account: &Account, server: &Server, trace: Option<Trace>) -> Vec<Check> {
    let name = |what: &str| format!("{} {what}", account.name);
    let (mut checks, is_reached) = reach(session, server, Connector::to(server), &name).await;
    if is_reached {
        checks.extend(sign_in(account, server, trace, &name).await);
    }
    checks
}

/// The way to a server as far as its TLS; true where one may go on to sign in.
async fn reach(session: &Session, server: &Server, connector: Connector, name: &impl Fn(&str) -> String) -> (Vec<Check>, bool) {
    let mut checks = vec![Check::new(name("password"), true, secret_source(&server.credentials))];
    if session.global.offline {
        checks.push(Check::new(name("network"), true, "not looked at (--offline)"));
        return (checks, false);
    }
    let started = Instant::now();
    let (host, port) = (server.host.clone(), server.port);
    let found = tokio::time::timeout(Duration::from_secs(10), tokio::task::spawn_blocking(move || resolve(&host, port))).await;
    let found = found.map_err(|_| "no answer in 10 s".to_owned()).and_then(|joined| joined.unwrap_or_else(|error| Err(error.to_string())));
    let took = |since: Instant| format!("{} ms", since.elapsed().as_millis());
    match found {
        Ok(addresses) => {
            checks.push(Check::new(name("DNS"), true, format!("{} is {} ({})", server.host, addresses.join(", "), took(started))))
        }
        Err(why) => {
            checks.push(Check::new(name("DNS"), false, format!("{}: {why}", server.host)));
            return (checks, false);
        }
    }
    let started = Instant::now();
    if let Err(error) = connector.tcp().await {
        checks.push(Check::new(name("TCP"), false, error.to_string()));
        return (checks, false);
    }
    checks.push(Check::new(name("TCP"), true, format!("{}:{} ({})", server.host, server.port, took(started))));
    if server.security == Security::Tls {
        let started = Instant::now();
        if let Err(error) = connector.tls().await {
            checks.push(Check::new(name("TLS"), false, error.to_string()));
            return (checks, false);
        }
        checks.push(Check::new(name("TLS"), true, format!("the certificate is valid ({})", took(started))));
    }
    (checks, true)
}

/// Signs in and tells what the server can do; a password that is only asked for is not asked for here.
async fn sign_in(account: &Account, server: &Server, trace: Option<Trace>, name: &impl Fn(&str) -> String) -> Vec<Check> {
    if matches!(server.credentials, Credentials::Ask) {
        return vec![Check::new(name("sign-in"), true, "not tried: the password is asked for when the reader opens")];
    }
    let started = Instant::now();
    match worker::probe(account, None, trace).await {
        Err(error) => vec![Check::new(name("sign-in"), false, error.to_string())],
        Ok(can) => {
            let detail: Vec<String> =
                can.told().iter().map(|one| format!("{}{}: {}", if one.has { "" } else { "no " }, one.name, one.means)).collect();
            let signed = format!("{} accepted ({} ms)", server.username, started.elapsed().as_millis());
            vec![Check::new(name("sign-in"), true, signed), Check::new(name("capabilities"), true, detail.join("; "))]
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<Vec<String>, String> {
    let found = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut addresses: Vec<String> = found.map(|address| address.ip().to_string()).collect();
    addresses.dedup();
    if addresses.is_empty() { Err("the name has no address".to_owned()) } else { Ok(addresses) }
}

/// Where the password comes from, never what it is.
fn secret_source(credentials: &Credentials) -> String {
    let program = |words: &[String]| words.first().cloned().unwrap_or_default();
    match credentials {
        Credentials::Password(_) => "stands in the configuration [secret]".to_owned(),
        Credentials::PasswordCommand(words) => format!("printed by {} […]", program(words)),
        Credentials::TokenCommand(words) => format!("an OAuth2 token printed by {} […]", program(words)),
        Credentials::Ask => "you are asked for it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn a_terminal_that_cannot_is_named_with_what_helps() {
        for (variables, ok, word) in [
            (vec![("TERM", "xterm-256color"), ("LANG", "C.UTF-8")], true, "xterm"),
            (vec![("TERM", "dumb"), ("LANG", "C.UTF-8")], false, "move the cursor"),
            (vec![("LANG", "C.UTF-8")], false, "move the cursor"),
            (vec![("TERM", "xterm"), ("LANG", "C")], true, "LANG=C.UTF-8"),
            (vec![("TERM", "tmux-256color"), ("TMUX", "x"), ("LC_ALL", "de_DE.utf8")], true, "set-clipboard"),
        ] {
            let check = terminal(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()));
            assert!(check.ok == ok && check.detail.contains(word), "{check:?}");
        }
    }

    #[test]
    fn no_secret_is_told() {
        let all = [
            Credentials::Password(Secret::new("canary")),
            Credentials::PasswordCommand(vec!["echo".to_owned(), "canary".to_owned()]),
            Credentials::TokenCommand(vec!["echo".to_owned(), "canary".to_owned()]),
        ];
        assert!(!all.iter().any(|credentials| secret_source(credentials).contains("canary")));
    }
}
