//! Mailboxes as the user wants them: made, renamed, deleted, subscribed here at once and pushed later. As with messages,
//! the difference of wanted and server *is* the queue; the server's list says what became of a push whose answer was lost.
//!
//! Start with [`Wanted`] (one row) and [`next`] (what is asked first). Rows of messages are `changes.rs`'s.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Row};

use super::changes::Outcome;
use super::lookup::read_key;
use super::rows::State;
use super::work::Work;
use super::{Applied, Pending, Reader, Result, StoreError, Writer};
use crate::mail::mailbox::{INBOX, check_name};
use crate::mail::{
    AccountId, Change, Key, MailboxId, MailboxWait, MailboxWish, MessageId, Placement, Role, UidValidity, Wait, WaitingGroup,
};

/// One thing to ask of the server about a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailboxPush {
    pub id: MailboxId,
    pub ask: MailboxAsk,
}

/// Names in UTF-8; wire names are what the server calls it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxAsk {
    Create { name: String },
    Rename { wire: String, name: String },
    Delete { wire: String },
    Subscribe { wire: String, on: bool },
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailboxEnd {
    /// Done; for a new name what it is called now, and on the wire.
    Done { name: String, wire: String },
    /// Refused for good: put back as the server has it.
    Refused,
    /// Not now: asked again later.
    NotNow,
}

/// One row.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub id: MailboxId,
    pub name: String,
    pub wire: String,
    pub server: Option<String>,
    pub sent: Option<String>,
    pub is_wanted: bool,
    pub subscribed: Option<bool>,
    pub wanted_subscribed: Option<bool>,
    pub role: Option<Role>,
    pub since: Option<i64>,
}

const WANTED: &str = "SELECT id, name, wire_name, server_name, sent_name, wanted, subscribed, wanted_subscribed, role, since FROM mailbox";

fn read_wanted(row: &Row<'_>) -> rusqlite::Result<Wanted> {
    Ok(Wanted {
        id: MailboxId(row.get(0)?),
        name: row.get(1)?,
        wire: row.get(2)?,
        server: row.get(3)?,
        sent: row.get(4)?,
        is_wanted: row.get(5)?,
        subscribed: row.get(6)?,
        wanted_subscribed: row.get(7)?,
        role: row.get::<_, Option<i64>>(8)?.and_then(Role::from_number),
        since: row.get(9)?,
    })
}

impl Wanted {
    /// What of it waits for the server. The renaming of a mailbox above it renames it too.
    fn waits(&self, all: &[Wanted]) -> Option<MailboxWait> {
        match &self.server {
            None => self.is_wanted.then_some(MailboxWait::Create),
            Some(_) if !self.is_wanted => Some(MailboxWait::Delete),
            Some(server) if *server != self.name && !is_implied(self, server, all) => Some(MailboxWait::Rename),
            Some(_) => self.wanted_subscribed.filter(|on| self.subscribed != Some(*on)).map(MailboxWait::Subscribe),
        }
    }
}

/// The rest of a name below another.
fn below<'n>(name: &'n str, above: &str) -> Option<&'n str> {
    name.strip_prefix(above).filter(|rest| rest.starts_with('/'))
}

fn is_implied(row: &Wanted, server: &str, all: &[Wanted]) -> bool {
    all.iter().any(|above| {
        let old = above.server.as_deref().filter(|old| above.is_wanted && *old != above.name);
        let rest = old.and_then(|old| below(server, old));
        rest.is_some_and(|rest| below(&row.name, &above.name) == Some(rest))
    })
}

fn depth(name: &str) -> usize {
    name.matches('/').count()
}

