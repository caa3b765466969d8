//! The model over a real store, with the worker's part of the conversation played by the test.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postrider::config::{Account, Colors, Config, Incoming, Preset};
use postrider::mail::page::{Line, Link, Meaning, Part, Span};
use postrider::mail::server::{NewMessage, RemoteMailbox};
use postrider::mail::{Address, DisplayText, Envelope, FlagBits, Flags, Glimpse, Key, Listing, Mailbox, MessageId, Page, Role, Uid};
use postrider::store::{self, Paths, Reader, Writer};
use postrider::ui::event::{Effect, Event, Now};
use postrider::ui::input::{Input, Mouse, MouseKind};
use postrider::ui::keymap::parse_keys;
use postrider::ui::load::load;
use postrider::ui::model::{Model, Start};
use postrider::ui::theme::{Mode, Theme};
use postrider::ui::update::update;
use postrider::ui::view::view;
use postrider::worker::{AppliedKind, Request, WorkerEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// 20 November 2026, 20:20 UTC.
pub const NOW: i64 = 1_795_206_000;

pub struct App {
    pub model: Model,
    pub now: Now,
    pub requests: Vec<Request>,
    pub effects: Vec<Effect>,
    /// How many of the requests have been answered.
    pub answered: usize,
    /// Lines of the text of every page.
    pub page_lines: usize,
    /// Messages whose pages do not come.
    pub held: Vec<MessageId>,
    /// Where labels of undone changes come from.
    pub writer: Writer,
    reader: Reader,
    _folder: tempfile::TempDir,
}

/// A message by sender, subject, flags and the Message-ID it answers.
pub struct Mail {
    from: &'static str,
    subject: String,
    seen: bool,
    answers: Option<u32>,
    file: bool,
}

pub fn mail(from: &'static str, subject: impl Into<String>) -> Mail {
    Mail { from, subject: subject.into(), seen: true, answers: None, file: false }
}

impl Mail {
    pub fn unread(mut self) -> Self {
        self.seen = false;
        self
    }

    pub fn answers(mut self, number: u32) -> Self {
        self.answers = Some(number);
        self
    }

    pub fn file(mut self) -> Self {
        self.file = true;
        self
    }
}

pub const BOXES: &[(&str, Option<Role>)] = &[
    ("Inbox", Some(Role::Inbox)),
    ("Drafts", Some(Role::Drafts)),
    ("Sent", Some(Role::Sent)),
    ("Archive", Some(Role::Archive)),
    ("Junk", Some(Role::Junk)),
    ("Trash", Some(Role::Trash)),
    ("Lists/rust-users", None),
    ("Lists/kernel", None),
];

/// A mailbox as a server lists it.
pub fn remote(name: &str, wire_name: &str, role: Option<Role>) -> RemoteMailbox {
    RemoteMailbox { name: name.into(), wire_name: wire_name.into(), role, selectable: true, total: None, unread: None, state: None }
}

impl App {
    /// The newest message first in `mails`; the n-th from the end has Message-ID `n` (1-based).
    pub fn new(size: (u16, u16), mails: Vec<Mail>) -> Self {
        Self::with(size, mails, |_| {})
    }

    pub fn with(size: (u16, u16), mails: Vec<Mail>, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = store::open(&Paths::in_folder(folder.path())).unwrap();
        let accounts = writer.set_accounts(vec!["work".into(), "home".into()]).wait().unwrap();
        let account = accounts[0];
        let list = BOXES.iter().map(|(name, role)| remote(name, name, *role)).collect();
        let boxes = writer.set_mailboxes(account, list, Default::default()).wait().unwrap();
        let inbox = boxes.iter().find(|mailbox| mailbox.role == Some(Role::Inbox)).unwrap().id;
        let messages: Vec<NewMessage> = mails.iter().rev().zip(1u32..).map(|(mail, n)| new_message(mail, n)).collect();
        if !messages.is_empty() {
            writer.add_messages(inbox, messages).wait().unwrap();
        }
        writer.set_synced(inbox, NOW).wait().unwrap();
        let only_inbox = vec![remote("Inbox", "INBOX", Some(Role::Inbox))];
        let bare = writer.set_mailboxes(accounts[1], only_inbox, Default::default()).wait().unwrap();
        writer.add_messages(bare[0].id, vec![new_message(&mail("Home", "at home"), 900)]).wait().unwrap();
        while writer.index_some(100).wait().unwrap() > 0 {}
        let reader = writer.reader().unwrap();
        let mut config = Config { accounts: vec![config_account("work"), config_account("home")], ..Config::default() };
        change(&mut config);
        let now = Now { wall: jiff::Timestamp::from_second(NOW).unwrap().to_zoned(jiff::tz::TimeZone::UTC), mono: Instant::now() };
        let start = Start {
            config,
            config_path: PathBuf::from("/config.toml"),
            home: PathBuf::from("/home/ada"),
            columns: size.0,
            rows: size.1,
            started: now.mono,
        };
        let mut app = Self {
            model: Model::new(start),
            now,
            requests: Vec::new(),
            effects: Vec::new(),
            answered: 0,
            page_lines: 60,
            held: Vec::new(),
            writer,
            reader,
            _folder: folder,
        };
        app.load();
        app.settle();
        app
    }

    pub fn load(&mut self) {
        load(&mut self.model, &self.reader).unwrap();
    }

    pub fn event(&mut self, event: Event) {
        let effects = update(&mut self.model, event, &self.now);
        for effect in effects {
            match effect {
                Effect::Ask(request) => self.requests.push(request),
                other => self.effects.push(other),
            }
        }
    }

    /// Keys as the configuration writes them, without any answer in between: a burst.
    pub fn burst(&mut self, keys: &str) {
        for key in parse_all(keys) {
            self.event(Event::Input(Input::Key(key)));
        }
    }

    /// Keys one by one, each drawn and answered before the next; 200 ms apart.
    pub fn keys(&mut self, keys: &str) {
        for key in parse_all(keys) {
            self.now.mono += Duration::from_millis(200);
            self.event(Event::Input(Input::Key(key)));
            self.settle();
        }
    }

    /// Letters into a line.
    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            self.event(Event::Input(Input::Key(postrider::ui::input::Key::char(c))));
            self.settle();
        }
    }

    pub fn click(&mut self, column: u16, row: u16) {
        self.mouse(MouseKind::Down, column, row);
    }

    pub fn mouse(&mut self, kind: MouseKind, column: u16, row: u16) {
        self.event(Event::Input(Input::Mouse(Mouse { kind, column, row })));
        self.settle();
    }

    /// Time passes: every wake that falls due is given.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.mono + time;
        while let Some(at) = self.model.wake().filter(|at| *at <= end) {
            self.now.mono = self.now.mono.max(at);
            self.event(Event::Wake);
            self.settle();
        }
        self.now.mono = end;
    }

    /// Loads and answers requests until nothing is asked any more.
    pub fn settle(&mut self) {
        for _ in 0..50 {
            self.load();
            let new: Vec<Request> = self.requests[self.answered..].to_vec();
            self.answered = self.requests.len();
            let ready = self.model.wake().is_some_and(|at| at <= self.now.mono);
            if new.is_empty() && !ready {
                return;
            }
            for request in new {
                self.answer(request);
            }
            if self.model.wake().is_some_and(|at| at <= self.now.mono) {
                self.event(Event::Wake);
            }
        }
        panic!("the model never comes to rest: {:?}", self.requests.last());
    }

    fn answer(&mut self, request: Request) {
        match request {
            Request::List(listing) => {
                self.list(listing);
            }
            Request::Apply { change, label } => match self.writer.apply(change, label.clone()).wait() {
                Ok(applied) => self.applied(applied, AppliedKind::Done),
                Err(error) => {
                    let (what, next) = (format!("Not saved: {label}"), "Nothing was changed.".to_owned());
                    self.event(Event::Worker(WorkerEvent::Failed { what, why: error.to_string(), next }));
                }
            },
            Request::Waits => {
                let waits = Arc::new(self.reader.waits().unwrap());
                self.event(Event::Worker(WorkerEvent::Waits(waits)));
            }
            Request::TakeBack { groups, label } => {
                let applied = self.writer.revoke(groups, label).wait().unwrap();
                self.applied(applied, AppliedKind::Done);
            }
            Request::ForgetMishaps { ids } => self.writer.forget_mishaps(ids).wait().unwrap(),
            Request::Undo { steps } => self.take_back(steps, AppliedKind::Undone),
            Request::Redo { steps } => self.take_back(steps, AppliedKind::Redone),
            Request::Want { id, view, .. } if !self.held.contains(&id) => {
                let mut page = page(id, view);
                page.lines.truncate(self.page_lines);
                self.event(Event::Worker(WorkerEvent::Rendered { id, view, page: Ok(Arc::new(page)) }));
            }
            Request::Glimpse { ids } => {
                let glimpse = |id: MessageId| Glimpse { id, words: DisplayText::new(&format!("words of {id}")), repeats: false };
                self.event(Event::Worker(WorkerEvent::Glimpsed(ids.into_iter().map(glimpse).collect())));
            }
            _ => {}
        }
    }

    fn take_back(&mut self, steps: u32, kind: AppliedKind) {
        let redo = kind == AppliedKind::Redone;
        for _ in 0..steps.max(1) {
            let done = if redo { self.writer.redo() } else { self.writer.undo() };
            match done.wait().unwrap() {
                Some(applied) => self.applied(applied, kind),
                None => return self.event(Event::Worker(WorkerEvent::NothingToUndo { redo })),
            }
        }
    }

    /// A further mailbox of the second account.
    pub fn add_mailbox(&mut self, mailbox: RemoteMailbox) {
        let inbox = remote("Inbox", "INBOX", Some(Role::Inbox));
        let account = self.reader.mailboxes().unwrap().last().unwrap().account;
        self.writer.set_mailboxes(account, vec![inbox, mailbox], Default::default()).wait().unwrap();
        self.event(Event::Worker(WorkerEvent::MailboxesChanged { account }));
        self.settle();
    }

    /// Subject, mailbox and flags of every message, sorted.
    pub fn everything(&self) -> Vec<String> {
        let mailboxes = self.reader.mailboxes().unwrap();
        let of = |mailbox: &Mailbox| {
            let rows = self.reader.rows(&Listing::mailbox(mailbox.id, false)).unwrap();
            let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
            let one = |one: postrider::mail::Summary| format!("{} in {} {:?}", one.subject, mailbox.id, one.flags);
            self.reader.summaries(&ids).unwrap().into_iter().map(one).collect::<Vec<_>>()
        };
        let mut all: Vec<String> = mailboxes.iter().flat_map(of).collect();
        all.sort();
        all
    }

    fn applied(&mut self, applied: store::Applied, kind: AppliedKind) {
        let store::Applied { label, done, asked, changed, .. } = applied;
        self.event(Event::Worker(WorkerEvent::Applied { label, done, asked, kind }));
        for changed in changed.mailboxes {
            let store::ChangedMailbox { mailbox, added, removed, changed } = changed;
            self.event(Event::Worker(WorkerEvent::MailChanged { mailbox, added, removed, changed }));
        }
        if let Some(listing) = self.model.list.listing.clone() {
            self.list(listing);
        }
    }

    /// As the worker does.
    fn list(&mut self, listing: Listing) {
        let store::Listed { rows, hidden } = self.reader.listed(&listing).unwrap();
        self.event(Event::Worker(WorkerEvent::Listed { listing, rows: rows.into(), hidden, whole: true }));
    }

    /// The screen as text, one line a row, without blanks at the ends.
    pub fn screen(&self) -> String {
        let buffer = self.buffer(Colors::Ansi256);
        let rows = (0..buffer.area.height).map(|y| {
            let row: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            row.trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    pub fn buffer(&self, colors: Colors) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.model.size.0, self.model.size.1));
        view(&self.model, &Theme::new(Mode::Dark, colors), &self.now, &mut buffer);
        buffer
    }

    /// Puts a message with the number `n` into a mailbox, as a sync would; [`App::changed`] tells it.
    pub fn store(&self, mailbox: &str, n: u32, mail: &Mail) {
        self.writer.add_messages(self.mailbox(mailbox).id, vec![new_message(mail, n)]).wait().unwrap();
    }

    /// The worker tells that a mailbox changed.
    pub fn changed(&mut self, mailbox: &str) {
        let mailbox = self.mailbox(mailbox).id;
        let nothing = Vec::new;
        self.event(Event::Worker(WorkerEvent::MailChanged { mailbox, added: nothing(), removed: nothing(), changed: nothing() }));
        // an answer may have joined threads
        let listing = self.model.list.listing.clone().unwrap();
        self.list(listing);
        self.settle();
    }

    pub fn mailbox(&self, name: &str) -> Mailbox {
        self.reader.mailboxes().unwrap().into_iter().find(|mailbox| mailbox.name == name).unwrap()
    }

    /// Subjects of a mailbox in the store, newest first.
    pub fn stored(&self, name: &str) -> Vec<String> {
        let listing = Listing::mailbox(self.mailbox(name).id, false);
        let ids: Vec<MessageId> = self.reader.rows(&listing).unwrap().iter().map(|row| row.id).collect();
        self.reader.summaries(&ids).unwrap().into_iter().map(|summary| summary.subject).collect()
    }

    /// The subject of the message that verbs act on.
    pub fn subject(&self) -> String {
        self.model.summary().map(|summary| summary.subject.clone()).unwrap_or_default()
    }

    /// Labels of the changes that were asked, those with words.
    pub fn labels(&self) -> Vec<String> {
        let label = |request: &Request| match request {
            Request::Apply { label, .. } if !label.is_empty() => Some(label.clone()),
            _ => None,
        };
        self.requests.iter().filter_map(label).collect()
    }

    pub fn flags(&self, subject: &str) -> FlagBits {
        let listing = Listing::mailbox(self.mailbox("Inbox").id, false);
        let ids: Vec<MessageId> = self.reader.rows(&listing).unwrap().iter().map(|row| row.id).collect();
        let all = self.reader.summaries(&ids).unwrap();
        all.iter().find(|summary| summary.subject == subject).unwrap().flags.bits
    }
}

