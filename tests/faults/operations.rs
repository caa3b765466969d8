//! The operations that are disturbed, one row for each way through them; and when the outcome of a disturbed run is right.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::stage::{Ledger, Ran};
use crate::support::terminal::Terminal;

pub const FOLDERS: &[&str] = &["Archive", "Drafts", "Sent", "Junk", "Trash"];
pub const MESSAGES: u32 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Maildir,
    Imap,
}

/// Something that a user, a script or another version of the program does.
pub enum Act {
    Command(&'static [&'static str]),
    /// A message with this subject on stdin.
    Send(&'static [&'static str], &'static str),
    /// In the reader; says what the user was promised.
    Keys(fn(&mut Terminal) -> usize),
    Do(fn(&Path)),
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Command(words) | Act::Send(words, _) => write!(f, "{words:?}"),
            Act::Keys(_) => f.write_str("keys"),
            Act::Do(_) => f.write_str("a change of files"),
        }
    }
}

/// What is right after a disturbed run that then came to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// As if it had never begun, or as if it had ended; the latter where it was acknowledged.
    Whole,
    /// Or the message is shown as of unknown fate, without a copy in Sent.
    Sending,
    /// A draft with the beginning of the text, and with all that was promised.
    Typed,
}

pub struct Operation {
    pub name: &'static str,
    pub over: Over,
    pub prepare: &'static [Act],
    pub run: Act,
    /// Words after which a command's change must stand; "" for none.
    pub said: &'static str,
    pub rule: Rule,
    /// What the undisturbed run must have led to: parts of lines of the ledger, each in exactly one line.
    pub expect: &'static [&'static str],
}

use Act::{Command, Do, Keys, Send};
use Over::{Imap, Maildir};

const SYNC: Act = Command(&["sync"]);
const FLAG: Act = Command(&["flag", "{2}", "+flagged", "+seen"]);
const MOVE: Act = Command(&["move", "{3}", "--to", "local/Archive"]);
const QUEUE: Act = Send(&["send", "--queue"], "s1");

const SAVED: &[&str] = &["server Drafts [Plan] DS abcdefghij"];
const SENT: &[&str] = &["taken [s1]", "server Sent [s1] S Text", "store Sent [s1] [\"seen\"]"];
const FLAGGED: &[&str] = &["server Inbox [Subject 2] FS Body of 2.", "store Inbox [Subject 2] [\"seen\",\"flagged\"]"];
const MOVED: &[&str] = &["server Archive [Subject 3]", "store Archive [Subject 3]"];
const LISTED: &[&str] = &["store Inbox [Subject 1]", "store Inbox [Subject 5]"];
/// Only these are left.
const DELETED: &[&str] = &["server Inbox [Subject 2]", "store Inbox [Subject 2]"];

#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "draft autosave", over: Maildir, prepare: &[SYNC], run: Keys(type_text), said: "", rule: Rule::Typed, expect: SAVED },
    Operation { name: "save", over: Maildir, prepare: &[SYNC], run: Keys(save), said: "", rule: Rule::Typed, expect: SAVED },
    Operation { name: "save", over: Imap, prepare: &[SYNC], run: Keys(save), said: "", rule: Rule::Typed, expect: SAVED },
    Operation { name: "queue", over: Maildir, prepare: &[SYNC], run: QUEUE, said: "\"queued\"", rule: Rule::Whole, expect: SENT },
    Operation { name: "send", over: Maildir, prepare: &[SYNC, QUEUE], run: Command(&["outbox", "send"]), said: "\"accepted\"", rule: Rule::Sending, expect: SENT },
    Operation { name: "Sent copy", over: Maildir, prepare: &[SYNC, Send(&["send"], "s1")], run: SYNC, said: "", rule: Rule::Whole, expect: &["server Sent [s1] S Text"] },
    Operation { name: "Sent copy", over: Imap, prepare: &[SYNC, Send(&["send"], "s1")], run: SYNC, said: "", rule: Rule::Whole, expect: &["server Sent [s1] S Text"] },
    Operation { name: "header fetch", over: Maildir, prepare: &[], run: Command(&["sync", "--headers"]), said: "", rule: Rule::Whole, expect: LISTED },
    Operation { name: "header fetch", over: Imap, prepare: &[], run: Command(&["sync", "--headers"]), said: "", rule: Rule::Whole, expect: LISTED },
    Operation { name: "body fetch", over: Imap, prepare: &[Command(&["sync", "--headers"])], run: SYNC, said: "", rule: Rule::Whole, expect: &["|Body of 1.|", "|Body of 5.|"] },
    Operation { name: "flag", over: Maildir, prepare: &[SYNC], run: FLAG, said: "Changed 1", rule: Rule::Whole, expect: FLAGGED },
    Operation { name: "flag", over: Maildir, prepare: &[SYNC, FLAG], run: SYNC, said: "", rule: Rule::Whole, expect: FLAGGED },
    Operation { name: "flag", over: Imap, prepare: &[SYNC, FLAG], run: SYNC, said: "", rule: Rule::Whole, expect: FLAGGED },
    Operation { name: "move", over: Maildir, prepare: &[SYNC], run: MOVE, said: "Moved 1", rule: Rule::Whole, expect: MOVED },
    Operation { name: "move", over: Maildir, prepare: &[SYNC, MOVE], run: SYNC, said: "", rule: Rule::Whole, expect: MOVED },
    Operation { name: "move", over: Imap, prepare: &[SYNC, MOVE], run: SYNC, said: "", rule: Rule::Whole, expect: MOVED },
    Operation { name: "delete", over: Maildir, prepare: &[SYNC], run: Keys(delete), said: "", rule: Rule::Whole, expect: DELETED },
    Operation { name: "delete", over: Imap, prepare: &[SYNC], run: Keys(delete), said: "", rule: Rule::Whole, expect: DELETED },
    Operation { name: "migration", over: Maildir, prepare: &[SYNC, QUEUE, Do(older)], run: SYNC, said: "", rule: Rule::Sending, expect: SENT },
    Operation {
        name: "configuration write", over: Maildir, prepare: &[],
        run: Command(&["setup", "bob@example.org", "--name", "second", "--maildir", "{home}/mail"]),
        said: " opens it", rule: Rule::Whole, expect: &["path = \"{home}/mail\"|"],
    },
];

