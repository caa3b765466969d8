//! One response as a value. Own reading for everything that crates refuse or crash on (ESEARCH, odd STATUS
//! items, LIST with extended data, unknown lines, `INTERNALDATE NIL`); only BODYSTRUCTURE's grammar is left
//! to imap-proto, in `structure.rs`. What can't be read is [`Response::Unknown`], never an error.

use super::command::parse_date_time;
use super::value::Reader;
use crate::mail::{FlagBits, Flags, Keywords, Uids};

#[derive(Debug, PartialEq, Eq)]
pub enum Response<'a> {
    /// `+ text`
    Continue(&'a [u8]),
    Status(Status<'a>),
    Capability(Vec<String>),
    Exists(u32),
    Expunge(u32),
    Fetch(Box<Fetch>),
    List(List),
    StatusOf(StatusOf),
    Search(Found),
    /// Uids that are gone; `earlier`: before this session looked (RFC 7162 3.2.10).
    Vanished {
        earlier: bool,
        uids: Uids,
    },
    /// FLAGS: every flag that the open mailbox knows.
    Flags(Vec<String>),
    /// What ENABLE turned on, upper case.
    Enabled(Vec<String>),
    /// Known and of no interest (RECENT, ID, NAMESPACE, …).
    Other,
    /// Not understood.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// None = untagged.
    pub tag: Option<&'a [u8]>,
    pub outcome: Outcome,
    /// Upper case; empty where there is none.
    pub code: String,
    /// What follows the code's name inside the brackets.
    pub argument: String,
    /// For people; raw.
    pub text: String,
}

/// SEARCH, or ESEARCH ALL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Which command it answers; only ESEARCH tells.
    pub tag: Option<Vec<u8>>,
    pub uids: Uids,
}

/// What a FETCH response told of one message; later ones for the same message are merged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    pub sequence: u32,
    pub uid: Option<u32>,
    pub flags: Option<Flags>,
    /// Unix seconds.
    pub received: Option<i64>,
    pub size: Option<u64>,
    /// EMAILID or X-GM-MSGID.
    pub identity: Option<String>,
    /// RFC 7162; 0 = not told.
    pub mod_seq: u64,
    /// The one BODY[…] that was asked for.
    pub body: Option<Vec<u8>>,
    /// BODYSTRUCTURE, raw.
    pub structure: Option<Vec<u8>>,
    /// Something in it could not be read.
    pub damaged: bool,
}