fn parse_all(keys: &str) -> Vec<postrider::ui::input::Key> {
    keys.split(' ').filter(|word| !word.is_empty()).flat_map(|word| parse_keys(word).or_else(|| one_by_one(word)).unwrap()).collect()
}

fn one_by_one(word: &str) -> Option<Vec<postrider::ui::input::Key>> {
    Some(word.chars().map(postrider::ui::input::Key::char).collect())
}

pub fn config_account(name: &str) -> Account {
    Account {
        name: name.into(),
        address: format!("ada@{name}.example"),
        display_name: "Ada".into(),
        signature: None,
        authserv_id: None,
        incoming: Incoming::None,
        outgoing: postrider::config::Outgoing::None,
        sent_copy: true,
        mailboxes: Default::default(),
    }
}

fn new_message(mail: &Mail, n: u32) -> NewMessage {
    let when = NOW - 86_400 * 3 + i64::from(n) * 60;
    let id = |n: u32| format!("m{n}@test.example");
    NewMessage {
        key: Key::Uid(Uid(n)),
        flags: Flags::bits(if mail.seen { FlagBits::SEEN } else { FlagBits::NONE }),
        received: when,
        size: 1000 + u64::from(n),
        envelope: Envelope {
            date: Some(when),
            from: vec![Address::new(mail.from, format!("{}@sender.example", mail.from.to_lowercase().replace(' ', ".")))],
            to: vec![Address::new("Ada", "ada@work.example")],
            subject: mail.subject.clone(),
            rfc_message_id: Some(id(n)),
            references: mail.answers.map(id).into_iter().collect(),
            has_attachment: mail.file,
            ..Envelope::default()
        },
        identity: None,
    }
}

