//! What a first sync and the opening of a mail cost: cleaning a text, reading a header, laying out a page.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use postrider::mail::page::View;
use postrider::mail::{DisplayText, MessageId};
use postrider::mime;

fn main() {
    divan::main();
}

const HEADER: &str = "Return-Path: <ada@example.org>\r\nReceived: from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby mail.example.net with ESMTPS id abc\r\n\
    From: =?utf-8?Q?J=C3=BCrgen_M=C3=BCller?= <jm@example.org>\r\nTo: Ada Lovelace <ada@example.org>, \"Babbage, Charles\" <cb@example.org>\r\n\
    Subject: =?utf-8?B?R3LDvMOfZSBhdXMgTcO8bmNoZW4=?=\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nMessage-ID: <1234567890@example.org>\r\n\
    References: <1@example.org> <2@example.org>\r\nIn-Reply-To: <2@example.org>\r\nContent-Type: multipart/mixed; boundary=\"abc\"\r\n\r\n";

fn plain_mail() -> String {
    let text = "A line of an ordinary mail, about as long as they are, with https://example.org/a in it.\r\n> quoted once\r\n>> quoted twice\r\n\r\n";
    format!("{}Content-Type: text/plain; charset=utf-8\r\n\r\n{}", HEADER.split("Content-Type").next().unwrap_or(HEADER), text.repeat(40))
}

fn html_mail() -> String {
    let row = "<tr><td style=\"font-size:14px\"><a href=\"https://shop.example/item?id=1\"><img src=\"https://cdn.example/1.png\" alt=\"\"></a><p>A thing with <b>a name</b> and a price of €12</p></td></tr>";
    format!(
        "{}Content-Type: text/html; charset=utf-8\r\n\r\n<table role=presentation>{}</table>",
        HEADER.split("Content-Type").next().unwrap_or(HEADER),
        row.repeat(150)
    )
}

#[divan::bench(args = ["Re: an ordinary subject line of a mail", "日本語の件名 👩‍👩‍👧 and more", "\x1b[31mescapes\u{202e} and\u{200b} marks"])]
fn sanitize(bencher: Bencher<'_, '_>, text: &str) {
    bencher.counter(BytesCount::of_str(text)).bench(|| DisplayText::new(black_box(text)));
}

#[divan::bench]
fn envelope(bencher: Bencher<'_, '_>) {
    bencher.counter(ItemsCount::new(1_usize)).bench(|| mime::envelope(black_box(HEADER.as_bytes())));
}

#[divan::bench]
fn page_of_plain_text(bencher: Bencher<'_, '_>) {
    page(bencher, &plain_mail());
}

#[divan::bench]
fn page_of_html(bencher: Bencher<'_, '_>) {
    page(bencher, &html_mail());
}

#[divan::bench]
fn search_text_of_html(bencher: Bencher<'_, '_>) {
    let mail = html_mail();
    bencher.counter(BytesCount::of_str(&mail)).bench(|| mime::search_text(black_box(mail.as_bytes())));
}

fn page(bencher: Bencher<'_, '_>, mail: &str) {
    let view = View { width: 80, ..View::default() };
    bencher
        .counter(BytesCount::of_str(mail))
        .bench(|| mime::page(MessageId(1), black_box(mail.as_bytes()), true, &[], view, &Default::default()));
}
