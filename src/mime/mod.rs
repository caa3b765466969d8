//! Bytes to values: headers to [`Envelope`], messages to [`Page`]. The one place that knows mail-parser and
//! html2text, with bounds before and repairs after them. Pure; the worker runs it on its blocking pool.

use crate::mail::page::{Part, View};
use crate::mail::{Envelope, MessageId, Page};

mod addresses;
mod charset;
mod envelope;
mod field;
mod links;
mod params;
mod plain;
mod structure;
mod transfer;
mod wrap;

/// Reads a header block (or some fields of one). Never fails: what can't be read is absent.
pub fn envelope(header: &[u8]) -> Envelope {
    envelope::summary(header).envelope
}

/// Renders a message for a view. `parts` is the server's structure where `whole` is false.
pub fn page(_id: MessageId, _bytes: &[u8], _whole: bool, _parts: &[Part], _view: View) -> Page {
    todo!("mime")
}

/// The text that search finds: the readable body as plain text, bounded.
pub fn search_text(_bytes: &[u8]) -> String {
    todo!("mime")
}

/// The leaf parts in order, numbered as IMAP does.
pub fn parts(_bytes: &[u8]) -> Vec<Part> {
    todo!("mime")
}

/// One part decoded (transfer encoding undone, charset left alone), with its description.
pub fn part(_bytes: &[u8], _number: &str) -> Option<(Part, Vec<u8>)> {
    todo!("mime")
}

/// Undoes the transfer encoding of a part that was fetched alone.
pub fn decode(raw_part: &[u8], encoding: &str) -> Vec<u8> {
    transfer::decode(raw_part, encoding)
}
