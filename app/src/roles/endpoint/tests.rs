#![allow(clippy::disallowed_methods, reason = "tests start calls beside each other")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::names::BucketName;
use brigade_model::ports::object_store::{
    Answer, At, Call, CallError, HeadObject, Leash, ObjectHead, ObjectStore, Request,
};
use brigade_runtime::SimulatedClock;
use brigade_s3::limit::Limit;
use brigade_s3::timeouts::Timeouts;

use super::*;
use crate::config::section::{Reader, Section};
use crate::config::sheet::{Sheet, Source};

/// A store whose answers take the longer the more requests are in flight.
struct Model {
    clock: Arc<SimulatedClock>,
    in_flight: AtomicUsize,
    /// So many are answered in the least time at once.
    room: AtomicUsize,
}

/// What an answer takes where nothing waits.
const LEAST: Duration = Duration::from_millis(20);

#[async_trait]
impl ObjectStore for Model {
    async fn call(&self, _: &Leash, _: Call) -> Result<Answer, CallError> {
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let room = self.room.load(Ordering::Relaxed);
        self.clock.sleep(LEAST.mul_f64((in_flight as f64 / room as f64).max(1.0))).await;
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        Ok(Answer::HeadObject(ObjectHead::default()))
    }
}

fn head() -> Call {
    let at = At { bucket: BucketName::new("photos").unwrap(), key: "key".parse().unwrap() };
    HeadObject { at, version: None }.into_call()
}

struct Scene {
    clock: Arc<SimulatedClock>,
    model: Arc<Model>,
    endpoint: Arc<ActiveEndpoint>,
}

impl Scene {
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
            tokio::spawn(async move { while limit.call(&Leash::unbounded(), head()).await.is_ok() {} });
        }
    }

    fn in_flight(&self) -> usize {
        self.model.in_flight.load(Ordering::Relaxed)
    }
}

fn read(settings: &str) -> Window {
    let source = Source { name: "w".to_owned(), file: None, folder: Default::default() };
    Window::read(&mut Reader::new(&mut Sheet::new(source, settings, []), Vec::new())).unwrap()
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
    let windows = [window(&clock, 10, 30, "requests_in_flight = 40"), window(&clock, 20, 40, "requests_in_flight = 4")];
    let scene = Scene::new(&windows, 1000);
    scene.press(200);
    // At most, as the operator has it: the least of all holds.
    let limits = LoadLimits { requests_in_flight: Some(50), ..LoadLimits::default() };
    let settings = EndpointSettings { limits, ..EndpointSettings::default() };
    scene.endpoint.adopt(EndpointRow { endpoint: EndpointName::new("main").unwrap(), revision: 1, settings });
    let mut seen = Vec::new();
    for _ in 0..9 {
        scene.clock.sleep(Duration::from_secs(299)).await;
        scene.endpoint.follow();
        scene.clock.sleep(Duration::from_secs(1)).await;
        seen.push((scene.in_flight(), scene.endpoint.windows_now().count()));
    }
    assert_eq!(seen[..2], [(50, 0), (50, 0)][..]);
    assert_eq!(seen[2..4], [(40, 1), (40, 1)][..]);
    assert_eq!(seen[4..8], [(4, 2), (4, 2), (4, 1), (4, 1)][..]);
    assert_eq!(seen[8], (50, 0));
}
