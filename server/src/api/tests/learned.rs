//! One process saves what its limits learn; the next starts with it.

use async_trait::async_trait;
use brigade_model::learned::LEARNED_MAX;
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::clock::Clock;
use brigade_model::ports::object_store::{
    Answer, At, CallClass, CallError, CancelToken, HeadObject, ObjectStore, send,
};
use brigade_model::{EndpointRow, EndpointSettings, LearnedLimit, LoadLimits};
use brigade_s3::limit::Limit;
use brigade_s3::timeouts::Timeouts;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::life::overtaken;
use super::*;

/// A store that answers so many calls at once, each after some 30 ms.
struct Far {
    clock: Arc<dyn Clock>,
    room: Semaphore,
    calls: std::sync::atomic::AtomicU64,
}

#[async_trait]
impl ObjectStore for Far {
    async fn call(&self, _: &CancelToken, _: brigade_model::ports::object_store::Call) -> Result<Answer, CallError> {
        let _place = self.room.acquire().await.unwrap();
        let noise_ms = self.calls.fetch_add(7, Ordering::SeqCst) % 10;
        self.clock.sleep(Duration::from_millis(30 + noise_ms)).await;
        Ok(Answer::HeadObject(Box::default()))
    }
}

impl TestApi {
    fn limited(&self, room: usize) -> Arc<Limit> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let far = Far { clock: Arc::clone(&clock), room: Semaphore::new(room), calls: Default::default() };
        let (_, main) = self.api.roles.endpoint("main").unwrap();
        Arc::new(Limit::sharing(Arc::new(far), main.limit(), Timeouts::default(), clock))
    }

    /// A thousand callers ask `main` about objects of a bucket for two seconds.
    async fn teach(&self, bucket: &str, room: usize) {
        let limit = self.limited(room);
        let end = self.clock.monotonic().after(Duration::from_secs(2));
        let bucket = BucketName::new(bucket).unwrap();
        let callers = (0..1100).map(|_| {
            let (clock, limit, bucket) = (Arc::clone(&self.clock), Arc::clone(&limit), bucket.clone());
            async move {
                while clock.monotonic() < end {
                    let at = At { bucket: bucket.clone(), key: ObjectKey::new("key").unwrap() };
                    send(&*limit, &CancelToken::unbounded(), HeadObject { at, version: None }).await.unwrap();
                }
            }
        });
        futures::future::join_all(callers).await;
    }

    /// How many of many calls about a bucket are in flight at first.
    async fn begun(&self, bucket: &str) -> u32 {
        let limit = self.limited(0);
        let bucket = BucketName::new(bucket).unwrap();
        let calls = (0..1100).map(|_| {
            let at = At { bucket: bucket.clone(), key: ObjectKey::new("key").unwrap() };
            let limit = Arc::clone(&limit);
            async move { send(&*limit, &CancelToken::unbounded(), HeadObject { at, version: None }).await }
        });
        let mut calls = std::pin::pin!(futures::future::join_all(calls));
        assert!(futures::poll!(calls.as_mut()).is_pending());
        limit.handle().usage().requests
    }

    async fn keep(&self, is_last: bool) {
        self.api.roles.keep_learned(&*self.api.jobs, is_last).await;
    }

    async fn row(&self) -> Option<EndpointRow> {
        let rows = self.store.endpoints().await.unwrap();
        rows.into_iter().find(|row| row.endpoint.as_str() == "main")
    }

    async fn revision(&self) -> u64 {
        self.row().await.map_or(0, |row| row.revision)
    }

    /// Time passes, and the process looks as often as it does.
    async fn look_for(&self, minutes: u32) {
        for _ in 0..minutes * 12 {
            self.clock.pass(5000);
            self.api.roles.adopt(self.store.endpoints().await.unwrap());
            self.keep(false).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_begins_at_half_of_what_was_learned() {
    let bench = TestApi::new();
    assert_eq!(bench.begun("photos").await, 32);
    bench.teach("photos", 100).await;
    bench.keep(true).await;
    let learned = bench.row().await.unwrap().settings.learned;
    let [photos] = learned.as_slice() else { panic!("{learned:?}") };
    assert_eq!((photos.bucket.as_ref().unwrap().as_str(), photos.class), ("photos", CallClass::Read));
    assert!(photos.limit > 80, "{photos:?}");
    let next = bench.restarted().await;
    assert_eq!(next.begun("photos").await, photos.limit / 2);
    assert_eq!(next.begun("lists").await, 32, "nothing is known of it");
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_more_than_seven_days_ago_is_not_used() {
    const DAY_MS: u32 = 86_400_000;
    let bench = TestApi::new();
    bench.teach("photos", 100).await;
    bench.keep(true).await;
    let waits = bench.restarted().await;
    (0..6).for_each(|_| bench.clock.pass(DAY_MS));
    assert!(bench.restarted().await.begun("photos").await > 32);
    (0..2).for_each(|_| bench.clock.pass(DAY_MS));
    assert_eq!(bench.restarted().await.begun("photos").await, 32);
    waits.keep(false).await;
    assert_eq!(waits.begun("photos").await, 32, "also where the process began when it was new");
}

#[tokio::test(start_paused = true)]
async fn an_idle_lane_writes_nothing() {
    let bench = TestApi::new();
    bench.look_for(5).await;
    assert_eq!(bench.row().await, None);
    bench.begun("photos").await;
    bench.keep(true).await;
    assert_eq!(bench.row().await, None, "a limit at its start says nothing");
    bench.teach("photos", 100).await;
    bench.keep(true).await;
    assert_eq!(bench.revision().await, 1);
    bench.look_for(2 * 24 * 60).await;
    bench.keep(true).await;
    assert_eq!(bench.revision().await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_learned_is_written_once_a_minute_at_most_and_at_the_end() {
    let bench = TestApi::new();
    for bucket in ["photos", "lists", "backup"] {
        bench.teach(bucket, 50).await;
        bench.keep(false).await;
        assert_eq!(bench.revision().await, 1, "{bucket}");
    }
    bench.clock.pass(60_000);
    bench.keep(false).await;
    assert_eq!(bench.revision().await, 2);
    assert_eq!(bench.row().await.unwrap().settings.learned.len(), 3);
    bench.teach("last", 50).await;
    bench.keep(true).await;
    assert_eq!(bench.revision().await, 3);
}

#[tokio::test(start_paused = true)]
async fn two_processes_that_learn_different_things_do_not_overwrite_each_other_for_ever() {
    let one = TestApi::new();
    let other = one.restarted().await;
    one.teach("photos", 200).await;
    other.teach("photos", 20).await;
    one.teach("lists", 20).await;
    for _ in 0..10 {
        one.look_for(1).await;
        other.look_for(1).await;
    }
    assert!(one.revision().await <= 3, "{}", one.revision().await);
    assert_eq!(one.row().await.unwrap().settings.learned.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_sets_survives_what_is_learned_at_the_same_moment() {
    let limits = LoadLimits { requests_per_second: Some(5), ..LoadLimits::default() };
    let (bench, store) = overtaken();
    bench.teach("photos", 100).await;
    *store.settings_before.lock().unwrap() = Some(EndpointSettings { limits, ..EndpointSettings::default() });
    bench.keep(true).await;
    let row = bench.row().await.unwrap();
    assert_eq!((row.revision, row.settings.limits, row.settings.learned.len()), (2, limits, 1));
    let (_, main) = bench.api.roles.endpoint("main").unwrap();
    assert_eq!(main.limit().caps().requests_per_second, Some(5), "it is obeyed at once");

    *store.settings_before.lock().unwrap() = Some(EndpointSettings { limits, ..row.settings.clone() });
    let body = json!({"reason": "noon"}).to_string().into_bytes();
    let stop = super::Call { body, ..super::Call::new("POST", "/brigade/v1/endpoints/main/stop") };
    let digest = brigade_wire::cos::digest::content_md5(&stop.body);
    let stop = stop.header("content-md5", &digest).by(("AKIDOPERATOR", "operator-secret"));
    assert_eq!(bench.send(stop).await.status, 200);
    let stopped = bench.row().await.unwrap();
    assert_eq!(stopped.settings.stopped.unwrap().reason, "noon");
    assert_eq!((stopped.settings.limits, stopped.settings.learned), (limits, row.settings.learned));
}

#[tokio::test(start_paused = true)]
async fn what_is_learned_disturbs_no_call_that_waits_for_its_turn() {
    let bench = TestApi::new();
    let (name, main) = bench.api.roles.endpoint("main").unwrap();
    let limits = LoadLimits { requests_per_second: Some(10), ..LoadLimits::default() };
    let settings = EndpointSettings { limits, ..EndpointSettings::default() };
    let row = EndpointRow { settings, ..EndpointRow::unset(name.clone()) };
    let row = bench.store.set_endpoint(&row).await.unwrap();
    main.adopt(row.clone());
    let limit = bench.limited(100);
    let began = bench.clock.monotonic();
    let ask = || async {
        let at = At { bucket: BucketName::new("photos").unwrap(), key: ObjectKey::new("key").unwrap() };
        send(&*limit, &CancelToken::unbounded(), HeadObject { at, version: None }).await.unwrap();
    };
    let learning = async {
        for n in 1..=20 {
            bench.clock.sleep(Duration::from_millis(100)).await;
            let at = bench.clock.now();
            let learned = vec![LearnedLimit { bucket: None, class: CallClass::Read, limit: n, at }];
            let settings = EndpointSettings { learned, ..row.settings.clone() };
            main.adopt(EndpointRow { revision: row.revision + u64::from(n), settings, ..row.clone() });
        }
    };
    tokio::join!(futures::future::join_all((0..30).map(|_| ask())), learning);
    // 30 at 10 a second, two of them made up for.
    let took = bench.clock.monotonic().since(began).as_millis();
    assert!((2700..3100).contains(&took), "{took} ms");
}

#[tokio::test(start_paused = true)]
async fn the_latest_64_buckets_are_kept_of_an_endpoint() {
    let bench = TestApi::new();
    let (name, main) = bench.api.roles.endpoint("main").unwrap();
    let learned = |n: i64| LearnedLimit {
        bucket: Some(BucketName::new(format!("old-{n}")).unwrap()),
        class: CallClass::Read,
        limit: 50,
        at: bench.clock.now().checked_sub(jiff::SignedDuration::from_hours(1 + n)).unwrap(),
    };
    let settings = EndpointSettings { learned: (0..64).map(learned).collect(), ..EndpointSettings::default() };
    let row = EndpointRow { settings, ..EndpointRow::unset(name.clone()) };
    main.adopt(bench.store.set_endpoint(&row).await.unwrap());
    bench.teach("photos", 50).await;
    bench.keep(true).await;
    let kept = bench.row().await.unwrap().settings.learned;
    assert_eq!(kept.len(), LEARNED_MAX);
    assert_eq!(kept[0].bucket.as_ref().unwrap().as_str(), "photos");
    assert_eq!(kept[63].bucket.as_ref().unwrap().as_str(), "old-62");
}

/// The lanes of an answer's endpoint `main`.
fn lanes(document: &Value) -> &Vec<Value> {
    let main = document.get("endpoints").map_or(document, |endpoints| &endpoints[0]);
    assert_eq!(main["endpoint"], "main");
    main["lanes"].as_array().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_in_a_bucket_is_told_to_who_may_list_endpoints_and_to_nobody_else() {
    let bench = TestApi::new();
    bench.teach("photos", 100).await;
    let list = super::Call::new("GET", "/brigade/v1/endpoints");
    let start = super::Call::new("POST", "/brigade/v1/endpoints/main/start");
    let operator = ("AKIDOPERATOR", "operator-secret");
    for call in [list.clone(), start.clone()] {
        let told: Value = serde_json::from_str(&bench.send(call.by(operator)).await.body).unwrap();
        let [photos] = lanes(&told).as_slice() else { panic!("{told}") };
        assert_eq!((&photos["bucket"], &photos["class"]), (&json!("photos"), &json!("read")));
        assert!(photos["objects_per_second"].as_f64().unwrap() > 1000.0, "{photos}");
        let [p50, p99] = ["latency_p50_ms", "latency_p99_ms"].map(|name| photos[name].as_f64().unwrap());
        assert!((30.0..=p99).contains(&p50), "{photos}");
        assert!(photos["limit"].as_u64().unwrap() > 80 && photos["pace"].is_null(), "{photos}");
        assert!(photos["moved_because"].as_str().unwrap().ends_with("more answers"), "{photos}");
    }
    let starter = ("AKIDSTARTER", "starter-secret");
    let told = bench.send(start.by(starter)).await;
    assert_eq!(told.status, 200, "{told:?}");
    assert_eq!(lanes(&serde_json::from_str(&told.body).unwrap()).as_slice(), [] as [Value; 0]);
    let account = [list.clone(), list.clone().by(starter), list.clone().of_other()];
    for call in account {
        let refused = bench.send(call).await;
        assert!(refused.status == 403 && !refused.body.contains("photos"), "{refused:?}");
    }
    let page = bench.page("/metrics").await.body;
    assert!(
        page.contains(r#"brigade_limit_moves_total{endpoint="main",class="read",reason="more answers"}"#),
        "{page}"
    );
    assert!(!page.contains("photos"), "{page}");
}
