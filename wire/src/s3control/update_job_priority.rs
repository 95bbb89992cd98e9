//! UpdateJobPriority: `POST /v20180820/jobs/<id>/priority?priority=N`.

use brigade_model::JobId;

use super::parameters::Parameters;
use super::{S3ControlError, document};
use crate::numbers::parse_priority;

/// Reads the query: the wanted priority.
///
/// # Errors
/// Says what is wrong with it.
pub fn decode_query(query: &[(String, String)]) -> Result<i32, S3ControlError> {
    let invalid = || S3ControlError::invalid_element("priority", "must be one whole number from 0 to 2147483647");
    let parameters = Parameters::read(query, &["priority"])?;
    let text = parameters.one("priority", invalid)?.ok_or_else(|| S3ControlError::missing_element("priority"))?;
    parse_priority(text).ok_or_else(invalid)
}

/// Writes a result: the priority that the job has now.
#[must_use]
pub fn encode_result(id: JobId, priority: i32) -> Vec<u8> {
    document("UpdateJobPriorityResult", |w| {
        w.leaf("JobId", id);
        w.leaf("Priority", priority);
    })
}
