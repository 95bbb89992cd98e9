//! The disk fills up: while space is low no work begins, a write that finds no room is repeated
//! later, no record is lost, and everything continues when there is room.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::{Clock, Entropy, JobStore};
use brigade_model::{Job, Status};
use brigade_store::memory::MemorySpool;

use crate::account::check;
use crate::cluster::{TestCluster, key};
use crate::life::{copy, tagging};

const KIB: u64 = 1 << 10;

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// A cluster with a spool of a mebibyte and limits on its free space at a half and a quarter of it.
fn cluster(seed: u64) -> TestCluster {
    let mut cluster = TestCluster::new(seed);
    cluster.spool = Arc::new(MemorySpool::with_capacity(KIB << 10));
    cluster.config.free_bytes_to_lease = 512 * KIB;
    cluster.config.free_bytes_to_start = 256 * KIB;
    cluster
}

async fn take(cluster: &TestCluster, kib: u64) {
    let bytes = vec![0; usize::try_from(kib * KIB).unwrap()];
    cluster.spool.write("taken", bytes.into()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_running_job_stands_still_at_the_gate_says_why_and_goes_on_when_there_is_room() {
    let cluster = cluster(700);
    cluster.fill(2000).await;
    let paced = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(200);
    let id = cluster.create_with(copy(), keys(2000), paced).await;
    let process = cluster.start(None);
    cluster.wait(id, |job| job.progress.succeeded > 100).await;
    assert_eq!(process.engine.space().reason(), None);
    take(&cluster, 900).await;
    // What has begun ends and is recorded; then nothing begins.
    cluster.clock.sleep(Duration::from_secs(30)).await;
    let still = cluster.job(id).await;
    let reason = process.engine.space().reason().unwrap();
    assert!(reason.contains("low disk space"), "{reason}");
    let copies = cluster.bucket.calls(brigade_model::ports::object_store::CallKind::CopyObject);
    assert_eq!(still.progress.succeeded, copies, "what was done is recorded");
    assert!(still.progress.succeeded < 2000);
    cluster.clock.sleep(Duration::from_secs(3600)).await;
    assert_eq!(cluster.job(id).await.progress, still.progress, "nothing begins");
    assert_eq!(cluster.job(id).await.status, Status::Active, "a gate is no status");

    cluster.spool.remove("taken").await.unwrap();
    let job = cluster.wait(id, |job| job.status == Status::Complete).await;
    check(&cluster, &job, &keys(2000)).await;
    let copies = cluster.bucket.calls(brigade_model::ports::object_store::CallKind::CopyObject);
    assert_eq!(copies, 2000, "nothing was done twice");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_finds_no_room_half_way_is_written_later_and_no_task_is_lost_or_doubled() {
    let mut cluster = cluster(701);
    // No free-space limit: the writes themselves find out.
    (cluster.config.free_bytes_to_lease, cluster.config.free_bytes_to_start) = (0, 0);
    let tasks = 4000;
    take(&cluster, 1024 - 64).await;
    // Some 200 KiB, however well it is compressed.
    let key = |_| {
        let mut bytes = [0; 50];
        cluster.entropy.fill(&mut bytes);
        hex::encode(bytes)
    };
    let id = cluster.create(tagging(), (0..tasks).map(key)).await;
    let process = cluster.start(None);
    let is_told = |job: &Job| job.status_update_reason.contains("does not fit");
    let told = cluster.wait(id, is_told).await;
    assert_eq!(told.status, Status::Preparing);
    let written = cluster.spool.list(&format!("{id}/")).await.unwrap().len();
    assert!(written > 0, "some slices did fit");
    cluster.clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(cluster.job(id).await.status, Status::Preparing);

    cluster.spool.remove("taken").await.unwrap();
    let prepared = cluster.wait(id, |job| job.prepared.is_some()).await;
    assert_eq!(prepared.progress.total, tasks as u64);
    assert!(!is_told(&prepared), "{}", prepared.status_update_reason);
    let slices = cluster.jobs.slices(id, 0, usize::MAX).await.unwrap();
    assert_eq!(slices.iter().map(|slice| u64::from(slice.tasks)).sum::<u64>(), tasks as u64);
    let mut next = 0;
    for slice in &slices {
        assert_eq!(slice.first_task, next, "slice follows slice");
        next += u64::from(slice.tasks);
        cluster.spool.read(&slice.spool_name).await.unwrap();
    }
    process.engine.shut_down().await;
}
