//! The text of the selected message, beside the list or over the whole screen: which page is shown, how far
//! it is scrolled, what is folded and found. Pages are rendered by the worker; drawing is in `preview/draw.rs`. Several pages as one are
//! in `preview/conversation.rs`.

pub mod conversation;
pub mod draw;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::model::{Model, Out};
use super::triage;
use crate::config::MarkRead;
use crate::mail::page::View;
use crate::mail::{Change, FlagBits, Flags, MessageId, Page, ThreadId};
use crate::ui::event::Effect;
use crate::worker::Request;
use conversation::Conversation;

/// Keys closer together than this only move the list.
const REST: Duration = Duration::from_millis(120);
/// After this long without its page, the place of a message says so.
const BLANK: Duration = Duration::from_millis(150);
/// Pages kept, so that going back shows them at once.
const KEPT: usize = 12;
/// Pages of a conversation that are asked for at a time; the worker lets those wait the longest that were asked first.
const AT_ONCE: usize = 5;
/// Messages of which it is known how far they were read.
const LEFT: usize = 1_000;
/// Measure of running text, in cells: a line of 72 fits with its quote bars.
pub const MEASURE: u16 = 78;

/// A rendered page, or the sentence why there is none.
pub type Rendered = Result<Arc<Page>, String>;

/// The preview's state.
#[derive(Debug)]
pub struct Preview {
    /// The message the cursor was on when it last rested; what the pane is about.
    pub followed: Option<MessageId>,
    /// Asked for, with how.
    pub wanted: Option<(MessageId, View)>,
    pages: Vec<(MessageId, View, Rendered)>,
    /// The page on screen, which may be the one before while the next is on its way.
    pub shown: Option<(MessageId, View)>,
    pub scroll: usize,
    /// Where messages were left, the last at the end.
    left: Vec<(MessageId, usize)>,
    pub all_headers: bool,
    pub other: bool,
    pub source: bool,
    pub wrap: bool,
    pub quotes_open: bool,
    pub pictures: bool,
    pub find: Option<String>,
    moved_at: Option<Instant>,
    due: Option<Instant>,
    blank_at: Option<Instant>,
    /// Its page did not come in time.
    pub blank: bool,
    mark_at: Option<Instant>,
    /// What counts as read then.
    resting: Vec<MessageId>,
    /// The thread that the reader shows as one page.
    pub conversation: Option<Conversation>,
    /// A thread that is to be read so though its row is not folded, for as long as the list's cursor is on this message.
    pub asked_thread: Option<(ThreadId, MessageId)>,
}

/// A row to draw, with the place of its message in the conversation.
#[derive(Debug)]
pub struct Piece<'a> {
    pub member: usize,
    pub page: Option<&'a Page>,
    pub row: draw::Row,
}

impl Default for Preview {
    fn default() -> Self {
        Self {
            followed: None,
            wanted: None,
            pages: Vec::new(),
            shown: None,
            scroll: 0,
            left: Vec::new(),
            all_headers: false,
            other: false,
            source: false,
            wrap: true,
            quotes_open: false,
            pictures: false,
            find: None,
            moved_at: None,
            due: None,
            blank_at: None,
            blank: false,
            mark_at: None,
            resting: Vec::new(),
            conversation: None,
            asked_thread: None,
        }
    }
}

impl Preview {
    /// The next moment at which something is due.
    pub fn wake(&self) -> Option<Instant> {
        [self.due, self.blank_at, self.mark_at].into_iter().flatten().min()
    }

    /// The page on screen.
    pub fn page(&self) -> Option<&Rendered> {
        let (id, view) = self.shown?;
        self.find_page(id, view)
    }

    /// The page of the selected message, where it is here.
    pub fn current(&self) -> Option<&Arc<Page>> {
        let (id, view) = self.wanted?;
        self.find_page(id, view)?.as_ref().ok()
    }

    fn find_page(&self, id: MessageId, view: View) -> Option<&Rendered> {
        self.pages.iter().find(|(known, how, _)| *known == id && *how == view).map(|(.., page)| page)
    }

