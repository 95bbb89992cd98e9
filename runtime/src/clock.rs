//! Clocks over tokio's timer: the system's; one whose time of day follows the timer too, so that a
//! test under paused time sees one consistent, instant time; and one that is wrong by some offset
//! beside another.
#![expect(clippy::disallowed_methods, reason = "this is the door through which time enters")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::clock::{Clock, Monotonic, Sleep};
use tokio::time::Instant;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.origin.elapsed())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that begins at a given time of day and goes as fast as tokio's timer: at once,
/// under paused time.
#[derive(Debug)]
pub struct SimulatedClock {
    origin: Instant,
    start: Timestamp,
    jumped_ms: AtomicI64,
    passed_ms: AtomicU64,
}

impl SimulatedClock {
    /// A clock that shows `start` now. Call it inside a tokio runtime whose time is paused.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { origin: Instant::now(), start, jumped_ms: AtomicI64::new(0), passed_ms: AtomicU64::new(0) }
    }

    /// A clock that shows 2026-01-01 00:00:00 UTC now.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(Timestamp::constant(1_767_225_600, 0))
    }

    /// Sets the time of day forward or back; monotonic time does not notice.
    pub fn jump(&self, ms: i64) {
        self.jumped_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Lets time pass at once, by both clocks; timers do not notice.
    pub fn pass(&self, ms: u32) {
        self.jump(ms.into());
        self.passed_ms.fetch_add(ms.into(), Ordering::SeqCst);
    }
}

impl Default for SimulatedClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let elapsed_ms = i64::try_from(self.origin.elapsed().as_millis()).unwrap_or(i64::MAX);
        let shown_ms = self.start.as_millisecond() + elapsed_ms + self.jumped_ms.load(Ordering::SeqCst);
        Timestamp::from_millisecond(shown_ms).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.origin.elapsed() + Duration::from_millis(self.passed_ms.load(Ordering::SeqCst)))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that is wrong beside another: ahead or behind, and drifting. What it measures and its
/// timers are the other's.
pub struct SkewedClock {
    inner: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
    drift_ppm: AtomicI64,
    /// Since when it drifts.
    origin: Monotonic,
}

impl SkewedClock {
    /// A clock that is ahead of `inner` by so much; behind it, when negative.
    #[must_use]
    pub fn ahead_of(inner: Arc<dyn Clock>, ahead_ms: i64) -> Self {
        let origin = inner.monotonic();
        Self { inner, ahead_ms: AtomicI64::new(ahead_ms), drift_ppm: AtomicI64::new(0), origin }
    }

    /// Lets it get ahead by so many microseconds a second; behind, when negative.
    #[must_use]
    pub fn drifting(self, ppm: i64) -> Self {
        self.drift_ppm.store(ppm, Ordering::SeqCst);
        self
    }

    /// Sets it: from now on it is ahead by so much more.
    pub fn set(&self, by_ms: i64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let elapsed_ms = i64::try_from(self.inner.monotonic().since(self.origin).as_millis()).unwrap_or(i64::MAX);
        let drifted_ms = elapsed_ms.saturating_mul(self.drift_ppm.load(Ordering::SeqCst)) / 1_000_000;
        let shown_ms = self.inner.now().as_millisecond() + drifted_ms + self.ahead_ms.load(Ordering::SeqCst);
        Timestamp::from_millisecond(shown_ms).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Monotonic {
        self.inner.monotonic()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.inner.sleep(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_time_passes_at_once_and_only_the_time_of_day_jumps() {
        let clock = SimulatedClock::new();
        let (day, origin) = (clock.now(), clock.monotonic());
        clock.sleep(Duration::from_secs(7200)).await;
        assert_eq!(clock.now().duration_since(day).as_secs(), 7200);
        assert_eq!(clock.monotonic().since(origin), Duration::from_secs(7200));
        clock.jump(-7_200_000);
        assert_eq!(clock.now(), day);
        assert_eq!(clock.monotonic().since(origin), Duration::from_secs(7200));
    }

    #[tokio::test(start_paused = true)]
    async fn time_that_passes_at_once_passes_for_both_clocks() {
        let clock = SimulatedClock::new();
        let (day, origin) = (clock.now(), clock.monotonic());
        clock.pass(70_000);
        assert_eq!(clock.now().duration_since(day).as_secs(), 70);
        assert_eq!(clock.monotonic().since(origin), Duration::from_secs(70));
    }

    #[tokio::test(start_paused = true)]
    async fn a_skewed_clock_is_ahead_drifts_and_can_be_set() {
        let clock = Arc::new(SimulatedClock::new());
        let skewed = SkewedClock::ahead_of(clock.clone(), -3000).drifting(100);
        let behind_ms = || clock.now().as_millisecond() - skewed.now().as_millisecond();
        assert_eq!(behind_ms(), 3000);
        skewed.sleep(Duration::from_secs(10_000)).await;
        assert_eq!(behind_ms(), 2000);
        skewed.set(5000);
        assert_eq!(behind_ms(), -3000);
        assert_eq!(clock.monotonic(), skewed.monotonic());
    }
}
