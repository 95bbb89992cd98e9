//! A job store that fails and recovers, an object store that is away, a role that is gone: a job
//! completes or ends, and its counters stay right.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_engine::places::{Health, Refusal};
use brigade_model::job::Change;
use brigade_model::ports::job_store::Due;
use brigade_model::ports::object_store::{
    Answer, Call, CallError, CallKind, CancelToken, Effect, ObjectStore, Verdict,
};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{JobSpec, Status};
use brigade_s3::retry::{CircuitBreaker, OpenCircuit, Retry, RetryPolicy};
use brigade_store::memory::MemorySpool;

use crate::account::check;
use crate::cluster::{TestCluster, bucket, key};
use crate::crash::run;
use crate::crashing::{Mishap, What};
use crate::hands::Slow;
use crate::life::{copy, tagging};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// A circuit breaker as the engine sees it.
pub(crate) struct AtTheGate(pub(crate) Arc<CircuitBreaker>);

impl Health for AtTheGate {
    fn reason(&self) -> Option<String> {
        self.0.reason().map(|closed| closed.to_string())
    }

    fn refusal(&self) -> Option<Refusal> {
        let OpenCircuit { code, message, since, .. } = self.0.reason().filter(OpenCircuit::is_lasting)?;
        Some(Refusal { code, message, since })
    }
}

/// A store that cannot be reached while the switch is on.
struct Switched {
    inner: Arc<dyn ObjectStore>,
    is_away: Arc<AtomicBool>,
}

#[async_trait]
impl ObjectStore for Switched {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(CallError::new(Verdict::Unavailable, Effect::None, "ConnectFailed", "away, for a test"));
        }
        self.inner.call(cancel, call).await
    }
}

/// Lets the engine of this cluster call its bucket as a real one, through retries and a circuit
/// breaker; returns the switch that takes it away.
pub(crate) fn put_retries_around(cluster: &mut TestCluster) -> Arc<AtomicBool> {
    let is_away = Arc::new(AtomicBool::new(false));
    let switched = Arc::new(Switched { inner: cluster.bucket.clone(), is_away: is_away.clone() });
    let breaker = Arc::new(CircuitBreaker::new());
    let (clock, entropy) = (cluster.clock.clone(), cluster.entropy.clone());
    cluster.store = Arc::new(Retry::new(switched, RetryPolicy::default(), breaker.clone(), clock, entropy));
    cluster.health = Arc::new(AtTheGate(breaker));
    is_away
}

/// Makes the job take `tasks` requests a second.
fn paced(tasks: u32) -> impl Fn(&mut JobSpec) + Copy {
    move |spec| spec.options.requests_per_second_max = Some(tasks)
}

#[test]
fn a_store_that_fails_at_any_write_changes_nothing_of_what_a_job_promises() {
    for seed in 0..8 {
        let writes = run(seed, None);
        for write in 1..=writes {
            for what in [What::FailsBefore, What::FailsAfter] {
                run(seed, Some(Mishap { write, what }));
            }
        }
    }
}

