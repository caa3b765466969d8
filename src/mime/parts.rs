//! The list of a message's parts, and one part's bytes.

use super::structure::{Kind, Node, Structure};
use super::{inner, transfer};
use crate::mail::page::Part;

/// All leaves and enclosed messages, in order, however deep they are.
pub fn list(structure: &Structure, bytes: &[u8]) -> Vec<Part> {
    let roles = Roles::of(structure, bytes);
    let mut out = Vec::new();
    for (index, node) in structure.nodes.iter().enumerate().filter(|(_, node)| node.kind != Kind::Multipart) {
        out.push(describe(node, bytes, roles.is_attachment(index, node)));
        let inner = inner::files(node, bytes);
        out.extend(inner.iter().enumerate().map(|(at, file)| describe_inner(&node.number, at, file)));
    }
    out
}

/// A part's description and its bytes, transfer encoding undone.
pub fn decoded(structure: &Structure, bytes: &[u8], number: &str) -> Option<(Part, Vec<u8>)> {
    let (outer, place) = number.split_once('/').map_or((number, None), |(outer, place)| (outer, Some(place)));
    let found = structure.nodes.iter().enumerate().find(|(_, node)| node.kind != Kind::Multipart && node.number == outer);
    let (index, node) = found?;
    if let Some(place) = place {
        let at = place.parse::<usize>().ok()?.checked_sub(1)?;
        let file = inner::files(node, bytes).into_iter().nth(at)?;
        return Some((describe_inner(outer, at, &file), file.bytes));
    }
    let content = transfer::decode(raw(node, bytes), &node.encoding);
    let mut part = describe(node, bytes, Roles::of(structure, bytes).is_attachment(index, node));
    part.size = content.len() as u64;
    Some((part, content))
}

/// What the parts are to the reader.
struct Roles {
    body: Option<usize>,
    readable: Vec<bool>,
}

impl Roles {
    fn of(structure: &Structure, bytes: &[u8]) -> Self {
        Self { body: first_text(structure), readable: super::body::readable(structure, bytes) }
    }

    /// Something to save: marked or named so, of a type that is not read in place, or a text that no view shows.
    fn is_attachment(&self, index: usize, node: &Node) -> bool {
        let content_type = node.content_type.value.as_str();
        let is_shown_type = is_text(node) || super::body::is_shown_type(content_type);
        // newsletters carry a third alternative for one provider's pages
        let is_readable = content_type == "text/x-amp-html" || self.readable.get(index).copied().unwrap_or(false);
        self.body != Some(index) && (is_marked_attachment(node) || node.name.is_some() || !is_shown_type || !is_readable)
    }
}

/// A part's bytes as they stand in the message.
pub fn raw<'a>(node: &Node, bytes: &'a [u8]) -> &'a [u8] {
    bytes.get(node.body.clone()).unwrap_or_default()
}

/// The first text that is meant to be read.
fn first_text(structure: &Structure) -> Option<usize> {
    structure.nodes.iter().position(|node| node.kind == Kind::Leaf && is_text(node) && !is_marked_attachment(node))
}

/// text/plain and text/html.
pub fn is_text(node: &Node) -> bool {
    matches!(node.content_type.value.as_str(), "text/plain" | "text/html")
}

/// The sender says: an attachment.
pub fn is_marked_attachment(node: &Node) -> bool {
    node.disposition.value == "attachment"
}

fn describe(node: &Node, bytes: &[u8], is_attachment: bool) -> Part {
    Part {
        number: node.number.clone(),
        content_type: node.content_type.value.clone(),
        name: node.name.clone().or_else(|| message_name(node, bytes)),
        size: size(node, bytes),
        is_attachment,
    }
}

fn describe_inner(outer: &str, at: usize, file: &inner::File) -> Part {
    let content_type = if file.content_type.contains('/') { file.content_type.as_str() } else { "application/octet-stream" };
    Part {
        number: format!("{outer}/{}", at + 1),
        content_type: content_type.to_owned(),
        name: (!file.name.trim().is_empty()).then(|| file.name.clone()),
        size: file.bytes.len() as u64,
        is_attachment: true,
    }
}

/// An enclosed message is called by its subject.
fn message_name(node: &Node, bytes: &[u8]) -> Option<String> {
    if node.kind != Kind::Message {
        return None;
    }
    let subject = super::envelope::summary(raw(node, bytes)).envelope.subject;
    (!subject.trim().is_empty()).then(|| format!("{}.eml", subject.trim()))
}

/// Octets once decoded, counted without decoding.
fn size(node: &Node, bytes: &[u8]) -> u64 {
    let raw = raw(node, bytes);
    if node.encoding != "base64" {
        return raw.len() as u64;
    }
    let digits = raw.iter().filter(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).count();
    (digits * 3 / 4) as u64
}
