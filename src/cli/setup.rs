//! `setup`: adds an account by flags. It signs in first; only what the server accepts is saved.

use std::path::PathBuf;

use super::args::{SecurityWord, Setup};
use super::ask;
use super::exit::{CANT_CREATE, CONFIG, DATA, Failure, Outcome, USAGE};
use super::net;
use super::out::say;
use super::session::Session;
use super::words;
use crate::config::keys::leave;
use crate::config::{
    Account, Credentials, DEFAULT_KEEP_SIZE, Incoming, Keep, Leave, Outgoing, Pop3, Security, Server, Smtp, is_loopback, write,
};

/// `postrider setup`.
pub fn run(session: &Session, args: &Setup) -> Outcome {
    let account = account(session, args)?;
    let file = session.config_file();
    is_free(&file, &account)?;
    if !session.global.offline {
        try_out(session, &account)?;
    }
    write::add_account(&file, &account).map_err(|error| Failure::new(CANT_CREATE, format!("{error:#}")))?;
    say(&format!("the account {:?} is in {}; `postrider` opens it", account.name, file.display()));
    Ok(0)
}

/// Signs in wherever the account does; only what all servers accept is saved.
fn try_out(session: &Session, account: &Account) -> Result<(), Failure> {
    let incoming = account.incoming.server();
    let sending = match &account.outgoing {
        Outgoing::Smtp(smtp) => Some(smtp),
        _ => None,
    };
    let servers = incoming.into_iter().chain(sending.map(|smtp| &smtp.server));
    let asked = match servers.clone().find(|server| matches!(server.credentials, Credentials::Ask)) {
        Some(server) => Some(
            ask::secret(&format!("Password of {} at {}", server.username, server.host))
                .ok_or_else(|| Failure::new(USAGE, "there is no terminal to ask for the password; give --password-command"))?,
        ),
        None => None,
    };
    if let Some(server) = incoming {
        say(&format!("signing in to {}:{} …", server.host, server.port));
        net::probe(session, account, asked.clone())?;
    }
    if let Some(smtp) = sending {
        say(&format!("signing in to {}:{} …", smtp.server.host, smtp.server.port));
        net::probe_sending(session, &account.name, smtp, asked)?;
    }
    Ok(())
}

/// What is wrong with the file is said before anybody signs in.
fn is_free(file: &PathBuf, account: &Account) -> Result<(), Failure> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Failure::new(CONFIG, format!("{}: {error}", file.display()))),
    };
    write::with_account(&text, account).map(drop).map_err(|error| Failure::new(CONFIG, format!("{}: {error:#}", file.display())))
}

fn account(session: &Session, args: &Setup) -> Result<Account, Failure> {
    let incoming = match (&args.maildir, &args.imap_host, &args.pop3.host) {
        (Some(path), ..) => Incoming::Maildir(maildir(path)?),
        (None, Some(host), _) => Incoming::Imap(server(args, host, args.imap_security, args.imap_port, (993, 143))?),
        (None, None, Some(host)) => Incoming::Pop3(pop3(args, host)?),
        (None, None, None) => {
            let message = "give the server: postrider setup ADDRESS --imap-host HOST (or --pop3-host HOST, or --maildir PATH); \
                           or start `postrider` and press a. Nothing is looked up yet";
            return Err(Failure::new(USAGE, message));
        }
    };
    let address = args.address.clone().unwrap_or_default();
    let needs_address = incoming.server().is_some() || args.smtp.host.is_some();
    if needs_address && !address.contains('@') {
        return Err(Failure::new(USAGE, "give your address: postrider setup you@example.org --imap-host HOST"));
    }
    let outgoing = outgoing(args, &incoming)?;
    Ok(Account {
        name: session.global.account.clone().unwrap_or_else(|| usual_name(&address)),
        address,
        display_name: args.name.clone().unwrap_or_default(),
        signature: None,
        authserv_id: None,
        incoming,
        outgoing,
        sent_copy: true,
        mailboxes: Default::default(),
    })
}

/// The domain without its end; "local" where there is no address.
fn usual_name(address: &str) -> String {
    let domain = address.rsplit_once('@').map_or("local", |(_, domain)| domain);
    let name = domain.rsplit_once('.').map_or(domain, |(name, _)| name);
    let name = name.rsplit('.').next().unwrap_or(name).replace(|c: char| c == '/' || c.is_control(), "-");
    if name.is_empty() { "mail".to_owned() } else { name }
}