/// What is asked first: what is above before what is below, a name only once the server has no other mailbox of it,
/// deletions from below, subscriptions last. `is_empty`: nothing is in the mailbox any more.
pub(super) fn next(all: &[Wanted], is_empty: impl Fn(MailboxId) -> bool) -> Option<MailboxPush> {
    let is_free = |row: &Wanted| !all.iter().any(|other| other.id != row.id && other.server.as_deref() == Some(row.name.as_str()));
    let mut asks: Vec<(u8, usize, MailboxPush)> = Vec::new();
    for row in all {
        let ask = match row.waits(all) {
            Some(MailboxWait::Create) if is_free(row) => (0, 2 * depth(&row.name), MailboxAsk::Create { name: row.name.clone() }),
            Some(MailboxWait::Rename) if is_free(row) => {
                (0, 2 * depth(&row.name) + 1, MailboxAsk::Rename { wire: row.wire.clone(), name: row.name.clone() })
            }
            Some(MailboxWait::Delete) if is_empty(row.id) => {
                (1, usize::MAX - depth(&row.name), MailboxAsk::Delete { wire: row.wire.clone() })
            }
            Some(MailboxWait::Subscribe(on)) => (2, 0, MailboxAsk::Subscribe { wire: row.wire.clone(), on }),
            _ => continue,
        };
        asks.push((ask.0, ask.1, MailboxPush { id: row.id, ask: ask.2 }));
    }
    asks.into_iter().min_by_key(|(rank, order, push)| (*rank, *order, push.id)).map(|(_, _, push)| push)
}

fn refused<T>(why: impl Into<String>) -> Result<T> {
    Err(StoreError::Other(why.into()))
}

impl Writer {
    /// The next thing to ask of the account's server about its mailboxes; only after its list was read on this
    /// connection, which tells what became of earlier ones. None: nothing waits.
    pub fn next_mailbox_push(&self, account: AccountId) -> Pending<Option<MailboxPush>> {
        self.sync_job(move |work| work.next_mailbox_push(account))
    }

    /// How it ended.
    pub fn end_mailbox_push(&self, push: MailboxPush, end: MailboxEnd) -> Pending<Applied> {
        self.sync_job(move |work| {
            work.end_mailbox_push(&push, end)?;
            Ok(work.applied(String::new(), Outcome::default()))
        })
    }
}

impl Reader {
    /// Mailboxes that wait, as groups of one.
    pub(super) fn waiting_mailboxes(&self) -> Result<Vec<WaitingGroup>> {
        let mut groups = Vec::new();
        for (account, _) in self.accounts()? {
            let mut statement = self.db().prepare_cached(&format!("{WANTED} WHERE account = ?1"))?;
            let all: Vec<Wanted> = statement.query_map([account.0], read_wanted)?.collect::<rusqlite::Result<_>>()?;
            groups.extend(all.iter().filter_map(|row| {
                let wait = Wait::Mailbox(row.id, row.waits(&all)?);
                let target = Some((row.name.clone(), row.role));
                Some(WaitingGroup { account, wait, target, count: 1, since: row.since, subject: row.server.clone(), refused: None })
            }));
        }
        Ok(groups)
    }

    /// How many wishes about mailboxes wait.
    pub fn count_waiting_mailboxes(&self) -> Result<usize> {
        Ok(self.waiting_mailboxes()?.len())
    }
}

/// A mailbox that the server lists no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vanished {
    pub id: MailboxId,
    pub uid_validity: Option<UidValidity>,
    /// Its newest messages: key and Message-ID.
    pub sample: Vec<(Key, Option<String>)>,
}

/// Messages looked for to recognise a mailbox.
const SAMPLE: &str = "SELECT m.uid, m.base_name, c.rfc_message_id FROM message m JOIN content c ON c.id = m.content \
     WHERE m.mailbox = ?1 AND m.state = 1 ORDER BY m.uid DESC LIMIT 5";

