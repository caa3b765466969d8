//! Everything the interface knows, as plain data. `update` changes it, `load` fills its windows from the
//! store, `view` draws it. It never holds a connection, a channel or a clock.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::action::{Action, Context};
use super::composer::Composers;
use super::event::{Effect, Now};
use super::folders::Folders;
use super::input::Key;
use super::keymap::Keymap;
use super::layout::{Layout, Only, Wish, layout};
use super::list::List;
use super::overlay::{Overlay, welcome::Welcome};
use super::preview::Preview;
use super::preview::conversation::Conversation;
use super::status::Status;
use super::triage::{Pending, Target, Verb};
use crate::config::{Config, Ui};
use crate::mail::{AccountId, Address, DisplayText, Identity, Listing, Mailbox, MailboxId, MessageId, OutItem, Role, Row, Scope, Summary};
use crate::worker::{Health, LinkState};

/// How long a chord waits before which-key shows by itself.
const WHICH_KEY: Duration = Duration::from_millis(250);

/// What the program starts the reader with.
#[derive(Clone, Debug)]
pub struct Start {
    pub config: Config,
    /// Where an added account is written; usually `config.path`.
    pub config_path: PathBuf,
    pub home: PathBuf,
    pub columns: u16,
    pub rows: u16,
    /// The monotonic clock at the start.
    pub started: Instant,
}

/// An account as the interface knows it.
#[derive(Clone, Debug)]
pub struct Account {
    /// None until the store knows it.
    pub id: Option<AccountId>,
    pub name: String,
    pub address: String,
    pub link: Option<LinkState>,
    /// As it was when the accounts were last looked at.
    pub health: Option<Health>,
}

/// The pane that keys go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    Folders,
    #[default]
    List,
    Preview,
}

/// Keys pressed so far that are not yet an action.
#[derive(Debug, Default)]
pub struct Pressed {
    pub chord: Vec<Key>,
    pub count: Option<u32>,
    pub since: Option<Instant>,
    /// Which-key is on screen.
    pub shown: bool,
}

/// A place to come back to.
#[derive(Clone, Debug)]
pub struct Place {
    pub listing: Listing,
    pub cursor: Option<MessageId>,
    pub reading: bool,
}

/// What `load` has to read.
#[derive(Debug, Default)]
pub struct Need {
    /// Accounts, mailboxes and counts.
    pub mailboxes: bool,
    /// The first window of the listing, because no worker has answered yet.
    pub first_rows: bool,
    /// Members of the thread under the cursor; then step to a neighbour inside it.
    pub unfold: Option<isize>,
    /// Unfolded threads to read again.
    pub threads: bool,
    /// The thread that the reader shows to be read again.
    pub conversation: bool,
    pub unfold_all: bool,
    /// Unfold the thread that is read, and go on with this message of it alone.
    pub alone: Option<MessageId>,
    /// What waits for its server; asked of the worker, for it may be much.
    pub waits: bool,
    /// It was asked and not answered.
    pub waits_asked: bool,
}

/// A choice that the worker's listing makes for us: rows to mark.
#[derive(Clone, Debug)]
pub struct Marking {
    pub asked: Listing,
}

/// Something to do in order, once it can be done.
#[derive(Debug)]
pub enum Outgoing {
    Effect(Effect),
    Verb(Box<Pending>),
}

/// The state of the whole interface.
#[derive(Debug)]
pub struct Model {
    pub settings: Ui,
    pub config_path: PathBuf,
    pub home: PathBuf,
    pub size: (u16, u16),
    pub keymap: Keymap,
    pub pressed: Pressed,
    pub accounts: Vec<Account>,
    /// States of accounts that were told before their ids were read.
    pub early_links: Vec<(AccountId, LinkState)>,
    pub mailboxes: Vec<Mailbox>,
    pub folders: Folders,
    pub list: List,
    pub preview: Preview,
    pub composers: Composers,
    /// Everything in the outbox.
    pub outbox: Arc<[OutItem]>,
    /// Of the last question for names of files.
    pub path_serial: u64,
    pub focus: Focus,
    /// The reader fills the screen.
    pub reading: bool,
    pub folder_pane: bool,
    pub only: Option<Only>,
    pub grow: i16,
    pub overlays: Vec<Overlay>,
    pub status: Status,
    pub trail: Vec<Place>,
    pub outgoing: VecDeque<Outgoing>,
    pub need: Need,
    pub last_verb: Option<Verb>,
    /// What was cut off its thread last.
    pub cut: Vec<Target>,
    pub marking: Option<Marking>,
    /// Text of `\`, for n and N.
    pub jump: Option<String>,
    /// The listing last asked of the worker.
    pub asked: Option<Listing>,
    /// When the last event came; the past moment that `wake` names when work is ready.
    pub clock: Instant,
    pub last_click: Option<(Instant, u16, u16)>,
    /// Something was just taken back: what comes into the list now is where the cursor goes.
    pub taken_back: bool,
    /// `load` was run, so that the mailboxes are known.
    pub loaded: bool,
}

