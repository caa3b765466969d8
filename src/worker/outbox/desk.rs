//! What the reader asks of the outbox: queue, take back, send now, forget. Keeps the order in which changes and
//! sendings were asked for, so that undo takes back whichever was last.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::attempt::quoted;
use super::{Sending, own, start, tell};
use crate::config::{self, Secret};
use crate::mail::outgoing::Fate;
use crate::mail::{AccountId, DraftId, OutItem, OutboxId, Stage};
use crate::mime;
use crate::store::TakenBack;
use crate::worker::core::Common;
use crate::worker::{Opening, WorkerEvent};

/// Doings remembered for undo.
const REMEMBERED: usize = 200;
/// What a sending under way gets when the program ends.
const LAST_STEP: Duration = Duration::from_secs(4);

/// What `u` may take back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Change,
    Sending(OutboxId),
    /// A draft was discarded.
    Draft(DraftId),
}

/// The reader's side of the outbox.
#[derive(Debug)]
pub struct Desk {
    common: Common,
    sendings: BTreeMap<AccountId, Sending>,
    accounts: BTreeMap<String, AccountId>,
    done: Vec<Done>,
}

impl Desk {
    pub fn new(common: Common) -> Self {
        Self { common, sendings: BTreeMap::new(), accounts: BTreeMap::new(), done: Vec::new() }
    }

    /// Starts the sending loop of an account.
    pub fn add(&mut self, id: AccountId, account: &config::Account) {
        self.accounts.insert(account.name.clone(), id);
        if self.common.offline {
            return;
        }
        if let Some(sending) = start(&self.common, id, account) {
            self.sendings.insert(id, sending);
        }
    }

    /// Tells what is in the outbox.
    pub async fn tell(&self) {
        tell(&self.common.writer, &self.common.out).await;
    }

    /// Waits for what is under way, for a few seconds at most.
    pub async fn end(&mut self) {
        let tasks: Vec<_> = self.sendings.values_mut().filter_map(|sending| sending.task.take()).collect();
        let all = async {
            for task in tasks {
                let _ = task.await;
            }
        };
        let _ = timeout(LAST_STEP, all).await;
    }

    /// The user wants everything tried now: waits after failures end.
    pub fn retry(&self, account: Option<AccountId>) {
        let wanted = self.sendings.iter().filter(|(id, _)| account.is_none_or(|account| account == **id));
        wanted.for_each(|(_, sending)| sending.poke.online());
    }

    /// The same, and a refused sign-in is tried again.
    pub fn hurry(&self, account: AccountId) {
        if let Some(sending) = self.sendings.get(&account) {
            sending.poke.hurry();
        }
    }

    pub fn set_secret(&self, account: AccountId, secret: &Secret) {
        if let Some(sending) = self.sendings.get(&account) {
            sending.set_secret(secret);
        }
    }

    /// A change was made that undo can take back.
    pub fn note_change(&mut self) {
        self.note(Done::Change);
    }

    /// A draft was discarded, which undo can open again.
    pub fn note_draft(&mut self, id: DraftId) {
        self.note(Done::Draft(id));
    }

    /// The newest doing, if it was to discard a draft; it is forgotten.
    pub fn take_draft(&mut self) -> Option<DraftId> {
        let Some(Done::Draft(id)) = self.done.last().copied() else { return None };
        self.done.pop();
        Some(id)
    }

    /// A draft is in the outbox now. Told only once undo knows of it.
    pub async fn queued(&mut self, draft: DraftId, item: OutItem) {
        self.note(Done::Sending(item.id));
        self.common.out.outbox(item.id, item.stage);
        self.common.out.send(WorkerEvent::Queued { draft, item: item.clone() }).await;
        self.tell().await;
        match self.accounts.get(&item.account).and_then(|id| self.sendings.get(id)) {
            Some(sending) => sending.poke.look(),
            None => self.wake(&item.account).await,
        }
        // another process may be the one that sends for the account
        let folder = crate::worker::accounts::folder(&self.common.writer);
        let _ = tokio::task::spawn_blocking(move || super::poke(&folder, &item.account)).await;
    }

    /// The newest change was taken back.
    pub fn forget_change(&mut self) {
        if self.done.last() == Some(&Done::Change) {
            self.done.pop();
        }
    }

    fn note(&mut self, done: Done) {
        if self.done.len() >= REMEMBERED {
            self.done.remove(0);
        }
        self.done.push(done);
    }

