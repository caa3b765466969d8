//! What can follow the keys pressed so far; there is no time limit on choosing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{frame, put};
use crate::ui::format::{pad, width};
use crate::ui::keymap::{prefix_label, show_key, show_keys};
use crate::ui::model::Model;
use crate::ui::theme::{Theme, Token};

/// Draws the popup above the bottom rows, while a chord waits long enough.
pub fn draw(model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) {
    if !model.pressed.shown || model.pressed.chord.is_empty() {
        return;
    }
    let next = model.keymap.continuations(model.context(), &model.pressed.chord);
    let cells: Vec<(String, String)> = next
        .iter()
        .map(|entry| {
            let words = match entry.action {
                Some(action) if action.spec().ready => action.spec().hint.to_owned(),
                Some(action) => format!("{} (to come)", action.spec().hint),
                None => "…".to_owned(),
            };
            (show_key(entry.key), words)
        })
        .collect();
    let column = cells.iter().map(|(key, words)| width(key).max(1) + width(words) + 4).max().unwrap_or(10).min(usize::from(area.width));
    let columns = (usize::from(area.width.saturating_sub(4)) / column.max(1)).clamp(1, 4);
    let rows = cells.len().div_ceil(columns);
    let bottom = model.layout().status.map_or(area.bottom(), |status| status.y);
    let height = (rows as u16 + 2).min(bottom.saturating_sub(area.y));
    let place = Rect { x: area.x, y: bottom.saturating_sub(height), width: ((columns * column + 4) as u16).min(area.width), height };
    let title = format!("{} … {}", show_keys(&model.pressed.chord), prefix_label(&model.pressed.chord));
    let inside = frame(buf, place, &title, "Esc cancel", theme, model.settings.icons);
    for (n, (key, words)) in cells.iter().enumerate() {
        let y = inside.y + (n % rows.max(1)) as u16;
        let x = inside.x + (n / rows.max(1) * column) as u16;
        if y < inside.bottom() && x < inside.right() {
            let room = usize::from(inside.right() - x);
            let used = put(buf, x, y, &pad(key, width(key).max(2)), room, theme.style(Token::Key));
            put(buf, x + used, y, &format!(" {words}"), room.saturating_sub(usize::from(used)), theme.style(Token::Text));
        }
    }
}