fn maildir(path: &PathBuf) -> Result<PathBuf, Failure> {
    let path = std::path::absolute(path).map_err(|error| Failure::new(DATA, format!("{}: {error}", path.display())))?;
    if path.join("cur").is_dir() && path.join("new").is_dir() {
        return Ok(path);
    }
    Err(Failure::new(DATA, format!("{} is no Maildir: it has no folders new and cur", path.display())))
}

/// The incoming server; `ports`: the usual ones, with TLS from the first byte and otherwise.
fn server(args: &Setup, host: &str, word: Option<SecurityWord>, port: Option<u16>, ports: (u16, u16)) -> Result<Server, Failure> {
    let security = security(host, word)?;
    Ok(Server {
        host: host.to_owned(),
        port: port.unwrap_or(if security == Security::Tls { ports.0 } else { ports.1 }),
        security,
        username: args.username.clone().or_else(|| args.address.clone()).unwrap_or_default(),
        credentials: credentials(args)?,
        allow_plaintext_password: false,
        ca_file: args.ca_file.as_ref().map(absolute),
        client_cert: None,
        keep: Keep::RecentDays(90),
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    })
}

fn pop3(args: &Setup, host: &str) -> Result<Pop3, Failure> {
    let leave = match args.pop3.leave.as_deref() {
        None => Leave::Always,
        Some(word) => leave(word)
            .ok_or_else(|| Failure::new(USAGE, format!("{word:?} is no rule for --pop3-leave: always, days:14, until_deleted or never")))?,
    };
    let server = server(args, host, args.pop3.security, args.pop3.port, (995, 110))?;
    Ok(Pop3 { server, leave, maildir: None })
}

/// The submission server, with the incoming server's login where none of its own is given.
fn outgoing(args: &Setup, incoming: &Incoming) -> Result<Outgoing, Failure> {
    let Some(host) = &args.smtp.host else { return Ok(Outgoing::None) };
    let (security, usual_port) = match security(host, args.smtp.security)? {
        Security::Tls => (Security::Tls, 465),
        Security::StartTls => (Security::StartTls, 587),
        Security::Plaintext => (Security::Plaintext, 25),
    };
    let login = match incoming.server() {
        Some(server) => (server.username.clone(), server.credentials.clone()),
        None => (args.username.clone().or_else(|| args.address.clone()).unwrap_or_default(), credentials(args)?),
    };
    let server = Server {
        host: host.clone(),
        port: args.smtp.port.unwrap_or(usual_port),
        security,
        username: args.smtp.username.clone().unwrap_or(login.0),
        credentials: match &args.smtp.password_command {
            Some(text) => Credentials::PasswordCommand(command(text)?),
            None => login.1,
        },
        allow_plaintext_password: false,
        ca_file: args.ca_file.as_ref().map(absolute),
        client_cert: None,
        keep: Keep::RecentDays(90),
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    };
    Ok(Outgoing::Smtp(Box::new(Smtp { server, helo: None, bind: None, dsn: Default::default() })))
}

fn security(host: &str, word: Option<SecurityWord>) -> Result<Security, Failure> {
    match word {
        None | Some(SecurityWord::Tls) => Ok(Security::Tls),
        Some(SecurityWord::Starttls) => Ok(Security::StartTls),
        Some(SecurityWord::Plaintext) if is_loopback(host) => Ok(Security::Plaintext),
        Some(SecurityWord::Plaintext) => Err(Failure::new(
            USAGE,
            format!("plaintext would send the password to {host} readable to everyone on the way; use tls or starttls"),
        )),
    }
}

fn credentials(args: &Setup) -> Result<Credentials, Failure> {
    Ok(match (&args.password_command, &args.token_command) {
        (Some(text), _) => Credentials::PasswordCommand(command(text)?),
        (None, Some(text)) => Credentials::TokenCommand(command(text)?),
        (None, None) => Credentials::Ask,
    })
}

fn command(text: &str) -> Result<Vec<String>, Failure> {
    let words = words::split(text).map_err(|why| Failure::new(USAGE, format!("{text:?}: {why}")))?;
    if words.is_empty() { Err(Failure::new(USAGE, "the command is empty")) } else { Ok(words) }
}

fn absolute(path: &PathBuf) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_named_after_its_domain() {
        for (address, name) in
            [("ada@example.org", "example"), ("a@mail.example.co", "example"), ("a@localhost", "localhost"), ("", "local"), ("a@", "mail")]
        {
            assert_eq!(usual_name(address), name, "{address}");
        }
    }
}
