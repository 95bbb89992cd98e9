//! Reads manifests as a stream: bytes of objects to rows, and rows to tasks.
//!
//! [`tasks`] reads a job's manifest, whatever its format. [`source`] reads an object in ranges,
//! pinned by its ETag and version; [`cells`] cuts bytes into rows of cells; [`csv`] gives the cells
//! of a CSV manifest their meaning, [`inventory`] those of an inventory's parts, which it finds,
//! reads ahead and verifies; [`row`] is what both have in common. Each holds at most a few ranges
//! of the manifest. `slice` cuts the tasks into slices.

pub mod cells;
pub mod csv;
pub mod inventory;
pub mod row;
pub mod source;
pub mod tasks;

use std::fmt;

use brigade_model::job::failure;
use brigade_model::ports::object_store::{CallError, Verdict};
use brigade_model::{BucketName, ETag, Job, JobFailure, ObjectKey};

use crate::manifest::csv::StrangeFirstRow;
use crate::manifest::inventory::InventoryError;
use crate::manifest::inventory::parquet::ParquetError;
use crate::manifest::row::RowError;
use crate::stage_error::StageError;

/// A key is shown this long, bytes: a failure's reason has 256 in all, and the problem counts.
const SHOWN_KEY_BYTES: usize = 120;

/// An object that is read, as the job or the inventory names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// What it is.
    pub what: Piece,
    /// Its bucket.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
}

/// What an object is to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// The object that the job names.
    Manifest,
    /// One of the files that the inventory's manifest.json names.
    InventoryPart,
}

impl Located {
    /// The object that a job names.
    #[must_use]
    pub fn manifest_of(job: &Job) -> Self {
        let object = &job.spec.manifest.location.object;
        Self { what: Piece::Manifest, bucket: object.bucket.clone(), key: object.key.clone() }
    }

    /// An error of this object.
    #[must_use]
    pub fn error(&self, problem: impl Into<ManifestProblem>) -> ReadManifestError {
        ReadManifestError { located: self.clone(), problem: problem.into() }
    }
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            Piece::Manifest => "manifest",
            Piece::InventoryPart => "inventory part",
        };
        let key = self.key.as_str();
        // The end of a key tells the parts of an inventory apart.
        let end = key.len().saturating_sub(SHOWN_KEY_BYTES);
        let end = (end..=key.len()).find(|at| key.is_char_boundary(*at)).unwrap_or(0);
        let (dots, shown) = if end == 0 { ("", key) } else { ("...", &key[end..]) };
        write!(f, "{what} {}/{dots}{shown}", self.bucket)
    }
}

/// Why a manifest was not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{located}: {problem}")]
pub struct ReadManifestError {
    /// Which of its objects.
    pub located: Located,
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
    /// Its bytes are not those that were found first.
    #[error("was changed while it was read")]
    ChangedMeanwhile,
    /// It is not as long as the inventory says.
    #[error("has {found} bytes, the inventory says {wanted}")]
    OtherSize {
        /// What the inventory says.
        wanted: u64,
        /// What the store says.
        found: u64,
    },
    /// Its bytes are not those that the inventory was made of.
    #[error("has the MD5 {found}, the inventory says {wanted}")]
    OtherMd5 {
        /// What the inventory says, in hexadecimal.
        wanted: String,
        /// What its bytes have.
        found: String,
    },
    /// It is not compressed as a part is, or cut off.
    #[error("is not whole gzip data: {0}")]
    Gzip(String),
    /// It is a part in Parquet that is damaged, or written as none is read.
    #[error("is not read as Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// The manifest.json of an inventory makes no sense.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
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
    /// Its rows can be read in two ways, and nothing tells which one is meant.
    #[error(transparent)]
    Doubtful(#[from] Doubt),
    /// Two of its rows would be copied to the same key.
    #[error(
        "set the job option shared-targets to allow, or leave one out: two rows would be copied to one key, {0:?}, with \
         the prefix replaced and with a key like that"
    )]
    SharedTarget(String),
    /// Each of its rows asks for what its endpoint is not known to do.
    #[error("all {0}")]
    AllRefused(String),
    /// The store is away; not the manifest's fault.
    #[error("cannot be read now: {0}")]
    Away(String),
    /// The cancel token ended.
    #[error("reading was stopped")]
    Stopped,
}

/// Why a manifest can be read in two ways, and the job option that tells which one is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// One blank stands behind each comma.
    #[error("set the job option separator to comma or comma-blank: a blank stands behind each comma, and {0}")]
    Separator(String),
    /// Keys look percent-encoded; holds the encoding in which they exist.
    #[error(
        "set the job option key-encoding to {0}, or to raw: of the keys that look percent-encoded none exists as it \
         stands, and some do when decoded"
    )]
    Encoding(&'static str),
    /// The first row may be a header.
    #[error(
        "set the job option header to yes, or to no: row {} ({}) names no bucket within the role's reach, and the next \
         row may", .0.row, .0.shown
    )]
    Header(StrangeFirstRow),
}

impl ManifestProblem {
    fn of_call(error: CallError, wanted: Option<&ETag>) -> Self {
        match error.verdict {
            _ if error.names_unknown_credentials() => ManifestProblem::Denied(error.to_string()),
            Verdict::Missing => ManifestProblem::Missing,
            Verdict::Denied => ManifestProblem::Denied(error.to_string()),
            Verdict::Precondition => match wanted {
                Some(wanted) => {
                    ManifestProblem::Changed { wanted: wanted.clone(), found: "another one by now".to_owned() }
                }
                None => ManifestProblem::ChangedMeanwhile,
            },
            Verdict::Invalid => ManifestProblem::Refused(error.to_string()),
            Verdict::Stopped => ManifestProblem::Stopped,
            Verdict::Throttled | Verdict::Transient | Verdict::Unavailable | Verdict::CredentialsRefused => {
                ManifestProblem::Away(error.to_string())
            }
        }
    }
}

impl From<ReadManifestError> for StageError {
    fn from(error: ReadManifestError) -> Self {
        let code = match &error.problem {
            ManifestProblem::Missing => failure::MANIFEST_NOT_FOUND,
            ManifestProblem::Changed { .. } | ManifestProblem::ChangedMeanwhile => failure::MANIFEST_ETAG_MISMATCH,
            ManifestProblem::NotAllowed | ManifestProblem::Denied(_) => failure::ACCESS_DENIED,
            ManifestProblem::Refused(_)
            | ManifestProblem::Row(_)
            | ManifestProblem::Inventory(_)
            | ManifestProblem::Doubtful(_)
            | ManifestProblem::SharedTarget(_)
            | ManifestProblem::AllRefused(_)
            | ManifestProblem::OtherSize { .. }
            | ManifestProblem::OtherMd5 { .. }
            | ManifestProblem::Gzip(_)
            | ManifestProblem::Parquet(_) => failure::INVALID_MANIFEST_CONTENT,
            ManifestProblem::Away(_) => return StageError::Again(error.to_string()),
            ManifestProblem::Stopped => return StageError::Stopped,
        };
        StageError::Failed(JobFailure::new(code, error.to_string()))
    }
}
