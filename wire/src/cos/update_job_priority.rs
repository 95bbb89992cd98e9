//! UpdateJobPriority: `POST /jobs/<id>/priority?priority=N`.

use brigade_model::JobId;

use super::fields::Fields;
use super::numbers::parse_priority;
use super::parameters::{Parameters, pair};
use super::{CosError, DecodeError, result};
use crate::xml::Writer;

const RESULT: &str = "UpdateJobPriorityResult";

/// Reads the query: the wanted priority.
///
/// # Errors
/// `InvalidRequest` when there is none, `InvalidArgument` when it is none.
pub fn decode_query(query: &[(String, String)]) -> Result<i32, CosError> {
    let parameters = Parameters::read(query, &["priority"])?;
    let text = parameters.one("priority", || CosError::invalid_priority("priority"))?;
    parse_priority("priority", text.ok_or_else(CosError::no_priority)?)
}

/// Writes the query.
#[must_use]
pub fn encode_query(priority: i32) -> Vec<(String, String)> {
    vec![pair("priority", priority)]
}

/// Writes a result: the priority that the job has now.
#[must_use]
pub fn encode_result(id: JobId, priority: i32) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within(RESULT, |w| {
        w.leaf("JobId", id);
        w.leaf("Priority", priority);
    });
    writer.finish()
}

/// A result as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatedPriority {
    /// Which job.
    pub id: JobId,
    /// The priority that it has now.
    pub priority: i32,
}

/// Reads a result.
///
/// # Errors
/// [`DecodeError`] when the body is none.
pub fn decode_result(body: &[u8]) -> Result<UpdatedPriority, DecodeError> {
    let root = result::parse(body, RESULT)?;
    let mut updated = Fields::lenient(&root)?;
    Ok(UpdatedPriority { id: result::job_id(&mut updated)?, priority: result::priority(&mut updated)? })
}
