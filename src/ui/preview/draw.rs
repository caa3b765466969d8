//! How a page is drawn: the header summary, the text with its quotes, the files, and what could not be shown.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Preview;
use crate::config::Icons;
use crate::mail::glimpse::quoted_edges;
use crate::mail::page::{Halves, Line, Meaning, Page, Verdict};
use crate::mail::seal::Standing;
use crate::mail::thread::bare_subject;
use crate::mail::{Address, DisplayText};
use crate::ui::event::Now;
use crate::ui::format::{date_full, size, width};
use crate::ui::found::{self, Part};
use crate::ui::model::{Focus, Model};
use crate::ui::overlay::{links::letters, messages::wrap, put};
use crate::ui::theme::{Theme, Token};

/// One row of the text as laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// The head of a message of a conversation, folded or open.
    Head,
    Subject,
    /// From, to and date; without From where it stands above.
    People {
        with_sender: bool,
    },
    /// From, where it needs rows of its own.
    Sender(String),
    /// What is known of a signature, with its mark before the first row: in a column that no text of a message is ever drawn in.
    Seal(String, Standing, bool),
    /// Warnings have rows of their own.
    Facts(String, Token),
    Blank,
    /// A line of the page, by its place.
    Text(usize),
    /// So many quoted lines that are not shown.
    Quoted(usize),
    Files(String),
    Note(String),
}

/// Cells beside a sender in the head of a message: marks, the name of a mailbox, a date.
const BESIDE_HEAD: usize = 24;
/// Cells for the recipients and a short date beside the sender; where they are not there, the sender has a row to itself.
const BESIDE_SENDER: usize = 34;

/// What a page need not say, because it stands below its head in a conversation.
#[derive(Clone, Copy, Debug)]
pub struct Within<'a> {
    /// What the thread is about, without the marks of replies.
    pub subject: &'a str,
    /// What it quotes at its edges stands above.
    pub repeats: bool,
}

/// The rows of a page, with quotes folded or not.
pub fn rows(page: &Page, preview: &Preview, within: Option<Within<'_>>) -> Vec<Row> {
    let mut rows = Vec::new();
    let room = usize::from(page.view.width);
    if within.is_none_or(|within| bare_subject(page.subject.as_str()) != within.subject) {
        rows.push(Row::Subject);
    }
    let is_above = within.is_some() && fits_head(page);
    if has_sender_row(page) && !is_above {
        rows.extend(wrap(&senders(page), room).into_iter().map(Row::Sender));
    }
    rows.push(Row::People { with_sender: !is_above && !has_sender_row(page) });
    // two words in a row of their own, which no fact that a message has a part in can be
    rows.extend(page.verdict.map(|verdict| Row::Facts(format!("sender {}", verdict.word()), token_of(verdict))));
    for seal in &page.seals {
        let lines = wrap(seal.words.as_str(), room.saturating_sub(1)).into_iter().enumerate();
        rows.extend(lines.map(|(n, line)| Row::Seal(line, seal.standing, n == 0)));
    }
    let warnings: Vec<String> = page.warnings.iter().map(|warning| format!("⚠ {warning}")).collect();
    let facts: Vec<String> = page.facts.iter().map(|fact| fact.as_str().to_owned()).collect();
    for (words, token) in [(warnings, Token::Warning), (facts, Token::Dim)] {
        rows.extend(lines_of(&words, " · ", room).into_iter().map(|line| Row::Facts(line, token)));
    }
    rows.push(Row::Blank);
    let is_folded = !preview.quotes_open && within.is_some_and(|within| within.repeats);
    let repeated = if is_folded { quoted_edges(&page.lines) } else { Vec::new() };
    for (n, line) in page.lines.iter().enumerate() {
        let hidden = if preview.quotes_open { line.fold.is_some() } else { line.folded };
        match repeated.iter().find(|range| range.contains(&n)) {
            Some(range) if range.start == n => {
                let quoted = page.lines.get(range.clone()).unwrap_or_default();
                rows.push(Row::Quoted(quoted.iter().filter(|line| line.fold.is_none()).count()));
            }
            Some(_) => {}
            None if hidden => {}
            None => rows.push(Row::Text(n)),
        }
    }
    let files: Vec<_> = page.parts.iter().filter(|part| part.is_attachment).collect();
    if !files.is_empty() {
        rows.push(Row::Blank);
        let mut names: Vec<String> = files
            .iter()
            .zip(letters())
            .map(|(part, letter)| {
                format!("{letter} {} {}", DisplayText::new(part.name.as_deref().unwrap_or(&part.content_type)), size(part.size))
            })
            .collect();
        if let Some(first) = names.first_mut() {
            first.insert_str(0, "Files  ");
        }
        rows.extend(lines_of(&names, "   ", room).into_iter().map(Row::Files));
    }
    let mut notes: Vec<String> = page.notes.iter().map(|note| note.as_str().to_owned()).collect();
    if !page.whole {
        notes.push("The rest of the message is not here yet.".to_owned());
    }
    for note in notes {
        rows.push(Row::Blank);
        rows.extend(wrap(&note, usize::from(page.view.width)).into_iter().map(Row::Note));
    }
    rows
}

