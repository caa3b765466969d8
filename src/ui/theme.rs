//! What a meaning looks like: one table from [`Token`] to a style, for dark and light, 24-bit to none.
//!
//! Colours are of the 256-colour palette wherever it has a fitting one, because an index is half the bytes
//! of a 24-bit value on the line; only the tints that the palette lacks are 24-bit. With 16 colours the
//! user's own are used, and the terminal's default text and background everywhere.

use ratatui::style::{Color, Modifier, Style};

use crate::config::{Colors, ThemeChoice};
use crate::mail::page::{Halves, Rgb};

/// Everything that is styled, by meaning. Colour is never alone: each has a glyph, word or attribute too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    Text,
    /// Secondary: dates, counts of nothing, hints.
    Dim,
    /// Focus: the cursor bar of the focused pane, the prompt.
    Accent,
    Unread,
    Flagged,
    /// Red: failed or dangerous.
    Failed,
    /// Green: done or verified.
    Done,
    /// Yellow: look here.
    Warning,
    Link,
    Marked,
    /// The row under the cursor (background tint) in the focused pane.
    Selected,
    /// The same in a pane without the focus.
    SelectedDim,
    Heading,
    Code,
    Added,
    Removed,
    /// Quote levels, cycled.
    Quote(u8),
    /// A stretch of text that matches the search.
    Match,
    /// Keys in hints, which-key and help.
    Key,
    Border,
}

/// What the background is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Dark,
    Light,
}

/// Styles for one terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    mode: Mode,
    colors: Colors,
}

impl Theme {
    /// The styles for this background; `colors` is resolved ([`detect_colors`]), `Auto` counts as 256.
    pub const fn new(mode: Mode, colors: Colors) -> Self {
        Self { mode, colors }
    }

    /// The style of a meaning; patch it over the style of what it stands on.
    pub fn style(&self, token: Token) -> Style {
        let palette = match (self.colors, self.mode) {
            (Colors::None, _) => return attributes(token),
            (Colors::Ansi16, _) => return sixteen(token),
            (Colors::TrueColor, Mode::Dark) => &DARK_TRUE,
            (Colors::TrueColor, Mode::Light) => &LIGHT_TRUE,
            (_, Mode::Dark) => &DARK,
            (_, Mode::Light) => &LIGHT,
        };
        palette.style(token)
    }

    /// The style of a cell of a picture: what is drawn in it is its upper half. Nothing where there are no colours.
    pub fn halves(&self, [upper, lower]: Halves) -> Style {
        match self.colors {
            Colors::None => Style::new(),
            Colors::TrueColor => Style::new().fg(Color::Rgb(upper[0], upper[1], upper[2])).bg(Color::Rgb(lower[0], lower[1], lower[2])),
            Colors::Ansi16 => Style::new().fg(near_sixteen(upper)).bg(near_sixteen(lower)),
            Colors::Auto | Colors::Ansi256 => Style::new().fg(near_indexed(upper)).bg(near_indexed(lower)),
        }
    }

    /// The background that was assumed.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The same colours on another background.
    pub const fn on(&self, mode: Mode) -> Self {
        Self { mode, colors: self.colors }
    }
}

/// How many colours to use: what the user chose, else what the environment tells. `NO_COLOR` holds where
/// nothing is chosen (no-color.org).
pub fn detect_colors(chosen: Colors, env: impl Fn(&str) -> Option<String>) -> Colors {
    if chosen != Colors::Auto {
        return chosen;
    }
    if env("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Colors::None;
    }
    let term = env("TERM").unwrap_or_default();
    match env("COLORTERM").as_deref() {
        Some("truecolor" | "24bit") => return Colors::TrueColor,
        _ if term.is_empty() || term == "dumb" || term.starts_with("vt") => return Colors::None,
        _ => {}
    }
    if term.contains("direct") {
        Colors::TrueColor
    } else if term.contains("256") || ["xterm-kitty", "alacritty", "foot", "wezterm", "xterm-ghostty"].iter().any(|t| term.starts_with(t)) {
        Colors::Ansi256
    } else {
        Colors::Ansi16
    }
}

