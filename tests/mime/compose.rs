//! Drafts to bytes and back: what a composed message is made of, read by our own parser, by mail-parser, and by a scanner that
//! knows nothing but lines.

use mail_parser::{HeaderValue as Parsed, MessageParser, MimeHeaders};
use postrider::mail::draft::{AnswerKind, Answered, Cursor, Field};
use postrider::mail::{Address, Attachment, Draft, FileId, HeaderValue};
use postrider::mime::{self, ComposeError, Composed, Purpose, Sent};
use proptest::prelude::*;

pub const WHEN: Sent = Sent { unix: 1_795_202_100, offset_minutes: 60 };

pub fn simple() -> Draft {
    Draft {
        account: "work".into(),
        from: Address::new("Ada Lovelace", "ada@work.example"),
        to: "Priya Raman <priya@north.example>".into(),
        subject: "Plan for Friday".into(),
        text: "Hello\n".into(),
        rfc_message_id: "fixed@work.example".into(),
        ..Draft::default()
    }
}

pub fn file(name: &str, content_type: &str, bytes: &[u8]) -> Attachment {
    Attachment { file: FileId(0), name: name.into(), content_type: content_type.into(), size: bytes.len() as u64 }
}

pub fn compose(draft: &Draft, files: &[Vec<u8>], purpose: Purpose) -> Result<Composed, ComposeError> {
    let composed = mime::compose(draft, files, WHEN, purpose, 7)?;
    check_wire(&composed.bytes);
    Ok(composed)
}

fn sent(draft: &Draft) -> String {
    String::from_utf8(compose(draft, &[], Purpose::Send).unwrap().bytes).unwrap()
}

/// Fields that a composed message may have; each at most once.
const FIELDS: &[&str] = &[
    "Date",
    "From",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "X-Forwarded-Message-Id",
    "X-Postrider-Draft",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

/// What holds for the bytes of every message: line ends, line lengths, characters, and no field but ours. Other than ASCII is only
/// an address's local part: nothing encodes it, and RFC 6532 has it as it is.
pub fn check_wire(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap();
    let text = &without_smtputf8_addresses(text);
    assert!(text.ends_with("\r\n"), "no line end at the end");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "a lone CR or LF");
    for line in text.split("\r\n") {
        assert!(line.len() <= 998, "{} octets in a line", line.len());
        assert!(line.chars().all(|c| c == '\t' || (' '..='~').contains(&c)), "{line:?}");
    }
    let mut seen = Vec::new();
    for line in header_lines(text) {
        let folded = line.split_once(": ").filter(|(name, _)| FIELDS.contains(name)).map_or(line, |(_, value)| value);
        assert!(line.len() <= 78 || !folded.trim_start().contains(' '), "a header line that could have been folded: {line:?}");
        if line.starts_with([' ', '\t']) {
            assert!(!line.trim().is_empty() && !seen.is_empty(), "{line:?}");
            continue;
        }
        let (name, _) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
        assert!(FIELDS.contains(&name), "a foreign field: {line:?}");
        assert!(!seen.contains(&name), "twice: {line:?}");
        seen.push(name);
    }
    for name in ["Date", "Subject", "Message-ID", "MIME-Version", "Content-Type"] {
        assert!(seen.contains(&name), "{name} is missing");
    }
}

/// The header with every `<…@` of other scripts written as `<local@`.
fn without_smtputf8_addresses(message: &str) -> String {
    let (header, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let mut parts = header.split('<');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('<');
        match part.split_once('@') {
            Some((local, rest)) if !local.is_ascii() && !local.contains(char::is_whitespace) => plain.extend(["local@", rest]),
            _ => plain.push_str(part),
        }
    }
    format!("{plain}\r\n\r\n{body}")
}

fn header_lines(message: &str) -> impl Iterator<Item = &str> {
    message.split("\r\n").take_while(|line| !line.is_empty())
}

/// A field's value, unfolded.
fn field(message: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in header_lines(message) {
        match &mut found {
            Some(value) if line.starts_with([' ', '\t']) => value.push_str(line),
            Some(_) => break,
            None => found = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).map(str::to_owned),
        }
    }
    found
}

#[test]
fn a_plain_message_is_as_short_as_it_can_be() {
    let expect = "Date: Fri, 20 Nov 2026 20:15:00 +0100\r\n\
        From: \"Ada Lovelace\" <ada@work.example>\r\n\
        To: \"Priya Raman\" <priya@north.example>\r\n\
        Subject: Plan for Friday\r\n\
        Message-ID: <fixed@work.example>\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: text/plain; charset=\"us-ascii\"; format=\"flowed\"\r\n\
        Content-Transfer-Encoding: 7bit\r\n\
        \r\n\
        Hello\r\n";
    assert_eq!(sent(&simple()), expect);
}

