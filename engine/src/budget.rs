//! What a job may use in this process: the limits that its user sets for it (requests in flight,
//! requests, objects and bytes a second), how many of its tasks run, and how large its groups are.
//!
//! A decorator outside the endpoint's own chain of retries and limits, one for each job in this
//! process, so a call that it holds back takes no other job's place. It counts calls, not attempts.
//! When a limit changes, calls that wait under the old one continue under the new one at once.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::job::Job;
use brigade_model::limits::DELETE_OBJECTS_KEYS_MAX;
use brigade_model::ports::object_store::{Answer, Call, CallError, CancelToken, Effect, ObjectStore, Verdict};
use brigade_model::ports::{Clock, Monotonic};
use brigade_model::{BucketName, LoadLimits};
use tokio::sync::{Mutex as Turnstile, Notify};

/// The keys of a bucket's first groups: a store with a low limit of objects a second must not get
/// thousands at once. Each group that it accepts is followed by one twice as large ...
const FIRST_GROUP: usize = 16;
/// ... until the store tells one to slow down: from then on they grow by one key for each so many
/// accepted. Halved once in some seconds, groups stay so small that few keys are refused.
const TAKEN_PER_KEY: usize = 1000;

/// The keys of the largest group that is no more than a second's worth.
pub(crate) fn keys_of_a_second(limits: &LoadLimits) -> usize {
    limits.objects_per_second.map_or(DELETE_OBJECTS_KEYS_MAX, |keys| keys.max(1) as usize).min(DELETE_OBJECTS_KEYS_MAX)
}

/// What a job may use, shared by all its slices in this process.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// The next call waits here alone; the others wait behind it, in order.
    turnstile: Turnstile<()>,
    /// Wakes the next call: a call has ended, or the limits have changed.
    turned: Notify,
    /// Units of work that run, of all its slices.
    running: AtomicUsize,
    /// Whether its slices here have nothing more to start though there is room for it.
    needs_slice: AtomicBool,
}

