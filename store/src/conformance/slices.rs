//! What slices and their leases promise.

use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::operation::{Operation, WaitForRestore};
use brigade_model::ports::job_store::{AddSlicesError, Fence, KnownLeases, LeaseError, SliceRow, StoreError};
use brigade_model::slots::SlotMove;
use brigade_model::status::Status;
use futures::future::join_all;

use super::Bench;
use super::samples::{
    GRACE, TTL, active, end, endpoint, lease_slice, lease_stage, owner, part, preparing, ready, sample_job, slices_of,
    step, token,
};

const MOMENT: Duration = Duration::from_millis(1);

pub(super) async fn slices_are_added_once_however_often_they_are_sent(bench: &mut dyn Bench) {
    let store = bench.store();
    let lease = preparing(&store, sample_job(1)).await;
    let all = slices_of(&[64, 128, 7]);
    store.add_slices(&lease, all[..2].to_vec(), u64::MAX).await.unwrap();
    store.add_slices(&lease, all[..2].to_vec(), u64::MAX).await.unwrap();
    store.add_slices(&lease, all.clone(), u64::MAX).await.unwrap();
    let stored = bench.store().slices(lease.job, 0, 99).await.unwrap();
    assert_eq!(stored.len(), 3);
    for (row, new) in stored.iter().zip(&all) {
        assert_eq!((row.index, row.first_task, row.tasks), (new.index, new.first_task, new.tasks));
        assert_eq!(row.spool_name, new.spool_name);
        assert_eq!((row.succeeded, row.failed, row.revocations), (0, 0, 0));
        assert_eq!((row.first_leased, row.must_check_since), (None, None));
        assert!(!row.is_leased && !row.must_check && !row.is_done());
    }
}

pub(super) async fn slices_that_come_after_a_cancel_are_refused(bench: &mut dyn Bench) {
    let store = bench.store();
    let lease = preparing(&store, sample_job(1)).await;
    step(&store, lease.job, Change::CancelRequested("no".into())).await.unwrap();
    let refused = store.add_slices(&lease, slices_of(&[64]), u64::MAX).await;
    assert!(matches!(refused, Err(AddSlicesError::Fenced)), "{refused:?}");
    assert_eq!(store.slices(lease.job, 0, 99).await.unwrap(), []);

    let other = ready(&store, sample_job(2), &[1]).await;
    let stage = lease_stage(&store, other).await;
    let refused = store.add_slices(&stage, slices_of(&[1, 1]), u64::MAX).await;
    assert!(matches!(refused, Err(AddSlicesError::Fenced)), "the total is fixed: {refused:?}");
}

pub(super) async fn a_slice_that_would_leave_a_gap_is_refused_with_all_that_came_with_it(bench: &mut dyn Bench) {
    let store = bench.store();
    let lease = preparing(&store, sample_job(1)).await;
    let mut gap = slices_of(&[64, 64, 64]);
    gap.remove(1);
    let refused = store.add_slices(&lease, gap, u64::MAX).await;
    assert!(matches!(refused, Err(AddSlicesError::Store(StoreError::Conflict(_)))), "{refused:?}");
    assert_eq!(store.slices(lease.job, 0, 99).await.unwrap(), []);
}

pub(super) async fn slices_are_read_in_pages(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = ready(&store, sample_job(1), &[1; 10]).await;
    let page = async |from, limit| -> Vec<u32> {
        store.slices(id, from, limit).await.unwrap().iter().map(|slice| slice.index).collect()
    };
    assert_eq!(page(0, 4).await, [0, 1, 2, 3]);
    assert_eq!(page(8, 4).await, [8, 9]);
    assert_eq!(page(10, 4).await, [0; 0]);
}

pub(super) async fn slices_are_leased_in_order_and_the_first_lease_is_remembered(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[5, 6]).await;
    let began = bench.clock().now();
    let first = store.lease_slice(id, owner(7), token(), TTL).await.unwrap().unwrap();
    assert_eq!((first.job, first.owner, first.next_seq), (id, owner(7), 0));
    assert_eq!((first.slice.index, first.slice.first_leased, first.leased_at), (0, Some(began), began));
    assert!(first.slice.is_leased && !first.slice.must_check);
    assert_eq!(lease_slice(&store, id).await.slice.index, 1);
    assert_eq!(store.lease_slice(id, owner(1), token(), TTL).await.unwrap(), None);

    bench.pass(TTL).await;
    store.release_slice(&first, false).await.unwrap();
    let again = lease_slice(&store, id).await;
    assert_eq!((again.slice.index, again.slice.first_leased), (0, Some(began)));
    assert_eq!(again.leased_at, began + TTL, "a lease tells when it began itself");
    assert!(again.fence.epoch > first.fence.epoch);
}

