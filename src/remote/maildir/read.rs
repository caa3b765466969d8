//! Reading messages: headers without the rest, bodies, stretches. Nothing here changes a file or its flags.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::folder::{Folder, modified};
use super::names;
use crate::mail::{Flags, Key};
use crate::remote::{Body, RemoteMessage, Result};

/// First read of a header; nearly every one fits.
const HEADER_STEP: u64 = 16 * 1024;
/// A header longer than this is cut.
const HEADER_MAX: u64 = 256 * 1024;
/// Larger messages are read as a prefix, and on demand.
const WHOLE_MAX: u64 = 64 * 1024 * 1024;
const PREFIX: u64 = 1024 * 1024;

/// Headers in the order asked. A file that can't be read comes with an empty header.
pub fn headers(folder: &mut Folder, keys: &[Key]) -> Result<Vec<RemoteMessage>> {
    let done = folder.each(keys, |folder, entry| {
        let path = entry.path(&folder.path);
        let (header, metadata) = match header(&path) {
            Ok((header, metadata)) => (header, Some(metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            Err(_) => (Vec::new(), fs::metadata(&path).ok()),
        };
        let changed = metadata.as_ref().map_or(0, modified);
        let received = names::stamp(entry.key()).unwrap_or(changed);
        Ok((folder.flags_of(entry), received, metadata.map_or(0, |found| found.len()), header))
    })?;
    let message = |(key, (flags, received, size, header)): (Key, (Flags, i64, u64, Vec<u8>))| RemoteMessage {
        key,
        flags,
        received,
        size,
        header,
        identity: None,
    };
    Ok(done.values.into_iter().map(message).collect())
}

/// Whole messages, of huge ones the beginning. A file that can't be read is left out.
pub fn bodies(folder: &mut Folder, keys: &[Key]) -> Result<Vec<Body>> {
    let done = folder.each(keys, |folder, entry| {
        let (file, metadata) = open(&entry.path(&folder.path))?;
        let whole = metadata.len() <= WHOLE_MAX;
        let mut bytes = Vec::new();
        file.take(if whole { WHOLE_MAX } else { PREFIX }).read_to_end(&mut bytes)?;
        Ok((bytes, whole))
    })?;
    let body = |(key, (bytes, whole))| Body { key, bytes, whole, parts: Vec::new() };
    Ok(done.values.into_iter().map(body).collect())
}

/// One stretch of the raw message; empty behind its end and for a message that is gone.
pub fn slice(folder: &mut Folder, key: &Key, offset: u64, length: u32) -> Result<Vec<u8>> {
    let done = folder.each(std::slice::from_ref(key), |folder, entry| {
        let (file, metadata) = open(&entry.path(&folder.path))?;
        let length = metadata.len().saturating_sub(offset).min(u64::from(length));
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    })?;
    Ok(done.all()?.pop().map(|(_, bytes)| bytes).unwrap_or_default())
}

/// Keys of the messages with this Message-ID, newest first.
pub fn find(folder: &mut Folder, wanted: &str) -> Result<Vec<Key>> {
    let keys = folder.newest(usize::MAX);
    let done = folder.each(&keys, |folder, entry| Ok(has_message_id(&header(&entry.path(&folder.path))?.0, wanted)))?;
    Ok(done.values.into_iter().filter(|(_, found)| *found).map(|(key, _)| key).collect())
}

/// Looks at the one field only, unfolded (RFC 5322 2.2.3).
fn has_message_id(header: &[u8], wanted: &str) -> bool {
    let text = String::from_utf8_lossy(header);
    let mut lines = text.lines().skip_while(|line| !line.get(..11).is_some_and(|name| name.eq_ignore_ascii_case("message-id:")));
    let Some(first) = lines.next().and_then(|line| line.get(11..)) else { return false };
    let folded: String = lines.take_while(|line| line.starts_with([' ', '\t'])).collect();
    let id = format!("{first}{folded}");
    id.trim().trim_start_matches('<').trim_end_matches('>') == wanted
}

/// The bytes up to and with the empty line.
fn header(path: &Path) -> io::Result<(Vec<u8>, fs::Metadata)> {
    let (mut file, metadata) = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(HEADER_STEP)).unwrap_or(0));
    let mut limit = HEADER_STEP;
    while limit <= HEADER_MAX {
        let searched = bytes.len().saturating_sub(3);
        let read = (&mut file).take(limit - bytes.len() as u64).read_to_end(&mut bytes)?;
        if let Some(end) = header_end(&bytes, searched) {
            bytes.truncate(end);
            break;
        }
        if read == 0 || (bytes.len() as u64) < limit {
            break;
        }
        limit *= 4;
    }
    Ok((bytes, metadata))
}

/// Where the body begins, looking from `from` on.
fn header_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.starts_with(b"\n") {
        return Some(1);
    }
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|byte| *byte == b'\n') {
        at += found + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// Opens a regular file, or a link to one; never waits for the other end of a pipe.
fn open(path: &Path) -> io::Result<(File, fs::Metadata)> {
    let without_waiting = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::Error::other("not a file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_at_the_first_empty_line() {
        for (text, end) in [("A: b\n\nx", Some(6)), ("A: b\r\n\r\nx", Some(8)), ("A: b\n x\nC: d", None), ("\nbody", Some(1)), ("", None)] {
            assert_eq!(header_end(text.as_bytes(), 0), end, "{text:?}");
        }
    }

    #[test]
    fn message_ids_are_compared_whole() {
        let header = b"Subject: <a@b>\r\nMESSAGE-ID:\r\n <a@bc>\r\nIn-Reply-To: <a@b>\r\n\r\n";
        assert!(has_message_id(header, "a@bc"));
        assert!(!has_message_id(header, "a@b"));
    }
}
