//! What mail-parser 0.11.9 is known to get wrong, and what must come out here. Each stays a test, whoever
//! parses.

use super::support::{multipart, page, text};
use postrider::mime;

#[test]
fn boundary_text_in_a_line_cuts_nothing() {
    let message = multipart("mixed", &[("Content-Type: text/plain", "before\r\nthe line --b has it, and --b-- too\r\nafter")]);
    assert_eq!(text(&page(message)), "before\nthe line --b has it, and --b-- too\nafter");
}

#[test]
fn folded_file_names_are_found() {
    let message = multipart("mixed", &[("Content-Disposition: attachment; filename=\r\n \"abc.pdf\"", "x")]);
    assert_eq!(mime::parts(message.as_bytes())[0].name.as_deref(), Some("abc.pdf"));
}

#[test]
fn a_cut_multipart_still_shows_its_text() {
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nthe text";
    let found = page(message);
    assert_eq!(text(&found), "the text");
    assert!(!found.parts[0].is_attachment);
    assert!(found.notes[0].as_str().contains("cut"), "{:?}", found.notes);
}

#[test]
fn apostrophes_in_extended_names_stay() {
    let message = multipart("mixed", &[("Content-Disposition: attachment; filename*=utf-8''O'Brien.txt", "x")]);
    assert_eq!(mime::parts(message.as_bytes())[0].name.as_deref(), Some("O'Brien.txt"));
}

#[test]
fn a_character_split_over_two_encoded_words_is_whole() {
    let found = mime::envelope(
        b"Subject: =?utf-8?B?4pg=?= =?utf-8?B?gw==?=\r\nFrom: =?utf-8?Q?J=C3?=\r\n =?utf-8?Q?=BCrgen?= <j@b.example>\r\n\r\n",
    );
    assert_eq!(found.subject, "☃");
    assert_eq!((found.from[0].name.as_str(), found.from[0].address.as_str()), ("Jürgen", "j@b.example"));
}

#[test]
fn base64_without_padding_keeps_its_last_bytes() {
    for (encoded, expect) in [("aGVsbG8", "hello"), ("aGVsbA", "hell"), ("aGVs\r\nbG8=", "hello")] {
        let message = multipart("mixed", &[("Content-Type: a/b\r\nContent-Transfer-Encoding: base64", encoded)]);
        assert_eq!(mime::part(message.as_bytes(), "1").unwrap().1, expect.as_bytes(), "{encoded}");
    }
}

#[test]
fn stray_equal_signs_leave_quoted_printable_readable() {
    let message = "Content-Transfer-Encoding: quoted-printable\r\n\r\na == b, caf=C3=A9 =\r\nend=";
    assert_eq!(text(&page(message)), "a == b, café end=");
}

#[test]
fn what_only_looks_like_an_encoded_word_stays() {
    assert_eq!(mime::envelope(b"Subject: abc=?utf-8?Q?x?=def\r\n").subject, "abc=?utf-8?Q?x?=def");
}

#[test]
fn raw_8bit_text_is_guessed() {
    assert_eq!(mime::envelope(b"Subject: caf\xe9\r\n").subject, "café");
    assert_eq!(text(&page(b"Subject: x\r\n\r\ncaf\xe9 au lait\r\n")), "café au lait");
    assert_eq!(text(&page("Subject: x\r\n\r\ncafé au lait\r\n")), "café au lait");
}

#[test]
fn a_date_without_seconds_is_a_date() {
    assert_eq!(mime::envelope(b"Date: Mon, 1 Jan 24 10:00 EST\r\n").date, Some(1_704_121_200));
}

#[test]
fn empty_and_headerless_messages_are_messages() {
    assert_eq!(text(&page("")), "This message has no text.");
    assert_eq!(text(&page("just some words\r\nand more")), "just some words\nand more");
    assert_eq!(text(&page("\r\nbody")), "body");
}

#[test]
fn the_first_of_two_from_lines_counts_and_the_reader_is_told() {
    let found = page("From: a@b.example\r\nFrom: e@vil.example\r\n\r\nhi");
    assert_eq!(found.from[0].address, "a@b.example");
    assert!(found.notes.iter().any(|note| note.as_str().contains("e@vil.example")));
}

#[test]
fn names_can_not_end_a_header_line() {
    let found = mime::envelope(b"From: =?utf-8?q?x=0d=0aBcc:_e=40e.e?= <a@b.example>\r\n");
    assert_eq!(found.from[0].name, "x Bcc: e@e.e");
}
