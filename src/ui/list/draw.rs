//! How rows are drawn: fixed state columns, sender, subject, date at the right; or two lines a message
//! where it is narrow. Moving the cursor changes a few cells of two rows and nothing else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::List;
use crate::config::Icons;
use crate::mail::thread::bare_subject;
use crate::mail::{Address, DisplayText, FlagBits, Role, Row, Scope, Summary};
use crate::ui::action::{Action, Context};
use crate::ui::event::Now;
use crate::ui::folders::cursor_bar;
use crate::ui::format::{cut, date_cell, pad, width};
use crate::ui::found::{self, Part};
use crate::ui::model::{Focus, Model};
use crate::ui::overlay::{messages::wrap, put};
use crate::ui::theme::{Theme, Token};

/// Cells of a date.
const DATE: usize = 6;
/// Cells of a folder's name, in lists at least this wide that span folders.
const FOLDER: usize = 12;
const WITH_FOLDER: usize = 70;

/// The signs of one icon set.
#[derive(Debug)]
pub struct Signs {
    pub unread: &'static str,
    pub flagged: &'static str,
    pub answered: &'static str,
    pub forwarded: &'static str,
    draft: &'static str,
    queued: &'static str,
    marked: &'static str,
    file: &'static str,
    deleted: &'static str,
}

const UNICODE: Signs =
    Signs {
        unread: "▪", flagged: "⚑", answered: "↩", forwarded: "↪", draft: "✎", queued: "⇡", marked: "+", file: "@", deleted: "-"
    };
const ASCII: Signs =
    Signs { unread: "N", flagged: "!", answered: "r", forwarded: "f", draft: "D", queued: "^", marked: "+", file: "@", deleted: "-" };

/// What a row shows, read off once.
struct Shown<'a> {
    unread: bool,
    flagged: bool,
    file: bool,
    marked: bool,
    reply: &'static str,
    selected: bool,
    /// The row above says the same, in the same thread.
    repeats: bool,
    summary: Option<&'a Summary>,
    row: Row,
}

/// Draws the list; gives the place of the selected row.
pub fn draw(model: &Model, theme: &Theme, now: &Now, place: Rect, cards: bool, buf: &mut Buffer) -> Option<(u16, u16)> {
    let list = &model.list;
    let step = if cards { 2 } else { 1 };
    let below = u16::try_from(list.rows.len() - list.top.min(list.rows.len())).unwrap_or(u16::MAX).saturating_mul(step);
    if list.hidden > 0 && below < place.height {
        let line = Rect { y: place.y + below.max(u16::from(list.rows.is_empty()) * (place.height - 1)), height: 1, ..place };
        hidden(model, theme, line, buf);
    }
    if list.rows.is_empty() {
        empty(model, theme, Rect { height: place.height.saturating_sub(u16::from(list.hidden > 0)), ..place }, buf);
        return None;
    }
    let fits = usize::from(place.height / step).max(1);
    let range = list.range();
    let mut cursor = None;
    for (n, (at, row)) in list.rows.iter().enumerate().skip(list.top).take(fits).enumerate() {
        let y = place.y + n as u16 * step;
        let line = Rect { y, height: 1, ..place };
        let marked = list.marks.contains(&row.id) || (!row.elsewhere && range.as_ref().is_some_and(|range| range.contains(&at)));
        let above = at.checked_sub(1).and_then(|above| list.rows.get(above));
        let shown =
            Shown { repeats: above.is_some_and(|above| repeats(list, above, row)), ..read(model, list, row, at == list.at(), marked) };
        if cards {
            card(model, theme, now, &shown, line, place.bottom(), buf);
        } else {
            one_line(model, theme, now, &shown, line, buf);
        }
        if shown.selected {
            cursor = Some((place.x, y));
        }
    }
    cursor
}

/// That there is more, and how to see it.
fn hidden(model: &Model, theme: &Theme, line: Rect, buf: &mut Buffer) {
    let bar = if model.settings.icons == Icons::Unicode { "┆" } else { ":" };
    let threads = if model.list.hidden == 1 { "thread" } else { "threads" };
    let text = format!("{bar} {} muted {threads} hidden   (:show-muted)", model.list.hidden);
    put(buf, line.x + 5.min(line.width), line.y, &text, usize::from(line.width.saturating_sub(5)), theme.style(Token::Dim));
}

