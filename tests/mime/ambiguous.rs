//! Messages that can be read in two ways. Which of the two is ours is fixed here, a row for each, so that it is the same in the list,
//! in the reader and in what is saved, and so that nothing of the other reading goes unseen.

use super::support::{nothing_unseen, page, text};

/// (what is ambiguous, message, text shown, types of the parts, a word of the notes or warnings; "" = none).
type Case = (&'static str, &'static str, &'static str, &'static [&'static str], &'static str);

const CASES: &[Case] = &[
    // fields that repeat: the first counts
    ("From", "From: a@x.y\r\nFrom: b@x.y\r\n\r\nhi", "hi", &["text/plain"], "several From"),
    ("From in another case", "FROM: a@x.y\r\nfrom: b@x.y\r\n\r\nhi", "hi", &["text/plain"], "several From"),
    ("Content-Type", "From: a@x.y\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n\r\n<b>hi", "<b>hi", &["text/plain"], ""),
    (
        "multipart and text",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Type: text/plain\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
        "one",
        &["text/plain"],
        "",
    ),
    (
        "text and multipart",
        "From: a@x.y\r\nContent-Type: text/plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--",
        "--b\n\none\n--b--",
        &["text/plain"],
        "",
    ),
    (
        "Content-Transfer-Encoding",
        "From: a@x.y\r\nContent-Transfer-Encoding: base64\r\nContent-Transfer-Encoding: 7bit\r\n\r\naGVsbG8=",
        "hello",
        &["text/plain"],
        "",
    ),
    (
        "boundary",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n--b\r\n\r\none\r\n--c\r\ntwo\r\n--b--\r\n",
        "one\n--c\ntwo",
        &["text/plain"],
        "",
    ),
    ("charset", "From: a@x.y\r\nContent-Type: text/plain; charset=utf-8; charset=utf-16\r\n\r\nhi", "hi", &["text/plain"], ""),
    ("Date", "From: a@x.y\r\nDate: never\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\nhi", "hi", &["text/plain"], "date"),
    // names of parameters and of fields
    ("a blank before the colon", "From : a@x.y\r\nContent-Type : text/html\r\n\r\n<b>hi", "hi", &["text/html"], ""),
    ("no MIME-Version", "From: a@x.y\r\nContent-Type: text/html\r\n\r\n<b>hi", "hi", &["text/html"], ""),
    ("a type without its subtype", "From: a@x.y\r\nContent-Type: text\r\n\r\n<b>hi", "<b>hi", &["text/plain"], ""),
    (
        "no semicolon",
        "From: a@x.y\r\nContent-Type: multipart/mixed boundary=\"b\"\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
        "one",
        &["text/plain"],
        "",
    ),
    (
        "no semicolon behind a quoted parameter",
        "From: a@x.y\r\nContent-Type: multipart/mixed; x=\"y\" boundary=\"b\"\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
        "one",
        &["text/plain"],
        "",
    ),
    ("a comment in the type", "From: a@x.y\r\nContent-Type: text/html (really)\r\n\r\n<b>hi", "hi", &["text/html"], ""),
    ("an encoding with a comment", "From: a@x.y\r\nContent-Transfer-Encoding: base64 (x)\r\n\r\naGVsbG8=", "hello", &["text/plain"], ""),
    ("an unknown encoding", "From: a@x.y\r\nContent-Transfer-Encoding: x-new\r\n\r\nhi", "hi", &["text/plain"], ""),
    // where the header ends
    ("a broken line in the header", "From: a@x.y\r\nbroken\r\nSubject: s\r\n\r\nhi", "hi", &["text/plain"], "no field"),
    ("a fold of blanks", "From: a@x.y\r\n \r\nSubject: s\r\n\r\nhi", "hi", &["text/plain"], ""),
    ("no blank line", "From: a@x.y\r\nthis is text\r\n\r\nmore", "this is text\n\nmore", &["text/plain"], ""),
    ("line ends of two kinds", "From: a@x.y\nContent-Type: text/html\r\n\n<b>hi", "hi", &["text/html"], ""),
    ("no header", "\r\nhi", "hi", &["text/plain"], "no sender"),
    // boundaries
    (
        "a boundary in quotes and not",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=\"b c\"\r\n\r\n--b c\r\n\r\none\r\n--b c--\r\n",
        "one",
        &["text/plain"],
        "",
    ),
    (
        "blanks behind a boundary",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b  \t\r\n\r\none\r\n--b--  \r\n",
        "one",
        &["text/plain"],
        "",
    ),
    (
        "more text behind a boundary",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--bc\r\ntwo\r\n--b--\r\n",
        "one\n--bc\ntwo",
        &["text/plain"],
        "",
    ),
    (
        "a boundary within a line",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx --b\r\n\r\ny\r\n--b--\r\n",
        "x --b\n\ny",
        &["text/plain"],
        "",
    ),
    (
        "a boundary that begins another",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n--ab\r\n\r\none\r\n--ab--\r\n--a\r\n\r\ntwo\r\n--a--\r\n",
        "one\n\n────────────────────\n\ntwo",
        &["text/plain", "text/plain"],
        "",
    ),
    (
        "the same boundary within itself",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\none\r\n--a--\r\n--a--\r\n",
        "one",
        &["text/plain"],
        "",
    ),
    (
        "no closing boundary",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo",
        "one\n\n────────────────────\n\ntwo",
        &["text/plain", "text/plain"],
        "cut",
    ),
    (
        "an inner end is missing",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
        "one\n\n────────────────────\n\ntwo",
        &["text/plain", "text/plain"],
        "",
    ),
    (
        "no boundary named",
        "From: a@x.y\r\nContent-Type: multipart/mixed\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
        "--b\n\none\n--b--",
        &["multipart/mixed"],
        "",
    ),
    (
        "an empty boundary",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\none\r\n----\r\n",
        "--\n\none\n----",
        &["multipart/mixed"],
        "",
    ),
    (
        "an encoded multipart",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\n--b\r\n\r\none\r\n--b--\r\n",
        "one",
        &["text/plain"],
        "",
    ),
    // text in no part
    (
        "text before the parts",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nhidden\r\n--b\r\n\r\none\r\n--b--\r\n",
        "one",
        &["text/plain"],
        "outside",
    ),
    (
        "text behind the parts",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\nhidden\r\n",
        "one",
        &["text/plain"],
        "outside",
    ),
    (
        "text behind base64",
        "From: a@x.y\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\nThe list's footer.\r\n",
        "hello\nThe list's footer.",
        &["text/plain"],
        "",
    ),
    (
        "a part without a text",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n--b\r\n\r\ntwo\r\n--b--\r\n",
        "two",
        &["text/plain", "text/plain"],
        "",
    ),
    // what is not gone after
    (
        "a body elsewhere",
        "From: a@x.y\r\nContent-Type: message/external-body; access-type=local-file; name=\"/etc/passwd\"\r\n\r\nContent-Type: text/plain\r\n\r\n",
        "Content-Type: text/plain",
        &["message/external-body"],
        "not fetched",
    ),
    (
        "a piece of a message",
        "From: a@x.y\r\nContent-Type: message/partial; id=x; number=2; total=3\r\n\r\nthe middle",
        "the middle",
        &["message/partial"],
        "not put together",
    ),
    (
        "an encoded message",
        "From: a@x.y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA0KDQp5\r\n--b--\r\n",
        "one",
        &["text/plain", "message/rfc822"],
        "",
    ),
    // encoded words where none may be
    ("an encoded word for an address", "From: =?utf-8?Q?a=40x.y?=\r\n\r\nhi", "hi", &["text/plain"], "no sender"),
    ("several senders in one line", "From: a@x.y, b@x.y\r\n\r\nhi", "hi", &["text/plain"], ""),
];

#[test]
fn of_two_readings_always_the_same_is_taken() {
    assert!(CASES.len() >= 40);
    for (what, message, expect, parts, word) in CASES {
        let found = page(message);
        assert_eq!(text(&found), *expect, "{what}");
        let types: Vec<&str> = found.parts.iter().map(|part| part.content_type.as_str()).collect();
        assert_eq!(&types, parts, "{what}");
        let told: Vec<&str> = found.notes.iter().chain(&found.warnings).map(|told| told.as_str()).collect();
        let is_told = if word.is_empty() { told.is_empty() } else { told.iter().any(|told| told.contains(word)) };
        assert!(is_told, "{what}: {told:?}");
        assert_eq!(nothing_unseen(message.as_bytes()), Ok(()), "{what}");
    }
}
