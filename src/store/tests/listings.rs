//! Order, threads, windows, counts and search.

use super::fixture::{Store, message, seen};
use crate::mail::server::Body;
use crate::mail::server::NewMessage;
use crate::mail::{Listing, MailboxId, MessageId, Query, Scope, Sort, SortBy};
use crate::store::work::Work;

fn reply(uid: u32, name: &str, to: &str) -> NewMessage {
    let mut message = message(uid, name);
    message.envelope.references = vec![format!("{to}@example.org")];
    message
}

#[test]
fn rows_are_newest_first_and_summaries_keep_the_order_asked() {
    let store = Store::new();
    let mut list = vec![message(1, "a"), message(2, "b"), message(3, "c")];
    list[1].received += 50;
    store.writer.add_messages(store.inbox, list).wait().unwrap();
    let rows = store.reader.rows(&Listing::mailbox(store.inbox, false)).unwrap();
    let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
    let subjects: Vec<String> = store.reader.summaries(&ids).unwrap().into_iter().map(|s| s.subject).collect();
    assert_eq!(subjects, ["Subject b", "Subject c", "Subject a"]);
    let asked = [ids[2], MessageId(999_999_999), ids[0]];
    let given: Vec<MessageId> = store.reader.summaries(&asked).unwrap().into_iter().map(|s| s.id).collect();
    assert_eq!(given, [ids[2], ids[0]]);
    assert_eq!(store.counts(store.inbox), (3, 3));
    store.check();
}

#[test]
fn threads_join_in_any_order_of_arrival() {
    let links = [reply(1, "a", "root"), reply(2, "b", "a"), reply(3, "c", "b"), message(4, "root"), message(5, "other")];
    for turn in 0..links.len() {
        let store = Store::new();
        let mut list = links.to_vec();
        list.rotate_left(turn);
        for message in list {
            store.writer.add_messages(store.inbox, vec![message]).wait().unwrap();
        }
        let listing = Listing::mailbox(store.inbox, true);
        let rows = store.reader.rows(&listing).unwrap();
        let mut counts: Vec<u32> = rows.iter().map(|row| row.count).collect();
        counts.sort_unstable();
        assert_eq!(counts, [1, 4], "turn {turn}");
        let big = rows.iter().find(|row| row.count == 4).unwrap();
        let depths: Vec<u8> = store.reader.thread_rows(&listing, big.thread, &[]).unwrap().iter().map(|row| row.depth).collect();
        assert_eq!(depths, [0, 1, 2, 3]);
        assert_eq!(store.reader.thread_ids(&Scope::All, big.thread).unwrap().len(), 4);
    }
}

#[test]
fn a_first_window_is_the_beginning_of_the_whole() {
    let store = Store::new();
    let list = (1..60).map(|n| if n % 3 == 0 { reply(n, &format!("m{n}"), "m1") } else { message(n, &format!("m{n}")) });
    let list: Vec<_> = list
        .enumerate()
        .map(|(at, mut m)| {
            m.received += (at as i64 * 7) % 31;
            m
        })
        .collect();
    store.writer.add_messages(store.inbox, list).wait().unwrap();
    store.writer.add_messages(store.archive, vec![reply(1, "x", "m1")]).wait().unwrap();
    for threads in [false, true] {
        for scope in [Scope::Mailbox(store.inbox), Scope::All, Scope::Account(store.work)] {
            for by in [SortBy::Received, SortBy::Date, SortBy::From, SortBy::Subject, SortBy::Size] {
                for reversed in [false, true] {
                    let listing = Listing { scope: scope.clone(), query: None, threads, sort: Sort { by, reversed } };
                    let whole = store.reader.rows(&listing).unwrap();
                    let first = store.reader.first_rows(&listing, 7).unwrap();
                    assert_eq!(first, whole[..7], "{listing:?}");
                }
            }
        }
    }
}

