//! The model into a buffer: the panes where the layout puts them, the overlays on top. Reads only.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::event::{Drawn, Now, Scroll};
use super::format::{count, width};
use super::layout::Layout;
use super::model::{Focus, Model};
use super::overlay::{self, put, which_key};
use super::theme::{Theme, Token};
use super::{composer, folders, list, preview, status};
use crate::config::Icons;
use crate::mail::DisplayText;

/// Draws the whole screen.
pub fn view(model: &Model, theme: &Theme, now: &Now, buf: &mut Buffer) -> Drawn {
    let area = buf.area;
    if area.is_empty() || (area.width, area.height) != model.size {
        // Between a resize of the terminal and its event.
        return Drawn::default();
    }
    let layout = model.layout();
    let composing = model.composers.current().is_some();
    if let Some(place) = layout.top.filter(|_| composing) {
        composer::top(model, theme, place, buf);
    } else if let Some(place) = layout.top {
        top(model, theme, place, buf);
    }
    let folders_cursor = layout.folders.and_then(|place| folders::draw(model, theme, now, place, buf));
    let list_cursor = layout.list.and_then(|place| list::draw::draw(model, theme, now, place, layout.cards, buf));
    if let Some(place) = layout.rule {
        rule(model, theme, place, buf);
    }
    let text_cursor = layout.preview.and_then(|place| preview::draw::draw(model, theme, now, place, buf));
    let composer_cursor = layout.composer.and_then(|place| composer::draw(model, theme, place, buf));
    let more = layout.status.and_then(|place| status::draw(model, theme, place, layout.hints, buf));
    if let Some((place, rest)) = layout.hints.zip(more) {
        status::draw_rest(model, theme, place, &rest, buf);
    } else if let Some(place) = layout.hints {
        status::draw_hints(model, theme, place, buf);
    }
    let overlay_cursor = overlay::draw(model, theme, now, area, buf);
    which_key::draw(model, theme, area, buf);
    let pane_cursor = match model.focus {
        _ if composing => composer_cursor,
        _ if model.reading => text_cursor,
        Focus::Folders => folders_cursor,
        Focus::List => list_cursor,
        Focus::Preview => text_cursor,
    };
    let cursor = if model.overlays.is_empty() { pane_cursor.or(list_cursor) } else { overlay_cursor };
    Drawn { cursor: cursor.filter(|at| area.contains((*at).into())), scroll: scroll(model, &layout) }
}

/// The list's rows moved since the last frame.
fn scroll(model: &Model, layout: &Layout) -> Option<Scroll> {
    let place = layout.list.filter(|_| model.overlays.is_empty())?;
    let shift = model.list.shift?;
    let height = if layout.cards { 2 } else { 1 };
    let top = place.y.checked_add(u16::try_from(shift.from).ok()?.checked_mul(height)?)?;
    let by = i16::try_from(shift.by).ok()?.checked_mul(i16::try_from(height).ok()?)?;
    (top < place.bottom() && by.unsigned_abs() < place.bottom() - top).then_some(Scroll { top, bottom: place.bottom(), by })
}

/// "Work ▸ Inbox   4 unread of 60"; a search tells its words.
fn top(model: &Model, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let room = usize::from(place.width);
    let arrow = if model.settings.icons == Icons::Ascii { ">" } else { "▸" };
    let narrow = room < 70;
    let (title, counts) = match (model.mailbox(), &model.list.listing) {
        (Some(mailbox), _) => {
            let name = DisplayText::new(&mailbox.name);
            let counts = if model.conversation().is_some() && !narrow {
                format!("thread {} of {}", count(model.list.at() as u64 + 1), count(model.list.rows.len() as u64))
            } else if model.reading {
                format!("{} of {}", count(model.list.at() as u64 + 1), count(model.list.rows.len() as u64))
            } else if narrow {
                format!("{}/{}", count(u64::from(mailbox.unread)), count(u64::from(mailbox.total)))
            } else {
                format!("{} unread of {}", count(u64::from(mailbox.unread)), count(u64::from(mailbox.total)))
            };
            let title = if narrow { name.into_string() } else { format!("{} {arrow} {name}", model.account_name(mailbox.account)) };
            (title, counts)
        }
        (None, Some(_)) => ("Everything".to_owned(), String::new()),
        (None, None) => ("postrider".to_owned(), String::new()),
    };
    let mut x = place.x + put(buf, place.x, place.y, &title, room, theme.style(Token::Heading));
    let rest = |x: u16| usize::from(place.right().saturating_sub(x));
    let gap = if narrow { " " } else { "   " };
    let query = model.list.listing.as_ref().and_then(|listing| listing.query.as_ref());
    match query {
        Some(query) => {
            let text = format!("{gap}search: {}", DisplayText::new(&query.text));
            put(buf, x, place.y, &text, rest(x), theme.style(Token::Accent));
        }
        None => {
            x += width(gap) as u16;
            put(buf, x, place.y, &counts, rest(x), theme.style(Token::Dim));
        }
    }
}

/// The line between list and preview.
fn rule(model: &Model, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let ascii = model.settings.icons == Icons::Ascii;
    let style = theme.style(Token::Border);
    if place.width == 1 {
        for y in place.y..place.bottom() {
            put(buf, place.x, y, if ascii { "|" } else { "│" }, 1, style);
        }
    } else {
        let line = if ascii { "-" } else { "─" }.repeat(usize::from(place.width));
        put(buf, place.x, place.y, &line, usize::from(place.width), style);
    }
}
