//! What reopening an embedded store promises.

use brigade_model::endpoint::{EndpointRow, EndpointSettings};
use brigade_model::job::JobId;
use brigade_model::load::LoadLimits;
use brigade_model::names::EndpointName;
use brigade_model::ports::job_store::LeaseError;

use super::EmbeddedBench;
use super::samples::{
    GRACE, TTL, active, counted, ended, lease_slice, lease_stage, many, owner, part, sample_job, step, token,
};
use brigade_model::job::Change;
use brigade_model::ports::job_store::CreateJobError;

const LIMITS: LoadLimits = LoadLimits {
    requests_in_flight: Some(3),
    requests_per_second: None,
    objects_per_second: Some(9),
    bytes_per_second: Some(1 << 40),
};

pub(super) async fn reopening_keeps_everything(bench: &mut dyn EmbeddedBench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[4, 4]).await;
    let over = ended(&store, sample_job(2), &[1]).await;
    let lease = lease_slice(&store, id).await;
    store.record_part(part(&lease, 0, 1, 2)).await.unwrap();
    store.release_slice(&lease, true).await.unwrap();
    let settings = EndpointSettings { limits: LIMITS, ..EndpointSettings::default() };
    let row = EndpointRow { settings, ..EndpointRow::unset(EndpointName::new("main").unwrap()) };
    let row = store.set_endpoint(&row).await.unwrap();
    let before = (store.job(id).await.unwrap(), store.job(over).await.unwrap(), store.slices(id, 0, 9).await.unwrap());
    let parts = store.parts(id, 0).await.unwrap();
    drop(store);
    bench.reopen().await;

    let store = bench.store();
    let after = (store.job(id).await.unwrap(), store.job(over).await.unwrap(), store.slices(id, 0, 9).await.unwrap());
    assert_eq!(after, before);
    assert_eq!(store.endpoints().await.unwrap(), [row]);
    assert_eq!(store.parts(id, 0).await.unwrap(), parts);
    let refused = store.create_job(&sample_job(1), &many()).await;
    assert!(matches!(refused, Err(CreateJobError::TokenInUse(by)) if by == JobId::from_u128(1)));
    step(&store, id, Change::Held).await.unwrap();
}

pub(super) async fn reopening_revokes_every_lease(bench: &mut dyn EmbeddedBench) {
    let store = bench.store();
    let id = active(&store, sample_job(1), &[4, 4]).await;
    let (slice, stage) = (lease_slice(&store, id).await, lease_stage(&store, id).await);
    store.record_part(part(&slice, 0, 1, 0)).await.unwrap();
    drop(store);
    bench.reopen().await;

    let store = bench.store();
    assert_eq!(store.count_leased(id).await.unwrap(), 0);
    assert!(matches!(store.renew_slice(&slice, TTL).await, Err(LeaseError::Fenced)));
    assert!(matches!(store.record_part(part(&slice, 1, 1, 0)).await, Err(LeaseError::Fenced)));
    assert!(matches!(store.renew_stage(&stage, TTL).await, Err(LeaseError::Fenced)));
    let rows = store.slices(id, 0, 9).await.unwrap();
    assert_eq!((rows[0].must_check, rows[0].revocations), (true, 1));
    assert_eq!((rows[1].must_check, rows[1].revocations), (false, 0));
    assert_eq!((rows[0].must_check_since, rows[1].must_check_since), (Some(slice.leased_at), None));

    let next = lease_slice(&store, id).await;
    assert!(next.fence.epoch > slice.fence.epoch);
    assert_eq!((next.slice.index, next.next_seq), (0, 1));
    let stage_next = store.lease_stage(id, owner(2), token(), TTL, GRACE).await.unwrap().unwrap();
    assert!(stage_next.fence.epoch > stage.fence.epoch);
    assert_eq!(counted(&store, id).await, (1, 0));
}
