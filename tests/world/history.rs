//! One history: what the user and a second client do, at random, and what must hold at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use postrider::mail::{Change, Flags, MailboxId, MessageId, Summary};
use postrider::store::Paths;

use super::client::{Client, STEPS, ram, server, sync};
use super::server::{Mailbox, NAMES, NUMBERS, Random, Server, Trouble, World, flag};
use super::wide;

/// What a history may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only the user, cuts, crashes and servers that put off: every wish comes true.
    Calm,
    /// A second client, renumbered mailboxes, refusals, undo and redo too.
    Wild,
    /// What the seed draws of all that, and of what `wide.rs` names.
    Wide,
}

/// What must hold at the end.
#[derive(Default)]
pub struct Ledger {
    /// Copies the user made of each message.
    copies: BTreeMap<u64, usize>,
    /// Deleted for ever by anyone.
    deleted: BTreeSet<u64>,
    /// How often another client moved a message or renumbered its mailbox.
    pub disturbed: BTreeMap<u64, usize>,
    /// Calm histories: what the user last wanted of each row.
    wanted: BTreeMap<MessageId, Option<Placed>>,
}

impl Ledger {
    /// How many more of it than one there may be. Beside the copies that the user made: what was put somewhere by a
    /// command whose answer was lost, or by an append (half a move between servers, with no way to do both at
    /// once), and then moved away by another client before we looked, can't be recognized and is done again; a server
    /// that refuses the second half of a move leaves both.
    fn most_doubles(&self, number: u64, servers: &[std::sync::MutexGuard<'_, Server>]) -> usize {
        let of = |counts: &BTreeMap<u64, usize>| counts.get(&number).copied().unwrap_or_default();
        let unsure: usize = servers.iter().map(|server| of(&server.unanswered) + of(&server.appended)).sum();
        let halves: usize = servers.iter().map(|server| of(&server.halves)).sum();
        of(&self.copies) + unsure.min(of(&self.disturbed)) + halves
    }
}

/// Number, mailbox and flags.
type Placed = (u64, MailboxId, Flags);

fn placed(summary: &Summary) -> Placed {
    (message_number(summary), summary.mailbox, summary.flags.clone())
}

pub fn message_number(summary: &Summary) -> u64 {
    let id = summary.rfc_message_id.as_deref().unwrap_or_default();
    id.split('@').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// Plays one history; `Err` is what went wrong, with the seed and the last verbs.
pub fn history(mode: Mode, seed: u64) -> Result<(), String> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut random = Random::new(seed ^ 0x5eed);
    let worlds: Vec<World> = (0..1 + usize::from(random.percent(50))).map(|index| server(seed, index, &log)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let folder = tempfile::Builder::new().prefix("world").tempdir_in(ram()).unwrap();
    let result = match mode {
        Mode::Wide => runtime.block_on(wide::play(&mut random, &worlds, folder.path(), &log)),
        _ => runtime.block_on(play(mode, &mut random, &worlds, Paths::in_folder(folder.path()), &log)),
    };
    result.map_err(|why| {
        let log = log.lock().unwrap();
        let shown = usize::try_from(super::number("POSTRIDER_LINES").unwrap_or(150)).unwrap();
        let last = log.get(log.len().saturating_sub(shown)..).unwrap_or_default();
        format!("seed {seed} ({mode:?}): {why}\nlast verbs:\n{}", last.join("\n"))
    })
}

pub type Log = Mutex<Vec<String>>;

pub fn trouble(worlds: &[World], trouble: Trouble) {
    worlds.iter().for_each(|world| world.0.lock().unwrap().trouble = trouble);
}

async fn play(mode: Mode, random: &mut Random, worlds: &[World], paths: Paths, log: &Log) -> Result<(), String> {
    let mut ledger = Ledger::default();
    let client = Client::open(paths, worlds.to_vec()).await;
    let mut client = sync(client, random, true, STEPS).await?;
    let refuse = if mode == Mode::Wild { 3 } else { 0 };
    trouble(worlds, Trouble { cut_before: 4, cut_after: 6, crash: 4, not_now: 3, refuse, misled: 0 });
    for _ in 0..random.below(40) + 10 {
        match random.below(10) {
            0..5 => user(mode, &client, random, &mut ledger, log).await?,
            5..7 if mode == Mode::Wild => second_client(random, &mut ledger, random_world(worlds, random.clone())),
            5 => {
                let name = *random.pick(&NAMES).unwrap();
                random.pick(worlds).unwrap().0.lock().unwrap().deliver(name);
            }
            _ => {
                let (fresh, steps) = (random.percent(70), random.below(30) as usize + 1);
                client = sync(client, random, fresh, steps).await?;
            }
        }
    }
    trouble(worlds, Trouble::default());
    log.lock().unwrap().push("== settling".into());
    client = sync(client, random, true, STEPS).await?;
    client = sync(client, random, true, STEPS).await?;
    check(&client, &ledger, worlds)?;
    if mode == Mode::Calm { check_wanted(&client.all(), &ledger, worlds) } else { Ok(()) }
}

/// A world by a copy of the numbers: the numbers themselves go on for who uses it.
fn random_world(worlds: &[World], mut random: Random) -> &World {
    random.below(2);
    random.pick(worlds).unwrap()
}

pub async fn user(mode: Mode, client: &Client, random: &mut Random, ledger: &mut Ledger, log: &Log) -> Result<(), String> {
    let shown = client.all();
    let mailboxes = client.mailboxes();
    let Some((_, to, _)) = random.pick(&mailboxes).cloned() else { return Ok(()) };
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
        8 => {
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
        10 => {
            log.lock().unwrap().push("user: undo".into());
            return client.writer.undo().await.map(|_| ()).map_err(|error| format!("undo: {error}"));
        }
        _ => {
            log.lock().unwrap().push("user: redo".into());
            return client.writer.redo().await.map(|_| ()).map_err(|error| format!("redo: {error}"));
        }
    };
    let numbers: Vec<u64> = chosen.iter().map(message_number).collect();
    let applied = client.writer.apply(change.clone(), "change".into()).await.map_err(|error| format!("{change:?}: {error}"))?;
    log.lock().unwrap().push(format!("user: {change:?} (numbers {numbers:?}): {:?}", applied.inverse));
    let now = client.all();
    let touched = applied.changed.mailboxes.iter().flat_map(|one| one.added.iter().chain(&one.removed).chain(&one.changed)).copied();
    for id in touched {
        let wanted = now.iter().find(|one| one.id == id).map(placed);
        ledger.wanted.insert(id, wanted);
    }
    Ok(())
}

pub fn second_client(random: &mut Random, ledger: &mut Ledger, world: &World) {
    let mut server = world.0.lock().unwrap();
    let name = *random.pick(&NAMES).unwrap();
    let to = *random.pick(&NAMES).unwrap();
    let uids: Vec<u32> = server.mailboxes[name].messages.keys().copied().collect();
    let picked = random.pick(&uids).copied();
    let what = random.below(20);
    server.say(&format!("other: {what} {name} {picked:?} {to}"));
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
            *ledger.disturbed.entry(message.number).or_default() += 1;
            server.mailboxes.get_mut(to).unwrap().add(message);
        }
        (16..18, Some(uid)) => {
            let message = mailbox.messages.remove(&uid).unwrap();
            ledger.deleted.insert(message.number);
        }
        (18, _) => {
            let messages = std::mem::take(&mut mailbox.messages);
            *mailbox = Mailbox::new(mailbox.uid_validity + 1_000);
            mailbox.uid_next = 1 + random.below(50) as u32;
            messages.into_values().for_each(|message| {
                *ledger.disturbed.entry(message.number).or_default() += 1;
                mailbox.add(message);
            });
        }
        _ => {}
    }
}

