//! Adds an account to the file and leaves everything else in it as it was, comments too. Atomic: the file
//! is the old one or the new one, never half of one.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::{Account, Credentials, DEFAULT_KEEP_SIZE, Incoming, Keep, Leave, Outgoing, Pop3, Security, Server, Smtp};

/// Adds `account` at the end of the file at `path`, which is made (0600, its folder 0700) where it is missing.
pub fn add_account(path: &Path, account: &Account) -> anyhow::Result<()> {
    // a linked file (dotfiles) is changed where it really is
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let text = with_account(&text, account).with_context(|| format!("adding the account to {}", path.display()))?;
    save(&path, &text).with_context(|| format!("saving {}", path.display()))
}

/// The file's text with the account in it.
pub fn with_account(text: &str, account: &Account) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        anyhow::anyhow!("the file has an error of syntax, mend it first (postrider config check): {}", error.message())
    })?;
    let accounts = document.entry("accounts").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(accounts) = accounts.as_table_mut() else { bail!("\"accounts\" in it is not a table") };
    if accounts.contains_key(&account.name) {
        bail!("it already has an account \"{}\"; choose another name", account.name);
    }
    accounts.insert(&account.name, Item::Table(account_table(account)));
    Ok(document.to_string())
}

fn account_table(account: &Account) -> Table {
    let mut table = Table::new();
    if !account.address.is_empty() {
        table.insert("address", value(&account.address));
    }
    if !account.display_name.is_empty() {
        table.insert("name", value(&account.display_name));
    }
    if let Some(signature) = &account.signature {
        table.insert("signature", value(signature));
    }
    if let Some(id) = &account.authserv_id {
        table.insert("authserv_id", value(id));
    }
    match &account.incoming {
        Incoming::Imap(server) => drop(table.insert("imap", Item::Table(imap_table(server, &account.address)))),
        Incoming::Pop3(pop3) => drop(table.insert("pop3", Item::Table(pop3_table(pop3, &account.address)))),
        Incoming::Maildir(path) => {
            let mut maildir = Table::new();
            maildir.insert("path", value(path_text(path)));
            table.insert("maildir", Item::Table(maildir));
        }
        Incoming::None => {}
    }
    match &account.outgoing {
        Outgoing::Smtp(smtp) => drop(table.insert("smtp", Item::Table(smtp_table(smtp, account)))),
        Outgoing::Sendmail(words) => {
            let mut sendmail = Table::new();
            sendmail.insert("command", value(words.iter().collect::<Array>()));
            table.insert("sendmail", Item::Table(sendmail));
        }
        Outgoing::Deliver(_) | Outgoing::None => {}
    }
    if !account.mailboxes.is_empty() {
        let mut mailboxes = Table::new();
        for (role, name) in &account.mailboxes {
            mailboxes.insert(role, value(name));
        }
        table.insert("mailboxes", Item::Table(mailboxes));
    }
    table
}

fn imap_table(server: &Server, address: &str) -> Table {
    let mut table = server_table(server, address);
    match server.keep {
        Keep::RecentDays(90) => {}
        Keep::RecentDays(days) => drop(table.insert("keep", value(format!("recent:{days}d")))),
        Keep::Headers => drop(table.insert("keep", value("headers"))),
        Keep::All => drop(table.insert("keep", value("all"))),
    }
    if server.keep_size != DEFAULT_KEEP_SIZE {
        table.insert("keep_size", value(format!("{}kB", server.keep_size / 1_000)));
    }
    if let Some(is_wanted) = server.compress {
        table.insert("compress", value(is_wanted));
    }
    table
}

fn pop3_table(pop3: &Pop3, address: &str) -> Table {
    let mut table = server_table(&pop3.server, address);
    match pop3.leave {
        Leave::Always => {}
        Leave::Days(days) => drop(table.insert("leave", value(format!("days:{days}")))),
        Leave::UntilDeleted => drop(table.insert("leave", value("until_deleted"))),
        Leave::Never => drop(table.insert("leave", value("never"))),
    }
    if let Some(path) = &pop3.maildir {
        table.insert("maildir", value(path_text(path)));
    }
    table
}

/// What is the same as for the incoming server is left out.
fn smtp_table(smtp: &Smtp, account: &Account) -> Table {
    let incoming = account.incoming.server();
    let mut table = server_table(&smtp.server, incoming.map_or(&account.address, |server| &server.username));
    if incoming.is_some_and(|server| server.credentials == smtp.server.credentials) {
        for key in ["password", "password_command", "token_command"] {
            table.remove(key);
        }
    }
    let address = smtp.bind.map(|address| address.to_string());
    for (key, text) in [("helo", &smtp.helo), ("bind", &address), ("dsn_notify", &smtp.dsn.notify), ("dsn_ret", &smtp.dsn.ret)] {
        if let Some(text) = text {
            table.insert(key, value(text));
        }
    }
    table
}

/// What every server is told by.
fn server_table(server: &Server, address: &str) -> Table {
    let mut table = Table::new();
    table.insert("host", value(&server.host));
    table.insert("port", value(i64::from(server.port)));
    let security = match server.security {
        Security::Tls => "tls",
        Security::StartTls => "starttls",
        Security::Plaintext => "plaintext",
    };
    table.insert("security", value(security));
    if server.username != address {
        table.insert("username", value(&server.username));
    }
    match &server.credentials {
        Credentials::Password(secret) => drop(table.insert("password", value(secret.expose()))),
        Credentials::PasswordCommand(words) => drop(table.insert("password_command", value(words.iter().collect::<Array>()))),
        Credentials::TokenCommand(words) => drop(table.insert("token_command", value(words.iter().collect::<Array>()))),
        Credentials::Ask => {}
    }
    if server.allow_plaintext_password {
        table.insert("allow_plaintext_password", value(true));
    }
    if let Some(path) = &server.ca_file {
        table.insert("ca_file", value(path_text(path)));
    }
    if let Some((cert, key)) = &server.client_cert {
        table.insert("client_cert", value(path_text(cert)));
        table.insert("client_key", value(path_text(key)));
    }
    table
}

