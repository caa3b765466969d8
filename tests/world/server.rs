//! A mail server in memory: mailboxes, uids, flags, with or without MOVE and COPYUID, that can refuse, put
//! off, cut a connection before or after any verb took effect, or never answer (the moment to crash the client).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use postrider::mail::mailbox::Role;
use postrider::mail::{FlagBits, Flags, Key, Uid, UidValidity, Uids};
use postrider::remote::{
    Abilities, Body, Changes, Connect, Hint, Moved, Opened, Point, Remote, RemoteError, RemoteMailbox, RemoteMessage, Result, Window,
};
use tokio::sync::{Notify, mpsc, oneshot};

/// xorshift64: the same history for the same seed on every machine.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(usize::try_from(self.below(from.len() as u64)).unwrap())
    }
}

#[derive(Clone, Debug)]
pub struct Message {
    /// What the ledger counts.
    pub number: u64,
    pub flags: Flags,
}

/// How a server tells what changed in a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Only uid by uid.
    Nothing,
    /// Flags and what vanished, by counted changes.
    Counted,
    /// Flags by counted changes, and all that is there.
    Flags,
    /// Who has which flag.
    Sets,
}

#[derive(Clone, Debug)]
pub struct Mailbox {
    pub uid_validity: u32,
    pub uid_next: u32,
    pub messages: BTreeMap<u32, Message>,
    /// The last change, what each message looked like at the last look and when it last changed, and when what is gone went.
    mod_seq: u64,
    seen: BTreeMap<u32, (Flags, u64)>,
    gone: BTreeMap<u32, u64>,
}

impl Mailbox {
    pub fn new(uid_validity: u32) -> Self {
        Self { uid_validity, uid_next: 1, messages: BTreeMap::new(), mod_seq: 1, seen: BTreeMap::new(), gone: BTreeMap::new() }
    }

    /// Counts what changed since it was last counted.
    fn count(&mut self) {
        let now = self.mod_seq + 1;
        let left: Vec<u32> = self.seen.keys().filter(|uid| !self.messages.contains_key(uid)).copied().collect();
        for uid in left {
            self.seen.remove(&uid);
            self.gone.insert(uid, now);
            self.mod_seq = now;
        }
        for (uid, message) in &self.messages {
            if self.seen.get(uid).is_none_or(|(flags, _)| *flags != message.flags) {
                self.seen.insert(*uid, (message.flags.clone(), now));
                self.gone.remove(uid);
                self.mod_seq = now;
            }
        }
    }

    pub fn add(&mut self, message: Message) -> u32 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.messages.insert(uid, message);
        uid
    }
}

/// What goes wrong, in percent of the verbs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trouble {
    pub cut_before: u64,
    pub cut_after: u64,
    pub crash: u64,
    pub not_now: u64,
    pub refuse: u64,
    /// Of the answers that tell where messages are now (COPYUID, APPENDUID): those that tell it wrongly or not.
    pub misled: u64,
}

/// What was said between all servers and all clients of a history, in order.
pub type Log = Arc<Mutex<Vec<String>>>;

#[derive(Debug)]
pub struct Server {
    /// Which of the servers of the history.
    pub index: usize,
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub has_move: bool,
    pub has_copyuid: bool,
    pub telling: Telling,
    /// The list of mailboxes tells how far each is (LIST-STATUS), where changes are counted.
    pub lists_state: bool,
    pub trouble: Trouble,
    pub random: Random,
    pub next_number: u64,
    /// How often a message was put somewhere by a command whose answer never came.
    pub unanswered: BTreeMap<u64, usize>,
    /// How often a message was appended.
    pub appended: BTreeMap<u64, usize>,
    /// How often deleting a message was refused.
    pub halves: BTreeMap<u64, usize>,
    /// What commands put somewhere.
    placed: Vec<u64>,
    pub log: Log,
    /// Notified when a verb took effect and its answer will never come.
    pub crashed: Arc<Notify>,
}

