//! What is in an archive: the names, sizes and times of a ZIP or tar file, read without unpacking anything to the disk. Bounded in entries, octets
//! inflated and time; nothing here is believed further than the screen.

use std::time::Duration;

use jiff::civil::DateTime;

use crate::mail::DisplayText;

mod tar;
mod zip;

/// Entries that are listed.
const MAX_ENTRIES: usize = 10_000;
/// Octets inflated, and the time it may take; what comes later is left out.
const MAX_INFLATED: u64 = 256 << 20;
const MAX_TIME: Duration = Duration::from_secs(2);
/// Cells of a name.
const MAX_NAME: usize = 400;

/// As much of a name as is ever shown.
fn shown(name: &[u8]) -> &[u8] {
    name.get(..4 * MAX_NAME).unwrap_or(name)
}

/// How a file is read, by its type or the end of its name.
struct Form {
    types: &'static [&'static str],
    endings: &'static [&'static str],
    words: &'static str,
    read: fn(&[u8]) -> Contents,
}

const FORMS: &[Form] = &[
    Form {
        types: &["application/zip", "application/x-zip-compressed", "application/x-zip"],
        endings: &[".zip"],
        words: "ZIP",
        read: zip::read,
    },
    Form {
        types: &["application/x-compressed-tar", "application/x-gtar-compressed", "application/x-tgz"],
        endings: &[".tar.gz", ".tgz"],
        words: "compressed tar",
        read: tar::read_compressed,
    },
    Form { types: &["application/x-tar", "application/x-gtar"], endings: &[".tar"], words: "tar", read: tar::read },
];

/// One entry, as the archive has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    name: String,
    size: u64,
    time: Option<DateTime>,
    /// What there is to say beside: where a link leads, that it is encrypted.
    note: String,
}

/// What was read before the end, or before it made no sense.
#[derive(Debug, Default)]
struct Contents {
    entries: Vec<Entry>,
    /// Why there may be more.
    more: Option<&'static str>,
}

/// The lines that show what is in a file, if it is called an archive of a kind that is read here.
pub fn listing(name: &str, content_type: &str, bytes: &[u8]) -> Option<Vec<String>> {
    let (name, content_type) = (name.to_ascii_lowercase(), content_type.to_ascii_lowercase());
    let by_name = FORMS.iter().find(|form| form.endings.iter().any(|ending| name.ends_with(ending)));
    let form = by_name.or_else(|| FORMS.iter().find(|form| form.types.contains(&content_type.as_str())))?;
    Some(lines(form.words, (form.read)(bytes)))
}

fn lines(words: &str, contents: Contents) -> Vec<String> {
    let Contents { entries, more } = contents;
    let files = entries.iter().filter(|entry| !entry.name.ends_with('/')).count();
    let octets = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let folders = entries.len() - files;
    let folders = if folders > 0 { format!(" and {}", count(folders, "folder")) } else { String::new() };
    let mut lines = vec![format!("A {words} archive of {}{folders}, {octets} octets when unpacked", count(files, "file")), String::new()];
    let width = entries.iter().map(|entry| entry.size.to_string().len()).max().unwrap_or(0);
    for Entry { name, size, time, note } in &entries {
        let size = if name.ends_with('/') { String::new() } else { size.to_string() };
        let time = time.map_or_else(|| " ".repeat(16), |time| time.strftime("%Y-%m-%d %H:%M").to_string());
        lines.push(format!("{size:>width$}  {time}  {}{}", DisplayText::capped(name, MAX_NAME), DisplayText::capped(note, MAX_NAME)));
    }
    lines.extend(more.map(|why| format!("… {why}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_below_each_other_and_names_are_cleaned() {
        let time = jiff::civil::date(2026, 11, 20).at(12, 5, 0, 0);
        let entry = |name: &str, size| Entry { name: name.into(), size, time: Some(time), note: String::new() };
        let link = Entry { name: "l".into(), time: None, note: " → ../etc".into(), ..Entry::default() };
        let contents =
            Contents { entries: vec![entry("a/", 0), entry("a/b\u{1b}[31m.txt", 1234), link], more: Some("the rest is missing") };
        assert_eq!(
            lines("tar", contents),
            [
                "A tar archive of 2 files and 1 folder, 1234 octets when unpacked",
                "",
                "      2026-11-20 12:05  a/",
                "1234  2026-11-20 12:05  a/b␛[31m.txt",
                "   0                    l → ../etc",
                "… the rest is missing",
            ]
        );
    }

    #[test]
    fn only_archives_by_name_or_type_are_listed() {
        assert!(listing("a.ZIP", "application/octet-stream", b"").is_some());
        assert!(listing("part", "application/x-tar", b"").is_some());
        assert_eq!(listing("letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04"), None);
        assert_eq!(listing("a.txt", "text/plain", b"PK\x03\x04"), None);
        let empty = listing("a.tgz", "application/x-tgz", b"no archive").unwrap();
        assert!(empty.last().unwrap().contains("damaged"), "{empty:?}");
    }
}