pub fn signs(model: &Model) -> &'static Signs {
    match model.settings.icons {
        Icons::Unicode => &UNICODE,
        Icons::Ascii => &ASCII,
    }
}

fn read<'a>(model: &Model, list: &'a List, row: &Row, selected: bool, marked: bool) -> Shown<'a> {
    let summary = list.summaries.get(&row.id);
    let signs = signs(model);
    let has = |flag| summary.is_some_and(|summary| summary.flags.bits.contains(flag));
    let facts = if list.is_folded(row) { list.facts.get(&row.thread).copied().unwrap_or_default() } else { Default::default() };
    let is_queued = model.outbox.iter().any(|item| item.continues == Some(row.id));
    let reply = [
        (FlagBits::DELETED, signs.deleted),
        (FlagBits::DRAFT, if is_queued { signs.queued } else { signs.draft }),
        (FlagBits::ANSWERED, signs.answered),
        (FlagBits::FORWARDED, signs.forwarded),
    ]
    .into_iter()
    .find(|(flag, _)| has(*flag))
    .map_or("", |(_, sign)| sign);
    Shown {
        unread: list.is_unread(row),
        flagged: has(FlagBits::FLAGGED) || facts.flagged,
        file: summary.is_some_and(|summary| summary.has_attachment) || facts.has_attachment,
        marked,
        reply,
        selected,
        repeats: false,
        summary,
        row: *row,
    }
}

/// A reply below a row of its thread with the same subject.
fn repeats(list: &List, above: &Row, row: &Row) -> bool {
    let subject = |row: &Row| list.summaries.get(&row.id).map(|summary| bare_subject(&summary.subject));
    row.depth > 0 && above.thread == row.thread && subject(row).is_some() && subject(above) == subject(row)
}

/// Sender, or where it was sent to in Sent and Drafts; with the count of a folded thread.
fn who(model: &Model, shown: &Shown) -> (String, String) {
    let Some(summary) = shown.summary else { return (String::new(), String::new()) };
    let role = model.find_mailbox(summary.mailbox).and_then(|mailbox| mailbox.role);
    let outgoing = matches!(role, Some(Role::Sent | Role::Drafts));
    let address = if outgoing { summary.to.first() } else { summary.from.first() };
    let mine = |address: &Address| {
        model.accounts.iter().any(|account| account.address.eq_ignore_ascii_case(&address.address) && !account.address.is_empty())
    };
    let name = match address {
        Some(address) if !outgoing && mine(address) => "me".to_owned(),
        Some(address) => DisplayText::new(address.short().trim()).into_string(),
        None => "(nobody)".to_owned(),
    };
    let name = match model.settings.icons {
        _ if !shown.row.elsewhere || role != Some(Role::Sent) => name,
        Icons::Unicode => format!("me → {name}"),
        Icons::Ascii => format!("me to {name}"),
    };
    let count = if model.list.is_folded(&shown.row) { format!(" ({})", model.list.thread_count(&shown.row)) } else { String::new() };
    (name, count)
}

fn subject(shown: &Shown) -> String {
    let Some(summary) = shown.summary else { return String::new() };
    match DisplayText::new(summary.subject.trim()) {
        text if text.is_empty() => "(no subject)".to_owned(),
        text => text.into_string(),
    }
}

fn date(model: &Model, shown: &Shown, now: &Now) -> String {
    shown.summary.map_or(String::new(), |summary| date_cell(summary.date.unwrap_or(summary.received), &now.wall, model.settings.dates))
}

/// Cursor, unread, reply, flag, mark, file: each in its own column.
fn states(model: &Model, theme: &Theme, shown: &Shown, line: Rect, buf: &mut Buffer) {
    let signs = signs(model);
    let columns = [
        (shown.unread, signs.unread, Token::Accent),
        (!shown.reply.is_empty(), shown.reply, Token::Dim),
        (shown.flagged, signs.flagged, Token::Flagged),
        (shown.marked, signs.marked, Token::Marked),
        (shown.file, signs.file, Token::Dim),
    ];
    for (x, (on, sign, token)) in (line.x + 1..line.right()).zip(columns) {
        if on {
            put(buf, x, line.y, sign, 1, theme.style(token));
        }
    }
}