pub type Shared = Arc<Mutex<Server>>;

/// No history delivers as many to one server.
pub const NUMBERS: u64 = 10_000;

pub const NAMES: [&str; 4] = ["INBOX", "Archive", "Lists", "Trash"];

impl Server {
    pub fn new(seed: u64, index: usize, log: Log) -> Self {
        let mut random = Random::new(seed ^ (index as u64) << 40);
        let mailboxes = NAMES.iter().enumerate();
        let mailboxes = mailboxes.map(|(n, name)| (name.to_string(), Mailbox::new(100 + n as u32)));
        let mut server = Self {
            index,
            mailboxes: mailboxes.collect(),
            has_move: random.percent(60),
            has_copyuid: random.percent(60),
            telling: [Telling::Nothing, Telling::Counted, Telling::Flags, Telling::Sets][(seed as usize + index) % 4],
            lists_state: true,
            trouble: Trouble::default(),
            random,
            next_number: index as u64 * NUMBERS + 1,
            unanswered: BTreeMap::new(),
            appended: BTreeMap::new(),
            halves: BTreeMap::new(),
            placed: Vec::new(),
            log,
            crashed: Arc::default(),
        };
        for _ in 0..server.random.below(12) + 3 {
            let name = *server.random.clone().pick(&NAMES).unwrap();
            server.random.below(2);
            server.deliver(name);
        }
        server
    }

    pub fn deliver(&mut self, mailbox: &str) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.mailboxes.get_mut(mailbox).unwrap().add(Message { number, flags: Flags::default() });
        number
    }

    /// Perhaps the second half of a move.
    fn note_half(&mut self, mailbox: &str, keys: &[Key]) {
        let numbers = uids(keys).into_iter().filter_map(|uid| Some(self.mailboxes.get(mailbox)?.messages.get(&uid)?.number));
        for number in numbers.collect::<Vec<_>>() {
            *self.halves.entry(number).or_default() += 1;
        }
    }

    fn note_unanswered(&mut self, numbers: &[u64]) {
        for number in numbers {
            *self.unanswered.entry(*number).or_default() += 1;
        }
    }

    fn forget_unanswered(&mut self, numbers: &[u64]) {
        for number in numbers {
            if let Some(count) = self.unanswered.get_mut(number) {
                *count = count.saturating_sub(1);
            }
        }
        self.unanswered.retain(|_, count| *count > 0);
    }

    /// Where messages are now, as this server tells it: perhaps of some only, of one the place of another, of several the
    /// same place, a place where another message is or will be.
    fn tell_keys(&mut self, to: &str, moved: &mut Moved) {
        let misled = self.trouble.misled;
        if !self.has_copyuid || misled == 0 || !self.random.percent(misled) {
            return;
        }
        let random = &mut self.random;
        let Some(target) = self.mailboxes.get(to) else { return };
        let there: Vec<u32> = target.messages.keys().copied().collect();
        let wrong = match random.below(6) {
            0 => None,
            1 => {
                moved.pop();
                return;
            }
            2 if moved.len() > 1 => {
                let first = moved[0].1.clone();
                for at in 1..moved.len() {
                    moved[at - 1].1 = moved[at].1.clone();
                }
                moved.last_mut().unwrap().1 = first;
                return;
            }
            2 | 3 => random.pick(&there).copied(),
            4 => Some(target.uid_next + random.below(3) as u32),
            _ => {
                for (_, new) in moved {
                    *new = random.pick(&there).map(|uid| Key::Uid(Uid(*uid)));
                }
                return;
            }
        };
        moved.iter_mut().for_each(|(_, new)| *new = wrong.map(|uid| Key::Uid(Uid(uid))));
    }

    pub fn say(&self, text: &str) {
        self.log.lock().unwrap().push(format!("{} {text}", ["first:", "second:"][self.index]));
    }

    /// As often as the message is there.
    pub fn count(&self, number: u64) -> usize {
        self.mailboxes.values().flat_map(|mailbox| mailbox.messages.values()).filter(|message| message.number == number).count()
    }
}

