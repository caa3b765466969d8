//! Drafts in `user.db`, and the bytes of what is attached to them. Each job is one transaction that is on the
//! disk when it is answered. Knows no Drafts mailbox: that is `local.rs`, and the worker joins the two.
//!
//! A draft is open (a living run has it in a composer), left (to be put into a Drafts mailbox), or discarded
//! (until the next start, so that it can be taken back).

use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::own::Own;
use super::writer::Writer;
use super::{Pending, Result, StoreError};
use crate::mail::{Draft, DraftId, FileId, MessageId};

const OPEN: i64 = 0;
const LEFT: i64 = 1;
pub(super) const DISCARDED: i64 = 2;

/// A draft as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDraft {
    pub id: DraftId,
    pub draft: Draft,
    /// Unix seconds.
    pub saved: i64,
    /// Something was written since it was opened.
    pub touched: bool,
    /// What it replaces in a Drafts mailbox.
    pub kept: Option<KeptCopy>,
}

/// A copy of a draft in a Drafts mailbox, named so that it is found again where `mail.db` was made anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptCopy {
    pub message: i64,
    pub account: String,
    pub rfc_message_id: Option<String>,
    pub size: u64,
    /// Unix seconds.
    pub received: i64,
    /// Its Date field, Unix seconds; a server may change size and time of arrival, but not this.
    #[serde(default)]
    pub date: Option<i64>,
}

impl KeptCopy {
    /// The same version of the same draft: by Message-ID, Date and size (two versions may be of one second), or, without
    /// these, by all that is known.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_named = self.rfc_message_id.is_some() && self.date.is_some();
        let names = |copy: &Self| (copy.account.clone(), copy.rfc_message_id.clone());
        names(self) == names(other)
            && if is_named && other.date.is_some() {
                (self.date, self.size) == (other.date, other.size)
            } else {
                (self.size, self.received) == (other.size, other.received)
            }
    }

    pub fn message(&self) -> MessageId {
        MessageId(self.message)
    }
}

const DRAFT: &str = "SELECT id, value, saved, touched, kept FROM draft";

/// A draft from its JSON. A byte that is no text costs itself, not the draft; every field has a default: what a later
/// version adds is no obstacle.
pub(super) fn parse(value: &[u8]) -> serde_json::Result<Draft> {
    serde_json::from_str(&String::from_utf8_lossy(value))
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredDraft> {
    let value = row.get_ref(1)?.as_bytes()?;
    let kept = row.get_ref(4)?.as_bytes_or_null()?;
    Ok(StoredDraft {
        id: DraftId(row.get(0)?),
        draft: parse(value).map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error)))?,
        saved: row.get(2)?,
        touched: row.get(3)?,
        kept: kept.and_then(|text| serde_json::from_slice(text).ok()),
    })
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Other(format!("a draft could not be written down: {error}")))
}

/// One draft, whatever its state.
pub(super) fn find(db: &Connection, id: DraftId) -> Result<Option<StoredDraft>> {
    Ok(db.prepare_cached(&format!("{DRAFT} WHERE id = ?1"))?.query_row([id.0], read).optional()?)
}

