//! Who a message is really from: shapes that made other programs show another sender, and forged verdicts.

use super::support::{check, multipart, page, text};
use postrider::mail::page::{Verdict, View};
use postrider::mail::{DisplayText, MessageId};
use postrider::mime::{self, Setting};

/// From lines that hide evil.example behind ceo@bank.example: encoded words that end names early, line ends, NUL, comments,
/// marks that nobody sees, other letters for "@", several mailboxes.
const DISGUISES: [&str; 14] = [
    "=?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?==?utf-8?Q?=00?==?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?=@evil.example",
    "=?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?==?utf-8?Q?=0A=00?=@evil.example",
    "\"=?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQ==?=\" <eve@evil.example>",
    "=?utf-8?Q?ceo=40bank.example=0D=0A?= <eve@evil.example>",
    "\"ceo@bank.example\" <eve@evil.example>",
    "ceo@bank.example <eve@evil.example>",
    "\"ceo@bank.example\0\" <eve@evil.example>",
    "ceo@bank.example (eve@evil.example) <eve@evil.example>",
    "\"ceo@bank.example\"@evil.example",
    "\"ceo@bank.example\\\" <ceo@bank.example> \\\"\" <eve@evil.example>",
    "=?utf-8?Q?ceo=EF=BC=A0bank=2Eexample?= <eve@evil.example>",
    "=?utf-8?Q?ceo=40bank=2Eexample=E2=80=AE?= <eve@evil.example>",
    "=?utf-8?Q?ceo=40bank=2Eexample?=\r\n =?utf-8?Q?=20=20=20=20=20=20=20=20=20=20=20=20=20=20=20=20=20=20=20=20=20?= <eve@evil.example>",
    "=?utf-8?b?Y2VvQGJhbmsuZXhhbXBsZQo8Y2VvQGJhbmsuZXhhbXBsZT4K?= <eve@evil.example>",
];

#[test]
fn no_disguise_takes_the_place_of_the_address() {
    for from in DISGUISES {
        let found = page(format!("From: {from}\r\nSubject: x\r\n\r\nhello"));
        let addresses: Vec<&str> = found.from.iter().map(|from| from.address.as_str()).collect();
        assert!(addresses.iter().any(|address| address.ends_with("@evil.example")), "{from}: {addresses:?}");
        assert!(!addresses.iter().any(|address| address.ends_with("@bank.example")), "{from}: {addresses:?}");
        assert!(!found.warnings.is_empty(), "{from}: {:?}", found.from);
        assert!(found.from.iter().all(|from| !from.name.chars().chain(from.address.chars()).any(char::is_control)), "{from}");
    }
}

fn setting() -> Setting {
    Setting { authserv_id: Some("mx.home.example".to_owned()), ..Setting::default() }
}

fn verdict(message: &str, setting: &Setting) -> Option<Verdict> {
    let found = mime::page(MessageId(1), message.as_bytes(), true, &[], View { width: 80, ..View::default() }, setting);
    check(&found);
    found.verdict
}

#[test]
fn the_verdict_is_of_the_configured_server_alone() {
    let good = "Authentication-Results: mx.home.example; dmarc=pass header.from=x.example\r\nFrom: Ada <ada@x.example>\r\n\r\nhi";
    assert_eq!(verdict(good, &setting()), Some(Verdict::Verified));
    assert_eq!(verdict(good, &Setting::default()), None, "without a configured server nobody is believed");
    let other = Setting { authserv_id: Some("mx.other.example".to_owned()), ..Setting::default() };
    assert_eq!(verdict(good, &other), None);
    let bad = good.replace("pass", "fail");
    let found = mime::page(MessageId(1), bad.as_bytes(), true, &[], View::default(), &setting());
    assert_eq!(found.verdict, Some(Verdict::Suspect));
    assert!(found.warnings.iter().any(|warning| warning.as_str().contains("your server")), "{:?}", found.warnings);
}

/// Nothing that a message says of itself makes it verified.
#[test]
fn badges_in_a_message_prove_nothing() {
    let claims = "Authentication-Results: mx.home.example; dmarc=pass header.from=bank.example";
    for message in [
        format!("From: ceo@bank.example\r\nSubject: x\r\n\r\n{claims}\r\nverified"),
        format!("From: ceo@bank.example\r\nSubject: verified · {claims}\r\n\r\nx"),
        format!("From: ceo@bank.example\r\nX-A: b\r\n {claims}\r\n\r\nx"),
        format!("From: =?utf-8?Q?x=0D=0A{}?= <ceo@bank.example>\r\n\r\nx", claims.replace('=', "=3D").replace(' ', "_")),
        multipart("mixed", &[(claims, "x")]),
        multipart("mixed", &[("Content-Type: message/rfc822", &format!("{claims}\r\nFrom: ceo@bank.example\r\n\r\nx"))]),
    ] {
        assert_eq!(verdict(&message, &setting()), None, "{message}");
    }
    let list = page("From: a@bank.example\r\nList-Id: verified <x.y>\r\n\r\nx");
    assert!(list.facts.iter().map(DisplayText::as_str).all(|fact| fact.starts_with("list ")), "{:?}", list.facts);
    assert_eq!(text(&list), "x");
}
