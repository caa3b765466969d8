//! The client side of a history: the real store and the real account steps, driven one by one; time is a
//! paused clock that goes on when nothing else does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use postrider::config::{Account as Configured, Incoming};
use postrider::events::EventLog;
use postrider::mail::{AccountId, Listing, MailboxId, MessageId, Summary};
use postrider::remote::Connect;
use postrider::store::{self, Paths, Writer};
use postrider::worker::core::{Common, Core};
use postrider::worker::plan::{Link, Step};
use postrider::worker::step::{self, StepError};
use postrider::worker::{Clock, Jobs, Out, Pages, Readers};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::server::{Connection, Random, Server, Shared, World};

/// More steps in one round mean that the plan turns in circles.
pub const STEPS: usize = 3_000;
/// Steps of one account before the other has its turn.
const TURN: u64 = 6;

pub struct Client {
    paths: Paths,
    start: Instant,
    pub writer: Writer,
    pub readers: Readers,
    pub accounts: Vec<Account>,
}

/// One account of the client and its server.
pub struct Account {
    pub core: Arc<Core>,
    pub id: AccountId,
    pub world: World,
    connection: Option<Connection>,
}

const NAMES: [&str; 2] = ["first", "second"];

/// A wall clock that goes on with the paused one.
fn clock(start: Instant) -> Clock {
    Clock::new(Arc::new(move || 1_800_000_000 + i64::try_from(start.elapsed().as_secs()).unwrap()))
}

fn config(name: &str) -> Configured {
    Configured {
        name: name.into(),
        address: "ada@example.org".into(),
        display_name: String::new(),
        signature: None,
        authserv_id: None,
        incoming: Incoming::None,
        outgoing: postrider::config::Outgoing::None,
        sent_copy: true,
        mailboxes: Default::default(),
    }
}

impl Client {
    pub async fn open(paths: Paths, worlds: Vec<World>) -> Self {
        Self::open_at(paths, worlds, Instant::now()).await
    }

    async fn open_at(paths: Paths, worlds: Vec<World>, start: Instant) -> Self {
        let writer = store::open(&paths).expect("the store opens");
        let names = NAMES.iter().take(worlds.len()).map(|name| (*name).to_owned()).collect();
        let ids = writer.set_accounts(names).await.expect("the accounts");
        let (events, mut heard) = mpsc::channel(64);
        tokio::spawn(async move { while heard.recv().await.is_some() {} });
        let out = Out::new(events, EventLog::default());
        let (_, stop) = watch::channel(false);
        let common = Common {
            readers: Readers::new(writer.clone()),
            pages: Pages::new(out.clone(), Default::default()),
            hand: Default::default(),
            jobs: Jobs::new(out.clone()),
            clock: clock(start),
            rested: Arc::new(Notify::new()),
            peers: Default::default(),
            trace: None,
            seed: 1,
            offline: false,
            headers_only: true,
            writer: writer.clone(),
            out,
            stop,
        };
        let mut accounts = Vec::new();
        for ((id, world), name) in ids.into_iter().zip(worlds).zip(NAMES) {
            let core = Core::new(&common, id, &config(name));
            core.load_mailboxes().await.expect("mailboxes");
            accounts.push(Account { core, id, world, connection: None });
        }
        Self { paths, start, writer, readers: common.readers, accounts }
    }

    /// The process dies and starts again.
    pub async fn crash(self) -> Self {
        let Self { paths, start, writer, accounts, readers } = self;
        let worlds = accounts.into_iter().map(|account| account.world).collect();
        drop(readers);
        writer.stop();
        drop(writer);
        Self::open_at(paths, worlds, start).await
    }

    /// What the user sees of a mailbox.
    pub fn shown(&self, mailbox: MailboxId) -> Vec<Summary> {
        let shown = self.readers.with_blocking(|reader| {
            let rows = reader.rows(&Listing::mailbox(mailbox, false))?;
            let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
            reader.summaries(&ids)
        });
        shown.unwrap()
    }

    /// Account, id and wire name of every mailbox.
    pub fn mailboxes(&self) -> Vec<(AccountId, MailboxId, String)> {
        let known = self.readers.with_blocking(|reader| {
            let known = reader.mailboxes()?.into_iter();
            known.map(|mailbox| Ok((mailbox.account, mailbox.id, reader.wire_name(mailbox.id)?.unwrap_or_default()))).collect()
        });
        known.unwrap()
    }

    pub fn all(&self) -> Vec<Summary> {
        self.mailboxes().into_iter().flat_map(|(_, id, _)| self.shown(id)).collect()
    }

    fn drop_connections(&mut self) {
        self.accounts.iter_mut().for_each(|account| account.connection = None);
    }

