//! Why the store refused a call.

use crate::Timestamp;
use crate::job::{IllegalChange, JobId};

/// The store itself failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// It is away, busy or full; what was asked may or may not have happened, and may be asked again.
    #[error("job store: {0}")]
    Unavailable(String),
    /// What was asked contradicts what is stored, and would whenever it was asked again: nothing happened.
    #[error("job store: {0}")]
    Conflict(String),
    /// What is stored cannot be read or kept; what was asked may or may not have happened.
    #[error("job store: {0}")]
    Broken(String),
}

/// Why a job was not created.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateJobError {
    /// A job of this account and dialect that is not deleted has the token already.
    #[error("the client request token is used by job {0}")]
    TokenInUse(JobId),
    /// The account has as many open jobs as it may.
    #[error("the account has as many jobs as it may")]
    TooManyJobs,
    /// The account keeps as many jobs as it may, and none of them may leave.
    #[error("the account keeps as many jobs as it may, and none may leave the list")]
    TooManyListed,
    /// What the account's jobs keep on the disk is as much as it may be, and none of them may
    /// give up its outcomes.
    #[error("the account's jobs keep as many bytes as they may, and none may give up its outcomes")]
    DiskQuotaFull,
    /// The job whose failed tasks it retries is gone.
    #[error("job {0}, whose tasks are to be retried, is gone")]
    RetriedJobGone(JobId),
    /// The job whose failed tasks it retries gave up its outcomes.
    #[error("the outcomes of job {job}, whose tasks are to be retried, were removed on {at:.0}")]
    RetriedOutcomesRemoved {
        /// The job that it retries.
        job: JobId,
        /// When it gave them up.
        at: Timestamp,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a change was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApplyError {
    /// No such job.
    #[error("no such job")]
    NotFound,
    /// Another caller changed the job: read it and decide again.
    #[error("another caller changed the job meanwhile")]
    Lost,
    /// Another holder has the stage's lease by now.
    #[error("the lease is lost")]
    Fenced,
    /// The table does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalChange),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a write under a lease was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LeaseError {
    /// The unit has another fence by now, or none: stop, nothing was written.
    #[error("the lease is lost")]
    Fenced,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why slices were not added.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AddSlicesError {
    /// The unit has another fence by now, or none: stop, nothing was written.
    #[error("the lease is lost")]
    Fenced,
    /// They do not fit into what the account may take, though every ended job gave up what it may.
    #[error("the slices do not fit into the account's disk quota")]
    OverQuota,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LeaseError> for AddSlicesError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Fenced => AddSlicesError::Fenced,
            LeaseError::Store(error) => AddSlicesError::Store(error),
        }
    }
}

/// Why an endpoint's settings were not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SetEndpointError {
    /// Another caller wrote them meanwhile: read and decide again.
    #[error("another caller changed the endpoint's settings meanwhile")]
    Lost,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
