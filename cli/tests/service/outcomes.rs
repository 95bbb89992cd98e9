//! What the service tells a client about failed jobs and late reports.

use std::process::Command;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::Due;
use brigade_model::{BucketName, JobOptions, ServiceTime, Status};
use brigade_runtime::SystemClock;
use brigade_s3::simulated::Body;
use brigade_store::sqlite::SqliteStore;
use brigade_wire::admin::LeftUpload;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::bounds::serve;
use crate::test_service::{TestService, at, credentials, is_at_work, make_buckets, request_to};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_which_more_than_half_fails_says_why_in_describe_and_has_its_report() {
    let service = TestService::start("").await;
    service.fill(900);
    let id = service.tag("t", 3000, None).await;
    let job = service.end(id).await;
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.failures.len(), 1, "{job:#?}");
    assert_eq!(job.failures[0].code, "TaskFailureThresholdExceeded");
    let (succeeded, failed) = (job.progress.succeeded, job.progress.failed);
    assert!(failed * 2 > succeeded + failed && succeeded + failed >= 1000, "{job:#?}");
    assert!(job.failures[0].reason.ends_with("tasks failed"), "{job:#?}");
    assert!(job.status_update_reason.contains(&job.failures[0].reason), "{job:#?}");
    assert_eq!(service.report_rows(id) as u64, succeeded + failed);
    assert_eq!(service.report(id)["Tasks"]["NotAttempted"], 3000 - succeeded - failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_which_exactly_half_fails_completes() {
    let service = TestService::start("").await;
    service.fill(500);
    // The share is judged from the thousandth task on, in whatever order they end before.
    let id = service.tag("t", 1000, None).await;
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.failed), (Status::Complete, 500, 500));
    assert!(job.failures.iter().all(|why| why.code.is_empty()), "{job:#?}");
    assert_eq!(service.report_rows(id), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_bucket_that_refuses_while_a_job_runs_is_told_by_describe_and_gets_its_report_later() {
    let service = TestService::start("").await;
    service.fill(60);
    let id = service.tag("t", 60, Some(50)).await;
    service.wait(id, is_at_work).await;
    service.bucket.deny_bucket(&BucketName::new("reports").unwrap());
    let late = service.wait(id, |job| job.status == Status::Completing && !job.status_update_reason.is_empty()).await;
    assert!(late.status_update_reason.contains("the report cannot be written to reports/"), "{late:#?}");
    assert!(late.status_update_reason.contains("AccessDenied"), "{late:#?}");
    service.bucket.allow_all();
    let job = service.end(id).await;
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Complete, "Job complete"));
    assert_eq!(service.report_rows(id), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_bucket_that_refuses_from_the_start_fails_the_job_before_its_first_task() {
    let service = TestService::start("").await;
    service.fill(10);
    service.bucket.deny_bucket(&BucketName::new("reports").unwrap());
    let id = service.tag("t", 10, None).await;
    let job = service.end(id).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "AccessDenied"), "{job:#?}");
    assert!(job.failures[0].reason.contains("the report cannot be written to reports/"), "{job:#?}");
    let calls = service.bucket.calls(brigade_model::ports::object_store::CallKind::PutObjectTagging);
    assert_eq!(calls, 0);
}

/// A store that refuses the third part of each upload, and to abort one.
async fn refuse_to_end_uploads(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let is_abort = request.method() == Method::DELETE && query.contains("uploadId=");
    if is_abort || query.contains("partNumber=3&") || query.ends_with("partNumber=3") {
        return (StatusCode::FORBIDDEN, "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
            .into_response();
    }
    next.run(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_without_a_report_is_described_with_the_uploads_that_its_store_did_not_let_it_abort() {
    let clock = Arc::new(SystemClock::new());
    let bucket = make_buckets(&clock);
    bucket.put(&at("photos", "large"), Body::zeros(6 << 30)).unwrap();
    let routes = brigade_sandbox::routes(bucket.clone(), credentials()).layer(from_fn(refuse_to_end_uploads));
    let service = TestService::open(clock, bucket, &serve(routes).await, "", None);
    let etag = service.put_manifest("photos,large\n");
    let copy = "<COSPutObjectCopy><TargetResource>qcs::cos:r::backup</TargetResource></COSPutObjectCopy>";
    let body = request_to(copy, &["Bucket", "Key"], "t", &etag);
    let (before, rest) = body.split_once("<Report>").unwrap();
    let (_, after) = rest.split_once("</Report>").unwrap();
    let body = format!("{before}<Report><Enabled>false</Enabled></Report>{after}");
    let id = service.client().create_job(body.into(), &JobOptions::default()).await.unwrap().value;
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 1), "{job:#?}");

    let open = service.bucket.open_uploads();
    assert_eq!(open.len(), 1);
    let left = service.client().inspect_job(id).await.unwrap().value.left_uploads.unwrap();
    let upload = LeftUpload { bucket: "backup".into(), key: "large".into(), upload_id: open[0].id.clone() };
    assert_eq!((left.total, left.uploads), (1, vec![upload]));
    let described = run(&service, &["job", "describe", &id.to_string()]);
    let named = format!("s3://backup/large, upload {}", open[0].id);
    assert!(described.contains(&named) && described.contains(&left.advice), "{described}");
    let json = run(&service, &["job", "describe", &id.to_string(), "--output", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["Brigade"]["left_uploads"]["uploads"][0]["upload_id"], open[0].id);
}

/// A command of the program, as the first account.
fn run(service: &TestService, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BRIGADE_")) {
        command.env_remove(name);
    }
    let client = [
        ("BRIGADE_CONFIG", service.data().with_file_name("brigade.toml").display().to_string()),
        ("BRIGADE_CLIENT_URL", format!("http://{}", service.address)),
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
    let mut service = TestService::start("").await;
    service.fill(5);
    let id = service.tag("t", 10, None).await;
    service.end(id).await;
    let job = id.to_string();
    assert!(!run(&service, &["job", "report", &job]).contains("removed on"));

    service.process.kill().unwrap();
    service.process.wait().unwrap();
    let store = SqliteStore::open(&service.data(), Arc::clone(&service.clock) as _).unwrap();
    let due =
        Due { outcomes_before: ServiceTime(std::time::Duration::MAX), ..Due::ended_before(ServiceTime::default()) };
    while store.purge(&due, 1000).await.unwrap().more {}
    let at = store.job(id).await.unwrap().unwrap().outcomes_removed.unwrap();
    drop(store);
    service.restart(&[]);

    let removed = format!("removed on {at:.0}");
    let reported = run(&service, &["job", "report", &job]);
    assert!(reported.contains(&removed) && reported.contains("5 succeeded, 5 failed"), "{reported}");
    assert!(run(&service, &["job", "describe", &job]).contains(&removed));
    let refused = run(&service, &["job", "retry-failed", &job]);
    assert!(refused.contains("OutcomesRemoved") && refused.contains(&format!("outcomes {removed}")), "{refused}");
    service.bucket.deny_bucket(&BucketName::new("reports").unwrap());
    let unread = run(&service, &["job", "report", &job]);
    assert!(unread.contains(&format!("outcomes {removed}")), "{unread}");
}
