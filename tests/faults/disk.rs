//! A disk that is full or broken at every write of every operation, and then is not: nothing is called saved or sent that is
//! not, nothing is lost or doubled, people are told why, and the same thing done again succeeds (in an open reader without a
//! restart). By default every twenty-first write with one of the faults in turn, with `POSTRIDER_FULL=1` every write with each.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::kills::{Measured, SHARE, Wrong, measure, step};
use crate::operations::{Act, OPERATIONS, Operation, Over, Rule, TEXT, leave, typed};
use crate::stage::{Ran, Stage};
use crate::strace::{self, Place, WRITES};
use crate::support::terminal::Terminal;
use crate::{is_full, number};

/// What goes wrong, and how often from there on; "" is once. In an open reader "for good" is ten times: there it must end.
const FAULTS: &[(&str, &str)] = &[("error=ENOSPC", ""), ("error=EIO", ""), ("error=ENOSPC", "+")];

/// Places that once went wrong are always met: after the rename into a Maildir the folder can't be synced (added twice); a log or its
/// index is opened for reading only (a reader that could write nothing until its end).
const ALWAYS: &[&str] = &["fsync cur 1", "openat user.db-wal 1", "openat user.db-shm 1"];

/// One of these is said where something could not be written.
const REASONS: &[&str] = &["disk", "No space left", "nput/output error", "can't be"];

fn disturbed(name: &str) {
    let rows: Vec<_> = OPERATIONS.iter().filter(|operation| operation.name == name).collect();
    assert!(!rows.is_empty(), "no operation {name:?}");
    if let Err(why) = strace::is_allowed() {
        return println!("figure: {name}: {why}: no write is made to fail");
    }
    for operation in rows {
        let Some(mut measured) = measure(operation, WRITES) else { continue };
        measured.places.retain(Place::is_certain);
        let (from, step) = (number("POSTRIDER_SEED_FROM").unwrap_or(1) as usize - 1, step(measured.places.len(), 3 * SHARE));
        let (mut tried, mut met, mut wrong) = (0, 0, Wrong::default());
        let mut places = strace::share(&measured.places, step, from);
        if std::env::var_os("POSTRIDER_PLACE").is_none() {
            let known = measured.places.iter().filter(|place| ALWAYS.contains(&place.to_string().as_str()));
            places.extend(known.filter(|place| !places.contains(place)).cloned().collect::<Vec<_>>());
        }
        for (index, place) in places.into_iter().enumerate() {
            for (_, fault) in FAULTS.iter().enumerate().filter(|(which, _)| is_full() || *which == index % FAULTS.len()) {
                tried += 1;
                met += usize::from(wrong.unless(|| one(operation, &mut measured, &place, fault)).unwrap_or(true));
            }
        }
        wrong.end();
        println!(
            "figure: {}: {} writes, {} places, {tried} faults, {met} met: nothing lost, nothing twice, nothing called done that was not",
            operation.context(),
            measured.calls,
            measured.places.len()
        );
        assert!(met > 0, "{}: no write failed", operation.context());
    }
}

