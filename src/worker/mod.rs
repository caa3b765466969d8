//! Makes the store and the servers agree. [`Request`] comes in from the UI or a command, [`WorkerEvent`]
//! goes out; both are plain data. One account loop per account runs bounded steps that the pure function
//! `plan` chooses.
//!
//! [`start`] runs it all for a reader; [`sync_once`] is one round for a command. Read `plan.rs` for what is done
//! in which order, `step.rs` and `push.rs` for how, `account.rs` for connections, `intake.rs` for requests.

mod account;
mod accounts;
mod adopt;
mod beside;
mod bring;
mod clock;
pub mod core;
mod drafts;
mod files;
mod folders;
mod glimpse;
mod hand;
mod intake;
mod jobs;
mod listing;
mod long;
mod look;
mod mailcap;
mod naming;
mod once;
pub mod opened;
mod out;
mod outbox;
mod owner;
mod pages;
mod paths;
pub mod plan;
pub mod pop3;
mod push;
mod readers;
mod run;
pub mod step;
mod task;
mod told;
mod walk;
mod whole;

use std::path::PathBuf;
use std::sync::Arc;

pub use self::account::Supervisor;
pub use self::accounts::probe;
pub use self::beside::{link_of, poke};
pub use self::clock::{BackOff, Clock, SleepWatch, Wall};
pub use self::drafts::check_file;
pub use self::hand::Hand;
pub use self::jobs::Jobs;
pub use self::once::{Summary, SyncOptions, send_once, sync_once};
pub use self::out::Out;
pub use self::outbox::{Filing, Poke, Round, Sender, poke as poke_sender};
pub use self::owner::owner_of;
pub use self::pages::Pages;
pub use self::readers::Readers;
pub use self::run::{Handle, Options, start};

use crate::config::{Account, Secret};
use crate::mail::page::{Line, View};
use crate::mail::server::{Ability, Traffic};
use crate::mail::{
    AccountId, Attachment, Change, Contact, Draft, DraftId, Glimpse, JobId, Listing, MailboxId, MessageId, OutItem, OutboxId, Page, Row,
    SafeFileName, Start, Wait, Waits,
};

