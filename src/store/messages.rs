//! What servers say about messages: headers, flags, what is gone, and void uids. What each event does to a
//! row is decided in `rows.rs`; here rows are found, and the answers that come too late are kept away.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

use super::contents::identity_hash;
use super::lookup::{self, PLACED, PLACED_COLUMNS, read_placed};
use super::rows::{Placed, Sent, State};
use super::threads::Links;
use super::waiting::some_of;
use super::work::{Changes, Work};
use super::{Changed, Merged, Result, StoreError, Validity};
use crate::mail::server::{NewMessage, Opened, Span, Window};
use crate::mail::{AccountId, ContentId, Flags, Key, MailboxId, MessageId, UidValidity};

/// Some row is lost in mailbox ?1, or in flight to it, or there under a told uid. CROSS: few are told, of many messages.
pub(super) const AWAITS: &str = "SELECT EXISTS (SELECT 1 FROM message WHERE mailbox = ?1 AND state = 2) OR EXISTS (SELECT 1 FROM sent WHERE mailbox = ?1) \
     OR EXISTS (SELECT 1 FROM told t CROSS JOIN message m ON m.id = t.message WHERE m.mailbox = ?1)";

/// Lost in mailbox ?1, or there under a uid that was only told, or in flight to it.
const IS_AWAITED: &str = "(m.mailbox = ?1 AND (m.state = 2 OR EXISTS (SELECT 1 FROM told t WHERE t.message = m.id)) OR s.mailbox = ?1)";

/// Rows added before the user is given way to.
const LEAST: usize = 8;

/// Headers on their way into the store, part by part.
#[derive(Debug)]
pub(super) struct Adding {
    mailbox: MailboxId,
    /// What came; None once the rows that were awaited had their pick.
    came: Option<Vec<NewMessage>>,
    rest: std::vec::IntoIter<NewMessage>,
    changes: Changes,
}

impl Adding {
    pub fn new(mailbox: MailboxId, mut messages: Vec<NewMessage>) -> Self {
        // newest first, as a first sync goes: indexes grow at their end and stay dense
        messages.sort_by(|a, b| b.key.cmp(&a.key));
        Self { mailbox, came: Some(messages), rest: Vec::new().into_iter(), changes: Changes::default() }
    }
}

/// The number of the server's own identity of a message.
fn identity_of(account: AccountId, message: &NewMessage) -> Option<i64> {
    message.identity.as_deref().map(|identity| identity_hash(account, identity))
}

