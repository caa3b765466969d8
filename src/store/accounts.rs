//! Accounts and mailboxes as rows: which there are, under which names and roles. Counters are kept by
//! `work.rs` and, for what is deleted, a trigger.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{OptionalExtension, Row};

use super::Result;
use super::lookup::{PLACED, PLACED_COLUMNS, read_placed};
use super::mailboxes::Wanted;
use super::work::Work;
use crate::mail::mailbox::ROLES;
use crate::mail::server::RemoteMailbox;
use crate::mail::{AccountId, Mailbox, MailboxId, MessageId, Role, UidValidity};

/// The columns [`read_mailbox`] takes. Until a first sync of headers the server's own counts are shown.
pub(super) const MAILBOX: &str = "b.id, b.account, b.name, b.role, b.selectable, \
     CASE WHEN b.synced IS NULL THEN max(b.total, coalesce(b.server_total, 0)) ELSE b.total END, \
     CASE WHEN b.synced IS NULL AND b.total = 0 THEN coalesce(b.server_unread, 0) ELSE b.unread END, \
     b.uid_validity, b.synced";

pub(super) fn read_mailbox(row: &Row<'_>) -> rusqlite::Result<Mailbox> {
    Ok(Mailbox {
        id: MailboxId(row.get(0)?),
        account: AccountId(row.get(1)?),
        name: row.get(2)?,
        role: row.get::<_, Option<i64>>(3)?.and_then(Role::from_number),
        selectable: row.get(4)?,
        total: row.get(5)?,
        unread: row.get(6)?,
        uid_validity: row.get::<_, Option<u32>>(7)?.map(UidValidity),
        synced: row.get(8)?,
    })
}

/// Inbox, the other roles in the order of ROLES, then by name without regard to case.
pub(super) fn sort_mailboxes(list: &mut [Mailbox]) {
    list.sort_by_cached_key(|mailbox| (mailbox.role.map_or(i64::MAX, |role| role as i64), mailbox.name.to_lowercase(), mailbox.id));
}

/// The role of each mailbox, by index: the configuration's word, then the server's, then usual names.
pub(super) fn assign_roles(list: &[RemoteMailbox], overrides: &BTreeMap<String, String>) -> Vec<Option<Role>> {
    let mut roles: Vec<Option<Role>> = vec![None; list.len()];
    let overridden = |role: Role| overrides.iter().find(|(word, _)| word.eq_ignore_ascii_case(role.word())).map(|(_, name)| name.as_str());
    for &(role, ..) in ROLES {
        let is_free = |index: usize| roles.get(index).is_some_and(Option::is_none);
        let find = |test: &dyn Fn(&RemoteMailbox) -> bool| {
            list.iter().enumerate().find(|(index, mailbox)| is_free(*index) && mailbox.selectable && test(mailbox)).map(|(index, _)| index)
        };
        let found = match overridden(role) {
            // a configured name that is not there gives the role to nobody: mail must not go astray
            Some(name) => find(&|mailbox| mailbox.name.eq_ignore_ascii_case(name)),
            None => find(&|mailbox| mailbox.role == Some(role))
                .or_else(|| find(&|mailbox| mailbox.role.is_none() && Role::from_usual_name(&mailbox.name) == Some(role))),
        };
        if let Some(slot) = found.and_then(|index| roles.get_mut(index)) {
            *slot = Some(role);
        }
    }
    roles
}

