//! Groups of deletes: how large they are under rates in keys, and at a store that tells us to slow
//! down.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade_engine::places::Health;
use brigade_model::job::Change;
use brigade_model::ports::object_store::{
    Answer, Call, CallError, CallKind, CancelToken, Effect, ObjectStore, Verdict,
};
use brigade_model::ports::{Clock, Monotonic};
use brigade_model::{JobSpec, LoadLimits, Operation, Status};
use brigade_runtime::SimulatedClock;
use brigade_s3::limit::{Caps, Limit, LimitHandle};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};

use crate::account::check;
use crate::cluster::{TestCluster, key};

const SECOND: Duration = Duration::from_secs(1);

/// A store that remembers deletes and tells groups of more keys than it takes to slow down.
struct Counting {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<SimulatedClock>,
    takes: Box<dyn Fn(usize) -> usize + Send + Sync>,
    /// When each delete came, of how many keys, and whether it was taken.
    came: Mutex<Vec<(Monotonic, usize, bool)>>,
}

#[async_trait]
impl ObjectStore for Counting {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if matches!(call.kind(), CallKind::DeleteObject | CallKind::DeleteObjects) {
            let (now, keys) = (self.clock.monotonic(), call.objects() as usize);
            let mut came = self.came.lock().unwrap();
            let is_taken = keys <= (self.takes)(came.len());
            came.push((now, keys, is_taken));
            if !is_taken {
                let error = CallError::new(Verdict::Throttled, Effect::None, "SlowDown", "Please reduce your rate.");
                return Err(CallError { http_status: Some(503), ..error });
            }
        }
        self.inner.call(cancel, call).await
    }
}

impl Counting {
    /// Between the cluster's engine and its bucket; it takes so many keys at once, by how many deletes came.
    fn before(cluster: &TestCluster, takes: impl Fn(usize) -> usize + Send + Sync + 'static) -> Arc<Self> {
        let (inner, clock) = (cluster.bucket.clone(), cluster.clock.clone());
        Arc::new(Self { inner, clock, takes: Box::new(takes), came: Mutex::default() })
    }

    fn came(&self) -> Vec<(Monotonic, usize, bool)> {
        self.came.lock().unwrap().clone()
    }

    /// The most keys in any second.
    fn most_in_a_second(&self) -> usize {
        let came = self.came();
        let from = |began: Monotonic| came.iter().filter(move |(at, ..)| *at >= began && at.since(began) < SECOND);
        came.iter().map(|(began, ..)| from(*began).map(|(_, keys, _)| keys).sum()).max().unwrap()
    }
}

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// An endpoint that lets so many requests go as its limit says.
struct Limited(LimitHandle);

impl Health for Limited {
    fn reason(&self) -> Option<String> {
        None
    }

    fn speed(&self) -> LoadLimits {
        LoadLimits { objects_per_second: self.0.caps().objects_per_second, ..LoadLimits::default() }
    }
}

/// Of 3,000 keys.
fn assert_a_hundred_keys_a_second(store: &Counting) {
    let came = store.came();
    let took = came.last().unwrap().0.since(came[0].0).as_secs();
    assert!((28..=32).contains(&took), "{took} s for 3,000 keys");
    assert!(came.iter().all(|(_, keys, _)| *keys <= 100) && store.most_in_a_second() <= 200);
}

#[tokio::test(start_paused = true)]
async fn a_jobs_rate_in_objects_counts_each_key_of_a_group_and_splits_groups_of_more_than_a_second() {
    let mut cluster = TestCluster::new(70);
    let store = Counting::before(&cluster, |_| usize::MAX);
    cluster.store = store.clone();
    cluster.fill(3000).await;
    let slowly = |spec: &mut JobSpec| spec.options.objects_per_second_max = Some(100);
    let id = cluster.create_with(Operation::Delete, keys(3000), slowly).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 3000));
    assert_a_hundred_keys_a_second(&store);
    assert!(store.came().len() < 60, "{} requests", store.came().len());
    check(&cluster, &job, &keys(3000)).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_rate_in_objects_counts_each_key_of_a_group_and_splits_groups_of_more_than_a_second() {
    let mut cluster = TestCluster::new(71);
    let store = Counting::before(&cluster, |_| usize::MAX);
    let handle = LimitHandle::new(Caps { objects_per_second: Some(100), ..Caps::default() });
    cluster.store = Arc::new(Limit::sharing(store.clone(), &handle, Default::default(), cluster.clock.clone()));
    cluster.health = Arc::new(Limited(handle));
    cluster.fill(3000).await;
    let id = cluster.create(Operation::Delete, keys(3000)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 3000));
    assert_a_hundred_keys_a_second(&store);
}