#[test]
fn nothing_tells_of_the_machine() {
    let draft = Draft { rfc_message_id: String::new(), ..simple() };
    let message = sent(&draft);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    assert!(host.trim().is_empty() || !message.contains(host.trim()));
    assert!(!message.to_lowercase().contains("postrider") && !message.contains("User-Agent") && !message.contains("X-Mailer"));
    assert!(field(&message, "Message-ID").unwrap().ends_with("@work.example>"));
    let other = mime::compose(&draft, &[], WHEN, Purpose::Send, 8).unwrap().bytes;
    assert_ne!(message.into_bytes(), other);
}

#[test]
fn bcc_reaches_the_envelope_and_no_reader() {
    let draft = Draft { bcc: "Eve <eve@secret.example>".into(), cc: "PRIYA@north.example, bob@x.example".into(), ..simple() };
    let composed = compose(&draft, &[], Purpose::Send).unwrap();
    assert_eq!(composed.recipients, ["priya@north.example", "bob@x.example", "eve@secret.example"]);
    assert_eq!(composed.mail_from, "ada@work.example");
    assert!(!String::from_utf8(composed.bytes).unwrap().to_lowercase().contains("eve"));
    let kept = compose(&draft, &[], Purpose::Keep).unwrap();
    assert!(String::from_utf8(kept.bytes).unwrap().contains("Bcc: \"Eve\" <eve@secret.example>\r\n"));
    let hidden = sent(&Draft { to: String::new(), bcc: "eve@secret.example".into(), ..simple() });
    assert_eq!(field(&hidden, "To").as_deref(), Some("undisclosed-recipients:;"));
}

#[test]
fn threads_are_named_and_bounded() {
    let references: Vec<String> = (0..500).map(|n| format!("m{n}@x.example")).collect();
    let draft = Draft { in_reply_to: Some("m499@x.example".into()), references, ..simple() };
    let message = sent(&draft);
    assert_eq!(field(&message, "In-Reply-To").as_deref(), Some("<m499@x.example>"));
    let sent_references = field(&message, "References").unwrap();
    let ids: Vec<&str> = sent_references.split_whitespace().collect();
    assert_eq!((ids.len(), ids[0], ids[19]), (20, "<m0@x.example>", "<m499@x.example>"));
}

#[test]
fn what_cannot_be_sent_is_said_in_a_sentence() {
    let file = file("plan.pdf", "application/pdf", b"x");
    for (draft, word) in [
        (Draft { to: String::new(), ..simple() }, "no recipient"),
        (Draft { to: "undisclosed:;".into(), ..simple() }, "no recipient"),
        (Draft { cc: "bob, x@y.example".into(), ..simple() }, "Cc: “bob” is no mail address"),
        (Draft { reply_to: "bob\r\nBcc x@y.z".into(), ..simple() }, "Reply-To"),
        (Draft { from: Address::new("", "ada\r\n@x"), ..simple() }, "“ada @x” is no mail address"),
        (Draft { attachments: vec![file], ..simple() }, "plan.pdf"),
    ] {
        let why = compose(&draft, &[], Purpose::Send).unwrap_err().to_string();
        assert!(why.contains(word) && !why.contains(['\r', '\n']), "{why}");
        compose(&draft, &[], Purpose::Keep).unwrap();
    }
    let big = ComposeError::TooLarge { size: 200_000_000 }.to_string();
    assert!(big.contains("200 MB") && big.contains("150 MB"), "{big}");
}

#[test]
fn text_is_seven_bit_whatever_it_holds() {
    for (text, encoding) in [
        ("plain\n", "7bit"),
        ("caf\u{e9} au lait and much more ASCII so that few escapes are shorter\n", "quoted-printable"),
        ("\u{65e5}\u{672c}\u{8a9e}\u{306e}\u{6587}\u{7ae0}\n", "base64"),
        ("nul \0 and escape \x1b[31m among ordinary words\n", "base64"),
        ("caf\u{e9} \0 \x1b[31m among ordinary words and more of them\n", "base64"),
    ] {
        let message = sent(&Draft { text: text.into(), ..simple() });
        assert_eq!(field(&message, "Content-Transfer-Encoding").as_deref(), Some(encoding), "{text}");
        let charset = if text.is_ascii() { "us-ascii" } else { "utf-8" };
        assert!(field(&message, "Content-Type").unwrap().contains(charset));
        assert_eq!(mime::draft(message.as_bytes()).0.text, text);
    }
    let word = format!("{}\n", "x".repeat(5000));
    assert_eq!(mime::draft(sent(&Draft { text: word.clone(), ..simple() }).as_bytes()).0.text, word);
}

