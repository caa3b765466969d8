//! A week without a server: two hundred changes to messages and mailboxes, a kill in the middle and one before going online,
//! while another client changes half of the mail. Then server and store agree with the merge of both, or the conflict is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use postrider::mail::flags::merge;
use postrider::mail::{Change, Flags, MailboxWish, MessageId, Summary};
use postrider::store::Paths;

use super::client::{Client, STEPS, ram, server, sync};
use super::server::{NAMES, Random, Trouble, World, flag};

/// Messages at the start, and changes made offline.
const MAIL: u64 = 120;
const CHANGES: u64 = 200;

/// Where a message is (wire name; None: deleted) and its flags.
type Place = (Option<String>, Flags);

pub fn offline(seed: u64) -> Result<(), String> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut random = Random::new(seed ^ 0x0ff1);
    let world = server(seed, 0, &log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let folder = tempfile::Builder::new().prefix("offline").tempdir_in(ram()).unwrap();
    let result = runtime.block_on(play(&mut random, &world, Paths::in_folder(folder.path())));
    result.map_err(|why| {
        let log = log.lock().unwrap();
        format!("seed {seed}: {why}\nlast verbs:\n{}", log[log.len().saturating_sub(120)..].join("\n"))
    })
}

fn number(summary: &Summary) -> u64 {
    summary.rfc_message_id.as_deref().and_then(|id| id.split('@').next()?.parse().ok()).unwrap_or_default()
}

/// What the server has now, by number.
fn on_server(world: &World) -> BTreeMap<u64, Place> {
    let server = world.0.lock().unwrap();
    let each = server.mailboxes.iter().flat_map(|(name, mailbox)| mailbox.messages.values().map(move |message| (name, message)));
    each.map(|(name, message)| (message.number, (Some(name.clone()), message.flags.clone()))).collect()
}

/// What the user sees, by number, in the names that the mailboxes are to have.
fn seen(client: &Client) -> BTreeMap<u64, Place> {
    let names = client.readers.with_blocking(|reader| reader.mailboxes()).unwrap();
    let name = |summary: &Summary| {
        let name = names.iter().find(|mailbox| mailbox.id == summary.mailbox).unwrap().name.clone();
        if name == "Inbox" { "INBOX".to_owned() } else { name }
    };
    client.all().iter().map(|summary| (number(summary), (Some(name(summary)), summary.flags.clone()))).collect()
}

async fn apply(client: &Client, change: Change) -> Result<(), String> {
    client.writer.apply(change.clone(), "change".into()).await.map(drop).map_err(|error| format!("{change:?}: {error}"))
}

async fn play(random: &mut Random, world: &World, paths: Paths) -> Result<(), String> {
    for _ in 0..MAIL {
        let name = *random.pick(&NAMES).unwrap();
        world.0.lock().unwrap().deliver(name);
    }
    let client = Client::open(paths, vec![world.clone()]).await;
    let mut client = sync(client, random, true, STEPS).await?;
    let base = on_server(world);
    let account = client.accounts[0].id;
    let lists = client.mailboxes().into_iter().find(|(_, _, wire)| wire == "Lists").unwrap().1;
    for at in 0..CHANGES {
        match at {
            40 => apply(&client, wish(MailboxWish::Create { account, name: "Projects".into(), id: None })).await?,
            90 => apply(&client, wish(MailboxWish::Rename { id: lists, to: "Projects/Lists".into() })).await?,
            // killed: nothing is said goodbye to
            120 => client = client.crash().await,
            _ => user(&client, random).await?,
        }
    }
    let client = client.crash().await;
    let mine = seen(&client);
    let touched = second_client(random, world);
    let theirs = on_server(world);
    world.0.lock().unwrap().trouble = Trouble { cut_before: 5, cut_after: 5, crash: 3, not_now: 2, refuse: 0, misled: 0 };
    let mut client = client;
    for _ in 0..3 {
        client = sync(client, random, true, 150).await?;
    }
    world.0.lock().unwrap().trouble = Trouble::default();
    for _ in 0..2 {
        client = sync(client, random, true, STEPS).await?;
    }
    check(&client, world, &base, &mine, &theirs, &touched)
}