/// Adds a draft that is open in this run.
pub(super) fn insert(db: &Connection, draft: &Draft, run: i64, at: i64) -> Result<DraftId> {
    let mut insert =
        db.prepare_cached("INSERT INTO draft (account, rfc_message_id, holder, saved, value, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    Ok(DraftId(insert.insert((&draft.account, &draft.rfc_message_id, run, at, json(draft)?, OPEN))?))
}

/// Adds a draft that comes back from the outbox: open in this run where one is given, else left.
pub(super) fn give_back(db: &Connection, draft: &Draft, kept: Option<&str>, run: Option<i64>, at: i64) -> Result<DraftId> {
    let id = insert(db, draft, run.unwrap_or_default(), at)?;
    let state = if run.is_some() { OPEN } else { LEFT };
    db.prepare_cached("UPDATE draft SET state = ?2, touched = 1, kept = ?3 WHERE id = ?1")?.execute((id.0, state, kept))?;
    Ok(id)
}

/// Takes a draft away, and the files that nothing else names.
pub(super) fn remove(db: &Connection, id: DraftId) -> Result<()> {
    db.prepare_cached("DELETE FROM draft WHERE id = ?1")?.execute([id.0])?;
    sweep_files(db)
}

/// Deletes the files whose draft is gone and that neither a draft nor an outbox row names.
pub(super) fn sweep_files(db: &Connection) -> Result<()> {
    db.execute(
        "DELETE FROM file WHERE draft NOT IN (SELECT id FROM draft) AND id NOT IN ( \
         SELECT json_extract(a.value, '$.file') FROM draft d, json_each(d.value, '$.attachments') a UNION ALL \
         SELECT json_extract(a.value, '$.file') FROM outbox o, json_each(o.draft, '$.attachments') a WHERE o.draft IS NOT NULL)",
        [],
    )?;
    Ok(())
}

fn insert_file(db: &Connection, draft: DraftId, bytes: &[u8]) -> Result<FileId> {
    let mut insert = db.prepare_cached("INSERT INTO file (draft, bytes) VALUES (?1, ?2)")?;
    Ok(FileId(insert.insert((draft.0, bytes))?))
}

/// Writes what is typed into a draft that is open; false: there is no such draft any more.
fn update(db: &Connection, id: DraftId, draft: &Draft, at: i64) -> Result<bool> {
    let Some(before) = find(db, id)? else { return Ok(false) };
    let is_same = is_same(&before.draft, draft);
    let sql =
        "UPDATE draft SET account = ?2, rfc_message_id = ?3, saved = ?4, value = ?5, touched = touched OR ?6 WHERE id = ?1 AND state = ?7";
    let changed = db.prepare_cached(sql)?.execute((id.0, &draft.account, &draft.rfc_message_id, at, json(draft)?, !is_same, OPEN))?;
    Ok(changed > 0)
}

/// Nothing was written since: where the cursor is does not count, nor the comma that a list ends with in a composer.
fn is_same(before: &Draft, now: &Draft) -> bool {
    let plain = |draft: &Draft| {
        let list = |text: &str| text.trim_end_matches([',', ' ']).to_owned();
        Draft {
            cursor: crate::mail::draft::Cursor::default(),
            to: list(&draft.to),
            cc: list(&draft.cc),
            bcc: list(&draft.bcc),
            reply_to: list(&draft.reply_to),
            ..draft.clone()
        }
    };
    plain(before) == plain(now)
}

fn set_state(db: &Connection, id: DraftId, state: i64, holder: i64) -> Result<()> {
    db.prepare_cached("UPDATE draft SET state = ?2, holder = ?3 WHERE id = ?1")?.execute((id.0, state, holder))?;
    Ok(())
}

/// The drafts of a state with their holders, newest first.
fn in_state(db: &Connection, state: i64) -> Result<Vec<(i64, StoredDraft)>> {
    let mut statement =
        db.prepare_cached("SELECT id, value, saved, touched, kept, holder FROM draft WHERE state = ?1 ORDER BY saved DESC, id DESC")?;
    let mut rows = statement.query([state])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        // one that can't be read hides none of the others, and stays where it is
        match read(row) {
            Ok(draft) => list.push((row.get(5)?, draft)),
            Err(error) => tracing::error!(%error, "a draft can't be read"),
        }
    }
    Ok(list)
}

impl Writer {
    /// A new draft, open in this run, with its files in the order of its attachments. `name` makes its Message-ID
    /// where it has none.
    pub fn new_draft(
        &self,
        mut draft: Draft,
        files: Vec<Vec<u8>>,
        kept: Option<KeptCopy>,
        at: i64,
        name: impl FnOnce(DraftId) -> String + Send + 'static,
    ) -> Pending<(DraftId, Draft)> {
        let run = self.run();
        self.own_job(move |tx| {
            run.hold()?;
            let id = insert(tx, &draft, run.number, at)?;
            if draft.rfc_message_id.is_empty() {
                draft.rfc_message_id = name(id);
            }
            for (attachment, bytes) in draft.attachments.iter_mut().zip(&files) {
                attachment.file = insert_file(tx, id, bytes)?;
            }
            let kept = kept.as_ref().map(json).transpose()?;
            let sql = "UPDATE draft SET rfc_message_id = ?2, value = ?3, kept = ?4 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute((id.0, &draft.rfc_message_id, json(&draft)?, kept))?;
            Ok((id, draft))
        })
    }

    /// Keeps what is typed; false: the draft is not open any more, and nothing was saved.
    pub fn save_draft(&self, id: DraftId, draft: Draft, at: i64) -> Pending<bool> {
        self.own_job(move |tx| update(tx, id, &draft, at))
    }

    /// Keeps the bytes of a file attached to a draft.
    pub fn add_file(&self, draft: DraftId, bytes: Vec<u8>) -> Pending<FileId> {
        self.own_job(move |tx| insert_file(tx, draft, &bytes))
    }

    /// The composer is closed: from now on the draft waits to be put into a Drafts mailbox. One that is `blank`, or in which
    /// nothing was ever written, goes, unless it is of a copy that is in a mailbox.
    pub fn leave_draft(&self, id: DraftId, draft: Draft, blank: bool, at: i64) -> Pending<bool> {
        let run = self.run();
        self.own_job(move |tx| {
            let is_there = update(tx, id, &draft, at)?;
            let is_needless = |stored: StoredDraft| stored.kept.is_none() && (blank || !stored.touched);
            if is_there && find(tx, id)?.is_some_and(is_needless) {
                remove(tx, id)?;
            } else if is_there {
                set_state(tx, id, LEFT, run.number)?;
            }
            Ok(is_there)
        })
    }

