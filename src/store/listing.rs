//! Which rows a listing holds, and in which order. The default order walks the covering index of each
//! mailbox in the scope, newest first, merged; so a first window costs what it shows, not what there is.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};
use rusqlite::{Connection, OptionalExtension, Rows, Statement};

use super::search::{Search, compile};
use super::{Reader, Result, addresses};
use crate::mail::thread::{Member, bare_subject};
use crate::mail::{Listing, MailboxId, MessageId, Role, Row, Scope, SortBy, ThreadId};

/// Newest first over one mailbox, from the index alone.
pub(super) const WALK: &str = "SELECT received, id, thread, content FROM message WHERE wanted_mailbox = ?1 ORDER BY received DESC, id";

/// Members of a thread, with what they answer, by hand or as they say; the index on thread finds them.
pub(super) const THREAD: &str = "SELECT m.id, m.content, m.wanted_mailbox, c.hash, \
     coalesce((SELECT a.parent FROM answers a WHERE a.hash = c.hash), c.parent), coalesce(c.date, m.received) \
     FROM message m JOIN content c ON c.id = m.content WHERE m.thread = ?1 AND m.wanted_mailbox IS NOT NULL ORDER BY m.id";

/// One message as a walk passes it; newest is greatest, of equals the one that came first: servers tell the
/// newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub received: i64,
    pub id: i64,
    pub thread: i64,
    pub content: i64,
}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        self.received.cmp(&other.received).then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Step {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { received: row.get(0)?, id: row.get(1)?, thread: row.get(2)?, content: row.get(3)? })
    }

    fn row(self, count: u32) -> Row {
        Row { id: MessageId(self.id), thread: ThreadId(self.thread), count, depth: 0, elsewhere: false }
    }
}

/// Calls `take` for the messages of these mailboxes, newest first over all, until it returns false.
fn walk(db: &Connection, mailboxes: &[MailboxId], mut take: impl FnMut(Step) -> bool) -> Result<()> {
    let mut statements: Vec<Statement<'_>> = mailboxes.iter().map(|_| db.prepare(WALK)).collect::<rusqlite::Result<_>>()?;
    if let ([statement], [mailbox]) = (statements.as_mut_slice(), mailboxes) {
        let mut rows = statement.query([mailbox.0])?;
        while let Some(row) = rows.next()? {
            if !take(Step::read(row)?) {
                break;
            }
        }
        return Ok(());
    }
    let mut cursors: Vec<Rows<'_>> = Vec::with_capacity(mailboxes.len());
    for (statement, mailbox) in statements.iter_mut().zip(mailboxes) {
        cursors.push(statement.query([mailbox.0])?);
    }
    let mut heap: BinaryHeap<(Step, usize)> = BinaryHeap::with_capacity(cursors.len());
    for (index, cursor) in cursors.iter_mut().enumerate() {
        if let Some(row) = cursor.next()? {
            heap.push((Step::read(row)?, index));
        }
    }
    while let Some((step, index)) = heap.pop() {
        if !take(step) {
            break;
        }
        if let Some(row) = cursors.get_mut(index).map(Rows::next).transpose()?.flatten() {
            heap.push((Step::read(row)?, index));
        }
    }
    Ok(())
}

/// Keeps what is to be shown of a walk: each content once, with threads each thread once (its newest).
struct Gather {
    rows: Vec<Row>,
    limit: usize,
    /// None without threads.
    threads: Option<Threads>,
    /// None where a content can't come twice (one mailbox).
    contents: Option<HashSet<i64>>,
    /// Also count the members of threads that are already full up.
    counts: bool,
    /// Threads that are left out, and those of them that were met.
    hidden: HashSet<i64>,
    met: HashSet<i64>,
}