impl Model {
    /// The model at the start; without accounts it shows the welcome screen.
    pub fn new(start: Start) -> Self {
        let Start { config, config_path, home, columns, rows, started } = start;
        let (keymap, key_findings) = Keymap::new(config.ui.keymap, &config.keys);
        let accounts: Vec<Account> = config
            .accounts
            .iter()
            .map(|account| Account { id: None, name: account.name.clone(), address: account.address.clone(), link: None, health: None })
            .collect();
        let mut status = Status::default();
        for finding in config.findings.iter().chain(&key_findings) {
            status.remember(format!("config line {}: {}", finding.line, finding.message));
        }
        let mut model = Self {
            folder_pane: true,
            settings: config.ui,
            config_path,
            home,
            size: (columns, rows),
            keymap,
            pressed: Pressed::default(),
            folders: Folders::default(),
            list: List::default(),
            preview: Preview::default(),
            composers: Composers::new(identities(&config.accounts)),
            outbox: Arc::from([]),
            path_serial: 0,
            focus: Focus::default(),
            reading: false,
            only: None,
            grow: 0,
            overlays: Vec::new(),
            status,
            trail: Vec::new(),
            outgoing: VecDeque::new(),
            need: Need { mailboxes: true, first_rows: true, ..Need::default() },
            last_verb: None,
            cut: Vec::new(),
            marking: None,
            jump: None,
            asked: None,
            clock: started,
            last_click: None,
            taken_back: false,
            loaded: false,
            mailboxes: Vec::new(),
            early_links: Vec::new(),
            accounts,
        };
        let findings = config.findings.len() + key_findings.len();
        if findings > 0 {
            model.status.banner(format!("The configuration has {findings} mistakes; `postrider config check` lists them"));
        }
        if model.accounts.is_empty() {
            model.overlays.push(Overlay::Welcome(Welcome::default()));
        }
        model
    }

    /// When an [`super::event::Event::Wake`] is wanted next, if nothing else happens before.
    pub fn wake(&self) -> Option<Instant> {
        let ready = self.has_ready_work().then_some(self.clock);
        let which_key = self.pressed.since.filter(|_| !self.pressed.shown && !self.pressed.chord.is_empty()).map(|at| at + WHICH_KEY);
        [ready, which_key, self.status.until(), self.preview.wake(), self.composers.wake()].into_iter().flatten().min()
    }

    /// Effects that only wait for the next update: resolved verbs, a listing to ask for.
    fn has_ready_work(&self) -> bool {
        let verb = match self.outgoing.front() {
            Some(Outgoing::Effect(_)) => true,
            Some(Outgoing::Verb(pending)) => pending.ids.is_some(),
            None => false,
        };
        verb || (self.list.listing.is_some() && self.asked != self.list.listing && self.marking.is_none()) || self.preview_is_behind()
    }

    fn preview_is_behind(&self) -> bool {
        self.loaded && self.shows_text() && (self.preview.followed != self.current() || (self.reading && self.preview.is_behind()))
    }

    /// The fixed words and numbers of the terminal's title.
    pub fn title(&self) -> String {
        if self.composers.current().is_some() {
            return "draft · postrider".to_owned();
        }
        match self.mailbox() {
            Some(mailbox) if mailbox.unread > 0 => format!("{} ({}) · postrider", self.mailbox_title(mailbox), mailbox.unread),
            Some(mailbox) => format!("{} · postrider", self.mailbox_title(mailbox)),
            None => "postrider".to_owned(),
        }
    }

