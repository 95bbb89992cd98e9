//! Decides which call goes next: permits, and the queues of calls that wait for one.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::names::BucketName;
use brigade_model::ports::clock::{Clock, Monotonic};
use brigade_model::ports::object_store::{Answer, CallClass, CallError, Caller, DeleteResult, Verdict};
use slab::Slab;
use tokio::sync::{Notify, oneshot};

use super::adaptive::{Adaptive, FIRST_LIMIT, FIRST_LIMIT_OF_GROUPS, Load, Reason, Sample};
use super::answered::Answered;
use super::fair::FairQueue;
use super::rate::{CATCH_UP, Rate};
use super::{AdaptiveUsage, Caps, Learned, Usage};
use crate::verdict::{TOO_MANY_CONNECTIONS, verdict_of};

/// Buckets and classes that are told apart. Others share one limit a class: a role names its
/// buckets, so there are rarely more than a handful.
const LANES_MAX: usize = 256;

/// A bucket and a class; no bucket for those that share.
type LaneKey = (Option<BucketName>, CallClass);

/// A pace that a store asked for is kept closely: a burst beyond it is what it does not take.
const PACE_CATCH_UP: Duration = Duration::from_millis(5);
/// Latencies that are kept of a lane.
const LATENCIES: usize = 256;

/// Where a lane stands in the slab, while calls of it are in flight or wait.
type LaneId = usize;

/// The lanes of a bucket, by class.
type OfClasses = [Option<LaneId>; CallClass::ALL.len()];

