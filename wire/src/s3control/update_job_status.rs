//! UpdateJobStatus: `POST /v20180820/jobs/<id>/status?requestedJobStatus=&statusUpdateReason=`.

use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use brigade_model::{JobId, Status};

use super::parameters::Parameters;
use super::{S3ControlError, document};
use crate::xml::is_xml_char;

/// What a client may ask a job to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// Confirmed: run it.
    Ready,
    /// Cancelled.
    Cancelled,
}

/// Reads the query: what is requested, and the reason, possibly empty.
///
/// # Errors
/// Names the parameter that is wrong or missing.
pub fn decode_query(query: &[(String, String)]) -> Result<(Requested, String), S3ControlError> {
    const STATUS: &str = "requestedJobStatus";
    const REASON: &str = "statusUpdateReason";
    let invalid = || S3ControlError::invalid_element(STATUS, "must be Ready or Cancelled");
    let parameters = Parameters::read(query, &[STATUS, REASON])?;
    let requested = match parameters.one(STATUS, invalid)? {
        Some("Ready") => Requested::Ready,
        Some("Cancelled") => Requested::Cancelled,
        Some(_) => return Err(invalid()),
        None => return Err(S3ControlError::missing_element(STATUS)),
    };
    let invalid = || S3ControlError::invalid_element(REASON, "must be one text of at most 256 bytes");
    let reason = parameters.one(REASON, invalid)?.unwrap_or_default();
    if reason.len() > STATUS_UPDATE_REASON_BYTES_MAX || !reason.chars().all(is_xml_char) {
        return Err(invalid());
    }
    Ok((requested, reason.to_owned()))
}

/// Writes a result: the status that the job has now, and why.
#[must_use]
pub fn encode_result(id: JobId, status: Status, reason: &str) -> Vec<u8> {
    document("UpdateJobStatusResult", |w| {
        w.leaf("JobId", id);
        w.leaf("Status", status);
        w.leaf_if("StatusUpdateReason", Some(reason).filter(|reason| !reason.is_empty()));
    })
}
