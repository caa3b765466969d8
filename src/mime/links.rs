//! The links of one page: numbers, hosts, and whether a text claims another host than its target.

use super::wrap::Paragraph;
use super::{redirect, sender};
use crate::mail::DisplayText;
use crate::mail::page::{Link, Meaning};
use crate::mail::url::{self, begins};
use linkify::{LinkFinder, LinkKind};
use std::collections::HashMap;

/// Links of one page that get a number.
const MAX_LINKS: usize = 2000;
/// Longer targets are no links.
const MAX_URL: usize = 8 * 1024;
/// Characters of a target that are shown in the text.
const MAX_SHOWN_URL: usize = 64;
/// What may be opened; `javascript:`, `data:`, `file:` and `cid:` are not.
const SCHEMES: &[&str] = &["http", "https", "mailto", "ftp", "ftps", "gemini", "tel", "news", "xmpp", "webcal", "sms"];

/// Gathers links while a page is made.
#[derive(Debug, Default)]
pub struct Links {
    list: Vec<Link>,
    numbers: HashMap<String, u32>,
}

impl Links {
    pub fn into_list(self) -> Vec<Link> {
        self.list
    }

    /// The number of a target, new or known; None if it is none that can be opened. `text` is what people see.
    pub fn add(&mut self, url: &str, text: &str) -> Option<u32> {
        let url = clean_url(url)?;
        let (bare, via) = redirect::bare(&url);
        let host = url::host(&bare);
        let ascii = sender::suspicious_domain(&host);
        let mismatch = ascii.is_some() || claims_other_host(text, &host);
        if let Some(number) = self.numbers.get(&url) {
            if let Some(link) = self.list.get_mut(*number as usize - 1) {
                link.mismatch |= mismatch;
            }
            return Some(*number);
        }
        let number = u32::try_from(self.list.len() + 1).ok()?;
        if self.list.len() >= MAX_LINKS {
            return None;
        }
        let host = DisplayText::new(ascii.as_deref().unwrap_or(&host));
        self.list.push(Link { number, url: url.clone(), bare, host, via: via.map(|via| DisplayText::new(&via)), mismatch });
        self.numbers.insert(url, number);
        Some(number)
    }

    /// What stands in the place of a link's number where it leads to another host than it seems to, all of it in one line.
    pub fn warning(&self, number: u32) -> Option<String> {
        let link = self.list.get(number as usize - 1).filter(|link| link.mismatch)?;
        Some(format!("[{number}\u{a0}⚠\u{a0}{}]", DisplayText::capped(link.host.as_str(), MAX_SHOWN_URL)))
    }

    /// Appends `text` with its links marked and numbered.
    pub fn push_text(&mut self, text: &str, meaning: Meaning, out: &mut Paragraph) {
        let clean = DisplayText::new(text);
        let text = clean.as_str();
        if !may_hold_link(text) {
            out.push(text, meaning);
            return;
        }
        let mut done = 0;
        for (start, end) in find(text) {
            let url = text.get(start..end).unwrap_or_default();
            let Some(number) = self.add(url, "") else { continue };
            out.push(text.get(done..start).unwrap_or_default(), meaning);
            out.push(&shortened(url), Meaning { link: true, ..meaning });
            done = end;
            if text.get(end..).is_some_and(|rest| rest.starts_with('>')) {
                out.push(">", meaning);
                done += 1;
            }
            match self.warning(number) {
                Some(warning) => out.push(&format!(" {warning}"), Meaning { warning: true, ..meaning }),
                None => out.push(&format!(" [{number}]"), Meaning { dim: true, ..meaning }),
            }
        }
        out.push(text.get(done..).unwrap_or_default(), meaning);
    }
}

/// A long target as it stands in the text; the list of links has all of it.
fn shortened(url: &str) -> std::borrow::Cow<'_, str> {
    match url.char_indices().nth(MAX_SHOWN_URL) {
        Some((end, _)) => format!("{}…", url.get(..end).unwrap_or(url)).into(),
        None => url.into(),
    }
}

fn may_hold_link(text: &str) -> bool {
    text.contains("://") || text.contains("mailto:") || text.contains("www.")
}

/// Byte ranges of the links in a text, in order.
fn find(text: &str) -> Vec<(usize, usize)> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(false);
    let mut found: Vec<(usize, usize)> = finder
        .links(text)
        .filter(|link| link.as_str().contains("://") || begins(link.as_str(), "www."))
        .map(|link| (link.start(), link.end()))
        .collect();
    // linkify sees only the address in mailto:a@b
    for (start, _) in text.match_indices("mailto:") {
        let tail = text.get(start..).unwrap_or_default();
        let end = start + tail.find(|c: char| c.is_whitespace() || "<>\"'|)]}".contains(c)).unwrap_or(tail.len());
        let end = start + text.get(start..end).unwrap_or_default().trim_end_matches(['.', ',', ';', ':', '!', '?']).len();
        if text.get(start..end).is_some_and(|url| url.contains('@')) {
            found.push((start, end));
        }
    }
    found.sort_unstable();
    let mut last = 0;
    found.retain(|(start, end)| {
        let keep = *start >= last;
        last = if keep { *end } else { last };
        keep
    });
    found
}

