//! The path of a file to attach, completed from folders that the worker reads: typed or chosen, never looked at
//! here.

use std::path::PathBuf;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::line::Line;
use super::prompt::expand;
use super::{Next, Overlay, clear, frame, put};
use crate::mail::{DisplayText, DraftId};
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::folders::cursor_bar;
use crate::ui::model::{Model, Out};
use crate::ui::theme::{Theme, Token};
use crate::worker::Request;

/// Entries on screen.
const SHOWN: usize = 10;

/// The prompt.
#[derive(Debug)]
pub struct PathPrompt {
    pub line: Line,
    draft: DraftId,
    /// Of the last question; another answer comes too late.
    serial: u64,
    /// Names in the folder of what is typed, folders with "/" at the end.
    found: Vec<String>,
    at: Option<usize>,
}

impl PathPrompt {
    pub fn new(draft: DraftId, text: &str) -> Self {
        let start = if text.is_empty() { "~/" } else { text };
        Self { line: Line::new(start).at_most(4096), draft, serial: 0, found: Vec::new(), at: None }
    }

    /// The folder of what is typed, with its "/", and the rest.
    fn split(&self) -> (&str, &str) {
        let text = meant(self.line.text());
        text.split_at(text.rfind('/').map_or(0, |at| at + 1))
    }

    pub fn act(mut self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        match action {
            Action::PickNext | Action::PickPrevious => self.step(action == Action::PickNext),
            Action::Complete => {
                self.complete();
                model.overlays.push(Overlay::Path(self));
                ask(model, out);
                return model.overlays.pop().map_or(Next::Close, Next::Stay);
            }
            Action::Accept => return self.accept(model, out),
            Action::Cancel | Action::Interrupt => return Next::Close,
            _ => return Next::Pass(Overlay::Path(self)),
        }
        Next::Stay(Overlay::Path(self))
    }

    fn step(&mut self, down: bool) {
        let count = self.found.len();
        self.at = match self.at {
            _ if count == 0 => None,
            None => Some(if down { 0 } else { count - 1 }),
            Some(at) => Some((at + if down { 1 } else { count - 1 }) % count),
        };
    }

    /// Tab: the chosen name, else as much as all names have in common.
    fn complete(&mut self) {
        let name = match self.at.and_then(|at| self.found.get(at)) {
            Some(name) => name.clone(),
            None => common(&self.found),
        };
        let (folder, typed) = self.split();
        if name.len() >= typed.len() && !name.is_empty() {
            self.line.set(format!("{folder}{name}"));
        }
        self.at = None;
    }

    fn accept(mut self, model: &mut Model, out: &mut Out) -> Next {
        if self.at.is_some() {
            self.complete();
        }
        let text = meant(self.line.text()).trim().to_owned();
        // A folder is entered, not attached.
        if text.ends_with('/') {
            model.overlays.push(Overlay::Path(self));
            ask(model, out);
            return model.overlays.pop().map_or(Next::Close, Next::Stay);
        }
        if !text.is_empty() {
            attach(model, self.draft, &text, out);
        }
        Next::Close
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let row = model.layout().status.unwrap_or(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
        clear(buf, row);
        let used = put(buf, row.x, row.y, "attach: ", usize::from(row.width) / 2, theme.style(Token::Accent));
        let cursor = self.line.draw(buf, row.x + used, row.y, usize::from(row.width.saturating_sub(used)), theme);
        if self.found.is_empty() || row.y < area.y + 4 {
            return Some(cursor);
        }
        let shown = self.found.len().min(SHOWN).min(usize::from(row.y - area.y - 2));
        let height = u16::try_from(shown + 2).unwrap_or(u16::MAX);
        let place = Rect { x: row.x, y: row.y.saturating_sub(height), width: row.width.min(60), height };
        let inside = frame(buf, place, "", "Tab complete · Enter attach", theme, model.settings.icons);
        let top = self.at.map_or(0, |at| (at + 1).saturating_sub(shown));
        for (y, (n, name)) in (inside.y..inside.bottom()).zip(self.found.iter().enumerate().skip(top)) {
            let token = if name.ends_with('/') { Token::Heading } else { Token::Text };
            if self.at == Some(n) {
                put(buf, inside.x, y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
            }
            let clean = DisplayText::new(name);
            put(buf, inside.x + 2, y, clean.as_str(), usize::from(inside.width.saturating_sub(2)), theme.style(token));
        }
        Some(cursor)
    }
}

/// Asks for the names that begin with what is typed.
pub fn ask(model: &mut Model, out: &mut Out) {
    model.path_serial += 1;
    let serial = model.path_serial;
    let Some(Overlay::Path(prompt)) = model.overlays.last_mut() else { return };
    prompt.serial = serial;
    prompt.at = None;
    let anew = meant(prompt.line.text()).to_owned();
    if anew != prompt.line.text() {
        prompt.line.set(anew);
    }
    let (folder, name) = prompt.split();
    let (folder, name) = (folder.to_owned(), name.to_owned());
    let folder = expand(model, &folder);
    out.effects.push(Effect::Ask(Request::CompletePath { serial, folder, prefix: name }));
}

/// The names are here; an answer to an older question is dropped.
pub fn completed(model: &mut Model, serial: u64, found: Vec<String>) {
    let prompt = model.overlays.iter_mut().find_map(|overlay| match overlay {
        Overlay::Path(prompt) if prompt.serial == serial => Some(prompt),
        _ => None,
    });
    if let Some(prompt) = prompt {
        prompt.found = found;
        prompt.at = None;
    }
}

/// Has a file attached.
pub fn attach(model: &mut Model, draft: DraftId, text: &str, out: &mut Out) {
    let path: PathBuf = expand(model, text);
    if let Some(composer) = model.composers.find(draft) {
        composer.attach_begins(text);
        out.effects.push(Effect::Ask(Request::Attach { draft, path }));
    }
}

/// A path typed behind another begins anew: "~//etc/hosts" is "/etc/hosts", "/tmp/~/x" is "~/x".
fn meant(text: &str) -> &str {
    let anew = text.rfind("//").max(text.rfind("/~/"));
    anew.and_then(|at| text.get(at + 1..)).unwrap_or(text)
}

/// What all names begin with.
fn common(names: &[String]) -> String {
    let Some(first) = names.first() else { return String::new() };
    let mut end = first.len();
    for name in names {
        let same =
            first.char_indices().zip(name.chars()).take_while(|((_, a), b)| a == b).last().map_or(0, |((at, a), _)| at + a.len_utf8());
        end = end.min(same);
    }
    first.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_typed_behind_another_begins_anew() {
        for (text, expect) in [("~/a", "~/a"), ("~//etc/hosts", "/etc/hosts"), ("/tmp/~/x", "~/x"), ("a", "a"), ("~//a/~/b//c", "/c")] {
            assert_eq!(meant(text), expect, "{text}");
        }
    }

    #[test]
    fn names_complete_to_what_they_share() {
        let names = |list: &[&str]| common(&list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["plan.pdf", "plan.txt", "planet"]), "plan");
        assert_eq!(names(&["plan.pdf"]), "plan.pdf");
        assert_eq!(names(&["ä", "ö"]), "");
        assert_eq!(names(&[]), "");
    }
}
