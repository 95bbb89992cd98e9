//! Jobs, slices and parts to test with, and the steps that every test takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brigade_model::job::{Change, Dialect, Job, JobId, JobSpec, Prepared};
use brigade_model::manifest::{Field, ManifestFormat, ManifestLocation, ManifestSpec};
use brigade_model::names::{AccountId, BucketName, ETag, EndpointName, ObjectKey, VersionId};
use brigade_model::operation::{
    CannedAcl, Copy, Directive, Grant, NewMetadata, Operation, Permission, Restore, RestoreTier, StorageClass, Tag,
    Tagging, WaitForRestore,
};
use brigade_model::options::{
    EmptyVersion, Header, HoldPatience, JobOptions, KeyEncoding, Preflight, Separator, SharedTargets,
};
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{
    Apply, ApplyError, ChangeId, LeaseToken, NewSlice, OutcomePart, OwnerId, SliceLease, StageLease,
};
use brigade_model::quota::Quota;
use brigade_model::report::{ReportScope, ReportSpec};
use brigade_model::resource::{BucketRef, ObjectRef, Owner, RoleRef};
use brigade_model::{DoneBytes, FailureCounts, Progress, ServiceTime, Timestamp, samples};
use bytes::Bytes;
use uuid::Uuid;

/// How long leases last here.
pub(super) const TTL: Duration = Duration::from_secs(30);
/// What the file of a slice takes here.
pub(super) const SLICE_BYTES: u64 = 100;
/// How long after expiry they are revoked here.
pub(super) const GRACE: Duration = Duration::from_secs(10);
/// More than any promise takes.
pub(super) fn many() -> Quota {
    Quota { jobs_listed_max: u64::MAX, bytes_max: u64::MAX, ..Quota::of_open_jobs(1_000_000) }
}

pub(super) type Store = Arc<dyn JobStore>;

/// The job number `n`: of account `a`, at endpoint `e`, with its own token and priority `n`.
#[must_use]
pub fn sample_job(n: u128) -> Job {
    let (_, mut spec) = sample_specs().remove(0);
    spec.client_request_token = format!("token-{n}");
    spec.priority = i32::try_from(n % 1000).unwrap();
    let created = Timestamp::constant(1_767_225_600, 123_456_789);
    let job = Job::new(JobId::from_u128(n), account("a"), Dialect::Cos, endpoint("e"), spec, created);
    // As a store keeps it whose clock has just begun.
    Job { since: ServiceTime::beginning(Timestamp::constant(1_767_225_600, 0)), ..job }
}

/// One specification for each operation, by its name, with every field set somewhere.
#[must_use]
pub fn sample_specs() -> Vec<(&'static str, JobSpec)> {
    let spec = |operation, options| JobSpec {
        client_request_token: "2f2a9f4e".into(),
        confirmation_required: Some(false),
        description: Some("move the photographs".into()),
        manifest: manifest(),
        operation,
        priority: 10,
        report: report(),
        role: RoleRef {
            text: "qcs::cam::uin/100000000001:roleName/batch".into(),
            owner: Owner::User("100000000001".into()),
            name: "batch".into(),
        },
        options,
        ..samples::job_spec()
    };
    let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
    let tagging = Tagging { directive: Some(Directive::Add), tags: vec![tag("colour", "red"), tag("empty", "")] };
    vec![
        ("delete", spec(Operation::Delete, JobOptions::default())),
        ("copy", spec(Operation::Copy(Box::new(copy())), options())),
        ("restore", spec(Operation::Restore(Restore { days: 7, tier: RestoreTier::Bulk }), JobOptions::default())),
        ("tagging", spec(Operation::Tagging(tagging), JobOptions::default())),
        ("wait-for-restore", spec(Operation::WaitForRestore(WaitForRestore { hours: 48 }), JobOptions::default())),
    ]
}

fn bucket(name: &str) -> BucketRef {
    BucketRef {
        text: format!("qcs::cos:ap-guangzhou:uid/1250000000:{name}"),
        region: "ap-guangzhou".into(),
        owner: Owner::Account("1250000000".into()),
        bucket: BucketName::new(name).unwrap(),
    }
}

