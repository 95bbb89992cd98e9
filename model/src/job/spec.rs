//! What the client asked: the content of a CreateJob, and the wire that it came by.

use serde::{Deserialize, Serialize};

use super::id::JobId;
use super::retry::Unconfirmed;
use crate::manifest::{Field, ManifestSpec, RowRules};
use crate::operation::{Operation, OperationKind, Tag};
use crate::options::{CHECKSUM_COLUMN, EmptyVersion, JobOptions, OptionError};
use crate::report::ReportSpec;
use crate::resource::RoleRef;

/// The wire that a job was created through; it is described through the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Dialect {
    /// Tencent COS Batch.
    Cos,
    /// S3 Batch Operations.
    S3Control,
}

impl Dialect {
    /// One word for the stored form, configuration and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Dialect::Cos => "cos",
            Dialect::S3Control => "s3control",
        }
    }
}

/// What was asked: everything that CreateJob says, unchanged for the job's life (a changed
/// priority stands in [`Job::priority`](super::Job::priority)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Unique among the account's jobs of this dialect.
    pub client_request_token: String,
    /// Whether the job waits for a confirmation; `None` when the client did not say.
    pub confirmation_required: Option<bool>,
    /// A text for people.
    pub description: Option<String>,
    /// Which objects.
    pub manifest: ManifestSpec,
    /// What is done to them.
    pub operation: Operation,
    /// How urgent, 0 to 2^31 - 1; larger is more urgent.
    pub priority: i32,
    /// What is reported.
    pub report: ReportSpec,
    /// With which rights.
    pub role: RoleRef,
    /// What the wire has no field for.
    pub options: JobOptions,
    /// The job whose tasks, as [`JobSpec::takes`] says which, are the tasks of this one once it has
    /// ended; `None` reads them from the manifest. The manifest of such a job is the first job's, and
    /// only echoed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// Which tasks of that job.
    #[serde(default, skip_serializing_if = "Taken::is_unfinished")]
    pub takes: Taken,
    /// What a retry does with tasks whose effect the job before left unknown.
    #[serde(default, skip_serializing_if = "Unconfirmed::is_look")]
    pub unconfirmed: Unconfirmed,
    /// How the client spelled values of the operation that its dialect has a word of its own for: a
    /// description repeats them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spelling: Vec<Spelled>,
    /// The tags that the job began with; [`Job::tags`](super::Job::tags) are those that it has now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

/// Which tasks of an ended job are those of another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    /// Those without a success: the other job retries them.
    #[default]
    Unfinished,
    /// Those that succeeded: the other job follows.
    Succeeded,
}

impl Taken {
    fn is_unfinished(&self) -> bool {
        *self == Taken::Unfinished
    }
}

/// A value as a client spelled it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spelled {
    /// Where it stands, in the dialect's form.
    pub path: String,
    /// What the client wrote there.
    pub text: String,
}

impl JobSpec {
    /// How the rows of the manifest are read.
    #[must_use]
    pub fn row_rules(&self) -> RowRules {
        self.manifest.rows.with(&self.options)
    }

    /// How those of an inventory's files in Parquet are read: what a dialect says of keys is meant for CSV.
    #[must_use]
    pub fn parquet_rules(&self) -> RowRules {
        RowRules { key_encoding: self.options.key_encoding, ..self.row_rules() }
    }

    /// What a row without a version means, where others have one.
    #[must_use]
    pub fn empty_version(&self) -> EmptyVersion {
        self.row_rules().empty_version.unwrap_or_else(|| self.manifest.format.empty_version())
    }

    /// Checks that every option means something for the job.
    ///
    /// # Errors
    /// [`OptionError::Unfit`].
    pub fn check_options(&self) -> Result<(), OptionError> {
        let Some(column) = self.options.checksum_column else { return Ok(()) };
        let unfit = |why| Err(OptionError::Unfit { name: CHECKSUM_COLUMN, why });
        if self.operation.kind() != OperationKind::Checksum {
            return unfit("belongs to jobs that compute checksums");
        }
        let place = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
        match self.manifest.fields.get(place) {
            Some(Field::Ignore) => Ok(()),
            _ => unfit("must be the number of a column that the fields of a CSV manifest ignore"),
        }
    }
}
