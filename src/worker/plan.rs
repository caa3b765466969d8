//! What a link does next: the pure function [`plan`] over [`State`], the account's memory of how far each
//! mailbox is. Knows no connection and no store; `step.rs` runs what is chosen here and writes down how far it came.
//!
//! Start with the tables [`FRONT`], [`FIRST`], [`BACK`] and [`ONLY`]: they are the priorities.

use std::collections::VecDeque;

use crate::mail::page::View;
use crate::mail::server::Window;
use crate::mail::{Key, MailboxId, MessageId};

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
    /// Everything of this mailbox was seen.
    Finish {
        mailbox: MailboxId,
    },
    /// Ask the store which bodies the keep policy still wants.
    LookForBodies,
    /// Feed the search index.
    Index,
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
            | Step::Finish { mailbox } => Some(*mailbox),
            _ => None,
        }
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
    /// Every uid from here up has its headers in the store; None before the first page.
    pub headers_from: Option<u32>,
    /// Flags are to be compared below this uid (exclusive; u32::MAX: from the top); None = compared.
    pub walk: Option<u32>,
    /// It was just opened: a complete look need not open it again.
    pub fresh: bool,
    /// A complete comparison is to start at this time.
    pub walk_at: Option<u64>,
    /// On the server, headers not here; newest first.
    pub missing: Vec<Key>,
    /// A complete look is under way and its end is to be recorded.
    pub finish_due: bool,
    /// Pushes that may put messages here are under way: not the moment to say that everything was seen.
    pub guards: u32,
    /// Uids a header or flags window spans, adapted to how densely they are used.
    pub header_span: u32,
    pub flag_span: u32,
    /// Steps that failed in a row.
    pub failures: u8,
    /// Left alone until then.
    pub not_before: u64,
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
        }
    }

    /// Look at all of it again, from the top.
    pub fn look_again(&mut self) {
        if !self.newest_due {
            self.walk = Some(u32::MAX);
        }
        self.finish_due = true;
    }

    /// The connection is new: nothing seen on the old one counts.
    pub fn reconnect(&mut self) {
        self.newest_due = true;
        self.is_valid = false;
        self.top_due = false;
        self.walk = None;
        self.walk_at = None;
        self.missing.clear();
        self.finish_due = true;
        self.failures = 0;
        self.not_before = 0;
        self.guards = 0;
    }
}

/// Everything [`plan`] looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Milliseconds of a clock that only goes forward.
    pub now: u64,
    /// Link B is there, so A keeps to its own.
    pub has_b: bool,
    /// Link A waits in the home mailbox: it fetches from there in one round trip, B may have to open it first.
    pub a_rests: bool,
    /// Link B is being connected: A leaves to it what can wait that long.
    pub expects_b: bool,
    /// Pushes without an answer may exist.
    pub unresolved: bool,
    /// Rows may wait to be pushed.
    pub dirty: bool,
    /// The server said "not now".
    pub push_not_before: u64,
    pub wanted: VecDeque<Wanted>,
    pub ahead: VecDeque<Wanted>,
    /// Raw messages under way.
    pub raws: usize,
    /// The mailbox on screen; None = the inbox.
    pub looked_at: Option<MailboxId>,
    pub list_due: bool,
    /// Inbox first.
    pub mailboxes: Vec<Progress>,
    /// Bodies the keep policy wants, newest first.
    pub keep: VecDeque<(MailboxId, Key)>,
    /// The store is to be asked for more of them.
    pub keep_due: bool,
    pub index_due: bool,
}

impl State {
    pub fn mailbox(&self, id: MailboxId) -> Option<&Progress> {
        self.mailboxes.iter().find(|mailbox| mailbox.id == id)
    }

    pub fn mailbox_mut(&mut self, id: MailboxId) -> Option<&mut Progress> {
        self.mailboxes.iter_mut().find(|mailbox| mailbox.id == id)
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
        let waits = self.mailboxes.iter().flat_map(|m| [Some(m.not_before), m.walk_at]).flatten();
        waits.chain([self.push_not_before]).filter(|at| *at > self.now).min()
    }
}

/// A rule: proposes a step or passes.
type Rule = fn(&State) -> Option<Step>;

/// Link A while B is there.
const FRONT: &[Rule] = &[home_bodies, resolve, push, home_newest, home_top, list, home_fetch, home_flags, home_finish];

/// Link A while B is on its way: only what should not wait for it.
const FIRST: &[Rule] = &[bodies, raw, resolve, push, home_newest, home_top, ahead, list, home_fetch, home_flags, home_finish];

/// Link B.
const BACK: &[Rule] = &[other_bodies, raw, ahead, home_headers, others, keep, look_for_bodies, index];

/// Link A alone.
const ONLY: &[Rule] = &[
    bodies,
    raw,
    resolve,
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
    (state.dirty && !state.unresolved && state.push_not_before <= state.now).then_some(Step::Push)
}

fn bodies(state: &State) -> Option<Step> {
    let first = state.wanted.front()?;
    Some(Step::Bodies { mailbox: first.mailbox, keys: vec![first.key.clone()] })
}

