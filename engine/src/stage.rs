//! The stages of a job that one owner carries out under the stage's lease: prepare, drain,
//! report. The executor (`execute`) runs slices, under leases of their own.
//!
//! A visit takes the lease, reads the status, does the one step that the status calls for,
//! and reads again, until the job waits for somebody else. Recovery is a visit like any other.

pub(crate) mod drain;
pub(crate) mod hold;
mod patience;
pub(crate) mod prepare;
pub(crate) mod report;

use std::time::Duration;

use brigade_model::job::Change;
use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use brigade_model::outcome::cut;
use brigade_model::ports::job_store::{StageLease, StoreError};
use brigade_model::ports::object_store::Leash;
use brigade_model::status::stage;
use brigade_model::{Job, JobId, Stage, Status};

use crate::change::ChangeError;
use crate::setback::Setback;
use crate::shop::Shop;

/// How a step of a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The job moved: look at its status again.
    Moved,
    /// The job waits for somebody else, or has ended.
    Over,
    /// Something failed that may pass: enter again, not before that long.
    Again(Duration),
}

/// How long a stage waits after something failed that may pass.
pub(crate) const AGAIN: Duration = Duration::from_secs(5);
/// It waits longer when it has waited for long, but not longer than this.
const AGAIN_MAX: Duration = Duration::from_secs(60);
/// How long a stage is left alone that another holder has. Not less: its lease may have expired
/// long before it can be taken over, and the loop would ask again and again.
const LEFT_ALONE: Duration = Duration::from_secs(1);

impl From<StoreError> for Step {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "the job store failed; looking again");
        Step::Again(AGAIN)
    }
}

impl From<Result<Option<Job>, ChangeError>> for Step {
    fn from(changed: Result<Option<Job>, ChangeError>) -> Self {
        match changed {
            Ok(Some(_)) => Step::Moved,
            Ok(None) => Step::Over,
            Err(ChangeError::Fenced) => Step::Again(LEFT_ALONE),
            Err(ChangeError::Store(error)) => error.into(),
        }
    }
}

/// Visits a job: takes its stage, if it is free, and does what its status calls for. When the leash
/// is cut the work is left where it stands, as by a crash.
pub(crate) async fn visit(shop: &Shop, job: JobId, leash: &Leash) -> Step {
    let lease = match hold::take_stage(&shop.ports, job, shop.owner, shop.config.lease_grace, leash).await {
        Ok(Some(lease)) => lease,
        Ok(None) => return Step::Again(LEFT_ALONE),
        Err(error) => return error.into(),
    };
    let cut = leash.finishing();
    let work = async {
        tokio::select! {
            biased;
            step = follow(shop, &lease, leash) => step,
            () = cut.stopped() => leave(&Setback::Stopped),
        }
    };
    hold::hold_stage(&shop.ports, &lease, leash, work).await
}

/// Takes steps until the job waits for somebody else.
async fn follow(shop: &Shop, lease: &StageLease, leash: &Leash) -> Step {
    loop {
        let job = match shop.ports.jobs.job(lease.job).await {
            Ok(Some(job)) => job,
            Ok(None) => return Step::Over,
            Err(error) => return error.into(),
        };
        let step = match stage(job.status) {
            Stage::Prepare => prepare::prepare(shop, &job, lease, leash).await,
            Stage::Drain => drain::pause(shop, lease, leash).await,
            Stage::Report => report::report(shop, &job, lease, leash).await,
            Stage::Wait | Stage::Execute | Stage::End => return Step::Over,
        };
        shop.ring();
        if step != Step::Moved || leash.is_stopped() {
            return step;
        }
    }
}

/// What becomes of a visit whose work came to nothing, without a word of the job.
fn leave(setback: &Setback) -> Step {
    match setback {
        Setback::Fenced => Step::Again(LEFT_ALONE),
        // The leash ended, or the lease was too short for a call that had to be made.
        Setback::Stopped | Setback::Again(_) | Setback::Failed(_) => Step::Again(AGAIN),
    }
}

/// Lets the job say what keeps it waiting, and enters the stage again later. A job that is
/// being cancelled keeps its user's reason.
async fn say_and_wait(shop: &Shop, lease: &StageLease, reason: &str) -> Step {
    let text = cut(format!("{reason}; trying again"), STATUS_UPDATE_REASON_BYTES_MAX);
    let decide = |job: &Job| {
        let owns = matches!(stage(job.status), Stage::Prepare | Stage::Report) && job.status != Status::Cancelling;
        (owns && job.status_update_reason != text).then(|| Change::Noted(text.clone()))
    };
    tracing::warn!(job = %lease.job, %reason, "a stage waits");
    match shop.ports.change_job(lease.job, Some(lease.fence), decide).await {
        Ok(Some(job)) => shop.waited(&job).await.map_or_else(Step::from, |waited| Step::Again(pause(waited))),
        other => other.into(),
    }
}

/// A tenth of the time that the job has waited already: a long wait asks and says less often.
fn pause(waited: Duration) -> Duration {
    (waited / 10).clamp(AGAIN, AGAIN_MAX)
}
