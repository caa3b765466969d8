//! Times of an event in the reader's zone and in the one it was written in, and its repetition in words.

use super::Property;
use jiff::Zoned;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

/// Names of zones that Outlook writes.
const WINDOWS: &[(&str, &str)] = &[
    ("UTC", "UTC"),
    ("GMT Standard Time", "Europe/London"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("W. Europe Standard Time", "Europe/Berlin"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("Romance Standard Time", "Europe/Paris"),
    ("E. Europe Standard Time", "Europe/Chisinau"),
    ("FLE Standard Time", "Europe/Helsinki"),
    ("GTB Standard Time", "Europe/Bucharest"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("India Standard Time", "Asia/Kolkata"),
    ("China Standard Time", "Asia/Shanghai"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("Eastern Standard Time", "America/New_York"),
    ("Central Standard Time", "America/Chicago"),
    ("Mountain Standard Time", "America/Denver"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
];

/// A time as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    Day(Date),
    /// At a place in the world.
    At(Zoned),
    /// By a clock nobody knows the zone of; with the zone's name, if it has one.
    Clock(DateTime, Option<String>),
}

/// DTSTART, DTEND and the like; None where it can't be read.
pub fn read(property: &Property) -> Option<When> {
    let value = property.value.trim();
    let digits = |from: usize, to: usize| value.get(from..to).filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse::<i16>().ok();
    let byte = |from: usize| digits(from, from + 2).and_then(|number| i8::try_from(number).ok());
    let date = Date::new(digits(0, 4)?, byte(4)?, byte(6)?).ok()?;
    if value.as_bytes().get(8) != Some(&b'T') {
        return Some(When::Day(date));
    }
    // a leap second is the one before it
    let time = Time::new(byte(9)?, byte(11)?, byte(13).unwrap_or(0).min(59), 0).ok()?;
    let clock = date.to_datetime(time);
    if value.ends_with(['Z', 'z']) {
        return clock.to_zoned(TimeZone::UTC).ok().map(When::At);
    }
    let name = property.param("TZID").map(|name| name.trim_start_matches('/').to_owned());
    let zone = name.as_deref().and_then(zone);
    Some(zone.and_then(|zone| clock.to_zoned(zone).ok()).map_or(When::Clock(clock, name), When::At))
}

fn zone(name: &str) -> Option<TimeZone> {
    let known = WINDOWS.iter().find(|(windows, _)| windows.eq_ignore_ascii_case(name)).map_or(name, |(_, name)| name);
    // some calendars put their own name before: "/example.org/Europe/Berlin"
    let tail = || known.rmatch_indices('/').nth(1).and_then(|(at, _)| TimeZone::get(known.get(at + 1..)?).ok());
    TimeZone::get(known).ok().or_else(tail)
}

/// "Thu 26 Nov 2026 10:00–11:00, 09:00 for the sender" in the reader's zone.
pub fn words(start: &When, end: Option<&When>, zone: &TimeZone) -> String {
    match (start, end) {
        (When::Day(first), end) => {
            // the end is the first day after (RFC 5545 3.6.1)
            let last = match end {
                Some(When::Day(end)) => end.yesterday().unwrap_or(*end),
                _ => *first,
            };
            let day = |date: &Date| date.strftime("%a %-d %b %Y").to_string();
            if last > *first { format!("{} – {}, all day", day(first), day(&last)) } else { format!("{}, all day", day(first)) }
        }
        (When::At(start), end) => {
            let local = start.with_time_zone(zone.clone());
            let end = end.and_then(|end| if let When::At(end) = end { Some(end.with_time_zone(zone.clone())) } else { None });
            let mut out = span(local.datetime(), end.map(|end| end.datetime()));
            let is_utc = start.time_zone() == &TimeZone::UTC;
            if !is_utc && start.offset() != local.offset() {
                let name = start.time_zone().iana_name().unwrap_or("their zone");
                out.push_str(&format!(" ({} in {name})", start.strftime("%a %H:%M")));
            }
            out
        }
        (When::Clock(start, name), end) => {
            let end = if let Some(When::Clock(end, _)) = end { Some(*end) } else { None };
            let zone = name.as_ref().map_or_else(|| "wherever you are".to_owned(), |name| format!("by the clock of {name}"));
            format!("{}, {zone}", span(*start, end))
        }
    }
}

fn span(start: DateTime, end: Option<DateTime>) -> String {
    let first = start.strftime("%a %-d %b %Y %H:%M").to_string();
    match end.filter(|end| *end > start) {
        Some(end) if end.date() == start.date() => format!("{first}–{}", end.strftime("%H:%M")),
        Some(end) => format!("{first} – {}", end.strftime("%a %-d %b %Y %H:%M")),
        None => first,
    }
}

/// The end from a start and a DURATION (`PT1H30M`, `P2D`).
pub fn after(start: &When, duration: &str) -> Option<When> {
    let duration: jiff::Span = duration.trim().parse().ok()?;
    Some(match start {
        When::Day(date) => When::Day(date.checked_add(duration).ok()?),
        When::At(at) => When::At(at.checked_add(duration).ok()?),
        When::Clock(clock, name) => When::Clock(clock.checked_add(duration).ok()?, name.clone()),
    })
}

/// "every 2 weeks on Tue, Thu, 10 times"; a rule that is more than that is only named.
pub fn repetition(rule: &str, zone: &TimeZone) -> Option<String> {
    let rule = rule.to_ascii_uppercase();
    let pairs: Vec<(&str, &str)> = rule.split(';').filter_map(|pair| pair.split_once('=')).collect();
    let find = |name: &str| pairs.iter().find(|(known, _)| known.trim() == name).map(|(_, value)| value.trim());
    let unit = match find("FREQ")? {
        "DAILY" => "day",
        "WEEKLY" => "week",
        "MONTHLY" => "month",
        "YEARLY" => "year",
        _ => return Some("by a rule of its own".to_owned()),
    };
    let mut out = match find("INTERVAL").and_then(|interval| interval.parse::<u16>().ok()).unwrap_or(1) {
        0 | 1 => format!("every {unit}"),
        interval => format!("every {interval} {unit}s"),
    };
    let days: Option<Vec<String>> = find("BYDAY").map(|days| days.split(',').take(10).filter_map(day).collect());
    if let Some(days) = days.filter(|days| !days.is_empty()) {
        out.push_str(&format!(" on {}", days.join(", ")));
    }
    const PLAIN: &[&str] = &["FREQ", "INTERVAL", "BYDAY", "COUNT", "UNTIL", "WKST"];
    if pairs.iter().any(|(name, _)| !PLAIN.contains(&name.trim())) {
        out.push_str(", with further rules");
    }
    if let Some(count) = find("COUNT").and_then(|count| count.parse::<u32>().ok()) {
        out.push_str(&format!(", {count} times"));
    }
    if let Some(until) = find("UNTIL").and_then(|until| read(&Property { value: until.to_owned(), ..Property::default() })) {
        let day = match until {
            When::Day(date) => date,
            When::At(at) => at.with_time_zone(zone.clone()).date(),
            When::Clock(clock, _) => clock.date(),
        };
        out.push_str(&format!(", until {}", day.strftime("%-d %b %Y")));
    }
    Some(out)
}

/// "TU" to "Tue", "1MO" to "1st Mon", "-1FR" to "last Fri".
fn day(text: &str) -> Option<String> {
    let text = text.trim();
    let (number, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    const DAYS: [(&str, &str); 7] =
        [("MO", "Mon"), ("TU", "Tue"), ("WE", "Wed"), ("TH", "Thu"), ("FR", "Fri"), ("SA", "Sat"), ("SU", "Sun")];
    let name = DAYS.iter().find(|(short, _)| *short == name)?.1;
    Some(match number.trim_start_matches('+') {
        "" => name.to_owned(),
        "1" => format!("1st {name}"),
        "2" => format!("2nd {name}"),
        "3" => format!("3rd {name}"),
        "-1" => format!("last {name}"),
        other => format!("{other}th {name}"),
    })
}
