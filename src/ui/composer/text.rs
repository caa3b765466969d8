//! The text of a draft and where one is in it: moving and erasing by grapheme and by wrapped row, selecting, finding,
//! and the window of rows that is on screen, which costs as much as it shows. Changes and their undo are in
//! `buffer.rs`, wrapping in `wrap.rs`, drawing in `draw.rs`.

use unicode_segmentation::UnicodeSegmentation;

use super::buffer::{Buffer, Kind};
use super::wrap::{Segment, cell_at, char_at, segment_of, segments};

pub use super::buffer::{Place, byte_at};

/// The text and where one is in it.
#[derive(Clone, Debug)]
pub struct Text {
    buffer: Buffer,
    at: Place,
    /// The other end of the selection.
    anchor: Option<Place>,
    /// Cell that moving up and down keeps to.
    goal: Option<usize>,
    /// The first visible row: line, and row in it.
    pub top: (usize, usize),
    /// What is looked for, in lower case.
    pub find: Option<String>,
}

/// Cells of a row: of one's own words, and of quoted ones, which come with the marks before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub own: usize,
    pub quoted: usize,
}

impl Room {
    /// The rows of a line.
    pub fn segments(self, line: &str) -> Vec<Segment> {
        segments(line, if line.starts_with('>') { self.quoted } else { self.own })
    }
}

/// Where the cursor can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    Left,
    Right,
    WordLeft,
    WordRight,
    /// By wrapped rows.
    Up,
    Down,
    PageUp,
    PageDown,
    RowStart,
    RowEnd,
    Start,
    End,
}

