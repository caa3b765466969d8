//! Commands as bytes (RFC 9051 6, 9): quoting, literals, dates. What can't be said safely (line ends and NUL
//! in a string) is refused here, so that no caller can add a line.

use jiff::Timestamp;

use crate::remote::{RemoteError, Result, utf7};

/// One command without its tag. Between two segments a synchronizing literal waits for the server's "+".
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    segments: Vec<Vec<u8>>,
    /// Credentials in it: traces show its first word only.
    secret: bool,
    dialect: Dialect,
}

/// How a server lets strings be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {
    pub literals: NonSync,
    /// UTF-8 between quotes, and mailbox names in it instead of modified UTF-7 (RFC 9755, RFC 9051 5.1).
    pub utf8: bool,
}

/// Which literals need no "+" from the server (RFC 7888).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonSync {
    #[default]
    None,
    /// LITERAL-: up to 4096 octets.
    Short,
    /// LITERAL+.
    All,
}

const SHORT: usize = 4096;

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.segments.iter().map(|segment| segment.escape_ascii().to_string()).collect();
        let shown = if self.secret { text.split(' ').next().unwrap_or_default() } else { &text };
        f.debug_tuple("Command").field(&shown).finish()
    }
}

impl Command {
    /// A command of words that are ours.
    pub fn new(words: &str) -> Self {
        debug_assert!(!words.contains(['\r', '\n']));
        Self { segments: vec![words.as_bytes().to_vec()], secret: false, dialect: Dialect::default() }
    }

    /// Hides its arguments from traces.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Strings that follow are written so.
    #[must_use]
    pub fn spoken(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// What traces show of a secret command.
    pub fn name(&self) -> &[u8] {
        self.segments.first().and_then(|first| first.split(|byte| *byte == b' ').next()).unwrap_or_default()
    }

    pub fn segments(&self) -> &[Vec<u8>] {
        &self.segments
    }

    /// More words of ours, after a space.
    #[must_use]
    pub fn word(mut self, words: &str) -> Self {
        debug_assert!(!words.contains(['\r', '\n']));
        self.push(b" ");
        self.push(words.as_bytes());
        self
    }

    /// A string of someone else's, after a space: quoted, or a literal where it has octets that quoting does not allow.
    ///
    /// # Errors
    /// Line ends and NUL are refused.
    pub fn string(mut self, value: &[u8]) -> Result<Self> {
        if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(RemoteError::Rejected(format!("a line end in a name: {}", value.escape_ascii())));
        }
        self.push(b" ");
        let may_be_quoted = value.is_ascii() || (self.dialect.utf8 && std::str::from_utf8(value).is_ok());
        if value.len() > 1000 || !may_be_quoted {
            self.literal(value);
        } else {
            self.push(b"\"");
            for byte in value {
                if matches!(byte, b'"' | b'\\') {
                    self.push(b"\\");
                }
                self.push(&[*byte]);
            }
            self.push(b"\"");
        }
        Ok(self)
    }

    /// A mailbox name, byte for byte as the server gave it; in UTF-8 where it is spoken.
    ///
    /// # Errors
    /// Line ends and NUL are refused.
    pub fn mailbox(self, wire_name: &str) -> Result<Self> {
        if self.dialect.utf8 { self.string(utf7::decode(wire_name.as_bytes()).as_bytes()) } else { self.string(wire_name.as_bytes()) }
    }

    /// A message as APPEND takes it.
    #[must_use]
    pub fn message(mut self, bytes: &[u8]) -> Self {
        self.push(b" ");
        self.literal(bytes);
        self
    }

    /// The same, with UTF-8 in its header, for servers that want to be told (RFC 6855 4).
    #[must_use]
    pub fn utf8_message(mut self, bytes: &[u8]) -> Self {
        self.push(b" UTF8 (~");
        self.literal(bytes);
        self.push(b")");
        self
    }