/// A unit of work that runs, until it is dropped.
pub(crate) struct Running(Arc<Budget>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct State {
    limits: LoadLimits,
    /// The groups of deletes of each bucket.
    groups: BTreeMap<BucketName, Groups>,
    /// The job's revision that the limits are of.
    revision: u64,
    in_flight: u32,
    /// When the last call started, and what it was; `None` before the first.
    last: Option<(Monotonic, Size)>,
}

/// How large the groups of a bucket are.
#[derive(Debug, Clone, Copy)]
struct Groups {
    keys: usize,
    /// One was told to slow down.
    is_told: bool,
    /// Keys that were taken since they grew by one.
    taken: usize,
}

impl Default for Groups {
    fn default() -> Self {
        Self { keys: FIRST_GROUP, is_told: false, taken: 0 }
    }
}

/// What a call uses of the rates.
#[derive(Debug, Clone, Copy)]
struct Size {
    objects: u64,
    bytes: u64,
}

impl Size {
    fn of(call: &Call) -> Self {
        Self { objects: call.objects().into(), bytes: call.bytes_moved() }
    }
}

/// What the next call has to wait for.
enum Wait {
    Nothing,
    /// For this long, unless the limits change.
    For(Duration),
    /// For a call in flight to end.
    ForRoom,
}

impl State {
    /// Takes the place of one call of that size, or tells what it has to wait for.
    fn start(&mut self, now: Monotonic, size: Size) -> Wait {
        if self.limits.requests_in_flight.is_some_and(|max| self.in_flight >= max.max(1)) {
            return Wait::ForRoom;
        }
        let wait = self.next_start().since(now);
        if !wait.is_zero() {
            return Wait::For(wait);
        }
        self.in_flight += 1;
        self.last = Some((now, size));
        Wait::Nothing
    }

    /// What was started last has its time to itself: so many units take so long, evenly, and an
    /// idle while saves nothing up.
    fn next_start(&self) -> Monotonic {
        let Some((last, size)) = self.last else { return Monotonic::default() };
        let LoadLimits { requests_per_second, objects_per_second, bytes_per_second, .. } = self.limits;
        let takes = [
            (1, requests_per_second.map(u64::from)),
            (size.objects, objects_per_second.map(u64::from)),
            (size.bytes, bytes_per_second),
        ];
        let takes =
            takes.into_iter().map(|(units, per_second)| per_second.map_or(Duration::ZERO, |n| time_of(units, n)));
        last.after(takes.max().unwrap_or_default())
    }
}

fn time_of(units: u64, per_second: u64) -> Duration {
    let nanos = u128::from(units) * 1_000_000_000 / u128::from(per_second.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Budget {
    /// The budget of a job.
    pub(crate) fn of(job: &Job, clock: &Arc<dyn Clock>) -> Arc<Self> {
        Self::new(State { limits: job.limits, revision: job.revision, ..State::default() }, clock)
    }

    fn new(state: State, clock: &Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            clock: clock.clone(),
            state: Mutex::new(state),
            turnstile: Turnstile::new(()),
            turned: Notify::new(),
            running: AtomicUsize::new(0),
            needs_slice: AtomicBool::new(false),
        })
    }

    /// Notes whether the job could use a further slice; the answer is what was noted before.
    pub(crate) fn note_need(&self, needs_slice: bool) -> bool {
        self.needs_slice.swap(needs_slice, Ordering::Relaxed)
    }

    /// Whether the job could use a further slice.
    pub(crate) fn needs_slice(&self) -> bool {
        self.needs_slice.load(Ordering::Relaxed)
    }

    /// Counts a unit of work that begins.
    pub(crate) fn run(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// Whether fewer units than this run, and none of their calls waits for a limit of the job.
    pub(crate) fn has_room(&self, units_max: usize) -> bool {
        self.running.load(Ordering::Relaxed) < units_max && self.turnstile.try_lock().is_ok()
    }

    /// The keys of a group of deletes: what the bucket takes, and no more than the job may use in a second.
    pub(crate) fn group_max(&self, bucket: &BucketName) -> usize {
        let state = self.state();
        let groups = state.groups.get(bucket).copied().unwrap_or_default();
        groups.keys.min(keys_of_a_second(&state.limits))
    }

    /// The store took all of a group.
    pub(crate) fn note_taken(&self, bucket: &BucketName, keys: usize) {
        let mut state = self.state();
        let groups = state.groups.entry(bucket.clone()).or_default();
        let growth = if groups.is_told {
            groups.taken += keys;
            let growth = groups.taken / TAKEN_PER_KEY;
            groups.taken %= TAKEN_PER_KEY;
            growth
        } else if keys >= groups.keys {
            groups.keys
        } else {
            // Of a smaller one nothing is learned.
            0
        };
        groups.keys = (groups.keys + growth).min(DELETE_OBJECTS_KEYS_MAX);
    }

    /// The store told a group of so many keys to slow down.
    pub(crate) fn note_throttled(&self, bucket: &BucketName, keys: usize) {
        let half = (keys / 2).max(1);
        let mut state = self.state();
        let groups = state.groups.entry(bucket.clone()).or_default();
        // Others of the same size may have been told the same already.
        *groups = Groups { keys: half.min(groups.keys), is_told: true, taken: 0 };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over the limits of the job as it was read, unless it was read before with a later
    /// revision.
    pub(crate) fn follow(&self, job: &Job) {
        let mut state = self.state();
        if job.revision < state.revision {
            return;
        }
        state.revision = job.revision;
        if state.limits != job.limits {
            state.limits = job.limits;
            drop(state);
            self.turned.notify_waiters();
        }
    }

    /// A place at once, where the job has no limits: then calls need no order.
    fn free_place(&self, call: &Call) -> Option<Place<'_>> {
        let mut state = self.state();
        if !state.limits.is_none() {
            return None;
        }
        state.in_flight += 1;
        state.last = Some((self.clock.monotonic(), Size::of(call)));
        Some(Place(self))
    }

    /// Waits until a call may be made; its place is free again when the answer is dropped.
    ///
    /// # Errors
    /// The current limits do not allow so many objects in a second.
    async fn place(&self, call: &Call) -> Result<Place<'_>, CallError> {
        let _turn = self.turnstile.lock().await;
        let size = Size::of(call);
        loop {
            let mut turned = pin!(self.turned.notified());
            turned.as_mut().enable();
            let wait = {
                let mut state = self.state();
                if size.objects > keys_of_a_second(&state.limits) as u64 {
                    return Err(CallError::too_many_objects());
                }
                state.start(self.clock.monotonic(), size)
            };
            match wait {
                Wait::Nothing => return Ok(Place(self)),
                Wait::ForRoom => turned.await,
                Wait::For(wait) => tokio::select! {
                    biased;
                    () = turned => {}
                    () = self.clock.sleep(wait) => {}
                },
            }
        }
    }
}

/// A call in flight.
struct Place<'a>(&'a Budget);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().in_flight -= 1;
        self.0.turned.notify_waiters();
    }
}

/// A store within a job's budget.
pub(crate) struct Budgeted {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) budget: Arc<Budget>,
}

#[async_trait]
impl ObjectStore for Budgeted {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let stopped =
            || CallError::new(Verdict::Stopped, Effect::None, "Stopped", "the job was stopped before the call");
        let _place = match self.budget.free_place(&call) {
            Some(place) => place,
            None => tokio::select! {
                biased;
                () = cancel.ended(&*self.budget.clock) => return Err(stopped()),
                place = self.budget.place(&call) => place?,
            },
        };
        self.inner.call(cancel, call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(Duration::from_millis(ms))
    }