    /// The earliest time at which some account could go on.
    fn next_time(&self) -> Option<Duration> {
        let waits = self.accounts.iter().filter_map(|account| {
            let mut inner = account.core.lock();
            inner.state.now = account.core.common.clock.mono();
            inner.state.next_time().map(|at| at.saturating_sub(inner.state.now))
        });
        waits.min().map(|milliseconds| Duration::from_millis(milliseconds + 1))
    }

    /// Lets what was fetched for another account arrive there, so that histories don't depend on threads.
    pub async fn let_bytes_arrive(&self) {
        let count = |of: fn(&Core) -> usize| self.accounts.iter().map(|account| of(&account.core)).sum::<usize>();
        loop {
            tokio::task::yield_now().await;
            if count(|core| core.lock().bringing.len()) == count(|core| core.lock().raws.len()) {
                return;
            }
        }
    }
}

enum Turn {
    /// It waits.
    Rest,
    Goes,
    Crashed,
}

/// Runs steps of all accounts in turns until nothing is left to do, or `steps` are used up. `fresh`: over new
/// connections.
pub async fn sync(client: Client, random: &mut Random, fresh: bool, steps: usize) -> Result<Client, String> {
    run_until(client, random, fresh, steps, true).await
}

/// The same over a new connection, until nothing is left to do at this moment.
pub async fn sync_now(client: Client, random: &mut Random) -> Result<Client, String> {
    run_until(client, random, true, STEPS, false).await
}

async fn run_until(mut client: Client, random: &mut Random, fresh: bool, steps: usize, waits: bool) -> Result<Client, String> {
    if fresh {
        client.drop_connections();
    } else {
        client.accounts.iter().for_each(|account| account.core.sync());
    }
    let mut left = steps;
    while left > 0 {
        let mut is_resting = true;
        let first = usize::try_from(random.below(client.accounts.len() as u64)).unwrap();
        for at in 0..client.accounts.len() {
            let at = (at + first) % client.accounts.len();
            let turn = usize::try_from(random.below(TURN)).unwrap() + 1;
            match take_turn(&mut client.accounts[at], turn.min(left), &mut left).await? {
                Turn::Rest => {}
                Turn::Goes => is_resting = false,
                Turn::Crashed => {
                    client = client.crash().await;
                    is_resting = false;
                    break;
                }
            }
            client.let_bytes_arrive().await;
        }
        if !is_resting {
            continue;
        }
        match client.next_time().filter(|_| waits) {
            Some(time) => tokio::time::advance(time).await,
            None => return Ok(client),
        }
    }
    if steps < STEPS { Ok(client) } else { Err("the plan turns in circles".into()) }
}

async fn take_turn(account: &mut Account, steps: usize, left: &mut usize) -> Result<Turn, String> {
    let Account { core, world, connection, .. } = account;
    let remote = match connection {
        Some(remote) => remote,
        None => {
            core.reconnect();
            connection.insert(world.connect(None).await.unwrap())
        }
    };
    for done in 0..steps {
        let step = core.next_step(Link::A);
        if step == Step::Wait {
            return Ok(if done == 0 { Turn::Rest } else { Turn::Goes });
        }
        *left = left.saturating_sub(1);
        match run(core, remote, &world.0, step).await? {
            None => return Ok(Turn::Crashed),
            Some(true) => {}
            Some(false) => {
                *connection = None;
                return Ok(Turn::Goes);
            }
        }
    }
    Ok(Turn::Goes)
}

/// Runs a step: whether the connection is still good; None: the client crashed.
async fn run(core: &Arc<Core>, remote: &mut Connection, server: &Shared, step: Step) -> Result<Option<bool>, String> {
    let text = format!("{step:?}");
    server.lock().unwrap().say(&format!("-- {text}"));
    let crashed = server.lock().unwrap().crashed.clone();
    let result = tokio::select! {
        biased;
        result = step::run(core, remote, Link::A, step) => result,
        () = crashed.notified() => return Ok(None),
    };
    match result {
        Ok(()) => Ok(Some(true)),
        Err(StepError::Remote(_)) => Ok(Some(false)),
        Err(StepError::Store(error)) => Err(format!("{text}: {error}")),
    }
}

/// A file system in memory where there is one.
pub fn ram() -> std::path::PathBuf {
    let ram = std::path::PathBuf::from("/dev/shm");
    if ram.is_dir() { ram } else { std::env::temp_dir() }
}

pub fn server(seed: u64, index: usize, log: &Arc<Mutex<Vec<String>>>) -> World {
    World(Arc::new(Mutex::new(Server::new(seed, index, log.clone()))))
}
