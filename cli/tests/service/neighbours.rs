//! What the other users of a store are promised: our share of it falls until their latency holds, and less is asked
//! in a window of the day.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{Next, from_fn};
use brigade_client::Client;
use brigade_model::ports::Clock;
use brigade_model::{JobId, JobOptions, Status};
use brigade_runtime::SystemClock;
use brigade_s3::simulated::SimulatedStore;
use brigade_wire::admin::EndpointState;
use tokio::sync::watch;

use crate::bounds::serve;
use crate::test_service::{TestService, credentials, make_buckets, request_to};

/// Requests in flight at most, as the endpoint is configured.
const CEILING: usize = 16;

/// What a store has seen of requests, probes aside.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    at_once: usize,
    most_at_once: usize,
    answered: usize,
}

/// A store that takes for each request as much longer as there are more in flight.
struct BusyStore {
    url: String,
    seen: Arc<watch::Sender<Seen>>,
}

impl BusyStore {
    async fn start(buckets: &SimulatedStore, clock: &Arc<SystemClock>, each: Duration) -> Self {
        let (seen, clock) = (Arc::new(watch::Sender::new(Seen::default())), Arc::clone(clock));
        let all = Arc::clone(&seen);
        let store = brigade_sandbox::routes(buckets.clone(), credentials());
        let store = store.layer(from_fn(move |request: Request, next: Next| {
            let (seen, clock) = (Arc::clone(&all), Arc::clone(&clock));
            async move {
                let is_probe = *request.method() == Method::HEAD && request.uri().path().matches('/').count() == 1;
                if !is_probe {
                    seen.send_modify(|seen| {
                        seen.at_once += 1;
                        seen.most_at_once = seen.most_at_once.max(seen.at_once);
                    });
                }
                let at_once = seen.borrow().at_once;
                clock.sleep(each * u32::try_from(at_once).unwrap()).await;
                let answer = next.run(request).await;
                if !is_probe {
                    seen.send_modify(|seen| {
                        seen.at_once -= 1;
                        seen.answered += 1;
                    });
                }
                answer
            }
        }));
        Self { url: serve(store).await, seen }
    }

    fn seen(&self) -> Seen {
        *self.seen.borrow()
    }

    async fn wait(&self, is_it: impl FnMut(&Seen) -> bool) {
        self.seen.subscribe().wait_for(is_it).await.unwrap();
    }

    /// Waits for so many more answers; gives the most requests that were at the store at once meanwhile.
    async fn most_while_answering(&self, answers: usize) -> usize {
        let goal = self.seen().answered + answers;
        self.seen.send_modify(|seen| seen.most_at_once = seen.at_once);
        self.wait(|seen| seen.answered >= goal).await;
        self.seen().most_at_once
    }
}

/// A service at such a store, which others use too; these settings are the store's.
struct Neighbourhood {
    store: BusyStore,
    service: TestService,
}

impl Neighbourhood {
    async fn start(each: Duration, settings: &str) -> Self {
        let clock = Arc::new(SystemClock::new());
        let buckets = make_buckets(&clock);
        let sandbox = serve(brigade_sandbox::routes(buckets.clone(), credentials())).await;
        let store = BusyStore::start(&buckets, &clock, each).await;
        let text = format!(
            "[endpoints.shared]\nurl = \"{}\"\naccess_key = \"S3KEY\"\nsecret_key = \"s3-secret\"\nadaptive = false\n\
             requests_in_flight = {CEILING}\n{settings}\n\
             [accounts.one.roles.at_shared]\nsource = {{ endpoint = \"shared\", buckets = [\"photos\"] }}\n\
             manifest = {{ endpoint = \"sandbox\", buckets = [\"lists\"] }}\n\
             report = {{ endpoint = \"sandbox\", buckets = [\"reports\"] }}\n\
             [accounts.one.keys.AKIDOPERATOR]\nsecret = \"operator-secret\"\nactions = [\"brigade:ListEndpoints\"]\n",
            store.url
        );
        Self { store, service: TestService::open(clock, buckets, &sandbox, &text, None) }
    }

