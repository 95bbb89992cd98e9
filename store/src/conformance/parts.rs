//! What recording outcomes promises.

use std::time::Duration;

use brigade_model::job::{Change, JobId};
use brigade_model::ports::job_store::{Due, Fence, LeaseError, OutcomePart};
use brigade_model::{DoneBytes, FailureCounts, ObjectKey, ServiceTime};
use bytes::Bytes;

use super::Bench;
use super::samples::{GRACE, Store, TTL, active, counted, end, lease_slice, part, sample_job, step, token};

async fn is_fenced(store: &Store, part: OutcomePart) -> bool {
    matches!(store.record_part(part).await, Err(LeaseError::Fenced))
}

pub(super) async fn a_part_counts_in_its_slice_and_in_its_job(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10, 10]).await;
    let (first, second) = (lease_slice(&store, id).await, lease_slice(&store, id).await);
    store.record_part(part(&first, 0, 3, 1)).await.unwrap();
    store.record_part(part(&first, 1, 2, 0)).await.unwrap();
    store.record_part(part(&second, 0, 1, 1)).await.unwrap();
    assert_eq!(counted(&bench.store(), id).await, (6, 2));
    let rows = store.slices(id, 0, 9).await.unwrap();
    assert_eq!((rows[0].succeeded, rows[0].failed, rows[1].succeeded, rows[1].failed), (5, 1, 1, 1));
    let parts = store.parts(id, 0).await.unwrap();
    assert_eq!(parts, [(0, part(&first, 0, 0, 0).bytes), (1, part(&first, 1, 0, 0).bytes)]);
}

pub(super) async fn a_part_sent_twice_counts_once(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let lease = lease_slice(&store, id).await;
    store.record_part(part(&lease, 0, 3, 1)).await.unwrap();
    bench.store().record_part(part(&lease, 0, 3, 1)).await.unwrap();
    store.record_part(part(&lease, 1, 1, 0)).await.unwrap();
    store.record_part(part(&lease, 0, 3, 1)).await.unwrap();
    assert_eq!(counted(&store, id).await, (4, 1));
    assert_eq!(store.parts(id, 0).await.unwrap().len(), 2);
}

/// What the job's failures and bytes are counted as.
async fn sums(store: &Store, id: JobId) -> (FailureCounts, DoneBytes) {
    let job = store.job(id).await.unwrap().unwrap();
    (job.failure_counts, job.done_bytes)
}

pub(super) async fn failures_are_counted_by_code_and_bytes_are_summed_with_the_outcomes_and_never_twice(
    bench: &mut dyn Bench,
) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10, 10]).await;
    assert_eq!(sums(&store, id).await, Default::default());
    let (first, second) = (lease_slice(&store, id).await, lease_slice(&store, id).await);
    store.record_part(part(&first, 0, 3, 2)).await.unwrap();
    store.record_part(part(&first, 0, 3, 2)).await.unwrap();
    let mut other = FailureCounts::default();
    other.add("AccessDenied", None);
    let done_bytes = DoneBytes { bytes: 7, tasks_of_unknown_size: 2 };
    let denied = OutcomePart { failure_counts: other.clone(), done_bytes, ..part(&second, 0, 2, 1) };
    store.record_part(denied).await.unwrap();
    assert!(is_fenced(&store, part(&second, 5, 1, 1)).await, "what is not recorded is not counted");
    let (counts, done) = sums(&bench.store(), id).await;
    let seen: Vec<_> = counts.by_frequency().iter().map(|one| (one.code.clone(), one.count)).collect();
    assert_eq!(seen, [("NoSuchKey".to_owned(), 2), ("AccessDenied".to_owned(), 1)]);
    assert_eq!(counts.by_frequency()[0].example, Some(ObjectKey::new("lost").unwrap()));
    assert_eq!(done, DoneBytes { bytes: 307, tasks_of_unknown_size: 2 });
    assert_eq!(counts.sum(), counted(&store, id).await.1, "it is the counter of failed tasks");
    let changed = step(&store, id, Change::PrioritySet(3)).await.unwrap();
    assert_eq!((changed.failure_counts, changed.done_bytes), (counts, done), "no change touches them");
}