    fn view(&self, width: u16, height: u16) -> View {
        let width = if self.wrap && !self.source { width.min(MEASURE) } else { width };
        // with its name and a line of the text in view
        let pictures = if self.pictures { height.saturating_sub(2).max(4) } else { 0 };
        View { width: width.max(10), all_headers: self.all_headers, other_alternative: self.other, source: self.source, pictures }
    }

    fn show(&mut self, id: MessageId, view: View) {
        let before = self.shown.map(|(id, _)| id);
        if before != Some(id) {
            self.leave(before);
            self.scroll = self.left.iter().find(|(known, _)| *known == id).map_or(0, |(_, scroll)| *scroll);
            // in a conversation it is found in all of it
            if self.conversation.is_none() {
                self.find = None;
            }
        }
        self.shown = Some((id, view));
        self.blank = false;
        self.blank_at = None;
    }

    /// Who comes back to a message goes on where he left it.
    fn leave(&mut self, message: Option<MessageId>) {
        let Some(id) = message else { return };
        self.left.retain(|(known, _)| *known != id);
        if self.scroll > 0 {
            self.left.push((id, self.scroll));
        }
        if self.left.len() > LEFT {
            self.left.remove(0);
        }
    }

    /// Drops a page that said why there is nothing, or that was only a part: there may be more now.
    pub fn forget_if_unknown(&mut self, id: MessageId) {
        self.pages.retain(|(known, _, page)| *known != id || page.as_ref().is_ok_and(|page| page.whole));
        if let Some(conversation) = &mut self.conversation {
            conversation.asked.retain(|(asked, _)| *asked != id);
        }
    }

    /// Its pages are others now, and its pictures are to be seen.
    pub fn redraw_with_pictures(&mut self, id: MessageId) {
        self.pages.retain(|(known, ..)| *known != id);
        if self.followed == Some(id) {
            self.pictures = true;
            self.wanted = None;
        }
    }

    /// The page of a message of the conversation; while it is laid out anew, as it was before.
    pub fn page_of(&self, id: MessageId) -> Option<&Rendered> {
        let view = self.view_of(id)?;
        let any = || self.pages.iter().rev().find(|(known, ..)| *known == id).map(|(.., page)| page);
        self.find_page(id, view).or_else(any)
    }

    /// How a message of the conversation is looked at: as asked where the cursor is, else as usual.
    fn view_of(&self, id: MessageId) -> Option<View> {
        let usual = self.conversation.as_ref()?.view;
        Some(self.wanted.filter(|(wanted, _)| *wanted == id).map_or(usual, |(_, view)| view))
    }

    /// Something of the conversation is still to be asked for.
    pub fn is_behind(&self) -> bool {
        let Some(conversation) = &self.conversation else { return false };
        let is_told = conversation.told.1.iter().eq(conversation.members.iter().map(|row| &row.id));
        !is_told || self.next_beside().is_some()
    }

    /// The next open message whose page is to be asked for, beside the one that is wanted.
    fn next_beside(&self) -> Option<MessageId> {
        let conversation = self.conversation.as_ref().filter(|it| it.asked.len() < AT_ONCE)?;
        let needs = |id: &MessageId| {
            let what = (*id, conversation.view);
            self.wanted != Some(what) && !conversation.asked.contains(&what) && self.find_page(*id, conversation.view).is_none()
        };
        conversation.open_ids().into_iter().find(needs)
    }

