//! The service clock, and what would be stored of it.

use brigade_model::limits::SERVICE_CLOCK_STORED_EVERY;
use brigade_model::ports::Clock;
use brigade_model::service_clock::{ServiceClock, StoredReading};

use crate::moment::Moment;

/// The clock of the process that has the store; clones of a store share it.
#[derive(Debug, Clone)]
pub(super) struct OpenClock {
    clock: ServiceClock,
    stored: StoredReading,
}

impl OpenClock {
    /// Goes on from what is stored; `None` begins one.
    pub(super) fn resume(stored: Option<StoredReading>, clock: &dyn Clock) -> Self {
        let resumed = ServiceClock::resume(stored, clock.now(), clock.monotonic());
        let Moment { service, wall, .. } = Moment::now(clock, &resumed);
        Self { clock: resumed, stored: StoredReading { service, wall } }
    }

    /// The same in the next process.
    pub(super) fn reopen(&mut self, clock: &dyn Clock) {
        *self = Self::resume(Some(self.stored), clock);
    }

    pub(super) fn now(&self, clock: &dyn Clock) -> Moment {
        Moment::now(clock, &self.clock)
    }

    /// Now, which is stored.
    pub(super) fn stamp(&mut self, clock: &dyn Clock) -> Moment {
        let now = self.now(clock);
        self.stored = StoredReading { service: now.service, wall: now.wall };
        now
    }

    /// Now, which is stored when nothing was for long.
    pub(super) fn read(&mut self, clock: &dyn Clock) -> Moment {
        let now = self.now(clock);
        let is_due = now.service.since(self.stored.service) >= SERVICE_CLOCK_STORED_EVERY;
        if is_due { self.stamp(clock) } else { now }
    }
}
