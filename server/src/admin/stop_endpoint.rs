//! StopEndpoint: no request to an endpoint begins until it is started, over restarts too.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{EndpointState, Refusals, StopReason};

use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName};
use crate::api::Api;

/// Stops an endpoint: no request to it begins until it is started
///
/// Requests in flight end. Jobs wait, and say why. It stays stopped over a restart.
#[utoipa::path(
    post,
    path = "/brigade/v1/endpoints/{endpoint}/stop",
    operation_id = "StopEndpoint",
    tag = "endpoints",
    params(("endpoint" = String, Path, description = "The endpoint's name in the configuration")),
    request_body = StopReason,
    responses(
        (status = 200, description = "The endpoint is stopped", body = EndpointState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(endpoint): PathName,
    JsonBody(why): JsonBody<StopReason>,
) -> Result<Done<EndpointState>, JsonRefusal> {
    api.endpoint_service.stop_endpoint(&caller, &endpoint, &why.reason).await?;
    Ok(Done(api.endpoint(&caller, &endpoint)?))
}
