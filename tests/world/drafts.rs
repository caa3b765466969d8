//! A draft saved again and again against a server that cuts, refuses, puts off and loses answers, and a client that
//! crashes: at every moment the server has the draft, and in the end its newest copy alone.

use std::sync::{Arc, Mutex};

use postrider::mail::{Envelope, FlagBits, Flags, Keywords, MailboxId, MessageId};
use postrider::store::{Paths, Written};

use super::client::{Client, STEPS, ram, server, sync};
use super::server::{Random, Trouble, World, header, received};

const DRAFTS: &str = "Archive";

/// The copies on the server, by what was last written into them.
fn copies(world: &World, number: u64) -> Vec<u64> {
    let server = world.0.lock().unwrap();
    let drafts = server.mailboxes[DRAFTS].messages.values().filter(|message| message.number == number);
    drafts.map(|message| message.flags.keywords.iter().find_map(|word| word.strip_prefix("rev")?.parse().ok()).unwrap_or(0)).collect()
}

fn mailbox(client: &Client) -> MailboxId {
    client.mailboxes().into_iter().find(|(_, _, wire)| wire == DRAFTS).unwrap().1
}

fn shown(client: &Client, number: u64) -> Vec<MessageId> {
    let wanted = format!("{number}@world.example");
    let shown = client.shown(mailbox(client));
    shown.iter().filter(|one| one.rfc_message_id.as_deref() == Some(wanted.as_str())).map(|one| one.id).collect()
}

/// The user leaves the draft once more.
async fn leave(client: &Client, number: u64, revision: u64) {
    let envelope =
        Envelope { subject: format!("number {number}"), rfc_message_id: Some(format!("{number}@world.example")), ..Envelope::default() };
    let mut bytes = header(number);
    bytes.resize(usize::try_from(500 + number).unwrap(), b'x');
    let flags = Flags { bits: FlagBits::DRAFT.with(FlagBits::SEEN), keywords: Keywords::new([format!("rev{revision}").as_str()]) };
    let written = Written { envelope, flags, received: received(number), bytes };
    let replaced = shown(client, number).last().copied();
    client.writer.add_written(None, mailbox(client), written, replaced).await.unwrap();
}

async fn play(random: &mut Random, world: &World, paths: Paths) -> Result<(), String> {
    let number = world.0.lock().unwrap().deliver(DRAFTS);
    let mut client = sync(Client::open(paths, vec![world.clone()]).await, random, true, STEPS).await?;
    let trouble = Trouble { cut_before: 8, cut_after: 10, crash: 6, not_now: 6, refuse: 8, misled: 0 };
    world.0.lock().unwrap().trouble = trouble;
    let mut revision = 0;
    for _ in 0..random.below(6) + 2 {
        revision += 1;
        leave(&client, number, revision).await;
        for _ in 0..random.below(6) {
            let (fresh, steps) = (random.percent(50), random.below(4) as usize + 1);
            client = sync(client, random, fresh, steps).await?;
            if copies(world, number).is_empty() {
                return Err(format!("revision {revision}: the server has none"));
            }
            if shown(&client, number).is_empty() {
                return Err(format!("revision {revision}: none is shown"));
            }
        }
    }
    world.0.lock().unwrap().trouble = Trouble::default();
    // what was refused for good is only asked again where it is written again
    revision += 1;
    leave(&client, number, revision).await;
    for _ in 0..2 {
        client = sync(client, random, true, STEPS).await?;
    }
    let (there, here) = (copies(world, number), shown(&client, number).len());
    let newest = there.iter().max().copied();
    if newest != Some(revision) {
        return Err(format!("the server has {there:?}, not revision {revision}"));
    }
    if there.len() > 1 + doubles(world, number) || here != there.len() {
        return Err(format!("the server has {there:?}, {here} are shown"));
    }
    Ok(())
}

/// Refused deletes leave what they were to take away.
fn doubles(world: &World, number: u64) -> usize {
    world.0.lock().unwrap().halves.get(&number).copied().unwrap_or_default()
}

pub fn draft(seed: u64) -> Result<(), String> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (mut random, world) = (Random::new(seed ^ 0xd4af7), server(seed, 0, &log));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let folder = tempfile::Builder::new().prefix("drafts").tempdir_in(ram()).unwrap();
    let result = runtime.block_on(play(&mut random, &world, Paths::in_folder(folder.path())));
    result.map_err(|why| {
        let log = log.lock().unwrap();
        format!("seed {seed}: {why}\nlast verbs:\n{}", log.get(log.len().saturating_sub(120)..).unwrap_or_default().join("\n"))
    })
}
