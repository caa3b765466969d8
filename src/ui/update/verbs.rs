//! What is done to messages: triage, marks, links and files, copies to the clipboard.

use crate::config::Colors;
use crate::mail::query::Test;
use crate::mail::{FlagBits, Keywords, MessageId, Page, Role, Row, SafeFileName, url};
use crate::ui::action::Action;
use crate::ui::composer;
use crate::ui::event::Effect;
use crate::ui::go;
use crate::ui::list::{List, Visual};
use crate::ui::model::{Model, Out};
use crate::ui::overlay::confirm::{self, Confirm};
use crate::ui::overlay::links::{LinkPurpose, Links, ask_command, ask_where};
use crate::ui::overlay::prompt::{Prompt, Purpose};
use crate::ui::overlay::{Overlay, folder};
use crate::ui::preview::draw::body_text;
use crate::ui::triage::{self, Verb};
use crate::worker::{OpenTarget, Request};

/// Characters of all hosts in a question.
const MAX_NAMED: usize = 180;

pub fn selected(model: &mut Model, out: &mut Out) -> Option<MessageId> {
    let id = model.current();
    if id.is_none() {
        model.status.say("Nothing is selected", out.now);
    }
    id
}

pub fn pick_folder(model: &mut Model, action: Action, out: &mut Out) {
    if action != Action::GoFolder && model.targets().is_empty() {
        return model.status.say("Nothing is selected", out.now);
    }
    let picker = folder::FolderPicker::new(model, action);
    model.overlays.push(Overlay::Folder(picker));
}

pub fn triage_verb(model: &mut Model, action: Action, times: u32, out: &mut Out) {
    // "3e": the row under the cursor and the two below it.
    if times > 1 && model.list.marks.is_empty() && model.list.visual.is_none() && model.conversation().is_none() {
        let at = model.list.at();
        let rows = model.list.rows.slice(at..(at + times as usize).min(model.list.rows.len()));
        model.list.marks = rows.iter().filter(|row| !row.elsewhere).map(|row| row.id).collect();
    }
    let bits = model.targets().first().and_then(|row| model.list.summaries.get(&row.id)).map(|summary| summary.flags.bits);
    let has = |flag| bits.is_some_and(|bits| bits.contains(flag));
    match action {
        Action::Archive => triage::run(model, Verb::ToRole(Role::Archive), false, out),
        Action::ArchiveThread => triage::run(model, Verb::ToRole(Role::Archive), true, out),
        Action::Trash => triage::trash(model, false, out),
        Action::TrashThread => triage::trash(model, true, out),
        Action::DeleteForever => triage::ask_delete_forever(model, false, out.now),
        Action::Star => triage::run(model, Verb::star(!has(FlagBits::FLAGGED)), false, out),
        Action::Read => triage::run(model, Verb::seen(true), false, out),
        Action::Unread => unread(model, out),
        Action::ToggleRead if has(FlagBits::SEEN) => unread(model, out),
        Action::ToggleRead => triage::run(model, Verb::seen(true), false, out),
        Action::Junk => triage::junk(model, out),
        Action::Mute => mute(model, out),
        Action::BreakThread => triage::run(model, Verb::Cut, false, out),
        Action::LinkThreads => triage::join(model, out),
        Action::Tag => model.overlays.push(Overlay::Prompt(Prompt::new("tags (+add -remove): ", Purpose::Tag))),
        _ => match model.last_verb.clone() {
            Some(verb) => triage::run(model, verb, false, out),
            None => model.status.say("There is no verb to repeat yet", out.now),
        },
    }
}

/// Mutes whole threads, or those that are muted no more.
fn mute(model: &mut Model, out: &mut Out) {
    let query = model.list.listing.as_ref().and_then(|listing| listing.query.as_ref());
    let asked_for = query.is_some_and(|query| query.terms.iter().any(|term| !term.negated && term.test == Test::Muted));
    let has = model.summary().is_some_and(|summary| summary.flags.keywords.contains(Keywords::MUTED));
    triage::run(model, Verb::mute(!asked_for && !has), true, out);
}

pub fn unread(model: &mut Model, out: &mut Out) {
    match &mut model.preview.conversation {
        Some(conversation) if model.reading => drop(conversation.pinned.insert(conversation.at)),
        _ => model.list.pinned = model.list.cursor(),
    }
    triage::run(model, Verb::seen(false), false, out);
}

