//! The service clock, by which patience, retention and confirmation are counted.
//!
//! An operator may set the time of day forward or back; it then says nothing of how long a job has
//! waited. Monotonic time says it, but begins anew with each process. The service clock is both:
//! while a process runs it advances by monotonic time, and its stored value lets the next process
//! go on. Over the gap between them only the time of day tells, so that counts there, at most
//! [`SERVICE_CLOCK_GAP_MAX`] of it and never backwards.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::limits::SERVICE_CLOCK_GAP_MAX;
use crate::ports::Monotonic;

/// A moment of the service clock. The clock of a new store begins with the time of day, so that
/// what was stored before there was one is a moment of it; from then on the two may differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceTime(pub Duration);

impl ServiceTime {
    /// What a clock that begins at this time of day shows; a time before 1970 is its origin.
    #[must_use]
    pub fn beginning(wall: Timestamp) -> Self {
        Self(wall.duration_since(Timestamp::UNIX_EPOCH).try_into().unwrap_or_default())
    }

    /// This much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// This much earlier; not before the origin.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }

    /// How long after `earlier`; zero when it was later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// What is stored of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredReading {
    /// What it showed.
    pub service: ServiceTime,
    /// The time of day then.
    pub wall: Timestamp,
}

/// The service clock of one process, from its start on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceClock {
    start: ServiceTime,
    origin: Monotonic,
    missed_ms: i64,
}

impl ServiceClock {
    /// Goes on from what was stored last, at this moment by both clocks of the process.
    #[must_use]
    pub fn resume(stored: Option<StoredReading>, wall: Timestamp, origin: Monotonic) -> Self {
        let Some(stored) = stored else {
            return Self { start: ServiceTime::beginning(wall), origin, missed_ms: 0 };
        };
        let gap = wall.duration_since(stored.wall);
        let counted = Duration::try_from(gap).unwrap_or_default().min(SERVICE_CLOCK_GAP_MAX);
        let ms = |ms: i128| i64::try_from(ms).unwrap_or(i64::MAX);
        let missed_ms = ms(gap.as_millis()).saturating_sub(ms(counted.as_millis().cast_signed()));
        Self { start: stored.service.after(counted), origin, missed_ms }
    }

    /// What it shows at that moment of the process.
    #[must_use]
    pub fn at(&self, now: Monotonic) -> ServiceTime {
        self.start.after(now.since(self.origin))
    }

    /// How far the time of day had moved at the start beyond what was counted: negative where it
    /// had gone back; positive after more than a day, or where it was set forward.
    #[must_use]
    pub fn missed_ms(&self) -> i64 {
        self.missed_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 86_400;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seconds(seconds: u64) -> ServiceTime {
        ServiceTime(Duration::from_secs(seconds))
    }

    #[test]
    fn a_start_counts_the_time_of_day_since_the_last_reading_at_most_a_day_and_never_backwards() {
        let stored = StoredReading { service: seconds(500), wall: at(1_000_000) };
        // By how much the time of day differs, what of it counts, and what does not.
        let gaps = [
            (0, 0, 0),
            (1, 1, 0),
            (DAY_S, DAY_S, 0),
            (DAY_S + 1, DAY_S, 1),
            (365 * DAY_S, DAY_S, 364 * DAY_S),
            (-1, 0, -1),
            (-365 * DAY_S, 0, -365 * DAY_S),
        ];
        for (gap, counted, missed) in gaps {
            let clock = ServiceClock::resume(Some(stored), at(1_000_000 + gap), Monotonic::default());
            assert_eq!(clock.at(Monotonic::default()), seconds(500 + counted.unsigned_abs()), "{gap}");
            assert_eq!(clock.missed_ms(), missed * 1000, "{gap}");
        }
    }

    #[test]
    fn while_a_process_runs_the_service_clock_is_as_fast_as_monotonic_time() {
        let origin = Monotonic(Duration::from_secs(7));
        let clock = ServiceClock::resume(None, at(1000), origin);
        assert_eq!(clock.at(origin), seconds(1000));
        assert_eq!(clock.at(origin.after(Duration::from_secs(90))), seconds(1090));
        assert_eq!(clock.at(Monotonic::default()), seconds(1000), "never before its start");
    }

    #[test]
    fn a_service_clock_begins_with_the_time_of_day_and_not_before_1970() {
        assert_eq!(ServiceTime::beginning(at(12)), seconds(12));
        assert_eq!(ServiceTime::beginning(at(-12)), ServiceTime::default());
    }
}
