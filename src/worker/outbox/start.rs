//! The sending loop of each account that has a way out: the one place that knows which ways there are.

use std::sync::Arc;

use tokio::task::JoinHandle;

use super::{Filing, Poke, Round, Sender};
use crate::config::{Account, Incoming, Outgoing, Secret, Smtp};
use crate::mail::AccountId;
use crate::remote::sendmail::Sendmail;
use crate::remote::submit::Submit;
use crate::remote::{deliver, smtp};
use crate::worker::accounts::folder;
use crate::worker::core::Common;

/// An account whose mail is sent by this process, or will be once the process that does it ends.
#[derive(Debug)]
pub struct Sending {
    pub poke: Arc<Poke>,
    smtp: Option<Arc<smtp::Account>>,
    pub task: Option<JoinHandle<()>>,
}

impl Sending {
    /// The user typed the secret.
    pub fn set_secret(&self, secret: &Secret) {
        if let Some(smtp) = &self.smtp {
            smtp.set_secret(secret.clone());
        }
        self.poke.hurry();
    }
}

/// Starts the account's sending loop; None: it has no way out.
pub fn start(common: &Common, id: AccountId, account: &Account) -> Option<Sending> {
    let poke = Poke::new(common.rested.clone());
    let mut by_smtp = None;
    let task = match &account.outgoing {
        Outgoing::Smtp(server) => {
            let submit = Arc::new(smtp_account(common, account, server));
            by_smtp = Some(submit.clone());
            spawn(sender(common, id, account, submit, &poke, true))
        }
        Outgoing::Sendmail(words) => spawn(sender(common, id, account, Arc::new(Sendmail::new(words.clone())), &poke, true)),
        Outgoing::Deliver(known) => spawn(sender(common, id, account, Arc::new(deliver::Account::new(known.clone())), &poke, true)),
        Outgoing::None => return None,
    };
    common.out.pokes().add(id, poke.clone());
    Some(Sending { poke, smtp: by_smtp, task: Some(task) })
}

fn spawn<S: Submit>(sender: Sender<S>) -> JoinHandle<()> {
    tokio::spawn(sender.run())
}

/// Sends what an account has to send and ends.
///
/// # Errors
/// The lock can't be taken.
pub async fn send_due(common: &Common, id: AccountId, account: &Account) -> std::io::Result<Round> {
    let poke = Poke::new(common.rested.clone());
    match &account.outgoing {
        Outgoing::Smtp(server) => {
            let submit = Arc::new(smtp_account(common, account, server));
            sender(common, id, account, submit, &poke, false).run_once().await
        }
        Outgoing::Sendmail(words) => sender(common, id, account, Arc::new(Sendmail::new(words.clone())), &poke, false).run_once().await,
        Outgoing::Deliver(known) => {
            let submit = Arc::new(deliver::Account::new(known.clone()));
            sender(common, id, account, submit, &poke, false).run_once().await
        }
        Outgoing::None => Ok(Round::NoWayOut),
    }
}

fn smtp_account(common: &Common, account: &Account, server: &Smtp) -> smtp::Account {
    let submit = smtp::Account::new(&account.name, server.clone());
    match &common.trace {
        Some(trace) => submit.with_trace(trace.clone()),
        None => submit,
    }
}

fn sender<S: Submit>(common: &Common, id: AccountId, account: &Account, submit: Arc<S>, poke: &Arc<Poke>, has_composer: bool) -> Sender<S> {
    Sender {
        account: id,
        name: account.name.clone(),
        submit,
        filing: filing(account),
        writer: common.writer.clone(),
        readers: common.readers.clone(),
        out: common.out.clone(),
        clock: common.clock.clone(),
        peers: common.peers.clone(),
        poke: poke.clone(),
        folder: Some(folder(&common.writer)),
        seed: common.seed,
        has_composer,
        stop: common.stop.clone(),
    }
}

fn filing(account: &Account) -> Filing {
    let name = account.mailboxes.get("sent").cloned();
    match &account.incoming {
        _ if !account.sent_copy => Filing::ByServer,
        Incoming::Imap(_) => Filing::Sent { name, is_local: false },
        Incoming::Maildir(_) | Incoming::Pop3(_) => Filing::Sent { name, is_local: true },
        Incoming::None => Filing::Nowhere,
    }
}
