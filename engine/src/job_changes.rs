//! Changes of a running job that any worker may make from what the store says: what its progress calls
//! for, a hold and its end, a failure.

use brigade_model::job::{Change, Job, JobFailure, failure};
use brigade_model::status::phase;
use brigade_model::{JobId, Phase, Status};

use crate::change::ChangeError;
use crate::context::EngineContext;

impl EngineContext {
    /// Tests the two predicates over recorded outcomes, failure rate first: when the job is first seen
    /// Active, after a commit with failures, when a slice is done, and when no slice is left to lease. So
    /// neither an empty manifest nor a crash between the last commit and the event can hang a job.
    pub(crate) async fn test_progress(&self, job: JobId) -> Result<Option<Job>, ChangeError> {
        let after = self.ports.change_job(job, None, change_by_progress).await?;
        if after.as_ref().is_some_and(|job| phase(job.status) != Phase::Execute) {
            self.cancels.stop(job);
            self.notify();
        }
        Ok(after)
    }

    /// Holds a job whose tasks fail alike by what a person must change; one on trial for the same, for
    /// longer than its patience, fails.
    pub(crate) async fn hold_job(&self, job: JobId, why: &JobFailure) -> Result<(), ChangeError> {
        let now = self.ports.jobs.service_time().await?;
        let decide = |job: &Job| {
            let runs = matches!(job.status, Status::Active | Status::Pausing);
            let patience = job.spec.options.hold_patience(self.config.now().hold_patience);
            match &job.hold {
                _ if !runs => None,
                // Another worker was faster.
                Some(hold) if hold.next_try.is_some() => None,
                Some(hold) if hold.why.code == why.code && !job.held_by_user => {
                    let is_over = patience.is_some_and(|most| now.since(hold.since) >= most);
                    Some(if is_over { Change::StageFailed(why.clone()) } else { Change::HeldByService(why.clone()) })
                }
                _ => Some(Change::HeldByService(why.clone())),
            }
        };
        let after = self.ports.change_job(job, None, decide).await?;
        if let Some(hold) = after.and_then(|job| job.hold) {
            tracing::warn!(%job, code = hold.why.code, reason = %hold.why.reason, "job held; a task is tried each minute");
        }
        self.shared_failures_of(job).forget();
        self.cancels.stop(job);
        self.notify();
        Ok(())
    }

    /// A task of a job on trial showed that it can go on.
    pub(crate) async fn lift_hold(&self, job: JobId) -> Result<(), ChangeError> {
        let on_trial = |job: &Job| job.hold.as_ref().is_some_and(|hold| hold.next_try.is_none());
        let decide = |job: &Job| on_trial(job).then_some(Change::HoldLifted);
        self.ports.change_job(job, None, decide).await?;
        tracing::info!(%job, "job no longer held");
        self.shared_failures_of(job).forget();
        self.notify();
        Ok(())
    }

    /// Ends the round of a job of which no slice is free, unless one is leased: then every slice that is not
    /// done was put off to a later round.
    pub(crate) async fn end_round(&self, job: &Job) -> Result<(), ChangeError> {
        if self.ports.jobs.count_leased(job.id).await? > 0 {
            return Ok(());
        }
        let decide = |now: &Job| {
            let is_due = now.status == Status::Active && now.rounds == job.rounds && !now.progress.is_exhausted();
            is_due.then_some(Change::RoundEnded(self.config.now().restore_look_every))
        };
        let after = self.ports.change_job(job.id, None, decide).await?;
        if after.is_some_and(|job| job.status == Status::Pausing) {
            self.notify();
        }
        Ok(())
    }

    /// Fails a job that runs.
    pub(crate) async fn fail_job(&self, job: JobId, why: JobFailure) -> Result<(), ChangeError> {
        let decide = |job: &Job| {
            let runs = matches!(job.status, Status::Active | Status::Pausing);
            runs.then(|| Change::StageFailed(why.clone()))
        };
        self.ports.change_job(job, None, decide).await?;
        self.cancels.stop(job);
        self.notify();
        Ok(())
    }
}

/// What recorded outcomes say about a job that runs.
pub(crate) fn change_by_progress(job: &Job) -> Option<Change> {
    if !matches!(job.status, Status::Active | Status::Pausing) {
        None
    } else if job.has_failed_too_often() {
        let reason =
            format!("{} of {} tasks failed", job.progress.failed, job.progress.succeeded + job.progress.failed);
        Some(Change::FailureRateExceeded(JobFailure::new(failure::TASK_FAILURE_THRESHOLD_EXCEEDED, reason)))
    } else {
        job.progress.is_exhausted().then_some(Change::TasksExhausted)
    }
}
