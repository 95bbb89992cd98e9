//! CreateJob: the same request again gives the same job.

use brigade_model::Dialect;
use brigade_wire::s3control::{S3ControlError, create_job};

use super::auth::Authenticated;
use super::errors::Failure;
use super::options;
use crate::api::Api;
use crate::request::RequestHead;

pub(super) async fn answer(
    api: &Api,
    head: &RequestHead,
    by: &Authenticated,
    query: &[(String, String)],
    body: &[u8],
) -> Result<Vec<u8>, Failure> {
    create_job::decode_query(query)?;
    let mut spec = create_job::decode_request(body)?;
    spec.options = options::read(head)?;
    spec.check_options().map_err(|error| S3ControlError::invalid_option(error.to_string()))?;
    spec.confirmation_required.get_or_insert(api.rules.s3control_confirmation_required);
    let job = api.job_service.create_job_once(&by.caller, Dialect::S3Control, spec).await?;
    Ok(create_job::encode_result(job.id))
}
