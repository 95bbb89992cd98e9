//! Changes a job, and tells the observer its new status.

use brigade_model::job::Job;
use brigade_model::ports::change_job::{Changed, NotChanged, change_job};
use brigade_model::ports::job_store::{ChangeId, Fence, LeaseToken, StoreError};
use brigade_model::{Change, JobId, Progress, Status};
use uuid::{Builder, Uuid};

use crate::ports::Ports;

/// Logs that a job changed its status, and how it ended if it did.
pub fn log_status(before: &Job, after: &Job) {
    if after.status == before.status {
        return;
    }
    let (job, reason) = (after.id, after.status_update_reason.as_str());
    let Progress { total, succeeded, failed } = after.progress;
    tracing::info!(%job, from = %before.status, to = %after.status, reason, "job status changed");
    match after.status {
        Status::Failed => tracing::warn!(%job, total, succeeded, failed, reason, "job failed"),
        Status::Complete | Status::Cancelled => {
            tracing::info!(%job, status = %after.status, total, succeeded, failed, reason, "job ended");
        }
        _ => {}
    }
}

/// Why a change could not be decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The lease that it was to be made under is lost.
    #[error("the lease is lost")]
    Fenced,
    /// The store failed; the change may or may not have been made, and the next look decides.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Ports {
    /// A new name for a change.
    pub(crate) fn change_id(&self) -> ChangeId {
        ChangeId(self.random_id())
    }

    /// The token of a lease that is about to be taken.
    pub(crate) fn lease_token(&self) -> LeaseToken {
        LeaseToken(self.random_id())
    }

    fn random_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Applies what `decide` wants of the job as it is now, and gives the job after it; `None`
    /// when there is no such job.
    pub(crate) async fn change_job(
        &self,
        id: JobId,
        stage_fence: Option<Fence>,
        decide: impl Fn(&Job) -> Option<Change> + Send + Sync,
    ) -> Result<Option<Job>, ChangeError> {
        let decide = |job: &Job| decide(job).ok_or(());
        match change_job(&*self.jobs, id, self.change_id(), stage_fence, decide).await {
            Ok(Changed { before, after }) => {
                log_status(&before, &after);
                if after.status != before.status {
                    self.observer.job_moved(id, after.status);
                }
                Ok(Some(after))
            }
            Err(NotChanged::NotFound) => Ok(None),
            Err(NotChanged::Refused(job, ())) => Ok(Some(*job)),
            Err(NotChanged::Illegal(job, illegal)) => {
                tracing::error!(job = %id, error = %illegal, "illegal job change rejected; job unchanged");
                Ok(Some(*job))
            }
            Err(NotChanged::Fenced) => Err(ChangeError::Fenced),
            Err(NotChanged::Store(error)) => Err(error.into()),
        }
    }
}
