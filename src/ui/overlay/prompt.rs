//! One line at the bottom: search, jump, find in text, tags, folders to save to, commands to pipe to,
//! passwords. What it was opened for travels with it.

use std::path::PathBuf;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::line::Line;
use super::{Next, Overlay, clear, put};
use crate::config::Secret;
use crate::mail::{AccountId, DraftId, Listing, MailboxId, MessageId, Query, Scope, when};
use crate::ui::action::Action;
use crate::ui::composer;
use crate::ui::event::Effect;
use crate::ui::folders;
use crate::ui::format::{cut, width};
use crate::ui::model::{Model, Out, Outgoing, Place};
use crate::ui::theme::{Theme, Token};
use crate::ui::triage::{self, Verb};
use crate::ui::{go, update};
use crate::worker::Request;

/// What is asked, with what is needed to act on the answer.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// Narrows while typing; `back` is where Esc returns.
    Search {
        scope: Scope,
        back: Option<Place>,
    },
    Jump,
    Find,
    Tag,
    Save {
        id: MessageId,
        parts: Option<Vec<String>>,
    },
    Pipe {
        id: MessageId,
        part: Option<String>,
    },
    Export(MessageId),
    Password(AccountId),
    /// When to send.
    SendLater(DraftId),
    FindInDraft(DraftId),
    FolderNew(AccountId),
    FolderRename(MailboxId),
}

/// The prompt.
#[derive(Debug)]
pub struct Prompt {
    pub line: Line,
    label: String,
    pub purpose: Purpose,
    /// What the text would mean.
    meaning: String,
}

impl Prompt {
    pub fn new(label: impl Into<String>, purpose: Purpose) -> Self {
        let line = if matches!(purpose, Purpose::Password(_)) { Line::secret() } else { Line::default() };
        Self { line, label: label.into(), purpose, meaning: String::new() }
    }

    pub fn with(mut self, text: impl Into<String>) -> Self {
        self.line.set(text);
        self
    }

    pub fn act(mut self, model: &mut Model, action: Action, out: &mut Out) -> Next {
        match action {
            // What is no time can be mended; the note says how.
            Action::Accept if self.is_no_time(out) => Next::Stay(Overlay::Prompt(self)),
            Action::Accept => {
                self.accept(model, out);
                Next::Close
            }
            Action::Cancel | Action::Interrupt => {
                if let Purpose::Search { back: Some(back), .. } = self.purpose {
                    go::restore(model, back);
                }
                Next::Close
            }
            Action::PickNext | Action::PickPrevious if matches!(self.purpose, Purpose::Search { .. }) => {
                model.list.step(if action == Action::PickNext { 1 } else { -1 });
                Next::Stay(Overlay::Prompt(self))
            }
            Action::Complete => {
                self.complete();
                Next::Stay(Overlay::Prompt(self))
            }
            Action::PickNext | Action::PickPrevious => Next::Stay(Overlay::Prompt(self)),
            _ => Next::Pass(Overlay::Prompt(self)),
        }
    }

    fn is_no_time(&self, out: &Out) -> bool {
        let text = self.line.text().trim();
        matches!(self.purpose, Purpose::SendLater(_)) && !text.is_empty() && when::parse(text, &out.now.wall).is_err()
    }

    /// Completes the last word of a search to a field name.
    fn complete(&mut self) {
        if !matches!(self.purpose, Purpose::Search { .. }) {
            return;
        }
        const FIELDS: &[&str] = &[
            "from:",
            "to:",
            "subject:",
            "body:",
            "in:",
            "has:file",
            "is:unread",
            "is:read",
            "is:flagged",
            "is:answered",
            "before:",
            "after:",
        ];
        let text = self.line.text().to_owned();
        let (rest, word) = text.rsplit_once(' ').map_or(("", text.as_str()), |(rest, word)| (rest, word));
        if let Some(field) = FIELDS.iter().find(|field| !word.is_empty() && field.starts_with(word) && **field != word) {
            self.line.set(if rest.is_empty() { (*field).to_owned() } else { format!("{rest} {field}") });
        }
    }

