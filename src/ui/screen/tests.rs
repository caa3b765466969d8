use std::num::NonZeroU16;

use ratatui::style::{Color, Modifier, Style};

use super::*;
use crate::config::Colors;
use crate::ui::theme::{Mode, Theme, Token};

/// An independent terminal that takes the bytes.
struct Terminal {
    parser: vt100::Parser,
    screen: Screen,
}

fn size(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).unwrap()
}

impl Terminal {
    fn new(columns: u16, rows: u16, abilities: Abilities) -> Self {
        Self { parser: vt100::Parser::new(size(rows), size(columns), 0), screen: Screen::new(abilities) }
    }

    /// Shows a frame and compares every cell; returns how many bytes it took.
    fn show(&mut self, wanted: &Buffer, drawn: Drawn, what: &str) -> usize {
        self.screen.canvas(wanted.area.width, wanted.area.height).clone_from(wanted);
        let bytes = self.screen.frame(drawn);
        self.parser.process(&bytes);
        let mut expect = wanted.clone();
        clean::normalise(&mut expect);
        let emulated = self.parser.screen();
        for row in 0..expect.area.height {
            for column in 0..expect.area.width {
                let cell = &expect[(column, row)];
                let shown = emulated.cell(row, column).unwrap();
                assert!(same(cell, shown), "{what}: row {row} column {column}: wanted {cell:?}, terminal has {shown:?}; {bytes:?}");
            }
        }
        assert_eq!(emulated.hide_cursor(), drawn.cursor.is_none(), "{what}");
        if let Some((column, row)) = drawn.cursor {
            assert_eq!(emulated.cursor_position(), (row, column), "{what}");
        }
        bytes.len()
    }
}

fn same(cell: &ratatui::buffer::Cell, shown: &vt100::Cell) -> bool {
    let color = |color: Color| match color {
        Color::Reset => vt100::Color::Default,
        Color::Indexed(n) => vt100::Color::Idx(n),
        Color::Rgb(r, g, b) => vt100::Color::Rgb(r, g, b),
        Color::Red => vt100::Color::Idx(1),
        Color::LightBlue => vt100::Color::Idx(12),
        Color::Cyan => vt100::Color::Idx(6),
        other => panic!("{other:?} is not drawn here"),
    };
    if cell.symbol() == clean::COVERED {
        return shown.is_wide_continuation();
    }
    let has = |modifier| cell.modifier.contains(modifier);
    let plain = cell.symbol() == " " && !has(Modifier::REVERSED);
    let text = if shown.contents().is_empty() { " " } else { shown.contents() };
    text == cell.symbol()
        && shown.bgcolor() == color(cell.bg)
        && shown.inverse() == has(Modifier::REVERSED)
        && shown.underline() == has(Modifier::UNDERLINED)
        && (plain
            || (shown.fgcolor() == color(cell.fg)
                && (cell.symbol() == " " || (shown.bold() == has(Modifier::BOLD) && shown.dim() == has(Modifier::DIM)))))
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u16::try_from((self.0 >> 24) % u64::from(n)).unwrap()
    }

    fn style(&mut self) -> Style {
        let colors = [Color::Reset, Color::Red, Color::LightBlue, Color::Indexed(236), Color::Rgb(1, 2, 3)];
        let modifiers = [
            Modifier::empty(),
            Modifier::empty(),
            Modifier::BOLD,
            Modifier::DIM,
            Modifier::UNDERLINED,
            Modifier::REVERSED,
            Modifier::BOLD | Modifier::UNDERLINED,
        ];
        Style::reset()
            .fg(colors[usize::from(self.below(5))])
            .bg(if self.below(3) == 0 { colors[usize::from(self.below(5))] } else { Color::Reset })
            .add_modifier(modifiers[usize::from(self.below(7))])
    }

    fn scribble(&mut self, buffer: &mut Buffer) {
        let texts = ["a", "hello world", "陈伟 wide", "e\u{301}x", "      ", "                         ", "▌│…→", "ab陈", "יוסי"];
        let (columns, rows) = (buffer.area.width, buffer.area.height);
        for _ in 0..=self.below(6) {
            let (x, y) = (self.below(columns), self.below(rows));
            let style = self.style();
            if self.below(4) == 0 {
                let width = 1 + self.below(columns - x);
                buffer.set_style(Rect::new(x, y, width, 1), style);
            } else {
                buffer.set_stringn(x, y, texts[usize::from(self.below(9))], usize::from(columns - x), style);
            }
        }
    }
}

