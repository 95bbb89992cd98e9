//! Clocks over tokio's timer: the system's, and one whose time of day follows the timer too,
//! so that a test under paused time sees one consistent, instant time.
#![expect(clippy::disallowed_methods, reason = "this is the door through which time enters")]

use std::sync::atomic::{AtomicI64, Ordering};
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
}

impl SimulatedClock {
    /// A clock that shows `start` now. Call it inside a tokio runtime whose time is paused.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { origin: Instant::now(), start, jumped_ms: AtomicI64::new(0) }
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
        Monotonic(self.origin.elapsed())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
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
}
