//! Messages being written: the open drafts, which of them is on screen, and when each is saved. What a draft
//! holds is edited here and kept by the worker; nothing is ever only here for more than two seconds or twenty
//! keystrokes. Start with [`Composer`]; keys are in `keys.rs`, sending in `send.rs`, the screen in `draw.rs`.

pub mod addresses;
mod buffer;
mod draw;
mod edit;
pub mod entry;
mod keys;
mod open;
mod places;
mod send;
pub mod text;
pub mod wrap;

use std::time::{Duration, Instant};

use super::action::Action;
use super::event::{Effect, Now};
use super::model::{Model, Out};
use crate::mail::draft::{AnswerKind, Cursor, Field};
use crate::mail::{Address, Draft, DraftId, Identity};
use crate::worker::Request;
use addresses::Popup;
use entry::Entry;
use text::Text;

pub use draw::{draw, preview_lines, top};
pub use edit::edited;
pub use keys::{act, click, drag, interrupt, key, paste, wheel};
pub use open::{begin, begin_with, is_mailto, leave_all, left, opened, start_in_drafts};
pub use places::{Places, places};
pub use send::{attached, clock, failed, give, is_blocked, later, queued, recipients, saved, unsend};

/// Unsaved text is at most this old.
const LAG: Duration = Duration::from_secs(2);
/// And at most twenty keystrokes long: half of them are saved while the other half is typed.
const KEYS: u32 = 10;
/// How long after a failure saving is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// Drafts that were just closed and can still come back when the worker could not keep them.
const LEAVING: usize = 8;

/// The header fields, in the order of their entries.
pub const FIELDS: [Field; 5] = [Field::To, Field::Cc, Field::Bcc, Field::ReplyTo, Field::Subject];

/// All open drafts.
#[derive(Debug, Default)]
pub struct Composers {
    pub open: Vec<Composer>,
    /// The one on screen when the composer has the focus.
    pub at: usize,
    pub focused: bool,
    leaving: Vec<Composer>,
    pub identities: Vec<Identity>,
    /// What was cut or copied last.
    clip: String,
    /// A composer was asked for, and nothing was typed into another one since.
    expecting: bool,
    /// How many drafts of a Drafts mailbox were asked for.
    continuing: u32,
    /// Message-IDs of what was discarded on its way to the outbox and is being taken back.
    unwanted: Vec<String>,
    /// Of the last question for addresses.
    serial: u64,
}

/// One draft.
#[derive(Debug)]
pub struct Composer {
    pub id: DraftId,
    /// All that has no entry: account, From, attachments, what it answers.
    base: Draft,
    entries: [Entry; 5],
    pub at: Field,
    pub text: Text,
    /// Cc, Bcc and Reply-To are shown though they are empty.
    all_fields: bool,
    popup: Option<Popup>,
    save: Save,
    /// Given to the outbox; closes when that is said.
    sending: bool,
    /// Discarded meanwhile: taken back from the outbox, it goes.
    unwanted: bool,
    /// Files on their way in.
    attaching: u32,
    /// The text is with the user's editor.
    editing: bool,
    /// A path that was pasted as text: attaching it is offered.
    offered: Option<String>,
    /// That paste was the last change.
    pasted_last: bool,
    /// Nothing was changed since it was opened.
    untouched: bool,
    /// It was somewhere before: leaving it keeps it even where nothing was changed.
    was_kept: bool,
    /// The From that fits the message it answers.
    fitting: Option<Address>,
    /// Something is wrong, in a few words.
    warning: Option<String>,
}

/// What is saved, and what is not.
#[derive(Debug, Default)]
struct Save {
    /// Of the newest request.
    serial: u64,
    /// The newest that is on the disk.
    kept: u64,
    /// When the first unsaved change was made.
    since: Option<Instant>,
    keys: u32,
    /// The user asked for this one, and is told.
    asked: Option<u64>,
}

