//! What the terminal shows, and the fewest bytes that make it show the next frame. Own output instead of
//! `ratatui`'s terminal, because the usual one spends ten times the bytes on a moved cursor.
//!
//! Pure: it writes into a byte vector and reads nothing. A frame that it returned has to reach the terminal
//! whole and in order. Start at [`Screen::frame`]; `encode.rs` walks the rows, `pen.rs` has the styles,
//! `clean.rs` the last filter before the terminal.

mod clean;
mod encode;
mod pen;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::event::{Drawn, Scroll};
use encode::Encoder;
use pen::Pen;

/// Begin and end of a synchronized update (mode 2026): the frame appears at once.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";
const HIDE_CURSOR: &[u8] = b"\x1b[?25l";
const SHOW_CURSOR: &[u8] = b"\x1b[?25h";
/// Frames of up to two rows (a moved cursor) are not seen half-drawn; the wrapper would be a tenth of them.
const SMALL_FRAME: usize = 400;

/// What a terminal can do beyond the basics, by what is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Erasing fills with the current background (terminfo's bce).
    pub erases_with_background: bool,
    /// Characters of ambiguous width may be drawn two cells wide.
    pub ambiguous_wide: bool,
}

impl Abilities {
    /// By TERM; unknown terminals are taken to fill with the default background.
    pub fn of_term(term: &str) -> Self {
        const KNOWN: [&str; 9] =
            ["xterm", "tmux", "screen-256color-bce", "alacritty", "foot", "wezterm", "rxvt-unicode", "contour", "ghostty"];
        Self { erases_with_background: KNOWN.iter().any(|known| term.starts_with(known)), ambiguous_wide: false }
    }
}

/// Where the terminal's pen and cursor are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    /// None where the terminal's idea of a width may differ from ours, or a wrap is pending.
    column: Option<u16>,
    row: Option<u16>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    pen: Pen,
    at: Position,
    cursor_visible: bool,
}

/// The terminal's screen as far as we know it.
#[derive(Debug)]
pub struct Screen {
    state: State,
    shown: Buffer,
    next: Buffer,
    /// The terminal shows `shown`; false after start, a resize, or somebody else's output.
    valid: bool,
    abilities: Abilities,
}

impl Screen {
    pub fn new(abilities: Abilities) -> Self {
        let state = State { pen: Pen::PLAIN, at: Position::default(), cursor_visible: true };
        Self { state, shown: Buffer::empty(Rect::ZERO), next: Buffer::empty(Rect::ZERO), valid: false, abilities }
    }

    /// Forgets what is on the terminal: the next frame paints every cell.
    pub fn invalidate(&mut self) {
        self.valid = false;
    }

    /// An empty buffer of this size to draw the next frame into.
    pub fn canvas(&mut self, columns: u16, rows: u16) -> &mut Buffer {
        let area = Rect::new(0, 0, columns, rows);
        if self.next.area == area {
            self.next.reset();
        } else {
            self.next = Buffer::empty(area);
        }
        &mut self.next
    }

    /// The bytes that turn what the terminal shows into what was drawn on the canvas; none if it is the same.
    pub fn frame(&mut self, drawn: Drawn) -> Vec<u8> {
        if self.next.area.is_empty() {
            return Vec::new();
        }
        clean::normalise(&mut self.next);
        let whole = !self.valid || self.shown.area != self.next.area;
        let (mut body, mut state) = if whole { self.repaint() } else { self.shortest(drawn.scroll) };
        let large = body.len() > SMALL_FRAME;
        let mut frame = Vec::with_capacity(body.len() + 64);
        if large {
            frame.extend_from_slice(BEGIN);
            if state.cursor_visible && !whole {
                frame.extend_from_slice(HIDE_CURSOR);
                state.cursor_visible = false;
            }
        }
        frame.append(&mut body);
        self.place_cursor(drawn.cursor, &mut state, &mut frame);
        if large {
            frame.extend_from_slice(END);
        }
        std::mem::swap(&mut self.shown, &mut self.next);
        self.state = state;
        self.valid = true;
        frame
    }

