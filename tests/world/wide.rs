//! The widest histories: one or two whole clients on the same servers, each account with one or two connections, all of
//! them led verb by verb. Before every verb and between its effect and its answer anything else may happen: another
//! connection's verb, a hint, what the user does, what another client does, a death.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use postrider::mail::{MailboxId, MessageId};
use postrider::store::Paths;
use postrider::worker::core::Core;
use postrider::worker::plan::{Link, Step, Wanted};
use postrider::worker::step::{self, StepError};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::client::{Client, STEPS, sync};
use super::history::{Ledger, Log, Mode, check, check_wanted, message_number, second_client, trouble, user};
use super::server::{Connection, Gate, NAMES, Random, Said, Telling, Told, Trouble, World};

/// What a history has, drawn from its seed.
#[derive(Debug)]
struct Knobs {
    devices: usize,
    /// Each account may have a second connection.
    has_b: bool,
    /// Another client, renumbered mailboxes, refusals, undo and redo.
    is_wild: bool,
    misled: u64,
    /// How servers tell what changed becomes another way now and then.
    changes_telling: bool,
}

impl Knobs {
    fn draw(random: &mut Random) -> Self {
        Self {
            devices: 1 + usize::from(random.percent(50)),
            has_b: random.percent(60),
            is_wild: random.percent(50),
            misled: *random.pick(&[0, 10, 30, 60]).unwrap(),
            changes_telling: random.percent(30),
        }
    }

    /// Only then every wish comes true.
    fn is_calm(&self) -> bool {
        self.devices == 1 && !self.is_wild
    }
}

#[derive(Debug)]
enum State {
    Off,
    Idle(Connection),
    /// Within a step, at a verb.
    Waits(JoinHandle<()>, oneshot::Sender<()>),
}

/// One connection of one account of one device.
#[derive(Debug)]
struct Actor {
    device: usize,
    account: usize,
    link: Link,
    told: Told,
    state: State,
}

/// Who plays, and how they are heard.
struct Stage {
    clients: Vec<Option<Client>>,
    actors: Vec<Actor>,
    said: mpsc::UnboundedReceiver<(usize, Said)>,
    tell: mpsc::UnboundedSender<(usize, Said)>,
}

impl Stage {
    fn new(clients: Vec<Client>, has_b: bool) -> Self {
        let (tell, said) = mpsc::unbounded_channel();
        let mut actors = Vec::new();
        for (device, client) in clients.iter().enumerate() {
            for account in 0..client.accounts.len() {
                let told = Told::default();
                for link in [Link::A, Link::B].into_iter().take(1 + usize::from(has_b)) {
                    actors.push(Actor { device, account, link, told: told.clone(), state: State::Off });
                }
            }
        }
        Self { clients: clients.into_iter().map(Some).collect(), actors, said, tell }
    }

    fn client(&self, device: usize) -> &Client {
        self.clients[device].as_ref().unwrap()
    }

    fn core(&self, at: usize) -> Arc<Core> {
        let actor = &self.actors[at];
        self.client(actor.device).accounts[actor.account].core.clone()
    }

    fn world(&self, at: usize) -> &World {
        let actor = &self.actors[at];
        &self.client(actor.device).accounts[actor.account].world
    }

    /// The other link of the same account.
    fn other(&self, at: usize) -> Option<usize> {
        let one = &self.actors[at];
        self.actors.iter().position(|other| (other.device, other.account) == (one.device, one.account) && other.link != one.link)
    }

    /// One actor goes on to where it waits again. False: it has nothing to do.
    async fn lead(&mut self, at: usize, random: &mut Random) -> Result<bool, String> {
        let link = self.actors[at].link;
        match std::mem::replace(&mut self.actors[at].state, State::Off) {
            State::Off => Ok(self.connect(at, random)),
            State::Idle(connection) => {
                let core = self.core(at);
                let step = core.next_step(link);
                if step == Step::Wait {
                    self.actors[at].state = State::Idle(connection);
                    return Ok(false);
                }
                self.say(at, &format!("-- {step:?}"));
                let task = tokio::spawn(perform(core, connection, link, step, at, self.tell.clone()));
                self.hear(task, at, random).await.map(|()| true)
            }
            State::Waits(task, go) => {
                let _ = go.send(());
                self.hear(task, at, random).await.map(|()| true)
            }
        }
    }

    fn say(&self, at: usize, text: &str) {
        let actor = &self.actors[at];
        self.world(at).0.lock().unwrap().say(&format!("{}{:?} {text}", actor.device, actor.link));
    }

