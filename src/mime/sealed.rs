//! Which messages are signed or encrypted, and what of them is: OpenPGP (RFC 3156, and inline), S/MIME (RFC 8551). Only shapes in which
//! the sealed part is all that the page shows are taken; of every other it is said that a part is sealed and was not looked at.
//! Runs nothing; start at [`sealed`].

use super::field;
use super::parts;
use super::structure::{self, Kind, Node, Structure};
use super::{charset, envelope, transfer};
use crate::mail::Address;
use crate::mail::seal::Scheme;

/// Octets of a text in which an inline block is looked for.
const MAX_INLINE: usize = 4 * 1024 * 1024;
/// Octets before a content type's identifier in CMS: a sequence's tag and length.
const CMS_HEAD: usize = 16;
/// How every block of OpenPGP in a text begins.
const ARMOR: &str = "-----BEGIN PGP ";
const SIGNED_TEXT: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNED_TEXT_END: &str = "-----END PGP SIGNATURE-----";
const SECRET_TEXT: &str = "-----BEGIN PGP MESSAGE-----";
const SECRET_TEXT_END: &str = "-----END PGP MESSAGE-----";

/// How the whole body of a message is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// The text, with its line ends as they were signed, and the signature beside it.
    Signed {
        scheme: Scheme,
        signed: Vec<u8>,
        signature: Vec<u8>,
    },
    /// The signature is around the text. `is_text`: a text and no MIME part is inside.
    Wrapped {
        scheme: Scheme,
        bytes: Vec<u8>,
        is_text: bool,
    },
    Encrypted {
        scheme: Scheme,
        bytes: Vec<u8>,
        is_text: bool,
    },
    /// Not the whole body, or not as a standard has it: why nothing is proven or opened.
    Unfit {
        why: String,
        is_encrypted: bool,
    },
}

impl Sealed {
    /// Whether opening it would bring something to light that is secret on the disk and on the server.
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted { .. } | Self::Unfit { is_encrypted: true, .. })
    }
}

/// What a sealed part says of the message in its own header (RFC 9788 and its draft).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    pub subject: Option<String>,
    /// Where the header outside says otherwise, in words.
    pub warnings: Vec<String>,
}

/// See [`Sealed`]; None for a message without any.
pub fn sealed(message: &[u8]) -> Option<Sealed> {
    let structure = structure::split(message);
    let root = structure.nodes.first()?;
    match (root.content_type.value.as_str(), root.kind) {
        ("multipart/signed", Kind::Multipart) => Some(signed(&structure, message)),
        ("multipart/encrypted", Kind::Multipart) => Some(encrypted(&structure, message)),
        (_, Kind::Leaf) if is_cms(root) => cms(root, message),
        ("text/plain", Kind::Leaf) => inline(root, message),
        _ => partly(&structure, message),
    }
}

/// See [`Sealed::is_encrypted`].
pub fn is_encrypted(message: &[u8]) -> bool {
    sealed(message).is_some_and(|shape| shape.is_encrypted())
}

/// The sender, where the header names one and only one.
pub fn only_sender(message: &[u8]) -> Option<Address> {
    let summary = envelope::summary(message);
    let mut from = summary.envelope.from.into_iter();
    from.next().filter(|_| from.next().is_none() && summary.other_from.is_empty())
}

/// RFC 1847 2.1: two parts, the second the signature of the first.
fn signed(structure: &Structure, message: &[u8]) -> Sealed {
    let unfit = |why: &str| Sealed::Unfit { why: format!("signed, but {why}: the signature is not checked"), is_encrypted: false };
    let children = children(structure);
    let [text, signature] = children.as_slice() else { return unfit("not made of one text and one signature") };
    let scheme = match signature.content_type.value.as_str() {
        "application/pgp-signature" => Scheme::OpenPgp,
        "application/pkcs7-signature" | "application/x-pkcs7-signature" => Scheme::Smime,
        _ => return unfit("with a kind of signature that is not known"),
    };
    if signature.kind != Kind::Leaf || is_inside(structure, text, is_secret_part) {
        return unfit("what is signed is an encrypted text");
    }
    let signed = message.get(text.header.start..before_boundary(message, signature.header.start)).unwrap_or_default();
    Sealed::Signed { scheme, signed: with_crlf(signed), signature: transfer::decode(parts::raw(signature, message), &signature.encoding) }
}

/// RFC 3156 4: two parts, the first says which version, the second is the message.
fn encrypted(structure: &Structure, message: &[u8]) -> Sealed {
    let children = children(structure);
    match children.as_slice() {
        [version, secret] if version.content_type.value == "application/pgp-encrypted" && secret.kind == Kind::Leaf => {
            let bytes = transfer::decode(parts::raw(secret, message), &secret.encoding);
            Sealed::Encrypted { scheme: Scheme::OpenPgp, bytes, is_text: false }
        }
        _ => Sealed::Unfit { why: "encrypted, but not as the standard has it: it is not opened".to_owned(), is_encrypted: true },
    }
}