/// Written absolute: what was relative to the shell's folder must not become relative to the file's.
fn path_text(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Writes beside the file and renames over it; 0600, in a folder that is made 0700 where it is missing.
fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let mut file = tempfile::Builder::new().prefix(".config.toml.").tempfile_in(&folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(&folder)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Place, Secret, load::load, parse};

    fn account(name: &str) -> Account {
        Account {
            name: name.to_owned(),
            address: "ada@example.org".to_owned(),
            display_name: "Ada \"L\"".to_owned(),
            signature: None,
            authserv_id: None,
            outgoing: crate::config::Outgoing::None,
            sent_copy: true,
            incoming: Incoming::Imap(Server {
                host: "imap.example.org".to_owned(),
                port: 143,
                security: Security::StartTls,
                username: "ada".to_owned(),
                credentials: Credentials::Password(Secret::new("p\"w")),
                allow_plaintext_password: false,
                ca_file: Some("/ca.pem".into()),
                client_cert: None,
                keep: Keep::All,
                keep_size: DEFAULT_KEEP_SIZE,
                compress: None,
            }),
            mailboxes: [("archive".to_owned(), "Old/All".to_owned())].into(),
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let text = with_account("# mine\n[ui]\npreview = false # really\n", &account("a b")).unwrap();
        assert!(text.starts_with("# mine\n[ui]\npreview = false # really\n"), "{text}");
        let config = parse(&text, &Place::default());
        assert!(config.findings.is_empty(), "{text}\n{:?}", config.findings);
        assert_eq!(format!("{:?}", config.accounts[0]), format!("{:?}", account("a b")));
        let Incoming::Imap(Server { credentials: Credentials::Password(secret), .. }) = &config.accounts[0].incoming else {
            panic!("{text}")
        };
        assert_eq!(secret.expose(), "p\"w");
    }

    #[test]
    fn a_pop3_account_reads_back_with_its_rule_and_its_maildir() {
        let Incoming::Imap(server) = account("a").incoming else { panic!() };
        for (leave, maildir) in
            [(Leave::Always, None), (Leave::Days(9), Some("/m".into())), (Leave::UntilDeleted, None), (Leave::Never, None)]
        {
            // how much is kept offline is no question where all of it is here
            let server = Server { keep: Keep::RecentDays(90), ..server.clone() };
            let account = Account { incoming: Incoming::Pop3(Pop3 { server, leave, maildir }), ..account("a") };
            let config = parse(&with_account("", &account).unwrap(), &Place::default());
            assert!(config.findings.is_empty(), "{:?}", config.findings);
            assert_eq!(format!("{:?}", config.accounts[0]), format!("{account:?}"));
        }
    }

    #[test]
    fn a_way_to_send_reads_back_the_same() {
        let Incoming::Imap(incoming) = account("a").incoming else { panic!() };
        let server =
            Server { host: "smtp.example.org".to_owned(), port: 465, security: Security::Tls, keep: Keep::RecentDays(90), ..incoming };
        let other = Server { username: "eve".to_owned(), credentials: Credentials::PasswordCommand(vec!["p".into()]), ..server.clone() };
        let plain = Smtp { server: server.clone(), helo: None, bind: None, dsn: Default::default() };
        let dsn = crate::mail::outgoing::Dsn { notify: Some("never".into()), ret: Some("full".into()), envid: None };
        let full = Smtp { server: other, helo: Some("h.example".into()), bind: "192.0.2.7".parse().ok(), dsn };
        for (outgoing, has_password) in [
            (Outgoing::Smtp(Box::new(plain)), false),
            (Outgoing::Smtp(Box::new(full)), true),
            (Outgoing::Sendmail(vec!["/usr/sbin/sendmail".into(), "-i".into()]), false),
        ] {
            let account = Account { outgoing, ..account("a") };
            let text = with_account("", &account).unwrap();
            let config = parse(&text, &Place::default());
            assert!(config.findings.is_empty(), "{text}\n{:?}", config.findings);
            assert_eq!(format!("{:?}", config.accounts[0]), format!("{account:?}"), "{text}");
            let (_, sending) = text.split_once("[accounts.a.s").unwrap();
            assert_eq!(sending.contains("password"), has_password, "one secret stands in one place: {text}");
        }
    }

    #[test]
    fn a_name_that_is_taken_and_a_broken_file_are_refused() {
        let once = with_account("", &account("a")).unwrap();
        assert!(with_account(&once, &account("a")).unwrap_err().to_string().contains("already"));
        assert!(with_account("x = = 1", &account("a")).unwrap_err().to_string().contains("syntax"));
    }

    #[test]
    fn the_file_is_private_and_a_link_stays_a_link() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new/config.toml");
        add_account(&path, &account("a")).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let link = root.path().join("link.toml");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        add_account(&link, &account("b")).unwrap();
        assert!(link.is_symlink());
        assert_eq!(load(&path, None).accounts.len(), 2);
    }
}