/// The background to assume before the terminal has answered: the choice, else COLORFGBG, else dark.
pub fn initial_mode(chosen: ThemeChoice, env: impl Fn(&str) -> Option<String>) -> Mode {
    match chosen {
        ThemeChoice::Dark => Mode::Dark,
        ThemeChoice::Light => Mode::Light,
        ThemeChoice::Auto => {
            // "15;0" or "0;default;15": the last is the background, 7 and above 8 are light.
            let light = env("COLORFGBG")
                .and_then(|value| value.rsplit(';').next().and_then(|n| n.parse::<u8>().ok()))
                .is_some_and(|n| n == 7 || (9..=15).contains(&n));
            if light { Mode::Light } else { Mode::Dark }
        }
    }
}

/// Colours by role; the roles' attributes are the same in every palette.
#[derive(Debug)]
struct Palette {
    dim: Color,
    accent: Color,
    yellow: Color,
    red: Color,
    green: Color,
    blue: Color,
    magenta: Color,
    code: Color,
    quotes: [Color; 3],
    tint: Color,
    faint_tint: Color,
}

const DARK: Palette = Palette {
    dim: Color::Indexed(246),
    accent: Color::Indexed(80),
    yellow: Color::Indexed(221),
    red: Color::Indexed(210),
    green: Color::Indexed(114),
    blue: Color::Indexed(111),
    magenta: Color::Indexed(176),
    code: Color::Indexed(180),
    quotes: [Color::Indexed(109), Color::Indexed(144), Color::Indexed(146)],
    tint: Color::Indexed(237),
    faint_tint: Color::Indexed(235),
};

const DARK_TRUE: Palette = Palette { tint: Color::Rgb(0x2b, 0x35, 0x3f), faint_tint: Color::Rgb(0x26, 0x29, 0x2d), ..DARK };

const LIGHT: Palette = Palette {
    dim: Color::Indexed(241),
    accent: Color::Indexed(25),
    yellow: Color::Indexed(94),
    red: Color::Indexed(124),
    green: Color::Indexed(22),
    blue: Color::Indexed(26),
    magenta: Color::Indexed(90),
    code: Color::Indexed(88),
    quotes: [Color::Indexed(24), Color::Indexed(58), Color::Indexed(60)],
    tint: Color::Indexed(254),
    faint_tint: Color::Indexed(255),
};

const LIGHT_TRUE: Palette = Palette { tint: Color::Rgb(0xdf, 0xe9, 0xf1), faint_tint: Color::Rgb(0xee, 0xee, 0xf0), ..LIGHT };

impl Palette {
    fn style(&self, token: Token) -> Style {
        let style = Style::new();
        match token {
            Token::Text => style,
            Token::Dim | Token::Border => style.fg(self.dim),
            Token::Accent => style.fg(self.accent),
            Token::Unread | Token::Heading => style.add_modifier(Modifier::BOLD),
            Token::Flagged | Token::Warning => style.fg(self.yellow),
            Token::Failed | Token::Removed => style.fg(self.red),
            Token::Done | Token::Added => style.fg(self.green),
            Token::Link => style.fg(self.blue).add_modifier(Modifier::UNDERLINED),
            Token::Marked => style.fg(self.magenta),
            Token::Selected => style.bg(self.tint),
            Token::SelectedDim => style.bg(self.faint_tint),
            Token::Code => style.fg(self.code),
            Token::Quote(level) => style.fg(quote(self.quotes, level)),
            Token::Match => style.fg(self.yellow).add_modifier(Modifier::UNDERLINED),
            Token::Key => style.fg(self.accent).add_modifier(Modifier::BOLD),
        }
    }
}

/// The user's own colours. Bright black is no dim: some schemes make it the background.
fn sixteen(token: Token) -> Style {
    let style = Style::new();
    match token {
        Token::Accent => style.fg(Color::Cyan),
        Token::Key => style.fg(Color::Cyan).add_modifier(Modifier::BOLD),
        Token::Flagged | Token::Warning => style.fg(Color::Yellow),
        Token::Failed | Token::Removed => style.fg(Color::Red),
        Token::Done | Token::Added => style.fg(Color::Green),
        Token::Link => style.fg(Color::Blue).add_modifier(Modifier::UNDERLINED),
        Token::Marked => style.fg(Color::Magenta),
        Token::Match => style.fg(Color::Yellow).add_modifier(Modifier::UNDERLINED),
        Token::Quote(level) => style.fg(quote([Color::Cyan, Color::Yellow, Color::Magenta], level)),
        _ => attributes(token),
    }
}

