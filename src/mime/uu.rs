//! Uuencoded files in the middle of a text (`begin 644 name` … `end`), from before MIME and from gateways. A block counts only
//! if its lines are what they say they are, so that a sentence that begins with "begin" stays text.

use std::ops::Range;

/// Blocks of one text.
const MAX_BLOCKS: usize = 100;

/// A file in a text: which bytes of it, and what it is called.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// From "begin" to behind "end".
    pub range: Range<usize>,
    pub name: String,
}

/// The blocks of a text, in order. Without its "end" a block reaches to its last good line.
pub fn blocks(text: &[u8]) -> Vec<Block> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut open: Option<(usize, String, usize)> = None;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let next = at + line.len();
        let bare = line.trim_ascii_end();
        match &mut open {
            None => open = begin(bare).map(|name| (at, name, next)),
            Some((start, name, end)) if is_end(bare) && *end == at => {
                found.push(Block { range: *start..next, name: std::mem::take(name) });
                open = None;
            }
            // blanks at the end of a line get lost; then a line is shorter than it says
            Some((_, _, end)) if *end == at && (bare.is_empty() || is_data(line)) => *end = next,
            Some((start, name, end)) => {
                let (range, name) = (*start..*end, std::mem::take(name));
                if has_data(text, &range) {
                    found.push(Block { range, name });
                }
                open = begin(bare).map(|name| (at, name, next));
            }
        }
        if found.len() >= MAX_BLOCKS {
            return found;
        }
        at = next;
    }
    if let Some((start, name, end)) = open
        && has_data(text, &(start..end))
    {
        found.push(Block { range: start..end, name });
    }
    found.retain(|block| has_data(text, &block.range));
    found
}

/// The bytes of a block, or of the lines of one alone.
pub fn decode(block: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() / 4 * 3);
    for line in block.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if is_end(line) || begin(line).is_some() || !is_data(line) {
            continue;
        }
        let Some((first, digits)) = line.split_first() else { continue };
        let length = usize::from(value(*first));
        let start = out.len();
        for group in digits.chunks(4) {
            let digit = |at: usize| u32::from(value(group.get(at).copied().unwrap_or(b' ')));
            let [_, bytes @ ..] = (digit(0) << 18 | digit(1) << 12 | digit(2) << 6 | digit(3)).to_be_bytes();
            out.extend(bytes);
        }
        out.resize(start + length, 0);
    }
    out
}

/// The name behind `begin 644 `.
fn begin(line: &[u8]) -> Option<String> {
    let rest = line.strip_prefix(b"begin ")?;
    let (mode, name) = rest.split_at_checked(3)?;
    let name = name.strip_prefix(b" ")?.trim_ascii();
    let is_mode = mode.iter().all(|digit| (b'0'..=b'7').contains(digit));
    (is_mode && !name.is_empty() && name.len() <= 255).then(|| super::charset::guess(name).into_owned())
}

fn is_end(line: &[u8]) -> bool {
    line.trim_ascii_end() == b"end"
}

/// A line of data says how many bytes it stands for: as many digits follow, give or take a check digit or lost blanks.
fn is_data(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some((first, digits)) = line.split_first() else { return false };
    let length = usize::from(value(*first));
    let wanted = length.div_ceil(3) * 4;
    let is_digit = |byte: &u8| (b' '..=b'`').contains(byte);
    is_digit(first)
        && digits.iter().all(is_digit)
        && digits.len() <= wanted + 2
        && digits.trim_ascii_end().len() + 8 >= wanted.min(digits.len() + 8)
}

fn has_data(text: &[u8], range: &Range<usize>) -> bool {
    !decode(text.get(range.clone()).unwrap_or_default()).is_empty()
}

fn value(byte: u8) -> u8 {
    byte.wrapping_sub(b' ') & 0x3f
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAT: &str = "begin 644 cat.txt\n#0V%T\n`\nend\n";

    #[test]
    fn blocks_are_found_among_text() {
        let text = format!("hello\nbegin with this\nbegin 644 is how it starts\nand on\n{CAT}between\r\n{CAT}bye");
        let found = blocks(text.as_bytes());
        assert_eq!(found.iter().map(|block| block.name.as_str()).collect::<Vec<_>>(), ["cat.txt", "cat.txt"]);
        for block in &found {
            assert_eq!(&text[block.range.clone()], CAT);
            assert_eq!(decode(&text.as_bytes()[block.range.clone()]), b"Cat");
        }
    }

    #[test]
    fn damaged_blocks_give_what_is_there() {
        for (text, expect) in [
            ("begin 644 x\n#0V%T\n", &b"Cat"[..]),
            ("begin 644 x\r\n#0V%T\r\n`\r\nend\r\n", b"Cat"),
            ("begin 644 x\n#0V%T\nthis line is no data at all, is it?\n", b"Cat"),
            // the blanks at the end of "$    " are lost
            ("begin 644 x\n#0V%T\n#\nend\n", b"Cat\0\0\0"),
        ] {
            let found = blocks(text.as_bytes());
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(decode(&text.as_bytes()[found[0].range.clone()]), expect, "{text}");
        }
        assert!(blocks(b"begin 644 x\n\n\nend\n").is_empty());
        assert!(blocks(b"begin 999 x\n#0V%T\nend\n").is_empty());
    }

    fn encode(bytes: &[u8]) -> String {
        let digit = |six: u32| char::from(if six & 0x3f == 0 { b'`' } else { (six & 0x3f) as u8 + b' ' });
        let mut out = "begin 644 x\n".to_owned();
        for line in bytes.chunks(45) {
            out.push(digit(line.len() as u32));
            for group in line.chunks(3) {
                let at = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
                let all = at(0) << 16 | at(1) << 8 | at(2);
                [18, 12, 6, 0].iter().for_each(|shift| out.push(digit(all >> shift)));
            }
            out.push('\n');
        }
        out + "`\nend\n"
    }

    proptest::proptest! {
        #[test]
        fn what_is_encoded_comes_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 1..300)) {
            let text = encode(&bytes);
            let found = blocks(text.as_bytes());
            proptest::prop_assert_eq!(found.len(), 1);
            proptest::prop_assert_eq!(decode(&text.as_bytes()[found[0].range.clone()]), bytes);
        }

        #[test]
        fn any_text_is_bounded(text in "(begin 644 x\n|end\n|`\n|#0V%T\n|[ -~]{0,70}\n){0,40}") {
            for block in blocks(text.as_bytes()) {
                proptest::prop_assert!(decode(&text.as_bytes()[block.range]).len() <= text.len() * 63);
            }
        }
    }
}
