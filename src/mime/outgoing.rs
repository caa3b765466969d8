//! A finished message of somebody else (a script's, another program's) made ready to be sent: the envelope from its
//! header, Bcc taken out, line ends CR LF, Date and Message-ID where they are missing. All else stays as it is.

use super::compose::{self, Sent, ids};
use super::field::{self, Field};
use super::{addresses, envelope};
use crate::mail::address::{self, Address};
use crate::mail::outgoing::{Fate, Recipient};
use crate::mail::{HeaderValue, SmtpEnvelope, idn};

/// A message ready for the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// From the header: Sender, else the first From; To, Cc and Bcc, each address once. No recipient where it names none:
    /// who sends may have been told them otherwise, else it is to be refused.
    pub envelope: SmtpEnvelope,
    pub rfc_message_id: String,
    /// Decoded, not cleaned.
    pub subject: String,
    /// Bcc removed, CR LF only.
    pub bytes: Vec<u8>,
}

/// Reads a message to be sent. The error is a sentence. `when` and `seed` make the Date and Message-ID that it lacks.
pub fn outgoing(bytes: &[u8], when: Sent, seed: u64) -> Result<Outgoing, String> {
    let lines = with_crlf(without_mbox_line(bytes));
    let (header, is_cut, body) = split(&lines);
    let header = header.as_slice();
    check(header, is_cut, body)?;
    let summary = envelope::summary(header);
    let mail_from = mail_from(header)?;
    let recipients = recipients(header)?;
    let rfc_message_id = summary.envelope.rfc_message_id.clone();
    let missing_id = rfc_message_id.is_none().then(|| ids::new_message_id(&mail_from, seed));
    let missing_date = !field::fields(header).any(|field| field.is("Date") && !field.raw.trim_ascii().is_empty());
    let mut out = Vec::with_capacity(lines.len() + 200);
    let mut write = |name: &str, value: &str| out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    if missing_date {
        write("Date", &compose::date(when));
    }
    if let Some(id) = &missing_id {
        write("Message-ID", &format!("<{id}>"));
    }
    for block in field::blocks(header) {
        // what is no field would end the header, or go on one that is added
        if field::split_field(block).is_some_and(|field| !is_dropped(&field, missing_date, missing_id.is_some())) {
            out.extend_from_slice(block);
            end_line(&mut out);
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    end_line(&mut out);
    let envelope = SmtpEnvelope { mail_from, recipients, ..SmtpEnvelope::default() };
    Ok(Outgoing {
        envelope,
        rfc_message_id: rfc_message_id.or(missing_id).unwrap_or_default(),
        subject: summary.envelope.subject,
        bytes: out,
    })
}

/// The header, whether it ends without an empty line, and what comes after. Stricter than a reader is: only an empty line
/// ends a header, or a line that can't be of one. A line of blanks goes on a field, and is left out, because programs differ.
fn split(lines: &[u8]) -> (Vec<u8>, bool, &[u8]) {
    let mut header = Vec::new();
    let mut at = 0;
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let is_folded = matches!(line.first(), Some(b' ' | b'\t'));
        if line == b"\r\n" {
            return (header, false, lines.get(at + line.len()..).unwrap_or_default());
        }
        if !is_folded && field::split_field(line).is_none() {
            return (header, true, lines.get(at..).unwrap_or_default());
        }
        if !line.trim_ascii().is_empty() {
            header.extend_from_slice(line);
        }
        at += line.len();
    }
    (header, false, &[])
}

/// Refuses what can't be read to its end: a recipient could be lost, or a Bcc be seen.
fn check(header: &[u8], is_cut: bool, body: &[u8]) -> Result<(), String> {
    if field::fields(header).next().is_none() {
        return Err("This is no message: it does not begin with header fields like From: and To:.".to_owned());
    }
    let count = field::blocks(header).take(field::MAX_FIELDS + 1).count();
    if count > field::MAX_FIELDS || field::fields(header).any(|field| field.raw.len() > field::MAX_FIELD_BYTES) {
        return Err("The message can't be sent: its header has more than 10,000 fields, or one of more than 256 kB.".to_owned());
    }
    let rest = body.get(..field_block_end(body)).unwrap_or_default();
    if is_cut && field::fields(rest).any(|field| is_blind(&field)) {
        return Err(
            "The message can't be sent: a line of its header is no field, and a Bcc field behind it would be seen by all.".to_owned()
        );
    }
    Ok(())
}

/// Where the first empty line is.
fn field_block_end(bytes: &[u8]) -> usize {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |at| at + 2)
}

