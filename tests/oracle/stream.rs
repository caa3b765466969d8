//! What may reach a terminal, as a strict grammar over bytes: every octet must belong to printable text or to one of the few
//! sequences the program has for itself, with numbers as they can be on this screen. It shares nothing with the program and
//! keeps no terminal's state, so nothing can be hidden in what a parser would pass over.

use std::collections::HashSet;

use unicode_width::UnicodeWidthChar;

/// Private modes the program turns on and off.
const MODES: &[&str] = &["25", "1002", "1004", "1006", "1049", "2004", "2026", "2031"];
/// The words a title may begin with.
const TITLES: &[&str] = &["Inbox", "Drafts", "Sent", "Archive", "Junk", "Trash", "Starred", "folder"];
/// Characters without a cell in a row that one cell may hold.
const MAX_MARKS: usize = 8;

/// Fails at the first octet that is nobody's.
pub fn check(bytes: &[u8], columns: u16, rows: u16) -> Result<(), String> {
    let most = u32::from(columns.max(rows)).max(255);
    let mut at = 0;
    let mut marks = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let taken = match rest[0] {
            0x1b => sequence(rest, most).ok_or_else(|| around(bytes, at, "a sequence that is not our own"))?,
            b'\r' | b'\n' | 0x08 => 1,
            _ => {
                let (c, length) = character(rest).ok_or_else(|| around(bytes, at, "octets that are no UTF-8"))?;
                if is_foreign(c) {
                    return Err(around(bytes, at, &format!("U+{:04X}", u32::from(c))));
                }
                marks = if c.width() == Some(0) { marks + 1 } else { 0 };
                if marks > MAX_MARKS {
                    return Err(around(bytes, at, "a flood of marks"));
                }
                length
            }
        };
        at += taken;
    }
    Ok(())
}

