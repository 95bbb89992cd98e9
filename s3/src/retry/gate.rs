//! The gate of an endpoint: closed while the endpoint is away, refuses our credentials, or fails
//! whatever it is asked. Then calls wait and spend no attempt, and one probe at a time tests for
//! the endpoint's return, later each time that it fails.
//!
//! Any answer that is neither a refusal of the credentials nor a server's error opens it.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::Clock;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{Answer, CallError, Verdict};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::sync::watch;

/// So many failures with no other answer between them close the gate: not more than a call has
/// attempts, so that a single call in flight does not use them up on an endpoint that is away.
const FAILURES_IN_A_ROW: u32 = 5;
/// The wait before the second probe; each further one waits twice as long.
const PROBE_BACKOFF: Duration = Duration::from_millis(500);
/// No probe waits longer, so an endpoint that is back is noticed within this time.
const PROBE_BACKOFF_MAX: Duration = Duration::from_secs(15);

/// Why a gate is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// `Unavailable`, `CredentialsRefused`, or `Transient` when every recent answer failed.
    pub verdict: Verdict,
    /// The code of the latest error that kept it closed.
    pub code: String,
    /// What that error said.
    pub message: String,
    /// Since when it is closed.
    pub since: Timestamp,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.verdict {
            Verdict::CredentialsRefused => "the endpoint refuses the credentials",
            Verdict::Unavailable => "the endpoint cannot be reached",
            _ => "the endpoint fails every call",
        };
        write!(f, "{what}: {}: {}", self.code, self.message)
    }
}

/// A gate shared by everything that uses one endpoint with one pair of credentials.
#[derive(Debug)]
pub struct Gate {
    state: Mutex<State>,
    closed: watch::Sender<Option<Closed>>,
    /// Tells those who wait that it opened, or that the next probe has a time.
    turned: Notify,
}

#[derive(Debug, Default)]
struct State {
    failures_in_a_row: u32,
    /// Closings and failed probes since a call other than a probe was answered.
    setbacks: u32,
    is_probing: bool,
    next_probe: Monotonic,
}

/// What a call finds at the gate.
pub(super) enum Entry<'a> {
    Open,
    /// It is closed, and the probe is this call's to make.
    Probe(Ticket<'a>),
    /// It is closed; the next probe is due in this time, or being made by another call.
    Wait(Option<Duration>),
}

/// The right to make the one probe; given back when the prober is dropped.
pub(super) struct Ticket<'a>(&'a Gate);

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.0.state().is_probing = false;
        self.0.turned.notify_waiters();
    }
}

/// What a result says about the endpoint.
enum Health<'a> {
    Alive,
    /// A time-out or a server's error.
    Failing(&'a CallError),
    /// Not there, or not for us.
    Away(&'a CallError),
    /// Nothing: it was not asked.
    Unasked,
}

fn health(result: &Result<Answer, CallError>) -> Health<'_> {
    let Err(error) = result else { return Health::Alive };
    match (error.verdict, error.http_status) {
        (Verdict::Unavailable | Verdict::CredentialsRefused, _) => Health::Away(error),
        (Verdict::Transient, None) | (Verdict::Transient | Verdict::Throttled, Some(500..)) => Health::Failing(error),
        (Verdict::Stopped, _) => Health::Unasked,
        (Verdict::Invalid, None) if error.attempts == 0 => Health::Unasked,
        _ => Health::Alive,
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Mutex::default(), closed: watch::Sender::new(None), turned: Notify::new() }
    }

    /// Why it is closed; `None` while it is open.
    #[must_use]
    pub fn reason(&self) -> Option<Closed> {
        self.closed.borrow().clone()
    }

    /// Follows it: notified whenever it closes, opens, or has another reason.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<Closed>> {
        self.closed.subscribe()
    }

    pub(super) fn turned(&self) -> Notified<'_> {
        self.turned.notified()
    }

    pub(super) fn enter(&self, now: Monotonic) -> Entry<'_> {
        let mut state = self.state();
        if self.closed.borrow().is_none() {
            return Entry::Open;
        }
        if state.is_probing {
            return Entry::Wait(None);
        }
        if now < state.next_probe {
            return Entry::Wait(Some(state.next_probe.since(now)));
        }
        state.is_probing = true;
        Entry::Probe(Ticket(self))
    }

    /// Takes in how a call ended.
    pub(super) fn report(&self, result: &Result<Answer, CallError>, clock: &dyn Clock) {
        let mut state = self.state();
        match health(result) {
            Health::Alive => {
                state.setbacks = 0;
                self.open(&mut state);
            }
            Health::Failing(error) => {
                state.failures_in_a_row = state.failures_in_a_row.saturating_add(1);
                if state.failures_in_a_row >= FAILURES_IN_A_ROW {
                    self.close(&mut state, Verdict::Transient, error, clock);
                }
            }
            Health::Away(error) => self.close(&mut state, error.verdict, error, clock),
            Health::Unasked => {}
        }
    }

    /// Takes in how the probe ended.
    pub(super) fn conclude(&self, ticket: Ticket<'_>, result: &Result<Answer, CallError>, clock: &dyn Clock) {
        {
            let mut state = self.state();
            match health(result) {
                Health::Alive => self.open(&mut state),
                Health::Failing(error) => self.keep_closed(&mut state, Verdict::Transient, error, clock),
                Health::Away(error) => self.keep_closed(&mut state, error.verdict, error, clock),
                Health::Unasked => {}
            }
        }
        drop(ticket);
    }

    fn close(&self, state: &mut State, verdict: Verdict, error: &CallError, clock: &dyn Clock) {
        // Calls that were in flight when it closed say nothing new.
        if self.closed.borrow().is_none() {
            self.keep_closed(state, verdict, error, clock);
        }
    }

    fn keep_closed(&self, state: &mut State, verdict: Verdict, error: &CallError, clock: &dyn Clock) {
        state.setbacks = state.setbacks.saturating_add(1);
        // The first probe is made at once: what closed the gate may have been the call's own.
        let delay = match state.setbacks {
            1 => Duration::ZERO,
            n => PROBE_BACKOFF.saturating_mul(1 << (n - 2).min(20)).min(PROBE_BACKOFF_MAX),
        };
        state.next_probe = clock.monotonic().after(delay);
        let since = self.closed.borrow().as_ref().map_or_else(|| clock.now(), |closed| closed.since);
        let closed = Closed { verdict, code: error.code.clone(), message: error.message.clone(), since };
        tracing::warn!(code = closed.code, probe_in_ms = delay.as_millis(), "the gate is closed: {closed}");
        self.closed.send_replace(Some(closed));
    }

    fn open(&self, state: &mut State) {
        state.failures_in_a_row = 0;
        if self.closed.borrow().is_some() {
            tracing::info!("the gate is open");
            self.closed.send_replace(None);
            self.turned.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
