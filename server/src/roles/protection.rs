//! Foreground protection: our share of an endpoint falls until the latency that others see holds.
//!
//! One probe a second sends a HeadBucket past our own limits: its latency is that of others. Three
//! probes are one look, which takes their median:
//!
//! | a look sees | then our requests in flight |
//! |---|---|
//! | more than the protected latency | fall in proportion, by a tenth at least, to 1 at least |
//! | nearly as much | stay |
//! | less, and we used them | grow by a tenth; by a fiftieth near the last number that was too high |
//! | less, and we did not use them | stay: the look tells nothing |
//!
//! A probe without an answer in time counts with its time-out; one that fails earlier does not count.
//! Neither stops us: one request may always be in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::names::BucketName;
use brigade_model::ports::Clock;
use brigade_s3::http::HttpStore;

/// The time between two probes, while requests of ours are in flight.
pub(super) const PROBE_EVERY: Duration = Duration::from_secs(1);
/// A probe's time-out: so many times the protected latency ...
const TIMEOUT_TIMES: u32 = 10;
/// ... but at least this.
const TIMEOUT_MIN: Duration = Duration::from_secs(2);
/// Probes in a look.
const PROBES: usize = 3;
/// The number in flight falls to this share of itself at most, and at least.
const CUT: (f64, f64) = (0.5, 0.9);
/// From this share of the protected latency on, the number does not grow.
const NEARLY: f64 = 0.95;
/// The growth after a look ...
const GROWTH: f64 = 0.1;
/// ... and from this share of the last number that was too high.
const NEAR: f64 = 0.85;
const GROWTH_NEAR: f64 = 0.02;
/// Fewer of them in flight do not use them.
const USED: f64 = 0.8;

/// Measures the latency that others see.
#[async_trait]
pub(super) trait Probe: Send + Sync + 'static {
    /// Sends a small request; gives whether the store answered at all.
    async fn is_answered(&self) -> bool;
}

/// The head of a bucket.
pub(super) struct HeadOfBucket {
    pub(super) store: HttpStore,
    pub(super) bucket: BucketName,
}

#[async_trait]
impl Probe for HeadOfBucket {
    async fn is_answered(&self) -> bool {
        self.store.head_bucket(&self.bucket).await.is_ok()
    }
}

/// The protection of an endpoint's other users.
pub struct Protection {
    /// What others shall wait at most.
    latency: Duration,
    bucket: BucketName,
    probe: Arc<dyn Probe>,
    state: Mutex<State>,
}

/// The state of a protection, for operators.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtectionNow {
    /// What others shall wait at most.
    pub latency: Duration,
    /// The bucket of the HeadBucket.
    pub bucket: BucketName,
    /// The median of the latest probes; `None` before the first look.
    pub probe_p50: Option<Duration>,
    /// Our requests in flight at most; `None` while nothing had to fall.
    pub share: Option<u32>,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that may be in flight; `None` while nothing had to fall.
    share: Option<f64>,
    /// The last number that was too high.
    too_much: Option<f64>,
    probes: Vec<Duration>,
    /// The most requests in flight since the last look.
    used: u32,
    p50: Option<Duration>,
}

impl Protection {
    pub(super) fn new(latency: Duration, bucket: BucketName, probe: Arc<dyn Probe>) -> Self {
        Self { latency, bucket, probe, state: Mutex::default() }
    }

    /// Its current state.
    #[must_use]
    pub fn now(&self) -> ProtectionNow {
        let state = self.state();
        let share = state.share.map(|share| share as u32);
        ProtectionNow { latency: self.latency, bucket: self.bucket.clone(), probe_p50: state.p50, share }
    }

    /// How many of `ceiling` requests may be in flight.
    pub(super) fn share_of(&self, ceiling: u32) -> u32 {
        self.state().share.map_or(ceiling, |share| ceiling.min(share as u32))
    }

    /// Probes once, with `used` requests of ours in flight, of `most` without protection.
    pub(super) async fn look(&self, clock: &dyn Clock, used: u32, most: u32) {
        let timeout = (self.latency * TIMEOUT_TIMES).max(TIMEOUT_MIN);
        let began = clock.monotonic();
        let took = tokio::select! {
            biased;
            is_answered = self.probe.is_answered() => is_answered.then(|| clock.monotonic().since(began)),
            () = clock.sleep(timeout) => Some(timeout),
        };
        if let Some(took) = took {
            self.note(took, used, most);
        }
    }

    fn note(&self, took: Duration, used: u32, most: u32) {
        let mut state = self.state();
        state.probes.push(took);
        state.used = state.used.max(used);
        if state.probes.len() == PROBES {
            state.probes.sort_unstable();
            let median = state.probes[PROBES / 2];
            state.conclude(self.latency, median, f64::from(most));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The table at the head of this file.
    fn conclude(&mut self, protected: Duration, median: Duration, most: f64) {
        let (used, share) = (f64::from(self.used), self.share.unwrap_or(most));
        let (protected_s, median_s) = (protected.as_secs_f64(), median.as_secs_f64());
        if median > protected {
            let was_in_flight = share.min(used.max(1.0));
            self.too_much = Some(was_in_flight);
            self.share = Some((was_in_flight * (protected_s / median_s).clamp(CUT.0, CUT.1)).max(1.0));
        } else if median_s < protected_s * NEARLY && used >= (share * USED).floor() {
            let is_near = self.too_much.is_some_and(|too_much| share >= too_much * NEAR);
            let step = share * if is_near { GROWTH_NEAR } else { GROWTH };
            let grown = share + step.max(if is_near { 0.25 } else { 1.0 });
            // The old number is not too high any more.
            self.too_much = self.too_much.filter(|too_much| grown <= *too_much);
            self.share = (grown < most).then_some(grown);
        }
        self.p50 = Some(median);
        self.probes.clear();
        self.used = 0;
    }
}
