//! Text for cells: dates, sizes, counts, and cutting by cell width.
//!
//! Width here is what `ratatui` counts when it fills cells, so that a text cut here fits there. Nothing in
//! this file reads a clock or the environment.

use std::borrow::Cow;
use std::fmt::Write;

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};
use ratatui::buffer::CellWidth;
use unicode_segmentation::UnicodeSegmentation;

use crate::config::Dates;

/// Cells that a text takes: by grapheme, so an emoji family is two and a lone combining mark none.
pub fn width(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.graphemes(true).map(grapheme_width).sum() }
}

/// At most `cells` cells of `text`; where something is left out, the last cell is "…". A grapheme is never
/// split and a wide one never halved, so the result may be one cell short.
pub fn cut(text: &str, cells: usize) -> Cow<'_, str> {
    if text.len() <= cells && is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut used = 0;
    // Where the text ends if an ellipsis has to follow.
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let wide = grapheme_width(grapheme);
        if used + wide > cells {
            return match cells {
                0 => Cow::Borrowed(""),
                _ => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
            };
        }
        used += wide;
        if used < cells {
            end = at + grapheme.len();
        }
    }
    Cow::Borrowed(text)
}

/// Exactly `cells` cells: cut, or filled with blanks on the right.
pub fn pad(text: &str, cells: usize) -> String {
    let mut padded = cut(text, cells).into_owned();
    let missing = cells.saturating_sub(width(&padded));
    padded.extend(std::iter::repeat_n(' ', missing));
    padded
}

/// Printable ASCII only, where bytes are cells.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7f).contains(&b))
}

/// Controls take no cell, because `ratatui` leaves them out.
fn grapheme_width(grapheme: &str) -> usize {
    if grapheme.contains(char::is_control) { 0 } else { usize::from(grapheme.cell_width()) }
}

const DATE_CELLS: usize = 6;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A sender's clock may be this far ahead before the date is marked as being in the future.
const CLOCK_SLACK: i64 = 10 * MINUTE;
/// From here on the sender's own time of day is worth showing.
const FAR_CLOCK: i64 = 3 * HOUR;

/// A date for the list, always six cells: `now`, `20:15`, `Thu`, `16 Nov`, `Mar'24`, `>2 Dec`. `when` is
/// in Unix seconds; 0, negative or out of range means unknown.
pub fn date_cell(when: i64, now: &Zoned, dates: Dates) -> String {
    let Some(date) = local(when, now.time_zone()) else { return pad("—", DATE_CELLS) };
    let age = now.timestamp().as_second() - when;
    let relative = dates == Dates::Relative;
    let same_year = date.year() == now.year();
    let text = if age < -CLOCK_SLACK {
        let text = match (date.date() == now.date(), same_year) {
            (true, _) => clock(&date),
            (false, true) if !relative => date.strftime("%m-%d").to_string(),
            (false, false) if !relative => date.strftime("%y-%m").to_string(),
            (false, true) if date.day() < 10 => date.strftime("%-d %b").to_string(),
            (false, true) => date.strftime("%d%b").to_string(),
            (false, false) => date.strftime("%b%y").to_string(),
        };
        format!(">{text}")
    } else if relative && age < MINUTE {
        "now".to_owned()
    } else if date.date() == now.date() {
        clock(&date)
    } else if relative && is_last_six_days(&date, now) {
        date.strftime("%a").to_string()
    } else {
        match (relative, same_year) {
            (true, true) => date.strftime("%-d %b").to_string(),
            (true, false) => date.strftime("%b'%y").to_string(),
            (false, true) => date.strftime("%m-%d").to_string(),
            (false, false) => date.strftime("'%y-%m").to_string(),
        }
    };
    pad(&text, DATE_CELLS)
}

