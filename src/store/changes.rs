//! What the user does: every change ends in rows that are wanted elsewhere or with other flags, and in an
//! inverse of the same kind. Moves between accounts become a local row in the target and an `after` on the
//! source, which is wanted gone but leaves its server only once the new row is on its own.

use rusqlite::OptionalExtension;

use super::rows::{Placed, State, Wish};
use super::work::Work;
use super::{Applied, Result, StoreError};
use crate::mail::waiting::flag_words;
use crate::mail::{AccountId, Answered, Change, ContentId, Flags, MailboxId, MailboxWish, MessageId, Placement, Restored};

/// What applying did, before it is written to the undo stack.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub inverse: Vec<Restored>,
    pub done: usize,
    pub asked: usize,
    /// What takes back a wish about a mailbox.
    pub wish: Option<MailboxWish>,
    /// What takes back cuts and joints of threads.
    pub answers: Vec<Answered>,
}

impl Work<'_> {
    pub fn apply(&mut self, change: Change, label: String) -> Result<Applied> {
        let outcome = self.run_change(change)?;
        // without a name it happened by itself (read after a rest): not what `u` takes back
        if !label.is_empty() && !outcome.is_empty() {
            self.forget_undone()?;
            self.remember(&label, &outcome)?;
        }
        Ok(self.applied(label, outcome))
    }

    pub fn applied(&mut self, label: String, outcome: Outcome) -> Applied {
        Applied {
            label,
            inverse: way_back(outcome.inverse, outcome.wish, outcome.answers),
            changed: std::mem::take(&mut self.changes).finish(),
            done: outcome.done,
            asked: outcome.asked,
        }
    }

    /// Does a change row by row; rows that are gone are left out.
    pub fn run_change(&mut self, change: Change) -> Result<Outcome> {
        let mut outcome = Outcome { asked: change.size(), ..Outcome::default() };
        self.run_rows(change, &mut outcome)?;
        // a row touched twice goes back the way it came
        outcome.inverse.reverse();
        outcome.answers.reverse();
        Ok(outcome)
    }

    fn run_rows(&mut self, change: Change, outcome: &mut Outcome) -> Result<()> {
        match change {
            Change::Flags { ids, add, remove } => {
                for id in ids {
                    let Some(before) = self.load_shown(id)? else { continue };
                    let flags = before.wanted.flags.with(&add).without(&remove);
                    let to = Placement { mailbox: before.wanted.mailbox, flags };
                    let inverse = self.want(id, &before, to)?;
                    outcome.note(inverse);
                }
            }
            Change::Move { ids, to } => {
                self.check_target(to)?;
                for id in ids {
                    let Some(before) = self.load_shown(id)? else { continue };
                    let to = Placement { mailbox: Some(to), flags: before.wanted.flags.clone() };
                    let inverse = self.want(id, &before, to)?;
                    outcome.note(inverse);
                }
            }
            Change::Copy { ids, to } => {
                self.check_target(to)?;
                for id in ids {
                    let Some(before) = self.load_shown(id)? else { continue };
                    let inverse = self.copy(id, &before, to, before.wanted.flags.clone())?;
                    outcome.note(Some(inverse));
                }
            }
            Change::Delete { ids } => {
                for id in ids {
                    let Some(before) = self.load_shown(id)? else { continue };
                    let to = Placement { mailbox: None, flags: before.wanted.flags.clone() };
                    let inverse = self.want(id, &before, to)?;
                    outcome.note(inverse);
                }
            }
            Change::Restore { rows } => self.restore_all(&rows, outcome)?,
            Change::Cut { ids } => self.cut(&ids, outcome)?,
            Change::Join { ids, to } => self.join_under(&ids, to, outcome)?,
            Change::Answer { rows } => self.answer_again(rows, outcome)?,
            // rows leave a mailbox before it goes, and come back once it is there
            Change::Mailbox { wish: wish @ MailboxWish::Delete { .. }, rows } => {
                self.restore_all(&rows, outcome)?;
                self.wish(wish, outcome)?;
            }
            Change::Mailbox { wish, rows } => {
                self.wish(wish, outcome)?;
                self.restore_all(&rows, outcome)?;
            }
            Change::Together(changes) => {
                for change in changes {
                    self.run_rows(change, outcome)?;
                }
            }
        }
        Ok(())
    }

    fn restore_all(&mut self, rows: &[Restored], outcome: &mut Outcome) -> Result<()> {
        for row in rows {
            if let Some(inverse) = self.restore(row)? {
                outcome.note(Some(inverse));
            }
        }
        Ok(())
    }

    /// A row that the user can see.
    fn load_shown(&self, id: MessageId) -> Result<Option<Placed>> {
        Ok(self.load(id)?.filter(|row| row.wanted.mailbox.is_some()))
    }

    fn check_target(&self, mailbox: MailboxId) -> Result<()> {
        let mut statement = self.db.prepare_cached("SELECT selectable FROM mailbox WHERE id = ?1 AND wanted = 1")?;
        match statement.query_row([mailbox.0], |row| row.get::<_, bool>(0)).optional()? {
            Some(true) => Ok(()),
            Some(false) => Err(StoreError::Other("that mailbox only holds other mailboxes, not messages".into())),
            None => Err(StoreError::Other("that mailbox is gone".into())),
        }
    }

    /// Makes a row wanted there and so; the inverse, or None where nothing changed.
    pub fn want(&mut self, id: MessageId, before: &Placed, to: Placement) -> Result<Option<Restored>> {
        if before.wanted == to {
            return Ok(None);
        }
        if let Some((target, account)) = self.foreign_target(before, to.mailbox)? {
            return self.move_between(id, before, target, account, to.flags).map(Some);
        }
        let mut after = before.clone();
        after.wanted = to.clone();
        // touched again: what was refused may be asked again
        if after.sent == Some(super::rows::Sent::Held) {
            after.sent = None;
        }
        self.save(id, before, &after)?;
        Ok(Some(Restored { id, from: to, to: before.wanted.clone(), copy_of: None }))
    }

    /// The target and its account, where that is not the account the row is in.
    fn foreign_target(&self, row: &Placed, target: Option<MailboxId>) -> Result<Option<(MailboxId, AccountId)>> {
        let Some(home) = row.mailbox.or(row.wanted.mailbox) else { return Ok(None) };
        let Some(target) = target else { return Ok(None) };
        let (from, to) = (self.account_of(home)?, self.account_of(target)?);
        Ok(to.filter(|_| from != to).map(|to| (target, to)))
    }

    /// A move to another account. If this is the way back of one that the source still remembers, the source
    /// is wanted again; else a new local row is made and the source waits for it.
    fn move_between(&mut self, id: MessageId, before: &Placed, target: MailboxId, account: AccountId, flags: Flags) -> Result<Restored> {
        let twin = match self.waiting_source(id, account)? {
            Some(source) => Some(source),
            None => self.former_successor(id, account)?,
        };
        let to = Placement { mailbox: Some(target), flags };
        let new = match twin {
            Some((twin, row)) => {
                let mut again = row.clone();
                again.wanted = to.clone();
                self.save(twin, &row, &again)?;
                twin
            }
            // on no server yet and nobody waits for it: it may change its mind freely
            None if before.state == State::Local && before.sent.is_none() => {
                let mut after = before.clone();
                after.wanted = to.clone();
                self.save(id, before, &after)?;
                return Ok(Restored { id, from: to, to: before.wanted.clone(), copy_of: None });
            }
            None => {
                let new = self.insert_local(id, target, to.flags.clone())?;
                self.db.prepare_cached("UPDATE message SET after = ?2 WHERE id = ?1")?.execute((id.0, new.0))?;
                new
            }
        };
        let mut after = before.clone();
        after.wanted.mailbox = None;
        self.save(id, before, &after)?;
        self.goes_on_as(id, new)?;
        Ok(Restored { id: new, from: to, to: before.wanted.clone(), copy_of: None })
    }

    /// The row in `account` that waits for this one before it leaves, if it still can stay.
    fn waiting_source(&self, id: MessageId, account: AccountId) -> Result<Option<(MessageId, Placed)>> {
        self.twin("SELECT id FROM message WHERE after = ?1", id, account)
    }

    /// The row in `account` that this one once waited for and that was taken back.
    fn former_successor(&self, id: MessageId, account: AccountId) -> Result<Option<(MessageId, Placed)>> {
        self.twin("SELECT after FROM message WHERE id = ?1 AND after IS NOT NULL", id, account)
    }

    fn twin(&self, sql: &str, id: MessageId, account: AccountId) -> Result<Option<(MessageId, Placed)>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let Some(twin) = statement.query_row([id.0], |row| row.get(0).map(MessageId)).optional()? else { return Ok(None) };
        let Some(row) = self.load(twin)? else { return Ok(None) };
        if row.wanted.mailbox.is_some() || row.sent.is_some() {
            return Ok(None);
        }
        let home = match row.mailbox {
            Some(mailbox) => self.account_of(mailbox)?,
            // taken back before any server had it: it may go anywhere
            None => Some(account),
        };
        Ok((home == Some(account)).then_some((twin, row)))
    }

    fn copy(&mut self, id: MessageId, before: &Placed, to: MailboxId, flags: Flags) -> Result<Restored> {
        let new = self.insert_local(id, to, flags.clone())?;
        let home = before.mailbox.or(before.wanted.mailbox).map(|home| self.account_of(home)).transpose()?.flatten();
        if before.state != State::Local && home == self.account_of(to)? {
            self.db.prepare_cached("UPDATE message SET copy_of = ?2 WHERE id = ?1")?.execute((new.0, id.0))?;
        }
        let from = Placement { mailbox: Some(to), flags: flags.clone() };
        Ok(Restored { id: new, from, to: Placement { mailbox: None, flags }, copy_of: Some(id) })
    }

    /// From now on this message is that row.
    pub fn goes_on_as(&mut self, id: MessageId, new: MessageId) -> Result<()> {
        for sql in [
            "UPDATE former SET now = ?2 WHERE now = ?1",
            "INSERT OR REPLACE INTO former (id, now, step) SELECT ?1, ?2, coalesce(max(id), 0) FROM undo",
            // it is itself again
            "DELETE FROM former WHERE id = ?2 AND ?1 <> ?2",
        ] {
            self.db.prepare_cached(sql)?.execute((id.0, new.0))?;
        }
        Ok(())
    }

    /// The row that a message is now.
    fn current(&self, id: MessageId) -> Result<MessageId> {
        let mut statement = self.db.prepare_cached("SELECT now FROM former WHERE id = ?1")?;
        Ok(statement.query_row([id.0], |row| row.get(0).map(MessageId)).optional()?.unwrap_or(id))
    }

    /// A new local row with the contents of another.
    fn insert_local(&mut self, of: MessageId, to: MailboxId, flags: Flags) -> Result<MessageId> {
        let mut statement = self.db.prepare_cached("SELECT content, thread, received FROM message WHERE id = ?1")?;
        let (content, thread, received) = statement.query_row([of.0], |row| Ok((ContentId(row.get(0)?), row.get(1)?, row.get(2)?)))?;
        let new = self.next_id()?;
        self.insert_row(new, content, thread, received, &Placed::local(to, flags))?;
        Ok(new)
    }

    /// Takes one row back, field by field where it still is as expected. None: nothing of it was.
    fn restore(&mut self, row: &Restored) -> Result<Option<Restored>> {
        let id = self.current(row.id)?;
        let Some(before) = self.load(id)? else { return self.copy_again(row) };
        let mut to = before.wanted.clone();
        let is_home = before.wanted.mailbox == row.from.mailbox;
        if row.from.mailbox != row.to.mailbox && is_home {
            if row.to.mailbox.is_some_and(|mailbox| self.is_gone(mailbox)) {
                return Ok(None);
            }
            to.mailbox = row.to.mailbox;
        }
        let (add, remove) = row.from.flags.difference(&row.to.flags);
        // a flag touched since by something else stays
        let add = add.without(&before.wanted.flags);
        let remove = remove.without(&remove.without(&before.wanted.flags));
        to.flags = to.flags.with(&add).without(&remove);
        let inverse = self.want(id, &before, to)?;
        Ok(inverse.map(|inverse| Restored { copy_of: row.copy_of, ..inverse }))
    }

    /// A copy that was taken back and is gone from its server, wanted once more.
    fn copy_again(&mut self, row: &Restored) -> Result<Option<Restored>> {
        let (Some(source), Some(to), None) = (row.copy_of, row.to.mailbox, row.from.mailbox) else { return Ok(None) };
        let source = self.current(source)?;
        let Some(before) = self.load_shown(source)?.filter(|_| !self.is_gone(to)) else { return Ok(None) };
        let inverse = self.copy(source, &before, to, row.to.flags.clone())?;
        self.goes_on_as(row.id, inverse.id)?;
        Ok(Some(inverse))
    }

    fn is_gone(&self, mailbox: MailboxId) -> bool {
        self.account_of(mailbox).is_ok_and(|account| account.is_none())
    }

    /// The waiting change of a row in words, for lists of them.
    pub fn waiting_label(&self, id: MessageId, row: &Placed) -> Result<String> {
        let mut statement = self.db.prepare_cached("SELECT c.subject FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1")?;
        let subject: Option<String> = statement.query_row([id.0], |row| row.get(0)).optional()?.flatten();
        let target = row.wanted.mailbox.filter(|_| row.wanted.mailbox != row.mailbox);
        let target = target.map(|to| self.mailbox_name(to)).transpose()?;
        Ok(label(row, subject.as_deref(), target.as_deref()))
    }
}