/// Wanted = stored = server; nothing is lost or doubled.
pub fn check(client: &Client, ledger: &Ledger, worlds: &[World]) -> Result<(), String> {
    let reader = client.writer.reader().unwrap();
    let waiting = reader.waiting(None).unwrap();
    if !waiting.is_empty() {
        return Err(format!("still waiting: {waiting:?}"));
    }
    for (account, id, name) in client.mailboxes() {
        let stored = client.shown(id).into_iter().map(|one| {
            let key = reader.location(one.id).unwrap().and_then(|location| location.key).and_then(|key| key.uid()).map(|uid| uid.0);
            (key, message_number(&one), one.flags)
        });
        let mut stored: Vec<_> = stored.collect();
        stored.sort();
        let world = client.accounts.iter().find(|one| one.id == account).unwrap().world.clone();
        let server = world.0.lock().unwrap();
        let there = server.mailboxes[&name].messages.iter();
        let there: Vec<_> = there.map(|(uid, message)| (Some(*uid), message.number, message.flags.clone())).collect();
        if stored != there {
            return Err(format!("{account} {name} differs:\nstored {stored:?}\nserver {there:?}"));
        }
    }
    let servers: Vec<_> = worlds.iter().map(|world| world.0.lock().unwrap()).collect();
    for (index, server) in servers.iter().enumerate() {
        for number in index as u64 * NUMBERS + 1..server.next_number {
            let count: usize = servers.iter().map(|server| server.count(number)).sum();
            let most = 1 + ledger.most_doubles(number, &servers);
            if count == 0 && !ledger.deleted.contains(&number) {
                return Err(format!("message {number} is lost"));
            }
            if count > most {
                return Err(format!("message {number} is there {count} times instead of at most {most}"));
            }
        }
    }
    Ok(())
}

/// Calm histories: every row the user touched is where and how it was last wanted. A message that was copied is
/// looked for by its number: of two equal messages in one mailbox whose new uids were not told (no COPYUID, or the
/// answer was lost) nothing tells which was which. Where the answer to its copying was lost, its equal copies may
/// even have exchanged their flags (seed 225): their number in each mailbox must still be right.
pub fn check_wanted(shown: &[Summary], ledger: &Ledger, worlds: &[World]) -> Result<(), String> {
    let mut left: Vec<(MessageId, Placed)> = shown.iter().map(|one| (one.id, placed(one))).collect();
    for (id, wanted) in ledger.wanted.iter().filter_map(|(id, placed)| Some((id, placed.as_ref()?))) {
        let is_single = !ledger.copies.contains_key(&wanted.0);
        let is_unsure = !is_single && worlds.iter().any(|world| world.0.lock().unwrap().unanswered.contains_key(&wanted.0));
        let is_it = |one: &Placed| one == wanted || is_unsure && (one.0, one.1) == (wanted.0, wanted.1);
        match left.iter().position(|(row, one)| is_it(one) && (!is_single || row == id)) {
            Some(at) => {
                left.swap_remove(at);
            }
            None => {
                let same: Vec<_> = left.iter().filter(|(_, one)| one.0 == wanted.0).collect();
                return Err(format!("message row {id} was wanted as {wanted:?}; there are {same:?}"));
            }
        }
    }
    Ok(())
}
