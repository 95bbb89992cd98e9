//! What the process counts, in Prometheus form at `/metrics` of the address for metrics.
//!
//! Counters and histograms are written as things happen; gauges that somebody else knows (jobs
//! by status, limits, space) are read when the page is asked for. Each service of a process has
//! its own registry: nothing here is global.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use brigade_engine::Observer;
use brigade_model::operation::OperationKind;
use brigade_model::ports::{Clock, Monotonic};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

mod codes;
pub mod metered;

/// Every metric: its name, what kind it is, and what it says.
const DESCRIPTIONS: &[(&str, Kind, &str)] = &[
    (API_REQUESTS, Kind::Counter, "Requests that the API answered, by action, HTTP status and error code"),
    (API_SECONDS, Kind::Histogram, "How long the API took to answer, by action"),
    (CALLS, Kind::Counter, "Requests to object stores, by endpoint, operation and code"),
    (CALL_SECONDS, Kind::Histogram, "How long object stores took to answer, by endpoint and operation"),
    (CALLS_IN_FLIGHT, Kind::Gauge, "Requests that object stores are answering now, by endpoint"),
    (RETRIES, Kind::Counter, "Attempts beyond the first of a call, by endpoint and operation"),
    (CALLS_WAITING, Kind::Gauge, "Calls that wait for a permit of the limits, by endpoint"),
    (
        CALL_LIMIT,
        Kind::Gauge,
        "The adaptive limit of requests in flight now, by endpoint and class of call: the lowest of its buckets, or each by name",
    ),
    (ENDPOINT_UP, Kind::Gauge, "1 while an endpoint takes our calls, 0 while its gate is closed"),
    (ENDPOINT_STOPPED, Kind::Gauge, "1 while an operator has an endpoint stopped"),
    (TASKS, Kind::Counter, "Tasks with an outcome, by operation and outcome"),
    (JOBS, Kind::Gauge, "Jobs, by status"),
    (COMMIT_AGE, Kind::Gauge, "Seconds since outcomes were last committed; absent before the first"),
    (SPOOL_BYTES, Kind::Gauge, "Bytes that the spool holds"),
    (SPOOL_FREE_BYTES, Kind::Gauge, "Bytes that the spool can still take"),
    (SPACE_LOW, Kind::Gauge, "1 while too little space is free for anything to begin, 0 otherwise"),
    (BUILD, Kind::Gauge, "Always 1; its label is the version"),
];

const API_REQUESTS: &str = "brigade_api_requests_total";
const API_SECONDS: &str = "brigade_api_request_seconds";
const CALLS: &str = "brigade_store_requests_total";
const CALL_SECONDS: &str = "brigade_store_request_seconds";
const CALLS_IN_FLIGHT: &str = "brigade_store_requests_in_flight";
const RETRIES: &str = "brigade_store_retries_total";
const CALLS_WAITING: &str = "brigade_store_calls_waiting";
const CALL_LIMIT: &str = "brigade_store_requests_limit";
const ENDPOINT_UP: &str = "brigade_endpoint_up";
const ENDPOINT_STOPPED: &str = "brigade_endpoint_stopped";
const TASKS: &str = "brigade_tasks_total";
const JOBS: &str = "brigade_jobs";
const COMMIT_AGE: &str = "brigade_last_commit_age_seconds";
const SPOOL_BYTES: &str = "brigade_spool_bytes";
const SPACE_LOW: &str = "brigade_space_low";
const SPOOL_FREE_BYTES: &str = "brigade_spool_free_bytes";
const BUILD: &str = "brigade_build_info";

/// Bounds of the histograms, seconds: from a local store's millisecond to a large copy.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0];

enum Kind {
    Counter,
    Gauge,
    Histogram,
}

const METADATA: Metadata<'static> = Metadata::new("brigade", Level::INFO, None);

