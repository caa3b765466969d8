//! One supervisor for each configured account: the one place that knows which kinds of remotes there are.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::account::Supervisor;
use super::clock::Clock;
use super::core::{Core, Parts, Peers};
use super::out::Out;
use super::pages::Pages;
use super::readers::Readers;
use crate::config::{self, Incoming, Keep, Secret, Server};
use crate::mail::mailbox::Role;
use crate::mail::server::RemoteMailbox;
use crate::mail::{AccountId, MailboxId};
use crate::remote::net::Trace;
use crate::remote::{Abilities, Connect, Remote, RemoteError, imap, maildir};
use crate::store::{StoreError, Writer};

/// What all accounts share.
#[derive(Clone, Debug)]
pub struct Common {
    pub writer: Writer,
    pub readers: Readers,
    pub out: Out,
    pub pages: Pages,
    pub clock: Clock,
    pub rested: Arc<Notify>,
    pub peers: Peers,
    pub trace: Option<Trace>,
    pub seed: u64,
    pub offline: bool,
    pub headers_only: bool,
    pub stop: watch::Receiver<bool>,
}

/// An account that runs.
#[derive(Debug)]
pub struct Running {
    pub core: Arc<Core>,
    pub retry: Arc<Notify>,
    imap: Option<Arc<imap::Account>>,
    pub task: Option<JoinHandle<()>>,
}

impl Running {
    /// The user typed the secret.
    pub fn set_secret(&self, secret: Secret) {
        if let Some(imap) = &self.imap {
            imap.set_secret(secret);
        }
        self.retry.notify_one();
    }
}

/// Makes the account's memory and, where its kind is spoken, starts its supervisor.
pub async fn start(common: &Common, id: AccountId, account: &config::Account) -> Result<Running, StoreError> {
    let core = core(common, id, account);
    if matches!(account.incoming, Incoming::Imap(_)) {
        create_inbox(&core).await?;
    }
    core.load_mailboxes().await?;
    let retry = Arc::new(Notify::new());
    let mut running = Running { core: core.clone(), retry: retry.clone(), imap: None, task: None };
    match &account.incoming {
        Incoming::Imap(server) => {
            let connect = Arc::new(imap_account(&account.name, server, common.trace.clone()));
            running.imap = Some(connect.clone());
            running.task = Some(tokio::spawn(supervisor(common, core, connect, true, retry).run()));
        }
        Incoming::Maildir(root) => {
            let connect = Arc::new(maildir::Account { root: root.clone() });
            running.task = Some(tokio::spawn(supervisor(common, core, connect, false, retry).run()));
        }
        Incoming::Pop3(_) | Incoming::None => {
            core.rest(super::plan::Link::A);
            let why = match &account.incoming {
                Incoming::Pop3(_) => "POP3 is not spoken yet",
                _ => "its configuration can't be used; see: postrider config check",
            };
            core.lock().down = Some(why.to_owned());
            core.out.link(id, &account.name, super::LinkState::Offline { why: why.to_owned() }).await;
        }
    }
    Ok(running)
}

/// The memory of an account, empty.
pub fn core(common: &Common, id: AccountId, account: &config::Account) -> Arc<Core> {
    let keep = match &account.incoming {
        Incoming::Imap(server) | Incoming::Pop3(server) => server.keep,
        // the files are here anyway: all of their text is searched
        Incoming::Maildir(_) => Keep::All,
        Incoming::None => Keep::Headers,
    };
    Core::new(Parts {
        account: id,
        name: account.name.clone(),
        keep,
        role_overrides: account.mailboxes.clone(),
        is_local: matches!(account.incoming, Incoming::Maildir(_)),
        headers_only: common.headers_only,
        writer: common.writer.clone(),
        readers: common.readers.clone(),
        out: common.out.clone(),
        pages: common.pages.clone(),
        clock: common.clock.clone(),
        rested: common.rested.clone(),
        peers: common.peers.clone(),
    })
}

/// The inbox exists on every server, so its first page need not wait for the list of mailboxes.
async fn create_inbox(core: &Core) -> Result<(), StoreError> {
    let account = core.account;
    let known: Vec<MailboxId> = core
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
    };
    core.writer.set_mailboxes(account, vec![inbox], core.role_overrides.clone()).await?;
    core.out.send(super::WorkerEvent::MailboxesChanged { account }).await;
    Ok(())
}

fn supervisor<C: Connect>(common: &Common, core: Arc<Core>, connect: Arc<C>, wants_b: bool, retry: Arc<Notify>) -> Supervisor<C> {
    Supervisor {
        folder: Some(folder(&common.writer)),
        core,
        connect,
        offline: common.offline,
        wants_b,
        seed: common.seed,
        retry,
        stop: common.stop.clone(),
    }
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
        Incoming::Pop3(_) => Err(RemoteError::Rejected("POP3 is still to come".into())),
        Incoming::None => Err(RemoteError::Rejected("the account names no server and no Maildir that can be used".into())),
    }
}

async fn abilities(connect: impl Connect) -> Result<Abilities, RemoteError> {
    let remote = connect.connect(None).await?;
    let abilities = remote.abilities();
    remote.close().await;
    Ok(abilities)
}