impl Work<'_> {
    pub fn set_accounts(&mut self, names: &[String]) -> Result<Vec<AccountId>> {
        self.db.execute("UPDATE account SET position = NULL", [])?;
        let mut insert = self.db.prepare_cached(
            "INSERT INTO account (name, position) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET position = excluded.position RETURNING id",
        )?;
        let ids = names
            .iter()
            .enumerate()
            .map(|(position, name)| insert.query_row((name, position as i64), |row| row.get(0)).map(AccountId).map_err(Into::into));
        ids.collect()
    }

    /// The server has these mailboxes. `renamed`: known ones, and under which of the names they are now. `asked_at`: when
    /// the list was asked for; what was made since may be missing in it.
    pub fn set_mailboxes(
        &mut self,
        account: AccountId,
        list: &[RemoteMailbox],
        overrides: &BTreeMap<String, String>,
        renamed: &[(MailboxId, String)],
        asked_at: u64,
    ) -> Result<Vec<Mailbox>> {
        let roles = assign_roles(list, overrides);
        self.follow_renames(account, list, renamed)?;
        let rows = self.wanted_mailboxes(account)?;
        let by_server: HashMap<&str, &Wanted> = rows.iter().filter_map(|row| Some((row.server.as_deref()?, row))).collect();
        let by_name: HashMap<&str, &Wanted> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
        for (mailbox, role) in list.iter().zip(roles) {
            let id = match by_server.get(mailbox.name.as_str()) {
                Some(row) => row.id,
                None => self.listed(account, mailbox, by_name.get(mailbox.name.as_str()).copied())?,
            };
            self.db
                .prepare_cached(
                    "UPDATE mailbox SET wire_name = ?2, role = ?3, selectable = ?4, server_total = coalesce(?5, server_total), \
                     server_unread = coalesce(?6, server_unread) WHERE id = ?1",
                )?
                .execute((id.0, &mailbox.wire_name, role.map(|role| role as i64), mailbox.selectable, mailbox.total, mailbox.unread))?;
        }
        // an account without any mailbox is a fault of the server: keep what is here
        if !list.is_empty() {
            let names: HashSet<&str> = list.iter().map(|mailbox| mailbox.name.as_str()).collect();
            self.drop_vanished(account, &names, asked_at)?;
        }
        let mut kept = self.load_mailboxes(account)?;
        sort_mailboxes(&mut kept);
        Ok(kept)
    }

    /// What another program renamed, and what we did without hearing the answer.
    fn follow_renames(&mut self, account: AccountId, list: &[RemoteMailbox], renamed: &[(MailboxId, String)]) -> Result<()> {
        let find = |name: &str| list.iter().find(|mailbox| mailbox.name == name);
        for row in self.wanted_mailboxes(account)? {
            let is_gone = row.server.as_deref().is_some_and(|server| find(server).is_none());
            let by_other = renamed.iter().find(|(id, _)| *id == row.id).and_then(|(_, name)| find(name));
            let now = by_other.or_else(|| row.sent.as_deref().and_then(find)).filter(|_| is_gone);
            if let Some(now) = now {
                let asked = row.sent.as_deref().filter(|_| by_other.is_none());
                self.server_renamed(account, &row, &now.name, &now.wire_name, asked)?;
            }
        }
        Ok(())
    }

    /// The row of a listed mailbox that is new there: the one that waits to be made under its name, or a new one.
    fn listed(&mut self, account: AccountId, mailbox: &RemoteMailbox, named: Option<&Wanted>) -> Result<MailboxId> {
        let name = mailbox.name.as_str();
        match named {
            Some(row) if row.server.is_none() => {
                self.db.execute("UPDATE mailbox SET server_name = name WHERE id = ?1", [row.id.0])?;
                return Ok(row.id);
            }
            // another program was faster: the server has one of the name that ours was to get
            Some(row) => {
                let old = row.server.clone().unwrap_or_default();
                let what = format!("{old} keeps its name: another program made a folder {name}");
                self.note_mishap(account, &what, "renaming it was cancelled")?;
                self.db.execute("UPDATE mailbox SET name = server_name, sent_name = NULL WHERE id = ?1", [row.id.0])?;
            }
            None => {}
        }
        let sql = "INSERT INTO mailbox (account, name, server_name, wire_name, selectable) VALUES (?1, ?2, ?2, ?3, ?4)";
        self.db.execute(sql, (account.0, name, &mailbox.wire_name, mailbox.selectable))?;
        Ok(MailboxId(self.db.last_insert_rowid()))
    }

    fn load_mailboxes(&self, account: AccountId) -> Result<Vec<Mailbox>> {
        let mut statement = self.db.prepare_cached(&format!("SELECT {MAILBOX} FROM mailbox b WHERE b.account = ?1 AND b.wanted = 1"))?;
        let rows = statement.query_map([account.0], read_mailbox)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn drop_vanished(&mut self, account: AccountId, names: &HashSet<&str>, asked_at: u64) -> Result<()> {
        for row in self.wanted_mailboxes(account)? {
            let is_gone = row.server.as_deref().is_some_and(|server| !names.contains(server));
            if !is_gone || self.memory.is_met_since(row.id, asked_at) {
                continue;
            }
            self.drop_mailbox(row.id)?;
        }
        Ok(())
    }

    /// Drops the rows that want nothing any more, and the mailbox if none is left.
    fn drop_mailbox(&mut self, mailbox: MailboxId) -> Result<()> {
        let sql = format!(
            "SELECT {PLACED}, m.id FROM message m LEFT JOIN sent s ON s.message = m.id WHERE m.mailbox = ?1 OR m.wanted_mailbox = ?1"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([mailbox.0], |row| Ok((MessageId(row.get(PLACED_COLUMNS)?), read_placed(row)?)))?;
        let rows: HashMap<MessageId, _> = rows.collect::<rusqlite::Result<_>>()?;
        let mut left = 0_usize;
        for (id, placed) in &rows {
            if placed.is_waiting() {
                left += 1;
            } else {
                self.remove(*id, placed)?;
            }
        }
        if left == 0 {
            self.db.execute("DELETE FROM mailbox WHERE id = ?1", [mailbox.0])?;
        } else {
            self.db.execute("UPDATE mailbox SET role = NULL WHERE id = ?1", [mailbox.0])?;
        }
        Ok(())
    }

    /// "account/Mailbox", for sentences.
    pub fn mailbox_name(&self, mailbox: MailboxId) -> Result<String> {
        let mut statement = self.db.prepare_cached("SELECT name FROM mailbox WHERE id = ?1")?;
        let name: Option<String> = statement.query_row([mailbox.0], |row| row.get(0)).optional()?;
        Ok(name.unwrap_or_else(|| "a mailbox that is gone".into()))
    }
}