    /// Titles are of fixed words: the role's name, else just "mailbox" (a server may name mailboxes as it likes).
    fn mailbox_title(&self, mailbox: &Mailbox) -> &'static str {
        match mailbox.role {
            Some(Role::Inbox) => "Inbox",
            Some(Role::Drafts) => "Drafts",
            Some(Role::Sent) => "Sent",
            Some(Role::Archive | Role::All) => "Archive",
            Some(Role::Junk) => "Junk",
            Some(Role::Trash) => "Trash",
            Some(Role::Flagged) => "Starred",
            None => "folder",
        }
    }

    /// Where keys go now.
    pub fn context(&self) -> Context {
        match self.overlays.last() {
            Some(overlay) => overlay.context(),
            None if self.composers.current().is_some() => Context::Compose,
            None if self.reading => Context::Reader,
            None => match self.focus {
                Focus::Folders => Context::Folders,
                Focus::List => Context::List,
                Focus::Preview => Context::Preview,
            },
        }
    }

    /// The layout now.
    pub fn layout(&self) -> Layout {
        layout(&Wish {
            columns: self.size.0,
            rows: self.size.1,
            choice: self.settings.layout,
            density: self.settings.density,
            folders: self.folder_pane,
            preview: self.settings.preview,
            hints: self.settings.hints,
            reading: self.reading,
            composing: self.composers.current().is_some(),
            only: self.only,
            grow: self.grow,
        })
    }

    /// Rows of the list that fit on the screen.
    pub fn page(&self) -> usize {
        let layout = self.layout();
        let height = layout.list.map_or(1, |rect| rect.height);
        usize::from(if layout.cards { height / 2 } else { height }).max(1)
    }

    /// A message's text is on screen.
    pub fn shows_text(&self) -> bool {
        self.layout().preview.is_some()
    }

    /// The mailbox that the list shows, where it shows just one.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self.list.listing.as_ref()?.scope {
            Scope::Mailbox(id) => self.find_mailbox(id),
            _ => None,
        }
    }

    pub fn find_mailbox(&self, id: MailboxId) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.id == id)
    }

    /// An account's mailbox of a role.
    pub fn role(&self, account: AccountId, role: Role) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.account == account && mailbox.role == Some(role))
    }

    /// Where else messages of the threads shown may be: everywhere but in Drafts, Junk and Trash, which show only what is in them, as Sent does.
    pub fn elsewhere(&self) -> Vec<MailboxId> {
        let is_apart = |mailbox: &&Mailbox| matches!(mailbox.role, Some(Role::Drafts | Role::Junk | Role::Trash));
        let Some(shown) = self.mailbox().filter(|shown| !is_apart(shown) && shown.role != Some(Role::Sent)) else { return Vec::new() };
        let others = self.mailboxes.iter().filter(|mailbox| mailbox.id != shown.id && !is_apart(mailbox));
        others.map(|mailbox| mailbox.id).collect()
    }

    /// The message that is read, or that the list's cursor is on.
    pub fn current(&self) -> Option<MessageId> {
        self.conversation().map(|conversation| conversation.at).or(self.list.cursor())
    }

    /// Its summary, where it was loaded.
    pub fn summary(&self) -> Option<&Summary> {
        self.current().and_then(|id| self.list.summaries.get(&id))
    }

    /// The rows that a verb acts on: the range or the marks, else the message that is read, else the row under the cursor.
    pub fn targets(&self) -> Vec<Row> {
        match self.target_conversation() {
            Some(conversation) => conversation.row().into_iter().collect(),
            None => self.list.targets(),
        }
    }

    /// The conversation, where verbs act on its message: marks in the list come first.
    pub fn target_conversation(&self) -> Option<&Conversation> {
        self.conversation().filter(|_| self.list.marks.is_empty() && self.list.visual.is_none())
    }

    pub fn account(&self, id: AccountId) -> Option<&Account> {
        self.accounts.iter().find(|account| account.id == Some(id))
    }

    /// An account's name, for people.
    pub fn account_name(&self, id: AccountId) -> String {
        self.account(id).map_or_else(String::new, |account| DisplayText::new(&account.name).into_string())
    }

    /// The account that the cursor is in: of the mailbox shown, else of the message, else the first.
    pub fn current_account(&self) -> Option<AccountId> {
        let of_mailbox = self.mailbox().map(|mailbox| mailbox.account);
        of_mailbox.or_else(|| self.summary().map(|summary| summary.account)).or_else(|| self.accounts.iter().find_map(|a| a.id))
    }

    /// "Work/Lists/rust", or without the account where there is only one.
    pub fn mailbox_path(&self, mailbox: &Mailbox) -> String {
        let name = DisplayText::new(&mailbox.name);
        if self.accounts.len() < 2 { name.into_string() } else { format!("{}/{name}", self.account_name(mailbox.account)) }
    }

    /// Where we are, to come back to.
    pub fn place(&self) -> Option<Place> {
        let listing = self.list.listing.clone()?;
        Some(Place { listing, cursor: self.list.cursor(), reading: self.reading })
    }
}

/// Who one may write as: one an account, in the configuration's order.
fn identities(accounts: &[crate::config::Account]) -> Vec<Identity> {
    let identity = |account: &crate::config::Account| Identity {
        account: account.name.clone(),
        from: Address::new(account.display_name.as_str(), account.address.as_str()),
        signature: account.signature.clone().filter(|signature| !signature.trim().is_empty()),
    };
    accounts.iter().map(identity).collect()
}

/// What an update collects: effects, in order, and the clocks it may look at.
#[derive(Debug)]
pub struct Out<'a> {
    pub now: &'a Now,
    pub effects: Vec<Effect>,
}

impl Out<'_> {
    /// The action's words when it can't be done yet.
    pub fn later(model: &mut Model, action: Action, now: &Now) {
        let spec = action.spec();
        model.status.say(format!("{} is still to come", spec.hint), now);
    }
}
