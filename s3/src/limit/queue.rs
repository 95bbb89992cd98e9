//! Who may go next: permits, and the queues of those who wait for one.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::names::BucketName;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{Answer, CallClass, CallError, Verdict};
use tokio::sync::oneshot;

use super::adaptive::Adaptive;
use super::rate::Rate;
use super::{AdaptiveUsage, Caps, Usage};

/// Buckets and classes that are told apart. Others share one limit a class: a role names its
/// buckets, so there are rarely more than a handful.
const LANES_MAX: usize = 256;

/// A bucket and a class; no bucket for those that share.
type LaneKey = (Option<BucketName>, CallClass);

#[derive(Debug, Default)]
struct Lane {
    adaptive: Adaptive,
    in_flight: u32,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    bytes: u64,
    grant: oneshot::Sender<Permit>,
}

#[derive(Debug)]
struct State {
    caps: Caps,
    requests: u32,
    bytes: u64,
    lanes: HashMap<LaneKey, Lane>,
    /// The lanes in which somebody waits, in turn.
    turns: VecDeque<LaneKey>,
    request_rate: Rate,
    byte_rate: Rate,
}

/// The state of one limit.
#[derive(Debug)]
pub(super) struct Queue(Mutex<State>);

/// The right to have one request in flight; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    /// `None` once it is void.
    queue: Option<Arc<Queue>>,
    lane: LaneKey,
    bytes: u64,
}

impl Queue {
    pub(super) fn new(caps: Caps) -> Self {
        Self(Mutex::new(State {
            caps: at_least_one(caps),
            requests: 0,
            bytes: 0,
            lanes: HashMap::new(),
            turns: VecDeque::new(),
            request_rate: Rate::default(),
            byte_rate: Rate::default(),
        }))
    }

    pub(super) fn caps(&self) -> Caps {
        self.state().caps
    }

    pub(super) fn set_caps(self: &Arc<Self>, caps: Caps) {
        let mut state = self.state();
        state.caps = at_least_one(caps);
        state.grant_waiting(self);
    }

    /// Waits for a permit. A caller that goes away leaves its place.
    pub(super) async fn acquire(self: &Arc<Self>, bucket: &BucketName, class: CallClass, bytes: u64) -> Permit {
        let waiting = {
            let mut state = self.state();
            let lane = state.lane_key(bucket, class);
            match state.admit(self, &lane, bytes) {
                Ok(permit) => return permit,
                Err(NoRoom) => state.line_up(lane, bytes),
            }
        };
        waiting.await.expect("a waiter stays in its queue until it gets a permit")
    }

    pub(super) fn usage(&self) -> Usage {
        let state = self.state();
        let mut adaptive: Vec<_> = state
            .lanes
            .iter()
            .map(|((bucket, class), lane)| AdaptiveUsage {
                bucket: bucket.clone(),
                class: *class,
                limit: lane.adaptive.limit(state.caps.requests),
                requests: lane.in_flight,
            })
            .collect();
        adaptive.sort_unstable_by(|one, other| (&one.bucket, one.class).cmp(&(&other.bucket, other.class)));
        let waiting = state.lanes.values().map(|lane| lane.waiting.len()).sum();
        Usage { requests: state.requests, bytes: state.bytes, waiting, adaptive }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut first_in_turn = self.turns.iter().filter_map(|key| self.lanes.get(key)?.waiting.front());
        first_in_turn.any(|waiter| waiter.bytes > 0)
    }

    fn has_room(&self, key: &LaneKey, bytes: u64) -> bool {
        let lane_has_room =
            self.lanes.get(key).is_none_or(|lane| lane.in_flight < lane.adaptive.limit(self.caps.requests));
        let cap = self.caps.bytes.unwrap_or(u64::MAX);
        let bytes_fit = bytes == 0 || self.bytes == 0 || self.bytes.saturating_add(bytes) <= cap;
        self.requests < self.caps.requests && lane_has_room && bytes_fit
    }

    fn grant(&mut self, queue: &Arc<Queue>, key: &LaneKey, bytes: u64) -> Permit {
        self.requests += 1;
        self.bytes += bytes;
        self.lanes.entry(key.clone()).or_default().in_flight += 1;
        Permit { queue: Some(Arc::clone(queue)), lane: key.clone(), bytes }
    }

    fn take_back(&mut self, key: &LaneKey, bytes: u64) {
        self.requests -= 1;
        self.bytes -= bytes;
        if let Some(lane) = self.lanes.get_mut(key) {
            lane.in_flight -= 1;
        }
    }

    fn line_up(&mut self, key: LaneKey, bytes: u64) -> oneshot::Receiver<Permit> {
        let (grant, waiting) = oneshot::channel();
        let lane = self.lanes.entry(key.clone()).or_default();
        lane.waiting.push_back(Waiter { bytes, grant });
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
        while lane.waiting.front().is_some_and(|waiter| waiter.grant.is_closed()) {
            lane.waiting.pop_front();
        }
        lane.waiting.front().map(|waiter| waiter.bytes)
    }

    fn grant_first(&mut self, queue: &Arc<Queue>, key: &LaneKey) {
        let Some(waiter) = self.lanes.get_mut(key).and_then(|lane| lane.waiting.pop_front()) else { return };
        let permit = self.grant(queue, key, waiter.bytes);
        if let Err(mut unclaimed) = waiter.grant.send(permit) {
            // Void, so that its drop does not ask for the lock that is held here.
            unclaimed.queue = None;
            self.take_back(key, waiter.bytes);
        }
    }
}

impl Permit {
    /// Reserves one request and its bytes in the rates; how long to wait before it starts.
    pub(super) fn reserve(&self, now: Monotonic, bytes: u64) -> Duration {
        let Some(queue) = &self.queue else { return Duration::ZERO };
        let mut state = queue.state();
        let per_second = state.caps.requests_per_second.map(u64::from);
        let wait = state.request_rate.reserve(now, 1, per_second);
        let caps = state.caps;
        wait.max(state.byte_rate.reserve(now, bytes, caps.bytes_per_second))
    }

    /// Reserves bytes that came; how long to wait before more are read.
    pub(super) fn reserve_bytes(&self, now: Monotonic, bytes: u64) -> Duration {
        let Some(queue) = &self.queue else { return Duration::ZERO };
        let mut state = queue.state();
        let per_second = state.caps.bytes_per_second;
        state.byte_rate.reserve(now, bytes, per_second)
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

    /// Adapts the limit to how the call ended.
    pub(super) fn learn(&self, result: &Result<Answer, CallError>, now: Monotonic) {
        let Some(queue) = &self.queue else { return };
        let mut state = queue.state();
        let cap = state.caps.requests;
        let Some(lane) = state.lanes.get_mut(&self.lane) else { return };
        match result.as_ref().err().map(|error| (error.verdict, error.code.as_str())) {
            Some((Verdict::Throttled, _) | (Verdict::Transient, "RequestTimeout")) => {
                lane.adaptive.decrease(lane.in_flight, cap, now);
            }
            Some((Verdict::Unavailable | Verdict::Stopped | Verdict::CredentialsRefused | Verdict::Transient, _)) => {}
            _ => lane.adaptive.increase(lane.in_flight, cap),
        }
    }
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
