//! The clocks, passed in so that nothing below reads the wall clock by itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Unix seconds now.
pub type Wall = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Wall clock for what is stored and shown, a clock that only goes forward for timers, and the seed of jitter.
#[derive(Clone)]
pub struct Clock {
    wall: Wall,
    start: Instant,
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("start", &self.start).finish_non_exhaustive()
    }
}

impl Clock {
    pub fn new(wall: Wall) -> Self {
        Self { wall, start: Instant::now() }
    }

    /// Unix seconds.
    pub fn wall(&self) -> i64 {
        (self.wall)()
    }

    /// Milliseconds since the worker started.
    pub fn mono(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The instant of a [`Self::mono`] time.
    pub fn instant(&self, at: u64) -> Instant {
        self.start + Duration::from_millis(at)
    }
}

/// Notices that the machine slept or that its clock was set: timers stood still meanwhile, and connections may be dead
/// without a word.
#[derive(Debug)]
pub struct SleepWatch {
    wall: i64,
    mono: u64,
    told: Option<u64>,
    is_due: bool,
}

impl SleepWatch {
    /// How often to look.
    pub const LOOK: Duration = Duration::from_secs(20);
    /// Seconds by which the wall clock goes ahead of the timers when the machine sleeps.
    const JUMP: i64 = 10;
    /// Milliseconds between two alarms, however often the clock is set.
    const CALM: u64 = 60_000;

    pub fn new(clock: &Clock) -> Self {
        Self { wall: clock.wall(), mono: clock.mono(), told: None, is_due: false }
    }

    /// True where the wall clock went ahead since the last look.
    pub fn look(&mut self, clock: &Clock) -> bool {
        let (wall, mono) = (clock.wall(), clock.mono());
        let passed = i64::try_from(mono.saturating_sub(self.mono) / 1_000).unwrap_or(i64::MAX);
        self.is_due |= wall.saturating_sub(self.wall).saturating_sub(passed) >= Self::JUMP;
        (self.wall, self.mono) = (wall, mono);
        let is_calm = self.told.is_none_or(|told| mono.saturating_sub(told) >= Self::CALM);
        if self.is_due && is_calm {
            self.told = Some(mono);
            return std::mem::take(&mut self.is_due);
        }
        false
    }
}

/// Waiting times after failures: doubling from 1 s to 60 s, with up to a quarter of jitter.
#[derive(Clone, Debug)]
pub struct BackOff {
    failures: u32,
    random: u64,
}

impl BackOff {
    pub fn new(seed: u64) -> Self {
        Self { failures: 0, random: seed | 1 }
    }

    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next pause.
    pub fn next_pause(&mut self) -> Duration {
        let base = (1_000_u64 << self.failures.min(6)).min(60_000);
        self.failures = self.failures.saturating_add(1);
        // xorshift64: enough to keep two clients from knocking in step
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        Duration::from_millis(base + self.random % (base / 4).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_is_noticed_and_a_clock_set_back_is_none_and_nothing_alarms_twice_a_minute() {
        use std::sync::atomic::{AtomicI64, Ordering};
        const HOUR: i64 = 3_600;
        let ahead = Arc::new(AtomicI64::new(0));
        let (start, set) = (Instant::now(), ahead.clone());
        let wall = move || 1_800_000_000 + i64::try_from(start.elapsed().as_secs()).unwrap() + set.load(Ordering::SeqCst);
        let clock = Clock::new(Arc::new(wall));
        let mut watch = SleepWatch::new(&clock);
        for (jump, expected) in [
            (0, 0),
            (8, 0),
            (45, 1),
            (HOUR, 1),
            (-HOUR, 0),
            (24 * HOUR, 1),
            (-24 * HOUR, 0),
            (20 * 365 * 24 * HOUR, 1),
            (-30 * 365 * 24 * HOUR, 0),
        ] {
            ahead.fetch_add(jump, Ordering::SeqCst);
            let mut alarms = 0;
            for _ in 0..6 {
                tokio::time::advance(SleepWatch::LOOK).await;
                alarms += u32::from(watch.look(&clock));
            }
            assert_eq!(alarms, expected, "{jump}");
        }
        let mut alarms = 0;
        for _ in 0..30 {
            ahead.fetch_add(HOUR, Ordering::SeqCst);
            tokio::time::advance(SleepWatch::LOOK).await;
            alarms += u32::from(watch.look(&clock));
        }
        assert!((9..=10).contains(&alarms), "ten minutes of a clock that is set all the time: {alarms}");
    }

    #[test]
    fn pauses_grow_from_one_second_to_one_minute() {
        let mut back_off = BackOff::new(7);
        let pauses: Vec<u64> = (0..10).map(|_| back_off.next_pause().as_secs()).collect();
        assert!(pauses[0] <= 1 && pauses[5] >= 32 && pauses[9] >= 60 && pauses[9] <= 75, "{pauses:?}");
        back_off.reset();
        assert!(back_off.next_pause() < Duration::from_millis(1_300));
    }
}