/// Connects to the server in memory.
#[derive(Clone, Debug)]
pub struct World(pub Shared);

/// The uid_validity of each mailbox as the connections of one process were last told it.
pub type Told = Arc<Mutex<BTreeMap<String, u32>>>;

/// What a connection that is led step by step says to who leads it.
#[derive(Debug)]
pub enum Said {
    /// It waits to go on: before a verb, or between its effect and the answer.
    AtGate(oneshot::Sender<()>),
    /// The process dies now.
    Crashed,
    /// The step ended.
    Done(Connection, std::result::Result<(), postrider::worker::step::StepError>),
}

/// Who leads, and by which number it knows this connection.
#[derive(Clone, Debug)]
pub struct Gate {
    pub actor: usize,
    pub said: mpsc::UnboundedSender<(usize, Said)>,
}

#[derive(Debug)]
pub struct Connection {
    server: Shared,
    dead: bool,
    told: Told,
    gate: Option<Gate>,
}

impl World {
    /// A connection that waits at every verb until it may go on.
    pub fn led(&self, told: Told, gate: Gate) -> Connection {
        Connection { server: self.0.clone(), dead: false, told, gate: Some(gate) }
    }
}

impl Connect for World {
    type Remote = Connection;

    async fn connect(&self, _first: Option<&str>) -> Result<Connection> {
        Ok(Connection { server: self.0.clone(), dead: false, told: Told::default(), gate: None })
    }
}

fn offline() -> RemoteError {
    RemoteError::Offline("cut".into())
}

pub fn received(number: u64) -> i64 {
    1_700_000_000 + number as i64 * 60
}

pub fn header(number: u64) -> Vec<u8> {
    format!("From: Ada <ada@example.org>\r\nSubject: number {number}\r\nMessage-ID: <{number}@world.example>\r\n\r\n").into_bytes()
}

fn remote_message(uid: u32, message: &Message) -> RemoteMessage {
    let (flags, number) = (message.flags.clone(), message.number);
    RemoteMessage { key: Key::Uid(Uid(uid)), flags, received: received(number), size: 500 + number, header: header(number), identity: None }
}

fn uids(keys: &[Key]) -> Vec<u32> {
    keys.iter().filter_map(Key::uid).map(|uid| uid.0).collect()
}

