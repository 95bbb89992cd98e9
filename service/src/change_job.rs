//! Changes of a job by its caller, who can change only the jobs that he can see.
//!
//! | change | in the audit log | no task starts after the answer |
//! |---|---|---|
//! | confirm | `confirm` | |
//! | cancel | `cancel` | yes |
//! | set the priority | `priority` | |
//! | delete | `delete` | yes |
//! | pause | `pause` | yes |
//! | resume | `resume` | |
//! | limit | `limit` | |
//! | set the tags | `tags` | |
//!
//! Which change is legal in which status is the status table's to say.

use brigade_engine::log_status;
use brigade_model::operation::Tag;
use brigade_model::ports::change_job::{Changed as ChangedJob, NotChanged, change_job};
use brigade_model::ports::job_store::{ApplyError, ChangeId};
use brigade_model::{Change, Job, JobId, LoadLimits};

use crate::caller::Changed;
use crate::{Caller, JobAction, JobService, ServiceError};

impl JobAction {
    fn audited_as(self) -> &'static str {
        match self {
            JobAction::Confirm => "confirm",
            JobAction::Cancel => "cancel",
            JobAction::SetPriority => "priority",
            JobAction::Delete => "delete",
            JobAction::Pause => "pause",
            JobAction::Resume => "resume",
            JobAction::Limit => "limit",
            JobAction::SetTags => "tags",
        }
    }

    /// What it changed, in words of the audit log.
    fn changed(self, before: &Job, after: &Job) -> Changed {
        let held = |job: &Job| if job.held_by_user { "paused" } else { "not paused" };
        let tags = |job: &Job| {
            let tags: Vec<_> = job.tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect();
            tags.join(", ")
        };
        match self {
            JobAction::Confirm | JobAction::Cancel | JobAction::Delete => Changed::from_to(before.status, after.status),
            JobAction::SetPriority => Changed::from_to(before.priority, after.priority),
            JobAction::Pause | JobAction::Resume => Changed::from_to(held(before), held(after)),
            JobAction::Limit => Changed::from_to(before.limits, after.limits),
            JobAction::SetTags => Changed::from_to(tags(before), tags(after)),
        }
    }

    fn stops_tasks(self) -> bool {
        match self {
            JobAction::Cancel | JobAction::Delete | JobAction::Pause => true,
            JobAction::Confirm | JobAction::SetPriority | JobAction::Resume | JobAction::Limit | JobAction::SetTags => {
                false
            }
        }
    }
}

/// Each gives the job as it is after the change.
impl JobService {
    /// Lets a job run that waits to be confirmed, or will.
    ///
    /// # Errors
    /// [`ServiceError::NoSuchJob`], [`ServiceError::IllegalChange`] or [`ServiceError::Store`].
    pub async fn confirm_job(&self, caller: &Caller, id: JobId, reason: &str) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::Confirm, reason, |_| Change::Confirmed(reason.to_owned())).await
    }

    /// Ends a job early.
    ///
    /// # Errors
    /// As for [`JobService::confirm_job`].
    pub async fn cancel_job(&self, caller: &Caller, id: JobId, reason: &str) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::Cancel, reason, |_| Change::CancelRequested(reason.to_owned())).await
    }

    /// Sets how urgent a job is, whether it runs or not.
    ///
    /// # Errors
    /// As for [`JobService::confirm_job`].
    pub async fn set_job_priority(&self, caller: &Caller, id: JobId, priority: i32) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::SetPriority, "", |_| Change::PrioritySet(priority)).await
    }

    /// Cancels a job where that is legal; it stays visible until it has ended.
    ///
    /// # Errors
    /// As for [`JobService::confirm_job`].
    pub async fn delete_job(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::Delete, "", |_| Change::DeleteRequested).await
    }

    /// Starts no task of a job until it is resumed; those in flight end and are recorded.
    ///
    /// # Errors
    /// As for [`JobService::confirm_job`].
    pub async fn pause_job(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::Pause, "", |_| Change::Held).await
    }

    /// Lets a paused job go on as soon as it has a slot.
    ///
    /// # Errors
    /// As for [`JobService::confirm_job`].
    pub async fn resume_job(&self, caller: &Caller, id: JobId) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::Resume, "", |_| Change::Released).await
    }

    /// Sets the limits of a job's tasks to what `limits` makes of the current ones.
    ///
    /// # Errors
    /// As for [`JobService::confirm_job`].
    pub async fn limit_job(
        &self,
        caller: &Caller,
        id: JobId,
        limits: impl Fn(LoadLimits) -> LoadLimits + Send + Sync,
    ) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::Limit, "", |job| Change::LimitsSet(limits(job.limits))).await
    }

    /// Sets the tags of a job, whether it has ended or not.
    ///
    /// # Errors
    /// As for [`JobService::confirm_job`].
    pub async fn set_job_tags(&self, caller: &Caller, id: JobId, tags: &[Tag]) -> Result<Job, ServiceError> {
        self.change_job(caller, id, JobAction::SetTags, "", |_| Change::TagsSet(tags.to_vec())).await
    }

    async fn change_job(
        &self,
        caller: &Caller,
        id: JobId,
        action: JobAction,
        reason: &str,
        change: impl Fn(&Job) -> Change + Send + Sync,
    ) -> Result<Job, ServiceError> {
        let mut name = [0; 16];
        self.entropy.fill(&mut name);
        let change_id = ChangeId(uuid::Builder::from_random_bytes(name).into_uuid());
        let listed_since = self.listed_since().await?;
        let decide = |job: &Job| if caller.sees(job, listed_since) { Ok(change(job)) } else { Err(()) };
        let ChangedJob { before, after: job } = match change_job(&*self.jobs, id, change_id, None, decide).await {
            Ok(changed) => changed,
            Err(NotChanged::NotFound | NotChanged::Refused(..)) => return Err(ServiceError::NoSuchJob),
            Err(NotChanged::Illegal(job, _)) => return Err(ServiceError::IllegalChange { status: job.status, action }),
            Err(NotChanged::Fenced) => return Err(ServiceError::store(ApplyError::Fenced)),
            Err(NotChanged::Store(error)) => return Err(ServiceError::store(error)),
        };
        if action.stops_tasks() {
            // Before the answer: once it is out, no task of the job starts here.
            self.engine.stop_job(job.id);
        }
        log_status(&before, &job);
        caller.audit_job(action.audited_as(), &job, &action.changed(&before, &job).because(reason));
        self.engine.notify();
        Ok(job)
    }
}
