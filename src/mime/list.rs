//! What the header says of the mailing list a message came by: its name, and how to leave it (RFC 2369, RFC 2919,
//! RFC 8058). Only reads; who leaves a list is the user, after seeing where that goes.

use super::envelope;
use super::{field, links};
use crate::mail::DisplayText;
use crate::mail::page::{List, Unsubscribe};
use crate::mail::url::begins;

/// Longer addresses to leave a list are none.
const MAX_URL: usize = 4 * 1024;

/// The list of a header block; None where the message came by none.
pub fn list(header: &[u8]) -> Option<List> {
    let header = header.get(..field::header_end(header)).unwrap_or(header);
    let first = |name| field::fields(header).find(|field| field.is(name)).map(|field| field.text());
    let id = first("list-id");
    let name = id.as_deref().and_then(list_name);
    let unsubscribe = first("list-unsubscribe").and_then(|value| unsubscribe(&value, first("list-unsubscribe-post").as_deref()));
    (name.is_some() || unsubscribe.is_some()).then(|| List { name: name.unwrap_or_default(), unsubscribe })
}

/// The words before the id, else the id's first label: "Talk about boats", "boats".
fn list_name(value: &str) -> Option<DisplayText> {
    let words = value.split('<').next().unwrap_or_default().trim().trim_matches('"').trim();
    let id = envelope::list_id(value);
    let words = if words.is_empty() || id.as_deref() == Some(words) { id.as_deref().map(short).unwrap_or_default() } else { words };
    let name = DisplayText::capped(words, 100);
    (!name.as_str().trim().is_empty()).then_some(name)
}

/// The first label names the list ("rust-dev.lists.example.org").
pub fn short(id: &str) -> &str {
    id.split('.').next().filter(|name| !name.is_empty()).unwrap_or(id)
}

/// The ways that stand between angle brackets, the first of each kind; comments and other schemes are left alone.
fn unsubscribe(value: &str, post: Option<&str>) -> Option<Unsubscribe> {
    let mut found = Unsubscribe::default();
    // some senders leave the brackets out where there is one way only
    let bare = (!value.contains('<')).then_some(value);
    let ways = value.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(way, _)| way).chain(bare);
    for way in ways.take(20) {
        let url: String = way.chars().filter(|c| !c.is_whitespace()).collect();
        let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).unwrap_or_default();
        let place = match scheme.as_str() {
            _ if url.len() > MAX_URL || !links::is_clean(&url) => continue,
            "mailto" if url.contains('@') => &mut found.mailto,
            "https" | "http" if url.contains("://") => &mut found.web,
            _ => continue,
        };
        place.get_or_insert(url);
    }
    let is_asked = post.is_some_and(|post| post.trim().eq_ignore_ascii_case("List-Unsubscribe=One-Click"));
    found.one_click = is_asked && found.web.as_deref().is_some_and(|url| begins(url, "https:"));
    (found.mailto.is_some() || found.web.is_some()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(header: &str) -> Option<(Option<String>, Option<String>, bool)> {
        list(header.as_bytes())?.unsubscribe.map(|found| (found.mailto, found.web, found.one_click))
    }

    #[test]
    fn the_ways_to_leave_a_list() {
        const CLICK: &str = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n";
        let way = |mailto: &str, web: &str, one_click| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Some((some(mailto), some(web), one_click))
        };
        for (header, expect) in [
            (
                "List-Unsubscribe: <mailto:leave@l.example>, <https://l.example/u?x=1>\n".to_owned(),
                way("mailto:leave@l.example", "https://l.example/u?x=1", false),
            ),
            (format!("List-Unsubscribe: <https://l.example/u>\n{CLICK}"), way("", "https://l.example/u", true)),
            (
                format!("{CLICK}List-Unsubscribe:\n <https://l.example/a\n b>,\n <https://other.example>\n"),
                way("", "https://l.example/ab", true),
            ),
            // only https is posted to (RFC 8058 3.1)
            (format!("List-Unsubscribe: <http://l.example/u>\n{CLICK}"), way("", "http://l.example/u", false)),
            (format!("List-Unsubscribe: <mailto:a@b>\n{CLICK}"), way("mailto:a@b", "", false)),
            ("List-Unsubscribe: (use this) <mailto:a@b?subject=leave> (or that)\n".to_owned(), way("mailto:a@b?subject=leave", "", false)),
            ("List-Unsubscribe: https://l.example/u\n".to_owned(), way("", "https://l.example/u", false)),
            ("List-Unsubscribe: =?utf-8?Q?=3Chttps=3A=2F=2Fl=2Eexample=2Fu=3E?=\n".to_owned(), way("", "https://l.example/u", false)),
            ("List-Unsubscribe: <javascript:alert(1)>, <file:///etc/passwd>, <ftp://x/y>\n".to_owned(), None),
            ("List-Unsubscribe: <https://l.example/\u{202e}x>\n".to_owned(), None),
            (format!("List-Unsubscribe: <https://l.example/{}>\n", "x".repeat(MAX_URL)), None),
            ("List-Unsubscribe: <mailto:>\n".to_owned(), None),
            ("Subject: x\n".to_owned(), None),
        ] {
            assert_eq!(ways(&header), expect, "{header}");
        }
    }

    #[test]
    fn a_list_has_a_name() {
        for (header, expect) in [
            ("List-Id: Talk about boats <boats.example.org>\n", Some("Talk about boats")),
            ("List-Id: <boats.lists.example.org>\n", Some("boats")),
            ("List-Id: =?utf-8?Q?B=C3=B6te?= <boats.example.org>\n", Some("Böte")),
            ("List-Id: boats.example.org\n", Some("boats")),
            ("List-Id: \x1b[2J\n", Some("␛[2J")),
            ("List-Id: <>\n", None),
            ("\nList-Id: <x.y>\n", None),
        ] {
            assert_eq!(list(header.as_bytes()).map(|list| list.name.into_string()).as_deref(), expect, "{header}");
        }
    }
}