fn is_dropped(field: &Field<'_>, has_new_date: bool, has_new_id: bool) -> bool {
    is_blind(field) || (has_new_date && field.is("Date")) || (has_new_id && field.is("Message-ID"))
}

/// Names those who are not to be seen, of this sending or of one before (RFC 5322 3.6.6).
fn is_blind(field: &Field<'_>) -> bool {
    field.is("Bcc") || field.is("Resent-Bcc")
}

/// The first line of a message cut out of an mbox is none of it.
fn without_mbox_line(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"From ") {
        return bytes;
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    bytes.get(end..).unwrap_or_default()
}

fn end_line(out: &mut Vec<u8>) {
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
}

/// Every line end as CR LF, lone CR and LF too: half of one is how a message is made to end early (RFC 5321 2.3.8).
pub fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut before = 0;
    for &byte in bytes {
        match byte {
            b'\n' if before == b'\r' => {}
            b'\r' | b'\n' => out.extend_from_slice(b"\r\n"),
            other => out.push(other),
        }
        before = byte;
    }
    out
}

fn mail_from(header: &[u8]) -> Result<String, String> {
    let found = ["Sender", "From"].iter().find_map(|name| {
        let field = field::fields(header).find(|field| field.is(name))?;
        Some((*name, first_address(&field)))
    });
    match found {
        Some((_, Some(address))) => Ok(address),
        Some((name, None)) => Err(format!("The message can't be sent: its {name} field holds no address that can be read.")),
        None => Err("The message can't be sent: it has no From field.".to_owned()),
    }
}

fn first_address(field: &Field<'_>) -> Option<String> {
    let readable = address::readable(&field.value()).into_iter().next().or_else(|| addresses::parse(field).into_iter().next());
    readable.map(|one| one.address).filter(|address| address::is_addr_spec(address))
}

