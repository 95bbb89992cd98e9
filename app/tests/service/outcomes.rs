//! What a client is told of jobs that fail, and of reports that are late.

use std::process::Command;
use std::sync::Arc;

use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::Due;
use brigade_model::{BucketName, ServiceTime, Status};
use brigade_store::sqlite::SqliteStore;

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
    house.fill(500);
    // The share is judged from the thousandth task on, in whatever order they end before.
    let id = house.tag("t", 1000, None).await;
    let job = house.end(id).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, 500, 500));
    assert!(job.failures.iter().all(|why| why.code.is_empty()), "{job:#?}");
    assert_eq!(house.report_rows(id), 1000);
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

/// A command of the program, as the first account.
fn run(house: &House, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BRIGADE_")) {
        command.env_remove(name);
    }
    let client = [
        ("BRIGADE_CONFIG", house.data().with_file_name("brigade.toml").display().to_string()),
        ("BRIGADE_CLIENT_URL", format!("http://{}", house.address)),
        ("BRIGADE_CLIENT_APPID", "1250000000".to_owned()),
        ("BRIGADE_CLIENT_UIN", "100000000001".to_owned()),
        ("BRIGADE_CLIENT_SECRET_ID", "AKIDONE".to_owned()),
        ("BRIGADE_CLIENT_SECRET_KEY", "one-secret".to_owned()),
        ("BRIGADE_CLIENT_ENDPOINT", "sandbox".to_owned()),
    ];
    let output = command.envs(client).args(arguments).output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_outcomes_are_gone_says_since_when_to_whoever_wants_its_report_or_a_retry() {
    let mut house = House::start("").await;
    house.fill(5);
    let id = house.tag("t", 10, None).await;
    house.end(id).await;
    let job = id.to_string();
    assert!(!run(&house, &["job", "report", &job]).contains("removed on"));

    house.process.kill().unwrap();
    house.process.wait().unwrap();
    let store = SqliteStore::open(&house.data(), Arc::clone(&house.clock) as _).unwrap();
    let due =
        Due { outcomes_before: ServiceTime(std::time::Duration::MAX), ..Due::ended_before(ServiceTime::default()) };
    while store.purge(&due, 1000).await.unwrap().more {}
    let at = store.job(id).await.unwrap().unwrap().outcomes_removed.unwrap();
    drop(store);
    house.restart(&[]);

    let removed = format!("removed on {at:.0}");
    let reported = run(&house, &["job", "report", &job]);
    assert!(reported.contains(&removed) && reported.contains("5 succeeded, 5 failed"), "{reported}");
    assert!(run(&house, &["job", "describe", &job]).contains(&removed));
    let refused = run(&house, &["job", "retry-failed", &job]);
    assert!(refused.contains("OutcomesRemoved") && refused.contains(&format!("outcomes {removed}")), "{refused}");
    house.bucket.deny_bucket(&BucketName::new("reports").unwrap());
    let unread = run(&house, &["job", "report", &job]);
    assert!(unread.contains(&format!("outcomes {removed}")), "{unread}");
}
