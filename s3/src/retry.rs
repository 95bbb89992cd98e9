//! The only retry loop: one call, as many attempts as its errors allow.
//!
//! | an attempt ended in | then |
//! |---|---|
//! | a refusal (missing, denied, a failed condition, invalid) | that error |
//! | any other error, after the task's longest wait while the endpoint served other calls | that error |
//! | an unknown effect, of a call that is not repeatable | that error: the operation checks the object first |
//! | throttled | wait with full jitter, or as long as the store asks; no attempt is spent |
//! | a call with more objects than our own limit allows | that error: the caller sends fewer at once |
//! | throttled, of a call about several objects | wait as well, then that error: the caller sends fewer at once |
//! | unavailable | wait at the circuit breaker; no attempt is spent |
//! | another failure, while a circuit of the call is open | wait at the circuit breaker; no attempt is spent |
//! | another failure, of this call alone | spend an attempt, wait with full jitter |
//!
//! Spent attempts end a call only when its kind has failed for the task for a minute: a shorter burst
//! of failures fails nothing. A task's *waits* are bounded over all its calls, by attempts and by time:
//! both must be used up, and they count only while the endpoint serves other calls. A call that waits
//! for long tells its cancel token that its task is stuck.
//!
//! The loop checks the caller's cancel token before each attempt; the token ends every wait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::Waiting;
use brigade_model::names::{BucketName, EndpointName};
use brigade_model::ports::object_store::{
    Answer, Call, CallError, CancelToken, Effect, ListObjectsV2, ObjectStore, Request, Verdict,
};
use brigade_model::ports::{Clock, Entropy};

use crate::timeouts::Timeouts;

mod breaker;
mod circuit;
mod history;
mod wait_cause;
pub use breaker::CircuitBreaker;
use breaker::{Entry, OPINION_EVERY, Passing, Ticket};
pub use circuit::{OpenCircuit, Scope};
use history::History;
use wait_cause::wait_cause;

/// The longest wait that a store may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// After so many refusals the trouble is no burst: the waits become long.
const FAILURES_OF_A_MOMENT: u32 = 12;

/// How calls are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts of a call that fails transiently ...
    pub attempts_max: u32,
    /// ... which must have failed for this long, too.
    pub burst: Duration,
    /// Attempts that a task makes at most while the endpoint serves others ...
    pub wait_attempts_max: u32,
    /// ... which must have taken this long, too.
    pub wait_max: Duration,
    /// The first wait is between zero and this; each following doubles.
    pub backoff: Duration,
    /// The longest wait after doubling.
    pub backoff_max: Duration,
    /// The same for a call that the store has throttled many times in a row.
    pub long_backoff_max: Duration,
    /// The time of an attempt: none starts that the lease is too short for.
    pub timeouts: Timeouts,
    /// Each bucket has a host of its own, whose failures say nothing of other buckets.
    pub has_host_per_bucket: bool,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 5,
            burst: Duration::from_secs(60),
            wait_attempts_max: 30,
            wait_max: Duration::from_secs(3600),
            backoff: Duration::from_millis(200),
            backoff_max: Duration::from_secs(20),
            long_backoff_max: Duration::from_secs(120),
            timeouts: Timeouts::default(),
            has_host_per_bucket: false,
        }
    }
}

/// Repeats calls of the store inside.
pub struct Retry {
    inner: Arc<dyn ObjectStore>,
    policy: RetryPolicy,
    breaker: Arc<CircuitBreaker>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What to do after a failed attempt.
enum Next {
    /// `is_free`: the attempt does not count against the task's attempts.
    GiveUp {
        is_free: bool,
    },
    Wait(Duration),
}

/// Why a call makes no more attempts.
enum Ended {
    /// The caller's cancel token has ended.
    Stopped,
    /// The task has waited long enough for what the call needs.
    Waited(Box<CallError>),
}

impl Retry {
    /// Repeats calls of `inner`; all users of its endpoint and credentials share `breaker`.
    #[must_use]
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        policy: RetryPolicy,
        breaker: Arc<CircuitBreaker>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { inner, policy, breaker, clock, entropy }
    }

