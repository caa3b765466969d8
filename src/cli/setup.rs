//! `setup`: adds an account by flags. It signs in first; only what the server accepts is saved.

use std::path::PathBuf;

use super::args::{SecurityWord, Setup};
use super::ask;
use super::exit::{CANT_CREATE, CONFIG, DATA, Failure, Outcome, UNAVAILABLE, USAGE};
use super::net;
use super::out::say;
use super::session::Session;
use super::words;
use crate::config::{Account, Credentials, Incoming, Keep, Security, Server, is_loopback, write};

/// `postrider setup`.
pub fn run(session: &Session, args: &Setup) -> Outcome {
    if args.pop3_host.is_some() || args.smtp_host.is_some() {
        return Err(Failure::new(UNAVAILABLE, "POP3 and sending are still to come; set up the account by --imap-host or --maildir"));
    }
    let account = account(session, args)?;
    let file = session.config_file();
    is_free(&file, &account)?;
    if let Incoming::Imap(server) = &account.incoming
        && !session.global.offline
    {
        let asked = match &server.credentials {
            Credentials::Ask => Some(
                ask::secret(&format!("Password of {} at {}", server.username, server.host))
                    .ok_or_else(|| Failure::new(USAGE, "there is no terminal to ask for the password; give --password-command"))?,
            ),
            _ => None,
        };
        say(&format!("signing in to {}:{} …", server.host, server.port));
        net::probe(session, &account, asked)?;
    }
    write::add_account(&file, &account).map_err(|error| Failure::new(CANT_CREATE, format!("{error:#}")))?;
    say(&format!("the account {:?} is in {}; `postrider` opens it", account.name, file.display()));
    Ok(0)
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
    let incoming = match (&args.maildir, &args.imap_host) {
        (Some(path), _) => Incoming::Maildir(maildir(path)?),
        (None, Some(host)) => Incoming::Imap(server(args, host)?),
        (None, None) => {
            let message = "give the server: postrider setup ADDRESS --imap-host HOST (or --maildir PATH); \
                           or start `postrider` and press a. Nothing is looked up yet";
            return Err(Failure::new(USAGE, message));
        }
    };
    let address = args.address.clone().unwrap_or_default();
    if let Incoming::Imap(_) = incoming
        && !address.contains('@')
    {
        return Err(Failure::new(USAGE, "give your address: postrider setup you@example.org --imap-host HOST"));
    }
    Ok(Account {
        name: session.global.account.clone().unwrap_or_else(|| usual_name(&address)),
        address,
        display_name: args.name.clone().unwrap_or_default(),
        signature: None,
        authserv_id: None,
        incoming,
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

fn server(args: &Setup, host: &str) -> Result<Server, Failure> {
    let security = match args.imap_security {
        None | Some(SecurityWord::Tls) => Security::Tls,
        Some(SecurityWord::Starttls) => Security::StartTls,
        Some(SecurityWord::Plaintext) => Security::Plaintext,
    };
    if security == Security::Plaintext && !is_loopback(host) {
        return Err(Failure::new(
            USAGE,
            format!("plaintext would send the password to {host} readable to everyone on the way; use tls or starttls"),
        ));
    }
    let command = |text: &str| {
        let words = words::split(text).map_err(|why| Failure::new(USAGE, format!("{text:?}: {why}")))?;
        if words.is_empty() { Err(Failure::new(USAGE, "the command is empty")) } else { Ok(words) }
    };
    let credentials = match (&args.password_command, &args.token_command) {
        (Some(text), _) => Credentials::PasswordCommand(command(text)?),
        (None, Some(text)) => Credentials::TokenCommand(command(text)?),
        (None, None) => Credentials::Ask,
    };
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    Ok(Server {
        host: host.to_owned(),
        port: args.imap_port.unwrap_or(if security == Security::Tls { 993 } else { 143 }),
        security,
        username: args.username.clone().or_else(|| args.address.clone()).unwrap_or_default(),
        credentials,
        allow_plaintext_password: false,
        ca_file: args.ca_file.as_ref().map(absolute),
        client_cert: None,
        keep: Keep::RecentDays(90),
    })
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
