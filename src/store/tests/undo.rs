//! Random steps of a user in two accounts, pushed or under way or waiting, and then all of them taken back: what is shown is
//! what was shown before the first; all of them done again: what was shown after the last. The servers follow.

use std::collections::BTreeMap;

use super::fixture::{Store, opened};
use super::server::{Dice, Server};
use crate::mail::server::Window;
use crate::mail::{Change, FlagBits, Flags, Keywords, MailboxId, MessageId};
use crate::store::{Push, PushEnd};

/// "m7 seen todo" for each message that is shown, by mailbox.
type Shown = BTreeMap<MailboxId, Vec<String>>;

fn words(name: &str, flags: &Flags) -> String {
    let flags: Vec<String> = flags.bits.names().map(str::to_owned).chain(flags.keywords.iter().map(str::to_owned)).collect();
    format!("{name} {}", flags.join(" ")).replace("Subject ", "")
}

/// The mailboxes that differ, each as it is and as it should be.
fn differences(is: &Shown, should: &Shown) -> String {
    let differ = is.iter().filter(|(mailbox, list)| should.get(mailbox) != Some(list));
    differ.map(|(mailbox, list)| format!("{mailbox}: {list:?}\ninstead of {:?}\n", should.get(mailbox))).collect()
}

struct World {
    store: Store,
    server: Server,
    /// The mailboxes of each account.
    boxes: [Vec<MailboxId>; 2],
    dice: Dice,
    /// Asked and not answered, one at a time in each account, with the answer that is on its way.
    open: Vec<(Push, PushEnd)>,
}

impl World {
    fn new(seed: u64) -> Self {
        let store = Store::new();
        let saved = store.reader.mailboxes().unwrap().into_iter().find(|mailbox| mailbox.name == "Saved").unwrap().id;
        store.writer.opened(saved, opened(1)).wait().unwrap();
        let boxes = [vec![store.inbox, store.archive, store.trash], vec![store.home_inbox, saved]];
        let mut server = Server { next_uid: 1000, ..Server::default() };
        boxes.iter().flatten().for_each(|mailbox| (0..3).for_each(|_| server.deliver(*mailbox)));
        let mut world = Self { store, server, boxes, dice: Dice::new(seed), open: Vec::new() };
        world.sync();
        world
    }

    fn all(&self) -> Vec<MailboxId> {
        self.boxes.concat()
    }

    fn shown(&self) -> Shown {
        let names = |mailbox: MailboxId| {
            let all = self.store.reader.summaries(&self.store.shown(mailbox)).unwrap();
            let mut list: Vec<_> = all.iter().map(|one| words(&one.subject, &one.flags)).collect();
            list.sort();
            list
        };
        self.all().into_iter().map(|mailbox| (mailbox, names(mailbox))).collect()
    }

    fn on_the_servers(&self) -> Shown {
        let names = |mailbox: MailboxId| {
            let mails = self.server.boxes.get(&mailbox).into_iter().flatten();
            let mut list: Vec<_> = mails.map(|(_, mail)| words(&mail.name, &mail.flags)).collect();
            list.sort();
            list
        };
        self.all().into_iter().map(|mailbox| (mailbox, names(mailbox))).collect()
    }

    fn expect(&self, state: &Shown, when: &str) {
        let difference = differences(&self.shown(), state);
        assert!(difference.is_empty(), "{when}: {difference}");
    }

    fn expect_everywhere(&self, state: &Shown, when: &str) {
        self.expect(state, when);
        let difference = differences(&self.on_the_servers(), state);
        assert!(difference.is_empty(), "{when}, on the servers: {difference}");
    }

    /// One step of the user; true where something was done that can be taken back.
    fn user(&mut self) -> bool {
        let shown: Vec<MessageId> = self.all().into_iter().flat_map(|mailbox| self.store.shown(mailbox)).collect();
        let mut ids: Vec<MessageId> = (0..=self.dice.roll(3)).filter_map(|_| self.dice.pick(&shown)).collect();
        ids.sort_unstable();
        ids.dedup();
        let to = self.all()[self.dice.roll(5)];
        let change = match self.dice.roll(8) {
            0..=2 => {
                let flags = [Flags::bits(FlagBits::SEEN), Flags::bits(FlagBits::FLAGGED)];
                let flags = flags.get(self.dice.roll(3)).cloned();
                let flags = flags.unwrap_or_else(|| Flags { bits: FlagBits::NONE, keywords: Keywords::new(["todo"]) });
                let (add, remove) = if self.dice.roll(2) == 0 { (flags, Flags::default()) } else { (Flags::default(), flags) };
                Change::Flags { ids, add, remove }
            }
            3..=5 => Change::Move { ids, to },
            6 => Change::Copy { ids, to },
            // as archiving over several accounts, or a rule of many parts: a row may come twice
            _ => {
                let second = self.all()[self.dice.roll(5)];
                let flags = Change::Flags { ids: ids.clone(), add: Flags::bits(FlagBits::SEEN), remove: Flags::default() };
                let one: Vec<MessageId> = ids.iter().copied().take(1).collect();
                Change::Together(vec![Change::Move { ids, to }, flags, Change::Move { ids: one, to: second }])
            }
        };
        !self.store.apply(change).inverse.ids().is_empty()
    }

