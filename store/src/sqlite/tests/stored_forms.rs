//! Data that was written once can be read for ever: golden files pin the documents.
//!
//! When a test here fails, a stored form has changed. A new field needs a default for what was
//! stored without it (and the golden file, a line); anything else needs a migration.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use brigade_model::job::{Change, Job, JobFailure, JobId, Prepared, Taken, failure};
use brigade_model::limits::FAILURE_CODES_MAX;
use brigade_model::operation::{Operation, WaitForRestore};
use brigade_model::options::Separator;
use brigade_model::ports::job_store::{Due, LeaseToken, OutcomePart, OwnerId};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{
    DoneBytes, FailureCounts, JobOptions, JobSpec, LoadLimits, ObjectKey, Quota, ServiceTime, Timestamp,
};
use bytes::Bytes;
use rusqlite::Connection;
use serde::Serialize;
use serde::de::DeserializeOwned;

use uuid::Uuid;

use super::super::column::Time;
use super::super::job_row::{Life, insert_job};
use super::super::opening::{DATABASE, MIGRATIONS};
use super::{clock, open, open_again, with_writer};
use crate::conformance::{sample_job, sample_specs};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/store").join(format!("{name}.json"))
}

/// The value must be written as the file has it, and be read from it.
fn assert_pinned<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, value: &T) {
    let file = golden(name);
    let pinned = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let written = serde_json::to_string_pretty(value).unwrap() + "\n";
    assert_eq!(written, pinned, "the stored form of {name} has changed");
    assert_eq!(serde_json::from_str::<T>(&pinned).unwrap(), *value);
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A job in whose life everything happened that its document can tell.
fn eventful_job() -> Job {
    let mut job = sample_job(1);
    job.spec.confirmation_required = Some(true);
    let prepared = Prepared {
        tasks: 100_000,
        slices: 19,
        left_out: vec![("delete marker".into(), 3)],
        some_rows_have_versions: true,
        separator: Separator::CommaBlank,
        notes: vec!["3 rows are noted".into()],
        source_bucket: Some("photos".parse().unwrap()),
    };
    let why = JobFailure::new(failure::TASK_FAILURE_THRESHOLD_EXCEEDED, "60 of 100 tasks failed");
    let life = [
        Change::PreparationStarted,
        Change::ManifestRead(prepared),
        Change::Confirmed("go".into()),
        Change::SlotGranted,
        Change::FailureRateExceeded(why),
    ];
    for (second, change) in (1_767_225_601..).zip(life) {
        job.change(&change, at(second), ServiceTime::beginning(at(second))).unwrap();
    }
    job
}

#[test]
fn a_specification_is_stored_as_it_always_was() {
    for (name, spec) in sample_specs() {
        assert_pinned::<JobSpec>(&format!("spec-{name}"), &spec);
    }
    let (_, restore) = sample_specs().remove(2);
    let follows = JobSpec { retry_of: Some(JobId::from_u128(0xA1)), takes: Taken::Succeeded, ..restore };
    assert_pinned("spec-follows", &follows);
}

#[test]
fn a_life_is_stored_as_it_always_was() {
    assert_pinned("life-new", &Life::of(&sample_job(1)));
    assert_pinned("life-eventful", &Life::of(&eventful_job()));
    let mut restored = sample_job(1);
    restored.change(&Change::BackedUp(at(1_767_225_700)), at(1_767_225_701), ServiceTime::default()).unwrap();
    assert_pinned("life-restored", &Life::of(&restored));
    let mut held = sample_job(1);
    let why = JobFailure::new("NoSuchBucket", "bucket photos: The specified bucket does not exist");
    for change in [Change::PreparationStarted, Change::ManifestRead(Prepared::default()), Change::SlotGranted] {
        held.change(&change, at(1_767_225_601), ServiceTime::default()).unwrap();
    }
    held.change(&Change::HeldByService(why), at(1_767_225_602), ServiceTime::beginning(at(1_767_225_602))).unwrap();
    assert_pinned("life-held", &Life::of(&held));
    let mut waiting = sample_job(1);
    waiting.spec.operation = Operation::WaitForRestore(WaitForRestore { hours: 48 });
    let service = |second| ServiceTime::beginning(at(second));
    for change in [Change::PreparationStarted, Change::ManifestRead(Prepared::default()), Change::SlotGranted] {
        waiting.change(&change, at(1_767_225_601), service(1_767_225_601)).unwrap();
    }
    let pause = Duration::from_secs(300);
    waiting.change(&Change::RoundEnded(pause), at(1_767_225_602), service(1_767_225_602)).unwrap();
    assert_pinned("life-waiting", &Life::of(&waiting));
}

#[test]
fn limits_from_before_rates_in_objects_have_none() {
    let before = r#"{"requests_in_flight":3,"requests_per_second":7,"bytes_per_second":9}"#;
    let limits: LoadLimits = serde_json::from_str(before).unwrap();
    let expected = LoadLimits {
        requests_in_flight: Some(3),
        requests_per_second: Some(7),
        objects_per_second: None,
        bytes_per_second: Some(9),
    };
    assert_eq!(limits, expected);
    let options: JobOptions = serde_json::from_str(r#"{"requests_per_second_max":7}"#).unwrap();
    assert_eq!((options.requests_per_second_max, options.objects_per_second_max), (Some(7), None));
}

#[tokio::test]
async fn a_life_from_before_limits_has_those_of_its_options() {
    let (_directory, store) = open();
    let mut job = sample_job(1);
    (_, job.spec) = sample_specs().remove(1);
    job.limits = job.spec.options.limits();
    assert!(!job.limits.is_none());
    store.create_job(&job, &Quota::of_open_jobs(9)).await.unwrap();
    with_writer(&store, |connection| connection.execute("UPDATE job SET life = json_remove(life, '$.limits')", ()))
        .await
        .unwrap();
    assert_eq!(store.job(job.id).await.unwrap().unwrap().limits, job.limits);
}

/// Inserts a job where the schema is older than this program's statement.
fn insert_into_old(old: &Connection, job: &Job) {
    old.execute("ALTER TABLE job ADD COLUMN since INTEGER", ()).unwrap();
    insert_job(old, job).unwrap();
    old.execute("ALTER TABLE job DROP COLUMN since", ()).unwrap();
}

/// The version of the schema before leases had tokens.
const WITHOUT_TOKENS: u32 = 4;

/// Slices of the version before tokens: never leased; released cleanly; to be checked; leased.
const SLICES_WITHOUT_TOKENS: &str = "
    INSERT INTO slice (job, number, first_task, tasks, spool_name, epoch, must_look, first_leased) VALUES
        (?1, 0, 0, 5, 's', 0, 0, NULL),
        (?1, 1, 5, 5, 's', 1, 0, 100000000000),
        (?1, 2, 10, 5, 's', 2, 1, 200000000000),
        (?1, 3, 15, 5, 's', 3, 0, 300000000000)";

#[tokio::test]
async fn a_database_from_before_leases_had_tokens_opens_and_its_slices_must_be_checked_since_their_first_lease() {
    let directory = tempfile::tempdir().unwrap();
    let old = Connection::open(directory.path().join(DATABASE)).unwrap();
    MIGRATIONS[..WITHOUT_TOKENS as usize].iter().for_each(|migration| old.execute_batch(migration).unwrap());
    old.pragma_update(None, "user_version", WITHOUT_TOKENS).unwrap();
    let job = sample_job(1).id;
    insert_into_old(&old, &sample_job(1));
    let of_job = (job.as_bytes(),);
    old.execute(SLICES_WITHOUT_TOKENS, of_job).unwrap();
    old.execute("INSERT INTO part (job, slice, seq, epoch, bytes) VALUES (?1, 3, 0, 3, x'01')", of_job).unwrap();
    let leased = "UPDATE slice SET owner = x'00', expires = 9, next_seq = 1, succeeded = 1 WHERE number = 3";
    old.execute(leased, ()).unwrap();
    old.execute("UPDATE job SET status = 'Active', stage_epoch = 7, stage_expires = 9", ()).unwrap();
    drop(old);

    let store = open_again(directory.path());
    let rows = store.slices(job, 0, 9).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|row| (row.must_check, row.first_leased, row.must_check_since)).collect();
    let expected = [
        (false, None, None),
        (false, Some(at(100)), None),
        (true, Some(at(200)), Some(at(200))),
        (true, Some(at(300)), Some(at(300))),
    ];
    assert_eq!(seen, expected);
    let (owner, token, ttl) = (OwnerId(Uuid::nil()), LeaseToken(Uuid::nil()), Duration::from_secs(30));
    let stage = store.lease_stage(job, owner, token, ttl, ttl).await.unwrap().unwrap();
    assert_eq!(stage.fence.epoch, 9, "the lease of before was revoked");
    let lease = store.lease_slice_to_close(&stage, 3, token, ttl).await.unwrap().unwrap();
    assert_eq!((lease.fence.epoch, lease.next_seq), (5, 1));
    let (slice, fence, bytes) = (3, lease.fence, Bytes::from_static(&[2]));
    let (failure_counts, done_bytes) = Default::default();
    let part = OutcomePart { job, slice, fence, seq: 1, succeeded: 4, failed: 0, failure_counts, done_bytes, bytes };
    store.record_part(part).await.unwrap();
    assert_eq!(store.parts(job, 3).await.unwrap().len(), 2);
}

/// The version of the schema whose programs cut blanks from keys.
const WITH_TRIMMED_KEYS: u32 = 4;

#[tokio::test]
async fn what_an_older_program_cut_of_a_job_that_is_being_prepared_is_cut_anew() {
    let directory = tempfile::tempdir().unwrap();
    let old = Connection::open(directory.path().join(DATABASE)).unwrap();
    MIGRATIONS[..WITH_TRIMMED_KEYS as usize].iter().for_each(|migration| old.execute_batch(migration).unwrap());
    old.pragma_update(None, "user_version", WITH_TRIMMED_KEYS).unwrap();
    let statuses = ["New", "Preparing", "Suspended", "Ready", "Active"];
    let jobs: Vec<_> = (1..).zip(statuses).map(|(n, status)| (sample_job(n), status)).collect();
    for (job, status) in &jobs {
        insert_into_old(&old, job);
        let of_job = (job.id.as_bytes(), status);
        old.execute("UPDATE job SET status = ?2, stage_epoch = 7 WHERE id = ?1", of_job).unwrap();
        let of_job = (job.id.as_bytes(),);
        let slice = "INSERT INTO slice (job, number, first_task, tasks, spool_name) VALUES (?1, 0, 0, 64, 's')";
        old.execute(slice, of_job).unwrap();
        old.execute("INSERT INTO part (job, slice, seq, epoch, bytes) VALUES (?1, 0, 0, 3, x'01')", of_job).unwrap();
        let upload = "INSERT INTO upload (job, upload_id, slice, bucket, key) VALUES (?1, 'a', 0, 'bucket', 'key'),
            (?1, 'b', NULL, 'reports', 'key')";
        old.execute(upload, of_job).unwrap();
    }
    drop(old);

    let store = open_again(directory.path());
    for (job, status) in &jobs {
        let is_cut_anew = matches!(*status, "New" | "Preparing");
        let slices = store.slices(job.id, 0, 9).await.unwrap().len();
        let parts = store.parts(job.id, 0).await.unwrap().len();
        assert_eq!((slices, parts), if is_cut_anew { (0, 0) } else { (1, 1) }, "{status}");
        let id = job.id.as_bytes().to_vec();
        let uploads: Vec<String> = with_writer(&store, move |connection| {
            let mut of_job = connection.prepare("SELECT upload_id FROM upload WHERE job = ?1 ORDER BY upload_id")?;
            of_job.query_map((id,), |row| row.get(0))?.collect()
        })
        .await
        .unwrap();
        assert_eq!(uploads, if is_cut_anew { vec!["b"] } else { vec!["a", "b"] }, "the report's stays: {status}");
    }
}

/// The version of the schema before there was a service clock.
const WITHOUT_SERVICE_CLOCK: u32 = 7;

#[tokio::test]
async fn a_database_from_before_the_service_clock_counts_from_the_times_of_day_that_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let old = Connection::open(directory.path().join(DATABASE)).unwrap();
    MIGRATIONS[..WITHOUT_SERVICE_CLOCK as usize].iter().for_each(|migration| old.execute_batch(migration).unwrap());
    old.pragma_update(None, "user_version", WITHOUT_SERVICE_CLOCK).unwrap();
    let now = clock().now();
    let before = |seconds: i64| Timestamp::from_second(now.as_second() - seconds).unwrap();
    let since = |seconds| ServiceTime::beginning(before(seconds));
    // Of each job: since when it stands, as its life says; when it ended; what is counted from.
    let jobs = [
        (Some(before(100)), None, since(100)),
        (Some(before(100)), Some(before(90)), since(90)),
        (None, None, since(110)),
        // The clock was ahead.
        (Some(before(-1000)), None, since(0)),
        (Some(before(-1000)), Some(before(-1000)), since(0)),
    ];
    for (n, (stands_since, ended, _)) in (1..).zip(jobs) {
        let job = Job { created: before(110), ..sample_job(n) };
        insert_into_old(&old, &job);
        let of_job = (job.id.as_bytes(), stands_since.map(|at| at.to_string()), ended.map(Time));
        let life = "UPDATE job SET life = iif(?2 IS NULL, life, json_set(life, '$.since', ?2)), terminated = ?3
            WHERE id = ?1";
        old.execute(life, of_job).unwrap();
    }
    drop(old);

    let store = open_again(directory.path());
    assert_eq!(store.service_time().await.unwrap(), since(0), "it begins with the time of day");
    for (n, (_, _, expected)) in (1..).zip(jobs) {
        assert_eq!(store.job(sample_job(n).id).await.unwrap().unwrap().since, expected, "job {n}");
    }
}