fn is_cms(node: &Node) -> bool {
    let is_named = || node.name.as_deref().is_some_and(|name| name.to_ascii_lowercase().ends_with(".p7m"));
    match node.content_type.value.as_str() {
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => true,
        "application/octet-stream" => is_named(),
        _ => false,
    }
}

/// What it is it says itself (RFC 5652 3): the parameter `smime-type` may lie.
fn cms(node: &Node, message: &[u8]) -> Option<Sealed> {
    const SIGNED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
    const ENVELOPED_DATA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03";
    const AUTH_ENVELOPED_DATA: &[u8] = b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17";
    let bytes = transfer::decode(parts::raw(node, message), &node.encoding);
    let head = bytes.get(..(CMS_HEAD + AUTH_ENVELOPED_DATA.len()).min(bytes.len())).unwrap_or_default();
    let is = |kind: &[u8]| head.windows(kind.len()).any(|window| window == kind);
    let scheme = Scheme::Smime;
    if is(ENVELOPED_DATA) || is(AUTH_ENVELOPED_DATA) {
        Some(Sealed::Encrypted { scheme, bytes, is_text: false })
    } else if is(SIGNED_DATA) && node.content_type.param("smime-type") != Some("certs-only") {
        Some(Sealed::Wrapped { scheme, bytes, is_text: false })
    } else {
        None
    }
}

/// A text that is one block and nothing else; blanks around it aside.
fn inline(node: &Node, message: &[u8]) -> Option<Sealed> {
    let raw = parts::raw(node, message);
    let bytes = transfer::decode_text(raw.get(..MAX_INLINE).unwrap_or(raw), &node.encoding);
    let text = String::from_utf8_lossy(&bytes);
    // nearly every text
    if !text.contains(ARMOR) {
        return None;
    }
    let text = text.trim();
    let count = |mark: &str| text.lines().filter(|line| line.trim_end() == mark).count();
    let (clear, secret) = (count(SIGNED_TEXT), count(SECRET_TEXT));
    let is_one = |start: &str, end: &str| text.starts_with(start) && text.ends_with(end) && count(end) == 1;
    let scheme = Scheme::OpenPgp;
    match (clear, secret) {
        (0, 0) => None,
        (1, 0) if is_one(SIGNED_TEXT, SIGNED_TEXT_END) => Some(Sealed::Wrapped { scheme, bytes, is_text: true }),
        (0, 1) if is_one(SECRET_TEXT, SECRET_TEXT_END) => Some(Sealed::Encrypted { scheme, bytes, is_text: true }),
        (_, secret) => Some(only_a_part(node, secret > 0)),
    }
}

/// A sealed part beside others, or within an enclosed message.
fn partly(structure: &Structure, message: &[u8]) -> Option<Sealed> {
    for node in &structure.nodes {
        let is_secret = is_secret_part(node);
        if is_secret || node.content_type.value == "multipart/signed" && node.kind == Kind::Multipart {
            return Some(only_a_part(node, is_secret));
        }
        if node.kind == Kind::Leaf && is_cms(node) {
            return Some(only_a_part(node, cms(node, message).is_some_and(|shape| shape.is_encrypted())));
        }
        if node.content_type.value == "text/plain"
            && node.kind == Kind::Leaf
            && let Some(shape) = inline(node, message)
        {
            return Some(only_a_part(node, shape.is_encrypted()));
        }
    }
    None
}

fn only_a_part(node: &Node, is_encrypted: bool) -> Sealed {
    let number = if node.number.is_empty() { "1" } else { &node.number };
    let why = if is_encrypted {
        format!("only a part of this message is encrypted (in part {number}): it is not opened beside other text")
    } else {
        format!("only a part of this message is signed (in part {number}): the signature is not checked, nothing is proven")
    };
    Sealed::Unfit { why, is_encrypted }
}

fn is_secret_part(node: &Node) -> bool {
    matches!(node.content_type.value.as_str(), "multipart/encrypted" | "application/pgp-encrypted")
}

fn children(structure: &Structure) -> Vec<&Node> {
    structure.nodes.iter().filter(|node| node.parent == Some(0)).collect()
}

/// Whether this or something in it is of that kind.
fn is_inside(structure: &Structure, part: &Node, is_kind: impl Fn(&Node) -> bool) -> bool {
    let range = part.header.start..part.body.end;
    structure.nodes.iter().filter(|node| range.contains(&node.header.start)).any(is_kind)
}

