//! What was said lately, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Next, Overlay, frame, middle, put};
use crate::ui::action::Action;
use crate::ui::model::Model;
use crate::ui::status::Tone;
use crate::ui::theme::{Theme, Token};

/// The view.
#[derive(Debug, Default)]
pub struct Messages {
    top: usize,
}

impl Messages {
    pub fn act(mut self, model: &Model, action: Action, steps: u32) -> Next {
        let last = model.status.said.len().saturating_sub(1);
        match action {
            Action::Down => self.top = (self.top + steps as usize).min(last),
            Action::Up => self.top = self.top.saturating_sub(steps as usize),
            Action::First => self.top = 0,
            Action::Last => self.top = last,
            Action::Close | Action::Cancel | Action::Interrupt => return Next::Close,
            action if super::is_global(action) => return Next::Pass(Overlay::Messages(self)),
            _ => {}
        }
        Next::Stay(Overlay::Messages(self))
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let rows = u16::try_from(model.status.said.len()).unwrap_or(u16::MAX).saturating_mul(2).saturating_add(2).max(7);
        let place = middle(area, 110, rows.min(area.height.saturating_sub(2).max(5)));
        let inside = frame(buf, place, "messages", "q close", theme, model.settings.icons);
        let room = usize::from(inside.width);
        if model.status.said.is_empty() {
            put(buf, inside.x, inside.y, "Nothing was said yet.", room, theme.style(Token::Dim));
        }
        let mut y = inside.y;
        for notice in model.status.said.iter().skip(self.top) {
            let token = if notice.tone == Tone::Failed { Token::Failed } else { Token::Text };
            let times = if notice.times > 1 { format!(" ({} times)", notice.times) } else { String::new() };
            for line in wrap(&format!("{}{times}", notice.text), room) {
                if y >= inside.bottom() {
                    return None;
                }
                put(buf, inside.x, y, &line, room, theme.style(token));
                y += 1;
            }
        }
        None
    }
}

/// Words to lines of at most `room` cells; a longer word is cut.
pub fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let wide = crate::ui::format::width(line) + 1 + crate::ui::format::width(word);
        if line.is_empty() {
            line.push_str(word);
        } else if wide <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
