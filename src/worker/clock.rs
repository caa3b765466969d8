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

    #[test]
    fn pauses_grow_from_one_second_to_one_minute() {
        let mut back_off = BackOff::new(7);
        let pauses: Vec<u64> = (0..10).map(|_| back_off.next_pause().as_secs()).collect();
        assert!(pauses[0] <= 1 && pauses[5] >= 32 && pauses[9] >= 60 && pauses[9] <= 75, "{pauses:?}");
        back_off.reset();
        assert!(back_off.next_pause() < Duration::from_millis(1_300));
    }
}