    /// What the worker does meanwhile.
    fn worker(&mut self) {
        match self.dice.roll(6) {
            0..=2 => {
                let account = if self.dice.roll(2) == 0 { self.store.work } else { self.store.home };
                if self.open.iter().any(|(push, _)| push.account == account) {
                    return;
                }
                self.store.believe(account);
                let Some(push) = self.store.writer.next_push(account, 3).wait().unwrap() else { return };
                let end = match self.dice.roll(6) {
                    0 => PushEnd::NotNow,
                    n => PushEnd::Done(self.server.run(&push, n > 2)),
                };
                self.open.push((push, end));
            }
            3..=4 if !self.open.is_empty() => {
                let (push, end) = self.open.remove(self.dice.roll(self.open.len()));
                self.store.end(push, end);
            }
            5 => self.sync(),
            _ => {}
        }
        self.store.check();
    }

    fn sync(&mut self) {
        for mailbox in self.all() {
            self.store.writer.opened(mailbox, opened(1)).wait().unwrap();
            let asked_at = self.store.writer.clock();
            let merged = self.store.writer.merge_flags(mailbox, Window::ALL, self.server.present(mailbox), asked_at).wait().unwrap();
            self.store.writer.add_messages(mailbox, self.server.headers(mailbox, &merged.missing)).wait().unwrap();
            self.store.writer.set_synced(mailbox, 1).wait().unwrap();
        }
    }

    fn settle(&mut self) {
        while let Some((push, end)) = self.open.pop() {
            self.store.end(push, end);
        }
        for _ in 0..60 {
            self.sync();
            for push in [self.store.push(), self.store.push_home()].into_iter().flatten() {
                let end = PushEnd::Done(self.server.run(&push, true));
                self.store.end(push, end);
            }
        }
        assert_eq!(self.store.reader.waiting(None).unwrap(), []);
    }
}

fn play(seed: u64) {
    println!("seed {seed}");
    let mut world = World::new(seed);
    // everything is known on the servers, or still under way, when taking back begins
    let is_hasty = world.dice.roll(2) == 0;
    let start = world.shown();
    let mut states = vec![start.clone()];
    while states.len() <= 20 {
        if world.user() {
            states.push(world.shown());
        }
        (0..world.dice.roll(4)).for_each(|_| world.worker());
    }
    if !is_hasty {
        world.settle();
    }
    if world.dice.roll(2) == 0 {
        // taken back by the next run of the program
        world.open.drain(..).collect::<Vec<_>>().into_iter().for_each(|(push, end)| world.store.end(push, end));
        world.store.reopen();
    }
    let most = if is_hasty { 2 } else { 6 };
    for (at, state) in states.iter().enumerate().rev().skip(1) {
        world.store.undo().unwrap();
        world.expect(state, &format!("seed {seed}, step {} taken back", at + 1));
        (0..world.dice.roll(most)).for_each(|_| world.worker());
        world.expect(state, &format!("seed {seed}, pushes after step {} was taken back", at + 1));
    }
    assert!(world.store.undo().is_none(), "seed {seed}");
    if world.dice.roll(2) == 0 {
        world.settle();
        world.expect_everywhere(&start, &format!("seed {seed}, all taken back"));
    }
    for (at, state) in states.iter().enumerate().skip(1) {
        world.store.redo().unwrap();
        world.expect(state, &format!("seed {seed}, step {at} done again"));
        (0..world.dice.roll(most)).for_each(|_| world.worker());
        world.expect(state, &format!("seed {seed}, pushes after step {at} was done again"));
    }
    assert!(world.store.redo().is_none(), "seed {seed}");
    world.settle();
    let end = states.pop().unwrap();
    world.expect_everywhere(&end, &format!("seed {seed}, all done again"));
}

#[test]
fn all_taken_back_is_the_start_and_all_done_again_the_end() {
    // more on request, as for the histories
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("POSTRIDER_SEED") {
        Some(seed) => play(seed),
        None => (1..=number("POSTRIDER_HISTORIES").unwrap_or(8)).for_each(play),
    }
}