#[tokio::test(start_paused = true)]
async fn groups_follow_a_rate_in_objects_that_changes_while_the_job_runs() {
    let mut cluster = TestCluster::new(72);
    let store = Counting::before(&cluster, |_| usize::MAX);
    cluster.store = store.clone();
    cluster.fill(9000).await;
    let slowly = |spec: &mut JobSpec| spec.options.objects_per_second_max = Some(500);
    let id = cluster.create_with(Operation::Delete, keys(9000), slowly).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 500).await;
    let limits = LoadLimits { objects_per_second: Some(10), ..LoadLimits::default() };
    cluster.change(id, Change::LimitsSet(limits)).await;
    process.engine.notify();
    cluster.clock.sleep(600 * SECOND).await;
    let came = store.came();
    let lowered = came.iter().position(|(at, ..)| cluster.clock.monotonic().since(*at) < 599 * SECOND).unwrap();
    assert!(came[lowered..].iter().all(|(_, keys, _)| *keys <= 10), "also of what waited already: {came:?}");
    let keys_since: usize = came[lowered..].iter().map(|(_, keys, _)| keys).sum();
    assert!((5000..=6010).contains(&keys_since), "{keys_since} in 600 s");
    cluster.change(id, Change::LimitsSet(LoadLimits::default())).await;
    process.engine.notify();
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(9000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_told_to_slow_down_is_halved_until_it_is_taken_and_grows_back_slowly() {
    const KEYS: usize = 20_000;
    let mut cluster = TestCluster::new(73);
    // 12 keys at once; after 100 requests as many as there are.
    let store = Counting::before(&cluster, |requests| if requests < 100 { 12 } else { usize::MAX });
    let (breaker, policy) = (Arc::new(CircuitBreaker::new()), RetryPolicy::default());
    cluster.store =
        Arc::new(Retry::new(store.clone(), policy, breaker, cluster.clock.clone(), cluster.entropy.clone()));
    // One slice after the other: so requests come in the order of what was learned.
    cluster.config.slices = 1;
    cluster.fill(KEYS).await;
    let id = cluster.create(Operation::Delete, keys(KEYS)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, KEYS as u64));
    let came = store.came();
    let (taken, refused): (Vec<_>, Vec<_>) = came[..100].iter().copied().partition(|(.., is_taken)| *is_taken);
    assert!(refused.len() < taken.len() / 5, "{} of {} refused", refused.len(), came.len());
    let first = came.iter().position(|(_, keys, is_taken)| *is_taken && *keys > 4).unwrap();
    assert!(first < 30, "halved from refusal to refusal: {:?}", &came[..30]);
    let before = came[60..100].iter().map(|(_, keys, _)| *keys).max().unwrap();
    let mut largest = before;
    for (_, keys, is_taken) in &came[100..] {
        assert!(*is_taken && *keys <= largest + 2, "{keys} after {largest}");
        largest = largest.max(*keys);
    }
    assert!(largest > before + 5, "it grew from {before} to {largest} only");
    check(&cluster, &job, &keys(KEYS)).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_group_gets_each_key_alone_and_no_task_fails() {
    let mut cluster = TestCluster::new(74);
    let store = Counting::before(&cluster, |_| 1);
    let (breaker, policy) = (Arc::new(CircuitBreaker::new()), RetryPolicy::default());
    cluster.store =
        Arc::new(Retry::new(store.clone(), policy, breaker, cluster.clock.clone(), cluster.entropy.clone()));
    cluster.fill(2000).await;
    let id = cluster.create(Operation::Delete, keys(2000)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 2000));
    let refused = store.came().iter().filter(|(.., is_taken)| !is_taken).count();
    assert!(refused < 200, "{refused}");
    check(&cluster, &job, &keys(2000)).await;
}