/// Where each thread's row is. Numbers of rows only, for a mailbox may hold a million threads: the rows know their threads.
#[derive(Debug, Default)]
struct Threads {
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Threads {
    /// The place of a thread's row; None: it has none yet, and gets the next.
    fn find_or_add(&mut self, thread: i64, rows: &[Row]) -> Option<usize> {
        let next = u32::try_from(rows.len()).ok()?;
        let thread_at = |at: &u32| rows.get(*at as usize).map(|row| row.thread.0);
        let hash = |thread: Option<i64>| self.hasher.hash_one(thread);
        match self.places.entry(hash(Some(thread)), |at| thread_at(at) == Some(thread), |at| hash(thread_at(at))) {
            Entry::Occupied(found) => Some(*found.get() as usize),
            Entry::Vacant(free) => {
                free.insert(next);
                None
            }
        }
    }
}

/// A listing as it is to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub rows: Vec<Row>,
    /// Muted threads that it leaves out, as far as it was gone through.
    pub hidden: u32,
}

impl Gather {
    fn new(threads: bool, is_single: bool, limit: usize, hidden: HashSet<i64>) -> Self {
        Self {
            rows: Vec::new(),
            limit,
            threads: threads.then(Threads::default),
            contents: (!is_single).then(HashSet::new),
            counts: limit == usize::MAX,
            hidden,
            met: HashSet::new(),
        }
    }

    fn listed(self) -> Listed {
        Listed { rows: self.rows, hidden: u32::try_from(self.met.len()).unwrap_or(u32::MAX) }
    }

    /// False: enough.
    fn take(&mut self, step: Step) -> bool {
        if self.hidden.contains(&step.thread) {
            self.met.insert(step.thread);
            return true;
        }
        if self.contents.as_mut().is_some_and(|contents| !contents.insert(step.content)) {
            return true;
        }
        if let Some(at) = self.threads.as_mut().and_then(|threads| threads.find_or_add(step.thread, &self.rows)) {
            if let Some(row) = self.rows.get_mut(at).filter(|_| self.counts) {
                row.count += 1;
            }
            return true;
        }
        self.rows.push(step.row(1));
        self.rows.len() < self.limit
    }
}

impl Reader {
    /// The first `limit` rows. In the default order and without a query the cost does not grow with the mailbox.
    pub fn first_rows(&self, listing: &Listing, limit: usize) -> Result<Vec<Row>> {
        Ok(self.first_listed(listing, limit)?.rows)
    }

    /// The same, with what is left out before them.
    pub fn first_listed(&self, listing: &Listing, limit: usize) -> Result<Listed> {
        let is_default = listing.query.as_ref().is_none_or(crate::mail::Query::is_empty)
            && listing.sort.by == SortBy::Received
            && !listing.sort.reversed;
        if !is_default {
            let mut listed = self.listed(listing)?;
            listed.rows.truncate(limit);
            return Ok(listed);
        }
        if limit == 0 {
            return Ok(Listed::default());
        }
        let mailboxes = self.in_scope(&listing.scope, false)?;
        let mut gather = Gather::new(listing.threads, mailboxes.len() == 1, limit, self.hidden(listing)?);
        walk(self.db(), &mailboxes, |step| gather.take(step))?;
        let mut listed = gather.listed();
        if listing.threads {
            for row in &mut listed.rows {
                row.count = self.thread_count(&mailboxes, row.thread)?;
            }
        }
        Ok(listed)
    }

    /// All rows of a listing, in its order.
    pub fn rows(&self, listing: &Listing) -> Result<Vec<Row>> {
        Ok(self.listed(listing)?.rows)
    }

    /// The same, with what is left out.
    pub fn listed(&self, listing: &Listing) -> Result<Listed> {
        let query = listing.query.as_ref().filter(|query| !query.is_empty());
        let names_mailbox = query.is_some_and(Search::names_mailbox);
        let mailboxes = self.in_scope(&listing.scope, names_mailbox)?;
        let mut gather = Gather::new(listing.threads, mailboxes.len() == 1, usize::MAX, self.hidden(listing)?);
        match query {
            None => self.walk_whole(&mailboxes, &mut gather)?,
            Some(query) => {
                let search = compile(query, &mailboxes, &self.all_mailboxes()?);
                let mut statement = self.db().prepare(&search.sql)?;
                let mut rows = statement.query(rusqlite::params_from_iter(&search.params))?;
                while let Some(row) = rows.next()? {
                    gather.take(Step::read(row)?);
                }
            }
        }
        let mut listed = gather.listed();
        if listing.sort.by != SortBy::Received {
            self.sort_by(&mut listed.rows, listing.sort.by)?;
        }
        if listing.sort.reversed {
            listed.rows.reverse();
        }
        Ok(listed)
    }

