//! Limits an endpoint's requests in flight and per second: hard caps, and under them an adaptive
//! limit for each bucket and class of calls.
//!
//! A call waits in the queue of its bucket and class. A free permit goes to the queues in turn, in
//! each queue to the accounts in turn, and to the jobs of each. A GetObject holds its permit until
//! its stream ends. [`LimitHandle`] changes caps, and stops everything, while calls run and wait.
//!
//! No attempt outlives its lease: `Limit` drops an attempt in flight when its cancel token ends, before
//! another worker may take the work over.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::names::BucketName;
use brigade_model::ports::object_store::{
    Answer, ByteStream, Call, CallClass, CallError, Caller, CancelToken, Effect, GotObject, ObjectStore, Verdict,
};
use brigade_model::ports::{Clock, Monotonic};
use bytes::Bytes;

use crate::timeouts::Timeouts;

mod adaptive;
mod answered;
mod fair;
mod lanes;
mod queue;
mod rate;

pub use adaptive::Reason;
pub use answered::Answered;
use queue::{Permit, Queue, TooMany};

/// Hard caps; `None` is no cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Requests in flight, at least 1.
    pub requests: u32,
    /// Whether the store decides how many of these are used, for each bucket and class of calls.
    pub is_adaptive: bool,
    /// Requests started in a second.
    pub requests_per_second: Option<u32>,
    /// Objects a second that requests are about: a request that deletes a thousand is a thousand.
    pub objects_per_second: Option<u32>,
    /// Bytes of bodies in flight; a single larger body passes alone.
    pub bytes: Option<u64>,
    /// Bytes of bodies in a second.
    pub bytes_per_second: Option<u64>,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            requests: 1024,
            is_adaptive: true,
            requests_per_second: None,
            objects_per_second: None,
            bytes: None,
            bytes_per_second: None,
        }
    }
}

/// What a limit begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitConfig {
    /// Hard caps.
    pub caps: Caps,
    /// What an attempt may take: none starts that the lease is too short for.
    pub timeouts: Timeouts,
}

/// What goes on inside a limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Requests in flight.
    pub requests: u32,
    /// Bytes of bodies in flight.
    pub bytes: u64,
    /// Calls that wait for a permit.
    pub waiting: usize,
    /// The adaptive limits.
    pub adaptive: Vec<AdaptiveUsage>,
    /// How often limits of a class moved for which reason, all buckets together, since the process began.
    pub moves: Vec<(CallClass, Reason, u64)>,
}

/// What goes on under one adaptive limit.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveUsage {
    /// The bucket; `None` for all buckets beyond the number that is told apart.
    pub bucket: Option<BucketName>,
    /// The class of calls.
    pub class: CallClass,
    /// Requests that may be in flight now.
    pub limit: u32,
    /// Requests in flight.
    pub requests: u32,
    /// Calls that wait for a permit.
    pub waiting: usize,
    /// Objects that were answered lately.
    pub answered: Answered,
    /// Objects a second that may begin, where the store asked to slow down.
    pub pace: Option<f64>,
    /// Half of the latest answers took no longer.
    pub latency_p50: Duration,
    /// Of a hundred of the latest answers, 99 took no longer.
    pub latency_p99: Duration,
    /// Why the limit last moved.
    pub reason: Reason,
}

/// A limit that was found by trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// The bucket; `None` for all buckets beyond the number that is told apart.
    pub bucket: Option<BucketName>,
    /// The class of calls.
    pub class: CallClass,
    /// Requests in flight.
    pub limit: u32,
    /// When callers last used all of it.
    pub at: Monotonic,
}

/// The handle of a limit: changes its caps and shows its use. Clones are one handle.
#[derive(Debug, Clone)]
pub struct LimitHandle(Arc<Queue>);

impl LimitHandle {
    /// A limit that nothing is called through yet.
    #[must_use]
    pub fn new(caps: Caps) -> Self {
        Self(Arc::new(Queue::new(caps)))
    }

    /// The caps of now.
    #[must_use]
    pub fn caps(&self) -> Caps {
        self.0.caps()
    }

    /// Applies these caps to all later and waiting calls; requests in flight stay.
    pub fn set_caps(&self, caps: Caps) {
        self.0.set_caps(caps);
    }

    /// Whether no request begins.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }

    /// Lets no request begin from now on, or lets them begin again; requests in flight stay.
    pub fn set_stopped(&self, is_stopped: bool) {
        self.0.set_stopped(is_stopped);
    }

    /// Whether further calls of this caller would go to the store soon: fewer of its calls wait than a
    /// quarter of what may be in flight. How many calls of others wait does not matter: callers are
    /// served in turn.
    #[must_use]
    pub fn has_room_for(&self, caller: Caller) -> bool {
        self.0.has_room_for(caller)
    }

