//! One moment, on every face of a clock.

use brigade_model::ports::{Clock, Monotonic};
use brigade_model::service_clock::ServiceClock;
use brigade_model::{ServiceTime, Timestamp};

/// The time of day is what people read; monotonic time is what leases expire by; by the service
/// clock are counted patience, confirmation and retention.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Monotonic,
    pub(crate) service: ServiceTime,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock, service: &ServiceClock) -> Self {
        let monotonic = clock.monotonic();
        Self { wall: clock.now(), monotonic, service: service.at(monotonic) }
    }
}
