//! Which attempts of a job's calls a store has not answered, and since when it has answered none of them.
//!
//! `http` notes each attempt of a job here, and each byte of an answer; what is not answered is told after:
//!
//! | an attempt | time without a byte of any answer to the job |
//! |---|---|
//! | whose bytes are known | `TOLD_AFTER`, and `per_mib` of the time-outs for each MiB that it moves |
//! | a copy of unknown size, the completion of an upload | `TOLD_AFTER_UNKNOWN` |
//!
//! A store that is slow and answers is no silence: nothing is told before thrice the time that answers took lately, so that
//! a job whose calls take some seconds each does not say and unsay it. Bytes have their time besides.
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
/// A wait of so many times what answers took lately is none of the usual ones.
const OF_USUAL: u32 = 3;

/// The attempts of jobs in flight to an endpoint with one pair of credentials.
pub struct Unanswered {
    endpoint: EndpointName,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    jobs: BTreeMap<JobId, JobCalls>,
    /// The longest that an answer took lately: each further one forgets an eighth of it.
    usual: Duration,
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
    /// The time that its bytes have besides.
    for_bytes: Duration,
    is_heard: bool,
    awaited: Awaited,
    kind: CallKind,
    bucket: BucketName,
}

/// For what an answer is awaited, as far as that says how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// For something that is done soon, or a piece of a body.
    Soon,
    /// For a copy of so many bytes, if they are known.
    Copy(Option<u64>),
    /// For parts that are put together.
    Completion,
}

impl Awaited {
    fn of(call: &Call) -> Self {
        match call {
            Call::CopyObject(CopyObject { size, .. }) => Awaited::Copy(*size),
            Call::UploadPartCopy(_) => Awaited::Copy(Some(call.bytes_moved())),
            Call::CompleteMultipartUpload(_) => Awaited::Completion,
            _ => Awaited::Soon,
        }
    }

    /// The table at the head of this file, without the time for bytes.
    fn told_after(self) -> Duration {
        match self {
            Awaited::Copy(None) | Awaited::Completion => TOLD_AFTER_UNKNOWN,
            Awaited::Copy(Some(_)) | Awaited::Soon => TOLD_AFTER,
        }
    }

    /// What the endpoint owes: a large copy is no store that hangs.
    fn not_answered(self, endpoint: &str) -> String {
        match self {
            Awaited::Soon => format!("endpoint {endpoint} has not answered yet"),
            Awaited::Copy(Some(bytes)) => format!("endpoint {endpoint} has not answered a copy of {bytes} bytes yet"),
            Awaited::Copy(None) => {
                format!("endpoint {endpoint} has not answered a copy of unknown size yet; a large one takes long")
            }
            Awaited::Completion => {
                format!("endpoint {endpoint} has not answered the completion of an upload yet; a large one takes long")
            }
        }
    }
}

impl Attempt {
    /// Since when it has stood still.
    fn silent_since(&self, heard: Monotonic) -> Monotonic {
        self.began.max(heard)
    }

