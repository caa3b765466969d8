//! What is tried with bytes of any kind: each target reads them as one kind of foreign input and checks what must hold whatever they
//! are. Shared by the test that plays the kept seeds and by the coverage-guided runs (`guided/`).

use postrider::mail::page::View;
use postrider::mail::{Address, DisplayText, HeaderValue, Identity, MessageId, Query, SafeFileName, address, mailto, when};
use postrider::mime::{self, Setting};
use postrider::remote::imap::{frame, parse, set, structure};

#[path = "../support/page.rs"]
mod whole;

use whole::{assert_clean, check};

/// Takes whatever comes; panics where it must not.
pub type Target = fn(&[u8]);

pub const TARGETS: &[(&str, Target)] =
    &[("page", page), ("html", html), ("headers", headers), ("dates", dates), ("clean", clean), ("imap", imap)];

const WIDTH: u16 = 40;
const VIEW: View = View { width: WIDTH, all_headers: false, other_alternative: false, source: false, pictures: 0 };

/// A message as every view, answered, passed on, taken apart.
fn page(bytes: &[u8]) {
    let views = [
        VIEW,
        View { other_alternative: true, ..VIEW },
        View { all_headers: true, ..VIEW },
        View { source: true, ..VIEW },
        View { pictures: 8, ..VIEW },
    ];
    views.into_iter().for_each(|view| check(&mime::page(MessageId(1), bytes, true, &[], view, &Setting::default())));
    mime::page(MessageId(1), bytes, false, &[], VIEW, &Setting::default());
    mime::search_text(bytes);
    mime::sealed(bytes);
    for part in mime::parts(bytes) {
        assert!(mime::part(bytes, &part.number).is_some(), "part {} is listed and not there", part.number);
    }
    let now = mime::Sent { unix: 1_700_000_000, offset_minutes: 60 };
    let me = [Identity { from: Address::new("Me", "me@here.example"), ..Identity::default() }];
    mime::reply(bytes, postrider::mail::draft::ReplyTo::All, &me, now);
    mime::forward(&[bytes.to_vec()], false, &me, now);
    mime::draft(bytes);
}

fn html(bytes: &[u8]) {
    let mut message = b"Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n".to_vec();
    message.extend_from_slice(bytes);
    check(&mime::page(MessageId(1), &message, true, &[], VIEW, &Setting::default()));
    mime::text(&message);
}

/// A header block, alone and before a text.
fn headers(bytes: &[u8]) {
    mime::envelope(bytes);
    mime::arrived(bytes);
    let message = [bytes, b"\r\n\r\ntext\r\n"].concat();
    check(&mime::page(MessageId(1), &message, true, &[], View { all_headers: true, ..VIEW }, &Setting::default()));
    let text = String::from_utf8_lossy(bytes);
    address::readable(&text);
    if let Ok(list) = address::parse_list(&text) {
        assert_eq!(address::parse_list(&address::typed_list(&list)).as_ref(), Ok(&list), "{text:?}");
    }
}

/// A date of a message, and one that a user types.
fn dates(bytes: &[u8]) {
    let now = jiff::Timestamp::from_second(1_700_000_000).expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
    mime::envelope(&[b"Date: ", bytes, b"\r\n"].concat());
    mime::arrived(&[b"Received: from a by b; ", bytes, b"\r\n"].concat());
    let text = String::from_utf8_lossy(bytes);
    let _ = when::parse(&text, &now);
    Query::parse(&text, &now);
}

/// The three borders that foreign text crosses, and addresses to write to.
fn clean(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let shown = DisplayText::new(&text);
    assert_clean(&shown);
    assert_clean(&DisplayText::capped(&text, 7));
    let name = SafeFileName::new(&text, "part");
    let is_hidden = name.as_str().starts_with('.');
    assert!(!is_hidden && !name.as_str().is_empty() && !name.as_str().contains(['/', '\0']) && name.as_str().len() <= 255, "{name:?}");
    assert!(!HeaderValue::new(&text).as_str().contains(['\r', '\n', '\0']), "{text:?}");
    let _ = mailto::parse(&text);
}

/// What an IMAP server sends, in one piece and octet by octet.
fn imap(bytes: &[u8]) {
    let whole = frames(bytes.chunks(bytes.len().max(1)));
    assert_eq!(whole, frames(bytes.chunks(1)), "frames depend on how the octets come");
    for frame in whole {
        structure::structure(&frame.bytes, frame.too_deep);
        if let parse::Response::Fetch(fetch) = parse::response(&frame.bytes)
            && let Some(raw) = fetch.structure
        {
            structure::structure(&raw, frame.too_deep);
        }
        set::parse(&String::from_utf8_lossy(&frame.bytes));
    }
}

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<frame::Frame> {
    let mut framer = frame::Framer::new(frame::Limits { line: 1 << 12, literals: 1 << 12 });
    let mut frames = Vec::new();
    for piece in pieces {
        framer.feed(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
    }
    frames
}
