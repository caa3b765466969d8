//! Clicks and the wheel: what a row, a folder or a hint does by key, at the place under the pointer.

use std::time::Duration;

use crate::ui::action::Action;
use crate::ui::composer;
use crate::ui::folders;
use crate::ui::go;
use crate::ui::input::{Mouse, MouseKind};
use crate::ui::layout::hits;
use crate::ui::model::{Focus, Model, Out};
use crate::ui::status::hint_at;

const DOUBLE: Duration = Duration::from_millis(400);
/// Rows or lines that one notch of the wheel moves.
const NOTCH: isize = 3;

pub fn mouse(model: &mut Model, mouse: Mouse, out: &mut Out) {
    match mouse.kind {
        MouseKind::WheelDown => wheel(model, mouse, NOTCH, out),
        MouseKind::WheelUp => wheel(model, mouse, -NOTCH, out),
        MouseKind::Down => click(model, mouse, out),
        MouseKind::Drag => drag(model, mouse),
        MouseKind::Up => {}
    }
}

/// In a text that is written the pointer selects.
fn drag(model: &mut Model, mouse: Mouse) {
    let place = model.layout().composer.filter(|_| model.overlays.is_empty());
    if let Some(place) = place.filter(|place| hits(Some(*place), mouse.column, mouse.row)) {
        composer::drag(model, mouse, place);
    }
}

fn wheel(model: &mut Model, mouse: Mouse, by: isize, out: &mut Out) {
    if !model.overlays.is_empty() {
        let typing = model.context().is_typing();
        let action = match (typing, by > 0) {
            (true, true) => Action::PickNext,
            (true, false) => Action::PickPrevious,
            (false, true) => Action::Down,
            (false, false) => Action::Up,
        };
        super::overlay::act(model, action, 1, out);
        return;
    }
    let layout = model.layout();
    if hits(layout.composer, mouse.column, mouse.row) {
        return composer::wheel(model, by);
    }
    if hits(layout.preview, mouse.column, mouse.row) {
        let height = model.preview_height();
        model.preview.scroll_by(by, height);
    } else if hits(layout.list, mouse.column, mouse.row) {
        model.list.step(by);
    } else if hits(layout.folders, mouse.column, mouse.row) {
        folders::step(model, by.signum());
    }
}

fn click(model: &mut Model, mouse: Mouse, out: &mut Out) {
    let layout = model.layout();
    if let Some(place) = layout.hints.filter(|_| hits(layout.hints, mouse.column, mouse.row)) {
        if let Some(action) = hint_at(model, place, mouse.column) {
            super::run(model, action, None, out);
        }
        return;
    }
    if !model.overlays.is_empty() {
        return;
    }
    if let Some(place) = layout.composer.filter(|_| hits(layout.composer, mouse.column, mouse.row)) {
        return composer::click(model, mouse, place, out);
    }
    if model.composers.focused && !model.composers.open.is_empty() {
        super::run(model, Action::OtherPane, None, out);
    }
    let double = model.last_click.is_some_and(|(at, column, row)| {
        (column, row) == (mouse.column, mouse.row) && out.now.mono.saturating_duration_since(at) <= DOUBLE
    });
    model.last_click = (!double).then_some((out.now.mono, mouse.column, mouse.row));
    if hits(layout.folders, mouse.column, mouse.row) {
        if let Some(id) = folders::clicked(model, mouse.row) {
            model.folders.cursor = Some(folders::Entry::Mailbox(id));
            if model.find_mailbox(id).is_some_and(|mailbox| mailbox.selectable) {
                model.only = None;
                go::mailbox(model, id);
            } else {
                folders::fold(model, None);
            }
        }
    } else if let Some(place) = layout.list.filter(|_| hits(layout.list, mouse.column, mouse.row)) {
        model.focus = Focus::List;
        let line = usize::from(mouse.row - place.y) / if layout.cards { 2 } else { 1 };
        let at = model.list.top + line;
        if at < model.list.rows.len() {
            model.list.go(at);
            if double {
                super::run(model, Action::Open, None, out);
            }
        }
    } else if let Some(place) = layout.preview.filter(|place| model.conversation().is_some() && hits(Some(*place), mouse.column, mouse.row))
    {
        // below the row that says what it is about
        let height = model.preview_height();
        let hit = usize::from(mouse.row - place.y).checked_sub(1).and_then(|row| model.preview.hit(row, height));
        if let Some((member, is_head)) = hit {
            model.preview.enter(member, height);
            if is_head {
                super::run(model, Action::Fold, None, out);
            }
        }
    } else if hits(layout.preview, mouse.column, mouse.row) && !model.reading {
        model.focus = Focus::Preview;
        if double {
            super::run(model, Action::Open, None, out);
        }
    }
}