const fn token_of(verdict: Verdict) -> Token {
    match verdict {
        Verdict::Verified => Token::Done,
        Verdict::Unproven => Token::Dim,
        Verdict::Suspect => Token::Warning,
    }
}

/// The mark and the look of a seal.
const fn look_of(standing: Standing, icons: Icons) -> (&'static str, Token) {
    match (standing, icons) {
        (Standing::Good, Icons::Ascii) => ("+", Token::Done),
        (Standing::Good, _) => ("✓", Token::Done),
        (Standing::Open, _) => ("?", Token::Dim),
        (Standing::Bad, Icons::Ascii) => ("!", Token::Failed),
        (Standing::Bad, _) => ("✗", Token::Failed),
    }
}

/// An address is never cut: what it belongs to could be in the rest.
fn has_sender_row(page: &Page) -> bool {
    width(&senders(page)) + BESIDE_SENDER > usize::from(page.view.width)
}

/// The head of a message in a conversation has room for the whole address, beside its marks and a date.
pub fn fits_head(page: &Page) -> bool {
    width(&senders(page)) + BESIDE_HEAD <= usize::from(page.view.width)
}

/// Items side by side, one broken only where a line is too short for it.
fn lines_of(items: &[String], between: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if width(line) + width(item) + width(between) <= room => {
                line.push_str(between);
                line.push_str(item);
            }
            _ => lines.extend(wrap(item, room)),
        }
    }
    lines
}

/// The words of a row, for finding.
pub fn row_text(page: &Page, row: &Row) -> String {
    match row {
        Row::Subject => page.subject.as_str().to_owned(),
        Row::Text(n) => page.lines.get(*n).map(Line::text).unwrap_or_default(),
        Row::Files(text) | Row::Note(text) => text.clone(),
        Row::Head | Row::Sender(_) | Row::People { .. } | Row::Seal(..) | Row::Facts(..) | Row::Quoted(_) | Row::Blank => String::new(),
    }
}

/// The whole readable text, for copying.
pub fn body_text(page: &Page) -> String {
    let lines: Vec<String> = page
        .lines
        .iter()
        .filter(|line| line.fold.is_none())
        .map(|line| format!("{}{}", "> ".repeat(usize::from(line.quote)), line.text()))
        .collect();
    lines.join("\n")
}

