//! What an operator asks of a job or an endpoint.

use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::given::{given_hours, given_priority, needed_priority};
use crate::xml::is_xml_char;

/// Why a job is confirmed or cancelled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeReason {
    /// For those who read the job later.
    #[serde(default)]
    #[schema(max_length = 256, example = "the bucket is needed")]
    pub reason: String,
}

impl ChangeReason {
    /// The reason, if jobs can keep it and every dialect can write it; else what is wrong with it.
    ///
    /// # Errors
    /// A text for people.
    pub fn read(&self) -> Result<&str, String> {
        match self.reason.as_str() {
            reason if reason.len() > STATUS_UPDATE_REASON_BYTES_MAX => {
                Err(format!("must be {STATUS_UPDATE_REASON_BYTES_MAX} bytes at most"))
            }
            reason if !reason.chars().all(is_xml_char) => Err("has a character that XML has not".to_owned()),
            reason => Ok(reason),
        }
    }
}

/// How urgent a job shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityChange {
    /// Larger is more urgent.
    #[serde(deserialize_with = "needed_priority")]
    #[schema(minimum = 0)]
    pub priority: i32,
}

/// What a retry asks otherwise than the job that it retries; what is not named stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryRequest {
    /// Names the request: a repeat gives the same job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub client_request_token: Option<String>,
    /// How urgent the new job is.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given_priority")]
    #[schema(minimum = 0)]
    pub priority: Option<i32>,
    /// Whether it waits for a confirmation once its tasks are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmation_required: Option<bool>,
    /// A text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub description: Option<String>,
    /// What is done with tasks whose effect is unknown: `look` first and leave what no look can
    /// tell, which is the default; `act`, whatever was written since; or `compare` source and target.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "look")]
    pub unconfirmed: Option<String>,
}

/// What a job that waits for the restores of another is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaitRequest {
    /// Names the request: a repeat gives the same job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64)]
    pub client_request_token: Option<String>,
    /// How urgent the new job is; as urgent as the restore by default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given_priority")]
    #[schema(minimum = 0)]
    pub priority: Option<i32>,
    /// A text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub description: Option<String>,
    /// For how many hours it looks at objects that are not readable yet, from its first look on; 72 by
    /// default.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given_hours")]
    #[schema(minimum = 1, maximum = 720)]
    pub patience_hours: Option<u32>,
}

/// Why an endpoint is stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopReason {
    /// For readers of a job that waits.
    #[serde(default)]
    #[schema(max_length = 160, example = "maintenance until noon")]
    pub reason: String,
}
