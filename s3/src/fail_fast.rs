//! A store that fails fast, for a person who waits for the answer.
//!
//! A job waits while an endpoint's circuit is open; a command or a probe reports it and ends.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{Answer, Call, CallError, CancelToken, Effect};

use crate::retry::CircuitBreaker;

/// Passes calls on; when a circuit of the endpoint opens, fails the call with the circuit's reason.
pub struct FailFast {
    /// What calls are passed to.
    pub inner: Arc<dyn ObjectStore>,
    /// Of the same endpoint and credentials.
    pub breaker: Arc<CircuitBreaker>,
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
