//! mail-parser's reading of a message beside ours. It is no judge (its faults are in `faults.rs`), but what it reads otherwise
//! is looked at; docs/reading.md has the reasons.

use mail_parser::{MessageParser, MimeHeaders};
use postrider::mime;

/// How many values were compared, and those that differ.
pub fn differences(bytes: &[u8]) -> (usize, Vec<String>) {
    let Some(theirs) = MessageParser::default().parse(bytes) else { return (0, Vec::new()) };
    let ours = mime::envelope(bytes);
    let mut pairs: Vec<(&str, String, String)> = Vec::new();
    pairs.push(("subject", words(&ours.subject), words(theirs.subject().unwrap_or_default())));
    let from = theirs.from().and_then(|from| from.first()).and_then(|from| from.address()).unwrap_or_default();
    pairs.push(("from", ours.from.first().map(|from| from.address.clone()).unwrap_or_default(), words(from)));
    pairs.push(("message-id", ours.rfc_message_id.unwrap_or_default(), words(theirs.message_id().unwrap_or_default())));
    let date = theirs.date().filter(|date| date.is_valid()).map(|date| date.to_timestamp().to_string());
    pairs.push(("date", ours.date.map(|date| date.to_string()).unwrap_or_default(), date.unwrap_or_default()));
    let parts = mime::parts(bytes);
    let leaves: Vec<_> = parts
        .iter()
        .filter(|part| !matches!(part.content_type.as_str(), "message/rfc822" | "message/global") && !part.number.contains('/'))
        .collect();
    let their_leaves: Vec<_> = leaf_parts(&theirs);
    pairs.push(("parts", leaves.len().to_string(), their_leaves.len().to_string()));
    if leaves.len() == their_leaves.len() {
        for (our, (name, content)) in leaves.iter().zip(&their_leaves) {
            pairs.push(("name", our.name.as_deref().map(words).unwrap_or_default(), words(name)));
            let decoded = mime::part(bytes, &our.number).map(|(_, decoded)| decoded).unwrap_or_default();
            // texts come with their charset undone there; sizes of what is ASCII alone say as much
            if decoded.is_ascii() && content.is_ascii() {
                pairs.push(("content", squeezed(&decoded), squeezed(content)));
            }
        }
    }
    let compared = pairs.len();
    let differ = pairs.into_iter().filter(|(_, ours, theirs)| ours != theirs);
    (compared, differ.map(|(what, ours, theirs)| format!("{what}: {} / {}", short(&ours), short(&theirs))).collect())
}

fn leaf_parts(message: &mail_parser::Message<'_>) -> Vec<(String, Vec<u8>)> {
    let mut out = Vec::new();
    for part in &message.parts {
        match &part.body {
            mail_parser::PartType::Multipart(_) => {}
            mail_parser::PartType::Message(inner) => out.extend(leaf_parts(inner)),
            _ => out.push((part.attachment_name().unwrap_or_default().to_owned(), part.contents().to_vec())),
        }
    }
    out
}

fn words(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Line ends and blanks aside.
fn squeezed(bytes: &[u8]) -> String {
    bytes.iter().filter(|byte| !byte.is_ascii_whitespace()).map(|byte| char::from(*byte)).collect()
}

fn short(text: &str) -> String {
    if text.chars().count() <= 100 {
        return format!("{text:?}");
    }
    let head: String = text.chars().take(60).collect();
    format!("{head:?}… ({} characters)", text.chars().count())
}