impl Fetch {
    pub fn merge(&mut self, newer: Fetch) {
        self.flags = newer.flags.or(self.flags.take());
        self.received = newer.received.or(self.received);
        self.size = newer.size.or(self.size);
        self.identity = newer.identity.or(self.identity.take());
        self.mod_seq = self.mod_seq.max(newer.mod_seq);
        self.body = newer.body.or(self.body.take());
        self.structure = newer.structure.or(self.structure.take());
        self.damaged |= newer.damaged;
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// As written.
    pub attributes: Vec<String>,
    pub delimiter: Option<char>,
    /// Byte for byte.
    pub name: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusOf {
    pub name: Vec<u8>,
    /// Upper-case item and number; items without a number are left out.
    pub items: Vec<(String, u64)>,
}

impl StatusOf {
    pub fn item(&self, name: &str) -> Option<u32> {
        let found = self.items.iter().find(|(item, _)| item == name);
        found.map(|(_, number)| u32::try_from(*number).unwrap_or(u32::MAX))
    }
}

/// Reads one framed response.
pub fn response(bytes: &[u8]) -> Response<'_> {
    let mut reader = Reader::new(bytes);
    match reader.atom() {
        Some(b"+") => Response::Continue(reader.text()),
        Some(b"*") => untagged(reader).unwrap_or(Response::Unknown),
        Some(tag) => status(&mut reader, Some(tag)).map_or(Response::Unknown, Response::Status),
        None => Response::Unknown,
    }
}

fn untagged(mut reader: Reader<'_>) -> Option<Response<'_>> {
    let at_word = reader.clone();
    if reader.peek() == Some(b' ') {
        reader.spaces();
    }
    if reader.peek()?.is_ascii_digit() {
        let number = u32::try_from(reader.number()?).ok()?;
        return numbered(number, reader);
    }
    let word = reader.atom()?.to_ascii_uppercase();
    Some(match word.as_slice() {
        b"OK" | b"NO" | b"BAD" | b"BYE" | b"PREAUTH" => Response::Status(status(&mut at_word.clone(), None)?),
        b"CAPABILITY" => Response::Capability(words(reader.text())),
        b"LIST" | b"XLIST" => Response::List(list(&mut reader)?),
        b"STATUS" => Response::StatusOf(status_of(&mut reader)?),
        b"SEARCH" => Response::Search(search(&mut reader)),
        b"ESEARCH" => Response::Search(extended_search(&mut reader)),
        b"VANISHED" => vanished(&mut reader)?,
        b"FLAGS" => Response::Flags(reader.words()?),
        b"ENABLED" => Response::Enabled(words(reader.text())),
        b"LSUB" | b"ID" | b"NAMESPACE" | b"QUOTA" | b"QUOTAROOT" | b"METADATA" => Response::Other,
        _ => Response::Unknown,
    })
}

fn numbered(number: u32, mut reader: Reader<'_>) -> Option<Response<'_>> {
    Some(match reader.atom()?.to_ascii_uppercase().as_slice() {
        b"EXISTS" => Response::Exists(number),
        b"EXPUNGE" => Response::Expunge(number),
        b"RECENT" => Response::Other,
        b"FETCH" => Response::Fetch(Box::new(fetch(number, &mut reader))),
        _ => Response::Unknown,
    })
}

fn words(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).split_ascii_whitespace().map(str::to_ascii_uppercase).collect()
}

fn status<'a>(reader: &mut Reader<'a>, tag: Option<&'a [u8]>) -> Option<Status<'a>> {
    let outcome = match reader.atom()?.to_ascii_uppercase().as_slice() {
        b"OK" => Outcome::Ok,
        b"NO" => Outcome::No,
        b"BAD" => Outcome::Bad,
        b"BYE" => Outcome::Bye,
        b"PREAUTH" => Outcome::PreAuth,
        _ => return None,
    };
    let text = String::from_utf8_lossy(reader.text()).into_owned();
    let coded = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (code, text) = match coded {
        Some((code, rest)) => (code.trim().to_owned(), rest.trim_start().to_owned()),
        None => (String::new(), text),
    };
    let (code, argument) = code.split_once(' ').unwrap_or((&code, ""));
    Some(Status { tag, outcome, code: code.to_ascii_uppercase(), argument: argument.trim().to_owned(), text })
}

fn list(reader: &mut Reader<'_>) -> Option<List> {
    let attributes = reader.words()?;
    let delimiter = reader.nstring()?.and_then(|text| String::from_utf8_lossy(&text).chars().next());
    // LIST with a name that is NIL names a mailbox of that name.
    let name = reader.astring()?.into_owned();
    Some(List { attributes, delimiter, name })
}

fn status_of(reader: &mut Reader<'_>) -> Option<StatusOf> {
    let name = reader.astring()?.into_owned();
    let mut items = Vec::new();
    if reader.eat(b'(') {
        while !reader.eat(b')') {
            let item = String::from_utf8_lossy(reader.atom()?).to_ascii_uppercase();
            match reader.number() {
                Some(number) => items.push((item, number)),
                None => drop(reader.value()?),
            }
        }
    }
    Some(StatusOf { name, items })
}

/// `SEARCH 1 2 3 (MODSEQ 7)`; what is no number ends it.
fn search(reader: &mut Reader<'_>) -> Found {
    let uids = std::iter::from_fn(|| reader.number()).filter_map(|number| u32::try_from(number).ok()).collect();
    Found { tag: None, uids: Uids::from_uids(uids) }
}

/// `ESEARCH (TAG "a1") UID COUNT 3 ALL 1:3,7` (RFC 4731).
fn extended_search(reader: &mut Reader<'_>) -> Found {
    let mut found = Found::default();
    if reader.eat(b'(') {
        let mut is_tag = false;
        while !reader.eat(b')') {
            let Some(word) = reader.astring() else { return found };
            if std::mem::replace(&mut is_tag, word.eq_ignore_ascii_case(b"TAG")) {
                found.tag = Some(word.into_owned());
            }
        }
    }
    while let Some(word) = reader.atom() {
        if word.eq_ignore_ascii_case(b"ALL") {
            found.uids = set(reader);
            break;
        }
    }
    found
}

/// `VANISHED (EARLIER) 1:3,7`
fn vanished<'a>(reader: &mut Reader<'_>) -> Option<Response<'a>> {
    reader.spaces();
    let earlier = reader.peek() == Some(b'(') && reader.words()?.iter().any(|word| word.eq_ignore_ascii_case("EARLIER"));
    Some(Response::Vanished { earlier, uids: set(reader) })
}

