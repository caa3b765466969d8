//! Answers and forwards through the functions of the module.

use super::*;
use crate::mail::Address;
use crate::mail::Identity;

const NOW: Sent = Sent { unix: 1_795_300_000, offset_minutes: 0 };

fn me() -> Vec<Identity> {
    let identity = |account: &str, name: &str, address: &str| Identity {
        account: account.into(),
        from: Address::new(name, address),
        signature: Some(format!("{name}\n")),
    };
    vec![identity("work", "Ada", "ada@work.example"), identity("home", "Ada at home", "ada@home.example")]
}

fn answer(message: &str, to: ReplyTo) -> Draft {
    reply(message.as_bytes(), to, &me(), NOW)
}

const LETTER: &str = "From: Priya Raman <priya@north.example>\r\nTo: Ada <ada@home.example>, \"Bob, the\" <bob@x.example>\r\n\
    Cc: ADA@work.example, eve@x.example, Bob <BOB@x.example>\r\nSubject: Aw: Plan\r\nDate: Fri, 20 Nov 2026 20:15:00 +0100\r\n\
    Message-ID: <m3@x>\r\nReferences: <m1@x>\r\n <m2@x>\r\n\r\nHello\r\n> older\r\n\r\n-- \r\nPriya\r\n";

#[test]
fn an_answer_has_all_its_parts() {
    let draft = answer(LETTER, ReplyTo::Sender);
    assert_eq!((draft.account.as_str(), draft.from.address.as_str()), ("home", "ada@home.example"));
    assert_eq!((draft.to.as_str(), draft.cc.as_str()), ("Priya Raman <priya@north.example>", ""));
    assert_eq!(draft.subject, "Re: Plan");
    assert_eq!(draft.text, "\n\nOn Fri, 20 Nov 2026 at 20:15, Priya Raman wrote:\n> Hello\n>> older\n\n-- \nAda at home\n");
    assert_eq!(draft.in_reply_to.as_deref(), Some("m3@x"));
    assert_eq!(draft.references, ["m1@x", "m2@x", "m3@x"]);
    assert_eq!(draft.answers, [Answered { rfc_message_id: "m3@x".into(), kind: AnswerKind::Reply }]);
    assert_eq!(draft.cursor, Cursor { field: Place::Text, row: 0, column: 0 });
    assert_eq!(draft.rfc_message_id, "");
}

#[test]
fn an_answer_to_all_names_everybody_once() {
    let draft = answer(LETTER, ReplyTo::All);
    assert_eq!(draft.to, "Priya Raman <priya@north.example>");
    assert_eq!(draft.cc, "\"Bob, the\" <bob@x.example>, eve@x.example");
}

/// Header, To and Cc of an answer to all.
const RECIPIENTS: &[(&str, &str, &str)] = &[
    ("From: a@x.example\nTo: ada@work.example\n", "a@x.example", ""),
    ("From: a@x.example\nReply-To: r@x.example\nTo: ada@work.example\n", "r@x.example", ""),
    ("From: a@x.example\nTo: l@x.example\nCc: c@x.example\nMail-Followup-To: l@x.example, ada@work.example\n", "l@x.example", ""),
    ("From: a@x.example\nTo: b@x.example\nMail-Followup-To: ada@work.example\n", "a@x.example", "b@x.example"),
    ("From: a@x.example\nTo: b@x.example\nMail-Followup-To: nonsense\n", "a@x.example", "b@x.example"),
    ("From: a@x.example\nReply-To: r@x.example\nTo: ada@work.example, a@x.example\n", "r@x.example", "a@x.example"),
    ("From: a@x.example\nReply-To: r@x.example, s@x.example\nTo: r@x.example\n", "r@x.example, s@x.example", ""),
    ("From: a@x.example\nReply-To: ada@work.example\nTo: b@x.example\n", "a@x.example", "b@x.example"),
    ("From: a@x.example\nReply-To: nonsense\nTo: ada@work.example\n", "a@x.example", ""),
    ("From: a@x.example\nTo: Ada+Lists@WORK.example, b@x.example\n", "a@x.example", "b@x.example"),
    ("From: a@x.example\nTo: b@x.example, B@X.example\nCc: b@x.example, A@x.example\n", "a@x.example", "b@x.example"),
    ("From: a@x.example\nTo: team: b@x.example, ada@home.example;\nCc: c@x.example\n", "a@x.example", "b@x.example, c@x.example"),
    ("From: a@x.example\nTo: undisclosed-recipients:;\n", "a@x.example", ""),
    ("From: a@x.example\nBcc: secret@x.example\nTo: ada@work.example\n", "a@x.example", ""),
    ("From: a@x.example\nTo: ada@work.example\nTo: b@x.example\n", "a@x.example", "b@x.example"),
    ("From: ada@work.example\nTo: b@x.example\nCc: c@x.example, ada@home.example\n", "b@x.example", "c@x.example"),
    ("From: ada@work.example\nTo: ada@home.example\n", "ada@work.example", ""),
    ("From: ada@work.example\nBcc: b@x.example\n", "ada@work.example", ""),
    ("From: a@x.example\nFrom: evil@y.example\nTo: ada@work.example\n", "a@x.example", ""),
    ("From: a@x.example\nTo: list@l.example, ada@work.example\nList-Post: <mailto:list@l.example>\n", "a@x.example", "list@l.example"),
    ("From: a@x.example\nSender: s@x.example\nTo: b@x.example\n", "a@x.example", "b@x.example"),
    ("From: \"x\\\", b@y.example\" <a@x.example>\nTo: ada@work.example\n", "\"x\\\", b@y.example\" <a@x.example>", ""),
    (
        "From: =?utf-8?q?x=0d=0aBcc:_e=40e.e?= <a@x.example>\nTo: <b@x.example\n c>, d@x.example\n",
        "\"x Bcc: e@e.e\" <a@x.example>",
        "d@x.example",
    ),
    ("To: ada@work.example\n", "", ""),
];

