//! What a client is told of jobs that fail, and of reports that are late.

use brigade_model::{BucketName, Status};

use crate::house::{House, is_at_work};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_which_more_than_half_fails_says_why_in_describe_and_has_its_report() {
    let house = House::start("").await;
    house.fill(900);
    let id = house.tag("t", 3000, None).await;
    let job = house.end(id).await;
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.failures.len(), 1, "{job:#?}");
    assert_eq!(job.failures[0].code, "TaskFailureThresholdExceeded");
    let (succeeded, failed) = (job.progress.succeeded, job.progress.failed);
    assert!(failed * 2 > succeeded + failed && succeeded + failed >= 1000, "{job:#?}");
    assert!(job.failures[0].reason.ends_with("tasks failed"), "{job:#?}");
    assert!(job.status_update_reason.contains(&job.failures[0].reason), "{job:#?}");
    assert_eq!(house.report_rows(id) as u64, succeeded + failed);
    assert_eq!(house.report(id)["Tasks"]["NotAttempted"], 3000 - succeeded - failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_which_exactly_half_fails_completes() {
    let house = House::start("").await;
    house.fill(1000);
    let id = house.tag("t", 2000, None).await;
    let job = house.end(id).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, 1000, 1000));
    assert!(job.failures.iter().all(|why| why.code.is_empty()), "{job:#?}");
    assert_eq!(house.report_rows(id), 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_bucket_that_refuses_while_a_job_runs_is_told_by_describe_and_gets_its_report_later() {
    let house = House::start("").await;
    house.fill(60);
    let id = house.tag("t", 60, Some(50)).await;
    house.wait(id, is_at_work).await;
    house.bucket.deny_bucket(&BucketName::new("reports").unwrap());
    let late = house.wait(id, |job| job.status == Status::Completing && !job.status_update_reason.is_empty()).await;
    assert!(late.status_update_reason.contains("the report cannot be written to reports/"), "{late:#?}");
    assert!(late.status_update_reason.contains("AccessDenied"), "{late:#?}");
    house.bucket.allow_all();
    let job = house.end(id).await;
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Complete, "Job complete"));
    assert_eq!(house.report_rows(id), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_bucket_that_refuses_from_the_start_fails_the_job_before_its_first_task() {
    let house = House::start("").await;
    house.fill(10);
    house.bucket.deny_bucket(&BucketName::new("reports").unwrap());
    let id = house.tag("t", 10, None).await;
    let job = house.end(id).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "AccessDenied"), "{job:#?}");
    assert!(job.failures[0].reason.contains("the report cannot be written to reports/"), "{job:#?}");
    let calls = house.bucket.calls(brigade_model::ports::object_store::CallKind::PutObjectTagging);
    assert_eq!(calls, 0);
}
