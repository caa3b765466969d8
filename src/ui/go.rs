//! Going places: other mailboxes, searches, messages, and back along the trail.

use super::event::Effect;
use super::folders::Entry;
use super::model::{Focus, Marking, Model, Out, Outgoing, Place};
use super::overlay::prompt::{Prompt, Purpose};
use super::overlay::{Overlay, prompt};
use crate::mail::{FlagBits, Listing, MailboxId, Query, Role, Scope, Sort, SortBy};
use crate::worker::Request;

/// Longest trail.
const TRAIL: usize = 50;

/// Shows a listing and remembers where we were.
pub fn show(model: &mut Model, listing: Listing) {
    if model.list.listing.as_ref() == Some(&listing) {
        model.reading = false;
        return;
    }
    if let Some(place) = model.place() {
        model.trail.push(place);
        if model.trail.len() > TRAIL {
            model.trail.remove(0);
        }
    }
    enter(model, listing);
}

fn enter(model: &mut Model, listing: Listing) {
    if let Scope::Mailbox(id) = listing.scope {
        model.folders.cursor = Some(Entry::Mailbox(id));
    }
    model.reading = false;
    model.jump = None;
    model.list.show(listing);
    model.list.want(None);
    model.need.first_rows = true;
}

/// Opens a mailbox.
pub fn mailbox(model: &mut Model, id: MailboxId) {
    let base = model.list.listing.as_ref();
    let threads = base.map_or(model.settings.threads, |listing| listing.threads);
    let sort = model.settings.sort;
    show(model, Listing { sort, ..Listing::mailbox(id, threads) });
    model.focus = Focus::List;
}

/// Opens the mailbox of a role in the current account; says so where there is none.
pub fn role(model: &mut Model, role: Role, out: &mut Out) {
    let Some(account) = model.current_account() else { return };
    let found = model.role(account, role).or_else(|| model.role(account, Role::All).filter(|_| role == Role::Archive));
    match found.map(|mailbox| mailbox.id) {
        Some(id) => mailbox(model, id),
        None => {
            let name = model.account_name(account);
            model.status.say(format!("{name} has no {} folder", role.word()), out.now);
        }
    }
}

/// The starred messages of every folder.
pub fn starred(model: &mut Model, out: &mut Out) {
    let query = Query::parse("is:flagged", &out.now.wall);
    show(model, Listing { scope: Scope::All, query: Some(query), threads: false, sort: Sort::default() });
    model.focus = Focus::List;
}

/// The muted threads of what is open.
pub fn muted(model: &mut Model, out: &mut Out) {
    search_for(model, false, "is:muted", out);
}

/// One step back along the trail.
pub fn back(model: &mut Model, out: &mut Out) {
    match model.trail.pop() {
        Some(place) => restore(model, place),
        None => model.status.say("This is where you began", out.now),
    }
}

/// Goes to a remembered place.
pub fn restore(model: &mut Model, place: Place) {
    if model.list.listing.as_ref() != Some(&place.listing) {
        enter(model, place.listing);
    }
    model.list.want(place.cursor);
    if let Some(id) = place.cursor {
        model.list.select(id);
    }
    model.reading = place.reading;
}

/// Leaves a search for the mailbox it was in; false where there is none to leave.
pub fn leave_search(model: &mut Model) -> bool {
    let Some(listing) = model.list.listing.as_ref().filter(|listing| listing.query.is_some()) else { return false };
    if let Some(at) = model.trail.iter().rposition(|place| place.listing.query.is_none()) {
        let place = model.trail.get(at).cloned();
        model.trail.truncate(at);
        if let Some(place) = place {
            // The message that was found stays selected.
            let cursor = model.list.cursor().filter(|_| place.listing.scope == listing.scope);
            restore(model, Place { cursor: cursor.or(place.cursor), ..place });
            return true;
        }
    }
    let listing = Listing { query: None, ..listing.clone() };
    enter(model, listing);
    true
}

/// Opens the search prompt, for this view or for everything.
pub fn search(model: &mut Model, everywhere: bool) {
    let Some(place) = model.place() else { return };
    let scope = if everywhere { Scope::All } else { place.listing.scope.clone() };
    let name = match (&scope, model.mailbox()) {
        (Scope::Mailbox(_), Some(mailbox)) => crate::mail::DisplayText::new(mailbox.leaf()).into_string(),
        _ => "everything".to_owned(),
    };
    let old = place.listing.query.as_ref().map(|query| query.text.clone()).unwrap_or_default();
    let back = Some(Place { reading: false, ..place });
    model.reading = false;
    model.focus = Focus::List;
    model.overlays.push(Overlay::Prompt(Prompt::new(format!("search {name}: "), Purpose::Search { scope, back }).with(old)));
}

