//! The failed rows of a job, page by page, also while it runs.

use brigade_engine::{FailedRows, RowPosition};
use brigade_model::JobId;
use brigade_model::job::CannotRetry;

use crate::{Caller, JobService, ServiceError};

impl JobService {
    /// The failed rows of the caller's job from that position on, at most `max`.
    ///
    /// # Errors
    /// [`ServiceError::NoSuchJob`], [`ServiceError::CannotRetry`] when its outcomes were removed, or [`ServiceError::Store`] when what was recorded
    /// cannot be read.
    pub async fn list_failures(
        &self,
        caller: &Caller,
        id: JobId,
        from: RowPosition,
        max: usize,
    ) -> Result<FailedRows, ServiceError> {
        let job = self.find_job(caller, id).await?;
        if let Some(at) = job.outcomes_removed {
            return Err(ServiceError::CannotRetry(CannotRetry::OutcomesRemoved(at)));
        }
        self.engine.failed_rows(&job, from, max).await.map_err(ServiceError::store)
    }
}
