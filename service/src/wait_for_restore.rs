//! Creates a new job that waits until what a restore restored is readable.

use brigade_model::Job;
use brigade_model::job::Follow;

use crate::{Caller, JobService, ServiceError};

impl JobService {
    /// Creates a job over exactly the tasks of `source` that succeed: a restore that the caller sees, which
    /// may still run. The new job begins when it has ended. A job that a request with the same source and token
    /// created before is given again.
    ///
    /// # Errors
    /// [`ServiceError::CannotFollow`], or why the new job is not admitted.
    pub async fn wait_for_restore(&self, caller: &Caller, source: &Job, follow: Follow) -> Result<Job, ServiceError> {
        source.check_to_follow().map_err(ServiceError::CannotFollow)?;
        self.derive_job(caller, source, source.followed(follow), "wait-for-restore").await
    }
}
