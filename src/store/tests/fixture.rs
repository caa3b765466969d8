//! A store in a temporary folder with two accounts, and the shortest ways to speak with it.

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::mail::server::{NewMessage, Opened, RemoteMailbox};
use crate::mail::{AccountId, Address, Change, Envelope, FlagBits, Flags, Key, Listing, MailboxId, MessageId, Uid, UidValidity};
use crate::store::{Applied, Paths, Push, PushEnd, Reader, Writer, open};

pub struct Store {
    pub folder: TempDir,
    pub writer: Writer,
    pub reader: Reader,
    pub work: AccountId,
    pub home: AccountId,
    pub inbox: MailboxId,
    pub archive: MailboxId,
    pub trash: MailboxId,
    /// Of the other account.
    pub home_inbox: MailboxId,
}

pub fn remote(name: &str) -> RemoteMailbox {
    RemoteMailbox {
        name: name.into(),
        wire_name: format!("wire {name}"),
        role: None,
        selectable: true,
        total: None,
        unread: None,
        state: None,
    }
}

/// A message that is like no other but through `name`.
pub fn message(uid: u32, name: &str) -> NewMessage {
    let envelope = Envelope {
        date: Some(1_700_000_000 + i64::from(uid)),
        from: vec![Address::new("Ada Lovelace", "ada@example.org")],
        to: vec![Address::new("", "team@example.org")],
        subject: format!("Subject {name}"),
        rfc_message_id: Some(format!("{name}@example.org")),
        ..Envelope::default()
    };
    let size = 1000 + name.len() as u64;
    NewMessage { key: key(uid), flags: Flags::default(), received: 1_700_000_000, size, envelope, identity: None }
}

pub fn key(uid: u32) -> Key {
    Key::Uid(Uid(uid))
}

pub fn seen() -> Flags {
    Flags::bits(FlagBits::SEEN)
}

pub fn flagged() -> Flags {
    Flags::bits(FlagBits::FLAGGED)
}

pub fn opened(validity: u32) -> Opened {
    Opened { uid_validity: Some(UidValidity(validity)), ..Opened::default() }
}

