//! Who may go next: permits, and the queues of those who wait for one.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::names::BucketName;
use brigade_model::ports::clock::{Clock, Monotonic};
use brigade_model::ports::object_store::{Answer, CallClass, CallError, Caller, Verdict};
use tokio::sync::{Notify, oneshot};

use super::adaptive::{Adaptive, FIRST_LIMIT, Load, Reason, Sample};
use super::answered::Answered;
use super::fair::FairQueue;
use super::rate::{CATCH_UP, Rate};
use super::{AdaptiveUsage, Caps, Learned, Usage};

/// Buckets and classes that are told apart. Others share one limit a class: a role names its
/// buckets, so there are rarely more than a handful.
const LANES_MAX: usize = 256;

/// A bucket and a class; no bucket for those that share.
type LaneKey = (Option<BucketName>, CallClass);

/// A pace that a store asked for is kept closely: a burst beyond it is what it does not take.
const PACE_CATCH_UP: Duration = Duration::from_millis(5);
/// Latencies that are kept of a lane.
const LATENCIES: usize = 256;

#[derive(Debug)]
struct Lane {
    adaptive: Adaptive,
    pace: Rate,
    in_flight: u32,
    waiting: FairQueue<Waiter>,
    /// Of the latest answers.
    latencies: VecDeque<Duration>,
    answered: Answered,
    /// When callers last used all of the limit, or moved it.
    used: Option<Monotonic>,
}

impl Lane {
    fn starting_at(limit: u32) -> Self {
        Self {
            adaptive: Adaptive::starting_at(limit),
            pace: Rate::new(PACE_CATCH_UP),
            in_flight: 0,
            waiting: FairQueue::default(),
            latencies: VecDeque::new(),
            answered: Answered::default(),
            used: None,
        }
    }

    /// Requests that may be in flight.
    fn limit(&self, caps: Caps) -> u32 {
        if caps.is_adaptive { self.adaptive.limit(caps.requests) } else { caps.requests }
    }

    /// Takes in how a call ended; the answer is why this moved the limit for good.
    fn learn(&mut self, sample: Sample) -> Option<Reason> {
        let before = self.adaptive.base(sample.cap);
        let is_used = sample.in_flight >= self.adaptive.limit(sample.cap);
        self.adaptive.learn(sample);
        if sample.load == Load::Answered {
            self.answered.note(sample.now, sample.units);
        }
        if self.latencies.len() == LATENCIES {
            self.latencies.pop_front();
        }
        self.latencies.push_back(sample.now.since(sample.sent));
        let has_moved = self.adaptive.base(sample.cap) != before;
        if is_used || has_moved {
            self.used = Some(sample.now);
        }
        Some(self.adaptive.reason()).filter(|reason| has_moved && *reason != Reason::Start)
    }

    /// What the limit says about the store: nothing at its start, and nothing after failures, which do
    /// not say how much the store takes.
    fn learned(&self, (bucket, class): &LaneKey, cap: u32) -> Option<Learned> {
        let at = self.used?;
        match self.adaptive.reason() {
            Reason::Start | Reason::Failures => None,
            Reason::MoreAnswers | Reason::NoMoreAnswers | Reason::SlowDown => {
                Some(Learned { bucket: bucket.clone(), class: *class, limit: self.adaptive.base(cap), at })
            }
        }
    }

    fn usage(&self, (bucket, class): &LaneKey, caps: Caps) -> AdaptiveUsage {
        let mut latencies: Vec<_> = self.latencies.iter().copied().collect();
        latencies.sort_unstable();
        let quantile = |of_hundred: usize| latencies.get(latencies.len() * of_hundred / 100).copied();
        AdaptiveUsage {
            bucket: bucket.clone(),
            class: *class,
            limit: self.limit(caps),
            requests: self.in_flight,
            waiting: self.waiting.len(),
            answered: self.answered,
            pace: self.adaptive.pace().filter(|_| caps.is_adaptive),
            latency_p50: quantile(50).unwrap_or_default(),
            latency_p99: quantile(99).unwrap_or_default(),
            reason: if caps.is_adaptive { self.adaptive.reason() } else { Reason::Start },
        }
    }
}

