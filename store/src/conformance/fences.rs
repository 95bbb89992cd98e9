//! What the token of a lease promises: an epoch repeats when the store falls back to an older
//! state, and of several holders of one epoch only the one that the store knows may write.

use brigade_model::job::{Change, JobId};
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::job_store::{
    AddSlicesError, ApplyError, KnownLeases, LeaseError, OpenUpload, ReportFile, SliceLease, StageLease, UploadScope,
    UploadsOf,
};

use super::Bench;
use super::samples::{
    GRACE, Store, TTL, active, apply_to, counted, create, lease_slice, lease_stage, owner, part, sample_job, slices_of,
    token,
};

fn is_fenced<T>(answer: &Result<T, LeaseError>) -> bool {
    matches!(answer, Err(LeaseError::Fenced))
}

fn upload() -> OpenUpload {
    let (bucket, key) = (BucketName::new("b").unwrap(), ObjectKey::new("k").unwrap());
    OpenUpload { bucket, key, upload_id: "u".into(), completing: None }
}

/// A slice that one owner leased before the store fell back, and another one after it: the job,
/// the lost lease and the one that the store knows.
async fn leased_twice(bench: &mut dyn Bench) -> (JobId, SliceLease, SliceLease) {
    let id = active(&bench.store(), sample_job(1), &[9]).await;
    bench.take_snapshot().await;
    let lost = lease_slice(&bench.store(), id).await;
    bench.restore_snapshot().await;
    let held = bench.store().lease_slice(id, owner(2), token(), TTL).await.unwrap().unwrap();
    assert_eq!((held.slice.index, held.fence.epoch), (lost.slice.index, lost.fence.epoch), "the epoch repeats");
    (id, lost, held)
}

/// As [`leased_twice`], of the stage of a job that is New.
async fn stage_leased_twice(bench: &mut dyn Bench) -> (JobId, StageLease, StageLease) {
    let id = create(&bench.store(), sample_job(1)).await;
    bench.take_snapshot().await;
    let lost = lease_stage(&bench.store(), id).await;
    bench.restore_snapshot().await;
    let held = bench.store().lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    assert_eq!(held.fence.epoch, lost.fence.epoch, "the epoch repeats");
    (id, lost, held)
}

async fn must_check(store: &Store, id: JobId) -> bool {
    store.slices(id, 0, 1).await.unwrap()[0].must_check
}

pub(super) async fn a_worker_from_before_the_store_fell_back_is_fenced_though_its_epoch_is_held_again(
    bench: &mut dyn Bench,
) {
    let (id, lost, held) = leased_twice(bench).await;
    let store = bench.store();
    let scope = |lease: &SliceLease| UploadScope::Slice { slice: lease.slice.index, fence: lease.fence };
    assert!(is_fenced(&store.record_part(part(&lost, 0, 1, 0)).await));
    assert!(is_fenced(&store.renew_slice(&lost, TTL).await));
    assert!(is_fenced(&store.record_upload(id, &scope(&lost), &upload()).await));
    store.release_slice(&lost, true).await.unwrap();
    assert_eq!((counted(&store, id).await, must_check(&store, id).await), ((0, 0), false));
    assert_eq!(store.uploads(id, UploadsOf::Slices).await.unwrap(), []);

    store.renew_slice(&held, TTL).await.unwrap();
    store.record_upload(id, &scope(&held), &upload()).await.unwrap();
    store.record_part(part(&held, 0, 2, 1)).await.unwrap();
    store.release_slice(&held, false).await.unwrap();
    assert_eq!(counted(&store, id).await, (2, 1));
}

pub(super) async fn a_part_from_before_the_store_fell_back_is_not_taken_for_a_recorded_one(bench: &mut dyn Bench) {
    let (id, lost, held) = leased_twice(bench).await;
    let store = bench.store();
    store.record_part(part(&held, 0, 2, 1)).await.unwrap();
    assert!(is_fenced(&store.record_part(part(&lost, 0, 1, 0)).await), "its outcomes are not recorded");
    store.record_part(part(&held, 0, 2, 1)).await.unwrap();
    store.release_slice(&held, false).await.unwrap();
    assert!(is_fenced(&store.record_part(part(&lost, 0, 1, 0)).await));
    store.record_part(part(&held, 0, 2, 1)).await.unwrap();
    assert_eq!(counted(&store, id).await, (2, 1));
}

pub(super) async fn a_lease_from_before_the_store_fell_back_is_none_that_its_owner_knows_of(bench: &mut dyn Bench) {
    let (id, lost, held) = leased_twice(bench).await;
    let store = bench.store();
    let knows = |lease: &SliceLease| Some(KnownLeases { owner: held.owner, slices: vec![(0, lease.fence)] });
    assert_eq!(store.revoke_lost(id, GRACE, knows(&held)).await.unwrap(), 0);
    assert_eq!(store.revoke_lost(id, GRACE, knows(&lost)).await.unwrap(), 1);
}

pub(super) async fn a_stage_from_before_the_store_fell_back_is_fenced_though_its_epoch_is_held_again(
    bench: &mut dyn Bench,
) {
    let (id, lost, held) = stage_leased_twice(bench).await;
    let store = bench.store();
    let key = ObjectKey::new("failed/0.csv").unwrap();
    let file = ReportFile { kind: "failed".into(), number: 0, key, md5: "0".into(), rows: 1 };
    let begins = |lease: &StageLease| {
        let mut apply = apply_to(&sample_job(1), Change::PreparationStarted);
        apply.stage_fence = Some(lease.fence);
        apply
    };
    let refused = store.apply(begins(&lost)).await;
    assert!(matches!(refused, Err(ApplyError::Fenced)), "{refused:?}");
    store.apply(begins(&held)).await.unwrap();

    let scope = |lease: &StageLease| UploadScope::Stage { fence: lease.fence };
    assert!(is_fenced(&store.renew_stage(&lost, TTL).await));
    let refused = store.add_slices(&lost, slices_of(&[1]), u64::MAX).await;
    assert!(matches!(refused, Err(AddSlicesError::Fenced)), "{refused:?}");
    assert!(is_fenced(&store.record_upload(id, &scope(&lost), &upload()).await));
    assert!(is_fenced(&store.record_report_file(&lost, &file).await));
    store.release_stage(&lost).await.unwrap();
    assert_eq!(store.slices(id, 0, 9).await.unwrap(), []);

    store.renew_stage(&held, TTL).await.unwrap();
    store.add_slices(&held, slices_of(&[1]), u64::MAX).await.unwrap();
    store.record_upload(id, &scope(&held), &upload()).await.unwrap();
    store.record_report_file(&held, &file).await.unwrap();
    assert!(is_fenced(&store.lease_slice_to_close(&lost, 0, token(), TTL).await));
    assert!(store.lease_slice_to_close(&held, 0, token(), TTL).await.unwrap().is_some());
}
