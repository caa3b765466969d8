//! The one question: deleting for ever, or a folder that holds mail; answered by a typed word and never by a single key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::{Next, Overlay, frame, middle, put};
use crate::mail::Change;
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::model::{Model, Outgoing};
use crate::ui::theme::{Theme, Token};
use crate::ui::triage;
use crate::worker::Request;

/// The word to type.
const WORD: &str = "delete";

/// What follows a yes.
#[derive(Debug)]
pub enum Pending {
    Verb(triage::Pending),
    /// With the words for its toast.
    Change(Change, String),
}

/// The question, with what follows.
#[derive(Debug)]
pub struct Confirm {
    pub line: Line,
    title: &'static str,
    said: String,
    after: &'static str,
    pending: Pending,
}

impl Confirm {
    pub fn new(messages: u32, pending: triage::Pending) -> Self {
        Self {
            line: Line::default(),
            title: "delete for ever",
            said: format!("{} will be gone for ever.", triage::messages(messages as usize)),
            after: "this can't be undone",
            pending: Pending::Verb(pending),
        }
    }

    pub fn of_folder(said: String, pending: Pending) -> Self {
        Self { line: Line::default(), title: "delete folder", said, after: "undo brings both back", pending }
    }

    pub fn act(self, model: &mut Model, action: Action) -> Next {
        match action {
            Action::Accept if self.line.text().trim().eq_ignore_ascii_case(WORD) => {
                match self.pending {
                    Pending::Verb(pending) => triage::send(model, pending),
                    Pending::Change(change, label) => {
                        model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::Apply { change, label })));
                    }
                }
                Next::Close
            }
            Action::Accept | Action::Complete | Action::PickNext | Action::PickPrevious => Next::Stay(Overlay::Confirm(self)),
            Action::Cancel | Action::Interrupt => Next::Close,
            _ => Next::Pass(Overlay::Confirm(self)),
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let inside = frame(buf, middle(area, 60, 6), self.title, "Enter · Esc keep", theme, model.settings.icons);
        let room = usize::from(inside.width);
        put(buf, inside.x, inside.y, &self.said, room, theme.style(Token::Failed));
        put(buf, inside.x, inside.y + 1, &format!("Type \"{WORD}\" and press Enter; {}.", self.after), room, theme.style(Token::Text));
        if inside.height < 4 {
            return Some(self.line.draw(buf, inside.x, inside.bottom().saturating_sub(1), room, theme));
        }
        put(buf, inside.x, inside.y + 3, "> ", 2, theme.style(Token::Accent));
        Some(self.line.draw(buf, inside.x + 2, inside.y + 3, room.saturating_sub(2), theme))
    }
}
