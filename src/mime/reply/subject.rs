//! "Re: " and "Fwd: ", once, whatever language the prefixes before were in.

use crate::mail::DisplayText;

/// Characters of a subject that are carried on.
const MAX: usize = 500;

/// Prefixes of answers, lower case. One-letter ones are left out: they begin subjects too.
const REPLY: &[&str] = &[
    "re",
    "aw",
    "antw",
    "antwort",
    "sv",
    "vs",
    "vá",
    "ref",
    "rif",
    "odp",
    "ynt",
    "yan",
    "res",
    "atb",
    "ответ",
    "відп",
    "回复",
    "回覆",
    "答复",
    "返信",
];
/// Prefixes of what is passed on.
const FORWARD: &[&str] =
    &["fwd", "fw", "wg", "doorst", "tr", "rv", "enc", "pd", "vl", "vb", "i̇lt", "ilt", "továbbítás", "пересл", "转发", "轉寄", "転送"];

/// The subject of an answer. `[list] Re: x` becomes `Re: [list] x`, so that it does not grow at every turn.
pub fn reply(subject: &str) -> String {
    let subject = cleaned(subject);
    let mut rest = without(&subject, REPLY);
    let tagged = tag(rest).map(|(tag, after)| format!("{tag} {}", without(after.trim_start(), REPLY)));
    if let Some(tagged) = &tagged {
        rest = tagged.trim_end();
    }
    format!("Re: {rest}").trim_end().to_owned()
}

/// The subject of a message that is passed on.
pub fn forward(subject: &str) -> String {
    let subject = cleaned(subject);
    format!("Fwd: {}", without(&subject, FORWARD)).trim_end().to_owned()
}

fn cleaned(subject: &str) -> String {
    DisplayText::capped(subject.trim(), MAX).as_str().trim().to_owned()
}

/// Takes prefixes off, `Re[2]:` and `RE :` among them.
fn without<'a>(subject: &'a str, prefixes: &[&str]) -> &'a str {
    let mut rest = subject;
    while let Some(at) = rest.find([':', '：']) {
        let word = rest.get(..at).unwrap_or_default().trim_end().to_lowercase();
        let bare = match word.split_once(['[', '(']) {
            Some((bare, count)) if count.trim_end_matches([']', ')']).bytes().all(|byte| byte.is_ascii_digit()) => bare.trim_end(),
            Some(_) => return rest,
            None => word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '^'),
        };
        if !prefixes.contains(&bare) {
            return rest;
        }
        rest = rest.get(at..).map(|tail| tail.trim_start_matches([':', '：']).trim_start()).unwrap_or_default();
    }
    rest
}

/// `[list] rest`.
fn tag(subject: &str) -> Option<(&str, &str)> {
    let end = subject.starts_with('[').then(|| subject.find(']')).flatten()?;
    let (tag, rest) = subject.split_at_checked(end + 1)?;
    (tag.len() <= 60).then_some((tag, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_stand_once() {
        for (subject, answer, passed) in [
            ("Plan", "Re: Plan", "Fwd: Plan"),
            ("Re: Plan", "Re: Plan", "Fwd: Re: Plan"),
            ("RE: re : Re[2]: Plan", "Re: Plan", "Fwd: RE: re : Re[2]: Plan"),
            ("AW: SV: Antw: Plan", "Re: Plan", "Fwd: AW: SV: Antw: Plan"),
            ("Re(3): Re^2: Plan", "Re: Plan", "Fwd: Re(3): Re^2: Plan"),
            ("回复：Plan", "Re: Plan", "Fwd: 回复：Plan"),
            ("Fwd: Plan", "Re: Fwd: Plan", "Fwd: Plan"),
            ("WG: Fw: Plan", "Re: WG: Fw: Plan", "Fwd: Plan"),
            ("[boats] Re: Plan", "Re: [boats] Plan", "Fwd: [boats] Re: Plan"),
            ("Re: [boats] AW: Plan", "Re: [boats] Plan", "Fwd: Re: [boats] AW: Plan"),
            ("Research: results", "Re: Research: results", "Fwd: Research: results"),
            ("R: a language", "Re: R: a language", "Fwd: R: a language"),
            ("Re:", "Re:", "Fwd: Re:"),
            ("", "Re:", "Fwd:"),
            ("  ", "Re:", "Fwd:"),
            ("x\r\nBcc: e@e.e", "Re: x Bcc: e@e.e", "Fwd: x Bcc: e@e.e"),
            ("a\u{202e}b\0", "Re: a\u{fffd}b␀", "Fwd: a\u{fffd}b␀"),
        ] {
            assert_eq!(reply(subject), answer, "{subject:?}");
            assert_eq!(forward(subject), passed, "{subject:?}");
        }
        assert!(reply(&"Re: ".repeat(100_000)).len() < 3000);
        assert!(reply(&"x".repeat(100_000)).chars().count() < 510);
    }
}