    /// From nothing: attributes off, scroll region off, clear, draw.
    fn repaint(&self) -> (Vec<u8>, State) {
        let start = State { pen: Pen::PLAIN, at: Position { column: Some(0), row: Some(0) }, cursor_visible: false };
        let mut bytes = Vec::from(&b"\x1b[?25l\x1b[m\x1b[r\x1b[H\x1b[2J"[..]);
        let state = self.encode(start, &Buffer::empty(self.next.area), &mut bytes);
        (bytes, state)
    }

    /// With the scroll hint and without it, whichever is less.
    fn shortest(&self, scroll: Option<Scroll>) -> (Vec<u8>, State) {
        let mut plain = Vec::new();
        let plain_state = self.encode(self.state, &self.shown, &mut plain);
        let Some(scroll) = scroll else { return (plain, plain_state) };
        // Not worth a copy of the screen where little changed.
        if plain.len() <= SMALL_FRAME / 4 {
            return (plain, plain_state);
        }
        let mut scrolled = Vec::new();
        let Some((state, shown)) = self.scroll(scroll, &mut scrolled) else { return (plain, plain_state) };
        let state = self.encode(state, &shown, &mut scrolled);
        if scrolled.len() < plain.len() { (scrolled, state) } else { (plain, plain_state) }
    }

    /// Scrolls the rows by region; None if the hint makes no sense here.
    fn scroll(&self, scroll: Scroll, bytes: &mut Vec<u8>) -> Option<(State, Buffer)> {
        let rows = self.next.area.height;
        let Scroll { top, bottom, by } = scroll;
        let height = bottom.checked_sub(top)?;
        if bottom > rows || height < 2 || by == 0 || by.unsigned_abs() >= height {
            return None;
        }
        let (mut state, mut shown) = (self.state, self.shown.clone());
        // New rows get the pen's background, where it matters.
        state.pen.change_to(Pen::PLAIN, bytes);
        let command = if by > 0 { 'S' } else { 'T' };
        let count = by.unsigned_abs();
        // Parameters of 1 and the region of the whole screen are the defaults.
        let region = (top, bottom) != (0, rows);
        if region {
            bytes.extend_from_slice(format!("\x1b[{};{bottom}r", top + 1).as_bytes());
        }
        bytes.extend_from_slice(if count == 1 { format!("\x1b[{command}") } else { format!("\x1b[{count}{command}") }.as_bytes());
        if region {
            bytes.extend_from_slice(b"\x1b[r");
            state.at = Position { column: Some(0), row: Some(0) };
        }
        let columns = usize::from(self.next.area.width);
        let moved = shown.content.get_mut(usize::from(top) * columns..usize::from(bottom) * columns)?;
        let distance = usize::from(count) * columns;
        let blank = |cells: &mut [ratatui::buffer::Cell]| cells.iter_mut().for_each(ratatui::buffer::Cell::reset);
        if by > 0 {
            moved.rotate_left(distance);
            let kept = moved.len() - distance;
            blank(moved.get_mut(kept..)?);
        } else {
            moved.rotate_right(distance);
            blank(moved.get_mut(..distance)?);
        }
        Some((state, shown))
    }

    fn encode(&self, state: State, shown: &Buffer, bytes: &mut Vec<u8>) -> State {
        let mut encoder = Encoder::new(state.pen, state.at, self.abilities, bytes);
        encoder.changes(shown, &self.next);
        let (pen, at) = encoder.end();
        State { pen, at, ..state }
    }

    /// Last of a frame: the cursor where the user looks, or hidden.
    fn place_cursor(&self, cursor: Option<(u16, u16)>, state: &mut State, bytes: &mut Vec<u8>) {
        let area = self.next.area;
        let inside = cursor.filter(|&(column, row)| column < area.width && row < area.height);
        if let Some((column, row)) = inside {
            let mut encoder = Encoder::new(state.pen, state.at, self.abilities, bytes);
            encoder.move_to(column, row);
            (state.pen, state.at) = encoder.end();
        }
        if inside.is_some() != state.cursor_visible {
            state.cursor_visible = inside.is_some();
            bytes.extend_from_slice(if inside.is_some() { SHOW_CURSOR } else { HIDE_CURSOR });
        }
    }
}
