//! Which jobs can be followed by one that waits for their restores, and the spec of that job.

use crate::Timestamp;
use crate::job::{Job, JobSpec};
use crate::operation::{Operation, OperationKind, WaitForRestore};
use crate::report::{ReportScope, ReportSpec};

/// What is asked of a job that waits for the restores of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// The token of the new job.
    pub client_request_token: String,
    /// How urgent; `None` for as urgent as the other.
    pub priority: Option<i32>,
    /// A text for people.
    pub description: Option<String>,
    /// How long it waits.
    pub wait: WaitForRestore,
}

/// Why a job cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotFollow {
    /// There is nothing to wait for.
    #[error("the job is no restore: only what a job restores can be waited for")]
    NotARestore,
    /// It restores nothing.
    #[error("the job is a dry run: it restores nothing")]
    DryRun,
    /// Its tasks are unknown.
    #[error("the job ended before its manifest was read to the end: it restored nothing")]
    NeverRead,
    /// No restore was begun.
    #[error("no task of the job succeeded: there is nothing to wait for")]
    NothingSucceeded,
    /// Nothing tells any more which of its tasks succeeded.
    #[error("outcomes removed on {0:.0}: nothing tells any more which tasks succeeded")]
    OutcomesRemoved(Timestamp),
}

impl Job {
    /// Whether a job may follow that waits for its restores, now or once it has ended.
    ///
    /// # Errors
    /// [`CannotFollow`] when it never can.
    pub fn check_to_follow(&self) -> Result<(), CannotFollow> {
        if self.spec.operation.kind() != OperationKind::Restore {
            return Err(CannotFollow::NotARestore);
        }
        if self.spec.options.is_dry_run() {
            return Err(CannotFollow::DryRun);
        }
        if self.status.is_terminal() && self.count_succeeded()? == 0 {
            return Err(CannotFollow::NothingSucceeded);
        }
        Ok(())
    }

    /// How many tasks of the job, which has ended, succeeded: those of a job that follows it.
    ///
    /// # Errors
    /// [`CannotFollow`] when nothing tells which those are.
    pub fn count_succeeded(&self) -> Result<u64, CannotFollow> {
        if self.prepared.is_none() {
            return Err(CannotFollow::NeverRead);
        }
        match self.progress.succeeded {
            0 => Ok(0),
            succeeded => self.outcomes_removed.map_or(Ok(succeeded), |at| Err(CannotFollow::OutcomesRemoved(at))),
        }
    }

    /// The spec of a job that waits until what this one restored is readable. Its report lists all
    /// tasks, because the readable ones are what comes of it.
    #[must_use]
    pub fn followed(&self, follow: Follow) -> JobSpec {
        let report =
            ReportSpec { scope: self.spec.report.scope.map(|_| ReportScope::AllTasks), ..self.spec.report.clone() };
        JobSpec {
            client_request_token: follow.client_request_token,
            confirmation_required: Some(false),
            description: Some(
                follow.description.unwrap_or_else(|| format!("waits for the restores of job {}", self.id)),
            ),
            operation: Operation::WaitForRestore(follow.wait),
            priority: follow.priority.unwrap_or(self.priority),
            report,
            retry_of: Some(self.id),
            takes: super::Taken::Succeeded,
            unconfirmed: Default::default(),
            spelling: Vec::new(),
            tags: self.tags.clone(),
            ..self.spec.clone()
        }
    }
}
