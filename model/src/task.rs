//! A task: one row of a manifest, the unit that gets exactly one outcome.

use crate::Timestamp;
use crate::names::{BucketName, ObjectKey, VersionId};

/// One row of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number in the job, from 0, in manifest order.
    pub number: u64,
    /// The bucket of the row.
    pub bucket: BucketName,
    /// The object's key, decoded.
    pub key: ObjectKey,
    /// The version, when the row names one.
    pub version: Option<VersionId>,
    /// The size in bytes, when the manifest knows it (inventories do).
    pub size: Option<u64>,
    /// Why the row cannot be carried out, decided while reading (another bucket than the
    /// first row's, no version where others have one). Such a task fails without a call.
    pub defect: Option<Defect>,
    /// For a task that is retried: since when an unconfirmed attempt may have had its effect. The
    /// task checks before it acts.
    pub tried_since: Option<Timestamp>,
    /// What the object's checksum must be, as the row writes it, where the job compares.
    pub checksum: Option<String>,
}

/// What is wrong with a row that names an object nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Defect {
    /// Names another bucket than the first row.
    OtherBucket,
    /// Names no version in a manifest whose other rows do.
    NoVersion,
}

impl Defect {
    /// What the report says.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Defect::OtherBucket => "the row names another bucket than the first row of the manifest",
            Defect::NoVersion => {
                "the row names no version although others do; set the job option empty-version to latest to allow it"
            }
        }
    }
}
