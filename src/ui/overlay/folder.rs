//! Choosing a folder to open, move or copy to. Enter needs a visible match and never creates a folder.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choices::{Choice, Choices};
use super::{Next, Overlay, frame, middle};
use crate::mail::MailboxId;
use crate::ui::action::Action;
use crate::ui::format::count;
use crate::ui::model::{Model, Out};
use crate::ui::theme::Theme;
use crate::ui::triage::{self, Verb};
use crate::ui::{go, update};

/// The list of folders, and what they are chosen for.
#[derive(Debug)]
pub struct FolderPicker {
    pub choices: Choices<MailboxId>,
    purpose: Action,
}

/// All mailboxes that can be chosen, those of the current account first.
pub fn choices(model: &Model) -> Vec<Choice<MailboxId>> {
    let here = model.current_account();
    let mut mailboxes: Vec<_> = model.mailboxes.iter().filter(|mailbox| mailbox.selectable).collect();
    mailboxes.sort_by_key(|mailbox| Some(mailbox.account) != here);
    let choice = |mailbox: &crate::mail::Mailbox| Choice {
        group: "",
        key: String::new(),
        label: model.mailbox_path(mailbox),
        about: String::new(),
        note: if mailbox.unread > 0 { count(u64::from(mailbox.unread)) } else { String::new() },
        words: mailbox.role.map_or("", crate::mail::Role::word).to_owned(),
        value: mailbox.id,
    };
    mailboxes.into_iter().map(choice).collect()
}

impl FolderPicker {
    /// For [`Action::GoFolder`], [`Action::Move`] or [`Action::Copy`].
    pub fn new(model: &Model, purpose: Action) -> Self {
        Self { choices: Choices::new(choices(model)), purpose }
    }

    pub fn act(mut self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        if self.choices.step(action) {
            return Next::Stay(Overlay::Folder(self));
        }
        match action {
            Action::Accept => match self.choices.chosen().map(|choice| choice.value) {
                Some(mailbox) => {
                    chosen(model, self.purpose, mailbox, out);
                    Next::Close
                }
                None => {
                    model.status.say("No folder matches; Enter never makes a new one", out.now);
                    Next::Stay(Overlay::Folder(self))
                }
            },
            Action::Complete => {
                if let Some(label) = self.choices.chosen().map(|choice| choice.label.clone()) {
                    self.choices.line.set(label);
                    self.choices.filter();
                }
                Next::Stay(Overlay::Folder(self))
            }
            Action::Cancel | Action::Interrupt => Next::Close,
            _ => Next::Pass(Overlay::Folder(self)),
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let rows = (self.choices.entries().len() as u16).saturating_add(3).clamp(6, 20);
        let title = match self.purpose {
            Action::Move => "move to",
            Action::Copy => "copy to",
            _ => "open folder",
        };
        let inside = frame(buf, middle(area, 56, rows), title, "Enter take it · Esc cancel", theme, model.settings.icons);
        self.choices.draw(model, theme, inside, "No folder matches.", buf)
    }
}

/// Does what a folder was chosen for.
pub fn chosen(model: &mut Model, purpose: Action, mailbox: MailboxId, out: &mut Out) {
    match purpose {
        Action::Move => triage::run(model, Verb::Move(mailbox), false, out),
        Action::Copy => triage::run(model, Verb::Copy(mailbox), false, out),
        _ => go::mailbox(model, mailbox),
    }
}

/// The folder that a typed name means: exact, else the single one that contains it.
pub fn find(model: &Model, name: &str) -> Result<MailboxId, String> {
    let lower = name.trim().to_lowercase();
    let all = choices(model);
    let leaf = |choice: &Choice<MailboxId>| choice.label.rsplit('/').next().unwrap_or_default().to_lowercase();
    let exact = |choice: &&Choice<MailboxId>| choice.label.to_lowercase() == lower;
    if let Some(choice) = all.iter().find(exact).or_else(|| all.iter().find(|choice| leaf(choice) == lower || choice.words == lower)) {
        return Ok(choice.value);
    }
    let close: Vec<&Choice<MailboxId>> = all.iter().filter(|choice| choice.label.to_lowercase().contains(&lower)).collect();
    match close.as_slice() {
        [one] => Ok(one.value),
        [] => Err(format!("No folder is called \"{}\"", update::shown(name))),
        many => Err(format!("{} folders match \"{}\"", many.len(), update::shown(name))),
    }
}