/// Characters that act instead of showing, or that show as nothing.
fn is_foreign(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(c, '\u{ad}' | '\u{180e}' | '\u{2800}' | '\u{3164}' | '\u{115f}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}')
        || matches!(c, '\u{e0000}'..='\u{e0fff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

fn character(bytes: &[u8]) -> Option<(char, usize)> {
    let end = bytes.len().min(4);
    (1..=end).find_map(|length| Some((std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?, length)))
}

/// The length of an allowed sequence at the beginning.
fn sequence(bytes: &[u8], most: u32) -> Option<usize> {
    match bytes.get(1)? {
        b'[' => control(&bytes[2..], most).map(|length| length + 2),
        b']' => string(&bytes[2..]).map(|length| length + 2),
        _ => None,
    }
}

fn control(bytes: &[u8], most: u32) -> Option<usize> {
    let end = bytes.iter().position(|byte| (0x40..0x7f).contains(byte))?;
    let parameters = std::str::from_utf8(&bytes[..end]).ok()?;
    let numbers = || -> Option<Vec<u32>> {
        parameters.split(';').filter(|part| !part.is_empty()).map(|part| part.parse().ok().filter(|number| *number <= most)).collect()
    };
    let is_ours = match bytes[end] {
        b'A' | b'B' | b'C' | b'D' | b'G' | b'X' | b'S' | b'T' => numbers()?.len() <= 1 && !parameters.contains(';'),
        b'H' => numbers()?.len() <= 2,
        b'r' => matches!(numbers()?.len(), 0 | 2),
        b'K' => parameters.is_empty(),
        b'J' => parameters == "2",
        b'm' => numbers()?.len() <= 16,
        b't' => matches!(parameters, "22;2" | "23;2"),
        b'h' | b'l' => parameters.strip_prefix('?').is_some_and(|mode| MODES.contains(&mode)),
        _ => false,
    };
    is_ours.then_some(end + 1)
}

fn string(bytes: &[u8]) -> Option<usize> {
    const BACKGROUND: &[u8] = b"11;?\x1b\\";
    if bytes.starts_with(BACKGROUND) {
        return Some(BACKGROUND.len());
    }
    let end = bytes.iter().position(|byte| *byte == 0x07)?;
    let title = std::str::from_utf8(bytes[..end].strip_prefix(b"2;")?).ok()?;
    is_title(title).then_some(end + 1)
}

fn is_title(title: &str) -> bool {
    let Some(begin) = title.strip_suffix(" · postrider") else { return title == "postrider" };
    let (word, count) = begin.split_once(' ').unwrap_or((begin, "(0)"));
    let is_count = count.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).is_some_and(|digits| digits.parse::<u32>().is_ok());
    begin == "draft" || (TITLES.contains(&word) && is_count)
}

fn around(bytes: &[u8], at: usize, what: &str) -> String {
    let place = &bytes[at.saturating_sub(60)..bytes.len().min(at + 60)];
    format!("{what} at {at}: …{}…", place.escape_ascii())
}

/// A canary is the letter q, three digits (the payload), a letter (the place) and two digits (the encoding).
const CANARY: usize = 7;

/// The canaries in a text.
pub fn canaries(text: &str) -> HashSet<String> {
    let bytes = text.as_bytes();
    let found = bytes.windows(CANARY).filter(|word| is_canary(word));
    found.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

fn is_canary(word: &[u8]) -> bool {
    let is_digit = |at: usize| word[at].is_ascii_digit();
    word[0] == b'q' && (1..4).all(is_digit) && word[4].is_ascii_lowercase() && is_digit(5) && is_digit(6)
}

/// Fails where a payload follows its canary as it was sent: sequences of the same shape as our own are found by this alone.
pub fn check_payloads(bytes: &[u8], payloads: &[Vec<u8>]) -> Result<(), String> {
    for (at, word) in bytes.windows(CANARY).enumerate().filter(|(_, word)| is_canary(word)) {
        let number: usize = std::str::from_utf8(&word[1..4]).map_err(|error| error.to_string())?.parse().map_err(|_| "a number")?;
        let Some(payload) = payloads.get(number) else { continue };
        let after = &bytes[at + CANARY..];
        // what follows a payload is its end mark; a line end of ours is followed by anything else
        if after.starts_with(payload) && after[payload.len()..].starts_with(b"z") {
            return Err(around(bytes, at, "a payload as it was sent"));
        }
    }
    Ok(())
}

#[test]
fn the_grammar_takes_our_own_and_nothing_else() {
    for ours in
        ["\x1b[?2026h\x1b[3;4Ha\u{301}\x1b[38;2;1;2;255m午\x1b[K\x1b[12X\r\n\x08", "\x1b]2;Inbox (4) · postrider\x07", "\x1b]11;?\x1b\\"]
    {
        check(ours.as_bytes(), 80, 24).unwrap();
    }
    let foreign: &[&[u8]] = &[
        b"\x1b[4012m",
        b"\x1b[2;4001H",
        b"\x1b[6n",
        b"\x1b[c",
        b"\x1b]0;x\x07",
        b"\x1b]2;x \xc2\xb7 postrider\x07",
        b"\x1b]52;c;YQ==\x07",
        b"\x1bc",
        b"\x1b",
        b"\x07",
        b"\0",
        b"\x7f",
        b"\x9b",
        b"\xc2\x9b",
        b"\xe2\x80\xae",
        b"\x1b_G\x1b\\",
        b"\x1b[?1000h",
        b"\x1b[1;31",
        b"\x0e",
    ];
    for foreign in foreign {
        assert!(check(foreign, 80, 24).is_err(), "{}", foreign.escape_ascii());
    }
    assert!(check(format!("a{}", "\u{301}".repeat(9)).as_bytes(), 80, 24).is_err());
    assert!(check_payloads(b"q001a00\x1b[Kz", &[b"\0".to_vec(), b"\x1b[K".to_vec()]).is_err());
    check_payloads("q001a00␛[Kz".as_bytes(), &[b"\0".to_vec(), b"\x1b[K".to_vec()]).unwrap();
}
