//! Composed messages as Python's `email` reads them: somebody else's parser, which names every defect it finds.

use super::compose::{WHEN, compose, file, simple};
use postrider::mail::{Address, Draft};
use postrider::mime::Purpose;
use std::io::Write;
use std::process::{Command, Stdio};

/// Reads a message, prints its defects, then what the test compares.
const SCRIPT: &str = r#"
import email, email.policy, sys
def defects(part):
    found = list(part.defects) + [d for h in part.values() for d in getattr(h, 'defects', ())]
    for child in part.iter_parts() if part.is_multipart() else ():
        found += defects(child)
    return found
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
for defect in defects(message):
    print('defect', repr(defect))
print('from', message['from'].addresses[0].display_name, message['from'].addresses[0].addr_spec)
print('to', [a.addr_spec for a in message['to'].addresses])
print('subject', message['subject'])
print('date', message['date'].datetime.isoformat())
body = message.get_body(('plain',))
print('text', repr(body.get_content()))
for part in message.iter_attachments():
    content = part.get_content()
    print('file', part.get_filename(), part.get_content_type(), len(bytes(content) if not isinstance(content, str) else content.encode()))
"#;

fn python(message: &[u8]) -> Option<String> {
    let child =
        Command::new("python3").args(["-c", SCRIPT]).env("PYTHONIOENCODING", "utf-8").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.ok()?;
    child.stdin.take().unwrap().write_all(message).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(message));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn another_parser_finds_no_defect() {
    let bytes: Vec<u8> = (0..=255).collect();
    let enclosed = b"From: a@b.example\r\nSubject: in\r\n\r\ninside\r\n".to_vec();
    let long = "word ".repeat(60).trim_end().to_owned();
    let drafts = [
        (simple(), vec![]),
        (
            Draft {
                from: Address::new("J\u{fc}rgen, \"der\" Gro\u{df}e", "j@work.example"),
                subject: "caf\u{e9} \u{2603} ".repeat(30).trim().to_owned(),
                ..simple()
            },
            vec![],
        ),
        (Draft { text: format!("{long}\n> {long}\n \u{65e5}\u{672c}\n-- \nAda\n"), ..simple() }, vec![]),
        (
            Draft {
                to: (0..60).map(|n| format!("Person {n} <p{n}@north.example>")).collect::<Vec<_>>().join(", "),
                cc: "team: a@x.example;".into(),
                ..simple()
            },
            vec![],
        ),
        (
            Draft {
                references: (0..40).map(|n| format!("{n}@x.example")).collect(),
                in_reply_to: Some("39@x.example".into()),
                reply_to: "r@x.example".into(),
                ..simple()
            },
            vec![],
        ),
        (
            Draft {
                attachments: vec![
                    file(&format!("{}.pdf", "Jahresabschlu\u{df} ".repeat(12).trim()), "application/pdf", &bytes),
                    file("m.eml", "message/rfc822", &enclosed),
                    file("notes \"x\".txt", "text/plain", b"one\ntwo\n"),
                ],
                ..simple()
            },
            vec![bytes.clone(), enclosed.clone(), b"one\ntwo\n".to_vec()],
        ),
    ];
    for (draft, files) in drafts {
        for purpose in [Purpose::Send, Purpose::Keep] {
            let composed = compose(&draft, &files, purpose).unwrap();
            let Some(read) = python(&composed.bytes) else { return };
            assert!(!read.contains("defect"), "{read}\n{}", String::from_utf8_lossy(&composed.bytes));
            let has = |line: String| assert!(read.lines().any(|found| found == line), "{line:?} is not in\n{read}");
            has(format!("from {} {}", draft.from.name, draft.from.address));
            has(format!("subject {}", draft.subject));
            has("date 2026-11-20T20:15:00+01:00".to_owned());
            assert_eq!(WHEN.offset_minutes, 60);
            let addresses = postrider::mail::address::readable(&draft.to).into_iter().map(|one| format!("'{}'", one.address));
            has(format!("to [{}]", addresses.collect::<Vec<_>>().join(", ")));
            for attachment in draft.attachments.iter().filter(|file| file.content_type != "message/rfc822") {
                has(format!("file {} {} {}", attachment.name, attachment.content_type, attachment.size));
            }
            assert_eq!(read.matches("\nfile ").count(), draft.attachments.len());
        }
    }
}

#[test]
fn a_defect_would_be_found() {
    let broken = b"From: a@b.example\r\nTo: a b@c.example\r\nDate: Fri, 20 Nov 2026 20:15:00 +0100\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n";
    let Some(read) = python(broken) else { return };
    assert!(read.matches("defect").count() >= 2, "{read}");
}
