//! A message on paper: who wrote it to whom, when and about what, its text, the names of its files.

use std::fmt::Write as _;

use super::compose::{self, Sent};
use super::{envelope, page, parts, structure};
use crate::mail::{Address, DisplayText};

/// See [`super::printed`].
pub fn printed(bytes: &[u8]) -> String {
    let summary = envelope::summary(bytes);
    let (envelope, offset_minutes) = (summary.envelope, summary.offset);
    let people = |list: &[Address]| list.iter().map(Address::typed).collect::<Vec<_>>().join(", ");
    let fields = [
        ("From", people(&envelope.from)),
        ("To", people(&envelope.to)),
        ("Cc", people(&envelope.cc)),
        ("Date", envelope.date.map(|unix| compose::date(Sent { unix, offset_minutes })).unwrap_or_default()),
        ("Subject", envelope.subject),
    ];
    let mut out = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(out, "{name}: {}", DisplayText::new(value));
    }
    let _ = writeln!(out, "\n{}", page::text(bytes).trim_end());
    for part in parts::list(&structure::split(bytes), bytes).iter().filter(|part| part.is_attachment) {
        let name = part.name.as_deref().unwrap_or(&part.content_type);
        let _ = writeln!(out, "\n[{}, {} octets]", DisplayText::new(name), part.size);
    }
    out
}