#[derive(Debug)]
struct Lane {
    key: LaneKey,
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
    fn starting_at(limit: u32, key: LaneKey) -> Self {
        Self {
            key,
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
    fn learned(&self, cap: u32) -> Option<Learned> {
        let ((bucket, class), at) = (&self.key, self.used?);
        match self.adaptive.reason() {
            Reason::Start | Reason::Failures => None,
            Reason::MoreAnswers | Reason::NoMoreAnswers | Reason::SlowDown | Reason::NoRoom => {
                Some(Learned { bucket: bucket.clone(), class: *class, limit: self.adaptive.base(cap), at })
            }
        }
    }

    fn usage(&self, caps: Caps) -> AdaptiveUsage {
        let (bucket, class) = &self.key;
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
    lanes: Slab<Lane>,
    of_buckets: BTreeMap<BucketName, OfClasses>,
    /// Those that other buckets share.
    shared: OfClasses,
    /// The lanes in which calls wait, in turn.
    turns: VecDeque<LaneId>,
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
    lane: LaneId,
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
            lanes: Slab::new(),
            of_buckets: BTreeMap::new(),
            shared: OfClasses::default(),
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
            let lane = state.lane_of(bucket, class);
            match state.admit(self, lane, bytes) {
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
        !state.turns.iter().map(|id| &state.lanes[*id]).any(is_full)
    }

    /// The greatest limit of a lane.
    pub(super) fn expected(&self) -> u32 {
        let state = self.state();
        let limits = state.lanes.iter().map(|(_, lane)| lane.limit(state.caps));
        let first_limit = || state.learned.keys().map(|key| state.first_limit(key)).max().unwrap_or(FIRST_LIMIT);
        limits.max().unwrap_or_else(|| first_limit().min(state.caps.requests))
    }

    pub(super) fn learned(&self) -> Vec<Learned> {
        let state = self.state();
        let cap = state.caps.requests;
        let learned = state.lanes.iter().filter_map(|(_, lane)| lane.learned(cap));
        learned.filter(|_| state.caps.is_adaptive).collect()
    }

    pub(super) fn begin_with(&self, learned: impl IntoIterator<Item = (Option<BucketName>, CallClass, u32)>) {
        let learned = learned.into_iter().map(|(bucket, class, limit)| ((bucket, class), limit)).collect();
        self.state().learned = learned;
    }

    pub(super) fn usage(&self) -> Usage {
        let state = self.state();
        let mut adaptive: Vec<_> = state.lanes.iter().map(|(_, lane)| lane.usage(state.caps)).collect();
        adaptive.sort_unstable_by(|one, other| (&one.bucket, one.class).cmp(&(&other.bucket, other.class)));
        let waiting = state.lanes.iter().map(|(_, lane)| lane.waiting.len()).sum();
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
    fn lane_of(&mut self, bucket: &BucketName, class: CallClass) -> LaneId {
        let of_bucket = self.of_buckets.get(bucket).and_then(|of_classes| of_classes[class as usize]);
        of_bucket.unwrap_or_else(|| self.new_lane(bucket, class))
    }

    fn new_lane(&mut self, bucket: &BucketName, class: CallClass) -> LaneId {
        if self.lanes.len() >= LANES_MAX {
            self.forget_idle_lanes();
        }
        let has_room = self.lanes.len() < LANES_MAX;
        let key = (has_room.then(|| bucket.clone()), class);
        let first = Lane::starting_at(self.first_limit(&key), key);
        let place = match has_room {
            true => &mut self.of_buckets.entry(bucket.clone()).or_default()[class as usize],
            false => &mut self.shared[class as usize],
        };
        *place.get_or_insert_with(|| self.lanes.insert(first))
    }

    fn forget_idle_lanes(&mut self) {
        self.lanes.retain(|_, lane| lane.in_flight > 0 || !lane.waiting.is_empty());
        let lanes = &self.lanes;
        let forget = |of_classes: &mut OfClasses| {
            for place in of_classes.iter_mut() {
                *place = place.filter(|id| lanes.contains(*id));
            }
        };
        self.of_buckets.values_mut().for_each(forget);
        forget(&mut self.shared);
        self.turns.retain(|id| lanes.contains(*id));
        self.of_buckets.retain(|_, of_classes| of_classes.iter().any(Option::is_some));
    }

    /// A permit at once, unless others are in front or there is no room.
    fn admit(&mut self, queue: &Arc<Queue>, lane: LaneId, bytes: u64) -> Result<Permit, NoRoom> {
        let is_first = self.lanes[lane].waiting.is_empty();
        // Bodies go behind bodies that wait: small ones would keep a large one out for good.
        let is_in_turn = is_first && (bytes == 0 || !self.is_body_waiting());
        if is_in_turn && self.has_room(lane, bytes) { Ok(self.grant(queue, lane, bytes)) } else { Err(NoRoom) }
    }

    fn is_body_waiting(&self) -> bool {
        let mut first_in_turn = self.turns.iter().filter_map(|id| self.lanes[*id].waiting.first());
        first_in_turn.any(|waiter| waiter.bytes > 0)
    }

    fn has_room(&self, lane: LaneId, bytes: u64) -> bool {
        let lane = &self.lanes[lane];
        let lane_has_room = lane.in_flight < lane.limit(self.caps);
        let cap = self.caps.bytes.unwrap_or(u64::MAX);
        let bytes_fit = bytes == 0 || self.bytes == 0 || self.bytes.saturating_add(bytes) <= cap;
        !self.is_stopped && self.requests < self.caps.requests && lane_has_room && bytes_fit
    }

    fn grant(&mut self, queue: &Arc<Queue>, lane: LaneId, bytes: u64) -> Permit {
        self.requests += 1;
        self.bytes += bytes;
        self.lanes[lane].in_flight += 1;
        Permit { queue: Some(Arc::clone(queue)), lane, bytes, sent: Monotonic::default() }
    }

    /// What the limit of a lane begins at. A store may take less than it did: the start doubles anyway.
    fn first_limit(&self, key: &LaneKey) -> u32 {
        let first = match key.1 {
            CallClass::Read | CallClass::Write => FIRST_LIMIT,
            CallClass::MultiDelete => FIRST_LIMIT_OF_GROUPS,
        };
        self.learned.get(key).map_or(first, |limit| limit / 2)
    }

    fn take_back(&mut self, lane: LaneId, bytes: u64) {
        self.requests -= 1;
        self.bytes -= bytes;
        self.lanes[lane].in_flight -= 1;
    }

    fn line_up(&mut self, lane: LaneId, caller: Option<Caller>, bytes: u64) -> oneshot::Receiver<Permit> {
        let (grant, waiting) = oneshot::channel();
        let queue = &mut self.lanes[lane].waiting;
        queue.push(caller, Waiter { bytes, grant });
        if queue.len() == 1 {
            self.turns.push_back(lane);
        }
        waiting
    }

    /// Grants what there is room for, to the lanes in turn.
    fn grant_waiting(&mut self, queue: &Arc<Queue>) {
        let mut passed_over = 0;
        let mut is_body_waiting = false;
        while passed_over < self.turns.len() && self.requests < self.caps.requests {
            let Some(lane) = self.turns.pop_front() else { return };
            let Some(bytes) = self.first_waiting(lane) else { continue };
            if self.has_room(lane, bytes) && !(bytes > 0 && is_body_waiting) {
                self.grant_first(queue, lane);
                passed_over = 0;
            } else {
                is_body_waiting |= bytes > 0;
                passed_over += 1;
            }
            if !self.lanes[lane].waiting.is_empty() {
                self.turns.push_back(lane);
            }
        }
    }

    /// The bytes of the first in a lane who still waits.
    fn first_waiting(&mut self, lane: LaneId) -> Option<u64> {
        let waiting = &mut self.lanes[lane].waiting;
        while waiting.first().is_some_and(|waiter| waiter.grant.is_closed()) {
            waiting.pop();
        }
        waiting.first().map(|waiter| waiter.bytes)
    }

    fn grant_first(&mut self, queue: &Arc<Queue>, lane: LaneId) {
        let Some(waiter) = self.lanes[lane].waiting.pop() else { return };
        let permit = self.grant(queue, lane, waiter.bytes);
        if let Err(mut unclaimed) = waiter.grant.send(permit) {
            // Void, so that its drop does not ask for the lock that is held here.
            unclaimed.queue = None;
            self.take_back(lane, waiter.bytes);
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
            if !caps.is_adaptive {
                return Some(wait);
            }
            let lane = &mut state.lanes[self.lane];
            Some(wait.max(lane.pace.reserve(now, units.into(), lane.adaptive.pace())))
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
        let lane = &mut state.lanes[self.lane];
        let moved = lane.learn(Sample { now, sent: self.sent, units, in_flight: lane.in_flight, cap, load });
        let class = lane.key.1;
        if let Some(reason) = moved.filter(|_| state.caps.is_adaptive) {
            *state.moves.entry((class, reason)).or_default() += 1;
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
    let error = match result {
        Ok(Answer::DeleteObjects(results)) if results.iter().any(is_throttled) => return Some(Load::SlowDown),
        Ok(_) => return Some(Load::Answered),
        Err(error) => error,
    };
    match (error.verdict, error.http_status, error.code.as_str()) {
        (Verdict::Throttled, None, TOO_MANY_CONNECTIONS) => Some(Load::NoRoom),
        (Verdict::Throttled, ..) => Some(Load::SlowDown),
        (Verdict::Transient, Some(500..), _) | (Verdict::Transient, None, "RequestTimeout") => Some(Load::Failed),
        (Verdict::Transient | Verdict::Unavailable, None, "ConnectionReset" | "ConnectFailed") => {
            Some(Load::Unconnected)
        }
        (Verdict::Unavailable | Verdict::Stopped | Verdict::CredentialsRefused | Verdict::Transient, ..) => None,
        (Verdict::Missing | Verdict::Denied | Verdict::Precondition | Verdict::Invalid, ..) => Some(Load::Answered),
    }
}

/// Whether the store took the call and told this key of it to slow down.
fn is_throttled(result: &DeleteResult) -> bool {
    matches!(result, DeleteResult::Failed { code, .. } if verdict_of(code) == Some(Verdict::Throttled))
}

/// Rates are counted in fractions, too.
fn per_second(cap: Option<u64>) -> Option<f64> {
    cap.map(|cap| cap as f64)
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            let mut state = queue.state();
            state.take_back(self.lane, self.bytes);
            state.grant_waiting(&queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_told_to_slow_down_inside_a_success_slows_the_bucket_down() {
        let failed = |code: &str| DeleteResult::Failed { code: code.to_owned(), message: String::new() };
        let load = |code| load_of(&Ok(Answer::DeleteObjects(vec![DeleteResult::Unnamed, failed(code)])));
        assert_eq!(load("SlowDown"), Some(Load::SlowDown));
        assert_eq!(load("ServiceUnavailable"), Some(Load::SlowDown));
        assert_eq!(load("AccessDenied"), Some(Load::Answered));
    }
}
