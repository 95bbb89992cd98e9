//! Holds a stage's lease during its work: renews it at a third of its life, and ends the work's
//! cancel token when the lease is lost.

use std::time::Duration;

use brigade_model::JobId;
use brigade_model::limits::LEASE_TTL;
use brigade_model::ports::job_store::{LeaseError, OwnerId, StageLease, StoreError};
use brigade_model::ports::object_store::CancelToken;

use crate::ports::Ports;

/// Takes the stage of a job, if it is free.
pub(crate) async fn take_stage(
    ports: &Ports,
    job: JobId,
    owner: OwnerId,
    grace: Duration,
    cancel: &CancelToken,
) -> Result<Option<StageLease>, StoreError> {
    let before = ports.clock.monotonic();
    let lease = ports.jobs.lease_stage(job, owner, ports.lease_token(), LEASE_TTL, grace).await?;
    cancel.prolong(before.after(LEASE_TTL));
    Ok(lease)
}

/// Does the work and renews the lease meanwhile; then gives the lease back.
pub(crate) async fn keep_stage<T>(
    ports: &Ports,
    lease: &StageLease,
    cancel: &CancelToken,
    work: impl Future<Output = T> + Send,
) -> T {
    let ended = {
        let renewing = renew(ports, lease, cancel);
        tokio::pin!(work, renewing);
        tokio::select! {
            biased;
            ended = &mut work => ended,
            () = &mut renewing => work.await,
        }
    };
    if let Err(error) = ports.jobs.release_stage(lease).await {
        tracing::warn!(job = %lease.job, %error, "cannot release stage lease; it will expire");
    }
    ended
}

/// Renews until the lease is lost, and then stops the cancel token.
async fn renew(ports: &Ports, lease: &StageLease, cancel: &CancelToken) {
    loop {
        ports.clock.sleep(LEASE_TTL / 3).await;
        let before = ports.clock.monotonic();
        match ports.jobs.renew_stage(lease, LEASE_TTL).await {
            Ok(()) => cancel.prolong(before.after(LEASE_TTL)),
            Err(LeaseError::Fenced) => {
                tracing::warn!(job = %lease.job, "stage lease lost; another worker has the stage");
                cancel.kill();
                return;
            }
            // The lease lasts until its expiry; the cancel token ends all work by then.
            Err(LeaseError::Store(error)) => {
                tracing::warn!(job = %lease.job, %error, "cannot renew stage lease; the stage runs until it expires")
            }
        }
    }
}