fn find(store: &Store, scope: Scope, text: &str) -> Vec<String> {
    let query = Query::parse(text, &jiff::Zoned::now());
    let listing = Listing { scope, query: Some(query), threads: false, sort: Sort::default() };
    let ids: Vec<MessageId> = store.reader.rows(&listing).unwrap().iter().map(|row| row.id).collect();
    let mut names: Vec<String> = store.reader.summaries(&ids).unwrap().into_iter().map(|s| s.subject.replace("Subject ", "")).collect();
    names.sort_unstable();
    names
}

#[test]
fn search_finds_words_fields_flags_and_scripts_without_spaces() {
    let store = Store::new();
    let mut lunch = message(1, "lunch");
    lunch.envelope.subject = "明天的午餐计划".into();
    let mut street = message(2, "street");
    street.envelope.subject = "Größe der Straße".into();
    let mut carol = message(3, "carol");
    carol.envelope.from = vec![crate::mail::Address::new("Carol \"OR\" Shaw", "carol@example.net")];
    carol.flags = seen();
    store.writer.add_messages(store.inbox, vec![lunch, street, carol, message(4, "body")]).wait().unwrap();
    let body = Body { key: super::fixture::key(4), bytes: b"x".to_vec(), whole: true, parts: vec![] };
    store.writer.add_bodies(store.inbox, vec![body], vec!["The quarterly numbers".into()]).wait().unwrap();
    assert_eq!(store.writer.index_some(10).wait().unwrap(), 0);
    for (text, expect) in [
        ("午餐", vec!["明天的午餐计划"]),
        ("餐计", vec!["明天的午餐计划"]),
        ("strasse", vec!["Größe der Straße"]),
        ("grosse", vec!["Größe der Straße"]),
        ("quart", vec!["body"]),
        ("\"quarterly num\"", vec!["body"]),
        ("body:quarterly -is:read", vec!["body"]),
        ("subject:quarterly", vec![]),
        ("from:carol", vec!["carol"]),
        ("from:\"Carol \\\"OR\"", vec!["carol"]),
        ("is:read", vec!["carol"]),
        ("-from:ada is:read", vec!["carol"]),
        ("-is:read from:ada", vec!["body", "Größe der Straße", "明天的午餐计划"]),
        ("in:archive", vec![]),
        ("in:work/inbox carol", vec!["carol"]),
        ("in:inbox -carol -quarterly -午餐", vec!["Größe der Straße"]),
        ("before:2000", vec![]),
        ("after:2000 carol", vec!["carol"]),
    ] {
        let mut expect = expect;
        expect.sort_unstable();
        assert_eq!(find(&store, Scope::All, text), expect, "{text}");
    }
    store.check();
}

#[test]
fn everything_leaves_junk_and_trash_out_unless_named() {
    let store = Store::new();
    store.writer.add_messages(store.trash, vec![message(1, "gone")]).wait().unwrap();
    assert_eq!(find(&store, Scope::All, "gone"), Vec::<String>::new());
    assert_eq!(find(&store, Scope::All, "gone in:trash"), ["gone"]);
    assert_eq!(find(&store, Scope::Mailbox(store.trash), "gone"), ["gone"]);
}

#[test]
fn a_content_in_two_mailboxes_shows_once() {
    let store = Store::new();
    let mut one = message(1, "a");
    one.identity = Some("E1".into());
    let mut two = one.clone();
    two.key = super::fixture::key(9);
    store.writer.add_messages(store.inbox, vec![one]).wait().unwrap();
    store.writer.add_messages(store.archive, vec![two]).wait().unwrap();
    let all = Listing { scope: Scope::All, query: None, threads: false, sort: Sort::default() };
    assert_eq!(store.reader.rows(&all).unwrap().len(), 1);
    assert_eq!(store.counts(store.archive), (1, 1));
    store.check();
}

