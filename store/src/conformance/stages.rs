//! What the lease of a stage promises.

use std::time::Duration;

use brigade_model::job::JobId;
use brigade_model::ports::job_store::LeaseError;
use futures::future::join_all;

use super::Bench;
use super::samples::{GRACE, TTL, create, end, lease_stage, owner, sample_job, token};

const MOMENT: Duration = Duration::from_millis(1);

pub(super) async fn of_many_owners_exactly_one_gets_the_stage(bench: &mut dyn Bench) {
    let id = create(&bench.store(), sample_job(1)).await;
    let tries = (1..=16).map(|n| {
        let store = bench.store();
        async move { store.lease_stage(id, owner(n), token(), TTL, GRACE).await.unwrap() }
    });
    assert_eq!(join_all(tries).await.into_iter().flatten().count(), 1);
}

pub(super) async fn a_stage_is_taken_over_after_expiry_and_grace_and_no_earlier(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let old = lease_stage(&store, id).await;
    bench.pass(TTL + GRACE - MOMENT).await;
    assert_eq!(store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap(), None);
    bench.pass(MOMENT).await;
    let new = store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    assert_eq!((new.job, new.owner), (id, owner(2)));
    assert!(new.fence.epoch > old.fence.epoch);
}

pub(super) async fn a_renewed_stage_lives_on(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let lease = lease_stage(&store, id).await;
    bench.pass(TTL).await;
    store.renew_stage(&lease, TTL).await.unwrap();
    bench.pass(TTL + GRACE - MOMENT).await;
    assert_eq!(store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap(), None);
}

pub(super) async fn a_stage_that_expired_but_was_not_taken_still_counts(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let lease = lease_stage(&store, id).await;
    bench.pass((TTL + GRACE) * 9).await;
    store.renew_stage(&lease, TTL).await.unwrap();
}

pub(super) async fn a_lost_stage_is_fenced(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let old = lease_stage(&store, id).await;
    bench.pass(TTL + GRACE).await;
    let new = store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    assert!(matches!(store.renew_stage(&old, TTL).await, Err(LeaseError::Fenced)));
    store.renew_stage(&new, TTL).await.unwrap();
}

pub(super) async fn a_released_stage_is_free_at_once_and_its_writes_are_fenced(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let old = lease_stage(&store, id).await;
    store.release_stage(&old).await.unwrap();
    assert!(matches!(store.renew_stage(&old, TTL).await, Err(LeaseError::Fenced)));
    let new = store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    assert!(new.fence.epoch > old.fence.epoch);
}

pub(super) async fn a_release_of_a_lost_stage_takes_nothing_from_its_new_owner(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let old = lease_stage(&store, id).await;
    bench.pass(TTL + GRACE).await;
    let new = store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    store.release_stage(&old).await.unwrap();
    store.renew_stage(&new, TTL).await.unwrap();
}

pub(super) async fn a_job_that_ended_or_never_was_has_no_stage(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    end(&store, id).await;
    for id in [id, JobId::from_u128(9)] {
        assert_eq!(store.lease_stage(id, owner(1), token(), TTL, GRACE).await.unwrap(), None);
    }
}

pub(super) async fn open_jobs_say_whether_their_stage_is_held(bench: &mut dyn Bench) {
    let store = bench.store();
    let id = create(&store, sample_job(1)).await;
    let is_held = async || store.open_jobs().await.unwrap()[0].is_stage_leased;
    assert!(!is_held().await);
    let lease = lease_stage(&store, id).await;
    assert!(is_held().await);
    bench.pass(TTL).await;
    assert!(!is_held().await, "it expired");
    store.renew_stage(&lease, TTL).await.unwrap();
    assert!(is_held().await);
    store.release_stage(&lease).await.unwrap();
    assert!(!is_held().await);
}