pub fn mark(model: &mut Model, action: Action, times: u32, out: &mut Out) {
    let list = &mut model.list;
    match action {
        Action::Mark => {
            for _ in 0..times {
                let Some(id) = list.cursor() else { return };
                if !list.marks.remove(&id) {
                    list.marks.insert(id);
                }
                if !list.step(1) {
                    break;
                }
            }
        }
        Action::SelectLines | Action::SelectThreads => {
            let threads = action == Action::SelectThreads;
            list.visual = match (list.visual, list.cursor()) {
                (Some(visual), _) if visual.threads == threads => None,
                (Some(visual), _) => Some(Visual { threads, ..visual }),
                (None, Some(anchor)) => Some(Visual { anchor, threads }),
                (None, None) => None,
            };
        }
        Action::MarkAll => list.marks = own(list).map(|row| row.id).collect(),
        Action::MarkNone => {
            list.marks.clear();
            list.visual = None;
        }
        Action::MarkInvert => list.marks = own(list).map(|row| row.id).filter(|id| !list.marks.contains(id)).collect(),
        Action::MarkThread => {
            if let Some(row) = list.row() {
                let marks: Vec<_> = own(list).filter(|other| other.thread == row.thread).map(|row| row.id).collect();
                list.marks.extend(marks);
            }
        }
        Action::MarkUnread => go::mark_matching(model, "is:unread", out),
        Action::MarkRead => go::mark_matching(model, "is:read", out),
        _ => go::mark_matching(model, "is:flagged", out),
    }
}

/// The rows of this mailbox: those from elsewhere are marked one by one.
fn own(list: &List) -> impl Iterator<Item = &Row> {
    list.rows.iter().filter(|row| !row.elsewhere)
}

pub fn links(model: &mut Model, action: Action, out: &mut Out) {
    let Some(page) = model.preview.current().cloned() else {
        return model.status.say("The message is not here yet", out.now);
    };
    let purpose = match action {
        Action::Links => LinkPurpose::Open,
        Action::SaveFiles => LinkPurpose::Save,
        _ => LinkPurpose::Copy,
    };
    let mut files = page.parts.iter().filter(|part| part.is_attachment);
    match (Links::new(&page, purpose), purpose) {
        (None, LinkPurpose::Open) => model.status.say("This message has no links and no files", out.now),
        (None, LinkPurpose::Save) => model.status.say("This message has no files", out.now),
        (None, LinkPurpose::Copy | LinkPurpose::Pipe) => model.status.say("This message has no links", out.now),
        (Some(_), LinkPurpose::Save) if page.parts.iter().filter(|part| part.is_attachment).count() == 1 => {
            let number = files.next().map(|part| vec![part.number.clone()]);
            ask_where(model, page.id, number);
        }
        (Some(links), _) => model.overlays.push(Overlay::Links(links)),
    }
}

/// Draws the pictures that came with the message, and asks whether those that are elsewhere may be fetched; or takes them away again.
pub fn pictures(model: &mut Model, out: &mut Out) {
    let Some(page) = model.preview.current().cloned() else {
        return model.status.say("The message is not here yet", out.now);
    };
    if model.preview.pictures {
        model.preview.pictures = false;
        return;
    }
    if model.settings.colors == Colors::None {
        return model.status.say("Pictures are drawn in colours, and there are none here; o opens them", out.now);
    }
    model.preview.pictures = page.has_pictures();
    if !page.remote.is_empty() {
        ask_hosts(model, &page, out);
    } else if !model.preview.pictures {
        model.status.say("This message has no picture that can be drawn", out.now);
    }
}

