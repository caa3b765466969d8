//! Who writes: short names in the texts, whole mailboxes in the mail.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, UTF_8};

/// Short name, display name, address, hours east of UTC where they are not in the reader's own zone.
pub const PEOPLE: &[(&str, &str, &str, Option<i8>)] = &[
    ("me", "Robin Quill", "robin@harbor.example", None),
    ("robin", "Robin Quill", "robin@quill.example", None),
    ("team", "Harbor team", "team@harbor.example", None),
    ("priya", "Priya Raman", "priya@harbor.example", None),
    ("noor", "Noor Haddad", "noor@harbor.example", None),
    ("ada", "Ada Fairweather", "ada@harbor.example", None),
    ("bertil", "Bertil Öström", "bertil@ostrom.example", None),
    ("chen", "Chen Wei 陈伟", "chen.wei@harbor.example", Some(8)),
    ("elodie", "Élodie Marchand", "elodie@marchand.example", Some(1)),
    ("robot", "Build Robot", "robot@forge.harbor.example", None),
    ("ilse", "Ilse Vandermeer", "ilse@polder.example", Some(1)),
    ("okoro", "Emeka Okoro", "okoro@strand.example", Some(1)),
    ("rust", "rust-users", "rust-users@lists.crates.example", None),
    ("mika", "Mika Laine", "mika@majakka.example", Some(2)),
    ("sana", "Sana Iqbal", "sana@iqbal.example", Some(5)),
    ("viktor", "Viktor Halász", "viktor@halasz.example", Some(1)),
    ("paloma", "Paloma Reyes", "paloma@reyes.example", Some(-6)),
    ("greta", "Greta Lindqvist", "greta@lindqvist.example", Some(1)),
    ("jun", "Jun", "jun@upstairs.example", None),
    ("ines", "Inês Duarte", "ines@duarte.example", None),
];

/// An address list of the texts as a header value.
pub fn addresses(list: &str, charset: &'static Encoding) -> String {
    list.split(", ").map(|one| address(one, charset)).collect::<Vec<_>>().join(", ")
}

fn address(text: &str, charset: &'static Encoding) -> String {
    if let Some((_, name, address, _)) = PEOPLE.iter().find(|(short, ..)| *short == text) {
        return format!("{} <{address}>", phrase(name, charset));
    }
    match text.split_once(" <") {
        Some((name, address)) => format!("{} <{address}", phrase(name, charset)),
        None => text.to_owned(),
    }
}

/// The address alone.
pub fn addr_spec(text: &str) -> &str {
    let known = PEOPLE.iter().find(|(short, ..)| *short == text).map(|(_, _, address, _)| *address);
    known.unwrap_or_else(|| text.rsplit_once('<').map_or(text, |(_, address)| address.trim_end_matches('>')))
}

/// A display name, quoted or encoded where it must be (RFC 5322 3.2.5, RFC 2047 5).
fn phrase(name: &str, charset: &'static Encoding) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || " '-_".contains(c));
    match (is_plain || name.starts_with('"'), name.is_ascii()) {
        (true, true) => name.to_owned(),
        (false, true) => format!("\"{name}\""),
        _ => encoded(name, charset),
    }
}

/// Unstructured text; encoded words of at most 75 characters where it is not ASCII (RFC 2047 2).
pub fn encoded(text: &str, charset: &'static Encoding) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let most = if charset == UTF_8 { 39 } else { 30 };
    let mut words: Vec<String> = vec![String::new()];
    for c in text.chars() {
        if let Some(word) = words.last_mut() {
            if word.len() + c.len_utf8() <= most {
                word.push(c);
            } else {
                words.push(c.to_string());
            }
        }
    }
    let word = |word: &String| format!("=?{}?B?{}?=", charset.name(), STANDARD.encode(charset.encode(word).0));
    words.iter().map(word).collect::<Vec<_>>().join("\n ")
}