/// A body that someone waits for in the home mailbox, where link A is.
fn home_bodies(state: &State) -> Option<Step> {
    let home = home(state).filter(|home| !home.newest_due)?.id;
    bodies(state).filter(|step| step.mailbox() == Some(home))
}

/// A body that someone waits for, unless link A has it sooner.
fn other_bodies(state: &State) -> Option<Step> {
    if state.a_rests && home_bodies(state).is_some() { None } else { bodies(state) }
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

fn may_start(state: &State, mailbox: &Progress) -> bool {
    mailbox.not_before <= state.now
}

fn home_newest(state: &State) -> Option<Step> {
    newest(home(state)?)
}

fn home_top(state: &State) -> Option<Step> {
    top(home(state)?)
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
    finish(home(state)?)
}

/// No list yet on this connection, or asked for. Before there is any mailbox at all it comes first by itself.
fn list(state: &State) -> Option<Step> {
    state.list_due.then_some(Step::List)
}

/// Everything of one other mailbox before the next.
fn others(state: &State) -> Option<Step> {
    let home = state.home().map(|mailbox| mailbox.id);
    let others = state.mailboxes.iter().filter(|mailbox| Some(mailbox.id) != home && may_start(state, mailbox));
    let urgent = others.clone().find_map(|mailbox| newest(mailbox).filter(|_| mailbox.is_inbox).or_else(|| top(mailbox)));
    urgent.or_else(|| {
        others.into_iter().find_map(|mailbox| {
            newest(mailbox)
                .or_else(|| fetch(mailbox))
                .or_else(|| headers(mailbox))
                .or_else(|| flags(mailbox, state.now))
                .or_else(|| finish(mailbox))
        })
    })
}

fn newest(mailbox: &Progress) -> Option<Step> {
    mailbox.newest_due.then_some(Step::Newest { mailbox: mailbox.id })
}

fn top(mailbox: &Progress) -> Option<Step> {
    (mailbox.top_due && !mailbox.newest_due).then_some(Step::Top { mailbox: mailbox.id })
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
    let from = mailbox.headers_from.filter(|_| mailbox.numbered && !mailbox.newest_due)?;
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
    let below = mailbox.walk.or_else(|| mailbox.walk_at.filter(|at| *at <= now).map(|_| u32::MAX))?;
    Some(Step::Flags { mailbox: mailbox.id, window: flags_window(mailbox, below) })
}

/// The window of [`Progress::walk`] below `below`.
pub fn flags_window(mailbox: &Progress, below: u32) -> Window {
    if !mailbox.numbered {
        return Window::ALL;
    }
    let floor = mailbox.headers_from.unwrap_or(1).max(1);
    let (high, start) = if below == u32::MAX { (u32::MAX, mailbox.uid_next) } else { (below.saturating_sub(1).max(1), below) };
    Window { low: start.saturating_sub(mailbox.flag_span).max(floor).min(high), high }
}

fn finish(mailbox: &Progress) -> Option<Step> {
    let complete = mailbox.finish_due
        && mailbox.guards == 0
        && !mailbox.newest_due
        && !mailbox.top_due
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
    (state.keep_due && state.keep.is_empty()).then_some(Step::LookForBodies)
}

fn index(state: &State) -> Option<Step> {
    state.index_due.then_some(Step::Index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::Uid;

    const INBOX: MailboxId = MailboxId(1);
    const LISTS: MailboxId = MailboxId(2);

    /// An account right after connecting.
    fn fresh() -> State {
        let mailboxes = vec![Progress::new(INBOX, "Inbox", "INBOX", true), Progress::new(LISTS, "Lists", "Lists", false)];
        State { mailboxes, list_due: true, keep_due: true, index_due: true, ..State::default() }
    }

    /// An account with nothing left to do.
    fn calm() -> State {
        let mut state = fresh();
        for mailbox in &mut state.mailboxes {
            mailbox.newest_due = false;
            mailbox.finish_due = false;
            mailbox.headers_from = Some(1);
            mailbox.uid_next = 100_000;
        }
        State { list_due: false, keep_due: false, index_due: false, ..state }
    }

    fn wanted(uid: u32) -> Wanted {
        Wanted { id: MessageId(i64::from(uid)), mailbox: INBOX, key: Key::Uid(Uid(uid)), view: None }
    }

    type Change = fn(&mut State);

    #[test]
    fn the_most_urgent_step_comes_first() {
        let rows: &[(&str, Change, Link, Step)] = &[
            ("nothing to do", |_| {}, Link::A, Step::Wait),
            ("a push", |s| s.dirty = true, Link::A, Step::Push),
            ("old pushes first", |s| (s.dirty, s.unresolved) = (true, true), Link::A, Step::Resolve),
            ("not now", |s| (s.dirty, s.push_not_before) = (true, 5), Link::A, Step::Wait),
            ("a hint", |s| s.mailboxes[0].top_due = true, Link::A, Step::Top { mailbox: INBOX }),
            (
                "an open at home goes to A, which is there",
                |s| {
                    (s.has_b, s.a_rests) = (true, true);
                    s.wanted.push_front(wanted(7));
                },
                Link::A,
                Step::Bodies { mailbox: INBOX, keys: vec![Key::Uid(Uid(7))] },
            ),
            (
                "and not to B as well",
                |s| {
                    (s.has_b, s.a_rests) = (true, true);
                    s.wanted.push_front(wanted(7));
                },
                Link::B,
                Step::Wait,
            ),
            (
                "but to B while A is at work",
                |s| {
                    s.has_b = true;
                    s.wanted.push_front(wanted(7));
                },
                Link::B,
                Step::Bodies { mailbox: INBOX, keys: vec![Key::Uid(Uid(7))] },
            ),
            ("pushes before hints", |s| (s.dirty, s.mailboxes[0].top_due) = (true, true), Link::A, Step::Push),
            (
                "who waits for a body comes before a push",
                |s| {
                    s.dirty = true;
                    s.wanted.push_back(wanted(7));
                },
                Link::A,
                Step::Bodies { mailbox: INBOX, keys: vec![Key::Uid(Uid(7))] },
            ),
            (
                "bodies of other mailboxes are link B's where it is there",
                |s| {
                    s.has_b = true;
                    s.wanted.push_back(Wanted { mailbox: LISTS, ..wanted(7) });
                },
                Link::A,
                Step::Wait,
            ),
            (
                "bulk headers wait for B where it is on its way",
                |s| (s.expects_b, s.mailboxes[0].headers_from) = (true, Some(1_001)),
                Link::A,
                Step::Wait,
            ),
            (
                "a body does not",
                |s| {
                    s.expects_b = true;
                    s.wanted.push_back(wanted(7));
                },
                Link::A,
                Step::Bodies { mailbox: INBOX, keys: vec![Key::Uid(Uid(7))] },
            ),
            (
                "the mailbox on screen is the home",
                |s| {
                    s.looked_at = Some(LISTS);
                    s.mailboxes[0].top_due = true;
                    s.mailboxes[1].top_due = true;
                },
                Link::A,
                Step::Top { mailbox: LISTS },
            ),
            (
                "first sync goes downward",
                |s| s.mailboxes[0].headers_from = Some(1_001),
                Link::A,
                Step::Headers { mailbox: INBOX, window: Window { low: 501, high: 1_000 } },
            ),
            (
                "the comparison starts at the top",
                |s| s.mailboxes[0].walk = Some(u32::MAX),
                Link::A,
                Step::Flags { mailbox: INBOX, window: Window { low: 95_000, high: u32::MAX } },
            ),
            (
                "and ends where headers are known",
                |s| (s.mailboxes[0].walk, s.mailboxes[0].headers_from) = (Some(3_000), Some(2_900)),
                Link::B,
                Step::Headers { mailbox: INBOX, window: Window { low: 2_400, high: 2_899 } },
            ),
            ("everything was seen", |s| s.mailboxes[0].finish_due = true, Link::A, Step::Finish { mailbox: INBOX }),
            (
                "not while a push may put something there",
                |s| (s.mailboxes[0].finish_due, s.mailboxes[0].guards) = (true, 1),
                Link::A,
                Step::Wait,
            ),
            ("a mailbox left alone", |s| (s.mailboxes[0].top_due, s.mailboxes[0].not_before) = (true, 9), Link::A, Step::Wait),
            ("search is fed last", |s| (s.index_due, s.keep_due) = (true, true), Link::B, Step::LookForBodies),
        ];
        for (name, change, link, expect) in rows {
            let mut state = calm();
            change(&mut state);
            assert_eq!(plan(&state, *link), *expect, "{name}");
        }
    }

    #[test]
    fn a_cold_start_brings_the_page_before_the_list_of_mailboxes() {
        let mut state = fresh();
        assert_eq!(plan(&state, Link::A), Step::Newest { mailbox: INBOX });
        state.mailboxes[0].newest_due = false;
        state.mailboxes[0].headers_from = Some(40);
        assert_eq!(plan(&state, Link::A), Step::List);
        state.list_due = false;
        assert!(matches!(plan(&state, Link::A), Step::Headers { mailbox: INBOX, .. }));
    }

    #[test]
    fn every_window_ends_and_windows_leave_no_gap() {
        for uid_next in [1, 2, 60, 4_999, 5_001, 123_456] {
            let mut state = calm();
            state.mailboxes[0].uid_next = uid_next;
            state.mailboxes[0].walk = Some(u32::MAX);
            let mut last = None;
            for _ in 0..100 {
                let Step::Flags { window, .. } = plan(&state, Link::A) else { break };
                assert!(window.low >= 1 && window.low <= window.high, "{window:?}");
                assert!(last.is_none_or(|low: u32| low == window.high + 1), "{window:?}");
                last = Some(window.low);
                state.mailboxes[0].walk = (window.low > 1).then_some(window.low);
            }
            assert_eq!((last, state.mailboxes[0].walk), (Some(1), None), "{uid_next}");
        }
    }
}
