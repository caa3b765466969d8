//! The first screen, where there is no account yet: never an error, never an empty list.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Next, Overlay, clear, form::Form, put};
use crate::ui::action::{Action, Context};
use crate::ui::event::{Effect, Leave};
use crate::ui::folders::cursor_bar;
use crate::ui::format::pad;
use crate::ui::model::{Model, Out};
use crate::ui::theme::{Theme, Token};

/// The screen.
#[derive(Debug, Default)]
pub struct Welcome {
    at: usize,
}

const CHOICES: &[(Action, &str, &str)] = &[
    (Action::Demo, "Look around with a demo mailbox", "no account, no network"),
    (Action::AddAccount, "Add my mail account", "IMAP; tried before it is saved"),
    (Action::OpenMaildir, "Open a Maildir on this disk", "read where it is"),
    (Action::Quit, "Quit", ""),
];

impl Welcome {
    pub fn act(mut self, model: &mut Model, action: Action, steps: u32, out: &mut Out) -> Next {
        let last = CHOICES.len() - 1;
        let chosen = CHOICES.get(self.at).map_or(Action::Demo, |(action, ..)| *action);
        match if action == Action::Open { chosen } else { action } {
            Action::Down | Action::NextPane => self.at = (self.at + steps as usize).min(last),
            Action::Up | Action::PreviousPane => self.at = self.at.saturating_sub(steps as usize),
            Action::First => self.at = 0,
            Action::Last => self.at = last,
            Action::Demo => out.effects.push(Effect::Leave(Leave::Demo)),
            Action::AddAccount => model.overlays.push(Overlay::Form(Form::imap())),
            Action::OpenMaildir => model.overlays.push(Overlay::Form(Form::maildir())),
            Action::Close | Action::Quit => out.effects.push(Effect::Leave(Leave::Quit)),
            Action::Help | Action::Command | Action::Redraw | Action::Suspend => return Next::Pass(Overlay::Welcome(self)),
            _ => {}
        }
        Next::Stay(Overlay::Welcome(self))
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let keep = model.layout().status.map_or(0, |rect| area.bottom() - rect.y);
        let body = Rect { height: area.height.saturating_sub(keep), ..area };
        clear(buf, body);
        let wide = body.width.min(76);
        let x = body.x + (body.width - wide) / 2;
        let room = usize::from(wide);
        let mut y = body.y + u16::from(body.height > 8) * (body.height / 6 + 1);
        put(buf, x, y, "Welcome to postrider: mail in your terminal", room, theme.style(Token::Heading));
        y += if body.height > 8 { 2 } else { 1 };
        let mut cursor = None;
        for (n, (action, text, note)) in CHOICES.iter().enumerate() {
            if y >= body.bottom() {
                break;
            }
            if n == self.at {
                put(buf, x, y, cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
                cursor = Some((x, y));
            }
            let key = model.keymap.shown(Context::Welcome, *action).unwrap_or_default();
            put(buf, x + 2, y, &key, 3, theme.style(Token::Key));
            let used = put(buf, x + 6, y, &pad(text, 34.min(room.saturating_sub(6))), room.saturating_sub(6), theme.style(Token::Text));
            put(buf, x + 6 + used, y, note, room.saturating_sub(6 + usize::from(used)), theme.style(Token::Dim));
            y += 1;
        }
        if y + 1 < body.bottom() {
            let config = crate::mail::DisplayText::new(&model.config_path.to_string_lossy());
            let text = format!("Keys are vim's; keymap = \"gmail\", \"mutt\" or \"emacs\" in {config} changes that.");
            for line in super::messages::wrap(&text, room) {
                y += 1;
                if y < body.bottom() {
                    put(buf, x, y, &line, room, theme.style(Token::Dim));
                }
            }
        }
        cursor
    }
}
