//! Why a use case refuses: meanings, which each face maps to its own codes.

use std::error::Error;

use brigade_model::job::{CannotFollow, CannotRetry};
use brigade_model::operation::OperationKind;
use brigade_model::ports::UnknownGrantee;
use brigade_model::{BucketName, Capability, JobId, Status};
use brigade_s3::probe::ProbeError;

/// A change of a job that a caller can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobAction {
    /// Run it, though it waits to be confirmed.
    Confirm,
    /// End it early.
    Cancel,
    /// Let it be more or less urgent.
    SetPriority,
    /// Cancel it where that is possible, and show it no more once it has ended.
    Delete,
    /// Start no task until it is resumed.
    Pause,
    /// Go on.
    Resume,
    /// Change what its tasks may use.
    Limit,
    /// Set its tags.
    SetTags,
}

/// What a job uses a place of its role for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceUse {
    /// To read its manifest.
    Manifest,
    /// To write its report.
    Report,
    /// To copy to.
    Target,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The caller sees no job of that id.
    #[error("the specified job does not exist")]
    NoSuchJob,
    /// The job's status does not allow the change.
    #[error("the specified job is {status} and cannot be {}", action.participle())]
    IllegalChange {
        /// The status of the job.
        status: Status,
        /// What was asked for.
        action: JobAction,
    },
    /// The caller's account has no such role; a role of another account is none.
    #[error("the account has no such role")]
    NoSuchRole,
    /// The role does not allow the operation.
    #[error("the role may not {}", .0.word())]
    OperationDenied(OperationKind),
    /// The endpoints cannot carry the operation out.
    #[error("the endpoint lacks what the operation needs")]
    MissingCapabilities {
        /// The operation.
        operation: OperationKind,
        /// What they lack.
        missing: Vec<Capability>,
    },
    /// The role may not use the bucket.
    #[error("the role may not use bucket {bucket}")]
    BucketDenied {
        /// For what.
        place: PlaceUse,
        /// The bucket, as the job names it.
        bucket: BucketName,
    },
    /// The bucket's endpoint is not in the region that the job names.
    #[error("the endpoint of bucket {bucket} is not in region {region}")]
    WrongRegion {
        /// Of which place.
        place: PlaceUse,
        /// The bucket, as the job names it.
        bucket: BucketName,
        /// The region that it names.
        region: String,
    },
    /// The target's endpoint does not know a grantee.
    #[error(transparent)]
    UnknownGrantee(UnknownGrantee),
    /// The target's store has no storage class of that name.
    #[error("the target's store has no storage class {0}")]
    UnknownStorageClass(String),
    /// The account has no function of that name.
    #[error("the account has no function {0}")]
    NoSuchFunction(String),
    /// The disk is nearly full: why, for people.
    #[error("the job could not be created: {0}")]
    NoSpace(String),
    /// A job of the account has the token already.
    #[error("the client request token is used by job {0}")]
    TokenInUse(JobId),
    /// The account created as many jobs within a minute as it may.
    #[error("the account created as many jobs within a minute as it may (jobs_per_minute_max = {max}); slow down")]
    TooManyCreates {
        /// As many.
        max: usize,
    },
    /// The account has as many open jobs as it may.
    #[error(
        "the account has as many unfinished jobs as it may have (open_jobs_max = {max}): wait until one has ended, or \
         cancel one"
    )]
    TooManyJobs {
        /// As many.
        max: usize,
    },
    /// The account has as many jobs as it may, and none may leave the list.
    #[error(
        "the account has as many jobs as it may have (jobs_listed_max = {max}), and none can leave the list for \
         another: wait until one has ended, or delete ended ones whose report was not delivered"
    )]
    TooManyListed {
        /// As many.
        max: u64,
    },
    /// The account's jobs keep as many bytes as they may, and none may give up its outcomes.
    #[error(
        "unfinished jobs of the account, and ended ones whose report was not delivered, fill the disk that it may use \
         (account_bytes_max = {max}): wait until one has ended, or cancel or delete one"
    )]
    DiskQuotaFull {
        /// As many.
        max: u64,
    },
    /// The job cannot be retried.
    #[error("the specified job cannot be retried: {0}")]
    CannotRetry(CannotRetry),
    /// No job can wait for its restores.
    #[error("the specified job cannot be waited for: {0}")]
    CannotFollow(CannotFollow),
    /// The configuration has no such endpoint.
    #[error("the configuration has no such endpoint")]
    NoSuchEndpoint,
    /// A limit is beyond what the configuration allows.
    #[error("the configuration allows {max} at most")]
    BeyondConfiguration {
        /// Which, by its field in `LoadLimits`.
        limit: &'static str,
        /// What it allows.
        max: u64,
    },
    /// The reason of a stop is too long.
    #[error("must be {chars_max} characters at most")]
    ReasonTooLong {
        /// As many.
        chars_max: usize,
    },
    /// An endpoint that an operator stopped gets no request.
    #[error("the endpoint is stopped: start it before it is probed")]
    EndpointStopped,
    /// A probe needs the endpoint's own credentials, whatever roles have.
    #[error("the endpoint has no access_key and secret_key of its own, which a probe needs")]
    NoCredentials,
    /// The probe found nothing out, and nothing was stored.
    #[error("the probe found nothing out")]
    ProbeFailed(#[source] Box<ProbeError>),
    /// The probe ended without an answer.
    #[error("the probe ended without an answer")]
    ProbeLost,
    /// The job store failed; the change may or may not have happened.
    #[error("the service could not load or store its data; try again")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

impl ServiceError {
    /// The store failed.
    pub(crate) fn store(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Store(cause.into())
    }
}

impl JobAction {
    /// What a job that it is not allowed for cannot be.
    #[must_use]
    pub fn participle(self) -> &'static str {
        match self {
            JobAction::Confirm => "confirmed",
            JobAction::Cancel => "cancelled",
            JobAction::SetPriority => "given another priority",
            JobAction::Delete => "deleted",
            JobAction::Pause => "paused",
            JobAction::Resume => "resumed",
            JobAction::Limit => "limited",
            JobAction::SetTags => "tagged",
        }
    }
}
