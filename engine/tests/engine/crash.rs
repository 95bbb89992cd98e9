//! A crash at each store write, before it and after it: the first simulation, over 20 seeds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::ports::{Clock, Entropy, JobStore};
use brigade_model::{Operation, Status};
use brigade_runtime::SeededEntropy;

use crate::account::{check, text};
use crate::cluster::{TestCluster, key};
use crate::crashing::{Mishap, What};
use crate::life::{copy, tagging};

/// What a seed decides: the operation and the number of tasks.
pub(crate) fn scene(seed: u64) -> (Operation, usize) {
    let entropy = SeededEntropy::new(seed);
    let operation = match entropy.below(3) {
        0 => copy(),
        1 => tagging(),
        _ => Operation::Delete,
    };
    let tasks = 1 + usize::try_from(entropy.below(250)).unwrap();
    (operation, tasks)
}

/// Runs the seed's job with that mishap and checks the promise; gives the number of writes.
pub(crate) fn run(seed: u64, mishap: Option<Mishap>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (operation, tasks) = scene(seed);
        let is_delete = operation == Operation::Delete;
        let is_copy = matches!(operation, Operation::Copy(_));
        let cluster = TestCluster::new(seed);
        cluster.fill(tasks).await;
        let keys: Vec<String> = (0..tasks).map(key).collect();
        let id = cluster.create(operation, keys.clone()).await;
        let job = cluster.run_to_end(id, mishap).await;
        assert_eq!(job.status, Status::Complete, "seed {seed}, {mishap:?}: {job:#?}");
        let rows = check(&cluster, &job, &keys).await;
        assert!(rows.values().all(|row| row.status == "succeeded"), "seed {seed}, {mishap:?}: {rows:#?}");
        for i in 0..tasks {
            assert_eq!(text(&cluster, "source", &key(i)).await.is_none(), is_delete, "seed {seed}, {mishap:?}");
            assert_eq!(text(&cluster, "target", &key(i)).await.is_some(), is_copy, "seed {seed}, {mishap:?}");
        }
        assert!(cluster.bucket.open_uploads().is_empty(), "seed {seed}, {mishap:?}: an upload is left behind");
        cluster.counted.writes.load(Ordering::SeqCst)
    })
}

#[test]
fn a_crash_at_any_store_write_changes_nothing_of_what_a_job_promises() {
    for seed in 0..20 {
        let writes = run(seed, None);
        for write in 1..=writes {
            for what in [What::DiesBefore, What::DiesAfter] {
                run(seed, Some(Mishap { write, what }));
            }
        }
    }
}

/// How a job that does not complete comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Cancelled,
    Failed,
}

/// Runs a copy that is cancelled, or that fails too often, with that mishap, on two nodes if so
/// wished, and checks that the report accounts for every effect; gives the number of writes.
fn run_to_bad_end(seed: u64, end: End, has_two_nodes: bool, mishap: Option<Mishap>) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let name = format!("seed {seed}, {end:?}, {mishap:?}");
        let mut cluster = TestCluster::new(seed);
        cluster.config.tasks = 4;
        cluster.fill(150).await;
        // Too many of a failing job's objects are missing.
        let keys: Vec<String> = (0..if end == End::Failed { 400 } else { 150 }).map(key).collect();
        let id = cluster.create_with(copy(), keys.clone(), |spec| {
            spec.options.requests_per_second_max = Some(100);
            spec.options.threshold_tasks = Some(10);
        });
        let id = id.await;
        let other = has_two_nodes.then(|| cluster.start_beside(None));
        let cancel = async {
            let after = Duration::from_millis(500 + 100 * (seed % 7));
            cluster.clock.sleep(after).await;
            if end == End::Cancelled {
                cluster.change(id, Change::CancelRequested("enough".into())).await;
            }
        };
        let (job, ()) = tokio::join!(cluster.run_to_end_beside(id, mishap), cancel);
        let expected = if end == End::Failed { Status::Failed } else { Status::Cancelled };
        assert_eq!(job.status, expected, "{name}: {job:#?}");
        let slices = cluster.jobs.slices(id, 0, usize::MAX).await.unwrap();
        // Cancelled before anything ran: there is nothing to report.
        let has_run = slices.iter().any(|slice| slice.first_leased.is_some());
        let rows = if has_run { check(&cluster, &job, &keys).await } else { Default::default() };
        for key in &keys {
            let is_copied = text(&cluster, "target", key).await.is_some();
            match rows.get(key).map(|row| (row.status.as_str(), row.code.as_str())) {
                Some(("succeeded", _)) => assert!(is_copied, "{name}: {key} is said to be copied"),
                Some(("failed", "Unconfirmed")) => {}
                Some(("failed", "NoSuchKey")) | None => assert!(!is_copied, "{name}: {key} was copied"),
                row => panic!("{name}: {key}: {row:?}"),
            }
        }
        drop(other);
        cluster.counted.now().0
    })
}

#[test]
fn a_crash_or_a_failure_at_any_store_write_leaves_no_effect_unsaid_when_a_job_ends_badly() {
    for (seed, end, has_two_nodes) in
        [(50, End::Cancelled, false), (51, End::Failed, false), (52, End::Cancelled, true), (53, End::Failed, true)]
    {
        let writes = run_to_bad_end(seed, end, has_two_nodes, None);
        for write in 1..=writes {
            for what in [What::DiesBefore, What::DiesAfter, What::FailsBefore, What::FailsAfter] {
                run_to_bad_end(seed, end, has_two_nodes, Some(Mishap { write, what }));
            }
        }
    }
}

#[test]
fn the_same_seed_ends_in_the_same_state() {
    for seed in 0..20 {
        assert_eq!(run(seed, None), run(seed, None), "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_says_unconfirmed_for_what_a_dead_worker_may_have_done() {
    let cluster = TestCluster::new(77);
    cluster.fill(4000).await;
    let keys: Vec<String> = (0..4000).map(key).collect();
    let slow = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(500);
    let id = cluster.create_with(copy(), keys.clone(), slow).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 100).await;
    process.node.crash();
    cluster.change(id, Change::CancelRequested("enough".into())).await;
    let job = cluster.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Cancelled);
    let rows = check(&cluster, &job, &keys).await;
    for key in &keys {
        let is_copied = text(&cluster, "target", key).await.is_some();
        match rows.get(key).map(|row| (row.status.as_str(), row.code.as_str())) {
            Some(("succeeded", _)) => assert!(is_copied, "{key} is said to be copied"),
            Some(("failed", "Unconfirmed")) => {}
            None => assert!(!is_copied, "{key} was copied, and the report does not say so"),
            other => panic!("{key}: {other:?}"),
        }
    }
    assert!(rows.values().any(|row| row.code == "Unconfirmed"));
    assert!(rows.len() < 4000, "what was certainly not attempted is not said to be unknown");
}
