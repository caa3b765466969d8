//! From two buffers to bytes: which cells to write, and how to get to them.

use ratatui::buffer::{Buffer, Cell};

use super::clean::{COVERED, widths};
use super::pen::Pen;
use super::{Abilities, Position};

/// Blanks from here on are erased rather than written, to the end of the row (`CSI K`) or within (`CSI n X`).
const ERASE_TO_END: usize = 4;
const ERASE_WITHIN: usize = 10;

/// Writes cells, keeping track of pen and cursor.
pub(super) struct Encoder<'a> {
    pen: Pen,
    at: Position,
    abilities: Abilities,
    bytes: &'a mut Vec<u8>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(pen: Pen, at: Position, abilities: Abilities, bytes: &'a mut Vec<u8>) -> Self {
        Self { pen, at, abilities, bytes }
    }

    pub(super) fn end(self) -> (Pen, Position) {
        (self.pen, self.at)
    }

    /// Everything that differs; both buffers have the same size and are normalised.
    pub(super) fn changes(&mut self, shown: &Buffer, next: &Buffer) {
        let columns = usize::from(next.area.width).max(1);
        for (row, (old, new)) in shown.content.chunks(columns).zip(next.content.chunks(columns)).enumerate() {
            if old != new {
                self.row(u16::try_from(row).unwrap_or(u16::MAX), old, new);
            }
        }
    }

    fn row(&mut self, row: u16, old: &[Cell], new: &[Cell]) {
        // Up to here cells are written even if unchanged: a symbol before them may have run into them.
        let mut unsure_to = 0;
        let mut at = 0;
        while let Some(cell) = new.get(at) {
            let covered = cell.symbol() == COVERED;
            if covered || (at >= unsure_to && old.get(at) == Some(cell)) {
                at += 1;
                continue;
            }
            self.approach(at, row, new);
            if let Some(erased) = self.erase(at, old, new, unsure_to) {
                at += erased;
                continue;
            }
            let (ours, most) = widths(cell.symbol(), self.abilities.ambiguous_wide);
            self.pen.change_to(self.pen.for_cell(cell), self.bytes);
            if most > ours {
                self.write_unsure(cell, ours, at, row);
                unsure_to = unsure_to.max(at + usize::from(most));
            } else {
                self.bytes.extend_from_slice(cell.symbol().as_bytes());
            }
            at += usize::from(ours.max(1));
            self.at.column = if most > ours || at >= new.len() { None } else { u16::try_from(at).ok() };
        }
    }

    /// A symbol that terminals disagree about: its cells are cleared first, in case it turns out narrower,
    /// and where the cursor is afterwards is not known.
    fn write_unsure(&mut self, cell: &Cell, cells: u16, at: usize, row: u16) {
        self.bytes.extend(std::iter::repeat_n(b' ', usize::from(cells)));
        self.at.column = None;
        self.move_to(u16::try_from(at).unwrap_or(u16::MAX), row);
        self.bytes.extend_from_slice(cell.symbol().as_bytes());
    }

    /// Erases the blanks that start here if that is shorter; returns how many cells are right now.
    fn erase(&mut self, at: usize, old: &[Cell], new: &[Cell], unsure_to: usize) -> Option<usize> {
        let first = new.get(at).filter(|cell| cell.symbol() == " ")?;
        let pen = self.pen.for_cell(first);
        if !pen.is_undecorated() || (pen.has_background() && !self.abilities.erases_with_background) {
            return None;
        }
        let run = new.get(at..)?.iter().take_while(|cell| *cell == first).count();
        let differs = |index: usize| index < unsure_to || old.get(index) != new.get(index);
        let needed = (0..run).rev().find(|&offset| differs(at + offset))? + 1;
        if at + run == new.len() && needed >= ERASE_TO_END {
            self.pen.change_to(pen, self.bytes);
            self.bytes.extend_from_slice(b"\x1b[K");
            return Some(run);
        }
        let more_follows = (at + needed..new.len()).any(differs);
        if needed >= if more_follows { ERASE_WITHIN } else { ERASE_WITHIN / 2 + 1 } {
            self.pen.change_to(pen, self.bytes);
            self.bytes.extend_from_slice(format!("\x1b[{needed}X").as_bytes());
            return Some(needed);
        }
        None
    }

    /// Gets to a cell of `row`: over unchanged cells by writing them again, where no move is shorter.
    fn approach(&mut self, at: usize, row: u16, new: &[Cell]) {
        let column = u16::try_from(at).unwrap_or(u16::MAX);
        if self.at == (Position { column: Some(column), row: Some(row) }) {
            return;
        }
        let start = if self.at.row == Some(row) { self.at.column.map(usize::from) } else { None };
        let best = self.shortest_move(column, row);
        let Some(between) = start.and_then(|start| new.get(start..at)) else { return self.go(&best, column, row) };
        let same = between.iter().all(|cell| {
            let (ours, most) = widths(cell.symbol(), self.abilities.ambiguous_wide);
            cell.symbol() != COVERED && ours == 1 && most == 1 && self.pen.for_cell(cell) == self.pen
        });
        let length: usize = between.iter().map(|cell| cell.symbol().len()).sum();
        if same && length <= best.len() {
            for cell in between {
                self.bytes.extend_from_slice(cell.symbol().as_bytes());
            }
            self.at.column = Some(column);
        } else {
            self.go(&best, column, row);
        }
    }

    /// Moves the cursor by the shortest sequence.
    pub(super) fn move_to(&mut self, column: u16, row: u16) {
        if self.at != (Position { column: Some(column), row: Some(row) }) {
            let best = self.shortest_move(column, row);
            self.go(&best, column, row);
        }
    }

    fn go(&mut self, sequence: &str, column: u16, row: u16) {
        self.bytes.extend_from_slice(sequence.as_bytes());
        self.at = Position { column: Some(column), row: Some(row) };
    }

    fn shortest_move(&self, column: u16, row: u16) -> String {
        let absolute = match (row, column) {
            (0, 0) => "\x1b[H".to_owned(),
            (_, 0) => format!("\x1b[{}H", row + 1),
            _ => format!("\x1b[{};{}H", row + 1, column + 1),
        };
        let Some(down) = self.at.row.and_then(|from| row.checked_sub(from)) else { return absolute };
        // Line feeds keep the column, and never scroll: the target is on the screen.
        let vertical = if down <= 3 { "\n".repeat(usize::from(down)) } else { format!("\x1b[{down}B") };
        let mut best = absolute;
        let mut consider = |candidate: String| {
            if candidate.len() < best.len() {
                best = candidate;
            }
        };
        consider(format!("\r{vertical}{}", forward(column)));
        if let Some(from) = self.at.column {
            consider(format!("{vertical}{}", sideways(from, column)));
        }
        consider(format!("{vertical}\x1b[{}G", column + 1));
        best
    }
}

fn forward(by: u16) -> String {
    match by {
        0 => String::new(),
        1 => "\x1b[C".to_owned(),
        _ => format!("\x1b[{by}C"),
    }
}

fn sideways(from: u16, to: u16) -> String {
    if to >= from {
        return forward(to - from);
    }
    match from - to {
        by @ 1..=4 => "\x08".repeat(usize::from(by)),
        by => format!("\x1b[{by}D"),
    }
}