/// What the UI (or a command) asks. Every request names its target.
#[derive(Clone, Debug)]
pub enum Request {
    /// Compute a listing and keep it fresh until another one replaces it: answered by [`WorkerEvent::Listed`].
    List(Listing),
    /// This mailbox is on screen: keep link A in it.
    Look {
        mailbox: MailboxId,
    },
    /// Save a user's change; `label` is in the action's words, for the toast and for undo ("Archived 3 messages").
    Apply {
        change: Change,
        label: String,
    },
    /// Take back the newest change not yet taken back; `steps` of them.
    Undo {
        steps: u32,
    },
    Redo {
        steps: u32,
    },
    /// Render this message for this view; `ahead` are its neighbours, to be fetched behind it.
    Want {
        id: MessageId,
        view: View,
        ahead: Vec<MessageId>,
    },
    /// These messages are read together: what runs for one of them does not end when another is wanted.
    Together {
        ids: Vec<MessageId>,
    },
    /// The first words of these messages of one thread, oldest first: answered by [`WorkerEvent::Glimpsed`], as far as they are on this
    /// machine; no server is asked and no seal is opened for it. The newest question counts.
    Glimpse {
        ids: Vec<MessageId>,
    },
    /// Save parts (by section number) into a folder under clean, free names; `None` = all attachments.
    SaveParts {
        id: MessageId,
        parts: Option<Vec<String>>,
        folder: PathBuf,
    },
    /// Give the raw message (`part` None) or one decoded part to a command's stdin; what it prints comes as [`WorkerEvent::Piped`].
    Pipe {
        id: MessageId,
        part: Option<String>,
        command: Vec<String>,
    },
    /// Write a message to a new file, of that name or the next free one; the name's ending says as what ([`FORMS`](files::FORMS)).
    Export {
        id: MessageId,
        file: PathBuf,
    },
    /// Give the text of a message, with who wrote it to whom, to the program that prints.
    Print {
        id: MessageId,
    },
    /// Hand a link or a saved part to the opener. A part that may run something, or that is not what it says it is, only if
    /// the user is `sure`; else it is answered by [`WorkerEvent::Doubtful`]. A picture for which the user has set no program is drawn
    /// where there is room for it: [`WorkerEvent::Drawn`].
    Open {
        id: MessageId,
        target: OpenTarget,
        sure: bool,
        /// Columns and rows.
        room: Option<(u16, u16)>,
    },
    /// Leave a mailing list by the one request that RFC 8058 asks for, to this https address.
    Unsubscribe {
        url: String,
    },
    /// Fetch these pictures of a message from where its HTML says that they are, once, after the user's word: each by one request to the
    /// host in its address. Answered by [`WorkerEvent::Fetched`].
    FetchPictures {
        id: MessageId,
        urls: Vec<String>,
    },
    /// Check for mail now; None = every account.
    Sync {
        account: Option<AccountId>,
    },
    /// Try to connect now instead of when the back-off ends.
    Retry {
        account: AccountId,
    },
    /// What waits for its server: answered by [`WorkerEvent::Waits`].
    Waits,
    /// Take back what these groups wait for; `label` as in [`Request::Apply`].
    TakeBack {
        groups: Vec<(AccountId, Wait)>,
        label: String,
    },
    /// The user has seen what came to nothing.
    ForgetMishaps {
        ids: Vec<i64>,
    },
    /// How do the accounts do? Answered by [`WorkerEvent::Health`].
    Health,
    Cancel(JobId),
    /// The user typed the secret that an account asked for.
    Credentials {
        account: AccountId,
        secret: Secret,
    },
    /// Sign in as this account would (with `secret` where it is to be asked for); only if the server accepts,
    /// add it to the configuration file at `config`: answered by [`WorkerEvent::Probed`].
    Probe {
        account: Box<Account>,
        secret: Option<Secret>,
        config: PathBuf,
    },
    /// Open a composer: answered by [`WorkerEvent::DraftOpened`], once what it starts from is here.
    Compose(Start),
    /// Keep what is typed: answered by [`WorkerEvent::DraftSaved`] when it is on the disk.
    SaveDraft {
        id: DraftId,
        serial: u64,
        draft: Box<Draft>,
    },
    /// The composer closes and the draft goes to the Drafts mailbox of its account.
    LeaveDraft {
        id: DraftId,
        draft: Box<Draft>,
    },
    /// The composer closes and the draft goes; undo opens it again.
    DiscardDraft {
        id: DraftId,
        draft: Box<Draft>,
    },
    /// Take a copy of this file as it is now: answered by [`WorkerEvent::Attached`].
    Attach {
        draft: DraftId,
        path: PathBuf,
    },
    /// Queue it; `not_before` in Unix seconds, None = after the undo time. The composer closes with
    /// [`WorkerEvent::Queued`]; on failure it stays.
    Send {
        id: DraftId,
        draft: Box<Draft>,
        not_before: Option<i64>,
    },
    /// Take it back into the composer while the server has not got it.
    Unsend {
        id: OutboxId,
    },
    /// Try it now: ends the undo time, a wait after a failure, or a time to be sent later.
    SendNow {
        id: OutboxId,
    },
    /// Forget it: a message whose fate is unknown, or that was refused.
    DropOutgoing {
        id: OutboxId,
    },
    /// Who could be meant: answered by [`WorkerEvent::Completed`].
    CompleteAddress {
        serial: u64,
        prefix: String,
    },
    /// The names in a folder that begin with this: answered by [`WorkerEvent::PathCompleted`].
    CompletePath {
        serial: u64,
        folder: PathBuf,
        prefix: String,
    },
    /// Finish what must be finished, then stop.
    Shutdown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenTarget {
    Url(String),
    /// Section number.
    Part(String),
}

/// What the worker tells.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerEvent {
    /// Rows of a mailbox changed: read again what is shown.
    MailChanged {
        mailbox: MailboxId,
        added: Vec<MessageId>,
        removed: Vec<MessageId>,
        changed: Vec<MessageId>,
    },
    /// The list of mailboxes or their counts changed.
    MailboxesChanged {
        account: AccountId,
    },
    /// First a bounded first window (`whole` false), then the whole.
    Listed {
        listing: Listing,
        rows: Arc<Vec<Row>>,
        /// Muted threads that are left out.
        hidden: u32,
        whole: bool,
    },
    /// `Err`: a sentence why there is nothing to show (gone, offline and not kept).
    Rendered {
        id: MessageId,
        view: View,
        page: Result<Arc<Page>, String>,
    },
    /// Some of what [`Request::Glimpse`] asked for.
    Glimpsed(Vec<Glimpse>),
    /// A change was saved (`undo`: it was taken back or done again); `done` of `asked` rows.
    Applied {
        label: String,
        done: usize,
        asked: usize,
        kind: AppliedKind,
    },
    Waits(Arc<Waits>),
    /// Nothing to undo or redo.
    NothingToUndo {
        redo: bool,
    },
    Link {
        account: AccountId,
        state: LinkState,
    },
    /// One for each account that runs.
    Health(Vec<Health>),
    Job(Job),
    Saved {
        files: Vec<PathBuf>,
    },
    /// What a command printed, bounded; not cleaned. Or what is in an archive, under its name.
    Piped {
        command: String,
        lines: Vec<String>,
    },
    /// Pictures of a message were fetched: its page is another one now.
    Fetched {
        id: MessageId,
    },
    /// A picture.
    Drawn {
        name: SafeFileName,
        lines: Vec<Line>,
    },
    /// A part was not opened: `doubt` says in a sentence what it really is.
    Doubtful {
        id: MessageId,
        /// Section number.
        number: String,
        name: SafeFileName,
        doubt: String,
    },
    /// `what` failed, `why` (may quote a server; clean it), and what happens or can be done `next`.
    Failed {
        what: String,
        why: String,
        next: String,
    },
    /// How [`Request::Probe`] ended; `Err` is a sentence.
    Probed {
        account: String,
        result: Result<(), String>,
    },
    DraftOpened {
        id: DraftId,
        draft: Box<Draft>,
        opening: Opening,
    },
    /// The draft is out of its composer and safe: discarded, or on its way to a Drafts mailbox.
    DraftLeft {
        id: DraftId,
    },
    /// Drafts (by subject, newest first) that a run of the program left without closing them are in the Drafts mailbox now.
    DraftsRecovered {
        subjects: Vec<String>,
    },
    /// What [`Request::SaveDraft`] with this serial gave is on the disk.
    DraftSaved {
        id: DraftId,
        serial: u64,
    },
    Attached {
        draft: DraftId,
        result: Result<Attachment, String>,
    },
    /// The draft is in the outbox now; its composer is to close.
    Queued {
        draft: DraftId,
        item: OutItem,
    },
    /// `Err`: a sentence why the draft could not be queued (or left); the composer stays.
    DraftFailed {
        draft: DraftId,
        why: String,
    },
    /// Everything in the outbox, whenever something of it changed.
    Outbox {
        items: Arc<[OutItem]>,
    },
    Completed {
        serial: u64,
        found: Vec<Contact>,
    },
    /// Names of files, folders with "/" at the end; as they are, not cleaned.
    PathCompleted {
        serial: u64,
        found: Vec<String>,
    },
    /// All requests up to the `handled`-th are done and no step could start now.
    Settled {
        handled: u64,
    },
}

