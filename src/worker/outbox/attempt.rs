//! One attempt to send one message: begun in the store, prepared with the server, written down as handing over,
//! handed over, and written down how it ended. Between two of these a crash may come at any time.

use std::time::Duration;

use tokio::time::timeout;

use super::choose::{PATIENCE, wait_after};
use super::{Memory, Sender};
use crate::mail::outgoing::Fate;
use crate::mail::{DisplayText, OutboxId, Stage};
use crate::mime;
use crate::remote::submit::{Handover, Submission, Submit, SubmitError};
use crate::store::{Fates, OutMessage, RefusedTo, StoreError};
use crate::worker::{Opening, WorkerEvent};

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// So many failures of the server in a row, and the others wait as well.
const STRIKES: u32 = 2;
/// What the answer to the end of data gets when the program ends.
const LAST_ANSWER: Duration = Duration::from_millis(3_500);
/// How often writing down an answer is tried: a disk may be full for a moment.
const WRITES: u32 = 3;

impl<S: Submit> Sender<S> {
    /// Sends one message as far as it goes. Errors are the store's.
    pub(super) async fn attempt(&self, id: OutboxId, memory: &mut Memory) -> Result<()> {
        let Some(mail) = self.writer.begin_sending(id, self.clock.wall()).await? else { return Ok(()) };
        self.came_to(id, Stage::Sending).await;
        let submission = Submission { envelope: mail.envelope.clone(), bytes: mail.bytes.as_slice().into() };
        let mut stop = self.stop.clone();
        let prepared = tokio::select! {
            prepared = self.submit.prepare(&submission) => prepared,
            _ = stop.changed() => {
                // nothing was handed over; it goes out at the next start
                self.writer.put_off(id, Vec::new(), None, mail.item.not_before, false).await?;
                return Ok(());
            }
        };
        match prepared {
            Ok((handover, fates)) if fates.iter().any(|(_, fate)| *fate == Fate::Accepted) => {
                memory.strikes = 0;
                self.hand_over(&mail, handover, fates, memory).await
            }
            Ok((handover, fates)) => {
                handover.abandon().await;
                let text = "no recipient was accepted".to_owned();
                self.failed(&mail, SubmitError::NoRecipient { text, fates }, Vec::new(), memory).await
            }
            Err(error) => self.failed(&mail, error, Vec::new(), memory).await,
        }
    }

    async fn hand_over(&self, mail: &OutMessage, handover: S::Handover, fates: Fates, memory: &mut Memory) -> Result<()> {
        let id = mail.item.id;
        match self.writer.handing_over(id, fates.clone()).await {
            Ok(true) => {}
            // taken back while it was prepared
            Ok(false) => {
                handover.abandon().await;
                return Ok(());
            }
            // what can't be written down is not done
            Err(error) => {
                handover.abandon().await;
                let wait = self.clock.wall() + wait_after(1, self.seed);
                let _ = self.writer.put_off(id, Vec::new(), Some(error.to_string()), wait, false).await;
                return Err(error);
            }
        }
        self.came_to(id, Stage::HandingOver).await;
        match self.commit(handover).await {
            Ok(words) => {
                tracing::info!(account = self.name, id = id.0, words, "accepted");
                self.accepted(mail, fates).await
            }
            Err(SubmitError::Unknown(why)) => self.unknown(mail, why).await,
            // nothing else is a sure no after the end of data
            Err(error @ (SubmitError::Later(_) | SubmitError::Refused(_) | SubmitError::NoRecipient { .. })) => {
                let settled = fates.into_iter().filter(|(_, fate)| *fate != Fate::Accepted).collect();
                self.failed(mail, error, settled, memory).await
            }
            Err(error) => self.unknown(mail, error.to_string()).await,
        }
    }

    async fn commit(&self, handover: S::Handover) -> std::result::Result<String, SubmitError> {
        let mut stop = self.stop.clone();
        let commit = handover.commit();
        tokio::pin!(commit);
        tokio::select! {
            answer = &mut commit => answer,
            _ = stop.changed() => match timeout(LAST_ANSWER, commit).await {
                Ok(answer) => answer,
                Err(_) => Err(SubmitError::Unknown("postrider was ended before the server answered".into())),
            },
        }
    }

