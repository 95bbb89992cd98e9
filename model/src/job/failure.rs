//! Why a job failed: a code and a reason.

use serde::{Deserialize, Serialize};

use crate::limits::{FAILURE_CODE_BYTES_MAX, FAILURE_REASON_BYTES_MAX};
use crate::outcome::cut;

/// Why a job failed, in the words of the interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// One of this module's codes, or the store's own of a failure that all tasks had in common.
    pub code: String,
    /// What happened and where, at most 256 bytes.
    pub reason: String,
}

impl JobFailure {
    /// A failure; over-long texts are cut to the wire's limits.
    #[must_use]
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self {
            code: cut(code.to_owned(), FAILURE_CODE_BYTES_MAX),
            reason: cut(reason.into(), FAILURE_REASON_BYTES_MAX),
        }
    }

    /// Code and reason, as a status' reason.
    pub(super) fn sentence(&self) -> String {
        format!("{}: {}", self.code, self.reason)
    }
}

/// The job whose failed tasks are retried is gone, with its tasks.
pub const RETRIED_JOB_NOT_FOUND: &str = "RetriedJobNotFound";
/// The job whose restores are waited for is gone, or ended before its tasks were known.
pub const FOLLOWED_JOB_NOT_FOUND: &str = "FollowedJobNotFound";
/// The job's slices do not fit into what its account may take of the disk.
pub const DISK_QUOTA_EXCEEDED: &str = "DiskQuotaExceeded";
/// The manifest does not exist.
pub const MANIFEST_NOT_FOUND: &str = "ManifestNotFound";
/// The manifest's bytes are not the ones that the ETag names.
pub const MANIFEST_ETAG_MISMATCH: &str = "ManifestETagMismatch";
/// The manifest cannot be read as what it claims to be.
pub const INVALID_MANIFEST_CONTENT: &str = "InvalidManifestContent";
/// The role does not allow it, or the store refused.
pub const ACCESS_DENIED: &str = "AccessDenied";
/// A bucket of the job does not exist.
pub const BUCKET_NOT_FOUND: &str = "BucketNotFound";
/// Most of the objects do not exist, and the job wants to fail then.
pub const OBJECTS_NOT_FOUND: &str = "ObjectsNotFound";
/// The endpoint lists its regions, and this is none of them; or a bucket lies in another.
pub const REGION_MISMATCH: &str = "RegionMismatch";
/// Too many tasks failed.
pub const TASK_FAILURE_THRESHOLD_EXCEEDED: &str = "TaskFailureThresholdExceeded";
/// The manifest could not be read, or the slices not be made, for too long.
pub const PREPARATION_FAILED: &str = "PreparationFailed";
/// The report could not be written.
pub const REPORT_DELIVERY_FAILED: &str = "ReportDeliveryFailed";
/// The user did not confirm in time.
pub const CONFIRMATION_EXPIRED: &str = "ConfirmationExpired";
/// The service itself could not go on.
pub const INTERNAL_ERROR: &str = "InternalError";