impl Connection {
    /// Lets others go on first.
    async fn pass(&self) {
        let Some(gate) = &self.gate else { return };
        let (go, may_go) = oneshot::channel();
        let _ = gate.said.send((gate.actor, Said::AtGate(go)));
        if may_go.await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The mailbox still numbers as this process was told.
    async fn ensure(&mut self, mailbox: &str) -> Result<()> {
        self.pass().await;
        self.check(mailbox)
    }

    fn check(&self, mailbox: &str) -> Result<()> {
        let now = find(&mut self.server.lock().unwrap(), mailbox)?.uid_validity;
        let told = *self.told.lock().unwrap().entry(mailbox.to_owned()).or_insert(now);
        if told == now { Ok(()) } else { Err(RemoteError::Gone("renumbered".into())) }
    }

    /// Opening tells the numbering.
    async fn tell(&mut self, mailbox: &str) -> Result<()> {
        self.pass().await;
        self.told.lock().unwrap().remove(mailbox);
        self.check(mailbox)
    }

    /// One verb: may be cut before or after its effect.
    async fn verb<T>(&mut self, name: &str, changes: bool, run: impl FnOnce(&mut Server) -> Result<T>) -> Result<T> {
        let (answer, crash, placed) = {
            let server = self.server.clone();
            let mut server = server.lock().unwrap();
            if self.dead {
                return Err(offline());
            }
            let trouble = server.trouble;
            if server.random.percent(trouble.cut_before) {
                server.say(&format!("{name}: cut before"));
                self.dead = true;
                return Err(offline());
            }
            if changes && server.random.percent(trouble.not_now) {
                server.say(&format!("{name}: not now"));
                return Err(RemoteError::NotNow("busy".into()));
            }
            if changes && server.random.percent(trouble.refuse) {
                server.say(&format!("{name}: refused"));
                return Err(RemoteError::Rejected("no".into()));
            }
            let placed = server.placed.len();
            let answer = run(&mut server);
            // a change that another takes back before anyone looks was a change
            server.mailboxes.values_mut().for_each(Mailbox::count);
            let cut = server.random.percent(trouble.cut_after);
            let crash = !cut && server.random.percent(trouble.crash);
            let end = match (cut, crash) {
                (true, _) => ": cut after",
                (_, true) => ": crash",
                _ => "",
            };
            server.say(&format!("{name}{end}"));
            // whoever is led may die before the answer comes
            let placed = server.placed.split_off(placed);
            server.note_unanswered(&placed);
            if cut {
                self.dead = true;
                return Err(offline());
            }
            match &self.gate {
                Some(gate) if crash => drop(gate.said.send((gate.actor, Said::Crashed))),
                None if crash => server.crashed.notify_one(),
                _ => {}
            }
            (answer, crash, placed)
        };
        if crash {
            std::future::pending::<()>().await;
        }
        self.pass().await;
        self.server.lock().unwrap().forget_unanswered(&placed);
        answer
    }
}

fn find<'a>(server: &'a mut Server, mailbox: &str) -> Result<&'a mut Mailbox> {
    server.mailboxes.get_mut(mailbox).ok_or_else(|| RemoteError::Gone(format!("no {mailbox}")))
}

fn opened(server_tells: Telling, mailbox: &mut Mailbox) -> Opened {
    mailbox.count();
    let counts = matches!(server_tells, Telling::Counted | Telling::Flags);
    Opened {
        mod_seq: counts.then_some(mailbox.mod_seq),
        uid_validity: Some(UidValidity(mailbox.uid_validity)),
        uid_next: Some(mailbox.uid_next),
        exists: u32::try_from(mailbox.messages.len()).unwrap(),
        ..Opened::default()
    }
}

fn changes(telling: Telling, mailbox: &mut Mailbox, known: &Point) -> Changes {
    let mut told = Changes { opened: opened(telling, mailbox), ..Changes::default() };
    if told.opened.uid_validity != Some(known.uid_validity) {
        return told;
    }
    told.mod_seq = told.opened.mod_seq;
    let all = Some(Uids::from_uids(mailbox.messages.keys().copied().collect()));
    let newest = mailbox.messages.range(known.uid_next..).map(|(uid, message)| remote_message(*uid, message));
    told.new = newest.collect();
    match known.mod_seq.filter(|_| !known.all && telling != Telling::Sets) {
        Some(since) => {
            let changed = mailbox.seen.iter().filter(|(_, (_, at))| *at > since);
            told.flags = changed.map(|(uid, (flags, _))| (Key::Uid(Uid(*uid)), flags.clone())).collect();
            match telling {
                Telling::Counted => {
                    told.vanished = Uids::from_uids(mailbox.gone.iter().filter(|(_, at)| **at > since).map(|(uid, _)| *uid).collect())
                }
                _ => told.present = all,
            }
        }
        None => {
            let having =
                |bit: FlagBits| mailbox.messages.iter().filter(move |(_, message)| message.flags.bits.contains(bit)).map(|(uid, _)| *uid);
            let sets = [FlagBits::SEEN, FlagBits::FLAGGED, FlagBits::ANSWERED]
                .map(|bit| (Flags::bits(bit), Uids::from_uids(having(bit).collect())));
            (told.present, told.marked) = (all, sets.into());
        }
    }
    told
}

