//! A picture to look at, over everything else, until any key that closes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Next, Overlay, frame, middle};
use crate::config::Colors;
use crate::mail::page::Line;
use crate::mail::{DisplayText, SafeFileName};
use crate::ui::action::Action;
use crate::ui::model::Model;
use crate::ui::preview::draw::draw_halves;
use crate::ui::theme::Theme;

/// Columns and rows of the frame.
const FRAME: (u16, u16) = (4, 2);

/// The picture.
#[derive(Debug)]
pub struct Picture {
    name: String,
    lines: Vec<Line>,
}

impl Picture {
    pub fn new(name: &SafeFileName, lines: Vec<Line>) -> Self {
        Self { name: DisplayText::capped(name.as_str(), 60).into_string(), lines }
    }

    /// The cells there are for one; none where there are no colours.
    pub fn room(model: &Model) -> Option<(u16, u16)> {
        let (columns, rows) = (model.size.0.saturating_sub(FRAME.0), model.size.1.saturating_sub(FRAME.1));
        (model.settings.colors != Colors::None).then_some((columns, rows))
    }

    pub fn act(self, action: Action) -> Next {
        match action {
            Action::Close | Action::Cancel | Action::Interrupt => Next::Close,
            Action::Redraw | Action::Suspend => Next::Pass(Overlay::Picture(self)),
            _ => Next::Stay(Overlay::Picture(self)),
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let size = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        let columns = self.lines.iter().map(|line| line.halves.len()).max().unwrap_or_default();
        let place = middle(area, size(columns).saturating_add(FRAME.0), size(self.lines.len()).saturating_add(FRAME.1));
        let inside = frame(buf, place, &self.name, "q close", theme, model.settings.icons);
        for (y, line) in (inside.y..inside.bottom()).zip(&self.lines) {
            draw_halves(model, theme, &line.halves, Rect { y, height: 1, ..inside }, buf);
        }
        Some((inside.x, inside.y))
    }
}
