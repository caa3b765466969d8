//! One account of a client whose steps are driven one by one, over connections that a test may cut.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postrider::config::{
    Account as Configured, Credentials, DEFAULT_KEEP_SIZE, Incoming, Keep, Outgoing, Secret, Security, Server as Address,
};
use postrider::events::EventLog;
use postrider::mail::{Change, Envelope, FlagBits, Flags, Listing, MailboxId, MessageId, Summary};
use postrider::remote::imap::Account;
use postrider::remote::imap::session::Session;
use postrider::remote::{Connect, Hint, Remote};
use postrider::store::{self, Paths, Reader, Writer, Written};
use postrider::worker::core::{Common, Core};
use postrider::worker::plan::{Link, Step, Wanted};
use postrider::worker::step::{self, StepError};
use postrider::worker::{Clock, Jobs, Out, Pages, Readers, WorkerEvent};
use tokio::sync::{Notify, mpsc, watch};

use crate::cut::{Counts, Cut, Cuttable};
use crate::imap::{Server, message, number};

/// More steps in one go mean that the plan turns in circles.
const STEPS: usize = 2_000;

pub struct Client {
    pub core: Arc<Core>,
    pub writer: Writer,
    pub reader: Reader,
    /// What was told of failures.
    pub failed: Arc<Mutex<Vec<String>>>,
    account: Account,
    remote: Option<Session>,
    /// Octets said and heard on the first connection.
    pub counts: Counts,
    pub reconnects: usize,
    _common: Common,
}

/// A file system in memory where there is one.
pub fn ram() -> PathBuf {
    let ram = PathBuf::from("/dev/shm");
    if ram.is_dir() { ram } else { std::env::temp_dir() }
}

fn configured() -> Configured {
    Configured {
        name: "work".into(),
        address: "ada@x".into(),
        display_name: String::new(),
        signature: None,
        authserv_id: None,
        incoming: Incoming::None,
        outgoing: Outgoing::None,
        sent_copy: true,
        mailboxes: Default::default(),
    }
}

/// Connects to the server in memory; each connection is cut as the next of these says.
fn account(server: &Server, cuts: Vec<Cut>, counts: &Counts) -> Account {
    let address = Address {
        host: "server".into(),
        port: 1,
        security: Security::Plaintext,
        username: "ada".into(),
        credentials: Credentials::Password(Secret::new("s3cret")),
        allow_plaintext_password: false,
        ca_file: None,
        client_cert: None,
        keep: Keep::Headers,
        keep_size: DEFAULT_KEEP_SIZE,
        compress: None,
    };
    let (server, counts) = (server.clone(), Mutex::new(Some(counts.clone())));
    let cuts = Mutex::new(cuts.into_iter());
    Account::new("work", address).through(Arc::new(move || {
        let (ours, theirs) = tokio::io::duplex(256 * 1024);
        tokio::spawn(server.clone().serve(theirs));
        let cut = cuts.lock().expect("no panic before").next();
        let counts = counts.lock().expect("no panic before").take().unwrap_or_default();
        Ok(Box::new(Cuttable::new(ours, cut, counts)))
    }))
}

impl Client {
    pub async fn open(paths: &Paths, server: &Server, cuts: Vec<Cut>) -> Self {
        let writer = store::open(paths).expect("the store opens");
        let ids = writer.set_accounts(vec!["work".into()]).await.expect("the account");
        let (events, mut heard) = mpsc::channel(64);
        let failed = Arc::new(Mutex::new(Vec::new()));
        let failures = failed.clone();
        tokio::spawn(async move {
            while let Some(event) = heard.recv().await {
                if let WorkerEvent::Failed { what, why, .. } = event {
                    failures.lock().expect("no panic before").push(format!("{what}: {why}"));
                }
            }
        });
        let out = Out::new(events, EventLog::default());
        let (_, stop) = watch::channel(false);
        let common = Common {
            readers: Readers::new(writer.clone()),
            pages: Pages::new(out.clone(), Default::default()),
            hand: Default::default(),
            jobs: Jobs::new(out.clone()),
            clock: Clock::new(Arc::new(|| 1_800_000_000)),
            rested: Arc::default(),
            peers: Arc::default(),
            trace: None,
            seed: 1,
            offline: false,
            headers_only: true,
            writer: writer.clone(),
            out,
            stop,
        };
        let core = Core::new(&common, ids[0], &configured());
        core.load_mailboxes().await.expect("the mailboxes");
        let (counts, reader) = (Counts::default(), writer.reader().expect("a reader"));
        let account = account(server, cuts, &counts);
        Self { core, writer, reader, failed, account, remote: None, counts, reconnects: 0, _common: common }
    }

