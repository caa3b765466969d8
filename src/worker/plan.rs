//! What a link does next: the pure function [`plan`] over [`State`], the account's memory of how far each
//! mailbox is. Knows no connection and no store; `step.rs` runs what is chosen here and writes down how far it came.
//!
//! Start with the tables [`FRONT`], [`FIRST`], [`BACK`] and [`ONLY`]: they are the priorities.

use std::collections::VecDeque;

use crate::mail::page::View;
use crate::mail::server::Window;
use crate::mail::{Key, MailboxId, MessageId, UidValidity};
use crate::store::Reached;

/// Messages of the first page: a screenful and a bit.
pub const PAGE: u32 = 60;
/// Header fetches of messages known to be missing, at a time.
pub const FETCH: usize = 200;
/// Bodies fetched ahead or for keeping, at a time.
pub const BODIES: usize = 4;
/// Uids below the newest that are looked at when the server hints at a change.
pub const RECENT: u32 = 2_000;
/// A mailbox up to this many uids is looked at whole after a hint, a larger one again after [`WALK_PAUSE`].
pub const SMALL: u32 = 5_000;
/// Milliseconds between complete looks at a large mailbox that hints cause.
pub const WALK_PAUSE: u64 = 5 * 60_000;
/// Looks after hints that found nothing, one soon after the other, before the next waits.
pub const HINT_PATIENCE: u32 = 3;
/// Milliseconds after which a look is not "soon after" the last one any more.
const HINT_CALM: u64 = 5_000;
/// How often a step on a mailbox may fail before the mailbox is left alone until the next round.
pub const PATIENCE: u8 = 3;

/// Which connection asks for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The looked-at mailbox, its hints, and pushes.
    A,
    /// Bodies, bulk headers and the other mailboxes.
    B,
}

/// One bounded piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Find out what became of pushes without an answer.
    Resolve,
    Push,
    /// A mailbox made, renamed, deleted or subscribed here.
    Mailboxes,
    /// Bodies that someone waits for, or soon will.
    Bodies {
        mailbox: MailboxId,
        keys: Vec<Key>,
    },
    /// The next stretch of a raw message for a save or a pipe.
    Raw,
    /// Open and bring the first page.
    Newest {
        mailbox: MailboxId,
    },
    /// The server hinted: new messages and the recent flags.
    Top {
        mailbox: MailboxId,
    },
    /// The list of mailboxes.
    List,
    /// Headers of messages known to be missing.
    Fetch {
        mailbox: MailboxId,
        keys: Vec<Key>,
    },
    /// First sync: headers of a window.
    Headers {
        mailbox: MailboxId,
        window: Window,
    },
    /// Keys and flags of a window.
    Flags {
        mailbox: MailboxId,
        window: Window,
    },
    /// The same of the next names, where keys are names; None: from the top.
    Names {
        mailbox: MailboxId,
        before: Option<Key>,
    },
    /// Everything of this mailbox was seen.
    Finish {
        mailbox: MailboxId,
    },
    /// Ask the store which bodies the keep policy still wants.
    LookForBodies,
    /// Feed the search index.
    Index,
    /// Drop the oldest bodies where they take more than they may.
    Evict,
    Wait,
}

impl Step {
    /// The mailbox it opens.
    pub fn mailbox(&self) -> Option<MailboxId> {
        match self {
            Step::Bodies { mailbox, .. }
            | Step::Newest { mailbox }
            | Step::Top { mailbox }
            | Step::Fetch { mailbox, .. }
            | Step::Headers { mailbox, .. }
            | Step::Flags { mailbox, .. }
            | Step::Names { mailbox, .. }
            | Step::Finish { mailbox } => Some(*mailbox),
            _ => None,
        }
    }

    /// It asks nothing of the server, so its success says nothing of the connection.
    pub fn is_local(&self) -> bool {
        matches!(self, Step::Finish { .. } | Step::LookForBodies | Step::Index | Step::Evict | Step::Wait)
    }
}

/// A body someone waits for (`view` given) or will soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: MessageId,
    pub mailbox: MailboxId,
    pub key: Key,
    pub view: Option<View>,
}

/// Where the comparison of a mailbox goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walk {
    /// At the top, which opens the mailbox.
    Top,
    /// Below this uid.
    Below(u32),
    /// Before this name. `again`: something changed above meanwhile.
    Before { name: Key, again: bool },
}

