//! How a conversation is drawn: what it is about, and below it the messages. The first two columns are ours: a bar beside the message that the
//! cursor is in, and the signs of heads and seals. No text of a message is drawn in them, so that none can pass for a head.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Conversation;
use crate::config::Icons;
use crate::mail::thread::bare_subject;
use crate::mail::{DisplayText, FlagBits, Page};
use crate::ui::event::Now;
use crate::ui::folders::cursor_bar;
use crate::ui::format::{cut, date_cell, width};
use crate::ui::list::draw::signs;
use crate::ui::model::Model;
use crate::ui::overlay::messages::wrap;
use crate::ui::overlay::put;
use crate::ui::preview::draw::{Row, Within, draw_found, fits_head, rows, searched, senders, short};
use crate::ui::preview::{Piece, Preview, owners};
use crate::ui::theme::{Theme, Token};

/// Cells beside the text: two before it, one behind.
pub const MARGIN: u16 = 3;
/// Cells before a name in a head: unread, reply or star, a blank.
const MARKS: u16 = 3;
const DATE: usize = 6;
/// Cells of a mailbox's name.
const MAILBOX: usize = 12;

/// The rows of all messages, with their places.
pub fn sheet<'a>(conversation: &Conversation, preview: &'a Preview) -> Vec<Piece<'a>> {
    let mut sheet: Vec<Piece<'a>> = Vec::new();
    for (member, of) in conversation.members.iter().enumerate() {
        sheet.push(Piece { member, page: None, row: Row::Head });
        if !conversation.is_open(of.id) {
            continue;
        }
        let piece = |page, row| Piece { member, page, row };
        match preview.page_of(of.id) {
            Some(Ok(page)) => {
                let repeats = conversation.glimpses.get(&of.id).is_some_and(|glimpse| glimpse.repeats);
                let within = Within { subject: bare_subject(&conversation.subject), repeats };
                sheet.extend(rows(page, preview, Some(within)).into_iter().map(|row| piece(Some(Arc::as_ref(page)), row)));
            }
            Some(Err(why)) => {
                let why = DisplayText::capped(why, 400);
                let lines = wrap(why.as_str(), usize::from(conversation.view.width.max(10)));
                sheet.extend(lines.into_iter().map(|line| piece(None, Row::Note(line))));
            }
            None => sheet.push(piece(None, Row::Facts("Fetching…".to_owned(), Token::Dim))),
        }
        sheet.push(piece(None, Row::Blank));
    }
    sheet
}