fn manifest() -> ManifestSpec {
    let BucketRef { text, region, owner, bucket } = bucket("lists-1250000000");
    ManifestSpec {
        location: ManifestLocation {
            object: ObjectRef {
                text: format!("{text}/2026/manifest.csv"),
                region,
                owner,
                bucket,
                key: ObjectKey::new("2026/manifest.csv").unwrap(),
            },
            version: Some(VersionId::new("v1").unwrap()),
            etag: ETag::new("\"15150651828fa9cdcb8356b6d1c7638b\"").unwrap(),
        },
        format: ManifestFormat::Csv,
        fields: vec![Field::Bucket, Field::Key, Field::VersionId, Field::Ignore],
        rows: Default::default(),
    }
}

fn report() -> ReportSpec {
    ReportSpec {
        enabled: true,
        bucket: Some(bucket("reports-1250000000")),
        prefix: Some("batch".into()),
        scope: Some(ReportScope::AllTasks),
    }
}

fn copy() -> Copy {
    Copy {
        acl_directive: Some(Directive::Replaced),
        grants: vec![Grant {
            grantee: "qcs::cam::uin/100000000001:uin/100000000001".into(),
            is_group: false,
            display_name: Some("somebody".into()),
            permission: Permission::FullControl,
        }],
        canned_acl: Some(CannedAcl::PublicRead),
        prefix_replace: Some(true),
        resources_prefix: Some("old/".into()),
        target_prefix: Some(String::new()),
        metadata_directive: Some(Directive::Replaced),
        modified_since: Some(Timestamp::constant(1_500_000_000, 0)),
        unmodified_since: Some(Timestamp::constant(1_700_000_000, 0)),
        metadata: Some(NewMetadata {
            cache_control: Some("no-cache".into()),
            content_disposition: Some("attachment".into()),
            content_encoding: Some("gzip".into()),
            content_language: Some("de".into()),
            content_type: Some("text/plain; charset=utf-8".into()),
            expires: Some("Thu, 01 Jan 2026 00:00:00 GMT".into()),
            sse_aes256: true,
            user: vec![("colour".into(), "réd".into())],
        }),
        tagging_directive: Some(Directive::Copy),
        tags: Vec::new(),
        storage_class: Some(StorageClass::MazStandardIa),
        ..Copy::to(bucket("photos-1250000000"))
    }
}

fn options() -> JobOptions {
    JobOptions {
        key_encoding: Some(KeyEncoding::Url),
        separator: Some(Separator::CommaBlank),
        header: Some(Header::No),
        empty_version: Some(EmptyVersion::Latest),
        shared_targets: Some(SharedTargets::Allow),
        preflight: Some(Preflight::Fail),
        threshold_percent: Some(10),
        threshold_tasks: Some(500),
        in_flight_max: Some(4),
        requests_per_second_max: Some(100),
        objects_per_second_max: Some(5000),
        bytes_per_second_max: Some(1_000_000),
        dry_run: Some(true),
        hold_patience: Some(HoldPatience::Minutes(90)),
        checksum_column: Some(3),
    }
}

pub(super) fn account(name: &str) -> AccountId {
    AccountId::new(name).unwrap()
}

pub(super) fn endpoint(name: &str) -> EndpointName {
    EndpointName::new(name).unwrap()
}

pub(super) fn owner(n: u128) -> OwnerId {
    OwnerId(Uuid::from_u128(n))
}

/// An id that nothing else has.
fn unique() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(u128::from(NEXT.fetch_add(1, Ordering::SeqCst)))
}

/// An id that no other change has.
pub(super) fn change_id() -> ChangeId {
    ChangeId(unique())
}

/// A token that no other lease has.
pub(super) fn token() -> LeaseToken {
    LeaseToken(unique())
}

pub(super) fn apply_to(job: &Job, change: Change) -> Apply {
    Apply { job: job.id, revision: job.revision, id: change_id(), change, stage_fence: None }
}

/// Reads the job and applies a change to what it reads.
pub(super) async fn step(store: &Store, id: JobId, change: Change) -> Result<Job, ApplyError> {
    let job = store.job(id).await.unwrap().unwrap();
    store.apply(apply_to(&job, change)).await
}

pub(super) async fn create(store: &Store, job: Job) -> JobId {
    store.create_job(&job, &many()).await.unwrap();
    job.id
}