    fn accept(self, model: &mut Model, out: &mut Out) {
        let text = self.line.text().to_owned();
        match self.purpose {
            Purpose::Search { back, scope } => {
                if text.trim().is_empty() {
                    if let Some(back) = back {
                        go::restore(model, back);
                    }
                    return;
                }
                // Enter keeps the view; the way back leads to where the search began.
                narrow(model, scope, &text, out);
                model.trail.extend(back);
            }
            Purpose::Jump => {
                model.jump = Some(text.to_lowercase()).filter(|text| !text.trim().is_empty());
                go::next_match(model, 1, out);
            }
            Purpose::Find => {
                model.preview.find = Some(text.to_lowercase()).filter(|text| !text.trim().is_empty());
                model.preview.first_match(model.preview_height());
                if model.preview.find.is_some() && !model.preview.has_match() {
                    model.status.say(format!("“{}” is not in this message", update::shown(&text)), out.now);
                }
            }
            Purpose::Tag => match Verb::tags(&text) {
                Some(verb) => triage::run(model, verb, false, out),
                None => model.status.say("No tag was named: write +todo or -todo", out.now),
            },
            Purpose::Save { id, parts } => {
                let folder = expand(model, &text);
                model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::SaveParts { id, parts, folder })));
            }
            Purpose::Export(id) => {
                let file = expand(model, &text);
                model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::Export { id, file })));
            }
            Purpose::Pipe { id, part } => {
                let command = split_words(&text);
                if !command.is_empty() {
                    model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::Pipe { id, part, command })));
                }
            }
            Purpose::FolderNew(account) => folders::wishes::make(model, account, &text, out),
            Purpose::FolderRename(id) => folders::wishes::rename(model, id, &text, out),
            Purpose::SendLater(draft) => match when::parse(&text, &out.now.wall) {
                Ok(at) => composer::later(model, draft, at, out),
                Err(why) => model.status.failed(format!("Not sent: {why}"), out.now),
            },
            Purpose::FindInDraft(draft) => {
                if let Some(composer) = model.composers.find(draft) {
                    composer.text.find = Some(text.to_lowercase()).filter(|text| !text.is_empty());
                    if composer.text.find.is_some() && !composer.text.find_next() {
                        model.status.say(format!("“{}” is not in this text", update::shown(&text)), out.now);
                    }
                }
            }
            Purpose::Password(account) => {
                let secret = Secret::new(text);
                out.effects.push(Effect::Ask(Request::Credentials { account, secret }));
                model.status.say("Signing in", out.now);
            }
        }
    }

    pub fn draw(&self, model: &Model, theme: &Theme, area: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
        let row = model.layout().status.unwrap_or(Rect { y: area.bottom().saturating_sub(1), height: 1, ..area });
        clear(buf, row);
        let note = self.note(model);
        let used = put(buf, row.x, row.y, &self.label, usize::from(row.width) / 2, theme.style(Token::Accent));
        // The note has what the text leaves, and a third in any case where there is room for both.
        let whole = usize::from(row.width.saturating_sub(used));
        let least = if row.width >= 80 { usize::from(row.width) / 3 } else { 0 };
        let note_width = width(&note).min(whole.saturating_sub(width(self.line.text()) + 3).max(least));
        let room = whole.saturating_sub(note_width + 2);
        put(buf, row.right().saturating_sub(note_width as u16), row.y, &cut(&note, note_width), note_width, theme.style(Token::Dim));
        let cursor = self.line.draw(buf, row.x + used, row.y, room, theme);
        self.underline(model, Rect { x: row.x + used, width: room as u16, ..row }, buf);
        Some(cursor)
    }

    /// Underlines what a search could not understand, where the whole line is in view.
    fn underline(&self, model: &Model, place: Rect, buf: &mut Buffer) {
        let query = model.list.listing.as_ref().and_then(|listing| listing.query.as_ref());
        let Some(query) = query.filter(|query| query.text == self.line.text() && matches!(self.purpose, Purpose::Search { .. })) else {
            return;
        };
        if width(&query.text) >= usize::from(place.width) {
            return;
        }
        for problem in &query.problems {
            let (Some(before), Some(inside)) = (query.text.get(..problem.start), query.text.get(problem.start..problem.end)) else {
                continue;
            };
            let found = Rect { x: place.x + width(before) as u16, width: width(inside) as u16, ..place };
            buf.set_style(found.intersection(buf.area), Style::new().add_modifier(Modifier::UNDERLINED));
        }
    }

    /// How many match, and what could not be understood.
    fn note(&self, model: &Model) -> String {
        match self.purpose {
            Purpose::Search { .. } => {}
            Purpose::SendLater(_) if self.meaning.is_empty() => return "tomorrow 8:00 · 2h · mon 9:00 · 24 Dec 8:00".to_owned(),
            _ => return self.meaning.clone(),
        }
        let query = model.list.listing.as_ref().and_then(|listing| listing.query.as_ref());
        if let Some(problem) = query.and_then(|query| query.problems.first()) {
            return update::shown(&problem.why);
        }
        match query {
            Some(_) if model.list.whole => format!("{} found", model.list.rows.len()),
            Some(_) => format!("{}+ found", model.list.rows.len()),
            None => "Tab completes from: is: has: …".to_owned(),
        }
    }
}

