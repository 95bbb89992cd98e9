//! Limits and stops while things run: who waits under old limits goes on under the new ones
//! within a second, on every node.

use std::time::Duration;

use brigade_engine::places::Health;
use brigade_model::job::Change;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::CallKind;
use brigade_model::{JobId, JobSpec, LoadLimits, Operation, Status};
use brigade_s3::limit::{Caps, Limit, LimitHandle};
use std::sync::Arc;

use crate::account::check;
use crate::life::copy;
use crate::world::{Process, World, key};

const SECOND: Duration = Duration::from_secs(1);

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

fn a_second(requests: u32) -> LoadLimits {
    LoadLimits { requests_per_second: Some(requests), ..LoadLimits::default() }
}

/// A job that begins with so many requests a second, and runs.
async fn running(world: &World, tasks: usize, per_second: u32) -> (JobId, Process) {
    world.fill(tasks).await;
    let slow = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(per_second);
    let id = world.create_with(copy(), keys(tasks), slow).await;
    let process = world.start(None);
    world.wait(id, |job| job.progress.succeeded > 0).await;
    (id, process)
}

/// Copies in the next second.
async fn copies_in_a_second(world: &World) -> u64 {
    let before = world.bucket.calls(CallKind::CopyObject);
    world.clock.sleep(SECOND).await;
    world.bucket.calls(CallKind::CopyObject) - before
}

#[tokio::test(start_paused = true)]
async fn a_jobs_limits_take_effect_within_a_second_while_it_runs() {
    let world = World::new(60);
    let (id, process) = running(&world, 3000, 1).await;
    assert!(copies_in_a_second(&world).await <= 2);
    let mut told = 0;
    for (limits, least, most) in
        [(a_second(500), 400, 510), (a_second(2), 0, 3), (a_second(100), 90, 110), (LoadLimits::default(), 1000, 3000)]
    {
        world.change(id, Change::LimitsSet(limits)).await;
        process.engine.ring();
        told += 1;
        let copies = copies_in_a_second(&world).await;
        assert!((least..=most).contains(&copies), "{limits:?}: {copies} copies, at change {told}");
    }
    let job = world.wait(id, |job| job.status == Status::Complete).await;
    assert_eq!(job.limits, LoadLimits::default());
    check(&world, &job, &keys(3000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn another_node_follows_a_jobs_limits_at_its_next_look() {
    let world = World::new(61);
    let (id, process) = running(&world, 3000, 1).await;
    // Nobody rings: the change came through another node.
    world.change(id, Change::LimitsSet(a_second(500))).await;
    world.clock.sleep(world.config.poll).await;
    let copies = copies_in_a_second(&world).await;
    assert!((400..=510).contains(&copies), "{copies}");
    world.change(id, Change::LimitsSet(LoadLimits::default())).await;
    let job = world.wait(id, |job| job.status == Status::Complete).await;
    check(&world, &job, &keys(3000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_and_limits_hold_over_a_crash() {
    let world = World::new(62);
    let (id, process) = running(&world, 1500, 500).await;
    world.change(id, Change::LimitsSet(a_second(1))).await;
    process.engine.ring();
    world.clock.sleep(SECOND).await;
    world.change(id, Change::Held).await;
    process.engine.ring();
    world.clock.sleep(SECOND).await;
    let job = world.job(id).await;
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Paused, "paused by its user"));
    process.node.crash();

    let process = world.start(None);
    let before = world.bucket.calls(CallKind::CopyObject);
    world.clock.sleep(60 * SECOND).await;
    assert_eq!(world.bucket.calls(CallKind::CopyObject), before, "paused over a crash");
    world.change(id, Change::Released).await;
    process.engine.ring();
    assert!(copies_in_a_second(&world).await <= 2, "limited over a crash");
    world.change(id, Change::LimitsSet(LoadLimits::default())).await;
    process.engine.ring();
    let job = world.wait(id, |job| job.status == Status::Complete).await;
    check(&world, &job, &keys(1500)).await;
    process.engine.shut_down().await;
}

/// The health of an endpoint that may be stopped.
struct MayBeStopped(LimitHandle);

impl Health for MayBeStopped {
    fn reason(&self) -> Option<String> {
        self.0.is_stopped().then(|| "endpoint e is stopped by an operator".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_endpoint_gets_no_request_until_it_is_started_and_jobs_say_why() {
    let mut world = World::new(63);
    let handle = LimitHandle::new(Caps { requests_per_second: Some(200), ..Caps::default() });
    let limit = Limit::sharing(world.bucket.clone(), &handle, Default::default(), world.clock.clone());
    world.store = Arc::new(limit);
    world.health = Arc::new(MayBeStopped(handle.clone()));
    world.fill(1000).await;
    let id = world.create(copy(), keys(1000)).await;
    let process = world.start(None);
    world.wait(id, |job| job.progress.succeeded > 0).await;
    handle.set_stopped(true);
    process.engine.ring();
    world.clock.sleep(SECOND).await;
    let job = world.job(id).await;
    assert_eq!(
        (job.status, job.status_update_reason.as_str()),
        (Status::Active, "endpoint e is stopped by an operator")
    );
    let before = world.bucket.calls(CallKind::CopyObject);
    world.clock.sleep(7200 * SECOND).await;
    assert_eq!(world.bucket.calls(CallKind::CopyObject), before);
    handle.set_stopped(false);
    process.engine.ring();
    assert!(copies_in_a_second(&world).await >= 100, "it goes on within a second");
    assert_eq!(world.job(id).await.status_update_reason, "");
    let job = world.wait(id, |job| job.status == Status::Complete).await;
    check(&world, &job, &keys(1000)).await;
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_jobs_pace_is_kept_from_slice_to_slice() {
    let mut world = World::new(64);
    // One slice after the other, each of them one request.
    world.config.slices = 1;
    world.fill(1000).await;
    let slowly = |spec: &mut JobSpec| spec.options.requests_per_second_max = Some(1);
    let id = world.create_with(Operation::Delete, keys(1000), slowly).await;
    let began = world.clock.now();
    let job = world.run_to_end(id, None).await;
    assert_eq!(job.status, Status::Complete);
    let requests = world.bucket.calls(CallKind::DeleteObjects);
    let took = world.clock.now().duration_since(began).as_secs();
    assert!(requests >= 4 && took >= requests as i64 - 1, "{requests} requests in {took} s");
}