/// Attributes only: bold, dim, underline, reverse.
fn attributes(token: Token) -> Style {
    let style = Style::new();
    match token {
        Token::Text | Token::Code | Token::Added | Token::Done | Token::SelectedDim => style,
        Token::Dim | Token::Border | Token::Quote(_) => style.add_modifier(Modifier::DIM),
        Token::Accent | Token::Unread | Token::Heading | Token::Key | Token::Marked => style.add_modifier(Modifier::BOLD),
        Token::Flagged | Token::Failed | Token::Warning => style.add_modifier(Modifier::BOLD),
        Token::Removed => style.add_modifier(Modifier::DIM),
        Token::Link => style.add_modifier(Modifier::UNDERLINED),
        Token::Selected | Token::Match => style.add_modifier(Modifier::REVERSED),
    }
}

/// The nearest of the cube and the greys, which are the same everywhere.
fn near_indexed(color: Rgb) -> Color {
    let step = |value: u8| match value {
        0..48 => 0,
        48..115 => 1,
        _ => (value - 35) / 40,
    };
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    let steps = color.map(step);
    let [red, green, blue] = steps;
    let mean = color.iter().map(|value| u16::from(*value)).sum::<u16>() / 3;
    let grey = u8::try_from((mean.max(3) - 3) / 10).unwrap_or(u8::MAX).min(23);
    let is_grey = distance(color, [8 + 10 * grey; 3]) < distance(color, steps.map(level));
    Color::Indexed(if is_grey { 232 + grey } else { 16 + 36 * red + 6 * green + blue })
}

/// The nearest of the sixteen as they are where nobody changed them.
fn near_sixteen(color: Rgb) -> Color {
    const SIXTEEN: [(Color, Rgb); 16] = [
        (Color::Black, [0, 0, 0]),
        (Color::Red, [205, 0, 0]),
        (Color::Green, [0, 205, 0]),
        (Color::Yellow, [205, 205, 0]),
        (Color::Blue, [0, 0, 238]),
        (Color::Magenta, [205, 0, 205]),
        (Color::Cyan, [0, 205, 205]),
        (Color::Gray, [229, 229, 229]),
        (Color::DarkGray, [127, 127, 127]),
        (Color::LightRed, [255, 0, 0]),
        (Color::LightGreen, [0, 255, 0]),
        (Color::LightYellow, [255, 255, 0]),
        (Color::LightBlue, [92, 92, 255]),
        (Color::LightMagenta, [255, 0, 255]),
        (Color::LightCyan, [0, 255, 255]),
        (Color::White, [255, 255, 255]),
    ];
    SIXTEEN.into_iter().min_by_key(|(_, known)| distance(color, *known)).map_or(Color::Reset, |(name, _)| name)
}

fn distance(one: Rgb, other: Rgb) -> u32 {
    one.iter().zip(other).map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum()
}

