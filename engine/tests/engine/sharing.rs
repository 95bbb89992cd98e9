//! Several jobs on one endpoint: who runs, who waits, and what another priority changes.

use brigade_model::job::Change;
use brigade_model::ports::{Clock, JobStore};
use brigade_model::{JobId, JobSpec, Status};

use crate::account::check;
use crate::life::tagging;
use crate::world::{World, key};

const TASKS: usize = 3000;

fn keys() -> Vec<String> {
    (0..TASKS).map(key).collect()
}

/// A job of this priority that takes some time: 500 tasks a second.
fn paced(priority: i32) -> impl Fn(&mut JobSpec) {
    move |spec| {
        spec.priority = priority;
        spec.options.requests_per_second_max = Some(500);
    }
}

/// A world with slots for so many jobs, whose one worker takes a slice of whoever's turn it is.
async fn world(seed: u64, active_jobs: usize) -> World {
    let mut world = World::new(seed);
    world.config.active_jobs = active_jobs;
    world.config.slices = 1;
    world.fill(TASKS).await;
    world
}

/// How many slices of the job are over.
async fn slices_done(world: &World, id: JobId) -> usize {
    let slices = world.jobs.slices(id, 0, usize::MAX).await.unwrap();
    slices.iter().filter(|slice| slice.is_done()).count()
}

/// Runs two Active jobs to their ends; neither may ever be more than two slices ahead.
async fn assert_they_share(world: &World, jobs: [JobId; 2]) {
    let mut looks = 0;
    loop {
        let done = [slices_done(world, jobs[0]).await, slices_done(world, jobs[1]).await];
        let now = [world.job(jobs[0]).await, world.job(jobs[1]).await];
        if now.iter().any(|job| job.status == Status::Complete) {
            break;
        }
        if now.iter().all(|job| job.status == Status::Active) {
            assert!(done[0].abs_diff(done[1]) <= 2, "{done:?}");
            looks += 1;
        }
        world.clock.sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(looks > 50, "they ran side by side: {looks}");
    for id in jobs {
        let job = world.wait(id, |job| job.status == Status::Complete).await;
        check(world, &job, &keys()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn equal_priorities_share_an_endpoint_slice_by_slice() {
    let world = world(500, 2).await;
    let jobs =
        [world.create_with(tagging(), keys(), paced(5)).await, world.create_with(tagging(), keys(), paced(5)).await];
    let process = world.start(None);
    assert_they_share(&world, jobs).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn two_accounts_share_an_endpoint_though_one_has_more_and_more_urgent_jobs() {
    let world = world(501, 2).await;
    let urgent = world.create_for("1", tagging(), keys(), paced(100)).await;
    let second = world.create_for("1", tagging(), keys(), paced(99)).await;
    let modest = world.create_for("2", tagging(), keys(), paced(1)).await;
    let process = world.start(None);
    world.wait(modest, |job| job.status == Status::Active).await;
    assert_eq!(world.job(urgent).await.status, Status::Active);
    assert_ne!(world.job(second).await.status, Status::Active, "the other account has the other slot");
    assert_they_share(&world, [urgent, modest]).await;
    world.wait(second, |job| job.status == Status::Complete).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_made_urgent_takes_the_slot_of_one_that_runs() {
    let world = world(502, 1).await;
    let running = world.create_with(tagging(), keys(), paced(5)).await;
    let waiting = world.create_with(tagging(), keys(), paced(1)).await;
    let process = world.start(None);
    world.wait(running, |job| job.progress.succeeded > 100).await;
    assert_eq!(world.job(waiting).await.status, Status::Ready);
    world.change(waiting, Change::PrioritySet(6)).await;
    process.engine.ring();
    let paused = world.wait(running, |job| job.status == Status::Paused).await;
    assert_eq!(paused.status_update_reason, "a job of higher priority needs the slot");
    world.wait(waiting, |job| job.status == Status::Complete).await;
    let job = world.wait(running, |job| job.status == Status::Complete).await;
    check(&world, &job, &keys()).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_running_job_made_less_urgent_gives_its_slot_to_one_that_waits_and_gets_it_back() {
    let world = world(503, 1).await;
    let running = world.create_with(tagging(), keys(), paced(5)).await;
    let waiting = world.create_with(tagging(), keys(), paced(3)).await;
    let process = world.start(None);
    world.wait(running, |job| job.progress.succeeded > 100).await;
    world.change(running, Change::PrioritySet(2)).await;
    process.engine.ring();
    world.wait(running, |job| job.status == Status::Paused).await;
    world.wait(waiting, |job| job.status == Status::Active && job.progress.succeeded > 100).await;
    // And back, while the other one runs.
    world.change(running, Change::PrioritySet(4)).await;
    process.engine.ring();
    world.wait(waiting, |job| job.status == Status::Paused).await;
    assert_eq!(world.wait(running, |job| job.status == Status::Active).await.priority, 4);
    for id in [running, waiting] {
        let job = world.wait(id, |job| job.status == Status::Complete).await;
        check(&world, &job, &keys()).await;
    }
    process.engine.shut_down().await;
}
