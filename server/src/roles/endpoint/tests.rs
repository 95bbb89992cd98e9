#![allow(clippy::disallowed_methods, reason = "tests start calls beside each other")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_config::config_source::{ConfigSource, Source};
use brigade_config::section::{Reader, Section};
use brigade_model::names::BucketName;
use brigade_model::ports::object_store::{Answer, At, Call, CallError, CancelToken, HeadObject, ObjectStore, Request};
use brigade_runtime::SimulatedClock;
use brigade_s3::limit::Limit;
use brigade_s3::timeouts::Timeouts;

use super::*;
use crate::roles::protection::Probe;

/// A store that answers more slowly the more requests are in flight.
struct Model {
    clock: Arc<SimulatedClock>,
    in_flight: AtomicUsize,
    /// So many are answered in the least time at once.
    room: AtomicUsize,
}

/// The time of an answer without a queue.
const LEAST: Duration = Duration::from_millis(100);

#[async_trait]
impl ObjectStore for Model {
    async fn call(&self, _: &CancelToken, _: Call) -> Result<Answer, CallError> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let room = self.room.load(Ordering::Relaxed);
        self.clock.sleep(LEAST.mul_f64((in_flight as f64 / room as f64).max(1.0))).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        Ok(Answer::HeadObject(Box::default()))
    }
}

fn head() -> Call {
    let at = At { bucket: BucketName::new("photos").unwrap(), key: "key".parse().unwrap() };
    HeadObject { at, version: None }.into_call()
}

/// The latency that the store's other users see.
#[async_trait]
impl Probe for Model {
    async fn is_answered(&self) -> bool {
        self.call(&CancelToken::unbounded(), head()).await.is_ok()
    }
}

/// One that never gets an answer, or fails at once.
struct Broken {
    fails: bool,
}

#[async_trait]
impl Probe for Broken {
    async fn is_answered(&self) -> bool {
        if self.fails { false } else { std::future::pending().await }
    }
}

/// What others shall wait at most.
const PROTECTED: Duration = Duration::from_millis(250);

struct TestEndpoint {
    clock: Arc<SimulatedClock>,
    model: Arc<Model>,
    endpoint: Arc<ActiveEndpoint>,
}

impl TestEndpoint {
    /// An endpoint with such windows, at a store that has room for so many.
    fn new(windows: &[String], room: usize) -> Self {
        let clock = Arc::new(SimulatedClock::new());
        let model = Arc::new(Model { clock: clock.clone(), in_flight: AtomicUsize::new(0), room: room.into() });
        let caps = Caps { requests: 100, is_adaptive: false, ..Caps::default() };
        let windows = windows.iter().map(|text| read(text)).collect();
        let name = EndpointName::new("main").unwrap();
        let endpoint = ActiveEndpoint::new(name, EndpointKind::Other, caps, windows, clock.clone());
        Self { clock, model, endpoint: Arc::new(endpoint) }
    }

    /// So many callers that call again and again.
    fn press(&self, callers: usize) {
        let limit = Limit::sharing(self.model.clone(), self.endpoint.limit(), Timeouts::default(), self.clock.clone());
        let limit = Arc::new(limit);
        for _ in 0..callers {
            let limit = Arc::clone(&limit);
            tokio::spawn(async move { while limit.call(&CancelToken::unbounded(), head()).await.is_ok() {} });
        }
    }

    /// Protects 250 ms, as that probe tells.
    fn protect(&self, probe: Arc<dyn Probe>) {
        self.endpoint.protect(Some(Protection::new(PROTECTED, BucketName::new("photos").unwrap(), probe)));
        let endpoint = Arc::clone(&self.endpoint);
        tokio::spawn(async move { endpoint.keep_protecting().await });
    }

    /// Requests in flight at most, and the latest look, at each of so many seconds.
    async fn watch(&self, seconds: usize) -> Vec<(u32, Duration)> {
        let mut seen = Vec::new();
        for _ in 0..seconds {
            self.clock.sleep(Duration::from_secs(1)).await;
            let now = self.endpoint.protection_now().unwrap();
            seen.push((self.endpoint.limit().caps().requests, now.probe_p50.unwrap_or_default()));
        }
        seen
    }

    fn in_flight(&self) -> usize {
        self.model.in_flight.load(Ordering::Relaxed)
    }
}

fn read(settings: &str) -> Window {
    let source = Source { name: "w".to_owned(), file: None, folder: Default::default() };
    Window::read(&mut Reader::new(&mut ConfigSource::new(source, settings, []), Vec::new())).unwrap()
}

