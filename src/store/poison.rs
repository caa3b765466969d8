//! What a process was doing with bytes of others when it ended without a word: counted until it goes well, so that the
//! next start can leave it alone. What "doing" means is the worker's (`worker/hand.rs`).

use rusqlite::params;

use super::work::Work;
use super::writer::Writer;
use super::{Changed, Pending, Reader, Result, lookup};
use crate::mail::{Key, MailboxId, MessageId, Uid};

/// Something that was in hand.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InHand {
    pub what: What,
    /// 0 where it is of no mailbox.
    pub mailbox: MailboxId,
    /// The key of a message as [`InHand::key_of`] writes it, the id of a message, or the name of a step.
    pub key: String,
}

/// The kinds of work, as numbers in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Headers = 1,
    Text = 2,
    Page = 3,
    Step = 4,
}

impl What {
    pub const ALL: [Self; 4] = [What::Headers, What::Text, What::Page, What::Step];
}

/// How often a process ended over it, and when last (Unix seconds).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poison {
    pub of: InHand,
    pub deaths: u32,
    pub at: i64,
}

impl InHand {
    /// One word of printable ASCII.
    pub fn key_of(key: &Key) -> String {
        match key {
            Key::Uid(uid) => uid.0.to_string(),
            Key::BaseName(name) => format!("={}", name.escape_default().to_string().replace(' ', "\\x20")),
        }
    }
}

impl Writer {
    /// Processes ended over these at `at`.
    pub fn note_deaths(&self, of: Vec<InHand>, at: i64) -> Pending<()> {
        self.sync_job(move |work| {
            let sql = "INSERT INTO poison (what, mailbox, key, deaths, at) VALUES (?1, ?2, ?3, 1, ?4) \
                       ON CONFLICT (what, mailbox, key) DO UPDATE SET deaths = deaths + 1, at = excluded.at";
            let mut insert = work.db.prepare_cached(sql)?;
            of.iter().try_for_each(|one| insert.execute(params![one.what as u8, one.mailbox.0, one.key, at]).map(drop))?;
            Ok(())
        })
    }

    /// It went well.
    pub fn clear_deaths(&self, of: InHand) -> Pending<()> {
        self.sync_job(move |work| {
            let sql = "DELETE FROM poison WHERE what = ?1 AND mailbox = ?2 AND key = ?3";
            work.db.execute(sql, params![of.what as u8, of.mailbox.0, of.key])?;
            Ok(())
        })
    }

    /// Everything is tried again: rows whose headers were not read go, so that they are fetched anew.
    pub fn pardon(&self) -> Pending<Changed> {
        self.sync_job(|work| work.pardon())
    }
}

impl Work<'_> {
    fn pardon(&mut self) -> Result<Changed> {
        let sql = format!("DELETE FROM poison RETURNING what = {}, mailbox, key", What::Headers as u8);
        let mut statement = self.db.prepare(&sql)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, MailboxId(row.get(1)?), row.get::<_, String>(2)?)))?;
        for (is_headers, mailbox, key) in rows.collect::<rusqlite::Result<Vec<(bool, MailboxId, String)>>>()? {
            let Some(id) = is_headers.then(|| self.find_unread(mailbox, &key)).transpose()?.flatten() else { continue };
            if let Some(row) = self.load(id)?.filter(|row| !row.is_waiting()) {
                self.remove(id, &row)?;
            }
        }
        Ok(std::mem::take(&mut self.changes).finish())
    }

    fn find_unread(&self, mailbox: MailboxId, key: &str) -> Result<Option<MessageId>> {
        if let Ok(uid) = key.parse() {
            return lookup::find_key(self.db, mailbox, &Key::Uid(Uid(uid)));
        }
        let mut statement = self.db.prepare("SELECT id, base_name FROM message WHERE mailbox = ?1 AND base_name IS NOT NULL")?;
        let rows = statement.query_map([mailbox.0], |row| Ok((MessageId(row.get(0)?), Key::BaseName(row.get::<_, String>(1)?.into()))))?;
        let all: Vec<(MessageId, Key)> = rows.collect::<rusqlite::Result<_>>()?;
        Ok(all.into_iter().find(|(_, name)| InHand::key_of(name) == key).map(|(id, _)| id))
    }
}

impl Reader {
    /// What processes ended over and that never went well since.
    pub fn poison(&self) -> Result<Vec<Poison>> {
        let mut statement = self.db().prepare("SELECT what, mailbox, key, deaths, at FROM poison")?;
        let rows = statement.query_map([], |row| {
            let what: u8 = row.get(0)?;
            let what = What::ALL.into_iter().find(|known| *known as u8 == what).unwrap_or(What::Step);
            let of = InHand { what, mailbox: MailboxId(row.get(1)?), key: row.get(2)? };
            Ok(Poison { of, deaths: row.get(3)?, at: row.get(4)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
