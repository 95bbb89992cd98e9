//! What the process counts, in Prometheus form at `/metrics` of the address for metrics.
//!
//! Counters and histograms count events as they happen; a request for the page reads the gauges from
//! their owners (jobs by status, limits, space). Each service of a process has its own registry:
//! nothing here is global.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use brigade_engine::Observer;
use brigade_model::operation::OperationKind;
use brigade_model::ports::{Clock, Monotonic};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

mod codes;
pub(crate) mod metered;

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
        "The adaptive limit of requests in flight now, by endpoint and class of call: the lowest that has moved of its buckets, or each by name",
    ),
    (LIMIT_IN_FLIGHT, Kind::Gauge, "Requests in flight under the adaptive limits, by endpoint and class of call"),
    (LIMIT_WAITING, Kind::Gauge, "Calls that wait for a permit, by endpoint and class of call"),
    (LIMIT_OBJECTS, Kind::Gauge, "Objects answered a second over the last 10 s, by endpoint and class of call"),
    (
        LIMIT_PACE,
        Kind::Gauge,
        "Objects a second that may begin where the store asked to slow down, 0 while it does not, by endpoint and class of call: the lowest of its buckets, or each by name",
    ),
    (
        LIMIT_LATENCY,
        Kind::Gauge,
        "Quantiles of how long the latest answers took, 0 when none came for 10 s, by endpoint and class of call: the highest of its buckets, or each by name",
    ),
    (LIMIT_MOVES, Kind::Counter, "Moves of the adaptive limits, by endpoint, class of call and reason"),
    (ENDPOINT_UP, Kind::Gauge, "1 while an endpoint takes our calls, 0 while its circuit breaker is open"),
    (ENDPOINT_STOPPED, Kind::Gauge, "1 while an operator has an endpoint stopped"),
    (TASKS, Kind::Counter, "Tasks with an outcome, by operation and outcome"),
    (JOBS, Kind::Gauge, "Jobs, by status"),
    (JOBS_WAITING, Kind::Gauge, "Jobs that stand still, by cause"),
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
const LIMIT_IN_FLIGHT: &str = "brigade_limit_requests_in_flight";
const LIMIT_WAITING: &str = "brigade_limit_calls_waiting";
const LIMIT_OBJECTS: &str = "brigade_limit_objects_per_second";
const LIMIT_PACE: &str = "brigade_limit_pace_objects_per_second";
const LIMIT_LATENCY: &str = "brigade_limit_latency_seconds";
const LIMIT_MOVES: &str = "brigade_limit_moves_total";
const ENDPOINT_UP: &str = "brigade_endpoint_up";
const ENDPOINT_STOPPED: &str = "brigade_endpoint_stopped";
const TASKS: &str = "brigade_tasks_total";
const JOBS: &str = "brigade_jobs";
const JOBS_WAITING: &str = "brigade_jobs_waiting";
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
    /// Where the API's answers are counted: to find that by labels takes 4,000 instructions.
    answers: Mutex<BTreeMap<AnswerName, (Counter, Histogram)>>,
    /// What the page said last of each endpoint and lane.
    lanes: Mutex<BTreeMap<LaneName, LaneNow>>,
}

/// Action, status and code.
type AnswerName = (&'static str, u16, &'static str);

