//! Seeded faults around a store, for simulations.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{Answer, Call, CallError, Leash, ObjectStore};
use brigade_model::ports::{Clock, Entropy};

/// How often what goes wrong, in parts per million of the calls, and when the store is away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Lost before it was sent: nothing happened.
    pub lost_before_ppm: u32,
    /// Lost after it was carried out: it happened, and the caller is not told.
    pub lost_after_ppm: u32,
    /// Answered with 503.
    pub throttled_ppm: u32,
    /// Late, by up to `late_max`.
    pub late_ppm: u32,
    /// The longest delay of a late answer.
    pub late_max: Duration,
    /// Streams of objects that are cut off on the way.
    pub cut_off_ppm: u32,
    /// When the store cannot be reached at all: from, until.
    pub away: Vec<(Monotonic, Monotonic)>,
}

/// Makes calls of the store inside go wrong.
pub struct Faults {
    inner: Arc<dyn ObjectStore>,
    _plan: FaultPlan,
    _clock: Arc<dyn Clock>,
    _entropy: Arc<dyn Entropy>,
}

impl Faults {
    /// Makes calls of `inner` go wrong as planned; `entropy` decides which.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, plan: FaultPlan, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { inner, _plan: plan, _clock: clock, _entropy: entropy }
    }
}

#[async_trait]
impl ObjectStore for Faults {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        self.inner.call(leash, call).await
    }
}
