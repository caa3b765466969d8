//! Drafts and their files: what is answered is on the disk, living runs keep theirs, what ended is recovered.

use super::fixture::Store;
use crate::mail::{Attachment, Draft, DraftId, FileId};
use crate::store::{Own, Paths, Writer, open};

fn own(store: &Store) -> Own {
    Own::open(store.writer.paths()).unwrap().unwrap()
}

fn draft(subject: &str) -> Draft {
    Draft { account: "work".into(), subject: subject.into(), ..Draft::default() }
}

fn new(writer: &Writer, draft: Draft) -> (DraftId, Draft) {
    writer.new_draft(draft, Vec::new(), None, 100, |id| format!("{}@work.example", id.0)).wait().unwrap()
}

/// Opened, then written in.
fn written(writer: &Writer, subject: &str) -> DraftId {
    let (id, opened) = new(writer, draft(subject));
    assert!(writer.save_draft(id, Draft { text: "Hello\n".into(), ..opened }, 101).wait().unwrap());
    id
}

fn subjects(store: &Store) -> Vec<String> {
    own(store).drafts().unwrap().into_iter().map(|stored| stored.draft.subject).collect()
}

fn file_count(store: &Store) -> usize {
    (1..100).filter(|n| own(store).file(FileId(*n)).unwrap().is_some()).count()
}

fn attachment(file: FileId) -> Attachment {
    Attachment { file, name: "a.txt".into(), content_type: "text/plain".into(), size: 1 }
}

#[test]
fn a_draft_and_its_files_are_kept_as_they_are() {
    let store = Store::new();
    let opened = Draft { attachments: vec![attachment(FileId(0)), attachment(FileId(0))], ..draft("Plan") };
    let files = vec![b"one".to_vec(), b"two".to_vec()];
    let (id, mut kept) = store.writer.new_draft(opened, files, None, 100, |id| format!("{}@x", id.0)).wait().unwrap();
    assert_eq!(kept.rfc_message_id, format!("{}@x", id.0));
    assert_eq!(own(&store).files(&kept).unwrap(), [b"one".to_vec(), b"two".to_vec()]);
    let file = store.writer.add_file(id, b"three".to_vec()).wait().unwrap();
    kept.attachments.push(attachment(file));
    kept.text = "a\0b\u{1f469}\n".into();
    assert!(store.writer.save_draft(id, kept.clone(), 150).wait().unwrap());
    let store = store.restart();
    let stored = own(&store).draft(id).unwrap().unwrap();
    assert_eq!((stored.draft, stored.saved, stored.touched), (kept.clone(), 150, true));
    assert_eq!(own(&store).files(&kept).unwrap()[2], b"three");
    assert_eq!(own(&store).draft_count().unwrap(), 1);
}

#[test]
fn files_go_with_their_draft_unless_another_names_them() {
    let store = Store::new();
    let with_file = || Draft { attachments: vec![attachment(FileId(0))], ..draft("x") };
    let (first, one) = store.writer.new_draft(with_file(), vec![b"1".to_vec()], None, 1, |_| "a@x".into()).wait().unwrap();
    let (second, mut two) = store.writer.new_draft(with_file(), vec![b"2".to_vec()], None, 1, |_| "b@x".into()).wait().unwrap();
    two.attachments.extend(one.attachments.clone());
    store.writer.save_draft(second, two, 2).wait().unwrap();
    store.writer.close_draft(first).wait().unwrap();
    assert_eq!(file_count(&store), 2, "the second names the first's");
    store.writer.close_draft(second).wait().unwrap();
    assert_eq!((file_count(&store), own(&store).draft_count().unwrap()), (0, 0));
}

#[test]
fn files_named_by_the_outbox_outlive_their_draft() {
    let store = Store::new();
    let (id, draft) = store
        .writer
        .new_draft(Draft { attachments: vec![attachment(FileId(0))], ..draft("x") }, vec![b"1".to_vec()], None, 1, |_| "a@x".into())
        .wait()
        .unwrap();
    let value = serde_json::to_string(&draft).unwrap();
    let queue = store.writer.own_job(move |tx| {
        tx.execute(
            "INSERT INTO outbox (account, stage, not_before, queued, rfc_message_id, subject, envelope, draft, bytes) \
             VALUES ('work', 0, 0, 0, 'a@x', 'x', '{}', ?1, x'')",
            [value],
        )?;
        Ok(())
    });
    queue.wait().unwrap();
    store.writer.close_draft(id).wait().unwrap();
    assert_eq!(own(&store).files(&draft).unwrap(), [b"1".to_vec()]);
    store.writer.own_job(|tx| Ok(tx.execute("DELETE FROM outbox", [])?)).wait().unwrap();
    store.writer.recover_drafts().wait().unwrap();
    assert_eq!(file_count(&store), 0);
}

