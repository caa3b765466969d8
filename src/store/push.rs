//! What is to be asked of the servers: picks rows that want the same, records what was asked, and takes
//! the answer. What an answer does to one row is decided in `rows.rs`.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{OptionalExtension, Row};

use super::lookup::{self, PLACED, PLACED_COLUMNS, read_placed};
use super::rows::{Fate, Placed, Sent, State, Wish};
use super::work::Work;
use super::{Changed, Push, PushEnd, PushKind, Result, Unresolved};
use crate::mail::{AccountId, Flags, Key, MailboxId, MessageId};

/// What rows must have in common to be asked in one request; in the order in which it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ask {
    Flags { mailbox: MailboxId, add: Flags, remove: Flags },
    Copy { mailbox: MailboxId, to: MailboxId },
    Move { mailbox: MailboxId, to: MailboxId },
    Delete { mailbox: MailboxId },
    Append { to: MailboxId },
}

impl Ask {
    /// Flags of a row go before its move, copies before what takes their source away.
    fn rank(&self) -> u8 {
        match self {
            Ask::Flags { .. } => 0,
            Ask::Copy { .. } => 1,
            Ask::Move { .. } => 2,
            Ask::Delete { .. } => 3,
            Ask::Append { .. } => 4,
        }
    }
}

/// One row of the chosen request. `source`: what the server copies, for copies.
#[derive(Clone, Debug)]
struct Chosen {
    id: MessageId,
    row: Placed,
    source: Option<(MessageId, Key)>,
}

/// A dirty row with what SQL knows about its neighbours.
struct Candidate {
    id: MessageId,
    row: Placed,
    after: Option<MessageId>,
    copy_of: Option<MessageId>,
}

fn read_candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    let id = |at: usize| row.get::<_, Option<i64>>(PLACED_COLUMNS + at).map(|id| id.map(MessageId));
    Ok(Candidate { id: MessageId(row.get(PLACED_COLUMNS)?), row: read_placed(row)?, after: id(1)?, copy_of: id(2)? })
}

