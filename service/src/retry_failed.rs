//! Creates a new job over the tasks that an ended job left undone.

use brigade_model::job::Retry;
use brigade_model::{Job, JobId};

use crate::caller::Changed;
use crate::{Caller, JobService, ServiceError};

impl JobService {
    /// Creates a job over exactly the failed and unattempted tasks of `source`, a job that the caller
    /// sees. A job that a retry of the same source and token created before is given again.
    ///
    /// # Errors
    /// [`ServiceError::CannotRetry`], or why the new job is not admitted.
    pub async fn retry_failed(&self, caller: &Caller, source: &Job, retry: Retry) -> Result<Job, ServiceError> {
        source.count_to_retry().map_err(ServiceError::CannotRetry)?;
        let job = self.admit(caller, source.retried(retry), source.dialect)?;
        match self.store_job(&job).await {
            Ok(()) => {
                caller.audit_job("retry-failed", &job, &Changed::from_to(source.id, job.id));
                self.engine.notify();
                Ok(job)
            }
            Err(ServiceError::TokenInUse(other)) => {
                let found = self.jobs.job(other).await.map_err(ServiceError::store)?;
                let is_repeat = |other: &Job| other.spec.retry_of == Some(source.id);
                found.filter(is_repeat).ok_or(ServiceError::TokenInUse(other))
            }
            Err(error) => Err(error),
        }
    }

    /// A token for a retry that names none.
    #[must_use]
    pub fn fresh_retry_token(&self) -> String {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        format!("retry-{}", JobId::new(self.clock.now(), &random))
    }
}
