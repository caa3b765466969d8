//! Sending: one loop per account that has a way out, in the one process that holds the account's sending lock. It
//! owns the order of steps (docs/design.md, "Sending"); what a step writes down is the store's, what it says to a
//! server is that of the [`Submit`] it is given. Knows no protocol and no composer.
//!
//! [`Sender::run`] is the loop; `choose.rs` says what it does next, `attempt.rs` sends one message, `filing.rs`
//! finishes one, `desk.rs` takes the requests of the reader.

mod attempt;
mod choose;
mod desk;
mod filing;
mod poke;
mod start;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

pub use self::choose::wait_after;
use self::choose::{Brakes, Choice, choose};
pub use self::desk::Desk;
pub use self::filing::Filing;
pub use self::poke::Poke;
pub use self::start::{Sending, send_due, start};
use super::beside;
use super::clock::Clock;
use super::core::Peers;
use super::out::Out;
use super::owner::{self, Ownership};
use super::readers::Readers;
use super::task::Task;
use crate::mail::{AccountId, OutItem, OutboxId, Stage};
use crate::remote::submit::Submit;
use crate::store::{Own, StoreError, Writer};

/// How often a process that does not send looks whether it can, and whether the outbox changed.
const OWNER_RETRY: Duration = Duration::from_secs(3);
/// Seconds to the next attempt to clear up where the outbox can't be written.
const RECOVER_AGAIN: i64 = 5;
/// What a message gets that was being handed over when its sender ended, or could not write down the answer.
const LOST: &str = "what the server answered when it was given the message was not kept: postrider ended, or the disk refused it";

/// How one account's mail is sent.
#[derive(Debug)]
pub struct Sender<S> {
    pub account: AccountId,
    pub name: String,
    pub submit: Arc<S>,
    pub filing: Filing,
    pub writer: Writer,
    pub readers: Readers,
    pub out: Out,
    pub clock: Clock,
    pub peers: Peers,
    pub poke: Arc<Poke>,
    /// Where the databases, and the locks beside them, are; None: no other process is to be expected (tests).
    pub folder: Option<PathBuf>,
    /// Of jitter.
    pub seed: u64,
    /// A composer can be opened here.
    pub has_composer: bool,
    /// True when the program ends.
    pub stop: watch::Receiver<bool>,
}

/// What a loop remembers between messages; not worth writing down.
#[derive(Debug, Default)]
struct Memory {
    brakes: Brakes,
    /// Failures of the server in a row.
    strikes: u32,
}

/// How one round of a command went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// What was due was tried.
    Done,
    /// The server refused the sign-in, or no secret is known: what is in the outbox waits for the user.
    SignIn,
    /// Another process sends for this account; it was told to look.
    Elsewhere,
    /// The account has no way out.
    NoWayOut,
}

impl<S: Submit> Sender<S> {
    /// Sends until the program ends. A fault inside costs the message under way its attempt, not the account.
    pub async fn run(self) {
        let this = Arc::new(self);
        let Some(_ownership) = this.become_sender().await else { return this.poke.rest() };
        let _ear = this.folder.clone().map(|folder| hear(this.poke.clone(), folder, this.name.clone()));
        while !this.is_stopping() {
            let run = this.clone();
            let mut served = Task(tokio::spawn(async move {
                run.serve(false).await;
            }));
            match (&mut served.0).await {
                Ok(()) => break,
                Err(panic) => {
                    tracing::error!(account = this.name, %panic, "the sending loop failed");
                    let what = format!("Sending for {} failed inside postrider", this.name);
                    this.out.failed(what, "a bug; the log has more", "What is in the outbox stays there; sending goes on.").await;
                    let mut stop = this.stop.clone();
                    tokio::select! {
                        () = sleep(OWNER_RETRY) => {}
                        _ = stop.changed() => {}
                    }
                }
            }
        }
        this.poke.rest();
    }

