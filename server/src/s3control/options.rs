//! Job options: signed `x-brigade-<name>` headers, of CreateJob alone. The signature covers every one that is there.

use brigade_model::JobOptions;
use brigade_wire::cos::headers::OPTION_PREFIX;
use brigade_wire::s3control::S3ControlError;

use crate::request::RequestHead;

/// The options of a request.
pub(super) fn read(head: &RequestHead) -> Result<JobOptions, S3ControlError> {
    let invalid = |why: String| S3ControlError::invalid_option(why);
    let mut options = JobOptions::default();
    let mut seen: Vec<&str> = Vec::new();
    for (header, value) in head.headers_from(OPTION_PREFIX) {
        let name = &header[OPTION_PREFIX.len()..];
        if seen.contains(&name) {
            return Err(invalid(format!("{name} is given twice")));
        }
        seen.push(name);
        let value = std::str::from_utf8(value).map_err(|_| invalid(format!("{name} is not UTF-8")))?;
        options.set(name, value).map_err(|error| invalid(error.to_string()))?;
    }
    Ok(options)
}

/// Refuses options where none belong.
pub(super) fn refuse(head: &RequestHead) -> Result<(), S3ControlError> {
    match head.headers_from(OPTION_PREFIX).next() {
        Some((header, _)) => Err(S3ControlError::invalid_option(format!("{header} belongs to CreateJob"))),
        None => Ok(()),
    }
}
