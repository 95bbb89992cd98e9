//! DescribeJob.

use brigade_service::ServiceError;
use brigade_wire::s3control::describe_job;
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
    describe_job::decode_query(query)?;
    let id = id.id().ok_or(ServiceError::NoSuchJob)?;
    let job = api.job_service.describe_job(&by.caller, id).await?;
    let active = job.active_for(api.job_service.now().await?);
    Ok(describe_job::encode_result(&job, &by.arn(&api.rules.s3control_region, job.id), active))
}
