//! SIGKILL at every call that changes a file or leaves the machine, of every operation; then a normal start. As if the operation
//! had never begun, or as if it had ended: nothing is lost, nothing is there twice, what was acknowledged stands.
//! By default every seventh call (beginning at `POSTRIDER_SEED_FROM`), with `POSTRIDER_FULL=1` each, and `POSTRIDER_SEEDS` (500)
//! kills of each operation at seeded moments beside. Where nothing may be traced, only at such moments.

use std::time::{Duration, Instant};

use crate::operations::{OPERATIONS, Operation};
use crate::stage::{Ledger, Stage};
use crate::strace::{self, CHANGES, Place};
use crate::{is_full, number};

/// Every how manieth call is met by default.
pub const SHARE: usize = 7;
/// Kills of a row at seeded moments, where nothing may be traced.
const UNTRACED: u64 = 25;

/// Everything that a row needs, measured on undisturbed runs.
pub struct Measured {
    pub stage: Stage,
    pub before: Ledger,
    pub after: Ledger,
    pub places: Vec<Place>,
    /// How many calls there were.
    pub calls: usize,
    pub takes: Duration,
}

/// The undisturbed runs: with no trace at all, then recorded twice where that is allowed.
pub fn measure(operation: &Operation, calls: &str) -> Option<Measured> {
    let mut stage = Stage::new(operation)?;
    let context = operation.context();
    let settled = |stage: &Stage| {
        stage.settle().unwrap_or_else(|why| panic!("{context}, undisturbed: {why}"));
        stage.ledger()
    };
    stage.restore();
    let before = settled(&stage);
    stage.restore();
    let start = Instant::now();
    let ran = stage.run(&operation.run, &[], None);
    let takes = start.elapsed();
    let after = settled(&stage);
    assert!(ran.code.is_none_or(|code| code == 0), "{context}: {ran:?}");
    assert!(operation.said.is_empty() || ran.words.contains(operation.said), "{context}: never says {:?}: {ran:?}", operation.said);
    for part in operation.expect {
        let part = part.replace("{home}", &stage.home.path().display().to_string());
        assert_eq!(after.iter().filter(|line| line.contains(&part)).count(), 1, "{context}: {part:?} in {after:#?}");
    }
    let (mut places, mut count) = (Vec::new(), 0);
    if strace::is_allowed().is_ok() {
        let traces = [1, 2].map(|_| {
            stage.restore();
            let trace = stage.home.path().join("trace.out");
            stage.run(&operation.run, &strace::recording(calls, &trace), None);
            std::fs::read_to_string(&trace).expect("a trace")
        });
        (places, count) = strace::places(&traces[0], &traces[1]);
        assert!(!places.is_empty(), "{context}: strace saw nothing");
    }
    Some(Measured { stage, before, after, places, calls: count, takes })
}

fn killed(name: &str) {
    let rows: Vec<_> = OPERATIONS.iter().filter(|operation| operation.name == name).collect();
    assert!(!rows.is_empty(), "no operation {name:?}");
    for operation in &rows {
        let Some(mut measured) = measure(operation, CHANGES) else { continue };
        if let Err(why) = strace::is_allowed() {
            println!("figure: {}: {why}: killed at seeded moments only", operation.context());
            at_seeded_moments(operation, &mut measured, UNTRACED);
            continue;
        }
        at_calls(operation, &mut measured);
        if is_full() {
            at_seeded_moments(operation, &mut measured, number("POSTRIDER_SEEDS").unwrap_or(500).div_ceil(rows.len() as u64));
        }
    }
}

/// Every how manieth place is met: few are met more often.
pub fn step(places: usize, share: usize) -> usize {
    if is_full() { 1 } else { share.min(places / 8).max(1) }
}