impl Work<'_> {
    /// Adds until all is done or the user waits; None: there is more.
    pub fn add_some(&mut self, adding: &mut Adding) -> Result<Option<Changed>> {
        let mailbox = adding.mailbox;
        std::mem::swap(&mut self.changes, &mut adding.changes);
        let account = self.account_of(mailbox)?.ok_or_else(|| StoreError::Other("the mailbox is gone".into()))?;
        if let Some(messages) = adding.came.take() {
            self.check_all_told(mailbox, &messages)?;
            adding.rest = self.without_awaited(account, mailbox, messages, true)?.into_iter();
        }
        let (mut first_born, mut done) = (None, 0);
        while done < LEAST || !self.memory.is_hurried() {
            let Some(message) = adding.rest.next() else { break };
            done += 1;
            if self.memory.has_left(mailbox, &message.key) {
                continue;
            }
            if let Some(id) = lookup::find_key(self.db, mailbox, &message.key)?
                && !self.is_given_up(id, &message)?
            {
                self.see(id, mailbox, &message.flags)?;
                continue;
            }
            let id = self.insert_message(account, mailbox, message)?;
            first_born.get_or_insert(id);
        }
        if let Some(first) = first_born {
            self.memory.birth(first.0);
        }
        self.rethread()?;
        if adding.rest.len() > 0 {
            std::mem::swap(&mut self.changes, &mut adding.changes);
            return Ok(None);
        }
        self.tend_index()?;
        Ok(Some(std::mem::take(&mut self.changes).finish()))
    }

    /// Gives new messages to the rows that are lost in this mailbox or in flight to it; the others come back. Of messages that are
    /// alike those go first that have the flags of a lost row.
    fn without_awaited(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        messages: Vec<NewMessage>,
        or_in_flight: bool,
    ) -> Result<Vec<NewMessage>> {
        let mut rest = messages;
        if !self.awaits(mailbox)? {
            return Ok(rest);
        }
        for flags_count in [true, false] {
            for message in std::mem::take(&mut rest) {
                let identity = identity_of(account, &message);
                let is_new = !self.memory.has_left(mailbox, &message.key) && lookup::find_key(self.db, mailbox, &message.key)?.is_none();
                let row = if is_new { self.find_awaited(mailbox, &message, identity, flags_count)? } else { None };
                match row {
                    Some((id, is_in_flight)) if or_in_flight || !is_in_flight => self.found(id, mailbox, message, identity)?,
                    _ => rest.push(message),
                }
            }
        }
        Ok(rest)
    }

    /// Gives messages to the rows that are lost here; the others come back.
    pub fn find_lost(&mut self, mailbox: MailboxId, messages: Vec<NewMessage>) -> Result<(Changed, Vec<NewMessage>)> {
        let account = self.account_of(mailbox)?.ok_or_else(|| StoreError::Other("the mailbox is gone".into()))?;
        let rest = self.without_awaited(account, mailbox, messages, false)?;
        Ok((std::mem::take(&mut self.changes).finish(), rest))
    }

    /// Some row is lost in this mailbox, or in flight to it.
    fn awaits(&self, mailbox: MailboxId) -> Result<bool> {
        Ok(self.db.prepare_cached(AWAITS)?.query_row([mailbox.0], |row| row.get(0))?)
    }

    /// A row that this message is: by the server's own identity, else by its likeness. Of several lost rows any will
    /// do, first one with the same flags: nothing that we were told of them tells them apart, and to take none would
    /// lose what is wanted of them. One in flight, or under a told uid, is taken only where nothing else could be meant, for
    /// it may still be where it was, or where it was said to be. With it whether it is in flight.
    fn find_awaited(
        &self,
        mailbox: MailboxId,
        message: &NewMessage,
        identity: Option<i64>,
        flags_count: bool,
    ) -> Result<Option<(MessageId, bool)>> {
        let mut alike = Vec::new();
        if let Some(content) = identity.map(|identity| self.find_identity(identity)).transpose()?.flatten() {
            let sql = format!(
                "SELECT {PLACED}, m.id FROM message m LEFT JOIN sent s ON s.message = m.id \
                 WHERE m.content = ?2 AND {IS_AWAITED} ORDER BY m.id"
            );
            alike = self.awaited(&sql, (mailbox.0, content.0))?;
        }
        let hash = Links::of(&message.envelope).own;
        // without a Message-ID nothing tells two messages apart
        if alike.is_empty() && hash != 0 {
            let sql = format!(
                "SELECT {PLACED}, m.id FROM reference r JOIN message m ON m.thread = r.thread JOIN content c ON c.id = m.content \
                 LEFT JOIN sent s ON s.message = m.id WHERE r.hash = ?2 AND c.hash = ?2 AND c.size = ?3 AND m.received = ?4 \
                 AND (?5 IS NULL OR c.identity IS NULL OR c.identity = ?5) AND coalesce(c.subject, '') = ?6 \
                 AND {IS_AWAITED} ORDER BY m.id"
            );
            let (size, envelope) = (i64::try_from(message.size).unwrap_or(i64::MAX), &message.envelope);
            alike = self.awaited(&sql, (mailbox.0, hash, size, message.received, identity, envelope.subject.as_str()))?;
        }
        let lost = alike.iter().find(|(_, row)| row.state == State::Lost && (!flags_count || row.server == message.flags));
        Ok(match (lost, alike.as_slice()) {
            (Some((id, row)), _) | (None, [(id, row)]) if row.state != State::Lost || lost.is_some() => Some((*id, row.sent.is_some())),
            _ => None,
        })
    }

    fn awaited(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<(MessageId, Placed)>> {
        let mut statement = self.db.prepare_cached(sql)?;
        let rows = statement.query_map(params, |row| Ok((MessageId(row.get(PLACED_COLUMNS)?), read_placed(row)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// A row whose key belongs to another message by now (told wrongly, or used again) is lost: what is wanted of it must not be
    /// done to that one. True where it was.
    fn is_given_up(&mut self, id: MessageId, message: &NewMessage) -> Result<bool> {
        let now = Links::of(&message.envelope).own;
        let mut statement = self.db.prepare_cached("SELECT c.hash FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1")?;
        let known: i64 = statement.query_row([id.0], |row| row.get(0))?;
        // without a Message-ID nothing is said
        if now == 0 || known == 0 || now == known {
            return Ok(false);
        }
        let Some(before) = self.load(id)?.filter(|row| row.sent.is_none()) else { return Ok(false) };
        let mut after = before.clone();
        after.voided();
        self.drop_successor(id)?;
        self.db.execute("UPDATE message SET after = NULL WHERE id = ?1", [id.0])?;
        self.save(id, &before, &after)?;
        tracing::warn!(id = id.0, "the server gives the uid of this message to another one");
        Ok(true)
    }

    /// A known row shows again: merges its flags, unless an answer is awaited.
    fn see(&mut self, id: MessageId, mailbox: MailboxId, flags: &Flags) -> Result<()> {
        let Some(before) = self.load(id)? else { return Ok(()) };
        // the headers may have been asked for before the push
        if before.sent.is_some() || self.memory.is_touched_since_open(mailbox, id) {
            return Ok(());
        }
        let mut after = before.clone();
        after.seen(flags);
        self.save(id, &before, &after)
    }

    fn found(&mut self, id: MessageId, mailbox: MailboxId, message: NewMessage, identity: Option<i64>) -> Result<()> {
        let Some(before) = self.load(id)? else { return Ok(()) };
        let mut after = before.clone();
        if before.mailbox.is_some_and(|old| old != mailbox) {
            self.memory.leave(before.mailbox, before.key.as_ref());
        }
        after.found(mailbox, message.key, &message.flags);
        self.save(id, &before, &after)?;
        if before.state == State::Local {
            self.drop_local(id)?;
        }
        if identity.is_some() {
            self.db
                .prepare_cached(
                    "UPDATE content SET identity = coalesce(identity, ?2) WHERE id = (SELECT content FROM message WHERE id = ?1)",
                )?
                .execute((id.0, identity))?;
        }
        // questions asked before say nothing of it
        self.memory.touch([id]);
        Ok(())
    }

    fn insert_message(&mut self, account: AccountId, mailbox: MailboxId, message: NewMessage) -> Result<MessageId> {
        let id = self.next_id()?;
        let identity = identity_of(account, &message);
        let links = Links::of(&message.envelope);
        let shared = identity.map(|identity| self.find_identity(identity)).transpose()?.flatten();
        let thread = shared.map(|content| self.thread_of_content(content)).transpose()?.flatten();
        let content = match shared {
            Some(content) => content,
            None => self.insert_content(account, &message, &links, identity)?,
        };
        let thread = match thread {
            Some(thread) => thread,
            None => self.thread_for(&links, id)?.0,
        };
        let received = message.received;
        let row = Placed::known(mailbox, message.key.clone(), message.flags.clone());
        let row = self.with_salvaged(mailbox, links.own, &message, row)?;
        self.insert_row(id, content, thread, received, &row)?;
        Ok(id)
    }

    pub fn thread_of_content(&self, content: ContentId) -> Result<Option<i64>> {
        let mut statement = self.db.prepare_cached("SELECT thread FROM message WHERE content = ?1 LIMIT 1")?;
        Ok(statement.query_row([content.0], |row| row.get(0)).optional()?)
    }

    /// Inserts a row that is not in flight. OR FAIL: see [`super::writer::Engine::transact`].
    pub fn insert_row(&mut self, id: MessageId, content: ContentId, thread: i64, received: i64, row: &Placed) -> Result<()> {
        self.db
            .prepare_cached(
                "INSERT OR FAIL INTO message (id, content, thread, received, state, mailbox, uid, base_name, wanted_mailbox, wanted_bits, \
                 wanted_keywords, server_bits, server_keywords) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )?
            .execute(params![
                id.0,
                content.0,
                thread,
                received,
                row.state as i64,
                row.mailbox.map(|mailbox| mailbox.0),
                row.key.as_ref().and_then(Key::uid).map(|uid| uid.0),
                row.key.as_ref().and_then(Key::base_name),
                row.wanted.mailbox.map(|mailbox| mailbox.0),
                row.wanted.flags.bits.0,
                row.wanted.flags.keywords.as_str(),
                row.server.bits.0,
                row.server.keywords.as_str(),
            ])?;
        if row.is_waiting() {
            self.note_since(id)?;
        }
        if let Some(mailbox) = row.wanted.mailbox {
            self.count(&row.wanted, 1);
            self.changes.added(mailbox, id);
        }
        Ok(())
    }

    /// Keys and flags of a span: merges, drops what is gone, names what is missing here.
    pub fn merge_flags(&mut self, mailbox: MailboxId, span: &Span, mut present: Vec<(Key, Flags)>, asked_at: u64) -> Result<Merged> {
        if self.memory.is_overtaken(mailbox, asked_at) {
            return Ok(Merged { is_stale: true, ..Merged::default() });
        }
        self.memory.answer(mailbox, asked_at);
        let mut has_passed_over = false;
        present.sort_by(|(a, _), (b, _)| a.cmp(b));
        // told twice, the last word counts
        present.dedup_by(|(later, flags), (key, before)| {
            let is_same = later == key;
            if is_same {
                std::mem::swap(flags, before);
            }
            is_same
        });
        let mut is_known = vec![false; present.len()];
        // only what differs is held: a mailbox may have a million rows
        let mut differing = Vec::new();
        self.each_row_in(mailbox, span, |id, before| {
            let at = before.key.as_ref().and_then(|key| present.binary_search_by(|(known, _)| known.cmp(key)).ok());
            let shown = at.and_then(|at| {
                is_known.get_mut(at).into_iter().for_each(|known| *known = true);
                present.get(at).map(|(_, flags)| flags)
            });
            if before.sent.as_ref().is_some_and(|sent| *sent != Sent::Held) || self.memory.is_newer(id, asked_at) {
                has_passed_over = true;
            } else if shown.is_none_or(|flags| *flags != before.server) {
                differing.push((id, shown.cloned(), before));
            }
        })?;
        let mut void = Vec::new();
        for (id, shown, before) in differing {
            match shown {
                Some(flags) => {
                    let mut after = before.clone();
                    after.seen(&flags);
                    self.save(id, &before, &after)?;
                }
                None => self.vanish_by_others(id, &before, &mut void)?,
            }
        }
        self.note_void(mailbox, &void)?;
        let mut known = is_known.into_iter();
        present.retain(|(key, _)| !known.next().unwrap_or_default() && !self.memory.has_left(mailbox, key));
        let missing: Vec<Key> = present.into_iter().rev().map(|(key, _)| key).collect();
        Ok(Merged { changed: std::mem::take(&mut self.changes).finish(), missing, void, has_passed_over, ..Merged::default() })
    }

    /// The known rows of a span; of a window also all rows whose keys are names.
    fn each_row_in(&self, mailbox: MailboxId, span: &Span, mut on: impl FnMut(MessageId, Placed)) -> Result<()> {
        let name = |key: &Option<Key>| key.as_ref().and_then(Key::base_name).map(|name| Value::from(name.to_owned()));
        let ranges = match span {
            Span::Window(Window { low, high }) => {
                vec![("m.uid BETWEEN ?2 AND ?3", vec![(*low).into(), (*high).into()]), ("m.base_name IS NOT NULL", Vec::new())]
            }
            Span::Names { from, before } => {
                let from = name(from).unwrap_or_else(|| String::new().into());
                vec![match name(before) {
                    Some(before) => ("m.base_name >= ?2 AND m.base_name < ?3", vec![from, before]),
                    None => ("m.base_name >= ?2", vec![from]),
                }]
            }
        };
        for (range, bounds) in ranges {
            let sql = format!("SELECT {PLACED}, m.id FROM message m LEFT JOIN sent s ON s.message = m.id WHERE m.mailbox = ?1 AND {range}");
            let mut statement = self.db.prepare_cached(&sql)?;
            let mut found = statement.query(params_from_iter(std::iter::once(mailbox.0.into()).chain(bounds)))?;
            while let Some(row) = found.next()? {
                on(MessageId(row.get(PLACED_COLUMNS)?), read_placed(row)?);
            }
        }
        Ok(())
    }

    /// The same, noting in words what waited.
    pub fn vanish_by_others(&mut self, id: MessageId, before: &Placed, void: &mut Vec<String>) -> Result<()> {
        if self.is_told(id)? {
            return self.lose_told(id, before);
        }
        // who wanted it gone has what he wanted
        if before.is_waiting() && before.wanted.mailbox.is_some() {
            void.push(self.waiting_label(id, before)?);
        }
        self.vanish(id, before)
    }

    pub fn note_void(&mut self, mailbox: MailboxId, void: &[String]) -> Result<()> {
        if let (false, Some(account)) = (void.is_empty(), self.account_of(mailbox)?) {
            let what = format!("Another program deleted messages of {} that had changes waiting", self.mailbox_name(mailbox)?);
            self.note_mishap(account, &what, &some_of(void))?;
        }
        Ok(())
    }

    /// The server has it no more, by another's hand: waiting changes of it are void.
    pub fn vanish(&mut self, id: MessageId, before: &Placed) -> Result<()> {
        self.drop_successor(id)?;
        self.remove(id, before)
    }

    /// The local half of a move between accounts goes with its source, unless it is already on its way.
    fn drop_successor(&mut self, id: MessageId) -> Result<()> {
        let mut statement = self.db.prepare_cached("SELECT after FROM message WHERE id = ?1")?;
        let after: Option<i64> = statement.query_row([id.0], |row| row.get(0)).optional()?.flatten();
        let Some(after) = after.map(MessageId) else { return Ok(()) };
        match self.load(after)? {
            Some(row) if row.state == State::Local && row.sent.is_none() => {
                self.drop_local(after)?;
                self.remove(after, &row)
            }
            _ => Ok(()),
        }
    }

    /// `looked_at`: when the look was asked for that it was opened for, if it was.
    pub fn opened(&mut self, mailbox: MailboxId, opened: Opened, looked_at: Option<u64>) -> Result<Validity> {
        if let Some(at) = looked_at {
            self.memory.open(mailbox, at);
        }
        let mut statement = self.db.prepare_cached("SELECT uid_validity FROM mailbox WHERE id = ?1")?;
        let Some(known) = statement.query_row([mailbox.0], |row| row.get::<_, Option<u32>>(0)).optional()? else {
            return Err(StoreError::Other("the mailbox is gone".into()));
        };
        let validity = match (known.map(UidValidity), opened.uid_validity) {
            (None, Some(_)) => Validity::New,
            (Some(known), Some(now)) if known != now => Validity::Changed { cancelled: self.void_uids(mailbox)? },
            _ => Validity::Same,
        };
        self.db.execute(
            "UPDATE mailbox SET uid_validity = coalesce(?2, uid_validity), uid_next = coalesce(?3, uid_next), server_total = ?4 WHERE id = ?1",
            (mailbox.0, opened.uid_validity.map(|v| v.0), opened.uid_next, opened.exists),
        )?;
        let mod_seq = opened.mod_seq.and_then(|value| i64::try_from(value).ok());
        let sql = match validity {
            // a server that counts from a lower number, or no more: what was counted before means nothing
            Validity::Same => "UPDATE mailbox SET mod_seq = NULL WHERE id = ?1 AND (mod_seq > ?2 OR ?2 IS NULL)",
            // whatever comes of it from now on is at least as new
            _ => "UPDATE mailbox SET mod_seq = ?2, whole = NULL, shrunk = NULL WHERE id = ?1",
        };
        self.db.execute(sql, (mailbox.0, mod_seq))?;
        Ok(validity)
    }

    /// Every uid of the mailbox means nothing any more. The moves and deletes that this cancels, in words.
    fn void_uids(&mut self, mailbox: MailboxId) -> Result<Vec<String>> {
        self.memory.forget_left(mailbox);
        let mut cancelled = Vec::new();
        let mut rows = Vec::new();
        self.each_row_in(mailbox, &Window::ALL.into(), |id, row| rows.push((id, row)))?;
        for (id, before) in rows {
            let mut after = before.clone();
            if after.voided() {
                cancelled.push(self.waiting_label(id, &before)?);
                self.drop_successor(id)?;
                self.db.execute("UPDATE message SET after = NULL WHERE id = ?1", [id.0])?;
            }
            self.save(id, &before, &after)?;
        }
        self.db.execute("UPDATE mailbox SET headers_from = NULL, synced = NULL, mod_seq = NULL WHERE id = ?1", [mailbox.0])?;
        if let (false, Some(account)) = (cancelled.is_empty(), self.account_of(mailbox)?) {
            let what = format!("The server renumbered {}; changes that waited were cancelled", self.mailbox_name(mailbox)?);
            self.note_mishap(account, &what, &some_of(&cancelled))?;
        }
        Ok(cancelled)
    }

    pub fn set_synced(&mut self, mailbox: MailboxId, at: i64) -> Result<Changed> {
        let sql = format!("SELECT {PLACED}, m.id FROM message m LEFT JOIN sent s ON s.message = m.id WHERE m.mailbox = ?1 AND m.state = 2");
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([mailbox.0], |row| Ok((MessageId(row.get(PLACED_COLUMNS)?), read_placed(row)?)))?;
        let lost: Vec<(MessageId, Placed)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut void = Vec::new();
        for (id, row) in lost {
            // a push that ended since the mailbox was opened may have put it there behind the sync's back
            if !self.memory.is_touched_since_open(mailbox, id) {
                if row.wanted.mailbox.is_some() && self.is_arriving(id)? {
                    void.push(self.subject_of(id)?);
                }
                self.restore_predecessors(id)?;
                self.remove(id, &row)?;
            }
        }
        if let (false, Some(account)) = (void.is_empty(), self.account_of(mailbox)?) {
            let what = format!("Messages moved to {} did not arrive: another program had them first", self.mailbox_name(mailbox)?);
            self.note_mishap(account, &what, &some_of(&void))?;
        }
        // what a first sync brought was all there was
        self.db.execute("UPDATE mailbox SET synced = ?2, whole = coalesce(whole, ?2) WHERE id = ?1", (mailbox.0, at))?;
        Ok(std::mem::take(&mut self.changes).finish())
    }

    /// It was put there, and is not known to be there.
    fn is_arriving(&self, id: MessageId) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM arriving WHERE message = ?1)";
        Ok(self.db.prepare_cached(sql)?.query_row([id.0], |row| row.get(0))?)
    }

    /// “Subject”.
    fn subject_of(&self, id: MessageId) -> Result<String> {
        let mut statement = self.db.prepare_cached("SELECT c.subject FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1")?;
        let subject: Option<String> = statement.query_row([id.0], |row| row.get(0)).optional()?.flatten();
        Ok(format!("“{}”", subject.unwrap_or_else(|| "(no subject)".into())))
    }

    /// The new half of a move between accounts never arrived: its source is wanted again where it is.
    pub fn restore_predecessors(&mut self, id: MessageId) -> Result<bool> {
        let mut statement = self.db.prepare_cached("SELECT id FROM message WHERE after = ?1")?;
        let ids: Vec<MessageId> = statement.query_map([id.0], |row| row.get(0).map(MessageId))?.collect::<rusqlite::Result<_>>()?;
        let mut is_any = false;
        for source in ids {
            let Some(before) = self.load(source)? else { continue };
            let mut after = before.clone();
            if after.wanted.mailbox.is_none() {
                after.wanted.mailbox = after.mailbox;
                is_any = true;
            }
            self.save(source, &before, &after)?;
        }
        self.db.prepare_cached("UPDATE message SET after = NULL WHERE after = ?1")?.execute([id.0])?;
        Ok(is_any)
    }
}
