//! Who a message is really from: what about its sender may deceive, in words. Only looks at the header; whether the sender is
//! proven is [`super::verdict`]'s.

use super::envelope::Summary;
use crate::mail::{Address, idn};

/// Addresses of one field that are looked at.
const MAX_LOOKED_AT: usize = 20;

/// Warnings, the gravest first.
pub fn warnings(summary: &Summary) -> Vec<String> {
    let from = summary.envelope.from.get(..MAX_LOOKED_AT).unwrap_or(&summary.envelope.from);
    let mut out = Vec::new();
    if !summary.other_from.is_empty() {
        out.push("several From lines".to_owned());
    }
    if from.iter().all(|from| !from.address.contains('@')) {
        out.push("no sender's address".to_owned());
    }
    out.extend(from.iter().find_map(claimed_address).map(|claimed| format!("the name says {claimed}")));
    out.extend(from.iter().find_map(inner_address).map(|inner| format!("{inner} is only a part of the address")));
    out.extend(
        from.iter().find_map(|from| suspicious_domain(domain(from)?)).map(|ascii| format!("look-alike letters in the domain: {ascii}")),
    );
    if let Some(elsewhere) = reply_elsewhere(summary) {
        out.push(format!("answers go to {elsewhere}"));
    }
    out
}

/// Another site that handed the message in (the Sender field).
pub fn handed_in_by(summary: &Summary) -> Option<&str> {
    let own = domain(summary.envelope.from.first()?)?;
    let by = summary.sender.first().and_then(domain)?;
    (!same_site(own, by) && summary.envelope.list_id.is_none()).then_some(by)
}

fn domain(address: &Address) -> Option<&str> {
    address.address.rsplit_once('@').map(|(_, domain)| domain)
}

/// An address in the display name that is not the real one.
fn claimed_address(from: &Address) -> Option<String> {
    let is_address = |word: &&str| word.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    // signs that look like "@" and "."
    let name: String = from.name.chars().map(at_and_dot).collect();
    let mut words = name.split(|c: char| c.is_whitespace() || c.is_control() || "<>()\"',;:[]|".contains(c));
    let claimed = words.find(is_address)?;
    (!claimed.eq_ignore_ascii_case(&from.address)).then(|| claimed.to_owned())
}

fn at_and_dot(c: char) -> char {
    match c {
        '\u{ff20}' | '\u{fe6b}' => '@',
        '\u{ff0e}' | '\u{fe52}' | '\u{2024}' | '\u{3002}' => '.',
        // marks that nobody sees, between the letters of an address
        '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' => '\u{fffd}',
        c => c,
    }
}

/// `"ceo@bank.example"@evil.example`, `ceo@bank.example@evil.example`, or an encoded word in the place of an address.
fn inner_address(from: &Address) -> Option<String> {
    let (local, _) = from.address.rsplit_once('@')?;
    let local = local.trim_matches('"');
    if local.starts_with("=?") {
        return Some("an encoded word".to_owned());
    }
    let word = local
        .split(|c: char| c.is_whitespace() || "<>()\"',;:[]\\".contains(c))
        .find(|word| word.split_once('@').is_some_and(|(user, domain)| !user.is_empty() && domain.contains('.')));
    word.map(str::to_owned)
}

/// The ASCII form of a domain whose letters could be taken for others: Latin beside another script in one label, or a label
/// that is made of nothing but look-alikes of Latin.
pub fn suspicious_domain(domain: &str) -> Option<String> {
    let is_suspicious = domain.split('.').filter(|label| !label.is_ascii()).any(|label| {
        let has_latin = label.chars().any(|c| c.is_ascii_alphabetic());
        let others = || label.chars().filter(|c| !c.is_ascii());
        has_latin && others().any(is_other_script) || others().all(|c| LOOKALIKES.contains(c)) || others().any(is_odd)
    });
    is_suspicious.then(|| idn::ascii_domain(&format!("x@{domain}")).split_off(2))
}

/// Scripts that share shapes with Latin.
fn is_other_script(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}' | '\u{530}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}')
}

/// Letters that look like Latin ones in most fonts.
const LOOKALIKES: &str = "аеорсухіјѕһԁԛԝӏɡгոսօҽνορτυα";

/// Signs that look like those that structure an address, full-width letters, and what nobody sees.
fn is_odd(c: char) -> bool {
    matches!(c, '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{3002}' | '\u{2024}' | '\u{ff01}'..='\u{ff5e}' | '\u{200b}'..='\u{200f}' | '\u{fffd}')
}

/// Where answers go, if that is another site than the sender's and no list's.
fn reply_elsewhere(summary: &Summary) -> Option<String> {
    if summary.envelope.list_id.is_some() {
        return None;
    }
    let own = domain(summary.envelope.from.first()?)?;
    let other = summary.reply_to.iter().take(MAX_LOOKED_AT).find(|reply| domain(reply).is_some_and(|domain| !same_site(own, domain)))?;
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
        warnings(&summary(header.as_bytes()))
    }

    #[test]
    fn senders_that_pretend_are_flagged() {
        for (header, expect) in [
            ("From: \"ceo@bank.example\" <evil@x.example>\n", vec!["the name says ceo@bank.example"]),
            ("From: \"ceo\u{ff20}bank\u{ff0e}example\" <evil@x.example>\n", vec!["the name says ceo@bank.example"]),
            ("From: \"a@b.example\" <A@b.example>\n", vec![]),
            ("From: \"ceo@bank.example\"@x.example\n", vec!["the name says ceo@bank.example"]),
            ("From: ceo@bank.example@x.example\n", vec!["ceo@bank.example is only a part of the address"]),
            ("From: Ada <a@b.example>\nReply-To: eve@c.example\n", vec!["answers go to eve@c.example"]),
            ("From: Ada <a@mail.b.example>\nReply-To: help@b.example\n", vec![]),
            ("From: a@p\u{430}ypal.example\n", vec!["look-alike letters in the domain: xn--pypal-4ve.example"]),
            ("From: a@\u{440}\u{430}\u{443}.example\n", vec!["look-alike letters in the domain: xn--80a5ak.example"]),
            ("From: a@b\u{fc}cher.example\n", vec![]),
            ("From: a@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.example\n", vec![]),
            ("From: a@b.c\nFrom: d@e.f\n", vec!["several From lines"]),
            ("From: a@b.c\nReply-To: l@d.e\nList-Id: <boats.example.org>\n", vec![]),
            ("From: Ada\n", vec!["no sender's address"]),
            ("Subject: x\n", vec!["no sender's address"]),
        ] {
            assert_eq!(words(header), expect, "{header}");
        }
    }

    #[test]
    fn whoever_hands_in_is_told() {
        let by = |header: &str| handed_in_by(&summary(header.as_bytes())).map(str::to_owned);
        assert_eq!(by("From: a@b.example\nSender: x@evil.test\n").as_deref(), Some("evil.test"));
        assert_eq!(by("From: a@b.example\nSender: x@mail.b.example\n"), None);
        assert_eq!(by("From: a@b.example\nSender: x@l.test\nList-Id: <l.l.test>\n"), None);
    }
}
