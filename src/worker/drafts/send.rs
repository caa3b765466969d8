//! From draft to queue: the final message is made and handed to the outbox, which from then on has it.

use tokio::task::spawn_blocking;

use super::Drafts;
use crate::mail::outgoing::{Fate, Recipient};
use crate::mail::{Draft, DraftId, OutItem, SmtpEnvelope};
use crate::mime::{self, Composed, Purpose};
use crate::store::OutboxNew;

impl Drafts {
    /// Queues a draft, for a time in Unix seconds or after the undo time. None: it stays in its composer, and why was
    /// told. The text is on the disk before anything else is tried.
    pub fn send(&self, id: DraftId, draft: Draft, not_before: Option<i64>) -> impl Future<Output = Option<OutItem>> + Send + use<> {
        let saved = self.0.common.writer.save_draft(id, draft.clone(), self.now());
        let this = self.clone();
        async move {
            if !this.is_kept(id, saved).await {
                return None;
            }
            match this.queue(id, draft, not_before).await {
                Ok(Some(item)) => Some(item),
                // asked twice: the first has it
                Ok(None) => None,
                Err(why) => {
                    this.draft_failed(id, why).await;
                    None
                }
            }
        }
    }

    async fn queue(&self, id: DraftId, draft: Draft, not_before: Option<i64>) -> Result<Option<OutItem>, String> {
        let now = self.now();
        let Some(dsn) = self.0.ways.get(&draft.account).cloned() else {
            let name = &draft.account;
            let sections = format!("[accounts.{name}.smtp] or [accounts.{name}.sendmail]");
            return Err(format!(
                "It is not sent: the account {name} has no way to send. Add {sections} to the configuration; the draft is kept."
            ));
        };
        let not_before = not_before.unwrap_or(now + self.0.undo_seconds);
        let wanted = draft.clone();
        let files = self.own(move |own| own.files(&wanted)).await.map_err(|error| format!("It is not sent: {error}."))?;
        // a message that is sent later is of that time
        let when = if not_before > now + self.0.undo_seconds { not_before } else { now };
        let (when, seed, made_of) = (self.local(when), self.seed_at(id, now), draft.clone());
        let made = spawn_blocking(move || mime::compose(&made_of, &files, when, Purpose::Send, seed)).await;
        let Composed { bytes, recipients, mail_from } = match made {
            Ok(Ok(composed)) => composed,
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("It is not sent: the message could not be made; the log says more.".into()),
        };
        let recipients = recipients.into_iter().map(|address| Recipient { address, fate: Fate::Pending }).collect();
        let new = OutboxNew {
            account: draft.account.clone(),
            not_before,
            now,
            rfc_message_id: draft.rfc_message_id.clone(),
            subject: draft.subject.clone(),
            envelope: SmtpEnvelope { mail_from, recipients, dsn },
            draft: Some((id, draft)),
            bytes,
        };
        self.0.common.writer.queue(new).await.map_err(|error| format!("It is not sent: {error}. The draft is kept."))
    }
}
