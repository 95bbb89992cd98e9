//! Stores a job whose tasks are those of another: a retry, or a job that follows.

use brigade_model::{Job, JobId, JobSpec};

use crate::caller::Changed;
use crate::{Caller, JobService, ServiceError};

impl JobService {
    /// Stores the job of that spec, which names `source`; one that a request with the same source and token
    /// created before is given again.
    pub(crate) async fn derive_job(
        &self,
        caller: &Caller,
        source: &Job,
        spec: JobSpec,
        action: &str,
    ) -> Result<Job, ServiceError> {
        let job = self.admit(caller, spec, source.dialect)?;
        match self.store_job(&job).await {
            Ok(()) => {
                caller.audit_job(action, &job, &Changed::from_to(source.id, job.id));
                self.engine.notify();
                Ok(job)
            }
            Err(ServiceError::TokenInUse(other)) => {
                let found = self.jobs.job(other).await.map_err(ServiceError::store)?;
                let (source, takes) = (Some(source.id), job.spec.takes);
                let is_repeat = |other: &Job| other.spec.retry_of == source && other.spec.takes == takes;
                found.filter(is_repeat).ok_or(ServiceError::TokenInUse(other))
            }
            Err(error) => Err(error),
        }
    }

    /// A token for a job of that sort, where the request names none.
    #[must_use]
    pub fn fresh_token(&self, sort: &str) -> String {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        format!("{sort}-{}", JobId::new(self.clock.now(), &random))
    }
}
