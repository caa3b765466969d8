//! The wall clock and the seed of randomness, as POSTRIDER_NOW and POSTRIDER_SEED set them at the start.
//! One value, made in main and passed down, so that nothing below reads the environment.

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

/// A wall clock that may be set off from the machine's; it runs on from there.
#[derive(Clone, Debug)]
pub struct Clock {
    ahead: SignedDuration,
    zone: TimeZone,
    seed: Option<u64>,
}

impl Clock {
    /// `now`: RFC 3339, or an offset like `+90m`, `-2h`, `+1d`; `seed`: a number. Sentences for what can't be read.
    pub fn new(now: Option<&str>, seed: Option<&str>) -> Result<Self, String> {
        let ahead = now.map(|text| ahead(text, Timestamp::now())).transpose()?.unwrap_or_default();
        let seed = seed.map(|text| text.parse().map_err(|_| format!("POSTRIDER_SEED is a whole number, not {text:?}"))).transpose()?;
        Ok(Self { ahead, zone: TimeZone::system(), seed })
    }

    /// The time now.
    pub fn timestamp(&self) -> Timestamp {
        let real = Timestamp::now();
        real.checked_add(self.ahead).unwrap_or(real)
    }

    /// The time now in the local zone.
    pub fn now(&self) -> Zoned {
        self.timestamp().to_zoned(self.zone.clone())
    }

    /// Unix seconds.
    pub fn unix(&self) -> i64 {
        self.timestamp().as_second()
    }

    /// The seed that was asked for.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The seed that was asked for, else one that nobody knows.
    pub fn seed_or_random(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        // the standard library's hasher is seeded by the system
        self.seed.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish())
    }
}

fn ahead(text: &str, real: Timestamp) -> Result<SignedDuration, String> {
    let wrong = || format!("POSTRIDER_NOW is a time like 2026-11-20T12:00:00Z or an offset like +90m, not {text:?}");
    if !text.starts_with(['+', '-']) {
        let wanted: Timestamp = text.parse().map_err(|_| wrong())?;
        return Ok(wanted.duration_since(real));
    }
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => return Err(wrong()),
    };
    let count: i64 = text.get(..text.len() - 1).and_then(|number| number.parse().ok()).ok_or_else(wrong)?;
    count.checked_mul(unit).map(SignedDuration::from_secs).filter(|by| real.checked_add(*by).is_ok()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_set_by_a_time_or_an_offset() {
        let real: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        for (text, expect) in
            [("+90m", 5400), ("-2h", -7200), ("+1d", 86_400), ("2026-11-20T12:00:10Z", 10), ("2026-11-20T14:00:00+02:00", 0)]
        {
            assert_eq!(ahead(text, real).map(|by| by.as_secs()), Ok(expect), "{text}");
        }
        for text in ["", "90m", "+90", "+x m", "tomorrow", "+99999999999999999d", "+é"] {
            assert!(ahead(text, real).is_err(), "{text}");
        }
        assert!(Clock::new(None, Some("x")).is_err());
    }
}