/// The tint reaches over the states and the sender only, so that a move stays a few bytes.
fn select(model: &Model, theme: &Theme, line: Rect, cells: usize, buf: &mut Buffer) {
    let focused = model.focus == Focus::List;
    let tint = if focused { Token::Selected } else { Token::SelectedDim };
    let wide = (cells as u16).min(line.width);
    buf.set_style(Rect { width: wide, ..line }.intersection(buf.area), theme.style(tint));
    let bar = if focused { Token::Accent } else { Token::Dim };
    put(buf, line.x, line.y, cursor_bar(model.settings.icons), 1, theme.style(bar));
}

fn one_line(model: &Model, theme: &Theme, now: &Now, shown: &Shown, line: Rect, buf: &mut Buffer) {
    let room = usize::from(line.width);
    let text = theme.style(if shown.unread { Token::Unread } else { Token::Text });
    states(model, theme, shown, line, buf);
    let date_room = if room >= 30 { DATE + 2 } else { 0 };
    let state = 7.min(room);
    let sender = sender_cells(room);
    let (name, count) = who(model, shown);
    let indent = 2 * usize::from(shown.row.depth.min(8));
    let x = line.x + state as u16;
    let name_room = sender.saturating_sub(width(&count) + 1);
    let name_place = Rect { x, width: name_room as u16, ..line };
    let used = put(buf, x, line.y, &name, name_room, if shown.row.elsewhere { theme.style(Token::Dim) } else { text });
    put(buf, x + used, line.y, &count, width(&count), theme.style(Token::Dim));
    let x = x + sender as u16 + indent.min(room) as u16;
    let folder_room = if room >= WITH_FOLDER && (shown.row.elsewhere || spans_folders(model)) { FOLDER + 1 } else { 0 };
    let subject_room = room.saturating_sub(state + sender + indent + date_room + folder_room);
    let of_subject = if shown.repeats && !shown.unread { theme.style(Token::Dim) } else { text };
    let used = put(buf, x, line.y, &subject(shown), subject_room, of_subject);
    put(buf, x + used, line.y, &tags(shown), subject_room.saturating_sub(usize::from(used)), theme.style(Token::Dim));
    if folder_room > 0 {
        let x = line.right().saturating_sub((date_room + FOLDER) as u16);
        put(buf, x, line.y, &folder(model, shown), FOLDER, theme.style(Token::Dim));
    }
    if date_room > 0 {
        let date = date(model, shown, now);
        let wide = width(&date).min(DATE);
        put(buf, line.right().saturating_sub(DATE as u16 + 1), line.y, &pad(&date, DATE), DATE, theme.style(Token::Dim));
        debug_assert!(wide <= DATE);
    }
    if shown.selected {
        select(model, theme, line, state + sender, buf);
    }
    tint(model, theme, Part::Sender, &name, name_place, buf);
    tint(model, theme, Part::Subject, &subject(shown), Rect { x, width: subject_room as u16, ..line }, buf);
}

/// "  +todo +later", where there is room after the subject; what programs keep for themselves is left out.
fn tags(shown: &Shown) -> String {
    let Some(summary) = shown.summary else { return String::new() };
    let words = summary.flags.keywords.iter().filter(|word| !word.starts_with('$'));
    let tags: Vec<String> = words.map(|word| format!("+{}", DisplayText::new(word))).collect();
    if tags.is_empty() { String::new() } else { format!("  {}", tags.join(" ")) }
}

/// Tints what is searched for in a text that was drawn.
fn tint(model: &Model, theme: &Theme, part: Part, text: &str, place: Rect, buf: &mut Buffer) {
    for word in found::words(model, part) {
        found::tint(theme, &cut(text, usize::from(place.width)), &word, place, buf);
    }
}

/// The rows come from several folders.
fn spans_folders(model: &Model) -> bool {
    model.list.listing.as_ref().is_some_and(|listing| !matches!(listing.scope, Scope::Mailbox(_)))
}

/// The last part of the folder's name.
fn folder(model: &Model, shown: &Shown) -> String {
    let mailbox = shown.summary.and_then(|summary| model.find_mailbox(summary.mailbox));
    mailbox.map_or(String::new(), |mailbox| DisplayText::new(mailbox.leaf()).into_string())
}

/// Cells for the sender: a fifth or so, and the subject never under a third.
fn sender_cells(room: usize) -> usize {
    match room {
        0..30 => 0,
        30..50 => 12,
        50..60 => 16,
        60..90 => 20,
        _ => 24,
    }
}

