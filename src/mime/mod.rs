//! Bytes to values and back: headers to [`Envelope`], messages to [`Page`], a [`Draft`] to a message. The one place that
//! knows mail-parser, mail-builder, html2text and image, with bounds before and repairs after them. Pure; the worker runs it on
//! its blocking pool.
//!
//! mail-parser reads dates, address lists and rare charsets; [`structure`] splits messages itself, because
//! 0.11.9 loses text doing it. Start reading at [`page::render`], and for what goes out at [`compose()`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::mail::draft::ReplyTo;
use crate::mail::page::{Part, View};
use crate::mail::{Draft, Envelope, Identity, MessageId, Page};

pub use compose::ids::new_message_id;
pub use compose::{ComposeError, Composed, Purpose, Sent, compose};
pub use outgoing::{Outgoing, outgoing};
pub use sealed::{Protected, Sealed, is_encrypted, only_sender, protected, sealed, unwrapped};

mod addresses;
mod archive;
mod body;
mod card;
mod charset;
mod compose;
mod envelope;
mod facts;
mod field;
mod flowed;
mod html;
mod inner;
mod kept;
pub mod kind;
mod links;
mod list;
mod outgoing;
mod outside;
mod page;
mod params;
mod parts;
pub mod picture;
mod pictures;
mod plain;
mod printed;
mod redirect;
mod reply;
mod rtf;
mod sealed;
mod sender;
mod source;
mod structure;
mod tnef;
mod transfer;
mod uu;
mod verdict;
mod wrap;

pub use wrap::expand_tabs;

/// Bytes of a message's text that search sees.
const MAX_SEARCH_TEXT: usize = 256 * 1024;

/// Reads a header block (or some fields of one). Never fails: what can't be read is absent.
pub fn envelope(header: &[u8]) -> Envelope {
    envelope::summary(header).envelope
}

/// When a message arrived where it lies, by its newest Received field, else its Date; Unix seconds.
pub fn arrived(header: &[u8]) -> Option<i64> {
    envelope::arrived(header)
}

/// What a page depends on besides its message.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The server whose Authentication-Results are believed (`authserv_id` of the account).
    pub authserv_id: Option<String>,
    /// The reader's time zone.
    pub zone: jiff::tz::TimeZone,
    /// What its pictures that are elsewhere came to, once they were fetched.
    pub fetched: Arc<Fetched>,
}

/// Octets by address.
pub type Fetched = BTreeMap<String, Vec<u8>>;

impl Default for Setting {
    fn default() -> Self {
        Self { authserv_id: None, zone: jiff::tz::TimeZone::UTC, fetched: Arc::default() }
    }
}

/// Renders a message for a view. `parts` is the server's structure where `whole` is false.
pub fn page(id: MessageId, bytes: &[u8], whole: bool, parts: &[Part], view: View, setting: &Setting) -> Page {
    page::render(id, bytes, whole, parts, view, setting)
}

/// The text that search finds: the readable body as plain text, bounded.
pub fn search_text(bytes: &[u8]) -> String {
    page::search_text(bytes, MAX_SEARCH_TEXT)
}

/// The readable text for scripts, cleaned: paragraphs on one line, quotes marked with `>`, HTML at 80 columns.
pub fn text(bytes: &[u8]) -> String {
    page::text(bytes)
}

/// What is read of a message on paper: who wrote it to whom, when and about what, and its text.
pub fn printed(bytes: &[u8]) -> String {
    printed::printed(bytes)
}

/// The first HTML part as its sender wrote it, decoded, without control characters.
pub fn html(bytes: &[u8]) -> Option<String> {
    page::html_source(bytes)
}

/// The leaf parts and enclosed messages in order, numbered as IMAP does; files inside of a part as "2/1" behind it.
pub fn parts(bytes: &[u8]) -> Vec<Part> {
    parts::list(&structure::split(bytes), bytes)
}

/// One part decoded (transfer encoding undone, charset left alone), with its description.
pub fn part(bytes: &[u8], number: &str) -> Option<(Part, Vec<u8>)> {
    parts::decoded(&structure::split(bytes), bytes, number)
}

/// The lines that show what is in a file, where it is called an archive of a kind that is read here (ZIP, tar, compressed tar).
pub fn archive(name: &str, content_type: &str, bytes: &[u8]) -> Option<Vec<String>> {
    archive::listing(name, content_type, bytes)
}

/// Undoes the transfer encoding of a part that was fetched alone.
pub fn decode(raw_part: &[u8], encoding: &str) -> Vec<u8> {
    transfer::decode(raw_part, encoding)
}

/// A message of a Drafts mailbox, ours or of another program, as a draft with the bytes of its files in their order (their
/// `FileId` is 0 until they are stored). Ours come back as they were typed.
pub fn draft(bytes: &[u8]) -> (Draft, Vec<Vec<u8>>) {
    kept::read(bytes)
}

/// An empty draft of an identity, signed.
pub fn blank(me: Option<&Identity>) -> Draft {
    reply::blank(me)
}

/// An answer: recipients, subject, quoted text, references; as the identity that was written to, else the first. The Message-ID
/// is left empty. With [`ReplyTo::List`] and a message of no list, nobody is written to.
pub fn reply(original: &[u8], to: ReplyTo, me: &[Identity], now: Sent) -> Draft {
    reply::reply(original, to, me, now)
}

/// Messages passed on: in the text with their files, or (`whole`) as files themselves. The bytes are of the attachments, in
/// their order.
pub fn forward(originals: &[Vec<u8>], whole: bool, me: &[Identity], now: Sent) -> (Draft, Vec<Vec<u8>>) {
    reply::forward(originals, whole, me, now)
}
