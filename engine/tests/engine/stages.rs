//! Stages whose work is long, or waits, or fails for ever: other jobs get their turn, the job says
//! why it waits, and its patience has an end. And what runs beside the loop.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::job::Change;
use brigade_model::limits::WINDOW_TASKS;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::object_store::{
    Answer, ByteStream, Call, CallError, CallKind, CancelToken, Effect, GotObject, ObjectStore, Verdict,
};
use brigade_model::ports::spawn::{Spawn, Spawned, Work};
use brigade_model::ports::spool::SpoolError;
use brigade_model::ports::{Clock, JobStore, Spool};
use brigade_model::{Job, JobId, Operation, Status};
use brigade_runtime::{Node, SimulatedClock};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};
use brigade_store::memory::MemorySpool;
use bytes::Bytes;

use crate::account::check;
use crate::cluster::{Process, TestCluster, bucket, key};
use crate::crashing::PASSES_MAX;
use crate::life::tagging;

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// Gives large objects slowly: so many bytes a second.
struct Dripping {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<SimulatedClock>,
    bytes: usize,
}

#[async_trait]
impl ObjectStore for Dripping {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        match self.inner.call(cancel, call).await? {
            Answer::GetObject(got) if got.head.size > 100 => {
                let GotObject { head, mut body } = *got;
                let mut left = Vec::new();
                while let Some(piece) = body.next().await {
                    left.extend_from_slice(&piece?);
                }
                let drops = Drops { left: left.into(), clock: self.clock.clone(), bytes: self.bytes };
                Ok(Answer::GetObject(Box::new(GotObject { head, body: Box::new(drops) })))
            }
            answer => Ok(answer),
        }
    }
}

struct Drops {
    left: Bytes,
    clock: Arc<SimulatedClock>,
    bytes: usize,
}

#[async_trait]
impl ByteStream for Drops {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.clock.sleep(Duration::from_secs(1)).await;
        let bytes = self.left.len().min(self.bytes);
        (bytes > 0).then(|| Ok(self.left.split_to(bytes)))
    }
}

async fn wait_for_all(cluster: &TestCluster, jobs: &[JobId], status: Status) {
    for id in jobs {
        cluster.wait(*id, |job| job.status == status).await;
    }
}

/// How long a job of one row takes from its creation to its end.
async fn time_one_row(cluster: &TestCluster, process: &Process, account: &str) -> Duration {
    let created = cluster.clock.monotonic();
    let id = cluster.create_for(account, tagging(), keys(1), |_| {}).await;
    process.engine.notify();
    cluster.wait(id, |job| job.status == Status::Complete).await;
    cluster.clock.monotonic().since(created)
}

#[tokio::test(start_paused = true)]
async fn long_preparations_of_one_account_keep_no_short_job_waiting_and_all_end() {
    let mut cluster = TestCluster::new(900);
    cluster.fill(40).await;
    // 40 rows of 16 bytes: 320 s.
    cluster.store = Arc::new(Dripping { inner: cluster.bucket.clone(), clock: cluster.clock.clone(), bytes: 2 });
    let mut long = Vec::new();
    for _ in 0..12 {
        long.push(cluster.create(tagging(), keys(40)).await);
    }
    let process = cluster.start(None);
    wait_for_all(&cluster, &long[..8], Status::Preparing).await;
    for account in ["2", "1", "1", "2"] {
        cluster.clock.sleep(Duration::from_secs(100)).await;
        let waited = time_one_row(&cluster, &process, account).await;
        assert!(waited < Duration::from_secs(15), "a job of account {account} took {waited:?}");
    }
    for id in &long {
        let job = cluster.wait(*id, |job| job.status == Status::Complete).await;
        check(&cluster, &job, &keys(40)).await;
    }
    let took = cluster.clock.monotonic().0;
    assert!(took < Duration::from_secs(3 * 12 * 320 / 7 + 320), "all were prepared after {took:?}");
    process.engine.shut_down().await;
}

/// A store of whose objects some can never be read, for a reason that may pass; all else works.
struct Stuck {
    inner: Arc<dyn ObjectStore>,
    keys: Mutex<BTreeSet<String>>,
    /// No answer comes in time, rather than a refusal.
    hangs: Option<Arc<SimulatedClock>>,
}

#[async_trait]
impl ObjectStore for Stuck {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let is_stuck = matches!(&call, Call::GetObject(get) if self.keys.lock().unwrap().contains(get.at.key.as_str()));
        match (is_stuck, &self.hangs) {
            (false, _) => self.inner.call(cancel, call).await,
            (true, None) => Err(CallError::new(Verdict::Throttled, Effect::None, "SlowDown", "read quorum was lost")),
            (true, Some(clock)) => {
                clock.sleep(Duration::from_secs(15)).await;
                Err(CallError::new(Verdict::Transient, Effect::Unknown, "RequestTimeout", "no answer in time"))
            }
        }
    }
}

