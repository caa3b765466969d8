//! The central directory of a ZIP file (PKWARE's APPNOTE 4.3.12 to 4.3.16), which is all that a listing needs: nothing is inflated.

use jiff::civil::DateTime;

use super::{Contents, Entry, MAX_ENTRIES, shown};

const END: &[u8] = b"PK\x05\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const END_64: &[u8] = b"PK\x06\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const END_LENGTH: usize = 22;
const ENTRY_LENGTH: usize = 46;
/// The longest comment behind the end.
const MAX_COMMENT: usize = 65_535;
/// A number that does not fit stands in the extra field of 64-bit numbers.
const ELSEWHERE: u32 = u32::MAX;

const DAMAGED: &str = "it is damaged, or no ZIP archive; what is shown may not be all of it";

/// Letters 128 to 255 of names without a charset, as MS-DOS had them (code page 437).
const MSDOS: &str =
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

pub fn read(bytes: &[u8]) -> Contents {
    let mut contents = Contents { more: Some(DAMAGED), ..Contents::default() };
    let Some((mut rest, count)) = directory(bytes) else { return contents };
    while let Some((entry, after)) = entry(rest) {
        if contents.entries.len() == MAX_ENTRIES {
            contents.more = Some("there is more, which is not listed");
            return contents;
        }
        contents.entries.push(entry);
        rest = after;
    }
    if contents.entries.len() as u64 == count {
        contents.more = None;
    }
    contents
}

/// Where the entries begin, and how many there are.
fn directory(bytes: &[u8]) -> Option<(&[u8], u64)> {
    let from = bytes.len().saturating_sub(END_LENGTH + MAX_COMMENT);
    let end = from + bytes.get(from..)?.windows(END.len()).rposition(|window| window == END)?;
    let record = bytes.get(end..)?;
    let (mut count, mut size, mut start) = (u64::from(short(record, 10)?), u64::from(long(record, 12)?), u64::from(long(record, 16)?));
    let locator = end.checked_sub(20).and_then(|at| bytes.get(at..end)).filter(|locator| locator.starts_with(LOCATOR_64));
    let record_64 = locator.and_then(|locator| bytes.get(usize::try_from(huge(locator, 8)?).ok()?..));
    if let Some(record) = record_64.filter(|record| record.starts_with(END_64)) {
        (count, size, start) = (huge(record, 32)?, huge(record, 40)?, huge(record, 48)?);
    }
    let at_start =
        usize::try_from(start).ok().and_then(|start| bytes.get(start..end)).filter(|entries| count == 0 || entries.starts_with(ENTRY));
    // something was put before the archive, and its places are off by so much
    let before_end = || bytes.get(end.checked_sub(usize::try_from(size).ok()?)?..end);
    at_start.or_else(before_end).map(|entries| (entries, count))
}

/// The first entry, and what is behind it.
fn entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    if !bytes.starts_with(ENTRY) {
        return None;
    }
    let (flags, size) = (short(bytes, 8)?, long(bytes, 24)?);
    let lengths = [28, 30, 32].map(|at| short(bytes, at).map(usize::from));
    let [name_length, extra_length, comment_length] = lengths;
    let (extra_at, comment_at) = (ENTRY_LENGTH + name_length?, ENTRY_LENGTH + name_length? + extra_length?);
    let extra = bytes.get(extra_at..comment_at)?;
    let entry = Entry {
        name: name(bytes.get(ENTRY_LENGTH..extra_at)?),
        size: if size == ELSEWHERE { field_64(extra).unwrap_or(u64::from(size)) } else { u64::from(size) },
        time: time(short(bytes, 14)?, short(bytes, 12)?),
        note: if flags & 1 == 0 { "" } else { "  (encrypted)" }.to_owned(),
    };
    Some((entry, bytes.get(comment_at + comment_length?..)?))
}

/// UTF-8 where it is, whatever the flag says.
fn name(bytes: &[u8]) -> String {
    let bytes = shown(bytes);
    let msdos = |byte: &u8| match byte.checked_sub(128) {
        Some(high) => MSDOS.chars().nth(usize::from(high)).unwrap_or('\u{fffd}'),
        None => char::from(*byte),
    };
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().map(msdos).collect(), str::to_owned)
}

/// The size of the file in the extra field of 64-bit numbers: its first, as it is the first that may be missing elsewhere.
fn field_64(mut extra: &[u8]) -> Option<u64> {
    loop {
        let (id, length) = (short(extra, 0)?, usize::from(short(extra, 2)?));
        if id == 1 {
            return huge(extra.get(..4 + length)?, 4);
        }
        extra = extra.get(4 + length..)?;
    }
}

