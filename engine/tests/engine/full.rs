//! The disk fills up: under the gates nothing begins, a write that finds no room is made again
//! later, nothing that was recorded is lost, and everything goes on when there is room.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::{Clock, Entropy, JobStore};
use brigade_model::{Job, Status};
use brigade_store::memory::MemorySpool;

use crate::account::check;
use crate::life::{copy, tagging};
use crate::world::{World, key};

const KIB: u64 = 1 << 10;

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// A world with a spool of a mebibyte, gates at a half and a quarter of it.
fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    world.spool = Arc::new(MemorySpool::with_capacity(KIB << 10));
    world.config.free_bytes_to_lease = 512 * KIB;
    world.config.free_bytes_to_start = 256 * KIB;
    world
}

async fn take(world: &World, kib: u64) {
    let bytes = vec![0; usize::try_from(kib * KIB).unwrap()];
    world.spool.write("taken", bytes.into()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_running_job_stands_still_at_the_gate_says_why_and_goes_on_when_there_is_room() {
    let world = world(700);
    world.fill(2000).await;
    let paced = |spec: &mut brigade_model::JobSpec| spec.options.requests_per_second_max = Some(200);
    let id = world.create_with(copy(), keys(2000), paced).await;
    let process = world.start(None);
    world.wait(id, |job| job.progress.succeeded > 100).await;
    assert_eq!(process.engine.space().reason(), None);
    take(&world, 900).await;
    // What has begun ends and is recorded; then nothing begins.
    world.clock.sleep(Duration::from_secs(30)).await;
    let still = world.job(id).await;
    let reason = process.engine.space().reason().unwrap();
    assert!(reason.contains("low disk space"), "{reason}");
    let copies = world.bucket.calls(brigade_model::ports::object_store::CallKind::CopyObject);
    assert_eq!(still.progress.succeeded, copies, "what was done is recorded");
    assert!(still.progress.succeeded < 2000);
    world.clock.sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.job(id).await.progress, still.progress, "nothing begins");
    assert_eq!(world.job(id).await.status, Status::Active, "a gate is no status");

    world.spool.remove("taken").await.unwrap();
    let job = world.wait(id, |job| job.status == Status::Complete).await;
    check(&world, &job, &keys(2000)).await;
    let copies = world.bucket.calls(brigade_model::ports::object_store::CallKind::CopyObject);
    assert_eq!(copies, 2000, "nothing was done twice");
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_slice_that_finds_no_room_half_way_is_written_later_and_no_task_is_lost_or_doubled() {
    let mut world = world(701);
    // Nobody watches: the writes themselves find out.
    (world.config.free_bytes_to_lease, world.config.free_bytes_to_start) = (0, 0);
    let tasks = 4000;
    take(&world, 1024 - 64).await;
    // Some 200 KiB, however well it is compressed.
    let key = |_| {
        let mut bytes = [0; 50];
        world.entropy.fill(&mut bytes);
        hex::encode(bytes)
    };
    let id = world.create(tagging(), (0..tasks).map(key)).await;
    let process = world.start(None);
    let is_told = |job: &Job| job.status_update_reason.contains("does not fit");
    let told = world.wait(id, is_told).await;
    assert_eq!(told.status, Status::Preparing);
    let written = world.spool.list(&format!("{id}/")).await.unwrap().len();
    assert!(written > 0, "some slices did fit");
    world.clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(world.job(id).await.status, Status::Preparing);

    world.spool.remove("taken").await.unwrap();
    let prepared = world.wait(id, |job| job.prepared.is_some()).await;
    assert_eq!(prepared.progress.total, tasks as u64);
    assert!(!is_told(&prepared), "{}", prepared.status_update_reason);
    let slices = world.jobs.slices(id, 0, usize::MAX).await.unwrap();
    assert_eq!(slices.iter().map(|slice| u64::from(slice.tasks)).sum::<u64>(), tasks as u64);
    let mut next = 0;
    for slice in &slices {
        assert_eq!(slice.first_task, next, "slice follows slice");
        next += u64::from(slice.tasks);
        world.spool.read(&slice.spool_name).await.unwrap();
    }
    process.engine.shut_down().await;
}