#[test]
fn what_a_run_that_ended_had_open_is_recovered_once() {
    let store = Store::new();
    let (id, untouched) = (written(&store.writer, "Plan for Friday"), new(&store.writer, draft("nothing typed")).0);
    // it does not leave in order: nothing of its end is done
    let store = store.restart();
    let recovered = store.writer.recover_drafts().wait().unwrap();
    assert_eq!(recovered.iter().map(|stored| stored.id).collect::<Vec<_>>(), [id]);
    assert_eq!(subjects(&store), ["Plan for Friday"], "{untouched:?} had nothing to lose");
    assert!(store.writer.recover_drafts().wait().unwrap().is_empty(), "told once");
    let left = store.writer.claim_left().wait().unwrap();
    assert_eq!((left.len(), left[0].draft.text.as_str()), (1, "Hello\n"));
}

#[test]
fn a_second_process_leaves_the_drafts_of_a_living_one_alone() {
    let store = Store::new();
    let id = written(&store.writer, "mine");
    let left = written(&store.writer, "left");
    let stored = own(&store).draft(left).unwrap().unwrap();
    store.writer.leave_draft(left, stored.draft, false, 102).wait().unwrap();
    let discarded = written(&store.writer, "discarded");
    let stored = own(&store).draft(discarded).unwrap().unwrap();
    store.writer.discard_draft(discarded, stored.draft, 102).wait().unwrap();

    let other = open(&Paths::in_folder(store.folder.path())).unwrap();
    assert!(other.recover_drafts().wait().unwrap().is_empty());
    assert!(other.claim_left().wait().unwrap().is_empty());
    assert!(other.reopen_draft(id).wait().unwrap().is_none());
    assert!(store.writer.reopen_draft(discarded).wait().unwrap().is_some(), "and the other took nothing");
    store.writer.stop();
    assert_eq!(other.recover_drafts().wait().unwrap().len(), 2);
    assert_eq!(other.claim_left().wait().unwrap().len(), 3);
}

#[test]
fn a_discarded_draft_comes_back_until_the_next_start() {
    let store = Store::new();
    let id = written(&store.writer, "Plan");
    let stored = own(&store).draft(id).unwrap().unwrap();
    assert!(store.writer.discard_draft(id, Draft { text: "last words\n".into(), ..stored.draft.clone() }, 110).wait().unwrap());
    assert!(subjects(&store).is_empty());
    assert!(!store.writer.save_draft(id, stored.draft.clone(), 111).wait().unwrap(), "a late save revives nothing");
    let back = store.writer.reopen_draft(id).wait().unwrap().unwrap();
    assert_eq!(back.draft.text, "last words\n");
    assert!(store.writer.reopen_draft(id).wait().unwrap().is_none(), "it is open already");
    store.writer.discard_draft(id, back.draft, 112).wait().unwrap();
    let store = store.restart();
    store.writer.recover_drafts().wait().unwrap();
    assert!(store.writer.reopen_draft(id).wait().unwrap().is_none());
}

#[test]
fn at_every_moment_the_last_answered_text_is_there() {
    let mut store = Store::new();
    let mut seed = 0x9e37_79b9_u64;
    let (mut id, mut opened) = new(&store.writer, draft("typing"));
    let mut saved = String::new();
    for n in 0..200 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        if seed.is_multiple_of(10) {
            // the process dies: the answer to the newest save may not have come
            let _unanswered = store.writer.save_draft(id, opened.clone(), n);
            store.reopen();
            let recovered = store.writer.recover_drafts().wait().unwrap();
            let text = recovered.first().map(|stored| stored.draft.text.clone()).unwrap_or_default();
            assert!(text == saved || text == opened.text, "seed 0x9e3779b9, step {n}");
            for stored in store.writer.claim_left().wait().unwrap() {
                store.writer.close_draft(stored.id).wait().unwrap();
            }
            (id, opened) = new(&store.writer, draft("typing"));
            saved.clear();
        }
        opened.text.push_str(&format!("{n} "));
        assert!(store.writer.save_draft(id, opened.clone(), n).wait().unwrap());
        saved.clone_from(&opened.text);
    }
}