/// The version of the schema before accounts had quotas.
const WITHOUT_QUOTAS: u32 = 8;

#[tokio::test]
async fn a_database_from_before_quotas_counts_what_it_holds_and_tells_which_jobs_lack_their_report() {
    let directory = tempfile::tempdir().unwrap();
    let old = Connection::open(directory.path().join(DATABASE)).unwrap();
    MIGRATIONS[..WITHOUT_QUOTAS as usize].iter().for_each(|migration| old.execute_batch(migration).unwrap());
    old.pragma_update(None, "user_version", WITHOUT_QUOTAS).unwrap();
    let (delivered, mut undelivered, open) = (sample_job(1), sample_job(2), sample_job(3));
    undelivered.failures.push(JobFailure::new(failure::REPORT_DELIVERY_FAILED, "the bucket is gone"));
    for job in [&delivered, &undelivered, &open] {
        insert_job(&old, job).unwrap();
        let of_job = (job.id.as_bytes(),);
        old.execute(
            "INSERT INTO slice (job, number, first_task, tasks, spool_name) VALUES (?1, 0, 0, 9, 's'), (?1, 1, 9, 9, 't')",
            of_job,
        )
        .unwrap();
        let parts =
            "INSERT INTO part (job, slice, seq, epoch, bytes) VALUES (?1, 0, 0, 3, x'0102'), (?1, 0, 1, 3, x'03')";
        old.execute(parts, of_job).unwrap();
    }
    let ended = "UPDATE job SET status = 'Failed', terminated = 5 WHERE id IN (?1, ?2)";
    old.execute(ended, (delivered.id.as_bytes(), undelivered.id.as_bytes())).unwrap();
    drop(old);

    let store = open_again(directory.path());
    let kept = |connection: &Connection| {
        connection.query_row("SELECT name, jobs, bytes FROM account", (), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, u32>(1)?, row.get::<_, u32>(2)?))
        })
    };
    assert_eq!(with_writer(&store, kept).await.unwrap(), ("a".to_owned(), 3, 9));
    let lacking = [&delivered, &undelivered, &open].map(|job| store.job(job.id));
    let lacking = futures::future::join_all(lacking).await;
    let lacking: Vec<_> = lacking.into_iter().map(|job| job.unwrap().unwrap().lacks_report).collect();
    assert_eq!(lacking, [false, true, false]);
    let due = Due { outcomes_before: ServiceTime(Duration::MAX), ..Due::ended_before(ServiceTime::default()) };
    assert_eq!(store.purge(&due, 1000).await.unwrap().jobs, [delivered.id]);
    assert_eq!(with_writer(&store, kept).await.unwrap(), ("a".to_owned(), 3, 6));
}

