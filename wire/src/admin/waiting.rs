//! Why something stands still.

use brigade_model::Waiting;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::written;

/// What stands still, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitState {
    /// A word for programs: `confirmation`, `pause`, `hold`, `slot`, `turn`, `disk_space`, `endpoint_stopped`,
    /// `credentials`, `clock`, `unreachable`, `failing`, `throttled`, `answer`, `retry` or `tasks_in_flight`.
    #[schema(example = "credentials")]
    pub cause: String,
    /// Who waits: the job, or one of its calls.
    #[schema(example = "PutObject in bucket reports")]
    pub who: String,
    /// For what.
    pub what: String,
    /// Since when; null when that is not known.
    #[schema(required, format = DateTime)]
    pub since: Option<String>,
    /// What a person can do; empty when it passes by itself.
    pub advice: String,
}

impl From<&Waiting> for WaitState {
    fn from(waiting: &Waiting) -> Self {
        Self {
            cause: waiting.cause.word().to_owned(),
            who: waiting.who.clone(),
            what: waiting.what.clone(),
            since: waiting.since.map(written),
            advice: waiting.advice(),
        }
    }
}
