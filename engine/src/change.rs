//! Changing a job: read it, decide, apply; a loser of a race reads and decides again.

use brigade_model::job::Job;
use brigade_model::ports::job_store::{Apply, ApplyError, ChangeId, Fence, LeaseToken, StoreError};
use brigade_model::{Change, JobId};
use uuid::{Builder, Uuid};

use crate::ports::Ports;

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
        loop {
            let Some(job) = self.jobs.job(id).await? else { return Ok(None) };
            let Some(change) = decide(&job) else { return Ok(Some(job)) };
            let apply = Apply { job: id, revision: job.revision, id: self.change_id(), change, stage_fence };
            match self.jobs.apply(apply).await {
                Ok(after) => {
                    if after.status != job.status {
                        tracing::info!(job = %id, from = %job.status, to = %after.status, "job moved");
                        self.observer.job_moved(id, after.status);
                    }
                    return Ok(Some(after));
                }
                Err(ApplyError::Lost) => {}
                Err(ApplyError::NotFound) => return Ok(None),
                Err(ApplyError::Fenced) => return Err(ChangeError::Fenced),
                Err(ApplyError::Illegal(illegal)) => {
                    tracing::error!(job = %id, error = %illegal, "a change that the table does not allow was decided");
                    return Ok(Some(job));
                }
                Err(ApplyError::Store(error)) => return Err(error.into()),
            }
        }
    }
}
