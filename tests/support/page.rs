//! What holds for every page, whatever the message.

use postrider::mail::DisplayText;
use postrider::mail::page::Page;
use unicode_width::UnicodeWidthStr;

/// Clean text, no line wider than asked, no link that a terminal or a shell could take for more.
pub fn check(page: &Page) {
    let width = if page.view.width == 0 { 80 } else { usize::from(page.view.width).max(10) };
    for line in &page.lines {
        let cells: usize = line.spans.iter().map(|span| span.text.as_str().width()).sum();
        assert!(cells <= width, "{cells} cells: {line:?}");
        assert!(
            line.halves.len() <= width && (line.halves.is_empty() || line.spans.is_empty()),
            "{} cells of a picture",
            line.halves.len()
        );
        line.spans.iter().for_each(|span| assert_clean(&span.text));
    }
    page.facts.iter().chain(&page.notes).chain(page.links.iter().map(|link| &link.host)).for_each(assert_clean);
    assert_clean(&page.subject);
    for link in &page.links {
        assert!(!link.url.chars().any(|c| c.is_control() || c.is_whitespace()), "{link:?}");
    }
    assert!(!page.lines.is_empty(), "an empty page");
}

pub fn assert_clean(text: &DisplayText) {
    assert_eq!(&DisplayText::new(text.as_str()), text, "cleaned twice it is another text");
    assert!(!text.as_str().chars().any(char::is_control), "{text:?}");
}
