//! The picture in the README: the demo's first screen as the program draws it, so that it can't go stale.
//! `POSTRIDER_PICTURES=1` writes it anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::support::mail::NOON_TEXT;
use crate::support::terminal::{Home, Terminal};

const CELL: (f32, f32) = (8.4, 18.0);
const INK: &str = "#d8d8d8";
const PAPER: &str = "#16181d";

#[test]
fn the_readmes_picture_is_what_the_demo_shows() {
    let home = Home::new();
    let root = demo(&home);
    // the first run reads all mail in, so that the second has nothing on its way
    assert_eq!(open(&home, &root).quit(), 0);
    let mut terminal = open(&home, &root);
    terminal.press("ggjj");
    terminal.wait("the third message", |screen| screen.contains("Minutes from Monday") && screen.contains("the key to the boathouse"));
    let picture = svg(&terminal.screen());
    assert_eq!(terminal.quit(), 0);
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screen.svg");
    if std::env::var_os("POSTRIDER_PICTURES").is_some() {
        std::fs::write(&file, &picture).expect("writes the picture");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == picture, "docs/screen.svg is not what the program shows; run this test with POSTRIDER_PICTURES=1 and look at it");
}

/// A demo kept in a folder, in which nothing is read by resting: that would depend on the machine's speed.
fn demo(home: &Home) -> PathBuf {
    let root = home.path().join("demo");
    let noon = NOON_TEXT.parse::<jiff::Timestamp>().expect("a time").to_zoned(jiff::tz::TimeZone::UTC);
    let built = postrider::demo::build(&root, &noon, None, 7).expect("the demo");
    std::fs::write(root.join("config.toml"), format!("{}\n[ui]\nmark_read = \"never\"\n", built.config_toml)).expect("its configuration");
    root
}

/// The reader on that demo, with both accounts up to date.
fn open(home: &Home, root: &Path) -> Terminal {
    let environment = [("POSTRIDER_NOW", NOON_TEXT), ("POSTRIDER_SEED", "7"), ("COLORTERM", "truecolor")];
    let mut terminal = Terminal::start_with(home, &["demo", "--keep", root.to_str().expect("UTF-8")], 120, 34, &environment);
    for _ in 0..2 {
        terminal.wait_event("link", |event| event["state"] == "online");
    }
    terminal.settle();
    terminal
}

/// A terminal's cells as an SVG.
fn svg(screen: &vt100::Screen) -> String {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let (width, height) = (f32::from(columns) * CELL.0 + 16.0, f32::from(rows) * CELL.1 + 16.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, Menlo, 'DejaVu Sans Mono', monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{PAPER}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let (style, text, cells) = run(screen, row, column, columns);
            let (x, y) = (8.0 + f32::from(column) * CELL.0, 8.0 + f32::from(row) * CELL.1);
            if style.background != PAPER {
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                    f32::from(cells) * CELL.0,
                    CELL.1,
                    style.background
                );
            }
            if !text.trim().is_empty() {
                let weight = if style.bold { " font-weight=\"bold\"" } else { "" };
                let _ = writeln!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{:.1}\" xml:space=\"preserve\" fill=\"{}\"{weight}>{}</text>",
                    y + 13.5,
                    f32::from(cells) * CELL.0,
                    style.ink,
                    escape(&text)
                );
            }
            column += cells;
        }
    }
    out.push_str("</svg>\n");
    out
}

#[derive(PartialEq)]
struct Style {
    ink: String,
    background: String,
    bold: bool,
}

fn style(cell: &vt100::Cell) -> Style {
    let mut ink = color(cell.fgcolor(), INK);
    let mut background = color(cell.bgcolor(), PAPER);
    if cell.inverse() {
        std::mem::swap(&mut ink, &mut background);
    }
    if cell.dim() {
        ink = "#8a8f98".to_owned();
    }
    // how a blank was written depends on the frame before; it looks the same
    if is_blank(cell) {
        return Style { ink: INK.to_owned(), background, bold: false };
    }
    Style { ink, background, bold: cell.bold() }
}

fn is_blank(cell: &vt100::Cell) -> bool {
    cell.contents().trim().is_empty()
}

/// The longest stretch of one style from `column` on: its style, text and width in cells.
fn run(screen: &vt100::Screen, row: u16, column: u16, columns: u16) -> (Style, String, u16) {
    let cell = screen.cell(row, column).expect("a cell on the screen");
    let style_here = style(cell);
    let (mut text, mut at) = (String::new(), column);
    while at < columns {
        let cell = screen.cell(row, at).expect("a cell on the screen");
        let wide = cell.is_wide();
        // wide characters stand alone, so that the columns after them stay straight
        let style = style(cell);
        let fits = style == style_here || is_blank(cell) && style.background == style_here.background;
        if at > column && (!fits || wide) {
            break;
        }
        text.push_str(if cell.has_contents() { cell.contents() } else { " " });
        at += if wide { 2 } else { 1 };
        if wide {
            break;
        }
    }
    (style_here, text, at - column)
}

fn color(color: vt100::Color, default: &str) -> String {
    const ANSI: [&str; 16] = [
        "#16181d", "#d9737b", "#8fbf7f", "#d9b05f", "#6fa8dc", "#b48ead", "#6fb7b7", "#d8d8d8", "#6b7078", "#e88990", "#a6d396", "#ecc678",
        "#8bbcec", "#c9a3c2", "#8acccc", "#ffffff",
    ];
    match color {
        vt100::Color::Default => default.to_owned(),
        vt100::Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        vt100::Color::Idx(index @ 0..=15) => ANSI[usize::from(index)].to_owned(),
        vt100::Color::Idx(index @ 16..=231) => {
            let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * u32::from(n) };
            let index = index - 16;
            format!("#{:02x}{:02x}{:02x}", level(index / 36), level(index / 6 % 6), level(index % 6))
        }
        vt100::Color::Idx(index) => {
            let level = 8 + 10 * u32::from(index - 232);
            format!("#{level:02x}{level:02x}{level:02x}")
        }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
