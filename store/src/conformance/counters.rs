//! What counters promise, under any history that a property test generates.

use std::future::Future;

use brigade_model::job::{Change, JobId};
use brigade_model::ports::job_store::{OutcomePart, SliceLease};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::samples::{GRACE, Store, TTL, active, counted, part, sample_job, step};
use super::{Bench, samples};

/// Tasks of the slices that the acts work on.
const TASKS: [u32; 3] = [3, 7, 5];

/// Something that a worker, the network or the clock does.
#[derive(Debug, Clone)]
enum Act {
    Lease,
    Record { holder: usize, succeeded: u32, failed: u32 },
    Repeat { sent: usize },
    Release { holder: usize },
    Expire,
    Pause,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Lease),
        6 => (0..6usize, 0..4u32, 0..3u32).prop_map(|(holder, succeeded, failed)| Act::Record { holder, succeeded, failed }),
        3 => (0..20usize).prop_map(|sent| Act::Repeat { sent }),
        1 => (0..6usize).prop_map(|holder| Act::Release { holder }),
        1 => Just(Act::Expire),
        1 => Just(Act::Pause),
    ]
}

/// What the suite believes: everything that was acknowledged, and nothing else.
#[derive(Default)]
struct Believed {
    /// Every lease ever given, with the next seq of its holder.
    leases: Vec<(SliceLease, u64)>,
    /// Every part ever sent.
    sent: Vec<OutcomePart>,
    /// (succeeded, failed) by slice, of parts that were acknowledged for the first time.
    counted: [(u32, u32); TASKS.len()],
}

impl Believed {
    async fn send(&mut self, store: &Store, part: OutcomePart) {
        let is_new = !self.sent.contains(&part);
        let slice = &store.slices(part.job, part.slice, 1).await.unwrap()[0];
        let before = (slice.succeeded, slice.failed);
        if store.record_part(part.clone()).await.is_ok() && is_new {
            let counted = &mut self.counted[part.slice as usize];
            *counted = (counted.0 + part.succeeded, counted.1 + part.failed);
            self.sent.push(part);
        } else {
            let slice = &store.slices(part.job, part.slice, 1).await.unwrap()[0];
            assert_eq!((slice.succeeded, slice.failed), before, "a repeat or a refusal counts nothing");
        }
    }

    async fn check(&self, store: &Store, id: JobId) {
        let rows = store.slices(id, 0, TASKS.len()).await.unwrap();
        let stored: Vec<_> = rows.iter().map(|row| (row.succeeded, row.failed)).collect();
        assert_eq!(stored, self.counted);
        assert!(rows.iter().all(|row| row.succeeded + row.failed <= row.tasks));
        let sum = |pick: fn(&(u32, u32)) -> u32| self.counted.iter().map(|pair| u64::from(pick(pair))).sum::<u64>();
        assert_eq!(counted(store, id).await, (sum(|pair| pair.0), sum(|pair| pair.1)));
        for row in rows {
            let parts = store.parts(id, row.index).await.unwrap();
            assert!(parts.iter().map(|(seq, _)| *seq).eq(0..parts.len() as u64), "no gap");
            assert_eq!(parts.len(), self.sent.iter().filter(|part| part.slice == row.index).count());
        }
    }
}

async fn perform(bench: &dyn Bench, store: &Store, id: JobId, believed: &mut Believed, act: Act) {
    match act {
        Act::Lease => {
            if let Some(lease) = store.lease_slice(id, samples::owner(1), samples::token(), TTL).await.unwrap() {
                believed.leases.push((lease.clone(), lease.next_seq));
            }
        }
        Act::Record { holder, succeeded, failed } => {
            let count = believed.leases.len();
            let Some((lease, seq)) = believed.leases.get_mut(holder % count.max(1)) else { return };
            let sent = part(lease, *seq, succeeded, failed);
            *seq += 1;
            believed.send(store, sent).await;
        }
        Act::Repeat { sent } => {
            let count = believed.sent.len();
            let Some(sent) = believed.sent.get(sent % count.max(1)).cloned() else { return };
            believed.send(store, sent).await;
        }
        Act::Release { holder } => {
            let count = believed.leases.len();
            let Some((lease, _)) = believed.leases.get(holder % count.max(1)) else { return };
            store.release_slice(lease, false).await.unwrap();
        }
        Act::Expire => {
            bench.pass(TTL + GRACE).await;
            store.revoke_lost(id, GRACE, None).await.unwrap();
        }
        Act::Pause => {
            for change in [Change::Preempted, Change::Drained, Change::SlotGranted] {
                step(store, id, change).await.unwrap();
            }
        }
    }
}

/// Promise: the counters of a slice and of its job are the sum of the parts that were
/// acknowledged, each once, whatever workers, the network and the clock do.
///
/// # Panics
/// When the store breaks the promise; the acts that break it are shrunk and printed.
pub fn counters_are_the_sum_of_the_parts_whatever_happens<B, F>(cases: u32, make: impl Fn() -> F)
where
    B: Bench,
    F: Future<Output = B>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let acts = prop::collection::vec(act(), 1..60);
    let played = TestRunner::new(config).run(&acts, |acts| {
        runtime.block_on(play(make(), acts));
        Ok(())
    });
    played.unwrap();
}

async fn play<B: Bench>(bench: impl Future<Output = B>, acts: Vec<Act>) {
    let bench = bench.await;
    let store = bench.store();
    let id = active(&store, sample_job(1), &TASKS).await;
    let mut believed = Believed::default();
    for act in acts {
        perform(&bench, &store, id, &mut believed, act).await;
        believed.check(&store, id).await;
    }
}