/// A page of 60 lines, one of them quoted, with a link and two files.
pub fn page(id: MessageId, view: postrider::mail::page::View) -> Page {
    let line = |text: String| Line { spans: vec![Span { text: DisplayText::new(&text), meaning: Meaning::default() }], ..Line::default() };
    let mut lines: Vec<Line> = (1..=60).map(|n| line(format!("line {n} of {id}"))).collect();
    lines.insert(1, Line { quote: 1, fold: Some(2), ..Line::default() });
    lines.insert(2, Line { quote: 1, folded: true, ..line("hidden quote".into()) });
    lines.insert(3, Line { quote: 1, folded: true, ..line("hidden too".into()) });
    let part = |number: &str, name: &str| Part {
        number: number.into(),
        content_type: "application/pdf".into(),
        name: Some(name.into()),
        size: 4096,
        is_attachment: true,
    };
    Page {
        id,
        view,
        subject: DisplayText::new("the page's subject"),
        from: vec![Address::new("Priya", "priya@sender.example")],
        to: vec![Address::new("Ada", "ada@work.example")],
        cc: vec![],
        reply_to: vec![],
        date: Some((NOW - 3600, 0)),
        verdict: None,
        seals: vec![],
        warnings: vec![],
        facts: vec![],
        lines,
        links: vec![Link {
            number: 1,
            url: "https://example.org/a".into(),
            bare: "https://example.org/a".into(),
            host: DisplayText::new("example.org"),
            via: None,
            mismatch: false,
        }],
        parts: vec![part("2", "plan.pdf"), part("3", "graph.pdf")],
        remote: vec![],
        has_fetched: false,
        list: None,
        notes: vec![],
        whole: true,
    }
}

/// The keymap of a preset in a configuration.
pub fn preset(preset: Preset) -> impl FnOnce(&mut Config) {
    move |config| config.ui.keymap = preset
}
