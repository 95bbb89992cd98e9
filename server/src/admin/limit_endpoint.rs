//! LimitEndpoint: what all jobs together may ask of an endpoint, changed while they run.

use std::sync::Arc;

use axum::extract::State;
use brigade_wire::admin::{EndpointState, LimitsChange, Refusals};

use super::{AdminCaller, Done, JsonBody, JsonRefusal, PathName, errors};
use crate::api::Api;

/// Changes an endpoint's limits, within what the configuration allows
#[utoipa::path(
    post,
    path = "/brigade/v1/endpoints/{endpoint}/limit",
    operation_id = "LimitEndpoint",
    tag = "endpoints",
    params(("endpoint" = String, Path, description = "The endpoint's name in the configuration")),
    request_body = LimitsChange,
    responses(
        (status = 200, description = "The endpoint with its limits", body = EndpointState),
        Refusals,
    ),
)]
pub(super) async fn handle(
    State(api): State<Arc<Api>>,
    AdminCaller(caller): AdminCaller,
    PathName(endpoint): PathName,
    JsonBody(limits): JsonBody<LimitsChange>,
) -> Result<Done<EndpointState>, JsonRefusal> {
    if limits.is_empty() {
        return Err(errors::no_limits().into());
    }
    api.endpoint_service.limit_endpoint(&caller, &endpoint, |before| limits.of(before)).await?;
    Ok(Done(api.endpoint(&caller, &endpoint)?))
}