/// How far one mailbox is on this connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub id: MailboxId,
    pub wire_name: String,
    pub name: String,
    pub is_inbox: bool,
    /// The first page is to be brought (nothing is known of it on this connection yet).
    pub newest_due: bool,
    /// The server hinted at changes.
    pub top_due: bool,
    /// On this connection the server said that its uids still mean what they meant: nothing may be asked by a uid
    /// before.
    pub is_valid: bool,
    /// Its keys are uids, so windows mean something.
    pub numbered: bool,
    /// Larger than every uid known.
    pub uid_next: u32,
    pub uid_validity: Option<UidValidity>,
    /// Every change that the server counted up to here is in the store; None where it does not count them.
    pub mod_seq: Option<u64>,
    /// When all of it was last compared, Unix seconds.
    pub whole: Option<i64>,
    /// How far it will be in step once nothing is missing.
    pub reached: Option<Reached>,
    /// The last look said nothing of some rows, because of pushes.
    pub is_passed_over: bool,
    /// It lost most of its messages at once, which is not believed yet.
    pub is_shrunk: bool,
    /// The server's count of changes when it was last opened.
    pub opened_mod_seq: Option<u64>,
    /// The same when the comparison under way began.
    pub walk_mod_seq: Option<u64>,
    /// Every uid from here up has its headers in the store; None before the first page.
    pub headers_from: Option<u32>,
    /// Flags are to be compared from there on, downward; None = compared.
    pub walk: Option<Walk>,
    /// It was just opened: a complete look need not open it again.
    pub fresh: bool,
    /// A complete comparison is to start at this time.
    pub walk_at: Option<u64>,
    /// On the server, headers not here; newest first.
    pub missing: Vec<Key>,
    /// A complete look is under way and its end is to be recorded.
    pub finish_due: bool,
    /// Pushes that may put messages here are under way, or nobody knows what became of them: not the moment to look.
    pub guards: u32,
    /// Uids a header or flags window spans, adapted to how densely they are used.
    pub header_span: u32,
    /// Also the names that are compared at a time.
    pub flag_span: u32,
    /// Steps that failed in a row.
    pub failures: u8,
    /// Left alone until then.
    pub not_before: u64,
    /// Looks after hints that found nothing, in a row.
    pub fruitless: u32,
    /// Hints are not followed before then.
    pub top_not_before: u64,
    /// Messages it held when it was opened, and how many of them are here, while a first sync runs.
    pub exists: u64,
    pub known: u64,
    /// The user stopped its first sync.
    pub is_stopped: bool,
}

impl Progress {
    pub fn new(id: MailboxId, name: &str, wire_name: &str, is_inbox: bool) -> Self {
        Self {
            id,
            wire_name: wire_name.to_owned(),
            name: name.to_owned(),
            is_inbox,
            newest_due: true,
            top_due: false,
            is_valid: false,
            numbered: true,
            uid_next: 1,
            uid_validity: None,
            mod_seq: None,
            whole: None,
            reached: None,
            is_passed_over: false,
            is_shrunk: false,
            opened_mod_seq: None,
            walk_mod_seq: None,
            headers_from: None,
            walk: None,
            fresh: false,
            walk_at: None,
            missing: Vec::new(),
            finish_due: true,
            guards: 0,
            header_span: 500,
            flag_span: 5_000,
            failures: 0,
            not_before: 0,
            fruitless: 0,
            top_not_before: 0,
            exists: 0,
            known: 0,
            is_stopped: false,
        }
    }

    /// Look at its top, whatever the last looks found.
    pub fn look_now(&mut self) {
        self.top_due = true;
        self.top_not_before = 0;
    }

    /// A look after a hint ended. Some servers hint for ever though nothing changes: then the pauses grow.
    pub fn note_top(&mut self, now: u64, found: bool) {
        let is_soon = now.saturating_sub(self.top_not_before) <= HINT_CALM;
        self.fruitless = match (found, is_soon) {
            (true, _) => 0,
            (false, true) => self.fruitless.saturating_add(1),
            (false, false) => 1,
        };
        self.top_not_before = now + hint_pause(self.fruitless);
    }

    /// It has a hint that is not to be followed yet.
    pub fn is_calming(&self, now: u64) -> bool {
        self.top_due && self.top_not_before > now
    }

    /// Look at all of it again: by what the server says changed, else from the top.
    pub fn look_again(&mut self) {
        if self.mod_seq.is_some() {
            self.look_now();
        } else {
            // though its newest are due: they may be on their way, asked for before
            self.walk = Some(Walk::Top);
        }
        self.finish_due = true;
    }

