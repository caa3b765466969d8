//! The client side of a history: the real store and the real account steps, driven one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use postrider::config::Keep;
use postrider::events::EventLog;
use postrider::mail::{AccountId, Change, Flags, Listing, MailboxId, MessageId, Summary};
use postrider::remote::Connect;
use postrider::store::{self, Paths, Writer};
use postrider::worker::core::{Core, Parts};
use postrider::worker::plan::{Link, Step};
use postrider::worker::step::{self, StepError};
use postrider::worker::{Clock, Out, Pages, Readers};
use tokio::sync::{Notify, mpsc};

use super::server::{Connection, NAMES, Random, Server, Shared, Trouble, World, flag};

/// What a history may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only the user, cuts and crashes: every wish comes true.
    Calm,
    /// A second client, renumbered mailboxes, undo and redo too.
    Wild,
}

/// More steps in one round mean that the plan turns in circles.
const STEPS: usize = 3_000;

struct Client {
    paths: Paths,
    writer: Writer,
    core: Arc<Core>,
    account: AccountId,
}

impl Client {
    async fn open(paths: Paths) -> Self {
        let writer = store::open(&paths).expect("the store opens");
        let account = writer.set_accounts(vec!["world".into()]).await.expect("the account")[0];
        let (events, mut heard) = mpsc::channel(64);
        tokio::spawn(async move { while heard.recv().await.is_some() {} });
        let out = Out::new(events, EventLog::default());
        let core = Core::new(Parts {
            account,
            name: "world".into(),
            keep: Keep::Headers,
            role_overrides: BTreeMap::new(),
            is_local: false,
            headers_only: true,
            readers: Readers::new(writer.clone()),
            pages: Pages::new(out.clone()),
            clock: Clock::new(Arc::new(|| 1_800_000_000)),
            rested: Arc::new(Notify::new()),
            peers: Default::default(),
            writer: writer.clone(),
            out,
        });
        core.load_mailboxes().await.expect("mailboxes");
        Self { paths, writer, core, account }
    }

    /// The process dies and starts again.
    async fn crash(self) -> Self {
        let Self { paths, writer, core, .. } = self;
        drop(core);
        writer.stop();
        drop(writer);
        Self::open(paths).await
    }

    /// What the user sees of a mailbox.
    fn shown(&self, mailbox: MailboxId) -> Vec<Summary> {
        let shown = self.core.readers.with_blocking(|reader| {
            let rows = reader.rows(&Listing::mailbox(mailbox, false))?;
            let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
            reader.summaries(&ids)
        });
        shown.unwrap()
    }

    fn mailboxes(&self) -> Vec<(MailboxId, String)> {
        let known = self.core.readers.with_blocking(|reader| {
            let known = reader.mailboxes()?.into_iter();
            known.map(|mailbox| Ok((mailbox.id, reader.wire_name(mailbox.id)?.unwrap_or_default()))).collect()
        });
        known.unwrap()
    }

    fn all(&self) -> Vec<Summary> {
        self.mailboxes().into_iter().flat_map(|(id, _)| self.shown(id)).collect()
    }
}

/// One connection after another until nothing is left to do, or `steps` are used up.
async fn sync(mut client: Client, world: &World, steps: usize) -> Result<Client, String> {
    let mut left = steps;
    loop {
        let mut remote = world.connect(None).await.unwrap();
        client.core.reconnect();
        match serve(&client.core, &mut remote, &world.0, &mut left).await? {
            Served::Done => return Ok(client),
            Served::Cut => {}
            Served::Crashed => client = client.crash().await,
        }
        if left == 0 {
            return if steps < STEPS { Ok(client) } else { Err("the plan turns in circles".into()) };
        }
    }
}

enum Served {
    Done,
    Cut,
    Crashed,
}

async fn serve(core: &Arc<Core>, remote: &mut Connection, server: &Shared, left: &mut usize) -> Result<Served, String> {
    while *left > 0 {
        *left -= 1;
        core.poke(|inner| {
            inner.state.push_not_before = 0;
            inner.state.mailboxes.iter_mut().for_each(|mailbox| mailbox.not_before = 0);
        });
        let step = core.next_step(Link::A);
        if step == Step::Wait {
            return Ok(Served::Done);
        }
        let text = format!("{step:?}");
        server.lock().unwrap().verbs.push(format!("-- {text}"));
        let run = step::run(core, remote, Link::A, step);
        let crashed = server.lock().unwrap().crashed.clone();
        let result = tokio::select! {
            biased;
            result = run => result,
            () = crashed.notified() => return Ok(Served::Crashed),
        };
        match result {
            Ok(()) => {}
            Err(StepError::Remote(_)) => return Ok(Served::Cut),
            Err(StepError::Store(error)) => return Err(format!("{text}: {error}")),
        }
    }
    Ok(Served::Done)
}

