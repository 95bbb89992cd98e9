//! Counts the calls to an object store: [`Metered`] wraps the store directly and counts attempts;
//! [`Retries`] wraps the whole chain and counts attempts beyond the first.
//!
//! The handles are made once for each endpoint, so that a success costs a few atomic additions.

use std::cell::Cell;
use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{Answer, Call, CallError, CallKind, CancelToken, ObjectStore};
use metrics::{Counter, Gauge, Histogram};

use super::{CALL_SECONDS, CALLS, CALLS_IN_FLIGHT, Metrics, RETRIES, codes};

tokio::task_local! {
    /// Attempts of the call that this task is making.
    static ATTEMPTS: Cell<u32>;
}

/// The handles of one endpoint.
pub(crate) struct CallMeters {
    metrics: Arc<Metrics>,
    endpoint: String,
    in_flight: Gauge,
    /// In the order of [`CallKind::ALL`], which is that of the enum.
    kinds: Vec<KindMeters>,
}

struct KindMeters {
    succeeded: Counter,
    seconds: Histogram,
    retries: Counter,
}

impl CallMeters {
    /// The handles of that endpoint.
    #[must_use]
    pub(crate) fn new(metrics: &Arc<Metrics>, endpoint: &str) -> Arc<Self> {
        let kind = |kind: &CallKind| {
            let labels = [("endpoint", endpoint), ("operation", kind.name())];
            KindMeters {
                succeeded: metrics.counter(CALLS, &[labels[0], labels[1], ("code", "OK")]),
                seconds: metrics.histogram(CALL_SECONDS, &labels),
                retries: metrics.counter(RETRIES, &labels),
            }
        };
        Arc::new(Self {
            metrics: Arc::clone(metrics),
            endpoint: endpoint.to_owned(),
            in_flight: metrics.gauge(CALLS_IN_FLIGHT, &[("endpoint", endpoint)]),
            kinds: CallKind::ALL.iter().map(kind).collect(),
        })
    }

    fn of(&self, kind: CallKind) -> &KindMeters {
        &self.kinds[kind as usize]
    }

    fn failed(&self, kind: CallKind, code: &str) {
        // Codes come from the store, which may give each answer a new one.
        let code = codes::label(code);
        let labels = [("endpoint", self.endpoint.as_str()), ("operation", kind.name()), ("code", code)];
        self.metrics.counter(CALLS, &labels).increment(1);
    }
}

/// Counts every attempt.
pub(crate) struct Metered {
    inner: Arc<dyn ObjectStore>,
    meters: Arc<CallMeters>,
    clock: Arc<dyn Clock>,
}

impl Metered {
    /// Counts the calls of `inner`.
    #[must_use]
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, meters: Arc<CallMeters>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, meters, clock }
    }
}

/// Counts down even when the call is dropped.
struct InFlight<'a>(&'a Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

#[async_trait]
impl ObjectStore for Metered {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let kind = call.kind();
        // Absent outside `Retries`.
        let _ = ATTEMPTS.try_with(|attempts| attempts.set(attempts.get() + 1));
        self.meters.in_flight.increment(1.0);
        let in_flight = InFlight(&self.meters.in_flight);
        let began = self.clock.monotonic();
        let answer = self.inner.call(cancel, call).await;
        drop(in_flight);
        let meters = self.meters.of(kind);
        meters.seconds.record(self.clock.monotonic().since(began).as_secs_f64());
        match &answer {
            Ok(_) => meters.succeeded.increment(1),
            Err(error) => self.meters.failed(kind, &error.code),
        }
        answer
    }
}

/// Counts the attempts beyond the first of each call.
pub(crate) struct Retries {
    inner: Arc<dyn ObjectStore>,
    meters: Arc<CallMeters>,
}

impl Retries {
    /// Counts the repetitions that `inner` makes.
    #[must_use]
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, meters: Arc<CallMeters>) -> Self {
        Self { inner, meters }
    }
}

#[async_trait]
impl ObjectStore for Retries {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let kind = call.kind();
        let counted = async {
            let answer = self.inner.call(cancel, call).await;
            (answer, ATTEMPTS.with(Cell::get))
        };
        let (answer, attempts) = ATTEMPTS.scope(Cell::new(0), counted).await;
        if attempts > 1 {
            self.meters.of(kind).retries.increment(u64::from(attempts - 1));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use brigade_model::ports::object_store::{Effect, HeadObject, Verdict, send};
    use brigade_runtime::SimulatedClock;

    use super::*;
    use crate::metrics::Now;

    /// Fails its first thousand calls, most of them with a code of its own.
    struct Shaky(AtomicU32);

    #[async_trait]
    impl ObjectStore for Shaky {
        async fn call(&self, _cancel: &CancelToken, _call: Call) -> Result<Answer, CallError> {
            match self.0.fetch_add(1, Ordering::SeqCst) {
                0 => Err(CallError::new(Verdict::Transient, Effect::Unknown, "InternalError", "")),
                1 => Err(CallError::new(Verdict::Transient, Effect::Unknown, "a strange\ncode", "")),
                n if n < 1000 => Err(CallError::new(Verdict::Invalid, Effect::None, &format!("Invented{n}"), "")),
                _ => Ok(Answer::HeadObject(Box::default())),
            }
        }
    }

    /// Calls until it succeeds.
    struct Stubborn(Arc<dyn ObjectStore>);

    #[async_trait]
    impl ObjectStore for Stubborn {
        async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
            loop {
                if let Ok(answer) = self.0.call(cancel, call.clone()).await {
                    return Ok(answer);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_attempt_is_counted_by_a_known_code_and_those_beyond_the_first_as_retries() {
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
        let metrics = Metrics::new(Arc::clone(&clock));
        let meters = CallMeters::new(&metrics, "main");
        let metered = Metered::new(Arc::new(Shaky(AtomicU32::new(0))), Arc::clone(&meters), clock);
        let store = Retries::new(Arc::new(Stubborn(Arc::new(metered))), meters);
        let at = brigade_model::ports::object_store::At { bucket: "b".parse().unwrap(), key: "k".parse().unwrap() };
        send(&store, &CancelToken::unbounded(), HeadObject { at, version: None }).await.unwrap();
        let page = metrics.render(&Now::default());
        for line in [
            r#"brigade_store_requests_total{endpoint="main",operation="HeadObject",code="OK"} 1"#,
            r#"brigade_store_requests_total{endpoint="main",operation="HeadObject",code="InternalError"} 1"#,
            r#"brigade_store_requests_total{endpoint="main",operation="HeadObject",code="other"} 999"#,
            r#"brigade_store_retries_total{endpoint="main",operation="HeadObject"} 1000"#,
            r#"brigade_store_request_seconds_count{endpoint="main",operation="HeadObject"} 1001"#,
            r#"brigade_store_requests_in_flight{endpoint="main"} 0"#,
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        assert!(!page.contains("Invented"), "a store makes no label");
    }
}
