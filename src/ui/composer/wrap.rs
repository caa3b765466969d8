//! One line of a draft as rows of cells: soft wrap by words, widths by grapheme, places between characters and
//! cells. Pure; what is shown for a grapheme is decided here, so that drawing and moving can't differ.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use crate::mail::DisplayText;
use crate::ui::format::width;

/// A tab goes on to the next multiple of this.
const TAB: usize = 8;

/// A stretch of a line that stands on one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// In bytes.
    pub start: usize,
    pub end: usize,
    /// The first character's number in the line.
    pub first: usize,
    /// Characters in it.
    pub chars: usize,
    /// Cells before it, in which a quote that goes on shows its signs once more.
    pub hang: usize,
}

/// What a grapheme looks like in the cell `at` of its row, and how many cells it takes.
pub fn shown(grapheme: &str, at: usize) -> (Cow<'_, str>, usize) {
    if grapheme.len() == 1 && grapheme.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return (Cow::Borrowed(grapheme), 1);
    }
    if grapheme == "\t" {
        let cells = TAB - at % TAB;
        return (Cow::Owned(" ".repeat(cells)), cells);
    }
    let clean = DisplayText::new(grapheme);
    // What would show as nothing could not be seen to be deleted.
    if width(clean.as_str()) == 0 {
        return (Cow::Borrowed("\u{fffd}"), 1);
    }
    let cells = width(clean.as_str());
    if clean.as_str() == grapheme { (Cow::Borrowed(grapheme), cells) } else { (Cow::Owned(clean.into_string()), cells) }
}

/// The signs that a quoted line begins with: ">> ".
pub fn quote_signs(line: &str) -> &str {
    if !line.starts_with('>') {
        return "";
    }
    let end = line.find(|c| !matches!(c, '>' | ' ')).unwrap_or(line.len());
    line.get(..end).unwrap_or_default()
}

/// The rows of a line in `room` cells: broken after blanks where there are some, inside a word where there are
/// none. Blanks at the end of a row may stand out of it. The rows that a quoted line goes on in hang behind its signs,
/// where these leave room. Never empty.
pub fn segments(line: &str, room: usize) -> Vec<Segment> {
    let room = room.max(1);
    // all of it ASCII
    let hang = quote_signs(line).len();
    let hang = if hang <= room / 3 { hang } else { 0 };
    if line.len() <= room && line.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return vec![Segment { start: 0, end: line.len(), first: 0, chars: line.len(), hang: 0 }];
    }
    let mut rows = Vec::new();
    let mut row = Row::default();
    for (at, grapheme) in line.grapheme_indices(true) {
        let (_, cells) = shown(grapheme, row.cells);
        let is_blank = grapheme == " ";
        if row.cells + cells > room && !is_blank && at > row.start {
            let end = row.brake.filter(|brake| brake.at > row.start).unwrap_or(Brake { at, chars: row.chars });
            rows.push(Segment { start: row.start, end: end.at, first: row.first, chars: end.chars, hang: row.hang });
            let rest = line.get(end.at..at).unwrap_or_default();
            let (first, chars, cells) = (row.first + end.chars, row.chars - end.chars, hang + cells_of(rest));
            row = Row { start: end.at, first, chars, cells, brake: None, hang };
        }
        row.cells += shown(grapheme, row.cells).1;
        row.chars += grapheme.chars().count();
        if is_blank || grapheme == "\t" {
            row.brake = Some(Brake { at: at + grapheme.len(), chars: row.chars });
        }
    }
    rows.push(Segment { start: row.start, end: line.len(), first: row.first, chars: row.chars, hang: row.hang });
    rows
}

/// A place after a blank where a row can end.
#[derive(Clone, Copy)]
struct Brake {
    at: usize,
    /// From the start of the row.
    chars: usize,
}

#[derive(Default)]
struct Row {
    start: usize,
    first: usize,
    chars: usize,
    cells: usize,
    brake: Option<Brake>,
    hang: usize,
}

/// Cells of a text that starts a row.
pub fn cells_of(text: &str) -> usize {
    text.graphemes(true).fold(0, |at, grapheme| at + shown(grapheme, at).1)
}

