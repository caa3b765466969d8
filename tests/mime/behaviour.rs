//! What a reader sees, message by message.

use super::support::{VIEW, check, facts, multipart, page, page_with, text};
use postrider::mail::MessageId;
use postrider::mail::page::{Part, View};
use postrider::mime;

const PLAIN: &str = "Content-Type: text/plain; charset=utf-8";
const HTML: &str = "Content-Type: text/html; charset=utf-8";

#[test]
fn the_plain_alternative_is_shown_and_the_other_on_demand() {
    let message = multipart("alternative", &[(PLAIN, "plain words that say it all"), (HTML, "<p>rich <b>words</b> that say it all</p>")]);
    let found = page(&message);
    assert_eq!((text(&found).as_str(), facts(&found)), ("plain words that say it all", vec![]));
    let other = page_with(&message, View { other_alternative: true, ..VIEW });
    assert_eq!((text(&other).as_str(), facts(&other)), ("rich words that say it all", vec!["HTML"]));
}

#[test]
fn a_stub_gives_way_to_the_html_it_points_to() {
    let rich = format!("<p>{}</p>", "Many words about boats. ".repeat(40));
    for stub in ["", " \r\n", "View this email in your browser", "Please use a reader that shows HTML."] {
        let found = page(multipart("alternative", &[(PLAIN, stub), (HTML, &rich)]));
        assert!(text(&found).starts_with("Many words"), "{stub}");
    }
    let real = "I will be there at five, at the usual place. ".repeat(10);
    assert!(text(&page(multipart("alternative", &[(PLAIN, &real), (HTML, &rich)]))).starts_with("I will"));
}

#[test]
fn html_alone_is_rendered_and_its_text_is_the_other() {
    let message = format!("{HTML}\r\n\r\n<h1>Boats</h1><p>go <a href='https://x.example/a'>there</a><img src='https://t.example/p.gif'>");
    let found = page(&message);
    assert_eq!(text(&found), "Boats\n\ngo there\u{a0}[1]");
    assert_eq!(facts(&found), ["HTML", "1 remote image blocked"]);
    assert_eq!((found.links[0].number, found.links[0].host.as_str()), (1, "x.example"));
    assert_eq!(text(&page_with(&message, View { other_alternative: true, ..VIEW })), "Boats\ngo there");
}

#[test]
fn further_inline_texts_follow_and_files_are_listed() {
    let patch = "--- a/x\r\n+++ b/x\r\n@@ -1 +1 @@\r\n-old\r\n+new";
    let message = multipart(
        "mixed",
        &[
            (PLAIN, "see below"),
            ("Content-Type: text/x-patch; name=fix.patch\r\nContent-Disposition: inline", patch),
            ("Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64", "aGVsbG8="),
            ("Content-Type: text/calendar", "BEGIN:VCALENDAR"),
            (PLAIN, "list footer"),
        ],
    );
    let found = page(&message);
    assert!(text(&found).contains("── fix.patch ──\n\n--- a/x"), "{}", text(&found));
    assert!(text(&found).ends_with("list footer") && !text(&found).contains("VCALENDAR"));
    assert!(found.lines.iter().any(|line| line.spans.iter().any(|span| span.meaning.added && span.text.as_str() == "+new")));
    let listed: Vec<(&str, bool, u64)> = found.parts.iter().map(|part| (part.number.as_str(), part.is_attachment, part.size)).collect();
    assert_eq!(listed, [("1", false, 9), ("2", true, 41), ("3", true, 5), ("4", true, 15), ("5", false, 11)]);
}

#[test]
fn enclosed_messages_are_shown_and_can_be_saved() {
    let inner = "From: Ada <ada@x.example>\r\nSubject: Inner\r\n\r\ninner text";
    let message = multipart("mixed", &[(PLAIN, "outer text"), ("Content-Type: message/rfc822", inner)]);
    let found = page(&message);
    assert_eq!(text(&found), "outer text\n\n── Enclosed message ──\nFrom: Ada <ada@x.example>\nSubject: Inner\n\ninner text");
    let numbers: Vec<&str> = found.parts.iter().map(|part| part.number.as_str()).collect();
    assert_eq!(numbers, ["1", "2", "2.1"]);
    let (part, bytes) = mime::part(message.as_bytes(), "2").unwrap();
    assert_eq!((part.name.as_deref(), bytes.as_slice()), (Some("Inner.eml"), inner.as_bytes()));
}

