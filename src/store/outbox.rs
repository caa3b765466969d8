//! The outbox in `user.db`: messages on their way out with all their bytes, and every step they take, each in
//! one durable transaction. Which step may follow which is decided in `outbox/table.rs`; the copy in Sent is made
//! in `outbox/copy.rs`. Knows no server and no time of its own.
//!
//! Start with [`OutboxNew`] (what goes in) and [`OutMessage`] (what is sent).

mod copy;
mod read;
mod table;

use rusqlite::{Connection, OptionalExtension, Transaction};

use self::table::{After, Event, after};
use super::{KeptCopy, Paths, Pending, Result, StoreError, Writer, contacts, drafts, open};
use crate::mail::outgoing::{Fate, Recipient};
use crate::mail::{Address, Draft, DraftId, MessageId, OutItem, OutboxId, SmtpEnvelope, Stage};

pub use self::copy::SentCopy;

/// How long a message that is done is still known, seconds: whoever waits for it hears how it went.
const REMEMBERED: i64 = 3_600;

/// What is held for longer, seconds, is held for a time that the user named.
const UNDO: i64 = 300;

/// A message to be queued.
#[derive(Clone, Debug)]
pub struct OutboxNew {
    /// Name of the account.
    pub account: String,
    /// Unix seconds: not sent earlier.
    pub not_before: i64,
    /// Unix seconds now; where `not_before` is later the message is held.
    pub now: i64,
    pub rfc_message_id: String,
    pub subject: String,
    pub envelope: SmtpEnvelope,
    /// The draft it was made from, which leaves the drafts.
    pub draft: Option<(DraftId, Draft)>,
    /// The final message, without Bcc.
    pub bytes: Vec<u8>,
}

/// A queued message with everything that sending it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutMessage {
    pub item: OutItem,
    pub envelope: SmtpEnvelope,
    pub rfc_message_id: String,
    /// Unix seconds.
    pub queued: i64,
    pub draft: Option<Draft>,
    /// The copy in a Drafts mailbox that it continued.
    pub kept: Option<KeptCopy>,
    /// Reserved for the copy in Sent.
    pub copy: Option<MessageId>,
    pub bytes: Vec<u8>,
}

/// How taking a message back ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenBack {
    /// It is a draft again.
    Draft(DraftId, Box<Draft>),
    /// No composer made it: it stays where it is.
    NoDraft,
    /// The server has it, or may have it, for some recipient at least.
    TooLate,
    /// There is no such message in the outbox.
    Gone,
}

/// Where a message went that was refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedTo {
    /// It is a draft again.
    Draft(DraftId, Box<Draft>),
    /// It stays in the outbox, refused.
    Outbox,
    /// Other recipients had it before, so it is done.
    Done,
    /// It is not where it was any more: nothing was changed.
    Nothing,
}

/// What happened to recipients in one attempt.
pub type Fates = Vec<(String, Fate)>;

impl Writer {
    /// Puts a message into the outbox; on the disk when answered. None: its draft is not there any more, so it was
    /// queued before, or is discarded.
    pub fn queue(&self, new: OutboxNew) -> Pending<Option<OutItem>> {
        self.own_job(move |tx| queue(tx, &new))
    }

    /// The message on its way out that was made from this copy of a draft.
    pub fn outgoing_of(&self, copy: KeptCopy) -> Pending<Option<OutItem>> {
        self.own_job(move |tx| read::made_from(tx, &copy))
    }

    /// To be sent now, or again: ends a hold, a wait after a failure, and the end of a refused or unknown one.
    pub fn send_now(&self, id: OutboxId, now: i64) -> Pending<bool> {
        self.own_job(move |tx| hurry(tx, id, now))
    }

