//! The headers of a tar file (POSIX ustar and pax, and GNU's long names), plain or through gzip; what is between them is passed over.

use std::io::{self, Read};
use std::time::Instant;

use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Contents, Entry, MAX_ENTRIES, MAX_INFLATED, MAX_TIME, shown};

const BLOCK: usize = 512;
/// Octets of a long name or of pax records.
const MAX_RECORD: u64 = 64 << 10;

const DAMAGED: &str = "it is damaged, or no tar archive; what is shown may not be all of it";
const LARGE: &str = "it is large; what comes later was not looked at";
const MORE: &str = "there is more, which is not listed";

pub fn read(bytes: &[u8]) -> Contents {
    entries(bytes)
}

pub fn read_compressed(bytes: &[u8]) -> Contents {
    entries(MultiGzDecoder::new(bytes))
}

/// Why the reading ended early.
enum Early {
    Damaged,
    Large,
}

impl From<io::Error> for Early {
    fn from(_: io::Error) -> Self {
        Self::Damaged
    }
}

fn entries(source: impl Read) -> Contents {
    let mut reader = Bounded { source, left: MAX_INFLATED, until: Instant::now() + MAX_TIME, behind: 0 };
    let mut contents = Contents::default();
    let mut said = Said::default();
    contents.more = loop {
        match reader.next(&mut said) {
            Ok(_) if contents.entries.len() == MAX_ENTRIES => break Some(MORE),
            Ok(Some(entry)) => contents.entries.push(entry),
            Ok(None) if contents.entries.is_empty() => break Some(DAMAGED),
            Ok(None) => break None,
            Err(Early::Damaged) => break Some(DAMAGED),
            Err(Early::Large) => break Some(LARGE),
        }
    };
    contents
}

/// What records before an entry say of it.
#[derive(Default)]
struct Said {
    name: Option<String>,
    link: Option<String>,
    size: Option<u64>,
    time: Option<i64>,
}

/// A source of so many octets and so long.
struct Bounded<R> {
    source: R,
    left: u64,
    until: Instant,
    /// Of the entry that was read last.
    behind: u64,
}

impl<R: Read> Bounded<R> {
    /// The next entry; None at the end.
    fn next(&mut self, said: &mut Said) -> Result<Option<Entry>, Early> {
        let behind = std::mem::take(&mut self.behind);
        self.pass(behind)?;
        loop {
            let mut block = [0; BLOCK];
            if !self.fill(&mut block)? || block.iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            if !is_header(&block) {
                return Err(Early::Damaged);
            }
            let size = number(field(&block, 124, 12)).ok_or(Early::Damaged)?;
            match block[156] {
                b'L' => said.name = Some(until_zero(&self.record(size)?)),
                b'K' => said.link = Some(until_zero(&self.record(size)?)),
                b'x' => said.read_pax(&self.record(size)?),
                b'g' => self.pass(size)?,
                kind => {
                    let said = std::mem::take(said);
                    // a link has no octets, whatever size it gives
                    let size = if matches!(kind, b'1' | b'2') { 0 } else { said.size.unwrap_or(size) };
                    self.behind = size;
                    return Ok(Some(described(&block, kind, size, said)));
                }
            }
        }
    }

