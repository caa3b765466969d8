//! A store with one account and its Inbox, for measuring.

use std::collections::BTreeMap;
use std::ops::Range;

use postrider::mail::server::{NewMessage, Opened, RemoteMailbox};
use postrider::mail::{MailboxId, UidValidity};
use postrider::store::{Paths, Reader, Writer, open};
use tempfile::TempDir;

pub struct Filled {
    _folder: TempDir,
    pub writer: Writer,
    pub reader: Reader,
    pub inbox: MailboxId,
}

pub fn empty() -> Filled {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let writer = open(&Paths::in_folder(folder.path())).expect("a new store");
    let account = writer.set_accounts(vec!["work".into()]).wait().expect("accounts")[0];
    let remote = RemoteMailbox {
        name: "Inbox".into(),
        wire_name: "INBOX".into(),
        role: None,
        selectable: true,
        total: None,
        unread: None,
        state: None,
    };
    let inbox = writer.set_mailboxes(account, vec![remote], BTreeMap::new()).wait().expect("mailboxes")[0].id;
    writer.opened(inbox, Opened { uid_validity: Some(UidValidity(1)), ..Opened::default() }).wait().expect("opened");
    let reader = writer.reader().expect("a reader");
    Filled { _folder: folder, writer, reader, inbox }
}

impl Filled {
    /// Newest first in batches of 200, as a first sync does.
    pub fn add(&self, uids: Range<u32>, message: impl Fn(u32) -> NewMessage) {
        let uids: Vec<u32> = uids.rev().collect();
        let batch = |batch: &[u32]| self.writer.add_messages(self.inbox, batch.iter().map(|uid| message(*uid)).collect());
        let jobs: Vec<_> = uids.chunks(200).map(batch).collect();
        jobs.into_iter().for_each(|job| drop(job.wait().expect("a batch")));
    }
}
