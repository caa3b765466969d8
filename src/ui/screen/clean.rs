//! The last filter before the terminal, and one way to write each thing that looks the same: so that equal
//! cells compare equal, and no cell holds a control character, whoever put it there.

use ratatui::buffer::{Buffer, Cell, CellWidth};
use ratatui::style::{Color, Modifier};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Symbol of a cell that the wide one before it covers.
pub(super) const COVERED: &str = "";
/// A cell never sends more than this.
const MAX_SYMBOL: usize = 64;
/// Attributes that show on a blank.
pub(super) const ON_BLANKS: Modifier = Modifier::UNDERLINED.union(Modifier::REVERSED).union(Modifier::CROSSED_OUT);
const SUPPORTED: Modifier = ON_BLANKS.union(Modifier::BOLD).union(Modifier::DIM).union(Modifier::ITALIC);

/// Makes every cell printable and canonical.
pub(super) fn normalise(buffer: &mut Buffer) {
    let columns = usize::from(buffer.area.width).max(1);
    for row in buffer.content.chunks_mut(columns) {
        let mut at = 0;
        while let Some((cell, after)) = row.get_mut(at..).and_then(<[Cell]>::split_first_mut) {
            at += 1 + normalise_cell(cell, after);
        }
    }
}

/// One cell and those it covers; returns how many it covers.
fn normalise_cell(cell: &mut Cell, after: &mut [Cell]) -> usize {
    cell.modifier &= SUPPORTED;
    cell.underline_color = Color::Reset;
    cell.diff_option = ratatui::buffer::CellDiffOption::None;
    if let [byte] = cell.symbol().as_bytes() {
        match byte {
            b' ' => strip_blank(cell),
            0x21..0x7f => {}
            _ => {
                cell.set_symbol("\u{fffd}");
            }
        }
        return 0;
    }
    if !is_printable(cell.symbol()) {
        cell.set_symbol("\u{fffd}");
    }
    let width = usize::from(cell.symbol().cell_width());
    if width == 0 || width > after.len() + 1 {
        cell.set_symbol(" ");
        strip_blank(cell);
        return 0;
    }
    let (fg, bg, modifier) = (cell.fg, cell.bg, cell.modifier);
    for covered in after.iter_mut().take(width - 1) {
        covered.reset();
        covered.set_symbol(COVERED);
        (covered.fg, covered.bg, covered.modifier) = (fg, bg, modifier);
    }
    width - 1
}

/// A blank looks the same in every text colour and weight.
fn strip_blank(cell: &mut Cell) {
    cell.modifier &= ON_BLANKS;
    if cell.modifier.is_empty() {
        cell.fg = Color::Reset;
    }
}

fn is_printable(symbol: &str) -> bool {
    symbol.len() <= MAX_SYMBOL
        && !symbol.chars().any(|c| {
            c.is_control()
                || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        })
}

/// How many cells terminals might take for a symbol: (ours, the most). They differ for joined emoji,
/// variation selectors and, where the user says so, characters of ambiguous width.
pub(super) fn widths(symbol: &str, ambiguous_wide: bool) -> (u16, u16) {
    let ours = symbol.cell_width();
    if symbol.is_ascii() {
        return (ours, ours);
    }
    let apart: usize = symbol.chars().map(|c| c.width().unwrap_or(0)).sum();
    let ambiguous = if ambiguous_wide { symbol.width_cjk() } else { 0 };
    let most = u16::try_from(apart.max(ambiguous)).unwrap_or(u16::MAX);
    // A selector may also make it narrower than we count.
    let unsure = most != ours || symbol.chars().any(|c| matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{200d}'));
    (ours, if unsure { most.max(ours).saturating_add(1) } else { ours })
}
