//! A job that waits for restores: it looks in rounds, holds no slot between them, and accounts for each
//! object once, however its processes die.

use std::time::Duration;

use brigade_model::job::{Change, Follow, REASON_ROUND};
use brigade_model::operation::{Restore, RestoreTier, WaitForRestore};
use brigade_model::ports::object_store::{CallKind, CancelToken, CopyObject, send};
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{Dialect, Job, JobId, JobSpec, Operation, Status, WaitCause};

use crate::account::{check, text};
use crate::cluster::{TestCluster, at, key};
use crate::crashing::{Mishap, What};
use crate::life::{copy, tagging};

/// The simulated store takes four hours for a restore.
const RESTORE_HOURS: u64 = 4;
const HOUR: Duration = Duration::from_secs(3600);

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn restore() -> Operation {
    Operation::Restore(Restore { days: 2, tier: RestoreTier::Standard })
}

/// Archives these objects of `source`.
async fn archive(cluster: &TestCluster, keys: &[String]) {
    for key in keys {
        let at = at("source", key);
        let archive = CopyObject { storage_class: Some("GLACIER".into()), ..CopyObject::plain(at.clone(), at) };
        send(&*cluster.bucket, &CancelToken::unbounded(), archive).await.unwrap();
    }
    cluster.clock.sleep(Duration::from_secs(10)).await;
}

/// A job that waits for what `source` restores, created but not started.
async fn follow(cluster: &TestCluster, source: JobId, hours: u32, adjust: impl FnOnce(&mut JobSpec)) -> JobId {
    let follow = Follow {
        client_request_token: format!("wait-{source}"),
        priority: None,
        description: None,
        wait: WaitForRestore { hours },
    };
    let mut spec = cluster.job(source).await.followed(follow);
    adjust(&mut spec);
    cluster.store_job("1", Dialect::Cos, spec).await
}

/// A cluster with so many archived objects.
async fn archived(seed: u64, objects: usize) -> TestCluster {
    let cluster = TestCluster::new(seed);
    cluster.fill(objects).await;
    archive(&cluster, &keys(objects)).await;
    cluster
}

/// Waits until the job is Complete, for as long as a restore takes.
async fn wait_for_hours(cluster: &TestCluster, id: JobId) -> Job {
    // The longest pause is an hour.
    for _ in 0..(RESTORE_HOURS + 2) * 60 {
        let job = cluster.job(id).await;
        if job.status.is_terminal() {
            assert_eq!(job.status, Status::Complete, "{job:#?}");
            return job;
        }
        cluster.clock.sleep(Duration::from_secs(60)).await;
    }
    panic!("the job does not end: {:#?}", cluster.job(id).await);
}

