//! DeleteJobTagging.

use brigade_service::ServiceError;
use brigade_wire::s3control::delete_job_tagging;
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
    delete_job_tagging::decode_query(query)?;
    let id = id.id().ok_or(ServiceError::NoSuchJob)?;
    api.job_service.set_job_tags(&by.caller, id, &[]).await?;
    Ok(delete_job_tagging::encode_result())
}