/// What must hold at the end.
#[derive(Default)]
struct Ledger {
    /// Copies the user made of each message.
    copies: BTreeMap<u64, usize>,
    /// Deleted for ever by anyone.
    deleted: BTreeSet<u64>,
    /// Calm histories: what the user last wanted of each row.
    wanted: BTreeMap<MessageId, Option<Placed>>,
}

/// Number, mailbox and flags. Not the row id: of two equal messages in one mailbox a server that does not tell
/// new uids makes it undecidable which was which.
type Placed = (u64, MailboxId, Flags);

fn placed(summary: &Summary) -> Placed {
    (message_number(summary), summary.mailbox, summary.flags.clone())
}

fn message_number(summary: &Summary) -> u64 {
    let id = summary.rfc_message_id.as_deref().unwrap_or_default();
    id.split('@').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Plays one history; `Err` is what went wrong, with the seed and the last verbs.
pub fn history(mode: Mode, seed: u64) -> Result<(), String> {
    let shared: Shared = Arc::new(Mutex::new(Server::new(seed)));
    let world = World(shared.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::Builder::new().prefix("world").tempdir_in(ram()).unwrap();
    let result = runtime.block_on(play(mode, seed, &world, Paths::in_folder(folder.path())));
    result.map_err(|why| {
        let server = shared.lock().unwrap();
        let last = server.verbs.len().saturating_sub(150);
        format!("seed {seed} ({mode:?}): {why}\nlast verbs:\n{}", server.verbs[last..].join("\n"))
    })
}

/// A file system in memory where there is one.
fn ram() -> std::path::PathBuf {
    let ram = std::path::PathBuf::from("/dev/shm");
    if ram.is_dir() { ram } else { std::env::temp_dir() }
}

async fn play(mode: Mode, seed: u64, world: &World, paths: Paths) -> Result<(), String> {
    let mut random = Random::new(seed ^ 0x5eed);
    let mut ledger = Ledger::default();
    let mut client = sync(Client::open(paths).await, world, STEPS).await?;
    world.0.lock().unwrap().trouble = Trouble { cut_before: 4, cut_after: 6, crash: 4, not_now: 3 };
    for _ in 0..random.below(40) + 10 {
        match random.below(10) {
            0..5 => user(mode, &client, &mut random, &mut ledger, world).await?,
            5..7 if mode == Mode::Wild => second_client(&mut random, &mut ledger, world),
            5 => {
                let name = *random.pick(&NAMES).unwrap();
                world.0.lock().unwrap().deliver(name);
            }
            _ => {
                let steps = random.below(30) as usize + 1;
                client = sync(client, world, steps).await?;
            }
        }
    }
    world.0.lock().unwrap().trouble = Trouble::default();
    world.0.lock().unwrap().verbs.push("== settling".into());
    client = sync(client, world, STEPS).await?;
    client = sync(client, world, STEPS).await?;
    check(&client, &ledger, world)?;
    if mode == Mode::Calm { check_wanted(&client.all(), &ledger.wanted) } else { Ok(()) }
}

async fn user(mode: Mode, client: &Client, random: &mut Random, ledger: &mut Ledger, world: &World) -> Result<(), String> {
    let shown = client.all();
    let mailboxes = client.mailboxes();
    let Some((to, _)) = random.pick(&mailboxes).cloned() else { return Ok(()) };
    let mut chosen: Vec<Summary> = Vec::new();
    for _ in 0..random.below(3) + 1 {
        if let Some(one) = random.pick(&shown).filter(|one| !chosen.iter().any(|other| other.id == one.id)) {
            chosen.push(one.clone());
        }
    }
    if chosen.is_empty() {
        return Ok(());
    }
    let ids: Vec<MessageId> = chosen.iter().map(|one| one.id).collect();
    let change = match random.below(12) {
        0..4 => {
            let (add, remove) = (flag(random), flag(random));
            let remove = remove.without(&add);
            Change::Flags { ids, add, remove }
        }
        4..8 => Change::Move { ids, to },
        // where new uids are not told, equal messages in one mailbox can't be told apart: see store's rematching
        8 if world.0.lock().unwrap().has_copyuid => {
            chosen.iter().for_each(|one| *ledger.copies.entry(message_number(one)).or_default() += 1);
            Change::Copy { ids, to }
        }
        9 => {
            chosen.iter().for_each(|one| {
                ledger.deleted.insert(message_number(one));
            });
            Change::Delete { ids }
        }
        _ if mode == Mode::Calm => return Ok(()),
        8 | 10 => {
            world.0.lock().unwrap().verbs.push("user: undo".into());
            return client.writer.undo().await.map(|_| ()).map_err(|error| format!("undo: {error}"));
        }
        _ => {
            world.0.lock().unwrap().verbs.push("user: redo".into());
            return client.writer.redo().await.map(|_| ()).map_err(|error| format!("redo: {error}"));
        }
    };
    world.0.lock().unwrap().verbs.push(format!("user: {change:?} (numbers {:?})", chosen.iter().map(message_number).collect::<Vec<_>>()));
    let applied = client.writer.apply(change.clone(), "change".into()).await.map_err(|error| format!("{change:?}: {error}"))?;
    let now = client.all();
    let touched = applied.changed.mailboxes.iter().flat_map(|one| one.added.iter().chain(&one.removed).chain(&one.changed)).copied();
    for id in touched {
        let wanted = now.iter().find(|one| one.id == id).map(placed);
        ledger.wanted.insert(id, wanted);
    }
    Ok(())
}

fn second_client(random: &mut Random, ledger: &mut Ledger, world: &World) {
    let mut server = world.0.lock().unwrap();
    let name = *random.pick(&NAMES).unwrap();
    let to = *random.pick(&NAMES).unwrap();
    let uids: Vec<u32> = server.mailboxes[name].messages.keys().copied().collect();
    let picked = random.pick(&uids).copied();
    let what = random.below(20);
    server.verbs.push(format!("other: {what} {name} {picked:?} {to}"));
    let mailbox = server.mailboxes.get_mut(name).unwrap();
    match (what, picked) {
        (0..5, _) | (_, None) => {
            server.deliver(name);
        }
        (5..11, Some(uid)) => {
            let message = mailbox.messages.get_mut(&uid).unwrap();
            message.flags = message.flags.with(&flag(random)).without(&flag(random));
        }
        (11..16, Some(uid)) if name != to => {
            let message = mailbox.messages.remove(&uid).unwrap();
            server.mailboxes.get_mut(to).unwrap().add(message);
        }
        (16..18, Some(uid)) => {
            let message = mailbox.messages.remove(&uid).unwrap();
            ledger.deleted.insert(message.number);
        }
        (18, _) => {
            mailbox.uid_validity += 1_000;
            let messages = std::mem::take(&mut mailbox.messages);
            mailbox.uid_next = 1 + random.below(50) as u32;
            messages.into_values().for_each(|message| {
                mailbox.add(message);
            });
        }
        _ => {}
    }
}

/// Wanted = stored = server; the ledger holds.
fn check(client: &Client, ledger: &Ledger, world: &World) -> Result<(), String> {
    let server = world.0.lock().unwrap();
    let reader = client.writer.reader().unwrap();
    let waiting = reader.waiting(Some(client.account)).unwrap();
    if !waiting.is_empty() {
        return Err(format!("still waiting: {waiting:?}"));
    }
    for (id, name) in client.mailboxes() {
        let stored = client.shown(id).into_iter().map(|one| {
            let key = reader.location(one.id).unwrap().and_then(|location| location.key).and_then(|key| key.uid()).map(|uid| uid.0);
            (key, message_number(&one), one.flags)
        });
        let mut stored: Vec<_> = stored.collect();
        stored.sort();
        let there = server.mailboxes[&name].messages.iter();
        let there: Vec<_> = there.map(|(uid, message)| (Some(*uid), message.number, message.flags.clone())).collect();
        if stored != there {
            return Err(format!("{name} differs:\nstored {stored:?}\nserver {there:?}"));
        }
    }
    for number in 1..server.next_number {
        let (count, most) = (server.count(number), 1 + ledger.copies.get(&number).copied().unwrap_or(0));
        if count == 0 && !ledger.deleted.contains(&number) {
            return Err(format!("message {number} is lost"));
        }
        if count > most {
            return Err(format!("message {number} is there {count} times instead of at most {most}"));
        }
    }
    Ok(())
}

/// Calm histories: every message the user touched is where and how it was last wanted.
fn check_wanted(shown: &[Summary], wanted: &BTreeMap<MessageId, Option<Placed>>) -> Result<(), String> {
    let mut shown: Vec<Placed> = shown.iter().map(placed).collect();
    for (id, placed) in wanted.iter().filter_map(|(id, placed)| Some((id, placed.as_ref()?))) {
        match shown.iter().position(|one| one == placed) {
            Some(at) => {
                shown.swap_remove(at);
            }
            None => return Err(format!("message row {id} was wanted as {placed:?}; left over are {shown:?}")),
        }
    }
    Ok(())
}