    /// Sends what is due and ends.
    ///
    /// # Errors
    /// The lock can't be taken.
    pub async fn run_once(self) -> std::io::Result<Round> {
        let _ownership = match self.claim()? {
            Ok(ownership) => ownership,
            Err(_) => {
                self.poke_sender().await;
                return Ok(Round::Elsewhere);
            }
        };
        let memory = self.serve(true).await;
        Ok(if memory.brakes.needs_user { Round::SignIn } else { Round::Done })
    }

    fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    fn claim(&self) -> std::io::Result<Result<Option<Ownership>, Option<u32>>> {
        let Some(folder) = &self.folder else { return Ok(Ok(None)) };
        let folder = locks(folder)?;
        Ok(owner::claim(&folder, &self.name)?.map(Some))
    }

    async fn poke_sender(&self) {
        if let Some(folder) = self.folder.clone() {
            let name = self.name.clone();
            let _ = tokio::task::spawn_blocking(move || poke(&folder, &name)).await;
        }
    }

    /// Waits until this process sends for the account; None at the end of the program.
    async fn become_sender(&self) -> Option<Option<Ownership>> {
        let mut shown: Vec<OutItem> = Vec::new();
        loop {
            if self.is_stopping() {
                return None;
            }
            match self.claim() {
                Ok(Ok(ownership)) => return Some(ownership),
                Ok(Err(_)) => {}
                Err(error) => tracing::warn!(account = self.name, %error, "the lock for sending can't be taken"),
            }
            let now = items(&self.writer).await.unwrap_or_default();
            if now != shown {
                tell(&self.writer, &self.out).await;
                shown = now;
            }
            if self.poke.take().retries() {
                self.poke_sender().await;
            }
            self.poke.rest();
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(OWNER_RETRY) => {}
                () = self.poke.woken() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Steps until the program ends or, `once`, until nothing is due.
    async fn serve(&self, once: bool) -> Memory {
        let mut memory = Memory::default();
        let (mut recovered, mut looked) = (false, false);
        while !self.is_stopping() {
            // also after a failure of the store: nothing is under way now, so what seems to be is left over
            if !recovered {
                match self.recover().await {
                    Ok(()) => recovered = true,
                    Err(error) => self.store_failed(&error).await,
                }
            }
            let reasons = self.poke.take();
            if reasons.retries() || (once && !looked) {
                self.end_waits(&mut memory, reasons.by_user()).await;
            }
            if !looked || reasons != self::poke::Reasons::default() {
                self.look_in_sent().await;
                looked = true;
            }
            let mine = match items(&self.writer).await {
                Ok(items) => items.into_iter().filter(|item| item.account == self.name).collect::<Vec<_>>(),
                Err(error) => {
                    self.store_failed(&error).await;
                    Vec::new()
                }
            };
            let step = choose(&mine, memory.brakes, self.clock.wall());
            let done = match step {
                Choice::File(id) => self.file(id, &mut memory).await,
                Choice::Send(id) => self.attempt(id, &mut memory).await,
                Choice::Wait(_) if once => return memory,
                Choice::Wait(seconds) => {
                    self.wait(if recovered { seconds } else { Some(RECOVER_AGAIN) }).await;
                    Ok(())
                }
            };
            if let Err(error) = done {
                self.store_failed(&error).await;
                memory.brakes.send_from = self.clock.wall() + 5;
                memory.brakes.file_from = memory.brakes.send_from;
                recovered = false;
                if once {
                    break;
                }
            }
        }
        memory
    }

    async fn wait(&self, seconds: Option<i64>) {
        self.poke.rest();
        let mut stop = self.stop.clone();
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        tokio::select! {
            () = self.poke.woken() => {}
            () = sleep(Duration::from_secs(seconds.unwrap_or_default())), if seconds.is_some() => {}
            _ = stop.changed() => {}
        }
    }

    /// What the last sender left in the middle.
    async fn recover(&self) -> Result<(), StoreError> {
        for (id, stage) in self.writer.recover_outbox(self.name.clone(), LOST.to_owned(), self.clock.wall()).await? {
            self.came_to(id, stage).await;
        }
        Ok(())
    }

    async fn end_waits(&self, memory: &mut Memory, by_user: bool) {
        memory.brakes.send_from = 0;
        memory.brakes.file_from = 0;
        memory.strikes = 0;
        memory.brakes.needs_user &= !by_user;
        match self.writer.retry_outbox(self.name.clone(), self.clock.wall()).await {
            Ok(_) => {}
            Err(error) => self.store_failed(&error).await,
        }
    }

    /// A message came to a stage: the events file and the screen hear of it.
    async fn came_to(&self, id: OutboxId, stage: Stage) {
        self.out.outbox(id, stage);
        tell(&self.writer, &self.out).await;
    }

    async fn store_failed(&self, error: &StoreError) {
        self.out.failed("The outbox could not be written", error.to_string(), "Nothing is sent meanwhile; it is tried again.").await;
    }
}

/// The folder of the sending locks: an account's name there can't be taken for that of another lock.
fn locks(folder: &std::path::Path) -> std::io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let folder = folder.join("outbox");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

/// Tells the process that sends for this account, if there is one, to look into the outbox. Never blocks for long.
pub fn poke(folder: &std::path::Path, account: &str) {
    beside::poke(&folder.join("outbox"), account);
}

/// Reads `user.db` on the blocking pool.
async fn own<T: Send + 'static>(
    writer: &Writer,
    read: impl FnOnce(&Own) -> Result<T, StoreError> + Send + 'static,
) -> Result<Option<T>, StoreError> {
    let paths = writer.paths().clone();
    let work = tokio::task::spawn_blocking(move || Own::open(&paths)?.map(|own| read(&own)).transpose());
    work.await.unwrap_or_else(|_| Err(StoreError::Other("reading the outbox failed unexpectedly".into())))
}

async fn items(writer: &Writer) -> Result<Vec<OutItem>, StoreError> {
    Ok(own(writer, Own::outbox).await?.unwrap_or_default())
}

/// A message of this account was accepted and is not finished yet.
pub async fn has_accepted(writer: &Writer, account: &str) -> bool {
    let items = items(writer).await.unwrap_or_default();
    items.iter().any(|item| item.account == account && item.stage == Stage::Accepted)
}

/// Tells everything that is in the outbox.
async fn tell(writer: &Writer, out: &Out) {
    match items(writer).await {
        Ok(items) => out.send(super::WorkerEvent::Outbox { items: items.into() }).await,
        Err(error) => tracing::warn!(%error, "the outbox can't be read"),
    }
}

/// The sender's ear for pokes of other processes; ends when dropped.
fn hear(poke: Arc<Poke>, folder: PathBuf, name: String) -> Task<()> {
    Task(tokio::spawn(async move {
        // without a socket the others' messages go out with the next look
        let Ok(listener) = locks(&folder).and_then(|folder| owner::listen(&folder, &name)) else { return };
        while next_poke(&listener).await.is_ok() {
            poke.look();
        }
    }))
}

/// Waits until a peer says something, whatever it is.
async fn next_poke(listener: &tokio::net::UnixListener) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt;
    let (mut stream, _) = listener.accept().await?;
    let mut line = [0; 5];
    // one that connects and says nothing must not hold up the others
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_exact(&mut line)).await;
    Ok(())
}

/// The sending loops of a process, so that what happens elsewhere can wake them.
#[derive(Clone, Debug, Default)]
pub struct Pokes(Arc<Mutex<Vec<Known>>>);

/// A loop and its account.
type Known = (AccountId, Arc<Poke>);

impl Pokes {
    pub fn add(&self, account: AccountId, poke: Arc<Poke>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((account, poke));
    }

    /// The loop of this account, if it has one.
    pub fn of(&self, account: AccountId) -> Option<Arc<Poke>> {
        let pokes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pokes.iter().find(|(known, _)| *known == account).map(|(_, poke)| poke.clone())
    }

    /// No loop could send anything now.
    pub fn rest(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().all(|(_, poke)| poke.is_resting())
    }
}