/// Where the line end begins that belongs to the boundary line (RFC 1847 2.1) right before `at`.
fn before_boundary(message: &[u8], at: usize) -> usize {
    let line_end = |upto: usize| message.get(..upto).and_then(|head| head.iter().rposition(|byte| *byte == b'\n'));
    let Some(end) = at.checked_sub(1).and_then(line_end) else { return 0 };
    if message.get(..end).is_some_and(|head| head.ends_with(b"\r")) { end - 1 } else { end }
}

/// Line ends as they are signed (RFC 3156 5); stores and servers change them.
fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) if !text.ends_with(b"\r") => {
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            _ => out.extend_from_slice(line),
        }
    }
    out
}

/// The message as if what was in the seal had never been in one: the header outside without what it says of the content, and the part.
pub fn unwrapped(message: &[u8], inside: &[u8], is_text: bool) -> Vec<u8> {
    let header = message.get(..field::header_end(message)).unwrap_or_default();
    let is_content = |name: &[u8]| name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-"));
    let mut out = Vec::with_capacity(header.len() + inside.len() + 100);
    let mut push = |block: &[u8]| {
        out.extend_from_slice(block.trim_ascii_end());
        out.extend_from_slice(b"\r\n");
    };
    for block in field::blocks(header) {
        if field::split_field(block).is_some_and(|field| !is_content(field.name)) {
            push(block);
        }
    }
    if is_text {
        let root = structure::split(message).nodes.into_iter().next();
        let label = root.and_then(|root| root.content_type.param("charset").map(str::to_owned)).unwrap_or_default();
        let label = if label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) { label } else { String::new() };
        // what is inside of armor is UTF-8 (RFC 9580 6.2.2.2), whatever the armor is called
        let label = if label.is_empty() || label.eq_ignore_ascii_case("us-ascii") || std::str::from_utf8(inside).is_ok() {
            "utf-8".into()
        } else {
            label
        };
        push(format!("Content-Type: text/plain; charset={label}").as_bytes());
        push(b"Content-Transfer-Encoding: 8bit");
        push(b"");
        out.extend_from_slice(inside);
        return out;
    }
    let (inner, body) = inside.split_at(field::header_end(inside));
    for block in field::blocks(inner) {
        if field::split_field(block).is_some_and(|field| is_content(field.name)) {
            push(block);
        }
    }
    push(b"");
    out.extend_from_slice(body);
    out
}

/// What the header of a sealed part says, where it says that it speaks for the message.
pub fn protected(message: &[u8], inside: &[u8]) -> Protected {
    let Some(root) = structure::split(inside).nodes.into_iter().next() else { return Protected::default() };
    let param = |name: &str| root.content_type.param(name).map(str::to_ascii_lowercase);
    let speaks = param("protected-headers").as_deref() == Some("v1") || matches!(param("hp").as_deref(), Some("clear" | "cipher"));
    if !speaks {
        return Protected::default();
    }
    let (outer, inner) = (envelope::summary(message), envelope::summary(inside));
    let (outer, inner) = (outer.envelope, inner.envelope);
    let mut warnings = Vec::new();
    let list = |addresses: &[Address]| {
        let mut list: Vec<String> = addresses.iter().map(|one| one.address.to_lowercase()).collect();
        list.sort();
        list
    };
    for (name, outside, within) in
        [("sender", &outer.from, &inner.from), ("recipient", &outer.to, &inner.to), ("copy", &outer.cc, &inner.cc)]
    {
        if !within.is_empty() && list(outside) != list(within) {
            warnings.push(format!("in what is sealed another {name} is named: {}", list(within).join(", ")));
        }
    }
    let subject = Some(inner.subject.clone()).filter(|subject| !subject.trim().is_empty());
    let is_obscured = told_outside(inside).is_some_and(|told| told == outer.subject) || OBSCURED.contains(&outer.subject.trim());
    if subject.as_ref().is_some_and(|subject| subject.trim() != outer.subject.trim()) && !is_obscured {
        warnings.push(format!("outside of what is sealed the subject is another: “{}”", charset::guess(outer.subject.as_bytes())));
    }
    Protected { subject, warnings }
}

/// What stands in the place of a subject that was hidden.
const OBSCURED: [&str; 6] = ["...", "[...]", "…", "Encrypted Message", "Encrypted message", "encrypted message"];

/// The subject that the sender put outside on purpose (RFC 9788, HP-Outer).
fn told_outside(inside: &[u8]) -> Option<String> {
    let header = inside.get(..field::header_end(inside))?;
    let told = field::fields(header).filter(|field| field.is("hp-outer")).map(|field| field.text());
    told.filter_map(|value| {
        let (name, value) = value.split_once(':')?;
        name.trim().eq_ignore_ascii_case("subject").then(|| value.trim().to_owned())
    })
    .next()
}

#[cfg(test)]
mod tests;