/// Draws the pane; gives the place of the terminal's cursor.
pub fn draw(model: &Model, theme: &Theme, now: &Now, place: Rect, buf: &mut Buffer) -> Option<(u16, u16)> {
    let preview = &model.preview;
    if let Some(conversation) = model.conversation() {
        return super::conversation::draw::draw(model, conversation, theme, now, place, buf);
    }
    let text = Rect { x: place.x + 1, width: place.width.saturating_sub(1), ..place };
    let focused = (model.reading || model.focus == Focus::Preview) && model.overlays.is_empty();
    if focused && !model.reading {
        put(buf, place.x, place.y, crate::ui::folders::cursor_bar(model.settings.icons), 1, theme.style(Token::Accent));
    }
    let other = preview.shown.map(|(id, _)| id) != model.list.cursor();
    match preview.page() {
        _ if other && (preview.blank || model.reading) => waiting(model, theme, text, buf),
        Some(Ok(page)) => draw_page(model, theme, now, page, text, buf),
        Some(Err(why)) => {
            waiting(model, theme, text, buf);
            let why = DisplayText::capped(why, 400);
            for (y, line) in (text.y + 2..text.bottom()).zip(wrap(why.as_str(), usize::from(text.width))) {
                put(buf, text.x, y, &line, usize::from(text.width), theme.style(Token::Warning));
            }
        }
        None => waiting(model, theme, text, buf),
    }
    focused.then_some((place.x, place.y))
}

/// The subject of a message whose text is not here yet.
fn waiting(model: &Model, theme: &Theme, place: Rect, buf: &mut Buffer) {
    let room = usize::from(place.width);
    let Some(summary) = model.list.summary() else { return };
    put(buf, place.x, place.y, DisplayText::new(&summary.subject).as_str(), room, theme.style(Token::Heading));
    let from = summary.from.first().map_or("", Address::short);
    put(buf, place.x, place.y + 1, DisplayText::new(from).as_str(), room, theme.style(Token::Dim));
    if place.height > 3 && model.preview.page().is_none_or(|page| page.is_ok()) && model.preview.blank {
        put(buf, place.x, place.y + 3, "Fetching…", room, theme.style(Token::Dim));
    }
}

fn draw_page(model: &Model, theme: &Theme, now: &Now, page: &Page, place: Rect, buf: &mut Buffer) {
    let rows = rows(page, &model.preview, None);
    let top = model.preview.scroll.min(rows.len().saturating_sub(1));
    let words = searched(model);
    for (y, row) in (place.y..place.bottom()).zip(rows.iter().skip(top)) {
        draw_found(model, theme, now, page, row, &words, Rect { y, height: 1, ..place }, buf);
    }
}

/// The words that are searched for in what is read.
pub fn searched(model: &Model) -> Vec<String> {
    model.preview.find.clone().map_or_else(|| found::words(model, Part::Text), |find| vec![find])
}

/// Draws a row, with these words marked in it.
#[expect(clippy::too_many_arguments, reason = "one row, its place and its looks")]
pub fn draw_found(model: &Model, theme: &Theme, now: &Now, page: &Page, row: &Row, words: &[String], line: Rect, buf: &mut Buffer) {
    draw_row(model, theme, now, page, row, line, buf);
    let text = Rect { x: line.x + offset(page, row).min(line.width), width: line.width - offset(page, row).min(line.width), ..line };
    for word in words {
        found::tint(theme, &row_text(page, row), word, text, buf);
    }
}

/// Cells before the text of a row.
fn offset(page: &Page, row: &Row) -> u16 {
    match row {
        Row::Text(n) => page.lines.get(*n).map_or(0, |line| u16::from(line.quote.min(9)) * 2),
        _ => 0,
    }
}