/// A window that begins and ends so many minutes from now.
fn window(clock: &dyn Clock, begins: i64, ends: i64, limits: &str) -> String {
    let minute = |minutes: i64| {
        let at = clock.now() + Duration::from_secs(60 * minutes as u64);
        jiff::tz::TimeZone::UTC.to_datetime(at).strftime("%H:%M").to_string()
    };
    format!("from = '{}'\nto = '{}'\ntime_zone = 'UTC'\n{limits}", minute(begins), minute(ends))
}

#[tokio::test(start_paused = true)]
async fn windows_lower_what_is_asked_from_their_begin_to_their_end_also_for_calls_that_wait() {
    let clock = SimulatedClock::new();
    let windows = [window(&clock, 1, 3, "requests_in_flight = 40"), window(&clock, 2, 4, "requests_in_flight = 4")];
    let endpoint = TestEndpoint::new(&windows, 1000);
    endpoint.press(200);
    // At most, as the operator has it: the least of all holds.
    let limits = LoadLimits { requests_in_flight: Some(50), ..LoadLimits::default() };
    let settings = EndpointSettings { limits, ..EndpointSettings::default() };
    endpoint.endpoint.adopt(EndpointRow { endpoint: EndpointName::new("main").unwrap(), revision: 1, settings });
    let mut seen = Vec::new();
    for _ in 0..9 {
        endpoint.clock.sleep(Duration::from_secs(30)).await;
        endpoint.endpoint.follow();
        endpoint.clock.sleep(Duration::from_millis(500)).await;
        seen.push((endpoint.in_flight(), endpoint.endpoint.windows_now().len()));
    }
    let expected = [(50, 0), (40, 1), (40, 1), (4, 2), (4, 2), (4, 1), (4, 1), (50, 0), (50, 0)];
    assert_eq!(seen, expected);
}

/// The store has room for so many at 100 ms, so for two and a half times as many at 250 ms.
#[tokio::test(start_paused = true)]
async fn our_share_falls_until_others_latency_holds_and_comes_back_when_the_store_is_faster() {
    let endpoint = TestEndpoint::new(&[], 10);
    endpoint.protect(endpoint.model.clone());
    endpoint.press(150);
    let fell = endpoint.watch(30).await;
    assert!(fell[8..].iter().all(|(share, _)| *share < 100), "it falls after the first look: {fell:?}");
    for (share, p50) in endpoint.watch(120).await {
        assert!(p50 <= PROTECTED && (20..=24).contains(&share), "{share} with {p50:?}");
    }
    endpoint.model.room.store(2, Ordering::Relaxed);
    endpoint.watch(60).await;
    for (share, p50) in endpoint.watch(120).await {
        assert!(p50 <= PROTECTED && (3..=4).contains(&share), "{share} with {p50:?}");
    }
    endpoint.model.room.store(100, Ordering::Relaxed);
    let rose = endpoint.watch(300).await;
    assert!(rose[29].0 < 30, "carefully: {}", rose[29].0);
    let now = endpoint.endpoint.protection_now().unwrap();
    assert_eq!((rose[299].0, now.share), (100, None), "all of it is back");
}

#[tokio::test(start_paused = true)]
async fn one_request_stays_in_flight_though_others_latency_never_holds() {
    for fails in [false, true] {
        let endpoint = TestEndpoint::new(&[], 100);
        endpoint.protect(Arc::new(Broken { fails }));
        endpoint.press(150);
        let seen = endpoint.watch(200).await;
        // A failed probe says nothing of the store's latency.
        assert_eq!(seen[199].0, if fails { 100 } else { 1 });
        endpoint.clock.sleep(Duration::from_millis(500)).await;
        assert!(endpoint.in_flight() >= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn no_probe_is_made_while_nothing_is_in_flight_and_a_share_that_is_not_used_does_not_grow() {
    let endpoint = TestEndpoint::new(&[], 100);
    endpoint.protect(endpoint.model.clone());
    endpoint.watch(60).await;
    assert_eq!(endpoint.endpoint.protection_now().unwrap().probe_p50, None);
    endpoint.model.room.store(10, Ordering::Relaxed);
    endpoint.press(150);
    let share = endpoint.watch(60).await[59].0;
    assert!((20..=24).contains(&share), "{share}");
    // An operator's limit holds under it.
    let limits = LoadLimits { requests_in_flight: Some(3), ..LoadLimits::default() };
    let settings = EndpointSettings { limits, ..EndpointSettings::default() };
    endpoint.endpoint.adopt(EndpointRow { endpoint: EndpointName::new("main").unwrap(), revision: 1, settings });
    assert!(endpoint.watch(60).await.iter().all(|(share, _)| *share == 3));
}
