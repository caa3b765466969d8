//! Compressed RTF as Exchange keeps it ([MS-OXRTFCP]): an LZ77 over a window of 4 KiB that begins with common words.

/// Bytes that come out at most.
const MAX_OUT: usize = 4 * 1024 * 1024;
const WINDOW: usize = 4096;
const COMPRESSED: &[u8] = b"LZFu";
const PLAIN: &[u8] = b"MELA";
/// What the window begins with ([MS-OXRTFCP] 2.1.2.1).
const BEGIN: &[u8] = b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

/// The RTF; None where it is none, what was read where it is damaged.
pub fn decompress(bytes: &[u8]) -> Option<Vec<u8>> {
    let kind = bytes.get(8..12)?;
    let content = bytes.get(16..)?;
    match kind {
        PLAIN => Some(content.get(..MAX_OUT).unwrap_or(content).to_vec()),
        COMPRESSED => Some(expand(content)),
        _ => None,
    }
}

struct Window {
    bytes: [u8; WINDOW],
    /// Where the next byte goes.
    at: usize,
    out: Vec<u8>,
}

impl Window {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.at) {
            *place = byte;
        }
        self.at = (self.at + 1) % WINDOW;
        self.out.push(byte);
    }

    fn get(&self, at: usize) -> u8 {
        self.bytes.get(at % WINDOW).copied().unwrap_or(b' ')
    }
}

fn expand(content: &[u8]) -> Vec<u8> {
    let mut window = Window { bytes: [b' '; WINDOW], at: 0, out: Vec::new() };
    BEGIN.iter().for_each(|byte| window.push(*byte));
    window.out.clear();
    let mut bytes = content.iter().copied();
    while let Some(control) = bytes.next().filter(|_| window.out.len() < MAX_OUT - 8 * 17) {
        for bit in 0..8 {
            let Some(byte) = bytes.next() else { break };
            if control & (1 << bit) == 0 {
                window.push(byte);
                continue;
            }
            let Some(low) = bytes.next() else { break };
            let pair = usize::from(byte) << 8 | usize::from(low);
            let (from, length) = (pair >> 4, (pair & 0xf) + 2);
            if from == window.at {
                // a reference to what is still to come is the end
                return window.out;
            }
            (from..from + length).for_each(|at| window.push(window.get(at)));
        }
    }
    window.out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of [MS-OXRTFCP] 4.1.1.
    #[test]
    fn the_example_of_its_specification() {
        let compressed: &[u8] = &[
            0x2d, 0x00, 0x00, 0x00, 0x2b, 0x00, 0x00, 0x00, 0x4c, 0x5a, 0x46, 0x75, 0xf1, 0xc5, 0xc7, 0xa7, 0x03, 0x00, 0x0a, 0x00, 0x72,
            0x63, 0x70, 0x67, 0x31, 0x32, 0x35, 0x42, 0x32, 0x0a, 0xf3, 0x20, 0x68, 0x65, 0x6c, 0x09, 0x00, 0x20, 0x62, 0x77, 0x05, 0xb0,
            0x6c, 0x64, 0x7d, 0x0a, 0x80, 0x0f, 0xa0,
        ];
        assert_eq!(decompress(compressed).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        for end in 0..compressed.len() {
            decompress(&compressed[..end]);
        }
    }

    #[test]
    fn what_comes_out_is_bounded() {
        let mut bytes = vec![0; 8];
        bytes.extend(COMPRESSED);
        bytes.extend([0; 4]);
        bytes.resize(3_000_000, 0xff);
        assert!(decompress(&bytes).unwrap().len() <= MAX_OUT);
        assert!(decompress(b"12345678????1234").is_none() && decompress(b"").is_none());
    }
}