impl Reader {
    /// Mailboxes of the account that are not among the listed names, and the names that its mailboxes have or were asked to
    /// get on the server.
    pub fn vanished(&self, account: AccountId, listed: &HashSet<String>) -> Result<(Vec<Vanished>, HashSet<String>)> {
        let mut statement = self.db().prepare_cached(&format!("{WANTED} WHERE account = ?1"))?;
        let all: Vec<Wanted> = statement.query_map([account.0], read_wanted)?.collect::<rusqlite::Result<_>>()?;
        let mut vanished = Vec::new();
        for row in all.iter().filter(|row| row.is_wanted && row.sent.is_none()) {
            if row.server.as_ref().is_none_or(|server| listed.contains(server)) {
                continue;
            }
            let mut sample = self.db().prepare_cached(SAMPLE)?;
            let keys = sample.query_map([row.id.0], |found| Ok(read_key(found, 0)?.map(|key| (key, found.get(2)))))?;
            let keys: Vec<_> = keys.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect();
            let sample = keys.into_iter().map(|(key, id)| Ok((key, id?))).collect::<rusqlite::Result<_>>()?;
            vanished.push(Vanished { id: row.id, uid_validity: self.sync_state(row.id)?.uid_validity, sample });
        }
        let known = all.into_iter().flat_map(|row| [row.server, row.sent]).flatten().collect();
        Ok((vanished, known))
    }
}