fn manifest_of(job: &Job) -> String {
    job.spec.manifest.location.object.key.to_string()
}

/// A cluster whose jobs' manifests are stuck, and the jobs.
async fn stuck(seed: u64, hangs: bool, patience: Duration) -> (TestCluster, Arc<Stuck>, Vec<JobId>) {
    let mut cluster = TestCluster::new(seed);
    cluster.config.prepare_patience = patience;
    cluster.fill(10).await;
    let hangs = hangs.then(|| cluster.clock.clone());
    let store = Arc::new(Stuck { inner: cluster.bucket.clone(), keys: Mutex::default(), hangs });
    let (clock, entropy) = (cluster.clock.clone(), cluster.entropy.clone());
    cluster.store =
        Arc::new(Retry::new(store.clone(), RetryPolicy::default(), Arc::new(CircuitBreaker::new()), clock, entropy));
    let mut jobs = Vec::new();
    for _ in 0..10 {
        let id = cluster.create(tagging(), keys(10)).await;
        let manifest = manifest_of(&cluster.job(id).await);
        store.keys.lock().unwrap().insert(manifest);
        jobs.push(id);
    }
    (cluster, store, jobs)
}

#[tokio::test(start_paused = true)]
async fn manifests_that_cannot_be_read_for_ever_say_why_and_keep_no_other_job_waiting() {
    for (seed, hangs, reason) in [(901, false, "SlowDown"), (902, true, "RequestTimeout")] {
        let (cluster, store, stuck) = stuck(seed, hangs, Duration::from_secs(24 * 3600)).await;
        let process = cluster.start(None);
        for account in ["1", "2", "1"] {
            let waited = time_one_row(&cluster, &process, account).await;
            assert!(waited < Duration::from_secs(20), "{reason}: a job of account {account} took {waited:?}");
        }
        for id in &stuck {
            cluster.wait(*id, |job| job.status_update_reason.contains(reason)).await;
        }
        cluster.clock.sleep(Duration::from_secs(3600)).await;
        store.keys.lock().unwrap().clear();
        let back = cluster.clock.monotonic();
        wait_for_all(&cluster, &stuck, Status::Complete).await;
        let took = cluster.clock.monotonic().since(back);
        assert!(took < Duration::from_secs(120), "{reason}: they came back in turn after {took:?}");
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_preparation_that_cannot_go_on_for_longer_than_its_patience_fails_its_job_and_says_why() {
    let (cluster, _, stuck) = stuck(903, false, Duration::from_secs(600)).await;
    let process = cluster.start(None);
    for id in stuck {
        let job = cluster.wait(id, |job| job.status == Status::Failed).await;
        assert_eq!(job.failures[0].code, "PreparationFailed");
        assert!(job.failures[0].reason.contains("SlowDown"), "{job:#?}");
    }
    let took = cluster.clock.monotonic().0;
    assert!((600..800).contains(&took.as_secs()), "{took:?}");
    process.engine.shut_down().await;
}

/// A spool that takes a second to remove a file, and does not tell how much room is left once it is
/// told to hang.
struct SlowSpool {
    inner: MemorySpool,
    clock: Arc<SimulatedClock>,
    hangs: AtomicBool,
}

#[async_trait]
impl Spool for SlowSpool {
    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), SpoolError> {
        self.inner.write(name, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Bytes, SpoolError> {
        self.inner.read(name).await
    }

    async fn remove(&self, name: &str) -> Result<(), SpoolError> {
        self.clock.sleep(Duration::from_secs(1)).await;
        self.inner.remove(name).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, SpoolError> {
        self.inner.list(prefix).await
    }

    async fn bytes_used(&self) -> Result<u64, SpoolError> {
        self.inner.bytes_used().await
    }

    async fn bytes_free(&self) -> Result<Option<u64>, SpoolError> {
        match self.hangs.load(Ordering::SeqCst) {
            true => std::future::pending().await,
            false => self.inner.bytes_free().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_purge_and_a_disk_that_does_not_answer_keep_no_job_waiting() {
    let mut cluster = TestCluster::new(904);
    cluster.fill(10).await;
    let spool =
        SlowSpool { inner: MemorySpool::default(), clock: cluster.clock.clone(), hangs: AtomicBool::new(false) };
    let spool = Arc::new(spool);
    cluster.spool = spool.clone();
    let deleted = cluster.create(tagging(), keys(10)).await;
    let process = cluster.start(None);
    cluster.wait(deleted, |job| job.status == Status::Complete).await;
    for n in 0..1000 {
        spool.write(&format!("{deleted}/more-{n}.slice"), Bytes::new()).await.unwrap();
    }
    cluster.change(deleted, Change::DeleteRequested).await;
    spool.hangs.store(true, Ordering::SeqCst);
    cluster.clock.sleep(Duration::from_secs(90)).await;
    let left = async || spool.list(&format!("{deleted}/")).await.unwrap().len();
    assert!((1..1000).contains(&left().await), "the purge is under way");
    let waited = time_one_row(&cluster, &process, "1").await;
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    assert!(left().await > 0, "the purge is still under way");
    cluster.clock.sleep(Duration::from_secs(1200)).await;
    assert_eq!(left().await, 0);
    // A stop does not wait for a purge.
    let next = cluster.create(tagging(), keys(10)).await;
    process.engine.notify();
    cluster.wait(next, |job| job.status == Status::Complete).await;
    for n in 0..1000 {
        spool.write(&format!("{next}/more-{n}.slice"), Bytes::new()).await.unwrap();
    }
    cluster.change(next, Change::DeleteRequested).await;
    cluster.clock.sleep(Duration::from_secs(90)).await;
    let asked = cluster.clock.monotonic();
    process.engine.shut_down().await;
    assert!(cluster.clock.monotonic().since(asked) < Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_loop_panics_says_that_it_has_failed_and_can_be_shut_down() {
    let cluster = TestCluster::new(905);
    let process = cluster.start(None);
    cluster.clock.sleep(Duration::from_secs(10)).await;
    assert!(!process.engine.has_failed());
    cluster.counted.passes.store(PASSES_MAX, Ordering::SeqCst);
    let began = cluster.clock.monotonic();
    process.engine.failed().await;
    assert!(process.engine.has_failed());
    process.engine.shut_down().await;
    assert!(cluster.clock.monotonic().since(began) <= Duration::from_secs(1));

    let orderly = TestCluster::new(906).start(None);
    orderly.engine.shut_down().await;
    assert!(!orderly.engine.has_failed());
}

/// Starts work on a node, and counts the polls of slices.
struct CountsPolls {
    node: Node,
    polls: Arc<AtomicUsize>,
}

impl Spawn for CountsPolls {
    fn spawn(&self, name: &'static str, mut work: Work) -> Box<dyn Spawned> {
        let polls = self.polls.clone();
        let counted = std::future::poll_fn(move |context| {
            polls.fetch_add(usize::from(name == "slice"), Ordering::SeqCst);
            work.as_mut().poll(context)
        });
        self.node.spawn(name, Box::pin(counted))
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_yields_by_its_tasks_also_where_every_answer_comes_at_once() {
    let mut cluster = TestCluster::new(908);
    cluster.config.slices = 1;
    // Objects that are gone by then: a delete succeeds at once.
    let id = cluster.create(Operation::Delete, keys(16_000)).await;
    let polls = Arc::new(AtomicUsize::new(0));
    let node = Node::default();
    let process = cluster.start_with(node.clone(), None, Arc::new(CountsPolls { node, polls: polls.clone() }));
    cluster.wait(id, |job| job.status == Status::Complete).await;
    process.engine.shut_down().await;
    let slices = cluster.jobs.slices(id, 0, usize::MAX).await.unwrap().len();
    let polls = polls.load(Ordering::SeqCst);
    // At most a window of tasks ends at once.
    assert!(polls >= slices + 16_000 / WINDOW_TASKS as usize, "{polls} polls of {slices} slices");
}

/// What answers with the whole object, whatever range is asked for, in the way of the store's own reader.
struct IgnoresRange(Arc<dyn ObjectStore>);

#[async_trait]
impl ObjectStore for IgnoresRange {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if call.kind() == CallKind::GetObject {
            let message = "the store ignores Range: it gives all 640 bytes, not 320 from byte 320 on";
            return Err(CallError::new(Verdict::Invalid, Effect::None, "RangeIgnored", message));
        }
        self.0.call(cancel, call).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_ignores_ranges_fails_the_job_at_once_with_that_reason() {
    let mut cluster = TestCluster::new(907);
    cluster.fill(10).await;
    cluster.store = Arc::new(IgnoresRange(cluster.bucket.clone()));
    let id = cluster.create(tagging(), keys(10)).await;
    let created: Monotonic = cluster.clock.monotonic();
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InvalidManifestContent"));
    assert!(job.failures[0].reason.contains("the store ignores Range"), "{job:#?}");
    assert!(cluster.clock.monotonic().since(created) < Duration::from_secs(10));
    assert!(cluster.bucket.keys(&bucket("target")).is_empty());
}