#[test]
fn the_terminal_shows_what_was_drawn() {
    for seed in 1..=400_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let abilities = Abilities { erases_with_background: seed % 2 == 0, ambiguous_wide: seed % 5 == 0 };
        let (mut columns, mut rows) = (1 + random.below(40), 1 + random.below(12));
        let mut terminal = Terminal::new(columns, rows, abilities);
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        for step in 0..25 {
            let mut scroll = None;
            match random.below(10) {
                0 => {
                    (columns, rows) = (1 + random.below(40), 1 + random.below(12));
                    terminal.parser.screen_mut().set_size(size(rows), size(columns));
                    buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
                }
                1 => terminal.screen.invalidate(),
                2 => buffer.reset(),
                3..=5 => scroll = Some(scrolled(&mut random, &mut buffer)),
                _ => {}
            }
            random.scribble(&mut buffer);
            let cursor = (random.below(3) > 0).then(|| (random.below(columns), random.below(rows)));
            terminal.show(&buffer, Drawn { cursor, scroll }, &format!("seed {seed} step {step}"));
        }
    }
}

/// Really scrolls the buffer, or only says so.
fn scrolled(random: &mut Random, buffer: &mut Buffer) -> Scroll {
    let rows = buffer.area.height;
    let top = random.below(rows);
    let bottom = top + 1 + random.below(rows - top);
    let by = i16::try_from(random.below(5)).unwrap() - 2;
    let columns = usize::from(buffer.area.width);
    if random.below(3) > 0 && usize::from(by.unsigned_abs()) < usize::from(bottom - top) {
        let cells = &mut buffer.content[usize::from(top) * columns..usize::from(bottom) * columns];
        let distance = usize::from(by.unsigned_abs()) * columns;
        if by >= 0 { cells.rotate_left(distance) } else { cells.rotate_right(distance) }
    }
    Scroll { top, bottom, by }
}

#[test]
fn nothing_changed_is_nothing_written() {
    let mut terminal = Terminal::new(40, 5, Abilities::default());
    let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 5));
    buffer.set_string(0, 1, "陈伟 hello", Style::new().fg(Color::Red));
    let drawn = Drawn { cursor: Some((0, 1)), scroll: None };
    assert!(terminal.show(&buffer, drawn, "first") > 0);
    assert_eq!(terminal.show(&buffer, drawn, "again"), 0);
    let drawn = Drawn { cursor: Some((0, 2)), scroll: None };
    assert!(terminal.show(&buffer, drawn, "cursor moved") <= 2);
}

