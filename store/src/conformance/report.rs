//! What remembering uploads and report files promises.

use brigade_model::job::JobId;
use brigade_model::names::{BucketName, ETag, ObjectKey};
use brigade_model::ports::job_store::{
    Completing, LeaseError, LeftUploads, OpenUpload, ReportFile, UploadScope, UploadsOf,
};

use super::Bench;
use super::samples::{GRACE, Store, TTL, active, lease_slice, lease_stage, owner, sample_job, token};

fn upload(id: &str) -> OpenUpload {
    OpenUpload {
        bucket: BucketName::new("b").unwrap(),
        key: ObjectKey::new(format!("of {id}")).unwrap(),
        upload_id: id.into(),
        completing: None,
    }
}

fn file(kind: &str, number: u32, rows: u64) -> ReportFile {
    let key = ObjectKey::new(format!("{kind}/{number}.csv")).unwrap();
    ReportFile { kind: kind.into(), number, key, md5: "d41d8cd98f00b204e9800998ecf8427e".into(), rows }
}

async fn uploads(store: &Store, job: JobId, of: UploadsOf) -> Vec<String> {
    let uploads = store.uploads(job, of).await.unwrap();
    assert!(uploads.iter().all(|found| *found == upload(&found.upload_id)));
    let mut ids: Vec<_> = uploads.into_iter().map(|upload| upload.upload_id).collect();
    ids.sort();
    ids
}

pub(super) async fn an_upload_is_remembered_until_it_is_forgotten(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[9, 9]).await;
    let (slice, stage) = (lease_slice(&store, id).await, lease_stage(&store, id).await);
    let of_slice = UploadScope::Slice { slice: 0, fence: slice.fence };
    for (scope, upload_id) in [(&of_slice, "1"), (&of_slice, "2"), (&UploadScope::Stage { fence: stage.fence }, "3")] {
        store.record_upload(id, scope, &upload(upload_id)).await.unwrap();
        store.record_upload(id, scope, &upload(upload_id)).await.unwrap();
    }
    assert_eq!(uploads(&bench.store(), id, UploadsOf::Slice(0)).await, ["1", "2"]);
    assert_eq!(uploads(&store, id, UploadsOf::Slice(1)).await, [""; 0]);
    assert_eq!(uploads(&store, id, UploadsOf::Slices).await, ["1", "2"]);
    assert_eq!(uploads(&store, id, UploadsOf::Report).await, ["3"]);
    let etags = vec![ETag::new("\"a-1\"").unwrap(), ETag::new("b-1").unwrap()];
    let completing = OpenUpload { completing: Some(Completing { task: 7, size: 9, etags }), ..upload("2") };
    store.record_upload(id, &of_slice, &completing).await.unwrap();
    let found = store.uploads(id, UploadsOf::Slice(0)).await.unwrap();
    assert_eq!(found, [upload("1"), completing], "its completion may have been sent");
    store.record_upload(id, &of_slice, &upload("2")).await.unwrap();
    for upload_id in ["1", "3", "3", "9"] {
        store.forget_upload(id, upload_id).await.unwrap();
    }
    assert_eq!(uploads(&store, id, UploadsOf::Slice(0)).await, ["2"]);
    assert_eq!(uploads(&store, id, UploadsOf::Report).await, [""; 0]);
}

pub(super) async fn the_uploads_of_a_job_are_counted_and_the_first_are_read(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[9, 9]).await;
    let (slice, stage) = (lease_slice(&store, id).await, lease_stage(&store, id).await);
    assert_eq!(store.left_uploads(id, 9).await.unwrap(), LeftUploads::default());
    let of_slice = UploadScope::Slice { slice: 0, fence: slice.fence };
    for (scope, upload_id) in [(&of_slice, "3"), (&UploadScope::Stage { fence: stage.fence }, "2"), (&of_slice, "1")] {
        store.record_upload(id, scope, &upload(upload_id)).await.unwrap();
    }
    for (uploads_max, ids) in [(0, vec![]), (2, vec!["1", "2"]), (3, vec!["1", "2", "3"]), (9, vec!["1", "2", "3"])] {
        let expected = LeftUploads { total: 3, first: ids.into_iter().map(upload).collect() };
        assert_eq!(bench.store().left_uploads(id, uploads_max).await.unwrap(), expected, "{uploads_max}");
    }
    let other = active(&store, sample_job(2), &[9]).await;
    assert_eq!(store.left_uploads(other, 9).await.unwrap(), LeftUploads::default());
    store.forget_upload(id, "1").await.unwrap();
    let expected = LeftUploads { total: 2, first: vec![upload("2")] };
    assert_eq!(store.left_uploads(id, 1).await.unwrap(), expected);
}

pub(super) async fn an_upload_under_a_lost_lease_is_refused(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[9]).await;
    let (slice, stage) = (lease_slice(&store, id).await, lease_stage(&store, id).await);
    bench.pass(TTL + GRACE).await;
    store.revoke_lost(id, GRACE, None).await.unwrap();
    store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    for scope in [
        UploadScope::Slice { slice: 0, fence: slice.fence },
        UploadScope::Slice { slice: 5, fence: slice.fence },
        UploadScope::Stage { fence: stage.fence },
    ] {
        let refused = store.record_upload(id, &scope, &upload("1")).await;
        assert!(matches!(refused, Err(LeaseError::Fenced)), "{scope:?} {refused:?}");
    }
    assert_eq!(uploads(&store, id, UploadsOf::Slice(0)).await, [""; 0]);
    assert_eq!(uploads(&store, id, UploadsOf::Report).await, [""; 0]);
}

pub(super) async fn report_files_are_remembered_in_order_and_replaced_by_number(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[9]).await;
    let stage = lease_stage(&store, id).await;
    for written in [file("succeeded", 0, 5), file("failed", 1, 5), file("failed", 0, 5), file("failed", 1, 7)] {
        store.record_report_file(&stage, &written).await.unwrap();
    }
    let files = bench.store().report_files(id).await.unwrap();
    assert_eq!(files, [file("failed", 0, 5), file("failed", 1, 7), file("succeeded", 0, 5)]);
}

pub(super) async fn a_report_file_under_a_lost_stage_is_refused(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[9]).await;
    let stage = lease_stage(&store, id).await;
    bench.pass(TTL + GRACE).await;
    store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    let refused = store.record_report_file(&stage, &file("failed", 0, 1)).await;
    assert!(matches!(refused, Err(LeaseError::Fenced)), "{refused:?}");
    assert_eq!(store.report_files(id).await.unwrap(), []);
}