#[test]
fn a_prefix_shows_its_text_and_the_servers_parts() {
    let parts = [Part { number: "2".into(), content_type: "image/png".into(), name: Some("x.png".into()), size: 9, is_attachment: true }];
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nthe text is lon";
    let found = mime::page(MessageId(1), message.as_bytes(), false, &parts, VIEW, &Default::default());
    check(&found);
    assert_eq!((text(&found).as_str(), found.parts.len(), found.whole), ("the text is lon", 1, false));
    assert!(found.notes.iter().any(|note| note.as_str().contains("beginning")));
    let found = mime::page(MessageId(1), b"Subject: x\r\n\r\n", false, &parts, VIEW, &Default::default());
    assert!(text(&found).contains("not here yet"));
}

/// Whatever a sender hides where no view looks can still be saved.
#[test]
fn a_text_that_no_view_shows_is_listed_as_a_file() {
    let message = multipart(
        "alternative",
        &[(PLAIN, "shown"), (PLAIN, "not shown"), (HTML, "<p>shown</p>"), ("Content-Type: text/x-amp-html", "<p>x")],
    );
    let files: Vec<bool> = page(&message).parts.iter().map(|part| part.is_attachment).collect();
    assert_eq!(files, [false, true, false, false]);
    let many = page(multipart("mixed", &vec![(PLAIN, "text"); 300]));
    assert_eq!(many.parts.iter().filter(|part| !part.is_attachment).count(), 200);
}

#[test]
fn uuencoded_files_are_listed_and_leave_the_text() {
    let message = "Subject: x\r\n\r\nhello\r\nbegin 644 cat.txt\r\n#0V%T\r\n`\r\nend\r\nbye\r\n";
    let found = page(message);
    assert_eq!(text(&found), "hello\n[file: cat.txt]\nbye");
    let listed: Vec<(&str, Option<&str>, u64, bool)> =
        found.parts.iter().map(|part| (part.number.as_str(), part.name.as_deref(), part.size, part.is_attachment)).collect();
    assert_eq!(listed, [("1", None, 46, false), ("1/1", Some("cat.txt"), 3, true)]);
    assert_eq!(mime::part(message.as_bytes(), "1/1").unwrap().1, b"Cat");
    let begun = mime::page(MessageId(1), message.as_bytes(), false, &[], VIEW, &Default::default());
    assert_eq!(begun.parts.len(), 1, "its number means nothing to a server");
    for number in ["1/0", "1/2", "1/", "2/1", "1/x"] {
        assert!(mime::part(message.as_bytes(), number).is_none(), "{number}");
    }
    let encoded = multipart(
        "mixed",
        &[("Content-Type: image/x; name=cat\r\nContent-Transfer-Encoding: x-uuencode", "begin 644 cat.txt\r\n#0V%T\r\n`\r\nend")],
    );
    assert_eq!(mime::part(encoded.as_bytes(), "1").unwrap().1, b"Cat");
}

#[test]
fn a_winmail_dat_shows_its_files_and_its_text() {
    // a body and a file
    let mut tnef = vec![0x78, 0x9f, 0x3e, 0x22, 1, 0];
    for (id, data) in [(0x0002_800c_u32, &b"the text\0"[..]), (0x0006_9002, &[0; 14]), (0x0001_8010, b"a.pdf\0"), (0x0006_800f, b"%PDF")] {
        tnef.push(1);
        tnef.extend(id.to_le_bytes());
        tnef.extend((data.len() as u32).to_le_bytes());
        tnef.extend(data);
        tnef.extend([0, 0]);
    }
    let mut message = multipart("mixed", &[("Content-Type: application/ms-tnef; name=winmail.dat", "WINMAIL")]).into_bytes();
    let at = message.windows(7).position(|seven| seven == b"WINMAIL").unwrap();
    message.splice(at..at + 7, tnef);
    let found = page(&message);
    assert_eq!(text(&found), "the text");
    let listed: Vec<(&str, Option<&str>)> = found.parts.iter().map(|part| (part.number.as_str(), part.name.as_deref())).collect();
    assert_eq!(listed, [("1", Some("winmail.dat")), ("1/1", Some("body.txt")), ("1/2", Some("a.pdf"))]);
    assert_eq!(mime::part(&message, "1/2").unwrap().1, b"%PDF");
}

