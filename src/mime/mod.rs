//! Bytes to values: headers to [`Envelope`], messages to [`Page`]. The one place that knows mail-parser and
//! html2text, with bounds before and repairs after them. Pure; the worker runs it on its blocking pool.
//!
//! mail-parser reads dates, address lists and rare charsets; [`structure`] splits messages itself, because
//! 0.11.9 loses text doing it. Start reading at [`page::render`].

use crate::mail::page::{Part, View};
use crate::mail::{Envelope, MessageId, Page};

mod addresses;
mod body;
mod charset;
mod envelope;
mod facts;
mod field;
mod html;
mod links;
mod page;
mod params;
mod parts;
mod plain;
mod source;
mod structure;
mod transfer;
mod wrap;

/// Bytes of a message's text that search sees.
const MAX_SEARCH_TEXT: usize = 256 * 1024;

/// Reads a header block (or some fields of one). Never fails: what can't be read is absent.
pub fn envelope(header: &[u8]) -> Envelope {
    envelope::summary(header).envelope
}

/// Renders a message for a view. `parts` is the server's structure where `whole` is false.
pub fn page(id: MessageId, bytes: &[u8], whole: bool, parts: &[Part], view: View) -> Page {
    page::render(id, bytes, whole, parts, view)
}

/// The text that search finds: the readable body as plain text, bounded.
pub fn search_text(bytes: &[u8]) -> String {
    page::search_text(bytes, MAX_SEARCH_TEXT)
}

/// The readable text for scripts, cleaned: paragraphs on one line, quotes marked with `>`, HTML at 80 columns.
pub fn text(bytes: &[u8]) -> String {
    page::text(bytes)
}

/// The first HTML part as its sender wrote it, decoded, without control characters.
pub fn html(bytes: &[u8]) -> Option<String> {
    page::html_source(bytes)
}

/// The leaf parts and enclosed messages in order, numbered as IMAP does.
pub fn parts(bytes: &[u8]) -> Vec<Part> {
    parts::list(&structure::split(bytes), bytes)
}

/// One part decoded (transfer encoding undone, charset left alone), with its description.
pub fn part(bytes: &[u8], number: &str) -> Option<(Part, Vec<u8>)> {
    parts::decoded(&structure::split(bytes), bytes, number)
}

/// Undoes the transfer encoding of a part that was fetched alone.
pub fn decode(raw_part: &[u8], encoding: &str) -> Vec<u8> {
    transfer::decode(raw_part, encoding)
}