/// A date for the reader: `Fri 20 Nov 20:15 (45 min ago)`, with the sender's time of day where the clocks
/// are three hours or more apart. `date` is Unix seconds and the sender's offset from UTC in minutes.
pub fn date_full(date: (i64, i16), now: &Zoned, dates: Dates) -> String {
    let (when, offset) = date;
    let Some(local) = local(when, now.time_zone()) else { return "—".to_owned() };
    let mut text = match dates {
        Dates::Iso => local.strftime("%Y-%m-%d %H:%M").to_string(),
        Dates::Relative if local.year() == now.year() => local.strftime("%a %-d %b %H:%M").to_string(),
        Dates::Relative => local.strftime("%a %-d %b %Y %H:%M").to_string(),
    };
    if let Some(age) = age(now.timestamp().as_second() - when) {
        let _ = write!(text, " ({age})");
    }
    let ours = i64::from(local.offset().seconds());
    let theirs = i64::from(offset) * MINUTE;
    if (ours - theirs).abs() >= FAR_CLOCK
        && let Ok(offset) = Offset::from_seconds(i32::from(offset) * 60)
        && let Ok(when) = Timestamp::from_second(when)
    {
        let _ = write!(text, ", {} for the sender", clock(&when.to_zoned(TimeZone::fixed(offset))));
    }
    text
}

/// "45 min ago", "in 2 h"; nothing above a week, where the date says enough.
fn age(seconds: i64) -> Option<String> {
    let ahead = seconds < -CLOCK_SLACK;
    let text = match seconds.abs() {
        _ if (-CLOCK_SLACK..MINUTE).contains(&seconds) => return Some("now".to_owned()),
        s if s < HOUR => format!("{} min", s / MINUTE),
        s if s < DAY => format!("{} h", s / HOUR),
        s if s < 2 * DAY => "1 day".to_owned(),
        s if s <= 7 * DAY => format!("{} days", s / DAY),
        _ => return None,
    };
    Some(if ahead { format!("in {text}") } else { format!("{text} ago") })
}

fn local(when: i64, zone: &TimeZone) -> Option<Zoned> {
    (when > 0).then(|| Timestamp::from_second(when).ok()).flatten().map(|t| t.to_zoned(zone.clone()))
}

fn clock(date: &Zoned) -> String {
    date.strftime("%H:%M").to_string()
}

/// By calendar days, so that a weekday never names today or the same day a week ago.
fn is_last_six_days(date: &Zoned, now: &Zoned) -> bool {
    now.date().since(date.date()).is_ok_and(|span| (1..=6).contains(&span.get_days()))
}

/// Octets for people: `830 B`, `48 kB`, `1.2 MB` (powers of 1000).
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    // In tenths of the unit, so that rounding up to 1000 moves on to the next one.
    let mut divisor: u64 = 100;
    let mut chosen = (0, "");
    for unit in UNITS {
        chosen = (bytes.saturating_add(divisor / 2) / divisor, unit);
        if chosen.0 < 9_995 {
            break;
        }
        divisor = divisor.saturating_mul(1000);
    }
    let (tenths, unit) = chosen;
    if tenths < 100 && tenths % 10 != 0 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", (tenths + 5) / 10)
    }
}