/// As MS-DOS has it: of no zone, in steps of two seconds.
fn time(date: u16, time: u16) -> Option<DateTime> {
    let part = |value: u16, from: u16, bits: u16| i8::try_from(value >> from & ((1 << bits) - 1)).ok();
    let year = 1980 + i16::try_from(date >> 9).ok()?;
    let (hour, minute, second) = (part(time, 11, 5)?, part(time, 5, 6)?, part(time, 0, 5)? * 2);
    DateTime::new(year, part(date, 5, 4)?, part(date, 0, 5)?, hour, minute, second, 0).ok()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

fn huge(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An archive of these names and sizes, as far as its directory goes; `before`: octets that were put before it.
    fn archive(entries: &[(&[u8], u32)], before: &[u8]) -> Vec<u8> {
        let mut out = [before, b"PK\x03\x04..."].concat();
        let start = out.len();
        for (name, size) in entries {
            let mut entry = [ENTRY, &[0; ENTRY_LENGTH - 4]].concat();
            // 2026-11-20 12:05:30
            entry[12..16].copy_from_slice(&[0xaf, 0x60, 0x74, 0x5d]);
            entry[24..28].copy_from_slice(&size.to_le_bytes());
            entry[28..30].copy_from_slice(&(name.len() as u16).to_le_bytes());
            out.extend(entry);
            out.extend_from_slice(name);
        }
        let length = (out.len() - start) as u32;
        let count = (entries.len() as u16).to_le_bytes();
        out.extend(
            [END, &[0; 4], &count, &count, &length.to_le_bytes(), &((start - before.len()) as u32).to_le_bytes(), &[2, 0], b"hi"].concat(),
        );
        out
    }

    fn names(bytes: &[u8]) -> Vec<(String, u64)> {
        read(bytes).entries.into_iter().map(|entry| (entry.name, entry.size)).collect()
    }

    #[test]
    fn the_directory_tells_names_sizes_and_times() {
        let bytes = archive(&[(b"plan.txt", 12), (b"pictures/", 0), ("café".as_bytes(), 5), (b"caf\x82", 6)], b"");
        let contents = read(&bytes);
        assert_eq!(contents.more, None);
        assert_eq!(contents.entries[0].time, Some(jiff::civil::date(2026, 11, 20).at(12, 5, 30, 0)));
        let expect = [("plan.txt", 12), ("pictures/", 0), ("café", 5), ("café", 6)].map(|(name, size)| (name.to_owned(), size));
        assert_eq!(names(&bytes), expect);
        assert_eq!(names(&archive(&[(b"a", 1)], b"a program that unpacks itself")), [("a".to_owned(), 1)]);
        assert_eq!((read(&archive(&[], b"")).entries.len(), read(&archive(&[], b"")).more), (0, None));
    }

    #[test]
    fn a_size_of_64_bits_and_encryption_are_told() {
        let mut bytes = archive(&[(b"a\x01\x00\x08\x00\x00\x00\x00\x00\x01\x00\x00\x00", ELSEWHERE)], b"");
        let at = bytes.windows(4).position(|window| window == ENTRY).unwrap();
        // the last twelve octets of the name are its extra field
        (bytes[at + 28], bytes[at + 30], bytes[at + 8]) = (1, 12, 1);
        let entry = read(&bytes).entries.remove(0);
        assert_eq!((entry.name.as_str(), entry.size, entry.note.as_str()), ("a", 1 << 32, "  (encrypted)"));
    }

    #[test]
    fn what_is_cut_or_too_much_is_said() {
        let bytes = archive(&[(b"a", 1), (b"b", 2)], b"");
        let at = bytes.windows(4).rposition(|window| window == ENTRY).unwrap();
        let mut broken = bytes.clone();
        broken[at] = b'X';
        assert_eq!((read(&broken).entries.len(), read(&broken).more), (1, Some(DAMAGED)));
        assert_eq!(read(b"PK\x03\x04").more, Some(DAMAGED));
        let many: Vec<(&[u8], u32)> = vec![(b"x", 1); MAX_ENTRIES + 1];
        let contents = read(&archive(&many, b""));
        assert!(contents.entries.len() == MAX_ENTRIES && contents.more.is_some_and(|why| why.contains("more")));
    }

    proptest! {
        #[test]
        fn no_octets_break_it(at in 0_usize..120, octet: u8, cut in 0_usize..140, noise in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut bytes = archive(&[(b"one", 1), (b"two", 2)], &noise);
            if let Some(place) = bytes.get_mut(at) {
                *place = octet;
            }
            bytes.truncate(cut);
            let _ = read(&bytes);
            let _ = read(&noise);
        }
    }
}
