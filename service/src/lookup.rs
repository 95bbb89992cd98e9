//! One job, as its caller may see it.

use std::collections::BTreeMap;

use brigade_engine::Preview;
use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use brigade_model::outcome::cut;
use brigade_model::rates::Rates;
use brigade_model::status::phase;
use brigade_model::{Job, JobId, Phase, ServiceTime, Status, WaitCause, Waiting};

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

    /// The caller's job of that id, and why it stands still where its row does not say it.
    ///
    /// # Errors
    /// As for [`JobService::find_job`].
    pub async fn describe_job(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        let mut job = self.find_job(caller, id).await?;
        let waiting = self.waiting(&job, self.now().await?);
        say_why_it_waits(&mut job, waiting.as_ref());
        Ok(job)
    }

    /// What a job that has not ended is going to do; `None` while that is not known.
    ///
    /// # Errors
    /// [`ServiceError::Store`] when its first slice cannot be read.
    pub async fn preview(&self, job: &Job) -> Result<Option<Preview>, ServiceError> {
        if !job.status.has_tasks_ahead() {
            return Ok(None);
        }
        self.engine.preview(job).await.map_err(ServiceError::store)
    }

    /// For what a job waits, at that time of the service clock.
    #[must_use]
    pub fn waiting(&self, job: &Job, now: ServiceTime) -> Option<Waiting> {
        self.engine.waiting(job, now)
    }

    /// How fast a job goes, at that time of the service clock; `None` while its tasks do not run.
    #[must_use]
    pub fn rates(&self, job: &Job, now: ServiceTime, is_waiting: bool) -> Option<Rates> {
        self.engine.rates(job, now, is_waiting)
    }

    /// How many jobs wait, by what for. Only of those that an engine works on is more read than their heads.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn count_waiting(&self) -> Result<BTreeMap<WaitCause, u64>, ServiceError> {
        let (heads, now) = (self.jobs.open_jobs().await.map_err(ServiceError::store)?, self.now().await?);
        let mut counted = BTreeMap::new();
        for head in heads {
            let cause = match head.status {
                Status::Suspended => Some(WaitCause::Confirmation),
                status if phase(status) == Phase::Wait => Some(match (head.held_by_user, head.held_until) {
                    (true, _) => WaitCause::Pause,
                    (false, Some(_)) => WaitCause::Hold,
                    (false, None) => WaitCause::Slot,
                }),
                _ => {
                    let job = self.jobs.job(head.id).await.map_err(ServiceError::store)?;
                    job.and_then(|job| self.waiting(&job, now)).map(|waiting| waiting.cause)
                }
            };
            if let Some(cause) = cause {
                *counted.entry(cause).or_default() += 1;
            }
        }
        Ok(counted)
    }

    /// The service clock now: how long a job has been Active is counted by it.
    ///
    /// # Errors
    /// [`ServiceError::Store`].
    pub async fn now(&self) -> Result<ServiceTime, ServiceError> {
        self.jobs.service_time().await.map_err(ServiceError::store)
    }

    /// Jobs that ended before this are not shown.
    pub(crate) async fn listed_since(&self) -> Result<ServiceTime, ServiceError> {
        Ok(self.now().await?.before(self.rules.now().ended_jobs_listed))
    }
}

/// What only the running process knows is no part of the job's row: it holds only now. A job that is being
/// cancelled keeps its user's reason.
fn say_why_it_waits(job: &mut Job, waiting: Option<&Waiting>) {
    if let Some(waiting) = waiting.filter(|waiting| waiting.cause.is_live() && job.status != Status::Cancelling) {
        job.status_update_reason = cut(waiting.sentence(), STATUS_UPDATE_REASON_BYTES_MAX);
    }
}
