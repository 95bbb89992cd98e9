//! GetJobTagging: `GET /v20180820/jobs/<id>/tagging`.

use brigade_model::operation::Tag;

use super::parameters::Parameters;
use super::{S3ControlError, document, tags};

/// Reads the query: the action has no parameters.
///
/// # Errors
/// Names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), S3ControlError> {
    Parameters::none(query)
}

/// Writes a result: the tags that the job has now.
#[must_use]
pub fn encode_result(tags: &[Tag]) -> Vec<u8> {
    document("GetJobTaggingResult", |w| tags::write(w, "Tags", tags))
}