#[test]
fn a_patch_arrives_as_it_is() {
    let patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n context \n-old\n+\tnew\n";
    let message = sent(&Draft { text: format!("See below.\n\n{patch}"), ..simple() });
    assert!(!message.contains("flowed"));
    assert!(message.ends_with(&patch.replace('\n', "\r\n")));
}

#[test]
fn files_keep_every_byte_and_their_names() {
    let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let crlf = b"a\r\nb\nc\rd".to_vec();
    let files = vec![bytes.clone(), crlf.clone(), Vec::new()];
    let names = ["Jahresabschlu\u{df} \u{2603} \"x\".pdf", "notes.txt", "empty"];
    let attachments =
        vec![file(names[0], "application/pdf", &bytes), file(names[1], "text/plain", &crlf), file(names[2], "multipart/mixed", &[])];
    let draft = Draft { attachments, ..simple() };
    let message = compose(&draft, &files, Purpose::Send).unwrap().bytes;
    let parsed = MessageParser::new().parse(&message).unwrap();
    assert_eq!(parsed.body_text(0).as_deref(), Some("Hello\r\n"));
    let found: Vec<(&str, &[u8])> =
        parsed.attachments().map(|part| (part.attachment_name().unwrap_or_default(), part.contents())).collect();
    assert_eq!(found, [(names[0], &bytes[..]), (names[1], &crlf[..]), (names[2], &[][..])]);
    let (again, contents) = mime::draft(&message);
    assert_eq!(contents, files);
    let kinds: Vec<&str> = again.attachments.iter().map(|file| file.content_type.as_str()).collect();
    assert_eq!(kinds, ["application/pdf", "text/plain", "application/octet-stream"]);
}

/// One enclosed message sent on: its part's type and its content as it arrives.
fn enclosed(message: &[u8]) -> (String, Vec<u8>) {
    let draft = Draft { attachments: vec![file("m.eml", "message/rfc822", message)], ..simple() };
    let bytes = compose(&draft, &[message.to_vec()], Purpose::Send).unwrap().bytes;
    let (draft, mut files) = mime::draft(&bytes);
    let kept =
        mime::compose(&Draft { to: String::new(), attachments: draft.attachments.clone(), ..simple() }, &files, WHEN, Purpose::Keep, 7)
            .unwrap();
    check_wire(&kept.bytes);
    let (_, again) = mime::draft(&kept.bytes);
    assert_eq!(again, files, "kept as it is");
    (draft.attachments[0].content_type.clone(), files.remove(0))
}

#[test]
fn enclosed_messages_stay_messages_and_are_never_encoded_as_a_whole() {
    let plain = b"Subject: x\r\n\r\nhello\r\n";
    assert_eq!(enclosed(plain), ("message/rfc822".into(), plain.to_vec()));
    assert_eq!(enclosed(b"Subject: x\n\nhello\n").1, plain);
    let text = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncaf\u{e9}\r\n";
    let (kind, sent) = enclosed(text.as_bytes());
    assert_eq!((kind.as_str(), mime::text(&sent).as_str()), ("message/rfc822", "caf\u{e9}\n"));
    assert_eq!(sent.windows(5).filter(|window| *window == b": 8bi").count(), 0);
    let mixed = format!(
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--b\r\n{text}--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(2000)
    );
    let (kind, sent) = enclosed(mixed.as_bytes());
    assert_eq!(kind, "message/rfc822");
    assert!(sent.is_ascii());
    for (number, expect) in [("1", "caf\u{e9}".to_owned()), ("2.1", "caf\u{e9}\r\n".to_owned()), ("3", "x".repeat(2000))] {
        assert_eq!(mime::part(&sent, number).unwrap().1, expect.as_bytes(), "part {number}");
    }
}

#[test]
fn enclosed_messages_that_encoding_would_damage_are_files() {
    for message in [
        &b"Subject: caf\xe9\r\n\r\nhello\r\n"[..],
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\ncaf\u{e9}\r\n--b\r\n\r\nsig\r\n--b--\r\n".as_bytes(),
        "Content-Transfer-Encoding: base64\r\n\r\n\u{e9}\r\n".as_bytes(),
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ncaf\u{e9}\r\n".as_bytes(),
        &[0xff, 0, 1],
    ] {
        assert_eq!(enclosed(message), ("application/octet-stream".into(), message.to_vec()));
    }
}

