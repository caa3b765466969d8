//! What the worker tells, taken into the model.

use std::collections::HashSet;

use crate::mail::{DisplayText, MailboxId, MessageId, Scope};
use crate::ui::action::{Action, Context};
use crate::ui::composer;
use crate::ui::event::{Effect, Leave};
use crate::ui::model::{Model, Out};
use crate::ui::outbox;
use crate::ui::overlay::confirm::Confirm;
use crate::ui::overlay::form::{Form, State};
use crate::ui::overlay::picture::Picture;
use crate::ui::overlay::sheet::Sheet;
use crate::ui::overlay::{self, Overlay};
use crate::ui::theme::Token;
use crate::worker::{AppliedKind, JobState, OpenTarget, Request, WorkerEvent};

/// Takes one thing that the worker told.
pub fn told(model: &mut Model, event: WorkerEvent, out: &mut Out) {
    if changes_waits(&event) && model.overlays.iter().any(|overlay| matches!(overlay, Overlay::Tasks(_))) {
        model.need.waits = true;
    }
    match event {
        WorkerEvent::Waits(waits) => {
            model.need.waits_asked = false;
            model.status.waits = waits;
        }
        WorkerEvent::MailChanged { mailbox, added, removed, changed } => mail_changed(model, mailbox, &added, &removed, &changed),
        WorkerEvent::MailboxesChanged { .. } => model.need.mailboxes = true,
        WorkerEvent::Listed { listing, rows, hidden, whole } => {
            if model.marking.as_ref().is_some_and(|marking| marking.asked == listing) {
                if whole {
                    let shown: HashSet<MessageId> = model.list.rows.iter().map(|row| row.id).collect();
                    model.list.marks = rows.iter().map(|row| row.id).filter(|id| shown.contains(id)).collect();
                    model.marking = None;
                    // The worker keeps the newest listing fresh: ask for ours again.
                    model.asked = None;
                    if model.list.marks.is_empty() {
                        model.status.say("Nothing here is so", out.now);
                    }
                }
            } else if model.list.listing.as_ref() == Some(&listing) {
                model.need.first_rows = false;
                model.need.conversation = true;
                model.need.threads = !model.list.unfolded.is_empty();
                model.list.hidden = hidden;
                model.list.take(rows, whole);
            }
        }
        WorkerEvent::Rendered { id, view, page } => model.preview.take(id, view, page),
        WorkerEvent::Glimpsed(glimpses) => {
            if let Some(conversation) = &mut model.preview.conversation {
                conversation.glimpses.extend(glimpses.into_iter().map(|glimpse| (glimpse.id, glimpse)));
            }
        }
        WorkerEvent::Applied { label, done, asked, kind } => {
            // it may have been about a mailbox
            model.need.mailboxes = true;
            applied(model, &label, done, asked, kind, out);
        }
        WorkerEvent::NothingToUndo { redo } => model.status.say(if redo { "Nothing to redo" } else { "Nothing to undo" }, out.now),
        WorkerEvent::Link { account, state } => match model.accounts.iter_mut().find(|known| known.id == Some(account)) {
            Some(known) => {
                known.link = Some(state);
                // one below it may have been waiting
                model.need.mailboxes |= model.list.listing.is_none();
                if model.overlays.iter().any(|overlay| matches!(overlay, Overlay::Accounts(_))) {
                    out.effects.push(Effect::Ask(Request::Health));
                }
            }
            None => {
                model.early_links.push((account, state));
                model.need.mailboxes = true;
            }
        },
        WorkerEvent::Health(all) => {
            for health in all {
                if let Some(known) = model.accounts.iter_mut().find(|known| known.id == Some(health.account)) {
                    known.health = Some(health);
                }
            }
        }
        WorkerEvent::Job(job) => {
            match &job.state {
                JobState::Failed(why) => model.status.failed(format!("{}: {why}", job.label), out.now),
                // What an account does by itself is not news; what the user asked for is.
                JobState::Finished if job.account.is_none() => model.status.say(format!("Finished: {}", job.label), out.now),
                _ => {}
            }
            model.status.job(job);
        }
        WorkerEvent::Saved { files } => {
            let what = match files.as_slice() {
                [one] => one.display().to_string(),
                many => format!("{} files", many.len()),
            };
            model.status.say(format!("Saved {what}"), out.now);
        }
        WorkerEvent::Piped { command, lines } => {
            let lines = lines.into_iter().map(|line| (line, Token::Text)).collect();
            model.overlays.push(Overlay::Sheet(Sheet::new(&command, lines)));
        }
        WorkerEvent::Fetched { id } => model.preview.redraw_with_pictures(id),
        WorkerEvent::Drawn { name, lines } => model.overlays.push(Overlay::Picture(Picture::new(&name, lines))),
        WorkerEvent::Doubtful { id, number, name, doubt } => {
            let open = Request::Open { id, target: OpenTarget::Part(number), sure: true, room: None };
            model.overlays.push(Overlay::Confirm(Confirm::of_file(&name, &doubt, open)));
        }
        WorkerEvent::Probed { account, result } => probed(model, &account, result, out),
        WorkerEvent::Failed { what, why, next } => {
            // What was shown before it was saved may not have been: read it again.
            if !model.list.leaving.is_empty() {
                model.list.leaving.clear();
                model.asked = None;
            }
            let known: Vec<MessageId> = model.list.summaries.keys().copied().collect();
            model.list.stale.extend(known);
            model.status.failed(failure(&what, &why, &next), out.now);
        }
        WorkerEvent::DraftsRecovered { subjects } => {
            let text = recovered(model, &subjects);
            model.status.say(text, out.now);
        }
        WorkerEvent::DraftLeft { id } => composer::left(model, id),
        WorkerEvent::DraftOpened { id, draft, opening } => composer::opened(model, id, *draft, opening, out),
        WorkerEvent::DraftSaved { id, serial } => composer::saved(model, id, serial, out),
        WorkerEvent::Attached { draft, result } => composer::attached(model, draft, result, out),
        WorkerEvent::Queued { draft, item } => composer::queued(model, draft, &item, out),
        WorkerEvent::DraftFailed { draft, why } => composer::failed(model, draft, &why, out),
        WorkerEvent::Outbox { items } => outbox::changed(model, items, out),
        WorkerEvent::Completed { serial, found } => composer::addresses::completed(model, serial, found),
        WorkerEvent::PathCompleted { serial, found } => overlay::path::completed(model, serial, found),
        WorkerEvent::Settled { .. } => {}
    }
}

