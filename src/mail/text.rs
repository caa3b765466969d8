//! The three borders that foreign text crosses: to the screen ([`DisplayText`]), to a file system
//! ([`SafeFileName`]), into a header ([`HeaderValue`]). Each type can only be made clean.

use std::fmt;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

/// Text that is safe to put on a terminal: decoded, without control, bidi-override, invisible or tag
/// characters (they become visible marks), at most 8 combining marks a grapheme, one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DisplayText(String);

/// Characters that a grapheme may hold; families of emoji have ten.
const MAX_CHARS: usize = 16;

impl DisplayText {
    /// Characters without a cell of their own that a grapheme may hold (a mail with 100,000 marks on one letter).
    pub const MAX_MARKS: usize = 8;

    /// Cleans `text`: tabs and line ends become single spaces.
    pub fn new(text: &str) -> Self {
        if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return Self(text.to_owned());
        }
        // characters first, graphemes after: dropping characters joins what they kept apart
        let mut clean = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\r' && chars.peek() == Some(&'\n') {
                continue;
            }
            match mark(c) {
                Mark::Keep => clean.push(c),
                Mark::Drop => {}
                Mark::Show(shown) => clean.push(shown),
            }
        }
        if clean.is_ascii() || clean.graphemes(true).all(is_short) {
            return Self(clean);
        }
        let mut short = String::with_capacity(clean.len());
        clean.graphemes(true).for_each(|grapheme| push_short(grapheme, &mut short));
        let clean = short;
        Self(clean)
    }

    /// The same, cut to `max` characters with an ellipsis: for server text in notices.
    pub fn capped(text: &str, max: usize) -> Self {
        match text.char_indices().nth(max) {
            None => Self::new(text),
            Some((at, _)) => {
                let mut cut = Self::new(&text[..at]);
                cut.0.push('…');
                cut
            }
        }
    }

    /// Whether this character shows as itself.
    pub fn keeps(c: char) -> bool {
        matches!(mark(c), Mark::Keep)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for DisplayText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for DisplayText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

fn is_short(grapheme: &str) -> bool {
    grapheme.len() <= DisplayText::MAX_MARKS || (grapheme.chars().count() <= MAX_CHARS && marks(grapheme) <= DisplayText::MAX_MARKS)
}

fn marks(grapheme: &str) -> usize {
    grapheme.chars().filter(|c| is_mark(*c)).count()
}

fn is_mark(c: char) -> bool {
    UnicodeWidthChar::width(c) == Some(0)
}

/// Cuts a flooded grapheme; what is gone leaves a replacement character, which joins nothing.
fn push_short(grapheme: &str, out: &mut String) {
    if is_short(grapheme) {
        out.push_str(grapheme);
        return;
    }
    let mut marks = 0;
    let kept = grapheme.chars().take(MAX_CHARS - 1).take_while(|c| {
        marks += usize::from(is_mark(*c));
        marks <= DisplayText::MAX_MARKS
    });
    out.extend(kept);
    out.push('\u{fffd}');
}

enum Mark {
    Keep,
    Drop,
    Show(char),
}

/// What becomes of one character on the way to the screen.
fn mark(c: char) -> Mark {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Mark::Show(' '),
        '\0'..='\u{1f}' => Mark::Show(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
        '\u{7f}' => Mark::Show('\u{2421}'),
        '\u{80}'..='\u{9f}' => Mark::Show('\u{fffd}'),
        // bidi embeddings, overrides, isolates and marks (Trojan Source)
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => Mark::Show('\u{fffd}'),
        '\u{200e}' | '\u{200f}' | '\u{61c}' => Mark::Drop,
        // zero width space, word joiner, BOM, soft hyphen and other invisible ones; ZWNJ and ZWJ shape text and stay
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{34f}' | '\u{180e}' => Mark::Drop,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}' => Mark::Drop,
        // Khmer vowels, shorthand and music that draw nothing
        '\u{17b4}' | '\u{17b5}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' => Mark::Drop,
        // blanks that look like nothing (Braille blank, Hangul fillers)
        '\u{2800}' | '\u{3164}' | '\u{115f}' | '\u{1160}' | '\u{ffa0}' => Mark::Show('\u{fffd}'),
        '\u{fdd0}'..='\u{fdef}' => Mark::Show('\u{fffd}'),
        c if (c as u32) & 0xfffe == 0xfffe => Mark::Show('\u{fffd}'),
        _ => Mark::Keep,
    }
}

/// A file name that stays inside the folder it is joined to: no separators, no controls, not hidden, not
/// reserved, at most 200 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SafeFileName(String);

const MAX_FILE_NAME: usize = 200;

impl SafeFileName {
    /// Cleans a sender's name; what is left empty becomes `fallback` (one of ours).
    pub fn new(name: &str, fallback: &str) -> Self {
        let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let shown = DisplayText::new(last).into_string();
        let mut clean: String = shown
            .chars()
            .filter(|c| !matches!(c, '\u{fffd}' | '\u{2400}'..='\u{2421}' | '\u{200c}' | '\u{200d}'))
            .map(|c| if matches!(c, ':' | '*' | '?' | '"' | '<' | '>' | '|' | '`' | '$' | ';' | '&') { '_' } else { c })
            .collect();
        clean = trimmed(&clean);
        if clean.len() > MAX_FILE_NAME {
            clean = trimmed(&shorten(&clean));
        }
        if clean.is_empty() || is_reserved(&clean) {
            clean = fallback.to_owned();
        }
        Self(clean)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not hidden, no option, no home folder, and no end that other systems drop.
fn trimmed(name: &str) -> String {
    let is_loose = |c: char| c.is_whitespace() || c == '.';
    name.trim_end_matches(is_loose).trim_start_matches(|c| is_loose(c) || matches!(c, '-' | '~')).to_owned()
}

/// Cuts the stem and keeps the extension.
fn shorten(name: &str) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let mut at = (MAX_FILE_NAME - extension.len()).min(stem.len());
    while !stem.is_char_boundary(at) {
        at -= 1;
    }
    format!("{}{extension}", &stem[..at])
}

/// Device names of other systems, which a synced folder would stumble over.
fn is_reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT")) && stem.ends_with(|c: char| c.is_ascii_digit()))
}

/// A header field's value without line ends, NUL or other controls, so that it can't add a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HeaderValue(String);

impl HeaderValue {
    /// Controls (line ends among them) become single spaces.
    pub fn new(value: &str) -> Self {
        let mut clean = String::with_capacity(value.len());
        for c in value.chars() {
            let c = if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
            if c != ' ' || !clean.ends_with(' ') {
                clean.push(c);
            }
        }
        Self(clean.trim().to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_text_has_no_control_and_no_override() {
        assert_eq!(DisplayText::new("a\x1b]0;x\x07b").as_str(), "a␛]0;x␇b");
        assert_eq!(DisplayText::new("a\u{9b}31m\u{202e}b").as_str(), "a\u{fffd}31m\u{fffd}b");
        assert_eq!(DisplayText::new("one\r\ntwo\tthree").as_str(), "one two three");
        let zalgo = format!("a{}", "\u{301}".repeat(100_000));
        assert!(DisplayText::new(&zalgo).as_str().chars().count() <= DisplayText::MAX_MARKS + 2);
    }

    #[test]
    fn emoji_and_scripts_are_kept() {
        for text in ["👩‍👩‍👧", "午餐计划", "יוסי כהן", "e\u{301}", "🇫🇮"] {
            assert_eq!(DisplayText::new(text).as_str(), text);
        }
    }

    #[test]
    fn floods_that_are_one_grapheme_are_cut() {
        for unit in ["\u{301}", "\u{200d}\u{1f469}", "\u{1100}", "\u{1161}", "\u{94d}\u{915}", "\u{fe0f}", "\u{600}", "\u{20e3}"] {
            let clean = DisplayText::new(&format!("a{}", unit.repeat(10_000)));
            assert!(clean.as_str().graphemes(true).all(is_short), "{unit:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn display_text_is_clean_and_stays_as_it_is(text in nasty()) {
            let clean = DisplayText::new(&text);
            assert_eq!(DisplayText::new(clean.as_str()), clean);
            assert!(!clean.as_str().chars().any(|c| c.is_control() || is_forbidden(c)), "{clean:?}");
            assert!(clean.as_str().graphemes(true).all(|grapheme| marks(grapheme) <= DisplayText::MAX_MARKS), "{clean:?}");
        }

        #[test]
        fn file_names_are_one_plain_component(name in nasty()) {
            let clean = SafeFileName::new(&name, "file");
            let path = std::path::Path::new("/folder").join(clean.as_str());
            assert_eq!(path.parent(), Some(std::path::Path::new("/folder")), "{name:?}");
            assert!(!clean.as_str().is_empty() && clean.as_str().len() <= MAX_FILE_NAME, "{name:?}");
            assert!(!clean.as_str().starts_with(['.', '-', '~', ' ']), "{name:?} {clean:?}");
            assert!(!clean.as_str().ends_with(['.', ' ']) && !clean.as_str().chars().any(char::is_control), "{name:?} {clean:?}");
        }
    }

    fn is_forbidden(c: char) -> bool {
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{e0000}'..='\u{e0fff}')
    }

    /// Texts made of what does harm, and of anything.
    fn nasty() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        let bad = prop::sample::select(vec![
            "\u{1b}[31m",
            "\u{9b}",
            "\0",
            "\r\n",
            "\u{202e}",
            "\u{200b}",
            "\u{301}",
            "\u{200d}",
            "\u{1f469}",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{1100}",
            "\u{1161}",
            "\u{94d}",
            "\u{915}",
            "\u{600}",
            "\u{1f1eb}",
            "..",
            "/",
            "\\",
            "a",
            " ",
            ".",
            "-",
            "~",
            "con",
            ":",
            "\t",
            "\u{2400}",
            "\u{fffd}",
        ]);
        prop::collection::vec(
            prop_oneof![3 => bad.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from), 1 => bad_run()],
            0..40,
        )
        .prop_map(|pieces| pieces.concat())
    }

    fn bad_run() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        (prop::sample::select(vec!["\u{301}", "\u{200d}\u{1f469}", "\u{1100}", "\u{94d}\u{915}", "é"]), 1..130_usize)
            .prop_map(|(unit, count)| unit.repeat(count))
    }

    #[test]
    fn file_names_stay_inside_the_folder() {
        for (name, expect) in [
            ("../../etc/passwd", "passwd"),
            ("/abs/olute.pdf", "olute.pdf"),
            ("..", "file"),
            (".hidden", "hidden"),
            ("-rf", "rf"),
            ("a\0b\r\n.txt", "ab .txt"),
            ("C:\\x\\evil.exe", "evil.exe"),
            ("con.txt", "file"),
            ("\u{202e}gpj.exe", "gpj.exe"),
        ] {
            assert_eq!(SafeFileName::new(name, "file").as_str(), expect, "{name:?}");
        }
        let long = format!("{}.pdf", "é".repeat(5000));
        let clean = SafeFileName::new(&long, "file");
        assert!(clean.as_str().len() <= MAX_FILE_NAME && clean.as_str().ends_with(".pdf"));
    }

    #[test]
    fn header_values_are_one_line() {
        assert_eq!(HeaderValue::new("a\r\nBcc: x\0y").as_str(), "a Bcc: x y");
    }
}
