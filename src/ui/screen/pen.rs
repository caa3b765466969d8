//! Styles as the terminal knows them, and the shortest sequence from one to another.

use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

use super::clean::ON_BLANKS;

/// Colours and attributes in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

/// On, off. Bold and dim share their "off".
const ATTRIBUTES: [(Modifier, &str, &str); 6] = [
    (Modifier::BOLD, "1", "22"),
    (Modifier::DIM, "2", "22"),
    (Modifier::ITALIC, "3", "23"),
    (Modifier::UNDERLINED, "4", "24"),
    (Modifier::REVERSED, "7", "27"),
    (Modifier::CROSSED_OUT, "9", "29"),
];
const INTENSITY: Modifier = Modifier::BOLD.union(Modifier::DIM);

impl Pen {
    pub(super) const PLAIN: Self = Self { fg: Color::Reset, bg: Color::Reset, modifier: Modifier::empty() };

    pub(super) fn of(cell: &Cell) -> Self {
        Self { fg: cell.fg, bg: cell.bg, modifier: cell.modifier }
    }

    /// Erasing with this pen leaves plain blanks of its background.
    pub(super) fn is_undecorated(self) -> bool {
        !self.modifier.intersects(ON_BLANKS)
    }

    pub(super) fn has_background(self) -> bool {
        self.bg != Color::Reset
    }

    /// This pen where it draws `cell` right, else the cell's; blanks don't care for colour and weight of text.
    pub(super) fn for_cell(self, cell: &Cell) -> Self {
        let wanted = Self::of(cell);
        if cell.symbol() == " " && wanted.is_undecorated() && self.is_undecorated() { Self { bg: wanted.bg, ..self } } else { wanted }
    }

    /// Writes the shortest change from this pen to `to`.
    pub(super) fn change_to(&mut self, to: Self, bytes: &mut Vec<u8>) {
        if *self == to {
            return;
        }
        let step = self.difference(to);
        let anew = Self::PLAIN.difference(to);
        let reset = match anew.as_str() {
            "" => String::new(),
            anew => format!(";{anew}"),
        };
        bytes.extend_from_slice(b"\x1b[");
        bytes.extend_from_slice(if reset.len() < step.len() { reset.as_bytes() } else { step.as_bytes() });
        bytes.push(b'm');
        *self = to;
    }

    /// Parameters, without an overall reset.
    fn difference(self, to: Self) -> String {
        let mut params = String::new();
        let mut add = |param: &str| {
            if !params.is_empty() {
                params.push(';');
            }
            params.push_str(param);
        };
        let mut have = self.modifier;
        let lost = have - to.modifier;
        if lost.intersects(INTENSITY) {
            add("22");
            have -= INTENSITY;
        }
        for (attribute, on, off) in ATTRIBUTES {
            if to.modifier.contains(attribute) && !have.contains(attribute) {
                add(on);
            } else if lost.contains(attribute) && !INTENSITY.contains(attribute) {
                add(off);
            }
        }
        if self.fg != to.fg {
            add(&color(to.fg, 30));
        }
        if self.bg != to.bg {
            add(&color(to.bg, 40));
        }
        params
    }
}

/// SGR parameters of a colour; `base` is 30 for text, 40 for background.
fn color(color: Color, base: u8) -> String {
    let index = match color {
        Color::Reset => return (base + 9).to_string(),
        Color::Rgb(r, g, b) => return format!("{};2;{r};{g};{b}", base + 8),
        Color::Indexed(index) => index,
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    match index {
        0..8 => (base + index).to_string(),
        8..16 => (base + 60 + index - 8).to_string(),
        _ => format!("{};5;{index}", base + 8),
    }
}
