//! Each operation that the SDK can ask for, created, watched and told by it; effects are read back with boto3.

use aws_sdk_s3control::Client;
use aws_sdk_s3control::error::ProvideErrorMetadata;
use aws_sdk_s3control::operation::RequestId;
use aws_sdk_s3control::primitives::DateTime;
use aws_sdk_s3control::types::{
    ComputeObjectChecksumAlgorithm, ComputeObjectChecksumType, JobDescriptor, JobManifest, JobManifestFieldName,
    JobManifestFormat, JobManifestLocation, JobManifestSpec, JobOperation, JobReport, JobReportFormat, JobReportScope,
    JobStatus, LambdaInvokeOperation, OperationName, RequestedJobStatus, S3AccessControlPolicy,
    S3CannedAccessControlList, S3ComputeObjectChecksumOperation, S3CopyObjectOperation, S3DeleteObjectTaggingOperation,
    S3GlacierJobTier, S3InitiateRestoreObjectOperation, S3MetadataDirective, S3ObjectLockLegalHold,
    S3ObjectLockLegalHoldStatus, S3ObjectLockRetentionMode, S3ObjectMetadata, S3ReplicateObjectOperation, S3Retention,
    S3SetObjectAclOperation, S3SetObjectLegalHoldOperation, S3SetObjectRetentionOperation, S3SetObjectTaggingOperation,
    S3Tag,
};
use brigade_tests::scenario::ACCOUNT_ID;
use brigade_tests::{Function, Scenario, Server};

use crate::proxy::client;

/// The keys of `m.csv`, which are form-encoded there.
const KEYS: [&str; 3] = ["a b/1+é,%.jpg", "a b/2+é,%.jpg", "a b/3+é,%.jpg"];

