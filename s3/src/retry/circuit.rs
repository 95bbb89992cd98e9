//! One circuit. While its endpoint, host or kind of call fails it is open: calls wait, and one probe
//! at a time tests it, later after each failed probe. An answered probe closes it.

use std::fmt;
use std::time::Duration;

use brigade_model::names::{BucketName, EndpointName};
use brigade_model::ports::Clock;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{CallError, CallKind, Verdict};
use brigade_model::{Timestamp, Waiting};

use super::wait_cause::wait_cause;
use crate::verdict::{self, NO_CREDENTIALS, Seen};

/// So many failures in a row open a circuit: no more than a call has attempts, so that a single call
/// in flight does not use them up on an endpoint that is down.
const FAILURES_IN_A_ROW: u32 = 5;
/// The wait before the second probe; each further one waits twice as long.
const PROBE_BACKOFF: Duration = Duration::from_millis(500);
/// No probe waits longer, so recovery is noticed within this time.
const PROBE_BACKOFF_MAX: Duration = Duration::from_secs(15);
/// So many calls that have not failed yet may probe before the next probe is due: the calls that
/// failed may have opened the circuit by a trouble of their own.
const FRESH_PROBES_MAX: u32 = 4;

/// What a circuit stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The endpoint with these credentials.
    Endpoint,
    /// The host of this bucket.
    Host(BucketName),
    /// One kind of call in one bucket.
    Kind(BucketName, CallKind),
}

/// An open circuit, and why calls wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCircuit {
    /// The endpoint's name, where its circuit breaker has one.
    pub endpoint: Option<EndpointName>,
    /// What fails.
    pub scope: Scope,
    /// `Unavailable`, `CredentialsRefused`, or `Transient` when every recent answer failed.
    pub verdict: Verdict,
    /// The code of the latest error that kept it open.
    pub code: String,
    /// The HTTP status of that error.
    pub http_status: Option<u16>,
    /// What that error said.
    pub message: String,
    /// When it opened.
    pub since: Timestamp,
}

impl OpenCircuit {
    /// Whether it stays open until a person changes something, such as a key that was disabled.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        let lasting = |status| verdict::lasting(Seen::Refused { status, code: Some(&self.code) }, &self.message);
        self.http_status.and_then(lasting).is_some()
    }

    /// What waits for it to close: a job, or one of its calls.
    #[must_use]
    pub fn waiting(&self, who: &str) -> Waiting {
        let name = self.endpoint.as_ref().map(EndpointName::to_string).unwrap_or_default();
        let cause = wait_cause(self.verdict, &self.code);
        Waiting { who: who.to_owned(), cause, what: self.to_string(), since: Some(self.since), name }
    }
}

impl fmt::Display for OpenCircuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint =
            self.endpoint.as_ref().map_or_else(|| "the endpoint".to_owned(), |name| format!("endpoint {name}"));
        match (&self.scope, self.verdict) {
            (Scope::Host(bucket), _) => write!(f, "the host of bucket {bucket} cannot be reached"),
            (Scope::Kind(bucket, kind), _) => write!(f, "every {} in bucket {bucket} fails", kind.name()),
            (Scope::Endpoint, Verdict::CredentialsRefused) if self.code == NO_CREDENTIALS => {
                write!(f, "there are no credentials for {endpoint}")
            }
            (Scope::Endpoint, Verdict::CredentialsRefused) => write!(f, "{endpoint} refuses the credentials"),
            (Scope::Endpoint, Verdict::Unavailable) => write!(f, "{endpoint} cannot be reached"),
            (Scope::Endpoint, _) => write!(f, "{endpoint} fails every call"),
        }?;
        write!(f, ": {}: {}", self.code, self.message)
    }
}

/// What a circuit tells a call to do.
pub(super) enum CircuitState {
    Closed,
    /// It is open, and this call must probe it.
    Probe,
    /// It is open; the next probe is due in this time; `None` while another call probes.
    Wait(Option<Duration>),
}

/// A circuit.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    endpoint: Option<EndpointName>,
    open: Option<OpenCircuit>,
    failures_in_a_row: u32,
    /// The last call that failed in this row; `are_several`: another call failed in it, too.
    last_failed: Option<u64>,
    are_several: bool,
    /// Openings and failed probes since a call other than a probe was answered.
    setbacks: u32,
    /// Calls that were served.
    pub(super) served: u64,
    /// Probes that failed.
    pub(super) probes_failed: u32,
    /// Failed probes since it opened by calls that had not failed before.
    fresh_failed: u32,
    pub(super) is_probing: bool,
    next_probe: Monotonic,
}

impl Circuit {
    /// A closed circuit of that endpoint.
    pub(super) fn of(endpoint: Option<EndpointName>) -> Self {
        Self { endpoint, ..Self::default() }
    }