impl Text {
    /// `text` as a draft holds it: lines end with "\n".
    pub fn new(text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text).replace("\r\n", "\n").replace('\r', " ");
        Self { buffer: Buffer::new(&text), at: (0, 0), anchor: None, goal: None, top: (0, 0), find: None }
    }

    /// As a draft holds it.
    pub fn text(&self) -> String {
        let lines = self.lines();
        if matches!(lines, [only] if only.is_empty()) {
            return String::new();
        }
        let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    pub fn lines(&self) -> &[String] {
        self.buffer.lines()
    }

    pub fn line(&self, row: usize) -> &str {
        self.buffer.line(row)
    }

    /// Line and character of the cursor.
    pub fn cursor(&self) -> Place {
        self.at
    }

    fn rows(&self, row: usize, room: Room) -> Vec<Segment> {
        room.segments(self.line(row))
    }

    fn last_row(&self) -> usize {
        self.buffer.last_row()
    }

    fn length(&self, row: usize) -> usize {
        self.buffer.length(row)
    }

    /// Goes to a place, or as near as there is text; a selection follows.
    pub fn go(&mut self, place: Place) {
        self.at = self.buffer.nearest(place);
    }

    /// Where the selection starts and ends.
    pub fn selection(&self) -> Option<(Place, Place)> {
        let anchor = self.anchor.map(|anchor| self.buffer.nearest(anchor))?;
        (anchor != self.at).then(|| (anchor.min(self.at), anchor.max(self.at)))
    }

    pub fn select(&mut self) {
        self.anchor = Some(self.at);
    }

    pub fn is_selecting(&self) -> bool {
        self.anchor.is_some()
    }

    pub fn unselect(&mut self) {
        self.anchor = None;
    }

    pub fn select_all(&mut self) {
        self.anchor = Some((0, 0));
        self.at = self.buffer.end();
    }

    pub fn selected(&self) -> Option<String> {
        let (start, end) = self.selection()?;
        Some(self.buffer.between(start, end))
    }

    /// Puts a text in the place of a range, the cursor behind it.
    fn put(&mut self, (start, end): (Place, Place), with: &str, kind: Kind) {
        self.anchor = None;
        self.goal = None;
        self.at = self.buffer.replace(start, end, with, kind, self.at);
    }

    /// In the place of the selection, or at the cursor.
    fn type_in(&mut self, with: &str, kind: Kind) {
        match self.selection() {
            Some(range) => self.put(range, with, Kind::Whole),
            None => self.put((self.at, self.at), with, kind),
        }
    }

    /// A typed character.
    pub fn insert(&mut self, c: char) {
        let kind = if c.is_whitespace() { Kind::Blanks } else { Kind::Letters };
        self.type_in(c.encode_utf8(&mut [0; 4]), kind);
    }

    /// Enter: a new line.
    pub fn new_line(&mut self) {
        self.type_in("\n", Kind::Whole);
    }

    /// Pasted text: line ends of every kind are line ends, other controls but tabs are left out.
    pub fn paste(&mut self, text: &str) {
        let ends = text.replace("\r\n", "\n").replace('\r', "\n");
        let clean: String = ends.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
        self.type_in(&clean, Kind::Whole);
    }

    /// Puts another text in the place of the whole, as one change.
    pub fn replace(&mut self, text: &str) {
        let text = text.strip_suffix('\n').unwrap_or(text).replace("\r\n", "\n");
        self.put(((0, 0), self.buffer.end()), &text, Kind::Whole);
        self.at = (0, 0);
        self.top = (0, 0);
    }

    /// Puts lines in the place of those from `row` on, as one change; the cursor stays where it is.
    pub fn replace_from(&mut self, row: usize, text: &str) {
        let at = self.at;
        let start = if row > self.last_row() { self.buffer.end() } else { (row, 0) };
        self.put((start, self.buffer.end()), text, Kind::Whole);
        self.go(at);
    }

    /// Backspace; false where nothing stands before.
    pub fn erase_left(&mut self) -> bool {
        let range = self.selection().unwrap_or((self.left_of(self.at), self.at));
        self.erase(range)
    }

    /// Delete.
    pub fn erase_right(&mut self) -> bool {
        let range = self.selection().unwrap_or((self.at, self.right_of(self.at)));
        self.erase(range)
    }

    fn erase(&mut self, (start, end): (Place, Place)) -> bool {
        if start < end {
            self.put((start, end), "", Kind::Erased);
        }
        start < end
    }

    /// Takes out up to where a motion would lead; gives what was there.
    pub fn kill(&mut self, motion: Motion) -> Option<String> {
        let at = self.at;
        let range = match motion {
            Motion::WordLeft => (self.word_left(at), at),
            Motion::WordRight => (at, self.word_right(at)),
            Motion::RowStart => ((at.0, 0), at),
            // At the end of a line the line end itself goes, as everywhere.
            _ if at.1 >= self.length(at.0) => (at, self.right_of(at)),
            _ => (at, (at.0, self.length(at.0))),
        };
        self.take(range)
    }

    /// Takes the selection out; gives it.
    pub fn cut(&mut self) -> Option<String> {
        let range = self.selection()?;
        self.take(range)
    }

    fn take(&mut self, (start, end): (Place, Place)) -> Option<String> {
        let gone = self.buffer.between(start, end);
        (start < end).then(|| {
            self.put((start, end), "", Kind::Whole);
            gone
        })
    }

    /// Takes the last group of changes back; false where there is none.
    pub fn undo(&mut self) -> bool {
        let at = self.buffer.undo();
        self.back_to(at)
    }

    pub fn redo(&mut self) -> bool {
        let at = self.buffer.redo();
        self.back_to(at)
    }

    fn back_to(&mut self, at: Option<Place>) -> bool {
        self.anchor = None;
        self.goal = None;
        if let Some(at) = at {
            self.go(at);
        }
        at.is_some()
    }

    fn left_of(&self, (row, column): Place) -> Place {
        if column == 0 {
            return if row == 0 { (0, 0) } else { (row - 1, self.length(row - 1)) };
        }
        let line = self.line(row);
        let before = line.get(..byte_at(line, column)).unwrap_or_default();
        let chars = before.graphemes(true).next_back().map_or(1, |grapheme| grapheme.chars().count());
        (row, column - chars.min(column))
    }

    fn right_of(&self, (row, column): Place) -> Place {
        let line = self.line(row);
        let after = line.get(byte_at(line, column)..).unwrap_or_default();
        match after.graphemes(true).next() {
            Some(grapheme) => (row, column + grapheme.chars().count()),
            None if row < self.last_row() => (row + 1, 0),
            None => (row, column),
        }
    }

    fn word_left(&self, (row, column): Place) -> Place {
        if column == 0 {
            return self.left_of((row, column));
        }
        let chars: Vec<char> = self.line(row).chars().take(column).collect();
        let word_end = chars.iter().rposition(|c| c.is_alphanumeric()).map_or(0, |at| at + 1);
        let start = chars.iter().take(word_end).rposition(|c| !c.is_alphanumeric()).map_or(0, |at| at + 1);
        (row, if word_end == 0 { 0 } else { start })
    }

    fn word_right(&self, (row, column): Place) -> Place {
        let chars: Vec<char> = self.line(row).chars().collect();
        if column >= chars.len() {
            return self.right_of((row, column));
        }
        let start = chars.iter().skip(column).position(|c| c.is_alphanumeric()).map_or(chars.len(), |at| column + at);
        let end = chars.iter().skip(start).position(|c| !c.is_alphanumeric()).map_or(chars.len(), |at| start + at);
        (row, end)
    }

    /// Moves; `room` are the cells of a row, `height` the rows on screen. False where there is nowhere to go.
    pub fn step(&mut self, motion: Motion, room: Room, height: usize) -> bool {
        self.buffer.part();
        let at = self.cursor();
        let vertical = matches!(motion, Motion::Up | Motion::Down | Motion::PageUp | Motion::PageDown);
        let page = isize::try_from(height.saturating_sub(2).max(1)).unwrap_or(1);
        let to = match motion {
            Motion::Left => self.left_of(at),
            Motion::Right => self.right_of(at),
            Motion::WordLeft => self.word_left(at),
            Motion::WordRight => self.word_right(at),
            Motion::Up => self.by_rows(-1, room),
            Motion::Down => self.by_rows(1, room),
            Motion::PageUp => self.by_rows(-page, room),
            Motion::PageDown => self.by_rows(page, room),
            Motion::RowStart => (at.0, self.segment(room).first),
            Motion::RowEnd => self.row_end(room),
            Motion::Start => (0, 0),
            Motion::End => (self.last_row(), usize::MAX),
        };
        if !vertical {
            self.goal = None;
        }
        self.go(to);
        self.cursor() != at
    }

    /// The wrapped row that the cursor is on.
    fn segment(&self, room: Room) -> Segment {
        let (row, column) = self.cursor();
        segment_of(&self.rows(row, room), column).1
    }

    fn row_end(&self, room: Room) -> Place {
        let (row, _) = self.cursor();
        let segment = self.segment(room);
        let end = segment.first + segment.chars;
        // The place after the last blank of a row that goes on belongs to the next one.
        (row, if end < self.length(row) { end.saturating_sub(1) } else { end })
    }

    fn by_rows(&mut self, by: isize, room: Room) -> Place {
        let (row, column) = self.cursor();
        let rows = self.rows(row, room);
        let (at, segment) = segment_of(&rows, column);
        let text = self.line(row).get(segment.start..segment.end).unwrap_or_default();
        let goal = self.goal.unwrap_or_else(|| segment.hang + cell_at(text, column - segment.first.min(column)));
        self.goal = Some(goal);
        let to = self.walk((row, at), by, room);
        self.place_in(to, goal, room)
    }

    /// The row that lies `by` rows from another, as far as there are rows.
    fn walk(&self, from: (usize, usize), by: isize, room: Room) -> (usize, usize) {
        let (mut row, mut at) = from;
        for _ in 0..by.unsigned_abs() {
            if by > 0 {
                if at + 1 < self.rows(row, room).len() {
                    at += 1;
                } else if row < self.last_row() {
                    (row, at) = (row + 1, 0);
                }
            } else if at > 0 {
                at -= 1;
            } else if row > 0 {
                row -= 1;
                at = self.rows(row, room).len().saturating_sub(1);
            }
        }
        (row, at)
    }

    /// The place at a cell of a row.
    fn place_in(&self, (row, at): (usize, usize), cell: usize, room: Room) -> Place {
        let line = self.line(row);
        let rows = self.rows(row, room);
        let Some(segment) = rows.get(at).or(rows.last()) else { return (row, 0) };
        let text = line.get(segment.start..segment.end).unwrap_or_default();
        let goes_on = at + 1 < rows.len();
        let most = if goes_on { segment.chars.saturating_sub(1) } else { segment.chars };
        (row, segment.first + char_at(text, cell.saturating_sub(segment.hang)).min(most))
    }

    /// Goes to a cell of the window.
    pub fn click(&mut self, row: usize, cell: usize, room: Room) {
        self.buffer.part();
        self.goal = None;
        let to = self.walk(self.top, isize::try_from(row).unwrap_or_default(), room);
        let to = self.place_in(to, cell, room);
        self.go(to);
    }

    /// Turns the window, and takes the cursor along where it would leave it.
    pub fn scroll(&mut self, by: isize, room: Room, height: usize) {
        self.top = self.walk(self.top, by, room);
        let last = self.walk(self.top, isize::try_from(height.saturating_sub(1)).unwrap_or_default(), room);
        let (row, column) = self.cursor();
        let here = (row, segment_of(&self.rows(row, room), column).0);
        let cell = self.goal.unwrap_or(0);
        if here < self.top {
            self.go(self.place_in(self.top, cell, room));
        } else if here > last {
            self.go(self.place_in(last, cell, room));
        }
    }

    /// Moves the window so that the cursor is in it: by a third of it, so that not every row scrolls.
    pub fn keep_in_view(&mut self, room: Room, height: usize) {
        let height = height.max(1);
        let (row, column) = self.cursor();
        let here = (row, segment_of(&self.rows(row, room), column).0);
        self.top.0 = self.top.0.min(self.last_row());
        self.top.1 = self.top.1.min(self.rows(self.top.0, room).len().saturating_sub(1));
        if here < self.top {
            self.top = self.walk(here, -isize::try_from(height / 3).unwrap_or_default(), room);
        } else if self.rows_between(self.top, here, room, height) >= height {
            let above = height.saturating_sub(1 + height / 3);
            self.top = self.walk(here, -isize::try_from(above).unwrap_or_default(), room);
        }
    }

    /// Rows from one to a later one; counts no further than `most`.
    fn rows_between(&self, from: (usize, usize), to: (usize, usize), room: Room, most: usize) -> usize {
        if to.0.saturating_sub(from.0) >= most {
            return most;
        }
        let rows: usize = (from.0..to.0).map(|row| self.rows(row, room).len()).sum();
        (rows + to.1).saturating_sub(from.1).min(most)
    }

    /// The rows of the window: line, and its stretch. At most `height`.
    pub fn window(&self, room: Room, height: usize) -> Vec<(usize, Segment)> {
        let (first, skip) = self.top;
        let mut rows = Vec::with_capacity(height);
        for row in first..self.lines().len() {
            let skip = if row == first { skip } else { 0 };
            rows.extend(self.rows(row, room).into_iter().skip(skip).map(|segment| (row, segment)));
            if rows.len() >= height {
                break;
            }
        }
        rows.truncate(height);
        rows
    }

    /// Goes to the next match of `find` behind the cursor, round at the end; false where there is none.
    pub fn find_next(&mut self) -> bool {
        let Some(wanted) = self.find.clone().filter(|text| !text.is_empty()) else { return false };
        self.buffer.part();
        self.goal = None;
        let (row, column) = self.cursor();
        let count = self.lines().len();
        // The line of the cursor comes twice: what stands behind it first, what stands before it last.
        for n in 0..=count {
            let at = (row + n) % count.max(1);
            let after = if n == 0 { Some(column) } else { None };
            let found = matches_in(self.line(at), &wanted).into_iter().find(|(start, _)| after.is_none_or(|after| *start > after));
            if let Some((start, _)) = found {
                self.unselect();
                self.go((at, start));
                return true;
            }
        }
        false
    }
}

