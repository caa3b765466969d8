//! The text of the selected message, beside the list or over the whole screen: which page is shown, how far
//! it is scrolled, what is folded and found. Pages are rendered by the worker; drawing is in `preview/draw.rs`.

pub mod draw;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::model::{Model, Out};
use super::triage;
use crate::config::MarkRead;
use crate::mail::page::View;
use crate::mail::{Change, FlagBits, Flags, MessageId, Page};
use crate::ui::event::Effect;
use crate::worker::Request;

/// Keys closer together than this only move the list.
const REST: Duration = Duration::from_millis(120);
/// After this long without its page, the place of a message says so.
const BLANK: Duration = Duration::from_millis(150);
/// Pages kept, so that going back shows them at once.
const KEPT: usize = 12;
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
    pub all_headers: bool,
    pub other: bool,
    pub source: bool,
    pub wrap: bool,
    pub quotes_open: bool,
    pub find: Option<String>,
    moved_at: Option<Instant>,
    due: Option<Instant>,
    blank_at: Option<Instant>,
    /// Its page did not come in time.
    pub blank: bool,
    mark_at: Option<Instant>,
}

impl Default for Preview {
    fn default() -> Self {
        Self {
            followed: None,
            wanted: None,
            pages: Vec::new(),
            shown: None,
            scroll: 0,
            all_headers: false,
            other: false,
            source: false,
            wrap: true,
            quotes_open: false,
            find: None,
            moved_at: None,
            due: None,
            blank_at: None,
            blank: false,
            mark_at: None,
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

    fn view(&self, width: u16) -> View {
        let width = if self.wrap && !self.source { width.min(MEASURE) } else { width };
        View { width: width.max(10), all_headers: self.all_headers, other_alternative: self.other, source: self.source }
    }

    fn show(&mut self, id: MessageId, view: View) {
        if self.shown.map(|(id, _)| id) != Some(id) {
            self.scroll = 0;
            self.find = None;
        }
        self.shown = Some((id, view));
        self.blank = false;
        self.blank_at = None;
    }

    /// Drops a page that said why there is nothing, or that was only a part: there may be more now.
    pub fn forget_if_unknown(&mut self, id: MessageId) {
        self.pages.retain(|(known, _, page)| *known != id || page.as_ref().is_ok_and(|page| page.whole));
    }

    /// Scrolls by lines within the text; false where it was at that edge.
    pub fn scroll_by(&mut self, by: isize, height: usize) -> bool {
        let last = self.length().saturating_sub(height);
        let next = self.scroll.saturating_add_signed(by).min(last);
        let moved = next != self.scroll;
        self.scroll = next;
        moved
    }

    /// Rows that the page takes.
    fn length(&self) -> usize {
        match self.page() {
            Some(Ok(page)) => draw::rows(page, self).len(),
            _ => 0,
        }
    }

    fn match_rows(&self) -> Vec<usize> {
        let (Some(Ok(page)), Some(find)) = (self.page(), &self.find) else { return Vec::new() };
        let rows = draw::rows(page, self);
        rows.iter().enumerate().filter(|(_, row)| draw::row_text(page, row).to_lowercase().contains(find)).map(|(n, _)| n).collect()
    }

    /// Whether the text that is searched for is anywhere.
    pub fn has_match(&self) -> bool {
        !self.match_rows().is_empty()
    }

    /// Scrolls to the first match.
    pub fn first_match(&mut self, height: usize) {
        if let Some(row) = self.match_rows().first() {
            self.scroll = row.saturating_sub(2).min(self.length().saturating_sub(height));
        }
    }

    /// Scrolls to the next match, or the previous one; false where there is none further.
    pub fn next_match(&mut self, forward: bool, height: usize) -> bool {
        let rows = self.match_rows();
        let line = self.scroll + 2;
        let found = if forward { rows.iter().find(|row| **row > line) } else { rows.iter().rev().find(|row| **row < line) };
        match found {
            Some(row) => {
                self.scroll = row.saturating_sub(2).min(self.length().saturating_sub(height));
                true
            }
            None => false,
        }
    }

    /// Takes a page from the worker.
    pub fn take(&mut self, id: MessageId, view: View, page: Rendered) {
        self.pages.retain(|(known, how, _)| *known != id || *how != view);
        self.pages.push((id, view, page));
        if self.pages.len() > KEPT {
            drop(self.pages.remove(0));
        }
        if self.wanted == Some((id, view)) {
            self.show(id, view);
        }
    }
}

impl Model {
    /// Rows of text that the preview or the reader shows.
    pub fn preview_height(&self) -> usize {
        self.layout().preview.map_or(1, |rect| usize::from(rect.height)).max(1)
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
    let cursor = model.list.cursor();
    if cursor != model.preview.followed {
        let resting = model.preview.moved_at.is_none_or(|moved| now.saturating_duration_since(moved) >= REST);
        model.preview.moved_at = Some(now);
        model.preview.followed = cursor;
        model.preview.mark_at = None;
        (model.preview.all_headers, model.preview.other, model.preview.source) = (false, false, false);
        model.preview.due = Some(if resting || model.reading { now } else { now + REST });
        if cursor.is_none() {
            model.preview.shown = None;
            model.preview.wanted = None;
            model.preview.due = None;
        }
    }
    if model.preview.due.is_some_and(|due| due <= now) {
        model.preview.due = None;
        want(model, out);
    }
    // Other widths and other views of the message that is followed.
    let view = model.preview.view(place.width.saturating_sub(2));
    if model.preview.due.is_none()
        && model.preview.followed.is_some()
        && model.preview.wanted != model.preview.followed.map(|id| (id, view))
    {
        want(model, out);
    }
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
fn want(model: &mut Model, out: &mut Out) {
    let (Some(id), Some(place)) = (model.preview.followed, model.layout().preview) else { return };
    let view = model.preview.view(place.width.saturating_sub(2));
    model.preview.wanted = Some((id, view));
    if model.preview.find_page(id, view).is_some() {
        model.preview.show(id, view);
    } else {
        model.preview.blank_at = Some(out.now.mono + BLANK);
        model.preview.blank = model.preview.shown.is_none();
    }
    let at = model.list.at();
    let around = [at.checked_add(1), at.checked_add(2), at.checked_sub(1)];
    let ahead = around.into_iter().flatten().filter_map(|n| model.list.rows.get(n)).map(|row| row.id).collect();
    out.effects.push(Effect::Ask(Request::Want { id, view, ahead }));
}

/// Starts the time after which the message counts as read.
fn rest(model: &mut Model, now: Instant) {
    let id = model.preview.followed;
    let on_screen =
        id.is_some() && model.preview.shown.map(|(shown, _)| Some(shown)) == Some(id) && matches!(model.preview.page(), Some(Ok(_)));
    let unread = model.list.summary().is_some_and(|summary| !summary.flags.bits.contains(FlagBits::SEEN));
    if !on_screen || !unread || id == model.list.pinned || model.list.cursor() != id {
        model.preview.mark_at = None;
        return;
    }
    let wait = match model.settings.mark_read {
        MarkRead::Rest(wait) => wait,
        MarkRead::Open if model.reading => Duration::ZERO,
        MarkRead::Open | MarkRead::Never => return,
    };
    if model.preview.mark_at.is_none() {
        model.preview.mark_at = Some(now + wait);
    }
}

/// Marks the message read; without words, so that undo and the status row pass over it.
fn mark_read(model: &mut Model, out: &mut Out) {
    let Some(id) = model.preview.followed else { return };
    let seen = Flags::bits(FlagBits::SEEN);
    if let Some(summary) = model.list.summaries.get_mut(&id) {
        if let Some(facts) = model.list.facts.get_mut(&summary.thread) {
            facts.unread = facts.unread.saturating_sub(1);
        }
        summary.flags = summary.flags.with(&seen);
    }
    triage::flush(model, out);
    let change = Change::Flags { ids: vec![id], add: seen, remove: Flags::default() };
    out.effects.push(Effect::Ask(Request::Apply { change, label: String::new() }));
}
