//! A composer into a buffer: the header, the line below it, the rows of the text that are in view, the
//! proposals for an address. Foreign text passes `DisplayText`; the terminal's cursor stands where letters go.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::addresses::{Popup, SHOWN};
use super::places::{HeaderRow, LABEL, Places, places};
use super::text::{Place, matches_in};
use super::wrap::{Segment, cell_at, quote_signs, segment_of, shown as grapheme_shown};
use super::{Composer, send};
use crate::config::Icons;
use crate::mail::draft::Field;
use crate::mail::{Attachment, DisplayText};
use crate::ui::folders::cursor_bar;
use crate::ui::format::{size, width};
use crate::ui::model::Model;
use crate::ui::overlay::{frame, put};
use crate::ui::theme::{Theme, Token};
use unicode_segmentation::UnicodeSegmentation;

/// Cells of the proposals' box.
const POPUP: u16 = 64;

/// The names of fields, long and short.
const LABELS: &[(Field, &str, &str)] = &[
    (Field::To, "To", "To"),
    (Field::Cc, "Cc", "Cc"),
    (Field::Bcc, "Bcc", "Bcc"),
    (Field::ReplyTo, "Reply-To", "Re-To"),
    (Field::Subject, "Subject", "Subj"),
];

/// Draws the composer that has the focus; gives the cursor's place.
pub fn draw(model: &Model, theme: &Theme, place: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
    let composer = model.composers.current()?;
    let places = places(composer, model.composers.identities.first(), place);
    let pen = Pen { model, composer, theme, places: &places };
    let mut cursor = None;
    for (y, row) in (place.y..place.bottom()).zip(&places.rows) {
        let at = pen.header(*row, y, buf);
        cursor = cursor.or(at);
    }
    if let Some(y) = places.rule {
        pen.rule(y, place, buf);
    }
    let at = pen.text(buf);
    cursor = cursor.or(at);
    if let Some(popup) = composer.popup.as_ref().filter(|popup| popup.is_shown()) {
        pen.popup(popup, place, buf);
    }
    cursor
}

/// "Reply", which of several, and whether it is saved.
pub fn top(model: &Model, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let Some(composer) = model.composers.current() else { return };
    let room = usize::from(place.width);
    let used = put(buf, place.x, place.y, composer.kind(), room, theme.style(Token::Heading));
    let count = model.composers.open.len();
    if count > 1 {
        let text = format!("   {} of {count}", model.composers.at + 1);
        put(buf, place.x + used, place.y, &text, room.saturating_sub(usize::from(used)), theme.style(Token::Dim));
    }
    let state = if composer.sending {
        "sending"
    } else if composer.untouched {
        ""
    } else if composer.is_saved() {
        "saved"
    } else {
        ""
    };
    let at = place.right().saturating_sub(width(state) as u16);
    put(buf, at, place.y, state, width(state), theme.style(Token::Dim));
}

struct Pen<'a> {
    model: &'a Model,
    composer: &'a Composer,
    theme: &'a Theme,
    places: &'a Places,
}

