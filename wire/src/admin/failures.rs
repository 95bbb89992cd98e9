//! What failed: codes with their counts, and rows.

use brigade_model::Job;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many tasks failed with a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureCount {
    /// The store's error code, or one of the service; null for all codes beyond the number that is told apart.
    #[schema(required, example = "AccessDenied")]
    pub code: Option<String>,
    /// How many tasks.
    pub count: u64,
    /// The key of one of them; null when it is not known.
    #[schema(required)]
    pub example: Option<String>,
}

impl FailureCount {
    pub(super) fn of(job: &Job) -> Vec<Self> {
        let counts = &job.failure_counts;
        let of_code = |one: &brigade_model::FailureCount| Self {
            code: Some(one.code.clone()),
            count: one.count,
            example: one.example.as_ref().map(ToString::to_string),
        };
        let others = (counts.others() > 0).then(|| Self { code: None, count: counts.others(), example: None });
        counts.by_frequency().into_iter().map(of_code).chain(others).collect()
    }
}

/// A task that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedRow {
    /// The bucket of its row.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version; null when the row names none.
    #[schema(required)]
    pub version: Option<String>,
    /// The store's error code, or one of the service.
    #[schema(example = "NoSuchKey")]
    pub code: String,
    /// The store's HTTP status; null when it did not answer.
    #[schema(required, value_type = Option<i32>)]
    pub http_status: Option<u16>,
    /// What happened.
    pub message: String,
    /// Whether an attempt may have had its effect.
    pub is_effect_unknown: bool,
}

/// A page of failed tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureList {
    /// Those that are recorded, in manifest order.
    pub failures: Vec<FailedRow>,
    /// What `after` of the next page is; null when this is the last. Of a job that runs, later failures may belong
    /// before it.
    #[schema(required)]
    pub next: Option<String>,
}
