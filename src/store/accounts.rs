//! Accounts and mailboxes as rows: which there are, under which names and roles. Counters are kept by
//! triggers, not here.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::{OptionalExtension, Row};

use super::Result;
use super::lookup::{PLACED, PLACED_COLUMNS, read_placed};
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

    pub fn set_mailboxes(
        &mut self,
        account: AccountId,
        list: &[RemoteMailbox],
        overrides: &BTreeMap<String, String>,
    ) -> Result<Vec<Mailbox>> {
        let roles = assign_roles(list, overrides);
        let mut insert = self.db.prepare_cached(
            "INSERT INTO mailbox (account, name, wire_name, role, selectable, server_total, server_unread) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (account, name) DO UPDATE SET \
             wire_name = excluded.wire_name, role = excluded.role, selectable = excluded.selectable, \
             server_total = coalesce(excluded.server_total, server_total), \
             server_unread = coalesce(excluded.server_unread, server_unread)",
        )?;
        for (mailbox, role) in list.iter().zip(roles) {
            let role = role.map(|role| role as i64);
            insert.execute((account.0, &mailbox.name, &mailbox.wire_name, role, mailbox.selectable, mailbox.total, mailbox.unread))?;
        }
        // an account without any mailbox is a fault of the server: keep what is here
        if !list.is_empty() {
            let names: HashSet<&str> = list.iter().map(|mailbox| mailbox.name.as_str()).collect();
            self.drop_vanished(account, &names)?;
        }
        let mut kept = self.load_mailboxes(account)?;
        sort_mailboxes(&mut kept);
        Ok(kept)
    }

    fn load_mailboxes(&self, account: AccountId) -> Result<Vec<Mailbox>> {
        let mut statement = self.db.prepare_cached(&format!("SELECT {MAILBOX} FROM mailbox b WHERE b.account = ?1"))?;
        let rows = statement.query_map([account.0], read_mailbox)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn drop_vanished(&mut self, account: AccountId, names: &HashSet<&str>) -> Result<()> {
        for mailbox in self.load_mailboxes(account)? {
            if !names.contains(mailbox.name.as_str()) {
                self.drop_mailbox(mailbox.id)?;
            }
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
