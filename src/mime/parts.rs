//! The list of a message's parts, and one part's bytes.

use super::structure::{Kind, Node, Structure};
use super::transfer;
use crate::mail::page::Part;

/// All leaves and enclosed messages, in order, however deep they are.
pub fn list(structure: &Structure, bytes: &[u8]) -> Vec<Part> {
    let body = first_text(structure);
    let listed = structure.nodes.iter().enumerate().filter(|(_, node)| node.kind != Kind::Multipart);
    listed.map(|(index, node)| describe(node, bytes, body == Some(index))).collect()
}

/// A part's description and its bytes, transfer encoding undone.
pub fn decoded(structure: &Structure, bytes: &[u8], number: &str) -> Option<(Part, Vec<u8>)> {
    let found = structure.nodes.iter().enumerate().find(|(_, node)| node.kind != Kind::Multipart && node.number == number);
    let (index, node) = found?;
    let content = transfer::decode(raw(node, bytes), &node.encoding);
    let mut part = describe(node, bytes, first_text(structure) == Some(index));
    part.size = content.len() as u64;
    Some((part, content))
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

fn describe(node: &Node, bytes: &[u8], is_body: bool) -> Part {
    let is_attachment = if is_body {
        false
    } else if is_text(node) {
        is_marked_attachment(node) || node.name.is_some()
    } else {
        // an unnamed patch or log within the text is text
        is_marked_attachment(node) || node.name.is_some() || !super::body::is_shown_type(&node.content_type.value)
    };
    Part {
        number: node.number.clone(),
        content_type: node.content_type.value.clone(),
        name: node.name.clone().or_else(|| message_name(node, bytes)),
        size: size(node, bytes),
        is_attachment,
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