fn is_between_rounds(job: &Job) -> bool {
    job.status == Status::Paused && job.held_until().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_job_waits_for_the_successes_of_a_restore_in_rounds_without_a_slot_and_a_copy_can_follow() {
    let mut cluster = archived(700, 100).await;
    cluster.config.active_jobs = 1;
    // Some rows of the restore fail: nothing waits for these.
    let rows = keys(110);
    let restoring = cluster.create(restore(), rows.clone()).await;
    let waiting = follow(&cluster, restoring, 72, |_| {}).await;
    let process = cluster.start(None);
    cluster.wait(restoring, |job| job.status == Status::Complete).await;
    let job = cluster.wait(waiting, is_between_rounds).await;
    assert_eq!((job.progress.total, job.progress.succeeded, job.progress.failed), (100, 0, 0));
    let reason = format!("{REASON_ROUND}: 0 of 100 readable; looks again at 20");
    assert!(job.status_update_reason.starts_with(&reason), "{}", job.status_update_reason);
    let now = cluster.jobs.service_time().await.unwrap();
    let told = process.engine.waiting(&job, now).unwrap();
    assert_eq!(told.cause, WaitCause::Restore);
    assert!(told.what.starts_with("restores: 0 of 100 objects are readable, 100 not yet; looks again at "), "{told:?}");

    // Its slot is another's meanwhile, and no request is made.
    let heads = cluster.bucket.calls(CallKind::HeadObject);
    let other = cluster.create(tagging(), keys(10)).await;
    process.engine.notify();
    cluster.wait(other, |job| job.status == Status::Complete).await;
    assert_eq!(cluster.job(waiting).await.status, Status::Paused);
    let looked = cluster.bucket.calls(CallKind::HeadObject);
    assert!(looked - heads <= 20, "only the other job's preflight looks: {heads} {looked}");

    cluster.clock.sleep(HOUR).await;
    let rounds = (cluster.bucket.calls(CallKind::HeadObject) - looked) / 100;
    assert_eq!(rounds, 3, "after 5, 15 and 35 minutes");
    let job = wait_for_hours(&cluster, waiting).await;
    assert_eq!((job.progress.succeeded, job.progress.failed), (100, 0));
    check(&cluster, &job, &keys(100)).await;
    assert_eq!(job.rounds, None);

    // What it found readable can be copied.
    let copying = cluster.create(copy(), keys(100)).await;
    let job = cluster.wait(copying, |job| job.status == Status::Complete).await;
    assert_eq!(job.progress.succeeded, 100);
    assert!(text(&cluster, "target", &key(99)).await.is_some());
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_follows_begins_no_sooner_than_the_other_has_ended() {
    let cluster = archived(701, 20).await;
    let slow = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(1);
    let restoring = cluster.create_with(restore(), keys(20), slow).await;
    let waiting = follow(&cluster, restoring, 72, |spec| spec.options.requests_per_second_max = None).await;
    let process = cluster.start(None);
    let mut writes = 0;
    cluster.wait(restoring, |job| job.progress.succeeded > 5).await;
    for _ in 0..10 {
        let job = cluster.job(waiting).await;
        assert_eq!((job.status, job.revision), (Status::New, 0));
        let now = cluster.jobs.service_time().await.unwrap();
        let told = process.engine.waiting(&job, now).unwrap();
        assert_eq!(told.what, format!("its turn, which comes when job {restoring} has ended"));
        cluster.clock.sleep(Duration::from_secs(1)).await;
        writes += 1;
    }
    assert_eq!(writes, 10);
    cluster.change(restoring, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(restoring);
    let source = cluster.wait(restoring, |job| job.status == Status::Cancelled).await;
    let job = cluster.wait(waiting, is_between_rounds).await;
    assert_eq!(job.progress.total, source.progress.succeeded, "it waits for what was restored, and nothing else");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_restore_never_read_its_manifest_fails_and_one_without_successes_is_complete() {
    let cluster = archived(702, 5).await;
    let restoring = cluster.create(restore(), keys(5)).await;
    let waiting = follow(&cluster, restoring, 72, |_| {}).await;
    cluster.change(restoring, Change::CancelRequested("no".into())).await;
    let job = cluster.run_to_end(waiting, None).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "FollowedJobNotFound"), "{job:#?}");

    let restoring = cluster.create(restore(), (10..15).map(key)).await;
    let waiting = follow(&cluster, restoring, 72, |_| {}).await;
    let job = cluster.run_to_end(waiting, None).await;
    assert_eq!((job.status, job.progress.total), (Status::Complete, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_readable_when_patience_ends_fails_at_the_last_look() {
    let cluster = archived(703, 10).await;
    let restoring = cluster.create(restore(), keys(10)).await;
    let waiting = follow(&cluster, restoring, 2, |_| {}).await;
    let began = cluster.clock.monotonic();
    let job = cluster.run_to_end(waiting, None).await;
    let lasted = cluster.clock.monotonic().since(began);
    assert!((2 * HOUR..2 * HOUR + Duration::from_secs(60)).contains(&lasted), "{lasted:?}");
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 10));
    let rows = check(&cluster, &job, &keys(10)).await;
    assert!(rows.values().all(|row| row.code == "RestoreNotFinished"), "{rows:#?}");

    // A retry takes what failed and looks at it anew.
    cluster.clock.sleep(RESTORE_HOURS as u32 * HOUR).await;
    let again = cluster.retry(waiting, |_| {}).await;
    let job = cluster.run_to_end(again, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 10));
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_expired_while_its_job_was_paused_fails() {
    let mut cluster = archived(704, 10).await;
    cluster.config.poll = Duration::from_secs(60);
    let restoring = cluster.create(restore(), keys(10)).await;
    let waiting = follow(&cluster, restoring, 24, |_| {}).await;
    let process = cluster.start(None);
    cluster.wait(waiting, is_between_rounds).await;
    cluster.change(waiting, Change::Held).await;
    cluster.clock.sleep(80 * HOUR).await;
    assert_eq!(cluster.job(waiting).await.status, Status::Paused, "a paused job looks at nothing");
    cluster.change(waiting, Change::Released).await;
    process.engine.notify();
    let job = cluster.wait(waiting, |job| job.status == Status::Complete).await;
    let rows = check(&cluster, &job, &keys(10)).await;
    assert!(rows.values().all(|row| row.code == "RestoreExpired"), "{rows:#?}");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_between_two_rounds_can_be_cancelled_and_one_that_is_resumed_looks_at_once() {
    let cluster = archived(705, 10).await;
    let restoring = cluster.create(restore(), keys(10)).await;
    let waiting = follow(&cluster, restoring, 24, |_| {}).await;
    let process = cluster.start(None);
    let job = cluster.wait(waiting, is_between_rounds).await;
    let number = job.rounds.unwrap().number;
    let began = cluster.clock.monotonic();
    cluster.change(waiting, Change::Released).await;
    process.engine.notify();
    cluster.wait(waiting, |job| is_between_rounds(job) && job.rounds.unwrap().number > number).await;
    assert!(cluster.clock.monotonic().since(began) < Duration::from_secs(10));

    cluster.change(waiting, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(waiting);
    let job = cluster.wait(waiting, |job| job.status == Status::Cancelled).await;
    assert_eq!((job.progress.succeeded, job.progress.failed), (0, 0));
    assert_eq!(check(&cluster, &job, &keys(10)).await.len(), 0, "nothing was found out, and nothing is claimed");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn rounds_over_many_slices_look_at_every_open_task_once() {
    let cluster = archived(706, 3000).await;
    let restoring = cluster.create(restore(), keys(3000)).await;
    let waiting = follow(&cluster, restoring, 24, |_| {}).await;
    let process = cluster.start(None);
    cluster.wait(waiting, is_between_rounds).await;
    for _ in 0..2 {
        let (heads, job) = (cluster.bucket.calls(CallKind::HeadObject), cluster.job(waiting).await);
        let number = job.rounds.unwrap().number;
        cluster.wait(waiting, |job| is_between_rounds(job) && job.rounds.unwrap().number > number).await;
        let looks = cluster.bucket.calls(CallKind::HeadObject) - heads;
        assert!((3000..=3001).contains(&looks), "{looks}: one for each, and perhaps one of the store's clock");
    }
    let job = wait_for_hours(&cluster, waiting).await;
    assert_eq!(job.progress.succeeded, 3000);
    check(&cluster, &job, &keys(3000)).await;
    process.engine.shut_down().await;
}

/// Restores, waits and accounts for each object, with that mishap; gives the number of writes that the wait
/// made.
fn run(seed: u64, has_two_nodes: bool, mishap: Option<(u64, What)>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let name = format!("seed {seed}, {mishap:?}");
        let tasks = 70 + usize::try_from(seed % 3).unwrap() * 40;
        let mut cluster = archived(seed, tasks).await;
        cluster.config.restore_look_every = Duration::from_secs(20);
        // One half is restored an hour before the other, so that rounds find some.
        let (early, late): (Vec<_>, Vec<_>) = keys(tasks).into_iter().partition(|key| key.ends_with(['1', '4', '7']));
        let first = cluster.create(restore(), early.clone()).await;
        cluster.run_to_end(first, None).await;
        cluster.clock.sleep(HOUR).await;
        let restoring = cluster.create(restore(), keys(tasks)).await;
        cluster.run_to_end(restoring, None).await;
        // The rest is readable in 45 s: the second round, after 20 s, finds none of it, the third, after 60, all.
        cluster.clock.sleep(RESTORE_HOURS as u32 * HOUR - Duration::from_secs(45)).await;
        let waiting = follow(&cluster, restoring, 24, |_| {}).await;
        let before = cluster.counted.now().0;
        let mishap = mishap.map(|(write, what)| Mishap { write: before + write, what });
        let other = has_two_nodes.then(|| cluster.start_beside(None));
        let job = cluster.run_to_end_beside(waiting, mishap).await;
        assert_eq!(job.status, Status::Complete, "{name}: {job:#?}");
        let rows = check(&cluster, &job, &keys(tasks)).await;
        assert!(rows.values().all(|row| row.status == "succeeded"), "{name}: {rows:#?}");
        assert!(!late.is_empty());
        if let Some(other) = other {
            other.engine.shut_down().await;
        }
        cluster.counted.now().0 - before
    })
}

#[test]
fn a_crash_or_a_failure_at_any_store_write_of_a_wait_accounts_for_each_object_once() {
    for (seed, has_two_nodes) in [(0, false), (1, true)] {
        let writes = run(seed, has_two_nodes, None);
        for write in 1..=writes {
            for what in [What::DiesBefore, What::DiesAfter, What::FailsBefore, What::FailsAfter] {
                run(seed, has_two_nodes, Some((write, what)));
            }
        }
    }
}
