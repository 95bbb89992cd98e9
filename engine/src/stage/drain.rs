//! Draining: waits until nobody holds a slice of the job. Live workers give their slices back;
//! a lease past its expiry and the grace is revoked, and one of this process without a worker.

use brigade_model::job::{Change, Job};
use brigade_model::ports::job_store::{StageLease, StoreError};
use brigade_model::ports::object_store::Leash;
use brigade_model::{JobId, Status};

use crate::setback::Setback;
use crate::shop::{Shop, verdict_of_progress};
use crate::stage::{Step, leave};

/// Waits until no lease of the job remains; `false` when the leash ended before.
pub(crate) async fn drain(shop: &Shop, job: JobId, leash: &Leash) -> Result<bool, StoreError> {
    let mut ear = shop.ear();
    while !leash.is_stopped() {
        shop.revoke_lost(job).await?;
        if shop.ports.jobs.count_leased(job).await? == 0 {
            return Ok(true);
        }
        tokio::select! {
            biased;
            () = leash.stopped() => {}
            () = shop.listen(&mut ear) => {}
        }
    }
    Ok(false)
}

/// Pausing becomes Paused, or ends what has nothing left to pause.
pub(crate) async fn pause(shop: &Shop, lease: &StageLease, leash: &Leash) -> Step {
    match drain(shop, lease.job, leash).await {
        Ok(true) => {}
        Ok(false) => return leave(&Setback::Stopped),
        Err(error) => return error.into(),
    }
    let decide = |job: &Job| match verdict_of_progress(job) {
        None if job.status == Status::Pausing => Some(Change::Drained),
        verdict => verdict,
    };
    shop.ports.change_job(lease.job, Some(lease.fence), decide).await.into()
}