fn recipients(header: &[u8]) -> Result<Vec<Recipient>, String> {
    let mut seen = std::collections::HashSet::new();
    let mut out = Vec::new();
    for field in field::fields(header) {
        let Some(name) = ["To", "Cc", "Bcc"].into_iter().find(|name| field.is(name)) else { continue };
        let list: Vec<Address> = address::parse_list(&field.value()).map_err(|(_, why)| {
            let why: String = HeaderValue::new(&why).as_str().chars().take(200).collect();
            format!("The message can't be sent: in {name}, {why}.")
        })?;
        let new = list.into_iter().filter(|one| seen.insert(one.address.to_lowercase()));
        out.extend(new.map(|one| Recipient { address: idn::ascii_domain(&one.address), fate: Fate::Pending }));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHEN: Sent = Sent { unix: 1_795_202_100, offset_minutes: 60 };

    fn sent(message: &str) -> Result<(String, Vec<String>, String), String> {
        let found = outgoing(message.as_bytes(), WHEN, 1)?;
        let recipients = found.envelope.recipients.into_iter().map(|one| one.address).collect();
        Ok((found.envelope.mail_from, recipients, String::from_utf8(found.bytes).unwrap()))
    }

    #[test]
    fn only_bcc_is_taken_out() {
        let header = "Date: x\r\nX-A:  odd\t\r\nFrom: Ada <a@b.c>\r\nTo: Bob <b@c.d>, B@C.D\r\nMessage-ID: <m@x>\r\n";
        let (from, to, bytes) =
            sent(&format!("{header}bcc: e@f.g,\r\n h@i.j\r\nResent-Bcc: x@y.z\r\nCc: k@l.m\r\n\r\nBcc: stays\r\n.\r\n")).unwrap();
        assert_eq!((from.as_str(), to), ("a@b.c", ["b@c.d", "e@f.g", "h@i.j", "k@l.m"].map(str::to_owned).to_vec()));
        assert_eq!(bytes, format!("{header}Cc: k@l.m\r\n\r\nBcc: stays\r\n.\r\n"));
    }

    #[test]
    fn what_is_missing_is_added() {
        let (_, _, bytes) = sent("From a@b Mon Jan 1\nFrom: a@b.c\nDate: \nTo: d@e.f\nMessage-ID: \n\nhello\rworld").unwrap();
        let lines: Vec<&str> = bytes.split("\r\n").collect();
        assert_eq!(lines.first(), Some(&"Date: Fri, 20 Nov 2026 20:15:00 +0100"));
        assert!(lines[1].starts_with("Message-ID: <") && lines[1].ends_with("@b.c>"));
        assert_eq!(lines[2..], ["From: a@b.c", "To: d@e.f", "", "hello", "world", ""]);
    }

    #[test]
    fn a_lost_blank_line_is_put_back() {
        let (_, _, bytes) = sent("From: a@b.c\nTo: d@e.f\nDate: x\nMessage-ID: <a@b>\nhello\n").unwrap();
        assert!(bytes.ends_with("<a@b>\r\n\r\nhello\r\n"), "{bytes:?}");
    }

    #[test]
    fn what_is_no_field_does_not_go_out() {
        let (_, _, bytes) = sent(" Bcc: e@e.e\nFrom: a@b.c\nTo: d@e.f\nMessage-ID: <a@b>\n\nno field\nBcc: in the text\n").unwrap();
        let expect = "Date: Fri, 20 Nov 2026 20:15:00 +0100\r\nFrom: a@b.c\r\nTo: d@e.f\r\nMessage-ID: <a@b>\r\n\r\nno field\r\nBcc: in the text\r\n";
        assert_eq!(bytes, expect);
    }

    #[test]
    fn a_line_of_blanks_goes_on_the_header() {
        let (_, to, bytes) =
            sent("Date: x\nMessage-ID: <a@b>\nFrom: a@b.c\nTo: d@e.f,\n \t\n g@h.i\n \nBcc: j@k.l\nX: y\n\n \nhi\n").unwrap();
        assert_eq!(to, ["d@e.f", "g@h.i", "j@k.l"]);
        let expect = "Date: x\r\nMessage-ID: <a@b>\r\nFrom: a@b.c\r\nTo: d@e.f,\r\n g@h.i\r\nX: y\r\n\r\n \r\nhi\r\n";
        assert_eq!(bytes, expect);
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        for (message, word) in [
            ("", "no message"),
            ("hello\n", "no message"),
            ("To: a@b.c\n\nx", "no From"),
            ("From: bob\nTo: a@b.c\n\nx", "From"),
            ("From: a@b.c\nTo: d@e.f, bob\n\nx", "“bob”"),
            ("From: a@b.c\nTo: d@e.f\nno field\nBcc: e@e.e\n\nx", "seen by all"),
            (&format!("From: a@b.c\nTo: {}d@e.f\n\nx", "d@e.f, ".repeat(40_000)), "256 kB"),
            (&format!("From: a@b.c\n{}To: d@e.f\n\nx", "X: y\n".repeat(10_000)), "10,000"),
        ] {
            let why = sent(message).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
        for nobody in ["From: a@b.c\n\nx", "From: a@b.c\nTo: undisclosed-recipients:;\n\nx"] {
            assert!(sent(nobody).unwrap().1.is_empty());
        }
        assert_eq!(sent("From: a@b.c, d@e.f\nSender: s@t.u\nTo: =?utf-8?Q?J=C3=BC?= <j@k.l>\n\n").unwrap().0, "s@t.u");
    }

    #[test]
    fn every_kind_of_line_end_becomes_one() {
        for (bytes, expect) in
            [("a\nb", "a\r\nb"), ("a\rb", "a\r\nb"), ("a\r\nb", "a\r\nb"), ("\r.\r", "\r\n.\r\n"), ("\r\r\n\n", "\r\n\r\n\r\n")]
        {
            assert_eq!(with_crlf(bytes.as_bytes()), expect.as_bytes(), "{bytes:?}");
        }
    }
}