fn copy(server: &mut Server, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
    let source = find(server, mailbox)?.clone();
    let has_copyuid = server.has_copyuid;
    let target = find(server, to)?;
    let present = uids(keys).into_iter().filter_map(|uid| source.messages.get(&uid).map(|message| (uid, message.clone())));
    let present: Vec<(u32, Message)> = present.collect();
    let numbers: Vec<u64> = present.iter().map(|(_, message)| message.number).collect();
    let moved = present.into_iter().map(|(uid, message)| {
        let new = target.add(message);
        (Key::Uid(Uid(uid)), has_copyuid.then_some(Key::Uid(Uid(new))))
    });
    let mut moved = moved.collect();
    server.placed.extend(numbers);
    server.tell_keys(to, &mut moved);
    Ok(moved)
}

fn remove(server: &mut Server, mailbox: &str, keys: &[Key]) -> Result<()> {
    let mailbox = find(server, mailbox)?;
    for uid in uids(keys) {
        mailbox.messages.remove(&uid);
    }
    Ok(())
}

impl Remote for Connection {
    fn abilities(&self) -> Abilities {
        Abilities { atomic_move: self.server.lock().unwrap().has_move, push: true, exact_delete: true }
    }

    async fn mailboxes(&mut self) -> Result<Vec<RemoteMailbox>> {
        self.pass().await;
        self.verb("list", false, |server| {
            let role = |name: &str| match name {
                "INBOX" => Some(Role::Inbox),
                "Archive" => Some(Role::Archive),
                "Trash" => Some(Role::Trash),
                _ => None,
            };
            let (telling, lists_state) = (server.telling, server.lists_state);
            let list = server.mailboxes.iter_mut().map(|(name, mailbox)| RemoteMailbox {
                name: if name == "INBOX" { "Inbox".into() } else { name.clone() },
                wire_name: name.clone(),
                role: role(name),
                selectable: true,
                total: None,
                unread: None,
                state: Some(opened(telling, mailbox)).filter(|state| lists_state && state.mod_seq.is_some()),
            });
            Ok(list.collect())
        })
        .await
    }

    async fn open(&mut self, mailbox: &str) -> Result<Opened> {
        self.tell(mailbox).await?;
        self.verb(&format!("open {mailbox}"), false, |server| {
            let telling = server.telling;
            Ok(opened(telling, find(server, mailbox)?))
        })
        .await
    }

    async fn newest(&mut self, mailbox: &str, count: u32) -> Result<(Opened, Vec<RemoteMessage>)> {
        self.tell(mailbox).await?;
        self.verb(&format!("newest {mailbox}"), false, |server| {
            let telling = server.telling;
            let mailbox = find(server, mailbox)?;
            let state = opened(telling, mailbox);
            let page = mailbox.messages.iter().rev().take(count as usize).map(|(uid, message)| remote_message(*uid, message));
            Ok((state, page.collect()))
        })
        .await
    }

    async fn changes(&mut self, mailbox: &str, known: &Point) -> Result<Option<Changes>> {
        if self.server.lock().unwrap().telling == Telling::Nothing {
            return Ok(None);
        }
        self.tell(mailbox).await?;
        let verb = format!("changes {mailbox} since {:?} all {}", known.mod_seq, known.all);
        self.verb(&verb, false, |server| {
            let telling = server.telling;
            Ok(Some(changes(telling, find(server, mailbox)?, known)))
        })
        .await
    }

    async fn flags(&mut self, mailbox: &str, window: Window) -> Result<Vec<(Key, Flags)>> {
        self.ensure(mailbox).await?;
        self.verb(&format!("flags {mailbox} {window:?}"), false, |server| {
            let inside = find(server, mailbox)?.messages.range(window.low..=window.high);
            Ok(inside.map(|(uid, message)| (Key::Uid(Uid(*uid)), message.flags.clone())).collect())
        })
        .await
    }