    /// Its last names were compared, for something changed; `from`: there are others before this one. A comparison under way goes on
    /// where it is, and begins again after its end.
    pub fn walk_on(&mut self, from: Option<Key>) {
        match (&mut self.walk, from) {
            (None, Some(name)) => self.walk = Some(Walk::Before { name, again: false }),
            (Some(Walk::Before { again, .. }), _) => *again = true,
            _ => {}
        }
    }

    /// It is in step so far.
    pub fn note_reached(&mut self, reached: Reached) {
        self.mod_seq = reached.mod_seq.or(self.mod_seq);
        self.whole = reached.whole.or(self.whole);
    }

    /// How far it is in step now, if nothing is missing any more.
    pub fn take_reached(&mut self) -> Option<Reached> {
        if self.missing.is_empty() { self.reached.take() } else { None }
    }

    /// These are on the server and not here.
    pub fn note_missing(&mut self, keys: Vec<Key>) {
        let known: std::collections::HashSet<Key> = self.missing.iter().cloned().collect();
        self.missing.extend(keys.into_iter().filter(|key| !known.contains(key)));
    }

    /// The connection is new: nothing seen on the old one counts.
    pub fn reconnect(&mut self) {
        self.newest_due = true;
        self.is_valid = false;
        self.top_due = false;
        self.walk = None;
        self.walk_at = None;
        self.missing.clear();
        self.reached = None;
        self.finish_due = true;
        self.failures = 0;
        self.not_before = 0;
        self.fruitless = 0;
        self.top_not_before = 0;
    }
}

/// Milliseconds before the next hint is followed: 1 s, doubling up to a minute.
fn hint_pause(fruitless: u32) -> u64 {
    fruitless.checked_sub(HINT_PATIENCE).map_or(0, |more| (1_000 << more.min(6)).min(60_000))
}

/// Everything [`plan`] looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Milliseconds of a clock that only goes forward.
    pub now: u64,
    /// Link B is there, so A keeps to its own.
    pub has_b: bool,
    /// Link A waits in the home mailbox: it fetches from there in one round trip.
    pub a_rests: bool,
    /// Link B does so: it is the one to fetch, so that A need not leave its IDLE.
    pub b_rests: bool,
    /// Link B is being connected: A leaves to it what can wait that long.
    pub expects_b: bool,
    /// Pushes without an answer may exist.
    pub unresolved: bool,
    /// Rows may wait to be pushed.
    pub dirty: bool,
    /// The server said "not now".
    pub push_not_before: u64,
    /// When what it refused to take is asked again; None: nothing is.
    pub refused_again: Option<u64>,
    /// The user wants that tried now.
    pub refused_now: bool,
    pub wanted: VecDeque<Wanted>,
    pub ahead: VecDeque<Wanted>,
    /// Raw messages under way.
    pub raws: usize,
    /// The mailbox on screen; None = the inbox.
    pub looked_at: Option<MailboxId>,
    pub list_due: bool,
    /// Wishes about mailboxes may wait.
    pub mailboxes_due: bool,
    /// Some of them were done: the list is to be read again after the last.
    pub relist: bool,
    /// Inbox first.
    pub mailboxes: Vec<Progress>,
    /// Bodies the keep policy wants, newest first.
    pub keep: VecDeque<(MailboxId, Key)>,
    /// The store is to be asked for more of them.
    pub keep_due: bool,
    /// The user stopped it.
    pub keep_stopped: bool,
    pub index_due: bool,
    /// Bodies came since the last look at how much they take.
    pub evict_due: bool,
}

impl State {
    pub fn mailbox(&self, id: MailboxId) -> Option<&Progress> {
        self.mailboxes.iter().find(|mailbox| mailbox.id == id)
    }

    pub fn mailbox_mut(&mut self, id: MailboxId) -> Option<&mut Progress> {
        self.mailboxes.iter_mut().find(|mailbox| mailbox.id == id)
    }

    /// These mailboxes (wire names) changed. One that is not known, or none named: the list tells which.
    pub fn note_elsewhere(&mut self, names: &[String]) {
        self.list_due |= names.is_empty();
        for name in names {
            match self.mailboxes.iter_mut().find(|mailbox| mailbox.wire_name == *name) {
                Some(mailbox) => mailbox.top_due = true,
                None => self.list_due = true,
            }
        }
    }

    /// The mailbox link A lives in.
    pub fn home(&self) -> Option<&Progress> {
        self.looked_at
            .and_then(|id| self.mailbox(id))
            .or_else(|| self.mailboxes.iter().find(|mailbox| mailbox.is_inbox))
            .or_else(|| self.mailboxes.first())
    }

