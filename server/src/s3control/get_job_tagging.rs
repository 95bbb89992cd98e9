//! GetJobTagging.

use brigade_service::ServiceError;
use brigade_wire::s3control::get_job_tagging;
use brigade_wire::s3control::route::JobIdText;

use super::auth::Authenticated;
use super::errors::Failure;
use crate::api::Api;

pub(super) async fn answer(
    api: &Api,
    by: &Authenticated,
    id: &JobIdText,
    query: &[(String, String)],
) -> Result<Vec<u8>, Failure> {
    get_job_tagging::decode_query(query)?;
    let id = id.id().ok_or(ServiceError::NoSuchJob)?;
    let job = api.job_service.find_job(&by.caller, id).await?;
    Ok(get_job_tagging::encode_result(&job.tags))
}