    async fn headers(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<RemoteMessage>> {
        self.ensure(mailbox).await?;
        self.verb(&format!("headers {mailbox} {keys:?}"), false, |server| {
            let mailbox = find(server, mailbox)?;
            Ok(uids(keys).into_iter().filter_map(|uid| Some(remote_message(uid, mailbox.messages.get(&uid)?))).collect())
        })
        .await
    }

    async fn headers_in(&mut self, mailbox: &str, window: Window) -> Result<Vec<RemoteMessage>> {
        self.ensure(mailbox).await?;
        self.verb(&format!("headers {mailbox} {window:?}"), false, |server| {
            let inside = find(server, mailbox)?.messages.range(window.low..=window.high);
            Ok(inside.map(|(uid, message)| remote_message(*uid, message)).collect())
        })
        .await
    }

    async fn bodies(&mut self, mailbox: &str, keys: &[Key]) -> Result<Vec<Body>> {
        self.ensure(mailbox).await?;
        self.verb(&format!("bodies {mailbox} {keys:?}"), false, |server| {
            let mailbox = find(server, mailbox)?;
            let body = |uid: u32| {
                let message = mailbox.messages.get(&uid)?;
                let mut bytes = header(message.number);
                bytes.extend_from_slice(format!("Body of {}.\r\n", message.number).as_bytes());
                Some(Body { key: Key::Uid(Uid(uid)), bytes, whole: true, parts: Vec::new() })
            };
            Ok(uids(keys).into_iter().filter_map(body).collect())
        })
        .await
    }

    async fn slice(&mut self, mailbox: &str, key: &Key, _part: Option<&str>, offset: u64, length: u32) -> Result<Vec<u8>> {
        let body = self.bodies(mailbox, std::slice::from_ref(key)).await?.pop().ok_or_else(|| RemoteError::Gone("expunged".into()))?;
        let from = usize::try_from(offset).unwrap().min(body.bytes.len());
        let to = (from + length as usize).min(body.bytes.len());
        Ok(body.bytes[from..to].to_vec())
    }

    async fn store_flags(&mut self, mailbox: &str, keys: &[Key], add: &Flags, remove: &Flags) -> Result<()> {
        self.ensure(mailbox).await?;
        self.verb(&format!("store {mailbox} {keys:?} +{add:?} -{remove:?}"), true, |server| {
            let mailbox = find(server, mailbox)?;
            for uid in uids(keys) {
                if let Some(message) = mailbox.messages.get_mut(&uid) {
                    message.flags = message.flags.with(add).without(remove);
                }
            }
            Ok(())
        })
        .await
    }

    async fn move_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        self.ensure(mailbox).await?;
        let has_move = self.server.lock().unwrap().has_move;
        if has_move {
            let verb = format!("move {mailbox} {keys:?} {to}");
            return self
                .verb(&verb, true, |server| {
                    let moved = copy(server, mailbox, keys, to)?;
                    remove(server, mailbox, keys)?;
                    Ok(moved)
                })
                .await;
        }
        let verb = format!("copy {mailbox} {keys:?} {to}");
        let copied = self.verb(&verb, true, |server| {
            let placed = server.placed.len();
            let moved = copy(server, mailbox, keys, to)?;
            Ok((moved, server.placed[placed..].to_vec()))
        });
        let (moved, numbers) = copied.await?;
        // until its source is gone too nobody hears of the copy
        self.server.lock().unwrap().note_unanswered(&numbers);
        if self.check(mailbox).is_err() {
            // who numbers anew ends the sessions
            self.dead = true;
        }
        // the copy is made: a refusal of the second half must not look like a refusal of the whole
        let verb = format!("expunge {mailbox} {keys:?}");
        let expunged = self.verb(&verb, false, |server| {
            let there = find(server, mailbox)?.messages.len();
            remove(server, mailbox, keys)?;
            // another may have moved it too meanwhile: then each has made a copy
            if there - find(server, mailbox)?.messages.len() == numbers.len() {
                server.forget_unanswered(&numbers);
            }
            Ok(())
        });
        expunged.await?;
        Ok(moved)
    }

