//! Pages as text, for all tests of this folder.

use postrider::mail::page::{Line, Page, View};
use postrider::mail::{DisplayText, MessageId};
use postrider::mime;
use unicode_width::UnicodeWidthStr;

pub const VIEW: View = View { width: 80, all_headers: false, other_alternative: false, source: false };

pub fn page(message: impl AsRef<[u8]>) -> Page {
    page_with(message, VIEW)
}

pub fn page_with(message: impl AsRef<[u8]>, view: View) -> Page {
    let page = mime::page(MessageId(1), message.as_ref(), true, &[], view);
    check(&page);
    page
}

/// What holds for every page: clean text, no line wider than asked.
pub fn check(page: &Page) {
    let width = if page.view.width == 0 { 80 } else { usize::from(page.view.width).max(10) };
    for line in &page.lines {
        let cells: usize = line.spans.iter().map(|span| span.text.as_str().width()).sum();
        assert!(cells <= width, "{cells} cells: {line:?}");
        line.spans.iter().for_each(|span| assert_clean(&span.text));
    }
    page.facts.iter().chain(&page.notes).chain(page.links.iter().map(|link| &link.host)).for_each(assert_clean);
    assert_clean(&page.subject);
    for link in &page.links {
        assert!(!link.url.chars().any(|c| c.is_control() || c.is_whitespace()), "{link:?}");
    }
    assert!(!page.lines.is_empty());
}

fn assert_clean(text: &DisplayText) {
    assert_eq!(&DisplayText::new(text.as_str()), text);
    assert!(!text.as_str().chars().any(char::is_control), "{text:?}");
}

pub fn line_text(line: &Line) -> String {
    let text: String = line.spans.iter().map(|span| span.text.as_str()).collect();
    "> ".repeat(usize::from(line.quote)) + &text
}

pub fn text(page: &Page) -> String {
    page.lines.iter().map(line_text).collect::<Vec<_>>().join("\n")
}

pub fn facts(page: &Page) -> Vec<&str> {
    page.facts.iter().map(DisplayText::as_str).collect()
}

/// A multipart message of (header lines, body) pairs.
pub fn multipart(kind: &str, parts: &[(&str, &str)]) -> String {
    let mut out = format!("From: a@b.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary=\"b\"\r\n\r\n");
    for (header, body) in parts {
        out.push_str(&format!("--b\r\n{header}\r\n\r\n{body}\r\n"));
    }
    out + "--b--\r\n"
}
