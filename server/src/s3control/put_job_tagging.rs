//! PutJobTagging.

use brigade_service::ServiceError;
use brigade_wire::s3control::put_job_tagging;
use brigade_wire::s3control::route::JobIdText;

use super::auth::Authenticated;
use super::errors::Failure;
use crate::api::Api;

pub(super) async fn answer(
    api: &Api,
    by: &Authenticated,
    id: &JobIdText,
    query: &[(String, String)],
    body: &[u8],
) -> Result<Vec<u8>, Failure> {
    put_job_tagging::decode_query(query)?;
    let tags = put_job_tagging::decode_request(body)?;
    let id = id.id().ok_or(ServiceError::NoSuchJob)?;
    api.job_service.set_job_tags(&by.caller, id, &tags).await?;
    Ok(put_job_tagging::encode_result())
}
