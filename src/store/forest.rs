//! The threads shown where some were cut or joined by hand: a message is in the thread of what it answers, up to a cut or to where nothing
//! more is known. It follows from the messages and the answers alone, so any order of arrival and a new mail.db lead to the same; but what a message
//! that is not here answers is known from later References only where they came since `mail.db` keeps that (mail_015.sql).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};

use super::Result;
use super::work::Work;
use crate::mail::thread::Member;
use crate::mail::{MailboxId, MessageId};

/// What was cut and joined, with the threads that the headers alone make of both ends.
const EDGES: &str = "SELECT a.hash, a.parent, (SELECT coalesce(base, thread) FROM reference WHERE hash = a.hash), \
     (SELECT coalesce(base, thread) FROM reference WHERE hash = a.parent) FROM answers a";
pub(super) const REFERENCES: &str = "SELECT hash, thread, base, above FROM reference WHERE base = ?1 \
     UNION ALL SELECT hash, thread, base, above FROM reference WHERE thread = ?1 AND base IS NULL";
pub(super) const MESSAGES: &str = "SELECT m.id, m.thread, m.wanted_mailbox, c.hash, c.parent, coalesce(c.date, m.received) \
     FROM message m JOIN content c ON c.id = m.content WHERE m.thread = ?1";

/// A Message-ID, as the row of `reference` has it; `base` always.
#[derive(Debug)]
struct Reference {
    thread: i64,
    base: i64,
    is_apart: bool,
}

#[derive(Debug)]
struct Message {
    member: Member,
    thread: i64,
    mailbox: Option<MailboxId>,
}

impl Message {
    /// Where the way up begins; 0 where the message names nothing.
    fn start(&self) -> i64 {
        if self.member.hash != 0 { self.member.hash } else { self.member.parent }
    }
}

/// Threads with all that a cut or a joint connects them with.
#[derive(Debug, Default)]
pub(super) struct Forest {
    references: BTreeMap<i64, Reference>,
    messages: Vec<Message>,
    /// What each answers.
    parents: HashMap<i64, i64>,
    cut: HashSet<i64>,
    /// Where something was cut or joined, by the threads of the headers.
    touched: HashSet<i64>,
}

/// The name of the thread that a cut leaves below it: negative, where all others are a message's id.
fn name_of_cut(hash: i64) -> i64 {
    !(hash & i64::MAX)
}

impl Forest {
    /// Reads the threads that these hashes are in.
    pub fn load(db: &Connection, hashes: impl IntoIterator<Item = i64>) -> Result<Self> {
        let mut forest = Self::default();
        let edges = edges(db)?;
        forest.touched = edges.iter().flat_map(|edge| edge.2).flatten().collect();
        for base in bases(db, hashes, &edges)? {
            forest.read_references(db, base)?;
        }
        let threads: BTreeSet<i64> = forest.references.values().map(|reference| reference.thread).collect();
        for thread in threads {
            forest.read_messages(db, thread)?;
        }
        // of several with the same Message-ID the oldest speaks, as in the order of a thread
        forest.messages.sort_unstable_by_key(|message| message.member.age());
        let mut spoken = HashSet::new();
        for Message { member, .. } in &forest.messages {
            if member.hash != 0 && spoken.insert(member.hash) {
                forest.parents.insert(member.hash, member.parent);
            }
        }
        for (hash, parent, _) in edges.iter().filter(|(hash, ..)| forest.references.contains_key(hash)) {
            forest.parents.insert(*hash, *parent);
            if *parent == 0 {
                forest.cut.insert(*hash);
            }
        }
        Ok(forest)
    }

    fn read_references(&mut self, db: &Connection, base: i64) -> Result<()> {
        let mut statement = db.prepare_cached(REFERENCES)?;
        let mut rows = statement.query([base])?;
        while let Some(row) = rows.next()? {
            let (hash, is_apart) = (row.get(0)?, row.get::<_, Option<i64>>(2)?.is_some());
            self.references.insert(hash, Reference { thread: row.get(1)?, base, is_apart });
            self.parents.insert(hash, row.get(3)?);
        }
        Ok(())
    }

    fn read_messages(&mut self, db: &Connection, thread: i64) -> Result<()> {
        let mut statement = db.prepare_cached(MESSAGES)?;
        let mut rows = statement.query([thread])?;
        while let Some(row) = rows.next()? {
            let member = Member { id: MessageId(row.get(0)?), hash: row.get(3)?, parent: row.get(4)?, date: row.get(5)? };
            self.messages.push(Message { member, thread, mailbox: row.get::<_, Option<i64>>(2)?.map(MailboxId) });
        }
        Ok(())
    }