    /// All rows that there are to scroll through.
    pub fn sheet(&self) -> Vec<Piece<'_>> {
        match &self.conversation {
            Some(conversation) => conversation::draw::sheet(conversation, self),
            None => {
                let page = self.page().and_then(|page| page.as_ref().ok()).map(Arc::as_ref);
                let rows = page.map(|page| draw::rows(page, self, None)).unwrap_or_default();
                rows.into_iter().map(|row| Piece { member: 0, page, row }).collect()
            }
        }
    }

    fn owners(&self) -> Vec<usize> {
        owners(&self.sheet())
    }

    /// An open message's page is still to come.
    fn awaits(&self) -> bool {
        self.conversation.as_ref().is_some_and(|it| it.open_ids().iter().any(|id| self.page_of(*id).is_none()))
    }

    /// The first row in view, of rows that belong to the messages at these places.
    pub fn top(&self, owners: &[usize], height: usize) -> usize {
        match &self.conversation {
            Some(conversation) => conversation.top(owners, height, self.awaits()),
            None => self.scroll,
        }
    }

    /// Goes to the message of the conversation so many further on; false at its edge.
    pub fn step(&mut self, by: isize, height: usize) -> bool {
        let owners = self.owners();
        let top = self.top(&owners, height);
        self.conversation.as_mut().is_some_and(|it| it.step(&owners, by, top, height))
    }

    /// The row at this height of the screen: the place of its message, and whether it is its head.
    pub fn hit(&self, row: usize, height: usize) -> Option<(usize, bool)> {
        let sheet = self.sheet();
        let at = self.top(&owners(&sheet), height) + row;
        sheet.get(at).map(|piece| (piece.member, piece.row == draw::Row::Head))
    }

    /// Puts the cursor into a message of the conversation, without scrolling.
    pub fn enter(&mut self, member: usize, height: usize) {
        let owners = self.owners();
        let top = self.top(&owners, height);
        if let Some(conversation) = &mut self.conversation {
            conversation.enter(&owners, member, top);
        }
    }

    /// Open messages all of whose text is in view.
    fn in_view(&self, height: usize) -> Vec<MessageId> {
        let Some(conversation) = &self.conversation else { return Vec::new() };
        let owners = self.owners();
        let top = self.top(&owners, height);
        let whole = conversation.members.iter().enumerate().filter(|(member, _)| conversation::is_in_view(&owners, *member, top, height));
        let ids = whole.map(|(_, row)| row.id);
        ids.filter(|id| conversation.is_open(*id) && matches!(self.page_of(*id), Some(Ok(_)))).collect()
    }

    /// Scrolls by lines within the text; false where it was at that edge.
    pub fn scroll_by(&mut self, by: isize, height: usize) -> bool {
        let owners = self.owners();
        let old = self.top(&owners, height);
        let next = old.saturating_add_signed(by).min(owners.len().saturating_sub(height));
        match &mut self.conversation {
            Some(conversation) if next != old => conversation.scroll_to(&owners, next, height),
            Some(_) => {}
            None => self.scroll = next,
        }
        next != old
    }

    fn match_rows(&self) -> Vec<usize> {
        let Some(find) = &self.find else { return Vec::new() };
        let holds = |piece: &Piece<'_>| piece.page.is_some_and(|page| draw::row_text(page, &piece.row).to_lowercase().contains(find));
        self.sheet().iter().enumerate().filter(|(_, piece)| holds(piece)).map(|(n, _)| n).collect()
    }

    /// Whether the text that is searched for is anywhere.
    pub fn has_match(&self) -> bool {
        !self.match_rows().is_empty()
    }

    /// Scrolls to the first match.
    pub fn first_match(&mut self, height: usize) {
        if let Some(row) = self.match_rows().first() {
            self.show_row(&self.owners(), *row, height);
        }
    }

    /// Scrolls to the next match, or the previous one; false where there is none further.
    pub fn next_match(&mut self, forward: bool, height: usize) -> bool {
        let rows = self.match_rows();
        let owners = self.owners();
        let (old, last) = (self.top(&owners, height), owners.len().saturating_sub(height));
        let found = if forward { rows.iter().find(|row| **row > old + 2) } else { rows.iter().rev().find(|row| **row < old + 2) };
        // at the end of the text all that is left is in view
        let found = found.filter(|row| row.saturating_sub(2).min(last) != old);
        if let Some(row) = found {
            self.show_row(&owners, *row, height);
        }
        found.is_some()
    }

    fn show_row(&mut self, owners: &[usize], row: usize, height: usize) {
        let top = row.saturating_sub(2).min(owners.len().saturating_sub(height));
        match &mut self.conversation {
            Some(conversation) => conversation.enter(owners, owners.get(row).copied().unwrap_or_default(), top),
            None => self.scroll = top,
        }
    }

    /// Takes a page from the worker.
    pub fn take(&mut self, id: MessageId, view: View, page: Rendered) {
        self.pages.retain(|(known, how, _)| *known != id || *how != view);
        self.pages.push((id, view, page));
        if let Some(conversation) = &mut self.conversation {
            conversation.asked.remove(&(id, view));
        }
        if self.pages.len() > KEPT {
            let (conversation, wanted) = (self.conversation.as_ref(), self.wanted);
            let is_open = |id, view| conversation.is_some_and(|it| it.is_open(id) && it.view == view);
            let oldest = self.pages.iter().position(|(id, view, _)| wanted != Some((*id, *view)) && !is_open(*id, *view));
            oldest.map(|at| self.pages.remove(at));
        }
        if self.wanted == Some((id, view)) {
            self.show(id, view);
        }
    }
}

