//! When something happens, on both faces of a clock.

use brigade_model::Timestamp;
use brigade_model::ports::{Clock, Monotonic};

/// The time of day is what people read; monotonic time is what leases expire by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Monotonic,
}

impl Moment {
    pub(crate) fn now(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }
}
