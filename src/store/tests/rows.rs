use super::*;
use crate::mail::{FlagBits, Keywords, Uid};

const HERE: MailboxId = MailboxId(1);
const THERE: MailboxId = MailboxId(2);
const ELSEWHERE: MailboxId = MailboxId(3);

fn uid(n: u32) -> Key {
    Key::Uid(Uid(n))
}

fn flags(bits: u8, words: &str) -> Flags {
    Flags { bits: FlagBits(bits), keywords: Keywords::parse(words) }
}

fn known() -> Placed {
    Placed::known(HERE, uid(5), flags(0, ""))
}

/// A row with this wanted and, if asked, its wish in flight.
fn wanting(mailbox: Option<MailboxId>, wanted: Flags, sent: Option<Sent>) -> Placed {
    Placed { wanted: Placement { mailbox, flags: wanted }, sent, ..known() }
}

#[test]
fn wishes_are_flags_first_and_one_at_a_time() {
    let add = |bits| Wish::Flags { add: flags(bits, ""), remove: flags(0, "") };
    for (row, expect) in [
        (known(), None),
        (wanting(Some(HERE), flags(1, ""), None), Some(add(1))),
        (wanting(Some(THERE), flags(1, ""), None), Some(add(1))),
        (wanting(Some(THERE), flags(0, ""), None), Some(Wish::Move(THERE))),
        (wanting(None, flags(1, ""), None), Some(Wish::Delete)),
        (wanting(None, flags(1, ""), Some(Sent::Delete)), None),
        (Placed { state: State::Lost, ..wanting(Some(THERE), flags(1, ""), None) }, None),
        (Placed::local(THERE, flags(1, "")), Some(Wish::Place(THERE))),
        (Placed { sent: Some(Sent::Held), ..Placed::local(THERE, flags(1, "")) }, None),
    ] {
        assert_eq!(row.wish(), expect, "{row:?}");
    }
}

#[test]
fn done_moves_the_server_to_what_was_sent_never_to_wanted() {
    // starred and pushed; unstarred before the answer came
    let mut row = wanting(Some(HERE), flags(0, ""), Some(Sent::Flags(flags(2, ""))));
    assert_eq!(row.done(None, None), Fate::Stays);
    assert_eq!((row.server.clone(), row.wanted.flags.clone()), (flags(2, ""), flags(0, "")));
    assert_eq!(row.wish(), Some(Wish::Flags { add: flags(0, ""), remove: flags(2, "") }));
    // moved and pushed; undone before the answer came
    let mut row = wanting(Some(HERE), flags(0, ""), Some(Sent::Move(THERE)));
    row.done(Some(uid(9)), None);
    assert_eq!((row.mailbox, row.key.clone(), row.wish()), (Some(THERE), Some(uid(9)), Some(Wish::Move(HERE))));
    // without COPYUID it is lost, and nothing is pushed
    let mut row = wanting(Some(THERE), flags(0, ""), Some(Sent::Move(THERE)));
    row.done(None, None);
    assert_eq!((row.state, row.mailbox, row.key.clone(), row.wish()), (State::Lost, Some(THERE), None, None));
    assert_eq!(wanting(None, flags(0, ""), Some(Sent::Delete)).done(None, None), Fate::Goes);
    // no question, no answer
    let mut row = wanting(Some(THERE), flags(1, ""), None);
    let before = row.clone();
    row.done(Some(uid(9)), None);
    assert_eq!(row, before);
}

#[test]
fn refused_resets_only_what_still_is_as_it_was_sent() {
    for (wanted, sent, expect) in [
        (flags(1, ""), flags(1, ""), flags(0, "")),
        (flags(0, ""), flags(1, ""), flags(0, "")),
        (flags(3, "a"), flags(1, ""), flags(2, "a")),
        (flags(1, "a b"), flags(1, "a"), flags(0, "b")),
    ] {
        let mut row = wanting(Some(HERE), wanted, Some(Sent::Flags(sent)));
        assert_eq!(row.refused(), Fate::Stays);
        assert_eq!(row.wanted.flags, expect);
    }
    // a removal comes back
    let mut row = Placed { server: flags(1, "x"), ..wanting(Some(HERE), flags(0, ""), Some(Sent::Flags(flags(0, "")))) };
    row.refused();
    assert_eq!(row.wanted.flags, flags(1, "x"));
    for (wanted, expect) in [(Some(THERE), Some(HERE)), (Some(ELSEWHERE), Some(ELSEWHERE)), (None, None)] {
        let mut row = wanting(wanted, flags(0, ""), Some(Sent::Move(THERE)));
        row.refused();
        assert_eq!(row.wanted.mailbox, expect);
    }
    let mut row = wanting(None, flags(0, ""), Some(Sent::Delete));
    row.refused();
    assert_eq!(row.wanted.mailbox, Some(HERE));
    let mut row = Placed { sent: Some(Sent::Append(THERE, flags(0, ""))), ..Placed::local(THERE, flags(0, "")) };
    assert_eq!((row.refused(), row.sent.clone(), row.is_waiting()), (Fate::Stays, Some(Sent::Held), true));
}

#[test]
fn a_row_found_is_known_with_its_flags_merged() {
    let lost = Placed { state: State::Lost, key: None, ..wanting(Some(HERE), flags(2, ""), None) };
    let in_flight = wanting(Some(THERE), flags(2, ""), Some(Sent::Move(THERE)));
    for (mut row, at) in [(lost, HERE), (in_flight, THERE)] {
        row.found(at, uid(7), &flags(1, ""));
        assert_eq!((row.state, row.mailbox, row.key.clone(), row.sent.clone()), (State::Known, Some(at), Some(uid(7)), None));
        assert_eq!((row.server.clone(), row.wanted.flags.clone()), (flags(1, ""), flags(3, "")));
    }
    // an appended row whose flags the user changed meanwhile
    let mut row = Placed { sent: Some(Sent::Append(THERE, flags(1, ""))), ..Placed::local(THERE, flags(3, "")) };
    row.found(THERE, uid(7), &flags(1, ""));
    assert_eq!(row.wish(), Some(Wish::Flags { add: flags(2, ""), remove: flags(0, "") }));
    // the same for a copy: it has its source's flags, ours are still to be asked
    let mut row = Placed { sent: Some(Sent::Copy(THERE)), ..Placed::local(THERE, flags(3, "")) };
    row.found(THERE, uid(7), &flags(1, ""));
    assert_eq!(row.wish(), Some(Wish::Flags { add: flags(2, ""), remove: flags(0, "") }));
}

#[test]
fn void_uids_cancel_moves_and_deletes_but_keep_flags() {
    for (wanted, is_cancelled) in [(Some(HERE), false), (Some(THERE), true), (None, true)] {
        let mut row = wanting(wanted, flags(2, ""), Some(Sent::Delete));
        assert_eq!(row.voided(), is_cancelled);
        assert_eq!((row.state, row.key.clone(), row.sent.clone()), (State::Lost, None, None));
        assert_eq!(row.wanted, Placement { mailbox: Some(HERE), flags: flags(2, "") });
    }
    let mut local = Placed::local(THERE, flags(0, ""));
    assert!(!local.voided() && local.state == State::Local);
}