/// After it the list of what waits may be old.
fn changes_waits(event: &WorkerEvent) -> bool {
    matches!(
        event,
        WorkerEvent::MailChanged { .. } | WorkerEvent::MailboxesChanged { .. } | WorkerEvent::Applied { .. } | WorkerEvent::Failed { .. }
    )
}

/// "What failed: why. What comes next." of which any may be missing.
fn failure(what: &str, why: &str, next: &str) -> String {
    let parts: Vec<&str> = [what, why].iter().map(|part| part.trim().trim_end_matches('.')).filter(|part| !part.is_empty()).collect();
    let first = parts.join(": ");
    if next.trim().is_empty() { first } else { format!("{first}. {}", next.trim()) }
}

/// "Recovered 1 draft: “Plan for Friday” (gd shows drafts)".
fn recovered(model: &Model, subjects: &[String]) -> String {
    let newest = subjects.first().map(|subject| subject.trim()).filter(|subject| !subject.is_empty());
    let newest = newest.map(|subject| format!("“{}”", DisplayText::capped(subject, 60)));
    let what = match (subjects.len(), newest) {
        (1, Some(newest)) => format!("1 draft: {newest}"),
        (1, None) => "1 draft without a subject".to_owned(),
        (n, Some(newest)) => format!("{n} drafts, the newest {newest}"),
        (n, None) => format!("{n} drafts"),
    };
    let keys = model.keymap.shown(Context::List, Action::GoDrafts).map(|keys| format!(" ({keys} shows drafts)")).unwrap_or_default();
    format!("Recovered {what}{keys}")
}

