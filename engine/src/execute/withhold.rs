//! Withholds the outcomes of tasks that failed by what may fail others of the job, too, and decides whether the
//! job is held for them, or its hold is lifted.
//!
//! They are recorded once a success disproves that the failure is shared, or nothing else is left to run. Enough
//! of them hold the job instead: then they are dropped, and their tasks run again. The slice of a job on trial runs
//! one task, which decides whether the hold is lifted.

use std::sync::Arc;

use brigade_model::outcome::TaskEffect;
use brigade_model::{BucketName, Job, Outcome};

use super::slice_run::SliceRun;
use crate::context::EngineContext;
use crate::shared_failures::{SharedFailure, SharedFailures};

/// What a slice withholds, and what its tasks say of the job as a whole.
pub(super) struct Withheld {
    shared_failures: Arc<SharedFailures>,
    /// Offsets in the slice, with the outcomes.
    outcomes: Vec<(u32, Outcome)>,
    /// How often a shared failure had been disproved when that was last read.
    disproofs: u64,
    /// The code for which the job is held, while its one task decides whether it still must be.
    trial: Option<String>,
    change: Option<HoldChange>,
}

/// What becomes of the job's hold.
enum HoldChange {
    /// The job is to be held.
    Hold(Box<SharedFailure>),
    /// It need not be held any more.
    Lift,
}

impl Withheld {
    pub(super) fn new(context: &EngineContext, job: &Job) -> Self {
        Self {
            shared_failures: context.shared_failures_of(job.id),
            outcomes: Vec::new(),
            disproofs: 0,
            trial: job.hold.as_ref().map(|hold| hold.why.code.clone()),
            change: None,
        }
    }

    /// Whether the slice runs one task, which decides whether the job's hold is lifted.
    pub(super) fn is_trial(&self) -> bool {
        self.trial.is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Whether a success would disprove that some failure is shared.
    pub(super) fn can_be_disproved(&self) -> bool {
        self.shared_failures.is_any()
    }

    /// A task of rows of this bucket succeeded.
    pub(super) fn disprove(&self, bucket: &BucketName) {
        self.shared_failures.disprove(bucket);
    }

    /// A task ended by its own object alone: what held the job is over.
    pub(super) fn note_outcome(&mut self) {
        if self.is_trial() {
            self.change = Some(HoldChange::Lift);
        }
    }

    /// Keeps a failure back that other tasks may share.
    pub(super) fn add(&mut self, offset: u32, outcome: Outcome, shared: Box<SharedFailure>) {
        self.outcomes.push((offset, outcome));
        let is_many = self.shared_failures.add(&shared.cause);
        let is_as_before = self.trial.as_ref().map(|code| *code == shared.cause.code);
        if is_as_before.unwrap_or(is_many) {
            self.change = Some(HoldChange::Hold(shared));
        } else if is_as_before == Some(false) {
            self.change = Some(HoldChange::Lift);
        }
    }

    /// Whether what is withheld is to be recorded: a success showed that the failures are of their objects alone, or
    /// nothing more can run that would show it.
    pub(super) fn are_due(&mut self, is_last: bool) -> bool {
        let disproofs = self.shared_failures.disproofs();
        let is_disproved = disproofs != self.disproofs;
        self.disproofs = disproofs;
        is_disproved || is_last
    }

    /// Gives what is withheld away, to be recorded or dropped.
    pub(super) fn take(&mut self) -> Vec<(u32, Outcome)> {
        std::mem::take(&mut self.outcomes)
    }

    /// Holds the job, or lifts its hold, if that is to be done; gives whether the slice may go on. A slice whose
    /// job is held does not, and what it withholds is not recorded, whether the change succeeds or not.
    pub(super) async fn change_hold(&mut self, run: SliceRun<'_>) -> bool {
        let (context, job) = (run.context, run.job.id);
        let (changed, may_go_on) = match self.change.take() {
            None => return true,
            Some(HoldChange::Hold(shared)) => (context.hold_job(job, &shared.why).await, false),
            Some(HoldChange::Lift) => (context.lift_hold(job).await.inspect(|()| self.trial = None), true),
        };
        if let Err(error) = changed {
            tracing::warn!(%job, %error, "cannot hold the job or let it go on; stopping the slice to retry");
            return false;
        }
        may_go_on
    }
}

/// Whether the effect of one of these tasks is not known.
pub(super) fn is_any_unknown(outcomes: &[(u32, Outcome)]) -> bool {
    outcomes.iter().any(|(_, outcome)| outcome.effect() == TaskEffect::Unknown)
}
