//! The limits that a job's user sets for it: requests in flight, requests and bytes a second.
//!
//! A decorator outside the endpoint's own chain of retries and limits, one for each job in this
//! process: what it holds back competes with nobody. Counted in calls, not in attempts.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::JobOptions;
use brigade_model::ports::object_store::{Answer, Call, CallError, Effect, Leash, ObjectStore, Verdict};
use brigade_model::ports::{Clock, Monotonic};
use tokio::sync::Semaphore;

/// What a job may use, shared by all its slices in this process.
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    in_flight: Option<Semaphore>,
    requests: Option<Pace>,
    bytes: Option<Pace>,
}

/// So many units a second, evenly.
struct Pace {
    per_second: u64,
    next_free: Mutex<Monotonic>,
}

impl Pace {
    fn new(per_second: u64) -> Self {
        Self { per_second, next_free: Mutex::default() }
    }

    /// Takes `units` and tells how long to wait before using them.
    fn take(&self, units: u64, now: Monotonic) -> Duration {
        let mut next_free = self.next_free.lock().unwrap_or_else(PoisonError::into_inner);
        let start = now.max(*next_free);
        let nanos = u128::from(units) * 1_000_000_000 / u128::from(self.per_second.max(1));
        *next_free = start.after(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        start.since(now)
    }
}

impl Budget {
    /// The budget that the options set; `None` when they set none.
    pub(crate) fn of(options: &JobOptions, clock: &Arc<dyn Clock>) -> Option<Arc<Self>> {
        let JobOptions { in_flight_max, requests_per_second_max, bytes_per_second_max, .. } = *options;
        if in_flight_max.is_none() && requests_per_second_max.is_none() && bytes_per_second_max.is_none() {
            return None;
        }
        Some(Arc::new(Self {
            clock: clock.clone(),
            in_flight: in_flight_max.map(|max| Semaphore::new(max as usize)),
            requests: requests_per_second_max.map(|max| Pace::new(u64::from(max))),
            bytes: bytes_per_second_max.map(Pace::new),
        }))
    }

    /// Waits until a call may be made.
    async fn wait(&self, call: &Call) {
        let now = self.clock.monotonic();
        let requests = self.requests.as_ref().map_or(Duration::ZERO, |pace| pace.take(1, now));
        let bytes = self.bytes.as_ref().map_or(Duration::ZERO, |pace| pace.take(call.bytes_moved(), now));
        let wait = requests.max(bytes);
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }
}

/// A store within a job's budget.
pub(crate) struct Budgeted {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) budget: Arc<Budget>,
}

#[async_trait]
impl ObjectStore for Budgeted {
    async fn call(&self, leash: &Leash, call: Call) -> Result<Answer, CallError> {
        let stopped =
            || CallError::new(Verdict::Stopped, Effect::None, "Stopped", "the job was stopped before the call");
        let permit = async {
            let permit = match &self.budget.in_flight {
                Some(in_flight) => in_flight.acquire().await.ok(),
                None => None,
            };
            self.budget.wait(&call).await;
            permit
        };
        let _permit = tokio::select! {
            biased;
            () = leash.stopped() => return Err(stopped()),
            permit = permit => permit,
        };
        self.inner.call(leash, call).await
    }
}

#[cfg(test)]
mod tests {
    use brigade_runtime::SimulatedClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pace_spreads_units_evenly() {
        let clock = SimulatedClock::new();
        let pace = Pace::new(10);
        let waits: Vec<_> = (0..4).map(|_| pace.take(1, clock.monotonic()).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 300]);
        clock.sleep(Duration::from_secs(5)).await;
        assert_eq!(pace.take(1, clock.monotonic()), Duration::ZERO, "an idle pace saves nothing up");
        assert_eq!(pace.take(1, clock.monotonic()).as_millis(), 100);
    }

    #[test]
    fn no_options_are_no_budget() {
        let clock: Arc<dyn Clock> = Arc::new(NoTime);
        assert!(Budget::of(&JobOptions::default(), &clock).is_none());
        let options = JobOptions { in_flight_max: Some(2), ..JobOptions::default() };
        assert!(Budget::of(&options, &clock).is_some());
    }

    struct NoTime;

    impl Clock for NoTime {
        fn now(&self) -> brigade_model::Timestamp {
            brigade_model::Timestamp::UNIX_EPOCH
        }
        fn monotonic(&self) -> Monotonic {
            Monotonic::default()
        }
        fn sleep(&self, _: Duration) -> brigade_model::ports::clock::Sleep {
            Box::pin(std::future::ready(()))
        }
    }
}
