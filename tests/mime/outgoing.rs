//! Messages of scripts on their way out: whatever their line ends and headers, one message goes, and no Bcc with it.

use super::compose::WHEN;
use postrider::mime;
use proptest::prelude::*;

/// Texts that end a message early where line ends are read too kindly.
const ENDS: &[&str] = &[
    "\n.\n",
    "\r.\r",
    "\n.\r",
    "\r.\n",
    "\n.\r\n",
    "\r.\r\n",
    "\r\n.\n",
    "\r\n.\r",
    "\r\n.\r\n",
    "\0.\r\n",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\r\n.\r\r\n",
    "\n\n.\n\n",
    "\r\n.\r\r\n",
    "\n..\n",
    "\r\n..\r\n",
    "\u{85}.\u{85}",
    "\u{2028}.\u{2028}",
    "\u{b}.\u{b}",
    "\u{c}.\u{c}",
    "\r\n. \r\n",
    ".\r\n",
    "\r\n.",
];

#[test]
fn an_early_end_is_text_between_whole_line_ends() {
    assert_eq!(ENDS.len(), 24);
    for end in ENDS {
        let message = format!("From: a@b.example\r\nTo: c@d.example\r\nMessage-ID: <a@b>\r\n\r\nx{end}MAIL FROM:<e@e.e>\r\n");
        let sent = mime::outgoing(message.as_bytes(), WHEN, 1).unwrap();
        let text = String::from_utf8(sent.bytes).unwrap();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{end:?}");
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let expect = format!("x{end}MAIL FROM:<e@e.e>\n").replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(body.replace("\r\n", "\n"), expect, "{end:?}");
        assert_eq!(sent.envelope.recipients.len(), 1);
    }
}

proptest! {
    /// Headers of odd and good lines: recipients of every Bcc that counts, and no Bcc in what goes out.
    #[test]
    fn no_header_leaks_a_bcc(lines in prop::collection::vec(prop::sample::select(vec![
        "From: a@b.example", "To: c@d.example", "Bcc: eve@e.example", "BCC : eve@e.example", "bcc:eve@e.example,", "\tfolded@f.example", " Bcc: g@h.example",
        "no field", "From someone", "X-Long: y", "Subject: Bcc: x", "Message-ID:", ": empty", "", "Cc: x", "Date: x",
    ]), 0..10), end in prop::sample::select(vec!["\n", "\r\n", "\r"])) {
        let message = lines.join(end) + end;
        let Ok(sent) = mime::outgoing(message.as_bytes(), WHEN, 1) else { return Ok(()) };
        let text = String::from_utf8(sent.bytes).unwrap();
        let (header, _) = text.split_once("\r\n\r\n").unwrap();
        for line in header.split("\r\n") {
            prop_assert!(!line.to_lowercase().starts_with("bcc"), "{}", header);
            prop_assert!(line.starts_with([' ', '\t']) || line.contains(':'), "{}", header);
        }
        prop_assert!(!header.starts_with([' ', '\t']), "{}", header);
        prop_assert!(header.contains("Date: ") && header.contains("Message-ID:"));
        prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        let has_bcc = lines.iter().take_while(|line| !line.is_empty()).any(|line| line.to_lowercase().starts_with("bcc"));
        let has_eve = sent.envelope.recipients.iter().any(|one| one.address == "eve@e.example");
        prop_assert!(has_eve == has_bcc || lines.iter().any(|line| *line == "no field" || line.starts_with("From ") || line.starts_with(':')));
    }
}