    /// Fills a block; false at the end.
    fn fill(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, Early> {
        self.spend(BLOCK as u64)?;
        let mut at = 0;
        while let Some(rest) = block.get_mut(at..).filter(|rest| !rest.is_empty()) {
            match self.source.read(rest)? {
                0 if at == 0 => return Ok(false),
                0 => return Err(Early::Damaged),
                read => at += read,
            }
        }
        Ok(true)
    }

    fn record(&mut self, size: u64) -> Result<Vec<u8>, Early> {
        if size > MAX_RECORD {
            return Err(Early::Damaged);
        }
        let mut record = Vec::new();
        for _ in 0..size.div_ceil(BLOCK as u64) {
            let mut block = [0; BLOCK];
            self.fill(&mut block)?;
            record.extend(block);
        }
        record.truncate(usize::try_from(size).unwrap_or_default());
        Ok(record)
    }

    /// Goes on behind so many octets, up to the next block.
    fn pass(&mut self, size: u64) -> Result<(), Early> {
        for _ in 0..size.div_ceil(BLOCK as u64) {
            if !self.fill(&mut [0; BLOCK])? {
                return Err(Early::Damaged);
            }
        }
        Ok(())
    }

    fn spend(&mut self, octets: u64) -> Result<(), Early> {
        self.left = self.left.checked_sub(octets).ok_or(Early::Large)?;
        // the clock is looked at every 64 KiB
        if self.left % (128 * BLOCK as u64) < octets && Instant::now() > self.until {
            return Err(Early::Large);
        }
        Ok(())
    }
}

impl Said {
    /// Records of "LENGTH KEY=VALUE\n".
    fn read_pax(&mut self, mut rest: &[u8]) {
        while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
            let length = rest.get(..blank).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
            // a record that were no longer than its own length would never end
            let length = length.filter(|length| *length > blank);
            let Some((record, after)) = length.and_then(|length| rest.split_at_checked(length)) else { return };
            let record = String::from_utf8_lossy(record.get(blank + 1..).unwrap_or_default());
            if let Some((key, value)) = record.trim_end_matches('\n').split_once('=') {
                match key {
                    "path" => self.name = Some(until_zero(value.as_bytes())),
                    "linkpath" => self.link = Some(until_zero(value.as_bytes())),
                    "size" => self.size = value.parse().ok(),
                    "mtime" => self.time = value.split('.').next().and_then(|seconds| seconds.parse().ok()),
                    _ => {}
                }
            }
            rest = after;
        }
    }
}

fn described(block: &[u8; BLOCK], kind: u8, size: u64, said: Said) -> Entry {
    let short = until_zero(field(block, 0, 100));
    let prefix = if field(block, 257, 6) == b"ustar\0" { until_zero(field(block, 345, 155)) } else { String::new() };
    let mut name = said.name.unwrap_or_else(|| if prefix.is_empty() { short } else { format!("{prefix}/{short}") });
    if kind == b'5' && !name.ends_with('/') {
        name.push('/');
    }
    let link = || said.link.unwrap_or_else(|| until_zero(field(block, 157, 100)));
    let note = if matches!(kind, b'1' | b'2') { format!(" → {}", link()) } else { String::new() };
    let seconds = said.time.or_else(|| number(field(block, 136, 12)).and_then(|seconds| i64::try_from(seconds).ok()));
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).map(|at| TimeZone::UTC.to_datetime(at));
    Entry { name, size, time, note }
}

fn field(block: &[u8; BLOCK], at: usize, length: usize) -> &[u8] {
    block.get(at..at + length).unwrap_or_default()
}

/// The sum of its octets is right, those of the sum itself taken for blanks.
fn is_header(block: &[u8; BLOCK]) -> bool {
    let sum = block.iter().enumerate().map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte })).sum::<u64>();
    number(field(block, 148, 8)) == Some(sum)
}

