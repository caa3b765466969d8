//! Times as people write them for sending later: "2h", "tomorrow 8:00", "mon 9:00", "24 Dec". Pure; the time zone
//! is that of `now`.

use jiff::civil::{Date, Time, Weekday, date, time};
use jiff::{SignedDuration, ToSpan, Zoned};

/// Where only a day is named.
const MORNING: Time = time(8, 0, 0, 0);
/// Longest wait; what is further away was mistyped.
const YEARS: i16 = 5;

const WEEKDAYS: &[(&str, Weekday)] = &[
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

const MONTHS: &[&str] =
    &["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"];

/// Parts of a day by name.
const HOURS: &[(&str, Time)] = &[
    ("morning", MORNING),
    ("noon", time(12, 0, 0, 0)),
    ("afternoon", time(14, 0, 0, 0)),
    ("evening", time(18, 0, 0, 0)),
    ("tonight", time(20, 0, 0, 0)),
    ("midnight", time(0, 0, 0, 0)),
];

/// Words that say nothing.
const FILLERS: &[&str] = &["at", "on", "the", "next", "this", "in", "of", "and"];

/// What a text names: a day, a time of day, or a stretch from now.
#[derive(Default)]
struct Found {
    day: Option<Day>,
    time: Option<Time>,
    wait: Option<SignedDuration>,
}

enum Day {
    /// Days from today.
    In(i32),
    Weekday(Weekday),
    /// With the year where one was named.
    Date(i8, i8, Option<i16>),
}

/// Unix seconds of a time that is still to come.
///
/// # Errors
/// A sentence: it can't be read, is over, or is too far away.
pub fn parse(text: &str, now: &Zoned) -> Result<i64, String> {
    let found = read(text).ok_or_else(|| format!("\"{}\" is no time; write 2h, tomorrow 8:00, mon 9:00 or 24 Dec 8:00", text.trim()))?;
    let at = resolve(&found, now)?;
    if at <= *now {
        return Err("that time is over".to_owned());
    }
    if at.date() > now.date().saturating_add(i64::from(YEARS).years()) {
        return Err(format!("that is more than {YEARS} years away"));
    }
    Ok(at.timestamp().as_second())
}

fn read(text: &str) -> Option<Found> {
    let lower = text.trim().trim_start_matches('+').to_lowercase().replace(',', " ");
    let words: Vec<&str> = lower.split_whitespace().filter(|word| !FILLERS.contains(word)).collect();
    let mut found = Found::default();
    let mut rest = words.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let taken = one(first, after, &mut found)?;
        rest = rest.get(taken..)?;
    }
    let is_something = found.day.is_some() || found.time.is_some() || found.wait.is_some();
    (is_something && !(found.wait.is_some() && (found.day.is_some() || found.time.is_some()))).then_some(found)
}

/// Reads one thing; gives the words it took, None where it can't be read or was named twice.
fn one(word: &str, after: &[&str], found: &mut Found) -> Option<usize> {
    let next = after.first().copied().unwrap_or_default();
    let is_first_day = found.day.is_none();
    if let Some(day) = named_day(word).filter(|_| is_first_day) {
        found.day = Some(day);
        return Some(1);
    }
    if let Some((_, hour)) = HOURS.iter().find(|(name, _)| *name == word) {
        return found.time.replace(*hour).is_none().then_some(1);
    }
    if let Some(wait) = waits(word) {
        found.wait = Some(found.wait.unwrap_or_default().checked_add(wait)?);
        return Some(1);
    }
    // "24 dec", "dec 24", each with a year or without
    for (day, month) in [(word, next), (next, word)] {
        if let (Some(day), Some(month)) = (ordinal(day), month_of(month))
            && is_first_day
        {
            let year = after.get(1).and_then(|year| (year.len() == 4).then(|| year.parse().ok()).flatten());
            found.day = Some(Day::Date(month, day, year));
            return Some(if year.is_some() { 3 } else { 2 });
        }
    }
    if let Ok(number) = word.parse::<i64>() {
        // "2 h", "8 pm"
        if let Some(time) = clock(&format!("{word}{next}")).filter(|_| matches!(next, "am" | "pm")) {
            return found.time.replace(time).is_none().then_some(2);
        }
        let wait = SignedDuration::from_secs(number.checked_mul(unit(next)?)?);
        found.wait = Some(found.wait.unwrap_or_default().checked_add(wait)?);
        return Some(2);
    }
    if let Some(day) = numeric_date(word).filter(|_| is_first_day) {
        found.day = Some(day);
        return Some(1);
    }
    let time = if matches!(next, "am" | "pm") { clock(&format!("{word}{next}")).map(|time| (time, 2)) } else { None };
    let (time, taken) = time.or_else(|| clock(word).map(|time| (time, 1)))?;
    found.time.replace(time).is_none().then_some(taken)
}

