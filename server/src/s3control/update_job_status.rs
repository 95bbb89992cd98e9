//! UpdateJobStatus: a confirmation (`Ready`) or a cancel. Which is legal in which status is the status table's to say;
//! what it forbids is a JobStatusException.

use brigade_service::ServiceError;
use brigade_wire::s3control::route::JobIdText;
use brigade_wire::s3control::update_job_status::{self, Requested};

use super::auth::Authenticated;
use super::errors::Failure;
use crate::api::Api;

pub(super) async fn answer(
    api: &Api,
    by: &Authenticated,
    id: &JobIdText,
    query: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    let (requested, reason) = update_job_status::decode_query(query)?;
    let id = id.id().ok_or(ServiceError::NoSuchJob)?;
    let job = match requested {
        Requested::Ready => api.job_service.confirm_job(&by.caller, id, &reason).await?,
        Requested::Cancelled => api.job_service.cancel_job(&by.caller, id, &reason).await?,
    };
    Ok(update_job_status::encode_result(job.id, job.status, &job.status_update_reason))
}