/// Octal digits, or, with the highest bit set, binary.
fn number(field: &[u8]) -> Option<u64> {
    if let [first @ 0x80..=0xff, rest @ ..] = field {
        let high = u64::from(first & 0x7f);
        return rest.iter().try_fold(high, |number, byte| number.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits = field.split(|byte| matches!(byte, 0 | b' ')).find(|digits| !digits.is_empty()).unwrap_or(b"0");
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

fn until_zero(field: &[u8]) -> String {
    String::from_utf8_lossy(shown(field.split(|byte| *byte == 0).next().unwrap_or_default())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn header(name: &str, kind: u8, size: u64) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        // 2026-11-20 12:00:00
        block[136..147].copy_from_slice(format!("{:011o}", 1_795_176_000).as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum::<u64>() + 8 * 32;
        block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        block
    }

    fn with(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut out = header(name, kind, content.len() as u64).to_vec();
        out.extend(content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    fn archive() -> Vec<u8> {
        let long = "long/".repeat(40) + "name";
        let record = format!("path={}\n", "ü".repeat(60));
        let pax = format!("{} {record}", record.len() + 4);
        let parts = [
            with("plan.txt", b'0', &[b'x'; 700]),
            with("pictures", b'5', b""),
            with("././@LongLink", b'L', long.as_bytes()),
            with("cut", b'0', b"y"),
            with("PaxHeader", b'x', pax.as_bytes()),
            with("other", b'0', b""),
            [header("link", b'2', 0).as_slice()].concat(),
            vec![0; 2 * BLOCK],
        ];
        parts.concat()
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn names(contents: &Contents) -> Vec<(&str, u64)> {
        contents.entries.iter().map(|entry| (entry.name.as_str(), entry.size)).collect()
    }

    #[test]
    fn headers_tell_names_sizes_and_times() {
        for contents in [read(&archive()), read_compressed(&zipped(&archive()))] {
            let (long, wide) = ("long/".repeat(40) + "name", "ü".repeat(60));
            let expect = [("plan.txt", 700), ("pictures/", 0), (long.as_str(), 1), (wide.as_str(), 0), ("link", 0)];
            assert_eq!((names(&contents), contents.more), (expect.to_vec(), None));
            assert_eq!(contents.entries[0].time, Some(jiff::civil::date(2026, 11, 20).at(12, 0, 0, 0)));
            assert_eq!(contents.entries[4].note, " → ");
        }
    }

    #[test]
    fn records_that_never_end_and_long_names_take_nothing() {
        for record in ["0 a", "00 path=x", "+0 b", "1 c", "2 path=x\n"] {
            let bytes = [with("PaxHeader", b'x', record.as_bytes()), with("plan.txt", b'0', b"")].concat();
            assert_eq!(names(&read(&bytes)), [("plan.txt", 0)], "{record:?}");
        }
        let one = [with("././@LongLink", b'L', &[0xff; MAX_RECORD as usize]), with("cut", b'0', b"")].concat();
        let held: usize = read(&one.repeat(100)).entries.iter().map(|entry| entry.name.len()).sum();
        assert!(held < 1 << 20, "{held}");
    }

    #[test]
    fn what_is_cut_damaged_or_too_much_is_said() {
        let whole = archive();
        let cut = read(&whole[..BLOCK + 100]);
        assert_eq!((names(&cut), cut.more), (vec![("plan.txt", 700)], Some(DAMAGED)));
        assert_eq!(read(b"no archive").more, Some(DAMAGED));
        assert_eq!(read_compressed(b"no archive").more, Some(DAMAGED));
        let many: Vec<u8> = header("x", b'0', 0).repeat(MAX_ENTRIES + 1);
        let contents = read(&many);
        assert_eq!((contents.entries.len(), contents.more), (MAX_ENTRIES, Some(MORE)));
        // a file that says it is larger than all that may be inflated, and a bomb that is
        assert_eq!(read(&header("x", b'0', (1 << 33) - 1)).more, Some(DAMAGED));
        let bomb = zipped(&[header("x", b'0', (1 << 33) - 1).to_vec(), vec![0; 4 << 20]].concat());
        let begun = Instant::now();
        assert_eq!(read_compressed(&bomb.repeat(80)).more, Some(LARGE));
        assert!(begun.elapsed() < 5 * MAX_TIME, "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn no_octets_break_it(at in 0_usize..4000, octet: u8, cut in 0_usize..5000) {
            let mut bytes = archive();
            if let Some(place) = bytes.get_mut(at) {
                *place = octet;
            }
            bytes.truncate(cut);
            let _ = (read(&bytes), read_compressed(&bytes));
        }
    }
}