fn at_calls(operation: &Operation, measured: &mut Measured) {
    let (from, step) = (number("POSTRIDER_SEED_FROM").unwrap_or(1) as usize - 1, step(measured.places.len(), SHARE));
    let (mut tried, mut met, mut wrong) = (0, 0, Wrong::default());
    for place in strace::share(&measured.places, step, from) {
        measured.stage.restore();
        let trace = measured.stage.home.path().join("trace.out");
        let ran = measured.stage.run(&operation.run, &place.meeting("signal=SIGKILL", "", &trace), None);
        let is_met = std::fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("killed by SIGKILL"));
        (tried, met) = (tried + 1, met + usize::from(is_met));
        wrong.unless(|| rested(operation, measured, &ran, &format!("killed at {place}")));
    }
    wrong.end();
    println!(
        "figure: {}: {} calls, {} places, {tried} tried, {met} killed: nothing lost, nothing twice",
        operation.context(),
        measured.calls,
        measured.places.len()
    );
    assert!(met > 0, "{}: no kill came to pass", operation.context());
}

fn at_seeded_moments(operation: &Operation, measured: &mut Measured, kills: u64) {
    let from = number("POSTRIDER_SEED_FROM").unwrap_or(1);
    let mut wrong = Wrong::default();
    let longest = (measured.takes.as_micros() as u64).max(1);
    for seed in from..from + kills {
        // multiplicative hashing: neighbours far apart
        let life = Duration::from_micros((seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 24) % longest);
        measured.stage.restore();
        let ran = measured.stage.run(&operation.run, &[], Some(life));
        wrong.unless(|| rested(operation, measured, &ran, &format!("seed {seed}, killed after {life:?}")));
    }
    wrong.end();
    println!("figure: {}: {kills} kills at seeded moments from seed {from}: nothing lost, nothing twice", operation.context());
}

/// Failures so far: one does not hide the others.
#[derive(Default)]
pub struct Wrong(usize);

impl Wrong {
    /// Runs a case; what it panics with is on stderr.
    pub fn unless<T>(&mut self, case: impl FnOnce() -> T) -> Option<T> {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(case));
        self.0 += usize::from(done.is_err());
        done.ok()
    }

    pub fn end(self) {
        assert_eq!(self.0, 0, "so many cases went wrong; each is told above");
    }
}

fn rested(operation: &Operation, measured: &Measured, ran: &crate::stage::Ran, how: &str) {
    let context = format!("{}, {how}", operation.context());
    let right = measured
        .stage
        .settle()
        .and_then(|()| operation.judge(operation.owed(ran), &measured.before, &measured.after, &measured.stage.ledger()));
    right.unwrap_or_else(|why| panic!("{context}: {why}\n{}", ran.words));
}

#[test]
fn a_kill_at_any_call_of_an_autosave_costs_at_most_the_last_keys() {
    killed("draft autosave");
}

#[test]
fn a_kill_at_any_call_of_a_save_leaves_one_draft_with_all_that_was_called_saved() {
    killed("save");
}

#[test]
fn a_kill_at_any_call_of_queueing_leaves_the_message_queued_once_or_not_at_all() {
    killed("queue");
}

#[test]
fn a_kill_at_any_call_of_sending_leads_to_one_message_or_one_of_unknown_fate() {
    killed("send");
}

#[test]
fn a_kill_at_any_call_of_filing_leads_to_one_copy_in_sent() {
    killed("Sent copy");
}

#[test]
fn a_kill_at_any_call_of_fetching_headers_leads_to_the_same_list() {
    killed("header fetch");
}

#[test]
fn a_kill_at_any_call_of_fetching_bodies_leads_to_the_same_texts() {
    killed("body fetch");
}

#[test]
fn a_kill_at_any_call_of_flagging_leaves_the_flag_set_or_not() {
    killed("flag");
}

#[test]
fn a_kill_at_any_call_of_a_move_leaves_the_message_in_one_place() {
    killed("move");
}

#[test]
fn a_kill_at_any_call_of_a_deletion_touches_no_other_message() {
    killed("delete");
}

#[test]
fn a_kill_at_any_call_of_a_migration_loses_nothing_of_the_older_files() {
    killed("migration");
}

#[test]
fn a_kill_at_any_call_of_writing_the_configuration_leaves_the_old_or_the_new_file() {
    killed("configuration write");
}
