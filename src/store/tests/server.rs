//! A server in memory for random histories of the store, and the dice they are played with. Knows nothing of the store
//! but what a push asks.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{key, message};
use crate::mail::server::NewMessage;
use crate::mail::{Flags, Key, MailboxId};
use crate::store::{Push, PushKind};

/// xorshift: the same history for the same seed on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below.max(1) as u64) as usize
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        of.get(self.roll(of.len())).copied()
    }
}

#[derive(Clone, Debug)]
pub struct Mail {
    pub name: String,
    pub flags: Flags,
}

/// A server with UIDPLUS, which may forget to tell COPYUID.
#[derive(Debug, Default)]
pub struct Server {
    pub boxes: BTreeMap<MailboxId, BTreeMap<u32, Mail>>,
    pub next_uid: u32,
    pub next_name: u32,
    /// Names that somebody meant to delete.
    pub deleted: BTreeSet<String>,
    /// Names that exist more than once on purpose.
    pub copied: BTreeSet<String>,
}

impl Server {
    pub fn deliver(&mut self, mailbox: MailboxId) {
        self.next_name += 1;
        let mail = Mail { name: format!("m{}", self.next_name), flags: Flags::default() };
        self.put(mailbox, mail);
    }

    pub fn put(&mut self, mailbox: MailboxId, mail: Mail) -> u32 {
        self.next_uid += 1;
        self.boxes.entry(mailbox).or_default().insert(self.next_uid, mail);
        self.next_uid
    }

    pub fn take(&mut self, mailbox: MailboxId, key: &Key) -> Option<Mail> {
        self.boxes.get_mut(&mailbox)?.remove(&key.uid()?.0)
    }

    pub fn get(&mut self, mailbox: MailboxId, key: &Key) -> Option<&mut Mail> {
        self.boxes.get_mut(&mailbox)?.get_mut(&key.uid()?.0)
    }

    /// Does what a push asks; where things are now.
    pub fn run(&mut self, push: &Push, tells: bool) -> Vec<(Key, Option<Key>)> {
        let mut moved = Vec::new();
        for (_, old) in &push.rows {
            match &push.kind {
                PushKind::Flags { add, remove } => {
                    if let Some(mail) = self.get(push.mailbox, old) {
                        mail.flags = mail.flags.with(add).without(remove);
                    }
                }
                PushKind::Move { to, .. } => {
                    if let Some(mail) = self.take(push.mailbox, old) {
                        let uid = self.put(*to, mail);
                        moved.push((old.clone(), tells.then(|| key(uid))));
                    }
                }
                PushKind::Copy { to, .. } => {
                    if let Some(mail) = self.get(push.mailbox, old).cloned() {
                        let uid = self.put(*to, mail);
                        moved.push((old.clone(), tells.then(|| key(uid))));
                    }
                }
                PushKind::Delete => {
                    if let Some(mail) = self.take(push.mailbox, old) {
                        self.deleted.insert(mail.name);
                    }
                }
                PushKind::Append { .. } => {}
            }
        }
        if let PushKind::Append { flags, rfc_message_id, .. } = &push.kind {
            let name = rfc_message_id.as_deref().unwrap_or_default().trim_end_matches("@example.org").to_owned();
            let uid = self.put(push.mailbox, Mail { name, flags: flags.clone() });
            moved.extend(tells.then(|| (key(uid), Some(key(uid)))));
        }
        moved
    }

    /// What a comparison of a mailbox tells.
    pub fn present(&self, mailbox: MailboxId) -> Vec<(Key, Flags)> {
        let mails = self.boxes.get(&mailbox).into_iter().flatten();
        mails.map(|(uid, mail)| (key(*uid), mail.flags.clone())).collect()
    }

    /// The headers of what is still there of these.
    pub fn headers(&self, mailbox: MailboxId, keys: &[Key]) -> Vec<NewMessage> {
        let found = keys.iter().filter_map(|key| {
            let uid = key.uid()?.0;
            let mail = self.boxes.get(&mailbox)?.get(&uid)?;
            Some(NewMessage { flags: mail.flags.clone(), ..message(uid, &mail.name) })
        });
        found.collect()
    }
}
