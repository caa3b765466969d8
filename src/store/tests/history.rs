//! Random histories: a user, a server, another client, lost answers and restarts, in any order. However it
//! went, in the end what is wanted, what is stored and what the server has are the same, and nothing is
//! lost or doubled.

use std::collections::{BTreeMap, BTreeSet};

use super::fixture::{Store, key, opened};
use super::server::{Dice, Server};
use crate::mail::server::Window;
use crate::mail::{Change, FlagBits, Flags, Key, MailboxId, MessageId};
use crate::store::{Push, PushEnd};

/// Mailbox, what the server had there, and when that was asked.
type Asked = (MailboxId, Vec<(Key, Flags)>, u64);

struct World {
    store: Store,
    server: Server,
    boxes: [MailboxId; 3],
    dice: Dice,
    refused: BTreeSet<MessageId>,
    /// Asked and not answered, with the answer the server gave.
    open: Vec<(Push, PushEnd)>,
    /// A comparison asked for earlier.
    asked: Option<Asked>,
}

impl World {
    fn new(seed: u64) -> Self {
        let store = Store::new();
        let boxes = [store.inbox, store.archive, store.trash];
        let mut server = Server { next_uid: 1000, ..Server::default() };
        (0..4).for_each(|_| server.deliver(boxes[0]));
        Self { store, server, boxes, dice: Dice::new(seed), refused: BTreeSet::new(), open: Vec::new(), asked: None }
    }

    fn shown(&self) -> Vec<MessageId> {
        self.boxes.iter().flat_map(|mailbox| self.store.shown(*mailbox)).collect()
    }

    /// Where the user left each message, and the flag that only the user touches.
    fn words(&self) -> BTreeMap<MessageId, (MailboxId, bool)> {
        let summaries = self.store.reader.summaries(&self.shown()).unwrap();
        summaries.into_iter().map(|s| (s.id, (s.mailbox, s.flags.bits.contains(FlagBits::DRAFT)))).collect()
    }

    /// Nobody but the user changes what the user wants, unless a server refused.
    fn keeps_words(&mut self, what: &str, run: impl FnOnce(&mut Self)) {
        let before = self.words();
        run(self);
        for (id, word) in self.words() {
            let is_refused = self.refused.contains(&id);
            assert!(is_refused || before.get(&id).is_none_or(|before| *before == word), "{what} changed {id} to {word:?}");
        }
    }

    fn step(&mut self) {
        match self.dice.roll(16) {
            0..=4 => self.user(),
            5..=7 => self.keeps_words("a push", Self::begin_push),
            8..=9 => self.keeps_words("an answer", Self::answer),
            10 => self.keeps_words("a sync", Self::sync),
            11 => self.ask(),
            12 => self.keeps_words("a late answer", Self::late_answer),
            13..=14 => self.other_client(),
            _ => self.keeps_words("a restart", Self::restart),
        }
        self.store.check();
    }

    fn user(&mut self) {
        let mut shown = self.shown();
        // rather what is under way than what is not
        let in_flight: Vec<MessageId> = self.open.iter().flat_map(|(push, _)| push.rows.iter().map(|(id, _)| *id)).collect();
        if self.dice.roll(2) == 0 && !in_flight.is_empty() {
            shown = in_flight;
        }
        let ids: BTreeSet<MessageId> = (0..=self.dice.roll(2)).filter_map(|_| self.dice.pick(&shown)).collect();
        let ids: Vec<MessageId> = ids.into_iter().collect();
        let to = self.boxes[self.dice.roll(3)];
        match self.dice.roll(9) {
            0..=2 => {
                let (a, b) = (Flags::bits(FlagBits(8 >> self.dice.roll(2))), Flags::bits(FlagBits(8 >> self.dice.roll(2))));
                let (add, remove) = if self.dice.roll(2) == 0 { (a, Flags::default()) } else { (Flags::default(), b) };
                self.store.apply(Change::Flags { ids, add, remove });
            }
            3..=5 => drop(self.store.move_to(&ids, to)),
            6 => drop(self.store.undo()),
            7 => drop(self.store.redo()),
            8 if self.dice.roll(2) == 0 => {
                let names = self.store.reader.summaries(&ids).unwrap().into_iter().map(|s| s.subject.replace("Subject ", ""));
                self.server.copied.extend(names);
                self.store.apply(Change::Copy { ids, to });
            }
            _ => drop(self.store.apply(Change::Delete { ids: ids.into_iter().take(1).collect() })),
        }
    }

    fn begin_push(&mut self) {
        self.store.believe(self.store.work);
        let Some(push) = self.store.writer.next_push(self.store.work, 3).wait().unwrap() else { return };
        let end = match self.dice.roll(8) {
            0 => PushEnd::NotNow,
            1 => {
                // what was asked of these may stand or not
                self.refused.extend(push.rows.iter().map(|(id, _)| *id));
                PushEnd::Refused
            }
            n => PushEnd::Done(self.server.run(&push, n > 3)),
        };
        self.open.push((push, end));
    }

