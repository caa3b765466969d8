//! What every command starts from: flags, folders, clock, and from them the configuration and the store.

use std::path::PathBuf;

use super::args::Global;
use super::exit::{CANT_CREATE, CONFIG, DATA, Failure};
use super::out::say;
use crate::clock::Clock;
use crate::config::{self, Account, Config};
use crate::events::EventLog;
use crate::mail::{AccountId, DisplayText, Mailbox, Role, Scope, nearest};
use crate::paths::{Paths, private_folder};
use crate::store::{self, Reader, Writer};

/// One run of a command.
#[derive(Clone, Debug)]
pub struct Session {
    pub global: Global,
    pub paths: Paths,
    pub clock: Clock,
    pub events: EventLog,
}

impl Session {
    /// The configuration file: `--config`, else the usual place.
    pub fn config_file(&self) -> PathBuf {
        self.global.config.clone().unwrap_or_else(|| self.paths.config.clone())
    }

    /// The configuration, whatever is wrong with it.
    pub fn load_config(&self) -> Config {
        config::load(&self.config_file(), Some(&self.paths.home))
    }

    /// The configuration of a command that needs an account. Mistakes are said on stderr, and what is good is used.
    pub fn config(&self) -> Result<Config, Failure> {
        let file = self.config_file();
        if !file.exists() {
            let shown = file.display();
            let message =
                format!("there is no configuration yet ({shown}); `postrider setup` adds an account, `postrider demo` needs none");
            return Err(Failure::new(CONFIG, message));
        }
        let config = self.load_config();
        if let Some(first) = config.findings.first() {
            let more = if config.findings.len() > 1 { format!(" (and {} more)", config.findings.len() - 1) } else { String::new() };
            say(&format!(
                "{}:{}:{}: {}{more}; `postrider config check` tells all",
                file.display(),
                first.line,
                first.column,
                first.message
            ));
        }
        if config.accounts.is_empty() {
            return Err(Failure::new(
                CONFIG,
                format!("{} has no account that can be used; `postrider config check` tells why", file.display()),
            ));
        }
        Ok(config)
    }

    /// `--account`, else the first of the configuration.
    pub fn account<'c>(&self, config: &'c Config) -> Result<&'c Account, Failure> {
        let Some(wanted) = &self.global.account else {
            return config.accounts.first().ok_or_else(|| Failure::new(CONFIG, "the configuration has no account"));
        };
        config.accounts.iter().find(|account| account.name == *wanted).ok_or_else(|| {
            let near = nearest(wanted, config.accounts.iter().map(|account| account.name.as_str()));
            Failure::new(
                DATA,
                format!("there is no account {wanted:?}{}", near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default()),
            )
        })
    }

    /// Where the databases are.
    pub fn store_paths(&self) -> store::Paths {
        store::Paths::in_folder(&self.paths.data)
    }

    /// The store for reading; None while there is none yet.
    pub fn reader(&self) -> Result<Option<Reader>, Failure> {
        Ok(Reader::open(&self.store_paths())?)
    }

    /// The store for writing, made where it is missing; what had to be mended is said.
    pub fn writer(&self) -> Result<Writer, Failure> {
        let writer = self.open_store()?;
        for notice in writer.notices() {
            say(&DisplayText::new(&notice).into_string());
        }
        Ok(writer)
    }

    /// The same for who says it elsewhere.
    pub fn open_store(&self) -> Result<Writer, Failure> {
        private_folder(&self.paths.data)
            .map_err(|error| Failure::new(CANT_CREATE, format!("{} can't be made: {error}", self.paths.data.display())))?;
        Ok(store::open(&self.store_paths())?)
    }
}

/// The accounts and mailboxes of a store, for going from ids to names and back.
#[derive(Debug)]
pub struct Names {
    pub accounts: Vec<(AccountId, String)>,
    pub mailboxes: Vec<Mailbox>,
}

impl Names {
    pub fn load(reader: &Reader) -> Result<Self, Failure> {
        Ok(Self { accounts: reader.accounts()?, mailboxes: reader.mailboxes()? })
    }

    /// The account of a name.
    pub fn find_account(&self, name: &str) -> Option<AccountId> {
        self.accounts.iter().find(|(_, known)| known == name).map(|(id, _)| *id)
    }

    /// The account's name.
    pub fn account(&self, id: AccountId) -> &str {
        self.accounts.iter().find(|(known, _)| *known == id).map_or("", |(_, name)| name)
    }

    /// `account/Mailbox/Child`.
    pub fn path(&self, mailbox: &Mailbox) -> String {
        format!("{}/{}", self.account(mailbox.account), mailbox.name)
    }

    /// The mailbox of an account that has this role.
    pub fn role(&self, account: AccountId, role: Role) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.account == account && mailbox.role == Some(role))
    }

    /// The mailbox that `text` names: `account/Mailbox`, or a mailbox of `default`, letters' case apart.
    pub fn find(&self, text: &str, default: Option<&str>) -> Result<&Mailbox, Failure> {
        let text = text.trim_matches('/');
        let in_default = default.map(|account| format!("{account}/{text}"));
        let wanted = [Some(text.to_owned()), in_default];
        let mut paths = wanted.iter().flatten();
        let found = paths.find_map(|wanted| {
            let exact = self.mailboxes.iter().find(|mailbox| self.path(mailbox) == *wanted);
            exact.or_else(|| self.mailboxes.iter().find(|mailbox| self.path(mailbox).to_lowercase() == wanted.to_lowercase()))
        });
        found.ok_or_else(|| {
            let known: Vec<String> = self.mailboxes.iter().map(|mailbox| self.path(mailbox)).collect();
            let lower: Vec<String> = known.iter().map(|path| path.to_lowercase()).collect();
            let near = wanted.iter().flatten().find_map(|path| nearest(path, lower.iter().map(String::as_str)));
            let near = near.and_then(|near| known.iter().find(|path| path.to_lowercase() == near));
            let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            Failure::new(DATA, format!("there is no mailbox {text:?}{near} (`postrider status` lists them)"))
        })
    }

    /// What a command draws from: the mailbox if one is named, else the account if one is named, else all.
    pub fn scope(&self, session: &Session, mailbox: Option<&str>) -> Result<Scope, Failure> {
        let account = session.global.account.as_deref();
        if let Some(mailbox) = mailbox {
            let default = account.map(str::to_owned).or_else(|| self.accounts.first().map(|(_, name)| name.clone()));
            return Ok(Scope::Mailbox(self.find(mailbox, default.as_deref())?.id));
        }
        let Some(name) = account else { return Ok(Scope::All) };
        let found = self.accounts.iter().find(|(_, known)| known == name);
        found.map(|(id, _)| Scope::Account(*id)).ok_or_else(|| Failure::new(DATA, format!("there is no account {name:?}")))
    }
}
