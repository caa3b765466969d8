//! Taking a file as an attachment: a copy of it as it is now, or a sentence why not. What changes or vanishes
//! later does not matter. Knows no draft.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::mail::SafeFileName;

/// The largest file that is taken, in octets and in words. Most servers refuse less.
const LIMIT: u64 = 50_000_000;
const LIMIT_WORDS: &str = "50 MB";

/// A file as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub name: String,
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

/// Media types by the ending of the name (IANA's, as servers of the web know them).
const TYPES: &[(&str, &[&str])] = &[
    ("application/epub+zip", &["epub"]),
    ("application/gzip", &["gz", "tgz"]),
    ("application/json", &["json"]),
    ("application/msword", &["doc", "dot"]),
    ("application/pdf", &["pdf"]),
    ("application/pgp-keys", &["asc", "key"]),
    ("application/pgp-signature", &["sig"]),
    ("application/postscript", &["ps", "eps"]),
    ("application/rtf", &["rtf"]),
    ("application/vnd.ms-excel", &["xls"]),
    ("application/vnd.ms-powerpoint", &["ppt"]),
    ("application/vnd.oasis.opendocument.presentation", &["odp"]),
    ("application/vnd.oasis.opendocument.spreadsheet", &["ods"]),
    ("application/vnd.oasis.opendocument.text", &["odt"]),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("application/x-7z-compressed", &["7z"]),
    ("application/x-bzip2", &["bz2"]),
    ("application/x-tar", &["tar"]),
    ("application/x-xz", &["xz"]),
    ("application/xml", &["xml"]),
    ("application/zip", &["zip"]),
    ("application/zstd", &["zst"]),
    ("audio/flac", &["flac"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/mp4", &["m4a"]),
    ("audio/ogg", &["ogg", "oga", "opus"]),
    ("audio/wav", &["wav"]),
    ("image/avif", &["avif"]),
    ("image/bmp", &["bmp"]),
    ("image/gif", &["gif"]),
    ("image/heic", &["heic"]),
    ("image/jpeg", &["jpg", "jpeg"]),
    ("image/png", &["png"]),
    ("image/svg+xml", &["svg"]),
    ("image/tiff", &["tif", "tiff"]),
    ("image/webp", &["webp"]),
    ("message/rfc822", &["eml"]),
    ("text/calendar", &["ics"]),
    ("text/css", &["css"]),
    ("text/csv", &["csv"]),
    ("text/html", &["html", "htm"]),
    ("text/markdown", &["md"]),
    ("text/plain", &["txt", "text", "log", "conf", "diff", "patch", "rs", "c", "h", "py", "sh", "toml", "yaml", "yml"]),
    ("text/vcard", &["vcf"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("video/mpeg", &["mpeg", "mpg"]),
    ("video/quicktime", &["mov"]),
    ("video/webm", &["webm"]),
    ("video/x-matroska", &["mkv"]),
];

/// The media type of a file of this name; of a message only if it is one.
fn content_type(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    TYPES.iter().find(|(_, endings)| endings.contains(&ending.as_str())).map_or("application/octet-stream", |(name, _)| name)
}

/// Reads a file; blocks, but never for a writer at the other end of a pipe.
///
/// # Errors
/// A sentence: not there, a folder, no regular file, unreadable, too large, or changed while it was read.
pub fn read(path: &Path) -> Result<Snapshot, String> {
    let (mut file, before) = open(path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(before.len()).unwrap_or_default());
    let failed = |error| failed(path, &error);
    Read::by_ref(&mut file).take(LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    let read = bytes.len() as u64;
    if read > LIMIT {
        return Err(too_large(path, read));
    }
    let after = file.metadata().map_err(failed)?;
    let stamp = |of: &Metadata| (of.mtime(), of.mtime_nsec(), of.len());
    // files of the system (/proc) say that they have no size
    if stamp(&before) != stamp(&after) || (before.len() > 0 && before.len() != read) {
        return Err(format!("{} was changed while it was read; attach it again", path.display()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = SafeFileName::new(&name, "attachment").as_str().to_owned();
    Ok(Snapshot { content_type: content_type(&name), name, bytes })
}

/// Whether a file could be attached, without reading it.
///
/// # Errors
/// A sentence, as [`read`]'s.
pub fn check(path: &Path) -> Result<(), String> {
    open(path).map(drop)
}

/// A regular file of a size that is taken.
fn open(path: &Path) -> Result<(File, Metadata), String> {
    let file = open_without_waiting(path).map_err(|error| failed(path, &error))?;
    let about = file.metadata().map_err(|error| failed(path, &error))?;
    let shown = path.display();
    if about.is_dir() {
        return Err(format!("{shown} is a folder; attach the files in it, or an archive of it"));
    }
    if !about.is_file() {
        return Err(format!("{shown} is not a regular file but a pipe, a socket or a device"));
    }
    if about.len() > LIMIT {
        return Err(too_large(path, about.len()));
    }
    Ok((file, about))
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    let shown = path.display();
    match error.kind() {
        std::io::ErrorKind::NotFound => format!("{shown} is not there"),
        std::io::ErrorKind::PermissionDenied => format!("{shown} can't be read: you are not allowed to"),
        _ => format!("{shown} can't be read: {error}"),
    }
}

/// A pipe opened so does not wait for a writer; nothing is made and no terminal taken.
fn open_without_waiting(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

fn too_large(path: &Path, size: u64) -> String {
    format!("{} has {} MB; files of up to {LIMIT_WORDS} can be attached", path.display(), size.div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_taken_as_it_is_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Plan für Freitag.PDF");
        std::fs::write(&path, b"%PDF").unwrap();
        let link = folder.path().join("link.txt");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let taken = read(&path).unwrap();
        std::fs::write(&path, b"changed").unwrap();
        assert_eq!(
            (taken.name.as_str(), taken.content_type, taken.bytes.as_slice()),
            ("Plan für Freitag.PDF", "application/pdf", &b"%PDF"[..])
        );
        assert_eq!(read(&link).unwrap().bytes, b"changed", "a link to a file is that file");
        let empty = folder.path().join("empty");
        std::fs::write(&empty, b"").unwrap();
        assert_eq!(read(&empty).unwrap().content_type, "application/octet-stream");
    }

    #[test]
    fn what_is_no_readable_regular_file_is_refused_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        std::fs::write(path("secret"), b"x").unwrap();
        std::fs::set_permissions(path("secret"), std::fs::Permissions::from_mode(0o000)).unwrap();
        File::create(path("large")).unwrap().set_len(LIMIT + 1).unwrap();
        std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
        let cases: &[(std::path::PathBuf, &[&str])] = &[
            (path("missing"), &["is not there"]),
            (path("dangling"), &["is not there"]),
            (folder.path().to_owned(), &["is a folder"]),
            (path("pipe"), &["not a regular file"]),
            // a socket can't even be opened
            (path("socket"), &["can't be read"]),
            ("/dev/null".into(), &["not a regular file"]),
            (path("large"), &["has 51 MB; files of up to 50 MB"]),
        ];
        for (path, words) in cases {
            let why = read(path).unwrap_err();
            assert!(words.iter().all(|word| why.contains(word)), "{why}");
        }
        // the superuser may read everything
        if !rustix::process::geteuid().is_root() {
            assert!(read(&path("secret")).unwrap_err().contains("not allowed"));
        }
    }

    #[test]
    fn names_lose_what_could_do_harm_and_types_follow_the_ending() {
        for (name, expect) in [
            ("a.tar.gz", "application/gzip"),
            ("A.JPEG", "image/jpeg"),
            ("noending", "application/octet-stream"),
            ("x.eml", "message/rfc822"),
        ] {
            assert_eq!(content_type(name), expect, "{name}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a\nBcc: x\u{202e}.txt");
        std::fs::write(&path, b"x").unwrap();
        let name = read(&path).unwrap().name;
        assert!(!name.contains(['\n', '\u{202e}']) && name.ends_with(".txt"), "{name:?}");
    }
}