#[test]
fn an_invitation_stands_above_the_text_and_a_contact_below() {
    let event = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Review \x1b[2J\r\nDTSTART:20261126T080000Z\r\nEND:VEVENT\r\nEND:VCALENDAR";
    let card = "BEGIN:VCARD\r\nFN:Ada\r\nEMAIL:ada@x.example\r\nEND:VCARD";
    let message = multipart(
        "mixed",
        &[
            (PLAIN, "Please come."),
            ("Content-Type: text/calendar; method=REQUEST", event),
            ("Content-Type: application/ics; name=invite.ics\r\nContent-Disposition: attachment", event),
            ("Content-Type: text/vcard; name=ada.vcf", card),
        ],
    );
    let found = page(&message);
    let expect =
        "── Invitation ──\nWhat  Review ␛[2J\nWhen  Thu 26 Nov 2026 08:00\n\nPlease come.\n\n── Contact ──\nName  Ada\nMail  ada@x.example";
    assert_eq!(text(&found), expect);
    assert_eq!(found.parts.iter().filter(|part| part.is_attachment).count(), 3);
}

#[test]
fn text_outside_of_all_parts_is_told() {
    let message = multipart("mixed", &[(PLAIN, "inside")]);
    assert!(page(&message).notes.is_empty());
    let found = page(message + "behind");
    assert!(found.notes.iter().any(|note| note.as_str().contains("outside")), "{:?}", found.notes);
}

#[test]
fn headers_and_source_are_shown_on_demand() {
    let message = "Subject: =?utf-8?Q?caf=C3=A9?=\r\nX-Odd: \x1b[31m\r\n\r\nbody";
    let found = page_with(message, View { all_headers: true, ..VIEW });
    assert_eq!(text(&found), "Subject: café\nX-Odd: ␛[31m\n\nbody");
    let found = page_with(message, View { source: true, ..VIEW });
    assert_eq!(text(&found), "Subject: =?utf-8?Q?caf=C3=A9?=\nX-Odd: ␛[31m\n\nbody");
}

#[test]
fn a_message_of_files_says_so() {
    let message = multipart("mixed", &[("Content-Type: image/png; name=a.png", "x")]);
    assert_eq!(text(&page(message)), "This message has no text, only a file.");
}

#[test]
fn charsets_unknown_and_wrong_still_give_text() {
    let found = page("Content-Type: text/plain; charset=x-klingon\r\n\r\nwords");
    assert_eq!(text(&found), "words");
    assert!(found.notes[0].as_str().contains("x-klingon"));
    assert_eq!(text(&page(b"Content-Type: text/html\r\n\r\n<meta charset='windows-1251'>\xcf\xf0\xe8")), "При");
    assert_eq!(
        text(&page("Content-Transfer-Encoding: base64\r\n\r\nThis is no base64 at all, is it?")),
        "This is no base64 at all, is it?"
    );
}

#[test]
fn narrow_pages_stay_narrow() {
    let message = format!(
        "{HTML}\r\n\r\n<table><tr><th>Item<th>Price</tr><tr><td>A long rope<td>€12</tr></table><blockquote>{}</blockquote>",
        "quoted words ".repeat(20)
    );
    for width in [0, 1, 10, 20, 40, 80, 500] {
        page_with(&message, View { width, ..VIEW });
    }
}

#[test]
fn search_sees_the_text_of_every_shown_part() {
    let message = multipart("mixed", &[(PLAIN, "first words"), (HTML, "<p>second&nbsp;<b>words</b><style>.x{}</style>")]);
    let found = mime::search_text(message.as_bytes());
    assert!(found.contains("first words") && found.contains("second") && !found.contains(".x"), "{found}");
    let long = format!("Subject: x\r\n\r\n{}", "é".repeat(1_000_000));
    assert!(mime::search_text(long.as_bytes()).len() <= 256 * 1024);
}

#[test]
fn scripts_get_text_and_html() {
    let message = multipart("alternative", &[(PLAIN, "> quoted\r\na\x1b[31m answer"), (HTML, "<p>\x1bx</p>")]);
    assert_eq!(mime::text(message.as_bytes()), "> quoted\na␛[31m answer\n");
    assert_eq!(mime::html(message.as_bytes()).as_deref(), Some("<p>x</p>"));
    assert_eq!(mime::html(b"Subject: x\r\n\r\ny"), None);
}