/// Endpoint, class and bucket.
type LaneName = (String, &'static str, Option<String>);

impl Metrics {
    /// An empty registry.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .expect("there are buckets");
        let recorder = builder.build_recorder();
        let page = recorder.handle();
        let (last_commit, answers, lanes) = (Mutex::default(), Mutex::default(), Mutex::default());
        let metrics = Self { recorder, page, clock, last_commit, answers, lanes };
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
    pub fn api_answered(&self, action: &'static str, status: u16, code: &'static str, seconds: f64) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (requests, latency) = answers.entry((action, status, code)).or_insert_with(|| {
            let labels = [("action", action), ("status", &status.to_string()), ("code", code)];
            (self.counter(API_REQUESTS, &labels), self.histogram(API_SECONDS, &[("action", action)]))
        });
        requests.increment(1);
        latency.record(seconds);
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
        for (cause, count) in &now.waiting {
            self.gauge(JOBS_WAITING, &[("cause", cause)]).set(*count as f64);
        }
        for endpoint in &now.endpoints {
            endpoint.set(self);
        }
        self.still_forgotten_lanes(&now.endpoints);
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

impl Metrics {
    /// Where buckets are very many, those in which nothing goes on are forgotten: their gauges must not stay
    /// as they were seen last.
    fn still_forgotten_lanes(&self, endpoints: &[EndpointNow]) {
        let named = |endpoint: &EndpointNow, lane: &LaneNow| {
            ((endpoint.endpoint.clone(), lane.class, lane.bucket.clone()), lane.clone())
        };
        let lanes = endpoints.iter().flat_map(|endpoint| endpoint.lanes.iter().map(|lane| named(endpoint, lane)));
        let lanes: BTreeMap<_, _> = lanes.collect();
        let mut before = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        for ((endpoint, ..), lane) in before.iter().filter(|(name, _)| !lanes.contains_key(*name)) {
            lane.clone().still().set(self, ("endpoint", endpoint));
        }
        *before = lanes;
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

/// The gauges, read at each request for the page.
#[derive(Debug, Default)]
pub struct Now {
    /// Every status with its number of jobs.
    pub jobs: Vec<(&'static str, u64)>,
    /// Every cause with the number of jobs that it keeps waiting.
    pub waiting: Vec<(&'static str, u64)>,
    /// Every endpoint and its limits.
    pub endpoints: Vec<EndpointNow>,
    /// Bytes in the spool, when it knows.
    pub spool_bytes: Option<u64>,
    /// Bytes left for the spool, when known.
    pub spool_free_bytes: Option<u64>,
    /// Whether lack of space keeps new work from starting.
    pub is_space_low: bool,
}

/// An endpoint, over all credentials that it is called with.
#[derive(Debug)]
pub struct EndpointNow {
    /// Its name.
    pub endpoint: String,
    /// Whether the endpoint's circuit is closed in all its circuit breakers.
    pub is_up: bool,
    /// Whether an operator stopped it.
    pub is_stopped: bool,
    /// Calls that wait for a permit.
    pub waiting: usize,
    /// The state of its adaptive limits.
    pub lanes: Vec<LaneNow>,
    /// Class of call, reason, and how often a limit moved for it.
    pub moves: Vec<(&'static str, &'static str, u64)>,
}

/// The state of one adaptive limit.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneNow {
    /// The bucket, where it may be named.
    pub bucket: Option<String>,
    /// The class of calls.
    pub class: &'static str,
    /// Requests that may be in flight.
    pub limit: u32,
    /// Whether the store had its word in the limit; at its start it says nothing.
    pub has_moved: bool,
    /// Requests in flight.
    pub in_flight: u32,
    /// Calls that wait for a permit.
    pub waiting: usize,
    /// Objects that are answered in a second.
    pub objects_per_second: f64,
    /// Objects that may begin in a second.
    pub pace: Option<f64>,
    /// What half and 99 of a hundred answers do not exceed, in seconds.
    pub latency: [f64; 2],
}

impl LaneNow {
    fn set(&self, metrics: &Metrics, endpoint: (&'static str, &str)) {
        let bucket = self.bucket.as_deref().map(|bucket| ("bucket", bucket));
        let labels: Vec<_> = [endpoint, ("class", self.class)].into_iter().chain(bucket).collect();
        for (name, value) in [
            (CALL_LIMIT, f64::from(self.limit)),
            (LIMIT_IN_FLIGHT, f64::from(self.in_flight)),
            (LIMIT_WAITING, self.waiting as f64),
            (LIMIT_OBJECTS, self.objects_per_second),
            (LIMIT_PACE, self.pace.unwrap_or_default()),
        ] {
            metrics.gauge(name, &labels).set(value);
        }
        for (quantile, seconds) in ["0.5", "0.99"].into_iter().zip(self.latency) {
            let labels: Vec<_> = labels.iter().copied().chain([("quantile", quantile)]).collect();
            metrics.gauge(LIMIT_LATENCY, &labels).set(seconds);
        }
    }

    /// The same, with nothing going on.
    fn still(self) -> Self {
        Self { in_flight: 0, waiting: 0, objects_per_second: 0.0, pace: None, latency: [0.0; 2], ..self }
    }

    /// Both buckets as one: what can be added is added, and of the rest the one that is worse off counts.
    fn and(self, other: Self) -> Self {
        let latency = [0, 1].map(|at| self.latency[at].max(other.latency[at]));
        // The bucket of the reports would else show its start for ever.
        let limit = match (self.has_moved, other.has_moved) {
            (true, false) => self.limit,
            (false, true) => other.limit,
            (true, true) | (false, false) => self.limit.min(other.limit),
        };
        Self {
            bucket: None,
            class: self.class,
            limit,
            has_moved: self.has_moved || other.has_moved,
            in_flight: self.in_flight + other.in_flight,
            waiting: self.waiting + other.waiting,
            objects_per_second: self.objects_per_second + other.objects_per_second,
            pace: self.pace.into_iter().chain(other.pace).reduce(f64::min),
            latency,
        }
    }
}

impl EndpointNow {
    fn set(&self, metrics: &Metrics) {
        let labels = [("endpoint", self.endpoint.as_str())];
        metrics.gauge(ENDPOINT_UP, &labels).set(f64::from(u8::from(self.is_up)));
        metrics.gauge(ENDPOINT_STOPPED, &labels).set(f64::from(u8::from(self.is_stopped)));
        metrics.gauge(CALLS_WAITING, &labels).set(self.waiting as f64);
        for lane in &self.lanes {
            lane.set(metrics, labels[0]);
        }
        for (class, reason, count) in &self.moves {
            metrics.counter(LIMIT_MOVES, &[labels[0], ("class", class), ("reason", reason)]).absolute(*count);
        }
    }

    /// The same, with all buckets of a class as one.
    #[must_use]
    pub fn without_buckets(mut self) -> Self {
        let mut classes: BTreeMap<&'static str, LaneNow> = BTreeMap::new();
        for lane in self.lanes {
            let lane = match classes.remove(lane.class) {
                Some(others) => others.and(lane),
                None => LaneNow { bucket: None, ..lane },
            };
            classes.insert(lane.class, lane);
        }
        self.lanes = classes.into_values().collect();
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

    fn lane(bucket: &str, class: &'static str, limit: u32) -> LaneNow {
        LaneNow {
            bucket: Some(bucket.to_owned()),
            class,
            limit,
            has_moved: true,
            in_flight: 0,
            waiting: 0,
            objects_per_second: 0.0,
            pace: None,
            latency: [0.0; 2],
        }
    }

    fn main() -> EndpointNow {
        let (lanes, moves) = (vec![], vec![]);
        EndpointNow { endpoint: "main".to_owned(), is_up: true, is_stopped: false, waiting: 0, lanes, moves }
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_without_names_are_told_by_their_sums_and_the_one_that_is_worst_off() {
        let busy = LaneNow {
            in_flight: 12,
            waiting: 5,
            objects_per_second: 300.0,
            pace: Some(400.0),
            latency: [0.03, 0.2],
            ..lane("photos", "read", 12)
        };
        let slow =
            LaneNow { pace: Some(90.0), latency: [0.05, 0.1], objects_per_second: 80.0, ..lane("lists", "read", 7) };
        let idle = LaneNow { has_moved: false, ..lane("backup", "read", 2) };
        let lanes = vec![busy, slow, idle, lane("photos", "write", 30)];
        let metrics = Metrics::new(Arc::new(SimulatedClock::new()));
        let endpoint = EndpointNow { lanes, ..main() }.without_buckets();
        let page = metrics.render(&Now { endpoints: vec![endpoint], ..Now::default() });
        for line in [
            r#"brigade_store_requests_limit{endpoint="main",class="read"} 7"#,
            r#"brigade_store_requests_limit{endpoint="main",class="write"} 30"#,
            r#"brigade_limit_requests_in_flight{endpoint="main",class="read"} 12"#,
            r#"brigade_limit_calls_waiting{endpoint="main",class="read"} 5"#,
            r#"brigade_limit_objects_per_second{endpoint="main",class="read"} 380"#,
            r#"brigade_limit_pace_objects_per_second{endpoint="main",class="read"} 90"#,
            r#"brigade_limit_pace_objects_per_second{endpoint="main",class="write"} 0"#,
            r#"brigade_limit_latency_seconds{endpoint="main",class="read",quantile="0.5"} 0.05"#,
            r#"brigade_limit_latency_seconds{endpoint="main",class="read",quantile="0.99"} 0.2"#,
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
        for name in ["photos", "lists", "backup"] {
            assert!(!page.contains(name), "{page}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_goes_on_any_more_in_a_bucket_that_is_forgotten() {
        let metrics = Metrics::new(Arc::new(SimulatedClock::new()));
        let busy =
            LaneNow { in_flight: 9, objects_per_second: 300.0, latency: [0.1, 0.2], ..lane("photos", "read", 12) };
        let page = |lanes| metrics.render(&Now { endpoints: vec![EndpointNow { lanes, ..main() }], ..Now::default() });
        let line = r#"brigade_limit_objects_per_second{endpoint="main",class="read",bucket="photos"}"#;
        assert!(page(vec![busy.clone(), lane("lists", "read", 12)]).contains(&format!("{line} 300\n")));
        let after = page(vec![lane("lists", "read", 12)]);
        assert!(after.contains(&format!("{line} 0\n")), "{after}");
        assert!(page(vec![busy]).contains(&format!("{line} 300\n")), "it comes back");
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
            is_up: false,
            is_stopped: true,
            waiting: 3,
            lanes: vec![LaneNow { latency: [0.03, 0.2], ..lane("photos", "read", 12) }],
            moves: vec![("read", "more answers", 4)],
            ..main()
        };
        let now = Now {
            jobs: vec![("Active", 2)],
            waiting: vec![("credentials", 1)],
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
            r#"brigade_jobs_waiting{cause="credentials"} 1"#,
            r#"brigade_endpoint_up{endpoint="main"} 0"#,
            r#"brigade_endpoint_stopped{endpoint="main"} 1"#,
            r#"brigade_store_calls_waiting{endpoint="main"} 3"#,
            r#"brigade_store_requests_limit{endpoint="main",class="read",bucket="photos"} 12"#,
            r#"brigade_limit_latency_seconds{endpoint="main",class="read",bucket="photos",quantile="0.99"} 0.2"#,
            r#"brigade_limit_moves_total{endpoint="main",class="read",reason="more answers"} 4"#,
            "brigade_spool_bytes 1000",
            "brigade_space_low 1",
            "# TYPE brigade_tasks_total counter",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }
}
