//! Drains a job: waits until no worker holds a slice of it. Live workers release theirs; the drain
//! revokes a lease past its expiry and the grace, and one of this process without a worker.

use brigade_model::job::{Change, Job};
use brigade_model::ports::job_store::{StageLease, StoreError};
use brigade_model::ports::object_store::CancelToken;
use brigade_model::{JobId, Status};

use crate::context::EngineContext;
use crate::job_changes::change_by_progress;
use crate::stage::{StageStep, leave};
use crate::stage_error::StageError;

/// Waits until no lease of the job remains; `false` when the cancel token ended before.
pub(crate) async fn drain(context: &EngineContext, job: JobId, cancel: &CancelToken) -> Result<bool, StoreError> {
    let mut wakeup = context.subscribe();
    while !cancel.is_stopped() {
        context.revoke_lost(job).await?;
        if context.ports.jobs.count_leased(job).await? == 0 {
            return Ok(true);
        }
        tokio::select! {
            biased;
            () = cancel.stopped() => {}
            () = context.wait(&mut wakeup) => {}
        }
    }
    Ok(false)
}

/// Pausing becomes Paused, or ends what has nothing left to pause.
pub(crate) async fn pause(context: &EngineContext, lease: &StageLease, cancel: &CancelToken) -> StageStep {
    match drain(context, lease.job, cancel).await {
        Ok(true) => {}
        Ok(false) => return leave(&StageError::Stopped),
        Err(error) => return error.into(),
    }
    let decide = |job: &Job| match change_by_progress(job) {
        None if job.status == Status::Pausing => Some(Change::Drained),
        verdict => verdict,
    };
    context.ports.change_job(lease.job, Some(lease.fence), decide).await.into()
}