/// A target without blanks and controls and with a scheme that may be opened.
fn clean_url(url: &str) -> Option<String> {
    let text = DisplayText::new(url.trim());
    let joined: String = text.as_str().chars().filter(|c| !c.is_whitespace()).collect();
    if !is_clean(&joined) {
        return None;
    }
    if begins(&joined, "www.") {
        return Some(format!("http://{joined}"));
    }
    let joined = if joined.starts_with("//") { format!("https:{joined}") } else { joined };
    let (scheme, rest) = joined.split_once(':')?;
    let known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    (known && !rest.trim_matches('/').is_empty()).then(|| joined.clone())
}

/// Nothing in it that a screen would not show as it is.
pub fn is_clean(url: &str) -> bool {
    url.len() <= MAX_URL && !url.contains('\u{fffd}') && !url.contains(char::is_whitespace) && DisplayText::new(url).as_str() == url
}

/// "www.bank.example" over a link to somewhere else.
fn claims_other_host(text: &str, host: &str) -> bool {
    let text = text.trim().trim_end_matches(['.', '/', ',', ':', ')']);
    if text.is_empty() || text.contains(char::is_whitespace) || text.len() > 300 {
        return false;
    }
    let claimed = if text.contains("://") {
        url::host(text)
    } else if text.contains('@') {
        text.rsplit('@').next().unwrap_or_default().to_lowercase()
    } else {
        text.split(['/', '?', '#', ':']).next().unwrap_or_default().to_lowercase()
    };
    looks_like_host(&claimed) && !same_site(&claimed, host)
}

fn looks_like_host(text: &str) -> bool {
    let Some((before, last)) = text.rsplit_once('.') else { return false };
    !before.is_empty()
        && (2..=12).contains(&last.chars().count())
        && last.chars().all(char::is_alphabetic)
        && !["pdf", "txt", "html", "htm", "jpg", "png", "gif", "doc", "docx", "xls", "xlsx", "zip", "php", "exe"].contains(&last)
        && text.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.')
}

/// One is the other or lies under it, "www." left aside.
fn same_site(one: &str, other: &str) -> bool {
    let one = one.strip_prefix("www.").unwrap_or(one);
    let other = other.strip_prefix("www.").unwrap_or(other);
    let under = |sub: &str, site: &str| sub.strip_suffix(site).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    under(one, other) || under(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_numbered_once_each() {
        let mut links = Links::default();
        let mut out = Paragraph::new(0);
        links.push_text(
            "see https://a.example/x(y), <http://b.example>, www.c.example and https://a.example/x(y)",
            Meaning::default(),
            &mut out,
        );
        assert_eq!(out.text(), "see https://a.example/x(y) [1], <http://b.example> [2], www.c.example [3] and https://a.example/x(y) [1]");
        let hosts: Vec<String> = links.into_list().into_iter().map(|link| link.host.into_string()).collect();
        assert_eq!(hosts, ["a.example", "b.example", "www.c.example"]);
    }

    #[test]
    fn mail_addresses_as_links() {
        assert_eq!(find("<mailto:a@b.example?subject=x>, ok"), [(1, 29)]);
        assert_eq!(find("write a@b.example please"), []);
    }

    #[test]
    fn only_openable_targets() {
        for (url, expect) in [
            ("https://a.example", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
            ("#top", false),
            ("file:///etc/passwd", false),
            ("cid:1", false),
            ("java\nscript:x", false),
            ("//cdn.example/x", true),
            ("http://", false),
            ("", false),
        ] {
            assert_eq!(Links::default().add(url, "").is_some(), expect, "{url}");
        }
    }

    #[test]
    fn a_text_that_names_another_host_is_flagged() {
        for (text, url, expect) in [
            ("www.bank.example", "https://evil.example/x", true),
            ("https://bank.example/login", "https://bank.example.evil.net", true),
            ("bank.example", "https://www.bank.example/a", false),
            ("bank.example", "https://login.bank.example", false),
            ("click here", "https://evil.example", false),
            ("report.pdf", "https://files.example/report.pdf", false),
            ("ada@x.example", "mailto:ada@x.example", false),
            ("ada@x.example", "mailto:eve@y.example", true),
            ("https://bank.example", "https://bank.example@evil.example/", true),
        ] {
            let mut links = Links::default();
            links.add(url, text);
            assert_eq!(links.into_list()[0].mismatch, expect, "{text} {url}");
        }
    }
}
