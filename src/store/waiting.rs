//! What waits for its server, grouped, and taking it back; what came to nothing. Which rows wait is the difference
//! of wanted and server (`rows.rs`), so nothing here is kept in step with anything: groups are made when asked for.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::lookup::{PLACED, PLACED_COLUMNS, read_placed};
use super::reader::WAITING;
use super::rows::{Placed, State};
use super::work::Work;
use super::{Applied, Pending, Reader, Result, Writer};
use crate::mail::{AccountId, Change, Flags, MailboxId, MessageId, Mishap, Placement, Restored, Role, Wait, WaitingGroup, Waits};

/// Mishaps kept.
const MISHAPS: i64 = 100;
/// Labels named in one mishap.
const NAMED: usize = 5;

/// One waiting row with what SQL knows of its neighbours.
struct Waiter {
    id: MessageId,
    account: AccountId,
    row: Placed,
    since: Option<i64>,
    /// The source of a move between accounts that this row is the other half of: its mailbox.
    source: Option<MailboxId>,
    /// It waits for its other half, which is told instead.
    is_half: bool,
    /// Another row has the same contents.
    is_copy: bool,
    /// Why its server did not take it.
    refused: Option<String>,
}

const COLUMNS: &str = "m.id, b.account, m.since, \
    (SELECT p.mailbox FROM message p WHERE p.after = m.id AND p.wanted_mailbox IS NULL LIMIT 1), \
    EXISTS (SELECT 1 FROM message a WHERE a.id = m.after AND a.state = 0 AND a.wanted_mailbox IS NOT NULL), \
    m.state = 0 AND EXISTS (SELECT 1 FROM message o WHERE o.content = m.content AND o.id <> m.id), \
    (SELECT r.why FROM refusal r WHERE r.message = m.id)";

fn read_waiter(row: &Row<'_>) -> rusqlite::Result<Waiter> {
    let at = |n: usize| PLACED_COLUMNS + n;
    Ok(Waiter {
        row: read_placed(row)?,
        id: MessageId(row.get(at(0))?),
        account: AccountId(row.get(at(1))?),
        since: row.get(at(2))?,
        source: row.get::<_, Option<i64>>(at(3))?.map(MailboxId),
        is_half: row.get(at(4))?,
        is_copy: row.get(at(5))?,
        refused: row.get(at(6))?,
    })
}

/// Every waiting row in turn.
fn each(db: &Connection, mut take: impl FnMut(Waiter)) -> Result<()> {
    for from in WAITING {
        let joined = from.replace(" WHERE ", " JOIN mailbox b ON b.id = coalesce(m.mailbox, m.wanted_mailbox, s.mailbox) WHERE ");
        let mut statement = db.prepare_cached(&format!("SELECT {PLACED}, {COLUMNS} FROM {joined}"))?;
        for waiter in statement.query_map([], read_waiter)? {
            take(waiter?);
        }
    }
    Ok(())
}

impl Waiter {
    /// What it waits for: flags and a place may both differ. With each the wish that would end it.
    fn waits(&self) -> Vec<(Wait, Restored)> {
        let wanted = &self.row.wanted;
        let back = |to: Placement| Restored { id: self.id, from: wanted.clone(), to, copy_of: None };
        let at = |mailbox| back(Placement { mailbox, flags: wanted.flags.clone() });
        let mut waits = Vec::new();
        if self.row.state == State::Known && self.row.server != wanted.flags {
            let (add, remove) = self.row.server.difference(&wanted.flags);
            waits.push((Wait::Flags { add, remove }, back(Placement { mailbox: wanted.mailbox, flags: self.row.server.clone() })));
        }
        match (self.row.state, wanted.mailbox) {
            (State::Known, None) if !self.is_half => waits.push((Wait::Delete, at(self.row.mailbox))),
            (State::Known, Some(to)) if self.row.mailbox != Some(to) => waits.push((Wait::Move(to), at(self.row.mailbox))),
            (State::Local, Some(to)) if self.source.is_some() => waits.push((Wait::Move(to), at(self.source))),
            (State::Local, Some(to)) if self.is_copy => waits.push((Wait::Copy(to), at(None))),
            (State::Local, Some(to)) => waits.push((Wait::Put(to), back(wanted.clone()))),
            _ => {}
        }
        if waits.is_empty() && !self.is_half {
            waits.push((Wait::Answer, back(wanted.clone())));
        }
        waits
    }
}