const OPERATIONS: &str = "[accounts.main.roles.batch]
operations = [\"copy\", \"tag\", \"untag\", \"acl\", \"restore\", \"legal-hold\", \"retention\", \"checksum\", \"invoke\"]
";

/// The service on moto, of which a probe has shown that it has object lock, with the objects of [`KEYS`] in
/// `photos`, and the ETags of the manifests `m.csv`, `locked.csv` and `cold.csv`.
struct Life {
    scenario: Scenario,
    client: Client,
    etags: Vec<String>,
    _function: Function,
}

impl Life {
    fn begin() -> Self {
        let function = Function::of_the_documentation();
        let sections = format!("{OPERATIONS}{}", function.section(ACCOUNT_ID));
        let scenario = Scenario::configured(Server::moto(), &sections, &[]);
        let made = scenario.store.boto3(&format!(
            "
import urllib.parse
for bucket in ('photos', 'backup', 'batch'):
    s3.create_bucket(Bucket=bucket)
s3.create_bucket(Bucket='locked', ObjectLockEnabledForBucket=True)
keys = {KEYS:?}
for i, key in enumerate(keys):
    s3.put_object(Bucket='photos', Key=key, Body=str(i).encode())
s3.put_object(Bucket='locked', Key='one', Body=b'x')
s3.put_object(Bucket='photos', Key='cold', Body=b'x', StorageClass='GLACIER')
rows = ''.join('photos,' + urllib.parse.quote_plus(key) + chr(10) for key in keys)
for name, text in (('m.csv', rows), ('locked.csv', 'locked,one'), ('cold.csv', 'photos,cold')):
    print(s3.put_object(Bucket='batch', Key=name, Body=text.encode())['ETag'])"
        ));
        // brigade endpoint probe main --bucket locked
        let _ = scenario.told(&["endpoint", "probe", "main", "--bucket", "locked"]);
        let client = client(&scenario, None);
        Self { scenario, client, etags: made.lines().map(str::to_owned).collect(), _function: function }
    }

    fn manifest(&self, name: &str) -> JobManifest {
        let place = ["m.csv", "locked.csv", "cold.csv"].iter().position(|known| *known == name).unwrap();
        let spec = JobManifestSpec::builder().format(JobManifestFormat::S3BatchOperationsCsv20180820);
        let spec = spec.fields(JobManifestFieldName::Bucket).fields(JobManifestFieldName::Key).build().unwrap();
        let location = JobManifestLocation::builder().object_arn(format!("arn:aws:s3:::batch/{name}"));
        let location = location.e_tag(&self.etags[place]).build().unwrap();
        JobManifest::builder().spec(spec).location(location).build()
    }

    /// Creates a job over a manifest.
    async fn create(&self, operation: JobOperation, manifest: &str, is_confirmed: bool) -> String {
        let created = self.asked(operation, manifest).confirmation_required(!is_confirmed).send().await;
        created.unwrap().job_id.unwrap()
    }

    fn asked(
        &self,
        operation: JobOperation,
        manifest: &str,
    ) -> aws_sdk_s3control::operation::create_job::builders::CreateJobFluentBuilder {
        let report = JobReport::builder().enabled(true).bucket("arn:aws:s3:::batch").prefix("reports");
        let report = report.format(JobReportFormat::ReportCsv20180820).report_scope(JobReportScope::AllTasks);
        let asked = self.client.create_job().account_id(ACCOUNT_ID).operation(operation);
        asked
            .manifest(self.manifest(manifest))
            .report(report.build())
            .priority(3)
            .role_arn(format!("arn:aws:iam::{ACCOUNT_ID}:role/batch"))
    }

    async fn describe(&self, job: &str) -> JobDescriptor {
        self.client.describe_job().account_id(ACCOUNT_ID).job_id(job).send().await.unwrap().job.unwrap()
    }

    /// Asks for the job until it has this status; it may not end with another one.
    async fn wait(&self, job: &str, wanted: JobStatus) -> JobDescriptor {
        loop {
            let described = self.describe(job).await;
            let status = described.status.clone().unwrap();
            if status == wanted {
                return described;
            }
            let has_ended = [JobStatus::Complete, JobStatus::Failed, JobStatus::Cancelled].contains(&status);
            assert!(!has_ended, "{described:#?}");
        }
    }

    /// A job that carries out this operation on every row.
    async fn life_of(&self, operation: JobOperation, manifest: &str) -> String {
        let job = self.create(operation.clone(), manifest, true).await;
        let ended = self.wait(&job, JobStatus::Complete).await;
        let rows = if manifest == "m.csv" { KEYS.len() as i64 } else { 1 };
        let progress = ended.progress_summary.unwrap();
        let told =
            (progress.total_number_of_tasks, progress.number_of_tasks_succeeded, progress.number_of_tasks_failed);
        assert_eq!(told, (Some(rows), Some(rows), Some(0)));
        assert_eq!(ended.operation, Some(operation));
        assert_eq!(ended.job_arn, Some(format!("arn:aws:s3:us-east-1:{ACCOUNT_ID}:job/{job}")));
        assert_eq!(ended.manifest, Some(self.manifest(manifest)));
        job
    }

    /// What boto3 reads, one line for each of [`KEYS`] that this expression makes of `key`.
    fn read(&self, expression: &str) -> Vec<String> {
        let program = format!("for key in {KEYS:?}:\n    print({expression})");
        self.scenario.store.boto3(&program).lines().map(str::to_owned).collect()
    }

    fn tags(&self) -> Vec<String> {
        self.read("s3.get_object_tagging(Bucket='photos', Key=key)['TagSet']")
    }

    /// The messages of a report's rows.
    fn messages(&self, job: &str) -> Vec<String> {
        let program = format!(
            "
import csv, io, urllib.parse
told = json.load(s3.get_object(Bucket='batch', Key='reports/job-{job}/manifest.json')['Body'])
for result in told['Results']:
    text = s3.get_object(Bucket='batch', Key=result['Key'])['Body'].read().decode()
    for row in csv.reader(io.StringIO(text)):
        print(urllib.parse.unquote(row[6]))"
        );
        self.scenario.store.boto3(&program).lines().map(str::to_owned).collect()
    }
}

fn operation() -> aws_sdk_s3control::types::builders::JobOperationBuilder {
    JobOperation::builder()
}

fn tag(key: &str, value: &str) -> S3Tag {
    S3Tag::builder().key(key).value(value).build().unwrap()
}

fn tagging() -> JobOperation {
    let tags = S3SetObjectTaggingOperation::builder().tag_set(tag("team", "red")).build();
    operation().s3_put_object_tagging(tags).build()
}

/// client.create_job().operation(..).manifest(..).report(..).priority(3).role_arn(..).confirmation_required(false).send()
#[tokio::test]
async fn a_program_of_the_aws_sdk_for_rust_has_each_operation_carried_out() {
    let life = Life::begin();
    life.life_of(tagging(), "m.csv").await;
    assert_eq!(life.tags(), ["[{'Key': 'team', 'Value': 'red'}]"; 3]);
    let untagging = S3DeleteObjectTaggingOperation::builder().build();
    life.life_of(operation().s3_delete_object_tagging(untagging).build(), "m.csv").await;
    assert_eq!(life.tags(), ["[]"; 3]);

    let metadata = S3ObjectMetadata::builder().content_type("text/plain").user_metadata("colour", "red").build();
    let copy = S3CopyObjectOperation::builder().target_resource("arn:aws:s3:::backup").target_key_prefix("copies");
    let copy = copy.metadata_directive(S3MetadataDirective::Replace).new_object_metadata(metadata);
    let copy = copy.new_object_tagging(tag("copied", "yes")).build();
    life.life_of(operation().s3_put_object_copy(copy).build(), "m.csv").await;
    let copied = life.read(
        "(lambda o, k: (o['Body'].read(), o['ContentType'], o['Metadata'], s3.get_object_tagging(**k)['TagSet']))(
        *(lambda k: (s3.get_object(**k), k))({'Bucket': 'backup', 'Key': 'copies/' + key}))",
    );
    for (n, copied) in copied.iter().enumerate() {
        let tags = "[{'Key': 'copied', 'Value': 'yes'}]";
        assert_eq!(*copied, format!("(b'{n}', 'text/plain', {{'colour': 'red'}}, {tags})"));
    }

    let policy = S3AccessControlPolicy::builder().canned_access_control_list(S3CannedAccessControlList::PublicRead);
    let acl = S3SetObjectAclOperation::builder().access_control_policy(policy.build()).build();
    life.life_of(operation().s3_put_object_acl(acl).build(), "m.csv").await;
    let public =
        "[g['Permission'] for g in s3.get_object_acl(Bucket='photos', Key=key)['Grants'] if g['Grantee'].get('URI')]";
    assert_eq!(life.read(public), ["['READ']"; 3]);

    let checksum = S3ComputeObjectChecksumOperation::builder();
    let checksum = checksum.checksum_algorithm(ComputeObjectChecksumAlgorithm::Sha256);
    let checksum = checksum.checksum_type(ComputeObjectChecksumType::FullObject).build();
    let job = life.life_of(operation().s3_compute_object_checksum(checksum).build(), "m.csv").await;
    let expected = life.read(
        "__import__('hashlib').sha256(s3.get_object(Bucket='photos', Key=key)['Body'].read()).hexdigest().upper()",
    );
    let told = life.messages(&job);
    assert!(told.iter().zip(&expected).all(|(told, hex)| told.contains(hex)) && told.len() == 3, "{told:?}");

    let arn = format!("arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:faces");
    let invoke = LambdaInvokeOperation::builder().function_arn(arn).invocation_schema_version("2.0");
    let invoke = invoke.user_arguments("colour", "red").build();
    let job = life.life_of(operation().lambda_invoke(invoke).build(), "m.csv").await;
    assert_eq!(life.messages(&job), KEYS.map(|key| format!("saw {key}")));
}

