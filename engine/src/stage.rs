//! The stages of a job that one owner carries out under the stage's lease: prepare, drain,
//! report. The executor (`execute`) runs slices, under leases of their own.
//!
//! A visit takes the lease, reads the status, does the one step that the status calls for, and
//! reads again, until the job waits for a user, a slot or another worker. Recovery is a visit like
//! any other.

pub(crate) mod drain;
pub(crate) mod lease;
mod patience;
pub(crate) mod prepare;
pub(crate) mod report;

use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use brigade_model::outcome::cut;
use brigade_model::ports::job_store::{StageLease, StoreError};
use brigade_model::ports::object_store::CancelToken;
use brigade_model::status::phase;
use brigade_model::{Job, JobId, Phase, Status};

use crate::change::ChangeError;
use crate::context::EngineContext;
use crate::stage_error::StageError;

/// How a step of a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StageStep {
    /// The job moved: read its status again.
    Moved,
    /// The job waits for something else, or has ended.
    Done,
    /// Something failed that may pass: enter again, not before that long.
    Again(Duration),
}

/// How long a stage waits after something failed that may pass.
pub(crate) const RETRY_DELAY: Duration = Duration::from_secs(5);
/// It waits longer when it has waited for long, but not longer than this.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(60);
/// How long a stage is left alone that another holder has. Not less: its lease may have expired
/// long before it can be taken over, and the loop would ask again and again.
const BUSY_DELAY: Duration = Duration::from_secs(1);

impl From<StoreError> for StageStep {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "database error in a job stage; retrying");
        StageStep::Again(RETRY_DELAY)
    }
}

impl From<Result<Option<Job>, ChangeError>> for StageStep {
    fn from(changed: Result<Option<Job>, ChangeError>) -> Self {
        match changed {
            Ok(Some(_)) => StageStep::Moved,
            Ok(None) => StageStep::Done,
            Err(ChangeError::Fenced) => StageStep::Again(BUSY_DELAY),
            Err(ChangeError::Store(error)) => error.into(),
        }
    }
}

/// Visits a job: takes its stage, if it is free, and does what its status calls for. When the
/// cancel token is killed the work stops where it stands, as by a crash.
pub(crate) async fn visit(context: &EngineContext, job: JobId, cancel: &CancelToken) -> StageStep {
    let lease =
        match lease::take_stage(&context.ports, job, context.owner, context.config.now().lease_grace, cancel).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return StageStep::Again(BUSY_DELAY),
            Err(error) => return error.into(),
        };
    let cut = cancel.for_cleanup();
    let work = async {
        tokio::select! {
            biased;
            step = follow(context, &lease, cancel) => step,
            () = cut.stopped() => leave(&StageError::Stopped),
        }
    };
    let step = lease::keep_stage(&context.ports, &lease, cancel, work).await;
    if !matches!(step, StageStep::Again(_)) {
        context.stage_waits.forget(job);
    }
    step
}

/// Takes steps until the stage has nothing to do for the job.
async fn follow(context: &EngineContext, lease: &StageLease, cancel: &CancelToken) -> StageStep {
    loop {
        let job = match context.ports.jobs.job(lease.job).await {
            Ok(Some(job)) => job,
            Ok(None) => return StageStep::Done,
            Err(error) => return error.into(),
        };
        let step = match phase(job.status) {
            Phase::Prepare => prepare::prepare(context, &job, lease, cancel).await,
            Phase::Drain => drain::pause(context, lease, cancel).await,
            Phase::Report => report::report(context, &job, lease, cancel).await,
            Phase::Wait | Phase::Execute | Phase::End => return StageStep::Done,
        };
        context.notify();
        if step == StageStep::Moved {
            context.stage_waits.forget(lease.job);
        }
        if step != StageStep::Moved || cancel.is_stopped() {
            return step;
        }
    }
}

/// What becomes of a visit whose work came to nothing, without a word of the job.
fn leave(stage_error: &StageError) -> StageStep {
    match stage_error {
        StageError::Fenced => StageStep::Again(BUSY_DELAY),
        // The cancel token ended, or the lease was too short for a call that had to be made.
        StageError::Stopped | StageError::Again(_) | StageError::Failed(_) => StageStep::Again(RETRY_DELAY),
    }
}

/// Lets the job say what keeps it waiting, and enters the stage again later. A job that is
/// being cancelled keeps its user's reason.
async fn say_and_wait(context: &EngineContext, lease: &StageLease, reason: &str) -> StageStep {
    let text = cut(format!("{reason}; trying again"), STATUS_UPDATE_REASON_BYTES_MAX);
    let decide = |job: &Job| {
        let owns = matches!(phase(job.status), Phase::Prepare | Phase::Report) && job.status != Status::Cancelling;
        (owns && job.status_update_reason != text).then(|| Change::Noted(text.clone()))
    };
    tracing::warn!(job = %lease.job, %reason, "job stage waits; retrying");
    context.stage_waits.note(lease.job, reason, context.ports.clock.now());
    match context.ports.change_job(lease.job, Some(lease.fence), decide).await {
        Ok(Some(job)) => {
            context.waited(&job).await.map_or_else(StageStep::from, |waited| StageStep::Again(pause(waited)))
        }
        other => other.into(),
    }
}

/// A tenth of the time that the job has waited already: a long wait asks and says less often.
fn pause(waited: Duration) -> Duration {
    (waited / 10).clamp(RETRY_DELAY, RETRY_DELAY_MAX)
}