    /// Waits while a circuit that the call has to pass is open.
    async fn pass_breaker(
        &self,
        cancel: &CancelToken,
        call: (&Call, Passing<'_>),
        history: &mut History<'_>,
    ) -> Result<Option<Ticket<'_>>, Ended> {
        match self.breaker.lets_pass(call.1) {
            true => Ok(None),
            // Boxed, so that calls that need not wait do not carry its state.
            false => Box::pin(self.wait_at_breaker(cancel, call, history)).await,
        }
    }

    /// Waits for the circuits to close. A waiting call may have to send the probe, or be the probe itself:
    /// then it gets a ticket.
    async fn wait_at_breaker(
        &self,
        cancel: &CancelToken,
        (call, passing): (&Call, Passing<'_>),
        history: &mut History<'_>,
    ) -> Result<Option<Ticket<'_>>, Ended> {
        let mut has_failed_together = false;
        let mut probes_failed = None;
        let ticket = loop {
            let turned = self.breaker.turned();
            tokio::pin!(turned);
            // From here on no notification is missed.
            turned.as_mut().enable();
            let is_fresh = history.failures == 0;
            let (wait, is_own) = match self.breaker.enter(passing, is_fresh, self.clock.monotonic()) {
                Entry::Closed => break None,
                Entry::IsProbe(ticket) => break Some(ticket),
                Entry::Probe(ticket) => {
                    let result = self.probe(cancel, call).await?;
                    self.breaker.conclude(ticket, &result, &*self.clock);
                    has_failed_together |= self.breaker.reason().is_some();
                    continue;
                }
                Entry::Wait(wait) => (wait, false),
                Entry::WaitForOwn(wait) => (wait, true),
            };
            has_failed_together |= wait.probes_failed > *probes_failed.get_or_insert(wait.probes_failed);
            let timer = async {
                match wait.until_probe {
                    Some(duration) => self.clock.sleep(duration).await,
                    // Another call is probing.
                    None => std::future::pending().await,
                }
            };
            let turned = async {
                tokio::select! {
                    biased;
                    () = turned => {}
                    () = timer => {}
                }
            };
            history.note_wait((self.clock.monotonic(), self.clock.now()), wait.open.waiting(&who(call)));
            self.idle(cancel, history, || wait.open.to_string(), turned).await?;
            if is_own {
                self.ask_opinion(cancel, passing, history).await;
                history.count_probes(wait.probes_failed, self.breaker.served(), self.clock.monotonic());
                if history.is_exhausted(&self.policy) {
                    let error = history.last.take().unwrap_or_else(|| wait.open.into());
                    return Err(Ended::Waited(Box::new(error)));
                }
            } else {
                history.start_anew(self.breaker.served(), self.clock.monotonic());
            }
        };
        if has_failed_together {
            // Other calls failed too, so the attempts before do not count either.
            history.spent = 0;
            cancel.with_trouble(|trouble| trouble.forgive(passing.kind()));
        }
        Ok(ticket)
    }

    /// Sends a cheap read in place of the waiting call, which may itself be at fault: any answer shows
    /// that the endpoint works.
    async fn probe(&self, cancel: &CancelToken, call: &Call) -> Result<Result<Answer, CallError>, Ended> {
        let probe = listing(call.bucket().clone());
        self.check(cancel, &probe)?;
        Ok(self.inner.call(cancel, probe).await)
    }

    /// Asks whether the endpoint serves any call, when no other call tells: the trouble may be this
    /// call's alone.
    async fn ask_opinion(&self, cancel: &CancelToken, passing: Passing<'_>, history: &History<'_>) {
        let now = self.clock.monotonic();
        if history.quiet_for(self.breaker.served(), now).is_none_or(|quiet| quiet < OPINION_EVERY) {
            return;
        }
        let Some(bucket) = self.breaker.opinion_due(passing, now) else { return };
        let listing = listing(bucket);
        if self.check(cancel, &listing).is_ok() {
            let result = self.inner.call(cancel, listing.clone()).await;
            let passing = self.breaker.expect(&listing, self.policy.has_host_per_bucket);
            self.breaker.report(passing, &result, false, None, &*self.clock);
        }
    }

