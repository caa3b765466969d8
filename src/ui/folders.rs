//! The folder pane: accounts and their mailboxes as a tree, unread counts at the right, `⚠` where an
//! account needs its user. Selects by id; the entries are computed from the model.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::event::Now;
use super::format::{count, width};
use super::model::{Focus, Model};
use super::overlay::put;
use super::theme::{Theme, Token};
use crate::config::Icons;
use crate::mail::{AccountId, DisplayText, Mailbox, MailboxId, Scope};
use crate::worker::LinkState;

pub mod wishes;

/// A line of the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An account's heading, by its place in the model.
    Account(usize),
    Mailbox(MailboxId),
    Blank,
}

/// The pane's state.
#[derive(Debug, Default)]
pub struct Folders {
    pub cursor: Option<Entry>,
    pub top: usize,
    /// Mailboxes whose children are hidden.
    pub folded: BTreeSet<MailboxId>,
}

/// The visible lines, in order.
pub fn entries(model: &Model) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (n, account) in model.accounts.iter().enumerate() {
        if n > 0 {
            entries.push(Entry::Blank);
        }
        entries.push(Entry::Account(n));
        let Some(id) = account.id else { continue };
        let own: Vec<&Mailbox> = model.mailboxes.iter().filter(|mailbox| mailbox.account == id).collect();
        let folded: Vec<String> =
            own.iter().filter(|mailbox| model.folders.folded.contains(&mailbox.id)).map(|mailbox| format!("{}/", mailbox.name)).collect();
        let shown = own.iter().filter(|mailbox| !folded.iter().any(|prefix| mailbox.name.starts_with(prefix.as_str())));
        entries.extend(shown.map(|mailbox| Entry::Mailbox(mailbox.id)));
    }
    entries
}

/// Where the cursor is, else on the mailbox that the list shows.
fn at(model: &Model, entries: &[Entry]) -> usize {
    let chosen = model.folders.cursor.and_then(|cursor| entries.iter().position(|entry| *entry == cursor));
    chosen.or_else(|| entries.iter().position(|entry| Some(*entry) == current(model))).unwrap_or(0)
}

fn current(model: &Model) -> Option<Entry> {
    match model.list.listing.as_ref()?.scope {
        Scope::Mailbox(id) => Some(Entry::Mailbox(id)),
        _ => None,
    }
}

/// Moves the cursor by so many mailboxes.
pub fn step(model: &mut Model, by: isize) {
    let entries = entries(model);
    let places: Vec<usize> = entries.iter().enumerate().filter(|(_, entry)| matches!(entry, Entry::Mailbox(_))).map(|(n, _)| n).collect();
    let now = at(model, &entries);
    let index = places.iter().position(|place| *place >= now).unwrap_or(0);
    let next = index.saturating_add_signed(by).min(places.len().saturating_sub(1));
    model.folders.cursor = places.get(next).and_then(|place| entries.get(*place)).copied();
    keep_in_view(model);
}

fn keep_in_view(model: &mut Model) {
    let entries = entries(model);
    let at = at(model, &entries);
    let height = model.layout().folders.map_or(1, |rect| usize::from(rect.height)).max(1);
    let top = &mut model.folders.top;
    if at < *top {
        *top = at.saturating_sub(1);
    } else if at >= *top + height {
        *top = at + 1 - height;
    }
}

/// The mailbox under the cursor, where it can be opened.
pub fn chosen(model: &Model) -> Option<MailboxId> {
    let entries = entries(model);
    match entries.get(at(model, &entries))? {
        Entry::Mailbox(id) => Some(*id),
        _ => None,
    }
}

/// The mailbox on a row of the pane, and whether it has children there.
pub fn clicked(model: &Model, row: u16) -> Option<MailboxId> {
    let place = model.layout().folders?;
    let n = model.folders.top + usize::from(row.checked_sub(place.y)?);
    match entries(model).get(n)? {
        Entry::Mailbox(id) => Some(*id),
        _ => None,
    }
}

/// Folds or unfolds below the mailbox under the cursor; false where it has no children.
pub fn fold(model: &mut Model, fold: Option<bool>) -> bool {
    let Some(id) = chosen(model) else { return false };
    let Some(mailbox) = model.find_mailbox(id) else { return false };
    if !has_children(model, mailbox) {
        return false;
    }
    let is_folded = model.folders.folded.contains(&id);
    match fold.unwrap_or(!is_folded) {
        same if same == is_folded => false,
        true => model.folders.folded.insert(id),
        false => model.folders.folded.remove(&id),
    }
}

fn has_children(model: &Model, mailbox: &Mailbox) -> bool {
    let prefix = format!("{}/", mailbox.name);
    model.mailboxes.iter().any(|other| other.account == mailbox.account && other.name.starts_with(&prefix))
}

/// The next or previous mailbox that can be opened, in the pane's order, from the one shown.
pub fn neighbour(model: &Model, by: isize) -> Option<MailboxId> {
    let open: Vec<MailboxId> = model.mailboxes.iter().filter(|mailbox| mailbox.selectable).map(|mailbox| mailbox.id).collect();
    let here = model.mailbox().and_then(|mailbox| open.iter().position(|id| *id == mailbox.id));
    match here {
        Some(here) => here.checked_add_signed(by).and_then(|next| open.get(next)).copied(),
        None => open.first().copied(),
    }
}

