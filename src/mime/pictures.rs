//! The pictures that came with a message, in its page: where its HTML names them, the others below the text. Each is drawn once, and
//! all of them together have a bound.

use super::field;
use super::parts;
use super::picture::{self, Room};
use super::structure::{Kind, Structure};
use super::wrap::{DIM, Paragraph, text_width};
use crate::mail::page::{Line, Part};
use crate::mail::url::percent_decoded;

/// Pictures of one page.
const MAX_PICTURES: usize = 16;
/// Octets of pixels of one page, after which no further one is begun: seven photos of a telephone.
const MAX_DECODED: u64 = 256 * 1024 * 1024;

/// Draws the pictures of one message.
pub struct Pictures<'a> {
    structure: &'a Structure,
    bytes: &'a [u8],
    width: usize,
    /// Rows that each may take; 0: none is drawn.
    rows: u16,
    /// The numbers of the parts that were drawn.
    drawn: Vec<String>,
    decoded: u64,
}

impl<'a> Pictures<'a> {
    pub fn new(structure: &'a Structure, bytes: &'a [u8], width: usize, rows: u16) -> Self {
        Self { structure, bytes, width, rows, drawn: Vec::new(), decoded: 0 }
    }

    /// None is asked for.
    pub fn none(structure: &'a Structure) -> Self {
        Self::new(structure, &[], 0, 0)
    }

    /// The picture that HTML names by a `cid:` address (RFC 2392), within quotes of this level.
    pub fn named(&mut self, address: &str, quote: u8) -> Option<Vec<Line>> {
        if self.rows == 0 || self.drawn.len() >= MAX_PICTURES {
            return None;
        }
        let id =
            address.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("cid:")).and_then(|_| address.get(4..)).map(percent_decoded)?;
        let has_id = |header: &[u8]| {
            let found = field::fields(header).find(|field| field.is("Content-ID")).map(|field| field.value());
            found.is_some_and(|found| found.trim().trim_matches(['<', '>']) == id.trim())
        };
        let leaves = self.structure.nodes.iter().filter(|node| node.kind == Kind::Leaf);
        let number =
            leaves.filter(|node| self.bytes.get(node.header.clone()).is_some_and(has_id)).map(|node| node.number.clone()).next()?;
        let mut lines = Vec::new();
        if !self.drawn.contains(&number) {
            self.draw(&number, quote, &mut lines);
        }
        Some(lines)
    }

    /// The pictures among these parts that nothing named, each below its own name.
    pub fn others(&mut self, listed: &[Part], lines: &mut Vec<Line>) {
        if self.rows == 0 {
            return;
        }
        let left: Vec<&Part> = listed.iter().filter(|part| part.is_picture() && !self.drawn.contains(&part.number)).collect();
        let fit = MAX_PICTURES.saturating_sub(self.drawn.len());
        for part in left.iter().take(fit) {
            lines.push(Line::default());
            self.draw(&part.number, 0, lines);
        }
        if left.len() > fit {
            lines.push(Line::default());
            let text = format!("{} more pictures are not drawn here; o opens each of them.", left.len() - fit);
            Paragraph::of(&text, DIM).wrap(self.width, lines);
        }
    }

    /// Its name and size, and below them the picture; or why there is none.
    fn draw(&mut self, number: &str, quote: u8, lines: &mut Vec<Line>) {
        self.drawn.push(number.to_owned());
        let Some((part, octets)) = parts::decoded(self.structure, self.bytes, number) else { return };
        let name = part.name.unwrap_or(part.content_type);
        let columns = u16::try_from(text_width(self.width, quote)).unwrap_or(u16::MAX);
        let drawn = match self.decoded {
            MAX_DECODED.. => Err("the pictures before it were large".to_owned()),
            _ => picture::draw(&octets, Room { columns, rows: self.rows }),
        };
        let text = match &drawn {
            Ok(drawn) => format!("[{name}, {} {}×{}]", drawn.kind, drawn.size.0, drawn.size.1),
            Err(why) => format!("[{name} can't be drawn: {why}]"),
        };
        let mut label = Paragraph::new(quote);
        label.push(&text, DIM);
        label.wrap(self.width, lines);
        if let Ok(drawn) = drawn {
            self.decoded += drawn.cost;
            lines.extend(drawn.rows.into_iter().map(|halves| Line { halves, quote, ..Line::default() }));
        }
    }
}