/// Level 1 is the first.
fn quote(colors: [Color; 3], level: u8) -> Color {
    let [first, second, third] = colors;
    match level.saturating_sub(1) % 3 {
        0 => first,
        1 => second,
        _ => third,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: [Token; 20] = [
        Token::Text,
        Token::Accent,
        Token::Unread,
        Token::Flagged,
        Token::Failed,
        Token::Done,
        Token::Warning,
        Token::Link,
        Token::Marked,
        Token::Selected,
        Token::SelectedDim,
        Token::Heading,
        Token::Code,
        Token::Added,
        Token::Removed,
        Token::Quote(1),
        Token::Quote(2),
        Token::Quote(3),
        Token::Match,
        Token::Key,
    ];

    /// xterm's palette from 16 up.
    fn rgb(color: Color) -> [u8; 3] {
        match color {
            Color::Rgb(r, g, b) => [r, g, b],
            Color::Indexed(n @ 232..) => [8 + 10 * (n - 232); 3],
            Color::Indexed(n @ 16..) => {
                let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
                [level((n - 16) / 36), level((n - 16) / 6 % 6), level((n - 16) % 6)]
            }
            other => panic!("{other:?} depends on the terminal"),
        }
    }

    /// WCAG 2 relative luminance and contrast.
    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let luminance = |color: [u8; 3]| {
            let [r, g, b] = color.map(|c| {
                let c = f64::from(c) / 255.0;
                if c <= 0.03928 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        let (a, b) = (luminance(one), luminance(other));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_on_usual_backgrounds_and_on_the_selection() {
        // Black, and what popular schemes have.
        let dark = [[0, 0, 0], [0x1e, 0x1e, 0x2e], [0x28, 0x2c, 0x34]];
        let light = [[0xff, 0xff, 0xff], [0xfd, 0xf6, 0xe3], [0xfa, 0xfa, 0xfa]];
        for colors in [Colors::TrueColor, Colors::Ansi256] {
            for (mode, grounds, text) in [(Mode::Dark, dark, [0xd0; 3]), (Mode::Light, light, [0x30; 3])] {
                let theme = Theme::new(mode, colors);
                let tints = [Token::Selected, Token::SelectedDim].map(|token| rgb(theme.style(token).bg.unwrap()));
                for ground in grounds.into_iter().chain(tints) {
                    for token in TOKENS {
                        let ratio = contrast(theme.style(token).fg.map_or(text, rgb), ground);
                        assert!(ratio >= 4.5, "{token:?} {mode:?} {colors:?} on {ground:x?}: {ratio:.2}");
                    }
                    let ratio = contrast(rgb(theme.style(Token::Dim).fg.unwrap()), ground);
                    assert!(ratio >= 3.0, "dim {mode:?} on {ground:x?}: {ratio:.2}");
                }
            }
        }
    }

    #[test]
    fn colours_of_pictures_are_the_nearest_there_are() {
        for n in 16..=255 {
            assert_eq!(rgb(near_indexed(rgb(Color::Indexed(n)))), rgb(Color::Indexed(n)), "{n}");
        }
        for color in [[0, 0, 0], [255, 255, 255], [12, 200, 90], [130, 131, 129], [250, 3, 247]] {
            let near = rgb(near_indexed(color));
            assert!((16..=255).all(|n| distance(color, rgb(Color::Indexed(n))) >= distance(color, near)), "{color:?} is not {near:?}");
        }
        assert_eq!(near_sixteen([200, 10, 10]), Color::Red);
        assert_eq!(Theme::new(Mode::Dark, Colors::None).halves([[1; 3], [2; 3]]), Style::new());
    }

    #[test]
    fn without_colours_only_attributes_are_left() {
        let theme = Theme::new(Mode::Dark, Colors::None);
        for token in TOKENS {
            let style = theme.style(token);
            assert_eq!((style.fg, style.bg), (None, None), "{token:?}");
        }
        assert_ne!(theme.style(Token::Selected), theme.style(Token::Text));
    }

    #[test]
    fn sixteen_colours_are_the_users() {
        for token in TOKENS {
            let style = Theme::new(Mode::Light, Colors::Ansi16).style(token);
            for color in [style.fg, style.bg].into_iter().flatten() {
                assert!(!matches!(color, Color::Rgb(..) | Color::Indexed(_)), "{token:?}");
            }
        }
    }

    fn env<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn colours_follow_choice_then_environment() {
        for (chosen, pairs, expect) in [
            (Colors::Auto, &[("TERM", "xterm-256color")][..], Colors::Ansi256),
            (Colors::Auto, &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Colors::TrueColor),
            (Colors::Auto, &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")], Colors::None),
            (Colors::Auto, &[("TERM", "xterm-256color"), ("NO_COLOR", "")], Colors::Ansi256),
            (Colors::TrueColor, &[("NO_COLOR", "1")], Colors::TrueColor),
            (Colors::Auto, &[("TERM", "linux")], Colors::Ansi16),
            (Colors::Auto, &[("TERM", "xterm-kitty")], Colors::Ansi256),
            (Colors::Auto, &[("TERM", "dumb")], Colors::None),
            (Colors::Auto, &[], Colors::None),
        ] {
            assert_eq!(detect_colors(chosen, env(pairs)), expect, "{chosen:?} {pairs:?}");
        }
    }

    #[test]
    fn background_follows_choice_then_environment() {
        for (chosen, value, expect) in [
            (ThemeChoice::Auto, "15;0", Mode::Dark),
            (ThemeChoice::Auto, "0;15", Mode::Light),
            (ThemeChoice::Auto, "0;default;7", Mode::Light),
            (ThemeChoice::Auto, "x", Mode::Dark),
            (ThemeChoice::Light, "15;0", Mode::Light),
            (ThemeChoice::Dark, "0;15", Mode::Dark),
        ] {
            assert_eq!(initial_mode(chosen, env(&[("COLORFGBG", value)])), expect, "{chosen:?} {value}");
        }
    }
}
