//! What a reader should know about a message besides its text: words for the header summary, and sentences.

use super::envelope::Summary;
use super::html::Counts;
use super::list;
use super::structure::Structure;
use crate::mail::{Address, DisplayText};

/// Words about the header, warnings first.
pub fn facts(summary: &Summary) -> Vec<DisplayText> {
    let envelope = &summary.envelope;
    let mut out = Vec::new();
    if !summary.other_from.is_empty() {
        out.push("⚠ several From lines".to_owned());
    }
    if let Some(claimed) = envelope.from.iter().find_map(claimed_address) {
        out.push(format!("⚠ the name says {claimed}"));
    }
    if let Some(domain) = envelope.from.iter().find_map(mixed_domain) {
        out.push(format!("⚠ mixed letters in {domain}"));
    }
    if let Some(elsewhere) = reply_elsewhere(summary) {
        out.push(format!("⚠ answers go to {elsewhere}"));
    }
    if let Some(list) = &envelope.list_id {
        out.push(format!("list {}", list::short(list)));
    }
    out.iter().map(|fact| DisplayText::capped(fact, 120)).collect()
}

/// Words about the text.
pub fn of_body(is_html: bool, counts: Counts) -> Vec<DisplayText> {
    let mut out = Vec::new();
    if is_html {
        out.push("HTML".to_owned());
    }
    match counts.remote_images {
        0 => {}
        1 => out.push("1 remote image blocked".to_owned()),
        images => out.push(format!("{images} remote images blocked")),
    }
    match counts.hidden_texts {
        0 => {}
        1 => out.push("1 hidden text left out".to_owned()),
        texts => out.push(format!("{texts} hidden texts left out")),
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

/// An address in the display name that is not the real one.
fn claimed_address(from: &Address) -> Option<String> {
    let is_address = |word: &&str| word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    let mut words = from.name.split(|c: char| c.is_whitespace() || "<>()\"',;:[]".contains(c));
    let claimed = words.find(is_address)?;
    (!claimed.eq_ignore_ascii_case(&from.address)).then(|| claimed.to_owned())
}

/// A domain that mixes Latin with look-alike letters of other scripts.
fn mixed_domain(from: &Address) -> Option<String> {
    let (_, domain) = from.address.rsplit_once('@')?;
    let is_lookalike =
        |c: char| matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{530}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}');
    let mixed = domain.split('.').any(|label| label.chars().any(is_lookalike) && label.chars().any(|c| c.is_ascii_alphabetic()));
    mixed.then(|| domain.to_owned())
}

/// Where answers go, if that is another site than the sender's and no list's.
fn reply_elsewhere(summary: &Summary) -> Option<String> {
    if summary.envelope.list_id.is_some() {
        return None;
    }
    let from = summary.envelope.from.first()?;
    let (_, own) = from.address.rsplit_once('@')?;
    let other = summary.reply_to.iter().find(|reply| reply.address.rsplit_once('@').is_some_and(|(_, domain)| !same_site(own, domain)))?;
    Some(other.address.clone())
}

fn same_site(one: &str, other: &str) -> bool {
    let tail = |domain: &str| domain.rsplit('.').take(2).map(str::to_ascii_lowercase).collect::<Vec<_>>();
    tail(one) == tail(other)
}

#[cfg(test)]
mod tests {
    use super::super::envelope::summary;
    use super::*;

    fn words(header: &str) -> Vec<String> {
        facts(&summary(header.as_bytes())).into_iter().map(DisplayText::into_string).collect()
    }

    #[test]
    fn senders_that_pretend_are_flagged() {
        for (header, expect) in [
            ("From: \"ceo@bank.example\" <evil@x.example>\n", vec!["⚠ the name says ceo@bank.example"]),
            ("From: \"a@b.example\" <A@b.example>\n", vec![]),
            ("From: Ada <a@b.example>\nReply-To: eve@c.example\n", vec!["⚠ answers go to eve@c.example"]),
            ("From: Ada <a@mail.b.example>\nReply-To: help@b.example\n", vec![]),
            ("From: a@p\u{430}ypal.example\n", vec!["⚠ mixed letters in p\u{430}ypal.example"]),
            ("From: a@b.c\nFrom: d@e.f\n", vec!["⚠ several From lines"]),
            ("From: a@b.c\nReply-To: l@d.e\nList-Id: <boats.example.org>\n", vec!["list boats"]),
        ] {
            assert_eq!(words(header), expect, "{header}");
        }
    }
}
