//! Answers and forwards: whom they go to ([`recipients`]), what they are called ([`subject`]), what they quote ([`quote`]). What is
//! taken from the original was written by somebody else: names, subjects and texts pass [`DisplayText`] on their way in.

use super::compose::{Sent, ids};
use super::field::{self, Field};
use super::structure::{self, Kind};
use super::{addresses, body, envelope, kept, parts, sealed};
use crate::mail::address;
use crate::mail::draft::{AnswerKind, Answered, Cursor, Field as Place, Identity, ReplyTo};
use crate::mail::{Attachment, DisplayText, Draft, FileId};

mod quote;
mod recipients;
mod subject;

/// References a draft carries: the root and the newest.
const MAX_REFERENCES: usize = 100;
/// Characters of a foreign name that are shown.
const MAX_NAME: usize = 100;
/// A Date so many seconds ahead of now is not believed.
const AHEAD: i64 = 86_400;

/// See [`super::reply`].
pub fn reply(original: &[u8], to: ReplyTo, me: &[Identity], now: Sent) -> Draft {
    let header = header(original);
    let summary = envelope::summary(header);
    let found = recipients::Original::read(header);
    let identity = recipients::identity(&found, me);
    let mut draft = signed(identity);
    let (to, cc) = match to {
        ReplyTo::Sender => (recipients::sender(&found, me), Vec::new()),
        ReplyTo::All => recipients::all(&found, me),
        ReplyTo::List => (recipients::list(&found), Vec::new()),
    };
    (draft.to, draft.cc) = (address::typed_list(&to), address::typed_list(&cc));
    draft.subject = subject::reply(&summary.envelope.subject);
    let attribution = quote::attribution(&summary, now);
    // what was encrypted is not here, and must not come into a draft that goes to the server as it is
    let quoted = if sealed::is_encrypted(original) { String::new() } else { quote::quoted(original) };
    let own = std::mem::take(&mut draft.text);
    draft.text = if quoted.is_empty() { format!("\n{own}") } else { format!("\n\n{attribution}\n{quoted}{own}") };
    thread(&mut draft, header);
    if let Some(id) = &draft.in_reply_to {
        draft.answers.push(Answered { rfc_message_id: id.clone(), kind: AnswerKind::Reply });
    }
    draft.cursor = Cursor { field: if draft.to.is_empty() { Place::To } else { Place::Text }, row: 0, column: 0 };
    draft
}

/// See [`super::forward`].
pub fn forward(originals: &[Vec<u8>], whole: bool, me: &[Identity], now: Sent) -> (Draft, Vec<Vec<u8>>) {
    let first = originals.first().map(Vec::as_slice).unwrap_or_default();
    let identity = recipients::identity(&recipients::Original::read(header(first)), me);
    let mut draft = signed(identity);
    let own = std::mem::take(&mut draft.text);
    let mut files = Vec::new();
    let mut text = String::from("\n");
    for original in originals {
        let summary = envelope::summary(header(original));
        if draft.subject.is_empty() {
            draft.subject = subject::forward(&summary.envelope.subject);
        }
        if whole {
            add(&mut draft, &mut files, whole_file(&summary.envelope.subject, original));
        } else {
            text.push('\n');
            text.push_str(&quote::passed_on(original, &summary, now));
            attached(original).into_iter().for_each(|found| add(&mut draft, &mut files, found));
        }
        let id = field::fields(header(original)).find(|field| field.is("Message-ID")).and_then(|field| own_id(&field));
        draft.answers.extend(id.map(|rfc_message_id| Answered { rfc_message_id, kind: AnswerKind::Forward }));
    }
    draft.text = text + &own;
    draft.cursor = Cursor { field: Place::To, row: 0, column: 0 };
    (draft, files)
}

fn add(draft: &mut Draft, files: &mut Vec<Vec<u8>>, (attachment, bytes): (Attachment, Vec<u8>)) {
    draft.attachments.push(attachment);
    files.push(bytes);
}

fn header(message: &[u8]) -> &[u8] {
    message.get(..field::header_end(message)).unwrap_or_default()
}

