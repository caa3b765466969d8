//! What the sending loop does next, and when a message is tried again. Pure.

use crate::mail::{OutItem, OutboxId, Stage};

/// Waits after failures, seconds; the last one is repeated.
const WAITS: &[i64] = &[60, 300, 900, 1_800, 3_600];
/// After so long a message that could not be sent is given up (RFC 5321 4.5.4.1: four to five days).
pub const PATIENCE: i64 = 5 * 86_400;
/// No wait after a failure is longer, jitter included. One that seems to be was begun before the clock was set back.
const LONGEST: i64 = 3_600 + 3_600 / 4;
/// At most so long without a look at the clock: it may have been set, or the machine asleep.
const LOOK: i64 = 60;

/// What holds a loop back, in Unix seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Brakes {
    /// Nothing is sent before: the server could not be reached.
    pub send_from: i64,
    /// No copy is filed before: it could not be.
    pub file_from: i64,
    /// The sign-in was refused: nothing is sent until the user has a say.
    pub needs_user: bool,
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Finish a message that was accepted.
    File(OutboxId),
    Send(OutboxId),
    /// Nothing before that many seconds; None: nothing at all until something changes.
    Wait(Option<i64>),
}

/// The next thing to do with the messages of one account, in the order in which they were queued.
pub fn choose(items: &[OutItem], brakes: Brakes, now: i64) -> Choice {
    let is_over = |until: i64| until <= now || until > now + LONGEST;
    // what is held for a time of the user's waits for it, however far off
    let is_due = |item: &OutItem| item.not_before <= now || (item.stage == Stage::Queued && is_over(item.not_before));
    let accepted = || items.iter().filter(|item| item.stage == Stage::Accepted);
    let to_send = || items.iter().filter(|item| !brakes.needs_user && matches!(item.stage, Stage::Queued | Stage::Held));
    if let Some(item) = accepted().next().filter(|_| is_over(brakes.file_from)) {
        return Choice::File(item.id);
    }
    if let Some(item) = to_send().find(|item| is_due(item)).filter(|_| is_over(brakes.send_from)) {
        return Choice::Send(item.id);
    }
    let times = to_send().map(|item| item.not_before.max(brakes.send_from)).chain(accepted().map(|_| brakes.file_from));
    Choice::Wait(times.min().map(|time| (time - now).clamp(1, LOOK)))
}

/// Seconds until the next attempt after so many, with up to a quarter of jitter from `seed`.
pub fn wait_after(attempts: u32, seed: u64) -> i64 {
    let at = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(WAITS.len() - 1);
    let wait = WAITS.get(at).copied().unwrap_or(3_600);
    // a multiplicative hash: clients that failed together do not come back together
    let jitter = seed.wrapping_add(u64::from(attempts)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    wait + i64::try_from(jitter).unwrap_or(0) % (wait / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: i64, stage: Stage, not_before: i64) -> OutItem {
        OutItem {
            id: OutboxId(id),
            account: "work".into(),
            stage,
            subject: String::new(),
            recipients: Vec::new(),
            not_before,
            attempts: 0,
            error: None,
            has_draft: false,
            continues: None,
        }
    }

    #[test]
    fn what_is_due_goes_in_the_order_of_the_queue() {
        let free = Brakes::default();
        let send_from = Brakes { send_from: 130, ..free };
        let needs_user = Brakes { needs_user: true, ..free };
        let cases: &[(&[OutItem], Brakes, Choice)] = &[
            (&[], free, Choice::Wait(None)),
            (&[item(1, Stage::Queued, 200), item(2, Stage::Queued, 0)], free, Choice::Send(OutboxId(2))),
            (&[item(1, Stage::Held, 110), item(2, Stage::Held, 105)], free, Choice::Wait(Some(5))),
            (&[item(1, Stage::Held, 9_999)], free, Choice::Wait(Some(60))),
            (&[item(1, Stage::Queued, 0), item(2, Stage::Accepted, 0)], free, Choice::File(OutboxId(2))),
            (&[item(1, Stage::Queued, 0)], send_from, Choice::Wait(Some(30))),
            (&[item(1, Stage::Queued, 0), item(2, Stage::Accepted, 0)], needs_user, Choice::File(OutboxId(2))),
            (&[item(1, Stage::Queued, 0)], needs_user, Choice::Wait(None)),
            (&[item(1, Stage::Accepted, 0)], Brakes { file_from: 120, ..free }, Choice::Wait(Some(20))),
            // the clock was set back by more than any wait
            (&[item(1, Stage::Queued, 9_999)], free, Choice::Send(OutboxId(1))),
            (&[item(1, Stage::Queued, 0)], Brakes { send_from: 9_999, ..free }, Choice::Send(OutboxId(1))),
            (&[item(1, Stage::Accepted, 0)], Brakes { file_from: 9_999, ..free }, Choice::File(OutboxId(1))),
        ];
        for (items, brakes, expected) in cases {
            assert_eq!(choose(items, *brakes, 100), *expected, "{items:?} {brakes:?}");
        }
        for stage in [Stage::Sending, Stage::HandingOver, Stage::Refused, Stage::Unknown, Stage::Filed] {
            assert_eq!(choose(&[item(1, stage, 0)], free, 100), Choice::Wait(None), "{stage:?}");
        }
    }

    #[test]
    fn waits_grow_and_differ_between_clients() {
        for (attempts, least) in [(0, 60), (1, 60), (2, 300), (3, 900), (4, 1_800), (5, 3_600), (99, 3_600)] {
            let wait = wait_after(attempts, 7);
            assert!((least..least + least / 4).contains(&wait), "{attempts}: {wait}");
        }
        let waits: std::collections::BTreeSet<i64> = (0..20).map(|seed| wait_after(5, seed)).collect();
        assert!(waits.len() > 10, "{waits:?}");
    }
}