#[test]
fn an_enclosed_message_of_our_own_does_not_end_its_parent() {
    let inner = Draft { attachments: vec![file("a", "text/plain", b"x")], ..simple() };
    let inner = compose(&inner, &[b"x".to_vec()], Purpose::Send).unwrap().bytes;
    assert_eq!(enclosed(&inner), ("message/rfc822".into(), inner));
}

#[test]
fn domains_of_other_scripts_are_ascii_on_the_way_and_only_local_parts_need_smtputf8() {
    let draft = Draft { to: "J\u{fc}rgen <j@b\u{fc}cher.example>".into(), from: Address::new("", "ada@b\u{fc}cher.example"), ..simple() };
    let composed = compose(&draft, &[], Purpose::Send).unwrap();
    assert_eq!(
        (composed.recipients, composed.mail_from.as_str()),
        (vec!["j@xn--bcher-kva.example".to_owned()], "ada@xn--bcher-kva.example")
    );
    assert_eq!(mime::draft(&compose(&draft, &[], Purpose::Keep).unwrap().bytes).0, draft);
    let local = Draft { to: "j\u{fc}rgen@b\u{fc}cher.example".into(), ..simple() };
    let composed = compose(&local, &[], Purpose::Send).unwrap();
    assert!(String::from_utf8(composed.bytes).unwrap().contains("<j\u{fc}rgen@xn--bcher-kva.example>"));
    for typed in ["\u{a1}@A", "\u{4e00}@\u{4e00}", "A \u{e9} <\u{e9}@b.example>, c@d.example"] {
        let draft = Draft { reply_to: typed.into(), bcc: typed.into(), ..simple() };
        assert_eq!(mime::draft(&compose(&draft, &[], Purpose::Keep).unwrap().bytes).0, draft, "{typed}");
    }
}

#[test]
fn drafts_of_other_programs_are_continued() {
    let message = "From: Ada <ada@work.example>\r\nTo: Bob <bob@x.example>, undisclosed:;\r\nBcc: eve@x.example\r\nSubject: =?utf-8?Q?caf=C3=A9?=\r\n\
        Message-ID: <d@x>\r\nIn-Reply-To: <p@x>\r\nReferences: <r@x> <p@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n\
        --a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n\r\none \r\ntwo\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>one two</p>\r\n--b--\r\n\
        --a\r\nContent-Type: image/png; name=x.png\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n\
        --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n--a--\r\n";
    let (draft, files) = mime::draft(message.as_bytes());
    assert_eq!((draft.to.as_str(), draft.bcc.as_str(), draft.subject.as_str()), ("Bob <bob@x.example>", "eve@x.example", "caf\u{e9}"));
    assert_eq!(draft.text.trim_end(), "one two");
    assert_eq!((draft.rfc_message_id.as_str(), draft.in_reply_to.as_deref(), draft.references.len()), ("d@x", Some("p@x"), 2));
    assert_eq!(draft.answers, [Answered { rfc_message_id: "p@x".into(), kind: AnswerKind::Reply }]);
    assert_eq!(files, [vec![0, 1, 2], b"Subject: in\r\n\r\nbody".to_vec()]);
    let (html, files) = mime::draft(b"Content-Type: text/html\n\n<p>one</p><p>two</p>");
    assert_eq!((html.text.as_str(), files.len()), ("one\ntwo\n", 0));
    assert_eq!(mime::draft(b"").0, Draft::default());
}

#[test]
fn what_another_program_changed_in_a_kept_draft_is_believed() {
    let draft = Draft { to: "\"Bob\"   <bob@x.example>".into(), bcc: "eve@x.example".into(), subject: "a  b".into(), ..simple() };
    let kept = String::from_utf8(compose(&draft, &[], Purpose::Keep).unwrap().bytes).unwrap();
    assert_eq!(mime::draft(kept.as_bytes()).0, draft);
    let changed =
        kept.replace("bob@x.example", "eva@x.example").replace("Bcc: <eve@x.example>\r\n", "").replace("Subject: a b", "Subject: c");
    let found = mime::draft(changed.as_bytes()).0;
    assert_eq!((found.to.as_str(), found.bcc.as_str(), found.subject.as_str()), ("Bob <eva@x.example>", "", "c"));
}

