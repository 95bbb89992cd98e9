//! The circuit breaker of an endpoint: its circuits, and which of them a call has to pass. An open
//! circuit lets no call pass but the probe.
//!
//! | a call ended in | which circuit it counts against |
//! |---|---|
//! | no connection, where every bucket has the endpoint's host | the endpoint's |
//! | no connection, where each bucket has a host of its own | that host's |
//! | a refusal of the credentials | the endpoint's |
//! | a time-out, a broken connection, a 5xx (also inside a success) | that kind of call's in that bucket; the endpoint's when no other call is answered |
//! | a throttling answer with a 5xx | the endpoint's when no other call is answered |
//! | any other answer | none: it closes the circuits that the call passed |
//!
//! A listing of one key probes the endpoint; one of the waiting calls probes a host or a kind. A call
//! that fails while the endpoint serves others of its kind does not count against the kind.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::names::{BucketName, EndpointName};
use brigade_model::ports::Clock;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{Answer, Call, CallError, CallKind, Verdict};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::sync::watch;

use super::circuit::{Circuit, CircuitState, OpenCircuit, Scope};

/// Buckets with circuits of their own; calls in others pass the endpoint's circuit only.
const BUCKETS_MAX: usize = 256;
/// The least time between two questions whether the endpoint serves any call.
pub(super) const OPINION_EVERY: Duration = Duration::from_secs(10);

/// A circuit breaker shared by everything that uses one endpoint with one pair of credentials.
#[derive(Debug)]
pub struct CircuitBreaker {
    state: Mutex<State>,
    open: watch::Sender<Option<OpenCircuit>>,
    /// Wakes waiting calls: a circuit closed, or its next probe has a time.
    turned: Notify,
}

#[derive(Debug, Default)]
struct State {
    endpoint: Circuit,
    buckets: BTreeMap<BucketName, OfBucket>,
    /// Calls so far.
    calls: u64,
    /// Calls that were served.
    served: u64,
    /// The bucket of the last of these.
    last_served: Option<BucketName>,
    next_opinion: Monotonic,
}

/// The circuits of one bucket.
#[derive(Debug)]
struct OfBucket {
    host: Circuit,
    kinds: BTreeMap<CallKind, Circuit>,
}

impl OfBucket {
    fn of(endpoint: Option<EndpointName>) -> Self {
        Self { host: Circuit::of(endpoint), kinds: BTreeMap::new() }
    }

    fn kind(&mut self, kind: CallKind) -> &mut Circuit {
        self.kinds.entry(kind).or_insert_with(|| Circuit::of(self.host.endpoint()))
    }

    fn circuits(&self) -> impl Iterator<Item = &Circuit> {
        std::iter::once(&self.host).chain(self.kinds.values())
    }
}

/// A call at the circuit breaker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passing<'a> {
    bucket: &'a BucketName,
    kind: CallKind,
    /// Its number among all calls.
    number: u64,
    /// Its bucket has a host of its own.
    has_own_host: bool,
    /// Calls that the endpoint had served before.
    pub(super) served: u64,
}

impl Passing<'_> {
    pub(super) fn kind(&self) -> CallKind {
        self.kind
    }

    fn host(&self) -> Scope {
        Scope::Host(self.bucket.clone())
    }

    fn of_kind(&self) -> Scope {
        Scope::Kind(self.bucket.clone(), self.kind)
    }
}

/// What the circuit breaker tells a call to do.
pub(super) enum Entry<'a> {
    Closed,
    /// The endpoint's circuit is open, and this call must send the probe.
    Probe(Ticket<'a>),
    /// A circuit of its host or kind is open, and the call itself is the probe.
    IsProbe(Ticket<'a>),
    /// The endpoint's circuit is open.
    Wait(Wait),
    /// A circuit of its host or kind is open, while the endpoint's is closed.
    WaitForOwn(Wait),
}

/// A wait at an open circuit.
pub(super) struct Wait {
    /// When the next probe is due; `None` while another call probes.
    pub(super) until_probe: Option<Duration>,
    /// Probes that failed so far.
    pub(super) probes_failed: u32,
    pub(super) open: OpenCircuit,
}

/// The right to send the one probe, returned on drop.
pub(super) struct Ticket<'a> {
    breaker: &'a CircuitBreaker,
    scopes: Vec<Scope>,
    /// The prober had not failed before.
    is_fresh: bool,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        for scope in &self.scopes {
            if let Some(circuit) = state.circuit(scope) {
                circuit.is_probing = false;
            }
        }
        drop(state);
        self.breaker.turned.notify_waiters();
    }
}