pub(super) async fn of_many_owners_each_gets_another_slice(bench: &mut dyn Bench) {
    let id = active(&bench.store(), sample_job(1), &[1; 12]).await;
    let tries = (1..=16).map(|n| {
        let store = bench.store();
        async move { store.lease_slice(id, owner(n), token(), TTL).await.unwrap() }
    });
    let mut leased: Vec<_> = join_all(tries).await.into_iter().flatten().map(|lease| lease.slice.index).collect();
    leased.sort_unstable();
    assert_eq!(leased, (0..12).collect::<Vec<_>>());
}

pub(super) async fn a_job_that_is_not_active_gives_no_slice(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = ready(&store, sample_job(1), &[1]).await;
    assert_eq!(store.lease_slice(id, owner(1), token(), TTL).await.unwrap(), None);
    for change in [Change::SlotGranted, Change::Preempted] {
        step(&store, id, change).await.unwrap();
    }
    assert_eq!(store.lease_slice(id, owner(1), token(), TTL).await.unwrap(), None);
    assert_eq!(store.lease_slice(sample_job(9).id, owner(1), token(), TTL).await.unwrap(), None);
}

pub(super) async fn a_renewal_tells_the_status_of_the_job(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1]).await;
    let lease = lease_slice(&store, id).await;
    assert_eq!(store.renew_slice(&lease, TTL).await.unwrap(), Status::Active);
    step(&store, id, Change::CancelRequested("no".into())).await.unwrap();
    assert_eq!(bench.store().renew_slice(&lease, TTL).await.unwrap(), Status::Cancelling);
}

pub(super) async fn a_lease_is_revoked_after_expiry_and_grace_and_no_earlier(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1, 1]).await;
    let [kept, _lost] = [lease_slice(&store, id).await, lease_slice(&store, id).await];
    bench.pass(TTL).await;
    store.renew_slice(&kept, TTL).await.unwrap();
    bench.pass(GRACE - MOMENT).await;
    assert_eq!(store.revoke_lost(id, GRACE, None).await.unwrap(), 0);
    bench.pass(MOMENT).await;
    assert_eq!(store.revoke_lost(id, GRACE, None).await.unwrap(), 1);
    assert_eq!(store.revoke_lost(id, GRACE, None).await.unwrap(), 0);
    store.renew_slice(&kept, TTL).await.unwrap();
}

pub(super) async fn a_revoked_slice_is_fenced_and_marked_and_leased_again_first(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1, 1]).await;
    let lost = lease_slice(&store, id).await;
    bench.pass(TTL + GRACE).await;
    assert_eq!(store.revoke_lost(id, GRACE, None).await.unwrap(), 1);
    assert!(matches!(store.renew_slice(&lost, TTL).await, Err(LeaseError::Fenced)));
    let row = store.slices(id, 0, 1).await.unwrap().remove(0);
    assert!(row.must_check && !row.is_leased);
    assert_eq!(row.revocations, 1);
    let next = lease_slice(&store, id).await;
    assert_eq!((next.slice.index, next.slice.must_check, next.slice.revocations), (0, true, 1));
    assert!(next.fence.epoch > lost.fence.epoch);
}