/// The account before or after the current one.
pub fn neighbour_account(model: &Model, by: isize) -> Option<AccountId> {
    let ids: Vec<AccountId> = model.accounts.iter().filter_map(|account| account.id).collect();
    let here = model.current_account().and_then(|id| ids.iter().position(|known| *known == id))?;
    let count = isize::try_from(ids.len()).ok()?;
    let next = (isize::try_from(here).ok()? + by).rem_euclid(count);
    ids.get(usize::try_from(next).ok()?).copied()
}

/// Draws the pane; gives the cursor's row where the pane has the focus.
pub fn draw(model: &Model, theme: &Theme, _now: &Now, place: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
    let entries = entries(model);
    let focused = model.focus == Focus::Folders && !model.reading && model.overlays.is_empty();
    let cursor_at = if model.focus == Focus::Folders { Some(at(model, &entries)) } else { None };
    let current = current(model);
    let mut found = None;
    for (row, (n, entry)) in (place.y..place.bottom()).zip(entries.iter().enumerate().skip(model.folders.top)) {
        let line = Rect { y: row, height: 1, ..place };
        let selected = cursor_at == Some(n) || (cursor_at.is_none() && current == Some(*entry));
        match entry {
            Entry::Blank => {}
            Entry::Account(n) => account_line(model, theme, *n, line, buf),
            Entry::Mailbox(id) => {
                if let Some(mailbox) = model.find_mailbox(*id) {
                    mailbox_line(model, theme, mailbox, line, buf);
                }
            }
        }
        if selected {
            let token = if focused { Token::Accent } else { Token::Dim };
            let tint = if focused { Token::Selected } else { Token::SelectedDim };
            buf.set_style(line, theme.style(tint));
            put(buf, line.x, line.y, cursor_bar(model.settings.icons), 1, theme.style(token));
            if focused {
                found = Some((line.x, line.y));
            }
        }
    }
    found
}

/// The cursor's glyph.
pub fn cursor_bar(icons: Icons) -> &'static str {
    match icons {
        Icons::Unicode => "▌",
        Icons::Ascii => ">",
    }
}

fn account_line(model: &Model, theme: &Theme, n: usize, line: Rect, buf: &mut Buffer) {
    let Some(account) = model.accounts.get(n) else { return };
    let needs_user = matches!(account.link, Some(LinkState::SignIn { .. }));
    let away = matches!(account.link, Some(LinkState::BackOff { .. }));
    let name = DisplayText::new(&account.name);
    put(buf, line.x, line.y, name.as_str(), usize::from(line.width.saturating_sub(3)), theme.style(Token::Heading));
    if needs_user || away {
        let (sign, token) = if needs_user { ("⚠", Token::Warning) } else { ("○", Token::Dim) };
        let sign = if model.settings.icons == Icons::Ascii { "!" } else { sign };
        put(buf, line.right().saturating_sub(1 + width(sign) as u16), line.y, sign, 2, theme.style(token));
    }
}

/// How deep below mailboxes that are there, and the name from the nearest of them on.
fn nested<'a>(model: &Model, mailbox: &'a Mailbox) -> (usize, &'a str) {
    let above = |at: usize| {
        let name = mailbox.name.get(..at);
        model.mailboxes.iter().any(|other| other.account == mailbox.account && Some(other.name.as_str()) == name)
    };
    let parents: Vec<usize> = mailbox.name.match_indices('/').map(|(at, _)| at).filter(|at| above(*at)).collect();
    let name = parents.last().and_then(|at| mailbox.name.get(at + 1..)).unwrap_or(&mailbox.name);
    (parents.len(), name)
}

fn mailbox_line(model: &Model, theme: &Theme, mailbox: &Mailbox, line: Rect, buf: &mut Buffer) {
    let unread = if mailbox.unread > 0 { count(u64::from(mailbox.unread)) } else { String::new() };
    let (depth, name) = nested(model, mailbox);
    let indent = 1 + 2 * depth.min(4);
    let folded = model.folders.folded.contains(&mailbox.id);
    let sign = match (folded, model.settings.icons) {
        (false, _) => "",
        (true, Icons::Unicode) => "▸ ",
        (true, Icons::Ascii) => "+ ",
    };
    let leaf = DisplayText::new(name);
    let room = usize::from(line.width).saturating_sub(indent + width(&unread) + 2);
    let style = theme.style(if mailbox.selectable { Token::Text } else { Token::Dim });
    put(buf, line.x + indent.min(usize::from(line.width)) as u16, line.y, &format!("{sign}{leaf}"), room, style);
    if !unread.is_empty() {
        let x = line.right().saturating_sub(1 + width(&unread) as u16).max(line.x);
        put(buf, x, line.y, &unread, usize::from(line.right() - x), theme.style(Token::Unread));
    }
}