fn draw_row(model: &Model, theme: &Theme, now: &Now, page: &Page, row: &Row, line: Rect, buf: &mut Buffer) {
    let room = usize::from(line.width);
    match row {
        Row::Head | Row::Blank => {}
        Row::Subject => {
            let subject = if page.subject.is_empty() { "(no subject)" } else { page.subject.as_str() };
            put(buf, line.x, line.y, subject, room, theme.style(Token::Heading));
        }
        Row::Sender(text) => {
            put(buf, line.x, line.y, text, room, theme.style(Token::Text));
        }
        Row::People { with_sender } => people(model, theme, now, page, *with_sender, line, buf),
        Row::Seal(text, standing, is_first) => {
            let (mark, token) = look_of(*standing, model.settings.icons);
            if *is_first {
                put(buf, line.x.saturating_sub(1), line.y, mark, 1, theme.style(token));
            }
            put(buf, line.x + 1, line.y, text, room.saturating_sub(1), theme.style(token));
        }
        Row::Facts(text, token) => {
            put(buf, line.x, line.y, text, room, theme.style(*token));
        }
        Row::Text(n) => {
            if let Some(text) = page.lines.get(*n) {
                draw_line(model, theme, text, line, buf);
            }
        }
        Row::Quoted(hidden) => folded(model, theme, *hidden, line.x, line, buf),
        Row::Files(text) => {
            put(buf, line.x, line.y, text, room, theme.style(Token::Dim));
        }
        Row::Note(text) => {
            put(buf, line.x, line.y, text, room, theme.style(Token::Warning));
        }
    }
}

/// "Priya Raman <priya@…> → me, team@…" and the date at the right, as much of it as there is room for.
fn people(model: &Model, theme: &Theme, now: &Now, page: &Page, with_sender: bool, line: Rect, buf: &mut Buffer) {
    let room = usize::from(line.width);
    let arrow = if model.settings.icons == Icons::Ascii { "->" } else { "→" };
    let from = if with_sender { format!("{} ", senders(page)) } else { String::new() };
    let to: Vec<String> = page.to.iter().chain(&page.cc).map(|address| short(model, address)).collect();
    let text = format!("{from}{arrow} {}", to.join(", "));
    let date = page.date.map_or_else(|| "no date".to_owned(), |date| date_full(date, &now.wall, model.settings.dates));
    let date = shorter(&date, room.saturating_sub(width(&text) + 3).max(room / 2).min(room.saturating_sub(width(&from) + 8)));
    let date_room = width(date).min(room);
    put(buf, line.x, line.y, &text, room.saturating_sub(date_room + 2), theme.style(Token::Text));
    put(buf, line.right().saturating_sub(date_room as u16 + 1), line.y, date, date_room, theme.style(Token::Dim));
}

/// A date without the sender's clock, then without its age, where it is too long.
fn shorter(date: &str, room: usize) -> &str {
    let without = |mark: &str| date.find(mark).map_or(date, |at| date.get(..at).unwrap_or(date));
    [date, without(", "), without(" (")].into_iter().find(|text| width(text) <= room).unwrap_or_else(|| without(" ("))
}

pub fn senders(page: &Page) -> String {
    page.from.iter().map(full).collect::<Vec<_>>().join(", ")
}

fn full(address: &Address) -> String {
    match address.name.trim() {
        "" => DisplayText::new(&address.address).into_string(),
        name => format!("{} <{}>", DisplayText::new(name), DisplayText::new(&address.address)),
    }
}

pub fn short(model: &Model, address: &Address) -> String {
    let mine = model.accounts.iter().any(|account| !account.address.is_empty() && account.address.eq_ignore_ascii_case(&address.address));
    if mine { "me".to_owned() } else { DisplayText::new(address.short()).into_string() }
}

fn draw_line(model: &Model, theme: &Theme, line: &Line, place: Rect, buf: &mut Buffer) {
    let mut x = place.x;
    let bar = if model.settings.icons == Icons::Ascii { "> " } else { "┆ " };
    for level in 1..=line.quote.min(9) {
        x += put(buf, x, place.y, bar, usize::from(place.right().saturating_sub(x)), theme.style(Token::Quote(level)));
    }
    let base = if line.quote > 0 { theme.style(Token::Quote(line.quote)) } else { theme.style(Token::Text) };
    if !line.halves.is_empty() {
        return draw_halves(model, theme, &line.halves, Rect { x, width: place.right().saturating_sub(x), ..place }, buf);
    }
    if let Some(hidden) = line.fold {
        return folded(model, theme, hidden as usize, x, place, buf);
    }
    for span in &line.spans {
        let room = usize::from(place.right().saturating_sub(x));
        x += put(buf, x, place.y, span.text.as_str(), room, base.patch(meaning(theme, span.meaning)));
    }
}

