//! A store for a person who waits for an answer.
//!
//! A job waits out an endpoint that is away; a command, or a probe, says so and ends.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{Answer, Call, CallError, CancelToken, Effect};
use brigade_s3::retry::CircuitBreaker;

/// Passes calls on until the circuit breaker of the endpoint closes.
pub(crate) struct FailFast {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) breaker: Arc<CircuitBreaker>,
}

#[async_trait]
impl ObjectStore for FailFast {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let mut breaker = self.breaker.subscribe();
        tokio::select! {
            biased;
            answer = self.inner.call(cancel, call) => answer,
            closed = breaker.wait_for(Option::is_some) => {
                let closed = closed.ok().and_then(|closed| closed.clone());
                let closed = closed.expect("the circuit breaker outlives the call, and the wait was for a reason");
                Err(CallError::new(closed.verdict, Effect::Unknown, &closed.code, closed.message))
            }
        }
    }
}
