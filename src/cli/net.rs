//! Where commands meet the worker: sync, trying an account, poking a running reader.

use super::args;
use super::exit::{Failure, Outcome, UNAVAILABLE};
use super::session::Session;
use crate::config::Account;

/// `postrider sync`.
pub fn sync(_session: &Session, _args: &args::Sync) -> Outcome {
    Err(Failure::new(UNAVAILABLE, "sync is still to come"))
}

/// Signs in as the account would: what was tried, whether it worked, and in which words.
pub async fn sign_in_checks(_account: &Account) -> Vec<(&'static str, bool, String)> {
    Vec::new()
}
