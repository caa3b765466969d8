//! MAIL and RCPT with their parameters (RFC 5321 4.1.1, 1870, 3461, 6152, 6531), and what forbids sending
//! before a word is said. Pure.

use lettre::Address;
use lettre::transport::smtp::commands::{Mail, Rcpt};
use lettre::transport::smtp::extension::{MailBodyParameter, MailParameter, RcptParameter};

use super::caps::Caps;
use super::data;
use crate::mail::outgoing::{Dsn, Fate, SmtpEnvelope};
use crate::remote::submit::{Submission, SubmitError};

/// Longer than any address that a server takes (RFC 5321 4.5.3.1).
const MAX_ADDRESS: usize = 900;
/// RFC 3461 4.4.
const MAX_ENVID: usize = 100;
const WORDS: &[&str] = &["success", "failure", "delay"];

/// What is said between sign-in and DATA.
#[derive(Debug)]
pub struct Commands {
    pub mail: Mail,
    /// In the envelope's order, each with the address as it stands there.
    pub rcpt: Vec<(String, Rcpt)>,
    /// Recipients that can't be named to a server.
    pub refused: Vec<(String, Fate)>,
}

/// Those of the envelope that are still to be asked for.
pub fn asked(envelope: &SmtpEnvelope) -> impl Iterator<Item = &str> {
    let open = envelope.recipients.iter().filter(|recipient| matches!(recipient.fate, Fate::Pending | Fate::Deferred(_)));
    open.map(|recipient| recipient.address.as_str())
}

/// The commands for this server.
///
/// # Errors
/// [`SubmitError::Refused`] where the server can't take the message at all.
pub fn commands(mail: &Submission, dsn: &Dsn, caps: &Caps, host: &str) -> Result<Commands, SubmitError> {
    let sender = match mail.envelope.mail_from.as_str() {
        "" => None,
        address => Some(path(address).map_err(|why| SubmitError::Refused(format!("the sender {why}")))?),
    };
    let reports = Reports::of(dsn, caps, host);
    let mut commands =
        Commands { mail: Mail::new(sender, mail_parameters(mail, &reports, caps, host)?), rcpt: Vec::new(), refused: Vec::new() };
    for address in asked(&mail.envelope) {
        match path(address) {
            Ok(known) => commands.rcpt.push((address.to_owned(), Rcpt::new(known, reports.of_recipient(address)))),
            Err(why) => commands.refused.push((address.to_owned(), Fate::Refused(why))),
        }
    }
    Ok(commands)
}

fn mail_parameters(mail: &Submission, reports: &Reports, caps: &Caps, host: &str) -> Result<Vec<MailParameter>, SubmitError> {
    let mut parameters = Vec::new();
    let size = data::size(&mail.bytes);
    if let Some(limit) = caps.size_limit().filter(|limit| size > *limit) {
        return Err(SubmitError::Refused(format!("the message has {}, and {host} takes at most {}", amount(size), amount(limit))));
    }
    if caps.size() {
        parameters.push(MailParameter::Size(usize::try_from(size).unwrap_or(usize::MAX)));
    }
    if !mail.bytes.is_ascii() {
        if !caps.eight_bit() {
            return Err(SubmitError::Refused(format!("the message holds 8-bit text, which {host} does not take (8BITMIME)")));
        }
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let all = std::iter::once(mail.envelope.mail_from.as_str()).chain(asked(&mail.envelope));
    let wide = all.into_iter().find(|address| !address.is_ascii());
    if let Some(address) = wide.filter(|_| !caps.smtp_utf8()) {
        return Err(SubmitError::Refused(format!("{address} has letters beyond ASCII, and {host} takes no such addresses (SMTPUTF8)")));
    }
    if caps.smtp_utf8() && (wide.is_some() || !header(&mail.bytes).is_ascii()) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    parameters.extend(reports.of_message());
    Ok(parameters)
}

/// Up to the first empty line.
fn header(bytes: &[u8]) -> &[u8] {
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if matches!(line, b"\n" | b"\r\n") {
            return bytes.get(..start).unwrap_or_default();
        }
        start += line.len();
    }
    bytes
}

/// The delivery reports to ask for; nothing where the server does not offer them.
#[derive(Debug, Default)]
struct Reports {
    notify: Option<String>,
    ret: Option<&'static str>,
    envid: Option<String>,
}