    /// Ends the waits after failures of an account; held messages keep their time. How many.
    pub fn retry_outbox(&self, account: String, now: i64) -> Pending<usize> {
        self.own_job(move |tx| {
            let sql = "UPDATE outbox SET not_before = ?3 WHERE account = ?1 AND stage = ?2 AND attempts > 0 AND not_before > ?3";
            Ok(tx.execute(sql, (account, Stage::Queued as u8, now))?)
        })
    }

    /// Begins an attempt. None: it is not to be sent (any more), or not yet: it is held for a later time.
    pub fn begin_sending(&self, id: OutboxId, now: i64) -> Pending<Option<OutMessage>> {
        self.own_job(move |tx| {
            let sql = "SELECT not_before <= ?2 OR stage <> ?3 FROM outbox WHERE id = ?1";
            let is_due = tx.query_row(sql, (id.0, now, Stage::Held as u8), |row| row.get(0)).optional()?;
            if is_due != Some(true) || !step(tx, id, Event::Begin)? {
                return Ok(None);
            }
            // what was held, or waited while nothing ran, is not given up for that: patience begins with the first attempt
            let sql = "UPDATE outbox SET queued = iif(attempts = 0, max(queued, ?2), queued), attempts = attempts + 1 WHERE id = ?1";
            tx.execute(sql, (id.0, now))?;
            read::message(tx, id)
        })
    }

    /// The end of data is about to be sent. Fates: how its recipients fared so far; what is Accepted here counts only
    /// once the message is. False: it was taken back meanwhile, so it must not be sent.
    pub fn handing_over(&self, id: OutboxId, fates: Fates) -> Pending<bool> {
        self.own_job(move |tx| {
            if !step(tx, id, Event::HandOver)? {
                return Ok(false);
            }
            let known = fates.into_iter().filter(|(_, fate)| *fate != Fate::Accepted).collect();
            record(tx, id, &known)?;
            Ok(true)
        })
    }

    /// The server took it for those that `fates` has as Accepted; they count as written to.
    pub fn accepted(&self, id: OutboxId, fates: Fates, names: Vec<Address>, now: i64) -> Pending<bool> {
        self.own_job(move |tx| {
            if !step(tx, id, Event::Accept)? {
                return Ok(false);
            }
            record(tx, id, &fates)?;
            tx.execute("UPDATE outbox SET error = NULL WHERE id = ?1", [id.0])?;
            let accepted = fates.iter().filter(|(_, fate)| *fate == Fate::Accepted);
            let written_to: Vec<Address> = accepted.map(|(address, _)| named(address, &names)).collect();
            contacts::count_contacts(tx, &written_to, now)?;
            Ok(true)
        })
    }

    /// No copy in Sent is wanted: it is done, or, where recipients were put off, waits for `not_before`.
    pub fn without_copy(&self, id: OutboxId, not_before: i64, now: i64) -> Pending<Option<Stage>> {
        self.own_job(move |tx| finish(tx, id, not_before, now))
    }

    /// It was found in Sent: the lost answer was a yes, to all but those whom the server had put off or refused before.
    /// What follows is what follows any acceptance.
    pub fn found_sent(&self, id: OutboxId) -> Pending<bool> {
        self.own_job(move |tx| {
            if !step(tx, id, Event::Find)? {
                return Ok(false);
            }
            let mut envelope = envelope(tx, id)?;
            let asked = envelope.recipients.iter_mut().filter(|recipient| recipient.fate == Fate::Pending);
            asked.for_each(|recipient| recipient.fate = Fate::Accepted);
            set_envelope(tx, id, &envelope)?;
            tx.execute("UPDATE outbox SET error = NULL WHERE id = ?1", [id.0])?;
            Ok(true)
        })
    }

    /// Refused for good, with the server's words. A message from a composer becomes a draft again: open in this run
    /// where `opens`, else left.
    pub fn refused(&self, id: OutboxId, fates: Fates, error: String, opens: bool, now: i64) -> Pending<RefusedTo> {
        let run = self.run();
        self.own_job(move |tx| {
            if opens {
                run.hold()?;
            }
            refuse(tx, id, &fates, &error, opens.then_some(run.number), now)
        })
    }