    fn connect(&mut self, at: usize, random: &mut Random) -> bool {
        let (core, link, told) = (self.core(at), self.actors[at].link, self.actors[at].told.clone());
        let has_other = self.other(at).is_some_and(|other| !matches!(self.actors[other].state, State::Off));
        match link {
            Link::A => {
                core.reconnect();
                core.expect_b(self.other(at).is_some() && random.percent(50));
            }
            // only beside A, and once the first page is there
            Link::B if !has_other || core.lock().state.home().is_none_or(|home| home.newest_due) => return false,
            Link::B if random.percent(20) => {
                core.expect_b(false);
                return false;
            }
            Link::B => {
                let home = core.lock().state.home().map(|home| home.id);
                core.set_b(Some(home));
            }
        }
        let connection = self.world(at).led(told, Gate { actor: at, said: self.tell.clone() });
        self.actors[at].state = State::Idle(connection);
        true
    }

    /// Until the actor waits at a verb or its step ended.
    async fn hear(&mut self, task: JoinHandle<()>, at: usize, random: &mut Random) -> Result<(), String> {
        let (who, said) = self.said.recv().await.unwrap();
        assert_eq!(who, at, "only who was let go speaks");
        match said {
            Said::AtGate(go) => self.actors[at].state = State::Waits(task, go),
            Said::Done(connection, Ok(())) => self.actors[at].state = State::Idle(connection),
            Said::Done(_, Err(StepError::Remote(_))) => self.lose(at, random).await?,
            Said::Done(_, Err(StepError::Store(error))) => return Err(format!("the store: {error}")),
            Said::Crashed => {
                task.abort();
                let _ = task.await;
                self.crash(self.actors[at].device).await;
                return Ok(());
            }
        }
        self.client(self.actors[at].device).let_bytes_arrive().await;
        Ok(())
    }

    /// The connection is lost. With A goes B: its step may still end, or is dropped where it is.
    async fn lose(&mut self, at: usize, random: &mut Random) -> Result<(), String> {
        self.say(at, "-- lost");
        self.actors[at].state = State::Off;
        let core = self.core(at);
        if self.actors[at].link == Link::B {
            core.set_b(None);
            return Ok(());
        }
        let Some(other) = self.other(at) else { return Ok(()) };
        let ends = random.percent(50);
        while ends && matches!(self.actors[other].state, State::Waits(..)) {
            Box::pin(self.lead(other, random)).await?;
        }
        match std::mem::replace(&mut self.actors[other].state, State::Off) {
            State::Waits(task, _) => {
                task.abort();
                let _ = task.await;
            }
            State::Idle(_) => core.set_b(None),
            State::Off => {}
        }
        Ok(())
    }

    /// The process of a device dies and starts again.
    async fn crash(&mut self, device: usize) {
        let mut told = BTreeMap::new();
        for actor in self.actors.iter_mut().filter(|actor| actor.device == device) {
            actor.told = Arc::clone(told.entry(actor.account).or_default());
            if let State::Waits(task, _) = std::mem::replace(&mut actor.state, State::Off) {
                task.abort();
                let _ = task.await;
            }
        }
        let client = self.clients[device].take().unwrap();
        self.clients[device] = Some(client.crash().await);
    }

    /// Steps under way end; then nobody is connected.
    async fn come_to_rest(&mut self, random: &mut Random) -> Result<(), String> {
        for at in 0..self.actors.len() {
            while matches!(self.actors[at].state, State::Waits(..)) {
                self.lead(at, random).await?;
            }
        }
        for at in 0..self.actors.len() {
            self.actors[at].state = State::Off;
            let core = self.core(at);
            core.expect_b(false);
            core.set_b(None);
        }
        Ok(())
    }

    /// What may come at any moment: a hint, another mailbox on screen, a message opened, a check for mail, time.
    async fn poke(&mut self, random: &mut Random) {
        let at = usize::try_from(random.below(self.actors.len() as u64)).unwrap();
        let (device, account) = (self.actors[at].device, self.client(self.actors[at].device).accounts[self.actors[at].account].id);
        let (core, client) = (self.core(at), self.client(device));
        let mailboxes: Vec<MailboxId> = client.mailboxes().into_iter().filter(|(of, ..)| *of == account).map(|(_, id, _)| id).collect();
        let Some(mailbox) = random.pick(&mailboxes).copied() else { return };
        match random.below(10) {
            0..5 => {
                if let Some(progress) = core.lock().state.mailbox_mut(mailbox) {
                    progress.top_due = true;
                }
            }
            5 => core.look(mailbox),
            6 => core.sync(),
            7..9 => {
                let ids: Vec<MessageId> = client.shown(mailbox).iter().map(|one| one.id).collect();
                let Some(id) = random.pick(&ids).copied() else { return };
                let location = client.readers.with_blocking(|reader| reader.location(id)).unwrap();
                let Some((location, key)) = location.and_then(|location| Some((location.clone(), location.key?))) else { return };
                if location.account == account {
                    core.want(Wanted { id, mailbox: location.mailbox, key, view: None }, Vec::new());
                }
            }
            _ => tokio::time::advance(std::time::Duration::from_secs(random.below(60))).await,
        }
    }
}

