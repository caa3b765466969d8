//! File names of messages: `STAMP.UNIQUE[,S=SIZE]:2,FLAGS`. Pure, but for the counter of unique names.
//!
//! A key is the name up to `:2,`. Names that are no UTF-8 are carried with their odd bytes as private-use
//! characters, so that no message is missing because of its name.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::mail::FlagBits;

/// The letters of the info part and what they mean.
pub const LETTERS: &[(char, FlagBits)] = &[
    ('D', FlagBits::DRAFT),
    ('F', FlagBits::FLAGGED),
    ('P', FlagBits::FORWARDED),
    ('R', FlagBits::ANSWERED),
    ('S', FlagBits::SEEN),
    ('T', FlagBits::DELETED),
];

/// Where an odd byte (0x80..=0xff) is parked in a text.
const PARKED: u32 = 0xf700;

/// A file name as text, without loss.
pub fn to_text(name: &OsStr) -> Cow<'_, str> {
    if let Some(text) = name.to_str() {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(PARKED + u32::from(*byte))));
    }
    Cow::Owned(text)
}

/// The file name of a text made by [`to_text`].
pub fn to_file_name(text: &str) -> OsString {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match u32::from(c).checked_sub(PARKED).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) if byte >= 0x80 => bytes.push(byte),
            _ => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    OsString::from_vec(bytes)
}

/// Base name and the letters behind `:2,`.
pub fn split(name: &str) -> (&str, &str) {
    name.rsplit_once(":2,").unwrap_or((name, ""))
}

/// The system flags of these letters.
pub fn bits(letters: &str) -> FlagBits {
    LETTERS.iter().filter(|(letter, _)| letters.contains(*letter)).fold(FlagBits::NONE, |bits, (_, bit)| bits.with(*bit))
}

/// These letters with other system flags and keyword letters; what we do not know stays.
pub fn with_bits(letters: &str, bits: FlagBits, keywords: &[char]) -> String {
    let ours = |c: char| c.is_ascii_lowercase() || LETTERS.iter().any(|(letter, _)| *letter == c);
    let mut all: Vec<char> = letters.chars().filter(|c| !ours(*c)).collect();
    all.extend(LETTERS.iter().filter(|(_, bit)| bits.contains(*bit)).map(|(letter, _)| *letter));
    all.extend(keywords);
    all.sort_unstable();
    all.dedup();
    all.into_iter().collect()
}

/// A file name of base and letters.
pub fn join(base: &str, letters: &str) -> String {
    format!("{base}:2,{letters}")
}

/// The delivery time at the front of the name, where it is believable (years 1990 to 2100).
pub fn stamp(name: &str) -> Option<i64> {
    let digits = name.len() - name.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    name.get(..digits)?.parse().ok().filter(|stamp| (631_152_000..4_102_444_800).contains(stamp))
}

/// A base name that no other message has or will have. `received` becomes its stamp; it holds no host name.
pub fn unique(received: i64, size: u64) -> String {
    static TOKEN: OnceLock<u32> = OnceLock::new();
    static SEQUENCE: AtomicU32 = AtomicU32::new(0);
    let token = TOKEN.get_or_init(|| (RandomState::new().build_hasher().finish() & u64::from(u32::MAX)) as u32);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    // the second of writing is part of it: `received` may be any time, and pids come again
    let (second, micros) = (now.as_secs() & 0xffff_ffff, now.subsec_micros());
    format!("{}.M{micros}P{}Q{sequence}.{second:x}{token:08x},S={size}", received.max(0), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_into_base_letters_and_stamp() {
        for (name, base, letters, time) in [
            ("1700000000.M1P2.host:2,FS", "1700000000.M1P2.host", "FS", Some(1_700_000_000)),
            ("1700000000.M1P2.host,S=12:2,", "1700000000.M1P2.host,S=12", "", Some(1_700_000_000)),
            ("note", "note", "", None),
            ("99.x:2,S", "99.x", "S", None),
            ("a:2,b:2,R", "a:2,b", "R", None),
            ("99999999999999999999.x", "99999999999999999999.x", "", None),
        ] {
            assert_eq!((split(name), stamp(name)), ((base, letters), time), "{name}");
        }
    }

    #[test]
    fn unknown_letters_stay_when_flags_change() {
        assert_eq!(with_bits("FXab", FlagBits::SEEN, &['a']), "SXa");
        assert_eq!(bits("FSXa"), FlagBits::FLAGGED.with(FlagBits::SEEN));
    }

    #[test]
    fn odd_bytes_in_names_come_back() {
        for name in [&b"17.\xff\xfe.x:2,S"[..], b"plain", "grün\u{e000}".as_bytes()] {
            assert_eq!(to_file_name(&to_text(OsStr::from_bytes(name))).as_bytes(), name);
        }
    }

    #[test]
    fn unique_names_differ_and_start_with_the_time_received() {
        let (a, b) = (unique(1_700_000_000, 5), unique(1_700_000_000, 5));
        assert_ne!(a, b);
        assert_eq!((stamp(&a), split(&a).1), (Some(1_700_000_000), ""));
    }
}
