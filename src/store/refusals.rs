//! Messages that their server did not take (a full mailbox, a folder that may not be written): they are held here and
//! asked again by themselves, with the server's words for whoever wants to know. A refusal is a sure no, so asking again
//! files nothing twice. When to ask is the caller's; what happens to the row is decided in `rows.rs`.

use rusqlite::OptionalExtension;

use super::rows::Sent;
use super::work::Work;
use super::{Changed, Pending, Push, PushEnd, PushKind, Result, Writer};
use crate::mail::{AccountId, MessageId};

/// No wait is longer, seconds: one that seems to be was begun before the clock was set back.
const LONGEST: i64 = 2 * 3_600;

impl Writer {
    /// The server did not take a message. `wait`: seconds to the next attempt after so many refusals in a row. How many
    /// there were; 0: it is not asked again, because it is elsewhere, or not wanted any more.
    pub fn refused_append(&self, push: Push, why: String, now: i64, wait: impl Fn(u32) -> i64 + Send + 'static) -> Pending<(u32, Changed)> {
        self.sync_job(move |work| {
            let changed = work.end_push(&push, PushEnd::Refused)?;
            let PushKind::Append { id, .. } = push.kind else { return Ok((0, changed)) };
            if work.load(id)?.is_none_or(|row| row.sent != Some(Sent::Held)) {
                return Ok((0, changed));
            }
            Ok((work.note_refusal(id, &why, now, wait)?, changed))
        })
    }

    /// Lets what was refused be asked again where its time has come, or, `all`, whatever its time. When the next one's
    /// comes (Unix seconds).
    pub fn release_refused(&self, account: AccountId, now: i64, all: bool) -> Pending<(Option<i64>, Changed)> {
        self.sync_job(move |work| work.release_refused(account, now, all))
    }
}

impl Work<'_> {
    fn note_refusal(&mut self, id: MessageId, why: &str, now: i64, wait: impl Fn(u32) -> i64) -> Result<u32> {
        let before = self.db.query_row("SELECT times FROM refusal WHERE message = ?1", [id.0], |row| row.get::<_, u32>(0)).optional()?;
        let times = before.unwrap_or(0).saturating_add(1);
        let sql = "INSERT OR REPLACE INTO refusal (message, times, again, why) VALUES (?1, ?2, ?3, ?4)";
        self.db.execute(sql, (id.0, times, now.saturating_add(wait(times)), why))?;
        Ok(times)
    }

    fn release_refused(&mut self, account: AccountId, now: i64, all: bool) -> Result<(Option<i64>, Changed)> {
        // what a server has by now, or nobody wants
        self.db
            .execute("DELETE FROM refusal WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = refusal.message AND m.state = 0)", [])?;
        let sql = "SELECT r.message, r.again FROM refusal r JOIN message m ON m.id = r.message \
                   JOIN mailbox b ON b.id = m.wanted_mailbox WHERE b.account = ?1";
        let known = self
            .db
            .prepare_cached(sql)?
            .query_map([account.0], |row| Ok((MessageId(row.get(0)?), row.get::<_, i64>(1)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut next = None;
        for (id, again) in known {
            let Some(before) = self.load(id)?.filter(|row| row.sent == Some(Sent::Held)) else { continue };
            if all || again <= now || again > now.saturating_add(LONGEST) {
                let mut after = before.clone();
                after.sent = None;
                self.save(id, &before, &after)?;
            } else {
                next = Some(next.map_or(again, |other: i64| other.min(again)));
            }
        }
        Ok((next, std::mem::take(&mut self.changes).finish()))
    }
}