fn set(reader: &mut Reader<'_>) -> Uids {
    super::set::parse(&String::from_utf8_lossy(reader.atom().unwrap_or_default()))
}

/// Reads item by item; an unreadable one costs the items after it at most, and marks the rest damaged.
fn fetch(sequence: u32, reader: &mut Reader<'_>) -> Fetch {
    let mut fetch = Fetch { sequence, ..Fetch::default() };
    fetch.damaged = !reader.eat(b'(');
    while !fetch.damaged && !reader.eat(b')') {
        let Some(name) = reader.atom() else {
            fetch.damaged = true;
            break;
        };
        if item(&mut fetch, name, reader).is_none() {
            fetch.damaged = true;
        }
    }
    if fetch.damaged {
        salvage(&mut fetch, reader.rest());
    }
    fetch
}

fn item(fetch: &mut Fetch, name: &[u8], reader: &mut Reader<'_>) -> Option<()> {
    match name.to_ascii_uppercase().as_slice() {
        b"UID" => fetch.uid = Some(u32::try_from(reader.number()?).ok().filter(|uid| *uid > 0)?),
        b"FLAGS" => fetch.flags = Some(flags(&reader.words()?)),
        b"RFC822.SIZE" => fetch.size = reader.value().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()),
        b"INTERNALDATE" => fetch.received = reader.nstring()?.and_then(|text| parse_date_time(&String::from_utf8_lossy(&text))),
        b"X-GM-MSGID" => fetch.identity = Some(String::from_utf8_lossy(reader.atom()?).into_owned()),
        b"MODSEQ" => fetch.mod_seq = reader.words()?.first()?.parse().unwrap_or_default(),
        b"EMAILID" => fetch.identity = reader.words()?.pop(),
        b"BODYSTRUCTURE" => fetch.structure = Some(reader.value()?.to_vec()),
        long if long.starts_with(b"BODY[") => fetch.body = Some(reader.nstring()?.map(std::borrow::Cow::into_owned).unwrap_or_default()),
        _ => drop(reader.value()?),
    }
    Some(())
}

/// UID and FLAGS from what is left of a response that could not be read to its end.
fn salvage(fetch: &mut Fetch, rest: &[u8]) {
    let find = |word: &[u8]| {
        let at = rest.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word))?;
        Some(Reader::new(rest.get(at + word.len()..)?))
    };
    if fetch.uid.is_none() {
        fetch.uid = find(b"UID ").and_then(|mut reader| u32::try_from(reader.number()?).ok().filter(|uid| *uid > 0));
    }
    if fetch.flags.is_none() {
        fetch.flags = find(b"FLAGS ").and_then(|mut reader| reader.words()).map(|words| flags(&words));
    }
}

