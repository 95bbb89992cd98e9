//! A job restored from a backup, while what it did after the backup stays done: it does nothing
//! until its user releases it, and then checks before each change.

use std::collections::BTreeMap;
use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{At, CallKind, CancelToken, DeleteObject, send};
use brigade_model::{JobId, JobSpec, ObjectKey, Operation, Status};

use crate::account::{Row, check, text};
use crate::cluster::{TestCluster, bucket, key};

const TASKS: usize = 3000;
/// What the first life did after the backup: these are deleted ...
const DELETED: std::ops::Range<usize> = 500..1500;
/// ... and these as well, and another writer wrote them anew.
const WRITTEN_ANEW: std::ops::Range<usize> = 1500..2500;

fn keys() -> Vec<String> {
    (0..TASKS).map(key).collect()
}

fn at(i: usize) -> At {
    At { bucket: bucket("source"), key: ObjectKey::new(key(i)).unwrap() }
}

/// A cluster whose job stands in this status in the backup, and in whose bucket the job went on
/// after that; no process runs.
async fn brought_back(status: Status) -> (TestCluster, JobId) {
    let mut cluster = TestCluster::new(500 + status as u64);
    cluster.config.tasks = 4;
    cluster.fill(TASKS).await;
    let slowly = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(20);
    let id = cluster.create_with(Operation::Delete, keys(), slowly).await;
    if status == Status::Ready {
        cluster.change(id, Change::Held).await;
    }
    if status != Status::New {
        let process = cluster.start(None);
        cluster.wait(id, |job| job.status == status && (status != Status::Active || job.progress.succeeded > 0)).await;
        process.node.crash();
    }
    cluster.clock.sleep(Duration::from_secs(2)).await;
    let made = cluster.clock.now();
    cluster.clock.sleep(Duration::from_secs(60)).await;
    for i in DELETED.start..WRITTEN_ANEW.end {
        let delete = DeleteObject { at: at(i), version: None, if_match: None };
        send(&*cluster.bucket, &CancelToken::unbounded(), delete).await.unwrap();
        if WRITTEN_ANEW.contains(&i) {
            cluster.put("source", &key(i), "anew").await;
        }
    }
    cluster.clock.sleep(Duration::from_secs(3600)).await;
    cluster.change(id, Change::BackedUp(made)).await;
    (cluster, id)
}

/// Deletes that had an effect on a task's object.
fn deletes(cluster: &TestCluster) -> usize {
    let is_delete = |kind| matches!(kind, CallKind::DeleteObject | CallKind::DeleteObjects);
    let effects = cluster.bucket.effects();
    effects.iter().filter(|effect| is_delete(effect.call) && effect.at.bucket.as_str() == "source").count()
}

async fn anew(cluster: &TestCluster) -> usize {
    let mut count = 0;
    for i in WRITTEN_ANEW {
        count += usize::from(text(cluster, "source", &key(i)).await.as_deref() == Some("anew"));
    }
    count
}

fn count(rows: &BTreeMap<String, Row>, code: &str) -> usize {
    rows.values().filter(|row| row.code == code).count()
}

#[tokio::test(start_paused = true)]
async fn a_restored_job_deletes_nothing_until_it_is_released_and_then_nothing_that_was_written_anew() {
    for status in [Status::New, Status::Ready, Status::Active] {
        let (cluster, id) = brought_back(status).await;
        let before = deletes(&cluster);
        let process = cluster.start(None);
        cluster.clock.sleep(Duration::from_secs(3600)).await;
        let job = cluster.job(id).await;
        assert!(matches!(job.status, Status::Ready | Status::Paused), "{status}: {job:#?}");
        assert!(job.status_update_reason.contains("brigade job resume"), "{}", job.status_update_reason);
        assert_eq!(deletes(&cluster), before, "{status}: nothing is deleted while it is held");

        cluster.change(id, Change::Released).await;
        let job = cluster.wait(id, |job| job.status.is_terminal()).await;
        process.engine.shut_down().await;
        assert_eq!(job.status, Status::Complete, "{job:#?}");
        let rows = check(&cluster, &job, &keys()).await;
        assert_eq!(count(&rows, "ChangedSinceAttempt"), WRITTEN_ANEW.len(), "{status}");
        assert_eq!(job.progress.succeeded as usize, TASKS - WRITTEN_ANEW.len(), "{status}");
        assert_eq!(anew(&cluster).await, WRITTEN_ANEW.len(), "{status}: what was written anew is left as it is");
        assert_eq!(cluster.bucket.keys(&bucket("source")).len(), WRITTEN_ANEW.len(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_restored_job_that_is_cancelled_says_of_every_task_that_it_may_have_been_carried_out() {
    let (cluster, id) = brought_back(Status::Active).await;
    let process = cluster.start(None);
    let job = cluster.wait(id, |job| job.status == Status::Paused).await;
    let recorded = job.progress.succeeded as usize;
    cluster.change(id, Change::CancelRequested("no".into())).await;
    process.engine.stop_job(id);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    process.engine.shut_down().await;
    assert_eq!(job.status, Status::Cancelled);
    let rows = check(&cluster, &job, &keys()).await;
    assert!(recorded > 0 && recorded < WRITTEN_ANEW.start, "{recorded}");
    assert_eq!(count(&rows, "Unconfirmed"), TASKS - recorded);
    assert_eq!(anew(&cluster).await, WRITTEN_ANEW.len());
}