impl Pen<'_> {
    fn is_ascii(&self) -> bool {
        self.model.settings.icons == Icons::Ascii
    }

    /// One row of the header; the cursor where the field is being edited.
    fn header(&self, row: HeaderRow, y: u16, buf: &mut Buffer) -> Option<(u16, u16)> {
        match row {
            HeaderRow::Entry(field) => {
                let (_, long, short) = LABELS.iter().find(|(known, ..)| *known == field)?;
                let (x, room) = self.label(if self.places.folded { short } else { long }, y, field == self.composer.at, buf);
                let at = self.composer.entry(field)?.line.draw(buf, x, y, room, self.theme);
                (field == self.composer.at).then_some(at)
            }
            HeaderRow::From => {
                let (x, room) = self.label("From", y, false, buf);
                let from = DisplayText::new(&self.composer.base.from.typed());
                put(buf, x, y, from.as_str(), room, self.theme.style(Token::Text));
                None
            }
            HeaderRow::Files => {
                let (x, room) = self.label("Files", y, false, buf);
                put(buf, x, y, &self.files(), room, self.theme.style(Token::Text));
                None
            }
            HeaderRow::Rest => {
                let (x, room) = self.label("", y, false, buf);
                put(buf, x, y, &self.rest(), room, self.theme.style(Token::Dim));
                None
            }
            HeaderRow::Folded => {
                let subject = DisplayText::new(self.composer.subject());
                let subject = if subject.as_str().trim().is_empty() { "no subject" } else { subject.as_str() };
                let to = send::recipients(self.composer);
                let room = usize::from(self.places.width);
                let used = put(buf, self.places.left, y, &to, room / 2, self.theme.style(Token::Dim)) + 1;
                let left = room.saturating_sub(usize::from(used));
                let files = match self.composer.base.attachments.len() {
                    0 => String::new(),
                    count if width(subject) + 1 + width(&self.files()) > left => format!(" @ {count}"),
                    _ => format!(" {}", self.files()),
                };
                let more =
                    put(buf, self.places.left + used, y, subject, left.saturating_sub(width(&files)), self.theme.style(Token::Heading));
                put(buf, self.places.left + used + more, y, &files, width(&files), self.theme.style(Token::Dim));
                None
            }
        }
    }

    /// The name of a field; gives where its text starts and the room for it.
    fn label(&self, name: &str, y: u16, edited: bool, buf: &mut Buffer) -> (u16, usize) {
        let cells = if self.places.folded { width(name) as u16 + 1 } else { LABEL };
        let token = if edited { Token::Accent } else { Token::Dim };
        put(buf, self.places.left, y, name, usize::from(cells), self.theme.style(token));
        (self.places.left + cells, usize::from(self.places.width.saturating_sub(cells)))
    }

    /// "@ plan.pdf 1.2 MB  @ graph.png 48 kB".
    fn files(&self) -> String {
        let file = |file: &Attachment| format!("@ {} {}", DisplayText::new(&file.name), size(file.size));
        let mut files: Vec<String> = self.composer.base.attachments.iter().map(file).collect();
        if self.composer.attaching > 0 {
            files.push("attaching…".to_owned());
        }
        files.join("  ")
    }

    /// Everything beside To and Subject in one row.
    fn rest(&self) -> String {
        let mut parts = Vec::new();
        for (field, name, _) in LABELS.iter().filter(|(field, ..)| matches!(field, Field::Cc | Field::Bcc | Field::ReplyTo)) {
            let text = self.composer.field_text(*field);
            if !text.is_empty() {
                parts.push(format!("{name} {}", DisplayText::new(text)));
            }
        }
        let usual = self.model.composers.identities.first();
        if usual.is_some_and(|usual| usual.from != self.composer.base.from) {
            parts.push(format!("From {}", DisplayText::new(&self.composer.base.from.address)));
        }
        let files = self.files();
        parts.extend((!files.is_empty()).then_some(files));
        parts.join("   ")
    }

    /// The line below the header, with what is wrong.
    fn rule(&self, y: u16, place: Rect, buf: &mut Buffer) {
        let line = if self.is_ascii() { "-" } else { "─" }.repeat(usize::from(place.width));
        put(buf, place.x, y, &line, usize::from(place.width), self.theme.style(Token::Border));
        if let Some(warning) = &self.composer.warning {
            let sign = if self.is_ascii() { "!" } else { "⚠" };
            let text = format!("{sign} {warning} ");
            let room = usize::from(place.right().saturating_sub(self.places.left));
            put(buf, self.places.left, y, &text, room, self.theme.style(Token::Warning));
        }
    }

    fn text(&self, buf: &mut Buffer) -> Option<(u16, u16)> {
        let area = self.places.text;
        let text = &self.composer.text;
        let window = text.window(self.places.room, usize::from(area.height));
        let signature = text.lines().iter().rposition(|line| line == "-- ").unwrap_or(usize::MAX);
        let selection = text.selection();
        for (y, (row, segment)) in (area.y..area.bottom()).zip(&window) {
            let line = text.line(*row);
            let token = match quote_level(line) {
                0 if *row >= signature => Token::Dim,
                0 => Token::Text,
                level => Token::Quote(level - 1),
            };
            self.row(line, *row, segment, token, selection, y, buf);
        }
        (self.composer.at == Field::Text).then(|| self.text_cursor(&window)).flatten()
    }

    /// One row of the text.
    #[expect(clippy::too_many_arguments, reason = "one row, its place and its looks")]
    fn row(&self, line: &str, row: usize, segment: &Segment, token: Token, selection: Option<(Place, Place)>, y: u16, buf: &mut Buffer) {
        let area = self.places.text;
        let style = self.theme.style(token);
        let found = self.composer.text.find.as_deref().map_or_else(Vec::new, |wanted| matches_in(line, wanted));
        let stretch = line.get(segment.start..segment.end).unwrap_or_default();
        let (mut cell, mut column) = (segment.hang, segment.first);
        put(buf, area.x, y, quote_signs(line), segment.hang, self.theme.style(Token::Dim));
        for grapheme in stretch.graphemes(true) {
            let (shown, cells) = grapheme_shown(grapheme, cell);
            let room = usize::from(area.width).saturating_sub(cell);
            if room == 0 {
                break;
            }
            let here = (row, column);
            let mut look: Style = style;
            if found.iter().any(|(start, end)| (*start..*end).contains(&column)) {
                look = look.patch(self.theme.style(Token::Match));
            }
            if selection.is_some_and(|(start, end)| start <= here && here < end) {
                look = look.patch(self.theme.style(Token::Selected));
            }
            if shown.as_ref() != " " || look != style {
                put(buf, area.x + cell as u16, y, &shown, room.min(cells), look);
            }
            cell += cells;
            column += grapheme.chars().count();
        }
    }

    fn text_cursor(&self, window: &[(usize, Segment)]) -> Option<(u16, u16)> {
        let area = self.places.text;
        let (row, column) = self.composer.text.cursor();
        let line = self.composer.text.line(row);
        let (_, segment) = segment_of(&self.places.room.segments(line), column);
        let y = window.iter().position(|(of, it)| (*of, it.start) == (row, segment.start))?;
        let stretch = line.get(segment.start..segment.end).unwrap_or_default();
        // Blanks at the end of a row can stand out of it; the cursor does not.
        let x = (segment.hang + cell_at(stretch, column.saturating_sub(segment.first))).min(usize::from(area.width.saturating_sub(1)));
        Some((area.x + u16::try_from(x).ok()?, area.y + u16::try_from(y).ok()?))
    }

    /// The proposals, below the field.
    fn popup(&self, popup: &Popup, place: Rect, buf: &mut Buffer) {
        let at = self.places.rows.iter().position(|row| *row == HeaderRow::Entry(self.composer.at)).unwrap_or(0);
        let top = self.places.top + u16::try_from(at).unwrap_or(0) + 1;
        let count = popup.found.len().min(SHOWN);
        let height = u16::try_from(count + 2).unwrap_or(u16::MAX).min(place.bottom().saturating_sub(top));
        let left = if self.places.folded { place.x } else { self.places.left + LABEL - 2 };
        let wide = POPUP.min(place.right().saturating_sub(left));
        let around = Rect { x: left, y: top, width: wide, height };
        let keys = match (wide < POPUP, self.is_ascii()) {
            (true, _) => "Tab take · Esc keep text",
            (false, true) => "Up Down choose · Tab take · Esc keep text",
            (false, false) => "↑↓ choose · Tab take · Esc keep text",
        };
        let inside = frame(buf, around, "", keys, self.theme, self.model.settings.icons);
        let room = usize::from(inside.width);
        let names = popup.found.iter().take(SHOWN).map(|contact| width(&clean(&contact.address.name))).max().unwrap_or(0);
        let names = names.clamp(0, room / 2);
        for (y, (n, contact)) in (inside.y..inside.bottom()).zip(popup.found.iter().take(SHOWN).enumerate()) {
            let is_chosen = popup.at == Some(n);
            if is_chosen {
                put(buf, inside.x - 1, y, cursor_bar(self.model.settings.icons), 1, self.theme.style(Token::Accent));
            }
            let note = match (contact.sent, contact.seen) {
                (0, seen) => format!("{seen} from them"),
                (sent, _) => format!("{sent} to them"),
            };
            let note = if room < 40 { String::new() } else { note };
            let gap = if names > 0 { 2 } else { 0 };
            put(buf, inside.x, y, &clean(&contact.address.name), names, self.theme.style(Token::Text));
            let rest = room.saturating_sub(names + gap);
            let for_note = (width(&note) + 1).min(rest);
            put(
                buf,
                inside.x + (names + gap) as u16,
                y,
                &clean(&contact.address.address),
                rest.saturating_sub(for_note),
                self.theme.style(Token::Dim),
            );
            put(buf, inside.right().saturating_sub(width(&note) as u16), y, &note, width(&note), self.theme.style(Token::Dim));
            if is_chosen {
                buf.set_style(Rect { y, height: 1, ..inside }.intersection(buf.area), self.theme.style(Token::Selected));
            }
        }
    }
}

