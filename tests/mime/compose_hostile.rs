//! Two hundred strings made to add a header line, in every field of a draft and through answers to hostile mail: none adds
//! one, none crashes.

use super::compose::{WHEN, compose, file, simple};
use postrider::mail::draft::{AnswerKind, Answered, ReplyTo};
use postrider::mail::{Address, Draft, Identity, mailto};
use postrider::mime::{self, Purpose};

/// What stands between the innocent part and the injected one.
const BREAKS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\n\r",
    "\r\r\n",
    "\r\n ",
    "\r\n\t",
    "\0\r\n",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{b}",
    "\u{c}",
    "\r\n\r\n",
    "\u{560d}\u{560a}",
    "%0d%0a",
    "\\r\\n",
    "=0D=0A",
    "=?utf-8?q?=0d=0a?=",
    "=?utf-8?B?DQo=?=",
];

/// What is to be injected.
const PAYLOADS: &[&str] = &[
    "Bcc: eve@evil.example",
    "X-Evil: 1",
    ".\r\nMAIL FROM:<eve@evil.example>",
    "\" <eve@evil.example>, \"",
    "> , <eve@evil.example",
    "Content-Type: text/html\r\n\r\n<script>",
    "--=boundary\r\n",
    "\u{202e}moc.elpmaxe",
    "\x1b]0;x\x07\u{9b}31m",
    "\u{0}\u{1}\u{7f}\u{fffe}\u{10ffff}",
];

fn strings() -> Vec<String> {
    let mut out: Vec<String> = BREAKS.iter().flat_map(|line| PAYLOADS.iter().map(move |payload| format!("plan{line}{payload}"))).collect();
    out.extend([
        String::new(),
        " ".into(),
        "a".repeat(5000),
        "\u{301}".repeat(2000),
        "=?".repeat(2000),
        "\u{1f469}\u{200d}".repeat(1000),
        "a ".repeat(5000),
        "\"".into(),
        "\\".into(),
        "=".repeat(2000),
    ]);
    out
}

type Put = fn(&mut Draft, &str);

/// The fields of a draft, each with a hostile text in it.
const FIELDS: &[(&str, Put)] = &[
    ("from name", |draft, text| draft.from.name = text.into()),
    ("from address", |draft, text| draft.from.address = text.into()),
    ("to", |draft, text| draft.to = text.into()),
    ("to name", |draft, text| draft.to = Address::new(text, "bob@x.example").typed()),
    ("quoted name", |draft, text| draft.cc = format!("\"{text}\" <bob@x.example>")),
    ("comment", |draft, text| draft.bcc = format!("bob@x.example ({text})")),
    ("reply-to", |draft, text| draft.reply_to = format!("{text} <bob@x.example>")),
    ("subject", |draft, text| draft.subject = text.into()),
    ("text", |draft, text| draft.text = text.into()),
    ("in-reply-to", |draft, text| draft.in_reply_to = Some(text.into())),
    ("references", |draft, text| draft.references = vec!["a@b".into(), text.into()]),
    ("message-id", |draft, text| draft.rfc_message_id = text.into()),
    ("file name", |draft, text| draft.attachments = vec![file(text, "text/plain", b"x")]),
    ("file type", |draft, text| draft.attachments = vec![file("x", text, b"x")]),
    ("file type tail", |draft, text| draft.attachments = vec![file("x", &format!("text/{text}"), b"x")]),
    ("account", |draft, text| draft.account = text.into()),
    ("answered", |draft, text| draft.answers = vec![Answered { rfc_message_id: text.into(), kind: AnswerKind::Forward }]),
];

fn addresses(bytes: &[u8]) -> Vec<String> {
    let envelope = mime::envelope(bytes);
    envelope.to.into_iter().chain(envelope.cc).map(|one| one.address).collect()
}

#[test]
fn no_string_in_any_field_adds_a_line() {
    let strings = strings();
    assert!(strings.len() >= 200);
    let mut refused = 0;
    for (name, put) in FIELDS {
        for text in &strings {
            let mut draft = simple();
            put(&mut draft, text);
            let files = vec![b"x".to_vec(); draft.attachments.len()];
            // the scanner in `compose` counts fields and lines
            let kept = compose(&draft, &files, Purpose::Keep).unwrap().bytes;
            assert_eq!(mime::draft(&kept).1, files, "{name}: {text:?}");
            match compose(&draft, &files, Purpose::Send) {
                Ok(sent) => {
                    let allowed = ["priya@north.example", "bob@x.example"];
                    assert!(
                        sent.recipients.iter().all(|one| allowed.contains(&one.as_str()) || *name == "to" || name.starts_with("quoted")),
                        "{name}: {text:?} {:?}",
                        sent.recipients
                    );
                    assert!(addresses(&sent.bytes).iter().all(|one| sent.recipients.contains(one) || one.is_empty()), "{name}: {text:?}");
                }
                Err(why) => {
                    refused += 1;
                    assert!(!why.to_string().contains(['\r', '\n', '\u{1b}']), "{why}");
                }
            }
        }
    }
    assert!(refused > 100 && refused < strings.len() * 5, "{refused} refused");
}

