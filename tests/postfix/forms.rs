//! The end-of-data forms of SMTP smuggling: each message arrives once and whole, whatever its lines look like.

use crate::servers::postfix::Mta;
use crate::{account, body, mail, submit};

/// Line ends before and after a dot, as other servers take for the end of a message.
const ENDS: &[&str] = &["\r\n", "\n", "\r", "\r\r\n", "\n\r"];

/// What smuggles a second message in, if the form between is taken for an end.
fn smuggled(form: &str) -> String {
    format!(
        "Subject: outer\r\n\r\nbefore{form}MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim-forms@example.org>\r\nDATA\r\nSubject: inner\r\n\r\ninner\r\n.\r\nafter\r\n"
    )
}

fn forms() -> Vec<String> {
    let mut forms: Vec<String> = ENDS.iter().flat_map(|before| ENDS.iter().map(move |after| format!("{before}.{after}"))).collect();
    forms.extend(["\r\n..\r\n", "\r\n.\r\n.\r\n", "\n.\n.\n", "\r\n. \r\n", "\r\n.\0\r\n", "\r\n\r\n.\r\n\r\n"].map(str::to_owned));
    forms
}

#[tokio::test]
async fn no_form_of_an_end_ends_a_message_early() {
    let mta = Mta::shared();
    let forms = forms();
    assert!(forms.len() >= 24);
    for (number, form) in forms.iter().enumerate() {
        let user = format!("forms{number}");
        let text = smuggled(form);
        submit(&account(&mta, "sender-forms"), &mail("sender-forms", &[&user], text.as_bytes())).await.unwrap();
        let inbox = mta.wait_inbox(&user, 1);
        assert_eq!(inbox.len(), 1, "{form:?}");
        let expect = text.replace("\r\n", "\n").replace('\r', "\n").replace('\0', "");
        let (_, expect) = expect.split_once("\n\n").unwrap();
        assert_eq!(body(&inbox[0]).replace('\0', ""), expect, "{form:?}");
    }
    // a last one behind all of them: had any been split, its second half would be here before it
    submit(&account(&mta, "sender-forms"), &mail("sender-forms", &["victim-forms"], "Subject: last\n\nlast\n")).await.unwrap();
    let inbox = mta.wait_inbox("victim-forms", 1);
    assert_eq!((inbox.len(), body(&inbox[0]).as_str()), (1, "last\n"));
    assert!(!mta.log().contains("evil@example.org"), "{}", mta.log());
}

#[tokio::test]
async fn lines_that_begin_with_dots_and_messages_of_any_end_are_kept() {
    let mta = Mta::shared();
    let dots = "...a\r\n.\r\n..\r\n\r\n.b\r\n".repeat(2000);
    for (number, text) in ["x", "x\r\n", "x\r\n\r\n", ".", ".\r\n", "\r\n", dots.as_str()].iter().enumerate() {
        let user = format!("dots{number}");
        let whole = format!("Subject: x\r\n\r\n{text}");
        submit(&account(&mta, "sender-dots"), &mail("sender-dots", &[&user], whole)).await.unwrap();
        let mut expect = text.replace("\r\n", "\n");
        if !expect.ends_with('\n') {
            expect.push('\n');
        }
        assert_eq!(body(&mta.wait_inbox(&user, 1)[0]), expect, "{number}");
    }
}
