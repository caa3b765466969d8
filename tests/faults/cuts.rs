//! The connection of the real binary to a real server cut while it works: after an octet that either side says, by an end, a reset
//! and silence (in which somebody loses patience and kills it). Then a normal start: as if the operation had never begun, or as if
//! it had ended. With `POSTRIDER_FULL=1` after every 97th octet in each way, by default after a share of them in one way each.

use std::time::{Duration, Instant};

use crate::cut::{Cut, Direction, KINDS, Kind};
use crate::kills::Wrong;
use crate::operations::{Act, OPERATIONS, Operation, Over};
use crate::stage::{Ledger, Stage};
use crate::wire::Wire;
use crate::{is_full, number};

/// Octets between two cuts: all, and by default.
const STRIDE: usize = 97;
const SHARE: usize = 13 * STRIDE;
/// How much longer than undisturbed somebody waits for a silent server.
const PATIENCE: Duration = Duration::from_millis(500);

/// A stage whose server is behind a wire, and the outcomes that are right.
struct Wired {
    operation: &'static Operation,
    stage: Stage,
    wire: Wire,
    before: Ledger,
    after: Ledger,
    /// Octets that an undisturbed run says and hears.
    counts: (usize, usize),
    takes: Duration,
}

impl Wired {
    fn new(name: &str) -> Self {
        let operation = OPERATIONS.iter().rfind(|operation| operation.name == name && operation.over == Over::Imap).expect("a row");
        let mut stage = Stage::new(operation).expect("a server");
        let wire = Wire::start(stage.server_port());
        stage.through(&wire);
        let mut wired = Self { operation, stage, wire, before: Ledger::new(), after: Ledger::new(), counts: (0, 0), takes: Duration::ZERO };
        wired.stage.restore();
        wired.before = wired.settled("untouched");
        wired.stage.restore();
        wired.wire.begin(None);
        let start = Instant::now();
        wired.stage.run(&operation.run, &[], None);
        (wired.takes, wired.counts) = (start.elapsed(), wired.wire.counts());
        wired.after = wired.settled("undisturbed");
        wired
    }

    fn settled(&self, how: &str) -> Ledger {
        self.stage.settle().unwrap_or_else(|why| panic!("{}, {how}: {why}", self.operation.context()));
        self.stage.ledger()
    }

    /// One run; whether its cut came to pass.
    fn one(&mut self, cut: Cut) -> bool {
        let is_silent_for_a_command = cut.kind == Kind::Silence && matches!(self.operation.run, Act::Command(_));
        self.stage.restore();
        self.wire.begin(Some(cut));
        let ran = self.stage.run(&self.operation.run, &[], is_silent_for_a_command.then_some(self.takes + PATIENCE));
        let is_cut = self.wire.is_cut();
        self.wire.begin(None);
        let how = format!("{cut:?}");
        let found = self.settled(&how);
        let right = self.operation.judge(self.operation.owed(&ran), &self.before, &self.after, &found);
        right.unwrap_or_else(|why| panic!("{}, {how}: {why}\n{}", self.operation.context(), ran.words));
        is_cut
    }
}

/// Where the wire is cut, and how.
fn cuts((said, heard): (usize, usize)) -> Vec<Cut> {
    let from = number("POSTRIDER_SEED_FROM").unwrap_or(1) as usize - 1;
    let mut cuts = Vec::new();
    for (direction, length) in [(Direction::Out, said), (Direction::In, heard)] {
        let stride = if is_full() { STRIDE } else { SHARE.min(length / 3).max(STRIDE) };
        for after in (from % stride..=length).step_by(stride) {
            let turn = cuts.len();
            let kinds = KINDS.into_iter().enumerate().filter(|(which, _)| is_full() || *which == turn % KINDS.len());
            cuts.extend(kinds.map(|(_, kind)| Cut { direction, after, kind }));
        }
    }
    cuts
}

fn cut(name: &str) {
    let mut wired = Wired::new(name);
    let (cuts, mut met, mut wrong) = (cuts(wired.counts), 0, Wrong::default());
    for cut in &cuts {
        met += usize::from(wrong.unless(|| wired.one(*cut)).unwrap_or(true));
    }
    wrong.end();
    let (context, (said, heard), tried) = (wired.operation.context(), wired.counts, cuts.len());
    println!("figure: {context}: {said} octets said, {heard} heard; {tried} cuts, {met} met: nothing lost, nothing twice");
    assert!(met > 0, "{context}: it was never cut");
}

#[test]
fn headers_come_whole_whenever_the_connection_is_cut() {
    cut("header fetch");
}

#[test]
fn texts_come_whole_whenever_the_connection_is_cut() {
    cut("body fetch");
}

#[test]
fn a_flag_is_set_or_not_whenever_the_connection_is_cut() {
    cut("flag");
}

#[test]
fn a_moved_message_is_in_one_place_whenever_the_connection_is_cut() {
    cut("move");
}

#[test]
fn no_other_message_is_deleted_whenever_the_connection_is_cut() {
    cut("delete");
}

#[test]
fn a_draft_is_filed_once_whenever_the_connection_is_cut() {
    cut("save");
}

#[test]
fn one_copy_is_in_sent_whenever_the_connection_is_cut() {
    cut("Sent copy");
}