/// System flags and the bit each is; `$Forwarded` is a keyword to IMAP and a bit to us.
pub const SYSTEM_FLAGS: &[(&str, FlagBits)] = &[
    ("\\Seen", FlagBits::SEEN),
    ("\\Flagged", FlagBits::FLAGGED),
    ("\\Answered", FlagBits::ANSWERED),
    ("\\Draft", FlagBits::DRAFT),
    ("\\Deleted", FlagBits::DELETED),
    ("$Forwarded", FlagBits::FORWARDED),
];

/// Flags as the server lists them; `\Recent` and unknown system flags are left out.
pub fn flags(words: &[String]) -> Flags {
    let mut flags = Flags::default();
    let mut keywords = Vec::new();
    for word in words {
        match SYSTEM_FLAGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            Some((_, bit)) => flags.bits = flags.bits.with(*bit),
            None if word.starts_with('\\') => {}
            None => keywords.push(word.as_str()),
        }
    }
    flags.keywords = Keywords::new(keywords);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetched(text: &str) -> Fetch {
        match response(text.as_bytes()) {
            Response::Fetch(fetch) => *fetch,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn statuses_have_code_argument_and_text() {
        let Response::Status(status) = response(b"a1 no [authenticationfailed] Sorry\r\n") else { panic!() };
        assert_eq!((status.outcome, status.code.as_str(), status.text.as_str()), (Outcome::No, "AUTHENTICATIONFAILED", "Sorry"));
        let Response::Status(status) = response(b"* OK [COPYUID 7 1:2 5:6]\r\n") else { panic!() };
        assert_eq!((status.tag, status.code.as_str(), status.argument.as_str(), status.text.as_str()), (None, "COPYUID", "7 1:2 5:6", ""));
        let Response::Status(status) = response(b"A1 OK\r\n") else { panic!() };
        assert_eq!((status.outcome, status.text.as_str()), (Outcome::Ok, ""));
        assert_eq!(response(b"+ idling\r\n"), Response::Continue(b"idling"));
        assert_eq!(response(b"+\r\n"), Response::Continue(b""));
    }

    #[test]
    fn what_other_parsers_refuse_is_read() {
        let found = |tag: Option<&[u8]>, ranges: &[(u32, u32)]| {
            Response::Search(Found { tag: tag.map(<[u8]>::to_vec), uids: Uids::from_ranges(ranges.iter().copied()) })
        };
        assert_eq!(response(b"* ESEARCH (TAG \"a1\") UID MIN 1 ALL 1:3,7\r\n"), found(Some(b"a1"), &[(1, 3), (7, 7)]));
        assert_eq!(response(b"* ESEARCH (TAG \"a1\") UID\r\n"), found(Some(b"a1"), &[]));
        assert_eq!(response(b"* SEARCH 1 2 (MODSEQ 7)\r\n"), found(None, &[(1, 2)]));
        let vanished = |earlier, ranges: &[(u32, u32)]| Response::Vanished { earlier, uids: Uids::from_ranges(ranges.iter().copied()) };
        assert_eq!(response(b"* VANISHED (EARLIER) 41,43:116\r\n"), vanished(true, &[(41, 41), (43, 116)]));
        assert_eq!(response(b"* VANISHED 1:4294967295,7\r\n"), vanished(false, &[(1, u32::MAX)]));
        assert_eq!(response(b"* FLAGS (\\Seen work)\r\n"), Response::Flags(vec!["\\Seen".into(), "work".into()]));
        assert_eq!(response(b"* ENABLED qresync\r\n"), Response::Enabled(vec!["QRESYNC".into()]));
        assert_eq!(response(b"* CAPABILITY IMAP4rev2 idle\r\n"), Response::Capability(vec!["IMAP4REV2".into(), "IDLE".into()]));
        let Response::StatusOf(status) = response(b"* STATUS \"a b\" (SIZE 99999999999 MAILBOXID (x) MESSAGES 3 )\r\n") else { panic!() };
        assert_eq!((status.name.as_slice(), status.item("MESSAGES"), status.item("SIZE")), (&b"a b"[..], Some(3), Some(u32::MAX)));
        let Response::List(list) = response(b"* LIST (\\HasNoChildren \\Sent) \".\" Sent (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n") else {
            panic!()
        };
        assert_eq!((list.delimiter, list.name.as_slice(), list.attributes.len()), (Some('.'), &b"Sent"[..], 2));
        let Response::List(list) = response(b"* LIST () NIL {4}\r\na\"b \r\n") else { panic!() };
        assert_eq!((list.delimiter, list.name.as_slice()), (None, &b"a\"b "[..]));
        assert_eq!(response(b"* SOMETHING new\r\n"), Response::Unknown);
        assert_eq!(response(b"* 99999999999 EXISTS\r\n"), Response::Unknown);
    }

    #[test]
    fn a_fetch_is_read_item_by_item() {
        let fetch = fetched(
            "* 3 FETCH (UID 7 FLAGS (\\Seen \\Recent $Forwarded work) INTERNALDATE \"17-Jul-1996 02:44:25 +0000\" RFC822.SIZE 5000000000 \
             MODSEQ (12) EMAILID (M1) PREVIEW \"x\" BODY[HEADER.FIELDS (DATE)] {4}\r\na)\r\n BODYSTRUCTURE (\"TEXT\" \"PLAIN\" ()))\r\n",
        );
        assert_eq!(fetch.mod_seq, 12);
        assert_eq!((fetch.sequence, fetch.uid, fetch.size, fetch.received), (3, Some(7), Some(5_000_000_000), Some(837_571_465)));
        let flags = fetch.flags.unwrap();
        assert_eq!((flags.bits, flags.keywords.as_str()), (FlagBits::SEEN.with(FlagBits::FORWARDED), "work"));
        assert_eq!(fetch.identity.as_deref(), Some("M1"));
        assert_eq!(fetch.body.as_deref(), Some(&b"a)\r\n"[..]));
        assert!(fetch.structure.is_some() && !fetch.damaged);
    }

    #[test]
    fn a_damaged_fetch_still_tells_uid_and_flags() {
        for text in [
            "* 1 FETCH (BODYSTRUCTURE ((\"TEXT) UID 7 FLAGS (\\Seen))\r\n",
            "* 1 FETCH (UID 7 FLAGS (\\Seen) BODY[] \"unfinished\r\n",
            "* 1 FETCH (UID 7 FLAGS (\\Seen) \"\r\n",
            "* 1 FETCH (UID 7 FLAGS (\\Seen)\r\n",
        ] {
            let fetch = fetched(text);
            assert!(fetch.damaged && fetch.uid == Some(7), "{text}");
            assert_eq!(fetch.flags.unwrap().bits, FlagBits::SEEN, "{text}");
        }
        let fetch = fetched("* 1 FETCH (UID 7 INTERNALDATE NIL RFC822.SIZE NIL BODY[] NIL)\r\n");
        assert_eq!((fetch.received, fetch.size, fetch.body.as_deref(), fetch.damaged), (None, None, Some(&b""[..]), false));
        assert_eq!(fetched("* 1 FETCH (UID 0)\r\n").uid, None);
    }

    proptest::proptest! {
        #[test]
        fn anything_at_all_is_read_without_a_panic(bytes in "(\\* |a1 |\\+ )?([0-9]{0,3} )?(FETCH|LIST|STATUS|ESEARCH|OK|CAPABILITY|SEARCH)? ?[\\(\\)\\[\\]\"\\\\{}0-9A-Za-z ~\r\n\u{0}ü]{0,60}") {
            response(bytes.as_bytes());
            for end in 0..bytes.len() {
                response(&bytes.as_bytes()[..end]);
            }
        }

        #[test]
        fn any_structure_is_read_without_a_panic(raw in "[\\(\\)\"\\\\{}0-9A-Z ]{0,80}") {
            super::super::structure::structure(raw.as_bytes(), false);
        }
    }
}