impl Reports {
    fn of(dsn: &Dsn, caps: &Caps, host: &str) -> Self {
        if !caps.dsn() {
            if *dsn != Dsn::default() {
                tracing::info!("{host} offers no delivery reports (DSN); sending without");
            }
            return Self::default();
        }
        let ret = match dsn.ret.as_deref() {
            Some("headers") => Some("HDRS"),
            Some("full") => Some("FULL"),
            _ => None,
        };
        let envid =
            dsn.envid.clone().filter(|id| !id.is_empty() && id.len() <= MAX_ENVID && id.bytes().all(|byte| (b' '..0x7f).contains(&byte)));
        Self { notify: dsn.notify.as_deref().and_then(notify), ret, envid }
    }

    fn of_message(&self) -> Vec<MailParameter> {
        let parameter = |keyword: &str, value: &str| MailParameter::Other { keyword: keyword.to_owned(), value: Some(value.to_owned()) };
        let ret = self.ret.map(|ret| parameter("RET", ret));
        ret.into_iter().chain(self.envid.as_deref().map(|id| parameter("ENVID", id))).collect()
    }

    fn of_recipient(&self, address: &str) -> Vec<RcptParameter> {
        let Some(notify) = &self.notify else { return Vec::new() };
        let parameter = |keyword: &str, value: String| RcptParameter::Other { keyword: keyword.to_owned(), value: Some(value) };
        let mut parameters = vec![parameter("NOTIFY", notify.clone())];
        // other addresses would need RFC 6533's form of their own
        if address.is_ascii() {
            parameters.push(parameter("ORCPT", format!("rfc822;{address}")));
        }
        parameters
    }
}

/// `failure, delay` as NOTIFY says it; None where there is nothing that it can say.
fn notify(text: &str) -> Option<String> {
    let words: Vec<String> = text.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [] => None,
        [never] if never == "never" => Some("NEVER".to_owned()),
        some => some.iter().all(|word| WORDS.contains(&word.as_str())).then(|| some.join(",").to_ascii_uppercase()),
    }
}

/// An address as a path may hold it. Nothing in it can end the path or the line.
fn path(address: &str) -> Result<Address, String> {
    let wrong = |why: &str| Err(format!("{address:?} is no address ({why})"));
    if address.len() > MAX_ADDRESS {
        return Err("is no address (too long)".to_owned());
    }
    if address.contains(char::is_control) {
        return wrong("it holds a control character");
    }
    let Some((local, domain)) = address.rsplit_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty()) else {
        return wrong("it has the form name@domain");
    };
    let is_plain = |text: &str, odd: &[char]| !text.contains(|c: char| c.is_whitespace() || odd.contains(&c));
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !is_plain(literal.unwrap_or(domain), &['<', '>', '(', ')', '[', ']', '"', ',', ';', '\\', '@']) {
        return wrong("its domain holds a character that no domain has");
    }
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_local = match quoted {
        Some(inside) => closes_nothing(inside),
        None => is_plain(local, &['<', '>', '(', ')', '[', ']', '"', ',', ';', ':', '\\', '@']),
    };
    if !is_local {
        return wrong("its first part needs quotes");
    }
    Ok(Address::new_dangerous(local, domain))
}

/// Inside of a quoted string: no quote but after a backslash, no backslash at the end.
fn closes_nothing(inside: &str) -> bool {
    let mut escaped = false;
    for c in inside.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return false,
            _ => {}
        }
    }
    !escaped
}

