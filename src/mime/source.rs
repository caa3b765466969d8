//! A message as it was sent: all header lines, and the raw source. Cleaned and bounded like everything else.

use super::charset;
use super::field;
use super::wrap::{self, Paragraph};
use crate::mail::page::{Line, Meaning};

/// Bytes of the source that are shown.
const MAX_SOURCE: usize = 1024 * 1024;
/// Characters of one header line that are shown.
const MAX_VALUE: usize = 16 * 1024;
/// Bytes of all header lines that are shown.
const MAX_HEADERS: usize = 256 * 1024;

/// Appends the raw source; true if it was cut.
pub fn source(bytes: &[u8], width: usize, out: &mut Vec<Line>) -> bool {
    let shown = bytes.get(..MAX_SOURCE).unwrap_or(bytes);
    for line in charset::guess(shown).split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut paragraph = Paragraph::of(&wrap::expand_tabs(line), Meaning { code: true, ..Meaning::default() });
        paragraph.preformatted = true;
        paragraph.wrap(width, out);
    }
    bytes.len() > shown.len()
}

/// Appends all header lines, decoded; true if some were left out.
pub fn headers(bytes: &[u8], width: usize, out: &mut Vec<Line>) -> bool {
    let header = bytes.get(..field::header_end(bytes)).unwrap_or_default();
    let mut total = 0;
    for found in field::fields(header) {
        let value: String = found.text().chars().take(MAX_VALUE).collect();
        total += value.len();
        if total > MAX_HEADERS {
            return true;
        }
        let mut paragraph = Paragraph::new(0);
        paragraph.push(&String::from_utf8_lossy(found.name), Meaning { strong: true, ..Meaning::default() });
        paragraph.push(": ", Meaning { strong: true, ..Meaning::default() });
        paragraph.push(&wrap::expand_tabs(&value), Meaning::default());
        paragraph.wrap(width, out);
    }
    false
}