    /// Not now: it waits for `not_before` (Unix seconds). `error`: None leaves the last one. `counts`: it was an attempt.
    pub fn put_off(&self, id: OutboxId, fates: Fates, error: Option<String>, not_before: i64, counts: bool) -> Pending<bool> {
        self.own_job(move |tx| {
            if !step(tx, id, Event::PutOff)? {
                return Ok(false);
            }
            record(tx, id, &fates)?;
            let sql = "UPDATE outbox SET error = coalesce(?2, error), not_before = ?3, attempts = attempts - ?4 WHERE id = ?1";
            tx.execute(sql, (id.0, error, not_before, i64::from(!counts)))?;
            Ok(true)
        })
    }

    /// The answer to the end of data was lost.
    pub fn answer_unknown(&self, id: OutboxId, error: String) -> Pending<bool> {
        self.own_job(move |tx| {
            let is = step(tx, id, Event::Lose)?;
            if is {
                tx.execute("UPDATE outbox SET error = ?2 WHERE id = ?1", (id.0, error))?;
            }
            Ok(is)
        })
    }

    /// A draft again, open in this run where `opens`, else left; out of the outbox in the same transaction.
    pub fn take_back(&self, id: OutboxId, opens: bool, now: i64) -> Pending<TakenBack> {
        let run = self.run();
        self.own_job(move |tx| {
            if opens {
                run.hold()?;
            }
            take_back(tx, id, opens.then_some(run.number), now)
        })
    }

    /// A draft for those for whom a message that others have was refused, open in this run; the mark of that is gone then.
    pub fn write_again(&self, id: OutboxId, rfc_message_id: String, now: i64) -> Pending<TakenBack> {
        let run = self.run();
        self.own_job(move |tx| {
            run.hold()?;
            write_again(tx, id, rfc_message_id, run.number, now)
        })
    }

    /// Forgets it. False: it is being sent, or is not there.
    pub fn drop_outgoing(&self, id: OutboxId) -> Pending<bool> {
        self.own_job(move |tx| {
            if stage_of(tx, id)?.and_then(|stage| after(stage, Event::Drop)) != Some(After::Gone) {
                return Ok(false);
            }
            tx.execute("DELETE FROM outbox WHERE id = ?1", [id.0])?;
            drafts::sweep_files(tx)?;
            Ok(true)
        })
    }

    /// Nobody else sends for this account now: what the last one left in the middle goes back, or is of unknown fate
    /// with `error`. What was changed.
    pub fn recover_outbox(&self, account: String, error: String, now: i64) -> Pending<Vec<(OutboxId, Stage)>> {
        self.own_job(move |tx| {
            forget_done(tx, now)?;
            // queued in what is the future now: the clock was set back, and the moments that undo has are long over
            let sql =
                "UPDATE outbox SET not_before = ?3 WHERE account = ?1 AND stage = ?2 AND queued > ?3 + ?4 AND not_before <= queued + ?4";
            tx.execute(sql, (&account, Stage::Held as u8, now, UNDO))?;
            let mut changed = Vec::new();
            for id in read::ids(tx, &account)? {
                if !step(tx, id, Event::Crash)? {
                    continue;
                }
                let stage = stage_of(tx, id)?.unwrap_or(Stage::Unknown);
                if stage == Stage::Unknown {
                    tx.execute("UPDATE outbox SET error = ?2 WHERE id = ?1", (id.0, &error))?;
                }
                changed.push((id, stage));
            }
            Ok(changed)
        })
    }
}

/// Puts a message into the outbox without the mail store, for commands that do nothing else: the fastest way to
/// make it durable.
///
/// # Errors
/// `user.db` can't be opened or written.
pub fn queue_only(paths: &Paths, new: &OutboxNew) -> Result<Option<OutItem>> {
    let mut db = open::own_alone(paths)?;
    let tx = db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let item = queue(&tx, new)?;
    tx.commit()?;
    Ok(item)
}