#[test]
fn what_an_older_version_did_not_index_is_indexed_later() {
    let store = Store::new();
    store.writer.add_messages(store.inbox, (1..=3).map(|n| message(n, "early")).collect()).wait().unwrap();
    let forget = |work: &mut Work<'_>| {
        work.db.execute_batch("DELETE FROM search; UPDATE content SET indexed = 0")?;
        Ok(())
    };
    store.writer.sync_job(forget).wait().unwrap();
    assert_eq!(find(&store, Scope::All, "early"), Vec::<String>::new());
    assert_eq!(store.writer.index_some(2).wait().unwrap(), 1);
    assert_eq!(store.writer.index_some(2).wait().unwrap(), 0);
    assert_eq!(find(&store, Scope::All, "early").len(), 3);
}

fn segments(store: &Store) -> i64 {
    let count = |work: &mut Work<'_>| Ok(work.db.query_row("SELECT count(DISTINCT segid) FROM search_idx", [], |row| row.get(0))?);
    store.writer.sync_job(count).wait().unwrap()
}

#[test]
fn a_batch_of_headers_is_written_to_the_search_index_at_once() {
    let store = Store::new();
    let writes = || store.writer.sync_job(|work| Ok(work.db.total_changes())).wait().unwrap();
    let before = writes();
    store.writer.add_messages(store.inbox, (1..=100).map(|n| message(n, &format!("word{n}"))).collect()).wait().unwrap();
    let each = (writes() - before) as f64 / 100.0;
    assert!(each < 8.0, "{each} rows written for each message");
    assert_eq!(find(&store, Scope::All, "word77").len(), 1);
}

#[test]
fn the_search_index_is_merged_where_it_has_many_segments() {
    let store = Store::new();
    let counts: Vec<i64> = (0..300)
        .map(|round| {
            let some = (1..=4).map(|n| message(round * 4 + n, &format!("round {round} of words {n}"))).collect();
            store.writer.add_messages(store.inbox, some).wait().unwrap();
            segments(&store)
        })
        .collect();
    let most = counts.iter().max().unwrap();
    assert!((100..160).contains(most), "at most {most} segments for 300 batches: {counts:?}");
    let merged = counts.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!((1..=3).contains(&merged), "merged {merged} times: {counts:?}");
    assert_eq!(find(&store, Scope::All, "words").len(), 1_200);
}

#[test]
fn own_answers_come_along_in_a_thread_that_the_mailbox_holds_and_in_no_other() {
    let store = Store::new();
    let sent = store.archive;
    store.writer.add_messages(store.inbox, vec![message(1, "question"), reply(2, "more", "answer")]).wait().unwrap();
    // an answer, a copy of what is in the mailbox as well, and a message nobody answered
    let list = vec![reply(1, "answer", "question"), reply(2, "more", "answer"), message(3, "alone")];
    store.writer.add_messages(sent, list).wait().unwrap();
    let listing = Listing::mailbox(store.inbox, true);
    let rows = store.reader.rows(&listing).unwrap();
    assert_eq!(rows.iter().map(|row| row.count).collect::<Vec<_>>(), [2], "a row counts its own mailbox");
    let named = |listing: &Listing, also: &[MailboxId]| {
        let members = store.reader.thread_rows(listing, rows[0].thread, also).unwrap();
        let summaries = store.reader.summaries(&members.iter().map(|row| row.id).collect::<Vec<_>>()).unwrap();
        let names = summaries.into_iter().map(|summary| summary.subject.replace("Subject ", ""));
        names.zip(members).map(|(name, row)| (name, row.depth, row.elsewhere)).collect::<Vec<_>>()
    };
    let expect =
        [("question", 0, false), ("answer", 1, true), ("more", 2, false)].map(|(name, depth, there)| (name.to_owned(), depth, there));
    assert_eq!(named(&listing, &[sent]), expect);
    assert_eq!(named(&listing, &[]).len(), 2);
    assert_eq!(named(&Listing::mailbox(store.trash, true), &[sent]), [], "nothing of its own, nothing shown");
    assert_eq!(store.reader.thread_ids(&listing.scope, rows[0].thread).unwrap().len(), 2, "a verb on the thread takes the mailbox's own");
}
