//! Job options: signed `x-brigade-<name>` headers, of CreateJob alone.

use brigade_model::JobOptions;
use brigade_wire::cos::CosError;
use brigade_wire::cos::headers::OPTION_PREFIX;

use crate::cos::auth::Authenticated;
use crate::request::RequestHead;

/// The options of a request. All must be signed: a third party could have added an unsigned one.
pub(super) fn read(head: &RequestHead, by: &Authenticated) -> Result<JobOptions, CosError> {
    let mut options = JobOptions::default();
    let mut seen: Vec<&str> = Vec::new();
    for (header, value) in head.headers_from(OPTION_PREFIX) {
        let name = &header[OPTION_PREFIX.len()..];
        if !by.has_signed(header) {
            return Err(CosError::access_denied(format!("{header} must be signed")));
        }
        if seen.contains(&name) {
            return Err(CosError::invalid_option(format!("{name} is given twice")));
        }
        seen.push(name);
        let value = std::str::from_utf8(value).map_err(|_| CosError::invalid_option(format!("{name} is not UTF-8")))?;
        options.set(name, value).map_err(CosError::invalid_option)?;
    }
    Ok(options)
}

/// Refuses options where none belong.
pub(super) fn refuse(head: &RequestHead) -> Result<(), CosError> {
    match head.headers_from(OPTION_PREFIX).next() {
        Some((header, _)) => Err(CosError::invalid_option(format!("{header} belongs to CreateJob"))),
        None => Ok(()),
    }
}
