//! What an account may use of the disk, and for how long its ended jobs keep theirs.

use std::time::Duration;

use brigade_model::ports::job_store::Due;
use brigade_model::ports::{Clock, Entropy, JobStore};
use brigade_model::{JobId, Operation, Quota, ServiceTime, Status};

use crate::account::check;
use crate::cluster::{TestCluster, key};
use crate::life::{copy, tagging};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// Keys that share nothing, some 50 bytes each however well they are compressed.
fn stray_keys(cluster: &TestCluster, n: usize) -> Vec<String> {
    let key = |_| {
        let mut bytes = [0; 50];
        cluster.entropy.fill(&mut bytes);
        hex::encode(bytes)
    };
    (0..n).map(key).collect()
}

async fn files(cluster: &TestCluster, id: JobId) -> usize {
    cluster.spool.list(&format!("{id}/")).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_keeps_its_outcomes_for_outcomes_kept_and_its_place_in_the_list_for_longer() {
    let mut cluster = TestCluster::new(720);
    (cluster.config.outcomes_kept, cluster.config.ended_jobs_kept) = (30 * DAY, 90 * DAY);
    // Days pass in fewer polls.
    cluster.config.poll = Duration::from_secs(600);
    cluster.fill(300).await;
    let id = cluster.create(tagging(), keys(300)).await;
    let job = cluster.run_to_end(id, None).await;
    check(&cluster, &job, &keys(300)).await;
    let process = cluster.start(None);
    cluster.clock.sleep(29 * DAY).await;
    assert_eq!(cluster.job(id).await, job, "nothing of it is gone");
    assert!(files(&cluster, id).await > 0);
    cluster.clock.sleep(DAY + Duration::from_secs(1200)).await;
    let kept = cluster.job(id).await;
    let at = kept.outcomes_removed.unwrap();
    assert!(at.duration_since(job.terminated.unwrap()).as_secs() >= 30 * 24 * 3600);
    assert_eq!((kept.status, kept.progress), (job.status, job.progress));
    assert_eq!(files(&cluster, id).await, 0, "the spool has the room back");
    assert_eq!(cluster.jobs.slices(id, 0, 9).await.unwrap(), []);
    cluster.clock.sleep(59 * DAY).await;
    assert!(cluster.jobs.job(id).await.unwrap().is_some());
    cluster.clock.sleep(2 * DAY).await;
    assert_eq!(cluster.jobs.job(id).await.unwrap(), None);
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn files_that_a_dying_process_left_of_given_up_outcomes_are_removed_by_the_next_one() {
    let mut cluster = TestCluster::new(721);
    cluster.fill(100).await;
    let id = cluster.create(tagging(), keys(100)).await;
    cluster.run_to_end(id, None).await;
    cluster.config.outcomes_kept = Duration::ZERO;
    cluster.clock.sleep(Duration::from_secs(1)).await;
    let now = cluster.jobs.service_time().await.unwrap();
    let due = Due { outcomes_before: now, ..Due::ended_before(ServiceTime::default()) };
    while cluster.jobs.purge(&due, 1).await.unwrap().more {}
    assert!(files(&cluster, id).await > 0);
    let process = cluster.start(None);
    cluster.clock.sleep(Duration::from_secs(130)).await;
    assert_eq!(files(&cluster, id).await, 0);
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_fit_fails_before_its_first_task_and_leaves_no_file_that_nobody_counts() {
    let mut cluster = TestCluster::new(722);
    cluster.config.quotas.default = Quota { bytes_max: 400_000, ..Quota::default() };
    let id = cluster.create(tagging(), stray_keys(&cluster, 20_000)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.total), (Status::Failed, 0), "{job:#?}");
    assert_eq!(job.failures[0].code, "DiskQuotaExceeded");
    assert!(job.status_update_reason.contains("account_bytes_max"), "{job:#?}");
    assert_eq!(files(&cluster, id).await, cluster.jobs.slices(id, 0, usize::MAX).await.unwrap().len());
    assert_eq!(cluster.bucket.calls(brigade_model::ports::object_store::CallKind::PutObjectTagging), 0);
}

#[tokio::test(start_paused = true)]
async fn a_greedy_account_gives_up_its_own_outcomes_and_makes_no_other_fail() {
    let mut cluster = TestCluster::new(723);
    cluster.config.quotas.default = Quota { bytes_max: 400_000, ..Quota::default() };
    cluster.fill(200).await;
    let mild = cluster.create_for("2", copy(), keys(200), |_| {}).await;
    let first = cluster.run_to_end(mild, None).await;
    assert_eq!(first.status, Status::Complete);
    let mut greedy = Vec::new();
    for _ in 0..4 {
        let id = cluster.create(tagging(), stray_keys(&cluster, 3000)).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!(job.progress.total, 3000, "it is prepared: {job:#?}");
        greedy.push(id);
    }
    let too_large = cluster.create(tagging(), stray_keys(&cluster, 20_000)).await;
    assert_eq!(cluster.run_to_end(too_large, None).await.failures[0].code, "DiskQuotaExceeded");
    assert!(cluster.job(greedy[0]).await.outcomes_removed.is_some(), "the first gave up what it held");
    assert_eq!(cluster.job(mild).await, first, "the other account has what it had");
    let second = cluster.create_for("2", Operation::Delete, keys(200), |_| {}).await;
    assert_eq!(cluster.run_to_end(second, None).await.status, Status::Complete);
}

#[tokio::test(start_paused = true)]
async fn a_preparation_that_fails_at_its_last_row_leaves_no_file_without_a_row() {
    let cluster = TestCluster::new(724);
    for rows in [5000, 200_000] {
        let mut manifest: String = stray_keys(&cluster, rows).iter().map(|key| format!("source,{key}\n")).collect();
        manifest.push_str("source,\n");
        let id = cluster.create_over(tagging(), manifest, |_| {}).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InvalidManifestContent"), "{job:#?}");
        let recorded = cluster.jobs.slices(id, 0, usize::MAX).await.unwrap().len();
        assert!(recorded > 0, "what was written counts");
        assert_eq!(files(&cluster, id).await, recorded);
    }
}
