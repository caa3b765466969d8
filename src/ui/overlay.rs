//! What lies over the panes: one closed enum in one stack, each kind in its own file with its state, what
//! it does with an action and how it is drawn. Here: the stack, the dispatch and the box they share.

pub mod accounts;
pub mod choices;
pub mod command;
pub mod confirm;
pub mod folder;
pub mod form;
pub mod help;
pub mod line;
pub mod links;
pub mod messages;
pub mod path;
pub mod picture;
pub mod prompt;
pub mod review;
pub mod sheet;
pub mod tasks;
pub mod waiting;
pub mod welcome;
pub mod which_key;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::action::{Action, Context};
use super::event::Now;
use super::format::{cut, width};
use super::model::{Model, Out};
use super::theme::{Theme, Token};
use crate::config::Icons;
use line::Line;

/// Something over the panes.
#[derive(Debug)]
pub enum Overlay {
    Help(help::Help),
    Command(command::Command),
    Folder(folder::FolderPicker),
    Links(links::Links),
    Confirm(confirm::Confirm),
    Prompt(prompt::Prompt),
    Tasks(tasks::Tasks),
    Accounts(accounts::Accounts),
    Messages(messages::Messages),
    Welcome(welcome::Welcome),
    Form(form::Form),
    Path(path::PathPrompt),
    Review(review::Review),
    Sheet(sheet::Sheet),
    Picture(picture::Picture),
}

impl Overlay {
    /// Where its keys are looked up.
    pub fn context(&self) -> Context {
        match self {
            Self::Help(_) => Context::Help,
            Self::Command(_) | Self::Folder(_) | Self::Links(_) => Context::Picker,
            Self::Confirm(_) | Self::Review(_) => Context::Confirm,
            Self::Prompt(_) | Self::Form(_) | Self::Path(_) => Context::Prompt,
            Self::Tasks(_) | Self::Messages(_) | Self::Sheet(_) | Self::Picture(_) => Context::Tasks,
            Self::Accounts(_) => Context::Accounts,
            Self::Welcome(_) => Context::Welcome,
        }
    }

    /// The line that letters go to.
    pub fn line(&mut self) -> Option<&mut Line> {
        match self {
            Self::Help(it) => Some(&mut it.choices.line),
            Self::Command(it) => Some(&mut it.choices.line),
            Self::Folder(it) => Some(&mut it.choices.line),
            Self::Links(it) => Some(&mut it.choices.line),
            Self::Confirm(it) => Some(&mut it.line),
            Self::Prompt(it) => Some(&mut it.line),
            Self::Form(it) => it.line(),
            Self::Path(it) => Some(&mut it.line),
            Self::Review(_)
            | Self::Sheet(_)
            | Self::Picture(_)
            | Self::Tasks(_)
            | Self::Messages(_)
            | Self::Accounts(_)
            | Self::Welcome(_) => None,
        }
    }
}

/// What becomes of an overlay after an action; it is off the stack while it acts.
#[derive(Debug)]
pub enum Next {
    Stay(Overlay),
    Close,
    /// The action is not its own: it closes, and the panes do it.
    Pass(Overlay),
}

/// Gives an action to the top overlay; false where the panes should do it.
pub fn act(model: &mut Model, action: Action, count: u32, out: &mut Out) -> bool {
    let Some(top) = model.overlays.pop() else { return false };
    let depth = model.overlays.len();
    let next = match top {
        Overlay::Help(it) => it.act(model, action, out),
        Overlay::Command(it) => it.act(model, action, out),
        Overlay::Folder(it) => it.act(model, action, out),
        Overlay::Links(it) => it.act(model, action, out),
        Overlay::Confirm(it) => it.act(model, action),
        Overlay::Prompt(it) => it.act(model, action, out),
        Overlay::Tasks(it) => it.act(model, action, count, out),
        Overlay::Messages(it) => it.act(model, action, count),
        Overlay::Accounts(it) => it.act(model, action, count, out),
        Overlay::Welcome(it) => it.act(model, action, count, out),
        Overlay::Form(it) => it.act(model, action, out),
        Overlay::Path(it) => it.act(model, action, out),
        Overlay::Review(it) => it.act(model, action, out),
        Overlay::Sheet(it) => it.act(model, action, count),
        Overlay::Picture(it) => it.act(action),
    };
    match next {
        Next::Close => true,
        // What it opened lies above it.
        Next::Stay(overlay) => {
            model.overlays.insert(depth.min(model.overlays.len()), overlay);
            true
        }
        Next::Pass(overlay) => {
            model.overlays.insert(depth.min(model.overlays.len()), overlay);
            false
        }
    }
}