/// A number with its thousands apart: `4 210`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn width_counts_cells_by_grapheme() {
        for (text, cells) in [
            ("", 0),
            ("abc", 3),
            ("陈伟", 4),
            ("e\u{301}", 1),
            ("👩‍👩‍👧", 2),
            ("❤\u{fe0f}", 2),
            ("🇫🇮", 2),
            ("▌│…", 3),
            ("יוסי", 4),
            ("a\tb", 2),
        ] {
            assert_eq!(width(text), cells, "{text:?}");
        }
    }

    #[test]
    fn cut_keeps_graphemes_whole() {
        for (text, cells, expect) in [
            ("hello", 5, "hello"),
            ("hello", 4, "hel…"),
            ("hello", 1, "…"),
            ("hello", 0, ""),
            ("", 0, ""),
            ("陈伟", 4, "陈伟"),
            ("陈伟", 3, "陈…"),
            ("陈伟", 2, "…"),
            ("陈伟", 1, "…"),
            ("ae\u{301}b", 2, "a…"),
            ("ae\u{301}b", 3, "ae\u{301}b"),
            ("👩‍👩‍👧x", 2, "…"),
            ("👩‍👩‍👧x", 3, "👩‍👩‍👧x"),
        ] {
            let result = cut(text, cells);
            assert_eq!(result, expect, "{text:?} to {cells}");
            assert!(width(&result) <= cells);
        }
    }

    #[test]
    fn pad_is_always_exact() {
        for text in ["", "a", "hello", "陈伟", "👩‍👩‍👧", "a陈b伟c", "e\u{301}e\u{301}"] {
            for cells in 0..9 {
                assert_eq!(width(&pad(text, cells)), cells, "{text:?} to {cells}");
            }
        }
    }

    #[test]
    fn list_dates_follow_their_age() {
        let now = at("2026-11-20T21:00:00+01:00[Europe/Berlin]");
        for (when, relative, iso) in [
            ("2026-11-20T20:59:30+01:00[Europe/Berlin]", "now   ", "20:59 "),
            ("2026-11-20T21:09:00+01:00[Europe/Berlin]", "now   ", "21:09 "),
            ("2026-11-20T20:15:00+01:00[Europe/Berlin]", "20:15 ", "20:15 "),
            ("2026-11-20T00:00:00+01:00[Europe/Berlin]", "00:00 ", "00:00 "),
            ("2026-11-19T23:59:00+01:00[Europe/Berlin]", "Thu   ", "11-19 "),
            ("2026-11-14T00:00:00+01:00[Europe/Berlin]", "Sat   ", "11-14 "),
            ("2026-11-13T23:59:00+01:00[Europe/Berlin]", "13 Nov", "11-13 "),
            ("2026-02-05T10:00:00+01:00[Europe/Berlin]", "5 Feb ", "02-05 "),
            ("2024-03-05T10:00:00+01:00[Europe/Berlin]", "Mar'24", "'24-03"),
            ("2026-11-20T23:30:00+01:00[Europe/Berlin]", ">23:30", ">23:30"),
            ("2026-12-02T10:00:00+01:00[Europe/Berlin]", ">2 Dec", ">12-02"),
            ("2026-12-12T10:00:00+01:00[Europe/Berlin]", ">12Dec", ">12-12"),
            ("2027-03-01T10:00:00+01:00[Europe/Berlin]", ">Mar27", ">27-03"),
        ] {
            let seconds = at(when).timestamp().as_second();
            assert_eq!(date_cell(seconds, &now, Dates::Relative), relative, "{when}");
            assert_eq!(date_cell(seconds, &now, Dates::Iso), iso, "{when}");
        }
        for unknown in [0, -5, i64::MAX, i64::MIN] {
            assert_eq!(date_cell(unknown, &now, Dates::Relative), "—     ");
        }
    }

    #[test]
    fn last_week_crosses_the_year() {
        let now = at("2026-01-02T12:00:00+00:00[UTC]");
        let when = at("2025-12-30T12:00:00+00:00[UTC]").timestamp().as_second();
        assert_eq!(date_cell(when, &now, Dates::Relative), "Tue   ");
    }

    #[test]
    fn full_dates_tell_the_age_and_a_far_clock() {
        let now = at("2026-11-20T21:00:00+01:00[Europe/Berlin]");
        let seconds = |text: &str| at(text).timestamp().as_second();
        let evening = seconds("2026-11-20T20:15:00+01:00[Europe/Berlin]");
        assert_eq!(date_full((evening, 60), &now, Dates::Relative), "Fri 20 Nov 20:15 (45 min ago)");
        assert_eq!(date_full((evening, 0), &now, Dates::Iso), "2026-11-20 20:15 (45 min ago)");
        assert_eq!(date_full((evening, -480), &now, Dates::Relative), "Fri 20 Nov 20:15 (45 min ago), 11:15 for the sender");
        let old = seconds("2025-11-03T08:00:00+01:00[Europe/Berlin]");
        assert_eq!(date_full((old, 60), &now, Dates::Relative), "Mon 3 Nov 2025 08:00");
        assert_eq!(date_full((evening + 3 * HOUR, 60), &now, Dates::Relative), "Fri 20 Nov 23:15 (in 2 h)");
        assert_eq!(date_full((0, 0), &now, Dates::Relative), "—");
        // An impossible offset is left out.
        assert!(date_full((evening, i16::MAX), &now, Dates::Relative).starts_with("Fri 20 Nov 20:15 (45 min ago)"));
    }

    #[test]
    fn sizes_and_counts_are_short() {
        for (bytes, expect) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (1234, "1.2 kB"),
            (48_200, "48 kB"),
            (999_400, "999 kB"),
            (999_900, "1 MB"),
            (1_200_000, "1.2 MB"),
            (25_000_000, "25 MB"),
            (3_400_000_000, "3.4 GB"),
        ] {
            assert_eq!(size(bytes), expect, "{bytes}");
        }
        assert!(size(u64::MAX).ends_with(" PB"));
        for (n, expect) in [(0, "0"), (999, "999"), (4210, "4 210"), (1_000_000, "1 000 000")] {
            assert_eq!(count(n), expect);
        }
    }
}
