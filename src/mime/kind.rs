//! What a file really is, by its first octets, and whether opening it may run something. Only ever a reason to ask: nothing
//! is taken for safe because it looks so.

/// First octets, what they are in words, and how types and name endings of such a file begin.
struct Known {
    magic: &'static [u8],
    words: &'static str,
    fits: &'static [&'static str],
}

const KNOWN: &[Known] = &[
    Known { magic: b"\x7fELF", words: "a program", fits: &[] },
    Known { magic: b"MZ", words: "a Windows program", fits: &[] },
    Known { magic: b"\xfe\xed\xfa", words: "a program", fits: &[] },
    Known { magic: b"\xcf\xfa\xed\xfe", words: "a program", fits: &[] },
    Known { magic: b"\xca\xfe\xba\xbe", words: "a program", fits: &[] },
    Known { magic: b"#!", words: "a script", fits: &[] },
    Known { magic: b"[Desktop Entry]", words: "a launcher that runs a program", fits: &[] },
    Known { magic: b"%PDF-", words: "a PDF", fits: &["application/pdf", "application/x-pdf", "pdf", "ai"] },
    Known { magic: b"\x89PNG", words: "a PNG picture", fits: &["image/png", "image/x-png", "png"] },
    Known { magic: b"\xff\xd8\xff", words: "a JPEG picture", fits: &["image/jp", "image/pjpeg", "jpg", "jpeg", "jpe"] },
    Known { magic: b"GIF8", words: "a GIF picture", fits: &["image/gif", "gif"] },
    Known {
        magic: b"PK\x03\x04",
        words: "a ZIP archive or office file",
        fits: &["application/", "zip", "doc", "xls", "ppt", "od", "epub", "key", "pages", "numbers", "kmz", "3mf"],
    },
    Known { magic: b"\x1f\x8b", words: "a gzip archive", fits: &["application/", "gz", "tgz", "svgz"] },
    Known { magic: b"7z\xbc\xaf", words: "a 7-Zip archive", fits: &["application/", "7z"] },
    Known { magic: b"Rar!", words: "a RAR archive", fits: &["application/", "rar", "cbr"] },
    Known { magic: b"\xd0\xcf\x11\xe0", words: "an office file", fits: &["application/", "doc", "xls", "ppt", "msg"] },
    Known { magic: b"{\\rtf", words: "an RTF text", fits: &["application/rtf", "text/rtf", "application/msword", "rtf", "doc"] },
];

/// Name endings that desktops run, install or open in a browser.
const RUNS: &[&str] = &[
    "apk",
    "app",
    "appimage",
    "application",
    "bash",
    "bat",
    "bin",
    "cmd",
    "com",
    "command",
    "cpl",
    "crx",
    "deb",
    "desktop",
    "dll",
    "dmg",
    "docm",
    "exe",
    "fish",
    "flatpakref",
    "gadget",
    "hta",
    "htm",
    "html",
    "inf",
    "img",
    "iso",
    "jar",
    "jnlp",
    "js",
    "jse",
    "ksh",
    "lnk",
    "mht",
    "mhtml",
    "mjs",
    "msc",
    "msi",
    "msp",
    "phar",
    "php",
    "pif",
    "pkg",
    "pl",
    "pptm",
    "ps1",
    "psm1",
    "py",
    "pyc",
    "pyw",
    "rb",
    "reg",
    "rpm",
    "run",
    "scf",
    "scr",
    "sh",
    "shtml",
    "snap",
    "svg",
    "swf",
    "terminal",
    "url",
    "vbe",
    "vbs",
    "wasm",
    "webloc",
    "workflow",
    "ws",
    "wsf",
    "wsh",
    "xhtml",
    "xlsm",
    "xml",
    "xpi",
    "zsh",
];

/// Declared types that run or are opened in a browser, by their beginnings.
const RUNNING_TYPES: &[&str] = &[
    "application/x-sh",
    "application/x-shellscript",
    "application/x-desktop",
    "application/x-executable",
    "application/x-ms",
    "application/x-elf",
    "application/java",
    "application/x-java",
    "application/javascript",
    "application/x-perl",
    "application/x-python",
    "application/xhtml",
    "application/hta",
    "application/vnd.microsoft.portable",
    "application/x-pie",
    "image/svg",
    "text/html",
    "text/javascript",
    "text/x-python",
    "text/x-perl",
    "text/x-sh",
    "message/external-body",
];

