//! One supervisor for each configured account: the one place that knows which kinds of remotes there are.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::Health;
use super::account::Supervisor;
use super::core::{Common, Core};
use super::pop3::{Fetcher, Fetching};
use crate::config::{self, Incoming, Secret, Server};
use crate::mail::mailbox::Role;
use crate::mail::server::RemoteMailbox;
use crate::mail::{AccountId, MailboxId};
use crate::remote::net::Trace;
use crate::remote::{Abilities, Connect, Remote, RemoteError, imap, maildir};
use crate::store::{StoreError, Writer};

/// An account that runs.
#[derive(Debug)]
pub struct Running {
    pub core: Arc<Core>,
    pub retry: Arc<Notify>,
    imap: Option<Arc<imap::Account>>,
    pop3: Option<Fetching>,
    pub task: Option<JoinHandle<()>>,
}

impl Running {
    /// The user typed the secret.
    pub fn set_secret(&self, secret: Secret) {
        if let Some(imap) = &self.imap {
            imap.set_secret(secret.clone());
        }
        if let Some(pop3) = &self.pop3 {
            pop3.set_secret(secret);
        }
        self.retry.notify_one();
    }

    /// How it does, but for what waits in the store.
    pub fn health(&self) -> Health {
        let core = &self.core;
        let inner = core.lock();
        Health {
            account: core.account,
            since: inner.since,
            answered: inner.answered,
            failed: inner.failed.clone(),
            abilities: inner.abilities.filter(|_| self.imap.is_some()).map(Abilities::told).unwrap_or_default(),
            traffic: self.imap.as_ref().map(|imap| imap.traffic()).unwrap_or_default(),
            waiting: 0,
            trace: core.common.trace.as_ref().map(|trace| trace.path().to_owned()),
        }
    }

    /// Nothing could start now.
    pub fn is_resting(&self) -> bool {
        self.core.is_resting() && self.pop3.as_ref().is_none_or(|pop3| pop3.is_resting(&self.core))
    }
}

/// Makes the account's memory and, where its kind is spoken, starts its supervisor.
pub async fn start(common: &Common, id: AccountId, account: &config::Account) -> Result<Running, StoreError> {
    let core = Core::new(common, id, account);
    common.pages.believe(id, account.authserv_id.as_deref());
    if matches!(account.incoming, Incoming::Imap(_)) {
        create_inbox(&core).await?;
    }
    core.load_mailboxes().await?;
    let retry = Arc::new(Notify::new());
    let mut running = Running { core: core.clone(), retry: retry.clone(), imap: None, pop3: None, task: None };
    match &account.incoming {
        Incoming::Imap(server) => {
            let connect = Arc::new(imap_account(&account.name, server, common.trace.clone()));
            running.imap = Some(connect.clone());
            running.task = Some(tokio::spawn(supervisor(core, connect, true, retry).run()));
        }
        Incoming::Maildir(root) => {
            let connect = Arc::new(maildir::Account { root: root.clone() });
            running.task = Some(tokio::spawn(supervisor(core, connect, false, retry).run()));
        }
        Incoming::Pop3(pop3) => {
            let fetcher = Fetcher::new(common, core.clone(), account, pop3);
            let connect = Arc::new(fetcher.delivered());
            running.pop3 = Some(fetcher.watch());
            // R and a typed password are for the server; the Maildir needs neither
            let reading = supervisor(core, connect, false, Arc::default());
            running.task = Some(tokio::spawn(async move {
                tokio::join!(reading.run(), fetcher.run(retry));
            }));
        }
        Incoming::None => {
            core.rest(super::plan::Link::A);
            let why = "its configuration can't be used; see: postrider config check";
            core.lock().down = Some(why.to_owned());
            core.tell_link(super::LinkState::Offline { why: why.to_owned() }).await;
        }
    }
    Ok(running)
}

/// The inbox exists on every server, so its first page need not wait for the list of mailboxes.
async fn create_inbox(core: &Core) -> Result<(), StoreError> {
    let account = core.account;
    let known: Vec<MailboxId> = core
        .common
        .readers
        .with(move |reader| Ok(reader.mailboxes()?.into_iter().filter(|one| one.account == account).map(|one| one.id).collect()))
        .await?;
    if !known.is_empty() {
        return Ok(());
    }
    let inbox = RemoteMailbox {
        name: "Inbox".into(),
        wire_name: "INBOX".into(),
        role: Some(Role::Inbox),
        selectable: true,
        total: None,
        unread: None,
        state: None,
    };
    core.common.writer.set_mailboxes(account, vec![inbox], core.role_overrides.clone()).await?;
    core.common.out.send(super::WorkerEvent::MailboxesChanged { account }).await;
    Ok(())
}

fn supervisor<C: Connect>(core: Arc<Core>, connect: Arc<C>, wants_b: bool, retry: Arc<Notify>) -> Supervisor<C> {
    Supervisor { folder: Some(folder(&core.common.writer)), core, connect, wants_b, retry }
}

/// The data folder: where the databases are.
pub fn folder(writer: &Writer) -> PathBuf {
    writer.paths().mail_db.parent().map(PathBuf::from).unwrap_or_default()
}

/// How to connect to an IMAP server.
pub fn imap_account(name: &str, server: &Server, trace: Option<Trace>) -> imap::Account {
    let account = imap::Account::new(name, server.clone());
    match trace {
        Some(trace) => account.with_trace(trace),
        None => account,
    }
}

/// Signs in as this account would (with `secret` where it is to be asked for) and tells what the other side can do.
///
/// # Errors
/// Why the server does not let us in.
pub async fn probe(account: &config::Account, secret: Option<Secret>, trace: Option<Trace>) -> Result<Abilities, RemoteError> {
    match &account.incoming {
        Incoming::Imap(server) => {
            let imap = imap_account(&account.name, server, trace);
            if let Some(secret) = secret {
                imap.set_secret(secret);
            }
            abilities(imap).await
        }
        Incoming::Maildir(root) => abilities(maildir::Account { root: root.clone() }).await,
        Incoming::Pop3(pop3) => super::pop3::probe(&account.name, pop3, secret, trace).await.map(|_| Abilities::default()),
        Incoming::None => Err(RemoteError::Rejected("the account names no server and no Maildir that can be used".into())),
    }
}

async fn abilities(connect: impl Connect) -> Result<Abilities, RemoteError> {
    let remote = connect.connect(None).await?;
    let abilities = remote.abilities();
    remote.close().await;
    Ok(abilities)
}