/// The text of the top overlay's line changed.
pub fn typed(model: &mut Model, out: &mut Out) {
    match model.overlays.last_mut() {
        Some(Overlay::Help(it)) => it.choices.filter(),
        Some(Overlay::Command(_)) => command::typed(model),
        Some(Overlay::Folder(it)) => it.choices.filter(),
        Some(Overlay::Links(it)) => it.choices.filter(),
        Some(Overlay::Prompt(_)) => prompt::typed(model, out),
        Some(Overlay::Path(_)) => path::ask(model, out),
        _ => {}
    }
}

/// Draws the whole stack, the top last; gives the place of the terminal's cursor.
pub fn draw(model: &Model, theme: &Theme, now: &Now, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
    let mut cursor = None;
    for overlay in &model.overlays {
        cursor = match overlay {
            Overlay::Help(it) => it.draw(model, theme, area, buf),
            Overlay::Command(it) => it.draw(model, theme, area, buf),
            Overlay::Folder(it) => it.draw(model, theme, area, buf),
            Overlay::Links(it) => it.draw(model, theme, area, buf),
            Overlay::Confirm(it) => it.draw(model, theme, area, buf),
            Overlay::Prompt(it) => it.draw(model, theme, area, buf),
            Overlay::Tasks(it) => it.draw(model, theme, now, area, buf),
            Overlay::Messages(it) => it.draw(model, theme, area, buf),
            Overlay::Accounts(it) => it.draw(model, theme, now, area, buf),
            Overlay::Welcome(it) => it.draw(model, theme, area, buf),
            Overlay::Form(it) => it.draw(model, theme, area, buf),
            Overlay::Path(it) => it.draw(model, theme, area, buf),
            Overlay::Review(it) => it.draw(model, theme, area, buf),
            Overlay::Sheet(it) => it.draw(model, theme, area, buf),
            Overlay::Picture(it) => it.draw(model, theme, area, buf),
        };
    }
    cursor
}

/// Puts clean text into at most `room` cells of one row; gives the cells used. Outside the buffer it does nothing.
pub fn put(buf: &mut Buffer, x: u16, y: u16, text: &str, room: usize, style: Style) -> u16 {
    if room == 0 || text.is_empty() || !buf.area.contains((x, y).into()) {
        return 0;
    }
    let room = room.min(usize::from(buf.area.right().saturating_sub(x)));
    let shown = cut(text, room);
    buf.set_stringn(x, y, &shown, room, style);
    width(&shown).min(room) as u16
}

/// Clears a place and draws a box around it, with a title and a line of keys; gives the inside.
pub fn frame(buf: &mut Buffer, place: Rect, title: &str, keys: &str, theme: &Theme, icons: Icons) -> Rect {
    let place = place.intersection(buf.area);
    clear(buf, place);
    if place.width < 4 || place.height < 3 {
        return place;
    }
    let [tl, tr, bl, br, h, v] = match icons {
        Icons::Unicode => ["╭", "╮", "╰", "╯", "─", "│"],
        Icons::Ascii => ["+", "+", "+", "+", "-", "|"],
    };
    let style = theme.style(Token::Border);
    let line = h.repeat(usize::from(place.width - 2));
    for (y, left, right) in [(place.y, tl, tr), (place.bottom() - 1, bl, br)] {
        put(buf, place.x, y, left, 1, style);
        put(buf, place.x + 1, y, &line, usize::from(place.width - 2), style);
        put(buf, place.right() - 1, y, right, 1, style);
    }
    for y in place.y + 1..place.bottom() - 1 {
        put(buf, place.x, y, v, 1, style);
        put(buf, place.right() - 1, y, v, 1, style);
    }
    let room = usize::from(place.width.saturating_sub(4));
    if !title.is_empty() {
        put(buf, place.x + 2, place.y, &format!(" {title} "), room, theme.style(Token::Heading));
    }
    if !keys.is_empty() {
        put(buf, place.x + 2, place.bottom() - 1, &format!(" {keys} "), room, theme.style(Token::Dim));
    }
    Rect { x: place.x + 2, y: place.y + 1, width: place.width - 4, height: place.height - 2 }
}

/// Blanks a place.
pub fn clear(buf: &mut Buffer, place: Rect) {
    for y in place.y..place.bottom() {
        for x in place.x..place.right() {
            if let Some(cell) = buf.cell_mut((x, y)) {
                cell.reset();
            }
        }
    }
}

/// A box of at most this size in the middle of the screen.
pub fn middle(area: Rect, columns: u16, rows: u16) -> Rect {
    let columns = columns.min(area.width);
    let rows = rows.min(area.height);
    Rect { x: area.x + (area.width - columns) / 2, y: area.y + (area.height - rows) / 3, width: columns, height: rows }
}

/// Actions that work over any view without text: undo, help, the command line, leaving.
fn is_global(action: Action) -> bool {
    matches!(
        action,
        Action::Undo | Action::Redo | Action::Help | Action::Command | Action::Quit | Action::Redraw | Action::Suspend | Action::Sync
    )
}
