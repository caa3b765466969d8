//! A message split into its parts, as ranges of its bytes. Line-based, without recursion and bounded:
//! mail-parser 0.11.9 ends a part where a boundary's text stands in the middle of a line, loses the text of a
//! message cut before its last boundary, and overflows the stack when a deep one is dropped.

use super::field::{self, Field};
use super::params::Structured;
use std::ops::Range;

/// Levels of parts; what is deeper is one opaque part.
pub const MAX_DEPTH: usize = 100;
/// Parts of one message; what comes after is not split.
pub const MAX_PARTS: usize = 10_000;
/// A longer boundary is none (RFC 2046 5.1.1 allows 70).
const MAX_BOUNDARY: usize = 1000;

/// A part: a leaf, a multipart or an enclosed message.
#[derive(Clone, Debug)]
pub struct Node {
    /// IMAP's section number; empty for the outermost multipart.
    pub number: String,
    /// None for the outermost.
    pub parent: Option<usize>,
    /// Its own MIME header (of the outermost: the message header).
    pub header: Range<usize>,
    pub body: Range<usize>,
    pub content_type: Structured,
    pub disposition: Structured,
    pub encoding: String,
    pub name: Option<String>,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Leaf,
    Multipart,
    /// message/rfc822 whose bytes are there as they are; its child is the message's body.
    Message,
}

/// All parts in the order of the message; a parent stands before its children.
#[derive(Clone, Debug, Default)]
pub struct Structure {
    pub nodes: Vec<Node>,
    /// Parts were left unsplit because they are nested too deep.
    pub too_deep: bool,
    /// Parts were left unsplit because they are too many.
    pub too_many: bool,
    /// A multipart ends without its closing boundary.
    pub unclosed: bool,
}

/// A multipart or message whose end is still to come.
struct Open {
    node: usize,
    /// None for an enclosed message, which ends with what it is in.
    boundary: Option<Vec<u8>>,
    children: usize,
}

struct Splitter<'a> {
    bytes: &'a [u8],
    open: Vec<Open>,
    found: Structure,
}

/// Splits a message; `bytes` may be a prefix of it.
pub fn split(bytes: &[u8]) -> Structure {
    let mut splitter = Splitter { bytes, open: Vec::new(), found: Structure::default() };
    let end = field::header_end(bytes);
    splitter.add(0..end, None, false);
    splitter.run(end);
    splitter.found
}

impl<'a> Splitter<'a> {
    /// Walks the lines after the message header.
    fn run(&mut self, from: usize) {
        let mut at = self.descend(from);
        while at < self.bytes.len() && self.open.iter().any(|open| open.boundary.is_some()) {
            let line = self.line(at);
            let next = at + line.len();
            let Some((level, closing)) = self.boundary_level(line) else {
                at = next;
                continue;
            };
            self.close_above(level, at);
            at = if closing {
                self.end_multipart(next);
                next
            } else {
                self.begin_part(next)
            };
        }
        self.found.unclosed = self.open.iter().any(|open| open.boundary.is_some());
        self.close_above(usize::MAX, self.bytes.len());
        self.open.clear();
        self.mend();
    }

