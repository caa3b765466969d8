//! Invitations (iCalendar, RFC 5545 and 5546) and contacts (vCard, RFC 6350) as a few rows above and below a message's text. Bounded and
//! forgiving; what it does not understand it leaves out, the part stays a file. Answering is not here.

mod calendar;
mod contact;
mod when;

use super::body;
use super::parts::is_marked_attachment;
use super::structure::{Kind, Structure};
use super::wrap::{DIM, Paragraph};
use crate::mail::page::{Line, Meaning};
use jiff::tz::TimeZone;

/// Cards of one message that are shown.
const MAX_CARDS: usize = 5;
/// Characters of one row.
const MAX_ROW: usize = 300;

/// A card: its title and its rows of a label and a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Card {
    pub title: String,
    pub rows: Vec<(&'static str, String)>,
}

/// The cards of a message's invitations; the same event in two parts is one.
pub fn invitations(structure: &Structure, bytes: &[u8], zone: &TimeZone) -> Vec<Card> {
    let mut found = Vec::new();
    for text in texts(structure, bytes, &["text/calendar", "application/ics"]) {
        for card in calendar::cards(&text, zone) {
            if found.len() < MAX_CARDS && !found.contains(&card) {
                found.push(card);
            }
        }
    }
    found
}

/// The cards of a message's contacts.
pub fn contacts(structure: &Structure, bytes: &[u8]) -> Vec<Card> {
    let texts = texts(structure, bytes, &["text/vcard", "text/x-vcard", "text/directory"]);
    texts.flat_map(|text| contact::cards(&text)).take(MAX_CARDS).collect()
}

fn texts<'a>(structure: &'a Structure, bytes: &'a [u8], types: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let is_one = |content_type: &str| types.contains(&content_type);
    let found = structure.nodes.iter().filter(move |node| node.kind == Kind::Leaf && is_one(&node.content_type.value));
    // the one meant to be read stands before the copy that is meant to be saved
    let (inline, attached): (Vec<_>, Vec<_>) = found.partition(|node| !is_marked_attachment(node));
    inline.into_iter().chain(attached).take(MAX_CARDS * 2).map(|node| body::decode(node, bytes).text)
}

/// Appends the lines of a card.
pub fn draw(card: &Card, width: usize, out: &mut Vec<Line>) {
    Paragraph::of(&format!("── {} ──", card.title), DIM).wrap(width, out);
    let room = card.rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    for (label, text) in &card.rows {
        let mut paragraph = Paragraph::of(&format!("{label:room$}  "), DIM);
        let text: String = text.chars().take(MAX_ROW).collect();
        paragraph.push(&text, Meaning { strong: *label == "What" || *label == "Name", ..Meaning::default() });
        paragraph.wrap(width, out);
    }
    out.push(Line::default());
}

/// A line of either format: name in upper case, parameters, value as written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Property {
    name: String,
    params: Vec<(String, String)>,
    value: String,
}

impl Property {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value with its escapes undone, on one line.
    fn text(&self) -> String {
        let mut out = String::with_capacity(self.value.len());
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('n' | 'N') => out.push(' '),
                    Some(other) => out.push(other),
                    None => {}
                },
                c => out.push(c),
            }
        }
        out.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// Lines of one text that are read, and characters of one.
const MAX_LINES: usize = 20_000;
const MAX_LINE: usize = 20_000;

/// The properties of a text, folds undone.
fn properties(text: &str) -> impl Iterator<Item = Property> + '_ {
    let mut lines = text.lines().take(MAX_LINES).peekable();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_owned();
        while let Some(more) = lines.peek().and_then(|next| next.strip_prefix([' ', '\t'])) {
            if line.len() < MAX_LINE {
                line.push_str(more);
            }
            lines.next();
        }
        Some(property(&line).unwrap_or_default())
    })
    .filter(|property| !property.name.is_empty())
}

/// `NAME;PARAM=value;PARAM="a:b":value`.
fn property(line: &str) -> Option<Property> {
    let mut quoted = false;
    let mut cuts = Vec::new();
    let colon = line.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        if c == ';' && !quoted {
            cuts.push(at);
        }
        (c == ':' && !quoted).then_some(at)
    })?;
    let mut pieces = Vec::new();
    let mut from = 0;
    for cut in cuts.into_iter().chain([colon]) {
        pieces.push(line.get(from..cut)?);
        from = cut + 1;
    }
    let mut pieces = pieces.into_iter();
    // "item1.EMAIL"
    let name = pieces.next()?.rsplit('.').next()?.trim().to_ascii_uppercase();
    let params = pieces.map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or(("TYPE", piece));
        (name.trim().to_ascii_uppercase(), value.trim().trim_matches('"').to_owned())
    });
    Some(Property { name, params: params.collect(), value: line.get(colon + 1..)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_they_come() {
        let found: Vec<Property> = properties("A;b=\"x:y;z\";C=d:va\r\n lue\\, two\\nthree\r\njunk\r\nitem1.E:\r\n").collect();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].param("B"), found[0].param("C")), ("A", Some("x:y;z"), Some("d")));
        assert_eq!(found[0].text(), "value, two three");
        assert_eq!(found[1].name, "E");
    }
}
