//! Composers come and go: what the keys ask for, what the worker opens, closing, and leaving the program.

use super::{Composer, blur};
use crate::mail::draft::ReplyTo;
use crate::mail::url::begins;
use crate::mail::{DisplayText, Draft, DraftId, MessageId, Role, Start};
use crate::ui::action::Action;
use crate::ui::event::Effect;
use crate::ui::model::{Model, Out, Outgoing};
use crate::ui::update::shown;
use crate::worker::{Opening, Request};

/// c, r, a, L, f, F.
pub fn begin(model: &mut Model, action: Action, out: &mut Out) {
    let reply = match action {
        Action::Compose => return begin_with(model, "", out),
        Action::Forward | Action::ForwardAttachment => return forward(model, action == Action::ForwardAttachment, out),
        Action::Reply => ReplyTo::Sender,
        Action::ReplyAll => ReplyTo::All,
        _ => ReplyTo::List,
    };
    match model.current() {
        Some(id) => {
            model.status.say("Opening a reply", out.now);
            ask(model, Start::Reply { id, to: reply });
        }
        None => model.status.say("Nothing is selected", out.now),
    }
}

/// A new message to whoever is named, or as a mailto: link says.
pub fn begin_with(model: &mut Model, text: &str, out: &mut Out) {
    let text = text.trim();
    if is_mailto(text) {
        return ask(model, Start::Mailto(text.to_owned()));
    }
    let account = model.current_account().and_then(|id| model.account(id)).map(|account| account.name.clone());
    if model.accounts.is_empty() {
        return model.status.say("There is no account to write from yet; gA adds one", out.now);
    }
    let to = if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
    ask(model, Start::New { account, to, files: Vec::new() });
}

/// RFC 6068.
pub fn is_mailto(url: &str) -> bool {
    begins(url.trim_start(), "mailto:")
}

fn forward(model: &mut Model, whole: bool, out: &mut Out) {
    let ids: Vec<MessageId> = model.targets().iter().map(|row| row.id).collect();
    if ids.is_empty() {
        return model.status.say("Nothing is selected", out.now);
    }
    model.list.marks.clear();
    model.list.visual = None;
    model.status.say("Opening a message to forward", out.now);
    ask(model, Start::Forward { ids, whole });
}

fn ask(model: &mut Model, start: Start) {
    model.composers.expecting = true;
    if matches!(start, Start::Continue { .. }) {
        model.composers.continuing += 1;
    }
    // Behind what was done to the messages before.
    model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::Compose(start))));
}

/// Enter in a Drafts mailbox goes on with the draft; false elsewhere.
pub fn start_in_drafts(model: &mut Model, out: &mut Out) -> bool {
    let in_drafts = model.mailbox().is_some_and(|mailbox| mailbox.role == Some(Role::Drafts));
    let Some(id) = model.list.cursor().filter(|_| in_drafts) else { return false };
    model.status.say("Opening the draft", out.now);
    ask(model, Start::Continue { id });
    true
}

/// The worker opens a composer.
pub fn opened(model: &mut Model, id: DraftId, draft: Draft, opening: Opening, out: &mut Out) {
    let composers = &mut model.composers;
    if let Some(at) = composers.unwanted.iter().position(|unwanted| *unwanted == draft.rfc_message_id) {
        composers.unwanted.remove(at);
        model.status.done(format!("Thrown away, not sent: {}", named(&draft.subject)), out.now);
        return out.effects.push(Effect::Ask(Request::DiscardDraft { id, draft: Box::new(draft) }));
    }
    let asked = matches!(opening, Opening::Asked { .. } | Opening::Unsent);
    if let Some(at) = composers.open.iter().position(|composer| composer.id == id) {
        // What is open here is newer than what is kept.
        composers.at = at;
        composers.focused |= asked;
        return;
    }
    let subject = named(&draft.subject);
    let mut composer = Composer::new(id, draft);
    composer.was_kept = !matches!(opening, Opening::Asked { .. }) || composers.continuing > 0;
    if asked {
        composers.continuing = composers.continuing.saturating_sub(1);
    }
    composers.open.push(composer);
    let newest = composers.open.len() - 1;
    // Nobody is taken out of a text that they type in.
    let front = asked && (!composers.focused || composers.expecting);
    if front {
        composers.at = newest;
        composers.focused = true;
        composers.expecting = false;
    }
    tell(model, &subject, opening, front, out);
}

