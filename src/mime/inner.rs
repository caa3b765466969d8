//! Files inside of a part that is not MIME itself: a `winmail.dat` ([`tnef`]) and what is uuencoded in a text ([`uu`]). They are
//! listed behind their part as "2/1", "2/2": numbers that no server knows, so they are only there once the part is.

use super::structure::{Kind, Node};
use super::{parts, tnef, transfer, uu};
use std::borrow::Cow;

/// A larger `winmail.dat` stays a file.
const MAX_TNEF: usize = 64 * 1024 * 1024;
/// Bytes of a text in which files are looked for.
const MAX_TEXT: usize = 16 * 1024 * 1024;

/// A file that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    pub name: String,
    /// Empty where nobody says.
    pub content_type: String,
    pub bytes: Vec<u8>,
}

/// The files in a part, in order.
pub fn files(node: &Node, bytes: &[u8]) -> Vec<File> {
    let raw = parts::raw(node, bytes);
    if is_tnef(node) && raw.len() <= MAX_TNEF {
        return tnef::files(&transfer::decode(raw, &node.encoding)).unwrap_or_default();
    }
    if !is_searched(node) {
        return Vec::new();
    }
    let content = content(node, raw);
    let block = |block: uu::Block| File {
        bytes: content.get(block.range).map(uu::decode).unwrap_or_default(),
        name: block.name,
        content_type: String::new(),
    };
    uu::blocks(&content).into_iter().map(block).collect()
}

/// A text with its uuencoded files replaced by their names.
pub fn without_files<'a>(node: &Node, content: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
    if !is_searched(node) {
        return content;
    }
    let blocks = uu::blocks(&content);
    if blocks.is_empty() {
        return content;
    }
    let mut out = Vec::with_capacity(content.len());
    let mut at = 0;
    for block in blocks {
        out.extend_from_slice(content.get(at..block.range.start).unwrap_or_default());
        out.extend_from_slice(format!("[file: {}]\n", block.name).as_bytes());
        at = block.range.end;
    }
    out.extend_from_slice(content.get(at..).unwrap_or_default());
    Cow::Owned(out)
}

fn content<'a>(node: &Node, raw: &'a [u8]) -> Cow<'a, [u8]> {
    let raw = raw.get(..MAX_TEXT).unwrap_or(raw);
    match node.encoding.as_str() {
        "base64" | "quoted-printable" => Cow::Owned(transfer::decode_text(raw, &node.encoding)),
        _ => Cow::Borrowed(raw),
    }
}

/// Uuencoded files stand in plain texts.
fn is_searched(node: &Node) -> bool {
    node.kind == Kind::Leaf && node.content_type.value == "text/plain"
}

pub fn is_tnef(node: &Node) -> bool {
    let content_type = node.content_type.value.as_str();
    let is_named = || node.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("winmail.dat"));
    node.kind == Kind::Leaf
        && (matches!(content_type, "application/ms-tnef" | "application/vnd.ms-tnef")
            || content_type == "application/octet-stream" && is_named())
}