    async fn copy_to(&mut self, mailbox: &str, keys: &[Key], to: &str) -> Result<Moved> {
        self.ensure(mailbox).await?;
        self.verb(&format!("copy {mailbox} {keys:?} {to}"), true, |server| copy(server, mailbox, keys, to)).await
    }

    async fn append(&mut self, mailbox: &str, bytes: Vec<u8>, flags: &Flags, _received: i64) -> Result<Option<Key>> {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let number = text.split("Message-ID: <").nth(1).and_then(|rest| rest.split('@').next()).and_then(|n| n.parse().ok());
        let flags = flags.clone();
        self.pass().await;
        self.verb(&format!("append {mailbox} {number:?}"), true, |server| {
            let has_copyuid = server.has_copyuid;
            let number = number.unwrap_or(0);
            let uid = find(server, mailbox)?.add(Message { number, flags });
            server.placed.push(number);
            *server.appended.entry(number).or_default() += 1;
            let key = Key::Uid(Uid(uid));
            let mut told = vec![(key.clone(), has_copyuid.then_some(key))];
            server.tell_keys(mailbox, &mut told);
            Ok(told.pop().and_then(|(_, key)| key))
        })
        .await
    }

    async fn create(&mut self, mailbox: &str) -> Result<()> {
        self.pass().await;
        self.verb(&format!("create {mailbox}"), true, |server| {
            let uid_validity = 1_000 + server.mailboxes.len() as u32 * 7;
            let new = Mailbox::new(uid_validity);
            server.mailboxes.entry(mailbox.to_owned()).or_insert(new);
            Ok(())
        })
        .await
    }

    async fn rename_mailbox(&mut self, mailbox: &str, to: &str) -> Result<()> {
        self.pass().await;
        self.verb(&format!("rename {mailbox} {to}"), true, |server| {
            if server.mailboxes.contains_key(to) {
                return Err(RemoteError::Rejected(format!("{to} is there")));
            }
            let old = server.mailboxes.remove(mailbox).ok_or_else(|| RemoteError::Gone(format!("no {mailbox}")))?;
            server.mailboxes.insert(to.to_owned(), old);
            Ok(())
        })
        .await
    }

    async fn delete_mailbox(&mut self, mailbox: &str) -> Result<()> {
        self.pass().await;
        self.verb(&format!("delete mailbox {mailbox}"), true, |server| {
            let count = find(server, mailbox)?.messages.len();
            if count > 0 {
                return Err(RemoteError::Rejected(format!("it holds {count} messages")));
            }
            server.mailboxes.remove(mailbox);
            Ok(())
        })
        .await
    }

    async fn delete(&mut self, mailbox: &str, keys: &[Key]) -> Result<()> {
        self.ensure(mailbox).await?;
        let deleted = self.verb(&format!("delete {mailbox} {keys:?}"), true, |server| remove(server, mailbox, keys)).await;
        if matches!(deleted, Err(RemoteError::Rejected(_))) {
            self.server.lock().unwrap().note_half(mailbox, keys);
        }
        deleted
    }

    async fn find(&mut self, mailbox: &str, rfc_message_id: &str) -> Result<Vec<Key>> {
        self.ensure(mailbox).await?;
        self.verb(&format!("find {mailbox} {rfc_message_id}"), false, |server| {
            let found = find(server, mailbox)?.messages.iter();
            let found = found.filter(|(_, message)| format!("{}@world.example", message.number) == rfc_message_id);
            Ok(found.map(|(uid, _)| Key::Uid(Uid(*uid))).collect())
        })
        .await
    }

    async fn wait(&mut self, _mailbox: &str, stop: Arc<Notify>) -> Result<Hint> {
        stop.notified().await;
        Ok(Hint::Nothing)
    }

    async fn close(self) {}
}

/// A random flag.
pub fn flag(random: &mut Random) -> Flags {
    Flags::bits(*random.pick(&[FlagBits::SEEN, FlagBits::FLAGGED, FlagBits::ANSWERED]).unwrap())
}