#[derive(Debug)]
struct Waiter {
    bytes: u64,
    grant: oneshot::Sender<Permit>,
}

#[derive(Debug)]
struct State {
    caps: Caps,
    /// No request begins.
    is_stopped: bool,
    requests: u32,
    bytes: u64,
    lanes: BTreeMap<LaneKey, Lane>,
    /// The lanes in which calls wait, in turn.
    turns: VecDeque<LaneKey>,
    request_rate: Rate,
    object_rate: Rate,
    byte_rate: Rate,
    /// What an earlier process learned: lanes that are still to come begin at half of it.
    learned: BTreeMap<LaneKey, u32>,
    /// How often limits moved.
    moves: BTreeMap<(CallClass, Reason), u64>,
}

/// The state of one limit.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// Tells those who wait for a rate that the caps are others now.
    turned: Notify,
}

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    /// `None` once it is void.
    queue: Option<Arc<Queue>>,
    lane: LaneKey,
    bytes: u64,
    /// When its request began.
    sent: Monotonic,
}

impl Queue {
    pub(super) fn new(caps: Caps) -> Self {
        let state = State {
            caps: at_least_one(caps),
            is_stopped: false,
            requests: 0,
            bytes: 0,
            lanes: BTreeMap::new(),
            turns: VecDeque::new(),
            request_rate: Rate::new(CATCH_UP),
            object_rate: Rate::new(CATCH_UP),
            byte_rate: Rate::new(CATCH_UP),
            learned: BTreeMap::new(),
            moves: BTreeMap::new(),
        };
        Self { state: Mutex::new(state), turned: Notify::new() }
    }

    pub(super) fn caps(&self) -> Caps {
        self.state().caps
    }