    /// The earliest time at which a step becomes possible that is not now.
    pub fn next_time(&self) -> Option<u64> {
        let waits = self.mailboxes.iter().flat_map(|m| [Some(m.not_before), m.walk_at, m.top_due.then_some(m.top_not_before)]).flatten();
        waits.chain([self.push_not_before]).chain(self.refused_again).filter(|at| *at > self.now).min()
    }
}

/// A rule: proposes a step or passes.
type Rule = fn(&State) -> Option<Step>;

/// Link A while B is there: nothing that takes long, so that whoever opens a message finds it waiting.
const FRONT: &[Rule] = &[home_bodies, resolve, mailboxes, push, home_newest, home_top];

/// Link A while B is on its way: the same; what can wait for B waits.
const FIRST: &[Rule] = &[bodies, raw, resolve, mailboxes, push, home_newest, home_top];

/// Link B: everything that takes long.
const BACK: &[Rule] =
    &[other_bodies, raw, ahead, list, home_fetch, home_headers, home_flags, home_finish, others, keep, look_for_bodies, index, evict];

/// Link A alone.
const ONLY: &[Rule] = &[
    bodies,
    raw,
    resolve,
    mailboxes,
    push,
    home_newest,
    home_top,
    ahead,
    list,
    home_fetch,
    home_headers,
    home_flags,
    home_finish,
    others,
    keep,
    look_for_bodies,
    index,
    evict,
];

/// The next step for a link: the first rule of its table that proposes one.
pub fn plan(state: &State, link: Link) -> Step {
    let rules = match (link, state.has_b) {
        (Link::A, true) => FRONT,
        (Link::A, false) if state.expects_b => FIRST,
        (Link::A, false) => ONLY,
        (Link::B, _) => BACK,
    };
    rules.iter().find_map(|rule| rule(state)).unwrap_or(Step::Wait)
}

fn resolve(state: &State) -> Option<Step> {
    (state.unresolved && state.push_not_before <= state.now).then_some(Step::Resolve)
}

fn push(state: &State) -> Option<Step> {
    let is_due = state.dirty || state.refused_again.is_some_and(|at| at <= state.now);
    (is_due && !state.unresolved && state.push_not_before <= state.now).then_some(Step::Push)
}

/// After the list of this connection, which tells what became of those whose answer was lost.
fn mailboxes(state: &State) -> Option<Step> {
    (state.mailboxes_due && !state.list_due && !state.unresolved && state.push_not_before <= state.now).then_some(Step::Mailboxes)
}

fn bodies(state: &State) -> Option<Step> {
    let first = state.wanted.front()?;
    Some(Step::Bodies { mailbox: first.mailbox, keys: vec![first.key.clone()] })
}

/// A body that someone waits for in the home mailbox, where link A is, unless B waits there too.
fn home_bodies(state: &State) -> Option<Step> {
    if state.b_rests { None } else { bodies_at_home(state) }
}

/// A body that someone waits for, unless link A has it sooner.
fn other_bodies(state: &State) -> Option<Step> {
    if state.a_rests && !state.b_rests && bodies_at_home(state).is_some() { None } else { bodies(state) }
}

fn bodies_at_home(state: &State) -> Option<Step> {
    let home = home(state).filter(|home| !home.newest_due)?.id;
    bodies(state).filter(|step| step.mailbox() == Some(home))
}

fn raw(state: &State) -> Option<Step> {
    (state.raws > 0).then_some(Step::Raw)
}

fn ahead(state: &State) -> Option<Step> {
    let first = state.ahead.front()?;
    let same = state.ahead.iter().filter(|want| want.mailbox == first.mailbox);
    Some(Step::Bodies { mailbox: first.mailbox, keys: same.take(BODIES).map(|want| want.key.clone()).collect() })
}

/// The home mailbox, where a step on it may start.
fn home(state: &State) -> Option<&Progress> {
    state.home().filter(|mailbox| may_start(state, mailbox))
}

/// While messages are put there nobody looks: half a move (copied, not yet deleted at its source) must not be taken for a whole.
fn may_start(state: &State, mailbox: &Progress) -> bool {
    mailbox.not_before <= state.now && mailbox.guards == 0
}

fn home_newest(state: &State) -> Option<Step> {
    newest(home(state)?)
}

fn home_top(state: &State) -> Option<Step> {
    top(home(state)?, state.now)
}

fn home_fetch(state: &State) -> Option<Step> {
    fetch(home(state)?)
}

fn home_headers(state: &State) -> Option<Step> {
    headers(home(state)?)
}

fn home_flags(state: &State) -> Option<Step> {
    flags(home(state)?, state.now)
}

fn home_finish(state: &State) -> Option<Step> {
    finish(home(state)?, state.now)
}

