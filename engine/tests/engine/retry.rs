//! Jobs that retry the failed and the unattempted tasks of an ended one.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_engine::BucketRules;
use brigade_model::job::{Change, Unconfirmed};
use brigade_model::ports::job_store::Due;
use brigade_model::ports::object_store::CallKind;
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{Job, JobId, JobSpec, Operation, Status};

use crate::account::{Row, check, text};
use crate::cluster::{TestCluster, key};
use crate::crashing::{Mishap, What};
use crate::life::{copy, tagging};

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// The keys of tasks without a success, in manifest order.
fn left(keys: &[String], rows: &BTreeMap<String, Row>) -> Vec<String> {
    let is_left = |key: &&String| rows.get(*key).is_none_or(|row| row.status != "succeeded");
    keys.iter().filter(is_left).cloned().collect()
}

/// Runs a job over these keys until some of its tasks have their outcome, and cancels it.
async fn cancelled(cluster: &TestCluster, operation: Operation, keys: &[String]) -> (Job, BTreeMap<String, Row>) {
    let slow = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(300);
    let id = cluster.create_with(operation, keys.to_vec(), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded + job.progress.failed > 40).await;
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    process.engine.stop_job(id);
    let job = cluster.wait(id, |job| job.status == Status::Cancelled).await;
    process.engine.shut_down().await;
    let rows = check(cluster, &job, keys).await;
    (job, rows)
}

#[tokio::test(start_paused = true)]
async fn a_retry_does_what_failed_and_nothing_else() {
    let cluster = TestCluster::new(60);
    cluster.fill(100).await;
    let id = cluster.create_with(copy(), keys(120), |spec| spec.description = Some("nightly".into())).await;
    let source = cluster.run_to_end(id, None).await;
    assert_eq!((source.status, source.count_to_retry()), (Status::Complete, Ok(20)));
    for i in 100..120 {
        cluster.put("source", &key(i), &format!("body {i}")).await;
    }
    let copies = cluster.bucket.calls(CallKind::CopyObject);
    let retry = cluster.retry(id, |_| {}).await;
    let job = cluster.run_to_end(retry, None).await;
    assert_eq!((job.status, job.progress.total), (Status::Complete, 20), "{job:#?}");
    let expected = JobSpec {
        client_request_token: job.spec.client_request_token.clone(),
        retry_of: Some(id),
        ..source.spec.clone()
    };
    assert_eq!(job.spec, expected, "the same operation, options, role and places");
    let rows = check(&cluster, &job, &keys(120)[100..]).await;
    assert!(rows.values().all(|row| row.status == "succeeded"));
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject), copies + 20);
}

#[tokio::test(start_paused = true)]
async fn a_retry_can_itself_be_retried_until_nothing_is_left() {
    let cluster = TestCluster::new(61);
    cluster.fill(400).await;
    let all = keys(400);
    let (mut job, mut rows) = cancelled(&cluster, tagging(), &all).await;
    let mut open = left(&all, &rows);
    for _ in 0..2 {
        assert_eq!(job.count_to_retry(), Ok(open.len() as u64));
        let retry = cluster.retry(job.id, |_| {}).await;
        let process = cluster.start(None);
        cluster.wait(retry, |job| job.progress.succeeded > 40).await;
        cluster.change(retry, Change::CancelRequested("enough".into())).await;
        process.engine.stop_job(retry);
        job = cluster.wait(retry, |job| job.status == Status::Cancelled).await;
        process.engine.shut_down().await;
        rows = check(&cluster, &job, &open).await;
        open = left(&open, &rows);
        assert!(!open.is_empty());
    }
    let last = cluster.retry(job.id, |_| {}).await;
    let job = cluster.run_to_end(last, None).await;
    assert_eq!((job.status, job.progress.total), (Status::Complete, open.len() as u64));
    check(&cluster, &job, &open).await;
    assert!(job.count_to_retry().is_err(), "nothing is left to retry");
    assert_eq!(cluster.bucket.calls(CallKind::PutObjectTagging), 400, "each object was tagged once");
}