/// One run with one fault; whether it came to pass.
fn one(operation: &Operation, measured: &mut Measured, place: &Place, (fault, more): &(&str, &str)) -> bool {
    let context = format!("{}, {fault}{more} at {place}", operation.context());
    let stage = &mut measured.stage;
    stage.restore();
    let trace = stage.home.path().join("trace.out");
    let ran = match operation.run {
        Act::Keys(_) => {
            let more = if more.is_empty() { String::new() } else { format!("..{}", place.nth + 9) };
            let mut terminal = stage.reader(&place.meeting(fault, &more, &trace));
            let owed = match operation.rule {
                Rule::Typed => save_at_last(&mut terminal),
                _ => delete_at_last(&mut terminal),
            };
            Ran { owed, words: terminal.text(), ..Ran::default() }
        }
        _ => stage.run(&operation.run, &place.meeting(fault, more, &trace), None),
    };
    let is_met = std::fs::read_to_string(&trace).is_ok_and(|trace| trace.contains("(INJECTED)"));
    assert!(!ran.words.contains("panicked") && !matches!(ran.code, Some(101 | 134 | 139)), "{context}: {ran:?}");
    let is_refused = ran.code.is_some_and(|code| code != 0);
    assert!(!is_refused || REASONS.iter().any(|reason| ran.words.contains(reason)), "{context}: does not say why: {ran:?}");
    let settled = |stage: &Stage| {
        stage.settle().unwrap_or_else(|why| panic!("{context}: {why}\n{}", ran.words));
        stage.ledger()
    };
    let mut found = settled(&measured.stage);
    // the command says by its end what others say in words
    let is_promise = ran.code == Some(0) && !operation.said.is_empty();
    let owed = operation.owed(&ran).max(usize::from(is_promise));
    let right = operation.judge(owed, &measured.before, &measured.after, &found);
    right.unwrap_or_else(|why| panic!("{context}: {why}\n{}", ran.words));
    if operation.rule == Rule::Whole && found == measured.before && found != measured.after {
        measured.stage.run(&operation.run, &[], None);
        found = settled(&measured.stage);
        assert_eq!(found, measured.after, "{context}: done again\n{}", ran.words);
    }
    is_met
}

/// How long one try may take before the next.
const TRY: Duration = Duration::from_millis(700);

/// Presses until it has the effect; false when the reader ended.
fn at_last(terminal: &mut Terminal, keys: &str, shown: &str, stays: &str) -> bool {
    for _ in 0..60 {
        terminal.send(keys);
        if terminal.shows_within(TRY, |screen| screen.contains(shown)) {
            return true;
        }
        let screen = terminal.text();
        assert!(screen.contains(stays), "{stays:?} has left the screen:\n{screen}");
    }
    panic!("{keys:?} never leads to {shown:?}:\n{}", terminal.text());
}

/// Writes a draft and saves it as often as it takes; what is owed then.
fn save_at_last(terminal: &mut Terminal) -> usize {
    if !terminal.shows(|screen| screen.contains("Subject 1")) {
        return ended_by_itself(terminal);
    }
    at_last(terminal, "c", "New message", "");
    terminal.send(format!("\tPlan\t{TEXT}"));
    terminal.wait_text(TEXT);
    at_last(terminal, "\x13", "Draft saved", TEXT);
    leave(terminal, "\x18oQ", TEXT.len())
}

/// Deletes the first message for ever, as often as it takes; whether that was said.
fn delete_at_last(terminal: &mut Terminal) -> usize {
    if !terminal.shows(|screen| screen.contains("Subject 1")) {
        return ended_by_itself(terminal);
    }
    let is_listed = |screen: &str| screen.lines().any(|line| line.contains("Sender 1 ") && line.contains(" Subject 1 "));
    let is_done = |screen: &str| screen.contains("Deleted 1 message") && !screen.contains("Not saved");
    for tries in 0.. {
        assert!(tries < 50, "it is never deleted:\n{}", terminal.text());
        terminal.send("gg:delete-forever\r");
        terminal.wait_text("gone for ever");
        terminal.send("delete\r");
        terminal.wait_gone("gone for ever");
        let screen = terminal.wait("an answer", |screen| is_done(screen) || (screen.contains("Not saved") && is_listed(screen)));
        if is_done(&screen) {
            break;
        }
    }
    leave(terminal, "Q", 1)
}

/// A reader that can't begin says so and ends.
fn ended_by_itself(terminal: &mut Terminal) -> usize {
    let status = terminal.wait_exit().expect("it ends");
    // a word may be broken at the end of a row
    let text = terminal.text().replace('\n', "");
    assert!(!status.success() && REASONS.iter().any(|reason| text.contains(reason)), "{status:?} without a word:\n{text}");
    0
}

#[test]
fn a_full_disk_never_calls_a_draft_saved_and_the_text_stays() {
    disturbed("save");
}

