//! A message inside a message. It may not be encoded as a whole (RFC 2046 5.2.1), so where it has 8-bit text its single parts
//! are encoded instead, as a server would do on the way (RFC 6152 3). What that would damage (something signed, 8-bit header
//! lines, parts that are not plainly parted) is left to the caller to send as a file.

use super::Purpose;
use super::body::{base64_lines, is_seven_bit};
use crate::mime::field;
use crate::mime::outgoing::with_crlf;
use crate::mime::structure::{self, Kind, Node};

/// The message as it can travel in 7 bits; None where it can't without damage. A kept draft has it exactly or not at all.
pub fn transportable(message: &[u8], purpose: Purpose) -> Option<Vec<u8>> {
    if is_seven_bit(message) {
        return Some(message.to_vec());
    }
    if purpose == Purpose::Keep {
        return None;
    }
    let lines = with_crlf(message);
    if is_seven_bit(&lines) {
        return Some(lines);
    }
    encode_parts(&lines).filter(|encoded| is_seven_bit(encoded))
}

fn encode_parts(message: &[u8]) -> Option<Vec<u8>> {
    let found = structure::split(message);
    let has_header = field::fields(message.get(..field::header_end(message))?).next().is_some();
    let is_sealed = |node: &Node| matches!(node.content_type.value.as_str(), "multipart/signed" | "multipart/encrypted");
    if !has_header || found.too_deep || found.too_many || found.unclosed || found.nodes.iter().any(is_sealed) {
        return None;
    }
    let mut out = Vec::with_capacity(message.len() * 4 / 3);
    let mut at = 0;
    // nodes stand in the order of the message, so that the ranges only go forward
    for node in &found.nodes {
        let header = message.get(node.header.clone())?;
        let body = message.get(node.body.clone())?;
        let wants = match node.kind {
            Kind::Leaf if !is_seven_bit(body) => "base64",
            Kind::Leaf => continue,
            Kind::Multipart | Kind::Message => "7bit",
        };
        if wants == "base64" && matches!(node.encoding.as_str(), "base64" | "quoted-printable") {
            return None;
        }
        if wants == "7bit" && !matches!(node.encoding.as_str(), "8bit" | "binary") {
            continue;
        }
        out.extend_from_slice(message.get(at..node.header.start)?);
        out.extend_from_slice(&relabelled(header, wants));
        at = node.header.end;
        if wants == "base64" {
            out.extend_from_slice(base64_lines(body).trim_ascii_end());
            at = node.body.end;
        }
    }
    out.extend_from_slice(message.get(at..)?);
    Some(out)
}

/// A part's header with another Content-Transfer-Encoding.
fn relabelled(header: &[u8], encoding: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len() + 40);
    for block in field::blocks(header) {
        let is_label = field::split_field(block).is_some_and(|field| field.is("Content-Transfer-Encoding"));
        if !is_label && !block.trim_ascii().is_empty() {
            out.extend_from_slice(block);
        }
    }
    out.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
    out
}
