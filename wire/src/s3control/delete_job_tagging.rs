//! DeleteJobTagging: `DELETE /v20180820/jobs/<id>/tagging`.

use super::parameters::Parameters;
use super::{S3ControlError, document};

/// Reads the query: the action has no parameters.
///
/// # Errors
/// Names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), S3ControlError> {
    Parameters::none(query)
}

/// Writes a result.
#[must_use]
pub fn encode_result() -> Vec<u8> {
    document("DeleteJobTaggingResult", |_| {})
}