/// Retries a job of which some tasks failed and, where the seed says so, some were not
/// attempted, with that mishap; gives the number of writes that the retry took.
fn run(seed: u64, mishap: Option<(u64, What)>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let name = format!("seed {seed}, {mishap:?}");
        let cluster = TestCluster::new(seed);
        let all = keys(80 + usize::try_from(seed).unwrap());
        let operation = if seed.is_multiple_of(3) { tagging() } else { copy() };
        // Every fifth object comes after the first job.
        for (i, key) in all.iter().enumerate().filter(|(i, _)| i % 5 != 0) {
            cluster.put("source", key, &format!("body {i}")).await;
        }
        cluster.clock.sleep(Duration::from_secs(10)).await;
        let (source, rows) = if seed.is_multiple_of(2) {
            cancelled(&cluster, operation, &all).await
        } else {
            let id = cluster.create(operation, all.clone()).await;
            let job = cluster.run_to_end(id, None).await;
            let rows = check(&cluster, &job, &all).await;
            (job, rows)
        };
        let open = left(&all, &rows);
        for (i, key) in all.iter().enumerate().filter(|(i, _)| i % 5 == 0) {
            cluster.put("source", key, &format!("body {i}")).await;
        }
        cluster.clock.sleep(Duration::from_secs(10)).await;
        let retry = cluster.retry(source.id, |_| {}).await;
        let before = cluster.counted.now().0;
        let mishap = mishap.map(|(write, what)| Mishap { write: before + write, what });
        let job = cluster.run_to_end(retry, mishap).await;
        assert_eq!(job.status, Status::Complete, "{name}: {job:#?}");
        let rows = check(&cluster, &job, &open).await;
        assert!(rows.values().all(|row| row.status == "succeeded"), "{name}: {rows:#?}");
        if matches!(job.spec.operation, Operation::Copy(_)) {
            for (i, key) in all.iter().enumerate() {
                assert_eq!(text(&cluster, "target", key).await, Some(format!("body {i}")), "{name}: {key}");
            }
        }
        cluster.counted.now().0 - before
    })
}

#[test]
fn a_crash_or_a_failure_at_any_store_write_of_a_retry_leaves_none_out_and_adds_none() {
    for seed in 0..4 {
        let writes = run(seed, None);
        for write in 1..=writes {
            for what in [What::DiesBefore, What::DiesAfter, What::FailsBefore, What::FailsAfter] {
                run(seed, Some((write, what)));
            }
        }
    }
}

/// A job whose worker died, so that the effect of some of its tasks is not known.
async fn unconfirmed(cluster: &TestCluster, operation: Operation, keys: &[String]) -> (Job, BTreeMap<String, Row>) {
    let slow = |spec: &mut JobSpec| {
        spec.options.requests_per_second_max = Some(500);
    };
    let id = cluster.create_with(operation, keys.to_vec(), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 100).await;
    process.node.crash();
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    let job = cluster.run_to_end(id, None).await;
    let rows = check(cluster, &job, keys).await;
    assert!(rows.values().any(|row| row.code == "Unconfirmed"));
    (job, rows)
}

#[tokio::test(start_paused = true)]
async fn the_retry_of_an_unconfirmed_copy_looks_before_it_acts() {
    let cluster = TestCluster::new(62);
    cluster.fill(4000).await;
    let all = keys(4000);
    let (source, rows) = unconfirmed(&cluster, copy(), &all).await;
    let open = left(&all, &rows);
    let mut done = Vec::new();
    for key in &open {
        if text(&cluster, "target", key).await.is_some() {
            done.push(key.clone());
        }
    }
    assert!(!done.is_empty(), "some were copied and their worker died before it said so");
    // Of one of them another writer writes the target anew.
    cluster.put("target", &done[0], "written by another writer").await;
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let copies = cluster.bucket.calls(CallKind::CopyObject);
    let retry = cluster.retry(source.id, |spec| spec.options.requests_per_second_max = None).await;
    let job = cluster.run_to_end(retry, None).await;
    let rows = check(&cluster, &job, &open).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 1), "{job:#?}");
    assert_eq!(rows[&done[0]].code, "ChangedSinceAttempt");
    assert_eq!(text(&cluster, "target", &done[0]).await.as_deref(), Some("written by another writer"));
    assert_eq!(cluster.bucket.calls(CallKind::CopyObject) - copies, (open.len() - done.len()) as u64);

    // Another retry of that gets the same answer, and the object stays.
    let again = cluster.retry(retry, |_| {}).await;
    let job = cluster.run_to_end(again, None).await;
    assert_eq!(check(&cluster, &job, &done[..1]).await[&done[0]].code, "ChangedSinceAttempt");
    assert_eq!(text(&cluster, "target", &done[0]).await.as_deref(), Some("written by another writer"));

    // Until its user says that it shall be done whatever was written since.
    let act = cluster.retry(again, |spec| spec.unconfirmed = Unconfirmed::Act).await;
    let job = cluster.run_to_end(act, None).await;
    assert_eq!(check(&cluster, &job, &done[..1]).await[&done[0]].status, "succeeded");
    assert_ne!(text(&cluster, "target", &done[0]).await.as_deref(), Some("written by another writer"));
}