fn named_day(word: &str) -> Option<Day> {
    match word {
        "today" => return Some(Day::In(0)),
        "tomorrow" | "tmrw" => return Some(Day::In(1)),
        _ => {}
    }
    let weekday = WEEKDAYS.iter().find(|(name, _)| word.len() >= 3 && name.starts_with(word))?;
    Some(Day::Weekday(weekday.1))
}

fn month_of(word: &str) -> Option<i8> {
    let at = MONTHS.iter().position(|name| word.len() >= 3 && name.starts_with(word.trim_end_matches('.')))?;
    i8::try_from(at + 1).ok()
}

/// "24", "24.", "24th".
fn ordinal(word: &str) -> Option<i8> {
    let digits = word.trim_end_matches(['.', 's', 't', 'n', 'd', 'r', 'h']);
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

/// "2026-12-24", "24.12.", "24.12.2026".
fn numeric_date(word: &str) -> Option<Day> {
    if let Ok(date) = word.parse::<Date>() {
        return Some(Day::Date(date.month(), date.day(), Some(date.year())));
    }
    let mut parts = word.split('.');
    let (day, month, year) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    let year = if year.is_empty() { None } else { Some(year.parse().ok()?) };
    parts.next().is_none().then_some(Day::Date(month, day, year))
}

/// "8:00", "20:15", "8am", "8:30pm", "20h15" is none.
fn clock(word: &str) -> Option<Time> {
    let (digits, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (word, None),
    };
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?),
        Some(_) => return None,
        None if half.is_some() => (digits.parse().ok()?, 0),
        None => return None,
    };
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    Time::new(hour, minute, 0, 0).ok()
}

/// Seconds of a unit.
fn unit(word: &str) -> Option<i64> {
    Some(match word {
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        _ => return None,
    })
}

/// "2h", "90min", "1h30m".
fn waits(word: &str) -> Option<SignedDuration> {
    let mut rest = word;
    let mut seconds: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (name, tail) = tail.split_at(letters);
        seconds = seconds.checked_add(number.parse::<i64>().ok()?.checked_mul(unit(name)?)?)?;
        rest = tail;
    }
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

fn resolve(found: &Found, now: &Zoned) -> Result<Zoned, String> {
    let far = |_| "that is too far away".to_owned();
    if let Some(wait) = found.wait {
        return now.checked_add(wait).map_err(far);
    }
    let today = now.date();
    let time = found.time.unwrap_or(MORNING);
    let day = match &found.day {
        // A time alone is its next occurrence.
        None if time <= now.time() => today.tomorrow().map_err(far)?,
        None => today,
        Some(Day::In(days)) => today.checked_add(i64::from(*days).days()).map_err(far)?,
        Some(Day::Weekday(weekday)) if today.weekday() == *weekday && time > now.time() => today,
        Some(Day::Weekday(weekday)) => today.nth_weekday(1, *weekday).map_err(far)?,
        Some(Day::Date(month, day, year)) => on(*month, *day, *year, time, now)?,
    };
    day.to_datetime(time).to_zoned(now.time_zone().clone()).map_err(far)
}