/// One address list as somebody types it, sometimes badly.
fn list() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just(String::new()),
        "[A-Za-z\u{e9}\u{4e00} ]{1,20}".prop_map(|name| name),
        ".{0,12}".prop_map(|name| format!("\"{}\"", name.replace(['"', '\\'], "")))
    ];
    let address = (name, "[a-z0-9.+-]{1,12}", "[a-z]{1,8}\\.(example|test)")
        .prop_map(|(name, local, domain)| if name.is_empty() { format!("{local}@{domain}") } else { format!("{name} <{local}@{domain}>") });
    prop_oneof![3 => prop::collection::vec(address, 0..4).prop_map(|list| list.join(", ")), 1 => ".{0,20}"]
}

fn attachment() -> impl Strategy<Value = (Attachment, Vec<u8>)> {
    let kind = prop::sample::select(vec![
        "text/plain",
        "application/pdf",
        "message/rfc822",
        "text/html",
        "multipart/mixed",
        "odd",
        "image/svg+xml",
    ]);
    (".{0,40}", kind, prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(name, kind, bytes)| (file(&name, kind, &bytes), bytes))
}

fn id() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9._+-]{1,40}@[a-z]{1,20}\\.example"
}

fn any_draft() -> impl Strategy<Value = (Draft, Vec<Vec<u8>>)> {
    let lists = (list(), list(), list(), list());
    let words = (any::<String>(), any::<String>(), ".{0,10}", any::<String>());
    let ids = (id(), prop::option::of(id()), prop::collection::vec(id(), 0..6), prop::collection::vec((id(), any::<bool>()), 0..3));
    let cursor = (any::<u32>(), any::<u32>(), prop::sample::select(vec![Field::To, Field::Bcc, Field::Text]));
    (lists, words, ids, cursor, prop::collection::vec(attachment(), 0..4)).prop_map(|(lists, words, ids, cursor, attached)| {
        let (attachments, files) = attached.into_iter().unzip();
        let answers = ids.3.into_iter().map(|(rfc_message_id, forward)| Answered {
            rfc_message_id,
            kind: if forward { AnswerKind::Forward } else { AnswerKind::Reply },
        });
        let draft = Draft {
            account: words.2,
            from: Address::new(words.3, "ada@work.example"),
            to: lists.0,
            cc: lists.1,
            bcc: lists.2,
            reply_to: lists.3,
            subject: words.0,
            text: words.1.replace("\r\n", "\n").replace('\r', "\n"),
            attachments,
            rfc_message_id: ids.0,
            in_reply_to: ids.1,
            references: ids.2,
            answers: answers.collect(),
            cursor: Cursor { row: cursor.0, column: cursor.1, field: cursor.2 },
        };
        (draft, files)
    })
}

proptest! {
    /// A kept draft comes back as it was typed, to the last blank.
    #[test]
    fn a_kept_draft_comes_back((draft, files) in any_draft()) {
        let bytes = compose(&draft, &files, Purpose::Keep).unwrap().bytes;
        prop_assert_eq!(mime::draft(&bytes), (draft, files));
    }

    /// A sent message says what the draft said, to our parser and to mail-parser.
    #[test]
    fn a_sent_message_says_what_was_written((draft, files) in any_draft()) {
        let draft = Draft { to: "Priya <priya@north.example>".into(), cc: String::new(), bcc: String::new(), reply_to: String::new(), ..draft };
        let bytes = compose(&draft, &files, Purpose::Send).unwrap().bytes;
        let subject = HeaderValue::new(&draft.subject).as_str().to_owned();
        let (found, contents) = mime::draft(&bytes);
        prop_assert_eq!(&found.subject, &subject);
        prop_assert_eq!(&found.from.address, &draft.from.address);
        prop_assert_eq!((&found.rfc_message_id, &found.in_reply_to, &found.references), (&draft.rfc_message_id, &draft.in_reply_to, &draft.references));
        let trimmed = |text: &str| text.trim_end_matches('\n').split('\n').map(|line| line.trim_end_matches(' ').to_owned()).collect::<Vec<_>>();
        prop_assert_eq!(trimmed(&found.text), trimmed(&draft.text));
        prop_assert_eq!(contents.len(), files.len());
        for ((file, sent), arrived) in draft.attachments.iter().zip(&files).zip(&contents) {
            prop_assert!(sent == arrived || file.content_type == "message/rfc822");
        }
        let parsed = MessageParser::new().parse(&bytes).unwrap();
        prop_assert_eq!(parsed.subject().unwrap_or_default(), subject.as_str());
        prop_assert_eq!(parsed.message_id(), Some(draft.rfc_message_id.as_str()));
        prop_assert_eq!(parsed.from().and_then(|from| from.first()).and_then(|from| from.address()), Some("ada@work.example"));
        prop_assert!(matches!(parsed.header("Bcc"), None | Some(Parsed::Empty)));
    }
}