    /// Runs steps until nothing is left to do; reconnects whenever the connection is lost.
    pub async fn settle(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            if self.connected().await.is_none() {
                continue;
            }
            let step = self.core.next_step(Link::A);
            if step == Step::Wait {
                match self.next_time() {
                    Some(time) => tokio::time::advance(time).await,
                    None => return Ok(()),
                }
                continue;
            }
            let text = format!("{step:?}");
            let Some(remote) = &mut self.remote else { continue };
            match step::run(&self.core, remote, Link::A, step).await {
                Ok(()) => {}
                Err(StepError::Remote(_)) => self.remote = None,
                Err(StepError::Store(error)) => return Err(format!("{text}: {error}")),
            }
        }
        Err("the plan turns in circles".into())
    }

    async fn connected(&mut self) -> Option<&mut Session> {
        if self.remote.is_none() {
            let home = self.core.lock().state.home().map(|home| home.wire_name.clone());
            self.reconnects += 1;
            self.remote = self.account.connect(home.as_deref()).await.ok();
            if self.remote.is_some() {
                self.core.reconnect();
            }
        }
        self.remote.as_mut()
    }

    /// Over a new connection everything is looked at once more.
    pub async fn settle_anew(&mut self) -> Result<(), String> {
        self.remote = None;
        self.settle().await
    }

    /// Waits in the inbox until something is told, then settles. False: the connection was lost meanwhile.
    pub async fn wait(&mut self) -> Result<bool, String> {
        let Some(remote) = self.connected().await else { return Ok(false) };
        let told = match remote.wait("INBOX", Arc::new(Notify::new())).await {
            Ok(Hint::Changed) => true,
            // this server has no NOTIFY
            Ok(Hint::Nothing | Hint::Elsewhere(_)) => false,
            Err(_) => {
                self.remote = None;
                false
            }
        };
        if told && let Some(inbox) = self.core.lock().state.mailboxes.iter_mut().find(|mailbox| mailbox.is_inbox) {
            inbox.top_due = true;
        }
        self.settle().await?;
        Ok(told)
    }

    fn next_time(&self) -> Option<Duration> {
        let mut inner = self.core.lock();
        inner.state.now = self.core.common.clock.mono();
        inner.state.next_time().map(|at| Duration::from_millis(at.saturating_sub(inner.state.now) + 1))
    }

    /// Asks for the body of a message, as who opens it does.
    pub fn want(&self, id: MessageId) {
        if let Some(location) = self.reader.location(id).expect("the store is read")
            && let Some(key) = location.key
        {
            self.core.want(Wanted { id, mailbox: location.mailbox, key, view: None }, Vec::new());
        }
    }

    pub fn mailbox(&self, wire: &str) -> MailboxId {
        let known = self.reader.mailboxes().expect("the store is read");
        let found = known.iter().find(|one| self.reader.wire_name(one.id).ok().flatten().as_deref() == Some(wire));
        found.unwrap_or_else(|| panic!("no {wire} in {known:?}")).id
    }

    /// What the user sees of a mailbox.
    pub fn shown(&self, mailbox: MailboxId) -> Vec<Summary> {
        let rows = self.reader.rows(&Listing::mailbox(mailbox, false)).expect("the store is read");
        let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
        self.reader.summaries(&ids).expect("the store is read")
    }

    /// The sentences so far.
    pub fn failures(&self) -> String {
        self.failed.lock().expect("no panic before").join("\n")
    }

    /// What the user asks for.
    pub async fn apply(&self, change: Change) -> Result<(), String> {
        let applied = self.writer.apply(change.clone(), "change".into()).await;
        self.core.poke_push();
        applied.map(drop).map_err(|error| format!("{change:?}: {error}"))
    }

    /// Writes a message here, as a draft.
    pub async fn write(&self, number: u64) -> Result<(), String> {
        let envelope = Envelope { subject: format!("number {number}"), rfc_message_id: Some(format!("{number}@x")), ..Envelope::default() };
        let written = Written { envelope, flags: Flags::bits(FlagBits::SEEN), received: 1_795_176_000, bytes: message(number) };
        let added = self.writer.add_written(None, self.mailbox("Drafts"), written, None).await;
        self.core.poke_push();
        added.map(drop).map_err(|error| error.to_string())
    }

    /// The row of a numbered message in a mailbox.
    pub fn id(&self, wire: &str, number: u64) -> Option<MessageId> {
        self.shown(self.mailbox(wire)).iter().find(|one| ledger(one) == number).map(|one| one.id)
    }

    /// Stored = server, mailbox by mailbox, and nothing waits.
    pub fn agrees(&self, server: &Server) -> Result<(), String> {
        let waiting = self.reader.waiting(None).map_err(|error| error.to_string())?;
        if !waiting.is_empty() {
            return Err(format!("still waiting: {waiting:?}"));
        }
        let state = server.state();
        for (name, mailbox) in &state.mailboxes {
            let stored = self.shown(self.mailbox(name)).into_iter().map(|one| {
                let location = self.reader.location(one.id).expect("the store is read");
                let uid = location.and_then(|location| location.key).and_then(|key| key.uid()).map_or(0, |uid| uid.0);
                (uid, ledger(&one), is_flagged(&one))
            });
            let mut stored: Vec<(u32, u64, bool)> = stored.collect();
            stored.sort_unstable();
            let there = mailbox.messages.iter().map(|(uid, one)| (*uid, one.number(), one.flags.contains("\\Flagged")));
            let there: Vec<_> = there.collect();
            if stored != there {
                return Err(format!("{name} differs: stored {stored:?}, server {there:?}"));
            }
        }
        Ok(())
    }

    /// No body that is shown as whole is anything but its message.
    pub fn bodies_are_whole(&self, server: &Server) -> Result<usize, String> {
        let state = server.state();
        let mut whole = 0;
        for name in state.mailboxes.keys() {
            let Some(mailbox) = self.reader.find_mailbox(&format!("work/{}", shown_name(name))).expect("the store is read") else {
                continue;
            };
            for one in self.shown(mailbox.id) {
                let Some(location) = self.reader.location(one.id).expect("the store is read") else { continue };
                let Some(body) = self.reader.body(location.content).expect("the store is read") else { continue };
                let sent =
                    state.mailboxes.values().flat_map(|mailbox| mailbox.messages.values()).find(|sent| sent.number() == ledger(&one));
                if body.whole && sent.is_some_and(|sent| sent.bytes != body.bytes) {
                    return Err(format!("a part of message {} is shown as whole", ledger(&one)));
                }
                whole += usize::from(body.whole);
            }
        }
        Ok(whole)
    }
}

fn shown_name(wire: &str) -> &str {
    if wire == "INBOX" { "Inbox" } else { wire }
}

/// The number of a message in the ledger.
pub fn ledger(summary: &Summary) -> u64 {
    number(&format!("Message-ID: <{}>", summary.rfc_message_id.as_deref().unwrap_or_default()))
}

fn is_flagged(summary: &Summary) -> bool {
    summary.flags.bits.contains(FlagBits::FLAGGED)
}
