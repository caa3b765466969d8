//! A header block to an [`Envelope`]. Runs for every message of a first sync, so it looks at each field once.

use super::addresses;
use super::field::{self, Field};
use super::params::Structured;
use crate::mail::{Address, Envelope};
use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

/// 1970-01-01 and 2100-12-31T23:59:59Z: outside, a date is absurd.
const SANE_DATES: std::ops::RangeInclusive<i64> = 0..=4_133_980_799;
/// Characters of a subject that are kept.
const MAX_SUBJECT: usize = 2000;

/// The fields that envelopes and pages are made of; where a field repeats, the first one counts.
#[derive(Debug, Default)]
pub struct Summary {
    pub envelope: Envelope,
    pub reply_to: Vec<Address>,
    pub sender: Vec<Address>,
    /// The Date's offset from UTC in minutes.
    pub offset: i16,
    /// From lines after the first.
    pub other_from: Vec<Address>,
    /// A Date that is there and can't be used.
    pub bad_date: bool,
}

/// Reads a header block; see [`super::envelope`].
pub fn summary(header: &[u8]) -> Summary {
    let mut found = Summary::default();
    let mut seen = Seen::default();
    let mut references = Vec::new();
    let mut in_reply_to = Vec::new();
    let end = field::header_end(header);
    let header = header.get(..end).unwrap_or(header);
    for field in field::fields(header) {
        let Some(known) = known(field.name) else { continue };
        if known == Known::From && seen.has(known) {
            found.other_from.extend(addresses::parse(&field));
        }
        if seen.again(known) {
            continue;
        }
        let envelope = &mut found.envelope;
        match known {
            Known::From => envelope.from = addresses::parse(&field),
            Known::To => envelope.to = addresses::parse(&field),
            Known::Cc => envelope.cc = addresses::parse(&field),
            Known::ReplyTo => found.reply_to = addresses::parse(&field),
            Known::Sender => found.sender = addresses::parse(&field),
            Known::Subject => envelope.subject = subject(&field),
            Known::MessageId => envelope.rfc_message_id = addresses::ids(&field.value()).into_iter().next(),
            Known::InReplyTo => in_reply_to = addresses::ids(&field.value()),
            Known::References => references = addresses::ids(&field.value()),
            Known::ListId => envelope.list_id = list_id(&field.text()),
            Known::ContentType => envelope.has_attachment = is_mixed(&field),
            Known::Date => match date(&field.value()) {
                Some((seconds, offset)) => (envelope.date, found.offset) = (Some(seconds), offset),
                None => found.bad_date = true,
            },
        }
    }
    if found.envelope.from.is_empty() && !found.sender.is_empty() {
        found.envelope.from = found.sender.clone();
    }
    found.envelope.references = addresses::references(references, in_reply_to, found.envelope.rfc_message_id.as_deref());
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    From,
    To,
    Cc,
    ReplyTo,
    Sender,
    Subject,
    Date,
    MessageId,
    InReplyTo,
    References,
    ListId,
    ContentType,
}

const KNOWN: &[(&str, Known)] = &[
    ("from", Known::From),
    ("to", Known::To),
    ("cc", Known::Cc),
    ("reply-to", Known::ReplyTo),
    ("sender", Known::Sender),
    ("subject", Known::Subject),
    ("date", Known::Date),
    ("message-id", Known::MessageId),
    ("in-reply-to", Known::InReplyTo),
    ("references", Known::References),
    ("list-id", Known::ListId),
    ("content-type", Known::ContentType),
];

fn known(name: &[u8]) -> Option<Known> {
    KNOWN.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, known)| *known)
}

/// Which fields came already.
#[derive(Default)]
struct Seen(u16);

impl Seen {
    fn has(&self, known: Known) -> bool {
        self.0 & (1 << known as u16) != 0
    }

    /// Notes the field; true if it was there before.
    fn again(&mut self, known: Known) -> bool {
        let before = self.has(known);
        self.0 |= 1 << known as u16;
        before
    }
}

fn subject(field: &Field<'_>) -> String {
    let text = field.text();
    let text = text.trim();
    match text.char_indices().nth(MAX_SUBJECT) {
        Some((at, _)) => text.get(..at).unwrap_or(text).to_owned(),
        None => text.to_owned(),
    }
}

/// `Talk about boats <boats.example.org>` to `boats.example.org` (RFC 2919).
pub fn list_id(value: &str) -> Option<String> {
    let id = match value.rsplit_once('<') {
        Some((_, tail)) => tail.split('>').next().unwrap_or(tail),
        None => value,
    };
    let id: String = id.trim().chars().filter(|c| !c.is_control()).take(255).collect();
    (!id.is_empty()).then_some(id)
}

fn is_mixed(field: &Field<'_>) -> bool {
    Structured::parse(&field.value()).value == "multipart/mixed"
}

