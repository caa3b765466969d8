//! What follows once a server has taken a message: the copy in Sent, the marks on what it answers, the older draft
//! that it was. All of it may be repeated; none of it ever leads to a second sending.

use super::attempt::quoted;
use super::choose::wait_after;
use super::{Memory, Sender, own};
use crate::mail::draft::AnswerKind;
use crate::mail::mailbox::Role;
use crate::mail::{AccountId, Change, FlagBits, Flags, Mailbox, OutboxId, Stage};
use crate::mime;
use crate::remote::submit::Submit;
use crate::store::{Changed, OutMessage, SentCopy, StoreError, Written};
use crate::worker::{beside, naming};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The next attempt to file a copy that could not be, seconds.
const FILE_AGAIN: i64 = 30;

/// Where copies of sent mail go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filing {
    /// Into the account's mailbox for sent mail, made under this name where there is none. `is_local`: its
    /// mailboxes are folders of this machine.
    Sent { name: Option<String>, is_local: bool },
    /// The server puts sent mail there itself (`sent_copy = false`).
    ByServer,
    /// The account has no mailboxes.
    Nowhere,
}

/// Where one copy goes.
enum Place {
    /// Into the mailbox for sent mail; name and wire name of one that has to be made.
    Sent(String, String),
    /// Nobody has told yet which mailboxes there are.
    Later,
    /// No copy is wanted.
    None,
}

impl<S: Submit> Sender<S> {
    /// Finishes an accepted message.
    pub(super) async fn file(&self, id: OutboxId, memory: &mut Memory) -> Result<()> {
        let Some(mail) = own(&self.writer, move |own| own.out_message(id)).await?.flatten() else { return Ok(()) };
        if mail.item.stage != Stage::Accepted {
            return Ok(());
        }
        self.mark_answered(&mail).await;
        self.drop_kept(&mail).await;
        let now = self.clock.wall();
        let again = now + wait_after(mail.item.attempts, self.seed);
        let stage = match self.place().await? {
            Place::Later => {
                memory.brakes.file_from = now + FILE_AGAIN;
                return Ok(());
            }
            Place::Sent(name, wire_name) => {
                let made = (name, wire_name);
                let text = if self.is_local() { None } else { Some(mime::search_text(&mail.bytes)) };
                let flags = Flags::bits(FlagBits::SEEN);
                let envelope = mime::envelope(&mail.bytes);
                let written = Written { envelope, flags, received: now, bytes: mail.bytes };
                let copy = SentCopy { outbox: id, account: self.account, made, written, text };
                match self.writer.file_sent(copy, again, now).await {
                    Ok((stage, changed)) => {
                        self.changed(changed).await;
                        stage
                    }
                    Err(error) => {
                        // the message is with its recipients; only the copy waits
                        memory.brakes.file_from = now + FILE_AGAIN;
                        let what = format!("The copy of {} is not in Sent yet", quoted(&mail.item.subject));
                        self.out.failed(what, error.to_string(), "The message was sent. The copy is tried again.").await;
                        None
                    }
                }
            }
            Place::None => self.writer.without_copy(id, again, now).await?,
        };
        if let Some(stage) = stage {
            // put off for some recipients, it is filed all the same
            if stage == Stage::Queued {
                self.out.outbox(id, Stage::Filed);
            }
            self.came_to(id, stage).await;
        }
        Ok(())
    }

    fn is_local(&self) -> bool {
        matches!(self.filing, Filing::Sent { is_local: true, .. })
    }