    pub(super) fn endpoint(&self) -> Option<EndpointName> {
        self.endpoint.clone()
    }

    pub(super) fn cause(&self) -> Option<&OpenCircuit> {
        self.open.as_ref()
    }

    pub(super) fn turn(&self, now: Monotonic) -> CircuitState {
        if self.open.is_none() {
            CircuitState::Closed
        } else if self.is_probing {
            CircuitState::Wait(None)
        } else if now < self.next_probe {
            CircuitState::Wait(Some(self.next_probe.since(now)))
        } else {
            CircuitState::Probe
        }
    }

    /// The same for a call that can itself be the probe; a call that has not failed yet is the better one.
    pub(super) fn turn_of_call(&self, is_fresh: bool, now: Monotonic) -> CircuitState {
        match self.turn(now) {
            CircuitState::Wait(Some(_)) if is_fresh && self.fresh_failed < FRESH_PROBES_MAX => CircuitState::Probe,
            turn => turn,
        }
    }

    /// It is closed and has counted no failure.
    pub(super) fn is_forgettable(&self) -> bool {
        self.open.is_none() && self.failures_in_a_row == 0
    }

    /// Counts a failed call; gives whether enough failed in a row to open it.
    pub(super) fn fail(&mut self, call: u64) -> bool {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        self.are_several |= self.last_failed.is_some_and(|last| last != call);
        self.last_failed = Some(call);
        self.failures_in_a_row >= FAILURES_IN_A_ROW
    }

    /// Whether more than one call failed in this row.
    pub(super) fn are_several(&self) -> bool {
        self.are_several
    }

    /// Opens it. Failures of calls in flight at the opening change nothing.
    pub(super) fn trip(&mut self, scope: Scope, verdict: Verdict, error: &CallError, clock: &dyn Clock) {
        if self.open.is_none() {
            self.keep_open(scope, verdict, error, clock);
        }
    }

    /// The probe failed, and was a waiting call; `is_fresh`: it had not failed before.
    pub(super) fn fail_call_probe(
        &mut self,
        (scope, is_fresh): (Scope, bool),
        verdict: Verdict,
        error: &CallError,
        clock: &dyn Clock,
    ) {
        self.fresh_failed += u32::from(is_fresh);
        self.fail_probe(scope, verdict, error, clock);
    }

    /// The probe failed.
    pub(super) fn fail_probe(&mut self, scope: Scope, verdict: Verdict, error: &CallError, clock: &dyn Clock) {
        self.probes_failed = self.probes_failed.saturating_add(1);
        self.keep_open(scope, verdict, error, clock);
    }

    fn keep_open(&mut self, scope: Scope, verdict: Verdict, error: &CallError, clock: &dyn Clock) {
        self.setbacks = self.setbacks.saturating_add(1);
        // The first probe goes at once: the call that opened the circuit may be the trouble itself.
        let delay = match self.setbacks {
            1 => Duration::ZERO,
            n => PROBE_BACKOFF.saturating_mul(1 << (n - 2).min(20)).min(PROBE_BACKOFF_MAX),
        };
        self.next_probe = clock.monotonic().after(delay);
        let since = self.open.as_ref().map_or_else(|| clock.now(), |open| open.since);
        let CallError { code, http_status, message, .. } = error.clone();
        let open = OpenCircuit { endpoint: self.endpoint(), scope, verdict, code, http_status, message, since };
        let (endpoint, code, probe_in_ms) = (self.name(), &*open.code, delay.as_millis());
        if self.open.is_none() {
            tracing::warn!(endpoint, code, probe_in_ms, "circuit opened: {open}; requests wait");
        } else {
            tracing::warn!(endpoint, code, probe_in_ms, "circuit probe failed: {open}; requests wait");
        }
        self.open = Some(open);
    }

    /// A call was answered; gives whether this closes the circuit.
    pub(super) fn answer(&mut self) -> bool {
        self.setbacks = 0;
        self.close_again()
    }

    /// The probe was answered: the circuit closes, but keeps its probe backoff until another call is
    /// answered.
    pub(super) fn close_again(&mut self) -> bool {
        (self.failures_in_a_row, self.fresh_failed) = (0, 0);
        (self.last_failed, self.are_several) = (None, false);
        let was_open = self.open.take().is_some();
        if was_open {
            tracing::info!(endpoint = self.name(), "circuit closed; requests resume");
        }
        was_open
    }

    fn name(&self) -> Option<&str> {
        self.endpoint.as_ref().map(EndpointName::as_str)
    }

    /// Another cause had opened it: the next opening is probed at once again.
    pub(super) fn forgive(&mut self) {
        self.setbacks = 0;
    }
}