#[tokio::test(start_paused = true)]
async fn the_retry_of_an_unconfirmed_delete_leaves_what_was_written_since() {
    let cluster = TestCluster::new(63);
    cluster.fill(4000).await;
    let all = keys(4000);
    // Keys that XML cannot carry go by a call of their own, so that the budget holds them back.
    let all: Vec<String> = all.into_iter().map(|key| format!("{key}\u{7f}")).collect();
    for key in &all {
        cluster.put("source", key, "old").await;
    }
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let (source, rows) = unconfirmed(&cluster, Operation::Delete, &all).await;
    let open = left(&all, &rows);
    let mut gone = Vec::new();
    for key in open.iter().filter(|key| rows.get(*key).is_some_and(|row| row.code == "Unconfirmed")) {
        if text(&cluster, "source", key).await.is_none() {
            gone.push(key.clone());
        }
    }
    assert!(!gone.is_empty());
    cluster.put("source", &gone[0], "written anew").await;
    cluster.clock.sleep(Duration::from_secs(10)).await;
    let retry = cluster.retry(source.id, |spec| spec.options.requests_per_second_max = None).await;
    let job = cluster.run_to_end(retry, None).await;
    let rows = check(&cluster, &job, &open).await;
    assert_eq!((job.status, job.progress.failed), (Status::Complete, 1), "{job:#?}");
    assert_eq!(rows[&gone[0]].code, "ChangedSinceAttempt");
    assert_eq!(text(&cluster, "source", &gone[0]).await.as_deref(), Some("written anew"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_job_stays_until_its_retry_has_read_its_tasks() {
    let mut cluster = TestCluster::new(64);
    cluster.config.ended_jobs_kept = Duration::ZERO;
    let id = cluster.create(copy(), keys(300)).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete);
    let retry = cluster.retry(id, |_| {}).await;
    cluster.change(id, Change::DeleteRequested).await;
    let now = cluster.jobs.service_time().await.unwrap();
    let purged = cluster.jobs.purge(&Due::ended_before(now), 1000).await.unwrap();
    assert_eq!(purged.jobs, []);
    let process = cluster.start(None);
    let job = cluster.wait(retry, |job| job.prepared.is_some()).await;
    assert_eq!(job.progress.total, 300);
    for _ in 0..200 {
        if cluster.jobs.job(id).await.unwrap().is_none() {
            process.engine.shut_down().await;
            return;
        }
        cluster.clock.sleep(Duration::from_secs(1)).await;
    }
    panic!("the deleted job was never purged");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_the_role_lost_meanwhile_is_refused_on_every_row_of_the_retry() {
    let cluster = TestCluster::new(65);
    let id = cluster.create(copy(), keys(10)).await;
    let source = cluster.run_to_end(id, None).await;
    assert_eq!(source.count_to_retry(), Ok(10));
    cluster.fill(10).await;
    cluster.rules.lock().unwrap().allowed = vec!["target".into(), "aside".into()];
    let retry: JobId = cluster.retry(id, |_| {}).await;
    let job = cluster.run_to_end(retry, None).await;
    let rows = check(&cluster, &job, &keys(10)).await;
    assert!(rows.values().all(|row| row.code == "AccessDenied"), "{rows:#?}");
    assert_eq!(text(&cluster, "target", &key(0)).await, None);
    *cluster.rules.lock().unwrap() = BucketRules::any();
    let again = cluster.retry(retry, |_| {}).await;
    let job = cluster.run_to_end(again, None).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 10));
}
