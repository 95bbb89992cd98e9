//! The requests of the SDK, as the fixtures of the wire have them: `fixtures/wire/s3control/<Action>/rust-sdk...`,
//! which the tests of `wire` read. With `BRIGADE_RENDER=1` in the environment they are written instead of
//! compared.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_sdk_s3control::Client;
use aws_sdk_s3control::primitives::DateTime;
use aws_sdk_s3control::types::{
    ComputeObjectChecksumAlgorithm, ComputeObjectChecksumType, JobManifest, JobManifestFieldName, JobManifestFormat,
    JobManifestLocation, JobManifestSpec, JobOperation, JobReport, JobReportFormat, JobReportScope, JobStatus,
    LambdaInvokeOperation, RequestedJobStatus, S3AccessControlPolicy, S3CannedAccessControlList,
    S3ComputeObjectChecksumOperation, S3CopyObjectOperation, S3DeleteObjectTaggingOperation, S3GlacierJobTier,
    S3InitiateRestoreObjectOperation, S3MetadataDirective, S3ObjectLockLegalHold, S3ObjectLockLegalHoldStatus,
    S3ObjectLockMode, S3ObjectLockRetentionMode, S3ObjectMetadata, S3Retention, S3SetObjectAclOperation,
    S3SetObjectLegalHoldOperation, S3SetObjectRetentionOperation, S3SetObjectTaggingOperation, S3StorageClass, S3Tag,
};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;

use brigade_tests::process::workspace;

use crate::proxy::config;

/// The job of the fixtures, their account and their time.
const JOB: &str = "021140d8-67ca-4e89-8089-0de9a1e40943";
const ACCOUNT: &str = "123456789012";
/// 2026-11-29T10:14:03Z
const SIGNED_AT: u64 = 1_795_947_243;

/// Keeps the request in place of sending it.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl HttpConnector for Captured {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut text = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri());
        let authority = request.uri().split('/').nth(2).unwrap();
        text.push_str(&format!("host: {authority}\r\n"));
        // No signature has where this is run, and no fixture shall.
        let is_kept = |name: &str| !["host", "user-agent", "amz-sdk-invocation-id"].contains(&name);
        for (name, value) in request.headers().iter().filter(|(name, _)| is_kept(name)) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let body = request.body().bytes().unwrap_or_default();
        *self.0.lock().unwrap() = [text.as_bytes(), body].concat();
        HttpConnectorFuture::ready(Err(ConnectorError::user("captured".into())))
    }
}

struct Capture {
    client: Client,
    captured: Captured,
}

impl Capture {
    fn new() -> Self {
        let captured = Captured::default();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(SIGNED_AT);
        let config = config("AKIDPHOTOS", "photos-secret", captured.clone());
        let config = config.endpoint_url("http://batch.example:8080");
        let config = config.time_source(StaticTimeSource::new(time));
        Self { client: Client::from_conf(config.build()), captured }
    }

    /// Compares the request that was asked for last with the fixture: what is asked, and all that is signed.
    fn expect(&self, action: &str, case: &str) {
        let asked = std::mem::take(&mut *self.captured.0.lock().unwrap());
        let path: PathBuf = workspace().join("fixtures/wire/s3control").join(action).join(case).join("request.http");
        if std::env::var_os("BRIGADE_RENDER").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &asked).unwrap();
        }
        let fixture = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // The versions of the SDK and of Rust stand in a header that is signed.
        let told = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let is_told = |line: &&str| !line.starts_with("x-amz-user-agent: ") && !line.starts_with("authorization: ");
            text.split("\r\n").filter(is_told).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(told(&asked), told(&fixture), "{}", path.display());
    }

    async fn create(&self, case: &str, operation: JobOperation) {
        let spec = JobManifestSpec::builder().format(JobManifestFormat::S3BatchOperationsCsv20180820);
        let spec = spec.fields(JobManifestFieldName::Bucket).fields(JobManifestFieldName::Key).build().unwrap();
        let location = JobManifestLocation::builder().object_arn("arn:aws:s3:::manifests/x.csv");
        let location = location.e_tag("60e460c9d1046e73f7dde5043ac3ae85").build().unwrap();
        let report = JobReport::builder().enabled(true).bucket("arn:aws:s3:::reports").prefix("p");
        let report = report.format(JobReportFormat::ReportCsv20180820).report_scope(JobReportScope::AllTasks);
        let asked = self.client.create_job().account_id(ACCOUNT).operation(operation).report(report.build());
        let asked = asked.manifest(JobManifest::builder().spec(spec).location(location).build()).priority(10);
        let asked = asked.role_arn(format!("arn:aws:iam::{ACCOUNT}:role/batch")).client_request_token("tok");
        let _ = asked.send().await.unwrap_err();
        self.expect("CreateJob", case);
    }
}

fn operation() -> aws_sdk_s3control::types::builders::JobOperationBuilder {
    JobOperation::builder()
}

fn tag(key: &str, value: &str) -> S3Tag {
    S3Tag::builder().key(key).value(value).build().unwrap()
}