#[test]
fn no_control_character_reaches_the_terminal() {
    let mut screen = Screen::new(Abilities::default());
    let canvas = screen.canvas(20, 1);
    for (at, symbol) in ["\x1b", "\x07", "\u{9b}", "\x7f", "a\x1b[2Jb", "\u{202e}", "\u{2028}", "\u{301}", ""].iter().enumerate() {
        canvas.content[2 * at].set_symbol(symbol);
    }
    canvas.content[19].set_symbol(&"a\u{301}".repeat(100_000));
    let text = String::from_utf8(screen.frame(Drawn::default())).unwrap();
    assert!(text.len() < 250, "{}", text.len());
    let allowed = text.replace("\x1b[", "").replace(['\r', '\n'], "");
    assert!(!allowed.contains(char::is_control) && !text.contains("\x1b[2Jb") && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn symbols_of_disputed_width_do_not_move_their_neighbours() {
    // This terminal draws the joined family as three wide characters.
    let mut terminal = Terminal::new(30, 1, Abilities::default());
    let mut buffer = Buffer::empty(Rect::new(0, 0, 30, 1));
    buffer.set_string(0, 0, "👩‍👩‍👧 and the rest of it", Style::new());
    terminal.screen.canvas(30, 1).clone_from(&buffer);
    terminal.parser.process(&terminal.screen.frame(Drawn::default()));
    assert!(terminal.parser.screen().contents().ends_with(" and the rest of it"));
    assert_eq!(terminal.parser.screen().cell(0, 3).unwrap().contents(), "a");
    // A change before it does not leave pieces of it behind.
    buffer.set_string(0, 0, "plain now and the rest of it", Style::new());
    terminal.show(&buffer, Drawn::default(), "replaced");
}

/// A list pane like the real one: 22 cells of folders, then 98 of rows.
fn list(first: u16, selected: u16, theme: &Theme) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 120, 40));
    buffer.set_string(0, 0, "Work ▸ Inbox   4 unread of 60", Style::new());
    for row in 1..13 {
        buffer.set_string(0, row, " Folder", Style::new());
        buffer.set_string(18, row, "31", theme.style(Token::Dim));
    }
    for row in 0..36_u16 {
        let number = first + row;
        let y = row + 1;
        let base = if row == selected { theme.style(Token::Selected) } else { Style::new() };
        let unread = number.is_multiple_of(7);
        let text = if unread { theme.style(Token::Unread) } else { Style::new() };
        buffer.set_style(Rect::new(22, y, 98, 1), base);
        if row == selected {
            buffer.set_string(22, y, "▌", theme.style(Token::Accent));
        }
        if unread {
            buffer.set_string(23, y, "▪", theme.style(Token::Accent));
        }
        buffer.set_string(28, y, format!("Sender Number {}", number % 13), text);
        buffer.set_string(50, y, format!("A subject that is about as long as subjects {number}"), text);
        buffer.set_string(113, y, "20:15", theme.style(Token::Dim));
    }
    buffer
}

#[test]
fn moving_the_cursor_and_turning_the_page_are_cheap() {
    for colors in [Colors::TrueColor, Colors::Ansi256, Colors::Ansi16, Colors::None] {
        let theme = Theme::new(Mode::Dark, colors);
        let at = |row: u16| Drawn { cursor: Some((22, row + 1)), scroll: None };
        let mut terminal = Terminal::new(120, 40, Abilities::of_term("xterm-256color"));
        terminal.show(&list(0, 0, &theme), at(0), "first");
        let next = terminal.show(&list(0, 1, &theme), at(1), "next");
        let unread = terminal.show(&list(0, 7, &theme), at(7), "unread");
        let page = terminal.show(&list(36, 7, &theme), at(7), "page");
        let hint = Drawn { scroll: Some(Scroll { top: 1, bottom: 37, by: 1 }), ..at(7) };
        let line = terminal.show(&list(37, 7, &theme), hint, "line");
        assert!(next <= 270 && unread <= 400, "{colors:?}: next {next}, to an unread one {unread}");
        assert!(page <= 3300, "{colors:?}: page {page}");
        assert!(line <= 450, "{colors:?}: line {line}");
    }
}

#[test]
fn an_empty_screen_is_no_frame() {
    let mut screen = Screen::new(Abilities::default());
    for (columns, rows) in [(0, 0), (0, 5), (5, 0)] {
        screen.canvas(columns, rows);
        assert!(screen.frame(Drawn { cursor: Some((0, 0)), scroll: Some(Scroll { top: 0, bottom: 9, by: 1 }) }).is_empty());
    }
}
