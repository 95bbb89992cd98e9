//! One job, as its caller may see it.

use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use brigade_model::outcome::cut;
use brigade_model::{Job, JobId, ServiceTime, Status};

use crate::{Caller, JobService, ServiceError};

impl JobService {
    /// The caller's job of that id, as it is stored.
    ///
    /// # Errors
    /// [`ServiceError::NoSuchJob`] when the caller sees none, or [`ServiceError::Store`].
    pub async fn find_job(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        let job = self.jobs.job(id).await.map_err(ServiceError::store)?;
        let listed_since = self.listed_since().await?;
        job.filter(|job| caller.sees(job, listed_since)).ok_or(ServiceError::NoSuchJob)
    }

    /// The caller's job of that id, and why it does not move where nothing is stored.
    ///
    /// # Errors
    /// As for [`JobService::find_job`].
    pub async fn describe_job(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        let mut job = self.find_job(caller, id).await?;
        self.say_that_space_is_low(&mut job);
        Ok(job)
    }

    /// The service clock now: how long a job has been Active is counted by it.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn now(&self) -> Result<ServiceTime, ServiceError> {
        self.jobs.service_time().await.map_err(ServiceError::store)
    }

    /// A nearly full disk is a condition and not a status, so no job stores it: the reason holds only now.
    fn say_that_space_is_low(&self, job: &mut Job) {
        if matches!(job.status, Status::New | Status::Preparing | Status::Ready | Status::Active)
            && let Some(reason) = self.engine.why_full()
        {
            job.status_update_reason = cut(reason, STATUS_UPDATE_REASON_BYTES_MAX);
        }
    }

    /// Jobs that ended before this are not shown.
    pub(crate) async fn listed_since(&self) -> Result<ServiceTime, ServiceError> {
        Ok(self.now().await?.before(self.rules.ended_jobs_listed))
    }
}
