//! The copy in Sent: a row that only lives here until the account's server has it, pushed as any other. Its id is
//! reserved in the outbox first, so that however often this is repeated there is one copy.

use rusqlite::{OptionalExtension, TransactionBehavior};

use super::finish;
use crate::mail::server::Body;
use crate::mail::{AccountId, Key, MessageId, OutboxId, Role, Stage, Uid};
use crate::store::work::Work;
use crate::store::{Changed, Pending, Result, Writer, Written};

/// What to file, and where.
#[derive(Clone, Debug)]
pub struct SentCopy {
    pub outbox: OutboxId,
    pub account: AccountId,
    /// Name and wire name that the mailbox for sent mail gets where the account has none.
    pub made: (String, String),
    pub written: Written,
    /// What search finds in it, where it is to be read at once. None: the account's own files do that.
    pub text: Option<String>,
}

impl Writer {
    /// Files the copy of an accepted message and ends the message, or, where recipients were put off, queues it for
    /// `not_before`. What became of it, and what changed on screen.
    pub fn file_sent(&self, copy: SentCopy, not_before: i64, now: i64) -> Pending<(Option<Stage>, Changed)> {
        self.engine_job(move |engine| {
            let outbox = copy.outbox;
            // its bytes are in user.db before the outbox forgets them: a mail.db that is lost is given the row again
            let changed = engine.transact(|work| work.file_sent(copy))?;
            let tx = engine.user.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let stage = finish(&tx, outbox, not_before, now)?;
            tx.commit()?;
            Ok((stage, changed))
        })
    }
}

impl Work<'_> {
    fn file_sent(&mut self, copy: SentCopy) -> Result<Changed> {
        let Some(id) = self.reserve_copy(copy.outbox)? else { return Ok(Changed::default()) };
        if self.load(id)?.is_some() {
            return Ok(Changed::default());
        }
        let mailbox = self.role_mailbox(copy.account, Role::Sent, &copy.made)?;
        let body = copy.text.map(|text| (text, copy.written.bytes.clone()));
        let (_, changed) = self.add_written(Some(id), mailbox, copy.written, None)?;
        if let Some((text, bytes)) = body {
            let body = Body { key: Key::Uid(Uid(0)), bytes, whole: true, parts: Vec::new() };
            self.add_body(id, mailbox, &body, &text)?;
        }
        Ok(changed)
    }

    /// The id of the copy, written down before the row is made. None: the message is not waiting for a copy, or has one.
    fn reserve_copy(&mut self, outbox: OutboxId) -> Result<Option<MessageId>> {
        let sql = "SELECT copy FROM outbox WHERE id = ?1 AND stage = ?2";
        let found = self.user.query_row(sql, (outbox.0, Stage::Accepted as u8), |row| row.get::<_, Option<i64>>(0)).optional()?;
        match found {
            None | Some(Some(0)) => Ok(None),
            Some(Some(id)) => Ok(Some(MessageId(id))),
            Some(None) => {
                let id = self.next_id()?;
                self.user.execute("UPDATE outbox SET copy = ?2 WHERE id = ?1", (outbox.0, id.0))?;
                Ok(Some(id))
            }
        }
    }
}
