//! Manifests: bytes of an object to rows, and rows to tasks, as a stream.
//!
//! [`source`] reads the object in ranges, pinned by its ETag and version; [`cells`] is a state
//! machine that cuts bytes into rows of cells; [`csv`] gives the cells their meaning and makes
//! them tasks. None of them holds more than a range of the manifest. What is cut into slices,
//! and when, is `slice`'s matter.

pub mod cells;
pub mod csv;
pub mod source;

use brigade_model::job::failure;
use brigade_model::ports::object_store::{CallError, Verdict};
use brigade_model::{BucketName, ETag, JobFailure, ObjectKey};

use crate::manifest::csv::RowError;
use crate::setback::Setback;

/// Why a manifest was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("manifest {bucket}/{key}: {problem}")]
pub struct ReadManifestError {
    /// Its bucket, as the job names it.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// What is wrong.
    pub problem: ManifestProblem,
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestProblem {
    /// There is no such object or version.
    #[error("does not exist")]
    Missing,
    /// Its bytes are not the ones that the job means.
    #[error("has the ETag {found}, the job was created for {}", wanted.unquoted())]
    Changed {
        /// What the job says.
        wanted: ETag,
        /// What the object says, unquoted, or what became of it.
        found: String,
    },
    /// The role does not allow the bucket.
    #[error("the role does not allow this bucket")]
    NotAllowed,
    /// The store does not let us read it.
    #[error("may not be read: {0}")]
    Denied(String),
    /// The store answers, but not with the object.
    #[error("cannot be read: {0}")]
    Refused(String),
    /// A row, or what the job says of rows, makes no sense.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The store is away; not the manifest's fault.
    #[error("cannot be read now: {0}")]
    Away(String),
    /// The leash ended.
    #[error("reading was stopped")]
    Stopped,
}

impl ManifestProblem {
    fn of_call(error: CallError, wanted: &ETag) -> Self {
        match error.verdict {
            Verdict::Missing => ManifestProblem::Missing,
            Verdict::Denied => ManifestProblem::Denied(error.to_string()),
            Verdict::Precondition => {
                ManifestProblem::Changed { wanted: wanted.clone(), found: "another one by now".to_owned() }
            }
            Verdict::Invalid => ManifestProblem::Refused(error.to_string()),
            Verdict::Stopped => ManifestProblem::Stopped,
            Verdict::Throttled | Verdict::Transient | Verdict::Unavailable | Verdict::CredentialsRefused => {
                ManifestProblem::Away(error.to_string())
            }
        }
    }
}

impl From<ReadManifestError> for Setback {
    fn from(error: ReadManifestError) -> Self {
        let code = match &error.problem {
            ManifestProblem::Missing => failure::MANIFEST_NOT_FOUND,
            ManifestProblem::Changed { .. } => failure::MANIFEST_ETAG_MISMATCH,
            ManifestProblem::NotAllowed | ManifestProblem::Denied(_) => failure::ACCESS_DENIED,
            ManifestProblem::Refused(_) | ManifestProblem::Row(_) => failure::INVALID_MANIFEST_CONTENT,
            ManifestProblem::Away(_) => return Setback::Again(error.to_string()),
            ManifestProblem::Stopped => return Setback::Stopped,
        };
        Setback::Failed(JobFailure::new(code, error.to_string()))
    }
}