pub(super) async fn what_failed_stays_known_when_outcomes_are_removed(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let lease = lease_slice(&store, id).await;
    store.record_part(part(&lease, 0, 3, 2)).await.unwrap();
    store.release_slice(&lease, false).await.unwrap();
    end(&store, id).await;
    let before = sums(&store, id).await;
    let due = Due { outcomes_before: ServiceTime(Duration::MAX), ..Due::ended_before(ServiceTime::default()) };
    while !store.purge(&due, 1).await.unwrap().jobs.contains(&id) {}
    assert_eq!((sums(&store, id).await, before.0.sum()), (before, 2));
}

pub(super) async fn a_part_sent_again_after_the_slice_was_done_succeeds(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[4]).await;
    let lease = lease_slice(&store, id).await;
    store.record_part(part(&lease, 0, 3, 1)).await.unwrap();
    store.record_part(part(&lease, 0, 3, 1)).await.unwrap();
    assert_eq!(counted(&store, id).await, (3, 1));
}

pub(super) async fn a_gap_in_the_numbers_is_fenced(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let lease = lease_slice(&store, id).await;
    assert!(is_fenced(&store, part(&lease, 1, 1, 0)).await);
    store.record_part(part(&lease, 0, 1, 0)).await.unwrap();
    assert!(is_fenced(&store, part(&lease, 2, 1, 0)).await);
    assert!(is_fenced(&store, part(&lease, u64::MAX, 1, 0)).await);
    assert_eq!(counted(&store, id).await, (1, 0));
}

pub(super) async fn a_part_of_a_lost_lease_is_fenced(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let lost = lease_slice(&store, id).await;
    store.record_part(part(&lost, 0, 1, 0)).await.unwrap();
    bench.pass(TTL + GRACE).await;
    store.revoke_lost(id, GRACE, None).await.unwrap();
    assert!(is_fenced(&store, part(&lost, 1, 1, 0)).await);
    let next = lease_slice(&store, id).await;
    assert!(is_fenced(&store, part(&lost, 1, 1, 0)).await);
    assert!(is_fenced(&store, part(&lost, 0, 1, 0)).await, "it was recorded, but its sender must stop");
    store.record_part(part(&next, 1, 2, 0)).await.unwrap();
    assert!(is_fenced(&store, part(&lost, 1, 2, 0)).await, "the number was used by another epoch");
    assert_eq!(counted(&store, id).await, (3, 0));
}

pub(super) async fn a_part_of_a_released_lease_is_fenced(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let lease = lease_slice(&store, id).await;
    store.record_part(part(&lease, 0, 1, 0)).await.unwrap();
    store.release_slice(&lease, false).await.unwrap();
    assert!(is_fenced(&store, part(&lease, 1, 1, 0)).await);
    store.record_part(part(&lease, 0, 1, 0)).await.unwrap();
    assert_eq!(counted(&store, id).await, (1, 0));
}

pub(super) async fn a_part_is_accepted_after_the_status_changed(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let lease = lease_slice(&store, id).await;
    step(&store, id, Change::CancelRequested("no".into())).await.unwrap();
    store.record_part(part(&lease, 0, 1, 1)).await.unwrap();
    assert_eq!(counted(&store, id).await, (1, 1));
}

pub(super) async fn more_outcomes_than_tasks_are_fenced(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let lease = lease_slice(&store, id).await;
    store.record_part(part(&lease, 0, 6, 3)).await.unwrap();
    assert!(is_fenced(&store, part(&lease, 1, 1, 1)).await);
    let most = OutcomePart { failed: u32::MAX, ..part(&lease, 1, u32::MAX, 0) };
    assert!(is_fenced(&store, most).await);
    store.record_part(part(&lease, 1, 1, 0)).await.unwrap();
    assert_eq!(counted(&store, id).await, (7, 3));
}

