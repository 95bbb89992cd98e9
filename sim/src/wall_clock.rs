//! Clocks of the simulation: they run with the executor, and faults set the time of day of each forward
//! and back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::clock::{Clock, Monotonic, Sleep};

use crate::executor::Executor;

/// 2026-01-01 00:00:00 UTC, when every simulation begins.
const BEGIN_MS: i64 = 1_767_225_600_000;

/// The clock of a machine.
pub(crate) struct WallClock {
    executor: Executor,
    jumped_ms: AtomicI64,
}

impl WallClock {
    pub(crate) fn new(executor: &Executor) -> Self {
        Self { executor: executor.clone(), jumped_ms: AtomicI64::new(0) }
    }

    /// Sets the time of day forward or back.
    pub(crate) fn jump(&self, ms: i64) {
        self.jumped_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let elapsed_ms = i64::try_from(self.executor.now().as_millis()).unwrap_or(i64::MAX / 2);
        let shown_ms = BEGIN_MS + elapsed_ms + self.jumped_ms.load(Ordering::SeqCst);
        Timestamp::from_millisecond(shown_ms).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(self.executor.now())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.executor.sleep(duration)
    }
}

/// The time of day of a clock that never jumped.
pub(crate) fn true_time(at: Duration) -> Timestamp {
    let elapsed_ms = i64::try_from(at.as_millis()).unwrap_or(i64::MAX / 2);
    Timestamp::from_millisecond(BEGIN_MS + elapsed_ms).unwrap_or(Timestamp::MAX)
}