    /// What was reserved in rates that change is forgotten: a call that waits for them reserves anew.
    pub(super) fn set_caps(self: &Arc<Self>, caps: Caps) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.caps, at_least_one(caps));
        let rates =
            |caps: Caps| (caps.requests_per_second, caps.objects_per_second, caps.bytes_per_second, caps.is_adaptive);
        let have_changed = rates(before) != rates(caps);
        if have_changed {
            state.request_rate = Rate::new(CATCH_UP);
            state.object_rate = Rate::new(CATCH_UP);
            state.byte_rate = Rate::new(CATCH_UP);
        }
        state.grant_waiting(self);
        drop(state);
        if have_changed {
            self.turned.notify_waiters();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    pub(super) fn set_stopped(self: &Arc<Self>, is_stopped: bool) {
        let mut state = self.state();
        state.is_stopped = is_stopped;
        state.grant_waiting(self);
        drop(state);
        self.turned.notify_waiters();
    }

    /// Waits for a permit. A caller that goes away leaves its place.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        bucket: &BucketName,
        class: CallClass,
        caller: Option<Caller>,
        bytes: u64,
    ) -> Permit {
        let waiting = {
            let mut state = self.state();
            let lane = state.lane_key(bucket, class);
            match state.admit(self, &lane, bytes) {
                Ok(permit) => return permit,
                Err(NoRoom) => state.line_up(lane, caller, bytes),
            }
        };
        waiting.await.expect("a waiter stays in its queue until it gets a permit")
    }

    /// Whether fewer calls of this caller wait, in every lane in which calls do, than a quarter of what
    /// may be in flight.
    pub(super) fn has_room_for(&self, caller: Caller) -> bool {
        let state = self.state();
        let is_full = |lane: &Lane| {
            let waiting = lane.waiting.len_of(Some(caller)) as u64;
            waiting * 4 > u64::from(lane.limit(state.caps))
        };
        !state.turns.iter().filter_map(|key| state.lanes.get(key)).any(is_full)
    }

    /// The greatest limit of a lane.
    pub(super) fn expected(&self) -> u32 {
        let state = self.state();
        let limits = state.lanes.values().map(|lane| lane.limit(state.caps));
        let first_limit = || state.learned.keys().map(|key| state.first_limit(key)).max().unwrap_or(FIRST_LIMIT);
        limits.max().unwrap_or_else(|| first_limit().min(state.caps.requests))
    }

    pub(super) fn learned(&self) -> Vec<Learned> {
        let state = self.state();
        let cap = state.caps.requests;
        let learned = state.lanes.iter().filter_map(|(key, lane)| lane.learned(key, cap));
        learned.filter(|_| state.caps.is_adaptive).collect()
    }

    pub(super) fn begin_with(&self, learned: impl IntoIterator<Item = (Option<BucketName>, CallClass, u32)>) {
        let learned = learned.into_iter().map(|(bucket, class, limit)| ((bucket, class), limit)).collect();
        self.state().learned = learned;
    }

    pub(super) fn usage(&self) -> Usage {
        let state = self.state();
        let mut adaptive: Vec<_> = state.lanes.iter().map(|(key, lane)| lane.usage(key, state.caps)).collect();
        adaptive.sort_unstable_by(|one, other| (&one.bucket, one.class).cmp(&(&other.bucket, other.class)));
        let waiting = state.lanes.values().map(|lane| lane.waiting.len()).sum();
        let moves = state.moves.iter().map(|((class, reason), count)| (*class, *reason, *count)).collect();
        Usage { requests: state.requests, bytes: state.bytes, waiting, adaptive, moves }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_least_one(caps: Caps) -> Caps {
    Caps { requests: caps.requests.max(1), ..caps }
}

/// It has to wait.
struct NoRoom;

impl State {
    fn lane_key(&mut self, bucket: &BucketName, class: CallClass) -> LaneKey {
        let key = (Some(bucket.clone()), class);
        if self.lanes.contains_key(&key) || self.lanes.len() < LANES_MAX {
            return key;
        }
        self.lanes.retain(|_, lane| lane.in_flight > 0 || !lane.waiting.is_empty());
        if self.lanes.len() < LANES_MAX { key } else { (None, class) }
    }

    /// A permit at once, unless others are in front or there is no room.
    fn admit(&mut self, queue: &Arc<Queue>, key: &LaneKey, bytes: u64) -> Result<Permit, NoRoom> {
        let is_first = match self.lanes.get(key) {
            Some(lane) => lane.waiting.is_empty(),
            None => true,
        };
        // Bodies go behind bodies that wait: small ones would keep a large one out for good.
        let is_in_turn = is_first && (bytes == 0 || !self.is_body_waiting());
        if is_in_turn && self.has_room(key, bytes) { Ok(self.grant(queue, key, bytes)) } else { Err(NoRoom) }
    }

    fn is_body_waiting(&self) -> bool {
        let mut first_in_turn = self.turns.iter().filter_map(|key| self.lanes.get(key)?.waiting.first());
        first_in_turn.any(|waiter| waiter.bytes > 0)
    }

    fn has_room(&self, key: &LaneKey, bytes: u64) -> bool {
        let lane_has_room = self.lanes.get(key).is_none_or(|lane| lane.in_flight < lane.limit(self.caps));
        let cap = self.caps.bytes.unwrap_or(u64::MAX);
        let bytes_fit = bytes == 0 || self.bytes == 0 || self.bytes.saturating_add(bytes) <= cap;
        !self.is_stopped && self.requests < self.caps.requests && lane_has_room && bytes_fit
    }

    fn grant(&mut self, queue: &Arc<Queue>, key: &LaneKey, bytes: u64) -> Permit {
        self.requests += 1;
        self.bytes += bytes;
        self.lane(key).in_flight += 1;
        Permit { queue: Some(Arc::clone(queue)), lane: key.clone(), bytes, sent: Monotonic::default() }
    }

    fn lane(&mut self, key: &LaneKey) -> &mut Lane {
        if !self.lanes.contains_key(key) {
            let first = Lane::starting_at(self.first_limit(key));
            self.lanes.insert(key.clone(), first);
        }
        self.lanes.get_mut(key).expect("it is there now")
    }

    /// What the limit of a lane begins at. A store may take less than it did: the start doubles anyway.
    fn first_limit(&self, key: &LaneKey) -> u32 {
        self.learned.get(key).map_or(FIRST_LIMIT, |limit| limit / 2)
    }

    fn take_back(&mut self, key: &LaneKey, bytes: u64) {
        self.requests -= 1;
        self.bytes -= bytes;
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.in_flight -= 1;
        }
    }

    fn line_up(&mut self, key: LaneKey, caller: Option<Caller>, bytes: u64) -> oneshot::Receiver<Permit> {
        let (grant, waiting) = oneshot::channel();
        let lane = self.lane(&key);
        lane.waiting.push(caller, Waiter { bytes, grant });
        if lane.waiting.len() == 1 {
            self.turns.push_back(key);
        }
        waiting
    }

    /// Grants what there is room for, to the lanes in turn.
    fn grant_waiting(&mut self, queue: &Arc<Queue>) {
        let mut passed_over = 0;
        let mut is_body_waiting = false;
        while passed_over < self.turns.len() && self.requests < self.caps.requests {
            let Some(key) = self.turns.pop_front() else { return };
            let Some(bytes) = self.first_waiting(&key) else { continue };
            if self.has_room(&key, bytes) && !(bytes > 0 && is_body_waiting) {
                self.grant_first(queue, &key);
                passed_over = 0;
            } else {
                is_body_waiting |= bytes > 0;
                passed_over += 1;
            }
            self.turns.push_back(key);
        }
    }

    /// The bytes of the first in a lane who still waits.
    fn first_waiting(&mut self, key: &LaneKey) -> Option<u64> {
        let lane = self.lanes.get_mut(key)?;
        while lane.waiting.first().is_some_and(|waiter| waiter.grant.is_closed()) {
            lane.waiting.pop();
        }
        lane.waiting.first().map(|waiter| waiter.bytes)
    }

    fn grant_first(&mut self, queue: &Arc<Queue>, key: &LaneKey) {
        let Some(waiter) = self.lanes.get_mut(key).and_then(|lane| lane.waiting.pop()) else { return };
        let permit = self.grant(queue, key, waiter.bytes);
        if let Err(mut unclaimed) = waiter.grant.send(permit) {
            // Void, so that its drop does not ask for the lock that is held here.
            unclaimed.queue = None;
            self.take_back(key, waiter.bytes);
        }
    }
}

