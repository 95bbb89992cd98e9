//! What an ended job left open in its buckets.

use brigade_model::ports::job_store::{LeftUploads, OpenUpload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Multipart uploads that an ended job left open, because the service could not abort them: their parts stay in the
/// bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftUploadsState {
    /// How many there are.
    pub total: u64,
    /// The first hundred of them.
    pub uploads: Vec<LeftUpload>,
    /// What a person can do about them.
    pub advice: String,
}

/// A multipart upload that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftUpload {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The store's name for the upload.
    pub upload_id: String,
}

impl LeftUploadsState {
    /// `None` when nothing was left.
    pub(super) fn of(left: &LeftUploads) -> Option<Self> {
        let uploads = left.first.iter().map(LeftUpload::from).collect();
        (left.total > 0).then(|| Self { total: left.total, uploads, advice: LeftUploads::ADVICE.to_owned() })
    }
}

impl From<&OpenUpload> for LeftUpload {
    fn from(OpenUpload { bucket, key, upload_id, .. }: &OpenUpload) -> Self {
        Self { bucket: bucket.to_string(), key: key.to_string(), upload_id: upload_id.clone() }
    }
}
