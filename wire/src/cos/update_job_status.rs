//! UpdateJobStatus: `POST /jobs/<id>/status?requestedJobStatus=&statusUpdateReason=`.

use brigade_model::limits::STATUS_UPDATE_REASON_BYTES_MAX;
use brigade_model::{JobId, Status};

use super::fields::Fields;
use super::parameters::{Parameters, pair};
use super::{CosError, DecodeError, result};
use crate::xml::{Writer, is_xml_char};

const RESULT: &str = "UpdateJobStatusResult";

/// What a client may ask a job to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// Confirmed: run it.
    Ready,
    /// Cancelled.
    Cancelled,
}

impl Requested {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Requested::Ready => "Ready",
            Requested::Cancelled => "Cancelled",
        }
    }
}

/// Reads the query: what is requested, and the reason, possibly empty.
///
/// # Errors
/// `InvalidArgument` names the parameter that is wrong or missing.
pub fn decode_query(query: &[(String, String)]) -> Result<(Requested, String), CosError> {
    let parameters = Parameters::read(query, &["requestedJobStatus", "statusUpdateReason"])?;
    let requested = match parameters.one("requestedJobStatus", CosError::invalid_requested_status)? {
        Some("Ready") => Requested::Ready,
        Some("Cancelled") => Requested::Cancelled,
        Some(_) => return Err(CosError::invalid_requested_status()),
        None => return Err(CosError::no_requested_status()),
    };
    let reason = parameters.one("statusUpdateReason", CosError::invalid_status_reason)?.unwrap_or_default();
    if reason.len() > STATUS_UPDATE_REASON_BYTES_MAX || !reason.chars().all(is_xml_char) {
        return Err(CosError::invalid_status_reason());
    }
    Ok((requested, reason.to_owned()))
}

/// Writes the query.
#[must_use]
pub fn encode_query(requested: Requested, reason: &str) -> Vec<(String, String)> {
    let mut pairs = vec![pair("requestedJobStatus", requested.name())];
    if !reason.is_empty() {
        pairs.push(pair("statusUpdateReason", reason));
    }
    pairs
}

/// Writes a result: the status that the job has now, and why.
#[must_use]
pub fn encode_result(id: JobId, status: Status, reason: &str) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within(RESULT, |w| {
        w.leaf("JobId", id);
        w.leaf("Status", status);
        w.leaf("StatusUpdateReason", reason);
    });
    writer.finish()
}

/// A result as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatedStatus {
    /// Which job.
    pub id: JobId,
    /// The status that it has now.
    pub status: Status,
    /// Why, possibly empty.
    pub reason: String,
}

/// Reads a result.
///
/// # Errors
/// [`DecodeError`] when the body is none.
pub fn decode_result(body: &[u8]) -> Result<UpdatedStatus, DecodeError> {
    let root = result::parse(body, RESULT)?;
    let mut updated = Fields::lenient(&root)?;
    Ok(UpdatedStatus {
        id: result::job_id(&mut updated)?,
        status: result::status(&mut updated)?,
        reason: updated.text("StatusUpdateReason")?.unwrap_or_default().to_owned(),
    })
}