pub(super) async fn lease_stage(store: &Store, id: JobId) -> StageLease {
    store.lease_stage(id, owner(1), token(), TTL, GRACE).await.unwrap().unwrap()
}

/// Slices of that many tasks each.
pub(super) fn slices_of(tasks: &[u32]) -> Vec<NewSlice> {
    let mut first_task = 0;
    let place = |(index, tasks): (u32, &u32)| {
        let slice = NewSlice {
            index,
            first_task,
            tasks: *tasks,
            spool_name: format!("job/slice-{index}.zst"),
            bytes: SLICE_BYTES,
        };
        first_task += u64::from(*tasks);
        slice
    };
    (0..).zip(tasks).map(place).collect()
}

pub(super) fn prepared(tasks: &[u32]) -> Change {
    let total = tasks.iter().copied().map(u64::from).sum();
    Change::ManifestRead(Prepared {
        tasks: total,
        slices: u32::try_from(tasks.len()).unwrap(),
        left_out: vec![("delete marker".into(), 2)],
        some_rows_have_versions: true,
        separator: Separator::CommaBlank,
        notes: vec!["one row is noted".into()],
        source_bucket: Some("photos".parse().unwrap()),
    })
}

/// A job that is Preparing, and the lease of its stage.
pub(super) async fn preparing(store: &Store, job: Job) -> StageLease {
    let id = create(store, job).await;
    let lease = lease_stage(store, id).await;
    step(store, id, Change::PreparationStarted).await.unwrap();
    lease
}

/// A job that is Ready, with slices of that many tasks, and its stage free.
pub(super) async fn ready(store: &Store, job: Job, tasks: &[u32]) -> JobId {
    let lease = preparing(store, job).await;
    store.add_slices(&lease, slices_of(tasks), u64::MAX).await.unwrap();
    step(store, lease.job, prepared(tasks)).await.unwrap();
    store.release_stage(&lease).await.unwrap();
    lease.job
}

/// A job that is Active, with slices of that many tasks, and its stage free.
pub(super) async fn active(store: &Store, job: Job, tasks: &[u32]) -> JobId {
    let id = ready(store, job, tasks).await;
    step(store, id, Change::SlotGranted).await.unwrap();
    id
}

/// A job that ended now, with slices of which the first has a part.
pub(super) async fn ended(store: &Store, job: Job, tasks: &[u32]) -> JobId {
    let id = active(store, job, tasks).await;
    let lease = lease_slice(store, id).await;
    store.record_part(part(&lease, 0, 1, 0)).await.unwrap();
    store.release_slice(&lease, false).await.unwrap();
    end(store, id).await;
    id
}

/// Cancels a job and ends it.
pub(super) async fn end(store: &Store, id: JobId) {
    let job = step(store, id, Change::CancelRequested("no more".into())).await.unwrap();
    if !job.status.is_terminal() {
        step(store, id, Change::ReportWritten).await.unwrap();
    }
}

pub(super) async fn lease_slice(store: &Store, id: JobId) -> SliceLease {
    store.lease_slice(id, owner(1), token(), TTL).await.unwrap().unwrap()
}

/// A part whose bytes tell its number.
pub(super) fn part(lease: &SliceLease, seq: u64, succeeded: u32, failed: u32) -> OutcomePart {
    OutcomePart {
        job: lease.job,
        slice: lease.slice.index,
        fence: lease.fence,
        seq,
        succeeded,
        failed,
        failure_counts: failures(failed),
        done_bytes: DoneBytes { bytes: 100 * u64::from(succeeded), tasks_of_unknown_size: 0 },
        bytes: Bytes::from(format!("part {seq} of epoch {}", lease.fence.epoch)),
    }
}

/// That many failures of one code.
fn failures(count: u32) -> FailureCounts {
    let mut counts = FailureCounts::default();
    (0..count).for_each(|_| counts.add("NoSuchKey", Some(&ObjectKey::new("lost").unwrap())));
    counts
}

/// (succeeded, failed) of a job.
pub(super) async fn counted(store: &Store, id: JobId) -> (u64, u64) {
    let Progress { succeeded, failed, .. } = store.job(id).await.unwrap().unwrap().progress;
    (succeeded, failed)
}
