//! Multipart uploads in progress.

use serde::{Deserialize, Serialize};

use super::fence::Fence;
use crate::names::{BucketName, ETag, ObjectKey};

/// A multipart upload in progress, recorded before its first part so that the worker that takes over
/// can abort it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenUpload {
    /// The bucket.
    pub bucket: BucketName,
    /// The key.
    pub key: ObjectKey,
    /// The store's name for the upload.
    pub upload_id: String,
    /// Set once its completion may have been sent.
    #[serde(default)]
    pub completing: Option<Completing>,
}

/// What proves that an upload was completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completing {
    /// The number of the task whose copy it is.
    pub task: u64,
    /// The object's size in bytes.
    pub size: u64,
    /// The ETags that the object then has, by the formulas that stores are known to use.
    pub etags: Vec<ETag>,
}

/// Uploads of a job that are still recorded, of its slices and of its report: once the job has ended, those that the
/// service could not abort.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftUploads {
    /// How many there are.
    pub total: u64,
    /// The first of them, in the order of their ids.
    pub first: Vec<OpenUpload>,
}

impl LeftUploads {
    /// What a person can do about them.
    pub const ADVICE: &str = "abort each of them (AbortMultipartUpload), or let a lifecycle rule of its bucket remove \
                              incomplete multipart uploads";
}

/// Under whose lease an upload is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadScope {
    /// A copy of a task of this slice.
    Slice {
        /// Which slice.
        slice: u32,
        /// Under which lease.
        fence: Fence,
    },
    /// A file of the report.
    Stage {
        /// Under which lease.
        fence: Fence,
    },
}

/// Which recorded uploads are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadsOf {
    /// Those of copies of one slice.
    Slice(u32),
    /// Those of copies of any slice.
    Slices,
    /// Those of the report.
    Report,
}