impl Permit {
    /// Waits until the rates have room for one request about so many objects with its bytes, and
    /// nothing is stopped.
    ///
    /// # Errors
    /// A second does not allow so many objects, by the caps of now.
    pub(super) async fn wait_to_start(&mut self, clock: &dyn Clock, units: u32, bytes: u64) -> Result<(), TooMany> {
        let reserve = |state: &mut State, now| {
            if state.is_stopped {
                return None;
            }
            let caps = state.caps;
            if is_too_many(caps, units) {
                return Some(Duration::ZERO);
            }
            let wait = state.request_rate.reserve(now, 1, caps.requests_per_second.map(f64::from));
            let objects = caps.objects_per_second.map(f64::from);
            let wait = wait.max(state.object_rate.reserve(now, units.into(), objects));
            let wait = wait.max(state.byte_rate.reserve(now, bytes, per_second(caps.bytes_per_second)));
            let lane = state.lanes.get_mut(&self.lane).filter(|_| caps.is_adaptive);
            let pace = lane.map(|lane| lane.pace.reserve(now, units.into(), lane.adaptive.pace()));
            Some(wait.max(pace.unwrap_or_default()))
        };
        self.wait(clock, reserve).await;
        if units > 1 && self.queue.as_ref().is_some_and(|queue| is_too_many(queue.caps(), units)) {
            return Err(TooMany);
        }
        self.sent = clock.monotonic();
        Ok(())
    }