    /// Octets as a literal, after what is there.
    fn literal(&mut self, bytes: &[u8]) {
        let at_once = match self.dialect.literals {
            NonSync::None => false,
            NonSync::Short => bytes.len() <= SHORT,
            NonSync::All => true,
        };
        let plus = if at_once { "+" } else { "" };
        self.push(format!("{{{}{plus}}}\r\n", bytes.len()).as_bytes());
        if at_once {
            self.push(bytes);
        } else {
            self.segments.push(bytes.to_vec());
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(last) = self.segments.last_mut() {
            last.extend_from_slice(bytes);
        }
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// INTERNALDATE for APPEND, in UTC: `"17-Jul-1996 02:44:25 +0000"`, quotes included. None outside years 1970..=9999.
pub fn date_time(unix_seconds: i64) -> Option<String> {
    let date = Timestamp::from_second(unix_seconds).ok()?.to_zoned(jiff::tz::TimeZone::UTC);
    let month = MONTHS.get(usize::try_from(date.month()).ok()?.checked_sub(1)?)?;
    (date.year() >= 1970).then(|| {
        format!("\"{:02}-{month}-{:04} {:02}:{:02}:{:02} +0000\"", date.day(), date.year(), date.hour(), date.minute(), date.second())
    })
}

/// Reads INTERNALDATE to Unix seconds. One digit days and missing zones are found in the wild.
pub fn parse_date_time(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace();
    let mut date = words.next()?.split('-');
    let day: i8 = date.next()?.parse().ok()?;
    let name = date.next()?;
    let month = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))? + 1;
    let year: i16 = date.next()?.parse().ok()?;
    let mut time = words.next()?.split(':');
    let mut part = || time.next().unwrap_or("0").parse::<i8>().ok();
    let civil = jiff::civil::DateTime::new(year, i8::try_from(month).ok()?, day, part()?, part()?, part()?.min(59), 0).ok()?;
    let zone: i32 = words.next().unwrap_or("+0000").parse().ok()?;
    let offset = jiff::tz::Offset::from_seconds((zone / 100) * 3600 + (zone % 100) * 60).ok()?;
    offset.to_timestamp(civil).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(command: &Command) -> Vec<String> {
        command.segments().iter().map(|segment| String::from_utf8_lossy(segment).into_owned()).collect()
    }

    #[test]
    fn names_are_quoted_or_sent_as_literals() {
        assert_eq!(text(&Command::new("SELECT").mailbox("a \"b\\c").unwrap()), ["SELECT \"a \\\"b\\\\c\""]);
        assert_eq!(text(&Command::new("SELECT").mailbox("ü").unwrap().word("(X)")), ["SELECT {2}\r\n", "ü (X)"]);
        let (at_once, short) = (Dialect { literals: NonSync::All, utf8: false }, Dialect { literals: NonSync::Short, utf8: false });
        assert_eq!(text(&Command::new("SELECT").spoken(at_once).mailbox("ü").unwrap()), ["SELECT {2+}\r\nü"]);
        assert_eq!(Command::new("APPEND x").spoken(short).message(&[b'a'; SHORT + 1]).segments().len(), 2);
        assert_eq!(text(&Command::new("APPEND x").utf8_message(b"abc")), ["APPEND x UTF8 (~{3}\r\n", "abc)"]);
        assert_eq!(text(&Command::new("APPEND x").spoken(at_once).utf8_message(b"abc")), ["APPEND x UTF8 (~{3+}\r\nabc)"]);
    }

    #[test]
    fn where_utf8_is_spoken_names_are_in_it_and_can_still_not_end_the_line() {
        let utf8 = Dialect { literals: NonSync::None, utf8: true };
        for (wire, spoken) in [
            ("Entw&APw-rfe", "SELECT \"Entwürfe\""),
            ("Übergrößen", "SELECT \"Übergrößen\""),
            ("A &- B", "SELECT \"A & B\""),
            ("a & b", "SELECT \"a & b\""),
            ("&ACIAXA-", "SELECT \"\\\"\\\\\""),
        ] {
            assert_eq!(text(&Command::new("SELECT").spoken(utf8).mailbox(wire).unwrap()), [spoken]);
        }
        // CR LF, and NUL
        for wire in ["a&AA0ACg-b", "a&AAA-b"] {
            assert!(Command::new("SELECT").spoken(utf8).mailbox(wire).is_err(), "{wire}");
        }
    }

    #[test]
    fn a_line_end_in_a_name_is_refused() {
        for name in ["a\r\nb", "a\nb", "a\rb", "a\0b"] {
            assert!(Command::new("SELECT").mailbox(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn secret_commands_show_their_name_only() {
        let command = Command::new("LOGIN").string(b"ada").unwrap().string(b"hunter2").unwrap().secret();
        assert_eq!(command.name(), b"LOGIN");
        assert!(!format!("{command:?}").contains("hunter2") && !format!("{command:?}").contains("ada"));
    }

    #[test]
    fn dates_go_both_ways() {
        for seconds in [0, 837_571_465, 1_763_683_200, 4_102_444_800] {
            let quoted = date_time(seconds).unwrap();
            assert_eq!(parse_date_time(quoted.trim_matches('"')), Some(seconds), "{quoted}");
        }
        assert_eq!(parse_date_time("17-Jul-1996 02:44:25 -0730"), Some(837_571_465 + 7 * 3600 + 1800));
        assert_eq!(parse_date_time(" 1-jan-1970 00:00:07"), Some(7));
        for broken in ["", "NIL", "x-Jan-2000 0:0:0 +0", "31-Feb-2000 00:00:00 +0000", "1-Foo-2000 00:00:00 +0000"] {
            assert_eq!(parse_date_time(broken), None, "{broken:?}");
        }
        assert_eq!(date_time(-1), None);
    }
}