/// A date of this year, or of the next where it is over.
fn on(month: i8, day: i8, year: Option<i16>, time: Time, now: &Zoned) -> Result<Date, String> {
    let of = |year| Date::new(year, month, day).map_err(|_| format!("there is no {day}. in that month"));
    match year {
        Some(year) => of(year),
        None => {
            let this = of(now.year()).unwrap_or(date(now.year(), 1, 1));
            let is_over = this.to_datetime(time) <= now.datetime();
            if is_over { of(now.year() + 1) } else { Ok(this) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Friday, 20:20.
    fn now() -> Zoned {
        "2026-11-20T20:20:00+01:00[Europe/Berlin]".parse().unwrap()
    }

    fn at(text: &str) -> Result<String, String> {
        let seconds = parse(text, &now())?;
        let at = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(now().time_zone().clone());
        Ok(at.strftime("%a %Y-%m-%d %H:%M").to_string())
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expect) in [
            ("2h", "Fri 2026-11-20 22:20"),
            ("in 2 hours", "Fri 2026-11-20 22:20"),
            ("+90min", "Fri 2026-11-20 21:50"),
            ("1h30m", "Fri 2026-11-20 21:50"),
            ("1 h 30 min", "Fri 2026-11-20 21:50"),
            ("2d", "Sun 2026-11-22 20:20"),
            ("1w", "Fri 2026-11-27 20:20"),
            ("21:00", "Fri 2026-11-20 21:00"),
            ("8:00", "Sat 2026-11-21 08:00"),
            ("8am", "Sat 2026-11-21 08:00"),
            ("11:30 pm", "Fri 2026-11-20 23:30"),
            ("12am", "Sat 2026-11-21 00:00"),
            ("noon", "Sat 2026-11-21 12:00"),
            ("today 22:15", "Fri 2026-11-20 22:15"),
            ("tomorrow", "Sat 2026-11-21 08:00"),
            ("Tomorrow 8:00", "Sat 2026-11-21 08:00"),
            ("tomorrow evening", "Sat 2026-11-21 18:00"),
            ("mon 9:00", "Mon 2026-11-23 09:00"),
            ("next Monday at 9:00", "Mon 2026-11-23 09:00"),
            ("9:00 mon", "Mon 2026-11-23 09:00"),
            ("fri", "Fri 2026-11-27 08:00"),
            ("friday 21:00", "Fri 2026-11-20 21:00"),
            ("2026-12-24", "Thu 2026-12-24 08:00"),
            ("2026-12-24 17:30", "Thu 2026-12-24 17:30"),
            ("24.12.", "Thu 2026-12-24 08:00"),
            ("24.12.2027 9:00", "Fri 2027-12-24 09:00"),
            ("24 Dec", "Thu 2026-12-24 08:00"),
            ("Dec 24th, 9:00", "Thu 2026-12-24 09:00"),
            ("24 december 2027 at 9pm", "Fri 2027-12-24 21:00"),
            ("3 March", "Wed 2027-03-03 08:00"),
        ] {
            assert_eq!(at(text).as_deref(), Ok(expect), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_or_over_is_said() {
        for text in ["", "soon", "8", "25:00", "8:5", "2h tomorrow", "mon tue", "13pm", "31.2.", "8:00 9:00", "9999999999999h", "99999w"] {
            assert!(at(text).is_err(), "{text} {:?}", at(text));
        }
        assert_eq!(at("today 8:00"), Err("that time is over".into()));
        assert_eq!(at("2020-01-01"), Err("that time is over".into()));
    }

    #[test]
    fn summer_time_keeps_the_hour_of_the_day() {
        let now: Zoned = "2026-03-28T12:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let at = jiff::Timestamp::from_second(parse("tomorrow 8:00", &now).unwrap()).unwrap().to_zoned(now.time_zone().clone());
        assert_eq!(at.strftime("%H:%M %z").to_string(), "08:00 +0200");
    }
}