impl Composer {
    pub fn new(id: DraftId, draft: Draft) -> Self {
        let texts = [&draft.to, &draft.cc, &draft.bcc, &draft.reply_to, &draft.subject];
        let mut text = Text::new(&draft.text);
        let Cursor { field, row, column } = draft.cursor;
        text.go((row as usize, column as usize));
        let is_answer = draft.answers.iter().any(|answer| answer.kind == AnswerKind::Reply);
        let mut composer = Self {
            id,
            entries: texts.map(|text| Entry::new(text)),
            at: field,
            text,
            all_fields: false,
            popup: None,
            save: Save::default(),
            sending: false,
            unwanted: false,
            attaching: 0,
            editing: false,
            offered: None,
            pasted_last: false,
            untouched: true,
            was_kept: false,
            fitting: is_answer.then(|| draft.from.clone()),
            warning: None,
            base: draft,
        };
        if let Some(entry) = composer.entry_mut(field)
            && column > 0
        {
            let at = text::byte_at(entry.text(), column as usize);
            entry.line.go(at);
        }
        composer
    }

    /// The line of a header field.
    pub fn entry(&self, field: Field) -> Option<&Entry> {
        self.entries.get(slot(field)?)
    }

    pub fn entry_mut(&mut self, field: Field) -> Option<&mut Entry> {
        self.entries.get_mut(slot(field)?)
    }

    fn field_text(&self, field: Field) -> &str {
        self.entry(field).map_or("", Entry::text)
    }

    pub fn subject(&self) -> &str {
        self.field_text(Field::Subject)
    }

    /// All of it as it is now.
    pub fn draft(&self) -> Draft {
        let of = |field| self.field_text(field).to_owned();
        let (row, column) = match self.entry(self.at) {
            Some(entry) => (0, entry.text().get(..entry.line.at()).unwrap_or_default().chars().count()),
            None => self.text.cursor(),
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Draft {
            to: of(Field::To),
            cc: of(Field::Cc),
            bcc: of(Field::Bcc),
            reply_to: of(Field::ReplyTo),
            subject: of(Field::Subject),
            text: self.text.text(),
            cursor: Cursor { field: self.at, row: number(row), column: number(column) },
            ..self.base.clone()
        }
    }

    /// The fields that Tab goes through.
    fn fields(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = FIELDS.into_iter().filter(|field| self.shows(*field)).collect();
        fields.push(Field::Text);
        fields
    }

    fn shows(&self, field: Field) -> bool {
        match field {
            Field::To | Field::Subject | Field::Text => true,
            _ => self.all_fields || self.at == field || !self.field_text(field).is_empty(),
        }
    }

    /// Nobody would miss it: opened, and closed as it was.
    fn is_pristine(&self) -> bool {
        self.untouched && !self.was_kept
    }

    /// "Reply", "Forward", "New message".
    fn kind(&self) -> &'static str {
        match self.base.answers.first().map(|answer| answer.kind) {
            Some(AnswerKind::Reply) => "Reply",
            Some(AnswerKind::Forward) => "Forward",
            None => "New message",
        }
    }

    /// Everything typed so far is on the disk.
    pub fn is_saved(&self) -> bool {
        self.save.since.is_none() && self.save.kept == self.save.serial
    }

    /// Something was changed; every so often that is saved at once.
    fn changed(&mut self, out: &mut Out) {
        self.untouched = false;
        self.pasted_last = false;
        self.warning = None;
        self.save.since.get_or_insert(out.now.mono);
        self.save.keys += 1;
        if self.save.keys >= KEYS {
            self.save(out);
        }
    }

    /// Saves what is not saved yet.
    fn save(&mut self, out: &mut Out) {
        if self.save.since.is_some() {
            self.ask_save(out);
        }
    }

    fn ask_save(&mut self, out: &mut Out) {
        self.save.since = None;
        self.save.keys = 0;
        self.save.serial += 1;
        let (serial, draft) = (self.save.serial, Box::new(self.draft()));
        out.effects.push(Effect::Ask(Request::SaveDraft { id: self.id, serial, draft }));
    }

