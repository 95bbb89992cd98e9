//! A store for a person who waits for an answer.
//!
//! A job waits out an endpoint that is away; a command, or a probe, says so and ends.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{Answer, Call, CallError, Effect, Leash};
use brigade_s3::retry::Gate;

/// Passes calls on until the gate of the endpoint closes.
pub(crate) struct Impatient {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) gate: Arc<Gate>,
}

#[async_trait]
impl ObjectStore for Impatient {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        let mut gate = self.gate.subscribe();
        tokio::select! {
            biased;
            answer = self.inner.call(leash, call) => answer,
            closed = gate.wait_for(Option::is_some) => {
                let closed = closed.ok().and_then(|closed| closed.clone());
                let closed = closed.expect("the gate outlives the call, and the wait was for a reason");
                Err(CallError::new(closed.verdict, Effect::Unknown, &closed.code, closed.message))
            }
        }
    }
}
