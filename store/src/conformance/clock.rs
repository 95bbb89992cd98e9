//! A clock that advances only when a test tells it to, also across threads outside any runtime.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::Monotonic;
use brigade_model::ports::clock::{Clock, Sleep};

/// A clock that shows 2026-01-01 00:00:00 UTC plus what has passed, unless it is set. Sleeping makes
/// time pass.
#[derive(Debug, Default)]
pub struct ManualClock {
    passed_ms: AtomicU64,
    set_s: AtomicI64,
}

impl ManualClock {
    /// Lets time pass, to the millisecond.
    pub fn pass(&self, time: Duration) {
        self.passed_ms.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Sets the time of day forward, or back; monotonic time does not notice.
    pub fn set(&self, by_s: i64) {
        self.set_s.fetch_add(by_s, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let begin = 1_767_225_600 + self.set_s.load(Ordering::SeqCst);
        Timestamp::from_second(begin).unwrap() + self.monotonic().0
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.passed_ms.load(Ordering::SeqCst)))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.pass(duration);
        Box::pin(std::future::ready(()))
    }
}
