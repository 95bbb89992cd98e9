//! Creates a new job over the tasks that an ended job left undone.

use brigade_model::Job;
use brigade_model::job::Retry;

use crate::{Caller, JobService, ServiceError};

impl JobService {
    /// Creates a job over exactly the failed and unattempted tasks of `source`, a job that the caller
    /// sees. A job that a retry of the same source and token created before is given again.
    ///
    /// # Errors
    /// [`ServiceError::CannotRetry`], or why the new job is not admitted.
    pub async fn retry_failed(&self, caller: &Caller, source: &Job, retry: Retry) -> Result<Job, ServiceError> {
        source.count_to_retry().map_err(ServiceError::CannotRetry)?;
        self.derive_job(caller, source, source.retried(retry), "retry-failed").await
    }
}