    /// Walks all there is, and holds it against the counters: pages of the index that are damaged or in the wrong place
    /// leave messages out.
    fn walk_whole(&self, mailboxes: &[MailboxId], gather: &mut Gather) -> Result<()> {
        // rows and counters of one moment
        let now = self.db().unchecked_transaction()?;
        let mut passed = 0;
        walk(&now, mailboxes, |step| {
            passed += 1;
            gather.take(step)
        })?;
        let mut statement = now.prepare_cached("SELECT total FROM mailbox WHERE id = ?1")?;
        let mut total = 0;
        for mailbox in mailboxes {
            total += statement.query_row([mailbox.0], |row| row.get::<_, i64>(0)).optional()?.unwrap_or_default();
        }
        if passed != total {
            self.doubt();
        }
        Ok(())
    }

    /// Total and unread messages of a listing; keyed where there is no query and no content can come twice.
    pub fn count(&self, listing: &Listing) -> Result<(u64, u64)> {
        let query = listing.query.as_ref().filter(|query| !query.is_empty());
        let mailboxes = self.in_scope(&listing.scope, query.is_some_and(Search::names_mailbox))?;
        let can_double =
            mailboxes.len() > 1 && self.all_mailboxes()?.iter().any(|m| m.role == Some(Role::All) && mailboxes.contains(&m.id));
        if query.is_none() && !can_double {
            let mut statement = self.db().prepare_cached("SELECT total, unread FROM mailbox WHERE id = ?1")?;
            let mut sum = (0, 0);
            for mailbox in &mailboxes {
                let found = statement.query_row([mailbox.0], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?))).optional()?;
                let (total, unread) = found.unwrap_or_default();
                sum = (sum.0 + u64::from(total), sum.1 + u64::from(unread));
            }
            return Ok(sum);
        }
        let flat = Listing { threads: false, sort: crate::mail::Sort::default(), ..listing.clone() };
        let rows = self.rows(&flat)?;
        let mut statement = self.db().prepare_cached("SELECT wanted_bits & 1 = 0 FROM message WHERE id = ?1")?;
        let mut unread = 0_u64;
        for row in &rows {
            unread += u64::from(statement.query_row([row.id.0], |row| row.get::<_, bool>(0)).optional()?.unwrap_or_default());
        }
        Ok((rows.len() as u64, unread))
    }

    /// Members of a thread in scope, in reply order with their depth; and those of the mailboxes `also` that are no copy of
    /// one in scope, as rows from elsewhere. Nothing where the scope has none itself.
    pub fn thread_rows(&self, listing: &Listing, thread: ThreadId, also: &[MailboxId]) -> Result<Vec<Row>> {
        self.thread(listing, thread, also, crate::mail::thread::order)
    }

    /// The same, oldest first and without their depth.
    pub fn conversation(&self, listing: &Listing, thread: ThreadId, also: &[MailboxId]) -> Result<Vec<Row>> {
        self.thread(listing, thread, also, |members| {
            let mut sorted = members.to_vec();
            sorted.sort_unstable_by_key(Member::age);
            sorted.into_iter().map(|member| (member.id, 0)).collect()
        })
    }

    fn thread(
        &self,
        listing: &Listing,
        thread: ThreadId,
        also: &[MailboxId],
        order: impl FnOnce(&[Member]) -> Vec<(MessageId, u8)>,
    ) -> Result<Vec<Row>> {
        let mailboxes = self.in_scope(&listing.scope, false)?;
        let (mut members, elsewhere) = self.members(&mailboxes, also, thread)?;
        if members.is_empty() {
            return Ok(Vec::new());
        }
        members.extend_from_slice(&elsewhere);
        let elsewhere: HashSet<MessageId> = elsewhere.iter().map(|member| member.id).collect();
        let row = |(id, depth)| Row { id, thread, count: 1, depth, elsewhere: elsewhere.contains(&id) };
        Ok(order(&members).into_iter().map(row).collect())
    }

    /// Members of a thread in scope, oldest first.
    pub fn thread_ids(&self, scope: &Scope, thread: ThreadId) -> Result<Vec<MessageId>> {
        let mailboxes = self.in_scope(scope, false)?;
        let (mut members, _) = self.members(&mailboxes, &[], thread)?;
        members.sort_unstable_by_key(Member::age);
        Ok(members.into_iter().map(|member| member.id).collect())
    }

    fn thread_count(&self, mailboxes: &[MailboxId], thread: ThreadId) -> Result<u32> {
        let mut statement = self.db().prepare_cached("SELECT wanted_mailbox, content FROM message WHERE thread = ?1")?;
        let mut contents = HashSet::new();
        let mut count = 0;
        let mut rows = statement.query([thread.0])?;
        while let Some(row) = rows.next()? {
            let Some(mailbox) = row.get::<_, Option<i64>>(0)?.map(MailboxId) else { continue };
            let mut is_new = || row.get::<_, i64>(1).map(|content| contents.insert(content));
            if mailboxes.contains(&mailbox) && (mailboxes.len() == 1 || is_new()?) {
                count += 1;
            }
        }
        Ok(count)
    }

    /// Members in scope, and those of `also` with neither the content nor the Message-ID of one before.
    fn members(&self, mailboxes: &[MailboxId], also: &[MailboxId], thread: ThreadId) -> Result<(Vec<Member>, Vec<Member>)> {
        let mut statement = self.db().prepare_cached(THREAD)?;
        let mut contents = HashSet::new();
        let (mut members, mut others) = (Vec::new(), Vec::new());
        let mut rows = statement.query([thread.0])?;
        while let Some(row) = rows.next()? {
            let mailbox = MailboxId(row.get(2)?);
            let content: i64 = row.get(1)?;
            let member = Member { id: MessageId(row.get(0)?), hash: row.get(3)?, parent: row.get(4)?, date: row.get(5)? };
            if mailboxes.contains(&mailbox) {
                if contents.insert(content) || mailboxes.len() == 1 {
                    members.push(member);
                }
            } else if also.contains(&mailbox) {
                others.push((content, member));
            }
        }
        let mut hashes: HashSet<i64> = members.iter().map(|member| member.hash).filter(|hash| *hash != 0).collect();
        let mut is_new = |hash| hash == 0 || hashes.insert(hash);
        others.retain(|(content, member)| contents.insert(*content) && is_new(member.hash));
        Ok((members, others.into_iter().map(|(_, member)| member).collect()))
    }

    /// Orders rows by something other than their arrival; equal ones stay newest first.
    fn sort_by(&self, rows: &mut [Row], by: SortBy) -> Result<()> {
        let column = match by {
            SortBy::Received => "m.received",
            SortBy::Date => "coalesce(c.date, m.received)",
            SortBy::Size => "c.size",
            SortBy::From => "c.sender",
            SortBy::Subject => "c.subject",
        };
        let sql = format!("SELECT {column} FROM message m JOIN content c ON c.id = m.content WHERE m.id = ?1");
        let mut statement = self.db().prepare_cached(&sql)?;
        let mut numbers: HashMap<MessageId, i64> = HashMap::new();
        let mut texts: HashMap<MessageId, Box<str>> = HashMap::new();
        for row in rows.iter() {
            let mut found = statement.query([row.id.0])?;
            let Some(value) = found.next()? else { continue };
            match by {
                SortBy::From => {
                    let list = addresses::resolve(self.db(), value.get_ref(0)?.as_blob_or_null().map_err(rusqlite::Error::from)?)?;
                    let name = list.first().map(|address| address.short().to_lowercase()).unwrap_or_default();
                    texts.insert(row.id, name.into());
                }
                SortBy::Subject => {
                    let subject = value.get_ref(0)?.as_str_or_null().map_err(rusqlite::Error::from)?.unwrap_or_default();
                    texts.insert(row.id, bare_subject(subject).to_lowercase().into());
                }
                _ => {
                    numbers.insert(row.id, value.get(0)?);
                }
            }
        }
        match by {
            SortBy::From | SortBy::Subject => rows.sort_by(|a, b| texts.get(&a.id).cmp(&texts.get(&b.id))),
            _ => rows.sort_by(|a, b| numbers.get(&b.id).cmp(&numbers.get(&a.id))),
        }
        Ok(())
    }
}
