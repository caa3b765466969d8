//! Mail made to break readers: bombs, noise, cuts, and escapes in every place.

use super::support::{VIEW, check, multipart, page, text};
use postrider::mail::MessageId;
use postrider::mail::page::View;
use postrider::mime;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Debug builds on a shared machine are slow; in release these take milliseconds.
const LIMIT: Duration = Duration::from_secs(10);

fn within_limit(name: &str, message: impl AsRef<[u8]>) {
    let bytes = message.as_ref();
    let started = Instant::now();
    mime::envelope(bytes);
    let found = mime::page(MessageId(1), bytes, true, &[], VIEW, &Default::default());
    check(&found);
    mime::search_text(bytes);
    assert!(started.elapsed() < LIMIT, "{name}: {:?}", started.elapsed());
}

#[test]
fn deep_messages_are_shown_raw_below_the_bound() {
    let mut multiparts = String::new();
    for level in 0..30_000 {
        multiparts.push_str(&format!("Content-Type: multipart/mixed; boundary=\"{level}\"\r\n\r\n--{level}\r\n"));
    }
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(30_000) + "deep";
    let digest = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(30_000);
    for (name, message) in [("multiparts", &multiparts), ("messages", &messages), ("digests", &digest)] {
        within_limit(name, message);
    }
    let found = page(&messages);
    assert!(found.notes.iter().any(|note| note.as_str().contains("100 levels")), "{:?}", found.notes);
}

#[test]
fn floods_are_bounded() {
    let many_parts = multipart("mixed", &[(&"x: y\r\n\r\n\r\n--b\r\n".repeat(100_000), "end")]);
    let long_header = format!("Subject: {}\r\nTo: {}\r\n\r\nbody", "a".repeat(1_000_000), "(".repeat(1_000_000));
    let groups = format!("To: {}\r\nCc: {}\r\n\r\nbody", ";".repeat(1_000_000), "=?utf-8?q?".repeat(100_000));
    let headers = "X: y\r\n".repeat(100_000) + "\r\nbody";
    let params = format!("Content-Type: text/plain{}\r\n\r\nbody", "; a*1*=b".repeat(100_000));
    let line = format!("Subject: x\r\n\r\n{}", "wörd".repeat(50_000));
    let divs = format!("Content-Type: text/html\r\n\r\n{}text", "<div>".repeat(200_000));
    let tables = format!("Content-Type: text/html\r\n\r\n{}text", "<table><tr><td>".repeat(10_000));
    let quotes = format!("Subject: x\r\n\r\n{}", "> a\r\n".repeat(50_000));
    let marks = format!("Subject: x\r\n\r\na{}", "\u{301}".repeat(100_000));
    let tabs = format!("Subject: x\r\n\r\n{}", "\t".repeat(20_000));
    for (name, message) in [
        ("parts", many_parts),
        ("long header", long_header),
        ("groups", groups),
        ("headers", headers),
        ("parameters", params),
        ("line", line),
        ("divs", divs),
        ("tables", tables),
        ("quotes", quotes),
        ("marks", marks),
        ("tabs", tabs),
    ] {
        within_limit(name, message);
    }
}