    /// Where the copy goes.
    async fn place(&self) -> Result<Place> {
        let Filing::Sent { name, is_local } = &self.filing else { return Ok(Place::None) };
        let account = self.account;
        let known = self.readers.with(move |reader| {
            let mut known = Vec::new();
            for mailbox in reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.account == account) {
                known.push((reader.wire_name(mailbox.id)?.unwrap_or_default(), mailbox));
            }
            Ok(known)
        });
        let name = name.clone().unwrap_or_else(|| "Sent".to_owned());
        let known = known.await?;
        let has_sent = known.iter().any(|(_, mailbox)| mailbox.role == Some(Role::Sent) && mailbox.selectable);
        // a mailbox is made only beside those that the server told: it may call its own by any name
        let is_listed = has_sent || known.len() > 1 || known.iter().any(|(_, mailbox)| mailbox.synced.is_some());
        if !is_listed {
            return Ok(Place::Later);
        }
        let (name, wire_name) = naming::made(&name, *is_local, &known);
        Ok(Place::Sent(name, wire_name))
    }

    /// Everything this message answers or passes on gets its mark, in whichever account it is.
    async fn mark_answered(&self, mail: &OutMessage) {
        for answered in mail.draft.iter().flat_map(|draft| &draft.answers) {
            let add = Flags::bits(match answered.kind {
                AnswerKind::Reply => FlagBits::ANSWERED,
                AnswerKind::Forward => FlagBits::FORWARDED,
            });
            let wanted = answered.rfc_message_id.clone();
            let found = self.readers.with(move |reader| reader.find_rfc_message_id(&wanted)).await.unwrap_or_default();
            if !found.is_empty() {
                self.apply(Change::Flags { ids: found, add, remove: Flags::default() }).await;
            }
        }
    }

    /// The copy in Drafts that the message was continued from is no draft any more.
    async fn drop_kept(&self, mail: &OutMessage) {
        let Some(kept) = mail.kept.clone() else { return };
        if let Ok(Some(id)) = self.readers.with(move |reader| reader.find_copy(&kept)).await {
            self.apply(Change::Delete { ids: vec![id] }).await;
        }
    }

    /// A change that nobody asked for by name, so that undo does not meet it.
    async fn apply(&self, change: Change) {
        match self.writer.apply(change, String::new()).await {
            Ok(applied) => self.changed(applied.changed).await,
            Err(error) => tracing::warn!(%error, "a mark after sending could not be saved"),
        }
    }

    /// Rows changed that wait to be pushed: whoever keeps the account in step, here or in another process, is told.
    async fn changed(&self, changed: Changed) {
        let mailboxes: Vec<_> = changed.mailboxes.iter().map(|one| one.mailbox).collect();
        let accounts = self.readers.with(move |reader| {
            let accounts = reader.accounts()?;
            let touched = reader.mailboxes()?.into_iter().filter(|mailbox| mailboxes.contains(&mailbox.id)).map(|mailbox| mailbox.account);
            let touched: std::collections::BTreeSet<AccountId> = touched.collect();
            Ok(accounts.into_iter().filter(|(id, _)| touched.contains(id)).collect::<Vec<_>>())
        });
        let accounts = accounts.await.unwrap_or_default();
        self.out.changed(self.account, changed).await;
        for (id, name) in accounts {
            if id != self.account {
                self.out.send(crate::worker::WorkerEvent::MailboxesChanged { account: id }).await;
            }
            let here = self.peers.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&id).and_then(std::sync::Weak::upgrade);
            beside::push_waits(here, self.folder.clone(), name).await;
        }
    }

    /// Where the server files sent mail itself, a message found there was sent after all.
    pub(super) async fn look_in_sent(&self) {
        if self.filing != Filing::ByServer {
            return;
        }
        let name = self.name.clone();
        let unknown = own(&self.writer, move |own| own.unknown_fates(&name)).await.ok().flatten().unwrap_or_default();
        self.poke.watch_sent(!unknown.is_empty());
        for (id, rfc_message_id) in unknown {
            let account = self.account;
            let find = self.readers.with(move |reader| {
                let sent = reader.mailboxes()?.into_iter().find(|one| one.account == account && one.role == Some(Role::Sent));
                let found = reader.summaries(&reader.find_rfc_message_id(&rfc_message_id)?)?;
                Ok(sent.is_some_and(|sent: Mailbox| found.iter().any(|message| message.mailbox == sent.id)))
            });
            if find.await.unwrap_or_default() && self.writer.found_sent(id).await.unwrap_or_default() {
                self.came_to(id, Stage::Accepted).await;
            }
        }
    }
}