#[test]
fn answers_to_all_go_where_they_should() {
    assert!(RECIPIENTS.len() >= 20);
    for (header, to, cc) in RECIPIENTS {
        let draft = answer(&format!("{header}\nhi\n"), ReplyTo::All);
        assert_eq!((draft.to.as_str(), draft.cc.as_str()), (*to, *cc), "{header}");
        assert_eq!(draft.bcc, "");
    }
}

#[test]
fn a_list_is_answered_by_its_own_word() {
    for (post, expect) in [
        ("List-Post: <mailto:list@l.example>\n", "list@l.example"),
        ("List-Post: <https://l.example/post>, <MAILTO:list@l.example?subject=x&bcc=e@e.e>\n", "list@l.example"),
        ("List-Post: NO\n", ""),
        ("List-Id: <l.example>\n", ""),
    ] {
        let draft = answer(&format!("From: a@x.example\nTo: list@l.example\n{post}\nhi\n"), ReplyTo::List);
        assert_eq!((draft.to.as_str(), draft.cc.as_str()), (expect, ""), "{post}");
        assert_eq!(draft.cursor.field, if expect.is_empty() { Place::To } else { Place::Text });
    }
}

#[test]
fn one_answers_as_whom_the_message_was_written_to() {
    for (header, expect) in [
        ("To: ada@home.example\n", "home"),
        ("Cc: ADA@Home.example\n", "home"),
        ("To: list@l.example\nDelivered-To: ada+l@home.example\n", "home"),
        ("To: ada+x@work.example\nDelivered-To: ada@home.example\n", "work"),
        ("To: x@y.example\n", "work"),
        ("From: ada@home.example\nTo: x@y.example\n", "home"),
    ] {
        assert_eq!(answer(&format!("{header}\nhi\n"), ReplyTo::Sender).account, expect, "{header}");
    }
    assert_eq!(reply(b"To: x@y\n\nhi\n", ReplyTo::All, &[], NOW).account, "");
}

#[test]
fn references_follow_the_parent() {
    for (header, parent, expect) in [
        ("Message-ID: <c@x>\nReferences: <a@x> <b@x>\n", Some("c@x"), vec!["a@x", "b@x", "c@x"]),
        ("Message-ID: <c@x>\nIn-Reply-To: <b@x>\n", Some("c@x"), vec!["b@x", "c@x"]),
        ("Message-ID: <c@x>\nIn-Reply-To: <a@x> <b@x>\n", Some("c@x"), vec!["c@x"]),
        ("Message-ID: <c@x>\nReferences: <a@x> <c@x> <a@x>\n", Some("c@x"), vec!["a@x", "c@x"]),
        ("Message-ID: <c @x>\n", Some("c@x"), vec!["c@x"]),
        ("References: <a@x>\n", None, vec!["a@x"]),
        ("Message-ID: <\u{e9}@x>\n", None, vec![]),
        ("", None, vec![]),
    ] {
        let draft = answer(&format!("{header}From: a@x.example\n\nhi\n"), ReplyTo::Sender);
        assert_eq!(
            (draft.in_reply_to.as_deref(), draft.references),
            (parent, expect.iter().map(|id| (*id).to_owned()).collect()),
            "{header}"
        );
    }
    let many: String = (0..500).map(|n| format!(" <{n}@x>")).collect();
    let draft = answer(&format!("References:{many}\nMessage-ID: <c@x>\n\nhi\n"), ReplyTo::Sender);
    assert_eq!((draft.references.len(), draft.references[0].as_str(), draft.references[99].as_str()), (100, "0@x", "c@x"));
}

