//! One round for a command: push what waits, bring everything up to date, end. The same steps as the
//! reader's, on one connection, until nothing is left to do.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::accounts::{self, Common};
use super::core::Core;
use super::plan::{Link, Step};
use super::run::{Options, common, runtime};
use super::step::{self, StepError};
use super::{WorkerEvent, owner};
use crate::config::{Account, Config, Incoming};
use crate::mail::AccountId;
use crate::remote::{Connect, Remote, RemoteError};
use crate::store::Writer;

/// What to sync.
#[derive(Clone, Debug, Default)]
pub struct SyncOptions {
    /// Only the account of this name.
    pub account: Option<String>,
    /// No bodies.
    pub headers_only: bool,
}

/// How it went, per account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub accounts: Vec<AccountSummary>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSummary {
    pub name: String,
    /// Messages in all of its mailboxes afterwards.
    pub messages: u64,
    /// Changes that still wait to be pushed.
    pub waiting: usize,
    pub result: Result<(), RemoteError>,
}

/// Brings the store up to date and ends; `progress` hears every event. Blocks; for commands. Accounts go side by
/// side; one that fails stops no other. Where another process owns an account, it is poked instead.
///
/// # Errors
/// The store or the system failed before any account could be tried.
pub fn sync_once(
    config: &Config,
    writer: Writer,
    sync: SyncOptions,
    options: Options,
    mut progress: impl FnMut(WorkerEvent) + Send,
) -> Result<Summary, String> {
    let runtime = runtime().map_err(|error| error.to_string())?;
    let (tell, mut events) = mpsc::channel(256);
    let (_stop, stopping) = watch::channel(false);
    let config = config.clone();
    let task = runtime.spawn(async move {
        let mut common = common(writer, options, tell, stopping);
        common.headers_only = sync.headers_only;
        all(&config, &common, sync.account.as_deref()).await
    });
    runtime.block_on(async {
        while let Some(event) = events.recv().await {
            progress(event);
        }
        task.await.map_err(|_| "bringing mail up to date failed inside postrider".to_owned())?
    })
}

async fn all(config: &Config, common: &Common, only: Option<&str>) -> Result<Summary, String> {
    let names = config.accounts.iter().map(|account| account.name.clone()).collect();
    let ids = common.writer.set_accounts(names).await.map_err(|error| error.to_string())?;
    let wanted = config.accounts.iter().zip(ids).filter(|(account, _)| only.is_none_or(|only| only == account.name));
    let tasks: Vec<_> = wanted
        .map(|(account, id)| {
            let (common, account) = (common.clone(), account.clone());
            tokio::spawn(async move { one(&common, id, &account).await })
        })
        .collect();
    let mut summary = Summary::default();
    for task in tasks {
        summary.accounts.push(task.await.map_err(|_| "an account failed inside postrider".to_owned())?);
    }
    Ok(summary)
}

async fn one(common: &Common, id: AccountId, account: &Account) -> AccountSummary {
    let result = match &account.incoming {
        _ if common.offline => Err(RemoteError::Offline("started with --offline".into())),
        Incoming::Imap(server) => {
            let connect = accounts::imap_account(&account.name, server, common.trace.clone());
            owned(common, id, account, &connect).await
        }
        Incoming::Maildir(root) => owned(common, id, account, &crate::remote::maildir::Account { root: root.clone() }).await,
        Incoming::Pop3(_) => Err(RemoteError::Rejected("POP3 is not spoken yet".into())),
        Incoming::None => Err(RemoteError::Rejected("its configuration can't be used".into())),
    };
    let count = common.readers.with(move |reader| {
        let mailboxes = reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == id);
        let messages = mailboxes.map(|mailbox| u64::from(mailbox.total)).sum();
        Ok((messages, reader.waiting(Some(id))?.len()))
    });
    let (messages, waiting) = count.await.unwrap_or_default();
    AccountSummary { name: account.name.clone(), messages, waiting, result }
}

/// Takes the account's lock for the round; its owner, if there is one, does the work instead.
async fn owned<C: Connect>(common: &Common, id: AccountId, account: &Account, connect: &C) -> Result<(), RemoteError> {
    let folder = accounts::folder(&common.writer);
    let name = account.name.clone();
    let _ownership = match owner::claim(&folder, &name) {
        Ok(Ok(ownership)) => ownership,
        Ok(Err(_)) => {
            let _ = tokio::task::spawn_blocking(move || owner::poke(&folder, &name)).await;
            return Ok(());
        }
        Err(error) => return Err(RemoteError::Offline(format!("the lock in {} can't be taken: {error}", folder.display()))),
    };
    let core = accounts::core(common, id, account);
    round(&core, connect).await.map_err(|error| match error {
        StepError::Remote(error) => error,
        StepError::Store(error) => RemoteError::Offline(error.to_string()),
    })
}

/// Connects and runs steps until none is left; a connection that breaks is made again twice.
async fn round<C: Connect>(core: &Arc<Core>, connect: &C) -> Result<(), StepError> {
    core.load_mailboxes().await?;
    let mut attempts = 0;
    loop {
        match connected(core, connect).await {
            Err(StepError::Remote(RemoteError::Offline(_) | RemoteError::Protocol(_))) if attempts < 2 && core.take_success() => {
                attempts += 1
            }
            result => return result,
        }
    }
}

async fn connected<C: Connect>(core: &Arc<Core>, connect: &C) -> Result<(), StepError> {
    let first = core.lock().state.home().map(|home| home.wire_name.clone());
    let mut remote = connect.connect(first.as_deref()).await?;
    core.reconnect();
    loop {
        match core.next_step(Link::A) {
            Step::Wait => break,
            step => step::run(core, &mut remote, Link::A, step).await?,
        }
        core.note_success(Link::A);
    }
    remote.close().await;
    Ok(())
}
