//! What stands between a key and the screen: decoding bytes, and turning two buffers into few bytes.

use std::time::Instant;

use divan::Bencher;
use postrider::config::{Colors, Config};
use postrider::mail::draft::{Cursor, Field};
use postrider::mail::{Draft, DraftId};
use postrider::ui::event::{Drawn, Event, Now, Scroll};
use postrider::ui::input::{Decoder, Input, Key};
use postrider::ui::model::{Model, Start};
use postrider::ui::screen::{Abilities, Screen};
use postrider::ui::theme::{Mode, Theme};
use postrider::ui::update::update;
use postrider::ui::view::view;
use postrider::worker::{Opening, WorkerEvent};
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Style};

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;

fn main() {
    divan::main();
}

/// A list of mails, one row under the cursor.
fn draw(buffer: &mut Buffer, first: u16, selected: u16) {
    for row in 0..ROWS {
        let style = if row == selected { Style::new().bg(Color::Indexed(237)) } else { Style::new() };
        buffer.set_style(ratatui::layout::Rect::new(22, row, COLUMNS - 22, 1), style);
        buffer.set_string(28, row, format!("Sender Number {}", (first + row) % 13), style);
        buffer.set_string(50, row, format!("A subject about 午餐计划 and number {}", first + row), style);
        buffer.set_string(113, row, "20:15", style.fg(Color::Indexed(246)));
    }
}

fn frames(bencher: Bencher<'_, '_>, step: u16, scroll: Option<Scroll>) {
    let mut screen = Screen::new(Abilities::of_term("xterm-256color"));
    let mut at = 0_u16;
    bencher.bench_local(|| {
        at = at.wrapping_add(1) % 1000;
        draw(screen.canvas(COLUMNS, ROWS), at * step, if step == 0 { at % ROWS } else { 7 });
        screen.frame(Drawn { cursor: Some((22, 7)), scroll })
    });
}

#[divan::bench]
fn cursor_moves(bencher: Bencher<'_, '_>) {
    frames(bencher, 0, None);
}

#[divan::bench]
fn page_turns(bencher: Bencher<'_, '_>) {
    frames(bencher, ROWS, None);
}

#[divan::bench]
fn list_scrolls(bencher: Bencher<'_, '_>) {
    frames(bencher, 1, Some(Scroll { top: 0, bottom: ROWS, by: 1 }));
}

#[divan::bench]
fn paste_of_a_megabyte(bencher: Bencher<'_, '_>) {
    let mut bytes = b"\x1b[200~".to_vec();
    bytes.resize(1 << 20, b'x');
    bytes.extend_from_slice(b"\x1b[201~");
    let now = Instant::now();
    bencher.bench_local(|| Decoder::default().feed(&bytes, now));
}

/// A letter typed into the middle of a long quoted text, up to the bytes of the frame.
#[divan::bench(args = [50, 5_000, 50_000])]
fn key_in_a_draft(bencher: Bencher<'_, '_>, lines: usize) {
    let now = Now { wall: jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC), mono: Instant::now() };
    let start = Start {
        config: Config::default(),
        config_path: "/config.toml".into(),
        home: "/home/ada".into(),
        columns: COLUMNS,
        rows: ROWS,
        started: now.mono,
    };
    let mut model = Model::new(start);
    model.overlays.clear();
    let text = (0..lines).map(|n| format!("> line {n} of a long message that somebody has quoted as a whole, as it is\n")).collect();
    let row = u32::try_from(lines / 2).unwrap_or_default();
    let draft = Draft { text, cursor: Cursor { field: Field::Text, row, column: 3 }, ..Draft::default() };
    let opened = WorkerEvent::DraftOpened { id: DraftId(1), draft: Box::new(draft), opening: Opening::Asked { note: None } };
    update(&mut model, Event::Worker(opened), &now);
    let mut screen = Screen::new(Abilities::of_term("xterm-256color"));
    let theme = Theme::new(Mode::Dark, Colors::Ansi256);
    let mut letters = "all that was said before ".chars().cycle();
    bencher.bench_local(|| {
        let key = Key::char(letters.next().unwrap_or('x'));
        let effects = update(&mut model, Event::Input(Input::Key(key)), &now);
        let drawn = view(&model, &theme, &now, screen.canvas(COLUMNS, ROWS));
        (effects.len(), screen.frame(drawn))
    });
}
