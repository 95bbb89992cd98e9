//! Decides which call goes next: permits, and the queues of calls that wait for one.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::names::BucketName;
use brigade_model::ports::clock::{Clock, Monotonic};
use brigade_model::ports::object_store::{Answer, CallClass, CallError, Caller, DeleteResult, Verdict};
use tokio::sync::{Notify, oneshot};

use super::adaptive::{Load, Reason, Sample};
use super::lanes::{Lane, LaneId, Lanes};
use super::rate::{CATCH_UP, Rate};
use super::{Caps, Learned, Usage};
use crate::verdict::TOO_MANY_CONNECTIONS;

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
    lanes: Lanes<Waiter>,
    /// The lanes in which calls wait, in turn.
    turns: VecDeque<LaneId>,
    request_rate: Rate,
    object_rate: Rate,
    byte_rate: Rate,
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
            lanes: Lanes::default(),
            turns: VecDeque::new(),
            request_rate: Rate::new(CATCH_UP),
            object_rate: Rate::new(CATCH_UP),
            byte_rate: Rate::new(CATCH_UP),
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
            let lane = state.lanes.of(bucket, class);
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
        let is_full = |lane: &Lane<Waiter>| {
            let waiting = lane.waiting.len_of(Some(caller)) as u64;
            waiting * 4 > u64::from(lane.limit(state.caps))
        };
        !state.turns.iter().map(|id| &state.lanes[*id]).any(is_full)
    }

    /// The greatest limit of a lane.
    pub(super) fn expected(&self) -> u32 {
        let state = self.state();
        state.lanes.expected(state.caps)
    }

    pub(super) fn learned(&self) -> Vec<Learned> {
        let state = self.state();
        let cap = state.caps.requests;
        let learned = state.lanes.iter().filter_map(|lane| lane.learned(cap));
        learned.filter(|_| state.caps.is_adaptive).collect()
    }

    pub(super) fn begin_with(&self, learned: impl IntoIterator<Item = (Option<BucketName>, CallClass, u32)>) {
        self.state().lanes.begin_with(learned);
    }

    pub(super) fn usage(&self) -> Usage {
        let state = self.state();
        let mut adaptive: Vec<_> = state.lanes.iter().map(|lane| lane.usage(state.caps)).collect();
        adaptive.sort_unstable_by(|one, other| (&one.bucket, one.class).cmp(&(&other.bucket, other.class)));
        let waiting = state.lanes.iter().map(|lane| lane.waiting.len()).sum();
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
        let class = lane.class();
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
        Ok(Answer::DeleteObjects(results)) if results.iter().any(DeleteResult::is_throttled) => {
            return Some(Load::SlowDown);
        }
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
    use crate::verdict::failed_delete;

    #[test]
    fn a_key_that_is_told_to_slow_down_inside_a_success_slows_the_bucket_down() {
        let load = |code| load_of(&Ok(Answer::DeleteObjects(vec![DeleteResult::Unnamed, failed_delete(code, "")])));
        assert_eq!(load("SlowDown"), Some(Load::SlowDown));
        assert_eq!(load("ServiceUnavailable"), Some(Load::SlowDown));
        assert_eq!(load("AccessDenied"), Some(Load::Answered));
    }
}