/// A row of a picture.
pub fn draw_halves(model: &Model, theme: &Theme, halves: &[Halves], place: Rect, buf: &mut Buffer) {
    // a half block may be unknown there, or two cells wide
    let is_plain = model.settings.icons == Icons::Ascii || model.settings.ambiguous_width == 2;
    for (x, halves) in (place.x..place.right()).zip(halves) {
        let [upper, lower] = *halves;
        if let Some(cell) = buf.cell_mut((x, place.y)) {
            cell.set_symbol(if is_plain || upper == lower { " " } else { "▀" }).set_style(theme.halves(*halves));
        }
    }
}

/// That lines are left out, and the key that shows them.
fn folded(model: &Model, theme: &Theme, hidden: usize, x: u16, place: Rect, buf: &mut Buffer) {
    let key = model.keymap.shown(crate::ui::action::Context::Reader, crate::ui::action::Action::Quotes).unwrap_or_default();
    let text = format!("… {hidden} quoted lines ({key})");
    put(buf, x, place.y, &text, usize::from(place.right().saturating_sub(x)), theme.style(Token::Dim));
}

fn meaning(theme: &Theme, meaning: Meaning) -> Style {
    use ratatui::style::Modifier;
    let mut style = Style::new();
    for (on, token) in [
        (meaning.dim, Token::Dim),
        (meaning.code, Token::Code),
        (meaning.link, Token::Link),
        (meaning.heading, Token::Heading),
        (meaning.added, Token::Added),
        (meaning.removed, Token::Removed),
        (meaning.warning, Token::Warning),
    ] {
        if on {
            style = style.patch(theme.style(token));
        }
    }
    if meaning.strong {
        style = style.add_modifier(Modifier::BOLD);
    }
    if meaning.emphasis {
        style = style.add_modifier(Modifier::ITALIC);
    }
    if meaning.struck {
        style = style.add_modifier(Modifier::CROSSED_OUT);
    }
    style
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn struck_text_has_a_line_through_it_also_without_colours() {
        use crate::config::Colors;
        use crate::ui::theme::Mode;
        for colors in [Colors::TrueColor, Colors::None] {
            let style = meaning(&Theme::new(Mode::Dark, colors), Meaning { struck: true, dim: true, ..Meaning::default() });
            assert!(style.add_modifier.contains(ratatui::style::Modifier::CROSSED_OUT));
        }
    }

    #[test]
    fn a_date_gives_up_the_senders_clock_then_its_age() {
        let date = "Fri 20 Nov 20:15 (45 min ago), 11:15 for the sender";
        for (room, expect) in [(60, date), (40, "Fri 20 Nov 20:15 (45 min ago)"), (20, "Fri 20 Nov 20:15"), (3, "Fri 20 Nov 20:15")] {
            assert_eq!(shorter(date, room), expect, "{room}");
        }
        assert_eq!(shorter("no date", 20), "no date");
    }

    #[test]
    fn facts_stand_side_by_side_and_none_is_cut() {
        let facts = ["HTML", "1 remote image blocked", "the name says somebody@example.org"].map(str::to_owned);
        assert_eq!(lines_of(&facts, " · ", 80), ["HTML · 1 remote image blocked · the name says somebody@example.org"]);
        assert_eq!(lines_of(&facts, " · ", 30), ["HTML · 1 remote image blocked", "the name says", "somebody@example.org"]);
    }
}