pub(super) async fn an_owner_takes_back_the_leases_that_it_does_not_know_of(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1, 1, 1, 1]).await;
    let known = lease_slice(&store, id).await;
    let unknown = lease_slice(&store, id).await;
    let of_another = store.lease_slice(id, owner(9), token(), TTL).await.unwrap().unwrap();
    let knows = |slices: &[(u32, Fence)]| Some(KnownLeases { owner: known.owner, slices: slices.to_vec() });
    let all = [(0, known.fence), (1, unknown.fence)];
    assert_eq!(store.revoke_lost(id, GRACE, knows(&all)).await.unwrap(), 0);
    assert_eq!(store.revoke_lost(id, GRACE, knows(&all[..1])).await.unwrap(), 1);
    assert_eq!(store.revoke_lost(id, GRACE, knows(&all[..1])).await.unwrap(), 0);
    store.renew_slice(&known, TTL).await.unwrap();
    store.renew_slice(&of_another, TTL).await.unwrap();
    assert!(matches!(store.renew_slice(&unknown, TTL).await, Err(LeaseError::Fenced)));
    let again = lease_slice(&store, id).await;
    assert_eq!((again.slice.index, again.slice.must_check), (1, true), "nobody knows what became of it");
    // It knows of the slice, by a lease that is lost.
    assert_eq!(store.revoke_lost(id, GRACE, knows(&all)).await.unwrap(), 1);
}

pub(super) async fn a_released_slice_keeps_its_mark_until_it_is_done(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1]).await;
    for (said, marked_after) in [(false, false), (true, true), (false, true)] {
        let lease = lease_slice(&store, id).await;
        store.release_slice(&lease, said).await.unwrap();
        let row = store.slices(id, 0, 1).await.unwrap().remove(0);
        assert_eq!((row.must_check, row.revocations), (marked_after, 0));
    }
}

pub(super) async fn a_slice_must_be_checked_since_the_oldest_lease_that_was_not_released_cleanly(
    bench: &mut dyn Bench,
) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1, 1]).await;
    let since = async |slice| store.slices(id, slice, 1).await.unwrap()[0].must_check_since;
    let (clean, lost) = (lease_slice(&store, id).await, lease_slice(&store, id).await);
    store.release_slice(&clean, false).await.unwrap();
    assert_eq!(since(0).await, None, "what it attempted has an outcome");
    bench.pass(TTL + GRACE).await;
    assert_eq!(store.revoke_lost(id, GRACE, None).await.unwrap(), 1);
    assert_eq!(since(1).await, Some(lost.leased_at), "it was revoked");

    let unclean = lease_slice(&store, id).await;
    assert_eq!((unclean.slice.index, unclean.slice.must_check_since), (0, None));
    assert!(unclean.leased_at > clean.leased_at);
    bench.pass(TTL).await;
    store.release_slice(&unclean, true).await.unwrap();
    assert_eq!(since(0).await, Some(unclean.leased_at), "not since the first lease, nor since its end");
    for (slice, oldest) in [(0, &unclean), (1, &lost)] {
        let again = lease_slice(&store, id).await;
        assert_eq!((again.slice.index, again.slice.must_check_since), (slice, Some(oldest.leased_at)));
        bench.pass(TTL + GRACE).await;
        store.revoke_lost(id, GRACE, None).await.unwrap();
        assert_eq!(since(slice).await, Some(oldest.leased_at), "an older one is not forgotten");
        let own = lease_slice(&store, id).await;
        let knows = KnownLeases { owner: own.owner, slices: Vec::new() };
        assert_eq!(store.revoke_lost(id, GRACE, Some(knows)).await.unwrap(), 1);
        assert_eq!(since(slice).await, Some(oldest.leased_at));
        let given_back = lease_slice(&store, id).await;
        store.record_part(part(&given_back, 0, 1, 0)).await.unwrap();
    }
}

pub(super) async fn an_owner_that_takes_back_a_lease_leaves_the_slice_to_be_checked_since_then(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1]).await;
    store.release_slice(&lease_slice(&store, id).await, false).await.unwrap();
    bench.pass(TTL).await;
    let unknown = lease_slice(&store, id).await;
    bench.pass(MOMENT).await;
    let knows = KnownLeases { owner: unknown.owner, slices: Vec::new() };
    assert_eq!(store.revoke_lost(id, GRACE, Some(knows)).await.unwrap(), 1);
    assert_eq!(store.slices(id, 0, 1).await.unwrap()[0].must_check_since, Some(unknown.leased_at));
}

pub(super) async fn a_release_of_a_lost_slice_takes_nothing_from_its_new_owner(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1]).await;
    let lost = lease_slice(&store, id).await;
    bench.pass(TTL + GRACE).await;
    store.revoke_lost(id, GRACE, None).await.unwrap();
    let next = lease_slice(&store, id).await;
    store.release_slice(&lost, false).await.unwrap();
    store.renew_slice(&next, TTL).await.unwrap();
}

