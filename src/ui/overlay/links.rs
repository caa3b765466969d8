//! The links, files and all other parts of a message, by label: opened, saved, given to a command, or copied. No part is left out.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::choices::{Choice, Choices};
use super::picture::Picture;
use super::prompt::{Prompt, Purpose};
use super::{Next, Overlay, frame, middle};
use crate::mail::page::Part;
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
    /// To a command.
    Pipe,
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
    /// The message as it is.
    Whole,
}

impl Links {
    /// None where the message has nothing to choose.
    pub fn new(page: &Page, purpose: LinkPurpose) -> Option<Self> {
        let mut entries = Vec::new();
        if matches!(purpose, LinkPurpose::Open | LinkPurpose::Copy) {
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
            entries.extend(parts(page, purpose));
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
            (LinkPurpose::Pipe, Target::Part(number)) => ask_command(model, id, Some(number)),
            (LinkPurpose::Pipe, _) => ask_command(model, id, None),
            (_, Target::Url(url)) => out.effects.push(open(model, id, OpenTarget::Url(url))),
            (_, Target::Part(number)) => out.effects.push(open(model, id, OpenTarget::Part(number))),
            (_, Target::AllParts | Target::Whole) => {}
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let (title, keys) = match self.purpose {
            LinkPurpose::Open => ("open", "type a label · Enter open · Esc"),
            LinkPurpose::Save => ("save", "type a label · Enter save · Esc"),
            LinkPurpose::Copy => ("copy link", "type a number · Enter copy · Esc"),
            LinkPurpose::Pipe => ("to a command", "type a label · Enter choose · Esc"),
        };
        let rows = (self.choices.entries().len() as u16).saturating_add(10).min(area.height.saturating_sub(2)).max(5);
        let inside = frame(buf, middle(area, 100, rows), title, keys, theme, model.settings.icons);
        self.choices.draw(model, theme, inside, "Nothing by that label.", buf)
    }
}

fn open(model: &Model, id: MessageId, target: OpenTarget) -> Effect {
    Effect::Ask(Request::Open { id, target, sure: false, room: Picture::room(model) })
}

/// The entries of a message's parts: files by letter, the texts and whatever else is there by section number.
fn parts(page: &Page, purpose: LinkPurpose) -> Vec<Choice<Target>> {
    let (files, others): (Vec<&Part>, Vec<&Part>) = page.parts.iter().partition(|part| part.is_attachment);
    let mut entries = Vec::new();
    if files.is_empty() && others.len() == 1 {
        // its text is all there is
        return entries;
    }
    let first = match purpose {
        LinkPurpose::Save if files.len() > 1 => Some((format!("all {} files", files.len()), Target::AllParts)),
        LinkPurpose::Pipe => Some(("the whole message".to_owned(), Target::Whole)),
        _ => None,
    };
    entries.extend(first.map(|(label, value)| Choice {
        group: "files",
        key: "*".into(),
        label,
        about: String::new(),
        note: String::new(),
        words: "all".into(),
        value,
    }));
    let entry = |group: &'static str, key: String, part: &Part| Choice {
        group,
        label: DisplayText::new(part.name.as_deref().unwrap_or(&part.content_type)).into_string(),
        about: String::new(),
        note: format!("{} {}", DisplayText::new(&part.content_type), size(part.size)),
        words: key.clone(),
        value: Target::Part(part.number.clone()),
        key,
    };
    entries.extend(files.into_iter().zip(letters()).map(|(part, letter)| entry("files", letter, part)));
    entries.extend(others.into_iter().map(|part| entry("other parts", format!("#{}", part.number), part)));
    entries
}

/// What files are called by, in their order: letters, then numbers.
pub fn letters() -> impl Iterator<Item = String> {
    ('a'..='z').map(String::from).chain((27..).map(|number| format!("f{number}")))
}

/// Asks for the folder to save to.
pub fn ask_where(model: &mut Model, id: MessageId, parts: Option<Vec<String>>) {
    let prompt = Prompt::new("save to ", Purpose::Save { id, parts }).with("~/Downloads");
    model.overlays.push(Overlay::Prompt(prompt));
}

/// Asks for the command that is given the message, or one part of it.
pub fn ask_command(model: &mut Model, id: MessageId, part: Option<String>) {
    model.overlays.push(Overlay::Prompt(Prompt::new("pipe to: ", Purpose::Pipe { id, part })));
}
