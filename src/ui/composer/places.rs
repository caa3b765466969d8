//! Where the parts of a composer are: a pure function of its place on the screen and of what its header has to
//! show. The text keeps at least 17 rows on a screen of 24, and all but one where the screen is narrow.

use ratatui::layout::Rect;

use super::Composer;
use super::text::Room;
use crate::mail::Identity;
use crate::mail::draft::Field;

/// Cells of a line of text.
pub const MEASURE: u16 = 72;
/// Cells of a quoted line, where there is room beside the measure: a line of 72 that was quoted stays one.
const QUOTED: u16 = 78;
/// Cells of the names of fields.
pub const LABEL: u16 = 9;
/// Rows that the text keeps where the screen has that many.
const TEXT_ROWS: u16 = 17;
/// Narrower or lower than this, the header is one row.
const FOLD_COLUMNS: u16 = 60;
const FOLD_ROWS: u16 = 12;

/// One row of the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRow {
    Entry(Field),
    From,
    Files,
    /// Everything that has no room of its own.
    Rest,
    /// Recipients and subject together.
    Folded,
}

/// The parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The header, from the top.
    pub rows: Vec<HeaderRow>,
    /// The measure's place: header and text stand in it.
    pub left: u16,
    pub width: u16,
    pub top: u16,
    /// The line below the header, or what is wrong.
    pub rule: Option<u16>,
    pub text: Rect,
    /// Cells of a row of text.
    pub room: Room,
    /// Names of fields are short.
    pub folded: bool,
}

/// The parts of a composer in `place`; `usual` is who one writes as where nothing was chosen.
pub fn places(composer: &Composer, usual: Option<&Identity>, place: Rect) -> Places {
    let folded = place.width < FOLD_COLUMNS || place.height < FOLD_ROWS;
    // The cursor can stand behind the last cell.
    let width = place.width.min(MEASURE + 1);
    let left = place.x + (place.width - width) / 2;
    let rows = if folded { vec![folded_row(composer)] } else { rows(composer, usual, place.height) };
    let header = u16::try_from(rows.len()).unwrap_or(u16::MAX).min(place.height.saturating_sub(1));
    let has_rule = !folded || composer.warning.is_some();
    let rule = (has_rule && header + 1 < place.height).then_some(place.y + header);
    let above = header + u16::from(rule.is_some());
    let wide = place.right().saturating_sub(left).min(QUOTED + 1);
    let text = Rect { x: left, y: place.y + above, width: wide, height: place.height.saturating_sub(above) };
    let cells = |width: u16| usize::from(width.saturating_sub(1)).max(1);
    Places { rows, left, width, top: place.y, rule, text, room: Room { own: cells(width), quoted: cells(wide) }, folded }
}

fn folded_row(composer: &Composer) -> HeaderRow {
    if composer.at == Field::Text { HeaderRow::Folded } else { HeaderRow::Entry(composer.at) }
}

fn rows(composer: &Composer, usual: Option<&Identity>, height: u16) -> Vec<HeaderRow> {
    let mut rows = vec![HeaderRow::Entry(Field::To)];
    let more = [Field::Cc, Field::Bcc, Field::ReplyTo].into_iter().filter(|field| composer.shows(*field));
    rows.extend(more.map(HeaderRow::Entry));
    if usual.is_some_and(|usual| usual.from != composer.base.from) {
        rows.push(HeaderRow::From);
    }
    rows.push(HeaderRow::Entry(Field::Subject));
    if !composer.base.attachments.is_empty() || composer.attaching > 0 {
        rows.push(HeaderRow::Files);
    }
    // One row is the line below the header.
    let most = usize::from(height.saturating_sub(TEXT_ROWS + 1)).max(3);
    if rows.len() <= most {
        return rows;
    }
    // The field being edited has its row; what else there is stands together in one.
    let third = match composer.at {
        Field::Cc | Field::Bcc | Field::ReplyTo => HeaderRow::Entry(composer.at),
        _ => HeaderRow::Rest,
    };
    vec![HeaderRow::Entry(Field::To), third, HeaderRow::Entry(Field::Subject)]
}