/// Where a text (in lower case) occurs in a line: first and last character, the last not included.
pub fn matches_in(line: &str, wanted: &str) -> Vec<(usize, usize)> {
    let chars: Vec<char> = line.chars().flat_map(|c| c.to_lowercase().next()).collect();
    let wanted: Vec<char> = wanted.chars().collect();
    if wanted.is_empty() || wanted.len() > chars.len() {
        return Vec::new();
    }
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (start, stretch) in chars.windows(wanted.len()).enumerate() {
        if stretch == wanted && found.last().is_none_or(|(_, end)| *end <= start) {
            found.push((start, start + wanted.len()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn room(cells: usize) -> Room {
        Room { own: cells, quoted: cells }
    }

    fn typed(text: &mut Text, letters: &str) {
        for c in letters.chars() {
            if c == '\n' { text.new_line() } else { text.insert(c) }
        }
    }

    #[test]
    fn a_text_comes_out_as_it_went_in() {
        for text in ["", "one\n", "one\n\n\ntwo\n", "  \n", "\n\n"] {
            assert_eq!(Text::new(text).text(), text, "{text:?}");
        }
        assert_eq!(Text::new("no end").text(), "no end\n");
        assert_eq!(Text::new("a\r\nb").text(), "a\nb\n");
    }

    #[test]
    fn undo_goes_by_words_and_a_paste_is_one() {
        let mut text = Text::new("");
        typed(&mut text, "Hello big world");
        text.paste(" one\ntwo\x1b[31m");
        assert_eq!(text.text(), "Hello big world one\ntwo[31m\n");
        for expect in ["Hello big world\n", "Hello big \n", "Hello \n", ""] {
            assert!(text.undo());
            assert_eq!(text.text(), expect);
        }
        assert!(!text.undo());
        for expect in ["Hello \n", "Hello big \n", "Hello big world\n"] {
            assert!(text.redo());
            assert_eq!(text.text(), expect);
        }
    }

    #[test]
    fn moving_away_ends_a_group_and_typing_over_a_selection_is_one() {
        let mut text = Text::new("");
        typed(&mut text, "abc");
        text.step(Motion::Left, room(72), 10);
        typed(&mut text, "x");
        text.undo();
        assert_eq!(text.text(), "abc\n");
        text.select_all();
        typed(&mut text, "z");
        assert_eq!(text.text(), "z\n");
        text.undo();
        assert_eq!(text.text(), "abc\n");
    }

    #[test]
    fn graphemes_are_erased_and_passed_whole() {
        let mut text = Text::new("a👩‍👩‍👧e\u{301}");
        text.step(Motion::End, room(72), 10);
        assert!(text.erase_left());
        assert_eq!(text.text(), "a👩‍👩‍👧\n");
        text.step(Motion::Left, room(72), 10);
        assert_eq!(text.cursor(), (0, 1));
        assert!(text.erase_right());
        assert_eq!(text.text(), "a\n");
        assert!(!text.erase_right());
        text.undo();
        assert_eq!(text.text(), "a👩‍👩‍👧\n", "what was moved away from is a change of its own");
    }

    #[test]
    fn lines_join_and_kills_take_words_and_rests() {
        let mut text = Text::new("one two\nthree");
        text.go((1, 0));
        assert!(text.erase_left());
        assert_eq!(text.text(), "one twothree\n");
        assert_eq!(text.kill(Motion::WordLeft).as_deref(), Some("two"));
        assert_eq!(text.kill(Motion::RowEnd).as_deref(), Some("three"));
        assert_eq!(text.text(), "one \n");
        text.undo();
        text.undo();
        assert_eq!(text.text(), "one twothree\n");
    }

    #[test]
    fn up_and_down_go_by_wrapped_rows_and_keep_the_column() {
        let mut text = Text::new("aaaa bbbb cccc\nx\ndddd eeee");
        text.go((0, 8));
        let rows: Vec<Place> = (0..4)
            .map(|_| {
                text.step(Motion::Down, room(5), 10);
                text.cursor()
            })
            .collect();
        assert_eq!(rows, [(0, 13), (1, 1), (2, 3), (2, 8)]);
        assert!(!text.step(Motion::Down, room(5), 10), "the last row");
    }

    #[test]
    fn the_window_follows_the_cursor() {
        let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let mut text = Text::new(&lines);
        text.step(Motion::End, room(72), 20);
        text.keep_in_view(room(72), 20);
        let window = text.window(room(72), 20);
        assert!(window.iter().any(|(row, _)| *row == 999), "{:?}", text.top);
        text.step(Motion::Start, room(72), 20);
        text.keep_in_view(room(72), 20);
        assert_eq!(text.top, (0, 0));
    }

    #[test]
    fn find_goes_round_and_ignores_case() {
        let mut text = Text::new("Plan one\nother\nthe plan two");
        text.find = Some("plan".into());
        assert!(text.find_next());
        assert_eq!(text.cursor(), (2, 4));
        assert!(text.find_next());
        assert_eq!(text.cursor(), (0, 0));
        text.find = Some("nowhere".into());
        assert!(!text.find_next());
    }

    #[test]
    fn places_beyond_what_the_buffer_jumps_to_are_reached() {
        let mut text = Text::new(&"x\n".repeat(70_000));
        text.go((69_000, 1));
        assert_eq!(text.cursor(), (69_000, 1));
    }
}
