//! A message of a Drafts mailbox back to a draft. Our own copies carry the draft as it was typed in a field of their own; it
//! is believed only where it agrees with the fields that other programs show and change.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::body::{self, Shown};
use super::compose::ids;
use super::field::{self, Field};
use super::structure::{self, Kind, Node, Structure};
use super::{addresses, charset, flowed, html, parts, transfer};
use crate::mail::address::{self, Address};
use crate::mail::draft::{AnswerKind, Answered};
use crate::mail::{Attachment, Draft, FileId, HeaderValue, idn};

/// The draft as it was typed.
const STATE: &str = "X-Postrider-Draft";
/// What is passed on, as other programs mark their drafts.
const FORWARDED: &str = "X-Forwarded-Message-Id";
/// Characters between the blanks at which the field is folded.
const PIECE: usize = 64;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// Without its text.
    draft: Draft,
    /// The last line of the text has no end.
    open_end: bool,
}

/// The fields that a kept copy has for itself.
pub fn fields(draft: &Draft) -> Vec<(&'static str, String)> {
    let forwarded = draft.answers.iter().filter(|answer| answer.kind == AnswerKind::Forward);
    let ids: Vec<String> = forwarded.filter_map(|answer| ids::clean(&answer.rfc_message_id)).map(|id| format!("<{id}>")).collect();
    let mut out = Vec::new();
    if !ids.is_empty() {
        out.push((FORWARDED, ids.join(" ")));
    }
    let open_end = !draft.text.is_empty() && !draft.text.ends_with(['\n', '\r']);
    let state = State { draft: Draft { text: String::new(), ..draft.clone() }, open_end };
    let encoded = STANDARD.encode(serde_json::to_vec(&state).unwrap_or_default());
    let pieces: Vec<&str> = encoded.as_bytes().chunks(PIECE).map(|piece| std::str::from_utf8(piece).unwrap_or_default()).collect();
    out.push((STATE, pieces.join(" ")));
    out
}

/// See [`super::draft`].
pub fn read(bytes: &[u8]) -> (Draft, Vec<Vec<u8>>) {
    let structure = structure::split(bytes);
    let header = bytes.get(..field::header_end(bytes)).unwrap_or_default();
    let state = state(header);
    let mut draft = from_header(header);
    let mut gathered = Gathered::default();
    gather(&structure, bytes, &mut gathered);
    draft.text = gathered.text;
    let (attachments, files) = gathered.files.into_iter().unzip();
    draft.attachments = attachments;
    if let Some(state) = state {
        restore(&mut draft, state);
    }
    (draft, files)
}

fn state(header: &[u8]) -> Option<State> {
    let found = field::fields(header).find(|field| field.is(STATE))?;
    let encoded: Vec<u8> = found.raw.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    serde_json::from_slice(&STANDARD.decode(encoded).ok()?).ok()
}

/// The draft as any program would read it.
fn from_header(header: &[u8]) -> Draft {
    let find = |name: &str| field::fields(header).find(|field| field.is(name));
    let list = |name: &str| find(name).map(|field| address::typed_list(&readable(&field))).unwrap_or_default();
    let ids = |name: &str| find(name).map(|field| addresses::ids(&field.value())).unwrap_or_default();
    let in_reply_to = ids("In-Reply-To").into_iter().next();
    let answer = |id: &String, kind| Answered { rfc_message_id: id.clone(), kind };
    let mut answers: Vec<Answered> = ids(FORWARDED).iter().map(|id| answer(id, AnswerKind::Forward)).collect();
    answers.extend(in_reply_to.iter().map(|id| answer(id, AnswerKind::Reply)));
    Draft {
        from: find("From").map(|field| readable(&field)).unwrap_or_default().into_iter().next().unwrap_or_default(),
        to: list("To"),
        cc: list("Cc"),
        bcc: list("Bcc"),
        reply_to: list("Reply-To"),
        subject: find("Subject").map(|field| HeaderValue::new(&field.text()).as_str().to_owned()).unwrap_or_default(),
        rfc_message_id: ids("Message-ID").into_iter().next().unwrap_or_default(),
        references: ids("References"),
        in_reply_to,
        answers,
        ..Draft::default()
    }
}

fn readable(field: &Field<'_>) -> Vec<Address> {
    addresses::parse(field).into_iter().filter(|one| address::is_addr_spec(&one.address)).collect()
}