fn quoted(head: &str, body: &str) -> String {
    let text = answer(&format!("From: a@x.example\n{head}\n{body}"), ReplyTo::Sender).text;
    let (_, quote) = text.split_once("wrote:\n").unwrap_or_default();
    quote.split("\n-- \n").next().unwrap_or_default().to_owned()
}

#[test]
fn texts_are_quoted_as_they_were_meant() {
    for (head, body, expect) in [
        ("", "one\n\ntwo\n\n", "> one\n>\n> two\n"),
        ("", "> a\n> > b\n>>> c\nd\n", ">> a\n>>> b\n>>>> c\n> d\n"),
        ("Content-Type: text/plain; format=flowed\n", "one \ntwo\n> three \n> four\n  five\n", "> one two\n>> three four\n>  five\n"),
        (
            "Content-Type: text/html\n",
            "<p>one <a href='https://x.example/y'>two</a></p><blockquote>three</blockquote>",
            "> one two\n>\n>> three\n",
        ),
        ("", "a\x1b[31mb\u{202e}\tc\n", "> a␛[31mb\u{fffd}\tc\n"),
        ("", "text\n-- \nme\n", "> text\n"),
        ("", "text\n--\nme\n", "> text\n"),
        ("", "\n\n", ""),
    ] {
        assert_eq!(quoted(head, body), expect, "{body:?}");
    }
    let long = "line\n".repeat(5000);
    assert_eq!(quoted("", &long).lines().count(), 5000);
}

#[test]
fn attributions_have_the_senders_words_and_no_control() {
    for (header, expect) in [
        ("From: Priya <p@x.example>\nDate: Tue, 1 Sep 2026 07:05:00 -0330\n", "On Tue, 1 Sep 2026 at 07:05, Priya wrote:"),
        ("From: p@x.example\nDate: nonsense\n", "p@x.example wrote:"),
        ("From: p@x.example\nDate: Tue, 1 Sep 2099 07:05:00 +0000\n", "p@x.example wrote:"),
        ("From: =?utf-8?q?a=1b]0;x=07=0d=0a?= <p@x.example>\n", "a ]0;x wrote:"),
        ("To: x@y.example\n", "Somebody wrote:"),
    ] {
        let text = answer(&format!("{header}\nhi\n"), ReplyTo::Sender).text;
        assert_eq!(text.lines().nth(2), Some(expect), "{header}");
    }
}

const WITH_FILE: &str = "From: Priya <p@x.example>\r\nTo: ada@home.example\r\nSubject: Plan\r\nDate: Fri, 20 Nov 2026 20:15:00 +0100\r\n\
    Message-ID: <m@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsee file\r\n\
    --b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"../pl\u{202e}an.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n\
    --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--b--\r\n";

#[test]
fn a_forward_carries_text_and_files() {
    let (draft, files) = forward(&[WITH_FILE.as_bytes().to_vec()], false, &me(), NOW);
    assert_eq!((draft.account.as_str(), draft.subject.as_str(), draft.to.as_str()), ("home", "Fwd: Plan", ""));
    let expect = "\n\n---------- Forwarded message ----------\nFrom: Priya <p@x.example>\nDate: Fri, 20 Nov 2026 20:15:00 +0100\n\
        To: ada@home.example\nSubject: Plan\n\nsee file\n\n-- \nAda at home\n";
    assert_eq!(draft.text, expect);
    let names: Vec<(&str, &str, u64)> =
        draft.attachments.iter().map(|file| (file.name.as_str(), file.content_type.as_str(), file.size)).collect();
    assert_eq!(names, [("plan.pdf", "application/pdf", 3), ("message.eml", "message/rfc822", 28)]);
    assert_eq!(files, [vec![0, 1, 2], b"Subject: inner\r\n\r\ninner text".to_vec()]);
    assert_eq!(draft.answers, [Answered { rfc_message_id: "m@x".into(), kind: AnswerKind::Forward }]);
    assert_eq!((draft.in_reply_to, draft.references.len()), (None, 0));
}

#[test]
fn whole_messages_are_passed_on_byte_for_byte() {
    let other = b"Subject: =?utf-8?Q?=2E./caf=C3=A9?=\n\n\xff\n".to_vec();
    let (draft, files) = forward(&[WITH_FILE.as_bytes().to_vec(), other.clone()], true, &me(), NOW);
    let names: Vec<(&str, &str)> = draft.attachments.iter().map(|file| (file.name.as_str(), file.content_type.as_str())).collect();
    assert_eq!(names, [("Plan.eml", "message/rfc822"), ("_café.eml", "message/rfc822")]);
    assert_eq!(files, [WITH_FILE.as_bytes().to_vec(), other]);
    assert!(!draft.text.contains("Forwarded"));
    assert_eq!(forward(&[], true, &me(), NOW).1.len(), 0);
}
