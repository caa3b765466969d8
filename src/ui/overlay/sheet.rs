//! A page to look at: lines wrapped to the width, scrolled, closed. What is on it is cleaned when it is drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Next, Overlay, frame, middle, put};
use crate::mail::DisplayText;
use crate::ui::action::Action;
use crate::ui::composer::wrap::segments;
use crate::ui::model::Model;
use crate::ui::theme::{Theme, Token};

/// Cells of a line, as in the reader.
const WIDTH: u16 = 82;

/// The page.
#[derive(Debug)]
pub struct Sheet {
    title: String,
    lines: Vec<(String, Token)>,
    top: usize,
}

impl Sheet {
    pub fn new(title: &str, lines: Vec<(String, Token)>) -> Self {
        Self { title: DisplayText::capped(title, 60).into_string(), lines, top: 0 }
    }

    pub fn act(mut self, model: &Model, action: Action, steps: u32) -> Next {
        let last = self.lines.len().saturating_sub(1);
        let page = usize::from(model.size.1.saturating_sub(6)).max(1);
        let steps = steps as usize;
        match action {
            Action::Down => self.top += steps,
            Action::Up => self.top = self.top.saturating_sub(steps),
            Action::PageDown => self.top += page,
            Action::PageUp => self.top = self.top.saturating_sub(page),
            Action::HalfPageDown => self.top += page / 2,
            Action::HalfPageUp => self.top = self.top.saturating_sub(page / 2),
            Action::First => self.top = 0,
            Action::Last => self.top = last,
            Action::Close | Action::Cancel | Action::Interrupt => return Next::Close,
            Action::Redraw | Action::Suspend => return Next::Pass(Overlay::Sheet(self)),
            _ => {}
        }
        self.top = self.top.min(last);
        Next::Stay(Overlay::Sheet(self))
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let most = area.height.saturating_sub(2).max(3);
        let room = usize::from(WIDTH.min(area.width).saturating_sub(4)).max(1);
        let rows = self.lines.iter().skip(self.top).flat_map(|(line, token)| {
            let clean = DisplayText::new(line).into_string();
            let rows: Vec<(String, Token)> = segments(&clean, room)
                .iter()
                .map(|row| (clean.get(row.start..row.end).unwrap_or_default().trim_end().to_owned(), *token))
                .collect();
            rows
        });
        let rows: Vec<(String, Token)> = rows.take(usize::from(most)).collect();
        // Scrolling does not change its size.
        let height = if self.top > 0 { most } else { u16::try_from(rows.len() + 2).unwrap_or(most).clamp(6, most.max(6)) };
        let inside = frame(buf, middle(area, WIDTH, height), &self.title, "j k scroll · q close", theme, model.settings.icons);
        for (y, (row, token)) in (inside.y..inside.bottom()).zip(&rows) {
            put(buf, inside.x, y, row, room, theme.style(*token));
        }
        Some((inside.x, inside.y))
    }
}