/// A header that carries a hostile text, raw and in disguise.
const ORIGINALS: &[fn(&str) -> String] = &[
    |text| format!("From: \"{text}\" <a@x.example>\nSubject: s\n\nhi\n"),
    |text| format!("From: =?utf-8?B?{}?= <a@x.example>\n\nhi\n", base64(text)),
    |text| format!("From: a@x.example\nSubject: =?utf-8?B?{}?=\n\nhi\n", base64(text)),
    |text| format!("From: a@x.example\nSubject: {text}\nMessage-ID: <{text}@x>\nReferences: <{text}> <a@b>\n\nhi\n"),
    |text| format!("From: a@x.example\nReply-To: =?utf-8?B?{}?= <r@x.example>, <{text}>\nTo: {text} <me@x.example>\n\nhi\n", base64(text)),
    |text| format!("From: a@x.example\nList-Post: <mailto:{text}>\nTo: {text}\n\nhi\n"),
    |text| format!("From: a@x.example\nContent-Type: text/{text}; name=\"{text}\"\n\n{text}\n"),
    |text| {
        format!(
            "From: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhi\n--b\nContent-Type: image/png\nContent-Disposition: attachment; filename*=utf-8''{}\n\nx\n--b--\n",
            text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>()
        )
    },
];

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn answers_and_forwards_of_hostile_mail_add_no_line() {
    let me = [Identity { account: "work".into(), from: Address::new("Ada", "me@x.example"), signature: Some("Ada".into()) }];
    for text in strings() {
        for make in ORIGINALS {
            let original = make(&text).into_bytes();
            for to in [ReplyTo::Sender, ReplyTo::All, ReplyTo::List] {
                let draft = mime::reply(&original, to, &me, WHEN);
                assert!(!draft.subject.chars().chain(draft.to.chars()).chain(draft.cc.chars()).any(char::is_control), "{draft:?}");
                assert!(!draft.text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{draft:?}");
                compose(&draft, &[], Purpose::Keep).unwrap();
                if !draft.to.is_empty() {
                    compose(&draft, &[], Purpose::Send).unwrap();
                }
            }
            for whole in [false, true] {
                let (draft, files) = mime::forward(std::slice::from_ref(&original), whole, &me, WHEN);
                let draft = Draft { to: "bob@x.example".into(), ..draft };
                assert_eq!(compose(&draft, &files, Purpose::Send).unwrap().recipients, ["bob@x.example"]);
            }
        }
    }
}

#[test]
fn links_add_no_line_and_no_file() {
    for text in strings() {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let link = format!("mailto:bob@x.example?subject={encoded}&body={encoded}&cc={encoded}&in-reply-to={encoded}&attach={encoded}");
        let mut draft = Draft { from: Address::new("", "me@x.example"), ..Draft::default() };
        mailto::parse(&link).unwrap().fill(&mut draft);
        assert!(draft.attachments.is_empty());
        compose(&draft, &[], Purpose::Keep).unwrap();
        let _refused = compose(&draft, &[], Purpose::Send);
    }
}

/// What an attacker puts into the field in which kept drafts carry themselves.
#[test]
fn a_forged_draft_is_only_a_draft() {
    for state in [
        "",
        "e30=",
        "!!",
        "bnVsbA==",
        "W10=",
        &base64("{\"draft\":{\"bcc\":\"eve@x.example\",\"account\":7}}"),
        &base64(
            "{\"draft\":{\"bcc\":\"eve@x.example\",\"attachments\":[{\"file\":5,\"name\":\"/etc/passwd\",\"content_type\":\"a/b\",\"size\":1}]}}",
        ),
    ] {
        let message = format!("From: a@x.example\r\nTo: b@x.example\r\nX-Postrider-Draft: {state}\r\n\r\nhi\r\n");
        let (draft, files) = mime::draft(message.as_bytes());
        assert_eq!((draft.bcc.as_str(), draft.to.as_str(), draft.attachments.len(), files.len()), ("", "b@x.example", 0, 0), "{state}");
    }
}
