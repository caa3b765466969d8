//! The files in a `winmail.dat` (TNEF, [MS-OXTNEF]): what Outlook sends where it forgot that mail is MIME. Reads only, bounded in
//! number, depth and bytes; what is cut or damaged gives what was read before.

use super::inner::File;
use super::{charset, rtf};

const SIGNATURE: u32 = 0x223e_9f78;
/// Files of one stream.
const MAX_FILES: usize = 500;
/// Messages within messages.
const MAX_DEPTH: u8 = 3;
/// Properties of one list.
const MAX_PROPERTIES: usize = 5_000;

// attributes
const ATTACH_BEGIN: u32 = 0x0006_9002;
const ATTACH_TITLE: u32 = 0x0001_8010;
const ATTACH_DATA: u32 = 0x0006_800f;
const ATTACH_PROPERTIES: u32 = 0x0006_9005;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const MESSAGE_BODY: u32 = 0x0002_800c;
const CODE_PAGE: u32 = 0x0006_9007;
// properties
const BODY: u16 = 0x1000;
const RTF: u16 = 0x1009;
const HTML: u16 = 0x1013;
const DATA: u16 = 0x3701;
const LONG_NAME: u16 = 0x3707;
const MIME_TAG: u16 = 0x370e;

/// The files of a stream, its texts among them; None where it is none.
pub fn files(bytes: &[u8]) -> Option<Vec<File>> {
    let mut found = Vec::new();
    stream(bytes, MAX_DEPTH, &mut found)?;
    Some(found)
}

/// Bytes that are taken from the front.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// Bytes with their length before them, or as many as are left.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        self.take(length.min(self.0.len()))
    }

    /// Skips to the next multiple of four behind `length` bytes.
    fn pad(&mut self, length: usize) {
        let padding = length.wrapping_neg() % 4;
        self.take(padding.min(self.0.len()));
    }
}

fn stream(bytes: &[u8], depth: u8, found: &mut Vec<File>) -> Option<()> {
    let mut reader = Reader(bytes);
    if reader.u32()? != SIGNATURE || depth == 0 {
        return None;
    }
    reader.u16()?;
    let mut state = Stream { found, depth, label: None, file: None };
    // the level of an attribute, its name, its bytes and their sum
    while let Some((id, data)) = reader.take(1).and_then(|_| Some((reader.u32()?, reader.counted()?))) {
        state.attribute(id, data);
        if reader.u16().is_none() || state.found.len() >= MAX_FILES {
            break;
        }
    }
    state.end_file();
    Some(())
}

struct Stream<'f> {
    found: &'f mut Vec<File>,
    depth: u8,
    /// The charset of the texts that are not Unicode.
    label: Option<String>,
    file: Option<File>,
}

impl Stream<'_> {
    fn attribute(&mut self, id: u32, data: &[u8]) {
        match id {
            CODE_PAGE => self.label = Reader(data).u32().map(|page| format!("windows-{page}")),
            MESSAGE_BODY => self.text("body.txt", "text/plain", self.decoded(data).into_bytes()),
            MESSAGE_PROPERTIES => self.message_properties(data),
            ATTACH_BEGIN => {
                self.end_file();
                self.file = Some(File::default());
            }
            ATTACH_TITLE | ATTACH_DATA | ATTACH_PROPERTIES => self.attach(id, data),
            _ => {}
        }
    }

    fn attach(&mut self, id: u32, data: &[u8]) {
        let name = self.decoded(data);
        let mut embedded = None;
        let file = self.file.get_or_insert_with(File::default);
        match id {
            ATTACH_TITLE if file.name.is_empty() => file.name = name,
            ATTACH_DATA => file.bytes = data.to_vec(),
            ATTACH_PROPERTIES => each_property(data, |id, kind, value| match id {
                LONG_NAME => file.name = property_text(kind, value, self.label.as_deref()),
                MIME_TAG => file.content_type = property_text(kind, value, None).to_ascii_lowercase(),
                // an object has the id of its interface before it
                DATA if file.bytes.is_empty() => match value.get(16..).filter(|_| kind == 0x0d) {
                    Some(inner) if Reader(inner).u32() == Some(SIGNATURE) => embedded = Some(inner.to_vec()),
                    Some(inner) => file.bytes = inner.to_vec(),
                    None => file.bytes = value.to_vec(),
                },
                _ => {}
            }),
            _ => {}
        }
        if let Some(inner) = embedded {
            let _ = stream(&inner, self.depth - 1, self.found);
        }
    }

    fn message_properties(&mut self, data: &[u8]) {
        let label = self.label.clone();
        let mut texts = Vec::new();
        each_property(data, |id, kind, value| match id {
            BODY => texts.push(("body.txt", "text/plain", property_text(kind, value, label.as_deref()).into_bytes())),
            HTML => texts.push(("body.html", "text/html", value.to_vec())),
            RTF => texts.extend(rtf::decompress(value).map(|text| ("body.rtf", "text/rtf", text))),
            _ => {}
        });
        texts.into_iter().for_each(|(name, content_type, bytes)| self.text(name, content_type, bytes));
    }

    /// A text of the message itself, the first of each kind.
    fn text(&mut self, name: &str, content_type: &str, bytes: Vec<u8>) {
        let is_empty = bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0);
        if !is_empty && !self.found.iter().any(|file| file.name == name) {
            self.found.push(File { name: name.to_owned(), content_type: content_type.to_owned(), bytes });
        }
    }

    fn end_file(&mut self) {
        if let Some(file) = self.file.take().filter(|file| !file.bytes.is_empty() || !file.name.is_empty()) {
            self.found.push(file);
        }
    }

    fn decoded(&self, data: &[u8]) -> String {
        until_nul(&charset::decode(data, self.label.as_deref()).text)
    }
}