/// The time of the newest Received field (RFC 5321 4.4: behind its last semicolon), else the Date.
pub fn arrived(header: &[u8]) -> Option<i64> {
    let header = header.get(..field::header_end(header)).unwrap_or(header);
    let value = |name| field::fields(header).find(|field| field.is(name)).map(|field| field.value());
    let received = value("Received").and_then(|value| date(value.rsplit_once(';')?.1));
    let sent = || value("Date").and_then(|value| date(&value));
    received.or_else(sent).map(|(seconds, _)| seconds)
}

/// Unix seconds and offset in minutes of a Date value; None where it can't be read or is absurd.
pub fn date(value: &str) -> Option<(i64, i16)> {
    let value: String = value.chars().take(200).filter(char::is_ascii).collect();
    mail_parser_date(&value).or_else(|| jiff_date(&value)).filter(|(seconds, _)| SANE_DATES.contains(seconds))
}

fn mail_parser_date(value: &str) -> Option<(i64, i16)> {
    // it takes "Tues" and words before the date, but a two-digit year or a missing second it does not
    let line = format!("{}\n", value.trim());
    let HeaderValue::DateTime(parsed) = MessageStream::new(line.as_bytes()).parse_date() else { return None };
    if !parsed.is_valid() {
        return None;
    }
    let minutes = i16::from(parsed.tz_hour) * 60 + i16::from(parsed.tz_minute);
    Some((parsed.to_timestamp(), if parsed.tz_before_gmt { -minutes } else { minutes }))
}

fn jiff_date(value: &str) -> Option<(i64, i16)> {
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let zoned = parser.parse_zoned(value.trim()).ok()?;
    Some((zoned.timestamp().as_second(), i16::try_from(zoned.offset().seconds() / 60).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_arrival_is_the_newest_servers_and_else_the_senders() {
        let date = "Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n";
        for (received, seconds) in [
            (
                "Received: from a by b; Mon,\r\n 1 Jan 2024 11:00:00 +0000\r\nReceived: by a; Mon, 1 Jan 2024 10:30:00 +0000\r\n",
                1_704_106_800,
            ),
            ("Received: from a; odd\r\n", 1_704_103_200),
            ("", 1_704_103_200),
        ] {
            assert_eq!(arrived(format!("{received}{date}\r\n").as_bytes()), Some(seconds), "{received}");
        }
        assert_eq!(arrived(b"Subject: x\r\n\r\nDate: Mon, 1 Jan 2024 10:00:00 +0000\r\n"), None);
    }

    #[test]
    fn dates_as_they_come() {
        for (value, expect) in [
            ("Mon, 1 Jan 2024 10:00:00 +0100", Some((1_704_099_600, 60))),
            ("1 Jan 2024 10:00:00 GMT", Some((1_704_103_200, 0))),
            ("Mon, 1 Jan 24 10:00 EST", Some((1_704_121_200, -300))),
            ("Mon, 01 Jan 2024 10:00:00 -0330 (NST)", Some((1_704_115_800, -210))),
            ("Mon, 1 Jan 0024 10:00:00 +0000", Some((1_704_103_200, 0))),
            ("Mon, 1 Jan 1824 10:00:00 +0000", None),
            ("Mon, 1 Jan 9999 10:00:00 +0000", None),
            ("Mon, 31 Feb 2024 99:99:99 +0000", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(date(value), expect, "{value}");
        }
    }

    #[test]
    fn the_first_of_two_counts_and_the_rest_is_kept() {
        let found = summary(b"From: a@b.c\r\nSubject: one\r\nFrom: d@e.f\r\nSubject: two\r\n\r\n");
        assert_eq!(found.envelope.from, [Address::new("", "a@b.c")]);
        assert_eq!(found.other_from, [Address::new("", "d@e.f")]);
        assert_eq!(found.envelope.subject, "one");
    }

    #[test]
    fn attachments_are_guessed_by_the_type() {
        for (kind, expect) in
            [("multipart/mixed", true), ("Multipart/Mixed; boundary=x", true), ("multipart/signed", false), ("text/plain", false)]
        {
            assert_eq!(summary(format!("Content-Type: {kind}\n\n").as_bytes()).envelope.has_attachment, expect, "{kind}");
        }
    }

    #[test]
    fn lists_and_references() {
        let found = summary(b"List-Id: Talk <talk.example.org>\nReferences: <a> <b>\nIn-Reply-To: <b> <c>\nMessage-Id: <d>\n").envelope;
        assert_eq!(found.list_id.as_deref(), Some("talk.example.org"));
        assert_eq!(found.references, ["a", "b", "c"]);
        assert_eq!(found.rfc_message_id.as_deref(), Some("d"));
    }

    #[test]
    fn raw_8bit_headers_are_guessed() {
        assert_eq!(summary(b"Subject: caf\xe9\n").envelope.subject, "café");
        assert_eq!(summary("Subject: café ☃\n".as_bytes()).envelope.subject, "café ☃");
    }
}