    /// The composer is closed and the draft gone, until it is opened again or the next start comes.
    pub fn discard_draft(&self, id: DraftId, draft: Draft, at: i64) -> Pending<bool> {
        let run = self.run();
        self.own_job(move |tx| {
            let is_there = update(tx, id, &draft, at)?;
            if is_there {
                set_state(tx, id, DISCARDED, run.number)?;
            }
            Ok(is_there)
        })
    }

    /// A discarded draft is written again; None: it is gone.
    pub fn reopen_draft(&self, id: DraftId) -> Pending<Option<StoredDraft>> {
        let run = self.run();
        self.own_job(move |tx| {
            run.hold()?;
            let sql = "UPDATE draft SET state = ?2, holder = ?3 WHERE id = ?1 AND state = ?4";
            let is_there = tx.prepare_cached(sql)?.execute((id.0, OPEN, run.number, DISCARDED))? > 0;
            if is_there { find(tx, id) } else { Ok(None) }
        })
    }

    /// The open draft that continues this copy, and whether this run has it.
    pub fn find_continued(&self, copy: KeptCopy) -> Pending<Option<(StoredDraft, bool)>> {
        let run = self.run();
        self.own_job(move |tx| {
            let open = in_state(tx, OPEN)?.into_iter();
            let mut living =
                open.filter(|(holder, stored)| stored.kept.as_ref().is_some_and(|kept| kept.is_same(&copy)) && run.is_alive(*holder));
            Ok(living.next().map(|(holder, stored)| (stored, holder == run.number)))
        })
    }

    /// The draft is elsewhere now, or nobody wants it: it goes, and the files that only it had.
    pub fn close_draft(&self, id: DraftId) -> Pending<()> {
        self.own_job(move |tx| remove(tx, id))
    }

    /// Takes over what runs that ended left behind: what they had open is left now (those in which nothing was
    /// written go), what they discarded is gone. The recovered ones, newest first. Drafts of living runs stay theirs.
    pub fn recover_drafts(&self) -> Pending<Vec<StoredDraft>> {
        let run = self.run();
        self.own_job(move |tx| {
            let mut recovered = Vec::new();
            for (holder, stored) in in_state(tx, OPEN)? {
                if run.is_alive(holder) {
                    continue;
                }
                if stored.touched {
                    set_state(tx, stored.id, LEFT, 0)?;
                    recovered.push(stored);
                } else {
                    remove(tx, stored.id)?;
                }
            }
            for (holder, stored) in in_state(tx, DISCARDED)? {
                if !run.is_alive(holder) {
                    remove(tx, stored.id)?;
                }
            }
            sweep_files(tx)?;
            run.sweep();
            Ok(recovered)
        })
    }

    /// The drafts that wait to be put into a Drafts mailbox, oldest first, now in this run's care.
    pub fn claim_left(&self) -> Pending<Vec<StoredDraft>> {
        let run = self.run();
        self.own_job(move |tx| {
            let mut claimed = Vec::new();
            for (holder, stored) in in_state(tx, LEFT)? {
                if holder == run.number || !run.is_alive(holder) {
                    run.hold()?;
                    set_state(tx, stored.id, LEFT, run.number)?;
                    claimed.push(stored);
                }
            }
            claimed.reverse();
            Ok(claimed)
        })
    }
}

impl Own {
    /// The drafts that are open or left, newest first.
    pub fn drafts(&self) -> Result<Vec<StoredDraft>> {
        let mut all: Vec<StoredDraft> = Vec::new();
        for state in [OPEN, LEFT] {
            all.extend(in_state(self.db(), state)?.into_iter().map(|(_, stored)| stored));
        }
        all.sort_by_key(|stored| std::cmp::Reverse((stored.saved, stored.id)));
        Ok(all)
    }

    /// How many drafts are open or left.
    pub fn draft_count(&self) -> Result<usize> {
        let sql = "SELECT count(*) FROM draft WHERE state <> ?1";
        Ok(self
            .db()
            .prepare_cached(sql)?
            .query_row([DISCARDED], |row| row.get::<_, i64>(0))
            .map(|n| usize::try_from(n).unwrap_or_default())?)
    }

    /// One draft.
    pub fn draft(&self, id: DraftId) -> Result<Option<StoredDraft>> {
        find(self.db(), id)
    }

    /// The bytes of an attachment.
    pub fn file(&self, id: FileId) -> Result<Option<Vec<u8>>> {
        let mut statement = self.db().prepare_cached("SELECT bytes FROM file WHERE id = ?1")?;
        Ok(statement.query_row([id.0], |row| row.get(0)).optional()?)
    }

    /// The bytes of a draft's attachments, in their order.
    ///
    /// # Errors
    /// One of them is missing: the draft can't be made a message without saying so.
    pub fn files(&self, draft: &Draft) -> Result<Vec<Vec<u8>>> {
        let one = |attachment: &crate::mail::Attachment| {
            self.file(attachment.file)?
                .ok_or_else(|| StoreError::Other(format!("the file {} is not here any more; attach it again", attachment.name)))
        };
        draft.attachments.iter().map(one).collect()
    }
}