/// client.create_job().operation(..S3InitiateRestoreObject, S3PutObjectLegalHold, S3PutObjectRetention..)
#[tokio::test]
async fn a_program_of_the_aws_sdk_for_rust_restores_holds_and_retains() {
    let life = Life::begin();
    let restore = S3InitiateRestoreObjectOperation::builder().expiration_in_days(3);
    let restore = restore.glacier_job_tier(S3GlacierJobTier::Bulk).build();
    life.life_of(operation().s3_initiate_restore_object(restore).build(), "cold.csv").await;
    let head = |bucket: &str, key: &str, what: &str| {
        life.scenario.store.boto3(&format!("print(s3.head_object(Bucket='{bucket}', Key='{key}')['{what}'])"))
    };
    assert!(head("photos", "cold", "Restore").contains("ongoing-request"));

    let hold = S3ObjectLockLegalHold::builder().status(S3ObjectLockLegalHoldStatus::On).build().unwrap();
    let hold = S3SetObjectLegalHoldOperation::builder().legal_hold(hold).build();
    life.life_of(operation().s3_put_object_legal_hold(hold).build(), "locked.csv").await;
    assert_eq!(head("locked", "one", "ObjectLockLegalHoldStatus").trim(), "ON");
    // 2036-01-02T03:04:05Z
    let until = DateTime::from_secs(2_082_855_845);
    let retention = S3Retention::builder().mode(S3ObjectLockRetentionMode::Governance).retain_until_date(until).build();
    let retention = S3SetObjectRetentionOperation::builder().retention(retention).build();
    life.life_of(operation().s3_put_object_retention(retention).build(), "locked.csv").await;
    assert_eq!(head("locked", "one", "ObjectLockMode").trim(), "GOVERNANCE");
    assert_eq!(head("locked", "one", "ObjectLockRetainUntilDate").trim(), "2036-01-02 03:04:05+00:00");
}

