//! Which attempts of a job's calls a store has not answered, and since when it has answered none of them.
//!
//! `http` notes each attempt of a job here, and each byte of an answer; what is not answered is told after:
//!
//! | an attempt | time without a byte of any answer to the job |
//! |---|---|
//! | whose bytes are known | `TOLD_AFTER`, and `per_mib` of the time-outs for each MiB that it moves |
//! | a copy of unknown size, the completion of an upload | `TOLD_AFTER_UNKNOWN` |
//!
//! An attempt of one job says nothing of another: they may use other buckets. What follows a failed attempt is
//! `retry`'s to tell.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::ports::object_store::{Call, CallKind, CopyObject};
use brigade_model::ports::{Clock, Monotonic};
use brigade_model::{BucketName, EndpointName, JobId, WaitCause, Waiting};

use crate::timeouts::Timeouts;

/// The reason is to be seen within two seconds, by readers that look twice a second.
const TOLD_AFTER: Duration = Duration::from_millis(1500);
/// What may be large has the time of 80 MiB at the pace of the time-outs: most copies of unknown size take less, and
/// a store that hangs is told long before the call's time-out.
const TOLD_AFTER_UNKNOWN: Duration = Duration::from_secs(10);

/// The attempts of jobs in flight to an endpoint with one pair of credentials.
pub struct Unanswered {
    endpoint: EndpointName,
    clock: Arc<dyn Clock>,
    jobs: Mutex<BTreeMap<JobId, JobCalls>>,
}

/// What is in flight for a job.
#[derive(Debug)]
struct JobCalls {
    /// When something of an answer came last.
    heard: Monotonic,
    next: u64,
    attempts: BTreeMap<u64, Attempt>,
}

#[derive(Debug)]
struct Attempt {
    began: Monotonic,
    told_after: Duration,
    kind: CallKind,
    bucket: BucketName,
}

impl Attempt {
    /// Since when it has stood still.
    fn silent_since(&self, heard: Monotonic) -> Monotonic {
        self.began.max(heard)
    }
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unanswered").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Unanswered {
    /// Of an endpoint that is asked nothing yet.
    #[must_use]
    pub fn at(endpoint: EndpointName, clock: Arc<dyn Clock>) -> Self {
        Self { endpoint, clock, jobs: Mutex::default() }
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<JobId, JobCalls>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first attempt of the job that has had no answer for long; `None` while answers come, or none is awaited.
    #[must_use]
    pub fn waiting(&self, job: JobId) -> Option<Waiting> {
        let now = self.clock.monotonic();
        let (since, kind, bucket) = {
            let jobs = self.jobs();
            let JobCalls { heard, attempts, .. } = jobs.get(&job)?;
            let silent = attempts.values().map(|attempt| (attempt.silent_since(*heard), attempt));
            let (since, attempt) = silent
                .filter(|(since, attempt)| now.since(*since) >= attempt.told_after)
                .min_by_key(|(since, _)| *since)?;
            (since, attempt.kind, attempt.bucket.clone())
        };
        let (name, cause) = (self.endpoint.to_string(), WaitCause::Answer);
        let what = format!("endpoint {name} has not answered yet");
        let since = self.clock.now().checked_sub(now.since(since)).ok();
        Some(Waiting { who: format!("{} in bucket {bucket}", kind.name()), cause, what, since, name })
    }

    /// The attempts of a call of the job.
    pub(crate) fn listener(self: &Arc<Self>, job: JobId, call: &Call) -> Listener {
        Listener { unanswered: Arc::clone(self), job, kind: call.kind(), bucket: call.bucket().clone() }
    }
}

/// Notes what is asked of the store for one call.
#[derive(Debug, Clone)]
pub(crate) struct Listener {
    unanswered: Arc<Unanswered>,
    job: JobId,
    kind: CallKind,
    bucket: BucketName,
}

impl Listener {
    /// An attempt of this call begins.
    pub(crate) fn begin(&self, timeouts: &Timeouts, call: &Call) -> InFlight {
        self.await_for(told_after(timeouts, call))
    }

    /// The next piece of a streamed body is awaited.
    pub(crate) fn await_piece(&self) -> InFlight {
        self.await_for(TOLD_AFTER)
    }

    fn await_for(&self, told_after: Duration) -> InFlight {
        let Self { unanswered, job, kind, bucket } = self;
        let began = unanswered.clock.monotonic();
        let mut jobs = unanswered.jobs();
        let new = || JobCalls { heard: began, next: 0, attempts: BTreeMap::new() };
        let calls = jobs.entry(*job).or_insert_with(new);
        let number = calls.next;
        calls.next += 1;
        calls.attempts.insert(number, Attempt { began, told_after, kind: *kind, bucket: bucket.clone() });
        drop(jobs);
        InFlight { listener: self.clone(), number }
    }
}

/// An attempt, or the next piece of a body, that is awaited until this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    listener: Listener,
    number: u64,
}