fn card(model: &Model, theme: &Theme, now: &Now, shown: &Shown, line: Rect, bottom: u16, buf: &mut Buffer) {
    let room = usize::from(line.width);
    let text = theme.style(if shown.unread { Token::Unread } else { Token::Text });
    let signs = signs(model);
    let first = if shown.marked {
        (signs.marked, Token::Marked)
    } else if shown.unread {
        (signs.unread, Token::Accent)
    } else {
        (shown.reply, Token::Dim)
    };
    let second = if shown.flagged {
        (signs.flagged, Token::Flagged)
    } else if shown.file {
        (signs.file, Token::Dim)
    } else {
        ("", Token::Dim)
    };
    for (n, (sign, token)) in [first, second].into_iter().enumerate() {
        put(buf, line.x + 1 + n as u16, line.y, sign, 1, theme.style(token));
    }
    let date_room = if room >= 24 { DATE + 1 } else { 0 };
    let (name, count) = who(model, shown);
    let name_room = room.saturating_sub(4 + date_room + width(&count));
    let name_place = Rect { x: line.x + 4, width: name_room as u16, ..line };
    let used = put(buf, line.x + 4, line.y, &name, name_room, if shown.row.elsewhere { theme.style(Token::Dim) } else { text });
    put(buf, line.x + 4 + used, line.y, &count, width(&count), theme.style(Token::Dim));
    if date_room > 0 {
        put(buf, line.right().saturating_sub(DATE as u16), line.y, &date(model, shown, now), DATE, theme.style(Token::Dim));
    }
    let below = Rect { y: line.y + 1, ..line };
    if below.y < bottom {
        let indent = 4 + usize::from(shown.row.depth.min(4));
        let folder = if shown.row.elsewhere { cut(&folder(model, shown), FOLDER).into_owned() } else { String::new() };
        let cells = width(&folder);
        put(buf, line.x + indent as u16, below.y, &subject(shown), room.saturating_sub(indent + cells + usize::from(cells > 0)), text);
        put(buf, below.right().saturating_sub(cells as u16), below.y, &folder, cells, theme.style(Token::Dim));
    }
    if shown.selected {
        select(model, theme, line, room.saturating_sub(date_room), buf);
        if below.y < bottom {
            put(buf, below.x, below.y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
        }
    }
    tint(model, theme, Part::Sender, &name, name_place, buf);
    if below.y < bottom {
        let indent = (4 + u16::from(shown.row.depth.min(4))).min(below.width);
        tint(model, theme, Part::Subject, &subject(shown), Rect { x: below.x + indent, width: below.width - indent, ..below }, buf);
    }
}

/// Why there is nothing, and what to press.
fn empty(model: &Model, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let key = |action| model.keymap.shown(Context::List, action).unwrap_or_default();
    let text = match &model.list.listing {
        None if !model.mailboxes.is_empty() => {
            let first = model.accounts.first().map_or("the first account", |account| &account.name);
            format!("Waiting for {first}. {} opens a folder that is here already.", key(Action::GoFolder))
        }
        None if model.loaded => format!("No mail is here yet. {} shows the accounts and how they are.", key(Action::Accounts)),
        None => String::new(),
        Some(_) if !model.list.whole => "Loading…".to_owned(),
        Some(listing) if listing.query.is_some() => {
            format!("No match. {} goes back, {} searches every folder.", key(Action::Cancel), key(Action::SearchAll))
        }
        Some(_) if model.mailbox().is_some_and(|mailbox| mailbox.synced.is_none()) => {
            format!("Nothing has been fetched yet. {} shows the account and how it is.", key(Action::Accounts))
        }
        Some(_) if model.mailbox().is_some_and(|mailbox| mailbox.role == Some(Role::Inbox)) => {
            format!("Inbox zero. {} looks for unread mail in other folders.", key(Action::NextUnread))
        }
        Some(_) => {
            format!("This folder is empty. {} opens another, {} searches everywhere.", key(Action::GoFolder), key(Action::SearchAll))
        }
    };
    let room = usize::from(place.width.saturating_sub(2));
    for (y, line) in (place.y + place.height.min(3) / 3..place.bottom()).zip(wrap(&text, room)) {
        put(buf, place.x + 1, y, &line, room, theme.style(Token::Dim));
    }
}
