//! What giving out slots promises.

use brigade_model::job::{Change, JobFailure, JobId};
use brigade_model::slots::SlotMove;
use brigade_model::status::Status;
use futures::future::join_all;

use super::Bench;
use super::samples::{Store, endpoint, ready, sample_job, step};

async fn status(store: &Store, n: u128) -> Status {
    store.job(JobId::from_u128(n)).await.unwrap().unwrap().status
}

pub(super) async fn slots_go_to_the_highest_priority_and_no_further(bench: &mut dyn Bench) {
    let store = bench.store();
    for n in 1..=3 {
        ready(&store, sample_job(n), &[1]).await;
    }
    let moves = store.reschedule(&endpoint("e"), 2).await.unwrap();
    assert_eq!(moves, [3, 2].map(|n| (JobId::from_u128(n), SlotMove::Grant)));
    assert_eq!((status(&store, 1).await, status(&store, 2).await), (Status::Ready, Status::Active));
    let job = store.job(JobId::from_u128(2)).await.unwrap().unwrap();
    assert_eq!(job.revision, 3, "a move is a change like any other");
    assert_eq!(store.reschedule(&endpoint("e"), 2).await.unwrap(), []);
}

pub(super) async fn a_higher_priority_preempts_and_gets_the_slot_after_the_drain(bench: &mut dyn Bench) {
    let store = bench.store();
    let low = ready(&store, sample_job(1), &[1]).await;
    store.reschedule(&endpoint("e"), 1).await.unwrap();
    let high = ready(&store, sample_job(2), &[1]).await;
    assert_eq!(store.reschedule(&endpoint("e"), 1).await.unwrap(), [(low, SlotMove::Preempt)]);
    assert_eq!(store.reschedule(&endpoint("e"), 1).await.unwrap(), []);
    step(&store, low, Change::Drained).await.unwrap();
    assert_eq!(store.reschedule(&endpoint("e"), 1).await.unwrap(), [(high, SlotMove::Grant)]);
    assert_eq!((status(&store, 1).await, status(&store, 2).await), (Status::Paused, Status::Active));
}

pub(super) async fn endpoints_do_not_take_slots_from_each_other(bench: &mut dyn Bench) {
    let store = bench.store();
    ready(&store, sample_job(1), &[1]).await;
    let mut other = sample_job(2);
    other.endpoint = endpoint("f");
    ready(&store, other, &[1]).await;
    for (name, n) in [("e", 1), ("f", 2), ("g", 0)] {
        let moves = store.reschedule(&endpoint(name), 1).await.unwrap();
        let granted: Vec<_> = moves.iter().map(|(job, _)| *job).collect();
        assert_eq!(granted, Vec::from_iter((n > 0).then(|| JobId::from_u128(n))));
    }
}

pub(super) async fn slots_given_at_the_same_moment_are_never_too_many(bench: &mut dyn Bench) {
    for n in 1..=6 {
        ready(&bench.store(), sample_job(n), &[1]).await;
    }
    let tries = (0..8).map(|_| {
        let store = bench.store();
        async move { store.reschedule(&endpoint("e"), 2).await.unwrap() }
    });
    let moves: Vec<_> = join_all(tries).await.concat();
    assert_eq!(moves.len(), 2, "{moves:?}");
    let counts = bench.store().count_jobs().await.unwrap();
    assert!(counts.contains(&(Status::Active, 2)), "{counts:?}");
}

pub(super) async fn a_job_that_the_service_holds_gives_up_its_slot_and_wants_none_until_it_is_tried(
    bench: &mut dyn Bench,
) {
    let store = bench.store();
    let held = ready(&store, sample_job(2), &[1]).await;
    let other = ready(&store, sample_job(1), &[1]).await;
    assert_eq!(store.reschedule(&endpoint("e"), 1).await.unwrap(), [(held, SlotMove::Grant)]);
    let why = JobFailure::new("NoSuchBucket", "bucket photos: The specified bucket does not exist");
    step(&store, held, Change::HeldByService(why.clone())).await.unwrap();
    step(&store, held, Change::Drained).await.unwrap();
    assert_eq!(store.reschedule(&endpoint("e"), 2).await.unwrap(), [(other, SlotMove::Grant)]);

    let store = bench.store();
    let job = store.job(held).await.unwrap().unwrap();
    assert_eq!(job.hold.as_ref().map(|hold| &hold.why), Some(&why), "it stands in the row");
    let heads = store.open_jobs().await.unwrap();
    let until = |id| heads.iter().find(|head| head.id == id).unwrap().held_until;
    assert_eq!((until(held), until(other)), (job.held_until(), None));
    assert!(job.held_until() > Some(job.since), "{job:?}");

    step(&store, held, Change::HoldTried).await.unwrap();
    assert_eq!(store.reschedule(&endpoint("e"), 2).await.unwrap(), [(held, SlotMove::Grant)]);
    step(&store, held, Change::HoldLifted).await.unwrap();
    assert_eq!(store.job(held).await.unwrap().unwrap().hold, None);
}
