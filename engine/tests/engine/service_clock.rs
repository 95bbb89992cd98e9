//! The time of day is set while jobs wait: their waits end when they would have ended anyway.

use std::time::Duration;

use brigade_model::ports::{Clock, JobStore};
use brigade_model::{JobSpec, Operation, Status};

use crate::cluster::{TestCluster, key};
use crate::delivery::refused_in_the_middle;

const HOUR: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 86_400_000;

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_takes_nothing_from_the_patience_with_a_report_and_adds_nothing() {
    for (seed, set_ms) in [(640, 0), (641, -60_851_849), (642, 365 * DAY_MS), (643, -365 * DAY_MS)] {
        let cluster = TestCluster::new(seed);
        let (id, process) = refused_in_the_middle(&cluster).await;
        cluster.clock.jump(set_ms);
        cluster.clock.sleep(hours(24) - Duration::from_secs(300)).await;
        assert_eq!(cluster.job(id).await.status, Status::Completing, "it is patient, though set by {set_ms} ms");
        cluster.clock.sleep(Duration::from_secs(600)).await;
        let job = cluster.job(id).await;
        assert_eq!(job.status, Status::Failed, "set by {set_ms} ms: {job:#?}");
        assert_eq!(job.failures[0].code, "ReportDeliveryFailed");
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_patience_with_a_report_goes_on_over_restarts_however_the_clock_is_set() {
    let cluster = TestCluster::new(644);
    let (id, mut process) = refused_in_the_middle(&cluster).await;
    // Each day of the time of day's that no process saw counts as an hour at most here: the clock
    // goes back whenever a process dies.
    for _ in 0..24 {
        assert_eq!(cluster.job(id).await.status, Status::Completing, "it is patient");
        cluster.clock.sleep(HOUR).await;
        process.node.crash();
        cluster.clock.jump(-DAY_MS);
        process = cluster.start(None);
    }
    // A crash may cost what was not stored, up to a minute.
    cluster.clock.sleep(HOUR).await;
    let job = cluster.job(id).await;
    assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ReportDeliveryFailed"), "{job:#?}");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_counts_as_patience_and_a_clock_that_was_set_forward_meanwhile_as_a_day() {
    // How far the time of day moves while no process runs, and whether the report is given up then.
    for (seed, moved, is_given_up) in [(645, hours(20), false), (646, hours(365 * 24), true)] {
        let mut cluster = TestCluster::new(seed);
        cluster.config.report_patience = hours(23);
        let (id, process) = refused_in_the_middle(&cluster).await;
        process.node.crash();
        cluster.clock.jump(i64::try_from(moved.as_millis()).unwrap());
        let process = cluster.start(None);
        cluster.clock.sleep(Duration::from_secs(300)).await;
        assert_eq!(cluster.job(id).await.status == Status::Failed, is_given_up, "{moved:?}");
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_lets_nobody_confirm_for_longer_or_shorter() {
    for (seed, set_ms) in [(647, 365 * DAY_MS), (648, -365 * DAY_MS)] {
        let mut cluster = TestCluster::new(seed);
        cluster.config.confirmation_patience = hours(48);
        cluster.fill(3).await;
        let wants = |spec: &mut JobSpec| spec.confirmation_required = Some(true);
        let id = cluster.create_with(Operation::Delete, (0..3).map(key), wants).await;
        let process = cluster.start(None);
        cluster.wait(id, |job| job.status == Status::Suspended).await;
        cluster.clock.jump(set_ms);
        cluster.clock.sleep(hours(47)).await;
        assert_eq!(cluster.job(id).await.status, Status::Suspended, "set by {set_ms} ms");
        cluster.clock.sleep(hours(2)).await;
        let job = cluster.job(id).await;
        assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "ConfirmationExpired"), "{job:#?}");
        process.engine.shut_down().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_keeps_an_ended_job_neither_longer_nor_shorter() {
    for (seed, set_ms) in [(649, 365 * DAY_MS), (650, -365 * DAY_MS)] {
        let mut cluster = TestCluster::new(seed);
        cluster.config.ended_jobs_kept = hours(48);
        cluster.fill(3).await;
        let id = cluster.create(Operation::Delete, (0..3).map(key)).await;
        cluster.run_to_end(id, None).await;
        let process = cluster.start(None);
        cluster.clock.jump(set_ms);
        cluster.clock.sleep(hours(47)).await;
        assert!(cluster.jobs.job(id).await.unwrap().is_some(), "set by {set_ms} ms");
        cluster.clock.sleep(hours(2)).await;
        assert!(cluster.jobs.job(id).await.unwrap().is_none(), "set by {set_ms} ms");
        process.engine.shut_down().await;
    }
}