/// Cells before the `chars`-th character of a row's text.
pub fn cell_at(text: &str, chars: usize) -> usize {
    let end = text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    cells_of(text.get(..end).unwrap_or_default())
}

/// Characters before the cell `cell` of a row's text, at a boundary of graphemes.
pub fn char_at(text: &str, cell: usize) -> usize {
    let (mut cells, mut chars) = (0, 0);
    for grapheme in text.graphemes(true) {
        let next = cells + shown(grapheme, cells).1;
        if next > cell {
            break;
        }
        cells = next;
        chars += grapheme.chars().count();
    }
    chars
}

/// The row of the `column`-th character: its number and itself. At the end of a row that goes on, it is the next.
pub fn segment_of(rows: &[Segment], column: usize) -> (usize, Segment) {
    let last = rows.len().saturating_sub(1);
    let at = rows.iter().position(|row| column < row.first + row.chars).unwrap_or(last);
    (at, rows.get(at).copied().unwrap_or(Segment { start: 0, end: 0, first: 0, chars: 0, hang: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(line: &str, room: usize) -> Vec<&str> {
        segments(line, room).iter().map(|row| &line[row.start..row.end]).collect()
    }

    #[test]
    fn rows_break_after_blanks_and_inside_endless_words() {
        for (line, room, expect) in [
            ("", 10, &[""][..]),
            ("hello", 10, &["hello"]),
            ("hello big world", 10, &["hello big ", "world"]),
            ("hello    world", 6, &["hello    ", "world"]),
            ("abcdefgh", 3, &["abc", "def", "gh"]),
            ("ab cdefgh", 4, &["ab ", "cdef", "gh"]),
            ("陈伟陈伟", 5, &["陈伟", "陈伟"]),
            ("e\u{301}e\u{301}x", 2, &["e\u{301}e\u{301}", "x"]),
            ("👩‍👩‍👧👩‍👩‍👧", 3, &["👩‍👩‍👧", "👩‍👩‍👧"]),
            ("陈", 1, &["陈"]),
        ] {
            assert_eq!(rows(line, room), expect, "{line:?} in {room}");
        }
    }

    #[test]
    fn a_quote_goes_on_behind_its_signs_where_these_leave_room() {
        let of = |line, room| segments(line, room).iter().map(|row| (&line[row.start..row.end], row.hang)).collect::<Vec<_>>();
        assert_eq!(of("> one two three", 8), [("> one ", 0), ("two ", 2), ("three", 2)]);
        assert_eq!(of(">> one two", 9), [(">> one ", 0), ("two", 3)]);
        assert_eq!(of("> > deep", 6), [("> > ", 0), ("deep", 0)], "four cells of six are too many");
        assert_eq!(of(">", 9), [(">", 0)]);
    }

    #[test]
    fn rows_hold_every_character_once() {
        let line = "a\tb 陈伟 e\u{301} \u{1b}[31m 👩‍👩‍👧 some more words and_an_endless_word_here";
        for room in 1..40 {
            let all = segments(line, room);
            assert_eq!(all.iter().map(|row| &line[row.start..row.end]).collect::<String>(), line, "{room}");
            assert_eq!(all.iter().map(|row| row.chars).sum::<usize>(), line.chars().count(), "{room}");
            let mut first = 0;
            for row in all {
                assert_eq!((row.first, row.chars), (first, line[row.start..row.end].chars().count()), "{room}");
                first += row.chars;
            }
        }
    }

    #[test]
    fn controls_show_as_marks_and_tabs_as_blanks() {
        assert_eq!(shown("\u{1b}", 0), (Cow::Borrowed("␛"), 1));
        assert_eq!(shown("\u{202e}", 0).0, "\u{fffd}");
        assert_eq!(shown("\t", 3).1, 5);
        assert_eq!(shown("\u{200b}", 0).1, 1);
    }

    #[test]
    fn characters_and_cells_find_each_other() {
        let text = "a陈e\u{301}b";
        assert_eq!((0..=5).map(|chars| cell_at(text, chars)).collect::<Vec<_>>(), [0, 1, 3, 4, 4, 5]);
        assert_eq!((0..=5).map(|cell| char_at(text, cell)).collect::<Vec<_>>(), [0, 1, 1, 2, 4, 5]);
    }
}