/// What a result says about the endpoint, host or kind that was called.
enum Health<'a> {
    /// It carries the call out, or refuses it for a reason.
    Serves,
    /// It answers, but does not serve the call.
    Alive,
    /// A time-out or a 5xx.
    Failing(&'a CallError),
    /// It cannot be reached, or refuses the credentials.
    Away(&'a CallError),
    /// Nothing: the call was not sent.
    Unasked,
}

fn health(result: &Result<Answer, CallError>) -> Health<'_> {
    let Err(error) = result else { return Health::Serves };
    match (error.verdict, error.http_status) {
        (Verdict::Unavailable | Verdict::CredentialsRefused, _) => Health::Away(error),
        (Verdict::Transient, None) | (Verdict::Transient | Verdict::Throttled, Some(500..)) => Health::Failing(error),
        // A 2xx: the body holds the store's error, or nothing.
        (Verdict::Transient | Verdict::Throttled, Some(200..300)) => match error.code.as_str() {
            "UnprovenSuccess" | "EmptyAnswer" => Health::Alive,
            _ => Health::Failing(error),
        },
        // No free descriptor, or no room at the server: the call was not sent.
        (Verdict::Throttled, None) => Health::Unasked,
        (Verdict::Throttled, _) => Health::Alive,
        (Verdict::Stopped, _) => Health::Unasked,
        (Verdict::Invalid, None) if error.attempts == 0 => Health::Unasked,
        _ => Health::Serves,
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::new()
    }
}