#[test]
fn escapes_reach_no_page_from_any_place() {
    let payloads = [
        "\x1b]0;x\x07",
        "\x1b[2J",
        "\u{9b}31m",
        "\u{202e}x",
        "\u{e0041}",
        "\x0e",
        "a\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    ];
    for payload in payloads {
        let quoted: String = payload.bytes().map(|byte| format!("={byte:02X}")).collect();
        let entity: String = payload.chars().map(|c| format!("&#{};", c as u32)).collect();
        for message in [
            format!("Subject: {payload}\r\nFrom: {payload} <a@b.example>\r\n\r\n{payload}"),
            format!("Subject: =?utf-8?Q?{quoted}?=\r\nFrom: =?utf-8?Q?{quoted}?= <a@b.example>\r\nList-Id: <{payload}.x>\r\n\r\nx"),
            format!("Content-Transfer-Encoding: quoted-printable\r\n\r\n{quoted}"),
            format!(
                "Content-Type: text/html\r\n\r\n<p>{entity}</p><a href='https://x.example/{entity}'>{entity}</a><img alt='{entity}x'><pre>{entity}</pre>"
            ),
            multipart("mixed", &[("Content-Type: text/x-log; name*=utf-8''%1b%5b2J.log", payload)]),
            multipart("mixed", &[("Content-Type: image/png; name*=utf-8''%1b%5b2J.png", payload)]),
            format!(
                "X-Odd: {payload}\r\nReply-To: {payload}@x.example\r\nContent-Type: text/plain; charset={payload}\r\n\r\nhttps://x.example/{payload}"
            ),
        ] {
            for view in [
                VIEW,
                View { all_headers: true, ..VIEW },
                View { source: true, ..VIEW },
                View { other_alternative: true, ..VIEW },
                View { pictures: 8, ..VIEW },
            ] {
                let found = mime::page(MessageId(1), message.as_bytes(), true, &[], view, &Default::default());
                check(&found);
                for address in found.from.iter().chain(&found.reply_to) {
                    assert!(!address.name.chars().any(char::is_control) && !address.address.chars().any(char::is_control));
                }
            }
            assert!(!mime::text(message.as_bytes()).chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}

const SAMPLE: &str = "From: =?utf-8?Q?J=C3=BCrgen?= <a@b.example>\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
    Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: text/plain; format=flowed\r\n\r\n> quoted \r\n> text\r\nanswer\r\n\
    --c\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p class=3D\"x\">caf=C3=A9 <a href=3Dhttps://x.example>y</a>\r\n--c--\r\n\
    --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner\r\n--b\r\nContent-Type: image/png; name*=utf-8''%e2%98%83.png\r\n\
    Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--b--\r\n";

#[test]
fn a_message_cut_anywhere_is_a_page() {
    for end in 0..=SAMPLE.len() {
        for whole in [true, false] {
            let view = View { pictures: 8, ..VIEW };
            check(&mime::page(MessageId(1), &SAMPLE.as_bytes()[..end], whole, &[], view, &Default::default()));
        }
    }
    let text_begins = SAMPLE.find("answer").unwrap() + "answer".len();
    assert!(text(&page(&SAMPLE[..text_begins])).contains("answer"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_page(bytes in prop::collection::vec(any::<u8>(), 0..2000), width in 0_u16..120) {
        let view = View { width, ..VIEW };
        check(&mime::page(MessageId(1), &bytes, true, &[], view, &Default::default()));
    }

    #[test]
    fn a_damaged_message_is_a_page(changes in prop::collection::vec((0..SAMPLE.len(), any::<u8>()), 1..30), source: bool, other_alternative: bool, all_headers: bool) {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        let view = View { source, other_alternative, all_headers, ..VIEW };
        check(&mime::page(MessageId(1), &bytes, true, &[], view, &Default::default()));
        mime::parts(&bytes).iter().for_each(|part| assert!(mime::part(&bytes, &part.number).is_some()));
    }

    #[test]
    fn any_markup_is_a_page(pieces in prop::collection::vec(markup(), 0..60), width in 0_u16..100) {
        let message = format!("Content-Type: text/html\r\n\r\n{}", pieces.concat());
        check(&mime::page(MessageId(1), message.as_bytes(), true, &[], View { width, ..VIEW }, &Default::default()));
    }
}

/// Pieces of HTML in any order, most of them open.
fn markup() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "<table>",
        "<tr>",
        "<td>",
        "<td colspan=3>",
        "<th>",
        "</td>",
        "</tr>",
        "</table>",
        "<ul>",
        "<ol start=9>",
        "<li>",
        "</li>",
        "</ul>",
        "</ol>",
        "<blockquote>",
        "</blockquote>",
        "<pre>",
        "</pre>",
        "<a href=https://x.example/1>",
        "<a href='https://y.example'>",
        "</a>",
        "<b>",
        "</b>",
        "<h1>",
        "</h1>",
        "<p>",
        "</p>",
        "<div style='font-size:0'>",
        "<div>",
        "</div>",
        "<dl>",
        "<dt>",
        "<dd>",
        "</dl>",
        "<img src=http://x alt='alt text'>",
        "<br>",
        "<hr>",
        "<code>",
        "</code>",
        "<style>.a{display:none}</style>",
        "<span class=a>",
        "</span>",
        "&nbsp;",
        "&#1;",
        "&#2;",
        "&lt;",
        "word ",
        "日本語",
        "👩‍👩‍👧",
        "a-very-long-word-that-does-not-fit-anywhere-at-all",
        "\n",
        "\t",
        " ",
        "<",
        "<!--",
        "-->",
        "\u{301}",
        "<sup>",
        "</sup>",
    ])
}