    async fn accepted(&self, mail: &OutMessage, fates: Fates) -> Result<()> {
        let id = mail.item.id;
        let envelope = mime::envelope(&mail.bytes);
        let names: Vec<_> = envelope.to.into_iter().chain(envelope.cc).collect();
        let mut left = WRITES;
        loop {
            left -= 1;
            match self.writer.accepted(id, fates.clone(), names.clone(), self.clock.wall()).await {
                Ok(_) => break,
                // not written down it would be of unknown fate at the next start, which is the truth then
                Err(error) if left == 0 => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
        self.came_to(id, Stage::Accepted).await;
        self.tell_refused(mail, &fates, "The others have it.").await;
        Ok(())
    }

    async fn unknown(&self, mail: &OutMessage, why: String) -> Result<()> {
        self.writer.answer_unknown(mail.item.id, why.clone()).await?;
        self.came_to(mail.item.id, Stage::Unknown).await;
        let what = format!("Nobody knows whether {} was sent", quoted(&mail.item.subject));
        let next = "It is not sent again by itself. Look into Sent or ask, then send it again or forget it in the outbox.";
        self.out.failed(what, why, next).await;
        // it may be there already, and from now on whatever comes into Sent may be it
        self.look_in_sent().await;
        Ok(())
    }

    /// The attempt ended with a sure no. `settled`: what recipients were told before.
    async fn failed(&self, mail: &OutMessage, error: SubmitError, settled: Fates, memory: &mut Memory) -> Result<()> {
        let text = error.to_string();
        match error {
            SubmitError::Offline(_) | SubmitError::Later(_) | SubmitError::Untrusted(_) => {
                memory.strikes += 1;
                if memory.strikes >= STRIKES {
                    memory.brakes.send_from = self.clock.wall() + wait_after(memory.strikes - 1, self.seed);
                }
                // a server that was never asked has refused nothing, however long ago
                let is_patient = matches!(error, SubmitError::Offline(_));
                self.put_off(mail, text, settled, is_patient).await
            }
            SubmitError::BadLogin(_) | SubmitError::NoSecret(_) => {
                memory.brakes.needs_user = true;
                self.writer.put_off(mail.item.id, settled, Some(text.clone()), self.clock.wall(), false).await?;
                self.came_to(mail.item.id, Stage::Queued).await;
                let what = format!("{} could not sign in to send", self.name);
                let next = "What is in the outbox waits. Check the password, then try again.";
                self.out.failed(what, text, next).await;
                Ok(())
            }
            SubmitError::NoRecipient { fates, .. } if fates.iter().any(|(_, fate)| matches!(fate, Fate::Deferred(_))) => {
                self.tell_refused(mail, &fates, "The others are tried again later.").await;
                self.put_off(mail, text, fates, false).await
            }
            SubmitError::NoRecipient { fates, .. } => self.refused(mail, text, fates).await,
            SubmitError::Refused(_) => self.refused(mail, text, settled).await,
            // a preparation that says so broke the contract; the safe reading is that it may have been taken
            SubmitError::Unknown(_) => {
                self.writer.handing_over(mail.item.id, settled).await?;
                self.unknown(mail, text).await
            }
        }
    }

    /// Tried again later; after [`PATIENCE`] no more, unless `is_patient`.
    async fn put_off(&self, mail: &OutMessage, text: String, fates: Fates, is_patient: bool) -> Result<()> {
        let now = self.clock.wall();
        let wait = wait_after(mail.item.attempts, self.seed ^ mail.item.id.0.unsigned_abs());
        if !is_patient && now + wait - mail.queued > PATIENCE {
            let text = format!("it could not be sent for {} days; last: {text}", PATIENCE / 86_400);
            return self.refused(mail, text, fates).await;
        }
        self.writer.put_off(mail.item.id, fates, Some(text.clone()), now + wait, true).await?;
        self.came_to(mail.item.id, Stage::Queued).await;
        if mail.item.attempts <= 1 {
            let what = format!("{} is not sent yet", quoted(&mail.item.subject));
            self.out.failed(what, text, "It stays in the outbox and is tried again by itself.").await;
        }
        Ok(())
    }

    async fn refused(&self, mail: &OutMessage, text: String, fates: Fates) -> Result<()> {
        let (id, now) = (mail.item.id, self.clock.wall());
        let to = self.writer.refused(id, fates, text.clone(), self.has_composer, now).await?;
        let what = format!("{} was not sent", quoted(&mail.item.subject));
        match to {
            RefusedTo::Draft(draft, value) => {
                self.came_to(id, Stage::Refused).await;
                let next = if self.has_composer { "It is open in the composer again." } else { "It is among the drafts again." };
                self.out.failed(what, text.clone(), next).await;
                if self.has_composer {
                    self.out.send(WorkerEvent::DraftOpened { id: draft, draft: value, opening: Opening::Refused(text) }).await;
                }
            }
            RefusedTo::Outbox => {
                self.came_to(id, Stage::Refused).await;
                self.out.failed(what, text, "It stays in the outbox: send it again or forget it.").await;
            }
            RefusedTo::Done => {
                self.came_to(id, Stage::Filed).await;
                let left: Vec<&str> =
                    mail.envelope.recipients.iter().filter(|one| is_open(&one.fate)).map(|one| one.address.as_str()).collect();
                let what = format!("{} was not sent to {}", quoted(&mail.item.subject), left.join(", "));
                self.out.failed(what, text, "The others have it.").await;
            }
            RefusedTo::Nothing => {}
        }
        Ok(())
    }

    /// Recipients that were refused for good are told with the server's words, each once.
    async fn tell_refused(&self, mail: &OutMessage, fates: &Fates, next: &str) {
        for (address, fate) in fates {
            if let Fate::Refused(words) = fate {
                let what = format!("{} was refused for {address}", quoted(&mail.item.subject));
                self.out.failed(what, words.clone(), next).await;
            }
        }
    }
}

fn is_open(fate: &Fate) -> bool {
    matches!(fate, Fate::Pending | Fate::Deferred(_))
}

/// A subject in a sentence.
pub(super) fn quoted(subject: &str) -> String {
    if subject.is_empty() { "A message without a subject".to_owned() } else { format!("“{}”", DisplayText::capped(subject, 60)) }
}
