//! Cells of data whose text stands at the right edge: where the sender says so, and where a column is of numbers. html2text sets all to the left,
//! so the words of such a cell carry a mark of no width, by which the blanks behind them go before them once the lines are laid out.

use super::Mark;
use super::tree::{Child, Element, Tree};
use html2text::render::{TaggedLine, TaggedLineElement};
use std::borrow::Cow;

/// Stands before each word of such a cell; foreign text loses it.
pub const RIGHT_MARK: char = '\u{e0001}';
/// Between the cells of a row.
const BORDER: char = '│';
/// Numbers that make a column one of numbers.
const LEAST_NUMBERS: usize = 2;

/// Whether the sender wants a cell's text at the right; None where nothing is said.
pub fn wanted(tree: &Tree, row: usize, cell: usize) -> Option<bool> {
    let of = |index: usize| tree.elements.get(index).and_then(own);
    let inner =
        tree.elements.get(cell)?.children.iter().find_map(|child| if let Child::Element(index) = child { Some(*index) } else { None });
    let inner = inner.filter(|index| tree.elements.get(*index).is_some_and(|element| matches!(element.tag.as_str(), "p" | "div")));
    inner.and_then(of).or_else(|| of(cell)).or_else(|| of(row))
}

fn own(element: &Element) -> Option<bool> {
    let style: String = element.attribute("style").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    let style = style.to_ascii_lowercase();
    let by_style = style.split(';').filter_map(|declaration| declaration.strip_prefix("text-align:")).next_back();
    let value = by_style.or_else(|| element.attribute("align"))?.trim().trim_end_matches("!important");
    Some(["right", "end"].iter().any(|right| value.eq_ignore_ascii_case(right)))
}

/// A column of these texts, top first, is one of numbers below its head.
pub fn is_of_numbers<'t>(texts: impl Iterator<Item = &'t str>) -> bool {
    let mut numbers = 0;
    for (at, text) in texts.enumerate() {
        let is_blank = text.chars().all(|c| c.is_whitespace() || "-–—".contains(c));
        if is_number(text) {
            numbers += 1;
        } else if at > 0 && !is_blank {
            return false;
        }
    }
    numbers >= LEAST_NUMBERS
}

/// "12", "-3.5 %", "€ 1.234,50", "1 000 EUR"; no date, no telephone number.
fn is_number(text: &str) -> bool {
    let text = text.trim();
    let text = text.trim_start_matches(|c: char| c.is_ascii_uppercase()).trim_end_matches(|c: char| c.is_ascii_uppercase());
    let core = text.trim_matches(|c: char| c.is_whitespace() || "+-−–()%‰€$£¥₹".contains(c));
    let groups: Vec<&str> = core.split(|c: char| c.is_whitespace() || ".,'’".contains(c)).collect();
    let is_digits = |group: &&str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    let ends_in_group = core.rfind(char::is_whitespace).is_none_or(|_| groups.last().is_some_and(|last| last.len() == 3));
    let inner = groups.get(1..groups.len().saturating_sub(1)).unwrap_or_default();
    groups.iter().all(is_digits) && inner.iter().all(|group| group.len() == 3) && ends_in_group
}

/// The pieces of a laid-out line, marked cells at their right edge.
pub fn pieces(line: &TaggedLine<Vec<Mark>>) -> Vec<(Cow<'_, str>, &[Mark])> {
    let strings = line.iter().filter_map(|element| if let TaggedLineElement::Str(piece) = element { Some(piece) } else { None });
    let pieces: Vec<(Cow<'_, str>, &[Mark])> = strings.map(|piece| (piece.s.as_str().into(), piece.tag.as_slice())).collect();
    if !pieces.iter().any(|(text, _)| text.contains(RIGHT_MARK)) {
        return pieces;
    }
    let chars: Vec<(char, usize)> = pieces.iter().enumerate().flat_map(|(at, (text, _))| text.chars().map(move |c| (c, at))).collect();
    let has_cells = chars.iter().any(|(c, _)| *c == BORDER);
    let mut moved: Vec<(char, usize)> = Vec::with_capacity(chars.len());
    for cell in chars.split_inclusive(|(c, _)| *c == BORDER) {
        let (cell, border) = cell.split_at(cell.len() - usize::from(cell.last().is_some_and(|(c, _)| *c == BORDER)));
        let place = cell.iter().position(|(c, _)| *c == RIGHT_MARK).filter(|_| has_cells);
        let blanks = cell.iter().rev().take_while(|(c, _)| *c == ' ').count();
        match place.and_then(|place| cell.split_at_checked(place)).zip(cell.split_at_checked(cell.len() - blanks)) {
            Some(((before, rest), (_, blanks))) => {
                moved.extend(before);
                moved.extend(blanks);
                moved.extend(rest.iter().take(rest.len() - blanks.len()));
            }
            None => moved.extend(cell),
        }
        moved.extend(border);
    }
    moved.retain(|(c, _)| *c != RIGHT_MARK);
    let runs = moved.chunk_by(|(_, one), (_, other)| one == other);
    let piece = |run: &[(char, usize)]| {
        let (_, marks) = run.first().and_then(|(_, at)| pieces.get(*at))?;
        Some((run.iter().map(|(c, _)| *c).collect::<String>().into(), *marks))
    };
    runs.filter_map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_number() {
        for number in ["1", "-12", "3.50", "€12", "€ 1.234,50", "1 000 EUR", "12 %", "(3)", "1'000", "12,345,678.90", "CHF 5"] {
            assert!(is_number(number), "{number}");
        }
        for other in ["", "a", "x1", "12 kg", "20.11.2026", "2026-11-20", "12:30", "030 1234567", "10.0.0.1", "1..2", "-", "3 of 4"] {
            assert!(!is_number(other), "{other}");
        }
    }

    #[test]
    fn a_column_of_numbers_may_have_a_head_and_gaps() {
        for (column, expect) in [
            (vec!["Price", "1", "2"], true),
            (vec!["1", "2"], true),
            (vec!["Price", "1", "", "–", "2"], true),
            (vec!["Price", "1"], false),
            (vec!["Price", "1", "two", "3"], false),
            (vec!["a", "b"], false),
        ] {
            assert_eq!(is_of_numbers(column.iter().copied()), expect, "{column:?}");
        }
    }
}
