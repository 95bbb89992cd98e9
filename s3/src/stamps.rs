//! Learns an endpoint's clock from its answers: wraps the store directly, so that its readings before
//! and after a call bound one attempt.
//!
//! Only the answer of a CopyObject says when an object was written. An object made of parts may carry
//! the time at which its upload began, so CompleteMultipartUpload does not count.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::StoreClock;
use brigade_model::ports::object_store::{Answer, Call, CallError, CancelToken, ObjectStore};

/// Observes the stamps in the answers of the store inside.
pub struct Stamps {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<StoreClock>,
}

impl Stamps {
    /// Tells `clock` what the answers of `inner` say.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, clock: Arc<StoreClock>) -> Self {
        Self { inner, clock }
    }
}

#[async_trait]
impl ObjectStore for Stamps {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if !matches!(call, Call::CopyObject(_)) {
            return self.inner.call(cancel, call).await;
        }
        let sent = self.clock.read();
        let answer = self.inner.call(cancel, call).await;
        if let Ok(Answer::CopyObject(done)) = &answer
            && let Some(modified) = done.modified
        {
            self.clock.observe_copy(sent, modified);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::BucketName;
    use brigade_model::ports::object_store::{At, CopyObject, HeadObject, PutObject, send};
    use brigade_runtime::{SeededEntropy, SimulatedClock, SkewedClock};

    use super::*;
    use crate::simulated::{SimulatedConfig, SimulatedStore, Versioning};

    fn at(key: &str) -> At {
        At { bucket: BucketName::new("photos").unwrap(), key: key.parse().unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_of_a_copy_bounds_the_clock_of_the_store_and_no_other_answer_does() {
        let ours = Arc::new(SimulatedClock::new());
        let theirs = Arc::new(SkewedClock::ahead_of(ours.clone(), -3000));
        let store = SimulatedStore::new(SimulatedConfig::default(), theirs, Arc::new(SeededEntropy::new(1)));
        store.create_bucket(&at("a").bucket, Versioning::Off).unwrap();
        let clock = Arc::new(StoreClock::new(ours));
        let stamps = Stamps::new(Arc::new(store), clock.clone());
        let cancel = CancelToken::unbounded();
        let put = PutObject::new(at("a"), "a", Default::default());
        send(&stamps, &cancel, put).await.unwrap();
        send(&stamps, &cancel, HeadObject { at: at("a"), version: None }).await.unwrap();
        assert_eq!(clock.offset(), None);
        send(&stamps, &cancel, CopyObject::plain(at("a"), at("b"))).await.unwrap();
        let offset = clock.offset().unwrap();
        assert!(offset.low_ms <= -3000 && -3000 <= offset.high_ms, "{offset:?}");
        assert!(offset.high_ms - offset.low_ms < 2000, "{offset:?}");
    }
}
