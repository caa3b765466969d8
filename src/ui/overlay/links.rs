//! The links and files of a message, by label: opened, saved or copied.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choices::{Choice, Choices};
use super::prompt::{Prompt, Purpose};
use super::{Next, Overlay, frame, middle};
use crate::mail::{DisplayText, MessageId, Page};
use crate::ui::action::Action;
use crate::ui::composer;
use crate::ui::event::Effect;
use crate::ui::format::size;
use crate::ui::model::{Model, Out};
use crate::ui::theme::Theme;
use crate::worker::{OpenTarget, Request};

/// What is done with the chosen one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    Open,
    Save,
    Copy,
}

/// The list for one message.
#[derive(Debug)]
pub struct Links {
    pub choices: Choices<Target>,
    id: MessageId,
    purpose: LinkPurpose,
}

/// One entry's target.
#[derive(Clone, Debug)]
pub enum Target {
    Url(String),
    Part(String),
    /// Every file.
    AllParts,
}

impl Links {
    /// None where the message has nothing to choose.
    pub fn new(page: &Page, purpose: LinkPurpose) -> Option<Self> {
        let mut entries = Vec::new();
        if purpose != LinkPurpose::Save {
            entries.extend(page.links.iter().map(|link| {
                // what is copied goes elsewhere, where nobody needs to know by whose mail; what is opened stays as it was sent
                let url = if purpose == LinkPurpose::Copy { &link.bare } else { &link.url };
                let via = link.via.as_ref().map_or_else(String::new, |via| format!(" via {via}"));
                Choice {
                    group: "links",
                    key: link.number.to_string(),
                    label: DisplayText::new(url).into_string(),
                    about: String::new(),
                    note: format!("{}{}{via}", if link.mismatch { "⚠ really " } else { "" }, link.host),
                    words: link.number.to_string(),
                    value: Target::Url(url.clone()),
                }
            }));
        }
        if purpose != LinkPurpose::Copy {
            let files: Vec<_> = page.parts.iter().filter(|part| part.is_attachment).collect();
            if purpose == LinkPurpose::Save && files.len() > 1 {
                let label = format!("all {} files", files.len());
                entries.push(Choice {
                    group: "files",
                    key: "*".into(),
                    label,
                    about: String::new(),
                    note: String::new(),
                    words: "all".into(),
                    value: Target::AllParts,
                });
            }
            entries.extend(files.iter().zip('a'..='z').map(|(part, letter)| Choice {
                group: "files",
                key: letter.to_string(),
                label: DisplayText::new(part.name.as_deref().unwrap_or(&part.content_type)).into_string(),
                about: String::new(),
                note: format!("{} {}", DisplayText::new(&part.content_type), size(part.size)),
                words: letter.to_string(),
                value: Target::Part(part.number.clone()),
            }));
        }
        (!entries.is_empty()).then(|| Self { choices: Choices::new(entries), id: page.id, purpose })
    }

    pub fn act(mut self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        if self.choices.step(action) {
            return Next::Stay(Overlay::Links(self));
        }
        match action {
            Action::Accept => {
                let typed = self.choices.line.text().trim().to_owned();
                let labelled = self.choices.entries().iter().find(|choice| !typed.is_empty() && choice.key == typed);
                let Some(target) = labelled.or_else(|| self.choices.chosen()).map(|choice| choice.value.clone()) else {
                    return Next::Stay(Overlay::Links(self));
                };
                self.take(model, target, out);
                Next::Close
            }
            Action::Complete => Next::Stay(Overlay::Links(self)),
            Action::Cancel | Action::Interrupt => Next::Close,
            _ => Next::Pass(Overlay::Links(self)),
        }
    }

    fn take(&self, model: &mut Model, target: Target, out: &mut Out) {
        let id = self.id;
        match (self.purpose, target) {
            (LinkPurpose::Save, Target::Part(number)) => ask_where(model, id, Some(vec![number])),
            (LinkPurpose::Save, _) => ask_where(model, id, None),
            (LinkPurpose::Copy, Target::Url(url)) => {
                out.effects.push(Effect::Copy(url));
                model.status.say("Copied the link", out.now);
            }
            (LinkPurpose::Open, Target::Url(url)) if composer::is_mailto(&url) => composer::begin_with(model, &url, out),
            (_, Target::Url(url)) => out.effects.push(Effect::Ask(Request::Open { id, target: OpenTarget::Url(url) })),
            (_, Target::Part(number)) => out.effects.push(Effect::Ask(Request::Open { id, target: OpenTarget::Part(number) })),
            (_, Target::AllParts) => {}
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let (title, keys) = match self.purpose {
            LinkPurpose::Open => ("open", "type a label · Enter open · Esc"),
            LinkPurpose::Save => ("save", "type a label · Enter save · Esc"),
            LinkPurpose::Copy => ("copy link", "type a number · Enter copy · Esc"),
        };
        let rows = (self.choices.entries().len() as u16).saturating_add(7).min(area.height.saturating_sub(2)).max(5);
        let inside = frame(buf, middle(area, 100, rows), title, keys, theme, model.settings.icons);
        self.choices.draw(model, theme, inside, "Nothing by that label.", buf)
    }
}

/// Asks for the folder to save to.
pub fn ask_where(model: &mut Model, id: MessageId, parts: Option<Vec<String>>) {
    let prompt = Prompt::new("save to ", Purpose::Save { id, parts }).with("~/Downloads");
    model.overlays.push(Overlay::Prompt(prompt));
}