fn until_nul(text: &str) -> String {
    text.split('\0').next().unwrap_or_default().to_owned()
}

fn property_text(kind: u16, value: &[u8], label: Option<&str>) -> String {
    // PT_UNICODE is UTF-16
    until_nul(&charset::decode(value, if kind == 0x1f { Some("utf-16le") } else { label }).text)
}

/// Calls `each` with the id, type and first value of every property of a list.
fn each_property(data: &[u8], mut each: impl FnMut(u16, u16, &[u8])) {
    let mut reader = Reader(data);
    let Some(count) = reader.u32() else { return };
    for _ in 0..count.min(MAX_PROPERTIES as u32) {
        let Some((id, kind, value)) = property(&mut reader) else { return };
        each(id, kind, value);
    }
}

fn property<'a>(reader: &mut Reader<'a>) -> Option<(u16, u16, &'a [u8])> {
    let kind = reader.u16()?;
    let id = reader.u16()?;
    if id >= 0x8000 {
        // named: a GUID, then a number or a name
        reader.take(16)?;
        match reader.u32()? {
            0 => drop(reader.u32()?),
            _ => {
                let name = reader.counted()?;
                reader.pad(name.len());
            }
        }
    }
    let is_many = kind & 0x1000 != 0;
    let kind = kind & 0x0fff;
    let is_sized = matches!(kind, 0x0d | 0x1e | 0x1f | 0x102);
    let count = if is_many || is_sized { usize::try_from(reader.u32()?).ok()? } else { 1 };
    let mut first: Option<&[u8]> = None;
    for _ in 0..count.min(MAX_PROPERTIES) {
        let value = if is_sized {
            let value = reader.counted()?;
            reader.pad(value.len());
            value
        } else {
            reader.take(fixed_size(kind)?)?
        };
        first.get_or_insert(value);
    }
    Some((id, kind, first.unwrap_or_default()))
}

/// Octets of a value of a type, filled up to four.
fn fixed_size(kind: u16) -> Option<usize> {
    Some(match kind {
        0x01 => 0,
        0x02 | 0x03 | 0x04 | 0x0a | 0x0b => 4,
        0x05 | 0x06 | 0x07 | 0x14 | 0x40 => 8,
        0x48 => 16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(id: u32, data: &[u8]) -> Vec<u8> {
        let mut out = vec![2];
        out.extend(id.to_le_bytes());
        out.extend((data.len() as u32).to_le_bytes());
        out.extend(data);
        out.extend([0, 0]);
        out
    }

    fn tnef(attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut out = SIGNATURE.to_le_bytes().to_vec();
        out.extend([1, 0]);
        out.extend(attributes.concat());
        out
    }

    fn property(id: u16, kind: u16, value: &[u8]) -> Vec<u8> {
        let mut out = [kind.to_le_bytes(), id.to_le_bytes()].concat();
        out.extend(1_u32.to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn properties(list: &[Vec<u8>]) -> Vec<u8> {
        [(list.len() as u32).to_le_bytes().to_vec(), list.concat()].concat()
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn sample() -> Vec<u8> {
        let mut object = vec![7; 16];
        object.extend(tnef(&[attribute(ATTACH_BEGIN, &[0; 14]), attribute(ATTACH_TITLE, b"in.txt\0"), attribute(ATTACH_DATA, b"inner")]));
        tnef(&[
            attribute(CODE_PAGE, &1252_u64.to_le_bytes()),
            attribute(MESSAGE_PROPERTIES, &properties(&[property(BODY, 0x1e, b"caf\xe9\0"), property(HTML, 0x102, b"<p>x")])),
            attribute(ATTACH_BEGIN, &[0; 14]),
            attribute(ATTACH_TITLE, b"SHORT~1.PDF\0"),
            attribute(ATTACH_DATA, b"%PDF"),
            attribute(
                ATTACH_PROPERTIES,
                &properties(&[property(LONG_NAME, 0x1f, &utf16("Plan ☃.pdf\0")), property(MIME_TAG, 0x1e, b"Application/PDF\0")]),
            ),
            attribute(ATTACH_BEGIN, &[0; 14]),
            attribute(ATTACH_PROPERTIES, &properties(&[property(DATA, 0x0d, &object), property(LONG_NAME, 0x1e, b"Fwd\0")])),
        ])
    }

    #[test]
    fn files_of_a_winmail_dat() {
        let found = files(&sample()).unwrap();
        let found: Vec<(&str, &str, &[u8])> =
            found.iter().map(|file| (file.name.as_str(), file.content_type.as_str(), file.bytes.as_slice())).collect();
        let expect: [(&str, &str, &[u8]); 5] = [
            ("body.txt", "text/plain", "café".as_bytes()),
            ("body.html", "text/html", b"<p>x"),
            ("Plan ☃.pdf", "application/pdf", b"%PDF"),
            ("in.txt", "", b"inner"),
            ("Fwd", "", b""),
        ];
        assert_eq!(found, expect);
        assert!(files(b"no stream").is_none());
    }

    #[test]
    fn a_stream_cut_anywhere_gives_what_is_before() {
        let whole = sample();
        for end in 0..whole.len() {
            files(&whole[..end]);
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_streams_are_bounded(changes in proptest::collection::vec((0..400_usize, proptest::num::u8::ANY), 1..20)) {
            let mut bytes = sample();
            for (at, byte) in changes {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            let found = files(&bytes).unwrap_or_default();
            proptest::prop_assert!(found.len() <= MAX_FILES && found.iter().all(|file| file.bytes.len() <= bytes.len() * 8));
        }
    }
}