impl CircuitBreaker {
    /// A circuit breaker with every circuit closed.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Mutex::default(), open: watch::Sender::new(None), turned: Notify::new() }
    }

    /// The same, of an endpoint that reasons and log lines name.
    #[must_use]
    pub fn of(endpoint: EndpointName) -> Self {
        let state = State { endpoint: Circuit::of(Some(endpoint)), ..State::default() };
        Self { state: Mutex::new(state), ..Self::new() }
    }

    /// The endpoint, where it is named.
    pub(super) fn endpoint(&self) -> Option<EndpointName> {
        self.state().endpoint.endpoint()
    }

    /// Why no call passes; `None` while the endpoint's own circuit is closed.
    #[must_use]
    pub fn reason(&self) -> Option<OpenCircuit> {
        self.state().endpoint.cause().cloned()
    }

    /// Notified whenever a circuit opens, closes, or changes its reason. Holds the endpoint's reason,
    /// else that of any host or kind of call.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<OpenCircuit>> {
        self.open.subscribe()
    }

    pub(super) fn turned(&self) -> Notified<'_> {
        self.turned.notified()
    }

    /// Registers a call that is about to pass.
    pub(super) fn expect<'a>(&self, call: &'a Call, has_own_host: bool) -> Passing<'a> {
        let mut state = self.state();
        state.calls += 1;
        let (number, served) = (state.calls, state.served);
        Passing { bucket: call.bucket(), kind: call.kind(), number, has_own_host, served }
    }

    /// Calls that the endpoint has served.
    pub(super) fn served(&self) -> u64 {
        self.state().served
    }

    /// Calls of that kind that the bucket has served; 0 for a bucket without circuits of its own.
    pub(super) fn served_of_kind(&self, passing: Passing<'_>) -> u64 {
        self.state().of_kind(passing).map_or(0, |circuit| circuit.served)
    }

    /// The open circuit that stops this call; `None` when it may pass.
    pub(super) fn reason_for(&self, passing: Passing<'_>) -> Option<OpenCircuit> {
        self.state().circuits_of(passing).find_map(Circuit::cause).cloned()
    }

    /// Whether every circuit of this call is closed.
    pub(super) fn lets_pass(&self, passing: Passing<'_>) -> bool {
        self.state().circuits_of(passing).all(|circuit| circuit.cause().is_none())
    }

    /// Decides whether the call passes, waits or probes; `is_fresh`: it has not failed yet.
    pub(super) fn enter(&self, passing: Passing<'_>, is_fresh: bool, now: Monotonic) -> Entry<'_> {
        let mut state = self.state();
        match state.endpoint.turn(now) {
            CircuitState::Closed => {}
            CircuitState::Probe => return Entry::Probe(self.ticket(&mut state, vec![Scope::Endpoint], is_fresh)),
            CircuitState::Wait(until_probe) => {
                return wait(&state.endpoint, until_probe).map_or(Entry::Closed, Entry::Wait);
            }
        }
        let Some(of_bucket) = state.buckets.get(passing.bucket) else { return Entry::Closed };
        let own = [(Some(&of_bucket.host), true), (of_bucket.kinds.get(&passing.kind), false)];
        let mut probed = Vec::new();
        for (circuit, is_host) in own {
            let Some(circuit) = circuit else { continue };
            match circuit.turn_of_call(is_fresh, now) {
                CircuitState::Closed => {}
                CircuitState::Probe => probed.push(if is_host { passing.host() } else { passing.of_kind() }),
                CircuitState::Wait(until_probe) => {
                    return wait(circuit, until_probe).map_or(Entry::Closed, Entry::WaitForOwn);
                }
            }
        }
        match probed.is_empty() {
            true => Entry::Closed,
            false => Entry::IsProbe(self.ticket(&mut state, probed, is_fresh)),
        }
    }

    fn ticket(&self, state: &mut State, scopes: Vec<Scope>, is_fresh: bool) -> Ticket<'_> {
        for scope in &scopes {
            if let Some(circuit) = state.circuit(scope) {
                circuit.is_probing = true;
            }
        }
        Ticket { breaker: self, scopes, is_fresh }
    }

    /// Records how a call ended. `is_alone`: the endpoint served others of its kind since this one first
    /// failed; `ticket`: the call was the probe of a circuit.
    pub(super) fn report(
        &self,
        passing: Passing<'_>,
        result: &Result<Answer, CallError>,
        is_alone: bool,
        ticket: Option<Ticket<'_>>,
        clock: &dyn Clock,
    ) {
        let mut state = self.state();
        let probe_of = |scope: &Scope| Some(ticket.as_ref().filter(|ticket| ticket.scopes.contains(scope))?.is_fresh);
        match health(result) {
            health @ (Health::Serves | Health::Alive) => {
                let is_served = matches!(health, Health::Serves);
                // Usually every circuit is closed before and after.
                if state.note_answer(passing, is_served, ticket.is_some()) {
                    self.tell(&state);
                    self.turned.notify_waiters();
                }
            }
            Health::Failing(error) => {
                state.note_failure(passing, error, is_alone, &probe_of, clock);
                self.tell(&state);
            }
            Health::Away(error) => {
                state.note_away(passing, error, &probe_of, clock);
                self.tell(&state);
            }
            Health::Unasked => {}
        }
        drop(state);
        drop(ticket);
    }

    /// Records how the probe of the endpoint ended.
    pub(super) fn conclude(&self, ticket: Ticket<'_>, result: &Result<Answer, CallError>, clock: &dyn Clock) {
        let mut state = self.state();
        let endpoint = &mut state.endpoint;
        match health(result) {
            health @ (Health::Serves | Health::Alive) => {
                // The endpoint answers, so the failures were a kind's, which has a circuit of its own.
                if endpoint.cause().is_some_and(|open| open.verdict == Verdict::Transient) {
                    endpoint.forgive();
                }
                endpoint.close_again();
                state.served += u64::from(matches!(health, Health::Serves));
            }
            Health::Failing(error) => endpoint.fail_probe(Scope::Endpoint, Verdict::Transient, error, clock),
            Health::Away(error) => endpoint.fail_probe(Scope::Endpoint, error.verdict, error, clock),
            Health::Unasked => {}
        }
        self.tell(&state);
        drop(state);
        drop(ticket);
    }

    /// The bucket in which to ask whether the endpoint serves any call, if that is due: the one of the
    /// last served call, since the caller's own bucket may be the trouble.
    pub(super) fn opinion_due(&self, passing: Passing<'_>, now: Monotonic) -> Option<BucketName> {
        let mut state = self.state();
        if now < state.next_opinion {
            return None;
        }
        state.next_opinion = now.after(OPINION_EVERY);
        Some(state.last_served.clone().unwrap_or_else(|| passing.bucket.clone()))
    }

    /// Tells subscribers why calls wait.
    fn tell(&self, state: &State) {
        let reason = state.circuits().find_map(Circuit::cause).cloned();
        self.open.send_if_modified(|open| {
            let has_changed = *open != reason;
            *open = reason;
            has_changed
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(circuit: &Circuit, until_probe: Option<Duration>) -> Option<Wait> {
    let open = circuit.cause()?.clone();
    Some(Wait { until_probe, probes_failed: circuit.probes_failed, open })
}

impl State {
    fn circuits(&self) -> impl Iterator<Item = &Circuit> {
        std::iter::once(&self.endpoint).chain(self.buckets.values().flat_map(OfBucket::circuits))
    }

    /// The circuits that a call has to pass.
    fn circuits_of(&self, passing: Passing<'_>) -> impl Iterator<Item = &Circuit> {
        let of_bucket = self.buckets.get(passing.bucket);
        let own = of_bucket.into_iter().flat_map(move |of| [Some(&of.host), of.kinds.get(&passing.kind)]).flatten();
        std::iter::once(&self.endpoint).chain(own)
    }

    fn circuit(&mut self, scope: &Scope) -> Option<&mut Circuit> {
        match scope {
            Scope::Endpoint => Some(&mut self.endpoint),
            Scope::Host(bucket) => Some(&mut self.buckets.get_mut(bucket)?.host),
            Scope::Kind(bucket, kind) => self.buckets.get_mut(bucket)?.kinds.get_mut(kind),
        }
    }

    /// The circuits of a bucket; `None` when `BUCKETS_MAX` others have theirs.
    fn of_bucket(&mut self, bucket: &BucketName) -> Option<&mut OfBucket> {
        if !self.buckets.contains_key(bucket) {
            if self.buckets.len() >= BUCKETS_MAX {
                self.buckets.retain(|_, of| !of.circuits().all(Circuit::is_forgettable));
            }
            if self.buckets.len() >= BUCKETS_MAX {
                return None;
            }
            self.buckets.insert(bucket.clone(), OfBucket::of(self.endpoint.endpoint()));
        }
        self.buckets.get_mut(bucket)
    }

    fn of_kind(&mut self, passing: Passing<'_>) -> Option<&mut Circuit> {
        Some(self.of_bucket(passing.bucket)?.kind(passing.kind))
    }

    /// Records an answer; gives whether a circuit closed.
    fn note_answer(&mut self, passing: Passing<'_>, is_served: bool, is_probe: bool) -> bool {
        let mut has_closed = self.endpoint.answer();
        if is_served {
            self.served += 1;
            if self.last_served.as_ref() != Some(passing.bucket) {
                self.last_served = Some(passing.bucket.clone());
            }
        }
        let Some(of_bucket) = self.of_bucket(passing.bucket) else { return has_closed };
        let OfBucket { host, kinds } = of_bucket;
        let kind = kinds.entry(passing.kind).or_insert_with(|| Circuit::of(host.endpoint()));
        kind.served += u64::from(is_served);
        for circuit in [kind, host] {
            has_closed |= if is_probe { circuit.close_again() } else { circuit.answer() };
        }
        has_closed
    }

    fn note_failure(
        &mut self,
        passing: Passing<'_>,
        error: &CallError,
        is_alone: bool,
        probe_of: &dyn Fn(&Scope) -> Option<bool>,
        clock: &dyn Clock,
    ) {
        let verdict = Verdict::Transient;
        if let Some(of_bucket) = self.of_bucket(passing.bucket) {
            // The host can be reached.
            of_bucket.host.close_again();
            let kind = of_bucket.kind(passing.kind);
            let scope = passing.of_kind();
            if let Some(is_fresh) = probe_of(&scope) {
                kind.fail_call_probe((scope, is_fresh), verdict, error, clock);
            }
            // The endpoint was judged when the kind's circuit opened.
            if kind.cause().is_some() {
                return;
            }
            // A throttled call backs off by itself, and the limit lets fewer through.
            let is_of_kind = error.verdict == Verdict::Transient && !is_alone;
            if is_of_kind && kind.fail(passing.number) && kind.are_several() {
                kind.trip(passing.of_kind(), verdict, error, clock);
            }
        }
        if self.endpoint.fail(passing.number) {
            self.endpoint.trip(Scope::Endpoint, verdict, error, clock);
        }
    }

    fn note_away(
        &mut self,
        passing: Passing<'_>,
        error: &CallError,
        probe_of: &dyn Fn(&Scope) -> Option<bool>,
        clock: &dyn Clock,
    ) {
        let is_host = passing.has_own_host && error.verdict == Verdict::Unavailable;
        let (scope, verdict) = (passing.host(), error.verdict);
        match self.of_bucket(passing.bucket).filter(|_| is_host) {
            Some(of_bucket) => match probe_of(&scope) {
                Some(is_fresh) => of_bucket.host.fail_call_probe((scope, is_fresh), verdict, error, clock),
                None => of_bucket.host.trip(scope, verdict, error, clock),
            },
            None => self.endpoint.trip(Scope::Endpoint, verdict, error, clock),
        }
    }
}