/// The text of a search changed: another listing.
pub fn typed(model: &mut Model, out: &mut Out) {
    let Some(Overlay::Prompt(prompt)) = model.overlays.last_mut() else { return };
    if let Purpose::SendLater(_) = prompt.purpose {
        let text = prompt.line.text().trim();
        prompt.meaning = match when::parse(text, &out.now.wall) {
            _ if text.is_empty() => String::new(),
            Ok(at) => composer::clock(at, out.now),
            Err(why) => why,
        };
        return;
    }
    if let Purpose::Search { scope, .. } = &prompt.purpose {
        let (scope, text) = (scope.clone(), prompt.line.text().to_owned());
        narrow(model, scope, &text, out);
    }
}

/// Shows what matches; the rows that are here stay until the worker answers.
pub fn narrow(model: &mut Model, scope: Scope, text: &str, out: &mut Out) {
    let query = (!text.trim().is_empty()).then(|| Query::parse(text, &out.now.wall));
    let base = model.list.listing.as_ref();
    let listing = Listing {
        query,
        scope,
        threads: base.is_none_or(|listing| listing.threads),
        sort: base.map_or(model.settings.sort, |listing| listing.sort),
    };
    if model.list.listing.as_ref() == Some(&listing) {
        return;
    }
    // The old rows stay on screen until the answer is here: no flicker while typing.
    let rows = std::mem::take(&mut model.list.rows);
    let cursor = model.list.cursor();
    model.list.show(listing);
    model.list.rows = rows;
    model.list.want(cursor);
    model.list.go(0);
}

/// `~` and relative folders start at home.
pub fn expand(model: &Model, text: &str) -> PathBuf {
    let text = text.trim();
    match text.strip_prefix('~') {
        Some(rest) => model.home.join(rest.trim_start_matches('/')),
        None => model.home.join(text),
    }
}

/// Words split at blanks; quotes of both kinds hold words together. There is no shell behind it.
pub fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_split_at_blanks_but_not_in_quotes() {
        assert_eq!(split_words("git am --signoff"), ["git", "am", "--signoff"]);
        assert_eq!(split_words("grep 'two words' \"\" a\"b c\""), ["grep", "two words", "", "ab c"]);
        assert!(split_words("  ").is_empty());
    }
}
