//! The parameters of a change of encryption.

use serde::{Deserialize, Serialize};

use super::KeyService;

/// How each object is encrypted from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateEncryption {
    /// The key of a key service, by its ARN.
    pub key: String,
    /// Whether a key of the bucket stands between, which saves calls to the service; not given means no.
    pub bucket_key: Option<bool>,
}

impl UpdateEncryption {
    /// The key, as a copy is told it.
    #[must_use]
    pub fn key_service(&self) -> KeyService {
        KeyService { key: Some(self.key.clone()), bucket_key: self.bucket_key }
    }
}