/// The registry of one service.
pub struct Metrics {
    recorder: PrometheusRecorder,
    page: PrometheusHandle,
    clock: Arc<dyn Clock>,
    last_commit: Mutex<Option<Monotonic>>,
}

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .expect("there are buckets");
        let recorder = builder.build_recorder();
        let page = recorder.handle();
        let metrics = Self { recorder, page, clock, last_commit: Mutex::new(None) };
        metrics.describe();
        metrics.gauge(BUILD, &[("version", env!("CARGO_PKG_VERSION"))]).set(1.0);
        Arc::new(metrics)
    }

    fn describe(&self) {
        for (name, kind, text) in DESCRIPTIONS {
            let (name, text) = ((*name).into(), (*text).into());
            match kind {
                Kind::Counter => self.recorder.describe_counter(name, None, text),
                Kind::Gauge => self.recorder.describe_gauge(name, None, text),
                Kind::Histogram => self.recorder.describe_histogram(name, Some(Unit::Seconds), text),
            }
        }
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    fn gauge(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    fn histogram(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Histogram {
        self.recorder.register_histogram(&key(name, labels), &METADATA)
    }

    /// The API answered: `code` is the error's code, or `OK`.
    pub fn api_answered(&self, action: &str, status: u16, code: &str, seconds: f64) {
        self.counter(API_REQUESTS, &[("action", action), ("status", &status.to_string()), ("code", code)]).increment(1);
        self.histogram(API_SECONDS, &[("action", action)]).record(seconds);
    }

    /// Folds what the histograms gathered; without it their memory grows between two looks at
    /// the page.
    pub fn fold(&self) {
        self.page.run_upkeep();
    }

    /// The page, with what is known only now.
    #[must_use]
    pub fn render(&self, now: &Now) -> String {
        for (status, count) in &now.jobs {
            self.gauge(JOBS, &[("status", status)]).set(*count as f64);
        }
        for endpoint in &now.endpoints {
            endpoint.set(self);
        }
        if let Some(last) = *self.last_commit.lock().unwrap_or_else(PoisonError::into_inner) {
            self.gauge(COMMIT_AGE, &[]).set(self.clock.monotonic().since(last).as_secs_f64());
        }
        for (name, bytes) in [(SPOOL_BYTES, now.spool_bytes), (SPOOL_FREE_BYTES, now.spool_free_bytes)] {
            if let Some(bytes) = bytes {
                self.gauge(name, &[]).set(bytes as f64);
            }
        }
        self.gauge(SPACE_LOW, &[]).set(f64::from(u8::from(now.is_space_low)));
        self.page.render()
    }
}

impl Observer for Metrics {
    fn tasks_ended(&self, operation: OperationKind, succeeded: u64, failed: u64) {
        for (outcome, count) in [("succeeded", succeeded), ("failed", failed)] {
            self.counter(TASKS, &[("operation", operation.word()), ("outcome", outcome)]).increment(count);
        }
        *self.last_commit.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.clock.monotonic());
    }
}

/// What is read when the page is asked for.
#[derive(Debug, Default)]
pub struct Now {
    /// Every status with its number of jobs.
    pub jobs: Vec<(&'static str, u64)>,
    /// Every endpoint and its limits.
    pub endpoints: Vec<EndpointNow>,
    /// Bytes in the spool, when it knows.
    pub spool_bytes: Option<u64>,
    /// Bytes left for the spool, when somebody knows.
    pub spool_free_bytes: Option<u64>,
    /// Whether nothing can begin for want of space.
    pub is_space_low: bool,
}

/// An endpoint, over all credentials that it is called with.
#[derive(Debug)]
pub struct EndpointNow {
    /// Its name.
    pub endpoint: String,
    /// Whether all its gates are open.
    pub is_up: bool,
    /// Whether an operator stopped it.
    pub is_stopped: bool,
    /// Calls that wait for a permit.
    pub waiting: usize,
    /// Bucket where it may be named, class of call, the adaptive limit.
    pub limits: Vec<(Option<String>, &'static str, u32)>,
}

impl EndpointNow {
    fn set(&self, metrics: &Metrics) {
        let labels = [("endpoint", self.endpoint.as_str())];
        metrics.gauge(ENDPOINT_UP, &labels).set(f64::from(u8::from(self.is_up)));
        metrics.gauge(ENDPOINT_STOPPED, &labels).set(f64::from(u8::from(self.is_stopped)));
        metrics.gauge(CALLS_WAITING, &labels).set(self.waiting as f64);
        for (bucket, class, limit) in &self.limits {
            let bucket = bucket.as_deref().map(|bucket| ("bucket", bucket));
            let labels: Vec<_> = [labels[0], ("class", class)].into_iter().chain(bucket).collect();
            metrics.gauge(CALL_LIMIT, &labels).set(f64::from(*limit));
        }
    }

    /// The same, with the lowest limit of each class in place of every bucket's.
    #[must_use]
    pub fn without_buckets(mut self) -> Self {
        let mut lowest: BTreeMap<&'static str, u32> = BTreeMap::new();
        for (_, class, limit) in self.limits {
            lowest.entry(class).and_modify(|lowest| *lowest = limit.min(*lowest)).or_insert(limit);
        }
        self.limits = lowest.into_iter().map(|(class, limit)| (None, class, limit)).collect();
        self
    }
}

fn key(name: &'static str, labels: &[(&'static str, &str)]) -> Key {
    let labels: Vec<Label> = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
    Key::from_parts(name, labels)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use brigade_runtime::SimulatedClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn buckets_without_names_are_told_by_the_lowest_of_their_limits() {
        let limits = vec![
            (Some("photos".to_owned()), "read", 12),
            (Some("lists".to_owned()), "read", 7),
            (Some("photos".to_owned()), "write", 30),
        ];
        let endpoint = EndpointNow { endpoint: "main".to_owned(), is_up: true, is_stopped: false, waiting: 0, limits };
        let metrics = Metrics::new(Arc::new(SimulatedClock::new()));
        let page = metrics.render(&Now { endpoints: vec![endpoint.without_buckets()], ..Now::default() });
        assert!(page.contains(r#"brigade_store_requests_limit{endpoint="main",class="read"} 7"#), "{page}");
        assert!(page.contains(r#"brigade_store_requests_limit{endpoint="main",class="write"} 30"#), "{page}");
        assert!(!page.contains("photos") && !page.contains("lists"), "{page}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_page_says_what_was_counted_and_what_is_known_now() {
        let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
        let metrics = Metrics::new(Arc::clone(&clock));
        assert!(!metrics.render(&Now::default()).contains(COMMIT_AGE), "nothing was committed yet");

        metrics.api_answered("CreateJob", 200, "OK", 0.002);
        metrics.tasks_ended(OperationKind::Copy, 998, 2);
        clock.sleep(Duration::from_secs(7)).await;
        let endpoint = EndpointNow {
            endpoint: "main".to_owned(),
            is_up: false,
            is_stopped: true,
            waiting: 3,
            limits: vec![(Some("photos".to_owned()), "read", 12)],
        };
        let now = Now {
            jobs: vec![("Active", 2)],
            endpoints: vec![endpoint],
            spool_bytes: Some(1000),
            spool_free_bytes: None,
            is_space_low: true,
        };
        let page = metrics.render(&now);
        for line in [
            r#"brigade_api_requests_total{action="CreateJob",status="200",code="OK"} 1"#,
            r#"brigade_api_request_seconds_bucket{action="CreateJob",le="0.0025"} 1"#,
            r#"brigade_tasks_total{operation="copy",outcome="succeeded"} 998"#,
            r#"brigade_tasks_total{operation="copy",outcome="failed"} 2"#,
            "brigade_last_commit_age_seconds 7",
            r#"brigade_jobs{status="Active"} 2"#,
            r#"brigade_endpoint_up{endpoint="main"} 0"#,
            r#"brigade_endpoint_stopped{endpoint="main"} 1"#,
            r#"brigade_store_calls_waiting{endpoint="main"} 3"#,
            r#"brigade_store_requests_limit{endpoint="main",class="read",bucket="photos"} 12"#,
            "brigade_spool_bytes 1000",
            "brigade_space_low 1",
            "# TYPE brigade_tasks_total counter",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }
}
