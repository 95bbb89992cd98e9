//! `kill -9` of the service, 200 times and more, at moments that a seed decides: at a call of the
//! service, before or after its effect; right after an answer; and at any time. The test starts it again
//! on the same data each time; the job must end, and the simulation's invariants must hold on the real
//! bucket and the real report.
//!
//! A seed decides what the test tries, not what happens: processes, sockets and disks have their own timing.

mod evidence;
mod history;
mod invariants;
mod left;
mod message;
mod recorder;
mod run;
mod scenario;
mod stale;
mod synced;

use std::collections::BTreeSet;
use std::time::Duration;

use brigade_model::limits::WINDOW_TASKS;
use brigade_model::operation::OperationKind;

use scenario::{Call, JobKind, Moment, On, Scenario, Stage, Step, Trap};

/// Kills that each test performs; eleven of them make 374.
const KILLS: u32 = 34;
/// There must be some of each.
const KINDS: [&str; 5] = ["Preparing", "Active", run::HALF_RECORDED, "Completing", "Cancelling"];

/// Enough seeds for all of that, however slow the machine is.
const SEEDS_MAX: u64 = 20;

/// Runs scenarios of these seeds until the service was killed often enough and at all kinds of moments, or
/// the one seed that `BRIGADE_CRASH_SEED` names.
async fn kill_at_any_moment(job_kinds: &[JobKind], is_versioned: bool, first_seed: u64) {
    let only: Option<u64> = std::env::var("BRIGADE_CRASH_SEED").ok().map(|seed| seed.parse().unwrap());
    let (mut kills, mut played) = (run::Kills::new(), BTreeSet::new());
    for seed in only.map_or(first_seed..first_seed + SEEDS_MAX, |seed| seed..seed + 1) {
        let job_kind = job_kinds[usize::try_from(seed).unwrap() % job_kinds.len()];
        played.insert(seed % job_kinds.len() as u64);
        let ended = run::run(Scenario::of(seed, job_kind, is_versioned)).await;
        let ended = ended.unwrap_or_else(|broken| panic!("{}", failed(seed, &broken)));
        ended.kills.into_iter().for_each(|(kind, count)| *kills.entry(kind).or_default() += count);
        if is_enough(&kills) && played.len() == job_kinds.len() {
            break;
        }
    }
    println!("{kills:?}");
    assert!(only.is_some() || is_enough(&kills), "too few kills, or none of a kind of {KINDS:?}: {kills:?}");
}

fn is_enough(kills: &run::Kills) -> bool {
    let by_status = kills.iter().filter(|(kind, _)| *kind != run::HALF_RECORDED);
    let count: u32 = by_status.map(|(_, count)| count).sum();
    count >= KILLS && KINDS.iter().all(|kind| kills.contains_key(*kind))
}

fn failed(seed: u64, broken: &[String]) -> String {
    const TOLD_MAX: usize = 20;
    let told = broken[..broken.len().min(TOLD_MAX)].join("\n");
    format!(
        "seed {seed}: {} sentences do not hold\n{told}\n\
         BRIGADE_CRASH_SEED={seed} tries it again, and with BRIGADE_CRASH_HISTORY=1 tells what happened",
        broken.len()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::Copy], false, 1000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_into_a_bucket_with_versions_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::Copy], true, 2000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::Tag], false, 3000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_in_a_bucket_with_versions_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::Tag], true, 4000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletes_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::Delete], false, 5000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deletes_in_a_bucket_with_versions_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::Delete], true, 6000).await;
}

/// Operations of the S3 Control dialect on tags and rights; an odd number of them, as every other seed cancels its job.
const TAGS_AND_RIGHTS: [JobKind; 5] =
    [JobKind::AddTags, JobKind::RemoveTags, JobKind::Untag, JobKind::Acl, JobKind::LegalHold];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_tags_and_rights_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&TAGS_AND_RIGHTS, true, 8000).await;
}

/// The others; an odd number of them.
const OTHERS: [JobKind; 5] =
    [JobKind::Retention, JobKind::Checksum, JobKind::Restore, JobKind::Encryption, JobKind::Invoke];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_operations_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&OTHERS, true, 9000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_invocation_is_accounted_for_by_its_tasks_id_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::Invoke], false, 10_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_for_restores_are_accounted_for_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::WaitForRestore], true, 11_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checksums_of_parts_are_those_of_the_parts_whenever_the_service_is_killed() {
    kill_at_any_moment(&[JobKind::ChecksumOfParts], true, 12_000).await;
}

#[test]
fn the_service_is_killed_during_every_operation() {
    let alone = [JobKind::Copy, JobKind::Tag, JobKind::Delete, JobKind::WaitForRestore];
    let played = [&alone[..], &TAGS_AND_RIGHTS, &OTHERS].concat();
    let is_played = |kind: &OperationKind| played.iter().any(|job_kind| job_kind.operation() == *kind);
    let without: Vec<_> = OperationKind::ALL.into_iter().filter(|kind| !is_played(kind)).collect();
    assert_eq!(without, []);
}

/// The six slices before the last one of the large job have 64 * (1 + 2 + ... + 32) tasks.
const BEFORE_THE_LARGE_SLICE: u64 = 4032;
const LARGE_SLICE: u64 = 4096;
const LARGE_SLICE_INDEX: u32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_of_a_large_slice_had_in_hand_is_repeated_within_the_window() {
    // Two groups of the large slice and the beginning of a third are in flight then.
    let trap = Trap { on: On::ActOfLargeSlice, after: 2, call: Call::Unanswered };
    let steps = vec![Step::Kill(Stage::Active, Moment::At(trap))];
    let scenario = plain_delete(7000, BEFORE_THE_LARGE_SLICE + LARGE_SLICE, steps);
    let ended = run::run(scenario).await.unwrap_or_else(|broken| panic!("{}", failed(7000, &broken)));
    assert_eq!(ended.kills.get("Active"), Some(&1));
    // Beside other load, slices before the large one are in hand, too: each of them has its window.
    assert!(ended.looked.values().all(|looked| *looked <= WINDOW_TASKS), "{ended:?}");
    // In a group is more than a part has.
    assert!(ended.looked[&LARGE_SLICE_INDEX] > 1000, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_frozen_until_its_leases_have_ended_accounts_for_every_task() {
    // After a kill tasks check effects, with calls of their own. There are more workers than slices, so
    // that a free worker tries to take these over as soon as the service wakes.
    let trap = Trap { on: On::Act, after: 1, call: Call::Unanswered };
    let steps = vec![Step::Kill(Stage::Active, Moment::At(trap)), Step::Freeze];
    run::run(plain_delete(7001, 150, steps)).await.unwrap_or_else(|broken| panic!("{}", failed(7001, &broken)));
}

fn plain_delete(seed: u64, tasks: u64, steps: Vec<Step>) -> Scenario {
    Scenario {
        seed,
        job_kind: JobKind::Delete,
        is_versioned: false,
        tasks,
        missing_every: u64::MAX,
        in_flight: 6,
        answer: Duration::from_millis(8),
        foreign_every: None,
        steps,
    }
}
