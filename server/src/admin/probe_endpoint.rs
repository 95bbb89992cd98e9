//! ProbeEndpoint: what an endpoint can do, proved by its effects on a bucket, and from then on
//! believed.

use std::sync::Arc;

use axum::extract::State;
use brigade_model::BucketName;
use brigade_wire::admin::{ProbeRequest, ProbeResult, Refusals};

use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors};
use crate::api::Api;

/// Finds out what an endpoint can do
///
/// Each capability is written, acted on and read back in the bucket, which is left as it was. The findings are stored,
/// and take the place of what the endpoint's kind is known to do. They take effect at once. What is neither proved nor
/// known is not relied on. What could not be tried in this bucket stays as an earlier probe found it.
#[utoipa::path(
    post,
    path = "/brigade/v1/endpoints/{endpoint}/probe",
    operation_id = "ProbeEndpoint",
    tag = "endpoints",
    params(("endpoint" = String, Path, description = "The endpoint's name in the configuration")),
    request_body = ProbeRequest,
    responses(
        (status = 200, description = "What was found out", body = ProbeResult),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(endpoint): PathName,
    JsonBody(ProbeRequest { bucket }): JsonBody<ProbeRequest>,
) -> Result<Done<ProbeResult>, JsonRefusal> {
    let bucket = BucketName::new(&bucket).map_err(|why| errors::invalid("bucket", why))?;
    let probe = api.endpoint_service.probe_endpoint(&caller, &endpoint, bucket).await?;
    Ok(Done(ProbeResult::new(&endpoint, &probe)))
}
