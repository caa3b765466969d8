//! Reading the outbox: rows as lists show them, and whole messages. Those that are done for everybody are only found by id.

use rusqlite::{Connection, OptionalExtension, Row};

use super::OutMessage;
use crate::mail::outgoing::Fate;
use crate::mail::{Draft, MessageId, OutItem, OutboxId, SmtpEnvelope, Stage};
use crate::store::{KeptCopy, Own, Result, StoreError};

const ITEM: &str = "id, account, stage, subject, envelope, not_before, attempts, error, draft IS NOT NULL, \
     json_extract(kept, '$.message')";

impl Own {
    /// Everything in the outbox, oldest first; of what is done only what was refused for some.
    pub fn outbox(&self) -> Result<Vec<OutItem>> {
        let sql = format!("SELECT {ITEM} FROM outbox WHERE stage <> ?1 OR error IS NOT NULL ORDER BY id");
        let mut statement = self.db().prepare_cached(&sql)?;
        let rows = statement.query_map([Stage::Filed as u8], |row| Ok(read_item(row)))?;
        rows.map(|row| row?).collect()
    }

    /// One row, a done one too for as long as it is remembered.
    pub fn out_item(&self, id: OutboxId) -> Result<Option<OutItem>> {
        item(self.db(), id)
    }

    /// One message with its bytes.
    pub fn out_message(&self, id: OutboxId) -> Result<Option<OutMessage>> {
        message(self.db(), id)
    }

    /// Message-IDs of an account's messages whose fate is unknown and would show in Sent. Not those that some
    /// recipients got in an attempt before: the copy of that one tells nothing of the last.
    pub fn unknown_fates(&self, account: &str) -> Result<Vec<(OutboxId, String)>> {
        let sql = "SELECT id, rfc_message_id, envelope FROM outbox WHERE account = ?1 AND stage = ?2";
        let mut statement = self.db().prepare_cached(sql)?;
        let mut rows = statement.query((account, Stage::Unknown as u8))?;
        let mut unknown = Vec::new();
        while let Some(row) = rows.next()? {
            let has_some = envelope(&row.get::<_, String>(2)?)?.recipients.iter().any(|one| one.fate == Fate::Accepted);
            if !has_some {
                unknown.push((OutboxId(row.get(0)?), row.get(1)?));
            }
        }
        Ok(unknown)
    }
}

pub(super) fn ids(db: &Connection, account: &str) -> Result<Vec<OutboxId>> {
    let mut statement = db.prepare_cached("SELECT id FROM outbox WHERE account = ?1 ORDER BY id")?;
    let rows = statement.query_map([account], |row| row.get(0).map(OutboxId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn item(db: &Connection, id: OutboxId) -> Result<Option<OutItem>> {
    let sql = format!("SELECT {ITEM} FROM outbox WHERE id = ?1");
    db.prepare_cached(&sql)?.query_row([id.0], |row| Ok(read_item(row))).optional()?.transpose()
}

/// Done ones name no copy any more.
pub(super) fn made_from(db: &Connection, copy: &KeptCopy) -> Result<Option<OutItem>> {
    let mut statement = db.prepare_cached("SELECT id, kept FROM outbox WHERE kept IS NOT NULL ORDER BY id")?;
    let rows =
        statement.query_map([], |row| Ok((OutboxId(row.get(0)?), row.get::<_, String>(1)?)))?.collect::<rusqlite::Result<Vec<_>>>()?;
    let is_it = |text: &str| serde_json::from_str::<KeptCopy>(text).is_ok_and(|kept| kept.is_same(copy));
    match rows.into_iter().find(|(_, kept)| is_it(kept)) {
        Some((id, _)) => item(db, id),
        None => Ok(None),
    }
}

pub(super) fn message(db: &Connection, id: OutboxId) -> Result<Option<OutMessage>> {
    let Some(item) = item(db, id)? else { return Ok(None) };
    let sql = "SELECT envelope, rfc_message_id, queued, draft, copy, bytes, kept FROM outbox WHERE id = ?1";
    let read = |row: &Row<'_>| {
        let texts = (row.get::<_, String>(0)?, row.get::<_, Option<String>>(3)?, row.get::<_, Option<String>>(6)?);
        Ok((texts, row.get(1)?, row.get(2)?, row.get::<_, Option<i64>>(4)?.map(MessageId), row.get(5)?))
    };
    let ((envelope_text, draft_text, kept), rfc_message_id, queued, copy, bytes) = db.query_row(sql, [id.0], read)?;
    let draft = draft_text.as_deref().map(draft).transpose()?;
    // one that can't be read is not replaced; that costs a stale copy, not the message
    let kept = kept.and_then(|text| serde_json::from_str(&text).ok());
    Ok(Some(OutMessage { item, envelope: envelope(&envelope_text)?, rfc_message_id, queued, draft, kept, copy, bytes }))
}

fn read_item(row: &Row<'_>) -> Result<OutItem> {
    let envelope = envelope(&row.get::<_, String>(4)?)?;
    Ok(OutItem {
        id: OutboxId(row.get(0)?),
        account: row.get(1)?,
        // a number this version does not know: nothing is done with it by itself
        stage: Stage::from_number(row.get(2)?).unwrap_or(Stage::Unknown),
        subject: row.get(3)?,
        recipients: envelope.recipients,
        not_before: row.get(5)?,
        attempts: row.get(6)?,
        error: row.get(7)?,
        has_draft: row.get(8)?,
        continues: row.get::<_, Option<i64>>(9)?.map(MessageId),
    })
}

pub(super) fn envelope(text: &str) -> Result<SmtpEnvelope> {
    serde_json::from_str(text).map_err(|error| unreadable(&error))
}

pub(super) fn draft(text: &str) -> Result<Draft> {
    serde_json::from_str(text).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Other(format!("a message of the outbox can't be read: {error}"))
}
