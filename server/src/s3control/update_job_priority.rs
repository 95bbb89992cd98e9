//! UpdateJobPriority.

use brigade_service::ServiceError;
use brigade_wire::s3control::route::JobIdText;
use brigade_wire::s3control::update_job_priority;

use super::auth::Authenticated;
use super::errors::Failure;
use crate::api::Api;

pub(super) async fn answer(
    api: &Api,
    by: &Authenticated,
    id: &JobIdText,
    query: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    let priority = update_job_priority::decode_query(query)?;
    let id = id.id().ok_or(ServiceError::NoSuchJob)?;
    let job = api.job_service.set_job_priority(&by.caller, id, priority).await?;
    Ok(update_job_priority::encode_result(job.id, job.priority))
}