/// Why a file should not be opened without a second look, in a sentence; None where nothing speaks against it.
pub fn doubt(name: &str, content_type: &str, bytes: &[u8]) -> Option<String> {
    let content_type = content_type.to_ascii_lowercase();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let really = KNOWN.iter().find(|known| starts(bytes, known.magic));
    let said = format!("The message calls it {content_type}");
    match really {
        Some(known) if known.fits.is_empty() => return Some(format!("{said}; it is {}.", known.words)),
        None if is_html(bytes) => return Some(format!("{said}; it is a web page, which may load or run things.")),
        _ => {}
    }
    if RUNS.contains(&ending.as_str()) {
        return Some(format!("{said}; by its name (.{ending}) opening it may run something."));
    }
    if RUNNING_TYPES.iter().any(|kind| content_type.starts_with(kind)) {
        return Some(format!("{said}, which may run something."));
    }
    let known = really?;
    let fits = |what: &str| known.fits.iter().any(|fit| what.starts_with(fit));
    let by_type = content_type == "application/octet-stream" || fits(&content_type);
    let by_name = ending.is_empty() || fits(&ending);
    (!by_type || !by_name).then(|| format!("{said}; it is {}.", known.words))
}

/// Blanks and a byte order mark may come first.
fn starts(bytes: &[u8], magic: &[u8]) -> bool {
    bytes.starts_with(magic) || (magic.is_ascii() && head(bytes).starts_with(magic))
}

fn head(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start()
}

fn is_html(bytes: &[u8]) -> bool {
    const SEEN: usize = 1024;
    let start = head(bytes);
    let start = start.get(..SEEN.min(start.len())).unwrap_or_default().to_ascii_lowercase();
    let tags: [&[u8]; 6] = [b"<!doctype html", b"<html", b"<script", b"<svg", b"<iframe", b"<body"];
    start.starts_with(b"<") && tags.iter().any(|tag| start.windows(tag.len()).any(|at| at == *tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_it_is_raises_no_doubt() {
        for (name, content_type, bytes) in [
            ("plan.pdf", "application/pdf", &b"%PDF-1.7"[..]),
            ("plan.pdf", "application/octet-stream", b"%PDF-1.7"),
            ("a.png", "image/png", b"\x89PNG\r\n"),
            ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", b"PK\x03\x04"),
            ("notes.txt", "text/plain", b"hello"),
            ("part-2", "image/jpeg", b"\xff\xd8\xff\xe0"),
            ("data.csv", "text/csv", b"a,b\n"),
        ] {
            assert_eq!(doubt(name, content_type, bytes), None, "{name} {content_type}");
        }
    }

    #[test]
    fn what_runs_or_pretends_is_named() {
        for (name, content_type, bytes, word) in [
            ("plan.pdf", "application/pdf", &b"\x7fELF\x02"[..], "program"),
            ("plan.pdf", "application/pdf", b"MZ\x90", "Windows"),
            ("plan.pdf", "application/pdf", b"#!/bin/sh\n", "script"),
            ("plan.pdf", "application/pdf", b"  \n[Desktop Entry]\nExec=x", "launcher"),
            ("plan.txt", "text/plain", b"\xef\xbb\xbf<!DOCTYPE html>", "web page"),
            ("invoice.pdf.desktop", "application/pdf", b"x", ".desktop"),
            ("invoice.pdf.SCR", "application/octet-stream", b"x", ".scr"),
            ("page.html", "text/html", b"hello", "html"),
            ("x.svg", "image/svg+xml", b"<?xml version='1.0'?><svg/>", "web page"),
            ("a.png", "image/png", b"%PDF-1.7", "PDF"),
            ("a.pdf", "image/png", b"\x89PNG", "PNG"),
            ("a.txt", "text/plain", b"PK\x03\x04", "ZIP"),
        ] {
            let said = doubt(name, content_type, bytes).unwrap_or_default();
            assert!(said.contains(word), "{name}: {said}");
        }
    }
}