/// In an older copy of `user.db`: whether what waited then was sent since, nobody knows.
pub(super) fn doubt(db: &Connection) -> Result<()> {
    let has_outbox: bool = db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'outbox')", [], |row| row.get(0))?;
    if has_outbox {
        let [queued, held, sending, handing_over] =
            [Stage::Queued, Stage::Held, Stage::Sending, Stage::HandingOver].map(|stage| stage as u8);
        let why = "it comes from an older copy of user.db and may have been sent since";
        let sql = "UPDATE outbox SET stage = ?1, error = ?2 WHERE stage IN (?3, ?4, ?5, ?6)";
        db.execute(sql, (Stage::Unknown as u8, why, queued, held, sending, handing_over))?;
    }
    Ok(())
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Other(format!("a message could not be written down: {error}")))
}

fn queue(tx: &Transaction<'_>, new: &OutboxNew) -> Result<Option<OutItem>> {
    let mut kept = None;
    if let Some((draft, _)) = &new.draft {
        // one that was discarded meanwhile is not sent
        let sql = "DELETE FROM draft WHERE id = ?1 AND state <> ?2 RETURNING kept";
        let Some(found) = tx.query_row(sql, (draft.0, drafts::DISCARDED), |row| row.get::<_, Option<String>>(0)).optional()? else {
            return Ok(None);
        };
        kept = found;
    }
    let stage = if new.not_before > new.now { Stage::Held } else { Stage::Queued };
    let draft = new.draft.as_ref().map(|(_, draft)| json(draft)).transpose()?;
    tx.execute(
        "INSERT INTO outbox (account, stage, not_before, queued, rfc_message_id, subject, envelope, draft, kept, bytes) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            &new.account,
            stage as u8,
            new.not_before,
            new.now,
            &new.rfc_message_id,
            &new.subject,
            json(&new.envelope)?,
            draft,
            kept,
            &new.bytes,
        ),
    )?;
    read::item(tx, OutboxId(tx.last_insert_rowid()))
}

fn stage_of(db: &Connection, id: OutboxId) -> Result<Option<Stage>> {
    let stage: Option<i64> = db.query_row("SELECT stage FROM outbox WHERE id = ?1", [id.0], |row| row.get(0)).optional()?;
    Ok(stage.and_then(Stage::from_number))
}

/// Moves a message by the table; false where the table has no such step, and nothing is changed.
fn step(tx: &Connection, id: OutboxId, event: Event) -> Result<bool> {
    let Some(After::Stage(stage)) = stage_of(tx, id)?.and_then(|stage| after(stage, event)) else { return Ok(false) };
    tx.execute("UPDATE outbox SET stage = ?2 WHERE id = ?1", (id.0, stage as u8))?;
    Ok(true)
}

fn envelope(db: &Connection, id: OutboxId) -> Result<SmtpEnvelope> {
    let text: String = db.query_row("SELECT envelope FROM outbox WHERE id = ?1", [id.0], |row| row.get(0))?;
    read::envelope(&text)
}

fn set_envelope(db: &Connection, id: OutboxId, envelope: &SmtpEnvelope) -> Result<()> {
    db.execute("UPDATE outbox SET envelope = ?2 WHERE id = ?1", (id.0, json(envelope)?))?;
    Ok(())
}

/// Writes down how recipients fared; one that was accepted or refused before stays so.
fn record(tx: &Connection, id: OutboxId, fates: &Fates) -> Result<()> {
    if fates.is_empty() {
        return Ok(());
    }
    let mut envelope = envelope(tx, id)?;
    for recipient in envelope.recipients.iter_mut().filter(|recipient| is_open(recipient)) {
        if let Some((_, fate)) = fates.iter().find(|(address, _)| *address == recipient.address) {
            recipient.fate = fate.clone();
        }
    }
    set_envelope(tx, id, &envelope)
}

