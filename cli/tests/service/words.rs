//! A client's words in the log of the process.

use brigade_model::{JobOptions, Status};

use crate::test_service::{TestService, request, request_to};

/// A job whose report has this prefix, and can be written only until its manifest is read.
async fn wait_for_the_report_of(service: &TestService, prefix: &str) {
    service.fill(2);
    let etag = service.put_manifest("photos,k0\nphotos,k1\n");
    let body = request("t", &etag)
        .replace("<Manifest>", "<ConfirmationRequired>true</ConfirmationRequired><Manifest>")
        .replace("<ReportScope>", &format!("<Prefix>{prefix}</Prefix><ReportScope>"));
    let id = service.client().create_job(body.into(), &JobOptions::default()).await.unwrap().value;
    service.wait(id, |job| job.status == Status::Suspended).await;
    service.bucket.delete_bucket(&"reports".parse().unwrap()).unwrap();
    let ready = brigade_wire::cos::update_job_status::Requested::Ready;
    service.client().update_job_status(id, ready, "").await.unwrap();
    service.wait(id, |job| job.status_update_reason.contains("cannot be written")).await;
}

/// A made-up line of the log, as a client writes it into a field of a request.
const FORGED: &str =
    "x&#10;2026-01-01T00:00:00.000000Z  INFO audit: action=DeleteJob job=1 account=victim &#8232;&#x9b;31m&#x202e;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_field_of_a_job_forges_a_line_of_the_log() {
    let mut service = TestService::start("").await;
    wait_for_the_report_of(&service, FORGED).await;
    let said = service.said();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("victim")).collect();
    assert!(!lines.is_empty(), "{said}");
    for line in lines {
        assert!(
            line.contains(": job stage waits; retrying ") && line.contains(r#"reason="the report cannot be written"#),
            "{line}"
        );
    }
    assert!(!said.contains(['\u{2028}', '\u{9b}', '\u{202e}', '\u{1b}']), "{said}");

    service.restart(&[("BRIGADE_SERVER_LOG_FORMAT", "auto")]);
    let serves = |said: &str| said.contains("job stage waits");
    while !serves(&service.said()) {
        brigade_model::ports::Clock::sleep(&*service.clock, std::time::Duration::from_millis(20)).await;
    }
    for line in service.said().lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("beside a terminal the log is JSON");
        assert!(line["target"] != "audit" || line["account"] == "one", "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_log_names_the_buckets_of_a_job_when_its_rows_have_told_them() {
    let service = TestService::start("").await;
    service.fill(2);
    let etag = service.put_manifest("photos,k0\nphotos,k1\n");
    let copy = "<COSPutObjectCopy><TargetResource>qcs::cos:r::backup</TargetResource></COSPutObjectCopy>";
    let request = request_to(copy, &["Bucket", "Key"], "t", &etag);
    let id = service.client().create_job(request.into(), &JobOptions::default()).await.unwrap().value;
    service.end(id).await;
    let said = service.said().replace('"', "");
    let prepared: Vec<&str> = said.lines().filter(|line| line.contains("audit: action=prepare")).collect();
    assert_eq!(prepared.len(), 1, "{said}");
    let told = format!(
        "job={id} operation=copy manifest=s3://lists/m.csv source_bucket=photos target_bucket=backup tasks=2 account=one"
    );
    assert!(prepared[0].contains(&told), "{}", prepared[0]);
}
