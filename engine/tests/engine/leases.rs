//! Leases without a worker, slices that lose their workers, stops that cannot be recorded, roles
//! that shrink, uploads that stay open: none of them keeps a job waiting or goes unreported.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::operation::OperationKind;
use brigade_model::ports::object_store::{Call, CallKind, CancelToken, CreateMultipartUpload, Verdict, send};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{JobId, JobSpec, Operation, Status};
use brigade_runtime::Node;
use brigade_s3::simulated::Body;

use crate::account::{check, text};
use crate::cluster::{Process, TestCluster, at, bucket, key};
use crate::crashing::{Mishap, What};
use crate::life::{copy, tagging};
use crate::spoil::{Spoil, subject};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn paced(tasks: u32) -> impl Fn(&mut JobSpec) + Copy {
    move |spec| spec.options.requests_per_second_max = Some(tasks)
}

/// How long a copy takes whose process sees this mishap, and how many writes it makes.
async fn time_of_a_copy(mishap: Option<Mishap>) -> (Duration, u64) {
    let cluster = TestCluster::new(400);
    cluster.fill(150).await;
    let id = cluster.create(copy(), keys(150)).await;
    let began = cluster.clock.monotonic();
    let job = cluster.run_to_end(id, mishap).await;
    assert_eq!(job.status, Status::Complete, "{mishap:?}: {job:#?}");
    let rows = check(&cluster, &job, &keys(150)).await;
    assert!(rows.values().all(|row| row.status == "succeeded"), "{mishap:?}");
    (cluster.clock.monotonic().since(began), cluster.counted.writes.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn no_lost_answer_of_the_job_store_keeps_a_slice_until_its_lease_expires() {
    let (_, writes) = time_of_a_copy(None).await;
    for write in 1..=writes {
        let (time, _) = time_of_a_copy(Some(Mishap { write, what: What::FailsAfter })).await;
        // A copy's lease lasts twenty minutes; that of a stage, a minute.
        assert!(time < Duration::from_secs(120), "write {write}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_whose_worker_panicked_is_worked_on_again_at_once() {
    let mut cluster = TestCluster::new(401);
    cluster.fill(100).await;
    let is_first = AtomicU64::new(1);
    cluster.spoil(move |call| {
        let is_meant = subject(call) == (CallKind::CopyObject, key(40));
        assert!(!is_meant || is_first.swap(0, Ordering::SeqCst) == 0, "for a test");
        Spoil::Nothing
    });
    let id = cluster.create(copy(), keys(100)).await;
    let began = cluster.clock.monotonic();
    let job = cluster.run_to_end(id, None).await;
    let waited = cluster.clock.monotonic().since(began);
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 100), "{job:#?}");
    assert!(waited < Duration::from_secs(60), "its lease did not have to expire: {waited:?}");
    check(&cluster, &job, &keys(100)).await;
}

#[tokio::test(start_paused = true)]
async fn restarts_fail_no_job_whose_slices_get_on_between_them() {
    let mut cluster = TestCluster::new(402);
    cluster.config.tasks = 8;
    cluster.fill(1500).await;
    let id = cluster.create_with(copy(), keys(1500), paced(40)).await;
    let mut process = cluster.start(None);
    let mut restarts = 0;
    while !cluster.job(id).await.status.is_terminal() {
        cluster.clock.sleep(Duration::from_secs(5)).await;
        process.node.crash();
        process = cluster.start(None);
        restarts += 1;
    }
    let job = cluster.job(id).await;
    assert_eq!(job.status, Status::Complete, "after {restarts} restarts: {job:#?}");
    assert!(restarts > 15, "{restarts}");
    check(&cluster, &job, &keys(1500)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn restarts_fail_no_job_whose_calls_wait_for_an_endpoint_that_is_away() {
    let mut cluster = TestCluster::new(406);
    cluster.fill(100).await;
    let is_away = Arc::new(AtomicBool::new(false));
    let away = is_away.clone();
    cluster.spoil(move |call| match (away.load(Ordering::SeqCst), call.kind()) {
        (true, CallKind::PutObjectTagging | CallKind::ListObjectsV2) => {
            Spoil::Refused(Verdict::Unavailable, 0, "ConnectFailed")
        }
        _ => Spoil::Nothing,
    });
    let (store, id) = (cluster.store.clone(), cluster.create(tagging(), keys(100)).await);
    is_away.store(true, Ordering::SeqCst);
    for _ in 0..15 {
        // Each process finds out for itself that the endpoint is away.
        cluster.store = store.clone();
        cluster.put_chain_around();
        let process = cluster.start(None);
        cluster.clock.sleep(Duration::from_secs(20)).await;
        let job = cluster.job(id).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Active, 0), "{job:#?}");
        assert!(!job.status_update_reason.is_empty(), "it says why it waits");
        process.node.crash();
    }
    let slices = cluster.jobs.slices(id, 0, usize::MAX).await.unwrap();
    assert!(slices.iter().any(|slice| slice.revocations > 10), "{slices:#?}");
    is_away.store(false, Ordering::SeqCst);
    cluster.store = store;
    cluster.put_chain_around();
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 100), "{job:#?}");
    check(&cluster, &job, &keys(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_job_store_that_is_away_no_longer_than_its_patience() {
    for operation in [copy(), brigade_model::Operation::Delete] {
        let cluster = TestCluster::new(403);
        cluster.fill(1500).await;
        let id = cluster.create_with(operation.clone(), keys(1500), paced(100)).await;
        let process = cluster.start(None);
        cluster.wait(id, |job| job.progress.succeeded > 300).await;
        cluster.counted.go_away(&cluster.clock, Duration::from_secs(24 * 3600));
        cluster.clock.sleep(Duration::from_secs(3)).await;
        let asked = cluster.clock.monotonic();
        process.engine.shut_down().await;
        let waited = cluster.clock.monotonic().since(asked);
        assert!(waited <= cluster.config.stop_patience + Duration::from_secs(1), "{waited:?}");
        // What was done and not recorded is found by looking, not done twice.
        cluster.counted.go_away(&cluster.clock, Duration::ZERO);
        let job = cluster.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1500), "{job:#?}");
        check(&cluster, &job, &keys(1500)).await;
        let effects = cluster.bucket.effects();
        let kinds = [CallKind::CopyObject, CallKind::DeleteObject, CallKind::DeleteObjects];
        let acts: Vec<_> = effects.iter().filter(|effect| kinds.contains(&effect.call)).collect();
        assert_eq!(acts.len(), 1500, "each task had its effect once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_came_too_late_for_its_outcomes_lets_the_next_worker_look() {
    // The store comes back between the end of the patience and the return of the slice.
    let cluster = TestCluster::new(404);
    cluster.fill(1500).await;
    let id = cluster.create_with(copy(), keys(1500), paced(100)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 300).await;
    cluster.counted.go_away(&cluster.clock, Duration::from_secs(3) + cluster.config.stop_patience);
    cluster.clock.sleep(Duration::from_secs(3)).await;
    process.engine.shut_down().await;
    // No lease is revoked here: the slices were released.
    let other = cluster.start_beside(None);
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!(job.progress.succeeded, 1500);
    let copies = cluster.bucket.effects().iter().filter(|effect| effect.call == CallKind::CopyObject).count();
    assert_eq!(copies, 1500, "each object was copied once");
    other.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_lost_the_operation_fails_its_jobs_and_they_are_reported() {
    for (n, at) in [Status::New, Status::Active, Status::Paused].into_iter().enumerate() {
        let mut cluster = TestCluster::new(410 + n as u64);
        // A slice that runs goes on with what it has; the next one finds the role changed.
        cluster.config.slices = 1;
        cluster.fill(500).await;
        let id = cluster.create_with(copy(), keys(500), paced(100)).await;
        let process = cluster.start(None);
        if at != Status::New {
            cluster.wait(id, |job| job.progress.succeeded > 0).await;
        }
        if at == Status::Paused {
            cluster.change(id, Change::Held).await;
            cluster.wait(id, |job| job.status == at).await;
        }
        cluster.allowed.lock().unwrap().retain(|kind| *kind != OperationKind::Copy);
        if at == Status::Paused {
            cluster.change(id, Change::Released).await;
        }
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        assert_eq!(job.status, Status::Failed, "{at}: {job:#?}");
        let why = &job.failures[0];
        assert_eq!(why.code, "AccessDenied", "{at}: {job:#?}");
        assert_eq!(why.reason, "the role role does not allow the operation copy any more");
        if at != Status::New {
            check(&cluster, &job, &keys(500)).await;
        }
        process.engine.shut_down().await;
    }
}

/// A cluster with one object of 6 GiB and three small ones, and their keys.
async fn cluster_with_a_large_object(seed: u64) -> (TestCluster, Vec<String>) {
    let cluster = TestCluster::new(seed);
    cluster.fill(3).await;
    cluster.bucket.put(&at("source", "large"), Body::zeros(6 << 30)).unwrap();
    cluster.clock.sleep(Duration::from_secs(10)).await;
    (cluster, [keys(3), vec!["large".to_owned()]].concat())
}

const DENIED: Spoil = Spoil::Refused(Verdict::Denied, 403, "AccessDenied");

#[tokio::test(start_paused = true)]
async fn an_upload_whose_abort_was_refused_is_aborted_when_the_job_ends() {
    let (mut cluster, keys) = cluster_with_a_large_object(420).await;
    let aborts = AtomicU64::new(0);
    cluster.spoil(move |call| match call {
        Call::UploadPartCopy(part) if part.part == 3 => DENIED,
        Call::AbortMultipartUpload(abort) if abort.at.key.as_str() == "large" => {
            if aborts.fetch_add(1, Ordering::SeqCst) == 0 { DENIED } else { Spoil::Nothing }
        }
        _ => Spoil::Nothing,
    });
    let id = cluster.create(copy(), keys.clone()).await;
    let job = cluster.run_to_end(id, None).await;
    let rows = check(&cluster, &job, &keys).await;
    assert_eq!((rows["large"].code.as_str(), job.progress.failed), ("AccessDenied", 1));
    assert_eq!(cluster.bucket.open_uploads(), []);
    let manifest = text(&cluster, "aside", &format!("reports/job-{id}/manifest.json")).await.unwrap();
    assert!(!manifest.contains("LeftUploads"), "{manifest}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_never_aborted_is_named_in_the_report_and_keeps_no_job_waiting() {
    for is_silent in [false, true] {
        let (mut cluster, keys) = cluster_with_a_large_object(421).await;
        let is_away = Arc::new(Mutex::new(false));
        let silent = is_away.clone();
        cluster.spoil(move |call| match call {
            Call::UploadPartCopy(part) if part.part == 3 => DENIED,
            Call::AbortMultipartUpload(abort) if abort.at.key.as_str() == "large" => {
                *silent.lock().unwrap() = is_silent;
                if is_silent { Spoil::Refused(Verdict::Throttled, 503, "SlowDown") } else { DENIED }
            }
            _ => Spoil::Nothing,
        });
        cluster.put_chain_around();
        let id = cluster.create(copy(), keys.clone()).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!(job.status, Status::Complete, "{job:#?}");
        check(&cluster, &job, &keys).await;
        let left = cluster.bucket.open_uploads();
        assert_eq!(left.len(), 1);
        let manifest = text(&cluster, "aside", &format!("reports/job-{id}/manifest.json")).await.unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let expected = serde_json::json!([{"Bucket": "target", "Key": "large", "UploadId": left[0].id}]);
        assert_eq!(manifest["LeftUploads"], expected);
        assert_eq!(*is_away.lock().unwrap(), is_silent);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_a_crash_left_unknown_has_no_parts_and_the_object_is_copied() {
    let (mut cluster, keys) = cluster_with_a_large_object(422).await;
    let dying: Arc<Mutex<Option<Node>>> = Arc::default();
    let next = dying.clone();
    cluster.spoil(move |call| match call {
        Call::CreateMultipartUpload(create) if create.at.key.as_str() == "large" => {
            next.lock().unwrap().take().map_or(Spoil::Nothing, Spoil::Dies)
        }
        _ => Spoil::Nothing,
    });
    let id = cluster.create(copy(), keys.clone()).await;
    let process = cluster.start(None);
    *dying.lock().unwrap() = Some(process.node.clone());
    while !process.node.is_crashed() {
        cluster.clock.sleep(Duration::from_millis(10)).await;
    }
    let job = cluster.run_to_end(id, None).await;
    let rows = check(&cluster, &job, &keys).await;
    let codes: BTreeSet<_> = rows.values().map(|row| row.status.as_str()).collect();
    assert_eq!(codes, BTreeSet::from(["succeeded"]));
    assert_eq!(cluster.bucket.object(&at("target", "large")).unwrap().head.size, 6 << 30);
    let left = cluster.bucket.open_uploads();
    assert_eq!(left.len(), 1, "it cannot be told from another writer's");
    assert_eq!(left[0].parts, [], "it takes no room");
}

fn is_trial(call: &Call) -> bool {
    matches!(call, Call::CreateMultipartUpload(create) if create.at.key.as_str().ends_with("/upload-test"))
}

#[tokio::test(start_paused = true)]
async fn the_upload_that_tests_the_reports_place_is_aborted_by_the_next_visit_when_its_process_dies() {
    let mut cluster = TestCluster::new(423);
    cluster.fill(3).await;
    let dying: Arc<Mutex<Option<Node>>> = Arc::default();
    let next = dying.clone();
    cluster.spoil(move |call| match next.lock().unwrap().take_if(|_| is_trial(call)) {
        Some(node) => Spoil::Dies(node),
        None => Spoil::Nothing,
    });
    let id = cluster.create(copy(), keys(3)).await;
    // Of another writer, at a key that begins alike.
    let other = at("aside", &format!("reports/job-{id}/upload-test-of-another"));
    let create = CreateMultipartUpload { at: other, with: Box::default() };
    let others = send(&*cluster.bucket, &CancelToken::unbounded(), create).await.unwrap();
    let node = Node::default();
    *dying.lock().unwrap() = Some(node.clone());
    let process = cluster.start_with(node.clone(), None, Arc::new(node));
    while !process.node.is_crashed() {
        cluster.clock.sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(cluster.bucket.open_uploads().len(), 2, "its creation was carried out");
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let left: Vec<_> = cluster.bucket.open_uploads().into_iter().map(|upload| upload.id).collect();
    assert_eq!(left, [others], "none of ours, and what is another's stays");
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_answer_was_lost_leaves_nothing_open() {
    let mut cluster = TestCluster::new(424);
    cluster.fill(3).await;
    let trials = AtomicU64::new(0);
    cluster.spoil(move |call| match is_trial(call) && trials.fetch_add(1, Ordering::SeqCst) == 0 {
        true => Spoil::ResetAfter,
        false => Spoil::Nothing,
    });
    cluster.put_chain_around();
    let id = cluster.create(copy(), keys(3)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    assert_eq!(cluster.bucket.open_uploads(), []);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_list_uploads_keeps_no_job_from_its_report() {
    for spoil in [
        Spoil::Refused(Verdict::Denied, 403, "AccessDenied"),
        Spoil::Refused(Verdict::Invalid, 501, "NotImplemented"),
        Spoil::ErrorInSuccess,
    ] {
        let mut cluster = TestCluster::new(425);
        cluster.fill(3).await;
        let refusal = spoil.clone();
        cluster.spoil(move |call| match call {
            Call::ListMultipartUploads(_) => refusal.clone(),
            _ => Spoil::Nothing,
        });
        cluster.put_chain_around();
        let id = cluster.create(copy(), keys(3)).await;
        let job = cluster.run_to_end(id, None).await;
        assert_eq!(job.status, Status::Complete, "{spoil:?}: {job:#?}");
        check(&cluster, &job, &keys(3)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_kills_every_worker_is_given_up_soon() {
    let mut cluster = TestCluster::new(405);
    cluster.fill(100).await;
    cluster.spoil(|call| {
        assert!(subject(call) != (CallKind::PutObjectTagging, key(40)), "for a test");
        Spoil::Nothing
    });
    let id = cluster.create(tagging(), keys(100)).await;
    let began = cluster.clock.monotonic();
    let job = cluster.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InternalError"), "{job:#?}");
    assert!(job.failures[0].reason.contains("lost its worker 10 times"), "{job:#?}");
    assert!(cluster.clock.monotonic().since(began) < Duration::from_secs(300));
    check(&cluster, &job, &keys(100)).await;
}

/// Slices of 64 tasks, 128, and so on: the last one has 2,048, which are deleted up to 1,000 at a time.
const TASKS: usize = 4032;
/// Its last tasks; the last of them are deleted in one call.
const LAST_GROUP: std::ops::Range<usize> = 3992..TASKS;
/// Objects among those that another writer writes while the job is paused.
const WRITTEN_WHILE_PAUSED: std::ops::Range<usize> = 4022..TASKS;

/// A delete whose last slice was leased, worked on in part and given back cleanly, because its
/// user paused it; an hour later, objects were written that it has not attempted yet.
async fn delete_that_was_paused_for_long(cluster: &mut TestCluster) -> JobId {
    (cluster.config.slices, cluster.config.tasks) = (1, 1);
    cluster.fill(TASKS).await;
    let id = cluster.create_with(Operation::Delete, keys(TASKS), paced(1)).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 2000).await;
    cluster.change(id, Change::Held).await;
    process.engine.notify();
    let job = cluster.wait(id, |job| job.status == Status::Paused).await;
    process.engine.shut_down().await;
    assert!(job.progress.succeeded < LAST_GROUP.start as u64, "{job:#?}");
    let last = cluster.jobs.slices(id, 0, usize::MAX).await.unwrap().pop().unwrap();
    assert!(last.first_leased.is_some() && last.must_check_since.is_none(), "{last:#?}");

    cluster.clock.sleep(Duration::from_secs(3600)).await;
    write_anew(cluster, "while it was paused").await;
    // Objects are older than leases: a store tells their age in whole seconds.
    cluster.clock.sleep(Duration::from_secs(10)).await;
    cluster.change(id, Change::Released).await;
    id
}

async fn write_anew(cluster: &TestCluster, body: &str) {
    for n in WRITTEN_WHILE_PAUSED {
        cluster.put("source", &key(n), body).await;
    }
}

fn is_last_group(call: &Call) -> bool {
    matches!(call, Call::DeleteObjects(delete) if delete.objects.iter().any(|(name, _)| name.as_str() == key(TASKS - 1)))
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_the_lease_of_a_lost_delete_is_deleted_however_long_ago_the_first_lease_was() {
    let mut cluster = TestCluster::new(430);
    cluster.spoil(|call| if is_last_group(call) { Spoil::ResetBefore } else { Spoil::Nothing });
    let id = delete_that_was_paused_for_long(&mut cluster).await;
    let process = cluster.start_beside(None);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    process.engine.shut_down().await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 0), "{job:#?}");
    check(&cluster, &job, &keys(TASKS)).await;
    assert_eq!(cluster.bucket.keys(&bucket("source")), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_since_the_oldest_lease_that_was_lost_is_left_whatever_leases_came_after_it() {
    let mut cluster = TestCluster::new(431);
    let dying: Arc<Mutex<Option<Node>>> = Arc::default();
    let next = dying.clone();
    cluster.spoil(move |call| match next.lock().unwrap().take_if(|_| is_last_group(call)) {
        Some(node) => Spoil::Dies(node),
        None => Spoil::Nothing,
    });
    let id = delete_that_was_paused_for_long(&mut cluster).await;
    let Process { node, .. } = cluster.start_beside(None);
    *dying.lock().unwrap() = Some(node.clone());
    while !node.is_crashed() {
        cluster.clock.sleep(Duration::from_millis(10)).await;
    }
    // The group is deleted, and its outcomes are not recorded. A worker that takes over checks it
    // later still.
    cluster.clock.sleep(Duration::from_secs(10)).await;
    write_anew(&cluster, "after the crash").await;
    cluster.clock.sleep(Duration::from_secs(3600)).await;
    let job = cluster.run_to_end(id, None).await;
    let rows = check(&cluster, &job, &keys(TASKS)).await;
    let left: Vec<_> = rows.iter().filter(|(_, row)| row.code == "ChangedSinceAttempt").collect();
    assert_eq!((job.status, left.len()), (Status::Complete, WRITTEN_WHILE_PAUSED.len()), "{left:?}");
    assert_eq!(cluster.bucket.keys(&bucket("source")).len(), WRITTEN_WHILE_PAUSED.len());
}