/// Asks whether pictures may be fetched; only from hosts that there is room to name whole.
fn ask_hosts(model: &mut Model, page: &Page, out: &mut Out) {
    let longest = if model.size.1 < confirm::ROWS { 0 } else { usize::from(confirm::WIDTH.min(model.size.0)).saturating_sub(6) };
    let mut hosts: Vec<String> = Vec::new();
    let mut urls = Vec::new();
    for address in &page.remote {
        let host = url::host(address);
        let is_named = hosts.contains(&host);
        let fits = host.len() <= longest && hosts.iter().map(String::len).sum::<usize>() + host.len() <= MAX_NAMED;
        if is_named || fits {
            urls.push(address.clone());
            hosts.extend((!is_named).then_some(host));
        }
    }
    if urls.is_empty() {
        return model.status.say("There is no room here to name who has its pictures; nothing is asked for", out.now);
    }
    let count = match urls.len() {
        1 => "1 picture is".to_owned(),
        count => format!("{count} pictures are"),
    };
    let said = format!("{count} elsewhere, at {}: who is there learns that you read this message, when and from where.", hosts.join(", "));
    model.overlays.push(Overlay::Confirm(Confirm::of_pictures(said, Request::FetchPictures { id: page.id, urls })));
}

/// The whole message, or one part of it where it has more than its text.
pub fn pipe(model: &mut Model, out: &mut Out) {
    let Some(id) = selected(model, out) else { return };
    match model.preview.current().filter(|page| page.id == id && page.parts.len() > 1).cloned() {
        Some(page) => model.overlays.extend(Links::new(&page, LinkPurpose::Pipe).map(Overlay::Links)),
        None => ask_command(model, id, None),
    }
}

/// Asks for the file that the message is to be, named after its subject.
pub fn export(model: &mut Model, out: &mut Out) {
    let Some(id) = selected(model, out) else { return };
    let subject = model.summary().map(|summary| summary.subject.clone()).unwrap_or_default();
    let name = SafeFileName::new(&subject, "message");
    let prompt = Prompt::new("export to (.eml, .txt, .html): ", Purpose::Export(id)).with(format!("~/Downloads/{}.eml", name.as_str()));
    model.overlays.push(Overlay::Prompt(prompt));
}

/// Leaves the list that the message came by: by one request, by a message, or on the list's page, in this order, and never without
/// the user's word.
pub fn unsubscribe(model: &mut Model, out: &mut Out) {
    let Some(page) = model.preview.current().cloned() else {
        return model.status.say("The message is not here yet", out.now);
    };
    let Some(ways) = page.list.as_ref().and_then(|list| list.unsubscribe.clone()) else {
        return model.status.say("This message names no way to leave a mailing list", out.now);
    };
    let list = page.list.as_ref().map(|list| list.name.as_str()).filter(|name| !name.is_empty()).unwrap_or("the list").to_owned();
    match (ways.web, ways.mailto) {
        (Some(url), _) if ways.one_click => {
            let said = format!("{} will be told that you leave {list}, by one request to {url}", url::host(&url));
            model.overlays.push(Overlay::Confirm(Confirm::of_list(said, Request::Unsubscribe { url })));
        }
        (_, Some(mailto)) => {
            model.status.say(format!("Sending this message leaves {list}; nothing was sent yet"), out.now);
            composer::begin_with(model, &mailto, out);
        }
        (Some(url), None) => {
            let said = format!("{list} can only be left on a page of {}, which your browser would open: {url}", url::host(&url));
            let open = Request::Open { id: page.id, target: OpenTarget::Url(url), sure: true, room: None };
            model.overlays.push(Overlay::Confirm(Confirm::of_list(said, open)));
        }
        (None, None) => model.status.say("This message names no way to leave a mailing list", out.now),
    }
}

pub fn copy(model: &mut Model, action: Action, out: &mut Out) {
    let Some(summary) = model.summary() else {
        return model.status.say("Nothing is selected", out.now);
    };
    let found = match action {
        Action::CopyLink => summary.rfc_message_id.as_ref().map(|id| (format!("mid:{id}"), "a link to the message")),
        Action::CopyId => summary.rfc_message_id.as_ref().map(|id| (format!("<{id}>"), "the Message-ID")),
        Action::CopyAddress => summary.from.first().map(|from| (from.address.clone(), "the address")),
        Action::CopySubject => Some((summary.subject.clone(), "the subject")),
        _ => model.preview.current().map(|page| (body_text(page), "the text")),
    };
    match found {
        Some((text, what)) => {
            out.effects.push(Effect::Copy(text));
            model.status.say(format!("Copied {what} through the terminal"), out.now);
        }
        None => model.status.say("There is nothing to copy", out.now),
    }
}