/// Searches without the prompt, as the command line does.
pub fn search_for(model: &mut Model, everywhere: bool, text: &str, out: &mut Out) {
    let Some(place) = model.place() else { return };
    let scope = if everywhere { Scope::All } else { place.listing.scope.clone() };
    model.trail.push(place);
    prompt::narrow(model, scope, text, out);
}

/// Turns threads on or off, or sorts: the same messages in another order.
pub fn reorder(model: &mut Model, change: impl FnOnce(&mut Listing)) {
    let Some(mut listing) = model.list.listing.clone() else { return };
    change(&mut listing);
    if model.list.listing.as_ref() != Some(&listing) {
        let cursor = model.list.cursor();
        model.list.show(listing);
        model.list.want(cursor);
        model.need.first_rows = true;
    }
}

/// Sorts; the same order again turns it round.
pub fn sort(model: &mut Model, by: SortBy) {
    reorder(model, |listing| {
        let again = listing.sort.by == by;
        listing.sort = Sort { by, reversed: again && !listing.sort.reversed };
    });
}

/// Marks what a query finds in this listing: the worker's answer becomes the marks.
pub fn mark_matching(model: &mut Model, term: &str, out: &mut Out) {
    let Some(listing) = model.list.listing.clone() else { return };
    let text = listing.query.as_ref().map_or_else(|| term.to_owned(), |query| format!("{} {term}", query.text));
    let asked = Listing { query: Some(Query::parse(&text, &out.now.wall)), ..listing };
    model.outgoing.push_back(Outgoing::Effect(Effect::Ask(Request::List(asked.clone()))));
    model.marking = Some(Marking { asked });
}

/// The next row that reads as unread, in the rows whose summaries are here; else the worker is asked by a search.
pub fn unread(model: &mut Model, forward: bool, out: &mut Out) {
    let list = &model.list;
    let is_unread = |row: &crate::mail::Row| {
        list.summaries.get(&row.id).map(|summary| !summary.flags.bits.contains(FlagBits::SEEN)).unwrap_or(false) || list.is_unread(row)
    };
    let after = list.rows.iter().enumerate().skip(list.at() + 1).find(|(_, row)| is_unread(row));
    let before = list.rows.iter().enumerate().take(list.at()).rev().find(|(_, row)| is_unread(row));
    let found = if forward { after.or(before) } else { before.or(after) }.map(|(n, _)| n);
    match found {
        Some(at) => model.list.go(at),
        None => elsewhere(model, out),
    }
}

/// Nothing unread is in view: the rest of this folder, or another one.
fn elsewhere(model: &mut Model, out: &mut Out) {
    let here = model.mailbox().map(|mailbox| (mailbox.id, mailbox.unread));
    if let Some((_, unread)) = here
        && unread > 0
        && model.list.listing.as_ref().is_some_and(|listing| listing.query.is_none())
    {
        search_for(model, false, "is:unread", out);
        return model.status.say("The unread messages of this folder; Esc shows all of it", out.now);
    }
    let quiet = [Role::Junk, Role::Trash, Role::Drafts, Role::Sent];
    let other = model.mailboxes.iter().find(|mailbox| {
        mailbox.selectable
            && mailbox.unread > 0
            && here.is_none_or(|(id, _)| id != mailbox.id)
            && !mailbox.role.is_some_and(|role| quiet.contains(&role))
    });
    match other.map(|mailbox| (mailbox.id, model.mailbox_path(mailbox))) {
        Some((id, name)) => {
            mailbox(model, id);
            model.status.say(format!("Nothing unread was left; this is {name}"), out.now);
        }
        None => model.status.say("Nothing is unread anywhere", out.now),
    }
}

/// The next row whose sender or subject holds the text of `\`, among those that were seen.
pub fn next_match(model: &mut Model, by: isize, out: &mut Out) {
    let Some(text) = model.jump.clone() else {
        if model.list.listing.as_ref().is_some_and(|listing| listing.query.is_some()) {
            model.list.step(by);
            return;
        }
        let key = model.keymap.shown(model.context(), super::action::Action::NextUnread).unwrap_or_default();
        return model.status.say(format!("Nothing is searched for; {key} goes to the next unread message"), out.now);
    };
    let list = &model.list;
    let holds = |row: &crate::mail::Row| {
        list.summaries.get(&row.id).is_some_and(|summary| {
            summary.subject.to_lowercase().contains(&text)
                || summary.from.iter().any(|from| from.name.to_lowercase().contains(&text) || from.address.to_lowercase().contains(&text))
        })
    };
    let found = if by > 0 {
        list.rows.iter().enumerate().skip(list.at() + 1).find(|(_, row)| holds(row))
    } else {
        list.rows.iter().enumerate().take(list.at()).rev().find(|(_, row)| holds(row))
    };
    match found.map(|(n, _)| n) {
        Some(at) => model.list.go(at),
        None => model
            .status
            .say(format!("No other match in view; / searches the whole folder for \"{}\"", super::update::shown(&text)), out.now),
    }
}
