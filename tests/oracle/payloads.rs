//! What does harm on a terminal, each with a number of its own wherever its syntax has room for one.

/// Controls, C1 in both forms, sequences, and Unicode that acts or hides.
pub fn all() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..0x20).chain([0x7f]).map(|byte| vec![byte]).collect();
    all.extend((0x80..0xa0).map(|byte| vec![byte]));
    all.extend(('\u{80}'..'\u{a0}').map(|c| c.to_string().into_bytes()));
    let first = all.len();
    all.extend(SEQUENCES.iter().enumerate().map(|(n, text)| text.replace('N', &(4000 + first + n).to_string()).into_bytes()));
    all.extend(UNICODE.iter().map(|text| text.as_bytes().to_vec()));
    all.push(format!("a{}", "\u{301}".repeat(2000)).into_bytes());
    all.push("\u{fe0f}".repeat(40).into_bytes());
    all.push(vec![0xed, 0xa0, 0x80]);
    all.push(vec![0xc0, 0x9b, 0xe0, 0x80, 0x9b]);
    all
}

/// `N` stands for a number that nothing else has.
const SEQUENCES: &[&str] = &[
    // colours, erasing, moves, modes, scrolling
    "\x1b[Nm",
    "\x1b[31m",
    "\x1b[m",
    "\x1b[2J",
    "\x1b[H",
    "\x1b[N;NH",
    "\x1b[K",
    "\x1b[1;1r",
    "\x1b[r",
    "\x1b[5S",
    "\x1b[Nb",
    "\x1b[?1049l",
    "\x1b[?1049h",
    "\x1b[?1000h",
    "\x1b[?1003h",
    "\x1b[?1006h",
    "\x1b[?2004l",
    "\x1b[?2026h",
    "\x1b[?25l",
    "\x1b[?5h",
    "\x1b[20h",
    "\x1b[4h",
    "\x1b[!p",
    "\x1b[2 q",
    "\x1b[>4;2m",
    "\x1b[>1u",
    "\x1b[5i",
    // what a terminal answers
    "\x1b[c",
    "\x1b[>c",
    "\x1b[=c",
    "\x1b[5n",
    "\x1b[6n",
    "\x1b[?996n",
    "\x1b[20t",
    "\x1b[21t",
    "\x1b[18t",
    "\x1b[?2026$p",
    "\x1bZ",
    // titles, colours, links, notices, the clipboard
    "\x1b]0;N\x07",
    "\x1b]2;N\x1b\\",
    "\x1b]4;1;?\x07",
    "\x1b]7;file://N/\x07",
    "\x1b]8;;https://N.example/\x1b\\",
    "\x1b]9;N\x07",
    "\x1b]10;?\x07",
    "\x1b]11;?\x1b\\",
    "\x1b]50;N\x07",
    "\x1b]52;c;TkFO\x07",
    "\x1b]52;c;?\x07",
    "\x1b]133;A\x07",
    "\x1b]777;notify;N;N\x07",
    "\x1b]1337;File=name=N:TkFO\x07",
    // strings
    "\x1bP$qm\x1b\\",
    "\x1bPq#0;2;N;0;0#0~~\x1b\\",
    "\x1bPtmux;\x1b\x1b]52;c;N\x07\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gf=24,s=1,v=1;N\x1b\\",
    "\x1b^N\x1b\\",
    "\x1bXN\x1b\\",
    // characters, keys, resets
    "\x1bc",
    "\x1b7",
    "\x1b8",
    "\x1b(0",
    "\x1b)0\x0e",
    "\x1b%@",
    "\x1b#8",
    "\x1b=",
    "\x1bM",
    "\x1bD",
    "\x1bn",
    "\x1b|",
    "\x1b F",
    // 8-bit forms, and what a filter that looks once might leave
    "\u{9b}31m",
    "\u{9d}0;N\u{9c}",
    "\u{90}$qm\u{9c}",
    "\x1b\x1b[31m",
    "\x18\x1b[Nm",
    "\x1b[\x1b[31m31m",
    "\r\n\x1b[Nm",
    "\x0ex\x0f",
    "\x08\x08\x08",
];

const UNICODE: &[&str] = &[
    "\u{202a}",
    "\u{202b}",
    "\u{202c}",
    "\u{202d}",
    "\u{202e}",
    "\u{2066}",
    "\u{2067}",
    "\u{2068}",
    "\u{2069}",
    "\u{200e}",
    "\u{200f}",
    "\u{61c}",
    "\u{200b}",
    "\u{2060}",
    "\u{feff}",
    "\u{ad}",
    "\u{180e}",
    "\u{e0001}\u{e0041}\u{e007f}",
    "\u{2028}",
    "\u{2029}",
    "\u{fffe}",
    "\u{fdd0}",
    "\u{3164}",
    "\u{115f}",
    "\u{2800}",
    "\u{fff9}a\u{fffa}b\u{fffb}",
];