/// Still to be sent to.
fn is_open(recipient: &Recipient) -> bool {
    matches!(recipient.fate, Fate::Pending | Fate::Deferred(_))
}

/// From accepted on: done, or, where recipients were put off, queued for them.
fn finish(tx: &Connection, id: OutboxId, not_before: i64, now: i64) -> Result<Option<Stage>> {
    if stage_of(tx, id)? != Some(Stage::Accepted) {
        return Ok(None);
    }
    if envelope(tx, id)?.recipients.iter().any(is_open) {
        step(tx, id, Event::FileInPart)?;
        // 0: the copy is made, and whatever became of it since, no other is
        let sql = "UPDATE outbox SET not_before = ?2, copy = copy * 0 WHERE id = ?1";
        tx.execute(sql, (id.0, not_before))?;
        return Ok(Some(Stage::Queued));
    }
    step(tx, id, Event::File)?;
    let refused = refusals(&envelope(tx, id)?);
    tx.execute("UPDATE outbox SET error = ?2 WHERE id = ?1", (id.0, refused))?;
    forget_contents(tx, id, now)?;
    Ok(Some(Stage::Filed))
}

/// What is done is remembered for a while without its contents. Where it was refused for some it has an error: it stays until the
/// user has seen to that, with the draft, so that they can be written to again.
fn forget_contents(tx: &Connection, id: OutboxId, now: i64) -> Result<()> {
    let sql = "UPDATE outbox SET bytes = x'', draft = iif(error IS NULL, NULL, draft), kept = NULL, not_before = ?2 WHERE id = ?1";
    tx.execute(sql, (id.0, now))?;
    drafts::sweep_files(tx)?;
    forget_done(tx, now)
}

/// What was done long ago, for everybody, is not remembered.
fn forget_done(tx: &Connection, now: i64) -> Result<()> {
    let sql = "DELETE FROM outbox WHERE stage = ?1 AND error IS NULL AND not_before < ?2";
    tx.execute(sql, (Stage::Filed as u8, now - REMEMBERED))?;
    Ok(())
}