#[test]
fn a_full_disk_never_calls_a_message_queued_that_is_not() {
    disturbed("queue");
}

#[test]
fn a_full_disk_never_sends_twice_and_never_calls_sent_what_is_not() {
    disturbed("send");
}

#[test]
fn a_full_disk_delays_the_copy_in_sent_and_makes_one() {
    disturbed("Sent copy");
}

#[test]
fn headers_that_a_full_disk_kept_out_come_later() {
    disturbed("header fetch");
}

#[test]
fn bodies_that_a_full_disk_kept_out_come_later() {
    disturbed("body fetch");
}

#[test]
fn a_full_disk_refuses_a_flag_with_a_word_or_keeps_it() {
    disturbed("flag");
}

#[test]
fn a_full_disk_leaves_a_moved_message_in_one_place() {
    disturbed("move");
}

#[test]
fn a_full_disk_refuses_a_deletion_with_a_word_or_keeps_it() {
    disturbed("delete");
}

#[test]
fn a_full_disk_stops_a_migration_and_spoils_nothing() {
    disturbed("migration");
}

#[test]
fn a_full_disk_leaves_the_old_configuration_or_the_new_one() {
    disturbed("configuration write");
}

/// A small disk of its own, gone when dropped.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    /// Two MiB (the databases take one) mounted over a folder, with what was in it; None where nothing may be mounted.
    fn over(folder: &'a Path) -> Option<Self> {
        let kept = tempfile::tempdir().expect("a folder");
        crate::stage::copy(folder, kept.path());
        let words = ["-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs"];
        let mounted = Command::new("mount").args(words).arg(folder).stderr(std::process::Stdio::null()).status();
        if !mounted.is_ok_and(|status| status.success()) {
            return None;
        }
        let disk = Self(folder);
        crate::stage::copy(kept.path(), folder);
        Some(disk)
    }

    /// Nothing more fits.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).expect("a file");
        while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("the file that fills it");
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // lazily: a reader of a failing test may still be in it
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn with_a_disk_of_two_mebibytes_that_fills_up_nothing_is_lost_and_work_goes_on_when_there_is_space() {
    let queue = OPERATIONS.iter().find(|operation| operation.name == "queue" && operation.over == Over::Maildir).expect("a row");
    let stage = Stage::new(queue).expect("it needs no server");
    let data = stage.home.path().join("data/postrider");
    let Some(disk) = SmallDisk::over(&data) else { return println!("nothing may be mounted here: the small disk was not tried") };
    let mut terminal = stage.reader(&[]);
    let (_, lives) = typed(&mut terminal);
    assert!(lives);
    terminal.send("\x13");
    terminal.wait_text("Draft saved");
    disk.fill();
    // each letter makes it another draft, until one does not fit any more
    let mut more = 0;
    while !terminal.shows_within(TRY, |screen| screen.contains("not saved") && screen.contains("full")) {
        more += 1;
        assert!(more < 30, "it is not full:\n{}", terminal.text());
        terminal.send("z\x13");
        terminal.wait_text(&format!("{TEXT}{}", "z".repeat(more)));
    }
    let ran = stage.run(&queue.run, &[], None);
    assert!(ran.code.is_some_and(|code| code != 0) && ran.words.contains("full"), "{ran:?}");
    disk.free();
    at_last(&mut terminal, "\x13", "Draft saved", TEXT);
    let ran = stage.run(&queue.run, &[], None);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    leave(&mut terminal, "\x18oQ", 0);
    stage.settle().expect("it settles");
    let ledger = stage.ledger();
    for part in [format!("{TEXT}{}", "z".repeat(more)), "taken [s1]".to_owned(), "server Sent [s1]".to_owned()] {
        assert_eq!(
            ledger
                .iter()
                .filter(|line| line.starts_with("server") || line.starts_with("taken"))
                .filter(|line| line.contains(&part))
                .count(),
            1,
            "{part}: {ledger:#?}"
        );
    }
    drop(disk);
}
