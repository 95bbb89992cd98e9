//! The only retry loop: one call, as many attempts as its errors allow.
//!
//! | an attempt ended in | then |
//! |---|---|
//! | an answer that says no (missing, denied, a condition, invalid) | that error |
//! | an unknown effect, of a call that is not repeatable | that error: the operation looks first |
//! | throttled | wait with full jitter, or as long as the store asks; no attempt is spent |
//! | unavailable | wait at the gate; no attempt is spent |
//! | refused credentials, or a failure that finds the gate closed | wait at the gate; once, it and those before are free |
//! | any other transient failure | spend an attempt, wait with full jitter |
//!
//! The caller's leash is looked at before each attempt, and ends every wait.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::object_store::{
    Answer, Call, CallError, Effect, Leash, ListObjectsV2, ObjectStore, Request, Verdict,
};
use brigade_model::ports::{Clock, Entropy};

use crate::timeouts::Timeouts;

mod gate;
use gate::Entry;
pub use gate::{Closed, Gate};

/// The longest wait that a store may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// How calls are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts of a call that fails transiently.
    pub attempts_max: u32,
    /// The first wait is between zero and this; each following doubles.
    pub backoff: Duration,
    /// The doubling ends here.
    pub backoff_max: Duration,
    /// What an attempt may take: none starts that the lease is too short for.
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
    policy: RetryPolicy,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// What one call has been through.
#[derive(Default)]
struct History {
    /// How often it was sent.
    sent: u32,
    /// How many of these count.
    spent: u32,
    throttled: u32,
    was_pardoned: bool,
    is_effect_unknown: bool,
    last: Option<CallError>,
}

/// What to do after a failed attempt.
enum Next {
    GiveUp,
    Wait(Duration),
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
        Self { inner, policy, gate, clock, entropy }
    }

    /// Waits while the gate is closed. Whoever waits may have to make the probe.
    async fn pass_gate(&self, leash: &Leash, call: &Call) -> Result<(), Stopped> {
        loop {
            let turned = self.gate.turned();
            tokio::pin!(turned);
            // From here on no turn is missed.
            turned.as_mut().enable();
            match self.gate.enter(self.clock.monotonic()) {
                Entry::Open => return Ok(()),
                Entry::Probe(ticket) => {
                    let result = self.probe(leash, call).await?;
                    self.gate.conclude(ticket, &result, &*self.clock);
                }
                Entry::Wait(until_probe) => {
                    let timer = async {
                        match until_probe {
                            Some(duration) => self.clock.sleep(duration).await,
                            // Another call is at it.
                            None => std::future::pending().await,
                        }
                    };
                    tokio::select! {
                        biased;
                        () = turned => {}
                        () = timer => {}
                        () = leash.stopped() => return Err(Stopped),
                    }
                }
            }
        }
    }

    /// Asks the endpoint for something that costs it little and changes nothing: whatever it
    /// answers, it answers. Not the waiting call itself, which may be at fault.
    async fn probe(&self, leash: &Leash, call: &Call) -> Result<Result<Answer, CallError>, Stopped> {
        let bucket = call.bucket().clone();
        let probe = ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1 }.into_call();
        self.check(leash, &probe)?;
        Ok(self.inner.call(leash, probe).await)
    }

    fn check(&self, leash: &Leash, call: &Call) -> Result<(), Stopped> {
        let may_start = leash.may_start(self.clock.monotonic(), self.policy.timeouts.to_start(call));
        may_start.then_some(()).ok_or(Stopped)
    }

    async fn wait(&self, leash: &Leash, duration: Duration) -> Result<(), Stopped> {
        if duration.is_zero() {
            return Ok(());
        }
        tokio::select! {
            biased;
            () = self.clock.sleep(duration) => Ok(()),
            () = leash.stopped() => Err(Stopped),
        }
    }

    /// One turn of the loop: `None` when the call is to be made again.
    async fn attempt(
        &self,
        leash: &Leash,
        call: &Call,
        history: &mut History,
    ) -> Result<Option<Result<Answer, CallError>>, Stopped> {
        self.pass_gate(leash, call).await?;
        self.check(leash, call)?;
        let result = self.inner.call(leash, call.clone()).await;
        self.gate.report(&result, &*self.clock);
        let error = match result {
            Ok(answer) => return Ok(Some(Ok(answer))),
            Err(error) => error,
        };
        history.note(&error);
        match self.next(call, &error, history) {
            Next::GiveUp => Ok(Some(Err(error))),
            Next::Wait(duration) => {
                tracing::debug!(call = call.kind().name(), code = error.code, wait_ms = duration.as_millis(), "again");
                history.last = Some(error);
                self.wait(leash, duration).await?;
                Ok(None)
            }
        }
    }

    /// The table at the head of this file.
    fn next(&self, call: &Call, error: &CallError, history: &mut History) -> Next {
        match error.verdict {
            Verdict::Missing | Verdict::Denied | Verdict::Precondition | Verdict::Invalid | Verdict::Stopped => {
                Next::GiveUp
            }
            _ if error.effect == Effect::Unknown && !call.is_repeatable() => Next::GiveUp,
            Verdict::Throttled => {
                history.throttled = history.throttled.saturating_add(1);
                Next::Wait(self.backoff(history.throttled, error.retry_after))
            }
            Verdict::Unavailable => Next::Wait(Duration::ZERO),
            Verdict::CredentialsRefused | Verdict::Transient => {
                if self.gate.reason().is_some() && !history.was_pardoned {
                    // What failed was the endpoint, so the attempts before do not count either.
                    history.was_pardoned = true;
                    history.spent = 0;
                    return Next::Wait(Duration::ZERO);
                }
                history.spent += 1;
                if history.spent >= self.policy.attempts_max {
                    return Next::GiveUp;
                }
                Next::Wait(self.backoff(history.spent, error.retry_after))
            }
        }
    }

    /// Full jitter: between zero and the doubled backoff, but not below what the store asks for.
    fn backoff(&self, nth: u32, asked: Option<Duration>) -> Duration {
        let doubled = self.policy.backoff.saturating_mul(1 << (nth - 1).min(20)).min(self.policy.backoff_max);
        let most_us = u64::try_from(doubled.as_micros()).unwrap_or(u64::MAX - 1);
        let jittered = Duration::from_micros(self.entropy.below(most_us + 1));
        jittered.max(asked.unwrap_or_default().min(RETRY_AFTER_MAX))
    }
}

