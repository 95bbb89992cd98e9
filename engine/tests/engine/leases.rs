//! Leases that nobody works under, slices that lose their workers, stops that cannot be recorded,
//! roles that shrink, uploads that stay open: none of them keeps a job waiting or goes unsaid.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::operation::OperationKind;
use brigade_model::ports::object_store::{Call, CallKind, CreateMultipartUpload, Leash, Verdict, send};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{JobId, JobSpec, Operation, Status};
use brigade_runtime::Node;
use brigade_s3::simulated::Body;

use crate::account::{check, text};
use crate::crashing::{Mishap, What};
use crate::life::{copy, tagging};
use crate::spoil::{Spoil, subject};
use crate::world::{Process, World, at, bucket, key};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn paced(tasks: u32) -> impl Fn(&mut JobSpec) + Copy {
    move |spec| spec.options.requests_per_second_max = Some(tasks)
}

/// How long a copy takes whose process sees this mishap, and how many writes it makes.
async fn time_of_a_copy(mishap: Option<Mishap>) -> (Duration, u64) {
    let world = World::new(400);
    world.fill(150).await;
    let id = world.create(copy(), keys(150)).await;
    let began = world.clock.monotonic();
    let job = world.run_to_end(id, mishap).await;
    assert_eq!(job.status, Status::Complete, "{mishap:?}: {job:#?}");
    let rows = check(&world, &job, &keys(150)).await;
    assert!(rows.values().all(|row| row.status == "succeeded"), "{mishap:?}");
    (world.clock.monotonic().since(began), world.counted.writes.load(Ordering::SeqCst))
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
    let mut world = World::new(401);
    world.fill(100).await;
    let is_first = AtomicU64::new(1);
    world.spoil(move |call| {
        let is_meant = subject(call) == (CallKind::CopyObject, key(40));
        assert!(!is_meant || is_first.swap(0, Ordering::SeqCst) == 0, "for a test");
        Spoil::Nothing
    });
    let id = world.create(copy(), keys(100)).await;
    let began = world.clock.monotonic();
    let job = world.run_to_end(id, None).await;
    let waited = world.clock.monotonic().since(began);
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 100), "{job:#?}");
    assert!(waited < Duration::from_secs(60), "its lease did not have to expire: {waited:?}");
    check(&world, &job, &keys(100)).await;
}

