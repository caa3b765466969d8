//! One key to one frame's bytes with a mailbox of many rows: update, load, view and the difference to the frame
//! before. The rows come from arithmetic, so that what is measured grows only if the interface's own work does.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use postrider::config::{Account, Config, Incoming, Outgoing};
use postrider::mail::mailbox::Role;
use postrider::mail::{
    AccountId, Address, ContentId, FlagBits, Flags, Listing, Mailbox, MailboxId, MessageId, Row, Scope, Summary, ThreadId,
};
use postrider::store::Result;
use postrider::ui::event::{Event, Now};
use postrider::ui::input::Input;
use postrider::ui::keymap::parse_keys;
use postrider::ui::load::{Source, load};
use postrider::ui::model::{Model, Start};
use postrider::ui::screen::{Abilities, Screen};
use postrider::ui::theme::{Mode, Theme};
use postrider::ui::update::update;
use postrider::ui::view::view;
use postrider::worker::WorkerEvent;

fn main() {
    divan::main();
}

const INBOX: MailboxId = MailboxId(1);
const WORK: AccountId = AccountId(1);

/// A mailbox of `0` messages, number n the n-th from the oldest.
struct Rows(u32);

impl Rows {
    fn row(n: i64) -> Row {
        Row { id: MessageId(n), thread: ThreadId(n), count: 1, depth: 0, elsewhere: false }
    }

    fn all(&self) -> Arc<Vec<Row>> {
        Arc::new((1..=i64::from(self.0)).rev().map(Self::row).collect())
    }
}

impl Source for Rows {
    fn accounts(&self) -> Result<Vec<(AccountId, String)>> {
        Ok(vec![(WORK, "work".into())])
    }

    fn mailboxes(&self) -> Result<Vec<Mailbox>> {
        Ok(vec![Mailbox {
            id: INBOX,
            account: WORK,
            name: "Inbox".into(),
            role: Some(Role::Inbox),
            selectable: true,
            total: self.0,
            unread: self.0 / 3,
            uid_validity: None,
            synced: None,
        }])
    }

    fn first_rows(&self, _: &Listing, limit: usize) -> Result<Vec<Row>> {
        Ok((1..=i64::from(self.0)).rev().take(limit).map(Self::row).collect())
    }

    fn summaries(&self, ids: &[MessageId]) -> Result<Vec<Summary>> {
        let summary = |id: &MessageId| Summary {
            id: *id,
            content: ContentId(id.0),
            thread: ThreadId(id.0),
            account: WORK,
            mailbox: INBOX,
            flags: Flags::bits(if id.0 % 3 == 0 { FlagBits::NONE } else { FlagBits::SEEN }),
            date: Some(1_600_000_000 + id.0 * 61),
            received: 1_600_000_000 + id.0 * 61,
            from: vec![Address::new(format!("Sender Number {}", id.0 % 97), "sender@example.org")],
            to: vec![Address::new("Ada", "ada@example.org")],
            subject: format!("Subject {} about 午餐计划", id.0),
            rfc_message_id: Some(format!("m{}@example.org", id.0)),
            size: 4_000,
            has_attachment: id.0 % 7 == 0,
            has_body: false,
            is_waiting: false,
        };
        Ok(ids.iter().map(summary).collect())
    }

    fn conversation(&self, listing: &Listing, thread: ThreadId, also: &[MailboxId]) -> Result<Vec<Row>> {
        self.thread_rows(listing, thread, also)
    }

    fn thread_rows(&self, _: &Listing, thread: ThreadId, _: &[MailboxId]) -> Result<Vec<Row>> {
        Ok(vec![Self::row(thread.0)])
    }

    fn thread_ids(&self, _: &Scope, thread: ThreadId) -> Result<Vec<MessageId>> {
        Ok(vec![MessageId(thread.0)])
    }
}

fn account() -> Account {
    Account {
        name: "work".into(),
        address: "ada@example.org".into(),
        display_name: "Ada".into(),
        signature: None,
        authserv_id: None,
        incoming: Incoming::None,
        outgoing: Outgoing::None,
        sent_copy: true,
        mailboxes: Default::default(),
    }
}

/// Presses `key` again and again in a mailbox of `count` messages, each press drawn.
fn presses(bencher: Bencher<'_, '_>, count: u32, key: &str) {
    let rows = Rows(count);
    let now = |mono| Now { wall: jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC), mono };
    let mut mono = Instant::now();
    let config = Config { accounts: vec![account()], ..Config::default() };
    let start = Start { config, config_path: PathBuf::new(), home: PathBuf::new(), columns: 120, rows: 40, started: mono };
    let mut model = Model::new(start);
    load(&mut model, &rows).expect("loads");
    let listing = Listing::mailbox(INBOX, true);
    let listed = WorkerEvent::Listed { listing, rows: rows.all(), hidden: 0, whole: true };
    update(&mut model, Event::Worker(listed), &now(mono));
    let theme = Theme::new(Mode::Dark, postrider::config::Colors::Ansi256);
    let mut screen = Screen::new(Abilities::of_term("xterm-256color"));
    let key = parse_keys(key).expect("a key")[0];
    bencher.bench_local(|| {
        mono += Duration::from_millis(50);
        let now = now(mono);
        update(&mut model, Event::Input(Input::Key(key)), &now);
        load(&mut model, &rows).expect("loads");
        let drawn = view(&model, &theme, &now, screen.canvas(120, 40));
        screen.frame(drawn)
    });
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn next(bencher: Bencher<'_, '_>, count: u32) {
    presses(bencher, count, "j");
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn page_down(bencher: Bencher<'_, '_>, count: u32) {
    presses(bencher, count, "ctrl-f");
}
