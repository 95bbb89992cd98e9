//! The only source of time.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::Timestamp;

/// Time since an unspecified origin of this process; never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// This much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// How long after `earlier`; zero when it was later.
    #[must_use]
    pub fn since(self, earlier: Monotonic) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A timer: done when its time has come.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wall time, monotonic time and timers.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, for what people and signatures read. May jump.
    fn now(&self) -> Timestamp;

    /// Time for measuring and for leases. Never jumps.
    fn monotonic(&self) -> Monotonic;

    /// Waits that long.
    fn sleep(&self, duration: Duration) -> Sleep;
}
