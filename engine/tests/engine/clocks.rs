//! The clock that stamps the objects: read before the first attempt, and again by the worker that
//! takes over.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::{Clock, JobStore};
use brigade_model::{Operation, Status, StoreClock};

use crate::account::check;
use crate::cluster::{TestCluster, bucket, key};

const TASKS: usize = 3000;

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_after_a_crash_reads_the_stores_clock_before_it_looks() {
    let mut cluster = TestCluster::new(42);
    cluster.config.tasks = 4;
    cluster.fill(TASKS).await;
    let keys: Vec<_> = (0..TASKS).map(key).collect();
    let slowly = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(20);
    let id = cluster.create_with(Operation::Delete, keys.clone(), slowly).await;
    for _ in 0..3 {
        // What a process knows, it knows from the store and from what was kept.
        cluster.stamps = Arc::new(StoreClock::new(cluster.clock.clone()));
        let process = cluster.start(None);
        let before = cluster.job(id).await.progress.succeeded;
        cluster.wait(id, |job| job.progress.succeeded > before).await;
        process.node.crash();
        assert!(cluster.stamps.is_sampled());
        let rows = cluster.jobs.endpoints().await.unwrap();
        assert!(!rows[0].settings.clock.is_empty(), "{rows:?}");
        cluster.clock.sleep(Duration::from_secs(60)).await;
    }
    let process = cluster.start(None);
    let job = cluster.wait(id, |job| job.status.is_terminal()).await;
    process.engine.shut_down().await;
    assert_eq!((job.status, job.progress.succeeded as usize), (Status::Complete, TASKS), "{job:#?}");
    check(&cluster, &job, &keys).await;
    let left = cluster.bucket.keys(&bucket("aside"));
    assert!(left.iter().all(|key| !key.as_str().ends_with("/clock")), "{left:?}");
}
