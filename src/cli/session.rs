//! What every command starts from: flags, folders, clock, and from them the configuration and the store.

use std::path::PathBuf;

use super::args::Global;
use super::exit::{CONFIG, DATA, Failure};
use super::out::say;
use crate::clock::Clock;
use crate::config::nearest::nearest;
use crate::config::{self, Account, Config};
use crate::events::EventLog;
use crate::paths::Paths;
use crate::store;

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
}
