//! The table of the outbox: which event moves a message from which stage to which. Pure; what is not in the
//! table does not happen. SMTP can't be repeated safely, so nothing leads from beyond the end of data back to a
//! stage that is sent by itself.

use crate::mail::Stage::{self, Accepted, Filed, HandingOver, Held, Queued, Refused, Sending, Unknown};

/// What happens to a message on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Its time came.
    Begin,
    /// The end of data is about to be sent.
    HandOver,
    /// The server took it, for some recipients at least.
    Accept,
    /// The copy in Sent is made, or none is wanted; nobody is left to send it to.
    File,
    /// The same, but some recipients were put off.
    FileInPart,
    /// Those that were left are refused for good; others had it before.
    End,
    /// Refused for good.
    Refuse,
    /// A sure "not now".
    PutOff,
    /// The answer to the end of data never came.
    Lose,
    /// Whoever was sending it is gone.
    Crash,
    /// It was found in Sent after all.
    Find,
    /// The user wants it sent now, or again.
    Hurry,
    /// Back into the composer.
    TakeBack,
    /// The user wants it forgotten; what is done but was refused for some, no longer shown.
    Drop,
}

/// Where an event leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Stage(Stage),
    /// Out of the outbox.
    Gone,
}

use After::Gone;
use Event::{Accept, Begin, Crash, Drop, End, File, FileInPart, Find, HandOver, Hurry, Lose, PutOff, Refuse, TakeBack};

const fn to(stage: Stage) -> After {
    After::Stage(stage)
}

const TABLE: &[(Event, Stage, After)] = &[
    (Begin, Queued, to(Sending)),
    (Begin, Held, to(Sending)),
    (HandOver, Sending, to(HandingOver)),
    (Accept, HandingOver, to(Accepted)),
    (File, Accepted, to(Filed)),
    (FileInPart, Accepted, to(Queued)),
    (End, Sending, to(Filed)),
    (End, HandingOver, to(Filed)),
    (Refuse, Sending, to(Refused)),
    (Refuse, HandingOver, to(Refused)),
    (PutOff, Sending, to(Queued)),
    (PutOff, HandingOver, to(Queued)),
    (Lose, HandingOver, to(Unknown)),
    (Crash, Sending, to(Queued)),
    (Crash, HandingOver, to(Unknown)),
    (Find, Unknown, to(Accepted)),
    (Hurry, Queued, to(Queued)),
    (Hurry, Held, to(Queued)),
    (Hurry, Refused, to(Queued)),
    (Hurry, Unknown, to(Queued)),
    (TakeBack, Queued, Gone),
    (TakeBack, Held, Gone),
    (TakeBack, Sending, Gone),
    (TakeBack, Refused, Gone),
    (Drop, Queued, Gone),
    (Drop, Held, Gone),
    (Drop, Refused, Gone),
    (Drop, Unknown, Gone),
    (Drop, Filed, Gone),
];

/// Where the event leads from here; None: it can't happen.
pub(super) fn after(stage: Stage, event: Event) -> Option<After> {
    TABLE.iter().find(|(known, from, _)| *known == event && *from == stage).map(|(_, _, after)| *after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::outgoing::STAGES;

    const EVENTS: &[Event] = &[Begin, HandOver, Accept, File, FileInPart, End, Refuse, PutOff, Lose, Crash, Find, Hurry, TakeBack, Drop];

    fn stages() -> impl Iterator<Item = Stage> {
        STAGES.iter().map(|(stage, _)| *stage)
    }

    #[test]
    fn each_event_leads_from_a_stage_to_one_place() {
        for (at, (event, from, _)) in TABLE.iter().enumerate() {
            let double = TABLE.iter().skip(at + 1).any(|(other, stage, _)| other == event && stage == from);
            assert!(!double, "{event:?} from {from:?} stands twice");
        }
        assert!(EVENTS.iter().all(|event| stages().any(|stage| after(stage, *event).is_some())), "an event that never happens");
    }

    #[test]
    fn the_end_of_data_is_sent_only_after_it_was_written_down() {
        let before: Vec<Stage> = stages().filter(|stage| after(*stage, HandOver).is_some()).collect();
        assert_eq!(before, [Sending]);
        assert!(stages().all(|stage| after(stage, Accept).is_none() || stage == HandingOver));
    }

    /// The stages that can be reached without the user's hand, and without a sure answer of the server's.
    fn by_itself(from: Stage) -> Vec<Stage> {
        let mut reached = vec![from];
        let mut at = 0;
        while let Some(stage) = reached.get(at).copied() {
            for event in [Begin, HandOver, Lose, Crash] {
                if let Some(After::Stage(next)) = after(stage, event)
                    && !reached.contains(&next)
                {
                    reached.push(next);
                }
            }
            at += 1;
        }
        reached
    }

    #[test]
    fn a_lost_answer_is_never_followed_by_a_second_sending() {
        for stage in [Unknown, Accepted, Filed, Refused] {
            assert_eq!(by_itself(stage), [stage], "{stage:?}");
        }
        assert_eq!(by_itself(HandingOver), [HandingOver, Unknown]);
    }

    #[test]
    fn what_the_server_may_have_is_not_taken_back() {
        for stage in [HandingOver, Accepted, Filed, Unknown] {
            assert_eq!(after(stage, TakeBack), None, "{stage:?}");
        }
        for stage in [HandingOver, Accepted, Sending] {
            assert_eq!(after(stage, Drop), None, "{stage:?}");
        }
    }

    #[test]
    fn a_crash_leaves_nothing_on_its_way() {
        for stage in stages() {
            let left = after(stage, Crash).unwrap_or(After::Stage(stage));
            assert!(!matches!(left, After::Stage(Sending | HandingOver) | Gone), "{stage:?}");
        }
    }
}