/// The places of the messages that rows belong to.
pub fn owners(sheet: &[Piece<'_>]) -> Vec<usize> {
    sheet.iter().map(|piece| piece.member).collect()
}

impl Model {
    /// Rows of text that the preview or the reader shows.
    pub fn preview_height(&self) -> usize {
        let title = usize::from(self.conversation().is_some());
        self.layout().preview.map_or(1, |rect| usize::from(rect.height).saturating_sub(title)).max(1)
    }

    /// The thread that is read as one page.
    pub fn conversation(&self) -> Option<&Conversation> {
        self.preview.conversation.as_ref().filter(|_| self.reading)
    }
}

/// After every event: the preview follows the cursor when it rests, and what is due happens.
pub fn follow(model: &mut Model, out: &mut Out) {
    let now = out.now.mono;
    let Some(place) = model.layout().preview else {
        model.preview.due = None;
        model.preview.blank_at = None;
        model.preview.mark_at = None;
        return;
    };
    let cursor = model.current();
    if cursor != model.preview.followed {
        let resting = model.preview.moved_at.is_none_or(|moved| now.saturating_duration_since(moved) >= REST);
        model.preview.moved_at = Some(now);
        model.preview.followed = cursor;
        model.preview.mark_at = None;
        (model.preview.all_headers, model.preview.other, model.preview.source) = (false, false, false);
        model.preview.pictures = false;
        model.preview.due = Some(if resting || model.reading { now } else { now + REST });
        if cursor.is_none() {
            model.preview.shown = None;
            model.preview.wanted = None;
            model.preview.due = None;
        }
    }
    let margin = if model.conversation().is_some() { conversation::draw::MARGIN } else { 2 };
    let view = model.preview.view(place.width.saturating_sub(margin), place.height);
    if model.preview.due.is_some_and(|due| due <= now) {
        model.preview.due = None;
        want(model, view, out);
    }
    // Other widths and other views of the message that is followed.
    if model.preview.due.is_none()
        && model.preview.followed.is_some()
        && model.preview.wanted != model.preview.followed.map(|id| (id, view))
    {
        want(model, view, out);
    }
    want_beside(model, view, out);
    if model.preview.blank_at.is_some_and(|at| at <= now) {
        model.preview.blank_at = None;
        model.preview.blank = true;
    }
    if model.preview.mark_at.is_some_and(|at| at <= now) {
        model.preview.mark_at = None;
        mark_read(model, out);
    }
    rest(model, now);
}

/// Asks for the page of the message that is followed, and for its neighbours ahead.
fn want(model: &mut Model, view: View, out: &mut Out) {
    let Some(id) = model.preview.followed else { return };
    model.preview.wanted = Some((id, view));
    if model.preview.find_page(id, view).is_some() {
        model.preview.show(id, view);
    } else {
        model.preview.blank_at = Some(out.now.mono + BLANK);
        model.preview.blank = model.preview.shown.is_none();
    }
    tell_together(model, out);
    let at = model.list.at();
    let around = [at.checked_add(1), at.checked_add(2), at.checked_sub(1)];
    let ahead = around.into_iter().flatten().filter_map(|n| model.list.rows.get(n)).map(|row| row.id).collect();
    out.effects.push(Effect::Ask(Request::Want { id, view, ahead }));
}

/// Which messages are read together, where that changed.
fn tell_together(model: &mut Model, out: &mut Out) {
    let Some(conversation) = model.preview.conversation.as_mut().filter(|_| model.reading) else { return };
    let mut ids = conversation.open_ids();
    ids.push(conversation.at);
    ids.sort_unstable();
    ids.dedup();
    if conversation.told.0 != ids {
        conversation.told.0.clone_from(&ids);
        out.effects.push(Effect::Ask(Request::Together { ids }));
    }
}

/// Asks for the pages of the other open messages of the conversation, a few at a time, and for the first words of all.
fn want_beside(model: &mut Model, view: View, out: &mut Out) {
    if model.conversation().is_none() {
        return;
    }
    tell_together(model, out);
    let Some(conversation) = &mut model.preview.conversation else { return };
    let usual = View { width: view.width, ..View::default() };
    if conversation.view != usual {
        conversation.view = usual;
        conversation.asked.clear();
    }
    while let Some(id) = model.preview.next_beside() {
        if let Some(conversation) = &mut model.preview.conversation {
            conversation.asked.insert((id, usual));
        }
        out.effects.push(Effect::Ask(Request::Want { id, view: usual, ahead: Vec::new() }));
    }
    let Some(conversation) = &mut model.preview.conversation else { return };
    let ids: Vec<MessageId> = conversation.members.iter().map(|row| row.id).collect();
    if conversation.told.1 != ids {
        conversation.told.1.clone_from(&ids);
        out.effects.push(Effect::Ask(Request::Glimpse { ids }));
    }
}

/// Starts the time after which what is on the screen counts as read.
fn rest(model: &mut Model, now: Instant) {
    let unread = |id: &MessageId| {
        let is_pinned = model.list.pinned == Some(*id) || model.conversation().is_some_and(|it| it.pinned.contains(id));
        !is_pinned && model.list.summaries.get(id).is_some_and(|summary| !summary.flags.bits.contains(FlagBits::SEEN))
    };
    let resting: Vec<MessageId> = on_screen(model).into_iter().filter(unread).collect();
    if resting.is_empty() {
        model.preview.mark_at = None;
        model.preview.resting = resting;
        return;
    }
    let wait = match model.settings.mark_read {
        MarkRead::Rest(wait) => wait,
        MarkRead::Open if model.reading => Duration::ZERO,
        MarkRead::Open | MarkRead::Never => return,
    };
    if model.preview.mark_at.is_none() || model.preview.resting != resting {
        model.preview.mark_at = Some(now + wait);
        model.preview.resting = resting;
    }
}

/// The messages whose text is on the screen: the one that is followed, and those of a conversation that are seen whole.
fn on_screen(model: &Model) -> Vec<MessageId> {
    let preview = &model.preview;
    let Some(id) = preview.followed.filter(|id| model.current() == Some(*id)) else { return Vec::new() };
    if let Some(conversation) = model.conversation() {
        let at = Some(id).filter(|id| conversation.is_open(*id) && matches!(preview.page_of(*id), Some(Ok(_))));
        let mut ids = preview.in_view(model.preview_height());
        ids.extend(at.filter(|id| !ids.contains(id)));
        return ids;
    }
    let is_shown = preview.shown.is_some_and(|(shown, _)| shown == id) && matches!(preview.page(), Some(Ok(_)));
    if is_shown { vec![id] } else { Vec::new() }
}

/// Marks what is on the screen read; without words, so that undo and the status row pass over it.
fn mark_read(model: &mut Model, out: &mut Out) {
    let ids = std::mem::take(&mut model.preview.resting);
    if ids.is_empty() {
        return;
    }
    let seen = Flags::bits(FlagBits::SEEN);
    for id in &ids {
        if let Some(summary) = model.list.summaries.get_mut(id) {
            if let Some(facts) = model.list.facts.get_mut(&summary.thread) {
                facts.unread = facts.unread.saturating_sub(1);
            }
            summary.flags = summary.flags.with(&seen);
        }
    }
    triage::flush(model, out);
    let change = Change::Flags { ids, add: seen, remove: Flags::default() };
    out.effects.push(Effect::Ask(Request::Apply { change, label: String::new() }));
}
