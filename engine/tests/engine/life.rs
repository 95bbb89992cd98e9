//! The life of a job, and what its user does to it.

use brigade_model::job::Change;
use brigade_model::operation::{Copy, Tag, Tagging};
use brigade_model::{Operation, Status};

use crate::account::{check, text};
use crate::cluster::{TestCluster, bucket_ref, key};

pub(crate) fn copy() -> Operation {
    Operation::Copy(Box::new(Copy::to(bucket_ref("target"))))
}

pub(crate) fn tagging() -> Operation {
    Operation::Tagging(Tagging { directive: None, tags: vec![Tag { key: "a".into(), value: "b".into() }] })
}

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

#[tokio::test(start_paused = true)]
async fn a_copy_job_copies_every_object_and_reports_each_once() {
    let cluster = TestCluster::new(1);
    cluster.fill(300).await;
    let id = cluster.create(copy(), keys(300)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let rows = check(&cluster, &job, &keys(300)).await;
    assert!(rows.values().all(|row| row.status == "succeeded" && row.message == "Successful"));
    for i in 0..300 {
        assert_eq!(text(&cluster, "target", &key(i)).await, Some(format!("body {i}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_object_fails_its_task_and_the_job_goes_on() {
    let cluster = TestCluster::new(2);
    cluster.fill(10).await;
    let id = cluster.create(copy(), keys(12)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 2));
    let rows = check(&cluster, &job, &keys(12)).await;
    assert_eq!(rows[&key(11)].code, "NoSuchKey");
}

#[tokio::test(start_paused = true)]
async fn an_empty_manifest_is_a_complete_job() {
    let cluster = TestCluster::new(3);
    let id = cluster.create(copy(), []).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.total), (Status::Complete, 0));
    check(&cluster, &job, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_job_deletes_in_groups() {
    let cluster = TestCluster::new(4);
    cluster.fill(2500).await;
    let id = cluster.create(Operation::Delete, keys(2500)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete);
    check(&cluster, &job, &keys(2500)).await;
    assert_eq!(text(&cluster, "source", &key(0)).await, None);
    let calls = cluster.bucket.calls(brigade_model::ports::object_store::CallKind::DeleteObjects);
    assert!(calls < 40, "{calls} calls for 2,500 objects");
}

#[tokio::test(start_paused = true)]
async fn more_than_half_failing_fails_the_job_with_its_reason_and_a_report() {
    let cluster = TestCluster::new(5);
    cluster.fill(900).await;
    let id = cluster.create(tagging(), keys(20_000)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.failures[0].code, "TaskFailureThresholdExceeded");
    assert!(job.progress.succeeded + job.progress.failed < 20_000, "it stopped");
    check(&cluster, &job, &keys(20_000)).await;
}

#[tokio::test(start_paused = true)]
async fn exactly_half_failing_is_allowed() {
    let cluster = TestCluster::new(6);
    cluster.fill(1000).await;
    let all: Vec<String> = (0..1000).flat_map(|i| [key(i), key(i + 1000)]).collect();
    let id = cluster.create(tagging(), all.clone()).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 1000));
    check(&cluster, &job, &all).await;
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_not_as_described_fails_the_job() {
    let cluster = TestCluster::new(7);
    let id = cluster.create_with(copy(), keys(3), |spec| {
        spec.manifest.location.etag = brigade_model::ETag::new("other").unwrap();
    });
    let id = id.await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ManifestETagMismatch"));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_job_runs_when_confirmed_and_fails_when_nobody_does() {
    let mut cluster = TestCluster::new(8);
    cluster.config.confirmation_patience = std::time::Duration::from_secs(3600);
    cluster.fill(5).await;
    let wants = |spec: &mut brigade_model::JobSpec| spec.confirmation_required = Some(true);
    let first = cluster.create_with(copy(), keys(5), wants).await;
    let process = cluster.start(None);
    cluster.wait(first, |job| job.status == Status::Suspended).await;
    cluster.change(first, Change::Confirmed("go".into())).await;
    process.engine.notify();
    cluster.wait(first, |job| job.status == Status::Complete).await;
    process.engine.shut_down().await;
    let second = cluster.create_with(copy(), keys(5), wants).await;
    let before = cluster.clock.as_ref();
    let started = brigade_model::ports::Clock::now(before);
    let job = cluster.run_to_end(second, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ConfirmationExpired"));
    assert!(job.terminated.unwrap().duration_since(started).as_hours() >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_higher_priority_takes_the_slot_and_the_lower_job_comes_back() {
    let mut cluster = TestCluster::new(9);
    cluster.config.active_jobs = 1;
    cluster.fill(4000).await;
    let slow = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(200);
    let low = cluster.create_with(tagging(), keys(4000), slow).await;
    let process = cluster.start(None);
    cluster.wait(low, |job| job.status == Status::Active && job.progress.succeeded > 0).await;
    let high = cluster
        .create_with(copy(), keys(50), |spec| {
            spec.priority = 9;
            spec.options.requests_per_second_max = Some(10);
        })
        .await;
    process.engine.notify();
    cluster.wait(low, |job| job.status == Status::Paused).await;
    cluster.wait(high, |job| job.status == Status::Complete).await;
    let job = cluster.wait(low, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(4000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn no_task_starts_after_a_cancel_is_answered_and_the_report_accounts_for_the_rest() {
    let cluster = TestCluster::new(10);
    cluster.fill(4000).await;
    let slow = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(500);
    let id = cluster.create_with(copy(), keys(4000), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 0).await;
    let job = cluster.change(id, Change::CancelRequested("enough".into())).await;
    assert_eq!(job.status, Status::Cancelling);
    process.engine.stop_job(id);
    let kind = brigade_model::ports::object_store::CallKind::CopyObject;
    let copies = cluster.bucket.calls(kind);
    let job = cluster.wait(id, |job| job.status == Status::Cancelled).await;
    assert_eq!(cluster.bucket.calls(kind), copies, "no copy after the cancel was answered");
    assert_eq!(job.status_update_reason, "enough");
    assert_eq!(job.progress.succeeded, copies, "those in flight are recorded");
    check(&cluster, &job, &keys(4000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_paused_by_its_user_waits_until_it_is_released() {
    let cluster = TestCluster::new(11);
    cluster.fill(2000).await;
    let slow = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(500);
    let id = cluster.create_with(copy(), keys(2000), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 0).await;
    cluster.change(id, Change::Held).await;
    process.engine.notify();
    cluster.wait(id, |job| job.status == Status::Paused).await;
    cluster.change(id, Change::Released).await;
    process.engine.notify();
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(2000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_records_what_was_in_flight_and_the_next_process_goes_on() {
    let cluster = TestCluster::new(12);
    cluster.fill(2000).await;
    let slow = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(500);
    let id = cluster.create_with(copy(), keys(2000), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 0).await;
    process.engine.shut_down().await;
    let kind = brigade_model::ports::object_store::CallKind::CopyObject;
    assert_eq!(cluster.job(id).await.progress.succeeded, cluster.bucket.calls(kind), "all that was done is recorded");
    let job = cluster.run_to_end(id, None).await;
    check(&cluster, &job, &keys(2000)).await;
    assert_eq!(cluster.bucket.calls(kind), 2000, "nothing was done twice");
}

#[tokio::test(start_paused = true)]
async fn a_report_bucket_that_refuses_fails_the_job_before_anything_runs() {
    let cluster = TestCluster::new(13);
    cluster.fill(5).await;
    let id = cluster.create_with(copy(), keys(5), |spec| spec.report.bucket = Some(bucket_ref("nowhere"))).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ReportDeliveryFailed"));
    assert_eq!(cluster.bucket.calls(brigade_model::ports::object_store::CallKind::CopyObject), 0);
}
