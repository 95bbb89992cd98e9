//! Several jobs on one endpoint: which run, which wait, and what another priority changes.

use brigade_model::job::Change;
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{JobId, JobSpec, Status};

use crate::account::check;
use crate::cluster::{TestCluster, key};
use crate::life::tagging;

const TASKS: usize = 3000;

fn keys() -> Vec<String> {
    (0..TASKS).map(key).collect()
}

/// A job of this priority that takes some time: 500 tasks a second.
fn paced(priority: i32) -> impl Fn(&mut JobSpec) {
    move |spec| {
        spec.priority = priority;
        spec.options.requests_per_second_max = Some(500);
    }
}

/// A cluster with slots for so many jobs, whose one worker takes a slice of the job whose turn it
/// is.
async fn cluster(seed: u64, active_jobs: usize) -> TestCluster {
    let mut cluster = TestCluster::new(seed);
    cluster.config.active_jobs = active_jobs;
    cluster.config.slices = 1;
    cluster.fill(TASKS).await;
    cluster
}

/// How many slices of the job are over.
async fn slices_done(cluster: &TestCluster, id: JobId) -> usize {
    let slices = cluster.jobs.slices(id, 0, usize::MAX).await.unwrap();
    slices.iter().filter(|slice| slice.is_done()).count()
}

/// Runs two Active jobs to their ends; neither may ever be more than two slices ahead.
async fn assert_they_share(cluster: &TestCluster, jobs: [JobId; 2]) {
    let mut looks = 0;
    loop {
        let done = [slices_done(cluster, jobs[0]).await, slices_done(cluster, jobs[1]).await];
        let now = [cluster.job(jobs[0]).await, cluster.job(jobs[1]).await];
        if now.iter().any(|job| job.status == Status::Complete) {
            break;
        }
        if now.iter().all(|job| job.status == Status::Active) {
            assert!(done[0].abs_diff(done[1]) <= 2, "{done:?}");
            looks += 1;
        }
        cluster.clock.sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(looks > 50, "they ran side by side: {looks}");
    for id in jobs {
        let job = cluster.wait(id, |job| job.status == Status::Complete).await;
        check(cluster, &job, &keys()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn equal_priorities_share_an_endpoint_slice_by_slice() {
    let cluster = cluster(500, 2).await;
    let jobs = [
        cluster.create_with(tagging(), keys(), paced(5)).await,
        cluster.create_with(tagging(), keys(), paced(5)).await,
    ];
    let process = cluster.start(None);
    assert_they_share(&cluster, jobs).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn two_accounts_share_an_endpoint_though_one_has_more_and_more_urgent_jobs() {
    let cluster = cluster(501, 2).await;
    let urgent = cluster.create_for("1", tagging(), keys(), paced(100)).await;
    let second = cluster.create_for("1", tagging(), keys(), paced(99)).await;
    let modest = cluster.create_for("2", tagging(), keys(), paced(1)).await;
    let process = cluster.start(None);
    cluster.wait(modest, |job| job.status == Status::Active).await;
    assert_eq!(cluster.job(urgent).await.status, Status::Active);
    assert_ne!(cluster.job(second).await.status, Status::Active, "the other account has the other slot");
    assert_they_share(&cluster, [urgent, modest]).await;
    cluster.wait(second, |job| job.status == Status::Complete).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_made_urgent_takes_the_slot_of_one_that_runs() {
    let cluster = cluster(502, 1).await;
    let running = cluster.create_with(tagging(), keys(), paced(5)).await;
    let waiting = cluster.create_with(tagging(), keys(), paced(1)).await;
    let process = cluster.start(None);
    cluster.wait(running, |job| job.progress.succeeded > 100).await;
    assert_eq!(cluster.job(waiting).await.status, Status::Ready);
    cluster.change(waiting, Change::PrioritySet(6)).await;
    process.engine.notify();
    let paused = cluster.wait(running, |job| job.status == Status::Paused).await;
    assert_eq!(paused.status_update_reason, "a job of higher priority needs the slot");
    cluster.wait(waiting, |job| job.status == Status::Complete).await;
    let job = cluster.wait(running, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys()).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_running_job_made_less_urgent_gives_its_slot_to_one_that_waits_and_gets_it_back() {
    let cluster = cluster(503, 1).await;
    let running = cluster.create_with(tagging(), keys(), paced(5)).await;
    let waiting = cluster.create_with(tagging(), keys(), paced(3)).await;
    let process = cluster.start(None);
    cluster.wait(running, |job| job.progress.succeeded > 100).await;
    cluster.change(running, Change::PrioritySet(2)).await;
    process.engine.notify();
    cluster.wait(running, |job| job.status == Status::Paused).await;
    cluster.wait(waiting, |job| job.status == Status::Active && job.progress.succeeded > 100).await;
    // And back, while the other one runs.
    cluster.change(running, Change::PrioritySet(4)).await;
    process.engine.notify();
    cluster.wait(waiting, |job| job.status == Status::Paused).await;
    assert_eq!(cluster.wait(running, |job| job.status == Status::Active).await.priority, 4);
    for id in [running, waiting] {
        let job = cluster.wait(id, |job| job.status == Status::Complete).await;
        check(&cluster, &job, &keys()).await;
    }
    process.engine.shut_down().await;
}