/// "Move “Subject” to Archive", "Delete “Subject”", "Flags of “Subject”: +seen".
pub(super) fn label(row: &Placed, subject: Option<&str>, target: Option<&str>) -> String {
    let subject = subject.unwrap_or("(no subject)");
    let free = Placed { sent: None, ..row.clone() };
    match (free.wish(), target) {
        (_, Some(target)) if row.state == State::Local => format!("Put “{subject}” into {target}"),
        (_, Some(target)) => format!("Move “{subject}” to {target}"),
        (Some(Wish::Delete), _) => format!("Delete “{subject}”"),
        (Some(Wish::Flags { add, remove }), _) => format!("Flags of “{subject}”: {}", flag_words(&add, &remove)),
        _ => format!("“{subject}”"),
    }
}

/// The change that takes back what an outcome or a step of undo holds.
pub(super) fn way_back(rows: Vec<Restored>, wish: Option<MailboxWish>, answers: Vec<Answered>) -> Change {
    let change = match wish {
        Some(wish) => Change::Mailbox { wish, rows },
        None => Change::Restore { rows },
    };
    match (change.is_empty(), answers.is_empty()) {
        (_, true) => change,
        (true, false) => Change::Answer { rows: answers },
        (false, false) => Change::Together(vec![change, Change::Answer { rows: answers }]),
    }
}

impl Outcome {
    /// There is nothing to take back.
    pub fn is_empty(&self) -> bool {
        self.inverse.is_empty() && self.wish.is_none() && self.answers.is_empty()
    }

    /// One row is as asked; `inverse` where it had to change for that.
    pub fn note(&mut self, inverse: Option<Restored>) {
        self.done += 1;
        self.inverse.extend(inverse);
    }
}