/// Puts back what was typed where the header says the same.
fn restore(draft: &mut Draft, state: State) {
    let State { draft: kept, open_end } = state;
    let list = |shown: &mut String, typed: String| {
        let same = |one: &str| address::readable(one).into_iter().map(|one| idn::ascii_domain(&one.address)).collect::<Vec<_>>();
        if same(shown) == same(&typed) {
            *shown = typed;
        }
    };
    list(&mut draft.to, kept.to);
    list(&mut draft.cc, kept.cc);
    list(&mut draft.bcc, kept.bcc);
    list(&mut draft.reply_to, kept.reply_to);
    if draft.from.address == idn::ascii_domain(&kept.from.address)
        || (draft.from.address.is_empty() && !address::is_addr_spec(&kept.from.address))
    {
        draft.from = kept.from;
    }
    if is_same_text(&kept.subject, &draft.subject) {
        draft.subject = kept.subject;
    }
    if ids::clean(&kept.rfc_message_id).is_none_or(|id| id == draft.rfc_message_id) {
        draft.rfc_message_id = if kept.rfc_message_id.is_empty() { std::mem::take(&mut draft.rfc_message_id) } else { kept.rfc_message_id };
    }
    if kept.in_reply_to.as_deref().and_then(ids::clean) == draft.in_reply_to {
        draft.in_reply_to = kept.in_reply_to;
    }
    if kept.references.iter().filter_map(|id| ids::clean(id)).eq(draft.references.iter().cloned()) {
        draft.references = kept.references;
    }
    if draft.attachments.len() == kept.attachments.len() {
        for (shown, typed) in draft.attachments.iter_mut().zip(kept.attachments) {
            if is_same_text(&shown.name, &typed.name) {
                (shown.name, shown.content_type) = (typed.name, typed.content_type);
            }
        }
    }
    if open_end && draft.text.ends_with('\n') {
        draft.text.pop();
    }
    (draft.account, draft.answers, draft.cursor) = (kept.account, kept.answers, kept.cursor);
}

/// The same once it went through a header: byte order marks get lost there.
fn is_same_text(one: &str, other: &str) -> bool {
    let plain = |text: &str| HeaderValue::new(&text.replace('\u{feff}', "")).as_str().to_owned();
    plain(one) == plain(other)
}

/// Text and files of a draft.
#[derive(Default)]
struct Gathered {
    text: String,
    files: Vec<(Attachment, Vec<u8>)>,
}

/// Texts to be read become the text, one below the other; everything else is a file.
fn gather(structure: &Structure, bytes: &[u8], out: &mut Gathered) {
    let shown = body::choose(structure, bytes, false);
    let is_inside = |index: usize| is_inside_message(structure, index);
    for (index, node) in structure.nodes.iter().enumerate() {
        if node.kind == Kind::Multipart || is_inside(index) {
            continue;
        }
        let is_file = node.kind == Kind::Message || node.name.is_some() || parts::is_marked_attachment(node);
        let view = shown.iter().find(|view| matches!(view, Shown::Plain(at) | Shown::Html(at) | Shown::HtmlAsText(at) if *at == index));
        match view {
            Some(view) if !is_file || node.parent.is_none() => add_text(&mut out.text, &text(*view, node, bytes)),
            None if !is_file && is_unchosen_alternative(structure, node) => {}
            _ => out.files.push(file(node, bytes)),
        }
    }
}

/// Part of an enclosed message, which is one file.
pub fn is_inside_message(structure: &Structure, index: usize) -> bool {
    let mut above = structure.nodes.get(index).and_then(|node| node.parent);
    while let Some(node) = above.and_then(|at| structure.nodes.get(at)) {
        if node.kind == Kind::Message {
            return true;
        }
        above = node.parent;
    }
    false
}

/// The HTML of a text, or its text where the HTML is shown: nothing to attach.
pub fn is_unchosen_alternative(structure: &Structure, node: &Node) -> bool {
    let parent = node.parent.and_then(|at| structure.nodes.get(at));
    let in_alternative = parent.is_some_and(|parent| {
        let above = parent.parent.and_then(|at| structure.nodes.get(at));
        let is = |node: &Node| node.content_type.value == "multipart/alternative";
        is(parent) || (parent.content_type.value == "multipart/related" && above.is_some_and(is))
    });
    in_alternative && matches!(node.content_type.value.as_str(), "text/plain" | "text/html" | "text/enriched" | "text/x-amp-html")
        || node.body.is_empty() && node.name.is_none()
}

fn add_text(text: &mut String, more: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(more);
}

fn text(view: Shown, node: &Node, bytes: &[u8]) -> String {
    let raw = transfer::decode_text(parts::raw(node, bytes), &node.encoding);
    // exact where it is what it says; a byte order mark is text here
    let decoded = match String::from_utf8(raw) {
        Ok(text) if is_unicode(node) => text,
        Ok(text) => charset::decode(text.as_bytes(), node.content_type.param("charset")).text.into_owned(),
        Err(error) => charset::decode(error.as_bytes(), node.content_type.param("charset")).text.into_owned(),
    };
    if !matches!(view, Shown::Plain(_)) {
        return html::text(&decoded);
    }
    let is = |name: &str, value: &str| node.content_type.param(name).is_some_and(|found| found.trim().eq_ignore_ascii_case(value));
    let decoded = decoded.replace("\r\n", "\n").replace('\r', "\n");
    if is("format", "flowed") { flowed::to_draft(&decoded, is("delsp", "yes")) } else { decoded }
}

fn is_unicode(node: &Node) -> bool {
    node.content_type
        .param("charset")
        .is_none_or(|label| ["utf-8", "us-ascii"].iter().any(|known| label.trim().eq_ignore_ascii_case(known)))
}

/// A part as a file; an enclosed message with its bytes as they are.
pub fn file(node: &Node, bytes: &[u8]) -> (Attachment, Vec<u8>) {
    let raw = parts::raw(node, bytes);
    let content = if node.kind == Kind::Message { raw.to_vec() } else { transfer::decode(raw, &node.encoding) };
    let name = node.name.clone().unwrap_or_default();
    let name = HeaderValue::new(&name).as_str().to_owned();
    (Attachment { file: FileId(0), name, content_type: node.content_type.value.clone(), size: content.len() as u64 }, content)
}