/// One line that says why a composer opened, where that is not plain.
fn tell(model: &mut Model, subject: &str, opening: Opening, front: bool, out: &mut Out) {
    let open = model.composers.open.len();
    let key = model
        .keymap
        .shown(model.context(), if model.composers.focused { Action::NextDraft } else { Action::OtherPane })
        .unwrap_or_default();
    match opening {
        Opening::Asked { note: Some(note) } => model.status.say(note, out.now),
        Opening::Asked { note: None } if front => model.status.notice = None,
        Opening::Asked { note: None } => model.status.say(format!("{subject} is open; {key} goes there"), out.now),
        Opening::Unsent => model.status.say(format!("Taken back, not sent: {subject}"), out.now),
        Opening::Recovered if open > 1 => {
            model.status.say(format!("{open} drafts that were never closed are open; {key} goes there"), out.now);
        }
        Opening::Recovered => model.status.say(format!("A draft that was never closed is open: {subject}; {key} goes there"), out.now),
        Opening::Refused(why) => model.status.failed(format!("Not sent: {subject}, open again ({key}): {why}"), out.now),
    }
}

/// A subject for a notice.
pub(super) fn named(subject: &str) -> String {
    let clean = DisplayText::capped(subject, 60).into_string();
    if clean.trim().is_empty() { "a message without a subject".to_owned() } else { format!("“{}”", clean.trim()) }
}

/// C-x q: the draft goes to Drafts. One that nobody touched is not worth keeping.
pub(super) fn close(model: &mut Model, out: &mut Out) {
    let Some(id) = model.composers.current().map(|composer| composer.id) else { return };
    let Some(composer) = model.composers.close(id) else { return };
    model.status.notice = None;
    if !composer.is_pristine() {
        model.status.say(format!("{} goes to Drafts", capital(&named(composer.subject()))), out.now);
    }
    leave(&composer, out);
    model.composers.keep_leaving(composer);
}

fn leave(composer: &Composer, out: &mut Out) {
    // whether anything was ever written in it, the worker knows best
    out.effects.push(Effect::Ask(Request::LeaveDraft { id: composer.id, draft: Box::new(composer.draft()) }));
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// It is where it belongs now, and needs not come back.
pub fn left(model: &mut Model, id: DraftId) {
    model.composers.leaving.retain(|composer| composer.id != id);
}

/// C-x k.
pub(super) fn discard(model: &mut Model, out: &mut Out) {
    if let Some(id) = model.composers.current().map(|composer| composer.id) {
        throw_away(model, id, out);
    }
}

/// Closes a draft and has it discarded.
pub(super) fn throw_away(model: &mut Model, id: DraftId, out: &mut Out) {
    let Some(composer) = model.composers.close(id) else { return };
    out.effects.push(Effect::Ask(Request::DiscardDraft { id, draft: Box::new(composer.draft()) }));
    model.status.done(format!("Thrown away: {}", named(composer.subject())), out.now);
    model.composers.keep_leaving(composer);
}

/// The program is left: every open draft goes to Drafts.
pub fn leave_all(model: &mut Model, out: &mut Out) {
    for composer in std::mem::take(&mut model.composers.open) {
        leave(&composer, out);
    }
    model.composers.focused = false;
    model.composers.at = 0;
}

/// Goes from the draft to the list, or from the list to the draft.
pub(super) fn other_pane(model: &mut Model, out: &mut Out) {
    if model.composers.focused {
        blur(model, out);
        if let Some(composer) = model.composers.current_mut() {
            composer.popup = None;
        }
        model.composers.focused = false;
        let key = model.keymap.shown(model.context(), Action::OtherPane).unwrap_or_default();
        model.status.say(format!("{key} goes back to the draft"), out.now);
    } else if model.composers.open.is_empty() {
        crate::ui::update::run(model, Action::NextPane, None, out);
    } else {
        model.composers.focused = true;
        model.status.notice = None;
    }
}

/// Goes to another open draft.
pub(super) fn turn(model: &mut Model, forward: bool, out: &mut Out) {
    let count = model.composers.open.len();
    match count {
        0 => return model.status.say("No draft is open", out.now),
        1 if model.composers.focused => return model.status.say("No other draft is open", out.now),
        _ => {}
    }
    blur(model, out);
    let composers = &mut model.composers;
    if composers.focused {
        composers.at = (composers.at + if forward { 1 } else { count - 1 }) % count;
    }
    composers.focused = true;
    let subject = shown(composers.current().map_or("", Composer::subject));
    if !subject.is_empty() {
        model.status.say(subject, out.now);
    }
}
