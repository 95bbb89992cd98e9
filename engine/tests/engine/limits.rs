//! Limits and stops while tasks run: a call that waits under old limits continues under the new
//! ones within a second, on every node.

use std::time::Duration;

use brigade_engine::places::Health;
use brigade_model::job::Change;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::CallKind;
use brigade_model::{JobId, JobSpec, LoadLimits, Operation, Status};
use brigade_s3::limit::{Caps, Limit, LimitHandle};
use std::sync::Arc;

use crate::account::check;
use crate::cluster::{Process, TestCluster, key};
use crate::life::copy;

const SECOND: Duration = Duration::from_secs(1);

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn a_second(requests: u32) -> LoadLimits {
    LoadLimits { requests_per_second: Some(requests), ..LoadLimits::default() }
}

/// A job that begins with so many requests a second, and runs.
async fn running(cluster: &TestCluster, tasks: usize, per_second: u32) -> (JobId, Process) {
    cluster.fill(tasks).await;
    let slow = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(per_second);
    let id = cluster.create_with(copy(), keys(tasks), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 0).await;
    (id, process)
}

/// Copies in the next second.
async fn copies_in_a_second(cluster: &TestCluster) -> u64 {
    let before = cluster.bucket.calls(CallKind::CopyObject);
    cluster.clock.sleep(SECOND).await;
    cluster.bucket.calls(CallKind::CopyObject) - before
}

#[tokio::test(start_paused = true)]
async fn a_jobs_limits_take_effect_within_a_second_while_it_runs() {
    let cluster = TestCluster::new(60);
    let (id, process) = running(&cluster, 3000, 1).await;
    assert!(copies_in_a_second(&cluster).await <= 2);
    let mut told = 0;
    for (limits, least, most) in
        [(a_second(500), 400, 510), (a_second(2), 0, 3), (a_second(100), 90, 110), (LoadLimits::default(), 1000, 3000)]
    {
        cluster.change(id, Change::LimitsSet(limits)).await;
        process.engine.notify();
        told += 1;
        let copies = copies_in_a_second(&cluster).await;
        assert!((least..=most).contains(&copies), "{limits:?}: {copies} copies, at change {told}");
    }
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!(job.limits, LoadLimits::default());
    check(&cluster, &job, &keys(3000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn another_node_follows_a_jobs_limits_at_its_next_look() {
    let cluster = TestCluster::new(61);
    let (id, process) = running(&cluster, 3000, 1).await;
    // No wake-up here: the change came through another node.
    cluster.change(id, Change::LimitsSet(a_second(500))).await;
    cluster.clock.sleep(cluster.config.poll).await;
    let copies = copies_in_a_second(&cluster).await;
    assert!((400..=510).contains(&copies), "{copies}");
    cluster.change(id, Change::LimitsSet(LoadLimits::default())).await;
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(3000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_and_limits_hold_over_a_crash() {
    let cluster = TestCluster::new(62);
    let (id, process) = running(&cluster, 1500, 500).await;
    cluster.change(id, Change::LimitsSet(a_second(1))).await;
    process.engine.notify();
    cluster.clock.sleep(SECOND).await;
    cluster.change(id, Change::Held).await;
    process.engine.notify();
    cluster.clock.sleep(SECOND).await;
    let job = cluster.job(id).await;
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Paused, "paused by its user"));
    process.node.crash();

    let process = cluster.start(None);
    let before = cluster.bucket.calls(CallKind::CopyObject);
    cluster.clock.sleep(60 * SECOND).await;
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), before, "paused over a crash");
    cluster.change(id, Change::Released).await;
    process.engine.notify();
    assert!(copies_in_a_second(&cluster).await <= 2, "limited over a crash");
    cluster.change(id, Change::LimitsSet(LoadLimits::default())).await;
    process.engine.notify();
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(1500)).await;
    process.engine.shut_down().await;
}

/// The health of an endpoint that may be stopped.
struct MayBeStopped(LimitHandle);

impl Health for MayBeStopped {
    fn reason(&self) -> Option<String> {
        self.0.is_stopped().then(|| "endpoint e is stopped by an operator".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_endpoint_gets_no_request_until_it_is_started_and_jobs_say_why() {
    let mut cluster = TestCluster::new(63);
    let handle = LimitHandle::new(Caps { requests_per_second: Some(200), ..Caps::default() });
    let limit = Limit::sharing(cluster.bucket.clone(), &handle, Default::default(), cluster.clock.clone());
    cluster.store = Arc::new(limit);
    cluster.health = Arc::new(MayBeStopped(handle.clone()));
    cluster.fill(1000).await;
    let id = cluster.create(copy(), keys(1000)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 0).await;
    handle.set_stopped(true);
    process.engine.notify();
    cluster.clock.sleep(SECOND).await;
    let job = cluster.job(id).await;
    assert_eq!(
        (job.status, job.status_update_reason.as_str()),
        (Status::Active, "endpoint e is stopped by an operator")
    );
    let before = cluster.bucket.calls(CallKind::CopyObject);
    cluster.clock.sleep(7200 * SECOND).await;
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), before);
    handle.set_stopped(false);
    process.engine.notify();
    assert!(copies_in_a_second(&cluster).await >= 100, "it goes on within a second");
    assert_eq!(cluster.job(id).await.status_update_reason, "");
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(1000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_jobs_pace_is_kept_from_slice_to_slice() {
    let mut cluster = TestCluster::new(64);
    // One slice after the other, each of them one request.
    cluster.config.slices = 1;
    cluster.fill(1000).await;
    let slowly = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(1);
    let id = cluster.create_with(Operation::Delete, keys(1000), slowly).await;
    let began = cluster.clock.now();
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete);
    let requests = cluster.bucket.calls(CallKind::DeleteObjects);
    let took = cluster.clock.now().duration_since(began).as_secs();
    assert!(requests >= 4 && took >= requests as i64 - 1, "{requests} requests in {took} s");
}