pub(super) async fn the_last_outcome_ends_the_slice_and_its_lease(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[2]).await;
    let lease = lease_slice(&store, id).await;
    store.record_part(part(&lease, 0, 1, 0)).await.unwrap();
    store.record_part(part(&lease, 1, 0, 1)).await.unwrap();
    let row = store.slices(id, 0, 1).await.unwrap().remove(0);
    assert!(row.is_done() && !row.is_leased);
    assert!(matches!(store.renew_slice(&lease, TTL).await, Err(LeaseError::Fenced)));
    store.release_slice(&lease, false).await.unwrap();
    bench.pass(TTL + GRACE).await;
    assert_eq!(store.revoke_lost(id, GRACE, None).await.unwrap(), 0);
    assert_eq!(store.lease_slice(id, lease.owner, token(), TTL).await.unwrap(), None);
    let job = store.job(id).await.unwrap().unwrap();
    assert!(job.progress.is_exhausted());
    assert_eq!((job.progress.succeeded, job.progress.failed), (1, 1));
}

pub(super) async fn a_slice_without_a_success_counts_in_its_job_too(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[2, 3]).await;
    let (failing, fine) = (lease_slice(&store, id).await, lease_slice(&store, id).await);
    store.record_part(part(&failing, 0, 0, 2)).await.unwrap();
    assert_eq!(counted(&store, id).await, (0, 2));
    store.record_part(part(&fine, 0, 3, 0)).await.unwrap();
    assert_eq!(counted(&store, id).await, (3, 2));
}

pub(super) async fn the_next_owner_goes_on_with_the_next_part(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10]).await;
    let first = lease_slice(&store, id).await;
    store.record_part(part(&first, 0, 2, 1)).await.unwrap();
    store.release_slice(&first, false).await.unwrap();
    let next = lease_slice(&store, id).await;
    assert_eq!((next.next_seq, next.slice.succeeded, next.slice.failed), (1, 2, 1));
    store.record_part(part(&next, 1, 7, 0)).await.unwrap();
    assert_eq!(counted(&store, id).await, (9, 1));
    let parts = store.parts(id, 0).await.unwrap();
    assert_eq!(parts.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [0, 1]);
}

pub(super) async fn an_outcome_forgets_the_revocations_before_it(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[10, 10]).await;
    for revocations in 0..3 {
        assert_eq!(lease_slice(&store, id).await.slice.revocations, revocations);
        bench.pass(TTL + GRACE).await;
        store.revoke_lost(id, GRACE, None).await.unwrap();
    }
    let (lease, other) = (lease_slice(&store, id).await, lease_slice(&store, id).await);
    assert_eq!((lease.slice.revocations, other.slice.revocations), (3, 0));
    // The job gets on while both are leased.
    store.record_part(part(&other, 0, 1, 0)).await.unwrap();
    let row = store.slices(id, 0, 1).await.unwrap().remove(0);
    assert_eq!((row.revocations, row.must_check), (0, true), "what may have been attempted is not forgotten");
    bench.pass(TTL + GRACE).await;
    store.revoke_lost(id, GRACE, None).await.unwrap();
    let lease = lease_slice(&store, id).await;
    assert_eq!(lease.slice.revocations, 1);
    store.record_part(part(&lease, lease.next_seq, 1, 0)).await.unwrap();
    assert_eq!(store.slices(id, 0, 1).await.unwrap()[0].revocations, 0);
}

pub(super) async fn a_part_of_what_does_not_exist_is_fenced(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1]).await;
    let fence = Fence { epoch: 0, token: token() };
    let unknown = |job, slice| OutcomePart {
        job,
        slice,
        fence,
        seq: 0,
        succeeded: 1,
        failed: 0,
        failure_counts: Default::default(),
        done_bytes: Default::default(),
        bytes: Bytes::new(),
    };
    for part in [unknown(id, 0), unknown(id, 7), unknown(JobId::from_u128(9), 0)] {
        assert!(is_fenced(&store, part).await);
    }
    assert_eq!(store.parts(id, 7).await.unwrap(), []);
}
