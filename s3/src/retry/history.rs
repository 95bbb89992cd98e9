//! A call's attempts so far, and its task's waits: by these the retry loop decides whether to try again.

use std::time::Duration;

use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{CallError, CancelToken, Effect, Verdict, WaitNumber};
use brigade_model::{Timestamp, Waiting};

use super::RetryPolicy;
use super::circuit::OpenCircuit;

/// A call that waits for longer is stuck, and its slot goes to others.
const STUCK_AFTER: Duration = Duration::from_secs(15);
/// When the endpoint serves no call for longer than this, the time does not count against the task.
const QUIET_MAX: Duration = Duration::from_secs(30);

/// The attempts and waits of one call.
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
    /// When it began to wait or fail.
    began: Option<Monotonic>,
    /// The endpoint's count of served calls at the last look, and the time of that look.
    seen: (u64, Monotonic),
    /// Failed attempts since then.
    uncounted: u32,
    /// The endpoint's count of served calls of this kind when this call first failed.
    pub(super) served_of_kind: Option<u64>,
    /// Failed probes of its own circuit that are counted already.
    probes_failed: Option<u32>,
    is_stuck: bool,
    /// How its cancel token knows that it stands still, and since when it does.
    wait: Option<(WaitNumber, Timestamp)>,
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
            wait: None,
        }
    }

    pub(super) fn note(&mut self, error: &CallError) {
        self.sent = self.sent.saturating_add(error.attempts);
        self.is_effect_unknown |= error.effect == Effect::Unknown;
        self.failures = self.failures.saturating_add(u32::from(error.may_pass()));
    }

    /// How long the endpoint has served no call, since the last look; `None` when it served some.
    pub(super) fn quiet_for(&self, served: u64, now: Monotonic) -> Option<Duration> {
        (self.seen.0 == served).then(|| now.since(self.seen.1))
    }

    /// Counts failed attempts, and the time since the last look if the endpoint served others in it.
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

    /// Counts failed probes of the circuit that it waits for.
    pub(super) fn count_probes(&mut self, probes_failed: u32, served: u64, now: Monotonic) {
        let before = self.probes_failed.replace(probes_failed).unwrap_or(probes_failed);
        self.count(probes_failed.saturating_sub(before), served, now);
    }

    /// The endpoint was down: the time does not count.
    pub(super) fn start_anew(&mut self, served: u64, now: Monotonic) {
        (self.seen, self.uncounted, self.probes_failed) = ((served, now), 0, None);
    }

    /// Whether the task has used up its waits, in attempts and in time.
    pub(super) fn is_exhausted(&self, policy: &RetryPolicy) -> bool {
        let is_over = |attempts, waited| attempts >= policy.wait_attempts_max && waited >= policy.wait_max;
        self.cancel.with_trouble(|trouble| is_over(trouble.attempts, trouble.waited))
    }

    /// How long until this call, waiting from now or from before, is stuck.
    pub(super) fn until_stuck(&mut self, now: Monotonic) -> Duration {
        STUCK_AFTER.saturating_sub(now.since(*self.began.get_or_insert(now)))
    }

    /// Notes for what it stands still; it does so from the first time on until the call has ended.
    pub(super) fn note_wait(&mut self, now: (Monotonic, Timestamp), wait: Waiting) {
        let (number, since) = *self.wait.get_or_insert_with(|| {
            let begun = self.cancel.begin_wait(now.0, Waiting { since: Some(now.1), ..wait.clone() });
            (begun, now.1)
        });
        self.cancel.change_wait(number, Waiting { since: Some(since), ..wait });
    }

    pub(super) fn note_stuck(&mut self, why: &str) {
        self.is_stuck = true;
        self.cancel.note_stuck(why);
    }

    /// The caller's error: its effect is unknown when that of any attempt is.
    pub(super) fn sum_up(&self, error: CallError) -> CallError {
        let effect = if self.is_effect_unknown { Effect::Unknown } else { error.effect };
        CallError { effect, attempts: self.sent, ..error }
    }

    /// The error of a call whose cancel token has ended. A call that had time to finish reports its last
    /// failure.
    pub(super) fn stopped(&mut self, open: Option<OpenCircuit>) -> CallError {
        let is_late = self.cancel.is_stop_asked() && !self.cancel.is_stopped();
        if is_late && let Some(error) = self.last.take().or_else(|| open.clone().map(CallError::from)) {
            let message = format!("{}; given up because the job was stopped", error.message);
            return self.sum_up(CallError { message, ..error });
        }
        // The code is that of what it waited for: who gives the wait up acts by it.
        let (code, why) = match (open, &self.last) {
            (Some(open), _) => (open.code.clone(), format!("stopped while {open}")),
            (None, Some(last)) => {
                let why = format!("stopped before it was tried again after {}: {}", last.code, last.message);
                (last.code.clone(), why)
            }
            (None, None) => ("Stopped".to_owned(), "stopped before it was tried".to_owned()),
        };
        self.sum_up(CallError::new(Verdict::Stopped, Effect::None, &code, why))
    }
}

impl Drop for History<'_> {
    fn drop(&mut self) {
        if self.is_stuck {
            self.cancel.note_going_on();
        }
        if let Some((number, _)) = self.wait {
            self.cancel.end_wait(number);
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