    /// Creates a job that tags so many objects of the store.
    async fn tag(&self, objects: u64) -> JobId {
        self.service.fill(objects);
        let manifest: String = (0..objects).map(|n| format!("photos,k{n}\n")).collect();
        let etag = self.service.put_manifest(&manifest);
        let tag = "<COSPutObjectTagging><TaggingDirective>Replaced</TaggingDirective>\
                   <TagSet><COSTag><Key>a</Key><Value>b</Value></COSTag></TagSet></COSPutObjectTagging>";
        let body = request_to(tag, &["Bucket", "Key"], "t", &etag).replace("roleName/batch", "roleName/at_shared");
        self.service.client().create_job(body.into(), &JobOptions::default()).await.unwrap().value
    }

    fn operator(&self) -> Client {
        self.service.client_of("1250000000", "AKIDOPERATOR", "operator-secret")
    }

    /// The store, as `brigade endpoint list` has it.
    async fn endpoint(&self) -> EndpointState {
        let endpoints = self.operator().list_endpoints().await.unwrap().value.endpoints;
        endpoints.into_iter().find(|endpoint| endpoint.endpoint == "shared").unwrap()
    }

    /// Our share of the store and what others wait for it, in milliseconds, once a look has led to a share.
    async fn share(&self) -> (usize, f64) {
        loop {
            let protection = self.endpoint().await.protection.unwrap();
            if let (Some(share), Some(probe_ms)) = (protection.requests_in_flight, protection.probe_p50_ms) {
                return (share as usize, probe_ms);
            }
            self.service.clock.sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_share_of_a_store_falls_until_the_latency_that_others_see_holds() {
    // With all of them in flight others wait for 160 ms.
    let scene = Neighbourhood::start(Duration::from_millis(10), "protect_latency = \"100ms\"").await;
    let id = scene.tag(100_000).await;
    scene.store.wait(|seen| seen.most_at_once == CEILING).await;
    let share = loop {
        let (share, probe_ms) = scene.share().await;
        if probe_ms <= 100.0 {
            break share;
        }
        scene.service.clock.sleep(Duration::from_millis(20)).await;
    };
    assert!(share < CEILING, "{share}");
    // What was in flight before is answered.
    scene.store.most_while_answering(2 * CEILING).await;
    let most = scene.store.most_while_answering(5 * CEILING).await;
    let (share_after, _) = scene.share().await;
    // Near the number that was too high it grows by less than one at a time, and falls again.
    assert!(most <= share.max(share_after) + 1, "{most} of {share}, then of {share_after}");
    assert!(most < CEILING, "{most}");
    let job = scene.service.describe(id).await;
    assert!(job.status == Status::Active && job.progress.failed == 0, "{job:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn less_is_asked_of_a_store_in_a_window_of_the_day_and_no_less_at_another_time() {
    for (begins_hours, ends_hours, expected_most, windows) in [(-1, 1, 3, 1), (1, 2, CEILING, 0)] {
        let hour = |hours: i64| {
            let now = SystemClock::new().now();
            now.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap().strftime("%H:%M").to_string()
        };
        let window = format!(
            "[[endpoints.shared.windows]]\nfrom = \"{}\"\nto = \"{}\"\ntime_zone = \"UTC\"\nrequests_in_flight = 3",
            hour(begins_hours),
            hour(ends_hours)
        );
        let scene = Neighbourhood::start(Duration::from_millis(5), &window).await;
        assert_eq!(scene.endpoint().await.windows.len(), windows, "{window}");
        let id = scene.tag(200).await;
        let job = scene.service.end(id).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 200), "{job:#?}");
        assert_eq!(scene.store.seen().most_at_once, expected_most, "{window}");
    }
}