/// Draws the pane; gives the place of the terminal's cursor: the head that is in view, else the first row of its message.
pub fn draw(model: &Model, it: &Conversation, theme: &Theme, now: &Now, place: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
    title(it, theme, place, buf);
    let place = Rect { y: place.y + 1, height: place.height.saturating_sub(1), ..place };
    let sheet = model.preview.sheet();
    let top = model.preview.top(&owners(&sheet), usize::from(place.height));
    let words = searched(model);
    let at = it.index();
    let mut cursor = None;
    for (y, piece) in (place.y..place.bottom()).zip(sheet.iter().skip(top)) {
        let line = Rect { x: place.x + 2.min(place.width), y, width: place.width.saturating_sub(2), height: 1 };
        if piece.member == at {
            put(buf, place.x, y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
            cursor = cursor.or(Some((place.x, y)));
        }
        match (&piece.row, piece.page) {
            (Row::Head, _) => head(model, it, theme, now, piece.member, line, buf),
            (row, Some(page)) => draw_found(model, theme, now, page, row, &words, line, buf),
            (Row::Note(text), None) => drop(put(buf, line.x, y, text, usize::from(line.width), theme.style(Token::Warning))),
            (Row::Facts(text, token), None) => drop(put(buf, line.x, y, text, usize::from(line.width), theme.style(*token))),
            (_, None) => {}
        }
    }
    cursor.filter(|_| model.overlays.is_empty())
}

/// What the thread is about, and which of its messages the cursor is in.
fn title(it: &Conversation, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let room = usize::from(place.width);
    let all = it.members.len();
    let which = match it.earlier {
        0 => format!("{} of {all}", it.index() + 1),
        earlier => format!("{} of the last {all} ({earlier} earlier)", it.index() + 1),
    };
    let which_room = width(&which) + 1;
    let subject = DisplayText::new(bare_subject(&it.subject));
    let subject = if subject.is_empty() { "(no subject)" } else { subject.as_str() };
    put(buf, place.x + 2, place.y, subject, room.saturating_sub(which_room + 4), theme.style(Token::Heading));
    let x = place.right().saturating_sub(which_room as u16);
    put(buf, x, place.y, &which, which_room, theme.style(if it.earlier > 0 { Token::Warning } else { Token::Dim }));
}

/// "▸ ▪⚑ Priya Raman   I moved the two racks …   Archive   20:15"; of an open one the whole address where there is room for it.
fn head(model: &Model, it: &Conversation, theme: &Theme, now: &Now, member: usize, line: Rect, buf: &mut Buffer) {
    let Some(row) = it.members.get(member) else { return };
    let Some(summary) = model.list.summaries.get(&row.id) else { return };
    let is_open = it.is_open(row.id);
    let sign = match (model.settings.icons, is_open) {
        (Icons::Ascii, true) => "v",
        (Icons::Ascii, false) => ">",
        (_, true) => "▾",
        (_, false) => "▸",
    };
    let token = if member == it.index() { Token::Accent } else { Token::Dim };
    put(buf, line.x.saturating_sub(1), line.y, sign, 1, theme.style(token));
    let has = |flag| summary.flags.bits.contains(flag);
    let signs = signs(model);
    let is_unread = !has(FlagBits::SEEN);
    let marks = [(is_unread, signs.unread, Token::Accent), (has(FlagBits::FLAGGED), signs.flagged, Token::Flagged)];
    for (x, (_, sign, token)) in (line.x..line.right()).zip(marks).filter(|(_, (on, ..))| *on) {
        put(buf, x, line.y, sign, 1, theme.style(token));
    }
    let (right, when) = (place_of(model, row.elsewhere, summary.mailbox), summary.date.unwrap_or(summary.received));
    let date = date_cell(when, &now.wall, model.settings.dates);
    let mut end = line.right().saturating_sub(DATE as u16 + 1);
    put(buf, end, line.y, &date, DATE, theme.style(Token::Dim));
    if !right.is_empty() {
        let cells = width(&right) as u16;
        end = end.saturating_sub(cells + 2);
        put(buf, end, line.y, &right, usize::from(cells), theme.style(Token::Dim));
    }
    let room = usize::from(end.saturating_sub(line.x + MARKS + 1));
    let text = theme.style(if is_unread { Token::Unread } else { Token::Text });
    let page = model.preview.page_of(row.id).and_then(|page| page.as_ref().ok());
    match page.filter(|page| is_open && fits_head(page)) {
        Some(page) => drop(put(buf, line.x + MARKS, line.y, &senders(page), room, text)),
        None => {
            let name = summary.from.first().map_or_else(|| "(nobody)".to_owned(), |from| short(model, from));
            let cells = if is_open { room } else { name_cells(room) };
            put(buf, line.x + MARKS, line.y, &name, cells, text);
            if !is_open {
                let words = words(it, summary.subject.as_str(), row.id, page);
                let x = line.x + MARKS + cells as u16 + 1;
                put(buf, x, line.y, &words, room.saturating_sub(cells + 1), theme.style(Token::Dim));
            }
        }
    }
}

/// The mailbox of a message that is in another one than those shown.
fn place_of(model: &Model, elsewhere: bool, mailbox: crate::mail::MailboxId) -> String {
    let mailbox = model.find_mailbox(mailbox).filter(|_| elsewhere);
    let name = mailbox.map(|mailbox| DisplayText::new(mailbox.leaf()));
    name.map_or(String::new(), |name| cut(name.as_str(), MAILBOX).into_owned())
}

/// A changed subject, then how the message begins.
fn words(it: &Conversation, subject: &str, id: crate::mail::MessageId, page: Option<&Arc<Page>>) -> String {
    let begins = it.glimpses.get(&id).map_or("", |glimpse| glimpse.words.as_str());
    let subject = DisplayText::new(bare_subject(page.map_or(subject, |page| page.subject.as_str())));
    let is_changed = subject.as_str() != DisplayText::new(bare_subject(&it.subject)).as_str();
    match (is_changed, begins.is_empty()) {
        (false, false) => begins.to_owned(),
        (true, false) => format!("{subject} · {begins}"),
        (_, true) => subject.into_string(),
    }
}

/// Cells of a name where words stand beside it.
fn name_cells(room: usize) -> usize {
    match room {
        0..24 => room,
        24..40 => 12,
        40..70 => 18,
        _ => 22,
    }
}