/// "adda@x.org: 550 no such user", of all for whom it was refused; None: of nobody.
fn refusals(envelope: &SmtpEnvelope) -> Option<String> {
    let words = |recipient: &Recipient| match &recipient.fate {
        Fate::Refused(words) => Some(format!("{}: {words}", recipient.address)),
        _ => None,
    };
    let all: Vec<String> = envelope.recipients.iter().filter_map(words).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn write_again(tx: &Connection, id: OutboxId, rfc_message_id: String, run: i64, now: i64) -> Result<TakenBack> {
    let Some(stage) = stage_of(tx, id)? else { return Ok(TakenBack::Gone) };
    if stage != Stage::Filed {
        return Ok(TakenBack::TooLate);
    }
    let refused: Vec<String> = {
        let is_refused = |recipient: &&Recipient| matches!(recipient.fate, Fate::Refused(_));
        envelope(tx, id)?.recipients.iter().filter(is_refused).map(|recipient| recipient.address.clone()).collect()
    };
    let sql = "SELECT draft FROM outbox WHERE id = ?1 AND draft IS NOT NULL";
    let Some(text) = tx.query_row(sql, [id.0], |row| row.get::<_, String>(0)).optional()? else { return Ok(TakenBack::NoDraft) };
    let nobody = String::new;
    let draft = Draft { to: refused.join(", "), cc: nobody(), bcc: nobody(), rfc_message_id, ..read::draft(&text)? };
    let again = drafts::give_back(tx, &draft, None, Some(run), now)?;
    tx.execute("DELETE FROM outbox WHERE id = ?1", [id.0])?;
    Ok(TakenBack::Draft(again, Box::new(draft)))
}

fn hurry(tx: &Connection, id: OutboxId, now: i64) -> Result<bool> {
    let Some(before) = stage_of(tx, id)? else { return Ok(false) };
    if !step(tx, id, Event::Hurry)? {
        return Ok(false);
    }
    tx.execute("UPDATE outbox SET not_before = ?2 WHERE id = ?1", (id.0, now))?;
    if matches!(before, Stage::Refused | Stage::Unknown) {
        // once more from the start, for those who have not got it
        let mut envelope = envelope(tx, id)?;
        let again = envelope.recipients.iter_mut().filter(|recipient| recipient.fate != Fate::Accepted);
        again.for_each(|recipient| recipient.fate = Fate::Pending);
        set_envelope(tx, id, &envelope)?;
        tx.execute("UPDATE outbox SET queued = ?2, attempts = 0 WHERE id = ?1", (id.0, now))?;
    }
    Ok(true)
}

fn refuse(tx: &Connection, id: OutboxId, fates: &Fates, error: &str, run: Option<i64>, now: i64) -> Result<RefusedTo> {
    let Some(After::Stage(_)) = stage_of(tx, id)?.and_then(|stage| after(stage, Event::Refuse)) else { return Ok(RefusedTo::Nothing) };
    record(tx, id, fates)?;
    let mut envelope = envelope(tx, id)?;
    for recipient in envelope.recipients.iter_mut().filter(|recipient| is_open(recipient)) {
        recipient.fate = Fate::Refused(error.to_owned());
    }
    set_envelope(tx, id, &envelope)?;
    tx.execute("UPDATE outbox SET error = ?2 WHERE id = ?1", (id.0, error))?;
    if envelope.recipients.iter().any(|recipient| recipient.fate == Fate::Accepted) {
        step(tx, id, Event::End)?;
        tx.execute("UPDATE outbox SET error = ?2 WHERE id = ?1", (id.0, refusals(&envelope)))?;
        forget_contents(tx, id, now)?;
        return Ok(RefusedTo::Done);
    }
    step(tx, id, Event::Refuse)?;
    Ok(match to_draft(tx, id, run, now)? {
        Some((id, draft)) => RefusedTo::Draft(id, Box::new(draft)),
        None => RefusedTo::Outbox,
    })
}

fn take_back(tx: &Connection, id: OutboxId, run: Option<i64>, now: i64) -> Result<TakenBack> {
    let Some(stage) = stage_of(tx, id)? else { return Ok(TakenBack::Gone) };
    let has_some = envelope(tx, id)?.recipients.iter().any(|recipient| recipient.fate == Fate::Accepted);
    if has_some || after(stage, Event::TakeBack) != Some(After::Gone) {
        return Ok(TakenBack::TooLate);
    }
    Ok(match to_draft(tx, id, run, now)? {
        Some((id, draft)) => TakenBack::Draft(id, Box::new(draft)),
        None => TakenBack::NoDraft,
    })
}

/// Out of the outbox and among the drafts again; None, and nothing changed, where no composer made it.
fn to_draft(tx: &Connection, id: OutboxId, run: Option<i64>, now: i64) -> Result<Option<(DraftId, Draft)>> {
    let sql = "SELECT draft, kept FROM outbox WHERE id = ?1 AND draft IS NOT NULL";
    let found = tx.query_row(sql, [id.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))).optional()?;
    let Some((draft, kept)) = found else { return Ok(None) };
    let draft = read::draft(&draft)?;
    let back = drafts::give_back(tx, &draft, kept.as_deref(), run, now)?;
    tx.execute("DELETE FROM outbox WHERE id = ?1", [id.0])?;
    Ok(Some((back, draft)))
}

/// A recipient under the name it was written with.
fn named(address: &str, names: &[Address]) -> Address {
    let found = names.iter().find(|one| one.address.eq_ignore_ascii_case(address));
    Address::new(found.map_or("", |one| one.name.as_str()), address)
}