    /// What it answers.
    pub fn parent(&self, hash: i64) -> Option<i64> {
        self.parents.get(&hash).copied().filter(|&parent| parent != 0)
    }

    /// All that stands above it, nearest first; in a loop some of it again.
    pub fn above(&self, hash: i64) -> impl Iterator<Item = i64> + '_ {
        std::iter::successors(self.parent(hash), |&at| self.parent(at)).take(self.references.len())
    }

    /// Nothing would be left of its thread without it and what is below it.
    pub fn begins_thread(&self, hash: i64, threads: &HashMap<i64, i64>) -> bool {
        let thread = threads.get(&hash).copied();
        let is_with_it = |start: i64| start == hash || self.above(start).any(|above| above == hash);
        let shown = self.messages.iter().filter(|message| message.mailbox.is_some());
        shown.filter(|message| threads.get(&message.start()).copied() == thread).all(|message| is_with_it(message.start()))
    }

    /// The thread of each hash.
    pub fn threads(&self) -> HashMap<i64, i64> {
        let mut threads = HashMap::with_capacity(self.references.len());
        for &start in self.references.keys() {
            let mut way = Vec::new();
            let mut places = HashMap::new();
            let mut at = start;
            let thread = loop {
                if let Some(&thread) = threads.get(&at) {
                    break thread;
                }
                if let Some(&place) = places.get(&at) {
                    // a loop, which only headers that came after a joint can close: all of it is where its least is
                    break self.base(way.iter().skip(place).copied().min().unwrap_or(at));
                }
                places.insert(at, way.len());
                way.push(at);
                match self.parent(at) {
                    Some(parent) => at = parent,
                    None if self.cut.contains(&at) => break name_of_cut(at),
                    None => break self.base(at),
                }
            };
            threads.extend(way.into_iter().map(|hash| (hash, thread)));
        }
        threads
    }

    fn base(&self, hash: i64) -> i64 {
        self.references.get(&hash).map_or(hash, |reference| reference.base)
    }
}

/// Hash, parent, and the threads that the headers make of them.
type Edge = (i64, i64, [Option<i64>; 2]);

fn edges(db: &Connection) -> Result<Vec<Edge>> {
    let mut statement = db.prepare_cached(EDGES)?;
    let edges = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, [row.get(2)?, row.get(3)?])))?;
    Ok(edges.collect::<rusqlite::Result<_>>()?)
}

/// The threads that the headers make of these hashes, and those that edges connect with them.
fn bases(db: &Connection, hashes: impl IntoIterator<Item = i64>, edges: &[Edge]) -> Result<BTreeSet<i64>> {
    let mut find = db.prepare_cached("SELECT coalesce(base, thread) FROM reference WHERE hash = ?1")?;
    let mut bases = BTreeSet::new();
    for hash in hashes {
        bases.extend(find.query_row([hash], |row| row.get::<_, i64>(0)).optional()?);
    }
    loop {
        let known = bases.len();
        for (_, _, ends) in edges {
            if ends.iter().flatten().any(|end| bases.contains(end)) {
                bases.extend(ends.iter().flatten());
            }
        }
        if bases.len() == known {
            return Ok(bases);
        }
    }
}

impl Work<'_> {
    /// Brings the threads in step around which something came, was cut or joined.
    pub fn rethread(&mut self) -> Result<()> {
        let hashes = std::mem::take(&mut self.unthreaded);
        if hashes.is_empty() {
            return Ok(());
        }
        let forest = Forest::load(self.db, hashes)?;
        let threads = forest.threads();
        let mut save = self.db.prepare_cached("UPDATE OR FAIL reference SET thread = ?2, base = ?3 WHERE hash = ?1")?;
        for (hash, reference) in &forest.references {
            let is_apart = forest.touched.contains(&reference.base);
            let thread = threads.get(hash).copied().unwrap_or(reference.base);
            if (thread, is_apart) != (reference.thread, reference.is_apart) {
                save.execute((hash, thread, is_apart.then_some(reference.base)))?;
            }
        }
        let mut save = self.db.prepare_cached("UPDATE OR FAIL message SET thread = ?2 WHERE id = ?1")?;
        for message in &forest.messages {
            let Some(&thread) = threads.get(&message.start()).filter(|&&thread| thread != message.thread) else { continue };
            save.execute((message.member.id.0, thread))?;
            if let Some(mailbox) = message.mailbox {
                self.changes.changed(mailbox, message.member.id);
            }
        }
        Ok(())
    }
}