/// Why a composer opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// As asked; `note`: what is missing (the text to quote is not here).
    Asked { note: Option<String> },
    /// Left by a run that ended without leaving it.
    Recovered,
    /// Taken back from the outbox.
    Unsent,
    /// Refused by the server, in its words.
    Refused(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppliedKind {
    Done,
    Undone,
    Redone,
}

/// Connection state of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// `--offline`, or another process owns the account.
    Offline {
        why: String,
    },
    Connecting,
    Online {
        push: bool,
        round_trip_ms: Option<u32>,
    },
    /// Waiting for the user: sign-in refused, or no secret known yet (`refused` None).
    SignIn {
        refused: Option<String>,
    },
    /// Lost; tries again at that time (Unix seconds).
    BackOff {
        why: String,
        retry_at: i64,
    },
}

/// How an account does, beside its [`LinkState`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub account: AccountId,
    /// Unix seconds at which the link came to its state.
    pub since: i64,
    /// When the server last answered, Unix seconds.
    pub answered: Option<i64>,
    /// The newest failure and when it was; it may be over.
    pub failed: Option<(i64, String)>,
    /// What the server can do; empty before the first sign-in.
    pub abilities: Vec<Ability>,
    pub traffic: Traffic,
    /// Changes that the server is still to get.
    pub waiting: usize,
    /// Where the dialogue is written.
    pub trace: Option<PathBuf>,
}

/// Long work, for the status row and the tasks view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub account: Option<AccountId>,
    pub label: String,
    pub done: u64,
    /// None = unknown.
    pub total: Option<u64>,
    pub state: JobState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    Running,
    Finished,
    Cancelled,
    Failed(String),
}
