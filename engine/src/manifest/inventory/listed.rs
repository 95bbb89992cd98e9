//! Makes tasks of the rows of an inventory, whatever its format: what a row is left out for, which
//! bucket it means, how its key is encoded.
//!
//! Rules:
//! - keys are encoded as the inventory's writer does it ([`Inventory::encoding`](super::Inventory::encoding)),
//!   unless the job option `key-encoding` says otherwise;
//! - a bucket is completed with `-` and the row's Appid, or else the inventory's;
//! - an inventory that lists versions means `null` where it names none, unless the job option
//!   `empty-version` says otherwise (`JobSpec::empty_version`); the reader of a slice obeys it;
//! - a row of a delete marker is left out, and counted, except by a delete that names its
//!   version.

use brigade_model::operation::OperationKind;
use brigade_model::options::{EmptyVersion, KeyEncoding};
use brigade_model::{Task, VersionId};

use crate::manifest::inventory::append_appid;
use crate::manifest::row::{self, FirstBucket, RowError};

/// What rows of delete markers are counted as.
pub const DELETE_MARKER: &str = "delete marker";

/// The rows of an inventory so far.
#[derive(Debug)]
pub struct ListedRows {
    source_appid: String,
    encoding: KeyEncoding,
    is_delete: bool,
    is_latest: bool,
    has_versions: bool,
    bucket: FirstBucket,
    bucket_name: String,
    tasks: u64,
    left_out: u64,
}

impl ListedRows {
    /// Rows for this operation, whose keys are encoded so; what an empty version means where the job says it.
    #[must_use]
    pub fn new(
        source_appid: Option<&str>,
        encoding: KeyEncoding,
        operation: OperationKind,
        empty_version: Option<EmptyVersion>,
    ) -> Self {
        Self {
            source_appid: source_appid.unwrap_or_default().to_owned(),
            encoding,
            is_delete: operation == OperationKind::Delete,
            is_latest: empty_version == Some(EmptyVersion::Latest),
            has_versions: false,
            bucket: FirstBucket::default(),
            bucket_name: String::new(),
            tasks: 0,
            left_out: 0,
        }
    }

    /// The inventory lists versions, or not.
    pub fn set_has_versions(&mut self, has_versions: bool) {
        self.has_versions = has_versions;
    }

    /// Whether the inventory lists versions.
    #[must_use]
    pub fn has_versions(&self) -> bool {
        self.has_versions
    }

    /// Rows of delete markers that were left out so far.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Whether a row is left out, which is counted: that of a delete marker, unless a delete names its version.
    pub(super) fn leaves_out(&mut self, has_version: bool, is_delete_marker: bool) -> bool {
        let keeps_marker = self.is_delete && (has_version || !self.is_latest && self.has_versions);
        let is_left_out = is_delete_marker && !keeps_marker;
        self.left_out += u64::from(is_left_out);
        is_left_out
    }

    /// The task of a row that names this bucket, with its appid, and this key.
    pub(super) fn task(
        &mut self,
        row: u64,
        (bucket, appid): (&str, &str),
        key: &str,
        version: Option<VersionId>,
        size: Option<u64>,
    ) -> Result<Task, RowError> {
        self.bucket_name.clear();
        self.bucket_name.push_str(bucket);
        append_appid(&mut self.bucket_name, if appid.is_empty() { &self.source_appid } else { appid });
        let bucket = self.bucket.name(row, &self.bucket_name)?;
        let defect = self.bucket.judge(&bucket);
        let key = row::key(row, key, self.encoding)?;
        let number = self.tasks;
        self.tasks += 1;
        Ok(Task { number, bucket, key, version, size, defect, tried_since: None, checksum: None })
    }
}
