//! A session that does everything (sign-in, list, first page, body, flag, move, copy, delete, append, IDLE) cut after every
//! octet that either side says, by an end, a reset and silence, with and without the server's extensions. After it healed the
//! ledger agrees: nothing is lost, nothing is doubled, no part of a body is shown as the whole.
//!
//! The runs are numbered; `POSTRIDER_FULL=1` plays all of them, `POSTRIDER_SEED_FROM` and `POSTRIDER_SEEDS` a stretch.

use std::collections::BTreeMap;
use std::path::Path;

use postrider::mail::{Change, FlagBits, Flags};
use postrider::store::Paths;

use crate::client::{Client, ram};
use crate::cut::{Cut, Direction, KINDS};
use crate::imap::{ALL, NONE, Server};

/// With every extension, with exact deletion but neither MOVE nor IDLE, with nothing.
const CAPS: [&str; 3] = [ALL, "IMAP4rev1 UIDPLUS LITERAL+", NONE];
/// Runs between two that the gate plays.
const STRIDE: usize = 97;
/// Waits until the new message came, some of them ended by what was told before.
const WAITS: usize = 20;

fn variable(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// What is done in every run. The server's inbox holds 1 to 6; 7 arrives while the client waits; 8 is written here.
async fn session(client: &mut Client, server: &Server) -> Result<(), String> {
    client.settle().await?;
    client.want(client.id("INBOX", 1).ok_or("no message 1")?);
    client.settle().await?;
    let id = |number| client.id("INBOX", number).ok_or(format!("no message {number}"));
    let archive = client.mailbox("Archive");
    let changes = [
        Change::Flags { ids: vec![id(2)?], add: Flags::bits(FlagBits::FLAGGED), remove: Flags::default() },
        Change::Move { ids: vec![id(3)?], to: archive },
        Change::Copy { ids: vec![id(4)?], to: archive },
        Change::Delete { ids: vec![id(5)?] },
    ];
    for change in changes {
        client.apply(change).await?;
    }
    client.write(8).await?;
    client.settle().await?;
    for _ in 0..WAITS {
        if server.state().arrival.is_some() {
            client.wait().await?;
        }
    }
    client.settle().await
}

/// Every message is where it belongs, as often as it should be.
fn ledger(server: &Server) -> Result<(), String> {
    let state = server.state();
    let mut places: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (name, mailbox) in &state.mailboxes {
        for message in mailbox.messages.values() {
            places.entry(message.number()).or_default().push(name);
        }
    }
    let expect: [(u64, &[&str]); 7] = [
        (1, &["INBOX"]),
        (2, &["INBOX"]),
        (3, &["Archive"]),
        (4, &["Archive", "INBOX"]),
        (6, &["INBOX"]),
        (7, &["INBOX"]),
        (8, &["Drafts"]),
    ];
    let expect: BTreeMap<u64, Vec<&str>> = expect.into_iter().map(|(number, places)| (number, places.to_vec())).collect();
    if places != expect {
        return Err(format!("the server has {places:?}"));
    }
    let flagged: Vec<u64> =
        state.mailboxes["INBOX"].messages.values().filter(|one| one.flags.contains("\\Flagged")).map(|one| one.number()).collect();
    if flagged != [2] {
        return Err(format!("flagged: {flagged:?}"));
    }
    Ok(())
}

/// Plays one run; what the client said and heard until the cut.
fn run(caps: &'static str, cut: Option<Cut>, folder: &Path) -> Result<(usize, usize), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::new(caps, 1..=6);
        server.state().arrival = Some(7);
        let mut client = Client::open(&Paths::in_folder(folder), &server, Vec::from_iter(cut)).await;
        session(&mut client, &server).await?;
        client.bodies_are_whole(&server)?;
        client.settle_anew().await?;
        client.agrees(&server)?;
        ledger(&server)?;
        if client.bodies_are_whole(&server)? == 0 {
            return Err("the body did not come".into());
        }
        if cut.is_none() && client.reconnects != 2 {
            return Err(format!("{} connections", client.reconnects));
        }
        let counts = *client.counts.lock().expect("no panic before");
        client.writer.stop();
        Ok(counts)
    })
}

/// A store of its own for each run.
fn fresh(template: &Path, run: impl FnOnce(&Path) -> Result<(usize, usize), String>) -> Result<(usize, usize), String> {
    let folder = tempfile::Builder::new().prefix("cut").tempdir_in(ram()).expect("a folder");
    for file in ["user.db", "mail.db"] {
        std::fs::copy(template.join(file), folder.path().join(file)).expect("an empty store");
    }
    run(folder.path())
}

/// Every run there is: capabilities and cut.
fn runs(template: &Path) -> Vec<(&'static str, Cut)> {
    let mut all = Vec::new();
    for caps in CAPS {
        let (said, heard) = fresh(template, |folder| run(caps, None, folder)).unwrap_or_else(|why| panic!("{caps}, not cut: {why}"));
        eprintln!("{caps}: {said} octets said, {heard} heard");
        for (direction, length) in [(Direction::Out, said), (Direction::In, heard)] {
            for after in 0..=length {
                all.extend(KINDS.map(|kind| (caps, Cut { direction, after, kind })));
            }
        }
    }
    all
}

/// A store without anything in it.
fn template() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("cuts").tempdir_in(ram()).expect("a folder");
    postrider::store::open(&Paths::in_folder(folder.path())).expect("the store opens").stop();
    folder
}

#[test]
fn a_session_cut_at_any_octet_loses_doubles_and_pretends_nothing() {
    let template = template();
    let all = runs(template.path());
    let is_full = std::env::var_os("POSTRIDER_FULL").is_some();
    let from = variable("POSTRIDER_SEED_FROM").unwrap_or(0);
    let count = variable("POSTRIDER_SEEDS").filter(|_| is_full).unwrap_or(all.len());
    let stride = if is_full { 1 } else { STRIDE };
    let chosen: Vec<usize> = (from..all.len().min(from.saturating_add(count))).step_by(stride).collect();
    let begun = std::time::Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let part = |thread: usize| {
            let (chosen, all, template) = (&chosen, &all, template.path());
            scope.spawn(move || {
                let mine = chosen.iter().skip(thread).step_by(threads);
                let failed = mine.filter_map(|number| {
                    let (caps, cut) = all[*number];
                    let result = fresh(template, |folder| run(caps, Some(cut), folder));
                    result.err().map(|why| format!("run {number} ({caps}; {cut:?}): {why}"))
                });
                failed.collect::<Vec<_>>()
            })
        };
        let running: Vec<_> = (0..threads).map(part).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    eprintln!("cuts: {} of {} runs from {from} in {:?}", chosen.len(), all.len(), begun.elapsed());
    let shown = failed.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{} of {} runs failed:\n{shown}", failed.len(), chosen.len());
}
