//! The multipart uploads that an ended job left open, because the service could not abort them.

use brigade_model::Job;
use brigade_model::limits::LEFT_UPLOADS_NAMED_MAX;
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{LeftUploads, StoreError};

use crate::{JobService, ServiceError};

impl JobService {
    /// What the job left open; nothing while it has not ended.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn left_uploads(&self, job: &Job) -> Result<LeftUploads, ServiceError> {
        left_uploads(&*self.jobs, job).await.map_err(ServiceError::store)
    }
}

/// What a job of that store left open; nothing while it has not ended, for the uploads that it has then are in use.
///
/// # Errors
/// The store's.
pub async fn left_uploads(jobs: &dyn JobStore, job: &Job) -> Result<LeftUploads, StoreError> {
    match job.status.is_terminal() {
        true => jobs.left_uploads(job.id, LEFT_UPLOADS_NAMED_MAX).await,
        false => Ok(LeftUploads::default()),
    }
}
