//! What an account may take of the disk, and for how long ended jobs take theirs.

use std::time::Duration;

use brigade_model::ports::job_store::Due;
use brigade_model::ports::{Clock, Entropy, JobStore};
use brigade_model::{JobId, Operation, Quota, ServiceTime, Status};

use crate::account::check;
use crate::life::{copy, tagging};
use crate::world::{World, key};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn keys(n: usize) -> Vec<String> {
    (0..n).map(key).collect()
}

/// Keys that share nothing, some 50 bytes each however well they are compressed.
fn stray_keys(world: &World, n: usize) -> Vec<String> {
    let key = |_| {
        let mut bytes = [0; 50];
        world.entropy.fill(&mut bytes);
        hex::encode(bytes)
    };
    (0..n).map(key).collect()
}

async fn files(world: &World, id: JobId) -> usize {
    world.spool.list(&format!("{id}/")).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn an_ended_job_keeps_its_outcomes_for_outcomes_kept_and_its_place_in_the_list_for_longer() {
    let mut world = World::new(720);
    (world.config.outcomes_kept, world.config.ended_jobs_kept) = (30 * DAY, 90 * DAY);
    // Days pass in fewer looks.
    world.config.poll = Duration::from_secs(600);
    world.fill(300).await;
    let id = world.create(tagging(), keys(300)).await;
    let job = world.run_to_end(id, None).await;
    check(&world, &job, &keys(300)).await;
    let process = world.start(None);
    world.clock.sleep(29 * DAY).await;
    assert_eq!(world.job(id).await, job, "nothing of it is gone");
    assert!(files(&world, id).await > 0);
    world.clock.sleep(DAY + Duration::from_secs(1200)).await;
    let kept = world.job(id).await;
    let at = kept.outcomes_removed.unwrap();
    assert!(at.duration_since(job.terminated.unwrap()).as_secs() >= 30 * 24 * 3600);
    assert_eq!((kept.status, kept.progress), (job.status, job.progress));
    assert_eq!(files(&world, id).await, 0, "the spool has the room back");
    assert_eq!(world.jobs.slices(id, 0, 9).await.unwrap(), []);
    world.clock.sleep(59 * DAY).await;
    assert!(world.jobs.job(id).await.unwrap().is_some());
    world.clock.sleep(2 * DAY).await;
    assert_eq!(world.jobs.job(id).await.unwrap(), None);
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn files_that_a_dying_process_left_of_given_up_outcomes_are_removed_by_the_next_one() {
    let mut world = World::new(721);
    world.fill(100).await;
    let id = world.create(tagging(), keys(100)).await;
    world.run_to_end(id, None).await;
    world.config.outcomes_kept = Duration::ZERO;
    world.clock.sleep(Duration::from_secs(1)).await;
    let now = world.jobs.service_time().await.unwrap();
    let due = Due { outcomes_before: now, ..Due::ended_before(ServiceTime::default()) };
    while world.jobs.purge(&due, 1).await.unwrap().more {}
    assert!(files(&world, id).await > 0);
    let process = world.start(None);
    world.clock.sleep(Duration::from_secs(130)).await;
    assert_eq!(files(&world, id).await, 0);
    process.engine.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_fit_fails_before_its_first_task_and_leaves_no_file_that_nobody_counts() {
    let mut world = World::new(722);
    world.config.quotas.default = Quota { bytes_max: 400_000, ..Quota::default() };
    let id = world.create(tagging(), stray_keys(&world, 20_000)).await;
    let job = world.run_to_end(id, None).await;
    assert_eq!((job.status, job.progress.total), (Status::Failed, 0), "{job:#?}");
    assert_eq!(job.failures[0].code, "DiskQuotaExceeded");
    assert!(job.status_update_reason.contains("account_bytes_max"), "{job:#?}");
    assert_eq!(files(&world, id).await, world.jobs.slices(id, 0, usize::MAX).await.unwrap().len());
    assert_eq!(world.bucket.calls(brigade_model::ports::object_store::CallKind::PutObjectTagging), 0);
}

#[tokio::test(start_paused = true)]
async fn a_greedy_account_gives_up_its_own_outcomes_and_makes_no_other_fail() {
    let mut world = World::new(723);
    world.config.quotas.default = Quota { bytes_max: 400_000, ..Quota::default() };
    world.fill(200).await;
    let mild = world.create_for("2", copy(), keys(200), |_| {}).await;
    let first = world.run_to_end(mild, None).await;
    assert_eq!(first.status, Status::Complete);
    let mut greedy = Vec::new();
    for _ in 0..4 {
        let id = world.create(tagging(), stray_keys(&world, 3000)).await;
        let job = world.run_to_end(id, None).await;
        assert_eq!(job.progress.total, 3000, "it is prepared: {job:#?}");
        greedy.push(id);
    }
    let too_large = world.create(tagging(), stray_keys(&world, 20_000)).await;
    assert_eq!(world.run_to_end(too_large, None).await.failures[0].code, "DiskQuotaExceeded");
    assert!(world.job(greedy[0]).await.outcomes_removed.is_some(), "the first gave up what it held");
    assert_eq!(world.job(mild).await, first, "the other account has what it had");
    let second = world.create_for("2", Operation::Delete, keys(200), |_| {}).await;
    assert_eq!(world.run_to_end(second, None).await.status, Status::Complete);
}

#[tokio::test(start_paused = true)]
async fn a_preparation_that_fails_at_its_last_row_leaves_no_file_without_a_row() {
    let world = World::new(724);
    for rows in [5000, 200_000] {
        let mut manifest: String = stray_keys(&world, rows).iter().map(|key| format!("source,{key}\n")).collect();
        manifest.push_str("source,\n");
        let id = world.create_over(tagging(), manifest, |_| {}).await;
        let job = world.run_to_end(id, None).await;
        assert_eq!((job.status, job.failures[0].code.as_str()), (Status::Failed, "InvalidManifestContent"), "{job:#?}");
        let recorded = world.jobs.slices(id, 0, usize::MAX).await.unwrap().len();
        assert!(recorded > 0, "what was written counts");
        assert_eq!(files(&world, id).await, recorded);
    }
}