/// The version of the schema before failures were counted by their codes.
const WITHOUT_FAILURE_COUNTS: u32 = 10;

#[tokio::test]
async fn a_database_from_before_failures_were_counted_by_code_opens_and_counts_those_that_come() {
    let directory = tempfile::tempdir().unwrap();
    let old = Connection::open(directory.path().join(DATABASE)).unwrap();
    MIGRATIONS[..WITHOUT_FAILURE_COUNTS as usize].iter().for_each(|migration| old.execute_batch(migration).unwrap());
    old.pragma_update(None, "user_version", WITHOUT_FAILURE_COUNTS).unwrap();
    let job = sample_job(1);
    insert_job(&old, &job).unwrap();
    let of_job = (job.id.as_bytes(),);
    old.execute("UPDATE job SET status = 'Active', failed = 7 WHERE id = ?1", of_job).unwrap();
    let slice = "INSERT INTO slice (job, number, first_task, tasks, spool_name) VALUES (?1, 0, 0, 5, 's')";
    old.execute(slice, of_job).unwrap();
    drop(old);

    let store = open_again(directory.path());
    let job = store.job(job.id).await.unwrap().unwrap();
    assert_eq!((job.progress.failed, job.failure_counts.sum()), (7, 0));
    let (owner, token, ttl) = (OwnerId(Uuid::nil()), LeaseToken(Uuid::nil()), Duration::from_secs(30));
    let lease = store.lease_slice(job.id, owner, token, ttl).await.unwrap().unwrap();
    let mut failure_counts = FailureCounts::default();
    failure_counts.add("NoSuchKey", None);
    let (job, slice, fence, bytes) = (job.id, 0, lease.fence, Bytes::from_static(&[2]));
    let done_bytes = DoneBytes::default();
    let part = OutcomePart { job, slice, fence, seq: 0, succeeded: 0, failed: 1, failure_counts, done_bytes, bytes };
    store.record_part(part).await.unwrap();
    let job = store.job(job).await.unwrap().unwrap();
    assert_eq!((job.progress.failed, job.failure_counts.sum()), (8, 1));
}

/// Counts with every field set.
fn sample_counts() -> FailureCounts {
    let mut counts = FailureCounts::default();
    counts.add("NoSuchKey", Some(&ObjectKey::new("photos/réd.jpg").unwrap()));
    (0..FAILURE_CODES_MAX).for_each(|n| counts.add(&format!("Code{n}"), None));
    counts
}

#[test]
fn failure_counts_are_stored_as_they_always_were() {
    assert_pinned("failure-counts", &sample_counts());
}