/// A draft of this identity that holds nothing but its signature.
fn signed(identity: Option<&Identity>) -> Draft {
    let Some(identity) = identity else { return Draft::default() };
    let signature = identity.signature.as_deref().map(|text| text.trim_end_matches(['\n', '\r', ' '])).filter(|text| !text.is_empty());
    let text = signature.map(|text| format!("\n-- \n{}\n", text.replace("\r\n", "\n"))).unwrap_or_default();
    Draft { account: identity.account.clone(), from: identity.from.clone(), text, ..Draft::default() }
}

/// See [`super::blank`].
pub fn blank(identity: Option<&Identity>) -> Draft {
    let mut draft = signed(identity);
    draft.text.insert(0, '\n');
    draft
}

/// In-Reply-To and References (RFC 5322 3.6.4).
fn thread(draft: &mut Draft, header: &[u8]) {
    let find = |name: &str| field::fields(header).find(|field| field.is(name));
    let ids_of = |name: &str| find(name).map(|field| clean_ids(&field)).unwrap_or_default();
    draft.in_reply_to = find("Message-ID").and_then(|field| own_id(&field));
    let mut references = ids_of("References");
    if references.is_empty() {
        // several ids there name several threads
        let above = ids_of("In-Reply-To");
        references = if above.len() == 1 { above } else { Vec::new() };
    }
    references.extend(draft.in_reply_to.clone());
    let mut seen = std::collections::HashSet::new();
    // the newest mention counts: the parent stands last
    references.reverse();
    references.retain(|id| seen.insert(id.clone()));
    references.reverse();
    if references.len() > MAX_REFERENCES {
        references.drain(1..=references.len() - MAX_REFERENCES);
    }
    draft.references = references;
}

fn clean_ids(field: &Field<'_>) -> Vec<String> {
    addresses::ids(&field.value()).iter().filter_map(|id| ids::clean(id)).collect()
}

fn own_id(field: &Field<'_>) -> Option<String> {
    clean_ids(field).into_iter().next()
}

/// A message as a file of its own.
fn whole_file(subject: &str, message: &[u8]) -> (Attachment, Vec<u8>) {
    let subject = DisplayText::capped(subject.trim(), MAX_NAME).into_string();
    let subject = if subject.is_empty() { "message" } else { &subject };
    let name = crate::mail::SafeFileName::new(&format!("{}.eml", subject.replace(['/', '\\'], "_")), "message.eml").as_str().to_owned();
    let content_type = "message/rfc822".to_owned();
    (Attachment { file: FileId(0), name, content_type, size: message.len() as u64 }, message.to_vec())
}

/// The files of a message that is passed on in the text.
fn attached(message: &[u8]) -> Vec<(Attachment, Vec<u8>)> {
    let structure = structure::split(message);
    let shown = body::choose(&structure, message, false);
    let nodes = structure.nodes.iter().enumerate().filter(|(index, node)| {
        let is_shown = shown
            .iter()
            .any(|view| matches!(view, body::Shown::Plain(at) | body::Shown::Html(at) | body::Shown::HtmlAsText(at) if at == index));
        let is_file = node.kind == Kind::Message || node.name.is_some() || parts::is_marked_attachment(node) || !is_shown;
        node.kind != Kind::Multipart
            && node.parent.is_some()
            && is_file
            && !kept::is_inside_message(&structure, *index)
            && !(kept::is_unchosen_alternative(&structure, node) && node.name.is_none())
    });
    nodes.map(|(_, node)| named(kept::file(node, message))).collect()
}

/// A foreign name is cleaned, and one that is missing made up.
fn named((mut file, bytes): (Attachment, Vec<u8>)) -> (Attachment, Vec<u8>) {
    let fallback = match file.content_type.split_once('/') {
        Some(("message", _)) => "message.eml".to_owned(),
        Some(("image", kind)) if kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) => format!("image.{kind}"),
        Some(("text", "calendar")) => "invite.ics".to_owned(),
        _ => "file".to_owned(),
    };
    file.name = crate::mail::SafeFileName::new(&file.name, &fallback).as_str().to_owned();
    (file, bytes)
}

#[cfg(test)]
mod tests;
