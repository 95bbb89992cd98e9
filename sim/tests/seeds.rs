//! Five hundred seeds, each with its own crashes, losses, users and other writers, and the invariants
//! after each; and the proof that a seed decides everything.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use brigade_model::status::TABLE;
use brigade_sim::{habits_of_seeds, run};

const SEEDS: u64 = 500;

/// What happened in all seeds, in kinds, and what must not have happened.
fn run_all() -> (BTreeMap<String, u64>, Vec<String>) {
    let (next, all) = (AtomicU64::new(0), Mutex::default());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= SEEDS {
                        return;
                    }
                    let run = run(seed);
                    let (kinds, broken): &mut (BTreeMap<String, u64>, Vec<String>) = &mut all.lock().unwrap();
                    run.kinds.into_iter().for_each(|(kind, times)| *kinds.entry(kind).or_default() += times);
                    let told = run.violations.iter().map(|v| format!("seed {seed}: {}: {}", v.invariant, v.what));
                    broken.extend(told);
                }
            });
        }
    });
    all.into_inner().unwrap()
}

/// What a simulation that is worth its name comes by: else it proves little. Each of these, and
/// each move of the table, is so likely that 500 seeds come by ten of it at least, so that another
/// order of the same draws leaves none of them out (`brigade-sim --kinds` counts).
const MUST_HAPPEN: [&str; 37] = [
    "crash",
    "is frozen",
    "thaws",
    "does not reach the job store",
    "the job store is away",
    "the job store is slow",
    "the endpoint is away",
    "its clock jumps",
    "the account is disabled",
    "held by the service",
    "tried while held",
    "no longer held",
    "the disk is full",
    "the spool fails",
    "revoked",
    "add_slices: fenced",
    "record_part: fenced",
    "record_part: its answer is lost",
    "record_part: the process dies before it",
    "record_part: the process dies after it",
    "apply: its answer is lost",
    "lease_slice: its answer is lost",
    "Copy: ChangedSinceAttempt",
    "Delete: ChangedSinceAttempt",
    "Copy: Unconfirmed",
    "CopyLarge: Unconfirmed",
    "CopyLarge: success",
    "Restore: success",
    "AddTags: success",
    "Untag: success",
    "RemoveTags: success",
    "Acl: success",
    "LegalHold: success",
    "Retention: success",
    "Checksum: success",
    "Invoke: success",
    "Invoke: PermanentFailure",
];

#[test]
fn whatever_goes_wrong_in_five_hundred_seeds_what_a_job_promises_holds() {
    let (kinds, broken) = run_all();
    assert!(broken.is_empty(), "replay with: brigade-sim --seed SEED --history\n{}", broken.join("\n"));
    let moves = TABLE.iter().filter(|row| row.from != row.to).map(|row| format!("{} -> {}", row.from, row.to));
    let habits = habits_of_seeds().into_iter().map(|habit| format!("habit: {}", habit.name()));
    let expected = MUST_HAPPEN.into_iter().map(str::to_owned).chain(moves).chain(habits);
    let missing: Vec<String> = expected.filter(|kind| !kinds.contains_key(kind)).collect();
    assert!(missing.is_empty(), "no seed comes by {missing:?}, only by {kinds:#?}");
}

#[test]
fn the_same_seed_is_the_same_history_and_another_seed_is_another() {
    let digests: Vec<String> = (0..20).map(|seed| run(seed).digest()).collect();
    for (seed, digest) in (0..).zip(&digests) {
        assert_eq!(run(seed).digest(), *digest, "seed {seed}");
    }
    let distinct: std::collections::BTreeSet<&String> = digests.iter().collect();
    assert_eq!(distinct.len(), digests.len());
}
