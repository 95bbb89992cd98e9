//! A disk that fills up under the service: no work starts, clients learn why, records stay, and work
//! goes on when there is room.

use brigade_model::ports::Entropy;
use brigade_model::{BucketName, JobOptions, ObjectKey, Status};
use brigade_runtime::SeededEntropy;

use crate::forged::Raw;
use crate::test_service::{TestService, is_at_work, refused, request};

/// More than any disk has free.
const FULL: [(&str, &str); 2] =
    [("BRIGADE_ENGINE_FREE_SPACE_TO_LEASE", "4000000TiB"), ("BRIGADE_ENGINE_FREE_SPACE_TO_START", "4000000TiB")];
const ROOM: [(&str, &str); 2] =
    [("BRIGADE_ENGINE_FREE_SPACE_TO_LEASE", "1MiB"), ("BRIGADE_ENGINE_FREE_SPACE_TO_START", "1MiB")];

async fn page(service: &TestService, path: &str) -> (u16, String) {
    Raw::new(service, "GET", path).send_to(&service.metrics).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_everywhere_loses_nothing_and_jobs_go_on_when_there_is_room() {
    let mut service =
        TestService::start("[engine]\nfree_space_to_lease = \"1MiB\"\nfree_space_to_start = \"1MiB\"").await;
    service.fill(600);
    let id = service.tag("t", 600, Some(100)).await;
    let before = service.wait(id, is_at_work).await;
    service.restart(&FULL);

    let told = service.wait(id, |job| job.status_update_reason.contains("low disk space")).await;
    assert_eq!(told.status, Status::Active, "a gate is no status");
    assert!(told.progress.succeeded >= before.progress.succeeded, "{told:#?}");
    let (status, text) = page(&service, "/readyz").await;
    assert!(status == 503 && text.contains("low disk space"), "{text}");
    let (status, text) = Raw::new(&service, "GET", "/readyz").send(&service).await;
    assert!(status == 503 && !text.contains("disk"), "every client may ask there: {text}");
    assert!(page(&service, "/metrics").await.1.contains("\nbrigade_space_low 1"));
    assert_eq!(page(&service, "/healthz").await.0, 200, "it lives");
    let body = request("another", "e").into();
    let (status, code, message) = refused(service.client().create_job(body, &JobOptions::default()).await);
    assert_eq!((status, code.as_str()), (500, "ServiceUnavailable"));
    assert!(message.contains("low disk space"), "{message}");

    service.restart(&ROOM);
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 600), "{job:#?}");
    assert_eq!(service.report_rows(id), 600);
    assert_eq!(page(&service, "/readyz").await.0, 200);
    assert!(page(&service, "/metrics").await.1.contains("\nbrigade_space_low 0"));
}

/// Space checks that almost never refuse: the disk itself says when it is full.
const OPEN_GATES: &str = "[engine]\nfree_space_to_lease = \"1\"\nfree_space_to_start = \"1\"";

/// Keys of 1,000 characters that no compression makes small.
fn long_keys(count: usize) -> Vec<String> {
    let entropy = SeededEntropy::new(7);
    let key = |_| {
        let mut bytes = [0; 500];
        entropy.fill(&mut bytes);
        hex::encode(bytes)
    };
    (0..count).map(key).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_for_which_the_disk_has_no_room_are_written_when_it_has() {
    let service = TestService::start_on(OPEN_GATES, Some(16)).await;
    let disk = service.disk.as_ref().unwrap();
    let keys = long_keys(4000);
    let rows: String = keys.iter().map(|key| format!("photos,{key}\n")).collect();
    let key_of = |n| ObjectKey::new(&keys[usize::try_from(n).unwrap()]).unwrap();
    service.bucket.fill(&BucketName::new("photos").unwrap(), 4000, key_of, &bytes::Bytes::from_static(b"x")).unwrap();
    // Two megabytes of slices, and room for one.
    disk.fill_up_to(1 << 20);
    let etag = service.put_manifest(&rows);
    let id = service.client().create_job(request("t", &etag).into(), &JobOptions::default()).await.unwrap().value;
    let is_told = |reason: &str| reason.contains("No space left") || reason.contains("low disk space");
    let told = service.wait(id, |job| is_told(&job.status_update_reason)).await;
    assert_eq!(told.status, Status::Preparing, "{told:#?}");
    disk.make_room();
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded, job.progress.total), (Status::Complete, 4000, 4000), "{job:#?}");
    assert_eq!(service.report_rows(id), 4000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_a_byte_left_loses_nothing_though_the_service_is_killed_on_it() {
    let mut service = TestService::start_on(OPEN_GATES, Some(16)).await;
    service.fill(600);
    let id = service.tag("t", 600, Some(100)).await;
    let before = service.wait(id, is_at_work).await;
    service.disk.as_ref().unwrap().fill_up_to(0);
    let told = service.wait(id, |job| job.status_update_reason.contains("low disk space")).await;
    assert!(told.progress.succeeded >= before.progress.succeeded, "{told:#?}");
    let refused = service.client().create_job(request("another", "e").into(), &JobOptions::default()).await;
    assert!(refused.is_err(), "{refused:?}");
    service.process.kill().unwrap();
    service.disk.as_ref().unwrap().make_room();
    service.restart(&[]);
    assert!(service.describe(id).await.progress.succeeded >= told.progress.succeeded);
    let job = service.end(id).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 600), "{job:#?}");
    assert_eq!(service.report_rows(id), 600);
}