    /// Whether it has stood still for long, where answers usually take that long.
    fn is_overdue(&self, silent: Duration, usual: Duration) -> bool {
        silent >= self.awaited.told_after().max(usual.saturating_mul(OF_USUAL)).saturating_add(self.for_bytes)
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
        Self { endpoint, clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first attempt of the job that has had no answer for long; `None` while answers come, or none is awaited.
    #[must_use]
    pub fn waiting(&self, job: JobId) -> Option<Waiting> {
        let now = self.clock.monotonic();
        let (since, awaited, kind, bucket) = {
            let State { jobs, usual } = &*self.state();
            let JobCalls { heard, attempts, .. } = jobs.get(&job)?;
            let silent = attempts.values().map(|attempt| (attempt.silent_since(*heard), attempt));
            let (since, attempt) = silent
                .filter(|(since, attempt)| attempt.is_overdue(now.since(*since), *usual))
                .min_by_key(|(since, _)| *since)?;
            (since, attempt.awaited, attempt.kind, attempt.bucket.clone())
        };
        let (name, cause) = (self.endpoint.to_string(), WaitCause::Answer);
        let what = awaited.not_answered(&name);
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
        self.await_for(Awaited::of(call), timeouts.for_bytes(call))
    }

    /// The next piece of a streamed body is awaited.
    pub(crate) fn await_piece(&self) -> InFlight {
        self.await_for(Awaited::Soon, Duration::ZERO)
    }

    fn await_for(&self, awaited: Awaited, for_bytes: Duration) -> InFlight {
        let Self { unanswered, job, kind, bucket } = self;
        let began = unanswered.clock.monotonic();
        let (kind, bucket) = (*kind, bucket.clone());
        let mut state = unanswered.state();
        let new = || JobCalls { heard: began, next: 0, attempts: BTreeMap::new() };
        let calls = state.jobs.entry(*job).or_insert_with(new);
        let number = calls.next;
        calls.next += 1;
        let attempt = Attempt { began, for_bytes, is_heard: false, awaited, kind, bucket };
        calls.attempts.insert(number, attempt);
        drop(state);
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
        let State { jobs, usual } = &mut *self.listener.unanswered.state();
        let Some(calls) = jobs.get_mut(&self.listener.job) else { return };
        calls.heard = calls.heard.max(now);
        if let Some(attempt) = calls.attempts.get_mut(&self.number).filter(|attempt| !attempt.is_heard) {
            attempt.is_heard = true;
            let took = now.since(attempt.began).saturating_sub(attempt.for_bytes);
            *usual = took.max(*usual - *usual / 8);
        }
    }

    /// The call, for its streamed body.
    pub(crate) fn listener(&self) -> &Listener {
        &self.listener
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.listener.unanswered.state();
        let Some(calls) = state.jobs.get_mut(&self.listener.job) else { return };
        calls.attempts.remove(&self.number);
        if calls.attempts.is_empty() {
            state.jobs.remove(&self.listener.job);
        }
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
        assert!(asking.unanswered.state().jobs.is_empty(), "nothing is kept of a job that asks nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_has_the_time_of_its_size_and_one_of_unknown_size_ten_seconds_and_is_told_as_what_it_is() {
        for (size, milliseconds, what) in [
            (Some(0), 1500, "a copy of 0 bytes yet"),
            (Some(80 << 20), 11_500, "a copy of 83886080 bytes yet"),
            (None, 10_000, "a copy of unknown size yet; a large one takes long"),
        ] {
            let asking = Asking::new();
            let _copying = asking.send(&copy(size));
            assert_eq!(asking.pass(milliseconds - 1).await, None, "{size:?}");
            assert!(asking.pass(1).await.is_some(), "{size:?}");
            let told = asking.unanswered.waiting(job()).unwrap();
            assert_eq!(told.what, format!("endpoint main has not answered {what}"));
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
            assert_eq!(asking.pass(400).await, None);
            piece.hear(asking.clock.monotonic());
        }
        let _piece = listener.await_piece();
        assert_eq!(asking.pass(1500).await.as_deref(), Some("GetObject in bucket photos"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_slow_and_answers_is_no_silence_and_once_it_is_fast_again_a_silence_is_told_soon() {
        let asking = Asking::new();
        let take = async |milliseconds| {
            let call = asking.send(&head("photos"));
            let told = asking.pass(milliseconds).await;
            call.hear(asking.clock.monotonic());
            told
        };
        assert!(take(4000).await.is_some(), "nothing is known of it yet");
        for _ in 0..10 {
            assert_eq!(take(4000).await, None, "it is as slow as before");
        }
        assert!(take(12_000).await.is_some(), "that is no usual answer");
        for _ in 0..40 {
            take(10).await;
        }
        assert!(take(1500).await.is_some());
    }
}
