//! What is known of the messages in POP3 maildrops, by their unique-id (RFC 1939 7). A row with a base name says:
//! this message lies durably in a Maildir here. Knows nothing of rules; `worker/pop3/` decides.

use rusqlite::params;

use super::{Own, Pending, Result, Writer};

/// A message of a maildrop that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Popped {
    pub unique_id: String,
    /// Octets as the server lists them.
    pub size: u64,
    /// The file it was delivered as; None while it was not.
    pub base_name: Option<String>,
    /// When, in Unix seconds.
    pub fetched: i64,
    /// Deleted here, to be deleted there by the account's rule.
    pub gone: bool,
}

impl Own {
    /// Everything known of a maildrop, by unique-id.
    pub fn popped(&self, maildrop: &str) -> Result<Vec<Popped>> {
        let sql = "SELECT uidl, size, base_name, fetched, gone FROM pop3 WHERE account = ?1 ORDER BY uidl";
        let mut statement = self.db().prepare_cached(sql)?;
        let rows = statement.query_map([maildrop], |row| {
            Ok(Popped {
                unique_id: row.get(0)?,
                size: row.get::<_, i64>(1)?.cast_unsigned(),
                base_name: row.get(2)?,
                fetched: row.get(3)?,
                gone: row.get(4)?,
            })
        })?;
        rows.map(|row| row.map_err(Into::into)).collect()
    }

    /// Whether anything was ever delivered from this maildrop.
    pub fn has_popped(&self, maildrop: &str) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM pop3 WHERE account = ?1 AND base_name IS NOT NULL)";
        Ok(self.db().query_row(sql, [maildrop], |row| row.get(0))?)
    }
}

impl Writer {
    /// These messages are known so from now on, in place of what was known of their unique-ids. On the disk when
    /// answered.
    pub fn set_popped(&self, maildrop: &str, rows: Vec<Popped>) -> Pending<()> {
        let maildrop = maildrop.to_owned();
        self.own_job(move |tx| {
            let sql = "INSERT OR REPLACE INTO pop3 (account, uidl, size, base_name, fetched, gone) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let mut statement = tx.prepare_cached(sql)?;
            for row in rows {
                statement.execute(params![maildrop, row.unique_id, row.size.cast_signed(), row.base_name, row.fetched, row.gone])?;
            }
            Ok(())
        })
    }

    /// These unique-ids are no longer in the maildrop.
    pub fn forget_popped(&self, maildrop: &str, unique_ids: Vec<String>) -> Pending<()> {
        let maildrop = maildrop.to_owned();
        self.own_job(move |tx| {
            let mut statement = tx.prepare_cached("DELETE FROM pop3 WHERE account = ?1 AND uidl = ?2")?;
            for unique_id in unique_ids {
                statement.execute(params![maildrop, unique_id])?;
            }
            Ok(())
        })
    }

    /// Nothing of this maildrop lies here any more (its Maildir was replaced): all that the server has is new.
    pub fn forget_maildrop(&self, maildrop: &str) -> Pending<()> {
        let maildrop = maildrop.to_owned();
        self.own_job(move |tx| {
            tx.execute("DELETE FROM pop3 WHERE account = ?1", [maildrop])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Paths, open};

    fn row(unique_id: &str, size: u64, base_name: Option<&str>) -> Popped {
        Popped { unique_id: unique_id.into(), size, base_name: base_name.map(Into::into), fetched: 7, gone: false }
    }

    #[test]
    fn a_maildrop_knows_its_own_messages_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let paths = Paths::in_folder(folder.path());
        let writer = open(&paths).unwrap();
        let own = Own::open(&paths).unwrap().unwrap();
        writer.set_popped("a", vec![row("2", 5, None), row("1", u64::MAX, Some("file"))]).wait().unwrap();
        writer.set_popped("b", vec![row("1", 9, None)]).wait().unwrap();
        assert_eq!(own.popped("a").unwrap(), [row("1", u64::MAX, Some("file")), row("2", 5, None)]);
        assert!(own.has_popped("a").unwrap() && !own.has_popped("b").unwrap());
        let gone = Popped { gone: true, ..row("1", 6, Some("other")) };
        writer.set_popped("a", vec![gone.clone()]).wait().unwrap();
        writer.forget_popped("a", vec!["2".into(), "none".into()]).wait().unwrap();
        assert_eq!(own.popped("a").unwrap(), [gone]);
        writer.forget_maildrop("a").wait().unwrap();
        assert_eq!((own.popped("a").unwrap(), own.popped("b").unwrap().len()), (vec![], 1));
    }
}