pub(super) async fn a_slice_that_is_put_off_waits_for_its_round_while_others_are_leased(bench: &mut dyn Bench) {
    let store = bench.store();
    let mut job = sample_job(1);
    job.spec.operation = Operation::WaitForRestore(WaitForRestore { hours: 1 });
    let id = active(&store, job, &[1, 1]).await;
    store.release_slice(&lease_slice(&store, id).await, true).await.unwrap();
    let first = lease_slice(&store, id).await;
    assert!(first.slice.must_check);
    store.put_off_slice(&first, 1).await.unwrap();
    store.put_off_slice(&first, 9).await.unwrap();
    assert!(matches!(store.renew_slice(&first, TTL).await, Err(LeaseError::Fenced)), "it is released");
    let second = lease_slice(&store, id).await;
    assert_eq!(second.slice.index, 1, "the one that was put off comes later");
    store.put_off_slice(&second, 1).await.unwrap();
    assert_eq!(store.lease_slice(id, owner(1), token(), TTL).await.unwrap(), None, "this round is over");

    let paused = step(&store, id, Change::RoundEnded(TTL)).await.unwrap();
    let next = bench.store().service_time().await.unwrap().after(TTL);
    assert_eq!(paused.held_until(), Some(next));
    assert_eq!(store.open_jobs().await.unwrap()[0].held_until, Some(next));
    step(&store, id, Change::Drained).await.unwrap();
    assert_eq!(store.reschedule(&endpoint("e"), 1).await.unwrap(), [], "between rounds it wants no slot");
    let stage = lease_stage(&store, id).await;
    let closing = store.lease_slice_to_close(&stage, 0, token(), TTL).await.unwrap().unwrap();
    let SliceRow { index, must_check, must_check_since, .. } = closing.slice;
    assert_eq!((index, must_check, must_check_since), (0, false, None), "nothing of it is in doubt any more");
    store.put_off_slice(&closing, 1).await.unwrap();

    step(&store, id, Change::HoldTried).await.unwrap();
    assert_eq!(store.reschedule(&endpoint("e"), 1).await.unwrap(), [(id, SlotMove::Grant)]);
    for index in [0, 1] {
        assert_eq!(lease_slice(&store, id).await.slice.index, index);
    }
    assert_eq!(store.lease_slice(id, owner(1), token(), TTL).await.unwrap(), None);
}

pub(super) async fn leases_are_counted_expired_or_not(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1, 1, 1]).await;
    assert_eq!(store.count_leased(id).await.unwrap(), 0);
    let first = lease_slice(&store, id).await;
    let second = lease_slice(&store, id).await;
    bench.pass((TTL + GRACE) * 2).await;
    assert_eq!(store.count_leased(id).await.unwrap(), 2);
    store.release_slice(&first, false).await.unwrap();
    assert_eq!(store.count_leased(id).await.unwrap(), 1);
    store.record_part(part(&second, 0, 1, 0)).await.unwrap();
    assert_eq!(store.count_leased(id).await.unwrap(), 0);
}

pub(super) async fn the_holder_of_the_stage_closes_a_slice_whatever_the_status(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[1, 1]).await;
    let held = lease_slice(&store, id).await;
    step(&store, id, Change::CancelRequested("no".into())).await.unwrap();
    let stage = lease_stage(&store, id).await;
    assert_eq!(store.lease_slice_to_close(&stage, 0, token(), TTL).await.unwrap(), None, "another holds it");
    assert_eq!(store.lease_slice_to_close(&stage, 9, token(), TTL).await.unwrap(), None, "it does not exist");
    store.release_slice(&held, true).await.unwrap();

    let closing = store.lease_slice_to_close(&stage, 0, token(), TTL).await.unwrap().unwrap();
    assert_eq!((closing.owner, closing.slice.index, closing.slice.must_check), (stage.owner, 0, true));
    store.record_part(part(&closing, closing.next_seq, 0, 1)).await.unwrap();
    assert_eq!(store.lease_slice_to_close(&stage, 0, token(), TTL).await.unwrap(), None, "it is done");

    end(&store, id).await;
    let refused = store.lease_slice_to_close(&stage, 1, token(), TTL).await;
    assert!(matches!(refused, Err(LeaseError::Fenced)), "{refused:?}");
}
