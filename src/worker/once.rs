//! One round for a command: push what waits, bring everything up to date, end. The same steps as the
//! reader's, on one connection, until nothing is left to do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::accounts;
use super::adopt;
use super::beside;
use super::core::{Common, Core};
use super::owner::Ownership;
use super::plan::{Link, Step};
use super::pop3::Fetcher;
use super::run::{Options, common, runtime};
use super::step::{self, StepError};
use super::{WorkerEvent, outbox, owner};
use crate::config::{self, Account, Config, Incoming, Outgoing};
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
    common.hand.begin(common, accounts::folder(&common.writer), true).await;
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
    // first: what is sent leaves a copy that this round pushes
    send(common, id, account).await;
    let mut result = receive(common, id, account).await;
    // only now it is known which mailboxes there are
    if result.is_ok() && (bring_back(common, account).await || outbox::has_accepted(&common.writer, &account.name).await) {
        send(common, id, account).await;
        result = receive(common, id, account).await;
    }
    let count = common.readers.with(move |reader| {
        let mailboxes = reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == id);
        let messages = mailboxes.map(|mailbox| u64::from(mailbox.total)).sum();
        Ok((messages, reader.waiting(Some(id))?.len()))
    });
    let (messages, waiting) = count.await.unwrap_or_default();
    AccountSummary { name: account.name.clone(), messages, waiting, result }
}

/// Gives messages that only lie here their rows again; true: some wait to be pushed.
async fn bring_back(common: &Common, account: &Account) -> bool {
    let mut adopted = Vec::new();
    if let Err(error) = adopt::orphans(common, Some(&account.name), &mut adopted).await {
        let what = format!("Not all that was written in {} is back in its mailboxes", account.name);
        common.out.failed(what, error.to_string(), "It is kept on this machine; the next start tries it again.").await;
    }
    !adopted.is_empty()
}

async fn send(common: &Common, id: AccountId, account: &Account) {
    if common.offline {
        return;
    }
    if let Err(error) = outbox::send_due(common, id, account).await {
        common.out.failed(format!("{} could not send", account.name), error.to_string(), "What is in the outbox stays there.").await;
    }
}

async fn receive(common: &Common, id: AccountId, account: &Account) -> Result<(), RemoteError> {
    match &account.incoming {
        _ if common.offline => Err(RemoteError::Offline("started with --offline".into())),
        Incoming::Imap(server) => {
            let connect = accounts::imap_account(&account.name, server, common.trace.clone());
            owned(common, id, account, &connect).await
        }
        Incoming::Maildir(root) => owned(common, id, account, &crate::remote::maildir::Account { root: root.clone() }).await,
        Incoming::Pop3(pop3) => fetched(common, id, account, pop3).await,
        // it only sends
        Incoming::None if !matches!(account.outgoing, Outgoing::None) => Ok(()),
        Incoming::None => Err(RemoteError::Rejected("its configuration can't be used".into())),
    }
}

/// Sends what is due of one account, for a command; `progress` hears every event. Blocks, for `patience` at most: what is
/// under way then is put back, or, once the server has all of it, gets a few seconds more.
///
/// # Errors
/// A sentence: the store, the lock or the system failed before anything could be tried.
pub fn send_once(
    config: &Config,
    writer: Writer,
    account: &str,
    options: Options,
    patience: Duration,
    mut progress: impl FnMut(WorkerEvent) + Send,
) -> Result<outbox::Round, String> {
    let runtime = runtime().map_err(|error| error.to_string())?;
    let (tell, mut events) = mpsc::channel(256);
    let (stop, stopping) = watch::channel(false);
    let (config, name) = (config.clone(), account.to_owned());
    let mut task = runtime.spawn(async move {
        let common = common(writer, options, tell, stopping);
        let names = config.accounts.iter().map(|account| account.name.clone()).collect();
        let ids = common.writer.set_accounts(names).await.map_err(|error| error.to_string())?;
        let found = config.accounts.iter().zip(ids).find(|(account, _)| account.name == name);
        let Some((account, id)) = found else { return Ok(outbox::Round::NoWayOut) };
        outbox::send_due(&common, id, account).await.map_err(|error| format!("the lock for sending can't be taken: {error}"))
    });
    runtime.block_on(async {
        let end = tokio::time::sleep(patience);
        tokio::pin!(end);
        loop {
            tokio::select! {
                Some(event) = events.recv() => progress(event),
                done = &mut task => {
                    while let Ok(event) = events.try_recv() {
                        progress(event);
                    }
                    return done.map_err(|_| "sending failed inside postrider".to_owned())?;
                }
                () = &mut end, if !*stop.borrow() => drop(stop.send(true)),
            }
        }
    })
}

/// Takes the account's lock for the round; its owner, if there is one, does the work instead.
async fn owned<C: Connect>(common: &Common, id: AccountId, account: &Account, connect: &C) -> Result<(), RemoteError> {
    let Some(_ownership) = claim(common, account).await? else { return Ok(()) };
    let core = Core::new(common, id, account);
    let _peers = beside::host(core.clone(), &accounts::folder(&common.writer));
    round(&core, connect).await.map_err(remote_error)
}

/// The same of a POP3 account: fetch, and read what lies in its Maildir even where the server can't be reached.
async fn fetched(common: &Common, id: AccountId, account: &Account, pop3: &config::Pop3) -> Result<(), RemoteError> {
    let Some(_ownership) = claim(common, account).await? else { return Ok(()) };
    let core = Core::new(common, id, account);
    let _peers = beside::host(core.clone(), &accounts::folder(&common.writer));
    let fetcher = Fetcher::new(common, core.clone(), account, pop3);
    let fetched = fetcher.round().await;
    let read = round(&core, &fetcher.delivered()).await.map_err(remote_error);
    fetched.and(read)
}

/// The account's lock; None where another process has it, which is poked.
async fn claim(common: &Common, account: &Account) -> Result<Option<Ownership>, RemoteError> {
    let folder = accounts::folder(&common.writer);
    let name = account.name.clone();
    match owner::claim(&folder, &name) {
        Ok(Ok(ownership)) => Ok(Some(ownership)),
        Ok(Err(_)) => {
            let _ = tokio::task::spawn_blocking(move || beside::poke(&folder, &name)).await;
            Ok(None)
        }
        Err(error) => Err(RemoteError::Offline(format!("the lock in {} can't be taken: {error}", folder.display()))),
    }
}

fn remote_error(error: StepError) -> RemoteError {
    match error {
        StepError::Remote(error) => error,
        StepError::Store(error) => RemoteError::Offline(error.to_string()),
    }
}

/// Connects and runs steps until none is left; a connection that breaks is made again twice.
async fn round<C: Connect>(core: &Arc<Core>, connect: &C) -> Result<(), StepError> {
    core.load_mailboxes().await?;
    // whoever asks for it wants what was refused asked again now
    core.lock().state.refused_now = true;
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
    core.lock().link = "connecting";
    let first = core.lock().state.home().map(|home| home.wire_name.clone());
    let mut remote = connect.connect(first.as_deref()).await?;
    core.reconnect();
    core.lock().link = "online";
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