    fn state(limits: LoadLimits) -> State {
        State { limits, ..State::default() }
    }

    /// When the next call of so many bytes starts, in milliseconds, if it comes at `now`.
    fn start(state: &mut State, now: u64, bytes: u64) -> u64 {
        start_sized(state, now, Size { objects: 1, bytes })
    }

    fn start_sized(state: &mut State, now: u64, size: Size) -> u64 {
        match state.start(at(now), size) {
            Wait::Nothing => now,
            Wait::For(wait) => start_sized(state, now + u64::try_from(wait.as_millis()).unwrap(), size),
            Wait::ForRoom => panic!("no room"),
        }
    }

    #[test]
    fn a_pace_spreads_calls_evenly_and_an_idle_while_saves_nothing_up() {
        let mut state = state(LoadLimits { requests_per_second: Some(10), ..LoadLimits::default() });
        let starts: Vec<_> = (0..4).map(|_| start(&mut state, 1000, 0)).collect();
        assert_eq!(starts, [1000, 1100, 1200, 1300]);
        assert_eq!(start(&mut state, 9000, 0), 9000);
        assert_eq!(start(&mut state, 9000, 0), 9100);
    }

    #[test]
    fn bytes_have_their_time_after_the_call_that_moves_them() {
        let mut state = state(LoadLimits { bytes_per_second: Some(1000), ..LoadLimits::default() });
        let starts: Vec<_> = [500, 0, 2000, 1].map(|bytes| start(&mut state, 0, bytes)).into();
        assert_eq!(starts, [0, 500, 500, 2500]);
    }

    #[test]
    fn a_call_about_many_objects_has_the_time_of_each_of_them() {
        let mut state = state(LoadLimits { objects_per_second: Some(1000), ..LoadLimits::default() });
        let sizes = [1000, 500, 1, 1].map(|objects| Size { objects, bytes: 0 });
        let starts: Vec<_> = sizes.into_iter().map(|size| start_sized(&mut state, 0, size)).collect();
        assert_eq!(starts, [0, 1000, 1500, 1501]);
    }

    #[test]
    fn other_limits_count_from_the_last_start() {
        let mut state = state(LoadLimits { requests_per_second: Some(1), ..LoadLimits::default() });
        assert_eq!(start(&mut state, 0, 0), 0);
        state.limits.requests_per_second = Some(100);
        assert_eq!(start(&mut state, 0, 0), 10);
        state.limits = LoadLimits::default();
        assert_eq!(start(&mut state, 10, 0), 10);
    }

    #[test]
    fn groups_double_until_the_store_says_slow_down_then_are_halved_once_a_size_and_grow_slowly() {
        let clock: Arc<dyn Clock> = Arc::new(brigade_runtime::SimulatedClock::new());
        let budget = Budget::new(State::default(), &clock);
        let (told, other) = (BucketName::new("told").unwrap(), BucketName::new("other").unwrap());
        let grow = |times: usize| -> Vec<_> {
            let sizes = (0..times).map(|_| {
                budget.note_taken(&told, budget.group_max(&told));
                budget.group_max(&told)
            });
            sizes.collect()
        };
        assert_eq!(budget.group_max(&told), 16);
        budget.note_taken(&told, 15);
        assert_eq!(budget.group_max(&told), 16, "a smaller one tells nothing");
        assert_eq!(grow(7), [32, 64, 128, 256, 512, 1000, 1000]);
        // Three of that size were in flight.
        (0..3).for_each(|_| budget.note_throttled(&told, 1000));
        assert_eq!((budget.group_max(&told), budget.group_max(&other)), (500, 16));
        assert_eq!(grow(5), [500, 501, 501, 502, 502]);
        assert_eq!(grow(1000).last(), Some(&1000));
        (0..20).for_each(|_| budget.note_throttled(&told, budget.group_max(&told)));
        assert_eq!(budget.group_max(&told), 1);
        budget.state().limits.objects_per_second = Some(10);
        assert_eq!((budget.group_max(&told), budget.group_max(&other)), (1, 10));
    }

    #[test]
    fn no_more_calls_are_in_flight_than_allowed_also_when_fewer_are_allowed_than_there_are() {
        let mut state = state(LoadLimits::default());
        for _ in 0..5 {
            start(&mut state, 0, 1 << 40);
        }
        state.limits.requests_in_flight = Some(3);
        while state.in_flight > 2 {
            assert!(matches!(state.start(at(0), Size { objects: 1, bytes: 0 }), Wait::ForRoom));
            state.in_flight -= 1;
        }
        assert!(matches!(state.start(at(0), Size { objects: 1, bytes: 0 }), Wait::Nothing));
    }
}
