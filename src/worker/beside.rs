//! Beside another postrider: what the owner of an account and the other processes say to each other over a UNIX
//! socket. Who the owner is, `owner.rs` says; the rows themselves are in the store, which all of them share.
//!
//! A peer sends one line. `poke PID`: rows wait to be pushed. `status`: the link's state comes back as one word.
//! `watch PID`: a line comes for every change until one of both leaves, `all` or a [`Said`] as JSON.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use super::core::Core;
use super::out::Said;
use super::task::Task;
use super::{LinkState, WorkerEvent, owner};
use crate::mail::{MailboxId, MessageId};
use crate::store::ChangedMailbox;

/// How long a peer may take to say what it wants, and to take what it is told.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a command waits for the owner's answer.
const ANSWER: Duration = Duration::from_millis(300);
/// Octets of a peer's line.
const LINE: u64 = 64;
/// Peers served at a time.
const PEERS: usize = 32;
/// Ids told one by one; more are told as "read again".
const IDS: usize = 1_000;

/// Tells the account's owner, if there is one, that rows wait to be pushed. Never blocks for long.
pub fn poke(folder: &Path, account: &str) {
    if let Some(mut socket) = connect(folder, account) {
        let _ = socket.write_all(format!("poke {}\n", std::process::id()).as_bytes());
    }
}

/// Rows of an account wait to be pushed: its loop here is told, or the process that has the account (`folder`: where locks
/// and sockets are).
pub async fn push_waits(here: Option<Arc<Core>>, folder: Option<PathBuf>, name: String) {
    let is_ours = here.as_ref().is_some_and(|core| core.lock().down.is_none());
    if let Some(core) = here {
        core.poke_push();
    }
    if let Some(folder) = folder.filter(|_| !is_ours) {
        let _ = spawn_blocking(move || poke(&folder, &name)).await;
    }
}

/// The state of the link as its owner tells it: a word of [`LinkState::word`]. None: no owner, or no answer in time.
pub fn link_of(folder: &Path, account: &str) -> Option<&'static str> {
    let mut socket = connect(folder, account)?;
    socket.write_all(b"status\n").ok()?;
    let mut answer = [0; 16];
    let length = socket.read(&mut answer).ok()?;
    let answer = answer.get(..length)?.trim_ascii();
    LinkState::WORDS.into_iter().find(|word| word.as_bytes() == answer)
}

fn connect(folder: &Path, account: &str) -> Option<std::os::unix::net::UnixStream> {
    let socket = std::os::unix::net::UnixStream::connect(owner::socket(folder, account)).ok()?;
    socket.set_write_timeout(Some(ANSWER)).ok()?;
    socket.set_read_timeout(Some(ANSWER)).ok()?;
    Some(socket)
}

/// Serves the peers of an account that this process owns; ends when dropped.
pub fn host(core: Arc<Core>, folder: &Path) -> Task<()> {
    let listener = owner::listen(folder, &core.name);
    Task(tokio::spawn(async move {
        match listener {
            Ok(listener) => accept(core, listener).await,
            Err(error) => tracing::warn!(%error, "no socket: other processes look for themselves now and then"),
        }
    }))
}

async fn accept(core: Arc<Core>, listener: UnixListener) {
    let mut peers = JoinSet::new();
    loop {
        tokio::select! {
            peer = listener.accept() => match peer {
                Ok((stream, _)) if peers.len() < PEERS => drop(peers.spawn(serve(core.clone(), stream))),
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "no more peers");
                    return;
                }
            },
            Some(_) = peers.join_next() => {}
        }
    }
}

async fn serve(core: Arc<Core>, stream: UnixStream) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    // a peer that connects and says nothing holds up nobody
    let mut short = (&mut stream).take(LINE);
    if !matches!(timeout(PATIENCE, short.read_line(&mut line)).await, Ok(Ok(_))) {
        return;
    }
    let (word, pid) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
    let pid = pid.parse().unwrap_or_default();
    match word {
        "poke" => {
            core.poke_push();
            tell_all_changed(&core).await;
            core.common.out.say(Said::All { except: pid });
        }
        "status" => {
            let word = core.lock().link;
            let _ = timeout(PATIENCE, stream.write_all(format!("{word}\n").as_bytes())).await;
        }
        "watch" => tell_peer(&core, stream, pid).await,
        _ => {}
    }
}