    /// Takes back the newest doing if it was a sending; false: it was a change, or nothing.
    pub async fn undo(&mut self) -> bool {
        let Some(Done::Sending(id)) = self.done.last().copied() else { return false };
        self.done.pop();
        self.unsend(id).await;
        true
    }

    /// Back into the composer.
    pub async fn unsend(&mut self, id: OutboxId) {
        self.done.retain(|done| *done != Done::Sending(id));
        let item = self.item(id).await;
        let is_refused = |item: &OutItem| item.recipients.iter().any(|one| matches!(one.fate, Fate::Refused(_)));
        if item.as_ref().is_some_and(|item| item.stage == Stage::Filed && is_refused(item)) {
            return self.write_again(id).await;
        }
        let what = format!("{} can't be taken back", item.as_ref().map_or("It".to_owned(), |item| quoted(&item.subject)));
        let out = &self.common.out;
        match self.common.writer.take_back(id, true, self.common.clock.wall()).await {
            Ok(TakenBack::Draft(draft, value)) => {
                self.tell().await;
                out.send(WorkerEvent::DraftOpened { id: draft, draft: value, opening: Opening::Unsent }).await;
            }
            Ok(TakenBack::NoDraft) => out.failed(what, "it was not written here", "It can be forgotten in the outbox.").await,
            Ok(TakenBack::Gone) => {
                const WHY: &str = "the message left the outbox; it was sent, or it is a draft again";
                out.failed("Nothing was taken back", WHY, "").await;
            }
            Ok(TakenBack::TooLate) => out.failed(what, "the server has it, or may have it", "").await,
            Err(error) => out.failed(what, error.to_string(), "It stays in the outbox.").await,
        }
    }

    /// A new message to those for whom it was refused.
    async fn write_again(&self, id: OutboxId) {
        const WHAT: &str = "No new message was begun";
        let out = &self.common.out;
        let now = self.common.clock.wall();
        let from = own(&self.common.writer, move |own| own.out_message(id)).await.ok().flatten().flatten();
        let from = from.and_then(|mail| mail.draft).map(|draft| draft.from.address).unwrap_or_default();
        let seed = self.common.seed ^ id.0.cast_unsigned().rotate_left(16) ^ now.cast_unsigned().rotate_left(40);
        match self.common.writer.write_again(id, mime::new_message_id(&from, seed), now).await {
            Ok(TakenBack::Draft(draft, value)) => {
                self.tell().await;
                out.send(WorkerEvent::DraftOpened { id: draft, draft: value, opening: Opening::Asked { note: None } }).await;
            }
            Ok(TakenBack::NoDraft) => out.failed(WHAT, "it was not written here", "Write to them yourself; x forgets this.").await,
            Ok(TakenBack::Gone | TakenBack::TooLate) => {}
            Err(error) => out.failed(WHAT, error.to_string(), "It is shown in the outbox as before.").await,
        }
    }

    /// Sends it now, or again.
    pub async fn send_now(&self, id: OutboxId) {
        let out = &self.common.out;
        let Some(item) = self.item(id).await else { return };
        match self.common.writer.send_now(id, self.common.clock.wall()).await {
            Ok(true) => {
                out.outbox(id, Stage::Queued);
                self.tell().await;
                self.wake(&item.account).await;
            }
            Ok(false) => {}
            Err(error) => out.failed("It could not be sent now", error.to_string(), "It stays in the outbox.").await,
        }
    }

    /// Forgets it.
    pub async fn drop_outgoing(&mut self, id: OutboxId) {
        self.done.retain(|done| *done != Done::Sending(id));
        match self.common.writer.drop_outgoing(id).await {
            Ok(true) => self.tell().await,
            Ok(false) => {
                self.common.out.failed("It stays in the outbox", "it is just being sent", "").await;
            }
            Err(error) => self.common.out.failed("It stays in the outbox", error.to_string(), "").await,
        }
    }

    async fn item(&self, id: OutboxId) -> Option<OutItem> {
        own(&self.common.writer, move |own| own.out_item(id)).await.ok().flatten().flatten()
    }

    /// The loop of an account, here or in another process, has something to do.
    async fn wake(&self, account: &str) {
        match self.accounts.get(account).and_then(|id| self.sendings.get(id)) {
            Some(sending) => sending.poke.hurry(),
            None if self.common.offline => {
                self.common.out.failed("It waits in the outbox", "started with --offline", "It goes out at the next start.").await;
            }
            None => {
                let why = format!("the account {account} has no way to send");
                self.common.out.failed("It waits in the outbox", why, "Add [accounts.….smtp] to the configuration.").await;
            }
        }
    }
}