    fn answer(&mut self) {
        if !self.open.is_empty() {
            let (push, end) = self.open.remove(self.dice.roll(self.open.len()));
            self.store.end(push, end);
        }
    }

    fn merge(&mut self, mailbox: MailboxId, present: Vec<(Key, Flags)>, asked_at: u64) {
        let merged = self.store.writer.merge_flags(mailbox, Window::ALL, present, asked_at).wait().unwrap();
        let found = self.server.headers(mailbox, &merged.missing);
        self.store.writer.add_messages(mailbox, found).wait().unwrap();
    }

    fn sync(&mut self) {
        for mailbox in self.boxes {
            self.store.writer.opened(mailbox, opened(1)).wait().unwrap();
            let asked_at = self.store.writer.clock();
            self.merge(mailbox, self.server.present(mailbox), asked_at);
            self.store.writer.set_synced(mailbox, 1).wait().unwrap();
        }
    }

    fn ask(&mut self) {
        let mailbox = self.boxes[self.dice.roll(3)];
        self.asked = Some((mailbox, self.server.present(mailbox), self.store.writer.clock()));
    }

    fn late_answer(&mut self) {
        if let Some((mailbox, present, asked_at)) = self.asked.take() {
            self.merge(mailbox, present, asked_at);
        }
    }

    fn other_client(&mut self) {
        let mailbox = self.boxes[self.dice.roll(3)];
        let uids: Vec<u32> = self.server.boxes.get(&mailbox).into_iter().flatten().map(|(uid, _)| *uid).collect();
        match (self.dice.pick(&uids), self.dice.roll(4)) {
            (_, 0) => self.server.deliver(mailbox),
            (Some(uid), 1) => {
                let mail = self.server.take(mailbox, &key(uid)).unwrap();
                self.server.deleted.insert(mail.name);
            }
            (Some(uid), _) => {
                let bits = FlagBits(self.dice.roll(8) as u8);
                let mail = self.server.get(mailbox, &key(uid)).unwrap();
                let kept = if mail.flags.bits.contains(FlagBits::DRAFT) { FlagBits::DRAFT } else { FlagBits::NONE };
                mail.flags = Flags::bits(bits.with(kept));
            }
            (None, _) => {}
        }
    }

    /// The program ends between a question and its answer.
    fn restart(&mut self) {
        self.store.reopen();
        self.asked = None;
        let told = std::mem::take(&mut self.open);
        for unresolved in self.store.writer.unresolved(self.store.work).wait().unwrap() {
            // the worker looks on the server: what did happen, row by row
            let find = |id: MessageId| {
                told.iter().find(|(push, _)| push.rows.iter().any(|(row, _)| *row == id) && push.kind == unresolved.push.kind)
            };
            let happened = unresolved.push.rows.first().and_then(|(id, _)| find(*id)).map(|(_, end)| end.clone());
            self.store.end(unresolved.push, happened.unwrap_or(PushEnd::NotNow));
        }
    }

    fn settle(&mut self) {
        while let Some((push, end)) = self.open.pop() {
            self.store.end(push, end);
        }
        for _ in 0..40 {
            self.sync();
            let Some(push) = self.store.push() else { break };
            let end = PushEnd::Done(self.server.run(&push, true));
            self.store.end(push, end);
        }
        self.sync();
    }

    fn compare(&self, seed: u64) {
        assert_eq!(self.store.reader.waiting(None).unwrap(), [], "seed {seed}");
        let mut names = BTreeSet::new();
        for mailbox in self.boxes {
            let ids = self.store.shown(mailbox);
            let mut here: Vec<(Option<Key>, String, Flags)> = self
                .store
                .reader
                .summaries(&ids)
                .unwrap()
                .into_iter()
                .map(|s| (self.store.key_of(s.id), s.subject.replace("Subject ", ""), s.flags))
                .collect();
            here.sort();
            let there: Vec<(Option<Key>, String, Flags)> = self
                .server
                .boxes
                .get(&mailbox)
                .into_iter()
                .flatten()
                .map(|(uid, mail)| (Some(key(*uid)), mail.name.clone(), mail.flags.clone()))
                .collect();
            assert_eq!(here, there, "seed {seed}, mailbox {mailbox}");
            for (_, name, _) in there {
                assert!(names.insert(name.clone()) || self.server.copied.contains(&name), "seed {seed}: {name} is doubled");
            }
        }
        for n in 1..=self.server.next_name {
            let name = format!("m{n}");
            assert!(names.contains(&name) || self.server.deleted.contains(&name), "seed {seed}: {name} is lost");
        }
    }
}

#[test]
fn however_it_went_all_agree_in_the_end() {
    // more on request: a night of them finds what a minute does not
    let count = std::env::var("POSTRIDER_HISTORIES").ok().and_then(|count| count.parse().ok()).unwrap_or(12);
    for seed in 1..=count {
        println!("seed {seed}");
        let mut world = World::new(seed);
        world.sync();
        for _ in 0..50 {
            world.step();
        }
        world.keeps_words("the end", World::settle);
        world.compare(seed);
        world.store.check();
    }
}
