//! Where commands meet the worker: sync, trying an account, poking a running reader.

use super::args;
use super::exit::{Failure, Outcome, UNAVAILABLE};
use super::session::Session;
use crate::config::{Account, Secret};

/// `postrider sync`.
pub fn sync(_session: &Session, _args: &args::Sync) -> Outcome {
    Err(Failure::new(UNAVAILABLE, "sync is still to come"))
}

/// Signs in as the account would; an error says why the server did not accept.
pub fn probe(_session: &Session, _account: &Account, _secret: Option<Secret>) -> Result<(), Failure> {
    Err(Failure::new(UNAVAILABLE, "trying an account is still to come"))
}

/// Tells the processes that own these accounts, where any runs, that changes wait.
pub fn poke(_session: &Session, _accounts: &[String]) {}

/// The link's state in a word, and the process that owns the account.
pub fn link(_session: &Session, _account: &str) -> (&'static str, Option<u32>) {
    ("offline", None)
}

/// Signs in as the account would: what was tried, whether it worked, and in which words.
pub async fn sign_in_checks(_account: &Account) -> Vec<(&'static str, bool, String)> {
    Vec::new()
}