fn wish(wish: MailboxWish) -> Change {
    Change::Mailbox { wish, rows: Vec::new() }
}

async fn user(client: &Client, random: &mut Random) -> Result<(), String> {
    let shown = client.all();
    let targets = client.mailboxes();
    let ids: BTreeSet<MessageId> = (0..random.below(2) + 1).filter_map(|_| random.pick(&shown).map(|one| one.id)).collect();
    let ids: Vec<MessageId> = ids.into_iter().collect();
    let to = random.pick(&targets).unwrap().1;
    let change = match random.below(10) {
        0..5 => {
            let add = flag(random);
            let remove = flag(random).without(&add);
            Change::Flags { ids, add, remove }
        }
        5..9 => Change::Move { ids, to },
        _ => Change::Delete { ids },
    };
    apply(client, change).await
}

/// Half of the mail: flags, moves, deletions. The numbers that were moved or deleted.
fn second_client(random: &mut Random, world: &World) -> BTreeSet<u64> {
    let mut server = world.0.lock().unwrap();
    let mut touched = BTreeSet::new();
    for name in NAMES {
        let uids: Vec<u32> = server.mailboxes[name].messages.keys().copied().collect();
        for uid in uids {
            let to = *random.pick(&NAMES).unwrap();
            let mailbox = server.mailboxes.get_mut(name).unwrap();
            match random.below(8) {
                0..2 => {
                    let message = mailbox.messages.get_mut(&uid).unwrap();
                    message.flags = message.flags.with(&flag(random));
                }
                2 if name != to => {
                    let message = mailbox.messages.remove(&uid).unwrap();
                    touched.insert(message.number);
                    server.mailboxes.get_mut(to).unwrap().add(message);
                }
                3 => {
                    touched.insert(mailbox.messages.remove(&uid).unwrap().number);
                }
                _ => {}
            }
        }
    }
    server.deliver("Lists");
    touched
}

fn check(
    client: &Client,
    world: &World,
    base: &BTreeMap<u64, Place>,
    mine: &BTreeMap<u64, Place>,
    theirs: &BTreeMap<u64, Place>,
    touched: &BTreeSet<u64>,
) -> Result<(), String> {
    let waits = client.readers.with_blocking(|reader| reader.waits()).unwrap();
    if !waits.groups.is_empty() {
        return Err(format!("still waiting: {:?}", waits.groups));
    }
    let (there, shown) = (on_server(world), seen(client));
    if there != shown {
        return Err(format!("differs:\nserver {there:?}\nshown  {shown:?}"));
    }
    let names: Vec<String> = world.0.lock().unwrap().mailboxes.keys().cloned().collect();
    if names != ["Archive", "INBOX", "Projects", "Projects/Lists", "Trash"] {
        return Err(format!("the server's mailboxes are {names:?}"));
    }
    let now_called =
        |name: &Option<String>| name.as_ref().map(|name| if name == "Lists" { "Projects/Lists".to_owned() } else { name.clone() });
    let gone = || (None, Flags::default());
    let mut conflicts = 0;
    for (number, (place, flags)) in base {
        let (want, has) = (mine.get(number).cloned().unwrap_or_else(gone), theirs.get(number).cloned().unwrap_or_else(gone));
        let expected = match touched.contains(number) {
            // the other was first, and what we wanted of it came to nothing
            true => {
                conflicts += usize::from(now_called(place) != want.0 && want.0.is_some());
                (now_called(&has.0), has.1)
            }
            false if want.0.is_none() => gone(),
            false => (want.0, merge(flags, &want.1, &has.1)),
        };
        let is = there.get(number).cloned().unwrap_or_else(gone);
        if is.0 != expected.0 || is.0.is_some() && is.1 != expected.1 {
            return Err(format!("message {number} is {is:?}; it was {place:?} {flags:?}, expected {expected:?}"));
        }
    }
    let told: usize = waits.mishaps.iter().map(|mishap| mishap.why.split("; ").count()).sum();
    // moves of what another took first; those that a crash made forget what was asked of them are few
    if conflicts > 5 && told == 0 {
        return Err(format!("{conflicts} conflicts, told are {:?}", waits.mishaps));
    }
    Ok(())
}