impl InFlight {
    /// Something of the answer came.
    pub(crate) fn hear(&self, now: Monotonic) {
        if let Some(calls) = self.listener.unanswered.jobs().get_mut(&self.listener.job) {
            calls.heard = calls.heard.max(now);
        }
    }

    /// The call, for its streamed body.
    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut jobs = self.listener.unanswered.jobs();
        let Some(calls) = jobs.get_mut(&self.listener.job) else { return };
        calls.attempts.remove(&self.number);
        if calls.attempts.is_empty() {
            jobs.remove(&self.listener.job);
        }
    }
}

/// The table at the head of this file.
fn told_after(timeouts: &Timeouts, call: &Call) -> Duration {
    match call {
        Call::CopyObject(CopyObject { size: None, .. }) | Call::CompleteMultipartUpload(_) => TOLD_AFTER_UNKNOWN,
        _ => TOLD_AFTER.saturating_add(timeouts.of(call).saturating_sub(timeouts.attempt)),
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::{At, GetObject, HeadObject, Request};
    use brigade_runtime::SimulatedClock;

    use super::*;

    fn job() -> JobId {
        JobId::from_u128(1)
    }

    fn at(bucket: &str) -> At {
        At { bucket: bucket.parse().unwrap(), key: "k".parse().unwrap() }
    }

    fn head(bucket: &str) -> Call {
        HeadObject { at: at(bucket), version: None }.into_call()
    }

    fn copy(size: Option<u64>) -> Call {
        CopyObject { size, ..CopyObject::plain(at("from"), at("to")) }.into_call()
    }

    struct Asking {
        clock: Arc<SimulatedClock>,
        unanswered: Arc<Unanswered>,
    }

    impl Asking {
        fn new() -> Self {
            let clock = Arc::new(SimulatedClock::new());
            let unanswered = Arc::new(Unanswered::at("main".parse().unwrap(), clock.clone()));
            Self { clock, unanswered }
        }

        fn send(&self, call: &Call) -> InFlight {
            self.unanswered.listener(job(), call).begin(&Timeouts::default(), call)
        }

        async fn pass(&self, milliseconds: u64) -> Option<String> {
            self.clock.sleep(Duration::from_millis(milliseconds)).await;
            self.unanswered.waiting(job()).map(|waiting| waiting.who)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_without_an_answer_is_told_after_a_second_and_a_half_until_an_answer_to_the_job_comes() {
        let asking = Asking::new();
        let (began, hanging) = (asking.clock.now(), asking.send(&head("photos")));
        assert_eq!(asking.pass(1499).await, None);
        assert_eq!(asking.pass(1).await.as_deref(), Some("HeadObject in bucket photos"));
        let told = asking.unanswered.waiting(job()).unwrap();
        assert_eq!((told.cause, told.since), (WaitCause::Answer, Some(began)));
        assert_eq!(told.what, "endpoint main has not answered yet");
        assert_eq!(asking.unanswered.waiting(JobId::from_u128(2)), None, "another job asks nothing");
        let other = asking.send(&head("photos"));
        other.hear(asking.clock.monotonic());
        drop(other);
        assert_eq!(asking.pass(1499).await, None, "the endpoint answers the job");
        assert!(asking.pass(1).await.is_some());
        drop(hanging);
        assert_eq!(asking.pass(5000).await, None);
        assert!(asking.unanswered.jobs().is_empty(), "nothing is kept of a job that asks nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_has_the_time_of_its_size_and_one_of_unknown_size_ten_seconds() {
        for (size, milliseconds) in [(Some(0), 1500), (Some(80 << 20), 11_500), (None, 10_000)] {
            let asking = Asking::new();
            let _copying = asking.send(&copy(size));
            assert_eq!(asking.pass(milliseconds - 1).await, None, "{size:?}");
            assert!(asking.pass(1).await.is_some(), "{size:?}");
        }
        let asking = Asking::new();
        let (_copying, _hanging) = (asking.send(&copy(Some(1 << 30))), asking.send(&head("photos")));
        assert_eq!(asking.pass(1500).await.as_deref(), Some("HeadObject in bucket photos"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_piece_by_piece_is_no_silence_and_one_that_stops_is() {
        let asking = Asking::new();
        let get = GetObject { at: at("photos"), version: None, range: None, if_match: None }.into_call();
        let listener = asking.send(&get).listener().clone();
        for _ in 0..5 {
            let piece = listener.await_piece();
            assert_eq!(asking.pass(1000).await, None);
            piece.hear(asking.clock.monotonic());
        }
        let _piece = listener.await_piece();
        assert_eq!(asking.pass(1500).await.as_deref(), Some("GetObject in bucket photos"));
    }
}