impl Work<'_> {
    pub fn wanted_mailboxes(&self, account: AccountId) -> Result<Vec<Wanted>> {
        let mut statement = self.db.prepare_cached(&format!("{WANTED} WHERE account = ?1 ORDER BY id"))?;
        let rows = statement.query_map([account.0], read_wanted)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn wanted_mailbox(&self, id: MailboxId) -> Result<(AccountId, Wanted)> {
        let Some(account) = self.account_of(id)? else { return refused("that folder is gone") };
        let row = self.wanted_mailboxes(account)?.into_iter().find(|row| row.id == id);
        row.map_or_else(|| refused("that folder is gone"), |row| Ok((account, row)))
    }

    fn set(&self, id: MailboxId, column: &str, value: impl rusqlite::ToSql) -> Result<()> {
        self.db.prepare_cached(&format!("UPDATE mailbox SET {column} = ?2, since = ?3 WHERE id = ?1"))?.execute((
            id.0,
            value,
            self.memory.wall(),
        ))?;
        Ok(())
    }

    /// Does a wish; what takes it back is noted.
    pub fn wish(&mut self, wish: MailboxWish, outcome: &mut Outcome) -> Result<()> {
        let back = match wish {
            MailboxWish::Create { account, name, id } => Some(MailboxWish::Delete { id: self.make_mailbox(account, &name, id)? }),
            MailboxWish::Rename { id, to } => self.rename_mailbox(id, &to)?.map(|to| MailboxWish::Rename { id, to }),
            MailboxWish::Delete { id } => {
                let (account, row) = self.unwant_mailbox(id, outcome)?;
                Some(MailboxWish::Create { account, name: row.name, id: Some(id) })
            }
            MailboxWish::Subscribe { id, on } => {
                let (_, row) = self.wanted_mailbox(id)?;
                let is_new = row.wanted_subscribed.or(row.subscribed) != Some(on);
                self.set(id, "wanted_subscribed", on)?;
                is_new.then_some(MailboxWish::Subscribe { id, on: !on })
            }
        };
        outcome.asked += 1;
        outcome.done += 1;
        outcome.wish = back;
        Ok(())
    }

    fn make_mailbox(&mut self, account: AccountId, name: &str, id: Option<MailboxId>) -> Result<MailboxId> {
        check_name(name).or_else(refused)?;
        let all = self.wanted_mailboxes(account)?;
        if let Some(row) = all.iter().find(|row| row.name == name) {
            if row.is_wanted {
                return refused(format!("there is a folder {name} already"));
            }
            self.set(row.id, "wanted", true)?;
            return Ok(row.id);
        }
        // the same number again, so that what was in it finds back
        let free = id.map(|id| self.account_of(id)).transpose()?.is_some_and(|taken| taken.is_none());
        let sql = "INSERT INTO mailbox (id, account, name, wire_name, selectable, since) VALUES (?1, ?2, ?3, '', 1, ?4)";
        self.db.execute(sql, (id.filter(|_| free).map(|id| id.0), account.0, name, self.memory.wall()))?;
        Ok(MailboxId(self.db.last_insert_rowid()))
    }

    /// The name it had; None where nothing changed.
    fn rename_mailbox(&mut self, id: MailboxId, to: &str) -> Result<Option<String>> {
        let (account, row) = self.wanted_mailbox(id)?;
        if row.name == to {
            return Ok(None);
        }
        if is_inbox(&row) {
            return refused("the inbox is the server's own and keeps its name");
        }
        check_name(to).or_else(refused)?;
        let all = self.wanted_mailboxes(account)?;
        if below(to, &row.name).is_some() {
            return refused("a folder can't be put into itself");
        }
        let takes = |name: &str| name == to || below(name, to).is_some();
        if all.iter().any(|other| other.id != id && below(&other.name, &row.name).is_none() && takes(&other.name)) {
            return refused(format!("there is a folder {to} already"));
        }
        if is_circle(&all, id, to) {
            return refused(format!("the server still has another folder of the name {to}, which waits for this one"));
        }
        for other in all.iter().filter(|other| other.id == id || below(&other.name, &row.name).is_some()) {
            let rest = other.name.get(row.name.len()..).unwrap_or_default();
            self.set(other.id, "name", format!("{to}{rest}"))?;
        }
        Ok(Some(row.name))
    }

    /// Wants it gone; what is in it goes to the trash.
    fn unwant_mailbox(&mut self, id: MailboxId, outcome: &mut Outcome) -> Result<(AccountId, Wanted)> {
        let (account, row) = self.wanted_mailbox(id)?;
        if is_inbox(&row) {
            return refused("the inbox can't be deleted");
        }
        let all = self.wanted_mailboxes(account)?;
        if all.iter().any(|other| other.is_wanted && below(&other.name, &row.name).is_some()) {
            return refused("there are folders in it; delete or move them first");
        }
        self.write_counters()?;
        let unread_rest = "SELECT synced IS NULL AND coalesce(server_total, 0) > total FROM mailbox WHERE id = ?1";
        if self.db.query_row(unread_rest, [id.0], |row| row.get(0))? {
            return refused("not all of its messages are known here yet; check for mail first");
        }
        let ids = self.ids_wanted_in(id)?;
        if !ids.is_empty() {
            let trash = all.iter().find(|other| other.role == Some(Role::Trash) && other.is_wanted);
            let Some(trash) = trash.filter(|trash| trash.id != id).map(|trash| trash.id) else {
                return refused("there are messages in it, and no trash for them to go to; move or delete them first");
            };
            for message in ids {
                let Some(before) = self.load(message)? else { continue };
                let to = Placement { mailbox: Some(trash), flags: before.wanted.flags.clone() };
                let inverse = self.want(message, &before, to)?;
                outcome.note(inverse);
            }
        }
        match row.server {
            None => drop(self.db.execute("DELETE FROM mailbox WHERE id = ?1", [id.0])?),
            Some(_) => self.set(id, "wanted", false)?,
        }
        Ok((account, row))
    }

    fn ids_wanted_in(&self, mailbox: MailboxId) -> Result<Vec<MessageId>> {
        let mut statement = self.db.prepare_cached("SELECT id FROM message WHERE wanted_mailbox = ?1")?;
        Ok(statement.query_map([mailbox.0], |row| row.get(0).map(MessageId))?.collect::<rusqlite::Result<_>>()?)
    }

    /// Takes back one wish that waits.
    pub fn revoke_wish(&mut self, id: MailboxId, wait: MailboxWait, label: &str) -> Result<()> {
        let Ok((account, row)) = self.wanted_mailbox(id) else { return Ok(()) };
        if row.waits(&self.wanted_mailboxes(account)?) != Some(wait) {
            return Ok(());
        }
        let wish = match (wait, row.server) {
            (MailboxWait::Create, _) => return self.unmake(account, id),
            (MailboxWait::Rename, Some(to)) => MailboxWish::Rename { id, to },
            (MailboxWait::Rename, None) => return Ok(()),
            (MailboxWait::Delete, _) => MailboxWish::Create { account, name: row.name, id: Some(id) },
            (MailboxWait::Subscribe(on), _) => MailboxWish::Subscribe { id, on: !on },
        };
        self.apply(Change::Mailbox { wish, rows: Vec::new() }, label.to_owned()).map(drop)
    }

    /// A mailbox that no server has is not to be: what was to go there stays where it is, and what is nowhere else goes to the
    /// inbox.
    fn unmake(&mut self, account: AccountId, id: MailboxId) -> Result<()> {
        let inbox = self.wanted_mailboxes(account)?.into_iter().find(is_inbox).map(|inbox| inbox.id);
        for message in self.ids_wanted_in(id)? {
            let Some(before) = self.load(message)? else { continue };
            let mut after = before.clone();
            if before.state != State::Local {
                after.wanted.mailbox = after.mailbox;
            } else if self.restore_predecessors(message)? || !self.is_only_here(message)? {
                self.drop_local(message)?;
                self.remove(message, &before)?;
                continue;
            } else {
                after.wanted.mailbox = inbox;
            }
            self.save(message, &before, &after)?;
        }
        self.db.execute("DELETE FROM mailbox WHERE id = ?1", [id.0])?;
        Ok(())
    }

    fn is_only_here(&self, id: MessageId) -> Result<bool> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM message m JOIN message o ON o.content = m.content AND o.id <> m.id \
                   WHERE m.id = ?1 AND o.state = 1)";
        Ok(self.db.prepare_cached(sql)?.query_row([id.0], |row| row.get(0))?)
    }

    pub fn next_mailbox_push(&mut self, account: AccountId) -> Result<Option<MailboxPush>> {
        let all = self.wanted_mailboxes(account)?;
        let holds = "SELECT EXISTS (SELECT 1 FROM message WHERE mailbox = ?1) OR EXISTS (SELECT 1 FROM message WHERE wanted_mailbox = ?1)";
        let is_empty = |id: MailboxId| self.db.query_row(holds, [id.0], |row| row.get::<_, bool>(0)).is_ok_and(|holds| !holds);
        let push = next(&all, is_empty);
        if let Some(MailboxPush { id, ask: MailboxAsk::Rename { name, .. } }) = &push {
            self.db.execute("UPDATE mailbox SET sent_name = ?2 WHERE id = ?1", (id.0, name))?;
        }
        Ok(push)
    }

    pub fn end_mailbox_push(&mut self, push: &MailboxPush, end: MailboxEnd) -> Result<()> {
        let Ok((account, row)) = self.wanted_mailbox(push.id) else { return Ok(()) };
        let id = push.id;
        match (&push.ask, end) {
            (MailboxAsk::Create { name: asked }, MailboxEnd::Done { name, wire }) => {
                self.db.execute(
                    "UPDATE mailbox SET server_name = ?2, wire_name = ?3, subscribed = 1, \
                     name = CASE WHEN name = ?4 THEN ?2 ELSE name END WHERE id = ?1",
                    (id.0, name, wire, asked),
                )?;
                self.memory.meet(id);
            }
            (MailboxAsk::Rename { name: asked, .. }, MailboxEnd::Done { name, wire }) => {
                self.server_renamed(account, &row, &name, &wire, Some(asked))?;
            }
            (MailboxAsk::Delete { .. }, MailboxEnd::Done { .. }) => drop(self.db.execute("DELETE FROM mailbox WHERE id = ?1", [id.0])?),
            (MailboxAsk::Subscribe { on, .. }, MailboxEnd::Done { .. }) => {
                self.db.execute("UPDATE mailbox SET subscribed = ?2 WHERE id = ?1", (id.0, on))?;
            }
            (MailboxAsk::Create { .. }, MailboxEnd::Refused) => self.unmake(account, id)?,
            (MailboxAsk::Rename { name, .. }, MailboxEnd::Refused) => {
                self.db.execute("UPDATE mailbox SET sent_name = NULL WHERE id = ?1", [id.0])?;
                if let Some(to) = row.server.filter(|_| row.name == *name) {
                    self.rename_mailbox(id, &to)?;
                }
            }
            (MailboxAsk::Delete { .. }, MailboxEnd::Refused) => self.set(id, "wanted", true)?,
            (MailboxAsk::Subscribe { .. }, MailboxEnd::Refused) => {
                self.db.execute("UPDATE mailbox SET wanted_subscribed = NULL WHERE id = ?1", [id.0])?;
            }
            (_, MailboxEnd::NotNow) => {}
        }
        Ok(())
    }

    /// The server calls it and what is below it otherwise now; the user's own wishes for names stay. `asked`: the name that
    /// we asked for; None: another program renamed it.
    pub fn server_renamed(&mut self, account: AccountId, row: &Wanted, name: &str, wire: &str, asked: Option<&str>) -> Result<()> {
        let Some(old) = row.server.clone() else { return Ok(()) };
        for other in self.wanted_mailboxes(account)? {
            let Some(server) = &other.server else { continue };
            let Some(rest) = (*server == old).then_some("").or_else(|| below(server, &old)) else { continue };
            let wire_rest = other.wire.get(row.wire.len()..).unwrap_or_default();
            let (new, new_wire) = (format!("{name}{rest}"), format!("{wire}{wire_rest}"));
            let keeps = match asked {
                Some(asked) => other.name != format!("{asked}{rest}"),
                None => other.name != *server,
            };
            if !keeps {
                self.clear_name(account, &new, other.id)?;
            }
            self.db.execute(
                "UPDATE mailbox SET server_name = ?2, wire_name = ?3, sent_name = NULL, name = ?4 WHERE id = ?1",
                (other.id.0, &new, new_wire, if keeps { &other.name } else { &new }),
            )?;
            self.memory.meet(other.id);
        }
        Ok(())
    }

    /// One that is still to be made under this name gets another.
    fn clear_name(&self, account: AccountId, name: &str, but: MailboxId) -> Result<()> {
        let rows = self.wanted_mailboxes(account)?;
        let Some(holder) = rows.iter().find(|row| row.name == name && row.id != but) else { return Ok(()) };
        let free = (2..).map(|n| format!("{name} ({n})")).find(|free| !rows.iter().any(|row| row.name == *free));
        self.db.execute("UPDATE mailbox SET name = ?2 WHERE id = ?1", (holder.id.0, free))?;
        Ok(())
    }

    /// The server has a mailbox of this name; messages may be put there.
    pub fn is_made(&self, mailbox: MailboxId) -> Result<bool> {
        let mut statement = self.db.prepare_cached("SELECT server_name IS NOT NULL FROM mailbox WHERE id = ?1")?;
        Ok(statement.query_row([mailbox.0], |row| row.get(0)).optional()?.unwrap_or_default())
    }
}

fn is_inbox(row: &Wanted) -> bool {
    row.role == Some(Role::Inbox) || row.name.eq_ignore_ascii_case(INBOX)
}

/// Whoever has the name on the server waits, perhaps through others, for the name that this one has there.
fn is_circle(all: &[Wanted], id: MailboxId, to: &str) -> bool {
    let mut name = to;
    for step in 0..=all.len() {
        let holds = |row: &&Wanted| row.server.as_deref() == Some(name) && row.is_wanted && row.name != name;
        // its own name it may have back
        let holder = all.iter().filter(|row| step > 0 || row.id != id).find(holds);
        match holder {
            Some(row) if row.id == id => return true,
            Some(row) => name = &row.name,
            None => return false,
        }
    }
    true
}
