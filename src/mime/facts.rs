//! What a reader should know about a message besides its text: words for the header summary, and sentences.

use super::envelope::Summary;
use super::html::Counts;
use super::list;
use super::sender;
use super::structure::Structure;
use crate::mail::DisplayText;
use crate::mail::page::Verdict;

/// What may deceive, as the screen shows it; `verdict` is of the server that is believed.
pub fn warnings(summary: &Summary, verdict: Option<Verdict>) -> Vec<DisplayText> {
    let mut out = sender::warnings(summary);
    if verdict == Some(Verdict::Suspect) {
        out.insert(0, "your server says that this is not from who it claims to be from".to_owned());
    }
    out.iter().map(|warning| DisplayText::capped(warning, 200)).collect()
}

/// Words about the header.
pub fn facts(summary: &Summary) -> Vec<DisplayText> {
    // one word of theirs in each, so that no line of the screen is made of their words alone
    let word = |text: &str| text.split_whitespace().collect::<String>();
    let list = summary.envelope.list_id.as_ref().map(|list| format!("list {}", word(list::short(list))));
    let by = sender::handed_in_by(summary).map(|by| format!("handed in by {}", word(by)));
    list.into_iter().chain(by).map(|fact| DisplayText::capped(&fact, 120)).collect()
}

/// Words about the text.
pub fn of_body(is_html: bool, counts: Counts) -> Vec<DisplayText> {
    let mut out = Vec::new();
    if is_html {
        out.push("HTML".to_owned());
    }
    for (count, what, fate) in [
        (counts.remote_images, "remote image", "blocked"),
        (counts.pixels, "tracking pixel", "blocked"),
        (counts.hidden_texts, "hidden text", "left out"),
    ] {
        match count {
            0 => {}
            1 => out.push(format!("1 {what} {fate}")),
            count => out.push(format!("{count} {what}s {fate}")),
        }
    }
    out.iter().map(|fact| DisplayText::new(fact)).collect()
}

/// Sentences about what is wrong with the message.
pub fn notes(summary: &Summary, structure: &Structure, whole: bool) -> Vec<DisplayText> {
    let mut out = Vec::new();
    if !summary.other_from.is_empty() {
        let others: Vec<String> =
            summary.other_from.iter().take(5).map(|from| format!("{} <{}>", from.name, from.address).trim().to_owned()).collect();
        out.push(format!("The message has several From lines; the first one is shown. The others: {}", others.join(", ")));
    }
    if summary.bad_date {
        out.push("The date of this message can't be read or is absurd.".to_owned());
    }
    if structure.too_deep {
        out.push("Parts nested more than 100 levels deep are shown as raw text.".to_owned());
    }
    if structure.too_many {
        out.push("The message has more than 10,000 parts; the rest is only in the source.".to_owned());
    }
    if structure.unclosed && whole {
        out.push("The message ends before its last part does; it may have been cut on its way.".to_owned());
    }
    out.iter().map(|note| DisplayText::capped(note, 500)).collect()
}