    fn line(&self, at: usize) -> &'a [u8] {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        rest.get(..end).unwrap_or(rest)
    }

    /// The open multipart whose boundary stands alone on this line, the innermost first.
    fn boundary_level(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open.iter().enumerate().rev().find_map(|(level, open)| {
            let boundary = open.boundary.as_deref()?;
            match text.strip_prefix(boundary)? {
                b"" => Some((level, false)),
                b"--" => Some((level, true)),
                _ => None,
            }
        })
    }

    /// Ends the last leaf and all that is open above `level`, before the line that starts at `at`.
    fn close_above(&mut self, level: usize, at: usize) {
        let end = if at == self.bytes.len() { at } else { self.without_line_end(at) };
        if let Some(node) = self.found.nodes.last_mut() {
            // a leaf is only open as long as nothing came after it
            if node.body.end == usize::MAX {
                node.body.end = end.max(node.body.start);
            }
        }
        for open in self.open.iter().skip(level.saturating_add(1)) {
            if let Some(node) = self.found.nodes.get_mut(open.node) {
                node.body.end = end.max(node.body.start);
            }
        }
        self.open.truncate(level.saturating_add(1));
        if level == usize::MAX {
            for node in &mut self.found.nodes {
                node.body.end = node.body.end.min(end).max(node.body.start);
            }
        }
    }

    /// The innermost multipart closed itself; what follows is no part of it.
    fn end_multipart(&mut self, end: usize) {
        if let Some(node) = self.open.pop().and_then(|open| self.found.nodes.get_mut(open.node)) {
            node.body.end = end;
        }
    }

    /// The line end before a boundary belongs to the boundary (RFC 2046 5.1.1).
    fn without_line_end(&self, at: usize) -> usize {
        let before = self.bytes.get(..at).unwrap_or_default();
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        before.strip_suffix(b"\r").unwrap_or(before).len()
    }

    /// Reads a part's header at `at`; returns where its body begins.
    fn begin_part(&mut self, at: usize) -> usize {
        if self.found.nodes.len() >= MAX_PARTS {
            self.found.too_many = true;
            // the boundaries no longer split: all that is left belongs to one opaque part
            self.open.clear();
            return self.bytes.len();
        }
        let end = self.part_header_end(at);
        let parent = self.open.last().map(|open| open.node);
        self.add(at..end, parent, self.in_digest());
        self.descend(end)
    }

    /// Goes into enclosed messages: their header follows at once.
    fn descend(&mut self, from: usize) -> usize {
        let mut at = from;
        while let Some(Open { node, boundary: None, children: 0 }) = self.open.last() {
            let node = *node;
            if self.found.nodes.len() >= MAX_PARTS {
                break;
            }
            let end = self.part_header_end(at);
            if let Some(open) = self.open.last_mut() {
                open.children = 1;
            }
            self.add(at..end, Some(node), false);
            at = end;
        }
        at
    }

    /// Like [`field::header_end`], but a boundary ends a header too.
    fn part_header_end(&self, from: usize) -> usize {
        let mut at = from;
        while at < self.bytes.len() {
            let line = self.line(at);
            if self.boundary_level(line).is_some() {
                break;
            }
            at += line.len();
            if line.trim_ascii().is_empty() {
                break;
            }
        }
        let header = self.bytes.get(from..at).unwrap_or_default();
        from + field::header_end(header)
    }

    fn in_digest(&self) -> bool {
        let parent = self.open.last().and_then(|open| self.found.nodes.get(open.node));
        parent.is_some_and(|node| node.content_type.value == "multipart/digest")
    }

    /// Adds the part with this header and opens it if it holds others.
    fn add(&mut self, header: Range<usize>, parent: Option<usize>, in_digest: bool) {
        let index = self.found.nodes.len();
        let mut node = describe(self.bytes.get(header.clone()).unwrap_or_default(), in_digest);
        node.parent = parent;
        node.body = header.end..usize::MAX;
        node.header = header;
        let boundary = boundary(&node.content_type);
        let depth_left = self.open.len() < MAX_DEPTH;
        node.kind = match boundary {
            Some(_) if depth_left => Kind::Multipart,
            None if is_plain_message(&node) && depth_left => Kind::Message,
            _ => Kind::Leaf,
        };
        self.found.too_deep |= !depth_left && (boundary.is_some() || is_plain_message(&node));
        node.number = self.number(&node, parent);
        match node.kind {
            Kind::Leaf => {}
            Kind::Multipart => self.open.push(Open { node: index, boundary, children: 0 }),
            Kind::Message => self.open.push(Open { node: index, boundary: None, children: 0 }),
        }
        self.found.nodes.push(node);
    }

    /// IMAP's numbers (RFC 9051 6.4.5): a multipart's children count on below it, and a multipart that is the
    /// whole body of a message shares the message's number.
    fn number(&mut self, node: &Node, parent: Option<usize>) -> String {
        let is_multipart = node.kind == Kind::Multipart;
        let Some(parent) = parent.and_then(|parent| self.found.nodes.get(parent)) else {
            return if is_multipart { String::new() } else { "1".to_owned() };
        };
        if parent.kind == Kind::Message {
            return if is_multipart { parent.number.clone() } else { format!("{}.1", parent.number) };
        }
        let above = parent.number.clone();
        let Some(open) = self.open.last_mut() else { return above };
        open.children += 1;
        if above.is_empty() { open.children.to_string() } else { format!("{above}.{}", open.children) }
    }

    /// A multipart in which no part was found is text (its boundary is wrong, or the rest was cut away).
    fn mend(&mut self) {
        let mut has_child = vec![false; self.found.nodes.len()];
        for parent in self.found.nodes.iter().filter_map(|node| node.parent) {
            if let Some(seen) = has_child.get_mut(parent) {
                *seen = true;
            }
        }
        for (node, has_child) in self.found.nodes.iter_mut().zip(has_child) {
            if has_child || node.kind == Kind::Leaf {
                continue;
            }
            if node.kind == Kind::Multipart {
                node.content_type = Structured::parse("text/plain");
                if node.number.is_empty() {
                    "1".clone_into(&mut node.number);
                }
            }
            node.kind = Kind::Leaf;
        }
    }
}

/// The outermost header of a message that is enclosed and not encoded (RFC 2046 5.2.1 forbids encoding it).
fn is_plain_message(node: &Node) -> bool {
    matches!(node.content_type.value.as_str(), "message/rfc822" | "message/global")
        && !["base64", "quoted-printable"].contains(&node.encoding.as_str())
}

fn boundary(content_type: &Structured) -> Option<Vec<u8>> {
    if !content_type.value.starts_with("multipart/") {
        return None;
    }
    let boundary = content_type.param("boundary")?.trim_end().as_bytes().to_vec();
    (!boundary.is_empty() && boundary.len() <= MAX_BOUNDARY).then_some(boundary)
}

