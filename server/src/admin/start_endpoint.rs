//! StartEndpoint: the end of a stop: what waits goes on.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{EndpointState, Refusals};

use super::{AdminCaller, Done, JsonRefusal, PathName};
use crate::api::Api;

/// Starts an endpoint that was stopped
#[utoipa::path(
    post,
    path = "/brigade/v1/endpoints/{endpoint}/start",
    operation_id = "StartEndpoint",
    tag = "endpoints",
    params(("endpoint" = String, Path, description = "The endpoint's name in the configuration")),
    responses(
        (status = 200, description = "The endpoint is started", body = EndpointState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(endpoint): PathName,
) -> Result<Done<EndpointState>, JsonRefusal> {
    api.endpoint_service.start_endpoint(&caller, &endpoint).await?;
    Ok(Done(api.endpoint(&caller, &endpoint)?))
}