/// Octets for people.
fn amount(octets: u64) -> String {
    const UNITS: &[(u64, &str)] = &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| octets >= *unit) {
        Some((unit, name)) => {
            let tenths = octets.saturating_mul(10) / unit;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{octets} octets"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::outgoing::Recipient;

    fn submission(from: &str, to: &[&str], text: &str) -> Submission {
        let recipients = to.iter().map(|address| Recipient { address: (*address).to_owned(), fate: Fate::Pending }).collect();
        let envelope = SmtpEnvelope { mail_from: from.to_owned(), recipients, dsn: Dsn::default() };
        Submission { envelope, bytes: text.as_bytes().into() }
    }

    fn caps(lines: &str) -> Caps {
        let lines: String = lines.split(';').map(|line| format!("250-{line}\r\n")).collect();
        Caps::new(&format!("250-x\r\n{lines}250 HELP\r\n").parse().unwrap())
    }

    fn said(mail: &Submission, dsn: &Dsn, offered: &str) -> Result<Vec<String>, SubmitError> {
        let commands = commands(mail, dsn, &caps(offered), "mx.example")?;
        let rcpt = commands.rcpt.iter().map(|(_, rcpt)| rcpt.to_string());
        Ok(std::iter::once(commands.mail.to_string()).chain(rcpt).map(|line| line.trim_end().to_owned()).collect())
    }

    #[test]
    fn parameters_are_said_only_where_they_are_offered() {
        let dsn = Dsn { notify: Some("failure, delay".into()), ret: Some("headers".into()), envid: Some("a b+c".into()) };
        let mail = submission("ada@a.example", &["bob+x@b.example"], "Subject: x\n\n\u{e9}\n");
        assert_eq!(
            said(&mail, &dsn, "SIZE 100;8BITMIME;DSN;SMTPUTF8").unwrap(),
            [
                "MAIL FROM:<ada@a.example> SIZE=18 BODY=8BITMIME RET=HDRS ENVID=a+20b+2Bc",
                "RCPT TO:<bob+x@b.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob+2Bx@b.example"
            ]
        );
        let plain = submission("", &["bob@b.example"], "Subject: x\n\nx\n");
        assert_eq!(said(&plain, &dsn, "X").unwrap(), ["MAIL FROM:<>", "RCPT TO:<bob@b.example>"]);
    }

    #[test]
    fn what_the_server_can_not_take_is_refused_in_words() {
        for (mail, offered, word) in [
            (submission("a@b.c", &["d@e.f"], "x"), "SIZE 2", "takes at most 2 octets"),
            (submission("a@b.c", &["d@e.f"], "\u{e9}"), "SIZE", "8BITMIME"),
            (submission("a@b.c", &["d@\u{e9}.f"], "x"), "8BITMIME", "SMTPUTF8"),
            (submission("\u{e9}@b.c", &["d@e.f"], "x"), "8BITMIME", "SMTPUTF8"),
            (submission("a@b.c>\r\nRCPT TO:<x@y.z", &["d@e.f"], "x"), "8BITMIME", "control"),
        ] {
            let error = said(&mail, &Dsn::default(), offered).unwrap_err();
            assert!(matches!(&error, SubmitError::Refused(text) if text.contains(word)), "{error:?}");
        }
        let wide = submission("a@b.c", &["d@\u{e9}.f"], "x");
        assert_eq!(said(&wide, &Dsn::default(), "SMTPUTF8").unwrap()[0], "MAIL FROM:<a@b.c> SMTPUTF8");
    }

    #[test]
    fn no_address_adds_to_a_command() {
        for address in [
            "a@b.c\r\nDATA",
            "a@b.c> NOTIFY=NEVER",
            "a b@c.d",
            "a@b c",
            "@b.c",
            "a@",
            "a",
            "",
            "a<b@c.d",
            "\"a\"b\"@c.d",
            "\"a\\\"@c.d",
            "a@b.c\0",
            "a\u{2028}b@c.d",
            "a,b@c.d",
        ] {
            assert!(path(address).is_err(), "{address:?}");
        }
        for address in
            ["a@b.c", "\"a b\"@c.d", "\"a\\\"b>\"@c.d", "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "a..b@c.d", "o'hara@x", "\u{e9}@\u{e9}.x"]
        {
            assert_eq!(path(address).unwrap().to_string(), address);
        }
        let mail = submission("a@b.c", &["no", "d@e.f"], "x");
        let commands = commands(&mail, &Dsn::default(), &caps("X"), "mx").unwrap();
        assert_eq!(commands.rcpt.len(), 1);
        assert!(matches!(&commands.refused[..], [(address, Fate::Refused(_))] if address == "no"));
    }

    #[test]
    fn odd_reports_are_not_asked_for() {
        for text in ["", ",", "always", "never,success", "failure\r\nDATA"] {
            assert_eq!(notify(text), None, "{text:?}");
        }
        assert_eq!(notify("never").as_deref(), Some("NEVER"));
    }

    #[test]
    fn amounts_are_read_by_people() {
        for (octets, text) in [(2, "2 octets"), (1536, "1.5 KiB"), (26_214_400, "25.0 MiB"), (3 << 30, "3.0 GiB")] {
            assert_eq!(amount(octets), text);
        }
    }
}