    /// Waits until the rate has room for bytes that came.
    pub(super) async fn wait_for_bytes(&self, clock: &dyn Clock, bytes: u64) {
        let reserve = |state: &mut State, now| {
            let cap = per_second(state.caps.bytes_per_second);
            Some(state.byte_rate.reserve(now, bytes, cap))
        };
        self.wait(clock, reserve).await;
    }

    /// Waits as long as `reserve` says (`None`: until something changes), and reserves anew
    /// whenever the caps change: so a wait of hours ends at once where they are lifted.
    async fn wait(&self, clock: &dyn Clock, reserve: impl Fn(&mut State, Monotonic) -> Option<Duration>) {
        let Some(queue) = &self.queue else { return };
        loop {
            let mut turned = pin!(queue.turned.notified());
            turned.as_mut().enable();
            let wait = reserve(&mut queue.state(), clock.monotonic());
            match wait {
                Some(Duration::ZERO) => return,
                Some(wait) => tokio::select! {
                    biased;
                    () = turned => {}
                    () = clock.sleep(wait) => return,
                },
                None => turned.await,
            }
        }
    }

    /// Counts the bytes of an answer whose size the request did not tell.
    pub(super) fn cover(&mut self, bytes: u64) {
        if let Some(queue) = &self.queue
            && bytes > self.bytes
        {
            queue.state().bytes += bytes - self.bytes;
            self.bytes = bytes;
        }
    }

    /// Adapts the limit to how the call about so many objects ended.
    pub(super) fn learn(&self, result: &Result<Answer, CallError>, units: u32, now: Monotonic) {
        let (Some(queue), Some(load)) = (&self.queue, load_of(result)) else { return };
        let mut state = queue.state();
        let cap = state.caps.requests;
        let Some(lane) = state.lanes.get_mut(&self.lane) else { return };
        let moved = lane.learn(Sample { now, sent: self.sent, units, in_flight: lane.in_flight, cap, load });
        if let Some(reason) = moved.filter(|_| state.caps.is_adaptive) {
            *state.moves.entry((self.lane.1, reason)).or_default() += 1;
        }
        // A limit that grew has room for more than the one who ends here leaves.
        state.grant_waiting(queue);
    }
}

/// More objects than a second allows.
pub(super) struct TooMany;

/// A request about one object is never too many.
fn is_too_many(caps: Caps, units: u32) -> bool {
    units > 1 && caps.objects_per_second.is_some_and(|most| units > most)
}

/// What a result tells of the store's load; nothing, when the store did not see the call.
fn load_of(result: &Result<Answer, CallError>) -> Option<Load> {
    let Err(error) = result else { return Some(Load::Answered) };
    match (error.verdict, error.http_status, error.code.as_str()) {
        (Verdict::Throttled, ..) => Some(Load::SlowDown),
        (Verdict::Transient, Some(500..), _) | (Verdict::Transient, None, "RequestTimeout") => Some(Load::Failed),
        (Verdict::Transient | Verdict::Unavailable, None, "ConnectionReset" | "ConnectFailed") => {
            Some(Load::Unconnected)
        }
        (Verdict::Unavailable | Verdict::Stopped | Verdict::CredentialsRefused | Verdict::Transient, ..) => None,
        (Verdict::Missing | Verdict::Denied | Verdict::Precondition | Verdict::Invalid, ..) => Some(Load::Answered),
    }
}

/// Rates are counted in fractions, too.
fn per_second(cap: Option<u64>) -> Option<f64> {
    cap.map(|cap| cap as f64)
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            let mut state = queue.state();
            state.take_back(&self.lane, self.bytes);
            state.grant_waiting(&queue);
        }
    }
}
