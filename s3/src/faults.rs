//! Injects seeded faults around a store, for simulations. Errors stay honest: whenever the store may
//! have carried the call out, its effect is unknown.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{
    Answer, ByteStream, Call, CallError, CancelToken, Effect, GotObject, ObjectStore, Verdict,
};
use brigade_model::ports::{Clock, Entropy};
use bytes::Bytes;

/// How often each fault occurs, in parts per million of the calls, and when the store is down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultPlan {
    /// Lost before it was sent: nothing happened, and the caller knows.
    pub lost_before_ppm: u32,
    /// Lost on the way: nothing happened, and the caller cannot know.
    pub lost_on_the_way_ppm: u32,
    /// Lost after it was carried out: it happened, and the caller is not told.
    pub lost_after_ppm: u32,
    /// Answered with 503.
    pub throttled_ppm: u32,
    /// Late, by up to `late_max`.
    pub late_ppm: u32,
    /// The longest delay of a late answer.
    pub late_max: Duration,
    /// Held up on the way, by up to `held_up_max`, and carried out then.
    pub held_up_ppm: u32,
    /// The longest delay on the way.
    pub held_up_max: Duration,
    /// Streams of objects that are cut off on the way.
    pub cut_off_ppm: u32,
    /// When the store cannot be reached at all: from, until.
    pub away: Vec<(Monotonic, Monotonic)>,
}

/// Makes calls of the store inside go wrong.
pub struct Faults {
    inner: Arc<dyn ObjectStore>,
    plan: FaultPlan,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Faults {
    /// Makes calls of `inner` go wrong as planned; `entropy` decides which.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, plan: FaultPlan, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { inner, plan, clock, entropy }
    }

    fn strikes(&self, ppm: u32) -> bool {
        self.entropy.below(1_000_000) < u64::from(ppm)
    }

    fn is_away(&self) -> bool {
        let now = self.clock.monotonic();
        self.plan.away.iter().any(|(from, until)| (*from..*until).contains(&now))
    }

    /// A fault in place of the call.
    fn before(&self) -> Option<CallError> {
        if self.is_away() {
            let error = CallError::new(Verdict::Unavailable, Effect::None, "ConnectFailed", "the store is away");
            return Some(CallError { attempts: 0, ..error });
        }
        if self.strikes(self.plan.throttled_ppm) {
            let error = CallError::new(Verdict::Throttled, Effect::None, "SlowDown", "reduce your request rate");
            return Some(CallError { http_status: Some(503), ..error });
        }
        if self.strikes(self.plan.lost_before_ppm) {
            let unsent = lost("the connection broke before the request was sent");
            return Some(CallError { effect: Effect::None, attempts: 0, ..unsent });
        }
        self.strikes(self.plan.lost_on_the_way_ppm).then(|| lost("the connection broke"))
    }

    async fn be_late(&self, ppm: u32, most: Duration) {
        if self.strikes(ppm) {
            let most_ms = u64::try_from(most.as_millis()).unwrap_or(u64::MAX - 1);
            self.clock.sleep(Duration::from_millis(self.entropy.below(most_ms + 1))).await;
        }
    }

    /// A stream that breaks before its last byte.
    fn cut(&self, GotObject { head, body }: GotObject) -> GotObject {
        let left = self.entropy.below(head.size);
        GotObject { head, body: Box::new(Cut { body, left, is_broken: false }) }
    }
}

fn lost(message: &str) -> CallError {
    CallError::new(Verdict::Transient, Effect::Unknown, "ConnectionReset", message)
}

#[async_trait]
impl ObjectStore for Faults {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if let Some(fault) = self.before() {
            return Err(fault);
        }
        self.be_late(self.plan.held_up_ppm, self.plan.held_up_max).await;
        let result = self.inner.call(cancel, call).await;
        self.be_late(self.plan.late_ppm, self.plan.late_max).await;
        if self.strikes(self.plan.lost_after_ppm) || self.is_away() {
            return Err(lost("the connection broke before the answer"));
        }
        match result {
            Ok(Answer::GetObject(object)) if self.strikes(self.plan.cut_off_ppm) => {
                Ok(Answer::GetObject(Box::new(self.cut(*object))))
            }
            other => other,
        }
    }
}

/// So many bytes, and then an error.
struct Cut {
    body: Box<dyn ByteStream>,
    left: u64,
    is_broken: bool,
}

#[async_trait]
impl ByteStream for Cut {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        if self.is_broken {
            return None;
        }
        if self.left == 0 {
            self.is_broken = true;
            let code = "IncompleteAnswer".to_owned();
            return Some(Err(CallError { code, ..lost("the connection broke within the object") }));
        }
        let piece = self.body.next().await?;
        Some(piece.map(|mut bytes| {
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= bytes.len() as u64;
            bytes
        }))
    }
}

#[cfg(test)]
mod tests;