/// What a part's header says of it.
fn describe(header: &[u8], in_digest: bool) -> Node {
    let mut content_type = None;
    let mut disposition = None;
    let mut encoding = None;
    for found in field::fields(header) {
        // where a field repeats the first counts, everywhere
        if found.is("content-type") {
            content_type.get_or_insert_with(|| structured(&found));
        } else if found.is("content-disposition") {
            disposition.get_or_insert_with(|| structured(&found));
        } else if found.is("content-transfer-encoding") {
            encoding.get_or_insert_with(|| encoding_word(&found));
        }
    }
    let default = if in_digest { "message/rfc822" } else { "text/plain" };
    let mut content_type = content_type.unwrap_or_else(|| Structured::parse(default));
    if !content_type.value.contains('/') {
        // "text" or nothing: RFC 2045 5.2
        default.clone_into(&mut content_type.value);
    }
    let disposition: Structured = disposition.unwrap_or_default();
    let name = disposition.param("filename").or_else(|| content_type.param("name")).filter(|name| !name.trim().is_empty());
    Node {
        number: String::new(),
        parent: None,
        header: 0..0,
        body: 0..0,
        name: name.map(str::to_owned),
        content_type,
        disposition,
        encoding: encoding.unwrap_or_default(),
        kind: Kind::Leaf,
    }
}

fn structured(found: &Field<'_>) -> Structured {
    Structured::parse(&found.value())
}

/// "Base64 (comment); x" to "base64".
fn encoding_word(found: &Field<'_>) -> String {
    let value = found.value();
    let word = value.split([';', '(', ' ']).find(|word| !word.trim().is_empty()).unwrap_or_default();
    word.trim().trim_matches('"').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(message: &str) -> Vec<(String, String, String)> {
        let found = split(message.as_bytes());
        let leaves = found.nodes.iter().filter(|node| node.kind != Kind::Multipart);
        leaves.map(|node| (node.number.clone(), node.content_type.value.clone(), message[node.body.clone()].to_owned())).collect()
    }

    fn owned(list: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        list.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
    }

    const MIXED: &str = "Content-Type: multipart/mixed; boundary=\"b\"\n\n";

    #[test]
    fn one_part_is_number_one() {
        assert_eq!(leaves("Subject: x\n\nhello\n"), owned(&[("1", "text/plain", "hello\n")]));
        assert_eq!(leaves(""), owned(&[("1", "text/plain", "")]));
    }

    #[test]
    fn numbers_follow_imap() {
        let message = format!(
            "{MIXED}--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--c\nContent-Type: text/html\n\ntwo\n--c--\n\
             --b\nContent-Type: message/rfc822\n\nSubject: in\n\nthree\n\
             --b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=d\n\n--d\n\nfour\n--d\n\nfive\n--d--\n--b--\n"
        );
        let found = leaves(&message);
        let numbers: Vec<&str> = found.iter().map(|leaf| leaf.0.as_str()).collect();
        assert_eq!(numbers, ["1.1", "1.2", "2", "2.1", "3", "3.1", "3.2"]);
        assert_eq!(found[3].2, "three");
        assert_eq!(found[6].2, "five");
    }

    #[test]
    fn boundary_text_inside_a_line_is_text() {
        let message = format!("{MIXED}--b\n\nuse --b or\n--bc\n x--b--\n--b  \n\nend\n--b--\nepilogue");
        assert_eq!(leaves(&message), owned(&[("1", "text/plain", "use --b or\n--bc\n x--b--"), ("2", "text/plain", "end")]));
    }

    #[test]
    fn a_cut_message_keeps_its_parts() {
        let message = format!("{MIXED}--b\n\nfirst\n--b\nContent-Type: text/html\n\nsec");
        assert_eq!(leaves(&message), owned(&[("1", "text/plain", "first"), ("2", "text/html", "sec")]));
        assert!(split(message.as_bytes()).unclosed);
    }

    #[test]
    fn a_multipart_without_parts_is_text() {
        assert_eq!(leaves(&format!("{MIXED}no boundary here\n")), owned(&[("1", "text/plain", "no boundary here\n")]));
        assert_eq!(leaves("Content-Type: multipart/mixed\n\nx\n"), owned(&[("1", "multipart/mixed", "x\n")]));
    }

    #[test]
    fn an_inner_end_closes_at_the_outer_boundary() {
        let message = format!("{MIXED}--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--\n");
        assert_eq!(leaves(&message), owned(&[("1.1", "text/plain", "one"), ("2", "text/plain", "two")]));
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let mut deep = String::new();
        for level in 0..30_000 {
            deep.push_str(&format!("Content-Type: multipart/mixed; boundary=b{level}\n\n--b{level}\n"));
        }
        let found = split(deep.as_bytes());
        assert!(found.too_deep && found.nodes.len() <= MAX_DEPTH + 2);
        let rfc822 = "Content-Type: message/rfc822\n\n".repeat(30_000);
        let found = split(rfc822.as_bytes());
        assert!(found.too_deep && found.nodes.len() <= MAX_DEPTH + 2);
        let many = format!("{MIXED}{}", "--b\n\nx\n".repeat(100_000));
        let found = split(many.as_bytes());
        assert!(found.too_many && found.nodes.len() == MAX_PARTS);
    }
}