fn mail_changed(model: &mut Model, mailbox: MailboxId, added: &[MessageId], removed: &[MessageId], changed: &[MessageId]) {
    model.need.mailboxes = true;
    model.need.conversation = true;
    let is_own = match model.list.listing.as_ref().map(|listing| &listing.scope) {
        Some(Scope::Mailbox(id)) => *id == mailbox,
        _ => true,
    };
    let shown = is_own || model.elsewhere().contains(&mailbox);
    let list = &mut model.list;
    list.stale.extend(changed.iter().chain(added));
    for id in changed.iter().chain(added) {
        model.preview.forget_if_unknown(*id);
    }
    if !shown {
        return;
    }
    for id in added.iter().filter(|_| is_own) {
        list.leaving.remove(id);
        if let Some(conversation) = &mut model.preview.conversation {
            conversation.leaving.remove(id);
        }
    }
    if !added.is_empty() && std::mem::take(&mut model.taken_back) {
        list.returned = added.iter().copied().collect();
    }
    list.facts.clear();
    model.need.threads = !list.unfolded.is_empty();
    let gone: HashSet<MessageId> = removed.iter().copied().collect();
    // In a search over several mailboxes a moved message stays: the worker lists anew.
    let in_one = is_own && matches!(list.listing.as_ref().map(|listing| &listing.scope), Some(Scope::Mailbox(_)));
    if in_one && list.rows.iter().any(|row| gone.contains(&row.id) && row.count <= 1) {
        let single: HashSet<MessageId> =
            list.rows.iter().filter(|row| gone.contains(&row.id) && row.count <= 1).map(|row| row.id).collect();
        let after = model.settings.after_triage;
        list.remove(&single, after);
    }
}

fn applied(model: &mut Model, label: &str, done: usize, asked: usize, kind: AppliedKind, out: &mut Out) {
    // Without words it was done by itself (marked read after a rest).
    if label.is_empty() {
        return;
    }
    let part = match kind {
        _ if done >= asked => String::new(),
        AppliedKind::Done => format!(" ({done} of {asked})"),
        AppliedKind::Undone | AppliedKind::Redone => format!(" ({done} of {asked}; the others changed since)"),
    };
    match kind {
        AppliedKind::Done => model.status.done(format!("{label}{part}"), out.now),
        // deleted for ever, moved on by someone else, or refused by the server: there is nothing to take back
        AppliedKind::Undone if done == 0 => model.status.say(format!("Not undone, it changed since: {label}"), out.now),
        AppliedKind::Redone if done == 0 => model.status.say(format!("Not done again, it changed since: {label}"), out.now),
        AppliedKind::Undone => {
            model.taken_back = true;
            let redo = model.keymap.shown(model.context(), Action::Redo).map_or(String::new(), |key| format!("   {key} redo"));
            model.status.say(format!("Undone: {label}{part}{redo}"), out.now);
        }
        AppliedKind::Redone => model.status.done(format!("Again: {label}{part}"), out.now),
    }
}

fn probed(model: &mut Model, name: &str, outcome: Result<(), String>, out: &mut Out) {
    match outcome {
        Ok(()) => {
            model.status.done(format!("{name} was added"), out.now);
            composer::leave_all(model, out);
            out.effects.push(Effect::Leave(Leave::Restart));
        }
        Err(why) => {
            if let Some(Overlay::Form(Form { state, .. })) =
                model.overlays.iter_mut().rev().find(|overlay| matches!(overlay, Overlay::Form(_)))
            {
                *state = State::Refused(why);
            } else {
                model.status.failed(format!("{name} was not added: {why}"), out.now);
            }
        }
    }
}
