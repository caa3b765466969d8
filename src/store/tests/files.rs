//! The files: permissions, versions, damage, several processes, panics, size.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::fixture::{Store, flagged, message};
use crate::mail::{Address, Listing};
use crate::store::sound::is_sound;
use crate::store::{Paths, Reader, StoreError, open};

#[test]
fn files_are_private_and_reading_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::in_folder(&folder.path().join("data"));
    assert!(Reader::open(&paths).unwrap().is_none());
    assert!(!paths.mail_db.exists());
    let writer = open(&paths).unwrap();
    writer.set_accounts(vec!["a".into()]).wait().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&paths.mail_db), mode(&paths.user_db), mode(paths.mail_db.parent().unwrap())), (0o600, 0o600, 0o700));
    assert_eq!(writer.notices(), Vec::<String>::new());
    writer.stop();
    assert_eq!(mode(&crate::store::open::beside(&paths.user_db, "backup")), 0o600);
    assert!(matches!(writer.set_accounts(vec![]).wait(), Err(StoreError::Stopped)));
}

#[test]
fn what_a_newer_program_wrote_is_refused_untouched() {
    for newer in ["mail.db", "user.db"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(newer);
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE future (x); PRAGMA user_version = 99;").unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let error = open(&Paths::in_folder(folder.path())).unwrap_err();
        assert!(matches!(&error, StoreError::Newer { file, found: 99, .. } if file == newer), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn what_a_newer_program_left_when_it_was_killed_is_refused_untouched() {
    for newer in ["mail.db", "user.db"] {
        let (folder, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let db = Connection::open(folder.path().join(newer)).unwrap();
        let _: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).unwrap();
        db.execute_batch("CREATE TABLE future (x); PRAGMA user_version = 99; INSERT INTO future VALUES (1);").unwrap();
        let _: i64 = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        // what it did last is in the log
        db.execute("UPDATE future SET x = 2", []).unwrap();
        let names = [newer.to_owned(), format!("{newer}-wal")];
        let bytes = |folder: &std::path::Path| names.clone().map(|name| std::fs::read(folder.join(name)).unwrap());
        for name in &names {
            std::fs::copy(folder.path().join(name), left.path().join(name)).unwrap();
        }
        let before = bytes(left.path());
        assert!(before[1].len() > 4_096, "there is a log");
        let error = open(&Paths::in_folder(left.path())).unwrap_err();
        assert!(matches!(&error, StoreError::Newer { file, found: 99, .. } if file == newer), "{error}");
        assert_eq!(bytes(left.path()), before);
    }
}

/// A closed store with two mailboxes of 1,000 messages, a leaf of each in the other's place in the index that lists walk.
fn with_swapped_leaves() -> (tempfile::TempDir, Paths) {
    let store = Store::new();
    for mailbox in [store.inbox, store.archive] {
        let list = (1..=1_000).map(|uid| message(uid, &format!("{}-{uid}", mailbox.0))).collect();
        store.writer.add_messages(mailbox, list).wait().unwrap();
    }
    let sql = "SELECT pageno FROM dbstat WHERE name = 'message_listing' AND pagetype = 'leaf' ORDER BY path";
    let mut statement = store.reader.db().prepare(sql).unwrap();
    let pages = statement.query_map([], |row| row.get::<_, u32>(0)).unwrap().map(|page| page.unwrap() as usize);
    let pages: Vec<usize> = pages.collect();
    drop(statement);
    store.writer.stop();
    let paths = store.writer.paths().clone();
    drop((store.reader, store.writer));
    let mut bytes = std::fs::read(&paths.mail_db).unwrap();
    let (first, last) = ((pages[0] - 1) * 8192, (pages[pages.len() - 1] - 1) * 8192);
    assert_ne!(first, last);
    let page = bytes[first..first + 8192].to_vec();
    bytes.copy_within(last..last + 8192, first);
    bytes[last..last + 8192].copy_from_slice(&page);
    std::fs::write(&paths.mail_db, bytes).unwrap();
    (store.folder, paths)
}

#[test]
fn a_list_that_is_shorter_than_its_counter_is_doubted_and_the_next_start_makes_it_whole() {
    let (_folder, paths) = with_swapped_leaves();
    let writer = open(&paths).unwrap();
    assert_eq!(writer.notices(), Vec::<String>::new());
    let reader = writer.reader().unwrap();
    let inbox = reader.mailboxes().unwrap()[0].id;
    assert!(reader.rows(&Listing::mailbox(inbox, false)).unwrap().len() < 1_000);
    assert!(reader.take_doubt());
    assert!(!reader.take_doubt(), "once each time");
    writer.suspect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(writer.noticed());
    let notices = writer.notices();
    assert!(notices.len() == 1 && notices[0].contains("mail.db is damaged; the next start mends it"), "{notices:?}");
    drop(reader);
    writer.stop();
    assert!(open(&paths).unwrap().notices()[0].contains("mail.db was damaged; it was moved"));
}

#[test]
fn a_list_that_its_counter_counts_is_not_doubted() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a", "b", "c"]);
    store.add(store.archive, &["d"]);
    store.move_to(&ids[..1], store.trash);
    for threads in [false, true] {
        for listing in
            [Listing::mailbox(store.inbox, threads), Listing { scope: crate::mail::Scope::All, ..Listing::mailbox(store.inbox, threads) }]
        {
            store.reader.rows(&listing).unwrap();
            assert!(!store.reader.take_doubt(), "{listing:?}");
        }
    }
}

#[test]
fn what_an_unclean_end_or_a_week_leaves_is_checked_behind_the_first_screen_and_said() {
    const WEEK: i64 = 7 * 86_400;
    let (_folder, paths) = with_swapped_leaves();
    let writer = open(&paths).unwrap();
    // when the last check ended, whether the end was clean, and whether it is looked after
    for (at, was_unclean, is_found) in
        [(0, false, false), (-WEEK, false, false), (-WEEK - 1, false, true), (1, false, true), (0, true, true)]
    {
        let (tell, told) = std::sync::mpsc::channel();
        writer.set_wall(std::sync::Arc::new(|| 10 * WEEK));
        let here = paths.clone();
        let keep = writer.engine_job(move |engine| {
            crate::store::open::mark_clean(&engine.mail, Some(10 * WEEK + at))?;
            crate::store::open::keep_house(engine, &here, was_unclean, move |found| tell.send(found).unwrap())
        });
        keep.wait().unwrap();
        // an end that was not begun is told by the channel that is gone
        assert_eq!(told.recv().is_ok_and(|found| found.len() == 1), is_found, "{at} {was_unclean}");
    }
}

#[test]
fn a_new_file_is_not_read_again_when_its_first_sync_has_filled_it() {
    let (tell, told) = std::sync::mpsc::channel();
    let store = Store::new();
    store.add(store.inbox, &["a"]);
    let keep = |store: &Store, tell: std::sync::mpsc::Sender<()>| {
        let paths = store.writer.paths().clone();
        let keep = move |engine: &mut crate::store::writer::Engine| {
            crate::store::open::keep_house(engine, &paths, false, move |_| tell.send(()).unwrap())
        };
        store.writer.engine_job(keep).wait().unwrap();
    };
    keep(&store, tell);
    assert!(told.recv().is_err(), "no check was begun");
    // one that is not new and was never checked is
    let forget = |engine: &mut crate::store::writer::Engine| Ok(engine.mail.execute("DELETE FROM meta WHERE name = 'checked'", [])?);
    store.writer.engine_job(forget).wait().unwrap();
    let store = store.restart();
    let (tell, told) = std::sync::mpsc::channel();
    keep(&store, tell);
    assert!(told.recv().is_ok(), "a check was begun");
}

#[test]
fn a_byte_that_is_no_text_costs_itself_and_not_the_draft() {
    let store = Store::new();
    let draft = crate::mail::Draft { account: "work".into(), subject: "Kept".into(), text: "one XX two".into(), ..Default::default() };
    store.writer.new_draft(draft, Vec::new(), None, 100, |_| "1@work".into()).wait().unwrap();
    store.writer.stop();
    let paths = store.writer.paths().clone();
    let mut bytes = std::fs::read(&paths.user_db).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 10).filter(|at| bytes[*at..].starts_with(b"one XX two")).collect();
    places.iter().for_each(|at| bytes[at + 4..at + 6].fill(0xff));
    std::fs::write(&paths.user_db, bytes).unwrap();
    assert!(!crate::store::sound::check(&paths.user_db));
    let drafts = crate::store::Own::open(&paths).unwrap().unwrap().drafts().unwrap();
    assert_eq!(drafts.iter().map(|one| one.draft.text.as_str()).collect::<Vec<_>>(), ["one \u{fffd}\u{fffd} two"]);
}

#[test]
fn accounts_whose_page_became_another_tables_are_found_at_the_start() {
    let store = Store::new();
    store.add(store.inbox, &["a", "b"]);
    let sql = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
    let root = |name: &str| store.reader.db().query_row(sql, [name], |row| row.get::<_, u32>(0)).unwrap() as usize;
    let (account, rows) = ((root("account") - 1) * 8192, (root("message") - 1) * 8192);
    store.writer.stop();
    let paths = store.writer.paths().clone();
    drop((store.reader, store.writer));
    let mut bytes = std::fs::read(&paths.mail_db).unwrap();
    bytes.copy_within(rows..rows + 8192, account);
    std::fs::write(&paths.mail_db, bytes).unwrap();
    let writer = open(&paths).unwrap();
    let notices = writer.notices();
    assert!(notices[0].contains("mail.db was damaged") && notices.iter().any(|text| text.contains("may be lost")), "{notices:?}");
}

#[test]
fn a_damaged_mail_db_is_moved_aside_and_said() {
    let store = Store::new();
    let last = store.add(store.inbox, &["a"]);
    store.writer.stop();
    let paths = store.writer.paths().clone();
    std::fs::write(&paths.mail_db, [0x55_u8; 20_000]).unwrap();
    drop(store.reader);
    let writer = open(&paths).unwrap();
    let notices = writer.notices();
    assert!(notices.len() == 2 && notices[0].contains("damaged-1") && notices[1].contains("may be lost"), "{notices:?}");
    assert_eq!(writer.reader().unwrap().mailboxes().unwrap(), []);
    // ids go on where they were
    let account = writer.set_accounts(vec!["w".into()]).wait().unwrap()[0];
    let inbox = writer.set_mailboxes(account, vec![super::fixture::remote("Inbox")], Default::default()).wait().unwrap()[0].id;
    let changed = writer.add_messages(inbox, vec![message(1, "a")]).wait().unwrap();
    assert!(changed.mailboxes[0].added[0] > last[0]);
}

#[test]
fn a_mail_db_found_damaged_by_the_check_is_rebuilt_at_the_next_start() {
    let store = Store::new();
    store.writer.stop();
    let paths = store.writer.paths().clone();
    let mut bytes = std::fs::read(&paths.mail_db).unwrap();
    let page = bytes.len() / 2;
    bytes[page..].fill(0x77);
    std::fs::write(&paths.mail_db, bytes).unwrap();
    crate::store::sound::check(&paths.mail_db);
    let writer = open(&paths).unwrap();
    assert!(writer.notices()[0].contains("was damaged"));
    writer.stop();
    assert_eq!(open(&paths).unwrap().notices().len(), 0);
}

#[test]
fn a_damaged_user_db_gives_way_to_its_copy_and_no_id_comes_twice() {
    let store = Store::new();
    let first = store.add(store.inbox, &["a"]);
    store.writer.stop();
    let paths = store.writer.paths().clone();
    std::fs::write(&paths.user_db, b"this is not a database at all, and long enough to be read as one").unwrap();
    drop((store.reader, store.writer));
    let writer = open(&paths).unwrap();
    let notices = writer.notices();
    assert!(notices.len() == 1 && notices[0].contains("the copy made at the last start"), "{notices:?}");
    let changed = writer.add_messages(store.inbox, vec![message(2, "b")]).wait().unwrap();
    assert!(changed.mailboxes[0].added[0] > first[0]);
}

#[test]
fn a_user_db_that_is_gone_comes_back_from_its_copy_and_says_so() {
    let store = Store::new();
    let first = store.add(store.inbox, &["a"]);
    store.writer.stop();
    let paths = store.writer.paths().clone();
    std::fs::remove_file(&paths.user_db).unwrap();
    drop((store.reader, store.writer));
    let writer = open(&paths).unwrap();
    let notices = writer.notices();
    assert!(notices.len() == 1 && notices[0].contains("was gone"), "{notices:?}");
    let changed = writer.add_messages(store.inbox, vec![message(2, "b")]).wait().unwrap();
    assert!(changed.mailboxes[0].added[0] > first[0]);
}

#[test]
fn two_writers_share_the_files() {
    let store = Store::new();
    let other = open(store.writer.paths()).unwrap();
    let ids = store.add(store.inbox, &["a"]);
    let changed = other.add_messages(store.inbox, vec![message(2, "b")]).wait().unwrap();
    assert!(changed.mailboxes[0].added[0].0 - ids[0].0 >= 65_000, "each has ids of its own");
    let threads: Vec<_> = [store.writer.clone(), other]
        .into_iter()
        .map(|writer| {
            let ids = ids.clone();
            std::thread::spawn(move || {
                for n in 0..20 {
                    let (add, remove) = if n % 2 == 0 { (flagged(), Default::default()) } else { (Default::default(), flagged()) };
                    let change = crate::mail::Change::Flags { ids: ids.clone(), add, remove };
                    writer.apply(change, "x".into()).wait().unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    store.check();
}

#[test]
fn a_job_that_panics_leaves_nothing_and_the_writer_lives() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    let failed = store.writer.user_job(|work| -> crate::store::Result<()> {
        work.db.execute("DELETE FROM message", [])?;
        panic!("a test of panics")
    });
    assert!(matches!(failed.wait(), Err(StoreError::Other(_))));
    assert_eq!(store.shown(store.inbox), ids);
    store.add_flags(&ids, flagged());
    store.check();
}

#[test]
fn what_the_user_does_goes_before_what_servers_say() {
    let store = Store::new();
    let (tell, told) = std::sync::mpsc::channel();
    let (open_gate, gate) = std::sync::mpsc::channel::<()>();
    let first = store.writer.sync_job(move |_| gate.recv().map_err(|_| StoreError::Stopped));
    let say = |name: &'static str| {
        let tell = tell.clone();
        move |_: &mut super::super::work::Work<'_>| tell.send(name).map_err(|_| StoreError::Stopped)
    };
    let jobs = [store.writer.sync_job(say("sync")), store.writer.user_job(say("user"))];
    open_gate.send(()).unwrap();
    first.wait().unwrap();
    jobs.into_iter().for_each(|job| job.wait().unwrap());
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["user", "sync"]);
}

#[test]
fn local_bytes_wait_in_user_db_until_a_server_has_them() {
    let store = Store::new();
    let ids = store.add(store.inbox, &["a"]);
    store.move_to(&ids, store.home_inbox);
    let new = store.shown(store.home_inbox)[0];
    store.writer.keep_local(ids[0], b"x".to_vec()).wait().unwrap();
    assert_eq!(store.reader.local_bytes(ids[0]).unwrap(), None, "that one is on a server");
    store.writer.keep_local(new, b"bytes".to_vec()).wait().unwrap();
    assert_eq!(store.reader.local_bytes(new).unwrap().as_deref(), Some(&b"bytes"[..]));
    let content = store.reader.location(new).unwrap().unwrap().content;
    assert_eq!(store.reader.places(content).unwrap().len(), 1);
    let push = store.push_home().unwrap();
    store.end(push, crate::store::PushEnd::Done(vec![(super::fixture::key(1), Some(super::fixture::key(9)))]));
    assert_eq!(store.reader.local_bytes(new).unwrap(), None);
}

#[test]
fn headers_of_a_hundred_thousand_messages_stay_under_forty_mebibytes() {
    const COUNT: u32 = 20_000;
    let store = Store::new();
    for batch in 0..COUNT / 200 {
        let list = (1..=200).map(|n| {
            let uid = COUNT - batch * 200 - n + 1;
            let mut m = message(uid, &format!("CAF{uid:x}.{:016x}@mail-lists", u64::from(uid) * 0x9e37_79b9_7f4a));
            m.received += i64::from(uid) * 61;
            m.envelope.subject = format!("Re: [project-devel] what to do about thing number {uid}");
            m.envelope.from = vec![Address::new("Augusta Ada King-Noel", format!("contributor{}@lists.example.org", uid % 900))];
            m.envelope.to = vec![Address::new("Project developers", "project-devel@lists.example.org")];
            m.envelope.cc = vec![Address::new("Charles Babbage", "charles.babbage@difference.example")];
            m.envelope.references = (1..4).map(|back| format!("ref{}@example.org", (uid / 4) * 4 + back)).collect();
            m.envelope.list_id = Some("project-devel.lists.example.org".into());
            m
        });
        drop(store.writer.add_messages(store.inbox, list.collect()));
    }
    store.writer.set_synced(store.inbox, 1).wait().unwrap();
    assert_eq!(store.reader.rows(&Listing::mailbox(store.inbox, false)).unwrap().len(), COUNT as usize);
    let sql = "SELECT sum(pgsize) FROM dbstat WHERE name NOT LIKE 'search%'";
    let bytes: i64 = store.reader.db().query_row(sql, [], |row| row.get(0)).unwrap();
    let each = bytes / i64::from(COUNT);
    assert!(each * 100_000 < 40 * 1024 * 1024, "{each} bytes a message");
    // and not by storing nothing
    println!("{each} bytes a message");
    assert!(each > 150, "{each}");
}

#[test]
fn a_sound_store_is_found_sound() {
    let store = Store::new();
    store.add(store.inbox, &["a", "b"]);
    let paths = store.writer.paths();
    for file in [&paths.mail_db, &paths.user_db] {
        is_sound(&Connection::open(file).unwrap()).unwrap();
    }
}
