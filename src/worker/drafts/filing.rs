//! Drafts that were left go into the Drafts mailbox of their account, and out of `user.db`; what a run that ended
//! left behind is recovered. Everything may be cut off between two steps and is then done again: nothing is lost,
//! and what was filed before is known by its Message-ID, size and time.

use tokio::task::spawn_blocking;

use super::Drafts;
use crate::mail::mailbox::Role;
use crate::mail::{AccountId, FlagBits, Flags, Mailbox, MailboxId};
use crate::mime::{self, Purpose};
use crate::store::{Changed, KeptCopy, StoreError, StoredDraft, Written};
use crate::worker::adopt::{self, Adopted};
use crate::worker::{WorkerEvent, beside, naming};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// What an account calls its mailbox for drafts, where it has none and nothing else is configured.
const NAME: &str = "Drafts";

/// The mailboxes of an account, with their wire names.
type Known = Vec<(String, Mailbox)>;

/// Where drafts of an account go.
enum Place {
    Mailbox(MailboxId),
    /// It is to be made: its name and wire name.
    Made(String, String),
    /// Nobody has told yet which mailboxes there are.
    Later,
}

impl Drafts {
    /// At the start: takes over what runs that ended left, and says so.
    pub async fn recover(self) {
        match self.0.common.writer.recover_drafts().await {
            Ok(recovered) if recovered.is_empty() => {}
            Ok(recovered) => {
                let subjects = recovered.into_iter().map(|stored| stored.draft.subject).collect();
                self.0.common.out.send(WorkerEvent::DraftsRecovered { subjects }).await;
            }
            Err(error) => self.not_filed(&error).await,
        }
        self.file_left().await;
    }

    /// Puts what was left into mailboxes, as far as these are known.
    pub async fn file_left(&self) {
        let _turn = self.0.filing.lock().await;
        let mut adopted = Vec::new();
        let done = adopt::orphans(&self.0.common, None, &mut adopted).await;
        for Adopted { account, name, changed } in adopted {
            self.changed(account, &name, changed).await;
        }
        if let Err(error) = done {
            self.not_filed(&error).await;
        }
        let left = match self.0.common.writer.claim_left().await {
            Ok(left) => left,
            Err(error) => return self.not_filed(&error).await,
        };
        for stored in left {
            if let Err(error) = self.file(stored).await {
                self.not_filed(&error).await;
            }
        }
    }

    async fn not_filed(&self, error: &StoreError) {
        let next = "It is kept on this machine, and put there at the next start.";
        self.0.common.out.failed("A draft is not in its Drafts mailbox yet", error.to_string(), next).await;
    }

    async fn file(&self, stored: StoredDraft) -> Result<()> {
        let id = stored.id;
        // nothing was written into it: the copy in the mailbox is this draft
        if stored.kept.is_some() && !stored.touched {
            return self.0.common.writer.close_draft(id).await;
        }
        let Some((account, name)) = self.home(&stored.draft.account).await? else { return Ok(()) };
        let mailbox = match self.place(account, &name).await? {
            Place::Mailbox(mailbox) => mailbox,
            Place::Made(name, wire) => self.make(account, name, wire).await?,
            Place::Later => return Ok(()),
        };
        let (kept, received) = (stored.kept.clone(), stored.saved);
        let bytes = self.message(stored).await?;
        let older = self.older(kept).await?;
        let envelope = mime::envelope(&bytes);
        let filed = KeptCopy {
            message: 0,
            account: name.clone(),
            rfc_message_id: envelope.rfc_message_id.clone(),
            size: bytes.len() as u64,
            received,
            // another version may have been saved in the same second: it is this one only if all is as it was written
            date: None,
        };
        let found = self.0.common.readers.with(move |reader| reader.find_copy(&filed)).await?;
        if found.is_none() || found == older {
            let flags = Flags::bits(FlagBits::DRAFT.with(FlagBits::SEEN));
            let written = Written { envelope, flags, received, bytes };
            let (_, changed) = self.0.common.writer.add_written(None, mailbox, written, older).await?;
            self.changed(account, &name, changed).await;
        }
        self.0.common.writer.close_draft(id).await
    }

    /// The message that keeps a draft.
    async fn message(&self, stored: StoredDraft) -> Result<Vec<u8>> {
        let StoredDraft { id, draft, saved, .. } = stored;
        let (draft, files) = self.own(move |own| own.files(&draft).map(|files| (draft, files))).await?;
        let (when, seed) = (self.local(saved), self.seed_at(id, saved));
        let made = spawn_blocking(move || mime::compose(&draft, &files, when, Purpose::Keep, seed)).await;
        let made = made.map_err(|_| StoreError::Other("the draft could not be made a message".into()))?;
        let bytes = made.map_err(|error| StoreError::Other(error.to_string()))?.bytes;
        if bytes.is_empty() { Err(StoreError::Other("the draft could not be made a message".into())) } else { Ok(bytes) }
    }

    async fn older(&self, kept: Option<KeptCopy>) -> Result<Option<crate::mail::MessageId>> {
        match kept {
            Some(kept) => self.0.common.readers.with(move |reader| reader.find_copy(&kept)).await,
            None => Ok(None),
        }
    }

    /// The account whose Drafts mailbox it is: the draft's, or, where that is not configured any more or has no
    /// mailboxes, the first one.
    async fn home(&self, wanted: &str) -> Result<Option<(AccountId, String)>> {
        let accounts = self.0.common.readers.with(|reader| reader.accounts()).await?;
        let homes = || accounts.iter().filter(|(_, name)| self.0.homes.contains_key(name));
        Ok(homes().find(|(_, name)| name == wanted).or_else(|| homes().next()).cloned())
    }

    async fn place(&self, account: AccountId, name: &str) -> Result<Place> {
        let known: Known = self
            .0
            .common
            .readers
            .with(move |reader| {
                let mut known = Vec::new();
                for mailbox in reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == account) {
                    known.push((reader.wire_name(mailbox.id)?.unwrap_or_default(), mailbox));
                }
                Ok(known)
            })
            .await?;
        if let Some((_, drafts)) = known.iter().find(|(_, mailbox)| mailbox.role == Some(Role::Drafts) && mailbox.selectable) {
            return Ok(Place::Mailbox(drafts.id));
        }
        let Some(home) = self.0.homes.get(name) else { return Ok(Place::Later) };
        let is_listed = self.cores().get(&account).is_some_and(|core| {
            let inner = core.lock();
            inner.is_online && !inner.state.list_due
        });
        if !is_listed && known.len() < 2 {
            return Ok(Place::Later);
        }
        let (name, wire) = naming::made(home.name.as_deref().unwrap_or(NAME), home.is_local, &known);
        Ok(Place::Made(name, wire))
    }

    /// The mailbox is known here at once; the first append makes it on the server.
    async fn make(&self, account: AccountId, name: String, wire_name: String) -> Result<MailboxId> {
        let mailbox = self.0.common.writer.role_mailbox(account, Role::Drafts, (name, wire_name)).await?;
        if let Some(core) = self.cores().get(&account) {
            core.load_mailboxes().await?;
        }
        self.0.common.out.send(WorkerEvent::MailboxesChanged { account }).await;
        Ok(mailbox)
    }

    /// Rows wait to be pushed: whoever keeps the account in step is told.
    async fn changed(&self, account: AccountId, name: &str, changed: Changed) {
        self.0.common.out.changed(account, changed).await;
        let folder = crate::worker::accounts::folder(&self.0.common.writer);
        beside::push_waits(self.cores().get(&account).cloned(), Some(folder), name.to_owned()).await;
    }
}
