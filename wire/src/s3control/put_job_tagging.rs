//! PutJobTagging: `PUT /v20180820/jobs/<id>/tagging`. The set replaces the job's tags; an empty one takes them off.

use brigade_model::operation::Tag;

use super::create_job::{JOB_TAGS_MAX, parse};
use super::parameters::Parameters;
use super::{Fields, S3ControlError, document, tags};

/// Reads the query: the action has no parameters.
///
/// # Errors
/// Names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), S3ControlError> {
    Parameters::none(query)
}

/// Reads a request.
///
/// # Errors
/// The row of the error table that says which element is wrong; more than 50 tags have one of their own.
pub fn decode_request(body: &[u8]) -> Result<Vec<Tag>, S3ControlError> {
    let root = parse(body, "PutJobTaggingRequest")?;
    let mut request = Fields::strict(&root)?;
    let set = request.child("Tags")?;
    let tags = tags::read(request.required("Tags", set)?, usize::MAX)?;
    request.finish()?;
    if tags.len() > JOB_TAGS_MAX {
        return Err(S3ControlError::too_many_tags(JOB_TAGS_MAX));
    }
    Ok(tags)
}

/// Writes a result.
#[must_use]
pub fn encode_result() -> Vec<u8> {
    document("PutJobTaggingResult", |_| {})
}
