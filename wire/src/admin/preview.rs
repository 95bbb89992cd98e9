//! What a job is going to do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job is going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewState {
    /// The effects, a sentence each, the gravest first.
    pub effects: Vec<String>,
    /// How many requests of each kind are sent at least, by the names of the S3 API.
    pub requests: BTreeMap<String, u64>,
    /// How long these take at least under the limits in force now.
    pub estimated_seconds: u64,
    /// The first rows of the manifest.
    pub first_rows: Vec<PreviewRow>,
}

/// A row, and what is written for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewRow {
    /// The bucket of the row.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; null when the row names none.
    #[schema(required)]
    pub version: Option<String>,
    /// The key that a copy gets; null for other operations.
    #[schema(required)]
    pub target: Option<String>,
}
