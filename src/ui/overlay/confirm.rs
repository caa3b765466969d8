//! The one question: deleting for ever, answered by a typed word and never by a single key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::{Next, Overlay, frame, middle, put};
use crate::ui::action::Action;
use crate::ui::model::Model;
use crate::ui::theme::{Theme, Token};
use crate::ui::triage::{self, Pending};

/// The word to type.
const WORD: &str = "delete";

/// The question, with the verb that follows.
#[derive(Debug)]
pub struct Confirm {
    pub line: Line,
    messages: u32,
    pending: Pending,
}

impl Confirm {
    pub fn new(messages: u32, pending: Pending) -> Self {
        Self { line: Line::default(), messages, pending }
    }

    pub fn act(self, model: &mut Model, action: Action) -> Next {
        match action {
            Action::Accept if self.line.text().trim().eq_ignore_ascii_case(WORD) => {
                triage::send(model, self.pending);
                Next::Close
            }
            Action::Accept | Action::Complete | Action::PickNext | Action::PickPrevious => Next::Stay(Overlay::Confirm(self)),
            Action::Cancel | Action::Interrupt => Next::Close,
            _ => Next::Pass(Overlay::Confirm(self)),
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let inside = frame(buf, middle(area, 60, 6), "delete for ever", "Enter · Esc keep", theme, model.settings.icons);
        let room = usize::from(inside.width);
        let text = format!("{} will be gone for ever.", triage::messages(self.messages as usize));
        put(buf, inside.x, inside.y, &text, room, theme.style(Token::Failed));
        put(
            buf,
            inside.x,
            inside.y + 1,
            &format!("Type \"{WORD}\" and press Enter; this can't be undone."),
            room,
            theme.style(Token::Text),
        );
        if inside.height < 4 {
            return Some(self.line.draw(buf, inside.x, inside.bottom().saturating_sub(1), room, theme));
        }
        put(buf, inside.x, inside.y + 3, "> ", 2, theme.style(Token::Accent));
        Some(self.line.draw(buf, inside.x + 2, inside.y + 3, room.saturating_sub(2), theme))
    }
}