/// What is typed: one line, no letter twice in a row, so that a part on the screen is known for what it is.
pub const TEXT: &str = "abcdefghijklmnopqrstuvwxyzbdfhjlnprtvxzacegikmoqsuwy";
/// Keys typed at once.
const BURST: usize = 13;
/// Keys that a kill may cost: twenty, and those that were shown while these were on their way to the disk.
const BEHIND: usize = 20 + BURST;

/// What is owed of a draft by what the screen shows.
pub fn on_screen(screen: &str) -> usize {
    let shown = (1..=TEXT.len()).rev().find(|end| screen.contains(&TEXT[..*end])).unwrap_or_default();
    if shown == TEXT.len() && screen.contains("Draft saved") { shown } else { shown.saturating_sub(BEHIND) }
}

/// Writes a draft; gives what is owed of it by then, and whether the reader still lives.
pub fn typed(terminal: &mut Terminal) -> (usize, bool) {
    if !terminal.shows(|screen| screen.contains("Subject 1")) {
        return (0, false);
    }
    terminal.send("c");
    if !terminal.shows(|screen| screen.contains("New message")) {
        return (0, false);
    }
    terminal.send("\tPlan\t");
    let mut shown = 0;
    while shown < TEXT.len() {
        let next = (shown + BURST).min(TEXT.len());
        terminal.send(&TEXT[shown..next]);
        if !terminal.shows(|screen| screen.contains(&TEXT[..next])) {
            return (shown.saturating_sub(BEHIND), false);
        }
        shown = next;
        // on a busy machine keys are shown faster than they are written, and typed faster than by any hand
        wait_kept(terminal, (shown + BURST) as i64 - BEHIND as i64);
    }
    (shown.saturating_sub(BEHIND), true)
}