/// The caller's leash has ended.
struct Stopped;

impl History {
    fn note(&mut self, error: &CallError) {
        self.sent = self.sent.saturating_add(error.attempts);
        self.is_effect_unknown |= error.effect == Effect::Unknown;
    }

    /// The error that the caller gets: what is known over all attempts.
    fn sum_up(&self, error: CallError) -> CallError {
        let effect = if self.is_effect_unknown { Effect::Unknown } else { error.effect };
        CallError { effect, attempts: self.sent, ..error }
    }

    fn stopped(self, gate: &Gate) -> CallError {
        let why = match (gate.reason(), &self.last) {
            (Some(closed), _) => format!("stopped while {closed}"),
            (None, Some(last)) => format!("stopped before it was tried again after {}: {}", last.code, last.message),
            (None, None) => "stopped before it was tried".to_owned(),
        };
        self.sum_up(CallError::new(Verdict::Stopped, Effect::None, "Stopped", why))
    }
}

#[async_trait]
impl ObjectStore for Retry {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        let mut history = History::default();
        loop {
            match self.attempt(leash, &call, &mut history).await {
                Ok(None) => {}
                Ok(Some(result)) => {
                    let Timeouts { attempt, per_mib, .. } = self.policy.timeouts;
                    let attempt_time_ms = u32::try_from(attempt.as_millis()).unwrap_or(u32::MAX);
                    let mib_time_ms = u16::try_from(per_mib.as_millis()).unwrap_or(u16::MAX);
                    return result.map_err(|error| CallError { attempt_time_ms, mib_time_ms, ..history.sum_up(error) });
                }
                Err(Stopped) => return Err(history.stopped(&self.gate)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
