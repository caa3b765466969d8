//! A server that shows most of a mailbox no more, for a while or for good, whatever way it has to tell.

use std::sync::{Arc, Mutex};

use postrider::mail::{MailboxId, MessageId};
use postrider::store::Paths;

use super::client::{Client, STEPS, ram, server, sync, sync_now};
use super::server::{Random, World};

const MAILBOX: &str = "Lists";

fn shown(client: &Client) -> Vec<MessageId> {
    let mailbox: MailboxId = client.mailboxes().into_iter().find(|(_, _, wire)| wire == MAILBOX).unwrap().1;
    client.shown(mailbox).iter().map(|one| one.id).collect()
}

async fn play(seed: u64, random: &mut Random, world: &World, paths: Paths) -> Result<(), String> {
    for _ in 0..150 {
        world.0.lock().unwrap().deliver(MAILBOX);
    }
    let mut client = sync(Client::open(paths, vec![world.clone()]).await, random, true, STEPS).await?;
    let before = shown(&client);
    let lost = std::mem::take(&mut world.0.lock().unwrap().mailboxes.get_mut(MAILBOX).unwrap().messages);
    if before.len() < 150 || lost.len() != before.len() {
        return Err(format!("{} of {} were shown", before.len(), lost.len()));
    }
    for _ in 0..2 {
        client = sync_now(client, random).await?;
        if shown(&client) != before {
            return Err(format!("{} are left at the first look", shown(&client).len()));
        }
    }
    let comes_back = seed.is_multiple_of(2);
    if comes_back {
        world.0.lock().unwrap().mailboxes.get_mut(MAILBOX).unwrap().messages = lost;
    }
    client = sync(client, random, true, STEPS).await?;
    let after = shown(&client);
    match comes_back {
        true if after != before => Err(format!("{} are left though all of them came back", after.len())),
        false if !after.is_empty() => Err(format!("{} are left for ever", after.len())),
        _ => Ok(()),
    }
}

/// Plays one; `Err` is what went wrong.
pub fn shrink(seed: u64) -> Result<(), String> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let mut random = Random::new(seed);
    // each way to tell with each ending
    let world = server(seed / 2, 0, &log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let folder = tempfile::Builder::new().prefix("world").tempdir_in(ram()).unwrap();
    let result = runtime.block_on(play(seed, &mut random, &world, Paths::in_folder(folder.path())));
    result.map_err(|why| {
        let log = log.lock().unwrap();
        format!("seed {seed} ({:?}): {why}\n{}", world.0.lock().unwrap().telling, log[log.len().saturating_sub(60)..].join("\n"))
    })
}
