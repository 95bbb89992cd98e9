//! What one call has been through, and what its task has waited: from these the retry loop decides
//! whether there is another attempt.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{CallError, CancelToken, Effect, Verdict};

use super::RetryPolicy;
use super::circuit::OpenCircuit;

/// Who waits for longer than this is stuck, and its place better given to others.
const STUCK_AFTER: Duration = Duration::from_secs(15);
/// No call was served for longer than this, though the endpoint was asked: the time counts for nothing.
const QUIET_MAX: Duration = Duration::from_secs(30);

/// What one call has been through.
pub(super) struct History<'a> {
    cancel: &'a CancelToken,
    /// How often it was sent.
    pub(super) sent: u32,
    /// Attempts that failed for a reason that may pass.
    pub(super) failures: u32,
    /// How many of these count.
    pub(super) spent: u32,
    is_effect_unknown: bool,
    pub(super) last: Option<CallError>,
    /// Since when it waits or fails.
    began: Option<Monotonic>,
    /// What the endpoint had served, and when that was looked at last.
    seen: (u64, Monotonic),
    /// Failed attempts since then.
    uncounted: u32,
    /// What the endpoint had served of the call's kind when it failed first.
    pub(super) served_of_kind: Option<u64>,
    /// Failed probes of what it waits for that are counted.
    probes_failed: Option<u32>,
    is_stuck: bool,
}

impl<'a> History<'a> {
    pub(super) fn new(cancel: &'a CancelToken, served: u64, now: Monotonic) -> Self {
        Self {
            cancel,
            sent: 0,
            failures: 0,
            spent: 0,
            is_effect_unknown: false,
            last: None,
            began: None,
            seen: (served, now),
            uncounted: 0,
            served_of_kind: None,
            probes_failed: None,
            is_stuck: false,
        }
    }

    pub(super) fn note(&mut self, error: &CallError) {
        self.sent = self.sent.saturating_add(error.attempts);
        self.is_effect_unknown |= error.effect == Effect::Unknown;
        self.failures = self.failures.saturating_add(u32::from(error.may_pass()));
    }

    /// Since when no call was served, as far as this one has looked; `None` when others were.
    pub(super) fn quiet_for(&self, served: u64, now: Monotonic) -> Option<Duration> {
        (self.seen.0 == served).then(|| now.since(self.seen.1))
    }

    /// Counts failed attempts, and the time since that was looked at last, if others were served in it.
    pub(super) fn count(&mut self, attempts: u32, served: u64, now: Monotonic) {
        self.uncounted = self.uncounted.saturating_add(attempts);
        match self.quiet_for(served, now) {
            None => {
                let (attempts, from) = (self.uncounted, self.seen.1);
                self.cancel.with_trouble(|trouble| trouble.count(attempts, from, now));
            }
            Some(quiet) if quiet > QUIET_MAX => {}
            Some(_) => return,
        }
        (self.seen, self.uncounted) = ((served, now), 0);
    }

    /// Counts the failed probes of what it waits for.
    pub(super) fn count_probes(&mut self, probes_failed: u32, served: u64, now: Monotonic) {
        let before = self.probes_failed.replace(probes_failed).unwrap_or(probes_failed);
        self.count(probes_failed.saturating_sub(before), served, now);
    }

    /// What was away is back: its time counts for nothing.
    pub(super) fn start_anew(&mut self, served: u64, now: Monotonic) {
        (self.seen, self.uncounted, self.probes_failed) = ((served, now), 0, None);
    }

    /// Whether it has waited long and often enough while others were served.
    pub(super) fn is_exhausted(&self, policy: &RetryPolicy) -> bool {
        let is_over = |attempts, waited| attempts >= policy.wait_attempts_max && waited >= policy.wait_max;
        self.cancel.with_trouble(|trouble| is_over(trouble.attempts, trouble.waited))
    }

    /// How long until a call that begins to wait now, or has before, is stuck.
    pub(super) fn until_stuck(&mut self, now: Monotonic) -> Duration {
        STUCK_AFTER.saturating_sub(now.since(*self.began.get_or_insert(now)))
    }

    pub(super) fn note_stuck(&mut self, why: &str) {
        self.is_stuck = true;
        self.cancel.note_stuck(why);
    }

    /// The error that the caller gets: what is known over all attempts.
    pub(super) fn sum_up(&self, error: CallError) -> CallError {
        let effect = if self.is_effect_unknown { Effect::Unknown } else { error.effect };
        CallError { effect, attempts: self.sent, ..error }
    }

    /// The error of a call whose cancel token has ended. One that was given time to finish tells what it
    /// still wanted.
    pub(super) fn stopped(&mut self, open: Option<OpenCircuit>) -> CallError {
        let is_late = self.cancel.is_stop_asked() && !self.cancel.is_stopped();
        if is_late && let Some(error) = self.last.take().or_else(|| open.clone().map(CallError::from)) {
            let message = format!("{}; given up because the job was stopped", error.message);
            return self.sum_up(CallError { message, ..error });
        }
        let why = match (open, &self.last) {
            (Some(open), _) => format!("stopped while {open}"),
            (None, Some(last)) => format!("stopped before it was tried again after {}: {}", last.code, last.message),
            (None, None) => "stopped before it was tried".to_owned(),
        };
        self.sum_up(CallError::new(Verdict::Stopped, Effect::None, "Stopped", why))
    }
}

impl Drop for History<'_> {
    fn drop(&mut self) {
        if self.is_stuck {
            self.cancel.note_going_on();
        }
    }
}

impl From<OpenCircuit> for CallError {
    /// The error of a call that was not made because calls like it fail.
    fn from(open: OpenCircuit) -> Self {
        let error = CallError::new(open.verdict, Effect::None, &open.code, open.message);
        CallError { http_status: open.http_status, attempts: 0, ..error }
    }
}