async fn perform(core: Arc<Core>, mut remote: Connection, link: Link, step: Step, at: usize, tell: mpsc::UnboundedSender<(usize, Said)>) {
    let result = step::run(&core, &mut remote, link, step).await;
    let _ = tell.send((at, Said::Done(remote, result)));
}

/// What the user does on a device; to the other device it comes from another hand.
async fn use_device(stage: &Stage, device: usize, mode: Mode, random: &mut Random, ledger: &mut Ledger, log: &Log) -> Result<(), String> {
    let client = stage.client(device);
    let places = |client: &Client| client.all().iter().map(|one| (one.id, (one.mailbox, message_number(one)))).collect::<BTreeMap<_, _>>();
    let before = places(client);
    user(mode, client, random, ledger, log).await?;
    let after = places(client);
    if stage.clients.len() > 1 {
        let touched =
            before.iter().filter(|(id, at)| after.get(id) != Some(at)).chain(after.iter().filter(|(id, _)| !before.contains_key(id)));
        touched.for_each(|(_, (_, number))| *ledger.disturbed.entry(*number).or_default() += 1);
    }
    Ok(())
}

fn change_telling(random: &mut Random, world: &World) {
    let mut server = world.0.lock().unwrap();
    server.telling = *random.pick(&[Telling::Nothing, Telling::Counted, Telling::Flags, Telling::Sets]).unwrap();
    server.lists_state = random.percent(50);
    server.say(&format!("== tells by {:?}, list {}", server.telling, server.lists_state));
}

pub async fn play(random: &mut Random, worlds: &[World], folder: &Path, log: &Log) -> Result<(), String> {
    let knobs = Knobs::draw(random);
    log.lock().unwrap().push(format!("{knobs:?}"));
    let mut ledger = Ledger::default();
    let mut clients = Vec::new();
    for device in 0..knobs.devices {
        let folder = folder.join(device.to_string());
        std::fs::create_dir(&folder).unwrap();
        let client = Client::open(Paths::in_folder(&folder), worlds.to_vec()).await;
        clients.push(sync(client, random, true, STEPS).await?);
    }
    let refuse = if knobs.is_wild { 2 } else { 0 };
    trouble(worlds, Trouble { cut_before: 1, cut_after: 2, crash: 1, not_now: 2, refuse, misled: knobs.misled });
    let mode = if knobs.is_wild { Mode::Wild } else { Mode::Calm };
    let mut stage = Stage::new(clients, knobs.has_b);
    for _ in 0..random.below(200) + 100 {
        match random.below(100) {
            0..9 => {
                let device = usize::try_from(random.below(knobs.devices as u64)).unwrap();
                use_device(&stage, device, mode, random, &mut ledger, log).await?;
            }
            9..12 if knobs.is_wild => {
                let at = usize::try_from(random.below(worlds.len() as u64)).unwrap();
                second_client(random, &mut ledger, &worlds[at]);
            }
            9..11 => {
                let name = *random.pick(&NAMES).unwrap();
                random.pick(worlds).unwrap().0.lock().unwrap().deliver(name);
            }
            12 if knobs.changes_telling => {
                let at = usize::try_from(random.below(worlds.len() as u64)).unwrap();
                change_telling(random, &worlds[at]);
            }
            13..25 => stage.poke(random).await,
            _ => {
                let at = usize::try_from(random.below(stage.actors.len() as u64)).unwrap();
                for _ in 0..random.below(12) + 1 {
                    if !stage.lead(at, random).await? {
                        break;
                    }
                }
            }
        }
    }
    trouble(worlds, Trouble::default());
    log.lock().unwrap().push("== settling".into());
    stage.come_to_rest(random).await?;
    let mut clients: Vec<Client> = stage.clients.into_iter().flatten().collect();
    // what one device still has to say is news to the other
    for _ in 0..knobs.devices + 1 {
        for _ in 0..knobs.devices {
            let client = sync(clients.remove(0), random, true, STEPS).await?;
            clients.push(client);
        }
    }
    for (device, client) in clients.iter().enumerate() {
        check(client, &ledger, worlds).map_err(|why| format!("device {device}, {knobs:?}: {why}"))?;
    }
    if knobs.is_calm() { check_wanted(&clients[0].all(), &ledger, worlds) } else { Ok(()) }
}
