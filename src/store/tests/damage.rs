//! Damaged databases: whatever is done to a file, the start says what it mended, a sync brings the mail back, what is
//! the user's own is kept or told, and nothing is sent by itself from an older copy.
//! `POSTRIDER_SEEDS` says how many damages (default 60), `POSTRIDER_SEED_FROM` where to begin.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::fixture::{flagged, message, opened, remote, seen};
use crate::mail::outgoing::{Fate, Recipient};
use crate::mail::server::{Body, NewMessage, Window};
use crate::mail::{Change, Draft, Envelope, Flags, Key, Listing, MailboxId, MessageId, SmtpEnvelope, Stage, Uid};
use crate::store::open::beside;
use crate::store::sound::check;
use crate::store::{OutboxNew, Own, Paths, Result, StoreError, Writer, Written, open};

const MESSAGES: u32 = 150;
const ARCHIVED: u32 = 40;
const PAGE: usize = 8192;
/// What was asked for before the damage: (uid, what of it).
const STARRED: [u32; 3] = [5, 6, 7];
const MOVED: u32 = 9;
const DELETED: u32 = 11;
const DRAFTS: [&str; 2] = ["First draft", "Second draft"];

/// A small generator of our own, so that a seed means the same for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn number_of(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Plays each seed, those that once went wrong as well, on as many threads as there are; all that fail are named.
fn play<T: Send>(once_wrong: &[u64], one: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let from = number_of("POSTRIDER_SEED_FROM", 1);
    let mut seeds: Vec<u64> = (from..from + number_of("POSTRIDER_SEEDS", 60)).collect();
    seeds.extend(once_wrong.iter().filter(|seed| !seeds.contains(seed)).copied().collect::<Vec<_>>());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    let (one, seeds) = (&one, &seeds);
    let each = |seed: &u64| catch_unwind(AssertUnwindSafe(|| one(*seed))).map_err(|_| *seed);
    let played: Vec<Result<T, u64>> = std::thread::scope(|scope| {
        let share = |first: usize| scope.spawn(move || seeds.iter().skip(first).step_by(threads).map(each).collect::<Vec<_>>());
        let running: Vec<_> = (0..threads).map(share).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let failed: Vec<u64> = played.iter().filter_map(|one| one.as_ref().err().copied()).collect();
    assert!(failed.is_empty(), "{} of {} damages went wrong, seeds {failed:?}", failed.len(), seeds.len());
    played.into_iter().flatten().collect()
}

/// What the server has: (mailbox, its messages).
fn on_server() -> Vec<(&'static str, Vec<NewMessage>)> {
    let flags = |uid: u32| if uid.is_multiple_of(3) { seen() } else { Flags::default() };
    let make = |uid: u32, mailbox: &str| NewMessage { flags: flags(uid), ..message(uid, &format!("{mailbox}-{uid}")) };
    let inbox = (1..=MESSAGES).map(|uid| make(uid, "in")).collect();
    let archive = (1..=ARCHIVED).map(|uid| make(uid, "old")).collect();
    vec![("Inbox", inbox), ("Archive", archive)]
}

/// One round of a sync, as the account loop does it.
fn sync(writer: &Writer) -> Result<BTreeMap<String, MailboxId>> {
    let work = writer.set_accounts(vec!["work".into()]).wait()?[0];
    let list = writer.set_mailboxes(work, ["Inbox", "Archive", "Sent"].map(remote).to_vec(), BTreeMap::new()).wait()?;
    let ids: BTreeMap<String, MailboxId> = list.into_iter().map(|mailbox| (mailbox.name, mailbox.id)).collect();
    for (name, messages) in on_server() {
        let mailbox = ids[name];
        writer.opened(mailbox, opened(1)).wait()?;
        let asked_at = writer.clock();
        let present = messages.iter().map(|message| (message.key.clone(), message.flags.clone())).collect();
        let missing = writer.merge_flags(mailbox, Window::ALL, present, asked_at).wait()?.missing;
        let missing = messages.into_iter().filter(|message| missing.contains(&message.key)).collect();
        writer.add_messages(mailbox, missing).wait()?;
        writer.set_headers_from(mailbox, 1).wait()?;
        writer.set_synced(mailbox, 1).wait()?;
    }
    Ok(ids)
}

/// What is listed: (mailbox, subject) and what is shown of it.
type View = BTreeMap<(String, String), (String, Flags, i64, u64)>;

fn view(writer: &Writer) -> Result<View> {
    let reader = writer.reader()?;
    let mut all = View::new();
    for mailbox in reader.mailboxes()?.into_iter().filter(|mailbox| mailbox.name != "Sent") {
        let rows = reader.rows(&Listing::mailbox(mailbox.id, false))?;
        let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
        for one in reader.summaries(&ids)? {
            let from = one.from.iter().map(|from| format!("{} <{}>", from.name, from.address)).collect();
            let mut place = (mailbox.name.clone(), one.subject);
            // a flipped bit in one subject may make it another's
            while all.contains_key(&place) {
                place.1.push('\'');
            }
            all.insert(place, (from, one.flags, one.received, one.size));
        }
        let (total, unread) = reader.count(&Listing::mailbox(mailbox.id, false))?;
        if (u64::from(mailbox.total), u64::from(mailbox.unread)) != (total, unread) {
            return Err(StoreError::Other(format!("counters of {} differ", mailbox.name)));
        }
    }
    Ok(all)
}

fn subject(uid: u32) -> String {
    format!("Subject in-{uid}")
}

/// The row of that uid.
fn find(writer: &Writer, mailbox: MailboxId, uid: u32) -> MessageId {
    let reader = writer.reader().unwrap();
    let rows = reader.rows(&Listing::mailbox(mailbox, false)).unwrap();
    let key = Key::Uid(Uid(uid));
    let is_it = |id: &MessageId| reader.location(*id).unwrap().and_then(|location| location.key).as_ref() == Some(&key);
    rows.iter().map(|row| row.id).find(is_it).expect("the message")
}

fn outgoing(subject: &str, not_before: i64) -> OutboxNew {
    let recipients = vec![Recipient { address: "bob@example.org".into(), fate: Fate::Pending }];
    OutboxNew {
        account: "work".into(),
        not_before,
        now: 100,
        rfc_message_id: format!("{subject}@example.org"),
        subject: subject.into(),
        envelope: SmtpEnvelope { mail_from: "ada@example.org".into(), recipients, ..SmtpEnvelope::default() },
        draft: None,
        bytes: vec![b'x'; 20_000],
    }
}

fn fill_own(writer: &Writer) {
    for subject in DRAFTS {
        let draft = Draft { account: "work".into(), subject: subject.into(), text: "Text\n".repeat(2_000), ..Draft::default() };
        let (id, draft) = writer.new_draft(draft, Vec::new(), None, 100, |id| format!("{}@work", id.0)).wait().unwrap();
        assert!(writer.save_draft(id, draft, 101).wait().unwrap());
    }
    writer.queue(outgoing("Queued", 0)).wait().unwrap();
    writer.queue(outgoing("Held", 200)).wait().unwrap();
}

fn changes(writer: &Writer, ids: &BTreeMap<String, MailboxId>) {
    let (inbox, archive) = (ids["Inbox"], ids["Archive"]);
    let apply = |change| writer.apply(change, "x".into()).wait().unwrap();
    let starred = STARRED.iter().map(|uid| find(writer, inbox, *uid)).collect();
    apply(Change::Flags { ids: starred, add: flagged(), remove: Flags::default() });
    apply(Change::Move { ids: vec![find(writer, inbox, MOVED)], to: archive });
    apply(Change::Delete { ids: vec![find(writer, inbox, DELETED)] });
}

/// How the process before ended.
const ENDS: [&str; 2] = ["killed", "ended"];

/// A store as a killed process leaves it, most of it in the file, the last changes in the log; and as one that ended does.
fn templates() -> [tempfile::TempDir; 2] {
    let [folder, killed, ended] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let paths = Paths::in_folder(folder.path());
    let writer = open(&paths).unwrap();
    let ids = sync(&writer).unwrap();
    let body = |uid| Body { key: Key::Uid(Uid(uid)), bytes: vec![b'b'; 3_000], whole: true, parts: Vec::new() };
    writer.add_bodies(ids["Inbox"], (1..20).map(body).collect(), vec!["text".into(); 19]).wait().unwrap();
    fill_own(&writer);
    // everything up to here into the files, and a first copy of user.db
    writer.stop();
    let writer = open(&paths).unwrap();
    changes(&writer, &ids);
    let envelope = Envelope { subject: "Only here".into(), rfc_message_id: Some("own@work".into()), ..Envelope::default() };
    let written = Written { envelope, flags: seen(), received: 100, bytes: b"Subject: Only here\r\n\r\nText\r\n".to_vec() };
    writer.add_written(None, ids["Sent"], written, None).wait().unwrap();
    copy(folder.path(), killed.path());
    writer.stop();
    copy(folder.path(), ended.path());
    [killed, ended]
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        // the locks of runs are of processes
        if path.extension().is_none_or(|extension| extension != "lock") {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Damage {
    Flips,
    Cut,
    ZeroPage,
    SwappedPages,
    Version,
    LogGarbage,
    LogGone,
    Emptied,
    Folder,
    Text,
    Garbage,
    Head,
}

const DAMAGES: [Damage; 12] = {
    use Damage::*;
    [Flips, Cut, ZeroPage, SwappedPages, Version, LogGarbage, LogGone, Emptied, Folder, Text, Garbage, Head]
};

fn log_of(file: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", file.display()))
}

fn damage(file: &Path, what: Damage, random: &mut Random) {
    let mut bytes = std::fs::read(file).unwrap();
    let pages = bytes.len() / PAGE;
    let page = |at: usize| at * PAGE..(at + 1) * PAGE;
    match what {
        Damage::Flips => {
            for _ in 0..=random.below(8) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        Damage::Cut => bytes.truncate(random.below(bytes.len())),
        Damage::ZeroPage => bytes[page(random.below(pages))].fill(0),
        Damage::SwappedPages => {
            let (one, other) = (random.below(pages), random.below(pages));
            let (first, second) = (bytes[page(one)].to_vec(), bytes[page(other)].to_vec());
            bytes[page(one)].copy_from_slice(&second);
            bytes[page(other)].copy_from_slice(&first);
        }
        Damage::Version => {
            let version = [0_i32, 1, 2, 3, 4, 5, 99, -1, i32::MAX, i32::MIN][random.below(10)];
            bytes[60..64].copy_from_slice(&version.to_be_bytes());
            // the log has a first page of its own
            let _ = std::fs::remove_file(log_of(file, "-wal"));
        }
        Damage::LogGarbage => {
            let log = log_of(file, ["-wal", "-shm"][random.below(2)]);
            let mut bytes = std::fs::read(&log).unwrap_or_default();
            bytes.resize(bytes.len().max(40_000), 0);
            let from = random.below(bytes.len());
            let to = (from + 1 + random.below(9_000)).min(bytes.len());
            bytes[from..to].iter_mut().for_each(|byte| *byte = random.below(256) as u8);
            std::fs::write(&log, bytes).unwrap();
        }
        Damage::LogGone => {
            let which = 1 + random.below(3);
            let endings = ["-wal", "-shm"].iter().enumerate().filter(|(bit, _)| which & (1 << bit) != 0);
            endings.for_each(|(_, ending)| drop(std::fs::remove_file(log_of(file, ending))));
        }
        Damage::Emptied => bytes.clear(),
        Damage::Folder => {
            let place = [file.to_owned(), log_of(file, "-wal"), log_of(file, "-shm")][random.below(3)].clone();
            drop(std::fs::remove_file(&place));
            std::fs::create_dir(&place).unwrap();
            return;
        }
        Damage::Text => bytes = b"this is not a database at all\n".repeat(1 + random.below(2_000)),
        Damage::Garbage => {
            let from = random.below(bytes.len());
            let to = (from + 1_024 + random.below(65_536)).min(bytes.len());
            bytes[from..to].iter_mut().for_each(|byte| *byte = random.below(256) as u8);
        }
        Damage::Head => bytes[random.below(100)] ^= 1 << random.below(8),
    }
    if !file.is_dir() {
        std::fs::write(file, bytes).unwrap();
    }
}

/// A start: never longer than five seconds, and what it said.
fn start(paths: &Paths, said: &mut Vec<String>, context: &str) -> Result<Writer> {
    let begun = Instant::now();
    let opened = open(paths);
    assert!(begun.elapsed() < Duration::from_secs(5), "{context}: the start took {:?}", begun.elapsed());
    let writer = opened?;
    said.extend(writer.notices());
    Ok(writer)
}

/// Works with the store until it is as a fresh one; at most two more starts, each of which must be asked for.
fn work(paths: &Paths, said: &mut Vec<String>, context: &str) -> Result<(Writer, View)> {
    for _ in 0..3 {
        let writer = start(paths, said, context)?;
        let seen = sync(&writer).and_then(|_| view(&writer));
        // what an idle moment looks for after an unclean end
        let is_damaged = check(&paths.mail_db);
        match seen {
            Ok(view) if !is_damaged => return Ok((writer, view)),
            Ok(_) => {}
            Err(error) => {
                assert!(is_damaged || error.is_damage(), "{context}: {error}");
                writer.look_into::<()>(&Err(error));
                while !beside(&paths.mail_db, "damaged").exists() && !beside(&paths.user_db, "damaged").exists() {
                    std::thread::yield_now();
                }
            }
        }
        writer.stop();
    }
    panic!("{context}: it never came right: {said:?}");
}

/// What `user.db` holds of the user's own.
fn own(paths: &Paths) -> (Vec<String>, Vec<(String, Stage)>, i64) {
    let own = Own::open(paths).unwrap().unwrap();
    let mut drafts: Vec<String> = own.drafts().unwrap().into_iter().map(|stored| stored.draft.subject).collect();
    drafts.sort();
    let mut outbox: Vec<(String, Stage)> = own.outbox().unwrap().into_iter().map(|item| (item.subject.to_string(), item.stage)).collect();
    outbox.sort();
    let db = Connection::open(&paths.user_db).unwrap();
    (drafts, outbox, db.query_row("SELECT count(*) FROM local", [], |row| row.get(0)).unwrap())
}

/// Damages that once went wrong; among those that are always played.
const MAIL_ONCE_WRONG: &[u64] = &[219, 407, 447, 563, 603, 663, 947];
const USER_ONCE_WRONG: &[u64] = &[216, 407, 516, 563, 947];

/// How a damage of mail.db ended.
#[derive(Default)]
struct MailEnded {
    seed: u64,
    end: &'static str,
    is_refused: bool,
    is_unnoticed: bool,
    kept: usize,
    named: usize,
}

/// One damage of mail.db: it comes right, and what waited is kept or named.
fn damage_mail(seed: u64, (end, left): (&'static str, &Path), fresh: &View) -> MailEnded {
    let mut ended = MailEnded { seed, end, ..MailEnded::default() };
    let what = DAMAGES[seed as usize % DAMAGES.len()];
    let context = format!("seed {seed}, {what:?}, {end}");
    let folder = tempfile::tempdir().unwrap();
    copy(left, folder.path());
    let paths = Paths::in_folder(folder.path());
    damage(&paths.mail_db, what, &mut Random(seed));
    let before = std::fs::read(&paths.mail_db).unwrap_or_default();
    let mut said = Vec::new();
    let (writer, view) = match work(&paths, &mut said, &context) {
        Err(StoreError::Newer { .. }) => {
            assert_eq!(std::fs::read(&paths.mail_db).unwrap(), before, "{context}: refused, but touched");
            return MailEnded { is_refused: true, ..ended };
        }
        other => other.unwrap_or_else(|error| panic!("{context}: {error}")),
    };
    let context = format!("{context}, {said:?}");
    let drafts = DRAFTS.map(str::to_owned).to_vec();
    let outbox = vec![("Held".to_owned(), Stage::Held), ("Queued".to_owned(), Stage::Queued)];
    assert_eq!(own(&paths), (drafts, outbox, 1), "{context}");
    let is_here = !writer.reader().unwrap().find_rfc_message_id("own@work").unwrap().is_empty();
    assert!(is_here || writer.orphans().wait().unwrap().len() == 1, "{context}: what was written here is gone");
    // the log was taken away or spoilt: what was only in it, nobody can know
    let is_log =
        matches!(what, Damage::LogGarbage | Damage::LogGone | Damage::Version) || (matches!(what, Damage::Folder | Damage::Emptied));
    let is_told = |uid: u32| is_log || said.iter().any(|text| text.contains(&subject(uid)) || text.contains("may be lost"));
    let mut expect = fresh.clone();
    let place = |mailbox: &str, uid| (mailbox.to_owned(), subject(uid));
    for uid in STARRED {
        let is_kept = view.get(&place("Inbox", uid)).is_some_and(|row| row.1.bits.contains(flagged().bits));
        assert!(is_kept || is_told(uid), "{context}: the star of {uid} is lost");
        if is_kept {
            let row = expect.get_mut(&place("Inbox", uid)).unwrap();
            row.1 = row.1.with(&flagged());
        }
        *(if is_kept { &mut ended.kept } else { &mut ended.named }) += 1;
    }
    if view.contains_key(&place("Archive", MOVED)) {
        let row = expect.remove(&place("Inbox", MOVED)).unwrap();
        expect.insert(place("Archive", MOVED), row);
    } else {
        assert!(is_told(MOVED), "{context}: the move is lost");
    }
    if !view.contains_key(&place("Inbox", DELETED)) {
        expect.remove(&place("Inbox", DELETED));
    } else {
        assert!(is_told(DELETED), "{context}: the deletion is lost");
    }
    if view != expect {
        // a flipped bit in a text, or in a flag, is a text or a flag like any other
        let is_text = matches!(what, Damage::Flips | Damage::Garbage | Damage::Head | Damage::SwappedPages);
        let lost = expect.keys().filter(|key| !view.contains_key(*key)).count();
        assert!(is_text && view.len() == expect.len() && lost <= 8, "{context}: {lost} lost of {}, {} listed", expect.len(), view.len());
        ended.is_unnoticed = true;
    }
    ended
}

#[test]
fn any_damage_of_mail_db_ends_in_a_fresh_listing_and_every_waiting_change_is_kept_or_named() {
    let left = templates();
    let fresh = {
        let folder = tempfile::tempdir().unwrap();
        let writer = open(&Paths::in_folder(folder.path())).unwrap();
        sync(&writer).unwrap();
        view(&writer).unwrap()
    };
    let played = play(MAIL_ONCE_WRONG, |seed| {
        let one = |(end, left): (&&'static str, &tempfile::TempDir)| damage_mail(seed, (end, left.path()), &fresh);
        ENDS.iter().zip(&left).map(one).collect::<Vec<_>>()
    });
    let played: Vec<MailEnded> = played.into_iter().flatten().collect();
    let sum = |of: fn(&MailEnded) -> usize| played.iter().map(of).sum::<usize>();
    let unnoticed: Vec<_> = played.iter().filter(|one| one.is_unnoticed).map(|one| (one.seed, one.end)).collect();
    println!(
        "figure: {} damages of mail.db, {} changes kept, {} named, {} files refused as newer; damage of texts unnoticed: seeds {unnoticed:?}",
        played.len(),
        sum(|one| one.kept),
        sum(|one| one.named),
        sum(|one| usize::from(one.is_refused)),
    );
    assert!(sum(|one| one.kept) > 0);
}

/// How a damage of user.db ended.
#[derive(Clone, Copy, PartialEq)]
enum UserEnded {
    Whole,
    Restored,
    Empty,
    Refused,
    Unnoticed,
}

/// One damage of user.db, and of its copy at every fifth seed.
fn damage_user(seed: u64, (end, left): (&'static str, &Path)) -> UserEnded {
    let what = DAMAGES[seed as usize % DAMAGES.len()];
    let is_copy_too = seed.is_multiple_of(5);
    let context = format!("seed {seed}, {what:?}, copy too: {is_copy_too}, {end}");
    let folder = tempfile::tempdir().unwrap();
    copy(left, folder.path());
    let paths = Paths::in_folder(folder.path());
    let mut random = Random(seed);
    damage(&paths.user_db, what, &mut random);
    if is_copy_too {
        damage(&beside(&paths.user_db, "backup"), Damage::Garbage, &mut random);
    }
    let before = std::fs::read(&paths.user_db).unwrap_or_default();
    let mut said = Vec::new();
    let mut ends = 0;
    let found = loop {
        let writer = match start(&paths, &mut said, &context) {
            Err(StoreError::Newer { .. }) => {
                assert_eq!(std::fs::read(&paths.user_db).unwrap(), before, "{context}: refused, but touched");
                break None;
            }
            other => other.unwrap_or_else(|error| panic!("{context}: {error}")),
        };
        sync(&writer).unwrap_or_else(|error| panic!("{context}: {error}"));
        // what an idle moment looks for before it makes a new copy
        let is_damaged = check(&paths.user_db);
        writer.stop();
        if !is_damaged {
            break Some(own(&paths));
        }
        ends += 1;
        assert!(ends < 3, "{context}: it never came right: {said:?}");
    };
    let Some((drafts, outbox, _)) = found else { return UserEnded::Refused };
    let context = format!("{context}, {said:?}: {drafts:?} {outbox:?}");
    let is_restored = said.iter().any(|text| text.contains("the copy made at the last start"));
    let is_empty = said.iter().any(|text| text.contains("starts empty"));
    let ended = if is_restored {
        assert_eq!(drafts, DRAFTS, "{context}");
        assert!(outbox.len() == 2 && outbox.iter().all(|(_, stage)| *stage == Stage::Unknown), "{context}");
        UserEnded::Restored
    } else if is_empty {
        assert!(is_copy_too && drafts.is_empty() && outbox.is_empty(), "{context}");
        UserEnded::Empty
    } else if (drafts.len(), outbox.len()) != (2, 2) {
        // a flipped bit in a number is a number like any other, and SQLite reads what is cut off a long text as zeros
        assert!(matches!(what, Damage::Flips | Damage::Cut | Damage::ZeroPage), "{context}: lost without a word");
        UserEnded::Unnoticed
    } else {
        UserEnded::Whole
    };
    let is_aside = std::fs::read_dir(folder.path()).unwrap().flatten().any(|file| file.file_name().to_string_lossy().contains("damaged-"));
    assert_eq!(is_aside, is_restored || is_empty || !said.is_empty(), "{context}: what was damaged is kept");
    ended
}

#[test]
fn any_damage_of_user_db_ends_in_its_copy_or_a_new_one_and_nothing_is_sent_from_it_by_itself() {
    let left = templates();
    let played = play(USER_ONCE_WRONG, |seed| {
        let one = |(end, left): (&&'static str, &tempfile::TempDir)| (seed, *end, damage_user(seed, (end, left.path())));
        ENDS.iter().zip(&left).map(one).collect::<Vec<_>>()
    });
    let played: Vec<(u64, &str, UserEnded)> = played.into_iter().flatten().collect();
    let seeds = |of: UserEnded| played.iter().filter(|(_, _, ended)| *ended == of).map(|(seed, end, _)| (*seed, *end)).collect::<Vec<_>>();
    let (restored, empty) = (seeds(UserEnded::Restored).len(), seeds(UserEnded::Empty).len());
    println!(
        "figure: {} damages of user.db, {restored} restored, {empty} begun anew, {} refused as newer; unnoticed: seeds {:?}",
        played.len(),
        seeds(UserEnded::Refused).len(),
        seeds(UserEnded::Unnoticed)
    );
    assert!(restored > 0 && empty > 0);
}

#[test]
fn what_ended_a_process_is_remembered_until_it_goes_well_or_is_pardoned() {
    use crate::store::{InHand, What};
    let folder = tempfile::tempdir().unwrap();
    let writer = open(&Paths::in_folder(folder.path())).unwrap();
    let ids = sync(&writer).unwrap();
    let of = |what, key: &str| InHand { what, mailbox: ids["Inbox"], key: key.into() };
    let (headers, page) = (of(What::Headers, "5"), of(What::Page, "77"));
    writer.note_deaths(vec![headers.clone(), page.clone()], 10).wait().unwrap();
    writer.note_deaths(vec![headers.clone()], 20).wait().unwrap();
    let reader = writer.reader().unwrap();
    let mut known: Vec<_> = reader.poison().unwrap().into_iter().map(|poison| (poison.of, poison.deaths, poison.at)).collect();
    known.sort_by_key(|(of, ..)| of.what as u8);
    assert_eq!(known, [(headers, 2, 20), (page.clone(), 1, 10)]);
    writer.clear_deaths(page).wait().unwrap();
    assert_eq!(reader.poison().unwrap().len(), 1);
    // its headers are fetched anew
    let five = find(&writer, ids["Inbox"], 5);
    let changed = writer.pardon().wait().unwrap();
    assert_eq!(changed.mailboxes[0].removed, [five]);
    assert_eq!(reader.poison().unwrap(), []);
    sync(&writer).unwrap();
    assert!(view(&writer).unwrap().contains_key(&("Inbox".into(), subject(5))));
}
