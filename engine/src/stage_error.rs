//! Why a stage of a job (preparing, draining, reporting) did not end its work.
//!
//! Four variants, because the loop around a stage does four different things: it fails the job,
//! leaves the job to another holder, goes to sleep, or tries again later.

use brigade_model::JobFailure;
use brigade_model::job::failure;
use brigade_model::ports::job_store::{AddSlicesError, LeaseError, StoreError};
use brigade_model::ports::object_store::CallError;
use brigade_model::ports::spool::SpoolError;

/// Why a stage did not end its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// It never will; the job fails with this.
    #[error("{}: {}", .0.code, .0.reason)]
    Failed(JobFailure),
    /// Another holder has the stage by now: stop, quietly.
    #[error("another holder has the stage by now")]
    Fenced,
    /// The cancel token ended.
    #[error("stopped")]
    Stopped,
    /// Something is away; the same work may succeed later. Says what, with its place.
    #[error("{0}")]
    Again(String),
}

impl StageError {
    /// The store does not know the credentials of a job that has not begun: to wait is of no use.
    #[must_use]
    pub fn credentials_refused(error: &CallError) -> Self {
        StageError::Failed(JobFailure::new(failure::ACCESS_DENIED, format!("the credentials are refused: {error}")))
    }

    /// What should never be: a file that was written is gone or is not what was written.
    #[must_use]
    pub fn internal(reason: impl Into<String>) -> Self {
        StageError::Failed(JobFailure::new(failure::INTERNAL_ERROR, reason))
    }
}

impl From<StoreError> for StageError {
    fn from(error: StoreError) -> Self {
        StageError::Again(error.to_string())
    }
}

impl From<LeaseError> for StageError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Fenced => StageError::Fenced,
            LeaseError::Store(error) => error.into(),
        }
    }
}

impl From<AddSlicesError> for StageError {
    fn from(error: AddSlicesError) -> Self {
        match error {
            AddSlicesError::Fenced => StageError::Fenced,
            AddSlicesError::OverQuota => {
                let reason = "the slices of the job, beside what other jobs of the account keep that may not be \
                              removed, need more of the disk than account_bytes_max allows the account";
                StageError::Failed(JobFailure::new(failure::DISK_QUOTA_EXCEEDED, reason))
            }
            AddSlicesError::Store(error) => error.into(),
        }
    }
}

impl From<SpoolError> for StageError {
    fn from(error: SpoolError) -> Self {
        match error {
            SpoolError::NotFound(_) | SpoolError::BadName(_) => StageError::internal(error.to_string()),
            SpoolError::Full(_) | SpoolError::Io { .. } => StageError::Again(error.to_string()),
        }
    }
}