/// client.update_job_status(), update_job_priority(), list_jobs(), put_job_tagging(), get_job_tagging(), delete_job_tagging()
#[tokio::test]
async fn a_program_of_the_aws_sdk_for_rust_confirms_cancels_lists_and_tags_its_jobs() {
    let life = Life::begin();
    let (confirmed, cancelled) =
        (life.create(tagging(), "m.csv", false).await, life.create(tagging(), "m.csv", false).await);
    for job in [&confirmed, &cancelled] {
        let suspended = life.wait(job, JobStatus::Suspended).await;
        assert!(suspended.suspended_cause.is_some() && suspended.confirmation_required == Some(true));
    }
    let urgent = life.client.update_job_priority().account_id(ACCOUNT_ID).job_id(&confirmed).priority(9).send().await;
    assert_eq!(urgent.unwrap().priority, 9);
    let change = |job: &str, status: RequestedJobStatus| {
        life.client.update_job_status().account_id(ACCOUNT_ID).job_id(job).requested_job_status(status)
    };
    let told = change(&confirmed, RequestedJobStatus::Ready).status_update_reason("to do: a+b").send().await.unwrap();
    assert_eq!((told.status, told.status_update_reason.as_deref()), (Some(JobStatus::Ready), Some("to do: a+b")));
    life.wait(&confirmed, JobStatus::Complete).await;
    assert_eq!(life.tags(), ["[{'Key': 'team', 'Value': 'red'}]"; 3]);
    let told = change(&cancelled, RequestedJobStatus::Cancelled).send().await.unwrap();
    assert_eq!(told.status, Some(JobStatus::Cancelled));
    let refused = change(&confirmed, RequestedJobStatus::Cancelled).send().await.unwrap_err();
    assert!(refused.as_service_error().unwrap().is_job_status_exception(), "{refused:?}");

    // The SDK's own paginator, two jobs a page.
    let more = life.create(tagging(), "m.csv", false).await;
    let pages = life.client.list_jobs().account_id(ACCOUNT_ID).into_paginator().page_size(2).send();
    let pages: Vec<_> = pages.try_collect().await.unwrap();
    let listed: Vec<_> = pages.into_iter().map(|page| page.jobs.unwrap_or_default()).collect();
    assert_eq!(listed.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    let ids: Vec<_> = listed.iter().flatten().map(|job| job.job_id.clone().unwrap()).collect();
    assert_eq!(ids, [confirmed.clone(), cancelled.clone(), more]);
    assert!(listed.iter().flatten().all(|job| job.operation == Some(OperationName::S3PutObjectTagging)));
    let only = life.client.list_jobs().account_id(ACCOUNT_ID).job_statuses(JobStatus::Cancelled).send().await.unwrap();
    assert_eq!(only.jobs.unwrap()[0].job_id.as_deref(), Some(cancelled.as_str()));

    let tags: Vec<S3Tag> = (0..50).map(|n| tag(&format!("k{n}"), "ü")).collect();
    let put = |tags: Vec<S3Tag>| {
        life.client.put_job_tagging().account_id(ACCOUNT_ID).job_id(&confirmed).set_tags(Some(tags)).send()
    };
    put(tags.clone()).await.unwrap();
    let told = async || {
        let told = life.client.get_job_tagging().account_id(ACCOUNT_ID).job_id(&confirmed).send().await;
        told.unwrap().tags.unwrap_or_default()
    };
    assert_eq!(told().await, tags);
    let refused = put([tags, vec![tag("k", "")]].concat()).await.unwrap_err();
    assert!(refused.as_service_error().unwrap().is_too_many_tags_exception(), "{refused:?}");
    life.client.delete_job_tagging().account_id(ACCOUNT_ID).job_id(&confirmed).send().await.unwrap();
    assert_eq!(told().await, []);
}

#[tokio::test]
async fn what_a_program_of_the_aws_sdk_for_rust_gets_for_bad_input_is_typed() {
    let life = Life::begin();
    let unknown = "0192f3a4-0000-7000-8000-000000000000";
    let refused = life.client.describe_job().account_id(ACCOUNT_ID).job_id(unknown).send().await.unwrap_err();
    assert!(refused.request_id().is_some(), "{refused:?}");
    assert!(refused.into_service_error().is_not_found_exception());

    let asked = |priority| {
        life.asked(tagging(), "m.csv")
            .client_request_token("once")
            .confirmation_required(true)
            .priority(priority)
            .send()
    };
    let first = asked(3).await.unwrap().job_id;
    assert_eq!(asked(3).await.unwrap().job_id, first, "the same request gives the same job");
    let refused = asked(4).await.unwrap_err().into_service_error();
    assert!(refused.is_idempotency_exception() && refused.message().unwrap().contains(first.as_deref().unwrap()));

    let replicate = operation().s3_replicate_object(S3ReplicateObjectOperation::builder().build()).build();
    let refused = life.asked(replicate, "m.csv").send().await.unwrap_err().into_service_error();
    assert!(refused.is_bad_request_exception(), "{refused:?}");
    assert!(refused.message().unwrap().contains("S3ReplicateObject"));
    let page = life.client.list_jobs().account_id(ACCOUNT_ID).next_token("nowhere").send().await.unwrap_err();
    assert!(page.into_service_error().is_invalid_next_token_exception());
    let other = client(&life.scenario, Some("wrong")).list_jobs().account_id(ACCOUNT_ID).send().await.unwrap_err();
    assert_eq!(other.into_service_error().code(), Some("SignatureDoesNotMatch"));
    let foreign = life.client.list_jobs().account_id("999999999999").send().await.unwrap_err();
    assert_eq!(foreign.into_service_error().code(), Some("AccessDenied"));
}