#[tokio::test(start_paused = true)]
async fn restarts_fail_no_job_whose_slices_get_on_between_them() {
    let mut world = World::new(402);
    world.config.tasks = 8;
    world.fill(1500).await;
    let id = world.create_with(copy(), keys(1500), paced(40)).await;
    let mut process = world.start(None);
    let mut restarts = 0;
    while !world.job(id).await.status.is_terminal() {
        world.clock.sleep(Duration::from_secs(5)).await;
        process.node.crash();
        process = world.start(None);
        restarts += 1;
    }
    let job = world.job(id).await;
    assert_eq!(job.status, Status::Complete, "after {restarts} restarts: {job:#?}");
    assert!(restarts > 15, "{restarts}");
    check(&world, &job, &keys(1500)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn restarts_fail_no_job_whose_calls_wait_for_an_endpoint_that_is_away() {
    let mut world = World::new(406);
    world.fill(100).await;
    let is_away = Arc::new(AtomicBool::new(false));
    let away = is_away.clone();
    world.spoil(move |call| match (away.load(Ordering::SeqCst), call.kind()) {
        (true, CallKind::PutObjectTagging | CallKind::ListObjectsV2) => {
            Spoil::Refused(Verdict::Unavailable, 0, "ConnectFailed")
        }
        _ => Spoil::Nothing,
    });
    let (store, id) = (world.store.clone(), world.create(tagging(), keys(100)).await);
    is_away.store(true, Ordering::SeqCst);
    for _ in 0..15 {
        // Each process finds out for itself that the endpoint is away.
        world.store = store.clone();
        world.put_chain_around();
        let process = world.start(None);
        world.clock.sleep(Duration::from_secs(20)).await;
        let job = world.job(id).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Active, 0), "{job:#?}");
        assert!(!job.status_update_reason.is_empty(), "it says why it waits");
        process.node.crash();
    }
    let slices = world.jobs.slices(id, 0, usize::MAX).await.unwrap();
    assert!(slices.iter().any(|slice| slice.revocations > 10), "{slices:#?}");
    is_away.store(false, Ordering::SeqCst);
    world.store = store;
    world.put_chain_around();
    let job = world.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 100), "{job:#?}");
    check(&world, &job, &keys(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_job_store_that_is_away_no_longer_than_its_patience() {
    for operation in [copy(), brigade_model::Operation::Delete] {
        let world = World::new(403);
        world.fill(1500).await;
        let id = world.create_with(operation.clone(), keys(1500), paced(100)).await;
        let process = world.start(None);
        world.wait(id, |job| job.progress.succeeded > 300).await;
        world.counted.go_away(&world.clock, Duration::from_secs(24 * 3600));
        world.clock.sleep(Duration::from_secs(3)).await;
        let asked = world.clock.monotonic();
        process.engine.shut_down().await;
        let waited = world.clock.monotonic().since(asked);
        assert!(waited <= world.config.stop_patience + Duration::from_secs(1), "{waited:?}");
        // What was done and not recorded is found by looking, not done twice.
        world.counted.go_away(&world.clock, Duration::ZERO);
        let job = world.run_to_end(id, None).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 1500), "{job:#?}");
        check(&world, &job, &keys(1500)).await;
        let effects = world.bucket.effects();
        let kinds = [CallKind::CopyObject, CallKind::DeleteObject, CallKind::DeleteObjects];
        let acts: Vec<_> = effects.iter().filter(|effect| kinds.contains(&effect.call)).collect();
        assert_eq!(acts.len(), 1500, "each task had its effect once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_came_too_late_for_its_outcomes_lets_the_next_worker_look() {
    // The store comes back between the end of the patience and the return of the slice.
    let world = World::new(404);
    world.fill(1500).await;
    let id = world.create_with(copy(), keys(1500), paced(100)).await;
    let process = world.start(None);
    world.wait(id, |job| job.progress.succeeded > 300).await;
    world.counted.go_away(&world.clock, Duration::from_secs(3) + world.config.stop_patience);
    world.clock.sleep(Duration::from_secs(3)).await;
    process.engine.shut_down().await;
    // Nobody revokes leases here: the slices were given back.
    let other = world.start_beside(None);
    let job = world.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!(job.progress.succeeded, 1500);
    let copies = world.bucket.effects().iter().filter(|effect| effect.call == CallKind::CopyObject).count();
    assert_eq!(copies, 1500, "each object was copied once");
    other.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_role_that_lost_the_operation_fails_its_jobs_and_they_are_reported() {
    for (n, at) in [Status::New, Status::Active, Status::Paused].into_iter().enumerate() {
        let mut world = World::new(410 + n as u64);
        // A slice that runs goes on with what it has; the next one finds the role changed.
        world.config.slices = 1;
        world.fill(500).await;
        let id = world.create_with(copy(), keys(500), paced(100)).await;
        let process = world.start(None);
        if at != Status::New {
            world.wait(id, |job| job.progress.succeeded > 0).await;
        }
        if at == Status::Paused {
            world.change(id, Change::Held).await;
            world.wait(id, |job| job.status == at).await;
        }
        world.allowed.lock().unwrap().retain(|kind| *kind != OperationKind::Copy);
        if at == Status::Paused {
            world.change(id, Change::Released).await;
        }
        let job = world.wait(id, |job| job.status.is_terminal()).await;
        assert_eq!(job.status, Status::Failed, "{at}: {job:#?}");
        let why = &job.failures[0];
        assert_eq!(why.code, "AccessDenied", "{at}: {job:#?}");
        assert_eq!(why.reason, "the role role does not allow the operation copy any more");
        if at != Status::New {
            check(&world, &job, &keys(500)).await;
        }
        process.engine.shut_down().await;
    }
}

/// A world with one object of 6 GiB and three small ones, and their keys.
async fn world_with_a_large_object(seed: u64) -> (World, Vec<String>) {
    let world = World::new(seed);
    world.fill(3).await;
    world.bucket.put(&at("source", "large"), Body::zeros(6 << 30)).unwrap();
    world.clock.sleep(Duration::from_secs(10)).await;
    (world, [keys(3), vec!["large".to_owned()]].concat())
}

const DENIED: Spoil = Spoil::Refused(Verdict::Denied, 403, "AccessDenied");

#[tokio::test(start_paused = true)]
async fn an_upload_whose_abort_was_refused_is_aborted_when_the_job_ends() {
    let (mut world, keys) = world_with_a_large_object(420).await;
    let aborts = AtomicU64::new(0);
    world.spoil(move |call| match call {
        Call::UploadPartCopy(part) if part.part == 3 => DENIED,
        Call::AbortMultipartUpload(abort) if abort.at.key.as_str() == "large" => {
            if aborts.fetch_add(1, Ordering::SeqCst) == 0 { DENIED } else { Spoil::Nothing }
        }
        _ => Spoil::Nothing,
    });
    let id = world.create(copy(), keys.clone()).await;
    let job = world.run_to_end(id, None).await;
    let rows = check(&world, &job, &keys).await;
    assert_eq!((rows["large"].code.as_str(), job.progress.failed), ("AccessDenied", 1));
    assert_eq!(world.bucket.open_uploads(), []);
    let manifest = text(&world, "aside", &format!("reports/job-{id}/manifest.json")).await.unwrap();
    assert!(!manifest.contains("LeftUploads"), "{manifest}");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_never_aborted_is_named_in_the_report_and_keeps_no_job_waiting() {
    for is_silent in [false, true] {
        let (mut world, keys) = world_with_a_large_object(421).await;
        let is_away = Arc::new(Mutex::new(false));
        let silent = is_away.clone();
        world.spoil(move |call| match call {
            Call::UploadPartCopy(part) if part.part == 3 => DENIED,
            Call::AbortMultipartUpload(abort) if abort.at.key.as_str() == "large" => {
                *silent.lock().unwrap() = is_silent;
                if is_silent { Spoil::Refused(Verdict::Throttled, 503, "SlowDown") } else { DENIED }
            }
            _ => Spoil::Nothing,
        });
        world.put_chain_around();
        let id = world.create(copy(), keys.clone()).await;
        let job = world.run_to_end(id, None).await;
        assert_eq!(job.status, Status::Complete, "{job:#?}");
        check(&world, &job, &keys).await;
        let left = world.bucket.open_uploads();
        assert_eq!(left.len(), 1);
        let manifest = text(&world, "aside", &format!("reports/job-{id}/manifest.json")).await.unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let expected = serde_json::json!([{"Bucket": "target", "Key": "large", "UploadId": left[0].id}]);
        assert_eq!(manifest["LeftUploads"], expected);
        assert_eq!(*is_away.lock().unwrap(), is_silent);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_a_crash_left_unknown_has_no_parts_and_the_object_is_copied() {
    let (mut world, keys) = world_with_a_large_object(422).await;
    let dying: Arc<Mutex<Option<Node>>> = Arc::default();
    let next = dying.clone();
    world.spoil(move |call| match call {
        Call::CreateMultipartUpload(create) if create.at.key.as_str() == "large" => {
            next.lock().unwrap().take().map_or(Spoil::Nothing, Spoil::Dies)
        }
        _ => Spoil::Nothing,
    });
    let id = world.create(copy(), keys.clone()).await;
    let process = world.start(None);
    *dying.lock().unwrap() = Some(process.node.clone());
    while !process.node.is_crashed() {
        world.clock.sleep(Duration::from_millis(10)).await;
    }
    let job = world.run_to_end(id, None).await;
    let rows = check(&world, &job, &keys).await;
    let codes: BTreeSet<_> = rows.values().map(|row| row.status.as_str()).collect();
    assert_eq!(codes, BTreeSet::from(["succeeded"]));
    assert_eq!(world.bucket.object(&at("target", "large")).unwrap().head.size, 6 << 30);
    let left = world.bucket.open_uploads();
    assert_eq!(left.len(), 1, "it cannot be told from another writer's");
    assert_eq!(left[0].parts, [], "it takes no room");
}

fn is_trial(call: &Call) -> bool {
    matches!(call, Call::CreateMultipartUpload(create) if create.at.key.as_str().ends_with("/upload-test"))
}

#[tokio::test(start_paused = true)]
async fn the_upload_that_tests_the_reports_place_is_aborted_by_the_next_visit_when_its_process_dies() {
    let mut world = World::new(423);
    world.fill(3).await;
    let dying: Arc<Mutex<Option<Node>>> = Arc::default();
    let next = dying.clone();
    world.spoil(move |call| match next.lock().unwrap().take_if(|_| is_trial(call)) {
        Some(node) => Spoil::Dies(node),
        None => Spoil::Nothing,
    });
    let id = world.create(copy(), keys(3)).await;
    // Of another writer, at a key that begins alike.
    let other = at("aside", &format!("reports/job-{id}/upload-test-of-another"));
    let create = CreateMultipartUpload { at: other, with: Box::default() };
    let others = send(&*world.bucket, &Leash::unbounded(), create).await.unwrap();
    let node = Node::default();
    *dying.lock().unwrap() = Some(node.clone());
    let process = world.start_with(node.clone(), None, Arc::new(node));
    while !process.node.is_crashed() {
        world.clock.sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.bucket.open_uploads().len(), 2, "its creation was carried out");
    let job = world.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    let left: Vec<_> = world.bucket.open_uploads().into_iter().map(|upload| upload.id).collect();
    assert_eq!(left, [others], "none of ours, and what is another's stays");
}

#[tokio::test(start_paused = true)]
async fn a_trial_whose_answer_was_lost_leaves_nothing_open() {
    let mut world = World::new(424);
    world.fill(3).await;
    let trials = AtomicU64::new(0);
    world.spoil(move |call| match is_trial(call) && trials.fetch_add(1, Ordering::SeqCst) == 0 {
        true => Spoil::ResetAfter,
        false => Spoil::Nothing,
    });
    world.put_chain_around();
    let id = world.create(copy(), keys(3)).await;
    let job = world.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete, "{job:#?}");
    assert_eq!(world.bucket.open_uploads(), []);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_list_uploads_keeps_no_job_from_its_report() {
    for spoil in [
        Spoil::Refused(Verdict::Denied, 403, "AccessDenied"),
        Spoil::Refused(Verdict::Invalid, 501, "NotImplemented"),
        Spoil::ErrorInSuccess,
    ] {
        let mut world = World::new(425);
        world.fill(3).await;
        let refusal = spoil.clone();
        world.spoil(move |call| match call {
            Call::ListMultipartUploads(_) => refusal.clone(),
            _ => Spoil::Nothing,
        });
        world.put_chain_around();
        let id = world.create(copy(), keys(3)).await;
        let job = world.run_to_end(id, None).await;
        assert_eq!(job.status, Status::Complete, "{spoil:?}: {job:#?}");
        check(&world, &job, &keys(3)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_kills_every_worker_is_given_up_soon() {
    let mut world = World::new(405);
    world.fill(100).await;
    world.spoil(|call| {
        assert!(subject(call) != (CallKind::PutObjectTagging, key(40)), "for a test");
        Spoil::Nothing
    });
    let id = world.create(tagging(), keys(100)).await;
    let began = world.clock.monotonic();
    let job = world.run_to_end(id, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InternalError"), "{job:#?}");
    assert!(job.failures[0].reason.contains("lost its worker 10 times"), "{job:#?}");
    assert!(world.clock.monotonic().since(began) < Duration::from_secs(300));
    check(&world, &job, &keys(100)).await;
}

/// Slices of 64 tasks, 128, and so on: the last one has 2,048, which are deleted 1,000 at a time.
const TASKS: usize = 4032;
/// Its last tasks; they are deleted in one call.
const LAST_GROUP: std::ops::Range<usize> = 3984..TASKS;
/// Objects among those that another writer writes while the job is paused.
const WRITTEN_WHILE_PAUSED: std::ops::Range<usize> = 3990..4000;

/// A delete whose last slice was leased, worked on in part and given back cleanly, because its
/// user paused it; an hour later, objects were written that it has not attempted yet.
async fn delete_that_was_paused_for_long(world: &mut World) -> JobId {
    (world.config.slices, world.config.tasks) = (1, 1);
    world.fill(TASKS).await;
    let id = world.create_with(Operation::Delete, keys(TASKS), paced(1)).await;
    let process = world.start(None);
    world.wait(id, |job| job.progress.succeeded > 2000).await;
    world.change(id, Change::Held).await;
    process.engine.ring();
    let job = world.wait(id, |job| job.status == Status::Paused).await;
    process.engine.shut_down().await;
    assert!(job.progress.succeeded < LAST_GROUP.start as u64, "{job:#?}");
    let last = world.jobs.slices(id, 0, usize::MAX).await.unwrap().pop().unwrap();
    assert!(last.first_leased.is_some() && last.unsettled_since.is_none(), "{last:#?}");

    world.clock.sleep(Duration::from_secs(3600)).await;
    write_anew(world, "while it was paused").await;
    // Objects are older than leases: a store tells their age in whole seconds.
    world.clock.sleep(Duration::from_secs(10)).await;
    world.change(id, Change::Released).await;
    id
}

async fn write_anew(world: &World, body: &str) {
    for n in WRITTEN_WHILE_PAUSED {
        world.put("source", &key(n), body).await;
    }
}

fn is_last_group(call: &Call) -> bool {
    matches!(call, Call::DeleteObjects(delete) if delete.objects[0].0.as_str() == key(LAST_GROUP.start))
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_the_lease_of_a_lost_delete_is_deleted_however_long_ago_the_first_lease_was() {
    let mut world = World::new(430);
    world.spoil(|call| if is_last_group(call) { Spoil::ResetBefore } else { Spoil::Nothing });
    let id = delete_that_was_paused_for_long(&mut world).await;
    let process = world.start_beside(None);
    let job = world.wait(id, |job| job.status.is_terminal()).await;
    process.engine.shut_down().await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 0), "{job:#?}");
    check(&world, &job, &keys(TASKS)).await;
    assert_eq!(world.bucket.keys(&bucket("source")), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_since_the_oldest_lease_that_was_lost_is_left_whatever_leases_came_after_it() {
    let mut world = World::new(431);
    let dying: Arc<Mutex<Option<Node>>> = Arc::default();
    let next = dying.clone();
    world.spoil(move |call| match next.lock().unwrap().take_if(|_| is_last_group(call)) {
        Some(node) => Spoil::Dies(node),
        None => Spoil::Nothing,
    });
    let id = delete_that_was_paused_for_long(&mut world).await;
    let Process { node, .. } = world.start_beside(None);
    *dying.lock().unwrap() = Some(node.clone());
    while !node.is_crashed() {
        world.clock.sleep(Duration::from_millis(10)).await;
    }
    // The group is deleted, and nobody knows. A worker that takes over looks at it later still.
    world.clock.sleep(Duration::from_secs(10)).await;
    write_anew(&world, "after the crash").await;
    world.clock.sleep(Duration::from_secs(3600)).await;
    let job = world.run_to_end(id, None).await;
    let rows = check(&world, &job, &keys(TASKS)).await;
    let left: Vec<_> = rows.iter().filter(|(_, row)| row.code == "ChangedSinceAttempt").collect();
    assert_eq!((job.status, left.len()), (Status::Complete, WRITTEN_WHILE_PAUSED.len()), "{left:?}");
    assert_eq!(world.bucket.keys(&bucket("source")).len(), WRITTEN_WHILE_PAUSED.len());
}
