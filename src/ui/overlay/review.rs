//! The question before a message goes, only where something looks forgotten: what was found, and whom it goes to.
//! What blocks can't be sent; everything else is one key.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::messages::wrap;
use super::prompt::{Prompt, Purpose};
use super::{Next, Overlay, frame, middle, put};
use crate::config::Icons;
use crate::mail::check::{Check, Severity};
use crate::mail::{DisplayText, DraftId};
use crate::ui::action::Action;
use crate::ui::composer::{give, is_blocked, recipients};
use crate::ui::input::{Code, Key};
use crate::ui::model::{Model, Out};
use crate::ui::theme::{Theme, Token};

/// The question, with what follows.
#[derive(Debug)]
pub struct Review {
    draft: DraftId,
    /// When it is to be sent; None: after the undo time.
    at: Option<i64>,
    found: Vec<Check>,
}

impl Review {
    pub fn new(draft: DraftId, at: Option<i64>, found: Vec<Check>) -> Self {
        Self { draft, at, found }
    }

    pub fn act(self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        match action {
            Action::Accept if !is_blocked(&self.found) => {
                give(model, self.draft, self.at, out);
                Next::Close
            }
            Action::Accept | Action::Cancel | Action::Interrupt => {
                self.back(model, out);
                Next::Close
            }
            Action::Complete | Action::PickNext | Action::PickPrevious => Next::Stay(Overlay::Review(self)),
            _ => Next::Pass(Overlay::Review(self)),
        }
    }

    /// Back to the place to mend.
    fn back(&self, model: &mut Model, out: &mut Out) {
        let field = self.found.first().map(|check| check.field);
        if let (Some(field), Some(composer)) = (field, model.composers.find(self.draft)) {
            composer.mend(field, out);
        }
    }

    /// It can't be sent as it is.
    pub fn is_blocked(&self) -> bool {
        is_blocked(&self.found)
    }

    fn keys(&self) -> &'static str {
        if is_blocked(&self.found) { "Enter or q: back to the text" } else { "y or Enter: send   q: back to the text   l: send later" }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let wide = 80.min(area.width);
        let room = usize::from(wide.saturating_sub(4)).max(1);
        let sign = if model.settings.icons == Icons::Ascii { "! " } else { "⚠ " };
        let mut lines: Vec<(String, Token)> = Vec::new();
        for check in &self.found {
            let token = if check.severity == Severity::Blocks { Token::Failed } else { Token::Warning };
            lines.extend(wrap(&format!("{sign}{}", check.text), room).into_iter().map(|line| (line, token)));
        }
        lines.push((String::new(), Token::Text));
        if let Some(composer) = model.composers.open.iter().find(|composer| composer.id == self.draft) {
            lines.push((format!("to       {}", recipients(composer)), Token::Text));
            lines.push((format!("subject  {}", DisplayText::new(composer.subject())), Token::Text));
        }
        lines.push((String::new(), Token::Text));
        lines.extend(wrap(self.keys(), room).into_iter().map(|line| (line, Token::Key)));
        let rows = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
        let title = if is_blocked(&self.found) { "not sent yet" } else { "send this message?" };
        let inside = frame(buf, middle(area, wide, rows), title, "", theme, model.settings.icons);
        for (y, (line, token)) in (inside.y..inside.bottom()).zip(&lines) {
            put(buf, inside.x, y, line, usize::from(inside.width), theme.style(*token));
        }
        Some((inside.x, inside.y))
    }
}

/// A letter of the question; false where no question is open.
pub fn key(model: &mut Model, key: Key, out: &mut Out) -> bool {
    let Some(Overlay::Review(_)) = model.overlays.last() else { return false };
    let Some(Overlay::Review(review)) = model.overlays.pop() else { return true };
    match key {
        Key { code: Code::Char('y' | 'Y'), ctrl: false, alt: false, .. } if !is_blocked(&review.found) => {
            give(model, review.draft, review.at, out);
        }
        Key { code: Code::Char('l'), ctrl: false, alt: false, .. } if !is_blocked(&review.found) => {
            model.overlays.push(Overlay::Prompt(Prompt::new("send at: ", Purpose::SendLater(review.draft))));
        }
        Key { code: Code::Char('q' | 'n' | 'e'), ctrl: false, alt: false, .. } => review.back(model, out),
        _ => model.overlays.push(Overlay::Review(review)),
    }
    true
}