fn clean(text: &str) -> String {
    DisplayText::new(text).into_string()
}

/// How many ">" a line starts with.
fn quote_level(line: &str) -> u8 {
    let level = line.chars().take_while(|c| matches!(c, '>' | ' ')).filter(|c| *c == '>').count();
    if line.starts_with('>') { u8::try_from(level).unwrap_or(u8::MAX) } else { 0 }
}

/// The message as it will be read: header fields, then the text.
pub fn preview_lines(composer: &Composer) -> Vec<(String, Token)> {
    let draft = composer.draft();
    let mut lines = Vec::new();
    let from = draft.from.typed();
    for (name, value) in [
        ("From", &from),
        ("To", &draft.to),
        ("Cc", &draft.cc),
        ("Bcc", &draft.bcc),
        ("Reply-To", &draft.reply_to),
        ("Subject", &draft.subject),
    ] {
        if !value.trim().is_empty() {
            lines.push((format!("{name}: {}", clean(value)), Token::Dim));
        }
    }
    for file in &draft.attachments {
        lines.push((format!("File: {} ({}, {})", clean(&file.name), clean(&file.content_type), size(file.size)), Token::Dim));
    }
    lines.push((String::new(), Token::Text));
    for line in composer.text.lines() {
        let token = match quote_level(line) {
            0 => Token::Text,
            level => Token::Quote(level - 1),
        };
        lines.push((line.clone(), token));
    }
    lines
}
