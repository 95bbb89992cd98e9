//! So many units a second: each reservation gets the time from which it may go on.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;

/// Time that went unused can be made up for, up to this much of it: timers are coarse, and a
/// rate is not missed for the sake of a millisecond.
const CATCH_UP: Duration = Duration::from_millis(100);

/// The state of one rate.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rate {
    /// When everything that was reserved will have had its time.
    used_until: Monotonic,
}

impl Rate {
    /// Reserves units; the answer is how long to wait before using them.
    pub(super) fn reserve(&mut self, now: Monotonic, units: u64, per_second: Option<u64>) -> Duration {
        let Some(per_second) = per_second else { return Duration::ZERO };
        let earliest = Monotonic(now.0.saturating_sub(CATCH_UP));
        let start = self.used_until.max(earliest);
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(per_second.max(1));
        self.used_until = start.after(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        start.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_wait_for_their_turn_and_a_pause_saves_up_little() {
        let now = Monotonic(Duration::from_secs(10));
        let mut rate = Rate::default();
        let waits: Vec<_> = (0..5).map(|_| rate.reserve(now, 1, Some(20)).as_millis()).collect();
        // 100 ms to make up for, at 50 ms each: three at once, and then one each 50 ms.
        assert_eq!(waits, [0, 0, 0, 50, 100]);
        let later = now.after(Duration::from_secs(60));
        let waits: Vec<_> = (0..4).map(|_| rate.reserve(later, 1, Some(20)).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 50]);
        assert_eq!(rate.reserve(later, 1 << 40, None), Duration::ZERO);
        assert!(rate.reserve(later, u64::MAX, Some(0)) > Duration::ZERO);
    }
}
