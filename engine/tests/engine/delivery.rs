//! A report whose bucket refuses it: the job waits and says why, and ends either with the report or
//! without it and with every outcome kept.

use std::time::Duration;

use brigade_model::ports::object_store::{Call, CallKind, Verdict};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{Dialect, Job, JobId, JobSpec, Operation, Status};

use crate::account::{check, text};
use crate::cluster::{Process, TestCluster, bucket, key};
use crate::life::tagging;
use crate::spoil::{Spoil, subject};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// A job that has done its tasks and stands before a report bucket that has begun to refuse
/// while they ran.
pub(crate) async fn refused_in_the_middle(cluster: &TestCluster) -> (JobId, Process) {
    cluster.fill(200).await;
    let paced = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(100);
    let id = cluster.create_with(tagging(), keys(200), paced).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 10).await;
    cluster.bucket.deny_bucket(&bucket("aside"));
    let is_told = |job: &Job| job.status == Status::Completing && !job.status_update_reason.is_empty();
    let told = cluster.wait(id, is_told).await.status_update_reason;
    assert!(told.contains("the report cannot be written to aside/reports/"), "{told}");
    assert!(told.contains("AccessDenied") && told.ends_with("trying again"), "{told}");
    (id, process)
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_refused_in_the_middle_is_delivered_when_it_is_allowed_again() {
    let cluster = TestCluster::new(600);
    let (id, process) = refused_in_the_middle(&cluster).await;
    cluster.clock.sleep(Duration::from_secs(20 * 3600)).await;
    assert_eq!(cluster.job(id).await.status, Status::Completing, "it is patient");
    cluster.bucket.allow_all();
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!((job.status_update_reason.as_str(), job.failures.len()), ("Job complete", 0));
    check(&cluster, &job, &keys(200)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_refused_for_longer_than_the_patience_fails_the_job_and_its_outcomes_stay() {
    let cluster = TestCluster::new(601);
    let (id, process) = refused_in_the_middle(&cluster).await;
    let began = cluster.job(id).await.since;
    cluster.clock.sleep(Duration::from_secs(24 * 3600 - 300)).await;
    assert_eq!(cluster.job(id).await.status, Status::Completing, "it is patient");
    let job = cluster.wait(id, |job| job.status == Status::Failed).await;
    assert_eq!(job.failures[0].code, "ReportDeliveryFailed");
    assert!(job.failures[0].reason.contains("AccessDenied"), "{job:#?}");
    let waited = job.since.since(began).as_secs() / 3600;
    assert_eq!(waited, 24, "the patience");
    // Everything that a report is made of is still there.
    assert_eq!((job.progress.succeeded, job.progress.failed), (200, 0));
    let mut parts = 0;
    for slice in cluster.jobs.slices(id, 0, usize::MAX).await.unwrap() {
        assert!(slice.is_done());
        cluster.spool.read(&slice.spool_name).await.unwrap();
        parts += cluster.jobs.parts(id, slice.index).await.unwrap().len();
    }
    assert!(parts > 0, "outcomes are kept");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_of_a_report_that_is_given_up_is_thrown_away() {
    let mut cluster = TestCluster::new(602);
    cluster.config.report_patience = Duration::from_secs(120);
    // So long in the report that its file of 3,000 rows goes in two parts, of which one is refused.
    let keys: Vec<String> = (0..3000).map(|n| format!("{}{n:04}", "\u{e9}".repeat(500))).collect();
    cluster.spoil(|call| match subject(call) {
        (CallKind::UploadPart, part) if part.ends_with(" 2") => Spoil::Refused(Verdict::Denied, 403, "AccessDenied"),
        _ => Spoil::Nothing,
    });
    let id = cluster.create(Operation::Delete, keys).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.status == Status::Completing).await;
    cluster.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(cluster.bucket.open_uploads().len(), 1, "it is tried again and again");
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ReportDeliveryFailed"), "{job:#?}");
    assert!(cluster.bucket.open_uploads().is_empty(), "nobody would come back to it");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_of_a_report_that_is_given_up_stays_recorded_where_its_abort_is_refused() {
    let mut cluster = TestCluster::new(604);
    cluster.config.report_patience = Duration::from_secs(120);
    let keys: Vec<String> = (0..3000).map(|n| format!("{}{n:04}", "\u{e9}".repeat(500))).collect();
    cluster.spoil(|call| match call {
        Call::UploadPart(part) if part.part == 2 => Spoil::Refused(Verdict::Denied, 403, "AccessDenied"),
        Call::AbortMultipartUpload(abort) if abort.at.key.as_str().ends_with(".csv") => {
            Spoil::Refused(Verdict::Denied, 403, "AccessDenied")
        }
        _ => Spoil::Nothing,
    });
    let id = cluster.create(Operation::Delete, keys).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ReportDeliveryFailed"), "{job:#?}");
    let (left, open) = (cluster.jobs.left_uploads(id, 9).await.unwrap(), cluster.bucket.open_uploads());
    assert_eq!((left.total, open.len()), (1, 1), "none is begun beside one that is open");
    assert_eq!((left.first[0].bucket.as_str(), &left.first[0].upload_id), ("aside", &open[0].id));
}

#[tokio::test(start_paused = true)]
async fn a_report_is_in_the_words_of_the_jobs_dialect_and_a_job_whose_dialect_has_none_fails_before_its_tasks() {
    let cluster = TestCluster::new(603);
    cluster.fill(2).await;
    let id = cluster.create(tagging(), keys(2)).await;
    let job = cluster.run_to_end(id, None).await;
    let manifest = text(&cluster, "aside", &format!("reports/job-{id}/manifest.json")).await.unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!((&manifest["Format"], &manifest["Operation"]), (&"Report_CSV_V1".into(), &"tag".into()));

    let mut spec = JobSpec { operation: Operation::Delete, ..job.spec };
    let id = cluster.store_job("1", Dialect::S3Control, spec.clone()).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ReportDeliveryFailed"), "{job:#?}");
    assert!(job.failures[0].reason.contains("s3control"), "{job:#?}");
    assert_eq!(cluster.bucket.keys(&bucket("source")).len(), 2);

    spec.client_request_token = "without".into();
    spec.report.enabled = false;
    let id = cluster.store_job("1", Dialect::S3Control, spec).await;
    assert_eq!(cluster.run_to_end(id, None).await.status, Status::Complete, "it needs no words");
    assert!(cluster.bucket.keys(&bucket("source")).is_empty());
}