impl Store {
    pub fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap())
    }

    /// Over files that may be there.
    pub fn in_folder(folder: TempDir) -> Self {
        let writer = open(&Paths::in_folder(folder.path())).unwrap();
        Self::fill(folder, writer)
    }

    fn fill(folder: TempDir, writer: Writer) -> Self {
        let accounts = writer.set_accounts(vec!["work".into(), "home".into()]).wait().unwrap();
        let (work, home) = (accounts[0], accounts[1]);
        let names = ["Inbox", "Archive", "Trash", "Junk"].map(remote).to_vec();
        let list = writer.set_mailboxes(work, names, BTreeMap::new()).wait().unwrap();
        let id = |name: &str| list.iter().find(|mailbox| mailbox.name == name).unwrap().id;
        let other = writer.set_mailboxes(home, vec![remote("Inbox"), remote("Saved")], BTreeMap::new()).wait().unwrap();
        let (inbox, archive, trash, home_inbox) = (id("Inbox"), id("Archive"), id("Trash"), other[0].id);
        for mailbox in [inbox, archive, trash, home_inbox] {
            writer.opened(mailbox, opened(1)).wait().unwrap();
        }
        let reader = writer.reader().unwrap();
        Self { folder, writer, reader, work, home, inbox, archive, trash, home_inbox }
    }

    /// Ends the writer and opens the same files again.
    pub fn restart(mut self) -> Self {
        self.reopen();
        self
    }

    pub fn reopen(&mut self) {
        self.writer.stop();
        self.writer = open(&Paths::in_folder(self.folder.path())).unwrap();
        self.reader = self.writer.reader().unwrap();
    }

    /// Adds messages named a, b, c… with uids 1, 2, 3… to a mailbox; ids in that order.
    pub fn add(&self, mailbox: MailboxId, names: &[&str]) -> Vec<MessageId> {
        let list: Vec<NewMessage> = names.iter().enumerate().map(|(at, name)| message(at as u32 + 1, name)).collect();
        // one by one, so that ids grow with the uids
        let add = |message| self.writer.add_messages(mailbox, vec![message]).wait().unwrap().mailboxes[0].added[0];
        Vec::into_iter(list).map(add).collect()
    }

    pub fn apply(&self, change: Change) -> Applied {
        self.writer.apply(change, "done".into()).wait().unwrap()
    }

    pub fn add_flags(&self, ids: &[MessageId], flags: Flags) -> Applied {
        self.apply(Change::Flags { ids: ids.to_vec(), add: flags, remove: Flags::default() })
    }

    pub fn move_to(&self, ids: &[MessageId], to: MailboxId) -> Applied {
        self.apply(Change::Move { ids: ids.to_vec(), to })
    }

    pub fn undo(&self) -> Option<Applied> {
        self.writer.undo().wait().unwrap()
    }

    pub fn redo(&self) -> Option<Applied> {
        self.writer.redo().wait().unwrap()
    }

    pub fn push(&self) -> Option<Push> {
        self.believe(self.work);
        self.writer.next_push(self.work, 100).wait().unwrap()
    }

    pub fn push_home(&self) -> Option<Push> {
        self.believe(self.home);
        self.writer.next_push(self.home, 100).wait().unwrap()
    }

    /// What was told of keys by which something is to be asked is so.
    pub fn believe(&self, account: AccountId) {
        while let Some((mailbox, keys)) = self.reader.told_waiting(account, 100).unwrap() {
            let there = keys.iter().map(|key| {
                let sql =
                    "SELECT c.rfc_message_id, c.size FROM message m JOIN content c ON c.id = m.content WHERE m.mailbox = ?1 AND m.uid = ?2";
                let of = (mailbox.0, key.uid().unwrap().0);
                let (rfc_message_id, size) =
                    self.reader.db().query_row(sql, of, |row| Ok((row.get(0)?, row.get::<_, u32>(1)?.into()))).unwrap();
                let envelope = Envelope { rfc_message_id, ..Envelope::default() };
                NewMessage { key: key.clone(), size, envelope, ..message(1, "") }
            });
            let there = there.collect();
            assert_eq!(self.writer.look_at_told(mailbox, keys, there).wait().unwrap().1, 0);
        }
    }

    pub fn end(&self, push: Push, end: PushEnd) {
        self.writer.end_push(push, end).wait().unwrap();
    }

    /// Answers a push as a server with COPYUID would: new uids are the old ones and 100.
    pub fn end_done(&self, push: Push) {
        let moved = push.rows.iter().map(|(_, old)| (old.clone(), old.uid().map(|uid| key(uid.0 + 100)))).collect();
        self.end(push, PushEnd::Done(moved));
    }

    /// Ids shown in a mailbox, sorted.
    pub fn shown(&self, mailbox: MailboxId) -> Vec<MessageId> {
        let mut ids: Vec<_> = self.reader.rows(&Listing::mailbox(mailbox, false)).unwrap().iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids
    }

    pub fn flags(&self, id: MessageId) -> Flags {
        self.reader.summaries(&[id]).unwrap()[0].flags.clone()
    }

    pub fn is_waiting(&self, id: MessageId) -> bool {
        self.reader.summaries(&[id]).unwrap()[0].is_waiting
    }

    pub fn key_of(&self, id: MessageId) -> Option<Key> {
        self.reader.location(id).unwrap().and_then(|location| location.key)
    }

    pub fn counts(&self, mailbox: MailboxId) -> (u32, u32) {
        let mailbox = self.reader.mailbox(mailbox).unwrap().unwrap();
        (mailbox.total, mailbox.unread)
    }

    /// Counters, rows and contents agree with each other.
    pub fn check(&self) {
        let db = self.reader.db();
        let wrong: i64 = db
            .query_row(
                "SELECT count(*) FROM mailbox b WHERE total <> (SELECT count(*) FROM message WHERE wanted_mailbox = b.id) \
                 OR unread <> (SELECT count(*) FROM message WHERE wanted_mailbox = b.id AND wanted_bits & 1 = 0)",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(wrong, 0, "counters differ from rows");
        let orphans = "SELECT (SELECT count(*) FROM content WHERE id NOT IN (SELECT content FROM message)) \
             + (SELECT count(*) FROM message WHERE content NOT IN (SELECT id FROM content)) \
             + (SELECT count(*) FROM body WHERE content NOT IN (SELECT id FROM content)) \
             + (SELECT count(*) FROM sent WHERE message NOT IN (SELECT id FROM message))";
        let orphans: i64 = db.query_row(orphans, [], |row| row.get(0)).unwrap();
        assert_eq!(orphans, 0, "rows without their other half");
    }
}