impl Reader {
    /// Everything that waits, by account, and what came to nothing. Reads every waiting row: not for the UI thread.
    pub fn waits(&self) -> Result<Waits> {
        type Known = (usize, Option<i64>, MessageId, Option<String>);
        let mut groups: BTreeMap<(AccountId, Wait), Known> = BTreeMap::new();
        each(self.db(), |waiter| {
            for (wait, _) in waiter.waits() {
                let group = groups.entry((waiter.account, wait)).or_insert((0, None, waiter.id, None));
                group.0 += 1;
                group.1 = [group.1, waiter.since].into_iter().flatten().min();
                group.3 = waiter.refused.clone().or_else(|| group.3.take());
            }
        })?;
        let groups = groups.into_iter().map(|((account, wait), (count, since, first, refused))| {
            let target = match wait {
                Wait::Move(to) | Wait::Copy(to) | Wait::Put(to) => self.target(to)?,
                Wait::Flags { .. } | Wait::Delete | Wait::Answer | Wait::Mailbox(..) => None,
            };
            let subject = if count == 1 { self.subject(first)? } else { None };
            Ok(WaitingGroup { account, wait, target, count, since, subject, refused })
        });
        let mut groups = groups.collect::<Result<Vec<_>>>()?;
        groups.extend(self.waiting_mailboxes()?);
        groups.sort_by_key(|group| (group.account, group.since));
        Ok(Waits { groups, mishaps: self.mishaps()? })
    }

    fn target(&self, mailbox: MailboxId) -> Result<Option<(String, Option<Role>)>> {
        let mut statement = self.db().prepare_cached("SELECT name, role FROM mailbox WHERE id = ?1")?;
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.and_then(Role::from_number)));
        Ok(statement.query_row([mailbox.0], read).optional()?)
    }

    fn subject(&self, id: MessageId) -> Result<Option<String>> {
        let mut statement =
            self.db().prepare_cached("SELECT c.subject FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1")?;
        Ok(statement.query_row([id.0], |row| row.get(0)).optional()?.flatten())
    }

    fn mishaps(&self) -> Result<Vec<Mishap>> {
        let mut statement = self.db().prepare_cached("SELECT id, account, at, what, why FROM mishap ORDER BY id DESC")?;
        let rows = statement.query_map([], |row| {
            Ok(Mishap { id: row.get(0)?, account: AccountId(row.get(1)?), at: row.get(2)?, what: row.get(3)?, why: row.get(4)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

impl Writer {
    /// Takes back what these groups wait for, each row only where it still waits for that.
    pub fn revoke(&self, groups: Vec<(AccountId, Wait)>, label: String) -> Pending<Applied> {
        self.user_job(move |work| work.revoke(&groups, label))
    }

    /// Remembers a wish that came to nothing.
    pub fn note_mishap(&self, account: AccountId, what: String, why: String) -> Pending<()> {
        self.sync_job(move |work| work.note_mishap(account, &what, &why))
    }

    /// The user has seen these.
    pub fn forget_mishaps(&self, ids: Vec<i64>) -> Pending<()> {
        self.user_job(move |work| {
            let mut statement = work.db.prepare_cached("DELETE FROM mishap WHERE id = ?1")?;
            ids.iter().try_for_each(|id| statement.execute([id]).map(drop).map_err(Into::into))
        })
    }
}

impl Work<'_> {
    pub fn revoke(&mut self, groups: &[(AccountId, Wait)], label: String) -> Result<Applied> {
        let mut rows: BTreeMap<MessageId, Restored> = BTreeMap::new();
        each(self.db, |waiter| {
            for (wait, back) in waiter.waits() {
                let is_meant = groups.iter().any(|(account, group)| *account == waiter.account && *group == wait);
                if is_meant && !matches!(wait, Wait::Put(_) | Wait::Answer) {
                    rows.entry(waiter.id).and_modify(|row| row.to = both(row, &back)).or_insert(back);
                }
            }
        })?;
        for (_, wait) in groups {
            if let Wait::Mailbox(id, wait) = wait {
                self.revoke_wish(*id, *wait, &label)?;
            }
        }
        self.apply(Change::Restore { rows: rows.into_values().collect() }, label)
    }

    pub fn note_mishap(&mut self, account: AccountId, what: &str, why: &str) -> Result<()> {
        let at = self.memory.wall();
        self.db
            .prepare_cached("INSERT INTO mishap (account, at, what, why) VALUES (?1, ?2, ?3, ?4)")?
            .execute((account.0, at, what, why))?;
        self.db.prepare_cached("DELETE FROM mishap WHERE id <= (SELECT max(id) FROM mishap) - ?1")?.execute([MISHAPS])?;
        Ok(())
    }
}

/// A row whose flags and whose place are both taken back.
fn both(one: &Restored, other: &Restored) -> Placement {
    let is_moved = |row: &Restored| row.to.mailbox != row.from.mailbox;
    let (mailbox, flags): (Option<MailboxId>, &Flags) =
        if is_moved(one) { (one.to.mailbox, &other.to.flags) } else { (other.to.mailbox, &one.to.flags) };
    Placement { mailbox, flags: flags.clone() }
}

/// Some labels, and how many more there are.
pub(super) fn some_of(labels: &[String]) -> String {
    let named = labels.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    match labels.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named}; and {more} more"),
    }
}
