//! The people of a vCard text as cards.

use super::{Card, Property, properties};
use crate::mime::{charset, transfer};

/// People of one text that are shown, and rows of one.
const MAX_PEOPLE: usize = 3;
const MAX_ROWS: usize = 8;

/// The cards of the first people.
pub fn cards(text: &str) -> Vec<Card> {
    let mut found: Vec<Card> = Vec::new();
    for property in properties(text) {
        if property.name == "BEGIN" && property.value.trim().eq_ignore_ascii_case("VCARD") {
            if found.len() >= MAX_PEOPLE {
                break;
            }
            found.push(Card { title: "Contact".to_owned(), rows: Vec::new() });
        }
        let Some(card) = found.last_mut() else { continue };
        let label = match property.name.as_str() {
            "FN" => "Name",
            "ORG" => "Of",
            "TITLE" => "Title",
            "EMAIL" => "Mail",
            "TEL" => "Phone",
            "URL" => "Web",
            _ => continue,
        };
        let text = value(&property);
        if card.rows.len() < MAX_ROWS && !text.is_empty() {
            card.rows.push((label, text));
        }
    }
    found.retain(|card| !card.rows.is_empty());
    found
}

/// Version 2.1 writes what is not ASCII in quoted-printable; parts of a name are parted by semicolons.
fn value(property: &Property) -> String {
    let is_quoted = property.params.iter().any(|(_, value)| value.eq_ignore_ascii_case("quoted-printable"));
    let text = if is_quoted {
        let bytes = transfer::quoted_printable(property.value.as_bytes());
        let decoded = charset::decode(&bytes, property.param("CHARSET")).text.into_owned();
        Property { value: decoded, ..Property::default() }.text()
    } else {
        property.text()
    };
    let text = text.strip_prefix("tel:").unwrap_or(&text).trim_matches(';').replace(';', ", ");
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_in_rows() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:L;Ada\r\nFN:Ada\\, L\r\nORG:Engines;North\r\nitem1.EMAIL;TYPE=work:ada@x.example\r\n\
                    TEL;VALUE=uri:tel:+44 1\r\nFN;CHARSET=utf-8;ENCODING=QUOTED-PRINTABLE:J=C3=BC\r\nPHOTO:AAAA\r\nEND:VCARD\r\n";
        let found = cards(text);
        let expect = [("Name", "Ada, L"), ("Of", "Engines, North"), ("Mail", "ada@x.example"), ("Phone", "+44 1"), ("Name", "Jü")];
        assert_eq!(found[0].rows, expect.map(|(label, text)| (label, text.to_owned())));
        assert!(cards("BEGIN:VCARD\r\nEND:VCARD\r\n").is_empty() && cards("").is_empty());
        assert_eq!(cards(&"BEGIN:VCARD\r\nFN:x\r\n".repeat(10_000)).len(), MAX_PEOPLE);
    }
}