/// Waits until so much of the draft's text is in `user.db`, as long as the reader lives and its disk takes anything.
fn wait_kept(terminal: &Terminal, length: i64) {
    let end = Instant::now() + Duration::from_secs(20);
    let file = terminal.home().join("data/postrider/user.db");
    let kept = || -> Option<i64> {
        let db = rusqlite::Connection::open_with_flags(&file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let sql = "SELECT max(length(value ->> '$.text')) FROM draft";
        db.query_row(sql, [], |row| row.get(0)).ok()
    };
    while kept().is_none_or(|kept| kept < length) && terminal.is_open() && Instant::now() < end {
        // another process can only be asked
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// The reader is left as it is; `Q` closes the draft into Drafts.
fn type_text(terminal: &mut Terminal) -> usize {
    let (owed, lives) = typed(terminal);
    if lives { leave(terminal, "\x18oQ", owed) } else { owed }
}

fn save(terminal: &mut Terminal) -> usize {
    let (owed, lives) = typed(terminal);
    if !lives {
        return owed;
    }
    terminal.send("\x13");
    if !terminal.shows(|screen| screen.contains("Draft saved")) {
        return owed;
    }
    terminal.send("\x18q");
    if !terminal.shows(|screen| !screen.contains("New message")) {
        return TEXT.len();
    }
    leave(terminal, "Q", TEXT.len())
}

fn delete(terminal: &mut Terminal) -> usize {
    for (keys, words) in [("", "Subject 1"), ("gg:delete-forever\r", "gone for ever"), ("delete\r", "Deleted 1 message")] {
        terminal.send(keys);
        if !terminal.shows(|screen| screen.contains(words)) {
            return 0;
        }
    }
    leave(terminal, "Q", 1)
}

/// Ends the reader; what was owed stays owed, and all of the text where it ended well.
pub fn leave(terminal: &mut Terminal, keys: &str, owed: usize) -> usize {
    terminal.send(keys);
    let status = terminal.wait_exit().expect("the reader ends after Q");
    if status.success() { owed.max(1) } else { owed }
}

/// Makes the databases what the first versions of the program would have left: their schema, the same rows.
fn older(home: &Path) {
    let folder = home.join("data/postrider");
    let schema =
        |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/schema").join(name)).expect("a schema");
    for (file, version, steps) in [("user.db", 3, &["user_001.sql", "user_002.sql", "user_003.sql"][..]), ("mail.db", 1, &["mail_001.sql"])]
    {
        let (now, old) = (folder.join(file), folder.join("old"));
        let db = rusqlite::Connection::open(&old).expect("a database");
        steps.iter().for_each(|step| db.execute_batch(&schema(step)).expect("an older schema"));
        db.execute("ATTACH ?1 AS now", [now.to_string_lossy()]).expect("the database of now");
        let names = |sql: &str| -> Vec<String> {
            let mut query = db.prepare(sql).expect("a query");
            let rows = query.query_map([], |row| row.get(0)).expect("rows");
            rows.map(|row| row.expect("a row")).collect()
        };
        // they would count the rows again
        let triggers = names("SELECT sql FROM main.sqlite_master WHERE type = 'trigger'");
        for name in names("SELECT name FROM main.sqlite_master WHERE type = 'trigger'") {
            db.execute_batch(&format!("DROP TRIGGER {name}")).expect("no trigger");
        }
        for table in
            names("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'search%'")
        {
            let columns = names(&format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
            db.execute_batch(&format!("DELETE FROM main.{table}; INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}"))
                .expect("its rows");
        }
        triggers.iter().for_each(|sql| db.execute_batch(sql).expect("a trigger"));
        db.execute_batch(&format!("PRAGMA main.user_version = {version}; PRAGMA main.journal_mode = WAL; DETACH now")).expect("a version");
        drop(db);
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(folder.join(format!("{file}{ending}")));
        }
        std::fs::rename(&old, &now).expect("the older file");
    }
}

impl Operation {
    pub fn context(&self) -> String {
        format!("{} over {:?}, {:?}", self.name, self.over, self.run)
    }

    /// What a run promised.
    pub fn owed(&self, ran: &Ran) -> usize {
        ran.owed.max(usize::from(!self.said.is_empty() && ran.words.contains(self.said)))
    }

    /// Whether `found` is right after a run that was disturbed and promised so much; why not.
    pub fn judge(&self, owed: usize, before: &Ledger, after: &Ledger, found: &Ledger) -> Result<(), String> {
        if self.rule == Rule::Typed {
            return typed_right(before, found, owed);
        }
        if found == after || (owed == 0 && found == before) {
            return Ok(());
        }
        if self.rule == Rule::Sending && owed == 0 && is_unknown(before, found) {
            return Ok(());
        }
        Err(format!("owed {owed}; not as after:{}\nnor as before:{}", differences(after, found), differences(before, found)))
    }
}

/// At most one draft, which is right; all else is as it was.
fn typed_right(before: &Ledger, found: &Ledger, owed: usize) -> Result<(), String> {
    let is_draft = |line: &&String| line.starts_with("server Drafts") || line.starts_with("store Drafts");
    let others: Vec<_> = found.iter().filter(|line| !is_draft(line)).collect();
    if !others.iter().copied().eq(before.iter().filter(|line| !is_draft(line))) {
        return Err(format!("more than the draft changed:{}", differences(before, found)));
    }
    let drafts: Vec<_> = found.iter().filter(|line| line.starts_with("server Drafts")).collect();
    let listed = found.iter().filter(|line| line.starts_with("store Drafts")).count();
    let text = match drafts[..] {
        [] => "",
        [draft] => draft.rsplit(' ').next().unwrap_or_default(),
        _ => return Err(format!("one draft became several: {drafts:?}")),
    };
    match TEXT.starts_with(text) && text.len() >= owed && listed == drafts.len() {
        true => Ok(()),
        false => Err(format!("{owed} characters were promised: {drafts:?}, {listed} listed")),
    }
}

/// The message waits with an unknown fate, taken at most once and not called sent.
fn is_unknown(before: &Ledger, found: &Ledger) -> bool {
    let is_of_it = |line: &&String| line.contains("[s1]");
    let (mine, others): (Vec<_>, Vec<_>) = found.iter().partition(is_of_it);
    let taken = mine.iter().filter(|line| line.starts_with("taken")).count();
    let unknown = mine.iter().filter(|line| line.as_str() == "outbox [s1] unknown").count();
    unknown == 1 && taken <= 1 && mine.len() == taken + unknown && others.into_iter().eq(before.iter().filter(|line| !is_of_it(line)))
}

/// Lines of one and not of the other.
pub fn differences(one: &Ledger, other: &Ledger) -> String {
    let lines = |sign: &str, from: &Ledger, without: &Ledger| -> String {
        let mut left = without.clone();
        let mut text = String::new();
        for line in from {
            match left.iter().position(|known| known == line) {
                Some(at) => drop(left.remove(at)),
                None => text.push_str(&format!("\n  {sign} {line}")),
            }
        }
        text
    };
    lines("-", one, other) + &lines("+", other, one)
}
