//! What of a message is its text: which alternative, which further parts, and their decoded text.

use super::parts::{self, is_marked_attachment};
use super::plain::Format;
use super::structure::{Kind, Node, Structure};
use super::{charset, html, inner, transfer};

/// Bytes of one text part that are decoded.
const MAX_RAW: usize = 4 * 1024 * 1024;
/// Bytes of one text that are shown.
const MAX_TEXT: usize = 1024 * 1024;
/// Parts of one message that are shown one below the other.
const MAX_SHOWN: usize = 200;
/// A plain text so short beside much HTML only says where to look.
const STUB: usize = 300;

/// Something to show, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Plain(usize),
    Html(usize),
    /// HTML as bare text: the other alternative where the sender made none.
    HtmlAsText(usize),
    /// The header lines of an enclosed message.
    Message(usize),
}

/// A part's text and what is to be said about it.
#[derive(Debug, Default)]
pub struct Text {
    pub text: String,
    pub format: Format,
    /// Cut because it is too long.
    pub is_cut: bool,
    /// A charset that is not known.
    pub unknown_charset: Option<String>,
}

/// The parts to show; `other` asks for the alternative that is not shown by itself.
pub fn choose(structure: &Structure, bytes: &[u8], other: bool) -> Vec<Shown> {
    chosen(structure, bytes, other, false)
}

/// For each part, whether its text is shown by itself or as the other alternative.
pub fn readable(structure: &Structure, bytes: &[u8]) -> Vec<bool> {
    let mut out = vec![false; structure.nodes.len()];
    for shown in chosen(structure, bytes, false, true) {
        let (Shown::Plain(index) | Shown::Html(index) | Shown::HtmlAsText(index) | Shown::Message(index)) = shown;
        if let Some(readable) = out.get_mut(index) {
            *readable = true;
        }
    }
    out
}

fn chosen(structure: &Structure, bytes: &[u8], other: bool, both: bool) -> Vec<Shown> {
    let mut chooser = Chooser { structure, bytes, other, both, children: children(structure), shown: Vec::new() };
    chooser.visit(0);
    chooser.shown.truncate(MAX_SHOWN);
    chooser.shown
}

fn children(structure: &Structure) -> Vec<Vec<usize>> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); structure.nodes.len()];
    for (index, node) in structure.nodes.iter().enumerate() {
        if let Some(list) = node.parent.and_then(|parent| children.get_mut(parent)) {
            list.push(index);
        }
    }
    children
}

/// Types that are read in place; calendars, cards and tables are listed as files.
pub fn is_shown_type(content_type: &str) -> bool {
    match content_type.strip_prefix("text/") {
        Some("calendar" | "vcard" | "x-vcard" | "directory" | "csv" | "xml" | "rtf" | "rfc822-headers" | "css" | "javascript") => false,
        Some(_) => true,
        // what would have to be fetched or put together is shown as it stands, and nothing is fetched
        None => content_type.starts_with("message/") && !matches!(content_type, "message/rfc822" | "message/global"),
    }
}

struct Chooser<'a> {
    structure: &'a Structure,
    bytes: &'a [u8],
    other: bool,
    /// Not one of the alternatives but all that some view shows.
    both: bool,
    children: Vec<Vec<usize>>,
    shown: Vec<Shown>,
}