    /// Requests in flight to be expected of one bucket and class of calls.
    #[must_use]
    pub fn expected(&self) -> u32 {
        self.0.expected()
    }

    /// The limits that callers used and that were found by trying; none of what says nothing about the store.
    #[must_use]
    pub fn learned(&self) -> Vec<Learned> {
        self.0.learned()
    }

    /// Replaces the limits learned earlier: new adaptive limits begin at half of these.
    pub fn begin_with(&self, learned: impl IntoIterator<Item = (Option<BucketName>, CallClass, u32)>) {
        self.0.begin_with(learned);
    }

    /// What goes on now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.0.usage()
    }
}

/// Lets calls through to the store inside as the caps allow.
pub struct Limit {
    inner: Arc<dyn ObjectStore>,
    queue: Arc<Queue>,
    timeouts: Timeouts,
    clock: Arc<dyn Clock>,
}

impl Limit {
    /// Limits the calls of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn ObjectStore>, config: LimitConfig, clock: Arc<dyn Clock>) -> Self {
        Self { inner, queue: Arc::new(Queue::new(config.caps)), timeouts: config.timeouts, clock }
    }

    /// Limits the calls of `inner` together with all others of that handle: other credentials of
    /// the same endpoint.
    #[must_use]
    pub fn sharing(
        inner: Arc<dyn ObjectStore>,
        handle: &LimitHandle,
        timeouts: Timeouts,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { inner, queue: Arc::clone(&handle.0), timeouts, clock }
    }

    /// The handle to change and to watch it.
    #[must_use]
    pub fn handle(&self) -> LimitHandle {
        LimitHandle(Arc::clone(&self.queue))
    }

    /// A permit, once one is free and its time has come, unless the cancel token ends first.
    async fn permit(&self, cancel: &CancelToken, call: &Call) -> Result<Permit, CallError> {
        let granted = async {
            let mut permit =
                self.queue.acquire(call.bucket(), call.kind().class(), cancel.caller(), call.bytes_on_wire()).await;
            permit.wait_to_start(&*self.clock, call.objects(), bytes_sent(call)).await.map(|()| permit)
        };
        let permit = tokio::select! {
            biased;
            permit = granted => permit.map_err(|TooMany| CallError::too_many_objects())?,
            () = cancel.ended(&*self.clock) => return Err(stopped()),
        };
        // The wait may have been long.
        let may_start = cancel.may_start(self.clock.monotonic(), self.timeouts.to_start(call));
        may_start.then_some(permit).ok_or_else(stopped)
    }
}

/// Bytes that the request itself carries; those of an answer count as they come.
fn bytes_sent(call: &Call) -> u64 {
    if matches!(call, Call::GetObject(_)) { 0 } else { call.bytes_on_wire() }
}

fn stopped() -> CallError {
    let error = CallError::new(Verdict::Stopped, Effect::None, "Stopped", "stopped while it waited for a permit");
    CallError { attempts: 0, ..error }
}

/// The lease has ended before the answer came.
fn ended() -> CallError {
    CallError::new(Verdict::Stopped, Effect::Unknown, "Stopped", "the lease ended before the answer came")
}

#[async_trait]
impl ObjectStore for Limit {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let mut permit = self.permit(cancel, &call).await?;
        let objects = call.objects();
        let result = tokio::select! {
            biased;
            result = self.inner.call(cancel, call) => result,
            () = cancel.over(&*self.clock) => Err(ended()),
        };
        permit.learn(&result, objects, self.clock.monotonic());
        match result {
            Ok(Answer::GetObject(got)) => {
                let GotObject { head, body } = *got;
                permit.cover(head.size);
                let (permit, cancel, clock) = (Some(permit), cancel.clone(), Arc::clone(&self.clock));
                let body = Box::new(Permitted { body, permit, cancel, clock });
                Ok(Answer::GetObject(Box::new(GotObject { head, body })))
            }
            other => other,
        }
    }
}

/// A stream that holds its permit until it ends.
struct Permitted {
    body: Box<dyn ByteStream>,
    permit: Option<Permit>,
    cancel: CancelToken,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl ByteStream for Permitted {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        let piece = tokio::select! {
            biased;
            piece = self.body.next() => piece,
            () = self.cancel.over(&*self.clock) => Some(Err(ended())),
        };
        match (&piece, &self.permit) {
            (Some(Ok(bytes)), Some(permit)) => {
                permit.wait_for_bytes(&*self.clock, bytes.len() as u64).await;
            }
            _ => self.permit = None,
        }
        piece
    }
}

#[cfg(test)]
mod tests;