    fn check(&self, cancel: &CancelToken, call: &Call) -> Result<(), Ended> {
        let may_start = cancel.may_start(self.clock.monotonic(), self.policy.timeouts.to_start(call));
        may_start.then_some(()).ok_or(Ended::Stopped)
    }

    /// Waits, unless the cancel token ends first; a call that waits for long is stuck.
    async fn idle(
        &self,
        cancel: &CancelToken,
        history: &mut History<'_>,
        why: impl Fn() -> String,
        wait: impl Future<Output = ()>,
    ) -> Result<(), Ended> {
        tokio::pin!(wait);
        let until_stuck = history.until_stuck(self.clock.monotonic());
        tokio::select! {
            biased;
            () = &mut wait => return Ok(()),
            () = cancel.ended(&*self.clock) => return Err(Ended::Stopped),
            () = self.clock.sleep(until_stuck) => {}
        }
        history.note_stuck(&why());
        tokio::select! {
            biased;
            () = wait => Ok(()),
            () = cancel.ended(&*self.clock) => Err(Ended::Stopped),
        }
    }

    /// One pass of the loop: `None` when the call must be sent again.
    async fn attempt(
        &self,
        cancel: &CancelToken,
        (call, passing): (&Call, Passing<'_>),
        history: &mut History<'_>,
    ) -> Result<Option<Result<Answer, CallError>>, Ended> {
        let ticket = self.pass_breaker(cancel, (call, passing), history).await?;
        self.check(cancel, call)?;
        let result = self.inner.call(cancel, call.clone()).await;
        if let Err(error) = &result
            && error.is_too_many_objects()
        {
            return Ok(Some(result));
        }
        let is_alone = result.is_err() && self.is_alone(passing, history);
        self.breaker.report(passing, &result, is_alone, ticket, &*self.clock);
        match result {
            Ok(answer) => {
                cancel.with_trouble(|trouble| trouble.forgive(passing.kind()));
                Ok(Some(Ok(answer)))
            }
            // This attempt was not sent, so the error of the one before counts.
            Err(error) if error.verdict == Verdict::Stopped && error.attempts == 0 && history.last.is_some() => {
                Err(Ended::Stopped)
            }
            Err(error) => Box::pin(self.follow_up(cancel, (call, passing), error, history)).await,
        }
    }

    /// What follows an attempt that failed: an end, or a wait.
    async fn follow_up(
        &self,
        cancel: &CancelToken,
        (call, passing): (&Call, Passing<'_>),
        error: CallError,
        history: &mut History<'_>,
    ) -> Result<Option<Result<Answer, CallError>>, Ended> {
        history.note(&error);
        if error.may_pass() {
            self.ask_opinion(cancel, passing, history).await;
        }
        history.count(1, self.breaker.served(), self.clock.monotonic());
        match self.next(cancel, (call, passing), &error, history) {
            Next::GiveUp { is_free } => Ok(Some(Err(CallError { is_free, ..error }))),
            Next::Wait(duration) => {
                let (whole, objects, call, code) = (call, call.objects(), call.kind().name(), error.code.clone());
                tracing::debug!(call, code, wait_ms = duration.as_millis(), "retrying store call");
                history.last = Some(error.clone());
                history.note_wait((self.clock.monotonic(), self.clock.now()), self.waiting(whole, &error));
                let why = || format!("{call} fails again and again with {code}, while other calls are answered");
                self.idle(cancel, history, why, self.clock.sleep(duration)).await?;
                let is_refused = error.verdict == Verdict::Throttled && error.http_status.is_some();
                Ok((is_refused && objects > 1).then(|| Err(CallError { is_free: true, ..error })))
            }
        }
    }

    /// For what a call waits before it is sent again.
    fn waiting(&self, call: &Call, error: &CallError) -> Waiting {
        let CallError { verdict, code, message, .. } = error;
        let endpoint = self.breaker.endpoint();
        let name = endpoint.as_ref().map(EndpointName::to_string).unwrap_or_default();
        let at = if name.is_empty() { "the endpoint".to_owned() } else { format!("endpoint {name}") };
        let what = match verdict {
            Verdict::Throttled => format!("{at} asks to slow down: {code}: {message}"),
            _ => format!("{at} answers with an error: {code}: {message}"),
        };
        Waiting { who: who(call), cause: wait_cause(*verdict, code), what, since: None, name }
    }

    /// Whether the endpoint has served other calls of this kind since this call first failed.
    fn is_alone(&self, passing: Passing<'_>, history: &mut History<'_>) -> bool {
        let served = self.breaker.served_of_kind(passing);
        served > *history.served_of_kind.get_or_insert(served)
    }

    /// The table at the head of this file.
    fn next(
        &self,
        cancel: &CancelToken,
        (call, passing): (&Call, Passing<'_>),
        error: &CallError,
        history: &mut History<'_>,
    ) -> Next {
        if !error.may_pass() {
            return Next::GiveUp { is_free: false };
        }
        let is_common = self.breaker.reason_for(passing).is_some();
        let now = self.clock.monotonic();
        let since = cancel.with_trouble(|trouble| trouble.failing_since(passing.kind(), now));
        // A 4xx is about this request: no burst of failures.
        let is_servers = !matches!(error.http_status, Some(400..500));
        let is_brief = is_servers && now.since(since) < self.policy.burst;
        let is_free = match error.verdict {
            Verdict::Throttled | Verdict::Unavailable => true,
            Verdict::CredentialsRefused => false,
            _ => is_common || is_brief,
        };
        if history.is_exhausted(&self.policy) {
            return Next::GiveUp { is_free: false };
        }
        if error.effect == Effect::Unknown && !call.is_repeatable() {
            return Next::GiveUp { is_free };
        }
        match error.verdict {
            Verdict::Unavailable => return Next::Wait(Duration::ZERO),
            Verdict::CredentialsRefused => history.spent += 1,
            Verdict::Transient if !is_common => history.spent += 1,
            _ => {}
        }
        if history.spent >= self.policy.attempts_max && !is_free {
            return Next::GiveUp { is_free };
        }
        Next::Wait(self.backoff(history.failures, error))
    }

    /// Full jitter: between zero and the doubled backoff, but not below the store's Retry-After.
    fn backoff(&self, nth: u32, error: &CallError) -> Duration {
        let is_long = nth > FAILURES_OF_A_MOMENT && error.verdict == Verdict::Throttled;
        let most = if is_long { self.policy.long_backoff_max } else { self.policy.backoff_max };
        let doubled = self.policy.backoff.saturating_mul(1 << nth.saturating_sub(1).min(20)).min(most);
        let most_us = u64::try_from(doubled.as_micros()).unwrap_or(u64::MAX - 1);
        let jittered = Duration::from_micros(self.entropy.below(most_us + 1));
        jittered.max(Duration::from_secs(error.retry_after_seconds.unwrap_or_default().into()).min(RETRY_AFTER_MAX))
    }
}

/// A call, for people.
fn who(call: &Call) -> String {
    format!("{} in bucket {}", call.kind().name(), call.bucket())
}

/// A cheap call that changes nothing.
fn listing(bucket: BucketName) -> Call {
    ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1 }.into_call()
}

#[async_trait]
impl ObjectStore for Retry {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let cancel = &cancel.for_call();
        let passing = self.breaker.expect(&call, self.policy.has_host_per_bucket);
        let mut history = History::new(cancel, passing.served, self.clock.monotonic());
        let error = loop {
            match self.attempt(cancel, (&call, passing), &mut history).await {
                Ok(None) => {}
                Ok(Some(Ok(answer))) => return Ok(answer),
                Ok(Some(Err(error))) => break history.sum_up(error),
                Err(Ended::Waited(error)) => break history.sum_up(*error),
                Err(Ended::Stopped) => break history.stopped(self.breaker.reason_for(passing)),
            }
        };
        let timeouts = self.policy.timeouts;
        let (attempt, per_mib) = match error.is_of_store() {
            true => (timeouts.attempt, Duration::ZERO),
            false => (timeouts.besides_bytes(&call), timeouts.per_mib),
        };
        let attempt_time_ms = u32::try_from(attempt.as_millis()).unwrap_or(u32::MAX);
        let mib_time_ms = u16::try_from(per_mib.as_millis()).unwrap_or(u16::MAX);
        Err(CallError { attempt_time_ms, mib_time_ms, ..error })
    }
}

#[cfg(test)]
mod tests;