/// No list yet on this connection, or asked for. Before there is any mailbox at all it comes first by itself.
fn list(state: &State) -> Option<Step> {
    state.list_due.then_some(Step::List)
}

/// Everything of one other mailbox before the next.
fn others(state: &State) -> Option<Step> {
    let home = state.home().map(|mailbox| mailbox.id);
    let others = state.mailboxes.iter().filter(|mailbox| Some(mailbox.id) != home && may_start(state, mailbox));
    let urgent = others.clone().find_map(|mailbox| newest(mailbox).filter(|_| mailbox.is_inbox).or_else(|| top(mailbox, state.now)));
    urgent.or_else(|| {
        others.into_iter().find_map(|mailbox| {
            newest(mailbox)
                .or_else(|| fetch(mailbox))
                .or_else(|| headers(mailbox))
                .or_else(|| flags(mailbox, state.now))
                .or_else(|| finish(mailbox, state.now))
        })
    })
}

fn newest(mailbox: &Progress) -> Option<Step> {
    mailbox.newest_due.then_some(Step::Newest { mailbox: mailbox.id })
}

fn top(mailbox: &Progress, now: u64) -> Option<Step> {
    (mailbox.top_due && !mailbox.is_calming(now) && !mailbox.newest_due).then_some(Step::Top { mailbox: mailbox.id })
}

fn fetch(mailbox: &Progress) -> Option<Step> {
    if mailbox.newest_due || mailbox.missing.is_empty() {
        return None;
    }
    let keys = mailbox.missing.iter().take(FETCH).cloned().collect();
    Some(Step::Fetch { mailbox: mailbox.id, keys })
}

/// The next window of the first sync, downward.
fn headers(mailbox: &Progress) -> Option<Step> {
    let from = mailbox.headers_from.filter(|_| mailbox.numbered && !mailbox.newest_due && !mailbox.is_stopped)?;
    if from <= 1 {
        return None;
    }
    let high = from - 1;
    let low = high.saturating_sub(mailbox.header_span.saturating_sub(1)).max(1);
    Some(Step::Headers { mailbox: mailbox.id, window: Window { low, high } })
}

/// The next window of the comparison, downward to where headers are known.
fn flags(mailbox: &Progress, now: u64) -> Option<Step> {
    if mailbox.newest_due {
        return None;
    }
    let walk = mailbox.walk.clone().or_else(|| mailbox.walk_at.filter(|at| *at <= now).map(|_| Walk::Top))?;
    let id = mailbox.id;
    Some(match walk {
        Walk::Before { name, .. } => Step::Names { mailbox: id, before: Some(name) },
        _ if !mailbox.numbered => Step::Names { mailbox: id, before: None },
        Walk::Top => Step::Flags { mailbox: id, window: flags_window(mailbox, u32::MAX) },
        Walk::Below(uid) => Step::Flags { mailbox: id, window: flags_window(mailbox, uid) },
    })
}

/// The next window below a uid; u32::MAX: from the top.
fn flags_window(mailbox: &Progress, below: u32) -> Window {
    let floor = mailbox.headers_from.unwrap_or(1).max(1);
    let (high, start) = if below == u32::MAX { (u32::MAX, mailbox.uid_next) } else { (below.saturating_sub(1).max(1), below) };
    Window { low: start.saturating_sub(mailbox.flag_span).max(floor).min(high), high }
}

fn finish(mailbox: &Progress, now: u64) -> Option<Step> {
    let complete = mailbox.finish_due
        && !mailbox.newest_due
        && (!mailbox.top_due || mailbox.is_calming(now))
        && mailbox.missing.is_empty()
        && mailbox.walk.is_none()
        && (!mailbox.numbered || mailbox.headers_from.is_some_and(|from| from <= 1));
    complete.then_some(Step::Finish { mailbox: mailbox.id })
}

fn keep(state: &State) -> Option<Step> {
    let (mailbox, _) = state.keep.front()?;
    let same = state.keep.iter().take_while(|(other, _)| other == mailbox).take(BODIES);
    Some(Step::Bodies { mailbox: *mailbox, keys: same.map(|(_, key)| key.clone()).collect() })
}

fn look_for_bodies(state: &State) -> Option<Step> {
    (state.keep_due && !state.keep_stopped && state.keep.is_empty()).then_some(Step::LookForBodies)
}

fn evict(state: &State) -> Option<Step> {
    state.evict_due.then_some(Step::Evict)
}

fn index(state: &State) -> Option<Step> {
    state.index_due.then_some(Step::Index)
}

#[cfg(test)]
mod tests;
