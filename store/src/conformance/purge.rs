//! What a purge promises.

use std::time::Duration;

use brigade_model::ServiceTime;
use brigade_model::job::{Change, Job, JobId, Prepared};
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::job_store::{Due, OpenUpload, ReportFile, UploadScope, UploadsOf};

use super::Bench;
use super::samples::{Store, active, create, end, ended, lease_slice, lease_stage, part, sample_job, step};

/// After whatever ended.
pub(super) const END_OF_TIME: ServiceTime = ServiceTime(Duration::MAX);

/// Purges in steps of that many rows; returns the jobs and the number of steps.
async fn purge_all(store: &Store, ended_before: ServiceTime, rows_max: usize) -> (Vec<JobId>, usize) {
    let (mut jobs, mut steps) = (Vec::new(), 0);
    loop {
        let purged = store.purge(&Due::ended_before(ended_before), rows_max).await.unwrap();
        jobs.extend(purged.jobs);
        steps += 1;
        if !purged.more {
            jobs.sort();
            return (jobs, steps);
        }
    }
}

/// An ended job on which everything hangs that can: four slices, five parts, an upload, a file
/// and its changes.
pub(super) async fn rich_job(store: &Store, job: Job) -> JobId {
    let id = active(store, job, &[3, 3, 3, 3]).await;
    let first = lease_slice(store, id).await;
    for seq in 0..3 {
        store.record_part(part(&first, seq, 1, 0)).await.unwrap();
    }
    let second = lease_slice(store, id).await;
    for seq in 0..2 {
        store.record_part(part(&second, seq, 0, 1)).await.unwrap();
    }
    let (bucket, key) = (BucketName::new("b").unwrap(), ObjectKey::new("k").unwrap());
    let upload = OpenUpload { bucket, key: key.clone(), upload_id: "u".into(), completing: None };
    let scope = UploadScope::Slice { slice: second.slice.index, fence: second.fence };
    store.record_upload(id, &scope, &upload).await.unwrap();
    store.release_slice(&second, false).await.unwrap();
    let stage = lease_stage(store, id).await;
    let file = ReportFile { kind: "failed".into(), number: 0, key, md5: "0".into(), rows: 2 };
    store.record_report_file(&stage, &file).await.unwrap();
    end(store, id).await;
    id
}

async fn is_gone(store: &Store, id: JobId) -> bool {
    let rows = store.slices(id, 0, 99).await.unwrap().len()
        + store.parts(id, 0).await.unwrap().len()
        + store.uploads(id, UploadsOf::Slices).await.unwrap().len()
        + store.report_files(id).await.unwrap().len();
    store.job(id).await.unwrap().is_none() && rows == 0
}

pub(super) async fn a_purge_removes_all_of_a_job_in_bounded_steps(bench: &mut dyn Bench) {
    let store = bench.store();
    for (n, rows_max) in (1..).zip([1, 3, 1000]) {
        let id = rich_job(&store, sample_job(n)).await;
        let late = store.service_time().await.unwrap().after(Duration::from_millis(1));
        let (jobs, steps) = purge_all(&store, late, rows_max).await;
        assert_eq!(jobs, [id]);
        // 1 job, 4 slices, 5 parts, 1 upload, 1 file and 5 changes.
        assert!(steps >= 17_usize.div_ceil(rows_max), "{steps} steps of {rows_max} rows");
        assert!(is_gone(&store, id).await);
        assert_eq!(store.apply(super::samples::apply_to(&sample_job(n), Change::Held)).await.ok(), None);
    }
}

pub(super) async fn a_purge_spares_what_has_not_ended_or_ended_lately(bench: &mut dyn Bench) {
    let store = bench.store();
    let old = ended(&store, sample_job(1), &[1, 1]).await;
    bench.pass(Duration::from_secs(60)).await;
    let before = store.service_time().await.unwrap();
    let lately = rich_job(&store, sample_job(2)).await;
    let open = active(&store, sample_job(3), &[1]).await;
    let deleted = active(&store, sample_job(4), &[1]).await;
    step(&store, deleted, Change::DeleteRequested).await.unwrap();
    assert_eq!(purge_all(&store, before, 2).await.0, [old]);
    for id in [lately, open, deleted] {
        assert!(store.job(id).await.unwrap().is_some());
    }
    assert_eq!(store.slices(lately, 0, 9).await.unwrap().len(), 4);
    assert_eq!(store.parts(lately, 0).await.unwrap().len(), 3);
}

pub(super) async fn a_deleted_job_that_ended_is_purged_at_once(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = rich_job(&store, sample_job(1)).await;
    assert_eq!(purge_all(&store, ServiceTime::default(), 1000).await.0, []);
    step(&store, id, Change::DeleteRequested).await.unwrap();
    assert_eq!(purge_all(&store, ServiceTime::default(), 1000).await.0, [id]);
    assert!(is_gone(&store, id).await);
}

pub(super) async fn the_token_of_a_purged_job_is_free(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    end(&store, id).await;
    let late = store.service_time().await.unwrap().after(Duration::from_millis(1));
    assert_eq!(purge_all(&store, late, 1000).await.0, [id]);
    let mut again = sample_job(2);
    again.spec.client_request_token = sample_job(1).spec.client_request_token;
    create(&store, again).await;
}

pub(super) async fn a_purge_spares_a_job_until_the_one_that_retries_it_has_read_its_tasks(bench: &mut dyn Bench) {
    let store = bench.store();
    let retried = ended(&store, sample_job(1), &[1, 1]).await;
    let deleted = rich_job(&store, sample_job(2)).await;
    step(&store, deleted, Change::DeleteRequested).await.unwrap();
    let other = ended(&store, sample_job(3), &[1]).await;
    let mut retries = Vec::new();
    for (n, source) in [(11, retried), (12, deleted)] {
        let mut retry = sample_job(n);
        retry.spec.retry_of = Some(source);
        retries.push(create(&store, retry).await);
    }
    assert_eq!(purge_all(&store, END_OF_TIME, 1000).await.0, [other], "new retries keep their sources");
    step(&store, retries[0], Change::PreparationStarted).await.unwrap();
    step(&store, retries[1], Change::CancelRequested(String::new())).await.unwrap();
    assert_eq!(purge_all(&store, END_OF_TIME, 1000).await.0, [deleted, retries[1]], "a cancelled retry keeps nothing");
    assert_eq!(store.slices(retried, 0, 9).await.unwrap().len(), 2);
    step(&store, retries[0], Change::ManifestRead(Prepared::default())).await.unwrap();
    assert_eq!(purge_all(&store, END_OF_TIME, 1000).await.0, [retried]);
}
