//! What runs, and which changes are not yet on their server.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Next, Overlay, frame, middle, put};
use crate::mail::DisplayText;
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::folders::cursor_bar;
use crate::ui::format::count;
use crate::ui::model::{Model, Out};
use crate::ui::theme::{Theme, Token};
use crate::worker::Request;

/// The view; the jobs come first, then the waiting changes.
#[derive(Debug, Default)]
pub struct Tasks {
    at: usize,
}

impl Tasks {
    pub fn act(mut self, model: &mut Model, action: Action, steps: u32, out: &mut Out) -> Next {
        let last = (model.status.jobs.len() + model.status.waiting.len()).saturating_sub(1);
        let steps = steps as usize;
        match action {
            Action::Down => self.at = (self.at + steps).min(last),
            Action::Up => self.at = self.at.saturating_sub(steps),
            Action::First => self.at = 0,
            Action::Last => self.at = last,
            Action::CancelTask => match model.status.jobs.get(self.at) {
                Some(job) => out.effects.push(Effect::Ask(Request::Cancel(job.id))),
                None => model.status.say("A waiting change can't be cancelled here; u takes it back", out.now),
            },
            Action::Close | Action::Cancel | Action::Interrupt | Action::Tasks => return Next::Close,
            action if super::is_global(action) => return Next::Pass(Overlay::Tasks(self)),
            _ => {}
        }
        Next::Stay(Overlay::Tasks(self))
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let (jobs, waiting) = (&model.status.jobs, &model.status.waiting);
        let rows = u16::try_from(jobs.len() + waiting.len()).unwrap_or(u16::MAX).saturating_add(2).max(7);
        let place = middle(area, 90, rows.min(area.height.saturating_sub(4).max(5)));
        let inside = frame(buf, place, "tasks", "x cancel · q close", theme, model.settings.icons);
        let mut lines: Vec<(String, Token)> = Vec::new();
        for job in jobs {
            let total = job.total.map_or(String::new(), |total| format!(" of {}", count(total)));
            lines.push((format!("{}  {}{total}", DisplayText::new(&job.label), count(job.done)), Token::Text));
        }
        for change in waiting {
            lines.push((format!("waiting: {}  ({})", DisplayText::new(&change.label), model.account_name(change.account)), Token::Dim));
        }
        if lines.is_empty() {
            put(
                buf,
                inside.x,
                inside.y,
                "Nothing runs, and every change is on its server.",
                usize::from(inside.width),
                theme.style(Token::Dim),
            );
            return None;
        }
        let top = (self.at + 1).saturating_sub(usize::from(inside.height));
        let mut cursor = None;
        for (y, (n, (text, token))) in (inside.y..inside.bottom()).zip(lines.iter().enumerate().skip(top)) {
            if n == self.at {
                put(buf, inside.x, y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
                cursor = Some((inside.x, y));
            }
            put(buf, inside.x + 2, y, text, usize::from(inside.width.saturating_sub(2)), theme.style(*token));
        }
        cursor
    }
}
