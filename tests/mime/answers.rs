//! Every message can be answered, passed on and continued: made ones and damaged ones; `corpora.rs` plays those of others.

use super::compose::{WHEN, compose};
use postrider::mail::draft::ReplyTo;
use postrider::mail::{Address, Draft, Identity};
use postrider::mime::{self, Purpose};
use proptest::prelude::*;

/// Does everything with a message that makes another one of it; what comes out is checked on the wire and on the way back.
pub fn answer_in_every_way(message: &[u8]) {
    let me = [Identity { account: "work".into(), from: Address::new("Ada", "ada@work.example"), signature: Some("Ada".into()) }];
    let mut made: Vec<(Draft, Vec<Vec<u8>>)> =
        [ReplyTo::Sender, ReplyTo::All, ReplyTo::List].map(|to| (mime::reply(message, to, &me, WHEN), Vec::new())).into();
    made.extend([false, true].map(|whole| mime::forward(&[message.to_vec(), message.to_vec()], whole, &me, WHEN)));
    made.push(mime::draft(message));
    for (mut draft, files) in made {
        assert_eq!(draft.attachments.len(), files.len());
        for text in [&draft.to, &draft.cc, &draft.bcc, &draft.reply_to, &draft.subject] {
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        if draft.rfc_message_id.is_empty() {
            draft.rfc_message_id = "made@work.example".into();
        }
        // addresses of other scripts are sent as they are
        if !format!("{}{}{}{}{}", draft.from.address, draft.to, draft.cc, draft.bcc, draft.reply_to).is_ascii() {
            continue;
        }
        let kept = compose(&draft, &files, Purpose::Keep).unwrap();
        draft.text = draft.text.replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(mime::draft(&kept.bytes), (draft.clone(), files.clone()));
        draft.from = Address::new("Ada", "ada@work.example");
        draft.to = "bob@x.example".into();
        compose(&draft, &files, Purpose::Send).unwrap();
    }
    if let Ok(sent) = mime::outgoing(message, WHEN, 1) {
        assert!(sent.bytes.ends_with(b"\r\n"));
        assert_eq!(mime::outgoing(&sent.bytes, WHEN, 2).map(|again| again.bytes).unwrap_or(sent.bytes.clone()), sent.bytes);
    }
}

const WHOLE: &str = "From: =?utf-8?Q?J=C3=BC?= <j@x.example>\r\nTo: ada@work.example, \"B, C\" <b@x.example>\r\nCc: team: c@x.example;\r\nBcc: d@x.example\r\n\
    Subject: Re: [l] caf\u{e9}\r\nDate: Fri, 20 Nov 2026 20:15:00 +0100\r\nMessage-ID: <m@x>\r\nReferences: <r@x>\r\n <p@x>\r\nList-Post: <mailto:l@x.example>\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; format=flowed; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nl=C3=B6ng =\r\nline \r\nnext\r\n> quote\r\n-- \r\nme\r\n\
    --b\r\nContent-Type: text/html\r\n\r\n<p>one<blockquote>two</blockquote>\r\n--b--\r\n\
    --a\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n\
    --a\r\nContent-Type: application/pdf; name=\"x\"\r\nContent-Disposition: attachment; filename*=utf-8''%E2%98%83.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--a--\r\n";

#[test]
fn a_whole_message_is_answered_in_every_way() {
    answer_in_every_way(WHOLE.as_bytes());
}

proptest! {
    // each case makes, keeps and sends six messages
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(8), ..ProptestConfig::default() })]

    #[test]
    fn noise_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        answer_in_every_way(&bytes);
    }

    /// Some bytes of a good message replaced, taken out or doubled.
    #[test]
    fn damaged_messages_are_answered(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..40_usize, 0..3_u8), 1..8)) {
        let mut message = WHOLE.as_bytes().to_vec();
        for (at, byte, length, kind) in changes {
            let at = at.index(message.len());
            let end = (at + length).min(message.len());
            match kind {
                0 => message[at] = byte,
                1 => drop(message.drain(at..end)),
                _ => {
                    let piece = message[at..end].to_vec();
                    message.splice(at..at, piece);
                }
            }
            if message.is_empty() {
                break;
            }
        }
        answer_in_every_way(&message);
    }
}