#[tokio::test]
async fn what_the_sdk_asks_for_when_it_creates_jobs_is_what_the_fixtures_have() {
    let capture = Capture::new();
    let until = DateTime::from_secs(2_082_855_845);

    let tagging = S3SetObjectTaggingOperation::builder().tag_set(tag("team", "red & blue ü")).build();
    capture.create("rust-sdk-tagging", operation().s3_put_object_tagging(tagging).build()).await;
    let untagging = S3DeleteObjectTaggingOperation::builder().build();
    capture.create("rust-sdk-delete-tagging", operation().s3_delete_object_tagging(untagging).build()).await;
    let metadata = S3ObjectMetadata::builder().content_type("text/plain").cache_control("no-store");
    let metadata = metadata.user_metadata("colour", "red").http_expires_date(until).build();
    let copy = S3CopyObjectOperation::builder().target_resource("arn:aws:s3:::backup").target_key_prefix("copies");
    let copy = copy.metadata_directive(S3MetadataDirective::Replace).new_object_metadata(metadata);
    let copy = copy.new_object_tagging(tag("copied", "yes")).storage_class(S3StorageClass::StandardIa);
    let copy = copy.canned_access_control_list(S3CannedAccessControlList::PublicRead);
    let copy = copy.modified_since_constraint(DateTime::from_secs(1_700_000_000));
    let copy = copy.object_lock_legal_hold_status(S3ObjectLockLegalHoldStatus::On);
    let copy = copy.object_lock_mode(S3ObjectLockMode::Governance).object_lock_retain_until_date(until).build();
    capture.create("rust-sdk-copy", operation().s3_put_object_copy(copy).build()).await;
    let policy = S3AccessControlPolicy::builder().canned_access_control_list(S3CannedAccessControlList::Private);
    let acl = S3SetObjectAclOperation::builder().access_control_policy(policy.build()).build();
    capture.create("rust-sdk-acl", operation().s3_put_object_acl(acl).build()).await;
    let restore = S3InitiateRestoreObjectOperation::builder().expiration_in_days(3);
    let restore = restore.glacier_job_tier(S3GlacierJobTier::Standard).build();
    capture.create("rust-sdk-restore", operation().s3_initiate_restore_object(restore).build()).await;
    let hold = S3ObjectLockLegalHold::builder().status(S3ObjectLockLegalHoldStatus::Off).build().unwrap();
    let hold = S3SetObjectLegalHoldOperation::builder().legal_hold(hold).build();
    capture.create("rust-sdk-legal-hold", operation().s3_put_object_legal_hold(hold).build()).await;
    let retention = S3Retention::builder().mode(S3ObjectLockRetentionMode::Compliance).retain_until_date(until).build();
    let retention = S3SetObjectRetentionOperation::builder().retention(retention).bypass_governance_retention(true);
    capture.create("rust-sdk-retention", operation().s3_put_object_retention(retention.build()).build()).await;
    let checksum = S3ComputeObjectChecksumOperation::builder();
    let checksum = checksum.checksum_algorithm(ComputeObjectChecksumAlgorithm::Crc64Nvme);
    let checksum = checksum.checksum_type(ComputeObjectChecksumType::FullObject).build();
    capture.create("rust-sdk-checksum", operation().s3_compute_object_checksum(checksum).build()).await;
    let invoke = LambdaInvokeOperation::builder().invocation_schema_version("2.0").user_arguments("k", "v");
    let invoke = invoke.function_arn("arn:aws:lambda:us-east-1:123456789012:function:f").build();
    capture.create("rust-sdk-lambda", operation().lambda_invoke(invoke).build()).await;
}

#[tokio::test]
async fn what_the_sdk_asks_for_of_jobs_is_what_the_fixtures_have() {
    let capture = Capture::new();
    let client = &capture.client;
    let _ = client.describe_job().account_id(ACCOUNT).job_id(JOB).send().await.unwrap_err();
    capture.expect("DescribeJob", "rust-sdk");
    let asked = client.list_jobs().account_id(ACCOUNT).job_statuses(JobStatus::Active).job_statuses(JobStatus::New);
    let _ = asked.max_results(2).next_token(JOB).send().await.unwrap_err();
    capture.expect("ListJobs", "rust-sdk");
    let asked = client.update_job_priority().account_id(ACCOUNT).job_id(JOB).priority(7);
    let _ = asked.send().await.unwrap_err();
    capture.expect("UpdateJobPriority", "rust-sdk");
    let asked = client.update_job_status().account_id(ACCOUNT).job_id(JOB);
    let asked = asked.requested_job_status(RequestedJobStatus::Ready).status_update_reason("to do: a+b");
    let _ = asked.send().await.unwrap_err();
    capture.expect("UpdateJobStatus", "rust-sdk");
    let asked = client.put_job_tagging().account_id(ACCOUNT).job_id(JOB).tags(tag("a b", "ü+&"));
    let _ = asked.send().await.unwrap_err();
    capture.expect("PutJobTagging", "rust-sdk");
    let _ = client.get_job_tagging().account_id(ACCOUNT).job_id(JOB).send().await.unwrap_err();
    capture.expect("GetJobTagging", "rust-sdk");
    let _ = client.delete_job_tagging().account_id(ACCOUNT).job_id(JOB).send().await.unwrap_err();
    capture.expect("DeleteJobTagging", "rust-sdk");
}