    /// A file is on its way in; a path that was pasted for it goes out of the text again.
    pub fn attach_begins(&mut self, path: &str) {
        self.attaching += 1;
        if self.offered.take().is_some_and(|offered| offered == path) && self.pasted_last {
            self.text.undo();
        }
    }

    /// Goes to where something is to be mended.
    pub fn mend(&mut self, field: Field, out: &mut Out) {
        self.enter(field, out);
    }

    /// Goes to another field; what was typed in the one before is saved.
    fn enter(&mut self, field: Field, out: &mut Out) {
        self.popup = None;
        if self.at != field {
            self.at = field;
            self.save(out);
        }
    }
}

/// The place of a header field's entry.
fn slot(field: Field) -> Option<usize> {
    FIELDS.iter().position(|known| *known == field)
}

impl Composers {
    pub fn new(identities: Vec<Identity>) -> Self {
        Self { identities, ..Self::default() }
    }

    /// The draft on screen, where the composer has the focus.
    pub fn current(&self) -> Option<&Composer> {
        self.open.get(self.at).filter(|_| self.focused)
    }

    pub fn current_mut(&mut self) -> Option<&mut Composer> {
        self.open.get_mut(self.at).filter(|_| self.focused)
    }

    pub fn find(&mut self, id: DraftId) -> Option<&mut Composer> {
        self.open.iter_mut().find(|composer| composer.id == id)
    }

    /// When the oldest unsaved text is to be saved.
    pub fn wake(&self) -> Option<Instant> {
        self.open.iter().filter_map(|composer| composer.save.since).min().map(|since| since + LAG)
    }

    /// Takes a draft off the screen; the list has the focus then.
    fn close(&mut self, id: DraftId) -> Option<Composer> {
        let at = self.open.iter().position(|composer| composer.id == id)?;
        let closed = self.open.remove(at);
        if at == self.at {
            self.focused = false;
        }
        if at < self.at || self.at >= self.open.len() {
            self.at = self.at.saturating_sub(1);
        }
        Some(closed)
    }

    fn keep_leaving(&mut self, composer: Composer) {
        if self.leaving.len() >= LEAVING {
            self.leaving.remove(0);
        }
        self.leaving.push(composer);
    }
}

/// What is due is saved, and the window follows the cursor.
pub fn tick(model: &mut Model, out: &mut Out) {
    let now = out.now.mono;
    for composer in &mut model.composers.open {
        if composer.save.since.is_some_and(|since| since + LAG <= now) {
            composer.save(out);
        }
    }
    let Some((room, height)) = text_size(model) else { return };
    if let Some(composer) = model.composers.current_mut() {
        composer.text.keep_in_view(room, height);
    }
}

/// The terminal lost the focus, or another pane has it.
pub fn blur(model: &mut Model, out: &mut Out) {
    model.composers.open.iter_mut().for_each(|composer| composer.save(out));
}

/// "1 draft open (C-x o)" while it is not in front, so that it is not forgotten.
pub fn badge(model: &Model) -> Option<String> {
    let Composers { open, focused, .. } = &model.composers;
    let way = model.keymap.shown(model.context(), Action::OtherPane).map(|key| format!(" ({key})")).unwrap_or_default();
    match open.len() {
        _ if *focused => None,
        0 => None,
        1 => Some(format!("1 draft open{way}")),
        count => Some(format!("{count} drafts open{way}")),
    }
}

/// Cells and rows of the text on screen.
pub fn text_size(model: &Model) -> Option<(text::Room, usize)> {
    let place = model.layout().composer?;
    let places = places(model.composers.current()?, model.composers.identities.first(), place);
    Some((places.room, usize::from(places.text.height)))
}

/// The time to show and compare with, in Unix seconds.
fn seconds(now: &Now) -> i64 {
    now.wall.timestamp().as_second()
}
