//! From the composer to the outbox: what is looked at before, what is asked, and what the worker answers to
//! saving, attaching and sending.

use super::open::named;
use super::{Composer, LAG, RETRY, seconds};
use crate::mail::check::{Check, Severity, checks};
use crate::mail::{Attachment, DisplayText, DraftId, OutItem};
use crate::ui::action::Action;
use crate::ui::event::{Effect, Now};
use crate::ui::format::size;
use crate::ui::model::{Model, Out};
use crate::ui::overlay::Overlay;
use crate::ui::overlay::review::Review;
use crate::ui::update::shown;
use crate::worker::Request;

/// A time to be sent at that is nearer than this is told in seconds.
const SOON: i64 = 120;

/// C-x s: to the outbox, after a question where something looks forgotten.
pub fn send(model: &mut Model, out: &mut Out) {
    look(model, None, out);
}

/// The same at a time (Unix seconds).
pub fn later(model: &mut Model, id: DraftId, at: i64, out: &mut Out) {
    if model.composers.current().is_some_and(|composer| composer.id == id) {
        look(model, Some(at), out);
    }
}

/// Looks through the draft; what is found is shown and asked, else it goes.
fn look(model: &mut Model, at: Option<i64>, out: &mut Out) {
    let Some(composer) = model.composers.current_mut().filter(|composer| !composer.is_away()) else { return };
    composer.popup = None;
    if composer.attaching > 0 {
        return model.status.say("A file is still being attached", out.now);
    }
    let id = composer.id;
    let found = findings(model);
    if found.is_empty() {
        give(model, id, at, out);
    } else {
        model.overlays.push(Overlay::Review(Review::new(id, at, found)));
    }
}

/// What looks wrong with the draft on screen.
fn findings(model: &Model) -> Vec<Check> {
    let composers = &model.composers;
    composers.current().map_or_else(Vec::new, |composer| {
        let written_to: Vec<_> = composer.fitting.iter().cloned().collect();
        checks(&composer.draft(), &composers.identities, &written_to)
    })
}

/// Whether any of them forbids sending.
pub fn is_blocked(found: &[Check]) -> bool {
    found.iter().any(|check| check.severity == Severity::Blocks)
}

/// Gives the draft to the outbox. The composer stays until that is said, and takes no keys.
pub fn give(model: &mut Model, id: DraftId, not_before: Option<i64>, out: &mut Out) {
    let Some(composer) = model.composers.find(id).filter(|composer| !composer.sending) else { return };
    composer.sending = true;
    composer.save.since = None;
    composer.save.keys = 0;
    let draft = Box::new(composer.draft());
    out.effects.push(Effect::Ask(Request::Send { id, draft, not_before }));
}

/// It is in the outbox: the composer closes.
pub fn queued(model: &mut Model, draft: DraftId, item: &OutItem, out: &mut Out) {
    let closed = model.composers.close(draft);
    if let Some(composer) = closed.filter(|composer| composer.unwanted) {
        model.composers.unwanted.push(composer.base.rfc_message_id);
        return out.effects.push(Effect::Ask(Request::Unsend { id: item.id }));
    }
    let text = format!("Sending {}", named(&item.subject));
    match item.not_before - seconds(out.now) {
        ..=0 => model.status.done(text, out.now),
        left @ 1..=SOON => model.status.upcoming(&text, left.cast_unsigned(), out.now),
        _ => model.status.done(format!("{text} {}", clock(item.not_before, out.now)), out.now),
    }
}

/// "at 21:20", "on Sun 22 Nov at 08:00" in the user's zone.
pub fn clock(unix: i64, now: &Now) -> String {
    let Ok(at) = jiff::Timestamp::from_second(unix) else { return "—".to_owned() };
    let at = at.to_zoned(now.wall.time_zone().clone());
    let pattern = if at.date() == now.wall.date() {
        "at %H:%M"
    } else if at.year() == now.wall.year() {
        "on %a %-d %b at %H:%M"
    } else {
        "on %a %-d %b %Y at %H:%M"
    };
    at.strftime(pattern).to_string()
}

