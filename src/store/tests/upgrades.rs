//! Files of every earlier schema version: read as they are, brought up to date whole or not at all, also where the process
//! ends in the middle.

use std::path::Path;

use rusqlite::Connection;

use super::fixture::message;
use crate::mail::{Listing, Stage};
use crate::store::migrate::{MAIL, USER};
use crate::store::{InHand, Own, Paths, What, open};

/// A database as the program of that version left it, with one row of each kind that version knew.
fn old(file: &Path, steps: &[&str], version: usize, rows: &[(usize, &str)]) -> Connection {
    let db = Connection::open(file).unwrap();
    db.execute_batch("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL;").unwrap();
    for (at, step) in steps.iter().take(version).enumerate() {
        db.execute_batch(step).unwrap();
        rows.iter().filter(|(since, _)| *since == at + 1).for_each(|(_, sql)| db.execute_batch(sql).unwrap());
    }
    db.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
    db
}

/// (version from which it is known, row)
const MAIL_ROWS: [(usize, &str); 1] = [(
    1,
    "INSERT INTO account VALUES (1, 'work', 0);
     INSERT INTO mailbox (id, account, name, wire_name, selectable, uid_validity, headers_from) VALUES (1, 1, 'Inbox', 'INBOX', 1, 1, 1);
     INSERT INTO content (id, account, received, size, hash, parent, attachment, subject, indexed) VALUES (1, 1, 5, 10, 0, 0, 0, 'Old one', 1);
     INSERT INTO message (id, content, thread, received, state, mailbox, uid, wanted_mailbox, wanted_bits, server_bits) VALUES (1, 1, 1, 5, 1, 1, 7, 1, 2, 0);
     INSERT INTO sent (message, push, kind, bits) VALUES (1, 1, 1, 2);",
)];
const USER_ROWS: [(usize, &str); 3] = [
    (
        1,
        "INSERT INTO local (message, account, mailbox, size, received, bits, keywords, bytes) VALUES (9, 'work', 'Inbox', 1, 5, 0, '', x'41');
         UPDATE meta SET value = 100;",
    ),
    (
        2,
        "INSERT INTO draft (account, rfc_message_id, holder, saved, value) VALUES ('work', 'd', 0, 5,
         '{\"account\":\"work\",\"subject\":\"Old draft\"}')",
    ),
    (
        3,
        "INSERT INTO outbox (account, stage, not_before, queued, rfc_message_id, subject, envelope, bytes)
         VALUES ('work', 0, 0, 5, 'q', 'Old letter', '{\"mail_from\":\"a@b.example\",\"recipients\":[]}', x'41')",
    ),
];

/// Everything that was in the files is there, and they work.
fn check(paths: &Paths, user_version: usize, context: &str) {
    let writer = open(paths).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(writer.notices(), Vec::<String>::new(), "{context}");
    let reader = writer.reader().unwrap();
    let inbox = reader.find_mailbox("work/Inbox").unwrap().unwrap();
    let rows = reader.rows(&Listing::mailbox(inbox.id, false)).unwrap();
    assert_eq!(rows.len(), 1, "{context}");
    let summary = reader.summaries(&[rows[0].id]).unwrap().remove(0);
    assert!(summary.subject == "Old one" && summary.is_waiting, "{context}: {summary:?}");
    assert_eq!(reader.local_bytes(crate::mail::MessageId(9)).unwrap().as_deref(), Some(&b"A"[..]), "{context}");
    let own = Own::open(paths).unwrap().unwrap();
    let drafts: Vec<String> = own.drafts().unwrap().into_iter().map(|stored| stored.draft.subject).collect();
    assert_eq!(drafts, if user_version >= 2 { vec!["Old draft"] } else { vec![] }, "{context}");
    let outbox: Vec<(String, Stage)> = own.outbox().unwrap().into_iter().map(|item| (item.subject.to_string(), item.stage)).collect();
    assert_eq!(outbox.len(), usize::from(user_version >= 3), "{context}: {outbox:?}");
    // and both are of today
    let added = writer.add_messages(inbox.id, vec![message(8, "new")]).wait().unwrap();
    assert!(added.mailboxes[0].added[0].0 >= 100, "{context}: an id that was given before");
    let of = InHand { what: What::Page, mailbox: inbox.id, key: "1".into() };
    writer.note_deaths(vec![of], 5).wait().unwrap();
    assert_eq!(reader.poison().unwrap().len(), 1, "{context}");
}

#[test]
fn files_of_every_earlier_version_are_read_and_brought_up_to_date() {
    for mail in 1..=MAIL.len() {
        for user in 1..=USER.len() {
            let folder = tempfile::tempdir().unwrap();
            let paths = Paths::in_folder(folder.path());
            drop(old(&paths.mail_db, MAIL, mail, &MAIL_ROWS));
            drop(old(&paths.user_db, USER, user, &USER_ROWS));
            check(&paths, user, &format!("mail.db {mail}, user.db {user}"));
        }
    }
}

/// Copies a database with its log as it is now, as a process that dies now leaves it.
fn die(file: &Path, to: &Path) {
    for ending in ["", "-wal"] {
        let with = |path: &Path| format!("{}{ending}", path.display());
        let _ = std::fs::remove_file(with(to));
        let _ = std::fs::copy(with(file), with(to));
    }
}

#[test]
fn an_end_in_the_middle_of_bringing_a_file_up_to_date_leaves_it_as_it_was() {
    for (is_mail, steps, rows) in [(true, MAIL, &MAIL_ROWS[..]), (false, USER, &USER_ROWS[..])] {
        for version in 1..steps.len() {
            for deaths_after in 0..=steps.len() - version {
                let (folder, left) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
                let paths = Paths::in_folder(left.path());
                let place = folder.path().join("old.db");
                let mut db = old(&place, steps, version, rows);
                // small enough that what is not committed yet goes into the log
                db.execute_batch("PRAGMA cache_size = 1").unwrap();
                let tx = db.transaction().unwrap();
                for step in steps.iter().skip(version).take(deaths_after) {
                    tx.execute_batch(step).unwrap();
                }
                let (this, other) = if is_mail { (&paths.mail_db, &paths.user_db) } else { (&paths.user_db, &paths.mail_db) };
                die(&place, this);
                drop(tx);
                let of_other = if is_mail { (USER, &USER_ROWS[..]) } else { (MAIL, &MAIL_ROWS[..]) };
                drop(old(other, of_other.0, of_other.0.len(), of_other.1));
                let user_version = if is_mail { USER.len() } else { version };
                check(&paths, user_version, &format!("mail {is_mail}, from {version}, dead after {deaths_after} steps"));
            }
        }
    }
}