impl Work<'_> {
    pub fn next_push(&mut self, account: AccountId, limit: usize) -> Result<Option<Push>> {
        let Some((ask, chosen)) = self.choose(account, limit.max(1))? else { return Ok(None) };
        let number = self.db.query_row("SELECT coalesce(max(push), 0) + 1 FROM sent", [], |row| row.get(0))?;
        for Chosen { id, row, .. } in &chosen {
            let mut after = row.clone();
            after.sent = Some(match &ask {
                Ask::Flags { .. } => Sent::Flags(row.wanted.flags.clone()),
                Ask::Copy { to, .. } => Sent::Copy(*to),
                Ask::Move { to, .. } => Sent::Move(*to),
                Ask::Delete { .. } => Sent::Delete,
                Ask::Append { to } => Sent::Append(*to, row.wanted.flags.clone()),
            });
            self.save_sent(*id, row, &after, number)?;
        }
        self.describe(account, ask, &chosen).map(Some)
    }

    /// The first request by rank, then by row id, and the rows that join it.
    fn choose(&self, account: AccountId, limit: usize) -> Result<Option<(Ask, Vec<Chosen>)>> {
        let sql = format!(
            "SELECT {PLACED}, m.id, m.after, m.copy_of FROM message m INDEXED BY message_dirty LEFT JOIN sent s ON s.message = m.id \
             JOIN mailbox b ON b.id = coalesce(m.mailbox, m.wanted_mailbox) \
             WHERE m.dirty = 1 AND s.message IS NULL AND b.account = ?1 \
             AND NOT EXISTS (SELECT 1 FROM told t WHERE t.message = m.id) ORDER BY m.id"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut best: Option<(Ask, Vec<Chosen>)> = None;
        for candidate in statement.query_map([account.0], read_candidate)? {
            let Some((ask, chosen)) = self.ask_for(candidate?)? else { continue };
            match &mut best {
                Some((kept, rows)) if *kept == ask => {
                    // two copies of one message are two requests: in one set of uids it would count once
                    let is_double = chosen.source.is_some() && rows.iter().any(|row| row.source == chosen.source);
                    if rows.len() < limit && ask.rank() < 4 && !is_double {
                        rows.push(chosen);
                    } else if ask.rank() == 0 {
                        break;
                    }
                }
                Some((kept, _)) if kept.rank() <= ask.rank() => {}
                _ => best = Some((ask, vec![chosen])),
            }
        }
        Ok(best)
    }

    /// What a row may ask now; None while it has to wait for another.
    fn ask_for(&self, candidate: Candidate) -> Result<Option<(Ask, Chosen)>> {
        let Candidate { id, row, after, copy_of } = candidate;
        let Some(wish) = row.wish() else { return Ok(None) };
        if let Wish::Move(to) | Wish::Place(to) = &wish
            && !self.is_made(*to)?
        {
            return Ok(None);
        }
        let mut source = None;
        let ask = match (wish, row.mailbox) {
            (Wish::Flags { add, remove }, Some(mailbox)) => Ask::Flags { mailbox, add, remove },
            (Wish::Move(to), Some(mailbox)) if !self.is_copied(id)? => Ask::Move { mailbox, to },
            (Wish::Delete, Some(mailbox)) if !self.is_needed(id)? && !self.is_awaiting(after)? => Ask::Delete { mailbox },
            (Wish::Place(_), _) if self.is_out_of_reach(id)? => return Ok(None),
            (Wish::Place(to), _) => match self.source_of(copy_of, to)? {
                Source::Here(from, key, mailbox) => {
                    source = Some((from, key));
                    Ask::Copy { mailbox, to }
                }
                Source::None => Ask::Append { to },
                Source::Later => return Ok(None),
            },
            _ => return Ok(None),
        };
        Ok(Some((ask, Chosen { id, row, source })))
    }

    /// A copy of the row is still to be made by the server, which needs it where it is.
    fn is_copied(&self, id: MessageId) -> Result<bool> {
        let mut statement = self.db.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM message m LEFT JOIN sent s ON s.message = m.id \
             WHERE m.copy_of = ?1 AND m.state = 0 AND m.wanted_mailbox IS NOT NULL AND coalesce(s.kind, 0) <> 6)",
        )?;
        Ok(statement.query_row([id.0], |row| row.get(0))?)
    }

    /// A message made from the row, perhaps for another account, is on no server yet: its bytes come from here.
    fn is_needed(&self, id: MessageId) -> Result<bool> {
        let mut statement = self.db.prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM message m JOIN message l ON l.content = m.content LEFT JOIN sent s ON s.message = l.id \
             WHERE m.id = ?1 AND l.id <> ?1 AND l.state = 0 AND l.wanted_mailbox IS NOT NULL AND coalesce(s.kind, 0) <> 6)",
        )?;
        Ok(statement.query_row([id.0], |row| row.get(0))?)
    }

    /// The bytes of a local row are only where it is not known yet; they will be found, or given up, there.
    fn is_out_of_reach(&self, id: MessageId) -> Result<bool> {
        let mut statement = self.db.prepare_cached(
            "SELECT max(l.state = 2) AND NOT max(l.state = 1) FROM message m JOIN message l ON l.content = m.content WHERE m.id = ?1",
        )?;
        Ok(statement.query_row([id.0], |row| row.get(0))? && !self.has_bytes(id)?)
    }

    /// The other half of a move between accounts is not yet surely on its server.
    fn is_awaiting(&self, after: Option<MessageId>) -> Result<bool> {
        let Some(row) = after.map(|after| self.load(after)).transpose()?.flatten() else { return Ok(false) };
        Ok(row.state != State::Known && (row.sent.is_some() || row.wanted.mailbox.is_some()))
    }

    fn source_of(&self, copy_of: Option<MessageId>, to: MailboxId) -> Result<Source> {
        let Some(source) = copy_of else { return Ok(Source::None) };
        let Some(row) = self.load(source)? else { return Ok(Source::None) };
        let Some(mailbox) = row.mailbox else { return Ok(Source::None) };
        if self.account_of(mailbox)? != self.account_of(to)? {
            return Ok(Source::None);
        }
        Ok(match row.key {
            Some(key) if row.state == State::Known && row.sent.is_none() && !self.is_told(source)? => Source::Here(source, key, mailbox),
            _ => Source::Later,
        })
    }

    fn describe(&self, account: AccountId, ask: Ask, chosen: &[Chosen]) -> Result<Push> {
        let own_rows = || chosen.iter().filter_map(|c| Some((c.id, c.row.key.clone()?))).collect();
        let (mailbox, rows, kind) = match ask {
            Ask::Flags { mailbox, add, remove } => (mailbox, own_rows(), PushKind::Flags { add, remove }),
            Ask::Move { mailbox, to } => (mailbox, own_rows(), PushKind::Move { to, to_wire: self.wire_name(to)? }),
            Ask::Delete { mailbox } => (mailbox, own_rows(), PushKind::Delete),
            Ask::Copy { mailbox, to } => {
                let rows = chosen.iter().filter_map(|c| c.source.clone()).collect();
                let new = chosen.iter().map(|c| c.id).collect();
                (mailbox, rows, PushKind::Copy { to, to_wire: self.wire_name(to)?, new })
            }
            Ask::Append { to } => {
                let first = chosen.first().map_or((MessageId(0), Flags::default()), |c| (c.id, c.row.wanted.flags.clone()));
                (to, Vec::new(), self.append_kind(first.0, first.1)?)
            }
        };
        Ok(Push { account, mailbox, wire_name: self.wire_name(mailbox)?, rows, kind })
    }

    fn append_kind(&self, id: MessageId, flags: Flags) -> Result<PushKind> {
        let mut statement = self
            .db
            .prepare_cached("SELECT m.received, c.rfc_message_id FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1")?;
        let (received, rfc_message_id) = statement.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(PushKind::Append { id, flags, received, rfc_message_id })
    }

    fn wire_name(&self, mailbox: MailboxId) -> Result<String> {
        let mut statement = self.db.prepare_cached("SELECT wire_name FROM mailbox WHERE id = ?1")?;
        Ok(statement.query_row([mailbox.0], |row| row.get(0)).optional()?.unwrap_or_default())
    }

    pub fn end_push(&mut self, push: &Push, end: PushEnd) -> Result<Changed> {
        let rows: Vec<(MessageId, Option<&Key>, Option<MessageId>)> = match &push.kind {
            PushKind::Copy { new, .. } => new.iter().zip(&push.rows).map(|(id, (source, key))| (*id, Some(key), Some(*source))).collect(),
            PushKind::Append { id, .. } => vec![(*id, None, None)],
            _ => push.rows.iter().map(|(id, key)| (*id, Some(key), None)).collect(),
        };
        let mut moved: HashMap<Key, Option<Key>> = HashMap::new();
        let mut appended = None;
        if let PushEnd::Done(list) = &end {
            appended = list.first().and_then(|(_, new)| new.clone());
            moved.extend(list.iter().cloned());
        }
        for (id, old_key, source) in &rows {
            let Some(before) = self.load(*id)? else { continue };
            if !is_answered(before.sent.as_ref(), &push.kind) {
                continue;
            }
            match &end {
                PushEnd::Done(_) => {
                    let new_key = match old_key {
                        Some(old) => moved.get(*old).cloned().flatten(),
                        None => appended.clone(),
                    };
                    self.end_done(*id, before, new_key, *source)?;
                }
                PushEnd::Refused => self.end_refused(*id, before)?,
                PushEnd::NotNow => {
                    let mut after = before.clone();
                    after.not_now();
                    self.save(*id, &before, &after)?;
                }
                PushEnd::Looked(present) => {
                    let mut after = before.clone();
                    match present.iter().find(|(key, _)| Some(key) == *old_key) {
                        Some((_, flags)) => after.looked(flags),
                        // gone, as the next comparison will find
                        None => after.not_now(),
                    }
                    self.save(*id, &before, &after)?;
                }
            }
        }
        self.memory.touch(rows.into_iter().map(|(id, ..)| id));
        Ok(std::mem::take(&mut self.changes).finish())
    }

    fn end_done(&mut self, id: MessageId, before: Placed, new_key: Option<Key>, source: Option<MessageId>) -> Result<()> {
        let mut after = before.clone();
        let flags_of_source = source.map(|source| self.load(source)).transpose()?.flatten().map(|row| row.server);
        let fate = after.done(new_key, flags_of_source);
        if matches!(before.sent, Some(Sent::Move(_) | Sent::Delete)) {
            self.memory.leave(before.mailbox, before.key.as_ref());
        }
        if fate == Fate::Goes {
            return self.end_deleted(id, &before, after);
        }
        let is_seen = self.take_over_double(id, &mut after)?;
        if let Some(arrived) = after.mailbox.filter(|_| before.mailbox != after.mailbox) {
            self.memory.meet(arrived);
        }
        self.save(id, &before, &after)?;
        if after.state == State::Lost {
            self.await_arrival(id)?;
        } else if before.mailbox != after.mailbox && !is_seen && after.key.as_ref().is_some_and(|key| key.uid().is_some()) {
            self.tell(id)?;
        }
        if before.state == State::Local {
            self.drop_local(id)?;
        }
        Ok(())
    }

    /// The server deleted it. If the user took the wish back meanwhile it is put back, from the bytes that are kept or
    /// from another placement of the same message.
    fn end_deleted(&mut self, id: MessageId, before: &Placed, mut after: Placed) -> Result<()> {
        let twin =
            "SELECT min(o.id) FROM message m JOIN message o ON o.content = m.content AND o.id <> m.id WHERE m.id = ?1 AND o.state = 1";
        let twin: Option<i64> = self.db.prepare_cached(twin)?.query_row([id.0], |row| row.get(0))?;
        if before.wanted.mailbox.is_some() && (twin.is_some() || self.has_bytes(id)?) {
            after.state = State::Local;
            after.mailbox = None;
            after.key = None;
            after.server = Flags::default();
            self.save(id, before, &after)?;
            self.db.prepare_cached("UPDATE message SET copy_of = ?2 WHERE id = ?1")?.execute((id.0, twin))?;
            return Ok(());
        }
        self.remove(id, before)
    }

    /// Where the new key was already seen and taken for a message of its own, that row is ours, and true. Where it is another
    /// message's the server told it wrongly.
    fn take_over_double(&mut self, id: MessageId, after: &mut Placed) -> Result<bool> {
        let Some((mailbox, key)) = after.mailbox.zip(after.key.clone()) else { return Ok(false) };
        let Some(double) = lookup::find_key(self.db, mailbox, &key)?.filter(|double| *double != id) else { return Ok(false) };
        let Some(row) = self.load(double)? else { return Ok(false) };
        // what has a way of its own to go is no newcomer, though it may be an equal copy
        let has_own_way = row.sent.is_some() || row.wanted.mailbox != row.mailbox;
        if has_own_way || self.is_told(double)? || !self.is_same_content(id, double)? {
            (after.state, after.key) = (State::Lost, None);
            return Ok(false);
        }
        after.seen(&row.server);
        let (add, remove) = row.server.difference(&row.wanted.flags);
        after.wanted.flags = after.wanted.flags.with(&add).without(&remove);
        self.goes_on_as(double, id)?;
        self.remove(double, &row)?;
        Ok(true)
    }

    fn end_refused(&mut self, id: MessageId, before: Placed) -> Result<()> {
        let mut after = before.clone();
        let is_append = matches!(before.sent, Some(Sent::Append(..)));
        let fate = after.refused();
        // what another server still has is not lost by letting the new row go, nor is what nobody has the bytes of
        let may_go =
            is_append && (self.db.prepare_cached(super::reader::ELSEWHERE)?.query_row([id.0], |row| row.get(0))? || !self.has_bytes(id)?);
        if fate == Fate::Goes || may_go {
            self.restore_predecessors(id)?;
            self.drop_local(id)?;
            return self.remove(id, &before);
        }
        self.save(id, &before, &after)
    }

    /// The whole message is kept here, in either database.
    fn has_bytes(&self, id: MessageId) -> Result<bool> {
        let kept = "SELECT EXISTS (SELECT 1 FROM message m JOIN body b ON b.content = m.content WHERE m.id = ?1 AND b.whole = 1)";
        let local = "SELECT EXISTS (SELECT 1 FROM local WHERE message = ?1)";
        Ok(self.db.prepare_cached(kept)?.query_row([id.0], |row| row.get(0))?
            || self.user.prepare_cached(local)?.query_row([id.0], |row| row.get(0))?)
    }

    pub fn unresolved(&mut self, account: AccountId) -> Result<Vec<Unresolved>> {
        let sql = format!(
            "SELECT {PLACED}, m.id, m.after, m.copy_of, s.push FROM sent s CROSS JOIN message m ON m.id = s.message \
             JOIN mailbox b ON b.id = coalesce(m.mailbox, s.mailbox) WHERE b.account = ?1 ORDER BY s.push, m.id"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let rows = statement.query_map([account.0], |row| Ok((row.get::<_, i64>(PLACED_COLUMNS + 3)?, read_candidate(row)?)))?;
        let rows: Vec<(i64, Candidate)> = rows.collect::<rusqlite::Result<_>>()?;
        let mut asks: BTreeMap<(i64, usize), (Ask, Vec<Chosen>)> = BTreeMap::new();
        for (index, (push, candidate)) in rows.into_iter().enumerate() {
            let Some((ask, chosen)) = self.asked(candidate)? else { continue };
            // a push whose rows went different ways since is told in several
            match asks.iter_mut().find(|((number, _), (known, _))| *number == push && *known == ask && ask.rank() < 4) {
                Some((_, (_, list))) => list.push(chosen),
                None => {
                    asks.insert((push, index), (ask, vec![chosen]));
                }
            }
        }
        asks.into_values().map(|(ask, chosen)| self.unresolved_push(account, ask, &chosen)).collect()
    }

    /// What was asked for a row in flight.
    fn asked(&self, candidate: Candidate) -> Result<Option<(Ask, Chosen)>> {
        let Candidate { id, row, copy_of, .. } = candidate;
        let mut source = None;
        let ask = match (row.sent.clone(), row.mailbox) {
            (Some(Sent::Flags(asked)), Some(mailbox)) => {
                let (add, remove) = row.server.difference(&asked);
                Ask::Flags { mailbox, add, remove }
            }
            (Some(Sent::Move(to)), Some(mailbox)) => Ask::Move { mailbox, to },
            (Some(Sent::Delete), Some(mailbox)) => Ask::Delete { mailbox },
            (Some(Sent::Copy(to)), _) => {
                let from = copy_of.map(|id| self.load(id).map(|row| row.map(|row| (id, row)))).transpose()?.flatten();
                match from.and_then(|(id, row)| Some((id, row.mailbox?, row.key?))) {
                    Some((from, mailbox, key)) => {
                        source = Some((from, key));
                        Ask::Copy { mailbox, to }
                    }
                    None => Ask::Append { to },
                }
            }
            (Some(Sent::Append(to, _)), _) => Ask::Append { to },
            _ => return Ok(None),
        };
        Ok(Some((ask, Chosen { id, row, source })))
    }

    fn unresolved_push(&self, account: AccountId, ask: Ask, chosen: &[Chosen]) -> Result<Unresolved> {
        let mut statement =
            self.db.prepare_cached("SELECT c.rfc_message_id FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1")?;
        let ids = chosen.iter().map(|c| statement.query_row([c.id.0], |row| row.get(0)));
        let rfc_message_ids = ids.collect::<rusqlite::Result<_>>()?;
        Ok(Unresolved { push: self.describe(account, ask, chosen)?, rfc_message_ids })
    }
}

/// Where a copy comes from.
enum Source {
    /// The server has it under this key.
    Here(MessageId, Key, MailboxId),
    /// No server of this account has it: its bytes are appended.
    None,
    /// It is on its way or lost.
    Later,
}

/// The row still waits for the answer to this very question.
fn is_answered(sent: Option<&Sent>, kind: &PushKind) -> bool {
    match (sent, kind) {
        (Some(Sent::Flags(_)), PushKind::Flags { .. }) | (Some(Sent::Delete), PushKind::Delete) => true,
        (Some(Sent::Move(target)), PushKind::Move { to, .. }) | (Some(Sent::Copy(target)), PushKind::Copy { to, .. }) => target == to,
        (Some(Sent::Append(..) | Sent::Copy(_)), PushKind::Append { .. }) => true,
        _ => false,
    }
}