/// C-s: told when it is on the disk.
pub(super) fn save_now(model: &mut Model, out: &mut Out) {
    let Some(composer) = model.composers.current_mut() else { return };
    if composer.is_saved() {
        return model.status.say("Draft saved", out.now);
    }
    // Where only the answer is awaited, nothing new has to be written.
    if composer.save.since.is_some() || composer.save.asked.is_none() {
        composer.ask_save(out);
    }
    composer.save.asked = Some(composer.save.serial);
}

/// What was given to be saved is on the disk.
pub fn saved(model: &mut Model, id: DraftId, serial: u64, out: &mut Out) {
    let Some(composer) = model.composers.find(id) else { return };
    composer.save.kept = composer.save.kept.max(serial);
    if composer.save.kept == composer.save.serial {
        composer.warning = None;
    }
    if composer.save.asked.is_some_and(|asked| asked <= serial) {
        composer.save.asked = None;
        model.status.say("Draft saved", out.now);
    }
}

/// A file was taken, or could not be.
pub fn attached(model: &mut Model, draft: DraftId, result: Result<Attachment, String>, out: &mut Out) {
    let Some(composer) = model.composers.find(draft) else { return };
    composer.attaching = composer.attaching.saturating_sub(1);
    match result {
        Ok(file) => {
            let text = format!("Attached {} ({})", shown(&file.name), size(file.size));
            composer.base.attachments.push(file);
            composer.changed(out);
            composer.save(out);
            model.status.say(text, out.now);
        }
        Err(why) => model.status.failed(format!("Not attached: {}", sentence(&why)), out.now),
    }
}

/// The draft could not be saved, left or queued: it is on screen again, or still.
pub fn failed(model: &mut Model, draft: DraftId, why: &str, out: &mut Out) {
    let composers = &mut model.composers;
    if let Some(at) = composers.leaving.iter().position(|composer| composer.id == draft) {
        let composer = composers.leaving.remove(at);
        composers.open.push(composer);
    }
    let text = sentence(why);
    if composers.find(draft).is_some_and(|composer| std::mem::take(&mut composer.sending) && composer.unwanted) {
        return super::open::throw_away(model, draft, out);
    }
    if let Some(composer) = model.composers.find(draft) {
        composer.warning = Some(text.clone());
        keep_trying(composer, out.now);
    }
    model.status.failed(text, out.now);
}

/// Nothing is lost while it is here; it is tried again in a while.
fn keep_trying(composer: &mut Composer, now: &Now) {
    composer.save.keys = 0;
    composer.save.since = now.mono.checked_add(RETRY.saturating_sub(LAG)).or(Some(now.mono));
}

fn sentence(text: &str) -> String {
    DisplayText::capped(text, 300).into_string()
}

/// The words for the row of recipients: "Ada, Priya and 3 more".
pub fn recipients(composer: &Composer) -> String {
    let draft = composer.draft();
    let lists = [&draft.to, &draft.cc, &draft.bcc];
    let names: Vec<String> =
        lists.iter().flat_map(|list| crate::mail::address::readable(list)).map(|address| shown(address.short())).collect();
    match names.as_slice() {
        [] => "nobody yet".to_owned(),
        [first] => first.clone(),
        [first, second] => format!("{first} and {second}"),
        [first, second, rest @ ..] => format!("{first}, {second} and {} more", rest.len()),
    }
}

/// Takes the newest message that waits back into a composer.
pub fn unsend(model: &mut Model, out: &mut Out) {
    use crate::mail::Stage;
    let waits = |item: &&OutItem| matches!(item.stage, Stage::Held | Stage::Queued) && item.has_draft;
    let newest = model.outbox.iter().filter(waits).max_by_key(|item| item.id).map(|item| item.id);
    match newest {
        Some(id) => {
            model.composers.expecting = true;
            out.effects.push(Effect::Ask(Request::Unsend { id }));
        }
        None => {
            let key = model.keymap.shown(model.context(), Action::Outbox).unwrap_or_default();
            model.status.say(format!("Nothing in the outbox can be taken back; {key} shows it"), out.now);
        }
    }
}
