//! The questions: deleting for ever, or a folder that holds mail; opening what may do harm; leaving a list; fetching pictures. Answered by a typed
//! word and never by a single key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::messages::wrap;
use super::{Next, Overlay, frame, middle, put};
use crate::mail::{Change, DisplayText, SafeFileName};
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::model::{Model, Outgoing};
use crate::ui::theme::{Theme, Token};
use crate::ui::triage;
use crate::worker::Request;

/// The word to type for what is deleted.
const DELETE: &str = "delete";

/// Cells of the box.
pub const WIDTH: u16 = 70;
/// Rows of a screen in which all that is said has room.
pub const ROWS: u16 = 16;

/// What follows a yes.
#[derive(Debug)]
pub enum Pending {
    Verb(triage::Pending),
    /// With the words for its toast.
    Change(Change, String),
    Ask(Request),
}

/// The question, with what follows.
#[derive(Debug)]
pub struct Confirm {
    pub line: Line,
    word: &'static str,
    title: &'static str,
    said: String,
    after: &'static str,
    pending: Pending,
}

impl Confirm {
    pub fn new(messages: u32, pending: triage::Pending) -> Self {
        Self {
            line: Line::default(),
            word: DELETE,
            title: "delete for ever",
            said: format!("{} will be gone for ever.", triage::messages(messages as usize)),
            after: "this can't be undone",
            pending: Pending::Verb(pending),
        }
    }

    pub fn of_folder(said: String, pending: Pending) -> Self {
        Self { line: Line::default(), word: DELETE, title: "delete folder", said, after: "undo brings both back", pending }
    }

    /// What the opener was not given yet, and why not.
    pub fn of_file(name: &SafeFileName, doubt: &str, open: Request) -> Self {
        let said = format!("{}: {doubt}", name.as_str());
        Self { line: Line::default(), word: "open", title: "open the file?", said, after: "S only saves it", pending: Pending::Ask(open) }
    }

    /// Where the one request would go.
    pub fn of_list(said: String, ask: Request) -> Self {
        let after = "nothing else is sent";
        Self { line: Line::default(), word: "leave", title: "leave the mailing list?", said, after, pending: Pending::Ask(ask) }
    }

    /// Who would be asked for pictures.
    pub fn of_pictures(said: String, ask: Request) -> Self {
        let after = "nothing else is asked for";
        Self { line: Line::default(), word: "fetch", title: "fetch the pictures?", said, after, pending: Pending::Ask(ask) }
    }

    pub fn act(self, model: &mut Model, action: Action) -> Next {
        match action {
            Action::Accept if self.line.text().trim().eq_ignore_ascii_case(self.word) => {
                match self.pending {
                    Pending::Verb(pending) => triage::send(model, pending),
                    Pending::Change(change, label) => {
                        model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::Apply { change, label })));
                    }
                    Pending::Ask(request) => model.outgoing.push_back(Outgoing::Effect(Effect::Ask(request))),
                }
                Next::Close
            }
            Action::Accept | Action::Complete | Action::PickNext | Action::PickPrevious => Next::Stay(Overlay::Confirm(self)),
            Action::Cancel | Action::Interrupt => Next::Close,
            _ => Next::Pass(Overlay::Confirm(self)),
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let room = WIDTH.min(area.width).saturating_sub(4);
        let said = wrap(DisplayText::capped(&self.said, 400).as_str(), usize::from(room));
        let rows = u16::try_from(said.len()).unwrap_or(u16::MAX).saturating_add(5).min(area.height);
        let inside = frame(buf, middle(area, WIDTH, rows), self.title, "Enter · Esc keep", theme, model.settings.icons);
        let room = usize::from(inside.width);
        // The line to type into comes before a long text.
        let last = inside.bottom().saturating_sub(1);
        for (y, line) in (inside.y..last.saturating_sub(1)).zip(&said) {
            put(buf, inside.x, y, line, room, theme.style(Token::Failed));
        }
        if inside.height < 4 {
            return Some(self.line.draw(buf, inside.x, last, room, theme));
        }
        put(buf, inside.x, last - 1, &format!("Type \"{}\" and press Enter; {}.", self.word, self.after), room, theme.style(Token::Text));
        put(buf, inside.x, last, "> ", 2, theme.style(Token::Accent));
        Some(self.line.draw(buf, inside.x + 2, last, room.saturating_sub(2), theme))
    }
}
