//! The priorities as a table, and what ends.

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

const HOME_FLAGS: Step = Step::Flags { mailbox: INBOX, window: Window { low: 1, high: 8 } };

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
            "where both wait there it is B's, so that A hears on",
            |s| {
                (s.has_b, s.a_rests, s.b_rests) = (true, true, true);
                s.wanted.push_front(wanted(7));
            },
            Link::A,
            Step::Wait,
        ),
        (
            "which takes it",
            |s| {
                (s.has_b, s.a_rests, s.b_rests) = (true, true, true);
                s.wanted.push_front(wanted(7));
            },
            Link::B,
            Step::Bodies { mailbox: INBOX, keys: vec![Key::Uid(Uid(7))] },
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
            "what takes long is never A's while B is there",
            |s| {
                (s.has_b, s.list_due, s.mailboxes[0].walk) = (true, true, Some(Walk::Top));
                s.mailboxes[0].headers_from = Some(1_001);
                s.mailboxes[0].missing.push(Key::Uid(Uid(7)));
                s.ahead.push_back(wanted(7));
            },
            Link::A,
            Step::Wait,
        ),
        ("a comparison at home is B's", |s| (s.has_b, s.mailboxes[0].walk) = (true, Some(Walk::Below(9))), Link::B, HOME_FLAGS),
        ("and so is the list of mailboxes", |s| (s.has_b, s.list_due) = (true, true), Link::B, Step::List),
        ("which waits for B where it is on its way", |s| (s.expects_b, s.list_due) = (true, true), Link::A, Step::Wait),
        ("as bulk headers do", |s| (s.expects_b, s.mailboxes[0].headers_from) = (true, Some(1_001)), Link::A, Step::Wait),
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
            |s| s.mailboxes[0].walk = Some(Walk::Top),
            Link::A,
            Step::Flags { mailbox: INBOX, window: Window { low: 95_000, high: u32::MAX } },
        ),
        (
            "and ends where headers are known",
            |s| (s.mailboxes[0].walk, s.mailboxes[0].headers_from) = (Some(Walk::Below(3_000)), Some(2_900)),
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
        ("a server that hints in vain waits", |s| (s.mailboxes[0].top_due, s.mailboxes[0].top_not_before) = (true, 9), Link::A, Step::Wait),
        (
            "a first sync that was stopped",
            |s| (s.mailboxes[0].headers_from, s.mailboxes[0].is_stopped) = (Some(9), true),
            Link::A,
            Step::Wait,
        ),
        ("keeping bodies that was stopped", |s| (s.keep_due, s.keep_stopped) = (true, true), Link::A, Step::Wait),
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
fn news_of_other_mailboxes_make_them_due_and_unknown_ones_the_list() {
    let mut state = State { has_b: true, ..calm() };
    let other = state.mailboxes[1].wire_name.clone();
    state.note_elsewhere(std::slice::from_ref(&other));
    assert_eq!((plan(&state, Link::A), plan(&state, Link::B)), (Step::Wait, Step::Top { mailbox: LISTS }));
    for names in [&["new".to_owned(), other][..], &[]] {
        let mut state = calm();
        state.note_elsewhere(names);
        assert!(state.list_due, "{names:?}");
    }
}

#[test]
fn looks_that_find_nothing_wait_longer_and_longer_and_a_change_ends_that() {
    let mut inbox = Progress::new(INBOX, "Inbox", "INBOX", true);
    let mut now = 100_000;
    let mut look = |inbox: &mut Progress, after: u64, found: bool| {
        now = now.max(inbox.top_not_before) + after;
        inbox.note_top(now, found);
        inbox.top_not_before - now
    };
    let fruitless: Vec<u64> = (0..10).map(|_| look(&mut inbox, 200, false)).collect();
    assert_eq!(fruitless, [0, 0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    assert_eq!(look(&mut inbox, 200, true), 0, "a change");
    assert_eq!(look(&mut inbox, 200, false), 0, "the first in vain after it");
    look(&mut inbox, 200, false);
    assert_eq!(look(&mut inbox, 200, false), 1_000);
    assert_eq!(look(&mut inbox, 60_000, false), 0, "a quiet minute");
}

#[test]
fn every_window_ends_and_windows_leave_no_gap() {
    for uid_next in [1, 2, 60, 4_999, 5_001, 123_456] {
        let mut state = calm();
        state.mailboxes[0].uid_next = uid_next;
        state.mailboxes[0].walk = Some(Walk::Top);
        let mut last = None;
        for _ in 0..100 {
            let Step::Flags { window, .. } = plan(&state, Link::A) else { break };
            assert!(window.low >= 1 && window.low <= window.high, "{window:?}");
            assert!(last.is_none_or(|low: u32| low == window.high + 1), "{window:?}");
            last = Some(window.low);
            state.mailboxes[0].walk = (window.low > 1).then_some(Walk::Below(window.low));
        }
        assert_eq!((last, state.mailboxes[0].walk.clone()), (Some(1), None), "{uid_next}");
    }
}

#[test]
fn names_are_compared_to_the_end_and_once_more_where_something_changed_above() {
    let mut state = calm();
    let name = |name: &str| Key::BaseName(name.into());
    (state.mailboxes[0].numbered, state.mailboxes[0].walk) = (false, Some(Walk::Top));
    assert_eq!(plan(&state, Link::A), Step::Names { mailbox: INBOX, before: None });
    state.mailboxes[0].walk = None;
    state.mailboxes[0].walk_on(Some(name("m")));
    state.mailboxes[0].walk_on(Some(name("z")));
    assert_eq!(plan(&state, Link::A), Step::Names { mailbox: INBOX, before: Some(name("m")) }, "the comparison under way goes on");
    assert_eq!(state.mailboxes[0].walk, Some(Walk::Before { name: name("m"), again: true }));
    state.mailboxes[0].missing = vec![name("n")];
    assert!(matches!(plan(&state, Link::A), Step::Fetch { .. }), "what is missing comes first, so that it never grows long");
}
