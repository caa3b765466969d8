//! The pictures of a message in its page: where its HTML names them, the others that came with it below the text. Each is drawn once, and
//! all of them together have a bound. Of those that are elsewhere only the addresses are told.

use super::field;
use super::parts;
use super::picture::{self, Room};
use super::structure::{Kind, Structure};
use super::wrap::{DIM, Paragraph, text_width};
use crate::mail::page::{Line, Part};
use crate::mail::url::{begins, host, percent_decoded};
use crate::mime::Fetched;

/// Pictures of one page.
const MAX_PICTURES: usize = 16;
/// Addresses of parts that are looked for.
const MAX_SOUGHT: u32 = 1_000;
/// Octets of pixels of one page, after which no further one is begun: seven photos of a telephone.
const MAX_DECODED: u64 = 256 * 1024 * 1024;

/// A longer address is none.
const MAX_ADDRESS: usize = 2048;

/// Draws the pictures of one message.
pub struct Pictures<'a> {
    structure: &'a Structure,
    bytes: &'a [u8],
    width: usize,
    /// Rows that each may take; 0: none is drawn.
    rows: u16,
    fetched: &'a Fetched,
    remote: Vec<String>,
    /// The numbers of the parts that were drawn, and addresses.
    drawn: Vec<String>,
    decoded: u64,
    sought: u32,
}

impl<'a> Pictures<'a> {
    pub fn new(structure: &'a Structure, bytes: &'a [u8], width: usize, rows: u16, fetched: &'a Fetched) -> Self {
        Self { structure, bytes, width, rows, fetched, remote: Vec::new(), drawn: Vec::new(), decoded: 0, sought: 0 }
    }

    /// None is asked for.
    pub fn none(structure: &'a Structure) -> Self {
        const NOTHING: &Fetched = &Fetched::new();
        Self::new(structure, &[], 0, 0, NOTHING)
    }

    /// Addresses of pictures that are elsewhere and were not fetched.
    pub fn into_remote(self) -> Vec<String> {
        self.remote
    }

    /// A picture that HTML names by a `cid:` address (RFC 2392) or that was fetched, within quotes of this level.
    pub fn named(&mut self, address: &str, quote: u8) -> Option<Vec<Line>> {
        let mut lines = Vec::new();
        if let Some(url) = secure(address) {
            match self.fetched.get(&url) {
                Some(octets) if self.is_next(&url) => self.draw(&url, &host(&url), octets, quote, &mut lines),
                Some(_) => {}
                None if self.remote.len() < MAX_PICTURES && !self.remote.contains(&url) => self.remote.push(url),
                None => {}
            }
        } else if let Some(number) = self.part_of(address)
            && self.is_next(&number)
        {
            self.draw_part(&number, quote, &mut lines);
        }
        (!lines.is_empty()).then_some(lines)
    }

    /// Whether a picture that is elsewhere was fetched.
    pub fn is_here(&self, address: &str) -> bool {
        secure(address).is_some_and(|url| self.fetched.contains_key(&url))
    }

    /// It is to be drawn, and was not yet.
    fn is_next(&self, key: &String) -> bool {
        self.rows > 0 && self.drawn.len() < MAX_PICTURES && !self.drawn.contains(key)
    }

    /// The number of the part with this `cid:` address; only so many are looked for, for each goes through all parts.
    fn part_of(&mut self, address: &str) -> Option<String> {
        self.sought += 1;
        if self.sought > MAX_SOUGHT {
            return None;
        }
        let id = address.get(4..).filter(|_| self.rows > 0 && begins(address, "cid:")).map(percent_decoded)?;
        let has_id = |header: &[u8]| {
            let found = field::fields(header).find(|field| field.is("Content-ID")).map(|field| field.value());
            found.is_some_and(|found| found.trim().trim_matches(['<', '>']) == id.trim())
        };
        let mut leaves = self.structure.nodes.iter().filter(|node| node.kind == Kind::Leaf);
        leaves.find(|node| self.bytes.get(node.header.clone()).is_some_and(has_id)).map(|node| node.number.clone())
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
            self.draw_part(&part.number, 0, lines);
        }
        if left.len() > fit {
            lines.push(Line::default());
            let text = format!("{} more pictures are not drawn here; o opens each of them.", left.len() - fit);
            Paragraph::of(&text, DIM).wrap(self.width, lines);
        }
    }

    fn draw_part(&mut self, number: &str, quote: u8, lines: &mut Vec<Line>) {
        if let Some((part, octets)) = parts::decoded(self.structure, self.bytes, number) {
            self.draw(number, &part.name.unwrap_or(part.content_type), &octets, quote, lines);
        }
    }

    /// Its name and size, and below them the picture; or why there is none.
    fn draw(&mut self, key: &str, name: &str, octets: &[u8], quote: u8, lines: &mut Vec<Line>) {
        self.drawn.push(key.to_owned());
        let columns = u16::try_from(text_width(self.width, quote)).unwrap_or(u16::MAX);
        let drawn = match self.decoded {
            MAX_DECODED.. => Err("the pictures before it were large".to_owned()),
            _ => picture::draw(octets, Room { columns, rows: self.rows }),
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

/// Where a picture is that may be asked for; free of blanks and controls.
fn secure(address: &str) -> Option<String> {
    let url = if address.starts_with("//") { format!("https:{address}") } else { address.to_owned() };
    (begins(&url, "https://") && url.len() <= MAX_ADDRESS && url.bytes().all(|byte| (0x21..0x7f).contains(&byte))).then_some(url)
}