impl Chooser<'_> {
    /// Recursion is as deep as parts are ([`super::structure::MAX_DEPTH`]).
    fn visit(&mut self, index: usize) {
        let Some(node) = self.structure.nodes.get(index) else { return };
        match node.kind {
            Kind::Leaf => self.leaf(index, node),
            Kind::Message => {
                if node.parent.is_some() {
                    self.shown.push(Shown::Message(index));
                }
                self.each_child(index);
            }
            Kind::Multipart if node.content_type.value == "multipart/alternative" => self.alternative(index),
            Kind::Multipart => self.each_child(index),
        }
    }

    fn each_child(&mut self, index: usize) {
        for child in self.children.get(index).cloned().unwrap_or_default() {
            self.visit(child);
        }
    }

    fn leaf(&mut self, index: usize, node: &Node) {
        // a message that is nothing but its "attachment" is shown if it can be
        let is_only = node.parent.is_none();
        let content_type = node.content_type.value.as_str();
        if !is_only && (is_marked_attachment(node) || !is_shown_type(content_type)) || content_type.starts_with("image/") {
            return;
        }
        match content_type {
            "text/html" if self.other => self.shown.push(Shown::HtmlAsText(index)),
            "text/html" => self.shown.push(Shown::Html(index)),
            // an unsplit multipart is text too
            _ if is_shown_type(content_type) || content_type.starts_with("multipart/") || content_type.starts_with("message/") => {
                self.shown.push(Shown::Plain(index));
            }
            _ => {}
        }
    }

    /// One of the alternatives: the plain one, unless it says nothing.
    fn alternative(&mut self, index: usize) {
        let children = self.children.get(index).cloned().unwrap_or_default();
        let find = |kind: &str| children.iter().copied().find(|child| self.first_leaf_of(*child, kind).is_some());
        let (plain, rich) = (find("text/plain"), find("text/html"));
        match (plain, rich) {
            (Some(plain), Some(rich)) if plain != rich && self.both => {
                self.visit(plain);
                self.visit(rich);
            }
            (Some(plain), Some(rich)) if plain != rich => {
                let prefers_rich = self.is_stub(plain, rich) != self.other;
                // the alternative is chosen; inside it nothing is switched again
                let other = std::mem::replace(&mut self.other, false);
                self.visit(if prefers_rich { rich } else { plain });
                self.other = other;
            }
            (Some(only), _) | (None, Some(only)) => self.visit(only),
            (None, None) => self.each_child(index),
        }
    }

    fn first_leaf_of(&self, index: usize, kind: &str) -> Option<usize> {
        let node = self.structure.nodes.get(index)?;
        match node.kind {
            Kind::Leaf => (node.content_type.value == kind && !is_marked_attachment(node)).then_some(index),
            Kind::Multipart => self.children.get(index)?.iter().find_map(|child| self.first_leaf_of(*child, kind)),
            Kind::Message => None,
        }
    }

    fn is_stub(&self, plain: usize, rich: usize) -> bool {
        let text = |index: usize, kind: &str| {
            self.first_leaf_of(index, kind)
                .and_then(|leaf| self.structure.nodes.get(leaf))
                .map(|node| decode(node, self.bytes).text)
                .unwrap_or_default()
        };
        let plain = text(plain, "text/plain");
        let plain = plain.trim();
        if plain.is_empty() {
            return true;
        }
        let length = plain.chars().count();
        let head: String = plain.chars().take(STUB).collect::<String>().to_ascii_lowercase();
        let is_markup = ["<html", "<!doctype", "<table", "<div"].iter().any(|start| head.starts_with(start));
        if length > 4 * STUB && !is_markup {
            return false;
        }
        let rich_length = html::text(&text(rich, "text/html")).chars().count();
        let points_away = ["browser", "html", "view online", "view this email", "online ansehen"].iter().any(|word| head.contains(word));
        is_markup || (length < STUB && rich_length > length * 4 + 200) || (points_away && length < 2 * STUB && rich_length > length * 2)
    }
}

/// A part's text: transfer encoding and charset undone, bounded.
pub fn decode(node: &Node, bytes: &[u8]) -> Text {
    let raw = parts::raw(node, bytes);
    let content = transfer::decode_text(raw.get(..MAX_RAW).unwrap_or(raw), &node.encoding);
    let content = inner::without_files(node, content.into());
    let label = node.content_type.param("charset");
    let is_html = node.content_type.value == "text/html";
    let own = if is_html && label.is_none() { html_charset(&content) } else { None };
    let decoded = charset::decode(&content, label.or(own.as_deref()));
    let unknown_charset = decoded.unknown_label.then(|| label.or(own.as_deref()).unwrap_or_default().to_owned());
    let mut text = decoded.text.into_owned();
    let is_cut = raw.len() > MAX_RAW || text.len() > MAX_TEXT;
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    let is = |name: &str, value: &str| node.content_type.param(name).is_some_and(|found| found.trim().eq_ignore_ascii_case(value));
    let format = Format { flowed: is("format", "flowed"), delete_space: is("delsp", "yes") };
    Text { text, format, is_cut, unknown_charset }
}

/// `<meta charset=…>` or its older form, in the first bytes.
fn html_charset(content: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(content.get(..2048).unwrap_or(content)).to_ascii_lowercase();
    let (_, tail) = head.split_once("charset=")?;
    let label = tail.trim_start_matches(['"', '\'', ' ']).split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_')).next()?;
    // a page that says UTF-16 in ASCII letters is none
    (!label.is_empty() && !label.starts_with("utf-16")).then(|| label.to_owned())
}