/// Tells a peer of every change until it leaves, or is too slow: then it reads everything again by itself.
async fn tell_peer(core: &Core, mut stream: BufReader<UnixStream>, pid: u32) {
    let mut said = core.common.out.listen();
    let mut line = "all\n".to_owned();
    let mut nothing = [0];
    loop {
        if !line.is_empty() && !matches!(timeout(PATIENCE, stream.write_all(line.as_bytes())).await, Ok(Ok(()))) {
            return;
        }
        line.clear();
        tokio::select! {
            heard = said.recv() => match heard {
                Ok(Said::All { except }) if except == pid => {}
                Ok(Said::All { .. }) | Err(RecvError::Lagged(_)) => line.push_str("all\n"),
                Ok(Said::Mail(changed)) => {
                    let ours = changed.mailboxes.iter().filter(|one| core.lock().state.mailbox(one.mailbox).is_some());
                    ours.for_each(|one| line.push_str(&to_line(one)));
                }
                Err(RecvError::Closed) => return,
            },
            _ = stream.read(&mut nothing) => return,
        }
    }
}

fn to_line(one: &ChangedMailbox) -> String {
    if one.added.len() + one.removed.len() + one.changed.len() > IDS {
        return "all\n".into();
    }
    let ids = |ids: &[MessageId]| ids.iter().map(|id| id.0).collect::<Vec<_>>();
    let line = json!({
        "mailbox": one.mailbox.0, "added": ids(&one.added), "removed": ids(&one.removed), "changed": ids(&one.changed),
    });
    format!("{line}\n")
}

/// What the owner of an account tells a peer.
#[derive(Debug)]
pub struct Watch(Lines<BufReader<UnixStream>>);

impl Watch {
    /// None: nobody listens.
    pub async fn start(folder: &Path, account: &str) -> Option<Self> {
        let mut stream = UnixStream::connect(owner::socket(folder, account)).await.ok()?;
        stream.write_all(format!("watch {}\n", std::process::id()).as_bytes()).await.ok()?;
        Some(Self(BufReader::new(stream).lines()))
    }

    /// Passes on the next change; false: the owner is gone.
    pub async fn next(&mut self, core: &Core) -> bool {
        let Ok(Some(line)) = self.0.next_line().await else { return false };
        match from_line(&line) {
            Some((mailbox, event)) => {
                core.common.out.touched().add([mailbox]);
                core.common.out.send(event).await;
                core.common.out.send(WorkerEvent::MailboxesChanged { account: core.account }).await;
            }
            None => tell_all_changed(core).await,
        }
        true
    }
}

/// None: everything may have changed.
fn from_line(line: &str) -> Option<(MailboxId, WorkerEvent)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let ids = |name: &str| -> Option<Vec<MessageId>> { value.get(name)?.as_array()?.iter().map(|id| id.as_i64().map(MessageId)).collect() };
    let mailbox = MailboxId(value.get("mailbox")?.as_i64()?);
    let event = WorkerEvent::MailChanged { mailbox, added: ids("added")?, removed: ids("removed")?, changed: ids("changed")? };
    Some((mailbox, event))
}

/// Another process changed something: read again what is shown.
pub async fn tell_all_changed(core: &Core) {
    let account = core.account;
    let known = core.common.readers.with(move |reader| {
        Ok(reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == account).map(|mailbox| mailbox.id).collect::<Vec<_>>())
    });
    let ids = known.await.unwrap_or_default();
    core.common.out.touched().add(ids.iter().copied());
    for mailbox in ids {
        core.common.out.send(WorkerEvent::MailChanged { mailbox, added: vec![], removed: vec![], changed: vec![] }).await;
    }
    core.common.out.send(WorkerEvent::MailboxesChanged { account }).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_survives_its_line() {
        let one =
            ChangedMailbox { mailbox: MailboxId(3), added: vec![MessageId(1), MessageId(2)], removed: vec![], changed: vec![MessageId(9)] };
        let (mailbox, event) = from_line(to_line(&one).trim_end()).unwrap();
        assert_eq!(mailbox, MailboxId(3));
        let (added, removed, changed) = (one.added.clone(), vec![], one.changed.clone());
        assert_eq!(event, WorkerEvent::MailChanged { mailbox, added, removed, changed });
        let many = ChangedMailbox { added: (0..2_000).map(MessageId).collect(), ..one };
        assert_eq!(from_line(to_line(&many).trim_end()), None, "read everything again");
        for line in ["all", "", "{}", "{\"mailbox\":1}", "[]"] {
            assert_eq!(from_line(line), None, "{line}");
        }
    }
}
