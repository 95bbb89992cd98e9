//! A rate limit in units a second: each reservation gets the time from which it may go on.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;

/// The catch-up of a rate that a user sets: timers are coarse, and a rate is not missed for the sake of a
/// millisecond.
pub(super) const CATCH_UP: Duration = Duration::from_millis(100);

/// The state of one rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// When everything that was reserved will have had its time.
    used_until: Monotonic,
    /// Time that went unused can be made up for, up to this much of it.
    catch_up: Duration,
}

impl Rate {
    pub(super) fn new(catch_up: Duration) -> Self {
        Self { used_until: Monotonic::default(), catch_up }
    }

    /// Reserves units; the answer is how long to wait before using them.
    pub(super) fn reserve(&mut self, now: Monotonic, units: u64, per_second: Option<f64>) -> Duration {
        let Some(per_second) = per_second else { return Duration::ZERO };
        let earliest = Monotonic(now.0.saturating_sub(self.catch_up));
        let start = self.used_until.max(earliest);
        // A cast saturates.
        let nanos = units as f64 * 1e9 / per_second.max(1.0);
        self.used_until = start.after(Duration::from_nanos(nanos as u64));
        start.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_wait_for_their_turn_and_a_pause_saves_up_little() {
        let now = Monotonic(Duration::from_secs(10));
        let mut rate = Rate::new(CATCH_UP);
        let waits: Vec<_> = (0..5).map(|_| rate.reserve(now, 1, Some(20.0)).as_millis()).collect();
        // 100 ms to make up for, at 50 ms each: three at once, and then one each 50 ms.
        assert_eq!(waits, [0, 0, 0, 50, 100]);
        let later = now.after(Duration::from_secs(60));
        let waits: Vec<_> = (0..4).map(|_| rate.reserve(later, 1, Some(20.0)).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 50]);
        assert_eq!(rate.reserve(later, 1 << 40, None), Duration::ZERO);
        assert!(rate.reserve(later, u64::MAX, Some(0.0)) > Duration::ZERO);
    }
}