#[test]
fn a_store_that_is_away_from_any_write_on_changes_nothing_of_what_a_job_promises() {
    for seed in 0..4 {
        let writes = run(seed, None);
        for write in 1..=writes {
            for seconds in [1, 200] {
                run(seed, Some(Mishap { write, what: What::Away(Duration::from_secs(seconds)) }));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_is_given_back_though_the_store_fails_when_it_is() {
    let cluster = TestCluster::new(20);
    cluster.fill(1500).await;
    let id = cluster.create_with(copy(), keys(1500), paced(100)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 500).await;
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(id);
    cluster.counted.go_away(&cluster.clock, Duration::from_secs(20));
    let cancelled = cluster.clock.monotonic();
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    let waited = cluster.clock.monotonic().since(cancelled);
    assert!(waited < Duration::from_secs(60), "the leases did not have to expire: {waited:?}");
    check(&cluster, &job, &keys(1500)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn tasks_that_a_short_lease_kept_from_running_run_later() {
    let mut cluster = TestCluster::new(21);
    cluster.config.slices = 1;
    put_retries_around(&mut cluster);
    cluster.fill(9000).await;
    let id = cluster.create_with(tagging(), keys(9000), paced(20)).await;
    // While the job store is away no lease is renewed, so tasks are kept from starting.
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 5000).await;
    cluster.counted.go_away(&cluster.clock, Duration::from_secs(65));
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    process.engine.shut_down().await;
    let rows = check(&cluster, &job, &keys(9000)).await;
    assert!(rows.values().all(|row| row.status == "succeeded"));
}

#[tokio::test(start_paused = true)]
async fn a_job_is_not_reported_before_it_is_drained_however_late_it_is() {
    let mut cluster = TestCluster::new(22);
    cluster.config.report_patience = Duration::from_secs(60);
    cluster.fill(2000).await;
    let id = cluster.create_with(copy(), keys(2000), paced(100)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 100).await;
    process.node.crash();
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    // The endpoint is away for longer than the patience, and then the store fails a drain.
    cluster.clock.sleep(Duration::from_secs(120)).await;
    let process = cluster.start_beside(None);
    cluster.clock.sleep(Duration::from_secs(10)).await;
    cluster.counted.go_away(&cluster.clock, Duration::from_secs(10));
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!(cluster.jobs.count_leased(id).await.unwrap(), 0, "it was drained");
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Cancelled, "enough"));
    check(&cluster, &job, &keys(2000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_late_is_delivered_and_the_last_word_is_not_about_the_delay() {
    let mut cluster = TestCluster::new(23);
    let is_away = put_retries_around(&mut cluster);
    cluster.fill(300).await;
    let id = cluster.create_with(copy(), keys(300), paced(10)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded >= 10).await;
    is_away.store(true, Ordering::SeqCst);
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(id);
    cluster.clock.sleep(Duration::from_secs(3 * 3600)).await;
    assert_eq!(cluster.job(id).await.status, Status::Cancelling);
    is_away.store(false, Ordering::SeqCst);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Cancelled, "enough"));
    check(&cluster, &job, &keys(300)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_late_for_too_long_ends_the_job_without_it() {
    let mut cluster = TestCluster::new(24);
    cluster.config.report_patience = Duration::from_secs(3600);
    let is_away = put_retries_around(&mut cluster);
    cluster.fill(300).await;
    let id = cluster.create_with(tagging(), keys(300), paced(10)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded >= 10).await;
    is_away.store(true, Ordering::SeqCst);
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(id);
    let cancelled = cluster.clock.monotonic();
    cluster.clock.sleep(Duration::from_secs(3500)).await;
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Cancelled, "ReportDeliveryFailed"));
    let waited = cluster.clock.monotonic().since(cancelled);
    assert!((3600..3700).contains(&waited.as_secs()), "{waited:?}");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn preparations_that_wait_for_an_endpoint_say_so_and_keep_nobody_else_waiting() {
    let mut cluster = TestCluster::new(25);
    cluster.config.stages = 2;
    cluster.fill(1000).await;
    let is_away = put_retries_around(&mut cluster);
    let cancelled = cluster.create_with(tagging(), keys(1000), paced(1)).await;
    let process = cluster.start(None);
    cluster.wait(cancelled, |job| job.progress.succeeded > 0).await;
    is_away.store(true, Ordering::SeqCst);
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(cluster.create(tagging(), keys(10)).await);
    }
    process.engine.notify();
    for id in &waiting {
        cluster.wait(*id, |job| job.status_update_reason.contains("cannot be reached")).await;
    }
    // A user's pause needs no endpoint, only a visit.
    cluster.change(cancelled, Change::Held).await;
    process.engine.notify();
    cluster.wait(cancelled, |job| job.status == Status::Paused).await;
    is_away.store(false, Ordering::SeqCst);
    for id in &waiting {
        cluster.wait(*id, |job| job.status == Status::Complete).await;
    }
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_gone_fails_its_jobs_wherever_they_stand() {
    for (n, at) in [Status::New, Status::Suspended, Status::Active, Status::Paused].into_iter().enumerate() {
        let cluster = TestCluster::new(30 + n as u64);
        cluster.fill(500).await;
        let adjust = |spec: &mut JobSpec| {
            spec.options.requests_per_second_max = Some(100);
            spec.confirmation_required = Some(at == Status::Suspended);
        };
        let id = cluster.create_with(copy(), keys(500), adjust).await;
        let process = cluster.start(None);
        if at == Status::Paused {
            cluster.wait(id, |job| job.progress.succeeded > 0).await;
            cluster.change(id, Change::Held).await;
        }
        if at != Status::New {
            cluster.wait(id, |job| job.status == at).await;
        }
        cluster.is_role_gone.store(true, Ordering::SeqCst);
        if at == Status::Paused {
            cluster.change(id, Change::Released).await;
        }
        if at == Status::Suspended {
            cluster.change(id, Change::Confirmed(String::new())).await;
        }
        // A slice that runs goes on with what it has; the next one finds the role gone.
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        assert_eq!(job.status, Status::Failed, "{at}: {job:#?}");
        assert!(job.failures.iter().any(|why| why.code == "AccessDenied"), "{at}: {job:#?}");
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_engine_and_one_at_a_closed_gate_look_once_a_poll() {
    let mut cluster = TestCluster::new(26);
    let process = cluster.start(None);
    let look = async |cluster: &TestCluster, seconds: u64| {
        let before = cluster.counted.now();
        cluster.clock.sleep(Duration::from_secs(seconds)).await;
        let after = cluster.counted.now();
        (after.0 - before.0, after.1 - before.1)
    };
    let (writes, passes) = look(&cluster, 600).await;
    // Once a poll, and when a purge has ended.
    assert!(writes <= 10 && passes <= 615, "idle: {writes} writes, {passes} passes in 600 s");
    process.engine.shut_down().await;

    cluster.fill(200).await;
    let is_away = put_retries_around(&mut cluster);
    let id = cluster.create_with(tagging(), keys(200), paced(20)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 0).await;
    is_away.store(true, Ordering::SeqCst);
    cluster.clock.sleep(Duration::from_secs(30)).await;
    let (writes, passes) = look(&cluster, 600).await;
    // Each pass asks for a slice and for leases that were lost; three leases are renewed.
    assert!(writes <= 1330 && passes <= 615, "while the circuit is open: {writes} writes, {passes} passes in 600 s");
    let job = cluster.job(id).await;
    assert!(job.status_update_reason.contains("cannot be reached"), "{job:#?}");
    is_away.store(false, Ordering::SeqCst);
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(200)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_purge_could_not_remove_from_the_spool_is_removed_later() {
    let cluster = TestCluster::new(27);
    cluster.fill(100).await;
    let id = cluster.create(tagging(), keys(100)).await;
    let kept = cluster.create_with(tagging(), keys(100), |spec| spec.confirmation_required = Some(true)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete);
    cluster.change(id, Change::DeleteRequested).await;
    // The process dies between the purge in the store and the spool.
    while cluster.jobs.purge(&Due::ended_before(brigade_model::ServiceTime::default()), 1000).await.unwrap().more {}
    assert!(cluster.jobs.job(id).await.unwrap().is_none());
    assert!(!cluster.spool.list(&format!("{id}/")).await.unwrap().is_empty());
    let process = cluster.start(None);
    cluster.wait(kept, |job| job.status == Status::Suspended).await;
    cluster.clock.sleep(Duration::from_secs(130)).await;
    assert!(cluster.spool.list(&format!("{id}/")).await.unwrap().is_empty(), "nobody references them");
    assert!(!cluster.spool.list(&format!("{kept}/")).await.unwrap().is_empty(), "these are in use");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_deleted_while_it_runs_ends_and_leaves_nothing_behind() {
    let cluster = TestCluster::new(28);
    cluster.fill(2000).await;
    let deleted = cluster.create_with(copy(), keys(2000), paced(100)).await;
    let other = cluster.create_with(copy(), keys(2000), paced(100)).await;
    let process = cluster.start(None);
    cluster.wait(deleted, |job| job.progress.succeeded > 0).await;
    cluster.wait(other, |job| job.progress.succeeded > 0).await;
    cluster.change(deleted, Change::DeleteRequested).await;
    process.engine.stop_job(deleted);
    while cluster.jobs.job(deleted).await.unwrap().is_some() {
        cluster.clock.sleep(Duration::from_secs(1)).await;
    }
    cluster.clock.sleep(Duration::from_secs(1)).await;
    assert!(cluster.spool.list(&format!("{deleted}/")).await.unwrap().is_empty());
    let job = cluster.wait(other, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(2000)).await;
    process.engine.shut_down().await;
}

/// A store that kills the process that tags this object, so often.
struct Deadly {
    inner: Arc<dyn ObjectStore>,
    times: AtomicU64,
}

#[async_trait]
impl ObjectStore for Deadly {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let is_meant = matches!(&call, Call::PutObjectTagging(put) if put.at.key.as_str() == key(40));
        let left = self.times.load(Ordering::SeqCst);
        if is_meant && left > 0 {
            self.times.store(left - 1, Ordering::SeqCst);
            panic!("for a test");
        }
        self.inner.call(cancel, call).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_panics_is_replaced_and_one_that_always_does_fails_the_job() {
    for (times, expected) in [(1, Status::Complete), (3, Status::Complete), (u64::MAX, Status::Failed)] {
        let mut cluster = TestCluster::new(29);
        cluster.fill(500).await;
        let deadly = Deadly { inner: cluster.bucket.clone(), times: AtomicU64::new(times) };
        cluster.store = Arc::new(deadly);
        let id = cluster.create(tagging(), keys(500)).await;
        let process = cluster.start(None);
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        assert_eq!(job.status, expected, "{times}: {job:#?}");
        check(&cluster, &job, &keys(500)).await;
        // No worker is missing: another job runs as ever.
        let next = cluster.create(tagging(), keys(30)).await;
        process.engine.notify();
        cluster.wait(next, |job| job.status == Status::Complete).await;
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_preparation_makes_room_when_space_runs_low_and_goes_on_when_there_is_some() {
    let mut cluster = TestCluster::new(31);
    cluster.spool = Arc::new(MemorySpool::with_capacity(1 << 20));
    cluster.config.free_bytes_to_lease = 1 << 19;
    cluster.config.free_bytes_to_start = 1 << 18;
    cluster.fill(300).await;
    let kinds = tokio::sync::watch::Sender::new(vec![CallKind::GetObject]);
    let slow = Arc::new(Slow { inner: cluster.bucket.clone(), kinds });
    cluster.store = slow.clone();
    let id = cluster.create(tagging(), keys(300)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Preparing).await;
    cluster.spool.write("large", vec![0; 600 << 10].into()).await.unwrap();
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let heads = cluster.jobs.open_jobs().await.unwrap();
    assert!(!heads[0].is_stage_leased, "nobody prepares");
    slow.kinds.send_replace(Vec::new());
    cluster.clock.sleep(Duration::from_secs(100)).await;
    assert_eq!(cluster.job(id).await.status, Status::Preparing);
    cluster.spool.remove("large").await.unwrap();
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(300)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_refused_for_hours_is_tried_and_told_ever_less_often() {
    let cluster = TestCluster::new(32);
    cluster.fill(10).await;
    let id = cluster.create_with(tagging(), keys(10), paced(1)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Active).await;
    cluster.bucket.deny_bucket(&bucket("aside"));
    cluster.wait(id, |job| job.status == Status::Completing).await;
    let before = cluster.job(id).await.revision;
    cluster.clock.sleep(Duration::from_secs(3600)).await;
    let writes = cluster.counted.now().0;
    cluster.clock.sleep(Duration::from_secs(3600)).await;
    assert!(cluster.job(id).await.status_update_reason.contains("the report cannot be written"));
    assert!(cluster.job(id).await.revision - before < 200);
    let writes = cluster.counted.now().0 - writes;
    assert!(writes < 400, "{writes} writes in an hour");
    process.engine.shut_down().await;
}
