//! Pictures in the page of a message: where they stand, and which are drawn.

use super::support::{VIEW, facts, multipart, page, page_with};
use base64::Engine as _;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use postrider::mail::MessageId;
use postrider::mail::page::{Page, View};
use postrider::mime;

const PLAIN: &str = "Content-Type: text/plain; charset=utf-8";
const HTML: &str = "Content-Type: text/html; charset=utf-8";
const DRAWN: View = View { pictures: 6, ..VIEW };

/// A PNG of 8×8 pixels of one colour, as base64.
fn png(color: [u8; 3]) -> String {
    let mut out = std::io::Cursor::new(Vec::new());
    DynamicImage::from(RgbImage::from_pixel(8, 8, Rgb(color))).write_to(&mut out, ImageFormat::Png).unwrap();
    base64::engine::general_purpose::STANDARD.encode(out.into_inner())
}

/// The header of a picture part.
fn part(name: &str, more: &str) -> String {
    format!("Content-Type: image/png; name={name}\r\nContent-Transfer-Encoding: base64{more}")
}

/// The lines as text; of a picture its colour and width in each.
fn lines(page: &Page) -> Vec<String> {
    let line = |line: &postrider::mail::page::Line| match line.halves.first() {
        Some([[red, green, blue], _]) => format!("{}{red},{green},{blue}×{}", "> ".repeat(line.quote.into()), line.halves.len()),
        None => line.text(),
    };
    page.lines.iter().map(line).collect()
}

#[test]
fn pictures_are_drawn_only_where_they_are_asked_for() {
    let (header, red) = (part("red.png", ""), png([255, 0, 0]));
    let message = multipart("mixed", &[(PLAIN, "Look:"), (&header, &red)]);
    assert_eq!(lines(&page(&message)), ["Look:"]);
    assert_eq!(lines(&page_with(&message, View { source: true, ..DRAWN })).iter().filter(|line| line.contains("255,0,0")).count(), 0);
    let row = "255,0,0×8";
    assert_eq!(lines(&page_with(&message, DRAWN)), ["Look:", "", "[red.png, PNG 8×8]", row, row, row, row]);
    assert_eq!(lines(&page_with(&message, View { pictures: 2, ..DRAWN })).len(), 3 + 4, "no lower than four rows");
    let cut = mime::page(MessageId(1), message.as_bytes(), false, &[], DRAWN, &Default::default());
    assert_eq!(lines(&cut), ["Look:"], "what is not here yet is not called broken");
}

#[test]
fn html_has_its_pictures_where_it_names_them_and_each_once() {
    let html = "<p>Before</p><p><img src='CID:red%40x' alt='A boat'></p><p>After</p><img src=cid:red@x><img src=cid:none@x>\
        <img src=https://t.example/remote.png><blockquote>said <img src='cid:blue@x'></blockquote>";
    let (red, blue, other) =
        (part("red.png", "\r\nContent-ID: <red@x>"), part("blue.png", "\r\nContent-ID: <blue@x>"), part("other.png", ""));
    let message = multipart("related", &[(HTML, html), (&blue, &png([0, 0, 255])), (&red, &png([255, 0, 0])), (&other, &png([0, 255, 0]))]);
    let found = lines(&page_with(&message, DRAWN));
    let words: Vec<&str> = found.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    let mut expect = vec!["Before", "[image: A boat]", "[red.png, PNG 8×8]"];
    expect.extend(["255,0,0×8"; 4]);
    expect.extend(["After", "said", "[blue.png, PNG 8×8]"]);
    expect.extend(["> 0,0,255×8"; 4]);
    expect.push("[other.png, PNG 8×8]");
    expect.extend(["0,255,0×8"; 4]);
    assert_eq!(words, expect);
}

#[test]
fn what_can_not_be_drawn_says_why_and_the_rest_is_drawn() {
    let (bad, good) = (part("bad.png", ""), part("good.png", ""));
    let message = multipart("mixed", &[(PLAIN, "Look:"), (&bad, "JVBERi0xLjc="), (&good, &png([255, 0, 0]))]);
    let found = lines(&page_with(&message, DRAWN));
    assert_eq!(found[2], "[bad.png can't be drawn: it is no PNG, JPEG, GIF or WebP]");
    assert_eq!(found[4..6], ["[good.png, PNG 8×8]", "255,0,0×8"]);
}

#[test]
fn a_message_of_many_pictures_has_an_end() {
    let (header, red) = (part("red.png", ""), png([255, 0, 0]));
    let parts: Vec<(&str, &str)> =
        std::iter::once((PLAIN, "Look:")).chain(std::iter::repeat_n((header.as_str(), red.as_str()), 40)).collect();
    let found = lines(&page_with(multipart("mixed", &parts), DRAWN));
    assert_eq!(found.iter().filter(|line| line.contains("PNG 8×8")).count(), 16);
    assert_eq!(found.last().map(String::as_str), Some("24 more pictures are not drawn here; o opens each of them."));
}

/// A sender who writes the characters that stand for pictures moves nothing but his own.
#[test]
fn letters_of_a_message_stand_for_no_picture_of_another() {
    let html = "<p>a\u{f0000}b\u{f0001}c</p><p><img src=cid:red@x></p>";
    let red = part("red.png", "\r\nContent-ID: <red@x>");
    let message = multipart("related", &[(HTML, html), (&red, &png([255, 0, 0]))]);
    let found = lines(&page_with(&message, DRAWN));
    assert_eq!(found.iter().filter(|line| line.contains("255,0,0")).count(), 4, "{found:?}");
    assert!(found[0].starts_with("ab") && found[0].ends_with('c'), "{found:?}");
}

#[test]
fn what_is_elsewhere_is_only_told_until_it_was_fetched() {
    let html = "<img src='https://a.example/1.png' alt=One><img src='//b.example/2.png'><img src='https://a.example/1.png'>\
        <img src='http://c.example/3.png'><img src='https://d.example/4.png' width=1 height=1><img src='https://e.example/a b'>\
        <div style='display:none'><img src='https://f.example/5.png'></div>";
    let message = format!("{HTML}\r\n\r\n{html}");
    let found = page_with(&message, DRAWN);
    assert_eq!(found.remote, ["https://a.example/1.png", "https://b.example/2.png"]);
    assert!(found.lines.iter().all(|line| line.halves.is_empty()) && !found.has_pictures());
    assert_eq!(facts(&found)[1], "6 remote images blocked");

    let octets = base64::engine::general_purpose::STANDARD.decode(png([255, 0, 0])).unwrap();
    let fetched = [("https://a.example/1.png".to_owned(), octets), ("https://never.example/".to_owned(), b"x".to_vec())];
    let setting = mime::Setting { fetched: std::sync::Arc::new(fetched.into_iter().collect()), ..Default::default() };
    let found = mime::page(MessageId(1), message.as_bytes(), true, &[], DRAWN, &setting);
    assert_eq!(found.remote, ["https://b.example/2.png"]);
    let row = "255,0,0×8";
    let words: Vec<String> = lines(&found).into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(words, ["[image: One]", "[a.example, PNG 8×8]", row, row, row, row]);
    assert_eq!(facts(&found)[1], "4 remote images blocked");
    let off = mime::page(MessageId(1), message.as_bytes(), true, &[], VIEW, &setting);
    assert!(off.has_pictures() && off.lines.iter().all(|line| line.halves.is_empty()));
}
